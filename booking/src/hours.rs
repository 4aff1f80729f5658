//! When a provider works.

use crate::Interval;
use crate::horizon::{resolve_wall_time, start_of_day};
use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minutes of a day, midnight to midnight.
pub const DAY_MINUTES: u16 = 24 * 60;

/// A stretch of a day, in minutes of its wall time; `end` is exclusive and at most [`DAY_MINUTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    pub start: u16,
    pub end: u16,
}

/// What is wrong with some windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWindows {
    #[error("a window ends before it begins, or after midnight")]
    Order,
    #[error("two windows overlap")]
    Overlap,
    #[error("at most six windows a day")]
    TooMany,
}

/// The windows in order, if they can stand together on one day.
pub fn checked(mut windows: Vec<Window>) -> Result<Vec<Window>, BadWindows> {
    windows.sort_unstable();
    if windows.len() > 6 {
        return Err(BadWindows::TooMany);
    }
    if windows.iter().any(|window| window.start >= window.end || window.end > DAY_MINUTES) {
        return Err(BadWindows::Order);
    }
    if windows.windows(2).any(|pair| pair[0].end > pair[1].start) {
        return Err(BadWindows::Overlap);
    }
    Ok(windows)
}

/// Monday to Sunday.
pub type WeeklyHours = [Vec<Window>; 7];

/// When a provider's calendars cannot be asked in time at a booking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StalePolicy {
    /// Accept with the last known state.
    #[default]
    Accept,
    /// Hold for the provider's confirmation.
    Hold,
}

impl StalePolicy {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Hold => "hold",
        }
    }

    /// The reverse of [`StalePolicy::code`]; what is not known accepts.
    pub fn from_code(code: &str) -> Self {
        if code == "hold" { Self::Hold } else { Self::Accept }
    }
}

/// When a provider can be booked, in wall time of their zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    pub weekly: WeeklyHours,
    /// Instead of the weekday's; an empty list: closed.
    pub exceptions: BTreeMap<NaiveDate, Vec<Window>>,
    /// How long before its start a slot can still be booked.
    pub notice_minutes: i64,
    pub stale_policy: StalePolicy,
}

impl Hours {
    /// The windows of a date.
    pub fn on(&self, date: NaiveDate) -> &[Window] {
        match self.exceptions.get(&date) {
            Some(windows) => windows,
            None => &self.weekly[date.weekday().num_days_from_monday() as usize],
        }
    }

    /// The same as instants. A bound that the clocks skip is read one gap later, of one that happens twice the first is
    /// meant; so a window across a change is shorter or longer than its wall time says. A day that a zone skips as a
    /// whole has none.
    pub fn open(&self, date: NaiveDate, zone: Tz) -> Vec<Interval> {
        if start_of_day(date, zone) >= start_of_day(date + Days::new(1), zone) {
            return Vec::new();
        }
        let at = |minutes: u16| {
            let midnight = date.and_time(NaiveTime::MIN);
            let wall = match minutes {
                DAY_MINUTES => midnight.checked_add_days(Days::new(1)).unwrap_or(midnight),
                minutes => midnight + TimeDelta::minutes(i64::from(minutes)),
            };
            resolve_wall_time(wall, zone)
        };
        self.on(date)
            .iter()
            .map(|window| Interval::new(at(window.start), at(window.end)))
            .filter(|interval| !interval.is_empty())
            .collect()
    }
}
