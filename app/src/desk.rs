//! What the operators' pages share: who reads them, and the frame around them.

use crate::components::{Icon, icon};
use crate::format;
use crate::page::{
    PageError, Screen, document_title, flash_note, frame_problem, problem_screen, query_value,
};
use crate::render::Problem;
use crate::session::Session;
use crate::state::AppState;
use crate::texts::{Lang, language_of, text};
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;
use simone_booking::Operator;
use std::future::Future;

/// The request of an operator. The router lets nobody else where one is needed.
#[derive(Clone)]
pub struct Desk {
    pub state: AppState,
    pub session: Session,
    pub operator: Operator,
    pub lang: Lang,
    pub now: DateTime<Utc>,
    parts: Parts,
    response: ResponseOptions,
}

/// The places in the operators' navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Providers,
    Operators,
    Tokens,
    Audit,
    Account,
}

impl Desk {
    /// From the context of a page or an action; `None` when no operator is logged in.
    pub fn find() -> Option<Self> {
        let parts = use_context::<Parts>()?;
        let state = use_context::<AppState>()?;
        let response = use_context::<ResponseOptions>()?;
        let session = parts.extensions.get::<Session>()?.clone();
        let operator = session.operator.clone()?;
        let (lang, now) = (language_of(&parts), state.clock.now());
        Some(Self { state, session, operator, lang, now, parts, response })
    }

    /// A parameter of the address's query.
    pub fn query(&self, name: &str) -> Option<String> {
        query_value(&self.parts, name)
    }

    /// The number of the page that the query asks for.
    pub fn page_number(&self) -> u32 {
        self.query("page").and_then(|page| page.parse().ok()).unwrap_or(1)
    }

    pub fn ago(&self, at: DateTime<Utc>) -> String {
        format::ago(self.lang, at, self.now, self.operator.zone)
    }

    pub fn moment(&self, at: DateTime<Utc>) -> String {
        format::moment(self.lang, at, self.now, self.operator.zone)
    }
}

/// A page of an operator.
pub fn desk_page<F>(place: Place, load: impl FnOnce(Desk) -> F + Send + 'static) -> impl IntoView
where
    F: Future<Output = Result<Screen, PageError>> + Send + 'static,
{
    let desk = Desk::find();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let Some(desk) = desk else { return frame_problem(Problem::Operators).into_any() };
                match load(desk.clone()).await {
                    Ok(screen) => desk_frame(&desk, place, screen),
                    Err(PageError::NotFound) => {
                        desk.response.set_status(Problem::NotFound.status());
                        desk_frame(&desk, place, problem_screen(desk.lang, Problem::NotFound))
                    }
                    Err(PageError::Store(error)) => {
                        let problem = desk.state.trouble(&error, "a page could not be read");
                        desk.response.set_status(problem.status());
                        frame_problem(problem).into_any()
                    }
                }
            })}
        </Suspense>
    }
}

/// The frame of an operator's page.
pub fn desk_frame(desk: &Desk, place: Place, screen: Screen) -> AnyView {
    let lang = desk.lang;
    let link = move |to: Place, address: &'static str, name: String, picture: Icon| {
        let current = (to == place).then_some("page");
        view! {
            <li class:last=to == Place::Account>
                <a href=address aria-current=current>{icon(picture)}<span>{name}</span></a>
            </li>
        }
        .into_any()
    };
    view! {
        <Title text=document_title(&screen.title)/>
        <a class="skip" href="#content">{text!(lang, app.skip)}</a>
        <header class="top">
            <a class="brand" href="/oversight" aria-label="Simone">"simone"<i>"."</i></a>
            <nav class="nav" aria-label=text!(lang, oversight.nav)>
                <ul>
                    {link(Place::Providers, "/oversight", text!(lang, oversight.providers), Icon::People)}
                    {link(Place::Operators, "/oversight/operators", text!(lang, oversight.operators), Icon::Operators)}
                    {link(Place::Tokens, "/oversight/tokens", text!(lang, oversight.tokens), Icon::Key)}
                    {link(Place::Audit, "/oversight/audit", text!(lang, oversight.audit), Icon::Log)}
                    {link(Place::Account, "/oversight/account", text!(lang, app.account), Icon::Account)}
                </ul>
            </nav>
        </header>
        <main id="content" tabindex="-1" class:fluid=screen.fluid>
            {flash_note(lang, desk.session.shown.as_ref())}
            {screen.body}
            {desk.session.provider.is_some().then(|| view! {
                <p class="facts demo"><a class="crumb" href="/agenda">{text!(lang, oversight.to_agenda)}</a></p>
            })}
        </main>
    }
    .into_any()
}
