//! The palettes (`colors`).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::calendar_list::color;
use super::errors::ApiError;
use super::guard::Caller;
use super::reply::{self, Query};
use crate::simulator::Simulator;

/// Google's colours for events, from 1.
const EVENTS: [&str; 11] = [
    "#a4bdfc", "#7ae7bf", "#dbadff", "#ff887c", "#fbd75b", "#ffb878", "#46d6db", "#e1e1e1", "#5484ed",
    "#51b749", "#dc2127",
];

pub(super) async fn get(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    Caller::authorize(&mut world, &headers, &query, "colors.get")?;
    let one = |background: &str| json!({"background": background, "foreground": "#1d1d1d"});
    let calendars: Map<String, Value> =
        (1..=24).map(|number| (number.to_string(), one(color(number)))).collect();
    let events: Map<String, Value> =
        (1..).zip(EVENTS).map(|(number, color): (u8, _)| (number.to_string(), one(color))).collect();
    let body = json!({
        "kind": "calendar#colors",
        "updated": "2012-02-14T00:00:00.000Z",
        "calendar": calendars,
        "event": events,
    });
    reply::resource(&query, &headers, true, "Colors", body)
}
