//! The end of a round: what it leaves in the log, and when the next one is due.

use crate::Database;
use crate::database::{for_update, write, write_one};
use crate::notices::settle_notices;
use crate::rounds::check_lease;
use chrono::NaiveDate;
use simone_booking::id::SyncLogId;
use simone_sync::ports::{Lease, StoreError, StoreResult};
use simone_sync::round::{Outcome, RoundReport};

impl Database {
    /// Ends the round: its row of the log, the schedule, the account's wait; gives the lease back.
    pub(crate) async fn write_end(&self, lease: &Lease, report: &RoundReport) -> StoreResult<()> {
        let ok = !report.outcome.is_failure();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let idle = report.outcome == Outcome::Ok && report.counts.is_zero() && report.exports.done == 0;
        let duration = (report.ended_at - report.started_at).num_milliseconds().max(0);
        let today: NaiveDate = report.ended_at.date_naive();
        let idle_log: SyncLogId = self.ids.id();
        // Consecutive rounds in which nothing happened are counted here, and share a row of the log later.
        macro_rules! end {
            ($executor:expr) => {
                sqlx::query(
                    "UPDATE calendar_connections SET leased_until = NULL, covered = $3, next_sync_at = $4,
                        failures = CASE WHEN $5 THEN 0 ELSE failures + 1 END,
                        last_error = CASE WHEN $5 THEN NULL WHEN last_error = $18 THEN last_error ELSE $6 END,
                        last_synced_at = CASE WHEN $5 THEN $7 ELSE last_synced_at END,
                        calendars_listed_at = CASE WHEN $8 THEN NULL ELSE calendars_listed_at END,
                        requests = CASE WHEN requests_day = $9 THEN requests + $10 ELSE $10 END,
                        requests_day = $9,
                        idle_log_id = CASE WHEN $11 THEN COALESCE(idle_log_id, $15) END,
                        idle_since = CASE WHEN $11 THEN COALESCE(idle_since, $12) END,
                        idle_rounds = CASE WHEN $11 THEN idle_rounds + 1 ELSE 0 END,
                        idle_requests = CASE WHEN $11 THEN idle_requests + $10 ELSE 0 END,
                        idle_refreshes = CASE WHEN $11 THEN idle_refreshes + $13 ELSE 0 END,
                        idle_duration_ms = CASE WHEN $11 THEN idle_duration_ms + $14 ELSE 0 END,
                        pulled_at = COALESCE($16, pulled_at), exports_done = COALESCE($17, exports_done)
                     WHERE id = $1 AND epoch = $2",
                )
                .bind(lease.connection.0)
                .bind(lease.epoch)
                .bind(lease.wanted)
                .bind(report.next_sync_at)
                .bind(ok)
                .bind(report.outcome.code())
                .bind(report.ended_at)
                .bind(report.list_doubted)
                .bind(today)
                .bind(report.requests)
                .bind(idle)
                .bind(report.started_at)
                .bind(report.refreshes)
                .bind(duration)
                .bind(idle_log.0)
                .bind(report.pulled_from)
                .bind(report.exports.covered)
                // That an account has no calendars holds until it is read: what fails later says nothing of that.
                .bind(Outcome::NoCalendars.code())
                .execute($executor)
            };
        }
        if idle
            && report.advances.is_empty()
            && report.not_before.is_none()
            && report.exports.covered.is_none()
        {
            // What most rounds end with: one statement.
            let ended = write_one!(self, |executor| end!(executor).await.map(|done| done.rows_affected()))?;
            return if ended == 0 { Err(StoreError::LeaseLost) } else { Ok(()) };
        }
        write!(self, |conn| {
            check_lease!(self, conn, lease);
            for advance in &report.advances {
                sqlx::query(
                    "UPDATE calendars SET cursor = $3, synced_at = $4, covered_until = $6
                     WHERE id = $1 AND connection_id = $5 AND cursor = $2 AND (selected OR receives)",
                )
                .bind(advance.calendar.0)
                .bind(&advance.from)
                .bind(&advance.to)
                .bind(report.ended_at)
                .bind(lease.connection.0)
                .bind(advance.covers)
                .execute(&mut *conn)
                .await?;
            }
            if !idle {
                sqlx::query(
                    "INSERT INTO calendar_sync_logs (id, connection_id, provider_id, started_at, ended_at, rounds, outcome,
                            added, changed, removed, held, requests, refreshes, duration_ms, delays, delay_ms)
                     SELECT idle_log_id, id, provider_id, idle_since, last_synced_at, idle_rounds, 'ok', 0, 0, 0, 0,
                            idle_requests, idle_refreshes, idle_duration_ms, 0, 0
                     FROM calendar_connections WHERE id = $1 AND idle_rounds > 0",
                )
                .bind(lease.connection.0)
                .execute(&mut *conn)
                .await?;
                let log: SyncLogId = self.ids.id();
                // What its pulls changed stands there already, counted.
                sqlx::query(
                    "INSERT INTO calendar_sync_logs (id, connection_id, provider_id, started_at, ended_at, rounds, outcome,
                            added, changed, removed, held, requests, refreshes, duration_ms, delays, delay_ms, epoch,
                            export_failures)
                     VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
                     ON CONFLICT (connection_id, epoch) DO UPDATE SET started_at = excluded.started_at,
                            ended_at = excluded.ended_at, outcome = excluded.outcome, requests = excluded.requests,
                            refreshes = excluded.refreshes, duration_ms = excluded.duration_ms,
                            delays = excluded.delays, delay_ms = excluded.delay_ms,
                            export_failures = excluded.export_failures",
                )
                .bind(log.0)
                .bind(lease.connection.0)
                .bind(lease.provider.0)
                .bind(report.started_at)
                .bind(report.ended_at)
                .bind(report.outcome.code())
                .bind(count(report.counts.added))
                .bind(count(report.counts.changed))
                .bind(count(report.counts.removed))
                .bind(count(report.counts.held))
                .bind(report.requests)
                .bind(report.refreshes)
                .bind(duration)
                .bind(count(report.delays.0))
                .bind(report.delays.1)
                .bind(lease.epoch)
                .bind(count(report.exports.failed))
                .execute(&mut *conn)
                .await?;
            }
            if report.exports.covered.is_some() {
                // While the calendar that receives bookings is gone, they rest, and do not get there.
                let gone: bool = sqlx::query_scalar(
                    "SELECT EXISTS (SELECT 1 FROM calendars
                                    WHERE connection_id = $1 AND receives AND gone_at IS NOT NULL)",
                )
                .bind(lease.connection.0)
                .fetch_one(&mut *conn)
                .await?;
                if !gone {
                    // What failed and needs no doing any more has not been touched by a success.
                    sqlx::query(
                        "UPDATE calendar_exported_bookings SET error = NULL, failing_since = NULL
                         WHERE connection_id = $1 AND error IS NOT NULL",
                    )
                    .bind(lease.connection.0)
                    .execute(&mut *conn)
                    .await?;
                    let about = format!("exports_failing:{}:", lease.connection);
                    settle_notices!(conn, lease.provider, &about, report.ended_at);
                }
            }
            end!(&mut *conn).await?;
            if let Some(not_before) = report.not_before {
                sqlx::query(
                    "INSERT INTO calendar_accounts (platform, account_id, not_before)
                     SELECT platform, account_id, $2 FROM calendar_connections WHERE id = $1
                     ON CONFLICT (platform, account_id) DO UPDATE SET not_before =
                        CASE WHEN calendar_accounts.not_before > excluded.not_before
                             THEN calendar_accounts.not_before ELSE excluded.not_before END",
                )
                .bind(lease.connection.0)
                .bind(not_before)
                .execute(&mut *conn)
                .await?;
            }
            Ok(())
        })
    }
}
