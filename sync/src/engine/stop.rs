//! Why a round cannot go on, and what that says.

use crate::platform::{PlatformError, TokenError};
use crate::ports::StoreError;
use crate::round::Outcome;
use std::time::Duration;

/// Why a round cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// Someone else holds the connection: write nothing more.
    #[error("overtaken")]
    Overtaken,
    #[error("the grant is dead or lacks a permission")]
    NeedsReconnect,
    #[error(transparent)]
    Platform(PlatformError),
    #[error(transparent)]
    Token(TokenError),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LeaseLost => Self::Overtaken,
            other => Self::Store(other),
        }
    }
}

impl Stop {
    /// What a failure of one calendar says of that calendar; `None` when it concerns the whole connection.
    pub(super) fn of_one_calendar(&self) -> Option<&'static str> {
        match self {
            Self::Platform(PlatformError::NotFound | PlatformError::CalendarNotFound) => Some("not_found"),
            Self::Platform(PlatformError::Forbidden { .. }) => Some("forbidden"),
            Self::Platform(PlatformError::Refused { .. }) => Some("refused"),
            // It may be said of the account of another person, who shares the calendar.
            Self::Platform(PlatformError::NoCalendars) => Some("no_calendars"),
            Self::Platform(PlatformError::CursorExpired) => Some("cursor_expired"),
            // One that says when to come back says it of the whole account.
            Self::Platform(PlatformError::Unavailable { retry_after: None, .. }) => Some("unavailable"),
            Self::Platform(PlatformError::Exists | PlatformError::Changed) => Some("changed"),
            _ => None,
        }
    }

    /// Whether the calendar may have been withdrawn: the list tells.
    pub(super) const fn doubts_the_list(&self) -> bool {
        matches!(
            self,
            Self::Platform(
                PlatformError::NotFound | PlatformError::CalendarNotFound | PlatformError::Forbidden { .. }
            )
        )
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::NeedsReconnect | Self::Platform(PlatformError::MissingScopes) => Outcome::NeedsReconnect,
            Self::Token(TokenError::Dead { .. }) => Outcome::NeedsReconnect,
            Self::Token(TokenError::Misconfigured { .. }) => Outcome::Misconfigured,
            Self::Token(TokenError::RateLimited { .. })
            | Self::Platform(PlatformError::RateLimited { .. }) => Outcome::RateLimited,
            Self::Token(TokenError::Unavailable { .. })
            | Self::Platform(PlatformError::Unavailable { .. }) => Outcome::Unavailable,
            Self::Platform(PlatformError::QuotaExhausted { .. }) => Outcome::QuotaExhausted,
            Self::Platform(PlatformError::Unauthorized) => Outcome::Unauthorized,
            Self::Platform(PlatformError::NoCalendars) => Outcome::NoCalendars,
            Self::Platform(_) => Outcome::Refused,
            Self::Store(_) | Self::Overtaken => Outcome::Database,
        }
    }

    /// How long the platform asked to wait.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Token(TokenError::RateLimited { retry_after }) => *retry_after,
            Self::Platform(error) => error.retry_after(),
            _ => None,
        }
    }
}

pub(super) fn unavailable(reason: &str) -> PlatformError {
    PlatformError::Unavailable { reason: reason.to_owned(), retry_after: None }
}
