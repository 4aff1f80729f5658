use super::*;
use chrono::{DateTime, Utc};
use serde_json::json;

fn window(start: &str, end: &str) -> Interval {
    Interval::new(start.parse().unwrap(), end.parse().unwrap())
}

fn january() -> Interval {
    window("2026-01-07T09:00:00Z", "2026-04-25T09:00:00Z")
}

#[test]
fn a_cursor_serves_for_a_day() {
    let stored = written(&Cursor { delta: "http://graph/delta".to_owned(), window: january() }).unwrap();
    let later = |days: i64, hours: i64| {
        let by = TimeDelta::days(days) + TimeDelta::hours(hours);
        Interval::new(january().start + by, january().end + by)
    };
    assert_eq!(Cursor::read(&stored, later(0, 0)).unwrap().window, january());
    assert!(Cursor::read(&stored, later(0, 23)).is_ok());
    for (days, hours) in [(1, 0), (30, 0)] {
        assert!(matches!(Cursor::read(&stored, later(days, hours)), Err(PlatformError::CursorExpired)));
    }
    let further = Interval::new(january().start, january().end + TimeDelta::hours(25));
    assert!(matches!(Cursor::read(&stored, further), Err(PlatformError::CursorExpired)));
    let end: DateTime<Utc> = january().end - TimeDelta::days(3);
    assert!(
        Cursor::read(&stored, Interval::new(january().start, end)).is_ok(),
        "it tells of more than is wanted"
    );
    for nonsense in ["", "nonsense", "{}", "CPDAlvWDx70CEPDAlvWDx70CGAU="] {
        assert!(matches!(Cursor::read(nonsense, january()), Err(PlatformError::CursorExpired)), "{nonsense}");
    }
}

fn touched(items: Value) -> (Vec<Change>, Option<Step>) {
    let mut touched = Touched::default();
    touched.take(items.as_array().unwrap());
    touched.settle("delta")
}

fn removed(id: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.event", "id": id, "@removed": {"reason": "deleted"}})
}

fn occurrence(id: &str, series: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.event", "id": id, "seriesMasterId": series, "type": "occurrence"})
}

fn single(id: &str) -> Value {
    json!({"id": id, "type": "singleInstance", "seriesMasterId": null})
}

fn gone(id: &str) -> Change {
    Change::Gone { id: id.to_owned() }
}

#[test]
fn nothing_is_read_again_where_nothing_was_touched() {
    assert_eq!(touched(json!([])), (Vec::new(), None));
    assert_eq!(touched(json!([{"no": "id"}, 3])), (Vec::new(), None));
}

#[test]
fn a_series_is_read_once_whatever_comes_of_it() {
    let master = json!({"id": "m", "type": "seriesMaster", "seriesMasterId": null});
    let (gone, step) = touched(json!([occurrence("m.1", "m"), master, occurrence("m.2", "m"), single("a")]));
    assert!(gone.is_empty());
    let Some(Step::Reread { delta, reads }) = step else { panic!("{step:?}") };
    assert_eq!(delta, "delta");
    assert_eq!(reads, [Read::Series("m".to_owned(), None), Read::Single("a".to_owned())]);
}

#[test]
fn the_last_word_counts() {
    let (nothing, step) = touched(json!([removed("a"), single("a")]));
    assert!(nothing.is_empty() && matches!(step, Some(Step::Reread { .. })));
    let (nothing, step) = touched(json!([single("a"), removed("a")]));
    let Some(Step::Reread { reads, .. }) = step else { panic!("{step:?}") };
    assert!(nothing.is_empty() && reads == [Read::Removed("a".to_owned())], "that it is gone is not proven");
    // The master stands outside the window: its occurrences tell.
    let (nothing, step) = touched(json!([occurrence("m.1", "m"), removed("m")]));
    assert!(nothing.is_empty() && matches!(step, Some(Step::Reread { .. })));
}

#[test]
fn for_many_the_view_is_read_instead() {
    let series = |count: usize| {
        Value::from_iter((0..count).map(|at| occurrence(&format!("o{at}"), &format!("m{at:02}"))))
    };
    let singles = |count: usize| Value::from_iter((0..count).map(|at| single(&format!("s{at}"))));
    for few in [series(MOST_SERIES), singles(MOST_SINGLES)] {
        assert!(matches!(touched(few).1, Some(Step::Reread { .. })));
    }
    assert!(matches!(touched(singles(MOST_SINGLES + 1)).1, Some(Step::View(_))));
    let (lost, step) = touched(Value::from_iter((0..=MOST_SINGLES).map(|at| removed(&format!("r{at:02}")))));
    assert!(matches!(step, Some(Step::View(_))));
    assert!(lost.len() == MOST_SINGLES + 1 && lost[0] == gone("r00"), "unless the view brings them");
    let Some(Step::View(view)) = touched(series(MOST_SERIES + 1)).1 else { panic!("the view") };
    assert_eq!(view.instead_of.unwrap().len(), MOST_SERIES + 1, "each of them is whole then");
}

#[test]
fn a_page_token_is_read_as_it_was_written() {
    let steps = [
        Step::Open { link: "l".to_owned() },
        Step::View(View::of("d".to_owned(), Some(BTreeSet::from(["m".to_owned()])))),
        Step::Walk { link: "l".to_owned(), touched: Touched::default() },
        Step::Reread {
            delta: "d".to_owned(),
            reads: VecDeque::from([Read::Series("m".to_owned(), Some("l".to_owned()))]),
        },
    ];
    for step in steps {
        let page = Page { window: january(), step };
        assert_eq!(Page::read(&written(&page).unwrap()).unwrap(), page);
    }
    assert!(matches!(Page::read("nonsense"), Err(PlatformError::Unavailable { .. })));
}
