//! A marketplace's end of the webhooks: verifies what it is sent, by the letter of the standard, and behaves as told.

use super::now;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What the next message gets.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    Answer(u16),
    /// Answers nothing, ever.
    Hang,
    /// Elsewhere on this receiver.
    Redirect,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub raw: String,
    pub body: Value,
    /// At the address to which a redirection leads.
    pub elsewhere: bool,
}

#[derive(Clone, Default)]
struct Heard {
    messages: Arc<Mutex<Vec<Message>>>,
    next: Arc<Mutex<VecDeque<Behaviour>>>,
}

pub struct Receiver {
    pub url: String,
    heard: Heard,
}

impl Receiver {
    pub async fn start() -> Self {
        let heard = Heard::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/hook", post(hear))
            .route("/elsewhere", post(hear_elsewhere).get(hear_elsewhere))
            .with_state(heard.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heard }
    }

    /// Before all others that are still to come.
    pub fn next(&self, behaviours: &[Behaviour]) {
        self.heard.next.lock().unwrap().extend(behaviours);
    }

    /// All that was sent so far, whatever became of it.
    pub fn messages(&self) -> Vec<Message> {
        self.heard.messages.lock().unwrap().clone()
    }

    pub fn types(&self) -> Vec<String> {
        self.messages().iter().map(|it| it.body["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) -> Response {
    note(&heard, &headers, &body, false);
    let behaviour = heard.next.lock().unwrap().pop_front();
    match behaviour.unwrap_or(Behaviour::Answer(204)) {
        Behaviour::Answer(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Behaviour::Redirect => Redirect::temporary("/elsewhere").into_response(),
        Behaviour::Hang => std::future::pending().await,
    }
}

async fn hear_elsewhere(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) -> StatusCode {
    note(&heard, &headers, &body, true);
    StatusCode::OK
}

fn note(heard: &Heard, headers: &HeaderMap, body: &Bytes, elsewhere: bool) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let raw = String::from_utf8(body.to_vec()).unwrap();
    let (id, timestamp, signature) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let age = now().timestamp() - timestamp.parse::<i64>().unwrap();
    assert!((-2..300).contains(&age), "sent {age} seconds ago");
    let secret = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    mac.update(format!("{id}.{timestamp}.{raw}").as_bytes());
    let given = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
    mac.verify_slice(&given).unwrap();
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(body["id"], id);
    heard.messages.lock().unwrap().push(Message { id, raw, body, elsewhere });
}
