//! Writing an account's list of calendars: putting calendars on it, naming and colouring them, taking them off.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value};

use super::calendar_list::{closest_color, shown};
use super::errors::ApiError;
use super::guard::Caller;
use super::model::Entry;
use super::reply::{self, Query};
use super::write::merge;
use crate::simulator::{Simulator, World};

type Answer = Result<Response, ApiError>;

/// What clients may write, besides the colours.
const WRITABLE: [&str; 5] =
    ["defaultReminders", "hidden", "notificationSettings", "selected", "summaryOverride"];

/// The calendar gets on the list as it would by hand: with the colour of a new one, and selected.
pub(super) async fn insert(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendarList.insert")?;
    query.fields("CalendarListEntry")?;
    let said = reply::body(&body, "CalendarListEntry")?;
    let id = said["id"].as_str().ok_or_else(|| ApiError::required("Missing calendar id."))?;
    let access = caller.reach(&world.google, id)?;
    let draft = Draft::read(&said, &query)?;
    let now = world.now();
    if world.google.entry(&caller.email, &access.id).is_none() {
        world.google.put_on_list(now, &caller.email, &access.id, 16);
    }
    world.google.change_entry(now, &caller.email, &access.id, |entry| draft.store(entry, &said));
    reply::resource(&query, &headers, false, "CalendarListEntry", shown(&world, &caller, &access.id)?)
}

pub(super) async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "calendarList.update", &calendar, query.as_deref(), &headers, &body)
}

pub(super) async fn patch(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "calendarList.patch", &calendar, query.as_deref(), &headers, &body)
}

fn change(
    simulator: &Simulator,
    method: &str,
    calendar: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Answer {
    let query = Query::parse(query);
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, headers, &query, method)?;
    let before = shown(&world, &caller, calendar)?;
    query.fields("CalendarListEntry")?;
    check_version(headers, &before)?;
    let said = reply::body(body, "CalendarListEntry")?;
    let whole = if method == "calendarList.patch" {
        let mut whole: Map<String, Value> = before.as_object().cloned().unwrap_or_default();
        // Of the colours, only those said now count.
        whole.retain(|name, _| WRITABLE.contains(&name.as_str()));
        merge(&mut whole, said.as_object().ok_or_else(ApiError::parse)?);
        Value::Object(whole)
    } else {
        said
    };
    let draft = Draft::read(&whole, &query)?;
    let id = before["id"].as_str().unwrap_or_default();
    let now = world.now();
    world.google.change_entry(now, &caller.email, id, |entry| draft.store(entry, &whole));
    reply::resource(&query, headers, false, "CalendarListEntry", shown(&world, &caller, id)?)
}

/// Takes a calendar off the list. Whoever may see it still may.
pub(super) async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendarList.delete")?;
    let before = shown(&world, &caller, &calendar)?;
    check_version(&headers, &before)?;
    if before["primary"] == true {
        return Err(ApiError::forbidden());
    }
    let World { google, clock, .. } = &mut *world;
    google.change_entry(clock.now(), &caller.email, before["id"].as_str().unwrap_or_default(), |entry| {
        entry.deleted = true;
    });
    Ok(reply::nothing())
}

fn check_version(headers: &HeaderMap, entry: &Value) -> Result<(), ApiError> {
    reply::check_if_match(headers, entry["etag"].as_str().unwrap_or_default())
}

/// What is said of the colours; the rest needs no reading.
struct Draft {
    color: Option<u8>,
    /// Background and foreground.
    rgb: Option<(String, String)>,
}

impl Draft {
    fn read(said: &Value, query: &Query) -> Result<Draft, ApiError> {
        let rgb = query.flag("colorRgbFormat")?.unwrap_or(false);
        let background = said["backgroundColor"].as_str().filter(|_| rgb);
        let foreground = said["foregroundColor"].as_str().filter(|_| rgb);
        if [background, foreground].into_iter().flatten().any(|color| !is_color(color)) {
            return Err(ApiError::invalid("Invalid color."));
        }
        let color = match said["colorId"].as_str() {
            None => None,
            Some(id) => match id.parse() {
                Ok(color @ 1..=24) => Some(color),
                _ => return Err(ApiError::invalid("Invalid color id.")),
            },
        };
        Ok(Draft {
            color: background.map(closest_color).or(color),
            rgb: background
                .map(|background| (background.to_owned(), foreground.unwrap_or("#000000").to_owned())),
        })
    }

    fn store(self, entry: &mut Entry, said: &Value) {
        entry.selected = said["selected"] == true;
        entry.hidden = said["hidden"] == true;
        entry.summary_override =
            said["summaryOverride"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        for name in ["defaultReminders", "notificationSettings"] {
            match &said[name] {
                Value::Null => entry.own.remove(name),
                value => entry.own.insert(name.to_owned(), value.clone()),
            };
        }
        if let Some(color) = self.color {
            entry.color = color;
            entry.own.remove("backgroundColor");
            entry.own.remove("foregroundColor");
        }
        if let Some((background, foreground)) = self.rgb {
            entry.own.insert("backgroundColor".to_owned(), background.into());
            entry.own.insert("foregroundColor".to_owned(), foreground.into());
        }
    }
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}
