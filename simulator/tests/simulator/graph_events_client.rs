//! A client of Graph's mailbox.

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::Options;

use crate::graph_support::Asking;
use crate::support::{NOW, Reply, Sim, instant};

pub const EVA: &str = "eva@contoso.test";
pub const MAX: &str = "max@contoso.test";

/// Where the window of most tests lies: the spring around `NOW`.
pub const SPRING: &str = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-06-01T00:00:00Z";

pub const PROPERTY: &str = "String {66f5a359-4659-4638-81a3-d1d2b2f5c5b4} Name OriginKey";

pub struct Mail {
    pub sim: Sim,
    pub token: String,
    /// `Prefer`, on each request.
    pub prefer: Vec<String>,
}

impl Mail {
    /// Eva's mailbox, in Paris, without pages that are empty at random.
    pub async fn start() -> Mail {
        Mail::with(Options { now: Some(instant(NOW)), seed: 7, ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Mail {
        let sim = Sim::with(options).await;
        let token = added(&sim, EVA, json!({})).await;
        let mail = Mail { sim, token, prefer: Vec::new() };
        mail.switch(json!({"empty_first_page": "never"})).await;
        mail
    }

    /// Another account; its token.
    pub async fn add(&self, email: &str, more: Value) -> String {
        added(&self.sim, email, more).await
    }

    /// At another time, with a token that is good then.
    pub async fn later(self, now: &str) -> Mail {
        self.sim.control("clock", json!({"now": now})).await;
        Mail { token: self.add(EVA, json!({})).await, ..self }
    }

    pub async fn switch(&self, switches: Value) {
        self.sim.control("settings", json!({"microsoft": switches})).await;
    }

    pub fn preferring(mut self, prefer: &str) -> Mail {
        self.prefer.push(prefer.to_owned());
        self
    }

    pub fn request(&self, method: Method, path: &str) -> Asking<'_> {
        let mut request = self.sim.unsigned(method, path).signed(&self.token);
        for prefer in &self.prefer {
            request = request.header("prefer", prefer);
        }
        request
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.request(Method::GET, path).send().await
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        self.request(method, path).json(&body).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.request(Method::DELETE, path).send().await
    }

    /// A new event of the default calendar.
    pub async fn made(&self, event: Value) -> Value {
        let reply = self.post("/me/events", event).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body
    }

    /// All pages of a listing, which must succeed.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        self.pages(path).await.concat()
    }

    pub async fn pages(&self, path: &str) -> Vec<Vec<Value>> {
        let (pages, last) = self.round(path).await;
        assert!(last.is_empty(), "a listing has no delta link");
        pages
    }

    /// All pages, and the delta link at the end of the last one.
    pub async fn round(&self, path: &str) -> (Vec<Vec<Value>>, String) {
        let (mut pages, mut next) = (Vec::new(), path.to_owned());
        loop {
            let reply = self.get(&next).await;
            assert_eq!(reply.status, 200, "{next}: {}", reply.body);
            pages.push(reply.body["value"].as_array().unwrap().clone());
            let link = |name: &str| reply.body[name].as_str().map(str::to_owned);
            match (link("@odata.nextLink"), link("@odata.deltaLink")) {
                (Some(link), None) => next = link,
                (None, delta) => return (pages, delta.unwrap_or_default()),
                (Some(_), Some(_)) => panic!("two links on a page"),
            }
        }
    }

    /// By Eva's hand, unless it says otherwise.
    pub async fn edit(&self, mut edit: Value) -> Value {
        if edit.get("account").is_none() {
            edit["account"] = EVA.into();
        }
        self.sim.control("edits", edit).await
    }

    /// The id of a new calendar of Eva's.
    pub async fn calendar(&self, name: &str) -> String {
        let reply = self.post("/me/calendars", json!({"name": name})).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        text(&reply.body["id"])
    }
}

async fn added(sim: &Sim, email: &str, more: Value) -> String {
    let mut account = json!({"platform": "outlook", "email": email, "zone": "Europe/Paris"});
    for (name, value) in more.as_object().unwrap() {
        account[name] = value.clone();
    }
    text(&sim.control("accounts", account).await["access_token"])
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

/// For a path: each letter that is not plain.
pub fn escaped(id: &str) -> String {
    id.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

pub fn event_path(id: &Value) -> String {
    format!("/me/events/{}", escaped(&text(id)))
}

pub fn at(time: &str) -> Value {
    json!({"dateTime": time, "timeZone": "Romance Standard Time"})
}

pub fn timed(subject: &str, start: &str, end: &str) -> Value {
    json!({"subject": subject, "start": at(start), "end": at(end)})
}

pub fn lunch() -> Value {
    timed("Lunch", "2027-03-22T12:00:00", "2027-03-22T13:00:00")
}

pub fn all_day(subject: &str, from: &str, to: &str) -> Value {
    let mut event = timed(subject, &format!("{from}T00:00:00"), &format!("{to}T00:00:00"));
    event["isAllDay"] = true.into();
    event
}

/// Each Tuesday 18:00 in Paris, from 2 March 2027, without end.
pub fn yoga() -> Value {
    let mut event = timed("Yoga", "2027-03-02T18:00:00", "2027-03-02T19:00:00");
    event["recurrence"] = json!({
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]},
        "range": {"type": "noEnd", "startDate": "2027-03-02"},
    });
    event
}

pub fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.body["error"]["code"].as_str().unwrap_or_default())
}

pub fn subjects(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["subject"].as_str().unwrap_or("-")).collect()
}

/// The starts, to the minute.
pub fn starts(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| &item["start"]["dateTime"].as_str().unwrap_or("-")[..16]).collect()
}
