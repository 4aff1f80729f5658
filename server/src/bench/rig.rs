//! One provider with one connection to the simulator, and the engine that syncs it.

use super::accounts::{id_field, stands};
use super::meter::cpu_ms;
use super::simulator::Simulator;
use crate::platforms::{simulated_google, simulated_outlook};
use anyhow::{Context as _, bail, ensure};
use chrono::TimeDelta;
use rand::rngs::StdRng;
use secrecy::{SecretBox, SecretString};
use serde_json::Value;
use simone_booking::{Clock, ConnectionId, Ids, Locale, ProviderId};
use simone_platforms::{Google, Microsoft};
use simone_store::{Database, Keyring, NewProvider};
use simone_sync::engine::Engine;
use simone_sync::platform::{Account, CalendarPlatform, Platform, Platforms};
use simone_sync::ports::{Attempt, Choices as _, ConnectStore as _, Recorded};
use simone_sync::round::Outcome;
use std::sync::Arc;

pub(super) const EMAIL: &str = "bench@simone.test";

/// What some rounds used.
#[derive(Default)]
pub(super) struct Used {
    pub rounds: usize,
    pub cpu_ms: f64,
    pub requests: usize,
    pub rows: i64,
}

pub(super) struct Bench {
    pub database: Database,
    pub engine: Engine,
    pub provider: ProviderId,
    pub connection: ConnectionId,
}

impl Bench {
    pub(super) async fn open(
        simulator: &Simulator,
        url: &str,
        clock: Arc<dyn Clock>,
        platform: Platform,
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
        let attempt =
            Attempt { provider, platform, reconnects: None, verifier: SecretString::from(String::new()) };
        let recorded = database
            .record_grant(
                &attempt,
                &Account { id: text(id_field(platform))?, email: EMAIL.to_owned() },
                &text("access_token")?.into(),
                now + TimeDelta::hours(1),
                &text("refresh_token")?.into(),
                "bench",
                now,
            )
            .await?;
        let Recorded::Connected(connection) = recorded else { bail!("the database is not empty") };
        let base = simulator.url("/")?;
        let adapter: Arc<dyn CalendarPlatform> = match platform {
            Platform::Google => Arc::new(Google::new(simulated_google(&base)?, clock.clone())?),
            Platform::Outlook => Arc::new(Microsoft::new(simulated_outlook(&base)?, clock.clone())?),
        };
        let platforms = Platforms::from([(platform, adapter)]);
        let engine =
            Engine::new(Arc::new(database.clone()), Arc::new(platforms), clock, ids, super::pages_url());
        Ok(Self { database, engine, provider, connection })
    }

    /// Some rounds, each after what is to happen before it. Only the rounds themselves count.
    pub(super) async fn rounds(
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
            used.cpu_ms += self.round().await?;
            used.rounds += 1;
        }
        // The wake-up before each round is one row of the benchmark's own.
        let wakes = i64::try_from(rounds)?;
        used.rows = self.database.rows_written().await? - rows - wakes;
        used.requests = simulator.requests().await?;
        Ok(used)
    }

    /// One round of the connection, which is due: the processor time that it took.
    pub(super) async fn round(&self) -> anyhow::Result<f64> {
        let began = cpu_ms();
        let mut leases = self.engine.lease_due(1).await?;
        let lease = leases.pop().context("the connection is due")?;
        // As the worker does it.
        let engine = self.engine.clone();
        let outcome = tokio::spawn(async move { engine.round(lease).await }).await?;
        let used = cpu_ms() - began;
        ensure!(outcome == Some(Outcome::Ok), "the round ended with {outcome:?}");
        Ok(used)
    }

    /// The ids of the calendar's events, in the order in which they were made.
    pub(super) async fn listed(&self, simulator: &Simulator) -> anyhow::Result<Vec<String>> {
        let events = simulator.events(EMAIL).await?;
        Ok(events
            .iter()
            .filter(|event| stands(event))
            .filter_map(|event| Some(event["id"].as_str()?.to_owned()))
            .collect())
    }
}
