//! What a provider offers and what was booked of it, read for them (or for the marketplace on their behalf).

use crate::Database;
use crate::booking_rows::{BookingRow, ServiceRow, booking_columns, hours_of, link_hash, service_columns};
use crate::database::read;
use chrono::{DateTime, NaiveDate, Utc};
use simone_booking::booking::{Actor, Booking, BookingChange, ChangeKind, Status};
use simone_booking::hours::Hours;
use simone_booking::service::Service;
use simone_booking::{BookingId, ProviderId, ServiceId};
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::QueryBuilder;

/// Which bookings are asked for; the default asks for none, since its `limit` is 0.
#[derive(Clone, Debug, Default)]
pub struct BookingFilter {
    /// Those that end after this.
    pub from: Option<DateTime<Utc>>,
    /// Those that begin before this.
    pub until: Option<DateTime<Utc>>,
    /// Empty: all.
    pub statuses: Vec<Status>,
    /// Those that come after this one.
    pub after: Option<(DateTime<Utc>, BookingId)>,
    pub limit: i64,
}

/// A booking with all that is told of it.
#[derive(Clone, Debug)]
pub struct BookingDetails {
    pub booking: Booking,
    /// The token of the client's private link. A secret.
    pub link: String,
    /// Oldest first.
    pub history: Vec<BookingChange>,
}

#[derive(sqlx::FromRow)]
struct ChangeRow {
    at: DateTime<Utc>,
    actor: String,
    kind: String,
    from_starts_at: Option<DateTime<Utc>>,
    to_starts_at: Option<DateTime<Utc>>,
}

impl ChangeRow {
    fn into_change(self) -> StoreResult<BookingChange> {
        Ok(BookingChange {
            at: self.at,
            actor: Actor::from_code(&self.actor).ok_or(StoreError::Corrupt { what: "a change's actor" })?,
            kind: ChangeKind::from_code(&self.kind).ok_or(StoreError::Corrupt { what: "a change's kind" })?,
            moved: self.from_starts_at.zip(self.to_starts_at),
        })
    }
}

impl Database {
    /// What is offered, oldest first.
    pub async fn services(&self, provider: ProviderId) -> StoreResult<Vec<Service>> {
        let rows: Vec<ServiceRow> = read!(self, |conn| {
            Ok(sqlx::query_as(concat!(
                "SELECT ",
                service_columns!(),
                " FROM services WHERE provider_id = $1 AND withdrawn_at IS NULL ORDER BY created_at, id"
            ))
            .bind(provider.0)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        rows.into_iter().map(ServiceRow::into_service).collect()
    }

    /// One of a provider's services, also one that is no longer offered.
    pub async fn service(&self, provider: ProviderId, service: ServiceId) -> StoreResult<Option<Service>> {
        let row: Option<ServiceRow> = read!(self, |conn| {
            Ok(sqlx::query_as(concat!(
                "SELECT ",
                service_columns!(),
                " FROM services WHERE provider_id = $1 AND id = $2"
            ))
            .bind(provider.0)
            .bind(service.0)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        row.map(ServiceRow::into_service).transpose()
    }

    /// When a provider can be booked, with all exceptions. `None`: there is no such provider.
    pub async fn hours(&self, provider: ProviderId) -> StoreResult<Option<Hours>> {
        let (first, last) = (NaiveDate::from_ymd_opt(1, 1, 1), NaiveDate::from_ymd_opt(9999, 12, 31));
        read!(self, |conn| Ok(hours_of!(conn, provider, first, last).map(|(hours, _)| hours)))
    }

    /// A provider's bookings in the order of (start, id).
    pub async fn bookings(&self, provider: ProviderId, filter: &BookingFilter) -> StoreResult<Vec<Booking>> {
        let rows: Vec<BookingRow> = read!(self, |conn| {
            let mut query = QueryBuilder::new(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b WHERE b.provider_id = "
            ));
            query.push_bind(provider.0);
            if let Some(from) = filter.from {
                query.push(" AND b.ends_at > ").push_bind(from);
            }
            if let Some(until) = filter.until {
                query.push(" AND b.starts_at < ").push_bind(until);
            }
            if !filter.statuses.is_empty() {
                query.push(" AND b.status IN (");
                let mut list = query.separated(", ");
                for status in &filter.statuses {
                    list.push_bind(status.code());
                }
                query.push(")");
            }
            if let Some((start, id)) = filter.after {
                query
                    .push(" AND (b.starts_at, b.id) > (")
                    .push_bind(start)
                    .push(", ")
                    .push_bind(id.0)
                    .push(")");
            }
            query.push(" ORDER BY b.starts_at, b.id LIMIT ").push_bind(filter.limit);
            Ok(query.build_query_as().fetch_all(&mut *conn).await?)
        })?;
        rows.into_iter().map(|row| Ok(self.open_booking(row)?.0)).collect()
    }

    /// Whether a private link led to an appointment that is over.
    pub async fn has_link_ended(&self, link: &str, now: DateTime<Utc>) -> StoreResult<bool> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM bookings WHERE link_hash = $1 AND ends_at <= $2)"
        )
        .bind(link_hash(link))
        .bind(now)
        .fetch_one(&mut *conn)
        .await?))
    }

    /// Where an appointment at the provider's place is, as it was agreed.
    pub async fn booking_address(
        &self,
        provider: ProviderId,
        booking: BookingId,
    ) -> StoreResult<Option<String>> {
        read!(self, |conn| Ok(sqlx::query_scalar(
            "SELECT address FROM bookings WHERE id = $1 AND provider_id = $2"
        )
        .bind(booking.0)
        .bind(provider.0)
        .fetch_optional(&mut *conn)
        .await?))
    }

    pub async fn booking(
        &self,
        provider: ProviderId,
        booking: BookingId,
    ) -> StoreResult<Option<BookingDetails>> {
        let found: Option<(BookingRow, Vec<ChangeRow>)> = read!(self, |conn| {
            let row: Option<BookingRow> = sqlx::query_as(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b WHERE b.id = $1 AND b.provider_id = $2"
            ))
            .bind(booking.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some(row) = row else { return Ok(None) };
            let history: Vec<ChangeRow> = sqlx::query_as(
                "SELECT at, actor, kind, from_starts_at, to_starts_at FROM booking_changes
                 WHERE booking_id = $1 ORDER BY at, id",
            )
            .bind(booking.0)
            .fetch_all(&mut *conn)
            .await?;
            Ok(Some((row, history)))
        })?;
        let Some((row, history)) = found else { return Ok(None) };
        let (booking, link) = self.open_booking(row)?;
        let history = history.into_iter().map(ChangeRow::into_change).collect::<StoreResult<_>>()?;
        Ok(Some(BookingDetails { booking, link, history }))
    }
}
