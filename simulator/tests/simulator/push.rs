//! Push channels that really deliver (8), to a receiver on this machine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use reqwest::Method;
use serde_json::{Value, json};
use simone_simulator::{DEMO_CLIENT_ID, Options};

use crate::support::{ANA, BEN, NOW, Reply, Sim, instant, timed};

const WATCH: &str = "/calendars/primary/events/watch";

/// What a client listens with.
struct Receiver {
    address: String,
    heard: Arc<Mutex<Vec<HeaderMap>>>,
    /// What the next messages are answered with; then 200.
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start() -> Receiver {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hooks/google", listener.local_addr().unwrap());
        let (heard, answers) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<u16>>>::default());
        let (into, next) = (heard.clone(), answers.clone());
        let hear = move |headers: HeaderMap, body: Bytes| async move {
            assert!(body.is_empty());
            into.lock().unwrap().push(headers);
            let mut next = next.lock().unwrap();
            StatusCode::from_u16(if next.is_empty() { 200 } else { next.remove(0) }).unwrap()
        };
        let app = Router::new().route("/hooks/google", axum::routing::post(hear));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Receiver { address, heard, answers }
    }

    /// Waits until so many messages have come, and a moment for more than that.
    async fn heard(&self, count: usize) -> Vec<HeaderMap> {
        for _ in 0..400 {
            if self.heard.lock().unwrap().len() >= count {
                break;
            }
            wait(10).await;
        }
        wait(60).await;
        let heard = self.heard.lock().unwrap().clone();
        assert_eq!(heard.len(), count, "{heard:#?}");
        heard
    }
}

#[expect(clippy::disallowed_methods, reason = "messages come in real time")]
async fn wait(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn header<'a>(message: &'a HeaderMap, name: &str) -> &'a str {
    message.get(name).map_or("", |value| value.to_str().unwrap())
}

fn number(message: &HeaderMap) -> u64 {
    header(message, "x-goog-message-number").parse().unwrap()
}

fn state(message: &HeaderMap) -> &str {
    header(message, "x-goog-resource-state")
}

impl Sim {
    async fn open(&self, path: &str, id: &str, address: &str) -> Reply {
        let channel = json!({"id": id, "type": "web_hook", "address": address, "token": "s3cret"});
        self.send(Method::POST, path, channel).await
    }

    async fn busy(&self) -> String {
        self.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await
    }
}

#[tokio::test]
async fn changes_are_told_after_a_first_message() {
    let sim = Sim::start().await;
    let receiver = Receiver::start().await;
    let opened = sim.open(WATCH, "channel-1", &receiver.address).await;
    let week = instant(NOW).timestamp_millis() + 604_800_000;
    assert_eq!(opened.body["expiration"], week.to_string());
    assert_eq!((&opened.body["kind"], &opened.body["token"]), (&json!("api#channel"), &json!("s3cret")));
    let uri = opened.body["resourceUri"].as_str().unwrap();
    assert!(uri.ends_with("/calendar/v3/calendars/ana%40example.test/events?alt=json"), "{uri}");
    receiver.heard(1).await;
    let event = sim.busy().await;
    receiver.heard(2).await;
    let path = format!("/calendars/primary/events/{event}");
    sim.send(Method::PATCH, &path, json!({"summary": "By the client itself"})).await;
    let heard = receiver.heard(3).await;
    let first = &heard[0];
    for (name, value) in [
        ("x-goog-channel-id", "channel-1"),
        ("x-goog-channel-token", "s3cret"),
        ("x-goog-channel-expiration", "Fri, 26 Mar 2027 08:00:00 GMT"),
        ("x-goog-resource-id", opened.body["resourceId"].as_str().unwrap()),
        ("x-goog-resource-uri", uri),
        ("x-goog-resource-state", "sync"),
        ("x-goog-message-number", "1"),
        ("content-length", "0"),
        ("user-agent", "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"),
    ] {
        assert_eq!(header(first, name), value, "{name}");
    }
    assert_eq!((state(&heard[1]), state(&heard[2])), ("exists", "exists"));
    assert!(number(&heard[1]) > 1 && number(&heard[2]) > number(&heard[1]));
    sim.get("/calendars/primary/events").await;
    sim.edit(json!({"do": "override_summary", "summary": "Me"})).await;
    receiver.heard(3).await;
    let seen = sim.observe("pushes").await;
    let seen: Vec<_> =
        seen.as_array().unwrap().iter().map(|push| (&push["status"], &push["tries"])).collect();
    assert_eq!(seen, vec![(&json!(200), &json!(1)); 3]);
}

#[tokio::test]
async fn lists_settings_and_rules_are_watched_too() {
    let sim = Sim::start().await;
    let receiver = Receiver::start().await;
    for (id, path) in [
        ("list", "/users/me/calendarList/watch"),
        ("settings", "/users/me/settings/watch"),
        ("acl", "/calendars/primary/acl/watch"),
    ] {
        assert_eq!(sim.open(path, id, &receiver.address).await.status, 200);
    }
    receiver.heard(3).await;
    receiver.heard.lock().unwrap().clear();
    sim.busy().await;
    receiver.heard(0).await;
    sim.edit(json!({"do": "override_summary", "summary": "Me"})).await;
    assert_eq!(header(&receiver.heard(1).await[0], "x-goog-channel-id"), "list");
    sim.edit(json!({"do": "change_setting", "setting": "weekStart", "value": "6"})).await;
    assert_eq!(header(&receiver.heard(2).await[1], "x-goog-channel-id"), "settings");
    let rule = json!({"scope": {"type": "default"}, "role": "reader"});
    sim.send(Method::POST, "/calendars/primary/acl", rule).await;
    assert_eq!(header(&receiver.heard(3).await[2], "x-goog-channel-id"), "acl");
}

#[tokio::test]
async fn two_channels_overlap_and_one_is_stopped() {
    let mut sim = Sim::start().await;
    let receiver = Receiver::start().await;
    let old = sim.open(WATCH, "old", &receiver.address).await.body;
    let new = sim.open(WATCH, "new", &receiver.address).await.body;
    assert_eq!(old["resourceId"], new["resourceId"], "the resource is the same");
    receiver.heard(2).await;
    sim.busy().await;
    receiver.heard(4).await;
    let stop = json!({"id": "old", "resourceId": old["resourceId"]});
    let ben = sim.account(BEN).await;
    let ana = std::mem::replace(&mut sim.token, ben);
    assert_eq!(sim.send(Method::POST, "/channels/stop", stop.clone()).await.status, 404, "another's");
    sim.token = ana;
    let wrong = json!({"id": "old", "resourceId": "other"});
    assert_eq!(sim.send(Method::POST, "/channels/stop", wrong).await.status, 404);
    assert_eq!(sim.send(Method::POST, "/channels/stop", stop.clone()).await.status, 204);
    let again = sim.send(Method::POST, "/channels/stop", stop).await;
    let message = format!("Channel 'old' not found for project '{DEMO_CLIENT_ID}'");
    assert_eq!((again.status, &again.body["error"]["message"]), (404, &json!(message)));
    sim.busy().await;
    let heard = receiver.heard(5).await;
    assert_eq!(header(&heard[4], "x-goog-channel-id"), "new");
    let reused = sim.open(WATCH, "old", &receiver.address).await;
    assert_eq!((reused.status, reused.reason()), (400, "channelIdNotUnique"));
}

#[tokio::test]
async fn only_a_server_in_trouble_is_tried_again() {
    let sim = Sim::start().await;
    sim.control("settings", json!({"push_retry_ms": 5, "push_retries": 3})).await;
    let receiver = Receiver::start().await;
    receiver.answers.lock().unwrap().extend([503, 500, 204]);
    sim.open(WATCH, "one", &receiver.address).await;
    let heard = receiver.heard(3).await;
    assert_eq!(number(&heard[2]), 1, "the same message");
    receiver.answers.lock().unwrap().push(404);
    sim.busy().await;
    receiver.heard(4).await;
    receiver.answers.lock().unwrap().extend([502, 504, 503, 500]);
    sim.busy().await;
    receiver.heard(8).await;
    let seen = sim.observe("pushes").await;
    let seen: Vec<_> = seen
        .as_array()
        .unwrap()
        .iter()
        .map(|push| (push["status"].as_u64().unwrap(), push["tries"].as_u64().unwrap()))
        .collect();
    assert_eq!(seen, [(204, 3), (404, 1), (500, 4)]);
}

#[tokio::test]
async fn a_channel_ends_by_time_by_loss_of_access_and_by_revocation() {
    let mut sim = Sim::start().await;
    let receiver = Receiver::start().await;
    let mut body =
        json!({"id": "short", "type": "webhook", "address": receiver.address, "params": {"ttl": "60"}});
    let short = sim.send(Method::POST, WATCH, body.clone()).await.body;
    assert_eq!(short["expiration"], (instant(NOW).timestamp_millis() + 60_000).to_string());
    body = json!({"id": "long", "type": "webhook", "address": receiver.address, "params": {"ttl": "99999999999"}});
    let long = sim.send(Method::POST, WATCH, body.clone()).await.body;
    assert_eq!(
        long["expiration"],
        (instant(NOW).timestamp_millis() + 604_800_000).to_string(),
        "Google's limit"
    );
    let until = instant(NOW).timestamp_millis() + 5_000;
    body = json!({"id": "until", "type": "webhook", "address": receiver.address, "expiration": until});
    assert_eq!(sim.send(Method::POST, WATCH, body).await.body["expiration"], until.to_string());
    receiver.heard(3).await;
    assert_eq!(sim.observe("channels").await.as_array().unwrap().len(), 3);
    sim.control("clock", json!({"advance": "1m"})).await;
    assert_eq!(sim.observe("channels").await.as_array().unwrap().len(), 1);
    sim.busy().await;
    receiver.heard(4).await;

    sim.edit(json!({"do": "add_calendar", "summary": "Club", "id": "club@x", "role": "reader"})).await;
    sim.open("/calendars/club@x/events/watch", "club", &receiver.address).await;
    receiver.heard(5).await;
    sim.edit(json!({"do": "withdraw_calendar", "calendar": "club@x"})).await;
    assert_eq!(state(&receiver.heard(6).await[5]), "not_exists");

    sim.token = sim.token_for(&["calendar.events"]).await;
    sim.open(WATCH, "granted", &receiver.address).await;
    receiver.heard(7).await;
    sim.control("grants/revoke", json!({"account": ANA})).await;
    let open = sim.observe("channels").await;
    assert_eq!(
        open.as_array().unwrap().iter().map(|channel| channel["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["long"]
    );
}

#[tokio::test]
async fn odd_channels_are_refused() {
    let sim = Sim::start().await;
    let good = json!({"id": "fine", "type": "web_hook", "address": "https://sync.example.test/hook"});
    let with = |name: &str, value: Value| {
        let mut channel = good.clone();
        channel[name] = value;
        channel
    };
    for (channel, reason) in [
        (with("id", json!(null)), "required"),
        (with("id", json!("a b")), "push.channelIdInvalid"),
        (with("id", json!("x".repeat(65))), "push.channelIdInvalid"),
        (with("type", json!(null)), "required"),
        (with("type", json!("carrier_pigeon")), "invalid"),
        (with("address", json!(null)), "required"),
        (with("address", json!("not an address")), "invalid"),
        (with("address", json!("http://sync.example.test/hook")), "push.webhookUrlNotHttps"),
        (with("address", json!("ftp://127.0.0.1/hook")), "push.webhookUrlNotHttps"),
        (with("token", json!("x".repeat(257))), "invalid"),
        (with("token", json!("a\r\nX-Other: b")), "invalid"),
        (with("params", json!({"ttl": "soon"})), "invalid"),
        (with("params", json!({"ttl": "-1"})), "invalid"),
        (with("expiration", json!("1000")), "invalid"),
        (with("expiration", json!(true)), "invalid"),
    ] {
        let refused = sim.send(Method::POST, WATCH, channel.clone()).await;
        assert_eq!((refused.status, refused.reason()), (400, reason), "{channel}");
    }
    sim.control("settings", json!({"push_to_http": false})).await;
    let local = sim.open(WATCH, "local", "http://127.0.0.1:9/").await;
    assert_eq!(local.reason(), "push.webhookUrlNotHttps", "as at Google, by a switch");
    let holidays = "en.usa#holiday@group.v.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "H", "id": holidays, "role": "reader"})).await;
    let path = format!("/calendars/{}/events/watch", holidays.replace('#', "%23"));
    let refused = sim.send(Method::POST, &path, good.clone()).await;
    assert_eq!((refused.status, refused.reason()), (400, "pushNotSupportedForRequestedResource"));
    assert_eq!(sim.send(Method::POST, "/calendars/nobody/events/watch", good.clone()).await.status, 404);
    assert!(sim.observe("channels").await.as_array().unwrap().is_empty());
    assert_eq!(
        sim.send(Method::POST, WATCH, good).await.status,
        200,
        "what was refused has not used the id up"
    );
}

#[tokio::test]
async fn messages_are_lost_doubled_late_or_ahead_of_the_change() {
    let sim = Sim::start().await;
    let receiver = Receiver::start().await;
    sim.open(WATCH, "one", &receiver.address).await;
    receiver.heard(1).await;
    let fault = |fault: Value| sim.control("faults", fault);
    fault(json!({"kind": "push_lost", "calendar": ANA})).await;
    sim.busy().await;
    receiver.heard(1).await;
    fault(json!({"kind": "push_twice", "account": ANA})).await;
    sim.busy().await;
    let heard = receiver.heard(3).await;
    assert_eq!(number(&heard[1]), number(&heard[2]));
    fault(json!({"kind": "push_late", "ms": 300})).await;
    sim.busy().await;
    sim.busy().await;
    let heard = receiver.heard(5).await;
    assert!(number(&heard[3]) > number(&heard[4]), "the later one has overtaken");

    let token = sim.list("").await.1.unwrap();
    fault(json!({"kind": "stale_listing"})).await;
    sim.busy().await;
    receiver.heard(6).await;
    let (items, again) = sim.list(&format!("syncToken={token}")).await;
    assert_eq!((items.len(), again.as_deref()), (0, Some(token.as_str())), "told, but not to be seen yet");
    assert_eq!(sim.list(&format!("syncToken={token}")).await.0.len(), 1);
    let lost = &sim.observe("pushes").await[1];
    assert_eq!((&lost["tries"], &lost["status"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn channels_outlive_the_process() {
    let file = std::env::temp_dir().join(format!("simone-push-{}.json", std::process::id()));
    let options =
        || Options { state_file: Some(file.clone()), now: Some(instant(NOW)), ..Options::default() };
    let receiver = Receiver::start().await;
    let mut sim = Sim::with(options()).await;
    sim.token = sim.account(ANA).await;
    sim.open(WATCH, "one", &receiver.address).await;
    receiver.heard(1).await;
    sim.stop().await;
    let sim = Sim::with(options()).await;
    sim.busy().await;
    assert_eq!(state(&receiver.heard(2).await[1]), "exists", "and no second first message");
    sim.stop().await;
    std::fs::remove_file(file).unwrap();
}
