//! When a provider can be booked.

use super::services::missing;
use crate::actions::offers::UsualHours;
use crate::components::{action_form, hidden, settings_nav};
use crate::fields::{Field, Wrong, choice, field};
use crate::flash::Flash;
use crate::format;
use crate::page::{Here, PageError, Screen, Tab, page};
use crate::state::AppState;
use crate::texts::{Lang, text};
use crate::typed::{Typed, absent, failed, leave, sent};
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, Timelike};
use leptos::prelude::*;
use simone_booking::hours::{BadWindows, DAY_MINUTES, Hours, StalePolicy, WeeklyHours, Window, checked};
use simone_sync::ports::StoreResult;

const HOURS: &str = "/settings/hours";
/// As many windows as a day can have.
const MOST: usize = 6;
/// Rows for the windows of a particular day.
const DAY_ROWS: usize = 3;
/// How far ahead a particular day can be set.
const FARTHEST: Days = Days::new(3660);
/// The choices of the shortest notice, in minutes.
const NOTICES: [i64; 10] = [0, 30, 60, 120, 240, 720, 1440, 2880, 4320, 10080];
/// The days' parts of the form, by which a mistake is named.
const DAYS: [&str; 7] = ["day0", "day1", "day2", "day3", "day4", "day5", "day6"];

#[component]
pub fn HoursPage() -> impl IntoView {
    page(Tab::Account, |here| screen(here, None)).into_any()
}

/// Which of the page's forms is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Week,
    Day,
}

/// A form as it was typed, and what is wrong with it.
type Again = (Part, Typed, Wrong);

async fn screen(here: Here, again: Option<Again>) -> Result<Screen, PageError> {
    let lang = here.lang;
    let services = here.state.db.services(here.provider_id()).await?;
    let hours = here.state.db.hours(here.provider_id()).await?.ok_or(PageError::NotFound)?;
    let title = text!(lang, hours.title);
    let lead = format::elided(lang, &text!(lang, hours.lead, city = here.city(here.zone())));
    let of =
        |part: Part| again.as_ref().filter(|(of, ..)| *of == part).map(|(_, typed, wrong)| (typed, wrong));
    let body = view! {
        <div>
            <h1>{title.clone()}</h1>
            <p class="lead">{lead}</p>
        </div>
        {settings_nav(lang, HOURS)}
        {missing(&here, &services, &hours)}
        {week(lang, &hours.weekly, of(Part::Week))}
        {days(&here, &hours, of(Part::Day))}
        {rules(lang, &hours)}
    };
    Ok(Screen { title, fluid: false, body: body.into_any() })
}

/// `9:30` as an input of times has it.
fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60 % 24, minutes % 60)
}

/// Names the fields of a window.
fn names(day: &str, row: usize) -> (String, String) {
    (format!("{day}_{row}_from"), format!("{day}_{row}_to"))
}

/// The rows of one day: its windows as they stand or were typed, and empty ones.
fn rows(lang: Lang, key: &str, day: &str, values: &[(String, String)]) -> AnyView {
    let rows: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(row, (from, to))| {
            let (from_name, to_name) = names(key, row);
            let begins = text!(lang, hours.begins, day = day, n = row + 1);
            let ends = text!(lang, hours.ends, day = day, n = row + 1);
            view! {
                <p class="window">
                    <input type="time" name=from_name value=from.clone() aria-label=begins/>
                    <span aria-hidden="true">"–"</span>
                    <input type="time" name=to_name value=to.clone() aria-label=ends/>
                </p>
            }
        })
        .collect();
    view! { <div class="windows">{rows}</div> }.into_any()
}

fn typed_rows(typed: &Typed, key: &str) -> Vec<(String, String)> {
    let value = |name: &str| typed.get(name).to_owned();
    let rows = (0..=MOST).map(|row| names(key, row)).map(|(from, to)| (value(&from), value(&to)));
    rows.filter(|(from, to)| !from.is_empty() || !to.is_empty()).collect()
}

fn window_rows(windows: &[Window]) -> Vec<(String, String)> {
    windows.iter().map(|window| (clock(window.start), clock(window.end))).collect()
}

fn week(lang: Lang, weekly: &WeeklyHours, again: Option<(&Typed, &Wrong)>) -> AnyView {
    let none = weekly.iter().all(Vec::is_empty) && again.is_none();
    let monday = NaiveDate::from_ymd_opt(2024, 1, 1).expect("a date");
    let days: Vec<_> = (0..7)
        .map(|index| {
            let name = format::capital(format::weekday(lang, monday + TimeDelta::days(index as i64)));
            let mut values = again
                .map_or_else(|| window_rows(&weekly[index]), |(typed, _)| typed_rows(typed, DAYS[index]));
            if values.len() < MOST {
                values.push(Default::default());
            }
            let wrong = again.filter(|(_, (of, _))| *of == DAYS[index]);
            let wrong =
                wrong.map(|(_, (_, words))| view! { <p class="wrong" role="alert">{words.clone()}</p> });
            view! {
                <fieldset class="field day-hours">
                    <legend>{name.clone()}</legend>
                    {rows(lang, DAYS[index], &name, &values)}
                    {wrong}
                </fieldset>
            }
        })
        .collect();
    // A form of its own: it must not be what pressing Enter in a field means.
    let usual = none.then(|| {
        view! {
            <form class="actions" method="post" action=HOURS>
                {hidden("usual", true)}
                <button class="btn">{text!(lang, hours.usual)}</button>
            </form>
        }
    });
    view! {
        <section class="card" aria-labelledby="week-title">
            <div class="body">
                <div>
                    <h2 id="week-title">{text!(lang, hours.weekly_title)}</h2>
                    <p class="small mt-1">{text!(lang, hours.weekly_text)}</p>
                </div>
                {usual}
                <form class="stack" method="post" action=HOURS novalidate>
                    {days}
                    <div class="actions"><button class="btn main">{text!(lang, hours.save)}</button></div>
                </form>
            </div>
        </section>
    }
    .into_any()
}

fn days(here: &Here, hours: &Hours, again: Option<(&Typed, &Wrong)>) -> AnyView {
    let lang = here.lang;
    let listed: Vec<_> = hours
        .exceptions
        .range(here.today()..)
        .map(|(date, windows)| {
            let name = format::date(lang, *date, here.today());
            let open: Vec<String> = windows
                .iter()
                .map(|window| format!("{} – {}", shown(window.start), shown(window.end)))
                .collect();
            let words = if open.is_empty() { text!(lang, hours.closed) } else { open.join(", ") };
            let named = text!(lang, hours.day_usual_named, date = name.as_str());
            view! {
                <li class="row plain" data-key=date.to_string()>
                    <span><b>{format::capital(&name)}</b><br/><small class="num">{words}</small></span>
                    {action_form!(UsualHours, view! {
                        {hidden("date", date)}
                        <button class="btn" aria-label=named>{text!(lang, hours.day_usual)}</button>
                    })}
                </li>
            }
        })
        .collect();
    let listed = (!listed.is_empty()).then(|| view! { <ul>{listed}</ul> });
    let typed = again.map(|(typed, _)| typed.clone()).unwrap_or_default();
    let wrong = again.map(|(_, wrong)| wrong);
    let mut values = typed_rows(&typed, "day");
    values.resize(DAY_ROWS.max(values.len()), Default::default());
    let other = text!(lang, hours.other);
    let hours_wrong = wrong.filter(|(of, _)| *of == "day");
    let hours_wrong =
        hours_wrong.map(|(_, words)| view! { <p class="wrong" role="alert">{words.clone()}</p> });
    let date = Field {
        name: "date",
        label: text!(lang, hours.date),
        kind: "date",
        value: typed.get("date").to_owned(),
        required: true,
        ..Field::default()
    };
    view! {
        <section class="card" aria-labelledby="days-title">
            <div class="body">
                <div>
                    <h2 id="days-title">{text!(lang, hours.days_title)}</h2>
                    <p class="small mt-1">
                        {text!(lang, hours.days_text)}
                        " "
                        <a href="/agenda/unavailable/new">{text!(lang, hours.days_block)}</a>
                    </p>
                </div>
                {listed}
                <form class="stack narrow" method="post" action=HOURS novalidate>
                    {hidden("part", "day")}
                    {field(date, wrong)}
                    <fieldset class="field">
                        <legend>{other.clone()}</legend>
                        {rows(lang, "day", &other, &values)}
                        <p class="small">{text!(lang, hours.other_hint)}</p>
                        {hours_wrong}
                    </fieldset>
                    <div class="actions"><button class="btn">{text!(lang, hours.day_save)}</button></div>
                </form>
            </div>
        </section>
    }
    .into_any()
}

/// `9:30`, and `24:00` for the end of a day.
fn shown(minutes: u16) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn rules(lang: Lang, hours: &Hours) -> AnyView {
    let (notice, policy) = (hours.notice_minutes.to_string(), hours.stale_policy.code());
    let mut notices: Vec<i64> = NOTICES.into();
    if !notices.contains(&hours.notice_minutes) {
        notices.push(hours.notice_minutes);
        notices.sort_unstable();
    }
    let notices: Vec<_> =
        notices.into_iter().map(|minutes| (minutes.to_string(), notice_words(lang, minutes))).collect();
    let policies = [
        (StalePolicy::Accept.code().to_owned(), text!(lang, hours.policy_accept)),
        (StalePolicy::Hold.code().to_owned(), text!(lang, hours.policy_hold)),
    ];
    let notice_hint = Some(text!(lang, hours.notice_hint));
    let policy_hint = Some(text!(lang, hours.policy_hint));
    view! {
        <section class="card" aria-labelledby="rules-title">
            <div class="body">
                <h2 id="rules-title">{text!(lang, hours.rules_title)}</h2>
                <form class="stack narrow" method="post" action=HOURS novalidate>
                    {hidden("part", "rules")}
                    {choice("notice", text!(lang, hours.notice), notices, &notice, notice_hint, None)}
                    {choice("policy", text!(lang, hours.policy), policies, policy, policy_hint, None)}
                    <div class="actions"><button class="btn">{text!(lang, hours.rules_save)}</button></div>
                </form>
            </div>
        </section>
    }
    .into_any()
}

fn notice_words(lang: Lang, minutes: i64) -> String {
    match (minutes / 1440, minutes % 1440 / 60, minutes % 60) {
        (0, 0, 0) => text!(lang, hours.notice_none),
        (days, 0, 0) => text!(lang, hours.notice_days, count = days),
        (days, hours, 0) => text!(lang, hours.notice_hours, count = days * 24 + hours),
        _ => text!(lang, hours.notice_minutes, n = minutes),
    }
}

/// The windows that were typed for a day.
fn read_windows(lang: Lang, typed: &Typed, key: &str) -> Result<Vec<Window>, String> {
    let minutes = |typed: &str| {
        let time = NaiveTime::parse_from_str(typed, "%H:%M")
            .or_else(|_| NaiveTime::parse_from_str(typed, "%H:%M:%S"))
            .ok()?;
        u16::try_from(time.hour() * 60 + time.minute()).ok()
    };
    let mut windows = Vec::new();
    for (from, to) in typed_rows(typed, key) {
        let (Some(start), Some(end)) = (minutes(&from), minutes(&to)) else {
            return Err(text!(lang, hours.half));
        };
        // No input of times knows the end of the day by another name.
        let end = if end == 0 { DAY_MINUTES } else { end };
        windows.push(Window { start, end });
    }
    checked(windows).map_err(|bad| match bad {
        BadWindows::Order => text!(lang, hours.order),
        BadWindows::Overlap => text!(lang, hours.overlap),
        BadWindows::TooMany => text!(lang, hours.many),
    })
}

fn usual_week() -> WeeklyHours {
    let day =
        || vec![Window { start: 9 * 60, end: 12 * 60 + 30 }, Window { start: 13 * 60 + 30, end: 18 * 60 }];
    std::array::from_fn(|index| if index < 5 { day() } else { Vec::new() })
}

/// Follows whichever of the page's forms was sent.
pub(crate) async fn set(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (here, typed) = match sent(&state, request).await {
        Ok(sent) => sent,
        Err(answer) => return answer,
    };
    match typed.get("part") {
        "day" => set_day(&here, typed).await,
        "rules" => set_rules(&here, &typed).await,
        _ => set_week(&here, typed).await,
    }
}

async fn set_week(here: &Here, typed: Typed) -> Response {
    let mut weekly = WeeklyHours::default();
    if typed.get("usual") == "true" {
        weekly = usual_week();
    } else {
        for (index, key) in DAYS.into_iter().enumerate() {
            match read_windows(here.lang, &typed, key) {
                Ok(windows) => weekly[index] = windows,
                Err(words) => return wrong(here, Part::Week, typed, (key, words)).await,
            }
        }
    }
    let set = here.state.db.set_weekly_hours(here.provider_id(), &weekly, here.now).await;
    answer(here, set, Flash::HoursSaved).await
}

async fn set_day(here: &Here, typed: Typed) -> Response {
    let date: Option<NaiveDate> = typed.get("date").parse().ok();
    let date = date.filter(|date| *date >= here.today() && *date <= here.today() + FARTHEST);
    let Some(date) = date else {
        let words = text!(here.lang, hours.date_wrong);
        return wrong(here, Part::Day, typed, ("date", words)).await;
    };
    let windows = match read_windows(here.lang, &typed, "day") {
        Ok(windows) => windows,
        Err(words) => return wrong(here, Part::Day, typed, ("day", words)).await,
    };
    let db = &here.state.db;
    let set = db.set_hours_exception(here.provider_id(), date, Some(&windows), here.now).await;
    answer(here, set, Flash::DaySaved { date }).await
}

async fn set_rules(here: &Here, typed: &Typed) -> Response {
    // Both are choices: what is none of them was not typed.
    let notice = typed.get("notice").parse().unwrap_or(0_i64).clamp(0, 43_200);
    let policy = StalePolicy::from_code(typed.get("policy"));
    let set = here.state.db.set_booking_rules(here.provider_id(), notice, policy, here.now).await;
    answer(here, set, Flash::RulesSaved).await
}

async fn answer(here: &Here, set: StoreResult<bool>, flash: Flash) -> Response {
    match set {
        Ok(true) => leave(here, flash, HOURS).await,
        Ok(false) => absent(),
        Err(error) => failed(here, &error),
    }
}

async fn wrong(here: &Here, part: Part, typed: Typed, wrong: Wrong) -> Response {
    here.again(Tab::Account, move |here| screen(here, Some((part, typed, wrong)))).await
}
