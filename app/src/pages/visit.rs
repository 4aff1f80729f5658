//! The frame of the pages that clients see, who have no account and no navigation.

use super::login::language_choice;
use crate::flash::Flash;
use crate::page::{PageError, document_title, flash_note, frame_problem, problem_screen};
use crate::render::{LIVE_PATH, Problem, document_response};
use crate::session::Session;
use crate::texts::text;
use crate::visitor::Visit;
use axum::http::header::SET_COOKIE;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use chrono_tz::Tz;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::{Meta, Title};
use std::sync::Arc;

/// What a client's page shows.
pub struct Shown {
    pub status: StatusCode,
    pub title: String,
    /// The provider's zone, where times are shown.
    pub zone: Option<Tz>,
    pub body: AnyView,
}

impl Shown {
    pub fn new(title: String, body: impl IntoView + 'static) -> Self {
        Self { status: StatusCode::OK, title, zone: None, body: body.into_any() }
    }

    #[must_use]
    pub fn at(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    #[must_use]
    pub fn zoned(self, zone: Tz) -> Self {
        Self { zone: Some(zone), ..self }
    }
}

/// A page that is drawn once all is read: a document may be drawn again, and what it is made of is then still there.
pub type Drawn = Arc<dyn Fn(&Visit) -> Shown + Send + Sync>;

/// A page at its address.
pub fn visit_page<F>(load: impl FnOnce(Visit) -> F + Send + 'static) -> impl IntoView
where
    F: Future<Output = Result<Drawn, PageError>> + Send + 'static,
{
    let (visit, response) = (Visit::find(), use_context::<ResponseOptions>());
    view! {
        <Suspense>
            {Suspend::new(async move {
                let (Some(visit), Some(response)) = (visit, response) else {
                    return frame_problem(Problem::Failed).into_any();
                };
                match load(visit.clone()).await {
                    Ok(drawn) => {
                        let shown = drawn(&visit);
                        response.set_status(shown.status);
                        if let Some(cookie) = visit.zone_cookie() {
                            response.append_header(SET_COOKIE, cookie);
                        }
                        frame(&visit, shown)
                    }
                    Err(PageError::NotFound) => {
                        response.set_status(StatusCode::NOT_FOUND);
                        frame(&visit, not_found(&visit))
                    }
                    Err(PageError::Store(error)) => {
                        let problem = visit.state.trouble(&error, "a client's page could not be read");
                        response.set_status(problem.status());
                        frame_problem(problem)
                    }
                }
            })}
        </Suspense>
    }
}

/// A page in answer to a form.
pub async fn visit_response(visit: &Visit, drawn: Drawn) -> Response {
    let status = Arc::new(std::sync::Mutex::new(StatusCode::OK));
    let (seen, noted) = (visit.clone(), status.clone());
    let body = move || {
        let shown = drawn(&seen);
        *noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = shown.status;
        frame(&seen, shown)
    };
    let mut response = document_response(&visit.state, &visit.parts, body, StatusCode::OK).await;
    *response.status_mut() = *status.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    response
}

/// There is nothing at this address.
pub fn not_found(visit: &Visit) -> Shown {
    let title = text!(visit.lang, error.not_found_title);
    said(title, text!(visit.lang, error.not_found), ()).at(StatusCode::NOT_FOUND)
}

/// A page that says one thing.
pub fn said(title: String, words: String, action: impl IntoView + 'static) -> Shown {
    let body = view! {
        <div class="error-page">
            <h1>{title.clone()}</h1>
            <p class="lead">{words}</p>
            {action}
        </div>
    };
    Shown::new(title, body)
}

fn frame(visit: &Visit, shown: Shown) -> AnyView {
    let lang = visit.lang;
    let flash: Option<Flash> =
        visit.parts.extensions.get::<Session>().and_then(|session| session.shown.clone());
    // What answers a form cannot be had again by its address.
    let (asked, path) = (visit.parts.method == Method::GET, visit.parts.uri.path());
    let back = visit.parts.uri.path_and_query().filter(|_| asked).map_or(path, |address| address.as_str());
    // Asked for its own zone, the browser shows the page again where it is another.
    let zone = shown.zone.filter(|_| asked).map(Tz::name);
    let mailbox = visit.state.demo.as_ref().and_then(|demo| demo.mailbox.clone());
    let simulator = visit.state.demo.as_ref().and_then(|demo| demo.simulator.clone());
    let demo = (mailbox.is_some() || simulator.is_some()).then(|| {
        view! {
            <p class="facts demo">
                <b>{text!(lang, app.demo)}</b>
                {simulator.map(|address| view! { <a class="crumb" href=address>{text!(lang, app.simulator)}</a> })}
                {mailbox.map(|address| view! { <a class="crumb" href=address>{text!(lang, app.mailbox)}</a> })}
            </p>
        }
    });
    view! {
        <Title text=document_title(&shown.title)/>
        <Meta name="robots" content="noindex"/>
        <a class="skip" href="#content">{text!(lang, app.skip)}</a>
        <header class="top"><span class="brand">"simone"<i>"."</i></span></header>
        <main id="content" class="visit" tabindex="-1" data-zone=zone>
            {flash_note(lang, flash.as_ref())}
            {shown.body}
            {language_choice(lang, back.to_owned())}
            {demo}
        </main>
        <script nonce=use_nonce() type="module" src=LIVE_PATH></script>
    }
    .into_any()
}

/// A failure of ours as an answer to a form.
pub async fn problem_response(visit: &Visit, problem: Problem) -> Response {
    let drawn: Drawn = Arc::new(move |visit| {
        let screen = problem_screen(visit.lang, problem);
        Shown::new(screen.title, screen.body).at(problem.status())
    });
    visit_response(visit, drawn).await
}
