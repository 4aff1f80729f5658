//! Signing in: pages, codes and tokens (2).

mod authorize;
pub(crate) mod model;
mod openid;
mod pages;
mod refusal;
mod request;
mod scopes;
mod token;
pub(crate) mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::simulator::Simulator;

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::show).post(authorize::decide))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/v2.0/logout", get(openid::logout).post(openid::logout))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid::configuration))
        .route("/{tenant}/discovery/v2.0/keys", get(openid::keys))
        .route("/oidc/userinfo", get(tokens::user_info).post(tokens::user_info))
}
