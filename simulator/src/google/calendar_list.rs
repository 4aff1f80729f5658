//! An account's list of calendars (4).

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::errors::ApiError;
use super::guard::Caller;
use super::model::{Account, Entry, Google, Role, etag};
use super::paging::{self, Listing};
use super::reply::{self, Query};
use super::sync_token::SyncToken;
use crate::faults::Struck;
use crate::simulator::{Simulator, World};

/// Google's colours for calendars, from 1.
const COLORS: [&str; 24] = [
    "#ac725e", "#d06b64", "#f83a22", "#fa573c", "#ff7537", "#ffad46", "#42d692", "#16a765", "#7bd148",
    "#b3dc6c", "#fbe983", "#fad165", "#92e1c0", "#9fe1e7", "#9fc6e7", "#4986e7", "#9a9cff", "#b99aff",
    "#c2c2c2", "#cabdbf", "#cca6ac", "#f691b2", "#cd74e6", "#a47ae2",
];

pub(crate) fn color(number: u8) -> &'static str {
    COLORS[usize::from(number.max(1) - 1) % COLORS.len()]
}

/// The number of the palette's colour that is nearest to `#rrggbb`.
pub(super) fn closest_color(color: &str) -> u8 {
    let parts = |color: &str| {
        let number = u32::from_str_radix(color.trim_start_matches('#'), 16).unwrap_or_default();
        [16, 8, 0].map(|shift| i64::from(number >> shift & 0xff))
    };
    let wanted = parts(color);
    let distance = |number: &u8| -> i64 {
        parts(self::color(*number)).iter().zip(wanted).map(|(one, other)| (one - other).pow(2)).sum()
    };
    (1..=24).min_by_key(distance).unwrap_or(1)
}

/// Of a primary calendar, unless its account says otherwise.
pub(super) fn usual_reminders() -> Value {
    json!([{"method": "popup", "minutes": 30}])
}

pub(super) async fn list(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendarList.list")?;
    let size = query.page_size(&world.google.settings, 100, 250)?;
    let of = paging::identity("calendarList", &caller.email, &query);
    let page = match query.get("pageToken") {
        Some(token) => world.google.snapshots.follow(token, of, size, &struck)?,
        None => {
            let listing = collect(&mut world, &caller, &query)?;
            world.google.snapshots.begin(listing, of, size, &struck)
        }
    };
    let body = page.into_body("calendar#calendarList", of);
    reply::resource(&query, &headers, true, "CalendarList", body)
}

fn collect(world: &mut World, caller: &Caller, query: &Query) -> Result<Listing, ApiError> {
    let now = world.now();
    let show_deleted = query.flag("showDeleted")?;
    let show_hidden = query.flag("showHidden")?;
    let least = query
        .get("minAccessRole")
        .map(|name| {
            Role::from_name(name).ok_or_else(|| {
                ApiError::invalid_parameter("minAccessRole", format!("Invalid string value: '{name}'."))
            })
        })
        .transpose()?;
    let of = paging::hash(("calendarList", &caller.email));
    let stamp = world.google.stamp(now);
    let google = &world.google;
    let account = google.account(&caller.email).ok_or_else(ApiError::not_found)?;
    let since = match query.get("syncToken") {
        None => None,
        Some(token) => {
            for name in ["minAccessRole", "showOwnOrganizationOnly"] {
                if query.get(name).is_some() {
                    return Err(ApiError::not_with_sync_token(name));
                }
            }
            if show_deleted == Some(false) || show_hidden == Some(false) {
                return Err(ApiError::not_with_sync_token("showDeleted=false or showHidden=false"));
            }
            Some(SyncToken::accept(token, of, now, account.sequence, account.sync_from, &google.settings)?)
        }
    };
    let wanted = |entry: &&Entry| match since {
        Some(token) => entry.changed > token.sequence,
        None => {
            (!entry.deleted || show_deleted == Some(true))
                && (!entry.hidden || show_hidden == Some(true))
                && least.is_none_or(|least| {
                    google.access(&account.email, &entry.calendar).is_some_and(|(_, role)| role >= least)
                })
        }
    };
    let items =
        account.entries.iter().filter(wanted).filter_map(|entry| show(google, account, entry)).collect();
    let token = SyncToken { of, sequence: account.sequence, issued: stamp, from: None, to: None };
    Ok(Listing { items, sync_token: Some(token.show()) })
}

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "calendarList.get")?;
    let body = shown(&world, &caller, &calendar)?;
    reply::resource(&query, &headers, true, "CalendarListEntry", body)
}

/// The entry of a calendar that is on the caller's list and that the token is good for.
pub(super) fn shown(world: &World, caller: &Caller, calendar: &str) -> Result<Value, ApiError> {
    let google = &world.google;
    let account = google.account(&caller.email).ok_or_else(ApiError::not_found)?;
    let entry = google.entry(&caller.email, calendar).ok_or_else(ApiError::not_found)?;
    caller.reach(google, calendar)?;
    show(google, account, entry).ok_or_else(ApiError::not_found)
}

/// An entry as its account sees it (4.1).
pub(crate) fn show(google: &Google, account: &Account, entry: &Entry) -> Option<Value> {
    let calendar = google.calendars.get(&entry.calendar).filter(|_| !entry.deleted);
    let role = calendar.and_then(|calendar| calendar.role_of(&account.email));
    let Some((calendar, role)) = calendar.zip(role) else {
        return Some(json!({
            "kind": "calendar#calendarListEntry",
            "etag": etag(entry.stamp),
            "id": entry.calendar,
            "deleted": true,
        }));
    };
    let mut body = json!({
        "kind": "calendar#calendarListEntry",
        "etag": etag(entry.stamp.max(calendar.stamp)),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "colorId": entry.color.to_string(),
        "backgroundColor": color(entry.color),
        "foregroundColor": "#000000",
        "accessRole": role.name(),
        "defaultReminders": [],
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    if let Some(name) = &entry.summary_override {
        body["summaryOverride"] = name.as_str().into();
    }
    if let Some(description) = &calendar.description {
        body["description"] = description.as_str().into();
    }
    if let Some(location) = &calendar.location {
        body["location"] = location.as_str().into();
    }
    if let Some(owner) = &calendar.owner {
        body["dataOwner"] = owner.as_str().into();
    }
    if calendar.id == account.primary {
        body["primary"] = true.into();
        body["defaultReminders"] = usual_reminders();
        body["notificationSettings"] =
            json!({"notifications": [{"type": "eventCreation", "method": "email"}]});
    }
    for (name, value) in &entry.own {
        body[name] = value.clone();
    }
    for (name, value) in [("selected", entry.selected), ("hidden", entry.hidden)] {
        if value {
            body[name] = true.into();
        }
    }
    Some(body)
}
