//! An appointment is moved by its provider, to any time that nothing takes.

use super::{find, is_ahead, read_start, refusal_words, slots};
use crate::actions::settled;
use crate::fields::{Field, Wrong, field};
use crate::flash::Flash;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::agenda::when_in;
use crate::state::AppState;
use crate::texts::text;
use crate::typed::{Typed, absent, failed, leave, sent};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::booking::Actor;
use simone_booking::{BookingId, Interval};
use simone_store::views::BookingDetails;
use simone_sync::bookings::{Change, Refusal, Rules};

/// Free slots that are offered before anything was typed, and how far ahead they are looked for.
const OFFERED: usize = 8;
const LOOKED: TimeDelta = TimeDelta::days(14);

#[component]
pub fn MovePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("booking"));
    page(Tab::Agenda, |here| async move {
        let BookingDetails { booking, .. } = find(&here, id).await?;
        let start = booking.interval.start.with_timezone(&here.zone());
        let typed = Typed::from_pairs([
            ("date", start.date_naive().to_string()),
            ("time", start.format("%H:%M").to_string()),
        ]);
        let window = Interval::new(here.now, here.now + LOOKED);
        let offer = here.state.bookings.offer(here.provider_id(), booking.service, window, OFFERED).await?;
        // What is not offered any more can be moved all the same.
        let free = offer.map(|offer| offer.slots).unwrap_or_default();
        screen(here, booking.id, typed, None, free).await
    })
    .into_any()
}

async fn screen(
    here: Here,
    id: BookingId,
    typed: Typed,
    wrong: Option<Wrong>,
    free: Vec<Interval>,
) -> Result<Screen, PageError> {
    let BookingDetails { booking, .. } = find(&here, Some(id.to_string())).await?;
    if !is_ahead(&here, &booking) {
        return Err(PageError::NotFound);
    }
    let lang = here.lang;
    let title = text!(lang, bookings.move_title);
    let path = format!("/agenda/bookings/{id}");
    let action = format!("{path}/move");
    let when = when_in(&here, booking.interval, false, here.zone());
    let hint = format::elided(lang, &text!(lang, bookings.move_text, city = here.city(here.zone())));
    let part = |name: &'static str, label: String, kind: &'static str| {
        let value = typed.get(name).to_owned();
        field(Field { name, label, kind, value, required: true, ..Field::default() }, wrong.as_ref())
    };
    let slots_title =
        if wrong.is_some() { text!(lang, bookings.alternatives) } else { text!(lang, bookings.free_slots) };
    let body = view! {
        <div>
            <a class="crumb" href=path.clone()>"‹ "{text!(lang, bookings.title)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, bookings.move_lead, when = when)}</p>
        </div>
        <section class="card">
            <form class="body" method="post" action=action novalidate>
                <div class="halves narrow">
                    {part("date", text!(lang, bookings.date), "date")}
                    {part("time", text!(lang, bookings.time), "time")}
                </div>
                <p class="small">{hint}</p>
                <div class="actions">
                    <button class="btn main">{text!(lang, bookings.move_it)}</button>
                    <a class="btn" href=path>{text!(lang, typed.cancel)}</a>
                </div>
                {slots(&here, slots_title, &free)}
            </form>
        </section>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// Moves it.
pub(crate) async fn move_to(
    State(state): State<AppState>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let Ok(id) = id.parse::<BookingId>() else { return absent() };
    match state.db.booking(here.provider_id(), id).await {
        Ok(Some(_)) => {}
        Ok(None) => return absent(),
        Err(error) => return failed(&here, &error),
    }
    let start = match read_start(&here, &typed) {
        Ok(start) => start,
        Err(wrong) => return again(&here, id, typed, wrong, Vec::new()).await,
    };
    let change = Change::Move { start, rules: Rules::Free };
    match state.bookings.change(here.provider_id(), id, None, &change, Actor::Provider).await {
        Ok(Ok(_)) => {
            // The page that comes next shows it in the calendar, if that takes no longer than a moment.
            let settled = settled(&state, here.provider_id()).await;
            if let Err(error) = settled {
                state.trouble(&error, "a move could not be waited for");
            }
            leave(&here, Flash::BookingMoved, &format!("/agenda/bookings/{id}")).await
        }
        Ok(Err(Refusal::UnknownBooking)) => absent(),
        Ok(Err(refusal @ (Refusal::Cancelled | Refusal::Over))) => {
            let reason = refusal_code(&refusal);
            leave(&here, Flash::BookingRefused { reason }, &format!("/agenda/bookings/{id}")).await
        }
        Ok(Err(refusal)) => {
            let words = refusal_words(here.lang, &refusal);
            let typed = shown(&here, typed, start);
            again(&here, id, typed, ("time", words), refusal.alternatives().to_vec()).await
        }
        Err(error) => failed(&here, &error),
    }
}

/// What was asked for as date and time, also where a slot's button was pressed.
fn shown(here: &Here, typed: Typed, start: DateTime<Utc>) -> Typed {
    if typed.get("start").is_empty() {
        return typed;
    }
    let start = start.with_timezone(&here.zone());
    Typed::from_pairs([("date", start.date_naive().to_string()), ("time", start.format("%H:%M").to_string())])
}

/// As a flash keeps it.
pub fn refusal_code(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Cancelled => "cancelled",
        Refusal::Over => "over",
        Refusal::Taken { .. } => "taken",
        Refusal::NotReady => "not_ready",
        _ => "changed",
    }
    .to_owned()
}

async fn again(here: &Here, id: BookingId, typed: Typed, wrong: Wrong, free: Vec<Interval>) -> Response {
    here.again(Tab::Agenda, move |here| screen(here, id, typed, Some(wrong), free)).await
}
