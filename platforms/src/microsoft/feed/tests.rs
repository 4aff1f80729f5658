use super::*;
use serde_json::json;

fn answer(status: u16, body: impl ToString) -> Answer {
    Answer { status, retry_after: None, body: body.to_string().into_bytes() }
}

fn item(fields: Value) -> Value {
    let at =
        |hour: u32| json!({"dateTime": format!("2026-01-10T{hour:02}:00:00.0000000"), "timeZone": "UTC"});
    let mut item =
        json!({"@odata.etag": "W/\"1\"", "id": "a", "type": "singleInstance", "start": at(9), "end": at(10)});
    item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    item
}

fn missing(code: &str) -> Answer {
    answer(404, json!({"error": {"code": code, "message": "x"}}))
}

fn found(read: &Read, answer: &Answer) -> Result<Found, PlatformError> {
    let window =
        Interval::new("2026-01-07T09:00:00Z".parse().unwrap(), "2026-04-25T09:00:00Z".parse().unwrap());
    super::found(read, answer, window)
}

fn ids(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(Change::id).collect()
}

#[test]
fn a_series_is_whole_once_its_last_page_is_read() {
    let occurrence = item(json!({"type": "occurrence", "seriesMasterId": "m"}));
    let page = |next: Value| answer(200, json!({"value": [&occurrence], "@odata.nextLink": next}));
    let read = Read::Series("m".to_owned(), None);
    let first = found(&read, &page(json!("http://graph/next"))).unwrap();
    assert_eq!((ids(&first.changes), first.whole), (vec!["a"], None));
    let next = Read::Series("m".to_owned(), Some("http://graph/next".to_owned()));
    assert_eq!(first.next, Some(next.clone()));
    let last = found(&next, &page(Value::Null)).unwrap();
    assert_eq!((last.whole.as_deref(), last.next), (Some("m"), None));
    // Of a series without occurrences in the window, all are missing.
    let empty = found(&read, &answer(200, json!({"value": []}))).unwrap();
    assert!(empty.changes.is_empty() && empty.whole.as_deref() == Some("m"));
}

#[test]
fn what_is_not_there_is_gone_unless_its_calendar_is_not() {
    let a = || "a".to_owned();
    for read in [Read::Single(a()), Read::Series(a(), None), Read::Former(a()), Read::Removed(a())] {
        let gone = found(&read, &missing("ErrorItemNotFound")).unwrap();
        assert_eq!(gone.changes, [Change::Gone { id: "a".to_owned() }]);
        assert!(gone.whole.is_none() && gone.next.is_none());
        assert!(matches!(found(&read, &missing("ErrorFolderNotFound")), Err(PlatformError::NotFound)));
        let busy = answer(429, json!({"error": {"code": "ApplicationThrottled"}}));
        assert!(matches!(found(&read, &busy), Err(PlatformError::RateLimited { .. })));
        assert!(matches!(found(&read, &answer(504, "")), Err(PlatformError::Unavailable { .. })));
        assert!(found(&read, &answer(200, "{}")).is_err());
    }
}

#[test]
fn a_series_that_became_a_single_event_and_the_reverse() {
    let series = Read::Series("a".to_owned(), None);
    let refused = answer(400, json!({"error": {"code": "ErrorInvalidRequest"}}));
    let former = Read::Former("a".to_owned());
    assert_eq!(found(&series, &refused).unwrap().next, Some(former.clone()));
    let single = found(&former, &answer(200, item(json!({})))).unwrap();
    assert_eq!((ids(&single.changes), single.whole.as_deref()), (vec!["a"], Some("a")));
    let master = answer(200, item(json!({"type": "seriesMaster"})));
    assert!(found(&former, &master).is_err(), "its occurrences must not be taken for gone");
    let was_single = found(&Read::Single("a".to_owned()), &master).unwrap();
    assert!(was_single.changes.is_empty() && was_single.next == Some(series));
}

#[test]
fn lists_hold_occurrences_and_never_masters() {
    let items = [
        item(json!({"id": "m", "type": "seriesMaster"})),
        item(json!({"id": "o", "type": "occurrence", "seriesMasterId": "m"})),
        item(json!({"id": "s"})),
        json!({"no": "id"}),
    ];
    assert_eq!(ids(&changes(&items)), ["o", "s"]);
    let of_m = occurrences("m", &items);
    assert!(matches!(&of_m[1], Change::Unreadable { id } if id == "s"));
    let whole: Vec<_> = changes(&items).iter().filter_map(series_of).map(str::to_owned).collect();
    assert_eq!(whole, ["m"]);
}

#[test]
fn what_is_said_to_be_removed_and_found_all_the_same_is_looked_for_in_the_view() {
    let removed = Read::Removed("a".to_owned());
    let read = |fields: Value| found(&removed, &answer(200, item(fields))).unwrap();
    let at = |at: &str| json!({"dateTime": format!("{at}:00.0000000"), "timeZone": "UTC"});
    let days = |start: &str, end: &str| {
        let (start, end) = (at(&format!("{start}T00:00")), at(&format!("{end}T00:00")));
        json!({"isAllDay": true, "start": start, "end": end})
    };
    for inside in [
        json!({}),
        json!({"start": at("2026-01-07T08:00"), "end": at("2026-01-07T09:01")}),
        json!({"type": "exception", "seriesMasterId": "m", "originalStart": "2026-02-10T09:00:00Z"}),
        days("2026-01-06", "2026-01-07"),
    ] {
        assert!(read(inside.clone()).doubted, "{inside}: the view tells");
    }
    for outside in [
        json!({"start": at("2026-01-07T08:00"), "end": at("2026-01-07T09:00")}),
        json!({"start": at("2027-01-10T09:00"), "end": at("2027-01-10T10:00")}),
        days("2026-01-03", "2026-01-05"),
    ] {
        let left = read(outside.clone());
        assert_eq!(left.changes, [Change::Gone { id: "a".to_owned() }], "{outside}");
        assert!(!left.doubted, "{outside}");
    }
    for (status, code) in [
        (404, "ErrorItemNotFound"),
        (403, "ErrorAccessDenied"),
        (404, "ResourceNotFound"),
        (400, "ErrorInvalidIdMalformed"),
    ] {
        let refused = answer(status, json!({"error": {"code": code, "message": "x"}}));
        assert_eq!(
            found(&removed, &refused).unwrap().changes,
            [Change::Gone { id: "a".to_owned() }],
            "{code}"
        );
    }
    // Where the first occurrence stands says nothing of the others.
    let master =
        read(json!({"type": "seriesMaster", "start": at("2020-01-10T09:00"), "end": at("2020-01-10T10:00")}));
    assert!(
        master.doubted
            && master.changes.is_empty()
            && master.next == Some(Read::Series("a".to_owned(), None))
    );
}
