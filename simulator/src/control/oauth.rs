//! Clients, grants, and what ends tokens.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Platform, Problem, outlook, read};
use crate::google::oauth::model::Client;
use crate::simulator::Simulator;

pub(super) async fn clients(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let world = simulator.world();
    Json(world.google.clients.iter().map(shown).chain(outlook::clients(&world)).collect())
}

fn shown(client: &Client) -> Value {
    let mut shown = json!(client);
    shown["platform"] = "google".into();
    shown
}

/// Adds a client, or changes what is said of one that is there: a new secret makes the old one wrong.
pub(super) async fn set_client(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let mut said: serde_json::Map<String, Value> = read(&body)?;
    let platform = said.remove("platform");
    if Platform::named(platform.as_ref().and_then(Value::as_str))? == Platform::Outlook {
        return Ok(Json(outlook::set_client(&mut simulator.world(), said)?));
    }
    let id = said.get("client_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut world = simulator.world();
    let clients = &mut world.google.clients;
    let at = clients.iter().position(|client| client.client_id == id);
    let mut whole = match at {
        Some(at) => json!(clients[at]),
        None => json!({}),
    };
    for (name, value) in said {
        whole[name] = value;
    }
    let client: Client = serde_json::from_value(whole).map_err(|error| Problem::bad(error.to_string()))?;
    let shown = shown(&client);
    match at {
        Some(at) => clients[at] = client,
        None => clients.push(client),
    }
    Ok(Json(shown))
}

/// What people allowed: no tokens.
pub(super) async fn grants(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    let world = simulator.world();
    let now = world.now();
    let grants = world.google.grants.iter().filter(|grant| !grant.by_control).map(|grant| {
        json!({
            "platform": "google",
            "account": grant.account,
            "client_id": grant.client,
            "scopes": grant.scopes,
            "refresh_tokens": grant.refresh.len(),
            "access_tokens": grant.access.iter().filter(|access| now < access.expires).count(),
            "granted": grant.refresh.first().map(|refresh| refresh.issued),
        })
    });
    Json(grants.chain(outlook::grants(&world)).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// If nothing is said, the one that has the account.
    #[serde(default)]
    platform: Option<String>,
    account: String,
    #[serde(default)]
    client_id: Option<String>,
    /// Microsoft's access tokens outlive a consent; these end with it.
    #[serde(default)]
    at_once: bool,
}

/// The account's owner withdraws what they allowed.
pub(super) async fn revoke(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let mut world = simulator.world();
    if Platform::of(&world, which.platform.as_deref(), &which.account)? == Platform::Outlook {
        let ended = outlook::revoke(&mut world, &which.account, which.client_id.as_deref(), which.at_once);
        if ended == 0 {
            return Err(Problem::new(StatusCode::NOT_FOUND, "no such grant"));
        }
        return Ok(Json(json!({"ended": ended})));
    }
    let mut ended = 0;
    while let Some(at) = world.google.grants.iter().position(|grant| {
        !grant.by_control
            && grant.account.eq_ignore_ascii_case(&which.account)
            && which.client_id.as_ref().is_none_or(|client| *client == grant.client)
    }) {
        world.google.end_grant(at);
        ended += 1;
    }
    if ended == 0 {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no such grant"));
    }
    Ok(Json(json!({"ended": ended})))
}

/// Access tokens end now, as if an hour had passed; refresh tokens live on.
pub(super) async fn expire_access_tokens(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let which: Which = read(&body)?;
    let mut world = simulator.world();
    if Platform::of(&world, which.platform.as_deref(), &which.account)? == Platform::Outlook {
        let ended = outlook::expire(&mut world, &which.account, which.client_id.as_deref());
        return Ok(Json(json!({"ended": ended})));
    }
    let now = world.now();
    let of = world.google.grants.iter_mut().filter(|grant| {
        !grant.by_control
            && grant.account.eq_ignore_ascii_case(&which.account)
            && which.client_id.as_ref().is_none_or(|client| *client == grant.client)
    });
    let mut ended = 0;
    for access in of.flat_map(|grant| &mut grant.access).filter(|access| now < access.expires) {
        access.expires = now - TimeDelta::seconds(1);
        ended += 1;
    }
    Ok(Json(json!({"ended": ended})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    /// If nothing is said, the one that has the account; of both, if no account is named either.
    #[serde(default)]
    platform: Option<String>,
    /// Of this account; of all if absent.
    #[serde(default)]
    account: Option<String>,
    /// Of this calendar's events; if absent, of all and of the list of calendars.
    #[serde(default)]
    calendar: Option<String>,
}

/// Sync tokens given so far are no longer valid.
pub(super) async fn expire_sync_tokens(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let which: Tokens = read(&body)?;
    let mut world = simulator.world();
    let named = which.account.as_deref().unwrap_or_default();
    let platform = Platform::of(&world, which.platform.as_deref(), named)?;
    let of_all = which.platform.is_none() && which.account.is_none() && which.calendar.is_none();
    if platform == Platform::Outlook || of_all {
        outlook::expire_delta(&mut world, which.account.as_deref(), which.calendar.as_deref())?;
        if !of_all {
            return Ok(Json(json!({})));
        }
    }
    let now = world.now();
    let stamp = world.google.stamp(now);
    let google = &mut world.google;
    for account in &mut google.accounts {
        if which.account.as_ref().is_some_and(|email| !email.eq_ignore_ascii_case(&account.email)) {
            continue;
        }
        if which.calendar.is_none() {
            account.sync_from = stamp;
        }
        let wanted = match which.calendar.as_deref() {
            Some("primary") => Some(account.primary.clone()),
            other => other.map(str::to_owned),
        };
        for entry in &mut account.entries {
            if wanted.as_ref().is_none_or(|id| *id == entry.calendar) {
                entry.sync_from = stamp;
            }
        }
    }
    Ok(Json(json!({})))
}
