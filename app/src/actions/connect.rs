//! Connecting an account: from our button to the platform's page.

use crate::flash::Flash;
use crate::session::Session;
use crate::state::AppState;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use simone_booking::ConnectionId;
use simone_sync::connect::ConnectError;
use simone_sync::platform::Platform;

#[derive(Deserialize)]
pub struct Wish {
    reconnect: Option<ConnectionId>,
}

/// Begins an authorization and sends the browser to it.
pub async fn connect(
    State(state): State<AppState>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    wish: Result<Form<Wish>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(platform) = platform.parse::<Platform>() else { return StatusCode::NOT_FOUND.into_response() };
    let Ok(Form(Wish { reconnect })) = wish else { return StatusCode::BAD_REQUEST.into_response() };
    match state.connect.start(&session, platform, reconnect).await {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(ConnectError::Store(error)) => {
            state.trouble(&error, "an authorization could not begin").status().into_response()
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %platform, "an authorization could not begin");
            session.flash(Flash::NotConnected { platform, reason: error.code().to_owned() }).await;
            Redirect::to("/settings/calendars").into_response()
        }
    }
}
