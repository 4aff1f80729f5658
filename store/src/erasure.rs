//! Erasing a provider: the wish is a fact that is stored, and all else follows from it, however often the process stops.
//!
//! With the wish goes what blocks, what was read and every way in, and what was booked is cancelled; the connections are ended as by a disconnect, by
//! rounds of their own. The row, and what still hangs on it, goes once no connection is left to be ended.

use crate::Database;
use crate::audit::audit_by;
use crate::booking_changes::note_change;
use crate::booking_news::tell_of_booking;
use crate::booking_rows::{BookingRow, booking_columns};
use crate::database::{for_update, read, write};
use crate::deliveries::{Email, EmailKind, enqueue_to};
use chrono::{DateTime, Utc};
use simone_booking::ProviderId;
use simone_booking::booking::{Actor, ChangeKind, Status};
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// Everything of a provider that is not needed to end their connections, in an order that no reference stands against.
const OF_THE_PROVIDER: [&str; 15] = [
    "DELETE FROM sessions WHERE provider_id = $1",
    "DELETE FROM login_tokens WHERE provider_id = $1",
    "DELETE FROM oauth_attempts WHERE provider_id = $1",
    "DELETE FROM touched_events WHERE provider_id = $1",
    "DELETE FROM calendar_conflicts WHERE provider_id = $1",
    "DELETE FROM entered_unavailabilities WHERE provider_id = $1",
    "DELETE FROM hours_exceptions WHERE provider_id = $1",
    "DELETE FROM unavailabilities WHERE provider_id = $1",
    "DELETE FROM calendar_sync_events WHERE calendar_id IN (SELECT id FROM calendars WHERE provider_id = $1)",
    "DELETE FROM calendars WHERE provider_id = $1",
    "DELETE FROM calendar_sync_logs WHERE provider_id = $1",
    "DELETE FROM notices WHERE provider_id = $1",
    // What clients are still to be told outlives the provider.
    "UPDATE deliveries SET provider_id = NULL WHERE provider_id = $1 AND delivered_at IS NULL
     AND SUBSTR(cause, 1, 8) = 'booking:' AND cause LIKE '%:client'",
    "DELETE FROM deliveries WHERE provider_id = $1",
    "DELETE FROM api_tokens WHERE provider_id = $1",
];

/// Erased in one go; a provider is little then.
const AT_ONCE: i64 = 50;

impl Database {
    /// Records the wish that a provider, and everything of theirs, be erased. At once they are logged out everywhere, no
    /// link lets them in, nothing is blocked, what was read of their calendars is gone, and appointments to come are cancelled
    /// and their clients told; the connections are ended by rounds, and [`Database::finish_erasures`] does the rest. `by` as in the audit log. `false`: there is no such
    /// provider, or the wish was recorded before.
    pub async fn request_erasure(
        &self,
        provider: ProviderId,
        by: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            let wished = sqlx::query(
                "UPDATE providers SET erasure_requested_at = $2, derive_done = derive_wanted
                 WHERE id = $1 AND erasure_requested_at IS NULL",
            )
            .bind(provider.0)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            if wished.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(
                "UPDATE calendar_connections SET status = 'disconnecting', disconnect_requested_at = $2,
                        epoch = epoch + 1, wanted = wanted + 1, next_sync_at = $2, failures = 0,
                        exports_wanted = exports_wanted + 1
                 WHERE provider_id = $1 AND status IN ('connected', 'needs_reconnect')",
            )
            .bind(provider.0)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            for sql in OF_THE_PROVIDER {
                sqlx::query(sql).bind(provider.0).execute(&mut *conn).await?;
            }
            // What is to come cannot take place; whoever was to come is told. What they wrote stays no longer than that.
            let rows: Vec<BookingRow> = sqlx::query_as(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b WHERE b.provider_id = $1 AND b.starts_at > $2 AND b.status <> 'cancelled'
                  ORDER BY b.starts_at, b.id"
            ))
            .bind(provider.0)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
            for row in rows {
                let (mut booking, link) = self.open_booking(row)?;
                booking.status = Status::Cancelled;
                booking.revision += 1;
                booking.changed_at = now;
                sqlx::query(
                    "UPDATE bookings SET status = 'cancelled', revision = $2, changed_at = $3 WHERE id = $1",
                )
                .bind(booking.id.0)
                .bind(booking.revision)
                .bind(now)
                .execute(&mut *conn)
                .await?;
                note_change!(self, conn, booking, ChangeKind::Cancelled, Actor::System, None, now);
                // Nobody's: it is to outlive the provider.
                tell_of_booking!(
                    self,
                    conn,
                    None,
                    &booking,
                    &link,
                    ChangeKind::Cancelled,
                    Actor::System,
                    None,
                    now
                );
            }
            // One of which an event is still to be removed goes with the provider.
            sqlx::query(
                "DELETE FROM bookings WHERE provider_id = $1 AND starts_at <= $2 AND NOT EXISTS (
                    SELECT 1 FROM calendar_exported_bookings x WHERE x.booking_id = bookings.id AND x.gone_at IS NULL)",
            )
                .bind(provider.0)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            sqlx::query("UPDATE bookings SET client = NULL WHERE provider_id = $1")
                .bind(provider.0)
                .execute(&mut *conn)
                .await?;
            audit_by!(self, conn, by, provider.0, "request_erasure", provider, now);
            Ok(true)
        })
    }

    /// Removes those who wished to be erased and have no connection left to be ended, and writes to each that it is done.
    /// The providers that are gone now.
    pub async fn finish_erasures(&self, now: DateTime<Utc>) -> StoreResult<Vec<ProviderId>> {
        let ready: Vec<Uuid> = read!(self, |conn| {
            Ok(sqlx::query_scalar(
                "SELECT p.id FROM providers p WHERE p.erasure_requested_at IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM calendar_connections c WHERE c.provider_id = p.id AND c.status <> 'disconnected')
                 ORDER BY p.erasure_requested_at LIMIT $1",
            )
            .bind(AT_ONCE)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let mut erased = Vec::with_capacity(ready.len());
        for provider in ready.into_iter().map(ProviderId) {
            if self.erase(provider, now).await? {
                erased.push(provider);
            }
        }
        Ok(erased)
    }

    async fn erase(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool> {
        write!(self, |conn| {
            let sql = for_update!(
                self,
                "SELECT email, name, locale FROM providers WHERE id = $1 AND erasure_requested_at IS NOT NULL"
            );
            let person: Option<(String, String, String)> =
                sqlx::query_as(sql).bind(provider.0).fetch_optional(&mut *conn).await?;
            // Another process was faster.
            let Some((to, name, locale)) = person else { return Ok(false) };
            // Of those that they disconnected before, the pages have told; what another provider lives on is not to be
            // withdrawn.
            let accounts: Vec<(String, String, bool)> = sqlx::query_as(
                "SELECT platform, account_email, abandoned FROM (
                    SELECT c.platform, c.account_email, c.created_at, c.id,
                           c.disconnect_requested_at >= p.erasure_requested_at AND NOT EXISTS (
                        SELECT 1 FROM calendar_connections o WHERE o.platform = c.platform
                        AND o.account_id = c.account_id AND o.id <> c.id AND o.status <> 'disconnected'
                           ) AS with_it, EXISTS (
                        SELECT 1 FROM notices n WHERE n.connection_id = c.id AND n.kind = 'disconnect_abandoned'
                           ) AS abandoned
                    FROM calendar_connections c JOIN providers p ON p.id = c.provider_id WHERE p.id = $1) AS x
                 WHERE abandoned OR with_it ORDER BY created_at, id",
            )
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?;
            let (mut abandoned, mut disconnected) = (Vec::new(), Vec::new());
            for (platform, account, is_abandoned) in accounts {
                let Ok(platform) = platform.parse() else { continue };
                let told = if is_abandoned { &mut abandoned } else { &mut disconnected };
                told.push((platform, account));
            }
            let kind = EmailKind::Erased { abandoned, disconnected };
            let email = Email { to, name, locale: locale.parse().unwrap_or_default(), kind };
            let cause = format!("erased:{provider}");
            // Nobody's: it is to outlive the provider whom it is for.
            enqueue_to!(self, conn, None, &cause, email, now);
            sqlx::query(
                "DELETE FROM calendar_accounts WHERE EXISTS (
                    SELECT 1 FROM calendar_connections c WHERE c.provider_id = $1
                    AND c.platform = calendar_accounts.platform AND c.account_id = calendar_accounts.account_id)
                 AND NOT EXISTS (
                    SELECT 1 FROM calendar_connections c WHERE c.provider_id <> $1
                    AND c.platform = calendar_accounts.platform AND c.account_id = calendar_accounts.account_id)",
            )
            .bind(provider.0)
            .execute(&mut *conn)
            .await?;
            audit_by!(self, conn, "worker", provider.0, "erased", provider, now);
            sqlx::query("DELETE FROM providers WHERE id = $1").bind(provider.0).execute(&mut *conn).await?;
            Ok(true)
        })
    }
}
