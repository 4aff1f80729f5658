//! From observations to blocks: a pure function of the facts.

use crate::event::{Marks, Shape};
use crate::judge::{Judged, judge};
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

/// Stands for the calendar of what the provider enters by hand: each event there is named by its [`EnteredId`].
///
/// [`EnteredId`]: simone_booking::id::EnteredId
pub const ENTERED: CalendarId = CalendarId(uuid::Uuid::nil());

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
    /// An export of ours, not an event of the provider's.
    pub ours: bool,
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
        let row = |judged: &Judged<'_>| Some((judged.key(calendar.id), judged.block()?));
        let unread = judge(calendar, provider_zone, horizon, |judged| result.blocks.extend(row(&judged)));
        for series in unread {
            let key = (calendar.id, series.event.to_owned());
            result.unreadable.insert(key.clone());
            if let Some(known) = series.known {
                let own = known.own.as_ref().and_then(row);
                result.kept.insert(key, Kept { own, known: known.slots });
            }
        }
    }
    result
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
