//! Batches (12): several requests in one, each judged on its own.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use super::errors::ApiError;
use super::model::secret;
use super::switches::BatchOrder;
use crate::connection::Connection;
use crate::simulator::{Simulator, World};

/// Where the inner requests go: everything that can be asked of the platforms, faults and all.
#[derive(Clone)]
pub(crate) struct Inner(pub Router);

/// One part of the body: an inner request with its `Content-ID`.
struct Part {
    id: Option<String>,
    /// `None`: it cannot be read.
    request: Option<Request<Body>>,
}

pub(crate) async fn batch(
    State(simulator): State<Arc<Simulator>>,
    Extension(Inner(router)): Extension<Inner>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (limit, order, boundary) = {
        let mut world = simulator.world();
        let World { google, rng, .. } = &mut *world;
        (google.settings.batch_limit, google.settings.batch_order, format!("batch_{}", secret(rng, 32)))
    };
    let given = given_boundary(&headers)
        .ok_or_else(|| ApiError::bad_request("Missing or malformed multipart boundary."))?;
    let mut parts = read(&body, &given, &headers).ok_or_else(|| {
        ApiError::bad_request("Failed to parse batch request, error: malformed multipart body.")
    })?;
    if parts.is_empty() {
        return Err(ApiError::bad_request(
            "Failed to parse batch request, error: 0 items. Received batch body: (empty)",
        ));
    }
    if parts.len() > limit {
        return Err(ApiError::bad_request(format!("The batch request contains more than {limit} calls.")));
    }
    if order == BatchOrder::Reversed {
        parts.reverse();
    }
    let mut answer = Vec::new();
    for part in parts {
        let response = match part.request {
            Some(mut request) => {
                request.extensions_mut().insert(ConnectInfo(connection.clone()));
                // A router that answers everything cannot fail.
                match router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
            None => ApiError::parse().into_response(),
        };
        write(&mut answer, &boundary, part.id.as_deref(), response).await;
    }
    answer.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/mixed; boundary={boundary}");
    let kind = HeaderValue::from_str(&kind).map_err(|_| ApiError::parse())?;
    Ok(([(header::CONTENT_TYPE, kind)], answer).into_response())
}

/// An inner request must not be a batch again, nor anything but the API.
fn is_inner(path: &str) -> bool {
    path.starts_with("/calendar/v3/")
}

fn given_boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (essence, parameters) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    (!boundary.is_empty() && boundary.len() <= 200).then_some(boundary)
}

fn read(body: &[u8], boundary: &str, outer: &HeaderMap) -> Option<Vec<Part>> {
    let text = std::str::from_utf8(body).ok()?;
    let delimiter = format!("--{boundary}");
    let mut pieces = text.split(delimiter.as_str());
    // What stands before the first delimiter counts for nothing.
    pieces.next()?;
    let mut parts = Vec::new();
    for piece in pieces {
        if piece.starts_with("--") {
            return Some(parts);
        }
        let (head, inner) = split_head(piece.trim_start_matches([' ', '\t', '\r', '\n']));
        let id = headers_of(head)
            .find(|(name, _)| name.eq_ignore_ascii_case("content-id"))
            .map(|(_, value)| value.to_owned());
        parts.push(Part { id, request: request(inner, outer) });
    }
    // The last delimiter may be missing.
    Some(parts)
}

/// What stands before the first empty line and what after it.
fn split_head(text: &str) -> (&str, &str) {
    let cut = |separator: &str| text.find(separator).map(|at| (at, at + separator.len()));
    match [cut("\r\n\r\n"), cut("\n\n")].into_iter().flatten().min() {
        Some((end, next)) => (&text[..end], &text[next..]),
        None => (text.trim_end(), ""),
    }
}

fn headers_of(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

fn request(text: &str, outer: &HeaderMap) -> Option<Request<Body>> {
    let text = text.trim_start_matches(['\r', '\n']);
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut words = line.split_ascii_whitespace();
    let method = words.next()?;
    let target = words.next()?;
    // A whole address counts by its path.
    let target = match url::Url::parse(target) {
        Ok(url) => match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        },
        Err(_) => target.to_owned(),
    };
    if !is_inner(&target) {
        return None;
    }
    let (head, body) = match rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
        Some(body) => ("", body),
        None => split_head(rest),
    };
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers_of(head) {
        let name = HeaderName::try_from(name).ok()?;
        // The part's own framing, and packing within a packed answer, mean nothing here.
        if ![header::CONTENT_LENGTH, header::ACCEPT_ENCODING, header::TRANSFER_ENCODING].contains(&name) {
            request = request.header(name, value);
        }
    }
    let inherited = [header::AUTHORIZATION, header::HOST, header::USER_AGENT];
    let mut request = request.body(Body::from(body.trim_end_matches(['\r', '\n']).to_owned())).ok()?;
    for name in inherited {
        if let Some(value) = outer.get(&name)
            && !request.headers().contains_key(&name)
        {
            request.headers_mut().insert(name, value.clone());
        }
    }
    Some(request)
}

async fn write(answer: &mut Vec<u8>, boundary: &str, id: Option<&str>, response: Response) {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut text = format!("--{boundary}\r\nContent-Type: application/http\r\n");
    if let Some(id) = id {
        let id = match id.strip_prefix('<') {
            Some(rest) => format!("<response-{rest}"),
            None => format!("response-{id}"),
        };
        text.push_str(&format!("Content-ID: {id}\r\n"));
    }
    let reason = head.status.canonical_reason().unwrap_or("Unknown");
    text.push_str(&format!("\r\nHTTP/1.1 {} {reason}\r\n", head.status.as_u16()));
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str()
            && name != header::CONTENT_LENGTH
        {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if head.status != StatusCode::NO_CONTENT {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    answer.extend_from_slice(text.as_bytes());
    answer.extend_from_slice(&body);
    answer.extend_from_slice(b"\r\n");
}
