//! Events of ours: read, create, change and delete them, several in one request (reference sheet, sections 7 and 10).
//!
//! No attendees, no reminder, no answers asked for: nobody is told anything (trap 18).

use super::Microsoft;
use super::api::{Ask, Collection, object, with_query};
use super::errors::{Asked, classify, is_item_missing};
use super::parse::{self, FIELDS, expanded, property_id};
use crate::call::{json, nonsense};
use crate::fields::{BOOKING, INSTALLATION, NAME, Object, SIMONE, SOURCE, merged, text};
use crate::http::Answer;
use chrono::offset::LocalResult;
use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use simone_sync::event::{Change, ObservedEvent};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::{Call, Done, PlatformError};
use windows_timezones::WindowsTimezone;

/// How many events are looked through for the one that was created under a name. The others are copies by hand.
const MOST_COPIES: &str = "50";

impl Microsoft {
    pub(super) async fn perform_all(
        &self,
        token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Done, PlatformError>>, PlatformError> {
        let texts = self.descriptions(token, calls).await?;
        // What cannot be asked for is answered here; the others travel together.
        let prepared: Vec<Result<Ask, PlatformError>> = calls
            .iter()
            .zip(texts)
            .map(|(call, stands)| stands.and_then(|stands| self.ask_for(call, stands.as_deref())))
            .collect();
        let asks: Vec<Ask> = prepared.iter().filter_map(|ask| ask.as_ref().ok()).cloned().collect();
        let mut answers = self.send_all(token, &asks).await?.into_iter();
        let mut done = Vec::with_capacity(calls.len());
        for (call, prepared) in calls.iter().zip(prepared) {
            done.push(match prepared {
                Err(error) => Err(error),
                Ok(_) => match answers.next() {
                    Some(answer) => answer.and_then(|answer| self::done(call, &answer)),
                    None => Err(nonsense("an answer is missing")),
                },
            });
        }
        Ok(done)
    }

    /// The descriptions that are to be changed, as they stand: the one field in which the provider may have written too.
    async fn descriptions(
        &self,
        token: &SecretString,
        calls: &[Call],
    ) -> Result<Vec<Result<Option<String>, PlatformError>>, PlatformError> {
        let mut texts: Vec<Result<Option<String>, PlatformError>> = calls.iter().map(|_| Ok(None)).collect();
        let (mut places, mut asks) = (Vec::new(), Vec::new());
        for (place, call) in calls.iter().enumerate() {
            if let Call::Update { calendar, event_id, patch: Patch { description: Some(_), .. }, .. } = call {
                match self.resource(&["me", "calendars", calendar, "events", event_id]) {
                    Ok(url) => {
                        places.push(place);
                        asks.push(Ask::get(with_query(url, &[("$select", "id,body")])));
                    }
                    Err(error) => texts[place] = Err(error),
                }
            }
        }
        for (place, answer) in places.into_iter().zip(self.send_all(token, &asks).await?) {
            texts[place] = answer.and_then(|answer| match answer.status {
                200 => Ok(Some(body_of(&object(&answer, Asked::Anew)?))),
                _ => Err(refusal(&answer)),
            });
        }
        Ok(texts)
    }

    fn ask_for(&self, call: &Call, stands: Option<&str>) -> Result<Ask, PlatformError> {
        let events = |calendar: &String| self.resource(&["me", "calendars", calendar, "events"]);
        let event =
            |calendar: &String, id: &String| self.resource(&["me", "calendars", calendar, "events", id]);
        Ok(match call {
            Call::Read { calendar, event_id: Some(id), .. } => Ask::get(self.event_url(calendar, id)?),
            Call::Read { calendar, name, event_id: None } => {
                let options = [
                    ("$filter", &*has_name(name)),
                    ("$select", FIELDS),
                    ("$expand", &*expanded()),
                    ("$top", MOST_COPIES),
                ];
                Ask::get(with_query(events(calendar)?, &options))
            }
            Call::Create { calendar, marker, content } => Ask {
                method: Method::POST,
                body: Some(created(marker, content)),
                ..Ask::get(events(calendar)?)
            },
            Call::Update { calendar, event_id, revision, patch } => Ask {
                method: Method::PATCH,
                if_match: parse::if_match(revision),
                body: Some(patched(patch, stands.unwrap_or_default())),
                ..Ask::get(event(calendar, event_id)?)
            },
            Call::Delete { calendar, event_id, revision } => Ask {
                method: Method::DELETE,
                if_match: revision.as_deref().and_then(parse::if_match),
                ..Ask::get(event(calendar, event_id)?)
            },
        })
    }
}

/// What a refused call means: of an event of ours only Microsoft's word that it is not there is believed.
fn refusal(answer: &Answer) -> PlatformError {
    match classify(answer, Asked::Anew) {
        PlatformError::NotFound if answer.status != 410 && !is_item_missing(answer) => {
            PlatformError::CalendarNotFound
        }
        error => error,
    }
}

/// What became of a call.
fn done(call: &Call, answer: &Answer) -> Result<Done, PlatformError> {
    let refused = || refusal(answer);
    match call {
        // No event was named: only the calendar can be what is missing.
        Call::Read { event_id: None, .. } | Call::Create { .. } if matches!(answer.status, 404 | 410) => {
            return Err(match refused() {
                PlatformError::NotFound => PlatformError::CalendarNotFound,
                error => error,
            });
        }
        Call::Read { .. } if answer.status != 200 => return Err(refused()),
        _ => {}
    }
    match call {
        Call::Read { name, event_id: None, .. } => {
            let list = Collection::read(object(answer, Asked::Anew)?)?;
            let more = list.next.is_some();
            match first_of(name, list.items) {
                Some(item) => Ok(Done::Event(change(item)?)),
                None if more => Err(nonsense("too many copies to look through")),
                None => Err(PlatformError::NotFound),
            }
        }
        Call::Read { .. } => Ok(Done::Event(change(object(answer, Asked::Anew)?)?)),
        Call::Create { marker, .. } => match answer.status {
            // The properties do not come back (7.1): what was written stands.
            200 | 201 => Ok(event_of(ObservedEvent { marker: Some(marker.clone()), ..written(answer)? })),
            _ => Err(refused()),
        },
        Call::Update { .. } => match answer.status {
            200 => Ok(event_of(written(answer)?)),
            _ => Err(refused()),
        },
        Call::Delete { .. } => match answer.status {
            200 | 204 => Ok(Done::Deleted),
            _ => Err(refused()),
        },
    }
}

fn event_of(event: ObservedEvent) -> Done {
    Done::Event(Change::Present(Box::new(event)))
}

fn written(answer: &Answer) -> Result<ObservedEvent, PlatformError> {
    match change(json(answer)?)? {
        Change::Present(event) => Ok(*event),
        Change::Gone { .. } | Change::Unreadable { .. } => {
            Err(nonsense("the answer is not the event that was written"))
        }
    }
}

fn change(item: Object) -> Result<Change, PlatformError> {
    parse::change(&Value::Object(item)).ok_or_else(|| nonsense("the event has no id"))
}

/// The events that carry our marker with this name (7.6); a quote in a literal is written twice.
fn has_name(name: &str) -> String {
    let (id, name) = (property_id(NAME), name.replace('\'', "''"));
    format!("singleValueExtendedProperties/Any(ep: ep/id eq '{id}' and ep/value eq '{name}')")
}

/// The one that was created under a name, the earliest if there are several: copies by hand are not (design, section 4).
fn first_of(name: &str, items: Vec<Value>) -> Option<Object> {
    let objects = items.into_iter().filter_map(|item| match item {
        Value::Object(item) => Some(item),
        _ => None,
    });
    let named = objects.filter(|item| text(item, "transactionId") == Some(name));
    named.min_by_key(|item| parse::created(item).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn created(marker: &Marker, content: &Content) -> Value {
    let (start, end) = moments(content.start, content.end, content.zone);
    let properties = [
        (SOURCE, SIMONE.to_owned()),
        (INSTALLATION, marker.installation.to_string()),
        (BOOKING, marker.booking.to_string()),
        (NAME, marker.name.clone()),
    ];
    json!({
        "transactionId": marker.name,
        "subject": content.title,
        "body": {"contentType": "text", "content": content.description},
        "location": {"displayName": content.location},
        "start": start,
        "end": end,
        "isAllDay": false,
        "showAs": "busy",
        "isReminderOn": false,
        "responseRequested": false,
        "allowNewTimeProposals": false,
        "singleValueExtendedProperties":
            properties.map(|(name, value)| json!({"id": property_id(name), "value": value})),
    })
}

/// `stands`: the description as it is.
fn patched(patch: &Patch, stands: &str) -> Value {
    let mut body = Map::new();
    if let Some(title) = &patch.title {
        body.insert("subject".to_owned(), json!(title));
    }
    if let Some(location) = &patch.location {
        body.insert("location".to_owned(), json!({"displayName": location}));
    }
    if let Some((start, end, zone)) = patch.times {
        let (start, end) = moments(start, end, zone);
        // What was made an all-day event needs both ends to be one of hours again (5.3).
        body.extend([
            ("isAllDay".to_owned(), json!(false)),
            ("start".to_owned(), start),
            ("end".to_owned(), end),
            ("recurrence".to_owned(), Value::Null),
        ]);
    }
    if let Some((was, becomes)) = &patch.description {
        let merged = merged(stands, was.as_deref(), becomes);
        body.insert("body".to_owned(), json!({"contentType": "text", "content": merged}));
    }
    Value::Object(body)
}

/// The text of a body, with the line ends that we write: Exchange answers with its own.
fn body_of(event: &Object) -> String {
    let content = event.get("body").and_then(Value::as_object).and_then(|body| text(body, "content"));
    content.unwrap_or_default().replace("\r\n", "\n").trim_end().to_owned()
}

/// A start and an end. They are wall times without an offset, so they are told in the zone only where Windows knows it and
/// they can mean nothing else; in UTC otherwise (5.2, 12).
fn moments(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> (Value, Value) {
    let once = |at: DateTime<Utc>| {
        let wall = at.with_timezone(&zone).naive_local();
        matches!(zone.from_local_datetime(&wall), LocalResult::Single(_))
    };
    let told = WindowsTimezone::try_from(zone).is_ok() && once(start) && once(end);
    let zone = if told { zone } else { Tz::UTC };
    let moment = |at: DateTime<Utc>| {
        let wall = at.with_timezone(&zone).naive_local().format("%Y-%m-%dT%H:%M:%S");
        json!({"dateTime": wall.to_string(), "timeZone": zone.name()})
    };
    (moment(start), moment(end))
}

#[cfg(test)]
mod tests;
