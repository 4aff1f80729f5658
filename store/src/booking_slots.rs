//! What takes a provider's time, read inside a transaction, and what becomes of an attempt to take some of it.

use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::horizon::HORIZON_DAYS;
use simone_booking::slots::{Footprint, Situation, SlotError};
use simone_booking::{BookingId, Interval};
use simone_sync::bookings::{Done, Refusal, Rules};

/// What became of one attempt.
pub(crate) enum Attempt {
    Done(Box<Done>),
    Refused(Refusal),
    /// Like [`Attempt::Refused`], for a slot of which others can be named instead.
    Elsewhere(Refusal, Footprint, Option<BookingId>),
    /// The blocks have to be derived first.
    Behind,
    /// Another request came in between.
    Again,
}

#[derive(sqlx::FromRow)]
pub(crate) struct TakenRow {
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) buffer_before_minutes: i64,
    pub(crate) buffer_after_minutes: i64,
}

impl TakenRow {
    pub(crate) fn with_buffers(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (
            self.starts_at - TimeDelta::minutes(self.buffer_before_minutes),
            self.ends_at + TimeDelta::minutes(self.buffer_after_minutes),
        )
    }
}

/// What takes time within an interval: what blocks, and bookings with their buffers, but for one. `offered`: to clients,
/// to whom nothing is offered of which a calendar that blocks has not been heard.
macro_rules! busy {
    ($conn:ident, $provider:expr, $within:expr, $except:expr, offered) => {{
        let within: Interval = $within;
        let covered: Option<DateTime<Utc>> = sqlx::query_scalar(
            "SELECT MIN(c.covered_until) FROM calendars c JOIN calendar_connections k ON k.id = c.connection_id
             WHERE c.provider_id = $1 AND c.selected AND k.status IN ('connected', 'needs_reconnect')",
        )
        .bind($provider.0)
        .fetch_one(&mut *$conn)
        .await?;
        let unheard = covered.filter(|at| *at < within.end).map(|at| Interval::new(at.max(within.start), within.end));
        let mut taken: Vec<Interval> = busy!(@taken $conn, $provider, within, $except);
        taken.extend(unheard);
        taken.into_iter().collect::<Busy>()
    }};
    ($conn:ident, $provider:expr, $within:expr, $except:expr) => {
        busy!(@taken $conn, $provider, $within, $except).into_iter().collect::<Busy>()
    };
    (@taken $conn:ident, $provider:expr, $within:expr, $except:expr) => {{
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
        taken.into_iter().map(|(start, end)| Interval::new(start, end)).collect::<Vec<Interval>>()
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
        .bind(within.start - chrono::TimeDelta::minutes(simone_booking::service::LONGEST_BUFFER_MINUTES))
        .bind(within.end + chrono::TimeDelta::minutes(simone_booking::service::LONGEST_BUFFER_MINUTES))
        .bind(except.map_or(Uuid::nil(), |except| except.0))
        .fetch_all(&mut *$conn)
        .await?
    }};
}

/// Whether a calendar that blocks has never been read: what it says is not known at all. An account of which the
/// platform says that it has no calendars has none to read.
macro_rules! not_ready {
    ($conn:ident, $provider:expr) => {
        sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (
                SELECT 1 FROM calendar_connections k WHERE k.provider_id = $1 AND (
                    k.status IN ('connected', 'needs_reconnect') AND EXISTS (
                        SELECT 1 FROM calendars c WHERE c.connection_id = k.id AND c.selected
                        AND c.gone_at IS NULL AND c.synced_at IS NULL)
                    OR k.status = 'connected' AND k.last_synced_at IS NULL AND COALESCE(k.last_error, '') <> $2
                        AND NOT EXISTS (SELECT 1 FROM calendars c WHERE c.connection_id = k.id)))",
        )
        .bind($provider.0)
        .bind(simone_sync::round::Outcome::NoCalendars.code())
        .fetch_one(&mut *$conn)
        .await?
    };
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
        let busy = match rules {
            Rules::Offered => busy!($conn, $provider, footprint.around(appointment), $except, offered),
            Rules::Free | Rules::Applied => busy!($conn, $provider, footprint.around(appointment), $except),
        };
        situation.busy = &busy;
        if let Err(refused) = decide(&situation, footprint, start, rules, $except) {
            return Ok(refused);
        }
        (appointment, is_held(hours.stale_policy, $certainty, rules))
    }};
}

pub(crate) use {booked, busy, decided, not_ready};

/// A start that no horizon can contain is refused before anything is computed from it.
pub(crate) fn plausible(start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    if start < now - TimeDelta::days(2) {
        return Err(Refusal::Past);
    }
    if start > now + TimeDelta::days(HORIZON_DAYS as i64 + 3) {
        return Err(Refusal::BeyondHorizon);
    }
    Ok(())
}

pub(crate) fn decide(
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
