//! From an event as Graph tells it to a [`Change`] (reference sheet, sections 5 and 7.6; traps 5, 7, 10 and 19 to 21).
//!
//! What decides *when* an event is must be right, else the event is unreadable. What decides *whether* it blocks, and
//! what people read of it, may be missing or odd: the event is then plainly busy.

use crate::fields::{
    self, LONGEST_ID, Object, Unreadable, date, etag, id, in_years, is_true, object, present, revision,
    storable, strict_text, text, title, web_address,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use simone_booking::horizon::resolve_wall_time;
use simone_sync::event::{Change, Details, Marks, ObservedEvent, OriginalStart, Series, Shape, Span};
use simone_sync::export::Marker;
use simone_sync::zone;

/// Stands in each revision. Raise it when events are to be read anew, because more or something else is read of them.
const PARSER: u32 = 2;

/// What is read of an event: nobody's address, and no text but the title.
pub(super) const FIELDS: &str = "id,type,seriesMasterId,originalStart,originalStartTimeZone,start,end,isAllDay,isCancelled,\
    showAs,sensitivity,responseStatus,subject,webLink,iCalUId,createdDateTime,lastModifiedDateTime,transactionId";

/// Of the names of our properties, for good: events that stand in calendars carry it (7.6).
const NAMESPACE: &str = "6f1d3c52-9a04-4f7e-8f0b-1e6a5d2c7b93";

/// The id of one of our properties.
pub(super) fn property_id(name: &str) -> String {
    format!("String {{{NAMESPACE}}} Name {name}")
}

/// What of `$expand` brings our marker: nothing comes of properties that are not asked for by name.
pub(super) fn expanded() -> String {
    let ids = [fields::SOURCE, fields::INSTALLATION, fields::BOOKING, fields::NAME]
        .map(|name| format!("id eq '{}'", property_id(name)));
    format!("singleValueExtendedProperties($filter={})", ids.join(" or "))
}

/// What an item of a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Single,
    /// Of this series.
    Occurrence(&'a str),
    Master,
}

/// What an item is, by its type; where that is missing or new, by what else it has. `None`: an occurrence of it does not
/// say what.
pub(super) fn kind(item: &Object) -> Option<Kind<'_>> {
    let series = id(item, "seriesMasterId").map(Kind::Occurrence);
    let is = |name: &str| text(item, "type").is_some_and(|kind| kind.eq_ignore_ascii_case(name));
    if is("seriesMaster") {
        Some(Kind::Master)
    } else if is("occurrence") || is("exception") {
        series
    } else if is("singleInstance") {
        Some(Kind::Single)
    } else if series.is_none() && present(item, "recurrence").is_some() {
        Some(Kind::Master)
    } else {
        Some(series.unwrap_or(Kind::Single))
    }
}

/// One item of a list or of an answer. `None`, with a word in the log, for an item without an id, which can be neither
/// stored nor removed.
pub(super) fn change(item: &Value) -> Option<Change> {
    let Some((item, id)) = item.as_object().and_then(|item| Some((item, id(item, "id")?))) else {
        tracing::warn!("Microsoft lists an event without an id; it is left out");
        return None;
    };
    Some(match read(item, id) {
        Ok(event) => Change::Present(Box::new(event)),
        Err(Unreadable) => Change::Unreadable { id: id.to_owned() },
    })
}

fn read(item: &Object, id: &str) -> Result<ObservedEvent, Unreadable> {
    let span = span(item)?;
    let shape = match kind(item).ok_or(Unreadable)? {
        Kind::Single => Shape::Single { span },
        Kind::Occurrence(master) => Shape::Exception {
            master: master.to_owned(),
            original_start: original_start(item, &span)?,
            span: Some(span),
        },
        Kind::Master => Shape::Master { series: series(item, span) },
    };
    Ok(ObservedEvent {
        id: id.to_owned(),
        revision: revision(PARSER, version(item).as_deref(), item),
        shape,
        marks: marks(item),
        details: details(item),
        updated: text(item, "lastModifiedDateTime").and_then(instant),
        ical_uid: text(item, "iCalUId").filter(|uid| uid.len() <= LONGEST_ID).map(storable),
        marker: marker(item),
    })
}

/// The etag; it is made of the change key (5.2), from which it can be made again.
fn version(item: &Object) -> Option<String> {
    let key = || text(item, "changeKey").map(|key| format!("W/\"{key}\""));
    text(item, "@odata.etag").map(str::to_owned).or_else(key)
}

/// When an event was created.
pub(super) fn created(item: &Object) -> Option<DateTime<Utc>> {
    text(item, "createdDateTime").and_then(instant)
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).filter(|at| in_years(&at.date_naive()))
}

fn span(item: &Object) -> Result<Span, Unreadable> {
    let all_day = match present(item, "isAllDay") {
        None => false,
        Some(flag) => flag.as_bool().ok_or(Unreadable)?,
    };
    let end_of = |name| object(item, name)?.ok_or(Unreadable);
    let (start, end) = (end_of("start")?, end_of("end")?);
    // An end before the start takes no time.
    if all_day {
        let (start, end) = (day(start)?, day(end)?);
        Ok(Span::AllDay { start, end: end.max(start) })
    } else {
        let (start, end) = (moment(start)?, moment(end)?);
        Ok(Span::Timed { start, end: end.max(start) })
    }
}

/// Floating dates come as midnights of their own, whatever zone stands beside them (5.3; trap 19).
fn day(value: &Object) -> Result<NaiveDate, Unreadable> {
    let wall = strict_text(value, "dateTime")?.ok_or(Unreadable)?;
    date(wall.get(..10).ok_or(Unreadable)?)
}

/// A wall time without an offset, with up to seven digits of a second, in the zone beside it; to the second (5.2; trap 20).
fn moment(value: &Object) -> Result<DateTime<Utc>, Unreadable> {
    let wall = strict_text(value, "dateTime")?.ok_or(Unreadable)?;
    // One that names UTC and a zone means the zone: Exchange reads it so.
    let wall: NaiveDateTime =
        wall.strip_suffix(['Z', 'z']).unwrap_or(wall).parse().map_err(|_| Unreadable)?;
    if !in_years(&wall.date()) {
        return Err(Unreadable);
    }
    // UTC was asked for; it is what no zone means, too.
    let zone = match strict_text(value, "timeZone")? {
        None | Some("tzone://Microsoft/Utc") => Tz::UTC,
        Some(name) => zone::parse(name).ok_or(Unreadable)?,
    };
    resolve_wall_time(wall, zone).with_nanosecond(0).filter(|at| in_years(&at.date_naive())).ok_or(Unreadable)
}

/// The slot that names an occurrence: an identifier, which is not to be moved into another zone (trap 10).
fn original_start(item: &Object, span: &Span) -> Result<OriginalStart, Unreadable> {
    let Some(slot) = strict_text(item, "originalStart")? else { return Ok(span.original_start()) };
    let slot = instant(slot).and_then(|at| at.with_nanosecond(0)).ok_or(Unreadable)?;
    Ok(match span {
        Span::AllDay { .. } => OriginalStart::Date(slot.date_naive()),
        Span::Timed { .. } => OriginalStart::Instant(slot),
    })
}

/// Only of an event of ours that was made a series by hand: what it blocks is told by its occurrences, and its rule is
/// nothing to us.
fn series(item: &Object, first: Span) -> Series {
    let zone = match first {
        Span::AllDay { .. } => None,
        Span::Timed { .. } => text(item, "originalStartTimeZone").map(storable),
    };
    Series { first, zone, lines: Vec::new() }
}

/// Design, section 6: tentative and unanswered events are marked and block, those marked free do not. Who works elsewhere
/// can be booked (5.2); what is `unknown` blocks.
fn marks(item: &Object) -> Marks {
    let shows = |name: &str| text(item, "showAs").is_some_and(|shown| shown.eq_ignore_ascii_case(name));
    let answer = item.get("responseStatus").and_then(Value::as_object);
    let answer = answer.and_then(|answer| text(answer, "response"));
    let answered = |name: &str| answer.is_some_and(|answer| answer.eq_ignore_ascii_case(name));
    Marks {
        free: shows("free") || shows("workingElsewhere"),
        declined: answered("declined"),
        unanswered: answered("notResponded") || answered("tentativelyAccepted"),
        // Neither is an event of its own kind here: a working location is shown as `workingElsewhere`, birthdays are a
        // calendar.
        working_location: false,
        birthday: false,
        tentative: shows("tentative"),
        called_off: is_true(item, "isCancelled"),
    }
}

fn details(item: &Object) -> Details {
    Details {
        title: title(text(item, "subject").unwrap_or_default()),
        link: text(item, "webLink").and_then(web_address),
        private: text(item, "sensitivity").is_some_and(|said| !said.eq_ignore_ascii_case("normal")),
    }
}

/// The marker of an export, whosever it is, if it names this very event: a copy made by hand keeps the properties and
/// loses the id under which the event was created (design, section 4).
fn marker(item: &Object) -> Option<Marker> {
    let properties = item.get("singleValueExtendedProperties")?.as_array()?;
    let of = |name: &str| {
        let id = property_id(name);
        let is_it =
            |property: &&Object| text(property, "id").is_some_and(|other| other.eq_ignore_ascii_case(&id));
        properties
            .iter()
            .filter_map(Value::as_object)
            .find(is_it)
            .and_then(|property| text(property, "value"))
    };
    fields::marker(of).filter(|marker| text(item, "transactionId") == Some(marker.name.as_str()))
}

/// What a revision says for `If-Match`.
pub(super) fn if_match(revision: &str) -> Option<String> {
    etag(revision).map(str::to_owned)
}

#[cfg(test)]
mod tests;
