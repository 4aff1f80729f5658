//! The pages and actions as one axum router, with what stands around each of them.

use crate::actions;
use crate::appointments;
use crate::export;
use crate::forms;
use crate::guard::{in_turn, whole_body};
use crate::login;
use crate::pages::bookings::{making, moving};
use crate::pages::{hours, services, unavailable};
use crate::render::{self, App, Problem, content_security_policy, document, document_context, problem_page};
use crate::session::{require_login, sessions};
use crate::state::AppState;
use crate::visitor::visitors;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, LOCATION, ORIGIN,
    REFERER, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use leptos_axum::{LeptosRoutes, generate_route_list};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/style.css"));
const LIVE: &str = include_str!(concat!(env!("OUT_DIR"), "/live.js"));
const FAVICON: &str = include_str!("../../public/favicon.svg");

/// All pages, actions and static files. `more` are routes of the server's own (the OAuth callback): they get the session
/// and the headers that the pages have, but nobody has to be logged in.
pub fn router(state: AppState, more: Router) -> Router {
    let context = state.clone();
    let pages = Router::new()
        .leptos_routes_with_context(
            &state,
            generate_route_list(App),
            move || document_context(&context),
            || document(|| leptos::prelude::view! { <App/> }),
        )
        .route("/", get(|| async { Redirect::to("/agenda") }))
        .route("/login", post(login::ask))
        .route("/login/demo", post(login::enter_demo))
        .route("/login/{token}", post(login::follow))
        .route("/agenda/bookings/new", post(making::make))
        .route("/agenda/bookings/{booking}/move", post(moving::move_to))
        .route("/agenda/unavailable/new", post(unavailable::enter))
        .route("/agenda/unavailable/{entered}", post(unavailable::change))
        .route("/settings/services/new", post(services::add))
        .route("/settings/services/{service}", post(services::change))
        .route("/settings/hours", post(hours::set))
        .route("/settings/account/export", get(export::download))
        .route("/oversight/invite", post(forms::invite))
        .route("/oversight/operators/new", post(forms::add_operator))
        .route("/oversight/tokens/new", post(forms::make_token))
        .route("/connect/{platform}", post(actions::connect::connect))
        .route("/book/{provider}/{service}", post(appointments::book))
        .route("/bookings/{token}/move", post(appointments::shift))
        .route("/bookings/{token}/cancel", post(appointments::cancel))
        .layer(from_fn(plain_actions))
        .layer(from_fn_with_state(state.clone(), require_login));
    Router::new()
        .merge(pages)
        .merge(more.with_state(()))
        .layer(from_fn_with_state(state.clone(), sessions))
        .layer(from_fn_with_state(state.clone(), in_turn))
        .layer(CsrfLayer::new())
        .layer(from_fn(no_foreign_referer))
        .layer(from_fn_with_state(state.clone(), visitors))
        .route(render::STYLE_PATH, get(style))
        .route(render::LIVE_PATH, get(live))
        .route("/favicon.svg", get(favicon))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(from_fn_with_state(state.clone(), whole_body))
        .layer(from_fn_with_state(state.clone(), designed_problems))
        .layer(from_fn_with_state(state.clone(), security_headers))
        // Leaves alone what is sent bit by bit, such as the events of `/live`.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(state)
}

/// There is no such page; it is designed on the way out.
pub fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

async fn live() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", LIVE)
}

/// Under a name that changes with its content.
fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    ([(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, forever)], content)
}

async fn favicon() -> impl IntoResponse {
    let a_day = HeaderValue::from_static("public, max-age=86400");
    ([(CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")), (CACHE_CONTROL, a_day)], FAVICON)
}

/// The layer against forged requests goes by `Sec-Fetch-Site` and `Origin`, which every browser of today sends with a form.
/// Of one that sends neither, the `Referer` is asked.
async fn no_foreign_referer(request: Request<Body>, next: Next) -> Response {
    let headers = request.headers();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes
        && !headers.contains_key(ORIGIN)
        && !headers.contains_key("sec-fetch-site")
        && let Some(referer) = headers.get(REFERER)
    {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let from = referer.to_str().ok().and_then(|referer| referer.parse::<Uri>().ok());
        if host.is_none() || from.as_ref().and_then(Uri::authority).map(Authority::as_str) != host {
            return StatusCode::FORBIDDEN.into_response();
        }
    }
    next.run(request).await
}

/// Left to themselves, server functions answer a browser's form by going back to the `Referer`, whatever it is, with
/// errors in the address. Without these two headers they answer plainly: a redirect that the action asked for, or an
/// error, which can only be a malformed form.
async fn plain_actions(mut request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/actions/") && !path.starts_with("/oversight/actions/") {
        return next.run(request).await;
    }
    request.headers_mut().remove(REFERER);
    request.headers_mut().remove(ACCEPT);
    let response = next.run(request).await;
    if response.status().is_redirection() && response.headers().contains_key(LOCATION) {
        let (parts, _) = response.into_parts();
        return (parts.status, parts.headers, Body::empty()).into_response();
    }
    match response.status() {
        status if status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE => {
            status.into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// What ends in an error that is no page becomes one.
async fn designed_problems(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut kept = Request::new(()).into_parts().0;
    kept.uri = parts.uri.clone();
    kept.headers = parts.headers.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"));
    if is_page || !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let retry_after = response.headers().get(RETRY_AFTER).cloned();
    let problem =
        response.extensions().get::<Problem>().copied().unwrap_or_else(|| Problem::of(response.status()));
    let mut page = problem_page(&state, &kept, problem).await;
    if let Some(retry_after) = retry_after {
        page.headers_mut().insert(RETRY_AFTER, retry_after);
    }
    page
}

async fn security_headers(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, X_FRAME_OPTIONS, "DENY");
    if !headers.contains_key(REFERRER_POLICY) {
        set(headers, REFERRER_POLICY, "same-origin");
    }
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if state.is_https() {
        set(headers, HeaderName::from_static("strict-transport-security"), "max-age=31536000");
    }
    if !headers.contains_key(CACHE_CONTROL) {
        set(headers, CACHE_CONTROL, "no-store");
    }
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, content_security_policy(&state, None));
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `server/tests/product` walks these with a neighbour's ids (`neighbours.rs`; of operators, `people.rs`). A new one
    /// that an id leads to belongs there first, and then here.
    #[test]
    fn what_an_id_leads_to_is_known_to_the_tests_that_try_a_neighbours() {
        let listed = generate_route_list(App);
        let mut pages: Vec<&str> =
            listed.iter().map(|route| route.path()).filter(|path| path.contains('{')).collect();
        pages.sort_unstable();
        assert_eq!(
            pages,
            [
                "/agenda/bookings/{booking}",
                "/agenda/bookings/{booking}/cancel",
                "/agenda/bookings/{booking}/move",
                "/agenda/unavailable/{entered}",
                "/agenda/{block}",
                "/book/{provider}",
                "/book/{provider}/{service}",
                "/bookings/{token}",
                "/bookings/{token}/cancel",
                "/bookings/{token}/move",
                "/conflicts/{conflict}",
                "/login/{token}",
                "/oversight/operators/{operator}/withdraw",
                "/oversight/providers/{provider}",
                "/oversight/providers/{provider}/erase",
                "/oversight/tokens/{token}/withdraw",
                "/settings/approval/{platform}",
                "/settings/calendars/{connection}",
                "/settings/calendars/{connection}/disconnect",
                "/settings/calendars/{connection}/{calendar}",
                "/settings/services/{service}",
                "/settings/services/{service}/withdraw",
                "/sync-log/{round}",
            ]
        );
        let mut actions: Vec<&str> =
            leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path).collect();
        actions.sort_unstable();
        assert_eq!(
            actions,
            [
                "/actions/block-free",
                "/actions/cancel-booking",
                "/actions/confirm-booking",
                "/actions/disconnect",
                "/actions/end-other-sessions",
                "/actions/end-session",
                "/actions/erase-account",
                "/actions/keep-zone",
                "/actions/language",
                "/actions/log-out",
                "/actions/read-notices",
                "/actions/receive",
                "/actions/removals",
                "/actions/remove-entered",
                "/actions/remove-kept",
                "/actions/select",
                "/actions/settle-conflict",
                "/actions/share-titles",
                "/actions/skip-entered",
                "/actions/sync",
                "/actions/usual-hours",
                "/actions/welcome",
                "/actions/withdraw-service",
                "/actions/zone",
                "/oversight/actions/erase-provider",
                "/oversight/actions/invite-again",
                "/oversight/actions/withdraw-operator",
                "/oversight/actions/withdraw-token",
            ]
        );
    }
}
