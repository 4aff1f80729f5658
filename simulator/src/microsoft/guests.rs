//! Writes of clients that name guests: Graph mails them all (7.1).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::front::behind_version;
use crate::simulator::World;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Guests {
    pub at: DateTime<Utc>,
    pub platform: String,
    /// The account's address.
    pub account: Option<String>,
    pub method: String,
    pub path: String,
    pub guests: usize,
    /// Always: there is no way not to tell them.
    pub told: bool,
}

/// Notes a write that was carried out, if it names guests.
pub(crate) fn note(world: &mut World, account: Option<&str>, method: &str, path: &str, body: &[u8]) {
    let of_event = behind_version(path).is_some_and(|path| path.contains("/events"));
    if !of_event || !matches!(method, "POST" | "PATCH") {
        return;
    }
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let guests = said["attendees"].as_array().map_or(0, Vec::len);
    if guests == 0 {
        return;
    }
    let at = world.now();
    world.microsoft.guests.push(Guests {
        at,
        platform: "outlook".to_owned(),
        account: account.map(str::to_owned),
        method: method.to_owned(),
        path: path.to_owned(),
        guests,
        told: true,
    });
}
