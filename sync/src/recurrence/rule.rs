//! Reading a recurrence rule (RFC 5545, 3.3.10).
//!
//! Not with the crate's own reader: it refuses `UNTIL` forms that calendars write, takes unknown parts for
//! absent, and cuts day names at bytes, which panics on some text.

use super::lines::Stamp;
use chrono::Weekday;
use rrule::{Frequency, NWeekday};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// More starts a day than this is no calendar entry that people keep. It also bounds what one period of a
/// rule can hold.
const MAX_STARTS_PER_DAY: usize = 48;

/// A rule that is within the standard's bounds.
#[derive(Clone, Debug)]
pub struct Rule {
    pub frequency: Frequency,
    /// Not 0.
    pub interval: u16,
    /// Not 0.
    pub count: Option<u32>,
    pub until: Option<Stamp>,
    pub week_start: Weekday,
    pub by_day: Vec<NWeekday>,
    pub by_month: Vec<u8>,
    pub by_month_day: Vec<i8>,
    pub by_year_day: Vec<i16>,
    pub by_week: Vec<i8>,
    pub by_hour: Vec<u8>,
    pub by_minute: Vec<u8>,
    pub by_second: Vec<u8>,
    pub by_position: Vec<i32>,
}

impl Rule {
    /// `timed`: whether the series has times of day.
    pub fn read(text: &str, timed: bool) -> Result<Self, &'static str> {
        let mut rule = Self {
            frequency: Frequency::Yearly,
            interval: 1,
            count: None,
            until: None,
            week_start: Weekday::Mon,
            by_day: Vec::new(),
            by_month: Vec::new(),
            by_month_day: Vec::new(),
            by_year_day: Vec::new(),
            by_week: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_second: Vec::new(),
            by_position: Vec::new(),
        };
        let mut seen: Vec<String> = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or("a part without a value")?;
            let key = key.trim().to_ascii_uppercase();
            rule.set(&key, value.trim())?;
            if seen.contains(&key) {
                return Err("a part is given twice");
            }
            seen.push(key);
        }
        if !seen.iter().any(|key| key == "FREQ") {
            return Err("no FREQ");
        }
        rule.check(timed)?;
        Ok(rule)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "FREQ" => self.frequency = frequency(value)?,
            "INTERVAL" => self.interval = number(value, 1..=u16::MAX)?,
            "COUNT" => self.count = Some(number(value, 1..=u32::MAX)?),
            "UNTIL" => self.until = Some(Stamp::read(value)?),
            "WKST" => self.week_start = weekday(value)?,
            "BYDAY" => {
                self.by_day = value.split(',').map(|text| day(text.trim())).collect::<Result<_, _>>()?;
                self.by_day.sort_unstable();
                self.by_day.dedup();
            }
            "BYMONTH" => self.by_month = numbers(value, 1..=12)?,
            "BYMONTHDAY" => self.by_month_day = signed(value, -31..=31)?,
            "BYYEARDAY" => self.by_year_day = signed(value, -366..=366)?,
            "BYWEEKNO" => self.by_week = signed(value, -53..=53)?,
            "BYHOUR" => self.by_hour = numbers(value, 0..=23)?,
            "BYMINUTE" => self.by_minute = numbers(value, 0..=59)?,
            "BYSECOND" => self.by_second = numbers(value, 0..=59)?,
            "BYSETPOS" => self.by_position = signed(value, -366..=366)?,
            _ => return Err("unknown part"),
        }
        Ok(())
    }

    /// Refuses combinations that the standard forbids, and those that the known programs read differently.
    fn check(&self, timed: bool) -> Result<(), &'static str> {
        let has_time = !(self.by_hour.is_empty() && self.by_minute.is_empty() && self.by_second.is_empty());
        if !timed && (has_time || self.frequency == Frequency::Hourly) {
            return Err("times of day in an all-day series");
        }
        let hours = if self.frequency == Frequency::Hourly { 24 } else { self.by_hour.len().max(1) };
        if hours * self.by_minute.len().max(1) * self.by_second.len().max(1) > MAX_STARTS_PER_DAY {
            return Err("too many times of day");
        }
        let ordinals = self.by_day.iter().filter(|day| matches!(day, NWeekday::Nth(..))).count();
        if ordinals > 0 {
            if !matches!(self.frequency, Frequency::Monthly | Frequency::Yearly) || !self.by_week.is_empty() {
                return Err("BYDAY with ordinals in a rule that has no place for them");
            }
            // RFC 5545 means either; the crate (and others) would ask for both at once.
            if ordinals < self.by_day.len() {
                return Err("BYDAY with and without ordinals");
            }
        }
        if !self.by_month_day.is_empty() && self.frequency == Frequency::Weekly {
            return Err("BYMONTHDAY in a weekly rule");
        }
        if !self.by_week.is_empty() && (self.frequency != Frequency::Yearly || self.by_day.is_empty()) {
            return Err("BYWEEKNO without YEARLY and BYDAY");
        }
        if !self.by_year_day.is_empty()
            && matches!(self.frequency, Frequency::Daily | Frequency::Weekly | Frequency::Monthly)
        {
            return Err("BYYEARDAY in a rule that has no place for it");
        }
        Ok(())
    }

    /// Whether the rule picks days by nothing but the parts that `BYDAY`, `BYMONTH` and `BYMONTHDAY` hold.
    pub fn picks_no_more_than_days(&self) -> bool {
        self.by_year_day.is_empty()
            && self.by_week.is_empty()
            && self.by_hour.is_empty()
            && self.by_minute.is_empty()
            && self.by_second.is_empty()
            && self.by_position.is_empty()
    }
}

fn frequency(text: &str) -> Result<Frequency, &'static str> {
    match text.to_ascii_uppercase().as_str() {
        "YEARLY" => Ok(Frequency::Yearly),
        "MONTHLY" => Ok(Frequency::Monthly),
        "WEEKLY" => Ok(Frequency::Weekly),
        "DAILY" => Ok(Frequency::Daily),
        "HOURLY" => Ok(Frequency::Hourly),
        "MINUTELY" | "SECONDLY" => Err("more often than hourly"),
        _ => Err("unknown FREQ"),
    }
}

fn weekday(text: &str) -> Result<Weekday, &'static str> {
    match text.to_ascii_uppercase().as_str() {
        "MO" => Ok(Weekday::Mon),
        "TU" => Ok(Weekday::Tue),
        "WE" => Ok(Weekday::Wed),
        "TH" => Ok(Weekday::Thu),
        "FR" => Ok(Weekday::Fri),
        "SA" => Ok(Weekday::Sat),
        "SU" => Ok(Weekday::Sun),
        _ => Err("unknown day of the week"),
    }
}

/// `TU`, `2TU`, `-1FR`.
fn day(text: &str) -> Result<NWeekday, &'static str> {
    let split = text.len().checked_sub(2).and_then(|at| text.split_at_checked(at));
    let (ordinal, name) = split.ok_or("unknown day of the week")?;
    let name = weekday(name)?;
    if ordinal.is_empty() {
        return Ok(NWeekday::Every(name));
    }
    match number(ordinal, -53..=53)? {
        0 => Err("a number out of range"),
        nth => Ok(NWeekday::Nth(nth, name)),
    }
}

fn number<T: FromStr + PartialOrd>(text: &str, range: RangeInclusive<T>) -> Result<T, &'static str> {
    text.parse().ok().filter(|value| range.contains(value)).ok_or("a number out of range")
}

/// A list without repetitions, in order.
fn numbers<T: FromStr + Ord>(text: &str, range: RangeInclusive<T>) -> Result<Vec<T>, &'static str> {
    let each = text.split(',').map(|text| {
        text.trim().parse().ok().filter(|value| range.contains(value)).ok_or("a number out of range")
    });
    let mut values: Vec<T> = each.collect::<Result<_, _>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// As [`numbers`], where 0 means nothing.
fn signed<T: FromStr + Ord + Default>(text: &str, range: RangeInclusive<T>) -> Result<Vec<T>, &'static str> {
    let values = numbers(text, range)?;
    if values.contains(&T::default()) { Err("a number out of range") } else { Ok(values) }
}
