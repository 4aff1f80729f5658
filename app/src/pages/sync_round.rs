//! One round of the log: what it did, event by event.

use super::agenda::when_in;
use super::sync_log::{counts, fold_words};
use crate::components::empty;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::sync_log::quiet_words;
use crate::platform::{calendar_name, mark, outcome_words, platform_name};
use crate::reasons::short;
use crate::remedy::{remedy, went_wrong};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::id::SyncLogId;
use simone_store::views::{LogRow, RoundView};
use simone_sync::busy::{self, Because};
use simone_sync::event::Span;
use simone_sync::log::{Entry, Kind, Sight};
use simone_sync::round::Outcome;

/// Events on a page.
const PAGE: usize = 50;

#[component]
pub fn SyncRoundPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("round"));
    page(Tab::Log, move |here| load(here, id)).into_any()
}

async fn load(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let id: SyncLogId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let round = here.state.db.sync_round(here.provider_id(), id).await?.ok_or(PageError::NotFound)?;
    let lang = here.lang;
    let row = &round.row;
    let wrong = went_wrong(row);
    let trouble = if wrong {
        let connections = here.state.db.connections(here.provider_id(), here.now).await?;
        let connection = connections.iter().find(|connection| connection.id == row.connection);
        let words = outcome_words(lang, row.platform, &row.outcome);
        Some(view! {
            <section class="note" aria-label=text!(lang, round.what_now)>
                <p class="w-full">{words}</p>
                {remedy(&here, row, connection)}
            </section>
        })
    } else {
        None
    };
    let heading = if row.rounds > 1 {
        text!(lang, round.title_fold, when = here.moment(row.ended_at))
    } else {
        text!(lang, round.title, when = here.moment(row.started_at))
    };
    let lead = if row.rounds > 1 { fold_words(&here, row) } else { counts(lang, row).join(" · ") };
    let state = row.under_way.then(|| view! { <span class="state busy">{text!(lang, log.under_way)}</span> });
    let body = view! {
        <div>
            <a class="crumb" href="/sync-log">"‹ "{text!(lang, round.back)}</a>
            <div class="bar">
                <div class="grow">
                    <h1>{heading.clone()}</h1>
                    <p class="lead">{mark(row.platform)}{platform_name(row.platform)}" · "<bdi>{row.account.clone()}</bdi></p>
                    {(!lead.is_empty()).then(|| view! { <p class="small num">{lead}</p> })}
                </div>
                {state}
            </div>
        </div>
        {trouble}
        {events(&here, &round)}
        {numbers(&here, row)}
    };
    Ok(Screen { title: heading, fluid: false, body: body.into_any() })
}

/// What the round did, calendar by calendar.
fn events(here: &Here, round: &RoundView) -> AnyView {
    let lang = here.lang;
    let row = &round.row;
    let told = |words: String| view! { <p class="note calm">{words}</p> }.into_any();
    if row.added + row.changed + row.removed + row.held + row.exported == 0 {
        if row.export_failures > 0 {
            return told(text!(lang, round.export_failures));
        }
        if went_wrong(row) {
            return told(text!(lang, round.nothing_failed));
        }
        if row.outcome == Outcome::Disconnected.code() {
            return told(quiet_words(lang, row));
        }
        return empty(text!(lang, round.nothing_title), text!(lang, round.nothing), ()).into_any();
    }
    if round.calendars.is_empty() {
        return told(if round.erased { text!(lang, round.erased) } else { text!(lang, round.lost) });
    }
    let lost = round.calendars.iter().any(|calendar| calendar.changes.is_none());
    let all: usize =
        round.calendars.iter().flat_map(|calendar| &calendar.changes).map(|it| it.entries.len()).sum();
    let pages = all.div_ceil(PAGE).max(1);
    let page: usize = here.query("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, pages);
    let (from, to) = ((page - 1) * PAGE, page * PAGE);
    let mut passed = 0;
    let mut sections = Vec::new();
    for calendar in &round.calendars {
        let Some(changes) = &calendar.changes else { continue };
        let shown: Vec<_> = changes
            .entries
            .iter()
            .enumerate()
            .filter(|(index, _)| (from..to).contains(&(passed + index)))
            .map(|(_, entry)| line(here, entry))
            .collect();
        passed += changes.entries.len();
        // The rest is told where the list ends.
        let more = (changes.more > 0 && (from..=to).contains(&passed)).then(|| {
            let count = i64::try_from(changes.more).unwrap_or(i64::MAX);
            view! { <p class="small">{text!(lang, round.more, count = count)}</p> }
        });
        if shown.is_empty() && more.is_none() {
            continue;
        }
        let told_as =
            if calendar.exported { text!(lang, round.exports) } else { text!(lang, round.calendar_left) };
        let name = calendar
            .name
            .as_deref()
            .map_or_else(|| told_as, |name| format::foreign(&calendar_name(lang, name, &row.account)));
        sections.push(view! {
            <section class="stack">
                <h2 class="day-title"><bdi>{name}</bdi></h2>
                {(!shown.is_empty()).then(|| view! { <ul class="card told-list">{shown}</ul> })}
                {more}
            </section>
        });
    }
    let address = |page: usize| format!("/sync-log/{}?page={page}", row.id);
    let back = (page > 1)
        .then(|| view! { <a class="btn" href=address(page - 1)>"‹ "{text!(lang, round.previous_page)}</a> });
    let next = (page < pages)
        .then(|| view! { <a class="btn" href=address(page + 1)>{text!(lang, round.next_page)}" ›"</a> });
    let steps = (pages > 1)
        .then(|| view! { <nav class="actions" aria-label=text!(lang, round.page)>{back}{next}</nav> });
    view! {
        {lost.then(|| told(text!(lang, round.lost)))}
        {sections}
        {steps}
    }
    .into_any()
}

fn line(here: &Here, entry: &Entry) -> AnyView {
    let lang = here.lang;
    let (class, word) = match entry.kind {
        Kind::Added => ("state on", text!(lang, round.added)),
        Kind::Changed => ("state busy", text!(lang, round.changed)),
        Kind::Removed => ("state off", text!(lang, round.removed)),
        Kind::Held => ("state warn", text!(lang, round.held)),
    };
    let (title, facts) = match (&entry.before, &entry.after) {
        (Some(before), Some(after)) => (title(here, after), changed(here, entry, before, after)),
        (None, Some(sight)) => {
            (title(here, sight), vec![fact(when(here, sight)), fact(blocking(here, sight))])
        }
        (Some(sight), None) => {
            let effect = if entry.kind == Kind::Held {
                Some(text!(lang, round.held_text))
            } else {
                blocks(sight).then(|| text!(lang, round.freed))
            };
            let effect = effect.map(fact);
            (title(here, sight), [Some(fact(when(here, sight))), effect].into_iter().flatten().collect())
        }
        (None, None) => (text!(lang, round.unknown), Vec::new()),
    };
    view! {
        <li>
            <span class=class>{word}</span>
            <div class="grow">
                <p class="name"><bdi>{title}</bdi></p>
                {facts}
            </div>
        </li>
    }
    .into_any()
}

fn fact(words: String) -> AnyView {
    view! { <small class="fact num">{words}</small> }.into_any()
}

/// From what to what.
fn from_to(here: &Here, before: String, after: String) -> AnyView {
    let lang = here.lang;
    view! {
        <small class="fact num">
            <span class="unseen">{text!(lang, round.was)}" "</span>
            <del><bdi>{before}</bdi></del>
            <span aria-hidden="true">" → "</span>
            <span class="unseen">", "{text!(lang, round.is)}" "</span>
            <ins><bdi>{after}</bdi></ins>
        </small>
    }
    .into_any()
}

fn changed(here: &Here, entry: &Entry, before: &Sight, after: &Sight) -> Vec<AnyView> {
    let lang = here.lang;
    let mut facts = Vec::new();
    let mut told = false;
    if entry.released {
        facts.push(fact(text!(lang, round.released)));
        told = true;
    }
    let titles = (title(here, before), title(here, after));
    if titles.0 != titles.1 {
        facts.push(from_to(here, titles.0, titles.1));
        told = true;
    }
    let (was, is) = (when(here, before), when(here, after));
    if was == is {
        facts.push(fact(is));
    } else {
        facts.push(from_to(here, was, is));
        told = true;
    }
    if entry.rule_changed {
        facts.push(fact(text!(lang, round.rule_changed)));
        told = true;
    }
    if before.because != after.because && after.span.is_some() && before.span.is_some() {
        let why = because(after).map(|because| short(lang, because)).unwrap_or_default();
        facts.push(fact(match (blocks(before), blocks(after)) {
            (false, true) => text!(lang, round.blocks_now, why = why),
            (true, false) => text!(lang, round.free_now, why = why),
            (true, true) => text!(lang, round.blocks, why = why),
            (false, false) => text!(lang, round.free, why = why),
        }));
        told = true;
    } else if blocks(before) && after.span.is_none() {
        facts.push(fact(text!(lang, round.freed)));
        told = true;
    }
    if !told {
        facts.push(fact(text!(lang, round.detail_only)));
    }
    facts
}

fn because(sight: &Sight) -> Option<Because> {
    Because::from_code(&sight.because)
}

fn blocks(sight: &Sight) -> bool {
    because(sight).is_some_and(Because::blocks)
}

/// Whether it blocks, and why.
fn blocking(here: &Here, sight: &Sight) -> String {
    let lang = here.lang;
    let why = because(sight).map(|because| short(lang, because)).unwrap_or_default();
    if blocks(sight) { text!(lang, round.blocks, why = why) } else { text!(lang, round.free, why = why) }
}

fn title(here: &Here, sight: &Sight) -> String {
    let title = format::foreign(&sight.title);
    if title.is_empty() { text!(here.lang, app.busy) } else { title }
}

fn when(here: &Here, sight: &Sight) -> String {
    let lang = here.lang;
    let Some(span) = sight.span else { return text!(lang, round.cancelled) };
    let zone = here.zone();
    let all_day = matches!(span, Span::AllDay { .. });
    let start = busy::start(&span, zone);
    let interval = busy::interval(&span, zone).unwrap_or(simone_booking::Interval::new(start, start));
    let when = when_in(here, interval, all_day, zone);
    if sight.repeats { text!(lang, round.series, when = when) } else { when }
}

/// What few want to know.
fn numbers(here: &Here, row: &LogRow) -> AnyView {
    let lang = here.lang;
    let mean = format::duration(lang, row.duration_ms / row.rounds.max(1));
    let duration =
        if row.rounds > 1 { text!(lang, round.duration_mean) } else { text!(lang, round.duration) };
    let from_to = format!("{} – {}", here.moment(row.started_at), here.moment(row.ended_at));
    let zone = format::elided(lang, &text!(lang, agenda.zone, city = here.city(here.zone())));
    view! {
        <details class="numbers">
            <summary>{text!(lang, round.numbers)}</summary>
            <dl class="pairs num">
                <dt>{text!(lang, round.span)}</dt>
                <dd>{from_to}" · "{zone}</dd>
                <dt>{text!(lang, round.requests)}</dt>
                <dd>{row.requests}</dd>
                <dt>{text!(lang, round.refreshes)}</dt>
                <dd>{row.refreshes}</dd>
                <dt>{duration}</dt>
                <dd>{mean}</dd>
            </dl>
        </details>
    }
    .into_any()
}
