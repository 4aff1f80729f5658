//! What the adapter sends fits Google's own description of its API, `google-calendar-v3.json`.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use chrono::DateTime;
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_booking::{Interval, SystemClock};
use simone_platforms::{Google, GoogleConfig};
use simone_sync::platform::{CalendarPlatform, PageEnd, Position};
use std::sync::{Arc, Mutex};
use support::window;
use url::Url;

type Asked = Arc<Mutex<Vec<(String, Url)>>>;

/// A server that answers every list with an empty last page, and keeps what it was asked.
async fn recorder() -> (Google, Asked) {
    let asked = Asked::default();
    let app = Router::new().fallback(answer).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config: GoogleConfig = serde_json::from_value(json!({
        "client_id": "id", "client_secret": "hush", "authorize_url": &base, "token_url": &base, "revoke_url": &base,
        "userinfo_url": &base, "api_url": format!("{base}/calendar/v3/")
    }))
    .unwrap();
    (Google::new(config, Arc::new(SystemClock)).unwrap(), asked)
}

async fn answer(State(asked): State<Asked>, request: Request) -> axum::Json<Value> {
    assert_eq!(request.headers()[AUTHORIZATION], "Bearer the-token");
    let url: Url = format!("http://recorder{}", request.uri()).parse().unwrap();
    let list = url.path().ends_with("/calendarList");
    asked.lock().unwrap().push((request.method().to_string(), url));
    let kind = if list { "calendar#calendarList" } else { "calendar#events" };
    axum::Json(json!({"kind": kind, "nextSyncToken": "next"}))
}

fn description() -> Value {
    serde_json::from_str(include_str!("google-calendar-v3.json")).unwrap()
}

/// The values of the path's parameters, decoded, if `path` is one of `template` (`calendars/{calendarId}/events`).
fn path_parameters(template: &str, path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix("/calendar/v3/")?;
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut values = Vec::new();
    for (expected, segment) in template.iter().zip(path) {
        if expected.starts_with('{') {
            let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~*%".contains(c);
            assert!(segment.chars().all(unreserved), "{segment} is not encoded");
            let decoded = url::form_urlencoded::parse(segment.as_bytes()).next().unwrap().0;
            values.push(decoded.into_owned());
        } else if *expected != segment {
            return None;
        }
    }
    Some(values)
}

/// A value is of the type that the description gives to its parameter.
fn check_value(name: &str, value: &str, parameter: &Value) {
    match parameter["type"].as_str().unwrap() {
        "integer" => {
            let number: i64 = value.parse().unwrap_or_else(|_| panic!("{name}={value}"));
            let bound = |name: &str| parameter[name].as_str().map(|bound| bound.parse::<i64>().unwrap());
            assert!(bound("minimum").is_none_or(|least| least <= number), "{name}={value}");
            assert!(bound("maximum").is_none_or(|most| number <= most), "{name}={value}");
        }
        "boolean" => assert!(matches!(value, "true" | "false"), "{name}={value}"),
        "string" if parameter["format"] == "date-time" => {
            assert!(DateTime::parse_from_rfc3339(value).is_ok(), "{name}={value}");
        }
        "string" => {}
        other => panic!("{name} is of type {other}"),
    }
    if let Some(allowed) = parameter["enum"].as_array() {
        assert!(allowed.contains(&json!(value)), "{name}={value}");
    }
}

/// A selector `a,b(c,d)` names fields that the schema has.
fn check_fields(selector: &str, schema: &Value, description: &Value) {
    let mut schema = schema;
    while schema.get("items").is_some() || schema.get("$ref").is_some() {
        schema = match schema["$ref"].as_str() {
            Some(name) => &description["schemas"][name],
            None => &schema["items"],
        };
    }
    let (mut depth, mut start) = (0, 0);
    for (index, c) in selector.char_indices().chain([(selector.len(), ',')]) {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                let part = &selector[start..index];
                start = index + 1;
                let (name, inner) = part.split_once('(').unwrap_or((part, ""));
                let field = schema["properties"].get(name);
                let field = field.unwrap_or_else(|| panic!("no field {name} in {selector}"));
                if let Some(inner) = inner.strip_suffix(')') {
                    check_fields(inner, field, description);
                }
            }
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{selector}");
}

/// Checks a call against the method's description; returns its path's parameters and its query.
fn check_call((method, url): &(String, Url), name: &str) -> (Vec<String>, Vec<(String, String)>) {
    let description = description();
    let described = &description["methods"][name];
    assert_eq!(described["httpMethod"], method.as_str());
    let path = path_parameters(described["path"].as_str().unwrap(), url.path());
    let path = path.unwrap_or_else(|| panic!("{name} is not at {}", url.path()));
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (index, (name, value)) in query.iter().enumerate() {
        assert!(query[..index].iter().all(|(other, _)| other != name), "{name} twice");
        let common = &description["parameters"];
        let parameter = described["parameters"].get(name).or_else(|| common.get(name));
        let parameter = parameter.unwrap_or_else(|| panic!("no parameter {name}"));
        assert_eq!(parameter["location"], "query", "{name}");
        check_value(name, value, parameter);
        if name == "fields" {
            let response = &description["schemas"][described["response"]["$ref"].as_str().unwrap()];
            check_fields(value, response, &description);
        }
    }
    (path, query)
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
}

fn without<'a>(query: &'a [(String, String)], names: &[&str]) -> Vec<&'a (String, String)> {
    query.iter().filter(|(name, _)| !names.contains(&name.as_str())).collect()
}

/// Ids and tokens that mean something in an address.
const CALENDAR: &str = "en.usa#holiday@group.v.calendar.google.com/?a b+c%20&é";
const TOKEN: &str = "CO-bwOiXoIwDEO-bwOiXoIwDGAUg79XP3wIo79XP3wI=/+&#";

#[tokio::test]
async fn the_list_of_calendars() {
    let (google, asked) = recorder().await;
    let token = SecretString::from("the-token");
    google.calendars(&token, None).await.unwrap();
    google.calendars(&token, Some(TOKEN)).await.unwrap();
    let asked = asked.lock().unwrap();
    let (_, first) = check_call(&asked[0], "calendarList.list");
    let (_, second) = check_call(&asked[1], "calendarList.list");
    assert_eq!(without(&first, &[]), without(&second, &["pageToken"]));
    assert_eq!(value(&second, "pageToken"), Some(TOKEN));
    assert_eq!((value(&first, "maxResults"), value(&first, "showHidden")), (Some("250"), Some("true")));
}

#[tokio::test]
async fn the_events_are_asked_for_alike_with_and_without_a_token() {
    let (google, asked) = recorder().await;
    let token = SecretString::from("the-token");
    let positions = [(None, None), (None, Some(TOKEN)), (Some(TOKEN), None), (Some(TOKEN), Some("page"))];
    for (cursor, page) in positions {
        let answer =
            google.changes(&token, CALENDAR, Position { cursor, page, window: window() }).await.unwrap();
        assert_eq!(answer.end, PageEnd::Cursor("next".to_owned()));
    }
    let asked = asked.lock().unwrap();
    let calls: Vec<_> = asked.iter().map(|call| check_call(call, "events.list")).collect();
    for ((path, query), (cursor, page)) in calls.iter().zip(positions) {
        assert_eq!(path, &[CALENDAR]);
        assert_eq!((value(query, "syncToken"), value(query, "pageToken")), (cursor, page));
        assert_eq!(without(query, &["syncToken", "pageToken"]), without(&calls[0].1, &[]));
        // Forbidden beside a sync token, or what would bound what it tells (reference sheet 6.3).
        for name in [
            "iCalUID",
            "orderBy",
            "privateExtendedProperty",
            "q",
            "sharedExtendedProperty",
            "timeMin",
            "timeMax",
            "updatedMin",
            "showDeleted",
            "eventTypes",
        ] {
            assert_eq!(value(query, name), None);
        }
        assert_eq!(value(query, "singleEvents"), Some("false"));
        assert_eq!(value(query, "maxResults"), Some("2500"));
        assert_eq!(value(query, "maxAttendees"), Some("1"));
        // Without these two a selector silently ends paging and sync (reference sheet 3).
        let fields = value(query, "fields").unwrap();
        assert!(fields.contains("nextPageToken") && fields.contains("nextSyncToken"));
        // What is not needed is not asked for.
        assert!(
            !["email", "displayName", "description", "location"].iter().any(|name| fields.contains(name))
        );
    }
}

#[tokio::test]
async fn the_occurrences_of_a_series() {
    let (google, asked) = recorder().await;
    let token = SecretString::from("the-token");
    let window =
        Interval::new("2026-01-10T09:00:00.5Z".parse().unwrap(), "2026-04-10T22:00:00Z".parse().unwrap());
    for page in [None, Some(TOKEN)] {
        let answer = google.instances(&token, CALENDAR, "_6gq3/master", window, page).await.unwrap();
        assert_eq!(answer.end, PageEnd::Cursor(String::new()));
    }
    let asked = asked.lock().unwrap();
    for (call, page) in asked.iter().zip([None, Some(TOKEN)]) {
        let (path, query) = check_call(call, "events.instances");
        assert_eq!(path, [CALENDAR, "_6gq3/master"]);
        assert_eq!(value(&query, "pageToken"), page);
        assert_eq!(value(&query, "timeMin"), Some("2026-01-10T09:00:00Z"));
        assert_eq!(value(&query, "timeMax"), Some("2026-04-10T22:00:00Z"));
        assert_eq!(value(&query, "showDeleted"), Some("false"));
    }
}

#[tokio::test]
async fn a_way_up_the_address_is_no_id() {
    let (google, asked) = recorder().await;
    let token = SecretString::from("the-token");
    for id in ["", ".", ".."] {
        let position = Position { cursor: None, page: None, window: window() };
        assert!(google.changes(&token, id, position).await.is_err(), "{id}");
    }
    assert!(asked.lock().unwrap().is_empty());
}
