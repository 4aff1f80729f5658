//! Rules of access, and what each role may do (4, 6.3).

use reqwest::Method;
use serde_json::json;

use crate::support::{ANA, BEN, Sim, timed};

const ACL: &str = "/calendars/primary/acl";

fn rule(who: &str, role: &str) -> serde_json::Value {
    json!({"scope": {"type": "user", "value": who}, "role": role})
}

#[tokio::test]
async fn each_role_opens_what_it_should() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    let mut secret = timed("Doctor", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    secret["visibility"] = "private".into();
    sim.add(secret).await;
    let events = format!("/calendars/{ANA}/events");
    let event = timed("X", "2027-03-21T10:00:00", "2027-03-21T11:00:00");
    let ana = sim.token.clone();
    for (role, read, sees_private, write, rules, share) in [
        ("none", 404, false, 404, 404, 404),
        ("freeBusyReader", 200, false, 403, 403, 403),
        ("reader", 200, false, 403, 403, 403),
        ("writerWithoutPrivateAccess", 200, false, 200, 403, 403),
        ("writer", 200, true, 200, 200, 403),
        ("owner", 200, true, 200, 200, 200),
    ] {
        sim.token.clone_from(&ana);
        let set = sim.send(Method::POST, ACL, rule(BEN, role)).await;
        assert_eq!((set.status, &set.body["role"]), (200, &json!(role)));
        sim.token.clone_from(&ben);
        let listed = sim.get(&events).await;
        assert_eq!(listed.status, read, "{role}");
        if read == 200 {
            assert_eq!(listed.body["accessRole"], role);
            let items = listed.body["items"].as_array().unwrap();
            assert_eq!(items.iter().any(|item| item["summary"] == "Doctor"), sees_private, "{role}");
        }
        let acl = format!("/calendars/{ANA}/acl");
        let got = [
            sim.send(Method::POST, &events, event.clone()).await.status,
            sim.get(&acl).await.status,
            sim.send(Method::POST, &acl, rule("c@x.test", "reader")).await.status,
        ];
        assert_eq!(got, [write, rules, share], "{role}");
    }
}

#[tokio::test]
async fn rules_are_listed_incrementally() {
    let sim = Sim::start().await;
    let all = sim.get(ACL).await.body;
    assert_eq!(
        (&all["kind"], &all["items"][0]["id"]),
        (&json!("calendar#acl"), &json!(format!("user:{ANA}")))
    );
    let token = all["nextSyncToken"].as_str().unwrap();
    sim.send(Method::POST, ACL, rule(BEN, "reader")).await;
    let path = format!("{ACL}/user:{BEN}");
    let made = sim.get(&path).await.body;
    sim.send(Method::PATCH, &path, json!({"role": "writer"})).await;
    let stale = sim
        .request(Method::DELETE, &path)
        .header("if-match", made["etag"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(stale.status(), 412);
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 204);
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 404);
    let changed = sim.get(&format!("{ACL}?syncToken={token}")).await.body;
    assert_eq!(changed["items"].as_array().unwrap().len(), 1);
    assert_eq!(changed["items"][0]["role"], "none", "taken back");
    assert_eq!(sim.get(ACL).await.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(sim.get(&format!("{ACL}?showDeleted=true")).await.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(sim.get(&format!("{ACL}?syncToken={token}&showDeleted=false")).await.status, 400);
    for bad in [
        json!({}),
        rule(BEN, "king"),
        rule("nobody", "reader"),
        json!({"role": "reader"}),
        rule(ANA, "reader"),
    ] {
        let status = sim.send(Method::POST, ACL, bad.clone()).await.status;
        assert!(status == 400 || status == 403, "{bad}: {status}");
    }
    let own = sim.send(Method::DELETE, &format!("{ACL}/user:{ANA}"), json!({})).await;
    assert_eq!((own.status, own.reason()), (403, "cannotChangeOwnAcl"));
}

#[tokio::test]
async fn a_change_of_role_ends_sync_tokens_and_tells_those_who_are_invited() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    sim.control("settings", json!({"shared_calendars_listed": true})).await;
    sim.send(Method::POST, ACL, rule(BEN, "reader")).await;
    assert_eq!(sim.observe("mails").await[0]["to"], BEN);
    let ana = std::mem::replace(&mut sim.token, ben.clone());
    let list = sim.get("/users/me/calendarList").await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "by a switch, shared calendars are listed");
    let (_, token) = sim.list_of(ANA, "").await;
    let path = format!("/calendars/{ANA}/events?syncToken={}", token.unwrap());
    assert_eq!(sim.get(&path).await.status, 200);
    sim.token.clone_from(&ana);
    sim.send(Method::PUT, &format!("{ACL}/user:{BEN}?sendNotifications=false"), json!({"role": "writer"}))
        .await;
    assert_eq!(sim.observe("mails").await.as_array().unwrap().len(), 1);
    sim.token.clone_from(&ben);
    assert_eq!(sim.get(&path).await.reason(), "fullSyncRequired");
    sim.token = ana;
    sim.send(Method::DELETE, &format!("{ACL}/user:{BEN}"), json!({})).await;
    sim.token = ben;
    let after = sim
        .get(&format!("/users/me/calendarList?syncToken={}", list["nextSyncToken"].as_str().unwrap()))
        .await;
    assert_eq!(after.body["items"][0]["deleted"], true);
    assert_eq!(sim.get(&path).await.status, 404);
}

#[tokio::test]
async fn everybody_and_whole_domains_can_be_let_in() {
    let mut sim = Sim::start().await;
    let stranger = sim.account("x@elsewhere.test").await;
    let ben = sim.account(BEN).await;
    let ana = sim.token.clone();
    let events = format!("/calendars/{ANA}/events");
    let domain = json!({"scope": {"type": "domain", "value": "example.test"}, "role": "reader"});
    sim.send(Method::POST, ACL, domain).await;
    sim.token.clone_from(&ben);
    assert_eq!(sim.get(&events).await.status, 200);
    sim.token.clone_from(&stranger);
    assert_eq!(sim.get(&events).await.status, 404);
    sim.token = ana;
    sim.send(Method::POST, ACL, json!({"scope": {"type": "default"}, "role": "freeBusyReader"})).await;
    sim.token = stranger;
    assert_eq!(sim.get(&events).await.body["accessRole"], "freeBusyReader");
    sim.token = ben;
    assert_eq!(sim.get(&events).await.body["accessRole"], "reader", "the higher of two");
}
