//! What a person can do, and how it is said.

use serde::Deserialize;
use serde_json::{Map, Value};

fn primary() -> String {
    "primary".to_owned()
}

fn yes() -> bool {
    true
}

/// An action of the owner of an account, who is named by id or address. `calendar` is an id, a name, or `primary`;
/// `event` an id of either kind, also of an occurrence.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Edit {
    AddCalendar {
        account: String,
        #[serde(alias = "summary")]
        name: String,
        #[serde(default)]
        color: Option<String>,
        /// As `hexColor` shows it.
        #[serde(default)]
        hex: Option<String>,
        #[serde(default = "yes")]
        can_edit: bool,
    },
    RenameCalendar {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        #[serde(alias = "summary")]
        name: String,
    },
    /// Puts someone else's calendar on this account's list, or changes what the account may do there.
    ShareCalendar {
        account: String,
        /// Whose it is.
        from: String,
        #[serde(default = "primary")]
        calendar: String,
        #[serde(default)]
        can_edit: bool,
        #[serde(default)]
        can_view_private: bool,
    },
    /// Takes a shared calendar off the account's list; or leaves it there, and refuses what stands in it.
    WithdrawCalendar {
        account: String,
        calendar: String,
        #[serde(default)]
        keep_listed: bool,
    },
    /// The calendar's id becomes another, as was seen of calendars that were made by API (4).
    RenewCalendarId {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
    },
    /// Deletes one of the account's own.
    #[serde(alias = "delete_calendar")]
    RemoveCalendar { account: String, calendar: String },
    /// `event`: as Graph takes it.
    AddEvent {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        event: Value,
        /// Understood for Google's sake.
        #[serde(default, rename = "unchecked")]
        _unchecked: bool,
    },
    /// `changes`: as a PATCH of Graph.
    ChangeEvent {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        changes: Value,
        #[serde(default, rename = "unchecked")]
        _unchecked: bool,
    },
    /// Later by so many minutes (all-day events by whole days), or to a new start with the same length, or both
    /// ends. A series moves as a whole, an occurrence alone.
    MoveEvent {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        #[serde(default)]
        by_minutes: Option<i64>,
        #[serde(default)]
        start: Option<String>,
        #[serde(default)]
        end: Option<String>,
    },
    DeleteEvent {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    /// Changes nothing but its version.
    TouchEvent {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    #[serde(alias = "cancel_instance")]
    DeleteOccurrence {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        /// A day in the series' zone, or the instant.
        original_start: String,
    },
    #[serde(alias = "move_instance")]
    MoveOccurrence {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        original_start: String,
        #[serde(default)]
        by_minutes: Option<i64>,
        #[serde(default)]
        start: Option<String>,
        #[serde(default)]
        end: Option<String>,
    },
    /// Another pattern or range, or the same one some days later: occurrences get new ids.
    RescheduleSeries {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        #[serde(default)]
        by_days: Option<i64>,
        #[serde(default)]
        recurrence: Option<Value>,
    },
    /// "This and following": the range is shortened, and an unrelated series begins at this slot, changed as said.
    SplitSeries {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        original_start: String,
        #[serde(default)]
        changes: Map<String, Value>,
    },
    #[serde(alias = "drag_event")]
    DragToCalendar {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        to: String,
    },
    /// A copy made by hand: it keeps extended properties and has no `transactionId`.
    #[serde(alias = "duplicate_event")]
    Duplicate {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    /// Someone invites the account: a copy with an organizer elsewhere appears, tentative and not answered.
    Invite {
        account: String,
        #[serde(default = "primary")]
        calendar: String,
        from: String,
        event: Value,
        /// The same meeting's in other mailboxes.
        #[serde(default)]
        uid: Option<String>,
    },
    Accept {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    Decline {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    /// `accepted`, `tentative` or `declined`. What was declined leaves the calendar, unless it is `kept`.
    Respond {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        response: String,
        #[serde(default)]
        keep: bool,
    },
    /// The organizer calls the meeting off: it stays, as cancelled.
    CancelByOrganizer {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
    },
    /// The series keeps its wall time in another zone. A name without meaning (`tzone://Microsoft/Custom`) is shown
    /// as it is and keeps the zone that was.
    ChangeSeriesZone {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
        event: String,
        zone: String,
    },
    /// The zone of the mailbox.
    #[serde(alias = "set_calendar_zone")]
    ChangeZone {
        account: String,
        #[serde(default, rename = "calendar")]
        _calendar: Option<String>,
        zone: String,
    },
    /// Delta links of a calendar, or of all of the account's, have expired.
    ExpireDelta {
        account: String,
        #[serde(default)]
        calendar: Option<String>,
    },
}
