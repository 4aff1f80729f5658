//! The API for a marketplace, under `/api/v1`: JSON, a bearer token, no cookie. It shares the pages' database and worker
//! and nothing of their sessions.

mod auth;
mod availability;
mod booking_answers;
mod bookings;
mod conflicts;
mod connections;
mod cursor;
mod document;
mod error;
mod hours;
mod input;
mod providers;
mod services;
mod unavailabilities;

use self::error::{ApiError, Code};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use simone_app::AppState;
use simone_booking::{Clock, Ids};
use simone_store::Database;
use simone_sync::bookings::Bookings;
use std::sync::Arc;
use tokio::sync::Notify;
use tower::ServiceExt as _;
use url::Url;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Api {
    db: Database,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    /// Is told after anything that it has to follow.
    worker: Arc<Notify>,
    public_url: Url,
    limits: Arc<auth::Limits>,
    /// With whom it shares the bounds on what is asked at once, and how often the log is told of trouble.
    pages: AppState,
}

impl Api {
    /// Over the same parts as the pages.
    pub(crate) fn new(pages: &AppState, requests_per_minute: u32) -> Self {
        Self {
            db: pages.db.clone(),
            clock: pages.clock.clone(),
            ids: pages.ids.clone(),
            worker: pages.wake.clone(),
            public_url: pages.public_url.clone(),
            limits: Arc::new(auth::Limits::new(requests_per_minute)),
            pages: pages.clone(),
        }
    }

    fn wake(&self) {
        // A notice to one who waits, and to one who is about to.
        self.worker.notify_waiters();
        self.worker.notify_one();
    }

    fn bookings(&self) -> &Bookings {
        &self.pages.bookings
    }

    fn address(&self, path: &str) -> String {
        crate::assemble::address(&self.public_url, path)
    }
}

/// Rows as the API tells them.
fn told<R, T: From<R>>(rows: Vec<R>) -> Vec<T> {
    rows.into_iter().map(T::from).collect()
}

/// Puts the API before the pages: they never see a request to it, nor it one of theirs.
pub(crate) fn before(pages: Router, api: Api) -> Router {
    let api = router(api);
    pages.layer(from_fn(move |request: Request, next: Next| {
        let api = api.clone();
        async move {
            match request.uri().path() {
                "/api" => api.oneshot(request).await.into_response(),
                path if path.starts_with("/api/") => api.oneshot(request).await.into_response(),
                _ => next.run(request).await,
            }
        }
    }))
}

fn router(api: Api) -> Router {
    let (routes, documented) = OpenApiRouter::with_openapi(document::base())
        .routes(routes!(providers::list, providers::create))
        .routes(routes!(providers::read, providers::change, providers::erase))
        .routes(routes!(providers::login_link))
        .routes(routes!(unavailabilities::list))
        .routes(routes!(availability::list))
        .routes(routes!(bookings::list, bookings::create))
        .routes(routes!(bookings::read, bookings::change))
        .routes(routes!(bookings::cancel))
        .routes(routes!(bookings::confirm))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::read, services::replace, services::withdraw))
        .routes(routes!(hours::read, hours::replace))
        .routes(routes!(conflicts::list))
        .routes(routes!(connections::list))
        .routes(routes!(connections::read))
        .routes(routes!(connections::sync))
        .routes(routes!(connections::logs))
        .split_for_parts();
    let documented = documented.merge_from(Itself::openapi());
    let documented = document::complete(documented, &api.public_url).to_json();
    let documented: Arc<str> = documented.expect("a document is plain JSON").into();
    let state = api.clone();
    routes
        .route_layer(from_fn_with_state(api.clone(), auth::authenticate))
        .route("/api/v1/openapi.json", get(move || async move { openapi(&documented) }))
        .fallback(|| async { ApiError::new(Code::NotFound, "there is no such address") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(Code::MethodNotAllowed, "this address does not know this method; see `Allow`")
        })
        .layer(from_fn_with_state(api, guard))
        .with_state(state)
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(openapi_path))]
struct Itself;

/// This document
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "document", operation_id = "readDocument", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value)),
)]
#[expect(dead_code, reason = "the document cannot be made before its own handler")]
fn openapi_path() {}

fn openapi(document: &str) -> Response {
    ([(CONTENT_TYPE, "application/json")], document.to_owned()).into_response()
}

/// What holds for every answer, and for every request before it is looked at.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // The whole body comes first: who sends slowly holds nothing but their connection.
    let mut response = match input::collect(body, &api).await {
        Err(error) => error.into_response(),
        // Shared with the pages: more at once would slow down everyone.
        Ok(body) => match api.pages.turns.try_acquire() {
            Err(_) => ApiError::busy().into_response(),
            Ok(_turn) => next.run(Request::from_parts(parts, body.into())).await,
        },
    };
    if let Some(error::Cause(cause)) = response.extensions_mut().remove() {
        // Once a minute while the database is away, however many requests it fails.
        let _ = api.pages.trouble(&cause, "a request to the API failed");
    }
    let set = |headers: &mut HeaderMap, name, value| headers.insert(name, HeaderValue::from_static(value));
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, CACHE_CONTROL, "no-store");
    set(headers, CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(headers, REFERRER_POLICY, "no-referrer");
    if api.public_url.scheme() == "https" {
        set(headers, STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}
