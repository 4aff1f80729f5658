//! `events.list`: windows, pages, sync tokens (6).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, BEN, Sim, ids, starts, timed, yoga};

const EVENTS: &str = "/calendars/primary/events";

fn day(summary: &str, from: &str, to: &str) -> Value {
    json!({"summary": summary, "start": {"date": from}, "end": {"date": to}})
}

#[tokio::test]
async fn the_envelope_says_what_calendar_it_is() {
    let sim = Sim::start().await;
    let id = sim.add(day("Holiday", "2027-04-05", "2027-04-06")).await;
    let body = sim.get(EVENTS).await.body;
    assert_eq!(body["kind"], "calendar#events");
    assert_eq!((&body["summary"], &body["timeZone"]), (&json!(ANA), &json!("Europe/Paris")));
    assert_eq!(body["accessRole"], "owner");
    assert_eq!(body["items"][0]["id"], id);
    assert_eq!(body["updated"], body["items"][0]["updated"]);
    assert!(body["nextSyncToken"].is_string() && body.get("nextPageToken").is_none());
}

#[tokio::test]
async fn bounds_are_exclusive_and_touch_the_other_end() {
    let sim = Sim::start().await;
    sim.add(timed("A", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await;
    sim.add(day("B", "2027-03-21", "2027-03-22")).await;
    let found = async |from: &str, to: &str| {
        let (items, token) = sim.list(&format!("timeMin={from}&timeMax={to}")).await;
        assert!(token.is_some(), "a window goes with a sync token");
        items.iter().map(|item| item["summary"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(found("2027-03-20T10:00:00Z", "2027-03-20T20:00:00Z").await, "", "ends at 10:00 UTC");
    assert_eq!(found("2027-03-20T09:59:59Z", "2027-03-20T20:00:00Z").await, "A");
    assert_eq!(found("2027-03-20T00:00:00Z", "2027-03-20T09:00:00Z").await, "", "starts at 09:00 UTC");
    assert_eq!(found("2027-03-20T00:00:00Z", "2027-03-20T09:00:01.999Z").await, "A");
    // The day begins at midnight in Paris, which is 23:00 UTC.
    assert_eq!(found("2027-03-20T22:00:00Z", "2027-03-20T23:00:00Z").await, "");
    assert_eq!(found("2027-03-20T22:00:00Z", "2027-03-20T23:00:01Z").await, "B");
    let empty = sim.get(&format!("{EVENTS}?timeMin=2027-03-20T10:00:00Z&timeMax=2027-03-20T10:00:00Z")).await;
    assert_eq!((empty.status, empty.reason()), (400, "timeRangeEmpty"));
    assert_eq!(empty.body["error"]["errors"][0]["location"], "timeMax");
    assert_eq!(sim.get(&format!("{EVENTS}?timeMin=2027-03-20")).await.status, 400);
}

#[tokio::test]
async fn filters_choose_events() {
    let sim = Sim::start().await;
    let mut one = timed("Yoga at noon", "2027-03-20T12:00:00", "2027-03-20T13:00:00");
    one["extendedProperties"] = json!({"private": {"source": "x", "n": "1"}, "shared": {"s": "1"}});
    let one = sim.add(one).await;
    sim.control("clock", json!({"advance": "40m"})).await;
    let mut two = timed("Away", "2027-03-19T12:00:00", "2027-03-19T13:00:00");
    two["eventType"] = "outOfOffice".into();
    let two = sim.add(two).await;
    for (query, wanted) in [
        ("q=YOGA", vec![&one]),
        ("q=nothing", vec![]),
        ("privateExtendedProperty=source%3Dx", vec![&one]),
        ("privateExtendedProperty=source%3Dx&privateExtendedProperty=n%3D2", vec![]),
        ("sharedExtendedProperty=s%3D1", vec![&one]),
        ("eventTypes=outOfOffice", vec![&two]),
        ("eventTypes=outOfOffice&eventTypes=default&orderBy=updated", vec![&one, &two]),
        ("orderBy=startTime&singleEvents=true", vec![&two, &one]),
        ("updatedMin=2027-03-19T08:30:00Z", vec![&two]),
        (&format!("iCalUID={one}%40google.com"), vec![&one]),
    ] {
        let (items, _) = sim.list(query).await;
        assert_eq!(ids(&items), wanted, "{query}");
    }
    for query in [
        "orderBy=startTime",
        "orderBy=size",
        "eventTypes=party",
        "privateExtendedProperty=x",
        "singleEvents=maybe",
    ] {
        assert_eq!(sim.get(&format!("{EVENTS}?{query}")).await.status, 400, "{query}");
    }
    for query in ["q=a", "orderBy=updated", "updatedMin=2027-03-19T08:30:00Z", "iCalUID=x"] {
        assert!(sim.list(query).await.1.is_none(), "{query} gives no sync token");
    }
    let old = sim.get(&format!("{EVENTS}?updatedMin=2026-03-19T08:30:00Z")).await;
    assert_eq!((old.status, old.reason()), (410, "updatedMinTooLongAgo"));
}

#[tokio::test]
async fn pages_are_parts_of_one_snapshot() {
    let sim = Sim::start().await;
    for number in 10..17 {
        sim.add(day(&format!("D{number}"), &format!("2027-04-{number}"), &format!("2027-04-{}", number + 1)))
            .await;
    }
    let first = sim.get(&format!("{EVENTS}?maxResults=3")).await.body;
    let page = first["nextPageToken"].as_str().unwrap();
    assert_eq!(first["items"].as_array().unwrap().len(), 3);
    assert!(first.get("nextSyncToken").is_none());
    // What happens meanwhile is news for the next round, not for this one.
    let late = sim.add(day("late", "2027-05-01", "2027-05-02")).await;
    let second = sim.get(&format!("{EVENTS}?maxResults=3&pageToken={page}")).await.body;
    let last = second["nextPageToken"].as_str().unwrap();
    let again = sim.get(&format!("{EVENTS}?maxResults=3&pageToken={page}")).await.body;
    assert_eq!(again["items"], second["items"], "a page can be asked for again");
    let third = sim.get(&format!("{EVENTS}?maxResults=3&pageToken={last}")).await.body;
    assert_eq!(third["items"].as_array().unwrap().len(), 1);
    let sync = third["nextSyncToken"].as_str().unwrap();
    let (news, _) = sim.list(&format!("syncToken={sync}")).await;
    assert_eq!(ids(&news), [late]);

    let other = sim.get(&format!("{EVENTS}?maxResults=3&singleEvents=true&pageToken={page}")).await;
    assert_eq!(other.status, 400, "each page repeats the parameters");
    assert_eq!(sim.get(&format!("{EVENTS}?pageToken=nonsense")).await.status, 400);
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=0")).await.status, 400);
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=x")).await.status, 400);
    assert_eq!(sim.get(&format!("{EVENTS}?maxResults=100000")).await.status, 200);
}

#[tokio::test]
async fn changes_come_once_and_deletions_as_tombstones() {
    let sim = Sim::start().await;
    let kept = sim.add(day("Kept", "2027-04-05", "2027-04-06")).await;
    let dropped = sim.add(day("Dropped", "2027-04-07", "2027-04-08")).await;
    let (_, token) = sim.list("").await;
    let token = token.unwrap();
    let (news, next) = sim.list(&format!("syncToken={token}")).await;
    assert!(news.is_empty());
    for summary in ["a", "b", "c"] {
        sim.edit(json!({"do": "change_event", "event": kept, "changes": {"summary": summary}})).await;
    }
    sim.edit(json!({"do": "delete_event", "event": dropped})).await;
    let (news, _) = sim.list(&format!("syncToken={}", next.unwrap())).await;
    assert_eq!(news.len(), 2);
    let find = |id: &str| news.iter().find(|item| item["id"] == id).unwrap();
    assert_eq!(find(&kept)["summary"], "c");
    let mut names: Vec<_> = find(&dropped).as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["etag", "id", "kind", "status"], "no more than is guaranteed");
    let (again, _) = sim.list(&format!("syncToken={token}")).await;
    assert_eq!(again, news, "a token can be used again");
    let (all, _) = sim.list("").await;
    assert_eq!(ids(&all), [kept.as_str()]);
    assert_eq!(sim.list("showDeleted=true").await.0.len(), 2);
    sim.edit(json!({"do": "restore_event", "event": dropped})).await;
    let (back, _) = sim.list(&format!("syncToken={token}")).await;
    assert_eq!(back.iter().find(|item| item["id"] == dropped.as_str()).unwrap()["status"], "confirmed");
    // Touching changes the etag alone.
    let (_, token) = sim.list("").await;
    sim.edit(json!({"do": "touch_event", "event": kept})).await;
    assert_eq!(ids(&sim.list(&format!("syncToken={}", token.unwrap())).await.0), [kept]);
}

#[tokio::test]
async fn a_sync_token_is_of_one_calendar_one_account_and_one_set_of_parameters() {
    let mut sim = Sim::start().await;
    sim.edit(json!({"do": "add_calendar", "summary": "F", "id": "fam@x"})).await;
    let (_, token) = sim.list("").await;
    let token = token.unwrap();
    for name in [
        "iCalUID=a",
        "orderBy=updated",
        "privateExtendedProperty=a%3Db",
        "q=a",
        "sharedExtendedProperty=a%3Db",
        "timeMin=2027-01-01T00:00:00Z",
        "timeMax=2027-01-01T00:00:00Z",
        "updatedMin=2027-03-18T00:00:00Z",
        "showDeleted=false",
    ] {
        assert_eq!(sim.get(&format!("{EVENTS}?syncToken={token}&{name}")).await.status, 400, "{name}");
    }
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken={token}&singleEvents=true")).await.status, 400);
    assert_eq!(sim.get(&format!("/calendars/fam@x/events?syncToken={token}")).await.status, 400);
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken=nonsense")).await.status, 400);
    let ben = sim.account(BEN).await;
    sim.edit(json!({"do": "set_role", "account": BEN, "calendar": ANA, "role": "writer"})).await;
    let ana = std::mem::replace(&mut sim.token, ben);
    assert_eq!(sim.get(&format!("/calendars/{ANA}/events?syncToken={token}")).await.status, 400);
    let (_, bens) = sim.list_of(ANA, "").await;
    // A change of the access list ends the tokens of whom it concerns.
    sim.edit(json!({"do": "set_role", "account": BEN, "calendar": ANA, "role": "reader"})).await;
    let gone = sim.get(&format!("/calendars/{ANA}/events?syncToken={}", bens.unwrap())).await;
    assert_eq!((gone.status, gone.reason()), (410, "fullSyncRequired"));
    sim.token = ana;
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken={token}")).await.status, 200);
    sim.control("sync-tokens/expire", json!({"account": ANA, "calendar": "primary"})).await;
    let gone = sim.get(&format!("{EVENTS}?syncToken={token}")).await;
    assert_eq!((gone.status, gone.reason()), (410, "fullSyncRequired"));
    assert_eq!(gone.body["error"]["errors"][0]["location"], "syncToken");
    let (_, fresh) = sim.list("").await;
    let fresh = fresh.unwrap();
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken={fresh}")).await.status, 200);
    sim.control("settings", json!({"sync_token_hours": 24})).await;
    sim.control("clock", json!({"advance": "23h"})).await;
    sim.token = sim.account(ANA).await;
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken={fresh}")).await.status, 200);
    sim.control("clock", json!({"advance": "2h"})).await;
    sim.token = sim.account(ANA).await;
    assert_eq!(sim.get(&format!("{EVENTS}?syncToken={fresh}")).await.status, 410);
}

#[tokio::test]
async fn expanded_listings_show_instances_and_no_masters() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let window =
        "singleEvents=true&orderBy=startTime&timeMin=2027-03-20T00:00:00Z&timeMax=2027-04-10T00:00:00Z";
    let (items, token) = sim.list(window).await;
    assert!(token.is_none(), "an order goes with no token");
    let wanted = ["2027-03-23T18:00:00+01:00", "2027-03-30T18:00:00+02:00", "2027-04-06T18:00:00+02:00"];
    assert_eq!(starts(&items), wanted, "across the change of the clocks");
    assert_eq!(items[0]["id"], format!("{yoga}_20270323T170000Z"));
    assert_eq!(items[1]["id"], format!("{yoga}_20270330T160000Z"));
    assert_eq!(items[0]["recurringEventId"], yoga);
    assert_eq!(items[0]["originalStartTime"], items[0]["start"]);
    assert!(items.iter().all(|item| item.get("recurrence").is_none()));
    let (masters, _) = sim.list("timeMin=2027-03-20T00:00:00Z&timeMax=2027-04-10T00:00:00Z").await;
    assert_eq!(ids(&masters), [yoga.as_str()]);
    let (before, _) = sim.list("timeMax=2027-03-01T00:00:00Z").await;
    assert!(before.is_empty());
}

#[tokio::test]
async fn a_touched_series_ignores_the_window_of_the_first_listing() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let window = "singleEvents=true&timeMin=2027-03-20T00:00:00Z&timeMax=2027-04-10T00:00:00Z";
    let (items, token) = sim.list(window).await;
    let token = token.unwrap();
    assert_eq!(items.len(), 3);
    let change = json!({"do": "change_event", "event": yoga, "changes": {"summary": "Yoga!"}});
    sim.edit(change).await;
    let (flood, _) = sim.list(&format!("singleEvents=true&maxResults=2500&syncToken={token}")).await;
    // Three that began before now, and 730 after.
    assert_eq!(flood.len(), 733);
    sim.control("settings", json!({"delta": "window"})).await;
    let (few, _) = sim.list(&format!("singleEvents=true&syncToken={token}")).await;
    assert_eq!(few.len(), 3);
    sim.control("settings", json!({"delta": "unbounded"})).await;
    sim.edit(json!({"do": "delete_event", "event": yoga})).await;
    let (gone, _) = sim.list(&format!("singleEvents=true&syncToken={token}")).await;
    assert_eq!(gone.len(), 26, "half a year of cancelled instances");
    assert!(
        gone.iter().all(|item| item["status"] == "cancelled" && item["recurringEventId"] == yoga.as_str())
    );
}

#[tokio::test]
async fn slots_that_a_change_takes_away_are_cancelled_in_expanded_deltas() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let (_, token) = sim.list("singleEvents=true&timeMin=2027-03-20T00:00:00Z").await;
    let rule = json!(["RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270401T000000Z"]);
    sim.edit(json!({"do": "change_event", "event": yoga, "changes": {"recurrence": rule}})).await;
    let (items, _) =
        sim.list(&format!("singleEvents=true&maxResults=2500&syncToken={}", token.unwrap())).await;
    let (gone, live): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item["status"] == "cancelled");
    assert_eq!(live.len(), 5);
    assert!(gone.iter().any(|item| item["id"] == format!("{yoga}_20270406T160000Z")));
    assert!(gone.iter().all(|item| item["id"].as_str().unwrap() > format!("{yoga}_20270401").as_str()));
}

#[tokio::test]
async fn instances_lists_one_series() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    sim.edit(json!({"do": "cancel_instance", "event": yoga, "original_start": "2027-03-30T16:00:00Z"})).await;
    let path = format!("{EVENTS}/{yoga}/instances");
    let window = "timeMin=2027-03-23T18:00:00Z&timeMax=2027-04-10T00:00:00Z";
    let items = sim.get(&format!("{path}?{window}")).await.body["items"].clone();
    assert_eq!(
        starts(items.as_array().unwrap()),
        ["2027-03-23T18:00:00+01:00", "2027-04-06T18:00:00+02:00"],
        "inclusive"
    );
    let all = sim.get(&format!("{path}?{window}&showDeleted=true")).await.body["items"].clone();
    assert_eq!(all.as_array().unwrap().len(), 3);
    let one =
        sim.get(&format!("{path}?originalStart=2027-04-06T18:00:00%2B02:00")).await.body["items"].clone();
    assert_eq!(one.as_array().unwrap().len(), 1);
    let first = sim.get(&format!("{path}?maxResults=10")).await.body;
    assert!(first["nextPageToken"].is_string() && first.get("nextSyncToken").is_none());
    assert_eq!(sim.get(&format!("{EVENTS}/none/instances")).await.status, 404);
    let single = sim.add(day("D", "2027-04-05", "2027-04-06")).await;
    assert_eq!(sim.get(&format!("{EVENTS}/{single}/instances")).await.status, 400);
}

#[tokio::test]
async fn our_own_writes_come_back() {
    let sim = Sim::start().await;
    let (_, token) = sim.list("").await;
    let made =
        sim.send(Method::POST, EVENTS, timed("X", "2027-03-20T10:00:00", "2027-03-20T11:00:00")).await.body;
    let (news, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    assert_eq!(news, [made]);
}
