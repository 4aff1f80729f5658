//! The simulator's own time: the machine's plus an offset, or frozen.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// Runs with the machine's clock, this far ahead of it.
    Running { ahead: TimeDelta },
    /// Stands still.
    Frozen { at: DateTime<Utc> },
}

impl Clock {
    pub fn new(now: Option<DateTime<Utc>>) -> Self {
        match now {
            Some(at) => Clock::Frozen { at },
            None => Clock::Running { ahead: TimeDelta::zero() },
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        match *self {
            Clock::Running { ahead } => {
                machine_now().checked_add_signed(ahead).unwrap_or(DateTime::<Utc>::MAX_UTC)
            }
            Clock::Frozen { at } => at,
        }
    }

    pub fn is_frozen(&self) -> bool {
        matches!(self, Clock::Frozen { .. })
    }

    /// Jumps; a running clock goes on running from there.
    pub fn set(&mut self, now: DateTime<Utc>) {
        match self {
            Clock::Running { ahead } => *ahead = now - machine_now(),
            Clock::Frozen { at } => *at = now,
        }
    }

    pub fn freeze(&mut self) {
        *self = Clock::Frozen { at: self.now() };
    }

    /// Runs on from where it stands.
    pub fn run(&mut self) {
        *self = Clock::Running { ahead: self.now() - machine_now() };
    }

    /// Follows the machine's clock again.
    pub fn follow(&mut self) {
        *self = Clock::Running { ahead: TimeDelta::zero() };
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where the simulator reads the machine's clock")]
fn machine_now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// A pause in real time, for faults that make an answer slow.
#[expect(
    clippy::disallowed_methods,
    reason = "a slow answer is slow in real time, whatever the simulator's clock"
)]
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
