//! The events of a calendar, and the occurrences of a series (reference sheet, sections 6 and 7.7).

use super::Google;
use super::api::items;
use super::errors::Asked;
use super::parse;
use crate::fields::{Object, storable, text};
use chrono::SecondsFormat;
use secrecy::SecretString;
use simone_booking::Interval;
use simone_sync::event::{Change, Shape};
use simone_sync::platform::{ChangesPage, PageEnd, PlatformError, Position};
use simone_sync::zone;
use url::Url;

/// Only what is read. Of attendees, whether it is the provider and what they answered: nobody's address.
macro_rules! event_fields {
    () => {
        "id,etag,status,updated,summary,visibility,htmlLink,start,end,endTimeUnspecified,recurrence,recurringEventId,\
         originalStartTime,transparency,eventType,iCalUID,extendedProperties(private),attendees(self,responseStatus)"
    };
}
pub(super) use event_fields;

const FIELDS: &str = concat!("kind,nextPageToken,nextSyncToken,timeZone,items(", event_fields!(), ")");

const KIND: &str = "calendar#events";

impl Google {
    /// A sync token belongs to its parameters, so they are the same on every page and with every token. None bounds
    /// the time: an event that comes nearer, or is moved, must not be missed. `showDeleted` is left out, since
    /// `false` must not stand beside a sync token: a listing holds cancelled occurrences anyway, and what a token
    /// brings holds all that was deleted (reference sheet 6.1, 6.3).
    pub(super) async fn events(
        &self,
        access_token: &SecretString,
        calendar: &str,
        position: Position<'_>,
    ) -> Result<ChangesPage, PlatformError> {
        let mut url = self.resource(&["calendars", calendar, "events"])?;
        common_parameters(&mut url);
        url.query_pairs_mut()
            .append_pair("singleEvents", "false")
            .extend_pairs(position.cursor.map(|cursor| ("syncToken", cursor)))
            .extend_pairs(position.page.map(|page| ("pageToken", page)));
        let resumes = position.cursor.is_some() || position.page.is_some();
        let asked = if resumes { Asked::Resume } else { Asked::Anew };
        let mut list = self.get(access_token, url, asked).await?;
        let changes = changes(&mut list)?;
        let end = match (text(&list, "nextPageToken"), text(&list, "nextSyncToken")) {
            (Some(page), _) => PageEnd::More(page.to_owned()),
            (None, Some(cursor)) => PageEnd::Cursor(cursor.to_owned()),
            (None, None) => PageEnd::Cut,
        };
        Ok(ChangesPage {
            changes,
            zone: text(&list, "timeZone").map(storable),
            end,
            ..ChangesPage::default()
        })
    }

    /// There is no cursor to this list: its last page ends with an empty one.
    pub(super) async fn event_instances(
        &self,
        access_token: &SecretString,
        calendar: &str,
        master: &str,
        window: Interval,
        page: Option<&str>,
    ) -> Result<ChangesPage, PlatformError> {
        let mut url = self.resource(&["calendars", calendar, "events", master, "instances"])?;
        common_parameters(&mut url);
        url.query_pairs_mut()
            .append_pair("showDeleted", "false")
            .append_pair("timeMin", &window.start.to_rfc3339_opts(SecondsFormat::Secs, true))
            .append_pair("timeMax", &window.end.to_rfc3339_opts(SecondsFormat::Secs, true))
            .extend_pairs(page.map(|page| ("pageToken", page)));
        let asked = if page.is_some() { Asked::Resume } else { Asked::Anew };
        let mut list = self.get(access_token, url, asked).await?;
        let changes = changes(&mut list)?.into_iter().map(|change| occurrence_of(master, change)).collect();
        let end = match text(&list, "nextPageToken") {
            Some(page) => PageEnd::More(page.to_owned()),
            None => PageEnd::Cursor(String::new()),
        };
        Ok(ChangesPage {
            changes,
            zone: text(&list, "timeZone").map(storable),
            end,
            ..ChangesPage::default()
        })
    }
}

fn common_parameters(url: &mut Url) {
    // One attendee: Google then names the provider (reference sheet 6.1).
    url.query_pairs_mut()
        .append_pair("maxResults", "2500")
        .append_pair("maxAttendees", "1")
        .append_pair("prettyPrint", "false")
        .append_pair("fields", FIELDS);
}

fn changes(list: &mut Object) -> Result<Vec<Change>, PlatformError> {
    let items = items(list, KIND)?;
    let zone = text(list, "timeZone").and_then(zone::parse);
    Ok(items.iter().filter_map(|item| parse::change(item, zone)).collect())
}

/// What is no occurrence of the series that was asked for cannot stand in for one.
fn occurrence_of(master: &str, change: Change) -> Change {
    match change {
        Change::Present(event) if !matches!(&event.shape, Shape::Exception { master: of, .. } if of == master) => {
            Change::Unreadable { id: event.id }
        }
        change => change,
    }
}
