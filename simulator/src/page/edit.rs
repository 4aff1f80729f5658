//! What the page's forms do.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{Datelike, NaiveDate};
use serde_json::{Value, json};

use super::edit_outlook;
use crate::control::Problem;
use crate::google::edits::{Edit, apply, reach};
use crate::google::errors::ApiError;
use crate::google::times::{When, localize, parse_wall};
use crate::google::view::{find, split_instance_id};
use crate::html::{self, Language, escape};
use crate::simulator::{Simulator, World};

pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    pub fn text(&self, name: &str) -> String {
        self.get(name).to_owned()
    }
}

pub(super) async fn edit(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form(url::form_urlencoded::parse(&body).into_owned().collect());
    let mut world = simulator.world();
    let done = if form.get("platform") == "outlook" {
        edit_outlook::edit(&mut world, &form)
    } else {
        wanted(&world, &form).and_then(|edit| apply(&mut world, edit)).map(|_| ()).map_err(Problem::from)
    };
    drop(world);
    match done {
        Ok(()) => {
            let fits = |c: &char| c.is_ascii_digit() || matches!(c, '-' | 'o');
            let at: String = form.get("at").chars().filter(fits).collect();
            let location = HeaderValue::from_str(&format!("/#calendar-{at}"))
                .unwrap_or_else(|_| HeaderValue::from_static("/"));
            (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
        }
        Err(error) => {
            let language = Language::of(&headers);
            let title = language.pick("Ce changement n’a pas pu être fait", "This change could not be made");
            let main = format!(
                "<section class=\"card error\"><h1>{title}</h1><p>{}</p><p><a href=\"/\">{}</a></p></section>",
                escape(error.message()),
                language.pick("Retour aux agendas", "Back to the calendars"),
            );
            html::page(language, error.status(), title, &main)
        }
    }
}

/// The edit that the pressed button means.
fn wanted(world: &World, form: &Form) -> Result<Edit, ApiError> {
    let (account, calendar, event) = (form.text("account"), form.text("calendar"), form.text("event"));
    let minutes =
        |text: &str| text.parse::<i64>().map_err(|_| ApiError::invalid("Invalid number of minutes."));
    let action = form.get("do");
    if let Some(by) = action.strip_prefix("move:") {
        let by_minutes = Some(minutes(by)?);
        return Ok(Edit::MoveEvent { account, calendar, event, by_minutes, start: None, end: None });
    }
    if let Some(by) = action.strip_prefix("series:move:") {
        let by_minutes = Some(minutes(by)?);
        let event = form.text("series");
        return Ok(Edit::MoveEvent { account, calendar, event, by_minutes, start: None, end: None });
    }
    if let Some(by) = action.strip_prefix("split:") {
        return split(world, form, minutes(by)?);
    }
    match action {
        "add" => {
            let event = new_event(world, form)?;
            Ok(Edit::AddEvent { account, calendar, event, unchecked: false })
        }
        "change" => {
            let changes = changes(world, form)?;
            Ok(Edit::ChangeEvent { account, calendar, event, changes, unchecked: true })
        }
        "duplicate" => Ok(Edit::DuplicateEvent { account, calendar, event }),
        "delete" => Ok(Edit::DeleteEvent { account, calendar, event }),
        "series:delete" => Ok(Edit::DeleteEvent { account, calendar, event: form.text("series") }),
        "zone" => Ok(Edit::SetCalendarZone { account, calendar, zone: form.text("zone") }),
        _ => Err(ApiError::invalid("Unknown action.")),
    }
}

fn zone_of(world: &World, form: &Form) -> Result<(chrono_tz::Tz, String), ApiError> {
    let id = reach(world, form.get("account"), form.get("calendar"))?;
    let calendar = world.google.calendars.get(&id).ok_or_else(ApiError::not_found)?;
    Ok((calendar.tz(), calendar.zone.clone()))
}

/// A day of a `date` or `datetime-local` field.
fn day(text: &str) -> Result<NaiveDate, ApiError> {
    text.get(..10).and_then(|day| day.parse().ok()).ok_or_else(|| ApiError::invalid("Invalid date."))
}

fn new_event(world: &World, form: &Form) -> Result<Value, ApiError> {
    let (tz, zone) = zone_of(world, form)?;
    let (start, end) = (form.get("start"), form.get("end"));
    let mut event = json!({"summary": form.get("title")});
    if form.has("all_day") {
        let last = day(end)?.max(day(start)?);
        event["start"] = json!({"date": day(start)?.to_string()});
        event["end"] = json!({"date": last.succ_opt().unwrap_or(last).to_string()});
    } else {
        for (name, text) in [("start", start), ("end", end)] {
            let wall = parse_wall(text).ok_or_else(|| ApiError::invalid(format!("Invalid {name} time.")))?;
            event[name] = json!({"dateTime": localize(wall, tz).to_rfc3339(), "timeZone": zone});
        }
    }
    if form.has("weekly") {
        let weekday = day(start)?.weekday().to_string().to_uppercase();
        event["recurrence"] = json!([format!("RRULE:FREQ=WEEKLY;BYDAY={}", &weekday[..2])]);
    }
    if form.has("free") {
        event["transparency"] = "transparent".into();
    }
    Ok(event)
}

fn changes(world: &World, form: &Form) -> Result<Value, ApiError> {
    let (tz, zone) = zone_of(world, form)?;
    let id = reach(world, form.get("account"), form.get("calendar"))?;
    let event = world
        .google
        .calendars
        .get(&id)
        .and_then(|calendar| find(calendar, form.get("event")))
        .ok_or_else(ApiError::not_found)?;
    let mut changes = json!({
        "summary": form.get("title"),
        "transparency": if form.has("free") { "transparent" } else { "opaque" },
    });
    if event.start.is_day() {
        let last = day(form.get("end"))?;
        changes["start"] = json!({"date": day(form.get("start"))?.to_string()});
        changes["end"] = json!({"date": last.succ_opt().unwrap_or(last).to_string()});
        return Ok(changes);
    }
    for (name, before) in [("start", &event.start), ("end", &event.end)] {
        let wall =
            parse_wall(form.get(name)).ok_or_else(|| ApiError::invalid(format!("Invalid {name} time.")))?;
        let at = localize(wall, tz);
        // The field has minutes: one that was not touched keeps its instant, seconds and repeated hours included.
        let same = |tz: chrono_tz::Tz| {
            before.wall(tz).format("%Y-%m-%dT%H:%M").to_string() == wall.format("%Y-%m-%dT%H:%M").to_string()
        };
        if same(tz) {
            continue;
        }
        let zone = before.zone().unwrap_or(&zone);
        changes[name] = json!({"dateTime": at.to_rfc3339(), "timeZone": zone});
    }
    let (start, end) = (time(&changes, "start", &event.start), time(&changes, "end", &event.end));
    if end < start {
        return Err(ApiError::time_range_empty());
    }
    Ok(changes)
}

fn time(changes: &Value, name: &str, otherwise: &When) -> chrono::DateTime<chrono::Utc> {
    changes[name]["dateTime"]
        .as_str()
        .and_then(crate::google::times::parse_instant)
        .unwrap_or_else(|| otherwise.instant(chrono_tz::UTC))
}

fn split(world: &World, form: &Form, minutes: i64) -> Result<Edit, ApiError> {
    let id = reach(world, form.get("account"), form.get("calendar"))?;
    let calendar = world.google.calendars.get(&id).ok_or_else(ApiError::not_found)?;
    let series = form.text("series");
    let instance = format!("{series}_{}", form.get("slot"));
    let (_, slot) = split_instance_id(&instance, calendar).ok_or_else(ApiError::not_found)?;
    let master = calendar.events.get(&series).ok_or_else(ApiError::not_found)?;
    let by = chrono::TimeDelta::try_minutes(minutes)
        .ok_or_else(|| ApiError::invalid("Invalid number of minutes."))?;
    let start = slot.plus(by);
    let end = crate::google::view::end_of(master, &start);
    let mut changes = serde_json::Map::new();
    if !start.is_day() {
        changes.insert("start".to_owned(), start.as_sent().into());
        changes.insert("end".to_owned(), end.as_sent().into());
    }
    let original_start = match &slot {
        When::Day(day) => day.to_string(),
        When::Time { at, .. } => at.to_rfc3339(),
    };
    Ok(Edit::SplitSeries {
        account: form.text("account"),
        calendar: form.text("calendar"),
        event: series,
        original_start,
        changes,
    })
}
