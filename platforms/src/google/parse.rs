//! From an event as Google tells it to a [`Change`] (reference sheet, section 5; traps 5 and 19 to 21).
//!
//! What decides *when* an event is must be right, else the event is unreadable. What decides *whether* it blocks,
//! and what people read of it, may be missing or odd: the event is then plainly busy.

use super::api::{storable, text};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};
use simone_booking::horizon::resolve_wall_time;
use simone_sync::event::{Change, Details, Marks, ObservedEvent, OriginalStart, Series, Shape, Span};
use simone_sync::export::Marker;
use simone_sync::zone;
use std::hash::{DefaultHasher, Hash, Hasher};
use url::Url;

/// Stands in each revision. Raise it when events are to be read anew, because more or something else is read of them.
const PARSER: u32 = 2;

/// The longest that Google gives is 1024, and a suffix for an instance (reference sheet 5.5, 7.2).
const LONGEST_ID: usize = 1100;

/// In characters. More is no title that anyone reads to its end.
const LONGEST_TITLE: usize = 500;
const LONGEST_LINK: usize = 2048;
const LONGEST_ETAG: usize = 256;

type Object = Map<String, Value>;

/// Why an item cannot be read: none of its content.
struct Unreadable;

/// One item of a list. `calendar_zone`: for times that name neither an offset nor a zone known to us. `None`, with
/// a word in the log, for an item without an id, which can be neither stored nor removed.
pub(super) fn change(item: &Value, calendar_zone: Option<Tz>) -> Option<Change> {
    let Some((item, id)) = item.as_object().and_then(|item| Some((item, id(item, "id")?))) else {
        tracing::warn!("Google lists an event without an id; it is left out");
        return None;
    };
    Some(read(item, id, calendar_zone).unwrap_or_else(|Unreadable| Change::Unreadable { id: id.to_owned() }))
}

pub(super) fn id<'a>(item: &'a Object, name: &str) -> Option<&'a str> {
    text(item, name).filter(|id| id.len() <= LONGEST_ID && !id.chars().any(char::is_control))
}

fn read(item: &Object, id: &str, calendar_zone: Option<Tz>) -> Result<Change, Unreadable> {
    let Some(shape) = shape(item, calendar_zone)? else {
        return Ok(Change::Gone { id: id.to_owned() });
    };
    Ok(Change::Present(Box::new(ObservedEvent {
        id: id.to_owned(),
        revision: revision(item),
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
        (Some(date), None) => Ok(Some(OriginalStart::Date(parse_date(date)?))),
        (None, Some(time)) => {
            let zone = || text(value, "timeZone").and_then(zone::parse).or(calendar_zone);
            Ok(Some(OriginalStart::Instant(parse_time(time, zone)?)))
        }
        (Some(_), Some(_)) => Err(Unreadable),
    }
}

fn parse_date(text: &str) -> Result<NaiveDate, Unreadable> {
    // chrono would also take `2025-6-1`, signs, spaces and years of more digits.
    let written = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    let date = if written { text.parse::<NaiveDate>().ok() } else { None };
    date.filter(in_years).ok_or(Unreadable)
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

/// The years that can be written with four digits.
fn in_years(date: &NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
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

/// Google's etag; without one, a digest of all that was answered. It need not outlive a release of Rust, which at
/// worst has the event read once more.
fn revision(item: &Object) -> String {
    match text(item, "etag").filter(|etag| etag.len() <= LONGEST_ETAG) {
        Some(etag) => format!("{PARSER}:{}", storable(etag)),
        None => {
            let mut digest = DefaultHasher::new();
            Value::Object(item.clone()).to_string().hash(&mut digest);
            format!("{PARSER}:#{:016x}", digest.finish())
        }
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
    let title = text(item, "summary").unwrap_or_default();
    Details {
        title: storable(title).chars().take(LONGEST_TITLE).collect(),
        link: text(item, "htmlLink").and_then(web_address),
    }
}

/// The marker of an export, whosever it is (reference sheet 7.9). One that cannot be read is none.
fn marker(item: &Object) -> Option<Marker> {
    let private = item.get("extendedProperties")?.get("private")?.as_object()?;
    if text(private, "source") != Some(SOURCE) {
        return None;
    }
    Some(Marker {
        installation: text(private, INSTALLATION)?.parse().ok()?,
        booking: text(private, BOOKING)?.parse().ok()?,
        name: storable(text(private, NAME).filter(|name| name.len() <= LONGEST_ID)?),
    })
}

/// The properties of our marker.
pub(super) const SOURCE: &str = "simone";
pub(super) const INSTALLATION: &str = "simoneInstallation";
pub(super) const BOOKING: &str = "simoneBooking";
pub(super) const NAME: &str = "simoneEvent";

/// The etag in a revision, for `If-Match`; `None` when Google gave none.
pub(super) fn etag(revision: &str) -> Option<&str> {
    revision.split_once(':').map(|(_, etag)| etag).filter(|etag| !etag.starts_with('#'))
}

/// It becomes a link on a page, so nothing but an address of the web will do.
fn web_address(text: &str) -> Option<String> {
    let address = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(String::from(address)).filter(|address| address.len() <= LONGEST_LINK)
}

/// A field that is there and not null.
fn present<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A field that must be an object if it is there.
fn object<'a>(object: &'a Object, name: &str) -> Result<Option<&'a Object>, Unreadable> {
    present(object, name).map(|value| value.as_object().ok_or(Unreadable)).transpose()
}

/// A field that must be a text if it is there.
fn strict_text<'a>(object: &'a Object, name: &str) -> Result<Option<&'a str>, Unreadable> {
    present(object, name).map(|value| value.as_str().ok_or(Unreadable)).transpose()
}

fn is_true(object: &Object, name: &str) -> bool {
    object.get(name) == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests;
