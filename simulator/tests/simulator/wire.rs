//! What any client relies on: credentials, scopes, `fields`, gzip, quotas, odd addresses (2.8, 3, 10, 11).

use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

use crate::support::{ANA, Sim, reply, timed};

const EVENTS: &str = "/calendars/primary/events";
const AUTH: &str = "https://www.googleapis.com/auth/";

impl Sim {
    async fn token_for(&self, scopes: &[&str]) -> String {
        let scope = scopes.iter().map(|scope| format!("{AUTH}{scope}")).collect::<Vec<_>>().join(" ");
        let back = "http://127.0.0.1:1/cb";
        let form = [
            ("client_id", DEMO_CLIENT_ID),
            ("redirect_uri", back),
            ("response_type", "code"),
            ("scope", &scope),
            ("account", ANA),
            ("decision", "allow"),
            ("enable_granular_consent", "false"),
        ];
        let landed = self.http.post(self.url("/o/oauth2/v2/auth")).form(&form).send().await.unwrap();
        let landed = url::Url::parse(landed.headers()["location"].to_str().unwrap()).unwrap();
        let code = landed.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let form = [
            ("client_id", DEMO_CLIENT_ID),
            ("client_secret", DEMO_CLIENT_SECRET),
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", back),
        ];
        let tokens: Value =
            self.http.post(self.url("/token")).form(&form).send().await.unwrap().json().await.unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn credentials_are_needed() {
    let sim = Sim::start().await;
    let url = sim.url(&format!("/calendar/v3{EVENTS}"));
    let none = reply(sim.http.get(&url).send().await.unwrap()).await;
    assert_eq!((none.status, none.reason()), (401, "required"));
    assert_eq!(none.body["error"]["message"], "Login Required");
    for value in ["Bearer wrong", "Bearer", "Basic abc", "Bearer  "] {
        let wrong = reply(sim.http.get(&url).header("authorization", value).send().await.unwrap()).await;
        assert_eq!((wrong.status, wrong.reason()), (401, "authError"), "{value}");
        assert_eq!(wrong.body["error"]["status"], "UNAUTHENTICATED");
        let challenge = wrong.headers["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge, "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
    }
    let by_query = sim.http.get(&url).query(&[("access_token", &sim.token)]).send().await.unwrap();
    assert_eq!(by_query.status(), 200);
    assert_eq!(sim.get("/nothing/here").await.reason(), "notFound");
}

#[tokio::test]
async fn each_method_needs_one_of_its_scopes() {
    let mut sim = Sim::start().await;
    sim.edit(json!({"do": "add_calendar", "summary": "C", "id": "club@x", "role": "writer"})).await;
    let event = timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    for (scopes, list, calendar, read, write) in [
        (&["calendar"][..], 200, 200, 200, 200),
        (&["calendar.readonly"], 200, 200, 200, 403),
        (&["calendar.events"], 403, 403, 200, 200),
        (&["calendar.events.readonly"], 403, 403, 200, 403),
        (&["calendar.events.owned"], 403, 403, 200, 200),
        (&["calendar.calendarlist.readonly"], 200, 403, 403, 403),
        (&["calendar.freebusy"], 403, 403, 403, 403),
        (&["userinfo.email"], 403, 403, 403, 403),
        (&["calendar.events", "calendar.calendarlist.readonly"], 200, 403, 200, 200),
    ] {
        sim.token = sim.token_for(scopes).await;
        let got = [
            sim.get("/users/me/calendarList").await.status,
            sim.get("/calendars/primary").await.status,
            sim.get(EVENTS).await.status,
            sim.send(Method::POST, EVENTS, event.clone()).await.status,
        ];
        assert_eq!(got, [list, calendar, read, write], "{scopes:?}");
    }
    let refused = sim.get("/calendars/primary").await;
    assert_eq!(refused.reason(), "insufficientPermissions");
    assert_eq!(refused.body["error"]["status"], "PERMISSION_DENIED");
    assert_eq!(refused.body["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    sim.token = sim.token_for(&["calendar.events.owned"]).await;
    assert_eq!(sim.get("/calendars/club@x/events").await.status, 403, "not owned");
}

#[tokio::test]
async fn only_the_fields_asked_for_come() {
    let sim = Sim::start().await;
    sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let picked = sim.get(&format!("{EVENTS}?fields=items(summary,start/dateTime),nextPageToken")).await.body;
    assert_eq!(
        picked,
        json!({"items": [{"summary": "X", "start": {"dateTime": "2027-03-20T10:00:00+01:00"}}]})
    );
    let all = sim.get(&format!("{EVENTS}?fields=*")).await.body;
    assert!(all["nextSyncToken"].is_string());
    for bad in ["items(", "nope", ""] {
        let refused = sim.get(&format!("{EVENTS}?fields={bad}")).await;
        assert_eq!((refused.status, refused.reason()), (400, "invalidParameter"), "{bad}");
    }
    let event = timed("Y", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    let made = sim.send(Method::POST, &format!("{EVENTS}?fields=summary"), event.clone()).await;
    assert_eq!(made.body, json!({"summary": "Y"}));
    assert!(made.headers.get("etag").is_some());
    assert_eq!(sim.send(Method::POST, &format!("{EVENTS}?fields=x"), event).await.status, 400);
    assert_eq!(sim.list("").await.0.len(), 2, "a refused request writes nothing");
}

#[tokio::test]
async fn answers_are_compressed_and_pretty_as_asked() {
    let sim = Sim::start().await;
    for number in 0..20 {
        sim.add(timed(&format!("N{number}"), "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    }
    // Without the automatic decoding of the client.
    let raw = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let url = sim.url(&format!("/calendar/v3{EVENTS}?prettyPrint=false&alt=json"));
    let get = |url: String| raw.get(url).bearer_auth(&sim.token).header("user-agent", "test (gzip)");
    let packed = get(url.clone()).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    let plain = get(url).send().await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    assert_eq!(plain.headers()["content-type"], "application/json; charset=UTF-8");
    let plain = plain.bytes().await.unwrap();
    assert!(packed.len() * 2 < plain.len());
    // The usual client unpacks by itself.
    let unpacked: Value = sim.get(EVENTS).await.body;
    assert_eq!(unpacked["items"], serde_json::from_slice::<Value>(&plain).unwrap()["items"]);
    assert!(!plain.contains(&b'\n'));
    let pretty = get(sim.url(&format!("/calendar/v3{EVENTS}"))).send().await.unwrap().bytes().await.unwrap();
    assert!(pretty.contains(&b'\n'), "pretty by default");
}

#[tokio::test]
async fn quotas_are_per_account_and_minute() {
    let sim = Sim::start().await;
    sim.control("settings", json!({"quota_per_user": 3})).await;
    for _ in 0..3 {
        assert_eq!(sim.get(EVENTS).await.status, 200);
    }
    let over = sim.get(EVENTS).await;
    assert_eq!((over.status, over.reason()), (403, "userRateLimitExceeded"));
    assert_eq!(over.body["error"]["errors"][0]["domain"], "usageLimits");
    sim.control("clock", json!({"advance": "1m"})).await;
    assert_eq!(sim.get(EVENTS).await.status, 200);
}

#[tokio::test]
async fn ids_are_percent_encoded() {
    let sim = Sim::start().await;
    let odd = "en.usa#holiday/ä +%@group.v.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "Odd", "id": odd})).await;
    let mut url = url::Url::parse("http://x").unwrap();
    url.path_segments_mut().unwrap().push(odd);
    let segment = url.path().trim_start_matches('/').replace('+', "%2B");
    assert_eq!(sim.get(&format!("/users/me/calendarList/{segment}")).await.body["id"], odd);
    assert_eq!(sim.get(&format!("/calendars/{segment}/events")).await.body["summary"], "Odd");
    assert_eq!(sim.get("/calendars/%ff%fe/events").await.status, 400);
    let logged = sim.observe("requests").await;
    let paths: Vec<_> =
        logged.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert!(paths.contains(&format!("/calendar/v3/calendars/{odd}/events").as_str()), "{paths:?}");
}

#[tokio::test]
async fn too_much_is_refused() {
    let sim = Sim::start().await;
    let large = sim.request(Method::POST, EVENTS).body("x".repeat(3 * 1024 * 1024)).send().await;
    // The connection may be closed before all was sent.
    assert!(large.is_err() || large.is_ok_and(|reply| reply.status() == 413));
    assert_eq!(sim.get(EVENTS).await.status, 200);
}
