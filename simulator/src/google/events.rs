//! Methods on one event (7).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::errors::ApiError;
use super::guard::{Access, Caller};
use super::model::{Google, etag};
use super::quick_add;
use super::reply::{self, Query};
use super::view::{View, find};
use super::write::{Editor, How};
use crate::simulator::{Simulator, World};

type Answer = Result<Response, ApiError>;

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "events.get")?;
    let access = caller.reach(&world.google, &calendar)?;
    let body = show(&world.google, &access, &query, &event)?;
    reply::resource(&query, &headers, true, "Event", body)
}

/// The event as the caller sees it, in the zone that the query names.
fn show(google: &Google, access: &Access, query: &Query, id: &str) -> Result<Value, ApiError> {
    let calendar = access.calendar(google)?;
    let view = view(calendar, access, query)?;
    let event = find(calendar, id).ok_or_else(ApiError::not_found)?;
    Ok(view.full(&event))
}

pub(super) fn view<'a>(
    calendar: &'a super::model::Calendar,
    access: &Access,
    query: &Query,
) -> Result<View<'a>, ApiError> {
    let max_attendees = query
        .get("maxAttendees")
        .map(|most| {
            most.parse::<usize>().ok().filter(|most| *most > 0).ok_or_else(|| {
                ApiError::invalid_parameter("maxAttendees", format!("Invalid integer value: '{most}'."))
            })
        })
        .transpose()?;
    Ok(View { calendar, role: access.role, tz: query.zone()?.unwrap_or(calendar.tz()), max_attendees })
}

fn json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|_| ApiError::parse())
}

fn editor<'a>(
    world: &'a mut World,
    caller: &Caller,
    access: &Access,
    query: &Query,
) -> Result<Editor<'a>, ApiError> {
    let mut editor = Editor::new(world, &caller.email, &access.id);
    editor.client = true;
    editor.tell = match query.get("sendUpdates") {
        None => query.flag("sendNotifications")?.unwrap_or(false),
        Some("none") => false,
        Some("all" | "externalOnly") => true,
        Some(other) => {
            return Err(ApiError::invalid_parameter(
                "sendUpdates",
                format!("Invalid string value: '{other}'."),
            ));
        }
    };
    editor.conference = match query.get("conferenceDataVersion") {
        None | Some("0") => false,
        Some("1") => true,
        Some(other) => {
            return Err(ApiError::invalid_parameter(
                "conferenceDataVersion",
                format!("Invalid value '{other}'. Values must be within the range: [0, 1]"),
            ));
        }
    };
    Ok(editor)
}

/// What of the query the answer depends on; refused before anything is written.
fn check_query(query: &Query) -> Result<(), ApiError> {
    query.fields("Event")?;
    query.zone().map(|_| ())
}

pub(super) async fn insert(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    create(&simulator, "events.insert", &calendar, query.as_deref(), &headers, |editor, _| {
        editor.insert(&json(&body)?)
    })
}

pub(super) async fn import(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    create(&simulator, "events.import", &calendar, query.as_deref(), &headers, |editor, _| {
        editor.import(&json(&body)?)
    })
}

pub(super) async fn quick_add(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    create(&simulator, "events.quickAdd", &calendar, query.as_deref(), &headers, |editor, query| {
        let text = query.get("text").ok_or_else(|| ApiError::required("Required parameter: text"))?;
        let event = quick_add::event(text, editor.now, editor.calendar()?.tz());
        editor.insert(&event)
    })
}

fn create(
    simulator: &Simulator,
    method: &str,
    calendar: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    make: impl FnOnce(&mut Editor<'_>, &Query) -> Result<String, ApiError>,
) -> Answer {
    let query = Query::parse(query);
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, headers, &query, method)?;
    let access = caller.reach_to_write(&world.google, calendar)?;
    check_query(&query)?;
    let id = make(&mut editor(&mut world, &caller, &access, &query)?, &query)?;
    let body = show(&world.google, &access, &query, &id)?;
    reply::resource(&query, headers, false, "Event", body)
}

pub(super) async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, &calendar, &event, query.as_deref(), &headers, &body, How::Put)
}

pub(super) async fn patch(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, &calendar, &event, query.as_deref(), &headers, &body, How::Patch)
}

fn change(
    simulator: &Simulator,
    calendar: &str,
    event: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    how: How,
) -> Answer {
    let query = Query::parse(query);
    let mut world = simulator.world();
    let method = match how {
        How::Put => "events.update",
        How::Patch => "events.patch",
    };
    let caller = Caller::authorize(&mut world, headers, &query, method)?;
    let access = caller.reach_to_write(&world.google, calendar)?;
    check_query(&query)?;
    check_version(&world.google, &access, event, headers)?;
    editor(&mut world, &caller, &access, &query)?.update(event, &json(body)?, how)?;
    let body = show(&world.google, &access, &query, event)?;
    reply::resource(&query, headers, false, "Event", body)
}

fn check_version(google: &Google, access: &Access, event: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let event = find(access.calendar(google)?, event).ok_or_else(ApiError::not_found)?;
    reply::check_if_match(headers, &etag(event.updated))
}

pub(super) async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "events.delete")?;
    let access = caller.reach_to_write(&world.google, &calendar)?;
    let found = find(access.calendar(&world.google)?, &event);
    // That it is gone matters more than which version was meant.
    if found.as_ref().is_some_and(|found| !found.cancelled) {
        check_version(&world.google, &access, &event, &headers)?;
    }
    editor(&mut world, &caller, &access, &query)?.delete(&event)?;
    Ok(reply::nothing())
}

/// `move`, which is a word of Rust's.
pub(super) async fn relocate(
    State(simulator): State<Arc<Simulator>>,
    Path((calendar, event)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "events.move")?;
    let access = caller.reach_to_write(&world.google, &calendar)?;
    let destination =
        query.get("destination").ok_or_else(|| ApiError::required("Required parameter: destination"))?;
    let destination = caller.reach_to_write(&world.google, destination)?;
    check_query(&query)?;
    editor(&mut world, &caller, &access, &query)?.relocate(&event, &destination.id)?;
    let body = show(&world.google, &destination, &query, &event)?;
    reply::resource(&query, &headers, false, "Event", body)
}
