//! A simulator with an account of Microsoft's, and the adapter that speaks to it.

use super::{Writer, window};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simone_booking::{Interval, SystemClock};
use simone_platforms::{Microsoft, MicrosoftConfig, tls};
use simone_simulator::{DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET, Options, Running};
use simone_sync::event::{Change, ObservedEvent};
use simone_sync::platform::{CalendarPlatform, PageEnd, PlatformError, Position, RemoteCalendar};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

pub const EVA: &str = "eva@contoso.test";

pub struct World {
    pub simulator: Running,
    pub microsoft: Microsoft,
    pub browser: reqwest::Client,
    pub token: SecretString,
    /// The id of the default calendar.
    pub calendar: String,
}

pub fn microsoft(base: &str, secret: &str) -> Microsoft {
    let config: MicrosoftConfig = serde_json::from_value(json!({
        "client_id": DEMO_OUTLOOK_CLIENT_ID, "client_secret": secret, "login_url": base,
        "api_url": format!("{base}/v1.0")
    }))
    .unwrap();
    Microsoft::new(config, Arc::new(SystemClock)).unwrap()
}

/// All pages of a feed.
#[derive(Debug, Default)]
pub struct Pulled {
    /// The last word of each event.
    pub changes: HashMap<String, Change>,
    pub whole: BTreeSet<String>,
    pub cursor: String,
    pub pages: usize,
}

impl Pulled {
    pub fn event(&self, id: &str) -> &ObservedEvent {
        match &self.changes[id] {
            Change::Present(event) => event,
            other => panic!("{other:?}"),
        }
    }

    pub fn present(&self) -> Vec<&ObservedEvent> {
        let events = self.changes.values().filter_map(|change| match change {
            Change::Present(event) => Some(&**event),
            Change::Gone { .. } | Change::Unreadable { .. } => None,
        });
        events.collect()
    }

    pub fn titles(&self) -> Vec<&str> {
        let mut titles: Vec<&str> = self.present().iter().map(|event| event.details.title.as_str()).collect();
        titles.sort_unstable();
        titles
    }
}

impl World {
    pub async fn start(more: Value) -> Self {
        let now = Some("2026-01-10T09:00:00Z".parse().unwrap());
        let simulator = simone_simulator::start(Options { now, ..Options::default() }).await.unwrap();
        tls::install();
        let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let microsoft = microsoft(&simulator.base_url(), DEMO_OUTLOOK_CLIENT_SECRET);
        let (token, calendar) = (SecretString::from(""), String::new());
        let mut world = Self { simulator, microsoft, browser, token, calendar };
        let mut account =
            json!({"platform": "outlook", "email": EVA, "name": "Eva", "zone": "Romance Standard Time"});
        account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let account = world.control("accounts", account).await;
        world.token = SecretString::from(account["access_token"].as_str().unwrap());
        world.switch(json!({"empty_first_page": "never"})).await;
        let listed = world.calendars().await.unwrap();
        world.calendar = listed.iter().find(|calendar| calendar.primary).unwrap().id.clone();
        world
    }

    pub async fn control(&self, path: &str, body: Value) -> Value {
        let address = format!("{}/_control/{path}", self.simulator.base_url());
        let answer = self.browser.post(address).body(body.to_string()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn switch(&self, switches: Value) {
        self.control("settings", json!({"microsoft": switches})).await;
    }

    pub async fn fault(&self, fault: Value) {
        self.control("faults", fault).await;
    }

    /// What Eva does in Outlook.
    pub async fn edit(&self, mut edit: Value) -> Value {
        edit["platform"] = json!("outlook");
        edit["account"] = json!(EVA);
        self.control("edits", edit).await
    }

    /// What any other program does through Graph, with the ids that we see.
    pub async fn graph(&self, method: Method, path: &str, body: Value) -> Value {
        let address = format!("{}/v1.0{path}", self.simulator.base_url());
        let mut request = self
            .browser
            .request(method, address)
            .bearer_auth(self.token.expose_secret())
            .header("prefer", "IdType=\"ImmutableId\"");
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// A new event, made by hand; its id.
    pub async fn made(&self, event: Value) -> String {
        let made = self.graph(Method::POST, "/me/events", event).await;
        made["id"].as_str().unwrap().to_owned()
    }

    pub async fn change(&self, id: &str, fields: Value) {
        self.graph(Method::PATCH, &format!("/me/events/{}", escaped(id)), fields).await;
    }

    pub async fn remove(&self, id: &str) {
        self.graph(Method::DELETE, &format!("/me/events/{}", escaped(id)), Value::Null).await;
    }

    pub async fn calendars(&self) -> Result<Vec<RemoteCalendar>, PlatformError> {
        let (mut found, mut page) = (Vec::new(), None::<String>);
        loop {
            let answer = self.microsoft.calendars(&self.token, page.as_deref()).await?;
            found.extend(answer.calendars);
            match answer.next_page {
                Some(next) => page = Some(next),
                None => return Ok(found),
            }
        }
    }

    pub async fn pull(&self, cursor: Option<&str>) -> Result<Pulled, PlatformError> {
        self.pull_of(&self.calendar, cursor, window()).await
    }

    pub async fn pull_of(
        &self,
        calendar: &str,
        cursor: Option<&str>,
        window: Interval,
    ) -> Result<Pulled, PlatformError> {
        let (mut pulled, mut page) = (Pulled::default(), None::<String>);
        loop {
            pulled.pages += 1;
            let position = Position { cursor, page: page.as_deref(), window };
            let answer = self.microsoft.changes(&self.token, calendar, position).await?;
            assert!(answer.covers.is_some(), "it is bounded");
            pulled.changes.extend(answer.changes.into_iter().map(|change| (change.id().to_owned(), change)));
            pulled.whole.extend(answer.whole);
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => return Ok(Pulled { cursor, ..pulled }),
                PageEnd::Cut => panic!("neither a page nor a cursor"),
            }
        }
    }

    pub fn writer(&self) -> Writer<'_, Microsoft> {
        Writer { platform: &self.microsoft, token: &self.token, calendar: &self.calendar }
    }
}

pub fn escaped(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

pub fn at(wall: &str) -> Value {
    json!({"dateTime": wall, "timeZone": "Europe/Paris"})
}

pub fn hour(title: &str, start: &str, end: &str) -> Value {
    json!({"subject": title, "start": at(start), "end": at(end)})
}

/// At nine each day from 12 January on.
pub fn daily(title: &str, count: u32) -> Value {
    let mut event = hour(title, "2026-01-12T09:00:00", "2026-01-12T10:00:00");
    event["recurrence"] = json!({
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "numbered", "startDate": "2026-01-12", "numberOfOccurrences": count}
    });
    event
}
