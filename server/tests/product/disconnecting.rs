//! Disconnecting: at once for the slots, in the end at the platform too, whatever stands in the way.

use crate::exports::{exported, open, ours_of};
use crate::support::browser::{Browser, Consent};
use crate::support::{ACCOUNT, CAMILLE, Stage, add_account, eventually, imported, now, on_each};
use chrono::TimeDelta;
use serde_json::json;

/// Camille, connected, with a booking in her calendar, when the platform stops answering.
async fn booked_and_down(stage: &mut Stage) {
    open(stage).await.book(0).await;
    exported(stage).await;
    assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1);
    let path = stage.side.farewell_path();
    stage.simulator.fault(json!({"kind": "status", "status": 503, "path": path, "times": null})).await;
}

async fn disconnect(browser: &mut Browser) {
    let settings = browser.open("/settings/calendars").await;
    let confirm = browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
    let page = browser.press(&confirm, "Déconnecter").await;
    page.says(&format!("{ACCOUNT} est déconnecté."));
}

async fn due_now(stage: &Stage) {
    let due = stage.database.instant(now());
    stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_platform_is_down() {
    on_each("outage", async |stage| {
        booked_and_down(stage).await;
        disconnect(&mut stage.browser).await;
        assert_eq!(stage.database.blocks(CAMILLE).await, [], "the blocks go at once");
        assert_eq!(stage.database.count("calendar_sync_events").await, 0);
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("Déconnexion en cours");
        settings.says(stage.side.leaving());
        assert!(!settings.has_button(&format!("Synchroniser {ACCOUNT}")));
        assert_eq!(stage.simulator.grants().await.len(), 1);

        // A crash meanwhile forgets nothing.
        stage.product.kill();
        stage.product.start().await;
        stage.browser.open("/settings/calendars").await.says("Déconnexion en cours");
        stage.simulator.clear_faults().await;
        // As if the lease of the killed process had run out, and the wait between two tries.
        stage.database.execute("UPDATE calendar_connections SET leased_until = NULL").await;
        due_now(stage).await;
        eventually("the grant is given back", async || {
            let gone = stage
                .database
                .count("calendar_connections WHERE status = 'disconnected' AND refresh_token IS NULL")
                .await;
            let withdrawn = stage.simulator.grants().await.is_empty() || !stage.side.revokes();
            (gone == 1 && withdrawn).then_some(())
        })
        .await;
        assert!(ours_of(stage, ACCOUNT).await.is_empty(), "the booking's event went along");
        stage.browser.open("/settings/calendars").await.says("Aucun calendrier connecté");
        assert_eq!(stage.database.count("notices WHERE kind <> 'booking'").await, 0);

        // The same account can be connected again, as if nothing had been.
        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        page.says(&format!("{} est connecté.", stage.side.name()));
        stage.imported().await;
        assert!(!stage.database.blocks(CAMILLE).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_after_a_day() {
    on_each("abandoned", async |stage| {
        booked_and_down(stage).await;
        disconnect(&mut stage.browser).await;
        let yesterday = stage.database.instant(now() - TimeDelta::hours(25));
        stage.database.execute(&format!("UPDATE calendar_connections SET disconnect_requested_at = {yesterday}")).await;
        // The round under way began before; the next one finds that a day has passed.
        eventually("the tokens are destroyed all the same", async || {
            due_now(stage).await;
            let gone = stage.database.count("calendar_connections WHERE status = 'disconnected' AND access_token IS NULL AND refresh_token IS NULL").await;
            (gone == 1).then_some(())
        })
        .await;
        let notices = stage.browser.open("/notifications").await;
        notices.says(&format!("{} n’a pas pu être prévenu de votre déconnexion", stage.side.name()));
        notices.says("Des rendez-vous de Simone peuvent être restés dans ");
        let pages = stage.side.permissions();
        for page in pages {
            assert!(notices.html.contains(page), "{page} is not on {}", notices.describe());
        }
        eventually("the e-mail leaves", async || {
            let mails = stage.product.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
            mails.into_iter().find(|mail| pages.iter().all(|page| mail.contains(page)))
        })
        .await;
        stage.simulator.clear_faults().await;
        // Where nothing is revoked, it was the event that could not be removed.
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), usize::from(!stage.side.revokes()));
        stage.browser.open("/settings/calendars").await.does_not_say(ACCOUNT);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_middle_of_a_round() {
    on_each("middle", async |stage| {
        add_account(&stage.simulator).await;
        stage
            .simulator
            .fault(json!({"kind": "slow", "ms": 2500, "path": stage.side.feed_path(), "times": null}))
            .await;
        stage
            .simulator
            .fault(json!({"kind": "small_pages", "size": 1, "path": stage.side.feed_path(), "times": null}))
            .await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        eventually("the events are being listed", async || {
            (!stage.simulator.requests(stage.side.feed()).await.is_empty()).then_some(())
        })
        .await;
        disconnect(&mut stage.browser).await;
        let asked = stage.simulator.requests(stage.side.feed()).await.len();
        assert!(asked < 5, "the round was over before it could be stopped");
        eventually("the grant is given back", async || {
            let gone = stage
                .database
                .count("calendar_connections WHERE status = 'disconnected' AND refresh_token IS NULL")
                .await;
            let left = stage.simulator.grants().await.is_empty() || !stage.side.revokes();
            (gone == 1 && left).then_some(())
        })
        .await;
        // The round was in a request when the wish came; it made no other, and wrote nothing.
        assert!(stage.simulator.requests(stage.side.feed()).await.len() <= asked + 1);
        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.start().await;
        assert_eq!(stage.database.blocks(CAMILLE).await, []);
        assert_eq!(stage.database.count("calendars").await, 0);
        assert_eq!(stage.database.count("calendar_sync_events").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_another_provider_shares() {
    on_each("shared", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        ines.enter(&link).await;
        ines.connect(ACCOUNT, Consent::Allow).await.says(&format!("{} est connecté.", stage.side.name()));
        imported(&mut ines).await;
        let blocks = stage.database.blocks(CAMILLE).await;
        assert_eq!(stage.database.blocks("ines@simone.test").await, blocks);

        disconnect(&mut ines).await;
        eventually("her tokens are destroyed", async || {
            let gone = stage
                .database
                .count("calendar_connections WHERE status = 'disconnected' AND refresh_token IS NULL")
                .await;
            (gone == 1).then_some(())
        })
        .await;
        assert_eq!(stage.simulator.grants().await.len(), 1, "the other one lives on that grant");
        stage.sync(ACCOUNT).await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        assert_eq!(stage.database.count("calendar_connections WHERE status = 'connected'").await, 1);
    })
    .await;
}
