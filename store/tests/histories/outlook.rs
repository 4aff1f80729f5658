//! What Microsoft tells of the changes of a calendar, as its adapter puts it (reference sheet, 6; design, section 6): what
//! is in a window that does not slide; series by their occurrences alone, all of them where anything of one changed.

use crate::model;
use crate::platform::{Sim, State, observed, overlaps};
use crate::support::{Dice, cover};
use crate::world::{Event, Lie, Series, What, instance_id};
use chrono::{DateTime, TimeDelta};
use simone_booking::Interval;
use simone_sync::event::Series as ObservedSeries;
use simone_sync::event::{Change, OriginalStart, Shape, Span};
use simone_sync::platform::{ChangesPage, PageEnd, PlatformError, Position};
use std::collections::{BTreeMap, BTreeSet};

pub struct Listing {
    account: usize,
    calendar: String,
    generation: u64,
    /// The listing is of what changed since then.
    since: Option<u64>,
    window: Interval,
    entries: Vec<Entry>,
    cursor: String,
}

#[derive(Clone)]
enum Entry {
    /// A single event or an exception, as it is when the page is made.
    Now(String),
    /// An occurrence, as its series is when the page is made.
    Slot(String, OriginalStart),
    /// A series that was touched, as it is when the page is made.
    Whole(String),
    /// As it was when the listing was made.
    Told(Change),
    /// All occurrences of a series were told.
    Complete(String),
}

type Events = BTreeMap<String, Event>;

/// More touched series than this, and the whole window is read in their stead.
const MOST_SERIES: usize = 10;

impl Sim {
    /// A page of the feed of a calendar that was found.
    pub fn outlook_changes(
        sim: &mut State,
        account: usize,
        calendar: &str,
        position: Position<'_>,
        cut: bool,
    ) -> Result<ChangesPage, PlatformError> {
        let generation = sim.world.calendar(account, calendar).expect("the caller found it").generation;
        let (since, window) = match position.cursor {
            None => (None, position.window),
            Some(cursor) => {
                let (of, since, window) = read_cursor(cursor, account, calendar).unwrap_or_else(|| {
                    panic!("a cursor of another calendar: {cursor} for {calendar} of {account}")
                });
                let day = TimeDelta::days(1);
                if position.window.start - window.start >= day || window.end + day < position.window.end {
                    cover("feed: a window is opened anew");
                    return Err(PlatformError::CursorExpired);
                }
                if of != generation {
                    cover("feed: an expired cursor");
                    return Err(PlatformError::CursorExpired);
                }
                (Some(since), window)
            }
        };
        let (number, offset) = match position.page {
            None => {
                let listing = sim.list_outlook(account, calendar, since, window);
                sim.next += 1;
                let number = sim.next;
                sim.windowed.insert(number, listing);
                (number, 0)
            }
            Some(page) => {
                let (number, offset) = crate::feed::read_page(page).expect("our own token");
                let listing = &sim.windowed[&number];
                assert_eq!(listing.calendar, calendar, "a page of another calendar");
                assert_eq!((listing.since, listing.window), (since, window), "a page of another listing");
                if listing.generation != generation {
                    cover("feed: a cursor expires between pages");
                    return Err(PlatformError::CursorExpired);
                }
                (number, offset)
            }
        };
        Ok(sim.page_outlook(number, offset, cut))
    }
}

impl State {
    fn list_outlook(
        &mut self,
        account: usize,
        calendar_id: &str,
        since: Option<u64>,
        window: Interval,
    ) -> Listing {
        let dice = &mut self.dice;
        let calendar = self.world.calendar_mut(account, calendar_id).expect("the caller found it");
        calendar.lag_less();
        let (changes, events) = match &calendar.lag {
            Some(lag) => {
                cover("feed: lags behind a write");
                (lag.changes, &lag.events)
            }
            None => (calendar.changes, &calendar.events),
        };
        let mut entries = match (calendar.lie, since) {
            (Some(Lie::Listing | Lie::Both), None) => {
                cover("fault: a listing lies");
                Vec::new()
            }
            (Some(Lie::Delta | Lie::Both), Some(_)) => lie(events, dice),
            (_, None) => all(events, window),
            (_, Some(since)) => touched(events, since, window, dice),
        };
        if dice.chance(30) {
            dice.shuffle(&mut entries);
        }
        if calendar.lie.is_none() {
            let mut before = Vec::new();
            for entry in &entries {
                again(entry, events, window, dice, &mut before);
            }
            entries.splice(0..0, before);
        }
        if dice.chance(5) {
            entries.push(Entry::Told(gone("never-seen")));
        }
        if calendar.lag.is_some() || dice.chance(10) {
            // What was told before a series was read to its end is not taken back.
            entries = entries.into_iter().flat_map(|entry| spelled(entry, events, window)).collect();
        }
        let bounds = format!("{}|{}", window.start.timestamp_micros(), window.end.timestamp_micros());
        let cursor = format!("delta|{account}|{calendar_id}|{}|{changes}|{bounds}", calendar.generation);
        let (calendar, generation) = (calendar_id.to_owned(), calendar.generation);
        Listing { account, calendar, generation, since, window, entries, cursor }
    }

    fn page_outlook(&mut self, number: u64, offset: usize, cut: bool) -> ChangesPage {
        let listing = &self.windowed[&number];
        let calendar =
            self.world.calendar(listing.account, &listing.calendar).expect("calendars are never forgotten");
        let left = listing.entries.len() - offset;
        let size = match self.dice.below(10) {
            0 if self.dice.chance(50) => {
                cover("feed: an empty page");
                0
            }
            0..5 => left.min(1 + self.dice.below(12)),
            _ => left,
        };
        let mut page = ChangesPage { covers: Some(listing.window.end), ..ChangesPage::default() };
        let mut expanded = BTreeMap::new();
        for entry in &listing.entries[offset..offset + size] {
            match entry {
                Entry::Now(id) => page.changes.extend(now(&calendar.events, id, listing.window)),
                Entry::Slot(master, slot) => {
                    let of = expanded
                        .entry(master)
                        .or_insert_with(|| occurrences(&calendar.events, master, listing.window));
                    // What was converted away since the listing was made is left out.
                    page.changes.extend(of.get(slot).cloned());
                }
                Entry::Whole(master) if calendar.has_series(master) => {
                    page.changes.extend(all_of(&calendar.events, master, listing.window));
                    page.whole.push(master.clone());
                }
                // It is read again, and is none any more.
                Entry::Whole(master) => page
                    .changes
                    .extend(now(&calendar.events, master, listing.window).or_else(|| Some(gone(master)))),
                Entry::Told(change) => page.changes.push(change.clone()),
                Entry::Complete(master) => page.whole.push(master.clone()),
            }
        }
        if !page.whole.is_empty() {
            cover("feed: a series is read again");
        }
        self.next += 1;
        page.end = if cut {
            cover("fault: a page is cut");
            let keep = self.dice.below(page.changes.len() + 1);
            page.changes.truncate(keep);
            PageEnd::Cut
        } else if offset + size < listing.entries.len() || (size == 0 && self.dice.chance(50)) {
            cover("feed: more than one page");
            PageEnd::More(format!("page|{number}|{}|{}", offset + size, self.next))
        } else {
            PageEnd::Cursor(listing.cursor.clone())
        };
        page
    }
}

fn gone(id: &str) -> Change {
    Change::Gone { id: id.to_owned() }
}

/// A full round: what is in the window.
fn all(events: &Events, window: Interval) -> Vec<Entry> {
    let mut entries = Vec::new();
    for event in events.values() {
        match &event.what {
            What::Gone => {}
            What::Single(span) if overlaps(span, window) => entries.push(Entry::Now(event.id.clone())),
            What::Single(_) => {}
            What::Exception { .. } => entries.push(Entry::Now(event.id.clone())),
            What::Series(_) => {
                cover("feed: a series is told by its occurrences");
                let slots = occurrences(events, &event.id, window).into_keys();
                entries.extend(slots.map(|slot| Entry::Slot(event.id.clone(), slot)));
            }
        }
    }
    entries
}

/// What a delta touched.
fn touched(events: &Events, since: u64, window: Interval, dice: &mut Dice) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut series: BTreeSet<&str> = BTreeSet::new();
    for event in events.values() {
        if event.changed <= since {
            if dice.chance(2) && !matches!(event.what, What::Gone | What::Exception { .. }) {
                cover("feed: told again though nothing changed");
                match event.what {
                    What::Series(_) => drop(series.insert(&event.id)),
                    _ => entries.push(Entry::Now(event.id.clone())),
                }
            }
            continue;
        }
        match (&event.what, &event.before) {
            (What::Single(span), _) => {
                if !overlaps(span, window) {
                    cover("feed: out of the window");
                }
                entries.push(Entry::Now(event.id.clone()));
            }
            (What::Series(_), _) => drop(series.insert(&event.id)),
            (What::Exception { master, .. }, _) => drop(series.insert(master)),
            // That an occurrence went is not said (6.2); its series is told again, if it is there.
            (What::Gone, Some(What::Exception { master, .. })) => {
                if events.get(master).is_some_and(|event| event.what != What::Gone) {
                    series.insert(master);
                }
            }
            (What::Gone, Some(What::Series(_))) => entries.extend(ended(events, event, since, window, dice)),
            (What::Gone, _) => entries.push(Entry::Told(gone(&event.id))),
        }
    }
    // Of an exception of what is a single event by now, or is gone, that tells.
    let is_series = |id: &&str| events.get(*id).is_some_and(|event| matches!(event.what, What::Series(_)));
    series.retain(is_series);
    if series.len() > MOST_SERIES || dice.chance(3) {
        cover("feed: the whole window is read again");
        let every = events.values().filter(|event| matches!(event.what, What::Series(_)));
        let every: Vec<Entry> = every.map(|event| Entry::Complete(event.id.clone())).collect();
        entries.extend(all(events, window));
        entries.extend(every);
    } else {
        entries.extend(series.into_iter().map(|id| Entry::Whole(id.to_owned())));
    }
    entries
}

/// A series that was deleted: said of itself, of its occurrences, or of all of them.
fn ended(events: &Events, event: &Event, since: u64, window: Interval, dice: &mut Dice) -> Vec<Entry> {
    let mut entries = Vec::new();
    let previous = event.previous.as_deref().filter(|previous| previous.changed <= since);
    let known = match previous.map(|previous| &previous.what) {
        Some(What::Series(series)) => Some(series),
        _ => None,
    };
    let alone = dice.chance(50);
    if let Some(series) = known
        && (alone || dice.chance(40))
    {
        cover(if alone {
            "feed: of a deleted series only its occurrences are told"
        } else {
            "feed: a deleted series and its occurrences are told"
        });
        let mut ids: BTreeSet<String> =
            slots(series, window).map(|(slot, _)| instance_id(&event.id, &slot)).collect();
        let of = |one: &&Event| match one.what {
            What::Gone => matches!(&one.before, Some(What::Exception { master, .. }) if *master == event.id),
            _ => false,
        };
        ids.extend(events.values().filter(of).map(|one| one.id.clone()));
        entries.extend(ids.iter().map(|id| Entry::Told(gone(id))));
        if alone {
            return entries;
        }
    }
    entries.push(Entry::Told(gone(&event.id)));
    entries
}

/// Everything is gone, or reads as empty.
fn lie(events: &Events, dice: &mut Dice) -> Vec<Entry> {
    cover("fault: a delta lies");
    let mut entries = Vec::new();
    for event in events.values() {
        match event.what {
            What::Series(_) if dice.chance(50) => {
                cover("fault: a series reads as empty");
                entries.push(Entry::Complete(event.id.clone()));
            }
            What::Exception { .. } => {}
            What::Series(_) | What::Single(_) | What::Gone => entries.push(Entry::Told(gone(&event.id))),
        }
    }
    entries
}

/// What comes before an entry, that its last word makes void.
fn again(entry: &Entry, events: &Events, window: Interval, dice: &mut Dice, before: &mut Vec<Entry>) {
    match entry {
        Entry::Now(id) => {
            let event = &events[id];
            if let Some(previous) = &event.previous
                && let What::Single(span) = previous.what
                && matches!(event.what, What::Single(_))
                && dice.chance(8)
            {
                cover("feed: an item comes twice");
                let told = observed(previous, Shape::Single { span });
                before.push(Entry::Told(Change::Present(Box::new(told))));
            } else if dice.chance(3) {
                cover("feed: an item is repeated");
                before.push(entry.clone());
            } else if dice.chance(3) && !event.garbled {
                cover("feed: removed, and there all the same");
                before.push(Entry::Told(gone(id)));
            }
        }
        Entry::Whole(master) if dice.chance(8) => {
            let told = all_of(events, master, window);
            if let Some(one) = told.first().filter(|one| matches!(one, Change::Present(_))) {
                cover("feed: removed, and there all the same");
                before.push(Entry::Told(gone(one.id())));
            }
        }
        _ => {}
    }
}

/// An entry as it is when the listing is made.
fn spelled(entry: Entry, events: &Events, window: Interval) -> Vec<Entry> {
    match entry {
        Entry::Now(id) => now(events, &id, window).map(Entry::Told).into_iter().collect(),
        Entry::Slot(master, slot) => {
            occurrences(events, &master, window).remove(&slot).map(Entry::Told).into_iter().collect()
        }
        Entry::Whole(master) => {
            let told = all_of(events, &master, window).into_iter().map(Entry::Told);
            told.chain([Entry::Complete(master.clone())]).collect()
        }
        other => vec![other],
    }
}

/// A single event or an exception as it is told; `None`: not at all.
fn now(events: &Events, id: &str, window: Interval) -> Option<Change> {
    let event = events.get(id)?;
    let shape = match &event.what {
        What::Gone => return Some(gone(id)),
        What::Single(span) if overlaps(span, window) => Shape::Single { span: *span },
        What::Single(_) => return Some(gone(id)),
        What::Exception { master, slot, span: Some(span), .. } => {
            let there = events.get(master).is_some_and(|event| matches!(event.what, What::Series(_)));
            if !there || !overlaps(span, window) {
                return None;
            }
            Shape::Exception { master: master.clone(), original_start: *slot, span: Some(*span) }
        }
        What::Exception { .. } | What::Series(_) => return None,
    };
    Some(present(event, shape))
}

fn present(event: &Event, shape: Shape) -> Change {
    if event.garbled {
        cover("feed: an item that cannot be read");
        return Change::Unreadable { id: event.id.clone() };
    }
    Change::Present(Box::new(observed(event, shape)))
}

fn slots(series: &Series, window: Interval) -> impl Iterator<Item = (OriginalStart, Span)> {
    let until = window.end.date_naive() + TimeDelta::days(2);
    let of = model::expand(series, model::own_zone(series), until);
    of.into_iter().filter(move |(_, span)| overlaps(span, window))
}

/// The occurrences of a series in the window that nothing stands in for.
fn occurrences(events: &Events, master: &str, window: Interval) -> BTreeMap<OriginalStart, Change> {
    let Some(event) = events.get(master) else { return BTreeMap::new() };
    let What::Series(series) = &event.what else { return BTreeMap::new() };
    let replaced: BTreeSet<OriginalStart> = events
        .values()
        .filter_map(|event| match &event.what {
            What::Exception { master: of, slot, .. } if of == master => Some(*slot),
            _ => None,
        })
        .collect();
    slots(series, window)
        .filter(|(slot, _)| !replaced.contains(slot))
        .map(|(slot, span)| {
            let change = if event.garbled {
                cover("feed: an item that cannot be read");
                Change::Unreadable { id: instance_id(master, &slot) }
            } else {
                crate::feed::instance(event, slot, span)
            };
            (slot, change)
        })
        .collect()
}

/// All that is told of a series.
fn all_of(events: &Events, master: &str, window: Interval) -> Vec<Change> {
    let of = |event: &&Event| matches!(&event.what, What::Exception { master: of, .. } if of == master);
    let exceptions = events.values().filter(of).filter_map(|event| now(events, &event.id, window));
    exceptions.chain(occurrences(events, master, window).into_values()).collect()
}

/// What a read by its id gives of an event that stands.
pub fn read(event: &Event) -> Change {
    match &event.what {
        What::Gone | What::Exception { .. } => gone(&event.id),
        What::Single(span) => present(event, Shape::Single { span: *span }),
        // Its rule is nothing to us.
        What::Series(series) => {
            let series = ObservedSeries { first: series.first, zone: series.zone.clone(), lines: Vec::new() };
            present(event, Shape::Master { series })
        }
    }
}

/// Generation, change and window of a cursor that is this calendar's.
fn read_cursor(cursor: &str, account: usize, calendar: &str) -> Option<(u64, u64, Interval)> {
    let rest = cursor.strip_prefix(&format!("delta|{account}|{calendar}|"))?;
    let mut parts = rest.split('|');
    let (generation, change) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let mut instant = || DateTime::from_timestamp_micros(parts.next()?.parse().ok()?);
    Some((generation, change, Interval::new(instant()?, instant()?)))
}
