//! `$batch` (10).

use reqwest::Method;
use serde_json::{Value, json};

use crate::graph_support::code;
use crate::support::{Reply, Sim};

fn get(id: u32, url: &str) -> Value {
    json!({"id": id.to_string(), "method": "GET", "url": url})
}

impl Sim {
    async fn graph_batch(&self, requests: Vec<Value>) -> Reply {
        self.graph_send(Method::POST, "/$batch", json!({"requests": requests})).await
    }
}

fn of<'a>(reply: &'a Reply, id: &str) -> &'a Value {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["responses"].as_array().unwrap().iter().find(|one| one["id"] == id).expect("an answer each")
}

#[tokio::test]
async fn each_request_is_judged_on_its_own() {
    let sim = Sim::graph().await;
    let event = json!({
        "id": "made", "method": "POST", "url": "/me/events", "headers": {"Content-Type": "application/json"},
        "body": {
            "subject": "In a batch",
            "start": {"dateTime": "2027-03-20T10:00:00", "timeZone": "UTC"},
            "end": {"dateTime": "2027-03-20T11:00:00", "timeZone": "UTC"},
        },
    });
    let immutable = json!({"Prefer": "IdType=\"ImmutableId\""});
    let listed =
        json!({"id": "listed", "method": "GET", "url": "/me/Calendars?$top=1", "headers": immutable});
    let reply = sim.graph_batch(vec![event, get(2, "/me"), get(3, "me/events/nothing"), listed]).await;
    let made = of(&reply, "made");
    assert_eq!((&made["status"], &made["body"]["subject"]), (&json!(201), &json!("In a batch")));
    assert!(made["headers"]["Content-Type"].as_str().unwrap().starts_with("application/json"));
    assert_eq!(of(&reply, "2")["body"]["displayName"], "Eva Durand");
    assert!([400, 404].contains(&of(&reply, "3")["status"].as_u64().unwrap()));
    assert_eq!(of(&reply, "listed")["body"]["value"].as_array().unwrap().len(), 1);
    let log = sim.observe("requests").await;
    let inner = log.as_array().unwrap().iter().filter(|one| one["batch"] == true).count();
    assert_eq!(inner, 4, "inner requests are in the log, marked as such: {log}");
    assert!(log.as_array().unwrap().iter().any(|one| one["path"] == "/v1.0/$batch"));
}

#[tokio::test]
async fn those_that_depend_on_a_failure_are_not_carried_out() {
    let sim = Sim::graph().await;
    let after = |id: u32, url: &str, on: &[&str]| {
        let mut request = get(id, url);
        request["dependsOn"] = json!(on);
        request
    };
    let requests = vec![
        after(3, "/me", &["2"]),
        after(2, "/me", &["1"]),
        get(1, "/me/events/nothing"),
        after(4, "/me/calendars", &["5"]),
        get(5, "/me"),
    ];
    let reply = sim.graph_batch(requests).await;
    assert_eq!(of(&reply, "2")["status"], 424);
    assert_eq!(of(&reply, "3")["status"], 424, "nor what depends on those");
    assert_eq!(of(&reply, "4")["status"], 200);
}

#[tokio::test]
async fn what_is_beyond_the_limit_of_a_mailbox_is_refused() {
    let sim = Sim::graph().await;
    let all = |count: u32| (0..count).map(|id| get(id, "/me/calendars")).collect::<Vec<_>>();
    let reply = sim.graph_batch(all(7)).await;
    for id in 0..7 {
        let one = of(&reply, &id.to_string());
        assert_eq!(one["status"], if id < 4 { 200 } else { 429 }, "{id}");
        if id >= 4 {
            assert_eq!(one["headers"]["Retry-After"], "1");
            assert_eq!(one["body"]["error"]["code"], "ApplicationThrottled");
        }
    }
    assert_eq!(sim.observe("throttle").await[0]["highest"], 7, "a test sees that too much was asked at once");
    let mut chain = all(7);
    for (before, request) in chain.iter_mut().skip(1).enumerate() {
        request["dependsOn"] = json!([before.to_string()]);
    }
    let reply = sim.graph_batch(chain).await;
    assert!((0..7).all(|id| of(&reply, &id.to_string())["status"] == 200), "one after the other is no crowd");
    sim.control("settings", json!({"microsoft": {"batch_throttled": false}})).await;
    let reply = sim.graph_batch(all(20)).await;
    assert!((0..20).all(|id| of(&reply, &id.to_string())["status"] == 200));
}

#[tokio::test]
async fn a_batch_that_is_not_in_order_is_refused() {
    let sim = Sim::graph().await;
    for requests in [
        vec![],
        (0..21).map(|id| get(id, "/me")).collect(),
        vec![get(1, "/me"), get(1, "/me")],
        vec![json!({"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]})],
        vec![
            json!({"id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"]}),
            json!({"id": "2", "method": "GET", "url": "/me", "dependsOn": ["1"]}),
        ],
        vec![json!({"method": "GET", "url": "/me"})],
    ] {
        let reply = sim.graph_batch(requests).await;
        assert_eq!((reply.status, code(&reply)), (400, "BadRequest"), "{}", reply.body);
    }
    let inner = sim.graph_batch(vec![get(1, "https://graph.microsoft.com/v1.0/me"), get(2, "/$batch")]).await;
    assert_eq!((&of(&inner, "1")["status"], &of(&inner, "2")["status"]), (&json!(400), &json!(400)));
    let nobody = sim.unsigned(Method::POST, "/$batch").json(&json!({"requests": [get(1, "/me")]}));
    assert_eq!(nobody.send().await.status, 401);
}

#[tokio::test]
async fn faults_strike_inside() {
    let sim = Sim::graph().await;
    sim.control(
        "faults",
        json!({"kind": "status", "status": 503, "path": "/v1.0/me/calendars", "retry_after": "7"}),
    )
    .await;
    let reply = sim.graph_batch(vec![get(1, "/me/calendars"), get(2, "/me/calendars")]).await;
    assert_eq!((&of(&reply, "1")["status"], &of(&reply, "2")["status"]), (&json!(503), &json!(200)));
    assert_eq!(of(&reply, "1")["headers"]["Retry-After"], "7");
}
