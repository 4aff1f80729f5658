//! Where what is booked, what was written of it and what the calendars say contradict each other: a pure function of
//! the facts.
//!
//! A conflict is told once and stays one as long as its cause does: see [`difference`].

use crate::busy;
use crate::derive::BlockKey;
use crate::event::{Shape, Span};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use simone_booking::booking::Status;
use simone_booking::{BookingId, ConnectionId, Interval};
use std::collections::HashMap;

/// What contradicts what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An imported block and a booking take the same time.
    Overlap,
    /// The provider gave our event another time in their calendar.
    ExportMoved,
    /// The provider deleted our event in their calendar.
    ExportDeleted,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Overlap, Self::ExportMoved, Self::ExportDeleted];

    /// As it stands in the database and in the API.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::ExportMoved => "export_moved",
            Self::ExportDeleted => "export_deleted",
        }
    }

    /// The reverse of [`Kind::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a provider decides about an event of ours that they changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The booking follows the event.
    Applied,
    /// The event is brought back to what the booking says.
    PutBack,
}

impl Resolution {
    pub const ALL: [Self; 2] = [Self::Applied, Self::PutBack];

    /// As it stands in the database and in forms.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::PutBack => "put_back",
        }
    }

    /// The reverse of [`Resolution::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.code() == code)
    }
}

/// A booking, as far as conflicts depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Appointment {
    pub id: BookingId,
    /// Without the buffers: a neighbour inside them is no contradiction.
    pub interval: Interval,
    pub status: Status,
}

/// An imported block.
#[derive(Clone, Debug)]
pub struct Taken {
    pub key: BlockKey,
    pub interval: Interval,
    pub all_day: bool,
}

/// The event of ours that stands, or should, for a booking in the receiving calendar of a living connection: of the
/// highest generation, and not retired.
#[derive(Clone, Debug)]
pub struct Exported {
    pub connection: ConnectionId,
    pub booking: BookingId,
    pub generation: i64,
    /// When we last wrote that it is.
    pub written: Option<Interval>,
    /// To when we were about to move it, without learning whether we did.
    pub tried: Option<Interval>,
    /// The revision of it that the provider lets us overwrite.
    pub overwrite: Option<String>,
    /// Reading it showed that it is gone.
    pub gone: bool,
    /// What its calendar says of it, and at which revision.
    pub seen: Option<(Shape, String)>,
}

/// The other side of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// What an imported event takes.
    Block(BlockKey),
    /// The event that we wrote.
    Event { connection: ConnectionId, generation: i64 },
}

/// A contradiction as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    pub booking: BookingId,
    pub side: Side,
    /// When the other side is; of a deleted event, when it was.
    pub interval: Interval,
    pub all_day: bool,
    pub repeats: bool,
    /// The platform's revision that shows the edit.
    pub revision: Option<String>,
}

impl Found {
    /// What it is about: there is one open conflict about one thing.
    pub fn cause(&self) -> String {
        match &self.side {
            Side::Block(BlockKey { calendar, event, original_start }) => {
                format!("overlap:{}:{calendar}:{event}:{original_start}", self.booking)
            }
            Side::Event { connection, .. } => format!("export:{}:{connection}", self.booking),
        }
    }

    /// Whether the provider is asked the same question by both.
    fn is_about_the_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.side == other.side && self.booking == other.booking
    }
}

/// All contradictions, in a stable order. What is over contradicts nothing, and neither does what is cancelled. `taken`
/// needs to hold only what overlaps an appointment.
pub fn found(
    appointments: &[Appointment],
    taken: &[Taken],
    exported: &[Exported],
    zone: Tz,
    now: DateTime<Utc>,
) -> Vec<Found> {
    let ahead: HashMap<BookingId, &Appointment> = appointments
        .iter()
        .filter(|it| it.interval.end > now && it.status != Status::Cancelled)
        .map(|it| (it.id, it))
        .collect();
    let mut found = Vec::new();
    for appointment in ahead.values() {
        let over_it = taken.iter().filter(|block| block.interval.overlaps(&appointment.interval));
        found.extend(over_it.map(|block| Found {
            kind: Kind::Overlap,
            booking: appointment.id,
            side: Side::Block(block.key.clone()),
            interval: block.interval,
            all_day: block.all_day,
            repeats: false,
            revision: None,
        }));
    }
    for event in exported {
        let Some(appointment) = ahead.get(&event.booking).filter(|it| it.status == Status::Confirmed) else {
            continue;
        };
        found.extend(of_export(event, appointment.interval, zone));
    }
    found.sort_unstable_by_key(|it| (it.booking, it.kind, it.cause()));
    found
}

fn of_export(event: &Exported, desired: Interval, zone: Tz) -> Option<Found> {
    let side = Side::Event { connection: event.connection, generation: event.generation };
    let booking = event.booking;
    let seen = event.seen.as_ref().map(|(shape, revision)| Seen { shape, revision });
    match seen {
        // One that is listed again was brought back by the provider.
        None if event.gone => Some(Found {
            kind: Kind::ExportDeleted,
            booking,
            side,
            interval: event.written.unwrap_or(desired),
            all_day: false,
            repeats: false,
            revision: None,
        }),
        None => None,
        Some(seen) => {
            let moved = divergence(
                [event.written, event.tried],
                desired,
                Some(seen),
                event.overwrite.as_deref(),
                zone,
            )?;
            Some(Found {
                kind: Kind::ExportMoved,
                booking,
                side,
                interval: moved.interval,
                all_day: moved.all_day,
                repeats: moved.repeats,
                revision: Some(seen.revision.to_owned()),
            })
        }
    }
}

/// The difference between the conflicts that are open and the contradictions that there are.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference<Id> {
    pub open: Vec<Found>,
    /// Open ones of which something has changed.
    pub update: Vec<(Id, Found)>,
    /// Those whose cause is gone, as they stood. To be closed before others open.
    pub close: Vec<(Id, Found)>,
}

/// What to write so that the open conflicts become what was found. One that is still about the same keeps its row.
pub fn difference<Id: Copy>(found: Vec<Found>, open: Vec<(Id, Found)>) -> Difference<Id> {
    let mut by_cause: HashMap<String, Found> = found.into_iter().map(|it| (it.cause(), it)).collect();
    let mut difference = Difference { open: Vec::new(), update: Vec::new(), close: Vec::new() };
    for (id, stands) in open {
        let cause = stands.cause();
        match by_cause.remove(&cause) {
            Some(is) if is == stands => {}
            Some(is) if is.is_about_the_same(&stands) => difference.update.push((id, is)),
            other => {
                difference.close.push((id, stands));
                by_cause.extend(other.map(|is| (cause, is)));
            }
        }
    }
    difference.open.extend(by_cause.into_values());
    difference.open.sort_unstable_by_key(|it| (it.booking, it.kind, it.cause()));
    difference
}

/// What the provider made of the times of an event of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// When the event is now; of one that repeats, its first occurrence. Empty if it takes no time.
    pub interval: Interval,
    /// Whole days of the provider's zone.
    pub all_day: bool,
    /// It has become a series.
    pub repeats: bool,
}

impl Moved {
    /// Whether the booking can follow it: an appointment has a beginning and an end, once.
    pub fn can_be_applied(&self) -> bool {
        !self.all_day && !self.repeats && !self.interval.is_empty()
    }
}

/// An event of ours as it was last observed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub shape: &'a Shape,
    pub revision: &'a str,
}

/// Whether, and how, the times of an event of ours are another's doing. `None`: they are ours to write.
///
/// - `written`: when we last wrote that it is (`None`: it is not known that we wrote it), and to when we were about to
///   move it, without learning whether we did.
/// - `desired`: when the booking is.
/// - `seen`: what its calendar says of it; `None`: nothing yet, or that it is gone, which is another matter.
/// - `overwrite`: the revision of it that the provider lets us overwrite.
///
/// Only times count: what else the provider changes is theirs.
pub fn divergence(
    [written, tried]: [Option<Interval>; 2],
    desired: Interval,
    seen: Option<Seen<'_>>,
    overwrite: Option<&str>,
    zone: Tz,
) -> Option<Moved> {
    let (written, seen) = (written?, seen?);
    if overwrite == Some(seen.revision) {
        return None;
    }
    let (span, repeats) = match seen.shape {
        Shape::Single { span } => (span, false),
        Shape::Master { series } => (&series.first, true),
        // An occurrence of a series is no event of ours; a cancelled one has no time.
        Shape::Exception { span, .. } => (span.as_ref()?, true),
    };
    let moved = match *span {
        Span::AllDay { .. } => {
            let start = busy::start(span, zone);
            let interval = busy::interval(span, zone).unwrap_or(Interval::new(start, start));
            Moved { interval, all_day: true, repeats }
        }
        Span::Timed { start, end } => Moved { interval: Interval::new(start, end), all_day: false, repeats },
    };
    let agreed = moved.interval == written || Some(moved.interval) == tried || moved.interval == desired;
    if agreed && !moved.all_day && !moved.repeats { None } else { Some(moved) }
}

#[cfg(test)]
mod tests;
