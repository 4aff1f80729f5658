//! What a round did, event by event, as the sync log tells it: what an event was before and is now, as far as a person
//! recognizes it. Holds titles: sealed wherever it is stored.

use crate::busy;
use crate::event::{Details, Marks, ObservedEvent, OriginalStart, Shape, Span};
use crate::judge::slot_span;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use simone_booking::Interval;

/// The log keeps this many events of one pull; of the rest it knows how many there were.
pub const KEPT_ENTRIES: usize = 200;

/// A longer title is cut: it is to be recognized, not kept.
const TITLE_LETTERS: usize = 200;

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Added,
    Changed,
    Removed,
    /// Lost, and awaiting the provider's decision.
    Held,
}

/// What a plan does to one event. `now` is empty for one that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub kind: Kind,
    /// The platform's id of the event.
    pub id: String,
    pub now: Option<Box<ObservedEvent>>,
}

impl Noted {
    /// The events whose stored rows say what was before: its own, and its master's.
    pub fn looks_at(&self) -> impl Iterator<Item = &str> {
        let master = self.now.as_ref().and_then(|event| event.shape.master());
        let own = (self.kind != Kind::Added).then_some(self.id.as_str());
        own.into_iter().chain(master)
    }
}

/// What was stored of an event.
#[derive(Clone, Debug)]
pub struct Stored {
    pub shape: Shape,
    pub marks: Marks,
    pub details: Details,
    pub held: bool,
}

/// An event as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// When it is; of a series its first occurrence. `None`: this occurrence is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// A series.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeats: bool,
    /// A [`busy::Because`]'s code: whether it blocked, and why, under the switches of that moment.
    pub because: String,
}

/// One event of a round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Sight>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Sight>,
    /// The rule of the series is another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rule_changed: bool,
    /// It was held and is listed again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
}

impl Entry {
    /// When the event is now, or was, to put entries in order: dates as if in UTC.
    pub fn starts(&self) -> Option<DateTime<Utc>> {
        let span = |sight: &Option<Sight>| sight.as_ref().and_then(|sight| sight.span);
        let span = span(&self.after).or_else(|| span(&self.before))?;
        Some(busy::start(&span, Tz::UTC))
    }
}

/// What one pull of a calendar did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub entries: Vec<Entry>,
    /// How many more there were.
    pub more: usize,
}

/// Of an event that is noted, and what was stored of it and of its master.
pub fn entry(noted: &Noted, own: Option<&Stored>, master: Option<&Stored>, block_free: bool) -> Entry {
    let sight = |shape: &Shape, marks: &Marks, details: &Details| sight(shape, marks, details, block_free);
    let mut before = own.map(|stored| sight(&stored.shape, &stored.marks, &stored.details));
    let mut after = noted.now.as_ref().map(|event| sight(&event.shape, &event.marks, &event.details));
    if let (Some(event), Some(stored)) = (&noted.now, master)
        && let (Shape::Exception { original_start, .. }, Shape::Master { series }) =
            (&event.shape, &stored.shape)
    {
        // An occurrence that nothing had moved was as its series says.
        before.get_or_insert_with(|| of_series(stored, &series.first, *original_start, block_free));
    }
    if let (Some(before), Some(after)) = (&mut before, &mut after) {
        // Of a cancelled occurrence the platform says no more than that.
        if after.span.is_none() && after.title.is_empty() {
            after.title.clone_from(&before.title);
        }
        if before.span.is_none() && before.title.is_empty() {
            before.title.clone_from(&after.title);
        }
    }
    let rule_changed = match (own.map(|stored| &stored.shape), noted.now.as_ref().map(|event| &event.shape)) {
        (Some(Shape::Master { series: before }), Some(Shape::Master { series: after })) => {
            before.lines != after.lines
        }
        _ => false,
    };
    let released = noted.kind == Kind::Changed && own.is_some_and(|stored| stored.held);
    Entry { kind: noted.kind, before, after, rule_changed, released }
}

/// Of a booking's event that we wrote: title and times, as they were and as they are.
pub fn export_entry(
    kind: Kind,
    before: Option<(String, Interval)>,
    after: Option<(String, Interval)>,
) -> Entry {
    let sight = |(title, interval): (String, Interval)| Sight {
        title: title.chars().take(TITLE_LETTERS).collect(),
        span: Some(Span::Timed { start: interval.start, end: interval.end }),
        repeats: false,
        because: busy::Because::Ours.code().to_owned(),
    };
    Entry { kind, before: before.map(sight), after: after.map(sight), rule_changed: false, released: false }
}

fn sight(shape: &Shape, marks: &Marks, details: &Details, block_free: bool) -> Sight {
    let span = match shape {
        Shape::Single { span } => Some(*span),
        Shape::Master { series } => Some(series.first),
        Shape::Exception { span, .. } => *span,
    };
    let because = match span {
        None => busy::Because::Cancelled,
        Some(_) => busy::verdict(marks, block_free).because(),
    };
    Sight {
        title: details.title.chars().take(TITLE_LETTERS).collect(),
        span,
        repeats: matches!(shape, Shape::Master { .. }),
        because: because.code().to_owned(),
    }
}

fn of_series(master: &Stored, first: &Span, slot: OriginalStart, block_free: bool) -> Sight {
    let shape = Shape::Single { span: slot_span(first, slot) };
    sight(&shape, &master.marks, &master.details, block_free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Series;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn span(start: &str, end: &str) -> Span {
        Span::Timed { start: at(start), end: at(end) }
    }

    fn observed(id: &str, shape: Shape, title: &str) -> ObservedEvent {
        let details = Details { title: title.to_owned(), link: None, ..Details::default() };
        let (revision, marks) = ("1".to_owned(), Marks::default());
        ObservedEvent {
            id: id.to_owned(),
            revision,
            shape,
            marks,
            details,
            updated: None,
            ical_uid: None,
            marker: None,
        }
    }

    fn stored(shape: Shape, title: &str) -> Stored {
        let details = Details { title: title.to_owned(), link: None, ..Details::default() };
        Stored { shape, marks: Marks::default(), details, held: false }
    }

    fn changed(event: ObservedEvent) -> Noted {
        Noted { kind: Kind::Changed, id: event.id.clone(), now: Some(Box::new(event)) }
    }

    fn yoga(lines: &str) -> Shape {
        let first = span("2026-01-06T17:00:00Z", "2026-01-06T18:00:00Z");
        Shape::Master { series: Series { first, zone: None, lines: vec![lines.to_owned()] } }
    }

    #[test]
    fn a_moved_event_says_from_when_to_when() {
        let (old, new) = (
            span("2026-01-13T14:00:00Z", "2026-01-13T15:00:00Z"),
            span("2026-01-13T16:00:00Z", "2026-01-13T17:00:00Z"),
        );
        let noted = changed(observed("a", Shape::Single { span: new }, "Dentist"));
        let entry = entry(&noted, Some(&stored(Shape::Single { span: old }, "Dentist")), None, false);
        assert_eq!(entry.before.as_ref().unwrap().span, Some(old));
        assert_eq!(entry.after.as_ref().unwrap().span, Some(new));
        assert!(!entry.rule_changed && !entry.released);
    }

    #[test]
    fn an_occurrence_that_nothing_had_moved_was_as_its_series_says() {
        let slot = OriginalStart::Instant(at("2026-01-20T17:00:00Z"));
        let shape = Shape::Exception { master: "yoga".to_owned(), original_start: slot, span: None };
        let noted = changed(observed("yoga_2", shape, ""));
        assert_eq!(noted.looks_at().collect::<Vec<_>>(), ["yoga_2", "yoga"]);
        let entry = entry(&noted, None, Some(&stored(yoga("RRULE:FREQ=WEEKLY"), "Yoga")), false);
        let (before, after) = (entry.before.unwrap(), entry.after.unwrap());
        assert_eq!(before.span, Some(span("2026-01-20T17:00:00Z", "2026-01-20T18:00:00Z")));
        assert_eq!((after.title.as_str(), after.span), ("Yoga", None), "the platform says no more of it");
        assert_eq!(after.because, "cancelled");
    }

    #[test]
    fn another_rule_is_a_change_and_so_is_a_verdict() {
        let mut event = observed("yoga", yoga("RRULE:FREQ=DAILY"), "Yoga");
        event.marks.free = true;
        let entry_ = |block_free| {
            let before = stored(yoga("RRULE:FREQ=WEEKLY"), "Yoga");
            entry(&changed(event.clone()), Some(&before), None, block_free)
        };
        let entry = entry_(false);
        assert!(entry.rule_changed);
        assert_eq!(
            (entry.before.unwrap().because.as_str(), entry.after.unwrap().because.as_str()),
            ("busy", "marked_free")
        );
        assert_eq!(entry_(true).after.unwrap().because, "free_wanted");
    }

    #[test]
    fn titles_are_cut() {
        let long = "é".repeat(10_000);
        let event = observed(
            "a",
            Shape::Single { span: span("2026-01-13T14:00:00Z", "2026-01-13T15:00:00Z") },
            &long,
        );
        let noted = Noted { kind: Kind::Added, id: "a".to_owned(), now: Some(Box::new(event)) };
        assert_eq!(noted.looks_at().count(), 0);
        let entry = entry(&noted, None, None, false);
        assert_eq!(entry.after.unwrap().title.chars().count(), TITLE_LETTERS);
        assert_eq!(entry.before, None);
    }
}
