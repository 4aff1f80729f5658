//! What the adapter makes of answers, the broken ones above all: over HTTP, from a server that says what each test
//! wants to hear.

#![expect(clippy::unwrap_used, reason = "a test may stop where it likes")]

mod support;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simone_booking::{Interval, SystemClock};
use simone_platforms::{Google, GoogleConfig};
use simone_sync::platform::{
    Account, CalendarPlatform, ChangesPage, Grant, PageEnd, PlatformError, Position, TokenError,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::window;

/// What it answers next, and what it was asked last: path, headers, body.
#[derive(Default)]
struct Script {
    status: u16,
    retry_after: Option<String>,
    body: String,
    asked: Option<(String, HeaderMap, Bytes)>,
}

struct Server {
    google: Google,
    script: Arc<Mutex<Script>>,
}

async fn server() -> Server {
    let script = Arc::new(Mutex::new(Script::default()));
    let app = Router::new().fallback(answer).with_state(script.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let config: GoogleConfig = serde_json::from_value(json!({
        "client_id": "the client", "client_secret": "h&sh", "authorize_url": format!("{base}/auth"),
        "token_url": format!("{base}/token"), "revoke_url": format!("{base}/revoke"),
        "userinfo_url": format!("{base}/userinfo"), "api_url": format!("{base}/calendar/v3")
    }))
    .unwrap();
    Server { google: Google::new(config, Arc::new(SystemClock)).unwrap(), script }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut script = script.lock().unwrap();
    script.asked = Some((uri.path().to_owned(), headers, body));
    let status = StatusCode::from_u16(script.status).unwrap();
    let mut response = (status, script.body.clone()).into_response();
    if let Some(wait) = &script.retry_after {
        response.headers_mut().insert("retry-after", wait.parse().unwrap());
    }
    response
}

impl Server {
    fn says(&self, status: u16, body: impl ToString) {
        *self.script.lock().unwrap() = Script { status, body: body.to_string(), ..Script::default() };
    }

    /// The form of the last request.
    fn form(&self, path: &str) -> HashMap<String, String> {
        let (asked, headers, body) = self.script.lock().unwrap().asked.take().unwrap();
        assert_eq!(asked, path);
        assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
        assert!(!headers.contains_key("authorization"), "the client is named in the form");
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
        let form: HashMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(form.len(), pairs.len(), "nothing twice");
        form
    }

    async fn changes(&self) -> Result<ChangesPage, PlatformError> {
        let position = Position { cursor: None, page: None, window: window() };
        self.google.changes(&secret("token"), "ana@example.com", position).await
    }

    async fn refresh(&self) -> Result<Grant, TokenError> {
        self.google.refresh(&secret("1//0g/+&")).await
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn form<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn is_unavailable<T>(answer: Result<T, PlatformError>) -> bool {
    match answer {
        Err(PlatformError::Unavailable { reason, .. }) => {
            assert!(!reason.contains("secret") && !reason.contains("ana@"), "{reason}");
            true
        }
        _ => false,
    }
}

#[tokio::test]
async fn a_code_is_exchanged_with_its_verifier() {
    let server = server().await;
    server.says(
        200,
        json!({"access_token": "ya29.a0", "expires_in": 3599, "refresh_token": "1//0g", "scope": "openid email",
               "token_type": "Bearer", "id_token": "eyJ"}),
    );
    let verifier = secret(&"v".repeat(64));
    let redirect = "http://127.0.0.1:3000/oauth/google/callback".parse().unwrap();
    let grant = server.google.exchange(&secret("4/0A+&="), &verifier, &redirect).await.unwrap();
    assert_eq!(grant.access_token.expose_secret(), "ya29.a0");
    assert_eq!(grant.refresh_token.unwrap().expose_secret(), "1//0g");
    assert!(!grant.covers_calendars, "the boxes were unticked");
    let expected = form([
        ("grant_type", "authorization_code"),
        ("code", "4/0A+&="),
        ("code_verifier", &"v".repeat(64)),
        ("redirect_uri", "http://127.0.0.1:3000/oauth/google/callback"),
        ("client_id", "the client"),
        ("client_secret", "h&sh"),
    ]);
    assert_eq!(server.form("/token"), expected);
}

#[tokio::test]
async fn a_refresh_keeps_the_refresh_token_unless_another_comes() {
    let server = server().await;
    server.says(200, json!({"access_token": "new", "expires_in": 3599, "token_type": "Bearer"}));
    let grant = server.refresh().await.unwrap();
    assert!(grant.refresh_token.is_none() && grant.covers_calendars);
    assert_eq!(grant.expires_in, Duration::from_secs(3599));
    let expected = form([
        ("grant_type", "refresh_token"),
        ("refresh_token", "1//0g/+&"),
        ("client_id", "the client"),
        ("client_secret", "h&sh"),
    ]);
    assert_eq!(server.form("/token"), expected);

    server.says(200, json!({"access_token": "new", "refresh_token": "rotated", "token_type": "Bearer"}));
    assert_eq!(server.refresh().await.unwrap().refresh_token.unwrap().expose_secret(), "rotated");
}

#[tokio::test]
async fn only_a_dead_grant_is_the_providers_matter() {
    let server = server().await;
    server.says(
        400,
        json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
    );
    assert!(matches!(server.refresh().await, Err(TokenError::Dead { code }) if code == "invalid_grant"));
    server.says(
        401,
        json!({"error": "invalid_client", "error_description": "The OAuth client was not found."}),
    );
    assert!(
        matches!(server.refresh().await, Err(TokenError::Misconfigured { code }) if code == "invalid_client")
    );
    server.says(429, "slow down");
    server.script.lock().unwrap().retry_after = Some("11".to_owned());
    let wait = Some(Duration::from_secs(11));
    assert!(
        matches!(server.refresh().await, Err(TokenError::RateLimited { retry_after }) if retry_after == wait)
    );
    for (status, body) in [
        (500, json!({"error": "invalid_grant"}).to_string()),
        (502, "<html>secret</html>".to_owned()),
        (302, String::new()),
        (200, String::new()),
        (200, "<html>secret</html>".to_owned()),
        (200, "{\"access_token\":\"secret\",\"token_ty".to_owned()),
        (200, json!({"access_token": "", "token_type": "Bearer"}).to_string()),
        (200, json!({"token_type": "Bearer"}).to_string()),
        (200, json!({"error": "invalid_grant"}).to_string()),
    ] {
        server.says(status, &body);
        match server.refresh().await {
            Err(TokenError::Unavailable { reason }) => assert!(!reason.contains("secret"), "{reason}"),
            other => panic!("{status} {body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn revoking_what_is_dead_already_is_success() {
    let server = server().await;
    server.says(200, "{}");
    server.google.revoke(&secret("1//0g/+&")).await.unwrap();
    assert_eq!(server.form("/revoke"), form([("token", "1//0g/+&")]));
    server.says(400, json!({"error": "invalid_token", "error_description": "Token expired or revoked"}));
    server.google.revoke(&secret("dead")).await.unwrap();
    server.says(400, json!({"error": "invalid_request"}));
    let refused = server.google.revoke(&secret("t")).await;
    assert!(
        matches!(refused, Err(PlatformError::Refused { status: 400, code }) if code == "invalid_request")
    );
    server.says(503, "<html>");
    assert!(is_unavailable(server.google.revoke(&secret("t")).await));
}

#[tokio::test]
async fn the_account_is_known_by_its_sub() {
    let server = server().await;
    let info = json!({"sub": "1084", "name": "Ana", "email": "ana@example.com", "email_verified": true});
    server.says(200, &info);
    let account = server.google.account(&secret("ya29")).await.unwrap();
    assert_eq!(account, Account { id: "1084".to_owned(), email: "ana@example.com".to_owned() });
    let (path, headers, _) = server.script.lock().unwrap().asked.take().unwrap();
    assert_eq!((path.as_str(), headers["authorization"].to_str().unwrap()), ("/userinfo", "Bearer ya29"));

    server.says(200, json!({"sub": "1084"}));
    assert!(matches!(server.google.account(&secret("t")).await, Err(PlatformError::MissingScopes)));
    for body in
        [json!({"email": "ana@example.com"}), json!([]), json!({"sub": 1084, "email": "ana@example.com"})]
    {
        server.says(200, body);
        assert!(is_unavailable(server.google.account(&secret("t")).await));
    }
    server.says(401, json!({"error": "invalid_request", "error_description": "Invalid Credentials"}));
    assert!(matches!(server.google.account(&secret("t")).await, Err(PlatformError::Unauthorized)));
    assert!(matches!(server.google.account(&secret("no\ntoken")).await, Err(PlatformError::Unauthorized)));
}

#[tokio::test]
async fn a_page_ends_in_one_of_three_ways() {
    let server = server().await;
    let page = |fields: Value| {
        let mut page = json!({"kind": "calendar#events", "timeZone": "Europe/Paris"});
        page.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        page
    };
    for (fields, end) in [
        (json!({"nextPageToken": "p"}), PageEnd::More("p".to_owned())),
        (json!({"items": [], "nextSyncToken": "s"}), PageEnd::Cursor("s".to_owned())),
        // The page first: what is left out now would never come.
        (json!({"nextPageToken": "p", "nextSyncToken": "s"}), PageEnd::More("p".to_owned())),
        (json!({"items": []}), PageEnd::Cut),
        (json!({"nextPageToken": "", "nextSyncToken": null}), PageEnd::Cut),
    ] {
        server.says(200, page(fields));
        let answer = server.changes().await.unwrap();
        assert_eq!(answer.end, end);
        assert_eq!(answer.zone.as_deref(), Some("Europe/Paris"));
    }
    let item = |id: &str| json!({"id": id, "status": "cancelled"});
    server.says(
        200,
        page(json!({"items": [item("a"), {"status": "cancelled"}, item("b")], "nextSyncToken": "s"})),
    );
    let ids: Vec<String> =
        server.changes().await.unwrap().changes.iter().map(|change| change.id().to_owned()).collect();
    assert_eq!(ids, ["a", "b"], "the one without an id is left out, the others stand");
}

#[tokio::test]
async fn an_answer_that_merely_lacks_everything_is_no_empty_list() {
    let server = server().await;
    let window =
        Interval::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-02-01T00:00:00Z".parse().unwrap());
    for body in [
        "",
        "{}",
        "[]",
        "null",
        "<html>secret</html>",
        "{\"kind\":\"calendar#event\"}",
        "{\"kind\":\"calendar#events\",\"items\":{}}",
        "{\"kind\":\"calendar#calendarList\",\"items\":\"secret\"}",
        "{\"kind\":\"calendar#events\",\"items\":[{\"id\":\"secret\",",
        &"[".repeat(100_000),
    ] {
        server.says(200, body);
        assert!(is_unavailable(server.changes().await), "{body}");
        assert!(is_unavailable(server.google.calendars(&secret("t"), None).await), "{body}");
        let instances = server.google.instances(&secret("t"), "ana@example.com", "m", window, None).await;
        assert!(is_unavailable(instances), "{body}");
    }
}

#[tokio::test]
async fn a_page_token_that_expires_ends_the_listing() {
    let server = server().await;
    server.says(
        410,
        json!({"error": {"errors": [{"domain": "calendar", "reason": "fullSyncRequired", "locationType": "parameter",
                                     "location": "syncToken"}], "code": 410}}),
    );
    for (cursor, page) in [(Some("s"), None), (Some("s"), Some("p")), (None, Some("p"))] {
        let answer =
            server.google.changes(&secret("t"), "c", Position { cursor, page, window: window() }).await;
        assert!(matches!(answer, Err(PlatformError::CursorExpired)));
    }
    let invalid = json!({"error": {"errors": [{"reason": "invalid", "locationType": "parameter",
                                               "location": "pageToken"}], "code": 400}});
    server.says(400, &invalid);
    assert!(matches!(
        server.google.calendars(&secret("t"), Some("p")).await,
        Err(PlatformError::CursorExpired)
    ));
    assert!(matches!(server.changes().await, Err(PlatformError::Refused { status: 400, .. })));
}

#[tokio::test]
async fn what_is_not_an_occurrence_of_the_series_stands_in_for_none() {
    let server = server().await;
    let occurrence = |id: &str, master: &str| {
        json!({"id": id, "etag": "\"1\"", "recurringEventId": master, "originalStartTime": {"date": "2026-01-10"},
               "start": {"date": "2026-01-11"}, "end": {"date": "2026-01-12"}})
    };
    let single = json!({"id": "single", "start": {"date": "2026-01-11"}, "end": {"date": "2026-01-12"}});
    server.says(
        200,
        json!({"kind": "calendar#events", "items": [occurrence("ours", "m"), occurrence("theirs", "n"), single]}),
    );
    let window =
        Interval::new("2026-01-01T00:00:00Z".parse().unwrap(), "2026-02-01T00:00:00Z".parse().unwrap());
    let page = server.google.instances(&secret("t"), "c", "m", window, None).await.unwrap();
    use simone_sync::event::Change::{Present, Unreadable};
    match &page.changes[..] {
        [Present(event), Unreadable { id: theirs }, Unreadable { id: single }] => {
            assert_eq!((event.id.as_str(), event.shape.master()), ("ours", Some("m")));
            assert_eq!((theirs.as_str(), single.as_str()), ("theirs", "single"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(page.end, PageEnd::Cursor(String::new()));
}
