use super::*;
use crate::event::Series;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Paris;
use proptest::prelude::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn hours(day: u32, from: u32, until: u32) -> Interval {
    Interval::new(
        at(&format!("2026-01-{day:02}T{from:02}:00:00Z")),
        at(&format!("2026-01-{day:02}T{until:02}:00:00Z")),
    )
}

fn timed(interval: Interval) -> Span {
    Span::Timed { start: interval.start, end: interval.end }
}

fn single(interval: Interval) -> Shape {
    Shape::Single { span: timed(interval) }
}

fn seen(shape: &Shape) -> Option<Seen<'_>> {
    Some(Seen { shape, revision: "r2" })
}

#[test]
fn an_event_where_we_wrote_it_is_no_divergence() {
    let (was, is) = (hours(15, 9, 10), hours(15, 14, 15));
    assert_eq!(divergence(Some(was), was, seen(&single(was)), None, Paris), None);
    // The booking has moved since: writing that is due, and nothing speaks against it.
    assert_eq!(divergence(Some(was), is, seen(&single(was)), None, Paris), None);
}

#[test]
fn an_event_that_was_moved_to_where_the_booking_is_needs_no_decision() {
    let (was, is) = (hours(15, 9, 10), hours(15, 14, 15));
    assert_eq!(divergence(Some(was), is, seen(&single(is)), None, Paris), None);
}

#[test]
fn a_moved_or_shortened_event_is_a_divergence_until_the_provider_lets_us_overwrite_that_very_state() {
    let was = hours(15, 9, 11);
    for now in [hours(15, 14, 16), hours(15, 9, 10), hours(16, 9, 11)] {
        let moved = Moved { interval: now, all_day: false, repeats: false };
        assert_eq!(divergence(Some(was), was, seen(&single(now)), None, Paris), Some(moved));
        assert_eq!(divergence(Some(was), was, seen(&single(now)), Some("r1"), Paris), Some(moved));
        assert_eq!(divergence(Some(was), was, seen(&single(now)), Some("r2"), Paris), None);
        assert!(moved.can_be_applied());
        // Not even a move of the booking overwrites it.
        let other = hours(20, 9, 11);
        assert_eq!(divergence(Some(was), other, seen(&single(now)), None, Paris), Some(moved));
    }
}

#[test]
fn what_cannot_be_a_booking_can_only_be_put_back() {
    let was = hours(15, 9, 10);
    let day = Span::AllDay { start: "2026-01-15".parse().unwrap(), end: "2026-01-16".parse().unwrap() };
    let moved =
        divergence(Some(was), was, seen(&Shape::Single { span: day }), None, Paris).expect("a divergence");
    assert_eq!(moved.interval, Interval::new(at("2026-01-14T23:00:00Z"), at("2026-01-15T23:00:00Z")));
    assert!(moved.all_day && !moved.can_be_applied());

    let series = Shape::Master {
        series: Series { first: timed(was), zone: None, lines: vec!["RRULE:FREQ=DAILY".to_owned()] },
    };
    let moved = divergence(Some(was), was, seen(&series), None, Paris).expect("a divergence");
    assert_eq!(moved, Moved { interval: was, all_day: false, repeats: true });
    assert!(!moved.can_be_applied());

    let empty = single(Interval::new(was.start, was.start));
    let moved = divergence(Some(was), was, seen(&empty), None, Paris).expect("a divergence");
    assert!(!moved.can_be_applied());
}

#[test]
fn a_day_that_never_was_takes_no_time() {
    let was = hours(15, 9, 10);
    let samoa = chrono_tz::Pacific::Apia;
    let day = Span::AllDay { start: "2011-12-30".parse().unwrap(), end: "2011-12-31".parse().unwrap() };
    let moved = divergence(Some(was), was, seen(&Shape::Single { span: day }), None, samoa).unwrap();
    assert!(moved.interval.is_empty() && !moved.can_be_applied());
}

#[test]
fn what_is_not_known_is_no_divergence() {
    let was = hours(15, 9, 10);
    assert_eq!(divergence(None, was, seen(&single(hours(15, 11, 12))), None, Paris), None);
    assert_eq!(divergence(Some(was), was, None, None, Paris), None);
}

fn some_interval() -> impl Strategy<Value = Interval> {
    (0..6_i64, 1..4_i64).prop_map(|(start, length)| {
        let start = at("2026-01-15T08:00:00Z") + TimeDelta::hours(start);
        Interval::new(start, start + TimeDelta::hours(length))
    })
}

proptest! {
    #[test]
    fn a_single_event_diverges_exactly_if_its_times_are_neither_ours_nor_the_bookings(
        written in some_interval(), desired in some_interval(), seen_at in some_interval(), allowed: bool,
    ) {
        let shape = single(seen_at);
        let overwrite = allowed.then_some("r2");
        let moved = divergence(Some(written), desired, seen(&shape), overwrite, Paris);
        prop_assert_eq!(moved.is_some(), !allowed && seen_at != written && seen_at != desired);
        if let Some(moved) = moved {
            // Once it is applied, or put back, nothing is left of it.
            prop_assert_eq!(divergence(Some(written), moved.interval, seen(&shape), None, Paris), None);
            prop_assert_eq!(divergence(Some(moved.interval), desired, seen(&shape), None, Paris), None);
            prop_assert_eq!(divergence(Some(written), desired, seen(&shape), Some("r2"), Paris), None);
        }
    }
}
