//! Switches between behaviours that Graph shows at different times, or that are disputed (6.2, 15).

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switches {
    /// Whether a delta round begins with a page without items.
    pub empty_first_page: EmptyPage,
    /// Whether delta shows series masters.
    pub delta_masters: Masters,
    /// Exceptions come from delta as sparse as occurrences do.
    pub sparse_exceptions: bool,
    /// What delta reports of a series that was deleted.
    pub deleted_series: DeletedSeries,
    /// Items come twice in a round, and a round brings what the one before had brought.
    pub delta_duplicates: bool,
    /// An item that was moved away and back is reported as removed only, to clients with immutable ids.
    pub moved_back_is_lost: bool,
    /// A delta link remembers the `Prefer` values of the request that began it.
    pub delta_remembers_prefer: bool,
    /// How an expired delta link is answered.
    pub expired_delta: ExpiredDelta,
    /// Delta links older than this many hours have expired.
    pub delta_hours: Option<i64>,
    /// Items on a page of delta when the client does not say.
    pub delta_page: usize,
    /// An id of the kind that the request's `Prefer` does not ask for.
    pub wrong_id: WrongId,
    /// The status of `ErrorDuplicateTransactionId`: 400 or 409 (7.1).
    pub duplicate_transaction_status: u16,
    /// A `transactionId` cannot be used again after its event was deleted.
    pub transactions_outlive_events: bool,
    /// Each occurrence has an `iCalUId` of its own, as documented; else that of its series, as observed (5.2).
    pub uid_per_occurrence: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Switches {
            empty_first_page: EmptyPage::Sometimes,
            delta_masters: Masters::Always,
            sparse_exceptions: false,
            deleted_series: DeletedSeries::Master,
            delta_duplicates: false,
            moved_back_is_lost: true,
            delta_remembers_prefer: true,
            expired_delta: ExpiredDelta::Gone,
            delta_hours: None,
            delta_page: 50,
            wrong_id: WrongId::Malformed,
            duplicate_transaction_status: 409,
            transactions_outlive_events: false,
            uid_per_occurrence: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmptyPage {
    Always,
    /// As the dice fall.
    Sometimes,
    Never,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Masters {
    Always,
    /// Those that begin within the window.
    Inside,
    Never,
    /// Those that begin before it are told as removed, as a change of what lies outside is.
    Removed,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeletedSeries {
    /// Its master.
    Master,
    /// Its master and the occurrences that stood in the window.
    Occurrences,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExpiredDelta {
    /// 410 `SyncStateNotFound` with a `Location`.
    Gone,
    /// 410 `resyncRequired`.
    Resync,
    /// 400 `syncStateNotFound`.
    BadRequest,
    /// 404 `SYNCSTATENOTFOUND`.
    NotFound,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrongId {
    /// 400 `ErrorInvalidIdMalformed`.
    Malformed,
    /// 404 `ErrorItemNotFound`.
    NotFound,
    /// It is understood all the same.
    Understood,
}
