//! From a change feed to rows: what to write, what to remove, and what to hold back.

use crate::event::{Change, Details, Marks, ObservedEvent, OriginalStart, Shape, Span};
use crate::log::{KEPT_ENTRIES, Kind, Noted};
use crate::ports::KnownEvent;
use crate::round::Advance;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use simone_booking::CalendarId;
use simone_booking::horizon::HORIZON_DAYS;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A loss of up to this many blocks is never held back.
pub const BRAKE_BLOCKS: usize = 20;

/// Single events that were over this long ago are not stored.
const KEPT_AFTER_END: TimeDelta = TimeDelta::days(2);

/// All pages of a feed since a cursor, staged.
#[derive(Debug)]
pub struct Pull {
    pub calendar: CalendarId,
    /// The cursor that was stored when it began: the commit is conditional on it.
    pub expected_cursor: Option<String>,
    /// A full listing: what it does not name is gone.
    pub complete: bool,
    pub changes: Vec<Change>,
    /// Series of which all occurrences are among the changes.
    pub whole: BTreeSet<String>,
    /// Where the next one begins.
    pub cursor: String,
    /// Until when it tells of what is to come; `None`: without end.
    pub covers: Option<DateTime<Utc>>,
    /// The calendar's zone, as the platform names it, where it is another than the stored one.
    pub zone: Option<String>,
}

impl Pull {
    /// The events that it tells of, and the series that these belong to.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<&str> = self.whole.iter().map(String::as_str).collect();
        for change in &self.changes {
            names.insert(change.id());
            if let Change::Present(event) = change {
                names.extend(event.shape.master());
            }
        }
        names.into_iter().map(str::to_owned).collect()
    }
}

/// How many events a round added, changed, removed and held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub held: usize,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.changed += other.changed;
        self.removed += other.removed;
        self.held += other.held;
    }
}

impl Counts {
    pub const fn is_zero(&self) -> bool {
        self.added + self.changed + self.removed + self.held == 0
    }
}

/// What a pull writes, in one transaction.
#[derive(Debug)]
pub struct PullPlan {
    pub calendar: CalendarId,
    pub expected_cursor: Option<String>,
    /// New and changed events; writing one releases it if it was held.
    pub upserts: Vec<ObservedEvent>,
    /// Ids of rows that go.
    pub remove: Vec<String>,
    /// Ids of rows that stay until the provider decides.
    pub hold: Vec<String>,
    /// `None` as long as something is held: then the next pull lists in full and checks again.
    pub cursor: Option<String>,
    /// Until when the answers behind that cursor tell of what is to come; `None`: without end.
    pub covers: Option<DateTime<Utc>>,
    /// The calendar's zone, where it is another than the stored one.
    pub zone: Option<String>,
    pub counts: Counts,
    /// What is counted, event by event: the first [`KEPT_ENTRIES`] of them.
    pub noted: Vec<Noted>,
    /// How long ago, as the platform says, each change was made: how many, and the sum in milliseconds.
    pub delays: (usize, i64),
    /// The events whose blocks may be others now: what is written, removed or held, and the series that it belongs or
    /// belonged to.
    pub touched: BTreeSet<String>,
}

impl PullPlan {
    /// Counts a change of one event, and notes it for the log.
    fn note(&mut self, kind: Kind, id: &str, now: Option<&ObservedEvent>) {
        *match kind {
            Kind::Added => &mut self.counts.added,
            Kind::Changed => &mut self.counts.changed,
            Kind::Removed => &mut self.counts.removed,
            Kind::Held => &mut self.counts.held,
        } += 1;
        if self.noted.len() < KEPT_ENTRIES {
            self.noted.push(Noted { kind, id: id.to_owned(), now: now.cloned().map(Box::new) });
        }
    }

    /// Whether observations change. The cursor alone is not one.
    pub const fn changes_facts(&self) -> bool {
        !(self.upserts.is_empty() && self.remove.is_empty() && self.hold.is_empty() && self.zone.is_none())
    }

    /// The move of the cursor, where a pull since a cursor brought nothing else.
    pub fn advance(&self) -> Option<Advance> {
        let (Some(from), Some(to), false) = (&self.expected_cursor, &self.cursor, self.changes_facts())
        else {
            return None;
        };
        Some(Advance { calendar: self.calendar, from: from.clone(), to: to.clone(), covers: self.covers })
    }
}

/// A plan before the brake: see [`Draft::brake`].
#[derive(Debug)]
pub struct Draft {
    plan: PullPlan,
    next_cursor: String,
    /// Events that are lost, by the event that carries their blocks, with the rows that go with each.
    lost: HashMap<String, Vec<String>>,
    still_held: bool,
}

impl Draft {
    /// `known` holds at least the events that the changes name and the exceptions of those; for a full listing,
    /// all that is stored of the calendar.
    pub fn new(pull: Pull, known: &HashMap<String, KnownEvent>, now: DateTime<Utc>) -> Self {
        let complete = pull.complete;
        let mut exceptions: HashMap<&str, Vec<&str>> = HashMap::new();
        for event in known.values() {
            if let Some((master, _)) = &event.exception {
                exceptions.entry(master).or_default().push(&event.id);
            }
        }
        // A feed may name an event more than once (pages shift while they are read): the last word counts.
        let mut last: HashMap<String, usize> = HashMap::with_capacity(pull.changes.len());
        for (index, change) in pull.changes.iter().enumerate() {
            last.insert(change.id().to_owned(), index);
        }
        let gone: HashSet<String> = pull
            .changes
            .iter()
            .enumerate()
            .filter(|(index, change)| {
                last.get(change.id()) == Some(index) && matches!(change, Change::Gone { .. })
            })
            .map(|(_, change)| change.id().to_owned())
            .collect();

        let occurrences = Occurrences::new(&pull, known, &exceptions, &last, &gone);

        let mut draft = Self {
            plan: PullPlan {
                calendar: pull.calendar,
                expected_cursor: pull.expected_cursor,
                upserts: Vec::new(),
                remove: Vec::new(),
                hold: Vec::new(),
                cursor: None,
                covers: pull.covers,
                zone: pull.zone,
                counts: Counts::default(),
                noted: Vec::new(),
                delays: (0, 0),
                touched: BTreeSet::new(),
            },
            next_cursor: pull.cursor,
            lost: HashMap::new(),
            still_held: known.values().any(|event| {
                event.held
                    && !last.contains_key(&event.id)
                    && !is_replaced(event, complete, &last)
                    && !occurrences.replace(event, &last)
                    && !occurrences.supersede(event)
            }),
        };
        let mut removed: HashSet<&str> = HashSet::new();
        let mut added: HashSet<String> = HashSet::new();
        // Of series that are told by their occurrences: which were put and which are gone, that a person would miss.
        let mut told: BTreeMap<String, (Vec<ObservedEvent>, Vec<String>)> = BTreeMap::new();

        for (index, change) in pull.changes.into_iter().enumerate() {
            if last.get(change.id()) != Some(&index) {
                continue;
            }
            match change {
                Change::Unreadable { .. } => {}
                Change::Present(event) => {
                    let stored = known.get(&event.id);
                    if let Shape::Exception { master, span: None, .. } = &event.shape
                        && gone.contains(master)
                    {
                        // The series is gone as a whole; what stood in for its occurrences goes with it.
                        continue;
                    }
                    let of_series = || {
                        let ids = exceptions.get(event.id.as_str()).into_iter().flatten();
                        ids.filter(|id| !last.contains_key(**id)).copied()
                    };
                    if !matches!(event.shape, Shape::Master { .. }) {
                        // What was a series is none any more: its exceptions stand for nothing.
                        removed.extend(of_series());
                    }
                    // An event of ours that is moved into the past says something of a booking that may be ahead. In a full
                    // listing, what is not stored already is an appointment that has been.
                    let of_booking = event.marker.is_some() && (stored.is_some() || !complete);
                    if is_over(&event.shape, now) && !of_booking {
                        if let Some(stored) = stored {
                            removed.insert(&stored.id);
                            draft.plan.note(Kind::Changed, &event.id, Some(&event));
                        }
                        continue;
                    }
                    match stored {
                        Some(stored)
                            if stored.revision == event.revision && !stored.held && !stored.stand_in =>
                        {
                            continue;
                        }
                        _ if event.shape.master().is_some_and(|master| occurrences.tell(master)) => {
                            if let Shape::Exception { master, original_start, .. } = &event.shape
                                && is_of_note(*original_start, now)
                            {
                                told.entry(master.clone()).or_default().0.push((*event).clone());
                            }
                        }
                        Some(_) => draft.plan.note(Kind::Changed, &event.id, Some(&event)),
                        None if event.shape.master().is_none() => {
                            draft.plan.note(Kind::Added, &event.id, Some(&event));
                            added.insert(event.id.clone());
                        }
                        None => {}
                    }
                    // A series that was told anew is expanded anew.
                    removed.extend(
                        of_series().filter(|id| known.get(*id).is_some_and(|stored| stored.stand_in)),
                    );
                    draft.plan.upserts.push(*event);
                }
                Change::Gone { id } => {
                    let Some(stored) = known.get(&id) else {
                        // A series of which only occurrences are known.
                        let rows = exceptions.get(id.as_str()).into_iter().flatten();
                        let gone = rows.filter(|row| !known[**row].held && !last.contains_key(**row));
                        let rows: Vec<String> = gone.map(|row| (*row).to_owned()).collect();
                        if !rows.is_empty() {
                            draft.lost.insert(id, rows);
                        }
                        continue;
                    };
                    if stored.held {
                        draft.still_held = true;
                        continue;
                    }
                    match &stored.exception {
                        None => draft.lose(stored, &exceptions, known),
                        Some((master, slot)) if occurrences.tell(master) => {
                            if occurrences.remain(master) {
                                removed.insert(&stored.id);
                                if is_of_note(*slot, now) {
                                    told.entry(master.clone()).or_default().1.push(id);
                                }
                            } else {
                                draft.lost.entry(master.clone()).or_default().push(id);
                            }
                        }
                        // Only its id can be relied on, but we know which occurrence it stood in for.
                        Some((master, original_start)) if !gone.contains(master) => {
                            let cancelled = ObservedEvent {
                                id,
                                revision: "gone".to_owned(),
                                shape: Shape::Exception {
                                    master: master.clone(),
                                    original_start: *original_start,
                                    span: None,
                                },
                                marks: Marks::default(),
                                details: Details::default(),
                                updated: None,
                                ical_uid: None,
                                marker: None,
                            };
                            draft.plan.note(Kind::Changed, &cancelled.id, Some(&cancelled));
                            draft.plan.upserts.push(cancelled);
                        }
                        Some(_) => {}
                    }
                }
            }
        }

        if complete {
            let replaced =
                |event: &KnownEvent| is_replaced(event, complete, &last) || occurrences.replace(event, &last);
            // Its occurrences tell of it.
            let stands = |event: &KnownEvent| occurrences.tell(&event.id) && occurrences.remain(&event.id);
            for stored in known.values().filter(|event| event.held && replaced(event)) {
                removed.insert(&stored.id);
            }
            for stored in known.values().filter(|event| !event.held && !last.contains_key(&event.id)) {
                match &stored.exception {
                    // What is over may be left out of a listing.
                    None if stored.over_at.is_some_and(|over_at| over_at < now) => {
                        removed.insert(&stored.id);
                    }
                    None if stands(stored) => {}
                    None => draft.lose(stored, &exceptions, known),
                    // A listing cannot contain the stand-ins of a rule that only we cannot read.
                    Some((master, _)) if last.contains_key(master) => {
                        if !stored.stand_in {
                            removed.insert(&stored.id);
                        }
                    }
                    // Its series goes, or stays held, and takes it along.
                    Some((master, _)) if known.contains_key(master) => {}
                    Some((master, slot)) if occurrences.remain(master) => {
                        removed.insert(&stored.id);
                        if is_of_note(*slot, now) {
                            told.entry(master.clone()).or_default().1.push(stored.id.clone());
                        }
                    }
                    Some((master, _)) => {
                        draft.lost.entry(master.clone()).or_default().push(stored.id.clone());
                    }
                }
            }
        } else {
            for (master, id) in occurrences.missing(&exceptions, &last) {
                let stored = &known[id];
                if !occurrences.remain(master) {
                    if !stored.held {
                        draft.lost.entry(master.to_owned()).or_default().push(id.to_owned());
                    }
                    continue;
                }
                removed.insert(&stored.id);
                if stored.exception.as_ref().is_some_and(|(_, slot)| is_of_note(*slot, now)) {
                    told.entry(master.to_owned()).or_default().1.push(id.to_owned());
                }
            }
            // It was made a series, and none of its occurrences is inside the window.
            for master in &occurrences.whole {
                if let Some(stored) = known.get(master)
                    && !stored.held
                    && !last.contains_key(master)
                    && !occurrences.remain(master)
                {
                    draft.lost.entry(master.clone()).or_default().push(master.clone());
                }
            }
        }
        removed.extend(known.values().filter(|event| occurrences.supersede(event)).map(|event| &*event.id));
        for (master, (mut put, mut gone)) in told {
            put.sort_by_key(|event| event.shape.original_start());
            gone.sort_unstable();
            match (put.first(), gone.first()) {
                (Some(event), _)
                    if exceptions.contains_key(master.as_str()) || known.contains_key(&master) =>
                {
                    draft.plan.note(Kind::Changed, &event.id, Some(event));
                }
                (Some(event), _) => draft.plan.note(Kind::Added, &event.id, Some(event)),
                (None, Some(id)) => draft.plan.note(Kind::Removed, id, None),
                (None, None) => {}
            }
        }

        let upserts = std::mem::take(&mut draft.plan.upserts);
        for event in &upserts {
            let of_known_series = event
                .shape
                .master()
                .is_some_and(|master| !added.contains(master) && !occurrences.tell(master));
            if of_known_series && !known.contains_key(&event.id) {
                draft.plan.note(Kind::Changed, &event.id, Some(event));
            }
        }
        draft.plan.upserts = upserts;
        draft.plan.delays = delays(&draft.plan.upserts, now);
        draft.plan.remove = removed.into_iter().map(str::to_owned).collect();
        let masters = draft.plan.upserts.iter().filter_map(|event| event.shape.master());
        let mut touched: BTreeSet<String> = masters.map(str::to_owned).collect();
        let upserted = draft.plan.upserts.iter().map(|event| &event.id);
        for id in upserted.chain(&draft.plan.remove).chain(draft.lost.values().flatten()) {
            let stored = known.get(id).and_then(|stored| stored.exception.as_ref());
            touched.extend(stored.map(|(master, _)| master.clone()));
            touched.insert(id.clone());
        }
        draft.plan.touched = touched;
        draft
    }

    /// The event goes, and what stands in for its occurrences with it.
    fn lose(
        &mut self,
        event: &KnownEvent,
        exceptions: &HashMap<&str, Vec<&str>>,
        known: &HashMap<String, KnownEvent>,
    ) {
        let rows = exceptions
            .get(event.id.as_str())
            .into_iter()
            .flatten()
            .filter(|id| known.get(**id).is_some_and(|exception| !exception.held));
        let mut rows: Vec<String> = rows.map(|id| (*id).to_owned()).collect();
        rows.push(event.id.clone());
        self.lost.insert(event.id.clone(), rows);
    }

    /// Whether anything is lost, so that the brake has to weigh it.
    pub fn loses(&self) -> bool {
        !self.lost.is_empty()
    }

    /// The brake: when the lost events carry more than half of the calendar's blocks, and more than
    /// [`BRAKE_BLOCKS`], they are held instead of removed. `blocks`: how many blocks each event carries.
    pub fn brake(mut self, blocks: &HashMap<String, usize>) -> PullPlan {
        let total: usize = blocks.values().sum();
        let lost: usize = self.lost.keys().map(|id| blocks.get(id).copied().unwrap_or(0)).sum();
        let hold = lost > BRAKE_BLOCKS && lost * 2 > total;
        let mut events: Vec<String> = self.lost.keys().cloned().collect();
        events.sort_unstable();
        let kind = if hold { Kind::Held } else { Kind::Removed };
        for event in &events {
            // A series that is told by its occurrences has no row of its own.
            let rows = &self.lost[event];
            let shown = if rows.contains(event) { Some(event) } else { rows.iter().min() };
            if let Some(shown) = shown {
                self.plan.note(kind, shown, None);
            }
        }
        let mut rows: Vec<String> = self.lost.into_values().flatten().collect();
        // In a stable order, so that the same pull writes the same.
        rows.sort_unstable();
        if hold {
            self.plan.hold = rows;
        } else {
            self.plan.remove.extend(rows);
        }
        self.plan.remove.sort_unstable();
        self.plan.remove.dedup();
        self.plan.cursor = (!hold && !self.still_held).then_some(self.next_cursor);
        self.plan
    }
}

/// Series of which a platform tells by their occurrences alone: it expands them for us.
struct Occurrences {
    /// All such series that the pull or what is known names.
    of: HashSet<String>,
    /// Those of which the pull tells all occurrences.
    whole: BTreeSet<String>,
    /// Those of which some occurrence is there after the pull.
    remaining: HashSet<String>,
    /// The single events that were made such series.
    former: HashSet<String>,
    complete: bool,
}

impl Occurrences {
    fn new(
        pull: &Pull,
        known: &HashMap<String, KnownEvent>,
        exceptions: &HashMap<&str, Vec<&str>>,
        last: &HashMap<String, usize>,
        gone: &HashSet<String>,
    ) -> Self {
        let masters: HashSet<&str> = pull
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Present(event) if matches!(event.shape, Shape::Master { .. }) => {
                    Some(event.id.as_str())
                }
                _ => None,
            })
            .collect();
        // A bounded feed tells no series in another way; what is stored of one was read by its id, and says of no
        // occurrence whether it is there.
        let bounded = pull.covers.is_some();
        let told = |master: &str| !masters.contains(master) && (bounded || !known.contains_key(master));
        let mut of: HashSet<String> = HashSet::new();
        let mut remaining: HashSet<String> = HashSet::new();
        for change in &pull.changes {
            if let Change::Present(event) = change
                && let Some(master) = event.shape.master()
                && told(master)
            {
                of.insert(master.to_owned());
                remaining.insert(master.to_owned());
            }
        }
        for (master, rows) in exceptions {
            if !told(master) {
                continue;
            }
            of.insert((*master).to_owned());
            let stays = |id: &&&str| !gone.contains(**id) && !last.contains_key(**id);
            if !pull.complete && !pull.whole.contains(*master) && rows.iter().any(|id| stays(&id)) {
                remaining.insert((*master).to_owned());
            }
        }
        let whole = pull.whole.iter().filter(|master| told(master)).cloned().collect();
        let is_single = |id: &&String| known.get(*id).is_some_and(|event| event.over_at.is_some());
        let former = of.iter().filter(is_single).filter(|id| !last.contains_key(*id)).cloned().collect();
        Self { of, whole, remaining, former, complete: pull.complete }
    }

    /// Whether the series has no row of its own.
    fn tell(&self, master: &str) -> bool {
        self.of.contains(master)
    }

    fn remain(&self, master: &str) -> bool {
        self.remaining.contains(master)
    }

    /// Whether the pull leaves out an occurrence although it tells of its series.
    fn replace(&self, event: &KnownEvent, last: &HashMap<String, usize>) -> bool {
        event.exception.as_ref().is_some_and(|(master, _)| {
            (self.complete || self.whole.contains(master))
                && self.tell(master)
                && self.remain(master)
                && !last.contains_key(&event.id)
        })
    }

    /// Whether it was a single event, and its occurrences are told instead.
    fn supersede(&self, event: &KnownEvent) -> bool {
        self.former.contains(&event.id) && self.remain(&event.id)
    }

    /// The occurrences that have gone without a word, with their series.
    fn missing<'a>(
        &'a self,
        exceptions: &'a HashMap<&str, Vec<&'a str>>,
        last: &'a HashMap<String, usize>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.whole.iter().flat_map(move |master| {
            let rows = exceptions.get(master.as_str()).into_iter().flatten().copied();
            rows.filter(|id| !last.contains_key(*id)).map(|id| (master.as_str(), id))
        })
    }
}

/// Whether people would miss an occurrence: it is not over, and not beyond the horizon, where a listing goes on a little
/// further each day.
fn is_of_note(slot: OriginalStart, now: DateTime<Utc>) -> bool {
    let at = match slot {
        OriginalStart::Date(date) => date.and_time(NaiveTime::MIN).and_utc(),
        OriginalStart::Instant(at) => at,
    };
    (now - TimeDelta::days(1)..now + TimeDelta::days(HORIZON_DAYS as i64 + 2)).contains(&at)
}

/// An exception that a full listing leaves out although it names the series: its occurrence is as the rule says.
fn is_replaced(event: &KnownEvent, complete: bool, listed: &HashMap<String, usize>) -> bool {
    let listed_without = |master: &String| listed.contains_key(master) && !listed.contains_key(&event.id);
    complete && event.exception.as_ref().is_some_and(|(master, _)| listed_without(master))
}

/// When a single event is over at the latest, in whatever zone: a date ends last at UTC−12.
pub fn over_at(shape: &Shape) -> Option<DateTime<Utc>> {
    match shape {
        Shape::Single { span: Span::Timed { start, end } } => Some(*end.max(start)),
        Shape::Single { span: Span::AllDay { start, end } } => {
            Some((*end.max(start)).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12))
        }
        Shape::Master { .. } | Shape::Exception { .. } => None,
    }
}

/// The instant before which a single event must have ended to be dropped.
pub fn dropped_before(now: DateTime<Utc>) -> DateTime<Utc> {
    now - KEPT_AFTER_END
}

fn is_over(shape: &Shape, now: DateTime<Utc>) -> bool {
    over_at(shape).is_some_and(|over_at| over_at < dropped_before(now))
}

fn delays(upserts: &[ObservedEvent], now: DateTime<Utc>) -> (usize, i64) {
    let delays =
        upserts.iter().filter_map(|event| event.updated).map(|updated| (now - updated).num_milliseconds());
    // Older ones were there before: they say nothing of how fast we are.
    let recent = delays.filter(|delay| (0..TimeDelta::hours(24).num_milliseconds()).contains(delay));
    recent.fold((0, 0), |(count, sum), delay| (count + 1, sum + delay))
}

#[cfg(test)]
mod tests;
