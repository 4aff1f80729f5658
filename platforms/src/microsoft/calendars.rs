//! The list of an account's calendars (reference sheet, section 4).
//!
//! Graph tells the time zone of the mailbox, not of a calendar (2.6): it is asked for before the calendars, once per
//! listing, and goes along in the page token.

use super::Microsoft;
use super::api::{Ask, Collection, object, with_query};
use super::errors::Asked;
use crate::call::nonsense;
use crate::fields::{id, is_color, is_true, storable, text, title};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simone_sync::platform::{Access, CalendarsPage, PlatformError, RemoteCalendar};

const FIELDS: &str = "id,name,color,hexColor,canEdit,isDefaultCalendar";

/// The page is that of the calendars; before it comes the zone.
#[derive(Debug, Serialize, Deserialize)]
struct Page {
    zone: Option<String>,
    /// `None`: the first one.
    link: Option<String>,
}

impl Microsoft {
    pub(super) async fn calendar_list(
        &self,
        access_token: &SecretString,
        page: Option<&str>,
    ) -> Result<CalendarsPage, PlatformError> {
        let Some(page) = page else {
            let page = Page { zone: self.mailbox_zone(access_token).await?, link: None };
            return Ok(CalendarsPage { calendars: Vec::new(), next_page: Some(token(&page)?) });
        };
        let Page { zone, link } =
            serde_json::from_str(page).map_err(|_| nonsense("the page token is not ours"))?;
        let (url, asked) = match &link {
            Some(link) => (self.link(link)?, Asked::Resume),
            None => {
                let url = self.resource(&["me", "calendars"])?;
                (with_query(url, &[("$select", FIELDS), ("$top", "100")]), Asked::Anew)
            }
        };
        let list = Collection::read(self.get(access_token, Ask::get(url), asked).await?)?;
        let calendars = list.items.iter().filter_map(|entry| calendar(entry, zone.as_deref())).collect();
        let next_page = list.next.map(|next| token(&Page { zone, link: Some(next) })).transpose()?;
        Ok(CalendarsPage { calendars, next_page })
    }

    /// That of the person's settings. That it is not set, or not to be seen, is no failure.
    async fn mailbox_zone(&self, access_token: &SecretString) -> Result<Option<String>, PlatformError> {
        let url = self.resource(&["me", "mailboxSettings", "timeZone"])?;
        let answer = self.send(access_token, &Ask::get(url)).await?;
        match object(&answer, Asked::Anew) {
            Ok(setting) => Ok(text(&setting, "value").map(storable)),
            Err(
                PlatformError::MissingScopes
                | PlatformError::Forbidden { .. }
                | PlatformError::NotFound
                | PlatformError::NoCalendars
                | PlatformError::Refused { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn token(page: &Page) -> Result<String, PlatformError> {
    serde_json::to_string(page).map_err(|_| nonsense("the page token cannot be made"))
}

/// `None` for an entry without an id.
fn calendar(entry: &Value, zone: Option<&str>) -> Option<RemoteCalendar> {
    let Some((entry, id)) = entry.as_object().and_then(|entry| Some((entry, id(entry, "id")?))) else {
        tracing::warn!("Microsoft lists a calendar without a usable id; it is left out");
        return None;
    };
    // The user's own choice, else the one of a fixed set that Outlook made (reference sheet 4).
    let chosen = text(entry, "hexColor").filter(|color| is_color(color)).map(str::to_ascii_lowercase);
    Some(RemoteCalendar {
        id: id.to_owned(),
        name: title(text(entry, "name").unwrap_or(id)),
        color: chosen.or_else(|| text(entry, "color").and_then(named_color).map(str::to_owned)),
        access: if is_true(entry, "canEdit") { Access::Write } else { Access::Read },
        zone: zone.map(str::to_owned),
        primary: is_true(entry, "isDefaultCalendar"),
    })
}

/// As Outlook shows them. `auto` and `maxColor` say nothing.
fn named_color(name: &str) -> Option<&'static str> {
    const COLORS: [(&str, &str); 9] = [
        ("lightBlue", "#a6d1f5"),
        ("lightGreen", "#87d28e"),
        ("lightOrange", "#fcab73"),
        ("lightGray", "#c0c0c0"),
        ("lightYellow", "#f5dc71"),
        ("lightTeal", "#4adacc"),
        ("lightPink", "#ea9cbe"),
        ("lightBrown", "#ca8a6a"),
        ("lightRed", "#f88c9b"),
    ];
    COLORS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, color)| *color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_an_entry() {
        let entry = json!({
            "id": "AAMkAGI2TGuLAAA=", "name": "Calendar", "color": "auto", "hexColor": "#0F7B0f",
            "changeKey": "nfZyf7VcrEKLNoU37KWlkQAAA0x0+w==", "isDefaultCalendar": true, "canShare": true,
            "canViewPrivateItems": true, "canEdit": true, "isRemovable": false,
            "owner": {"name": "Ana", "address": "ana@contoso.com"}
        });
        assert_eq!(
            calendar(&entry, Some("Romance Standard Time")),
            Some(RemoteCalendar {
                id: "AAMkAGI2TGuLAAA=".to_owned(),
                name: "Calendar".to_owned(),
                color: Some("#0f7b0f".to_owned()),
                access: Access::Write,
                zone: Some("Romance Standard Time".to_owned()),
                primary: true,
            })
        );
    }

    #[test]
    fn a_sparse_or_odd_entry_is_still_a_calendar_that_can_be_read() {
        for entry in [
            json!({"id": "a"}),
            json!({"id": "a", "name": null, "hexColor": "", "color": "auto", "canEdit": null}),
            json!({"id": "a", "name": 7, "hexColor": "red;}", "color": "maxColor", "canEdit": "true"}),
        ] {
            let read = calendar(&entry, None).unwrap();
            assert_eq!(
                (read.name.as_str(), read.color, read.access, read.primary),
                ("a", None, Access::Read, false)
            );
        }
        for entry in [json!({"name": "x"}), json!({"id": ""}), json!(3)] {
            assert_eq!(calendar(&entry, None), None, "{entry}");
        }
    }

    #[test]
    fn a_color_by_its_name() {
        let color = |color: &str, hex: &str| {
            calendar(&json!({"id": "a", "color": color, "hexColor": hex}), None).unwrap().color
        };
        assert_eq!(color("lightBlue", "").as_deref(), Some("#a6d1f5"));
        assert_eq!(color("LIGHTRED", "nonsense").as_deref(), Some("#f88c9b"));
        assert_eq!(color("lightRed", "#123456").as_deref(), Some("#123456"));
        assert_eq!(color("auto", ""), None);
    }
}
