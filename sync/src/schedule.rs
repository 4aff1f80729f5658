//! When the next round is due, and how long to wait before a request is repeated.

use crate::round::Outcome;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::Interval;
use simone_booking::horizon::HORIZON_DAYS;
use std::time::Duration;

/// Every connection is synced at least this often.
pub const INTERVAL: TimeDelta = TimeDelta::minutes(5);

/// A failed round is repeated within this time, unless the platform names a later one.
pub const LONGEST_RETRY: TimeDelta = TimeDelta::minutes(15);

/// How long a lease lasts without being renewed.
pub const LEASE: TimeDelta = TimeDelta::seconds(90);

/// A lease is renewed before a call when less than this is left: longer than a call's timeout (25 s) and the longest
/// wait before the next one together.
pub const LEASE_RESERVE: TimeDelta = TimeDelta::seconds(60);

/// The list of calendars is read at least this often.
pub const CALENDARS_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// A cursor that brings nothing moves on this often: the platform gives a new one with each answer, and the old one
/// works as well for a while.
pub const CURSOR_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// What stands in for a rule that we cannot read is asked for again this often.
pub const STAND_INS_INTERVAL: TimeDelta = TimeDelta::hours(24);

/// A platform that cannot be reached for this long does not keep a disconnect waiting any more.
pub const DISCONNECT_PATIENCE: TimeDelta = TimeDelta::hours(24);

/// Access tokens are refreshed when they have less than this to live.
pub const REFRESH_BEFORE: TimeDelta = TimeDelta::minutes(5);

/// The longest wait between two requests of one round; a platform that asks for more ends it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(32);

/// What a bounded feed has to tell of: what has just been, since it is shown for a while, and two weeks beyond the
/// horizon, so that it may be opened anew a little late.
pub fn pull_window(now: DateTime<Utc>) -> Interval {
    let ahead = TimeDelta::days(i64::try_from(HORIZON_DAYS).unwrap_or(90) + 15);
    Interval::new(now - TimeDelta::days(3), now + ahead)
}

/// When the next round is due. `failures` counts this one, if it failed; `fraction`, in `[0, 1)`, spreads the
/// connections out.
pub fn next_round(
    now: DateTime<Utc>,
    outcome: Outcome,
    failures: i64,
    fraction: f64,
    not_before: Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    let wait = if outcome.is_failure() {
        let doublings = u32::try_from(failures.clamp(1, 10) - 1).unwrap_or(0);
        LONGEST_RETRY.min(TimeDelta::minutes(1) * 2_i32.pow(doublings))
    } else {
        // A margin for the round itself, so that two of them begin within the interval.
        INTERVAL - TimeDelta::seconds(15)
    };
    let spread = wait.num_milliseconds() as f64 * (0.75 + 0.25 * fraction);
    let next = now + TimeDelta::milliseconds(spread as i64);
    not_before.map_or(next, |not_before| next.max(not_before))
}

/// How long to wait before the `attempt`-th repetition (from 0): 2ⁿ seconds and up to one more, at most
/// [`LONGEST_WAIT`] (reference sheet, section 11).
pub fn backoff(attempt: u32, fraction: f64) -> Duration {
    let wait = Duration::from_secs(1 << attempt.min(6)) + Duration::from_millis((fraction * 1000.0) as u64);
    wait.min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-10T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_five_minutes_spread_out() {
        for fraction in [0.0, 0.5, 0.999] {
            let next = next_round(now(), Outcome::Ok, 0, fraction, None) - now();
            assert!(next <= INTERVAL - TimeDelta::seconds(15) && next >= TimeDelta::minutes(3), "{next}");
        }
    }

    #[test]
    fn a_failed_round_again_within_fifteen_minutes_unless_told_otherwise() {
        for failures in 1..200 {
            let next = next_round(now(), Outcome::Unavailable, failures, 0.999, None) - now();
            assert!(next <= LONGEST_RETRY, "{failures}: {next}");
        }
        let told = now() + TimeDelta::hours(3);
        assert_eq!(next_round(now(), Outcome::RateLimited, 1, 0.0, Some(told)), told);
    }

    #[test]
    fn waits_double_up_to_a_cap() {
        let seconds: Vec<u64> = (0..8).map(|attempt| backoff(attempt, 0.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert!(backoff(2, 0.999) < Duration::from_secs(5));
    }
}
