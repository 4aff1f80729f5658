//! Opening and stopping push channels (8.1, 8.3).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use super::base_url;
use super::channels::{Channel, Resource};
use super::errors::ApiError;
use super::guard::Caller;
use super::reply::{self, Query};
use super::switches::Settings;
use crate::simulator::{Simulator, World};

type Answer = Result<Response, ApiError>;

const LONGEST_ID: usize = 64;
const LONGEST_TOKEN: usize = 256;

/// Calendars of which Google sends no messages: holidays, birthdays and the like.
const UNWATCHED: &str = "@group.v.calendar.google.com";

pub(super) async fn events(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    open(&simulator, query.as_deref(), &headers, &body, "events.watch", |caller, world| {
        let access = caller.reach(&world.google, &calendar)?;
        if access.id.ends_with(UNWATCHED) {
            return Err(ApiError::push_not_supported());
        }
        Ok(Resource::Events(access.id))
    })
}

pub(super) async fn acl(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    open(&simulator, query.as_deref(), &headers, &body, "acl.watch", |caller, world| {
        Ok(Resource::Acl(caller.reach_as_owner(&world.google, &calendar)?.id))
    })
}

pub(super) async fn calendar_list(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    open(&simulator, query.as_deref(), &headers, &body, "calendarList.watch", |_, _| {
        Ok(Resource::CalendarList)
    })
}

pub(super) async fn settings(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    open(&simulator, query.as_deref(), &headers, &body, "settings.watch", |_, _| Ok(Resource::Settings))
}

fn open(
    simulator: &Simulator,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    method: &str,
    resource: impl FnOnce(&Caller, &World) -> Result<Resource, ApiError>,
) -> Answer {
    let query = Query::parse(query);
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, headers, &query, method)?;
    let resource = resource(&caller, &world)?;
    query.fields("Channel")?;
    let said = reply::body(body, "Channel")?;
    let now = world.now();
    let World { google, .. } = &mut *world;
    let id = said["id"].as_str().ok_or_else(|| ApiError::required("Missing channel id."))?;
    if id.is_empty()
        || id.len() > LONGEST_ID
        || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(&b))
    {
        return Err(ApiError::channel_id_invalid());
    }
    match said["type"].as_str() {
        Some("web_hook" | "webhook") => {}
        Some(_) => return Err(ApiError::invalid("Unknown channel type.")),
        None => return Err(ApiError::required("Missing channel type.")),
    }
    let address = address(&said, &google.settings)?;
    let token = said["token"].as_str().map(str::to_owned);
    // It must be able to stand in a header.
    if token.as_ref().is_some_and(|token| {
        token.len() > LONGEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
    }) {
        return Err(ApiError::invalid("Invalid channel token."));
    }
    let expires = expiration(&said, now, &google.settings)?;
    if !google.channel_ids.insert((caller.client.clone(), id.to_owned())) {
        return Err(ApiError::channel_id_not_unique(id));
    }
    let channel = Channel {
        id: id.to_owned(),
        uri: format!("{}/calendar/v3{}?alt=json", base_url(headers), resource.path()),
        address,
        token,
        expires,
        told: resource.sequence(google, &caller.email).ok_or_else(ApiError::not_found)?,
        resource,
        account: caller.email,
        client: caller.client,
        by_control: caller.by_control,
        number: 0,
    };
    let mut answer = json!({
        "kind": "api#channel",
        "id": channel.id,
        "resourceId": channel.resource_id(),
        "resourceUri": channel.uri,
        "expiration": channel.expires.timestamp_millis().to_string(),
    });
    if let Some(token) = &channel.token {
        answer["token"] = token.as_str().into();
    }
    google.channels.push(channel);
    reply::resource(&query, headers, false, "Channel", answer)
}

/// HTTPS, or, behind a switch, plain HTTP to this machine.
fn address(said: &Value, settings: &Settings) -> Result<String, ApiError> {
    let text = said["address"].as_str().ok_or_else(|| ApiError::required("Missing address."))?;
    let url = Url::parse(text).map_err(|_| ApiError::invalid("Invalid address."))?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback && settings.push_to_http => Ok(text.to_owned()),
        _ => Err(ApiError::not_https(text)),
    }
}

/// The more restrictive of what is asked for and the limit (8.1).
fn expiration(said: &Value, now: DateTime<Utc>, settings: &Settings) -> Result<DateTime<Utc>, ApiError> {
    let number = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => {
            text.parse::<i64>().map(Some).map_err(|_| ApiError::invalid("Invalid expiration."))
        }
        value => value.as_i64().map(Some).ok_or_else(|| ApiError::invalid("Invalid expiration.")),
    };
    let limit = now + TimeDelta::seconds(settings.channel_seconds.into());
    let mut expires = limit;
    if let Some(ttl) = number(&said["params"]["ttl"])? {
        let asked = TimeDelta::try_seconds(ttl).filter(|_| ttl > 0);
        let asked = asked.ok_or_else(|| ApiError::invalid("Invalid ttl."))?;
        expires = expires.min(now.checked_add_signed(asked).unwrap_or(limit));
    }
    if let Some(millis) = number(&said["expiration"])? {
        let asked = DateTime::from_timestamp_millis(millis).filter(|asked| *asked > now);
        expires = expires.min(asked.ok_or_else(|| ApiError::invalid("Invalid expiration."))?);
    }
    Ok(expires)
}

pub(super) async fn stop(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "channels.stop")?;
    let said = reply::body(&body, "Channel")?;
    let text = |name: &str| said[name].as_str().ok_or_else(|| ApiError::required(format!("Missing {name}.")));
    let (id, resource) = (text("id")?, text("resourceId")?);
    let now = world.now();
    let channels = &mut world.google.channels;
    let before = channels.len();
    channels.retain(|channel| {
        channel.expires <= now
            || channel.id != id
            || channel.resource_id() != resource
            || channel.client != caller.client
            || channel.account != caller.email
    });
    if channels.len() == before {
        return Err(ApiError::no_channel(id, &caller.client));
    }
    Ok(reply::nothing())
}
