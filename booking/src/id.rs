//! Typed identifiers (UUID v7, so that rows made together lie together).

use crate::Clock;
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

typed_id! {
    /// A professional who offers services.
    ProviderId,
    /// Someone who looks after an installation.
    OperatorId,
    /// One place where somebody is logged in.
    SessionId,
    /// One account of a provider on a platform.
    ConnectionId,
    /// One calendar of a connection (ours; the platform's own id is a string).
    CalendarId,
    /// A stretch of time that blocks bookings.
    UnavailabilityId,
    /// One line of the sync log.
    SyncLogId,
    /// Something that a provider is told.
    NoticeId,
    /// A token of the API.
    ApiTokenId,
    /// Something that a provider offers.
    ServiceId,
    /// An appointment of a client with a provider.
    BookingId,
    /// A contradiction that a provider must see.
    ConflictId,
    /// An unavailability that a provider entered by hand.
    EnteredId,
}

/// Makes ids and random bytes from the clock and the generator it was given.
pub struct Ids {
    clock: Arc<dyn Clock>,
    rng: Mutex<Box<dyn Rng + Send>>,
}

impl Ids {
    /// `rng` must be cryptographically strong where the results are secrets (tokens, nonces, OAuth states).
    pub fn new(clock: Arc<dyn Clock>, rng: impl Rng + Send + 'static) -> Self {
        Self { clock, rng: Mutex::new(Box::new(rng)) }
    }

    /// For tests: the same seed gives the same ids at the same times.
    pub fn seeded(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self::new(clock, SmallRng::seed_from_u64(seed))
    }

    /// A new id of any of the typed kinds.
    pub fn id<T: From<Uuid>>(&self) -> T {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let random: [u8; 10] = self.bytes();
        T::from(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|rng| rng.fill_bytes(&mut bytes));
        bytes
    }

    /// A number in `[0, 1)`, for spreading things out.
    pub fn fraction(&self) -> f64 {
        self.with(|rng| rng.random())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut (dyn Rng + Send)) -> T) -> T {
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        use_it(rng.as_mut())
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ids")
    }
}
