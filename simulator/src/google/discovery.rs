//! Google's description of the API, with this simulator's addresses, so that clients which read it find their way.

use axum::Json;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::base_url;
use super::errors::ApiError;
use super::reply::Query;
use super::schema::DISCOVERY;

fn described(headers: &HeaderMap) -> Value {
    let base = base_url(headers);
    let mut description = DISCOVERY.clone();
    description["rootUrl"] = format!("{base}/").into();
    description["baseUrl"] = format!("{base}/calendar/v3/").into();
    description
}

/// `/discovery/v1/apis/calendar/v3/rest`
pub(super) async fn older(
    Path((api, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    match (api.as_str(), version.as_str()) {
        ("calendar", "v3") => Ok(Json(described(&headers))),
        _ => Err(ApiError::not_found()),
    }
}

/// `/$discovery/rest?version=v3`
pub(super) async fn newer(RawQuery(query): RawQuery, headers: HeaderMap) -> Result<Json<Value>, ApiError> {
    match Query::parse(query.as_deref()).get("version") {
        None | Some("v3") => Ok(Json(described(&headers))),
        Some(_) => Err(ApiError::not_found()),
    }
}

/// `/discovery/v1/apis`: which APIs there are.
pub(super) async fn directory(headers: HeaderMap) -> Json<Value> {
    let base = base_url(&headers);
    let mut item = json!({
        "kind": "discovery#directoryItem",
        "discoveryRestUrl": format!("{base}/discovery/v1/apis/calendar/v3/rest"),
        "preferred": true,
    });
    for name in ["id", "name", "version", "title", "description", "icons", "documentationLink"] {
        item[name] = DISCOVERY[name].clone();
    }
    Json(json!({"kind": "discovery#directoryList", "discoveryVersion": "v1", "items": [item]}))
}
