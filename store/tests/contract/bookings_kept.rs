//! How long bookings and what they say of clients are kept, who gets to see it, and what moves the pages that show it.

use super::bookings::{asked, at, client};
use super::*;
use simone_booking::booking::{Actor, Status};
use simone_booking::hours::StalePolicy;
use simone_store::deliveries::Email;
use simone_store::export::{After, Part};
use simone_store::views::BookingFilter;
use simone_sync::bookings::{BookingStore as _, Certainty, Change, NewBooking, RequestKey};

/// Words that only a client said.
const SECRETS: [&str; 4] = ["Marie", "marie@example.test", "+33 6 12 34 56 78", "rue des Lilas"];

#[tokio::test]
async fn what_a_client_says_is_nowhere_in_the_clear() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let mut asked = asked(me, service, at(10, 0));
        asked.request = Some(RequestKey {
            caller: uuid::Uuid::from_u128(1),
            key: "key-of-the-request".to_owned(),
            asked: "Marie Durand, 1 rue des Lilas".to_owned(),
        });
        let done = fixture.book(&asked).await.unwrap();
        let change = Change::Client(client("Marie Dupont"));
        fixture
            .db
            .change(me, done.booking.id, None, &change, Actor::Client, Certainty::Sure, now())
            .await
            .unwrap()
            .unwrap();
        for row in fixture.dump().await {
            for secret in SECRETS.into_iter().chain([done.link.as_str(), "key-of-the-request"]) {
                assert!(!row.contains(secret), "{row}");
            }
        }
        let shown = format!("{:?} {asked:?}", done.booking);
        assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn a_year_after_the_appointment_nobody_knows_who_came() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let request = RequestKey { caller: uuid::Uuid::from_u128(1), key: "k".into(), asked: "a".into() };
        let first = NewBooking { request: Some(request.clone()), ..asked(me, service, at(10, 0)) };
        let done = fixture.book(&first).await.unwrap();
        let known = async || fixture.db.booking(me, done.booking.id).await.unwrap().unwrap().booking.client;
        fixture.db.prune(later(47 * 60)).await.unwrap();
        assert_eq!(fixture.count("booking_requests").await, 1);
        fixture.db.prune(later(49 * 60)).await.unwrap();
        assert_eq!(fixture.count("booking_requests").await, 0);
        assert!(fixture.db.made_before(me, &request).await.unwrap().is_none());
        let year = TimeDelta::days(365);
        fixture.db.prune(at(11, 0) + year - TimeDelta::minutes(1)).await.unwrap();
        assert!(known().await.is_some());
        fixture.db.prune(at(11, 0) + year).await.unwrap();
        assert!(known().await.is_none());
        assert_eq!(fixture.count("bookings WHERE client IS NULL").await, 1, "the booking is the provider's");
    })
    .await;
}

#[tokio::test]
async fn the_copy_of_everything_holds_offers_bookings_and_clients() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        let (her, hers) = fixture.open_provider("her", 0).await;
        let done = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        fixture
            .db
            .change(me, done.booking.id, None, &Change::Cancel, Actor::Provider, Certainty::Sure, now())
            .await
            .unwrap()
            .unwrap();
        let theirs = NewBooking { client: client("Neighbour Client"), ..asked(her, hers, at(10, 0)) };
        fixture.book(&theirs).await.unwrap();
        fixture.db.set_hours_exception(me, "2026-02-01".parse().unwrap(), Some(&[]), now()).await.unwrap();
        let part = async |part| {
            let (rows, more) = fixture.db.export(me, part, &After::default()).await.unwrap();
            assert!(more.is_none());
            rows
        };
        let services = part(Part::Services).await;
        assert_eq!((services.len(), &services[0]["name"]), (1, &serde_json::json!("Massage 60min")));
        let hours = part(Part::Hours).await;
        assert_eq!(hours[0]["weekly"][0][0]["start"], 540);
        assert_eq!(hours[0]["exceptions"]["2026-02-01"], serde_json::json!([]));
        let bookings = part(Part::Bookings).await;
        assert_eq!(bookings.len(), 1);
        assert_eq!(bookings[0]["client"]["email"], "marie@example.test");
        assert_eq!(bookings[0]["status"], "cancelled");
        assert_eq!(bookings[0]["history"][1]["by"], "provider");
        assert!(part(Part::Conflicts).await.is_empty() && part(Part::Entered).await.is_empty());
        for part_of in Part::ALL {
            let text = serde_json::to_string(&part(part_of).await).unwrap();
            assert!(!text.contains("Neighbour") && !text.contains(&done.link), "{}", part_of.name());
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_erased_leaves_no_client_waiting() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (her, hers) = fixture.open_provider("her", 0).await;
        let past = fixture.book(&asked(me, service, at(9, 0))).await.unwrap();
        let to_come = fixture.book(&asked(me, service, at(33, 0))).await.unwrap();
        let gone = fixture.book(&asked(me, service, at(57, 0))).await.unwrap();
        let cancel = Change::Cancel;
        let (id, sure) = (gone.booking.id, Certainty::Sure);
        fixture.db.change(me, id, None, &cancel, Actor::Client, sure, now()).await.unwrap().unwrap();
        fixture.book(&asked(her, hers, at(33, 0))).await.unwrap();
        let when = at(20, 0);
        assert!(fixture.db.request_erasure(me, "provider", when).await.unwrap());

        let told = fixture.db.latest_emails(1).await.unwrap().remove(0);
        let Email { to, kind: EmailKind::Booking(mail), .. } = told else { panic!("{told:?}") };
        assert_eq!(
            (to.as_str(), mail.booking, mail.actor),
            ("marie@example.test", to_come.booking.id, Actor::System)
        );
        assert_eq!(mail.status, Status::Cancelled);
        let open = format!("deliveries WHERE cause LIKE 'booking:{}:2:client'", to_come.booking.id);
        assert_eq!(fixture.count(&open).await, 1);
        assert!(fixture.db.by_link(&to_come.link, when).await.unwrap().is_none());
        assert_eq!(fixture.count("bookings WHERE client IS NOT NULL").await, 1, "but the neighbour's");
        let past =
            format!("booking_changes WHERE actor = 'system' OR booking_id IS NULL -- {}", past.booking.id);
        assert_eq!(fixture.count(&past).await, 1, "what has been is no longer told of");
        assert_eq!(
            fixture.book(&asked(me, service, at(60, 0))).await,
            Err(simone_sync::bookings::Refusal::UnknownProvider)
        );

        assert_eq!(fixture.db.finish_erasures(when).await.unwrap(), [me]);
        assert_eq!(fixture.count("bookings").await, 1);
        assert_eq!(fixture.count(&open).await, 1, "what is told outlives them");
        while let Some(due) = fixture.db.due_emails(when, 1).await.unwrap().pop() {
            fixture.db.settle_delivery(due.id, when, None, None).await.unwrap();
        }
        fixture.db.prune(when + TimeDelta::minutes(61)).await.unwrap();
        assert_eq!(fixture.count(&open).await, 0, "and is forgotten soon after");
        let kept = BookingFilter { limit: 9, ..BookingFilter::default() };
        assert_eq!(fixture.db.bookings(her, &kept).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_bookings_and_offers_and_connections_are_woken_for_them() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (her, _) = fixture.open_provider("her", 0).await;
        for (session, who) in [([1; 32], me), ([2; 32], her)] {
            assert!(fixture.db.start_session(&session, who.into(), None, None, now()).await.unwrap());
        }
        let (lease, _) = fixture.imported(me, "x", vec![]).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let stamps = async || {
            let mut stamps = fixture.db.stamps(&[[1; 32], [2; 32]], now()).await.unwrap();
            (stamps.remove(&[1; 32]).unwrap(), stamps.remove(&[2; 32]).unwrap())
        };
        let mut last = stamps().await;
        macro_rules! moves {
            ($act:expr) => {{
                let done = $act;
                let now = stamps().await;
                assert!(now.0 != last.0 && now.1 == last.1, stringify!($act));
                last = now;
                done
            }};
        }
        let done = moves!(fixture.book(&asked(me, service, at(10, 0))).await.unwrap());
        assert_eq!(fixture.count("calendar_connections WHERE wanted > covered").await, 1);
        assert_eq!(fixture.count("calendar_connections WHERE exports_wanted > exports_done").await, 1);
        let id = done.booking.id;
        let change = async |change: Change| {
            let sure = Certainty::Sure;
            fixture.db.change(me, id, None, &change, Actor::Provider, sure, now()).await.unwrap().unwrap()
        };
        moves!(change(Change::Client(client("Another"))).await);
        moves!(change(Change::Cancel).await);
        assert!(change(Change::Cancel).await.repeated);
        assert_eq!(stamps().await, last, "nothing was changed");
        let refused = fixture.book(&asked(me, service, at(3, 0))).await;
        assert!(refused.is_err() && stamps().await == last, "what is refused writes nothing");
        moves!(fixture.db.withdraw_service(me, service, now()).await.unwrap());
        moves!(fixture.db.set_booking_rules(me, 5, StalePolicy::Hold, now()).await.unwrap());
        assert_eq!(stamps().await, last);
    })
    .await;
}
