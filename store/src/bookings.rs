//! Making and changing bookings. The decision falls in one transaction that holds the provider's row, over facts that are
//! derived by then; what is refused writes nothing.

use crate::Database;
use crate::booking_news::tell_of_booking;
use crate::booking_rows::{BookingRow, ServiceRow, booking_columns, hours_of, link_hash, service_columns};
use crate::database::{for_update, read, write};
use crate::derive::blocks_behind;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Days, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use simone_booking::booking::{Actor, Booking, ChangeKind, Status};
use simone_booking::horizon::HORIZON_DAYS;
use simone_booking::service::{LONGEST_BUFFER_MINUTES, Service};
use simone_booking::slots::{Busy, Footprint, MOST_ALTERNATIVES, Situation, SlotError};
use simone_booking::{BookingId, Interval, ProviderId, ServiceId};
use simone_sync::bookings::{
    BookingStore, Certainty, Change, Done, NewBooking, Offer, Refusal, RequestKey, Rules, Staleness, is_held,
};
use simone_sync::ports::{StoreError, StoreResult};
use uuid::Uuid;

/// How often a decision begins anew when what it rests on changes meanwhile.
const ATTEMPTS: usize = 10;

/// How far around a slot that cannot be had others are looked for: nearby first, then everywhere.
const REACHES: [TimeDelta; 2] = [TimeDelta::days(7), TimeDelta::days(HORIZON_DAYS as i64 + 2)];

/// What became of one attempt.
enum Attempt {
    Done(Done),
    Refused(Refusal),
    /// Like [`Attempt::Refused`], for a slot of which others can be named instead.
    Elsewhere(Refusal, Footprint, Option<BookingId>),
    /// The blocks have to be derived first.
    Behind,
    /// Another request came in between.
    Again,
}

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
#[expect(unused_imports, reason = "what settles conflicts begins with it too")]
pub(crate) use bookings_change;

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

/// What takes time within an interval: what blocks, and bookings with their buffers, but for one.
macro_rules! busy {
    ($conn:ident, $provider:expr, $within:expr, $except:expr) => {{
        let within: Interval = $within;
        let mut taken: Vec<(DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(
            "SELECT starts_at, ends_at FROM unavailabilities
             WHERE provider_id = $1 AND ends_at > $2 AND starts_at < $3",
        )
        .bind($provider.0)
        .bind(within.start)
        .bind(within.end)
        .fetch_all(&mut *$conn)
        .await?;
        let rows: Vec<TakenRow> = booked!($conn, $provider, within, $except);
        taken.extend(rows.iter().map(TakenRow::with_buffers));
        taken.into_iter().map(|(start, end)| Interval::new(start, end)).collect::<Busy>()
    }};
}

/// The bookings that take time within an interval, or may with their buffers, but for one.
macro_rules! booked {
    ($conn:ident, $provider:expr, $within:expr, $except:expr) => {{
        let within: Interval = $within;
        let except: Option<BookingId> = $except;
        sqlx::query_as(
            "SELECT starts_at, ends_at, buffer_before_minutes, buffer_after_minutes FROM bookings
             WHERE provider_id = $1 AND ends_at > $2 AND starts_at < $3 AND status <> 'cancelled' AND id <> $4",
        )
        .bind($provider.0)
        .bind(within.start - TimeDelta::minutes(LONGEST_BUFFER_MINUTES))
        .bind(within.end + TimeDelta::minutes(LONGEST_BUFFER_MINUTES))
        .bind(except.map_or(Uuid::nil(), |except| except.0))
        .fetch_all(&mut *$conn)
        .await?
    }};
}

/// Whether a calendar that blocks has never been read: what it says is not known at all.
macro_rules! not_ready {
    ($conn:ident, $provider:expr) => {
        sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (
                SELECT 1 FROM calendar_connections k WHERE k.provider_id = $1 AND (
                    k.status IN ('connected', 'needs_reconnect') AND EXISTS (
                        SELECT 1 FROM calendars c WHERE c.connection_id = k.id AND c.selected
                        AND c.gone_at IS NULL AND c.synced_at IS NULL)
                    OR k.status = 'connected' AND k.last_synced_at IS NULL AND NOT EXISTS (
                        SELECT 1 FROM calendars c WHERE c.connection_id = k.id)))",
        )
        .bind($provider.0)
        .fetch_one(&mut *$conn)
        .await?
    };
}

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

#[derive(sqlx::FromRow)]
struct TakenRow {
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    buffer_before_minutes: i64,
    buffer_after_minutes: i64,
}

impl TakenRow {
    fn with_buffers(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (
            self.starts_at - TimeDelta::minutes(self.buffer_before_minutes),
            self.ends_at + TimeDelta::minutes(self.buffer_after_minutes),
        )
    }
}

/// What names a request, and a digest of what it asked.
fn request_hashes(provider: ProviderId, request: &RequestKey) -> (Vec<u8>, Vec<u8>) {
    let asked = Sha256::new().chain_update(provider.0.as_bytes()).chain_update(request.asked.as_bytes());
    (Sha256::digest(request.key.as_bytes()).to_vec(), asked.finalize().to_vec())
}

/// A start that no horizon can contain is refused before anything is computed from it.
fn plausible(start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    if start < now - TimeDelta::days(2) {
        return Err(Refusal::Past);
    }
    if start > now + TimeDelta::days(HORIZON_DAYS as i64 + 3) {
        return Err(Refusal::BeyondHorizon);
    }
    Ok(())
}

fn decide(
    situation: &Situation<'_>,
    footprint: Footprint,
    start: DateTime<Utc>,
    rules: Rules,
    except: Option<BookingId>,
) -> Result<Interval, Attempt> {
    let decided = match rules {
        Rules::Offered => situation.check(footprint, start),
        Rules::Free | Rules::Applied => situation.check_any(footprint, start),
    };
    decided.map_err(|error| {
        let alternatives = Vec::new();
        match error {
            SlotError::Past => Attempt::Refused(Refusal::Past),
            SlotError::TooSoon { latest } => Attempt::Refused(Refusal::TooSoon { latest }),
            SlotError::BeyondHorizon => Attempt::Refused(Refusal::BeyondHorizon),
            SlotError::OutsideHours => {
                Attempt::Elsewhere(Refusal::OutsideHours { alternatives }, footprint, except)
            }
            SlotError::Taken => Attempt::Elsewhere(Refusal::Taken { alternatives }, footprint, except),
        }
    })
}

/// The slot that is asked for, decided over what is stored; or leaves the body with what became of the attempt. With it
/// comes whether a client's slot is held.
macro_rules! decided {
    ($conn:ident, $provider:expr, $footprint:expr, $start:expr, $rules:expr, $certainty:expr, $except:expr, $now:expr) => {{
        let (footprint, start, rules): (Footprint, DateTime<Utc>, Rules) = ($footprint, $start, $rules);
        if let Err(refusal) = plausible(start, $now) {
            return Ok(Attempt::Refused(refusal));
        }
        let (first, last) = (start.date_naive() - Days::new(3), start.date_naive() + Days::new(3));
        let Some((hours, zone)) = hours_of!($conn, $provider, first, last) else {
            return Ok(Attempt::Refused(Refusal::UnknownProvider));
        };
        let nothing = Busy::default();
        let mut situation = Situation { hours: &hours, busy: &nothing, zone, now: $now };
        let appointment = match decide(&situation, footprint, start, rules, $except) {
            Ok(appointment) => appointment,
            Err(refused) => return Ok(refused),
        };
        if blocks_behind!($conn, $provider, $now) {
            return Ok(Attempt::Behind);
        }
        if rules == Rules::Offered && not_ready!($conn, $provider) {
            return Ok(Attempt::Refused(Refusal::NotReady));
        }
        let busy = busy!($conn, $provider, footprint.around(appointment), $except);
        situation.busy = &busy;
        if let Err(refused) = decide(&situation, footprint, start, rules, $except) {
            return Ok(refused);
        }
        (appointment, is_held(hours.stale_policy, $certainty, rules))
    }};
}

/// What a request came to that was made before.
macro_rules! made_before {
    ($db:expr, $conn:ident, $provider:expr, $request:expr) => {{
        let (key, asked) = request_hashes($provider, $request);
        let known: Option<(Uuid, Vec<u8>)> = sqlx::query_as(
            "SELECT booking_id, request_hash FROM booking_requests WHERE caller = $1 AND key_hash = $2",
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

impl Database {
    async fn try_book(
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
                    Some(Ok(done)) => return Ok(Attempt::Done(done)),
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
            let booking = self.booking_of(new, service, interval, held, now);
            let link = URL_SAFE_NO_PAD.encode(self.ids.bytes::<32>());
            sqlx::query(
                "INSERT INTO bookings (id, provider_id, service_id, service_name, price_cents, buffer_before_minutes,
                                       buffer_after_minutes, place, starts_at, ends_at, status, client, link_hash,
                                       link, origin, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)",
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
            .execute(&mut *conn)
            .await?;
            if let Some(request) = &new.request {
                let (key, asked) = request_hashes(provider, request);
                let noted = sqlx::query(
                    "INSERT INTO booking_requests (caller, key_hash, request_hash, booking_id, created_at)
                     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller, key_hash) DO NOTHING",
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
            Ok(Attempt::Done(Done { booking, link, repeated: false }))
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
    async fn try_change(
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
                Ok(None) => return Ok(Attempt::Done(Done { booking: before, link, repeated: true })),
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
            Ok(Attempt::Done(Done { booking, link, repeated: false }))
        })
    }

    /// Ends an attempt: what it came to, with other slots where some can be named; `None`: it has to be made anew.
    async fn conclude(
        &self,
        provider: ProviderId,
        start: DateTime<Utc>,
        attempt: Attempt,
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Result<Done, Refusal>>> {
        match attempt {
            Attempt::Done(done) => Ok(Some(Ok(done))),
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
                Ok(Some((hours, zone, busy!(conn, provider, footprint.around(window), except))))
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
        if unheard.iter().any(|(_, askable)| !askable) {
            return Ok(Staleness::Unaskable);
        }
        write!(self, |conn| {
            for (connection, _) in &unheard {
                sqlx::query(
                    "UPDATE calendar_connections SET wanted = wanted + 1 WHERE id = $1 AND status = 'connected'",
                )
                .bind(connection)
                .execute(&mut *conn)
                .await?;
            }
            Ok(Staleness::Woken)
        })
    }

    async fn heard_since(&self, provider: ProviderId, since: DateTime<Utc>) -> StoreResult<bool> {
        let unheard: bool = read!(self, |conn| {
            Ok(sqlx::query_scalar(concat!("SELECT EXISTS (", unheard!("1"), ")"))
                .bind(provider.0)
                .bind(since)
                .fetch_one(&mut *conn)
                .await?)
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
            let busy = busy!(conn, provider, footprint.around(reach), None);
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
