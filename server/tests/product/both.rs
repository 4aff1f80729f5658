//! One provider with an account on either platform: each on its own.

use crate::support::api::Api;
use crate::support::bookings::{book, open_for_booking};
use crate::support::browser::Consent;
use crate::support::platform::Side;
use crate::support::{
    ACCOUNT, CAMILLE, Stage, a_monday, add_account, at, eventually, imported, now, on_both, timed,
};
use chrono::Days;
use reqwest::StatusCode;
use serde_json::{Value, json};

const WORK: &str = "camille@maison-moreau.test";

/// Adds an account of hers at Microsoft, beside the one at Google, and connects it.
async fn connect_work(stage: &mut Stage) {
    let day = a_monday() + Days::new(1);
    let account = json!({"email": WORK, "zone": "Europe/Paris", "events": [
        timed("Point d’équipe", day, (9, 0), (10, 0)),
    ]});
    stage.simulator.post("accounts", Side::Outlook.account(account)).await;
    stage.browser.side = Side::Outlook;
    stage.browser.connect(WORK, Consent::Allow).await.says("Outlook est connecté.");
    stage.browser.side = Side::Google;
    eventually("it is imported", async || {
        stage.day(day).await.contains("Point d’équipe 9:00 – 10:00").then_some(())
    })
    .await;
    imported(&mut stage.browser).await;
}

async fn events(stage: &Stage, side: Side, account: &str) -> Vec<Value> {
    let events = stage.simulator.get(&format!("events?platform={}&account={account}", side.code())).await;
    let told = events.as_array().unwrap().iter().map(|event| side.told(event));
    told.filter(|event| event["status"] != "cancelled").collect()
}

async fn ours(stage: &Stage, side: Side, account: &str) -> Vec<Value> {
    let all = events(stage, side, account).await;
    all.into_iter().filter(|event| event["extendedProperties"]["private"]["source"] == "simone").collect()
}

async fn exported(stage: &mut Stage) {
    eventually("all is exported", async || {
        let left = stage
            .database
            .count("calendar_connections WHERE status = 'connected' AND exports_wanted > exports_done")
            .await;
        (left == 0).then_some(())
    })
    .await;
    stage.settled().await;
}

async fn status(stage: &Stage, platform: Side) -> Option<String> {
    let code = platform.code();
    let of = format!("calendar_connections WHERE platform = '{code}' ORDER BY created_at DESC LIMIT 1");
    stage.database.value("status", &of).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bookings_stand_in_both_and_neither_mirrors_the_other() {
    on_both("both", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        connect_work(stage).await;
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("Google Calendar");
        settings.says("Outlook");
        let blocked = stage.database.blocks(CAMILLE).await;

        let api: Api = stage.product.api(None).await;
        let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
        let (service, slots) = open_for_booking(&api, &camille).await;
        for slot in [0, 6] {
            book(&api, &camille, &service, &slots[slot]).await.is(StatusCode::CREATED);
        }
        exported(stage).await;
        let counts = async |stage: &Stage| {
            let (google, outlook) =
                (ours(stage, Side::Google, ACCOUNT).await, ours(stage, Side::Outlook, WORK).await);
            (google.len(), outlook.len())
        };
        assert_eq!(counts(stage).await, (2, 2));
        for title in ["summary", "location"] {
            let one = |events: Vec<Value>| {
                let mut all: Vec<String> = events.iter().map(|event| event[title].to_string()).collect();
                all.sort();
                all
            };
            let google = one(ours(stage, Side::Google, ACCOUNT).await);
            assert_eq!(google, one(ours(stage, Side::Outlook, WORK).await));
        }

        // Each reads what the other wrote nowhere, and its own again and in full: nothing is made twice, nothing blocks.
        stage.database.execute("UPDATE calendars SET cursor = NULL").await;
        for account in [ACCOUNT, WORK, ACCOUNT] {
            stage.sync(account).await;
        }
        exported(stage).await;
        assert_eq!(counts(stage).await, (2, 2));
        assert_eq!(stage.database.blocks(CAMILLE).await, blocked);
        assert_eq!(stage.database.count("calendar_conflicts").await, 0);

        // In the agenda each says where it is from.
        let agenda = stage.browser.open(&format!("/agenda?week={}", a_monday())).await;
        for class in ["mark-of google", "mark-of outlook"] {
            assert!(agenda.html.contains(class), "{class}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_fails_and_ends_without_touching_the_other() {
    on_both("apart", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        connect_work(stage).await;
        let (dentist, team) = (a_monday() + Days::new(3), a_monday() + Days::new(1));

        // Microsoft ends what was agreed: Google goes on, and what is known of both stays.
        let ended = json!({
            "platform": "outlook", "account": WORK, "client_id": Side::Outlook.client_id(), "at_once": true,
        });
        stage.simulator.post("grants/revoke", ended).await;
        stage.sync(WORK).await;
        eventually("the one connection is flagged", async || {
            (status(stage, Side::Outlook).await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        stage.sync(ACCOUNT).await;
        assert_eq!(status(stage, Side::Google).await.as_deref(), Some("connected"));
        assert!(
            stage.day(team).await.contains("Point d’équipe") && stage.day(dentist).await.contains("Dentiste")
        );
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("Outlook demande une nouvelle autorisation.");
        settings.does_not_say("Google Calendar demande une nouvelle autorisation.");
        stage.browser.side = Side::Outlook;
        let back = stage.browser.consent(&settings, "Reconnecter", WORK, Consent::Allow).await;
        stage.browser.open(back.as_str()).await.says("Outlook est reconnecté.");
        stage.browser.side = Side::Google;
        stage.settled().await;

        // Google is away: Outlook follows all the same.
        let away = json!({"kind": "status", "status": 503, "path": "/calendar/*", "times": null});
        stage.simulator.fault(away).await;
        let event = timed("Coaching", team, (14, 0), (15, 0));
        let edit = json!({"do": "add_event", "account": WORK, "event": event});
        stage.simulator.post("edits", Side::Outlook.edit(edit)).await;
        stage.sync(WORK).await;
        assert!(stage.day(team).await.contains("Coaching 14:00 – 15:00"));
        stage.simulator.clear_faults().await;

        // Disconnecting the one frees its slots and says what is left to do; the other is as it was.
        let settings = stage.browser.open("/settings/calendars").await;
        let confirm = stage.browser.click(&settings, &format!("Déconnecter {WORK}")).await;
        confirm.says("Simone oublie ses clés");
        let page = stage.browser.press(&confirm, "Déconnecter").await;
        page.says("Simone a oublié ses clés.");
        for address in ["https://myapps.microsoft.com", "https://account.live.com/consent/Manage"] {
            for told in [&confirm, &page] {
                assert!(told.html.contains(address), "{address} on {}", told.describe());
            }
        }
        eventually("the tokens are destroyed", async || {
            let gone = "calendar_connections WHERE platform = 'outlook' AND status = 'disconnected' \
                        AND access_token IS NULL AND refresh_token IS NULL";
            (stage.database.count(gone).await == 1).then_some(())
        })
        .await;
        assert!(!stage.day(team).await.contains("Coaching"));
        let blocks = stage.database.blocks(CAMILLE).await;
        assert!(blocks.contains(&(at(dentist, 15, 0), at(dentist, 16, 0))), "{blocks:?}");
        let due = stage.database.instant(now());
        stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
        stage.sync(ACCOUNT).await;
        assert_eq!(status(stage, Side::Google).await.as_deref(), Some("connected"));
        assert!(stage.day(dentist).await.contains("Dentiste"));
    })
    .await;
}
