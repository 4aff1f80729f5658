//! Two processes of the product on one PostgreSQL database.

use crate::support::browser::Consent;
use crate::support::database::Kind;
use crate::support::platform::Side;
use crate::support::product::Product;
use crate::support::{CAMILLE, Stage, a_monday, at_side, eventually, now, timed};
use chrono::{Days, TimeDelta};
use serde_json::json;
use std::collections::BTreeMap;

const ACCOUNTS: usize = 5;

fn account(number: usize) -> String {
    format!("compte{number}@gmail.test")
}

/// Lets all connections fall due at once, and waits until each had its round.
async fn one_round_each(stage: &Stage) {
    let before = now();
    let due = stage.database.instant(before);
    stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
    eventually("each connection had its round", async || {
        let waiting = stage
            .database
            .count(&format!("calendar_connections WHERE next_sync_at <= {due} OR leased_until IS NOT NULL OR wanted > covered"))
            .await;
        (waiting == 0).then_some(())
    })
    .await;
}

/// How often each account was asked, at paths that contain `part`.
async fn asked(stage: &Stage, part: &str) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in stage.simulator.requests(part).await {
        *asked.entry(request["account"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_round_and_every_refresh_happens_once() {
    let test = async |stage: &mut Stage| {
        if stage.side == Side::Outlook {
            // A refresh token is for one use: whoever refreshed with an old one would be out.
            stage.simulator.post("settings", json!({"microsoft": {"strict_refresh": true}})).await;
        }
        for number in 0..ACCOUNTS {
            let events =
                json!([timed("Rendez-vous", a_monday() + Days::new(number as u64), (9, 0), (10, 0))]);
            let new = json!({"email": account(number), "zone": "Europe/Paris", "events": events});
            stage.simulator.add_account(new).await;
        }
        let mut second = Product::serve("second", &stage.folder, &stage.database, &stage.simulator).await;
        second.start().await;
        for number in 0..ACCOUNTS {
            stage
                .browser
                .connect(&account(number), Consent::Allow)
                .await
                .says(&format!("{} est connecté.", stage.side.name()));
        }
        eventually("all are imported", async || {
            (stage.database.blocks(CAMILLE).await.len() == ACCOUNTS).then_some(())
        })
        .await;
        // A session is a matter of the database: it holds on the other process too.
        let mut other = second.browser();
        let link = second.add_provider("Inès Diallo", "ines@simone.test").await;
        other.enter(&link).await;

        // Slow enough that both processes look for work while a round is under way.
        stage.simulator.fault(json!({"kind": "slow", "ms": 300, "times": null})).await;
        let each: BTreeMap<String, usize> = (0..ACCOUNTS).map(|number| (account(number), 1)).collect();
        for _ in 0..3 {
            stage.settled().await;
            stage.simulator.forget_requests().await;
            one_round_each(stage).await;
            assert_eq!(asked(stage, stage.side.feed()).await, each, "one listing each");
        }

        // Tokens that the platform no longer takes, and tokens that are about to expire: one refresh each.
        for number in 0..ACCOUNTS {
            stage
                .simulator
                .post("tokens/expire", json!({"platform": stage.side.code(), "account": account(number)}))
                .await;
        }
        stage.simulator.forget_requests().await;
        one_round_each(stage).await;
        assert_eq!(stage.simulator.requests("/token").await.len(), ACCOUNTS);
        let soon = stage.database.instant(now() + TimeDelta::minutes(2));
        stage.database.execute(&format!("UPDATE calendar_connections SET access_expires_at = {soon}")).await;
        stage.simulator.forget_requests().await;
        one_round_each(stage).await;
        assert_eq!(stage.simulator.requests("/token").await.len(), ACCOUNTS);
        assert_eq!(asked(stage, stage.side.feed()).await, each);
        one_round_each(stage).await;
        assert_eq!(stage.simulator.requests("/token").await.len(), ACCOUNTS, "a live token is not refreshed");

        // When one of the two goes, the other carries on.
        assert_eq!(second.stop().await, Some(0));
        one_round_each(stage).await;
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), ACCOUNTS);
        assert_eq!(stage.database.count("notices").await, 0);
    };
    for side in Side::ALL {
        at_side(side, Kind::Postgres, "two", &test).await;
    }
}

/// Each end of a stage sees to it that no mailbox ever had more than four requests to answer at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_providers_of_one_mailbox_take_turns() {
    let test = async |stage: &mut Stage| {
        let events: Vec<_> =
            (0..6).map(|day| timed("Rendez-vous", a_monday() + Days::new(day), (9, 0), (10, 0))).collect();
        let new = json!({"email": account(0), "zone": "Europe/Paris", "events": events});
        stage.simulator.add_account(new).await;
        let mut second = Product::serve("second", &stage.folder, &stage.database, &stage.simulator).await;
        second.start().await;
        let link = second.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = second.browser();
        ines.enter(&link).await;
        stage.simulator.fault(json!({"kind": "slow", "ms": 100, "times": null})).await;
        stage.browser.connect(&account(0), Consent::Allow).await.says("Outlook est connecté.");
        ines.connect(&account(0), Consent::Allow).await.says("Outlook est connecté.");
        for provider in [CAMILLE, "ines@simone.test"] {
            eventually("both are imported", async || {
                (stage.database.blocks(provider).await.len() == events.len()).then_some(())
            })
            .await;
        }
        for hour in 10..13 {
            let day = a_monday() + Days::new(6);
            stage.simulator.add_event(&account(0), timed("Nouveau", day, (hour, 0), (hour + 1, 0))).await;
            one_round_each(stage).await;
        }
        for provider in [CAMILLE, "ines@simone.test"] {
            assert_eq!(stage.database.blocks(provider).await.len(), events.len() + 3);
        }
        assert!(stage.simulator.most_at_a_time().await > 0, "the mailbox was watched");
        assert_eq!(second.stop().await, Some(0));
    };
    at_side(Side::Outlook, Kind::Postgres, "turns", &test).await;
}
