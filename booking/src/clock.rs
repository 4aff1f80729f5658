//! Time as an argument.

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use std::time::Duration;

/// Where a function that needs the time gets it, so that a test owns it.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The present instant in UTC, to the microsecond (what both databases keep).
    fn now(&self) -> DateTime<Utc>;

    /// Returns once `duration` has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// The machine's clock: the one place where ambient time comes in.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes time")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
