//! Keys come and go while the product runs; one that is lost takes accesses and titles with it, and nothing else.

use crate::commands::{refused, said};
use crate::support::browser::Consent;
use crate::support::product::KEY;
use crate::support::{ACCOUNT, CAMILLE, a_monday, add_account, eventually, on_both, timed};
use chrono::Days;
use reqwest::StatusCode;

const NEW: &str = "new:bmV3IGtleSBvZiBzaW1vbmUgdGVzdHMsIDMyIGJ5dCE=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_while_the_product_runs() {
    on_both("rotation", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let thursday = a_monday() + Days::new(3);

        // The running product has to know the new key before anything is sealed under it.
        stage.product.set("SIMONE_ENCRYPTION__KEYS", &format!("{NEW},{KEY}"));
        refused(&stage.product.run(&["rotate-keys"]).await, "restart `simone serve`");
        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.start().await;
        let rotated = stage.product.run(&["rotate-keys"]).await;
        assert!(rotated.status.success(), "{}", said(&rotated));
        assert!(said(&rotated).contains("Nothing here is under `test` any more"), "{}", said(&rotated));
        assert!(said(&rotated).contains("calendar_sync_events.details: "), "{}", said(&rotated));
        for secret in [NEW, KEY, "Dentiste", CAMILLE, ACCOUNT] {
            assert!(!said(&rotated).contains(secret), "« {secret} » is in {}", said(&rotated));
        }
        assert!(stage.day(thursday).await.contains("Dentiste"));
        stage.simulator.post("tokens/expire", serde_json::json!({"account": ACCOUNT})).await;
        stage.sync(ACCOUNT).await;

        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.set("SIMONE_ENCRYPTION__KEYS", NEW);
        stage.product.start().await;
        stage.simulator.add_event(ACCOUNT, timed("Kiné", thursday, (8, 0), (9, 0))).await;
        stage.sync(ACCOUNT).await;
        let day = stage.day(thursday).await;
        assert!(day.contains("Dentiste") && day.contains("Kiné"), "{day}");
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
        let again = stage.product.run(&["rotate-keys"]).await;
        assert!(said(&again).contains("Sealed 0 values") && again.status.success(), "{}", said(&again));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_takes_accesses_and_titles_but_no_blocks() {
    on_both("lost", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        let thursday = a_monday() + Days::new(3);
        assert_eq!(stage.product.stop().await, Some(0));

        stage.product.set("SIMONE_ENCRYPTION__KEYS", NEW);
        for command in [&["serve"][..], &["migrate"], &["rotate-keys"]] {
            let output = stage.product.run(command).await;
            refused(&output, "sealed under the key `test`, which is missing");
            assert!(said(&output).contains("rotate-keys --lost"), "it says what to do: {}", said(&output));
        }
        let lost = stage.product.run(&["rotate-keys", "--lost"]).await;
        assert!(lost.status.success(), "{}", said(&lost));
        assert!(
            said(&lost).contains("calendar_sync_events.details, under the key `test`"),
            "{}",
            said(&lost)
        );

        stage.product.start().await;
        for page in ["/agenda", "/settings/calendars", "/sync-log", "/notifications", "/settings/account"] {
            assert_eq!(stage.browser.open(page).await.status, StatusCode::OK, "{page}");
        }
        let day = stage.day(thursday).await;
        assert!(!day.contains("Dentiste") && day.contains("Occupé"), "a neutral word instead: {day}");
        eventually("the connection asks for a new access", async || {
            (stage.status().await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks, "what is blocked stays");

        let agenda = stage.browser.open("/agenda").await;
        let back = stage.browser.consent(&agenda, "Reconnecter", ACCOUNT, Consent::Allow).await;
        stage.browser.open(back.as_str()).await.says("Google Calendar est reconnecté.");
        stage.imported().await;
        stage.settled().await;
        assert!(stage.day(thursday).await.contains("Dentiste"), "read again");
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        // An old e-mail is all that is left under the lost key, and a rotation says so.
        let rotated = stage.product.run(&["rotate-keys"]).await;
        refused(&rotated, "something is left that no configured key opens");
        let left: Vec<String> =
            said(&rotated).lines().filter(|line| line.starts_with("Left:")).map(str::to_owned).collect();
        assert_eq!(left, ["Left: 1 of deliveries.message, under the key `test`"]);
    })
    .await;
}
