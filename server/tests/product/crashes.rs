//! `kill -9` at any moment loses nothing and doubles nothing.

use crate::support::browser::Consent;
use crate::support::{ACCOUNT, CAMILLE, Stage, a_monday, at, eventually, now, on_each, timed};
use chrono::{Days, NaiveDate};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use simone_booking::{Clock as _, SystemClock};
use std::collections::BTreeMap;
use std::time::Duration;

const EVENTS: u64 = 360;

/// Each event has an hour of its own, so that what is blocked says which event blocks it.
fn place(number: u64) -> (NaiveDate, u32) {
    (a_monday() + Days::new(number % 60), 6 + u32::try_from(number / 60).unwrap())
}

fn title(number: u64) -> String {
    format!("Rendez-vous {number}")
}

/// Kills the product within some hundred milliseconds and starts it again, as if the killed one's leases had run out.
async fn crash(stage: &mut Stage, rng: &mut StdRng) {
    // The moment is what is random; nothing waits for it.
    SystemClock.sleep(Duration::from_millis(rng.random_range(0..500))).await;
    stage.product.kill();
    stage.database.execute("UPDATE calendar_connections SET leased_until = NULL").await;
    let due = stage.database.instant(now());
    stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
    stage.product.start().await;
}

/// Waits until what is blocked is what the calendar says, to the block.
async fn converges(
    stage: &mut Stage,
    mut expected: Vec<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)>,
) {
    expected.sort();
    let database = &stage.database;
    eventually("a round ends", async || {
        let synced = database
            .count(
                "calendar_connections c WHERE c.status = 'connected' AND c.wanted <= c.covered AND c.leased_until IS NULL
                 AND EXISTS (SELECT 1 FROM calendars k WHERE k.connection_id = c.id AND k.synced_at IS NOT NULL)",
            )
            .await;
        let behind = database.count("providers WHERE derive_wanted > derive_done").await;
        (synced == 1 && behind == 0).then_some(())
    })
    .await;
    let blocks = database.blocks(CAMILLE).await;
    assert_eq!(blocks.len(), expected.len());
    assert_eq!(blocks, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_and_syncs_survive_kills() {
    on_each("crashes", async |stage| {
        let mut rng = StdRng::seed_from_u64(2);
        let events: Vec<Value> = (0..EVENTS)
            .map(|number| {
                let (day, hour) = place(number);
                timed(&title(number), day, (hour, 0), (hour, 45))
            })
            .collect();
        let account = json!({"email": ACCOUNT, "zone": "Europe/Paris", "events": events});
        stage.simulator.add_account(account).await;
        let standing = stage.simulator.events(&format!("account={ACCOUNT}")).await;
        let ids: BTreeMap<&str, &Value> =
            standing.iter().map(|event| (event["summary"].as_str().unwrap(), &event["id"])).collect();
        let small = json!({"kind": "small_pages", "size": 40, "path": stage.side.feed_path(), "times": null});
        stage.simulator.fault(small).await;
        let slow = json!({"kind": "slow", "ms": 25, "path": stage.side.api_path(), "times": null});
        stage.simulator.fault(slow).await;

        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        for _ in 0..4 {
            crash(stage, &mut rng).await;
        }
        let block = |(day, hour): (NaiveDate, u32)| (at(day, hour, 0), at(day, hour, 45));
        let mut expected: Vec<_> = (0..EVENTS).map(place).collect();
        converges(stage, expected.iter().copied().map(block).collect()).await;

        // Moved, deleted and added between and during the crashes; not so many that the brake holds.
        for wave in 0..3_u64 {
            let mut edits = Vec::new();
            for number in (wave..EVENTS).step_by(20) {
                let (day, hour) = place(number);
                let index = expected.iter().position(|place| *place == (day, hour)).unwrap();
                let event = ids[title(number).as_str()];
                if number % 2 == 0 {
                    expected.remove(index);
                    edits.push(json!({"do": "delete_event", "account": ACCOUNT, "event": event}));
                } else {
                    expected[index] = (day, hour + 8);
                    edits.push(
                        json!({"do": "move_event", "account": ACCOUNT, "event": event, "by_minutes": 8 * 60}),
                    );
                }
            }
            stage.simulator.edits(edits).await;
            if wave == 1 {
                stage.simulator.post("sync-tokens/expire", json!({"account": ACCOUNT})).await;
            }
            let due = stage.database.instant(now());
            stage
                .database
                .execute(&format!(
                    "UPDATE calendar_connections SET wanted = wanted + 1, next_sync_at = {due}"
                ))
                .await;
            crash(stage, &mut rng).await;
            stage.database.execute("UPDATE calendar_connections SET wanted = wanted + 1").await;
            crash(stage, &mut rng).await;
            converges(stage, expected.iter().copied().map(block).collect()).await;
        }
        assert_eq!(stage.database.count("calendar_connections").await, 1);
        assert_eq!(stage.database.count("calendars").await, stage.side.calendars());
        assert_eq!(
            stage.database.count("calendar_sync_events").await,
            i64::try_from(expected.len()).unwrap()
        );
        assert_eq!(stage.database.count("notices").await, 0);
        stage.browser.open("/settings/calendars").await.says("Connecté");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_events_are_imported_and_then_cost_one_request() {
    on_each("volume", async |stage| {
        // Each has five minutes of its own.
        let slot = |number: u64| {
            let minute = u32::try_from(number / 60).unwrap() * 10;
            (a_monday() + Days::new(number % 60), (minute / 60, minute % 60), (minute / 60, minute % 60 + 5))
        };
        let events: Vec<Value> = (0..5000)
            .map(|number| {
                let (day, from, to) = slot(number);
                timed(&format!("Rendez-vous {number}"), day, from, to)
            })
            .collect();
        let account = json!({"email": ACCOUNT, "zone": "Europe/Paris", "events": events});
        stage.simulator.add_account(account).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        let expected =
            (0..5000).map(slot).map(|(day, (hour, from), (_, to))| (at(day, hour, from), at(day, hour, to)));
        converges(stage, expected.collect()).await;

        // The counter of the day, as the settings show it.
        let requests = async || -> i64 {
            let shown = stage.database.value("requests", "calendar_connections").await;
            shown.expect("there is one connection").parse().expect("a number")
        };
        let before = requests().await;
        stage.database.execute("UPDATE calendar_connections SET wanted = wanted + 1").await;
        eventually("an idle round ends", async || {
            (stage.database.count("calendar_connections WHERE wanted > covered").await == 0).then_some(())
        })
        .await;
        assert_eq!(requests().await - before, 1);
    })
    .await;
}
