//! Keys are rotated while others work, and a missing one is noticed before anything is written.

use crate::bookings::{asked, at};
use crate::support::{Fixture, on_both};
use crate::{later, now, plan, single, weekly};
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;
use secrecy::SecretBox;
use simone_booking::{CalendarId, Ids, ProviderId, SystemClock};
use simone_store::crypto::Place;
use simone_store::deliveries::EmailKind;
use simone_store::rotation::KeysRefused;
use simone_store::sealed::{KeyCount, NOT_SEALED, SEALED};
use simone_store::views::BookingFilter;
use simone_store::{Database, Keyring};
use simone_sync::import::PullPlan;
use simone_sync::platform::Platform;
use simone_sync::ports::{Attempt, Choices as _, ConnectStore as _, Lease, RoundStore as _};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A new key in front of the one that sealed the data.
const BOTH: &[(&str, u8)] = &[("new", 9), ("test", 7)];
const NEW: &[(&str, u8)] = &[("new", 9)];

/// Something in every sealed column: 1,200 events, so that there are several batches.
async fn filled(fixture: &Fixture) -> (ProviderId, Lease, CalendarId) {
    let provider = fixture.provider("a").await;
    let mut events: Vec<_> =
        (0..1200).map(|number| single(&format!("event{number}"), later(60 * number))).collect();
    events.push(weekly("yoga", later(60)));
    let (lease, calendar) = fixture.imported(provider, "x", events).await;
    let attempt =
        Attempt { provider, platform: Platform::Google, reconnects: None, verifier: "verifier".into() };
    fixture.db.begin_attempt("state", b"session", &attempt, now(), later(15)).await.unwrap();
    let hold = PullPlan { hold: vec!["yoga".to_owned()], ..plan(calendar, Some("c1"), vec![]) };
    assert!(fixture.db.apply_pull(&lease, &hold, now()).await.unwrap());
    assert!(fixture.db.refuse_removals(provider, calendar, now()).await.unwrap());
    fixture.db.derive(provider, now()).await.unwrap();
    let link = EmailKind::LoginLink { token: "token".to_owned() };
    fixture.db.send_email(provider, "login", link, now()).await.unwrap();
    // The neighbour, whose calendars do not matter here, is booked.
    let (neighbour, service) = fixture.open_provider("b", 0).await;
    let done = fixture.book(&asked(neighbour, service, at(10, 0))).await.unwrap();
    let booking = done.booking.id.0;
    let keys = Keyring::new(
        [("test".to_owned(), SecretBox::new(Box::new(vec![7; 32])))],
        Arc::new(Ids::seeded(Arc::new(SystemClock), 3)),
    )
    .unwrap();
    let place = |table, column, row| Place { table, column, row };
    let (entered, written): (&[&[u8]], &[&[u8]]) =
        (&[&[5; 16]], &[lease.connection.0.as_bytes(), booking.as_bytes(), b"name"]);
    let title = keys.seal(place("entered_unavailabilities", "details", entered), b"{}");
    let content = keys.seal(place("calendar_exported_bookings", "content", written), b"{}");
    let (bytes, id) = (|bytes: &[u8]| fixture.bytes(bytes), |id: Uuid| fixture.id(id));
    fixture
        .execute(&format!(
            "INSERT INTO entered_unavailabilities (id, provider_id, shape, details, created_at)
             VALUES ({}, {}, '{{}}', {}, '2026-01-06T09:00:00+00:00')",
            id(Uuid::from_bytes([5; 16])),
            id(neighbour.0),
            bytes(&title)
        ))
        .await;
    fixture
        .execute(&format!(
            "INSERT INTO calendar_exported_bookings (connection_id, booking_id, generation, provider_id, platform,
                                                     calendar_external_id, name, content)
             VALUES ({}, {}, 1, {}, 'google', 'primary', 'name', {})",
            id(lease.connection.0),
            id(booking),
            id(neighbour.0),
            bytes(&content)
        ))
        .await;
    (provider, lease, calendar)
}

fn under(counts: &[KeyCount], key: &str) -> BTreeSet<(&'static str, &'static str)> {
    let of = |count: &&KeyCount| count.key.as_deref() == Some(key);
    counts.iter().filter(of).map(|count| (count.table, count.column)).collect()
}

/// All titles that the agenda shows over the horizon.
async fn titles(db: &Database, provider: ProviderId) -> Vec<String> {
    let within = simone_booking::Interval::new(now(), now() + TimeDelta::days(90));
    db.blocks(provider, within).await.unwrap().into_iter().map(|block| block.title).collect()
}

#[tokio::test]
async fn every_column_of_bytes_is_registered() {
    on_both(async |fixture| {
        let named: BTreeSet<(String, String)> = SEALED
            .iter()
            .map(|sealed| (sealed.table, sealed.column))
            .chain(NOT_SEALED.iter().copied())
            .map(|(table, column)| (table.to_owned(), column.to_owned()))
            .collect();
        assert_eq!(named.len(), SEALED.len() + NOT_SEALED.len(), "each is named once");
        let found: BTreeSet<_> = fixture.columns_of_bytes().await.into_iter().collect();
        assert_eq!(found, named, "what is found in the schema is either sealed or named as not sealed");
    })
    .await;
}

#[tokio::test]
async fn everything_is_sealed_anew_and_the_old_key_is_no_longer_needed() {
    on_both(async |fixture| {
        let (provider, lease, _) = filled(fixture).await;
        assert_eq!(fixture.db.check_keys().await.unwrap(), Ok(()));
        let all: BTreeSet<_> = SEALED.iter().map(|sealed| (sealed.table, sealed.column)).collect();
        assert_eq!(
            under(&fixture.db.key_counts().await.unwrap(), "test"),
            all,
            "the test covers every column"
        );
        let shown = titles(&fixture.db, provider).await;
        assert!(shown.len() > 1200 && shown.iter().all(|title| title == "Secret dentist"));

        let both = fixture.with_keys(BOTH).await;
        assert_eq!(both.check_keys().await.unwrap(), Ok(()));
        let mut told = Vec::new();
        let rotation =
            both.rotate_keys(false, |progress| told.push((progress.column, progress.done))).await.unwrap();
        assert!(rotation.left.is_empty(), "{rotation:?}");
        assert_eq!(rotation.removable, ["test"]);
        assert!(rotation.resealed > 1200);
        assert!(
            told.contains(&("details", 500)) && told.contains(&("details", 1000)),
            "in batches: {told:?}"
        );
        assert_eq!(both.rotate_keys(false, |_| {}).await.unwrap().resealed, 0, "done is done");

        // The old key is taken out: everything still opens, and nothing of it is left.
        let new = fixture.with_keys(NEW).await;
        assert_eq!(new.check_keys().await.unwrap(), Ok(()));
        assert_eq!(titles(&new, provider).await, shown);
        let tokens = new.round_input(&lease).await.unwrap().tokens.expect("they open");
        assert_eq!(tokens.refresh.expose_secret(), "secret-refresh");
        assert_eq!(new.due_emails(now(), 9).await.unwrap().len(), 3);
        let filter = BookingFilter { limit: 9, ..BookingFilter::default() };
        let neighbour = new.provider_by_email("b@simone.test").await.unwrap().unwrap().id;
        let booking = new.bookings(neighbour, &filter).await.unwrap().remove(0);
        assert_eq!(booking.client.expect("it opens").name, "Marie Durand");
        assert!(!new.booking(neighbour, booking.id).await.unwrap().unwrap().link.is_empty());
        let attempt = new.take_attempt("state", b"session", now()).await.unwrap().expect("it is pending");
        assert_eq!(attempt.verifier.expose_secret(), "verifier");
        assert!(under(&new.key_counts().await.unwrap(), "test").is_empty());
        // Whoever comes with the old key alone is told.
        assert_eq!(fixture.db.check_keys().await.unwrap(), Err(KeysRefused::Missing(vec!["new".to_owned()])));
        both.close().await;
        new.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_rotation_that_was_cut_short_is_continued() {
    on_both(async |fixture| {
        let (provider, ..) = filled(fixture).await;
        fixture.db.check_keys().await.unwrap().unwrap();
        let both = fixture.with_keys(BOTH).await;
        let cut = {
            let both = both.clone();
            tokio::spawn(async move {
                both.rotate_keys(false, |progress| assert!(progress.done < 1000, "cut short")).await
            })
        };
        assert!(cut.await.is_err(), "it was cut short");
        let counts = both.key_counts().await.unwrap();
        assert!(
            !under(&counts, "new").is_empty() && !under(&counts, "test").is_empty(),
            "half way: {counts:?}"
        );
        assert_eq!(titles(&both, provider).await.iter().filter(|it| it.is_empty()).count(), 0);
        // Half way the old key is still asked for, although the new one is current.
        let new = fixture.with_keys(NEW).await;
        assert_eq!(new.check_keys().await.unwrap(), Err(KeysRefused::Missing(vec!["test".to_owned()])));
        let rotation = both.rotate_keys(false, |_| {}).await.unwrap();
        assert!(rotation.left.is_empty() && rotation.resealed < 1200, "{rotation:?}");
        assert_eq!(new.check_keys().await.unwrap(), Ok(()));
        both.close().await;
        new.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_sealed_anew_during_a_round_is_still_the_same_token() {
    on_both(async |fixture| {
        let (_, lease, _) = filled(fixture).await;
        let held = fixture.db.round_input(&lease).await.unwrap().tokens.unwrap();
        let both = fixture.with_keys(BOTH).await;
        both.rotate_keys(false, |_| {}).await.unwrap();
        // The round is of a process that has both keys and read the token before.
        let (access, refresh) = ("access-2".into(), "refresh-2".into());
        let stored =
            both.replace_tokens(lease.connection, &held.seal, &access, later(120), Some(&refresh)).await;
        assert!(stored.unwrap(), "the only valid token is not thrown away");
        let tokens = both.round_input(&lease).await.unwrap().tokens.unwrap();
        assert_eq!(tokens.refresh.expose_secret(), "refresh-2");
        // One that is really another still wins.
        assert!(!both.replace_tokens(lease.connection, &held.seal, &access, later(120), None).await.unwrap());
        both.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_meanwhile_wins() {
    on_both(async |fixture| {
        let (provider, lease, calendar) = filled(fixture).await;
        let both = fixture.with_keys(BOTH).await;
        let server = fixture.with_keys(BOTH).await;
        let writing = {
            let (server, lease) = (server.clone(), lease.clone());
            tokio::spawn(async move {
                for round in 0..12 {
                    let events = (0..1200)
                        .rev()
                        .map(|number| {
                            let mut event = single(&format!("event{number}"), later(60 * number));
                            event.details.title = format!("Title {round}");
                            event
                        })
                        .collect();
                    let pull = plan(calendar, Some("c1"), events);
                    assert!(server.apply_pull(&lease, &pull, now()).await.unwrap());
                }
            })
        };
        while !writing.is_finished() {
            both.rotate_keys(false, |_| {}).await.unwrap();
        }
        writing.await.unwrap();
        assert!(both.rotate_keys(false, |_| {}).await.unwrap().left.is_empty());
        let shown = titles(&both, provider).await;
        assert_eq!(shown.iter().filter(|title| *title == "Title 11").count(), 1200);
        both.close().await;
        server.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_missing_key_is_refused_until_it_is_said_to_be_lost() {
    on_both(async |fixture| {
        // Nothing is sealed yet: any key will do.
        assert_eq!(fixture.db.check_keys().await.unwrap(), Ok(()));
        let new = fixture.with_keys(NEW).await;
        assert_eq!(new.check_keys().await.unwrap(), Ok(()));
        assert_eq!(fixture.db.check_keys().await.unwrap(), Ok(()));

        let (provider, lease, calendar) = filled(fixture).await;
        let blocks = fixture.blocks(provider).await;
        assert_eq!(new.check_keys().await.unwrap(), Err(KeysRefused::Missing(vec!["test".to_owned()])));
        let another = fixture.with_keys(&[("test", 8)]).await;
        assert_eq!(another.check_keys().await.unwrap(), Err(KeysRefused::Another("test".to_owned())));
        // Of a version that had no canary.
        fixture.execute("DELETE FROM installation").await;
        assert_eq!(new.check_keys().await.unwrap(), Err(KeysRefused::Missing(vec!["test".to_owned()])));
        assert_eq!(fixture.db.check_keys().await.unwrap(), Ok(()));

        // Without saying so, a rotation says what is left and where.
        let rotation = new.rotate_keys(false, |_| {}).await.unwrap();
        let all: BTreeSet<_> = SEALED.iter().map(|sealed| (sealed.table, sealed.column)).collect();
        assert_eq!(under(&rotation.left, "test"), all);
        let events = rotation.left.iter().find(|left| left.table == "calendar_sync_events").unwrap();
        assert_eq!(events.rows, 1200);

        let rotation = another.rotate_keys(true, |_| {}).await.unwrap();
        assert!(rotation.unopened > 1200 && rotation.left.is_empty(), "of the same id: {rotation:?}");
        let rotation = new.rotate_keys(true, |_| {}).await.unwrap();
        assert!(rotation.unopened > 1200, "{rotation:?}");
        assert_eq!((rotation.resealed, under(&rotation.left, "test")), (0, all));
        assert_eq!(new.check_keys().await.unwrap(), Ok(()));
        assert_eq!(fixture.blocks(provider).await, blocks, "what is blocked stays");
        assert!(
            titles(&new, provider).await.iter().all(String::is_empty),
            "titles are not shown, and nothing fails"
        );
        assert!(new.round_input(&lease).await.is_err(), "a round that was under way is overtaken");
        new.release_lease(&lease).await.unwrap();
        let lease = fixture.lease(now()).await.expect("all are woken");
        assert!(new.round_input(&lease).await.unwrap().tokens.is_none());
        assert_eq!(new.pull_targets(&lease).await.unwrap()[0].cursor, None, "it lists in full");
        let known = new.known_events(calendar, None).await.unwrap();
        assert!(known.values().all(|event| event.revision.is_empty()), "and takes nothing for unchanged");
        assert!(new.take_attempt("state", b"session", now()).await.unwrap().is_none(), "as good as expired");
        assert!(new.due_emails(now(), 9).await.unwrap().is_empty(), "given up, not sent empty");

        // The key turns up after all: nothing was destroyed.
        let found = fixture.with_keys(BOTH).await;
        assert_eq!(found.check_keys().await.unwrap(), Ok(()));
        assert!(titles(&found, provider).await.iter().all(|title| title == "Secret dentist"));
        for db in [new, another, found] {
            db.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn damaged_values_are_counted_and_do_no_harm() {
    on_both(async |fixture| {
        let (provider, ..) = filled(fixture).await;
        let bytes = |hex: &str| {
            if fixture.db.kind() == "sqlite" { format!("x'{hex}'") } else { format!("'\\x{hex}'") }
        };
        for (event, hex) in [("event1", ""), ("event2", "07"), ("event3", "01ff00"), ("event4", "010461")] {
            fixture
                .execute(&format!(
                    "UPDATE calendar_sync_events SET details = {} WHERE external_id = '{event}'",
                    bytes(hex)
                ))
                .await;
        }
        let both = fixture.with_keys(BOTH).await;
        let rotation = both.rotate_keys(false, |_| {}).await.unwrap();
        assert_eq!(
            rotation.left,
            [KeyCount { table: "calendar_sync_events", column: "details", key: None, rows: 4 }]
        );
        assert_eq!(titles(&both, provider).await.iter().filter(|title| title.is_empty()).count(), 4);
        both.close().await;
    })
    .await;
}
