//! One connection in detail, and the step before it is disconnected.

use super::calendars::{decision, footer, progress, row, state, switch, trouble};
use crate::actions::calendars::{BlockFree, Disconnect, Receive};
use crate::components::{action_form, hidden, live};
use crate::fields::choice;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{calendar_name, face, mark, permission_links, platform_name};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_store::views::{Calendar, Connection};
use simone_sync::platform::Access;
use simone_sync::ports::Status;
use simone_sync::zone;

#[component]
pub fn ConnectionPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("connection"));
    page(Tab::Calendars, move |here| details(here, id)).into_any()
}

#[component]
pub fn DisconnectPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("connection"));
    page(Tab::Calendars, move |here| confirm(here, id)).into_any()
}

/// The connection that the address names, if it is this provider's.
async fn find(here: &Here, id: Option<String>) -> Result<Connection, PageError> {
    let id = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    connections.into_iter().find(|connection| connection.id == id).ok_or(PageError::NotFound)
}

async fn details(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let connection = find(&here, id).await?;
    let lang = here.lang;
    let platform = platform_name(connection.platform);
    let title = text!(lang, connection.title, platform = platform, account = connection.account.as_str());
    let leaving = connection.status == Status::Disconnecting;
    let cards: Vec<_> =
        connection.calendars.iter().map(|calendar| card(&here, &connection, calendar)).collect();
    let since = format::day_and_month(
        lang,
        connection.created_at.with_timezone(&here.zone()).date_naive(),
        here.today(),
    );
    let inside = view! {
        {trouble(&here, &connection)}
        {progress(&here, &connection)}
        {if leaving {
            view! { <p class="note calm">{(face(connection.platform).under_way)(lang)}</p> }.into_any()
        } else {
            view! { {receiving(&here, &connection)}{cards} }.into_any()
        }}
        {(!leaving).then(|| view! { <section class="card">{footer(&here, &connection, false)}</section> })}
    };
    let body = view! {
        <div>
            <a class="crumb" href="/settings/calendars">"‹ "{text!(lang, connection.back)}</a>
            <div class="bar">
                <div class="grow">
                    <h1>{connection.account.clone()}</h1>
                    <p class="lead">{mark(connection.platform)}{platform}" · "{text!(lang, connection.since, date = since)}</p>
                </div>
                {live("state", None, state(&here, &connection))}
            </div>
        </div>
        {live("connection", Some(text!(lang, calendars.said)), inside)}
        <p><a href=format!("/sync-log?connection={}", connection.id)>{text!(lang, connection.log)}</a></p>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// The choice of the calendar that receives bookings.
fn receiving(here: &Here, connection: &Connection) -> Option<AnyView> {
    let lang = here.lang;
    if connection.calendars.is_empty() {
        return None;
    }
    let platform = platform_name(connection.platform);
    let writable: Vec<_> = connection
        .calendars
        .iter()
        .filter(|calendar| calendar.access == Access::Write && !calendar.gone)
        .map(|calendar| {
            let name = format::foreign(&calendar_name(lang, &calendar.name, &connection.account));
            (calendar.id.to_string(), name)
        })
        .collect();
    let chosen = connection.calendars.iter().find(|calendar| calendar.receives);
    // One that is gone can at least be given up.
    let gone = chosen.is_some_and(|calendar| calendar.gone);
    let chosen = chosen.map(|calendar| calendar.id.to_string()).unwrap_or_default();
    let inside = if writable.is_empty() && !gone {
        view! { <p>{text!(lang, connection.receiving_read_only)}</p> }.into_any()
    } else {
        let none = (String::new(), text!(lang, connection.receiving_none));
        let options = writable.into_iter().chain([none]);
        action_form!(Receive, view! {
            <div class="stack narrow">
                {hidden("connection", connection.id)}
                {choice("calendar", text!(lang, connection.receiving), options, &chosen, None, None)}
                <div class="actions"><button class="btn">{text!(lang, connection.receiving_save)}</button></div>
            </div>
        })
        .into_any()
    };
    let card = view! {
        <section class="card" aria-labelledby="receiving">
            <div class="body">
                <div>
                    <h2 id="receiving">{text!(lang, connection.receiving_title)}</h2>
                    <p class="small mt-1">{text!(lang, connection.receiving_text, platform = platform)}</p>
                </div>
                {inside}
            </div>
        </section>
    };
    Some(card.into_any())
}

fn card(here: &Here, connection: &Connection, calendar: &Calendar) -> AnyView {
    let lang = here.lang;
    let name = calendar_name(lang, &calendar.name, &connection.account);
    let zone = calendar.zone.as_deref().and_then(zone::parse).map(|zone| {
        let words = text!(lang, connection.zone, city = here.city(zone));
        view! { <span>{format::elided(lang, &words)}</span> }
    });
    let synced = calendar
        .synced_at
        .filter(|_| calendar.selected)
        .map(|at| view! { <span data-age="">{text!(lang, connection.synced, ago = here.ago(at))}</span> });
    let facts = calendar.selected.then(|| {
        view! {
            <p class="facts num">
                <span>{text!(lang, connection.events, count = calendar.events)}</span>
                <span>{text!(lang, connection.slots, count = calendar.blocks)}</span>
                {zone}
                {synced}
            </p>
        }
    });
    let free = (calendar.selected && !calendar.gone).then(|| {
        let label = text!(lang, connection.free_switch, calendar = name.as_str());
        let fields = view! {
            {hidden("calendar", calendar.id)}
            {hidden("block_free", !calendar.block_free)}
            {hidden("back", here.address())}
        };
        view! {
            <li class="row">
                <span class="w-3"></span>
                <div>
                    <p class="name">{text!(lang, connection.free_title)}</p>
                    <small>{text!(lang, connection.free_text)}</small>
                </div>
                {action_form!(BlockFree, view! {
                    {switch(label, calendar.block_free, fields)}
                })}
            </li>
        }
    });
    view! {
        <section class="card" aria-label=name data-key=calendar.id.to_string()>
            <div class="body">
                {decision(here, connection, calendar)}
                <ul>
                    {row(here, connection, calendar)}
                    {free}
                </ul>
                {facts}
            </div>
        </section>
    }
    .into_any()
}

async fn confirm(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let connection = find(&here, id).await?;
    if connection.status == Status::Disconnecting {
        return Err(PageError::NotFound);
    }
    let lang = here.lang;
    let platform = platform_name(connection.platform);
    let title = text!(lang, disconnect.title, account = connection.account.as_str());
    let blocks = connection.blocks();
    let slots = if blocks == 0 {
        text!(lang, disconnect.slots_none)
    } else {
        text!(lang, disconnect.slots, count = blocks)
    };
    let receives = connection.calendars.iter().any(|calendar| calendar.receives);
    let kept = receives.then(|| {
        view! {
            <fieldset class="choices">
                <legend>{text!(lang, disconnect.events)}</legend>
                <label class="choice">
                    <input type="radio" name="keep_events" value="false" checked/>
                    <span>{text!(lang, disconnect.events_remove)}</span>
                </label>
                <label class="choice">
                    <input type="radio" name="keep_events" value="true"/>
                    <span>{text!(lang, disconnect.events_keep)}</span>
                </label>
                <p class="small">{text!(lang, disconnect.events_text)}</p>
            </fieldset>
        }
    });
    let body = view! {
        <div>
            <a class="crumb" href="/settings/calendars">"‹ "{text!(lang, connection.back)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{platform}". "{text!(lang, disconnect.lead)}</p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{slots}</li>
                    <li>{text!(lang, disconnect.erased)}</li>
                    <li>{(face(connection.platform).ending)(lang)}{permission_links(lang, connection.platform)}</li>
                    <li>{text!(lang, disconnect.untouched, platform = platform)}</li>
                </ul>
            </div>
            <footer>
                <div class="actions">
                    {action_form!(Disconnect, view! {
                        {hidden("connection", connection.id)}
                        {kept}
                        <div class="actions">
                            <button class="btn main bad">{text!(lang, disconnect.confirm)}</button>
                            <a class="btn" href="/settings/calendars">{text!(lang, disconnect.cancel)}</a>
                        </div>
                    })}
                </div>
            </footer>
        </section>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
