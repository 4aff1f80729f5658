//! What the pages are given to work with.

use crate::render::Problem;
use crate::session::Session;
use async_trait::async_trait;
use axum::extract::FromRef;
use chrono::TimeDelta;
use leptos::prelude::LeptosOptions;
use simone_booking::{Clock, ConnectionId, Ids};
use simone_store::Database;
use simone_sync::bookings::Bookings;
use simone_sync::connect::ConnectError;
use simone_sync::platform::Platform;
use simone_sync::ports::StoreError;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use url::Url;

/// Requests answered at the same time, unless the server says otherwise.
const TURNS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything that a page or an action uses. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub db: Database,
    pub clock: Arc<dyn Clock>,
    /// Cryptographically strong: makes the tokens of sessions.
    pub ids: Arc<Ids>,
    /// Told after anything that wakes a connection or makes a provider's blocks fall behind.
    pub wake: Arc<Notify>,
    pub connect: Arc<dyn Connector>,
    /// Makes and changes bookings.
    pub bookings: Bookings,
    /// The platforms that are set up, in the order in which they are offered.
    pub platforms: Vec<Platform>,
    /// Where the product stands, as browsers see it. Cookies are `Secure` when it is `https`.
    pub public_url: Url,
    /// The origins of the platforms' authorization pages. Connecting is a form that leads there, and Chromium holds
    /// the redirects after a form to the policy's `form-action` too. Beside origins there may be `https:`, where such a
    /// page sends browsers on to whom nobody knows.
    pub authorize_origins: Vec<String>,
    pub demo: Option<Demo>,
    /// One for each request that is answered at the same time; the rest are told to come back.
    pub turns: Arc<Semaphore>,
    /// In which the body of a request has to arrive.
    pub patience: Duration,
    pub(crate) attempts: Arc<crate::login::Attempts>,
    pub(crate) limits: Arc<crate::visitor::Limits>,
    /// When the log was last told that the database fails.
    told: Arc<AtomicI64>,
}

/// How often the log is told that the database fails, however many pages it fails.
const TELL_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// What only the demonstration has.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Whom the one-click button lets in: the e-mail address of a provider.
    pub provider: String,
    /// Their name, as the button says it.
    pub name: String,
    /// Whom the other one-click button lets in, if there is one.
    pub operator: Option<DemoOperator>,
    /// The page that shows the e-mails that were sent.
    pub mailbox: Option<String>,
    /// Where the simulated calendars are edited.
    pub simulator: Option<String>,
}

/// The demonstration's operator.
#[derive(Clone, Debug)]
pub struct DemoOperator {
    pub email: String,
    /// As the button says it.
    pub name: String,
}

/// Begins an authorization.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Where the browser goes to consent. `session` must be logged in; `reconnects` names a connection of that provider.
    async fn start(
        &self,
        session: &Session,
        platform: Platform,
        reconnects: Option<ConnectionId>,
    ) -> Result<Url, ConnectError>;

    /// Where an administrator agrees for all of their organisation, if the platform has such a page.
    fn approval_page(&self, _platform: Platform) -> Option<Url> {
        None
    }
}

/// What [`AppState::new`] needs; the rest has a default.
pub struct Parts {
    pub db: Database,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<Ids>,
    pub wake: Arc<Notify>,
    pub connect: Arc<dyn Connector>,
    pub public_url: Url,
}

impl AppState {
    /// Without a demonstration, offering Google alone, and with no authorization page.
    pub fn new(parts: Parts) -> Self {
        let Parts { db, clock, ids, wake, connect, public_url } = parts;
        let bookings = Bookings::new(Arc::new(db.clone()), clock.clone(), wake.clone());
        Self {
            db,
            clock,
            ids,
            wake,
            connect,
            bookings,
            platforms: vec![Platform::Google],
            public_url,
            authorize_origins: Vec::new(),
            demo: None,
            turns: Arc::new(Semaphore::new(TURNS)),
            patience: PATIENCE,
            attempts: Arc::default(),
            limits: Arc::default(),
            told: Arc::default(),
        }
    }

    /// Logs a failure of the store, once a minute while the database is away; what it is to who asked.
    pub fn trouble(&self, error: &StoreError, what: &'static str) -> Problem {
        let now = self.clock.now().timestamp_millis();
        let told = self.told.load(Ordering::Relaxed);
        let due = now - told >= TELL_AGAIN.num_milliseconds() || told > now;
        if !error.is_passing()
            || (due && self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok())
        {
            tracing::error!(error = error as &dyn std::error::Error, "{what}");
        } else {
            tracing::debug!(error = error as &dyn std::error::Error, "{what}");
        }
        Problem::of_store(error)
    }

    /// How many bookings one address may ask for at once.
    pub fn limit_bookings(&mut self, at_once: u32) {
        self.limits = Arc::new(crate::visitor::Limits::new(at_once));
    }

    /// Whether browsers reach the product by https.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(_: &AppState) -> Self {
        Self::builder().output_name("simone").build()
    }
}
