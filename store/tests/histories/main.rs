//! The engine's proof: seeded random histories over the real store and an in-memory platform.
//!
//! `SIMONE_SEEDS` sets how many run on SQLite in memory; `SIMONE_SEED` replays one of them, aloud.
#![cfg(test)]

mod edits;
mod feed;
mod gated;
mod history;
mod inspect;
mod model;
mod ours;
mod outlook;
mod platform;
mod support;
mod tokens;
mod world;
mod writes;

use history::{Failure, Setup};
use inspect::Inspect;
use secrecy::SecretBox;
use simone_booking::Ids;
use simone_store::{Database, Keyring, Options};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{SharedRng, VirtualClock};

const SEEDS: u64 = 2000;
/// So many are shown before the rest is left.
const FAILURES: u64 = 12;
const SEEDS_ON_REAL_DATABASES: u64 = 30;

/// What the suite must have reached.
const REACHED: [&str; 200] = [
    "a calendar that is gone is unselected",
    "a database's answer is lost",
    "a grant is withdrawn",
    "a lie is borne",
    "a receiving calendar is back",
    "a receiving calendar is gone",
    "a receiving calendar that is gone is given up",
    "a scope is withdrawn",
    "also block free events",
    "booking: cancels",
    "booking: changes the client of",
    "booking: confirms",
    "booking: held",
    "booking: made",
    "booking: moves",
    "booking: taken",
    "calendar: another zone",
    "calendar: new",
    "calendar: renamed",
    "calendar: there again",
    "calendar: withdrawn",
    "connect: again",
    "connect: already_connected",
    "connect: another session",
    "connect: misconfigured",
    "connect: new",
    "connect: no_lasting_access",
    "connect: other_account",
    "connect: permission_missing",
    "connect: refused",
    "connect: the callback twice",
    "connect: unavailable",
    "crash",
    "crash before apply_calendars",
    "crash before apply_pull",
    "crash before begin_export",
    "crash before derive",
    "crash before end_round",
    "crash before finish_disconnect",
    "crash before hold_lease",
    "crash before known_events",
    "crash before platform: calendars",
    "crash before platform: changes",
    "crash before platform: create",
    "crash before platform: delete",
    "crash before platform: refresh",
    "crash before platform: update",
    "crash before record_export",
    "crash before record_gone",
    "crash before replace_tokens",
    "crash before round_input",
    "derive alone",
    "disconnect",
    "disconnect, keep events",
    "disconnected",
    "edit: a rule that cannot be read, or can again",
    "edit: a series' zone",
    "edit: a title",
    "edit: add a series",
    "edit: add a single event",
    "edit: add an occurrence without its series",
    "edit: another rule",
    "edit: cancel an occurrence",
    "edit: delete",
    "edit: delete everything",
    "edit: exclude",
    "edit: into a series",
    "edit: into a single event",
    "edit: marks",
    "edit: marks of an occurrence",
    "edit: move",
    "edit: move an occurrence",
    "edit: put an occurrence back",
    "edit: reschedule",
    "edit: restore",
    "edit: split",
    "edit: to another calendar",
    "fault: a calendar is forbidden",
    "fault: a calendar is not found",
    "fault: a dead grant",
    "fault: a deletion's answer is lost",
    "fault: a delta lies",
    "fault: a listing lies",
    "fault: a page is cut",
    "fault: a refresh's answer is lost",
    "fault: a series reads as empty",
    "fault: a withdrawn calendar is asked for",
    "fault: a write is refused for nothing",
    "fault: a write's answer is lost",
    "fault: cursor expired anywhere",
    "fault: instances fail",
    "fault: misconfigured",
    "fault: outage",
    "fault: quota",
    "fault: rate limited",
    "fault: rate limited, told when",
    "fault: refused",
    "fault: scopes lost",
    "fault: the answers to several writes are lost",
    "fault: the token endpoint asks to wait",
    "fault: the token endpoint is out",
    "fault: unauthorized",
    "fault: unavailable",
    "feed: a cursor expires between pages",
    "feed: a deleted series and its occurrences are told",
    "feed: a deletion is under-reported",
    "feed: a minimal tombstone of an occurrence",
    "feed: a series is read again",
    "feed: a series is told by its occurrences",
    "feed: a window is opened anew",
    "feed: an empty page",
    "feed: an expired cursor",
    "feed: an item comes twice",
    "feed: an item is repeated",
    "feed: an item that cannot be read",
    "feed: exceptions before their series",
    "feed: instances",
    "feed: lags behind a write",
    "feed: more than one page",
    "feed: of a deleted series only its occurrences are told",
    "feed: out of the window",
    "feed: removed, and there all the same",
    "feed: the whole window is read again",
    "feed: told again though nothing changed",
    "log: a round was cut off",
    "log: added",
    "log: changed",
    "log: held",
    "log: removed",
    "needs to be reconnected",
    "one provider with both",
    "only Google",
    "only Outlook",
    "ours: a note",
    "ours: another colour",
    "ours: copied",
    "ours: deleted",
    "ours: dragged to another calendar",
    "ours: made an all-day event",
    "ours: moved",
    "ours: moved back",
    "ours: other words",
    "ours: out of the bin",
    "ours: shortened",
    "quiet with a booking in its calendar",
    "quiet with a deleted event",
    "quiet with a moved event",
    "quiet with an overlap",
    "quiet with blocks",
    "read: an event",
    "read: an event that is gone",
    "read: by name",
    "read: found by its name",
    "receive: another calendar",
    "receive: nowhere",
    "removals accepted",
    "removals refused",
    "round: database",
    "round: misconfigured",
    "round: needs_reconnect",
    "round: ok",
    "round: overtaken or not recorded",
    "round: partial",
    "round: quota_exhausted",
    "round: rate_limited",
    "round: refused",
    "round: unauthorized",
    "round: unavailable",
    "select",
    "settled: export_deleted applied",
    "settled: export_deleted put_back",
    "settled: export_moved applied",
    "settled: export_moved put_back",
    "sync now",
    "the database fails",
    "the provider's zone changes",
    "the settings are opened",
    "time passes without a word from the platform",
    "tokens: a new refresh token",
    "tokens: revoked",
    "tokens: the old refresh token is dead",
    "told why it does not block",
    "two accounts share a calendar",
    "two programs",
    "two providers share an account",
    "two providers share an account of Outlook",
    "unselect",
    "weeks pass",
    "write: a name is forgotten",
    "write: an event changes by itself right after it was written",
    "write: an update of an event that is gone",
    "write: changed meanwhile",
    "write: create",
    "write: delete",
    "write: into a calendar that can only be read",
    "write: several at a time",
    "write: some of several are done",
    "write: the name is used up",
    "write: the name is used up, and its event has an id of its own",
    "write: update",
];

async fn open(url: &str) -> Setup {
    let clock = VirtualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
    let rng = SharedRng::new();
    let ids = Arc::new(Ids::new(clock.clone(), rng.clone()));
    let key = SecretBox::new(Box::new(vec![7; 32]));
    let keys = Arc::new(Keyring::new([("k1".to_owned(), key)], ids.clone()).unwrap());
    let options = Options { url: url.to_owned(), connections: 2 };
    let database = Database::open(&options, keys, ids).await.unwrap();
    let inspect = Inspect::open(url).await;
    Setup { database, inspect, clock, rng }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The first failure with all that happened, the others in short.
fn describe(failures: &[Failure], database: &str) -> String {
    let first = &failures[0];
    let mut text = format!(
        "the history of seed {seed} failed on {database}\n\n{trace}\n\n{reason}\n\n\
         again: SIMONE_SEED={seed} cargo test -p simone-store --test histories -- in_memory --nocapture\n",
        seed = first.seed,
        trace = first.trace.join("\n"),
        reason = first.reason,
    );
    for other in &failures[1..] {
        text += &format!("\nalso failed: seed {}: {}", other.seed, other.reason);
    }
    text
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Runs seeds on one database, until too many have failed anywhere.
async fn run_seeds(setup: &Setup, next: &AtomicU64, end: u64, failed: &AtomicU64) -> Vec<Failure> {
    let mut failures = Vec::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || failed.load(Ordering::Relaxed) >= FAILURES {
            return failures;
        }
        if let Err(failure) = history::run(setup, seed, false).await {
            failed.fetch_add(1, Ordering::Relaxed);
            failures.push(failure);
        }
    }
}

#[test]
fn histories_in_memory_end_as_the_model_says() {
    if let Some(seed) = number("SIMONE_SEED") {
        runtime().block_on(async {
            let setup = open("sqlite:file:histories-replay:memory:?mode=memory").await;
            if let Err(failure) = history::run(&setup, seed, true).await {
                panic!("the history of seed {seed} failed: {}", failure.reason);
            }
        });
        return;
    }
    let seeds = number("SIMONE_SEEDS").unwrap_or(SEEDS);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let failures: Vec<Failure> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                let (next, failed) = (&next, &failed);
                scope.spawn(move || {
                    runtime().block_on(async {
                        let setup =
                            open(&format!("sqlite:file:histories-{thread}:memory:?mode=memory")).await;
                        run_seeds(&setup, next, seeds, failed).await
                    })
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the thread ends")).collect()
    });
    assert!(failures.is_empty(), "{}", describe(&failures, "SQLite in memory"));
    if seeds >= SEEDS {
        let reached = support::coverage();
        let missing: Vec<&str> = REACHED.into_iter().filter(|what| !reached.contains_key(*what)).collect();
        assert!(missing.is_empty(), "no history reached: {missing:?}");
    }
    if std::env::var_os("SIMONE_COVERAGE").is_some() {
        for (what, times) in support::coverage() {
            println!("{times:8}  {what}");
        }
    }
}

async fn run_some(url: &str) -> Vec<Failure> {
    let setup = open(url).await;
    // Other seeds than those in memory.
    let next = AtomicU64::new(1_000_000);
    let failures = run_seeds(&setup, &next, 1_000_000 + SEEDS_ON_REAL_DATABASES, &AtomicU64::new(0)).await;
    setup.inspect.close().await;
    setup.database.close().await;
    failures
}

#[test]
fn histories_on_an_sqlite_file_end_as_the_model_says() {
    if number("SIMONE_SEED").is_some() {
        return;
    }
    let directory =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("histories-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let url = format!("sqlite:{}", directory.join("simone.db").display());
    let failures = runtime().block_on(run_some(&url));
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(failures.is_empty(), "{}", describe(&failures, "an SQLite file"));
}

#[test]
fn histories_on_postgresql_end_as_the_model_says() {
    if number("SIMONE_SEED").is_some() {
        return;
    }
    let server = std::env::var("SIMONE_TEST_POSTGRES")
        .expect("SIMONE_TEST_POSTGRES names no PostgreSQL server: run `cargo xtask test`, which brings one");
    let name = format!("histories_{}", std::process::id());
    let mut url = url::Url::parse(&server).expect("SIMONE_TEST_POSTGRES is an address");
    url.set_path(&name);
    let failures = runtime().block_on(async {
        let server = sqlx::PgPool::connect(&server).await.expect("the server answers");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&server).await.unwrap();
        let failures = run_some(url.as_str()).await;
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)")))
            .execute(&server)
            .await
            .unwrap();
        failures
    });
    assert!(failures.is_empty(), "{}", describe(&failures, "PostgreSQL"));
}
