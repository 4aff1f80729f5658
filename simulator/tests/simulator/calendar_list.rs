//! The list of calendars (4).

use serde_json::json;

use crate::support::{ANA, BEN, Sim, ids};

#[tokio::test]
async fn entries_carry_names_roles_and_colours() {
    let sim = Sim::start().await;
    sim.edit(json!({"do": "add_calendar", "summary": "Family", "id": "fam@group.calendar.google.com"})).await;
    sim.edit(json!({"do": "add_calendar", "summary": "Club", "role": "freeBusyReader", "id": "club#x@group.v.calendar.google.com"}))
        .await;
    let list = sim.get("/users/me/calendarList").await.body;
    assert_eq!(list["kind"], "calendar#calendarList");
    let items = list["items"].as_array().unwrap();
    assert_eq!(ids(items), [ANA, "fam@group.calendar.google.com", "club#x@group.v.calendar.google.com"]);
    assert_eq!((&items[0]["primary"], &items[0]["accessRole"]), (&json!(true), &json!("owner")));
    assert!(items[1].get("primary").is_none(), "what is false is absent");
    assert_eq!(items[1]["dataOwner"], ANA);
    assert_eq!(items[2]["accessRole"], "freeBusyReader");
    let club = sim.get("/users/me/calendarList/club%23x%40group.v.calendar.google.com").await.body;
    assert_eq!(club, items[2]);
    let primary = sim.get("/users/me/calendarList/primary").await.body;
    assert_eq!(primary["id"], ANA);
    let calendar = sim.get("/calendars/primary").await.body;
    assert_eq!(
        (&calendar["kind"], &calendar["timeZone"]),
        (&json!("calendar#calendar"), &json!("Europe/Paris"))
    );
    let owned = sim.get("/users/me/calendarList?minAccessRole=writer").await.body;
    assert_eq!(owned["items"].as_array().unwrap().len(), 2);
    assert_eq!(sim.get("/users/me/calendarList?minAccessRole=king").await.status, 400);
    assert_eq!(sim.get("/users/me/calendarList/nobody").await.reason(), "notFound");
}

#[tokio::test]
async fn changes_come_incrementally() {
    let sim = Sim::start().await;
    let family = "fam@group.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "Family", "id": family})).await;
    let mut token =
        sim.get("/users/me/calendarList").await.body["nextSyncToken"].as_str().unwrap().to_owned();
    for (edit, seen) in [
        (json!({"do": "add_calendar", "summary": "New", "id": "new@x"}), json!(["new@x"])),
        // A title is read-only for the list: no news (4.1).
        (json!({"do": "rename_calendar", "calendar": family, "summary": "Kin"}), json!([])),
        (json!({"do": "override_summary", "calendar": family, "summary": "Mine"}), json!([family])),
        (json!({"do": "hide_calendar", "calendar": family}), json!([family])),
        (json!({"do": "withdraw_calendar", "calendar": "new@x"}), json!(["new@x"])),
    ] {
        sim.edit(edit.clone()).await;
        let list = sim.get(&format!("/users/me/calendarList?syncToken={token}")).await.body;
        let items = list["items"].as_array().unwrap();
        assert_eq!(json!(ids(items)), seen, "{edit}");
        token = list["nextSyncToken"].as_str().unwrap().to_owned();
    }
    let full = sim.get("/users/me/calendarList").await.body;
    assert_eq!(ids(full["items"].as_array().unwrap()), [ANA], "hidden and deleted ones are left out");
    let all = sim.get("/users/me/calendarList?showHidden=true&showDeleted=true").await.body;
    let all = all["items"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!((&all[1]["hidden"], &all[1]["summary"]), (&json!(true), &json!("Kin")));
    assert_eq!(all[2]["deleted"], true);
    for query in ["minAccessRole=owner", "showDeleted=false", "showHidden=false"] {
        let reply = sim.get(&format!("/users/me/calendarList?syncToken={token}&{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    sim.control("sync-tokens/expire", json!({"account": ANA})).await;
    let gone = sim.get(&format!("/users/me/calendarList?syncToken={token}")).await;
    assert_eq!((gone.status, gone.reason()), (410, "fullSyncRequired"));
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let sim = Sim::start().await;
    for number in 0..6 {
        sim.edit(json!({"do": "add_calendar", "summary": format!("C{number}")})).await;
    }
    let first = sim.get("/users/me/calendarList?maxResults=3").await.body;
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    assert!(first.get("nextSyncToken").is_none());
    let token = first["nextPageToken"].as_str().unwrap();
    let second = sim.get(&format!("/users/me/calendarList?maxResults=3&pageToken={token}")).await.body;
    let last = second["nextPageToken"].as_str().unwrap();
    let third = sim.get(&format!("/users/me/calendarList?maxResults=3&pageToken={last}")).await.body;
    assert_eq!(third["items"].as_array().unwrap().len(), 1);
    assert!(third["nextSyncToken"].is_string());
    let other = sim.get(&format!("/users/me/calendarList?showHidden=true&pageToken={token}")).await;
    assert_eq!(other.status, 400, "each page repeats the parameters");
}

#[tokio::test]
async fn a_shared_calendar_is_seen_by_its_role() {
    let mut sim = Sim::start().await;
    let ben = sim.account(BEN).await;
    sim.edit(json!({"do": "set_role", "account": BEN, "calendar": ANA, "role": "reader"})).await;
    sim.token = ben;
    let entry = sim.get(&format!("/users/me/calendarList/{ANA}")).await.body;
    assert_eq!(entry["accessRole"], "reader");
    assert!(entry.get("primary").is_none());
}
