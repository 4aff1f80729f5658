//! What can be booked: working hours less what is busy.

use crate::booking::Booking;
use crate::hours::Hours;
use crate::service::Service;
use crate::{Horizon, Interval};
use chrono::offset::LocalResult;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Slots are offered every so many minutes of wall time, from the beginning of an open window on.
pub const SLOT_STEP_MINUTES: u16 = 30;

/// So many slots are named instead of one that cannot be had.
pub const MOST_ALTERNATIVES: usize = 5;

/// How much time an appointment takes, and how much is kept free around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    pub duration: TimeDelta,
    pub before: TimeDelta,
    pub after: TimeDelta,
}

impl Footprint {
    /// The appointment that begins at `start`; `None` at the end of what a calendar can tell.
    pub fn at(&self, start: DateTime<Utc>) -> Option<Interval> {
        Some(Interval::new(start, start.checked_add_signed(self.duration)?))
    }

    /// The appointment with what is kept free around it.
    pub fn around(&self, appointment: Interval) -> Interval {
        Interval::new(appointment.start - self.before, appointment.end + self.after)
    }
}

impl From<&Service> for Footprint {
    fn from(service: &Service) -> Self {
        Self {
            duration: service.duration(),
            before: TimeDelta::minutes(service.terms.buffer_before_minutes),
            after: TimeDelta::minutes(service.terms.buffer_after_minutes),
        }
    }
}

impl From<&Booking> for Footprint {
    fn from(booking: &Booking) -> Self {
        Self {
            duration: booking.interval.end - booking.interval.start,
            before: TimeDelta::minutes(booking.buffer_before_minutes),
            after: TimeDelta::minutes(booking.buffer_after_minutes),
        }
    }
}

/// Time that is taken: what blocks, and other appointments with their buffers. In order, and without overlaps.
#[derive(Clone, Debug, Default)]
pub struct Busy(Vec<Interval>);

impl Busy {
    /// Whether it takes some of this time.
    pub fn takes(&self, interval: &Interval) -> bool {
        let next = self.0.partition_point(|busy| busy.end <= interval.start);
        self.0.get(next).is_some_and(|busy| busy.overlaps(interval))
    }
}

impl FromIterator<Interval> for Busy {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        Self(merged(intervals.into_iter().filter(|interval| !interval.is_empty()).collect()))
    }
}

/// In order; those that touch or overlap are one.
fn merged(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if interval.start <= last.end => last.end = last.end.max(interval.end),
            _ => merged.push(interval),
        }
    }
    merged
}

/// Why an appointment cannot begin at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError {
    Past,
    /// Within the provider's notice; it could have been booked until `latest`.
    TooSoon {
        latest: DateTime<Utc>,
    },
    BeyondHorizon,
    OutsideHours,
    Taken,
}

/// What a provider's slots follow from.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub hours: &'a Hours,
    /// At least what is taken around the times that are asked about.
    pub busy: &'a Busy,
    pub zone: Tz,
    pub now: DateTime<Utc>,
}

impl Situation<'_> {
    /// The appointment that a client asks for at `start`: any whole minute, not only those that are offered.
    pub fn check(&self, footprint: Footprint, start: DateTime<Utc>) -> Result<Interval, SlotError> {
        let appointment = self.check_time(footprint, start)?;
        let notice = TimeDelta::minutes(self.hours.notice_minutes);
        if start < self.now + notice {
            return Err(SlotError::TooSoon { latest: start - notice });
        }
        let is_whole = start.timestamp() % 60 == 0 && start.timestamp_subsec_nanos() == 0;
        let date = start.with_timezone(&self.zone).date_naive();
        let last = appointment.end.with_timezone(&self.zone).date_naive();
        let is_open = is_whole && self.open(date, last).iter().any(|open| contains(open, &appointment));
        if !is_open {
            return Err(SlotError::OutsideHours);
        }
        self.check_free(footprint, appointment)
    }

    /// The appointment that the provider wants at `start`: any time to come, inside the horizon, that nothing takes.
    pub fn check_any(&self, footprint: Footprint, start: DateTime<Utc>) -> Result<Interval, SlotError> {
        let appointment = self.check_time(footprint, start)?;
        self.check_free(footprint, appointment)
    }

    fn check_time(&self, footprint: Footprint, start: DateTime<Utc>) -> Result<Interval, SlotError> {
        if start < self.now {
            return Err(SlotError::Past);
        }
        let horizon = Horizon::at(self.now, self.zone).interval();
        match footprint.at(start) {
            Some(appointment) if appointment.end <= horizon.end => Ok(appointment),
            _ => Err(SlotError::BeyondHorizon),
        }
    }

    fn check_free(&self, footprint: Footprint, appointment: Interval) -> Result<Interval, SlotError> {
        if self.busy.takes(&footprint.around(appointment)) {
            return Err(SlotError::Taken);
        }
        Ok(appointment)
    }

    /// The slots that are offered and begin inside `window`, in the order of time; at most `limit`.
    pub fn free_slots(&self, footprint: Footprint, window: Interval, limit: usize) -> Vec<Interval> {
        let horizon = Horizon::at(self.now, self.zone).interval();
        let earliest = self.now + TimeDelta::minutes(self.hours.notice_minutes);
        let window =
            Interval::new(window.start.max(earliest).max(horizon.start), window.end.min(horizon.end));
        if window.is_empty() {
            return Vec::new();
        }
        let mut slots = Vec::new();
        let mut date = window.start.with_timezone(&self.zone).date_naive();
        let last = window.end.with_timezone(&self.zone).date_naive();
        while date <= last && slots.len() < limit {
            // An appointment may reach into the next day, and a window of the day before into this one.
            let open = self.open(date, date + Days::new(1));
            let mut starts: Vec<DateTime<Utc>> = self
                .starts(date)
                .into_iter()
                .filter(|start| window.start <= *start && *start < window.end)
                .collect();
            starts.sort_unstable();
            starts.dedup();
            let free = starts.into_iter().filter_map(|start| {
                let appointment = footprint.at(start)?;
                let fits = appointment.end <= horizon.end
                    && open.iter().any(|open| contains(open, &appointment))
                    && !self.busy.takes(&footprint.around(appointment));
                fits.then_some(appointment)
            });
            slots.extend(free);
            date = date + Days::new(1);
        }
        slots.truncate(limit);
        slots
    }

    /// The offered slots that are nearest to `start`, at most `reach` before or after it, in the order of time.
    pub fn nearest(&self, footprint: Footprint, start: DateTime<Utc>, reach: TimeDelta) -> Vec<Interval> {
        let horizon = Horizon::at(self.now, self.zone).interval();
        let start = start.clamp(horizon.start, horizon.end);
        let mut slots = self.free_slots(footprint, Interval::new(start - reach, start + reach), usize::MAX);
        slots.sort_by_key(|slot| (slot.start - start).abs());
        slots.truncate(MOST_ALTERNATIVES);
        slots.sort_unstable();
        slots
    }

    /// When the provider is open on these days and around them, as instants; windows that touch are one.
    fn open(&self, first: NaiveDate, last: NaiveDate) -> Vec<Interval> {
        let mut open = Vec::new();
        let mut date = first - Days::new(1);
        while date <= last + Days::new(1) {
            open.extend(self.hours.open(date, self.zone));
            date = date + Days::new(1);
        }
        merged(open)
    }

    /// The instants of a date at which slots could begin. A wall time that the clocks skip is none, one that happens
    /// twice is two.
    fn starts(&self, date: NaiveDate) -> Vec<DateTime<Utc>> {
        let midnight = date.and_time(NaiveTime::MIN);
        let mut starts = Vec::new();
        let mut open_from = None;
        let mut open_until = 0;
        for window in self.hours.on(date) {
            let from = match open_from {
                // The grid runs on across windows that touch.
                Some(from) if window.start == open_until => from,
                _ => window.start,
            };
            open_from = Some(from);
            open_until = window.end;
            let offset = (window.start - from) % SLOT_STEP_MINUTES;
            let first = if offset == 0 { window.start } else { window.start + SLOT_STEP_MINUTES - offset };
            for minute in (first..window.end).step_by(usize::from(SLOT_STEP_MINUTES)) {
                match self.zone.from_local_datetime(&(midnight + TimeDelta::minutes(i64::from(minute)))) {
                    LocalResult::Single(at) => starts.push(at.to_utc()),
                    LocalResult::Ambiguous(one, other) => starts.extend([one.to_utc(), other.to_utc()]),
                    LocalResult::None => {}
                }
            }
        }
        starts
    }
}

fn contains(open: &Interval, appointment: &Interval) -> bool {
    open.start <= appointment.start && appointment.end <= open.end
}

#[cfg(test)]
mod tests;
