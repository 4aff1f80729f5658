//! `simone bench import`: what rounds of one connection cost.

use super::meter::{cpu_ms, peak_rss_kib, rounded};
use super::simulator::Simulator;
use crate::say;
use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, Datelike as _, NaiveTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use rand::rngs::StdRng;
use secrecy::{SecretBox, SecretString};
use serde_json::{Value, json};
use simone_booking::{Clock, ConnectionId, Ids, Locale, ProviderId, SystemClock};
use simone_platforms::{Google, GoogleConfig};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};
use simone_store::{Database, Keyring, NewProvider};
use simone_sync::engine::Engine;
use simone_sync::platform::{Account, Platform, Platforms};
use simone_sync::ports::{Attempt, Choices as _, ConnectStore as _, Recorded};
use simone_sync::round::Outcome;
use std::sync::Arc;

const EMAIL: &str = "bench@simone.test";

/// Changes of one round of `ten_changes`.
const CHANGES: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Events in the calendar, half of them weekly series.
    #[arg(long, default_value_t = 2500)]
    events: usize,
    /// Only on this database; else on both.
    #[arg(long, overrides_with = "database")]
    database: Option<Kind>,
    /// An empty PostgreSQL database to use. Without one, Cargo starts a throw-away server.
    #[arg(long, env = "SIMONE_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

/// What some rounds used.
#[derive(Default)]
struct Used {
    rounds: usize,
    cpu_ms: f64,
    requests: usize,
    rows: i64,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(options.platform == Platform::Google, "there is no adapter for {} yet", options.platform);
    ensure!(options.events >= 2 * CHANGES, "a calendar of at least {} events", 2 * CHANGES);
    for kind in [Kind::Sqlite, Kind::Postgres] {
        if options.database.is_some_and(|only| only != kind) {
            continue;
        }
        match kind {
            Kind::Sqlite => {
                let folder = Folder::make()?;
                let url = format!("sqlite:{}", folder.0.join("bench.db").display());
                bench(&options, "sqlite", &url).await?;
            }
            Kind::Postgres => match &options.postgres {
                Some(url) => bench(&options, "postgres", url).await?,
                None => on_throwaway_postgres().await?,
            },
        }
    }
    Ok(())
}

/// Runs this command once more beside a server that `cargo xtask postgres` starts for it. Without Cargo, nothing is
/// known of how to come by one.
async fn on_throwaway_postgres() -> anyhow::Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        bail!(
            "PostgreSQL is not measured: run this by `cargo run --release`, or name an empty database by --postgres"
        );
    };
    let status = tokio::process::Command::new(cargo)
        .args(["xtask", "postgres", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .args(["--database", "postgres"])
        .status()
        .await
        .context("`cargo xtask postgres` cannot be run")?;
    ensure!(status.success(), "`cargo xtask postgres` failed");
    Ok(())
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

struct Bench {
    database: Database,
    engine: Engine,
    provider: ProviderId,
    connection: ConnectionId,
}

impl Bench {
    async fn open(
        simulator: &Simulator,
        url: &str,
        clock: Arc<dyn Clock>,
        account: &Value,
    ) -> anyhow::Result<Self> {
        let ids = Arc::new(Ids::new(clock.clone(), rand::make_rng::<StdRng>()));
        let key = ("bench".to_owned(), SecretBox::new(Box::new(ids.bytes::<32>().to_vec())));
        let keys = Keyring::new([key], ids.clone())?;
        // One connection, so that what it wrote can be asked of it.
        let options = simone_store::Options { url: url.to_owned(), connections: 1 };
        let database = Database::open(&options, Arc::new(keys), ids.clone()).await?;
        let now = clock.now();
        let provider = NewProvider {
            name: "Bench".to_owned(),
            email: EMAIL.to_owned(),
            zone: chrono_tz::Europe::Paris,
            locale: Locale::Fr,
        };
        let Some(provider) = database.add_provider(&provider, now).await? else {
            bail!("the database is not empty");
        };
        let text = |name: &str| -> anyhow::Result<String> {
            Ok(account[name].as_str().with_context(|| format!("the account has no {name}"))?.to_owned())
        };
        let attempt = Attempt {
            provider,
            platform: Platform::Google,
            reconnects: None,
            verifier: SecretString::from(String::new()),
        };
        let recorded = database
            .record_grant(
                &attempt,
                &Account { id: text("sub")?, email: EMAIL.to_owned() },
                &text("access_token")?.into(),
                now + TimeDelta::hours(1),
                &text("refresh_token")?.into(),
                "bench",
                now,
            )
            .await?;
        let Recorded::Connected(connection) = recorded else { bail!("the database is not empty") };
        let adapter = Google::new(
            GoogleConfig {
                client_id: DEMO_CLIENT_ID.to_owned(),
                client_secret: DEMO_CLIENT_SECRET.into(),
                authorize_url: simulator.url("o/oauth2/v2/auth")?,
                token_url: simulator.url("token")?,
                revoke_url: simulator.url("revoke")?,
                userinfo_url: simulator.url("v1/userinfo")?,
                api_url: simulator.url("calendar/v3")?,
            },
            clock.clone(),
        )?;
        let platforms = Platforms::from([(Platform::Google, Arc::new(adapter) as _)]);
        let engine =
            Engine::new(Arc::new(database.clone()), Arc::new(platforms), clock, ids, super::pages_url());
        Ok(Self { database, engine, provider, connection })
    }

    /// Some rounds, each after what is to happen before it. Only the rounds themselves count.
    async fn rounds(
        &self,
        simulator: &Simulator,
        rounds: usize,
        mut before: impl AsyncFnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Used> {
        simulator.requests().await?;
        let rows = self.database.rows_written().await?;
        let mut used = Used::default();
        for _ in 0..rounds {
            before().await?;
            self.database.wake(self.provider, self.connection).await?;
            let began = cpu_ms();
            let mut leases = self.engine.lease_due(1).await?;
            let lease = leases.pop().context("the connection is due")?;
            // As the worker does it.
            let engine = self.engine.clone();
            let outcome = tokio::spawn(async move { engine.round(lease).await }).await?;
            used.cpu_ms += cpu_ms() - began;
            ensure!(outcome == Some(Outcome::Ok), "the round ended with {outcome:?}");
            used.rounds += 1;
        }
        // The wake-up before each round is one row of the benchmark's own.
        let wakes = i64::try_from(rounds)?;
        used.rows = self.database.rows_written().await? - rows - wakes;
        used.requests = simulator.requests().await?;
        Ok(used)
    }

    /// The ids of the calendar's events, in the order in which they were made.
    async fn listed(&self, simulator: &Simulator) -> anyhow::Result<Vec<String>> {
        let events = simulator.events(EMAIL).await?;
        Ok(events
            .iter()
            .filter(|event| event["status"] != "cancelled")
            .filter_map(|event| Some(event["id"].as_str()?.to_owned()))
            .collect())
    }
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

/// Gone with what is in it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("simone-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies among the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
