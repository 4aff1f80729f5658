//! The provider themselves, and the step before their zone changes.

use super::agenda::{when, when_in};
use super::login::language_choice;
use super::sessions::sessions;
use super::sharing::titles_choice;
use crate::actions::account::ChangeZone;
use crate::components::{action_form, hidden, settings_nav};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::texts::{Lang, text};
use chrono_tz::{TZ_VARIANTS, Tz};
use leptos::prelude::*;
use simone_booking::Interval;
use simone_booking::horizon::start_of_day;
use simone_sync::zone;

#[component]
pub fn AccountPage() -> impl IntoView {
    page(Tab::Account, account).into_any()
}

#[component]
pub fn ZonePage() -> impl IntoView {
    page(Tab::Account, preview).into_any()
}

async fn account(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let title = text!(lang, account.title);
    let open = here.state.db.open_sessions(here.session.who(), here.session.token_hash(), here.now).await?;
    let oversight = here.session.operator.is_some().then(|| {
        view! {
            <p class="facts"><a class="crumb" href="/oversight">{text!(lang, account.oversight)}</a></p>
        }
    });
    let sharing = titles_choice(&here).await?;
    let body = view! {
        <h1>{title.clone()}</h1>
        {settings_nav(lang, "/settings/account")}
        <section class="card">
            <div class="body">
                <dl class="pairs">
                    <dt>{text!(lang, account.name)}</dt>
                    <dd>{here.provider.name.clone()}</dd>
                    <dt>{text!(lang, account.email)}</dt>
                    <dd>{here.provider.email.clone()}</dd>
                </dl>
            </div>
        </section>
        <section class="card" aria-labelledby="zone-title">
            <form class="body" method="get" action="/settings/account/zone">
                <div>
                    <h2 id="zone-title">{text!(lang, account.zone_title)}</h2>
                    <p class="small mt-1">{text!(lang, account.zone_text)}</p>
                </div>
                <div class="field narrow">
                    <label for="zone">{text!(lang, account.zone_label)}</label>
                    <select id="zone" name="zone">{zones(lang, here.zone())}</select>
                </div>
                <div class="actions"><button class="btn">{text!(lang, account.zone_preview)}</button></div>
            </form>
        </section>
        <section class="card" aria-labelledby="language-title">
            <div class="body">
                <div>
                    <h2 id="language-title">{text!(lang, account.language_title)}</h2>
                    <p class="small mt-1">{text!(lang, account.language_text)}</p>
                </div>
                {language_choice(lang, "/settings/account".to_owned())}
            </div>
        </section>
        {sharing}
        {sessions(lang, &open, "/settings/account", |at| here.ago(at))}
        <section class="card" aria-labelledby="data-title">
            <div class="body">
                <div>
                    <h2 id="data-title">{text!(lang, account.data_title)}</h2>
                    <p class="small mt-1">{text!(lang, account.data_text)}</p>
                </div>
                <div class="actions">
                    <a class="btn" href="/settings/account/export" download>{text!(lang, account.export)}</a>
                    <a class="btn quiet bad" href="/settings/account/erase">{text!(lang, account.erase)}</a>
                </div>
            </div>
        </section>
        {oversight}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// The continents of the list, Europe first.
const AREAS: [&str; 9] =
    ["Europe", "Africa", "America", "Asia", "Atlantic", "Australia", "Indian", "Pacific", "Antarctica"];

/// All zones that are a place, by continent. The one that is chosen is there even when it is none.
pub fn zones(lang: Lang, own: Tz) -> AnyView {
    let is_listed = |zone: Tz| zone.name().split_once('/').is_some_and(|(area, _)| AREAS.contains(&area));
    let own_name = own.name();
    let foreign = (!is_listed(own)).then(|| view! { <option value=own_name selected>{own_name}</option> });
    let groups: Vec<_> = AREAS
        .into_iter()
        .map(|area| {
            let options: Vec<_> = TZ_VARIANTS
                .iter()
                .filter_map(|zone| Some((zone, zone.name().strip_prefix(area)?.strip_prefix('/')?)))
                .map(|(zone, place)| {
                    // The value alone would do, but people look for "New York", not for "New_York".
                    let words = match format::city(lang, *zone) {
                        city if place.contains('/') => {
                            format!("{} · {city}", place.split('/').next().unwrap_or(place))
                        }
                        city => city,
                    };
                    view! { <option value=zone.name() selected=*zone == own>{words}</option> }
                })
                .collect();
            view! { <optgroup label=area>{options}</optgroup> }
        })
        .collect();
    view! { {foreign}{groups} }.into_any()
}

async fn preview(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let wanted = here.query("zone").and_then(|name| zone::parse(&name));
    let back = view! { <a class="crumb" href="/settings/account">"‹ "{text!(lang, account.title)}</a> };
    let Some(other) = wanted else {
        return Ok(nothing_to_do(back, text!(lang, zone.unknown_title), text!(lang, zone.unknown)));
    };
    let own = here.zone();
    let (mine, theirs) = (here.city(own), here.city(other));
    if other == own {
        let title = format::elided(lang, &text!(lang, zone.same_title, city = mine.as_str()));
        return Ok(nothing_to_do(back, title, text!(lang, zone.same)));
    }
    let preview = here.state.db.zone_preview(&here.provider, here.now).await?;
    let title = format::elided(lang, &text!(lang, zone.title, city = theirs.as_str()));
    let (before, after) = (format::time(here.now, own), format::time(here.now, other));
    let now = if before == after {
        text!(lang, zone.same_now, mine = mine.as_str(), other = theirs.as_str())
    } else {
        text!(lang, zone.now, before = before, mine = mine.as_str(), after = after, other = theirs.as_str())
    };
    let all_day = if preview.all_day == 0 {
        text!(lang, zone.all_day_none)
    } else {
        text!(lang, zone.all_day, count = preview.all_day, city = theirs.as_str())
    };
    let rows: Vec<_> = preview
        .examples
        .iter()
        .map(|block| {
            let title =
                if block.title.trim().is_empty() { text!(lang, app.busy) } else { block.title.clone() };
            let after = if block.all_day {
                let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&own).date_naive();
                let moved = Interval::new(
                    start_of_day(day(block.interval.start), other),
                    start_of_day(day(block.interval.end), other),
                );
                let from = format::time(moved.start, own);
                let from = text!(lang, zone.from, time = from, city = mine.as_str());
                format!("{}, {from}", when_in(&here, moved, true, other))
            } else {
                when_in(&here, block.interval, false, other)
            };
            let (now, then) = (text!(lang, zone.before), text!(lang, zone.after));
            view! {
                <li>
                    <b>{title}</b>
                    <span><small>{now}" · "{mine.clone()}</small>{when(&here, block)}</span>
                    <span><small>{then}" · "{theirs.clone()}</small>{after}</span>
                </li>
            }
        })
        .collect();
    let examples = (!rows.is_empty()).then(|| {
        view! {
            <section class="card">
                <div class="body">
                    <h2>{text!(lang, zone.examples)}</h2>
                    <ul class="changes num">{rows}</ul>
                </div>
            </section>
        }
    });
    let elided = move |words: String| format::elided(lang, &words);
    let body = view! {
        <div>
            {back}
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, zone.lead)}" "{now}</p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{elided(all_day)}</li>
                    <li>{text!(lang, zone.timed)}</li>
                    <li>{elided(text!(lang, zone.days, city = theirs.as_str()))}</li>
                </ul>
            </div>
        </section>
        {examples}
        <div class="actions">
            {action_form!(ChangeZone, view! {
                {hidden("zone", other.name())}
                <button class="btn main">{elided(text!(lang, zone.confirm, city = theirs.as_str()))}</button>
            })}
            <a class="btn" href="/settings/account">{elided(text!(lang, zone.cancel, city = mine.as_str()))}</a>
        </div>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn nothing_to_do(back: impl IntoView + 'static, title: String, words: String) -> Screen {
    let body = view! {
        <div>
            {back}
            <h1>{title.clone()}</h1>
            <p class="lead">{words}</p>
        </div>
    };
    Screen { title, fluid: false, body: body.into_any() }
}
