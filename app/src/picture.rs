//! A small picture of two stretches of time, one above the other. Decoration: what it shows is told beside it.

use crate::format;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use leptos::prelude::*;
use simone_booking::Interval;

/// What lies further apart is not drawn: on a day's width nothing could be read.
const WIDEST: TimeDelta = TimeDelta::hours(16);

/// So much is shown around what would be too long to be drawn in full.
const AROUND: TimeDelta = TimeDelta::hours(2);

/// Marks of hours under it, at most.
const MOST_MARKS: i64 = 5;

/// The hours that are shown: whole ones in `zone`, with some room. `None`: nothing can be seen of both at once.
fn frame(booking: Interval, other: Interval, zone: Tz) -> Option<Interval> {
    if booking.is_empty() || other.is_empty() || booking.end - booking.start > WIDEST {
        return None;
    }
    let mut shown = Interval::new(booking.start.min(other.start), booking.end.max(other.end));
    if shown.end - shown.start > WIDEST {
        if !booking.overlaps(&other) {
            return None;
        }
        shown = Interval::new(shown.start.max(booking.start - AROUND), shown.end.min(booking.end + AROUND));
    }
    let start = hour(shown.start - TimeDelta::minutes(30), zone);
    let mut end = hour(shown.end + TimeDelta::minutes(30), zone);
    if end < shown.end + TimeDelta::minutes(30) {
        end += TimeDelta::hours(1);
    }
    Some(Interval::new(start, end))
}

/// The whole hour on the wall of `zone` that is not after `at`.
fn hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let wall = at.with_timezone(&zone);
    at - TimeDelta::seconds(i64::from(wall.minute() * 60 + wall.second()))
        - TimeDelta::nanoseconds(i64::from(wall.nanosecond()))
}

/// Where `at` stands in `shown`, in tenths of a percent.
fn share(at: DateTime<Utc>, shown: Interval) -> i64 {
    let whole = (shown.end - shown.start).num_seconds().max(1);
    ((at - shown.start).num_seconds() * 1000 / whole).clamp(0, 1000)
}

fn percent(tenths: i64) -> String {
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// The picture; nothing where it could not show both.
pub fn side_by_side(
    booking: (Interval, String),
    other: (Interval, String),
    other_color: &'static str,
    zone: Tz,
) -> AnyView {
    let Some(shown) = frame(booking.0, other.0, zone) else { return ().into_any() };
    let bar = move |of: Interval, words: String, class: String, y: &'static str| {
        let (from, until) = (share(of.start, shown), share(of.end, shown));
        view! {
            <svg class=class x=percent(from) y=y width=percent((until - from).max(10)) height="28">
                <rect width="100%" height="28" rx="7"/>
                <text x="9" y="19">{words}</text>
            </svg>
        }
    };
    let hours = (shown.end - shown.start).num_hours().max(1);
    let step = (hours + MOST_MARKS) / (MOST_MARKS + 1);
    let marks: Vec<_> = (1..hours)
        .filter(|hour| hour % step.max(1) == 0)
        .map(|hour| {
            let at = shown.start + TimeDelta::hours(hour);
            let x = percent(share(at, shown));
            view! {
                <line x1=x.clone() x2=x.clone() y1="0" y2="76"/>
                <text class="hour" x=x y="92">{format::time(at, zone)}</text>
            }
        })
        .collect();
    view! {
        <svg class="clock" width="100%" height="100" aria-hidden="true">
            {marks}
            {bar(other.0, other.1, format!("theirs {other_color}"), "8")}
            {bar(booking.0, booking.1, "ours".to_owned(), "42")}
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Asia::Kolkata;
    use chrono_tz::Europe::Paris;

    fn between(start: &str, end: &str) -> Interval {
        Interval::new(start.parse().unwrap(), end.parse().unwrap())
    }

    #[test]
    fn it_begins_and_ends_at_whole_hours_of_the_wall() {
        let booking = between("2026-01-15T12:00:00Z", "2026-01-15T13:00:00Z");
        let lunch = between("2026-01-15T11:00:00Z", "2026-01-15T13:00:00Z");
        assert_eq!(
            frame(booking, lunch, Paris),
            Some(between("2026-01-15T10:00:00Z", "2026-01-15T14:00:00Z"))
        );
        // Half an hour off.
        assert_eq!(
            frame(booking, lunch, Kolkata),
            Some(between("2026-01-15T10:30:00Z", "2026-01-15T13:30:00Z"))
        );
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_far_is_not_drawn() {
        let booking = between("2026-01-15T12:00:00Z", "2026-01-15T13:00:00Z");
        let week = between("2026-01-12T00:00:00Z", "2026-01-19T00:00:00Z");
        assert_eq!(
            frame(booking, week, Paris),
            Some(between("2026-01-15T09:00:00Z", "2026-01-15T16:00:00Z"))
        );
        let far = between("2026-01-20T12:00:00Z", "2026-01-20T13:00:00Z");
        assert_eq!(frame(booking, far, Paris), None);
        assert_eq!(frame(booking, between("2026-01-15T12:00:00Z", "2026-01-15T12:00:00Z"), Paris), None);
    }

    #[test]
    fn shares_stay_inside() {
        let shown = between("2026-01-15T10:00:00Z", "2026-01-15T14:00:00Z");
        assert_eq!(percent(share(shown.start - TimeDelta::days(1), shown)), "0.0%");
        assert_eq!(percent(share("2026-01-15T12:30:00Z".parse().unwrap(), shown)), "62.5%");
        assert_eq!(percent(share(shown.end + TimeDelta::days(1), shown)), "100.0%");
    }
}
