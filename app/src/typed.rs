//! Forms of a provider whose typed input must survive a mistake: plain posts, each answered by its page again, with what
//! was typed and what is wrong with it, or by the way to the next page.

use crate::flash::Flash;
use crate::login::FromBody as _;
use crate::page::Here;
use crate::render::{Problem, problem_page};
use crate::state::AppState;
use axum::body::Body;
use axum::extract::Form;
use axum::http::Request;
use axum::response::{IntoResponse as _, Redirect, Response};
use simone_sync::ports::StoreError;
use std::sync::Arc;

/// What was typed: names and values, as they were sent.
#[derive(Clone, Debug, Default)]
pub struct Typed(Arc<Vec<(String, String)>>);

impl Typed {
    pub fn from_pairs<const N: usize>(pairs: [(&str, String); N]) -> Self {
        Self(Arc::new(pairs.map(|(name, value)| (name.to_owned(), value)).into()))
    }

    /// The value of a field, without the spaces around it; empty if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find_map(|(key, value)| (key == name).then_some(value.trim())).unwrap_or_default()
    }
}

/// A form as it arrived, or the answer to what is none.
pub async fn sent(state: &AppState, request: Request<Body>) -> Result<(Here, Typed), Response> {
    let (parts, body) = request.into_parts();
    let Some(here) = Here::of(state, &parts) else {
        return Err(problem_page(state, &parts, Problem::Forbidden).await);
    };
    match Form::<Vec<(String, String)>>::from_request_body(body, &parts).await {
        Some(pairs) => Ok((here, Typed(Arc::new(pairs)))),
        None => Err(problem_page(state, &parts, Problem::Bad).await),
    }
}

/// On to the next page, with what it says once.
pub async fn leave(here: &Here, flash: Flash, address: &str) -> Response {
    here.session.flash(flash).await;
    here.state.wake.notify_waiters();
    here.state.wake.notify_one();
    Redirect::to(address).into_response()
}

/// What the form names is not there, or not theirs.
pub fn absent() -> Response {
    Problem::NotFound.status().into_response()
}

pub fn failed(here: &Here, error: &StoreError) -> Response {
    here.state.trouble(error, "a form could not be followed").status().into_response()
}
