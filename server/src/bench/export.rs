//! `simone bench export`: what it costs that a booking appears in the provider's calendar, moves there and disappears.

use super::accounts::account;
use super::databases::Databases;
use super::meter::{peak_rss_kib, rounded};
use super::rig::Bench;
use super::simulator::Simulator;
use crate::say;
use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use clap::Args;
use serde_json::json;
use simone_booking::booking::{Actor, Client};
use simone_booking::id::{BookingId, ServiceId};
use simone_booking::service::{Place, ServiceTerms};
use simone_booking::{Clock, Locale, SystemClock};
use simone_sync::bookings::{BookingStore as _, Certainty, Change, NewBooking, Rules};
use simone_sync::platform::Platform;
use simone_sync::ports::Choices as _;
use std::sync::Arc;

/// Bookings of a day: one every two hours, so that each can be moved by one.
const A_DAY: usize = 5;

/// The horizon has so many days to come.
const MOST: usize = A_DAY * 80;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Bookings, each in a round of its own.
    #[arg(long, default_value_t = 50)]
    bookings: usize,
    #[command(flatten)]
    databases: Databases,
    /// Whose API the calendar is written by.
    #[arg(long, default_value = "google")]
    platform: Platform,
}

/// What some rounds used.
#[derive(Default)]
struct Used {
    rounds: usize,
    cpu_ms: f64,
    /// Of one event each: what was written, and what had to be looked at for it.
    exports: usize,
    /// All others: what the rounds read anyway.
    pulls: usize,
    rows: i64,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!((1..=MOST).contains(&options.bookings), "from 1 to {MOST} bookings");
    options.databases.each(async |database, url| bench(&options, database, url).await).await
}

async fn bench(options: &Options, database: &'static str, url: &str) -> anyhow::Result<()> {
    let simulator = Simulator::start().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let account = simulator.post("accounts", &account(options.platform, &[])).await?;
    let bench = Bench::open(&simulator, url, clock.clone(), options.platform, &account).await?;
    let bookings = Bookings::open(bench, simulator, clock, options.platform).await?;
    let line = |case: &str, used: &Used| {
        #[expect(clippy::cast_precision_loss, reason = "a few hundred bookings")]
        let per_booking = |count: f64| rounded(count / options.bookings as f64);
        say(&json!({
            "case": case, "database": database, "platform": options.platform.code(),
            "bookings": options.bookings, "rounds": used.rounds,
            "engine_cpu_ms": per_booking(used.cpu_ms),
            "requests": per_booking(used.exports as f64),
            "pull_requests": per_booking(used.pulls as f64),
            "rows_written": per_booking(used.rows as f64),
            "peak_rss_kib": peak_rss_kib(),
        })
        .to_string());
    };
    let mut made: Vec<(BookingId, DateTime<Utc>)> = Vec::with_capacity(options.bookings);
    let created = bookings
        .rounds(options.bookings, async |number| {
            made.push(bookings.book(number).await?);
            Ok(())
        })
        .await?;
    line("created", &created);
    let moved = bookings
        .rounds(options.bookings, async |number| {
            let (id, start) = made[number];
            let start = start + TimeDelta::hours(1);
            bookings.change(id, Change::Move { start, rules: Rules::Free }).await
        })
        .await?;
    line("moved", &moved);
    let cancelled = bookings
        .rounds(options.bookings, async |number| bookings.change(made[number].0, Change::Cancel).await)
        .await?;
    line("cancelled", &cancelled);
    let left = bookings.bench.listed(&bookings.simulator).await?.len();
    ensure!(left == 0, "{left} events are left");
    bookings.bench.database.close().await;
    Ok(())
}

struct Bookings {
    bench: Bench,
    simulator: Simulator,
    clock: Arc<dyn Clock>,
    platform: Platform,
    service: ServiceId,
}

impl Bookings {
    /// After a first round, which reads the empty calendar.
    async fn open(
        bench: Bench,
        simulator: Simulator,
        clock: Arc<dyn Clock>,
        platform: Platform,
    ) -> anyhow::Result<Self> {
        let terms = ServiceTerms {
            name: "Massage 60min".to_owned(),
            duration_minutes: 60,
            price_cents: Some(7000),
            buffer_before_minutes: 0,
            buffer_after_minutes: 0,
            place: Place::Client,
            address: String::new(),
        };
        let service = bench.database.add_service(bench.provider, &terms, clock.now()).await?;
        let service = service.context("the service cannot be offered")?;
        bench.database.wake(bench.provider, bench.connection).await?;
        bench.round().await?;
        Ok(Self { bench, simulator, clock, platform, service })
    }

    /// A round after each of some changes; the changes themselves do not count.
    async fn rounds(
        &self,
        count: usize,
        mut change: impl AsyncFnMut(usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<Used> {
        let mut used = Used::default();
        for number in 0..count {
            change(number).await?;
            self.simulator.asked().await?;
            let rows = self.bench.database.rows_written().await?;
            used.cpu_ms += self.bench.round().await?;
            used.rows += self.bench.database.rows_written().await? - rows;
            used.rounds += 1;
            for (method, path) in self.simulator.asked().await? {
                // Whatever is asked below a calendar's events is about one of them; and where names are looked for by a
                // filter, so are the events themselves. What the rounds read anyway comes from elsewhere there.
                let named = self.platform == Platform::Outlook && path.ends_with("/events");
                let listing = method == "GET" && !path.contains("/events/") && !named;
                let counted = if listing { &mut used.pulls } else { &mut used.exports };
                *counted += 1;
            }
        }
        Ok(used)
    }

    async fn book(&self, number: usize) -> anyhow::Result<(BookingId, DateTime<Utc>)> {
        let now = self.clock.now();
        let days = i64::try_from(1 + number / A_DAY)?;
        let hours = i64::try_from(8 + 2 * (number % A_DAY))?;
        let wall =
            (now.date_naive() + TimeDelta::days(days)).and_time(NaiveTime::MIN) + TimeDelta::hours(hours);
        let start = Utc.from_utc_datetime(&wall);
        let booking = NewBooking {
            provider: self.bench.provider,
            service: self.service,
            start,
            client: Client {
                name: format!("Marie Durand{number}"),
                email: format!("client{number}@example.test"),
                phone: "06 12 34 56 78".to_owned(),
                address: "12 rue des Lilas, 75011 Paris".to_owned(),
                instructions: "Troisième étage, code 1234".to_owned(),
                locale: Locale::Fr,
                zone: None,
            },
            actor: Actor::Client,
            rules: Rules::Free,
            request: None,
        };
        match self.bench.database.book(&booking, Certainty::Sure, now).await? {
            Ok(done) => Ok((done.booking.id, start)),
            Err(refusal) => bail!("a booking was refused: {refusal}"),
        }
    }

    async fn change(&self, id: BookingId, change: Change) -> anyhow::Result<()> {
        let (provider, now) = (self.bench.provider, self.clock.now());
        let done = self
            .bench
            .database
            .change(provider, id, None, &change, Actor::Client, Certainty::Sure, now)
            .await?;
        match done {
            Ok(_) => Ok(()),
            Err(refusal) => bail!("a booking was not changed: {refusal}"),
        }
    }
}
