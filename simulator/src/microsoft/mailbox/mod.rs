//! Calendars and events (4 to 7).

pub(crate) mod model;
pub(crate) mod switches;
pub(crate) mod zones;

use std::sync::Arc;

use axum::Router;

use crate::simulator::Simulator;

/// Under `/v1.0`. The front has brought names to their usual letters, `/users/{…}` of the caller to `/me`, and has taken
/// off the parentheses of `delta()`.
pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
}
