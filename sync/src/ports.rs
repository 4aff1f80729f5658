//! The ports to persistence. `simone-store` implements them; the engine, the pages and the callback use them.
//!
//! Every method is one transaction. What is asked for on behalf of a provider is scoped to that provider: a row
//! of another one is "not found".

use crate::event::{ObservedEvent, OriginalStart};
use crate::export::{Content, ExportKey, Written};
use crate::import::PullPlan;
use crate::platform::{Account, Platform, RemoteCalendar};
use crate::round::RoundReport;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use simone_booking::booking::Booking;
use simone_booking::{CalendarId, ConnectionId, Interval, Locale, ProviderId, id::UnavailabilityId};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else holds the connection now (a disconnect, another process): stop, write nothing.
    #[error("the lease on the connection is lost")]
    LeaseLost,
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value that no version of this program wrote.
    #[error("a stored value cannot be read: {what}")]
    Corrupt { what: &'static str },
}

impl StoreError {
    pub fn database(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Database(error.into())
    }

    /// Whether another try may succeed without anyone changing the program: the database is away, full or busy.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Database(_))
    }
}

pub type StoreResult<T> = Result<T, StoreError>;

/// The right to sync one connection, until it ends or is overtaken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub connection: ConnectionId,
    pub provider: ProviderId,
    pub platform: Platform,
    /// Each lease has a higher one; every write of a round is conditional on it.
    pub epoch: i64,
    /// The wake-ups that this round covers.
    pub wanted: i64,
    /// When it ends unless renewed.
    pub until: DateTime<Utc>,
}

/// What a connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Connected,
    /// The grant is dead; the last known blocks stay.
    NeedsReconnect,
    /// The provider's wish is recorded; the grant is still to be revoked.
    Disconnecting,
    Disconnected,
}

impl Status {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::NeedsReconnect => "needs_reconnect",
            Self::Disconnecting => "disconnecting",
            Self::Disconnected => "disconnected",
        }
    }

    /// The reverse of [`Status::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Connected, Self::NeedsReconnect, Self::Disconnecting, Self::Disconnected]
            .into_iter()
            .find(|status| status.code() == code)
    }
}

/// The stored tokens of a connection.
#[derive(Debug)]
pub struct Tokens {
    pub access: SecretString,
    pub access_expires_at: DateTime<Utc>,
    pub refresh: SecretString,
    /// What stood in the database when they were read: they change by compare-and-set on it.
    pub seal: Vec<u8>,
}

/// What a round begins from.
#[derive(Debug)]
pub struct RoundInput {
    pub status: Status,
    /// `None`: there are none, or the key that sealed them is lost.
    pub tokens: Option<Tokens>,
    /// When the list of calendars was last read in full.
    pub calendars_listed_at: Option<DateTime<Utc>>,
    pub disconnect_requested_at: Option<DateTime<Utc>>,
    /// Whether another live connection, of whomever, stands on the same account.
    pub account_shared: bool,
    /// Failed rounds since the last good one.
    pub failures: i64,
    /// The calendars that are selected or receive bookings, and are not gone.
    pub targets: Vec<PullTarget>,
    /// Whether something that exports depend on has changed since they were last all performed.
    pub exports_pending: bool,
    /// At a disconnect: the provider keeps the events of what is to come.
    pub keep_events: bool,
    /// Whether any of them holds a series whose rule cannot be read here.
    pub unreadable: bool,
}

/// How far a round has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub pages: i64,
    /// Events on those pages, whether they block or not.
    pub events: i64,
}

/// A calendar that a round pulls.
#[derive(Clone, Debug)]
pub struct PullTarget {
    pub calendar: CalendarId,
    pub external_id: String,
    /// `false`: it only receives bookings.
    pub selected: bool,
    pub cursor: Option<String>,
    /// The calendar's zone, as the platform last named it.
    pub zone: Option<String>,
    /// When its cursor was last stored; `None` if it was never pulled, or the last attempt failed.
    pub settled_at: Option<DateTime<Utc>>,
}

/// What is stored of an event, as far as planning needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEvent {
    pub id: String,
    pub revision: String,
    /// Of an exception: its master and slot.
    pub exception: Option<(String, OriginalStart)>,
    /// An occurrence that stands in for a rule that cannot be read.
    pub stand_in: bool,
    /// Its removal awaits the provider's decision.
    pub held: bool,
    /// When a single event is over at the latest.
    pub over_at: Option<DateTime<Utc>>,
}

/// A series whose rule cannot be read here.
#[derive(Clone, Debug)]
pub struct UnreadableSeries {
    pub calendar: CalendarId,
    pub calendar_external_id: String,
    pub master: String,
}

/// What the exports of a connection are decided from.
#[derive(Debug)]
pub struct ExportInput {
    pub installation: Uuid,
    /// The wishes that this covers.
    pub wanted: i64,
    /// The platform's id of the calendar that receives bookings, which may be gone.
    pub receiving: Option<String>,
    /// The platform's ids of the calendars that it lists. In one that is gone nothing can be done.
    pub listed: HashSet<String>,
    pub zone: Tz,
    pub locale: Locale,
    /// Confirmed, and not over; with the address of the service, if it is at the provider's.
    pub bookings: Vec<(Booking, String)>,
    pub written: Vec<Written>,
    /// By name: when another connection of the provider, to the same platform, last wrote that an event is.
    pub elsewhere: HashMap<String, Interval>,
}

/// How an event of ours was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    Created,
    Updated,
}

/// Why an event of ours is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// We deleted it.
    Deleted,
    /// Someone else did.
    Found,
    /// Its name was used up before: another generation takes its place.
    UsedUp,
}

/// What became of a derivation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// Rows of unavailabilities written or removed.
    pub rows: usize,
}

/// What the engine needs.
#[async_trait]
pub trait RoundStore: Send + Sync {
    /// Leases up to `limit` due connections until `until` and raises their epochs, in one statement.
    async fn lease_due(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> StoreResult<Vec<Lease>>;

    /// Whether the lease is still held; renewed until `until` when little of it is left.
    async fn hold_lease(
        &self,
        lease: &mut Lease,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// Gives back a lease that was overtaken: until then, or until it runs out, its last request may be under way, and
    /// nobody else asks about that account. Does nothing to a lease that is still the connection's, or that another took.
    async fn release_lease(&self, lease: &Lease) -> StoreResult<()>;

    /// Notes how far the round has read a listing of several pages, for who waits for it.
    async fn note_progress(&self, lease: &Lease, progress: Progress) -> StoreResult<()>;

    /// What the round begins from.
    async fn round_input(&self, lease: &Lease) -> StoreResult<RoundInput>;

    /// Stores a refreshed grant if the tokens are still those of `seal`; `false` when they are not. Not tied to
    /// the lease: the only valid token must not be thrown away.
    async fn replace_tokens(
        &self,
        connection: ConnectionId,
        seal: &[u8],
        access: &SecretString,
        access_expires_at: DateTime<Utc>,
        refresh: Option<&SecretString>,
    ) -> StoreResult<bool>;

    /// The grant is dead: the connection needs to be reconnected and the provider is told, unless the tokens
    /// are no longer those of `seal`.
    async fn flag_reconnect(
        &self,
        lease: &Lease,
        seal: Option<&[u8]>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// Brings the stored calendars in line with a complete list. A first list selects the primary one.
    async fn apply_calendars(
        &self,
        lease: &Lease,
        calendars: &[RemoteCalendar],
        now: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// The selected calendars that are not gone.
    async fn pull_targets(&self, lease: &Lease) -> StoreResult<Vec<PullTarget>>;

    /// What is stored of a calendar: of the events named, their masters, and the exceptions of masters named, or of all.
    async fn known_events(
        &self,
        calendar: CalendarId,
        ids: Option<&[String]>,
    ) -> StoreResult<HashMap<String, KnownEvent>>;

    /// How many blocks that are not over each event of a calendar (a series by its master) carries.
    async fn block_counts(
        &self,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<HashMap<String, usize>>;

    /// Commits rows and cursor in one transaction. `false`, and nothing written, when the calendar is no longer
    /// selected or its cursor is not the one that the pull began from.
    async fn apply_pull(&self, lease: &Lease, plan: &PullPlan, now: DateTime<Utc>) -> StoreResult<bool>;

    /// Notes that a calendar could not be pulled, and why; `None` clears it.
    async fn note_calendar(
        &self,
        lease: &Lease,
        calendar: CalendarId,
        error: Option<&str>,
    ) -> StoreResult<()>;

    /// The series whose rules cannot be read and whose stand-ins are older than `before`, or absent.
    async fn unreadable_series(
        &self,
        lease: &Lease,
        before: DateTime<Utc>,
    ) -> StoreResult<Vec<UnreadableSeries>>;

    /// Replaces the stand-ins of a series by what the platform expanded, and tells the provider once that its
    /// rule cannot be read. `None`: the platform could not say; what is known stays.
    async fn apply_stand_ins(
        &self,
        lease: &Lease,
        series: &UnreadableSeries,
        instances: Option<&[ObservedEvent]>,
        now: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// Notes that the blocks follow from a pull that began then, for who waits for it.
    async fn note_pulled(&self, lease: &Lease, pulled_from: DateTime<Utc>) -> StoreResult<()>;

    /// What the exports are decided from; `None` when nothing that they depend on has changed since they were all
    /// performed, unless the connection is being disconnected.
    async fn export_input(&self, lease: &Lease, now: DateTime<Utc>) -> StoreResult<Option<ExportInput>>;

    /// Notes that an event is about to be made, before it is: `id` as far as the platform lets us choose it.
    /// Gives what is to be sent: as long as the outcome of an attempt is unknown, the next one sends the same, so that
    /// what stands there then can be told from what people made of it.
    async fn begin_export(
        &self,
        lease: &Lease,
        key: ExportKey,
        calendar: &str,
        name: &str,
        id: Option<&str>,
        content: &Content,
    ) -> StoreResult<Content>;

    /// Notes to when an event is about to be moved, before it is: whatever becomes of the answer, that time is ours.
    async fn begin_move(&self, lease: &Lease, key: ExportKey, to: Interval) -> StoreResult<()>;

    /// What was written, and the event as the platform answered with it.
    async fn record_export(
        &self,
        lease: &Lease,
        key: ExportKey,
        write: Write,
        content: &Content,
        event: &ObservedEvent,
        now: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// An event of ours was read. `adopted`: it is found to have been made, at these times as far as is known.
    async fn record_seen(
        &self,
        lease: &Lease,
        key: ExportKey,
        adopted: Option<Interval>,
        event: &ObservedEvent,
    ) -> StoreResult<()>;

    /// An event of ours is not there.
    async fn record_gone(
        &self,
        lease: &Lease,
        key: ExportKey,
        gone: Gone,
        now: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// Why an event could not be brought in line.
    async fn note_export_failure(
        &self,
        lease: &Lease,
        key: ExportKey,
        code: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// Destroys the tokens of a connection that is being disconnected. `abandoned`: the platform could not be
    /// reached, and the provider is told what remains there.
    async fn finish_disconnect(&self, lease: &Lease, abandoned: bool, now: DateTime<Utc>) -> StoreResult<()>;

    /// Ends the round: its log row, the schedule, the account's wait; gives the lease back.
    async fn end_round(&self, lease: &Lease, report: &RoundReport) -> StoreResult<()>;

    /// The providers whose blocks are behind the facts.
    async fn derive_due(&self, now: DateTime<Utc>, limit: i64) -> StoreResult<Vec<ProviderId>>;

    /// Brings a provider's blocks in line with the facts, under a lock on their row. Does nothing when they
    /// are not behind.
    async fn derive(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<Derived>;
}

/// A pending authorization.
#[derive(Debug)]
pub struct Attempt {
    pub provider: ProviderId,
    pub platform: Platform,
    /// The connection that is to be reconnected.
    pub reconnects: Option<ConnectionId>,
    pub verifier: SecretString,
}

/// What became of a grant that was offered to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    Connected(ConnectionId),
    Reconnected(ConnectionId),
    /// The provider has a working connection to this very account; nothing was changed.
    AlreadyConnected(ConnectionId),
    /// The connection to be reconnected stands on another account; nothing was changed.
    OtherAccount,
    /// The connection to be reconnected is no longer there (disconnected meanwhile); nothing was changed.
    Vanished,
}

/// What connecting needs.
#[async_trait]
pub trait ConnectStore: Send + Sync {
    /// Remembers an authorization that was begun in a session. `state` and `session` are stored hashed.
    async fn begin_attempt(
        &self,
        state: &str,
        session: &[u8],
        attempt: &Attempt,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> StoreResult<()>;

    /// Takes the attempt that this state names, once, if it was begun in this session and has not expired.
    async fn take_attempt(
        &self,
        state: &str,
        session: &[u8],
        now: DateTime<Utc>,
    ) -> StoreResult<Option<Attempt>>;

    /// The account behind a connection of this provider: its e-mail address, to preselect it.
    async fn account_email(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
    ) -> StoreResult<Option<String>>;

    /// Makes or renews the connection.
    #[expect(clippy::too_many_arguments, reason = "the facts of a grant")]
    async fn record_grant(
        &self,
        attempt: &Attempt,
        account: &Account,
        access: &SecretString,
        access_expires_at: DateTime<Utc>,
        refresh: &SecretString,
        scopes: &str,
        now: DateTime<Utc>,
    ) -> StoreResult<Recorded>;

    /// Whether a live connection, of whomever, stands on this account: then its grant must not be revoked.
    async fn account_in_use(&self, platform: Platform, account: &str) -> StoreResult<bool>;
}

/// What a provider may choose. Each wakes what has to follow; `false` means "no such thing of this provider".
#[async_trait]
pub trait Choices: Send + Sync {
    /// "Sync now".
    async fn wake(&self, provider: ProviderId, connection: ConnectionId) -> StoreResult<bool>;

    /// The settings were opened: connections whose list of calendars is older than a minute read it again.
    async fn refresh_calendars(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool>;

    /// Selects or unselects a calendar. Unselecting removes its blocks and what is stored of its events at once.
    async fn select_calendar(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        selected: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// The switch "also block free events".
    async fn block_free(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        block_free: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// Records the wish to disconnect. The blocks, and what is stored of the events, go at once; a running round
    /// is overtaken; a round of its own removes our events of what is to come, unless they are to be kept, and revokes
    /// the grant.
    async fn disconnect(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
        keep_events: bool,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// Chooses which calendar of a connection receives bookings, one that can be written; `None`: none does.
    async fn set_receiving(
        &self,
        provider: ProviderId,
        connection: ConnectionId,
        calendar: Option<CalendarId>,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// The held removals of a calendar are right: the events go, and their blocks with them.
    async fn accept_removals(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// The held removals of a calendar are wrong: their blocks become unavailabilities of their own.
    async fn refuse_removals(
        &self,
        provider: ProviderId,
        calendar: CalendarId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// Removes an unavailability of its own (one kept after refused removals).
    async fn remove_unavailability(
        &self,
        provider: ProviderId,
        unavailability: UnavailabilityId,
        now: DateTime<Utc>,
    ) -> StoreResult<bool>;

    /// The provider's zone.
    async fn set_zone(&self, provider: ProviderId, zone: Tz, now: DateTime<Utc>) -> StoreResult<bool>;

    /// The provider keeps their zone although their primary calendar is in `other`; they are not asked again
    /// until it changes once more.
    async fn keep_zone(&self, provider: ProviderId, other: Tz, now: DateTime<Utc>) -> StoreResult<bool>;

    async fn set_locale(&self, provider: ProviderId, locale: Locale) -> StoreResult<bool>;

    /// All notices have been read.
    async fn read_notices(&self, provider: ProviderId, now: DateTime<Utc>) -> StoreResult<bool>;
}
