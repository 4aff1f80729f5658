//! The change feed of a calendar (reference sheet, section 6; design, section 6).
//!
//! A delta says *that* something changed: its occurrences are sparse, it never brings our marker, and an occurrence that is
//! deleted is not announced. So a full round walks it for its link alone and reads the same window from `calendarView`,
//! and a later round reads again what the delta touched. Microsoft expands series: only occurrences are told.

mod state;

use super::api::{Ask, Collection, object, with_query};
use super::errors::{Asked, classify, is_item_missing, is_item_refused};
use super::parse::{self, FIELDS, Kind, expanded, kind};
use super::{AT_ONCE, Microsoft};
use crate::call::nonsense;
use crate::fields::Object;
use crate::http::Answer;
use chrono::{NaiveDate, NaiveTime, SecondsFormat, TimeDelta};
use secrecy::SecretString;
use serde_json::Value;
use simone_booking::Interval;
use simone_sync::event::{Change, Shape, Span};
use simone_sync::platform::{ChangesPage, PageEnd, PlatformError, Position};
use state::{Cursor, Page, Read, Step, Touched, View, is_master, written};
use std::collections::{BTreeSet, VecDeque};

/// Of a page of a delta, whose items are small.
const DELTA_PAGE: u16 = 500;

/// Of a page of the view: a thousand are said to be the most (3), and ours carry a property each.
const VIEW_PAGE: &str = "500";

/// How often the view is read anew because something changed while it was read over several pages.
const MOST_READINGS: u32 = 3;

impl Microsoft {
    pub(super) async fn feed(
        &self,
        token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        let page = match (position.page, position.cursor) {
            (Some(page), _) => Page::read(page)?,
            (None, Some(cursor)) => {
                let Cursor { delta, window } = Cursor::read(cursor, position.window)?;
                // Another server than the one it was opened at: nothing of it can be used.
                self.link(&delta).map_err(|_| PlatformError::CursorExpired)?;
                Page { window, step: Step::Walk { link: delta, touched: Touched::default() } }
            }
            (None, None) => {
                let window = position.window;
                let link =
                    self.windowed(&["me", "calendars", calendar, "calendarView", "delta"], window, &[])?;
                Page { window, step: Step::Open { link } }
            }
        };
        let window = page.window;
        let mut answer = match page.step {
            Step::Open { link } => self.open(token, window, &link).await,
            Step::Walk { link, touched } => self.walk(token, window, &link, touched).await,
            Step::Reread { delta, reads } => self.reread(token, calendar, window, delta, reads).await,
            Step::View(view) if view.check.is_some() => self.check(token, window, view).await,
            Step::View(view) => self.view(token, calendar, window, view).await,
        }?;
        answer.covers = Some(window.end);
        Ok(answer)
    }

    /// A page of a full round's delta. What it tells is in the view as well, which is read after it: what changes in
    /// between, the next delta tells.
    async fn open(
        &self,
        token: &SecretString,
        window: Interval,
        link: &str,
    ) -> Result<ChangesPage, PlatformError> {
        let page = self.delta_page(token, link).await?;
        let step = match (page.next, page.delta) {
            (Some(link), _) => Step::Open { link },
            (None, Some(delta)) => Step::View(View::of(delta, None)),
            (None, None) => return Ok(ChangesPage::default()),
        };
        more(Vec::new(), window, step)
    }

    /// A page of the delta since a cursor.
    async fn walk(
        &self,
        token: &SecretString,
        window: Interval,
        link: &str,
        mut touched: Touched,
    ) -> Result<ChangesPage, PlatformError> {
        let page = self.delta_page(token, link).await?;
        touched.take(&page.items);
        match (page.next, page.delta) {
            (Some(link), _) => more(Vec::new(), window, Step::Walk { link, touched }),
            (None, Some(delta)) => match touched.settle(&delta) {
                (gone, Some(step)) => more(gone, window, step),
                (gone, None) => last(gone, window, delta),
            },
            (None, None) => Ok(ChangesPage::default()),
        }
    }

    async fn delta_page(&self, token: &SecretString, link: &str) -> Result<Collection, PlatformError> {
        let ask = Ask { page_size: Some(DELTA_PAGE), ..Ask::get(self.link(link)?) };
        Collection::read(self.get(token, ask, Asked::Resume).await?)
    }

    /// A page of the view.
    async fn view(
        &self,
        token: &SecretString,
        calendar: &str,
        window: Interval,
        mut view: View,
    ) -> Result<ChangesPage, PlatformError> {
        let (url, asked) = match &view.link {
            Some(link) => (self.link(link)?, Asked::Resume),
            None => {
                let expand = expanded();
                let options = [("$select", FIELDS), ("$expand", expand.as_str()), ("$top", VIEW_PAGE)];
                let link = self.windowed(&["me", "calendars", calendar, "calendarView"], window, &options)?;
                (self.link(&link)?, Asked::Anew)
            }
        };
        let page = Collection::read(self.get(token, Ask::get(url), asked).await?)?;
        let changes = changes(&page.items);
        let mut whole = BTreeSet::new();
        if view.instead_of.is_some() {
            whole.extend(changes.iter().filter_map(series_of).map(str::to_owned));
        }
        view.pages += 1;
        let mut answer = match page.next {
            Some(link) => more(changes, window, Step::View(View { link: Some(link), ..view }))?,
            None if view.pages > 1 && view.readings + 1 < MOST_READINGS => {
                let check = Some(view.delta.clone());
                more(changes, window, Step::View(View { link: None, check, ..view }))?
            }
            None => {
                // A touched series that is not in the view has no occurrence in the window any more.
                whole.extend(view.instead_of.unwrap_or_default());
                last(changes, window, view.delta)?
            }
        };
        answer.whole = whole.into_iter().collect();
        Ok(answer)
    }

    /// Pages are counted off: an event that goes while they are read moves the next one to a page that was read already.
    /// The delta tells whether anything happened; then the view is read once more.
    async fn check(
        &self,
        token: &SecretString,
        window: Interval,
        mut view: View,
    ) -> Result<ChangesPage, PlatformError> {
        let link = view.check.take().unwrap_or_default();
        let page = self.delta_page(token, &link).await?;
        if !page.items.is_empty() {
            let again = View { pages: 0, readings: view.readings + 1, ..view };
            return more(Vec::new(), window, Step::View(again));
        }
        match (page.next, page.delta) {
            (Some(link), _) => more(Vec::new(), window, Step::View(View { check: Some(link), ..view })),
            (None, Some(_)) => {
                let whole = view.instead_of.unwrap_or_default().into_iter().collect();
                Ok(ChangesPage { whole, ..last(Vec::new(), window, view.delta)? })
            }
            (None, None) => Ok(ChangesPage::default()),
        }
    }

    /// Up to four events and series that a delta touched.
    async fn reread(
        &self,
        token: &SecretString,
        calendar: &str,
        window: Interval,
        delta: String,
        mut reads: VecDeque<Read>,
    ) -> Result<ChangesPage, PlatformError> {
        let now: Vec<Read> = reads.drain(..reads.len().min(AT_ONCE)).collect();
        let asks: Vec<Ask> =
            now.iter().map(|read| self.ask_again(calendar, window, read)).collect::<Result<_, _>>()?;
        let answers = self.send_all(token, &asks).await?;
        let (mut changes, mut whole, mut doubted) = (Vec::new(), Vec::new(), false);
        let mut failed: Option<PlatformError> = None;
        for (read, answer) in now.into_iter().zip(answers) {
            match answer.and_then(|answer| found(&read, &answer, window)) {
                Ok(found) => {
                    changes.extend(found.changes);
                    whole.extend(found.whole);
                    doubted |= found.doubted;
                    if let Some(next) = found.next {
                        reads.push_front(next);
                    }
                }
                Err(error) => {
                    failed = Some(match failed {
                        Some(other) => other.and(error),
                        None => error,
                    });
                }
            }
        }
        if let Some(error) = failed {
            // One that is to be made again is made again with the others of its page.
            return Err(error);
        }
        let mut answer = if doubted {
            // What is deleted, or in another calendar, may be found by its id as well. What stands in this one the view
            // tells, and of all that was still to be read.
            let mut series = BTreeSet::new();
            for read in reads {
                match read {
                    Read::Series(id, _) | Read::Former(id) => {
                        series.insert(id);
                    }
                    Read::Removed(id) => changes.push(Change::Gone { id }),
                    Read::Single(_) => {}
                }
            }
            more(changes, window, Step::View(View::of(delta, Some(series))))?
        } else if reads.is_empty() {
            last(changes, window, delta)?
        } else {
            more(changes, window, Step::Reread { delta, reads })?
        };
        answer.whole = whole;
        Ok(answer)
    }

    fn ask_again(&self, calendar: &str, window: Interval, read: &Read) -> Result<Ask, PlatformError> {
        match read {
            Read::Single(id) | Read::Former(id) | Read::Removed(id) => {
                Ok(Ask::get(self.event_url(calendar, id)?))
            }
            Read::Series(_, Some(link)) => Ok(Ask::get(self.link(link)?)),
            Read::Series(id, None) => Ok(Ask::get(self.instances_url(calendar, id, window)?)),
        }
    }

    /// An event by its id: through its calendar, without which those of shared calendars are not found (6.1).
    pub(super) fn event_url(&self, calendar: &str, id: &str) -> Result<url::Url, PlatformError> {
        let url = self.resource(&["me", "calendars", calendar, "events", id])?;
        Ok(with_query(url, &[("$select", FIELDS), ("$expand", &expanded())]))
    }

    fn instances_url(
        &self,
        calendar: &str,
        master: &str,
        window: Interval,
    ) -> Result<url::Url, PlatformError> {
        let expand = expanded();
        let options = [("$select", FIELDS), ("$expand", expand.as_str()), ("$top", VIEW_PAGE)];
        let path = ["me", "calendars", calendar, "events", master, "instances"];
        self.link(&self.windowed(&path, window, &options)?)
    }

    fn windowed(
        &self,
        path: &[&str],
        window: Interval,
        options: &[(&str, &str)],
    ) -> Result<String, PlatformError> {
        let [start, end] = [window.start, window.end].map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let mut parameters = vec![("startDateTime", start.as_str()), ("endDateTime", end.as_str())];
        parameters.extend(options);
        Ok(String::from(with_query(self.resource(path)?, &parameters)))
    }

    /// There is no cursor to this list: its last page ends with an empty one.
    pub(super) async fn event_instances(
        &self,
        token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        let (url, asked) = match page {
            Some(link) => (self.link(link)?, Asked::Resume),
            None => (self.instances_url(calendar, master, window)?, Asked::Anew),
        };
        let list = Collection::read(self.get(token, Ask::get(url), asked).await?)?;
        let end = list.next.map_or_else(|| PageEnd::Cursor(String::new()), PageEnd::More);
        Ok(ChangesPage { changes: occurrences(master, &list.items), end, ..ChangesPage::default() })
    }
}

/// What came of reading one event or series again.
#[derive(Default)]
struct Found {
    changes: Vec<Change>,
    whole: Option<String>,
    next: Option<Read>,
    /// It is found by its id although it is said to be removed: the view tells whether it stands in the calendar.
    doubted: bool,
}

fn found(read: &Read, answer: &Answer, window: Interval) -> Result<Found, PlatformError> {
    match read {
        Read::Single(id) | Read::Series(id, _) | Read::Former(id) if is_item_missing(answer) => Ok(gone(id)),
        Read::Removed(id) => removed(id, answer, window),
        Read::Series(id, None) if answer.status == 400 => match classify(answer, Asked::Anew) {
            PlatformError::Refused { .. } => {
                Ok(Found { next: Some(Read::Former(id.clone())), ..Found::default() })
            }
            error => Err(error),
        },
        Read::Series(id, link) => {
            let asked = if link.is_some() { Asked::Resume } else { Asked::Anew };
            let list = Collection::read(object(answer, asked)?)?;
            let changes = occurrences(id, &list.items);
            Ok(match list.next {
                Some(next) => {
                    Found { changes, next: Some(Read::Series(id.clone(), Some(next))), ..Found::default() }
                }
                None => Found { changes, whole: Some(id.clone()), ..Found::default() },
            })
        }
        Read::Single(id) | Read::Former(id) => {
            let item = object(answer, Asked::Anew)?;
            let former = matches!(read, Read::Former(_));
            if is_master(&item) {
                if former {
                    return Err(nonsense("a series does not tell its occurrences"));
                }
                // It was made a series since the delta told of it.
                return Ok(Found { next: Some(Read::Series(id.clone(), None)), ..Found::default() });
            }
            let change = the_one(id, item)?;
            Ok(Found { changes: vec![change], whole: former.then(|| id.clone()), ..Found::default() })
        }
    }
}

/// What came of reading what is said to be removed. Whatever is wrong with its id does not hold up the others.
fn removed(id: &str, answer: &Answer, window: Interval) -> Result<Found, PlatformError> {
    if is_item_missing(answer) || is_item_refused(answer) {
        return Ok(gone(id));
    }
    let item = object(answer, Asked::Anew)?;
    if is_master(&item) {
        let next = Some(Read::Series(id.to_owned(), None));
        return Ok(Found { next, doubted: true, ..Found::default() });
    }
    let outside = matches!(the_one(id, item)?, Change::Present(event) if !reaches_into(&event.shape, window));
    Ok(Found { doubted: !outside, ..gone(id) })
}

fn gone(id: &str) -> Found {
    Found { changes: vec![Change::Gone { id: id.to_owned() }], ..Found::default() }
}

fn the_one(id: &str, item: Object) -> Result<Change, PlatformError> {
    let change = parse::change(&Value::Object(item)).filter(|change| change.id() == id);
    change.ok_or_else(|| nonsense("the answer is not the event that was asked for"))
}

/// Whether an event stands in the window, as far as it is told; days are taken for those of whatever zone.
fn reaches_into(shape: &Shape, window: Interval) -> bool {
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let (start, end) = match shape {
        Shape::Single { span: Span::Timed { start, end } }
        | Shape::Exception { span: Some(Span::Timed { start, end }), .. } => (*start, *end),
        Shape::Single { span: Span::AllDay { start, end } }
        | Shape::Exception { span: Some(Span::AllDay { start, end }), .. } => {
            (midnight(*start) - TimeDelta::days(1), midnight(*end) + TimeDelta::days(1))
        }
        Shape::Exception { span: None, .. } => return false,
        Shape::Master { .. } => return true,
    };
    start < window.end && end > window.start
}

/// The events of a list; masters are none (trap 7).
fn changes(items: &[Value]) -> Vec<Change> {
    let is_event = |item: &&Value| item.as_object().is_none_or(|item| kind(item) != Some(Kind::Master));
    items.iter().filter(is_event).filter_map(parse::change).collect()
}

/// The occurrences of a series. What is none cannot stand in for one.
fn occurrences(master: &str, items: &[Value]) -> Vec<Change> {
    let of_master = |change: Change| match change {
        Change::Present(event) if event.shape.master() != Some(master) => Change::Unreadable { id: event.id },
        change => change,
    };
    changes(items).into_iter().map(of_master).collect()
}

fn series_of(change: &Change) -> Option<&str> {
    match change {
        Change::Present(event) => match &event.shape {
            Shape::Exception { master, .. } => Some(master),
            Shape::Single { .. } | Shape::Master { .. } => None,
        },
        Change::Gone { .. } | Change::Unreadable { .. } => None,
    }
}

fn more(changes: Vec<Change>, window: Interval, step: Step) -> Result<ChangesPage, PlatformError> {
    let end = PageEnd::More(written(&Page { window, step })?);
    Ok(ChangesPage { changes, end, ..ChangesPage::default() })
}

fn last(changes: Vec<Change>, window: Interval, delta: String) -> Result<ChangesPage, PlatformError> {
    let end = PageEnd::Cursor(written(&Cursor { delta, window })?);
    Ok(ChangesPage { changes, end, ..ChangesPage::default() })
}

#[cfg(test)]
mod tests;
