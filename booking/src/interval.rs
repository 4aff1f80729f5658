//! A stretch of time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// From `start` to `end` in UTC; `end` is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interval {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Interval {
    pub const fn new(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self { start, end }
    }

    /// Whether the two share more than an instant. An empty interval overlaps nothing.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start.max(other.start) < self.end.min(other.end)
    }

    /// An end at or before the start: takes no time.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}
