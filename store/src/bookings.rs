//! What the core asks of the store about bookings. Decisions are made in [`crate::booking_changes`], and made anew here
//! until what they rest on stands still.

use crate::Database;
use crate::booking_changes::{made_before, request_hashes};
use crate::booking_rows::{BookingRow, booking_columns, hours_of, link_hash};
use crate::booking_slots::{Attempt, TakenRow, booked, busy, not_ready, plausible};
use crate::database::{read, write_one};
use crate::derive::blocks_behind;
use async_trait::async_trait;
use chrono::{DateTime, Days, TimeDelta, Utc};
use simone_booking::booking::{Actor, Booking};
use simone_booking::horizon::HORIZON_DAYS;
use simone_booking::service::Service;
use simone_booking::slots::{Busy, Footprint, MOST_ALTERNATIVES, Situation};
use simone_booking::{BookingId, Interval, ProviderId, ServiceId};
use simone_sync::bookings::{
    BookingStore, Certainty, Change, Done, NewBooking, Offer, Refusal, RequestKey, Staleness,
};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// How often a decision begins anew when what it rests on changes meanwhile.
const ATTEMPTS: usize = 10;

/// How far around a slot that cannot be had others are looked for: nearby first, then everywhere.
const REACHES: [TimeDelta; 2] = [TimeDelta::days(7), TimeDelta::days(HORIZON_DAYS as i64 + 2)];

/// The live connections that say something of when a provider is free, but have not been heard since `$2`.
macro_rules! unheard {
    ($select:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM calendar_connections k
              LEFT JOIN calendar_accounts a ON a.platform = k.platform AND a.account_id = k.account_id
              WHERE k.provider_id = $1 AND k.status IN ('connected', 'needs_reconnect')
                AND (k.pulled_at IS NULL OR k.pulled_at < $2)
                AND EXISTS (SELECT 1 FROM calendars c
                            WHERE c.connection_id = k.id AND c.selected AND c.gone_at IS NULL)"
        )
    };
}

impl Database {
    /// Ends an attempt: what it came to, with other slots where some can be named; `None`: it has to be made anew.
    async fn conclude(
        &self,
        provider: ProviderId,
        start: DateTime<Utc>,
        attempt: Attempt,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Result<Done, Refusal>>> {
        match attempt {
            Attempt::Done(done) => Ok(Some(Ok(*done))),
            Attempt::Refused(refusal) => Ok(Some(Err(refusal))),
            Attempt::Elsewhere(mut refusal, footprint, except) => {
                let found = self.alternatives(provider, footprint, start, except, now).await?;
                if let Refusal::Taken { alternatives } | Refusal::OutsideHours { alternatives } = &mut refusal
                {
                    *alternatives = found;
                }
                Ok(Some(Err(refusal)))
            }
            Attempt::Behind => {
                self.derive_blocks(provider, now).await?;
                Ok(None)
            }
            Attempt::Again => Ok(None),
        }
    }

    /// The offered slots that are nearest, read after the decision, holding nothing.
    async fn alternatives(
        &self,
        provider: ProviderId,
        footprint: Footprint,
        start: DateTime<Utc>,
        except: Option<BookingId>,
        now: DateTime<Utc>,
    ) -> StoreResult<Vec<Interval>> {
        let mut slots = Vec::new();
        if plausible(start, now).is_err() {
            return Ok(slots);
        }
        for reach in REACHES {
            let window = Interval::new(start - reach, start + reach);
            let days = (window.start.date_naive() - Days::new(2), window.end.date_naive() + Days::new(2));
            let read: Option<_> = read!(self, |conn| {
                let Some((hours, zone)) = hours_of!(conn, provider, days.0, days.1) else { return Ok(None) };
                Ok(Some((hours, zone, busy!(conn, provider, footprint.around(window), except, offered))))
            })?;
            let Some((hours, zone, busy)) = read else { break };
            slots = Situation { hours: &hours, busy: &busy, zone, now }.nearest(footprint, start, reach);
            if slots.len() >= MOST_ALTERNATIVES {
                break;
            }
        }
        Ok(slots)
    }
}

fn too_busy() -> StoreError {
    StoreError::database("what a booking rests on keeps changing")
}

#[async_trait]
impl BookingStore for Database {
    async fn wake_stale(
        &self,
        provider: ProviderId,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> StoreResult<Staleness> {
        let unheard: Vec<(Uuid, bool)> = read!(self, |conn| {
            Ok(sqlx::query_as(unheard!(
                "k.id, k.status = 'connected' AND COALESCE(a.not_before <= $3, TRUE)"
            ))
            .bind(provider.0)
            .bind(before)
            .bind(now)
            .fetch_all(&mut *conn)
            .await?)
        })?;
        if unheard.is_empty() {
            return Ok(Staleness::Fresh);
        }
        let askable: Vec<Uuid> =
            unheard.iter().filter(|(_, askable)| *askable).map(|(connection, _)| *connection).collect();
        if askable.is_empty() {
            return Ok(Staleness::Unaskable);
        }
        for connection in &askable {
            // One by one: whoever locks several connections holds their provider first.
            write_one!(self, |executor| {
                sqlx::query(
                    "UPDATE calendar_connections SET wanted = wanted + 1 WHERE id = $1 AND status = 'connected'",
                )
                .bind(connection)
                .execute(executor)
                .await
                .map(|done| done.rows_affected())
            })?;
        }
        Ok(if askable.len() == unheard.len() { Staleness::Woken } else { Staleness::PartlyWoken })
    }

    async fn heard_since(
        &self,
        provider: ProviderId,
        since: DateTime<Utc>,
        but_for_unaskable: Option<DateTime<Utc>>,
    ) -> StoreResult<bool> {
        let unheard: bool = read!(self, |conn| {
            Ok(match but_for_unaskable {
                None => {
                    sqlx::query_scalar(concat!("SELECT EXISTS (", unheard!("1"), ")"))
                        .bind(provider.0)
                        .bind(since)
                        .fetch_one(&mut *conn)
                        .await?
                }
                Some(now) => {
                    sqlx::query_scalar(concat!(
                        "SELECT EXISTS (",
                        unheard!("1"),
                        " AND k.status = 'connected' AND COALESCE(a.not_before <= $3, TRUE))"
                    ))
                    .bind(provider.0)
                    .bind(since)
                    .bind(now)
                    .fetch_one(&mut *conn)
                    .await?
                }
            })
        })?;
        Ok(!unheard)
    }

    async fn offer(
        &self,
        provider: ProviderId,
        service: ServiceId,
        window: Interval,
        limit: usize,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Offer, Refusal>> {
        // Nothing is offered outside of this anyway; what is asked may be any instant.
        let reach = TimeDelta::days(HORIZON_DAYS as i64 + 3);
        let window = Interval::new(window.start.max(now), window.end.min(now + reach));
        if read!(self, |conn| Ok(blocks_behind!(conn, provider, now)))? {
            self.derive_blocks(provider, now).await?;
        }
        let Some(service) = BookingStore::service(self, provider, service).await? else {
            return Ok(Err(Refusal::UnknownService));
        };
        let footprint = Footprint::from(&service);
        if window.is_empty() {
            return Ok(Ok(Offer::default()));
        }
        let days = (window.start.date_naive() - Days::new(3), window.end.date_naive() + Days::new(3));
        let known: Option<Option<_>> = read!(self, |conn| {
            let Some((hours, zone)) = hours_of!(conn, provider, days.0, days.1) else { return Ok(None) };
            if not_ready!(conn, provider) {
                return Ok(Some(None));
            }
            let reach = Interval::new(window.start, window.end + footprint.duration);
            let busy = busy!(conn, provider, footprint.around(reach), None, offered);
            Ok(Some(Some((hours, zone, busy))))
        })?;
        let Some(known) = known else { return Ok(Err(Refusal::UnknownProvider)) };
        let Some((hours, zone, busy)) = known else {
            return Ok(Ok(Offer { slots: Vec::new(), not_ready: true }));
        };
        let situation = Situation { hours: &hours, busy: &busy, zone, now };
        Ok(Ok(Offer { slots: situation.free_slots(footprint, window, limit), not_ready: false }))
    }

    async fn book(
        &self,
        booking: &NewBooking,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>> {
        for _ in 0..ATTEMPTS {
            let attempt = self.try_book(booking, certainty, now).await?;
            if let Some(done) = self.conclude(booking.provider, booking.start, attempt, now).await? {
                return Ok(done);
            }
        }
        Err(too_busy())
    }

    async fn change(
        &self,
        provider: ProviderId,
        booking: BookingId,
        revision: Option<i64>,
        change: &Change,
        actor: Actor,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>> {
        let start = match change {
            Change::Move { start, .. } => *start,
            Change::MoveTo { interval } => interval.start,
            Change::Client(_) | Change::Confirm | Change::Cancel => now,
        };
        for _ in 0..ATTEMPTS {
            let attempt = self.try_change(provider, booking, revision, change, actor, certainty, now).await?;
            if let Some(done) = self.conclude(provider, start, attempt, now).await? {
                return Ok(done);
            }
        }
        Err(too_busy())
    }

    async fn by_link(&self, link: &str, now: DateTime<Utc>) -> StoreResult<Option<Booking>> {
        let row: Option<BookingRow> = read!(self, |conn| {
            Ok(sqlx::query_as(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b JOIN providers p ON p.id = b.provider_id
                  WHERE b.link_hash = $1 AND b.ends_at > $2 AND p.erasure_requested_at IS NULL"
            ))
            .bind(link_hash(link))
            .bind(now)
            .fetch_optional(&mut *conn)
            .await?)
        })?;
        row.map(|row| Ok(self.open_booking(row)?.0)).transpose()
    }

    async fn made_before(
        &self,
        provider: ProviderId,
        request: &RequestKey,
    ) -> StoreResult<Option<Result<Done, Refusal>>> {
        read!(self, |conn| Ok(made_before!(self, conn, provider, request)))
    }

    async fn service(&self, provider: ProviderId, service: ServiceId) -> StoreResult<Option<Service>> {
        let service = Self::service(self, provider, service).await?;
        Ok(service.filter(|service| !service.withdrawn))
    }
}
