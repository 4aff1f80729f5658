//! What holds for every request to Graph: paths, ids to find it again, errors, packing, the profile (2.6, 3).

use reqwest::Method;
use serde_json::json;

use crate::graph_support::{EVA, LEO, code};
use crate::support::Sim;

#[tokio::test]
async fn names_count_in_any_letters_and_forms() {
    let sim = Sim::graph().await;
    let me = sim.graph_get("/me").await;
    let id = me.body["id"].as_str().unwrap().to_owned();
    let calendars = sim.graph_get("/me/calendars").await;
    let calendar = calendars.body["value"][0]["id"].as_str().unwrap().to_owned();
    let encoded: String = url::form_urlencoded::byte_serialize(calendar.as_bytes()).collect();
    for path in [
        "/Me/CALENDARS".to_owned(),
        format!("/users/{id}/calendars"),
        format!("/users/{EVA}/calendars/"),
        format!("/Users('{EVA}')/Calendars"),
        format!("/users%28%27{EVA}%27%29/calendars"),
        "/me/calendars?client-request-id=7f1b5c8e-0000-4000-8000-000000000000".to_owned(),
        "/me/calendars?%24select=id,name,canEdit,owner&$Top=10".to_owned(),
    ] {
        let reply = sim.graph_get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        assert_eq!(reply.body["value"][0]["id"], json!(calendar), "{path}");
    }
    let window = "startDateTime=2027-03-01T00:00:00Z&endDateTime=2027-04-01T00:00:00Z";
    for path in [
        format!("/me/calendars/{encoded}/calendarView?{window}"),
        format!(
            "/me/calendars('{encoded}')/CalendarView?{}",
            window.to_lowercase().replace("t00", "T00").replace("z", "Z")
        ),
        format!("/me/calendars/{encoded}/calendarView/delta()?{window}"),
        format!("/me/calendarview/microsoft.graph.delta?{window}"),
    ] {
        let reply = sim.graph_get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    }
    let version = sim.graph_get(&sim.url("/V1.0/me")).await;
    assert_eq!(version.status, 200);
    assert_eq!(
        sim.graph_get(&format!("/users/{LEO}/calendars")).await.status / 100,
        4,
        "another's are not mine"
    );
}

#[tokio::test]
async fn answers_can_be_found_again() {
    let sim = Sim::graph().await;
    let named = sim.asking(Method::GET, "/me").header("client-request-id", "mine").send().await;
    assert_eq!(named.headers["client-request-id"], "mine");
    assert_eq!(named.headers["request-id"].len(), 36);
    let lost = sim.graph_get("/me/nowhere?client-request-id=asked").await;
    assert_eq!((lost.status, code(&lost)), (400, "BadRequest"));
    assert_eq!(lost.body["error"]["innerError"]["client-request-id"], "asked");
    assert_eq!(lost.body["error"]["innerError"]["date"], "2027-03-19T08:00:00");
    for (token, message) in [
        ("", "Access token is empty."),
        ("nonsense", "CompactToken parsing failed with error code: 80049217"),
    ] {
        let asked = sim.unsigned(Method::GET, "/me").header("authorization", &format!("Bearer {token}"));
        let refused = asked.send().await;
        assert_eq!((refused.status, code(&refused)), (401, "InvalidAuthenticationToken"));
        assert_eq!(refused.body["error"]["message"], message);
    }
}

#[tokio::test]
async fn answers_are_packed_for_those_who_take_it() {
    let sim = Sim::graph().await;
    let raw = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let zones = raw.get(sim.url("/v1.0/me/outlook/supportedTimeZones")).bearer_auth(&sim.token);
    let packed = zones.header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip", "whatever the agent's name");
    let zones = raw.get(sim.url("/v1.0/me/outlook/supportedTimeZones")).bearer_auth(&sim.token);
    assert!(!zones.send().await.unwrap().headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn the_profile_says_who_one_is() {
    let sim = Sim::graph().await;
    let me = sim.graph_get("/me").await.body;
    assert_eq!((&me["mail"], &me["userPrincipalName"]), (&json!(EVA), &json!(EVA)));
    assert_eq!((&me["givenName"], &me["surname"]), (&json!("Eva"), &json!("Durand")));
    let own = sim.graph_get(&format!("/users/{EVA}?$select=id,mail")).await.body;
    assert_eq!((&own["id"], own.get("displayName")), (&me["id"], None));
    let other = sim.graph_get(&format!("/users/{LEO}")).await;
    assert_eq!((other.status, code(&other)), (403, "Authorization_RequestDenied"));
    let leo = sim.token_of(LEO).await;
    let me = sim.graph_get_as(&leo, "/me").await;
    assert_eq!(me.body["id"].as_str().unwrap().len(), 16, "a personal account's id");
    sim.control("accounts/change", json!({"account": EVA, "without_mail": true})).await;
    assert_eq!(sim.graph_get("/me").await.body["mail"], json!(null));
}

#[tokio::test]
async fn a_mailbox_has_settings_or_there_is_none() {
    let sim = Sim::graph().await;
    let zone = sim.graph_get("/me/mailboxSettings/timeZone").await.body;
    assert_eq!(zone["value"], "Romance Standard Time");
    let all = sim.graph_get("/me/MailboxSettings").await.body;
    assert_eq!(
        (&all["timeZone"], &all["workingHours"]["timeZone"]["name"]),
        (&zone["value"], &zone["value"])
    );
    let list = sim.graph_get("/me/outlook/supportedTimeZones").await.body;
    assert!(list["value"].as_array().unwrap().iter().any(|one| one["alias"] == "Romance Standard Time"));
    let iana = "/me/outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')";
    let list = sim.graph_get(iana).await.body;
    assert!(list["value"].as_array().unwrap().iter().any(|one| one["alias"] == "Europe/Paris"));
    let none = json!({"platform": "outlook", "email": "nomail@contoso.test", "without_mailbox": true});
    let token = sim.control("accounts", none).await["access_token"].as_str().unwrap().to_owned();
    for path in ["/me/calendars", "/me/events", "/me/mailboxSettings"] {
        let refused = sim.graph_get_as(&token, path).await;
        assert_eq!((refused.status, code(&refused)), (404, "MailboxNotEnabledForRESTAPI"), "{path}");
    }
    assert_eq!(sim.graph_get_as(&token, "/me").await.status, 200);
    let own = sim.graph_get_as(&token, "/me/calendars/x/events").await;
    assert_eq!((own.status, code(&own)), (404, "MailboxNotEnabledForRESTAPI"));

    // One is set up later, taken away, and given back with what was in it.
    let has = |without: bool| json!({"account": "nomail@contoso.test", "without_mailbox": without});
    sim.control("accounts/change", has(false)).await;
    let event = json!({"subject": "Dentist", "start": {"dateTime": "2027-03-25T09:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-25T10:00:00", "timeZone": "UTC"}});
    let more = json!({"platform": "outlook", "email": "nomail@contoso.test", "events": [event]});
    sim.control("accounts", more).await;
    let subjects = async || {
        let events = sim.graph_get_as(&token, "/me/events").await;
        assert_eq!(events.status, 200);
        events.body["value"].as_array().unwrap().iter().map(|one| one["subject"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(subjects().await, ["Dentist"]);
    sim.control("accounts/change", has(true)).await;
    let refused = sim.graph_get_as(&token, "/me/events").await;
    assert_eq!((refused.status, code(&refused)), (404, "MailboxNotEnabledForRESTAPI"));
    sim.control("accounts/change", has(false)).await;
    assert_eq!(subjects().await, ["Dentist"]);
}

#[tokio::test]
async fn faults_speak_as_graph_does() {
    let sim = Sim::graph().await;
    for (fault, status, expected) in [
        (json!({"status": 401}), 401, "InvalidAuthenticationToken"),
        (json!({"status": 429, "retry_after": "Fri, 19 Mar 2027 08:00:30 GMT"}), 429, "ApplicationThrottled"),
        (json!({"status": 504}), 504, "UnknownError"),
        (json!({"status": 410}), 410, "SyncStateNotFound"),
        (json!({"status": 403, "reason": "AccessDenied"}), 403, "AccessDenied"),
        (json!({"status": 412}), 412, "ErrorIrresolvableConflict"),
        (json!({"status": 400, "reason": "syncStateNotFound"}), 400, "syncStateNotFound"),
    ] {
        let mut fault = fault;
        fault["kind"] = "status".into();
        fault["account"] = EVA.into();
        let date = fault["retry_after"].as_str().map(str::to_owned);
        sim.control("faults", fault).await;
        let struck = sim.graph_get("/me/calendars").await;
        assert_eq!((struck.status, code(&struck)), (status, expected));
        if status == 504 {
            assert_eq!(struck.body["error"]["message"], "");
        }
        if let Some(date) = date {
            assert_eq!(struck.headers["retry-after"].to_str().unwrap(), date);
        }
    }
    sim.control("faults", json!({"kind": "status", "status": 503, "html": true, "path": "/v1.0/*"})).await;
    let html = sim.graph_get("/me/calendars").await;
    assert!(html.body.as_str().unwrap().contains("<HTML>"));
    assert_eq!(sim.graph_get("/me/calendars").await.status, 200, "once");
    let lost = json!({"kind": "reset_after", "method": "POST", "path": "/v1.0/me/events"});
    sim.control("faults", lost).await;
    let event = json!({
        "subject": "Twice?",
        "start": {"dateTime": "2027-03-20T10:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-20T11:00:00", "timeZone": "UTC"},
    });
    let sent = sim.asking(Method::POST, "/me/events").json(&event).try_send().await;
    assert!(sent.is_err(), "the answer is lost");
    let events = sim.graph_get("/me/events").await.body;
    assert_eq!(events["value"].as_array().unwrap().len(), 1, "what was asked for is done");
}
