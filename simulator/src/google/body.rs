//! What a body says of an event (5.2): read, checked, and brought into the shape in which it is kept.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::errors::ApiError;
use super::model::{Calendar, Person};
use super::schema;
use super::switches::LongProperties;
use super::times::{When, is_sane, localize, parse_wall};
use super::write::Editor;

/// What clients may write, besides times and recurrence.
const WRITABLE: [&str; 25] = [
    "anyoneCanAddSelf",
    "attachments",
    "attendees",
    "birthdayProperties",
    "colorId",
    "conferenceData",
    "description",
    "endTimeUnspecified",
    "eventLabelId",
    "eventType",
    "extendedProperties",
    "focusTimeProperties",
    "gadget",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "location",
    "outOfOfficeProperties",
    "reminders",
    "source",
    "status",
    "summary",
    "transparency",
    "visibility",
    "workingLocationProperties",
];

const LONGEST_KEY: usize = 44;
const LONGEST_VALUE: usize = 1024;
const MOST_PROPERTIES: usize = 300;
const LARGEST_PROPERTIES: usize = 32 * 1024;

/// What a body says.
pub(super) struct Draft {
    pub start: When,
    pub end: When,
    pub recurrence: Vec<String>,
    pub cancelled: bool,
    pub content: Map<String, Value>,
}

impl Editor<'_> {
    /// Status events exist on primary calendars only, and some types cannot be made (5.2).
    pub(super) fn check_type(&self, draft: &Draft, calendar: &Calendar) -> Result<(), ApiError> {
        if self.unchecked {
            return Ok(());
        }
        match draft.content.get("eventType").and_then(Value::as_str).unwrap_or("default") {
            "default" => Ok(()),
            "birthday" if draft.start.is_day() => Ok(()),
            "birthday" => Err(ApiError::event_type("A birthday event must be an all-day event.")),
            "outOfOffice" | "focusTime" | "workingLocation" if calendar.primary_of.is_none() => {
                Err(ApiError::event_type("Events of this type can only be created on primary calendars."))
            }
            "outOfOffice" | "focusTime" if draft.start.is_day() => {
                Err(ApiError::event_type("Events of this type cannot be all-day events."))
            }
            "outOfOffice" | "focusTime" | "workingLocation" => Ok(()),
            _ => Err(ApiError::event_type("Events of this type cannot be created.")),
        }
    }

    /// Reads a body. `before`: the content that fields which do not count here are kept from.
    pub(super) fn read(
        &self,
        body: &Map<String, Value>,
        calendar: &Calendar,
        before: &Map<String, Value>,
    ) -> Result<Draft, ApiError> {
        if let Some(field) = schema::misfit(schema::named("Event"), &Value::Object(body.clone())) {
            return Err(ApiError::invalid(format!("Invalid value for: {field}")));
        }
        let recurrence: Vec<String> = match body.get("recurrence") {
            Some(Value::Array(lines)) => {
                lines.iter().filter_map(Value::as_str).map(|line| line.trim().to_owned()).collect()
            }
            _ => Vec::new(),
        };
        if !self.unchecked && !recurrence.iter().all(|line| is_recurrence_line(line)) {
            return Err(ApiError::invalid("Invalid recurrence rule."));
        }
        let repeats = !recurrence.is_empty();
        let start = self.time("start", body.get("start"), repeats, calendar)?;
        let end = self.time("end", body.get("end"), repeats, calendar)?;
        if start.is_day() != end.is_day() {
            return Err(ApiError::invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
        let empty = if start.is_day() {
            end.wall(chrono_tz::UTC) <= start.wall(chrono_tz::UTC)
        } else {
            end.instant(chrono_tz::UTC) < start.instant(chrono_tz::UTC)
        };
        if empty && !self.unchecked {
            return Err(ApiError::time_range_empty());
        }
        let long = self.google.settings.long_properties;
        let mut content = Map::new();
        for (name, value) in body {
            if WRITABLE.contains(&name.as_str())
                && (name != "conferenceData" || self.conference)
                && let Some(value) = normal(name, value, long)?
            {
                content.insert(name.clone(), value);
            }
        }
        if !self.conference
            && let Some(value) = before.get("conferenceData")
        {
            content.insert("conferenceData".to_owned(), value.clone());
        }
        for (name, allowed) in [
            ("status", &["confirmed", "tentative", "cancelled"][..]),
            ("transparency", &["opaque", "transparent"]),
            ("visibility", &["default", "public", "private", "confidential"]),
            (
                "eventType",
                &["default", "birthday", "focusTime", "fromGmail", "outOfOffice", "workingLocation"],
            ),
        ] {
            let value = body.get(name).and_then(Value::as_str);
            if value.is_some_and(|value| !allowed.contains(&value)) {
                return Err(ApiError::invalid(format!("Invalid value for: {name}")));
            }
        }
        let cancelled = content.get("status").is_some_and(|status| status == "cancelled");
        if cancelled {
            content.remove("status");
        }
        Ok(Draft { start, end, recurrence, cancelled, content })
    }

    fn time(
        &self,
        name: &str,
        said: Option<&Value>,
        repeats: bool,
        calendar: &Calendar,
    ) -> Result<When, ApiError> {
        let missing = || ApiError::required(format!("Missing {name} time."));
        let wrong = || ApiError::invalid(format!("Invalid {name} time."));
        let said = said.and_then(Value::as_object).ok_or_else(missing)?;
        let text = |field: &str| said.get(field).and_then(Value::as_str);
        match (text("date"), text("dateTime")) {
            (Some(_), Some(_)) => Err(wrong()),
            (None, None) => Err(missing()),
            (Some(date), None) => date.parse().ok().map(When::Day).filter(is_sane).ok_or_else(wrong),
            (None, Some(time)) => {
                let zone = text("timeZone").map(str::to_owned);
                let known: Option<Tz> = zone.as_deref().and_then(|zone| zone.parse().ok());
                if zone.is_some() && known.is_none() && !self.unchecked {
                    return Err(ApiError::invalid(format!("Invalid time zone definition for {name} time.")));
                }
                if zone.is_none() && repeats && !self.unchecked {
                    return Err(ApiError::required(format!("Missing time zone definition for {name} time.")));
                }
                let at = match DateTime::parse_from_rfc3339(time) {
                    Ok(at) => at.with_timezone(&Utc),
                    Err(_) => {
                        let wall = parse_wall(time).ok_or_else(wrong)?;
                        let tz = match (&zone, known) {
                            (_, Some(tz)) => tz,
                            (Some(_), None) => calendar.tz(),
                            (None, None) => {
                                return Err(ApiError::required(format!(
                                    "Missing time zone definition for {name} time."
                                )));
                            }
                        };
                        localize(wall, tz)
                    }
                };
                // Answers have no fractions of a second.
                let at = DateTime::from_timestamp(at.timestamp(), 0).ok_or_else(wrong)?;
                Some(When::Time { at, zone }).filter(is_sane).ok_or_else(wrong)
            }
        }
    }
}

pub(super) fn object(body: &Value) -> Result<&Map<String, Value>, ApiError> {
    body.as_object().ok_or_else(ApiError::parse)
}

/// base32hex, lower case, 5 to 1024 characters (7.2).
pub(super) fn is_id(id: &str) -> bool {
    (5..=1024).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b'a'..=b'v' | b'0'..=b'9'))
}

fn is_recurrence_line(line: &str) -> bool {
    line.split_once(':').is_some_and(|(head, _)| {
        let name = head.split(';').next().unwrap_or_default().to_ascii_uppercase();
        matches!(name.as_str(), "RRULE" | "EXRULE" | "RDATE" | "EXDATE")
    })
}

pub(super) fn person(value: &Value) -> Option<Person> {
    Some(Person {
        email: value.get("email")?.as_str()?.to_owned(),
        name: value.get("displayName").and_then(Value::as_str).map(str::to_owned),
    })
}

/// A field as it is kept; `None` if it says no more than its absence does.
fn normal(name: &str, value: &Value, long: LongProperties) -> Result<Option<Value>, ApiError> {
    let usual = match name {
        "status" => "confirmed".into(),
        "transparency" => "opaque".into(),
        "visibility" | "eventType" => "default".into(),
        "guestsCanInviteOthers" | "guestsCanSeeOtherGuests" => true.into(),
        "reminders" => json!({"useDefault": true}),
        _ => Value::Null,
    };
    let says_something = match value {
        Value::Null | Value::Bool(false) => {
            name.starts_with("guestsCan") && name != "guestsCanModify" && !value.is_null()
        }
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    if !says_something || *value == usual {
        return Ok(None);
    }
    match name {
        "extendedProperties" => properties(value, long),
        "attendees" => attendees(value).map(Some),
        _ => Ok(Some(value.clone())),
    }
}

/// 7.9
fn properties(value: &Value, long: LongProperties) -> Result<Option<Value>, ApiError> {
    let mut kept = Map::new();
    let (mut count, mut size) = (0, 0);
    for kind in ["private", "shared"] {
        let Some(Value::Object(said)) = value.get(kind) else { continue };
        let mut properties = Map::new();
        for (key, value) in said {
            let Some(value) = value.as_str() else { continue };
            let too_long = key.len() > LONGEST_KEY || value.chars().count() > LONGEST_VALUE;
            if too_long && long == LongProperties::Refuse {
                return Err(ApiError::invalid("An extended property is too long."));
            }
            if key.len() > LONGEST_KEY {
                continue;
            }
            let value: String = value.chars().take(LONGEST_VALUE).collect();
            count += 1;
            size += key.len() + value.len();
            properties.insert(key.clone(), value.into());
        }
        if !properties.is_empty() {
            kept.insert(kind.to_owned(), properties.into());
        }
    }
    if count > MOST_PROPERTIES || size > LARGEST_PROPERTIES {
        return Err(ApiError::invalid("The extended properties are too large."));
    }
    Ok((!kept.is_empty()).then(|| kept.into()))
}

fn attendees(value: &Value) -> Result<Value, ApiError> {
    let mut kept = Vec::new();
    for attendee in value.as_array().into_iter().flatten() {
        let mut attendee =
            attendee.as_object().cloned().ok_or_else(|| ApiError::invalid("Invalid attendee."))?;
        let email = attendee.get("email").and_then(Value::as_str).filter(|email| email.contains('@'));
        if email.is_none() {
            return Err(ApiError::invalid("Invalid attendee email."));
        }
        // Whose it is follows from the address.
        attendee.remove("self");
        attendee.remove("organizer");
        attendee.entry("responseStatus").or_insert_with(|| "needsAction".into());
        kept.push(Value::Object(attendee));
    }
    Ok(kept.into())
}
