//! Where in a feed we are: what stands in page tokens and cursors. Addresses, ids and times, nothing that people wrote.

use crate::call::nonsense;
use crate::fields::{Object, id, text};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simone_booking::Interval;
use simone_sync::event::Change;
use simone_sync::platform::PlatformError;
use std::collections::{BTreeSet, VecDeque};

use crate::microsoft::parse::{Kind, kind};

/// A window is opened anew when it is older than this, or lacks as much at its end: it does not slide (reference sheet 6.2;
/// trap 1).
const OPENED_ANEW: TimeDelta = TimeDelta::days(1);

/// More touched series than this, and the view is read in their stead (design, section 6).
const MOST_SERIES: usize = 10;

/// The same for single events: four are read at a time, and a page of the view brings hundreds.
const MOST_SINGLES: usize = 40;

/// Where the next pull begins.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub delta: String,
    pub window: Interval,
}

impl Cursor {
    /// The cursor that was stored, if it still is of use: what it was opened on is frozen in it.
    pub fn read(stored: &str, wanted: Interval) -> Result<Self, PlatformError> {
        let cursor: Self = serde_json::from_str(stored).map_err(|_| PlatformError::CursorExpired)?;
        let old = wanted.start - cursor.window.start >= OPENED_ANEW;
        let short = cursor.window.end + OPENED_ANEW < wanted.end;
        if old || short { Err(PlatformError::CursorExpired) } else { Ok(cursor) }
    }
}

/// What the next page is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub window: Interval,
    pub step: Step,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// The delta of a full round, walked for the cursor alone.
    Open { link: String },
    /// The view, read for the content.
    View(View),
    /// The delta since a cursor.
    Walk { link: String, touched: Touched },
    /// What it touched is read again.
    Reread { delta: String, reads: VecDeque<Read> },
}

/// A reading of the view, which can take several pages.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct View {
    /// The delta link that the cursor will be.
    pub delta: String,
    /// `None`: the first page.
    pub link: Option<String>,
    /// How many pages were read before.
    pub pages: u32,
    /// How often it was read before.
    pub readings: u32,
    /// `Some`: it stands in for reading these series one by one; `None`: it is all there is.
    pub instead_of: Option<BTreeSet<String>>,
    /// All pages are read; since they shift when events go, a delta from this link on tells whether any did meanwhile.
    pub check: Option<String>,
}

impl View {
    pub const fn of(delta: String, instead_of: Option<BTreeSet<String>>) -> Self {
        Self { delta, link: None, pages: 0, readings: 0, instead_of, check: None }
    }
}

/// One event or series to be read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Read {
    Single(String),
    /// Its occurrences; from this link on.
    Series(String, Option<String>),
    /// It was a series, and its occurrences cannot be listed: it may be a single event now.
    Former(String),
    /// It is said to be removed, which is said of whatever stands outside the window, too (6.2).
    Removed(String),
}

/// What a delta names: ids, since its items are sparse, and never bring our marker (6.2; traps 7 and 13).
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Touched {
    removed: BTreeSet<String>,
    singles: BTreeSet<String>,
    series: BTreeSet<String>,
}

impl Touched {
    /// Takes a page in. The same event can come several times: the last word counts.
    pub fn take(&mut self, items: &[Value]) {
        for item in items.iter().filter_map(Value::as_object) {
            let Some(name) = id(item, "id") else {
                tracing::warn!("Microsoft tells of an event without an id; it is left out");
                continue;
            };
            if item.contains_key("@removed") {
                self.singles.remove(name);
                self.removed.insert(name.to_owned());
                continue;
            }
            match kind(item) {
                Some(Kind::Occurrence(series)) => {
                    self.series.insert(series.to_owned());
                    self.removed.remove(name);
                }
                Some(Kind::Master) => {
                    self.series.insert(name.to_owned());
                }
                // What does not say whose occurrence it is says so when it is asked for by its id.
                Some(Kind::Single) | None => {
                    self.removed.remove(name);
                    self.singles.insert(name.to_owned());
                }
            }
        }
    }

    /// What is gone unless the next step brings it, and that step; `None`: nothing has to be read again.
    ///
    /// That something is said to be removed does not prove that it is gone (6.2): a master may only stand outside the
    /// window, where its first occurrence was, and an event that was moved away and back is not told of again. If anything
    /// else of a series comes, its occurrences tell; what is removed and nothing else is read again.
    pub fn settle(self, delta: &str) -> (Vec<Change>, Option<Step>) {
        let Self { mut removed, mut singles, series } = self;
        for ids in [&mut removed, &mut singles] {
            ids.retain(|id| !series.contains(id));
        }
        if series.is_empty() && singles.is_empty() && removed.is_empty() {
            return (Vec::new(), None);
        }
        let delta = delta.to_owned();
        if series.len() > MOST_SERIES || singles.len() + removed.len() > MOST_SINGLES {
            let gone = removed.into_iter().map(|id| Change::Gone { id }).collect();
            return (gone, Some(Step::View(View::of(delta, Some(series)))));
        }
        let series = series.into_iter().map(|id| Read::Series(id, None));
        let reads = series.chain(singles.into_iter().map(Read::Single));
        let reads = reads.chain(removed.into_iter().map(Read::Removed)).collect();
        (Vec::new(), Some(Step::Reread { delta, reads }))
    }
}

impl Page {
    pub fn read(token: &str) -> Result<Self, PlatformError> {
        serde_json::from_str(token).map_err(|_| nonsense("the page token is not ours"))
    }
}

pub(super) fn written(state: &impl Serialize) -> Result<String, PlatformError> {
    serde_json::to_string(state).map_err(|_| nonsense("a token cannot be made"))
}

/// Whether an answer by id is a series master.
pub(super) fn is_master(item: &Object) -> bool {
    kind(item) == Some(Kind::Master) && text(item, "id").is_some()
}

#[cfg(test)]
mod tests;
