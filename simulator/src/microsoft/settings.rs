//! Switches between behaviours that Microsoft shows at different times, or that are disputed, and the limits that it
//! sets. Those of what stands in mailboxes are in `mailbox::switches`. The README has the table.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Seconds that an access token lives; `null`: between 60 and 90 minutes, at random (2.3).
    pub access_token_seconds: Option<u32>,
    /// A refresh token that was replaced is still taken for so many seconds (2.3).
    pub refresh_grace_seconds: u32,
    /// A refresh token is for one use: the second one is refused (14).
    pub strict_refresh: bool,
    /// How a token's answer names scopes (2.2).
    pub scope_names: ScopeNames,
    /// Scopes that are not granted although they were asked for and consented to (2.2).
    pub withheld_scopes: Vec<String>,
    /// What the client is told when an administrator has to approve it first (2.1).
    pub approval_error: ApprovalError,

    /// Calendar requests of one mailbox and client at a time (9); `null`: any number.
    pub concurrency: Option<usize>,
    /// Requests of one mailbox and client in ten minutes of simulator time (9); `null`: any number.
    pub requests_per_10_minutes: Option<usize>,
    /// Seconds that a client over the limit of concurrency is told to wait.
    pub retry_after_seconds: u32,
    /// Of the requests of a batch that do not depend on each other, those of one mailbox beyond the limit of
    /// concurrency are refused (9, 10).
    pub batch_throttled: bool,

    /// Notifications may go to plain `http` addresses on this machine; Graph wants HTTPS (8.1).
    pub push_to_http: bool,
    /// The longest life of a subscription, in minutes (8.1).
    pub subscription_minutes: u32,
    /// A shorter life is raised to this many minutes (8.1).
    pub subscription_floor_minutes: u32,
    /// Active subscriptions of one mailbox (8.1).
    pub subscriptions_per_mailbox: usize,
    /// So many notifications for one update: three were observed (8.3).
    pub update_notifications: usize,
    /// `created` is followed by `updated` (8.3).
    pub created_then_updated: bool,
    /// How often a notification is tried again that was not answered with success (8.3).
    pub push_retries: u32,
    /// The wait before the first retry, in milliseconds of real time; it doubles.
    pub push_retry_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            access_token_seconds: None,
            refresh_grace_seconds: 86_400,
            strict_refresh: false,
            scope_names: ScopeNames::Asked,
            withheld_scopes: Vec::new(),
            approval_error: ApprovalError::AccessDenied,
            concurrency: Some(4),
            requests_per_10_minutes: Some(10_000),
            retry_after_seconds: 1,
            batch_throttled: true,
            push_to_http: true,
            subscription_minutes: 10_070,
            subscription_floor_minutes: 45,
            subscriptions_per_mailbox: 1000,
            update_notifications: 1,
            created_then_updated: false,
            push_retries: 5,
            push_retry_ms: 1000,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeNames {
    /// As the client wrote them.
    Asked,
    /// `Calendars.ReadWrite`
    Short,
    /// `https://graph.microsoft.com/Calendars.ReadWrite`
    Long,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApprovalError {
    AccessDenied,
    ConsentRequired,
}

impl ApprovalError {
    pub fn code(self) -> &'static str {
        match self {
            ApprovalError::AccessDenied => "access_denied",
            ApprovalError::ConsentRequired => "consent_required",
        }
    }
}
