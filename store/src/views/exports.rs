//! What became of bookings on the platforms, as their provider sees it.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::{BookingId, ConnectionId, Interval, ProviderId};
use simone_sync::platform::Platform;
use simone_sync::ports::{StoreError, StoreResult};
use std::collections::HashMap;
use uuid::Uuid;

/// How a booking stands on a connection that receives bookings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportState {
    pub connection: ConnectionId,
    pub platform: Platform,
    /// Its e-mail address. Personal: for the provider alone.
    pub account: String,
    pub standing: Standing,
}

/// Whether a booking stands in a calendar as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Since when it is written so.
    Written { at: DateTime<Utc> },
    /// The next round writes it.
    Waiting,
    /// It cannot be written until the provider has reconnected.
    NeedsReconnect,
    /// The last attempt failed: the code of the reason.
    Failed { code: String },
    /// The event is another than the booking, or gone: that is in conflict.
    InConflict,
}

impl Standing {
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::NeedsReconnect | Self::Failed { .. })
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    booking_id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    connection_id: Uuid,
    platform: String,
    account_email: String,
    status: String,
    last_error: Option<String>,
    changed_at: DateTime<Utc>,
    behind: bool,
    fingerprint: Option<String>,
    written_start: Option<DateTime<Utc>>,
    written_end: Option<DateTime<Utc>>,
    written_at: Option<DateTime<Utc>>,
    gone: bool,
    error: Option<String>,
    in_conflict: bool,
    calendar_gone: bool,
}

impl Row {
    fn standing(self) -> Standing {
        let fits = (self.written_start, self.written_end) == (Some(self.starts_at), Some(self.ends_at));
        // Not every change of a booking changes what is written; while exports are behind, it may have.
        let written = self.written_at.filter(|at| {
            let all_told = *at >= self.changed_at || !self.behind;
            self.fingerprint.is_some() && self.error.is_none() && !self.gone && fits && all_told
        });
        match written {
            _ if self.calendar_gone => Standing::Failed { code: "not_found".to_owned() },
            _ if self.in_conflict => Standing::InConflict,
            Some(at) => Standing::Written { at },
            None if self.status != "connected" => Standing::NeedsReconnect,
            None if self.error.is_some() => Standing::Failed { code: self.error.unwrap_or_default() },
            None if self.last_error.is_some() => {
                Standing::Failed { code: self.last_error.unwrap_or_default() }
            }
            None => Standing::Waiting,
        }
    }
}

impl Database {
    /// How the provider's confirmed bookings that overlap `within` stand on each connection that receives bookings, the
    /// oldest first.
    pub async fn export_states(
        &self,
        provider: ProviderId,
        within: Interval,
    ) -> StoreResult<HashMap<BookingId, Vec<ExportState>>> {
        let rows: Vec<Row> = read!(self, |conn| {
            Ok(sqlx::query_as(
            "SELECT b.id AS booking_id, b.starts_at, b.ends_at, b.changed_at, k.id AS connection_id, k.platform, k.account_email,
                    k.status, k.last_error, k.exports_wanted > k.exports_done AS behind, x.fingerprint,
                    x.starts_at AS written_start, x.ends_at AS written_end, x.written_at,
                    x.gone_at IS NOT NULL AS gone, x.error,
                    EXISTS (SELECT 1 FROM calendar_conflicts f
                            WHERE f.connection_id = k.id AND f.booking_id = b.id AND f.closed_at IS NULL) AS in_conflict,
                    COALESCE(b.ends_at > c.gone_at, FALSE) AS calendar_gone
             FROM bookings b
             JOIN calendar_connections k ON k.provider_id = b.provider_id
             JOIN calendars c ON c.connection_id = k.id AND c.receives
             LEFT JOIN calendar_exported_bookings x
                    ON x.connection_id = k.id AND x.booking_id = b.id AND x.calendar_external_id = c.external_id
                   AND x.retired_at IS NULL
                   AND x.generation = (SELECT MAX(y.generation) FROM calendar_exported_bookings y
                                       WHERE y.connection_id = k.id AND y.booking_id = b.id
                                         AND y.calendar_external_id = c.external_id AND y.retired_at IS NULL)
             WHERE b.provider_id = $1 AND b.status = 'confirmed' AND b.ends_at > $2 AND b.starts_at < $3
               AND k.status IN ('connected', 'needs_reconnect')
             ORDER BY k.created_at, k.id"
        )
        .bind(provider.0)
        .bind(within.start)
        .bind(within.end)
        .fetch_all(&mut *conn)
        .await?)
        })?;
        let mut states: HashMap<BookingId, Vec<ExportState>> = HashMap::new();
        for row in rows {
            let booking = BookingId(row.booking_id);
            let state = ExportState {
                connection: ConnectionId(row.connection_id),
                platform: row
                    .platform
                    .parse()
                    .map_err(|_| StoreError::Corrupt { what: "a connection's platform" })?,
                account: row.account_email.clone(),
                standing: row.standing(),
            };
            states.entry(booking).or_default().push(state);
        }
        Ok(states)
    }
}
