//! What a round leaves behind.

use crate::import::Counts;
use chrono::{DateTime, Utc};
use simone_booking::CalendarId;

/// How a round ended. The codes stand in the sync log, and the pages put them into plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    /// The connection was ended: its blocks are gone, and its grant is given back.
    Disconnected,
    /// Some calendars could not be read; the others were.
    Partial,
    /// The grant is dead, or lacks a permission.
    NeedsReconnect,
    RateLimited,
    QuotaExhausted,
    /// The platform does not answer properly.
    Unavailable,
    /// The platform refuses an access token that it has just given.
    Unauthorized,
    /// The platform refuses this installation's OAuth client.
    Misconfigured,
    /// The account has no calendars at all.
    NoCalendars,
    /// The platform says that our requests are wrong.
    Refused,
    /// Our own database failed.
    Database,
    /// It is under way, or did not come to its end: overtaken by a choice of the provider's, or cut off.
    Unfinished,
}

impl Outcome {
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Disconnected,
        Self::Partial,
        Self::NeedsReconnect,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::Unavailable,
        Self::Unauthorized,
        Self::Misconfigured,
        Self::NoCalendars,
        Self::Refused,
        Self::Database,
        Self::Unfinished,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Disconnected => "disconnected",
            Self::Partial => "partial",
            Self::NeedsReconnect => "needs_reconnect",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::Unavailable => "unavailable",
            Self::Unauthorized => "unauthorized",
            Self::Misconfigured => "misconfigured",
            Self::NoCalendars => "no_calendars",
            Self::Refused => "refused",
            Self::Database => "database",
            Self::Unfinished => "unfinished",
        }
    }

    /// Whether the schedule of failed rounds applies.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Disconnected | Self::Partial)
    }
}

/// A calendar of which the platform had nothing new to say: only the place from which to ask moves on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    pub calendar: CalendarId,
    pub from: String,
    pub to: String,
    /// Until when what was told then reaches; `None`: without end.
    pub covers: Option<DateTime<Utc>>,
}

/// What a round wrote to the platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// Events made, changed and deleted.
    pub done: usize,
    /// Bookings that could not be brought in line: they are tried again.
    pub failed: usize,
    /// What was wanted when all that was left to do began; `None` when some of it was not done.
    pub covered: Option<i64>,
}

/// What a round did, for the log and the schedule.
#[derive(Clone, Debug)]
pub struct RoundReport {
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub outcome: Outcome,
    pub counts: Counts,
    /// Requests made to the platform, and how many of them were token refreshes.
    pub requests: i64,
    pub refreshes: i64,
    /// From a change on the platform to its block here: how many were measured, and their sum in milliseconds.
    pub delays: (usize, i64),
    /// Cursors that move on and bring nothing. They are written with the end of the round, which a round in which
    /// nothing happened writes anyway; if it is never written, the next pull asks for the same nothing again.
    pub advances: Vec<Advance>,
    /// When its pull of all calendars began, if that was derived from.
    pub pulled_from: Option<DateTime<Utc>>,
    pub exports: Exports,
    /// When the next round is planned.
    pub next_sync_at: DateTime<Utc>,
    /// The platform asked this account to wait until then.
    pub not_before: Option<DateTime<Utc>>,
    /// Something contradicted the list of calendars: the next round reads it again.
    pub list_doubted: bool,
}
