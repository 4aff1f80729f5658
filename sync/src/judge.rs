//! Every occurrence of a calendar's events, with its verdict. What blocks is a part of it (see [`crate::derive`]), what
//! a provider is told of the rest is the other: there is one reading of the facts.

use crate::busy::{self, Because, Verdict};
use crate::derive::{Block, BlockKey, CalendarFacts, EventFacts};
use crate::event::{OriginalStart, Series, Shape, Span};
use crate::{recurrence, zone};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_booking::{CalendarId, Horizon, Interval};
use std::collections::{HashMap, HashSet};

/// One occurrence, and whether it blocks. A single event is its own occurrence.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The event that names it: a series by its master.
    pub event: &'a str,
    /// `None` for a single event.
    pub slot: Option<OriginalStart>,
    /// The event that says when it is, and what it is called: the exception, where there is one.
    pub shown: &'a EventFacts,
    /// In UTC. Of a cancelled occurrence: when it would have been. Empty if it takes no time.
    pub interval: Interval,
    pub all_day: bool,
    /// Only what overlaps the horizon blocks.
    pub verdict: Verdict,
}

/// A series whose rule cannot be read here.
#[derive(Debug)]
pub struct Unread<'a> {
    pub event: &'a str,
    /// `None`: the platform has expanded it, so that its exceptions are all its occurrences.
    pub known: Option<Known<'a>>,
}

/// What is known of a series that nobody has expanded.
#[derive(Debug)]
pub struct Known<'a> {
    /// The master's own slot, unless an exception stands there.
    pub own: Option<Judged<'a>>,
    /// The original starts of its exceptions.
    pub slots: HashSet<String>,
}

impl Judged<'_> {
    pub fn key(&self, calendar: CalendarId) -> BlockKey {
        let original_start = self.slot.map(|slot| slot.to_string()).unwrap_or_default();
        BlockKey { calendar, event: self.event.to_owned(), original_start }
    }

    /// The block that it makes, if it blocks.
    pub fn block(&self) -> Option<Block> {
        self.verdict.blocks().then(|| Block {
            interval: self.interval,
            all_day: self.all_day,
            reason: self.verdict.because().code().to_owned(),
            detail: self.shown.id.clone(),
        })
    }
}

/// Judges every occurrence that is not over when the horizon begins: those inside the horizon, and of what begins after
/// it single events, exceptions and the first of a series. Answers with the series whose rules cannot be read.
pub fn judge<'a>(
    calendar: &'a CalendarFacts,
    provider_zone: Tz,
    horizon: Interval,
    mut see: impl FnMut(Judged<'a>),
) -> Vec<Unread<'a>> {
    let mut exceptions: HashMap<&str, HashSet<OriginalStart>> = HashMap::new();
    let mut cancelled = false;
    for event in &calendar.events {
        if let Shape::Exception { master, original_start, span } = &event.shape {
            exceptions.entry(master).or_default().insert(*original_start);
            cancelled |= span.is_none();
        }
    }
    let mut series_of: HashMap<&str, &Series> = HashMap::new();
    if cancelled {
        for event in &calendar.events {
            if let Shape::Master { series } = &event.shape {
                series_of.insert(&event.id, series);
            }
        }
    }
    let judge = Judge { calendar, provider_zone, horizon };
    let mut unread = Vec::new();
    for event in &calendar.events {
        match &event.shape {
            Shape::Single { span } => {
                judge.occurrence(&event.id, None, event, span).into_iter().for_each(&mut see)
            }
            Shape::Exception { master, original_start, span: Some(span) } => {
                judge.occurrence(master, Some(*original_start), event, span).into_iter().for_each(&mut see);
            }
            Shape::Exception { master, original_start, span: None } => {
                // When it would have been. Without its series, nobody can say what it was.
                let Some(series) = series_of.get(master.as_str()) else { continue };
                let span = slot_span(&series.first, *original_start);
                let judged = judge.occurrence(master, Some(*original_start), event, &span);
                judged
                    .filter(|judged| judged.interval.start < horizon.end)
                    .map(|judged| Judged { verdict: Verdict::Free(Because::Cancelled), ..judged })
                    .into_iter()
                    .for_each(&mut see);
            }
            Shape::Master { series } => {
                let zone = zone::resolve(series.zone.as_deref(), calendar.zone.as_deref(), provider_zone);
                let replaced = exceptions.get(event.id.as_str());
                let Ok(occurrences) = recurrence::expand(series, zone, horizon) else {
                    let known = (!event.expanded).then(|| judge.known(event, series, replaced));
                    unread.push(Unread { event: &event.id, known });
                    continue;
                };
                let mut seen = false;
                for occurrence in occurrences {
                    seen = true;
                    if replaced.is_some_and(|slots| slots.contains(&occurrence.original_start)) {
                        continue;
                    }
                    let slot = Some(occurrence.original_start);
                    judge
                        .occurrence(&event.id, slot, event, &occurrence.span)
                        .filter(|judged| judged.interval.start < horizon.end)
                        .into_iter()
                        .for_each(&mut see);
                }
                if !seen && !replaced.is_some_and(|slots| slots.contains(&series.first.original_start())) {
                    judge
                        .occurrence(&event.id, Some(series.first.original_start()), event, &series.first)
                        .filter(|judged| judged.interval.start >= horizon.end)
                        .into_iter()
                        .for_each(&mut see);
                }
            }
        }
    }
    unread
}

struct Judge<'a> {
    calendar: &'a CalendarFacts,
    provider_zone: Tz,
    horizon: Interval,
}

impl<'a> Judge<'a> {
    /// `None`: over before the horizon begins.
    fn occurrence(
        &self,
        event: &'a str,
        slot: Option<OriginalStart>,
        shown: &'a EventFacts,
        span: &Span,
    ) -> Option<Judged<'a>> {
        let marks = if shown.ours {
            Verdict::Free(Because::Ours)
        } else {
            busy::verdict(&shown.marks, self.calendar.block_free)
        };
        let unless_free = |because| if marks.blocks() { Verdict::Free(because) } else { marks };
        let (interval, verdict) = match busy::interval(span, self.provider_zone) {
            Some(interval) if interval.overlaps(&self.horizon) => (interval, marks),
            Some(interval) if interval.start >= self.horizon.end => (interval, unless_free(Because::Beyond)),
            Some(_) => return None,
            None => {
                let start = busy::start(span, self.provider_zone);
                if start < self.horizon.start {
                    return None;
                }
                (Interval::new(start, start), unless_free(Because::NoTime))
            }
        };
        let all_day = matches!(span, Span::AllDay { .. });
        Some(Judged { event, slot, shown, interval, all_day, verdict })
    }

    fn known(
        &self,
        event: &'a EventFacts,
        series: &'a Series,
        replaced: Option<&HashSet<OriginalStart>>,
    ) -> Known<'a> {
        let slot = series.first.original_start();
        let own = (!replaced.is_some_and(|slots| slots.contains(&slot)))
            .then(|| self.occurrence(&event.id, Some(slot), event, &series.first))
            .flatten()
            .map(|judged| match judged.verdict {
                Verdict::Blocks(_) => Judged { verdict: Verdict::Blocks(Because::Unreadable), ..judged },
                Verdict::Free(_) => judged,
            });
        Known { own, slots: replaced.into_iter().flatten().map(ToString::to_string).collect() }
    }
}

/// When an occurrence is that nothing moved: as long as the first one.
pub fn slot_span(first: &Span, slot: OriginalStart) -> Span {
    match (*first, slot) {
        (Span::Timed { start, end }, OriginalStart::Instant(at)) => {
            let end = at.checked_add_signed(end - start).unwrap_or(at);
            Span::Timed { start: at, end }
        }
        (Span::AllDay { start, end }, OriginalStart::Date(date)) => {
            let end = date.checked_add_signed(end - start).unwrap_or(date);
            Span::AllDay { start: date, end }
        }
        (_, OriginalStart::Instant(at)) => Span::Timed { start: at, end: at },
        (_, OriginalStart::Date(date)) => Span::AllDay { start: date, end: date.succ_opt().unwrap_or(date) },
    }
}

/// An occurrence that is to come, as the provider is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    pub key: BlockKey,
    pub interval: Interval,
    pub all_day: bool,
    /// The event that gives the title.
    pub detail: String,
    pub verdict: Verdict,
}

/// Some of what is to come in a calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpcomingPage {
    /// In the order of time.
    pub rows: Vec<Upcoming>,
    /// From 1.
    pub page: usize,
    /// Whether there are later pages.
    pub more: bool,
    /// Of all pages.
    pub blocking: usize,
    pub not_blocking: usize,
}

/// A row of the list before it is known whether it is shown: nothing is copied for those that are not.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Judged(Judged<'a>),
    /// Of a series that cannot be read: it stays.
    Standing(&'a BlockKey, &'a Block),
}

impl<'a> Seen<'a> {
    const fn interval(&self) -> Interval {
        match self {
            Self::Judged(judged) => judged.interval,
            Self::Standing(_, block) => block.interval,
        }
    }

    fn event(&self) -> &'a str {
        match self {
            Self::Judged(judged) => judged.event,
            Self::Standing(key, _) => &key.event,
        }
    }

    const fn verdict(&self) -> Verdict {
        match self {
            Self::Judged(judged) => judged.verdict,
            Self::Standing(..) => Verdict::Blocks(Because::Unreadable),
        }
    }

    fn row(&self, calendar: CalendarId) -> Upcoming {
        let (key, all_day, detail) = match self {
            Self::Judged(judged) => (judged.key(calendar), judged.all_day, &judged.shown.id),
            Self::Standing(key, block) => ((*key).clone(), block.all_day, &block.detail),
        };
        let (interval, verdict) = (self.interval(), self.verdict());
        Upcoming { key, interval, all_day, detail: detail.clone(), verdict }
    }
}

/// A page of `size` of what of a calendar is not over; `only_free`: of that, what does not block. `standing`: the
/// calendar's blocks as they are, of which those of a series that cannot be read stay. A page beyond the last is the last.
pub fn upcoming(
    calendar: &CalendarFacts,
    standing: &[(BlockKey, Block)],
    provider_zone: Tz,
    now: DateTime<Utc>,
    only_free: bool,
    (page, size): (usize, usize),
) -> UpcomingPage {
    let horizon = Horizon::at(now, provider_zone).interval();
    let to_come = |interval: &Interval| interval.end > now || interval.is_empty() && interval.start >= now;
    let mut found: Vec<Seen<'_>> = Vec::new();
    let unread = judge(calendar, provider_zone, horizon, |judged| {
        if to_come(&judged.interval) {
            found.push(Seen::Judged(judged));
        }
    });
    for series in unread {
        let Some(known) = series.known else { continue };
        let mut stays = false;
        for (key, block) in standing.iter().filter(|(key, _)| key.event == series.event) {
            if !known.slots.contains(&key.original_start) && block.interval.overlaps(&horizon) {
                stays = true;
                if to_come(&block.interval) {
                    found.push(Seen::Standing(key, block));
                }
            }
        }
        let own = known.own.filter(|own| !stays && to_come(&own.interval));
        found.extend(own.map(Seen::Judged));
    }
    let all = found.len();
    let blocking = found.iter().filter(|seen| seen.verdict().blocks()).count();
    if only_free {
        found.retain(|seen| !seen.verdict().blocks());
    }
    // A stable order, so that no occurrence falls between two pages.
    found.sort_by(|one, other| (one.interval(), one.event()).cmp(&(other.interval(), other.event())));
    let page = page.clamp(1, found.len().div_ceil(size).max(1));
    let shown = found.iter().skip((page - 1).saturating_mul(size)).take(size);
    let rows = shown.map(|seen| seen.row(calendar.id)).collect();
    let more = page.saturating_mul(size) < found.len();
    UpcomingPage { rows, page, more, blocking, not_blocking: all - blocking }
}
