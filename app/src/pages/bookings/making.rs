//! A provider makes an appointment for a client.

use super::{read_start, refusal_words, slots};
use crate::actions::settled;
use crate::components::empty;
use crate::fields::{Field, Wrong, choice, field};
use crate::flash::Flash;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::pages::services::duration_words;
use crate::state::AppState;
use crate::texts::text;
use crate::typed::{Typed, absent, failed, leave, sent};
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use chrono::NaiveDate;
use leptos::prelude::*;
use simone_booking::booking::{
    Actor, BadClient, Client, LONGEST_ADDRESS, LONGEST_CLIENT_NAME, LONGEST_EMAIL, LONGEST_INSTRUCTIONS,
    LONGEST_PHONE,
};
use simone_booking::{Interval, Locale, ServiceId};
use simone_sync::bookings::{NewBooking, Refusal, Rules};

#[component]
pub fn NewBookingPage() -> impl IntoView {
    page(Tab::Agenda, |here| async move {
        let date: Option<NaiveDate> = here.query("date").and_then(|date| date.parse().ok());
        let typed = Typed::from_pairs([
            ("date", date.map(|date| date.to_string()).unwrap_or_default()),
            ("language", here.provider.locale.code().to_owned()),
        ]);
        screen(here, typed, None, Vec::new()).await
    })
    .into_any()
}

async fn screen(
    here: Here,
    typed: Typed,
    wrong: Option<Wrong>,
    free: Vec<Interval>,
) -> Result<Screen, PageError> {
    let lang = here.lang;
    let services = here.state.db.services(here.provider_id()).await?;
    let title = text!(lang, bookings.make);
    let wrong = wrong.as_ref();
    let part = |name: &'static str, label: String, kind: &'static str, longest: Option<usize>| {
        let value = typed.get(name).to_owned();
        field(Field { name, label, kind, value, longest, required: true, ..Field::default() }, wrong)
    };
    let form = if services.is_empty() {
        let add = view! { <a class="btn main" href="/settings/services/new">{text!(lang, services.add)}</a> };
        empty(text!(lang, services.empty_title), text!(lang, bookings.new_empty), add)
    } else {
        let options = services.iter().map(|service| {
            let length = duration_words(lang, service.terms.duration_minutes);
            (service.id.to_string(), format!("{} · {length}", format::foreign(&service.terms.name)))
        });
        let languages = [
            (Locale::Fr.code().to_owned(), "Français".to_owned()),
            (Locale::En.code().to_owned(), "English".to_owned()),
        ];
        let hint = format::elided(lang, &text!(lang, bookings.move_text, city = here.city(here.zone())));
        let address = Field {
            name: "address",
            label: text!(lang, bookings.address),
            kind: "lines",
            value: typed.get("address").to_owned(),
            hint: Some(text!(lang, bookings.address_hint)),
            longest: Some(LONGEST_ADDRESS),
            ..Field::default()
        };
        let instructions = Field {
            name: "instructions",
            label: format!("{} ({})", text!(lang, bookings.instructions), text!(lang, typed.optional)),
            kind: "lines",
            value: typed.get("instructions").to_owned(),
            longest: Some(LONGEST_INSTRUCTIONS),
            ..Field::default()
        };
        view! {
            <section class="card narrow">
                <form class="body" method="post" action="/agenda/bookings/new" novalidate>
                    {choice("service", text!(lang, bookings.service), options, typed.get("service"), None, wrong)}
                    <div class="halves">
                        {part("date", text!(lang, bookings.date), "date", None)}
                        {part("time", text!(lang, bookings.time), "time", None)}
                    </div>
                    <p class="small">{hint}</p>
                    {part("name", text!(lang, bookings.name), "text", Some(LONGEST_CLIENT_NAME))}
                    {part("email", text!(lang, bookings.email), "email", Some(LONGEST_EMAIL))}
                    {part("phone", text!(lang, bookings.phone), "tel", Some(LONGEST_PHONE))}
                    {field(address, wrong)}
                    {field(instructions, wrong)}
                    {choice("language", text!(lang, bookings.language), languages, typed.get("language"), None, wrong)}
                    <div class="actions">
                        <button class="btn main">{text!(lang, bookings.make)}</button>
                        <a class="btn" href="/agenda">{text!(lang, typed.cancel)}</a>
                    </div>
                    {slots(&here, text!(lang, bookings.alternatives), &free)}
                </form>
            </section>
        }
        .into_any()
    };
    let body = view! {
        <div>
            <a class="crumb" href="/agenda">"‹ "{text!(lang, bookings.back)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, bookings.new_lead)}</p>
        </div>
        {form}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// Makes it.
pub(crate) async fn make(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let lang = here.lang;
    let Ok(service) = typed.get("service").parse::<ServiceId>() else { return absent() };
    let start = match read_start(&here, &typed) {
        Ok(start) => start,
        Err(wrong) => return again(&here, typed, wrong, Vec::new()).await,
    };
    let client = Client {
        name: typed.get("name").to_owned(),
        email: typed.get("email").to_owned(),
        phone: typed.get("phone").to_owned(),
        address: typed.get("address").to_owned(),
        instructions: typed.get("instructions").to_owned(),
        locale: typed.get("language").parse().unwrap_or(here.provider.locale),
        zone: None,
    };
    let booking = NewBooking {
        provider: here.provider_id(),
        service,
        start,
        client,
        actor: Actor::Provider,
        rules: Rules::Free,
        request: None,
    };
    match state.bookings.book(booking).await {
        Ok(Ok(done)) => {
            if let Err(error) = settled(&state, here.provider_id()).await {
                state.trouble(&error, "a booking could not be waited for");
            }
            leave(&here, Flash::BookingMade, &format!("/agenda/bookings/{}", done.booking.id)).await
        }
        Ok(Err(Refusal::Client(bad))) => {
            let first = bad.first().copied().unwrap_or(BadClient::Name);
            let words = match first {
                BadClient::Name => text!(lang, bookings.name_wrong),
                BadClient::Email => text!(lang, bookings.email_wrong),
                BadClient::Phone => text!(lang, bookings.phone_wrong),
                BadClient::Address => text!(lang, bookings.address_wrong),
                BadClient::Instructions => text!(lang, bookings.instructions_wrong),
            };
            again(&here, typed, (first.field(), words), Vec::new()).await
        }
        Ok(Err(refusal)) => {
            let of = if refusal == Refusal::UnknownService { "service" } else { "time" };
            let wrong = (of, refusal_words(lang, &refusal));
            let free = refusal.alternatives().to_vec();
            again(&here, typed, wrong, free).await
        }
        Err(error) => failed(&here, &error),
    }
}

async fn again(here: &Here, typed: Typed, wrong: Wrong, free: Vec<Interval>) -> Response {
    here.again(Tab::Agenda, move |here| screen(here, typed, Some(wrong), free)).await
}
