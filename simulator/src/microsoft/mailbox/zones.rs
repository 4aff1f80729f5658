//! Names of time zones: those of Windows, which Outlook keeps, and those of IANA, which it understands (12).

use std::collections::BTreeSet;

use chrono_tz::{TZ_VARIANTS, Tz};
use windows_timezones::WindowsTimezone;

/// The zone of a name, whoever gave the name.
pub(crate) fn find(name: &str) -> Option<Tz> {
    let utc = ["utc", "tzone://microsoft/utc", "etc/utc"];
    if utc.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Some(Tz::UTC);
    }
    match name.parse::<WindowsTimezone>() {
        Ok(windows) => windows.tzdb_id().parse().ok(),
        Err(_) => TZ_VARIANTS.iter().find(|tz| tz.name().eq_ignore_ascii_case(name)).copied(),
    }
}

/// The name and the rules that Outlook keeps: Windows' own where there is one, so that Zurich becomes Berlin.
pub(crate) fn kept(name: &str) -> Option<(String, Tz)> {
    let tz = find(name)?;
    if tz == Tz::UTC {
        // Also for the names that mean the same: a client's own spelling is not kept.
        return Some(("UTC".to_owned(), Tz::UTC));
    }
    match windows(tz) {
        Some(windows) => Some((windows.name().to_owned(), windows.tzdb_id().parse().unwrap_or(tz))),
        None => Some((tz.name().to_owned(), tz)),
    }
}

fn windows(tz: Tz) -> Option<WindowsTimezone> {
    WindowsTimezone::try_from(tz).ok()
}

/// What `supportedTimeZones` lists: alias and name for people.
pub(crate) fn supported() -> Vec<(&'static str, &'static str)> {
    let names: BTreeSet<_> = TZ_VARIANTS
        .iter()
        .filter_map(|tz| windows(*tz))
        .map(|windows| (windows.name(), windows.description()))
        .collect();
    names.into_iter().collect()
}

/// The same by the names of IANA.
pub(crate) fn supported_iana() -> Vec<&'static str> {
    TZ_VARIANTS.iter().map(|tz| tz.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_windows_and_of_iana_mean_zones() {
        assert_eq!(find("Romance Standard Time"), Some(Tz::Europe__Paris));
        assert_eq!(find("Europe/Paris"), Some(Tz::Europe__Paris));
        assert_eq!(find("europe/paris"), Some(Tz::Europe__Paris));
        assert_eq!(find("utc"), Some(Tz::UTC));
        assert_eq!(find("tzone://Microsoft/Utc"), Some(Tz::UTC));
        assert_eq!(find("Middle-earth/Shire"), None);
    }

    #[test]
    fn what_is_kept_is_windows_name_where_there_is_one() {
        assert_eq!(kept("Europe/Paris"), Some(("Romance Standard Time".to_owned(), Tz::Europe__Paris)));
        assert_eq!(kept("Europe/Zurich"), Some(("W. Europe Standard Time".to_owned(), Tz::Europe__Berlin)));
        assert_eq!(kept("UTC"), Some(("UTC".to_owned(), Tz::UTC)));
    }

    #[test]
    fn the_list_of_zones_holds_the_usual_ones() {
        let list = supported();
        assert!(list.len() > 100, "{}", list.len());
        assert!(list.iter().any(|(name, _)| *name == "Pacific Standard Time"));
        assert!(supported_iana().contains(&"Europe/Paris"));
    }
}
