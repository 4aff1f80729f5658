//! What a listing is made of: events, and the occurrences of series with what was changed in them.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::Value;

use super::ids::{self, IdKind};
use super::model::{Calendar, Event, Exception, Response};
use super::times::Time;

/// An event, or an occurrence of a series.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub event: &'a Event,
    /// The day on which the occurrence stood at first, in the series' own zone.
    pub day: Option<NaiveDate>,
    pub exception: Option<&'a Exception>,
}

/// Where an item stands in its calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub key: u64,
    pub day: Option<NaiveDate>,
}

/// From the first instant to the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl Window {
    /// What has no length overlaps at its start.
    pub fn overlaps(&self, item: &Item<'_>) -> bool {
        let (start, end) = (item.starts(), item.ends());
        start < self.to && (end > self.from || (start == end && start == self.from))
    }
}

/// The instant at which a start or an end lies. All-day events are matched as midnights of UTC (5.3).
fn instant(time: &Time, all_day: bool) -> DateTime<Utc> {
    if all_day { time.wall.and_utc() } else { time.at() }
}

impl<'a> Item<'a> {
    pub fn of(event: &'a Event) -> Self {
        Item { event, day: None, exception: None }
    }

    pub fn all_day(&self) -> bool {
        self.exception.map_or(self.event.all_day, |exception| exception.all_day)
    }

    pub fn start(&self) -> Time {
        match (self.exception, self.day) {
            (Some(exception), _) => exception.start.clone(),
            (None, Some(day)) => self.event.start_on(day),
            (None, None) => self.event.start.clone(),
        }
    }

    pub fn end(&self) -> Time {
        match (self.exception, self.day) {
            (Some(exception), _) => exception.end.clone(),
            (None, Some(day)) => self.event.end_on(day),
            (None, None) => self.event.end.clone(),
        }
    }

    pub fn starts(&self) -> DateTime<Utc> {
        instant(&self.start(), self.all_day())
    }

    pub fn ends(&self) -> DateTime<Utc> {
        instant(&self.end(), self.all_day())
    }

    /// Where it stood before it was moved by itself.
    pub fn original_start(&self) -> Option<DateTime<Utc>> {
        Some(instant(&self.event.start_on(self.day?), self.event.all_day))
    }

    pub fn field(&self, name: &str) -> &'a Value {
        self.exception
            .and_then(|exception| exception.fields.get(name))
            .or_else(|| self.event.fields.get(name))
            .unwrap_or(&Value::Null)
    }

    pub fn response(&self) -> &'a Response {
        self.exception.and_then(|exception| exception.response.as_ref()).unwrap_or(&self.event.response)
    }

    pub fn is_cancelled(&self) -> bool {
        self.event.is_cancelled || self.exception.is_some_and(|exception| exception.is_cancelled)
    }

    /// An exception's own, else those of the series.
    pub fn property(&self, id: &str) -> Option<&'a str> {
        let own = self.exception.and_then(|exception| find_property(&exception.properties, id));
        own.or_else(|| find_property(&self.event.properties, id))
    }

    pub fn properties(&self) -> impl Iterator<Item = (&'a String, &'a String)> {
        let own = self.exception.into_iter().flat_map(|exception| &exception.properties);
        own.chain(&self.event.properties)
    }

    pub fn version(&self) -> u64 {
        self.exception.map_or(self.event.version, |exception| exception.version)
    }

    pub fn modified(&self) -> DateTime<Utc> {
        self.exception.map_or(self.event.modified, |exception| exception.modified)
    }

    pub fn id(&self, kind: IdKind) -> String {
        let own = self.event.ids.get(kind);
        self.day.map_or_else(|| own.to_owned(), |day| ids::occurrence(own, day))
    }

    pub fn kind(&self) -> &'static str {
        match (self.day, self.exception) {
            (Some(_), Some(_)) => "exception",
            (Some(_), None) => "occurrence",
            (None, _) if self.event.is_series() => "seriesMaster",
            (None, _) => "singleInstance",
        }
    }
}

/// The type, the GUID and the word `Name` are read in any letters; the name is not (7.6).
pub(crate) fn same_property(one: &str, other: &str) -> bool {
    let split = |id: &str| id.split_once(" Name ").map(|(head, name)| (head.to_lowercase(), name.to_owned()));
    match (split(one), split(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

fn find_property<'a>(
    properties: &'a std::collections::BTreeMap<String, String>,
    id: &str,
) -> Option<&'a str> {
    properties.iter().find(|(other, _)| same_property(other, id)).map(|(_, value)| value.as_str())
}

impl Event {
    pub fn start_on(&self, day: NaiveDate) -> Time {
        self.start.with(day.and_time(self.start.wall.time()))
    }

    /// By the wall clock, as the series says; across zones by the time that passes.
    pub fn end_on(&self, day: NaiveDate) -> Time {
        let start = self.start_on(day);
        if self.start.tz == self.end.tz {
            let length = self.end.wall - self.start.wall;
            return self.end.with(start.wall.checked_add_signed(length).unwrap_or(start.wall));
        }
        let at = start.at() + (self.end.at() - self.start.at());
        self.end.with(at.with_timezone(&self.end.tz).naive_local())
    }

    /// The days on which occurrences stand that were not cancelled.
    pub fn days(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.recurrence
            .iter()
            .flat_map(|recurrence| recurrence.dates())
            .filter(|day| !self.cancelled.contains(day))
    }

    pub fn occurrence(&self, day: NaiveDate) -> Option<Item<'_>> {
        let stands = self.days().take_while(|other| *other <= day).any(|other| other == day);
        stands.then(|| Item { event: self, day: Some(day), exception: self.exceptions.get(&day) })
    }

    /// The occurrences and exceptions within the window, by their starts.
    pub fn occurrences(&self, window: Window) -> Vec<Item<'_>> {
        let item = |day| Item { event: self, day: Some(day), exception: self.exceptions.get(&day) };
        // Wall time and instants differ by less than two days.
        let last = window.to.date_naive().checked_add_signed(TimeDelta::days(2));
        let last =
            last.unwrap_or(NaiveDate::MAX).max(self.exceptions.keys().max().copied().unwrap_or_default());
        let mut found: Vec<_> = self
            .days()
            .take_while(|day| *day <= last)
            .map(item)
            .filter(|item| window.overlaps(item))
            .collect();
        found.sort_by_key(Item::starts);
        found
    }

    /// An event without occurrences.
    pub fn is_empty_series(&self) -> bool {
        self.is_series() && self.days().next().is_none()
    }
}

impl Calendar {
    /// What a view of the window shows: single events, occurrences and exceptions (6.1).
    pub fn view(&self, window: Window) -> Vec<Item<'_>> {
        let mut found = Vec::new();
        for event in self.events.values() {
            if event.is_series() {
                found.extend(event.occurrences(window));
            } else if window.overlaps(&Item::of(event)) {
                found.push(Item::of(event));
            }
        }
        found.sort_by_key(Item::starts);
        found
    }

    /// By an id of the kind.
    pub fn find(&self, id: &str, kind: IdKind) -> Option<Target> {
        let by_id = |id: &str| {
            self.events.iter().find(|(_, event)| event.ids.get(kind) == id).map(|(key, event)| (*key, event))
        };
        match ids::split_occurrence(id) {
            Some((series, day)) => {
                let (key, event) = by_id(&series)?;
                event.occurrence(day).map(|_| Target { key, day: Some(day) })
            }
            None => by_id(id).map(|(key, _)| Target { key, day: None }),
        }
    }

    pub fn item(&self, target: Target) -> Option<Item<'_>> {
        let event = self.events.get(&target.key)?;
        match target.day {
            Some(day) => event.occurrence(day),
            None => Some(Item::of(event)),
        }
    }
}
