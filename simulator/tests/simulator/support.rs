//! A running simulator and a client for it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use simone_simulator::{Options, Running, start};

use crate::schema;

pub const ANA: &str = "ana@example.test";
pub const BEN: &str = "ben@example.test";

/// A Friday, before the clocks change in spring.
pub const NOW: &str = "2027-03-19T08:00:00Z";

pub struct Sim {
    running: Running,
    pub http: reqwest::Client,
    /// Ana's access token, for everything.
    pub token: String,
    /// The API's methods that have answered.
    pub answered: Mutex<BTreeSet<String>>,
}

pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Sim {
    /// Frozen at `NOW`, with Ana, whose primary calendar is in Paris and empty.
    pub async fn start() -> Sim {
        let mut sim = Sim::with(Options { now: Some(instant(NOW)), seed: 7, ..Options::default() }).await;
        sim.token = sim.account(ANA).await;
        sim
    }

    pub async fn with(options: Options) -> Sim {
        // A second test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Sim { running: start(options).await.unwrap(), http, token: String::new(), answered: Mutex::default() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.base_url())
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// Adds an account; its access token.
    pub async fn account(&self, email: &str) -> String {
        let added = self.control("accounts", json!({"email": email, "zone": "Europe/Paris"})).await;
        added["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let reply = self.http.post(self.url(&format!("/_control/{path}"))).json(&body).send().await.unwrap();
        let status = reply.status();
        let body: Value = reply.json().await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn observe(&self, path: &str) -> Value {
        self.http.get(self.url(&format!("/_control/{path}"))).send().await.unwrap().json().await.unwrap()
    }

    /// An edit by Ana's hand on her primary calendar, unless it says otherwise.
    pub async fn edit(&self, mut edit: Value) -> Value {
        if edit.get("account").is_none() {
            edit["account"] = ANA.into();
        }
        self.control("edits", edit).await
    }

    pub async fn add(&self, event: Value) -> String {
        let done = self.edit(json!({"do": "add_event", "event": event, "unchecked": true})).await;
        done["event"]["id"].as_str().unwrap().to_owned()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(&format!("/calendar/v3{path}"))).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Reply {
        let reply = reply(self.request(Method::GET, path).send().await.unwrap()).await;
        self.check("GET", path, &reply);
        reply
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        let reply = reply(self.request(method.clone(), path).json(&body).send().await.unwrap()).await;
        self.check(method.as_str(), path, &reply);
        reply
    }

    /// Whatever the API answers fits Google's description of the method.
    fn check(&self, http_method: &str, path: &str, reply: &Reply) {
        if let Some(method) = schema::check(http_method, path, reply) {
            self.answered.lock().unwrap().insert(method);
        }
    }

    /// A listing of Ana's primary calendar that must succeed, all pages of it: the items and the sync token.
    pub async fn list(&self, query: &str) -> (Vec<Value>, Option<String>) {
        self.list_of("primary", query).await
    }

    pub async fn list_of(&self, calendar: &str, query: &str) -> (Vec<Value>, Option<String>) {
        let mut items = Vec::new();
        let mut page = String::new();
        loop {
            let reply = self.get(&format!("/calendars/{calendar}/events?{query}{page}")).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            items.extend(reply.body["items"].as_array().unwrap().clone());
            match reply.body["nextPageToken"].as_str() {
                Some(token) => {
                    assert!(reply.body.get("nextSyncToken").is_none(), "a sync token before the last page");
                    page = format!("&pageToken={token}");
                }
                None => return (items, reply.body["nextSyncToken"].as_str().map(str::to_owned)),
            }
        }
    }
}

pub async fn reply(response: Response) -> Reply {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Reply { status, headers, body }
}

impl Reply {
    /// The reason of an API error.
    pub fn reason(&self) -> &str {
        self.body["error"]["errors"][0]["reason"].as_str().unwrap_or_default()
    }
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn timed(summary: &str, start: &str, end: &str) -> Value {
    json!({
        "summary": summary,
        "start": {"dateTime": start, "timeZone": "Europe/Paris"},
        "end": {"dateTime": end, "timeZone": "Europe/Paris"},
    })
}

/// Each Tuesday 18:00 in Paris, from 2 March 2027.
pub fn yoga() -> Value {
    let mut event = timed("Yoga", "2027-03-02T18:00:00", "2027-03-02T19:00:00");
    event["recurrence"] = json!(["RRULE:FREQ=WEEKLY;BYDAY=TU"]);
    event
}

pub fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

pub fn starts(items: &[Value]) -> Vec<&str> {
    let start = |item: &Value, name: &str| item["start"].get(name).is_some();
    items
        .iter()
        .map(|item| {
            item["start"][if start(item, "date") { "date" } else { "dateTime" }].as_str().unwrap_or("-")
        })
        .collect()
}
