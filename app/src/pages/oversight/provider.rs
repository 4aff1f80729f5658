//! One provider, as an operator needs to see them: their connections, how the last rounds went, and what can be done.

use super::badge;
use crate::actions::oversight::{EraseProvider, InviteAgain};
use crate::components::{action_form, hidden};
use crate::desk::{Desk, Place, desk_page};
use crate::format;
use crate::page::{PageError, Screen};
use crate::platform::{logo, outcome_words, platform_name};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::ProviderId;
use simone_store::views::oversight::{ConnectionSheet, Health, ProviderSheet, RoundRow, Standing};
use simone_sync::ports::Status;

fn asked() -> Option<ProviderId> {
    use_params_map().with_untracked(|params| params.get("provider")).and_then(|id| id.parse().ok())
}

#[component]
pub fn ProviderPage() -> impl IntoView {
    let asked = asked();
    desk_page(Place::Providers, move |desk| async move { sheet(&desk, find(&desk, asked).await?) }).into_any()
}

#[component]
pub fn ErasePage() -> impl IntoView {
    let asked = asked();
    desk_page(Place::Providers, move |desk| async move {
        let provider = find(&desk, asked).await?;
        if provider.standing == Standing::Leaving {
            return Err(PageError::NotFound);
        }
        Ok(erase(&desk, &provider))
    })
    .into_any()
}

async fn find(desk: &Desk, asked: Option<ProviderId>) -> Result<ProviderSheet, PageError> {
    let provider = asked.ok_or(PageError::NotFound)?;
    desk.state.db.provider_sheet(provider, desk.now).await?.ok_or(PageError::NotFound)
}

const fn health(connection: &ConnectionSheet) -> Health {
    match connection.status {
        Status::NeedsReconnect => Health::Reconnect,
        Status::Connected if connection.failures > 1 => Health::Attention,
        Status::Connected => Health::Ok,
        Status::Disconnecting | Status::Disconnected => Health::None,
    }
}

fn sheet(desk: &Desk, provider: ProviderSheet) -> Result<Screen, PageError> {
    let lang = desk.lang;
    let id = provider.id;
    let title = provider.name.clone();
    let state = match provider.standing {
        Standing::Here => None,
        standing => Some(badge(lang, standing, Health::None)),
    };
    let zone = provider.zone.parse().map_or_else(|_| provider.zone.clone(), |zone| format::city(lang, zone));
    let came = provider.entered_at.map_or_else(|| text!(lang, provider.never), |at| desk.moment(at));
    let invited = match provider.standing {
        Standing::Invited(at) => Some(view! {
            <div class="note calm">
                <p class="grow">{text!(lang, provider.waiting, ago = desk.ago(at))}</p>
                {action_form!(InviteAgain, view! {
                    {hidden("provider", id)}
                    <button class="btn">{text!(lang, provider.invite_again)}</button>
                })}
            </div>
        }),
        _ => None,
    };
    let leaving = (provider.standing == Standing::Leaving)
        .then(|| view! { <p class="note" role="status">{text!(lang, provider.leaving)}</p> });
    let connections: Vec<_> = provider.connections.iter().map(|it| connection(desk, it)).collect();
    let connections = if connections.is_empty() {
        view! { <p class="lead">{text!(lang, provider.no_connections)}</p> }.into_any()
    } else {
        connections.into_any()
    };
    let rounds = (!provider.rounds.is_empty()).then(|| {
        let rows: Vec<_> = provider.rounds.iter().map(|it| round(desk, it)).collect();
        view! {
            <section class="card" aria-labelledby="rounds">
                <div class="body"><h2 id="rounds">{text!(lang, provider.rounds)}</h2></div>
                <ol class="log plain">{rows}</ol>
            </section>
        }
    });
    let erase = (provider.standing != Standing::Leaving).then(|| {
        view! {
            <section class="card" aria-labelledby="end">
                <div class="body">
                    <div>
                        <h2 id="end">{text!(lang, provider.end_title)}</h2>
                        <p class="small mt-1">{text!(lang, provider.end_text)}</p>
                    </div>
                    <div class="actions">
                        <a class="btn bad" href=format!("/oversight/providers/{id}/erase")>{text!(lang, provider.erase)}</a>
                    </div>
                </div>
            </section>
        }
    });
    let body = view! {
        <div>
            <a class="crumb" href="/oversight">"‹ "{text!(lang, oversight.providers)}</a>
            <div class="bar"><h1 class="grow">{title.clone()}</h1>{state}</div>
        </div>
        {leaving}
        {invited}
        <section class="card">
            <div class="body">
                <dl class="pairs">
                    <dt>{text!(lang, account.email)}</dt>
                    <dd>{provider.email.clone()}</dd>
                    <dt>{text!(lang, account.zone_title)}</dt>
                    <dd>{zone}</dd>
                    <dt>{text!(lang, account.language_title)}</dt>
                    <dd>{if provider.locale == "en" { "English" } else { "Français" }}</dd>
                    <dt>{text!(lang, provider.since)}</dt>
                    <dd>{desk.moment(provider.created_at)}</dd>
                    <dt>{text!(lang, provider.entered)}</dt>
                    <dd>{came}</dd>
                </dl>
                <a class="crumb" href=format!("/oversight/audit?provider={id}")>{text!(lang, provider.audit)}</a>
            </div>
        </section>
        <div class="stack">
            <h2>{text!(lang, provider.connections)}</h2>
            {connections}
        </div>
        {rounds}
        {erase}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn connection(desk: &Desk, it: &ConnectionSheet) -> AnyView {
    let lang = desk.lang;
    let state = match it.status {
        Status::Disconnecting => {
            view! { <span class="state busy">{text!(lang, calendars.state_leaving)}</span> }.into_any()
        }
        Status::Disconnected => {
            view! { <span class="state busy">{text!(lang, provider.disconnected)}</span> }.into_any()
        }
        _ => badge(lang, Standing::Here, health(it)),
    };
    let live = matches!(it.status, Status::Connected | Status::NeedsReconnect);
    let problem = live
        .then(|| it.last_error.as_deref().and_then(|code| problem_words(desk, it.platform, code)))
        .flatten()
        .map(|words| view! { <div class="body"><p>{words}</p></div> });
    let synced = it.last_synced_at.map_or_else(|| text!(lang, calendars.never), |at| desk.ago(at));
    let next = (it.status == Status::Connected).then(|| {
        let next = format::ahead(lang, it.next_sync_at, desk.now, desk.operator.zone);
        view! { <span>{text!(lang, calendars.next)}" "<b>{next}</b></span> }
    });
    let calendars = live.then(|| {
        let words = text!(lang, provider.calendars, count = it.calendars, selected = it.selected);
        view! { <span>{words}</span> }
    });
    view! {
        <section class="card">
            <header>
                {logo(it.platform)}
                <div class="grow">
                    <h3>{platform_name(it.platform)}</h3>
                    <small>{it.account.clone()}</small>
                </div>
                {state}
            </header>
            {problem}
            <footer>
                <div class="facts grow num">
                    <span>{text!(lang, calendars.synced)}" "<b>{synced}</b></span>
                    {next}
                    {calendars}
                    <span>{text!(lang, calendars.requests, count = it.requests_today)}</span>
                    <span>{text!(lang, provider.connected_on, date = desk.moment(it.created_at))}</span>
                </div>
            </footer>
        </section>
    }
    .into_any()
}

/// What a round's outcome means, said to an operator: whom the provider would have to be told of.
fn problem_words(desk: &Desk, platform: simone_sync::platform::Platform, code: &str) -> Option<String> {
    let lang = desk.lang;
    Some(match code {
        "needs_reconnect" => text!(lang, provider.must_reconnect, platform = platform_name(platform)),
        "misconfigured" => text!(lang, provider.misconfigured, platform = platform_name(platform)),
        "no_calendars" => text!(lang, provider.no_calendars, platform = platform_name(platform)),
        "refused" => text!(lang, provider.refused, platform = platform_name(platform)),
        _ => return outcome_words(lang, platform, code).map(|_| text!(lang, provider.failing)),
    })
}

fn round(desk: &Desk, it: &RoundRow) -> AnyView {
    let lang = desk.lang;
    let when = desk.moment(it.ended_at);
    let whose = format!("{} · {}", platform_name(it.platform), it.account);
    let what = match problem_words(desk, it.platform, &it.outcome) {
        None => text!(lang, provider.went_well, count = it.rounds),
        Some(words) => words,
    };
    let class = if it.outcome == "ok" { "idle" } else { "" };
    let requests = format!("{} {}", text!(lang, round.requests), it.requests);
    let took = format!("{} {}", text!(lang, round.duration), format::duration(lang, it.duration_ms));
    view! {
        <li class=class>
            <span class="num">{when}</span>
            <span class:wrong=it.outcome != "ok">{what}</span>
            <small class="detail num">{whose}" · "{requests}" · "{took}</small>
        </li>
    }
    .into_any()
}

fn erase(desk: &Desk, provider: &ProviderSheet) -> Screen {
    let lang = desk.lang;
    let id = provider.id;
    let title = text!(lang, provider.erase_title, name = provider.name.as_str());
    let body = view! {
        <div>
            <a class="crumb" href=format!("/oversight/providers/{id}")>"‹ "{provider.name.clone()}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, provider.erase_lead)}</p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{text!(lang, provider.erase_out)}</li>
                    <li>{text!(lang, provider.erase_slots)}</li>
                    <li>{text!(lang, provider.erase_grants)}</li>
                    <li>{text!(lang, provider.erase_data)}</li>
                    <li>{text!(lang, provider.erase_email, email = provider.email.as_str())}</li>
                </ul>
                <p><b>{text!(lang, erase.for_good)}</b></p>
            </div>
        </section>
        <div class="actions">
            {action_form!(EraseProvider, view! {
                {hidden("provider", id)}
                <button class="btn main bad">{text!(lang, provider.erase_confirm)}</button>
            })}
            <a class="btn" href=format!("/oversight/providers/{id}")>{text!(lang, provider.erase_cancel)}</a>
        </div>
    };
    Screen { title, fluid: false, body: body.into_any() }
}
