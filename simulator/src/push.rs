//! Delivering push messages: after each request, whatever is due on a channel of Google's (8.2) or a subscription of
//! Graph's (8.3) is sent.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use serde::Serialize;

use crate::clock::pause;
use crate::faults::{Fault, Kind, Subject};
use crate::google::channels::Message;
use crate::microsoft::subscriptions::due;
use crate::simulator::{Simulator, World};

const AGENT: &str = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)";

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Older entries are forgotten.
const KEPT: usize = 5_000;

/// What was sent, for tests that look at it. Tokens never enter it.
#[derive(Default)]
pub(crate) struct Deliveries(VecDeque<Delivery>);

#[derive(Clone, Serialize)]
pub(crate) struct Delivery {
    pub platform: &'static str,
    /// In the simulator's time.
    pub at: DateTime<Utc>,
    /// A channel's or subscription's id.
    pub channel: String,
    pub resource_id: String,
    /// Of a notification of Graph's the kind of change, or of the subscription's own event.
    pub state: &'static str,
    /// `X-Goog-Message-Number`; 0 with Graph, which does not count.
    pub number: u64,
    pub account: String,
    /// From 1; a message that a fault lost has none.
    pub tries: u32,
    /// The receiver's last answer; `null`: there was none.
    pub status: Option<u16>,
}

impl Deliveries {
    pub fn list(&self) -> Vec<Delivery> {
        self.0.iter().cloned().collect()
    }
}

enum Outgoing {
    Google(Message),
    Outlook(due::Message),
}

impl Outgoing {
    /// What the log notes of it.
    fn noted(&self, at: DateTime<Utc>, tries: u32, status: Option<u16>) -> Vec<Delivery> {
        match self {
            Outgoing::Google(message) => vec![Delivery {
                platform: "google",
                at,
                channel: message.channel.id.clone(),
                resource_id: message.channel.resource_id(),
                state: message.state,
                number: message.channel.number,
                account: message.channel.account.clone(),
                tries,
                status,
            }],
            Outgoing::Outlook(message) => {
                let noted = |notice: &due::Notice| Delivery {
                    platform: "outlook",
                    at,
                    channel: notice.subscription.clone(),
                    resource_id: notice.resource.clone(),
                    state: notice.what,
                    number: 0,
                    account: notice.account.clone(),
                    tries,
                    status,
                };
                message.notices.iter().map(noted).collect()
            }
        }
    }

    async fn send(&self, client: &reqwest::Client) -> Option<u16> {
        match self {
            Outgoing::Google(message) => send(client, message).await,
            Outgoing::Outlook(message) => notify(client, message).await,
        }
    }

    /// Google tries again what found trouble (8.2), Graph whatever was not answered with success (8.3).
    fn again(&self, status: Option<u16>) -> bool {
        match self {
            Outgoing::Google(_) => matches!(status, None | Some(500 | 502 | 503 | 504)),
            Outgoing::Outlook(_) => !status.is_some_and(|status| (200..300).contains(&status)),
        }
    }
}

/// How one message goes out.
struct Plan {
    message: Outgoing,
    /// How often it is delivered: a fault can lose or double it.
    copies: u32,
    late: Duration,
    retries: u32,
    retry: Duration,
}

pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    // A second simulator in the same process has installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE)
    };
    // On a machine without certificates, messages to this machine still go out.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only(std::iter::empty::<reqwest::Certificate>()).build())
}

/// Sends what is due after a request, whoever made it.
pub(crate) async fn tell(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    send_due(&simulator);
    response
}

/// Sends what is due now.
pub(crate) fn send_due(simulator: &Arc<Simulator>) {
    let plans = {
        let mut world = simulator.world();
        let now = world.now();
        let World { google, microsoft, rng, .. } = &mut *world;
        let (channels, subscriptions) = (google.due_messages(now, rng), microsoft.due_messages(now));
        let mut plans: Vec<Plan> = channels.into_iter().map(|message| plan(&mut world, message)).collect();
        for message in subscriptions {
            plans.extend(plan_outlook(&mut world, message));
        }
        plans
    };
    for plan in plans {
        let delivery = deliver(Arc::downgrade(simulator), simulator.client().clone(), plan);
        simulator.run(delivery);
    }
}

fn plan(world: &mut World, message: Message) -> Plan {
    let struck = world.faults.strike(&Subject {
        method: "POST",
        path: &message.channel.resource.path(),
        query: "",
        account: Some(&message.channel.account),
        calendar: message.channel.resource.calendar(),
        push: true,
    });
    let settings = &world.google.settings;
    let (retries, retry) = (settings.push_retries, settings.push_retry_ms);
    planned(Outgoing::Google(message), &struck, retries, retry)
}

/// A fault strikes notices one by one, so that a message may go out without some of them, or in parts.
fn plan_outlook(world: &mut World, message: due::Message) -> Vec<Plan> {
    let settings = &world.microsoft.settings;
    let (retries, retry) = (settings.push_retries, settings.push_retry_ms);
    let mut plans = Vec::new();
    let mut together = Vec::new();
    for notice in message.notices {
        let struck = world.faults.strike(&Subject {
            method: "POST",
            path: &format!("/{}", notice.resource.trim_start_matches('/')),
            query: "",
            account: Some(&notice.account),
            calendar: notice.calendar.as_deref(),
            push: true,
        });
        if struck.is_empty() {
            together.push(notice);
            continue;
        }
        let alone = due::Message { address: message.address.clone(), notices: vec![notice] };
        plans.push(planned(Outgoing::Outlook(alone), &struck, retries, retry));
    }
    if !together.is_empty() {
        let rest = due::Message { address: message.address, notices: together };
        plans.push(planned(Outgoing::Outlook(rest), &[], retries, retry));
    }
    plans
}

fn planned(message: Outgoing, struck: &[Fault], retries: u32, retry_ms: u64) -> Plan {
    let has = |kind: Kind| struck.iter().any(|fault| fault.kind == kind);
    let late = struck.iter().filter(|fault| fault.kind == Kind::PushLate).filter_map(|fault| fault.ms);
    let late = late.fold(0, u64::saturating_add);
    Plan {
        message,
        copies: if has(Kind::PushLost) { 0 } else { 1 + u32::from(has(Kind::PushTwice)) },
        late: Duration::from_millis(late),
        retries,
        retry: Duration::from_millis(retry_ms),
    }
}

/// Tries until the receiver gives an answer that ends it, or too often.
async fn deliver(simulator: Weak<Simulator>, client: reqwest::Client, plan: Plan) {
    pause(plan.late).await;
    let note = |tries: u32, status: Option<u16>| {
        if let Some(simulator) = simulator.upgrade() {
            let mut world = simulator.world();
            let at = world.now();
            let kept = &mut world.deliveries.0;
            kept.extend(plan.message.noted(at, tries, status));
            while kept.len() > KEPT {
                kept.pop_front();
            }
        }
    };
    if plan.copies == 0 {
        note(0, None);
    }
    for _ in 0..plan.copies {
        let mut wait = plan.retry;
        for tries in 1.. {
            let status = plan.message.send(&client).await;
            if !plan.message.again(status) || tries > plan.retries {
                note(tries, status);
                break;
            }
            pause(wait).await;
            wait = wait.saturating_mul(2);
        }
    }
}

async fn notify(client: &reqwest::Client, message: &due::Message) -> Option<u16> {
    let items: Vec<_> = message.notices.iter().map(|notice| &notice.body).collect();
    let sent = client.post(&message.address).json(&serde_json::json!({"value": items})).send().await;
    match sent {
        Ok(response) => Some(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a notification found no receiver");
            None
        }
    }
}

async fn send(client: &reqwest::Client, message: &Message) -> Option<u16> {
    let channel = &message.channel;
    let mut request = client
        .post(&channel.address)
        .header(USER_AGENT, AGENT)
        .header(CONTENT_TYPE, "application/json; utf-8")
        .header(CONTENT_LENGTH, "0")
        .header("X-Goog-Channel-ID", &channel.id)
        .header("X-Goog-Channel-Expiration", channel.expires.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .header("X-Goog-Resource-ID", channel.resource_id())
        .header("X-Goog-Resource-URI", &channel.uri)
        .header("X-Goog-Resource-State", message.state)
        .header("X-Goog-Message-Number", channel.number.to_string());
    if let Some(token) = &channel.token {
        request = request.header("X-Goog-Channel-Token", token);
    }
    match request.send().await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(error = %error.without_url(), "a push message found no receiver");
            None
        }
    }
}
