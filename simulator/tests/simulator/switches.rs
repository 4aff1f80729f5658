//! Behaviours that are disputed, or that Google shows at different times: each switch, both ways.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Sim, timed, yoga};

const EVENTS: &str = "/calendars/primary/events";

async fn switch(sim: &Sim, name: &str, value: Value) {
    let mut body = json!({});
    body[name] = value;
    sim.control("settings", body).await;
}

#[tokio::test]
async fn tombstones_are_minimal_or_full() {
    let sim = Sim::start().await;
    let id = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let token = sim.list("").await.1.unwrap();
    sim.edit(json!({"do": "delete_event", "event": id})).await;
    let query = format!("syncToken={token}");
    assert!(sim.list(&query).await.0[0].get("start").is_none());
    switch(&sim, "tombstones", json!("full")).await;
    let full = &sim.list(&query).await.0[0];
    assert_eq!((&full["summary"], &full["status"]), (&json!("X"), &json!("cancelled")));
}

#[tokio::test]
async fn a_page_too_large_is_clamped_or_refused() {
    let sim = Sim::start().await;
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=9999")).await.status, 200);
    switch(&sim, "large_pages", json!("refuse")).await;
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=9999")).await.reason(), "invalidParameter");
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=2500")).await.status, 200);
    assert_eq!(sim.get("/users/me/calendarList?maxResults=251").await.status, 400);
}

#[tokio::test]
async fn all_property_constraints_must_fit_or_any() {
    let sim = Sim::start().await;
    let mut event = timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    event["extendedProperties"] = json!({"private": {"a": "1"}});
    sim.add(event).await;
    sim.busy_without_properties().await;
    let query = "privateExtendedProperty=a%3D1&privateExtendedProperty=b%3D2";
    assert_eq!(sim.list(query).await.0.len(), 0);
    switch(&sim, "property_constraints", json!("any")).await;
    assert_eq!(sim.list(query).await.0.len(), 1);
    assert_eq!(sim.list("").await.0.len(), 2);
}

impl Sim {
    async fn busy_without_properties(&self) -> String {
        self.add(timed("Y", "2027-03-21T10:00:00", "2027-03-21T11:00:00")).await
    }
}

#[tokio::test]
async fn long_properties_are_cut_or_refused() {
    let sim = Sim::start().await;
    let mut event = timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    event["extendedProperties"] = json!({"private": {"k".repeat(45): "v", "long": "v".repeat(1025)}});
    let cut = sim.send(Method::POST, EVENTS, event.clone()).await.body;
    let properties = cut["extendedProperties"]["private"].as_object().unwrap();
    assert_eq!((properties.len(), properties["long"].as_str().unwrap().len()), (1, 1024));
    switch(&sim, "long_properties", json!("refuse")).await;
    assert_eq!(sim.send(Method::POST, EVENTS, event).await.status, 400);
}

#[tokio::test]
async fn a_duplicate_keeps_private_properties_or_not() {
    let sim = Sim::start().await;
    let mut event = timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00");
    event["extendedProperties"] = json!({"private": {"a": "1"}, "shared": {"b": "2"}});
    let id = sim.add(event).await;
    let duplicate = || sim.edit(json!({"do": "duplicate_event", "event": id}));
    assert_eq!(duplicate().await["event"]["extendedProperties"]["private"]["a"], "1");
    switch(&sim, "duplicates_keep_private", json!(false)).await;
    assert_eq!(duplicate().await["event"]["extendedProperties"], json!({"shared": {"b": "2"}}));
}

#[tokio::test]
async fn a_split_series_has_a_telling_id_or_an_unrelated_one() {
    let sim = Sim::start().await;
    for (value, telling) in [("suffix", true), ("unrelated", false)] {
        switch(&sim, "split_id", json!(value)).await;
        let id = sim.add(yoga()).await;
        let split = json!({"do": "split_series", "event": id, "original_start": "2027-04-20T16:00:00Z"});
        let new = sim.edit(split).await["event"]["id"].as_str().unwrap().to_owned();
        assert_eq!(new.starts_with(&id), telling, "{new}");
    }
}

#[tokio::test]
async fn a_deleted_event_can_be_revived_or_not() {
    let sim = Sim::start().await;
    let id = sim.busy_without_properties().await;
    let path = format!("{EVENTS}/{id}");
    sim.send(Method::DELETE, &path, json!({})).await;
    switch(&sim, "revive_deleted", json!(false)).await;
    let refused = sim.send(Method::PATCH, &path, json!({"status": "confirmed"})).await;
    assert_eq!((refused.status, refused.reason()), (403, "forbidden"));
    switch(&sim, "revive_deleted", json!(true)).await;
    assert_eq!(
        sim.send(Method::PATCH, &path, json!({"status": "confirmed"})).await.body["status"],
        "confirmed"
    );
}

#[tokio::test]
async fn deleted_instances_are_told_for_a_while() {
    let sim = Sim::start().await;
    let id = sim.add(yoga()).await;
    let token = sim.list("singleEvents=true").await.1.unwrap();
    sim.edit(json!({"do": "delete_event", "event": id})).await;
    let query = format!("singleEvents=true&syncToken={token}");
    let half_a_year = sim.list(&query).await.0.len();
    switch(&sim, "deleted_instances_days", json!(30)).await;
    let month = sim.list(&query).await.0.len();
    assert!(half_a_year > 20 && (4..6).contains(&month), "{half_a_year} {month}");
}

#[tokio::test]
async fn revoking_by_query_can_be_off() {
    let sim = Sim::start().await;
    let token = sim.token_for(&["calendar"]).await;
    switch(&sim, "revoke_by_query", json!(false)).await;
    let by_query = || sim.http.post(sim.url("/revoke")).query(&[("token", &token)]).send();
    assert_eq!(by_query().await.unwrap().status(), 400);
    switch(&sim, "revoke_by_query", json!(true)).await;
    assert_eq!(by_query().await.unwrap().status(), 200);
}

#[tokio::test]
async fn access_tokens_live_as_long_as_is_said() {
    let mut sim = Sim::start().await;
    switch(&sim, "access_token_seconds", json!(60)).await;
    sim.token = sim.token_for(&["calendar"]).await;
    assert_eq!(sim.get(EVENTS).await.status, 200);
    sim.control("clock", json!({"advance": 61})).await;
    assert_eq!(sim.get(EVENTS).await.reason(), "authError");
}

#[tokio::test]
async fn unknown_switches_and_values_are_refused() {
    let sim = Sim::start().await;
    for bad in [
        json!({"nothing": 1}),
        json!({"quota_status": 500}),
        json!({"tombstones": "large"}),
        json!({"batch_limit": -1}),
    ] {
        let refused = sim.http.post(sim.url("/_control/settings")).json(&bad).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{bad}");
    }
    let settings = sim.observe("settings").await;
    assert_eq!((&settings["quota_status"], &settings["batch_limit"]), (&json!(403), &json!(50)));
}

#[tokio::test]
async fn the_readme_names_every_switch_with_its_default() {
    let sim = Sim::start().await;
    let readme = include_str!("../../README.md");
    let (googles, microsofts) = readme.split_once("Microsoft's stand under `microsoft`").unwrap();
    let mut settings = sim.observe("settings").await;
    let of_microsoft = settings.as_object_mut().unwrap().remove("microsoft").unwrap();
    for (part, settings) in [(googles, settings), (microsofts, of_microsoft)] {
        for (name, value) in settings.as_object().unwrap() {
            let row = part.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            assert!(row.contains(&format!("`{value}`")), "{name} is {value}: {row}");
        }
    }
}
