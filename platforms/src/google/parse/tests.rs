use super::*;
use crate::fields::{LONGEST_LINK, LONGEST_TITLE};
use chrono::NaiveDate;
use chrono_tz::{America, Europe};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

/// Recorded style: reference sheet 5.1 and 5.5.
fn real_items() -> Vec<Value> {
    vec![
        json!({
            "kind": "calendar#event", "etag": "\"3485464646392798\"", "id": "4k3h1bqn0pmn2qmvc7m0b6ip2q",
            "status": "confirmed", "htmlLink": "https://www.google.com/calendar/event?eid=NGsz",
            "created": "2025-03-23T12:16:13.000Z", "updated": "2025-03-23T12:18:43.196Z", "summary": "Dishes",
            "description": "may contain HTML", "colorId": "5",
            "creator": {"email": "a@example.com", "self": true}, "organizer": {"email": "a@example.com", "self": true},
            "start": {"dateTime": "2025-03-24T07:30:00-05:00", "timeZone": "America/Chicago"},
            "end": {"dateTime": "2025-03-24T08:15:00-05:00", "timeZone": "America/Chicago"},
            "recurrence": ["RRULE:FREQ=DAILY;UNTIL=20250327T045959Z"],
            "iCalUID": "4k3h1bqn0pmn2qmvc7m0b6ip2q@google.com", "sequence": 0,
            "reminders": {"useDefault": true}, "eventType": "default"
        }),
        json!({
            "kind": "calendar#event", "etag": "\"3485464646392798\"",
            "id": "4k3h1bqn0pmn2qmvc7m0b6ip2q_20250319T131500Z", "status": "confirmed",
            "updated": "2025-03-23T12:18:43.196Z", "summary": "Dishes",
            "start": {"dateTime": "2025-03-20T16:30:00-05:00", "timeZone": "America/Chicago"},
            "end": {"dateTime": "2025-03-20T17:15:00-05:00", "timeZone": "America/Chicago"},
            "recurringEventId": "4k3h1bqn0pmn2qmvc7m0b6ip2q",
            "originalStartTime": {"dateTime": "2025-03-19T08:15:00-05:00", "timeZone": "America/Chicago"},
            "sequence": 1
        }),
        json!({
            "kind": "calendar#event", "etag": "\"1\"", "id": "master_20250601", "status": "cancelled",
            "recurringEventId": "master", "originalStartTime": {"date": "2025-06-01"}
        }),
        json!({"kind": "calendar#event", "etag": "\"2\"", "id": "abc", "status": "cancelled"}),
        json!({
            "kind": "calendar#event", "etag": "\"3\"", "id": "invited", "status": "tentative",
            "start": {"date": "2025-06-01"}, "end": {"date": "2025-06-03"}, "transparency": "transparent",
            "attendees": [{"self": true, "responseStatus": "needsAction"}], "attendeesOmitted": true,
            "eventType": "workingLocation"
        }),
    ]
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn timed(start: &str, end: &str) -> Span {
    Span::Timed { start: at(start), end: at(end) }
}

fn all_day(start: &str, end: &str) -> Span {
    Span::AllDay { start: date(start), end: date(end) }
}

fn event(item: Value) -> ObservedEvent {
    match change(&item, None) {
        Some(Change::Present(event)) => *event,
        other => panic!("{item} is read as {other:?}"),
    }
}

fn unreadable(item: &Value, zone: Option<Tz>) -> bool {
    matches!(change(item, zone), Some(Change::Unreadable { id }) if id == "a")
}

/// A single event with these fields.
fn with(fields: Value) -> Value {
    let mut item = json!({"id": "a", "etag": "\"1\"", "start": {"dateTime": "2026-01-10T09:00:00Z"},
                          "end": {"dateTime": "2026-01-10T10:00:00Z"}});
    item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    item
}

fn span_of(fields: Value) -> Span {
    match event(with(fields)).shape {
        Shape::Single { span } => span,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_a_series_as_google_records_it() {
    let event = event(real_items().remove(0));
    assert_eq!(
        event,
        ObservedEvent {
            id: "4k3h1bqn0pmn2qmvc7m0b6ip2q".to_owned(),
            revision: "3:\"3485464646392798\"".to_owned(),
            shape: Shape::Master {
                series: Series {
                    first: timed("2025-03-24T12:30:00Z", "2025-03-24T13:15:00Z"),
                    zone: Some("America/Chicago".to_owned()),
                    lines: vec!["RRULE:FREQ=DAILY;UNTIL=20250327T045959Z".to_owned()],
                }
            },
            marks: Marks::default(),
            details: Details {
                title: "Dishes".to_owned(),
                link: Some("https://www.google.com/calendar/event?eid=NGsz".to_owned()),
                private: false,
            },
            updated: Some(at("2025-03-23T12:18:43.196Z")),
            ical_uid: Some("4k3h1bqn0pmn2qmvc7m0b6ip2q@google.com".to_owned()),
            marker: None,
        }
    );
}

#[test]
fn an_occurrence_is_named_by_its_original_start() {
    assert_eq!(
        event(real_items().remove(1)).shape,
        Shape::Exception {
            master: "4k3h1bqn0pmn2qmvc7m0b6ip2q".to_owned(),
            original_start: OriginalStart::Instant(at("2025-03-19T13:15:00Z")),
            span: Some(timed("2025-03-20T21:30:00Z", "2025-03-20T22:15:00Z")),
        }
    );
}

#[test]
fn a_cancelled_occurrence_stays_known_and_anything_else_cancelled_is_gone() {
    let cancelled = event(real_items().remove(2));
    assert_eq!(
        cancelled.shape,
        Shape::Exception {
            master: "master".to_owned(),
            original_start: OriginalStart::Date(date("2025-06-01")),
            span: None
        }
    );
    let gone = |item: Value| matches!(change(&item, None), Some(Change::Gone { id }) if id == "a");
    assert!(gone(json!({"id": "a", "status": "cancelled"})));
    // A tombstone whose details remain readable (reference sheet 5.4).
    assert!(gone(with(json!({"status": "cancelled", "recurrence": ["RRULE:FREQ=DAILY"]}))));
    // A cancelled occurrence that does not say which: its id can still be relied on.
    assert!(gone(json!({"id": "a", "status": "cancelled", "recurringEventId": "m"})));
    assert!(gone(
        json!({"id": "a", "status": "cancelled", "recurringEventId": "m", "originalStartTime": {}})
    ));
    let garbled = json!({"id": "a", "status": "cancelled", "recurringEventId": "m", "originalStartTime": {"date": "?"}});
    assert!(gone(garbled));
    assert!(gone(json!({"id": "a", "status": "cancelled", "start": 7, "recurrence": {}})));
}

#[test]
fn all_day_events_are_dates() {
    let days = |start: &str, end: &str| span_of(json!({"start": {"date": start}, "end": {"date": end}}));
    assert_eq!(days("2025-06-01", "2025-06-02"), all_day("2025-06-01", "2025-06-02"));
    assert_eq!(days("2025-06-01", "2025-06-09"), all_day("2025-06-01", "2025-06-09"));
    // A same-day end is an empty range, and one before the start no better.
    assert_eq!(days("2025-06-01", "2025-06-01"), all_day("2025-06-01", "2025-06-01"));
    assert_eq!(days("2025-06-01", "2025-05-01"), all_day("2025-06-01", "2025-06-01"));
    // The other member comes as null.
    let nulled = json!({"start": {"date": "2025-06-01", "dateTime": null, "timeZone": null},
                        "end": {"date": "2025-06-02", "dateTime": null}});
    assert_eq!(span_of(nulled), all_day("2025-06-01", "2025-06-02"));

    let yearly = with(
        json!({"start": {"date": "2025-06-01", "timeZone": "Europe/Paris"}, "end": {"date": "2025-06-02"},
                             "recurrence": ["RRULE:FREQ=YEARLY"]}),
    );
    let Shape::Master { series } = event(yearly).shape else { panic!("a series") };
    assert_eq!(series.zone, None, "a zone means nothing for dates");
}

#[test]
fn the_offset_decides_and_without_one_the_zone() {
    let starts = |start: Value| match span_of(json!({"start": start, "end": null})) {
        Span::Timed { start, end } => {
            assert_eq!(start, end);
            start
        }
        Span::AllDay { .. } => panic!("timed"),
    };
    let offset = json!({"dateTime": "2026-03-29T02:30:00+09:00", "timeZone": "Europe/Paris"});
    assert_eq!(starts(offset), at("2026-03-28T17:30:00Z"));
    let paris = |wall: &str| json!({"dateTime": wall, "timeZone": "Europe/Paris"});
    assert_eq!(starts(paris("2026-01-10T09:00:00")), at("2026-01-10T08:00:00Z"));
    // Skipped by the clocks: one gap later. Twice: the first.
    assert_eq!(starts(paris("2026-03-29T02:30:00")), at("2026-03-29T01:30:00Z"));
    assert_eq!(starts(paris("2026-10-25T02:30:00")), at("2026-10-25T00:30:00Z"));
    // Fractions, which nothing counts in.
    assert_eq!(starts(json!({"dateTime": "2026-01-10T09:00:00.999Z"})), at("2026-01-10T09:00:00Z"));
}

#[test]
fn a_time_without_offset_and_known_zone_is_the_calendars() {
    let wall = |zone: Value| {
        with(json!({"start": {"dateTime": "2026-07-01T09:00:00", "timeZone": zone}, "end": null}))
    };
    for zone in [Value::Null, json!("Nowhere/Land")] {
        let item = wall(zone);
        assert!(unreadable(&item, None));
        let Some(Change::Present(event)) = change(&item, Some(America::Chicago)) else { panic!("{item}") };
        let span = timed("2026-07-01T14:00:00Z", "2026-07-01T14:00:00Z");
        assert_eq!(event.shape, Shape::Single { span });
    }
    let Some(Change::Present(event)) = change(&wall(json!("Europe/Paris")), Some(America::Chicago)) else {
        panic!()
    };
    assert_eq!(event.shape, Shape::Single { span: timed("2026-07-01T07:00:00Z", "2026-07-01T07:00:00Z") });
}

#[test]
fn an_unknown_zone_of_a_series_is_passed_on() {
    let zoned = |zone: Value| {
        let item = with(json!({"start": {"dateTime": "2026-01-10T09:00:00Z", "timeZone": zone},
                               "recurrence": ["RRULE:FREQ=DAILY"]}));
        let Shape::Master { series } = event(item).shape else { panic!("a series") };
        series.zone
    };
    assert_eq!(zoned(json!("Nowhere/Land")).as_deref(), Some("Nowhere/Land"));
    assert_eq!(zoned(Value::Null), None);
    assert_eq!(zoned(json!("")), None);
}

#[test]
fn an_end_may_be_missing_a_filler_or_too_early() {
    let start = "2026-01-10T09:00:00Z";
    let nothing = timed(start, start);
    assert_eq!(span_of(json!({"end": null})), nothing);
    assert_eq!(span_of(json!({"end": {}})), nothing);
    assert_eq!(span_of(json!({"endTimeUnspecified": true})), nothing);
    assert_eq!(span_of(json!({"endTimeUnspecified": false})), timed(start, "2026-01-10T10:00:00Z"));
    assert_eq!(span_of(json!({"end": {"dateTime": "2026-01-10T08:00:00Z"}})), nothing);
    // A date alone means its day.
    let day = span_of(json!({"start": {"date": "2026-01-10"}, "end": null}));
    assert_eq!(day, all_day("2026-01-10", "2026-01-11"));
}

#[test]
fn what_does_not_say_when_it_is_cannot_be_read() {
    for fields in [
        json!({"start": null}),
        json!({"start": {}}),
        json!({"start": "2026-01-10"}),
        json!({"start": {"date": "2026-02-30"}, "end": null}),
        json!({"start": {"date": "2026-1-10"}, "end": null}),
        json!({"start": {"date": "20260110"}, "end": null}),
        json!({"start": {"date": "+2026-1-10"}, "end": null}),
        json!({"start": {"date": "0000-01-10"}, "end": null}),
        json!({"start": {"date": 20260110}, "end": null}),
        json!({"start": {"date": "9999-12-31"}, "end": null}),
        json!({"start": {"dateTime": "2026-01-10"}, "end": null}),
        json!({"start": {"dateTime": "tomorrow"}, "end": null}),
        json!({"start": {"dateTime": "2026-01-10T25:00:00Z"}, "end": null}),
        json!({"start": {"dateTime": "0001-01-01T00:00:00+14:00"}, "end": null}),
        json!({"start": {"dateTime": "9999-12-31T23:59:59-12:00"}, "end": null}),
        json!({"start": {"dateTime": 1768035600}, "end": null}),
        json!({"start": {"date": "2026-01-10", "dateTime": "2026-01-10T09:00:00Z"}, "end": null}),
        // Both ends are of the same kind.
        json!({"start": {"date": "2026-01-10"}}),
        json!({"end": {"date": "2026-01-11"}}),
        json!({"end": {"dateTime": "later"}}),
        json!({"end": []}),
        json!({"status": 1}),
        json!({"recurrence": "RRULE:FREQ=DAILY"}),
        json!({"recurrence": ["RRULE:FREQ=DAILY", 7]}),
        json!({"recurringEventId": "m"}),
        json!({"recurringEventId": "m", "originalStartTime": {}}),
        json!({"recurringEventId": 7, "originalStartTime": {"date": "2026-01-10"}}),
        json!({"recurringEventId": "", "originalStartTime": {"date": "2026-01-10"}}),
    ] {
        let item = with(fields);
        assert!(unreadable(&item, Some(Europe::Paris)), "{item}");
    }
}

#[test]
fn an_item_without_an_id_is_left_out() {
    for id in
        [Value::Null, json!(""), json!(7), json!("a\u{0}b"), json!("a\nb"), json!("a".repeat(LONGEST_ID + 1))]
    {
        assert_eq!(change(&with(json!({"id": id})), None), None);
    }
    for item in [json!(null), json!([]), json!("a"), json!({})] {
        assert_eq!(change(&item, None), None);
    }
    // Long ids of imported events begin with an underscore (reference sheet 5.2).
    let imported = format!("_{}", "6".repeat(1023));
    assert_eq!(event(with(json!({"id": imported}))).id, imported);
}

#[test]
fn marks_come_from_what_google_says_of_the_provider() {
    let plain = Marks::default();
    let answered = |answer: &str| json!({"attendees": [{"self": true, "responseStatus": answer}]});
    for (fields, marks) in [
        (json!({}), plain),
        (json!({"transparency": "opaque"}), plain),
        (json!({"transparency": "transparent"}), Marks { free: true, ..plain }),
        (answered("accepted"), plain),
        (answered("declined"), Marks { declined: true, ..plain }),
        (answered("needsAction"), Marks { unanswered: true, ..plain }),
        (answered("tentative"), Marks { unanswered: true, ..plain }),
        (json!({"attendees": [{"responseStatus": "declined"}]}), plain),
        (json!({"attendees": [{"self": false, "responseStatus": "declined"}]}), plain),
        (
            json!({"attendees": [{"responseStatus": "accepted"}, {"self": true, "responseStatus": "declined"}]}),
            Marks { declined: true, ..plain },
        ),
        (json!({"status": "tentative"}), Marks { tentative: true, ..plain }),
        (json!({"eventType": "workingLocation"}), Marks { working_location: true, ..plain }),
        (json!({"eventType": "birthday"}), Marks { birthday: true, ..plain }),
        (json!({"eventType": "outOfOffice"}), plain),
        (json!({"eventType": "focusTime"}), plain),
        (json!({"eventType": "fromGmail"}), plain),
        // Whatever is not understood leaves the event busy.
        (
            json!({"status": "somethingNew", "eventType": "somethingNew", "transparency": "translucent"}),
            plain,
        ),
        (json!({"attendees": {"self": true}, "eventType": 3, "transparency": []}), plain),
        (json!({"attendees": ["me", {"self": "true", "responseStatus": "declined"}]}), plain),
    ] {
        assert_eq!(event(with(fields.clone())).marks, marks, "{fields}");
    }
}

#[test]
fn a_link_is_an_address_of_the_web() {
    let link = |link: &str| event(with(json!({"htmlLink": link}))).details.link;
    assert!(link("https://www.google.com/calendar/event?eid=x").is_some());
    assert!(link("http://127.0.0.1:4010/event").is_some());
    let long = format!("https://example.com/{}", "a".repeat(LONGEST_LINK));
    for nothing in
        ["javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "//example.com", "x", &long]
    {
        assert_eq!(link(nothing), None, "{nothing}");
    }
}

#[test]
fn a_title_is_kept_within_bounds() {
    let title = |title: Value| event(with(json!({"summary": title}))).details.title;
    assert_eq!(title(json!("é\u{0}à")), "éà");
    assert_eq!(title(json!("é".repeat(600))), "é".repeat(LONGEST_TITLE));
    assert_eq!(title(json!(7)), "");
    assert_eq!(title(Value::Null), "");
}

#[test]
fn a_revision_changes_with_the_answer() {
    let revision = |fields: Value| event(with(fields)).revision;
    assert_eq!(revision(json!({})), "3:\"1\"");
    assert_ne!(revision(json!({"etag": "\"2\""})), revision(json!({})));
    let bare = |summary: &str| revision(json!({"etag": null, "summary": summary}));
    assert_eq!(bare("a"), bare("a"));
    assert_ne!(bare("a"), bare("b"));
}

/// JSON of any shape, with the names that the parser looks for.
fn any_json() -> impl Strategy<Value = Value> {
    let names = vec![
        "id",
        "etag",
        "status",
        "updated",
        "summary",
        "htmlLink",
        "start",
        "end",
        "endTimeUnspecified",
        "recurrence",
        "recurringEventId",
        "originalStartTime",
        "transparency",
        "eventType",
        "attendees",
        "self",
        "responseStatus",
        "date",
        "dateTime",
        "timeZone",
    ];
    let texts = vec![
        "cancelled",
        "confirmed",
        "tentative",
        "transparent",
        "declined",
        "2026-01-10",
        "9999-12-31",
        "0001-01-01",
        "2026-03-29T02:30:00",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:60",
        "2011-12-30T12:00:00",
        "Pacific/Apia",
        "2026-01-10T09:00:00+23:59",
        "2016-12-31T23:59:60Z",
        "Europe/Paris",
        "RRULE:FREQ=DAILY",
        "",
        "\0",
        "a",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(texts).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9T:.+Z-]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(select(names.clone()), inner, 0..12).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Every value inside `item`, itself included, in some order.
fn places(item: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match item {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found))
        }
        Value::Array(values) => {
            values
                .iter()
                .enumerate()
                .for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// What holds of whatever is read.
fn sound(item: &Value, zone: Option<Tz>) -> Result<(), TestCaseError> {
    let read = change(item, zone);
    prop_assert_eq!(&read, &change(item, zone), "the same twice");
    let Some(read) = read else { return Ok(()) };
    prop_assert_eq!(Some(read.id()), item.get("id").and_then(Value::as_str));
    let Change::Present(event) = read else { return Ok(()) };
    let stored = [&event.id, &event.revision, &event.details.title];
    prop_assert!(stored.iter().all(|text| !text.contains('\0')));
    prop_assert!(event.details.title.chars().count() <= LONGEST_TITLE);
    prop_assert!(event.details.link.as_ref().is_none_or(|link| link.starts_with("http")));
    let span = match &event.shape {
        Shape::Single { span } => Some(*span),
        Shape::Master { series } => {
            prop_assert!(!series.lines.is_empty());
            prop_assert!(series.lines.iter().chain(&series.zone).all(|text| !text.contains('\0')));
            Some(series.first)
        }
        Shape::Exception { master, original_start, span } => {
            prop_assert!(!master.is_empty());
            // It names the occurrence in the database.
            prop_assert_eq!(original_start.to_string().parse::<OriginalStart>(), Ok(*original_start));
            *span
        }
    };
    match span {
        Some(Span::AllDay { start, end }) => prop_assert!(start <= end && in_years(&start) && in_years(&end)),
        Some(Span::Timed { start, end }) => {
            prop_assert!(start <= end && in_years(&start.date_naive()) && in_years(&end.date_naive()));
        }
        None => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_json_is_no_trouble(item in any_json()) {
        sound(&item, None)?;
    }

    #[test]
    fn real_items_with_a_fault_are_no_trouble(
        item in select(real_items()),
        faults in prop::collection::vec((any::<Index>(), any_json()), 1..4),
        zone in select(vec![None, Some(Europe::Paris), Some(chrono_tz::Pacific::Apia)]),
    ) {
        let mut item = item;
        for (place, value) in faults {
            let mut found = Vec::new();
            places(&item, "", &mut found);
            *item.pointer_mut(place.get(found.as_slice()).as_str()).unwrap() = value;
        }
        sound(&item, zone)?;
    }
}

#[test]
fn what_its_owner_marked_as_not_for_everybody_is_private() {
    for (visibility, private) in
        [("default", false), ("public", false), ("private", true), ("confidential", true)]
    {
        assert_eq!(event(with(json!({"visibility": visibility}))).details.private, private, "{visibility}");
    }
    assert!(!event(with(json!({}))).details.private);
}
