//! What Microsoft's adapter sends fits Microsoft's own description of Graph, and carries what every request must carry,
//! inside a batch too.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_platforms::Microsoft;
use simone_sync::export::Patch;
use simone_sync::platform::{CalendarPlatform, Call, PageEnd, Position};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use support::csdl::{fits, property};
use support::outlook::microsoft;
use support::{content, marker, window};
use url::Url;

/// A request, wherever it stood.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    url: Url,
    headers: BTreeMap<String, String>,
    body: Value,
    inner: bool,
}

type Heard = Arc<Mutex<Vec<Asked>>>;

/// A server that answers every call as if all were well, and keeps what it was asked.
async fn recorder() -> (Microsoft, Heard) {
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state((heard.clone(), base.clone()));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (microsoft(&base, "hush"), heard)
}

async fn answer(State((heard, base)): State<(Heard, String)>, request: Request) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(headers["authorization"], "Bearer the-token");
    assert_eq!(headers["client-request-id"].len(), 36);
    let asked = Asked {
        method: parts.method.to_string(),
        url: format!("{base}{}", parts.uri).parse().unwrap(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        inner: false,
    };
    let path = asked.url.path().to_owned();
    if path == "/v1.0/$batch" {
        let requests = asked.body["requests"].as_array().unwrap();
        assert!(asked.method == "POST" && (2..=4).contains(&requests.len()), "{}", asked.body);
        let responses = requests.iter().map(|inner| {
            let headers = inner["headers"].as_object().unwrap();
            let url = inner["url"].as_str().unwrap();
            assert!(url.starts_with("/me/"), "{url}");
            let inner = Asked {
                method: inner["method"].as_str().unwrap().to_owned(),
                url: format!("{base}/v1.0{url}").parse().unwrap(),
                headers: headers
                    .iter()
                    .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
                    .collect(),
                body: inner["body"].clone(),
                inner: true,
            };
            let (status, body) = reply(&inner, &base);
            heard.lock().unwrap().push(inner);
            (status, body)
        });
        let responses: Vec<Value> = responses
            .enumerate()
            .map(|(at, (status, body))| json!({"id": at.to_string(), "status": status, "headers": {}, "body": body}))
            .rev()
            .collect();
        return (StatusCode::OK, json!({"responses": responses}).to_string());
    }
    let (status, body) = reply(&asked, &base);
    heard.lock().unwrap().push(asked);
    (StatusCode::from_u16(status).unwrap(), if body.is_null() { String::new() } else { body.to_string() })
}

fn reply(asked: &Asked, base: &str) -> (u16, Value) {
    let at =
        |hour: u32| json!({"dateTime": format!("2026-01-15T{hour:02}:00:00.0000000"), "timeZone": "UTC"});
    let event =
        json!({"@odata.etag": "W/\"1\"", "id": "x", "type": "singleInstance", "start": at(9), "end": at(10)});
    let occurrence =
        |id: usize| json!({"id": format!("o{id}"), "type": "occurrence", "seriesMasterId": format!("s{id}")});
    let segments: Vec<&str> = asked.url.path_segments().unwrap().collect();
    match (asked.method.as_str(), segments.last().copied().unwrap_or_default()) {
        ("POST", _) => (201, event),
        ("PATCH", _) => (200, event),
        ("DELETE", _) => (204, Value::Null),
        ("GET", "timeZone") => (200, json!({"value": "Romance Standard Time"})),
        ("GET", "delta") => {
            let items: Vec<Value> = if asked.url.query() == Some("later") {
                (0..5).map(occurrence).collect()
            } else {
                Vec::new()
            };
            (
                200,
                json!({"value": items, "@odata.deltaLink": format!("{base}/v1.0/me/calendars/c/calendarView/delta?later")}),
            )
        }
        ("GET", "calendarView" | "calendars" | "instances" | "events") => (200, json!({"value": []})),
        ("GET", "me") => (200, json!({"id": "1", "mail": null, "userPrincipalName": "eva@contoso.test"})),
        _ => (200, event),
    }
}

/// Everything that the adapter can ask.
async fn everything() -> Vec<Asked> {
    let (microsoft, heard) = recorder().await;
    let token = SecretString::from("the-token");
    microsoft.account(&token).await.unwrap();
    let page = microsoft.calendars(&token, None).await.unwrap().next_page;
    microsoft.calendars(&token, page.as_deref()).await.unwrap();
    let mut cursor = None::<String>;
    for _ in 0..2 {
        let mut page = None::<String>;
        loop {
            let position = Position { cursor: cursor.as_deref(), page: page.as_deref(), window: window() };
            match microsoft.changes(&token, ID, position).await.unwrap().end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(next) => {
                    cursor = Some(next);
                    break;
                }
                PageEnd::Cut => panic!("neither a page nor a cursor"),
            }
        }
    }
    microsoft.instances(&token, ID, ID, window(), None).await.unwrap();
    let (calendar, revision) = (ID.to_owned(), "1:W/\"1\"".to_owned());
    let patch = Patch {
        title: Some("Autre".to_owned()),
        times: Some((content().start, content().end, content().zone)),
        location: Some("ailleurs".to_owned()),
        description: Some((None, "x".to_owned())),
    };
    let update = Call::Update {
        calendar: calendar.clone(),
        event_id: ID.to_owned(),
        revision: revision.clone(),
        patch,
    };
    let calls = [
        Call::Create { calendar: calendar.clone(), marker: marker(1), content: content() },
        update.clone(),
        update,
        Call::Delete { calendar: calendar.clone(), event_id: ID.to_owned(), revision: Some(revision) },
        Call::Read { calendar: calendar.clone(), name: marker(1).name, event_id: None },
        Call::Read { calendar, name: marker(1).name, event_id: Some(ID.to_owned()) },
    ];
    microsoft.perform(&token, &calls[..4]).await.unwrap();
    for call in &calls {
        microsoft.perform(&token, std::slice::from_ref(call)).await.unwrap();
    }
    heard.lock().unwrap().clone()
}

/// An id of Graph's, with all that means something in an address.
const ID: &str = "AAMkAGI2TGuLAAA=/+&?#% é";

#[tokio::test]
async fn every_request_asks_for_ids_that_stay_times_in_utc_and_bodies_as_text() {
    let asked = everything().await;
    assert!(asked.iter().filter(|asked| asked.inner).count() >= 10);
    for asked in &asked {
        let prefer = &asked.headers["prefer"];
        for preference in
            ["IdType=\"ImmutableId\"", "outlook.timezone=\"UTC\"", "outlook.body-content-type=\"text\""]
        {
            assert!(prefer.contains(preference), "{asked:?}");
        }
        let delta = asked.url.path().ends_with("/delta");
        assert_eq!(prefer.contains("odata.maxpagesize="), delta, "{asked:?}");
        if matches!(asked.method.as_str(), "PATCH" | "DELETE") {
            assert_eq!(asked.headers["if-match"], "W/\"1\"", "{asked:?}");
        }
        if matches!(asked.method.as_str(), "PATCH" | "POST") {
            assert_eq!(asked.headers["content-type"], "application/json", "{asked:?}");
        }
    }
}

#[tokio::test]
async fn what_is_asked_and_written_fits_microsofts_own_description() {
    let mut kinds = BTreeMap::new();
    for asked in everything().await {
        let decode = |segment: &str| {
            assert!(!segment.contains(['+', ' ']), "{segment} is not encoded");
            url::form_urlencoded::parse(segment.as_bytes())
                .next()
                .map(|(name, _)| name.into_owned())
                .unwrap_or_default()
        };
        let path: Vec<String> = asked.url.path_segments().unwrap().map(decode).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ("v1.0", "me") = (path[0], path[1]) else { panic!("{path:?}") };
        let of = match path[2..] {
            [] => "user",
            ["mailboxSettings", name] => {
                assert!(property("mailboxSettings", name).is_some());
                "setting"
            }
            ["calendars"] => "calendar",
            ["calendars", "c", "calendarView", "delta"] => "delta",
            ["calendars", ID, "calendarView", "delta"] => "delta",
            ["calendars", ID, navigation @ ("calendarView" | "events")] => {
                assert!(property("calendar", navigation).is_some());
                "event"
            }
            ["calendars", ID, "events", _] => "event",
            ["calendars", ID, "events", _, navigation] => {
                assert!(property("event", navigation).is_some(), "{navigation}");
                "event"
            }
            ref other => panic!("{other:?}"),
        };
        *kinds.entry((asked.method.clone(), of)).or_insert(0) += 1;
        let query = asked.url.query().unwrap_or_default();
        assert!(!query.contains('+'), "a space is %20: {query}");
        for (name, value) in asked.url.query_pairs().filter(|_| query != "later") {
            match &*name {
                "startDateTime" | "endDateTime" => {
                    assert!(chrono::DateTime::parse_from_rfc3339(&value).is_ok(), "{value}");
                }
                // A delta takes none of these (reference sheet 6.2).
                _ if of == "delta" => panic!("{name}={value}"),
                "$select" if of == "user" => {}
                "$select" => value.split(',').for_each(|field| {
                    assert!(property(of, field).is_some(), "{of} has no {field}");
                }),
                "$top" => assert!((1..=1000).contains(&value.parse::<u32>().unwrap())),
                "$expand" => {
                    let (navigation, rest) = value.split_once("($filter=").unwrap();
                    assert!(property(of, navigation).is_some(), "{navigation}");
                    for one in rest.strip_suffix(')').unwrap().split(" or ") {
                        let id =
                            one.strip_prefix("id eq 'String {").and_then(|id| id.strip_suffix('\'')).unwrap();
                        assert!(
                            id.split_once("} Name ")
                                .is_some_and(|(guid, name)| guid.len() == 36 && !name.is_empty())
                        );
                    }
                }
                "$filter" => {
                    assert!(value.starts_with("singleValueExtendedProperties/Any(ep: ep/id eq 'String {"))
                }
                other => panic!("{other}={value}"),
            }
        }
        if asked.body.is_object() {
            fits("graph.event", &asked.body, "event");
            assert!(asked.body.get("attendees").is_none());
            assert!(
                asked.body.get("transactionId").is_some() == (asked.method == "POST"),
                "set at creation only"
            );
        }
    }
    for kind in [
        ("POST", "event"),
        ("PATCH", "event"),
        ("DELETE", "event"),
        ("GET", "event"),
        ("GET", "delta"),
        ("GET", "calendar"),
    ] {
        assert!(kinds.contains_key(&(kind.0.to_owned(), kind.1)), "{kind:?}");
    }
}

#[tokio::test]
async fn a_way_up_the_address_is_no_id() {
    let (microsoft, heard) = recorder().await;
    let token = SecretString::from("the-token");
    for id in ["", ".", ".."] {
        let position = Position { cursor: None, page: None, window: window() };
        assert!(microsoft.changes(&token, id, position).await.is_err(), "{id}");
        let call = Call::Delete { calendar: ID.to_owned(), event_id: id.to_owned(), revision: None };
        assert!(support::perform(&microsoft, &token, call).await.is_err(), "{id}");
    }
    assert!(heard.lock().unwrap().is_empty());
}
