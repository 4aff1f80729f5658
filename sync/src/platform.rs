//! The port to a calendar platform: one method, one request.
//!
//! The engine decides when to ask, how often to repeat and when to stop; an adapter only translates.

use crate::event::Change;
use crate::export::{Content, Marker, Patch};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use simone_booking::Interval;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Whose calendars these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Google,
    Outlook,
}

impl Platform {
    pub const ALL: [Self; 2] = [Self::Google, Self::Outlook];

    /// As it stands in addresses and in the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::Outlook => "outlook",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Not the code of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown platform: expected `google` or `outlook`")]
pub struct UnknownPlatform;

impl std::str::FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|platform| platform.code() == text).ok_or(UnknownPlatform)
    }
}

/// The adapters in use.
pub type Platforms = HashMap<Platform, Arc<dyn CalendarPlatform>>;

/// What the browser is sent to a platform's authorization page with.
#[derive(Debug)]
pub struct AuthorizationRequest<'a> {
    /// Comes back unchanged, once.
    pub state: &'a str,
    /// PKCE: what the challenge is made from (43 to 128 characters).
    pub verifier: &'a SecretString,
    pub redirect_uri: &'a Url,
    /// The account that is to be reconnected, as the platform should preselect it.
    pub login_hint: Option<&'a str>,
}

/// What a platform means by sending the browser back without a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Declined {
    /// The person said no, or turned back.
    ByThePerson,
    /// Their organisation lets nobody agree but an administrator, who has not done so yet.
    AwaitsApproval,
    /// The platform is in trouble.
    Unavailable,
    /// Our request is wrong, or our client is not accepted.
    Misconfigured,
}

/// What the token endpoint gave.
#[derive(Debug)]
pub struct Grant {
    pub access_token: SecretString,
    /// How long the access token lives, from now.
    pub expires_in: Duration,
    /// `None`: the stored one stays valid (Google), or none was granted.
    pub refresh_token: Option<SecretString>,
    /// The scopes granted, as the platform names them; `None` when the answer names none (unchanged).
    pub scopes: Option<String>,
    /// Whether the scopes that the sync needs are among them. `true` when the answer names none.
    pub covers_calendars: bool,
}

impl Grant {
    /// When the access token of a grant that was asked for at `asked_at` ends. Nobody means more than a month.
    pub fn expires_at(&self, asked_at: DateTime<Utc>) -> DateTime<Utc> {
        const LONGEST: TimeDelta = TimeDelta::days(31);
        asked_at + TimeDelta::from_std(self.expires_in).map_or(LONGEST, |lives| lives.min(LONGEST))
    }
}

/// The account behind a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The platform's stable id of the person (Google `sub`), never the e-mail address, which can change.
    pub id: String,
    pub email: String,
}

/// What the provider may do with a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Only when it is busy, no details.
    BusyOnly,
    Read,
    Write,
}

impl Access {
    pub const fn code(self) -> &'static str {
        match self {
            Self::BusyOnly => "busy_only",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The reverse of [`Access::code`]; what is not known can only be read.
    pub fn from_code(code: &str) -> Self {
        match code {
            "busy_only" => Self::BusyOnly,
            "write" => Self::Write,
            _ => Self::Read,
        }
    }
}

/// One calendar of an account, as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCalendar {
    pub id: String,
    pub name: String,
    /// `#rrggbb`.
    pub color: Option<String>,
    pub access: Access,
    /// As the platform names it.
    pub zone: Option<String>,
    pub primary: bool,
}

/// One page of an account's calendars.
#[derive(Debug, Default)]
pub struct CalendarsPage {
    pub calendars: Vec<RemoteCalendar>,
    pub next_page: Option<String>,
}

/// One page of a calendar's change feed.
#[derive(Debug, Default)]
pub struct ChangesPage {
    pub changes: Vec<Change>,
    /// Series of which all occurrences inside the window are among the changes: one that is known and is not named has
    /// gone without a word.
    pub whole: Vec<String>,
    /// The calendar's zone, as the platform names it.
    pub zone: Option<String>,
    /// Until when the feed tells of what is to come; `None`: without end.
    pub covers: Option<DateTime<Utc>>,
    pub end: PageEnd,
}

/// How a page of a change feed ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum PageEnd {
    /// There is more under this page token.
    More(String),
    /// This was the last page; the next pull begins at this cursor.
    Cursor(String),
    /// Neither token came: the answer was cut, and what was listed may be incomplete.
    #[default]
    Cut,
}

/// Where in a feed to read.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// `None`: a full listing.
    pub cursor: Option<&'a str>,
    pub page: Option<&'a str>,
    /// What has to be told of, where a feed is bounded: a cursor that was opened on too little of it has expired.
    pub window: Interval,
}

/// What is to be done with one event of ours.
#[derive(Clone, Debug)]
pub enum Call {
    /// Read the event that was created under this name: by its id where it is known, else by the name itself. A deleted
    /// one is [`Change::Gone`]; [`PlatformError::NotFound`]: there never was one, or, where the
    /// platform does not tell the two apart, the calendar is not there.
    Read { calendar: String, name: String, event_id: Option<String> },
    /// Create an event under the marker's name, without attendees and without a notice to anyone.
    /// [`PlatformError::Exists`]: something stands, or stood, under that name.
    Create { calendar: String, marker: Marker, content: Content },
    /// Write those of our fields that are `Some`; everything else on the event stays as it is.
    /// [`PlatformError::Changed`]: it no longer is at `revision` (of [`ObservedEvent`]).
    Update { calendar: String, event_id: String, revision: String, patch: Patch },
    /// Delete the event; at this revision, if one is given. [`PlatformError::NotFound`]: it is not there (any more).
    Delete { calendar: String, event_id: String, revision: Option<String> },
}

/// What became of a [`Call`].
#[derive(Clone, Debug)]
pub enum Done {
    /// The event as it is now: read, created or updated.
    Event(Change),
    Deleted,
}

/// A calendar platform. One method makes one request; nothing here repeats, refreshes or waits.
#[async_trait]
pub trait CalendarPlatform: Send + Sync {
    /// Where the provider's browser goes to consent.
    fn authorization_url(&self, request: &AuthorizationRequest<'_>) -> Url;

    /// What the platform means by an error that came back in the place of a code. `description`: its words about it, which
    /// only the platform's own adapter can read; empty where there are none. By default as OAuth has it (RFC 6749, 4.1.2.1).
    fn declined(&self, error: &str, _description: &str) -> Declined {
        match error {
            "server_error" | "temporarily_unavailable" => Declined::Unavailable,
            "invalid_request" | "unauthorized_client" | "unsupported_response_type" | "invalid_scope" => {
                Declined::Misconfigured
            }
            _ => Declined::ByThePerson,
        }
    }

    /// Where an administrator agrees for all of their organisation, if there is such a page.
    fn approval_page(&self) -> Option<Url> {
        None
    }

    /// Exchanges the code that came back for a grant.
    async fn exchange(
        &self,
        code: &SecretString,
        verifier: &SecretString,
        redirect_uri: &Url,
    ) -> Result<Grant, TokenError>;

    /// A new access token.
    async fn refresh(&self, refresh_token: &SecretString) -> Result<Grant, TokenError>;

    /// Ends the grant behind a token. A token that is already dead counts as success.
    async fn revoke(&self, token: &SecretString) -> Result<(), PlatformError>;

    /// Whose account it is.
    async fn account(&self, access_token: &SecretString) -> Result<Account, PlatformError>;

    /// One page of the account's calendars.
    async fn calendars(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError>;

    /// One page of what changed in a calendar since the cursor; without a cursor, of all that is in it. Where a feed is
    /// bounded, of what is in the window.
    async fn changes(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError>;

    /// One page of a series' occurrences, as the platform itself expands it. Used when we cannot read the rule.
    /// Each comes as an exception of the series.
    async fn instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError>;

    /// The id that an event created under this name will have, where the platform lets us choose it. Where it does not,
    /// the name is looked for before an event is created.
    fn event_id(&self, name: &str) -> Option<String>;

    /// How many calls [`CalendarPlatform::perform`] takes at a time.
    fn at_once(&self) -> usize {
        1
    }

    /// Performs up to [`CalendarPlatform::at_once`] calls, of different events, in one request, and answers each in its
    /// place. An error of the whole says nothing of any of them.
    async fn perform(
        &self,
        access_token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError>;
}

/// Why the token endpoint gave nothing. Texts hold no token and no personal data.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The grant is dead: only the provider can renew it (`invalid_grant`, `interaction_required`, `consent_required`).
    #[error("the grant is dead ({code})")]
    Dead { code: String },
    /// Our own client is refused (`invalid_client` and the like): the operator's matter, never the provider's.
    #[error("the platform refuses this installation's OAuth client ({code})")]
    Misconfigured { code: String },
    /// Too many requests; `retry_after` when the platform says how long to wait.
    #[error("the token endpoint asks to wait")]
    RateLimited { retry_after: Option<Duration> },
    /// No answer, a 5xx, or one that makes no sense.
    #[error("the token endpoint does not answer properly: {reason}")]
    Unavailable { reason: String },
}

impl PlatformError {
    /// What two answers to one request come to: the graver one, and the longer wait of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let wait = self.retry_after().max(other.retry_after());
        let mut graver = if other.gravity() > self.gravity() { other } else { self };
        if let Self::RateLimited { retry_after }
        | Self::QuotaExhausted { retry_after }
        | Self::Unavailable { retry_after, .. } = &mut graver
        {
            *retry_after = wait;
        }
        graver
    }

    /// How long the platform asks to wait.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after }
            | Self::QuotaExhausted { retry_after }
            | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether it says nothing of the one event: the request is made again, or the round ends.
    pub const fn is_of_the_whole(&self) -> bool {
        self.gravity() > 0
    }

    const fn gravity(&self) -> u8 {
        match self {
            Self::MissingScopes => 5,
            Self::QuotaExhausted { .. } => 4,
            Self::RateLimited { .. } => 3,
            Self::Unauthorized => 2,
            Self::Unavailable { .. } => 1,
            _ => 0,
        }
    }
}

/// Why a request gave nothing. Texts hold no token and no personal data.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The access token is not accepted: refresh it once.
    #[error("the access token is not accepted")]
    Unauthorized,
    /// The grant lacks a scope: the provider must consent again.
    #[error("the grant lacks a permission")]
    MissingScopes,
    /// Too many requests; `retry_after` when the platform says how long to wait.
    #[error("the platform asks to wait")]
    RateLimited { retry_after: Option<Duration> },
    /// A quota that takes hours to recover.
    #[error("a quota of the platform is used up")]
    QuotaExhausted { retry_after: Option<Duration> },
    /// No answer, a 5xx, or an answer that is cut or makes no sense.
    #[error("the platform does not answer properly: {reason}")]
    Unavailable { reason: String, retry_after: Option<Duration> },
    /// The cursor (or a page token) is no longer valid: list in full.
    #[error("the cursor is no longer valid")]
    CursorExpired,
    /// Something stands, or stood, under the name that was to be used.
    #[error("the name is used up")]
    Exists,
    /// The event is no longer at the revision that was to be changed.
    #[error("the event was changed meanwhile")]
    Changed,
    /// What the request names is not there, or not visible any more.
    #[error("not found on the platform")]
    NotFound,
    /// The calendar is not there, or not visible any more. Of the events in it that says nothing.
    #[error("the calendar is not found on the platform")]
    CalendarNotFound,
    /// The provider may not do this with this calendar.
    #[error("the platform forbids it ({code})")]
    Forbidden { code: String },
    /// The account has no calendars at all: nobody set any up, or they are kept where the platform does not reach.
    #[error("the account has no calendars")]
    NoCalendars,
    /// The platform says that the request is wrong: our mistake or the operator's.
    #[error("the platform refuses the request ({status} {code})")]
    Refused { status: u16, code: String },
}
