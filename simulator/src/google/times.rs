//! Days and instants, as events carry them.

use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta,
    TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A start or an end (5.2, 5.3).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum When {
    /// A floating date.
    Day(NaiveDate),
    Time {
        at: DateTime<Utc>,
        /// The zone as the client named it, which need not be one that we know.
        zone: Option<String>,
    },
}

impl When {
    /// The instant; a day begins at midnight in the zone given.
    pub fn instant(&self, tz: Tz) -> DateTime<Utc> {
        match self {
            When::Day(day) => localize(day.and_time(NaiveTime::MIN), tz),
            When::Time { at, .. } => *at,
        }
    }

    pub fn zone(&self) -> Option<&str> {
        match self {
            When::Day(_) => None,
            When::Time { zone, .. } => zone.as_deref(),
        }
    }

    pub fn is_day(&self) -> bool {
        matches!(self, When::Day(_))
    }

    /// Days move by whole days.
    pub fn plus(&self, by: TimeDelta) -> Self {
        match self {
            When::Day(day) => {
                When::Day(day.checked_add_signed(TimeDelta::days(by.num_days())).unwrap_or(NaiveDate::MAX))
            }
            When::Time { at, zone } => When::Time {
                at: at.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC),
                zone: zone.clone(),
            },
        }
    }

    /// The wall time in a zone; a day's midnight.
    pub fn wall(&self, tz: Tz) -> NaiveDateTime {
        match self {
            When::Day(day) => day.and_time(NaiveTime::MIN),
            When::Time { at, .. } => at.with_timezone(&tz).naive_local(),
        }
    }

    fn wall_utc(&self) -> NaiveDateTime {
        match self {
            When::Day(day) => day.and_time(NaiveTime::MIN),
            When::Time { at, .. } => at.naive_utc(),
        }
    }

    /// As the API shows it: converted to the zone of the answer, with its own zone's name (5.2).
    pub fn show(&self, shown_in: Tz, default_zone: &str) -> Value {
        match self {
            When::Day(day) => json!({ "date": day.to_string() }),
            When::Time { at, zone } => json!({
                "dateTime": show_instant(*at, shown_in),
                "timeZone": zone.as_deref().unwrap_or(default_zone),
            }),
        }
    }

    /// As a client would have sent it.
    pub fn as_sent(&self) -> Map<String, Value> {
        let mut sent = Map::new();
        match self {
            When::Day(day) => {
                sent.insert("date".to_owned(), day.to_string().into());
            }
            When::Time { at, zone } => {
                sent.insert("dateTime".to_owned(), at.to_rfc3339_opts(SecondsFormat::Secs, true).into());
                if let Some(zone) = zone {
                    sent.insert("timeZone".to_owned(), zone.clone().into());
                }
            }
        }
        sent
    }

    /// What follows the master's id in an instance's id (5.5).
    pub fn suffix(&self) -> String {
        match self {
            When::Day(day) => day.format("%Y%m%d").to_string(),
            When::Time { at, .. } => at.format("%Y%m%dT%H%M%SZ").to_string(),
        }
    }
}

/// RFC 3339 to the second, with the zone's offset; `Z` for UTC.
pub(crate) fn show_instant(at: DateTime<Utc>, tz: Tz) -> String {
    at.with_timezone(&tz).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A wall time's instant. One that a spring-forward gap skips lies one gap later; of two, the first (5.5).
pub(crate) fn localize(wall: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    match tz.from_local_datetime(&wall) {
        MappedLocalTime::Single(at) => at.with_timezone(&Utc),
        MappedLocalTime::Ambiguous(first, _) => first.with_timezone(&Utc),
        MappedLocalTime::None => {
            // No gap is longer than a day: the offset of the day before is the one before the gap.
            let before = wall.checked_sub_signed(TimeDelta::days(1)).unwrap_or(wall);
            let offset = match tz.from_local_datetime(&before) {
                MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => at.naive_utc() - before,
                MappedLocalTime::None => TimeDelta::zero(),
            };
            wall.checked_add_signed(offset).unwrap_or(wall).and_utc()
        }
    }
}

/// Whether a time lies in the years 1 to 9998: arithmetic on it stays within what can be represented.
pub(crate) fn is_sane(when: &When) -> bool {
    (1..=9998).contains(&when.wall_utc().year())
}

/// An instant of a query parameter: RFC 3339 with an offset.
pub(crate) fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    // A `+` that was not escaped arrives as a space.
    DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok().map(|at| at.with_timezone(&Utc))
}

/// A wall time without an offset, with or without seconds and their fraction.
pub(crate) fn parse_wall(text: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> NaiveDateTime {
        parse_wall(text).unwrap()
    }

    #[test]
    fn a_skipped_wall_time_lies_one_gap_later() {
        let paris = localize(wall("2027-03-28T02:30"), chrono_tz::Europe::Paris);
        assert_eq!(show_instant(paris, chrono_tz::Europe::Paris), "2027-03-28T03:30:00+02:00");
        let lord_howe = localize(wall("2026-10-04T02:15"), chrono_tz::Australia::Lord_Howe);
        assert_eq!(show_instant(lord_howe, chrono_tz::Australia::Lord_Howe), "2026-10-04T02:45:00+11:00");
        // Samoa had no 30 December 2011 at all.
        let apia = localize(wall("2011-12-30T10:00"), chrono_tz::Pacific::Apia);
        assert_eq!(show_instant(apia, chrono_tz::Pacific::Apia), "2011-12-31T10:00:00+14:00");
    }

    #[test]
    fn of_two_instants_the_first_is_taken() {
        let paris = localize(wall("2026-10-25T02:30"), chrono_tz::Europe::Paris);
        assert_eq!(show_instant(paris, chrono_tz::Europe::Paris), "2026-10-25T02:30:00+02:00");
    }
}
