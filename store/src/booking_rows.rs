//! How services, hours and bookings stand in their tables.

use crate::Database;
use crate::crypto::Place as Sealed;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};
use simone_booking::booking::{Actor, Booking, Client, Status};
use simone_booking::hours::{Hours, StalePolicy, WeeklyHours, Window};
use simone_booking::service::{Place, Service, ServiceTerms};
use simone_booking::{BookingId, Interval, ProviderId, ServiceId};
use simone_sync::ports::{StoreError, StoreResult};
use sqlx::types::Json;
use uuid::Uuid;

/// The columns of a [`BookingRow`], of `bookings b`.
macro_rules! booking_columns {
    () => {
        "b.id, b.provider_id, b.service_id, b.service_name, b.price_cents, b.buffer_before_minutes,
         b.buffer_after_minutes, b.place, b.starts_at, b.ends_at, b.status, b.client, b.link, b.origin, b.revision,
         b.created_at, b.changed_at"
    };
}

/// The columns of a [`ServiceRow`].
macro_rules! service_columns {
    () => {
        "id, name, duration_minutes, price_cents, buffer_before_minutes, buffer_after_minutes, place, address,
         withdrawn_at IS NOT NULL AS withdrawn"
    };
}

/// A provider's hours, with the exceptions of two days and of those between them, as [`HoursRow`] and pairs;
/// `None`: there is no such provider, or not for long.
macro_rules! hours_of {
    ($conn:ident, $provider:expr, $first:expr, $last:expr) => {{
        let row: Option<$crate::booking_rows::HoursRow> = sqlx::query_as(
            "SELECT time_zone, weekly_hours, notice_minutes, stale_policy FROM providers
             WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind($provider.0)
        .fetch_optional(&mut *$conn)
        .await?;
        match row {
            None => None,
            Some(row) => {
                let exceptions: Vec<(
                    chrono::NaiveDate,
                    sqlx::types::Json<Vec<simone_booking::hours::Window>>,
                )> = sqlx::query_as(
                    "SELECT date, windows FROM hours_exceptions WHERE provider_id = $1 AND date >= $2 AND date <= $3",
                )
                .bind($provider.0)
                .bind($first)
                .bind($last)
                .fetch_all(&mut *$conn)
                .await?;
                Some(row.into_hours(exceptions)?)
            }
        }
    }};
}

pub(crate) use {booking_columns, hours_of, service_columns};

#[derive(sqlx::FromRow)]
pub(crate) struct HoursRow {
    time_zone: String,
    weekly_hours: Json<WeeklyHours>,
    notice_minutes: i64,
    stale_policy: String,
}

impl HoursRow {
    /// The hours, and the zone in whose wall time they are.
    pub(crate) fn into_hours(
        self,
        exceptions: Vec<(NaiveDate, Json<Vec<Window>>)>,
    ) -> StoreResult<(Hours, Tz)> {
        let zone =
            self.time_zone.parse().map_err(|_| StoreError::Corrupt { what: "a provider's time zone" })?;
        let hours = Hours {
            weekly: self.weekly_hours.0,
            exceptions: exceptions.into_iter().map(|(date, windows)| (date, windows.0)).collect(),
            notice_minutes: self.notice_minutes,
            stale_policy: StalePolicy::from_code(&self.stale_policy),
        };
        Ok((hours, zone))
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ServiceRow {
    id: Uuid,
    name: String,
    duration_minutes: i64,
    price_cents: Option<i64>,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
    place: String,
    address: String,
    withdrawn: bool,
}

impl ServiceRow {
    pub(crate) fn into_service(self) -> StoreResult<Service> {
        Ok(Service {
            id: ServiceId(self.id),
            terms: ServiceTerms {
                name: self.name,
                duration_minutes: self.duration_minutes,
                price_cents: self.price_cents,
                buffer_before_minutes: self.buffer_before_minutes,
                buffer_after_minutes: self.buffer_after_minutes,
                place: place(&self.place)?,
                address: self.address,
            },
            withdrawn: self.withdrawn,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct BookingRow {
    pub(crate) id: Uuid,
    provider_id: Uuid,
    service_id: Uuid,
    service_name: String,
    price_cents: Option<i64>,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
    place: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    status: String,
    client: Option<Vec<u8>>,
    link: Vec<u8>,
    origin: String,
    revision: i64,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

fn place(code: &str) -> StoreResult<Place> {
    code.parse().map_err(|_| StoreError::Corrupt { what: "a place" })
}

/// Where a booking's client is sealed.
pub(crate) fn client_place<'a>(row: &'a [&'a [u8]]) -> Sealed<'a> {
    Sealed { table: "bookings", column: "client", row }
}

/// Where the token of a booking's private link is sealed.
fn link_place<'a>(row: &'a [&'a [u8]]) -> Sealed<'a> {
    Sealed { table: "bookings", column: "link", row }
}

/// By which a private link is found.
pub(crate) fn link_hash(link: &str) -> Vec<u8> {
    Sha256::digest(link.as_bytes()).to_vec()
}

impl Database {
    pub(crate) fn seal_client(&self, booking: BookingId, client: &Client) -> Vec<u8> {
        let plain = serde_json::to_vec(client).expect("a client is plain strings");
        self.keys.seal(client_place(&[booking.0.as_bytes()]), &plain)
    }

    pub(crate) fn seal_link(&self, booking: BookingId, link: &str) -> Vec<u8> {
        self.keys.seal(link_place(&[booking.0.as_bytes()]), link.as_bytes())
    }

    /// The booking and the token of its private link. What a lost key has sealed is as if it were erased.
    pub(crate) fn open_booking(&self, row: BookingRow) -> StoreResult<(Booking, String)> {
        let id = BookingId(row.id);
        let name: &[&[u8]] = &[id.0.as_bytes()];
        let client = row.client.and_then(|sealed| self.keys.open(client_place(name), &sealed).ok());
        let client = client
            .map(|plain| serde_json::from_slice(&plain))
            .transpose()
            .map_err(|_| StoreError::Corrupt { what: "a booking's client" })?;
        let link = self.keys.open(link_place(name), &row.link).ok();
        let link = link.and_then(|plain| String::from_utf8(plain).ok()).unwrap_or_default();
        let booking = Booking {
            id,
            provider: ProviderId(row.provider_id),
            service: ServiceId(row.service_id),
            service_name: row.service_name,
            price_cents: row.price_cents,
            buffer_before_minutes: row.buffer_before_minutes,
            buffer_after_minutes: row.buffer_after_minutes,
            place: place(&row.place)?,
            interval: Interval::new(row.starts_at, row.ends_at),
            status: Status::from_code(&row.status)
                .ok_or(StoreError::Corrupt { what: "a booking's status" })?,
            client,
            origin: Actor::from_code(&row.origin)
                .ok_or(StoreError::Corrupt { what: "a booking's origin" })?,
            revision: row.revision,
            created_at: row.created_at,
            changed_at: row.changed_at,
        };
        Ok((booking, link))
    }
}
