//! What all pages share: who reads them, the frame around them, and what is shown when they fail.

use crate::components::{Icon, icon, live, outside_link};
use crate::flash::{Flash, FlashLink};
use crate::format;
use crate::render::{LIVE_PATH, Problem, document_response};
use crate::session::{REFRESH, Session};
use crate::state::AppState;
use crate::texts::{Lang, language_of, text};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_meta::Title;
use simone_booking::{Provider, ProviderId};
use simone_store::views::Stamp;
use simone_sync::ports::{StoreError, StoreResult};
use std::future::Future;

/// The request that a page answers.
#[derive(Clone)]
pub struct Here {
    pub state: AppState,
    pub session: Session,
    pub provider: Provider,
    pub lang: Lang,
    pub now: DateTime<Utc>,
    parts: Parts,
    response: ResponseOptions,
}

impl Here {
    /// From the context of a page or an action; `None` when nobody is logged in.
    pub fn find() -> Option<Self> {
        let parts = use_context::<Parts>()?;
        let state = use_context::<AppState>()?;
        let response = use_context::<ResponseOptions>()?;
        let session = parts.extensions.get::<Session>()?.clone();
        let provider = session.provider.clone()?;
        let (lang, now) = (language_of(&parts), state.clock.now());
        Some(Self { state, session, provider, lang, now, parts, response })
    }

    /// Of a request that a form's own handler answers.
    pub fn of(state: &AppState, parts: &Parts) -> Option<Self> {
        let session = parts.extensions.get::<Session>()?.clone();
        let provider = session.provider.clone()?;
        let (lang, now) = (language_of(parts), state.clock.now());
        let (state, parts, response) = (state.clone(), parts.clone(), ResponseOptions::default());
        Some(Self { state, session, provider, lang, now, parts, response })
    }

    /// The page of a form again, with what was typed and what is wrong with it.
    pub async fn again<F>(
        &self,
        tab: Tab,
        load: impl FnOnce(Self) -> F + Clone + Send + Sync + 'static,
    ) -> Response
    where
        F: Future<Output = Result<Screen, PageError>> + Send + 'static,
    {
        let body = move || page(tab, load.clone()).into_any();
        document_response(&self.state, &self.parts, body, StatusCode::UNPROCESSABLE_ENTITY).await
    }

    pub fn provider_id(&self) -> ProviderId {
        self.provider.id
    }

    pub fn zone(&self) -> Tz {
        self.provider.zone
    }

    /// Today in the provider's zone.
    pub fn today(&self) -> NaiveDate {
        self.now.with_timezone(&self.zone()).date_naive()
    }

    /// A parameter of the address's query.
    pub fn query(&self, name: &str) -> Option<String> {
        query_value(&self.parts, name)
    }

    /// Whether an open page renews itself, and nobody has opened one.
    pub fn is_refresh(&self) -> bool {
        self.parts.headers.contains_key(REFRESH)
    }

    /// What the provider's pages show at this moment; `None` when the session has just ended.
    async fn stamp(&self) -> StoreResult<Option<Stamp>> {
        let key = *self.session.key();
        Ok(self.state.db.stamps(&[key], self.now).await?.remove(&key))
    }

    /// Path and query, to come back to.
    pub fn address(&self) -> String {
        self.parts.uri.path_and_query().map_or_else(|| "/agenda".to_owned(), ToString::to_string)
    }

    pub fn ago(&self, at: DateTime<Utc>) -> String {
        format::ago(self.lang, at, self.now, self.zone())
    }

    pub fn moment(&self, at: DateTime<Utc>) -> String {
        format::moment(self.lang, at, self.now, self.zone())
    }

    pub fn city(&self, zone: Tz) -> String {
        format::city(self.lang, zone)
    }
}

pub fn query_value(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

/// What a page shows inside the frame.
pub struct Screen {
    pub title: String,
    /// Uses the width of a wide screen.
    pub fluid: bool,
    pub body: AnyView,
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error("not found")]
    NotFound,
    #[error("the page could not be read")]
    Store(#[from] StoreError),
}

/// The places in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Agenda,
    Conflicts,
    Calendars,
    Log,
    Notices,
    Account,
}

/// A page of someone who is logged in.
pub fn page<F>(tab: Tab, load: impl FnOnce(Here) -> F + Send + 'static) -> impl IntoView
where
    F: Future<Output = Result<Screen, PageError>> + Send + 'static,
{
    let here = Here::find();
    view! {
        <Suspense>
            {Suspend::new(async move {
                let Some(here) = here else { return frame_problem(Problem::Forbidden).into_any() };
                let around = Around::read(&here).await;
                let screen = load(here.clone()).await;
                match (screen, around) {
                    (Ok(screen), Ok(around)) => frame(&here, tab, around, screen).into_any(),
                    (Err(PageError::NotFound), Ok(around)) => {
                        here.response.set_status(Problem::NotFound.status());
                        let screen = problem_screen(here.lang, Problem::NotFound);
                        frame(&here, tab, around, screen).into_any()
                    }
                    (Err(PageError::Store(error)), _) | (_, Err(error)) => {
                        let problem = here.state.trouble(&error, "a page could not be read");
                        here.response.set_status(problem.status());
                        frame_problem(problem).into_any()
                    }
                }
            })}
        </Suspense>
    }
}

/// What the frame needs to know.
struct Around {
    /// Read before the page is: what changes meanwhile has another stamp.
    stamp: Option<Stamp>,
    unread: i64,
    /// Conflicts to be seen.
    conflicts: i64,
}

impl Around {
    async fn read(here: &Here) -> StoreResult<Self> {
        let stamp = here.stamp().await?;
        let unread = here.state.db.unread_notices(here.provider_id()).await?;
        Ok(Self { stamp, unread, conflicts: here.state.db.open_conflicts(here.provider_id()).await? })
    }
}

fn frame(here: &Here, tab: Tab, around: Around, screen: Screen) -> AnyView {
    let lang = here.lang;
    let Around { stamp, unread, conflicts } = around;
    let stamp = stamp.map(|stamp| stamp.as_str().to_owned());
    let link = move |place: Tab, address: &'static str, name: String, picture: Icon| {
        let current = (place == tab).then_some("page");
        let counted = |count: i64, spoken: String| {
            (count > 0).then(|| {
                view! { <span class="count" aria-hidden="true">{count.min(99)}</span><span class="unseen">{spoken}</span> }
            })
        };
        let badge = match place {
            Tab::Notices => {
                let count = counted(unread, text!(lang, app.unread, count = unread));
                Some(live("unread", Some(text!(lang, app.unread_said)), count))
            }
            Tab::Conflicts => {
                let count = counted(conflicts, text!(lang, app.conflicts_open, count = conflicts));
                Some(live("unsettled", Some(text!(lang, conflicts.said)), count))
            }
            _ => None,
        };
        view! {
            <li class:last=place == Tab::Account>
                <a href=address aria-current=current>{icon(picture)}<span>{name}</span>{badge}</a>
            </li>
        }
        .into_any()
    };
    view! {
        <Title text=document_title(&screen.title)/>
        <a class="skip" href="#content">{text!(lang, app.skip)}</a>
        <header class="top">
            <a class="brand" href="/agenda" aria-label="Simone">"simone"<i>"."</i></a>
            <nav class="nav" aria-label=text!(lang, app.nav)>
                <ul>
                    {link(Tab::Agenda, "/agenda", text!(lang, app.agenda), Icon::Agenda)}
                    {link(Tab::Conflicts, "/conflicts", text!(lang, app.conflicts), Icon::Conflicts)}
                    {link(Tab::Calendars, "/settings/calendars", text!(lang, app.calendars), Icon::Calendars)}
                    {link(Tab::Log, "/sync-log", text!(lang, app.log), Icon::Log)}
                    {link(Tab::Notices, "/notifications", text!(lang, app.notices), Icon::Notices)}
                    {link(Tab::Account, "/settings/account", text!(lang, app.settings), Icon::Account)}
                </ul>
            </nav>
        </header>
        <main id="content" tabindex="-1" class:fluid=screen.fluid data-stamp=stamp>
            {flash_note(lang, here.session.shown.as_ref())}
            {screen.body}
            {demo_links(here)}
        </main>
        <p
            class="offline"
            data-live-hint=text!(lang, app.offline, time = format::time(here.now, here.zone()))
            hidden=true
        ></p>
        <p class="unseen" role="status" aria-live="polite" data-live-voice=""></p>
        <script nonce=use_nonce() type="module" src=LIVE_PATH></script>
    }
    .into_any()
}

/// The way to what only the demonstration has.
fn demo_links(here: &Here) -> AnyView {
    let lang = here.lang;
    let Some(demo) = here.state.demo.clone() else { return ().into_any() };
    let link = |address: String, words: String| view! { <a class="crumb" href=address>{words}</a> };
    view! {
        <p class="facts demo">
            <b>{text!(lang, app.demo)}</b>
            {demo.simulator.map(|address| link(address, text!(lang, app.simulator)))}
            {demo.mailbox.map(|address| link(address, text!(lang, app.mailbox)))}
        </p>
    }
    .into_any()
}

/// What the last action did, read out as soon as the page is there.
pub fn flash_note(lang: Lang, flash: Option<&Flash>) -> AnyView {
    let shown = flash.map(|flash| {
        let class = if flash.is_bad() { "note" } else { "note calm" };
        let links: Vec<_> = flash.links(lang).into_iter().map(|link| flash_link(lang, link)).collect();
        if links.is_empty() {
            view! { <p class=class>{flash.words(lang)}</p> }.into_any()
        } else {
            view! {
                <div class=class>
                    <p class="grow">{flash.words(lang)}</p>
                    <div class="actions">{links}</div>
                </div>
            }
            .into_any()
        }
    });
    let role = if flash.is_some_and(Flash::is_bad) { "alert" } else { "status" };
    shown.map(|note| view! { <div role=role aria-live="polite">{note}</div> }).into_any()
}

fn flash_link(lang: Lang, link: FlashLink) -> AnyView {
    if link.outside {
        outside_link(lang, link.address, link.words)
    } else {
        view! { <a class="btn" href=link.address>{link.words}</a> }.into_any()
    }
}

/// `leptos_meta` writes a title as it stands, and it may name an account.
pub fn document_title(title: &str) -> String {
    format!("{} · Simone", title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// The frame of someone who is not, or not surely, logged in.
pub fn plain_frame(title: String, lang: Lang, body: impl IntoView + 'static) -> AnyView {
    view! {
        <Title text=document_title(&title)/>
        <a class="skip" href="#content">{text!(lang, app.skip)}</a>
        <header class="top"><a class="brand" href="/agenda" aria-label="Simone">"simone"<i>"."</i></a></header>
        <main id="content" tabindex="-1">{body}</main>
    }.into_any()
}

/// A problem as a page of its own.
pub fn frame_problem(problem: Problem) -> AnyView {
    let lang = use_context::<Parts>().map_or(Lang::fr, |parts| language_of(&parts));
    let screen = problem_screen(lang, problem);
    plain_frame(screen.title, lang, screen.body).into_any()
}

pub fn problem_screen(lang: Lang, problem: Problem) -> Screen {
    let (title, words) = match problem {
        Problem::NotFound => (text!(lang, error.not_found_title), text!(lang, error.not_found)),
        Problem::Forbidden => (text!(lang, error.forbidden_title), text!(lang, error.forbidden)),
        Problem::Operators => (text!(lang, error.operators_title), text!(lang, error.operators)),
        Problem::Bad => (text!(lang, error.bad_title), text!(lang, error.bad)),
        Problem::TooLarge => (text!(lang, error.large_title), text!(lang, error.large)),
        Problem::Unavailable => (text!(lang, error.unavailable_title), text!(lang, error.unavailable)),
        Problem::TooSlow => (text!(lang, error.slow_title), text!(lang, error.slow)),
        Problem::Busy => (text!(lang, error.busy_title), text!(lang, error.busy)),
        Problem::TooMany => (text!(lang, error.many_title), text!(lang, error.many)),
        Problem::Failed => (text!(lang, error.failed_title), text!(lang, error.failed)),
    };
    let body = view! {
        <div class="error-page">
            <h1>{title.clone()}</h1>
            <p class="lead">{words}</p>
            <a class="btn main" href="/agenda">{text!(lang, error.home)}</a>
        </div>
    };
    Screen { title, fluid: false, body: body.into_any() }
}
