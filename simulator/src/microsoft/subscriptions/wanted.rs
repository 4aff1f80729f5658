//! What a client says of a subscription, checked (8.1).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use url::Url;

use super::model::Watched;
use crate::google::decoded_path;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::identity::model::Account;
use crate::microsoft::settings::Settings;

const LONGEST_STATE: usize = 128;

pub(super) fn invalid(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "InvalidRequest", message)
}

pub(super) fn text<'a>(said: &'a Value, name: &str) -> GraphResult<&'a str> {
    match &said[name] {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::Null => Err(invalid(format!("Subscription {name} property is a required field."))),
        _ => Err(invalid(format!("Invalid value for {name}."))),
    }
}

pub(super) fn changes(said: &Value) -> GraphResult<BTreeSet<String>> {
    let all: BTreeSet<String> =
        text(said, "changeType")?.split(',').map(|kind| kind.trim().to_ascii_lowercase()).collect();
    match all.iter().find(|kind| !["created", "updated", "deleted"].contains(&kind.as_str())) {
        Some(other) => Err(invalid(format!("Unsupported changeType: '{other}'."))),
        None => Ok(all),
    }
}

/// HTTPS, or, behind a switch, plain HTTP to this machine.
pub(super) fn address(said: &Value, name: &str, settings: &Settings) -> GraphResult<String> {
    let text = text(said, name)?;
    let url = Url::parse(text).map_err(|_| invalid(format!("{name} is not a valid URL.")))?;
    let is_loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback && settings.push_to_http => Ok(text.to_owned()),
        _ => Err(invalid(format!("The '{name}' must be an HTTPS endpoint."))),
    }
}

pub(super) fn client_state(said: &Value) -> GraphResult<Option<String>> {
    match &said["clientState"] {
        Value::Null => Ok(None),
        Value::String(text) if text.chars().count() <= LONGEST_STATE => Ok(Some(text.clone())),
        _ => Err(invalid(format!("clientState must be a string of at most {LONGEST_STATE} characters."))),
    }
}

/// The end of a subscription: refused beyond the limit, raised to the floor.
pub(super) fn expiration(
    said: &Value,
    now: DateTime<Utc>,
    settings: &Settings,
) -> GraphResult<DateTime<Utc>> {
    let asked: DateTime<Utc> = text(said, "expirationDateTime")?
        .parse()
        .map_err(|_| invalid("expirationDateTime is not a valid date and time."))?;
    if asked <= now {
        return Err(invalid("Subscription expiration must be in the future."));
    }
    let limit = settings.subscription_minutes;
    if asked > now + TimeDelta::minutes(limit.into()) {
        let text = format!("Subscription expiration can only be {limit} minutes in the future.");
        return Err(GraphError::new(400, "ExtensionError", text));
    }
    Ok(asked.max(now + TimeDelta::minutes(settings.subscription_floor_minutes.into())))
}

/// The calendar that a resource names: `me/events`, `me/calendars/{id}/events`, or with the account's own name.
pub(super) fn watched(resource: &str, account: &Account) -> GraphResult<Watched> {
    let path = resource.trim_matches('/').replace("('", "/").replace("')", "");
    let path = path.strip_prefix("v1.0/").unwrap_or(&path);
    let mut parts: Vec<String> = path.split('/').map(decoded_path).collect();
    let is = |part: Option<&String>, name: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(name));
    if is(parts.first(), "users") && parts.len() > 2 {
        let own = is(parts.get(1), &account.id) || is(parts.get(1), &account.email);
        if !own {
            return Err(GraphError::missing_scope());
        }
        parts.remove(0);
    } else if !is(parts.first(), "me") {
        return Err(unsupported(resource));
    }
    let names: Vec<String> = parts[1..].iter().map(|part| part.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        ["events"] | ["calendar", "events"] => Ok(Watched::Default),
        ["calendars", _, "events"] => Ok(Watched::Calendar(parts[2].clone())),
        ["events", _] | ["calendars", _, "events", _] => Err(GraphError::new(
            400,
            "ExtensionError",
            "Operation: Create; Exception: [Status Code: BadRequest; Reason: Subscription to a single item is not \
             supported.]",
        )),
        _ => Err(unsupported(resource)),
    }
}

fn unsupported(resource: &str) -> GraphError {
    invalid(format!("Resource '{resource}' is not supported for subscriptions."))
}
