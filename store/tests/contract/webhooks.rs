//! What the marketplace is told.

use super::*;
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, ProviderId};
use simone_store::webhooks::Webhook;
use uuid::Uuid;

fn opened(number: u128) -> Webhook {
    Webhook::conflict_opened(ConflictId(Uuid::from_u128(number)), "overlap", BookingId(Uuid::from_u128(1)))
}

#[tokio::test]
async fn a_webhook_is_queued_once_and_handed_out_apart_from_emails() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let db = fixture.db.clone().with_webhooks(true);
        fixture.db.send_webhook(provider, "nobody", &opened(1), now()).await.unwrap();
        assert_eq!(fixture.count("deliveries").await, 0, "nobody is to be told");
        db.send_webhook(provider, "first", &opened(1), now()).await.unwrap();
        db.send_webhook(provider, "first", &opened(2), now()).await.unwrap();
        let kind = EmailKind::LoginLink { token: "t".to_owned() };
        db.send_email(provider, "login", kind, now()).await.unwrap();
        assert_eq!(db.due_emails(now(), 10).await.unwrap().len(), 1);
        let due = db.due_webhooks(now(), 10).await.unwrap();
        let [first] = &due[..] else { panic!("{due:?}") };
        assert_eq!((&first.told.webhook, first.told.provider, first.attempts), (&opened(1), provider, 1));
        assert_eq!(first.told.webhook.code(), "conflict.opened");
        assert!(db.due_webhooks(now(), 10).await.unwrap().is_empty(), "somebody is sending it");
        // Who sent it never said so: the same again, under the same id.
        let again = db.due_webhooks(later(1), 10).await.unwrap();
        assert_eq!((again[0].id, &again[0].told, again[0].attempts), (first.id, &first.told, 2));
        db.settle_delivery(first.id, later(1), Some(later(5)), Some("the receiver answers 500"))
            .await
            .unwrap();
        assert!(db.due_webhooks(later(4), 10).await.unwrap().is_empty());
        assert_eq!(db.due_webhooks(later(5), 10).await.unwrap().len(), 1);
        db.settle_delivery(first.id, later(5), None, None).await.unwrap();
        // Whoever comes late with a failure changes nothing.
        db.settle_delivery(first.id, later(6), Some(later(7)), Some("too late")).await.unwrap();
        assert!(db.due_webhooks(later(1000), 10).await.unwrap().is_empty());
        assert_eq!(
            fixture.count("deliveries WHERE channel = 'webhook' AND delivered_at IS NOT NULL").await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_told_outlives_the_provider_and_a_product_that_stood_still() {
    on_both(async |fixture| {
        let provider: ProviderId = fixture.provider("a").await;
        let db = fixture.db.clone().with_webhooks(true);
        db.send_webhook(provider, "first", &opened(1), now()).await.unwrap();
        assert!(db.request_erasure(provider, "test", now()).await.unwrap());
        assert_eq!(db.finish_erasures(now()).await.unwrap(), [provider]);
        let week = 7 * 24 * 60;
        assert_eq!(db.due_webhooks(later(week), 10).await.unwrap().len(), 1);
        assert!(db.due_webhooks(later(4 * week), 10).await.unwrap().is_empty(), "nobody tried for two weeks");
    })
    .await;
}
