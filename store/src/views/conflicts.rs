//! What contradicts what, with both sides.

use super::BlockSource;
use crate::Database;
use crate::booking_rows::client_place;
use crate::database::read;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::booking::{Client, Status};
use simone_booking::id::{ConflictId, UnavailabilityId};
use simone_booking::{BookingId, CalendarId, ConnectionId, Interval, ProviderId};
use simone_sync::conflict::{Kind, Moved, Resolution};
use simone_sync::event::Details;
use simone_sync::ports::{self, StoreError, StoreResult};
use simone_sync::settle::Seen;
use sqlx::QueryBuilder;
use uuid::Uuid;

/// So many are shown, open or closed.
const SHOWN: i64 = 100;

/// Closed ones are shown for so long.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// A conflict, as its provider sees it.
#[derive(Clone, Debug)]
pub struct Conflict {
    pub id: ConflictId,
    pub kind: Kind,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    /// What the provider decided; `None` of a closed one: it went away by itself.
    pub resolution: Option<Resolution>,
    /// What a decision made now would be about.
    pub seen: Seen,
    pub booking: BookingSide,
    pub other: OtherSide,
}

/// The booking as it is now.
#[derive(Clone, Debug)]
pub struct BookingSide {
    pub id: BookingId,
    pub service: String,
    pub interval: Interval,
    pub status: Status,
    /// `None`: erased.
    pub client: Option<Client>,
    pub booked_at: DateTime<Utc>,
}

/// The event, imported or ours, as it is now; of a closed conflict, as it last was.
#[derive(Clone, Debug)]
pub struct OtherSide {
    pub interval: Interval,
    pub all_day: bool,
    pub repeats: bool,
    /// Empty when it is gone, or the key that sealed it is lost.
    pub details: Details,
    /// When it was last changed, as the platform says.
    pub changed_at: Option<DateTime<Utc>>,
    /// `None`: the calendar is no longer connected.
    pub source: Option<BlockSource>,
    pub calendar: Option<CalendarId>,
    pub connection: Option<(ConnectionId, ports::Status)>,
    /// The block that it makes, while it does.
    pub block: Option<UnavailabilityId>,
}

impl Conflict {
    /// Whether the booking can follow the event.
    pub fn can_be_applied(&self) -> bool {
        let OtherSide { interval, all_day, repeats, .. } = self.other;
        match self.kind {
            Kind::Overlap => false,
            Kind::ExportMoved => Moved { interval, all_day, repeats }.can_be_applied(),
            Kind::ExportDeleted => true,
        }
    }

    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }
}

/// What a provider's list of conflicts shows.
#[derive(Clone, Debug, Default)]
pub struct Conflicts {
    /// The newest first.
    pub open: Vec<Conflict>,
    /// How many there are in all.
    pub open_count: i64,
    /// Those of the last 30 days, the last closed first.
    pub closed: Vec<Conflict>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
    revision: Option<String>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    repeats: bool,
    booking_id: Uuid,
    service_name: String,
    booking_starts_at: DateTime<Utc>,
    booking_ends_at: DateTime<Utc>,
    booking_status: String,
    booking_revision: i64,
    booked_at: DateTime<Utc>,
    client: Option<Vec<u8>>,
    calendar_id: Option<Uuid>,
    calendar_name: Option<String>,
    color: Option<String>,
    connection_id: Option<Uuid>,
    platform: Option<String>,
    account_email: Option<String>,
    connection_status: Option<String>,
    block_id: Option<Uuid>,
    event_id: Option<String>,
    details: Option<Vec<u8>>,
    changed_at: Option<DateTime<Utc>>,
}

/// An imported block is found by its key, an event of ours by what was written of it.
const CONFLICTS: &str = "SELECT k.id, k.kind, k.opened_at, k.closed_at, k.resolution, k.revision, k.starts_at, k.ends_at, k.all_day,
           k.repeats, b.id AS booking_id, b.service_name, b.starts_at AS booking_starts_at,
           b.ends_at AS booking_ends_at, b.status AS booking_status, b.revision AS booking_revision,
           b.created_at AS booked_at, b.client, c.id AS calendar_id, c.name AS calendar_name, c.color,
           n.id AS connection_id, n.platform, n.account_email, n.status AS connection_status, u.id AS block_id,
           e.external_id AS event_id, e.details, e.changed_at
    FROM calendar_conflicts k
    JOIN bookings b ON b.id = k.booking_id
    LEFT JOIN calendar_exported_bookings x ON x.connection_id = k.connection_id AND x.booking_id = k.booking_id
         AND x.generation = k.generation
    LEFT JOIN calendars c ON c.provider_id = k.provider_id AND (c.id = k.calendar_id
         OR (c.connection_id = k.connection_id AND c.external_id = x.calendar_external_id))
    LEFT JOIN calendar_connections n ON n.id = COALESCE(c.connection_id, k.connection_id)
    LEFT JOIN unavailabilities u ON u.calendar_id = k.calendar_id AND u.event_id = k.event_id
         AND u.original_start = k.original_start
    LEFT JOIN calendar_sync_events e ON e.calendar_id = c.id
         AND e.external_id = COALESCE(u.detail_id, k.event_id, x.event_id)
    WHERE k.provider_id = ";

impl Database {
    /// How many conflicts a provider has to see.
    pub async fn open_conflicts(&self, provider: ProviderId) -> StoreResult<i64> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT COUNT(*) FROM calendar_conflicts WHERE provider_id = $1 AND closed_at IS NULL"
        )
        .bind(provider.0)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// The open conflicts of a provider, and those that were closed lately.
    pub async fn conflicts(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Conflicts> {
        let (count, open, closed): (i64, Vec<Row>, Vec<Row>) = read!(self, |conn| {
            let count = sqlx::query_scalar(
                "SELECT COUNT(*) FROM calendar_conflicts WHERE provider_id = $1 AND closed_at IS NULL",
            )
            .bind(provider.0)
            .fetch_one(&mut *conn)
            .await?;
            let mut query = QueryBuilder::new(CONFLICTS);
            query
                .push_bind(provider.0)
                .push(" AND k.closed_at IS NULL ORDER BY k.opened_at DESC, k.id DESC LIMIT ");
            query.push_bind(SHOWN);
            let open = query.build_query_as().fetch_all(&mut *conn).await?;
            let mut query = QueryBuilder::new(CONFLICTS);
            query.push_bind(provider.0).push(" AND k.closed_at > ").push_bind(now - REMEMBERED);
            query.push(" ORDER BY k.closed_at DESC, k.id DESC LIMIT ").push_bind(SHOWN);
            let closed = query.build_query_as().fetch_all(&mut *conn).await?;
            Ok((count, open, closed))
        })?;
        let read =
            |rows: Vec<Row>| rows.into_iter().map(|row| self.read_conflict(row)).collect::<Result<_, _>>();
        Ok(Conflicts { open: read(open)?, open_count: count, closed: read(closed)? })
    }

    /// One conflict of a provider; `None` if it is not theirs.
    pub async fn conflict(&self, provider: ProviderId, id: ConflictId) -> StoreResult<Option<Conflict>> {
        let row: Option<Row> = read!(self, |conn| {
            let mut query = QueryBuilder::new(CONFLICTS);
            query.push_bind(provider.0).push(" AND k.id = ").push_bind(id.0);
            Ok(query.build_query_as().fetch_optional(&mut *conn).await?)
        })?;
        row.map(|row| self.read_conflict(row)).transpose()
    }

    fn read_conflict(&self, row: Row) -> StoreResult<Conflict> {
        let corrupt = || StoreError::Corrupt { what: "a conflict" };
        let calendar = row.calendar_id.map(CalendarId);
        let details = match (calendar, &row.event_id, &row.details) {
            (Some(calendar), Some(event), Some(sealed)) => self.open_details(calendar, event, sealed),
            _ => Details::default(),
        };
        let source = match (row.platform, row.calendar_name, row.account_email) {
            (Some(platform), Some(calendar), Some(account)) => Some(BlockSource {
                platform: platform.parse().map_err(|_| corrupt())?,
                calendar,
                account,
                color: row.color,
            }),
            _ => None,
        };
        let connection = match (row.connection_id, row.connection_status) {
            (Some(id), Some(status)) => {
                Some((ConnectionId(id), ports::Status::from_code(&status).ok_or_else(corrupt)?))
            }
            _ => None,
        };
        let client = row.client.and_then(|sealed| {
            let place: &[&[u8]] = &[row.booking_id.as_bytes()];
            serde_json::from_slice(&self.keys.open(client_place(place), &sealed).ok()?).ok()
        });
        Ok(Conflict {
            id: ConflictId(row.id),
            kind: Kind::from_code(&row.kind).ok_or_else(corrupt)?,
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            resolution: row.resolution.as_deref().and_then(Resolution::from_code),
            seen: Seen { event: row.revision, booking: row.booking_revision },
            booking: BookingSide {
                id: BookingId(row.booking_id),
                service: row.service_name,
                interval: Interval::new(row.booking_starts_at, row.booking_ends_at),
                status: Status::from_code(&row.booking_status).ok_or_else(corrupt)?,
                client,
                booked_at: row.booked_at,
            },
            other: OtherSide {
                interval: Interval::new(row.starts_at, row.ends_at),
                all_day: row.all_day,
                repeats: row.repeats,
                details,
                changed_at: row.changed_at,
                source,
                calendar,
                connection,
                block: row.block_id.map(UnavailabilityId),
            },
        })
    }
}
