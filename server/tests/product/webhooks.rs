//! What the marketplace is told, and how stubbornly.

use crate::support::api::Api;
use crate::support::bookings::{CLIENT_EMAIL, book, open_for_booking};
use crate::support::browser::Consent;
use crate::support::receiver::{Behaviour, Message, Receiver, SECRET};
use crate::support::{
    ACCOUNT, CAMILLE, Stage, a_monday, add_account, at, eventually, on_both, on_each, timed,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Camille open for booking, with a marketplace that is told; her id, her service and its free slots.
async fn told(stage: &mut Stage) -> (Receiver, Api, String, String, Vec<String>) {
    let receiver = Receiver::start().await;
    stage.product.stop().await;
    stage.product.set("SIMONE_WEBHOOKS__URL", &receiver.url);
    stage.product.set("SIMONE_WEBHOOKS__SECRET", SECRET);
    stage.product.set("SIMONE_API__REQUESTS_PER_MINUTE", "1000000");
    stage.product.start().await;
    let api = stage.product.api(None).await;
    let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
    let (service, slots) = open_for_booking(&api, &camille).await;
    (receiver, api, camille, service, slots)
}

async fn arrived(receiver: &Receiver, number: usize) -> Vec<Message> {
    eventually("the messages arrive", async || {
        let messages = receiver.messages();
        (messages.len() >= number).then_some(messages)
    })
    .await
}

/// What failed is due now rather than later.
async fn due_now(stage: &Stage) {
    let now = stage.database.instant(crate::support::now());
    let sql =
        format!("UPDATE deliveries SET next_at = {now} WHERE channel = 'webhook' AND next_at IS NOT NULL");
    stage.database.execute(&sql).await;
}

async fn all_delivered(stage: &Stage) {
    eventually("all is delivered", async || {
        let open = "deliveries WHERE channel = 'webhook' AND delivered_at IS NULL";
        (stage.database.count(open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marketplace_is_told_of_each_change_signed_and_without_anything_personal() {
    on_both("webhooks-story", async |stage| {
        let (receiver, api, camille, service, slots) = told(stage).await;
        let made = book(&api, &camille, &service, &slots[0]).await;
        let made = made.is(StatusCode::CREATED).clone();
        let id = made["id"].as_str().unwrap();
        let path = format!("/api/v1/bookings/{id}");
        api.patch(&path, json!({"start": slots[8]})).await.is(StatusCode::OK);
        api.patch(&path, json!({"client": {"phone": "+33 1 23 45 67 89"}})).await.is(StatusCode::OK);
        let cancelled = api.send(api.request(Method::POST, &format!("{path}/cancel"))).await;
        cancelled.is(StatusCode::OK);
        let mut messages = arrived(&receiver, 4).await;
        messages.sort_by_key(|it| it.body["data"]["booking"]["revision"].as_i64());
        let types: Vec<_> = messages.iter().map(|it| it.body["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["booking.created", "booking.moved", "booking.changed", "booking.cancelled"]);
        let first = &messages[0].body;
        assert_eq!(
            first["data"],
            json!({"provider": camille, "booking": {
                "id": id, "status": "confirmed", "start": made["start"], "end": made["end"], "revision": 1,
            }})
        );
        assert_eq!(messages[1].body["data"]["booking"]["start"], json!(slots[8]));
        assert_eq!(messages[3].body["data"]["booking"]["status"], "cancelled");
        all_delivered(stage).await;
        let sent: String = receiver.messages().iter().map(|it| it.raw.clone()).collect();
        let link = made["link"].as_str().unwrap().rsplit('/').next().unwrap();
        for private in ["Marie", "Dupont", CLIENT_EMAIL, "Acacias", "4512", "+33", link, "Massage", "Camille"]
        {
            assert!(!sent.contains(private), "« {private} » is told: {sent}");
        }
        for private in ["Dupont", CLIENT_EMAIL, "Acacias", "4512", link, SECRET] {
            assert!(!stage.product.log().contains(private), "« {private} » is in the log");
        }
        // Cancelled is cancelled: nothing happened, and nothing is told.
        api.send(api.request(Method::POST, &format!("{path}/cancel"))).await.is(StatusCode::OK);
        assert_eq!(stage.database.count("deliveries WHERE channel = 'webhook'").await, 4);
        assert_eq!(receiver.messages().len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_is_told_and_listed_without_what_others_wrote() {
    on_each("webhooks-conflict", async |stage| {
        let (receiver, api, camille, service, slots) = told(stage).await;
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let made = book(&api, &camille, &service, &slots[0]).await.is(StatusCode::CREATED).clone();
        let id = made["id"].as_str().unwrap();
        stage.settled().await;
        // The first slot is at eight.
        stage.simulator.add_event(ACCOUNT, timed("Kiné secrète", a_monday(), (8, 15), (8, 45))).await;
        stage.sync(ACCOUNT).await;
        let of = async |kind: &str| {
            eventually("the conflict is told", async || {
                let messages = receiver.messages();
                messages.into_iter().find(|it| it.body["type"] == kind)
            })
            .await
        };
        let opened = of("conflict.opened").await;
        let conflict = &opened.body["data"]["conflict"];
        assert_eq!(opened.body["data"]["provider"], json!(camille));
        assert_eq!((&conflict["kind"], &conflict["booking"]), (&json!("overlap"), &json!(id)));
        assert_eq!((&conflict["status"], &conflict["resolution"]), (&json!("open"), &json!(null)));
        let listed = async |status: &str| {
            api.pages(&format!("/api/v1/providers/{camille}/conflicts?status={status}&limit=1"), async || {})
                .await
        };
        let open = listed("open").await;
        assert_eq!(open.len(), 1, "{open:?}");
        assert_eq!((&open[0]["id"], &open[0]["booking_id"]), (&conflict["id"], &json!(id)));
        assert_eq!((&open[0]["status"], &open[0]["closed_at"]), (&json!("open"), &json!(null)));
        assert_eq!(open[0]["start"], json!(at(a_monday(), 8, 15).format("%Y-%m-%dT%H:%M:%SZ").to_string()));
        assert_eq!(listed("closed").await.len(), 0);
        assert!(!format!("{open:?}{}", opened.raw).contains("Kiné"), "a title is told");

        let cancel = api.request(Method::POST, &format!("/api/v1/bookings/{id}/cancel"));
        api.send(cancel).await.is(StatusCode::OK);
        let closed = of("conflict.closed").await;
        assert_eq!(closed.body["data"]["conflict"]["id"], conflict["id"]);
        assert_eq!(closed.body["data"]["conflict"]["status"], "closed");
        assert_eq!(listed("open").await.len(), 0);
        assert_eq!(listed("closed").await[0]["id"], conflict["id"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_not_taken_is_sent_again_the_same() {
    on_both("webhooks-retries", async |stage| {
        let (receiver, api, camille, service, slots) = told(stage).await;
        receiver.next(&[Behaviour::Answer(500), Behaviour::Redirect, Behaviour::Answer(404)]);
        book(&api, &camille, &service, &slots[0]).await.is(StatusCode::CREATED);
        for (number, answer) in [(1, 500), (2, 307), (3, 404)] {
            arrived(&receiver, number).await;
            let failed = format!(
                "deliveries WHERE channel = 'webhook' AND attempts = {number} AND last_error LIKE '%{answer}'
                 AND delivered_at IS NULL AND next_at IS NOT NULL"
            );
            eventually("the failure is noted", async || {
                (stage.database.count(&failed).await == 1).then_some(())
            })
            .await;
            due_now(stage).await;
        }
        let messages = arrived(&receiver, 4).await;
        all_delivered(stage).await;
        assert!(messages.iter().all(|it| it.raw == messages[0].raw && it.id == messages[0].id));
        assert!(messages.iter().all(|it| !it.elsewhere), "a redirection was followed");
        let reason = stage.database.value("last_error", "deliveries WHERE channel = 'webhook'").await;
        assert_eq!(reason, None);
        assert!(stage.product.log().contains("the receiver answers 500"), "{}", stage.product.log());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_hangs_holds_up_nobody_and_a_crash_loses_nothing() {
    on_both("webhooks-hang", async |stage| {
        let (receiver, api, camille, service, slots) = told(stage).await;
        receiver.next(&[Behaviour::Hang]);
        let mails = stage.product.mails().len();
        book(&api, &camille, &service, &slots[0]).await.is(StatusCode::CREATED);
        let first = arrived(&receiver, 1).await.remove(0);
        // While it hangs, e-mails leave and bookings are made.
        book(&api, &camille, &service, &slots[8]).await.is(StatusCode::CREATED);
        assert!(
            stage.database.count("deliveries WHERE channel = 'webhook' AND delivered_at IS NULL").await > 0
        );
        eventually("the e-mails leave", async || {
            let sent = stage.product.mails();
            let to_client = sent.iter().filter(|mail| mail.contains(CLIENT_EMAIL)).count();
            (sent.len() >= mails + 2 && to_client >= 2).then_some(())
        })
        .await;
        // Killed before the receiver's answer.
        stage.product.kill();
        stage.product.start().await;
        due_now(stage).await;
        arrived(&receiver, 3).await;
        all_delivered(stage).await;
        let messages = receiver.messages();
        let again = messages.iter().filter(|it| it.id == first.id).collect::<Vec<_>>();
        assert!(again.len() >= 2, "{messages:?}");
        assert!(again.iter().all(|it| it.raw == first.raw));
        let ids: std::collections::BTreeSet<_> = messages.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), 2, "one for each booking: {messages:?}");
        assert_eq!(receiver.types().iter().filter(|it| *it != "booking.created").count(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_receiver_nothing_is_queued() {
    on_both("webhooks-none", async |stage| {
        let api = stage.product.api(None).await;
        let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
        let (service, slots) = open_for_booking(&api, &camille).await;
        book(&api, &camille, &service, &slots[0]).await.is(StatusCode::CREATED);
        assert_eq!(stage.database.count("deliveries WHERE channel = 'webhook'").await, 0);
    })
    .await;
}
