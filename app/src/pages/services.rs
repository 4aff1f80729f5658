//! What a provider offers.

use crate::actions::offers::WithdrawService;
use crate::components::{action_form, empty, hidden, settings_nav};
use crate::fields::{Field, Wrong, choice, field};
use crate::flash::Flash;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::state::AppState;
use crate::texts::{Lang, text};
use crate::typed::{Typed, absent, failed, leave, sent};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::ServiceId;
use simone_booking::booking::Status;
use simone_booking::hours::Hours;
use simone_booking::service::{BadTerms, LONGEST_NAME, Place, Service, ServiceTerms};
use simone_store::views::BookingFilter;

const SERVICES: &str = "/settings/services";

#[component]
pub fn ServicesPage() -> impl IntoView {
    page(Tab::Account, list).into_any()
}

#[component]
pub fn NewServicePage() -> impl IntoView {
    page(Tab::Account, |here| async move {
        let typed =
            Typed::from_pairs([("duration", "60".to_owned()), ("place", Place::Client.code().to_owned())]);
        Ok(screen(&here, None, &typed, None))
    })
    .into_any()
}

#[component]
pub fn ServicePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("service"));
    page(Tab::Account, |here| async move {
        let service = find(&here, id).await?;
        Ok(screen(&here, Some(service.id), &typed_of(&service.terms), None))
    })
    .into_any()
}

#[component]
pub fn WithdrawServicePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("service"));
    page(Tab::Account, move |here| withdraw(here, id)).into_any()
}

/// The service that the address names, if it is this provider's and still offered.
async fn find(here: &Here, id: Option<String>) -> Result<Service, PageError> {
    let id: ServiceId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
    let service = here.state.db.service(here.provider_id(), id).await?;
    service.filter(|service| !service.withdrawn).ok_or(PageError::NotFound)
}

async fn list(here: Here) -> Result<Screen, PageError> {
    let lang = here.lang;
    let services = here.state.db.services(here.provider_id()).await?;
    let hours = here.state.db.hours(here.provider_id()).await?.unwrap_or_default();
    let title = text!(lang, services.title);
    let add = view! { <a class="btn main" href="/settings/services/new">{text!(lang, services.add)}</a> };
    let rest = if services.is_empty() {
        empty(text!(lang, services.empty_title), text!(lang, services.empty), add).into_any()
    } else {
        let rows: Vec<_> = services.iter().map(|service| row(lang, service)).collect();
        view! {
            <section class="card" aria-label=title.clone()>
                <ul class="told-list">{rows}</ul>
            </section>
            <div class="actions">{add}</div>
            {public_page(&here, true)}
        }
        .into_any()
    };
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, services.lead)}</p>
        </div>
        {settings_nav(lang, SERVICES)}
        {(!services.is_empty()).then(|| missing(&here, &services, &hours))}
        {rest}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// What still keeps clients from booking, if anything, and where to mend it.
pub fn missing(here: &Here, services: &[Service], hours: &Hours) -> Option<AnyView> {
    let lang = here.lang;
    let works = hours.weekly.iter().any(|windows| !windows.is_empty())
        || hours.exceptions.iter().any(|(date, windows)| *date >= here.today() && !windows.is_empty());
    let (words, address, button) = match (services.is_empty(), works) {
        (false, false) => {
            (text!(lang, services.no_hours), "/settings/hours", text!(lang, services.no_hours_button))
        }
        (true, true) => {
            (text!(lang, services.no_service), "/settings/services/new", text!(lang, services.add))
        }
        // Everything is there; or nothing is, and the empty page says it.
        _ => return None,
    };
    let on_hours = address == "/settings/hours" && here.address() == address;
    let button = (!on_hours).then(|| view! { <a class="btn main" href=address>{button}</a> });
    let note = view! {
        <section class="note">
            <p class="grow"><b>{text!(lang, services.no_hours_title)}"."</b>" "{words}</p>
            {button}
        </section>
    };
    Some(note.into_any())
}

/// The address at which clients book.
pub fn public_page(here: &Here, with_lead: bool) -> AnyView {
    let lang = here.lang;
    let path = format!("book/{}", here.provider_id());
    let address = here.state.public_url.join(&path).map_or_else(|_| format!("/{path}"), String::from);
    let lead = with_lead.then(|| view! { <p class="small mt-1">{text!(lang, services.link_text)}</p> });
    view! {
        <section class="card" aria-labelledby="public-title">
            <div class="body">
                <div>
                    <h2 id="public-title">{text!(lang, services.link_title)}</h2>
                    {lead}
                </div>
                <div class="field">
                    <label for="public-link">{text!(lang, services.link)}</label>
                    <input id="public-link" class="num" readonly value=address/>
                </div>
                <div class="actions">
                    <a class="btn" href=format!("/{path}")>{text!(lang, services.open)}</a>
                </div>
            </div>
        </section>
    }
    .into_any()
}

fn row(lang: Lang, service: &Service) -> AnyView {
    let terms = &service.terms;
    let buffers = match (terms.buffer_before_minutes, terms.buffer_after_minutes) {
        (0, 0) => None,
        (before, 0) => Some(text!(lang, services.buffer_before, n = before)),
        (0, after) => Some(text!(lang, services.buffer_after, n = after)),
        (before, after) => Some(text!(lang, services.buffers, before = before, after = after)),
    };
    let buffers = buffers.map(|words| view! { <small class="fact">{words}</small> });
    let facts = format!(
        "{} · {} · {}",
        duration_words(lang, terms.duration_minutes),
        price_words(lang, terms.price_cents),
        place_words(lang, terms.place)
    );
    let name = format::foreign(&terms.name);
    let named = text!(lang, services.change_named, name = name.as_str());
    view! {
        <li data-key=service.id.to_string()>
            <div class="grow">
                <p class="name"><bdi>{name}</bdi></p>
                <small class="fact">{facts}</small>
                {buffers}
            </div>
            <a class="btn" href=format!("{SERVICES}/{}", service.id) aria-label=named>{text!(lang, services.change)}</a>
        </li>
    }
    .into_any()
}

/// `45 min`, `1 h`, `1 h 30`.
pub fn duration_words(lang: Lang, minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, rest) => text!(lang, services.minutes, n = rest),
        (hours, 0) => text!(lang, services.hours, n = hours),
        (hours, rest) => format!("{}\u{a0}{rest:02}", text!(lang, services.hours, n = hours)),
    }
}

pub fn price_words(lang: Lang, cents: Option<i64>) -> String {
    cents.map_or_else(|| text!(lang, services.on_request), |cents| format::price(lang, cents))
}

pub fn place_words(lang: Lang, place: Place) -> String {
    match place {
        Place::Client => text!(lang, services.place_client),
        Place::Provider => text!(lang, services.place_provider),
        Place::Remote => text!(lang, services.place_remote),
    }
}

/// What stands in the form of a service.
fn typed_of(terms: &ServiceTerms) -> Typed {
    let price = terms.price_cents.map(|cents| match cents % 100 {
        0 => (cents / 100).to_string(),
        rest => format!("{},{rest:02}", cents / 100),
    });
    Typed::from_pairs([
        ("name", terms.name.clone()),
        ("duration", terms.duration_minutes.to_string()),
        ("price", price.unwrap_or_default()),
        ("before", terms.buffer_before_minutes.to_string()),
        ("after", terms.buffer_after_minutes.to_string()),
        ("place", terms.place.code().to_owned()),
        ("address", terms.address.clone()),
    ])
}

fn screen(here: &Here, id: Option<ServiceId>, typed: &Typed, wrong: Option<&Wrong>) -> Screen {
    let lang = here.lang;
    let title = if id.is_some() { text!(lang, services.edit_title) } else { text!(lang, services.new_title) };
    let lead = id.map(|_| view! { <p class="lead">{text!(lang, services.edit_lead)}</p> });
    let action = id.map_or_else(|| format!("{SERVICES}/new"), |id| format!("{SERVICES}/{id}"));
    let value = |name: &'static str| typed.get(name).to_owned();
    let number = |name: &'static str, label: String, hint: Option<String>| {
        field(Field { name, label, kind: "number", value: value(name), hint, ..Field::default() }, wrong)
    };
    let places = Place::ALL.map(|place| (place.code().to_owned(), place_words(lang, place)));
    let withdraw = id.map(|id| {
        view! {
            <p><a class="btn quiet bad" href=format!("{SERVICES}/{id}/withdraw")>{text!(lang, services.withdraw)}</a></p>
        }
    });
    let price = format!("{} ({})", text!(lang, services.price), text!(lang, typed.optional));
    let name = Field {
        name: "name",
        label: text!(lang, services.name),
        value: value("name"),
        hint: Some(text!(lang, services.name_hint)),
        required: true,
        longest: Some(LONGEST_NAME),
        ..Field::default()
    };
    let price = Field {
        name: "price",
        label: price,
        kind: "decimal",
        value: value("price"),
        hint: Some(text!(lang, services.price_hint)),
        ..Field::default()
    };
    let address = Field {
        name: "address",
        label: text!(lang, services.address),
        value: value("address"),
        hint: Some(text!(lang, services.address_hint)),
        longest: Some(300),
        autocomplete: Some("street-address"),
        ..Field::default()
    };
    let place_hint = Some(text!(lang, services.place_client_hint));
    let body = view! {
        <div>
            <a class="crumb" href=SERVICES>"‹ "{text!(lang, settings.services)}</a>
            <h1>{title.clone()}</h1>
            {lead}
        </div>
        <section class="card narrow">
            <form class="body" method="post" action=action novalidate>
                {field(name, wrong)}
                {number("duration", text!(lang, services.duration), None)}
                {field(price, wrong)}
                <div class="halves">
                    {number("before", text!(lang, services.before), None)}
                    {number("after", text!(lang, services.after), None)}
                </div>
                <p class="small">{text!(lang, services.buffer_hint)}</p>
                {choice("place", text!(lang, services.place), places, typed.get("place"), place_hint, wrong)}
                {field(address, wrong)}
                <div class="actions">
                    <button class="btn main">{text!(lang, typed.save)}</button>
                    <a class="btn" href=SERVICES>{text!(lang, typed.cancel)}</a>
                </div>
            </form>
        </section>
        {withdraw}
    };
    Screen { title, fluid: false, body: body.into_any() }
}

async fn withdraw(here: Here, id: Option<String>) -> Result<Screen, PageError> {
    let service = find(&here, id).await?;
    let lang = here.lang;
    let title = text!(lang, services.withdraw_title, name = format::foreign(&service.terms.name));
    let filter = BookingFilter {
        from: Some(here.now),
        statuses: vec![Status::Pending, Status::Confirmed],
        limit: i64::from(u16::MAX),
        ..BookingFilter::default()
    };
    let bookings = here.state.db.bookings(here.provider_id(), &filter).await?;
    let kept = match bookings.iter().filter(|booking| booking.service == service.id).count() {
        0 => text!(lang, services.withdraw_kept_none),
        kept => text!(lang, services.withdraw_kept, count = kept as u64),
    };
    let body = view! {
        <div>
            <a class="crumb" href=SERVICES>"‹ "{text!(lang, settings.services)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, services.withdraw_lead)}</p>
        </div>
        <section class="card">
            <div class="body">
                <ul class="what">
                    <li>{text!(lang, services.withdraw_gone)}</li>
                    <li>{kept}</li>
                </ul>
            </div>
            <footer>
                <div class="actions">
                    {action_form!(WithdrawService, view! {
                        {hidden("service", service.id)}
                        <button class="btn main bad">{text!(lang, services.withdraw)}</button>
                    })}
                    <a class="btn" href=SERVICES>{text!(lang, services.withdraw_no)}</a>
                </div>
            </footer>
        </section>
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

fn read(lang: Lang, typed: &Typed) -> Result<ServiceTerms, Wrong> {
    let minutes = |name: &'static str, words: String| match typed.get(name) {
        "" if name != "duration" => Ok(0),
        typed => typed.parse::<i64>().map_err(|_| (name, words)),
    };
    let buffer = |name| {
        let words = text!(lang, services.buffer_wrong);
        let read = minutes(name, words.clone())?;
        let fits = (0..=simone_booking::service::LONGEST_BUFFER_MINUTES).contains(&read);
        if fits { Ok(read) } else { Err((name, words)) }
    };
    let duration_minutes = minutes("duration", text!(lang, services.duration_wrong))?;
    let price_cents = match typed.get("price") {
        "" => None,
        typed => Some(cents(typed).ok_or_else(|| ("price", text!(lang, services.price_wrong)))?),
    };
    let terms = ServiceTerms {
        name: typed.get("name").to_owned(),
        duration_minutes,
        price_cents,
        buffer_before_minutes: buffer("before")?,
        buffer_after_minutes: buffer("after")?,
        place: typed.get("place").parse().unwrap_or_default(),
        address: typed.get("address").to_owned(),
    };
    terms.checked().map_err(|bad| match bad {
        BadTerms::Name => ("name", text!(lang, services.name_wrong)),
        BadTerms::Duration => ("duration", text!(lang, services.duration_wrong)),
        BadTerms::Price => ("price", text!(lang, services.price_wrong)),
        BadTerms::Buffer => ("before", text!(lang, services.buffer_wrong)),
        BadTerms::Address => ("address", text!(lang, services.address_wrong)),
    })
}

/// `70`, `72,5`, `72.50 €` in cents.
fn cents(typed: &str) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '€').collect();
    let (euros, rest) = typed.split_once([',', '.']).unwrap_or((&typed, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if euros.is_empty() || !digits(euros) || !digits(rest) || rest.len() > 2 {
        return None;
    }
    let rest: i64 = format!("{rest:0<2}").parse().ok()?;
    euros.parse::<i64>().ok()?.checked_mul(100)?.checked_add(rest)
}

/// Offers something new.
pub(crate) async fn add(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let terms = match read(here.lang, &typed) {
        Ok(terms) => terms,
        Err(wrong) => return again(&here, None, typed, wrong).await,
    };
    match state.db.add_service(here.provider_id(), &terms, here.now).await {
        Ok(Some(_)) => leave(&here, Flash::ServiceAdded { name: terms.name }, SERVICES).await,
        Ok(None) => absent(),
        Err(error) => failed(&here, &error),
    }
}

/// Changes what is offered.
pub(crate) async fn change(
    State(state): State<AppState>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let Ok(id) = id.parse::<ServiceId>() else { return absent() };
    let terms = match (read(here.lang, &typed), state.db.service(here.provider_id(), id).await) {
        (_, Err(error)) => return failed(&here, &error),
        (_, Ok(None)) => return absent(),
        (_, Ok(Some(service))) if service.withdrawn => return absent(),
        (Err(wrong), _) => return again(&here, Some(id), typed, wrong).await,
        (Ok(terms), _) => terms,
    };
    match state.db.change_service(here.provider_id(), id, &terms, here.now).await {
        Ok(true) => leave(&here, Flash::ServiceChanged { name: terms.name }, SERVICES).await,
        Ok(false) => absent(),
        Err(error) => failed(&here, &error),
    }
}

async fn again(here: &Here, id: Option<ServiceId>, typed: Typed, wrong: Wrong) -> Response {
    here.again(Tab::Account, move |here| async move { Ok(screen(&here, id, &typed, Some(&wrong))) }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_as_people_write_them() {
        for (typed, read) in [
            ("70", Some(7000)),
            ("72,5", Some(7250)),
            ("72.50 €", Some(7250)),
            ("1 200", Some(120_000)),
            ("0", Some(0)),
            ("-1", None),
            ("1,234", None),
            ("abc", None),
            (",5", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(cents(typed), read, "{typed}");
        }
    }

    #[test]
    fn lengths_are_told_in_hours_and_minutes() {
        let words = |minutes| duration_words(Lang::fr, minutes).replace('\u{a0}', " ");
        assert_eq!([words(45), words(60), words(90), words(125)], ["45 min", "1 h", "1 h 30", "2 h 05"]);
    }
}
