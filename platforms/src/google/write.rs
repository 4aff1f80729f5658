//! Events of ours: read one, create, change and delete them (reference sheet, sections 7.1 to 7.5, 7.9 and 7.10).
//!
//! No attendees, and `sendUpdates=none`: nobody is told anything.

use super::Google;
use super::errors::{Asked, classify};
use super::events::event_fields;
use super::parse;
use crate::call::{json, nonsense};
use crate::fields::{BOOKING, INSTALLATION, NAME, SIMONE, SOURCE, etag, merged, text};
use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use simone_sync::event::{Change, ObservedEvent};
use simone_sync::export::{Content, Marker, Patch};
use simone_sync::platform::PlatformError;
use url::Url;

const FIELDS: &str = event_fields!();
const FIELDS_WITH_TEXT: &str = concat!(event_fields!(), ",description");

impl Google {
    pub(super) async fn read_event(
        &self,
        access_token: &SecretString,
        calendar: &str,
        id: &str,
    ) -> Result<Change, PlatformError> {
        let object = self.get(access_token, self.event_url(calendar, id, FIELDS)?, Asked::Anew).await?;
        parse::change(&Value::Object(object), None).ok_or_else(|| nonsense("the event has no id"))
    }

    pub(super) async fn insert_event(
        &self,
        access_token: &SecretString,
        calendar: &str,
        marker: &Marker,
        content: &Content,
    ) -> Result<ObservedEvent, PlatformError> {
        let mut url = self.resource(&["calendars", calendar, "events"])?;
        parameters(&mut url, FIELDS);
        url.query_pairs_mut().append_pair("sendUpdates", "none");
        let body = json!({
            "id": marker.name,
            "summary": content.title,
            "location": content.location,
            "description": as_html(&content.description),
            "start": moment(content.start, content.zone),
            "end": moment(content.end, content.zone),
            "extendedProperties": {"private": {
                SOURCE: SIMONE,
                INSTALLATION: marker.installation,
                BOOKING: marker.booking,
                NAME: marker.name,
            }},
        });
        self.write(access_token, Method::POST, url, None, &body).await
    }

    pub(super) async fn patch_event(
        &self,
        access_token: &SecretString,
        calendar: &str,
        id: &str,
        revision: &str,
        patch: &Patch,
    ) -> Result<ObservedEvent, PlatformError> {
        let mut body = Map::new();
        if let Some(title) = &patch.title {
            body.insert("summary".to_owned(), json!(title));
        }
        if let Some(location) = &patch.location {
            body.insert("location".to_owned(), json!(location));
        }
        if let Some((start, end, zone)) = patch.times {
            body.insert("start".to_owned(), with_no_date(moment(start, zone)));
            body.insert("end".to_owned(), with_no_date(moment(end, zone)));
            body.insert("recurrence".to_owned(), Value::Null);
        }
        if let Some((was, becomes)) = &patch.description {
            // The one field in which the provider may have written too: it has to be seen before it is changed.
            let url = self.event_url(calendar, id, FIELDS_WITH_TEXT)?;
            let stands = self.get(access_token, url, Asked::Anew).await?;
            let stands = text(&stands, "description").unwrap_or_default();
            let was = was.as_deref().map(as_html);
            let merged = merged(stands, was.as_deref(), &as_html(becomes));
            body.insert("description".to_owned(), json!(merged));
        }
        let mut url = self.event_url(calendar, id, FIELDS)?;
        url.query_pairs_mut().append_pair("sendUpdates", "none");
        self.write(access_token, Method::PATCH, url, etag(revision), &Value::Object(body)).await
    }

    pub(super) async fn delete_event(
        &self,
        access_token: &SecretString,
        calendar: &str,
        id: &str,
        revision: Option<&str>,
    ) -> Result<(), PlatformError> {
        let mut url = self.resource(&["calendars", calendar, "events", id])?;
        url.query_pairs_mut().append_pair("sendUpdates", "none");
        let if_match = revision.and_then(etag);
        let answer = self.call(access_token, Method::DELETE, url, if_match, None).await?;
        match answer.status {
            200 | 204 => Ok(()),
            _ => Err(classify(&answer, Asked::Anew)),
        }
    }

    fn event_url(&self, calendar: &str, id: &str, fields: &str) -> Result<Url, PlatformError> {
        let mut url = self.resource(&["calendars", calendar, "events", id])?;
        parameters(&mut url, fields);
        Ok(url)
    }

    async fn write(
        &self,
        access_token: &SecretString,
        method: Method,
        url: Url,
        if_match: Option<&str>,
        body: &Value,
    ) -> Result<ObservedEvent, PlatformError> {
        let answer = self.call(access_token, method, url, if_match, Some(body)).await?;
        if answer.status != 200 {
            return Err(classify(&answer, Asked::Anew));
        }
        match parse::change(&Value::Object(json(&answer)?), None) {
            Some(Change::Present(event)) => Ok(*event),
            _ => Err(nonsense("the answer is not the event that was written")),
        }
    }
}

fn parameters(url: &mut Url, fields: &str) {
    url.query_pairs_mut()
        .append_pair("maxAttendees", "1")
        .append_pair("prettyPrint", "false")
        .append_pair("fields", fields);
}

fn moment(at: DateTime<Utc>, zone: Tz) -> Value {
    let local = at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false);
    json!({"dateTime": local, "timeZone": zone.name()})
}

/// An event that was made an all-day one has a date, which must not stand beside a time (reference sheet 7.4).
fn with_no_date(mut moment: Value) -> Value {
    moment["date"] = Value::Null;
    moment
}

/// Google shows descriptions as HTML: what people wrote is to be read as they wrote it.
fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_text() {
        assert_eq!(as_html("<b>5 & 6</b>"), "&lt;b&gt;5 &amp; 6&lt;/b&gt;");
    }

    #[test]
    fn a_time_names_its_offset_and_its_zone() {
        let at: DateTime<Utc> = "2026-07-01T12:00:00Z".parse().unwrap();
        assert_eq!(
            moment(at, chrono_tz::Europe::Paris),
            json!({"dateTime": "2026-07-01T14:00:00+02:00", "timeZone": "Europe/Paris"})
        );
    }
}
