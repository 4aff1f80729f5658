//! Why something blocks, or does not.

use super::{later, now, plan, single, weekly};
use crate::support::{Fixture, on_both};
use chrono::TimeDelta;
use simone_booking::id::UnavailabilityId;
use simone_booking::{CalendarId, Provider, ProviderId};
use simone_store::views::{Reason, UpcomingPage, Which};
use simone_sync::busy::{Because, Verdict};
use simone_sync::event::{Details, Marks, ObservedEvent, OriginalStart, Shape};
use simone_sync::import::PullPlan;
use simone_sync::ports::{Choices as _, RoundStore as _};

impl Fixture {
    async fn known_provider(&self, name: &str) -> Provider {
        self.db.provider_by_email(&format!("{name}@simone.test")).await.unwrap().expect("they are there")
    }

    async fn reasons(&self, provider: ProviderId) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for id in self.block_ids(provider).await {
            let reason = self.db.block_reason(provider, UnavailabilityId(id)).await.unwrap();
            reasons.push(reason.expect("each block has its reason"));
        }
        reasons.sort_by_key(|reason| reason.block.interval);
        reasons
    }

    async fn ahead(&self, name: &str, calendar: CalendarId, which: Which, page: usize) -> UpcomingPage {
        let provider = self.known_provider(name).await;
        let found = self.db.upcoming(&provider, calendar, which, page, now()).await.unwrap();
        found.expect("it is theirs")
    }
}

fn marked(event: ObservedEvent, marks: Marks) -> ObservedEvent {
    ObservedEvent { marks, ..event }
}

#[tokio::test]
async fn every_block_says_which_rule_made_it_and_from_what() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let plain = Marks::default();
        let linked = Details {
            title: "Yoga".to_owned(),
            link: Some("https://calendar.test/yoga".to_owned()),
            ..Details::default()
        };
        let events = vec![
            single("busy", later(60)),
            marked(single("tentative", later(120)), Marks { tentative: true, ..plain }),
            marked(single("unanswered", later(180)), Marks { unanswered: true, ..plain }),
            marked(single("free", later(240)), Marks { free: true, ..plain }),
            ObservedEvent { details: linked, ..weekly("yoga", later(300)) },
        ];
        let (_, calendar) = fixture.imported(provider, "x", events).await;
        fixture.db.block_free(provider, calendar, true, now()).await.unwrap();
        fixture.db.derive(provider, now()).await.unwrap();
        let reasons = fixture.reasons(provider).await;
        let because: Vec<_> =
            reasons.iter().take(5).map(|it| it.imported.as_ref().unwrap().because).collect();
        use Because::*;
        assert_eq!(because, [Busy, Tentative, Unanswered, FreeButWanted, Busy]);
        let yoga = &reasons[4];
        let imported = yoga.imported.as_ref().unwrap();
        assert!(imported.of_series && !imported.exception && !imported.held && !imported.gone);
        assert_eq!(yoga.block.title, "Yoga");
        assert_eq!(yoga.block.link.as_deref(), Some("https://calendar.test/yoga"));
        assert_eq!(yoga.block.source.as_ref().unwrap().calendar, "Calendar primary");
        assert_eq!(imported.calendar, calendar);
        assert_eq!(yoga.derived_at, Some(now()));
        assert!(!reasons[0].imported.as_ref().unwrap().of_series);
        let blind = fixture.with_another_key().await;
        let reason = blind.block_reason(provider, yoga.block.id).await.unwrap().unwrap();
        assert_eq!(reason.block.title, "", "without the key the rule is still known");
        blind.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_block_that_is_held_says_so_and_one_that_was_kept_too() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![single("dentist", later(60))]).await;
        let hold =
            PullPlan { hold: vec!["dentist".to_owned()], cursor: None, ..plan(calendar, Some("c1"), vec![]) };
        assert!(fixture.db.apply_pull(&lease, &hold, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        assert!(fixture.reasons(provider).await[0].imported.as_ref().unwrap().held);
        assert!(fixture.db.refuse_removals(provider, calendar, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        let kept = fixture.reasons(provider).await;
        assert_eq!(kept.len(), 1);
        assert!(kept[0].imported.is_none() && kept[0].block.source.is_none());
        assert_eq!((kept[0].block.title.as_str(), kept[0].created_at), ("Secret dentist", now()));
    })
    .await;
}

#[tokio::test]
async fn every_event_to_come_says_whether_it_blocks_and_why() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let plain = Marks::default();
        let slot = later(60) + TimeDelta::weeks(1);
        let shape = Shape::Exception {
            master: "yoga".to_owned(),
            original_start: OriginalStart::Instant(slot),
            span: None,
        };
        let events = vec![
            ObservedEvent {
                details: Details { title: "Yoga".to_owned(), link: None, ..Details::default() },
                ..weekly("yoga", later(60))
            },
            ObservedEvent { shape, details: Details::default(), ..single("yoga_1", slot) },
            marked(single("declined", later(120)), Marks { declined: true, ..plain }),
            single("over", later(-120)),
            single("far", later(60 * 24 * 100)),
        ];
        let (_, calendar) = fixture.imported(provider, "x", events).await;
        let all = fixture.ahead("a", calendar, Which::All, 1).await;
        assert_eq!((all.blocking, all.not_blocking, all.more), (12, 3, false));
        assert_eq!(all.rows.len(), 15);
        let first = &all.rows[0];
        assert_eq!((first.title.as_str(), first.verdict), ("Yoga", Verdict::Blocks(Because::Busy)));
        let block = first.block.expect("it has a block");
        let reason = fixture.db.block_reason(provider, block).await.unwrap().unwrap();
        assert_eq!(reason.block.interval, first.interval);
        let free = fixture.ahead("a", calendar, Which::NotBlocking, 1).await;
        let said: Vec<_> = free.rows.iter().map(|row| (row.title.as_str(), row.verdict.because())).collect();
        assert_eq!(
            said,
            [
                ("Secret dentist", Because::Declined),
                ("Yoga", Because::Cancelled),
                ("Secret dentist", Because::Beyond),
            ]
        );
        assert!(free.rows.iter().all(|row| row.block.is_none()));
        // As many as there are blocks to come.
        assert_eq!(fixture.blocks(provider).await.iter().filter(|(_, ends)| *ends > now()).count(), 12);
    })
    .await;
}

#[tokio::test]
async fn what_is_to_come_is_paged() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let many = (0..120).map(|n| single(&format!("e{n:03}"), later(60 + n * 30))).collect();
        let (_, calendar) = fixture.imported(provider, "x", many).await;
        let mut seen = Vec::new();
        for page in 1..=3 {
            let shown = fixture.ahead("a", calendar, Which::All, page).await;
            assert_eq!((shown.page, shown.more), (page, page < 3));
            seen.extend(shown.rows.into_iter().map(|row| row.interval.start));
        }
        assert_eq!(seen.len(), 120);
        assert!(seen.is_sorted());
        assert_eq!(fixture.ahead("a", calendar, Which::All, 99).await.page, 3, "beyond the end is the end");
        assert_eq!(fixture.ahead("a", calendar, Which::All, 0).await.page, 1);
        assert!(fixture.ahead("a", calendar, Which::NotBlocking, 7).await.rows.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_series_that_cannot_be_read_lists_what_stands_of_it() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![weekly("yoga", later(60))]).await;
        let mut odd = weekly("yoga", later(60));
        let Shape::Master { series } = &mut odd.shape else { unreachable!() };
        series.lines = vec!["RRULE:FREQ=MOONLY".to_owned()];
        assert!(fixture.db.apply_pull(&lease, &plan(calendar, Some("c1"), vec![odd]), now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        let all = fixture.ahead("a", calendar, Which::All, 1).await;
        assert_eq!((all.blocking, all.not_blocking), (13, 0));
        assert!(all.rows.iter().all(|row| row.verdict == Verdict::Blocks(Because::Unreadable)));
        assert!(all.rows.iter().all(|row| row.block.is_some()));
        // A block that is kept says so, whatever it was derived from.
        let reasons = fixture.reasons(provider).await;
        assert!(reasons.iter().all(|it| it.imported.as_ref().unwrap().because == Because::Unreadable));
    })
    .await;
}

#[tokio::test]
async fn nobody_is_told_of_a_neighbours_events() {
    on_both(async |fixture| {
        let (owner, _) = (fixture.provider("a").await, fixture.provider("b").await);
        let (_, calendar) = fixture.imported(owner, "x", vec![single("dentist", later(60))]).await;
        let stranger = fixture.known_provider("b").await;
        let block = UnavailabilityId(fixture.block_ids(owner).await[0]);
        assert!(fixture.db.block_reason(stranger.id, block).await.unwrap().is_none());
        assert!(fixture.db.upcoming(&stranger, calendar, Which::All, 1, now()).await.unwrap().is_none());
    })
    .await;
}
