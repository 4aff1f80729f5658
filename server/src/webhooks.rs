//! Webhooks: what the marketplace is told of bookings and conflicts, signed as [Standard Webhooks] has it.
//!
//! A message says what happened to which id, and nothing personal. It is sent at least once, always with the same id and
//! the same body; messages may overtake each other, and a booking's `revision` tells which is the later one.
//!
//! [Standard Webhooks]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use crate::config::WebhooksConfig;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret as _, SecretBox};
use serde_json::{Value, json};
use sha2::Sha256;
use simone_booking::Clock;
use simone_store::Database;
use simone_store::webhooks::{DueWebhook, Told, Webhook};
use simone_sync::ports::StoreError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::{Host, Url};

/// In which the receiver has to answer; well under the minute for which a message is handed out.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Messages under way at once: one that is not answered holds up few others, and for seconds only.
const AT_ONCE: i64 = 8;

/// What a secret begins with, by the standard.
const SECRET_PREFIX: &str = "whsec_";

/// In bytes, by the standard.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The pauses after the first failures, in seconds; from then on the last of them.
const PAUSES: [i64; 9] = [5, 30, 2 * 60, 10 * 60, 30 * 60, 3_600, 2 * 3_600, 4 * 3_600, 8 * 3_600];

/// A message that failed this often, over more than three days, is given up.
const MOST_ATTEMPTS: i64 = 18;

/// Sends webhooks to the one receiver of this installation.
pub(crate) struct Messenger {
    client: reqwest::Client,
    url: Url,
    secret: SecretBox<Vec<u8>>,
}

impl WebhooksConfig {
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let is_here = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => bail!("`webhooks.url` must be an https address"),
        };
        match self.url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => bail!("`webhooks.url` must be an https address, since it leads to another machine"),
            _ => bail!("`webhooks.url` must be an https address"),
        }
        self.secret().map(drop)
    }

    fn secret(&self) -> anyhow::Result<SecretBox<Vec<u8>>> {
        let text = self.secret.expose_secret().trim();
        let bytes = STANDARD
            .decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text))
            .ok()
            .filter(|bytes| SECRET_LENGTHS.contains(&bytes.len()))
            .context("`webhooks.secret` is not `whsec_` and the base64 of 24 to 64 bytes")?;
        Ok(SecretBox::new(Box::new(bytes)))
    }
}

impl Messenger {
    pub(crate) fn new(config: &WebhooksConfig) -> anyhow::Result<Self> {
        simone_platforms::tls::install();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // What is signed for one address is for no other.
            .redirect(Policy::none())
            .build()
            .context("webhooks cannot be sent from here")?;
        Ok(Self { client, url: config.url.clone(), secret: config.secret()? })
    }

    /// Sends what is due. A stop interrupts what is under way; it is due again within a minute.
    pub(crate) async fn deliver(
        &self,
        database: &Database,
        clock: &dyn Clock,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        loop {
            let due = database.due_webhooks(clock.now(), AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            let sent = join_all(due.iter().map(|due| self.send(due, clock.now())));
            let sent = tokio::select! {
                sent = sent => sent,
                () = stop.cancelled() => return Ok(()),
            };
            let now = clock.now();
            for (due, sent) in due.iter().zip(sent) {
                let (next, reason) = match &sent {
                    Ok(()) => (None, None),
                    Err(reason) => (next_attempt(due.attempts, now), Some(reason.as_str())),
                };
                if let Some(reason) = reason {
                    let (attempts, given_up) = (due.attempts, next.is_none());
                    tracing::warn!(delivery = %due.id, attempts, given_up, reason, "a webhook was not taken");
                }
                database.settle_delivery(due.id, now, next, reason).await?;
            }
        }
    }

    /// Any 2xx says that it was taken; what else the receiver answers is not read.
    async fn send(&self, due: &DueWebhook, now: DateTime<Utc>) -> Result<(), String> {
        let id = message_id(due);
        let timestamp = now.timestamp().to_string();
        let body = body(&id, &due.told).to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header(USER_AGENT, concat!("Simone/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(self.secret.expose_secret(), &id, &timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("the receiver answers {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => Err("the receiver does not answer in time".to_owned()),
            Err(_) => Err("the receiver cannot be reached".to_owned()),
        }
    }
}

/// When what has failed this many times is tried again; `None`: it is given up.
fn next_attempt(attempts: i64, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let pause = usize::try_from(attempts - 1).ok().and_then(|index| PAUSES.get(index));
    let pause = *pause.or(PAUSES.last())?;
    (attempts < MOST_ATTEMPTS).then(|| now + TimeDelta::seconds(pause))
}

fn message_id(due: &DueWebhook) -> String {
    format!("msg_{}", due.id.simple())
}

/// The same in each attempt, to the byte: only what was stored goes into it.
fn body(id: &str, told: &Told) -> Value {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let mut data = json!({ "provider": told.provider });
    match &told.webhook {
        Webhook::Booking { booking, .. } => {
            data["booking"] = json!({
                "id": booking.id,
                "status": booking.status,
                "start": instant(booking.start),
                "end": instant(booking.end),
                "revision": booking.revision,
            });
        }
        Webhook::Conflict { opened, conflict } => {
            data["conflict"] = json!({
                "id": conflict.id,
                "kind": conflict.kind,
                "status": if *opened { "open" } else { "closed" },
                "resolution": conflict.resolution,
                "booking": conflict.booking,
            });
        }
    }
    json!({ "id": id, "type": told.webhook.code(), "at": instant(told.at), "data": data })
}

/// Over the id, the time and the body, so that none of them can be replaced.
fn signature(secret: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length will do");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use simone_booking::booking::{ChangeKind, Status};
    use simone_store::webhooks::BookingState;
    use uuid::Uuid;

    /// The example of the standard's own libraries.
    #[test]
    fn a_signature_is_the_standard_s() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let said =
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(said, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_message_is_told_for_three_days_and_then_given_up() {
        let first: DateTime<Utc> = "2026-01-13T17:00:00Z".parse().unwrap();
        let (mut at, mut attempts) = (first, 1);
        while let Some(next) = next_attempt(attempts, at) {
            assert!(next > at);
            (at, attempts) = (next, attempts + 1);
        }
        assert_eq!(next_attempt(1, first), Some(first + TimeDelta::seconds(5)));
        assert!(at - first > TimeDelta::days(3) && at - first < TimeDelta::days(4), "{}", at - first);
    }

    #[test]
    fn a_message_says_what_happened_and_nothing_else() {
        let at: DateTime<Utc> = "2026-01-13T17:00:00.5Z".parse().unwrap();
        let id = Uuid::from_u128(7);
        let booking = BookingState {
            id: id.into(),
            status: Status::Confirmed,
            start: at,
            end: at + TimeDelta::hours(1),
            revision: 2,
        };
        let webhook = Webhook::Booking { kind: ChangeKind::Moved, booking };
        let said = body("msg_x", &Told { provider: id.into(), at, webhook });
        assert_eq!(
            said,
            json!({
                "id": "msg_x",
                "type": "booking.moved",
                "at": "2026-01-13T17:00:00.500Z",
                "data": {
                    "provider": id,
                    "booking": {
                        "id": id, "status": "confirmed", "start": "2026-01-13T17:00:00.500Z",
                        "end": "2026-01-13T18:00:00.500Z", "revision": 2,
                    },
                },
            })
        );
    }
}
