//! Expansion of series (RFC 5545, 3.8.5): which occurrences the lines of `RRULE`, `EXRULE`, `RDATE` and
//! `EXDATE` make.
//!
//! Rules are walked in wall time without a zone, and only then placed in the series' zone. Where the
//! standard leaves room we do what Google shows, since that is what the provider sees:
//!
//! - **The start is always an occurrence**, also when the rule does not yield it; `COUNT` then counts the
//!   rule's own ones. (RFC 5545 calls the case undefined. Google shows `DTSTART` on a Thursday with
//!   `FREQ=WEEKLY;BYDAY=WE;COUNT=3` as four events.) Only an `EXDATE` or `EXRULE` takes it away.
//! - **Clock changes**: a start that the clocks skip is one gap later (reference sheet 5.5), of a start that
//!   happens twice the first is meant, and an occurrence keeps its length on the wall clock: one from 23:00
//!   to 07:00 ends at 07:00 in every night.
//! - **`UNTIL` as a date** on a timed series means that whole day in the series' zone.
//! - **A date-only `EXDATE`** on a timed series names no occurrence.
//!
//! Whatever has no agreed meaning is [`Unreadable`] rather than guessed: the platform is then asked for the
//! occurrences themselves. Every answer comes promptly, whatever the lines hold.

mod lines;
mod rule;
mod walk;

use crate::event::{Occurrence, OriginalStart, Series, Span};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use lines::Lines;
use rule::Rule;
use simone_booking::Interval;
use simone_booking::horizon::resolve_wall_time;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// More occurrences than this in one window is no calendar entry that people keep.
const MAX_OCCURRENCES: usize = 10_000;

/// The years that the platforms' dates have.
const YEARS: RangeInclusive<i32> = 1..=9999;

/// More than the wall clock of any zone is away from UTC, with a skipped day (Samoa, 2011) on top.
const ZONE_MARGIN: TimeDelta = TimeDelta::days(2);

/// Why a series cannot be expanded here. Holds nothing of the event's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A line is malformed, or has no agreed meaning. Lines count from 1.
    #[error("line {line} of the recurrence cannot be read: {why}")]
    Line { line: usize, why: &'static str },
    /// A rule that the crate behind us refuses, such as `FREQ=MONTHLY;BYDAY=-5MO`.
    #[error("the recurrence has a rule of a kind that cannot be expanded")]
    Unsupported,
    /// More occurrences, or a longer search for them, than any calendar entry needs.
    #[error("the recurrence yields more than can be expanded")]
    TooMany,
    /// The series or the window lies outside the years 1 to 9999.
    #[error("the dates are outside the years 1 to 9999")]
    OutOfRange,
}

/// Every occurrence that may overlap `window`, in order of original start, each once.
///
/// Of a timed series exactly those with `start < window.end && end > window.start`. All-day occurrences
/// are dates, which mean other instants in each zone: of an all-day series a superset by a day on each
/// side. `zone` is the one that the rule is read in (see [`crate::zone::resolve`]); all-day series do not
/// look at it.
pub fn expand(series: &Series, zone: Tz, window: Interval) -> Result<Vec<Occurrence>, Unreadable> {
    let days = TimeDelta::days(1);
    let in_years = |at: &DateTime<Utc>| YEARS.contains(&at.year());
    if !(in_years(&window.start) && in_years(&window.end)) {
        return Err(Unreadable::OutOfRange);
    }
    match series.first {
        Span::Timed { start, end } => {
            let first = Interval::new(whole_second(start), whole_second(end));
            let found = Expansion::new(first, Zone::Of(zone))?.occurrences(&series.lines, window)?;
            let occurrence = |at: Interval| {
                let span = Span::Timed { start: at.start, end: at.end };
                Occurrence { original_start: OriginalStart::Instant(at.start), span }
            };
            Ok(found.into_iter().map(occurrence).collect())
        }
        Span::AllDay { start, end } => {
            // Dates are walked as midnights of a zone that has no clock changes.
            let first = Interval::new(midnight(start).and_utc(), midnight(end).and_utc());
            let window = Interval::new(window.start - days, window.end + days);
            let found = Expansion::new(first, Zone::Floating)?.occurrences(&series.lines, window)?;
            let occurrence = |at: Interval| {
                let (start, end) = (at.start.date_naive(), at.end.date_naive());
                Occurrence { original_start: OriginalStart::Date(start), span: Span::AllDay { start, end } }
            };
            Ok(found.into_iter().map(occurrence).collect())
        }
    }
}

fn midnight(date: NaiveDate) -> NaiveDateTime {
    date.and_time(NaiveTime::MIN)
}

/// Platforms and rules count in seconds.
fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_nanosecond(0).unwrap_or(at)
}

/// How wall times become instants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// All-day: dates, kept as midnights in UTC.
    Floating,
    Of(Tz),
}

impl Zone {
    fn resolve(self, wall: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::Floating => wall.and_utc(),
            Self::Of(zone) => resolve_wall_time(wall, zone),
        }
    }

    fn wall(self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Floating => at.naive_utc(),
            Self::Of(zone) => at.with_timezone(&zone).naive_local(),
        }
    }
}

/// The start of a series, read in its zone.
struct Expansion {
    zone: Zone,
    first: Interval,
    /// `first.start` on the wall clock.
    start: NaiveDateTime,
    /// What each occurrence takes on the wall clock. Not positive for one from 02:45 to 02:15 of a repeated hour.
    wall_length: TimeDelta,
    /// What the first occurrence really takes.
    elapsed: TimeDelta,
}

impl Expansion {
    fn new(first: Interval, zone: Zone) -> Result<Self, Unreadable> {
        if !(YEARS.contains(&first.start.year()) && YEARS.contains(&first.end.year())) {
            return Err(Unreadable::OutOfRange);
        }
        let start = zone.wall(first.start);
        let elapsed = (first.end - first.start).max(TimeDelta::zero());
        let wall_length = zone.wall(first.end) - start;
        Ok(Self { zone, first, start, wall_length, elapsed })
    }

    fn occurrences(&self, lines: &[String], window: Interval) -> Result<Vec<Interval>, Unreadable> {
        let lines = Lines::read(lines, self.zone)?;
        let longest = self.wall_length.max(self.elapsed);
        let walls =
            (window.start - longest - ZONE_MARGIN).naive_utc()..=(window.end + ZONE_MARGIN).naive_utc();

        let mut starts = lines.extra;
        starts.push(self.first.start);
        for rule in &lines.rules {
            self.apply(rule, &walls, &mut starts)?;
        }
        let mut excluded = Vec::new();
        for rule in &lines.exclusion_rules {
            self.apply(rule, &walls, &mut excluded)?;
        }
        let excluded: BTreeSet<_> = excluded.into_iter().chain(lines.excluded).collect();

        starts.sort_unstable();
        starts.dedup();
        let found: Vec<_> = starts
            .into_iter()
            .filter(|start| !excluded.contains(start))
            .filter(|start| *start < window.end)
            .map(|start| Interval::new(start, self.end_of(start)))
            .filter(|at| at.end > window.start)
            .take(MAX_OCCURRENCES + 1)
            .collect();
        if found.len() > MAX_OCCURRENCES {
            return Err(Unreadable::TooMany);
        }
        Ok(found)
    }

    /// Adds the starts that a rule gives within a stretch of wall time.
    fn apply(
        &self,
        rule: &Rule,
        walls: &RangeInclusive<NaiveDateTime>,
        starts: &mut Vec<DateTime<Utc>>,
    ) -> Result<(), Unreadable> {
        let instants = walk::starts(rule, self.start, walls)?.into_iter().map(|wall| {
            // The start may lie in the second of two repeated hours, which a wall time cannot say.
            if wall == self.start { self.first.start } else { self.zone.resolve(wall) }
        });
        match rule.until {
            None => starts.extend(instants),
            Some(until) => {
                let last = until.last_instant(self.zone);
                starts.extend(instants.filter(|at| *at <= last));
            }
        }
        Ok(())
    }

    fn end_of(&self, start: DateTime<Utc>) -> DateTime<Utc> {
        if start == self.first.start {
            return start + self.elapsed;
        }
        // From where the start really is: an occurrence that the gap moves is moved whole. Where the wall
        // clock does not tell an end (the repeated hour), the elapsed time does.
        let end = self.zone.resolve(self.zone.wall(start) + self.wall_length);
        if end > start { end } else { start + self.elapsed }
    }
}
