//! What a provider offers.

use crate::ServiceId;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// Where an appointment takes place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// At the client's: their address is asked for.
    #[default]
    Client,
    /// At the provider's address.
    Provider,
    /// By telephone or video.
    Remote,
}

impl Place {
    pub const ALL: [Self; 3] = [Self::Client, Self::Provider, Self::Remote];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Provider => "provider",
            Self::Remote => "remote",
        }
    }
}

/// Not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown place: expected `client`, `provider` or `remote`")]
pub struct UnknownPlace;

impl std::str::FromStr for Place {
    type Err = UnknownPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|place| place.code() == text).ok_or(UnknownPlace)
    }
}

/// What can be set of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceTerms {
    pub name: String,
    pub duration_minutes: i64,
    /// In cents of a euro; `None`: told on request.
    pub price_cents: Option<i64>,
    /// Kept free before and after each appointment: the way there, the next preparation.
    pub buffer_before_minutes: i64,
    pub buffer_after_minutes: i64,
    pub place: Place,
    /// Of the provider's place; empty otherwise.
    pub address: String,
}

/// The longest appointment, buffer and name.
pub const LONGEST_MINUTES: i64 = 12 * 60;
pub const LONGEST_BUFFER_MINUTES: i64 = 4 * 60;
pub const LONGEST_NAME: usize = 120;
pub const HIGHEST_PRICE_CENTS: i64 = 1_000_000;

/// What is wrong with the terms of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    #[error("a service needs a name of at most {LONGEST_NAME} characters")]
    Name,
    #[error("a service takes from 5 to {LONGEST_MINUTES} minutes")]
    Duration,
    #[error("a price is from 0 to {HIGHEST_PRICE_CENTS} cents")]
    Price,
    #[error("a buffer is from 0 to {LONGEST_BUFFER_MINUTES} minutes")]
    Buffer,
    #[error("a service at the provider's place needs its address")]
    Address,
}

impl ServiceTerms {
    /// The terms with their texts trimmed, if they can be offered.
    pub fn checked(mut self) -> Result<Self, BadTerms> {
        self.name = self.name.trim().to_owned();
        self.address = self.address.trim().to_owned();
        let fits =
            |text: &str, most: usize| text.chars().count() <= most && !text.chars().any(char::is_control);
        if self.name.is_empty() || !fits(&self.name, LONGEST_NAME) {
            return Err(BadTerms::Name);
        }
        if !(5..=LONGEST_MINUTES).contains(&self.duration_minutes) {
            return Err(BadTerms::Duration);
        }
        if self.price_cents.is_some_and(|cents| !(0..=HIGHEST_PRICE_CENTS).contains(&cents)) {
            return Err(BadTerms::Price);
        }
        let buffers = [self.buffer_before_minutes, self.buffer_after_minutes];
        if buffers.iter().any(|minutes| !(0..=LONGEST_BUFFER_MINUTES).contains(minutes)) {
            return Err(BadTerms::Buffer);
        }
        match self.place {
            Place::Provider if self.address.is_empty() || !fits(&self.address, 300) => Err(BadTerms::Address),
            Place::Provider => Ok(self),
            Place::Client | Place::Remote => Ok(Self { address: String::new(), ..self }),
        }
    }
}

/// Something that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub terms: ServiceTerms,
    /// No longer offered.
    pub withdrawn: bool,
}

impl Service {
    pub const fn duration(&self) -> TimeDelta {
        TimeDelta::minutes(self.terms.duration_minutes)
    }
}
