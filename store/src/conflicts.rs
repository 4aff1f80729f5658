//! Conflicts: brought in line with the facts in the transaction of deriving, told once, and settled.

use chrono::{DateTime, Utc};
use simone_booking::booking::Status;
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, CalendarId, ConnectionId, Interval};
use simone_sync::conflict::{Appointment, Exported, Found, Kind, Side, Taken};
use simone_sync::derive::BlockKey;
use simone_sync::event::Shape;
use simone_sync::ports::StoreError;
use sqlx::types::Json;
use uuid::Uuid;

#[derive(sqlx::FromRow)]
pub(crate) struct AppointmentRow {
    id: Uuid,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    status: String,
}

#[derive(sqlx::FromRow)]
pub(crate) struct TakenRow {
    calendar_id: Uuid,
    event_id: String,
    original_start: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
}

#[derive(sqlx::FromRow)]
pub(crate) struct ExportedRow {
    connection_id: Uuid,
    booking_id: Uuid,
    generation: i64,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    trying_starts_at: Option<DateTime<Utc>>,
    trying_ends_at: Option<DateTime<Utc>>,
    overwrite: Option<String>,
    gone: bool,
    shape: Option<Json<Shape>>,
    revision: Option<String>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct OpenRow {
    id: Uuid,
    kind: String,
    booking_id: Uuid,
    calendar_id: Option<Uuid>,
    event_id: Option<String>,
    original_start: Option<String>,
    connection_id: Option<Uuid>,
    generation: Option<i64>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    repeats: bool,
    revision: Option<String>,
}

impl AppointmentRow {
    pub(crate) fn read(self) -> Result<Appointment, StoreError> {
        let status = Status::from_code(&self.status);
        Ok(Appointment {
            id: BookingId(self.id),
            interval: Interval::new(self.starts_at, self.ends_at),
            status: status.ok_or(StoreError::Corrupt { what: "a booking's status" })?,
        })
    }
}

impl TakenRow {
    pub(crate) fn read(self) -> Taken {
        Taken {
            key: BlockKey {
                calendar: CalendarId(self.calendar_id),
                event: self.event_id,
                original_start: self.original_start,
            },
            interval: Interval::new(self.starts_at, self.ends_at),
            all_day: self.all_day,
        }
    }
}

impl ExportedRow {
    pub(crate) fn read(self) -> Exported {
        Exported {
            connection: ConnectionId(self.connection_id),
            booking: BookingId(self.booking_id),
            generation: self.generation,
            written: self.starts_at.zip(self.ends_at).map(|(start, end)| Interval::new(start, end)),
            tried: self
                .trying_starts_at
                .zip(self.trying_ends_at)
                .map(|(start, end)| Interval::new(start, end)),
            overwrite: self.overwrite,
            gone: self.gone,
            seen: self.shape.map(|shape| shape.0).zip(self.revision),
        }
    }
}

impl OpenRow {
    pub(crate) fn read(self) -> Result<(ConflictId, Found), StoreError> {
        let corrupt = || StoreError::Corrupt { what: "a conflict" };
        let side = match (self.calendar_id, self.event_id, self.connection_id, self.generation) {
            (Some(calendar), Some(event), ..) => Side::Block(BlockKey {
                calendar: CalendarId(calendar),
                event,
                original_start: self.original_start.unwrap_or_default(),
            }),
            (.., Some(connection), Some(generation)) => {
                Side::Event { connection: ConnectionId(connection), generation }
            }
            _ => return Err(corrupt()),
        };
        let found = Found {
            kind: Kind::from_code(&self.kind).ok_or_else(corrupt)?,
            booking: BookingId(self.booking_id),
            side,
            interval: Interval::new(self.starts_at, self.ends_at),
            all_day: self.all_day,
            repeats: self.repeats,
            revision: self.revision,
        };
        Ok((ConflictId(self.id), found))
    }
}

/// The columns of what a conflict is about.
pub(crate) struct Sides<'a> {
    pub calendar: Option<Uuid>,
    pub event: Option<&'a str>,
    pub original_start: Option<&'a str>,
    pub connection: Option<Uuid>,
    pub generation: Option<i64>,
}

impl<'a> Sides<'a> {
    pub(crate) fn of(side: &'a Side) -> Self {
        match side {
            Side::Block(key) => Self {
                calendar: Some(key.calendar.0),
                event: Some(&key.event),
                original_start: Some(&key.original_start),
                connection: None,
                generation: None,
            },
            Side::Event { connection, generation } => Self {
                calendar: None,
                event: None,
                original_start: None,
                connection: Some(connection.0),
                generation: Some(*generation),
            },
        }
    }
}

/// Which conflicts a provider has, brought in line with the blocks and all other facts as they stand in this transaction,
/// which holds the lock on the provider's row. What is new is told, what is over is settled.
macro_rules! conflicts_in_line {
    ($db:expr, $conn:ident, $provider:expr, $zone:expr, $now:expr) => {{
        use simone_sync::conflict::{self, Appointment, Found};
        let ahead: Vec<$crate::conflicts::AppointmentRow> = sqlx::query_as(
            "SELECT id, starts_at, ends_at, status FROM bookings
             WHERE provider_id = $1 AND ends_at > $2 AND status <> 'cancelled'",
        )
        .bind($provider.0)
        .bind($now)
        .fetch_all(&mut *$conn)
        .await?;
        let ahead = ahead
            .into_iter()
            .map($crate::conflicts::AppointmentRow::read)
            .collect::<Result<Vec<Appointment>, _>>()?;
        let open: Vec<$crate::conflicts::OpenRow> = sqlx::query_as(
            "SELECT id, kind, booking_id, calendar_id, event_id, original_start, connection_id, generation, starts_at,
                    ends_at, all_day, repeats, revision
             FROM calendar_conflicts WHERE provider_id = $1 AND closed_at IS NULL",
        )
        .bind($provider.0)
        .fetch_all(&mut *$conn)
        .await?;
        let open =
            open.into_iter().map($crate::conflicts::OpenRow::read).collect::<Result<Vec<_>, _>>()?;
        let mut found: Vec<Found> = Vec::new();
        if !ahead.is_empty() {
            let taken: Vec<$crate::conflicts::TakenRow> = sqlx::query_as(
                "SELECT DISTINCT u.calendar_id, u.event_id, u.original_start, u.starts_at, u.ends_at, u.all_day
                 FROM bookings b JOIN unavailabilities u ON u.provider_id = b.provider_id
                      AND u.ends_at > b.starts_at AND u.starts_at < b.ends_at
                 WHERE b.provider_id = $1 AND b.ends_at > $2 AND b.status <> 'cancelled'
                   AND u.calendar_id IS NOT NULL",
            )
            .bind($provider.0)
            .bind($now)
            .fetch_all(&mut *$conn)
            .await?;
            let exported: Vec<$crate::conflicts::ExportedRow> = sqlx::query_as(
                "SELECT x.connection_id, x.booking_id, x.generation, x.starts_at, x.ends_at, x.trying_starts_at, x.trying_ends_at, x.overwrite,
                        x.gone_at IS NOT NULL AS gone, e.shape, e.revision
                 FROM bookings b
                 JOIN calendar_exported_bookings x ON x.booking_id = b.id
                 JOIN calendar_connections n ON n.id = x.connection_id
                      AND n.status IN ('connected', 'needs_reconnect')
                 JOIN calendars c ON c.connection_id = x.connection_id AND c.external_id = x.calendar_external_id
                      AND c.receives
                 LEFT JOIN calendar_sync_events e ON e.calendar_id = c.id AND e.external_id = x.event_id
                      AND e.held_at IS NULL
                 WHERE b.provider_id = $1 AND b.ends_at > $2 AND b.status = 'confirmed' AND x.retired_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM calendar_exported_bookings y
                       WHERE y.connection_id = x.connection_id AND y.booking_id = x.booking_id
                         AND y.generation > x.generation)",
            )
            .bind($provider.0)
            .bind($now)
            .fetch_all(&mut *$conn)
            .await?;
            let taken: Vec<_> = taken.into_iter().map($crate::conflicts::TakenRow::read).collect();
            let exported: Vec<_> =
                exported.into_iter().map($crate::conflicts::ExportedRow::read).collect();
            found = conflict::found(&ahead, &taken, &exported, $zone, $now);
        }
        let conflict::Difference { open, update, close } = conflict::difference(found, open);
        for (id, was) in close {
            // Where the provider let the booking follow, this may come before that is noted.
            let resolution: Option<String> = sqlx::query_scalar(
                "UPDATE calendar_conflicts SET closed_at = $2 WHERE id = $1 RETURNING resolution",
            )
            .bind(id.0)
            .bind($now)
            .fetch_one(&mut *$conn)
            .await?;
            let resolution = resolution.as_deref();
            $crate::conflicts::closed!($db, $conn, $provider, id, was.kind, was.booking, resolution, $now);
        }
        for (id, is) in update {
            sqlx::query(
                "UPDATE calendar_conflicts SET starts_at = $2, ends_at = $3, all_day = $4, repeats = $5, revision = $6
                 WHERE id = $1",
            )
            .bind(id.0)
            .bind(is.interval.start)
            .bind(is.interval.end)
            .bind(is.all_day)
            .bind(is.repeats)
            .bind(is.revision)
            .execute(&mut *$conn)
            .await?;
        }
        let count = open.len();
        let mut first = true;
        for is in open {
            let id: simone_booking::id::ConflictId = $db.ids.id();
            let sides = $crate::conflicts::Sides::of(&is.side);
            sqlx::query(
                "INSERT INTO calendar_conflicts (id, provider_id, kind, booking_id, cause, calendar_id, event_id,
                        original_start, connection_id, generation, starts_at, ends_at, all_day, repeats, revision,
                        opened_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
            )
            .bind(id.0)
            .bind($provider.0)
            .bind(is.kind.code())
            .bind(is.booking.0)
            .bind(is.cause())
            .bind(sides.calendar)
            .bind(sides.event)
            .bind(sides.original_start)
            .bind(sides.connection)
            .bind(sides.generation)
            .bind(is.interval.start)
            .bind(is.interval.end)
            .bind(is.all_day)
            .bind(is.repeats)
            .bind(&is.revision)
            .bind($now)
            .execute(&mut *$conn)
            .await?;
            let webhook = $crate::webhooks::Webhook::conflict_opened(id, is.kind.code(), is.booking);
            let cause = format!("conflict:{id}:opened:webhook");
            $crate::webhooks::enqueue_webhook!($db, $conn, $provider, cause, &webhook, $now);
            let at = ahead.iter().find(|it| it.id == is.booking).map_or(is.interval, |it| it.interval).start;
            let notice = $crate::notices::Notice::Conflict { conflict: id, about: is.kind, at };
            let cause = format!("conflict:{id}");
            $crate::notices::tell!($db, $conn, $provider, None, &cause, &notice, $now);
            if first {
                // However many a newly connected calendar brings, it is one e-mail.
                first = false;
                let kind = $crate::deliveries::EmailKind::Conflicts {
                    count,
                    first: id,
                    about: is.kind,
                    at,
                    zone: $zone,
                };
                $crate::deliveries::enqueue!($db, $conn, $provider, &cause, kind, $now);
            }
        }
    }};
}

/// What is told when a conflict is no more.
macro_rules! closed {
    ($db:expr, $conn:ident, $provider:expr, $conflict:expr, $kind:expr, $booking:expr, $resolution:expr, $now:expr) => {{
        let about = format!("conflict:{}", $conflict);
        $crate::notices::settle_notices!($conn, $provider, &about, $now);
        let cause = format!("conflict:{}:closed:webhook", $conflict);
        let webhook =
            $crate::webhooks::Webhook::conflict_closed($conflict, $kind.code(), $booking, $resolution);
        $crate::webhooks::enqueue_webhook!($db, $conn, $provider, cause, &webhook, $now);
    }};
}

pub(crate) use {closed, conflicts_in_line};
