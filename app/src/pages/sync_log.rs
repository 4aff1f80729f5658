//! The log of synchronisation, as the provider reads it.

use crate::components::{empty, live};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{mark, outcome_words, short_name};
use crate::remedy::{remedy, went_wrong};
use crate::texts::{Lang, text};
use chrono::NaiveDate;
use leptos::prelude::*;
use simone_booking::ConnectionId;
use simone_booking::id::SyncLogId;
use simone_store::views::{Connection, LogRow};
use simone_sync::round::Outcome;
use std::collections::HashSet;

#[component]
pub fn SyncLogPage() -> impl IntoView {
    page(Tab::Log, load).into_any()
}

async fn load(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let connection: Option<ConnectionId> = match here.query("connection") {
        None => None,
        Some(id) => Some(id.parse().map_err(|_| PageError::NotFound)?),
    };
    let page = here.query("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let log = here.state.db.sync_log(here.provider_id(), connection, page).await?;
    let several =
        log.rows.iter().any(|row| row.account != log.rows[0].account || row.platform != log.rows[0].platform);

    // What to do stands with the last round of each connection, if that went wrong.
    let mut seen = HashSet::new();
    let last_wrong: HashSet<SyncLogId> = (log.rows.iter())
        .filter(|row| log.page == 1 && seen.insert(row.connection) && went_wrong(row))
        .map(|row| row.id)
        .collect();
    let connections = if last_wrong.is_empty() {
        Vec::new()
    } else {
        here.state.db.connections(here.provider_id(), here.now).await?
    };

    let mut days: Vec<(NaiveDate, Vec<&LogRow>)> = Vec::new();
    for row in &log.rows {
        let day = row.ended_at.with_timezone(&here.zone()).date_naive();
        match days.last_mut() {
            Some((last, rows)) if *last == day => rows.push(row),
            _ => days.push((day, vec![row])),
        }
    }
    let days: Vec<_> = days
        .into_iter()
        .map(|(day, rows)| {
            let rows: Vec<_> = rows
                .into_iter()
                .map(|row| {
                    let todo = last_wrong.contains(&row.id).then_some(connections.as_slice());
                    line(&here, row, several, todo)
                })
                .collect();
            view! {
                <section class="stack">
                    <h2 class="day-title">{format::capital(&format::date(lang, day, here.today()))}</h2>
                    <ol class="card log">{rows}</ol>
                </section>
            }
        })
        .collect();
    let to = |page: u32| match connection {
        Some(connection) => format!("/sync-log?connection={connection}&page={page}"),
        None => format!("/sync-log?page={page}"),
    };
    let newer = (log.page > 1)
        .then(|| view! { <a class="btn" href=to(log.page - 1)>"‹ "{text!(lang, log.newer)}</a> });
    let older =
        log.older.then(|| view! { <a class="btn" href=to(log.page + 1)>{text!(lang, log.older)}" ›"</a> });
    let pages = (newer.is_some() || older.is_some())
        .then(|| view! { <nav class="actions" aria-label=text!(lang, log.pages)>{newer}{older}</nav> });
    let only = connection.map(|_| {
        let account = log.rows.first().map(|row| row.account.clone());
        view! {
            <p>
                {account.map(|account| text!(lang, log.only, account = account) + " · ")}
                <a href="/sync-log">{text!(lang, log.all)}</a>
            </p>
        }
    });
    let nothing = days.is_empty().then(|| empty(text!(lang, log.empty_title), text!(lang, log.empty), ()));
    let title = text!(lang, log.title);
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, log.lead)}</p>
            <p class="small">{format::elided(lang, &text!(lang, agenda.zone, city = here.city(here.zone())))}</p>
        </div>
        {live("log", None, view! { {only}{days}{nothing}{pages} })}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// What a round did to the events, in numbers.
pub fn counts(lang: Lang, row: &LogRow) -> Vec<String> {
    [
        (row.added, text!(lang, log.added, count = row.added)),
        (row.changed, text!(lang, log.changed, count = row.changed)),
        (row.removed, text!(lang, log.removed, count = row.removed)),
        (row.held, text!(lang, log.held, count = row.held)),
        (row.exported, text!(lang, log.exported, count = row.exported)),
        (row.export_failures, text!(lang, log.export_failures, count = row.export_failures)),
    ]
    .into_iter()
    .filter_map(|(count, words)| (count > 0).then_some(words))
    .collect()
}

/// How often nothing was new, and from when to when.
pub fn fold_words(here: &Here, row: &LogRow) -> String {
    let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&here.zone()).date_naive();
    let clock = |at| format::time(at, here.zone());
    let (from, to) = if day(row.started_at) == day(row.ended_at) {
        (clock(row.started_at), clock(row.ended_at))
    } else {
        (here.moment(row.started_at), here.moment(row.ended_at))
    };
    if from == to {
        return text!(here.lang, log.idle_at, count = row.rounds, at = to);
    }
    text!(here.lang, log.idle, count = row.rounds, from = from, to = to)
}

/// What a round says of itself that changed no event.
pub fn quiet_words(lang: Lang, row: &LogRow) -> String {
    if row.outcome == Outcome::Disconnected.code() {
        outcome_words(lang, row.platform, &row.outcome).unwrap_or_default()
    } else {
        text!(lang, log.nothing)
    }
}

fn line(here: &Here, row: &LogRow, several: bool, connections: Option<&[Connection]>) -> AnyView {
    let lang = here.lang;
    let changes = counts(lang, row);
    let wrong = went_wrong(row);
    let idle = changes.is_empty() && !wrong && !row.under_way;
    let trouble = outcome_words(lang, row.platform, &row.outcome).filter(|_| wrong);
    let what = if row.rounds > 1 {
        fold_words(here, row)
    } else if row.under_way && changes.is_empty() {
        text!(lang, log.under_way)
    } else if changes.is_empty() {
        if wrong { String::new() } else { quiet_words(lang, row) }
    } else {
        changes.join(" · ")
    };
    let account = several.then(|| {
        view! { <small class="detail">{mark(row.platform)}{short_name(row.platform)}" · "<bdi>{row.account.clone()}</bdi></small> }
    });
    let todo = connections.map(|connections| {
        let connection = connections.iter().find(|connection| connection.id == row.connection);
        view! { <div class="todo">{remedy(here, row, connection)}</div> }
    });
    view! {
        <li class:idle=idle>
            <a href=format!("/sync-log/{}", row.id)>
                <span class="num">{format::time(row.ended_at, here.zone())}</span>
                <span>
                    {(!what.is_empty()).then_some(what)}
                    {trouble.map(|words| view! { <span class="wrong">{words}</span> })}
                </span>
                {account}
            </a>
            {todo}
        </li>
    }
    .into_any()
}
