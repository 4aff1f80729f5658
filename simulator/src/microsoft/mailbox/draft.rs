//! What a client's body says of an event, and how it changes one (7.1, 7.2).

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::fields;
use super::items::same_property;
use super::model::Event;
use super::recurrence::Recurrence;
use super::times::Time;
use crate::microsoft::errors::{GraphError, GraphResult};

/// What a client's body says of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub fields: Map<String, Value>,
    pub start: Option<Time>,
    pub end: Option<Time>,
    pub all_day: Option<bool>,
    /// `Some(Null)`: the series becomes a single event.
    pub recurrence: Option<Value>,
    pub transaction: Option<String>,
    pub properties: Vec<(String, Option<String>)>,
    pub extensions: Vec<(String, Map<String, Value>)>,
}

pub(super) fn invalid(message: &str) -> GraphError {
    GraphError::new(400, "ErrorPropertyValidationFailure", message)
}

fn crossing() -> GraphError {
    GraphError::new(
        400,
        "ErrorOccurrenceCrossingBoundary",
        "Modified occurrence is crossing or overlapping adjacent occurrence.",
    )
}

impl Draft {
    pub fn read(body: &Value) -> GraphResult<Draft> {
        let body = fields::named(body)?;
        let time = |name: &str| match body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(time) => Time::read(name, time).map(Some),
        };
        let all_day = match body.get("isAllDay") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(all_day)) => Some(*all_day),
            Some(_) => {
                return Err(GraphError::new(400, "RequestBodyRead", "'isAllDay' must be true or false."));
            }
        };
        let transaction = match body.get("transactionId") {
            None | Some(Value::Null) => None,
            Some(Value::String(transaction)) => Some(transaction.clone()),
            Some(_) => {
                return Err(GraphError::new(400, "RequestBodyRead", "'transactionId' must be a string."));
            }
        };
        let mut extensions = Vec::new();
        for one in body.get("extensions").and_then(Value::as_array).into_iter().flatten() {
            extensions.push(super::extensions::read(one)?);
        }
        Ok(Draft {
            fields: fields::read(&body)?,
            start: time("start")?,
            end: time("end")?,
            all_day,
            recurrence: body.get("recurrence").cloned(),
            transaction: transaction.filter(|transaction| !transaction.is_empty()),
            properties: fields::properties(&body)?,
            extensions,
        })
    }

    pub fn changes_times(&self) -> bool {
        self.start.is_some() || self.end.is_some() || self.all_day.is_some()
    }
}

/// All-day events lie from midnight to midnight of one zone; others do not end before they begin (5.3).
pub(super) fn check_times(start: &Time, end: &Time, all_day: bool) -> GraphResult<()> {
    if !all_day {
        return match start.at() <= end.at() {
            true => Ok(()),
            false => Err(invalid("The Event.End property must not be before the Event.Start property.")),
        };
    }
    for (name, time) in [("Start", start), ("End", end)] {
        if !time.is_midnight() {
            return Err(GraphError::invalid(format!(
                "The Event.{name} property for an all-day event needs to be set to midnight."
            )));
        }
    }
    if start.tz != end.tz {
        return Err(GraphError::invalid(
            "The Event.Start and Event.End properties for an all-day event need to be in the same time zone.",
        ));
    }
    if start.wall >= end.wall {
        return Err(GraphError::invalid("The duration of an all-day event must be at least 24 hours."));
    }
    Ok(())
}

/// The times that follow from the draft. A start alone takes the end along.
pub(super) fn times(draft: &Draft, start: &Time, end: &Time) -> GraphResult<(Time, Time)> {
    let new_start = draft.start.clone().unwrap_or_else(|| start.clone());
    let new_end = match (&draft.end, &draft.start) {
        (Some(end), _) => end.clone(),
        (None, Some(moved)) => moved
            .shifted(end.wall - start.wall)
            .ok_or_else(|| invalid("The Event.End property is out of range."))?,
        (None, None) => end.clone(),
    };
    Ok((new_start, new_end))
}

/// An exception stays between the days of its neighbours (5.4).
pub(super) fn check_neighbours(event: &Event, day: NaiveDate, start: &Time) -> GraphResult<()> {
    let tz = event.start.tz;
    let stands = |other: NaiveDate| match event.exceptions.get(&other) {
        Some(exception) if exception.all_day => exception.start.day(),
        Some(exception) => exception.start.at().with_timezone(&tz).date_naive(),
        None => other,
    };
    let new = if event.all_day { start.day() } else { start.at().with_timezone(&tz).date_naive() };
    let mut before = None;
    for other in event.days() {
        if other < day {
            before = Some(other);
        } else if other > day {
            if new >= stands(other) {
                return Err(crossing());
            }
            break;
        }
    }
    match before {
        Some(before) if new <= stands(before) => Err(crossing()),
        _ => Ok(()),
    }
}

/// A change of a single event or of a series as a whole.
pub(super) fn change(event: &mut Event, draft: Draft) -> GraphResult<()> {
    let before = event.recurrence.clone();
    let was = (event.start.clone(), event.end.clone(), event.all_day);
    if draft.changes_times() {
        let all_day = draft.all_day.unwrap_or(event.all_day);
        let (start, end) = times(&draft, &event.start, &event.end)?;
        check_times(&start, &end, all_day)?;
        (event.start, event.end, event.all_day) = (start, end, all_day);
    }
    match draft.recurrence {
        Some(Value::Null) => event.recurrence = None,
        Some(mut recurrence) => {
            if recurrence["range"]["startDate"].is_null() {
                fields::set_range_start(&mut recurrence, event.start.day());
            }
            // A series whose start was not sent begins where the range says.
            if draft.start.is_none()
                && let Some(day) = recurrence["range"]["startDate"].as_str().and_then(|day| day.parse().ok())
            {
                (event.start, event.end) = (event.start_on(day), event.end_on(day));
            }
            event.recurrence = Some(Recurrence::read(&recurrence, event.start.day())?);
        }
        None => {
            if let Some(recurrence) = &mut event.recurrence
                && event.start.day() != was.0.day()
            {
                let by = (event.start.day() - was.0.day()).num_days();
                *recurrence = recurrence.shifted(by, event.start.day());
            }
        }
    }
    begin_with_first(event)?;
    let same_pattern = match (&before, &event.recurrence) {
        (Some(before), Some(after)) => before.same_pattern(after),
        _ => false,
    };
    // Outlook forgets what was changed by itself when the pattern or the times change.
    if !same_pattern || was != (event.start.clone(), event.end.clone(), event.all_day) {
        event.exceptions.clear();
        event.cancelled.clear();
    } else {
        let days: BTreeSet<_> = event
            .recurrence
            .iter()
            .flat_map(|recurrence| recurrence.dates())
            .take_while(|day| event.exceptions.keys().next_back().is_some_and(|last| day <= last))
            .collect();
        event.exceptions.retain(|day, _| days.contains(day));
    }
    event.fields.extend(draft.fields);
    set_properties(&mut event.properties, &draft.properties);
    event.extensions.extend(draft.extensions);
    Ok(())
}

/// The first occurrence is where the series begins, also when its start was another day.
pub(super) fn begin_with_first(event: &mut Event) -> GraphResult<()> {
    let Some(recurrence) = &event.recurrence else { return Ok(()) };
    let Some(first) = recurrence.dates().next() else {
        return Err(invalid("The recurrence has no occurrence."));
    };
    if first != event.start.day() {
        (event.start, event.end) = (event.start_on(first), event.end_on(first));
        if let Some(recurrence) = &mut event.recurrence {
            recurrence.start = first;
        }
    }
    Ok(())
}

/// Online meetings are for those who have Teams, else the wish is passed over in silence; nobody can turn them off
/// again (7.2).
pub(super) fn allow_meeting(fields: &mut Map<String, Value>, personal: bool) {
    if fields.get("isOnlineMeeting") != Some(&Value::Bool(true)) {
        fields.remove("isOnlineMeeting");
        fields.remove("onlineMeetingProvider");
    } else if personal {
        fields.insert("isOnlineMeeting".to_owned(), false.into());
        fields.insert("onlineMeetingProvider".to_owned(), "unknown".into());
    } else {
        fields.insert("onlineMeetingProvider".to_owned(), "teamsForBusiness".into());
    }
}

pub(super) fn set_properties(properties: &mut BTreeMap<String, String>, said: &[(String, Option<String>)]) {
    for (id, value) in said {
        properties.retain(|other, _| !same_property(other, id));
        if let Some(value) = value {
            properties.insert(id.clone(), value.clone());
        }
    }
}
