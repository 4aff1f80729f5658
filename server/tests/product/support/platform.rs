//! The two platforms, for tests that hold of both. Tests speak Google's language; here it is put into Microsoft's.

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

/// On whose calendars a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Google,
    Outlook,
}

/// What a person presses on the platform's page.
pub struct Labels {
    pub allow: &'static str,
    pub deny: &'static str,
    /// In the choice of accounts.
    pub leave: &'static str,
}

impl Side {
    pub const ALL: [Self; 2] = [Self::Google, Self::Outlook];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Outlook => "outlook",
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "Google Calendar",
            Self::Outlook => "Outlook",
        }
    }

    /// The OAuth client of the product under test.
    pub const fn client_id(self) -> &'static str {
        match self {
            Self::Google => "product-under-test.apps.googleusercontent.test",
            Self::Outlook => "7d4f9e0a-2b6c-4c1f-8a53-0f2b1c9d6e81",
        }
    }

    /// What the settings call the calendar that an account begins with.
    pub const fn primary(self) -> &'static str {
        match self {
            Self::Google => "Calendrier principal",
            Self::Outlook => "Calendrier",
        }
    }

    /// How many calendars an account begins with. Outlook makes one of birthdays as well.
    pub const fn calendars(self) -> i64 {
        match self {
            Self::Google => 1,
            Self::Outlook => 2,
        }
    }

    /// What Paris is called there.
    pub const fn paris(self) -> &'static str {
        match self {
            Self::Google => "Europe/Paris",
            Self::Outlook => "Romance Standard Time",
        }
    }

    /// How it asks to slow down without saying for how long: a status and a reason.
    pub const fn slow_down(self) -> (u16, &'static str) {
        match self {
            Self::Google => (403, "rateLimitExceeded"),
            Self::Outlook => (429, "ApplicationThrottled"),
        }
    }

    /// Whether a program can end what it was allowed.
    pub fn revokes(self) -> bool {
        self == Self::Google
    }

    pub fn callback(self) -> String {
        format!("/oauth/{}/callback", self.code())
    }

    /// Where the button leads that begins a connection.
    pub fn connect_path(self) -> String {
        format!("/connect/{}", self.code())
    }

    pub fn button(self) -> String {
        format!("Connecter {}", self.name())
    }

    pub fn another_button(self) -> String {
        format!("Connecter un autre {}", self.name())
    }

    pub const fn labels(self) -> Labels {
        match self {
            Self::Google => Labels { allow: "Autoriser", deny: "Refuser", leave: "Annuler" },
            Self::Outlook => Labels { allow: "Accepter", deny: "Annuler", leave: "Annuler" },
        }
    }

    /// What the settings say that is still to be done there while an account is being disconnected.
    pub const fn leaving(self) -> &'static str {
        match self {
            Self::Google => "Simone retire encore son autorisation chez Google",
            Self::Outlook => "Simone retire encore vos rendez-vous d’Outlook, puis oublie ses clés",
        }
    }

    /// The pages on which a person withdraws by hand what they allowed.
    pub const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Google => &["https://myaccount.google.com/connections"],
            Self::Outlook => &["https://myapps.microsoft.com", "https://account.live.com/consent/Manage"],
        }
    }

    /// The variable that holds the product's secret.
    pub fn secret_variable(self) -> String {
        format!("SIMONE_{}__CLIENT_SECRET", self.code().to_uppercase())
    }

    /// For faults: the token endpoint.
    pub const fn token_path(self) -> &'static str {
        match self {
            Self::Google => "/token",
            Self::Outlook => "*/oauth2/v2.0/token",
        }
    }

    /// For faults: where it is said whose account it is.
    pub const fn account_path(self) -> &'static str {
        match self {
            Self::Google => "/v1/userinfo",
            Self::Outlook => "/v1.0/me",
        }
    }

    /// For faults: all of the API of calendars.
    pub const fn api_path(self) -> &'static str {
        match self {
            Self::Google => "/calendar/*",
            Self::Outlook => "/v1.0/me/*",
        }
    }

    /// For faults: what rounds read events by.
    pub const fn feed_path(self) -> &'static str {
        match self {
            Self::Google => "/calendar/*/events",
            Self::Outlook => "/v1.0/me/calendars/*",
        }
    }

    /// For faults: what a disconnection needs last of the platform, where one of our events stands in a calendar.
    pub const fn farewell_path(self) -> &'static str {
        match self {
            Self::Google => "/revoke",
            Self::Outlook => "/v1.0/me/*",
        }
    }

    /// A part of the path of each request by which rounds read events.
    pub const fn feed(self) -> &'static str {
        match self {
            Self::Google => "/events",
            Self::Outlook => "/calendarView",
        }
    }

    /// Whether such a request goes on from a cursor, and so lists nothing in full.
    pub fn goes_on(self, request: &Value) -> bool {
        let token = match self {
            Self::Google => "syncToken=",
            Self::Outlook => "deltatoken=",
        };
        request["query"].as_str().is_some_and(|query| query.contains(token))
    }

    /// How tokens and codes begin that the platform gives.
    pub const fn secrets(self) -> &'static [&'static str] {
        match self {
            Self::Google => &["ya29.a0", "1//0", "4/0A"],
            Self::Outlook => &["eyJhbGci", "1.AX0A"],
        }
    }

    /// An account's body for the controls.
    pub fn account(self, mut account: Value) -> Value {
        if self == Self::Outlook {
            let put = |holder: &mut Value| {
                if let Some(events) = holder.get_mut("events").and_then(Value::as_array_mut) {
                    *events = events.iter().map(|event| self.event(event)).collect();
                }
            };
            put(&mut account);
            for calendar in account.get_mut("calendars").and_then(Value::as_array_mut).into_iter().flatten() {
                put(calendar);
                let name = calendar["summary"].clone();
                *calendar = json!({"name": name, "events": calendar["events"]});
            }
        }
        account["platform"] = json!(self.code());
        account
    }

    /// Something that a person does, for the controls.
    pub fn edit(self, mut edit: Value) -> Value {
        if self == Self::Outlook {
            let does = match edit["do"].as_str().expect("an edit does something") {
                "move_instance" => "move_occurrence",
                "cancel_instance" => "delete_occurrence",
                "duplicate_event" => "duplicate",
                "drag_event" => "drag_to_calendar",
                "delete_calendar" => "remove_calendar",
                other => other,
            };
            edit["do"] = json!(does);
            for part in ["event", "changes"] {
                if edit[part].is_object() {
                    edit[part] = self.event(&edit[part]);
                }
            }
            rename(&mut edit, "summary", "name");
            for part in ["calendar", "to"] {
                // Calendars made by a test go by their names there.
                if edit[part] == super::FAMILY {
                    edit[part] = json!("Famille");
                }
            }
        }
        edit["platform"] = json!(self.code());
        edit
    }

    /// An event, or some of its fields.
    pub fn event(self, event: &Value) -> Value {
        if self == Self::Google {
            return event.clone();
        }
        let mut graph = Map::new();
        let mut first = None;
        for (name, value) in event.as_object().expect("an event is an object") {
            match name.as_str() {
                "summary" => drop(graph.insert("subject".to_owned(), value.clone())),
                "location" => drop(graph.insert(name.clone(), json!({"displayName": value}))),
                "description" => {
                    graph.insert("body".to_owned(), json!({"contentType": "text", "content": value}));
                }
                "start" | "end" => {
                    let (wall, zone) = time(value);
                    if name == "start" {
                        first = Some(wall);
                    }
                    let wall = wall.format("%Y-%m-%dT%H:%M:%S").to_string();
                    graph.insert(name.clone(), json!({"dateTime": wall, "timeZone": zone}));
                    if value["date"].is_string() {
                        graph.insert("isAllDay".to_owned(), json!(true));
                    }
                }
                "transparency" => {
                    let shown = if value == "transparent" { "free" } else { "busy" };
                    graph.insert("showAs".to_owned(), json!(shown));
                }
                "visibility" => drop(graph.insert("sensitivity".to_owned(), value.clone())),
                "colorId" => {
                    let color = value.as_str().expect("a color");
                    graph.insert("categories".to_owned(), json!([color]));
                }
                "attendees" => {
                    let guests = value.as_array().expect("a list");
                    let guest =
                        |it: &Value| json!({"type": "required", "emailAddress": {"address": it["email"]}});
                    graph.insert(name.clone(), guests.iter().map(guest).collect());
                }
                // What Outlook has no like of, or what is put below.
                "reminders" | "recurrence" | "id" => {}
                other => panic!("how is `{other}` said at Microsoft?"),
            }
        }
        if event["recurrence"] == json!(["RRULE:FREQ=WEEKLY"]) {
            let first = first.expect("a series begins").date();
            let day = first.format("%A").to_string().to_lowercase();
            graph.insert(
                "recurrence".to_owned(),
                json!({
                    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [day], "firstDayOfWeek": "monday"},
                    "range": {"type": "noEnd", "startDate": first, "recurrenceTimeZone": "Europe/Paris"},
                }),
            );
        } else {
            assert!(event["recurrence"].is_null(), "no other rule is put into Microsoft's words yet");
        }
        Value::Object(graph)
    }

    /// An event as the controls show it, in Google's words.
    pub fn told(self, event: &Value) -> Value {
        if self == Self::Google {
            return event.clone();
        }
        let at = |name: &str| {
            let time = &event[name];
            assert_eq!(time["timeZone"], "UTC", "the controls speak in UTC");
            let wall = time["dateTime"].as_str().expect("a time");
            let wall = wall.parse::<NaiveDateTime>().expect("a wall time").and_utc();
            json!({"dateTime": wall.to_rfc3339(), "timeZone": event["originalStartTimeZone"]})
        };
        let property = |name: &str| {
            let properties = event["singleValueExtendedProperties"].as_array()?;
            let ending = format!(" Name {name}");
            let found =
                properties.iter().find(|it| it["id"].as_str().is_some_and(|id| id.ends_with(&ending)))?;
            Some(found["value"].clone())
        };
        let mut told = json!({
            "id": if event["immutableId"].is_string() { &event["immutableId"] } else { &event["id"] },
            "summary": event["subject"],
            "location": event["location"]["displayName"],
            "description": event["body"]["content"],
            "start": at("start"),
            "end": at("end"),
            "status": if event["isCancelled"] == true { "cancelled" } else { "confirmed" },
            "transactionId": event["transactionId"],
            "extendedProperties": {"private": {"source": property("source")}},
        });
        if let Some(color) = event["categories"].get(0) {
            told["colorId"] = color.clone();
        }
        if event["attendees"].as_array().is_some_and(|guests| !guests.is_empty()) {
            told["attendees"] = event["attendees"].clone();
        }
        told
    }
}

fn rename(value: &mut Value, from: &str, to: &str) {
    if let Some(object) = value.as_object_mut()
        && let Some(inner) = object.remove(from)
    {
        object.insert(to.to_owned(), inner);
    }
}

/// The wall time of Google's `start` or `end`, and its zone.
fn time(value: &Value) -> (NaiveDateTime, String) {
    if let Some(date) = value["date"].as_str() {
        let date: chrono::NaiveDate = date.parse().expect("a date");
        return (date.and_time(chrono::NaiveTime::MIN), "Europe/Paris".to_owned());
    }
    let at =
        value["dateTime"].as_str().expect("a time").parse::<DateTime<chrono::Utc>>().expect("an instant");
    let zone = value["timeZone"].as_str().unwrap_or("UTC");
    let wall = at.with_timezone(&zone.parse::<Tz>().expect("a zone")).naive_local();
    (wall, zone.to_owned())
}
