//! Unavailabilities that a provider enters by hand: what is typed, and the shape that blocks are derived from.

use crate::event::{OriginalStart, Series, Shape, Span};
use crate::zone;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use simone_booking::horizon::{resolve_wall_time, start_of_day};
use std::collections::BTreeSet;

/// In characters.
pub const LONGEST_TITLE: usize = 120;
/// What takes longer than this is a mistake, or a change of profession.
const LONGEST: TimeDelta = TimeDelta::days(400);
/// How far away a date may be, in days: farther, it was mistyped.
const NEAREST: Days = Days::new(400);
const FARTHEST: Days = Days::new(3660);

/// How often it comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    #[default]
    Never,
    Daily,
    Weekly,
    EveryTwoWeeks,
    /// On the same day of the month; in a shorter month, on its last day.
    Monthly,
}

impl Repeat {
    pub const ALL: [Self; 5] = [Self::Never, Self::Daily, Self::Weekly, Self::EveryTwoWeeks, Self::Monthly];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::EveryTwoWeeks => "two_weeks",
            Self::Monthly => "monthly",
        }
    }

    /// The reverse of [`Repeat::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|repeat| repeat.code() == code)
    }

    /// The rule's parts before its end.
    fn rule(self, first: NaiveDate) -> Option<String> {
        Some(match self {
            Self::Never => return None,
            Self::Daily => "FREQ=DAILY".to_owned(),
            Self::Weekly => "FREQ=WEEKLY".to_owned(),
            Self::EveryTwoWeeks => "FREQ=WEEKLY;INTERVAL=2".to_owned(),
            Self::Monthly if first.day() <= 28 => "FREQ=MONTHLY".to_owned(),
            Self::Monthly => {
                let days: Vec<String> = (28..=first.day()).map(|day| day.to_string()).collect();
                format!("FREQ=MONTHLY;BYMONTHDAY={};BYSETPOS=-1", days.join(","))
            }
        })
    }

    fn read(rule: &str) -> Self {
        match part(rule, "FREQ") {
            Some("DAILY") => Self::Daily,
            Some("WEEKLY") if part(rule, "INTERVAL") == Some("2") => Self::EveryTwoWeeks,
            Some("WEEKLY") => Self::Weekly,
            Some("MONTHLY") => Self::Monthly,
            _ => Self::Never,
        }
    }
}

fn part<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    rule.split(';')
        .filter_map(|part| part.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// When it is, on the wall of the provider's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Whole days, the last one included.
    Days {
        first: NaiveDate,
        last: NaiveDate,
    },
    Times {
        start: NaiveDateTime,
        end: NaiveDateTime,
    },
}

impl When {
    pub const fn first_day(&self) -> NaiveDate {
        match self {
            Self::Days { first, .. } => *first,
            Self::Times { start, .. } => start.date(),
        }
    }
}

/// What a provider types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub when: When,
    pub repeat: Repeat,
    /// The last day on which it may come back; `None`: endless.
    pub until: Option<NaiveDate>,
    /// Days on which it would begin, and does not.
    pub skipped: BTreeSet<NaiveDate>,
}

/// Why it cannot be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    #[error("it ends before it begins")]
    Order,
    #[error("the clocks skip {wall}")]
    Skipped { wall: NaiveDateTime },
    #[error("it takes more than {} days", LONGEST.num_days())]
    TooLong,
    #[error("the repetition ends before it begins")]
    Until,
    #[error("it is over already")]
    Over,
    #[error("the date is too far away")]
    Far,
}

impl Entry {
    /// What blocks are derived from.
    pub fn shape(&self, zone: Tz, now: DateTime<Utc>) -> Result<Shape, BadEntry> {
        let today = now.with_timezone(&zone).date_naive();
        let first_day = self.when.first_day();
        let near = |date: NaiveDate| date >= today - NEAREST && date <= today + FARTHEST;
        if !near(first_day) || self.until.is_some_and(|until| until > today + FARTHEST) {
            return Err(BadEntry::Far);
        }
        let (span, length) = match self.when {
            When::Days { first, last } => {
                if last < first {
                    return Err(BadEntry::Order);
                }
                let end = last.succ_opt().ok_or(BadEntry::Far)?;
                (Span::AllDay { start: first, end }, end - first)
            }
            When::Times { start, end } => {
                let (start, end) = (instant(start, zone)?, instant(end, zone)?);
                if end <= start {
                    return Err(BadEntry::Order);
                }
                (Span::Timed { start, end }, end - start)
            }
        };
        if length > LONGEST {
            return Err(BadEntry::TooLong);
        }
        let shape = match self.repeat.rule(first_day) {
            None => Shape::Single { span },
            Some(rule) => {
                if self.until.is_some_and(|until| until < first_day) {
                    return Err(BadEntry::Until);
                }
                let until = self.until.map(|until| format!(";UNTIL={}", until.format("%Y%m%d")));
                let mut lines = vec![format!("RRULE:{rule}{}", until.unwrap_or_default())];
                lines.extend(self.skipped.iter().map(|day| match self.when {
                    When::Days { .. } => format!("EXDATE;VALUE=DATE:{}", day.format("%Y%m%d")),
                    When::Times { start, .. } => {
                        let wall = day.and_time(start.time());
                        format!("EXDATE;TZID={}:{}", zone.name(), wall.format("%Y%m%dT%H%M%S"))
                    }
                }));
                let named = matches!(span, Span::Timed { .. }).then(|| zone.name().to_owned());
                Shape::Master { series: Series { first: span, zone: named, lines } }
            }
        };
        match over_at(&shape, zone) {
            Some(over) if over <= now => Err(BadEntry::Over),
            _ => Ok(shape),
        }
    }

    /// What was typed, as it reads in `zone`; `None` for a shape that was not made here.
    pub fn of(shape: &Shape, zone: Tz) -> Option<Self> {
        let (span, lines) = match shape {
            Shape::Single { span } => (*span, [].as_slice()),
            Shape::Master { series } => (series.first, series.lines.as_slice()),
            Shape::Exception { .. } => return None,
        };
        let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
        let when = match span {
            Span::AllDay { start, end } => When::Days { first: start, last: end.pred_opt()? },
            Span::Timed { start, end } => When::Times { start: wall(start), end: wall(end) },
        };
        let rule = lines.iter().find_map(|line| line.strip_prefix("RRULE:"));
        let date = |text: &str| NaiveDate::parse_from_str(text.get(..8)?, "%Y%m%d").ok();
        let skipped = lines
            .iter()
            .filter(|line| line.starts_with("EXDATE"))
            .filter_map(|line| date(line.rsplit(':').next()?))
            .collect();
        Some(Self {
            when,
            repeat: rule.map(Repeat::read).unwrap_or_default(),
            until: rule.and_then(|rule| part(rule, "UNTIL")).and_then(date),
            skipped,
        })
    }
}

/// A wall time as the instant it names; of one that comes twice, the first.
fn instant(wall: NaiveDateTime, zone: Tz) -> Result<DateTime<Utc>, BadEntry> {
    match zone.from_local_datetime(&wall) {
        chrono::LocalResult::None => Err(BadEntry::Skipped { wall }),
        _ => Ok(resolve_wall_time(wall, zone)),
    }
}

/// The zone that the walls of a shape are of.
pub fn zone_of(shape: &Shape, provider: Tz) -> Tz {
    match shape {
        Shape::Master { series } => series.zone.as_deref().and_then(zone::parse).unwrap_or(provider),
        Shape::Single { .. } | Shape::Exception { .. } => provider,
    }
}

/// The series without one of its occurrences; `None` for what is none.
pub fn without(shape: &Shape, occurrence: OriginalStart) -> Option<Shape> {
    let Shape::Master { series } = shape else { return None };
    let line = match (series.first, occurrence) {
        (Span::AllDay { .. }, OriginalStart::Date(date)) => {
            format!("EXDATE;VALUE=DATE:{}", date.format("%Y%m%d"))
        }
        (Span::Timed { .. }, OriginalStart::Instant(at)) => {
            let zone = series.zone.as_deref().and_then(zone::parse)?;
            let wall = at.with_timezone(&zone).naive_local();
            format!("EXDATE;TZID={}:{}", zone.name(), wall.format("%Y%m%dT%H%M%S"))
        }
        _ => return None,
    };
    let mut series = series.clone();
    if !series.lines.contains(&line) {
        series.lines.push(line);
    }
    Some(Shape::Master { series })
}

/// When nothing of it is to come any more, at the latest; `None`: it is endless.
pub fn over_at(shape: &Shape, provider: Tz) -> Option<DateTime<Utc>> {
    let end = |span: &Span| match *span {
        Span::AllDay { end, .. } => start_of_day(end, provider),
        Span::Timed { end, .. } => end,
    };
    match shape {
        Shape::Single { span } => Some(end(span)),
        Shape::Exception { .. } => None,
        Shape::Master { series } => {
            let rule = series.lines.iter().find_map(|line| line.strip_prefix("RRULE:"))?;
            let until = NaiveDate::parse_from_str(part(rule, "UNTIL")?, "%Y%m%d").ok()?;
            let length = match series.first {
                Span::AllDay { start, end } => end - start,
                Span::Timed { start, end } => end - start,
            };
            Some(start_of_day(until.succ_opt()?, zone_of(shape, provider)) + length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::{CalendarFacts, ENTERED, EventFacts, blocks};
    use simone_booking::Interval;

    const PARIS: Tz = chrono_tz::Europe::Paris;

    fn now() -> DateTime<Utc> {
        "2026-01-12T08:00:00Z".parse().unwrap()
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn times(start: &str, end: &str, repeat: Repeat) -> Entry {
        let when = When::Times { start: wall(start), end: wall(end) };
        Entry { when, repeat, until: None, skipped: BTreeSet::new() }
    }

    fn blocked(shape: Shape) -> Vec<Interval> {
        let event =
            EventFacts { id: "one".into(), shape, marks: Default::default(), expanded: false, ours: false };
        let facts = CalendarFacts { id: ENTERED, block_free: false, zone: None, events: vec![event] };
        let found = blocks(&[facts], PARIS, now());
        assert!(found.unreadable.is_empty());
        let mut found: Vec<Interval> = found.blocks.into_values().map(|block| block.interval).collect();
        found.sort_unstable();
        found
    }

    fn starts(shape: Shape) -> Vec<String> {
        blocked(shape)
            .iter()
            .map(|at| at.start.with_timezone(&PARIS).format("%m-%d %H:%M").to_string())
            .collect()
    }

    #[test]
    fn a_repetition_keeps_its_time_on_the_wall_when_the_clocks_change() {
        let entry = times("2026-03-16T12:00:00", "2026-03-16T14:00:00", Repeat::Weekly);
        let shape = entry.shape(PARIS, now()).unwrap();
        assert_eq!(starts(shape), ["03-16 12:00", "03-23 12:00", "03-30 12:00", "04-06 12:00"]);
    }

    #[test]
    fn it_ends_with_its_last_day_and_passes_over_what_is_taken_out() {
        let mut entry = times("2026-01-13T22:00:00", "2026-01-14T01:00:00", Repeat::EveryTwoWeeks);
        entry.until = Some("2026-02-24".parse().unwrap());
        let shape = entry.shape(PARIS, now()).unwrap();
        assert_eq!(starts(shape.clone()), ["01-13 22:00", "01-27 22:00", "02-10 22:00", "02-24 22:00"]);
        assert_eq!(over_at(&shape, PARIS), Some("2026-02-25T02:00:00Z".parse().unwrap()));
        let taken = OriginalStart::Instant("2026-01-27T21:00:00Z".parse().unwrap());
        let shape = without(&shape, taken).unwrap();
        assert_eq!(starts(shape.clone()), ["01-13 22:00", "02-10 22:00", "02-24 22:00"]);
        assert_eq!(without(&shape, taken), Some(shape.clone()), "twice is once");

        let read = Entry::of(&shape, PARIS).unwrap();
        entry.skipped.insert("2026-01-27".parse().unwrap());
        assert_eq!(read, entry);
        assert_eq!(read.shape(PARIS, now()), Ok(shape));
    }

    #[test]
    fn the_last_day_of_a_short_month_stands_for_the_31st() {
        let when = When::Days { first: "2026-01-31".parse().unwrap(), last: "2026-01-31".parse().unwrap() };
        let entry = Entry { when, repeat: Repeat::Monthly, until: None, skipped: BTreeSet::new() };
        let shape = entry.shape(PARIS, now()).unwrap();
        assert_eq!(starts(shape.clone()), ["01-31 00:00", "02-28 00:00", "03-31 00:00"]);
        assert_eq!(Entry::of(&shape, PARIS), Some(entry));
        let shape = without(&shape, OriginalStart::Date("2026-02-28".parse().unwrap())).unwrap();
        assert_eq!(starts(shape), ["01-31 00:00", "03-31 00:00"]);
    }

    #[test]
    fn whole_days_are_those_of_the_provider() {
        let when = When::Days { first: "2026-03-29".parse().unwrap(), last: "2026-03-29".parse().unwrap() };
        let entry = Entry { when, repeat: Repeat::Never, until: None, skipped: BTreeSet::new() };
        let found = blocked(entry.shape(PARIS, now()).unwrap());
        assert_eq!(found[0].end - found[0].start, TimeDelta::hours(23));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |entry: &Entry| entry.shape(PARIS, now()).unwrap_err();
        let gap = times("2026-03-29T02:30:00", "2026-03-29T05:00:00", Repeat::Never);
        assert_eq!(refused(&gap), BadEntry::Skipped { wall: wall("2026-03-29T02:30:00") });
        let gap = times("2026-03-29T01:00:00", "2026-03-29T02:00:00", Repeat::Weekly);
        assert_eq!(refused(&gap), BadEntry::Skipped { wall: wall("2026-03-29T02:00:00") });
        let back = times("2026-01-13T10:00:00", "2026-01-13T10:00:00", Repeat::Never);
        assert_eq!(refused(&back), BadEntry::Order);
        assert_eq!(
            refused(&times("2026-01-11T10:00:00", "2026-01-11T12:00:00", Repeat::Never)),
            BadEntry::Over
        );
        assert_eq!(
            refused(&times("2026-01-13T10:00:00", "2027-05-13T12:00:00", Repeat::Never)),
            BadEntry::TooLong
        );
        assert_eq!(
            refused(&times("9999-01-13T10:00:00", "9999-01-13T12:00:00", Repeat::Never)),
            BadEntry::Far
        );
        assert_eq!(
            refused(&times("0001-01-13T10:00:00", "2026-01-13T12:00:00", Repeat::Never)),
            BadEntry::Far
        );
        let mut until = times("2026-01-13T10:00:00", "2026-01-13T12:00:00", Repeat::Daily);
        until.until = Some("2026-01-12".parse().unwrap());
        assert_eq!(refused(&until), BadEntry::Until);
        until.until = Some(NaiveDate::MAX);
        assert_eq!(refused(&until), BadEntry::Far);
        // An hour that comes twice is the first of the two.
        let mut autumn = times("2026-10-25T02:30:00", "2026-10-25T03:30:00", Repeat::Never);
        let Shape::Single { span: Span::Timed { start, end } } = autumn.shape(PARIS, now()).unwrap() else {
            panic!()
        };
        assert_eq!(end - start, TimeDelta::hours(2));
        autumn.until = None;
    }

    #[test]
    fn a_series_that_has_begun_long_ago_and_goes_on_can_be_entered() {
        let entry = times("2026-01-05T10:00:00", "2026-01-05T12:00:00", Repeat::Weekly);
        assert_eq!(starts(entry.shape(PARIS, now()).unwrap())[0], "01-12 10:00");
    }
}
