//! What a provider chooses. Each choice is scoped to its owner, and wakes what has to follow.

use crate::Database;
use crate::crypto::Place;
use crate::database::{read, write};
use crate::exports::exports_change;
use crate::notices::settle_notices;
use crate::rounds::facts_change;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use simone_booking::{CalendarId, ConnectionId, Locale, ProviderId, id::UnavailabilityId};
use simone_sync::event::Details;
use simone_sync::ports::{Choices, StoreResult};
use uuid::Uuid;

/// The list of calendars is read again on opening the settings when it is older than this.
const CALENDARS_FRESH: TimeDelta = TimeDelta::minutes(1);

/// What the provider did, and when.
macro_rules! audit {
    ($db:expr, $conn:ident, $provider:expr, $action:expr, $subject:expr, $now:expr) => {
        $crate::audit::audit_by!($db, $conn, "provider", $provider.0, $action, $subject, $now)
    };
}
pub(crate) use audit;

/// What of a calendar follows from its events goes, and what is stored of them with it.
macro_rules! forget_events {
    ($conn:ident, $calendars:literal, $id:expr) => {{
        sqlx::query(concat!("DELETE FROM unavailabilities WHERE calendar_id IN (", $calendars, ")"))
            .bind($id)
            .execute(&mut *$conn)
            .await?;
        sqlx::query(concat!("DELETE FROM calendar_sync_events WHERE calendar_id IN (", $calendars, ")"))
            .bind($id)
            .execute(&mut *$conn)
            .await?;
    }};
}

/// Where the title of an unavailability of its own is sealed.
pub(crate) fn own_place<'a>(row: &'a [&'a [u8]]) -> Place<'a> {
    Place { table: "unavailabilities", column: "details", row }
}

impl Database {
    /// The title of an unavailability of its own; empty when the key that sealed it is lost.
    pub fn open_own_details(&self, unavailability: UnavailabilityId, sealed: &[u8]) -> Details {
        let opened = self.keys.open(own_place(&[unavailability.0.as_bytes()]), sealed);
        opened.ok().and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }
}

#[derive(sqlx::FromRow)]
struct HeldBlock {
    detail_id: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    details: Option<Vec<u8>>,
}

#[async_trait]
impl Choices for Database {
    async fn wake(&self, provider: ProviderId, connection: ConnectionId) -> StoreResult<bool> {
        write!(self, |conn| Ok(sqlx::query(
            "UPDATE calendar_connections SET wanted = wanted + 1
             WHERE id = $1 AND provider_id = $2 AND status = 'connected'"
        )
        .bind(connection.0)
        .bind(provider.0)
        .execute(&mut *conn)
        .await?
        .rows_affected()
            > 0))
    }

    async fn refresh_calendars(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool> {
        let stale: bool = read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM calendar_connections
             WHERE provider_id = $1 AND status = 'connected' AND failures = 0 AND calendars_listed_at <= $2)"
        )
        .bind(provider.0)
        .bind(now - CALENDARS_FRESH)
        .fetch_one(&mut *conn)
        .await?))?;
        if !stale {
            return Ok(false);
        }
        write!(self, |conn| Ok(sqlx::query(
            "UPDATE calendar_connections SET calendars_listed_at = NULL, wanted = wanted + 1
             WHERE provider_id = $1 AND status = 'connected' AND failures = 0 AND calendars_listed_at <= $2"
        )
        .bind(provider.0)
        .bind(now - CALENDARS_FRESH)
        .execute(&mut *conn)
        .await?
        .rows_affected()
            > 0))
    }

    async fn select_calendar(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        selected: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let connection: Option<Uuid> = sqlx::query_scalar(
                "UPDATE calendar_connections SET wanted = wanted + 1
                 WHERE provider_id = $2 AND status IN ('connected', 'needs_reconnect')
                   AND id = (SELECT connection_id FROM calendars WHERE id = $1 AND provider_id = $2)
                 RETURNING id",
            )
            .bind(calendar.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            if connection.is_none() {
                return Ok(false);
            }
            let changed = sqlx::query(
                "UPDATE calendars SET selected = $2, cursor = NULL, synced_at = NULL, last_error = NULL
                 WHERE id = $1 AND selected <> $2",
            )
            .bind(calendar.0)
            .bind(selected)
            .execute(&mut *conn)
            .await?
            .rows_affected()
                > 0;
            if !changed {
                return Ok(true);
            }
            // A round that has read what is forgotten here, or only what is ours in it, must not write on.
            sqlx::query(
                "UPDATE calendar_connections SET epoch = epoch + 1
                 WHERE id = (SELECT connection_id FROM calendars WHERE id = $1)",
            )
            .bind(calendar.0)
            .execute(&mut *conn)
            .await?;
            if !selected {
                forget_events!(conn, "$1", calendar.0);
                // If it receives bookings, what was known of the events there is forgotten, too.
                exports_change!(conn, provider);
                sqlx::query("DELETE FROM calendars WHERE id = $1 AND gone_at IS NOT NULL AND NOT receives")
                    .bind(calendar.0)
                    .execute(&mut *conn)
                    .await?;
                let about = format!("removals_held:{calendar}:");
                settle_notices!(conn, provider, &about, now);
            }
            audit!(self, conn, provider, if selected { "select" } else { "unselect" }, calendar, now);
            Ok(true)
        })
    }

    async fn block_free(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        block_free: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let changed =
                sqlx::query("UPDATE calendars SET block_free = $3 WHERE id = $1 AND provider_id = $2")
                    .bind(calendar.0)
                    .bind(provider.0)
                    .bind(block_free)
                    .execute(&mut *conn)
                    .await?;
            if changed.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(
                self,
                conn,
                provider,
                if block_free { "block_free" } else { "ignore_free" },
                calendar,
                now
            );
            Ok(true)
        })
    }

    async fn disconnect(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
        keep_events: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let wished = sqlx::query(
                "UPDATE calendar_connections SET status = 'disconnecting', disconnect_requested_at = $3, keep_events = $4,
                        epoch = epoch + 1, wanted = wanted + 1, next_sync_at = $3, failures = 0
                 WHERE id = $1 AND provider_id = $2 AND status IN ('connected', 'needs_reconnect')",
            )
            .bind(connection.0)
            .bind(provider.0)
            .bind(now)
            .bind(keep_events)
            .execute(&mut *conn)
            .await?;
            if wished.rows_affected() == 0 {
                return Ok(false);
            }
            forget_events!(conn, "SELECT id FROM calendars WHERE connection_id = $1", connection.0);
            sqlx::query(
                "DELETE FROM calendar_sync_changes
                 WHERE log_id IN (SELECT id FROM calendar_sync_logs WHERE connection_id = $1)",
            )
            .bind(connection.0)
            .execute(&mut *conn)
            .await?;
            sqlx::query("DELETE FROM calendars WHERE connection_id = $1")
                .bind(connection.0)
                .execute(&mut *conn)
                .await?;
            sqlx::query(
                "UPDATE notices SET settled_at = $3
                 WHERE provider_id = $1 AND connection_id = $2 AND settled_at IS NULL",
            )
            .bind(provider.0)
            .bind(connection.0)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            audit!(self, conn, provider, "disconnect", connection, now);
            Ok(true)
        })
    }

    async fn set_receiving(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
        calendar: Option<CalendarId>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let known: Option<Uuid> = sqlx::query_scalar(
                "SELECT n.id FROM calendar_connections n WHERE n.id = $1 AND n.provider_id = $2
                   AND n.status IN ('connected', 'needs_reconnect') AND ($3 IS NULL OR EXISTS (
                    SELECT 1 FROM calendars c WHERE c.id = $3 AND c.connection_id = n.id AND c.access = 'write'
                      AND c.gone_at IS NULL))",
            )
            .bind(connection.0)
            .bind(provider.0)
            .bind(calendar.map(|calendar| calendar.0))
            .fetch_optional(&mut *conn)
            .await?;
            if known.is_none() {
                return Ok(false);
            }
            exports_change!(conn, provider);
            // The one before comes to nothing, so that there is never more than one.
            sqlx::query(
                "UPDATE calendars SET receives = FALSE, cursor = CASE WHEN selected THEN cursor END
                 WHERE connection_id = $1 AND receives AND ($2 IS NULL OR id <> $2)",
            )
            .bind(connection.0)
            .bind(calendar.map(|calendar| calendar.0))
            .execute(&mut *conn)
            .await?;
            sqlx::query("UPDATE calendars SET receives = TRUE WHERE connection_id = $1 AND id = $2")
                .bind(connection.0)
                .bind(calendar.map(|calendar| calendar.0))
                .execute(&mut *conn)
                .await?;
            forget_events!(
                conn,
                "SELECT id FROM calendars WHERE connection_id = $1 AND NOT selected AND NOT receives",
                connection.0
            );
            // One that is gone, and was there for bookings alone, leaves the list.
            sqlx::query(
                "DELETE FROM calendars
                 WHERE connection_id = $1 AND gone_at IS NOT NULL AND NOT selected AND NOT receives",
            )
            .bind(connection.0)
            .execute(&mut *conn)
            .await?;
            match calendar {
                Some(calendar) => audit!(self, conn, provider, "set_receiving", calendar, now),
                None => audit!(self, conn, provider, "stop_receiving", connection, now),
            }
            Ok(true)
        })
    }

    async fn accept_removals(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let accepted = sqlx::query(
                "DELETE FROM calendar_sync_events WHERE held_at IS NOT NULL
                 AND calendar_id = (SELECT id FROM calendars WHERE id = $1 AND provider_id = $2)",
            )
            .bind(calendar.0)
            .bind(provider.0)
            .execute(&mut *conn)
            .await?;
            if accepted.rows_affected() == 0 {
                return Ok(false);
            }
            let about = format!("removals_held:{calendar}:");
            settle_notices!(conn, provider, &about, now);
            // Events of ours may be among them: whether they are gone, reading them tells.
            exports_change!(conn, provider);
            audit!(self, conn, provider, "accept_removals", calendar, now);
            Ok(true)
        })
    }

    async fn refuse_removals(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let held: Vec<HeldBlock> = sqlx::query_as(
                "SELECT u.detail_id, u.starts_at, u.ends_at, u.all_day, d.details
                 FROM unavailabilities u
                 JOIN calendars c ON c.id = u.calendar_id
                 LEFT JOIN calendar_sync_events d ON d.calendar_id = u.calendar_id AND d.external_id = u.detail_id
                 WHERE u.calendar_id = $1 AND c.provider_id = $2 AND u.ends_at > $3 AND EXISTS (
                    SELECT 1 FROM calendar_sync_events e WHERE e.calendar_id = u.calendar_id
                    AND e.held_at IS NOT NULL AND (e.external_id = u.event_id OR e.external_id = u.detail_id))",
            )
            .bind(calendar.0)
            .bind(provider.0)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?;
            let refused = sqlx::query(
                "DELETE FROM calendar_sync_events WHERE held_at IS NOT NULL
                 AND calendar_id = (SELECT id FROM calendars WHERE id = $1 AND provider_id = $2)",
            )
            .bind(calendar.0)
            .bind(provider.0)
            .execute(&mut *conn)
            .await?;
            if refused.rows_affected() == 0 {
                return Ok(false);
            }
            for block in held {
                let id: UnavailabilityId = self.ids.id();
                let sealed = block.details.map(|sealed| {
                    let details = self.open_details(calendar, &block.detail_id, &sealed);
                    let plain = serde_json::to_vec(&details).expect("details are plain strings");
                    self.keys.seal(own_place(&[id.0.as_bytes()]), &plain)
                });
                sqlx::query(
                    "INSERT INTO unavailabilities (id, provider_id, starts_at, ends_at, all_day, reason, details,
                                                   created_at)
                     VALUES ($1, $2, $3, $4, $5, 'kept', $6, $7)",
                )
                .bind(id.0)
                .bind(provider.0)
                .bind(block.starts_at)
                .bind(block.ends_at)
                .bind(block.all_day)
                .bind(sealed)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            }
            let about = format!("removals_held:{calendar}:");
            settle_notices!(conn, provider, &about, now);
            exports_change!(conn, provider);
            audit!(self, conn, provider, "refuse_removals", calendar, now);
            Ok(true)
        })
    }

    async fn remove_unavailability(
        &self,
        provider: ProviderId,
        unavailability: UnavailabilityId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool> {
        write!(self, |conn| {
            if !facts_change!(conn, provider) {
                return Ok(false);
            }
            let removed = sqlx::query(
                "DELETE FROM unavailabilities
                 WHERE id = $1 AND provider_id = $2 AND calendar_id IS NULL AND entered_id IS NULL",
            )
            .bind(unavailability.0)
            .bind(provider.0)
            .execute(&mut *conn)
            .await?;
            if removed.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(self, conn, provider, "remove_unavailability", unavailability, now);
            Ok(true)
        })
    }

    async fn set_zone(&self, provider: ProviderId, zone: Tz, now: DateTime<Utc>) -> StoreResult<bool> {
        write!(self, |conn| {
            let set = sqlx::query(
                "UPDATE providers SET time_zone = $2, zone_kept = NULL, derive_wanted = derive_wanted + 1,
                        derive_all = derive_wanted + 1
                 WHERE id = $1",
            )
            .bind(provider.0)
            .bind(zone.name())
            .execute(&mut *conn)
            .await?;
            if set.rows_affected() == 0 {
                return Ok(false);
            }
            // The events of bookings name the zone too.
            exports_change!(conn, provider);
            audit!(self, conn, provider, "set_zone", zone.name(), now);
            Ok(true)
        })
    }

    async fn keep_zone(&self, provider: ProviderId, other: Tz, now: DateTime<Utc>) -> StoreResult<bool> {
        write!(self, |conn| {
            let kept = sqlx::query("UPDATE providers SET zone_kept = $2 WHERE id = $1")
                .bind(provider.0)
                .bind(other.name())
                .execute(&mut *conn)
                .await?;
            if kept.rows_affected() == 0 {
                return Ok(false);
            }
            audit!(self, conn, provider, "keep_zone", other.name(), now);
            Ok(true)
        })
    }

    async fn set_locale(&self, provider: ProviderId, locale: Locale) -> StoreResult<bool> {
        write!(self, |conn| {
            let set = sqlx::query("UPDATE providers SET locale = $2 WHERE id = $1 AND locale <> $2")
                .bind(provider.0)
                .bind(locale.code())
                .execute(&mut *conn)
                .await?;
            if set.rows_affected() > 0 {
                // The events of bookings speak it too.
                exports_change!(conn, provider);
            }
            let known = sqlx::query("SELECT 1 FROM providers WHERE id = $1").bind(provider.0);
            Ok(known.fetch_optional(&mut *conn).await?.is_some())
        })
    }

    async fn read_notices(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool> {
        write!(self, |conn| Ok(sqlx::query(
            "UPDATE notices SET read_at = $2 WHERE provider_id = $1 AND read_at IS NULL"
        )
        .bind(provider.0)
        .bind(now)
        .execute(&mut *conn)
        .await?
        .rows_affected()
            > 0))
    }
}
