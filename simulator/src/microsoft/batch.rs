//! `$batch` (10): several requests in one, each judged on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use super::errors::{GraphError, GraphResult};
use super::guard::bearer_of;
use super::throttle;
use crate::connection::Connection;
use crate::simulator::Simulator;

const MOST: usize = 20;

/// Where the inner requests go: everything that can be asked of the platforms, faults and all.
#[derive(Clone)]
pub(crate) struct Inner(pub Router);

/// A request came in a batch.
#[derive(Clone, Copy)]
pub(crate) struct InBatch;

#[derive(Deserialize)]
struct Whole {
    requests: Vec<Item>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    depends_on: Vec<String>,
}

pub(crate) async fn batch(
    State(simulator): State<Arc<Simulator>>,
    Extension(Inner(router)): Extension<Inner>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> GraphResult<Response> {
    let items = read(&body)?;
    {
        let world = simulator.world();
        let token = bearer_of(&headers).ok_or_else(|| GraphError::unauthorized("Access token is empty."))?;
        if world.microsoft.directory.access_token(token, world.now()).is_none() {
            return Err(GraphError::unauthorized("Access token has expired or is not yet valid."));
        }
    }
    let mut statuses: BTreeMap<String, u16> = BTreeMap::new();
    let mut answers = Vec::new();
    let mut waiting = items;
    while !waiting.is_empty() {
        let known = |id: &String| statuses.contains_key(id);
        let (ready, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|item| item.depends_on.iter().all(known));
        waiting = later;
        if ready.is_empty() {
            // Reading has refused circles.
            break;
        }
        let wave = carried_out(&simulator, &router, &connection, &headers, ready, &statuses).await;
        for (id, response) in wave {
            let answer = shown(&id, response).await;
            statuses.insert(id, u16::try_from(answer["status"].as_u64().unwrap_or(500)).unwrap_or(500));
            answers.push(answer);
        }
    }
    Ok(Json(json!({"responses": answers})).into_response())
}

fn bad(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "BadRequest", message)
}

fn read(body: &[u8]) -> GraphResult<Vec<Item>> {
    let whole: Whole =
        serde_json::from_slice(body).map_err(|_| bad("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."))?;
    let items = whole.requests;
    if items.is_empty() {
        return Err(bad("Invalid batch payload format."));
    }
    if items.len() > MOST {
        return Err(bad(format!("Number of batch request steps exceeds the maximum value of {MOST}.")));
    }
    let mut ids = BTreeSet::new();
    for item in &items {
        if !ids.insert(item.id.as_str()) {
            return Err(bad(format!("Duplicate request id: '{}'.", item.id)));
        }
    }
    if let Some(unknown) =
        items.iter().flat_map(|item| &item.depends_on).find(|id| !ids.contains(id.as_str()))
    {
        return Err(bad(format!("The dependsOn property refers to an unknown request: '{unknown}'.")));
    }
    // What never becomes ready waits for itself.
    let mut done: BTreeSet<&str> = BTreeSet::new();
    loop {
        let before = done.len();
        for item in &items {
            if item.depends_on.iter().all(|id| done.contains(id.as_str())) {
                done.insert(&item.id);
            }
        }
        if done.len() == items.len() {
            break;
        }
        if done.len() == before {
            return Err(bad("The batch request has circular dependencies."));
        }
    }
    Ok(items)
}

/// Requests that do not depend on each other, all at once; of those of a mailbox, the ones beyond the limit of
/// concurrency are refused.
async fn carried_out(
    simulator: &Arc<Simulator>,
    router: &Router,
    connection: &Connection,
    outer: &HeaderMap,
    items: Vec<Item>,
    statuses: &BTreeMap<String, u16>,
) -> Vec<(String, Response)> {
    let failed = |id: &String| statuses.get(id).is_some_and(|status| !(200..300).contains(status));
    let of_mailbox = |item: &Item| throttle::is_of_mailbox(item.url.split('?').next().unwrap_or_default());
    let (mut places, seconds) = {
        let mut world = simulator.world();
        let wanted =
            items.iter().filter(|item| of_mailbox(item) && !item.depends_on.iter().any(failed)).count();
        let places = throttle::places_for(&mut world, outer, wanted);
        (places, world.microsoft.settings.retry_after_seconds)
    };
    let mut running = Vec::new();
    for item in items {
        let ready = if item.depends_on.iter().any(failed) {
            Err(GraphError::new(424, "FailedDependency", "A dependency of this request failed.")
                .into_response())
        } else if of_mailbox(&item) && places == 0 {
            Err(throttle::over_concurrency(seconds).into_response())
        } else {
            places = places.saturating_sub(usize::from(of_mailbox(&item)));
            request(&item, outer, connection).map_err(IntoResponse::into_response)
        };
        let router = router.clone();
        running.push(async move {
            let response = match ready {
                // A router that answers everything cannot fail.
                Ok(request) => match router.oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(response) => response,
            };
            (item.id, response)
        });
    }
    join_all(running).await
}

fn request(item: &Item, outer: &HeaderMap, connection: &Connection) -> GraphResult<Request<Body>> {
    let method = Method::from_bytes(item.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| bad("Invalid method in a batch request."))?;
    let url = item.url.trim_start_matches('/');
    if url.contains("://") {
        return Err(bad("The url of a batch request must be relative."));
    }
    let mut request = Request::builder().method(method).uri(format!("/v1.0/{url}"));
    for (name, value) in &item.headers {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(text)) else {
            return Err(bad("Invalid header in a batch request."));
        };
        // The part's own framing, and packing within a packed answer, mean nothing here.
        if ![header::CONTENT_LENGTH, header::ACCEPT_ENCODING, header::TRANSFER_ENCODING].contains(&name) {
            request = request.header(name, value);
        }
    }
    let body = match &item.body {
        Value::Null => Vec::new(),
        // What is not JSON comes as base64.
        Value::String(text) => STANDARD.decode(text).unwrap_or_else(|_| text.clone().into_bytes()),
        value => value.to_string().into_bytes(),
    };
    let mut request = request.body(Body::from(body)).map_err(|_| bad("Invalid URL in a batch request."))?;
    for name in [header::AUTHORIZATION, header::HOST, header::USER_AGENT] {
        if let Some(value) = outer.get(&name)
            && !request.headers().contains_key(&name)
        {
            request.headers_mut().insert(name, value.clone());
        }
    }
    request.extensions_mut().insert(ConnectInfo(connection.clone()));
    request.extensions_mut().insert(InBatch);
    Ok(request)
}

/// An inner answer as it stands in the outer one.
async fn shown(id: &str, response: Response) -> Value {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut headers = Map::new();
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str()
            && name != header::CONTENT_LENGTH
        {
            headers.insert(canonical(name.as_str()), value.into());
        }
    }
    let mut answer = json!({"id": id, "status": head.status.as_u16(), "headers": headers});
    if head.status != StatusCode::NO_CONTENT && !body.is_empty() {
        answer["body"] =
            serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(STANDARD.encode(&body)));
    }
    answer
}

/// Clients look these up by letter, whatever the standard says.
fn canonical(name: &str) -> String {
    let upper = ["content-type", "retry-after", "preference-applied", "location", "cache-control"];
    if !upper.contains(&name) {
        return if name == "etag" { "ETag".to_owned() } else { name.to_owned() };
    }
    let parts: Vec<String> =
        name.split('-').map(|part| part[..1].to_ascii_uppercase() + &part[1..]).collect();
    parts.join("-")
}
