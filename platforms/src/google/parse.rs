//! From an event as Google tells it to a [`Change`] (reference sheet, section 5; traps 5 and 19 to 21).
//!
//! What decides *when* an event is must be right, else the event is unreadable. What decides *whether* it blocks,
//! and what people read of it, may be missing or odd: the event is then plainly busy.

use crate::fields::{
    self, LONGEST_ID, Object, Unreadable, id, in_years, is_true, object, present, revision, storable,
    strict_text, text, title, web_address,
};
use chrono::{DateTime, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use simone_booking::horizon::resolve_wall_time;
use simone_sync::event::{Change, Details, Marks, ObservedEvent, OriginalStart, Series, Shape, Span};
use simone_sync::export::Marker;
use simone_sync::zone;

/// Stands in each revision. Raise it when events are to be read anew, because more or something else is read of them.
const PARSER: u32 = 3;

/// One item of a list. `calendar_zone`: for times that name neither an offset nor a zone known to us. `None`, with
/// a word in the log, for an item without an id, which can be neither stored nor removed.
pub(super) fn change(item: &Value, calendar_zone: Option<Tz>) -> Option<Change> {
    let Some((item, id)) = item.as_object().and_then(|item| Some((item, id(item, "id")?))) else {
        tracing::warn!("Google lists an event without an id; it is left out");
        return None;
    };
    Some(read(item, id, calendar_zone).unwrap_or_else(|Unreadable| Change::Unreadable { id: id.to_owned() }))
}

fn read(item: &Object, id: &str, calendar_zone: Option<Tz>) -> Result<Change, Unreadable> {
    let Some(shape) = shape(item, calendar_zone)? else {
        return Ok(Change::Gone { id: id.to_owned() });
    };
    Ok(Change::Present(Box::new(ObservedEvent {
        id: id.to_owned(),
        revision: revision(PARSER, text(item, "etag"), item),
        shape,
        marks: marks(item),
        details: details(item),
        updated: text(item, "updated")
            .and_then(|at| DateTime::parse_from_rfc3339(at).ok())
            .map(|at| at.to_utc()),
        ical_uid: text(item, "iCalUID").filter(|uid| uid.len() <= LONGEST_ID).map(storable),
        marker: marker(item).filter(|marker| marker.name == id),
    })))
}

/// `None`: the event is gone (reference sheet 5.4).
fn shape(item: &Object, calendar_zone: Option<Tz>) -> Result<Option<Shape>, Unreadable> {
    let cancelled = strict_text(item, "status")? == Some("cancelled");
    if present(item, "recurringEventId").is_some() {
        let master = id(item, "recurringEventId").ok_or(Unreadable);
        let slot = original_start(item, calendar_zone);
        return match (master, slot) {
            (Ok(master), Ok(original_start)) => {
                let span = if cancelled { None } else { Some(span(item, calendar_zone)?) };
                Ok(Some(Shape::Exception { master: master.to_owned(), original_start, span }))
            }
            // It does not say what it was an occurrence of: its id is all that can be relied on.
            _ if cancelled => Ok(None),
            _ => Err(Unreadable),
        };
    }
    if cancelled {
        return Ok(None);
    }
    let first = span(item, calendar_zone)?;
    let lines = recurrence(item)?;
    if lines.is_empty() {
        return Ok(Some(Shape::Single { span: first }));
    }
    let zone = match first {
        Span::AllDay { .. } => None,
        Span::Timed { .. } => object(item, "start")?.and_then(|start| text(start, "timeZone")).map(storable),
    };
    Ok(Some(Shape::Master { series: Series { first, zone, lines } }))
}

/// The slot that names an occurrence.
fn original_start(item: &Object, calendar_zone: Option<Tz>) -> Result<OriginalStart, Unreadable> {
    let slot = object(item, "originalStartTime")?.ok_or(Unreadable)?;
    moment(slot, calendar_zone)?.ok_or(Unreadable)
}

fn span(item: &Object, calendar_zone: Option<Tz>) -> Result<Span, Unreadable> {
    let moment_of = |name| match object(item, name)? {
        Some(value) => moment(value, calendar_zone),
        None => Ok(None),
    };
    let start = moment_of("start")?.ok_or(Unreadable)?;
    // What is given as an end then is a filler.
    let end = if is_true(item, "endTimeUnspecified") { None } else { moment_of("end")? };
    match (start, end) {
        // An end before the start takes no time.
        (OriginalStart::Date(start), Some(OriginalStart::Date(end))) => {
            Ok(Span::AllDay { start, end: end.max(start) })
        }
        (OriginalStart::Instant(start), Some(OriginalStart::Instant(end))) => {
            Ok(Span::Timed { start, end: end.max(start) })
        }
        // Without an end, a date means its day and an instant takes no time (RFC 5545, 3.6.1).
        (OriginalStart::Date(start), None) => {
            let end = start.succ_opt().filter(in_years).ok_or(Unreadable)?;
            Ok(Span::AllDay { start, end })
        }
        (OriginalStart::Instant(start), None) => Ok(Span::Timed { start, end: start }),
        // Both ends are of the same kind (reference sheet 5.2).
        _ => Err(Unreadable),
    }
}

/// A `start`, `end` or `originalStartTime`: a date, or an instant to the second. `None` if it says neither.
fn moment(value: &Object, calendar_zone: Option<Tz>) -> Result<Option<OriginalStart>, Unreadable> {
    match (strict_text(value, "date")?, strict_text(value, "dateTime")?) {
        (None, None) => Ok(None),
        (Some(date), None) => Ok(Some(OriginalStart::Date(fields::date(date)?))),
        (None, Some(time)) => {
            let zone = || text(value, "timeZone").and_then(zone::parse).or(calendar_zone);
            Ok(Some(OriginalStart::Instant(parse_time(time, zone)?)))
        }
        (Some(_), Some(_)) => Err(Unreadable),
    }
}

/// With an offset, that decides; without one, the zone does.
fn parse_time(text: &str, zone: impl FnOnce() -> Option<Tz>) -> Result<DateTime<Utc>, Unreadable> {
    let at = if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        at.to_utc()
    } else {
        let wall: NaiveDateTime = text.parse().map_err(|_| Unreadable)?;
        if !in_years(&wall.date()) {
            return Err(Unreadable);
        }
        resolve_wall_time(wall, zone().ok_or(Unreadable)?)
    };
    at.with_nanosecond(0).filter(|at| in_years(&at.date_naive())).ok_or(Unreadable)
}

fn recurrence(item: &Object) -> Result<Vec<String>, Unreadable> {
    match present(item, "recurrence") {
        None => Ok(Vec::new()),
        Some(Value::Array(lines)) => {
            lines.iter().map(|line| line.as_str().map(storable).ok_or(Unreadable)).collect()
        }
        Some(_) => Err(Unreadable),
    }
}

fn marks(item: &Object) -> Marks {
    let attendees = item.get("attendees").and_then(Value::as_array).into_iter().flatten();
    let provider = attendees.filter_map(Value::as_object).find(|attendee| is_true(attendee, "self"));
    let answer = provider.and_then(|provider| text(provider, "responseStatus"));
    let kind = text(item, "eventType");
    Marks {
        free: text(item, "transparency") == Some("transparent"),
        declined: answer == Some("declined"),
        unanswered: matches!(answer, Some("needsAction" | "tentative")),
        working_location: kind == Some("workingLocation"),
        birthday: kind == Some("birthday"),
        tentative: text(item, "status") == Some("tentative"),
        // Google takes such an event out of the calendar.
        called_off: false,
    }
}

fn details(item: &Object) -> Details {
    Details {
        title: title(text(item, "summary").unwrap_or_default()),
        link: text(item, "htmlLink").and_then(web_address),
        private: matches!(text(item, "visibility"), Some("private" | "confidential")),
    }
}

/// The marker of an export, whosever it is (reference sheet 7.9).
fn marker(item: &Object) -> Option<Marker> {
    let private = item.get("extendedProperties")?.get("private")?.as_object()?;
    fields::marker(|name| text(private, name))
}

#[cfg(test)]
mod tests;
