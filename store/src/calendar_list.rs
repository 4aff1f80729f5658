//! The list of an account's calendars, brought in line with what the platform lists.

use crate::Database;
use crate::database::{for_update, write};
use crate::exports::tell_exports_failing;
use crate::rounds::{check_lease, facts_change};
use chrono::{DateTime, Utc};
use simone_booking::CalendarId;
use simone_sync::platform::{Access, RemoteCalendar};
use simone_sync::ports::{Lease, StoreError, StoreResult};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct CalendarRow {
    id: Uuid,
    external_id: String,
    name: String,
    color: Option<String>,
    access: String,
    time_zone: Option<String>,
    is_primary: bool,
    selected: bool,
    receives: bool,
    gone_at: Option<DateTime<Utc>>,
}

impl CalendarRow {
    /// It is of use to the provider, listed or not.
    const fn stays(&self) -> bool {
        self.selected || self.receives
    }

    fn is_as_listed(&self, remote: &RemoteCalendar) -> bool {
        self.gone_at.is_none()
            && self.name == remote.name
            && self.color == remote.color
            && self.access == remote.access.code()
            && self.time_zone == remote.zone
            && self.is_primary == remote.primary
    }
}

const CALENDARS: &str =
    "SELECT id, external_id, name, color, access, time_zone, is_primary, selected, receives, gone_at
                         FROM calendars WHERE connection_id = $1";

/// Whether the stored calendars say what the list says. One that is gone and of no use is to leave.
fn is_as_listed(rows: &[CalendarRow], listed: &[&RemoteCalendar]) -> bool {
    let known: HashMap<&str, &CalendarRow> = rows.iter().map(|row| (row.external_id.as_str(), row)).collect();
    rows.iter().all(|row| row.gone_at.is_none() || row.stays())
        && listed.len() == rows.iter().filter(|row| row.gone_at.is_none()).count()
        && listed
            .iter()
            .all(|remote| known.get(remote.id.as_str()).is_some_and(|row| row.is_as_listed(remote)))
}

impl Database {
    /// Brings the stored calendars in line with a complete list.
    pub(crate) async fn write_calendars(
        &self,
        lease: &Lease,
        calendars: &[RemoteCalendar],
        now: DateTime<Utc>,
    ) -> StoreResult<()> {
        let mut seen = HashSet::new();
        // Pages shift while they are read: the first mention counts.
        let listed: Vec<&RemoteCalendar> =
            calendars.iter().filter(|remote| seen.insert(&remote.id)).collect();
        write!(self, |conn| {
            let mut rows: Vec<CalendarRow> =
                sqlx::query_as(CALENDARS).bind(lease.connection.0).fetch_all(&mut *conn).await?;
            let same = is_as_listed(&rows, &listed);
            if !same && !facts_change!(conn, lease.provider) {
                return Err(StoreError::LeaseLost.into());
            }
            check_lease!(self, conn, lease);
            if !same {
                // What the provider chose in the meantime counts: now that their row is locked, they choose no more.
                rows = sqlx::query_as(CALENDARS).bind(lease.connection.0).fetch_all(&mut *conn).await?;
                let known: HashMap<&str, &CalendarRow> =
                    rows.iter().map(|row| (row.external_id.as_str(), row)).collect();
                for remote in &listed {
                    // A first list: the primary calendar is imported at once, and receives bookings.
                    let id =
                        known.get(remote.id.as_str()).map_or_else(|| self.ids.id(), |row| CalendarId(row.id));
                    sqlx::query(
                        "INSERT INTO calendars (id, connection_id, provider_id, external_id, name, color, access,
                                                time_zone, is_primary, selected, receives, created_at)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                         ON CONFLICT (connection_id, external_id) DO UPDATE SET
                             name = excluded.name, color = excluded.color, access = excluded.access,
                             time_zone = excluded.time_zone, is_primary = excluded.is_primary, gone_at = NULL,
                             last_error = NULL",
                    )
                    .bind(id.0)
                    .bind(lease.connection.0)
                    .bind(lease.provider.0)
                    .bind(&remote.id)
                    .bind(&remote.name)
                    .bind(&remote.color)
                    .bind(remote.access.code())
                    .bind(&remote.zone)
                    .bind(remote.primary)
                    .bind(known.is_empty() && remote.primary)
                    .bind(known.is_empty() && remote.primary && remote.access == Access::Write)
                    .bind(now)
                    .execute(&mut *conn)
                    .await?;
                }
                for row in known.values().filter(|row| !seen.contains(&row.external_id)) {
                    // What blocks something, or receives bookings, stays until the provider says so; the rest just
                    // leaves the list. When it is back it is listed in full: while it went, its events may have been
                    // taken for deleted.
                    let sql = if row.stays() {
                        "UPDATE calendars SET gone_at = COALESCE(gone_at, $2), cursor = NULL WHERE id = $1"
                    } else {
                        "DELETE FROM calendars WHERE id = $1 AND created_at <= $2 AND NOT selected AND NOT receives"
                    };
                    sqlx::query(sql).bind(row.id).bind(now).execute(&mut *conn).await?;
                    if row.receives && row.gone_at.is_none() {
                        tell_exports_failing!(self, conn, lease, now);
                    }
                }
                // The one that receives bookings may be gone, or there again.
                sqlx::query(
                    "UPDATE calendar_connections SET exports_wanted = exports_wanted + 1 WHERE id = $1",
                )
                .bind(lease.connection.0)
                .execute(&mut *conn)
                .await?;
            }
            sqlx::query("UPDATE calendar_connections SET calendars_listed_at = $2 WHERE id = $1")
                .bind(lease.connection.0)
                .bind(now)
                .execute(&mut *conn)
                .await?;
            Ok(())
        })
    }
}
