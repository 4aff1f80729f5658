//! What is too old to be kept.

use crate::Database;
use crate::database::write;
use chrono::{DateTime, TimeDelta, Utc};
use simone_sync::ports::StoreResult;

const LOGS: TimeDelta = TimeDelta::days(90);
const NOTICES: TimeDelta = TimeDelta::days(180);
const DELIVERIES: TimeDelta = TimeDelta::days(30);
/// What was said goodbye to is to be forgotten, address and all, soon after the e-mail has left.
const FAREWELLS: TimeDelta = TimeDelta::hours(1);
const OWN_BLOCKS: TimeDelta = TimeDelta::days(30);
/// How long after an appointment it is known who came, and what was written of them into calendars.
const CLIENTS: TimeDelta = TimeDelta::days(365);
/// Closed ones.
const CONFLICTS: TimeDelta = TimeDelta::days(365);
/// Within which the repetition of a request is known as one.
const REQUESTS: TimeDelta = TimeDelta::hours(48);
const DISCONNECTED: TimeDelta = TimeDelta::days(90);

impl Database {
    /// Removes what is too old: expired sessions and links, old log rows, notices, deliveries and past
    /// blocks, and who the clients of appointments long past were.
    pub async fn prune(&self, now: DateTime<Utc>) -> StoreResult<()> {
        // One by one: a booking need not wait for all of it.
        for (sql, before) in [
            (
                "DELETE FROM calendar_exported_bookings WHERE booking_id IN
                    (SELECT id FROM bookings WHERE client IS NOT NULL AND ends_at <= $1)",
                now - CLIENTS,
            ),
            ("UPDATE bookings SET client = NULL WHERE client IS NOT NULL AND ends_at <= $1", now - CLIENTS),
            ("DELETE FROM calendar_conflicts WHERE closed_at <= $1", now - CONFLICTS),
            ("DELETE FROM booking_requests WHERE created_at <= $1", now - REQUESTS),
            (
                "DELETE FROM deliveries WHERE next_at IS NULL AND created_at <= $1 AND provider_id IS NULL
                     AND channel = 'email' AND SUBSTR(cause, 1, 8) = 'booking:'",
                now - FAREWELLS,
            ),
            ("DELETE FROM sessions WHERE expires_at <= $1", now),
            ("DELETE FROM login_tokens WHERE expires_at <= $1", now),
            ("DELETE FROM oauth_attempts WHERE expires_at <= $1", now),
            ("DELETE FROM calendar_sync_logs WHERE ended_at <= $1", now - LOGS),
            ("DELETE FROM notices WHERE created_at <= $1", now - NOTICES),
            ("DELETE FROM deliveries WHERE delivered_at <= $1", now - DELIVERIES),
            ("DELETE FROM deliveries WHERE next_at IS NULL AND created_at <= $1", now - DELIVERIES),
            (
                "DELETE FROM deliveries WHERE next_at IS NULL AND created_at <= $1
                     AND SUBSTR(cause, 1, 7) = 'erased:'",
                now - FAREWELLS,
            ),
            (
                "DELETE FROM unavailabilities WHERE calendar_id IS NULL AND entered_id IS NULL AND ends_at <= $1",
                now - OWN_BLOCKS,
            ),
            // What blocks of it was derived away when it was over.
            ("DELETE FROM entered_unavailabilities WHERE over_at <= $1", now - OWN_BLOCKS),
            (
                "DELETE FROM calendar_connections WHERE status = 'disconnected' AND disconnected_at <= $1",
                now - DISCONNECTED,
            ),
        ] {
            write!(self, |conn| {
                sqlx::query(sql).bind(before).execute(&mut *conn).await?;
                Ok(())
            })?;
        }
        Ok(())
    }
}
