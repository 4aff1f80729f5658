//! Signing in: pages, codes and tokens (2).

pub(crate) mod model;

use std::sync::Arc;

use axum::Router;

use crate::simulator::Simulator;

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
}
