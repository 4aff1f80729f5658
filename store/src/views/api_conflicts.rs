//! What the API tells of conflicts, and whose a booking is.

use crate::Database;
use crate::database::read;
use chrono::{DateTime, Utc};
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, CalendarId, ConnectionId, Interval, ProviderId};
use simone_sync::ports::StoreResult;
use sqlx::QueryBuilder;
use uuid::Uuid;

/// A contradiction, without what others wrote into the calendar.
#[derive(Clone, Debug)]
pub struct ConflictRecord {
    pub id: ConflictId,
    /// A code of `calendar_conflicts.kind`.
    pub kind: String,
    pub booking: BookingId,
    pub calendar: Option<CalendarId>,
    pub connection: Option<ConnectionId>,
    /// When the other side is, or was.
    pub interval: Interval,
    pub all_day: bool,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    /// A code of `calendar_conflicts.resolution`.
    pub resolution: Option<String>,
    pub settled_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    booking_id: Uuid,
    calendar_id: Option<Uuid>,
    connection_id: Option<Uuid>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
    settled_at: Option<DateTime<Utc>>,
}

impl From<Row> for ConflictRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            kind: row.kind,
            booking: row.booking_id.into(),
            calendar: row.calendar_id.map(CalendarId),
            connection: row.connection_id.map(ConnectionId),
            interval: Interval::new(row.starts_at, row.ends_at),
            all_day: row.all_day,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            resolution: row.resolution,
            settled_at: row.settled_at,
        }
    }
}

impl Database {
    /// Whose booking this is. Not of a provider who is being erased.
    pub async fn booking_owner(&self, booking: BookingId) -> StoreResult<Option<ProviderId>> {
        let owner: Option<Uuid> = read!(self, |conn| {
            Ok(sqlx::query_scalar(
                "SELECT b.provider_id FROM bookings b JOIN providers p ON p.id = b.provider_id
                 WHERE b.id = $1 AND p.erasure_requested_at IS NULL",
            )
            .bind(booking.0)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        Ok(owner.map(ProviderId))
    }

    /// A provider's conflicts by the time at which they were found, newest first, after one of them; the open ones, the
    /// closed ones, or both.
    pub async fn conflict_records(
        &self,
        provider: ProviderId,
        open: Option<bool>,
        after: Option<(DateTime<Utc>, ConflictId)>,
        limit: i64,
    ) -> StoreResult<Vec<ConflictRecord>> {
        let rows: Vec<Row> = read!(self, |conn| {
            let mut query = QueryBuilder::new(
                "SELECT id, kind, booking_id, calendar_id, connection_id, starts_at, ends_at, all_day, opened_at,
                        closed_at, resolution, settled_at
                 FROM calendar_conflicts WHERE provider_id = ",
            );
            query.push_bind(provider.0);
            match open {
                None => {}
                Some(true) => {
                    query.push(" AND closed_at IS NULL");
                }
                Some(false) => {
                    query.push(" AND closed_at IS NOT NULL");
                }
            }
            if let Some((at, id)) = after {
                query.push(" AND (opened_at, id) < (").push_bind(at).push(", ").push_bind(id.0).push(")");
            }
            query.push(" ORDER BY opened_at DESC, id DESC LIMIT ").push_bind(limit);
            Ok(query.build_query_as().fetch_all(&mut *conn).await?)
        })?;
        Ok(rows.into_iter().map(ConflictRecord::from).collect())
    }
}
