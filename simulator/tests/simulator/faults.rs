//! Faults (13.10).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, BEN, Sim, timed};

const EVENTS: &str = "/calendars/primary/events";

fn event() -> Value {
    timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")
}

#[tokio::test]
async fn errors_are_in_googles_words() {
    let sim = Sim::start().await;
    for (fault, status, domain, reason, message) in [
        (json!({"status": 401}), 401, "global", "authError", "Invalid Credentials"),
        (json!({"status": 403}), 403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded"),
        (
            json!({"status": 403, "reason": "rateLimitExceeded"}),
            403,
            "usageLimits",
            "rateLimitExceeded",
            "Rate Limit Exceeded",
        ),
        (
            json!({"status": 403, "reason": "quotaExceeded"}),
            403,
            "usageLimits",
            "quotaExceeded",
            "Calendar usage limits exceeded.",
        ),
        (json!({"status": 404}), 404, "global", "notFound", "Not Found"),
        (
            json!({"status": 410}),
            410,
            "calendar",
            "fullSyncRequired",
            "Sync token is no longer valid, a full sync is required.",
        ),
        (json!({"status": 429}), 429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded"),
        (json!({"status": 500}), 500, "global", "backendError", "Backend Error"),
        (json!({"status": 503}), 503, "global", "backendError", "Backend Error"),
    ] {
        let mut with_kind = fault.clone();
        with_kind["kind"] = "status".into();
        sim.control("faults", with_kind).await;
        let struck = sim.get(EVENTS).await;
        let error = &struck.body["error"]["errors"][0];
        assert_eq!(struck.status, status);
        assert_eq!(
            (&error["domain"], &error["reason"], &error["message"]),
            (&json!(domain), &json!(reason), &json!(message))
        );
        assert_eq!(sim.get(EVENTS).await.status, 200, "once: {fault}");
    }
    sim.control("faults", json!({"kind": "status", "status": 429, "retry_after": "7"})).await;
    assert_eq!(sim.get(EVENTS).await.headers["retry-after"], "7");
    sim.control("faults", json!({"kind": "status", "status": 503, "html": true})).await;
    let page = sim.get(EVENTS).await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.body.as_str().unwrap().starts_with("<!DOCTYPE html>"));
    let fault = json!({"kind": "oauth_error", "error": "invalid_grant", "error_description": "reauth related error (invalid_rapt)", "error_subtype": "invalid_rapt", "path": "/token"});
    sim.control("faults", fault).await;
    let refused = sim.http.post(sim.url("/token")).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.json::<Value>().await.unwrap()["error_subtype"], "invalid_rapt");
}

#[tokio::test]
async fn a_fault_strikes_what_it_matches_and_as_often_as_it_says() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    sim.edit(json!({"do": "add_calendar", "summary": "F", "id": "fam@x"})).await;
    let fault = json!({
        "kind": "status", "status": 500, "method": "GET", "path": "*/events", "account": ANA, "calendar": ANA, "after": 1, "times": 2,
    });
    let set = sim.control("faults", fault).await;
    assert_eq!(sim.get("/calendars/fam@x/events").await.status, 200, "another calendar");
    assert_eq!(sim.send(Method::POST, EVENTS, event()).await.status, 200, "another method");
    let ana = std::mem::replace(&mut sim.token, ben);
    assert_eq!(sim.get(EVENTS).await.status, 200, "another account");
    sim.token = ana;
    let mut got = Vec::new();
    for path in [EVENTS, EVENTS, &format!("/calendars/{ANA}/events"), EVENTS] {
        got.push(sim.get(path).await.status);
    }
    assert_eq!(got, [200, 500, 500, 200], "after one, twice, also by its own name");
    let listed = sim.observe("faults").await;
    assert_eq!((&listed[0]["matched"], &listed[0]["struck"]), (&json!(4), &json!(2)));

    let id = &set["id"];
    let remove = sim.http.delete(sim.url(&format!("/_control/faults/{id}"))).send().await.unwrap();
    assert_eq!(remove.status(), 200);
    sim.control("faults", json!([{"kind": "status", "status": 500, "times": null, "query": "pageToken="}]))
        .await;
    assert_eq!(sim.get(EVENTS).await.status, 200);
    for _ in 0..3 {
        assert_eq!(sim.get(&format!("{EVENTS}?pageToken=x")).await.status, 500);
    }
    sim.http.delete(sim.url("/_control/faults")).send().await.unwrap();
    assert_eq!(sim.observe("faults").await, json!([]));
}

#[tokio::test]
async fn an_answer_can_be_lost_before_or_after_the_work() {
    let sim = Sim::start().await;
    let send = || sim.request(Method::POST, EVENTS).json(&event()).send();
    sim.control("faults", json!({"kind": "reset_before"})).await;
    assert!(send().await.is_err());
    assert_eq!(sim.list("").await.0.len(), 0);
    sim.control("faults", json!({"kind": "reset_after"})).await;
    assert!(send().await.is_err());
    assert_eq!(sim.list("").await.0.len(), 1, "it was done");
    let log = sim.observe("requests").await;
    let lost: Vec<_> = log.as_array().unwrap().iter().filter(|entry| entry["method"] == "POST").collect();
    assert_eq!((&lost[0]["status"], &lost[0]["faults"]), (&json!(0), &json!(["reset_before"])));
    assert_eq!((&lost[1]["status"], &lost[1]["faults"]), (&json!(0), &json!(["reset_after"])));
}

#[tokio::test]
async fn an_answer_can_be_slow_cut_or_broken() {
    let sim = Sim::start().await;
    for _ in 0..50 {
        sim.add(event()).await;
    }
    sim.control("faults", json!({"kind": "slow", "ms": 400})).await;
    let short = sim.request(Method::GET, EVENTS).timeout(Duration::from_millis(100)).send().await;
    assert!(short.unwrap_err().is_timeout());
    for encoding in ["gzip", "identity"] {
        sim.control("faults", json!({"kind": "truncated"})).await;
        let cut = sim.request(Method::GET, EVENTS).header("accept-encoding", encoding).send().await;
        if let Ok(cut) = cut {
            assert_eq!(cut.status(), 200);
            assert!(cut.bytes().await.is_err());
        }
    }
    sim.control("faults", json!({"kind": "garbled"})).await;
    let broken = sim.request(Method::GET, EVENTS).send().await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(broken.json::<Value>().await.is_err());
    assert_eq!(sim.get(EVENTS).await.status, 200);
}

#[tokio::test]
async fn listings_can_be_odd() {
    let sim = Sim::start().await;
    for _ in 0..5 {
        sim.add(event()).await;
    }
    sim.control("faults", json!({"kind": "empty_page"})).await;
    let odd = sim.get(EVENTS).await.body;
    assert_eq!(odd["items"], json!([]));
    assert!(odd["nextPageToken"].is_string() && odd.get("nextSyncToken").is_none());
    sim.control("faults", json!({"kind": "empty_page"})).await;
    assert_eq!(sim.list("").await.0.len(), 5, "what comes after it is whole");
    sim.control("faults", json!({"kind": "small_pages", "size": 2, "times": null})).await;
    assert_eq!(sim.get(EVENTS).await.body["items"].as_array().unwrap().len(), 2);
    let (items, token) = sim.list("maxResults=2500").await;
    assert!(items.len() == 5 && token.is_some());
    sim.http.delete(sim.url("/_control/faults")).send().await.unwrap();
    sim.control("faults", json!({"kind": "empty_listing"})).await;
    let (none, token) = sim.list("").await;
    assert!(none.is_empty() && token.is_some(), "as if there were nothing");
    assert_eq!(sim.list("").await.0.len(), 5);
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused() {
    let sim = Sim::start().await;
    for fault in [
        json!({"kind": "status"}),
        json!({"kind": "status", "status": 42}),
        json!({"kind": "earthquake"}),
        json!({"kind": "slow"}),
        json!({"kind": "small_pages", "size": 0}),
        json!({"kind": "oauth_error"}),
        json!({"kind": "garbled", "pth": "/token"}),
        json!({"kind": "status", "status": 429, "retry_after": "a\nb"}),
    ] {
        let set = sim.http.post(sim.url("/_control/faults")).json(&fault).send().await.unwrap();
        assert_eq!(set.status(), 400, "{fault}");
        assert!(set.json::<Value>().await.unwrap()["error"].is_string());
    }
}
