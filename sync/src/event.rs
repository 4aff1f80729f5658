//! What a platform last told us of one event.

use crate::export::Marker;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use simone_booking::Interval;
use std::fmt;
use std::str::FromStr;

/// When something is. Both kinds end exclusively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Floating dates: they mean these days in whatever zone the reader is.
    AllDay { start: NaiveDate, end: NaiveDate },
    /// Instants.
    Timed { start: DateTime<Utc>, end: DateTime<Utc> },
}

impl Span {
    /// What names an occurrence that begins here.
    pub const fn original_start(&self) -> OriginalStart {
        match *self {
            Self::AllDay { start, .. } => OriginalStart::Date(start),
            Self::Timed { start, .. } => OriginalStart::Instant(start),
        }
    }
}

/// The slot that a series' rule gives to an occurrence. It names the occurrence for good: moving the
/// occurrence does not change it (Google `originalStartTime`, Graph `originalStart`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginalStart {
    Date(NaiveDate),
    Instant(DateTime<Utc>),
}

impl fmt::Display for OriginalStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{}", date.format("%Y-%m-%d")),
            Self::Instant(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        }
    }
}

/// Neither a date nor an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a date nor an instant")]
pub struct BadOriginalStart;

impl FromStr for OriginalStart {
    type Err = BadOriginalStart;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(date) = text.parse() {
            return Ok(Self::Date(date));
        }
        DateTime::parse_from_rfc3339(text).map(|at| Self::Instant(at.to_utc())).map_err(|_| BadOriginalStart)
    }
}

impl Serialize for OriginalStart {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OriginalStart {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A series: its first occurrence, and the rule that makes the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Where the series starts, and how long each occurrence is.
    pub first: Span,
    /// The zone that the rule is read in, as the platform names it. `None` for all-day series.
    pub zone: Option<String>,
    /// Lines of `RRULE`, `EXRULE`, `RDATE` and `EXDATE` (RFC 5545), without `DTSTART`.
    pub lines: Vec<String>,
}

/// One occurrence of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub original_start: OriginalStart,
    pub span: Span,
}

/// What an event is, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Shape {
    /// Happens once.
    Single { span: Span },
    /// The master of a series.
    Master { series: Series },
    /// Stands in for one occurrence of a series: moved, changed or (without a span) cancelled.
    Exception { master: String, original_start: OriginalStart, span: Option<Span> },
}

impl Shape {
    /// The master's id, for an exception.
    pub fn master(&self) -> Option<&str> {
        match self {
            Self::Exception { master, .. } => Some(master),
            Self::Single { .. } | Self::Master { .. } => None,
        }
    }

    /// The slot of an exception.
    pub const fn original_start(&self) -> Option<OriginalStart> {
        match self {
            Self::Exception { original_start, .. } => Some(*original_start),
            Self::Single { .. } | Self::Master { .. } => None,
        }
    }

    /// When it is, if it happens once and at a time.
    pub const fn single(&self) -> Option<Interval> {
        match self {
            Self::Single { span: Span::Timed { start, end } } => Some(Interval::new(*start, *end)),
            _ => None,
        }
    }
}

/// What decides whether an event blocks bookings. `true` is what the event has, so that the default is a
/// plain event: busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// Marked free by its owner (Google `transparency: transparent`).
    #[serde(skip_serializing_if = "is_false")]
    pub free: bool,
    /// The provider declined the invitation.
    #[serde(skip_serializing_if = "is_false")]
    pub declined: bool,
    /// The provider has not answered the invitation, or answered "maybe".
    #[serde(skip_serializing_if = "is_false")]
    pub unanswered: bool,
    /// Tells where the provider works, not that they are busy.
    #[serde(skip_serializing_if = "is_false")]
    pub working_location: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub birthday: bool,
    /// Not certain yet (Google `status: tentative`).
    #[serde(skip_serializing_if = "is_false")]
    pub tentative: bool,
    /// Its organizer called it off, and it still stands in the calendar (Graph `isCancelled`).
    #[serde(skip_serializing_if = "is_false")]
    pub called_off: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What people read of an event. Personal data: encrypted at rest, for the provider alone, never in a log.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Where the event can be opened on its platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Its owner marked it private: of its title nobody is told but the provider.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Details(…)")
    }
}

/// What a platform told us of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedEvent {
    /// The platform's id of the event, unique in its calendar.
    pub id: String,
    /// Changes whenever the platform's answer does (Google's etag).
    pub revision: String,
    pub shape: Shape,
    pub marks: Marks,
    pub details: Details,
    /// When it was last changed, as the platform says.
    pub updated: Option<DateTime<Utc>>,
    /// The iCalendar uid, by which another account may see the same event.
    pub ical_uid: Option<String>,
    /// Our own marker, whosever it is, if it names this very event: that of a copy made by hand names another one.
    pub marker: Option<Marker>,
}

/// One item of a change feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The event as it is now. A cancelled occurrence is an exception without a span.
    Present(Box<ObservedEvent>),
    /// The event is gone. Only its id can be relied on.
    Gone { id: String },
    /// The event is there, but its answer cannot be read (a date that is none, a missing start). What we
    /// last knew of it stays.
    Unreadable { id: String },
}

impl Change {
    pub fn id(&self) -> &str {
        match self {
            Self::Present(event) => &event.id,
            Self::Gone { id } | Self::Unreadable { id } => id,
        }
    }
}
