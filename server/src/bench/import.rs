//! `simone bench import`: what rounds of one connection cost.

use super::databases::Databases;
use super::meter::{peak_rss_kib, rounded};
use super::rig::{Bench, EMAIL, Used};
use super::simulator::Simulator;
use crate::say;
use anyhow::ensure;
use chrono::{DateTime, Datelike as _, NaiveTime, TimeDelta, Utc};
use clap::Args;
use serde_json::{Value, json};
use simone_booking::{Clock, SystemClock};
use simone_sync::platform::Platform;
use std::sync::Arc;

/// Changes of one round of `ten_changes`.
const CHANGES: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events in the calendar, half of them weekly series.
    #[arg(long, default_value_t = 2500)]
    events: usize,
    #[command(flatten)]
    databases: Databases,
    /// Whose API the calendar is read by.
    #[arg(long, default_value = "google")]
    platform: Platform,
    /// Rounds in which nothing happens.
    #[arg(long, default_value_t = 200)]
    idle_rounds: usize,
    /// Rounds with ten changes each.
    #[arg(long, default_value_t = 20)]
    changed_rounds: usize,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(options.platform == Platform::Google, "there is no adapter for {} yet", options.platform);
    ensure!(options.events >= 2 * CHANGES, "a calendar of at least {} events", 2 * CHANGES);
    options.databases.each(async |database, url| bench(&options, database, url).await).await
}

async fn bench(options: &Options, database: &'static str, url: &str) -> anyhow::Result<()> {
    let simulator = Simulator::start().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let account = simulator
        .post(
            "accounts",
            &json!({"email": EMAIL, "zone": "Europe/Paris", "events": events(options.events, now)}),
        )
        .await?;
    let bench = Bench::open(&simulator, url, clock, &account).await?;

    simulator.requests().await?;
    let import = bench.rounds(&simulator, 1, async || Ok(())).await?;
    let blocks = bench.database.count_blocks(bench.provider).await?;
    let line = |case: &str, used: &Used, more: Value| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred rounds")]
        let rounds = used.rounds as f64;
        let per_round = |count: f64| rounded(count / rounds);
        let mut line = json!({
            "case": case, "database": database, "platform": options.platform.code(),
            "events": options.events, "blocks": blocks, "rounds": used.rounds,
            "engine_cpu_ms": per_round(used.cpu_ms),
            "requests": per_round(used.requests as f64),
            "rows_written": per_round(used.rows as f64),
            "peak_rss_kib": peak_rss_kib(),
        });
        if let (Some(line), Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        say(&line.to_string());
    };
    line("first_import", &import, json!({}));

    let idle = bench.rounds(&simulator, options.idle_rounds, async || Ok(())).await?;
    line("idle_round", &idle, json!({}));

    let ids = bench.listed(&simulator).await?;
    let mut turn = 0;
    let changed = bench
        .rounds(&simulator, options.changed_rounds, async || {
            turn += 1;
            simulator.post("edits", &ten_changes(&ids, turn, now)).await?;
            Ok(())
        })
        .await?;
    line("ten_changes", &changed, json!({"changes": CHANGES}));
    bench.database.close().await;
    Ok(())
}

/// A calendar as a busy person's grows over the years: every second event is a weekly series, of which a third have
/// ended; the others are single events, from three months ago to nine months ahead.
fn events(count: usize, now: DateTime<Utc>) -> Vec<Value> {
    let today = now.date_naive();
    let monday = today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()));
    (0..i64::try_from(count).unwrap_or(0))
        .map(|number| {
            let half = number / 2;
            let minute = u32::try_from(half % 40).unwrap_or(0) * 15;
            let time = NaiveTime::MIN + TimeDelta::hours(8) + TimeDelta::minutes(i64::from(minute));
            let series = number % 2 == 0;
            let date = if series {
                monday - TimeDelta::days(7 * (half % 100)) + TimeDelta::days(half % 5)
            } else {
                today + TimeDelta::days(half % 360 - 90)
            };
            let at = |minutes: i64| {
                let wall = date.and_time(time) + TimeDelta::minutes(minutes);
                json!({"dateTime": wall.format("%Y-%m-%dT%H:%M:%S").to_string(), "timeZone": "Europe/Paris"})
            };
            let mut event = json!({
                "summary": format!("Rendez-vous {number} avec un titre de longueur ordinaire"),
                "description": "Notes qui ne concernent personne d’autre. ".repeat(4),
                "location": "12 rue des Lilas, 75011 Paris",
                "start": at(0),
                "end": at(45),
            });
            if number % 7 == 0 {
                event["attendees"] = json!([
                    {"email": EMAIL, "responseStatus": "accepted", "self": true},
                    {"email": format!("client{number}@example.test"), "responseStatus": "accepted"},
                ]);
            }
            if series {
                let ended = half % 10 < 3;
                let until = (monday - TimeDelta::days(7)).format("%Y%m%dT235959Z");
                let rule = if ended {
                    format!("RRULE:FREQ=WEEKLY;UNTIL={until}")
                } else {
                    "RRULE:FREQ=WEEKLY".into()
                };
                event["recurrence"] = json!([rule]);
            }
            event
        })
        .collect()
}

/// Seven single events moved, two series renamed, one event added.
fn ten_changes(ids: &[String], turn: usize, now: DateTime<Utc>) -> Value {
    let nth = |number: usize| &ids[number % ids.len()];
    let mut edits: Vec<Value> = (0..CHANGES - 3)
        .map(|number| {
            let event = nth((turn * CHANGES + number) * 2 + 1);
            json!({"do": "move_event", "account": EMAIL, "event": event, "by_minutes": 15})
        })
        .collect();
    edits.extend((0..2).map(|number| {
        let event = nth((turn * CHANGES + number) * 2);
        json!({"do": "change_event", "account": EMAIL, "event": event, "changes": {"summary": format!("Renommé {turn}")}})
    }));
    let start = now + TimeDelta::hours(24 + i64::try_from(turn).unwrap_or(0));
    edits.push(json!({"do": "add_event", "account": EMAIL, "event": {
        "summary": "Nouveau",
        "start": {"dateTime": start}, "end": {"dateTime": start + TimeDelta::minutes(30)},
    }}));
    Value::Array(edits)
}
