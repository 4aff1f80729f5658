//! That nothing is asked while nobody looks, and that a session's pages are bounded.

use super::*;
use secrecy::SecretBox;
use simone_booking::{Ids, Locale, SystemClock};
use simone_store::{Keyring, NewProvider, Options};

const SESSION: TokenHash = [7; 32];

async fn live(most: usize) -> Live {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids = Arc::new(Ids::seeded(clock.clone(), 3));
    let key = ("test".to_owned(), SecretBox::new(Box::new(vec![1; 32])));
    let keys = Arc::new(Keyring::new([key], ids.clone()).unwrap());
    let options = Options { url: "sqlite::memory:".to_owned(), connections: 1 };
    let database = Database::open(&options, keys, ids).await.unwrap();
    let new = NewProvider {
        name: "Camille".to_owned(),
        email: "camille@simone.test".to_owned(),
        zone: chrono_tz::Europe::Paris,
        locale: Locale::Fr,
    };
    let provider = database.add_provider(&new, clock.now()).await.unwrap().unwrap();
    assert!(database.start_session(&SESSION, provider.into(), None, None, clock.now()).await.unwrap());
    Live::new(database, clock, most, CancellationToken::new())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..200 {
        if holds() {
            return;
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come about: {what}");
}

#[tokio::test]
async fn nothing_is_asked_while_nobody_looks() {
    let live = live(10).await;
    for _ in 0..3 {
        live.ring();
        SystemClock.sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(live.watched().polls, 0);
    let mut page = live.watch(SESSION).unwrap();
    let another = live.watch(SESSION).unwrap();
    page.told.changed().await.unwrap();
    assert!(matches!(*page.told.borrow(), Told::Shows(_)));
    let before = live.watched().polls;
    until("they are asked for each second", || live.watched().polls > before).await;
    drop(page);
    assert!(live.watched().polling);
    drop(another);
    until("the last one has gone", || !live.watched().polling).await;
    let at_the_end = live.watched().polls;
    live.ring();
    SystemClock.sleep(PULSE * 2).await;
    assert_eq!(live.watched().polls, at_the_end);

    let mut page = live.watch(SESSION).unwrap();
    page.told.changed().await.unwrap();
    assert!(live.watched().polls > at_the_end, "and it begins again");
}

#[tokio::test]
async fn pages_are_bounded_and_the_newest_of_a_session_stay() {
    let live = live(2 * MOST_OF_A_SESSION + 2).await;
    let pages: Vec<Page> = (0..2 * MOST_OF_A_SESSION).map(|_| live.watch(SESSION).unwrap()).collect();
    let replaced = pages.iter().filter(|page| page.replaced.is_cancelled()).count();
    assert_eq!(replaced, MOST_OF_A_SESSION);
    assert!(pages[..MOST_OF_A_SESSION].iter().all(|page| page.replaced.is_cancelled()));
    assert!(live.watch(SESSION).is_none(), "those that were replaced still linger");
    let others: Vec<Page> = (0..2).map(|session| live.watch([session; 32]).unwrap()).collect();
    assert!(live.watch([9; 32]).is_none(), "all places are taken");
    drop(others);
    assert!(live.watch([9; 32]).is_some());
    drop(pages);
    assert_eq!(live.watched().pages, 0);
}
