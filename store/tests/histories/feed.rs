//! What Google tells of the changes of a calendar (reference sheet, 5 and 6).

use crate::model;
use crate::platform::{Sim, State, details, observed, overlaps, unavailable};
use crate::support::{Dice, cover, lock};
use crate::world::{Event, Lie, What, instance_id};
use chrono::TimeDelta;
use chrono_tz::Tz;
use secrecy::SecretString;
use simone_booking::{Clock, Interval};
use simone_sync::event::Series as ObservedSeries;
use simone_sync::event::{Change, ObservedEvent, OriginalStart, Shape, Span};
use simone_sync::platform::{ChangesPage, PageEnd, Platform, PlatformError, Position};
use std::collections::BTreeSet;

pub struct Listing {
    account: usize,
    calendar: String,
    generation: u64,
    /// The listing is of what changed since then.
    since: Option<u64>,
    entries: Vec<Entry>,
    cursor: String,
}

#[derive(Clone)]
enum Entry {
    /// The event, as it is when the page is made.
    Now(String),
    /// As it was before its last change.
    Stale(Box<Event>),
    Gone(String),
}

impl State {
    /// Lists what a feed has to tell.
    fn list(&mut self, account: usize, calendar_id: &str, since: Option<u64>) -> Listing {
        let dice = &mut self.dice;
        let calendar = self.world.calendar_mut(account, calendar_id).expect("the caller found it");
        calendar.lag_less();
        let lagging = calendar.lag.is_some();
        let (changes, events) = match &calendar.lag {
            Some(lag) => {
                cover("feed: lags behind a write");
                (lag.changes, &lag.events)
            }
            None => (calendar.changes, &calendar.events),
        };
        let mut entries = Vec::new();
        let lied = match (calendar.lie, since) {
            (Some(Lie::Listing | Lie::Both), None) => {
                cover("fault: a listing lies");
                true
            }
            (Some(Lie::Delta | Lie::Both), Some(_)) => {
                cover("fault: a delta lies");
                entries.extend(events.keys().map(|id| Entry::Gone(id.clone())));
                true
            }
            _ => false,
        };
        if !lied {
            for event in events.values() {
                let gone = event.what == What::Gone;
                let tells = match since {
                    Some(since) => event.changed > since,
                    None => !gone,
                };
                if !tells {
                    continue;
                }
                if gone
                    && matches!(event.before, Some(What::Exception { alone: false, .. }))
                    && dice.chance(50)
                {
                    // Of a deleted series, not every occurrence is told (reference sheet, 6.3).
                    cover("feed: a deletion is under-reported");
                    continue;
                }
                entries.push(if lagging {
                    Entry::Stale(Box::new(event.clone()))
                } else {
                    Entry::Now(event.id.clone())
                });
                if let Some(previous) = &event.previous
                    && dice.chance(8)
                {
                    cover("feed: an item comes twice");
                    entries.insert(0, Entry::Stale(previous.clone()));
                } else if dice.chance(3) {
                    cover("feed: an item is repeated");
                    entries.insert(0, Entry::Now(event.id.clone()));
                }
            }
            if dice.chance(30) && !entries.iter().any(|entry| matches!(entry, Entry::Stale(_))) {
                cover("feed: exceptions before their series");
                dice.shuffle(&mut entries);
            }
            if dice.chance(5) {
                entries.push(Entry::Gone("never-seen".to_owned()));
            }
        }
        let cursor = format!("cursor|{account}|{calendar_id}|{}|{changes}", calendar.generation);
        Listing {
            account,
            calendar: calendar_id.to_owned(),
            generation: calendar.generation,
            since,
            entries,
            cursor,
        }
    }

    /// One page of a listing, from `offset`.
    fn page(&mut self, number: u64, offset: usize, cut: bool) -> ChangesPage {
        let listing = &self.listings[&number];
        let calendar =
            self.world.calendar(listing.account, &listing.calendar).expect("calendars are never forgotten");
        let left = listing.entries.len() - offset;
        let size = match self.dice.below(10) {
            0 if self.dice.chance(50) => {
                cover("feed: an empty page");
                0
            }
            0..5 => left.min(1 + self.dice.below(4)),
            _ => left,
        };
        let mut changes: Vec<Change> = Vec::new();
        for entry in &listing.entries[offset..offset + size] {
            match entry {
                Entry::Gone(id) => changes.push(Change::Gone { id: id.clone() }),
                Entry::Stale(event) => changes.extend(shown(event, listing.since, &mut self.dice)),
                Entry::Now(id) => {
                    let event = calendar.events.get(id);
                    // What was converted away since the listing was made is left out.
                    changes.extend(event.and_then(|event| shown(event, listing.since, &mut self.dice)));
                }
            }
        }
        self.next += 1;
        let end = if cut {
            cover("fault: a page is cut");
            let keep = self.dice.below(changes.len() + 1);
            changes.truncate(keep);
            PageEnd::Cut
        } else if offset + size < listing.entries.len() || (size == 0 && self.dice.chance(50)) {
            cover("feed: more than one page");
            PageEnd::More(format!("page|{number}|{}|{}", offset + size, self.next))
        } else {
            PageEnd::Cursor(listing.cursor.clone())
        };
        ChangesPage { changes, zone: Some(calendar.zone.clone()), end, ..ChangesPage::default() }
    }
}

/// An event as a feed shows it.
pub fn shown(event: &Event, since: Option<u64>, dice: &mut Dice) -> Option<Change> {
    if event.garbled {
        cover("feed: an item that cannot be read");
        return Some(Change::Unreadable { id: event.id.clone() });
    }
    let shape = match &event.what {
        What::Gone => return Some(Change::Gone { id: event.id.clone() }),
        What::Single(span) => Shape::Single { span: *span },
        What::Series(series) => Shape::Master {
            series: ObservedSeries { first: series.first, zone: series.zone.clone(), lines: series.lines() },
        },
        What::Exception { master, slot, span, .. } => {
            if span.is_none() && since.is_some_and(|since| event.known_since <= since) && dice.chance(30) {
                // All that can be relied on of a tombstone is its id (5.4); we told the exception before.
                cover("feed: a minimal tombstone of an occurrence");
                return Some(Change::Gone { id: event.id.clone() });
            }
            Shape::Exception { master: master.clone(), original_start: *slot, span: *span }
        }
    };
    Some(Change::Present(Box::new(observed(event, shape))))
}

pub fn read_page(token: &str) -> Option<(u64, usize)> {
    let mut parts = token.strip_prefix("page|")?.split('|');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Generation and change of a cursor that is this calendar's.
fn read_cursor(cursor: &str, account: usize, calendar: &str) -> Option<(u64, u64)> {
    let rest = cursor.strip_prefix(&format!("cursor|{account}|{calendar}|"))?;
    let (generation, change) = rest.split_once('|')?;
    Some((generation.parse().ok()?, change.parse().ok()?))
}

impl Sim {
    pub fn changes(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        let cut = self.fault(true)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        let named = (account, calendar.to_owned());
        if sim.faults.not_found.contains(&named) {
            cover("fault: a calendar is not found");
            return Err(PlatformError::NotFound);
        }
        if sim.faults.forbidden.contains(&named) {
            cover("fault: a calendar is forbidden");
            return Err(PlatformError::Forbidden { code: "forbidden".to_owned() });
        }
        let Some(found) = sim.world.calendar(account, calendar).filter(|calendar| calendar.listed) else {
            cover("fault: a withdrawn calendar is asked for");
            sim.asked_for_nothing(&named);
            return Err(PlatformError::NotFound);
        };
        if found.platform == Platform::Outlook {
            return Self::outlook_changes(&mut sim, account, calendar, position, cut);
        }
        let generation = found.generation;
        let since = match position.cursor {
            None => None,
            Some(cursor) => match read_cursor(cursor, account, calendar) {
                Some((of, since)) if of == generation => Some(since),
                Some(_) => {
                    cover("feed: an expired cursor");
                    return Err(PlatformError::CursorExpired);
                }
                None => panic!("a cursor of another calendar: {cursor} for {calendar} of {account}"),
            },
        };
        let (number, offset) = match position.page {
            None => {
                let listing = sim.list(account, calendar, since);
                sim.next += 1;
                let number = sim.next;
                sim.listings.insert(number, listing);
                (number, 0)
            }
            Some(page) => {
                let (number, offset) = read_page(page).expect("our own token");
                let listing = &sim.listings[&number];
                assert_eq!(listing.calendar, calendar, "a page of another calendar");
                assert_eq!(listing.since, since, "a page of another listing");
                if listing.generation != generation {
                    cover("feed: a cursor expires between pages");
                    return Err(PlatformError::CursorExpired);
                }
                (number, offset)
            }
        };
        Ok(sim.page(number, offset, cut))
    }

    pub fn instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        self.fault(false)?;
        let now = self.clock.now();
        let mut sim = lock(&self.state);
        let account = sim.account_of(access_token, now)?;
        if sim.faults.instances_fail {
            cover("fault: instances fail");
            return Err(if sim.dice.chance(50) {
                PlatformError::Refused { status: 400, code: "badRequest".to_owned() }
            } else {
                unavailable(None)
            });
        }
        let found = sim.world.calendar(account, calendar).filter(|calendar| calendar.listed);
        let Some(found) = found else { return Err(PlatformError::NotFound) };
        let Some(event) = found.events.get(master) else { return Err(PlatformError::NotFound) };
        let What::Series(series) = &event.what else { return Err(PlatformError::NotFound) };
        cover("feed: instances");
        let zone = model::series_zone(series, found, Tz::UTC);
        let mut changes = Vec::new();
        let mut slots = BTreeSet::new();
        for exception in found.events.values() {
            if let What::Exception { master: of, slot, span, .. } = &exception.what
                && of == master
            {
                slots.insert(*slot);
                if span.is_some_and(|span| overlaps(&span, window)) {
                    changes.extend(shown(exception, None, &mut Dice::new(0)));
                }
            }
        }
        for (slot, span) in model::expand(series, zone, window.end.date_naive() + TimeDelta::days(2)) {
            if !slots.contains(&slot) && overlaps(&span, window) {
                changes.push(instance(event, slot, span));
            }
        }
        let from: usize = page.map_or(0, |page| page.parse().expect("our own token")).min(changes.len());
        let size = if sim.dice.chance(60) { changes.len() } else { sim.dice.below(30) };
        let to = (from + size).min(changes.len());
        let end =
            if to < changes.len() { PageEnd::More(to.to_string()) } else { PageEnd::Cursor(String::new()) };
        Ok(ChangesPage { changes: changes[from..to].to_vec(), end, ..ChangesPage::default() })
    }
}

pub fn instance(event: &Event, slot: OriginalStart, span: Span) -> Change {
    Change::Present(Box::new(ObservedEvent {
        id: instance_id(&event.id, &slot),
        revision: format!("of {}", event.changed),
        shape: Shape::Exception { master: event.id.clone(), original_start: slot, span: Some(span) },
        marks: event.marks,
        details: details(event),
        updated: Some(event.updated),
        ical_uid: Some(format!("{}@platform.test", event.id)),
        // Occurrences inherit the properties of their series (7.9), which name that.
        marker: None,
    }))
}
