//! An appointment of a client with a provider.

use crate::service::Place;
use crate::{BookingId, Interval, Locale, ProviderId, ServiceId};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The slot is held until the provider confirms.
    Pending,
    Confirmed,
    Cancelled,
}

impl Status {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Confirmed, Self::Cancelled];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The reverse of [`Status::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

/// Who did something to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Client,
    Provider,
    /// The marketplace, through the API.
    Marketplace,
    /// The product itself, when an account is erased.
    System,
}

impl Actor {
    pub const ALL: [Self; 4] = [Self::Client, Self::Provider, Self::Marketplace, Self::System];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Provider => "provider",
            Self::Marketplace => "marketplace",
            Self::System => "system",
        }
    }

    /// The reverse of [`Actor::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|actor| actor.code() == code)
    }
}

/// The person who books. Personal data: encrypted at rest, for the provider and the marketplace, never in a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub name: String,
    pub email: String,
    pub phone: String,
    /// Where the appointment takes place, if it is at the client's.
    pub address: String,
    pub instructions: String,
    pub locale: Locale,
    /// The zone in which they are told times, if it is another than the provider's.
    pub zone: Option<Tz>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(…)")
    }
}

/// In characters.
pub const LONGEST_CLIENT_NAME: usize = 120;
pub const LONGEST_EMAIL: usize = 254;
pub const LONGEST_PHONE: usize = 40;
pub const LONGEST_ADDRESS: usize = 300;
pub const LONGEST_INSTRUCTIONS: usize = 1000;

/// A field of a client that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadClient {
    #[error("a name of at most {LONGEST_CLIENT_NAME} characters is needed")]
    Name,
    #[error("an e-mail address is needed")]
    Email,
    #[error("a phone number of digits, spaces and +-.() is needed")]
    Phone,
    #[error("an address of at most {LONGEST_ADDRESS} characters is needed")]
    Address,
    #[error("instructions have at most {LONGEST_INSTRUCTIONS} characters")]
    Instructions,
}

impl BadClient {
    /// The field, as forms and the API name it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Instructions => "instructions",
        }
    }
}

impl Client {
    /// "Marie D.": the first name and the initial of the last one, as it stands in titles.
    pub fn short_name(&self) -> String {
        let mut words = self.name.split_whitespace();
        let first = words.next().unwrap_or_default();
        match words.next_back().and_then(|last| last.chars().next()) {
            Some(initial) => format!("{first} {}.", initial.to_uppercase()),
            None => first.to_owned(),
        }
    }

    /// The client with all texts trimmed, and every field that cannot be taken.
    pub fn checked(mut self, place: Place) -> Result<Self, Vec<BadClient>> {
        for text in [&mut self.name, &mut self.email, &mut self.phone] {
            *text = text.trim().to_owned();
        }
        for text in [&mut self.address, &mut self.instructions] {
            *text = text.replace("\r\n", "\n").trim().to_owned();
        }
        let count = |text: &str| text.chars().count();
        let line = |text: &str| !text.chars().any(char::is_control);
        let lines = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        let mut bad = Vec::new();
        if self.name.is_empty() || count(&self.name) > LONGEST_CLIENT_NAME || !line(&self.name) {
            bad.push(BadClient::Name);
        }
        if !is_email(&self.email) {
            bad.push(BadClient::Email);
        }
        let dialled = self.phone.chars().filter(char::is_ascii_digit).count();
        let phone = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')' | '/' | ' ');
        if !(4..=20).contains(&dialled)
            || count(&self.phone) > LONGEST_PHONE
            || !self.phone.chars().all(phone)
        {
            bad.push(BadClient::Phone);
        }
        let address_missing = place == Place::Client && self.address.is_empty();
        if address_missing || count(&self.address) > LONGEST_ADDRESS || !lines(&self.address) {
            bad.push(BadClient::Address);
        }
        if count(&self.instructions) > LONGEST_INSTRUCTIONS || !lines(&self.instructions) {
            bad.push(BadClient::Instructions);
        }
        if bad.is_empty() { Ok(self) } else { Err(bad) }
    }
}

/// Whether this can be an e-mail address: whether mail arrives there, only sending shows.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |c: char| {
        !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | ',' | ';' | '(' | ')')
    };
    text.chars().count() <= LONGEST_EMAIL
        && !local.is_empty()
        && !local.contains('@')
        && domain.split('.').all(|label| !label.is_empty())
        && text.chars().all(plain)
}

/// An appointment, with what was agreed when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    pub id: BookingId,
    pub provider: ProviderId,
    pub service: ServiceId,
    pub service_name: String,
    pub price_cents: Option<i64>,
    pub buffer_before_minutes: i64,
    pub buffer_after_minutes: i64,
    pub place: Place,
    /// The appointment itself, without the buffers.
    pub interval: Interval,
    pub status: Status,
    /// `None`: erased, a set time after the appointment.
    pub client: Option<Client>,
    pub origin: Actor,
    /// Raised by every change.
    pub revision: i64,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

impl Booking {
    /// Whether it keeps others from booking.
    pub fn takes_time(&self) -> bool {
        self.status != Status::Cancelled
    }

    /// The appointment with its buffers.
    pub fn with_buffers(&self) -> Interval {
        Interval::new(
            self.interval.start - TimeDelta::minutes(self.buffer_before_minutes),
            self.interval.end + TimeDelta::minutes(self.buffer_after_minutes),
        )
    }
}

/// What happened to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Made, and confirmed at once.
    Booked,
    /// Made, and held for the provider's confirmation.
    Held,
    Confirmed,
    Moved,
    /// The client's data or wishes.
    Changed,
    Cancelled,
}

impl ChangeKind {
    pub const ALL: [Self; 6] =
        [Self::Booked, Self::Held, Self::Confirmed, Self::Moved, Self::Changed, Self::Cancelled];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Moved => "moved",
            Self::Changed => "changed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The reverse of [`ChangeKind::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A line of a booking's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingChange {
    pub at: DateTime<Utc>,
    pub actor: Actor,
    pub kind: ChangeKind,
    /// Of a move: from when to when it began.
    pub moved: Option<(DateTime<Utc>, DateTime<Utc>)>,
}
