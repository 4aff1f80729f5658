//! The simulator's clock.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Problem, read};
use crate::clock::Clock;
use crate::simulator::Simulator;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// Jump to this instant.
    #[serde(default)]
    now: Option<DateTime<Utc>>,
    /// Jump ahead: seconds, or text such as `90d`, `3h`, `30m`, `-45s`, `2w`.
    #[serde(default)]
    advance: Option<Value>,
    /// `true`: stand still; `false`: run on from where it stands.
    #[serde(default)]
    freeze: Option<bool>,
    /// Follow the machine's clock again; the jumps are forgotten.
    #[serde(default)]
    follow: bool,
}

pub(super) async fn show(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(shown(&simulator.world().clock))
}

pub(super) async fn set(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let setting: Setting = read(&body)?;
    let mut world = simulator.world();
    let clock = &mut world.clock;
    if setting.follow {
        clock.follow();
    }
    if let Some(now) = setting.now {
        clock.set(sane(now).ok_or_else(|| Problem::bad("now: before 1970 or after 2199"))?);
    }
    if let Some(advance) = &setting.advance {
        let by = duration(advance).ok_or_else(|| Problem::bad("advance: not a duration"))?;
        let now = clock.now().checked_add_signed(by).and_then(sane);
        let now = now.ok_or_else(|| Problem::bad("advance: before 1970 or after 2199"))?;
        clock.set(now);
    }
    match setting.freeze {
        Some(true) => clock.freeze(),
        Some(false) => clock.run(),
        None => {}
    }
    Ok(Json(shown(clock)))
}

/// The years in which calendars are tested; arithmetic on them never overflows.
fn sane(now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1970..2200).contains(&now.year()).then_some(now)
}

fn shown(clock: &Clock) -> Value {
    json!({"now": clock.now().to_rfc3339_opts(SecondsFormat::Millis, true), "frozen": clock.is_frozen()})
}

fn duration(value: &Value) -> Option<TimeDelta> {
    if let Some(seconds) = value.as_i64() {
        return TimeDelta::try_seconds(seconds);
    }
    let text = value.as_str()?;
    let unit = text.chars().last()?;
    let number: i64 = text.strip_suffix(unit)?.trim().parse().ok()?;
    match unit {
        's' => TimeDelta::try_seconds(number),
        'm' => TimeDelta::try_minutes(number),
        'h' => TimeDelta::try_hours(number),
        'd' => TimeDelta::try_days(number),
        'w' => TimeDelta::try_weeks(number),
        _ => None,
    }
}
