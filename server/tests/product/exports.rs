//! Bookings in the provider's own calendar: one event each, whatever happens.

use crate::copies::{back_up, restore};
use crate::support::api::Api;
use crate::support::bookings::{book, open_for_booking};
use crate::support::browser::Consent;
use crate::support::platform::Side;
use crate::support::{
    ACCOUNT, CAMILLE, FAMILY, OTHER_ACCOUNT, Stage, add_account, add_other_account, eventually, now,
    on_both_at, on_each,
};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Camille, connected and open for booking.
pub struct Open {
    api: Api,
    camille: String,
    service: String,
    slots: Vec<String>,
}

pub async fn open(stage: &mut Stage) -> Open {
    add_account(&stage.simulator).await;
    stage.browser.connect(ACCOUNT, Consent::Allow).await;
    stage.imported().await;
    let api = stage.product.api(None).await;
    let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
    let (service, slots) = open_for_booking(&api, &camille).await;
    Open { api, camille, service, slots }
}

impl Open {
    pub async fn book(&self, slot: usize) -> Value {
        book(&self.api, &self.camille, &self.service, &self.slots[slot]).await.is(StatusCode::CREATED).clone()
    }

    async fn change(&self, booking: &Value, body: Value) -> Value {
        let path = format!("/api/v1/bookings/{}", booking["id"].as_str().unwrap());
        self.api.patch(&path, body).await.is(StatusCode::OK).clone()
    }

    async fn cancel(&self, booking: &Value) {
        let path = format!("/api/v1/bookings/{}/cancel", booking["id"].as_str().unwrap());
        self.api.send(self.api.request(Method::POST, &path)).await.is(StatusCode::OK);
    }
}

/// The events of ours that stand in a calendar.
async fn ours(stage: &Stage, query: &str) -> Vec<Value> {
    let events = stage.simulator.events(query).await;
    let mine = |event: &&Value| event["extendedProperties"]["private"]["source"] == "simone";
    let alive = |event: &&Value| event["status"] != "cancelled";
    events.iter().filter(mine).filter(alive).cloned().collect()
}

pub async fn ours_of(stage: &Stage, account: &str) -> Vec<Value> {
    ours(stage, &format!("account={account}")).await
}

fn start(event: &Value) -> DateTime<Utc> {
    event["start"]["dateTime"].as_str().unwrap().parse().unwrap()
}

fn instant(text: &Value) -> DateTime<Utc> {
    text.as_str().unwrap().parse().unwrap()
}

/// Waits until every booking to come is where it should be, and nothing is left to do.
pub async fn exported(stage: &mut Stage) {
    let database = &stage.database;
    eventually("all is exported", async || {
        let left = database
            .count("calendar_connections WHERE status = 'connected' AND exports_wanted > exports_done")
            .await;
        (left == 0).then_some(())
    })
    .await;
    stage.settled().await;
}

/// The writing requests to the platform's events.
async fn writes(stage: &Stage) -> Vec<String> {
    let requests = stage.simulator.requests("/events").await;
    let method = |request: &Value| request["method"].as_str().unwrap().to_owned();
    requests.iter().map(method).filter(|method| method != "GET").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_appears_moves_and_goes_with_one_request_each() {
    on_each("export-story", async |stage| {
        let open = open(stage).await;
        exported(stage).await;
        let blocked = stage.database.blocks(CAMILLE).await;
        stage.simulator.forget_requests().await;

        let booking = open.book(3).await;
        exported(stage).await;
        let event = ours_of(stage, ACCOUNT).await.remove(0);
        assert_eq!(event["summary"], "Réservation Simone - Massage 60min - Client: Marie D.");
        assert_eq!(event["location"], "12 rue des Acacias, 75017 Paris");
        let text = event["description"].as_str().unwrap();
        for word in ["Marie Dupont", "+33 6 12 34 56 78", "Code 4512, troisième étage", "/agenda/bookings/"]
        {
            assert!(text.contains(word), "{word}: {text}");
        }
        assert_eq!(
            (start(&event), &event["start"]["timeZone"]),
            (instant(&booking["start"]), &json!(stage.side.paris()))
        );
        assert!(event.get("attendees").is_none());
        assert_eq!(writes(stage).await, ["POST"]);

        let moved = open.change(&booking, json!({"start": open.slots[9]})).await;
        exported(stage).await;
        let after = ours_of(stage, ACCOUNT).await;
        assert_eq!(after.len(), 1);
        assert_eq!((&after[0]["id"], start(&after[0])), (&event["id"], instant(&moved["start"])));
        assert_eq!(writes(stage).await, ["POST", "PATCH"]);

        // It is ours, and blocks nothing, neither before nor after a full listing.
        stage.database.execute("UPDATE calendars SET cursor = NULL").await;
        stage.sync(ACCOUNT).await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocked);
        assert_eq!(stage.database.count("calendar_conflicts").await, 0);

        open.cancel(&booking).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await, Vec::<Value>::new());
        assert_eq!(writes(stage).await, ["POST", "PATCH", "DELETE"]);
        let log = stage.database.value("CAST(SUM(exported) AS TEXT)", "calendar_sync_logs").await;
        assert_eq!(log.as_deref(), Some("3"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_and_the_providers_own_touches_leave_one_event() {
    on_each("export-lost", async |stage| {
        let open = open(stage).await;
        // The platform has stored it, and nobody heard.
        for method in ["POST", "PATCH"] {
            let fault = json!({"kind": "reset_after", "method": method, "path": "*/events*", "times": 1});
            stage.simulator.fault(fault).await;
        }
        let booking = open.book(0).await;
        exported(stage).await;
        let event = ours_of(stage, ACCOUNT).await.remove(0);
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1);

        // The provider's colour and reminder survive a move that did not know of them.
        let edit = json!({"do": "change_event", "account": ACCOUNT, "event": event["id"],
                          "changes": {"colorId": "5", "reminders": {"useDefault": false}}});
        stage.simulator.edit(edit).await;
        open.change(&booking, json!({"start": open.slots[5]})).await;
        exported(stage).await;
        let after = ours_of(stage, ACCOUNT).await;
        assert_eq!(after.len(), 1);
        assert_eq!((start(&after[0]), &after[0]["colorId"]), (open.slots[5].parse().unwrap(), &json!("5")));
        assert_eq!(stage.database.count("calendar_conflicts").await, 0, "a colour is no contradiction");

        // A cancellation wins over a change that nobody knew of, and over a lost answer.
        let fault = json!({"kind": "reset_after", "method": "DELETE", "path": "*/events*", "times": 1});
        stage.simulator.fault(fault).await;
        let edit = json!({"do": "change_event", "account": ACCOUNT, "event": event["id"], "changes": {"colorId": "7"}});
        stage.simulator.edit(edit).await;
        open.cancel(&booking).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await, Vec::<Value>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_exported_is_said_and_tried_again_and_the_others_go_on() {
    on_each("export-failing", async |stage| {
        let open = open(stage).await;
        exported(stage).await;
        let refused = json!({"kind": "status", "status": 400, "reason": "invalid", "method": "POST",
                             "path": "*/events", "times": 1});
        stage.simulator.fault(refused).await;
        open.book(0).await;
        eventually("it has failed", async || {
            (stage.database.count("calendar_exported_bookings WHERE error = 'refused'").await == 1)
                .then_some(())
        })
        .await;
        let notices = stage.browser.open("/notifications").await;
        notices.says(&format!("Des réservations n’arrivent pas dans {}", stage.side.name()));
        // The next one is exported, and with its round the first is tried again.
        open.book(4).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 2);
        assert_eq!(stage.database.count("calendar_exported_bookings WHERE error IS NOT NULL").await, 0);
        assert_eq!(
            stage.database.count("notices WHERE kind = 'exports_failing' AND settled_at IS NULL").await,
            0
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_calendar_another_account_and_none() {
    on_each("export-places", async |stage| {
        let open = open(stage).await;
        let booking = open.book(0).await;
        open.book(6).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 2);
        let blocked = stage.database.blocks(CAMILLE).await;

        // A second account receives all that is to come, and neither mirrors the other.
        add_other_account(&stage.simulator).await;
        stage.browser.connect(OTHER_ACCOUNT, Consent::Allow).await;
        exported(stage).await;
        stage.imported().await;
        assert_eq!(ours_of(stage, OTHER_ACCOUNT).await.len(), 2);
        for account in [ACCOUNT, OTHER_ACCOUNT] {
            stage.sync(account).await;
        }
        exported(stage).await;
        assert_eq!((ours_of(stage, ACCOUNT).await.len(), ours_of(stage, OTHER_ACCOUNT).await.len()), (2, 2));
        assert_eq!(
            stage.database.blocks(CAMILLE).await.len(),
            blocked.len() + 1,
            "only her accountant is new"
        );

        // The first account's bookings go to her family's calendar: nothing is left behind in the other.
        let family = "calendars WHERE name = 'Famille'";
        let (calendar, connection) = (
            stage.database.ids(family).await.remove(0),
            stage
                .database
                .ids(&format!("calendar_connections WHERE account_email = '{ACCOUNT}'"))
                .await
                .remove(0),
        );
        receive(stage, &connection, Some(&calendar)).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await, Vec::<Value>::new());
        assert_eq!(ours(stage, &format!("account={ACCOUNT}&calendar={FAMILY}")).await.len(), 2);
        assert_eq!(
            stage.database.blocks(CAMILLE).await.len(),
            blocked.len() + 1,
            "it only receives, and blocks nothing"
        );
        open.cancel(&booking).await;
        exported(stage).await;
        assert_eq!(ours(stage, &format!("account={ACCOUNT}&calendar={FAMILY}")).await.len(), 1);

        // And back again, under names that were never used.
        let primary = format!(
            "calendars WHERE is_primary AND connection_id IN (SELECT id FROM calendar_connections WHERE account_email = '{ACCOUNT}')"
        );
        let primary = stage.database.ids(&primary).await.remove(0);
        receive(stage, &connection, Some(&primary)).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1);
        assert_eq!(ours(stage, &format!("account={ACCOUNT}&calendar={FAMILY}")).await.len(), 0);
        receive(stage, &connection, None).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 0);
        assert_eq!(ours_of(stage, OTHER_ACCOUNT).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calendar_that_is_not_found_for_a_while_keeps_no_ghost() {
    // Google says the same of an event and of its calendar.
    on_both_at(Side::Outlook, "export-ghost", &async |stage: &mut Stage| {
        let open = open(stage).await;
        open.book(0).await;
        exported(stage).await;
        let (calendar, connection) = (
            stage.database.ids("calendars WHERE name = 'Famille'").await.remove(0),
            stage.database.ids("calendar_connections").await.remove(0),
        );
        let hidden = json!({
            "kind": "status", "status": 404, "reason": "ErrorFolderNotFound", "method": "DELETE",
            "path": "/v1.0/me/calendars/*", "times": null
        });
        stage.simulator.fault(hidden.clone()).await;
        receive(stage, &connection, Some(&calendar)).await;
        eventually("the event cannot be taken away", async || {
            let failed = "calendar_exported_bookings WHERE error = 'not_found'";
            (stage.database.count(failed).await == 1).then_some(())
        })
        .await;
        stage.simulator.clear_faults().await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1, "it stands there still");
        stage.sync(ACCOUNT).await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await, Vec::<Value>::new());
        assert_eq!(ours(stage, &format!("account={ACCOUNT}&calendar={FAMILY}")).await.len(), 1);

        // Nor at the end: while the calendar is listed, that it is not found is no proof.
        stage.simulator.fault(hidden).await;
        let settings = stage.browser.open("/settings/calendars").await;
        let confirm = stage.browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
        let form = confirm.form("Déconnecter").with("keep_events", "false");
        stage.browser.send(&confirm, &form).await;
        eventually("the event cannot be taken away", async || {
            let tried = "calendar_connections WHERE status = 'disconnecting' AND failures > 0";
            (stage.database.count(tried).await == 1).then_some(())
        })
        .await;
        stage.simulator.clear_faults().await;
        let soon = stage.database.instant(now());
        stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {soon}")).await;
        eventually("it is disconnected", async || {
            let left = stage.database.count("calendar_connections WHERE status <> 'disconnected'").await;
            (left == 0).then_some(())
        })
        .await;
        assert_eq!(ours(stage, &format!("account={ACCOUNT}&calendar={FAMILY}")).await, Vec::<Value>::new());
    })
    .await;
}

/// Chooses the calendar that receives, as the page does.
async fn receive(stage: &mut Stage, connection: &str, calendar: Option<&str>) {
    let page = stage.browser.open(&format!("/settings/calendars/{connection}")).await;
    let form = page
        .post_forms()
        .into_iter()
        .find(|form| form.action.contains("receive"))
        .unwrap_or_else(|| panic!("no choice of a calendar: {}", page.describe()))
        .with("calendar", calendar.unwrap_or_default());
    stage.browser.send(&page, &form).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_looks_at_the_calendar_first() {
    on_each("export-fresh", async |stage| {
        let open = open(stage).await;
        exported(stage).await;
        let long_ago = stage.database.instant(now() - TimeDelta::minutes(3));
        let stale = format!("UPDATE calendar_connections SET pulled_at = {long_ago}");

        // Something came into the calendar that nobody has told us of.
        let at: DateTime<Utc> = open.slots[2].parse().unwrap();
        let event = json!({"summary": "Urgence", "start": {"dateTime": at}, "end": {"dateTime": at + TimeDelta::hours(1)}});
        stage.simulator.add_event(ACCOUNT, event).await;
        stage.database.execute(&stale).await;
        let refused = book(&open.api, &open.camille, &open.service, &open.slots[2]).await;
        refused.refused(StatusCode::CONFLICT, "slot_taken");

        // A platform that does not answer in time: the last known state counts, or the provider is asked.
        let slow = json!({"kind": "slow", "ms": 6000, "path": stage.side.feed_path(), "method": "GET", "times": null});
        stage.simulator.fault(slow).await;
        stage.database.execute(&stale).await;
        let accepted = book(&open.api, &open.camille, &open.service, &open.slots[8]).await;
        assert_eq!(accepted.is(StatusCode::CREATED)["status"], "confirmed");
        // What that booking set going would else end meanwhile, and be fresh enough.
        stage.settled().await;
        stage.database.execute("UPDATE providers SET stale_policy = 'hold'").await;
        stage.database.execute(&stale).await;
        let held = book(&open.api, &open.camille, &open.service, &open.slots[14]).await;
        assert_eq!(held.is(StatusCode::CREATED)["status"], "pending");
        stage.simulator.clear_faults().await;
        exported(stage).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1, "what is held is not in the calendar yet");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_takes_what_is_to_come_along_unless_it_is_kept() {
    on_each("export-farewell", async |stage| {
        let open = open(stage).await;
        open.book(0).await;
        exported(stage).await;
        leave(stage, false).await;
        assert_eq!(ours_of(stage, ACCOUNT).await, Vec::<Value>::new());

        // Connected anew, it is all there again; kept, it stays, and is known again.
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        exported(stage).await;
        let event = ours_of(stage, ACCOUNT).await.remove(0);
        leave(stage, true).await;
        assert_eq!(ours_of(stage, ACCOUNT).await.len(), 1);
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        exported(stage).await;
        let again = ours_of(stage, ACCOUNT).await;
        assert_eq!((again.len(), &again[0]["id"]), (1, &event["id"]));
        assert_eq!(stage.database.count("calendar_conflicts").await, 0);
    })
    .await;
}

/// Disconnects, and waits until it is done at the platform, too.
async fn leave(stage: &mut Stage, keep: bool) {
    let settings = stage.browser.open("/settings/calendars").await;
    let confirm = stage.browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
    let form = confirm.form("Déconnecter").with("keep_events", if keep { "true" } else { "false" });
    stage.browser.send(&confirm, &form).await;
    eventually("it is disconnected", async || {
        let left = stage.database.count("calendar_connections WHERE status <> 'disconnected'").await;
        let withdrawn = !stage.side.revokes() || stage.simulator.grants().await.is_empty();
        (left == 0 && withdrawn).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_doubles_nothing_and_hides_nothing() {
    on_each("export-restored", async |stage| {
        let open = open(stage).await;
        let (moved, cancelled, kept) = (open.book(0).await, open.book(4).await, open.book(8).await);
        exported(stage).await;
        let copy = back_up(stage, "older.db").await;

        // What the copy does not know of: a move, a cancellation, a booking, and that one was made anew.
        open.change(&moved, json!({"start": open.slots[12]})).await;
        open.cancel(&cancelled).await;
        open.book(16).await;
        exported(stage).await;
        assert_eq!(stage.product.stop().await, Some(0));
        restore(stage, &copy).await;
        let soon = stage.database.instant(now());
        stage
            .database
            .execute(&format!("UPDATE calendar_connections SET next_sync_at = {soon}, wanted = wanted + 1"))
            .await;
        exported(stage).await;
        eventually("what was found is a conflict", async || {
            (stage.database.count("calendar_conflicts WHERE closed_at IS NULL").await == 2).then_some(())
        })
        .await;

        let kind = |kind: &str, booking: &Value| {
            let id = booking["id"].as_str().unwrap().to_owned();
            (format!("calendar_conflicts WHERE kind = '{kind}' AND closed_at IS NULL"), id)
        };
        for (kind, booking) in [kind("export_moved", &moved), kind("export_deleted", &cancelled)] {
            let at = format!("bookings WHERE id IN (SELECT booking_id FROM {kind})");
            assert_eq!(stage.database.ids(&at).await, [booking], "{kind}");
        }
        // Nothing was made twice, written over or taken away, and the one that nobody here knows blocks.
        let standing = ours_of(stage, ACCOUNT).await;
        let mut starts: Vec<DateTime<Utc>> = standing.iter().map(start).collect();
        starts.sort();
        let slot = |slot: usize| open.slots[slot].parse::<DateTime<Utc>>().unwrap();
        assert_eq!(starts, [slot(8), slot(12), slot(16)]);
        assert_eq!(instant(&kept["start"]), slot(8));
        let foreign = (slot(16), slot(16) + TimeDelta::hours(1));
        let blocks = stage.database.blocks(CAMILLE).await;
        assert!(
            blocks.contains(&foreign) && !blocks.contains(&(slot(8), slot(8) + TimeDelta::hours(1))),
            "{blocks:?}"
        );
    })
    .await;
}
