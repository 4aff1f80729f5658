//! An account's settings (`users/me/settings`), which the API can read and not write.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::errors::ApiError;
use super::guard::Caller;
use super::model::{Account, Google, Preference, Stamp, etag};
use super::paging::{self, Listing};
use super::reply::{self, Query};
use super::sync_token::SyncToken;
use crate::faults::Struck;
use crate::simulator::{Simulator, World};

/// What an account has that never changed anything; the time zone is its primary calendar's.
const USUAL: [(&str, &str); 12] = [
    ("autoAddHangouts", "true"),
    ("dateFieldOrder", "DMY"),
    ("defaultEventLength", "60"),
    ("format24HourTime", "true"),
    ("hideInvitations", "false"),
    ("hideWeekends", "false"),
    ("locale", "fr"),
    ("remindOnRespondedEventsOnly", "false"),
    ("showDeclinedEvents", "true"),
    ("timezone", ""),
    ("useKeyboardShortcuts", "true"),
    ("weekStart", "1"),
];

impl Google {
    /// Sets a preference as its account's owner would; `false` if there is none such.
    pub fn set_preference(&mut self, now: DateTime<Utc>, email: &str, name: &str, value: &str) -> bool {
        let stamp = self.stamp(now);
        let Some(account) = self.account_mut(email) else { return false };
        if !USUAL.iter().any(|(known, _)| *known == name) {
            return false;
        }
        account.preferences_sequence += 1;
        let changed = account.preferences_sequence;
        account.preferences.insert(name.to_owned(), Preference { value: value.to_owned(), stamp, changed });
        true
    }
}

/// Each preference with the sequence of its last change.
fn all(google: &Google, account: &Account) -> Vec<(u64, Value)> {
    let zone = google.calendars.get(&account.primary).map_or("UTC", |calendar| &calendar.zone);
    USUAL
        .iter()
        .map(|(name, usual)| {
            let usual = if *name == "timezone" { zone } else { usual };
            match account.preferences.get(*name) {
                Some(own) => (own.changed, show(name, &own.value, own.stamp)),
                None => (0, show(name, usual, 0)),
            }
        })
        .collect()
}

fn show(name: &str, value: &str, stamp: Stamp) -> Value {
    json!({"kind": "calendar#setting", "etag": etag(stamp), "id": name, "value": value})
}

pub(super) async fn list(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "settings.list")?;
    let size = query.page_size(&world.google.settings, 100, 250)?;
    let of = paging::identity("settings", &caller.email, &query);
    let page = match query.get("pageToken") {
        Some(token) => world.google.snapshots.follow(token, of, size, &struck)?,
        None => {
            let listing = collect(&mut world, &caller, &query)?;
            world.google.snapshots.begin(listing, of, size, &struck)
        }
    };
    reply::resource(&query, &headers, true, "Settings", page.into_body("calendar#settings", of))
}

fn collect(world: &mut World, caller: &Caller, query: &Query) -> Result<Listing, ApiError> {
    let now = world.now();
    let stamp = world.google.stamp(now);
    let google = &world.google;
    let account = google.account(&caller.email).ok_or_else(ApiError::not_found)?;
    let of = paging::hash(("settings", &caller.email));
    let sequence = account.preferences_sequence;
    let since = match query.get("syncToken") {
        None => None,
        Some(token) => {
            Some(SyncToken::accept(token, of, now, sequence, account.sync_from, &google.settings)?)
        }
    };
    let items = all(google, account)
        .into_iter()
        .filter(|(changed, _)| since.is_none_or(|token| *changed > token.sequence))
        .map(|(_, shown)| shown)
        .collect();
    let token = SyncToken { of, sequence, issued: stamp, from: None, to: None };
    Ok(Listing { items, sync_token: Some(token.show()) })
}

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "settings.get")?;
    let account = world.google.account(&caller.email).ok_or_else(ApiError::not_found)?;
    let found = all(&world.google, account).into_iter().map(|(_, shown)| shown);
    let body =
        found.into_iter().find(|shown| shown["id"] == name.as_str()).ok_or_else(ApiError::not_found)?;
    reply::resource(&query, &headers, true, "Setting", body)
}
