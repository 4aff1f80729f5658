//! How the edits by hand are done that are more than a write of Graph's.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::missing;
use crate::control::Problem;
use crate::microsoft::errors::GraphResult;
use crate::microsoft::mailbox::access::Reach;
use crate::microsoft::mailbox::ids::{self, Ids};
use crate::microsoft::mailbox::items::{Item, Target};
use crate::microsoft::mailbox::model::{Person, Response};
use crate::microsoft::mailbox::recurrence::Until;
use crate::microsoft::mailbox::times::{Time, read_instant, read_wall};
use crate::microsoft::mailbox::write::{Editor, exception_of, written};
use crate::microsoft::mailbox::zones;
use crate::simulator::World;

const DAY: i64 = 24 * 60;

/// The PATCH that moves an item.
pub(super) fn moved(
    item: &Item<'_>,
    by_minutes: Option<i64>,
    start: Option<&str>,
    end: Option<&str>,
) -> Result<Value, Problem> {
    let invalid = || Problem::bad("this is no time");
    let (old_start, old_end) = (item.start(), item.end());
    let new_start = match (start, by_minutes) {
        (Some(text), _) => read(text, &old_start).ok_or_else(invalid)?,
        (None, Some(minutes)) => later(&old_start, minutes, item.all_day()).ok_or_else(invalid)?,
        (None, None) => old_start.clone(),
    };
    let new_end = match end {
        Some(text) => read(text, &old_end).ok_or_else(invalid)?,
        None if old_start.tz == old_end.tz => {
            let length = old_end.wall - old_start.wall;
            let wall = new_start.wall.checked_add_signed(length).ok_or_else(invalid)?;
            old_end.with(wall)
        }
        None => at(new_start.at() + (old_end.at() - old_start.at()), &old_end),
    };
    Ok(json!({"start": sent(&new_start), "end": sent(&new_end), "isAllDay": item.all_day()}))
}

/// Whole days keep the wall time, less is real time; all-day events know whole days only.
fn later(time: &Time, minutes: i64, all_day: bool) -> Option<Time> {
    if all_day || minutes % DAY == 0 {
        return time.shifted(TimeDelta::try_days(minutes / DAY)?);
    }
    let instant = time.at().checked_add_signed(TimeDelta::try_minutes(minutes)?)?;
    Some(at(instant, time))
}

fn at(instant: DateTime<Utc>, like: &Time) -> Time {
    like.with(instant.with_timezone(&like.tz).naive_local())
}

/// A wall time in the event's own zone, or an instant.
fn read(text: &str, like: &Time) -> Option<Time> {
    let is_instant = text.get(10..).is_some_and(|time| time.contains(['Z', 'z', '+', '-']));
    if is_instant { Some(at(read_instant(text)?, like)) } else { Some(like.with(read_wall(text)?)) }
}

fn sent(time: &Time) -> Value {
    json!({"dateTime": written(time.wall), "timeZone": time.zone})
}

/// The occurrence of a series at an original start.
pub(super) fn occurrence(
    world: &World,
    reach: &Reach,
    series: Target,
    original_start: &str,
) -> Result<Target, Problem> {
    let calendar = world.microsoft.mailboxes.calendar(reach)?;
    let event = calendar.events.get(&series.key).ok_or_else(|| missing("event"))?;
    let day = match original_start.parse::<NaiveDate>() {
        Ok(day) => Some(day),
        Err(_) => read_instant(original_start).map(|at| {
            if event.all_day { at.date_naive() } else { at.with_timezone(&event.start.tz).date_naive() }
        }),
    };
    let found = day.and_then(|day| event.occurrence(day)).ok_or_else(|| missing("occurrence"))?;
    Ok(Target { key: series.key, day: found.day })
}

/// What an invitation's body is besides what was said: the account is among the guests.
pub(super) fn invitation(mut event: Value, me: &Person) -> Value {
    let guest = json!({"type": "required", "emailAddress": {"name": me.name, "address": me.address}});
    if let Value::Object(fields) = &mut event {
        match fields.entry("attendees").or_insert_with(|| json!([])) {
            Value::Array(guests) => guests.push(guest),
            other => *other = json!([guest]),
        }
    }
    event
}

/// Shortens a series to end before a slot, and begins another one there.
pub(super) fn split(
    mut editor: Editor<'_>,
    slot: Target,
    changes: Map<String, Value>,
) -> Result<Target, Problem> {
    let day = slot.day.ok_or_else(|| missing("occurrence"))?;
    let event = editor.event(slot.key)?;
    let mut new = event.clone();
    let (Some(recurrence), Some(rest)) = (&mut event.recurrence, &mut new.recurrence) else {
        return Err(Problem::bad("this is no series"));
    };
    let before = recurrence.dates().take_while(|other| *other < day).count();
    let last = recurrence.dates().take_while(|other| *other < day).last();
    let last = last.ok_or_else(|| Problem::bad("the first occurrence splits nothing"))?;
    recurrence.until = Until::Day(last);
    event.exceptions.retain(|other, _| *other < day);
    event.cancelled.retain(|other| *other < day);
    if let Until::Count(count) = rest.until {
        rest.until = Until::Count(count.saturating_sub(u32::try_from(before).unwrap_or(0)).max(1));
    }
    rest.start = day;
    (new.start, new.end) = (new.start_on(day), new.end_on(day));
    new.exceptions.retain(|other, _| *other >= day);
    new.cancelled.retain(|other| *other >= day);
    editor.touch(Target { day: None, ..slot })?;
    let target = editor.insert_copy(new)?;
    if !changes.is_empty() {
        editor.update(target, &changes.into())?;
    }
    Ok(target)
}

impl Editor<'_> {
    /// As a new event: with other ids, and nobody's transaction.
    fn insert_copy(&mut self, mut event: crate::microsoft::mailbox::model::Event) -> GraphResult<Target> {
        event.ids = Ids::new(self.rng());
        event.uid = ids::uid(self.rng());
        event.transaction = None;
        event.created = self.now();
        event.modified = self.now();
        self.insert(event)
    }

    /// A copy made by hand; of an occurrence a single event.
    pub fn duplicate(&mut self, target: Target) -> GraphResult<Target> {
        let item = self.mailboxes.item(&self.reach, target)?;
        let mut copy = item.event.clone();
        if target.day.is_some() {
            (copy.start, copy.end, copy.all_day) = (item.start(), item.end(), item.all_day());
            copy.fields.extend(item.exception.into_iter().flat_map(|exception| exception.fields.clone()));
            copy.properties.extend(item.exception.into_iter().flat_map(|one| one.properties.clone()));
            copy.recurrence = None;
            copy.exceptions.clear();
            copy.cancelled.clear();
        }
        self.insert_copy(copy)
    }

    /// Declined, but left in the calendar.
    pub fn decline_and_keep(&mut self, target: Target) -> GraphResult<()> {
        let response = Response { response: "declined".to_owned(), time: Some(self.now()) };
        self.except(
            target,
            |exception| exception.response = Some(response.clone()),
            |event| {
                event.response = response.clone();
            },
        )
    }

    /// Called off by its organizer.
    pub fn cancelled(&mut self, target: Target) -> GraphResult<()> {
        let subject = self.mailboxes.item(&self.reach, target)?.field("subject").as_str().unwrap_or_default();
        let subject = Value::from(format!("Canceled: {subject}"));
        let set = |fields: &mut Map<String, Value>| {
            fields.insert("subject".to_owned(), subject.clone());
            fields.insert("showAs".to_owned(), "free".into());
        };
        self.except(
            target,
            |exception| {
                exception.is_cancelled = true;
                set(&mut exception.fields);
            },
            |event| {
                event.is_cancelled = true;
                set(&mut event.fields);
            },
        )
    }

    /// Changes an occurrence by itself, or the event.
    fn except(
        &mut self,
        target: Target,
        one: impl FnOnce(&mut crate::microsoft::mailbox::model::Exception),
        whole: impl FnOnce(&mut crate::microsoft::mailbox::model::Event),
    ) -> GraphResult<()> {
        let mut exception = exception_of(&self.mailboxes.item(&self.reach, target)?);
        let event = self.event(target.key)?;
        match target.day {
            Some(day) => {
                one(&mut exception);
                event.exceptions.insert(day, exception);
            }
            None => whole(event),
        }
        self.touch(target)
    }

    pub fn change_zone(&mut self, target: Target, zone: &str) -> Result<(), Problem> {
        if target.day.is_some() {
            return Err(Problem::bad("an occurrence has the zone of its series"));
        }
        let event = self.event(target.key)?;
        let kept = zones::kept(zone);
        let is_custom = zone.starts_with("tzone://") || zone == "Customized Time Zone";
        if kept.is_none() && !is_custom {
            return Err(Problem::bad("there is no such zone"));
        }
        for time in [&mut event.start, &mut event.end] {
            match &kept {
                Some((name, tz)) => (time.zone, time.tz) = (name.clone(), *tz),
                None => zone.clone_into(&mut time.zone),
            }
        }
        if let Some(recurrence) = &mut event.recurrence {
            recurrence.zone = None;
        }
        Ok(self.touch(target)?)
    }
}
