//! The way to a platform's authorization page, and the way back.

use async_trait::async_trait;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use secrecy::SecretString;
use serde::Deserialize;
use simone_app::{AppState, Flash, Session};
use simone_booking::ConnectionId;
use simone_sync::connect::{Callback, Connect, ConnectError, Connected};
use simone_sync::platform::Platform;
use url::Url;

/// Begins authorizations for the pages.
pub(crate) struct Connector {
    pub connect: Connect,
}

#[async_trait]
impl simone_app::Connector for Connector {
    async fn start(
        &self,
        session: &Session,
        platform: Platform,
        reconnect: Option<ConnectionId>,
    ) -> Result<Url, ConnectError> {
        let provider = session.provider_id().ok_or(ConnectError::NotUnderWay)?;
        self.connect.begin(provider, session.key(), platform, reconnect).await
    }

    fn approval_page(&self, platform: Platform) -> Option<Url> {
        self.connect.approval_page(platform)
    }
}

#[derive(Clone)]
pub(crate) struct Callbacks {
    pub connect: Connect,
    pub state: AppState,
}

pub(crate) fn routes(callbacks: Callbacks) -> Router {
    Router::new().route("/oauth/{platform}/callback", get(callback)).with_state(callbacks)
}

/// What a platform sends back. Unknown parameters are ignored (reference sheet 2.2).
#[derive(Default, Deserialize)]
struct Parameters {
    state: Option<String>,
    code: Option<SecretString>,
    error: Option<String>,
    error_description: Option<String>,
    /// An administrator was here and agreed for all of their organisation: nothing that began in this browser.
    admin_consent: Option<String>,
}

async fn callback(
    State(callbacks): State<Callbacks>,
    Path(platform): Path<String>,
    Extension(session): Extension<Session>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(platform) = platform.parse::<Platform>() else {
        return simone_app::not_found();
    };
    // A callback that cannot even be read is one that is not under way.
    let parameters = parameters.map_or_else(|_| Parameters::default(), |Query(parameters)| parameters);
    let agreed = parameters.admin_consent.is_some_and(|agreed| agreed.eq_ignore_ascii_case("true"));
    if agreed && parameters.state.is_none() && parameters.error.is_none() {
        session.flash(Flash::Approved { platform }).await;
        return Redirect::to("/settings/calendars").into_response();
    }
    let callback = Callback {
        state: parameters.state,
        code: parameters.code,
        error: parameters.error,
        description: parameters.error_description,
    };
    // In a task of its own: a browser that hangs up does not leave a grant behind that nobody records.
    let (connect, key) = (callbacks.connect.clone(), session.key().to_vec());
    let completed = tokio::spawn(async move { connect.complete(platform, &key, callback).await });
    let Ok(completed) = completed.await else {
        session.flash(Flash::Failed).await;
        return Redirect::to("/settings/calendars").into_response();
    };
    let flash = match completed {
        Ok(connected) => {
            // The first import gets a moment, so that the settings can show what came of it.
            if let Some(provider) = session.provider_id()
                && let Err(error) = simone_app::settled(&callbacks.state, provider).await
            {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a first import could not be awaited"
                );
            }
            match connected {
                Connected::New(_) => Flash::Connected { platform },
                Connected::Again(_) => Flash::Reconnected { platform },
            }
        }
        // Nothing was taken up yet, or nothing was kept: the address may be opened again.
        Err(ConnectError::Store(error)) => {
            return callbacks
                .state
                .trouble(&error, "an authorization could not be completed")
                .status()
                .into_response();
        }
        Err(error) => {
            let code = error.code();
            match &error {
                ConnectError::Misconfigured(_) | ConnectError::Unavailable(_) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(%platform, code, error, "an authorization could not be completed");
                }
                _ => tracing::info!(%platform, code, "an authorization came to nothing"),
            }
            Flash::NotConnected { platform, reason: code.to_owned() }
        }
    };
    session.flash(flash).await;
    Redirect::to("/settings/calendars").into_response()
}
