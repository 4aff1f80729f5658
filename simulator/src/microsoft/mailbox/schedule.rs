//! Free and busy times (11).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ask::{Answer, Ask, read_body};
use super::items::{Item, Window};
use super::model::Mailbox;
use super::times::{Shown, Time};
use crate::microsoft::errors::GraphError;
use crate::simulator::Simulator;

/// The longest range in days.
const LONGEST: i64 = 62;

const MOST: usize = 20;

pub(super) async fn get_schedule(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let body = read_body(&body)?;
    let world = simulator.world();
    ask.may_read(&world)?;
    let schedules: Vec<&str> =
        body["schedules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if schedules.is_empty() || schedules.len() > MOST {
        return Err(GraphError::new(
            400,
            "ErrorInvalidParameter",
            "From 1 to 20 schedules can be asked for.",
        ));
    }
    let (from, to) =
        (Time::read("startTime", &body["startTime"])?.at(), Time::read("endTime", &body["endTime"])?.at());
    let minutes = match &body["availabilityViewInterval"] {
        Value::Null => 30,
        value => value.as_i64().unwrap_or(0),
    };
    if !(5..=1440).contains(&minutes) || to <= from {
        return Err(GraphError::new(
            400,
            "ErrorInvalidParameter",
            "The interval must be from 5 to 1440 minutes, and the range must not be empty.",
        ));
    }
    if to - from > TimeDelta::days(LONGEST) {
        return Err(GraphError::new(
            400,
            "ErrorTimeIntervalTooBig",
            "The requested time duration specified for FreeBusyViewOptions.TimeWindow is not within the allowed limit.",
        ));
    }
    let window = Window { from, to };
    let shown = ask.prefer.shown();
    let mailboxes = &world.microsoft.mailboxes;
    let value: Vec<Value> = schedules
        .into_iter()
        .map(|address| {
            let account = mailboxes.account(address);
            match account.and_then(|account| mailboxes.all.get(account)) {
                Some(mailbox) => schedule(mailbox, address, window, minutes, &shown),
                None => json!({
                    "scheduleId": address,
                    "availabilityView": "",
                    "error": {"message": "Unable to resolve e-mail address to an Active Directory object.", "responseCode": "5016"},
                }),
            }
        })
        .collect();
    let context = ask.context("Collection(microsoft.graph.scheduleInformation)");
    Ok(ask.reply(StatusCode::OK, json!({"@odata.context": context, "value": value})))
}

/// From the default calendar only.
fn schedule(mailbox: &Mailbox, address: &str, window: Window, minutes: i64, shown: &Shown) -> Value {
    let items = mailbox.calendars.first().map(|calendar| calendar.view(window)).unwrap_or_default();
    let counts = |item: &&Item<'_>| !item.is_cancelled() && item.field("showAs") != "free";
    let busy: Vec<_> = items.iter().filter(counts).collect();
    let list: Vec<Value> = busy
        .iter()
        .map(|item| {
            let private = matches!(item.field("sensitivity").as_str(), Some("private" | "confidential"));
            json!({
                "isPrivate": private,
                "status": item.field("showAs"),
                "subject": if private { Value::Null } else { item.field("subject").clone() },
                "location": item.field("location")["displayName"],
                "start": shown.show(&item.start(), item.all_day()),
                "end": shown.show(&item.end(), item.all_day()),
            })
        })
        .collect();
    json!({
        "scheduleId": address,
        "availabilityView": view(&busy, window.from, window.to, minutes),
        "scheduleItems": list,
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": mailbox.zone},
        },
    })
}

/// A digit for each interval, of what blocks it most.
fn view(items: &[&Item<'_>], from: DateTime<Utc>, to: DateTime<Utc>, minutes: i64) -> String {
    let step = TimeDelta::minutes(minutes);
    let mut at = from;
    let mut digits = String::new();
    while at < to {
        let slot = Window { from: at, to: at + step };
        let digit =
            items.iter().filter(|item| slot.overlaps(item)).map(|item| match item.field("showAs").as_str() {
                Some("tentative") => '1',
                Some("busy") => '2',
                Some("oof") => '3',
                _ => '0',
            });
        digits.push(digit.max().unwrap_or('0'));
        at += step;
    }
    digits
}
