//! There is one reading of the facts: what the list of upcoming events says blocks is what blocks.

#![expect(clippy::unwrap_used, reason = "a test may fail at any step")]

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use simone_booking::{CalendarId, Horizon};
use simone_sync::busy::{Because, Verdict};
use simone_sync::derive::{Block, BlockKey, CalendarFacts, EventFacts, blocks, difference};
use simone_sync::event::{Marks, OriginalStart, Series, Shape, Span};
use simone_sync::judge::{Upcoming, judge, upcoming};
use std::collections::BTreeMap;
use uuid::Uuid;

const PARIS: Tz = chrono_tz::Europe::Paris;

fn now() -> DateTime<Utc> {
    "2026-03-20T10:20:00Z".parse().unwrap()
}

fn timed(hours: i64, length: i64) -> Span {
    let start = now() + TimeDelta::hours(hours);
    Span::Timed { start, end: start + TimeDelta::hours(length) }
}

fn days(day: i64, length: i64) -> Span {
    let start = now().date_naive() + TimeDelta::days(day);
    Span::AllDay { start, end: start + TimeDelta::days(length) }
}

fn event(id: &str, shape: Shape, marks: Marks) -> EventFacts {
    EventFacts { id: id.to_owned(), shape, marks, ours: false, expanded: false }
}

fn calendar(events: Vec<EventFacts>, block_free: bool) -> CalendarFacts {
    CalendarFacts { id: CalendarId(Uuid::nil()), block_free, zone: Some("Europe/Paris".to_owned()), events }
}

fn series(first: Span, line: &str) -> Shape {
    Shape::Master { series: Series { first, zone: None, lines: vec![line.to_owned()] } }
}

fn exception(master: &str, slot: OriginalStart, span: Option<Span>) -> Shape {
    Shape::Exception { master: master.to_owned(), original_start: slot, span }
}

/// What stands in the database: by key.
type Rows = BTreeMap<BlockKey, Block>;

/// Derives as the store does.
fn derived(facts: &CalendarFacts, rows: &Rows) -> Rows {
    let numbered: Vec<_> =
        rows.iter().enumerate().map(|(id, (key, block))| (id, key.clone(), block.clone())).collect();
    let keys: Vec<BlockKey> = rows.keys().cloned().collect();
    let wanted = blocks(std::slice::from_ref(facts), PARIS, now());
    let difference = difference(wanted, numbered, now(), PARIS);
    let mut rows = rows.clone();
    for id in difference.remove {
        rows.remove(&keys[id]);
    }
    rows.extend(difference.put);
    rows
}

fn listed(facts: &CalendarFacts, rows: &Rows) -> Vec<Upcoming> {
    let standing: Vec<_> = rows.iter().map(|(key, block)| (key.clone(), block.clone())).collect();
    let all = upcoming(facts, &standing, PARIS, now(), false, (1, usize::MAX));
    assert_eq!(all.rows.len(), all.blocking + all.not_blocking);
    all.rows
}

fn marks() -> impl Strategy<Value = Marks> {
    prop_oneof![
        3 => Just(Marks::default()),
        1 => Just(Marks { free: true, ..Marks::default() }),
        1 => Just(Marks { declined: true, ..Marks::default() }),
        1 => Just(Marks { unanswered: true, ..Marks::default() }),
        1 => Just(Marks { tentative: true, ..Marks::default() }),
        1 => Just(Marks { working_location: true, ..Marks::default() }),
        1 => Just(Marks { birthday: true, ..Marks::default() }),
    ]
}

fn span() -> impl Strategy<Value = Span> {
    prop_oneof![
        (-72_i64..24 * 95, -1_i64..30).prop_map(|(start, length)| timed(start, length)),
        (-4_i64..95, 0_i64..9).prop_map(|(start, length)| days(start, length)),
    ]
}

fn line() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("RRULE:FREQ=WEEKLY"),
        Just("RRULE:FREQ=DAILY;COUNT=12"),
        Just("RRULE:FREQ=MONTHLY;BYDAY=-1FR"),
        Just("RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260501T000000Z"),
        Just("RRULE:FREQ=MOONLY"),
    ]
}

/// Singles, and series with some of their slots moved or cancelled.
fn facts() -> impl Strategy<Value = CalendarFacts> {
    let singles = proptest::collection::vec((span(), marks()), 0..8);
    let moved = proptest::collection::vec((0_i64..14, proptest::option::of(span()), marks()), 0..4);
    let all_series = proptest::collection::vec((span(), line(), marks(), any::<bool>(), moved), 0..4);
    (singles, all_series, any::<bool>()).prop_map(|(singles, all_series, block_free)| {
        let mut events = Vec::new();
        for (number, (span, marks)) in singles.into_iter().enumerate() {
            events.push(event(&format!("single{number}"), Shape::Single { span }, marks));
        }
        for (number, (first, line, marks, expanded, moved)) in all_series.into_iter().enumerate() {
            let master = format!("series{number}");
            events.push(EventFacts { expanded, ..event(&master, series(first, line), marks) });
            let mut slots = BTreeMap::new();
            for (weeks, span, marks) in moved {
                let slot = match first.original_start() {
                    OriginalStart::Instant(at) => OriginalStart::Instant(at + TimeDelta::weeks(weeks)),
                    OriginalStart::Date(date) => OriginalStart::Date(date + TimeDelta::weeks(weeks)),
                };
                slots.insert(slot, (span, marks));
            }
            for (slot, (span, marks)) in slots {
                events.push(event(&format!("{master}_{slot}"), exception(&master, slot, span), marks));
            }
        }
        calendar(events, block_free)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_the_list_says_blocks_is_what_blocks(before in facts(), after in facts()) {
        // Derived twice, so that a series that became unreadable keeps what was known of it.
        let rows = derived(&after, &derived(&before, &Rows::new()));
        let said: Rows = listed(&after, &rows)
            .into_iter()
            .filter(|row| row.verdict.blocks())
            .map(|row| {
                let reason = row.verdict.because().code().to_owned();
                (row.key, Block { interval: row.interval, all_day: row.all_day, reason, detail: row.detail })
            })
            .collect();
        let mut standing: Rows =
            rows.into_iter().filter(|(_, block)| block.interval.end > now()).collect();
        // What is kept of a series that became unreadable was derived for another reason.
        for (key, block) in &mut standing {
            if said.get(key).is_some_and(|said| said.reason == "unreadable") {
                block.reason = "unreadable".to_owned();
            }
        }
        prop_assert_eq!(said, standing);
    }

    #[test]
    fn what_does_not_block_is_there_all_the_same(facts in facts()) {
        let horizon = Horizon::at(now(), PARIS).interval();
        let seen = |facts: &CalendarFacts| {
            let mut seen = Vec::new();
            judge(facts, PARIS, horizon, |it| {
                seen.push((it.key(facts.id), it.interval, it.verdict));
            });
            seen
        };
        let as_told = seen(&facts);
        // Were nothing marked, the same occurrences would be there, and all of them that take time would block.
        let plain = facts
            .events
            .iter()
            .map(|it| EventFacts { expanded: it.expanded, ..event(&it.id, it.shape.clone(), Marks::default()) });
        let unmarked = seen(&calendar(plain.collect(), false));
        prop_assert_eq!(as_told.len(), unmarked.len());
        for ((key, interval, verdict), (other_key, other_interval, unmarked)) in as_told.iter().zip(&unmarked) {
            prop_assert_eq!((key, interval), (other_key, other_interval));
            match unmarked {
                Verdict::Blocks(because) => {
                    prop_assert_eq!(*because, Because::Busy);
                    prop_assert!(interval.overlaps(&horizon));
                }
                Verdict::Free(because) => {
                    prop_assert!(matches!(because, Because::Beyond | Because::NoTime | Because::Cancelled));
                    prop_assert!(!verdict.blocks());
                }
            }
        }
    }
}

#[test]
fn pages_hold_each_occurrence_once() {
    let at_once =
        (0..7).map(|n| event(&format!("{n}"), Shape::Single { span: timed(5, 1) }, Marks::default()));
    let facts = calendar(at_once.collect(), false);
    let page = |page| upcoming(&facts, &[], PARIS, now(), false, (page, 3));
    let mut seen: Vec<_> = (1..=3).flat_map(|number| page(number).rows).map(|row| row.detail).collect();
    seen.dedup();
    assert_eq!(seen.len(), 7);
    assert_eq!([1, 2, 3, 9].map(|number| page(number).more), [true, true, false, false]);
    assert_eq!((page(0).page, page(usize::MAX).page), (1, 3));
}

fn said(facts: &CalendarFacts) -> Vec<(String, Verdict)> {
    listed(facts, &Rows::new()).into_iter().map(|row| (row.detail, row.verdict)).collect()
}

#[test]
fn each_event_that_does_not_block_says_why() {
    let tuesday = |weeks: i64| OriginalStart::Instant(now() + TimeDelta::hours(2) + TimeDelta::weeks(weeks));
    let free = |because| Verdict::Free(because);
    let plain = Marks::default();
    let facts = calendar(
        vec![
            event("over", Shape::Single { span: timed(-2, 1) }, plain),
            event("under way", Shape::Single { span: timed(-1, 2) }, plain),
            event("declined", Shape::Single { span: timed(1, 1) }, Marks { declined: true, ..plain }),
            event("free", Shape::Single { span: timed(2, 1) }, Marks { free: true, ..plain }),
            event("instant", Shape::Single { span: timed(3, 0) }, plain),
            event("weekly", series(timed(2, 1), "RRULE:FREQ=WEEKLY;COUNT=2"), plain),
            event("weekly_2", exception("weekly", tuesday(1), None), plain),
            event("far", Shape::Single { span: days(91, 1) }, plain),
            event("far declined", Shape::Single { span: days(92, 1) }, Marks { declined: true, ..plain }),
            event("far series", series(days(93, 1), "RRULE:FREQ=DAILY"), plain),
            event("of a lost series", exception("nothing", tuesday(1), None), plain),
        ],
        false,
    );
    let expected = [
        ("under way", Verdict::Blocks(Because::Busy)),
        ("declined", free(Because::Declined)),
        ("free", free(Because::MarkedFree)),
        ("weekly", Verdict::Blocks(Because::Busy)),
        ("instant", free(Because::NoTime)),
        ("weekly_2", free(Because::Cancelled)),
        ("far", free(Because::Beyond)),
        ("far declined", free(Because::Declined)),
        ("far series", free(Because::Beyond)),
    ];
    assert_eq!(said(&facts), expected.map(|(id, verdict)| (id.to_owned(), verdict)));
}

#[test]
fn a_series_that_cannot_be_read_blocks_on_the_safe_side() {
    let facts =
        calendar(vec![event("odd", series(timed(5, 1), "RRULE:FREQ=MOONLY"), Marks::default())], false);
    assert_eq!(said(&facts), [("odd".to_owned(), Verdict::Blocks(Because::Unreadable))]);
    // What is known of it stays, and then its own slot does not stand in for it.
    let slot = now() + TimeDelta::days(3);
    let key = BlockKey { calendar: facts.id, event: "odd".to_owned(), original_start: slot.to_rfc3339() };
    let interval = simone_booking::Interval::new(slot, slot + TimeDelta::hours(1));
    let block = Block { interval, all_day: false, reason: "busy".to_owned(), detail: "odd".to_owned() };
    let rows = listed(&facts, &Rows::from([(key, block)]));
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].interval, rows[0].verdict), (interval, Verdict::Blocks(Because::Unreadable)));
}

#[test]
fn a_date_at_the_end_of_the_calendar_is_no_trouble() {
    let span = Span::AllDay { start: NaiveDate::MIN, end: NaiveDate::MAX };
    let late = Span::AllDay { start: NaiveDate::MAX, end: NaiveDate::MAX };
    let facts = calendar(
        vec![
            event("all", Shape::Single { span }, Marks::default()),
            event("late", Shape::Single { span: late }, Marks::default()),
            event("series", series(late, "RRULE:FREQ=DAILY"), Marks::default()),
            event("x", exception("series", OriginalStart::Date(NaiveDate::MAX), None), Marks::default()),
        ],
        false,
    );
    assert!(said(&facts).iter().any(|(id, _)| id == "all"));
}
