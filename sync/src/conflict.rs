//! Where what is booked, what was written of it and what the calendars say contradict each other: a pure function of
//! the facts.

use crate::busy;
use crate::event::{Shape, Span};
use chrono_tz::Tz;
use simone_booking::Interval;

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
/// - `written`: when we last wrote that it is; `None`: it is not known that we wrote it.
/// - `desired`: when the booking is.
/// - `seen`: what its calendar says of it; `None`: nothing yet, or that it is gone, which is another matter.
/// - `overwrite`: the revision of it that the provider lets us overwrite.
///
/// Only times count: what else the provider changes is theirs.
pub fn divergence(
    written: Option<Interval>,
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
    let agreed = moved.interval == written || moved.interval == desired;
    if agreed && !moved.all_day && !moved.repeats { None } else { Some(moved) }
}

#[cfg(test)]
mod tests;
