use super::*;
use crate::event::Series;
use chrono::TimeDelta;
use chrono_tz::Europe::Paris;
use proptest::prelude::*;
use simone_booking::CalendarId;
use uuid::Uuid;

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
fn a_move_whose_answer_was_lost_is_our_own_doing() {
    let (was, tried, is) = (hours(15, 10, 11), hours(15, 12, 13), hours(15, 14, 15));
    assert_eq!(divergence([Some(was), Some(tried)], is, seen(&single(tried)), None, Paris), None);
    assert!(divergence([Some(was), None], is, seen(&single(tried)), None, Paris).is_some());
}

#[test]
fn an_event_where_we_wrote_it_is_no_divergence() {
    let (was, is) = (hours(15, 9, 10), hours(15, 14, 15));
    assert_eq!(divergence([Some(was), None], was, seen(&single(was)), None, Paris), None);
    // The booking has moved since: writing that is due, and nothing speaks against it.
    assert_eq!(divergence([Some(was), None], is, seen(&single(was)), None, Paris), None);
}

#[test]
fn an_event_that_was_moved_to_where_the_booking_is_needs_no_decision() {
    let (was, is) = (hours(15, 9, 10), hours(15, 14, 15));
    assert_eq!(divergence([Some(was), None], is, seen(&single(is)), None, Paris), None);
}

#[test]
fn a_moved_or_shortened_event_is_a_divergence_until_the_provider_lets_us_overwrite_that_very_state() {
    let was = hours(15, 9, 11);
    for now in [hours(15, 14, 16), hours(15, 9, 10), hours(16, 9, 11)] {
        let moved = Moved { interval: now, all_day: false, repeats: false };
        assert_eq!(divergence([Some(was), None], was, seen(&single(now)), None, Paris), Some(moved));
        assert_eq!(divergence([Some(was), None], was, seen(&single(now)), Some("r1"), Paris), Some(moved));
        assert_eq!(divergence([Some(was), None], was, seen(&single(now)), Some("r2"), Paris), None);
        assert!(moved.can_be_applied());
        // Not even a move of the booking overwrites it.
        let other = hours(20, 9, 11);
        assert_eq!(divergence([Some(was), None], other, seen(&single(now)), None, Paris), Some(moved));
    }
}

#[test]
fn what_cannot_be_a_booking_can_only_be_put_back() {
    let was = hours(15, 9, 10);
    let day = Span::AllDay { start: "2026-01-15".parse().unwrap(), end: "2026-01-16".parse().unwrap() };
    let moved = divergence([Some(was), None], was, seen(&Shape::Single { span: day }), None, Paris)
        .expect("a divergence");
    assert_eq!(moved.interval, Interval::new(at("2026-01-14T23:00:00Z"), at("2026-01-15T23:00:00Z")));
    assert!(moved.all_day && !moved.can_be_applied());

    let series = Shape::Master {
        series: Series { first: timed(was), zone: None, lines: vec!["RRULE:FREQ=DAILY".to_owned()] },
    };
    let moved = divergence([Some(was), None], was, seen(&series), None, Paris).expect("a divergence");
    assert_eq!(moved, Moved { interval: was, all_day: false, repeats: true });
    assert!(!moved.can_be_applied());

    let empty = single(Interval::new(was.start, was.start));
    let moved = divergence([Some(was), None], was, seen(&empty), None, Paris).expect("a divergence");
    assert!(!moved.can_be_applied());
}

#[test]
fn a_day_that_never_was_takes_no_time() {
    let was = hours(15, 9, 10);
    let samoa = chrono_tz::Pacific::Apia;
    let day = Span::AllDay { start: "2011-12-30".parse().unwrap(), end: "2011-12-31".parse().unwrap() };
    let moved = divergence([Some(was), None], was, seen(&Shape::Single { span: day }), None, samoa).unwrap();
    assert!(moved.interval.is_empty() && !moved.can_be_applied());
}

#[test]
fn what_is_not_known_is_no_divergence() {
    let was = hours(15, 9, 10);
    assert_eq!(divergence([None, None], was, seen(&single(hours(15, 11, 12))), None, Paris), None);
    assert_eq!(divergence([Some(was), None], was, None, None, Paris), None);
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
        let moved = divergence([Some(written), None], desired, seen(&shape), overwrite, Paris);
        prop_assert_eq!(moved.is_some(), !allowed && seen_at != written && seen_at != desired);
        if let Some(moved) = moved {
            // Once it is applied, or put back, nothing is left of it.
            prop_assert_eq!(divergence([Some(written), None], moved.interval, seen(&shape), None, Paris), None);
            prop_assert_eq!(divergence([Some(moved.interval), None], desired, seen(&shape), None, Paris), None);
            prop_assert_eq!(divergence([Some(written), None], desired, seen(&shape), Some("r2"), Paris), None);
        }
    }
}

const BEFORE: &str = "2026-01-10T09:00:00Z";

fn booking(number: u128, interval: Interval) -> Appointment {
    Appointment { id: BookingId(Uuid::from_u128(number)), interval, status: Status::Confirmed }
}

fn block(event: &str, interval: Interval) -> Taken {
    let key = BlockKey {
        calendar: CalendarId(Uuid::from_u128(7)),
        event: event.to_owned(),
        original_start: String::new(),
    };
    Taken { key, interval, all_day: false }
}

/// The event of a booking, written and seen at its time.
fn event(of: &Appointment) -> Exported {
    Exported {
        connection: ConnectionId(Uuid::from_u128(9)),
        booking: of.id,
        generation: 1,
        written: Some(of.interval),
        tried: None,
        overwrite: None,
        gone: false,
        seen: Some((single(of.interval), "r1".to_owned())),
    }
}

fn kinds(found: &[Found]) -> Vec<Kind> {
    found.iter().map(|it| it.kind).collect()
}

#[test]
fn a_block_over_a_booking_is_a_conflict_and_one_beside_it_is_none() {
    let one = booking(1, hours(15, 13, 14));
    let taken = [
        block("lunch", hours(15, 12, 14)),
        block("before", hours(15, 11, 13)),
        block("after", hours(15, 14, 15)),
    ];
    let found = found(&[one], &taken, &[], Paris, at(BEFORE));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, Kind::Overlap);
    assert_eq!(found[0].interval, hours(15, 12, 14));
    assert_eq!(found[0].side, Side::Block(block("lunch", hours(15, 12, 14)).key));
}

#[test]
fn each_booking_and_each_block_is_a_conflict_of_its_own() {
    let bookings = [booking(1, hours(15, 9, 10)), booking(2, hours(15, 11, 12))];
    let taken = [block("day", hours(15, 8, 18)), block("call", hours(15, 9, 10))];
    let found = found(&bookings, &taken, &[], Paris, at(BEFORE));
    let causes: std::collections::HashSet<String> = found.iter().map(Found::cause).collect();
    assert_eq!((found.len(), causes.len()), (3, 3));
}

#[test]
fn a_booking_that_is_held_is_taken_twice_as_well_but_has_no_event() {
    let held = Appointment { status: Status::Pending, ..booking(1, hours(15, 13, 14)) };
    let gone = Exported { gone: true, seen: None, ..event(&held) };
    let found = found(&[held], &[block("lunch", hours(15, 12, 14))], &[gone], Paris, at(BEFORE));
    assert_eq!(kinds(&found), [Kind::Overlap]);
}

#[test]
fn what_is_over_or_cancelled_contradicts_nothing() {
    let one = booking(1, hours(15, 13, 14));
    let lunch = [block("lunch", hours(15, 12, 14))];
    let gone = [Exported { gone: true, seen: None, ..event(&one) }];
    assert_eq!(found(&[one], &lunch, &gone, Paris, at("2026-01-15T13:59:59Z")).len(), 2);
    assert!(found(&[one], &lunch, &gone, Paris, at("2026-01-15T14:00:00Z")).is_empty());
    let cancelled = Appointment { status: Status::Cancelled, ..one };
    assert!(found(&[cancelled], &lunch, &gone, Paris, at(BEFORE)).is_empty());
}

#[test]
fn a_deleted_event_is_told_with_when_it_was() {
    let one = booking(1, hours(15, 13, 14));
    let deleted = Exported { gone: true, seen: None, written: Some(hours(14, 9, 10)), ..event(&one) };
    let told = found(&[one], &[], std::slice::from_ref(&deleted), Paris, at(BEFORE));
    assert_eq!(kinds(&told), [Kind::ExportDeleted]);
    assert_eq!(told[0].interval, hours(14, 9, 10));
    // Brought back from the bin.
    let back = Exported { seen: Some((single(hours(14, 9, 10)), "r3".to_owned())), ..deleted };
    assert!(found(&[one], &[], &[back], Paris, at(BEFORE)).is_empty());
}

#[test]
fn an_open_conflict_is_kept_brought_up_to_date_and_closed() {
    let one = booking(1, hours(15, 13, 14));
    let moved = |to: Interval, revision: &str| {
        let event = Exported { seen: Some((single(to), revision.to_owned())), ..event(&one) };
        found(&[one], &[], &[event], Paris, at(BEFORE))
    };
    let first = moved(hours(15, 15, 16), "r2");
    let begun = difference::<u8>(first.clone(), Vec::new());
    assert_eq!((begun.open.len(), begun.update.len(), begun.close.len()), (1, 0, 0));

    let open = vec![(1, first[0].clone())];
    let same = difference(first.clone(), open.clone());
    assert_eq!((same.open.len(), same.update.len(), same.close.len()), (0, 0, 0));

    let again = moved(hours(15, 16, 17), "r3");
    let changed = difference(again.clone(), open.clone());
    assert_eq!(changed, Difference { open: vec![], update: vec![(1, again[0].clone())], close: vec![] });

    assert_eq!(difference(Vec::new(), open.clone()).close, open);

    // Moved, and then deleted: another question.
    let deleted =
        found(&[one], &[], &[Exported { gone: true, seen: None, ..event(&one) }], Paris, at(BEFORE));
    let other = difference(deleted.clone(), open.clone());
    assert_eq!(other, Difference { open: deleted, update: vec![], close: open });
}

fn some_facts() -> impl Strategy<Value = (Vec<Appointment>, Vec<Taken>, Vec<Exported>)> {
    let status = prop_oneof![Just(Status::Confirmed), Just(Status::Pending), Just(Status::Cancelled)];
    let bookings = prop::collection::vec((some_interval(), status), 0..5);
    let blocks = prop::collection::vec(some_interval(), 0..5);
    let events = prop::collection::vec(
        (0..5_usize, some_interval(), prop::option::of(some_interval()), any::<bool>()),
        0..5,
    );
    (bookings, blocks, events).prop_map(|(bookings, blocks, events)| {
        let bookings: Vec<Appointment> = (1..)
            .zip(bookings)
            .map(|(number, (interval, status))| Appointment { status, ..booking(number, interval) })
            .collect();
        let taken = blocks.iter().enumerate().map(|(number, it)| block(&number.to_string(), *it)).collect();
        let exported = events
            .into_iter()
            .enumerate()
            .filter_map(|(number, (of, written, seen, gone))| {
                let of = bookings.get(of)?;
                Some(Exported {
                    // One event for a booking and connection.
                    connection: ConnectionId(Uuid::from_u128(number as u128)),
                    written: Some(written),
                    gone,
                    seen: seen.map(|it| (single(it), "r2".to_owned())),
                    ..event(of)
                })
            })
            .collect();
        (bookings, taken, exported)
    })
}

proptest! {
    #[test]
    fn conflicts_are_exactly_the_contradictions((bookings, taken, exported) in some_facts()) {
        let now = at("2026-01-15T11:00:00Z");
        let found = found(&bookings, &taken, &exported, Paris, now);
        let counts = bookings.iter().filter(|it| it.status != Status::Cancelled && it.interval.end > now);
        let mut overlaps = 0;
        let (mut moved, mut deleted) = (0, 0);
        for one in counts {
            let shares = |it: &&Taken| it.interval.start < one.interval.end && one.interval.start < it.interval.end;
            overlaps += taken.iter().filter(shares).count();
            if one.status != Status::Confirmed {
                continue;
            }
            for event in exported.iter().filter(|it| it.booking == one.id) {
                match &event.seen {
                    None => deleted += usize::from(event.gone),
                    Some((shape, _)) => {
                        let agrees = *shape == single(one.interval) || Some(shape) == event.written.map(single).as_ref();
                        moved += usize::from(!agrees);
                    }
                }
            }
        }
        let count = |kind| kinds(&found).into_iter().filter(|it| *it == kind).count();
        prop_assert_eq!(count(Kind::Overlap), overlaps);
        prop_assert_eq!(count(Kind::ExportMoved), moved);
        prop_assert_eq!(count(Kind::ExportDeleted), deleted);
    }

    #[test]
    fn what_was_written_is_what_was_found((b1, t1, e1) in some_facts(), (b2, t2, e2) in some_facts()) {
        let now = at("2026-01-15T11:00:00Z");
        let before = found(&b1, &t1, &e1, Paris, now);
        let after = found(&b2, &t2, &e2, Paris, now);
        let rows: Vec<(usize, Found)> = before.into_iter().enumerate().collect();
        let Difference { open, update, close } = difference(after.clone(), rows.clone());
        let mut stands: Vec<Found> = rows
            .into_iter()
            .filter(|(id, _)| !close.iter().any(|(closed, _)| closed == id))
            .map(|(id, row)| update.iter().find(|(of, _)| *of == id).map_or(row, |(_, is)| is.clone()))
            .chain(open)
            .collect();
        stands.sort_unstable_by_key(|it| (it.booking, it.kind, it.cause()));
        prop_assert_eq!(&stands, &after);
        // A second time there is nothing to do.
        let again = difference(after, stands.into_iter().enumerate().collect());
        prop_assert_eq!(again, Difference { open: vec![], update: vec![], close: vec![] });
    }
}
