//! Where the blocks of a week stand: on which days, at which quarters of an hour, and side by side where they overlap.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;
use simone_booking::Interval;
use simone_booking::horizon::start_of_day;

/// More blocks than this side by side would be too narrow to read; the rest share the last lane.
pub const MOST_LANES: usize = 6;
/// The hours that a week shows when nothing lies outside them.
const USUAL_HOURS: (u32, u32) = (8, 20);
const QUARTERS_A_DAY: u32 = 96;
/// What is shorter is drawn as long as this, in quarters: less holds no title.
const SHORTEST: u32 = 2;

/// Seven days in a zone. From today on rather than from Monday: on a Sunday, what is past would be all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    pub first: NaiveDate,
    pub zone: Tz,
}

impl Week {
    /// The week that begins on `date`. Far from our time, the nearest one that can be counted with.
    pub fn from(date: NaiveDate, zone: Tz) -> Self {
        let first = date.clamp(
            NaiveDate::from_ymd_opt(1970, 1, 12).expect("a date"),
            NaiveDate::from_ymd_opt(9998, 1, 1).expect("a date"),
        );
        Self { first, zone }
    }

    pub fn days(&self) -> [NaiveDate; 7] {
        std::array::from_fn(|index| self.first + Days::new(index as u64))
    }

    /// From 00:00 of its first day to 00:00 of the day after its last.
    pub fn interval(&self) -> Interval {
        Interval::new(start_of_day(self.first, self.zone), start_of_day(self.first + Days::new(7), self.zone))
    }

    pub fn previous(&self) -> NaiveDate {
        self.first - Days::new(7)
    }

    pub fn next(&self) -> NaiveDate {
        self.first + Days::new(7)
    }
}

/// The part of a block that lies on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The block's index in what was given.
    pub block: usize,
    pub kind: PartKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The day from end to end: an all-day block, or the middle of a longer one.
    WholeDay,
    Timed {
        /// Whether it began on an earlier day, or goes on into a later one.
        from_before: bool,
        to_after: bool,
        /// In quarters of an hour since midnight on the wall; the end is exclusive.
        start: u32,
        end: u32,
        /// Its place among those that overlap it.
        lane: usize,
        lanes: usize,
    },
}

/// One day of the week with what lies on it, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    pub parts: Vec<Part>,
}

/// A week laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub days: Vec<Day>,
    /// The hours shown: from the first to before the last.
    pub hours: (u32, u32),
}

/// Lays out blocks, each an interval and whether it takes whole days.
pub fn layout(week: Week, blocks: &[(Interval, bool)]) -> Layout {
    let days: Vec<Day> = week
        .days()
        .into_iter()
        .map(|date| {
            let mut parts: Vec<Part> = blocks
                .iter()
                .enumerate()
                .filter_map(|(block, (interval, all_day))| {
                    part(date, week.zone, interval, *all_day).map(|kind| Part { block, kind })
                })
                .collect();
            parts.sort_by_key(|part| match part.kind {
                PartKind::WholeDay => (0, 0, part.block),
                PartKind::Timed { start, end, .. } => (1 + start, QUARTERS_A_DAY - end, part.block),
            });
            assign_lanes(&mut parts);
            Day { date, parts }
        })
        .collect();
    let timed = || {
        days.iter().flat_map(|day| &day.parts).filter_map(|part| match part.kind {
            PartKind::Timed { start, end, .. } => Some((start, end)),
            PartKind::WholeDay => None,
        })
    };
    let first = timed().map(|(start, _)| start / 4).fold(USUAL_HOURS.0, u32::min);
    let last = timed().map(|(_, end)| end.div_ceil(4)).fold(USUAL_HOURS.1, u32::max);
    Layout { days, hours: (first, last) }
}

/// What of an interval lies on a day.
fn part(date: NaiveDate, zone: Tz, interval: &Interval, all_day: bool) -> Option<PartKind> {
    let day = Interval::new(start_of_day(date, zone), start_of_day(date + Days::new(1), zone));
    if !interval.overlaps(&day) {
        return None;
    }
    let (from_before, to_after) = (interval.start < day.start, interval.end > day.end);
    let whole = interval.start <= day.start && interval.end >= day.end;
    if whole || all_day {
        return Some(PartKind::WholeDay);
    }
    let start = if from_before { 0 } else { quarter(interval.start, zone, false) };
    let end = if interval.end >= day.end { QUARTERS_A_DAY } else { quarter(interval.end, zone, true) };
    // In the hour that comes twice the wall can run backwards; and nothing is too short to be seen.
    let start = start.min(QUARTERS_A_DAY - SHORTEST);
    Some(PartKind::Timed { from_before, to_after, start, end: end.max(start + SHORTEST), lane: 0, lanes: 1 })
}

/// The quarter of the wall's day in which an instant lies, or the one at which it has ended.
fn quarter(at: DateTime<Utc>, zone: Tz, up: bool) -> u32 {
    let seconds = at.with_timezone(&zone).time().signed_duration_since(NaiveTime::MIN).num_seconds();
    let seconds = u32::try_from(seconds).unwrap_or(0);
    if up { seconds.div_ceil(900) } else { seconds / 900 }
}

/// Gives each timed part, in the order of their starts, the first lane that is free; parts that overlap, if only
/// through others, share the width.
fn assign_lanes(parts: &mut [Part]) {
    let mut begin = 0;
    while begin < parts.len() {
        let mut ends: Vec<u32> = Vec::new();
        let mut cluster_end = 0;
        let mut index = begin;
        while let Some(Part { kind: PartKind::Timed { start, end, lane, .. }, .. }) = parts.get_mut(index) {
            if index > begin && *start >= cluster_end {
                break;
            }
            cluster_end = cluster_end.max(*end);
            let free =
                ends.iter().position(|taken| *taken <= *start).unwrap_or(ends.len()).min(MOST_LANES - 1);
            match ends.get_mut(free) {
                Some(taken) => *taken = (*taken).max(*end),
                None => ends.push(*end),
            }
            *lane = free;
            index += 1;
        }
        for part in &mut parts[begin..index] {
            if let PartKind::Timed { lanes, .. } = &mut part.kind {
                *lanes = ends.len();
            }
        }
        begin = index.max(begin + 1);
    }
}

/// The quarters of a part among the hours shown: where it begins, and how long it is.
pub const fn place(start: u32, end: u32, first_hour: u32) -> (u32, u32) {
    (start.saturating_sub(first_hour * 4), end - start)
}

/// Whether an instant lies at midnight of the zone.
pub fn is_midnight(at: DateTime<Utc>, zone: Tz) -> bool {
    at.with_timezone(&zone).num_seconds_from_midnight() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARIS: Tz = chrono_tz::Europe::Paris;

    fn week(text: &str) -> Week {
        Week::from(text.parse().unwrap(), PARIS)
    }

    fn block(start: &str, end: &str) -> (Interval, bool) {
        (Interval::new(start.parse().unwrap(), end.parse().unwrap()), false)
    }

    fn all_day(start: &str, end: &str) -> (Interval, bool) {
        let day = |text: &str| start_of_day(text.parse().unwrap(), PARIS);
        (Interval::new(day(start), day(end)), true)
    }

    fn timed(layout: &Layout, day: usize) -> Vec<(usize, u32, u32, usize, usize)> {
        layout.days[day]
            .parts
            .iter()
            .filter_map(|part| match part.kind {
                PartKind::Timed { start, end, lane, lanes, .. } => {
                    Some((part.block, start, end, lane, lanes))
                }
                PartKind::WholeDay => None,
            })
            .collect()
    }

    #[test]
    fn a_week_runs_from_any_day() {
        let week = week("2026-01-18");
        assert_eq!(week.days()[0], "2026-01-18".parse().unwrap());
        assert_eq!(week.days()[6], "2026-01-24".parse().unwrap());
        assert_eq!(week.next(), "2026-01-25".parse().unwrap());
        assert_eq!(week.previous(), "2026-01-11".parse().unwrap());
    }

    #[test]
    fn dates_at_the_end_of_the_calendar_have_a_week_too() {
        for date in [NaiveDate::MIN, NaiveDate::MAX] {
            let week = Week::from(date, PARIS);
            assert!(week.interval().start < week.interval().end);
            let _ = (week.previous(), week.next());
        }
    }

    #[test]
    fn blocks_stand_at_their_time_of_the_zone() {
        let layout = layout(week("2026-01-12"), &[block("2026-01-13T17:00:00Z", "2026-01-13T18:05:00Z")]);
        assert_eq!(
            timed(&layout, 1),
            [(0, 72, 77, 0, 1)],
            "18:00 to 19:05 in Paris, rounded up to the quarter"
        );
        assert!(layout.days[0].parts.is_empty() && layout.days[2].parts.is_empty());
        assert_eq!(layout.hours, (8, 20));
        assert_eq!(place(72, 77, 8), (40, 5));
    }

    #[test]
    fn a_holiday_stands_on_each_of_its_days() {
        let layout = layout(week("2026-01-12"), &[all_day("2026-01-10", "2026-01-16")]);
        let whole: Vec<usize> = layout.days.iter().map(|day| day.parts.len()).collect();
        assert_eq!(whole, [1, 1, 1, 1, 0, 0, 0], "until Thursday the 15th; the 16th is its exclusive end");
    }

    #[test]
    fn a_long_block_is_split_by_midnight() {
        let layout = layout(week("2026-01-12"), &[block("2026-01-12T21:00:00Z", "2026-01-14T09:30:00Z")]);
        assert_eq!(timed(&layout, 0), [(0, 88, 96, 0, 1)]);
        assert_eq!(layout.days[1].parts, [Part { block: 0, kind: PartKind::WholeDay }]);
        assert_eq!(timed(&layout, 2), [(0, 0, 42, 0, 1)]);
        assert_eq!(layout.hours, (0, 24));
        let PartKind::Timed { from_before, to_after, .. } = layout.days[2].parts[0].kind else { panic!() };
        assert!(from_before && !to_after);
    }

    #[test]
    fn a_block_that_ends_at_midnight_does_not_touch_the_next_day() {
        let layout = layout(week("2026-01-12"), &[block("2026-01-13T21:00:00Z", "2026-01-13T23:00:00Z")]);
        assert_eq!(timed(&layout, 1), [(0, 88, 96, 0, 1)]);
        assert!(layout.days[2].parts.is_empty());
    }

    #[test]
    fn overlapping_blocks_stand_side_by_side() {
        let layout = layout(
            week("2026-01-12"),
            &[
                block("2026-01-13T11:00:00Z", "2026-01-13T13:00:00Z"),
                block("2026-01-13T12:00:00Z", "2026-01-13T13:00:00Z"),
                block("2026-01-13T13:00:00Z", "2026-01-13T14:00:00Z"),
            ],
        );
        assert_eq!(timed(&layout, 1), [(0, 48, 56, 0, 2), (1, 52, 56, 1, 2), (2, 56, 60, 0, 1)]);
    }

    #[test]
    fn a_chain_of_overlaps_shares_the_width() {
        let layout = layout(
            week("2026-01-12"),
            &[
                block("2026-01-13T09:00:00Z", "2026-01-13T11:00:00Z"),
                block("2026-01-13T10:00:00Z", "2026-01-13T13:00:00Z"),
                block("2026-01-13T12:00:00Z", "2026-01-13T14:00:00Z"),
            ],
        );
        assert_eq!(
            timed(&layout, 1),
            [(0, 40, 48, 0, 2), (1, 44, 56, 1, 2), (2, 52, 60, 0, 2)],
            "the third takes the lane that the first left"
        );
    }

    #[test]
    fn ever_more_overlaps_stay_within_the_lanes() {
        let many: Vec<_> = (0..40).map(|_| block("2026-01-13T11:00:00Z", "2026-01-13T12:00:00Z")).collect();
        for (_, _, _, lane, lanes) in timed(&layout(week("2026-01-12"), &many), 1) {
            assert!(lane < MOST_LANES && lanes == MOST_LANES);
        }
    }

    #[test]
    fn days_on_which_the_clocks_change_hold_their_blocks() {
        // 25 October 2026: 02:00 to 03:00 comes twice. From the first 02:45 to the second 02:15.
        let layout_ = layout(week("2026-10-19"), &[block("2026-10-25T00:45:00Z", "2026-10-25T01:15:00Z")]);
        assert_eq!(timed(&layout_, 6), [(0, 11, 13, 0, 1)]);
        // 29 March 2026 has 23 hours; an all-day block takes them all.
        let layout_ = layout(week("2026-03-23"), &[all_day("2026-03-29", "2026-03-30")]);
        assert_eq!(layout_.days[6].parts, [Part { block: 0, kind: PartKind::WholeDay }]);
    }

    #[test]
    fn an_all_day_block_of_another_zone_stands_on_the_days_it_touches() {
        let tokyo = |text: &str| start_of_day(text.parse().unwrap(), chrono_tz::Asia::Tokyo);
        let layout =
            layout(week("2026-01-12"), &[(Interval::new(tokyo("2026-01-13"), tokyo("2026-01-14")), true)]);
        assert_eq!(layout.days[0].parts.len() + layout.days[1].parts.len(), 2);
    }

    #[test]
    fn short_and_empty_blocks() {
        let layout = layout(
            week("2026-01-12"),
            &[
                block("2026-01-13T11:03:00Z", "2026-01-13T11:04:00Z"),
                block("2026-01-13T11:00:00Z", "2026-01-13T11:00:00Z"),
            ],
        );
        assert_eq!(timed(&layout, 1), [(0, 48, 50, 0, 1)], "a minute is seen, nothing is not");
    }
}
