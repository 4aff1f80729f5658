//! `freeBusy.query` (9).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::edits::upcoming;
use super::errors::ApiError;
use super::guard::Caller;
use super::model::{Calendar, Event};
use super::reply::{self, Query};
use super::switches::FreeBusyKey;
use super::times::{parse_instant, show_instant};
use crate::simulator::Simulator;

/// The most calendars of one query.
const MOST: usize = 50;
/// The longest time that can be asked about; Google does not say.
const LONGEST_DAYS: i64 = 366 * 2;

pub(super) async fn query(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, "freebusy.query")?;
    let said = reply::body(&body, "FreeBusyRequest")?;
    let instant = |name: &str| -> Result<DateTime<Utc>, ApiError> {
        let text =
            said[name].as_str().ok_or_else(|| ApiError::required(format!("Missing {name} parameter.")))?;
        parse_instant(text).ok_or_else(|| ApiError::bad_request("Bad Request"))
    };
    let (from, to) = (instant("timeMin")?, instant("timeMax")?);
    if from >= to {
        return Err(ApiError::time_range_empty());
    }
    if to - from > TimeDelta::days(LONGEST_DAYS) {
        return Err(ApiError::time_range_too_long());
    }
    let tz: chrono_tz::Tz = match said["timeZone"].as_str().filter(|zone| !zone.is_empty()) {
        None => chrono_tz::UTC,
        Some(zone) => zone.parse().map_err(|_| ApiError::invalid("Invalid time zone definition."))?,
    };
    let most = said["calendarExpansionMax"]
        .as_i64()
        .map_or(MOST, |most| usize::try_from(most).unwrap_or(0))
        .min(MOST);
    let google = &world.google;
    let mut calendars = Map::new();
    let asked = said["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
    for (number, id) in asked.enumerate() {
        let error = |reason: &str| json!({"errors": [{"domain": "global", "reason": reason}], "busy": []});
        let found = caller.reach(google, id).ok();
        let key = match (&found, google.settings.free_busy_key) {
            (Some(access), FreeBusyKey::Own) => access.id.clone(),
            _ => id.to_owned(),
        };
        let shown = match found.and_then(|access| google.calendars.get(&access.id)) {
            _ if number >= most => error("tooManyCalendarsRequested"),
            None => error("notFound"),
            Some(calendar) => {
                let show = |at: DateTime<Utc>| show_instant(at, tz);
                let busy: Vec<Value> = busy(calendar, from, to)
                    .into_iter()
                    .map(|(start, end)| json!({"start": show(start), "end": show(end)}))
                    .collect();
                json!({"busy": busy})
            }
        };
        calendars.insert(key, shown);
    }
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let body = json!({
        "kind": "calendar#freeBusy",
        "timeMin": at(from),
        "timeMax": at(to),
        "calendars": calendars,
    });
    reply::resource(&query, &headers, false, "FreeBusyResponse", body)
}

/// The stretches in which a calendar is busy, merged, cut to the span asked for.
fn busy(calendar: &Calendar, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let tz = calendar.tz();
    let mut merged: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for event in upcoming(calendar, from, to).iter().filter(|event| blocks(calendar, event)) {
        let (start, end) = (event.start.instant(tz).max(from), event.end.instant(tz).min(to));
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ if start < end => merged.push((start, end)),
            _ => {}
        }
    }
    merged
}

fn blocks(calendar: &Calendar, event: &Event) -> bool {
    let attendees = event.content.get("attendees").and_then(Value::as_array).into_iter().flatten();
    let mut declined = attendees
        .filter(|attendee| {
            attendee["email"].as_str().is_some_and(|email| email.eq_ignore_ascii_case(&calendar.id))
        })
        .map(|attendee| attendee["responseStatus"] == "declined");
    event.text("transparency") != Some("transparent")
        && !matches!(event.kind(), "workingLocation" | "birthday")
        && !declined.any(|declined| declined)
}
