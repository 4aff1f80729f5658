//! Time that a provider blocks by hand: entered, changed, removed.

use crate::actions::entered::{RemoveEntered, SkipEntered};
use crate::components::{action_form, hidden};
use crate::fields::{Field, Wrong, choice, field};
use crate::flash::Flash;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::texts::text;
use crate::typed::{Typed, absent, failed, leave, sent};
use crate::{actions::settled, state::AppState};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::response::Response;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;
use simone_booking::id::{EnteredId, UnavailabilityId};
use simone_sync::entered::{BadEntry, Entry, LONGEST_TITLE, Repeat, When};
use simone_sync::event::Shape;
use simone_sync::ports::StoreResult;
use std::collections::BTreeSet;

#[component]
pub fn NewUnavailablePage() -> impl IntoView {
    page(Tab::Agenda, |here| async move {
        let first = here.query("date").and_then(|date| date.parse().ok()).unwrap_or_else(|| here.today());
        let typed = Typed::from_pairs([("from", first.to_string())]);
        Ok(screen(&here, None, &typed, None))
    })
    .into_any()
}

#[component]
pub fn UnavailablePage() -> impl IntoView {
    let id = use_params_map().with_untracked(|params| params.get("entered"));
    page(Tab::Agenda, |here| async move {
        let id: EnteredId = id.and_then(|id| id.parse().ok()).ok_or(PageError::NotFound)?;
        let entered = here.state.db.entered(here.provider_id(), id).await?.ok_or(PageError::NotFound)?;
        let typed = typed_of(&here, &entered.title, &entered.shape).ok_or(PageError::NotFound)?;
        Ok(screen(&here, Some(id), &typed, None))
    })
    .into_any()
}

/// What stands in the form of something that was entered.
fn typed_of(here: &Here, title: &str, shape: &Shape) -> Option<Typed> {
    let entry = Entry::of(shape, here.zone())?;
    let time = |at: NaiveDateTime| at.format("%H:%M").to_string();
    let (from, from_time, to, to_time) = match entry.when {
        When::Days { first, last } => (first, String::new(), last, String::new()),
        When::Times { start, end } => (start.date(), time(start), end.date(), time(end)),
    };
    Some(Typed::from_pairs([
        ("title", title.to_owned()),
        ("from", from.to_string()),
        ("from_time", from_time),
        ("to", to.to_string()),
        ("to_time", to_time),
        ("repeat", entry.repeat.code().to_owned()),
        ("until", entry.until.map(|until| until.to_string()).unwrap_or_default()),
    ]))
}

fn screen(here: &Here, id: Option<EnteredId>, typed: &Typed, wrong: Option<&Wrong>) -> Screen {
    let lang = here.lang;
    let title =
        if id.is_some() { text!(lang, unavailable.edit_title) } else { text!(lang, unavailable.new_title) };
    let back = match typed.get("from").parse::<NaiveDate>() {
        Ok(date) => format!("/agenda?week={date}"),
        Err(_) => "/agenda".to_owned(),
    };
    let action =
        id.map_or_else(|| "/agenda/unavailable/new".to_owned(), |id| format!("/agenda/unavailable/{id}"));
    let value = |name: &'static str| typed.get(name).to_owned();
    let part = |name: &'static str, label: String, kind: &'static str, required: bool| {
        field(Field { name, label, kind, value: value(name), required, ..Field::default() }, wrong)
    };
    let hours = format::elided(lang, &text!(lang, unavailable.times_hint, city = here.city(here.zone())));
    let options = Repeat::ALL.map(|repeat| (repeat.code().to_owned(), repeat_words(here, repeat)));
    let comes_back = typed.get("repeat") != Repeat::Never.code();
    let remove =
        if comes_back { text!(lang, unavailable.remove_all) } else { text!(lang, unavailable.remove) };
    let removal = id.map(|id| {
        view! {
            <section class="card narrow">
                <div class="body">
                    {action_form!(RemoveEntered, view! {
                        {hidden("entered", id)}
                        <button class="btn quiet bad">{remove.clone()}</button>
                    })}
                </div>
            </section>
        }
    });
    let button = if id.is_some() { text!(lang, typed.save) } else { text!(lang, unavailable.add) };
    let body = view! {
        <div>
            <a class="crumb" href=back.clone()>"‹ "{text!(lang, reason.back)}</a>
            <h1>{title.clone()}</h1>
            <p class="lead">{text!(lang, unavailable.lead)}</p>
        </div>
        <section class="card narrow">
            <form class="body" method="post" action=action novalidate>
                {field(
                    Field {
                        name: "title",
                        label: format!("{} ({})", text!(lang, unavailable.title), text!(lang, typed.optional)),
                        value: value("title"),
                        hint: Some(text!(lang, unavailable.title_hint)),
                        longest: Some(LONGEST_TITLE),
                        ..Field::default()
                    },
                    wrong,
                )}
                <div class="halves">
                    {part("from", text!(lang, unavailable.from), "date", true)}
                    {part("from_time", text!(lang, unavailable.begins), "time", false)}
                    {part("to", text!(lang, unavailable.to), "date", false)}
                    {part("to_time", text!(lang, unavailable.ends), "time", false)}
                </div>
                <p class="small">{hours}</p>
                {choice("repeat", text!(lang, unavailable.repeat), options, typed.get("repeat"), None, wrong)}
                {field(
                    Field {
                        name: "until",
                        label: text!(lang, unavailable.until),
                        kind: "date",
                        value: value("until"),
                        hint: Some(text!(lang, unavailable.until_hint)),
                        ..Field::default()
                    },
                    wrong,
                )}
                <div class="actions">
                    <button class="btn main">{button}</button>
                    <a class="btn" href=back>{text!(lang, typed.cancel)}</a>
                </div>
            </form>
        </section>
        {removal}
    };
    Screen { title, fluid: false, body: body.into_any() }
}

fn repeat_words(here: &Here, repeat: Repeat) -> String {
    let lang = here.lang;
    match repeat {
        Repeat::Never => text!(lang, unavailable.never),
        Repeat::Daily => text!(lang, unavailable.daily),
        Repeat::Weekly => text!(lang, unavailable.weekly),
        Repeat::EveryTwoWeeks => text!(lang, unavailable.two_weeks),
        Repeat::Monthly => text!(lang, unavailable.monthly),
    }
}

/// What was typed as title and entry; days that were taken out before stay so.
fn read(here: &Here, typed: &Typed, skipped: BTreeSet<NaiveDate>) -> Result<(String, Shape), Wrong> {
    let lang = here.lang;
    let title = typed.get("title").to_owned();
    if title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        return Err(("title", text!(lang, unavailable.title_wrong)));
    }
    let day = |name: &'static str| {
        let example = format::day_and_month(lang, here.today(), here.today());
        let wrong = || (name, text!(lang, unavailable.date_wrong, example = example));
        typed.get(name).parse::<NaiveDate>().map_err(|_| wrong())
    };
    let time = |name: &'static str| {
        let typed = typed.get(name);
        let parsed = NaiveTime::parse_from_str(typed, "%H:%M")
            .or_else(|_| NaiveTime::parse_from_str(typed, "%H:%M:%S"));
        match (typed, parsed) {
            ("", _) => Ok(None),
            (_, Ok(time)) => Ok(Some(time)),
            (_, Err(_)) => Err((name, text!(lang, unavailable.time_wrong))),
        }
    };
    let from = day("from")?;
    let to = if typed.get("to").is_empty() { from } else { day("to")? };
    let when = match (time("from_time")?, time("to_time")?) {
        (None, None) => When::Days { first: from, last: to },
        (Some(start), Some(end)) => When::Times { start: from.and_time(start), end: to.and_time(end) },
        (None, Some(_)) => return Err(("from_time", text!(lang, unavailable.time_wrong))),
        (Some(_), None) => return Err(("to_time", text!(lang, unavailable.time_wrong))),
    };
    let repeat = Repeat::from_code(typed.get("repeat")).unwrap_or_default();
    let until = if typed.get("until").is_empty() { None } else { Some(day("until")?) };
    let entry = Entry { when, repeat, until, skipped };
    let shape = entry.shape(here.zone(), here.now).map_err(|bad| match bad {
        BadEntry::Order => ("to", text!(lang, unavailable.order)),
        BadEntry::Skipped { wall } => {
            let is_start = matches!(when, When::Times { start, .. } if start == wall);
            let words = text!(lang, unavailable.skipped, time = wall.format("%-H:%M").to_string());
            (if is_start { "from_time" } else { "to_time" }, words)
        }
        BadEntry::TooLong => ("to", text!(lang, unavailable.too_long)),
        BadEntry::Until => ("until", text!(lang, unavailable.until_wrong)),
        BadEntry::Over => ("from", text!(lang, unavailable.over)),
        BadEntry::Far => ("from", text!(lang, unavailable.far)),
    })?;
    Ok((title, shape))
}

/// Enters something new.
pub(crate) async fn enter(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let (title, shape) = match read(&here, &typed, BTreeSet::new()) {
        Ok(read) => read,
        Err(wrong) => return again(&here, None, typed, wrong).await,
    };
    match state.db.add_entered(here.provider_id(), &title, &shape, here.now).await {
        Ok(Some(id)) => entered(&here, id, &typed).await,
        Ok(None) => {
            let wrong = ("title", text!(here.lang, unavailable.many));
            again(&here, None, typed, wrong).await
        }
        Err(error) => failed(&here, &error),
    }
}

/// Changes what was entered.
pub(crate) async fn change(
    State(state): State<AppState>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    let Ok(id) = id.parse::<EnteredId>() else { return absent() };
    let before = match state.db.entered(here.provider_id(), id).await {
        Ok(Some(before)) => before,
        Ok(None) => return absent(),
        Err(error) => return failed(&here, &error),
    };
    let skipped = Entry::of(&before.shape, here.zone()).map(|entry| entry.skipped).unwrap_or_default();
    let (title, shape) = match read(&here, &typed, skipped) {
        Ok(read) => read,
        Err(wrong) => return again(&here, Some(id), typed, wrong).await,
    };
    match state.db.change_entered(here.provider_id(), id, &title, &shape, here.now).await {
        Ok(true) => entered(&here, id, &typed).await,
        Ok(false) => absent(),
        Err(error) => failed(&here, &error),
    }
}

async fn again(here: &Here, id: Option<EnteredId>, typed: Typed, wrong: Wrong) -> Response {
    here.again(Tab::Agenda, move |here| async move { Ok(screen(&here, id, &typed, Some(&wrong))) }).await
}

/// Back to the week in which it stands, and what was found in its way.
async fn entered(here: &Here, id: EnteredId, typed: &Typed) -> Response {
    let over = async {
        settled(&here.state, here.provider_id()).await?;
        here.state.db.bookings_within(here.provider_id(), id, here.now).await
    };
    let over: StoreResult<i64> = over.await;
    let bookings = over.unwrap_or_else(|error| {
        // It is entered all the same.
        here.state.trouble(&error, "bookings in a blocked time could not be counted");
        0
    });
    let from = typed.get("from").parse::<NaiveDate>().unwrap_or_else(|_| here.today());
    leave(here, Flash::Blocked { bookings }, &format!("/agenda?week={}", from.max(here.today()))).await
}

/// What can be done about a block that was entered by hand; stands on its page.
pub fn entered_change(
    here: &Here,
    block: UnavailabilityId,
    id: EnteredId,
    comes_back: bool,
    back: &str,
) -> AnyView {
    let lang = here.lang;
    let skip = comes_back.then(|| {
        action_form!(
            SkipEntered,
            view! {
                {hidden("block", block)}
                {hidden("back", back)}
                <button class="btn">{text!(lang, unavailable.skip)}</button>
            }
        )
    });
    let remove =
        if comes_back { text!(lang, unavailable.remove_all) } else { text!(lang, unavailable.remove) };
    view! {
        <section class="card" aria-labelledby="change">
            <div class="body">
                <h2 id="change">{text!(lang, reason.change)}</h2>
                <p>{text!(lang, unavailable.change_text)}</p>
                <div class="actions">
                    <a class="btn main" href=format!("/agenda/unavailable/{id}")>{text!(lang, unavailable.edit)}</a>
                    {skip}
                    {action_form!(RemoveEntered, view! {
                        {hidden("entered", id)}
                        {hidden("back", back)}
                        <button class="btn quiet bad">{remove}</button>
                    })}
                </div>
            </div>
        </section>
    }
    .into_any()
}
