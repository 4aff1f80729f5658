//! What leaves the house in another way: e-mails, and webhooks to the marketplace ([`crate::webhooks`]). A row is written
//! in the transaction of the fact that causes it, and delivered at least once.

use crate::Database;
use crate::booking_mail::BookingMail;
use crate::crypto::Place;
use crate::database::{read, write};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use simone_booking::id::ConflictId;
use simone_booking::{Locale, ProviderId};
use simone_sync::conflict;
use simone_sync::platform::Platform;
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// An e-mail to be sent. Its words are found when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    pub to: String,
    pub name: String,
    pub locale: Locale,
    pub kind: EmailKind,
}

/// What an e-mail says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EmailKind {
    /// A one-time link to log in with. The token is a secret.
    LoginLink {
        token: String,
    },
    NeedsReconnect {
        platform: Platform,
        account: String,
    },
    DisconnectAbandoned {
        platform: Platform,
        account: String,
    },
    /// Bookings do not get into the calendar that receives them.
    ExportsFailing {
        platform: Platform,
        account: String,
    },
    /// An operator invites a provider, or somebody to be an operator too. The token is a secret.
    Invitation {
        token: String,
        operator: bool,
    },
    /// Bookings and calendars contradict each other: how many contradictions were found at once, and of the first of
    /// them what it is about and when the booking begins, to be told in the provider's zone.
    Conflicts {
        count: usize,
        first: ConflictId,
        about: conflict::Kind,
        at: DateTime<Utc>,
        zone: Tz,
    },
    /// The account and everything in it is gone.
    Erased {
        /// The accounts whose platform could not be reached to end the grant.
        abandoned: Vec<(Platform, String)>,
        /// The other accounts that were disconnected with it: not every platform lets a program end its grant.
        #[serde(default)]
        disconnected: Vec<(Platform, String)>,
    },
    /// What became of a booking, to its client or its provider.
    Booking(Box<BookingMail>),
}

/// An e-mail that is due.
#[derive(Clone, Debug)]
pub struct Due {
    pub id: Uuid,
    pub email: Email,
    pub attempts: i64,
}

/// In which way something leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Email,
    Webhook,
}

impl Channel {
    const fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }

    /// What nobody tried to deliver for this long, although it was due, is of a copy that was restored, or of a product
    /// that stood still. An e-mail has left long ago then, or is no longer of use; a marketplace wants to know all the
    /// same what has become of its bookings.
    const fn too_late(self) -> TimeDelta {
        match self {
            Self::Email => TimeDelta::days(1),
            Self::Webhook => TimeDelta::days(14),
        }
    }
}

/// Where a delivery's message is sealed.
pub(crate) fn message_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "deliveries", column: "message", row }
}

/// Queues an e-mail in the transaction of the fact that causes it. With a provider it goes when they do.
macro_rules! enqueue_to {
    ($db:expr, $conn:ident, $provider:expr, $cause:expr, $email:expr, $now:expr) => {{
        let (id, provider): (uuid::Uuid, Option<uuid::Uuid>) = ($db.ids.id(), $provider);
        sqlx::query(
            "INSERT INTO deliveries (id, cause, channel, provider_id, message, next_at, created_at)
             VALUES ($1, $2, 'email', $3, $4, $5, $5) ON CONFLICT (cause) DO NOTHING",
        )
        .bind(id)
        .bind($cause)
        .bind(provider)
        .bind($db.seal_email($cause.as_ref(), &$email))
        .bind($now)
        .execute(&mut *$conn)
        .await?;
    }};
}

/// Queues an e-mail to the provider in the transaction of the fact that causes it. Whoever is being erased gets but the
/// last one, when all is gone.
macro_rules! enqueue {
    ($db:expr, $conn:ident, $provider:expr, $cause:expr, $kind:expr, $now:expr) => {{
        let to: Option<(String, String, String)> = sqlx::query_as(
            "SELECT email, name, locale FROM providers WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind($provider.0)
        .fetch_optional(&mut *$conn)
        .await?;
        if let Some((to, name, locale)) = to {
            let locale = locale.parse().unwrap_or_default();
            let email = $crate::deliveries::Email { to, name, locale, kind: $kind };
            $crate::deliveries::enqueue_to!($db, $conn, Some($provider.0), $cause, email, $now);
        }
    }};
}

pub(crate) use {enqueue, enqueue_to};

impl Database {
    pub(crate) fn seal_email(&self, cause: &str, email: &Email) -> Vec<u8> {
        let plain = serde_json::to_vec(email).expect("an e-mail is plain strings");
        self.seal_message(cause, &plain)
    }

    pub(crate) fn seal_message(&self, cause: &str, plain: &[u8]) -> Vec<u8> {
        self.keys.seal(message_place(&[cause.as_bytes()]), plain)
    }

    /// The e-mails that are due. What is returned is not due again for a minute, so that two processes do not
    /// send it at once.
    pub async fn due_emails(&self, now: DateTime<Utc>, limit: i64) -> StoreResult<Vec<Due>> {
        let due = self.due(Channel::Email, now, limit).await?;
        Ok(due.into_iter().map(|(id, email, attempts)| Due { id, email, attempts }).collect())
    }

    /// What is due of one channel: its id, what it says, and the attempts with this one. It is not due again for a minute.
    pub(crate) async fn due<T: DeserializeOwned>(
        &self,
        channel: Channel,
        now: DateTime<Utc>,
        limit: i64,
    ) -> StoreResult<Vec<(Uuid, T, i64)>> {
        let any: bool = read!(self, |conn| {
            Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE delivered_at IS NULL AND next_at <= $1 AND channel = $2)"
        )
        .bind(now)
        .bind(channel.code())
        .fetch_one(&mut *conn)
        .await?)
        })?;
        if !any {
            return Ok(Vec::new());
        }
        let (late, rows) = write!(self, |conn| {
            let late = sqlx::query(
                "UPDATE deliveries SET next_at = NULL, last_error = 'too late'
                 WHERE delivered_at IS NULL AND next_at <= $1 AND channel = $2",
            )
            .bind(now - channel.too_late())
            .bind(channel.code())
            .execute(&mut *conn)
            .await?
            .rows_affected();
            let rows: Vec<(Uuid, String, Vec<u8>, i64)> = sqlx::query_as(
                "UPDATE deliveries SET attempts = attempts + 1, next_at = $2
                 WHERE delivered_at IS NULL AND next_at <= $1 AND id IN (
                    SELECT id FROM deliveries WHERE delivered_at IS NULL AND next_at <= $1 AND channel = $4
                    ORDER BY next_at, id LIMIT $3)
                 RETURNING id, cause, message, attempts",
            )
            .bind(now)
            .bind(now + TimeDelta::minutes(1))
            .bind(limit)
            .bind(channel.code())
            .fetch_all(&mut *conn)
            .await?;
            Ok((late, rows))
        })?;
        if late > 0 {
            let channel = channel.code();
            tracing::warn!(channel, deliveries = late, "what has been due for too long is dropped");
        }
        let mut due = Vec::with_capacity(rows.len());
        for (id, cause, message, attempts) in rows {
            let opened = self.keys.open(message_place(&[cause.as_bytes()]), &message);
            match opened.ok().and_then(|plain| serde_json::from_slice(&plain).ok()) {
                Some(said) => due.push((id, said, attempts)),
                None => {
                    tracing::error!(delivery = %id, "what is to be delivered cannot be opened, and is given up");
                    self.settle_delivery(id, now, None, Some("cannot be opened")).await?;
                }
            }
        }
        Ok(due)
    }

    /// Notes that something was delivered (neither a next time nor an error), is to be tried again, or is given up.
    pub async fn settle_delivery(
        &self,
        id: Uuid,
        now: DateTime<Utc>,
        next_at: Option<DateTime<Utc>>,
        error: Option<&str>,
    ) -> StoreResult<()> {
        let delivered_at = (next_at.is_none() && error.is_none()).then_some(now);
        write!(self, |conn| {
            sqlx::query(
                "UPDATE deliveries SET delivered_at = $2, next_at = $3, last_error = $4
                 WHERE id = $1 AND delivered_at IS NULL",
            )
            .bind(id)
            .bind(delivered_at)
            .bind(next_at)
            .bind(error)
            .execute(&mut *conn)
            .await?;
            Ok(())
        })
    }

    /// Queues an e-mail to a provider. A cause that was told already is not told again.
    pub async fn send_email(
        &self,
        provider: ProviderId,
        cause: &str,
        kind: EmailKind,
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        write!(self, |conn| {
            enqueue!(self, conn, provider, cause, kind, now);
            Ok(())
        })
    }

    /// The e-mails queued last, newest first, whether they have left or not.
    pub async fn latest_emails(&self, limit: i64) -> StoreResult<Vec<Email>> {
        let rows: Vec<(String, Vec<u8>)> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT cause, message FROM deliveries WHERE channel = 'email' ORDER BY created_at DESC, id DESC LIMIT $1"
        )
        .bind(limit)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        let open = |(cause, message): &(String, Vec<u8>)| {
            let plain = self.keys.open(message_place(&[cause.as_bytes()]), message).ok()?;
            serde_json::from_slice(&plain).ok()
        };
        Ok(rows.iter().filter_map(open).collect())
    }
}
