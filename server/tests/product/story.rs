//! What a new provider does, from the first click to the last.

use crate::support::browser::{Consent, Page};
use crate::support::{
    ACCOUNT, CAMILLE, FAMILY, OTHER_ACCOUNT, Stage, a_monday, add_account, add_other_account, at, eventually,
    on_each, today,
};
use chrono::{Days, NaiveDate};
use serde_json::json;

/// The Tuesdays on which yoga is still to come, as far as blocks reach for certain.
fn tuesdays() -> Vec<NaiveDate> {
    let tuesday = a_monday() - Days::new(13);
    (0..14).map(|week| tuesday + Days::new(7 * week)).filter(|day| *day > today()).take(12).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_choose_import_follow_disconnect() {
    on_each("story", the_story).await;
}

async fn the_story(stage: &mut Stage) {
    add_account(&stage.simulator).await;
    let monday = a_monday();

    let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
    let connected = format!("{} est connecté.", stage.side.name());
    page.says(&connected);
    stage.imported().await;
    let settings = stage.browser.open("/settings/calendars").await;
    settings.says(ACCOUNT);
    settings.says("Connecté");
    settings.says("Synchronisé");
    settings.says("Prochaine");
    settings.says("Famille");
    assert!(settings.document().all(|it| it.label() == format!("Déconnecter {ACCOUNT}")).len() == 1);
    settings.does_not_say(&connected); // said once

    // The primary calendar is imported; the other one is not.
    let holiday = monday + Days::new(7);
    for day in 0..6 {
        let text = stage.day(holiday + Days::new(day)).await;
        assert!(text.contains("Vacances") && text.contains("toute la journée"), "{text}");
    }
    assert!(!stage.day(holiday - Days::new(1)).await.contains("Vacances"));
    assert!(!stage.day(holiday + Days::new(6)).await.contains("Vacances"));
    assert!(stage.day(monday + Days::new(4)).await.contains("Jour de fête"));
    for tuesday in tuesdays() {
        let text = stage.day(tuesday).await;
        assert!(text.contains("Yoga") && text.contains("18:00"), "{tuesday}: {text}");
    }
    let dentist = monday + Days::new(3);
    assert!(stage.day(dentist).await.contains("Dentiste 15:00 – 16:00"), "{}", stage.day(dentist).await);
    assert!(!stage.day(monday + Days::new(9)).await.contains("Courses"), "a free event blocks nothing");
    assert!(
        !stage.day(monday + Days::new(2)).await.contains("mamie"),
        "an unselected calendar blocks nothing"
    );
    let blocks = stage.database.blocks(CAMILLE).await;
    assert!(blocks.contains(&(at(holiday, 0, 0), at(holiday + Days::new(6), 0, 0))), "{blocks:?}");
    for tuesday in tuesdays() {
        let yoga = (at(tuesday, 18, 0), at(tuesday, 19, 0));
        assert_eq!(blocks.iter().filter(|block| **block == yoga).count(), 1, "{tuesday}");
    }

    // A change, an addition and a deletion follow.
    let events = stage.simulator.events(&format!("account={ACCOUNT}")).await;
    let id = |summary: &str| {
        let found = events.iter().find(|event| event["summary"] == summary);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let dentist_id = id("Dentiste");
    stage
        .simulator
        .edit(
            json!({"do": "move_event", "account": ACCOUNT, "event": dentist_id, "by_minutes": 24 * 60 + 90}),
        )
        .await;
    let tuesday = tuesdays()[3];
    stage
        .simulator
        .edit(json!({
            "do": "move_instance", "account": ACCOUNT, "event": id("Yoga"),
            "original_start": at(tuesday, 18, 0).to_rfc3339(), "by_minutes": 60,
        }))
        .await;
    stage.sync(ACCOUNT).await;
    let text = stage.day(dentist + Days::new(1)).await;
    assert!(text.contains("Dentiste 16:30 – 17:30"), "{text}");
    assert!(!stage.day(dentist).await.contains("Dentiste"));
    assert!(stage.day(tuesday).await.contains("Yoga 19:00 – 20:00"));
    stage.simulator.edit(json!({"do": "delete_event", "account": ACCOUNT, "event": dentist_id})).await;
    stage.sync(ACCOUNT).await;
    assert!(!stage.day(dentist + Days::new(1)).await.contains("Dentiste"));
    let log = stage.browser.open("/sync-log").await;
    log.says("1 supprimé");
    log.says("événements ajoutés");
    // Its page tells it event by event, and what the deletion freed.
    let document = log.document();
    let lines = document.all(|it| it.name == "a" && it.label().contains("1 supprimé"));
    let round = lines[0].attribute("href").unwrap().to_owned();
    let told = stage.browser.open(&round).await;
    told.says("Dentiste");
    told.says("Ne bloque plus");
    told.says("Détails techniques");

    // A block says why it is there, and its calendar what is to come.
    let agenda = stage.browser.open(&format!("/agenda?week={tuesday}")).await;
    let document = agenda.document();
    let yoga = document.all(|it| it.name == "a" && it.label().contains("Yoga 19:00"));
    let reason = stage.browser.open(yoga[0].attribute("href").unwrap()).await;
    for words in ["Yoga", "19:00 – 20:00", "marqué « occupé »", "celle-ci a été modifiée à part", ACCOUNT]
    {
        reason.says(words);
    }
    let document = reason.document();
    let outside = document.all(|it| it.attribute("target") == Some("_blank"));
    assert!(outside.iter().all(|it| it.attribute("rel") == Some("noopener noreferrer")));
    assert!(!outside[0].attribute("href").unwrap().contains("javascript"));
    let calendar = document.all(|it| it.name == "a" && it.label() == stage.side.primary());
    let upcoming = calendar[0].attribute("href").unwrap().to_owned();
    let list = stage.browser.open(&upcoming).await;
    list.says("Marqué occupé");
    let free = stage.browser.open(&format!("{upcoming}?show=free")).await;
    free.says("Courses");
    free.says("Marqué disponible");
    // Where the platform itself says when a series is, it says so for some days more.
    assert!(
        !free.text().contains("Yoga") || free.text().contains("Dans plus de 90 jours"),
        "{}",
        free.describe()
    );

    // Choosing: the second calendar, with and without its free events, and back.
    let lunch = monday + Days::new(2);
    let settings = stage.browser.open("/settings/calendars").await;
    let page = stage.browser.press(&settings, "Bloquer les créneaux de « Famille »").await;
    page.says("« Famille » bloque vos créneaux.");
    stage.settled().await;
    assert!(stage.day(lunch).await.contains("Déjeuner chez mamie 12:00 – 14:00"));
    let details = stage.browser.click(&page, &format!("Détails de {ACCOUNT}")).await;
    // The primary calendar stands first.
    let free = |page: &Page| {
        page.post_forms().into_iter().find(|form| form.action == "/actions/block-free").unwrap()
    };
    let page = stage.browser.send(&details, &free(&details)).await;
    assert_eq!(page.url.path(), details.url.path(), "the switch comes back to its page");
    stage.settled().await;
    assert!(stage.day(monday + Days::new(9)).await.contains("Courses si possible"));
    let page = stage.browser.send(&page, &free(&page)).await;
    stage.settled().await;
    assert!(!stage.day(monday + Days::new(9)).await.contains("Courses"));
    let page = stage.browser.press(&page, "Bloquer les créneaux de « Famille »").await;
    page.says("« Famille » ne bloque plus rien.");
    assert!(!stage.day(lunch).await.contains("mamie"), "unselecting takes its blocks away at once");

    // A calendar that is added, renamed or withdrawn on the platform appears so.
    stage.simulator.edit(json!({"do": "add_calendar", "account": ACCOUNT, "summary": "Chorale"})).await;
    stage
        .simulator
        .edit(
            json!({"do": "rename_calendar", "account": ACCOUNT, "calendar": FAMILY, "summary": "La famille"}),
        )
        .await;
    // As if the settings had not been opened for a while.
    let old = stage.database.instant(crate::support::now() - chrono::TimeDelta::minutes(5));
    stage.database.execute(&format!("UPDATE calendar_connections SET calendars_listed_at = {old}")).await;
    eventually("the new calendar is listed", async || {
        let text = stage.browser.open("/settings/calendars").await.text();
        (text.contains("Chorale") && text.contains("La famille")).then_some(())
    })
    .await;

    // A second account is independent of the first.
    add_other_account(&stage.simulator).await;
    stage.browser.connect(OTHER_ACCOUNT, Consent::Allow).await.says(&connected);
    eventually("the second account is imported", async || {
        stage.day(monday + Days::new(1)).await.contains("Comptable").then_some(())
    })
    .await;

    // Disconnecting says what will happen, does it, and leaves the other account alone.
    assert_eq!(stage.simulator.grants().await.len(), 2);
    let settings = stage.browser.open("/settings/calendars").await;
    let confirm = stage.browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
    confirm.says("créneaux bloqués par ce compte se libèrent aussitôt");
    let page = stage.browser.press(&confirm, "Déconnecter").await;
    page.says(&format!("{ACCOUNT} est déconnecté."));
    for told in [&confirm, &page] {
        let outside = told.document().all(|it| it.attribute("target") == Some("_blank")).len();
        assert_eq!(outside, if stage.side.revokes() { 0 } else { 2 }, "{}", told.describe());
    }
    assert_eq!(stage.database.blocks(CAMILLE).await.len(), 1, "the other account's one block stays");
    assert!(!stage.day(holiday).await.contains("Vacances"));
    eventually("the grant is given back and the tokens destroyed", async || {
        let granted: Vec<_> = stage.simulator.grants().await;
        let gone = stage
            .database
            .count("calendar_connections WHERE status = 'disconnected' AND access_token IS NULL AND refresh_token IS NULL")
            .await;
        // Only the person can withdraw it at Microsoft, and was told where.
        let withdrawn = granted.len() == 1 && granted[0]["account"] == OTHER_ACCOUNT;
        ((withdrawn || !stage.side.revokes()) && gone == 1).then_some(())
    })
    .await;
    assert!(stage.day(monday + Days::new(1)).await.contains("Comptable"));
    stage.browser.open("/settings/calendars").await.does_not_say(ACCOUNT);
}
