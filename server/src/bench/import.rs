//! `simone bench import`: what rounds of one connection cost.

use super::accounts::{Planned, account, added, moved, renamed};
use super::databases::Databases;
use super::meter::{peak_rss_kib, rounded};
use super::rig::{Bench, Used};
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
    ensure!(options.events >= 2 * CHANGES, "a calendar of at least {} events", 2 * CHANGES);
    options.databases.each(async |database, url| bench(&options, database, url).await).await
}

async fn bench(options: &Options, database: &'static str, url: &str) -> anyhow::Result<()> {
    let simulator = Simulator::start().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = clock.now();
    let platform = options.platform;
    let account = simulator.post("accounts", &account(platform, &events(options.events, now))).await?;
    let bench = Bench::open(&simulator, url, clock, platform, &account).await?;

    simulator.requests().await?;
    let import = bench.rounds(&simulator, 1, async || Ok(())).await?;
    let blocks = bench.database.count_blocks(bench.provider).await?;
    let line = |case: &str, used: &Used, more: Value| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred rounds")]
        let rounds = used.rounds as f64;
        let per_round = |count: f64| rounded(count / rounds);
        let mut line = json!({
            "case": case, "database": database, "platform": platform.code(),
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
            simulator.post("edits", &ten_changes(platform, &ids, turn, now)).await?;
            Ok(())
        })
        .await?;
    line("ten_changes", &changed, json!({"changes": CHANGES}));
    bench.database.close().await;
    Ok(())
}

/// A calendar as a busy person's grows over the years: every second event is a weekly series, of which a third have
/// ended; the others are single events, from three months ago to nine months ahead.
fn events(count: usize, now: DateTime<Utc>) -> Vec<Planned> {
    let today = now.date_naive();
    let monday = today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()));
    (0..i64::try_from(count).unwrap_or(0))
        .map(|number| {
            let half = number / 2;
            let minute = u32::try_from(half % 40).unwrap_or(0) * 15;
            let time = NaiveTime::MIN + TimeDelta::hours(8) + TimeDelta::minutes(i64::from(minute));
            let weekly = number % 2 == 0;
            let date = if weekly {
                monday - TimeDelta::days(7 * (half % 100)) + TimeDelta::days(half % 5)
            } else {
                today + TimeDelta::days(half % 360 - 90)
            };
            // A series lasts at least as long as its first day.
            let ended = weekly && half % 10 < 3;
            Planned {
                title: format!("Rendez-vous {number} avec un titre de longueur ordinaire"),
                start: date.and_time(time),
                minutes: 45,
                weekly,
                until: ended.then(|| date.max(monday - TimeDelta::days(7))),
                guest: (number % 7 == 0).then(|| format!("client{number}@example.test")),
            }
        })
        .collect()
}

/// Seven single events moved, two series renamed, one event added.
fn ten_changes(platform: Platform, ids: &[String], turn: usize, now: DateTime<Utc>) -> Value {
    let nth = |number: usize| &ids[number % ids.len()];
    let mut edits: Vec<Value> =
        (0..CHANGES - 3).map(|number| moved(platform, nth((turn * CHANGES + number) * 2 + 1))).collect();
    let title = format!("Renommé {turn}");
    edits.extend((0..2).map(|number| renamed(platform, nth((turn * CHANGES + number) * 2), &title)));
    let start = now + TimeDelta::hours(24 + i64::try_from(turn).unwrap_or(0));
    edits.push(added(platform, "Nouveau", start));
    Value::Array(edits)
}
