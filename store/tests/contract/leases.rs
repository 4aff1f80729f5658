//! One mailbox is asked by one connection at a time, whoever it belongs to and in whatever process.

use super::*;
use std::collections::HashMap;

/// Two connections of two providers to one account.
async fn neighbours(fixture: &Fixture) -> [(ProviderId, ConnectionId); 2] {
    let (one, other) = (fixture.provider("a").await, fixture.provider("b").await);
    [(one, fixture.connection(one, "shared").await), (other, fixture.connection(other, "shared").await)]
}

#[tokio::test]
async fn two_connections_to_one_account_are_leased_one_after_the_other() {
    on_both(async |fixture| {
        let [(one, first), (_, second)] = neighbours(fixture).await;
        let leases = fixture.db.lease_due(now(), later(2), 10).await.unwrap();
        let [lease] = &leases[..] else { panic!("{leases:?}") };
        assert_eq!(lease.connection, first);
        assert!(fixture.db.lease_due(now(), later(2), 10).await.unwrap().is_empty());
        fixture.db.end_round(lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let leases = fixture.db.lease_due(now(), later(2), 10).await.unwrap();
        let [lease] = &leases[..] else { panic!("{leases:?}") };
        assert_eq!(lease.connection, second, "the first has ended");
        assert!(fixture.db.wake(one, first).await.unwrap());
        assert!(fixture.db.lease_due(now(), later(2), 10).await.unwrap().is_empty());
        fixture.db.end_round(lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        assert_eq!(fixture.lease(now()).await.expect("it was woken").connection, first);
    })
    .await;
}

#[tokio::test]
async fn another_platform_or_account_does_not_wait() {
    on_both(async |fixture| {
        let [(one, _), _] = neighbours(fixture).await;
        fixture.connection(one, "another").await;
        let attempt =
            Attempt { provider: one, platform: Platform::Outlook, reconnects: None, verifier: "v".into() };
        let account = Account { id: "shared".to_owned(), email: "shared@outlook.test".to_owned() };
        let (access, refresh) = ("secret-access".into(), "secret-refresh".into());
        let granted = fixture
            .db
            .record_grant(&attempt, &account, &access, later(60), &refresh, "calendar", now())
            .await;
        assert!(matches!(granted.unwrap(), Recorded::Connected(_)));
        assert_eq!(fixture.db.lease_due(now(), later(2), 10).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_not_renewed_while_a_neighbour_has_the_mailbox() {
    on_both(async |fixture| {
        let [(one, first), (_, second)] = neighbours(fixture).await;
        let lease = fixture.lease(now()).await.expect("both are due");
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let mut stalled = fixture.lease(now()).await.expect("it is the second one's turn");
        assert_eq!((lease.connection, stalled.connection), (first, second));
        assert!(fixture.db.wake(one, first).await.unwrap());
        let mut neighbour = fixture.lease(later(3)).await.expect("the lease ran out");
        assert_eq!(neighbour.connection, first);
        let held = fixture.db.hold_lease(&mut stalled, later(3), later(5)).await;
        assert!(matches!(held, Err(StoreError::LeaseLost)), "{held:?}");
        // Late is not lost, where nobody came in between.
        assert!(fixture.db.hold_lease(&mut neighbour, later(30), later(32)).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_ask_from_however_many_processes_an_account_is_leased_once() {
    on_both(async |fixture| {
        let providers =
            [fixture.provider("a").await, fixture.provider("b").await, fixture.provider("c").await];
        let mut account_of = HashMap::new();
        for provider in providers {
            for account in ["x", "y", "z"] {
                account_of.insert(fixture.connection(provider, account).await, account);
            }
        }
        // On SQLite one process has the database to itself.
        let second = fixture.with_keys(&[("test", 7)]).await;
        for turn in 0..3 {
            let mut tasks = tokio::task::JoinSet::new();
            for task in 0..12 {
                let db = if task % 2 == 0 { fixture.db.clone() } else { second.clone() };
                tasks.spawn(async move { db.lease_due(later(turn), later(turn + 2), 2).await.unwrap() });
            }
            let leases: Vec<Lease> = tasks.join_all().await.into_iter().flatten().collect();
            let mut accounts: Vec<&str> = leases.iter().map(|lease| account_of[&lease.connection]).collect();
            accounts.sort_unstable();
            assert_eq!(accounts, ["x", "y", "z"]);
            for lease in &leases {
                fixture.db.end_round(lease, &report(later(turn), Outcome::Ok, 0)).await.unwrap();
            }
        }
        second.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_not_asked_beside_a_round_that_was_overtaken_until_that_gives_its_lease_back() {
    on_both(async |fixture| {
        for wish in ["select", "reconnect", "disconnect", "erase"] {
            let one = fixture.provider(&format!("{wish}-one")).await;
            let (lease, calendar) = fixture.imported(one, wish, vec![]).await;
            fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
            let connection = lease.connection;
            assert!(fixture.db.wake(one, connection).await.unwrap());
            let overtaken = fixture.lease(now()).await.expect("it was woken");
            // Of another provider, on the same account.
            let other = fixture.provider(&format!("{wish}-other")).await;
            fixture.connection(other, wish).await;
            match wish {
                "select" => {
                    assert!(fixture.db.select_calendar(one, calendar, false, now()).await.unwrap());
                }
                "reconnect" => {
                    assert!(fixture.db.flag_reconnect(&overtaken, None, now()).await.unwrap());
                    let again = fixture.connect(one, wish, Some(connection)).await;
                    assert_eq!(again, Recorded::Reconnected(connection));
                }
                "disconnect" => {
                    assert!(fixture.db.disconnect(one, connection, false, now()).await.unwrap());
                }
                _ => assert!(fixture.db.request_erasure(one, "operator", now()).await.unwrap()),
            }
            let mut held = overtaken.clone();
            let held = fixture.db.hold_lease(&mut held, now(), later(2)).await;
            assert!(matches!(held, Err(StoreError::LeaseLost)), "{wish}: {held:?}");
            assert_eq!(fixture.lease(now()).await, None, "{wish}: its last request may be under way");
            fixture.db.release_lease(&overtaken).await.unwrap();
            let next = fixture.lease(later(1)).await.unwrap_or_else(|| panic!("{wish}: the account is free"));
            assert!(fixture.lease(later(1)).await.is_none(), "{wish}: one of the two at a time");
            // Whoever was overtaken has nothing to give back any more.
            fixture.db.release_lease(&overtaken).await.unwrap();
            fixture.db.release_lease(&next).await.unwrap();
            assert!(fixture.lease(later(1)).await.is_none(), "{wish}: a lease that is held stays");
            fixture
                .execute("UPDATE calendar_connections SET status = 'disconnected', leased_until = NULL")
                .await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_lease_of_a_round_that_ended_without_a_word_runs_out() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, _) = fixture.imported(provider, "x", vec![]).await;
        assert!(fixture.db.disconnect(provider, lease.connection, false, now()).await.unwrap());
        assert_eq!(fixture.lease(later(1)).await, None);
        let next = fixture.lease(later(2)).await.expect("it ran out");
        // Late, and no longer its own.
        fixture.db.release_lease(&lease).await.unwrap();
        assert_eq!(fixture.lease(later(2)).await, None);
        assert!(fixture.db.round_input(&next).await.is_ok());
    })
    .await;
}
