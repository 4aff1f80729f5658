//! The list of an account's calendars (reference sheet, section 4).

use super::Google;
use super::api::items;
use super::errors::Asked;
use crate::fields::{id, is_color, is_true, storable, text, title};
use secrecy::SecretString;
use serde_json::Value;
use simone_sync::platform::{Access, CalendarsPage, PlatformError, RemoteCalendar};

const FIELDS: &str = "kind,nextPageToken,\
    items(id,summary,summaryOverride,timeZone,backgroundColor,accessRole,primary,deleted)";

impl Google {
    pub(super) async fn calendar_list(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError> {
        let mut url = self.resource(&["users", "me", "calendarList"])?;
        // Hidden in Google's own pages is not gone: such a calendar can still be imported.
        url.query_pairs_mut()
            .append_pair("maxResults", "250")
            .append_pair("showHidden", "true")
            .append_pair("prettyPrint", "false")
            .append_pair("fields", FIELDS)
            .extend_pairs(page.map(|page| ("pageToken", page)));
        let asked = if page.is_some() { Asked::Resume } else { Asked::Anew };
        let mut list = self.get(access_token, url, asked).await?;
        let calendars = items(&mut list, "calendar#calendarList")?.iter().filter_map(calendar).collect();
        Ok(CalendarsPage { calendars, next_page: text(&list, "nextPageToken").map(str::to_owned) })
    }
}

/// `None` for a calendar that was removed from the list, and for an entry without an id.
fn calendar(entry: &Value) -> Option<RemoteCalendar> {
    let Some((entry, id)) = entry.as_object().and_then(|entry| Some((entry, id(entry, "id")?))) else {
        tracing::warn!("Google lists a calendar without a usable id; it is left out");
        return None;
    };
    if is_true(entry, "deleted") {
        return None;
    }
    let name = text(entry, "summaryOverride").or_else(|| text(entry, "summary")).unwrap_or(id);
    Some(RemoteCalendar {
        id: id.to_owned(),
        name: title(name),
        color: text(entry, "backgroundColor").filter(|color| is_color(color)).map(str::to_owned),
        access: match text(entry, "accessRole") {
            Some("owner" | "writer" | "writerWithoutPrivateAccess") => Access::Write,
            Some("freeBusyReader") => Access::BusyOnly,
            _ => Access::Read,
        },
        zone: text(entry, "timeZone").map(storable),
        primary: is_true(entry, "primary"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_an_entry() {
        let entry = json!({
            "kind": "calendar#calendarListEntry", "etag": "\"1700000000000000\"", "id": "ana@example.com",
            "summary": "ana@example.com", "summaryOverride": "Work", "timeZone": "Europe/Zurich", "colorId": "14",
            "backgroundColor": "#9fe1e7", "foregroundColor": "#000000", "selected": true, "primary": true,
            "accessRole": "owner", "defaultReminders": [{"method": "popup", "minutes": 10}]
        });
        assert_eq!(
            calendar(&entry),
            Some(RemoteCalendar {
                id: "ana@example.com".to_owned(),
                name: "Work".to_owned(),
                color: Some("#9fe1e7".to_owned()),
                access: Access::Write,
                zone: Some("Europe/Zurich".to_owned()),
                primary: true,
            })
        );
    }

    #[test]
    fn a_sparse_entry_is_still_a_calendar() {
        let sparse = RemoteCalendar {
            id: "x@group.calendar.google.com".to_owned(),
            name: "x@group.calendar.google.com".to_owned(),
            color: None,
            access: Access::Read,
            zone: None,
            primary: false,
        };
        assert_eq!(calendar(&json!({"id": "x@group.calendar.google.com"})), Some(sparse.clone()));
        // A false flag, and values of the wrong kind.
        let odd = json!({
            "id": "x@group.calendar.google.com", "deleted": false, "primary": false, "summary": 7, "timeZone": [],
            "backgroundColor": "red;}body{", "accessRole": null
        });
        assert_eq!(calendar(&odd), Some(sparse));
    }

    #[test]
    fn roles_say_what_may_be_done() {
        for (role, access) in [
            ("owner", Access::Write),
            ("writer", Access::Write),
            ("writerWithoutPrivateAccess", Access::Write),
            ("reader", Access::Read),
            ("freeBusyReader", Access::BusyOnly),
            ("somethingNew", Access::Read),
        ] {
            let read = calendar(&json!({"id": "a", "accessRole": role})).unwrap();
            assert_eq!(read.access, access, "{role}");
        }
    }

    #[test]
    fn what_is_gone_or_has_no_id_is_left_out() {
        for entry in
            [json!({"id": "a", "deleted": true}), json!({"summary": "a"}), json!({"id": ""}), json!(3)]
        {
            assert_eq!(calendar(&entry), None, "{entry}");
        }
    }
}
