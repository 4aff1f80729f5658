//! Change notifications (8).

pub(crate) mod due;
mod handshake;
mod methods;
pub(crate) mod model;
mod wanted;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::simulator::Simulator;

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/subscriptions", get(methods::list).post(methods::create))
        .route("/subscriptions/{id}", get(methods::get).patch(methods::update).delete(methods::delete))
        .route("/subscriptions/{id}/reauthorize", post(methods::reauthorize))
}
