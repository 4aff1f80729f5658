//! Writing events: what a change brings with it (5.5, 7).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::body::{Draft, is_id, object, person};
use super::errors::ApiError;
use super::model::{Calendar, Event, Google, Guests, Mail, Person, new_id};
use super::recurrence::{Span, has_slot, same_slot, slots};
use super::times::When;
use super::view::{end_of, find, instance, split_instance_id};
use crate::simulator::World;

/// What belongs to all who are invited, not to one copy.
const SHARED: [&str; 8] = [
    "anyoneCanAddSelf",
    "description",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "location",
    "source",
    "summary",
];

/// A change of these does not count as a change of the event (5.2).
const SILENT: [&str; 1] = ["reminders"];

pub(crate) enum How {
    Put,
    Patch,
}

/// Who changes a calendar, and how.
pub(crate) struct Editor<'a> {
    pub google: &'a mut Google,
    pub rng: &'a mut ChaCha8Rng,
    pub now: DateTime<Utc>,
    /// The account that acts.
    pub email: String,
    /// The calendar's own id.
    pub calendar: String,
    /// Takes what Google would refuse, so that clients can be tested with it: unknown zones, reserved types.
    pub unchecked: bool,
    /// Whether those invited are told.
    pub tell: bool,
    /// Whether `conferenceData` counts.
    pub conference: bool,
    /// A client of the API writes, not a person by hand.
    pub client: bool,
}

impl<'a> Editor<'a> {
    pub fn new(world: &'a mut World, email: &str, calendar: &str) -> Self {
        let now = world.now();
        Editor {
            google: &mut world.google,
            rng: &mut world.rng,
            now,
            email: email.to_owned(),
            calendar: calendar.to_owned(),
            unchecked: false,
            tell: false,
            conference: false,
            client: false,
        }
    }

    pub fn calendar(&self) -> Result<&Calendar, ApiError> {
        self.google.calendars.get(&self.calendar).ok_or_else(ApiError::not_found)
    }

    pub(super) fn calendar_mut(&mut self) -> Result<&mut Calendar, ApiError> {
        self.google.calendars.get_mut(&self.calendar).ok_or_else(ApiError::not_found)
    }

    /// The event's id.
    pub fn insert(&mut self, body: &Value) -> Result<String, ApiError> {
        let body = object(body)?;
        let id = match body.get("id").and_then(Value::as_str) {
            Some(id) if !self.unchecked && !is_id(id) => {
                return Err(ApiError::invalid("Invalid resource id value."));
            }
            Some(id) => id.to_owned(),
            None => loop {
                let id = new_id(self.rng);
                if !self.google.calendars.get(&self.calendar).is_some_and(|all| all.events.contains_key(&id))
                {
                    break id;
                }
            },
        };
        let calendar = self.google.calendars.get(&self.calendar).ok_or_else(ApiError::not_found)?;
        if calendar.events.contains_key(&id) {
            return Err(ApiError::duplicate());
        }
        let draft = self.read(body, calendar, &Map::new())?;
        self.check_type(&draft, calendar)?;
        let organizer = match body.get("organizer") {
            Some(organizer) if self.unchecked => person(organizer),
            _ => None,
        }
        .unwrap_or_else(|| calendar.organizer());
        let ical_uid = body.get("iCalUID").and_then(Value::as_str).map(str::to_owned);
        let stamp = self.google.stamp(self.now);
        let event = Event {
            ical_uid: ical_uid.unwrap_or_else(|| format!("{id}@google.com")),
            id: id.clone(),
            created: stamp,
            updated: stamp,
            changed: 0,
            cancelled: draft.cancelled,
            start: draft.start,
            end: draft.end,
            recurrence: draft.recurrence,
            exception: None,
            dropped: Vec::new(),
            sequence: body.get("sequence").and_then(Value::as_i64).unwrap_or(0).clamp(0, i64::from(i32::MAX)),
            creator: Person { email: self.email.clone(), name: None },
            organizer,
            content: draft.content,
        };
        self.note_guests(&event);
        self.mail(&event, "invitation");
        let calendar = self.calendar_mut()?;
        calendar.events.insert(id.clone(), event);
        calendar.touch(stamp, std::slice::from_ref(&id));
        Ok(id)
    }

    /// 7.3, 7.4
    pub fn update(&mut self, id: &str, body: &Value, how: How) -> Result<(), ApiError> {
        let body = object(body)?;
        let calendar = self.calendar()?;
        let old = find(calendar, id).ok_or_else(ApiError::not_found)?;
        let master = old.exception.as_ref().and_then(|exception| calendar.events.get(&exception.master));
        if master.is_some_and(|master| master.cancelled) {
            return Err(ApiError::forbidden());
        }
        let said = match how {
            How::Put => {
                let mut said = body.clone();
                // The type cannot change, so it need not be repeated.
                said.entry("eventType").or_insert_with(|| old.kind().into());
                said
            }
            How::Patch => {
                let mut said = as_sent(&old);
                merge(&mut said, body);
                said
            }
        };
        let mut draft = self.read(&said, calendar, &old.content)?;
        if old.exception.is_some() {
            // An instance has no recurrence of its own.
            draft.recurrence.clear();
        }
        if draft.content.get("eventType").and_then(Value::as_str).unwrap_or("default") != old.kind() {
            return Err(ApiError::event_type("Event type cannot be changed."));
        }
        if old.cancelled && !self.unchecked && !self.google.settings.revive_deleted {
            return Err(ApiError::forbidden());
        }
        if old.cancelled {
            // Only these words bring a deleted event back (7.2).
            draft.cancelled =
                !matches!(body.get("status").and_then(Value::as_str), Some("confirmed" | "tentative"));
        }
        if draft.cancelled && !old.cancelled {
            return self.delete(id);
        }
        if !self.unchecked
            && !calendar.organizes(&old)
            && old.content.get("guestsCanModify") != Some(&Value::Bool(true))
            && (draft.start != old.start
                || draft.end != old.end
                || draft.recurrence != old.recurrence
                || SHARED.iter().any(|name| draft.content.get(*name) != old.content.get(*name))
                || shared_properties(&draft.content) != shared_properties(&old.content))
        {
            return Err(ApiError::not_the_organizer());
        }
        self.store(old, draft)
    }

    pub(super) fn store(&mut self, old: Event, draft: Draft) -> Result<(), ApiError> {
        let rescheduled =
            draft.start != old.start || draft.end != old.end || draft.recurrence != old.recurrence;
        let loud = |content: &Map<String, Value>| {
            let mut content = content.clone();
            content.retain(|name, _| !SILENT.contains(&name.as_str()));
            content
        };
        let changed =
            rescheduled || draft.cancelled != old.cancelled || loud(&draft.content) != loud(&old.content);
        let mut event = Event {
            start: draft.start,
            end: draft.end,
            recurrence: draft.recurrence,
            cancelled: draft.cancelled,
            content: draft.content,
            sequence: old.sequence.saturating_add(i64::from(rescheduled)),
            ..old.clone()
        };
        self.note_guests(&event);
        if changed {
            self.mail(&event, "update");
        }
        let stamp = self.google.stamp(self.now);
        let now = self.now;
        let calendar = self.calendar_mut()?;
        let mut touched = vec![event.id.clone()];
        if let Some(mut exception) = event.exception.take() {
            if let Some(master) = calendar.events.get(&exception.master) {
                exception.own = differing(&event.content, &master.content);
                exception.moved =
                    event.start != exception.original || event.end != end_of(master, &exception.original);
            }
            event.exception = Some(exception);
        } else {
            let dropped = if rescheduled { lost_slots(&old, &event, calendar, now) } else { Vec::new() };
            let sequence = calendar.sequence + 1;
            event.dropped.extend(dropped.into_iter().map(|slot| (slot, sequence)));
            if !old.recurrence.is_empty() {
                touched.extend(follow_master(calendar, &old, &event, rescheduled));
            }
        }
        calendar.events.insert(event.id.clone(), event);
        if changed {
            calendar.touch(stamp, &touched);
        }
        Ok(())
    }

    /// 7.5
    pub fn delete(&mut self, id: &str) -> Result<(), ApiError> {
        let calendar = self.calendar()?;
        let mut event = match find(calendar, id) {
            Some(event) => event,
            // An instance of a series that is gone is gone too.
            None if split_instance_id(id, calendar).is_some_and(|(master, _)| {
                calendar.events.get(master).is_some_and(|master| master.cancelled)
            }) =>
            {
                return Err(ApiError::already_deleted());
            }
            None => return Err(ApiError::not_found()),
        };
        if calendar.is_cancelled(&event) {
            return Err(ApiError::already_deleted());
        }
        self.mail(&event, "cancellation");
        let stamp = self.google.stamp(self.now);
        let calendar = self.calendar_mut()?;
        let mut touched = vec![event.id.clone()];
        if event.is_master() {
            touched.extend(calendar.exception_ids(&event.id));
        }
        event.cancelled = true;
        calendar.events.insert(event.id.clone(), event);
        calendar.touch(stamp, &touched);
        Ok(())
    }

    /// Takes a deleted event out of the bin.
    pub fn restore(&mut self, id: &str) -> Result<(), ApiError> {
        self.unchecked = true;
        self.update(id, &json!({"status": "confirmed"}), How::Patch)
    }

    /// Marks an event as changed although nothing is, as Google's own post-processing does.
    pub fn touch(&mut self, id: &str) -> Result<(), ApiError> {
        let stamp = self.google.stamp(self.now);
        let calendar = self.calendar_mut()?;
        if !calendar.events.contains_key(id) {
            return Err(ApiError::not_found());
        }
        let mut touched = vec![id.to_owned()];
        touched.extend(calendar.exception_ids(id));
        calendar.touch(stamp, &touched);
        Ok(())
    }

    /// 7.6: the id stays, the organizer changes, the old calendar keeps a tombstone.
    pub fn relocate(&mut self, id: &str, to: &str) -> Result<(), ApiError> {
        let calendar = self.calendar()?;
        let event = calendar.events.get(id).cloned().ok_or_else(ApiError::not_found)?;
        if event.cancelled {
            return Err(ApiError::already_deleted());
        }
        if event.exception.is_some() || (event.kind() != "default" && !self.unchecked) {
            return Err(ApiError::invalid(
                "Cannot change the organizer of an instance or of this type of event.",
            ));
        }
        if to == self.calendar {
            return Ok(());
        }
        if !calendar.organizes(&event) && !self.unchecked {
            return Err(ApiError::new(
                axum::http::StatusCode::FORBIDDEN,
                "calendar",
                "cannotChangeOrganizer",
                "Cannot change the organizer of this event.",
            ));
        }
        let exceptions: Vec<Event> = calendar.exceptions(id).cloned().collect();
        let stamp = self.google.stamp(self.now);
        let destination = self.google.calendars.get_mut(to).ok_or_else(ApiError::not_found)?;
        if destination.events.get(id).is_some_and(|there| !there.cancelled) {
            return Err(ApiError::duplicate());
        }
        let organizer = destination.organizer();
        let mut arrived = Vec::new();
        for moved in std::iter::once(&event).chain(&exceptions) {
            arrived.push(moved.id.clone());
            let moved = Event { organizer: organizer.clone(), dropped: Vec::new(), ..moved.clone() };
            destination.events.insert(moved.id.clone(), moved);
        }
        destination.touch(stamp, &arrived);
        let calendar = self.calendar_mut()?;
        if let Some(event) = calendar.events.get_mut(id) {
            event.cancelled = true;
        }
        calendar.touch(stamp, &arrived);
        Ok(())
    }

    /// 7.8: a private copy, known by its iCalUID.
    pub fn import(&mut self, body: &Value) -> Result<String, ApiError> {
        let fields = object(body)?;
        let uid = fields
            .get("iCalUID")
            .and_then(Value::as_str)
            .ok_or_else(|| ApiError::required("Missing iCal UID."))?
            .to_owned();
        let calendar = self.calendar()?;
        let there = calendar
            .events
            .values()
            .find(|event| event.ical_uid == uid && event.exception.is_none())
            .map(|event| event.id.clone());
        let id = match there {
            Some(id) => {
                let mut fields = fields.clone();
                fields.entry("status").or_insert_with(|| "confirmed".into());
                self.update(&id, &Value::Object(fields), How::Put)?;
                id
            }
            None => {
                let mut fields = fields.clone();
                fields.insert("id".to_owned(), format!("_{}", new_id(self.rng)).into());
                let unchecked = std::mem::replace(&mut self.unchecked, true);
                let inserted = self.insert(&Value::Object(fields));
                self.unchecked = unchecked;
                inserted?
            }
        };
        Ok(id)
    }

    fn note_guests(&mut self, event: &Event) {
        let guests = event.content.get("attendees").and_then(Value::as_array).map_or(0, Vec::len);
        if self.client && guests > 0 {
            let (calendar, event) = (self.calendar.clone(), event.id.clone());
            self.google.guests.push(Guests { at: self.now, calendar, event, guests, told: self.tell });
        }
    }

    fn mail(&mut self, event: &Event, about: &'static str) {
        if !self.tell {
            return;
        }
        let attendees = event.content.get("attendees").and_then(Value::as_array).into_iter().flatten();
        for to in attendees.filter_map(|attendee| attendee["email"].as_str()) {
            if to.eq_ignore_ascii_case(&self.email) || to.eq_ignore_ascii_case(&self.calendar) {
                continue;
            }
            self.google.mails.push(Mail {
                at: self.now,
                from: event.organizer.email.clone(),
                to: to.to_owned(),
                about: about.to_owned(),
                calendar: self.calendar.clone(),
                event: event.id.clone(),
            });
        }
    }
}

fn shared_properties(content: &Map<String, Value>) -> Option<&Value> {
    content.get("extendedProperties").and_then(|properties| properties.get("shared"))
}

/// An event as a client would send it whole.
pub(crate) fn as_sent(event: &Event) -> Map<String, Value> {
    let mut said = event.content.clone();
    said.insert("start".to_owned(), Value::Object(event.start.as_sent()));
    said.insert("end".to_owned(), Value::Object(event.end.as_sent()));
    if !event.recurrence.is_empty() {
        said.insert("recurrence".to_owned(), event.recurrence.clone().into());
    }
    if event.cancelled {
        said.insert("status".to_owned(), "cancelled".into());
    }
    said
}

/// What a patch says: `null` deletes, objects merge, arrays and the rest are replaced (7.4).
pub(crate) fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                into.remove(name);
            }
            Value::Object(fields) => {
                let inner = into.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                match inner {
                    Value::Object(inner) => merge(inner, fields),
                    other => {
                        let mut inner = Map::new();
                        merge(&mut inner, fields);
                        *other = Value::Object(inner);
                    }
                }
            }
            other => {
                into.insert(name.clone(), other.clone());
            }
        }
    }
}

fn differing(one: &Map<String, Value>, other: &Map<String, Value>) -> BTreeSet<String> {
    one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

/// The slots around now that a change of a series takes away.
fn lost_slots(old: &Event, new: &Event, calendar: &Calendar, now: DateTime<Utc>) -> Vec<When> {
    if !old.is_master() {
        return Vec::new();
    }
    let span =
        Span { from: Some(now - TimeDelta::days(31)), to: Some(now + TimeDelta::days(183)), ahead: None };
    let after = if new.is_master() { slots(new, calendar, span).unwrap_or_default() } else { Vec::new() };
    let before = slots(old, calendar, span).unwrap_or_default();
    before.into_iter().filter(|slot| !after.iter().any(|other| same_slot(other, slot))).collect()
}

/// Lets the exceptions of a series follow a change of its master: what is their own stays, what was the old
/// master's becomes the new one's, and those whose slot is gone are cancelled. Returns the ids of all.
fn follow_master(calendar: &mut Calendar, old: &Event, new: &Event, rescheduled: bool) -> Vec<String> {
    let ids = calendar.exception_ids(&old.id);
    for id in &ids {
        let Some(mut event) = calendar.events.remove(id) else { continue };
        if let Some(exception) = &event.exception {
            let mut content = new.content.clone();
            for name in &exception.own {
                match event.content.get(name) {
                    Some(value) => content.insert(name.clone(), value.clone()),
                    None => content.remove(name),
                };
            }
            event.content = content;
            event.organizer.clone_from(&new.organizer);
            if rescheduled && (!new.is_master() || !has_slot(new, calendar, &exception.original)) {
                event.cancelled = true;
            } else if !exception.moved {
                let plain = instance(new, &exception.original);
                event.start = plain.start;
                event.end = plain.end;
            }
        }
        calendar.events.insert(id.clone(), event);
    }
    ids
}
