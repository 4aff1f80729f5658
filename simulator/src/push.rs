//! Delivering push messages (8.2): after each request, whatever is due on a channel is sent.

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
use crate::faults::{Kind, Subject};
use crate::google::channels::Message;
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
    /// In the simulator's time.
    pub at: DateTime<Utc>,
    pub channel: String,
    pub resource_id: String,
    pub state: &'static str,
    /// `X-Goog-Message-Number`.
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

/// How one message goes out.
struct Plan {
    message: Message,
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
    let plans = {
        let mut world = simulator.world();
        let now = world.now();
        let World { google, rng, .. } = &mut *world;
        let due = google.due_messages(now, rng);
        due.into_iter().map(|message| plan(&mut world, message)).collect::<Vec<_>>()
    };
    for plan in plans {
        let delivery = deliver(Arc::downgrade(&simulator), simulator.client().clone(), plan);
        simulator.run(delivery);
    }
    response
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
    let has = |kind: Kind| struck.iter().any(|fault| fault.kind == kind);
    let late = struck.iter().filter(|fault| fault.kind == Kind::PushLate).filter_map(|fault| fault.ms);
    let late = late.fold(0, u64::saturating_add);
    let settings = &world.google.settings;
    Plan {
        message,
        copies: if has(Kind::PushLost) { 0 } else { 1 + u32::from(has(Kind::PushTwice)) },
        late: Duration::from_millis(late),
        retries: settings.push_retries,
        retry: Duration::from_millis(settings.push_retry_ms),
    }
}

/// Tries until the receiver gives an answer that ends it: only 500, 502, 503, 504 and no answer at all are tried
/// again (8.2).
async fn deliver(simulator: Weak<Simulator>, client: reqwest::Client, plan: Plan) {
    pause(plan.late).await;
    let note = |tries: u32, status: Option<u16>| {
        if let Some(simulator) = simulator.upgrade() {
            let mut world = simulator.world();
            let at = world.now();
            let channel = &plan.message.channel;
            world.deliveries.0.push_back(Delivery {
                at,
                channel: channel.id.clone(),
                resource_id: channel.resource_id(),
                state: plan.message.state,
                number: channel.number,
                account: channel.account.clone(),
                tries,
                status,
            });
            if world.deliveries.0.len() > KEPT {
                world.deliveries.0.pop_front();
            }
        }
    };
    if plan.copies == 0 {
        note(0, None);
    }
    for _ in 0..plan.copies {
        let mut wait = plan.retry;
        for tries in 1.. {
            let status = send(&client, &plan.message).await;
            let again = matches!(status, None | Some(500 | 502 | 503 | 504));
            if !again || tries > plan.retries {
                note(tries, status);
                break;
            }
            pause(wait).await;
            wait = wait.saturating_mul(2);
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
