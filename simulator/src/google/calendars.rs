//! `calendars.get`: a calendar's own properties (4.1).

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::errors::ApiError;
use super::guard::{Caller, Method};
use super::model::etag;
use super::reply::{self, Query};
use crate::simulator::Simulator;

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    Path(calendar): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let caller = Caller::authorize(&mut world, &headers, &query, Method::ReadCalendar)?;
    let access = caller.reach(&world.google, &calendar)?;
    let calendar = access.calendar(&world.google)?;
    let mut body = json!({
        "kind": "calendar#calendar",
        "etag": etag(calendar.stamp),
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    if let Some(description) = &calendar.description {
        body["description"] = description.as_str().into();
    }
    if let Some(owner) = &calendar.owner {
        body["dataOwner"] = owner.as_str().into();
    }
    reply::resource(&query, &headers, true, "Calendar", body)
}
