//! The settings of the calendars: one card per connection.

use crate::actions::calendars::{DecideRemovals, Select, SyncNow};
use crate::actions::settled;
use crate::components::{action_form, connect_button, empty, hidden, live, refresh_link};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::platform::{calendar_name, face, hue_class, logo, outcome_words, platform_name, short_name};
use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_store::views::{Calendar, Connection, Progress};
use simone_sync::platform::{Access, Platform};
use simone_sync::ports::{Choices, Status};

#[component]
pub fn CalendarsPage() -> impl IntoView {
    page(Tab::Calendars, load).into_any()
}

async fn load(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    // A calendar that was added or renamed on the platform shows up when the settings are opened.
    let refreshed = if here.is_refresh() {
        Ok(false)
    } else {
        here.state.db.refresh_calendars(here.provider_id(), here.now).await
    };
    if refreshed.unwrap_or_else(|error| {
        // On a full disk there is still much to read.
        here.state.trouble(&error, "the list of calendars could not be asked for anew");
        false
    }) {
        here.state.wake.notify_waiters();
        here.state.wake.notify_one();
    }
    let mut connections = here.state.db.connections(here.provider_id(), here.now).await?;
    // Just connected: the list of calendars is a moment away.
    let awaits_list = |connection: &Connection| connection.importing() && connection.calendars.is_empty();
    if !here.is_refresh() && connections.iter().any(awaits_list) {
        settled(&here.state, here.provider_id()).await?;
        connections = here.state.db.connections(here.provider_id(), here.now).await?;
    }
    let title = text!(lang, calendars.title);
    let connect_first = |platform: Platform| {
        connect_button(platform, text!(lang, calendars.connect, platform = platform_name(platform)), None)
    };
    let rest = if connections.is_empty() {
        let buttons: Vec<_> = here.state.platforms.iter().copied().map(connect_first).collect();
        let buttons = view! { <div class="actions">{buttons}</div> };
        empty(text!(lang, calendars.empty_title), text!(lang, calendars.empty), buttons).into_any()
    } else {
        let cards: Vec<_> = connections.iter().map(|connection| card(&here, connection)).collect();
        let buttons: Vec<_> = here
            .state
            .platforms
            .iter()
            .map(|&platform| {
                let name = platform_name(platform);
                let words = if connections.iter().any(|connection| connection.platform == platform) {
                    text!(lang, calendars.connect_another, platform = name)
                } else {
                    text!(lang, calendars.connect, platform = name)
                };
                view! {
                    <form method="post" action=format!("/connect/{platform}")><button class="btn">{words}</button></form>
                }
            })
            .collect();
        view! {
            {cards}
            <div class="actions">{buttons}</div>
        }
        .into_any()
    };
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, calendars.lead)}</p>
        </div>
        {live("connections", Some(text!(lang, calendars.said)), rest)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn card(here: &Here, connection: &Connection) -> AnyView {
    let lang = here.lang;
    let platform = platform_name(connection.platform);
    let id = connection.id;
    let rows: Vec<_> = connection.calendars.iter().map(|calendar| row(here, connection, calendar)).collect();
    let decisions: Vec<_> =
        connection.calendars.iter().filter_map(|calendar| decision(here, connection, calendar)).collect();
    let list = if connection.status == Status::Disconnecting {
        view! { <p class="small">{(face(connection.platform).under_way)(lang)}</p> }.into_any()
    } else if rows.is_empty() && connection.status == Status::Connected && !connection.has_no_calendars() {
        view! {
            <div class="actions">
                <p class="small grow">{text!(lang, calendars.listing, platform = platform)}</p>
                {refresh_link(lang, here.address())}
            </div>
        }
        .into_any()
    } else {
        let label = text!(lang, calendars.list_of, account = connection.account.as_str());
        (!rows.is_empty()).then(|| view! { <ul aria-label=label>{rows}</ul> }).into_any()
    };
    view! {
        <section class="card" aria-labelledby=format!("c-{id}") data-key=id.to_string()>
            <header>
                {logo(connection.platform)}
                <div class="grow">
                    <h2 id=format!("c-{id}")>{platform}</h2>
                    <small>{connection.account.clone()}</small>
                </div>
                {state(here, connection)}
            </header>
            <div class="body">
                {trouble(here, connection)}
                {progress(here, connection)}
                {decisions}
                {list}
            </div>
            {(connection.status != Status::Disconnecting).then(|| footer(here, connection, true))}
        </section>
    }
    .into_any()
}

/// How far a first import is.
pub fn progress(here: &Here, connection: &Connection) -> Option<AnyView> {
    let lang = here.lang;
    let shown = connection.importing() && !connection.calendars.is_empty();
    shown.then(|| {
        view! {
            <div class="note calm inset">
                <p class="grow num" data-age="">{progress_words(lang, connection)}</p>
                {refresh_link(lang, here.address())}
            </div>
        }
        .into_any()
    })
}

pub fn progress_words(lang: Lang, connection: &Connection) -> String {
    match connection.progress {
        _ if connection.computing => text!(lang, import.computing),
        Some(Progress { pages, events }) => {
            let pages = text!(lang, import.pages, count = pages);
            text!(lang, import.read, count = events, shown = format::number(lang, events), pages = pages)
        }
        None => text!(lang, import.reading),
    }
}

/// What a connection is in, in a word.
pub fn state(here: &Here, connection: &Connection) -> AnyView {
    let lang = here.lang;
    let (class, words) = match connection.status {
        Status::Connected if connection.importing() => ("state busy", text!(lang, calendars.state_importing)),
        Status::Connected if connection.has_no_calendars() => {
            ("state warn", text!(lang, calendars.state_no_calendars))
        }
        Status::Connected => ("state", text!(lang, calendars.state_connected)),
        Status::NeedsReconnect => ("state warn", text!(lang, calendars.state_reconnect)),
        Status::Disconnecting | Status::Disconnected => ("state busy", text!(lang, calendars.state_leaving)),
    };
    view! { <span class=class>{words}</span> }.into_any()
}

/// What went wrong, what it means for bookings, and what to do.
pub fn trouble(here: &Here, connection: &Connection) -> AnyView {
    let lang = here.lang;
    let platform = platform_name(connection.platform);
    match connection.status {
        Status::NeedsReconnect => {
            let words = connection.last_synced_at.map_or_else(
                || text!(lang, agenda.reconnect_never),
                |at| text!(lang, calendars.problem_reconnect_text, when = here.moment(at)),
            );
            let title = text!(lang, calendars.problem_reconnect, platform = platform);
            let button =
                connect_button(connection.platform, text!(lang, calendars.reconnect), Some(connection.id));
            let note = view! {
                <div class="note inset">
                    <p class="grow"><b>{title}</b>" "{words}</p>
                    {button}
                </div>
            };
            Some(note.into_any())
        }
        Status::Connected => {
            let waiting = connection.not_before.map(|until| {
                let title = text!(lang, calendars.waiting_title, platform = platform, time = here.moment(until));
                view! { <p class="note inset"><span><b>{title}</b>" "{text!(lang, calendars.waiting)}</span></p> }
                    .into_any()
            });
            waiting.or_else(|| {
                let words = outcome_words(lang, connection.platform, connection.last_error.as_deref()?)?;
                Some(view! { <p class="note inset">{words}</p> }.into_any())
            })
        }
        Status::Disconnecting | Status::Disconnected => None,
    }.into_any()
}

/// What a calendar asks of the provider: held removals, or a calendar that is gone.
pub fn decision(here: &Here, connection: &Connection, calendar: &Calendar) -> Option<AnyView> {
    let lang = here.lang;
    let (name, id) = (calendar_name(lang, &calendar.name, &connection.account), calendar.id);
    let name = name.as_str();
    if let Some(blocks) = calendar.held {
        let answer = move |accept: bool, class: &'static str, words: String, back: String| {
            view! {
                {action_form!(DecideRemovals, view! {
                    {hidden("calendar", id)}
                    {hidden("accept", accept)}
                    {hidden("back", back)}
                    <button class=class>{words}</button>
                })}
            }
        };
        let note = view! {
            <section class="note inset" id=id.to_string()>
                <p class="grow">
                    <b>{text!(lang, calendars.held_title, count = blocks, calendar = name)}</b>
                    " "
                    {text!(lang, calendars.held)}
                </p>
                <div class="actions">
                    {answer(false, "btn main", text!(lang, calendars.held_refuse, count = blocks), here.address())}
                    {answer(true, "btn", text!(lang, calendars.held_accept, count = blocks), here.address())}
                </div>
            </section>
        };
        return Some(note.into_any());
    }
    let asks = calendar.gone && connection.status != Status::Disconnecting;
    (asks && (calendar.selected || calendar.receives)).then(|| {
        let blocks = calendar.selected.then(|| view! { " "{text!(lang, calendars.gone_text)} });
        let receives = calendar.receives.then(|| view! { " "{text!(lang, calendars.gone_receives)} });
        let dismiss = calendar.selected.then(|| {
            view! {
                {action_form!(Select, view! {
                    {hidden("calendar", id)}
                    {hidden("selected", false)}
                    {hidden("back", here.address())}
                    <button class="btn">{text!(lang, calendars.gone_dismiss)}</button>
                })}
            }
        });
        let choose = calendar.receives.then(|| {
            let address = format!("/settings/calendars/{}#receiving", connection.id);
            view! { <a class="btn" href=address>{text!(lang, connection.receiving_title)}</a> }
        });
        view! {
            <section class="note inset" id=id.to_string()>
                <p class="grow">
                    <b>{text!(lang, calendars.gone_title, calendar = name)}</b>
                    {blocks}
                    {receives}
                </p>
                <div class="actions">{choose}{dismiss}</div>
            </section>
        }
        .into_any()
    })
}

/// One calendar and its switch; its name leads to what is to come in it.
pub fn row(here: &Here, connection: &Connection, calendar: &Calendar) -> AnyView {
    let lang = here.lang;
    let name = format::foreign(&calendar_name(lang, &calendar.name, &connection.account));
    let told = view! {
        <a class="into" href=format!("/settings/calendars/{}/{}", connection.id, calendar.id)>
            <span class="name"><bdi>{name}</bdi></span>
            <small>{role_of(here, connection, calendar)}</small>
            <span class="unseen">{text!(lang, upcoming.link)}</span>
        </a>
    };
    switched(here, connection, calendar, told.into_any())
}

/// The same on the page to which it leads.
pub fn plain_row(here: &Here, connection: &Connection, calendar: &Calendar) -> AnyView {
    let name = calendar_name(here.lang, &calendar.name, &connection.account);
    let told = view! {
        <div>
            <p class="name"><bdi>{name}</bdi></p>
            <small>{role_of(here, connection, calendar)}</small>
        </div>
    };
    switched(here, connection, calendar, told.into_any())
}

fn switched(here: &Here, connection: &Connection, calendar: &Calendar, told: AnyView) -> AnyView {
    let lang = here.lang;
    let name = calendar_name(lang, &calendar.name, &connection.account);
    let color = hue_class(calendar.color.as_deref());
    let off = if calendar.selected { "" } else { " off" };
    let switch = (!calendar.gone).then(|| {
        switch(
            text!(lang, calendars.switch, calendar = name.as_str()),
            calendar.selected,
            view! {
                {hidden("calendar", calendar.id)}
                {hidden("selected", !calendar.selected)}
                {hidden("back", here.address())}
            },
        )
    });
    view! {
        <li class="row" data-key=calendar.id.to_string()>
            <span class=format!("dot {color}{off}")></span>
            {told}
            {switch.map(|inside| view! {
                {action_form!(Select, view! {{inside}})}
            })}
        </li>
    }
    .into_any()
}

/// A switch that is a form's button, so that it needs no script.
pub fn switch(label: String, on: bool, fields: impl IntoView + 'static) -> AnyView {
    view! {
        {fields}
        <button class="switch" role="switch" aria-checked=on.to_string() aria-label=label></button>
    }
    .into_any()
}

/// What a calendar does, in a few words.
fn role_of(here: &Here, connection: &Connection, calendar: &Calendar) -> String {
    let lang = here.lang;
    if calendar.gone {
        let platform = short_name(connection.platform);
        return if calendar.selected {
            text!(lang, calendars.gone, platform = platform)
        } else {
            text!(lang, calendars.gone_nothing, platform = platform)
        };
    }
    let mut words = Vec::new();
    match calendar.access {
        Access::BusyOnly => words.push(text!(lang, calendars.busy_only)),
        Access::Read => words.push(text!(lang, calendars.read_only)),
        Access::Write => {}
    }
    words.push(match (calendar.selected, calendar.importing()) {
        (false, _) => text!(lang, calendars.blocks_nothing),
        (true, true) if connection.status == Status::NeedsReconnect => text!(lang, calendars.blocks_later),
        (true, true) => text!(lang, calendars.blocks_importing),
        (true, false) => text!(lang, calendars.blocks),
    });
    if calendar.receives {
        words.push(text!(lang, calendars.receives));
    }
    if calendar.selected && calendar.block_free {
        words.push(text!(lang, calendars.free_too));
    }
    if calendar.selected && calendar.last_error.is_some() {
        words.push(text!(lang, calendars.unread));
    }
    // Only the first word keeps its capital.
    let rest = words.iter().skip(1).map(|word| small_first(word));
    words.first().cloned().into_iter().chain(rest).collect::<Vec<_>>().join(" · ")
}

fn small_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The facts of a connection and what can be done with it.
pub fn footer(here: &Here, connection: &Connection, with_details: bool) -> AnyView {
    let lang = here.lang;
    let account = connection.account.as_str();
    let synced = connection.last_synced_at.map_or_else(|| text!(lang, calendars.never), |at| here.ago(at));
    let next = (connection.status == Status::Connected).then(|| {
        let next = if connection.under_way {
            text!(lang, calendars.next_now)
        } else {
            let planned =
                connection.not_before.map_or(connection.next_sync_at, |at| at.max(connection.next_sync_at));
            format::ahead(lang, planned, here.now, here.zone())
        };
        view! { <span>{text!(lang, calendars.next)}" "<b>{next}</b></span> }
    });
    // Reconnecting stands with its reason.
    let sync = (connection.status == Status::Connected).then(|| {
        action_form!(
            SyncNow,
            view! {
                {hidden("connection", connection.id)}
                {hidden("back", here.address())}
                <button class="btn" aria-label=text!(lang, calendars.sync_named, account = account)>
                    {text!(lang, calendars.sync)}
                </button>
            }
        )
    });
    let here_path = format!("/settings/calendars/{}", connection.id);
    let details = with_details.then(|| {
        let label = text!(lang, calendars.details_named, account = account);
        view! { <a class="btn quiet" href=here_path.clone() aria-label=label>{text!(lang, calendars.details)}</a> }
    });
    view! {
        <footer>
            <p class="facts grow num" data-age="">
                <span>{text!(lang, calendars.synced)}" "<b>{synced}</b></span>
                {next}
                <span>{text!(lang, calendars.requests, count = connection.requests_today)}</span>
            </p>
            <div class="actions">
                {sync}
                {details}
                <a
                    class="btn quiet bad"
                    href=format!("{here_path}/disconnect")
                    aria-label=text!(lang, calendars.disconnect_named, account = account)
                >
                    {text!(lang, calendars.disconnect)}
                </a>
            </div>
        </footer>
    }
    .into_any()
}
