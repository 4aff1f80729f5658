//! What must hold of events that stand for bookings, and of conflicts.

use super::{Connection, History, Verdict};
use crate::inspect::{ConflictRow, ExportedRow};
use crate::model::{Blocked, Key};
use crate::platform::overlaps;
use crate::support::{cover, lock};
use crate::world::{Event, What};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::booking::Status;
use simone_booking::id::BookingId;
use simone_booking::{ConnectionId, Interval};
use simone_sync::event::Span;
use simone_sync::platform::Platform;
use simone_sync::schedule::pull_window;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

use super::bookings::Booked;

/// What a conflict is about, and when its other side is, as far as the model says so.
type Expected = BTreeMap<(String, BookingId, String), Option<(DateTime<Utc>, DateTime<Utc>)>>;

impl History<'_> {
    /// At any moment: nothing was done against a person's will, and no booking has two events in a calendar.
    pub(super) fn check_exports(&self) -> Verdict {
        let sim = lock(&self.sim.state);
        if let Some(violation) = sim.violations.first() {
            return Err(violation.clone());
        }
        for calendar in sim.world.accounts.iter().flat_map(|account| &account.calendars) {
            let mut seen: BTreeSet<BookingId> = BTreeSet::new();
            for event in calendar.events.values().filter(|event| event.what != What::Gone) {
                let Some(marker) = event.own_marker() else { continue };
                // What people brought back, or dragged here, they wished to see.
                if !event.is_brought_back() && !event.made_by_hand() && !seen.insert(marker.booking) {
                    return Err(format!("two events of {} in {}", marker.booking, calendar.name));
                }
            }
        }
        Ok(())
    }

    /// When all is quiet: each confirmed booking to come has its event, or a conflict says why not; no other event of
    /// ours is left; and the open conflicts are those that there are.
    pub(super) async fn compare_exports(&self, number: usize, truth: &Blocked) -> Verdict {
        let (person, now) = (&self.people[number], self.now());
        let rows = self.setup.inspect.exported(person.id).await;
        let calendars = self.setup.inspect.calendars(person.id).await;
        let mut expected = Expected::new();
        for connection in person.connections.iter().filter(|one| one.live) {
            let receiving = calendars.iter().find(|row| row.connection_id == connection.id.0 && row.receives);
            let receiving = receiving.map(|row| row.external_id.as_str());
            let mut sim = lock(&self.sim.state);
            let mut deleted = Vec::new();
            for (id, booked) in person.bookings.iter().filter(|(_, booked)| booked.stands(now)) {
                let Some(receiving) = receiving else { break };
                let own = rows.iter().filter(|row| row.is_of(connection.id, *id));
                let row = own.max_by_key(|row| row.generation);
                let row = row.ok_or_else(|| format!("{id} is not exported to {receiving}"))?;
                if row.retired || row.calendar_external_id != receiving || row.error.is_some() {
                    return Err(format!("{id} is not exported to {receiving}: {row:?}"));
                }
                let calendar = sim.world.calendar(connection.account, receiving);
                let event = row.event_id.as_ref().and_then(|id| calendar?.events.get(id));
                let event = event.ok_or_else(|| format!("{id} has no event in {receiving}: {row:?}"))?;
                match stands(event, booked)? {
                    Stands::AsBooked => cover("quiet with a booking in its calendar"),
                    Stands::Gone => {
                        cover("quiet with a deleted event");
                        deleted.push(format!("{receiving} {}", event.id));
                        expected.insert(("export_deleted".to_owned(), *id, connection.id.to_string()), None);
                    }
                    Stands::Moved(at) => {
                        cover("quiet with a moved event");
                        expected.insert(("export_moved".to_owned(), *id, connection.id.to_string()), at);
                    }
                }
            }
            sim.told_deleted.extend(deleted);
            let is_read = |id: &str| {
                let mut of = calendars.iter().filter(|row| row.connection_id == connection.id.0);
                of.any(|row| row.external_id == id && (row.selected || row.receives))
            };
            self.check_orphans(number, connection, receiving, &is_read, &rows, &sim.world)?;
        }
        for (key, (start, end)) in truth {
            for (id, booked) in &person.bookings {
                let ahead = booked.status != Status::Cancelled && booked.interval.end > now;
                if ahead && booked.interval.overlaps(&Interval::new(*start, *end)) {
                    cover("quiet with an overlap");
                    expected.insert(("overlap".to_owned(), *id, overlap(key)), Some((*start, *end)));
                }
            }
        }
        self.compare_conflicts(number, expected).await
    }

    /// No event of ours is left that no booking stands behind.
    fn check_orphans(
        &self,
        number: usize,
        of: &Connection,
        receiving: Option<&str>,
        is_read: &dyn Fn(&str) -> bool,
        rows: &[ExportedRow],
        world: &crate::world::World,
    ) -> Verdict {
        let (person, now) = (&self.people[number], self.now());
        let (connection, account) = (of.id, of.account);
        for row in rows.iter().filter(|row| row.connection_id == connection.0) {
            let id = BookingId(row.booking_id);
            let booked = person.bookings.get(&id).ok_or_else(|| format!("an event of nothing: {row:?}"))?;
            let own = rows.iter().filter(|row| row.is_of(connection, id));
            let last = own.map(|row| row.generation).max() == Some(row.generation);
            let current = last && !row.retired && receiving == Some(row.calendar_external_id.as_str());
            let over = booked.status == Status::Confirmed && booked.interval.end <= now;
            if over || (current && booked.status == Status::Confirmed) {
                continue;
            }
            let calendar = world.calendar(account, &row.calendar_external_id).filter(|one| one.listed);
            let event = row.event_id.as_ref().and_then(|id| calendar?.events.get(id));
            let stands_elsewhere = |event: &Event| {
                // Another connection may receive bookings in the very same calendar.
                rows.iter().any(|other| {
                    other.connection_id != row.connection_id
                        && other.event_id.as_deref() == Some(event.id.as_str())
                        && other.calendar_external_id == row.calendar_external_id
                        && !other.gone
                })
            };
            // What people bring back after the appointment is not even listed, nor is it in a calendar that is not read.
            let brought_back = |event: &Event| {
                let unseen =
                    booked.interval.end <= now - TimeDelta::days(1) || !is_read(&row.calendar_external_id);
                // Nor is what they move out of the window of a bounded feed.
                let calendar = world.calendar(account, &row.calendar_external_id);
                let out = calendar.is_some_and(|calendar| calendar.platform == Platform::Outlook)
                    && matches!(event.what, What::Single(span) if !overlaps(&span, pull_window(now)));
                event.is_brought_back() && (unseen || out)
            };
            if let Some(event) = event.filter(|event| event.what != What::Gone && !brought_back(event))
                && !stands_elsewhere(event)
            {
                return Err(format!("an event is left of a booking that is {booked:?}: {row:?}"));
            }
        }
        Ok(())
    }

    /// Every divergence and overlap is an open conflict, and no other is open.
    async fn compare_conflicts(&self, number: usize, mut expected: Expected) -> Verdict {
        let (person, now) = (&self.people[number], self.now());
        for row in self.setup.inspect.open_conflicts(person.id).await {
            let id = BookingId(row.booking_id);
            let booked =
                person.bookings.get(&id).ok_or_else(|| format!("a conflict about nothing: {row:?}"))?;
            if booked.interval.end <= now {
                // It closes when conflicts are looked for again.
                continue;
            }
            let about = match row.kind.as_str() {
                "overlap" => self.about_overlap(number, &row)?,
                _ => ConnectionId(row.connection_id.unwrap_or_default()).to_string(),
            };
            match expected.remove(&(row.kind.clone(), id, about)) {
                None => return Err(format!("a conflict for no reason: {row:?}, {booked:?}")),
                Some(Some(at)) if at != (row.starts_at, row.ends_at) => {
                    return Err(format!("a conflict tells another time than {at:?}: {row:?}"));
                }
                Some(_) => {}
            }
        }
        match expected.into_iter().next() {
            Some(missing) => Err(format!("no conflict is open about {missing:?}")),
            None => Ok(()),
        }
    }

    fn about_overlap(&self, number: usize, row: &ConflictRow) -> Result<String, String> {
        let calendar: Uuid = row.calendar_id.ok_or_else(|| format!("an overlap with nothing: {row:?}"))?;
        let choice = self.people[number].choices.get(&calendar);
        let choice = choice.ok_or_else(|| format!("an overlap with an unknown calendar: {row:?}"))?;
        Ok(overlap(&Key {
            connection: choice.connection,
            calendar: choice.calendar.clone(),
            event: row.event_id.clone().unwrap_or_default(),
            slot: row.original_start.clone().unwrap_or_default(),
        }))
    }
}

fn overlap(key: &Key) -> String {
    format!("{} {} {} {}", key.connection, key.calendar, key.event, key.slot)
}

enum Stands {
    AsBooked,
    Gone,
    /// Elsewhere, and when, if it is at one time.
    Moved(Option<(DateTime<Utc>, DateTime<Utc>)>),
}

/// How the event of a booking stands to what is booked.
fn stands(event: &Event, booked: &Booked) -> Result<Stands, String> {
    let Interval { start, end } = booked.interval;
    if event.what == What::Single(Span::Timed { start, end }) {
        let written = event.written.as_ref().ok_or("an event without a marker")?;
        let right = (written.own_title || written.title == booked.title)
            && (written.own_location || written.location == booked.location)
            && (written.own_description || booked.told.iter().all(|text| written.description.contains(text)))
            && written.notes.iter().all(|note| written.description.contains(note));
        return if right { Ok(Stands::AsBooked) } else { Err(format!("{written:?}, booked is {booked:?}")) };
    }
    // What people took out of the bin that we had put it into, and then deleted, is gone by their hand.
    let by_hand = event.made_by_hand() || event.is_brought_back() && event.what == What::Gone;
    if !by_hand {
        return Err(format!("{event:?}, booked is {booked:?}"));
    }
    Ok(match event.what {
        What::Gone => Stands::Gone,
        What::Single(Span::Timed { start, end }) => Stands::Moved(Some((start, end))),
        _ => Stands::Moved(None),
    })
}
