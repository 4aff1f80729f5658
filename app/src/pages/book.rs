//! Where clients book: what a provider offers, and the moments of one service with the form.

use super::picker::{Picker, Wish, when, written};
use super::visit::{Drawn, Shown, said, visit_page};
use crate::components::hidden;
use crate::format;
use crate::page::PageError;
use crate::texts::text;
use crate::visitor::Visit;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use serde::Deserialize;
use simone_booking::booking::{
    BadClient, LONGEST_ADDRESS, LONGEST_CLIENT_NAME, LONGEST_EMAIL, LONGEST_INSTRUCTIONS, LONGEST_PHONE,
};
use simone_booking::service::{Place, Service, ServiceTerms};
use simone_booking::{Interval, Provider, ProviderId, ServiceId};
use simone_sync::bookings::Refusal;
use std::sync::Arc;

/// The form as it was typed. Personal data: it has no `Debug`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// The slot's start.
    pub at: String,
    /// Made with the form: pressing its button twice makes one booking.
    pub key: String,
    pub name: String,
    pub phone: String,
    pub email: String,
    pub address: String,
    pub instructions: String,
}

/// Why a form comes back.
#[derive(Clone, PartialEq, Eq)]
pub enum Trouble {
    Fields(Vec<BadClient>),
    NoTime,
    Taken,
    Closed,
    Past,
    TooSoon,
    BeyondHorizon,
    /// Too many bookings from one address; minutes to wait.
    Many(i64),
}

impl Trouble {
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Taken => StatusCode::CONFLICT,
            Self::Many(_) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

/// A service of a provider, with what can be booked of it.
#[derive(Clone)]
pub struct Offered {
    pub provider: Provider,
    pub service: Service,
    pub picker: Picker,
}

pub fn provider_path(provider: ProviderId) -> String {
    format!("/book/{provider}")
}

pub fn service_path(provider: ProviderId, service: ServiceId) -> String {
    format!("/book/{provider}/{service}")
}

/// The provider of an address.
pub async fn find_provider(visit: &Visit, id: &str) -> Result<Provider, PageError> {
    let id: ProviderId = id.parse().map_err(|_| PageError::NotFound)?;
    visit.state.db.provider(id).await?.ok_or(PageError::NotFound)
}

#[component]
pub fn ProviderPage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("provider")).unwrap_or_default();
    visit_page(async move |visit| {
        let provider = find_provider(&visit, &id).await?;
        let services = visit.state.db.services(provider.id).await?;
        let drawn: Drawn = Arc::new(move |visit| provider_screen(visit, &provider, &services));
        Ok(drawn)
    })
    .into_any()
}

fn provider_screen(visit: &Visit, provider: &Provider, services: &[Service]) -> Shown {
    let lang = visit.lang;
    let name = format::foreign(&provider.name);
    let title = text!(lang, book.with, name = name.as_str());
    let list = if services.is_empty() {
        view! {
            <section class="empty">
                <h2>{text!(lang, book.none_title)}</h2>
                <p class="lead">{text!(lang, book.none, name = name.as_str())}</p>
            </section>
        }
        .into_any()
    } else {
        let items: Vec<_> = services
            .iter()
            .map(|service| {
                let href = service_path(provider.id, service.id);
                view! {
                    <li><a href=href>
                        <span class="grow"><b>{format::foreign(&service.terms.name)}</b><small>{terms(visit, &service.terms, false)}</small></span>
                        <span class="price">{price(visit, &service.terms)}</span>
                    </a></li>
                }
            })
            .collect();
        view! { <section class="card"><ul class="people offers">{items}</ul></section> }.into_any()
    };
    let lead = (!services.is_empty()).then(|| view! { <p class="lead">{text!(lang, book.lead)}</p> });
    Shown::new(title.clone(), view! { <div><h1>{title}</h1>{lead}</div>{list} })
}

fn price(visit: &Visit, terms: &ServiceTerms) -> String {
    match terms.price_cents {
        Some(cents) => format::price(visit.lang, cents),
        None => text!(visit.lang, book.on_request),
    }
}

/// `60 minutes · 70 € · à votre domicile`
fn terms(visit: &Visit, terms: &ServiceTerms, with_price: bool) -> String {
    let lang = visit.lang;
    let mut words = vec![text!(lang, book.minutes, count = terms.duration_minutes)];
    if with_price {
        words.push(price(visit, terms));
    }
    words.push(match terms.place {
        Place::Client => text!(lang, book.at_client),
        Place::Provider => format::foreign(&terms.address),
        Place::Remote => text!(lang, book.remote),
    });
    words.join(" · ")
}

#[component]
pub fn ServicePage() -> impl IntoView {
    let id = |name| use_params_map().with_untracked(|params| params.get(name)).unwrap_or_default();
    let (provider, service) = (id("provider"), id("service"));
    visit_page(async move |visit| {
        let wish = Wish::of(&visit);
        match find_offered(&visit, &provider, &service, wish).await? {
            Ok(offered) => {
                // What was chosen may have been taken since the page with its link was made.
                let trouble =
                    (wish.at.is_some() && offered.picker.chosen().is_none()).then_some(Trouble::Taken);
                let typed = Typed { key: new_key(&visit), ..Typed::default() };
                let drawn: Drawn = Arc::new(move |visit| {
                    let shown = service_screen(visit, &offered, &typed, trouble.as_ref(), &[]);
                    shown.at(StatusCode::OK)
                });
                Ok(drawn)
            }
            Err(provider) => Ok(withdrawn(provider)),
        }
    })
    .into_any()
}

/// A service and its moments, or the provider alone when it is not offered any more.
pub async fn find_offered(
    visit: &Visit,
    provider: &str,
    service: &str,
    wish: Wish,
) -> Result<Result<Offered, Provider>, PageError> {
    let provider = find_provider(visit, provider).await?;
    let id: ServiceId = service.parse().map_err(|_| PageError::NotFound)?;
    let service = visit.state.db.service(provider.id, id).await?.ok_or(PageError::NotFound)?;
    if service.withdrawn {
        return Ok(Err(provider));
    }
    let base = service_path(provider.id, id);
    match Picker::load(visit, &provider, id, wish, base).await? {
        Ok(picker) => Ok(Ok(Offered { provider, service, picker })),
        Err(Refusal::UnknownService) => Ok(Err(provider)),
        Err(_) => Err(PageError::NotFound),
    }
}

/// Nobody can guess it, so that nobody's booking answers another's form.
pub fn new_key(visit: &Visit) -> String {
    URL_SAFE_NO_PAD.encode(visit.state.ids.bytes::<16>())
}

pub fn withdrawn(provider: Provider) -> Drawn {
    Arc::new(move |visit| {
        let lang = visit.lang;
        let name = format::foreign(&provider.name);
        let others =
            view! { <a class="btn main" href=provider_path(provider.id)>{text!(lang, book.others)}</a> };
        said(text!(lang, book.gone_title), text!(lang, book.gone, name = name), others).at(StatusCode::GONE)
    })
}

/// The moments of a service and, once one is chosen, the form. `instead`: what is free near the one that was asked for.
pub fn service_screen(
    visit: &Visit,
    offered: &Offered,
    typed: &Typed,
    trouble: Option<&Trouble>,
    instead: &[Interval],
) -> Shown {
    let lang = visit.lang;
    let Offered { provider, service, picker } = offered;
    let title = format::foreign(&service.terms.name);
    let name = format::foreign(&provider.name);
    let chosen = picker.chosen().filter(|_| !matches!(trouble, Some(Trouble::Taken)));
    let picked = !typed.name.is_empty() || !typed.email.is_empty() || !instead.is_empty();
    // Beside what it is about: the page comes back scrolled to the form.
    let (above, beside) = if chosen.is_some() || picked { (None, trouble) } else { (trouble, None) };
    let beside = beside.map(|trouble| note(visit, trouble, true));
    let rest = if chosen.is_some() || picked {
        form(visit, offered, typed, trouble, chosen, instead, beside)
    } else if picker.is_empty() || picker.not_ready() {
        ().into_any()
    } else {
        view! { <p class="small">{text!(lang, book.pick)}</p> }.into_any()
    };
    let body = view! {
        <div>
            <a class="crumb" href=provider_path(provider.id)>"‹ "{text!(lang, book.back)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{name.clone()}" · "{terms(visit, &service.terms, true)}</p>
        </div>
        {above.map(|trouble| note(visit, trouble, true))}
        {picker.view(visit)}
        {rest}
    };
    let status = trouble.map_or(StatusCode::OK, Trouble::status);
    Shown::new(format!("{title} · {name}"), body).at(status).zoned(provider.zone)
}

/// What is wrong, before anything else. `typed`: a form was filled in; otherwise an appointment stays as it is.
pub fn note(visit: &Visit, trouble: &Trouble, typed: bool) -> AnyView {
    let lang = visit.lang;
    let (title, words) = match trouble {
        Trouble::Fields(bad) => {
            let count = i64::try_from(bad.len()).unwrap_or(1);
            (text!(lang, book.wrong, count = count), String::new())
        }
        Trouble::NoTime => (text!(lang, book.no_time_title), text!(lang, book.no_time)),
        Trouble::Taken => (text!(lang, book.taken_title), text!(lang, book.taken)),
        Trouble::Closed => (text!(lang, book.closed_title), text!(lang, book.closed)),
        Trouble::Past => (text!(lang, book.past_title), text!(lang, book.past)),
        Trouble::TooSoon => (text!(lang, book.soon_title), text!(lang, book.soon)),
        Trouble::BeyondHorizon => (text!(lang, book.beyond_title), text!(lang, book.beyond)),
        Trouble::Many(minutes) => (text!(lang, book.many_title), text!(lang, book.many, count = *minutes)),
    };
    let words = if typed { words } else { text!(lang, appointment.unmoved) };
    let words = (!words.is_empty()).then(|| view! { <span>{words}</span> });
    view! { <div class="note" role="alert"><div class="grow"><b>{title}</b>" "{words}</div></div> }.into_any()
}

/// What is wrong with a field, in words.
fn wrong(visit: &Visit, bad: BadClient) -> String {
    let lang = visit.lang;
    match bad {
        BadClient::Name => text!(lang, book.name_wrong),
        BadClient::Email => text!(lang, book.email_wrong),
        BadClient::Phone => text!(lang, book.phone_wrong),
        BadClient::Address => text!(lang, book.address_wrong),
        BadClient::Instructions => text!(lang, book.instructions_wrong),
    }
}

/// A field's own words: what it is called, what belongs in it, and what is wrong with what stands there.
struct Words {
    label: String,
    optional: bool,
    hint: Option<String>,
    wrong: Option<String>,
}

impl Words {
    fn around(self, visit: &Visit, name: &'static str, input: impl IntoView + 'static) -> AnyView {
        let optional = self.optional.then(|| view! { " "<small>{text!(visit.lang, book.optional)}</small> });
        let wrong_id = format!("{name}-wrong");
        view! {
            <div class="field">
                <label for=name>{self.label}{optional}</label>
                {input}
                {self.wrong.map(|wrong| view! { <p class="wrong" id=wrong_id>{wrong}</p> })}
                {self.hint.map(|hint| view! { <p class="small" id=format!("{name}-hint")>{hint}</p> })}
            </div>
        }
        .into_any()
    }

    fn described_by(&self, name: &str) -> Option<String> {
        let wrong = self.wrong.as_ref().map(|_| format!("{name}-wrong"));
        let hint = self.hint.as_ref().map(|_| format!("{name}-hint"));
        let ids: Vec<String> = wrong.into_iter().chain(hint).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

fn form(
    visit: &Visit,
    offered: &Offered,
    typed: &Typed,
    trouble: Option<&Trouble>,
    chosen: Option<Interval>,
    instead: &[Interval],
    note: Option<AnyView>,
) -> AnyView {
    let lang = visit.lang;
    let Offered { provider, service, picker } = offered;
    let bad: &[BadClient] = match trouble {
        Some(Trouble::Fields(bad)) => bad,
        _ => &[],
    };
    let words = |label: String, hint: Option<String>, of: BadClient, optional: bool| Words {
        label,
        optional,
        hint,
        wrong: bad.contains(&of).then(|| wrong(visit, of)),
    };
    let input = |name: &'static str,
                 kind: &'static str,
                 complete: &'static str,
                 longest: usize,
                 value: &str,
                 words: Words| {
        let described = words.described_by(name);
        let invalid = words.wrong.is_some().then_some("true");
        let input = view! {
            <input
                id=name
                name=name
                type=kind
                autocomplete=complete
                maxlength=longest.to_string()
                required
                value=value.to_owned()
                aria-describedby=described
                aria-invalid=invalid
            />
        };
        words.around(visit, name, input)
    };
    let name = words(text!(lang, book.name), None, BadClient::Name, false);
    let phone = words(text!(lang, book.phone), None, BadClient::Phone, false);
    let email = words(text!(lang, book.email), Some(text!(lang, book.email_hint)), BadClient::Email, false);
    let address = words(text!(lang, book.address), None, BadClient::Address, false);
    let address = (service.terms.place == Place::Client)
        .then(|| input("address", "text", "street-address", LONGEST_ADDRESS, &typed.address, address));
    let hint = Some(text!(lang, book.instructions_hint));
    let instructions = words(text!(lang, book.instructions), hint, BadClient::Instructions, true);
    let described = instructions.described_by("instructions");
    let invalid = instructions.wrong.is_some().then_some("true");
    let area = view! {
        <textarea
            id="instructions"
            name="instructions"
            rows="3"
            maxlength=LONGEST_INSTRUCTIONS.to_string()
            aria-describedby=described
            aria-invalid=invalid
        >{typed.instructions.clone()}</textarea>
    };
    let instructions = instructions.around(visit, "instructions", area);
    let time = match chosen {
        Some(slot) => hidden("at", written(slot.start)),
        None => choices(visit, provider, instead, picker),
    };
    let summary = chosen.map(|slot| {
        let (when, theirs) = when(visit, slot, provider.zone);
        view! {
            <div class="grow">
                <h3>{format::capital(&when)}</h3>
                <small>{price(visit, &service.terms)}{theirs.map(|theirs| format!(" · {theirs}"))}</small>
            </div>
        }
    });
    let action = format!("{}#form", service_path(provider.id, service.id));
    view! {
        <section class="card" id="form" aria-labelledby="yours">
            <form method="post" action=action novalidate>
                <div class="body">
                    <h2 id="yours">{text!(lang, book.yours)}</h2>
                    {note}
                    {time}
                    {hidden("key", &typed.key)}
                    <div class="two">
                        {input("name", "text", "name", LONGEST_CLIENT_NAME, &typed.name, name)}
                        {input("phone", "tel", "tel", LONGEST_PHONE, &typed.phone, phone)}
                    </div>
                    {input("email", "email", "email", LONGEST_EMAIL, &typed.email, email)}
                    {address}
                    {instructions}
                    <p class="small">{text!(lang, book.data)}</p>
                </div>
                <footer>
                    {summary}
                    <button class="btn main">{text!(lang, book.button)}</button>
                </footer>
            </form>
        </section>
    }
    .into_any()
}

/// Other moments, in the form, so that what was typed stays where it is.
fn choices(visit: &Visit, provider: &Provider, instead: &[Interval], picker: &Picker) -> AnyView {
    let lang = visit.lang;
    let some = if instead.is_empty() { picker.some() } else { instead.to_vec() };
    if some.is_empty() {
        return ().into_any();
    }
    let items: Vec<_> = some
        .iter()
        .map(|slot| {
            let (when, theirs) = when(visit, *slot, provider.zone);
            view! {
                <label class="choice">
                    <input type="radio" name="at" value=written(slot.start) required/>
                    <span>{format::capital(&when)}{theirs.map(|theirs| view! { <small>{theirs}</small> })}</span>
                </label>
            }
        })
        .collect();
    view! { <fieldset class="choices"><legend>{text!(lang, book.instead)}</legend>{items}</fieldset> }
        .into_any()
}
