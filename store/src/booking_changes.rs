//! Writing bookings: one attempt to make one, or to change one, in a transaction that holds the provider's row, over facts
//! that are derived by then. What is refused writes nothing.

use crate::Database;
use crate::booking_news::tell_of_booking;
use crate::booking_rows::{BookingRow, ServiceRow, booking_columns, hours_of, link_hash, service_columns};
use crate::booking_slots::{Attempt, TakenRow, booked, busy, decide, decided, not_ready, plausible};
use crate::database::{for_update, write};
use crate::derive::blocks_behind;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use simone_booking::booking::{Actor, Booking, ChangeKind, Status};
use simone_booking::service::Service;
use simone_booking::slots::{Busy, Footprint, Situation};
use simone_booking::{BookingId, Interval, ProviderId};
use simone_sync::bookings::{Certainty, Change, Done, NewBooking, Refusal, RequestKey, Rules, is_held};
use simone_sync::ports::StoreResult;
use uuid::Uuid;

/// Something about a provider's bookings changes: raises what deriving has to cover, which locks the provider's row, and
/// wakes the connections that receive bookings. `false`: there is no such provider, or not for long.
macro_rules! bookings_change {
    ($conn:ident, $provider:expr) => {{
        let raised = sqlx::query(
            "UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = $1 AND erasure_requested_at IS NULL",
        )
        .bind($provider.0)
        .execute(&mut *$conn)
        .await?
        .rows_affected()
            > 0;
        if raised {
            sqlx::query(
                "UPDATE calendar_connections SET wanted = wanted + 1, exports_wanted = exports_wanted + 1
                 WHERE provider_id = $1 AND status IN ('connected', 'needs_reconnect')",
            )
            .bind($provider.0)
            .execute(&mut *$conn)
            .await?;
        }
        raised
    }};
}

/// A line of a booking's history.
macro_rules! note_change {
    ($db:expr, $conn:ident, $booking:expr, $kind:expr, $actor:expr, $moved:expr, $now:expr) => {{
        let moved: Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)> = $moved;
        let id: uuid::Uuid = $db.ids.id();
        sqlx::query(
            "INSERT INTO booking_changes (id, booking_id, provider_id, at, actor, kind, from_starts_at, to_starts_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id)
        .bind($booking.id.0)
        .bind($booking.provider.0)
        .bind($now)
        .bind($actor.code())
        .bind($kind.code())
        .bind(moved.map(|(from, _)| from))
        .bind(moved.map(|(_, to)| to))
        .execute(&mut *$conn)
        .await?;
    }};
}

/// Locks the provider's row until the transaction ends. `false`: there is no such provider, or not for long.
macro_rules! lock_provider {
    ($db:expr, $conn:ident, $provider:expr) => {{
        let sql = for_update!($db, "SELECT 1 FROM providers WHERE id = $1 AND erasure_requested_at IS NULL");
        sqlx::query(sql).bind($provider.0).fetch_optional(&mut *$conn).await?.is_some()
    }};
}

/// What a request came to that was made before.
macro_rules! made_before {
    ($db:expr, $conn:ident, $provider:expr, $request:expr) => {{
        let (key, asked) = request_hashes($provider, $request);
        let known: Option<(Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT booking_id, request_hash FROM booking_requests WHERE caller_id = $1 AND key_hash = $2",
        )
        .bind($request.caller)
        .bind(&key)
        .fetch_optional(&mut *$conn)
        .await?;
        match known {
            None => None,
            Some((_, before)) if before != asked => Some(Err(Refusal::KeyReused)),
            Some((booking, _)) => {
                let row: Option<BookingRow> = sqlx::query_as(concat!(
                    "SELECT ",
                    booking_columns!(),
                    " FROM bookings b WHERE b.id = $1 AND b.provider_id = $2"
                ))
                .bind(booking)
                .bind($provider.0)
                .fetch_optional(&mut *$conn)
                .await?;
                match row {
                    None => None,
                    Some(row) => {
                        let (booking, link) = $db.open_booking(row)?;
                        Some(Ok(Done { booking, link, repeated: true }))
                    }
                }
            }
        }
    }};
}

pub(crate) use {made_before, note_change};

/// What names a request, and a digest of what it asked.
pub(crate) fn request_hashes(provider: ProviderId, request: &RequestKey) -> (Vec<u8>, Vec<u8>) {
    let asked = Sha256::new().chain_update(provider.0.as_bytes()).chain_update(request.asked.as_bytes());
    (Sha256::digest(request.key.as_bytes()).to_vec(), asked.finalize().to_vec())
}

impl Database {
    pub(crate) async fn try_book(
        &self,
        new: &NewBooking,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Attempt> {
        let provider = new.provider;
        write!(self, |conn| {
            if !lock_provider!(self, conn, provider) {
                return Ok(Attempt::Refused(Refusal::UnknownProvider));
            }
            if let Some(request) = &new.request {
                match made_before!(self, conn, provider, request) {
                    Some(Ok(done)) => return Ok(Attempt::Done(Box::new(done))),
                    Some(Err(refusal)) => return Ok(Attempt::Refused(refusal)),
                    None => {}
                }
            }
            let row: Option<ServiceRow> = sqlx::query_as(concat!(
                "SELECT ",
                service_columns!(),
                " FROM services WHERE provider_id = $1 AND id = $2 AND withdrawn_at IS NULL"
            ))
            .bind(provider.0)
            .bind(new.service.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some(row) = row else { return Ok(Attempt::Refused(Refusal::UnknownService)) };
            let service = row.into_service()?;
            let footprint = Footprint::from(&service);
            let (interval, held) =
                decided!(conn, provider, footprint, new.start, new.rules, certainty, None, now);
            let address = service.terms.address.clone();
            let booking = self.booking_of(new, service, interval, held, now);
            let link = URL_SAFE_NO_PAD.encode(self.ids.bytes::<32>());
            sqlx::query(
                "INSERT INTO bookings (id, provider_id, service_id, service_name, price_cents, buffer_before_minutes,
                                       buffer_after_minutes, place, starts_at, ends_at, status, client, link_hash,
                                       link, origin, created_at, changed_at, address)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17)",
            )
            .bind(booking.id.0)
            .bind(provider.0)
            .bind(booking.service.0)
            .bind(&booking.service_name)
            .bind(booking.price_cents)
            .bind(booking.buffer_before_minutes)
            .bind(booking.buffer_after_minutes)
            .bind(booking.place.code())
            .bind(interval.start)
            .bind(interval.end)
            .bind(booking.status.code())
            .bind(self.seal_client(booking.id, &new.client))
            .bind(link_hash(&link))
            .bind(self.seal_link(booking.id, &link))
            .bind(new.actor.code())
            .bind(now)
            .bind(&address)
            .execute(&mut *conn)
            .await?;
            if let Some(request) = &new.request {
                let (key, asked) = request_hashes(provider, request);
                let noted = sqlx::query(
                    "INSERT INTO booking_requests (caller_id, key_hash, request_hash, booking_id, created_at)
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller_id, key_hash) DO NOTHING",
                )
                .bind(request.caller)
                .bind(&key)
                .bind(&asked)
                .bind(booking.id.0)
                .bind(now)
                .execute(&mut *conn)
                .await?;
                if noted.rows_affected() == 0 {
                    // The same key, at another provider: what it made is looked at anew.
                    sqlx::query("DELETE FROM bookings WHERE id = $1")
                        .bind(booking.id.0)
                        .execute(&mut *conn)
                        .await?;
                    return Ok(Attempt::Again);
                }
            }
            let kind = if held { ChangeKind::Held } else { ChangeKind::Booked };
            note_change!(self, conn, booking, kind, new.actor, None, now);
            bookings_change!(conn, provider);
            tell_of_booking!(self, conn, Some(provider), &booking, &link, kind, new.actor, None, now);
            Ok(Attempt::Done(Box::new(Done { booking, link, repeated: false })))
        })
    }

    fn booking_of(
        &self,
        new: &NewBooking,
        service: Service,
        interval: Interval,
        held: bool,
        now: DateTime<Utc>,
    ) -> Booking {
        Booking {
            id: self.ids.id(),
            provider: new.provider,
            service: service.id,
            service_name: service.terms.name,
            price_cents: service.terms.price_cents,
            buffer_before_minutes: service.terms.buffer_before_minutes,
            buffer_after_minutes: service.terms.buffer_after_minutes,
            place: service.terms.place,
            interval,
            status: if held { Status::Pending } else { Status::Confirmed },
            client: Some(new.client.clone()),
            origin: new.actor,
            revision: 1,
            created_at: now,
            changed_at: now,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of a change")]
    pub(crate) async fn try_change(
        &self,
        provider: ProviderId,
        id: BookingId,
        revision: Option<i64>,
        change: &Change,
        actor: Actor,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Attempt> {
        write!(self, |conn| {
            if !lock_provider!(self, conn, provider) {
                return Ok(Attempt::Refused(Refusal::UnknownBooking));
            }
            let row: Option<BookingRow> = sqlx::query_as(concat!(
                "SELECT ",
                booking_columns!(),
                " FROM bookings b WHERE b.id = $1 AND b.provider_id = $2"
            ))
            .bind(id.0)
            .bind(provider.0)
            .fetch_optional(&mut *conn)
            .await?;
            let Some(row) = row else { return Ok(Attempt::Refused(Refusal::UnknownBooking)) };
            let (before, link) = self.open_booking(row)?;
            let change = match checked(&before, change, now) {
                Ok(Some(change)) => change,
                Ok(None) => {
                    return Ok(Attempt::Done(Box::new(Done { booking: before, link, repeated: true })));
                }
                Err(refusal) => return Ok(Attempt::Refused(refusal)),
            };
            if revision.is_some_and(|revision| revision != before.revision) {
                return Ok(Attempt::Refused(Refusal::Changed));
            }
            let mut booking = Booking { revision: before.revision + 1, changed_at: now, ..before.clone() };
            let mut moved = None;
            let kind = match change {
                Change::Move { start, rules: rules @ (Rules::Offered | Rules::Free) } => {
                    let footprint = Footprint::from(&before);
                    let (interval, held) =
                        decided!(conn, provider, footprint, start, rules, certainty, Some(id), now);
                    booking.interval = interval;
                    if held {
                        booking.status = Status::Pending;
                    }
                    ChangeKind::Moved
                }
                Change::Move { .. } | Change::MoveTo { .. } => {
                    let Some(interval) = applied(&before, &change) else {
                        return Ok(Attempt::Refused(Refusal::BeyondHorizon));
                    };
                    let others: Vec<TakenRow> = booked!(conn, provider, interval, Some(id));
                    let is_taken =
                        |row: &TakenRow| Interval::new(row.starts_at, row.ends_at).overlaps(&interval);
                    if others.iter().any(is_taken) {
                        let refusal = Refusal::Taken { alternatives: Vec::new() };
                        return Ok(Attempt::Elsewhere(refusal, Footprint::from(&before), Some(id)));
                    }
                    booking.interval = interval;
                    ChangeKind::Moved
                }
                Change::Client(client) => {
                    booking.client = Some(client);
                    ChangeKind::Changed
                }
                Change::Confirm => {
                    // What the calendars have said since it was held counts.
                    let (start, footprint) = (before.interval.start, Footprint::from(&before));
                    let _ = decided!(conn, provider, footprint, start, Rules::Free, certainty, Some(id), now);
                    booking.status = Status::Confirmed;
                    ChangeKind::Confirmed
                }
                Change::Cancel => {
                    booking.status = Status::Cancelled;
                    ChangeKind::Cancelled
                }
            };
            if kind == ChangeKind::Moved {
                moved = Some((before.interval.start, booking.interval.start));
                if actor == Actor::Provider {
                    // Whoever says when it takes place has said that it does.
                    booking.status = Status::Confirmed;
                }
            }
            let sealed = booking.client.as_ref().map(|client| self.seal_client(id, client));
            sqlx::query(
                "UPDATE bookings SET starts_at = $2, ends_at = $3, status = $4, client = $5, revision = $6,
                        changed_at = $7
                 WHERE id = $1",
            )
            .bind(id.0)
            .bind(booking.interval.start)
            .bind(booking.interval.end)
            .bind(booking.status.code())
            .bind(sealed)
            .bind(booking.revision)
            .bind(now)
            .execute(&mut *conn)
            .await?;
            note_change!(self, conn, booking, kind, actor, moved, now);
            bookings_change!(conn, provider);
            tell_of_booking!(self, conn, Some(provider), &booking, &link, kind, actor, moved, now);
            Ok(Attempt::Done(Box::new(Done { booking, link, repeated: false })))
        })
    }
}

/// A change that changes something (with its texts trimmed), if it may be made; `None`: it stands so already.
fn checked(booking: &Booking, change: &Change, now: DateTime<Utc>) -> Result<Option<Change>, Refusal> {
    if booking.status == Status::Cancelled {
        return if matches!(change, Change::Cancel) { Ok(None) } else { Err(Refusal::Cancelled) };
    }
    let stands = match change {
        Change::Move { start, .. } => *start == booking.interval.start,
        Change::MoveTo { interval } => *interval == booking.interval,
        Change::Client(_) | Change::Cancel => false,
        Change::Confirm => booking.status == Status::Confirmed,
    };
    if stands {
        return Ok(None);
    }
    if booking.interval.end <= now {
        return Err(Refusal::Over);
    }
    let Change::Client(client) = change else { return Ok(Some(change.clone())) };
    let client = client.clone().checked(booking.place).map_err(Refusal::Client)?;
    Ok((booking.client.as_ref() != Some(&client)).then_some(Change::Client(client)))
}

/// When an appointment is after an applied edit; `None`: at no time that a calendar can tell.
fn applied(booking: &Booking, change: &Change) -> Option<Interval> {
    let interval = match change {
        Change::MoveTo { interval } => *interval,
        Change::Move { start, .. } => Footprint::from(booking).at(*start)?,
        _ => booking.interval,
    };
    let room = TimeDelta::days(2);
    let can_be_told =
        interval.start.checked_sub_signed(room).is_some() && interval.end.checked_add_signed(room).is_some();
    (can_be_told && !interval.is_empty()).then_some(interval)
}
