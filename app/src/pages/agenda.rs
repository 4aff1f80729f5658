//! The week: what blocks the provider's slots.

use super::agenda_week::{Shown, days, failing};
use crate::actions::account::KeepZone;
use crate::actions::calendars::RemoveKept;
use crate::components::{action_form, connect_button, empty, hidden, live, refresh_link};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::calendars::progress_words;
use crate::platform::{calendar_name, face, platform_name};
use crate::texts::text;
use crate::week::Week;
use chrono::NaiveDate;
use leptos::prelude::*;
use simone_booking::booking::Status as BookingStatus;
use simone_booking::{Horizon, Interval};
use simone_store::views::{Block, BookingFilter, Connection, ZoneQuestion};
use simone_sync::ports::Status;

/// Nobody has more appointments in a week.
const MOST_BOOKINGS: i64 = 500;

#[component]
pub fn AgendaPage() -> impl IntoView {
    page(Tab::Agenda, load).into_any()
}

async fn load(here: Here) -> Result<Screen, PageError> {
    let asked = here.query("week").and_then(|date| date.parse::<NaiveDate>().ok());
    let week = Week::from(asked.unwrap_or_else(|| here.today()), here.zone());
    let connections = here.state.db.connections(here.provider_id(), here.now).await?;
    let question = here.state.db.zone_question(&here.provider, &connections, here.now).await?;
    let blocks = here.state.db.blocks(here.provider_id(), week.interval()).await?;
    let kept = here.state.db.count_kept_blocks(here.provider_id(), here.now).await?;
    let booked = BookingFilter {
        from: Some(week.interval().start),
        until: Some(week.interval().end),
        statuses: vec![BookingStatus::Pending, BookingStatus::Confirmed],
        limit: MOST_BOOKINGS,
        ..BookingFilter::default()
    };
    let bookings = here.state.db.bookings(here.provider_id(), &booked).await?;
    let failing = failing(&here, week).await?;
    let lang = here.lang;
    let heading = format::week(lang, week.first, here.today());

    let none_selected = connections.iter().any(|connection| connection.status == Status::Connected)
        && !connections.iter().any(Connection::importing)
        && !connections.iter().flat_map(|connection| &connection.calendars).any(|calendar| calendar.selected);
    let nothing = blocks.is_empty() && bookings.is_empty() && kept == 0;
    let middle = if connections.is_empty() && nothing {
        let button = |platform| {
            connect_button(platform, text!(lang, calendars.connect, platform = platform_name(platform)), None)
        };
        let buttons: Vec<_> = here.state.platforms.iter().copied().map(button).collect();
        let action = view! { <div class="actions">{buttons}</div> };
        empty(text!(lang, agenda.empty_title), text!(lang, agenda.empty), action).into_any()
    } else {
        view! {
            {none_selected.then(|| none_selected_note(&here, &connections))}
            {outlook(&here, week, blocks.is_empty() && bookings.is_empty(), connections.iter().any(Connection::importing))}
            {days(&here, week, &Shown { blocks: &blocks, bookings: &bookings, failing, several: connections.len() > 1 })}
            {kept_list(&here, &blocks, kept)}
        }
        .into_any()
    };
    let said = Some(text!(lang, agenda.said));
    let body = view! {
        <div class="bar">
            <div class="grow">
                <h1>{heading.clone()}</h1>
                {live("standing", None, view! { <p class="small" data-age="">{standing(&here, &connections)}</p> })}
            </div>
            {steps(&here, week)}
        </div>
        {live("notes", said.clone(), view! { {importing_note(&here, &connections)}{notes(&here, &connections, question)} })}
        {live("week", said, middle)}
        <div class="actions">
            <a class="btn" href="/agenda/bookings/new">{text!(lang, agenda.book)}</a>
            <a class="btn" href="/agenda/unavailable/new">{text!(lang, agenda.block)}</a>
        </div>
    };
    let title = format!("{} · {heading}", text!(lang, agenda.title));
    Ok(Screen { title, fluid: true, body: body.into_any() })
}

/// In which zone the times are, and how fresh they are.
fn standing(here: &Here, connections: &[Connection]) -> String {
    let lang = here.lang;
    let zone = format::elided(lang, &text!(lang, agenda.zone, city = here.city(here.zone())));
    let live: Vec<_> = connections
        .iter()
        .filter(|connection| matches!(connection.status, Status::Connected | Status::NeedsReconnect))
        .filter(|connection| !connection.has_no_calendars())
        .collect();
    let fresh = if live.iter().any(|connection| connection.importing()) {
        Some(text!(lang, agenda.importing))
    } else {
        live.iter().map(|connection| connection.last_synced_at).min().flatten().map(|oldest| {
            if live
                .iter()
                .any(|connection| connection.last_error.is_some() || connection.status != Status::Connected)
            {
                text!(lang, agenda.stale, ago = here.ago(oldest))
            } else {
                text!(lang, agenda.fresh, ago = here.ago(oldest))
            }
        })
    };
    fresh.map_or_else(|| zone.clone(), |fresh| format!("{zone} · {fresh}"))
}

fn steps(here: &Here, week: Week) -> AnyView {
    let lang = here.lang;
    let to = |date: NaiveDate| format!("/agenda?week={date}");
    view! {
        <nav class="actions" aria-label=text!(lang, agenda.weeks)>
            <a class="btn step" href=to(week.previous()) aria-label=text!(lang, agenda.previous)>"‹"</a>
            <a class="btn" href="/agenda">{text!(lang, agenda.today)}</a>
            <a class="btn step" href=to(week.next()) aria-label=text!(lang, agenda.next)>"›"</a>
        </nav>
    }
    .into_any()
}

/// A first import is under way: how far it is, and that what is shown is not all yet.
fn importing_note(here: &Here, connections: &[Connection]) -> Option<AnyView> {
    let lang = here.lang;
    let importing = connections.iter().find(|connection| connection.importing())?;
    let note = view! {
        <section class="note calm">
            <p class="grow">
                <b>{text!(lang, import.title)}</b>
                " "
                {text!(lang, import.agenda)}
                " "
                <span class="num" data-age="">{progress_words(lang, importing)}</span>
            </p>
            {refresh_link(lang, here.address())}
        </section>
    };
    Some(note.into_any())
}

/// What needs the provider, above everything else.
fn notes(here: &Here, connections: &[Connection], question: Option<ZoneQuestion>) -> AnyView {
    let lang = here.lang;
    let reconnect: Vec<_> = connections
        .iter()
        .filter(|connection| connection.status == Status::NeedsReconnect)
        .map(|connection| {
            let platform = named(platform_name(connection.platform), connection, connections.len() > 1);
            let words = connection.last_synced_at.map_or_else(
                || text!(lang, agenda.reconnect_never),
                |at| text!(lang, agenda.reconnect, when = here.moment(at)),
            );
            let button =
                connect_button(connection.platform, text!(lang, agenda.reconnect_button), Some(connection.id));
            view! {
                <section class="note">
                    <p class="grow"><b>{text!(lang, agenda.reconnect_title, platform = platform)}</b>" "{words}</p>
                    {button}
                </section>
            }
        })
        .collect();
    let held: Vec<_> = connections
        .iter()
        .flat_map(|connection| connection.calendars.iter().map(move |calendar| (connection, calendar)))
        .filter_map(|(connection, calendar)| calendar.held.map(|blocks| (connection, calendar, blocks)))
        .map(|(connection, calendar, blocks)| {
            let name = calendar_name(lang, &calendar.name, &connection.account);
            let name = named(&name, connection, connections.len() > 1);
            let title = text!(lang, agenda.held_title, count = blocks, calendar = name);
            view! {
                <section class="note">
                    <p class="grow"><b>{title}</b>" "{text!(lang, agenda.held)}</p>
                    <a class="btn main" href=format!("/settings/calendars#{}", calendar.id)>
                        {text!(lang, agenda.held_button)}
                    </a>
                </section>
            }
        })
        .collect();
    let question = question.map(|ZoneQuestion { zone }| {
        let (other, mine) = (here.city(zone), here.city(here.zone()));
        let title = text!(lang, agenda.zone_title, other = other.as_str(), mine = mine.as_str());
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("zone", zone.name()).finish();
        view! {
            <section class="note">
                <p class="grow"><b>{format::elided(lang, &title)}</b>" "{text!(lang, agenda.zone_lead)}</p>
                <div class="actions">
                    <a class="btn main" href=format!("/settings/account/zone?{query}")>
                        {text!(lang, agenda.zone_change)}
                    </a>
                    {action_form!(KeepZone, view! {
                        {hidden("other", zone.name())}
                        {hidden("back", here.address())}
                        <button class="btn">
                            {format::elided(lang, &text!(lang, agenda.zone_keep, mine = mine.as_str()))}
                        </button>
                    })}
                </div>
            </section>
        }
    });
    view! { {reconnect}{held}{question} }.into_any()
}

/// A platform or calendar, with its account where there is more than one to mean.
fn named(name: &str, connection: &Connection, several: bool) -> String {
    if several { format!("{name} ({})", connection.account) } else { name.to_owned() }
}

fn none_selected_note(here: &Here, connections: &[Connection]) -> AnyView {
    let lang = here.lang;
    // Where there is nothing to choose from, why there is not.
    let nothing = connections.iter().all(|connection| connection.calendars.is_empty());
    let none = connections.iter().find(|connection| nothing && connection.has_no_calendars());
    let (words, button) = match none {
        Some(connection) => ((face(connection.platform).no_calendars)(lang), text!(lang, calendars.title)),
        None => (text!(lang, agenda.none_selected), text!(lang, agenda.choose)),
    };
    view! {
        <section class="note">
            <p class="grow"><b>{text!(lang, agenda.none_selected_title)}"."</b>" "{words}</p>
            <a class="btn main" href="/settings/calendars">{button}</a>
        </section>
    }
    .into_any()
}

/// Why a week may be empty, or end early. While an import is under way an empty week says nothing yet.
fn outlook(here: &Here, week: Week, is_empty: bool, importing: bool) -> AnyView {
    let lang = here.lang;
    let horizon = Horizon::at(here.now, here.zone());
    let shown = week.interval();
    let last = horizon.end.pred_opt().unwrap_or(horizon.end);
    let note = if shown.end > horizon.interval().end {
        let until = format::day_and_month(lang, last, here.today());
        Some((text!(lang, agenda.beyond_title), text!(lang, agenda.beyond, date = until)))
    } else if is_empty && !importing && shown.end > here.now {
        Some((text!(lang, agenda.quiet_title), text!(lang, agenda.quiet)))
    } else if is_empty && shown.end <= here.now {
        Some((text!(lang, agenda.past_title), text!(lang, agenda.past)))
    } else {
        None
    };
    note.map(|(title, words)| view! { <p class="note calm"><span><b>{title}"."</b>" "{words}</span></p> })
        .into_any()
}

/// What a block is called.
pub fn title_of(here: &Here, block: &Block) -> String {
    let title = format::foreign(&block.title);
    match (title.is_empty(), block.entered) {
        (false, _) => title,
        (true, Some(_)) => text!(here.lang, unavailable.untitled),
        (true, None) => text!(here.lang, app.busy),
    }
}

/// The week's blocks of the provider's own, each with a way to remove it; and how many there are in all.
fn kept_list(here: &Here, blocks: &[Block], all: i64) -> AnyView {
    let lang = here.lang;
    let rows: Vec<_> = blocks
        .iter()
        .filter(|block| block.is_kept())
        .map(|block| {
            let title = title_of(here, block);
            let when = when(here, block);
            let named = text!(lang, agenda.remove_named, title = title.as_str(), when = when.as_str());
            view! {
                <li class="row plain">
                    <span><b><bdi>{title}</bdi></b><br/><small>{when}</small></span>
                    {action_form!(RemoveKept, view! {
                        {hidden("block", block.id)}
                        {hidden("back", here.address())}
                        <button class="btn" aria-label=named>{text!(lang, agenda.remove)}</button>
                    })}
                </li>
            }
        })
        .collect();
    if rows.is_empty() {
        return ().into_any();
    }
    view! {
        <section class="card" aria-labelledby="kept">
            <div class="body">
                <div>
                    <h2 id="kept">{text!(lang, agenda.kept_title)}</h2>
                    <p class="small mt-1">{text!(lang, agenda.kept_lead)}" "{text!(lang, agenda.kept_all, count = all)}</p>
                </div>
                <ul>{rows}</ul>
            </div>
        </section>
    }
    .into_any()
}

/// When a block is, in full: `mardi 13 janvier, 18:00 – 19:00`.
pub fn when(here: &Here, block: &Block) -> String {
    when_in(here, block.interval, block.all_day, here.zone())
}

/// The same in another zone.
pub fn when_in(here: &Here, interval: Interval, all_day: bool, zone: chrono_tz::Tz) -> String {
    let (lang, today) = (here.lang, here.today());
    let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&zone).date_naive();
    let (first, last) = (day(interval.start), day(interval.end));
    if all_day {
        // Its end is the midnight after its last day.
        let last = last.pred_opt().unwrap_or(last);
        let first_words = format::date(lang, first, today);
        return if last <= first {
            format!("{first_words}, {}", text!(lang, agenda.all_day))
        } else {
            format!("{first_words} – {}", format::date(lang, last, today))
        };
    }
    let (start, end) = (format::time(interval.start, zone), format::time(interval.end, zone));
    if first == last {
        format!("{}, {start} – {end}", format::date(lang, first, today))
    } else {
        format!("{}, {start} – {}, {end}", format::date(lang, first, today), format::date(lang, last, today))
    }
}
