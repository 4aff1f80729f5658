//! Calendars that clients make, name, clear and delete, and the list that they stand in (4).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, BEN, Sim, ids, timed};

#[tokio::test]
async fn a_client_makes_changes_and_deletes_a_calendar() {
    let mut sim = Sim::start().await;
    let made = sim.send(Method::POST, "/calendars", json!({"summary": "Club", "location": "Lyon"})).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert!(id.ends_with("@group.calendar.google.com"), "{id}");
    assert_eq!((&made.body["timeZone"], &made.body["dataOwner"]), (&json!("Europe/Paris"), &json!(ANA)));
    let entry = sim.get(&format!("/users/me/calendarList/{id}")).await.body;
    assert_eq!((&entry["accessRole"], &entry["location"]), (&json!("owner"), &json!("Lyon")));

    let path = format!("/calendars/{id}");
    let patched = sim.send(Method::PATCH, &path, json!({"timeZone": "Asia/Tokyo"})).await.body;
    assert_eq!((&patched["summary"], &patched["timeZone"]), (&json!("Club"), &json!("Asia/Tokyo")));
    let stale = sim
        .request(Method::PUT, &path)
        .header("if-match", made.body["etag"].as_str().unwrap())
        .json(&json!({"summary": "X"}))
        .send()
        .await
        .unwrap();
    assert_eq!(stale.status(), 412);
    let put = sim.send(Method::PUT, &path, json!({"summary": "Choir"})).await.body;
    assert!(put.get("location").is_none(), "a put that does not name it takes it away");
    for bad in [
        json!({}),
        json!({"summary": ""}),
        json!({"summary": "X", "timeZone": "Mars"}),
        json!([]),
        json!({"summary": 7}),
    ] {
        assert_eq!(sim.send(Method::POST, "/calendars", bad.clone()).await.status, 400, "{bad}");
    }

    let ben = sim.account(BEN).await;
    let ana = std::mem::replace(&mut sim.token, ben);
    assert_eq!(sim.get(&path).await.status, 404, "another's");
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 404);
    sim.edit(json!({"do": "set_role", "account": BEN, "calendar": id, "role": "writer"})).await;
    assert_eq!(sim.send(Method::PATCH, &path, json!({"summary": "Mine"})).await.status, 403, "no owner");
    sim.token = ana;
    let token = sim.get("/users/me/calendarList").await.body["nextSyncToken"].as_str().unwrap().to_owned();
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 204);
    assert_eq!(sim.get(&path).await.status, 404);
    let changed = sim.get(&format!("/users/me/calendarList?syncToken={token}")).await.body;
    assert_eq!((&changed["items"][0]["id"], &changed["items"][0]["deleted"]), (&json!(id), &json!(true)));
    assert_eq!(sim.send(Method::DELETE, "/calendars/primary", json!({})).await.status, 403);
}

#[tokio::test]
async fn only_a_primary_calendar_can_be_cleared() {
    let sim = Sim::start().await;
    let event = sim.add(timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    let token = sim.list("").await.1.unwrap();
    let club = sim.send(Method::POST, "/calendars", json!({"summary": "Club"})).await.body;
    let club = format!("/calendars/{}/clear", club["id"].as_str().unwrap());
    assert_eq!(sim.send(Method::POST, &club, json!({})).await.status, 400);
    assert_eq!(sim.send(Method::POST, "/calendars/primary/clear", json!({})).await.status, 204);
    assert!(sim.list("").await.0.is_empty());
    let (gone, _) = sim.list(&format!("syncToken={token}")).await;
    assert_eq!((ids(&gone), &gone[0]["status"]), (vec![event.as_str()], &json!("cancelled")));
}

#[tokio::test]
async fn calendars_made_in_a_day_are_limited() {
    let mut sim = Sim::start().await;
    sim.control("settings", json!({"calendars_per_day": 2})).await;
    let calendar = json!({"summary": "C"});
    for status in [200, 200, 403] {
        let made = sim.send(Method::POST, "/calendars", calendar.clone()).await;
        assert_eq!(made.status, status);
        assert!(status == 200 || made.reason() == "quotaExceeded");
    }
    sim.control("clock", json!({"advance": "1d"})).await;
    sim.token = sim.account(ANA).await;
    assert_eq!(sim.send(Method::POST, "/calendars", calendar).await.status, 200);
}

#[tokio::test]
async fn a_calendar_leaves_the_list_and_comes_back() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    let club = sim.send(Method::POST, "/calendars", json!({"summary": "Club"})).await.body;
    let id = club["id"].as_str().unwrap().to_owned();
    let rule = json!({"role": "writer", "scope": {"type": "user", "value": BEN}});
    sim.send(Method::POST, &format!("/calendars/{id}/acl"), rule).await;

    sim.token = ben;
    let list = || async { sim.get("/users/me/calendarList").await.body };
    let before = list().await;
    assert_eq!(ids(before["items"].as_array().unwrap()), [BEN], "shared is not listed");
    assert_eq!(sim.get(&format!("/calendars/{id}/events")).await.status, 200, "but it can be read");
    assert_eq!(sim.get(&format!("/users/me/calendarList/{id}")).await.status, 404);
    let wanted = json!({"id": id, "summaryOverride": "Ana's", "selected": true});
    let entry = sim.send(Method::POST, "/users/me/calendarList", wanted).await.body;
    assert_eq!((&entry["accessRole"], &entry["summaryOverride"]), (&json!("writer"), &json!("Ana's")));
    let token = before["nextSyncToken"].as_str().unwrap();
    let changed = sim.get(&format!("/users/me/calendarList?syncToken={token}")).await.body;
    assert_eq!(ids(changed["items"].as_array().unwrap()), [id.as_str()]);

    let path = format!("/users/me/calendarList/{id}");
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 204);
    assert_eq!(list().await["items"].as_array().unwrap().len(), 1);
    assert_eq!(sim.get(&format!("/calendars/{id}/events")).await.status, 200, "access stays");
    assert_eq!(sim.send(Method::DELETE, &path, json!({})).await.status, 404);
    assert_eq!(sim.send(Method::DELETE, "/users/me/calendarList/primary", json!({})).await.status, 403);
    let other = sim.send(Method::POST, "/users/me/calendarList", json!({"id": ANA})).await;
    assert_eq!(other.status, 404, "not shared");
}

#[tokio::test]
async fn an_entry_has_colours_reminders_and_a_name_of_its_own() {
    let sim = Sim::start().await;
    let path = "/users/me/calendarList/primary";
    let named = sim.send(Method::PATCH, path, json!({"colorId": "2", "summaryOverride": "Me"})).await.body;
    assert_eq!((&named["backgroundColor"], &named["summaryOverride"]), (&json!("#d06b64"), &json!("Me")));
    assert_eq!(named["defaultReminders"][0]["minutes"], 30, "the usual stays");
    let painted = json!({"backgroundColor": "#d06b65", "foregroundColor": "#ffffff"});
    let ignored = sim.send(Method::PATCH, path, painted.clone()).await.body;
    assert_eq!(ignored["foregroundColor"], "#000000", "only with colorRgbFormat");
    let painted = sim.send(Method::PATCH, &format!("{path}?colorRgbFormat=true"), painted).await.body;
    assert_eq!((&painted["backgroundColor"], &painted["colorId"]), (&json!("#d06b65"), &json!("2")));
    let none =
        sim.send(Method::PATCH, path, json!({"defaultReminders": [], "summaryOverride": null})).await.body;
    assert_eq!((&none["defaultReminders"], none.get("summaryOverride")), (&json!([]), None));
    assert_eq!(sim.get("/calendars/primary/events").await.body["defaultReminders"], json!([]));
    let reset = sim.send(Method::PUT, path, json!({})).await.body;
    assert_eq!(reset["defaultReminders"][0]["minutes"], 30);
    assert!(reset.get("selected").is_none());
    for bad in [json!({"colorId": "99"}), json!({"selected": "perhaps"})] {
        assert_eq!(sim.send(Method::PATCH, path, bad).await.status, 400);
    }
    let bad = json!({"backgroundColor": "red"});
    assert_eq!(sim.send(Method::PATCH, &format!("{path}?colorRgbFormat=true"), bad).await.status, 400);
}

#[tokio::test]
async fn a_calendar_changes_hands() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    let id = sim.send(Method::POST, "/calendars", json!({"summary": "Club"})).await.body["id"].clone();
    let path = format!("/calendars/{}", id.as_str().unwrap());
    let to = format!("{path}/transferOwnership?newDataOwner={BEN}");
    assert_eq!(sim.send(Method::POST, &to, json!({})).await.status, 400, "only as an administrator");
    assert_eq!(sim.send(Method::POST, &format!("{to}&useAdminAccess=true"), json!({})).await.status, 204);
    sim.token = ben;
    assert_eq!(sim.get(&path).await.body["dataOwner"], BEN);
}

#[tokio::test]
async fn settings_and_colours_can_be_read() {
    let sim = Sim::start().await;
    let all = sim.get("/users/me/settings").await.body;
    let value = |all: &Value, name: &str| {
        let found = all["items"].as_array().unwrap().iter().find(|item| item["id"] == name).unwrap();
        found["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value(&all, "timezone"), "Europe/Paris");
    let token = all["nextSyncToken"].as_str().unwrap();
    let quiet = sim.get(&format!("/users/me/settings?syncToken={token}")).await.body;
    assert_eq!(quiet["items"], json!([]));
    sim.edit(json!({"do": "change_setting", "setting": "weekStart", "value": "0"})).await;
    let changed = sim.get(&format!("/users/me/settings?syncToken={token}")).await.body;
    assert_eq!((changed["items"].as_array().unwrap().len(), value(&changed, "weekStart").as_str()), (1, "0"));
    assert_eq!(sim.get("/users/me/settings/weekStart").await.body["value"], "0");
    assert_eq!(sim.get("/users/me/settings/nothing").await.status, 404);
    let first = sim.get("/users/me/settings?maxResults=5").await.body;
    assert_eq!((first["items"].as_array().unwrap().len(), first.get("nextSyncToken")), (5, None));
    let colors = sim.get("/colors").await.body;
    assert_eq!(
        (colors["calendar"].as_object().unwrap().len(), colors["event"].as_object().unwrap().len()),
        (24, 11)
    );
}
