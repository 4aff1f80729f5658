//! What a round leaves behind.

use super::stop::Stop;
use super::{Engine, Round};
use crate::ports::{StoreError, StoreResult};
use crate::round::{Outcome, RoundReport};
use crate::schedule;
use chrono::TimeDelta;

impl Engine {
    /// Records how the round ended; refused when it was overtaken.
    pub(super) async fn end(
        &self,
        round: Round<'_>,
        result: Result<(), Stop>,
    ) -> StoreResult<Option<Outcome>> {
        let now = self.clock.now();
        let outcome = match &result {
            Err(Stop::Overtaken) => return Err(StoreError::LeaseLost),
            Ok(()) if round.failed_calendars > 0 || round.exports.failed > 0 => Outcome::Partial,
            Ok(()) if round.disconnected => Outcome::Disconnected,
            Ok(()) => Outcome::Ok,
            Err(stop) => stop.outcome(),
        };
        let mut not_before = None;
        if let Err(stop) = &result {
            not_before = stop
                .retry_after()
                .and_then(|wait| TimeDelta::from_std(wait).ok())
                .map(|wait| now + wait.min(TimeDelta::days(1)));
            tracing::warn!(
                connection = %round.lease.connection,
                outcome = outcome.code(),
                error = stop as &dyn std::error::Error,
                "a round failed"
            );
        }
        let failures = round.failures + i64::from(outcome.is_failure());
        let report = RoundReport {
            started_at: round.started_at,
            ended_at: now,
            outcome,
            counts: round.counts,
            requests: round.requests,
            refreshes: round.refreshes,
            delays: round.delays,
            advances: round.advances,
            pulled_from: round.pulled_from,
            exports: round.exports,
            next_sync_at: schedule::next_round(now, outcome, failures, self.ids.fraction(), not_before),
            not_before,
            list_doubted: round.list_doubted,
        };
        self.store.end_round(&round.lease, &report).await?;
        Ok(Some(outcome))
    }
}
