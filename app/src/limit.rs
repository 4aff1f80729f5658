//! How often somebody may ask: a budget that fills up evenly (the generic cell rate algorithm). What is kept of
//! somebody is one instant: when their budget is full again. Kept in this process alone.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Whoever has a full budget again is forgotten when there are as many as this.
const REMEMBERED: usize = 10_000;

/// Budgets of `burst` requests each, filled by one every `every`.
#[derive(Debug)]
pub struct Limiter<K> {
    every: TimeDelta,
    burst: i32,
    full_at: Mutex<HashMap<K, DateTime<Utc>>>,
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub limit: i32,
    pub remaining: u64,
    /// Seconds until it is full again.
    pub reset: u64,
}

/// The budget is used up; seconds until it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedUp {
    pub seconds: u64,
    pub budget: Budget,
}

impl<K: Eq + Hash> Limiter<K> {
    /// `per_minute` on average, `burst` at once; both at least 1.
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let every = TimeDelta::microseconds(60_000_000 / i64::from(per_minute.max(1)));
        Self {
            every: every.max(TimeDelta::microseconds(1)),
            burst: i32::try_from(burst.max(1)).unwrap_or(i32::MAX),
            full_at: Mutex::default(),
        }
    }

    /// Takes one from the budget of `key`.
    pub fn take(&self, key: K, now: DateTime<Utc>) -> Result<Budget, UsedUp> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= REMEMBERED {
            full_at.retain(|_, full_at| *full_at > now);
            if full_at.len() >= REMEMBERED {
                full_at.clear();
            }
        }
        let full_at = full_at.entry(key).or_insert(now);
        // A clock that was set back must not keep anybody waiting for longer than a whole budget.
        let next = (*full_at).clamp(now, now + self.every * self.burst) + self.every;
        self.check(next, now)?;
        *full_at = next;
        Ok(self.budget(next, now))
    }

    /// Whether the budget of `key` has one left; takes nothing.
    pub fn has_left(&self, key: &K, now: DateTime<Utc>) -> Result<(), UsedUp> {
        let full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied();
        self.check(
            full_at.map_or(now, |full_at| full_at.clamp(now, now + self.every * self.burst)) + self.every,
            now,
        )
    }

    /// `next`: when the budget would be full again had one been taken.
    fn check(&self, next: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), UsedUp> {
        let over = next - now - self.every * self.burst;
        if over <= TimeDelta::zero() {
            return Ok(());
        }
        let seconds = seconds(over).max(1);
        Err(UsedUp { seconds, budget: self.budget(next - self.every, now) })
    }

    fn budget(&self, full_at: DateTime<Utc>, now: DateTime<Utc>) -> Budget {
        let micros =
            |span: TimeDelta| span.num_microseconds().and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
        let used = micros(full_at - now).div_ceil(micros(self.every));
        Budget {
            limit: self.burst,
            remaining: u64::from(self.burst.unsigned_abs()).saturating_sub(used),
            reset: seconds(full_at - now),
        }
    }
}

/// Rounded up.
fn seconds(duration: TimeDelta) -> u64 {
    u64::try_from(duration.num_milliseconds()).unwrap_or(0).div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        "2026-01-13T17:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(milliseconds)
    }

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limiter = Limiter::new(60, 3);
        for left in [2, 1, 0] {
            assert_eq!(limiter.take("a", at(0)).unwrap().remaining, left);
        }
        let used_up = limiter.take("a", at(0)).unwrap_err();
        assert_eq!((used_up.seconds, used_up.budget.remaining, used_up.budget.reset), (1, 0, 3));
        assert!(limiter.take("a", at(999)).is_err());
        assert!(limiter.take("b", at(999)).is_ok(), "another's budget is its own");
        assert_eq!(limiter.take("a", at(1000)).unwrap().remaining, 0, "what was refused cost nothing");
        assert!(limiter.take("a", at(1001)).is_err());
        assert_eq!(
            limiter.take("a", at(60_000)).unwrap(),
            Budget { limit: 3, remaining: 2, reset: 1 },
            "it is full again, and no fuller"
        );
    }

    #[test]
    fn waiting_as_long_as_was_said_is_enough() {
        for per_minute in [1, 7, 60, 601, 90_000] {
            let limiter = Limiter::new(per_minute, 2);
            let mut now = at(0);
            for _ in 0..50 {
                if let Err(used_up) = limiter.take("a", now) {
                    assert_eq!(limiter.has_left(&"a", now), Err(used_up), "looking says what taking says");
                    now += TimeDelta::seconds(i64::try_from(used_up.seconds).unwrap());
                    assert_eq!(limiter.has_left(&"a", now), Ok(()));
                    assert!(limiter.take("a", now).is_ok(), "{per_minute} a minute");
                }
            }
        }
    }

    #[test]
    fn looking_takes_nothing_and_memory_is_bounded() {
        let limiter = Limiter::new(60, 1);
        assert!((0..10).all(|_| limiter.has_left(&0, at(0)).is_ok()));
        for key in 0..50_000 {
            limiter.take(key, at(0)).unwrap();
        }
        assert!(limiter.full_at.lock().unwrap().len() <= REMEMBERED);
    }
}
