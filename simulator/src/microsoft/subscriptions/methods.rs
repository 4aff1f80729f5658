//! Making, renewing and ending subscriptions (8.1, 8.4).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::handshake::shake;
use super::model::{Subscription, Watched};
use super::wanted::{self, invalid};
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::guard::Caller;
use crate::microsoft::ids::guid;
use crate::microsoft::profile::context;
use crate::simulator::{Simulator, World};

const SCOPES: [&str; 4] =
    ["Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Calendars.ReadWrite.Shared"];

fn body(bytes: &[u8]) -> GraphResult<Value> {
    let read: Option<Value> = serde_json::from_slice(bytes).ok().filter(Value::is_object);
    read.ok_or_else(|| {
        GraphError::new(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and \
                                            payload is of valid JSON format.",
        )
    })
}

/// The addresses are asked while nothing is held, and what could have changed meanwhile is looked at again.
pub(super) async fn create(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> GraphResult<Response> {
    let new = read(&mut simulator.world(), &headers, &bytes)?;
    shake(&simulator, &new.notification_url).await?;
    if let Some(address) = &new.lifecycle_url {
        shake(&simulator, address).await?;
    }
    let mut world = simulator.world();
    room_for(&world, &new)?;
    let now = world.now();
    let mut shown = new.shown(true);
    shown["@odata.context"] = context(&headers, "subscriptions/$entity").into();
    world.microsoft.subscriptions.retain(|one| now < one.expires);
    world.microsoft.subscriptions.push(new);
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

fn read(world: &mut World, headers: &HeaderMap, bytes: &[u8]) -> GraphResult<Subscription> {
    let caller = Caller::authorize(world, headers, &SCOPES)?;
    let said = body(bytes)?;
    let now = world.now();
    let settings = &world.microsoft.settings;
    let account = world
        .microsoft
        .directory
        .account(&caller.account)
        .ok_or_else(|| GraphError::unauthorized("Access token has expired or is not yet valid."))?;
    if said["includeResourceData"] == true {
        return Err(invalid("Subscriptions with resource data are not supported here."));
    }
    let resource = wanted::text(&said, "resource")?.to_owned();
    let mailboxes = &world.microsoft.mailboxes;
    let (watched, owner) = match wanted::watched(&resource, account)? {
        Watched::Default => (Watched::Default, mailboxes.default_of(&account.id)?.owner),
        Watched::Calendar(id) => {
            let reach = mailboxes.reach(&account.id, &id)?;
            (Watched::Calendar(reach.calendar), reach.owner)
        }
    };
    let lifecycle_url = match &said["lifecycleNotificationUrl"] {
        Value::Null => None,
        _ => Some(wanted::address(&said, "lifecycleNotificationUrl", settings)?),
    };
    let new = Subscription {
        id: String::new(),
        resource,
        watched,
        mailbox: account.id.clone(),
        owner,
        client: caller.client,
        by_control: caller.by_control,
        changes: wanted::changes(&said)?,
        notification_url: wanted::address(&said, "notificationUrl", settings)?,
        lifecycle_url,
        client_state: wanted::client_state(&said)?,
        tls: said["latestSupportedTlsVersion"].as_str().map(str::to_owned),
        expires: wanted::expiration(&said, now, settings)?,
        immutable: prefers_immutable(headers),
    };
    room_for(world, &new)?;
    Ok(Subscription { id: guid(&mut world.rng), ..new })
}

fn prefers_immutable(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().replace('"', "").eq_ignore_ascii_case("IdType=ImmutableId"))
}

/// The same again, or one too many.
fn room_for(world: &World, new: &Subscription) -> GraphResult<()> {
    let now = world.now();
    let active =
        || world.microsoft.subscriptions.iter().filter(|one| now < one.expires && one.mailbox == new.mailbox);
    let same = |one: &Subscription| {
        one.client == new.client && one.watched == new.watched && one.changes == new.changes
    };
    if active().any(same) {
        return Err(GraphError::new(
            409,
            "ErrorDuplicateSubscription",
            "The subscription to this resource and change type exists already.",
        ));
    }
    let limit = world.microsoft.settings.subscriptions_per_mailbox;
    if active().count() >= limit {
        let text = format!("Subscription quota exceeded: {limit} active subscriptions for the mailbox.");
        return Err(GraphError::new(403, "ErrorQuotaExceeded", text));
    }
    Ok(())
}

/// The caller's own.
fn find<'a>(world: &'a mut World, caller: &Caller, id: &str) -> GraphResult<&'a mut Subscription> {
    let now = world.now();
    world
        .microsoft
        .subscriptions
        .iter_mut()
        .find(|one| {
            one.id == id && now < one.expires && one.mailbox == caller.account && one.client == caller.client
        })
        .ok_or_else(|| GraphError::new(404, "ResourceNotFound", "The object was not found."))
}

pub(super) async fn list(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &SCOPES)?;
    let now = world.now();
    let own = world
        .microsoft
        .subscriptions
        .iter()
        .filter(|one| now < one.expires && one.mailbox == caller.account && one.client == caller.client);
    let shown: Vec<Value> = own.map(|one| one.shown(false)).collect();
    Ok(Json(json!({"@odata.context": context(&headers, "subscriptions"), "value": shown})))
}

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> GraphResult<Json<Value>> {
    let mut world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &SCOPES)?;
    let mut shown = find(&mut world, &caller, &id)?.shown(false);
    shown["@odata.context"] = context(&headers, "subscriptions/$entity").into();
    Ok(Json(shown))
}

/// A later end, or another address, which is asked first.
pub(super) async fn update(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> GraphResult<Json<Value>> {
    let said = body(&bytes)?;
    let (caller, address) = {
        let mut world = simulator.world();
        let caller = Caller::authorize(&world, &headers, &SCOPES)?;
        let settings = world.microsoft.settings.clone();
        find(&mut world, &caller, &id)?;
        let address = match &said["notificationUrl"] {
            Value::Null => None,
            _ => Some(wanted::address(&said, "notificationUrl", &settings)?),
        };
        (caller, address)
    };
    if let Some(address) = &address {
        shake(&simulator, address).await?;
    }
    let mut world = simulator.world();
    let expires = match &said["expirationDateTime"] {
        Value::Null if address.is_some() => None,
        _ => Some(wanted::expiration(&said, world.now(), &world.microsoft.settings)?),
    };
    let one = find(&mut world, &caller, &id)?;
    if let Some(expires) = expires {
        one.expires = expires;
    }
    if let Some(address) = address {
        one.notification_url = address;
    }
    let mut shown = one.shown(false);
    shown["@odata.context"] = context(&headers, "subscriptions/$entity").into();
    Ok(Json(shown))
}

pub(super) async fn delete(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> GraphResult<StatusCode> {
    let mut world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &SCOPES)?;
    find(&mut world, &caller, &id)?;
    world.microsoft.subscriptions.retain(|one| one.id != id);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn reauthorize(
    State(simulator): State<Arc<Simulator>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> GraphResult<StatusCode> {
    let mut world = simulator.world();
    let caller = Caller::authorize(&world, &headers, &SCOPES)?;
    find(&mut world, &caller, &id)?;
    Ok(StatusCode::NO_CONTENT)
}
