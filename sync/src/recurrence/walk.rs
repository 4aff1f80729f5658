//! The starts that a rule gives, in wall time without a zone.
//!
//! The rules of nearly all calendar entries are plain date arithmetic, done here. The others go through
//! the `rrule` crate. Both are held against each other in this module's tests.

use super::rule::Rule;
use super::{MAX_OCCURRENCES, Unreadable, midnight};
use chrono::{DateTime, Datelike, Days, Month, NaiveDate, NaiveDateTime, TimeDelta};
use rrule::{Frequency, NWeekday, RRule, RRuleSet, Unvalidated};
use std::ops::RangeInclusive;

/// How many starts a rule may have before the stretch that is asked for, where they must be counted
/// (`COUNT`): a daily one for 270 years.
const MAX_STEPS: usize = 100_000;

/// The Gregorian calendar, days of the week included, repeats after so many years.
const CYCLE: i32 = 400;

/// The first year that the `rrule` crate does not reach is 10 001, and it looks that far for a start that
/// never comes. So it is given dates in the last cycles before.
const LATEST_START_FOR_CRATE: i32 = 9_599;

/// The starts of `rule` within `walls`, in order, for a series that starts at `start`; without regard to
/// the time of day of `UNTIL`, which needs a zone.
pub fn starts(
    rule: &Rule,
    start: NaiveDateTime,
    walls: &RangeInclusive<NaiveDateTime>,
) -> Result<Vec<NaiveDateTime>, Unreadable> {
    let last = rule.until.map_or(*walls.end(), |until| midnight(until.latest_date()).min(*walls.end()));
    let walls = *walls.start()..=last;
    match Plain::of(rule, start) {
        Some(plain) => plain.starts(rule, start, &walls),
        None => through_crate(rule, start, &walls),
    }
}

/// The stretches of time that `FREQ` and `INTERVAL` count: every other week, every third month.
#[derive(Clone, Copy)]
enum Periods {
    Days {
        first: NaiveDate,
        step: i64,
    },
    Weeks {
        first: NaiveDate,
        step: i64,
    },
    /// Months since the year 0.
    Months {
        first: i64,
        step: i64,
    },
}

impl Periods {
    /// `None` for what is not counted in days.
    fn of(rule: &Rule, start: NaiveDate) -> Option<Self> {
        let step = i64::from(rule.interval);
        let month = i64::from(start.year()) * 12 + i64::from(start.month0());
        match rule.frequency {
            Frequency::Daily => Some(Self::Days { first: start, step }),
            Frequency::Weekly => {
                let first = start - Days::new(start.weekday().days_since(rule.week_start).into());
                Some(Self::Weeks { first, step })
            }
            Frequency::Monthly => Some(Self::Months { first: month, step }),
            Frequency::Yearly => {
                Some(Self::Months { first: month - i64::from(start.month0()), step: step * 12 })
            }
            Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => None,
        }
    }

    /// The last period that begins at or before `date`; the first one at the earliest.
    fn at(self, date: NaiveDate) -> i64 {
        let (distance, step) = match self {
            Self::Days { first, step } => ((date - first).num_days(), step),
            Self::Weeks { first, step } => ((date - first).num_days(), step * 7),
            Self::Months { first, step } => {
                (i64::from(date.year()) * 12 + i64::from(date.month0()) - first, step)
            }
        };
        distance.div_euclid(step).max(0)
    }

    /// The day on which a period begins, as far as the calendar reaches.
    fn begin(self, period: i64) -> Option<NaiveDate> {
        match self {
            Self::Days { first, step } => first.checked_add_signed(TimeDelta::try_days(step * period)?),
            Self::Weeks { first, step } => first.checked_add_signed(TimeDelta::try_days(step * 7 * period)?),
            Self::Months { first, step } => {
                let month = first + step * period;
                let year = i32::try_from(month.div_euclid(12)).ok()?;
                NaiveDate::from_ymd_opt(year, u32::try_from(month.rem_euclid(12)).ok()? + 1, 1)
            }
        }
    }
}

/// Which days of each period a plain rule picks.
#[derive(Clone, Copy)]
enum Pick {
    /// These days of the week, Monday first.
    Weekdays([bool; 7]),
    /// This day of a month, counted in months from the beginning of the period. A month that lacks the day
    /// is left out (RFC 5545, 3.3.10: invalid dates are ignored).
    DayOfMonth { month0: u32, day: u32 },
}

/// A rule that is date arithmetic.
struct Plain {
    periods: Periods,
    pick: Pick,
}

impl Plain {
    /// `None` if the rule needs more.
    fn of(rule: &Rule, start: NaiveDateTime) -> Option<Self> {
        if !rule.picks_no_more_than_days() {
            return None;
        }
        let periods = Periods::of(rule, start.date())?;
        let pick = match (rule.frequency, &*rule.by_day, &*rule.by_month, &*rule.by_month_day) {
            (Frequency::Daily, [], [], []) => Pick::Weekdays([true; 7]),
            (Frequency::Weekly, [], [], []) => Pick::Weekdays(weekdays(&[NWeekday::Every(start.weekday())])?),
            (Frequency::Daily | Frequency::Weekly, days, [], []) => Pick::Weekdays(weekdays(days)?),
            (Frequency::Monthly, [], [], days) => {
                Pick::DayOfMonth { month0: 0, day: only_day(days, start.day())? }
            }
            (Frequency::Yearly, [], [], []) => Pick::DayOfMonth { month0: start.month0(), day: start.day() },
            (Frequency::Yearly, [], [month], days) => {
                Pick::DayOfMonth { month0: u32::from(*month) - 1, day: only_day(days, start.day())? }
            }
            _ => return None,
        };
        Some(Self { periods, pick })
    }

    fn starts(
        &self,
        rule: &Rule,
        start: NaiveDateTime,
        walls: &RangeInclusive<NaiveDateTime>,
    ) -> Result<Vec<NaiveDateTime>, Unreadable> {
        let mut found = Vec::new();
        let mut left = rule.count;
        // Only what must be counted is walked from the beginning.
        let mut period = if left.is_some() { 0 } else { self.periods.at(walls.start().date()) };
        while let Some(begin) = self.periods.begin(period).filter(|begin| begin <= &walls.end().date()) {
            for day in self.days(begin) {
                let wall = day.and_time(start.time());
                if wall < start {
                    continue;
                }
                if wall > *walls.end() || left == Some(0) {
                    return Ok(found);
                }
                left = left.map(|left| left - 1);
                if wall >= *walls.start() {
                    push(&mut found, wall)?;
                }
            }
            period += 1;
        }
        Ok(found)
    }

    /// The days picked in the period that begins at `begin`, in order.
    fn days(&self, begin: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let pick = self.pick;
        let length = if matches!(self.periods, Periods::Weeks { .. }) { 7 } else { 1 };
        (0..length).filter_map(move |offset| match pick {
            Pick::Weekdays(wanted) => begin
                .checked_add_days(Days::new(offset))
                .filter(|day| wanted[day.weekday().num_days_from_monday() as usize]),
            Pick::DayOfMonth { month0, day } => {
                NaiveDate::from_ymd_opt(begin.year(), begin.month() + month0, day)
            }
        })
    }
}

/// `None` if one of them has an ordinal.
fn weekdays(days: &[NWeekday]) -> Option<[bool; 7]> {
    let mut wanted = [false; 7];
    for day in days {
        let NWeekday::Every(day) = day else { return None };
        wanted[day.num_days_from_monday() as usize] = true;
    }
    Some(wanted)
}

/// The day of the month that a rule means, if it is one, counted from the front.
fn only_day(by_month_day: &[i8], start: u32) -> Option<u32> {
    match by_month_day {
        [] => Some(start),
        [day] => u32::try_from(*day).ok(),
        _ => None,
    }
}

fn push(found: &mut Vec<NaiveDateTime>, wall: NaiveDateTime) -> Result<(), Unreadable> {
    if found.len() >= MAX_OCCURRENCES {
        return Err(Unreadable::TooMany);
    }
    found.push(wall);
    Ok(())
}

/// Any rule, by the `rrule` crate. It is given UTC for wall time, since it mishandles clock changes, no
/// `UNTIL` and no `COUNT`, which are watched from here, and its own limit on a search without a find.
fn through_crate(
    rule: &Rule,
    start: NaiveDateTime,
    walls: &RangeInclusive<NaiveDateTime>,
) -> Result<Vec<NaiveDateTime>, Unreadable> {
    // Validating fills in what the rule takes from the start (the hour, the day of the month), so that the
    // walk may begin elsewhere.
    let validated = for_crate(rule).validate(crate_time(start)).map_err(|_| Unreadable::Unsupported)?;
    // Only what must be counted is walked from the beginning. A whole first period is given, since BYSETPOS
    // counts in whole ones; what lies before the start is left out below.
    let begin = jump(rule, start, if rule.count.is_some() { start } else { *walls.start() });
    let shift = (LATEST_START_FOR_CRATE - begin.year()).div_euclid(CYCLE) * CYCLE;
    let moved =
        |wall: NaiveDateTime, years| wall.with_year(wall.year() + years).ok_or(Unreadable::OutOfRange);
    if walls.end().year() - begin.year() >= CYCLE {
        return Err(Unreadable::TooMany);
    }

    let set = RRuleSet::new(crate_time(moved(begin, shift)?)).rrule(validated).limit();
    let mut found = Vec::new();
    let mut left = rule.count;
    for (step, at) in set.into_iter().enumerate() {
        let wall = moved(at.naive_utc(), -shift)?;
        if wall > *walls.end() || left == Some(0) {
            break;
        }
        if step >= MAX_STEPS {
            return Err(Unreadable::TooMany);
        }
        if wall < start {
            continue;
        }
        left = left.map(|left| left - 1);
        if wall >= *walls.start() {
            push(&mut found, wall)?;
        }
    }
    Ok(found)
}

/// The beginning of the rule's last period at or before `target`, or of its first one.
fn jump(rule: &Rule, start: NaiveDateTime, target: NaiveDateTime) -> NaiveDateTime {
    let begin = match Periods::of(rule, start.date()) {
        Some(periods) => periods.begin(periods.at(target.date())).map(midnight),
        None => {
            let step = i64::from(rule.interval);
            let hours = (target - start).num_hours().div_euclid(step).max(0) * step;
            TimeDelta::try_hours(hours).and_then(|hours| start.checked_add_signed(hours))
        }
    };
    begin.unwrap_or(start)
}

fn crate_time(wall: NaiveDateTime) -> DateTime<rrule::Tz> {
    wall.and_utc().with_timezone(&rrule::Tz::UTC)
}

fn for_crate(rule: &Rule) -> RRule<Unvalidated> {
    let months: Vec<_> = rule.by_month.iter().filter_map(|month| Month::try_from(*month).ok()).collect();
    RRule::new(rule.frequency)
        .interval(rule.interval)
        .week_start(rule.week_start)
        .by_weekday(rule.by_day.clone())
        .by_month(&months)
        .by_month_day(rule.by_month_day.clone())
        .by_year_day(rule.by_year_day.clone())
        .by_week_no(rule.by_week.clone())
        .by_hour(rule.by_hour.clone())
        .by_minute(rule.by_minute.clone())
        .by_second(rule.by_second.clone())
        .by_set_pos(rule.by_position.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn days() -> impl Strategy<Value = Vec<&'static str>> {
        proptest::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 1..=7)
    }

    /// Rules that are date arithmetic.
    fn plain_rule() -> impl Strategy<Value = String> {
        let shape = prop_oneof![
            Just("FREQ=DAILY".to_owned()),
            days().prop_map(|days| format!("FREQ=DAILY;BYDAY={}", days.join(","))),
            Just("FREQ=WEEKLY".to_owned()),
            (days(), prop_oneof![Just("MO"), Just("SU"), Just("WE")])
                .prop_map(|(days, start)| format!("FREQ=WEEKLY;BYDAY={};WKST={start}", days.join(","))),
            Just("FREQ=MONTHLY".to_owned()),
            (1..=31).prop_map(|day| format!("FREQ=MONTHLY;BYMONTHDAY={day}")),
            Just("FREQ=YEARLY".to_owned()),
            (1..=12).prop_map(|month| format!("FREQ=YEARLY;BYMONTH={month}")),
            (1..=12, 1..=31).prop_map(|(month, day)| format!("FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={day}")),
        ];
        (shape, 1..20_u16, prop_oneof![Just(String::new()), (1..400_u32).prop_map(|n| format!(";COUNT={n}"))])
            .prop_map(|(shape, interval, count)| format!("{shape};INTERVAL={interval}{count}"))
    }

    /// Rules for the crate.
    fn rich_rule() -> impl Strategy<Value = String> {
        let shape = prop_oneof![
            (-5..=5_i8, days()).prop_filter_map("no zeroth day", |(nth, days)| {
                (nth != 0).then(|| format!("FREQ=MONTHLY;BYDAY={nth}{}", days[0]))
            }),
            days().prop_map(|days| format!("FREQ=MONTHLY;BYDAY={};BYSETPOS=-1", days.join(","))),
            (1..=12, days())
                .prop_map(|(m, days)| format!("FREQ=YEARLY;BYMONTH={m};BYDAY={}", days.join(","))),
            (1..=366).prop_map(|day| format!("FREQ=YEARLY;BYYEARDAY={day},-1")),
            (1..=53, days())
                .prop_map(|(week, days)| format!("FREQ=YEARLY;BYWEEKNO={week};BYDAY={}", days[0])),
            (1..=12).prop_map(|month| format!("FREQ=WEEKLY;BYMONTH={month}")),
            (1..=12).prop_map(|month| format!("FREQ=DAILY;BYMONTH={month}")),
            (0..=23).prop_map(|hour| format!("FREQ=DAILY;BYHOUR={hour},12")),
            Just("FREQ=HOURLY".to_owned()),
            (0..=23).prop_map(|hour| format!("FREQ=HOURLY;BYHOUR={hour},7")),
        ];
        (shape, 1..20_u16).prop_map(|(shape, interval)| format!("{shape};INTERVAL={interval}"))
    }

    fn start() -> impl Strategy<Value = NaiveDateTime> {
        (0..20_000_i64, 0..1_440_i64).prop_map(|(day, minute)| {
            wall("1990-01-01T00:00:00") + TimeDelta::days(day) + TimeDelta::minutes(minute)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn plain_rules_are_walked_as_the_crate_walks_them(
            text in plain_rule(),
            start in start(),
            from in -500..4_000_i64,
            length in 1..800_i64,
        ) {
            let rule = Rule::read(&text, true).unwrap();
            let from = start + TimeDelta::days(from);
            let walls = from..=from + TimeDelta::days(length);
            let plain = Plain::of(&rule, start).expect("a plain rule").starts(&rule, start, &walls);
            prop_assert_eq!(plain, through_crate(&rule, start, &walls));
        }

        #[test]
        fn a_jump_loses_and_shifts_nothing(text in rich_rule(), start in start(), from in 0..1_500_i64) {
            let jumping = Rule::read(&text, true).unwrap();
            prop_assert!(Plain::of(&jumping, start).is_none());
            let counting = Rule { count: Some(u32::MAX), ..jumping.clone() };
            let from = start + TimeDelta::days(from);
            let walls = from..=from + TimeDelta::days(400);
            prop_assert_eq!(
                through_crate(&jumping, start, &walls),
                through_crate(&counting, start, &walls)
            );
        }
    }

    #[test]
    fn the_calendar_repeats_after_a_cycle() {
        let date = |year| NaiveDate::from_ymd_opt(year, 2, 28).unwrap();
        for year in 1..=CYCLE {
            let (one, next) = (date(year), date(year + CYCLE));
            assert_eq!(one.weekday(), next.weekday());
            assert_eq!(one.leap_year(), next.leap_year());
        }
    }

    #[test]
    fn only_simple_rules_are_plain() {
        let start = wall("2026-01-06T18:00:00");
        let plain = |text: &str| Plain::of(&Rule::read(text, true).unwrap(), start).is_some();
        assert!(plain("FREQ=WEEKLY;BYDAY=TU"));
        assert!(plain("FREQ=MONTHLY;BYMONTHDAY=31"));
        assert!(plain("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"));
        for text in [
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            "FREQ=MONTHLY;BYMONTHDAY=1,2",
            "FREQ=MONTHLY;BYDAY=1MO",
            "FREQ=YEARLY;BYMONTHDAY=15",
            "FREQ=WEEKLY;BYMONTH=2",
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1",
            "FREQ=HOURLY",
        ] {
            assert!(!plain(text), "{text}");
        }
    }
}
