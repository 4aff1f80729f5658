//! One RRULE of RFC 5545: read, and expanded in wall time. Rules by the hour, minute and second, and the parts
//! that go with them, are not read: Google Calendar does not offer them.

use std::collections::VecDeque;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, Utc, Weekday};
use chrono_tz::Tz;

use super::times::localize;

/// No occurrence lies after this year. It also bounds rules that never hit, such as the 30th of February.
const LAST_YEAR: i32 = 2200;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Until {
    /// Inclusive, whatever the time of day.
    Day(NaiveDate),
    Wall(NaiveDateTime),
    Instant(DateTime<Utc>),
}

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    frequency: Frequency,
    interval: u32,
    count: Option<u32>,
    until: Option<Until>,
    /// Ordinal (0: every) and weekday.
    by_day: Vec<(i32, Weekday)>,
    by_month_day: Vec<i32>,
    by_month: Vec<u32>,
    by_year_day: Vec<i32>,
    by_week_number: Vec<i32>,
    by_position: Vec<i32>,
    week_start: Weekday,
}

impl Rule {
    /// Reads what follows `RRULE:`; `None` if it cannot be read.
    pub fn parse(text: &str) -> Option<Rule> {
        let mut rule = Rule {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_month: Vec::new(),
            by_year_day: Vec::new(),
            by_week_number: Vec::new(),
            by_position: Vec::new(),
            week_start: Weekday::Mon,
        };
        let mut frequency = None;
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" => {
                    frequency = Some(match value.to_ascii_uppercase().as_str() {
                        "DAILY" => Frequency::Daily,
                        "WEEKLY" => Frequency::Weekly,
                        "MONTHLY" => Frequency::Monthly,
                        "YEARLY" => Frequency::Yearly,
                        _ => return None,
                    });
                }
                "INTERVAL" => rule.interval = value.parse().ok().filter(|interval| *interval > 0)?,
                "COUNT" => rule.count = Some(value.parse().ok()?),
                "UNTIL" => rule.until = Some(until(value)?),
                "BYDAY" => rule.by_day = list(value, by_day)?,
                "BYMONTHDAY" => rule.by_month_day = list(value, |text| number(text, 31))?,
                "BYMONTH" => {
                    rule.by_month =
                        list(value, |text| text.parse().ok().filter(|month| (1..=12).contains(month)))?;
                }
                "BYYEARDAY" => rule.by_year_day = list(value, |text| number(text, 366))?,
                "BYWEEKNO" => rule.by_week_number = list(value, |text| number(text, 53))?,
                "BYSETPOS" => rule.by_position = list(value, |text| number(text, 366))?,
                "WKST" => rule.week_start = weekday(value)?,
                _ => return None,
            }
        }
        rule.frequency = frequency?;
        Some(rule)
    }

    /// The occurrences from `start`, in order. `tz` is needed to compare with an UNTIL that is an instant.
    pub fn occurrences(&self, start: NaiveDateTime, tz: Tz) -> Occurrences<'_> {
        Occurrences { rule: self, start, tz, period: 0, ready: VecDeque::new(), given: 0, over: false }
    }

    /// The days of the period that lies `period` intervals after the one of `start`; `None` after the last year.
    fn days(&self, start: NaiveDate, period: u32) -> Option<Vec<NaiveDate>> {
        let step = period.checked_mul(self.interval)?;
        let mut days = match self.frequency {
            Frequency::Daily => {
                let day = start.checked_add_days(Days::new(step.into()))?;
                if day.year() > LAST_YEAR {
                    return None;
                }
                vec![day]
            }
            Frequency::Weekly => {
                let first = start.week(self.week_start).checked_first_day()?;
                let first = first.checked_add_days(Days::new(u64::from(step) * 7))?;
                if first.year() > LAST_YEAR {
                    return None;
                }
                let wanted = |day: &NaiveDate| {
                    if self.by_day.is_empty() {
                        day.weekday() == start.weekday()
                    } else {
                        self.by_day.iter().any(|(_, weekday)| *weekday == day.weekday())
                    }
                };
                first.iter_days().take(7).filter(wanted).collect()
            }
            Frequency::Monthly => {
                let first = start.with_day(1)?.checked_add_months(Months::new(step))?;
                if first.year() > LAST_YEAR {
                    return None;
                }
                self.days_of_month(first, start)
            }
            Frequency::Yearly => {
                let year = start.year().checked_add(i32::try_from(step).ok()?)?;
                if year > LAST_YEAR {
                    return None;
                }
                self.days_of_year(year, start)
            }
        };
        if matches!(self.frequency, Frequency::Daily | Frequency::Weekly) {
            days.retain(|day| self.by_month_day.is_empty() || is_month_day(*day, &self.by_month_day));
        }
        if self.frequency == Frequency::Daily {
            days.retain(|day| {
                self.by_day.is_empty() || self.by_day.iter().any(|(_, weekday)| *weekday == day.weekday())
            });
        }
        days.retain(|day| self.by_month.is_empty() || self.by_month.contains(&day.month()));
        if self.frequency != Frequency::Yearly {
            days.retain(|day| self.by_year_day.is_empty() || is_year_day(*day, &self.by_year_day));
        }
        days.sort_unstable();
        days.dedup();
        if !self.by_position.is_empty() {
            let count = days.len() as i32;
            let mut picked: Vec<_> = self
                .by_position
                .iter()
                .filter_map(|position| {
                    let index = if *position > 0 { position - 1 } else { count + position };
                    usize::try_from(index).ok().and_then(|index| days.get(index).copied())
                })
                .collect();
            picked.sort_unstable();
            picked.dedup();
            days = picked;
        }
        Some(days)
    }

    fn days_of_month(&self, first: NaiveDate, start: NaiveDate) -> Vec<NaiveDate> {
        let month: Vec<_> = first.iter_days().take_while(|day| day.month() == first.month()).collect();
        if self.by_month_day.is_empty() && self.by_day.is_empty() {
            return first.with_day(start.day()).into_iter().collect();
        }
        let month = month
            .into_iter()
            .filter(|day| self.by_month_day.is_empty() || is_month_day(*day, &self.by_month_day));
        if self.by_day.is_empty() {
            return month.collect();
        }
        let last = last_of_month(first);
        month.filter(|day| self.is_nth(*day, first, last)).collect()
    }

    fn days_of_year(&self, year: i32, start: NaiveDate) -> Vec<NaiveDate> {
        let (Some(first), Some(last)) =
            (NaiveDate::from_ymd_opt(year, 1, 1), NaiveDate::from_ymd_opt(year, 12, 31))
        else {
            return Vec::new();
        };
        let all = || first.iter_days().take_while(|day| day.year() == year);
        if !self.by_year_day.is_empty() || !self.by_week_number.is_empty() {
            return all()
                .filter(|day| self.by_year_day.is_empty() || is_year_day(*day, &self.by_year_day))
                .filter(|day| self.by_week_number.is_empty() || self.is_week_number(*day))
                .filter(|day| self.by_month_day.is_empty() || is_month_day(*day, &self.by_month_day))
                .filter(|day| {
                    self.by_day.is_empty() || self.by_day.iter().any(|(_, weekday)| *weekday == day.weekday())
                })
                .collect();
        }
        if self.by_month.is_empty() && !self.by_day.is_empty() {
            return all()
                .filter(|day| self.by_month_day.is_empty() || is_month_day(*day, &self.by_month_day))
                .filter(|day| self.is_nth(*day, first, last))
                .collect();
        }
        let months: Vec<u32> = match (&self.by_month[..], &self.by_month_day[..]) {
            ([], []) => vec![start.month()],
            ([], _) => (1..=12).collect(),
            (months, _) => months.to_vec(),
        };
        months
            .into_iter()
            .filter_map(|month| NaiveDate::from_ymd_opt(year, month, 1))
            .flat_map(|first| self.days_of_month(first, start))
            .collect()
    }

    /// Whether BYDAY picks the day, ordinals counting within the span.
    fn is_nth(&self, day: NaiveDate, first: NaiveDate, last: NaiveDate) -> bool {
        self.by_day.iter().any(|(ordinal, weekday)| {
            if day.weekday() != *weekday {
                return false;
            }
            let from_start = (day - first).num_days() / 7 + 1;
            let from_end = -((last - day).num_days() / 7 + 1);
            *ordinal == 0 || i64::from(*ordinal) == from_start || i64::from(*ordinal) == from_end
        })
    }

    /// Whether the day lies in a week that BYWEEKNO names: week 1 is the first with at least four days in its
    /// year, and days at either end of the calendar year can belong to a week of its neighbour.
    fn is_week_number(&self, day: NaiveDate) -> bool {
        let week_one = |year: i32| {
            let fourth = NaiveDate::from_ymd_opt(year, 1, 4)?;
            fourth.week(self.week_start).checked_first_day()
        };
        let starts = [day.year() - 1, day.year(), day.year() + 1, day.year() + 2].map(week_one);
        for span in starts.windows(2) {
            let [Some(this), Some(next)] = span else { continue };
            if (*this..*next).contains(&day) {
                let weeks = (*next - *this).num_days() / 7;
                let number = (day - *this).num_days() / 7 + 1;
                return self.by_week_number.iter().any(|wanted| {
                    let wanted = i64::from(*wanted);
                    wanted == number || (wanted < 0 && weeks + 1 + wanted == number)
                });
            }
        }
        false
    }
}

pub(crate) struct Occurrences<'a> {
    rule: &'a Rule,
    start: NaiveDateTime,
    tz: Tz,
    period: u32,
    ready: VecDeque<NaiveDateTime>,
    given: u32,
    over: bool,
}

impl Iterator for Occurrences<'_> {
    type Item = NaiveDateTime;

    fn next(&mut self) -> Option<NaiveDateTime> {
        while self.ready.is_empty() && !self.over {
            let Some(days) = self.rule.days(self.start.date(), self.period) else {
                self.over = true;
                break;
            };
            self.period += 1;
            let times = days.into_iter().map(|day| day.and_time(self.start.time()));
            self.ready.extend(times.filter(|time| *time >= self.start));
        }
        let next = self.ready.pop_front().filter(|_| !self.over)?;
        let within = match self.rule.until {
            None => true,
            Some(Until::Day(day)) => next.date() <= day,
            Some(Until::Wall(wall)) => next <= wall,
            Some(Until::Instant(at)) => localize(next, self.tz) <= at,
        };
        if !within || self.rule.count.is_some_and(|count| self.given >= count) {
            self.over = true;
            return None;
        }
        self.given += 1;
        Some(next)
    }
}

fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(|item| read(item.trim())).collect()
}

/// From -most to most, without zero.
fn number(text: &str, most: i32) -> Option<i32> {
    text.parse().ok().filter(|number: &i32| *number != 0 && number.abs() <= most)
}

fn by_day(text: &str) -> Option<(i32, Weekday)> {
    let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
    let (ordinal, day) = text.split_at(at);
    let ordinal = if ordinal.is_empty() { 0 } else { number(ordinal, 53)? };
    Some((ordinal, weekday(day)?))
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_ascii_uppercase().as_str() {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

fn until(text: &str) -> Option<Until> {
    if let Some(utc) = text.strip_suffix('Z') {
        return compact(utc).map(|at| Until::Instant(at.and_utc()));
    }
    compact(text).map(Until::Wall).or_else(|| compact_day(text).map(Until::Day))
}

/// `20260131T180000`
pub(crate) fn compact(text: &str) -> Option<NaiveDateTime> {
    // chrono reads a longer year, too.
    (text.len() == 15).then(|| NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()).flatten()
}

/// `20260131`
pub(crate) fn compact_day(text: &str) -> Option<NaiveDate> {
    (text.len() == 8).then(|| NaiveDate::parse_from_str(text, "%Y%m%d").ok()).flatten()
}

fn is_month_day(day: NaiveDate, wanted: &[i32]) -> bool {
    let number = day.day() as i32;
    let from_end = number - last_of_month(day).day() as i32 - 1;
    wanted.contains(&number) || wanted.contains(&from_end)
}

fn is_year_day(day: NaiveDate, wanted: &[i32]) -> bool {
    let number = day.ordinal() as i32;
    let days = if day.leap_year() { 366 } else { 365 };
    wanted.contains(&number) || wanted.contains(&(number - days - 1))
}

fn last_of_month(day: NaiveDate) -> NaiveDate {
    (28..=31).rev().find_map(|number| day.with_day(number)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/rules.json` was made by python-dateutil 2.9.0: rules, and their first occurrences until 2060.
    #[test]
    fn rules_expand_as_dateutil_expands_them() {
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/rules.json")).unwrap();
        assert!(cases.len() > 400);
        for case in cases {
            let text = case["rule"].as_str().unwrap();
            let rule = Rule::parse(text).unwrap_or_else(|| panic!("{text}"));
            let start = compact(&format!("{}00", case["start"].as_str().unwrap())).unwrap();
            let wanted: Vec<_> =
                case["first"].as_array().unwrap().iter().map(|at| at.as_str().unwrap()).collect();
            let got: Vec<_> = rule
                .occurrences(start, chrono_tz::UTC)
                .take_while(|at| at.year() <= 2060)
                .take(12)
                .map(|at| at.format("%Y%m%dT%H%M").to_string())
                .collect();
            assert_eq!(got, wanted, "{text} from {start}");
        }
    }

    #[test]
    fn what_is_not_a_rule_is_not_read() {
        for text in [
            "",
            "FREQ",
            "FREQ=",
            "FREQ=SOMETIMES",
            "FREQ=HOURLY",
            "INTERVAL=2",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ=DAILY;BYDAY=XX",
            "FREQ=DAILY;BYDAY=é",
            "FREQ=DAILY;BYMONTH=13",
            "FREQ=DAILY;UNTIL=soon",
            "FREQ=DAILY;UNTIL=120261231",
            "FREQ=DAILY;BYHOUR=9",
            "FREQ=DAILY;X-SKIP=1",
        ] {
            assert!(Rule::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn until_is_an_instant_a_day_or_a_wall_time() {
        let start = compact("20260323T230000").unwrap();
        let count = |until: &str| {
            let rule = Rule::parse(&format!("FREQ=DAILY;UNTIL={until}")).unwrap();
            rule.occurrences(start, chrono_tz::Europe::Paris).count()
        };
        // 23:00 in Paris is 22:00 UTC in winter, 21:00 in summer, from the 29th.
        assert_eq!(count("20260328T220000Z"), 6);
        assert_eq!(count("20260328T215959Z"), 5);
        assert_eq!(count("20260329T210000Z"), 7);
        assert_eq!(count("20260328"), 6);
        assert_eq!(count("20260328T225959"), 5);
    }
}
