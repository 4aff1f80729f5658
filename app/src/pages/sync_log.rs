//! The log of synchronisation, as the provider reads it.

use crate::components::{empty, live};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{outcome_words, short_name};
use crate::texts::text;
use chrono::NaiveDate;
use leptos::prelude::*;
use simone_booking::ConnectionId;
use simone_store::views::LogRow;

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
    let several = log.rows.iter().any(|row| row.account != log.rows[0].account);

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
            let rows: Vec<_> = rows.into_iter().map(|row| line(&here, row, several)).collect();
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

fn line(here: &Here, row: &LogRow, several: bool) -> AnyView {
    let lang = here.lang;
    let clock = |at| format::time(at, here.zone());
    let same_minute = clock(row.started_at) == clock(row.ended_at);
    let when = if row.rounds > 1 && !same_minute {
        // The first round of a shared row may be of an earlier day.
        let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&here.zone()).date_naive();
        let from = if day(row.started_at) == day(row.ended_at) {
            clock(row.started_at)
        } else {
            here.moment(row.started_at)
        };
        format!("{from} – {}", clock(row.ended_at))
    } else {
        clock(row.started_at)
    };
    let changes: Vec<String> = [
        (row.added, text!(lang, log.added, count = row.added)),
        (row.changed, text!(lang, log.changed, count = row.changed)),
        (row.removed, text!(lang, log.removed, count = row.removed)),
        (row.held, text!(lang, log.held, count = row.held)),
    ]
    .into_iter()
    .filter_map(|(count, words)| (count > 0).then_some(words))
    .collect();
    let idle = changes.is_empty() && row.outcome == "ok";
    let trouble = outcome_words(lang, row.platform, &row.outcome);
    let what = if row.rounds > 1 {
        text!(lang, log.idle, count = row.rounds)
    } else if changes.is_empty() {
        if trouble.is_some() { String::new() } else { text!(lang, log.nothing) }
    } else {
        changes.join(" · ")
    };
    let took = if row.rounds > 1 {
        let mean = format::duration(lang, row.duration_ms / row.rounds.max(1));
        text!(lang, log.took_mean, duration = mean)
    } else {
        text!(lang, log.took, duration = format::duration(lang, row.duration_ms))
    };
    let mut facts = vec![text!(lang, log.requests, count = row.requests), took];
    if several {
        facts.insert(0, format!("{} · {}", short_name(row.platform), row.account));
    }
    view! {
        <li class:idle=idle>
            <span class="num">{when}</span>
            <span>{(!what.is_empty()).then_some(what)}{trouble.map(|words| view! { <p class="wrong">{words}</p> })}</span>
            <small class="detail num">{facts.join(" · ")}</small>
        </li>
    }.into_any()
}
