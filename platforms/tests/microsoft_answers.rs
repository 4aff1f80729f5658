//! What Microsoft's adapter makes of answers, the broken ones above all: over HTTP, from a server that says what each test
//! wants to hear.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_platforms::Microsoft;
use simone_sync::event::Change;
use simone_sync::platform::{CalendarPlatform, Call, ChangesPage, PageEnd, PlatformError, Position};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::outlook::microsoft;
use support::{marker, window};

/// What it answers next, in turn, and what it was asked.
#[derive(Default)]
struct Script {
    answers: VecDeque<(u16, Value)>,
    asked: Vec<String>,
}

struct Server {
    microsoft: Microsoft,
    base: String,
    script: Arc<Mutex<Script>>,
}

async fn server() -> Server {
    let script = Arc::new(Mutex::new(Script::default()));
    let app = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Server { microsoft: microsoft(&base, "hush"), base, script }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, uri: Uri, _: HeaderMap) -> Response {
    let mut script = script.lock().unwrap();
    script.asked.push(uri.path().to_owned());
    let (status, body) = script.answers.pop_front().unwrap_or_else(|| panic!("nothing to say to {uri}"));
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

impl Server {
    fn says<const N: usize>(&self, answers: [(u16, Value); N]) {
        *self.script.lock().unwrap() = Script { answers: answers.into(), asked: Vec::new() };
    }

    fn link(&self, name: &str) -> String {
        format!("{}/v1.0/me/calendars/c/{name}", self.base)
    }

    async fn changes(&self, cursor: Option<&str>, page: Option<&str>) -> Result<ChangesPage, PlatformError> {
        let position = Position { cursor, page, window: window() };
        self.microsoft.changes(&SecretString::from("t"), "c", position).await
    }

    /// All pages: the ids that were told, and the series that are whole.
    async fn pull(&self, cursor: Option<&str>) -> Result<(Vec<String>, Vec<String>, String), PlatformError> {
        let (mut ids, mut whole, mut page) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let answer = self.changes(cursor, page.as_deref()).await?;
            ids.extend(answer.changes.iter().map(|change| change.id().to_owned()));
            whole.extend(answer.whole);
            match answer.end {
                PageEnd::More(next) => page = Some(next),
                PageEnd::Cursor(cursor) => {
                    assert!(self.script.lock().unwrap().answers.is_empty(), "all was asked for");
                    return Ok((ids, whole, cursor));
                }
                PageEnd::Cut => panic!("neither a page nor a cursor"),
            }
        }
    }

    /// A cursor, and what a delta since it says.
    async fn begun(&self, items: Value) -> (String, (u16, Value)) {
        self.says([self.last(json!([])), page(json!([]))]);
        let (_, _, cursor) = self.pull(None).await.unwrap();
        (cursor, self.last(items))
    }

    /// The last page of a delta.
    fn last(&self, items: Value) -> (u16, Value) {
        (200, json!({"value": items, "@odata.deltaLink": self.link("calendarView/delta?t=1")}))
    }
}

fn page(items: Value) -> (u16, Value) {
    (200, json!({"value": items}))
}

fn event(id: &str) -> Value {
    let at =
        |hour: u32| json!({"dateTime": format!("2026-01-15T{hour:02}:00:00.0000000"), "timeZone": "UTC"});
    json!({"@odata.etag": "W/\"1\"", "id": id, "type": "singleInstance", "start": at(9), "end": at(10)})
}

fn refused(status: u16, code: &str) -> (u16, Value) {
    (status, json!({"error": {"code": code, "message": "Eva's dentist", "innerError": {}}}))
}

fn batch<const N: usize>(answers: [(u16, Value); N]) -> (u16, Value) {
    let responses = answers.into_iter().enumerate().map(|(at, (status, body))| {
        json!({"id": at.to_string(), "status": status, "headers": {"retry-after": "17"}, "body": body})
    });
    (200, json!({"responses": responses.collect::<Vec<_>>()}))
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    let server = server().await;
    let other = "http://127.0.0.1:9/v1.0/me/calendars/c/calendarView/delta?t=1";
    let outside = format!("{}/elsewhere", server.base);
    for link in [other, &outside, "nonsense"] {
        server.says([(200, json!({"value": [], "@odata.nextLink": link}))]);
        let failed = server.pull(None).await;
        assert!(matches!(failed, Err(PlatformError::Unavailable { .. })), "{link} {failed:?}");
        assert_eq!(server.script.lock().unwrap().asked.len(), 1, "our token went nowhere else");
    }
    // A cursor of another server's is of no use, as after a change of the configuration.
    let (cursor, _) = server.begun(json!([])).await;
    server.says([]);
    let moved = cursor.replace(&server.base, "http://127.0.0.1:9");
    assert!(matches!(server.changes(Some(&moved), None).await, Err(PlatformError::CursorExpired)));
}

#[tokio::test]
async fn answers_that_are_cut_are_none() {
    let server = server().await;
    server.says([page(json!([]))]);
    assert_eq!(server.changes(None, None).await.unwrap().end, PageEnd::Cut, "a delta without a link");
    for body in [json!({}), json!([]), json!({"value": null}), json!({"value": {}}), Value::Null] {
        server.says([(200, body.clone())]);
        let failed = server.changes(None, None).await;
        assert!(matches!(failed, Err(PlatformError::Unavailable { .. })), "{body}");
    }
    assert!(matches!(server.changes(None, Some("nonsense")).await, Err(PlatformError::Unavailable { .. })));
}

#[tokio::test]
async fn a_view_that_changed_while_it_was_read_is_read_again() {
    let server = server().await;
    let delta = server.last(json!([]));
    let first = |ids: &[&str]| {
        let items: Vec<Value> = ids.iter().map(|id| event(id)).collect();
        (200, json!({"value": items, "@odata.nextLink": server.link("calendarView?$skip=2")}))
    };
    // `a` goes while the first page is read: what moves up to it is on no page.
    let removed = json!({"id": "a", "@removed": {"reason": "deleted"}});
    server.says([
        delta.clone(),
        first(&["a", "b"]),
        page(json!([event("d")])),
        server.last(json!([removed])),
        first(&["b", "c"]),
        page(json!([event("d")])),
        delta.clone(),
    ]);
    let (ids, ..) = server.pull(None).await.unwrap();
    assert_eq!(ids, ["a", "b", "d", "b", "c", "d"]);

    // One that keeps changing is believed in the end: the next delta tells the rest.
    let change = server.last(json!([event("x")]));
    let (one, two) = (first(&["a"]), page(json!([event("b")])));
    server.says([
        delta,
        one.clone(),
        two.clone(),
        change.clone(),
        one.clone(),
        two.clone(),
        change,
        one,
        two,
    ]);
    assert!(server.pull(None).await.is_ok());
}

#[tokio::test]
async fn what_a_delta_touched_is_read_four_at_a_time() {
    let server = server().await;
    let occurrence = |id: &str| json!({"id": id, "type": "occurrence", "seriesMasterId": "m"});
    let items = json!([occurrence("m1"), event("a"), event("b"), event("c"), event("d"), event("e")]);
    let (cursor, delta) = server.begun(items).await;
    let mut first = event("m1");
    first["type"] = json!("occurrence");
    first["seriesMasterId"] = json!("m");
    let instances =
        (200, json!({"value": [first], "@odata.nextLink": server.link("events/m/instances?p=2")}));
    server.says([
        delta,
        batch([instances, (200, event("a")), refused(404, "ErrorItemNotFound"), (200, event("c"))]),
        batch([page(json!([])), (200, event("d")), (200, event("e"))]),
    ]);
    let (ids, whole, _) = server.pull(Some(&cursor)).await.unwrap();
    assert_eq!(ids, ["m1", "a", "b", "c", "d", "e"]);
    assert_eq!(whole, ["m"]);
    let asked = server.script.lock().unwrap().asked.clone();
    assert_eq!(asked[1..], ["/v1.0/$batch", "/v1.0/$batch"]);
}

#[tokio::test]
async fn what_is_said_to_be_removed_is_there_if_the_view_shows_it() {
    let server = server().await;
    let removed = |id: &str| json!({"id": id, "@removed": {"reason": "deleted"}});
    let of_m = |id: &str, kind: &str, series: Value| {
        let mut event = event(id);
        event["type"] = json!(kind);
        event["seriesMasterId"] = series;
        event
    };
    // Gone for good; in the calendar all the same; found by its id, in the deleted items or elsewhere; and a series.
    let (cursor, delta) = server.begun(json!(["a", "b", "c", "m"].map(removed))).await;
    let master = of_m("m", "seriesMaster", json!(null));
    server.says([
        delta,
        batch([refused(404, "ErrorItemNotFound"), (200, event("b")), (200, event("c")), (200, master)]),
        page(json!([event("b"), of_m("m1", "occurrence", json!("m")), event("d")])),
    ]);
    let mut last = BTreeMap::new();
    let (mut whole, mut page) = (Vec::new(), None::<String>);
    loop {
        let answer = server.changes(Some(&cursor), page.as_deref()).await.unwrap();
        for change in answer.changes {
            last.insert(change.id().to_owned(), matches!(change, Change::Present(_)));
        }
        whole.extend(answer.whole);
        let PageEnd::More(next) = answer.end else { break };
        page = Some(next);
    }
    let there = ["a", "b", "c", "d", "m1"].map(|id| (id.to_owned(), matches!(id, "b" | "d" | "m1")));
    assert_eq!((last, whole), (BTreeMap::from(there), vec!["m".to_owned()]));
    // Whether the calendar is there is another question.
    let (cursor, delta) = server.begun(json!([removed("a")])).await;
    server.says([delta, refused(404, "ErrorFolderNotFound")]);
    assert!(matches!(server.pull(Some(&cursor)).await, Err(PlatformError::NotFound)));
}

#[tokio::test]
async fn one_that_is_to_be_asked_again_fails_its_page() {
    let server = server().await;
    let (cursor, delta) = server.begun(json!([event("a"), event("b")])).await;
    let pull = async |inner: (u16, Value)| {
        server.says([delta.clone(), inner]);
        server.pull(Some(&cursor)).await
    };
    let wait = Some(Duration::from_secs(17));
    let limited = pull(batch([(200, event("a")), refused(429, "ApplicationThrottled")])).await;
    assert!(matches!(limited, Err(PlatformError::RateLimited { retry_after }) if retry_after == wait));
    for inner in [
        batch([(200, event("a")), refused(503, "ServiceUnavailable")]),
        batch([(200, event("a"))]),
        batch([(200, event("a")), (200, event("c"))]),
        batch([(200, event("a")), (200, json!("PGh0bWw+"))]),
        (200, json!({})),
        (503, json!("<html>")),
    ] {
        let failed = pull(inner.clone()).await;
        assert!(
            matches!(failed, Err(PlatformError::Unavailable { .. })),
            "{inner} {failed:?}",
            inner = inner.1
        );
    }
    let expired = pull(batch([(200, event("a")), refused(401, "InvalidAuthenticationToken")])).await;
    assert!(matches!(expired, Err(PlatformError::Unauthorized)));
    let gone = pull(batch([(200, event("a")), refused(404, "ErrorFolderNotFound")])).await;
    assert!(matches!(gone, Err(PlatformError::NotFound)), "the calendar, not the event");
    // The cursor dies in mid-round, in a page of the delta as in what is read again.
    let (cursor, _) = server.begun(json!([])).await;
    server.says([
        (200, json!({"value": [], "@odata.nextLink": server.link("calendarView/delta?t=2")})),
        refused(404, "syncStateInvalid"),
    ]);
    assert!(matches!(server.pull(Some(&cursor)).await, Err(PlatformError::CursorExpired)));
}

#[tokio::test]
async fn calls_that_travel_together_fail_each_for_itself() {
    let server = server().await;
    let read = |id: &str| Call::Read {
        calendar: "c".to_owned(),
        name: marker(1).name,
        event_id: Some(id.to_owned()),
    };
    let calls = [read("a"), read("b"), read(".."), read("c")];
    server.says([batch([(200, event("a")), refused(429, "TooManyRequests")])]);
    let answers = server.microsoft.perform(&SecretString::from("t"), &calls).await.unwrap();
    assert!(answers[0].is_ok());
    assert!(matches!(answers[1], Err(PlatformError::RateLimited { retry_after: Some(_) })));
    assert!(matches!(answers[2], Err(PlatformError::NotFound)), "it is not even asked for");
    assert!(matches!(answers[3], Err(PlatformError::Unavailable { .. })), "its answer is missing");
    // An error of the whole says nothing of any of them.
    server.says([refused(401, "InvalidAuthenticationToken")]);
    let failed = server.microsoft.perform(&SecretString::from("t"), &calls).await;
    assert!(matches!(failed, Err(PlatformError::Unauthorized)));
}

#[tokio::test]
async fn an_account_and_calendars_that_say_little() {
    let server = server().await;
    let token = SecretString::from("t");
    server.says([(200, json!({"id": "1f", "mail": null, "userPrincipalName": "leo@outlook.test"}))]);
    assert_eq!(server.microsoft.account(&token).await.unwrap().email, "leo@outlook.test");
    for me in [json!({"mail": "a@b"}), json!({"id": "1", "mail": null}), json!([])] {
        server.says([(200, me.clone())]);
        assert!(
            matches!(server.microsoft.account(&token).await, Err(PlatformError::Unavailable { .. })),
            "{me}"
        );
    }
    // Who has no mailbox is told so by the list, not by the settings.
    let none = refused(404, "MailboxNotEnabledForRESTAPI");
    server.says([none.clone(), none]);
    let first = server.microsoft.calendars(&token, None).await.unwrap();
    assert!(first.calendars.is_empty());
    let failed = server.microsoft.calendars(&token, first.next_page.as_deref()).await;
    assert!(matches!(failed, Err(PlatformError::NoCalendars)), "{failed:?}");
    server.says([refused(503, "ServiceUnavailable")]);
    assert!(matches!(server.microsoft.calendars(&token, None).await, Err(PlatformError::Unavailable { .. })));
}
