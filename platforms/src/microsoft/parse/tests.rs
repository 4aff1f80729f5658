use super::*;
use chrono::Datelike;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::json;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn timed(start: &str, end: &str) -> Span {
    Span::Timed { start: at(start), end: at(end) }
}

fn all_day(start: &str, end: &str) -> Span {
    Span::AllDay { start: start.parse().unwrap(), end: end.parse().unwrap() }
}

fn utc(wall: &str) -> Value {
    json!({"dateTime": wall, "timeZone": "UTC"})
}

/// A single event with these fields.
fn with(fields: Value) -> Value {
    let mut item = json!({
        "@odata.etag": "W/\"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==\"", "id": "a", "type": "singleInstance",
        "seriesMasterId": null, "isAllDay": false, "isCancelled": false, "showAs": "busy", "subject": "Lunch",
        "start": utc("2026-01-10T09:00:00.0000000"), "end": utc("2026-01-10T10:00:00.0000000")
    });
    item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    item
}

/// Recorded style: reference sheet 5 and 6.2.
fn real_items() -> Vec<Value> {
    vec![
        json!({
            "@odata.etag": "W/\"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==\"", "id": "AAMkAGI1AAAt9AHjAAA=",
            "createdDateTime": "2017-04-15T03:00:50.7579581Z", "lastModifiedDateTime": "2017-04-15T03:00:51.245372Z",
            "changeKey": "ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==", "categories": [], "transactionId": null,
            "originalStartTimeZone": "Pacific Standard Time", "originalEndTimeZone": "Pacific Standard Time",
            "iCalUId": "040000008200E00074C5B7101A82E008", "subject": "Lunch", "bodyPreview": "…",
            "isAllDay": false, "isCancelled": false, "isOrganizer": true, "seriesMasterId": null, "showAs": "busy",
            "type": "singleInstance", "webLink": "https://outlook.office365.com/owa/?itemid=AAMk",
            "recurrence": null, "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
            "start": utc("2017-04-15T11:00:00.0000000"), "end": utc("2017-04-15T12:00:00.0000000")
        }),
        with(json!({
            "type": "occurrence", "seriesMasterId": "AAMkMaster", "originalStart": "2026-01-10T09:00:00Z"
        })),
        with(json!({
            "type": "exception", "seriesMasterId": "AAMkMaster", "originalStart": "2026-01-09T09:00:00.0000000Z"
        })),
        with(
            json!({"type": "seriesMaster", "recurrence": {"pattern": {"type": "daily"}, "range": {"type": "noEnd"}}}),
        ),
        with(
            json!({"isAllDay": true, "start": utc("2026-01-10T00:00:00.0000000"), "end": utc("2026-01-12T00:00:00.0000000")}),
        ),
    ]
}

fn event(item: Value) -> ObservedEvent {
    match change(&item) {
        Some(Change::Present(event)) => *event,
        other => panic!("{item} is read as {other:?}"),
    }
}

fn unreadable(fields: Value) -> bool {
    matches!(change(&with(fields)), Some(Change::Unreadable { id }) if id == "a")
}

fn span_of(fields: Value) -> Span {
    match event(with(fields)).shape {
        Shape::Single { span } => span,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_an_event_as_graph_records_it() {
    assert_eq!(
        event(real_items().remove(0)),
        ObservedEvent {
            id: "AAMkAGI1AAAt9AHjAAA=".to_owned(),
            revision: "2:W/\"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==\"".to_owned(),
            shape: Shape::Single { span: timed("2017-04-15T11:00:00Z", "2017-04-15T12:00:00Z") },
            marks: Marks::default(),
            details: Details {
                title: "Lunch".to_owned(),
                link: Some("https://outlook.office365.com/owa/?itemid=AAMk".to_owned()),
                private: false,
            },
            updated: Some(at("2017-04-15T03:00:51.245372Z")),
            ical_uid: Some("040000008200E00074C5B7101A82E008".to_owned()),
            marker: None,
        }
    );
    assert_eq!(
        if_match(&event(with(json!({}))).revision).as_deref(),
        Some("W/\"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==\"")
    );
}

#[test]
fn an_occurrence_is_named_by_its_original_start() {
    let shape = |at: usize| event(real_items().remove(at)).shape;
    let occurrence = |slot: &str| Shape::Exception {
        master: "AAMkMaster".to_owned(),
        original_start: OriginalStart::Instant(at(slot)),
        span: Some(timed("2026-01-10T09:00:00Z", "2026-01-10T10:00:00Z")),
    };
    assert_eq!(shape(1), occurrence("2026-01-10T09:00:00Z"));
    assert_eq!(shape(2), occurrence("2026-01-09T09:00:00Z"), "moved, and still named so");
    // A sparse one without it is named by its start.
    let sparse = with(json!({"type": "occurrence", "seriesMasterId": "AAMkMaster"}));
    assert_eq!(event(sparse).shape, occurrence("2026-01-10T09:00:00Z"));
    let day = with(json!({
        "type": "occurrence", "seriesMasterId": "m", "isAllDay": true, "originalStart": "2026-01-10T00:00:00Z",
        "start": utc("2026-01-11T00:00:00.0000000"), "end": utc("2026-01-12T00:00:00.0000000")
    }));
    assert_eq!(event(day).shape.original_start(), Some("2026-01-10".parse().unwrap()));
    assert!(unreadable(json!({"type": "occurrence", "seriesMasterId": null})));
    assert!(unreadable(json!({"type": "exception", "seriesMasterId": "m", "originalStart": "soon"})));
}

#[test]
fn tells_masters_and_what_names_no_type() {
    let kind_of = |fields: Value| kind(with(fields).as_object().unwrap()).map(|kind| format!("{kind:?}"));
    assert_eq!(kind_of(json!({"type": "SeriesMaster"})).as_deref(), Some("Master"));
    assert_eq!(kind_of(json!({"type": null, "recurrence": {}})).as_deref(), Some("Master"));
    assert_eq!(kind_of(json!({"type": null})).as_deref(), Some("Single"));
    assert_eq!(kind_of(json!({"type": "new", "seriesMasterId": "m"})).as_deref(), Some("Occurrence(\"m\")"));
    assert_eq!(kind_of(json!({"type": "occurrence"})), None);
    assert!(matches!(event(real_items().remove(3)).shape, Shape::Master { .. }));
}

#[test]
fn an_all_day_event_is_dates_whatever_the_zone() {
    for zone in [json!("UTC"), json!("Pacific Standard Time"), json!("tzone://Microsoft/Custom"), Value::Null]
    {
        let end_of = |day: &str| json!({"dateTime": format!("{day}T00:00:00.0000000"), "timeZone": zone});
        let fields = json!({"isAllDay": true, "start": end_of("2026-03-29"), "end": end_of("2026-03-30")});
        assert_eq!(span_of(fields), all_day("2026-03-29", "2026-03-30"));
    }
    let backwards =
        json!({"isAllDay": true, "start": utc("2026-03-29T00:00:00"), "end": utc("2026-03-28T00:00:00")});
    assert_eq!(span_of(backwards), all_day("2026-03-29", "2026-03-29"));
}

#[test]
fn a_time_is_a_wall_time_in_its_zone() {
    let start_of = |wall: &str, zone: Value| match span_of(
        json!({"start": {"dateTime": wall, "timeZone": zone}, "end": utc("2027-01-01T00:00:00")}),
    ) {
        Span::Timed { start, .. } => start,
        other @ Span::AllDay { .. } => panic!("{other:?}"),
    };
    let nine = at("2026-01-10T09:00:00Z");
    for (wall, zone) in [
        ("2026-01-10T09:00:00.0000000", json!("UTC")),
        ("2026-01-10T09:00:00.1234567", json!("UTC")),
        ("2026-01-10T09:00:00", Value::Null),
        ("2026-01-10T09:00:00Z", json!("UTC")),
        ("2026-01-10T09:00:00", json!("tzone://Microsoft/Utc")),
        ("2026-01-10T10:00:00.0000000", json!("W. Europe Standard Time")),
        ("2026-01-10T10:00:00.0000000", json!("Europe/Paris")),
        ("2026-01-10T10:00:00Z", json!("Romance Standard Time")),
    ] {
        assert_eq!(start_of(wall, zone.clone()), nine, "{wall} {zone}");
    }
    // Inside the gap: one gap later, as Exchange shows it (5.4).
    assert_eq!(start_of("2026-03-29T02:30:00", json!("Romance Standard Time")), at("2026-03-29T01:30:00Z"));
}

#[test]
fn what_says_no_time_is_unreadable() {
    for start in [
        Value::Null,
        json!("2026-01-10T09:00:00"),
        json!({}),
        json!({"dateTime": null, "timeZone": "UTC"}),
        json!({"dateTime": 7, "timeZone": "UTC"}),
        utc("2026-01-10"),
        utc("2026-13-10T09:00:00"),
        utc("12026-01-10T09:00:00"),
        json!({"dateTime": "2026-01-10T09:00:00", "timeZone": "Customized Time Zone"}),
        json!({"dateTime": "2026-01-10T09:00:00", "timeZone": 3}),
    ] {
        assert!(unreadable(json!({"start": start})), "{start}");
        assert!(unreadable(json!({"end": start})), "{start}");
    }
    assert!(unreadable(json!({"isAllDay": "yes"})));
    for wall in ["é000000000000", "2026-1-1T00:00:00", "2026", ""] {
        assert!(unreadable(json!({"isAllDay": true, "start": utc(wall)})), "{wall}");
    }
    let no_end = json!({"id": "a", "start": utc("2026-01-10T09:00:00")});
    assert!(matches!(change(&no_end), Some(Change::Unreadable { .. })));
    for nameless in [json!({}), json!({"id": ""}), json!({"id": "a\nb"}), json!(3), Value::Null] {
        assert_eq!(change(&nameless), None, "{nameless}");
    }
}

#[test]
fn what_counts_as_busy() {
    let marks = |fields: Value| event(with(fields)).marks;
    let plain = Marks::default();
    for busy in ["busy", "oof", "unknown", "somethingNew"] {
        assert_eq!(marks(json!({"showAs": busy})), plain, "{busy}");
    }
    assert_eq!(marks(json!({"showAs": null})), plain, "a sparse or private one is busy");
    for free in ["free", "workingElsewhere", "WorkingElsewhere"] {
        assert_eq!(marks(json!({"showAs": free})), Marks { free: true, ..plain }, "{free}");
    }
    assert_eq!(marks(json!({"showAs": "tentative"})), Marks { tentative: true, ..plain });
    let answered = |response: &str| marks(json!({"responseStatus": {"response": response, "time": null}}));
    for response in ["none", "organizer", "accepted", "somethingNew"] {
        assert_eq!(answered(response), plain, "{response}");
    }
    assert_eq!(answered("declined"), Marks { declined: true, ..plain });
    for response in ["notResponded", "tentativelyAccepted"] {
        assert_eq!(answered(response), Marks { unanswered: true, ..plain }, "{response}");
    }
    assert_eq!(marks(json!({"isCancelled": true})), Marks { called_off: true, ..plain });
}

#[test]
fn a_version_is_its_etag_or_made_of_its_change_key() {
    let revision = |fields: Value| event(with(fields)).revision;
    assert_eq!(revision(json!({"@odata.etag": null, "changeKey": "k=="})), "2:W/\"k==\"");
    let digest = revision(json!({"@odata.etag": null}));
    assert!(digest.starts_with("2:#") && if_match(&digest).is_none(), "{digest}");
    assert_ne!(digest, revision(json!({"@odata.etag": null, "subject": "Dinner"})));
}

#[test]
fn a_marker_names_the_event_it_stands_on_or_is_none() {
    let property = |name: &str, value: &str| json!({"id": property_id(name), "value": value});
    let uuid = "00000000-0000-0000-0000-000000000007";
    let properties = |installation: &str| {
        json!([
            property("source", "simone"),
            property("simoneInstallation", installation),
            property("simoneBooking", uuid),
            property("simoneEvent", "n")
        ])
    };
    let marker = |transaction: Value, properties: Value| {
        event(with(json!({"transactionId": transaction, "singleValueExtendedProperties": properties}))).marker
    };
    assert_eq!(marker(json!("n"), properties(uuid)).unwrap().name, "n");
    // Exchange writes the namespace as it likes.
    let upper = properties(uuid).to_string().replace(NAMESPACE, &NAMESPACE.to_uppercase());
    assert!(marker(json!("n"), serde_json::from_str(&upper).unwrap()).is_some());
    for (transaction, properties) in [
        (Value::Null, properties(uuid)),
        (json!("m"), properties(uuid)),
        (json!("n"), properties("no uuid")),
        (json!("n"), json!([property("simoneEvent", "n")])),
        (json!("n"), json!([])),
        (json!("n"), json!(3)),
        (json!("n"), Value::Null),
    ] {
        assert_eq!(marker(transaction.clone(), properties.clone()), None, "{transaction} {properties}");
    }
}

proptest! {
    /// One field of a real item replaced by anything.
    #[test]
    fn nothing_that_comes_stops_the_reading(
        item in select(real_items()),
        field in any::<Index>(),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            ".{0,30}".prop_map(Value::from), Just(json!([])), Just(json!({})), Just(json!([{}, 1])),
            "[0-9TZ:.-]{0,28}".prop_map(|wall| json!({"dateTime": wall, "timeZone": "UTC"})),
        ],
    ) {
        let mut item = item;
        let fields = item.as_object_mut().unwrap();
        let name = field.get(&fields.keys().cloned().collect::<Vec<_>>()).clone();
        fields.insert(name, value);
        match change(&item) {
            Some(Change::Present(event)) => {
                prop_assert!(event.details.title.chars().count() <= 500);
                let years = |date: NaiveDate| (1..=9999).contains(&date.year());
                let (start, end) = match event.shape {
                    Shape::Single { span } | Shape::Exception { span: Some(span), .. } => match span {
                        Span::AllDay { start, end } => (start, end),
                        Span::Timed { start, end } => (start.date_naive(), end.date_naive()),
                    },
                    Shape::Master { .. } => return Ok(()),
                    other @ Shape::Exception { .. } => panic!("{other:?}"),
                };
                prop_assert!(start <= end && years(start) && years(end));
            }
            Some(Change::Unreadable { .. }) | None => {}
            Some(Change::Gone { .. }) => prop_assert!(false, "nothing says so"),
        }
    }
}

#[test]
fn what_its_owner_marked_as_not_for_everybody_is_private() {
    for (sensitivity, private) in
        [("normal", false), ("Normal", false), ("personal", true), ("private", true), ("Confidential", true)]
    {
        let told = event(with(json!({"sensitivity": sensitivity})));
        assert_eq!(told.details.private, private, "{sensitivity}");
    }
    assert!(!event(with(json!({"sensitivity": null}))).details.private);
}
