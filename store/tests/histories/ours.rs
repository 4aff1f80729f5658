//! What people do to the events that stand for bookings in their calendars.

use crate::support::{Dice, cover};
use crate::world::{What, World};
use chrono::{DateTime, TimeDelta, Utc};
use simone_sync::event::Span;

#[derive(Clone, Copy)]
enum Edit {
    Move,
    Shorten,
    Back,
    AllDay,
    Cosmetics,
    Note,
    Rewrite,
    Delete,
    Restore,
    Copy,
    Drag,
}

/// One edit of an event that was written through the API; `None` when there was nothing to do it to.
pub fn edit(world: &mut World, dice: &mut Dice, account: usize, now: DateTime<Utc>) -> Option<String> {
    let new = world.id("copy");
    let kind = dice.weighted(&[
        (Edit::Move, 8),
        (Edit::Shorten, 4),
        (Edit::Back, 4),
        (Edit::AllDay, 1),
        (Edit::Cosmetics, 4),
        (Edit::Note, 4),
        (Edit::Rewrite, 2),
        (Edit::Delete, 6),
        (Edit::Restore, 4),
        (Edit::Copy, 4),
        (Edit::Drag, 2),
    ]);
    let gone = matches!(kind, Edit::Restore);
    let calendars = &mut world.accounts[account].calendars;
    let fitting: Vec<(usize, String)> = calendars
        .iter()
        .enumerate()
        .flat_map(|(at, calendar)| calendar.events.values().map(move |event| (at, event)))
        .filter(|(_, event)| event.own_marker().is_some() && (event.what == What::Gone) == gone)
        .map(|(at, event)| (at, event.id.clone()))
        .collect();
    if fitting.is_empty() {
        return None;
    }
    let (at, id) = dice.pick(&fitting).clone();
    if let Edit::Drag = kind {
        let to = dice.below(calendars.len());
        if to == at {
            return None;
        }
        let event = &calendars[at].events[&id];
        let (what, marks, written) = (event.what.clone(), event.marks, event.written.clone());
        let created = event.created.clone();
        calendars[to].put(&id, what, marks, now);
        let there = calendars[to].events.get_mut(&id).expect("it was put");
        (there.written, there.created) = (written, created);
        there.brought_by_hand();
        calendars[at].put(&id, What::Gone, marks, now);
        cover("ours: dragged to another calendar");
        return Some(format!("drag our {id} to {}", calendars[to].name));
    }
    let name = calendars[at].name.clone();
    let calendar = &mut calendars[at];
    let event = &calendar.events[&id];
    let (what, marks) = (event.what.clone(), event.marks);
    let written = event.written.clone().expect("it is ours");
    let span = match &what {
        What::Single(span) => Some(*span),
        _ => None,
    };
    let told = match kind {
        Edit::Move => {
            let Some(Span::Timed { start, end }) = span else { return None };
            let by = TimeDelta::minutes(15 * dice.range(-300, 300));
            let to = Span::Timed { start: start + by, end: end + by };
            calendar.put(&id, What::Single(to), marks, now);
            cover("ours: moved");
            format!("move our {id} to {to:?}")
        }
        Edit::Shorten => {
            let Some(Span::Timed { start, end }) = span else { return None };
            let end = if dice.chance(20) { start } else { end + TimeDelta::minutes(5 * dice.range(-5, 9)) };
            let to = Span::Timed { start, end: end.max(start) };
            calendar.put(&id, What::Single(to), marks, now);
            cover("ours: shortened");
            format!("stretch our {id} to {to:?}")
        }
        Edit::Back => {
            if written.wrote == What::Gone || written.wrote == what {
                return None;
            }
            for exception in calendar.exceptions(&id) {
                calendar.events.remove(&exception);
            }
            calendar.put(&id, written.wrote.clone(), marks, now);
            cover("ours: moved back");
            format!("move our {id} back")
        }
        Edit::AllDay => {
            let Some(Span::Timed { start, .. }) = span else { return None };
            let day = start.date_naive();
            let to = Span::AllDay { start: day, end: day + TimeDelta::days(1) };
            calendar.put(&id, What::Single(to), marks, now);
            cover("ours: made an all-day event");
            format!("make our {id} an all-day event")
        }
        Edit::Cosmetics => {
            calendar.put(&id, what, marks, now);
            calendar.events.get_mut(&id).expect("it was put").decoration += 1;
            cover("ours: another colour");
            format!("another colour for our {id}")
        }
        Edit::Note => {
            calendar.put(&id, what, marks, now);
            let event = calendar.events.get_mut(&id).expect("it was put");
            let written = event.written.as_mut().expect("it is ours");
            let note = format!("note {}", written.notes.len());
            written.description = format!("{}\n{note}", written.description);
            written.notes.push(note);
            cover("ours: a note");
            format!("a note on our {id}")
        }
        Edit::Rewrite => {
            calendar.put(&id, what, marks, now);
            let event = calendar.events.get_mut(&id).expect("it was put");
            let written = event.written.as_mut().expect("it is ours");
            written.title = "My own words".to_owned();
            written.own_title = true;
            if dice.chance(50) {
                written.location = "Elsewhere".to_owned();
                written.own_location = true;
            }
            if dice.chance(50) {
                written.description = "All my own words".to_owned();
                written.own_description = true;
                written.notes.clear();
            }
            cover("ours: other words");
            format!("other words on our {id}")
        }
        Edit::Delete => {
            for exception in calendar.exceptions(&id) {
                calendar.put(&exception, What::Gone, marks, now);
            }
            calendar.put(&id, What::Gone, marks, now);
            cover("ours: deleted");
            format!("delete our {id}")
        }
        Edit::Restore => {
            let before = event.before.clone().filter(|before| matches!(before, What::Single(_)))?;
            calendar.put(&id, before, marks, now);
            cover("ours: out of the bin");
            format!("restore our {id}")
        }
        Edit::Copy => {
            let span = span?;
            let to = if dice.chance(50) {
                span
            } else {
                crate::world::shifted(&span, TimeDelta::minutes(30 * dice.range(-200, 200)))
            };
            calendar.put(&new, What::Single(to), marks, now);
            calendar.events.get_mut(&new).expect("it was put").written = Some(written);
            cover("ours: copied");
            format!("copy our {id} as {new}")
        }
        Edit::Drag => return None,
    };
    Some(format!("{name}: {told}"))
}
