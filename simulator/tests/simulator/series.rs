//! Series: identity of occurrences, exceptions, splits, zones, rules that cannot be read (5.5).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{ANA, Sim, ids, starts, timed, yoga};

const EVENTS: &str = "/calendars/primary/events";

impl Sim {
    /// The starts of a series' instances in a window.
    async fn starts_of(&self, master: &str, from: &str, to: &str) -> Vec<String> {
        let path = format!("{EVENTS}/{master}/instances?timeMin={from}T00:00:00Z&timeMax={to}T00:00:00Z");
        let body = self.get(&path).await.body;
        starts(body["items"].as_array().unwrap()).into_iter().map(str::to_owned).collect()
    }

    async fn add_series(&self, zone: &str, start: &str, end: &str, lines: &[&str]) -> String {
        self.add(json!({
            "summary": "S",
            "start": {"dateTime": start, "timeZone": zone},
            "end": {"dateTime": end, "timeZone": zone},
            "recurrence": lines,
        }))
        .await
    }
}

#[tokio::test]
async fn wall_time_holds_across_both_changes_of_the_clocks() {
    let sim = Sim::start().await;
    for (zone, from, to, wanted) in [
        // One gap later on the day when 02:30 does not exist.
        (
            "Europe/Paris",
            "2027-03-27",
            "2027-03-30",
            ["2027-03-27T02:30:00+01:00", "2027-03-28T03:30:00+02:00", "2027-03-29T02:30:00+02:00"],
        ),
        // The first of the two on the day when it happens twice.
        (
            "Europe/Paris",
            "2027-10-30",
            "2027-11-02",
            ["2027-10-30T02:30:00+02:00", "2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"],
        ),
        (
            "America/New_York",
            "2027-03-13",
            "2027-03-16",
            ["2027-03-13T08:30:00+01:00", "2027-03-14T08:30:00+01:00", "2027-03-15T07:30:00+01:00"],
        ),
    ] {
        let series =
            sim.add_series(zone, "2027-01-01T02:30:00", "2027-01-01T03:00:00", &["RRULE:FREQ=DAILY"]).await;
        assert_eq!(sim.starts_of(&series, from, to).await, wanted, "{zone}");
    }
}

#[tokio::test]
async fn dates_and_exceptions_to_them_are_taken_into_account() {
    let sim = Sim::start().await;
    let lines = [
        "RRULE:FREQ=DAILY;COUNT=5",
        "EXDATE;TZID=Europe/Paris:20270326T180000",
        "EXDATE:20270327T170000Z",
        "RDATE;TZID=Europe/London:20270401T120000",
    ];
    let series = sim.add_series("Europe/Paris", "2027-03-25T18:00:00", "2027-03-25T19:00:00", &lines).await;
    assert_eq!(
        sim.starts_of(&series, "2027-03-01", "2027-05-01").await,
        [
            "2027-03-25T18:00:00+01:00",
            "2027-03-28T18:00:00+02:00",
            "2027-03-29T18:00:00+02:00",
            "2027-04-01T13:00:00+02:00"
        ]
    );
    let lines = ["RRULE:FREQ=DAILY;COUNT=6", "EXRULE:FREQ=DAILY;INTERVAL=2"];
    let odd = sim.add_series("Europe/Paris", "2027-03-25T18:00:00", "2027-03-25T19:00:00", &lines).await;
    assert_eq!(
        sim.starts_of(&odd, "2027-03-01", "2027-05-01").await,
        ["2027-03-26T18:00:00+01:00", "2027-03-28T18:00:00+02:00", "2027-03-30T18:00:00+02:00"]
    );
    let holiday = sim
        .add(json!({
            "start": {"date": "2027-03-27"}, "end": {"date": "2027-03-29"},
            "recurrence": ["RRULE:FREQ=WEEKLY;UNTIL=20270417", "EXDATE;VALUE=DATE:20270403"],
        }))
        .await;
    assert_eq!(
        sim.starts_of(&holiday, "2027-03-01", "2028-01-01").await,
        ["2027-03-27", "2027-04-10", "2027-04-17"]
    );
    let body = sim.get(&format!("{EVENTS}/{holiday}/instances")).await.body;
    assert_eq!(body["items"][0]["id"], format!("{holiday}_20270327"));
    assert_eq!(body["items"][0]["originalStartTime"], json!({"date": "2027-03-27"}));
}

#[tokio::test]
async fn an_instance_can_be_read_changed_and_cancelled() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let (_, token) = sim.list("").await;
    let token = token.unwrap();
    let first = format!("{yoga}_20270323T170000Z");
    let instance = sim.get(&format!("{EVENTS}/{first}")).await.body;
    assert_eq!(instance["start"]["dateTime"], "2027-03-23T18:00:00+01:00");
    for wrong in
        ["20270324T170000Z", "20270323", "20270323T170000", "Z", "20270323T990000Z", "+2621421231T000000Z"]
    {
        assert_eq!(sim.get(&format!("{EVENTS}/{yoga}_{wrong}")).await.status, 404, "{wrong}");
    }
    let change = json!({
        "start": {"dateTime": "2027-03-24T20:00:00+01:00"}, "end": {"dateTime": "2027-03-24T21:00:00+01:00"},
    });
    let moved = sim.send(Method::PATCH, &format!("{EVENTS}/{first}"), change).await.body;
    assert_eq!(moved["id"], first);
    assert_eq!(moved["recurringEventId"], yoga);
    assert_eq!(moved["originalStartTime"]["dateTime"], "2027-03-23T18:00:00+01:00", "immutable");
    assert_eq!(moved["sequence"], 1);
    let second = format!("{yoga}_20270330T160000Z");
    assert_eq!(sim.send(Method::DELETE, &format!("{EVENTS}/{second}"), json!({})).await.status, 204);
    assert_eq!(sim.send(Method::DELETE, &format!("{EVENTS}/{second}"), json!({})).await.reason(), "deleted");

    let (news, _) = sim.list(&format!("syncToken={token}")).await;
    assert_eq!(ids(&news), [first.as_str(), second.as_str()], "the master did not change");
    let tombstone = json!({
        "kind": "calendar#event", "etag": news[1]["etag"], "id": second, "status": "cancelled", "recurringEventId": yoga,
        "originalStartTime": {"dateTime": "2027-03-30T18:00:00+02:00", "timeZone": "Europe/Paris"},
    });
    assert_eq!(news[1], tombstone);
    let (all, _) = sim.list("").await;
    assert_eq!(all.len(), 3, "cancelled occurrences of a live series are part of what it is");
    let (expanded, _) =
        sim.list("singleEvents=true&timeMin=2027-03-20T00:00:00Z&timeMax=2027-04-10T00:00:00Z").await;
    assert_eq!(ids(&expanded), [format!("{yoga}_20270406T160000Z"), first]);

    sim.edit(json!({"do": "delete_event", "event": yoga})).await;
    let (gone, _) = sim.list(&format!("syncToken={token}")).await;
    assert!(gone.len() == 3 && gone.iter().all(|item| item["status"] == "cancelled"));
    assert!(sim.list("").await.0.is_empty());
    sim.edit(json!({"do": "restore_event", "event": yoga})).await;
    assert_eq!(sim.list("").await.0.len(), 3);
}

#[tokio::test]
async fn a_change_of_the_master_lists_its_exceptions_again() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    sim.edit(json!({"do": "move_instance", "event": yoga, "original_start": "2027-03-23T17:00:00Z", "by_minutes": 60})).await;
    let (_, token) = sim.list("").await;
    sim.edit(json!({"do": "change_event", "event": yoga, "changes": {"summary": "Yin yoga"}})).await;
    let (news, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    assert_eq!(news.len(), 2);
    assert_eq!(news[0]["etag"], news[1]["etag"]);
    assert_eq!(news[0]["updated"], news[1]["updated"]);
    assert_eq!(news[1]["summary"], "Yin yoga", "what is not the exception's own follows the master");
    assert_eq!(news[1]["start"]["dateTime"], "2027-03-23T19:00:00+01:00", "what is its own stays");
}

#[tokio::test]
async fn exceptions_whose_slot_is_gone_are_cancelled() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    for at in ["2027-03-23T17:00:00Z", "2027-06-01T16:00:00Z"] {
        sim.edit(json!({"do": "move_instance", "event": yoga, "original_start": at, "by_minutes": 60})).await;
    }
    let (_, token) = sim.list("").await;
    let rule = json!(["RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270501T000000Z"]);
    sim.edit(json!({"do": "change_event", "event": yoga, "changes": {"recurrence": rule}})).await;
    let (news, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    let status: Vec<_> = news.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["confirmed", "confirmed", "cancelled"]);
}

#[tokio::test]
async fn this_and_following_splits_a_series() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    for at in ["2027-03-23T17:00:00Z", "2027-04-13T16:00:00Z"] {
        sim.edit(json!({"do": "cancel_instance", "event": yoga, "original_start": at})).await;
    }
    let (_, token) = sim.list("").await;
    let done = sim
        .edit(json!({"do": "split_series", "event": yoga, "original_start": "2027-03-30T16:00:00Z", "changes": {"summary": "Pilates"}}))
        .await;
    let new = done["event"]["id"].as_str().unwrap();
    assert_eq!(new, format!("{yoga}_R20270330T160000"));
    assert_eq!(done["event"]["iCalUID"], format!("{new}@google.com"));
    assert_eq!(done["event"]["recurrence"], json!(["RRULE:FREQ=WEEKLY;BYDAY=TU"]));
    // The last second of the day before, in Paris, in UTC.
    assert_eq!(done["events"][0]["recurrence"], json!(["RRULE:FREQ=WEEKLY;BYDAY=TU;UNTIL=20270329T215959Z"]));
    let (news, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    let find =
        |id: String| news.iter().find(|item| item["id"] == id).map(|item| item["status"].as_str().unwrap());
    assert_eq!(find(format!("{new}_20270413T160000Z")), Some("cancelled"), "goes with the new series");
    assert_eq!(find(format!("{yoga}_20270413T160000Z")), Some("cancelled"));
    assert_eq!(sim.starts_of(&yoga, "2027-03-20", "2027-05-01").await, Vec::<String>::new());
    assert_eq!(
        sim.starts_of(new, "2027-03-20", "2027-04-21").await,
        ["2027-03-30T18:00:00+02:00", "2027-04-06T18:00:00+02:00", "2027-04-20T18:00:00+02:00"]
    );

    // Again, at another time of day; a count is shared out.
    let counted = sim
        .add_series(
            "Europe/Paris",
            "2027-03-25T09:00:00",
            "2027-03-25T10:00:00",
            &["RRULE:FREQ=DAILY;COUNT=5"],
        )
        .await;
    let changes = json!({"start": {"dateTime": "2027-03-27T11:00:00+01:00"}, "end": {"dateTime": "2027-03-27T12:00:00+01:00"}});
    let done = sim
        .edit(json!({"do": "split_series", "event": counted, "original_start": "2027-03-27T08:00:00Z", "changes": changes}))
        .await;
    let later = done["event"]["id"].as_str().unwrap();
    assert_eq!(later, format!("{counted}_R20270327T100000"));
    assert_eq!(done["event"]["recurrence"], json!(["RRULE:FREQ=DAILY;COUNT=3"]));
    assert_eq!(sim.starts_of(&counted, "2027-03-20", "2027-05-01").await.len(), 2);
    assert_eq!(sim.starts_of(later, "2027-03-20", "2027-05-01").await.len(), 3);
    let twice = sim
        .edit(json!({"do": "split_series", "event": later, "original_start": "2027-03-28T09:00:00Z"}))
        .await;
    assert_eq!(
        twice["event"]["id"],
        format!("{counted}_R20270328T090000"),
        "from the first id, not the second"
    );

    let days = sim
        .add(json!({"start": {"date": "2027-03-27"}, "end": {"date": "2027-03-28"}, "recurrence": ["RRULE:FREQ=DAILY"]}))
        .await;
    let done = sim.edit(json!({"do": "split_series", "event": days, "original_start": "2027-04-01"})).await;
    assert_eq!(done["event"]["id"], format!("{days}_R20270401"));
    assert_eq!(done["events"][0]["recurrence"], json!(["RRULE:FREQ=DAILY;UNTIL=20270331"]));
}

#[tokio::test]
async fn a_series_moves_to_another_calendar_with_its_exceptions() {
    let sim = Sim::start().await;
    let family = "fam@group.calendar.google.com";
    sim.edit(json!({"do": "add_calendar", "summary": "Family", "id": family})).await;
    let yoga = sim.add(yoga()).await;
    sim.edit(json!({"do": "cancel_instance", "event": yoga, "original_start": "2027-03-23T17:00:00Z"})).await;
    let (_, token) = sim.list("").await;
    sim.edit(json!({"do": "drag_event", "event": yoga, "to": family})).await;
    let (left, _) = sim.list(&format!("syncToken={}", token.unwrap())).await;
    assert!(left.len() == 2 && left.iter().all(|item| item["status"] == "cancelled"));
    let (there, _) = sim.list_of(family, "").await;
    assert_eq!(ids(&there), [yoga.clone(), format!("{yoga}_20270323T170000Z")]);
    assert_eq!((&there[0]["status"], &there[1]["status"]), (&json!("confirmed"), &json!("cancelled")));
}

#[tokio::test]
async fn a_series_keeps_its_wall_time_in_another_zone() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let done = sim.edit(json!({"do": "change_series_zone", "event": yoga, "zone": "America/New_York"})).await;
    assert_eq!(
        done["event"]["start"],
        json!({"dateTime": "2027-03-03T00:00:00+01:00", "timeZone": "America/New_York"})
    );
    assert_eq!(sim.starts_of(&yoga, "2027-03-23", "2027-03-25").await, ["2027-03-23T23:00:00+01:00"]);
    sim.edit(json!({"do": "set_calendar_zone", "zone": "Asia/Tokyo"})).await;
    assert_eq!(
        sim.starts_of(&yoga, "2027-03-23", "2027-03-25").await,
        ["2027-03-24T07:00:00+09:00"],
        "shown elsewhere"
    );
}

#[tokio::test]
async fn moving_a_whole_series_takes_its_weekday_along() {
    let sim = Sim::start().await;
    let yoga = sim.add(yoga()).await;
    let done = sim.edit(json!({"do": "move_event", "event": yoga, "by_minutes": 1440 + 60})).await;
    assert_eq!(done["event"]["recurrence"], json!(["RRULE:FREQ=WEEKLY;BYDAY=WE"]));
    assert_eq!(sim.starts_of(&yoga, "2027-03-29", "2027-04-05").await, ["2027-03-31T19:00:00+02:00"]);
}

#[tokio::test]
async fn rules_that_cannot_be_read_are_kept_as_given() {
    let sim = Sim::start().await;
    for line in [
        "RRULE:FREQ=FORTNIGHTLY",
        "RRULE:nonsense",
        "EXDATE;TZID=Mars/Base:20270326T180000",
        "RRULE:FREQ=HOURLY",
    ] {
        let mut event = timed("Odd", "2027-03-22T18:00:00", "2027-03-22T19:00:00");
        event["recurrence"] = json!([line]);
        let made = sim.send(Method::POST, EVENTS, event).await;
        assert_eq!((made.status, &made.body["recurrence"]), (200, &json!([line])));
        let id = made.body["id"].as_str().unwrap();
        assert_eq!(sim.starts_of(id, "2027-01-01", "2028-01-01").await, ["2027-03-22T18:00:00+01:00"]);
        let (listed, _) =
            sim.list("singleEvents=true&timeMin=2027-03-20T00:00:00Z&timeMax=2027-03-30T00:00:00Z").await;
        assert_eq!(listed.len(), 1);
        sim.edit(json!({"do": "delete_event", "event": id})).await;
    }
    let mut odd = yoga();
    odd["start"]["timeZone"] = "Mars/Base".into();
    odd["start"]["dateTime"] = "2027-03-23T18:00:00+01:00".into();
    let odd = sim.add(odd).await;
    assert_eq!(sim.get(&format!("{EVENTS}/{odd}")).await.body["start"]["timeZone"], "Mars/Base");
}

#[tokio::test]
async fn a_rule_that_never_strikes_ends() {
    let sim = Sim::start().await;
    let lines = ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"];
    let never = sim.add_series("Europe/Paris", "2027-03-22T18:00:00", "2027-03-22T19:00:00", &lines).await;
    assert_eq!(sim.starts_of(&never, "2027-01-01", "2100-01-01").await, Vec::<String>::new());
    assert_eq!(sim.list("singleEvents=true").await.0, Vec::<Value>::new());
    let lines = ["RRULE:FREQ=DAILY;INTERVAL=4294967295", "EXRULE:FREQ=DAILY;COUNT=4000000000"];
    let huge = sim.add_series("Europe/Paris", "2027-03-22T18:00:00", "2027-03-22T19:00:00", &lines).await;
    assert_eq!(sim.starts_of(&huge, "2027-01-01", "2100-01-01").await, Vec::<String>::new());
    let held = sim.observe(&format!("events?account={ANA}")).await;
    assert_eq!(held.as_array().unwrap().len(), 2);
}
