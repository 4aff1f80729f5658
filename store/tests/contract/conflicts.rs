//! Conflicts: found when deriving, told once, closed when their cause is gone, settled by their provider alone.

use super::bookings::{asked, at};
use super::{later, now, plan, single};
use crate::support::{Fixture, on_both};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use simone_booking::booking::Actor;
use simone_booking::id::ConflictId;
use simone_booking::{BookingId, CalendarId, ProviderId};
use simone_store::deliveries::EmailKind;
use simone_sync::bookings::{Bookings, Refusal};
use simone_sync::conflict::{Kind, Resolution};
use simone_sync::event::{Marks, ObservedEvent, Shape, Span};
use simone_sync::import::PullPlan;
use simone_sync::ports::{Choices as _, Lease, RoundStore as _};
use simone_sync::settle::{ConflictStore as _, Seen, Unsettled};
use std::sync::Arc;
use uuid::Uuid;

fn instant(at: DateTime<Utc>) -> String {
    format!("'{}'", at.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// An event of ours, as its calendar has it. Marked free, so that the test asks about its times alone.
fn ours(start: DateTime<Utc>, revision: &str) -> ObservedEvent {
    let marks = Marks { free: true, ..Marks::default() };
    ObservedEvent { revision: revision.to_owned(), marks, ..single("ours", start) }
}

impl Fixture {
    /// A booking of an hour that is just there, whatever the rules say.
    async fn booking_row(
        &self,
        provider: ProviderId,
        number: u128,
        start: DateTime<Utc>,
        status: &str,
    ) -> BookingId {
        let (owner, id) = (self.literal(provider.0), self.literal(Uuid::from_u128(number)));
        let (from, until) = (instant(start), instant(start + TimeDelta::hours(1)));
        let sealed = if self.db.kind() == "sqlite" {
            format!("x'{number:064x}'")
        } else {
            format!("'\\x{number:064x}'")
        };
        self.execute(&format!(
            "INSERT INTO services (id, provider_id, name, duration_minutes, place, created_at)
             VALUES ({id}, {owner}, 'Massage 60min', 60, 'client', {from})"
        ))
        .await;
        self.execute(&format!(
            "INSERT INTO bookings (id, provider_id, service_id, service_name, buffer_before_minutes,
                    buffer_after_minutes, place, starts_at, ends_at, status, link_hash, link, origin, created_at,
                    changed_at)
             VALUES ({id}, {owner}, {id}, 'Massage 60min', 30, 30, 'client', {from}, {until}, '{status}', {sealed},
                     {sealed}, 'client', {from}, {from})"
        ))
        .await;
        self.fall_behind(provider).await;
        BookingId(Uuid::from_u128(number))
    }

    async fn fall_behind(&self, provider: ProviderId) {
        let owner = self.literal(provider.0);
        self.execute(&format!("UPDATE providers SET derive_wanted = derive_wanted + 1 WHERE id = {owner}"))
            .await;
    }

    async fn derived_after(&self, provider: ProviderId, sql: &str, at: DateTime<Utc>) {
        self.execute(sql).await;
        self.fall_behind(provider).await;
        self.db.derive(provider, at).await.unwrap();
    }

    /// What was written of a booking to the primary calendar, under the id `ours`.
    async fn export_row(&self, lease: &Lease, booking: BookingId, start: DateTime<Utc>) {
        let (connection, provider) = (self.literal(lease.connection.0), self.literal(lease.provider.0));
        let (from, until) = (instant(start), instant(start + TimeDelta::hours(1)));
        self.execute(&format!(
            "UPDATE calendars SET receives = TRUE WHERE is_primary AND connection_id = {connection}"
        ))
        .await;
        self.execute(&format!(
            "INSERT INTO calendar_exported_bookings (connection_id, booking_id, generation, provider_id, platform,
                    calendar_external_id, name, event_id, starts_at, ends_at, written_at)
             VALUES ({connection}, {}, 1, {provider}, 'google', 'primary', 'ours', 'ours', {from}, {until}, {from})",
            self.literal(booking.0)
        ))
        .await;
        self.fall_behind(lease.provider).await;
    }

    /// The calendar tells of events, or that some are gone.
    async fn calendar_says(
        &self,
        lease: &Lease,
        calendar: CalendarId,
        events: Vec<ObservedEvent>,
        gone: &[&str],
    ) {
        let mut pull = plan(calendar, Some("c1"), events);
        pull.touched.extend(gone.iter().map(|id| (*id).to_owned()));
        let pull = PullPlan { remove: gone.iter().map(|id| (*id).to_owned()).collect(), ..pull };
        assert!(self.db.apply_pull(lease, &pull, now()).await.unwrap());
        self.db.derive(lease.provider, now()).await.unwrap();
    }

    async fn open_conflicts(&self, kind: Kind) -> i64 {
        self.count(&format!("calendar_conflicts WHERE closed_at IS NULL AND kind = '{}'", kind.code())).await
    }

    async fn the_conflict(&self) -> ConflictId {
        let ids = self.ids("SELECT id FROM calendar_conflicts WHERE closed_at IS NULL").await;
        assert_eq!(ids.len(), 1);
        ConflictId(ids[0])
    }

    async fn conflict_seen(&self, provider: ProviderId, conflict: ConflictId) -> Seen {
        self.db.settleable(provider, conflict).await.unwrap().expect("it is theirs").seen
    }
}

#[tokio::test]
async fn an_overlap_is_told_once_follows_its_cause_and_closes_with_it() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![single("lunch", later(120))]).await;
        fixture.booking_row(provider, 1, later(150), "confirmed").await;
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 1);
        let conflict = fixture.the_conflict().await;
        let told = fixture.db.due_emails(later(1), 10).await.unwrap();
        assert_eq!(told.len(), 1);
        let EmailKind::Conflicts { count, first, about, at, .. } = &told[0].email.kind else {
            panic!("an e-mail about the conflict")
        };
        assert_eq!((*count, *first, *about, *at), (1, conflict, Kind::Overlap, later(150)));
        assert_eq!(fixture.count("notices WHERE kind = 'conflict' AND settled_at IS NULL").await, 1);

        // The lunch moves a little: the same conflict, and nothing new to tell.
        fixture.calendar_says(&lease, calendar, vec![single("lunch", later(100))], &[]).await;
        assert_eq!(fixture.the_conflict().await, conflict);
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!(is.interval.start, later(100));
        assert!(!is.can_be_applied);
        assert_eq!(fixture.count("deliveries").await, 1);

        // It moves away.
        fixture.calendar_says(&lease, calendar, vec![single("lunch", later(300))], &[]).await;
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 0);
        assert_eq!(fixture.count("notices WHERE kind = 'conflict' AND settled_at IS NULL").await, 0);
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!((is.open, is.resolution), (false, None));
        // And comes back: that is another one.
        fixture.calendar_says(&lease, calendar, vec![single("lunch", later(150))], &[]).await;
        assert_ne!(fixture.the_conflict().await, conflict);
    })
    .await;
}

#[tokio::test]
async fn an_overlap_closes_when_the_booking_is_cancelled_or_over_or_the_calendar_no_longer_blocks() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let lunch = vec![single("lunch", later(120))];
        let (_, calendar) = fixture.imported(provider, "x", lunch).await;
        fixture.booking_row(provider, 1, later(120), "pending").await;
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(
            fixture.open_conflicts(Kind::Overlap).await,
            1,
            "a slot that is held is taken twice as well"
        );
        fixture.derived_after(provider, "UPDATE bookings SET status = 'cancelled'", now()).await;
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 0);
        fixture.derived_after(provider, "UPDATE bookings SET status = 'confirmed'", now()).await;
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 1);
        fixture.fall_behind(provider).await;
        fixture.db.derive(provider, later(180)).await.unwrap();
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 0, "over");
        fixture.fall_behind(provider).await;
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 1);
        fixture.db.select_calendar(provider, calendar, false, now()).await.unwrap();
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 0);
    })
    .await;
}

#[tokio::test]
async fn many_conflicts_at_once_are_one_email() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        for number in 1..=5 {
            fixture
                .booking_row(provider, number, later(60 * i64::try_from(number).unwrap()), "confirmed")
                .await;
        }
        let day = single("day", later(60));
        let long = Shape::Single { span: Span::Timed { start: later(60), end: later(600) } };
        fixture.imported(provider, "x", vec![ObservedEvent { shape: long, ..day }]).await;
        assert_eq!(fixture.open_conflicts(Kind::Overlap).await, 5);
        let told = fixture.db.due_emails(later(1), 10).await.unwrap();
        assert_eq!(told.len(), 1);
        assert!(matches!(told[0].email.kind, EmailKind::Conflicts { count: 5, at, .. } if at == later(60)));
        assert_eq!(fixture.count("notices WHERE kind = 'conflict'").await, 5);
    })
    .await;
}

#[tokio::test]
async fn a_moved_event_is_a_conflict_until_it_is_put_back_or_the_booking_follows() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(later(120), "r1")]).await;
        let booking = fixture.booking_row(provider, 1, later(120), "confirmed").await;
        fixture.export_row(&lease, booking, later(120)).await;
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.count("calendar_conflicts").await, 0, "it is where we wrote it");

        fixture.calendar_says(&lease, calendar, vec![ours(later(180), "r2")], &[]).await;
        assert_eq!(fixture.open_conflicts(Kind::ExportMoved).await, 1);
        let conflict = fixture.the_conflict().await;
        let stale = fixture.conflict_seen(provider, conflict).await;
        assert_eq!(stale, Seen { event: Some("r2".to_owned()), booking: 1 });

        // Moved once more before the provider decides: what they saw is no longer so.
        fixture.calendar_says(&lease, calendar, vec![ours(later(240), "r3")], &[]).await;
        assert_eq!(fixture.the_conflict().await, conflict);
        assert!(!fixture.db.put_back(provider, conflict, &stale, now()).await.unwrap());
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert!(fixture.db.put_back(provider, conflict, &seen, now()).await.unwrap());
        assert!(!fixture.db.put_back(provider, conflict, &seen, now()).await.unwrap(), "only once");
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!((is.open, is.resolution), (false, Some(Resolution::PutBack)));
        assert_eq!(fixture.count("calendar_exported_bookings WHERE overwrite = 'r3'").await, 1);
        assert_eq!(fixture.count("calendar_connections WHERE exports_wanted > exports_done").await, 1);
        assert_eq!(fixture.count("audit_log WHERE action = 'put_back'").await, 1);
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.open_conflicts(Kind::ExportMoved).await, 0, "it is ours to write over");

        // Another edit before we did is another conflict.
        fixture.calendar_says(&lease, calendar, vec![ours(later(300), "r4")], &[]).await;
        let other = fixture.the_conflict().await;
        assert_ne!(other, conflict);
        // The booking follows it.
        let (from, until) = (instant(later(300)), instant(later(360)));
        fixture
            .derived_after(
                provider,
                &format!("UPDATE bookings SET starts_at = {from}, ends_at = {until}, revision = 2"),
                now(),
            )
            .await;
        assert_eq!(fixture.open_conflicts(Kind::ExportMoved).await, 0);
        fixture.db.applied(provider, other, now()).await.unwrap();
        fixture.db.applied(provider, other, now()).await.unwrap();
        let is = fixture.db.settleable(provider, other).await.unwrap().unwrap();
        assert_eq!(is.resolution, Some(Resolution::Applied));
        assert_eq!(fixture.count("audit_log WHERE action = 'apply'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_event_is_a_conflict_and_another_takes_its_place_if_the_provider_wants_it_back() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(later(120), "r1")]).await;
        let booking = fixture.booking_row(provider, 1, later(120), "confirmed").await;
        fixture.export_row(&lease, booking, later(120)).await;
        fixture.calendar_says(&lease, calendar, vec![], &["ours"]).await;
        assert_eq!(fixture.count("calendar_conflicts").await, 0, "a listing may lag: reading it decides");
        let gone = format!("UPDATE calendar_exported_bookings SET gone_at = {}", instant(now()));
        fixture.derived_after(provider, &gone, now()).await;
        assert_eq!(fixture.open_conflicts(Kind::ExportDeleted).await, 1);
        let conflict = fixture.the_conflict().await;
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert!(fixture.db.put_back(provider, conflict, &seen, now()).await.unwrap());
        assert_eq!(fixture.count("calendar_exported_bookings WHERE retired_at IS NOT NULL").await, 1);
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.count("calendar_conflicts WHERE closed_at IS NULL").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_neighbour_neither_sees_nor_settles_a_conflict() {
    on_both(async |fixture| {
        let (provider, neighbour) = (fixture.provider("a").await, fixture.provider("b").await);
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(later(120), "r1")]).await;
        let booking = fixture.booking_row(provider, 1, later(120), "confirmed").await;
        fixture.export_row(&lease, booking, later(120)).await;
        fixture.calendar_says(&lease, calendar, vec![ours(later(180), "r2")], &[]).await;
        let conflict = fixture.the_conflict().await;
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert_eq!(fixture.db.settleable(neighbour, conflict).await.unwrap(), None);
        assert!(!fixture.db.put_back(neighbour, conflict, &seen, now()).await.unwrap());
        fixture.db.applied(neighbour, conflict, now()).await.unwrap();
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!((is.open, is.resolution), (true, None));
        // Nor do one's blocks stand in the other's way.
        fixture.booking_row(neighbour, 2, later(180), "confirmed").await;
        fixture.db.derive(neighbour, now()).await.unwrap();
        assert_eq!(fixture.count("calendar_conflicts").await, 1);
    })
    .await;
}

/// What a provider's page, and the API, settle with.
async fn settle(
    fixture: &Fixture,
    provider: ProviderId,
    conflict: ConflictId,
    seen: &Seen,
    resolution: Resolution,
) -> Result<(), Unsettled> {
    let clock = Arc::new(StoppedClock);
    let bookings = Bookings::new(Arc::new(fixture.db.clone()), clock, Arc::default());
    simone_sync::settle::settle(&fixture.db, &bookings, provider, conflict, seen, resolution, now())
        .await
        .unwrap()
}

/// It is always now.
struct StoppedClock;

#[async_trait::async_trait]
impl simone_booking::Clock for StoppedClock {
    fn now(&self) -> DateTime<Utc> {
        now()
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

#[tokio::test]
async fn a_booking_follows_the_event_that_was_moved_and_the_client_is_told() {
    on_both(async |fixture| {
        let (provider, service) = fixture.open_provider("a", 0).await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(at(10, 0), "r1")]).await;
        let booking = fixture.book(&asked(provider, service, at(10, 0))).await.unwrap().booking;
        let other = fixture.book(&asked(provider, service, at(14, 0))).await.unwrap().booking;
        fixture.export_row(&lease, booking.id, at(10, 0)).await;
        let told_of = format!("deliveries WHERE cause LIKE 'booking:{}:%:client'", booking.id);
        assert_eq!(fixture.count(&told_of).await, 1);

        // Onto another booking: refused, and nothing is changed.
        fixture.calendar_says(&lease, calendar, vec![ours(at(14, 30), "r2")], &[]).await;
        let conflict = fixture.the_conflict().await;
        let seen = fixture.conflict_seen(provider, conflict).await;
        let refused = settle(fixture, provider, conflict, &seen, Resolution::Applied).await;
        assert!(matches!(refused, Err(Unsettled::Refused(Refusal::Taken { .. }))), "{refused:?}");
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!((is.open, is.resolution), (true, None));
        assert_eq!(fixture.count(&told_of).await, 1);

        // The provider shortens it where it is free, and then moves it once more: what they saw first is no choice.
        fixture.calendar_says(&lease, calendar, vec![ours(at(15, 0), "r3")], &[]).await;
        let stale = fixture.conflict_seen(provider, conflict).await;
        fixture.calendar_says(&lease, calendar, vec![ours(at(16, 0), "r4")], &[]).await;
        let changed = settle(fixture, provider, conflict, &stale, Resolution::Applied).await;
        assert_eq!(changed, Err(Unsettled::Changed));
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert_eq!(settle(fixture, provider, conflict, &seen, Resolution::Applied).await, Ok(()));
        let moved = fixture.db.booking(provider, booking.id).await.unwrap().unwrap();
        assert_eq!(moved.booking.interval.start, at(16, 0));
        assert_eq!(moved.history.last().map(|change| change.actor), Some(Actor::Provider));
        assert_eq!(fixture.count(&told_of).await, 2, "the client is told");
        let is = fixture.db.settleable(provider, conflict).await.unwrap().unwrap();
        assert_eq!((is.open, is.resolution), (false, Some(Resolution::Applied)));
        // A second click changes nothing more.
        assert_eq!(settle(fixture, provider, conflict, &seen, Resolution::Applied).await, Ok(()));
        assert_eq!(
            settle(fixture, provider, conflict, &seen, Resolution::PutBack).await,
            Err(Unsettled::Changed)
        );
        assert_eq!(fixture.count(&told_of).await, 2);
        assert_eq!(fixture.count("audit_log WHERE action = 'apply'").await, 1);
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.count("calendar_conflicts WHERE closed_at IS NULL").await, 0);
        assert_eq!(fixture.db.booking(provider, other.id).await.unwrap().unwrap().booking, other);
    })
    .await;
}

#[tokio::test]
async fn what_became_no_appointment_can_only_be_put_back() {
    on_both(async |fixture| {
        let (provider, service) = fixture.open_provider("a", 0).await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(at(10, 0), "r1")]).await;
        let booking = fixture.book(&asked(provider, service, at(10, 0))).await.unwrap().booking;
        fixture.export_row(&lease, booking.id, at(10, 0)).await;
        let day = Shape::Single {
            span: Span::AllDay { start: "2026-01-07".parse().unwrap(), end: "2026-01-08".parse().unwrap() },
        };
        let whole = ObservedEvent { shape: day, ..ours(at(10, 0), "r2") };
        fixture.calendar_says(&lease, calendar, vec![whole], &[]).await;
        let conflict = fixture.the_conflict().await;
        let shown = fixture.db.conflict(provider, conflict).await.unwrap().unwrap();
        assert!(shown.other.all_day && !shown.can_be_applied());
        assert_eq!(shown.booking.client.unwrap().name, "Marie Durand");
        assert_eq!(shown.other.source.unwrap().calendar, "Calendar primary");
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert_eq!(
            settle(fixture, provider, conflict, &seen, Resolution::Applied).await,
            Err(Unsettled::NoChoice)
        );
        assert_eq!(settle(fixture, provider, conflict, &seen, Resolution::PutBack).await, Ok(()));
        assert_eq!(settle(fixture, provider, conflict, &seen, Resolution::PutBack).await, Ok(()));
        assert_eq!(fixture.count("audit_log WHERE action = 'put_back'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_booking_whose_event_was_deleted_is_cancelled_if_the_provider_says_so() {
    on_both(async |fixture| {
        let (provider, service) = fixture.open_provider("a", 0).await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![ours(at(10, 0), "r1")]).await;
        let booking = fixture.book(&asked(provider, service, at(10, 0))).await.unwrap().booking;
        fixture.export_row(&lease, booking.id, at(10, 0)).await;
        fixture.calendar_says(&lease, calendar, vec![], &["ours"]).await;
        let gone = format!("UPDATE calendar_exported_bookings SET gone_at = {}", instant(now()));
        fixture.derived_after(provider, &gone, now()).await;
        let conflict = fixture.the_conflict().await;
        let seen = fixture.conflict_seen(provider, conflict).await;
        assert_eq!(settle(fixture, provider, conflict, &seen, Resolution::Applied).await, Ok(()));
        let is = fixture.db.booking(provider, booking.id).await.unwrap().unwrap().booking;
        assert_eq!(is.status, simone_booking::booking::Status::Cancelled);
        fixture.db.derive(provider, now()).await.unwrap();
        let found = fixture.db.conflicts(provider, now()).await.unwrap();
        assert_eq!((found.open_count, found.open.len(), found.closed.len()), (0, 0, 1));
        assert_eq!(found.closed[0].resolution, Some(Resolution::Applied));
    })
    .await;
}
