//! The properties of an event that a client can write: their types, and what they are when nobody says (5).

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::show::{NEVER, no_location};
use crate::microsoft::errors::{GraphError, GraphResult};

enum Kind {
    Text,
    Flag,
    Number,
    Choice(&'static [&'static str]),
    Body,
    Location,
    Locations,
    Guests,
    Texts,
}

const FIELDS: &[(&str, Kind)] = &[
    ("subject", Kind::Text),
    ("body", Kind::Body),
    ("importance", Kind::Choice(&["low", "normal", "high"])),
    ("sensitivity", Kind::Choice(&["normal", "personal", "private", "confidential"])),
    ("showAs", Kind::Choice(&["free", "tentative", "busy", "oof", "workingElsewhere", "unknown"])),
    ("categories", Kind::Texts),
    ("location", Kind::Location),
    ("locations", Kind::Locations),
    ("attendees", Kind::Guests),
    ("isReminderOn", Kind::Flag),
    ("reminderMinutesBeforeStart", Kind::Number),
    ("responseRequested", Kind::Flag),
    ("allowNewTimeProposals", Kind::Flag),
    ("hideAttendees", Kind::Flag),
    ("isOnlineMeeting", Kind::Flag),
    (
        "onlineMeetingProvider",
        Kind::Choice(&["unknown", "teamsForBusiness", "skypeForBusiness", "skypeForConsumer"]),
    ),
];

/// What a body may hold besides: read elsewhere, or not written at all.
const OTHERS: &[&str] = &[
    "start",
    "end",
    "isAllDay",
    "recurrence",
    "transactionId",
    "singleValueExtendedProperties",
    "multiValueExtendedProperties",
    "extensions",
    "attachments",
    "calendar",
    "instances",
    "exceptionOccurrences",
    "cancelledOccurrences",
    "id",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "iCalUId",
    "bodyPreview",
    "hasAttachments",
    "isCancelled",
    "isDraft",
    "isOrganizer",
    "organizer",
    "onlineMeeting",
    "onlineMeetingUrl",
    "originalStart",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "responseStatus",
    "seriesMasterId",
    "type",
    "webLink",
];

pub(super) fn defaults() -> Map<String, Value> {
    super::show::object(json!({
        "subject": "",
        "body": {"contentType": "html", "content": ""},
        "importance": "normal",
        "sensitivity": "normal",
        "showAs": "busy",
        "categories": [],
        "location": no_location(),
        "locations": [],
        "attendees": [],
        "isReminderOn": true,
        "reminderMinutesBeforeStart": 15,
        "responseRequested": true,
        "allowNewTimeProposals": true,
        "hideAttendees": false,
        "isOnlineMeeting": false,
        "onlineMeetingProvider": "unknown",
    }))
}

/// The body with its names in Graph's own letters: requests may write them in any.
pub(super) fn named(body: &Value) -> GraphResult<Map<String, Value>> {
    let known = || FIELDS.iter().map(|(name, _)| *name).chain(OTHERS.iter().copied());
    let mut named = Map::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        if name.contains('@') {
            continue;
        }
        let Some(known) = known().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(GraphError::new(
                400,
                "RequestBodyRead",
                format!(
                    "The property '{name}' does not exist on type 'microsoft.graph.event'. Make sure to only use property names that are defined by the type or mark the type as open type."
                ),
            ));
        };
        named.insert(known.to_owned(), value.clone());
    }
    Ok(named)
}

/// The plain fields of a body, checked, as they will be shown. `null` sets one back.
pub(super) fn read(body: &Map<String, Value>) -> GraphResult<Map<String, Value>> {
    let mut read = Map::new();
    for (name, kind) in FIELDS {
        let Some(value) = body.get(*name) else { continue };
        let value = match value {
            Value::Null => defaults().get(*name).cloned().unwrap_or_default(),
            value => kind.read(name, value)?,
        };
        read.insert((*name).to_owned(), value);
    }
    // Each of the two replaces the other (7.2).
    match (read.get("location").cloned(), read.get("locations").cloned()) {
        (_, Some(Value::Array(list))) => {
            read.insert("location".to_owned(), list.first().cloned().unwrap_or_else(no_location));
        }
        (Some(location), _) => {
            let named = location["displayName"].as_str().is_some_and(|name| !name.is_empty());
            let list = if named { json!([location]) } else { json!([]) };
            read.insert("locations".to_owned(), list);
        }
        _ => {}
    }
    Ok(read)
}

fn unreadable(name: &str, value: &Value, wanted: &str) -> GraphError {
    GraphError::new(
        400,
        "RequestBodyRead",
        format!("Cannot convert the literal '{value}' of '{name}' to the expected type '{wanted}'."),
    )
}

impl Kind {
    fn read(&self, name: &str, value: &Value) -> GraphResult<Value> {
        let wrong = |wanted: &str| Err(unreadable(name, value, wanted));
        match self {
            Kind::Text if value.is_string() => Ok(value.clone()),
            Kind::Text => wrong("Edm.String"),
            Kind::Flag if value.is_boolean() => Ok(value.clone()),
            // Written as text, too: the `O365` library does so of `isOnlineMeeting`.
            Kind::Flag => match value.as_str() {
                Some("true") => Ok(true.into()),
                Some("false") => Ok(false.into()),
                _ => wrong("Edm.Boolean"),
            },
            Kind::Number if value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => {
                Ok(value.clone())
            }
            Kind::Number => wrong("Edm.Int32"),
            Kind::Choice(choices) => {
                let said = value.as_str().unwrap_or_default();
                let choice = choices.iter().find(|choice| choice.eq_ignore_ascii_case(said));
                choice
                    .map_or_else(|| wrong(&format!("microsoft.graph.{name}")), |choice| Ok((*choice).into()))
            }
            Kind::Texts => match value {
                Value::Array(list) if list.iter().all(Value::is_string) => Ok(value.clone()),
                _ => wrong("Collection(Edm.String)"),
            },
            Kind::Body => body(value).map_or_else(|| wrong("microsoft.graph.itemBody"), Ok),
            Kind::Location => location(value).map_or_else(|| wrong("microsoft.graph.location"), Ok),
            Kind::Locations => {
                list(value, location).map_or_else(|| wrong("Collection(microsoft.graph.location)"), Ok)
            }
            Kind::Guests => {
                list(value, guest).map_or_else(|| wrong("Collection(microsoft.graph.attendee)"), Ok)
            }
        }
    }
}

fn list(value: &Value, read: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    value.as_array()?.iter().map(read).collect::<Option<Vec<_>>>().map(Value::from)
}

fn body(value: &Value) -> Option<Value> {
    let fields = value.as_object()?;
    let kind = match fields.get("contentType") {
        None | Some(Value::Null) => "text".to_owned(),
        Some(kind) => kind.as_str()?.to_ascii_lowercase(),
    };
    if !matches!(kind.as_str(), "text" | "html") {
        return None;
    }
    let content = match fields.get("content") {
        None | Some(Value::Null) => "",
        Some(content) => content.as_str()?,
    };
    Some(json!({"contentType": kind, "content": content}))
}

const PLACES: &[&str] = &[
    "default",
    "conferenceRoom",
    "homeAddress",
    "businessAddress",
    "geoCoordinates",
    "streetAddress",
    "hotel",
    "restaurant",
    "localBusiness",
    "postalAddress",
];

fn location(value: &Value) -> Option<Value> {
    let fields = value.as_object()?;
    let name = match fields.get("displayName") {
        None | Some(Value::Null) => "",
        Some(name) => name.as_str()?,
    };
    let mut location = no_location();
    location["displayName"] = name.into();
    if !name.is_empty() {
        (location["uniqueId"], location["uniqueIdType"]) = (name.into(), "private".into());
    }
    if let Some(kind) = fields.get("locationType").filter(|kind| !kind.is_null()) {
        let kind = kind.as_str()?;
        location["locationType"] = (*PLACES.iter().find(|one| one.eq_ignore_ascii_case(kind))?).into();
    }
    let parts: [(&str, &[&str], bool); 2] = [
        ("address", &["street", "city", "state", "countryOrRegion", "postalCode"], false),
        ("coordinates", &["latitude", "longitude", "altitude", "accuracy", "altitudeAccuracy"], true),
    ];
    for (part, names, numbers) in parts {
        let Some(said) = fields.get(part).filter(|part| !part.is_null()) else { continue };
        for (name, value) in said.as_object()? {
            let fits = value.is_null() || if numbers { value.is_number() } else { value.is_string() };
            if !fits || !names.contains(&name.as_str()) {
                return None;
            }
            location[part][name] = value.clone();
        }
    }
    for name in ["locationEmailAddress", "locationUri"] {
        if let Some(said) = fields.get(name).filter(|said| !said.is_null()) {
            location[name] = said.as_str()?.into();
        }
    }
    Some(location)
}

fn guest(value: &Value) -> Option<Value> {
    let address = value.get("emailAddress")?.get("address")?.as_str()?;
    let name = value["emailAddress"]["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(address);
    let kind = match value.get("type") {
        None | Some(Value::Null) => "required",
        Some(kind) => {
            let kind = kind.as_str()?;
            *["required", "optional", "resource"].iter().find(|one| one.eq_ignore_ascii_case(kind))?
        }
    };
    Some(json!({
        "type": kind,
        "status": {"response": "none", "time": NEVER},
        "emailAddress": {"name": name, "address": address},
    }))
}

/// Extended properties of a body: ids and values (7.6).
pub(super) fn properties(body: &Map<String, Value>) -> GraphResult<Vec<(String, Option<String>)>> {
    let list = match body.get("singleValueExtendedProperties") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(list) => list,
    };
    let wrong = || {
        unreadable(
            "singleValueExtendedProperties",
            list,
            "Collection(microsoft.graph.singleValueLegacyExtendedProperty)",
        )
    };
    list.as_array()
        .ok_or_else(wrong)?
        .iter()
        .map(|one| {
            let id = one["id"].as_str().ok_or_else(wrong)?;
            if !is_property_id(id) {
                return Err(GraphError::new(
                    400,
                    "ErrorInvalidProperty",
                    format!("The id of the extended property '{id}' is not valid."),
                ));
            }
            match &one["value"] {
                Value::Null => Ok((id.to_owned(), None)),
                Value::String(value) => Ok((id.to_owned(), Some(value.clone()))),
                _ => Err(wrong()),
            }
        })
        .collect()
}

/// `String {66f5a359-…} Name OriginKey`, `Integer {…} Id 0x8001` or `String 0x3001`.
fn is_property_id(id: &str) -> bool {
    let types =
        ["String", "Integer", "Boolean", "Double", "SystemTime", "Long", "Short", "Float", "CLSID", "Binary"];
    let Some((kind, rest)) = id.split_once(' ') else { return false };
    if !types.iter().any(|one| one.eq_ignore_ascii_case(kind)) {
        return false;
    }
    if rest.starts_with("0x") {
        return rest.len() > 2;
    }
    let Some((guid, name)) = rest.split_once(' ') else { return false };
    let is_guid = guid.len() == 38
        && guid.starts_with('{')
        && guid.ends_with('}')
        && guid[1..37].bytes().all(|letter| letter.is_ascii_hexdigit() || letter == b'-');
    is_guid
        && ["Name ", "Id "]
            .iter()
            .any(|word| name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))
}

/// A date that a range of a series may begin with.
pub(super) fn set_range_start(recurrence: &mut Value, day: NaiveDate) {
    if recurrence["range"].is_object() {
        recurrence["range"]["startDate"] = day.to_string().into();
    }
}
