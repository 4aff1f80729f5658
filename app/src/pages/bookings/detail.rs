//! One appointment, and the step before it is cancelled.

use super::{find, is_ahead, status_words};
use crate::actions::bookings::{CancelBooking, ConfirmBooking};
use crate::components::{action_form, connect_button, hidden, live};
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::agenda::when_in;
use crate::pages::services::{place_words, price_words};
use crate::platform::{mark, platform_name};
use crate::texts::text;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::booking::{Actor, Booking, BookingChange, ChangeKind, Client, Status};
use simone_booking::service::Place;
use simone_store::views::{BookingDetails, ExportState, Standing};

#[component]
pub fn BookingPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("booking"));
    page(Tab::Agenda, move |here| load(here, id)).into_any()
}

#[component]
pub fn CancelPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("booking"));
    page(Tab::Agenda, move |here| confirm_cancel(here, id)).into_any()
}

async fn load(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let BookingDetails { booking, link, history } = find(&here, id).await?;
    let service = here.state.db.service(here.provider_id(), booking.service).await?;
    let mut exports = here.state.db.export_states(here.provider_id(), booking.interval).await?;
    let exports = exports.remove(&booking.id).unwrap_or_default();
    let lang = here.lang;
    let day = booking.interval.start.with_timezone(&here.zone()).date_naive();
    let when = when_in(&here, booking.interval, false, here.zone());
    let name = format::foreign(&booking.service_name);
    let path = format!("/agenda/bookings/{}", booking.id);
    let ahead = is_ahead(&here, &booking);
    let class = match booking.status {
        Status::Pending if ahead => "state warn",
        Status::Confirmed if ahead => "state",
        _ => "state off",
    };
    let address = service.map(|service| service.terms.address).unwrap_or_default();
    let facts = facts(&here, &booking, &address);
    let zone = format::elided(lang, &text!(lang, agenda.zone, city = here.city(here.zone())));
    let actions = ahead.then(|| {
        view! {
            <footer>
                <div class="actions">
                    <a class="btn" href=format!("{path}/move")>{text!(lang, bookings.move_it)}</a>
                    <a class="btn quiet bad" href=format!("{path}/cancel")>{text!(lang, bookings.cancel)}</a>
                </div>
            </footer>
        }
    });
    let standing = view! {
        {(ahead && booking.status == Status::Pending).then(|| pending(&here, &booking, &path))}
        <section class="card told booking">
            <header>
                <div class="grow">
                    <h2><bdi>{name.clone()}</bdi></h2>
                    <p class="num">{format::capital(&when)}</p>
                    <small>{zone}</small>
                </div>
                <span class=class>{status_words(lang, &booking, here.now)}</span>
            </header>
            <div class="body">{facts}</div>
            {actions}
        </section>
        {(ahead && booking.status == Status::Confirmed).then(|| exports_card(&here, &exports))}
        {history_card(&here, &history)}
    };
    let private = ahead.then(|| link_card(&here, &link));
    let body = view! {
        <div>
            <a class="crumb" href=format!("/agenda?week={day}")>"‹ "{text!(lang, bookings.back)}</a>
            <h1>{text!(lang, bookings.title)}</h1>
        </div>
        {live("booking", Some(text!(lang, agenda.said)), standing)}
        {private}
    };
    let title = format!("{} · {when}", text!(lang, bookings.title));
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn pending(here: &Here, booking: &Booking, path: &str) -> AnyView {
    let lang = here.lang;
    view! {
        <section class="note">
            <p class="grow"><b>{text!(lang, bookings.pending_title)}</b>" "{text!(lang, bookings.pending_text)}</p>
            <div class="actions">
                {action_form!(ConfirmBooking, view! {
                    {hidden("booking", booking.id)}
                    {hidden("revision", booking.revision)}
                    <button class="btn main">{text!(lang, bookings.confirm)}</button>
                })}
                <a class="btn" href=format!("{path}/cancel")>{text!(lang, bookings.decline)}</a>
            </div>
        </section>
    }
    .into_any()
}

/// `address`: where the provider receives.
fn facts(here: &Here, booking: &Booking, address: &str) -> AnyView {
    let lang = here.lang;
    let place = match (booking.place, &booking.client) {
        (Place::Client, Some(client)) => client.address.clone(),
        (Place::Client, None) => place_words(lang, Place::Client),
        (Place::Provider, _) if address.is_empty() => place_words(lang, Place::Provider),
        (Place::Provider, _) => text!(lang, bookings.at_yours, address = address),
        (Place::Remote, _) => text!(lang, bookings.remote),
    };
    let client = match &booking.client {
        Some(client) => client_facts(here, booking, client),
        None => view! {
            <dt>{text!(lang, bookings.client)}</dt>
            <dd>{text!(lang, bookings.erased)}</dd>
        }
        .into_any(),
    };
    view! {
        <dl class="pairs">
            {client}
            <dt>{text!(lang, bookings.place)}</dt>
            <dd><bdi class="lines">{place}</bdi></dd>
            <dt>{text!(lang, bookings.price)}</dt>
            <dd class="num">{price_words(lang, booking.price_cents)}</dd>
        </dl>
    }
    .into_any()
}

fn client_facts(here: &Here, booking: &Booking, client: &Client) -> AnyView {
    let lang = here.lang;
    let dialled: String = client.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let address = (booking.place != Place::Client && !client.address.is_empty()).then(|| {
        view! {
            <dt>{text!(lang, bookings.address)}</dt>
            <dd><bdi class="lines">{client.address.clone()}</bdi></dd>
        }
    });
    let instructions = (!client.instructions.is_empty()).then(|| {
        view! {
            <dt>{text!(lang, bookings.instructions)}</dt>
            <dd><bdi class="lines">{client.instructions.clone()}</bdi></dd>
        }
    });
    view! {
        <dt>{text!(lang, bookings.client)}</dt>
        <dd><bdi>{format::foreign(&client.name)}</bdi></dd>
        <dt>{text!(lang, bookings.phone)}</dt>
        <dd><a href=format!("tel:{dialled}")>{client.phone.clone()}</a></dd>
        <dt>{text!(lang, bookings.email)}</dt>
        <dd><a href=format!("mailto:{}", client.email)>{client.email.clone()}</a></dd>
        {address}
        {instructions}
    }
    .into_any()
}

fn exports_card(here: &Here, exports: &[ExportState]) -> AnyView {
    let lang = here.lang;
    let inside = if exports.is_empty() {
        view! {
            <p>{text!(lang, bookings.exports_none)}</p>
            <div class="actions">
                <a class="btn" href="/settings/calendars">{text!(lang, bookings.exports_choose)}</a>
            </div>
        }
        .into_any()
    } else {
        let rows: Vec<_> = exports.iter().map(|export| export_row(here, export)).collect();
        view! { <ul class="exports">{rows}</ul> }.into_any()
    };
    view! {
        <section class="card" aria-labelledby="exports">
            <div class="body">
                <h2 id="exports">{text!(lang, bookings.exports)}</h2>
                {inside}
            </div>
        </section>
    }
    .into_any()
}

fn export_row(here: &Here, export: &ExportState) -> AnyView {
    let lang = here.lang;
    let platform = platform_name(export.platform);
    let settings = format!("/settings/calendars/{}", export.connection);
    let look = |address: String, words: String| view! { <a class="btn" href=address>{words}</a> }.into_any();
    let (class, word, words, act) = match &export.standing {
        Standing::Written { at } => (
            "state",
            text!(lang, bookings.exported),
            text!(lang, bookings.exported_text, ago = here.ago(*at)),
            None,
        ),
        Standing::Waiting => {
            ("state busy", text!(lang, bookings.waiting), text!(lang, bookings.waiting_text), None)
        }
        Standing::InConflict => {
            let link = look("/conflicts".to_owned(), text!(lang, bookings.in_conflict_link));
            (
                "state warn",
                text!(lang, bookings.in_conflict),
                text!(lang, bookings.in_conflict_text),
                Some(link),
            )
        }
        Standing::NeedsReconnect => {
            let button = connect_button(
                export.platform,
                text!(lang, agenda.reconnect_button),
                Some(export.connection),
            );
            let words = text!(lang, bookings.failed_reconnect, platform = platform);
            ("state warn", text!(lang, bookings.failed), words, Some(button))
        }
        Standing::Failed { code } => {
            let link = look(settings, text!(lang, bookings.failed_link));
            let (words, act) = match code.as_str() {
                "forbidden" => (text!(lang, bookings.failed_forbidden, platform = platform), Some(link)),
                "not_found" => (text!(lang, bookings.failed_not_found), Some(link)),
                "refused" => (text!(lang, bookings.failed_refused, platform = platform), None),
                _ => (text!(lang, bookings.failed_later, platform = platform), None),
            };
            ("state warn", text!(lang, bookings.failed), words, act)
        }
    };
    view! {
        <li class="export" data-key=export.connection.to_string()>
            <div class="grow">
                <p class="name">{mark(export.platform)}{platform}" · "<bdi>{export.account.clone()}</bdi></p>
                <small data-age="">{words}</small>
            </div>
            <span class=class>{word}</span>
            {act}
        </li>
    }
    .into_any()
}

fn history_card(here: &Here, history: &[BookingChange]) -> AnyView {
    let lang = here.lang;
    let lines: Vec<_> = history
        .iter()
        .rev()
        .map(|change| {
            view! {
                <li>
                    <span class="num">{here.moment(change.at)}</span>
                    <span>{change_words(here, change)}</span>
                </li>
            }
        })
        .collect();
    view! {
        <section class="card" aria-labelledby="history">
            <div class="body">
                <h2 id="history">{text!(lang, bookings.history)}</h2>
                <ul class="history">{lines}</ul>
            </div>
        </section>
    }
    .into_any()
}

fn change_words(here: &Here, change: &BookingChange) -> String {
    let lang = here.lang;
    let by = match change.actor {
        Actor::Client => text!(lang, bookings.by_client),
        Actor::Provider => text!(lang, bookings.by_provider),
        Actor::Marketplace => text!(lang, bookings.by_marketplace),
        Actor::System => text!(lang, bookings.by_system),
    };
    let by = by.as_str();
    match (change.kind, change.moved) {
        (ChangeKind::Booked, _) => text!(lang, bookings.booked, by = by),
        (ChangeKind::Held, None) => text!(lang, bookings.held, by = by),
        (ChangeKind::Confirmed, None) => text!(lang, bookings.was_confirmed, by = by),
        (ChangeKind::Changed, None) => text!(lang, bookings.changed, by = by),
        (ChangeKind::Cancelled, _) => text!(lang, bookings.was_cancelled, by = by),
        (_, Some((from, to))) => {
            let (before, after) = (here.moment(from), here.moment(to));
            text!(lang, bookings.moved, by = by, before = before, after = after)
        }
        (ChangeKind::Moved, None) => text!(lang, bookings.changed, by = by),
    }
}

fn link_card(here: &Here, link: &str) -> AnyView {
    let lang = here.lang;
    let path = format!("bookings/{link}");
    let address = here.state.public_url.join(&path).map_or_else(|_| format!("/{path}"), String::from);
    view! {
        <details class="card numbers inset" id="client-link">
            <summary>{text!(lang, bookings.link_title)}</summary>
            <div class="field">
                <label for="private-link">{text!(lang, services.link)}</label>
                <input id="private-link" class="num" readonly value=address/>
                <p class="small">{text!(lang, bookings.link_text)}</p>
            </div>
        </details>
    }
    .into_any()
}

async fn confirm_cancel(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let BookingDetails { booking, .. } = find(&here, id).await?;
    if !is_ahead(&here, &booking) {
        return Err(PageError::NotFound);
    }
    let lang = here.lang;
    let held = booking.status == Status::Pending;
    let (title, button) = if held {
        (text!(lang, bookings.decline_title), text!(lang, bookings.decline))
    } else {
        (text!(lang, bookings.cancel_title), text!(lang, bookings.cancel))
    };
    let path = format!("/agenda/bookings/{}", booking.id);
    let who = booking.client.as_ref().map(|client| format::foreign(&client.name));
    let what = [Some(format::foreign(&booking.service_name)), who].into_iter().flatten();
    let what = what.collect::<Vec<_>>().join(" · ");
    let event = (!held).then(|| view! { <li>{text!(lang, bookings.cancel_event)}</li> });
    let body = view! {
        <div>
            <a class="crumb" href=path.clone()>"‹ "{text!(lang, bookings.title)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">
                <bdi>{what}</bdi>
                ", "
                {when_in(&here, booking.interval, false, here.zone())}
            </p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{text!(lang, bookings.cancel_told)}</li>
                    <li>{text!(lang, bookings.cancel_free)}</li>
                    {event}
                    <li>{text!(lang, bookings.cancel_final)}</li>
                </ul>
            </div>
            <footer>
                <div class="actions">
                    {action_form!(CancelBooking, view! {
                        {hidden("booking", booking.id)}
                        {hidden("revision", booking.revision)}
                        <button class="btn main bad">{button}</button>
                    })}
                    <a class="btn" href=path>{text!(lang, bookings.keep)}</a>
                </div>
            </footer>
        </section>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}
