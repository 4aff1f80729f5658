//! A calendar's own properties (4.1), and calendars that clients make, clear and delete.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::acl::Scope;
use super::errors::ApiError;
use super::guard::Caller;
use super::model::{Calendar, Role, etag, new_id};
use super::reply::{self, Query};
use super::write::merge;
use crate::simulator::{Simulator, World};

type Answer = Result<Response, ApiError>;

fn show(calendar: &Calendar) -> Value {
    let mut body = json!({
        "kind": "calendar#calendar",
        "etag": etag(calendar.stamp),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    for (name, value) in [
        ("description", &calendar.description),
        ("location", &calendar.location),
        ("dataOwner", &calendar.owner),
    ] {
        if let Some(value) = value {
            body[name] = value.as_str().into();
        }
    }
    body
}

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendars.get")?;
    let access = caller.reach(&world.google, &calendar)?;
    reply::resource(&query, &headers, true, "Calendar", show(access.calendar(&world.google)?))
}

/// What clients may say of a calendar.
struct Draft {
    summary: String,
    description: Option<String>,
    location: Option<String>,
    zone: Option<String>,
}

fn read(said: &Value) -> Result<Draft, ApiError> {
    let text = |name: &str| said[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let zone = text("timeZone");
    if zone.as_ref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        return Err(ApiError::invalid("Invalid time zone definition."));
    }
    Ok(Draft {
        summary: text("summary").ok_or_else(|| ApiError::required("Missing title."))?,
        description: text("description"),
        location: text("location"),
        zone,
    })
}

pub(super) async fn insert(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendars.insert")?;
    query.fields("Calendar")?;
    let draft = read(&reply::body(&body, "Calendar")?)?;
    let now = world.now();
    let World { google, rng, .. } = &mut *world;
    let most = google.settings.calendars_per_day;
    let account = google.account_mut(&caller.email).ok_or_else(ApiError::not_found)?;
    account.calendars_made.retain(|at| now - *at < TimeDelta::days(1));
    if most.is_some_and(|most| account.calendars_made.len() >= most) {
        return Err(ApiError::usage_limit());
    }
    account.calendars_made.push(now);
    let primary = account.primary.clone();
    let usual =
        google.calendars.get(&primary).map_or_else(|| "UTC".to_owned(), |calendar| calendar.zone.clone());
    let id = format!("c_{}@group.calendar.google.com", new_id(rng));
    let zone = draft.zone.unwrap_or(usual);
    google.add_calendar(now, &id, &draft.summary, &zone, Some(&caller.email));
    let calendar = google.calendars.get_mut(&id).ok_or_else(ApiError::not_found)?;
    calendar.description = draft.description;
    calendar.location = draft.location;
    calendar.made_by = Some(caller.client);
    google.list_calendar(now, &caller.email, &id, Role::Owner, 16);
    let calendar = google.calendars.get(&id).ok_or_else(ApiError::not_found)?;
    reply::resource(&query, &headers, false, "Calendar", show(calendar))
}

pub(super) async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "calendars.update", &calendar, query.as_deref(), &headers, &body)
}

pub(super) async fn patch(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    change(&simulator, "calendars.patch", &calendar, query.as_deref(), &headers, &body)
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
    let access = caller.reach_as_owner(&world.google, calendar)?;
    query.fields("Calendar")?;
    let said = reply::body(body, "Calendar")?;
    let stamp = {
        let now = world.now();
        world.google.stamp(now)
    };
    let calendar = access.calendar_mut(&mut world.google)?;
    reply::check_if_match(headers, &etag(calendar.stamp))?;
    let draft = if method == "calendars.patch" {
        let mut whole: Map<String, Value> = show(calendar).as_object().cloned().unwrap_or_default();
        merge(&mut whole, said.as_object().ok_or_else(ApiError::parse)?);
        read(&Value::Object(whole))?
    } else {
        read(&said)?
    };
    calendar.summary = draft.summary;
    calendar.description = draft.description;
    calendar.location = draft.location;
    // A calendar is never without a zone.
    if let Some(zone) = draft.zone {
        calendar.zone = zone;
    }
    calendar.stamp = stamp;
    reply::resource(&query, headers, false, "Calendar", show(calendar))
}

pub(super) async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendars.delete")?;
    let access = caller.reach_as_owner(&world.google, &calendar)?;
    let calendar = access.calendar(&world.google)?;
    reply::check_if_match(&headers, &etag(calendar.stamp))?;
    if calendar.primary_of.is_some() {
        return Err(ApiError::forbidden());
    }
    let now = world.now();
    world.google.delete_calendar(now, &access.id);
    Ok(reply::nothing())
}

/// Deletes all events of a primary calendar.
pub(super) async fn clear(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendars.clear")?;
    let access = caller.reach_as_owner(&world.google, &calendar)?;
    let now = world.now();
    let stamp = world.google.stamp(now);
    let calendar = access.calendar_mut(&mut world.google)?;
    if calendar.primary_of.is_none() {
        return Err(ApiError::invalid("Only a primary calendar can be cleared."));
    }
    let mut gone = Vec::new();
    for event in calendar.events.values_mut().filter(|event| !event.cancelled) {
        event.cancelled = true;
        gone.push(event.id.clone());
    }
    if !gone.is_empty() {
        calendar.touch(stamp, &gone);
    }
    Ok(reply::nothing())
}

/// Google asks for an administrator of the organisation; here the calendar's owner counts as one.
pub(super) async fn transfer(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendars.transferOwnership")?;
    let access = caller.reach_as_owner(&world.google, &calendar)?;
    if query.flag("useAdminAccess")? != Some(true) {
        return Err(ApiError::invalid_parameter("useAdminAccess", "Only admin access is supported."));
    }
    let to =
        query.get("newDataOwner").ok_or_else(|| ApiError::required("Required parameter: newDataOwner"))?;
    let to = world.google.account(to).ok_or_else(ApiError::not_found)?.email.clone();
    let now = world.now();
    let calendar = access.calendar_mut(&mut world.google)?;
    if calendar.primary_of.is_some() {
        return Err(ApiError::forbidden());
    }
    calendar.owner = Some(to.clone());
    world.google.share(now, &access.id, Scope::user(&to), Some(Role::Owner));
    world.google.put_on_list(now, &to, &access.id, 16);
    Ok(reply::nothing())
}
