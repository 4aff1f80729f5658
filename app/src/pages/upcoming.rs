//! What is to come in one calendar: each event, whether it blocks, and why.

use super::agenda::when_in;
use super::calendars::{decision, plain_row, trouble};
use crate::components::{empty, outside_link_named};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{calendar_name, platform_name};
use crate::reasons::{safe_link, short};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::{CalendarId, ConnectionId};
use simone_store::views::{Calendar, Connection, UpcomingPage, UpcomingRow, Which};
use simone_sync::ports::Status;

#[component]
pub fn CalendarPage() -> impl IntoView {
    let ids = use_params_map().with_untracked(|params| (params.get("connection"), params.get("calendar")));
    page(Tab::Calendars, move |here| load(here, ids)).into_any()
}

/// The calendar that the address names, if it is this provider's.
async fn find(
    here: &Here,
    (connection, calendar): (Option<String>, Option<String>),
) -> Result<(Connection, Calendar), PageError> {
    let id: ConnectionId = connection.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let calendar: CalendarId = calendar.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    let connection =
        connections.into_iter().find(|connection| connection.id == id).ok_or(PageError::NotFound)?;
    let found = connection.calendars.iter().find(|found| found.id == calendar).cloned();
    Ok((connection, found.ok_or(PageError::NotFound)?))
}

async fn load(here: Here, ids: (Option<String>, Option<String>)) -> Result<Screen, PageError> {
    let (connection, calendar) = find(&here, ids).await?;
    let lang = here.lang;
    let name = format::foreign(&calendar_name(lang, &calendar.name, &connection.account));
    let here_path = format!("/settings/calendars/{}/{}", connection.id, calendar.id);
    let which = if here.query("show").as_deref() == Some("free") { Which::NotBlocking } else { Which::All };
    let page = here.query("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let upcoming = here
        .state
        .db
        .upcoming(&here.provider, calendar.id, which, page, here.now)
        .await?
        .ok_or(PageError::NotFound)?;
    let content = if !calendar.selected {
        empty(text!(lang, upcoming.off_title, calendar = name.as_str()), text!(lang, upcoming.off), ())
            .into_any()
    } else if calendar.importing() && connection.status == Status::Connected {
        let reload = view! { <a class="btn" href=here.address()>{text!(lang, upcoming.reload)}</a> };
        let words = text!(lang, upcoming.importing, calendar = name.as_str());
        empty(text!(lang, upcoming.importing_title), words, reload).into_any()
    } else {
        list(&here, &connection, &name, &here_path, which, &upcoming)
    };
    let title = text!(lang, upcoming.title, calendar = name.as_str());
    let body = view! {
        <div>
            <a class="crumb" href=format!("/settings/calendars/{}", connection.id)>
                "‹\u{a0}"<bdi>{connection.account.clone()}</bdi>
            </a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, upcoming.lead)}</p>
        </div>
        {trouble(&here, &connection)}
        <section class="card" aria-label=name>
            <div class="body">
                {decision(&here, &connection, &calendar)}
                <ul>{plain_row(&here, &connection, &calendar)}</ul>
            </div>
        </section>
        {content}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn list(
    here: &Here,
    connection: &Connection,
    name: &str,
    path: &str,
    which: Which,
    upcoming: &UpcomingPage,
) -> AnyView {
    let lang = here.lang;
    if upcoming.blocking + upcoming.not_blocking == 0 {
        return empty(text!(lang, upcoming.empty_title), text!(lang, upcoming.empty, calendar = name), ())
            .into_any();
    }
    let tab = |to: String, current: bool, words: String| {
        view! { <a class="btn" href=to aria-current=current.then_some("true")>{words}</a> }
    };
    let all = which == Which::All;
    let zone = format::elided(lang, &text!(lang, agenda.zone, city = here.city(here.zone())));
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (blocking, not_blocking) = (count(upcoming.blocking), count(upcoming.not_blocking));
    let head = view! {
        <div class="bar">
            <p class="facts grow num">
                <span>{text!(lang, upcoming.blocking, count = blocking)}</span>
                <span>{text!(lang, upcoming.not_blocking, count = not_blocking)}</span>
                <span>{zone}</span>
            </p>
            <nav class="seg" aria-label=text!(lang, upcoming.filter)>
                {tab(path.to_owned(), all, text!(lang, upcoming.all))}
                {tab(format!("{path}?show=free"), !all, text!(lang, upcoming.only_free))}
            </nav>
        </div>
    };
    if upcoming.rows.is_empty() {
        let words = text!(lang, upcoming.none_free, calendar = name);
        let link = view! { <a class="btn" href=path.to_owned()>{text!(lang, upcoming.show_all)}</a> };
        let nothing = empty(text!(lang, upcoming.none_free_title), words, link);
        return view! { {head}{nothing} }.into_any();
    }
    let rows: Vec<_> = upcoming.rows.iter().map(|shown| line(here, connection, shown)).collect();
    let to = |page: usize| {
        let show = if all { "" } else { "&show=free" };
        format!("{path}?page={page}{show}")
    };
    let sooner = (upcoming.page > 1)
        .then(|| view! { <a class="btn" href=to(upcoming.page - 1)>"‹ "{text!(lang, upcoming.sooner)}</a> });
    let later = upcoming
        .more
        .then(|| view! { <a class="btn" href=to(upcoming.page + 1)>{text!(lang, upcoming.later)}" ›"</a> });
    let pages = (sooner.is_some() || later.is_some())
        .then(|| view! { <nav class="actions" aria-label=text!(lang, upcoming.pages)>{sooner}{later}</nav> });
    view! {
        {head}
        <ul class="card told-list">{rows}</ul>
        {pages}
    }
    .into_any()
}

fn line(here: &Here, connection: &Connection, shown: &UpcomingRow) -> AnyView {
    let lang = here.lang;
    let when = when_in(here, shown.interval, shown.all_day, here.zone());
    let title = format::foreign(&shown.title);
    let title = if title.is_empty() { text!(lang, app.busy) } else { title };
    let blocks = shown.verdict.blocks();
    let (class, state) =
        if blocks { ("state on", text!(lang, why.blocks)) } else { ("state off", text!(lang, why.free)) };
    let mut words = format::capital(&short(lang, shown.verdict.because()));
    if shown.repeats {
        words = format!("{words} · {}", text!(lang, upcoming.repeats));
    }
    let told = view! {
        <span class="name"><bdi>{title.clone()}</bdi></span>
        <small>{words}</small>
    };
    let told = match shown.block.filter(|_| blocks) {
        Some(block) => view! {
            <a class="into grow" href=format!("/agenda/{block}")>
                {told}
                <span class="unseen">{text!(lang, upcoming.why)}</span>
            </a>
        }
        .into_any(),
        None => view! { <div class="into grow">{told}</div> }.into_any(),
    };
    let open = safe_link(shown.link.as_deref(), &here.state.authorize_origins).map(|link| {
        let platform = platform_name(connection.platform);
        let named = text!(lang, upcoming.open_named, title = title.as_str(), platform = platform);
        outside_link_named(lang, link, named)
    });
    view! {
        <li class:off=!blocks>
            <span class="num when">{format::capital(&when)}</span>
            {told}
            <span class=class>{state}</span>
            {open}
        </li>
    }
    .into_any()
}
