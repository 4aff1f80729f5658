use super::*;
use simone_booking::BookingId;
use uuid::Uuid;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn marker() -> Marker {
    Marker::new(Uuid::from_u128(7), BookingId(Uuid::from_u128(8)), 1)
}

fn content() -> Content {
    Content {
        title: "Massage".to_owned(),
        start: at("2026-07-15T13:00:00Z"),
        end: at("2026-07-15T14:00:00Z"),
        zone: chrono_tz::Europe::Paris,
        location: "3 rue des Lilas".to_owned(),
        description: "Tel. 1".to_owned(),
    }
}

#[test]
fn an_event_of_ours_tells_nobody_and_carries_its_name() {
    let body = created(&marker(), &content());
    assert_eq!(body["transactionId"], marker().name);
    assert_eq!(body["start"], json!({"dateTime": "2026-07-15T15:00:00", "timeZone": "Europe/Paris"}));
    assert_eq!(body["body"], json!({"contentType": "text", "content": "Tel. 1"}));
    for flag in ["isReminderOn", "responseRequested", "isAllDay"] {
        assert_eq!(body[flag], false, "{flag}");
    }
    assert!(body.get("attendees").is_none());
    // Read again as it was written, it carries the marker; as a copy, none (design, section 4).
    let mut item = body.clone();
    item["id"] = json!("AAMk");
    let Some(Change::Present(event)) = parse::change(&item) else { panic!("{item}") };
    assert_eq!(event.marker, Some(marker()));
    assert_eq!(event.shape.single(), Some(content().interval()));
    item["transactionId"] = Value::Null;
    let Some(Change::Present(copy)) = parse::change(&item) else { panic!("{item}") };
    assert_eq!(copy.marker, None);
    // Short enough to be filtered by (7.6).
    for property in body["singleValueExtendedProperties"].as_array().unwrap() {
        assert!(property["value"].as_str().unwrap().len() < 255);
    }
}

#[test]
fn a_patch_says_what_changes_alone() {
    assert_eq!(patched(&Patch::default(), "text"), json!({}));
    let patch = Patch { title: Some("B".to_owned()), location: Some(String::new()), ..Patch::default() };
    assert_eq!(patched(&patch, ""), json!({"subject": "B", "location": {"displayName": ""}}));
    let times = Some((content().start, content().end, content().zone));
    let body = patched(&Patch { times, ..Patch::default() }, "");
    assert_eq!((&body["isAllDay"], &body["recurrence"]), (&json!(false), &Value::Null));
    assert!(
        body.as_object().unwrap().contains_key("recurrence"),
        "what was made a series is one event again"
    );
    let description = Some((Some("Tel. 1".to_owned()), "Tel. 2".to_owned()));
    let body = patched(&Patch { description, ..Patch::default() }, "Mine\n\nTel. 1");
    assert_eq!(body, json!({"body": {"contentType": "text", "content": "Mine\n\nTel. 2"}}));
}

#[test]
fn a_body_is_read_with_our_line_ends() {
    let event = json!({"id": "a", "body": {"contentType": "text", "content": "one\r\ntwo\r\n\r\n"}});
    assert_eq!(body_of(event.as_object().unwrap()), "one\ntwo");
    assert_eq!(body_of(json!({"id": "a", "body": null}).as_object().unwrap()), "");
}

#[test]
fn a_time_that_could_mean_two_is_told_in_utc() {
    let told = |start: &str, zone: Tz| moments(at(start), at("2026-12-31T00:00:00Z"), zone).0;
    // The clocks go back at 01:00 UTC on 25 October.
    assert_eq!(
        told("2026-10-25T00:30:00Z", chrono_tz::Europe::Paris),
        json!({"dateTime": "2026-10-25T00:30:00", "timeZone": "UTC"})
    );
    assert_eq!(
        told("2026-10-25T02:30:00Z", chrono_tz::Europe::Paris),
        json!({"dateTime": "2026-10-25T03:30:00", "timeZone": "Europe/Paris"})
    );
    // Windows has no name for it.
    assert_eq!(
        told("2026-07-01T10:00:00Z", chrono_tz::Antarctica::Troll),
        json!({"dateTime": "2026-07-01T10:00:00", "timeZone": "UTC"})
    );
}

#[test]
fn the_earliest_that_was_created_under_a_name_is_it() {
    let item = |id: &str, created: &str, transaction: Value| json!({"id": id, "createdDateTime": created, "transactionId": transaction});
    let items = vec![
        item("copy", "2026-01-01T09:00:00Z", Value::Null),
        item("later", "2026-01-01T10:00:01.1234567Z", json!("n")),
        item("first", "2026-01-01T10:00:00.7654321Z", json!("n")),
        item("other", "2026-01-01T08:00:00Z", json!("m")),
        json!(3),
    ];
    assert_eq!(first_of("n", items.clone()).unwrap()["id"], "first");
    assert!(first_of("x", items).is_none());
    assert!(has_name("a'b").ends_with("ep/value eq 'a''b')"));
}

#[test]
fn only_of_an_event_that_is_said_to_be_missing_is_it_believed() {
    let refused = |status: u16, code: &str| Answer {
        status,
        retry_after: None,
        body: json!({"error": {"code": code, "message": "x"}}).to_string().into_bytes(),
    };
    let (calendar, event_id) = ("c".to_owned(), "e".to_owned());
    let read = |id| Call::Read { calendar: calendar.clone(), name: "n".to_owned(), event_id: id };
    let calls = [
        read(Some(event_id.clone())),
        Call::Update {
            calendar: calendar.clone(),
            event_id: event_id.clone(),
            revision: "1".to_owned(),
            patch: Patch::default(),
        },
        Call::Delete { calendar: calendar.clone(), event_id, revision: None },
    ];
    for call in calls {
        for (status, code) in [(404, "ErrorItemNotFound"), (410, "Gone")] {
            let gone = done(&call, &refused(status, code));
            assert!(matches!(gone, Err(PlatformError::NotFound)), "{call:?} {gone:?}");
        }
        for code in ["ErrorFolderNotFound", "ResourceNotFound", ""] {
            let unseen = done(&call, &refused(404, code));
            assert!(matches!(unseen, Err(PlatformError::CalendarNotFound)), "{call:?} {code} {unseen:?}");
        }
    }
    // What names no event speaks of the calendar.
    let create = Call::Create { calendar: calendar.clone(), marker: marker(), content: content() };
    for call in [read(None), create] {
        for code in ["ErrorItemNotFound", "ErrorFolderNotFound"] {
            let unseen = done(&call, &refused(404, code));
            assert!(matches!(unseen, Err(PlatformError::CalendarNotFound)), "{call:?} {code} {unseen:?}");
        }
    }
}
