//! Reading the lines of a series (RFC 5545, 3.1).

use super::rule::Rule;
use super::{Unreadable, YEARS, Zone, midnight};
use crate::zone;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A series has one rule, in rare cases two. Each costs a search.
const MAX_RULES: usize = 8;

/// What the lines of a series say together.
#[derive(Default)]
pub struct Lines {
    pub rules: Vec<Rule>,
    pub exclusion_rules: Vec<Rule>,
    /// Starts beside those of the rules.
    pub extra: Vec<DateTime<Utc>>,
    pub excluded: Vec<DateTime<Utc>>,
}

impl Lines {
    /// `series` is the zone of values that name none.
    pub fn read(texts: &[String], series: Zone) -> Result<Self, Unreadable> {
        let mut lines = Self::default();
        for (index, text) in texts.iter().enumerate() {
            lines.add(text.trim(), series).map_err(|why| Unreadable::Line { line: index + 1, why })?;
            if lines.rules.len() + lines.exclusion_rules.len() > MAX_RULES {
                return Err(Unreadable::TooMany);
            }
        }
        Ok(lines)
    }

    fn add(&mut self, text: &str, series: Zone) -> Result<(), &'static str> {
        if text.is_empty() {
            return Ok(());
        }
        let line = Line::split(text)?;
        let timed = matches!(series, Zone::Of(_));
        let is = |name| line.name.eq_ignore_ascii_case(name);
        if is("RRULE") {
            self.rules.push(Rule::read(line.value, timed)?);
        } else if is("EXRULE") {
            self.exclusion_rules.push(Rule::read(line.value, timed)?);
        } else if is("RDATE") {
            for at in line.stamps(series)? {
                self.extra.push(at.ok_or("a date and a time are mixed")?);
            }
        } else if is("EXDATE") {
            self.excluded.extend(line.stamps(series)?.into_iter().flatten());
        } else {
            return Err("unknown property");
        }
        Ok(())
    }
}

/// `NAME;PARAMETER=VALUE:VALUE`.
struct Line<'a> {
    name: &'a str,
    zone: Option<&'a str>,
    value: &'a str,
}

impl<'a> Line<'a> {
    fn split(text: &'a str) -> Result<Self, &'static str> {
        let (head, value) = split_unquoted(text, ':').ok_or("no value")?;
        let (name, mut parameters) = split_unquoted(head, ';').unwrap_or((head, ""));
        let mut zone = None;
        while !parameters.is_empty() {
            let (parameter, rest) = split_unquoted(parameters, ';').unwrap_or((parameters, ""));
            parameters = rest;
            let (key, given) = parameter.split_once('=').ok_or("malformed parameter")?;
            let given = given.trim_matches('"');
            if key.eq_ignore_ascii_case("TZID") {
                zone = Some(given);
            } else if key.eq_ignore_ascii_case("VALUE") && given.eq_ignore_ascii_case("PERIOD") {
                return Err("periods are not read");
            }
        }
        Ok(Self { name, zone, value })
    }

    /// The instants that the value lists. `None` for what cannot be the start of an occurrence: a date in a
    /// timed series, a time of day in an all-day one.
    fn stamps(&self, series: Zone) -> Result<Vec<Option<DateTime<Utc>>>, &'static str> {
        // A zone that we do not know is the series' own in practice: both come from one program.
        let zone = match (series, self.zone.and_then(zone::parse)) {
            (Zone::Of(_), Some(named)) => Zone::Of(named),
            _ => series,
        };
        self.value.split(',').map(|text| Stamp::read(text).map(|stamp| stamp.start(zone))).collect()
    }
}

/// Splits at the first `at` outside quotes.
fn split_unquoted(text: &str, at: char) -> Option<(&str, &str)> {
    let mut quoted = false;
    let index = text.find(|c| {
        quoted ^= c == '"';
        c == at && !quoted
    })?;
    Some((&text[..index], &text[index + at.len_utf8()..]))
}

/// A `DATE` or `DATE-TIME` value: `20260131`, `20260131T090000`, `20260131T080000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    date: NaiveDate,
    time: Option<NaiveTime>,
    utc: bool,
}

impl Stamp {
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let bad = "malformed date";
        let text = text.trim();
        // Digits only, so that no sign or space slips through the number parser, and every index is a
        // character's boundary.
        let digits = |text: &str, from: usize, to: usize| -> Result<u32, &'static str> {
            let part = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
            part.and_then(|part| part.parse().ok()).ok_or(bad)
        };
        let (date, time) = match text.split_once(['T', 't']) {
            None => (text, None),
            Some((date, time)) => (date, Some(time)),
        };
        if date.len() != 8 {
            return Err(bad);
        }
        let year = i32::try_from(digits(date, 0, 4)?).map_err(|_| bad)?;
        let date = NaiveDate::from_ymd_opt(year, digits(date, 4, 6)?, digits(date, 6, 8)?).ok_or(bad)?;
        if !YEARS.contains(&date.year()) {
            return Err(bad);
        }
        let Some(time) = time else { return Ok(Self { date, time: None, utc: false }) };
        let (time, utc) = match time.strip_suffix(['Z', 'z']) {
            Some(time) => (time, true),
            None => (time, false),
        };
        if time.len() != 6 {
            return Err(bad);
        }
        // Second 60 is a leap second, which our clocks do not have (RFC 5545, 3.3.12).
        let second = digits(time, 4, 6)?;
        let second = if second == 60 { 59 } else { second };
        let time = NaiveTime::from_hms_opt(digits(time, 0, 2)?, digits(time, 2, 4)?, second).ok_or(bad)?;
        Ok(Self { date, time: Some(time), utc })
    }

    /// The instant of an occurrence that starts here. All-day occurrences start at a date, which some
    /// programs write as a midnight.
    fn start(self, zone: Zone) -> Option<DateTime<Utc>> {
        match (zone, self.time) {
            (Zone::Floating, None | Some(NaiveTime::MIN)) => Some(midnight(self.date).and_utc()),
            (Zone::Floating, Some(_)) | (Zone::Of(_), None) => None,
            (Zone::Of(_), Some(time)) if self.utc => Some(self.date.and_time(time).and_utc()),
            (Zone::Of(_), Some(time)) => Some(zone.resolve(self.date.and_time(time))),
        }
    }

    /// The last instant that an `UNTIL` of this value includes. Of an all-day series it is the date as
    /// written, whatever time of day and zone a program has put to it.
    pub fn last_instant(self, zone: Zone) -> DateTime<Utc> {
        match (zone, self.time) {
            (Zone::Floating, _) => midnight(self.date).and_utc(),
            (Zone::Of(_), None) => {
                zone.resolve(midnight(self.date) + TimeDelta::days(1)) - TimeDelta::seconds(1)
            }
            (Zone::Of(_), Some(time)) if self.utc => self.date.and_time(time).and_utc(),
            (Zone::Of(_), Some(time)) => zone.resolve(self.date.and_time(time)),
        }
    }

    /// A date at or after the one that this value names in any zone: where a walk may end.
    pub fn latest_date(self) -> NaiveDate {
        self.date + TimeDelta::days(2)
    }
}
