//! Puts the product together and runs it.

use crate::config::Config;
use crate::live::{self, Live};
use crate::webhooks::Messenger;
use crate::{api, mail, mailbox, oauth, platforms, proxy, serve, worker};
use anyhow::{Context as _, bail};
use rand::rngs::StdRng;
use simone_app::AppState;
use simone_booking::{Clock, Ids, SystemClock};
use simone_store::{Database, Keyring, Options};
use simone_sync::connect::Connect;
use simone_sync::engine::Engine;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The parts that everything else is made from.
pub(crate) struct Product {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<Ids>,
}

impl Product {
    /// Opens the database, if the configured keys are the ones for it.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let product = Self::open_with_any_keys(config).await?;
        product.check_keys().await?;
        Ok(product)
    }

    /// Refuses keys that do not open what is stored.
    pub(crate) async fn check_keys(&self) -> anyhow::Result<()> {
        if let Err(refused) = self.database.check_keys().await? {
            bail!(
                "`encryption.keys` does not fit this database: {refused}. Was it taken out too early, or is this the \
                 database of another installation? Put the key back, behind the current one. If it is lost for good, \
                 `simone rotate-keys --lost` lets the product start without it: what only it can open (accesses, \
                 titles) is then asked for and read again; what is blocked stays"
            );
        }
        Ok(())
    }

    /// Opens the database even when a key is missing.
    pub(crate) async fn open_with_any_keys(config: &Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Seeded by the system, and cryptographically strong: it makes tokens and nonces too.
        let ids = Arc::new(Ids::new(clock.clone(), rand::make_rng::<StdRng>()));
        let keys = Keyring::new(config.keys()?, ids.clone()).context("`encryption.keys` cannot be used")?;
        let options =
            Options { url: config.database.url.clone(), connections: config.database.connections.max(1) };
        let database = Database::open(&options, Arc::new(keys), ids.clone())
            .await
            .context("the database (`database.url`) cannot be opened")?
            .with_webhooks(config.webhooks.is_some());
        Ok(Self { database, clock, ids })
    }

    /// Serves until asked to stop, by what `until` waits for. What is under way is finished first, within some seconds; what is not, the
    /// next start finishes.
    pub(crate) async fn serve(
        self,
        config: &Config,
        demo: Option<simone_app::Demo>,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| crate::cli::occupied(config.listen.port()))?;
        let configured = platforms::configured(config, &self.clock)?;
        let platforms = Arc::new(platforms::adapters(&configured));
        let store = Arc::new(self.database.clone());
        let pages = config.public_url.clone();
        let engine =
            Engine::new(store.clone(), platforms.clone(), self.clock.clone(), self.ids.clone(), pages);
        let connect =
            Connect::new(store, platforms, self.clock.clone(), self.ids.clone(), config.public_url.clone());
        let wake = Arc::new(Notify::new());
        let is_demo = demo.is_some();
        let stopping = CancellationToken::new();
        let live =
            Live::new(self.database.clone(), self.clock.clone(), config.limits.live_pages, stopping.clone());
        let mut state = AppState::new(simone_app::Parts {
            db: self.database.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            wake: wake.clone(),
            connect: Arc::new(oauth::Connector { connect: connect.clone() }),
            public_url: config.public_url.clone(),
        });
        state.platforms = configured.iter().map(|one| one.platform).collect();
        state.authorize_origins = platforms::form_targets(&configured);
        state.demo = demo;
        state.limit_bookings(config.limits.bookings);
        state.patience = config.limits.patience();
        state.turns = Arc::new(Semaphore::new(config.limits.requests.max(1)));
        let mailer = Arc::new(mail::Mailer::new(&config.mail, config.public_url.clone())?);
        let mut pages = axum::Router::new()
            .merge(oauth::routes(oauth::Callbacks { connect, state: state.clone() }))
            .merge(live::routes(live.clone()));
        if is_demo {
            pages = pages.merge(mailbox::routes(
                self.database.clone(),
                mailer.clone(),
                config.public_url.clone(),
            ));
        }
        let trusted: Arc<[IpAddr]> = config.trusted_proxies.clone().into();
        let api = api::Api::new(&state, config.api.requests_per_minute);
        let router = api::before(simone_app::router(state, pages), api)
            .layer(axum::middleware::from_fn_with_state(trusted, proxy::client_address));

        if !self.database.configure_api_token(config.api.token.as_ref(), self.clock.now()).await? {
            tracing::warn!("`api.token` was withdrawn by an operator, and opens nothing; name another");
        }
        self.database.release_leases().await?;
        self.database.note_served_key().await?;
        let stop = CancellationToken::new();
        let mut worker = tokio::spawn(worker::run(worker::Worker {
            engine,
            database: self.database.clone(),
            clock: self.clock.clone(),
            wake,
            stop: stop.clone(),
            concurrent_rounds: config.sync.concurrent_rounds,
            mailer,
            messenger: config.webhooks.as_ref().map(Messenger::new).transpose()?,
            live,
        }));
        let serving = serve::serve(listener, router, config.limits, self.clock.clone(), stopping.clone());
        let asked = async {
            tokio::select! {
                // Pages without a worker would show blocks that nobody brings up to date.
                ended = &mut worker => Err(ended),
                () = until => Ok(()),
            }
        };
        let ((), asked) = tokio::join!(serving, async {
            let asked = asked.await;
            tracing::info!("stopping");
            stopping.cancel();
            asked
        });
        stop.cancel();
        let ended = match asked {
            Ok(()) => worker.await,
            Err(ended) => ended,
        };
        self.database.close().await;
        ended.context("the worker failed")
    }
}

/// An address below the public one.
pub(crate) fn address(public_url: &Url, path: &str) -> String {
    format!("{}/{path}", public_url.as_str().trim_end_matches('/'))
}

/// Returns when the process is asked to stop.
pub(crate) async fn stop_signal() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "the interrupt signal cannot be awaited");
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "the termination signal cannot be awaited");
                std::future::pending::<()>().await;
            }
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
