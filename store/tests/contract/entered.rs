//! What a provider enters by hand blocks as what they import does.

use super::{later, now, plan, single};
use crate::support::on_both;
use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;
use simone_booking::Interval;
use simone_booking::id::UnavailabilityId;
use simone_sync::entered::{Entry, Repeat, When};
use simone_sync::event::Shape;
use simone_sync::ports::{Choices as _, RoundStore as _};
use std::collections::BTreeSet;

fn shape(from: DateTime<Utc>, hours: i64, repeat: Repeat) -> Shape {
    let wall = |at: DateTime<Utc>| at.with_timezone(&Paris).naive_local();
    let when = When::Times { start: wall(from), end: wall(from + chrono::TimeDelta::hours(hours)) };
    Entry { when, repeat, until: None, skipped: BTreeSet::new() }.shape(Paris, now()).unwrap()
}

#[tokio::test]
async fn what_is_entered_by_hand_blocks_beside_what_is_imported() {
    on_both(async |fixture| {
        let provider = fixture.provider("a").await;
        let (lease, calendar) = fixture.imported(provider, "x", vec![single("one", later(60))]).await;
        fixture.db.derive(provider, now()).await.unwrap();
        let imported = fixture.block_ids(provider).await;

        let lunch = shape(later(24 * 60), 1, Repeat::Daily);
        let lunch = fixture.db.add_entered(provider, "Déjeuner", &lunch, now()).await.unwrap().expect("room");
        let trip = shape(later(48 * 60), 30, Repeat::Never);
        let trip = fixture.db.add_entered(provider, "Voyage", &trip, now()).await.unwrap().expect("room");
        fixture.db.derive(provider, now()).await.unwrap();
        let ids = fixture.block_ids(provider).await;
        assert!(ids.len() > 60, "one imported, one trip, and a lunch each day: {}", ids.len());
        assert!(ids.contains(&imported[0]), "what was there keeps its row");
        let week = Interval::new(now(), later(4 * 24 * 60));
        let shown = fixture.db.blocks(provider, week).await.unwrap();
        let titles: BTreeSet<&str> = shown.iter().map(|block| block.title.as_str()).collect();
        assert_eq!(titles, ["Déjeuner", "Voyage", "Secret dentist"].into());
        assert!(shown.iter().all(|block| !block.is_kept()));
        assert_eq!(fixture.db.count_kept_blocks(provider, now()).await.unwrap(), 0);

        // An event that moves derives the imported ones alone, and leaves these.
        let two = vec![single("two", later(120))];
        assert!(fixture.db.apply_pull(&lease, &plan(calendar, Some("c1"), two), now()).await.unwrap());
        assert_eq!(fixture.db.derive(provider, now()).await.unwrap().rows, 1);
        let with_two = fixture.block_ids(provider).await;
        assert!(with_two.len() == ids.len() + 1 && ids.iter().all(|id| with_two.contains(id)));

        // One lunch is taken out.
        let block = shown.iter().find(|block| block.entered == Some(lunch)).expect("a lunch");
        let reason = fixture.db.block_reason(provider, block.id).await.unwrap().expect("it is theirs");
        assert!(reason.comes_back && reason.imported.is_none());
        assert!(fixture.db.skip_entered(provider, block.id, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        let after = fixture.block_ids(provider).await;
        assert_eq!(after.len(), with_two.len() - 1);
        assert!(!after.contains(&block.id.0));

        // The trip is put off: the same row, at another time.
        let of_trip = |blocks: &[simone_store::views::Block]| {
            let found = blocks.iter().find(|block| block.entered == Some(trip)).expect("the trip");
            (found.id, found.interval)
        };
        let before = of_trip(&shown);
        let put_off = shape(later(49 * 60), 30, Repeat::Never);
        assert!(fixture.db.change_entered(provider, trip, "Voyage", &put_off, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        let moved = of_trip(&fixture.db.blocks(provider, week).await.unwrap());
        assert_eq!(moved.0, before.0);
        assert_ne!(moved.1, before.1);

        // Neither is removed as a kept one, both as what they are.
        assert!(!fixture.db.remove_unavailability(provider, moved.0, now()).await.unwrap());
        assert!(fixture.db.remove_entered(provider, trip, now()).await.unwrap());
        assert!(fixture.db.remove_entered(provider, lunch, now()).await.unwrap());
        fixture.db.derive(provider, now()).await.unwrap();
        assert_eq!(fixture.block_ids(provider).await.len(), 2, "the imported ones stay");
    })
    .await;
}

#[tokio::test]
async fn what_a_neighbour_entered_cannot_be_touched() {
    on_both(async |fixture| {
        let (mine, other) = (fixture.provider("a").await, fixture.provider("b").await);
        let weekly = shape(later(60), 1, Repeat::Weekly);
        let entered = fixture.db.add_entered(mine, "Secret", &weekly, now()).await.unwrap().expect("room");
        fixture.db.derive(mine, now()).await.unwrap();
        let block = UnavailabilityId(fixture.block_ids(mine).await[0]);
        assert!(fixture.db.entered(other, entered).await.unwrap().is_none());
        assert!(!fixture.db.change_entered(other, entered, "Mine", &weekly, now()).await.unwrap());
        assert!(!fixture.db.skip_entered(other, block, now()).await.unwrap());
        assert!(!fixture.db.remove_entered(other, entered, now()).await.unwrap());
        assert!(fixture.db.block_reason(other, block).await.unwrap().is_none());
        let still = fixture.db.entered(mine, entered).await.unwrap().expect("it is theirs");
        assert_eq!((still.title.as_str(), &still.shape), ("Secret", &weekly));
        assert!(fixture.dump().await.iter().all(|row| !row.contains("Secret")));
    })
    .await;
}
