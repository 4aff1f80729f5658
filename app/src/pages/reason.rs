//! Why a slot is blocked, and how to free it.

use super::agenda::{title_of, when};
use super::unavailable::entered_change;
use crate::actions::calendars::{RemoveKept, SyncNow};
use crate::components::{action_form, connect_button, hidden, outside_link};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{calendar_name, hue_class, mark, platform_name};
use crate::reasons::{how, safe_link, why};
use crate::texts::text;
use chrono::TimeDelta;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::id::UnavailabilityId;
use simone_store::views::{Block, BlockSource, Imported, Reason};
use simone_sync::busy::Because;
use simone_sync::ports::Status;

#[component]
pub fn ReasonPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("block"));
    page(Tab::Agenda, move |here| load(here, id)).into_any()
}

async fn load(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let id: UnavailabilityId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let reason = here.state.db.block_reason(here.provider_id(), id).await?.ok_or(PageError::NotFound)?;
    let lang = here.lang;
    let block = &reason.block;
    let day = block.interval.start.with_timezone(&here.zone()).date_naive();
    let back = format!("/agenda?week={day}");
    let when = when(&here, block);
    let heading = text!(lang, reason.heading, when = short_when(&here, block));
    let link = safe_link(block.link.as_deref(), &here.state.authorize_origins);
    let open = link.zip(block.source.as_ref()).map(|(link, source)| {
        outside_link(lang, link, text!(lang, reason.open, platform = platform_name(source.platform)))
    });
    let color = hue_class(block.source.as_ref().and_then(|source| source.color.as_deref()));
    let (facts, change) = match (&reason.imported, &block.source) {
        (Some(imported), Some(source)) => (
            imported_facts(&here, &reason, imported, source),
            imported_change(&here, imported, source, &back),
        ),
        _ => match block.entered {
            Some(id) => {
                (entered_facts(&here, &reason), entered_change(&here, block.id, id, reason.comes_back, &back))
            }
            None => (kept_facts(&here, &reason), kept_change(&here, block, &back)),
        },
    };
    let body = view! {
        <div>
            <a class="crumb" href=back>"‹ "{text!(lang, reason.back)}</a>
            <h1>{format::elided(lang, &heading)}</h1>
        </div>
        {alerts(&here, &reason)}
        <section class=format!("card told {color}")>
            <header>
                <div class="grow">
                    <h2><bdi>{title_of(&here, block)}</bdi></h2>
                    <p class="num">{format::capital(&when)}</p>
                </div>
                {open}
            </header>
            <div class="body">{facts}</div>
        </section>
        {change}
    };
    let title = format!("{} · {when}", text!(lang, reason.title));
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// `mardi 13 janvier, 18:00`; of whole days without the hour.
fn short_when(here: &Here, block: &Block) -> String {
    let start = block.interval.start;
    let date = format::date(here.lang, start.with_timezone(&here.zone()).date_naive(), here.today());
    if block.all_day { date } else { format!("{date}, {}", format::time(start, here.zone())) }
}

/// What is unusual about this block, and asks for an answer.
fn alerts(here: &Here, reason: &Reason) -> AnyView {
    let lang = here.lang;
    let (Some(imported), Some(source)) = (&reason.imported, &reason.block.source) else {
        return ().into_any();
    };
    let settings = format!("/settings/calendars#{}", imported.calendar);
    let decide = |title: String, words: String| {
        view! {
            <section class="note">
                <p class="grow"><b>{title}</b>" "{words}</p>
                <a class="btn main" href=settings.clone()>{text!(lang, reason.held_button)}</a>
            </section>
        }
    };
    let held = imported.held.then(|| decide(text!(lang, reason.held_title), text!(lang, reason.held)));
    let gone = imported.gone.then(|| decide(text!(lang, reason.gone_title), text!(lang, reason.gone)));
    let reconnect = (imported.status == Status::NeedsReconnect).then(|| {
        let title = text!(lang, reason.reconnect_title, platform = platform_name(source.platform));
        view! {
            <section class="note">
                <p class="grow"><b>{title}</b>" "{text!(lang, reason.reconnect)}</p>
                {connect_button(source.platform, text!(lang, agenda.reconnect_button), Some(imported.connection))}
            </section>
        }
    });
    view! { {held}{gone}{reconnect} }.into_any()
}

fn imported_facts(here: &Here, reason: &Reason, imported: &Imported, source: &BlockSource) -> AnyView {
    let lang = here.lang;
    let city = here.city(here.zone());
    let block = &reason.block;
    let series = imported.of_series.then(|| {
        if imported.exception { text!(lang, reason.exception) } else { text!(lang, reason.of_series) }
    });
    let whole = block.all_day.then(|| {
        // A day has at most 25 hours.
        let words = if block.interval.end - block.interval.start > TimeDelta::hours(25) {
            text!(lang, reason.whole_days, city = city.as_str())
        } else {
            text!(lang, reason.whole_day, city = city.as_str())
        };
        format::elided(lang, &words)
    });
    let foreign = imported.foreign.then(|| text!(lang, reason.foreign));
    let rule = [why(lang, imported.because), foreign, whole, series].into_iter().flatten();
    let rule: Vec<_> = rule.map(|words| view! { <p>{words}</p> }).collect();
    let seen = imported
        .last_synced_at
        .map_or_else(|| text!(lang, reason.never), |at| text!(lang, reason.read, ago = here.ago(at)));
    let stale = imported.unread.then(|| view! { <p>{text!(lang, reason.unread_calendar)}</p> });
    let derived = reason.derived_at.map(|at| {
        let words = text!(lang, reason.derived, ago = here.ago(at), city = city.as_str());
        view! { <p class="small">{format::elided(lang, &words)}</p> }
    });
    let name = calendar_name(lang, &source.calendar, &source.account);
    view! {
        <dl class="pairs">
            <dt>{text!(lang, reason.rule)}</dt>
            <dd class="stack tight">{rule}</dd>
            <dt>{text!(lang, reason.calendar)}</dt>
            <dd>
                <a href=format!("/settings/calendars/{}/{}", imported.connection, imported.calendar)><bdi>{name}</bdi></a>
            </dd>
            <dt>{text!(lang, reason.account)}</dt>
            <dd>{mark(source.platform)}{platform_name(source.platform)}" · "<bdi>{source.account.clone()}</bdi></dd>
            <dt>{text!(lang, reason.seen)}</dt>
            <dd class="stack tight num"><p>{format::capital(&seen)}</p>{stale}{derived}</dd>
        </dl>
    }
    .into_any()
}

fn imported_change(here: &Here, imported: &Imported, source: &BlockSource, back: &str) -> AnyView {
    let lang = here.lang;
    let name = format::foreign(&calendar_name(lang, &source.calendar, &source.account));
    let settings = format!("/settings/calendars/{}", imported.connection);
    let how = how(lang, imported.because, source.platform);
    let on_platform = imported.because != Because::FreeButWanted;
    let then = on_platform.then(|| text!(lang, reason.then, platform = platform_name(source.platform)));
    let sync = (on_platform && imported.status == Status::Connected).then(|| {
        action_form!(
            SyncNow,
            view! {
                {hidden("connection", imported.connection)}
                {hidden("back", back)}
                <button class="btn">{text!(lang, reason.sync)}</button>
            }
        )
    });
    let switch = (!on_platform).then(|| {
        view! { <a class="btn" href=settings>{text!(lang, reason.settings)}</a> }
    });
    view! {
        <section class="card" aria-labelledby="change">
            <div class="body">
                <h2 id="change">{text!(lang, reason.change)}</h2>
                <ul class="what">
                    <li>{how}" "{then}</li>
                    <li>{text!(lang, reason.unselect, calendar = name)}</li>
                </ul>
                <div class="actions">
                    {sync}
                    {switch}
                    <a class="btn quiet" href="/settings/calendars">{text!(lang, reason.unselect_link)}</a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

fn entered_facts(here: &Here, reason: &Reason) -> AnyView {
    let lang = here.lang;
    let again = reason.comes_back.then(|| view! { <p>{text!(lang, unavailable.comes_back)}</p> });
    view! {
        <dl class="pairs">
            <dt>{text!(lang, reason.rule)}</dt>
            <dd class="stack tight">
                <p>{text!(lang, unavailable.rule)}</p>
                {again}
            </dd>
        </dl>
    }
    .into_any()
}

fn kept_facts(here: &Here, reason: &Reason) -> AnyView {
    let lang = here.lang;
    let words = text!(lang, reason.kept, when = here.moment(reason.created_at));
    view! {
        <dl class="pairs">
            <dt>{text!(lang, reason.rule)}</dt>
            <dd>{text!(lang, reason.kept_source)}". "{words}</dd>
        </dl>
    }
    .into_any()
}

fn kept_change(here: &Here, block: &Block, back: &str) -> AnyView {
    let lang = here.lang;
    view! {
        <section class="card" aria-labelledby="change">
            <div class="body">
                <h2 id="change">{text!(lang, reason.change)}</h2>
                <p>{text!(lang, reason.kept_how)}</p>
                <div class="actions">
                    {action_form!(RemoveKept, view! {
                        {hidden("block", block.id)}
                        {hidden("back", back)}
                        <button class="btn">{text!(lang, agenda.remove)}</button>
                    })}
                </div>
            </div>
        </section>
    }
    .into_any()
}
