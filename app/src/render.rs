//! From a request to a document: the shell, the routes, and pages that are not at an address of their own.

use crate::page::frame_problem;
use crate::pages;
use crate::state::AppState;
use crate::texts::{Lang, code, language_of};
use axum::body::Body;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{ParamSegment, SsrMode, StaticSegment};
use simone_sync::ports::StoreError;

/// The stylesheet's path: its content's hash is in its name.
pub const STYLE_PATH: &str = concat!("/assets/", env!("SIMONE_STYLE"));

/// The path of the module that keeps open pages fresh, in the same way.
pub const LIVE_PATH: &str = concat!("/assets/", env!("SIMONE_LIVE"));

/// The document around what a page shows.
pub fn document<V: IntoView + 'static>(body: impl FnOnce() -> V) -> impl IntoView {
    provide_meta_context();
    let body = body();
    let lang = use_context::<Parts>().map_or(Lang::fr, |parts| language_of(&parts));
    view! {
        <!DOCTYPE html>
        <html lang=code(lang)>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="stylesheet" href=STYLE_PATH/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <MetaTags/>
            </head>
            <body>{body}</body>
        </html>
    }
}

/// The pages at their addresses.
#[component]
pub fn App() -> impl IntoView {
    use pages::*;
    let bookings = (StaticSegment("agenda"), StaticSegment("bookings"));
    let unavailable = (StaticSegment("agenda"), StaticSegment("unavailable"));
    let services = (StaticSegment("settings"), StaticSegment("services"));
    let calendars = (StaticSegment("settings"), StaticSegment("calendars"));
    let account = (StaticSegment("settings"), StaticSegment("account"));
    let connection = (calendars, ParamSegment("connection"));
    let oversight = StaticSegment("oversight");
    let provider = (oversight, StaticSegment("providers"), ParamSegment("provider"));
    let operators = (oversight, StaticSegment("operators"));
    let appointment = (StaticSegment("bookings"), ParamSegment("token"));
    let tokens = (oversight, StaticSegment("tokens"));
    view! {
        <Router>
            <Routes fallback=|| ()>
                <Route path=StaticSegment("login") view=login::LoginPage ssr=SsrMode::Async/>
                <Route path=(StaticSegment("login"), ParamSegment("token")) view=login::LinkPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("agenda") view=agenda::AgendaPage ssr=SsrMode::Async/>
                <Route
                    path=(bookings, StaticSegment("new"))
                    view=bookings::making::NewBookingPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(bookings, ParamSegment("booking"))
                    view=bookings::detail::BookingPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(bookings, ParamSegment("booking"), StaticSegment("move"))
                    view=bookings::moving::MovePage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(bookings, ParamSegment("booking"), StaticSegment("cancel"))
                    view=bookings::detail::CancelPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(unavailable, StaticSegment("new"))
                    view=unavailable::NewUnavailablePage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(unavailable, ParamSegment("entered"))
                    view=unavailable::UnavailablePage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(StaticSegment("agenda"), ParamSegment("block"))
                    view=reason::ReasonPage
                    ssr=SsrMode::Async
                />
                <Route path=StaticSegment("conflicts") view=conflicts::ConflictsPage ssr=SsrMode::Async/>
                <Route
                    path=(StaticSegment("conflicts"), ParamSegment("conflict"))
                    view=conflict::ConflictPage
                    ssr=SsrMode::Async
                />
                <Route path=calendars view=calendars::CalendarsPage ssr=SsrMode::Async/>
                <Route path=connection view=connection::ConnectionPage ssr=SsrMode::Async/>
                <Route
                    path=(connection, StaticSegment("disconnect"))
                    view=connection::DisconnectPage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(connection, ParamSegment("calendar"))
                    view=upcoming::CalendarPage
                    ssr=SsrMode::Async
                />
                <Route path=services view=services::ServicesPage ssr=SsrMode::Async/>
                <Route path=(services, StaticSegment("new")) view=services::NewServicePage ssr=SsrMode::Async/>
                <Route path=(services, ParamSegment("service")) view=services::ServicePage ssr=SsrMode::Async/>
                <Route
                    path=(services, ParamSegment("service"), StaticSegment("withdraw"))
                    view=services::WithdrawServicePage
                    ssr=SsrMode::Async
                />
                <Route
                    path=(StaticSegment("settings"), StaticSegment("hours"))
                    view=hours::HoursPage
                    ssr=SsrMode::Async
                />
                <Route path=account view=account::AccountPage ssr=SsrMode::Async/>
                <Route
                    path=(StaticSegment("settings"), StaticSegment("approval"), ParamSegment("platform"))
                    view=approval::ApprovalPage
                    ssr=SsrMode::Async
                />
                <Route path=(account, StaticSegment("zone")) view=account::ZonePage ssr=SsrMode::Async/>
                <Route path=(account, StaticSegment("erase")) view=leaving::LeavingPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("welcome") view=welcome::WelcomePage ssr=SsrMode::Async/>
                <Route path=oversight view=oversight::providers::ProvidersPage ssr=SsrMode::Async/>
                <Route path=provider view=oversight::provider::ProviderPage ssr=SsrMode::Async/>
                <Route path=(provider, StaticSegment("erase")) view=oversight::provider::ErasePage ssr=SsrMode::Async/>
                <Route path=(oversight, StaticSegment("invite")) view=oversight::person::InvitePage ssr=SsrMode::Async/>
                <Route path=operators view=oversight::operators::OperatorsPage ssr=SsrMode::Async/>
                <Route path=(operators, StaticSegment("new")) view=oversight::person::NewOperatorPage ssr=SsrMode::Async/>
                <Route
                    path=(operators, ParamSegment("operator"), StaticSegment("withdraw"))
                    view=oversight::operators::WithdrawOperatorPage
                    ssr=SsrMode::Async
                />
                <Route path=tokens view=oversight::tokens::TokensPage ssr=SsrMode::Async/>
                <Route path=(tokens, StaticSegment("new")) view=oversight::tokens::NewTokenPage ssr=SsrMode::Async/>
                <Route
                    path=(tokens, ParamSegment("token"), StaticSegment("withdraw"))
                    view=oversight::tokens::WithdrawTokenPage
                    ssr=SsrMode::Async
                />
                <Route path=(oversight, StaticSegment("audit")) view=oversight::audit::AuditPage ssr=SsrMode::Async/>
                <Route
                    path=(oversight, StaticSegment("account"))
                    view=oversight::account::OperatorAccountPage
                    ssr=SsrMode::Async
                />
                <Route path=(StaticSegment("book"), ParamSegment("provider")) view=book::ProviderPage ssr=SsrMode::Async/>
                <Route
                    path=(StaticSegment("book"), ParamSegment("provider"), ParamSegment("service"))
                    view=book::ServicePage
                    ssr=SsrMode::Async
                />
                <Route path=appointment view=appointment::AppointmentPage ssr=SsrMode::Async/>
                <Route path=(appointment, StaticSegment("move")) view=appointment::MovePage ssr=SsrMode::Async/>
                <Route path=(appointment, StaticSegment("cancel")) view=appointment::CancelPage ssr=SsrMode::Async/>
                <Route path=StaticSegment("sync-log") view=sync_log::SyncLogPage ssr=SsrMode::Async/>
                <Route
                    path=(StaticSegment("sync-log"), ParamSegment("round"))
                    view=sync_round::SyncRoundPage
                    ssr=SsrMode::Async
                />
                <Route path=StaticSegment("notifications") view=notifications::NotificationsPage ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}

/// What every document sends along: the policy with this response's nonce.
pub fn document_context(state: &AppState) {
    provide_context(state.clone());
    if let (Some(options), Some(nonce)) = (use_context::<ResponseOptions>(), use_nonce()) {
        options.insert_header(CONTENT_SECURITY_POLICY, content_security_policy(state, Some(&nonce)));
    }
}

/// Nothing but our own stylesheet, pictures and forms; scripts only with the nonce, which Leptos puts on its own, and
/// they ask nobody but us.
pub fn content_security_policy(state: &AppState, nonce: Option<&str>) -> HeaderValue {
    let mut policy = String::from(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    );
    for origin in &state.authorize_origins {
        policy.push(' ');
        policy += origin;
    }
    if let Some(nonce) = nonce {
        policy += &format!("; script-src 'nonce-{nonce}'; connect-src 'self'");
    }
    HeaderValue::from_str(&policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// Why a request gets no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    NotFound,
    /// Not from one of our own pages.
    Forbidden,
    /// For operators, and nobody else.
    Operators,
    /// Malformed.
    Bad,
    TooLarge,
    /// The database is away or full: nothing was changed, and another try may work.
    Unavailable,
    /// It did not arrive in its time.
    TooSlow,
    /// More is asked at once than can be answered.
    Busy,
    /// More was asked from one address than people ask.
    TooMany,
    Failed,
}

impl Problem {
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotFound | Self::Operators => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Bad => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a failure of the store is to the person who asked.
    pub const fn of_store(error: &StoreError) -> Self {
        if error.is_passing() { Self::Unavailable } else { Self::Failed }
    }

    /// What stands for a status that something below us answered.
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Self::NotFound,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::REQUEST_TIMEOUT => Self::TooSlow,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany,
            status if status.is_client_error() => Self::Bad,
            _ => Self::Failed,
        }
    }
}

/// The designed page of a problem.
pub async fn problem_page(state: &AppState, parts: &Parts, problem: Problem) -> Response {
    document_response(state, parts, move || frame_problem(problem), problem.status()).await
}

/// The login page again, with what was typed and what is wrong with it.
pub async fn render_page(
    state: &AppState,
    parts: &Parts,
    form: pages::login::LoginForm,
    status: StatusCode,
) -> Response {
    document_response(state, parts, move || pages::login::login_view(form.clone()), status).await
}

/// A page that answers a form.
pub async fn document_response<V: IntoView + 'static>(
    state: &AppState,
    parts: &Parts,
    body: impl Fn() -> V + Clone + Send + Sync + 'static,
    status: StatusCode,
) -> Response {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = parts.uri.clone();
    *request.headers_mut() = parts.headers.clone();
    *request.extensions_mut() = parts.extensions.clone();
    let state = state.clone();
    let handler = leptos_axum::render_app_async_with_context(
        move || document_context(&state),
        move || document(body.clone()),
    );
    let mut response = handler(request).await;
    *response.status_mut() = status;
    response
}
