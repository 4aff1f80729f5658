//! What any client relies on: credentials, scopes, `fields`, gzip, quotas, odd addresses (2.8, 3, 10, 11).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

use crate::support::{ANA, BEN, Sim, reply, timed};

const EVENTS: &str = "/calendars/primary/events";
const AUTH: &str = "https://www.googleapis.com/auth/";

impl Sim {
    pub async fn token_for(&self, scopes: &[&str]) -> String {
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
    let silent =
        raw.get(&url).bearer_auth(&sim.token).header("user-agent", "test").header("accept-encoding", "gzip");
    let silent = silent.send().await.unwrap();
    assert!(silent.headers().get("content-encoding").is_none(), "the agent does not say gzip");
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
async fn quotas_are_per_project_too() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    sim.control("settings", json!({"quota_per_project": 3})).await;
    assert_eq!((sim.get(EVENTS).await.status, sim.get(EVENTS).await.status), (200, 200));
    let ana = std::mem::replace(&mut sim.token, ben);
    assert_eq!(sim.get(EVENTS).await.status, 200);
    let over = sim.get(EVENTS).await;
    assert_eq!((over.status, over.reason()), (403, "rateLimitExceeded"), "for everybody");
    sim.control("settings", json!({"quota_status": 429, "quota_per_user": 1})).await;
    sim.token = ana;
    let over = sim.get(EVENTS).await;
    assert_eq!((over.status, over.reason()), (429, "rateLimitExceeded"));
    sim.control("settings", json!({"quota_per_project": null})).await;
    assert_eq!(sim.get(EVENTS).await.status, 200, "what was refused has cost nothing");
}

#[tokio::test]
async fn a_patch_costs_three_and_users_can_be_named() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    sim.control("settings", json!({"quota_per_user": 4})).await;
    let patch = || sim.send(Method::PATCH, "/calendars/primary/events/none?quotaUser=u", json!({}));
    assert_eq!(patch().await.status, 404);
    assert_eq!(patch().await.status, 403);
    assert_eq!(sim.get(&format!("{EVENTS}/{id}?quotaUser=u")).await.status, 200);
    assert_eq!(sim.get(&format!("{EVENTS}/{id}?quotaUser=u")).await.status, 403);
    assert_eq!(sim.get(&format!("{EVENTS}/{id}")).await.status, 200, "another user");
    assert_eq!(sim.get(&format!("{EVENTS}/{id}?quotaUser={}", "x".repeat(41))).await.status, 400);
}

#[tokio::test]
async fn a_post_can_mean_another_method() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    sim.add(timed("Y", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let post = |path: &str, method: &'static str| {
        sim.request(Method::POST, path).header("x-http-method-override", method)
    };
    let event = format!("{EVENTS}/{id}");
    let patched = reply(post(&event, "PATCH").json(&json!({"location": "L"})).send().await.unwrap()).await;
    assert_eq!((&patched.body["summary"], &patched.body["location"]), (&json!("X"), &json!("L")));
    // As Google's Python client sends a query that is too long for an address.
    let listed = reply(post(EVENTS, "GET").form(&[("q", "x"), ("alt", "json")]).send().await.unwrap()).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    let both =
        post(&format!("{EVENTS}?q=x"), "GET").form(&[("maxResults", "nonsense")]).send().await.unwrap();
    assert_eq!(both.status(), 400);
    assert_eq!(post(&event, "DELETE").send().await.unwrap().status(), 204);
    assert_eq!(post(&event, "no method").send().await.unwrap().status(), 404);
    let from_get =
        sim.request(Method::GET, &event).header("x-http-method-override", "DELETE").send().await.unwrap();
    assert_eq!(from_get.status(), 200, "only a post means something else");
}

/// `{"summary": "Packed", …}`, as `gzip` packs it.
const PACKED: &str = "H4sIAAAAAAACA6tWKi7NzU0sqlSyUlAKSEzOTk1R0lFQKi5JLCoBClUrpSSWpILkjAyMzHUNjHWNDJRqgQpS81KwSxsq1dYCALBo+NZVAAAA";

/// Google's Java and .NET clients pack what they send.
#[tokio::test]
async fn bodies_may_come_packed() {
    let sim = Sim::start().await;
    let send = |encoding: &'static str| {
        sim.request(Method::POST, EVENTS)
            .header("content-type", "application/json")
            .header("content-encoding", encoding)
            .body(STANDARD.decode(PACKED).unwrap())
            .send()
    };
    let made: Value = send("gzip").await.unwrap().json().await.unwrap();
    assert_eq!(made["summary"], "Packed");
    assert_eq!(send("br").await.unwrap().status(), 415);
    let broken = sim
        .request(Method::POST, EVENTS)
        .header("content-encoding", "gzip")
        .body("nonsense")
        .send()
        .await
        .unwrap();
    assert_eq!(broken.status(), 400);
}

#[tokio::test]
async fn pages_of_other_origins_may_ask() {
    let sim = Sim::start().await;
    let asked = sim
        .request(Method::OPTIONS, EVENTS)
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,if-match")
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 200);
    assert_eq!(asked.headers()["access-control-allow-origin"], "http://localhost:5173");
    assert_eq!(asked.headers()["access-control-allow-headers"], "authorization,if-match");
    assert!(asked.headers()["access-control-allow-methods"].to_str().unwrap().contains("PATCH"));
    let got =
        sim.request(Method::GET, EVENTS).header("origin", "http://localhost:5173").send().await.unwrap();
    assert_eq!(
        (got.status().as_u16(), &got.headers()["access-control-allow-origin"]),
        (200, &"http://localhost:5173".parse().unwrap())
    );
    let control = sim
        .http
        .get(sim.url("/_control/accounts"))
        .header("origin", "http://localhost:5173")
        .send()
        .await
        .unwrap();
    assert!(control.headers().get("access-control-allow-origin").is_none(), "the controls are not for pages");
}

#[tokio::test]
async fn common_parameters_are_checked() {
    let sim = Sim::start().await;
    let ok = format!("{EVENTS}?alt=json&key=abc&prettyPrint=true&quotaUser=u&userIp=1.2.3.4&unknown=1");
    assert_eq!(sim.get(&ok).await.status, 200);
    for bad in
        ["alt=atom", "prettyPrint=perhaps", "maxResults=0", "maxResults=-1", "maxResults=x", "pageToken=x"]
    {
        assert_eq!(sim.get(&format!("{EVENTS}?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    for path in [
        format!("{EVENTS}/{id}"),
        EVENTS.to_owned(),
        "/calendars/primary".to_owned(),
        "/users/me/calendarList".to_owned(),
        "/users/me/calendarList/primary".to_owned(),
        "/users/me/settings".to_owned(),
        "/users/me/settings/locale".to_owned(),
        "/calendars/primary/acl".to_owned(),
    ] {
        let etag = sim.get(&path).await.headers["etag"].clone();
        let again = || sim.request(Method::GET, &path).header("if-none-match", &etag).send();
        let same = again().await.unwrap();
        assert_eq!((same.status().as_u16(), &same.headers()["etag"]), (304, &etag), "{path}");
        assert!(same.bytes().await.unwrap().is_empty());
    }
    let etag = sim.get(EVENTS).await.headers["etag"].clone();
    sim.edit(json!({"do": "touch_event", "event": id})).await;
    let changed = sim.request(Method::GET, EVENTS).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(changed.status(), 200);
}

#[tokio::test]
async fn the_description_leads_to_the_simulator() {
    let sim = Sim::start().await;
    for path in ["/discovery/v1/apis/calendar/v3/rest", "/$discovery/rest?version=v3"] {
        let description: Value = sim.http.get(sim.url(path)).send().await.unwrap().json().await.unwrap();
        assert_eq!(description["rootUrl"], sim.url("/"), "{path}");
        assert_eq!(description["baseUrl"], sim.url("/calendar/v3/"));
        assert_eq!(description["batchPath"], "batch/calendar/v3");
        assert_eq!(
            description["resources"]["events"]["methods"]["list"]["path"],
            "calendars/{calendarId}/events"
        );
    }
    let directory: Value =
        sim.http.get(sim.url("/discovery/v1/apis")).send().await.unwrap().json().await.unwrap();
    assert_eq!(directory["items"][0]["id"], "calendar:v3");
    for path in [
        "/discovery/v1/apis/drive/v3/rest",
        "/discovery/v1/apis/calendar/v2/rest",
        "/$discovery/rest?version=v1",
    ] {
        assert_eq!(sim.http.get(sim.url(path)).send().await.unwrap().status(), 404, "{path}");
    }
}

/// Every method of the API with every scope: enough where Google's description says so, else refused.
#[tokio::test]
async fn scopes_are_those_of_googles_description() {
    let mut sim = Sim::start().await;
    let description: Value =
        serde_json::from_str(include_str!("../../schema/google-calendar-v3.discovery.json")).unwrap();
    let methods =
        description["resources"].as_object().unwrap().values().flat_map(|resource| {
            resource["methods"].as_object().unwrap().values().cloned().collect::<Vec<_>>()
        });
    let methods: Vec<Value> = methods.collect();
    for scope in description["auth"]["oauth2"]["scopes"].as_object().unwrap().keys() {
        let name = scope.strip_prefix(AUTH).unwrap();
        sim.token = sim.token_for(&[name]).await;
        for method in &methods {
            let path = method["path"].as_str().unwrap();
            let mut path = format!("/{path}");
            for (parameter, value) in [
                ("{calendarId}", "nobody@x"),
                ("{eventId}", "none1"),
                ("{ruleId}", "default"),
                ("{setting}", "none"),
            ] {
                path = path.replace(parameter, value);
            }
            let verb = Method::from_bytes(method["httpMethod"].as_str().unwrap().as_bytes()).unwrap();
            let reply = sim.send(verb, &path, json!({})).await;
            let enough = method["scopes"].as_array().unwrap().iter().any(|accepted| accepted == scope);
            assert_eq!(reply.reason() != "insufficientPermissions", enough, "{} with {name}", method["id"]);
        }
    }
}

#[tokio::test]
async fn some_scopes_reach_only_some_calendars() {
    let mut sim = Sim::start().await;
    sim.add(timed("Secret", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    sim.edit(json!({"do": "add_calendar", "summary": "By hand", "id": "hand@x"})).await;
    sim.token = sim.token_for(&["calendar.app.created"]).await;
    let made = sim.send(Method::POST, "/calendars", json!({"summary": "By the client"})).await.body;
    let made = format!("/calendars/{}/events", made["id"].as_str().unwrap());
    assert_eq!(sim.get(&made).await.status, 200);
    assert_eq!(sim.get("/calendars/hand@x/events").await.reason(), "insufficientPermissions");
    assert_eq!(sim.get(EVENTS).await.status, 403);

    sim.token = sim.token_for(&["calendar.events.freebusy"]).await;
    let times = sim.get(EVENTS).await.body;
    assert_eq!(times["accessRole"], "freeBusyReader");
    assert!(times["items"][0].get("summary").is_none());

    sim.token = sim.token_for(&["calendar.events.public.readonly"]).await;
    assert_eq!(sim.get(EVENTS).await.status, 403);
    sim.token = sim.token_for(&["calendar.acls"]).await;
    let public = json!({"scope": {"type": "default"}, "role": "reader"});
    assert_eq!(sim.send(Method::POST, "/calendars/primary/acl", public).await.status, 200);
    sim.token = sim.token_for(&["calendar.events.public.readonly"]).await;
    assert_eq!(sim.get(EVENTS).await.body["items"][0]["summary"], "Secret");
}

#[tokio::test]
async fn a_search_takes_terms_that_begin_words() {
    let sim = Sim::start().await;
    let mut event = timed("Dîner chez Zoé", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    event["attendees"] = json!([{"email": "zoe@x.test", "displayName": "Zoé Martin"}]);
    sim.add(event).await;
    for (text, found) in
        [("zo%C3%A9", 1), ("D%C3%8ENER%20martin", 1), ("o%C3%A9", 0), ("zoe@", 1), ("d%C3%AEner%20lundi", 0)]
    {
        assert_eq!(sim.list(&format!("q={text}")).await.0.len(), found, "{text}");
    }
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
