use super::*;
use crate::hours::Window;
use chrono_tz::Europe::Paris;
use proptest::prelude::*;

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn window(from: (u16, u16), until: (u16, u16)) -> Window {
    Window { start: 60 * from.0 + from.1, end: 60 * until.0 + until.1 }
}

/// The same windows every day, without notice.
fn every_day(windows: &[Window]) -> Hours {
    Hours { weekly: std::array::from_fn(|_| windows.to_vec()), ..Hours::default() }
}

const HOUR: Footprint =
    Footprint { duration: TimeDelta::minutes(60), before: TimeDelta::zero(), after: TimeDelta::zero() };

/// The walls of the clock at which a day's slots begin.
fn walls(hours: &Hours, zone: Tz, footprint: Footprint, day: &str) -> Vec<String> {
    let date: NaiveDate = day.parse().unwrap();
    let now = crate::horizon::start_of_day(date, zone) - TimeDelta::days(2);
    let situation = Situation { hours, busy: &Busy::default(), zone, now };
    let of_day = Interval::new(
        crate::horizon::start_of_day(date, zone),
        crate::horizon::start_of_day(date + Days::new(1), zone),
    );
    let slots = situation.free_slots(footprint, of_day, usize::MAX);
    slots.iter().map(|slot| slot.start.with_timezone(&zone).format("%H:%M%z").to_string()).collect()
}

#[test]
fn slots_begin_every_half_hour_of_a_window_and_end_within_it() {
    let hours = every_day(&[window((9, 15), (11, 45)), window((13, 30), (15, 0))]);
    assert_eq!(
        walls(&hours, Paris, HOUR, "2026-01-07"),
        ["09:15+0100", "09:45+0100", "10:15+0100", "10:45+0100", "13:30+0100", "14:00+0100"]
    );
}

#[test]
fn windows_that_touch_are_one_also_across_midnight() {
    let hours = every_day(&[window((11, 15), (12, 0)), window((12, 0), (13, 0))]);
    assert_eq!(walls(&hours, Paris, HOUR, "2026-01-07"), ["11:15+0100", "11:45+0100"]);
    let night = every_day(&[window((0, 0), (0, 30)), window((23, 0), (24, 0))]);
    assert_eq!(walls(&night, Paris, HOUR, "2026-01-07"), ["23:00+0100", "23:30+0100"]);
}

#[test]
fn the_hour_that_is_skipped_is_not_offered_and_the_one_that_is_repeated_is_there_twice() {
    let night = every_day(&[window((1, 0), (5, 0))]);
    assert_eq!(
        walls(&night, Paris, HOUR, "2026-03-29"),
        ["01:00+0100", "01:30+0100", "03:00+0200", "03:30+0200", "04:00+0200"],
        "an hour from 1:30 on ends at 3:30 on the wall"
    );
    assert_eq!(
        walls(&night, Paris, HOUR, "2026-10-25"),
        [
            "01:00+0200",
            "01:30+0200",
            "02:00+0200",
            "02:30+0200",
            "02:00+0100",
            "02:30+0100",
            "03:00+0100",
            "03:30+0100",
            "04:00+0100"
        ]
    );
    // Bounds inside the gap are read one gap later.
    let gap = every_day(&[window((2, 0), (4, 30))]);
    assert_eq!(
        walls(&gap, Paris, HOUR, "2026-03-29"),
        ["03:00+0200", "03:30+0200"],
        "three hours on the wall, an hour and a half in truth"
    );
}

#[test]
fn midnight_itself_may_be_skipped_and_so_may_a_day() {
    let hours = every_day(&[window((0, 0), (3, 0))]);
    let sao_paulo = chrono_tz::America::Sao_Paulo;
    assert_eq!(walls(&hours, sao_paulo, HOUR, "2018-11-04"), ["01:00-0200", "01:30-0200", "02:00-0200"]);
    let apia = chrono_tz::Pacific::Apia;
    assert!(walls(&hours, apia, HOUR, "2011-12-30").is_empty());
    assert_eq!(walls(&hours, apia, HOUR, "2011-12-31").len(), 5);
    // The hours of the day that is not there are not those of the next.
    let mut closed = hours;
    closed.exceptions.insert("2011-12-31".parse().unwrap(), Vec::new());
    assert!(walls(&closed, apia, HOUR, "2011-12-31").is_empty());
    let lord_howe = chrono_tz::Australia::Lord_Howe;
    let night = every_day(&[window((1, 0), (4, 0))]);
    assert_eq!(
        walls(&night, lord_howe, HOUR, "2026-10-04"),
        ["01:00+1030", "01:30+1030", "02:30+1100", "03:00+1100"],
        "the clocks skip half an hour"
    );
}

#[test]
fn a_start_is_refused_for_the_reason_that_comes_first() {
    let hours = Hours { notice_minutes: 120, ..every_day(&[window((9, 0), (19, 0))]) };
    let footprint = Footprint { before: TimeDelta::minutes(15), after: TimeDelta::minutes(15), ..HOUR };
    let taken = Interval::new(instant("2026-01-07T12:00:00Z"), instant("2026-01-07T13:00:00Z"));
    let busy: Busy = [taken].into_iter().collect();
    let now = instant("2026-01-06T09:00:30Z");
    let situation = Situation { hours: &hours, busy: &busy, zone: Paris, now };
    let check = |start: &str| situation.check(footprint, instant(start)).map(|slot| slot.end);
    assert_eq!(check("2026-01-06T09:00:00Z"), Err(SlotError::Past));
    let latest = instant("2026-01-06T09:00:00Z");
    assert_eq!(check("2026-01-06T11:00:00Z"), Err(SlotError::TooSoon { latest }));
    assert!(check("2026-01-06T11:01:00Z").is_ok());
    assert_eq!(check("2026-04-07T10:00:00Z"), Err(SlotError::BeyondHorizon));
    assert_eq!(situation.check(footprint, DateTime::<Utc>::MAX_UTC), Err(SlotError::BeyondHorizon));
    assert_eq!(situation.check(footprint, DateTime::<Utc>::MIN_UTC), Err(SlotError::Past));
    assert!(check("2026-04-06T10:00:00Z").is_ok(), "the ninetieth day after today");
    assert_eq!(check("2026-01-07T07:59:00Z"), Err(SlotError::OutsideHours));
    assert_eq!(check("2026-01-07T17:01:00Z"), Err(SlotError::OutsideHours));
    assert_eq!(check("2026-01-07T09:00:01Z"), Err(SlotError::OutsideHours));
    assert_eq!(check("2026-01-07T10:46:00Z"), Err(SlotError::Taken));
    assert_eq!(check("2026-01-07T13:14:00Z"), Err(SlotError::Taken));
    assert!(check("2026-01-07T10:45:00Z").is_ok() && check("2026-01-07T13:15:00Z").is_ok());
    let any = |start: &str| situation.check_any(footprint, instant(start)).map(drop);
    assert_eq!(any("2026-01-06T22:00:00Z"), Ok(()), "outside the hours, within the notice");
    assert_eq!(any("2026-01-07T12:30:00Z"), Err(SlotError::Taken));
    assert_eq!(any("2026-01-06T09:00:00Z"), Err(SlotError::Past));
}

#[test]
fn the_last_day_of_the_horizon_ends_it() {
    let hours = every_day(&[window((0, 0), (24, 0))]);
    let now = instant("2026-01-06T09:00:00Z");
    let situation = Situation { hours: &hours, busy: &Busy::default(), zone: Paris, now };
    let all = Interval::new(now - TimeDelta::days(9), now + TimeDelta::days(200));
    let slots = situation.free_slots(HOUR, all, usize::MAX);
    assert_eq!(slots.first().unwrap().start, now);
    assert_eq!(slots.last().unwrap().end, Horizon::at(now, Paris).interval().end);
    assert!(slots.iter().all(|slot| situation.check(HOUR, slot.start) == Ok(*slot)));
}

#[test]
fn the_nearest_free_slots_lie_on_both_sides() {
    let hours = every_day(&[window((9, 0), (19, 0))]);
    let busy: Busy = [Interval::new(instant("2026-01-07T11:00:00Z"), instant("2026-01-07T13:00:00Z"))]
        .into_iter()
        .collect();
    let now = instant("2026-01-06T09:00:00Z");
    let situation = Situation { hours: &hours, busy: &busy, zone: Paris, now };
    let start = instant("2026-01-07T11:30:00Z");
    let nearest = situation.nearest(HOUR, start, TimeDelta::days(7));
    let starts: Vec<_> = nearest.iter().map(|slot| slot.start.format("%H:%M").to_string()).collect();
    assert_eq!(starts, ["09:00", "09:30", "10:00", "13:00", "13:30"].map(str::to_owned).to_vec());
    assert_eq!(situation.nearest(HOUR, start, TimeDelta::minutes(91)).len(), 2);
    assert!(situation.nearest(HOUR, DateTime::<Utc>::MAX_UTC, TimeDelta::days(7)).len() == MOST_ALTERNATIVES);
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Paris,
        chrono_tz::America::Sao_Paulo,
        chrono_tz::Pacific::Apia,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Africa::Casablanca,
        chrono_tz::UTC,
    ])
}

prop_compose! {
    fn windows()(bounds in prop::collection::btree_set(0_u16..=96, 0..6)) -> Vec<Window> {
        let bounds: Vec<u16> = bounds.into_iter().map(|quarter| quarter * 15).collect();
        bounds.chunks_exact(2).map(|pair| Window { start: pair[0], end: pair[1] }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is offered can be had, keeps clear of all that is busy, is inside what is asked about; and of the starts on
    /// the grid none is left out that could be had.
    #[test]
    fn what_is_offered_is_what_can_be_had(
        zone in zones(),
        week in prop::array::uniform7(windows()),
        day in 0_i64..365 * 30,
        busy in prop::collection::vec((0_i64..6 * 24 * 60, 1_i64..300), 0..12),
        (duration, before, after) in (5_i64..180, 0_i64..60, 0_i64..60),
        notice in 0_i64..2000,
        limit in 1_usize..200,
    ) {
        let now = instant("2005-01-01T10:17:33Z") + TimeDelta::days(day);
        let hours = Hours { weekly: week, notice_minutes: notice, ..Hours::default() };
        let footprint = Footprint {
            duration: TimeDelta::minutes(duration),
            before: TimeDelta::minutes(before),
            after: TimeDelta::minutes(after),
        };
        let taken: Vec<Interval> = busy
            .iter()
            .map(|(start, length)| {
                let start = now + TimeDelta::minutes(*start);
                Interval::new(start, start + TimeDelta::minutes(*length))
            })
            .collect();
        let busy: Busy = taken.iter().copied().collect();
        let situation = Situation { hours: &hours, busy: &busy, zone, now };
        let asked = Interval::new(now, now + TimeDelta::days(5));
        let slots = situation.free_slots(footprint, asked, usize::MAX);
        prop_assert!(slots.windows(2).all(|pair| pair[0].start < pair[1].start));
        for slot in &slots {
            prop_assert_eq!(situation.check(footprint, slot.start), Ok(*slot));
            prop_assert!(asked.start <= slot.start && slot.start < asked.end);
            let kept = footprint.around(*slot);
            prop_assert!(taken.iter().all(|taken| !taken.overlaps(&kept)));
        }
        prop_assert_eq!(&situation.free_slots(footprint, asked, limit)[..], &slots[..limit.min(slots.len())]);
        // The same by brute force: every minute that stands on the grid of its day.
        let mut minute = (asked.start - TimeDelta::seconds(33)).max(now);
        minute += TimeDelta::seconds((60 - minute.timestamp().rem_euclid(60)) % 60);
        while minute < asked.end {
            let date = minute.with_timezone(&zone).date_naive();
            let on_grid = situation.starts(date).contains(&minute);
            let offered = slots.binary_search_by_key(&minute, |slot| slot.start).is_ok();
            let can_be_had = situation.check(footprint, minute).is_ok();
            prop_assert_eq!(offered, on_grid && can_be_had, "{}", minute);
            minute += TimeDelta::minutes(5);
        }
        let nearest = situation.nearest(footprint, now + TimeDelta::days(2), TimeDelta::days(3));
        prop_assert!(nearest.len() <= MOST_ALTERNATIVES);
        prop_assert!(nearest.iter().all(|slot| situation.check(footprint, slot.start) == Ok(*slot)));
    }
}
