//! What buttons and choices do. Each action changes something through [`Choices`], leaves a flash and redirects, whether
//! it worked or not.

pub mod account;
pub mod bookings;
pub mod calendars;
pub mod conflicts;
pub mod connect;
pub mod entered;
pub mod offers;
pub mod oversight;

use crate::flash::Flash;
use crate::page::Here;
use crate::render::Problem;
use crate::session::local_path;
use crate::state::AppState;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use chrono::TimeDelta;
use leptos::prelude::*;
use leptos::server_fn::error::ServerFnErrorErr;
use leptos_axum::ResponseOptions;
use simone_booking::ProviderId;
use simone_sync::ports::StoreResult;
use std::time::Duration;

/// How long an action waits for what it set going, so that the next page shows the result.
const PATIENCE: TimeDelta = TimeDelta::milliseconds(2500);
const GLANCE: Duration = Duration::from_millis(80);

/// Waits a moment until all that a provider's wish has set going is done; `false` when it is still under way. Holds no
/// transaction and no lock.
pub async fn settled(state: &AppState, provider: ProviderId) -> StoreResult<bool> {
    // A notice to one who waits, and to one who is about to.
    state.wake.notify_waiters();
    state.wake.notify_one();
    let deadline = state.clock.now() + PATIENCE;
    loop {
        if state.db.is_settled(provider, state.clock.now()).await? {
            return Ok(true);
        }
        if state.clock.now() >= deadline {
            return Ok(false);
        }
        state.clock.sleep(GLANCE).await;
    }
}

/// The request that an action answers. The router lets nobody here who is not logged in.
fn here() -> Result<Here, ServerFnError> {
    Here::find().ok_or_else(|| ServerFnErrorErr::MiddlewareError("nobody is logged in".into()).into())
}

/// Ends an action: the flash that fits, and on to a page of ours.
async fn done(here: &Here, outcome: StoreResult<Flash>, back: Option<&str>, otherwise: &str) {
    let flash = match outcome {
        Ok(flash) => flash,
        Err(error) => {
            here.state.trouble(&error, "an action failed");
            if error.is_passing() {
                return unavailable();
            }
            Flash::Failed
        }
    };
    here.session.flash(flash).await;
    leave_for(local_path(back, otherwise));
}

/// The database is away or full: a message for the next page could not be kept either, so the answer itself says it.
fn unavailable() {
    if let Some(options) = use_context::<ResponseOptions>() {
        options.set_status(Problem::Unavailable.status());
    }
}

/// Redirects so that the browser asks for the next page with GET.
fn leave_for(path: &str) {
    if let (Some(options), Ok(path)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(path)) {
        options.set_status(StatusCode::SEE_OTHER);
        options.insert_header(LOCATION, path);
    }
}
