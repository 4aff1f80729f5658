//! Settling a conflict about an event of ours: the provider decides about what they saw, and nothing else.

use crate::bookings::{Bookings, Change, Refusal};
use crate::conflict::{Kind, Resolution};
use crate::ports::StoreResult;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use simone_booking::booking::Actor;
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, Interval, ProviderId};

/// What the provider saw when they decided. If it is no longer so, they are shown what is, and asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The revision of the event, as the conflict tells it.
    pub event: Option<String>,
    /// The revision of the booking.
    pub booking: i64,
}

/// A conflict as it is to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settleable {
    pub kind: Kind,
    pub booking: BookingId,
    /// When our event is now; of a deleted one, when it was.
    pub interval: Interval,
    /// The booking can follow the event.
    pub can_be_applied: bool,
    pub seen: Seen,
    /// Its cause is there still.
    pub open: bool,
    /// What was decided, or is being done.
    pub resolution: Option<Resolution>,
}

/// Why a decision changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettled {
    #[error("there is no such conflict")]
    Unknown,
    /// What was decided about is no longer so; the conflict may be over.
    #[error("the conflict has changed meanwhile")]
    Changed,
    /// An overlap, or an event that became no appointment: this is no choice.
    #[error("the booking cannot follow the event")]
    NoChoice,
    #[error("the booking is not changed: {0}")]
    Refused(Refusal),
}

/// What settling needs of the store. All is scoped to the provider.
#[async_trait]
pub trait ConflictStore: Send + Sync {
    async fn settleable(&self, provider: ProviderId, conflict: ConflictId)
    -> StoreResult<Option<Settleable>>;

    /// Lets the event be written over, or created anew, and closes the conflict, in one transaction; `false`, and nothing
    /// written, if it is not open, or not as it was seen.
    async fn put_back(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        seen: &Seen,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// Notes what the provider is about to do, or that they do not: whoever closes the conflict meanwhile knows why.
    async fn intend(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        resolution: Option<Resolution>,
    ) -> StoreResult<()>;

    /// Notes that the booking followed the event, and closes the conflict.
    async fn applied(
        &self,
        provider: ProviderId,
        conflict: ConflictId,
        now: DateTime<Utc>,
    ) -> StoreResult<()>;
}

/// Does what the provider decided. Deciding the same twice changes nothing the second time.
pub async fn settle(
    store: &dyn ConflictStore,
    bookings: &Bookings,
    provider: ProviderId,
    conflict: ConflictId,
    seen: &Seen,
    resolution: Resolution,
    now: DateTime<Utc>,
) -> StoreResult<Result<(), Unsettled>> {
    let Some(is) = store.settleable(provider, conflict).await? else {
        return Ok(Err(Unsettled::Unknown));
    };
    if !is.open {
        return Ok(if is.resolution == Some(resolution) { Ok(()) } else { Err(Unsettled::Changed) });
    }
    if is.kind == Kind::Overlap {
        return Ok(Err(Unsettled::NoChoice));
    }
    if is.seen != *seen {
        // Two clicks at once: the other one is doing it.
        let doing = is.resolution == Some(resolution) && is.seen.event == seen.event;
        return Ok(if doing { Ok(()) } else { Err(Unsettled::Changed) });
    }
    match resolution {
        Resolution::PutBack => {
            if store.put_back(provider, conflict, seen, now).await? {
                return Ok(Ok(()));
            }
            settled_meanwhile(store, provider, conflict, resolution).await
        }
        Resolution::Applied if !is.can_be_applied => Ok(Err(Unsettled::NoChoice)),
        Resolution::Applied => {
            let change = match is.kind {
                Kind::ExportDeleted => Change::Cancel,
                Kind::ExportMoved | Kind::Overlap => Change::MoveTo { interval: is.interval },
            };
            store.intend(provider, conflict, Some(resolution)).await?;
            let changed =
                bookings.change(provider, is.booking, Some(seen.booking), &change, Actor::Provider).await;
            let changed = match changed {
                Ok(changed) => changed,
                Err(error) => {
                    // Nothing is known to have been decided.
                    store.intend(provider, conflict, None).await?;
                    return Err(error);
                }
            };
            match changed {
                Ok(_) => {
                    store.applied(provider, conflict, now).await?;
                    Ok(Ok(()))
                }
                Err(Refusal::Changed | Refusal::UnknownBooking) => {
                    store.intend(provider, conflict, None).await?;
                    settled_meanwhile(store, provider, conflict, resolution).await
                }
                Err(refusal) => {
                    store.intend(provider, conflict, None).await?;
                    Ok(Err(Unsettled::Refused(refusal)))
                }
            }
        }
    }
}

/// Two clicks at once: the other one did it.
async fn settled_meanwhile(
    store: &dyn ConflictStore,
    provider: ProviderId,
    conflict: ConflictId,
    resolution: Resolution,
) -> StoreResult<Result<(), Unsettled>> {
    let is = store.settleable(provider, conflict).await?;
    let same = is.is_some_and(|is| is.resolution == Some(resolution));
    Ok(if same { Ok(()) } else { Err(Unsettled::Changed) })
}
