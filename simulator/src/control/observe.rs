//! What the simulator saw and holds, and its switches.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use serde_json::{Value, json};

use super::{Answer, Platform, Problem, outlook, read};
use crate::google::edits::reach;
use crate::google::switches::Settings;
use crate::google::view::View;
use crate::simulator::{Simulator, World};

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

/// The log of requests to the platforms, those after number `since`.
pub(super) async fn requests(State(simulator): State<Arc<Simulator>>, RawQuery(query): RawQuery) -> Answer {
    let since = match parameter(query.as_deref(), "since") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Problem::bad("since: not a number"))?,
    };
    Ok(Json(json!(simulator.world().requests.since(since))))
}

pub(super) async fn clear_requests(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    simulator.world().requests.clear();
    Json(json!({}))
}

/// Everything that a calendar holds, also what is deleted, as its owner sees it.
pub(super) async fn events(State(simulator): State<Arc<Simulator>>, RawQuery(query): RawQuery) -> Answer {
    let account = parameter(query.as_deref(), "account").ok_or_else(|| Problem::bad("account: missing"))?;
    let calendar = parameter(query.as_deref(), "calendar").unwrap_or_else(|| "primary".to_owned());
    let world = simulator.world();
    let platform = parameter(query.as_deref(), "platform");
    if Platform::of(&world, platform.as_deref(), &account)? == Platform::Outlook {
        return Ok(Json(outlook::events(&world, &account, &calendar)?));
    }
    let id = reach(&world, &account, &calendar)?;
    let Some(calendar) = world.google.calendars.get(&id) else { return Ok(Json(json!([]))) };
    let view = View::of_owner(calendar);
    Ok(Json(calendar.events.values().map(|event| view.full(event)).collect()))
}

/// Push channels that are open; no tokens.
pub(super) async fn channels(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let world = simulator.world();
    let now = world.now();
    let open = world.google.channels.iter().filter(|channel| now < channel.expires);
    let shown = open.map(|channel| {
        json!({
            "platform": "google",
            "id": channel.id,
            "resource_id": channel.resource_id(),
            "resource": channel.resource.path(),
            "address": channel.address,
            "account": channel.account,
            "client_id": channel.client,
            "expires": channel.expires,
            "last_number": channel.number,
        })
    });
    Json(shown.collect())
}

/// Push messages that were sent or lost.
pub(super) async fn pushes(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(json!(simulator.world().deliveries.list()))
}

/// Mails that the platform would have sent.
pub(super) async fn mails(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(json!(simulator.world().google.mails))
}

/// Events that clients wrote with guests on them.
pub(super) async fn guests(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let world = simulator.world();
    let google = world.google.guests.iter().map(|one| json!(one));
    Json(google.chain(world.microsoft.guests.iter().map(|one| json!(one))).collect())
}

pub(super) async fn settings(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(all_settings(&simulator.world()))
}

/// Google's, and Microsoft's under their name.
fn all_settings(world: &World) -> Value {
    let mut all = json!(world.google.settings);
    all["microsoft"] = outlook::settings(world);
    all
}

/// Changes what is said, keeps the rest.
pub(super) async fn change_settings(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let mut said: serde_json::Map<String, Value> = read(&body)?;
    let of_microsoft = match said.remove("microsoft") {
        None => serde_json::Map::new(),
        Some(Value::Object(said)) => said,
        Some(_) => return Err(Problem::bad("microsoft: not an object")),
    };
    let mut world = simulator.world();
    let mut whole = json!(world.google.settings);
    for (name, value) in said {
        whole[name] = value;
    }
    let settings: Settings =
        serde_json::from_value(whole).map_err(|error| Problem::bad(error.to_string()))?;
    outlook::change_settings(&mut world, &of_microsoft)?;
    world.google.settings = settings;
    Ok(Json(all_settings(&world)))
}
