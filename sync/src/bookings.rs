//! Making and changing bookings: what is asked first, what is decided, what a refusal says.
//!
//! The decision itself falls in one transaction of the store, under a lock on the provider's row, over facts that are
//! derived by then. Before it, and holding nothing, the provider's connections are given a moment to look whether their
//! calendars say something new.

use crate::ports::StoreResult;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::booking::{Actor, BadClient, Booking, Client};
use simone_booking::hours::StalePolicy;
use simone_booking::id::{BookingId, ServiceId};
use simone_booking::service::Service;
use simone_booking::{Clock, Interval, ProviderId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use uuid::Uuid;

/// What a pull said this long ago is still believed at a booking.
pub const FRESH: TimeDelta = TimeDelta::minutes(1);

/// How long a booking waits for the platforms.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How often it looks meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// Which rules a slot has to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Of clients and the marketplace: what is offered.
    Offered,
    /// Of the provider: any time to come inside the horizon that nothing takes.
    Free,
    /// Of an edit in an external calendar that is applied: any time that no other booking takes.
    Applied,
}

/// A booking that is asked for.
#[derive(Clone, Debug)]
pub struct NewBooking {
    pub provider: ProviderId,
    pub service: ServiceId,
    pub start: DateTime<Utc>,
    pub client: Client,
    pub actor: Actor,
    pub rules: Rules,
    /// Of a request that may be repeated.
    pub request: Option<RequestKey>,
}

/// What makes the repetition of a request the same request.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is: a token of the API.
    pub caller: Uuid,
    pub key: String,
    /// Whatever was asked, in a stable form: the same key for something else is refused. Stored as a digest.
    pub asked: String,
}

impl std::fmt::Debug for RequestKey {
    /// What was asked is of a client.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RequestKey({})", self.caller)
    }
}

/// Why a booking is not made or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no such provider")]
    UnknownProvider,
    #[error("this service is not offered (any more)")]
    UnknownService,
    #[error("there is no such booking")]
    UnknownBooking,
    #[error("fields of the client cannot be taken")]
    Client(Vec<BadClient>),
    #[error("the slot is in the past")]
    Past,
    #[error("the slot is too soon: it can be booked until {latest}")]
    TooSoon { latest: DateTime<Utc> },
    #[error("the slot is beyond the horizon")]
    BeyondHorizon,
    #[error("the slot is outside the provider's working hours")]
    OutsideHours { alternatives: Vec<Interval> },
    #[error("the slot is taken")]
    Taken { alternatives: Vec<Interval> },
    #[error("a calendar of the provider is being read for the first time")]
    NotReady,
    #[error("the booking is cancelled")]
    Cancelled,
    #[error("the appointment is over")]
    Over,
    #[error("the booking was changed meanwhile")]
    Changed,
    #[error("this key was used for another request")]
    KeyReused,
}

impl Refusal {
    /// What is free instead: the nearest slots, by time.
    pub fn alternatives(&self) -> &[Interval] {
        match self {
            Self::OutsideHours { alternatives } | Self::Taken { alternatives } => alternatives,
            _ => &[],
        }
    }
}

/// A booking as it stands after what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub booking: Booking,
    /// The token of the client's private link.
    pub link: String,
    /// Nothing was changed: it stood so already, or the request had been made before.
    pub repeated: bool,
}

/// What can be booked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Each as long as the service, in the order of time.
    pub slots: Vec<Interval>,
    /// Nothing can be offered yet: a calendar is being read for the first time.
    pub not_ready: bool,
}

/// Which connections a booking has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// All were read recently, or there are none.
    Fresh,
    /// Those that were not were woken.
    Woken,
    /// Some were woken; others cannot be asked now: the platform asked to wait, or the provider has to reconnect.
    PartlyWoken,
    /// None of those that were not can be asked now.
    Unaskable,
}

/// Whether a new slot is confirmed or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The calendars were heard in time.
    Sure,
    /// They were not: the provider's [`StalePolicy`] applies, where the [`Rules`] are those of clients.
    Stale,
}

/// A change that is asked for.
#[derive(Clone, Debug)]
pub enum Change {
    /// To another time, as long as before. A booking that is held is confirmed by a move of the provider's; one that is
    /// confirmed is held after a client's, where [`is_held`] says so: it has no other time left to stand at.
    Move {
        start: DateTime<Utc>,
        rules: Rules,
    },
    /// To another time and length (applying an edit of the event): only other appointments stand against it, their buffers
    /// do not.
    MoveTo {
        interval: Interval,
    },
    /// Other data or wishes of the client.
    Client(Client),
    /// The provider's word on a booking that is held.
    Confirm,
    Cancel,
}

/// What bookings need of the store. What is asked is scoped to the provider: a booking of another one is unknown.
#[async_trait]
pub trait BookingStore: Send + Sync {
    /// Wakes the provider's connections of which the last pull that was derived from began before `before`, if any.
    async fn wake_stale(
        &self,
        provider: ProviderId,
        before: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> StoreResult<Staleness>;

    /// Whether all connections were derived from a pull begun at or after `since`; `but_for_unaskable`: all that can be
    /// asked at this time.
    async fn heard_since(
        &self,
        provider: ProviderId,
        since: DateTime<Utc>,
        but_for_unaskable: Option<DateTime<Utc>>,
    ) -> StoreResult<bool>;

    /// What can be booked of a service inside `window`; at most `limit` slots.
    async fn offer(
        &self,
        provider: ProviderId,
        service: ServiceId,
        window: Interval,
        limit: usize,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Offer, Refusal>>;

    /// Decides and writes in one transaction: the booking, its history, what is to be told to whom, and the wake-ups.
    async fn book(
        &self,
        booking: &NewBooking,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>>;

    /// The same of a change. `revision`: the booking is to be changed only if it still stands at it.
    #[expect(clippy::too_many_arguments, reason = "the facts of a change")]
    async fn change(
        &self,
        provider: ProviderId,
        booking: BookingId,
        revision: Option<i64>,
        change: &Change,
        actor: Actor,
        certainty: Certainty,
        now: DateTime<Utc>,
    ) -> StoreResult<Result<Done, Refusal>>;

    /// The booking that a private link opens, until the appointment is over.
    async fn by_link(&self, link: &str, now: DateTime<Utc>) -> StoreResult<Option<Booking>>;

    /// What a request came to that was made before; `None`: it was not.
    async fn made_before(
        &self,
        provider: ProviderId,
        request: &RequestKey,
    ) -> StoreResult<Option<Result<Done, Refusal>>>;

    /// One that is offered.
    async fn service(&self, provider: ProviderId, service: ServiceId) -> StoreResult<Option<Service>>;
}

/// Makes and changes bookings.
#[derive(Clone)]
pub struct Bookings {
    store: Arc<dyn BookingStore>,
    clock: Arc<dyn Clock>,
    /// Rings the worker.
    wake: Arc<Notify>,
}

impl Bookings {
    pub fn new(store: Arc<dyn BookingStore>, clock: Arc<dyn Clock>, wake: Arc<Notify>) -> Self {
        Self { store, clock, wake }
    }

    /// What can be booked of a service inside `window`; at most `limit` slots.
    pub async fn offer(
        &self,
        provider: ProviderId,
        service: ServiceId,
        window: Interval,
        limit: usize,
    ) -> StoreResult<Result<Offer, Refusal>> {
        self.store.offer(provider, service, window, limit, self.clock.now()).await
    }

    /// Makes a booking. Who asks for what is refused anyway, or was made before, keeps no platform busy.
    pub async fn book(&self, mut booking: NewBooking) -> StoreResult<Result<Done, Refusal>> {
        if let Some(request) = &booking.request
            && let Some(made) = self.store.made_before(booking.provider, request).await?
        {
            return Ok(made);
        }
        let Some(service) = self.store.service(booking.provider, booking.service).await? else {
            return Ok(Err(Refusal::UnknownService));
        };
        match booking.client.clone().checked(service.terms.place) {
            Ok(client) => booking.client = client,
            Err(bad) => return Ok(Err(Refusal::Client(bad))),
        }
        let certainty = self.listen(booking.provider).await?;
        let done = self.store.book(&booking, certainty, self.clock.now()).await?;
        self.ring();
        Ok(done)
    }

    /// Changes a booking of the provider.
    pub async fn change(
        &self,
        provider: ProviderId,
        booking: BookingId,
        revision: Option<i64>,
        change: &Change,
        actor: Actor,
    ) -> StoreResult<Result<Done, Refusal>> {
        let certainty = match change {
            Change::Move { .. } | Change::Confirm => self.listen(provider).await?,
            Change::MoveTo { .. } | Change::Client(_) | Change::Cancel => Certainty::Sure,
        };
        let now = self.clock.now();
        let done = self.store.change(provider, booking, revision, change, actor, certainty, now).await?;
        self.ring();
        Ok(done)
    }

    /// The booking that a private link opens, until the appointment is over.
    pub async fn by_link(&self, link: &str) -> StoreResult<Option<Booking>> {
        self.store.by_link(link, self.clock.now()).await
    }

    /// To who waits, and to who is about to.
    fn ring(&self) {
        self.wake.notify_waiters();
        self.wake.notify_one();
    }

    /// Gives the provider's calendars a moment to say what is new, holding nothing meanwhile.
    async fn listen(&self, provider: ProviderId) -> StoreResult<Certainty> {
        let asked_at = self.clock.now();
        let (some, certainty) = match self.store.wake_stale(provider, asked_at - FRESH, asked_at).await? {
            Staleness::Fresh => return Ok(Certainty::Sure),
            Staleness::Unaskable => return Ok(Certainty::Stale),
            Staleness::Woken => (None, Certainty::Sure),
            // What the others say counts all the same.
            Staleness::PartlyWoken => (Some(asked_at), Certainty::Stale),
        };
        self.ring();
        let patience = TimeDelta::from_std(PATIENCE).unwrap_or(FRESH);
        while self.clock.now() < asked_at + patience {
            if self.store.heard_since(provider, asked_at - FRESH, some).await? {
                return Ok(certainty);
            }
            self.clock.sleep(GLANCE).await;
        }
        Ok(Certainty::Stale)
    }
}

/// What the policy makes of a slot that a client asks for.
pub fn is_held(policy: StalePolicy, certainty: Certainty, rules: Rules) -> bool {
    policy == StalePolicy::Hold && certainty == Certainty::Stale && rules == Rules::Offered
}

#[cfg(test)]
mod tests;
