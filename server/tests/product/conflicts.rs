//! Where calendars and bookings contradict each other: seen by the provider, decided by them alone.

use crate::support::api::Api;
use crate::support::bookings::{book, open_for_booking};
use crate::support::browser::{Consent, Page};
use crate::support::{ACCOUNT, CAMILLE, Stage, add_account, eventually, on_each};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Camille, connected, with a booking of Marie's that stands in her calendar: its path in the API, and its start.
async fn booked(stage: &mut Stage) -> (Api, String, DateTime<Utc>) {
    add_account(&stage.simulator).await;
    stage.browser.connect(ACCOUNT, Consent::Allow).await;
    stage.imported().await;
    let api = stage.product.api(None).await;
    let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
    let (service, slots) = open_for_booking(&api, &camille).await;
    let path = book(&api, &camille, &service, &slots[0]).await.header("location").to_owned();
    ours(stage, 1).await;
    stage.settled().await;
    (api, path, slots[0].parse().unwrap())
}

/// The events of ours in the calendar, once there are so many.
async fn ours(stage: &Stage, count: usize) -> Vec<Value> {
    eventually("the calendar has our events", async || {
        let mut ours = stage.simulator.events(&format!("account={ACCOUNT}")).await;
        ours.retain(|event| {
            let is_ours = event["summary"].as_str().is_some_and(|title| title.contains("Marie D."));
            is_ours && event["status"] != "cancelled"
        });
        (ours.len() == count).then_some(ours)
    })
    .await
}

fn start_of(event: &Value) -> DateTime<Utc> {
    event["start"]["dateTime"].as_str().unwrap().parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
}

async fn edit(stage: &mut Stage, what: Value) {
    let id = ours(stage, 1).await[0]["id"].clone();
    let mut edit = json!({"account": ACCOUNT, "event": id});
    edit.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    stage.simulator.edit(edit).await;
    stage.sync(ACCOUNT).await;
}

/// The page of the one conflict that is open.
async fn the_conflict(stage: &mut Stage) -> Page {
    let mut ids = stage.database.ids("calendar_conflicts WHERE closed_at IS NULL").await;
    assert_eq!(ids.len(), 1);
    let list = stage.browser.open("/conflicts").await;
    list.says("1 conflit à voir");
    list.says("Massage 60min · Marie D.");
    stage.browser.open(&format!("/conflicts/{}", ids.remove(0))).await
}

async fn mails_to_the_client(stage: &Stage) -> i64 {
    stage.database.count("deliveries WHERE cause LIKE '%:client'").await
}

/// Another provider finds nothing at the address of the conflict, and decides nothing.
async fn not_a_neighbours(stage: &mut Stage, page: &Page) {
    const ABSENT: &str = "00000000-0000-7000-8000-000000000000";
    let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
    let mut ines = stage.product.browser();
    let home = ines.enter(&link).await;
    for button in ["Déplacer la réservation", "Remettre l’événement"] {
        let form = page.form(button);
        let (_, id) = form.fields.iter().find(|(name, _)| name == "conflict").unwrap().clone();
        let answer = ines.send(&home, &form).await;
        answer.says("Cela n’existe plus, ou n’est pas à vous. Rien n’a changé.");
        answer.does_not_say("Marie");
        let absent = form.without(|name, _| name == "conflict").with("conflict", ABSENT);
        assert_eq!(ines.send(&home, &absent).await.text(), answer.text());
        for id in [&id, ABSENT, "1", "%00", "' OR 1=1 --"] {
            let found = ines.open(&format!("/conflicts/{id}")).await;
            assert_eq!(found.status, StatusCode::NOT_FOUND, "{}", found.describe());
            found.does_not_say("Marie");
        }
    }
    ines.open("/conflicts").await.says("Aucun conflit");
    assert_eq!(
        stage.database.count("calendar_conflicts WHERE resolution IS NULL AND closed_at IS NULL").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_changes_in_their_calendar_is_theirs_to_decide() {
    on_each("conflicts", async |stage| {
        let (api, booking, start) = booked(stage).await;
        let before = mails_to_the_client(stage).await;
        stage.browser.open("/conflicts").await.says("Aucun conflit");

        // Moved, and the booking follows.
        edit(stage, json!({"do": "move_event", "by_minutes": 120})).await;
        let page = the_conflict(stage).await;
        page.says("l’événement a changé d’heure");
        page.says("Marie D. reçoit un e-mail avec le nouvel horaire.");
        assert_eq!(mails_to_the_client(stage).await, before, "nothing is done before the provider decides");
        not_a_neighbours(stage, &page).await;
        let done = stage.browser.press(&page, "Déplacer la réservation").await;
        done.says("La réservation suit l’événement.");
        done.says("Vous avez déplacé la réservation");
        let followed = api.get(&booking).await;
        let followed = followed.is(StatusCode::OK);
        let now = start + TimeDelta::minutes(120);
        assert_eq!(followed["start"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap(), now);
        assert_eq!(mails_to_the_client(stage).await, before + 1);
        // The page of before, pressed once more: nothing more happens.
        stage.browser.press(&page, "Déplacer la réservation").await;
        assert_eq!(mails_to_the_client(stage).await, before + 1);
        let late = stage.browser.press(&page, "Remettre l’événement").await;
        late.says("La situation a changé entre-temps");
        stage.settled().await;
        assert_eq!(start_of(&ours(stage, 1).await[0]), now);

        // Moved again, and put back.
        edit(stage, json!({"do": "move_event", "by_minutes": -60})).await;
        let page = the_conflict(stage).await;
        let done = stage.browser.press(&page, "Remettre l’événement").await;
        done.says("L’événement retrouve sa place");
        stage.settled().await;
        assert_eq!(start_of(&ours(stage, 1).await[0]), now);
        assert_eq!(mails_to_the_client(stage).await, before + 1, "for the client nothing changes");

        // Deleted, and put back: one event again.
        edit(stage, json!({"do": "delete_event"})).await;
        let page = the_conflict(stage).await;
        page.says("l’événement a été supprimé");
        stage.browser.press(&page, "Remettre l’événement").await.says("Vous avez remis l’événement");
        assert_eq!(start_of(&ours(stage, 1).await[0]), now);
        stage.settled().await;

        // Deleted, and the booking is cancelled.
        edit(stage, json!({"do": "delete_event"})).await;
        let page = the_conflict(stage).await;
        page.says("Une réservation annulée ne se rétablit pas");
        stage.browser.press(&page, "Annuler la réservation").await.says("La réservation est annulée.");
        assert_eq!(api.get(&booking).await.is(StatusCode::OK)["status"], "cancelled");
        assert_eq!(mails_to_the_client(stage).await, before + 2);
        stage.settled().await;
        ours(stage, 0).await;
        let list = stage.browser.open("/conflicts").await;
        list.says("Aucun conflit");
        for ended in ["Réservation déplacée", "Événement remis", "Réservation annulée"] {
            list.says(ended);
        }
        assert_eq!(stage.database.count("calendar_conflicts").await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overlap_is_listed_with_both_sides_and_goes_with_its_cause() {
    on_each("overlaps", async |stage| {
        let (_, _, start) = booked(stage).await;
        let rfc = |at: DateTime<Utc>| at.to_rfc3339();
        let lunch = json!({
            "summary": "Déjeuner <b>&\u{202e}",
            "start": {"dateTime": rfc(start - TimeDelta::minutes(30))},
            "end": {"dateTime": rfc(start + TimeDelta::minutes(30))},
        });
        let lunch = stage.simulator.add_event(ACCOUNT, lunch).await;
        stage.sync(ACCOUNT).await;
        let page = the_conflict(stage).await;
        page.says("est pris deux fois");
        page.says("Déjeuner <b>&");
        page.does_not_say("\u{202e}");
        page.says("Massage 60min");
        page.says("se chevauchent (30 min)");
        assert!(!page.has_button("Déplacer la réservation"), "settling an overlap comes later");
        stage.browser.open("/notifications").await.says("Un moment est pris deux fois");

        stage.simulator.edit(json!({"do": "delete_event", "account": ACCOUNT, "event": lunch})).await;
        stage.sync(ACCOUNT).await;
        let list = stage.browser.open("/conflicts").await;
        list.says("Aucun conflit");
        list.says("De lui-même");
    })
    .await;
}
