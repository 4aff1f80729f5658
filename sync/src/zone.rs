//! Names of time zones.

use chrono::{DurationRound, Offset, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use simone_booking::Interval;
use windows_timezones::WindowsTimezone;

/// The zone of a name as calendars write it: IANA names and their old aliases in any case, `Z`, and the
/// names of Windows. `None` for a name that stands for nothing known, such as Outlook's `Customized Time
/// Zone` and `tzone://Microsoft/Custom`.
pub fn parse(name: &str) -> Option<Tz> {
    let name = name.trim();
    if let Ok(zone) = name.parse() {
        return Some(zone);
    }
    if name.eq_ignore_ascii_case("z") {
        return Some(Tz::UTC);
    }
    if let Ok(windows) = name.parse::<WindowsTimezone>() {
        return windows.tzdb_id().parse().ok();
    }
    TZ_VARIANTS.into_iter().find(|zone| zone.name().eq_ignore_ascii_case(name))
}

/// The zone that a series is expanded in: its own if known, else its calendar's, else the provider's.
pub fn resolve(series_zone: Option<&str>, calendar_zone: Option<&str>, provider: Tz) -> Tz {
    series_zone.and_then(parse).or_else(|| calendar_zone.and_then(parse)).unwrap_or(provider)
}

/// Whether the clocks of two zones agree at every instant of `within`, so that one name for the other is no
/// change: `Europe/Zurich` and `Europe/Berlin`. An empty interval holds no instant to differ at.
pub fn equivalent(a: Tz, b: Tz, within: Interval) -> bool {
    if a == b {
        return true;
    }
    let offset = |zone: Tz, at: chrono::DateTime<chrono::Utc>| {
        zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
    };
    let (day, minute) = (TimeDelta::days(1), TimeDelta::minutes(1));
    let mut at = within.start;
    while at < within.end {
        let next = (at + day).min(within.end);
        if offset(a, at) != offset(b, at) {
            return false;
        }
        // Clocks change on whole minutes, and never twice in one day.
        if offset(a, at) != offset(a, next) || offset(b, at) != offset(b, next) {
            let mut change = at.duration_trunc(minute).unwrap_or(at) + minute;
            while change < next {
                if offset(a, change) != offset(b, change) {
                    return false;
                }
                change += minute;
            }
        }
        at = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America, Asia, Atlantic, Australia, Etc, Europe};

    fn interval(start: &str, end: &str) -> Interval {
        Interval::new(start.parse().unwrap(), end.parse().unwrap())
    }

    #[test]
    fn reads_the_names_that_calendars_write() {
        for (name, zone) in [
            ("Europe/Paris", Europe::Paris),
            ("europe/paris", Europe::Paris),
            ("AMERICA/NEW_YORK", America::New_York),
            (" Europe/Paris ", Europe::Paris),
            ("Asia/Calcutta", Asia::Calcutta),
            ("US/Eastern", chrono_tz::US::Eastern),
            ("Etc/GMT+5", Etc::GMTPlus5),
            ("UTC", Tz::UTC),
            ("utc", Tz::UTC),
            ("Z", Tz::UTC),
            ("z", Tz::UTC),
            ("Romance Standard Time", Europe::Paris),
            ("W. Europe Standard Time", Europe::Berlin),
            ("Lord Howe Standard Time", Australia::Lord_Howe),
            ("Greenwich Standard Time", Atlantic::Reykjavik),
        ] {
            assert_eq!(parse(name), Some(zone), "{name}");
        }
        for name in
            ["", " ", "Customized Time Zone", "tzone://Microsoft/Custom", "Europe/Atlantis", "é", "+01:00"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn every_zone_is_found_by_its_name() {
        for zone in TZ_VARIANTS {
            assert_eq!(parse(zone.name()), Some(zone));
            assert!(parse(&zone.name().to_ascii_uppercase()).is_some(), "{zone}");
        }
    }

    #[test]
    fn a_series_falls_back_to_its_calendar_and_then_to_the_provider() {
        let provider = Europe::London;
        assert_eq!(resolve(Some("Europe/Paris"), Some("Asia/Tokyo"), provider), Europe::Paris);
        assert_eq!(resolve(Some("Customized Time Zone"), Some("Asia/Tokyo"), provider), Asia::Tokyo);
        assert_eq!(resolve(None, Some("Asia/Tokyo"), provider), Asia::Tokyo);
        assert_eq!(resolve(Some("nowhere"), Some("neither"), provider), provider);
        assert_eq!(resolve(None, None, provider), provider);
    }

    #[test]
    fn zones_whose_clocks_agree_are_no_change() {
        let year = interval("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        assert!(equivalent(Europe::Zurich, Europe::Berlin, year));
        assert!(equivalent(Europe::Paris, Europe::Paris, year));
        assert!(!equivalent(Europe::Paris, Europe::London, year));
        assert!(!equivalent(Europe::Paris, chrono_tz::Africa::Lagos, year), "equal in winter only");
        let winter = interval("2026-01-01T00:00:00Z", "2026-03-29T01:00:00Z");
        assert!(equivalent(Europe::Paris, chrono_tz::Africa::Lagos, winter), "up to the change");
        let one_minute_more = interval("2026-01-01T00:00:00Z", "2026-03-29T01:01:00Z");
        assert!(!equivalent(Europe::Paris, chrono_tz::Africa::Lagos, one_minute_more));
    }

    #[test]
    fn a_few_hours_between_two_changes_are_seen() {
        // Lebanon's clocks go forward at 22:00 UTC, Cyprus' three hours later; else they agree.
        let around = interval("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z");
        assert!(!equivalent(Asia::Beirut, Asia::Nicosia, around));
        let before = interval("2026-01-01T12:00:00Z", "2026-03-28T22:00:00Z");
        assert!(equivalent(Asia::Beirut, Asia::Nicosia, before));
        let after = interval("2026-03-29T01:00:00Z", "2026-10-24T12:00:00Z");
        assert!(equivalent(Asia::Beirut, Asia::Nicosia, after));
    }
}
