//! What the store promises, on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test, as the tests themselves do")]

mod api_tokens;
mod bookings;
mod bookings_kept;
mod bounded;
mod conflicts;
mod entered;
mod gone;
mod keys;
mod leases;
mod log;
mod people;
mod reasons;
mod stamps;
mod support;
mod transfer;
mod webhooks;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use simone_booking::{CalendarId, ConnectionId, Locale, ProviderId, id::UnavailabilityId};
use simone_store::deliveries::EmailKind;
use simone_sync::event::{Details, Marks, ObservedEvent, Series, Shape, Span};
use simone_sync::import::{Counts, PullPlan};
use simone_sync::log::{Kind, Noted};
use simone_sync::platform::{Access, Account, Platform, RemoteCalendar};
use simone_sync::ports::{
    Attempt, Choices as _, ConnectStore as _, Lease, Recorded, RoundStore as _, StoreError,
};
use simone_sync::round::{Outcome, RoundReport};
use support::{Fixture, on_both};

fn now() -> DateTime<Utc> {
    "2026-01-06T09:00:00Z".parse().unwrap()
}

fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

impl Fixture {
    async fn provider(&self, name: &str) -> ProviderId {
        let new = simone_store::NewProvider {
            name: name.to_owned(),
            email: format!("{name}@simone.test"),
            zone: chrono_tz::Europe::Paris,
            locale: Locale::Fr,
        };
        self.db.add_provider(&new, now()).await.unwrap().expect("a new address")
    }

    async fn connect(
        &self,
        provider: ProviderId,
        account: &str,
        reconnects: Option<ConnectionId>,
    ) -> Recorded {
        let attempt = Attempt { provider, platform: Platform::Google, reconnects, verifier: "v".into() };
        let account = Account { id: account.to_owned(), email: format!("{account}@gmail.test") };
        let (access, refresh) = ("secret-access".into(), "secret-refresh".into());
        self.db
            .record_grant(&attempt, &account, &access, later(60), &refresh, "calendar", now())
            .await
            .unwrap()
    }

    async fn connection(&self, provider: ProviderId, account: &str) -> ConnectionId {
        match self.connect(provider, account, None).await {
            Recorded::Connected(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    async fn lease(&self, at: DateTime<Utc>) -> Option<Lease> {
        self.db.lease_due(at, at + TimeDelta::minutes(2), 1).await.unwrap().pop()
    }

    /// A connection whose primary calendar holds the given events, derived.
    async fn imported(
        &self,
        provider: ProviderId,
        account: &str,
        events: Vec<ObservedEvent>,
    ) -> (Lease, CalendarId) {
        self.connection(provider, account).await;
        let lease = self.lease(now()).await.expect("a new connection is due");
        self.db
            .apply_calendars(&lease, &[remote("primary", true), remote("other", false)], now())
            .await
            .unwrap();
        let target = self.db.pull_targets(&lease).await.unwrap().pop().expect("the primary one is selected");
        assert!(self.db.apply_pull(&lease, &plan(target.calendar, None, events), now()).await.unwrap());
        self.db.derive(provider, now()).await.unwrap();
        (lease, target.calendar)
    }
}

fn remote(id: &str, primary: bool) -> RemoteCalendar {
    RemoteCalendar {
        id: id.to_owned(),
        name: format!("Calendar {id}"),
        color: Some("#3f7cc4".to_owned()),
        access: Access::Write,
        zone: Some("Europe/Paris".to_owned()),
        primary,
    }
}

fn single(id: &str, start: DateTime<Utc>) -> ObservedEvent {
    ObservedEvent {
        id: id.to_owned(),
        revision: "1".to_owned(),
        shape: Shape::Single { span: Span::Timed { start, end: start + TimeDelta::hours(1) } },
        marks: Marks::default(),
        details: Details { title: "Secret dentist".to_owned(), link: None, ..Details::default() },
        updated: None,
        ical_uid: None,
        marker: None,
    }
}

fn weekly(id: &str, start: DateTime<Utc>) -> ObservedEvent {
    let first = Span::Timed { start, end: start + TimeDelta::hours(1) };
    let series =
        Series { first, zone: Some("Europe/Paris".to_owned()), lines: vec!["RRULE:FREQ=WEEKLY".to_owned()] };
    ObservedEvent { shape: Shape::Master { series }, ..single(id, start) }
}

fn added(event: &ObservedEvent) -> Noted {
    Noted { kind: Kind::Added, id: event.id.clone(), now: Some(Box::new(event.clone())) }
}

fn plan(calendar: CalendarId, expected: Option<&str>, upserts: Vec<ObservedEvent>) -> PullPlan {
    PullPlan {
        calendar,
        expected_cursor: expected.map(str::to_owned),
        counts: Counts { added: upserts.len(), ..Counts::default() },
        touched: upserts.iter().map(|event| event.id.clone()).collect(),
        noted: upserts.iter().map(added).collect(),
        upserts,
        remove: Vec::new(),
        hold: Vec::new(),
        cursor: Some("c1".to_owned()),
        covers: None,
        zone: None,
        delays: (0, 0),
    }
}

fn report(at: DateTime<Utc>, outcome: Outcome, added: usize) -> RoundReport {
    RoundReport {
        started_at: at,
        ended_at: at + TimeDelta::seconds(1),
        outcome,
        counts: Counts { added, ..Counts::default() },
        requests: 2,
        refreshes: 0,
        delays: (0, 0),
        advances: Vec::new(),
        pulled_from: None,
        exports: Default::default(),
        next_sync_at: at + TimeDelta::minutes(5),
        not_before: None,
        list_doubted: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_connection_is_leased_once_however_many_ask() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        for account in 0..8 {
            fixture.connection(provider, &format!("account{account}")).await;
        }
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let db = fixture.db.clone();
            tasks.spawn(async move { db.lease_due(now(), later(2), 3).await.unwrap() });
        }
        let leased: Vec<ConnectionId> =
            tasks.join_all().await.into_iter().flatten().map(|lease| lease.connection).collect();
        let distinct: std::collections::HashSet<ConnectionId> = leased.iter().copied().collect();
        assert_eq!((leased.len(), distinct.len()), (8, 8));
    })
    .await;
}

#[tokio::test]
async fn a_wake_up_during_a_round_is_not_lost_and_after_a_failure_the_schedule_rules() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let connection = fixture.connection(provider, "x").await;
        let lease = fixture.lease(now()).await.unwrap();
        assert_eq!(fixture.lease(now()).await, None, "it is leased");
        assert!(fixture.db.wake(provider, connection).await.unwrap());
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        let lease = fixture.lease(now()).await.expect("it was woken while the round ran");
        fixture.db.end_round(&lease, &report(now(), Outcome::Unavailable, 0)).await.unwrap();
        assert_eq!(fixture.lease(later(4)).await, None, "it failed, and waits for its time");
        assert!(fixture.lease(later(5)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_runs_out_is_taken_over_and_its_holder_writes_nothing_more() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (mut first, calendar) = fixture.imported(provider, "x", vec![]).await;
        let second = fixture.lease(later(3)).await.expect("the first one ran out");
        assert!(second.epoch > first.epoch);
        let overtaken = fixture.db.hold_lease(&mut first, later(3), later(5)).await;
        assert!(matches!(overtaken, Err(StoreError::LeaseLost)));
        let pull = plan(calendar, Some("c1"), vec![single("e", later(60))]);
        let pull = PullPlan { cursor: Some("c2".to_owned()), ..pull };
        assert!(matches!(fixture.db.apply_pull(&first, &pull, now()).await, Err(StoreError::LeaseLost)));
        let ended = fixture.db.end_round(&first, &report(now(), Outcome::Ok, 1)).await;
        assert!(matches!(ended, Err(StoreError::LeaseLost)));
        assert!(fixture.db.apply_pull(&second, &pull, now()).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_platform_that_asks_to_wait_is_not_asked_by_anyone_on_that_account() {
    on_both(async |fixture| {
        let (one, other) = (fixture.provider("a").await, fixture.provider("b").await);
        fixture.connection(one, "shared").await;
        let lease = fixture.lease(now()).await.unwrap();
        let waits = RoundReport { not_before: Some(later(30)), ..report(now(), Outcome::RateLimited, 0) };
        fixture.db.end_round(&lease, &waits).await.unwrap();
        let neighbour = fixture.connection(other, "shared").await;
        assert!(fixture.db.wake(other, neighbour).await.unwrap());
        assert_eq!(fixture.lease(later(29)).await, None, "no click overrides it");
        assert!(fixture.lease(later(30)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_token_changes_only_from_what_was_read() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let connection = fixture.connection(provider, "x").await;
        let lease = fixture.lease(now()).await.unwrap();
        let read = fixture.db.round_input(&lease).await.unwrap().tokens.unwrap();
        let (access, refresh): (SecretString, SecretString) = ("a2".into(), "r2".into());
        let stored =
            fixture.db.replace_tokens(connection, &read.seal, &access, later(60), Some(&refresh)).await;
        assert!(stored.unwrap());
        let stale = fixture.db.replace_tokens(connection, &read.seal, &"a3".into(), later(60), None).await;
        assert!(!stale.unwrap(), "a newer one stands there");
        assert!(
            !fixture.db.flag_reconnect(&lease, Some(&read.seal), now()).await.unwrap(),
            "nor is it flagged"
        );
        let now_stored = fixture.db.round_input(&lease).await.unwrap().tokens.unwrap();
        assert_eq!((now_stored.access.expose_secret(), now_stored.refresh.expose_secret()), ("a2", "r2"));
        // Google's refresh names no refresh token: the stored one stays.
        assert!(
            fixture
                .db
                .replace_tokens(connection, &now_stored.seal, &"a4".into(), later(60), None)
                .await
                .unwrap()
        );
        let now_stored = fixture.db.round_input(&lease).await.unwrap().tokens.unwrap();
        assert_eq!((now_stored.access.expose_secret(), now_stored.refresh.expose_secret()), ("a4", "r2"));
    })
    .await;
}

#[tokio::test]
async fn a_dead_grant_tells_the_provider_once_and_keeps_the_blocks() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        let before = fixture.blocks(provider).await;
        assert_eq!(before.len(), 13);
        assert!(fixture.db.flag_reconnect(&lease, None, now()).await.unwrap());
        assert!(!fixture.db.flag_reconnect(&lease, None, now()).await.unwrap());
        fixture.db.end_round(&lease, &report(now(), Outcome::NeedsReconnect, 0)).await.unwrap();
        fixture.db.derive(provider, later(24 * 60)).await.unwrap();
        assert_eq!(fixture.blocks(provider).await[..12], before[1..], "the last known blocks stay; the first is over");
        assert_eq!(fixture.lease(later(60)).await, None, "nothing is asked with a dead grant");
        let told = fixture.db.due_emails(later(1), 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert!(matches!(&told[0].email.kind, EmailKind::NeedsReconnect { account, .. } if account == "x@gmail.test"));
        assert_eq!(fixture.count("notices WHERE settled_at IS NULL").await, 1);

        let again = fixture.connect(provider, "x", Some(lease.connection)).await;
        assert_eq!(again, Recorded::Reconnected(lease.connection));
        assert_eq!(fixture.count("notices WHERE settled_at IS NULL").await, 0);
        let lease = fixture.lease(now()).await.expect("it syncs at once");
        let targets = fixture.db.pull_targets(&lease).await.unwrap();
        assert_eq!((targets[0].calendar, targets[0].cursor.as_deref()), (calendar, Some("c1")), "no choice is lost");
    })
    .await;
}

#[tokio::test]
async fn an_account_is_connected_once_and_reconnected_only_as_itself() {
    on_both(async |fixture| {
        let (provider, other) = (fixture.provider("a").await, fixture.provider("b").await);
        let x = fixture.connection(provider, "x").await;
        let y = fixture.connection(provider, "y").await;
        assert_eq!(fixture.connect(provider, "x", None).await, Recorded::AlreadyConnected(x));
        assert_eq!(fixture.connect(provider, "y", Some(x)).await, Recorded::OtherAccount);
        assert_eq!(fixture.connect(provider, "z", Some(x)).await, Recorded::OtherAccount);
        assert_eq!(fixture.connect(other, "x", Some(x)).await, Recorded::Vanished, "it is a neighbour's");
        assert!(
            matches!(fixture.connect(other, "x", None).await, Recorded::Connected(_)),
            "accounts may be shared"
        );
        assert!(fixture.db.disconnect(provider, y, false, now()).await.unwrap());
        assert_eq!(fixture.connect(provider, "y", Some(y)).await, Recorded::Vanished);
        assert!(matches!(fixture.connect(provider, "y", None).await, Recorded::Connected(new) if new != y));
    })
    .await;
}

#[tokio::test]
async fn an_authorization_is_completed_once_in_its_session_and_in_time() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let attempt =
            Attempt { provider, platform: Platform::Google, reconnects: None, verifier: "pkce".into() };
        fixture.db.begin_attempt("state", b"mine", &attempt, now(), later(15)).await.unwrap();
        let take = async |state: &str, session: &[u8], at| {
            fixture.db.take_attempt(state, session, at).await.unwrap()
        };
        assert!(take("forged", b"mine", now()).await.is_none());
        assert!(take("state", b"another", now()).await.is_none());
        assert!(take("state", b"mine", later(15)).await.is_none(), "too late");
        let taken = take("state", b"mine", later(14)).await.expect("in time");
        assert_eq!(taken.verifier.expose_secret(), "pkce");
        assert!(take("state", b"mine", later(14)).await.is_none(), "only once");
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_takes_the_blocks_at_once_and_the_tokens_in_the_end() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (mut running, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        assert!(fixture.db.disconnect(provider, running.connection, false, now()).await.unwrap());
        assert!(fixture.blocks(provider).await.is_empty());
        assert_eq!(fixture.count("calendar_sync_events").await, 0);
        let stopped = fixture.db.hold_lease(&mut running, now(), later(2)).await;
        assert!(
            matches!(stopped, Err(StoreError::LeaseLost)),
            "the running round stops before its next call"
        );
        let late = plan(calendar, Some("c1"), vec![single("e", later(9))]);
        let late = fixture.db.apply_pull(&running, &late, now()).await;
        assert!(matches!(late, Ok(false) | Err(StoreError::LeaseLost)));
        assert_eq!(fixture.count("calendar_sync_events").await, 0, "and writes nothing more");

        fixture.db.release_lease(&running).await.unwrap();
        let lease = fixture.lease(now()).await.expect("the grant is to be revoked");
        assert!(fixture.db.round_input(&lease).await.unwrap().tokens.is_some());
        fixture.db.finish_disconnect(&lease, true, now()).await.unwrap();
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        assert_eq!(fixture.count("calendar_connections WHERE refresh_token IS NOT NULL").await, 0);
        assert_eq!(fixture.count("calendar_connections WHERE access_token IS NOT NULL").await, 0);
        assert_eq!(fixture.lease(later(600)).await, None);
        assert_eq!(fixture.count("notices WHERE kind = 'disconnect_abandoned'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn unselecting_forgets_and_a_pull_that_began_before_is_not_taken() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        assert!(fixture.db.select_calendar(provider, calendar, false, now()).await.unwrap());
        assert!(fixture.blocks(provider).await.is_empty(), "at once");
        assert_eq!(fixture.count("calendar_sync_events").await, 0);
        let delta = plan(calendar, Some("c1"), vec![single("e", later(60))]);
        let overtaken = fixture.db.apply_pull(&lease, &delta, now()).await;
        assert!(matches!(overtaken, Ok(false) | Err(StoreError::LeaseLost)));
        // Selected anew: neither what read the old rows nor a delta from the old cursor may land.
        assert!(fixture.db.select_calendar(provider, calendar, true, now()).await.unwrap());
        let stale = plan(calendar, None, vec![]);
        assert!(matches!(fixture.db.apply_pull(&lease, &stale, now()).await, Err(StoreError::LeaseLost)));
        fixture.db.release_lease(&lease).await.unwrap();
        let lease = fixture.lease(now()).await.expect("it is to be imported");
        assert!(!fixture.db.apply_pull(&lease, &delta, now()).await.unwrap());
        let full = plan(calendar, None, vec![weekly("yoga", later(60))]);
        assert!(fixture.db.apply_pull(&lease, &full, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.blocks(provider).await.len(), 13);
    })
    .await;
}

#[tokio::test]
async fn blocks_keep_their_rows_and_unchanged_ones_cost_no_write() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture
            .imported(provider, "x", vec![weekly("yoga", later(60)), single("dentist", later(120))])
            .await;
        let before = fixture.block_ids(provider).await;
        assert_eq!(before.len(), 14);
        assert_eq!(fixture.db.derive(provider, now()).await.unwrap().rows, 0);
        let moved = ObservedEvent { revision: "2".into(), ..single("dentist", later(180)) };
        let change = PullPlan { cursor: Some("c2".into()), ..plan(calendar, Some("c1"), vec![moved]) };
        assert!(fixture.db.apply_pull(&lease, &change, now()).await.unwrap());
        assert_eq!(fixture.db.derive(provider, now()).await.unwrap().rows, 1, "only what moved");
        assert_eq!(fixture.block_ids(provider).await, before);
        // A week later the horizon has moved on by itself.
        let rows = fixture.db.derive(provider, later(7 * 24 * 60)).await.unwrap().rows;
        assert_eq!(rows, 3, "one more ahead, two are over");
    })
    .await;
}

#[tokio::test]
async fn held_removals_stay_until_the_provider_decides() {
    on_both(async |fixture| {
        for accept in [true, false] {
            let provider = fixture.provider(if accept { "a" } else { "b" }).await;
            let account = if accept { "x" } else { "y" };
            let (lease, calendar) =
                fixture.imported(provider, account, vec![weekly("yoga", later(60))]).await;
            let hold = PullPlan {
                hold: vec!["yoga".to_owned()],
                cursor: None,
                counts: Counts { held: 1, ..Counts::default() },
                ..plan(calendar, Some("c1"), vec![])
            };
            assert!(fixture.db.apply_pull(&lease, &hold, now()).await.unwrap());
            fixture.db.derive(provider, now()).await.unwrap();
            let blocks = fixture.blocks(provider).await;
            assert_eq!(blocks.len(), 13, "its blocks stay");
            assert_eq!(
                fixture.db.pull_targets(&lease).await.unwrap()[0].cursor,
                None,
                "it is listed in full"
            );
            if accept {
                assert!(fixture.db.accept_removals(provider, calendar, now()).await.unwrap());
            } else {
                assert!(fixture.db.refuse_removals(provider, calendar, now()).await.unwrap());
            }
            fixture.db.derive(provider, now()).await.unwrap();
            assert_eq!(fixture.blocks(provider).await, if accept { vec![] } else { blocks });
            assert!(
                !fixture.db.accept_removals(provider, calendar, now()).await.unwrap(),
                "nothing is held any more"
            );
            fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 0)).await.unwrap();
        }
        assert_eq!(fixture.count("notices WHERE settled_at IS NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_series_that_cannot_be_read_keeps_what_is_known_and_says_so() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        let mut broken = weekly("yoga", later(60));
        broken.revision = "2".to_owned();
        if let Shape::Master { series } = &mut broken.shape {
            series.lines = vec!["RRULE:FREQ=SOMETIMES".to_owned()];
        }
        let change = PullPlan { cursor: Some("c2".into()), ..plan(calendar, Some("c1"), vec![broken]) };
        assert!(fixture.db.apply_pull(&lease, &change, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.blocks(provider).await.len(), 13, "the last known blocks stay");
        let unreadable = fixture.db.unreadable_series(&lease, now()).await.unwrap();
        assert_eq!(unreadable.len(), 1);
        let start = later(60 + 24 * 60);
        let instance = ObservedEvent {
            shape: Shape::Exception {
                master: "yoga".to_owned(),
                original_start: simone_sync::event::OriginalStart::Instant(start),
                span: Some(Span::Timed { start, end: start + TimeDelta::hours(1) }),
            },
            ..single("yoga_1", start)
        };
        fixture.db.apply_stand_ins(&lease, &unreadable[0], Some(&[instance]), now()).await.unwrap();
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(
            fixture.blocks(provider).await,
            [(start, start + TimeDelta::hours(1))],
            "as Google expands it"
        );
        assert!(fixture.db.unreadable_series(&lease, now() - TimeDelta::days(1)).await.unwrap().is_empty());
        assert_eq!(fixture.db.unreadable_series(&lease, now()).await.unwrap().len(), 1, "again each day");
        assert_eq!(fixture.count("notices WHERE kind = 'unreadable_series'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn rounds_in_which_nothing_happened_share_a_row_of_the_log() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        fixture.connection(provider, "x").await;
        for (minutes, outcome, added) in [
            (0, Outcome::Ok, 3),
            (5, Outcome::Ok, 0),
            (10, Outcome::Ok, 0),
            (15, Outcome::Unavailable, 0),
            (20, Outcome::Ok, 0),
            (25, Outcome::Ok, 0),
        ] {
            let lease = fixture.lease(later(minutes)).await.expect("every five minutes");
            fixture.db.end_round(&lease, &report(later(minutes), outcome, added)).await.unwrap();
        }
        assert_eq!(fixture.log_rounds(provider).await, [1, 2, 1, 2]);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_neighbour_can_be_touched() {
    on_both(async |fixture| {
        let (owner, stranger) = (fixture.provider("a").await, fixture.provider("b").await);
        let (lease, calendar) = fixture.imported(owner, "x", vec![weekly("yoga", later(60))]).await;
        let hold =
            PullPlan { hold: vec!["yoga".to_owned()], cursor: None, ..plan(calendar, Some("c1"), vec![]) };
        assert!(fixture.db.apply_pull(&lease, &hold, now()).await.unwrap());
        let before = fixture.dump().await;
        let db = &fixture.db;
        assert!(!db.wake(stranger, lease.connection).await.unwrap());
        assert!(!db.select_calendar(stranger, calendar, false, now()).await.unwrap());
        assert!(!db.block_free(stranger, calendar, true, now()).await.unwrap());
        assert!(!db.disconnect(stranger, lease.connection, false, now()).await.unwrap());
        assert!(!db.accept_removals(stranger, calendar, now()).await.unwrap());
        assert!(!db.refuse_removals(stranger, calendar, now()).await.unwrap());
        assert_eq!(db.account_email(stranger, lease.connection).await.unwrap(), None);
        let blocks = fixture.block_ids(owner).await;
        assert!(!db.remove_unavailability(stranger, UnavailabilityId(blocks[0]), now()).await.unwrap());
        // Only the stranger's own derivation was woken.
        let strip = |dump: Vec<String>| -> Vec<String> {
            dump.into_iter().filter(|row| !row.contains("b@simone.test")).collect()
        };
        assert_eq!(strip(fixture.dump().await), strip(before));
        assert!(
            !db.remove_unavailability(owner, UnavailabilityId(blocks[0]), now()).await.unwrap(),
            "it is imported"
        );
    })
    .await;
}

#[tokio::test]
async fn a_dump_shows_no_token_and_no_title() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        fixture
            .db
            .begin_attempt(
                "secret-state",
                b"secret-session",
                &Attempt {
                    provider,
                    platform: Platform::Google,
                    reconnects: None,
                    verifier: "secret-verifier".into(),
                },
                now(),
                later(15),
            )
            .await
            .unwrap();
        let hold =
            PullPlan { hold: vec!["yoga".to_owned()], cursor: None, ..plan(calendar, Some("c1"), vec![]) };
        assert!(fixture.db.apply_pull(&lease, &hold, now()).await.unwrap());
        assert!(fixture.db.refuse_removals(provider, calendar, now()).await.unwrap());
        let link = EmailKind::LoginLink { token: "secret-link".to_owned() };
        fixture.db.send_email(provider, "login", link, now()).await.unwrap();
        let dump = fixture.dump().await;
        assert!(dump.len() > 20, "there is something to look through");
        for row in &dump {
            for secret in ["secret", "Secret dentist"] {
                let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
                let row_lower = row.to_lowercase();
                assert!(!row.contains(secret) && !row_lower.contains(&hex), "{secret} is in {row}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_email_that_is_due_is_handed_out_once_and_comes_back_until_it_is_settled() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let kind = EmailKind::LoginLink { token: "t".to_owned() };
        fixture.db.send_email(provider, "login", kind.clone(), now()).await.unwrap();
        fixture.db.send_email(provider, "login", kind, now()).await.unwrap();
        let due = fixture.db.due_emails(now(), 10).await.unwrap();
        assert_eq!(due.len(), 1, "one cause, one e-mail");
        assert!(fixture.db.due_emails(now(), 10).await.unwrap().is_empty(), "somebody is sending it");
        let again = fixture.db.due_emails(later(1), 10).await.unwrap();
        assert_eq!(again.len(), 1, "who sent it never said so");
        fixture.db.settle_delivery(again[0].id, later(1), None, None).await.unwrap();
        assert!(fixture.db.due_emails(later(1000), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_do_not_send_the_same_email() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        for number in 0..20 {
            let kind = EmailKind::LoginLink { token: "t".to_owned() };
            fixture.db.send_email(provider, &format!("login:{number}"), kind, now()).await.unwrap();
        }
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let db = fixture.db.clone();
            tasks.spawn(async move { db.due_emails(now(), 5).await.unwrap() });
        }
        let handed_out: Vec<_> = tasks.join_all().await.into_iter().flatten().map(|due| due.id).collect();
        let distinct: std::collections::HashSet<_> = handed_out.iter().collect();
        assert_eq!(handed_out.len(), distinct.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_changes_while_blocks_are_derived_is_not_missed() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![]).await;
        let mut cursor = "c1".to_owned();
        for number in 0..10 {
            let next = format!("d{number}");
            let event = single(&format!("e{number}"), later(60 * (number + 1)));
            let pull = PullPlan { cursor: Some(next.clone()), ..plan(calendar, Some(&cursor), vec![event]) };
            let (one, other, applied) = tokio::join!(
                fixture.db.derive(provider, now()),
                fixture.db.derive(provider, now()),
                fixture.db.apply_pull(&lease, &pull, now()),
            );
            assert!(one.is_ok() && other.is_ok() && applied.unwrap());
            cursor = next;
        }
        while !fixture.db.derive_due(now(), 10).await.unwrap().is_empty() {
            fixture.db.derive(provider, now()).await.unwrap();
        }
        assert_eq!(fixture.blocks(provider).await.len(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_is_not_kept_waiting_for_more_than_a_day() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let connection = fixture.connection(provider, "x").await;
        assert!(fixture.db.disconnect(provider, connection, false, now()).await.unwrap());
        let lease = fixture.lease(now()).await.unwrap();
        let waits = RoundReport {
            not_before: Some(later(60 * 48)),
            next_sync_at: later(60 * 48),
            ..report(now(), Outcome::RateLimited, 0)
        };
        fixture.db.end_round(&lease, &waits).await.unwrap();
        assert_eq!(fixture.lease(later(60 * 23)).await, None);
        assert!(fixture.lease(later(60 * 24)).await.is_some());
    })
    .await;
}

#[tokio::test]
async fn who_loses_the_key_reconnects_and_everything_is_read_again() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        let blocks = fixture.blocks(provider).await;
        let lost = fixture.with_another_key().await;
        assert!(lost.round_input(&lease).await.unwrap().tokens.is_none());
        assert!(lost.flag_reconnect(&lease, None, now()).await.unwrap());
        let attempt = Attempt {
            provider,
            platform: Platform::Google,
            reconnects: Some(lease.connection),
            verifier: "v".into(),
        };
        let account = Account { id: "x".to_owned(), email: "x@gmail.test".to_owned() };
        let (access, refresh) = ("a".into(), "r".into());
        let recorded = lost
            .record_grant(&attempt, &account, &access, later(60), &refresh, "calendar", now())
            .await
            .unwrap();
        assert_eq!(recorded, Recorded::Reconnected(lease.connection));
        lost.release_lease(&lease).await.unwrap();
        let lease = lost.lease_due(now(), later(2), 1).await.unwrap().pop().expect("it syncs at once");
        assert_eq!(lost.pull_targets(&lease).await.unwrap()[0].cursor, None, "it lists in full");
        let known = lost.known_events(calendar, None).await.unwrap();
        assert!(known["yoga"].revision.is_empty(), "and takes nothing for unchanged");
        assert_eq!(fixture.blocks(provider).await, blocks, "the blocks stay meanwhile");
        lost.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_calendar_that_is_withdrawn_keeps_its_blocks_until_the_provider_says_so() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        let renamed = RemoteCalendar { name: "Renamed".to_owned(), ..remote("other", false) };
        fixture.db.apply_calendars(&lease, &[renamed, remote("new", false)], now()).await.unwrap();
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.blocks(provider).await.len(), 13);
        assert!(
            fixture.db.pull_targets(&lease).await.unwrap().is_empty(),
            "there is nothing to read any more"
        );
        assert_eq!(fixture.count("calendars WHERE name = 'Renamed'").await, 1);
        assert_eq!(fixture.count("calendars WHERE selected").await, 1, "a new one is not imported by itself");
        assert!(fixture.db.select_calendar(provider, calendar, false, now()).await.unwrap());
        assert!(fixture.blocks(provider).await.is_empty());
        assert_eq!(
            fixture.count("calendars WHERE gone_at IS NOT NULL").await,
            1,
            "it receives bookings still"
        );
        assert!(fixture.db.set_receiving(provider, lease.connection, None, now()).await.unwrap());
        assert_eq!(fixture.count("calendars WHERE gone_at IS NOT NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_providers_zone_moves_all_day_blocks() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let day = |text: &str| text.parse().unwrap();
        let holiday = ObservedEvent {
            shape: Shape::Single { span: Span::AllDay { start: day("2026-01-10"), end: day("2026-01-16") } },
            ..single("holiday", now())
        };
        fixture.imported(provider, "x", vec![holiday]).await;
        let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
        assert_eq!(
            fixture.blocks(provider).await,
            [(at("2026-01-09T23:00:00Z"), at("2026-01-15T23:00:00Z"))]
        );
        assert!(fixture.db.set_zone(provider, chrono_tz::America::New_York, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(
            fixture.blocks(provider).await,
            [(at("2026-01-10T05:00:00Z"), at("2026-01-16T05:00:00Z"))]
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_took_for_over_is_read_again() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        fixture.imported(provider, "x", vec![single("e", later(60)), weekly("yoga", later(90))]).await;
        let blocks = fixture.blocks(provider).await;
        let ahead = now() + TimeDelta::days(5);
        fixture.db.derive(provider, ahead).await.unwrap();
        assert_eq!(fixture.count("calendar_sync_events").await, 1, "the single event was over");

        assert_eq!(fixture.db.derive_due(now(), 10).await.unwrap(), [provider], "the clock is right again");
        fixture.db.derive(provider, now()).await.unwrap();
        assert!(fixture.db.derive_due(now(), 10).await.unwrap().is_empty());
        assert!(
            fixture.blocks(provider).await.len() < blocks.len(),
            "nobody knows of the single event any more"
        );
        assert_eq!(
            fixture.count("calendars WHERE cursor IS NOT NULL").await,
            0,
            "so the calendar is listed in full"
        );
    })
    .await;
}

#[tokio::test]
async fn a_round_in_which_nothing_happened_writes_its_connection_s_row_and_nothing_else() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, _) = fixture.imported(provider, "x", vec![single("e", later(60))]).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap();
        let logged = fixture.count("calendar_sync_logs").await;
        let written = fixture.db.rows_written().await.unwrap();
        for minute in [6, 12, 18] {
            let lease = fixture.lease(later(minute)).await.expect("it is due");
            fixture.db.round_input(&lease).await.unwrap();
            fixture.db.end_round(&lease, &report(later(minute), Outcome::Ok, 0)).await.unwrap();
        }
        if fixture.db.kind() == "sqlite" {
            // PostgreSQL counts with a delay.
            assert_eq!(fixture.db.rows_written().await.unwrap() - written, 6, "taken and given back, thrice");
        }
        assert_eq!(fixture.count("calendar_sync_logs").await, logged);
        assert_eq!(
            fixture.count("calendar_sync_log_lines WHERE rounds = 3").await,
            1,
            "one line, still growing"
        );
    })
    .await;
}
