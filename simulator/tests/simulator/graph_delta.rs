//! Changes of a view (6.2), with everything that makes them hard to follow.

use serde_json::{Value, json};

use crate::graph_events_client::{
    Mail, SPRING, at, code, escaped, event_path, lunch, subjects, text, timed, yoga,
};

async fn begin(mail: &Mail, path: &str) -> (Vec<Value>, String) {
    let (pages, link) = mail.round(&format!("{path}/calendarView/delta?{SPRING}")).await;
    assert!(!link.is_empty(), "the last page has a delta link");
    (pages.concat(), link)
}

async fn next(mail: &Mail, link: &str) -> (Vec<Value>, String) {
    let (pages, link) = mail.round(link).await;
    (pages.concat(), link)
}

fn removed(items: &[Value]) -> Vec<&str> {
    let gone = items.iter().filter(|item| item["@removed"]["reason"] == "deleted");
    gone.map(|item| item["id"].as_str().unwrap()).collect()
}

fn kinds(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["type"].as_str().unwrap_or("removed")).collect()
}

#[tokio::test]
async fn a_round_brings_what_there_is_and_the_next_what_changed() {
    let mail = Mail::start().await;
    let one = mail.made(lunch()).await;
    let far = mail.made(timed("Far", "2028-01-01T12:00:00", "2028-01-01T13:00:00")).await;
    let (items, link) = begin(&mail, "/me").await;
    assert_eq!(subjects(&items), ["Lunch"], "only what stands in the window");
    assert_eq!(items[0]["@odata.type"], "#microsoft.graph.event");
    let (items, link) = next(&mail, &link).await;
    assert!(items.is_empty(), "nothing has changed");

    mail.patch(&event_path(&one["id"]), json!({"subject": "Dinner"})).await;
    mail.patch(&event_path(&far["id"]), json!({"subject": "Farther"})).await;
    let brief = mail.made(timed("Brief", "2027-04-01T12:00:00", "2027-04-01T13:00:00")).await;
    mail.delete(&event_path(&brief["id"])).await;
    let (items, link) = next(&mail, &link).await;
    let mut gone = removed(&items);
    gone.sort_unstable();
    let mut wanted = [text(&far["id"]), text(&brief["id"])];
    wanted.sort_unstable();
    assert_eq!(gone, wanted, "changes outside of the window are removals, as is what came and went");
    assert!(subjects(&items).contains(&"Dinner"));

    let away = json!({"start": at("2028-02-01T12:00:00"), "end": at("2028-02-01T13:00:00")});
    mail.patch(&event_path(&one["id"]), away).await;
    let (items, link) = next(&mail, &link).await;
    assert_eq!(removed(&items), [text(&one["id"])], "it has left the window");
    let (items, _) = next(&mail, &link).await;
    assert!(items.is_empty());
}

#[tokio::test]
async fn the_window_stays_where_it_was() {
    let mail = Mail::start().await;
    mail.made(yoga()).await;
    let (items, link) = begin(&mail, "/me").await;
    assert_eq!(items.len(), 14);
    let mail = mail.later("2027-08-01T00:00:00Z").await;
    let (items, link) = next(&mail, &format!("{link}&startDateTime=2027-06-01T00:00:00Z")).await;
    assert!(items.is_empty(), "what rolls into a later window is never told");
    let other = Mail { token: mail.add("other@contoso.test", json!({})).await, ..mail };
    assert_eq!(other.get(&link).await.status, 400, "another account's link");
}

#[tokio::test]
async fn occurrences_are_sparse_and_masters_stand_beside_them() {
    let mail = Mail::start().await;
    let master = mail.made(yoga()).await;
    let view = mail.all(&format!("/me/calendarView?{SPRING}")).await;
    mail.patch(&event_path(&view[2]["id"]), json!({"subject": "Pilates"})).await;
    let (items, link) = begin(&mail, "/me").await;
    assert_eq!(kinds(&items)[..5], ["seriesMaster", "occurrence", "occurrence", "exception", "occurrence"]);
    let mut names: Vec<_> = items[1].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["@odata.etag", "@odata.type", "end", "id", "seriesMasterId", "start", "type"]);
    assert_eq!(items[3]["subject"], "Pilates", "an exception is whole");
    assert_eq!(items[1]["seriesMasterId"], master["id"]);

    mail.switch(json!({"delta_masters": "never", "sparse_exceptions": true})).await;
    let (items, _) = begin(&mail, "/me").await;
    assert_eq!(kinds(&items)[..3], ["occurrence", "occurrence", "exception"]);
    assert!(items[2].get("subject").is_none());
    mail.switch(json!({"delta_masters": "inside"})).await;
    let late = "startDateTime=2027-04-01T00:00:00Z&endDateTime=2027-06-01T00:00:00Z";
    let (pages, _) = mail.round(&format!("/me/calendarView/delta?{late}")).await;
    assert_eq!(kinds(&pages.concat())[0], "occurrence", "it began before the window");
    drop(link);
}

#[tokio::test]
async fn a_cancelled_occurrence_is_not_announced() {
    let mail = Mail::start().await;
    let master = mail.made(yoga()).await;
    let (before, link) = begin(&mail, "/me").await;
    let third = before[3]["id"].clone();
    mail.delete(&event_path(&third)).await;
    let (items, link) = next(&mail, &link).await;
    assert!(removed(&items).is_empty(), "nothing says so");
    assert_eq!(items.len(), before.len() - 1, "the series comes again without it");
    assert!(items.iter().all(|item| item["id"] != third));

    mail.edit(json!({"do": "reschedule_series", "event": master["id"]})).await;
    let (items, link) = next(&mail, &link).await;
    assert!(removed(&items).is_empty(), "nor what becomes of the old occurrences");
    let same = items.iter().filter(|item| before.iter().any(|old| old["id"] == item["id"]));
    assert_eq!(same.count(), 1, "the master");

    let late = items.iter().rfind(|item| item["type"] == "occurrence").unwrap()["id"].clone();
    let away = json!({"start": at("2027-06-01T10:00:00"), "end": at("2027-06-01T11:00:00")});
    assert_eq!(mail.patch(&event_path(&late), away).await.status, 200);
    let (items, link) = next(&mail, &link).await;
    assert_eq!(removed(&items), [text(&late)], "an exception that left the window");

    mail.delete(&event_path(&master["id"])).await;
    let (items, link) = next(&mail, &link).await;
    assert_eq!(removed(&items), [text(&master["id"])], "of a deleted series only the master");
    assert_eq!(items.len(), 1);
    mail.switch(json!({"deleted_series": "occurrences"})).await;
    let master = mail.made(yoga()).await;
    let (_, link) = next(&mail, &link).await;
    mail.delete(&event_path(&master["id"])).await;
    assert_eq!(removed(&next(&mail, &link).await.0).len(), 14);
}

#[tokio::test]
async fn pages_have_the_size_that_is_preferred_and_do_not_split_a_series() {
    let mail = Mail::start().await.preferring("odata.maxpagesize=2");
    mail.made(yoga()).await;
    for hour in 10..15 {
        mail.made(timed("One", &format!("2027-03-22T{hour}:00:00"), &format!("2027-03-22T{hour}:30:00")))
            .await;
    }
    let path = format!("/me/calendarView/delta?{SPRING}");
    let (pages, _) = mail.round(&path).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [14, 2, 2, 1]);
    let reply = mail.get(&path).await;
    let applied = reply.headers["preference-applied"].to_str().unwrap();
    assert_eq!(applied, "odata.track-changes, odata.maxpagesize=2");
    assert!(text(&reply.body["@odata.nextLink"]).contains("$skiptoken="));
    mail.switch(json!({"empty_first_page": "always"})).await;
    let (pages, link) = mail.round(&path).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [0, 14, 2, 2, 1]);
    assert!(link.contains("$deltatoken="));
    // Changed in the middle of a round: shown as it is, and again in the next.
    let first = mail.get(&path).await;
    let made = mail.made(lunch()).await;
    let (pages, link) = mail.round(&text(&first.body["@odata.nextLink"])).await;
    assert_eq!(pages.concat().len(), 19);
    let (pages, _) = mail.round(&link).await;
    assert_eq!(pages.concat()[0]["id"], made["id"]);
}

#[tokio::test]
async fn what_was_moved_away_and_back_is_lost_to_immutable_ids() {
    let mail = Mail::start().await;
    let work = mail.calendar("Travail").await;
    let made = mail.made(lunch()).await;
    let (_, usual) = begin(&mail, "/me").await;
    let mail = mail.preferring("IdType=\"ImmutableId\"");
    let there = format!("/me/calendars/{}", escaped(&work));
    let (before, link) = begin(&mail, "/me/calendar").await;
    let (_, link_there) = begin(&mail, &there).await;
    let id = before[0]["id"].clone();

    let moved = mail.edit(json!({"do": "drag_to_calendar", "event": made["id"], "to": work})).await;
    let (items, link) = next(&mail, &link).await;
    assert_eq!(removed(&items), [text(&id)]);
    let (items, link_there) = next(&mail, &link_there).await;
    assert_eq!((&items[0]["id"], items.len()), (&id, 1), "the same id in the other calendar");

    let back = mail.edit(json!({"do": "drag_to_calendar", "event": moved["id"], "to": "primary"})).await;
    let (items, link) = next(&mail, &link).await;
    assert_eq!(subjects(&items), ["Lunch"], "it is back");
    assert_eq!(removed(&next(&mail, &link_there).await.0), [text(&id)]);

    // Away and back between two rounds.
    let moved = mail.edit(json!({"do": "drag_to_calendar", "event": back["id"], "to": work})).await;
    mail.edit(json!({"do": "drag_to_calendar", "event": moved["id"], "to": "primary"})).await;
    let (items, link) = next(&mail, &link).await;
    assert_eq!(
        (removed(&items), items.len()),
        (vec![id.as_str().unwrap()], 1),
        "told as gone though it is there"
    );
    assert_eq!(mail.get(&event_path(&id)).await.status, 200);
    mail.patch(&event_path(&id), json!({"subject": "Dinner"})).await;
    assert_eq!(subjects(&next(&mail, &link).await.0), ["Dinner"], "until it changes again");

    let mail = Mail { prefer: Vec::new(), ..mail };
    mail.switch(json!({"delta_remembers_prefer": false})).await;
    let (items, _) = next(&mail, &usual).await;
    assert_eq!(items.len(), 3, "with usual ids each move is a removal and another item");
    assert_eq!(removed(&items).len(), 2);
}

#[tokio::test]
async fn links_expire_also_in_the_middle_of_a_round() {
    let mail = Mail::start().await.preferring("odata.maxpagesize=1");
    mail.made(lunch()).await;
    mail.made(lunch()).await;
    let path = format!("/me/calendarView/delta?{SPRING}");
    let first = mail.get(&path).await;
    let (_, link) = begin(&mail, "/me").await;
    mail.edit(json!({"do": "expire_delta", "calendar": "primary"})).await;
    for link in [&text(&first.body["@odata.nextLink"]), &link] {
        let gone = mail.get(link).await;
        assert_eq!(code(&gone), (410, "SyncStateNotFound"));
        let again = gone.headers["location"].to_str().unwrap();
        assert!(again.ends_with("$deltatoken=") && again.contains("startDateTime=2027-03-01"), "{again}");
        assert_eq!(mail.round(again).await.0.concat().len(), 2, "the address begins anew");
    }
    for (switch, wanted) in [
        ("resync", (410, "resyncRequired")),
        ("bad_request", (400, "syncStateNotFound")),
        ("not_found", (404, "SYNCSTATENOTFOUND")),
    ] {
        mail.switch(json!({"expired_delta": switch})).await;
        assert_eq!(code(&mail.get(&link).await), wanted);
    }
    let (_, link) = begin(&mail, "/me").await;
    mail.switch(json!({"expired_delta": "gone", "delta_hours": 24})).await;
    let mail = mail.later("2027-03-20T07:00:00Z").await;
    assert_eq!(mail.get(&link).await.status, 200);
    let mail = mail.later("2027-03-20T09:00:00Z").await;
    assert_eq!(code(&mail.get(&link).await), (410, "SyncStateNotFound"));
    assert_eq!(code(&mail.get("/me/calendarView/delta?$deltatoken=nonsense").await).0, 400);
}

#[tokio::test]
async fn items_come_twice_to_those_who_are_to_suffer() {
    let mail = Mail::start().await;
    mail.switch(json!({"delta_duplicates": true})).await;
    let made = mail.made(lunch()).await;
    let (items, link) = begin(&mail, "/me").await;
    assert_eq!(items.len(), 2, "twice in a round");
    mail.patch(&event_path(&made["id"]), json!({"subject": "Dinner"})).await;
    let (_, link) = next(&mail, &link).await;
    assert_eq!(subjects(&next(&mail, &link).await.0), ["Dinner", "Dinner"], "and again in the next");
}

#[tokio::test]
async fn options_of_lists_are_not_for_changes() {
    let mail = Mail::start().await;
    mail.made(lunch()).await;
    let path = format!("/me/calendarView/delta?{SPRING}");
    for option in ["$filter=subject%20eq%20'x'", "$expand=calendar", "$orderby=subject", "$search=x"] {
        assert_eq!(
            code(&mail.get(&format!("{path}&{option}")).await),
            (400, "ErrorInvalidUrlQuery"),
            "{option}"
        );
    }
    let (pages, _) = mail.round(&format!("{path}&$select=subject")).await;
    assert!(pages.concat()[0].get("start").is_some(), "a selection is passed over");
    assert_eq!(code(&mail.get("/me/calendarView/delta").await), (400, "ErrorInvalidParameter"));
}
