//! The page at `/`: accounts, their calendars and what is coming up, and the edits a person makes by hand.

mod edit;
mod edit_outlook;
mod outlook;
mod show;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::{get, post};

use crate::html::STYLESHEET;
use crate::simulator::Simulator;

/// Where the page's forms go.
const EDIT: &str = "/_simulator/edit";

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/", get(show::show))
        .route(EDIT, post(edit::edit))
        .route(STYLESHEET, get(stylesheet))
        .route("/_simulator/picture.svg", get(picture))
}

async fn stylesheet() -> ([(HeaderName, HeaderValue); 1], &'static str) {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], include_str!("style.css"))
}

async fn picture() -> ([(HeaderName, HeaderValue); 1], &'static str) {
    let picture = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><rect width=\"8\" height=\"8\" \
                   fill=\"#b5651d\"/><circle cx=\"4\" cy=\"3\" r=\"1.5\" fill=\"#fff\"/><path d=\"M1 8a3 3 0 0 1 6 0\" \
                   fill=\"#fff\"/></svg>";
    ([(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"))], picture)
}
