//! Series, views of a range, and instances (5.3, 5.4, 6.1).

use serde_json::{Value, json};

use crate::graph_events_client::{
    Mail, SPRING, all_day, at, code, event_path, lunch, starts, subjects, timed, yoga,
};

fn repeated(pattern: Value, range: Value, start: &str, end: &str) -> Value {
    let mut event = timed("Series", start, end);
    let mut range = range;
    range["startDate"] = start[..10].into();
    event["recurrence"] = json!({"pattern": pattern, "range": range});
    event
}

async fn viewed(mail: &Mail) -> Vec<Value> {
    mail.all(&format!("/me/calendarView?{SPRING}&$top=1000")).await
}

#[tokio::test]
async fn a_series_is_seen_as_its_occurrences() {
    let mail = Mail::start().await;
    let master = mail.made(yoga()).await;
    assert_eq!(master["type"], "seriesMaster");
    assert_eq!(
        master["recurrence"]["range"],
        json!({"type": "noEnd", "startDate": "2027-03-02", "endDate": "0001-01-01", "numberOfOccurrences": 0,
            "recurrenceTimeZone": "Romance Standard Time"})
    );
    assert_eq!(mail.all("/me/events").await.len(), 1, "masters are listed, occurrences are not");
    let view = viewed(&mail).await;
    assert_eq!(
        starts(&view)[..5],
        ["2027-03-02T17:00", "2027-03-09T17:00", "2027-03-16T17:00", "2027-03-23T17:00", "2027-03-30T16:00"],
        "18:00 in Paris, also in summer"
    );
    assert_eq!(view.len(), 13);
    let one = &view[4];
    assert_eq!((&one["type"], &one["seriesMasterId"]), (&json!("occurrence"), &master["id"]));
    assert_eq!((&one["originalStart"], &one["recurrence"]), (&json!("2027-03-30T16:00:00Z"), &Value::Null));
    assert_eq!(one["subject"], "Yoga");
    assert_eq!(mail.get(&event_path(&one["id"])).await.body["id"], one["id"]);
    let all = mail.all(&format!("{}/instances?{SPRING}&$top=50", event_path(&master["id"]))).await;
    assert_eq!(all, view, "instances are the same");
    assert_eq!(mail.get(&format!("{}/instances?{SPRING}", event_path(&one["id"]))).await.status, 400);
}

#[tokio::test]
async fn an_occurrence_that_is_changed_becomes_an_exception() {
    let mail = Mail::start().await;
    let master = mail.made(yoga()).await;
    let before = viewed(&mail).await;
    let path = event_path(&before[3]["id"]);
    let moved = mail
        .patch(&path, json!({"start": at("2027-03-24T10:00:00"), "end": at("2027-03-24T11:00:00")}))
        .await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    assert_eq!(
        (&moved.body["type"], &moved.body["id"]),
        (&json!("exception"), &before[3]["id"]),
        "its id stays"
    );
    assert_eq!(moved.body["originalStart"], "2027-03-23T17:00:00Z");
    mail.patch(&event_path(&before[4]["id"]), json!({"subject": "Pilates"})).await;
    let view = viewed(&mail).await;
    assert_eq!(starts(&view)[3], "2027-03-24T09:00");
    assert_eq!(subjects(&view)[2..6], ["Yoga", "Yoga", "Pilates", "Yoga"]);

    for (start, end) in [
        ("2027-03-30T10:00:00", "2027-03-30T11:00:00"),
        ("2027-04-02T10:00:00", "2027-04-02T11:00:00"),
        ("2027-03-16T10:00:00", "2027-03-16T11:00:00"),
    ] {
        let refused = mail.patch(&path, json!({"start": at(start), "end": at(end)})).await;
        assert_eq!(code(&refused), (400, "ErrorOccurrenceCrossingBoundary"), "{start}");
    }

    assert_eq!(mail.delete(&path).await.status, 204);
    assert_eq!(mail.get(&path).await.status, 404);
    assert_eq!(mail.delete(&path).await.status, 404);
    assert_eq!(viewed(&mail).await.len(), 12);
    let chosen = mail
        .get(&format!(
            "{}?$select=cancelledOccurrences&$expand=exceptionOccurrences",
            event_path(&master["id"])
        ))
        .await;
    assert_eq!(chosen.body["cancelledOccurrences"].as_array().unwrap().len(), 1);
    assert_eq!(subjects(chosen.body["exceptionOccurrences"].as_array().unwrap()), ["Pilates"]);

    // What is not said of an exception still follows the series.
    mail.patch(&event_path(&master["id"]), json!({"showAs": "free", "subject": "Gym"})).await;
    let view = viewed(&mail).await;
    assert_eq!(subjects(&view)[2..5], ["Gym", "Pilates", "Gym"]);
    assert!(view.iter().all(|one| one["showAs"] == "free"));
    assert_eq!(mail.delete(&event_path(&master["id"])).await.status, 204);
    assert!(viewed(&mail).await.is_empty());
}

#[tokio::test]
async fn a_series_that_is_rescheduled_has_new_occurrences() {
    let mail = Mail::start().await;
    let master = mail.made(yoga()).await;
    let before = viewed(&mail).await;
    mail.patch(&event_path(&before[3]["id"]), json!({"subject": "Pilates"})).await;
    mail.edit(json!({"do": "reschedule_series", "event": master["id"], "by_days": 1})).await;
    let after = viewed(&mail).await;
    assert_eq!(starts(&after)[..2], ["2027-03-03T17:00", "2027-03-10T17:00"], "Wednesdays");
    assert!(after.iter().all(|one| before.iter().all(|old| old["id"] != one["id"])), "with other ids");
    assert_eq!(subjects(&after)[3], "Yoga", "and without what was changed by itself");
    let master = mail.get(&event_path(&master["id"])).await.body;
    assert_eq!(master["recurrence"]["pattern"]["daysOfWeek"], json!(["wednesday"]));
    assert_eq!(master["recurrence"]["range"]["startDate"], "2027-03-03");

    let ended = json!({"recurrence": {
        "pattern": master["recurrence"]["pattern"],
        "range": {"type": "numbered", "startDate": "2027-03-03", "numberOfOccurrences": 3},
    }});
    assert_eq!(mail.patch(&event_path(&master["id"]), ended).await.status, 200);
    assert_eq!(viewed(&mail).await.len(), 3);
    let single = mail.patch(&event_path(&master["id"]), json!({"recurrence": null})).await.body;
    assert_eq!(single["type"], "singleInstance");
    assert_eq!(viewed(&mail).await.len(), 1);
}

#[tokio::test]
async fn a_wall_time_in_the_gap_is_one_gap_later() {
    let mail = Mail::start().await;
    let daily = json!({"type": "daily", "interval": 1});
    let range = json!({"type": "endDate", "endDate": "2027-03-29"});
    let mut night = repeated(daily.clone(), range.clone(), "2027-03-27T02:30:00", "2027-03-27T02:45:00");
    mail.made(night.clone()).await;
    let view = viewed(&mail).await;
    assert_eq!(starts(&view), ["2027-03-27T01:30", "2027-03-28T01:30", "2027-03-29T00:30"]);
    mail.edit(json!({"do": "delete_event", "event": view[0]["seriesMasterId"]})).await;
    // The zone of the series is its own, whoever looks and by whatever name it is called.
    night["start"] = json!({"dateTime": "2027-03-13T02:30:00", "timeZone": "America/New_York"});
    night["end"] = json!({"dateTime": "2027-03-13T03:30:00", "timeZone": "Eastern Standard Time"});
    night["recurrence"]["range"] =
        json!({"type": "numbered", "numberOfOccurrences": 3, "startDate": "2027-03-13"});
    let made = mail.made(night).await;
    assert_eq!(made["originalStartTimeZone"], "Eastern Standard Time");
    assert_eq!(starts(&viewed(&mail).await), ["2027-03-13T07:30", "2027-03-14T07:30", "2027-03-15T06:30"]);
}

#[tokio::test]
async fn days_float_and_are_matched_as_days_of_utc() {
    let mail = Mail::start().await.preferring("outlook.timezone=\"Tokyo Standard Time\"");
    mail.made(all_day("Fête", "2027-03-29", "2027-03-30")).await;
    let view = async |from: &str, to: &str| {
        subjects(&mail.all(&format!("/me/calendarView?startDateTime={from}&endDateTime={to}")).await)
            .join(",")
    };
    assert_eq!(view("2027-03-29T23:00:00Z", "2027-03-29T23:30:00Z").await, "Fête");
    assert_eq!(
        view("2027-03-28T22:30:00Z", "2027-03-28T23:30:00Z").await,
        "",
        "though it has begun in Paris"
    );
    assert_eq!(view("2027-03-30T00:00:00Z", "2027-03-30T01:00:00Z").await, "", "its end is not part of it");
    let mut weekly = all_day("Week", "2027-03-26", "2027-03-27");
    weekly["recurrence"] = json!({
        "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["friday"]},
        "range": {"type": "numbered", "startDate": "2027-03-26", "numberOfOccurrences": 2},
    });
    mail.made(weekly).await;
    let all = viewed(&mail).await;
    assert_eq!(starts(&all), ["2027-03-26T00:00", "2027-03-29T00:00", "2027-04-02T00:00"]);
    assert_eq!(all[2]["originalStart"], "2027-04-02T00:00:00Z");
}

#[tokio::test]
async fn a_view_needs_a_range_that_is_not_too_long() {
    let mail = Mail::start().await;
    mail.made(lunch()).await;
    for (query, wanted) in [
        ("", "ErrorInvalidParameter"),
        ("?startDateTime=2027-03-01", "ErrorInvalidParameter"),
        ("?startDateTime=soon&endDateTime=2027-03-01", "ErrorInvalidParameter"),
        ("?startDateTime=2027-03-02&endDateTime=2027-03-01", "ErrorInvalidParameter"),
        ("?startDateTime=2027-03-01T00:00:00Z&endDateTime=2032-03-01T00:00:00Z", "ErrorInvalidRequest"),
    ] {
        assert_eq!(code(&mail.get(&format!("/me/calendarView{query}")).await), (400, wanted), "{query}");
    }
    let long = "?startDateTime=2027-03-01T00:00:00Z&endDateTime=2032-02-28T00:00:00Z";
    assert_eq!(mail.get(&format!("/me/calendarView{long}")).await.status, 200, "1825 days");
    // Without an offset they mean UTC, whatever zone is preferred.
    let mail = mail.preferring("outlook.timezone=\"Tokyo Standard Time\"");
    let hour = "?startDateTime=2027-03-22T11:30:00&endDateTime=2027-03-22T11:45:00";
    assert_eq!(mail.all(&format!("/me/calendarView{hour}")).await.len(), 1);
    let offset = "?startDateTime=2027-03-22T13:30:00%2B02:00&endDateTime=2027-03-22T13:45:00%2B02:00";
    assert_eq!(mail.all(&format!("/me/calendarView{offset}")).await.len(), 1);
}

#[tokio::test]
async fn all_patterns_are_expanded() {
    let mail = Mail::start().await;
    let noon = |day: &str| (format!("{day}T12:00:00"), format!("{day}T13:00:00"));
    for (pattern, start, wanted) in [
        (
            json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}),
            "2027-03-31",
            "03-31 04-30 05-31",
        ),
        (
            json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"}),
            "2027-03-26",
            "03-26 04-30 05-28",
        ),
        (
            json!({"type": "relativeYearly", "interval": 1, "daysOfWeek": ["sunday"], "index": "second", "month": 5}),
            "2027-05-09",
            "05-09",
        ),
        (
            json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 4, "month": 4}),
            "2027-04-04",
            "04-04",
        ),
        (
            json!({"type": "weekly", "interval": 4, "daysOfWeek": ["monday", "friday"], "firstDayOfWeek": "monday"}),
            "2027-03-01",
            "03-01 03-05 03-29 04-02 04-26 04-30 05-24 05-28",
        ),
    ] {
        let (from, to) = noon(start);
        let made = mail.made(repeated(pattern.clone(), json!({"type": "noEnd"}), &from, &to)).await;
        let view = viewed(&mail).await;
        let days: Vec<_> = starts(&view).into_iter().map(|start| start[5..10].to_owned()).collect();
        assert_eq!(days.join(" "), wanted, "{pattern}");
        mail.delete(&event_path(&made["id"])).await;
    }
    // A start that the pattern does not hit moves to the first day that it does.
    let tuesdays = json!({"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]});
    let made = mail
        .made(repeated(tuesdays, json!({"type": "noEnd"}), "2027-03-01T12:00:00", "2027-03-01T13:00:00"))
        .await;
    assert_eq!(starts(std::slice::from_ref(&made)), ["2027-03-02T11:00"]);
}

#[tokio::test]
async fn a_fault_makes_pages_small() {
    let mail = Mail::start().await;
    for hour in 8..13 {
        mail.made(timed(
            "Lunch",
            &format!("2027-03-24T{hour:02}:00:00"),
            &format!("2027-03-24T{hour:02}:30:00"),
        ))
        .await;
    }
    let small = json!({"kind": "small_pages", "size": 2, "path": "/v1.0/me/calendarView*", "times": null});
    mail.sim.control("faults", small).await;
    let sizes = |pages: &[Vec<Value>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    let pages = mail.pages(&format!("/me/calendarView?{SPRING}&$top=1000")).await;
    assert_eq!(sizes(&pages), [2, 2, 1]);
    let (pages, link) = mail.round(&format!("/me/calendarView/delta?{SPRING}")).await;
    assert_eq!(sizes(&pages), [2, 2, 1]);
    assert!(!link.is_empty(), "and the last page has a delta link");
    assert_eq!(mail.pages("/me/events?$top=1000").await.len(), 1, "other requests are let alone");
}
