//! Events as an account sees them (5).

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::model::{Calendar, Event, Exception, Person, Role, etag, show_stamp};
use super::times::When;

pub(crate) struct View<'a> {
    pub calendar: &'a Calendar,
    pub role: Role,
    /// The zone in which times are shown.
    pub tz: Tz,
    pub max_attendees: Option<usize>,
}

impl<'a> View<'a> {
    /// Everything, in the calendar's own zone.
    pub fn of_owner(calendar: &'a Calendar) -> Self {
        View { calendar, role: Role::Owner, tz: calendar.tz(), max_attendees: None }
    }

    /// What a listing shows: of a cancelled event, no more than is guaranteed (5.4).
    pub fn listed(&self, event: &Event) -> Value {
        if self.calendar.is_cancelled(event) { self.tombstone(event) } else { self.full(event) }
    }

    pub fn tombstone(&self, event: &Event) -> Value {
        let mut shown = json!({
            "kind": "calendar#event",
            "etag": etag(event.updated),
            "id": event.id,
            "status": "cancelled",
        });
        if let Some(exception) = &event.exception {
            shown["recurringEventId"] = exception.master.as_str().into();
            shown["originalStartTime"] = self.when(&exception.original);
        }
        shown
    }

    fn when(&self, when: &When) -> Value {
        when.show(self.tz, &self.calendar.zone)
    }

    /// All that the role may read; a cancelled event with its details.
    pub fn full(&self, event: &Event) -> Value {
        let readable = self.role.reads(event.is_private());
        let mut shown = Map::new();
        if readable {
            shown.clone_from(&event.content);
            shown.insert("creator".to_owned(), self.person(&event.creator));
            shown.insert("organizer".to_owned(), self.person(&event.organizer));
            self.attendees(event, &mut shown);
            if !shown.contains_key("reminders") {
                shown.insert("reminders".to_owned(), json!({"useDefault": true}));
            }
        } else {
            shown.insert("visibility".to_owned(), "private".into());
            // Whether it is busy is what such a reader may know.
            for name in ["transparency", "status"] {
                if let Some(value) = event.content.get(name) {
                    shown.insert(name.to_owned(), value.clone());
                }
            }
        }
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        put("kind", "calendar#event".into());
        put("etag", etag(event.updated).into());
        put("id", event.id.as_str().into());
        put("htmlLink", self.link(event).into());
        put("created", show_stamp(event.created / 1_000_000 * 1_000_000).into());
        put("updated", show_stamp(event.updated).into());
        put("start", self.when(&event.start));
        put("end", self.when(&event.end));
        put("iCalUID", event.ical_uid.as_str().into());
        put("sequence", event.sequence.into());
        put("eventType", event.kind().into());
        if self.calendar.is_cancelled(event) {
            put("status", "cancelled".into());
        } else if !event.content.contains_key("status") {
            put("status", "confirmed".into());
        }
        if !event.recurrence.is_empty() {
            put("recurrence", event.recurrence.clone().into());
        }
        if let Some(exception) = &event.exception {
            put("recurringEventId", exception.master.as_str().into());
            put("originalStartTime", self.when(&exception.original));
        }
        Value::Object(shown)
    }

    fn person(&self, person: &Person) -> Value {
        let mut shown = json!({"email": person.email});
        if let Some(name) = &person.name {
            shown["displayName"] = name.as_str().into();
        }
        if person.email.eq_ignore_ascii_case(&self.calendar.id) {
            shown["self"] = true.into();
        }
        shown
    }

    fn attendees(&self, event: &Event, shown: &mut Map<String, Value>) {
        let Some(Value::Array(attendees)) = shown.get_mut("attendees") else { return };
        for attendee in attendees.iter_mut() {
            let is = |email: &str| {
                attendee["email"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(email))
            };
            let (is_self, is_organizer) = (is(&self.calendar.id), is(&event.organizer.email));
            if is_self {
                attendee["self"] = true.into();
            }
            if is_organizer {
                attendee["organizer"] = true.into();
            }
        }
        if self.max_attendees.is_some_and(|most| attendees.len() > most) {
            attendees.retain(|attendee| attendee["self"] == true);
            let none = attendees.is_empty();
            if none {
                shown.remove("attendees");
            }
            shown.insert("attendeesOmitted".to_owned(), true.into());
        }
    }

    fn link(&self, event: &Event) -> String {
        let eid = STANDARD_NO_PAD.encode(format!("{} {}", event.id, self.calendar.id));
        format!("https://www.google.com/calendar/event?eid={eid}")
    }
}

/// An instance that the series gives, as no exception has changed it (5.5).
pub(crate) fn instance(master: &Event, slot: &When) -> Event {
    Event {
        id: format!("{}_{}", master.id, slot.suffix()),
        start: slot.clone(),
        end: end_of(master, slot),
        recurrence: Vec::new(),
        exception: Some(Exception {
            master: master.id.clone(),
            original: slot.clone(),
            moved: false,
            own: BTreeSet::new(),
        }),
        dropped: Vec::new(),
        cancelled: false,
        ..master.clone()
    }
}

/// When an instance ends that starts in this slot. An end keeps its own zone.
pub(crate) fn end_of(master: &Event, slot: &When) -> When {
    match (slot.plus(master.length()), &master.end) {
        (When::Time { at, .. }, When::Time { zone, .. }) => When::Time { at, zone: zone.clone() },
        (end, _) => end,
    }
}

/// The slot that an instance's id names, and its master's id.
pub(crate) fn split_instance_id<'a>(id: &'a str, calendar: &Calendar) -> Option<(&'a str, When)> {
    let (master, suffix) = id.rsplit_once('_')?;
    let zone = calendar.events.get(master)?.start.zone().map(str::to_owned);
    let slot = match suffix.strip_suffix('Z') {
        Some(utc) => When::Time { at: super::rule::compact(utc)?.and_utc(), zone },
        None => When::Day(super::rule::compact_day(suffix)?),
    };
    Some((master, slot))
}

/// The event of an id: stored, or an instance that the series gives.
pub(crate) fn find(calendar: &Calendar, id: &str) -> Option<Event> {
    if let Some(event) = calendar.events.get(id) {
        return Some(event.clone());
    }
    let (master, slot) = split_instance_id(id, calendar)?;
    let master = calendar.events.get(master).filter(|master| master.is_master())?;
    super::recurrence::has_slot(master, calendar, &slot).then(|| instance(master, &slot))
}
