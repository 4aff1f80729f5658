//! Of everything that is stored of a provider: what they offer, what was booked of it, and what followed from that.

use crate::Database;
use crate::booking_rows::{BookingRow, ServiceRow, booking_columns, hours_of, service_columns};
use crate::crypto::Place;
use crate::database::read;
use crate::export::{After, BATCH, batch};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use simone_booking::ProviderId;
use simone_sync::ports::StoreResult;
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// Some rows, and where they end.
type Batch = (Vec<Value>, Option<After>);

#[derive(sqlx::FromRow)]
struct EnteredRow {
    id: Uuid,
    shape: Json<Value>,
    details: Vec<u8>,
    created_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    booking_id: Uuid,
    at: DateTime<Utc>,
    actor: String,
    kind: String,
    from_starts_at: Option<DateTime<Utc>>,
    to_starts_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    booking_id: Uuid,
    connection_id: Uuid,
    platform: String,
    calendar_external_id: String,
    event_id: Option<String>,
    written_at: Option<DateTime<Utc>>,
    gone_at: Option<DateTime<Utc>>,
    error: Option<String>,
}

#[derive(sqlx::FromRow)]
struct ConflictRow {
    id: Uuid,
    kind: String,
    booking_id: Uuid,
    calendar_id: Option<Uuid>,
    event_id: Option<String>,
    connection_id: Option<Uuid>,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    all_day: bool,
    opened_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    resolution: Option<String>,
    settled_at: Option<DateTime<Utc>>,
}

impl Database {
    pub(crate) async fn export_services(&self, provider: ProviderId, after: &After) -> StoreResult<Batch> {
        let rows: Vec<ServiceRow> = read!(self, |conn| {
            Ok(sqlx::query_as(concat!(
                "SELECT ",
                service_columns!(),
                " FROM services WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3"
            ))
            .bind(provider.0)
            .bind(after.id)
            .bind(BATCH)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        let services = rows.into_iter().map(ServiceRow::into_service).collect::<StoreResult<Vec<_>>>()?;
        let last = services.last().map(|service| After { id: service.id.0, event: String::new() });
        let rows = services.into_iter().map(|service| {
            let terms = service.terms;
            json!({"id": service.id, "name": terms.name, "duration_minutes": terms.duration_minutes,
                "price_cents": terms.price_cents, "buffer_before_minutes": terms.buffer_before_minutes,
                "buffer_after_minutes": terms.buffer_after_minutes, "place": terms.place.code(),
                "address": terms.address, "withdrawn": service.withdrawn})
        });
        Ok((rows.collect(), last))
    }

    pub(crate) async fn export_hours(&self, provider: ProviderId) -> StoreResult<Batch> {
        let (first, last) = (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31));
        let known = read!(self, |conn| Ok(hours_of!(conn, provider, first, last)))?;
        let rows = known.into_iter().map(|(hours, zone)| {
            json!({"time_zone": zone.name(), "weekly": hours.weekly, "exceptions": hours.exceptions,
                "notice_minutes": hours.notice_minutes,
                "when_calendars_are_silent": hours.stale_policy.code()})
        });
        Ok((rows.collect(), None))
    }

    pub(crate) async fn export_entered(&self, provider: ProviderId, after: &After) -> StoreResult<Batch> {
        let (rows, last) = batch!(
            self,
            EnteredRow,
            "SELECT id, shape, details, created_at FROM entered_unavailabilities
             WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            provider,
            after
        );
        let rows = rows.into_iter().map(|row| {
            let name: &[&[u8]] = &[row.id.as_bytes()];
            let place = Place { table: "entered_unavailabilities", column: "details", row: name };
            let details = self.keys.open(place, &row.details).ok();
            let details = details.and_then(|plain| serde_json::from_slice::<Value>(&plain).ok());
            json!({"id": row.id, "when": row.shape.0, "details": details, "created_at": row.created_at})
        });
        Ok((rows.collect(), last))
    }

    /// Bookings, each with its history and the events that were written of it.
    pub(crate) async fn export_bookings(&self, provider: ProviderId, after: &After) -> StoreResult<Batch> {
        let (rows, changes, events) = read!(self, |conn| {
            let rows: Vec<BookingRow> = sqlx::query_as(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b WHERE b.provider_id = $1 AND b.id > $2 ORDER BY b.id LIMIT $3"
            ))
            .bind(provider.0)
            .bind(after.id)
            .bind(BATCH)
            .fetch_all(&mut *conn)
            .await?;
            let last = rows.last().map_or(after.id, |row| row.id);
            let changes: Vec<ChangeRow> = sqlx::query_as(
                "SELECT booking_id, at, actor, kind, from_starts_at, to_starts_at FROM booking_changes
                 WHERE provider_id = $1 AND booking_id > $2 AND booking_id <= $3 ORDER BY at, id",
            )
            .bind(provider.0)
            .bind(after.id)
            .bind(last)
            .fetch_all(&mut *conn)
            .await?;
            let events: Vec<EventRow> = sqlx::query_as(
                "SELECT booking_id, connection_id, platform, calendar_external_id, event_id, written_at, gone_at, error
                 FROM calendar_exported_bookings WHERE provider_id = $1 AND booking_id > $2 AND booking_id <= $3
                 ORDER BY connection_id, generation",
            )
            .bind(provider.0)
            .bind(after.id)
            .bind(last)
            .fetch_all(&mut *conn)
            .await?;
            Ok((rows, changes, events))
        })?;
        let mut history: HashMap<Uuid, Vec<Value>> = HashMap::new();
        for change in changes {
            history.entry(change.booking_id).or_default().push(json!({"at": change.at, "by": change.actor,
                "what": change.kind, "from": change.from_starts_at, "to": change.to_starts_at}));
        }
        let mut written: HashMap<Uuid, Vec<Value>> = HashMap::new();
        for event in events {
            written.entry(event.booking_id).or_default().push(json!({"connection_id": event.connection_id,
                "platform": event.platform, "calendar": event.calendar_external_id, "event": event.event_id,
                "written_at": event.written_at, "gone_at": event.gone_at, "error": event.error}));
        }
        let mut bookings = Vec::with_capacity(rows.len());
        for row in rows {
            // The link is a key of the client's.
            bookings.push(self.open_booking(row)?.0);
        }
        let last = bookings.last().map(|booking| After { id: booking.id.0, event: String::new() });
        let rows = bookings.into_iter().map(|booking| {
            json!({"id": booking.id, "service_id": booking.service, "service": booking.service_name,
                "price_cents": booking.price_cents, "buffer_before_minutes": booking.buffer_before_minutes,
                "buffer_after_minutes": booking.buffer_after_minutes, "place": booking.place.code(),
                "starts_at": booking.interval.start, "ends_at": booking.interval.end,
                "status": booking.status.code(), "client": booking.client, "booked_by": booking.origin.code(),
                "created_at": booking.created_at, "changed_at": booking.changed_at,
                "history": history.remove(&booking.id.0).unwrap_or_default(),
                "events": written.remove(&booking.id.0).unwrap_or_default()})
        });
        Ok((rows.collect(), last))
    }

    pub(crate) async fn export_conflicts(&self, provider: ProviderId, after: &After) -> StoreResult<Batch> {
        let (rows, last) = batch!(
            self,
            ConflictRow,
            "SELECT id, kind, booking_id, calendar_id, event_id, connection_id, starts_at, ends_at, all_day, opened_at,
                    closed_at, resolution, settled_at
             FROM calendar_conflicts WHERE provider_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            provider,
            after
        );
        let rows = rows.into_iter().map(|row| {
            json!({"id": row.id, "kind": row.kind, "booking_id": row.booking_id, "calendar_id": row.calendar_id,
                "event_id": row.event_id, "connection_id": row.connection_id, "starts_at": row.starts_at,
                "ends_at": row.ends_at, "all_day": row.all_day, "opened_at": row.opened_at,
                "closed_at": row.closed_at, "decision": row.resolution, "decided_at": row.settled_at})
        });
        Ok((rows.collect(), last))
    }
}
