//! From observations to blocks: a pure function of the facts.

use crate::busy::{self, Verdict};
use crate::event::{Marks, OriginalStart, Shape, Span};
use crate::{recurrence, zone};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::{CalendarId, Horizon, Interval};
use std::collections::{HashMap, HashSet};

/// Raised whenever the same facts lead to other blocks; with the zone database's version it tells that blocks
/// derived before are to be derived again.
const DERIVATION: &str = "1";

/// The version of what derives: code and zone database.
pub fn version() -> String {
    format!("{DERIVATION}/{}", chrono_tz::IANA_TZDB_VERSION)
}

/// A selected calendar and what is stored of its events.
#[derive(Debug)]
pub struct CalendarFacts {
    pub id: CalendarId,
    pub block_free: bool,
    /// As the platform names it.
    pub zone: Option<String>,
    pub events: Vec<EventFacts>,
}

/// What is stored of an event, as far as blocks depend on it.
#[derive(Debug)]
pub struct EventFacts {
    pub id: String,
    pub shape: Shape,
    pub marks: Marks,
    /// Of a series whose rule cannot be read: the platform has expanded it since it was last told, so that its
    /// exceptions are all its occurrences.
    pub expanded: bool,
}

/// What names a block: one per calendar, event (a series by its master) and original start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey {
    pub calendar: CalendarId,
    pub event: String,
    /// Empty for a single event, whose block keeps its row when it moves.
    pub original_start: String,
}

/// A block as it should stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub interval: Interval,
    pub all_day: bool,
    /// By which rule it blocks.
    pub reason: String,
    /// The event whose title it shows: the exception, where there is one.
    pub detail: String,
}

/// A series of which we know no more than we did: the blocks that are there stay, but for the occurrences that we
/// know better; where none stays, the master's own slot blocks.
#[derive(Debug, Default)]
pub struct Kept {
    own: Option<(BlockKey, Block)>,
    /// The original starts of its exceptions.
    known: HashSet<String>,
}

/// What the facts say should be blocked.
#[derive(Debug, Default)]
pub struct Blocks {
    pub blocks: HashMap<BlockKey, Block>,
    /// Series whose rule cannot be read and that the platform has not expanded for us.
    pub kept: HashMap<(CalendarId, String), Kept>,
    /// All series whose rule cannot be read.
    pub unreadable: HashSet<(CalendarId, String)>,
}

/// Expands what is stored of the selected calendars into the blocks inside the horizon.
pub fn blocks(calendars: &[CalendarFacts], provider_zone: Tz, now: DateTime<Utc>) -> Blocks {
    let horizon = Horizon::at(now, provider_zone).interval();
    let mut result = Blocks::default();
    for calendar in calendars {
        let mut exceptions: HashMap<&str, HashSet<OriginalStart>> = HashMap::new();
        for event in &calendar.events {
            if let Shape::Exception { master, original_start, .. } = &event.shape {
                exceptions.entry(master).or_default().insert(*original_start);
            }
        }
        let reader = Reader { calendar, provider_zone, horizon };
        for event in &calendar.events {
            match &event.shape {
                Shape::Single { span } => {
                    result.blocks.extend(reader.block(&event.id, String::new(), event, span, None));
                }
                Shape::Exception { master, original_start, span: Some(span) } => {
                    result.blocks.extend(reader.block(master, original_start.to_string(), event, span, None));
                }
                Shape::Exception { span: None, .. } => {}
                Shape::Master { series } => {
                    let zone = zone::resolve(series.zone.as_deref(), calendar.zone.as_deref(), provider_zone);
                    let replaced = exceptions.get(event.id.as_str());
                    match recurrence::expand(series, zone, horizon) {
                        Ok(occurrences) => {
                            for occurrence in occurrences {
                                if replaced.is_some_and(|slots| slots.contains(&occurrence.original_start)) {
                                    continue;
                                }
                                let slot = occurrence.original_start.to_string();
                                result.blocks.extend(reader.block(
                                    &event.id,
                                    slot,
                                    event,
                                    &occurrence.span,
                                    None,
                                ));
                            }
                        }
                        Err(_) => {
                            let key = (calendar.id, event.id.clone());
                            result.unreadable.insert(key.clone());
                            if !event.expanded {
                                let known: HashSet<String> =
                                    replaced.into_iter().flatten().map(ToString::to_string).collect();
                                let slot = series.first.original_start().to_string();
                                let own = if known.contains(&slot) {
                                    None
                                } else {
                                    reader.block(&event.id, slot, event, &series.first, Some("unreadable"))
                                };
                                result.kept.insert(key, Kept { own, known });
                            }
                        }
                    }
                }
            }
        }
    }
    result
}

struct Reader<'a> {
    calendar: &'a CalendarFacts,
    provider_zone: Tz,
    horizon: Interval,
}

impl Reader<'_> {
    /// The block of one occurrence, if it blocks and lies inside the horizon.
    fn block(
        &self,
        event: &str,
        original_start: String,
        shown: &EventFacts,
        span: &Span,
        reason: Option<&str>,
    ) -> Option<(BlockKey, Block)> {
        let Verdict::Blocks(because) = busy::verdict(&shown.marks, self.calendar.block_free) else {
            return None;
        };
        let interval = busy::interval(span, self.provider_zone)?;
        if !interval.overlaps(&self.horizon) {
            return None;
        }
        Some((
            BlockKey { calendar: self.calendar.id, event: event.to_owned(), original_start },
            Block {
                interval,
                all_day: matches!(span, Span::AllDay { .. }),
                reason: reason.unwrap_or_else(|| because.code()).to_owned(),
                detail: shown.id.clone(),
            },
        ))
    }
}

/// The difference between the rows that are there and the blocks that should be.
#[derive(Debug)]
pub struct Difference<RowId> {
    /// New and changed ones.
    pub put: Vec<(BlockKey, Block)>,
    pub remove: Vec<RowId>,
}

/// What to write so that `rows` become what `wanted` says. An unchanged block keeps its row.
pub fn difference<RowId: Copy>(
    wanted: Blocks,
    rows: Vec<(RowId, BlockKey, Block)>,
    now: DateTime<Utc>,
    zone: Tz,
) -> Difference<RowId> {
    let Blocks { mut blocks, mut kept, .. } = wanted;
    let horizon = Horizon::at(now, zone).interval();
    let mut difference = Difference { put: Vec::new(), remove: Vec::new() };
    for (id, key, stands) in rows {
        if let Some(wanted) = blocks.remove(&key) {
            if wanted != stands {
                difference.put.push((key, wanted));
            }
        } else if let Some(kept) = kept.get_mut(&(key.calendar, key.event.clone()))
            && !kept.known.contains(&key.original_start)
            && stands.interval.overlaps(&horizon)
        {
            // What is known stays, and then the master's own slot need not stand in for it.
            kept.own = None;
        } else {
            difference.remove.push(id);
        }
    }
    difference.put.extend(blocks);
    difference.put.extend(kept.into_values().filter_map(|kept| kept.own));
    // In a stable order: the same facts write the same rows.
    difference.put.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    difference
}
