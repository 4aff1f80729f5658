//! Switches between behaviours that Google shows at different times, or that are disputed, and the limits that
//! it sets. The README has the table.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Of a series that changed, an incremental listing with `singleEvents=true` brings … (6.3)
    pub delta: Delta,
    /// … at most this many instances after now.
    pub instances_ahead: usize,
    /// Of a deleted series, cancelled instances are reported for so many days ahead (6.3).
    pub deleted_instances_days: u16,
    /// What a listing shows of a deleted event (5.4).
    pub tombstones: Tombstones,
    /// Sync tokens older than this many hours have expired.
    pub sync_token_hours: Option<i64>,
    /// A `maxResults` above the limit (14).
    pub large_pages: LargePages,
    /// Several constraints on extended properties (6.1).
    pub property_constraints: Constraints,
    /// Over-long keys and values of extended properties (7.9).
    pub long_properties: LongProperties,
    /// An event duplicated by hand keeps its private properties (7.9).
    pub duplicates_keep_private: bool,
    /// The id of the new series after "this and following" (5.5).
    pub split_id: SplitId,
    /// A deleted event can be brought back by an update; else 403 (7.2).
    pub revive_deleted: bool,
    /// Under which id `freeBusy` answers for a calendar asked for as `primary` (9).
    pub free_busy_key: FreeBusyKey,
    /// A calendar shared through the API appears in the other's list by itself.
    pub shared_calendars_listed: bool,
    /// `/revoke` also takes the token from the query (2.6).
    pub revoke_by_query: bool,
    /// Seconds that an access token lives.
    pub access_token_seconds: u32,

    /// Units per minute of simulator time, per account and client (11). A patch costs three.
    pub quota_per_user: Option<usize>,
    /// Units per minute of simulator time, per client.
    pub quota_per_project: Option<usize>,
    /// How an exceeded quota is answered: 403 or 429.
    pub quota_status: QuotaStatus,
    /// Calendars that an account can make in a day; then `quotaExceeded`.
    pub calendars_per_day: Option<usize>,

    /// Calls in a batch (12).
    pub batch_limit: usize,
    /// In which order a batch is carried out and answered.
    pub batch_order: BatchOrder,

    /// Push messages may go to plain `http` addresses on this machine; Google wants HTTPS (8.1).
    pub push_to_http: bool,
    /// The longest life of a push channel in seconds (8.1).
    pub channel_seconds: u32,
    /// How often a message is tried again that was answered with 500, 502, 503 or 504 (8.2).
    pub push_retries: u32,
    /// The wait before the first retry, in milliseconds of real time; it doubles.
    pub push_retry_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            delta: Delta::Unbounded,
            instances_ahead: 730,
            deleted_instances_days: 183,
            tombstones: Tombstones::Minimal,
            sync_token_hours: None,
            large_pages: LargePages::Clamp,
            property_constraints: Constraints::All,
            long_properties: LongProperties::Cut,
            duplicates_keep_private: true,
            split_id: SplitId::Suffix,
            revive_deleted: true,
            free_busy_key: FreeBusyKey::Asked,
            shared_calendars_listed: false,
            revoke_by_query: true,
            access_token_seconds: 3599,
            quota_per_user: None,
            quota_per_project: None,
            quota_status: QuotaStatus::Forbidden,
            calendars_per_day: None,
            batch_limit: 50,
            batch_order: BatchOrder::Given,
            push_to_http: true,
            channel_seconds: 604_800,
            push_retries: 5,
            push_retry_ms: 1000,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delta {
    /// Every instance, whatever the window of the first listing was: observed.
    Unbounded,
    /// Those within the window of the first listing.
    Window,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tombstones {
    /// No more than is guaranteed.
    Minimal,
    /// With the details.
    Full,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LargePages {
    /// Counts as the limit.
    Clamp,
    /// 400.
    Refuse,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Constraints {
    All,
    Any,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LongProperties {
    /// Keys are dropped, values cut, in silence.
    Cut,
    /// 400.
    Refuse,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SplitId {
    /// The old id with `_R` and the new start.
    Suffix,
    Unrelated,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FreeBusyKey {
    /// As it was asked for.
    Asked,
    /// The calendar's own id.
    Own,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BatchOrder {
    Given,
    Reversed,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "u16", into = "u16")]
pub(crate) enum QuotaStatus {
    /// 403 `userRateLimitExceeded` or `rateLimitExceeded`.
    Forbidden,
    /// 429 `rateLimitExceeded`.
    TooMany,
}

impl TryFrom<u16> for QuotaStatus {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        match status {
            403 => Ok(QuotaStatus::Forbidden),
            429 => Ok(QuotaStatus::TooMany),
            _ => Err("quota_status: 403 or 429"),
        }
    }
}

impl From<QuotaStatus> for u16 {
    fn from(status: QuotaStatus) -> u16 {
        match status {
            QuotaStatus::Forbidden => 403,
            QuotaStatus::TooMany => 429,
        }
    }
}
