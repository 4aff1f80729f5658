//! A grant that is dead: the provider is told, what is known stays, and one click renews it.

use crate::support::browser::Consent;
use crate::support::{ACCOUNT, CAMILLE, a_monday, add_account, eventually, on_each, timed};
use chrono::Days;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnecting_keeps_blocks_and_choices() {
    on_each("dead", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let settings = stage.browser.open("/settings/calendars").await;
        stage.browser.press(&settings, "Bloquer les créneaux de « Famille »").await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;

        stage.simulator.withdraw(ACCOUNT).await;
        stage.sync(ACCOUNT).await;
        eventually("the connection is flagged", async || {
            (stage.status().await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("À reconnecter");
        settings.says("Vos créneaux restent bloqués");
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks, "the last known blocks stay");
        let agenda = stage.browser.open("/agenda").await;
        agenda.says(&format!("{} demande une nouvelle autorisation.", stage.side.name()));
        assert!(agenda.has_button("Reconnecter"));
        stage
            .browser
            .open("/notifications")
            .await
            .says(&format!("{} demande une nouvelle autorisation", stage.side.name()));
        stage
            .browser
            .open("/sync-log")
            .await
            .says(&format!("{} demande une nouvelle autorisation.", stage.side.name()));
        let mail = eventually("the e-mail leaves", async || {
            stage.product.mails().into_iter().find(|mail| mail.contains("settings/calendars"))
        })
        .await;
        assert!(mail.contains(CAMILLE), "{mail}");
        // Told once, however often it is looked at.
        assert_eq!(stage.database.count("notices WHERE kind = 'needs_reconnect'").await, 1);
        assert_eq!(stage.database.count("deliveries WHERE cause NOT LIKE 'login:%'").await, 1);

        // What changed meanwhile arrives once it is reconnected, from the agenda, without choosing again.
        let day = a_monday() + Days::new(1);
        stage.simulator.add_event(ACCOUNT, timed("Kiné", day, (8, 0), (9, 0))).await;
        let back = stage.browser.consent(&agenda, "Reconnecter", ACCOUNT, Consent::Allow).await;
        let page = stage.browser.open(back.as_str()).await;
        page.says(&format!("{} est reconnecté.", stage.side.name()));
        stage.imported().await;
        stage.settled().await;
        assert!(stage.day(day).await.contains("Kiné"));
        assert!(stage.day(a_monday() + Days::new(2)).await.contains("mamie"), "« Famille » is still chosen");
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), blocks.len() + 1);
        assert_eq!(stage.database.count("calendar_connections").await, 1);
        stage.browser.open("/notifications").await.says("Réglé");
        assert_eq!(stage.simulator.grants().await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_is_down_flags_nobody() {
    on_each("down", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        stage.simulator.fault(json!({"kind": "status", "status": 503, "path": stage.side.api_path(), "times": null})).await;
        stage.sync(ACCOUNT).await;
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says(&format!("{} n’a pas répondu correctement.", stage.side.name()));
        settings.does_not_say("À reconnecter");
        stage.browser.open("/sync-log").await.says("Simone réessaie d’elle-même");
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        assert_eq!(stage.database.count("notices").await, 0);

        // Rate limits with a time to wait: no click overrides it.
        stage.simulator.clear_faults().await;
        stage.simulator.fault(json!({
            "kind": "status", "status": 429, "reason": "rateLimitExceeded", "retry_after": "900", "path": stage.side.api_path(),
            "times": null,
        })).await;
        stage.database.execute("UPDATE calendar_connections SET failures = 0").await;
        let due = stage.database.instant(crate::support::now());
        stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
        eventually("the round is refused", async || {
            stage.browser.open("/settings/calendars").await.text().contains("demande d’attendre").then_some(())
        })
        .await;
        stage.simulator.forget_requests().await;
        let settings = stage.browser.open("/settings/calendars").await;
        let page = stage.browser.press(&settings, &format!("Synchroniser {ACCOUNT}")).await;
        page.says(&format!("{} demande d’attendre.", stage.side.name()));
        assert_eq!(stage.simulator.requests("/calendar").await.len(), 0, "the platform is left in peace");
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_is_waited_for_within_the_round_and_longer_each_time() {
    on_each("backoff", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let (status, reason) = stage.side.slow_down();
        let fault = json!({
            "kind": "status", "status": status, "reason": reason, "path": stage.side.feed_path(), "times": 2,
        });
        stage.simulator.fault(fault).await;
        stage.simulator.forget_requests().await;
        stage.database.execute("UPDATE calendar_connections SET wanted = wanted + 1").await;
        eventually("the round ends", async || {
            (stage.database.count("calendar_connections WHERE wanted > covered").await == 0).then_some(())
        })
        .await;
        assert_eq!(
            stage.simulator.requests(stage.side.feed()).await.len(),
            3,
            "twice refused, then answered"
        );
        assert_eq!(
            stage.database.count("calendar_connections WHERE last_error IS NULL AND failures = 0").await,
            1
        );
        // One second and two, each with up to one more: the log knows how long the rounds took.
        let longest = stage.database.value("MAX(duration_ms)", "calendar_sync_log_lines").await;
        assert!(longest.expect("there is a round").parse::<i64>().expect("a number") >= 3000);
    })
    .await;
}
