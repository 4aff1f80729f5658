//! Services, hours and bookings.

use super::*;
use simone_booking::booking::{Actor, ChangeKind, Client, Status};
use simone_booking::hours::{StalePolicy, WeeklyHours, Window};
use simone_booking::service::{Place, ServiceTerms};
use simone_booking::{BookingId, Interval, ServiceId};
use simone_store::views::BookingFilter;
use simone_sync::bookings::{
    BookingStore as _, Certainty, Change, Done, NewBooking, Refusal, RequestKey, Rules, Staleness,
};
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) fn client(name: &str) -> Client {
    Client {
        name: name.to_owned(),
        email: "marie@example.test".to_owned(),
        phone: "+33 6 12 34 56 78".to_owned(),
        address: "1 rue des Lilas, Paris".to_owned(),
        instructions: String::new(),
        locale: Locale::Fr,
        zone: None,
    }
}

fn terms(name: &str, minutes: i64, buffer: i64) -> ServiceTerms {
    ServiceTerms {
        name: name.to_owned(),
        duration_minutes: minutes,
        price_cents: Some(7_000),
        buffer_before_minutes: buffer,
        buffer_after_minutes: buffer,
        place: Place::Client,
        address: String::new(),
    }
}

/// Every day from 9 to 19.
fn always() -> WeeklyHours {
    std::array::from_fn(|_| vec![Window { start: 9 * 60, end: 19 * 60 }])
}

/// A time of 2026-01-07, tomorrow, on the wall of Paris.
pub(super) fn at(hour: i64, minute: i64) -> DateTime<Utc> {
    "2026-01-07T00:00:00+01:00".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(60 * hour + minute)
}

pub(super) fn asked(provider: ProviderId, service: ServiceId, start: DateTime<Utc>) -> NewBooking {
    NewBooking {
        provider,
        service,
        start,
        client: client("Marie Durand"),
        actor: Actor::Client,
        rules: Rules::Offered,
        request: None,
    }
}

fn move_to(start: DateTime<Utc>) -> Change {
    Change::Move { start, rules: Rules::Offered }
}

impl Fixture {
    /// A provider who is open every day from 9 to 19 and offers an hour with so much kept free around it.
    pub(super) async fn open_provider(&self, name: &str, buffer: i64) -> (ProviderId, ServiceId) {
        let provider = self.provider(name).await;
        assert!(self.db.set_weekly_hours(provider, &always(), now()).await.unwrap());
        let terms = terms("Massage 60min", 60, buffer);
        let service = self.db.add_service(provider, &terms, now()).await.unwrap().expect("a provider");
        (provider, service)
    }

    pub(super) async fn book(&self, asked: &NewBooking) -> Result<Done, Refusal> {
        self.db.book(asked, Certainty::Sure, now()).await.unwrap()
    }

    async fn change(&self, done: &Done, change: &Change, actor: Actor) -> Result<Done, Refusal> {
        let (provider, id) = (done.booking.provider, done.booking.id);
        self.db.change(provider, id, None, change, actor, Certainty::Sure, now()).await.unwrap()
    }
}

#[tokio::test]
async fn a_booking_is_made_moved_and_cancelled_with_its_history() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        let done = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        assert!(!done.repeated && done.link.len() == 43);
        assert_eq!(done.booking.status, Status::Confirmed);
        assert_eq!(done.booking.interval, Interval::new(at(10, 0), at(11, 0)));
        let stored = fixture.db.booking(me, done.booking.id).await.unwrap().unwrap();
        assert_eq!((&stored.booking, &stored.link), (&done.booking, &done.link));
        assert_eq!(fixture.db.by_link(&done.link, now()).await.unwrap(), Some(done.booking.clone()));
        assert_eq!(fixture.db.by_link("another", now()).await.unwrap(), None);
        assert_eq!(fixture.db.by_link(&done.link, at(11, 0)).await.unwrap(), None, "it is over");

        let moved = fixture.change(&done, &move_to(at(14, 10)), Actor::Client).await.unwrap();
        assert_eq!(moved.booking.interval, Interval::new(at(14, 10), at(15, 10)));
        assert_eq!((moved.booking.revision, moved.repeated, &moved.link), (2, false, &done.link));
        assert!(fixture.change(&done, &move_to(at(14, 10)), Actor::Client).await.unwrap().repeated);
        let cancelled = fixture.change(&done, &Change::Cancel, Actor::Provider).await.unwrap();
        assert_eq!((cancelled.booking.status, cancelled.booking.revision), (Status::Cancelled, 3));
        assert!(fixture.change(&done, &Change::Cancel, Actor::Client).await.unwrap().repeated);
        assert_eq!(fixture.change(&done, &move_to(at(10, 0)), Actor::Client).await, Err(Refusal::Cancelled));

        let history = fixture.db.booking(me, done.booking.id).await.unwrap().unwrap().history;
        let told: Vec<_> = history.iter().map(|change| (change.actor, change.kind, change.moved)).collect();
        assert_eq!(
            told,
            [
                (Actor::Client, ChangeKind::Booked, None),
                (Actor::Client, ChangeKind::Moved, Some((at(10, 0), at(14, 10)))),
                (Actor::Provider, ChangeKind::Cancelled, None),
            ]
        );
        assert_eq!(fixture.count("deliveries WHERE cause LIKE '%:client'").await, 3);
        assert_eq!(
            fixture.count("deliveries WHERE cause LIKE '%:provider'").await,
            2,
            "not of their own doing"
        );
        assert_eq!(fixture.count("notices").await, 2);
        fixture.book(&asked(me, service, at(14, 0))).await.expect("what is cancelled takes no time");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_booked_says_why_and_what_could_be() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        let refused = async |start| fixture.book(&asked(me, service, start)).await.unwrap_err();
        assert_eq!(refused(now() - TimeDelta::minutes(1)).await, Refusal::Past);
        assert_eq!(refused(DateTime::<Utc>::MIN_UTC).await, Refusal::Past);
        assert_eq!(refused(DateTime::<Utc>::MAX_UTC).await, Refusal::BeyondHorizon);
        assert_eq!(refused(later(92 * 24 * 60)).await, Refusal::BeyondHorizon);
        let latest = later(119) - TimeDelta::minutes(120);
        assert_eq!(refused(later(119)).await, Refusal::TooSoon { latest });
        let Refusal::OutsideHours { alternatives } = refused(at(20, 0)).await else { panic!() };
        let starts: Vec<_> = alternatives.iter().map(|slot| slot.start).collect();
        assert_eq!(starts, [at(16, 0), at(16, 30), at(17, 0), at(17, 30), at(18, 0)]);
        assert!(matches!(refused(at(18, 1)).await, Refusal::OutsideHours { .. }), "it ends after the hours");
        let crooked = at(10, 0) + TimeDelta::seconds(1);
        assert!(matches!(refused(crooked).await, Refusal::OutsideHours { .. }), "not a whole minute");

        fixture.book(&asked(me, service, at(10, 7))).await.expect("any whole minute");
        for taken in [at(10, 7), at(9, 0), at(11, 36), at(11, 0)] {
            let Refusal::Taken { alternatives } = refused(taken).await else { panic!("{taken}") };
            assert_eq!(alternatives.len(), 5);
            for slot in &alternatives {
                assert!(slot.start >= at(11, 37) || slot.end <= at(9, 37), "{slot:?}");
            }
        }
        fixture.book(&asked(me, service, at(11, 37))).await.expect("both buffers are kept");

        let unknown = NewBooking { service: ServiceId(Uuid::nil()), ..asked(me, service, at(15, 0)) };
        assert_eq!(fixture.book(&unknown).await, Err(Refusal::UnknownService));
        let nobody = NewBooking { provider: ProviderId(Uuid::nil()), ..asked(me, service, at(15, 0)) };
        assert_eq!(fixture.book(&nobody).await, Err(Refusal::UnknownProvider));
        assert!(fixture.db.withdraw_service(me, service, now()).await.unwrap());
        assert_eq!(refused(at(15, 0)).await, Refusal::UnknownService);
        assert_eq!(fixture.count("bookings").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_provider_books_by_hand_at_any_free_time_to_come() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let by_hand =
            |start| NewBooking { actor: Actor::Provider, rules: Rules::Free, ..asked(me, service, start) };
        let late = fixture.book(&by_hand(at(22, 0))).await.expect("outside the hours");
        assert_eq!(late.booking.origin, Actor::Provider);
        fixture.book(&by_hand(later(5))).await.expect("within the notice");
        assert!(matches!(fixture.book(&by_hand(at(22, 30))).await, Err(Refusal::Taken { .. })));
        assert_eq!(fixture.book(&by_hand(later(-5))).await, Err(Refusal::Past));
        assert_eq!(fixture.count("notices").await, 0, "they know what they do themselves");
    })
    .await;
}

#[tokio::test]
async fn what_a_calendar_says_is_not_booked_even_if_it_was_not_derived_yet() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        let (lease, calendar) = fixture.imported(me, "x", vec![single("e", at(10, 0))]).await;
        assert!(matches!(fixture.book(&asked(me, service, at(10, 30))).await, Err(Refusal::Taken { .. })));
        assert!(matches!(fixture.book(&asked(me, service, at(9, 0))).await, Err(Refusal::Taken { .. })));
        // It moves, and nobody derived since.
        let pull = plan(calendar, Some("c1"), vec![single("e", at(12, 0))]);
        assert!(fixture.db.apply_pull(&lease, &pull, now()).await.unwrap());
        assert!(matches!(fixture.book(&asked(me, service, at(12, 30))).await, Err(Refusal::Taken { .. })));
        fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        let pull = plan(calendar, Some("c1"), vec![single("f", at(15, 0))]);
        assert!(fixture.db.apply_pull(&lease, &pull, now()).await.unwrap());
        let window = Interval::new(at(0, 0), at(24, 0));
        let offer = fixture.db.offer(me, service, window, 100, now()).await.unwrap().unwrap();
        let starts: Vec<_> = offer.slots.iter().map(|slot| slot.start).collect();
        assert_eq!(starts, [at(13, 30), at(16, 30), at(17, 0), at(17, 30), at(18, 0)]);
    })
    .await;
}

#[tokio::test]
async fn a_calendar_that_was_never_read_offers_nothing() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let connection = fixture.connection(me, "x").await;
        let window = Interval::new(at(0, 0), at(24, 0));
        let is_ready = async || {
            let offer = fixture.db.offer(me, service, window, 100, now()).await.unwrap().unwrap();
            let booked = fixture.book(&asked(me, service, at(10, 0))).await;
            assert_eq!(offer.not_ready, offer.slots.is_empty());
            assert_eq!(offer.not_ready, booked == Err(Refusal::NotReady));
            !offer.not_ready
        };
        assert!(!is_ready().await, "its calendars are not known");
        let lease = fixture.lease(now()).await.unwrap();
        fixture.db.apply_calendars(&lease, &[remote("p", true)], now()).await.unwrap();
        assert!(!is_ready().await, "its events are not known");
        let by_hand = NewBooking { rules: Rules::Free, ..asked(me, service, at(16, 0)) };
        fixture.book(&by_hand).await.expect("the provider knows what they do");
        let calendar = fixture.db.pull_targets(&lease).await.unwrap()[0].calendar;
        assert!(fixture.db.apply_pull(&lease, &plan(calendar, None, vec![]), now()).await.unwrap());
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        assert!(is_ready().await);
        assert!(fixture.db.disconnect(me, connection, false, now()).await.unwrap());
        assert!(fixture.db.offer(me, service, window, 1, now()).await.unwrap().unwrap().slots.len() == 1);
    })
    .await;
}

#[tokio::test]
async fn the_repetition_of_a_request_is_the_same_booking() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (her, hers) = fixture.open_provider("her", 0).await;
        let key = |key: &str, what: &str| {
            Some(RequestKey { caller: Uuid::from_u128(1), key: key.to_owned(), asked: what.to_owned() })
        };
        let first = NewBooking { request: key("k", "10h"), ..asked(me, service, at(10, 0)) };
        let done = fixture.book(&first).await.unwrap();
        let again = fixture.book(&first).await.unwrap();
        assert!(again.repeated && again.booking == done.booking && again.link == done.link);
        let other = NewBooking { request: key("k", "12h"), ..asked(me, service, at(12, 0)) };
        assert_eq!(fixture.book(&other).await, Err(Refusal::KeyReused));
        let elsewhere = NewBooking { request: key("k", "10h"), ..asked(her, hers, at(10, 0)) };
        assert_eq!(fixture.book(&elsewhere).await, Err(Refusal::KeyReused));
        let caller = Uuid::from_u128(2);
        let request = RequestKey { caller, ..key("k", "12h").unwrap() };
        fixture.book(&NewBooking { request: Some(request), ..other }).await.expect("another caller's key");
        assert_eq!(fixture.count("bookings").await, 2);

        // All at once.
        let storm = NewBooking { request: key("storm", "14h"), ..asked(me, service, at(14, 0)) };
        let storm = storm_of(fixture, vec![storm; 20]).await;
        let made: BTreeSet<BookingId> = storm.iter().map(|done| done.as_ref().unwrap().booking.id).collect();
        assert_eq!((made.len(), storm.iter().flatten().filter(|done| !done.repeated).count()), (1, 1));
        // The same key, at two providers at once: it was used for one of them.
        let mine = NewBooking { request: key("two", "16h"), ..asked(me, service, at(16, 0)) };
        let two = storm_of(
            fixture,
            vec![mine, NewBooking { request: key("two", "16h"), ..asked(her, hers, at(16, 0)) }],
        )
        .await;
        assert!(two.iter().any(Result::is_ok));
        assert!(two.contains(&Err(Refusal::KeyReused)), "{two:?}");
        assert_eq!(fixture.count("bookings").await, 4);
    })
    .await;
}

/// All of these at once, each on a task of its own.
async fn storm_of(fixture: &Fixture, asked: Vec<NewBooking>) -> Vec<Result<Done, Refusal>> {
    let mut tasks = Vec::with_capacity(asked.len());
    for asked in asked {
        let db = fixture.db.clone();
        tasks.push(tokio::spawn(async move { db.book(&asked, Certainty::Sure, now()).await.unwrap() }));
    }
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_at_once_exactly_one_gets_the_slot() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        fixture.imported(me, "x", vec![weekly("w", at(15, 0))]).await;
        for (round, minutes) in [(0, 0), (1, 1), (2, 7)] {
            let day = at(9 + 24 * round, 0);
            // The same start; then starts that overlap it, each by another stretch.
            let start = |n: i64| day + TimeDelta::minutes(60 + (n * minutes) % 55);
            let all = (0..200).map(|n| asked(me, service, start(n))).collect();
            let done = storm_of(fixture, all).await;
            let won: Vec<_> = done.iter().flatten().collect();
            assert_eq!(won.len(), 1, "round {round}");
            for refused in done.iter().filter_map(|done| done.as_ref().err()) {
                let Refusal::Taken { alternatives } = refused else { panic!("{refused:?}") };
                assert_eq!(alternatives.len(), 5);
                let kept = won[0].booking.with_buffers();
                let free = |slot: &Interval| {
                    let around = TimeDelta::minutes(15);
                    !Interval::new(slot.start - around, slot.end + around).overlaps(&kept)
                };
                assert!(alternatives.iter().all(free), "{alternatives:?}");
            }
        }
        assert_eq!(fixture.count("bookings").await, 3);
        assert_eq!(fixture.count("booking_changes").await, 3);
        assert_eq!(fixture.count("deliveries").await, 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_who_moves_and_one_who_books_do_not_both_get_the_slot() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        for day in 0..10 {
            let hour = |hour: i64| at(24 * day + hour, 0);
            let there = fixture.book(&asked(me, service, hour(10))).await.unwrap();
            let (db, id) = (fixture.db.clone(), there.booking.id);
            let change = move_to(hour(12) + TimeDelta::minutes(20));
            let moving = tokio::spawn(async move {
                db.change(me, id, Some(1), &change, Actor::Client, Certainty::Sure, now()).await.unwrap()
            });
            let booked = storm_of(fixture, vec![asked(me, service, hour(12)); 3]).await;
            let moved = moving.await.unwrap();
            let won = booked.iter().flatten().count() + usize::from(moved.is_ok());
            assert_eq!(won, 1, "{booked:?} {moved:?}");
            let bookings = fixture.db.bookings(me, &all()).await.unwrap();
            assert_apart(&bookings);
        }
    })
    .await;
}

fn all() -> BookingFilter {
    BookingFilter { limit: 10_000, ..BookingFilter::default() }
}

fn assert_apart(bookings: &[simone_booking::booking::Booking]) {
    let mut kept: Vec<Interval> = bookings
        .iter()
        .filter(|booking| booking.takes_time())
        .map(simone_booking::booking::Booking::with_buffers)
        .collect();
    kept.sort();
    assert!(kept.windows(2).all(|pair| !pair[0].overlaps(&pair[1])), "{kept:?}");
}

/// A generator of its own: the same numbers for the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn whatever_is_booked_moved_and_cancelled_nothing_overlaps() {
    on_both(async |fixture| {
        let me = fixture.provider("me").await;
        assert!(fixture.db.set_weekly_hours(me, &always(), now()).await.unwrap());
        let mut services = Vec::new();
        for (minutes, buffer) in [(30, 0), (60, 15), (90, 30)] {
            let terms = terms("s", minutes, buffer);
            services.push(fixture.db.add_service(me, &terms, now()).await.unwrap().unwrap());
        }
        fixture.imported(me, "x", vec![weekly("w", at(13, 0)), single("e", at(30, 0))]).await;
        let blocks = fixture.blocks(me).await;
        let mut dice = Dice(4);
        let mut made: Vec<Done> = Vec::new();
        let (mut done, mut refused) = (0, 0);
        for step in 0..400 {
            let start = at(24 * dice.below(3) + 8 + dice.below(12), 5 * dice.below(12));
            let outcome = match dice.below(10) {
                0..5 => {
                    let service = services[usize::try_from(dice.below(3)).unwrap()];
                    let booked = fixture.book(&asked(me, service, start)).await;
                    booked.map(|booked| made.push(booked))
                }
                5..8 if !made.is_empty() => {
                    let one = &made[usize::try_from(dice.below(made.len().try_into().unwrap())).unwrap()];
                    fixture.change(one, &move_to(start), Actor::Marketplace).await.map(drop)
                }
                _ if !made.is_empty() => {
                    let one = &made[usize::try_from(dice.below(made.len().try_into().unwrap())).unwrap()];
                    fixture.change(one, &Change::Cancel, Actor::Client).await.map(drop)
                }
                _ => continue,
            };
            match outcome {
                Ok(()) => done += 1,
                Err(Refusal::OutsideHours { .. } | Refusal::Taken { .. } | Refusal::Cancelled) => {
                    refused += 1
                }
                Err(other) => panic!("{step}: {other:?}"),
            }
            let bookings = fixture.db.bookings(me, &all()).await.unwrap();
            assert_apart(&bookings);
            for booking in bookings.iter().filter(|booking| booking.takes_time()) {
                let kept = booking.with_buffers();
                assert!(!blocks.iter().any(|(start, end)| Interval::new(*start, *end).overlaps(&kept)));
            }
        }
        assert!(done > 50 && refused > 50, "{done} {refused}");
    })
    .await;
}

#[tokio::test]
async fn a_neighbours_ids_are_unknown() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (her, hers) = fixture.open_provider("her", 0).await;
        let done = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        let id = done.booking.id;
        let db = &fixture.db;
        assert!(db.booking(her, id).await.unwrap().is_none());
        assert!(db.bookings(her, &all()).await.unwrap().is_empty());
        assert_eq!(db.bookings(me, &all()).await.unwrap().len(), 1);
        assert!(simone_store::Database::service(db, her, service).await.unwrap().is_none());
        assert!(!db.change_service(her, service, &terms("x", 30, 0), now()).await.unwrap());
        assert!(!db.withdraw_service(her, service, now()).await.unwrap());
        assert_eq!(db.services(me).await.unwrap().len(), 1);
        let theirs = fixture.book(&asked(her, service, at(10, 0))).await;
        assert_eq!(theirs, Err(Refusal::UnknownService));
        let window = Interval::new(at(0, 0), at(24, 0));
        assert_eq!(db.offer(her, service, window, 9, now()).await.unwrap(), Err(Refusal::UnknownService));
        for change in [Change::Cancel, Change::Confirm, move_to(at(15, 0)), Change::Client(client("x"))] {
            let changed = db.change(her, id, None, &change, Actor::Provider, Certainty::Sure, now()).await;
            assert_eq!(changed.unwrap(), Err(Refusal::UnknownBooking));
        }
        assert_eq!(db.booking(me, id).await.unwrap().unwrap().booking, done.booking);
        fixture.book(&asked(her, hers, at(10, 0))).await.expect("her own time");
        let nobody = ProviderId(Uuid::nil());
        assert!(db.add_service(nobody, &terms("x", 30, 0), now()).await.unwrap().is_none());
        assert!(!db.set_weekly_hours(nobody, &always(), now()).await.unwrap());
        assert!(!db.set_booking_rules(nobody, 0, StalePolicy::Hold, now()).await.unwrap());
        assert!(!db.set_hours_exception(nobody, day(), None, now()).await.unwrap());
        assert!(db.hours(nobody).await.unwrap().is_none());
    })
    .await;
}

fn day() -> chrono::NaiveDate {
    "2026-01-07".parse().unwrap()
}

#[tokio::test]
async fn what_is_offered_follows_the_providers_choices_and_what_was_agreed_stays() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let db = &fixture.db;
        let done = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        let dearer = ServiceTerms { price_cents: None, ..terms("Massage long", 120, 30) };
        assert!(db.change_service(me, service, &dearer, now()).await.unwrap());
        assert_eq!(db.booking(me, done.booking.id).await.unwrap().unwrap().booking, done.booking);
        let window = Interval::new(at(0, 0), at(24, 0));
        let offered = async || db.offer(me, service, window, 100, now()).await.unwrap().unwrap().slots;
        let slots = offered().await;
        assert_eq!(slots[0], Interval::new(at(11, 30), at(13, 30)));
        let windows = [Window { start: 13 * 60 + 15, end: 16 * 60 }];
        assert!(db.set_hours_exception(me, day(), Some(&windows), now()).await.unwrap());
        let starts: Vec<_> = offered().await.iter().map(|slot| slot.start).collect();
        assert_eq!(starts, [at(13, 15), at(13, 45)]);
        assert!(db.set_hours_exception(me, day(), Some(&[]), now()).await.unwrap());
        assert!(offered().await.is_empty(), "closed");
        assert!(db.set_hours_exception(me, day(), None, now()).await.unwrap());
        assert_eq!(offered().await, slots);
        assert!(db.set_booking_rules(me, 30 * 60, StalePolicy::Hold, now()).await.unwrap());
        assert_eq!(offered().await[0].start, at(16, 0), "thirty hours from now");
        let hours = db.hours(me).await.unwrap().unwrap();
        assert_eq!((hours.notice_minutes, hours.stale_policy), (30 * 60, StalePolicy::Hold));
        assert_eq!(hours.weekly, always());
        assert!(db.withdraw_service(me, service, now()).await.unwrap());
        assert!(!db.withdraw_service(me, service, now()).await.unwrap());
        assert!(db.services(me).await.unwrap().is_empty());
        let kept = simone_store::Database::service(db, me, service).await.unwrap().unwrap();
        assert!(kept.withdrawn && kept.terms == dearer);
        let change = Change::Move { start: at(16, 0), rules: Rules::Free };
        let moved = fixture.change(&done, &change, Actor::Provider).await.unwrap();
        assert_eq!(moved.booking.interval.end, at(17, 0), "as long as it was agreed");
    })
    .await;
}

#[tokio::test]
async fn what_is_held_awaits_the_provider() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let db = &fixture.db;
        let stale =
            async |asked: NewBooking| db.book(&asked, Certainty::Stale, now()).await.unwrap().unwrap();
        let accepted = stale(asked(me, service, at(9, 0))).await;
        assert_eq!(accepted.booking.status, Status::Confirmed, "the policy accepts");
        assert!(db.set_booking_rules(me, 0, StalePolicy::Hold, now()).await.unwrap());
        let held = stale(asked(me, service, at(10, 0))).await;
        assert_eq!(held.booking.status, Status::Pending);
        let history = db.booking(me, held.booking.id).await.unwrap().unwrap().history;
        assert_eq!(history[0].kind, ChangeKind::Held);
        assert!(matches!(fixture.book(&asked(me, service, at(10, 0))).await, Err(Refusal::Taken { .. })));
        let own = NewBooking { rules: Rules::Free, actor: Actor::Provider, ..asked(me, service, at(12, 0)) };
        assert_eq!(stale(own).await.booking.status, Status::Confirmed);

        let moved = fixture.change(&held, &move_to(at(11, 0)), Actor::Client).await.unwrap();
        assert_eq!(moved.booking.status, Status::Pending, "still");
        let confirmed = fixture.change(&held, &Change::Confirm, Actor::Provider).await.unwrap();
        assert_eq!(confirmed.booking.status, Status::Confirmed);
        assert!(fixture.change(&held, &Change::Confirm, Actor::Provider).await.unwrap().repeated);
        let again = db
            .change(me, held.booking.id, None, &move_to(at(14, 0)), Actor::Client, Certainty::Stale, now())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again.booking.status, Status::Pending, "it has no other time to stand at");
        let free = Change::Move { start: at(15, 0), rules: Rules::Free };
        let moved = fixture.change(&held, &free, Actor::Provider).await.unwrap();
        assert_eq!(moved.booking.status, Status::Confirmed, "by whoever says when");
    })
    .await;
}

#[tokio::test]
async fn a_change_is_of_what_its_asker_saw_and_of_what_is_not_over() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let db = &fixture.db;
        let done = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        let id = done.booking.id;
        let change = async |revision, change: Change, at| {
            db.change(me, id, revision, &change, Actor::Client, Certainty::Sure, at).await.unwrap()
        };
        change(Some(1), Change::Client(client("Marie Dupont")), now()).await.unwrap();
        assert!(change(Some(1), Change::Client(client(" Marie Dupont ")), now()).await.unwrap().repeated);
        assert_eq!(change(Some(1), move_to(at(12, 0)), now()).await, Err(Refusal::Changed));
        let nameless = change(None, Change::Client(client("")), now()).await;
        assert!(matches!(nameless, Err(Refusal::Client(bad)) if bad.len() == 1));
        for late in [Change::Cancel, move_to(at(40, 0)), Change::Client(client("x"))] {
            assert_eq!(change(None, late, at(11, 0)).await, Err(Refusal::Over));
        }
        assert_eq!(change(Some(1), Change::Cancel, now()).await, Err(Refusal::Changed));
        change(Some(2), Change::Cancel, now()).await.unwrap();
        assert!(change(Some(2), Change::Cancel, now()).await.unwrap().repeated, "pressed twice");
    })
    .await;
}

#[tokio::test]
async fn an_applied_edit_yields_to_other_appointments_alone() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 15).await;
        fixture.imported(me, "x", vec![single("e", at(16, 0))]).await;
        let one = fixture.book(&asked(me, service, at(10, 0))).await.unwrap();
        fixture.book(&asked(me, service, at(12, 0))).await.unwrap();
        let apply = async |from, to| {
            let change = Change::MoveTo { interval: Interval::new(from, to) };
            fixture.change(&one, &change, Actor::Provider).await
        };
        let done = apply(at(11, 0), at(12, 0)).await.expect("only a buffer is in the way");
        assert_eq!(done.booking.interval, Interval::new(at(11, 0), at(12, 0)));
        apply(at(16, 0), at(16, 45)).await.expect("what blocks becomes a conflict");
        apply(at(30, 0), at(31, 0)).await.expect("outside the hours");
        let Err(Refusal::Taken { alternatives }) = apply(at(12, 30), at(13, 0)).await else { panic!() };
        assert_eq!(alternatives.len(), 5);
        assert!(apply(at(9, 0), at(9, 0)).await.is_err(), "it would take no time");
        let (min, max) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
        assert!(apply(min, max).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn connections_are_woken_only_while_what_they_say_is_old() {
    on_both(async |fixture| {
        let me = fixture.provider("me").await;
        let db = &fixture.db;
        let stale = async |at| db.wake_stale(me, at - TimeDelta::minutes(1), at).await.unwrap();
        assert_eq!(stale(now()).await, Staleness::Fresh, "there are none");
        fixture.connection(me, "x").await;
        assert_eq!(stale(now()).await, Staleness::Fresh, "no calendar of it is selected");
        let lease = fixture.lease(now()).await.unwrap();
        fixture.db.apply_calendars(&lease, &[remote("p", true)], now()).await.unwrap();
        db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let wanted = async || fixture.count("calendar_connections WHERE wanted > covered").await;
        assert_eq!(wanted().await, 0);
        assert_eq!(stale(later(1)).await, Staleness::Woken, "it was never derived from");
        assert_eq!(wanted().await, 1);
        assert!(!db.heard_since(me, now(), None).await.unwrap());
        let pulled = |at: DateTime<Utc>| {
            let at = at.to_rfc3339_opts(chrono::SecondsFormat::Micros, false);
            format!("UPDATE calendar_connections SET pulled_at = '{at}'")
        };
        fixture.execute(&pulled(later(1))).await;
        assert!(db.heard_since(me, later(1), None).await.unwrap());
        assert!(!db.heard_since(me, later(2), None).await.unwrap());
        assert_eq!(stale(later(2)).await, Staleness::Fresh);
        assert_eq!(stale(later(3)).await, Staleness::Woken);
        fixture.execute("UPDATE calendar_accounts SET not_before = '2026-01-06T09:30:00+00:00'").await;
        if fixture.count("calendar_accounts").await > 0 {
            assert_eq!(stale(later(3)).await, Staleness::Unaskable);
        }
        assert_eq!(stale(later(31)).await, Staleness::Woken);
        fixture.execute("UPDATE calendar_connections SET status = 'needs_reconnect'").await;
        assert_eq!(stale(later(31)).await, Staleness::Unaskable);
        fixture.execute(&pulled(later(31))).await;
        assert_eq!(stale(later(31)).await, Staleness::Fresh);
        fixture.execute("UPDATE calendar_connections SET status = 'disconnecting'").await;
        assert_eq!(stale(later(99)).await, Staleness::Fresh);
    })
    .await;
}

#[tokio::test]
async fn bookings_are_listed_as_they_are_asked_for() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let mut ids = Vec::new();
        for hour in [15, 9, 12, 33] {
            ids.push(fixture.book(&asked(me, service, at(hour, 0))).await.unwrap());
        }
        fixture.change(&ids[2], &Change::Cancel, Actor::Client).await.unwrap();
        let list = async |filter: BookingFilter| {
            let bookings = fixture.db.bookings(me, &filter).await.unwrap();
            bookings.iter().map(|booking| booking.interval.start).collect::<Vec<_>>()
        };
        assert_eq!(list(all()).await, [at(9, 0), at(12, 0), at(15, 0), at(33, 0)]);
        let between = BookingFilter { from: Some(at(10, 0)), until: Some(at(15, 0)), ..all() };
        assert_eq!(list(between).await, [at(12, 0)]);
        let confirmed = BookingFilter { statuses: vec![Status::Confirmed, Status::Pending], ..all() };
        assert_eq!(list(confirmed).await, [at(9, 0), at(15, 0), at(33, 0)]);
        let first = BookingFilter { limit: 2, ..BookingFilter::default() };
        assert_eq!(list(first.clone()).await, [at(9, 0), at(12, 0)]);
        let after = Some((at(12, 0), ids[2].booking.id));
        assert_eq!(list(BookingFilter { after, ..first }).await, [at(15, 0), at(33, 0)]);
    })
    .await;
}
