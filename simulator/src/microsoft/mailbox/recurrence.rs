//! Patterns and ranges of series (5.4): read, shown, and expanded into days.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::zones;
use crate::microsoft::errors::{GraphError, GraphResult};

/// No occurrence lies after this year. It also bounds patterns that never hit.
const LAST_YEAR: i32 = 2200;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Recurrence {
    pub kind: Kind,
    pub interval: u32,
    pub days: Vec<Weekday>,
    pub first_day: Weekday,
    pub index: Index,
    pub day_of_month: u32,
    pub month: u32,
    pub start: NaiveDate,
    pub until: Until,
    pub zone: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Kind {
    Daily,
    Weekly,
    AbsoluteMonthly,
    RelativeMonthly,
    AbsoluteYearly,
    RelativeYearly,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Index {
    First,
    Second,
    Third,
    Fourth,
    Last,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Until {
    Never,
    /// Inclusive.
    Day(NaiveDate),
    Count(u32),
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Daily, "daily"),
    (Kind::Weekly, "weekly"),
    (Kind::AbsoluteMonthly, "absoluteMonthly"),
    (Kind::RelativeMonthly, "relativeMonthly"),
    (Kind::AbsoluteYearly, "absoluteYearly"),
    (Kind::RelativeYearly, "relativeYearly"),
];

const INDICES: [(Index, &str); 5] = [
    (Index::First, "first"),
    (Index::Second, "second"),
    (Index::Third, "third"),
    (Index::Fourth, "fourth"),
    (Index::Last, "last"),
];

const WEEK: [(Weekday, &str); 7] = [
    (Weekday::Sun, "sunday"),
    (Weekday::Mon, "monday"),
    (Weekday::Tue, "tuesday"),
    (Weekday::Wed, "wednesday"),
    (Weekday::Thu, "thursday"),
    (Weekday::Fri, "friday"),
    (Weekday::Sat, "saturday"),
];

fn named<T: Copy>(list: &[(T, &str)], text: &str) -> Option<T> {
    list.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(one, _)| *one)
}

fn name<T: Copy + PartialEq>(list: &[(T, &'static str)], one: T) -> &'static str {
    list.iter().find(|(other, _)| *other == one).map_or("", |(_, name)| name)
}

fn refused(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "ErrorPropertyValidationFailure", message)
}

fn unreadable(property: &str) -> GraphError {
    GraphError::new(400, "RequestBodyRead", format!("The value of '{property}' cannot be read."))
}

impl Recurrence {
    /// `start`: the day on which the event itself begins, which has to be that of the range.
    pub fn read(value: &Value, start: NaiveDate) -> GraphResult<Recurrence> {
        let (pattern, range) = (&value["pattern"], &value["range"]);
        if !pattern.is_object() || !range.is_object() {
            return Err(refused("A recurrence has a pattern and a range."));
        }
        let number = |of: &Value, property: &str| -> GraphResult<Option<u32>> {
            match &of[property] {
                Value::Null => Ok(None),
                value => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
                    Some(number) => Ok(Some(number)),
                    None => Err(unreadable(property)),
                },
            }
        };
        let text = |of: &Value, property: &str| -> GraphResult<Option<String>> {
            match &of[property] {
                Value::Null => Ok(None),
                Value::String(text) => Ok(Some(text.clone())),
                _ => Err(unreadable(property)),
            }
        };
        let kind = text(pattern, "type")?.ok_or_else(|| refused("A pattern has a type."))?;
        let kind = named(&KINDS, &kind).ok_or_else(|| unreadable("type"))?;
        let days = match &pattern["daysOfWeek"] {
            Value::Null => Vec::new(),
            Value::Array(days) => days
                .iter()
                .map(|day| day.as_str().and_then(|day| named(&WEEK, day)))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| unreadable("daysOfWeek"))?,
            _ => return Err(unreadable("daysOfWeek")),
        };
        let first_day = match text(pattern, "firstDayOfWeek")? {
            Some(day) => named(&WEEK, &day).ok_or_else(|| unreadable("firstDayOfWeek"))?,
            None => Weekday::Sun,
        };
        let index = match text(pattern, "index")? {
            Some(index) => named(&INDICES, &index).ok_or_else(|| unreadable("index"))?,
            None => Index::First,
        };
        let date = |property: &str| -> GraphResult<Option<NaiveDate>> {
            match text(range, property)? {
                // Some clients write this for "none".
                Some(date) if date.starts_with("0001-01-01") => Ok(None),
                Some(date) => date.parse().map(Some).map_err(|_| unreadable(property)),
                None => Ok(None),
            }
        };
        let range_start = date("startDate")?.ok_or_else(|| refused("A range has a start date."))?;
        if range_start != start {
            return Err(refused("The range's start date must be the date on which the event starts."));
        }
        let until = match text(range, "type")?.unwrap_or_default().to_ascii_lowercase().as_str() {
            "noend" => Until::Never,
            "enddate" => {
                let end = date("endDate")?.ok_or_else(|| refused("This range has an end date."))?;
                if end < range_start {
                    return Err(refused("The range ends before it begins."));
                }
                Until::Day(end)
            }
            "numbered" => match number(range, "numberOfOccurrences")? {
                Some(count @ 1..=999) => Until::Count(count),
                _ => return Err(refused("'numberOfOccurrences' must be from 1 to 999.")),
            },
            _ => return Err(unreadable("type")),
        };
        let zone = match text(range, "recurrenceTimeZone")?.filter(|zone| !zone.is_empty()) {
            Some(zone) => Some(zones::kept(&zone).ok_or_else(|| super::times::unsupported(&zone))?.0),
            None => None,
        };
        let read = Recurrence {
            kind,
            interval: number(pattern, "interval")?.unwrap_or(1),
            days,
            first_day,
            index,
            day_of_month: number(pattern, "dayOfMonth")?.unwrap_or(0),
            month: number(pattern, "month")?.unwrap_or(0),
            start: range_start,
            until,
            zone,
        };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> GraphResult<()> {
        let yearly = matches!(self.kind, Kind::AbsoluteYearly | Kind::RelativeYearly);
        let by_weekday = matches!(self.kind, Kind::Weekly | Kind::RelativeMonthly | Kind::RelativeYearly);
        let by_day = matches!(self.kind, Kind::AbsoluteMonthly | Kind::AbsoluteYearly);
        if !(1..=999).contains(&self.interval) {
            return Err(refused("'interval' must be from 1 to 999."));
        }
        if by_weekday && self.days.is_empty() {
            return Err(refused("This pattern needs 'daysOfWeek'."));
        }
        if by_day && !(1..=31).contains(&self.day_of_month) {
            return Err(refused("'dayOfMonth' must be from 1 to 31."));
        }
        if yearly && !(1..=12).contains(&self.month) {
            return Err(refused("'month' must be from 1 to 12."));
        }
        Ok(())
    }

    /// As Graph shows it; what its type does not use is there all the same.
    pub fn show(&self, zone: &str) -> Value {
        let days: Vec<_> = self.days.iter().map(|day| name(&WEEK, *day)).collect();
        let mut pattern = json!({
            "type": name(&KINDS, self.kind),
            "interval": self.interval,
            "month": self.month,
            "dayOfMonth": self.day_of_month,
            "firstDayOfWeek": name(&WEEK, self.first_day),
            "index": name(&INDICES, self.index),
        });
        if !days.is_empty() {
            pattern["daysOfWeek"] = days.into();
        }
        let (kind, end, count) = match self.until {
            Until::Never => ("noEnd", "0001-01-01".to_owned(), 0),
            Until::Day(day) => ("endDate", day.to_string(), 0),
            Until::Count(count) => ("numbered", "0001-01-01".to_owned(), count),
        };
        json!({
            "pattern": pattern,
            "range": {
                "type": kind,
                "startDate": self.start.to_string(),
                "endDate": end,
                "recurrenceTimeZone": self.zone.as_deref().unwrap_or(zone),
                "numberOfOccurrences": count,
            },
        })
    }

    /// The days on which occurrences begin, in order.
    pub fn dates(&self) -> Dates<'_> {
        Dates { rule: self, period: 0, ready: Vec::new(), given: 0, over: false }
    }

    /// Whether the same days follow from both, however the range is bounded.
    pub fn same_pattern(&self, other: &Recurrence) -> bool {
        Recurrence { until: Until::Never, zone: None, ..self.clone() }
            == Recurrence { until: Until::Never, zone: None, ..other.clone() }
    }

    /// The same, begun some days later or earlier: weekdays and days of the month go along.
    pub fn shifted(&self, by: i64, start: NaiveDate) -> Recurrence {
        let turn = |day: &Weekday| {
            let turned = (i64::from(day.num_days_from_sunday()) + by).rem_euclid(7);
            usize::try_from(turned).ok().and_then(|at| WEEK.get(at)).map_or(*day, |(day, _)| *day)
        };
        let mut moved = self.clone();
        moved.start = start;
        match self.kind {
            Kind::Daily => {}
            Kind::Weekly => moved.days = self.days.iter().map(turn).collect(),
            Kind::AbsoluteMonthly | Kind::AbsoluteYearly => {
                moved.day_of_month = start.day();
                if self.kind == Kind::AbsoluteYearly {
                    moved.month = start.month();
                }
            }
            Kind::RelativeMonthly | Kind::RelativeYearly => {
                moved.days = vec![start.weekday()];
                moved.index = match (start.day() - 1) / 7 {
                    0 => Index::First,
                    1 => Index::Second,
                    2 => Index::Third,
                    3 => Index::Fourth,
                    _ => Index::Last,
                };
                if self.kind == Kind::RelativeYearly {
                    moved.month = start.month();
                }
            }
        }
        if let Until::Day(day) = self.until {
            let until = day.checked_add_signed(chrono::TimeDelta::days(by)).unwrap_or(day);
            moved.until = Until::Day(until.max(start));
        }
        moved
    }

    /// The days of the period that lies so many intervals after the first one; `None` after the last year.
    fn period(&self, period: u32) -> Option<Vec<NaiveDate>> {
        let step = period.checked_mul(self.interval)?;
        let month = |first: NaiveDate| self.in_month(first).into_iter().collect::<Vec<_>>();
        let days = match self.kind {
            Kind::Daily => vec![self.start.checked_add_days(Days::new(step.into()))?],
            Kind::Weekly => {
                let first = self.start.week(self.first_day).checked_first_day()?;
                let first = first.checked_add_days(Days::new(u64::from(step) * 7))?;
                if first.year() > LAST_YEAR {
                    return None;
                }
                first.iter_days().take(7).filter(|day| self.days.contains(&day.weekday())).collect()
            }
            Kind::AbsoluteMonthly | Kind::RelativeMonthly => {
                let first = self.start.with_day(1)?.checked_add_months(Months::new(step))?;
                if first.year() > LAST_YEAR {
                    return None;
                }
                month(first)
            }
            Kind::AbsoluteYearly | Kind::RelativeYearly => {
                let year = self.start.year().checked_add(i32::try_from(step).ok()?)?;
                if year > LAST_YEAR {
                    return None;
                }
                month(NaiveDate::from_ymd_opt(year, self.month, 1)?)
            }
        };
        (days.first().is_none_or(|day| day.year() <= LAST_YEAR)).then_some(days)
    }

    /// The one day of a month. Short months take their last day for one that they lack.
    fn in_month(&self, first: NaiveDate) -> Option<NaiveDate> {
        let all: Vec<_> = first.iter_days().take_while(|day| day.month() == first.month()).collect();
        if matches!(self.kind, Kind::AbsoluteMonthly | Kind::AbsoluteYearly) {
            let at = usize::try_from(self.day_of_month).ok()?.min(all.len());
            return all.get(at.checked_sub(1)?).copied();
        }
        let mut wanted = all.iter().filter(|day| self.days.contains(&day.weekday()));
        let day = match self.index {
            Index::First => wanted.next(),
            Index::Second => wanted.nth(1),
            Index::Third => wanted.nth(2),
            Index::Fourth => wanted.nth(3),
            Index::Last => wanted.next_back(),
        };
        day.copied()
    }
}

pub(crate) struct Dates<'a> {
    rule: &'a Recurrence,
    period: u32,
    /// Those of the period at hand, last first.
    ready: Vec<NaiveDate>,
    given: u32,
    over: bool,
}

impl Iterator for Dates<'_> {
    type Item = NaiveDate;

    fn next(&mut self) -> Option<NaiveDate> {
        while self.ready.is_empty() && !self.over {
            let Some(mut days) = self.rule.period(self.period) else {
                self.over = true;
                break;
            };
            self.period += 1;
            days.retain(|day| *day >= self.rule.start);
            days.reverse();
            self.ready = days;
        }
        let next = self.ready.pop().filter(|_| !self.over)?;
        let within = match self.rule.until {
            Until::Never => true,
            Until::Day(day) => next <= day,
            Until::Count(count) => self.given < count,
        };
        if !within {
            self.over = true;
            return None;
        }
        self.given += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(pattern: Value, start: &str, range: Value) -> Vec<String> {
        let mut range = range;
        range["startDate"] = start.into();
        let read = Recurrence::read(&json!({"pattern": pattern, "range": range}), start.parse().unwrap());
        read.unwrap().dates().take(5).map(|day| day.to_string()).collect()
    }

    fn endless(pattern: Value, start: &str) -> Vec<String> {
        dates(pattern, start, json!({"type": "noEnd"}))
    }

    #[test]
    fn each_pattern_gives_its_days() {
        let daily = json!({"type": "daily", "interval": 3});
        assert_eq!(endless(daily, "2027-02-27")[..3], ["2027-02-27", "2027-03-02", "2027-03-05"]);

        let weekly = json!({"type": "weekly", "interval": 2, "daysOfWeek": ["Monday", "sunday"],
            "firstDayOfWeek": "monday"});
        assert_eq!(
            endless(weekly.clone(), "2027-03-01")[..4],
            ["2027-03-01", "2027-03-07", "2027-03-15", "2027-03-21"]
        );
        let mut sundays_first = weekly;
        sundays_first["firstDayOfWeek"] = "sunday".into();
        assert_eq!(
            endless(sundays_first, "2027-03-01")[..4],
            ["2027-03-01", "2027-03-14", "2027-03-15", "2027-03-28"]
        );

        let last = json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31});
        assert_eq!(
            endless(last, "2027-01-31")[..4],
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
            "short months take their last day"
        );

        let fridays =
            json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"});
        assert_eq!(endless(fridays, "2027-03-26")[..3], ["2027-03-26", "2027-04-30", "2027-05-28"]);

        let working_day = json!({"type": "relativeMonthly", "interval": 1, "index": "first",
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"]});
        assert_eq!(endless(working_day, "2027-05-03")[..3], ["2027-05-03", "2027-06-01", "2027-07-01"]);

        let leap = json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 29, "month": 2});
        assert_eq!(endless(leap, "2028-02-29")[..3], ["2028-02-29", "2029-02-28", "2030-02-28"]);

        let mothers = json!({"type": "relativeYearly", "interval": 1, "index": "second", "month": 5,
            "daysOfWeek": ["sunday"]});
        assert_eq!(endless(mothers, "2027-05-09")[..3], ["2027-05-09", "2028-05-14", "2029-05-13"]);
    }

    #[test]
    fn ranges_bound() {
        let daily = || json!({"type": "daily", "interval": 1});
        let until = json!({"type": "endDate", "endDate": "2027-03-02"});
        assert_eq!(dates(daily(), "2027-03-01", until), ["2027-03-01", "2027-03-02"]);
        let numbered = json!({"type": "numbered", "numberOfOccurrences": 3});
        assert_eq!(dates(daily(), "2027-03-01", numbered).len(), 3);
    }

    #[test]
    fn what_is_no_recurrence_is_refused() {
        let start = "2027-03-01";
        let range = json!({"type": "noEnd", "startDate": start});
        let daily = json!({"type": "daily", "interval": 1});
        let refused = |pattern: Value, range: Value| {
            Recurrence::read(&json!({"pattern": pattern, "range": range}), start.parse().unwrap()).is_err()
        };
        assert!(!refused(daily.clone(), range.clone()));
        for pattern in [
            json!(null),
            json!({"interval": 1}),
            json!({"type": "hourly", "interval": 1}),
            json!({"type": "daily", "interval": 0}),
            json!({"type": "weekly", "interval": 1}),
            json!({"type": "weekly", "interval": 1, "daysOfWeek": ["someday"]}),
            json!({"type": "absoluteMonthly", "interval": 1}),
            json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 3, "month": 13}),
        ] {
            assert!(refused(pattern.clone(), range.clone()), "{pattern}");
        }
        for range in [
            json!(null),
            json!({"type": "noEnd"}),
            json!({"type": "noEnd", "startDate": "2027-03-02"}),
            json!({"type": "endDate", "startDate": start}),
            json!({"type": "endDate", "startDate": start, "endDate": "2027-02-01"}),
            json!({"type": "numbered", "startDate": start, "numberOfOccurrences": 0}),
            json!({"type": "noEnd", "startDate": start, "recurrenceTimeZone": "Nowhere"}),
        ] {
            assert!(refused(daily.clone(), range.clone()), "{range}");
        }
    }
}
