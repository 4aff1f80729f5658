//! The benchmark's account on either platform: what it holds and what befalls it, in that platform's words.

use super::rig::EMAIL;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use simone_sync::platform::Platform;

/// An event of the benchmark's calendar.
pub(super) struct Planned {
    pub title: String,
    pub start: NaiveDateTime,
    pub minutes: i64,
    /// Each week from then on.
    pub weekly: bool,
    /// The last day of a series that has ended.
    pub until: Option<NaiveDate>,
    /// Who else takes part.
    pub guest: Option<String>,
}

const DESCRIPTION: &str = "Notes qui ne concernent personne d’autre. ";
const PLACE: &str = "12 rue des Lilas, 75011 Paris";
const ZONE: &str = "Europe/Paris";

/// The body of `POST /_control/accounts`.
pub(super) fn account(platform: Platform, planned: &[Planned]) -> Value {
    let events: Vec<Value> = planned.iter().map(|planned| event(platform, planned)).collect();
    json!({"platform": platform.code(), "email": EMAIL, "zone": ZONE, "events": events})
}

fn event(platform: Platform, planned: &Planned) -> Value {
    let at = |minutes: i64| {
        let wall = planned.start + TimeDelta::minutes(minutes);
        json!({"dateTime": wall.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": ZONE})
    };
    let (start, end) = (at(0), at(planned.minutes));
    match platform {
        Platform::Google => {
            let mut event = json!({
                "summary": planned.title, "description": DESCRIPTION.repeat(4), "location": PLACE,
                "start": start, "end": end,
            });
            if let Some(guest) = &planned.guest {
                event["attendees"] = json!([
                    {"email": EMAIL, "responseStatus": "accepted", "self": true},
                    {"email": guest, "responseStatus": "accepted"},
                ]);
            }
            if planned.weekly {
                let until = planned.until.map(|day| format!(";UNTIL={}", day.format("%Y%m%dT235959Z")));
                event["recurrence"] = json!([format!("RRULE:FREQ=WEEKLY{}", until.unwrap_or_default())]);
            }
            event
        }
        Platform::Outlook => {
            let mut event = json!({
                "subject": planned.title,
                "body": {"contentType": "text", "content": DESCRIPTION.repeat(4)},
                "location": {"displayName": PLACE},
                "start": start, "end": end,
            });
            if let Some(guest) = &planned.guest {
                event["attendees"] = json!([{"emailAddress": {"address": guest}, "type": "required"}]);
            }
            if planned.weekly {
                let first = planned.start.date();
                let range = match planned.until {
                    Some(last) => {
                        json!({"type": "endDate", "startDate": first, "endDate": last, "recurrenceTimeZone": ZONE})
                    }
                    None => json!({"type": "noEnd", "startDate": first, "recurrenceTimeZone": ZONE}),
                };
                let day = first.weekday();
                event["recurrence"] = json!({
                    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": [day_name(day)], "firstDayOfWeek": "monday"},
                    "range": range,
                });
            }
            event
        }
    }
}

const fn day_name(day: chrono::Weekday) -> &'static str {
    match day {
        chrono::Weekday::Mon => "monday",
        chrono::Weekday::Tue => "tuesday",
        chrono::Weekday::Wed => "wednesday",
        chrono::Weekday::Thu => "thursday",
        chrono::Weekday::Fri => "friday",
        chrono::Weekday::Sat => "saturday",
        chrono::Weekday::Sun => "sunday",
    }
}

/// The id of the person, as the platform's own answers have it.
pub(super) const fn id_field(platform: Platform) -> &'static str {
    match platform {
        Platform::Google => "sub",
        Platform::Outlook => "id",
    }
}

/// Whether an event of a listing stands there by itself: not deleted, and no changed occurrence of a series.
pub(super) fn stands(event: &Value) -> bool {
    event["status"] != "cancelled" && event["seriesMasterId"].is_null() && event["recurringEventId"].is_null()
}

pub(super) fn moved(platform: Platform, event: &str) -> Value {
    json!({"platform": platform.code(), "do": "move_event", "account": EMAIL, "event": event, "by_minutes": 15})
}

pub(super) fn renamed(platform: Platform, event: &str, title: &str) -> Value {
    let name = match platform {
        Platform::Google => "summary",
        Platform::Outlook => "subject",
    };
    json!({
        "platform": platform.code(), "do": "change_event", "account": EMAIL, "event": event, "changes": {name: title},
    })
}

pub(super) fn added(platform: Platform, title: &str, start: DateTime<Utc>) -> Value {
    let at = |minutes: i64| {
        let at = start + TimeDelta::minutes(minutes);
        match platform {
            Platform::Google => json!({"dateTime": at}),
            Platform::Outlook => {
                json!({"dateTime": at.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": "UTC"})
            }
        }
    };
    let mut event = json!({"start": at(0), "end": at(30)});
    event[match platform {
        Platform::Google => "summary",
        Platform::Outlook => "subject",
    }] = json!(title);
    json!({"platform": platform.code(), "do": "add_event", "account": EMAIL, "event": event})
}
