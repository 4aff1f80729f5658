//! The controls: JSON under `/_control/`, for tests and for whoever points a client at the simulator. The
//! README shows each with an example.

mod accounts;
mod clock;
mod edits;
mod faults;
mod oauth;
mod observe;
mod outlook;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::google::errors::ApiError;
use crate::simulator::{Simulator, World};
pub(crate) use outlook::add as add_outlook_account;

pub(crate) fn router() -> Router<Arc<Simulator>> {
    let controls = Router::new()
        .route("/accounts", get(accounts::list).post(accounts::add))
        .route("/accounts/change", post(outlook::change_account))
        .route("/tenants", get(outlook::tenants).post(outlook::change_tenant))
        .route("/clients", get(oauth::clients).post(oauth::set_client))
        .route("/grants", get(oauth::grants))
        .route("/grants/revoke", post(oauth::revoke))
        .route("/tokens/expire", post(oauth::expire_access_tokens))
        .route("/faults", get(faults::list).post(faults::add).delete(faults::clear))
        .route("/faults/{id}", delete(faults::remove))
        .route("/clock", get(clock::show).post(clock::set))
        .route("/edits", post(edits::apply))
        .route("/events", get(observe::events))
        .route("/sync-tokens/expire", post(oauth::expire_sync_tokens))
        .route("/settings", get(observe::settings).post(observe::change_settings))
        .route("/requests", get(observe::requests).delete(observe::clear_requests))
        .route("/channels", get(observe::channels))
        .route("/subscriptions", get(outlook::subscriptions))
        .route("/subscriptions/lifecycle", post(outlook::tell))
        .route("/throttle", get(outlook::throttle_shown).delete(outlook::throttle_forgotten))
        .route("/pushes", get(observe::pushes))
        .route("/mails", get(observe::mails))
        .route("/guests", get(observe::guests))
        .route("/reset", post(reset))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such control") });
    Router::new().nest("/_control", controls)
}

/// What a control answers when it cannot do what is asked: `{"error": "…"}`.
pub(crate) struct Problem(StatusCode, String);

impl Problem {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Problem(status, message.into())
    }

    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl Problem {
    pub fn status(&self) -> StatusCode {
        self.0
    }

    pub fn message(&self) -> &str {
        &self.1
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        Problem(error.status(), error.message().to_owned())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

type Answer = Result<Json<Value>, Problem>;

/// Reads a body whatever its content type says; an empty one is `{}`.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Problem::bad(error.to_string()))
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Platform {
    Google,
    Outlook,
}

impl Platform {
    /// As it is said; if nothing is said, Google.
    fn named(name: Option<&str>) -> Result<Self, Problem> {
        match name {
            None | Some("google") => Ok(Platform::Google),
            Some("outlook") => Ok(Platform::Outlook),
            Some(_) => Err(Problem::bad("platform: `google` or `outlook`")),
        }
    }

    /// As it is said; if nothing is said, the one that has the account.
    fn of(world: &World, name: Option<&str>, account: &str) -> Result<Self, Problem> {
        let elsewhere = name.is_none()
            && world.google.account(account).is_none()
            && world.microsoft.directory.account(account).is_some();
        if elsewhere { Ok(Platform::Outlook) } else { Self::named(name) }
    }
}

async fn reset(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    simulator.reset();
    Json(json!({}))
}
