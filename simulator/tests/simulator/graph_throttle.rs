//! How much may be asked of a mailbox (9).

use reqwest::Method;
use serde_json::json;

use crate::graph_support::{LEO, code};
use crate::support::Sim;

#[tokio::test]
async fn the_fifth_request_at_a_time_is_refused() {
    let sim = Sim::graph().await;
    let slow = json!({"kind": "slow", "ms": 400, "path": "/v1.0/me/calendars", "times": 4});
    sim.control("faults", slow).await;
    let ask = || async { sim.graph_get("/me/calendars").await };
    let ((a, b, c, d), e) = futures::join!(async { futures::join!(ask(), ask(), ask(), ask()) }, async {
        crate::graph_support::wait(150).await;
        ask().await
    });
    for reply in [&a, &b, &c, &d] {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    assert_eq!((e.status, code(&e)), (429, "ApplicationThrottled"));
    assert_eq!(e.headers["retry-after"], "1");
    assert_eq!(e.body["error"]["message"], "Application is over its MailboxConcurrency limit.");
    assert_eq!(sim.graph_get("/me/calendars").await.status, 200, "there is room again");
    let seen = &sim.observe("throttle").await[0];
    assert_eq!((&seen["highest"], &seen["refused"], &seen["in_flight"]), (&json!(5), &json!(1), &json!(0)));
}

#[tokio::test]
async fn other_mailboxes_and_what_is_no_mailbox_have_room() {
    let sim = Sim::graph().await;
    let leo = sim.token_of(LEO).await;
    sim.control("settings", json!({"microsoft": {"concurrency": 1}})).await;
    sim.control("faults", json!({"kind": "slow", "ms": 300, "path": "/v1.0/me/calendars"})).await;
    let other = async {
        crate::graph_support::wait(100).await;
        let theirs = sim.graph_get_as(&leo, "/me/calendars").await;
        let me = sim.graph_get("/me").await;
        let refused = sim.graph_get("/me/events").await;
        (theirs.status, me.status, refused.status)
    };
    let (first, (theirs, me, refused)) = futures::join!(sim.graph_get("/me/calendars"), other);
    assert_eq!((first.status, theirs, me, refused), (200, 200, 200, 429));
}

#[tokio::test]
async fn ten_minutes_have_a_budget() {
    let sim = Sim::graph().await;
    sim.control("settings", json!({"microsoft": {"requests_per_10_minutes": 3}})).await;
    for _ in 0..3 {
        assert_eq!(sim.graph_get("/me/calendars").await.status, 200);
        sim.control("clock", json!({"advance": "1m"})).await;
    }
    for _ in 0..2 {
        assert_eq!(sim.graph_get("/me/calendars").await.status, 429);
    }
    let over = sim.graph_get("/me/calendars").await;
    assert_eq!((over.status, code(&over)), (429, "ApplicationThrottled"));
    let wait: u64 = over.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((60..=600).contains(&wait), "{wait}");
    sim.control("clock", json!({"advance": "8m"})).await;
    assert_eq!(sim.graph_get("/me/calendars").await.status, 429, "what was refused counted, too");
    sim.control("clock", json!({"advance": "11m"})).await;
    assert_eq!(sim.graph_get("/me/calendars").await.status, 200);
    let gone = sim.http.request(Method::DELETE, sim.url("/_control/throttle")).send().await.unwrap();
    assert_eq!(gone.status(), 200);
    assert_eq!(sim.observe("throttle").await[0]["refused"], 0);
}
