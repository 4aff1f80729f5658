//! The sync log, event by event.

use super::{later, now, report, single, weekly};
use crate::support::{Fixture, on_both};
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::{CalendarId, ProviderId};
use simone_store::views::{LogRow, RoundView};
use simone_sync::event::{Change, Details, ObservedEvent, OriginalStart, Shape, Span};
use simone_sync::import::{Draft, Pull};
use simone_sync::log::{Entry, KEPT_ENTRIES, Kind};
use simone_sync::ports::{Choices as _, Lease, RoundStore as _};
use simone_sync::round::Outcome;
use std::collections::BTreeSet;

impl Fixture {
    /// Pulls as the engine does.
    async fn pull(&self, lease: &Lease, calendar: CalendarId, complete: bool, changes: Vec<Change>) {
        let at = lease.until - TimeDelta::minutes(2);
        let target = self.db.pull_targets(lease).await.unwrap();
        let expected_cursor = target.iter().find(|it| it.calendar == calendar).unwrap().cursor.clone();
        let cursor = format!("{}+", expected_cursor.clone().unwrap_or_default());
        let (whole, covers) = (BTreeSet::new(), None);
        let pull = Pull { calendar, expected_cursor, complete, changes, whole, cursor, covers, zone: None };
        let known = self.db.known_events(calendar, None).await.unwrap();
        let draft = Draft::new(pull, &known, at);
        let plan = draft.brake(&self.db.block_counts(calendar, at).await.unwrap());
        assert!(self.db.apply_pull(lease, &plan, at).await.unwrap());
        self.db.derive(lease.provider, at).await.unwrap();
    }

    async fn log(&self, provider: ProviderId) -> Vec<LogRow> {
        self.db.sync_log(provider, None, 1).await.unwrap().rows
    }

    /// What the log tells of the newest round.
    async fn newest(&self, provider: ProviderId) -> RoundView {
        let id = self.log(provider).await[0].id;
        self.db.sync_round(provider, id).await.unwrap().expect("it is theirs")
    }
}

fn present(event: ObservedEvent) -> Change {
    Change::Present(Box::new(event))
}

fn titled(event: ObservedEvent, title: &str) -> ObservedEvent {
    ObservedEvent {
        details: Details { title: title.to_owned(), link: None, ..Details::default() },
        revision: title.to_owned(),
        ..event
    }
}

fn entries(round: &RoundView) -> Vec<&Entry> {
    round.calendars.iter().flat_map(|it| &it.changes.as_ref().expect("they open").entries).collect()
}

fn starts(at: DateTime<Utc>) -> Option<Span> {
    Some(Span::Timed { start: at, end: at + TimeDelta::hours(1) })
}

#[tokio::test]
async fn a_round_tells_what_it_changed_from_what_to_what() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let events =
            vec![single("dentist", later(60)), single("lost", later(90)), weekly("yoga", later(120))];
        let (lease, calendar) = fixture.imported(provider, "x", events).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 3)).await.unwrap();
        let first = fixture.newest(provider).await;
        assert_eq!((first.row.added, first.row.outcome.as_str(), first.row.requests), (3, "ok", 2));
        assert_eq!(first.calendars[0].name.as_deref(), Some("Calendar primary"));
        assert!(entries(&first).iter().all(|entry| entry.kind == Kind::Added && entry.before.is_none()));

        let lease = fixture.lease(later(5)).await.unwrap();
        let slot = later(120) + TimeDelta::weeks(1);
        let shape = Shape::Exception {
            master: "yoga".to_owned(),
            original_start: OriginalStart::Instant(slot),
            span: None,
        };
        let cancelled = ObservedEvent { shape, details: Details::default(), ..single("yoga_1", slot) };
        let mut moved = titled(single("dentist", later(240)), "Secret orthodontist");
        moved.marks.free = true;
        let changes = vec![present(moved), present(cancelled), Change::Gone { id: "lost".to_owned() }];
        fixture.pull(&lease, calendar, false, changes).await;
        let under_way = fixture.newest(provider).await;
        assert_eq!((under_way.row.outcome.as_str(), under_way.row.under_way), ("unfinished", true));
        fixture.db.end_round(&lease, &report(later(5), Outcome::Ok, 1)).await.unwrap();

        assert_eq!(fixture.log(provider).await.len(), 2, "one row a round");
        let second = fixture.newest(provider).await;
        assert_eq!(
            (second.row.added, second.row.changed, second.row.removed, second.row.outcome.as_str()),
            (0, 2, 1, "ok")
        );
        let told = entries(&second);
        let of = |kind: Kind, title: &str| {
            let is = |entry: &&&Entry| {
                entry.kind == kind && entry.after.as_ref().or(entry.before.as_ref()).unwrap().title == title
            };
            *told.iter().find(is).unwrap_or_else(|| panic!("{kind:?} {title} of {told:?}"))
        };
        let moved = of(Kind::Changed, "Secret orthodontist");
        let (before, after) = (moved.before.as_ref().unwrap(), moved.after.as_ref().unwrap());
        assert_eq!((before.title.as_str(), before.span), ("Secret dentist", starts(later(60))));
        assert_eq!((before.because.as_str(), after.because.as_str()), ("busy", "marked_free"));
        assert_eq!(after.span, starts(later(240)));
        let cancelled = told.iter().find(|it| it.after.as_ref().is_some_and(|it| it.span.is_none())).unwrap();
        assert_eq!(cancelled.before.as_ref().unwrap().span, starts(slot), "as its series said");
        let lost = told.iter().find(|entry| entry.kind == Kind::Removed).unwrap();
        assert_eq!((lost.before.as_ref().unwrap().span, &lost.after), (starts(later(90)), &None));
    })
    .await;
}

#[tokio::test]
async fn a_round_that_is_cut_off_keeps_what_it_has_changed() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (_, calendar) = fixture.imported(provider, "x", vec![single("dentist", later(60))]).await;
        // It never ends; another process takes over when the lease has run out.
        let lease = fixture.lease(later(10)).await.expect("the first lease has run out");
        let cut = fixture.newest(provider).await;
        assert_eq!((cut.row.outcome.as_str(), cut.row.under_way, cut.row.added), ("unfinished", false, 1));
        assert_eq!(entries(&cut).len(), 1);
        fixture.pull(&lease, calendar, false, vec![Change::Gone { id: "dentist".to_owned() }]).await;
        fixture.db.end_round(&lease, &report(later(10), Outcome::Ok, 1)).await.unwrap();
        let rows = fixture.log(provider).await;
        let outcomes: Vec<_> =
            rows.iter().map(|row| (row.outcome.as_str(), row.added, row.removed)).collect();
        assert_eq!(outcomes, [("ok", 0, 1), ("unfinished", 1, 0)]);
    })
    .await;
}

#[tokio::test]
async fn a_round_that_fails_after_a_pull_keeps_its_counts() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, _) = fixture.imported(provider, "x", vec![single("dentist", later(60))]).await;
        // The commit went through, and its answer was lost: the engine knows of no change.
        fixture.db.end_round(&lease, &report(now(), Outcome::Database, 0)).await.unwrap();
        let round = fixture.newest(provider).await;
        assert_eq!((round.row.outcome.as_str(), round.row.added, round.row.requests), ("database", 1, 2));
        assert_eq!(fixture.log(provider).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn removals_that_are_held_and_come_back_are_told() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let many: Vec<_> = (0..30).map(|n| single(&format!("e{n}"), later(60 + n * 90))).collect();
        let (lease, calendar) = fixture.imported(provider, "x", many.clone()).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 30)).await.unwrap();
        let lease = fixture.lease(later(5)).await.unwrap();
        let gone = many.iter().map(|event| Change::Gone { id: event.id.clone() }).collect();
        fixture.pull(&lease, calendar, false, gone).await;
        // The same round lists in full, and they are there after all.
        fixture.pull(&lease, calendar, true, many.into_iter().map(present).collect()).await;
        fixture.db.end_round(&lease, &report(later(5), Outcome::Ok, 1)).await.unwrap();
        let round = fixture.newest(provider).await;
        assert_eq!((round.row.held, round.row.changed, round.row.removed), (30, 30, 0));
        assert_eq!(round.calendars.len(), 2, "two pulls of one calendar");
        let told = entries(&round);
        assert_eq!(told.iter().filter(|entry| entry.kind == Kind::Held).count(), 30);
        assert_eq!(told.iter().filter(|entry| entry.released).count(), 30);
    })
    .await;
}

#[tokio::test]
async fn of_a_large_import_some_events_are_told_and_the_rest_counted() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        fixture.connection(provider, "x").await;
        let lease = fixture.lease(now()).await.unwrap();
        fixture.db.apply_calendars(&lease, &[super::remote("primary", true)], now()).await.unwrap();
        let calendar = fixture.db.pull_targets(&lease).await.unwrap()[0].calendar;
        let many = (0..450).map(|n| present(single(&format!("e{n}"), later(60 + n)))).collect();
        fixture.pull(&lease, calendar, true, many).await;
        let round = fixture.newest(provider).await;
        let changes = round.calendars[0].changes.as_ref().unwrap();
        assert_eq!((round.row.added, changes.entries.len(), changes.more), (450, KEPT_ENTRIES, 250));
    })
    .await;
}

#[tokio::test]
async fn what_the_log_tells_goes_when_the_connection_does_and_in_time() {
    on_both(async |fixture| {
        for disconnects in [true, false] {
            let name = if disconnects { "a" } else { "b" };
            let provider = fixture.provider(name).await;
            let (lease, _) = fixture.imported(provider, name, vec![single("dentist", later(60))]).await;
            fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap();
            assert_eq!(fixture.count("calendar_sync_changes").await, 1);
            if disconnects {
                assert!(fixture.db.disconnect(provider, lease.connection, false, later(1)).await.unwrap());
                let round = fixture.newest(provider).await;
                assert!(round.erased && round.calendars.is_empty());
                assert_eq!(round.row.added, 1, "that it was is still known");
            } else {
                fixture.db.prune(now() + TimeDelta::days(91)).await.unwrap();
                assert!(fixture.log(provider).await.is_empty());
            }
            assert_eq!(fixture.count("calendar_sync_changes").await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_reads_another_ones_log_nor_without_the_key() {
    on_both(async |fixture| {
        let (owner, stranger) = (fixture.provider("a").await, fixture.provider("b").await);
        let (lease, _) = fixture.imported(owner, "x", vec![single("dentist", later(60))]).await;
        fixture.db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap();
        let id = fixture.log(owner).await[0].id;
        assert!(fixture.db.sync_round(stranger, id).await.unwrap().is_none());
        let blind = fixture.with_another_key().await;
        let round = blind.sync_round(owner, id).await.unwrap().unwrap();
        assert!(round.calendars[0].changes.is_none());
        assert_eq!(round.row.added, 1);
        blind.close().await;
    })
    .await;
}

#[tokio::test]
async fn quiet_days_are_one_line() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        fixture.connection(provider, "x").await;
        for day in 0..3 {
            for minutes in [0, 5, 10] {
                let at = later(minutes + day * 24 * 60);
                let lease = fixture.lease(at).await.expect("every five minutes");
                fixture.db.end_round(&lease, &report(at, Outcome::Ok, 0)).await.unwrap();
            }
        }
        let rows = fixture.log(provider).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].rounds, rows[0].started_at), (9, now()));
        let round = fixture.newest(provider).await;
        assert!(round.calendars.is_empty() && !round.erased);
    })
    .await;
}
