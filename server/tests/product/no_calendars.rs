//! An account at work whose organisation keeps the mailboxes on its own servers: signing in works, calendars there are none.

use crate::support::bookings::{free, open_for_booking};
use crate::support::browser::{Browser, Consent, Page};
use crate::support::platform::Side;
use crate::support::{
    ACCOUNT, CAMILLE, OTHER_ACCOUNT, Stage, a_monday, add_account, add_other_account, eventually, on_both_at,
    timed,
};
use chrono::Days;
use reqwest::{Method, StatusCode};
use serde_json::json;

const WHY: &str = "Ce compte n’a pas de boîte aux lettres Outlook en ligne, donc pas de calendrier";
const WHAT_TO_DO: &str = "Connectez un autre compte, ou déconnectez celui-ci";

async fn told(browser: &mut Browser) -> Page {
    eventually("the provider is told", async || {
        let page = browser.open("/settings/calendars").await;
        page.text().contains(WHY).then_some(page)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_a_mailbox_is_explained_and_begins_once_it_has_one() {
    on_both_at(Side::Outlook, "mailbox", &async |stage: &mut Stage| {
        let none = json!({"email": ACCOUNT, "name": "Camille Moreau", "without_mailbox": true});
        stage.simulator.add_account(none).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await.says("Outlook est connecté.");

        let settings = told(&mut stage.browser).await;
        settings.says("soit elle n’a jamais été ouverte");
        settings.says("Rien n’y est lu ni inscrit ; vos autres calendriers n’en sont pas affectés.");
        settings.says(WHAT_TO_DO);
        settings.says("Sans calendrier");
        for wrong in ["l’équipe doit corriger", "dans quelques secondes", "Import en cours", "À reconnecter"]
        {
            settings.does_not_say(wrong);
        }
        assert!(settings.has_button(&stage.side.another_button()), "{}", settings.describe());
        for path in ["/sync-log", "/agenda"] {
            let page = stage.browser.open(path).await;
            page.says(WHY);
            page.says(WHAT_TO_DO);
        }
        let account = stage.browser.open("/settings/account").await;
        stage.browser.press(&account, "English").await;
        let english = stage.browser.open("/settings/calendars").await;
        english.says("This account has no Outlook mailbox online, and so no calendar");
        english.says("Connect another account, or disconnect this one");
        english.says("No calendars");
        let account = stage.browser.open("/settings/account").await;
        stage.browser.press(&account, "Français").await;
        assert_eq!(stage.status().await.as_deref(), Some("connected"), "reconnecting would not help");

        // That there is nothing to read keeps nobody from booking.
        let api = stage.product.api(None).await;
        let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
        let (service, slots) = open_for_booking(&api, &camille).await;
        let from = format!("{}T00:00:00Z", a_monday());
        let path = format!("/api/v1/providers/{camille}/availability?service={service}&from={from}");
        let path = format!("{path}&to={}T00:00:00Z", a_monday() + Days::new(2));
        eventually("what is told is reliable", async || {
            let availability = api.get(&path).await;
            (availability.is(StatusCode::OK)["reliable"] == true).then_some(())
        })
        .await;
        let connections = api.get(&format!("/api/v1/providers/{camille}/connections")).await;
        assert_eq!(connections.is(StatusCode::OK)["items"][0]["last_error"], "no_calendars");

        // Nor does it when Microsoft does not answer for a while: that says nothing new of the account.
        let away = json!({"kind": "status", "status": 503, "path": "/v1.0/*", "times": null});
        stage.simulator.fault(away).await;
        let connection = connections.body["items"][0]["id"].as_str().unwrap();
        let sync = format!("/api/v1/connections/{connection}/sync");
        api.send(api.request(Method::POST, &sync)).await;
        eventually("a round fails", async || {
            let failed = "calendar_sync_logs WHERE outcome = 'unavailable'";
            (stage.database.count(failed).await > 0).then_some(())
        })
        .await;
        assert_eq!(free(&api, &camille, &service).await.len(), slots.len(), "all is offered still");
        stage.simulator.clear_faults().await;

        // A mailbox is set up, with something in it: nobody has to connect anew.
        let given = json!({"account": ACCOUNT, "without_mailbox": false});
        stage.simulator.post("accounts/change", given).await;
        add_account(&stage.simulator).await;
        let settings = stage.browser.open("/settings/calendars").await;
        stage.browser.press(&settings, &format!("Synchroniser {ACCOUNT}")).await;
        stage.imported().await;
        stage.settled().await;
        let dentist = stage.day(a_monday() + Days::new(3)).await;
        assert!(dentist.contains("Dentiste 15:00 – 16:00"), "{dentist}");
        let settings = stage.browser.open("/settings/calendars").await;
        settings.does_not_say(WHY);
        settings.does_not_say("Sans calendrier");
        assert!(free(&api, &camille, &service).await.len() < slots.len(), "what is in it blocks");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_goes_away_leaves_its_blocks_and_another_account_goes_on() {
    on_both_at(Side::Outlook, "moved", &async |stage: &mut Stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;

        let moved = json!({"account": ACCOUNT, "without_mailbox": true});
        stage.simulator.post("accounts/change", moved).await;
        stage.sync(ACCOUNT).await;
        let settings = told(&mut stage.browser).await;
        settings.says(WHAT_TO_DO);
        settings.does_not_say("Import en cours");
        stage.database.execute("UPDATE calendar_connections SET calendars_listed_at = NULL").await;
        stage.sync(ACCOUNT).await;
        told(&mut stage.browser).await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks, "the last known blocks stay");

        // Another account is what they are told to connect, or to disconnect this one: both work.
        add_other_account(&stage.simulator).await;
        stage.browser.connect(OTHER_ACCOUNT, Consent::Allow).await;
        let tuesday = a_monday() + Days::new(1);
        let event = timed("Réunion", tuesday, (14, 0), (15, 0));
        stage.simulator.add_event(OTHER_ACCOUNT, event).await;
        eventually("the other account is imported", async || {
            stage.day(tuesday).await.contains("Comptable").then_some(())
        })
        .await;
        stage.sync(OTHER_ACCOUNT).await;
        assert!(stage.day(tuesday).await.contains("Réunion 14:00 – 15:00"));
        let settings = stage.browser.open("/settings/calendars").await;
        let confirm = stage.browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
        stage.browser.press(&confirm, "Déconnecter").await;
        eventually("the account is disconnected", async || {
            (stage.database.count("calendar_connections WHERE status = 'disconnected'").await == 1)
                .then_some(())
        })
        .await;
        assert!(!stage.day(a_monday() + Days::new(3)).await.contains("Dentiste"));
        stage.browser.open("/settings/calendars").await.does_not_say(WHY);
    })
    .await;
}
