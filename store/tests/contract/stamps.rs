//! A stamp moves with everything that a provider's pages show, and with nothing else.

use super::{later, now, plan, remote, report, single};
use crate::support::{Fixture, on_both};
use simone_booking::ProviderId;
use simone_store::sessions::TokenHash;
use simone_store::views::Stamp;
use simone_sync::ports::{Choices as _, Progress, RoundStore as _, StoreError};
use simone_sync::round::Outcome;

const MINE: TokenHash = [1; 32];
const HERS: TokenHash = [2; 32];

async fn stamps(fixture: &Fixture) -> (Stamp, Stamp) {
    let mut stamps = fixture.db.stamps(&[MINE, HERS], now()).await.unwrap();
    (stamps.remove(&MINE).unwrap(), stamps.remove(&HERS).unwrap())
}

/// Two providers, each with a session.
async fn two(fixture: &Fixture) -> (ProviderId, ProviderId) {
    let (me, her) = (fixture.provider("me").await, fixture.provider("her").await);
    assert!(fixture.db.start_session(&MINE, me.into(), None, None, now()).await.unwrap());
    assert!(fixture.db.start_session(&HERS, her.into(), None, None, now()).await.unwrap());
    (me, her)
}

#[tokio::test]
async fn a_stamp_moves_with_what_the_pages_show_and_not_with_what_others_do() {
    on_both(async |fixture| {
        let (me, her) = two(fixture).await;
        let db = &fixture.db;
        let mut last = stamps(fixture).await;
        assert_ne!(last.0, last.1);
        assert_eq!(stamps(fixture).await, last, "reading it changes nothing");
        macro_rules! moves {
            ($what:literal, $act:expr) => {{
                let done = $act;
                let now = stamps(fixture).await;
                assert_ne!(now.0, last.0, $what);
                assert_eq!(now.1, last.1, $what);
                last = now;
                done
            }};
        }
        let connection = moves!("connected", fixture.connection(me, "x").await);
        let lease = moves!("a round begins", fixture.lease(now()).await.unwrap());
        moves!("calendars", db.apply_calendars(&lease, &[remote("p", true)], now()).await.unwrap());
        moves!("read", db.note_progress(&lease, Progress { pages: 1, events: 50 }).await.unwrap());
        moves!("read on", db.note_progress(&lease, Progress { pages: 2, events: 80 }).await.unwrap());
        let calendar = db.pull_targets(&lease).await.unwrap()[0].calendar;
        let pull = plan(calendar, None, vec![single("e", later(60))]);
        moves!("events", assert!(db.apply_pull(&lease, &pull, now()).await.unwrap()));
        moves!("derived", db.derive(me, now()).await.unwrap());
        moves!("the round ends", db.end_round(&lease, &report(now(), Outcome::Ok, 1)).await.unwrap());
        moves!("woken", assert!(db.wake(me, connection).await.unwrap()));
        moves!("chosen", assert!(db.block_free(me, calendar, true, now()).await.unwrap()));
        moves!("zone", assert!(db.set_zone(me, chrono_tz::Asia::Tokyo, now()).await.unwrap()));
        let lease = moves!("again", fixture.lease(now()).await.unwrap());
        moves!("told", assert!(db.flag_reconnect(&lease, None, now()).await.unwrap()));
        moves!("notices read", assert!(db.read_notices(me, now()).await.unwrap()));
        moves!("disconnected", assert!(db.disconnect(me, connection, false, now()).await.unwrap()));

        fixture.connection(her, "x").await;
        assert!(!db.wake(her, connection).await.unwrap());
        assert_eq!(stamps(fixture).await.0, last.0);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_has_ended_has_no_stamp() {
    on_both(async |fixture| {
        two(fixture).await;
        let visitor: TokenHash = [3; 32];
        fixture.db.set_flash(&visitor, "{}", now()).await.unwrap();
        let asked = [MINE, HERS, visitor, [4; 32]];
        let stamps = async |at| fixture.db.stamps(&asked, at).await.unwrap();
        let stands = stamps(now()).await;
        assert!(stands.len() == 2 && stands.contains_key(&MINE) && stands.contains_key(&HERS));
        fixture.db.end_session(&MINE).await.unwrap();
        assert!(!stamps(now()).await.contains_key(&MINE));
        assert!(stamps(later(60 * 24 * 40)).await.is_empty(), "they expire");
        assert!(fixture.db.stamps(&[], now()).await.unwrap().is_empty());
        let many: Vec<TokenHash> =
            (0..1_200_u32).map(|n| std::array::from_fn(|at| n.to_be_bytes()[at % 4])).collect();
        assert!(
            fixture.db.stamps(&[many.as_slice(), &[HERS]].concat(), now()).await.unwrap().contains_key(&HERS)
        );
    })
    .await;
}

#[tokio::test]
async fn a_first_import_is_done_once_its_blocks_are_derived() {
    on_both(async |fixture| {
        let me = fixture.provider("me").await;
        fixture.connection(me, "x").await;
        let state = async || {
            let connection = fixture.db.connections(me, now()).await.unwrap().remove(0);
            (connection.importing(), connection.computing)
        };
        let lease = fixture.lease(now()).await.unwrap();
        assert_eq!(state().await, (true, false), "the list of calendars is to come");
        fixture.db.apply_calendars(&lease, &[remote("p", true)], now()).await.unwrap();
        assert_eq!(state().await, (true, false), "the events are to come");
        let calendar = fixture.db.pull_targets(&lease).await.unwrap()[0].calendar;
        let pull = plan(calendar, None, vec![single("e", later(60))]);
        assert!(fixture.db.apply_pull(&lease, &pull, now()).await.unwrap());
        assert_eq!(state().await, (true, true), "the blocks are to come");
        fixture.db.derive(me, now()).await.unwrap();
        assert_eq!(state().await, (false, false));
    })
    .await;
}

#[tokio::test]
async fn progress_belongs_to_the_lease() {
    on_both(async |fixture| {
        let me = fixture.provider("me").await;
        fixture.connection(me, "x").await;
        let progress = async |at| fixture.db.connections(me, at).await.unwrap()[0].progress;
        let first = fixture.lease(now()).await.unwrap();
        assert_eq!(progress(now()).await, None);
        let read = Progress { pages: 3, events: 7_500 };
        fixture.db.note_progress(&first, read).await.unwrap();
        assert_eq!(progress(now()).await, Some(read));
        assert_eq!(progress(later(3)).await, None, "the round is gone");
        let second = fixture.lease(later(3)).await.unwrap();
        assert_eq!(progress(later(3)).await, None, "another begins anew");
        let overtaken = fixture.db.note_progress(&first, read).await;
        assert!(matches!(overtaken, Err(StoreError::LeaseLost)));
        fixture.db.note_progress(&second, read).await.unwrap();
        fixture.db.end_round(&second, &report(later(3), Outcome::Ok, 0)).await.unwrap();
        assert_eq!(progress(later(3)).await, None);
    })
    .await;
}
