//! What no request gets past: a body that is too large or too slow, and a crowd.
//!
//! The answers are plain statuses; the layer above makes pages of them, and an API may make of them what it likes.

use crate::render::Problem;
use crate::state::AppState;
use axum::Extension;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;

/// The largest form has a few short fields.
pub const LARGEST_BODY: usize = 16 * 1024;
/// A browser reads an answer only once it has sent all: so much is taken and thrown away, so that it is read.
const LARGEST_WASTE: usize = 8 * 1024 * 1024;

/// Reads the whole body before anything else is done for the request: who sends slowly holds nothing but their
/// connection, and what comes after knows that a body is whole and small. 413, 408 or 400 otherwise.
pub async fn whole_body(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let said =
        parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if said.is_some_and(|length| length > LARGEST_WASTE) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let read = tokio::select! {
        biased;
        read = read(body) => read,
        () = state.clock.sleep(state.patience) => Err(StatusCode::REQUEST_TIMEOUT),
    };
    match read {
        Ok(bytes) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(status) => status.into_response(),
    }
}

async fn read(body: Body) -> Result<Bytes, StatusCode> {
    let mut pieces = body.into_data_stream();
    let (mut whole, mut length) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        length += piece.len();
        if length <= LARGEST_BODY {
            whole.extend_from_slice(&piece);
        } else if length > LARGEST_WASTE {
            break;
        }
    }
    if length > LARGEST_BODY { Err(StatusCode::PAYLOAD_TOO_LARGE) } else { Ok(whole.into()) }
}

/// Lets in as many requests as can be answered at once. The rest are told to come back, which costs little; were they
/// to wait, all would be slow.
pub async fn in_turn(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    let Ok(_turn) = state.turns.try_acquire() else {
        let soon = HeaderValue::from_static("5");
        let busy = (Problem::Busy.status(), Extension(Problem::Busy), [(RETRY_AFTER, soon)]);
        return busy.into_response();
    };
    next.run(request).await
}
