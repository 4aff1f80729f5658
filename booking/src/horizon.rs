//! How far ahead Simone looks.

use crate::Interval;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// How many days ahead of today events block bookings.
pub const HORIZON_DAYS: u64 = 90;

/// From now to 90 days ahead, in whole days of the provider's time zone: from the start of today to the
/// end of the 90th day after it. The stretch of today that is already over is part of it, so that an event
/// in progress has its block and the agenda shows the whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    pub zone: Tz,
    /// Today, in `zone`.
    pub first: NaiveDate,
    /// The first day that is beyond the horizon.
    pub end: NaiveDate,
}

impl Horizon {
    pub fn at(now: DateTime<Utc>, zone: Tz) -> Self {
        let first = now.with_timezone(&zone).date_naive();
        Self { zone, first, end: first + Days::new(HORIZON_DAYS + 1) }
    }

    /// The horizon as instants.
    pub fn interval(&self) -> Interval {
        Interval::new(start_of_day(self.first, self.zone), start_of_day(self.end, self.zone))
    }

    /// The instant at which today ends and the horizon moves on by a day.
    pub fn next_midnight(&self) -> DateTime<Utc> {
        start_of_day(self.first + Days::new(1), self.zone)
    }
}

/// The instant at which `date` begins in `zone`: 00:00, or the first instant after it where the clocks
/// skip midnight; the earlier one where midnight happens twice.
pub fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    resolve_wall_time(date.and_time(NaiveTime::MIN), zone)
}

/// The instant of a wall time in a zone. A time that the clocks skip is read as one gap later (what Google
/// shows: reference sheet 5.5); of a time that happens twice, the first is meant (RFC 5545, 3.3.5).
pub fn resolve_wall_time(wall: chrono::NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    use chrono::offset::LocalResult;
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => {
            // The offset in force before the gap, applied to a time inside it, lands one gap later.
            // A zone's gap is at most a day (Samoa skipped one), so a day before is before it.
            let before = zone.offset_from_utc_datetime(&(wall - chrono::TimeDelta::hours(36)));
            (wall - chrono::Offset::fix(&before)).and_utc()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn spans_whole_days_of_the_zone() {
        let horizon = Horizon::at(at("2026-01-10T23:30:00Z"), chrono_tz::Europe::Paris);
        assert_eq!(horizon.first, date("2026-01-11"), "it is already tomorrow in Paris");
        assert_eq!(horizon.end, date("2026-04-12"));
        assert_eq!(
            horizon.interval(),
            Interval::new(at("2026-01-10T23:00:00Z"), at("2026-04-11T22:00:00Z")),
            "the clocks change in between"
        );
        assert_eq!(horizon.next_midnight(), at("2026-01-11T23:00:00Z"));
    }

    #[test]
    fn a_day_may_not_begin_at_midnight() {
        assert_eq!(
            start_of_day(date("2018-11-04"), chrono_tz::America::Sao_Paulo),
            at("2018-11-04T03:00:00Z")
        );
        assert_eq!(start_of_day(date("2026-03-29"), chrono_tz::Europe::Paris), at("2026-03-28T23:00:00Z"));
        assert_eq!(start_of_day(date("2011-12-30"), chrono_tz::Pacific::Apia), at("2011-12-30T10:00:00Z"));
    }

    #[test]
    fn a_skipped_time_is_read_one_gap_later_and_a_repeated_one_as_the_first() {
        let wall = |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap();
        let paris = chrono_tz::Europe::Paris;
        assert_eq!(resolve_wall_time(wall("2026-03-29T02:30:00"), paris), at("2026-03-29T01:30:00Z"));
        assert_eq!(resolve_wall_time(wall("2026-10-25T02:30:00"), paris), at("2026-10-25T00:30:00Z"));
        let lord_howe = chrono_tz::Australia::Lord_Howe;
        assert_eq!(resolve_wall_time(wall("2026-10-04T02:15:00"), lord_howe), at("2026-10-03T15:45:00Z"));
    }
}
