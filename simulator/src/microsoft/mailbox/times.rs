//! Starts and ends as events carry them (5.2, 5.3).

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::zones;
use crate::google::times::localize;
use crate::microsoft::errors::{GraphError, GraphResult};

/// A wall time in a zone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Time {
    pub wall: NaiveDateTime,
    /// As `originalStartTimeZone` shows it.
    pub zone: String,
    /// What the name means; of one that means nothing (`tzone://Microsoft/Custom`), what stands behind it.
    pub tz: Tz,
}

impl Time {
    /// Reads a `dateTimeTimeZone`. What a client writes behind the seconds (`Z`, an offset) does not count: the
    /// zone wins, which is UTC when there is none (5.2).
    pub fn read(name: &str, value: &Value) -> GraphResult<Time> {
        let text = value["dateTime"].as_str().ok_or_else(|| {
            GraphError::new(400, "RequestBodyRead", format!("'{name}' needs a 'dateTime' that is a string."))
        })?;
        let wall = read_wall(text).ok_or_else(|| {
            GraphError::new(
                400,
                "ErrorPropertyValidationFailure",
                format!("'{text}' of '{name}' is no date and time."),
            )
        })?;
        let zone = match &value["timeZone"] {
            Value::Null => "UTC",
            Value::String(zone) => zone,
            _ => return Err(GraphError::new(400, "RequestBodyRead", "'timeZone' must be a string.")),
        };
        let (zone, tz) = zones::kept(zone).ok_or_else(|| unsupported(zone))?;
        Ok(Time { wall, zone, tz })
    }

    pub fn at(&self) -> DateTime<Utc> {
        localize(self.wall, self.tz)
    }

    /// At another wall time.
    pub fn with(&self, wall: NaiveDateTime) -> Time {
        Time { wall, ..self.clone() }
    }

    pub fn day(&self) -> NaiveDate {
        self.wall.date()
    }

    pub fn is_midnight(&self) -> bool {
        self.wall.time() == NaiveTime::MIN
    }

    pub fn shifted(&self, by: TimeDelta) -> Option<Time> {
        let wall = self.wall.checked_add_signed(by)?;
        (1..=9998).contains(&wall.year()).then(|| self.with(wall))
    }
}

pub(crate) fn unsupported(zone: &str) -> GraphError {
    GraphError::new(
        400,
        "TimeZoneNotSupportedException",
        format!(
            "A valid TimeZone value must be specified. The following TimeZone value is not supported: '{zone}'."
        ),
    )
}

/// The zone in which an answer shows times.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub name: String,
    pub tz: Tz,
}

impl Default for Shown {
    fn default() -> Self {
        Shown { name: "UTC".to_owned(), tz: Tz::UTC }
    }
}

impl Shown {
    pub fn read(name: &str) -> GraphResult<Shown> {
        let tz = zones::find(name).ok_or_else(|| unsupported(name))?;
        Ok(Shown { name: name.to_owned(), tz })
    }

    /// All-day events float: their midnights are shown whatever the zone (5.3).
    pub fn show(&self, time: &Time, all_day: bool) -> Value {
        let wall = if all_day { time.wall } else { time.at().with_timezone(&self.tz).naive_local() };
        json!({"dateTime": show_wall(wall), "timeZone": self.name})
    }
}

/// Seven fraction digits, no offset.
pub(crate) fn show_wall(wall: NaiveDateTime) -> String {
    format!("{}.{:07}", wall.format("%Y-%m-%dT%H:%M:%S"), wall.nanosecond() / 100 % 10_000_000)
}

/// An instant as `createdDateTime` and the like show it.
pub(crate) fn show_stamp(at: DateTime<Utc>) -> String {
    format!("{}Z", show_wall(at.naive_utc()))
}

/// An instant as identifiers and dates of answers show it, without a fraction.
pub(crate) fn show_slot(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A date and time, of which an offset at the end is not read.
pub(crate) fn read_wall(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    let text = match text.char_indices().skip(10).find(|(_, letter)| matches!(letter, 'Z' | 'z' | '+' | '-'))
    {
        Some((at, _)) => &text[..at],
        None => text,
    };
    let wall = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN)))?;
    (1..=9998).contains(&wall.year()).then_some(wall)
}

/// An instant of a query parameter: without an offset it means UTC, whatever `Prefer` says (6.1).
pub(crate) fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    // A `+` that was not escaped arrives as a space.
    let text = text.trim();
    let with_plus = match text.rsplit_once(' ') {
        Some((before, offset)) if before.contains('T') => format!("{before}+{offset}"),
        _ => text.to_owned(),
    };
    let at = match DateTime::parse_from_rfc3339(&with_plus) {
        Ok(at) => at.with_timezone(&Utc),
        Err(_) if text.get(10..).is_some_and(|time| time.contains(['+', '-'])) => {
            // Without seconds but with an offset.
            DateTime::parse_from_str(&with_plus, "%Y-%m-%dT%H:%M%:z").ok()?.with_timezone(&Utc)
        }
        Err(_) => read_wall(text)?.and_utc(),
    };
    (2..=9997).contains(&at.year()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: &str) -> String {
        let time = Time::read("start", &json!({"dateTime": text, "timeZone": zone})).unwrap();
        show_slot(time.at())
    }

    #[test]
    fn the_zone_wins_over_what_stands_behind_the_time() {
        assert_eq!(read("2027-03-23T18:00:00", "Europe/Paris"), "2027-03-23T17:00:00Z");
        assert_eq!(read("2027-03-23T18:00:00Z", "Europe/Paris"), "2027-03-23T17:00:00Z");
        assert_eq!(
            read("2027-03-23T18:00:00.0000000+05:00", "Romance Standard Time"),
            "2027-03-23T17:00:00Z"
        );
        assert_eq!(read("2027-03-23T18:00", "UTC"), "2027-03-23T18:00:00Z");
    }

    #[test]
    fn a_skipped_wall_time_lies_one_gap_later() {
        assert_eq!(read("2027-03-28T02:30:00", "Romance Standard Time"), "2027-03-28T01:30:00Z");
    }

    #[test]
    fn instants_of_queries_mean_utc_without_an_offset() {
        let read = |text| read_instant(text).map(show_slot);
        assert_eq!(read("2027-03-23T18:00:00"), Some("2027-03-23T18:00:00Z".to_owned()));
        assert_eq!(read("2027-03-23T18:00:00.0000000Z"), Some("2027-03-23T18:00:00Z".to_owned()));
        assert_eq!(read("2027-03-23T18:00:00 02:00"), Some("2027-03-23T16:00:00Z".to_owned()));
        assert_eq!(read("2027-03-23"), Some("2027-03-23T00:00:00Z".to_owned()));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn times_have_seven_fraction_digits() {
        let wall = read_wall("2027-03-23T18:00:00.1234567").unwrap();
        assert_eq!(show_wall(wall), "2027-03-23T18:00:00.1234567");
    }
}
