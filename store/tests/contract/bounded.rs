//! Feeds that tell of so many days and no further, and series told by their occurrences.

use super::bookings::{asked, at};
use super::*;
use simone_booking::Interval;
use simone_booking::booking::Actor;
use simone_sync::bookings::{BookingStore as _, NewBooking, Refusal, Rules};
use simone_sync::event::OriginalStart;

/// An occurrence of a series, as a feed tells it that tells of no series as such.
fn occurrence(master: &str, start: DateTime<Utc>) -> ObservedEvent {
    let shape = Shape::Exception {
        master: master.to_owned(),
        original_start: OriginalStart::Instant(start),
        span: Some(Span::Timed { start, end: start + TimeDelta::hours(1) }),
    };
    ObservedEvent { shape, ..single(&format!("{master}_{}", start.timestamp()), start) }
}

#[tokio::test]
async fn days_of_which_a_calendar_was_not_heard_are_not_offered() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (lease, calendar) = fixture.imported(me, "x", vec![]).await;
        let window = Interval::new(at(9, 0), at(24 + 19, 0));
        let offered =
            async || fixture.db.offer(me, service, window, 100, now()).await.unwrap().unwrap().slots;
        let all = offered().await;
        assert!(all.iter().any(|slot| slot.start > at(24, 0)), "it tells of all that is to come");

        let told = PullPlan {
            cursor: Some("c2".to_owned()),
            covers: Some(at(14, 0)),
            ..plan(calendar, Some("c1"), vec![occurrence("yoga", at(10, 0))])
        };
        assert!(fixture.db.apply_pull(&lease, &told, now()).await.unwrap());
        let left = offered().await;
        assert!(!left.is_empty() && left.iter().all(|slot| slot.end <= at(14, 0)), "{left:?}");
        assert!(
            left.iter().all(|slot| slot.end <= at(10, 0) || slot.start >= at(11, 0)),
            "an occurrence blocks"
        );

        let refused = fixture.book(&asked(me, service, at(14, 0))).await.unwrap_err();
        let Refusal::Taken { alternatives } = &refused else { panic!("{refused:?}") };
        assert!(!alternatives.is_empty(), "there are some before");
        assert!(alternatives.iter().all(|slot| slot.end <= at(14, 0)), "{alternatives:?}");
        fixture.book(&asked(me, service, at(13, 0))).await.expect("it ends where nothing was heard any more");
        let own = NewBooking { rules: Rules::Free, actor: Actor::Provider, ..asked(me, service, at(15, 0)) };
        fixture.book(&own).await.expect("the provider knows better");

        // The window was opened anew.
        let anew = PullPlan {
            cursor: Some("c3".to_owned()),
            covers: Some(at(24 * 100, 0)),
            ..plan(calendar, Some("c2"), vec![])
        };
        // It brought nothing else: that is written with the end of the round.
        let advances = vec![anew.advance().expect("the cursor moves on")];
        let report = RoundReport { advances, ..report(now(), Outcome::Ok, 0) };
        fixture.db.end_round(&lease, &report).await.unwrap();
        assert!(offered().await.iter().any(|slot| slot.start > at(24, 0)));
    })
    .await;
}

#[tokio::test]
async fn of_several_calendars_the_one_that_tells_least_counts_and_only_while_it_blocks() {
    on_both(async |fixture| {
        let (me, service) = fixture.open_provider("me", 0).await;
        let (_, calendar) = fixture.imported(me, "x", vec![]).await;
        let shown = fixture.ids("SELECT id FROM calendars WHERE NOT selected").await;
        let other = CalendarId(shown[0]);
        assert!(fixture.db.select_calendar(me, other, true, now()).await.unwrap());
        let lease = fixture.lease(later(3)).await.expect("it is to be read");
        let bounded = |calendar, expected, until| PullPlan {
            cursor: Some("c2".to_owned()),
            covers: Some(until),
            ..plan(calendar, expected, vec![])
        };
        assert!(
            fixture.db.apply_pull(&lease, &bounded(calendar, Some("c1"), at(40, 0)), now()).await.unwrap()
        );
        assert!(fixture.db.apply_pull(&lease, &bounded(other, None, at(12, 0)), now()).await.unwrap());
        let window = Interval::new(at(9, 0), at(48, 0));
        let last = async || {
            let offer = fixture.db.offer(me, service, window, 100, now()).await.unwrap().unwrap();
            offer.slots.iter().map(|slot| slot.end).max().unwrap()
        };
        assert_eq!(last().await, at(12, 0));
        assert!(fixture.db.select_calendar(me, other, false, now()).await.unwrap());
        assert_eq!(last().await, at(40, 0));
    })
    .await;
}

#[tokio::test]
async fn what_is_known_of_an_occurrence_includes_its_series() {
    on_both(async |fixture| {
        let provider = fixture.provider("me").await;
        let yoga = weekly("yoga", later(60));
        let moved = occurrence("yoga", later(60 + 7 * 24 * 60));
        let alone = occurrence("golf", later(90));
        let events = vec![yoga, moved.clone(), alone.clone(), single("lunch", later(120))];
        let (_, calendar) = fixture.imported(provider, "x", events).await;
        let known = async |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            let known = fixture.db.known_events(calendar, Some(&ids)).await.unwrap();
            let mut known: Vec<String> = known.into_keys().collect();
            known.sort_unstable();
            known
        };
        let (moved, alone) = (moved.id.as_str(), alone.id.as_str());
        assert_eq!(known(&[moved]).await, ["yoga", moved], "only the id of a deleted one may be told");
        assert_eq!(known(&["yoga"]).await, ["yoga", moved]);
        assert_eq!(known(&[alone]).await, [alone], "its series has no row of its own");
        assert_eq!(known(&["golf"]).await, [alone]);
        assert_eq!(known(&["nobody", "lunch"]).await, ["lunch"]);
    })
    .await;
}
