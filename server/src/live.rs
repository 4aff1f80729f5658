//! `/live`: tells open pages that what they show has changed (server-sent events).
//!
//! The truth stands in the database: a stamp of what a provider's pages show. Each process asks for the stamps of the
//! sessions that someone watches in it, all at once, each second or when its worker rings; so a change made by any
//! process is told by all, and one that was missed (a restart, a lost connection) is told as soon as the page comes
//! back with the stamp that it has. While nobody watches, nothing is asked.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures::stream;
use serde::Deserialize;
use simone_app::Session;
use simone_booking::Clock;
use simone_store::Database;
use simone_store::sessions::TokenHash;
use simone_store::views::Stamp;
use simone_sync::schedule::backoff;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// How often the stamps are asked for when nobody rings, and at most.
const PULSE: Duration = Duration::from_secs(1);
const BREATH: Duration = Duration::from_millis(100);
/// A session's open pages beyond this many replace its oldest: those of a telephone that lost its connection linger.
const MOST_OF_A_SESSION: usize = 8;
/// When a page comes back after its connection ended.
const COME_BACK: Duration = Duration::from_secs(1);
const COME_BACK_LATER: Duration = Duration::from_secs(60);
/// Proxies close what is silent for long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Then a page comes back by itself: nothing lingers for ever.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The pages that are open in this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    /// The most pages at once.
    most: usize,
    stop: CancellationToken,
    bell: Notify,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct Watched {
    sessions: HashMap<TokenHash, Watch>,
    pages: usize,
    /// Whether the stamps are being asked for.
    polling: bool,
    /// Names the pages.
    next: u64,
    /// How often the stamps were asked for.
    #[cfg(test)]
    polls: u64,
}

/// A session that someone watches.
struct Watch {
    told: watch::Sender<Told>,
    /// The oldest first.
    pages: VecDeque<(u64, CancellationToken)>,
}

/// What the pages of a session are told. Only the latest is kept, so that who reads slowly holds nothing up.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Shows(Stamp),
    /// The session has ended.
    Ended,
}

/// One open page; it is forgotten when this is dropped.
struct Page {
    live: Live,
    session: TokenHash,
    id: u64,
    told: watch::Receiver<Told>,
    /// A newer page of the session took its place.
    replaced: CancellationToken,
}

impl Live {
    pub(crate) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        most: usize,
        stop: CancellationToken,
    ) -> Self {
        let (bell, watched) = (Notify::new(), Mutex::default());
        Self(Arc::new(Inner { database, clock, most, stop, bell, watched }))
    }

    /// Something may have changed: do not wait for the next second.
    pub(crate) fn ring(&self) {
        self.0.bell.notify_one();
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: as many pages are open as this process carries, or too many of the session linger.
    fn watch(&self, session: TokenHash) -> Option<Page> {
        let mut watched = self.watched();
        let of_session = watched.sessions.get(&session).map_or(0, |watch| watch.pages.len());
        if watched.pages >= self.0.most || of_session >= 2 * MOST_OF_A_SESSION {
            return None;
        }
        watched.pages += 1;
        watched.next += 1;
        let (id, replaced) = (watched.next, CancellationToken::new());
        let watch = watched
            .sessions
            .entry(session)
            .or_insert_with(|| Watch { told: watch::Sender::new(Told::Nothing), pages: VecDeque::new() });
        watch.pages.push_back((id, replaced.clone()));
        let beyond = watch.pages.len().saturating_sub(MOST_OF_A_SESSION);
        for (_, oldest) in watch.pages.iter().take(beyond) {
            oldest.cancel();
        }
        let told = watch.told.subscribe();
        if !watched.polling {
            watched.polling = true;
            tokio::spawn(poll(self.clone()));
        }
        drop(watched);
        self.ring();
        Some(Page { live: self.clone(), session, id, told, replaced })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let mut watched = self.live.watched();
        watched.pages -= 1;
        if let Some(watch) = watched.sessions.get_mut(&self.session) {
            watch.pages.retain(|(id, _)| *id != self.id);
            if watch.pages.is_empty() {
                watched.sessions.remove(&self.session);
            }
        }
        if watched.sessions.is_empty() {
            self.live.0.bell.notify_one();
        }
    }
}

/// Asks for the stamps as long as someone watches.
async fn poll(live: Live) {
    let Inner { database, clock, stop, bell, .. } = &*live.0;
    let mut troubles = 0;
    loop {
        let sessions: Vec<TokenHash> = {
            let mut watched = live.watched();
            if watched.sessions.is_empty() || stop.is_cancelled() {
                watched.polling = false;
                return;
            }
            #[cfg(test)]
            {
                watched.polls += 1;
            }
            watched.sessions.keys().copied().collect()
        };
        match database.stamps(&sessions, clock.now()).await {
            Ok(stamps) => {
                troubles = 0;
                live.tell(&sessions, stamps);
            }
            Err(error) => {
                // Once, and again when it lasts.
                if troubles % 8 == 0 {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "open pages cannot be kept fresh"
                    );
                }
                troubles += 1;
            }
        }
        let pause = if troubles == 0 { PULSE } else { backoff(troubles, 0.0) };
        tokio::select! {
            () = bell.notified(), if troubles == 0 => clock.sleep(BREATH).await,
            () = clock.sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

impl Live {
    fn tell(&self, asked: &[TokenHash], mut stamps: HashMap<TokenHash, Stamp>) {
        let watched = self.watched();
        for session in asked {
            let Some(watch) = watched.sessions.get(session) else { continue };
            let news = stamps.remove(session).map_or(Told::Ended, Told::Shows);
            watch.told.send_if_modified(|told| {
                let changed = *told != news;
                *told = news;
                changed
            });
        }
    }
}

pub(crate) fn routes(live: Live) -> Router {
    Router::new().route("/live", get(listen)).with_state(live)
}

#[derive(Deserialize)]
struct Since {
    /// The stamp of the page as it was loaded.
    since: Option<String>,
}

async fn listen(
    State(live): State<Live>,
    Extension(session): Extension<Session>,
    headers: HeaderMap,
    Query(Since { since }): Query<Since>,
) -> Response {
    // To a browser this says: do not come back.
    if session.provider_id().is_none() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let Some(page) = live.watch(*session.key()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    // What the page was told last, over this connection or another, is newer than what it was loaded with.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let shown = last.filter(|id| !id.is_empty()).or(since);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    // Proxies that gather answers are asked not to.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))];
    (unbuffered, Sse::new(events(page, shown)).keep_alive(keep_alive)).into_response()
}

/// What one page is told, from the stamp that it shows on.
fn events(page: Page, shown: Option<String>) -> impl stream::Stream<Item = Result<Event, Infallible>> {
    enum Next {
        Greet,
        Go,
        End,
    }
    let clock = page.live.0.clock.clone();
    let over = Box::pin(async move { clock.sleep(LONGEST).await });
    stream::unfold((page, shown, over, Next::Greet), |(mut page, mut shown, mut over, next)| async move {
        match next {
            Next::Greet => {
                return Some((Ok(Event::default().retry(COME_BACK)), (page, shown, over, Next::Go)));
            }
            Next::End => return None,
            Next::Go => {}
        }
        loop {
            let told = page.told.borrow_and_update().clone();
            match told {
                Told::Nothing => {}
                Told::Ended => {
                    let event = Event::default().event("ended").data("ended");
                    return Some((Ok(event), (page, shown, over, Next::End)));
                }
                Told::Shows(stamp) if shown.as_deref() != Some(stamp.as_str()) => {
                    let event = Event::default().id(stamp.as_str()).data("changed");
                    shown = Some(stamp.as_str().to_owned());
                    return Some((Ok(event), (page, shown, over, Next::Go)));
                }
                Told::Shows(_) => {}
            }
            tokio::select! {
                changed = page.told.changed() => if changed.is_err() { return None },
                () = page.replaced.cancelled() => {
                    let event = Event::default().retry(COME_BACK_LATER);
                    return Some((Ok(event), (page, shown, over, Next::End)));
                }
                () = page.live.0.stop.cancelled() => return None,
                () = over.as_mut() => return None,
            }
        }
    })
}

#[cfg(test)]
mod tests;
