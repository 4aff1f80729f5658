//! Notifications of changes, to a receiver on this machine (8).

use reqwest::Method;
use serde_json::{Value, json};

use crate::graph_support::{EVA, Hook, LEO, Manner, code};
use crate::support::{Reply, Sim};

const EVENTS: &str = "me/events";

fn wanted(hook: &Hook, resource: &str) -> Value {
    json!({
        "changeType": "created,updated,deleted",
        "notificationUrl": hook.address,
        "lifecycleNotificationUrl": format!("{}?lifecycle=1", hook.address),
        "resource": resource,
        "expirationDateTime": "2027-03-25T08:00:00.0000000Z",
        "clientState": "s3cret",
    })
}

fn timed(subject: &str) -> Value {
    json!({
        "subject": subject,
        "start": {"dateTime": "2027-03-20T10:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-20T11:00:00", "timeZone": "UTC"},
    })
}

impl Sim {
    async fn subscribe(&self, said: Value) -> Reply {
        self.graph_send(Method::POST, "/subscriptions", said).await
    }

    async fn subscribed(&self, hook: &Hook) -> String {
        let reply = self.subscribe(wanted(hook, EVENTS)).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.body["id"].as_str().unwrap().to_owned()
    }

    async fn add_event(&self, subject: &str) -> Value {
        let edit = json!({"platform": "outlook", "do": "add_event", "account": EVA, "event": timed(subject)});
        self.control("edits", edit).await
    }
}

fn items(messages: &[Value]) -> Vec<&Value> {
    messages.iter().flat_map(|message| message["value"].as_array().unwrap()).collect()
}

#[tokio::test]
async fn both_addresses_are_asked_before_there_is_a_subscription() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    let reply = sim.subscribe(wanted(&hook, EVENTS)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let shaken = hook.shaken.lock().unwrap().clone();
    assert_eq!(shaken.len(), 2);
    assert!(shaken[0].starts_with("validationToken=Validation%3A+"), "{shaken:?}");
    assert!(shaken[1].starts_with("lifecycle=1&validationToken="), "{shaken:?}");
    assert_eq!((&reply.body["clientState"], &reply.body["resource"]), (&json!("s3cret"), &json!(EVENTS)));
    let id = reply.body["id"].as_str().unwrap();
    let shown = sim.graph_get(&format!("/subscriptions/{id}")).await.body;
    assert_eq!((&shown["id"], &shown["clientState"]), (&json!(id), &json!(null)));
    assert_eq!(sim.graph_get("/subscriptions").await.body["value"][0]["id"], json!(id));
    let again = sim.subscribe(wanted(&hook, EVENTS)).await;
    assert_eq!(again.status, 409, "the same a second time");
    code(&again);
    let mut narrower = wanted(&hook, EVENTS);
    narrower["changeType"] = "created".into();
    assert_eq!(sim.subscribe(narrower).await.status, 201);
}

#[tokio::test]
async fn an_address_that_does_not_want_it_gets_none() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    for manner in [Manner::StillEncoded, Manner::AsJson, Manner::Refused] {
        *hook.manner.lock().unwrap() = manner;
        let reply = sim.subscribe(wanted(&hook, EVENTS)).await;
        assert_eq!((reply.status, code(&reply)), (400, "ValidationError"), "{}", reply.body);
    }
    assert_eq!(sim.graph_get("/subscriptions").await.body["value"], json!([]));
    let mut nobody = wanted(&hook, EVENTS);
    nobody["notificationUrl"] = "http://127.0.0.1:9/hook".into();
    assert_eq!(sim.subscribe(nobody).await.status, 400);
}

#[tokio::test]
async fn what_is_asked_for_must_be_possible() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    for (name, value, expected) in [
        ("changeType", json!("moved"), "InvalidRequest"),
        ("changeType", json!(null), "InvalidRequest"),
        ("notificationUrl", json!("http://example.test/hook"), "InvalidRequest"),
        ("resource", json!("me/messages"), "InvalidRequest"),
        ("resource", json!("me/events/AAA"), "ExtensionError"),
        ("expirationDateTime", json!("2027-03-18T08:00:00Z"), "InvalidRequest"),
        ("expirationDateTime", json!("2027-03-26T07:51:00Z"), "ExtensionError"),
        ("clientState", json!("x".repeat(129)), "InvalidRequest"),
        ("includeResourceData", json!(true), "InvalidRequest"),
    ] {
        let mut said = wanted(&hook, EVENTS);
        said[name] = value;
        let reply = sim.subscribe(said).await;
        assert_eq!((reply.status, code(&reply)), (400, expected), "{name}: {}", reply.body);
    }
    assert!(hook.shaken.lock().unwrap().is_empty(), "nobody is asked for what cannot be");
    let mut short = wanted(&hook, EVENTS);
    short["expirationDateTime"] = "2027-03-19T08:05:00Z".into();
    assert_eq!(sim.subscribe(short).await.body["expirationDateTime"], "2027-03-19T08:45:00.000Z");
    let mut long = wanted(&hook, "me/calendar/events");
    long["changeType"] = "deleted".into();
    long["expirationDateTime"] = "2027-03-26T07:50:00Z".into();
    assert_eq!(sim.subscribe(long).await.status, 201, "10,070 minutes are the limit");
}

#[tokio::test]
async fn changes_are_told() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    let id = sim.subscribed(&hook).await;
    let added = sim.add_event("Secret title").await;
    let event = added["id"].as_str().unwrap();
    let heard = hook.heard(1).await;
    let item = &heard[0]["value"][0];
    assert_eq!((&item["subscriptionId"], &item["clientState"]), (&json!(id), &json!("s3cret")));
    assert_eq!((&item["changeType"], &item["resourceData"]["id"]), (&json!("created"), &json!(event)));
    assert_eq!(item["resourceData"]["@odata.type"], "#Microsoft.Graph.Event");
    let resource = item["resource"].as_str().unwrap();
    assert!(resource.starts_with("Users/") && resource.ends_with(&format!("/Events/{event}")), "{resource}");
    assert_eq!(item["tenantId"].as_str().unwrap().len(), 36);
    assert!(!heard[0].to_string().contains("Secret title"));
    hook.forget();
    let encoded: String = url::form_urlencoded::byte_serialize(event.as_bytes()).collect();
    let changed =
        sim.graph_send(Method::PATCH, &format!("/me/events/{encoded}"), json!({"subject": "X"})).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(hook.heard(1).await[0]["value"][0]["changeType"], "updated", "our own writes, too");
    hook.forget();
    let gone = sim.asking(Method::DELETE, &format!("/me/events/{encoded}")).send().await;
    assert_eq!(gone.status, 204);
    assert_eq!(hook.heard(1).await[0]["value"][0]["changeType"], "deleted");
    let pushes = sim.observe("pushes").await;
    assert!(
        pushes.as_array().unwrap().iter().all(|one| one["platform"] == "outlook" && one["status"] == 202)
    );
}

#[tokio::test]
async fn a_subscription_is_for_one_calendar_and_one_kind_of_id() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    let made = sim.graph_send(Method::POST, "/me/calendars", json!({"name": "Club"})).await.body;
    let club = made["id"].as_str().unwrap();
    let said = wanted(&hook, &format!("/me/calendars/{club}/events"));
    let asking = sim.asking(Method::POST, "/subscriptions").header("prefer", "IdType=\"ImmutableId\"");
    assert_eq!(asking.json(&said).send().await.status, 201);
    sim.add_event("In the default calendar").await;
    hook.heard(0).await;
    let edit = json!({"platform": "outlook", "do": "add_event", "account": EVA, "calendar": club, "event": timed("X")});
    let added = sim.control("edits", edit).await;
    assert_eq!(hook.heard(1).await[0]["value"][0]["resourceData"]["id"], added["immutable_id"]);
}

#[tokio::test]
async fn notifications_repeat_and_are_tried_again() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    sim.subscribed(&hook).await;
    let switches = json!({"update_notifications": 3, "created_then_updated": true, "push_retry_ms": 10});
    sim.control("settings", json!({"microsoft": switches})).await;
    *hook.answers.lock().unwrap() = vec![500, 404];
    let added = sim.add_event("X").await;
    let heard = hook.heard(3).await;
    assert_eq!(heard[0], heard[2], "whatever was not answered with success comes again");
    let kinds: Vec<_> = items(&heard[..1]).iter().map(|item| item["changeType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["created", "updated"]);
    hook.forget();
    sim.control(
        "edits",
        json!({"platform": "outlook", "do": "touch_event", "account": EVA, "event": added["id"]}),
    )
    .await;
    assert_eq!(items(&hook.heard(1).await).len(), 3, "three for one change");
    hook.forget();
    sim.control("settings", json!({"microsoft": {"created_then_updated": false}})).await;
    sim.control("faults", json!({"kind": "push_lost", "account": EVA})).await;
    sim.add_event("Y").await;
    hook.heard(0).await;
    sim.control("faults", json!({"kind": "push_twice", "account": EVA})).await;
    sim.add_event("Z").await;
    let told = hook.heard(2).await;
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_late_answer_is_overtaken_by_its_notification() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    sim.subscribed(&hook).await;
    sim.control("faults", json!({"kind": "slow", "ms": 500, "method": "POST", "path": "/v1.0/me/events"}))
        .await;
    let told = async {
        let heard = hook.heard(1).await;
        (heard, sim.observe("throttle").await[0]["in_flight"].clone())
    };
    let (reply, (_, in_flight)) =
        futures::join!(sim.graph_send(Method::POST, "/me/events", timed("X")), told);
    assert_eq!(
        (reply.status, in_flight),
        (201, json!(1)),
        "it was told while the write was not answered yet"
    );
}

#[tokio::test]
async fn subscriptions_are_renewed_end_and_expire() {
    let sim = Sim::graph().await;
    let hook = Hook::start().await;
    let id = sim.subscribed(&hook).await;
    let path = format!("/subscriptions/{id}");
    let later = json!({"expirationDateTime": "2027-03-26T07:00:00Z"});
    let renewed = sim.graph_send(Method::PATCH, &path, later.clone()).await;
    assert_eq!(
        (renewed.status, &renewed.body["expirationDateTime"]),
        (200, &json!("2027-03-26T07:00:00.000Z"))
    );
    let too_late =
        sim.graph_send(Method::PATCH, &path, json!({"expirationDateTime": "2027-03-29T07:00:00Z"})).await;
    assert_eq!(code(&too_late), "ExtensionError");
    assert_eq!(sim.graph_send(Method::POST, &format!("{path}/reauthorize"), json!({})).await.status, 204);
    let leo = sim.token_of(LEO).await;
    let theirs = sim.graph_get_as(&leo, &path).await;
    assert_eq!(theirs.status, 404, "another's");
    sim.control("clock", json!({"now": "2027-03-26T08:00:00Z"})).await;
    sim.add_event("X").await;
    hook.heard(0).await;
    let mut fresh = sim;
    fresh.token = fresh.token_of(EVA).await;
    let gone = fresh.graph_send(Method::PATCH, &path, later).await;
    assert_eq!((gone.status, code(&gone)), (404, "ResourceNotFound"));
    let mut again = wanted(&hook, EVENTS);
    again["expirationDateTime"] = "2027-03-30T08:00:00Z".into();
    let id = fresh.subscribe(again).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("/subscriptions/{id}");
    assert_eq!(fresh.asking(Method::DELETE, &path).send().await.status, 204);
    assert_eq!(fresh.asking(Method::DELETE, &path).send().await.status, 404);
}

#[tokio::test]
async fn subscriptions_have_a_life_of_their_own() {
    let mut sim = Sim::graph().await;
    let hook = Hook::start().await;
    let (access, _) = sim.connected(EVA).await;
    sim.token = access;
    let id = sim.subscribed(&hook).await;
    for event in ["reauthorizationRequired", "missed"] {
        sim.control("subscriptions/lifecycle", json!({"event": event, "account": EVA})).await;
        let heard = hook.heard(1).await;
        let item = &heard[0]["value"][0];
        assert_eq!((&item["lifecycleEvent"], &item["subscriptionId"]), (&json!(event), &json!(id)));
        assert!(item.get("resource").is_none());
        hook.forget();
    }
    // With the consent, the subscription ends.
    sim.control("grants/revoke", json!({"account": EVA})).await;
    assert_eq!(hook.heard(1).await[0]["value"][0]["lifecycleEvent"], "subscriptionRemoved");
    assert_eq!(sim.observe("subscriptions").await, json!([]));
    hook.forget();
    sim.add_event("X").await;
    hook.heard(0).await;
}
