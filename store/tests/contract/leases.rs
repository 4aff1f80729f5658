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
        let [_, (other, second)] = neighbours(fixture).await;
        let mut stalled = fixture.lease(now()).await.unwrap();
        assert!(fixture.db.wake(other, second).await.unwrap());
        fixture
            .execute(&format!(
                "UPDATE calendar_connections SET next_sync_at = created_at WHERE id = {}",
                fixture.id(second.0)
            ))
            .await;
        // The stalled one is due as well, and comes first; it failed, and its turn is later.
        fixture.db.end_round(&stalled, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let neighbour = fixture.lease(later(1)).await.expect("it is the second one's turn");
        assert_eq!(neighbour.connection, second);
        fixture.db.end_round(&neighbour, &report(later(1), Outcome::Ok, 0)).await.unwrap();

        stalled = fixture.lease(later(5)).await.expect("it is due again");
        assert!(stalled.connection != second);
        assert!(fixture.db.hold_lease(&mut stalled, later(6), later(8)).await.is_ok(), "nobody else has it");
        fixture
            .execute(&format!(
                "UPDATE calendar_connections SET wanted = covered, next_sync_at = '{}' WHERE id = {}",
                later(60).to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
                fixture.id(stalled.connection.0)
            ))
            .await;
        assert!(fixture.db.wake(other, second).await.unwrap());
        let mut neighbour = fixture.lease(later(9)).await.expect("the lease ran out");
        assert_eq!(neighbour.connection, second);
        let held = fixture.db.hold_lease(&mut stalled, later(9), later(11)).await;
        assert!(matches!(held, Err(StoreError::LeaseLost)), "{held:?}");
        assert!(fixture.db.hold_lease(&mut neighbour, later(10), later(12)).await.is_ok());
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
