//! A client's private link: the appointment as it stands, and what can be done about it. Opening these pages changes
//! nothing (mail scanners do); whoever knows the address may.

use super::book::{Trouble, provider_path};
use super::picker::{Picker, Wish, when, written};
use super::visit::{Drawn, Shown, said, visit_page};
use crate::components::hidden;
use crate::format;
use crate::page::PageError;
use crate::texts::text;
use crate::visitor::Visit;
use axum::http::StatusCode;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::booking::{Booking, Status};
use simone_booking::service::Place;
use simone_booking::{Interval, Provider};
use simone_sync::bookings::Refusal;
use std::sync::Arc;

/// An appointment as its client sees it.
#[derive(Clone)]
pub struct Appointment {
    /// The token of the link.
    pub token: String,
    pub booking: Booking,
    pub provider: Provider,
    /// Where it takes place; empty where it is no place.
    pub address: String,
}

impl Appointment {
    pub fn path(&self) -> String {
        format!("/bookings/{}", self.token)
    }

    /// `jeudi 15 janvier, 14:30 – 15:30`
    fn when(&self, visit: &Visit) -> String {
        when(visit, self.booking.interval, self.provider.zone).0
    }
}

/// What a private link leads to.
pub enum Found {
    Appointment(Box<Appointment>),
    Over,
    Unknown,
}

/// As long as our tokens are, which says nothing about which there are.
fn can_be_a_token(token: &str) -> bool {
    token.len() == 43 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

pub async fn find(visit: &Visit, token: &str) -> Result<Found, PageError> {
    if !can_be_a_token(token) {
        return Ok(Found::Unknown);
    }
    let db = &visit.state.db;
    let Some(booking) = visit.state.bookings.by_link(token).await? else {
        let over = db.has_link_ended(token, visit.now).await?;
        return Ok(if over { Found::Over } else { Found::Unknown });
    };
    let Some(provider) = db.provider(booking.provider).await? else { return Ok(Found::Unknown) };
    let address = match booking.place {
        Place::Client => booking.client.as_ref().map(|client| client.address.clone()).unwrap_or_default(),
        Place::Provider => db.booking_address(booking.provider, booking.id).await?.unwrap_or_default(),
        Place::Remote => String::new(),
    };
    Ok(Found::Appointment(Box::new(Appointment { token: token.to_owned(), booking, provider, address })))
}

/// A page of a link that leads to no appointment that is to come.
pub fn nowhere(over: bool) -> Drawn {
    Arc::new(move |visit| {
        let lang = visit.lang;
        if over {
            said(text!(lang, appointment.over_title), text!(lang, appointment.over), ()).at(StatusCode::GONE)
        } else {
            let words = text!(lang, appointment.unknown);
            said(text!(lang, appointment.unknown_title), words, ()).at(StatusCode::NOT_FOUND)
        }
    })
}

fn token() -> String {
    use_params_map().with_untracked(|params| params.get("token")).unwrap_or_default()
}

#[component]
pub fn AppointmentPage() -> impl IntoView {
    let token = token();
    visit_page(async move |visit| {
        Ok(match find(&visit, &token).await? {
            Found::Appointment(appointment) => state(*appointment),
            Found::Over => nowhere(true),
            Found::Unknown => nowhere(false),
        })
    })
    .into_any()
}

/// How an appointment stands.
pub fn state(appointment: Appointment) -> Drawn {
    Arc::new(move |visit| state_screen(visit, &appointment, None))
}

/// The same where something was asked for that could not be done.
pub fn state_after(appointment: Appointment, refusal: Refusal) -> Drawn {
    Arc::new(move |visit| {
        let lang = visit.lang;
        let note = match refusal {
            Refusal::Changed => {
                Some((text!(lang, appointment.changed_title), text!(lang, appointment.changed)))
            }
            _ => Some((String::new(), text!(lang, appointment.started))),
        };
        // Of what is cancelled the page says so itself.
        let note = note.filter(|_| appointment.booking.status != Status::Cancelled);
        state_screen(visit, &appointment, note).at(StatusCode::CONFLICT)
    })
}

fn state_screen(visit: &Visit, appointment: &Appointment, note: Option<(String, String)>) -> Shown {
    let lang = visit.lang;
    let Appointment { booking, provider, .. } = appointment;
    let title = format::foreign(&booking.service_name);
    let name = format::foreign(&provider.name);
    let (class, pill, words) = match booking.status {
        Status::Confirmed => ("state", text!(lang, appointment.confirmed), None),
        Status::Pending => (
            "state busy",
            text!(lang, appointment.pending),
            Some(text!(lang, appointment.pending_text, name = name.as_str())),
        ),
        Status::Cancelled => {
            ("state off", text!(lang, appointment.cancelled), Some(text!(lang, appointment.cancelled_text)))
        }
    };
    let path = appointment.path();
    let is_to_come = booking.interval.start > visit.now;
    let actions = if booking.status == Status::Cancelled {
        let again = text!(lang, appointment.again);
        view! { <a class="btn main" href=provider_path(provider.id)>{again}</a> }.into_any()
    } else {
        let shift = is_to_come.then(|| {
            view! { <a class="btn main" href=format!("{path}/move")>{text!(lang, appointment.shift)}</a> }
        });
        view! {
            {shift}
            <a class="btn bad" href=format!("{path}/cancel")>{text!(lang, appointment.cancel)}</a>
        }
        .into_any()
    };
    let private = (booking.status != Status::Cancelled)
        .then(|| view! { <p class="small">{text!(lang, appointment.private)}</p> });
    let note = note.map(|(title, words)| {
        view! { <div class="note" role="alert"><div class="grow"><b>{title}</b>" "<span>{words}</span></div></div> }
    });
    let body = view! {
        {note}
        <div>
            <p class="pill"><span class=class>{pill}</span></p>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, appointment.lead, name = name.as_str())}</p>
        </div>
        <section class="card">
            <div class="body">
                {words.map(|words| view! { <p>{words}</p> })}
                {facts(visit, appointment)}
            </div>
            <footer><div class="actions">{actions}</div></footer>
        </section>
        {private}
    };
    Shown::new(format!("{title} · {name}"), body).zoned(provider.zone)
}

fn facts(visit: &Visit, appointment: &Appointment) -> AnyView {
    let lang = visit.lang;
    let Appointment { booking, provider, address, .. } = appointment;
    let (when, theirs) = when(visit, booking.interval, provider.zone);
    let city = format::city(lang, provider.zone);
    let zone = format::elided(lang, &text!(lang, book.hours_of, city = city));
    let place = match booking.place {
        Place::Client => text!(lang, appointment.at_yours),
        Place::Provider => String::new(),
        Place::Remote => text!(lang, appointment.remote),
    };
    let parts: Vec<String> =
        [place, format::foreign(address)].into_iter().filter(|words| !words.is_empty()).collect();
    let price = match booking.price_cents {
        Some(cents) => format::price(lang, cents),
        None => text!(lang, appointment.on_request),
    };
    let instructions = booking.client.as_ref().map(|client| client.instructions.clone());
    let instructions = instructions.filter(|words| !words.is_empty()).map(|words| {
        view! { <dt>{text!(lang, appointment.instructions)}</dt><dd class="typed">{words}</dd> }
    });
    view! {
        <dl class="pairs">
            <dt>{text!(lang, appointment.when)}</dt>
            <dd><b>{format::capital(&when)}</b><br/>
                <small>{zone}{theirs.map(|theirs| format!(" {}", format::capital(&theirs)))}</small></dd>
            <dt>{text!(lang, appointment.with)}</dt>
            <dd>{format::foreign(&provider.name)}</dd>
            <dt>{text!(lang, appointment.place)}</dt>
            <dd>{parts.join(", ")}</dd>
            <dt>{text!(lang, appointment.price)}</dt>
            <dd>{price}</dd>
            {instructions}
        </dl>
    }
    .into_any()
}

#[component]
pub fn MovePage() -> impl IntoView {
    let token = token();
    visit_page(async move |visit| {
        let appointment = match find(&visit, &token).await? {
            Found::Appointment(appointment) => *appointment,
            Found::Over => return Ok(nowhere(true)),
            Found::Unknown => return Ok(nowhere(false)),
        };
        if let Some(refusal) = cannot_move(&visit, &appointment) {
            return Ok(state_after(appointment, refusal));
        }
        let wish = Wish::of(&visit);
        let picker = load_picker(&visit, &appointment, wish).await?;
        let lost = wish.at.is_some() && picker.as_ref().is_ok_and(|picker| picker.chosen().is_none());
        Ok(match picker {
            Ok(picker) => moving(appointment, picker, lost.then_some(Trouble::Taken), Vec::new(), false),
            Err(drawn) => drawn,
        })
    })
    .into_any()
}

/// Why it cannot be moved at all.
pub fn cannot_move(visit: &Visit, appointment: &Appointment) -> Option<Refusal> {
    if appointment.booking.status == Status::Cancelled {
        Some(Refusal::Cancelled)
    } else {
        (appointment.booking.interval.start <= visit.now).then_some(Refusal::Over)
    }
}

/// The moments to which an appointment can be moved; else the page that says why there are none.
pub async fn load_picker(
    visit: &Visit,
    appointment: &Appointment,
    wish: Wish,
) -> Result<Result<Picker, Drawn>, PageError> {
    let Appointment { provider, booking, .. } = appointment;
    let base = format!("{}/move", appointment.path());
    match Picker::load(visit, provider, booking.service, wish, base).await? {
        Ok(picker) => Ok(Ok(picker)),
        Err(Refusal::UnknownService) => Ok(Err(super::book::withdrawn(provider.clone()))),
        Err(_) => Err(PageError::NotFound),
    }
}

/// The choice of another moment. `refused`: one was asked for, and could not be had.
pub fn moving(
    appointment: Appointment,
    picker: Picker,
    trouble: Option<Trouble>,
    instead: Vec<Interval>,
    refused: bool,
) -> Drawn {
    Arc::new(move |visit| {
        let lang = visit.lang;
        let title = text!(lang, appointment.move_title);
        let service = format::foreign(&appointment.booking.service_name);
        let lead = text!(lang, appointment.move_lead, service = service, when = appointment.when(visit));
        let chosen = picker.chosen().filter(|_| !refused);
        let action = format!("{}/move", appointment.path());
        let revision = appointment.booking.revision;
        let confirm = chosen.map(|slot| {
            let (to, theirs) = when(visit, slot, appointment.provider.zone);
            let from = text!(lang, appointment.move_from, when = appointment.when(visit));
            view! {
                <section class="card" id="form">
                    <form method="post" action=action.clone()>
                        {hidden("at", written(slot.start))}
                        {hidden("revision", revision)}
                        <footer>
                            <div class="grow">
                                <h2>{format::capital(&to)}</h2>
                                <small>{theirs.map(|theirs| format!("{theirs} · "))}{from}</small>
                            </div>
                            <div class="actions">
                                <button class="btn main">{text!(lang, appointment.move_button)}</button>
                                <a class="btn" href=appointment.path()>{text!(lang, appointment.keep)}</a>
                            </div>
                        </footer>
                    </form>
                </section>
            }
        });
        let near: Vec<_> = instead
            .iter()
            .map(|slot| {
                let (words, theirs) = when(visit, *slot, appointment.provider.zone);
                let at = written(slot.start);
                let href = format!("{action}?at={at}#form");
                let theirs = theirs.map(|theirs| view! { <small>{theirs}</small> });
                view! { <li><a class="btn" href=href>{format::capital(&words)}{theirs}</a></li> }
            })
            .collect();
        let near = (!near.is_empty()).then(|| {
            view! {
                <section class="stack">
                    <h2>{text!(lang, book.instead)}</h2>
                    <ul class="actions">{near}</ul>
                </section>
            }
        });
        let status = trouble.as_ref().filter(|_| refused).map_or(StatusCode::OK, Trouble::status);
        let note = trouble.as_ref().map(|trouble| super::book::note(visit, trouble, false));
        let body = view! {
            <div>
                <a class="crumb" href=appointment.path()>"‹ "{text!(lang, appointment.back)}</a>
                <h1>{title.clone()}</h1>
                <p class="lead">{lead}</p>
            </div>
            {note}
            {near}
            {picker.view(visit)}
            {confirm}
        };
        Shown::new(title, body).at(status).zoned(appointment.provider.zone)
    })
}

#[component]
pub fn CancelPage() -> impl IntoView {
    let token = token();
    visit_page(async move |visit| {
        Ok(match find(&visit, &token).await? {
            // Cancelled already: that is what the page says.
            Found::Appointment(appointment) if appointment.booking.status == Status::Cancelled => {
                state(*appointment)
            }
            Found::Appointment(appointment) => cancelling(*appointment),
            Found::Over => nowhere(true),
            Found::Unknown => nowhere(false),
        })
    })
    .into_any()
}

/// What cancelling does, before it is done.
fn cancelling(appointment: Appointment) -> Drawn {
    Arc::new(move |visit| {
        let lang = visit.lang;
        let title = text!(lang, appointment.cancel_title);
        let service = format::foreign(&appointment.booking.service_name);
        let name = format::foreign(&appointment.provider.name);
        let body = view! {
            <div>
                <a class="crumb" href=appointment.path()>"‹ "{text!(lang, appointment.back)}</a>
                <h1>{title.clone()}</h1>
                <p class="lead">{service}", "{appointment.when(visit)}</p>
            </div>
            <section class="card">
                <div class="body">
                    <ul class="what">
                        <li>{text!(lang, appointment.cancel_told, name = name)}</li>
                        <li>{text!(lang, appointment.cancel_mail)}</li>
                        <li>{text!(lang, appointment.cancel_free)}</li>
                    </ul>
                </div>
                <footer>
                    <div class="actions">
                        <form method="post" action=format!("{}/cancel", appointment.path())>
                            <button class="btn main bad">{text!(lang, appointment.cancel_button)}</button>
                        </form>
                        <a class="btn" href=appointment.path()>{text!(lang, appointment.cancel_keep)}</a>
                    </div>
                </footer>
            </section>
        };
        Shown::new(title, body).zoned(appointment.provider.zone)
    })
}
