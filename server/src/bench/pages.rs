//! `simone bench pages`: what a browser loads for each page, and how soon it begins to arrive.
//!
//! The product runs in this process as it does in the demo, and is asked over HTTP as by a browser: by one reader at a
//! time, over a connection that is kept open.

use crate::assemble::Product;
use crate::config::{
    ApiConfig, Config, DatabaseConfig, EncryptionConfig, LimitsConfig, MailConfig, SyncConfig,
};
use crate::platforms::{self, simulated_google, simulated_outlook};
use crate::say;
use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeDelta, Utc};
use clap::Args;
use reqwest::header::{ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, COOKIE, SET_COOKIE};
use reqwest::{Client, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use simone_booking::{Clock, ConnectionId, Locale, ProviderId};
use simone_store::{Database, NewProvider};
use simone_sync::engine::Engine;
use simone_sync::platform::{Account, Platform};
use simone_sync::ports::{Attempt, Choices as _, ConnectStore as _, Recorded};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use url::Url;

const PROVIDER: &str = "camille@simone.test";
/// Her accounts; each has two calendars.
const ACCOUNTS: [&str; 2] = ["camille.moreau@gmail.test", "camille.pro@gmail.test"];
/// Rounds with changes: more rows than a page of the log holds.
const ROUNDS: usize = 45;
/// How long the product may take to answer for the first time.
const START: TimeDelta = TimeDelta::seconds(20);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Requests of each page whose time is taken.
    #[arg(long, default_value_t = 200)]
    page_requests: usize,
    /// An empty PostgreSQL database (`postgres://…`) instead of SQLite in a folder that is removed afterwards.
    #[arg(long)]
    database_url: Option<String>,
}

pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    ensure!(options.page_requests > 0, "at least one request");
    let folder = Folder::make()?;
    let simulator =
        simone_simulator::start(simone_simulator::Options { seed: 1, ..Default::default() }).await?;
    let config = config(&options, &folder, &simulator.base_url())?;
    let product = Product::open(&config).await?;
    let (database, clock) = (product.database.clone(), product.clock.clone());
    let connection = fill(&product, &config, &simulator.base_url()).await?;

    let stop = CancellationToken::new();
    let demo = simone_app::Demo {
        provider: PROVIDER.to_owned(),
        name: "Camille Moreau".to_owned(),
        operator: None,
        mailbox: None,
        simulator: Some(simulator.base_url()),
    };
    let (until, url) = (stop.clone(), config.public_url.clone());
    let serving = tokio::spawn(async move {
        product.serve(&config, Some(demo), async move { until.cancelled().await }).await
    });
    let reader = Reader::enter(url, clock.clone()).await?;

    let week = clock.now().date_naive() + Days::new(7);
    let pages = [
        ("/login", "/login".to_owned()),
        ("/agenda", format!("/agenda?week={week}")),
        ("/settings/calendars", "/settings/calendars".to_owned()),
        ("/settings/calendars/{connection}", format!("/settings/calendars/{connection}")),
        ("/sync-log", "/sync-log".to_owned()),
        ("/notifications", "/notifications".to_owned()),
        ("/settings/account", "/settings/account".to_owned()),
    ];
    for (name, address) in pages {
        say(&reader.measure(name, &address, options.page_requests, database.kind()).await?.to_string());
    }
    stop.cancel();
    serving.await??;
    simulator.stop().await;
    Ok(())
}

/// As the demo's, on ports that are free.
fn config(options: &Options, folder: &Folder, simulator: &str) -> anyhow::Result<Config> {
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let simulator: Url = simulator.parse()?;
    let sqlite = || format!("sqlite:{}", folder.0.join("simone.db").display());
    Ok(Config {
        public_url: format!("http://127.0.0.1:{free}").parse()?,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, free)),
        trusted_proxies: Vec::new(),
        database: DatabaseConfig { url: options.database_url.clone().unwrap_or_else(sqlite), connections: 4 },
        encryption: EncryptionConfig { keys: vec![format!("bench:{}", STANDARD.encode([7; 32])).into()] },
        mail: MailConfig { folder: Some(folder.0.join("mail")), ..MailConfig::default() },
        sync: SyncConfig::default(),
        limits: LimitsConfig::default(),
        api: ApiConfig::default(),
        webhooks: None,
        operator: None,
        google: Some(simulated_google(&simulator)?),
        outlook: Some(simulated_outlook(&simulator)?),
    })
}

/// A provider with two accounts and a log, made by the engine itself. The id of the first connection.
async fn fill(product: &Product, config: &Config, simulator: &str) -> anyhow::Result<ConnectionId> {
    let (database, clock) = (&product.database, &product.clock);
    let now = clock.now();
    let new = NewProvider {
        name: "Camille Moreau".to_owned(),
        email: PROVIDER.to_owned(),
        zone: chrono_tz::Europe::Paris,
        locale: Locale::Fr,
    };
    let provider = database.add_provider(&new, now).await?.context("the database is not empty")?;
    simone_platforms::tls::install();
    let platforms = platforms::adapters(&platforms::configured(config, clock)?);
    let engine = Engine::new(
        Arc::new(database.clone()),
        Arc::new(platforms),
        clock.clone(),
        product.ids.clone(),
        super::pages_url(),
    );
    let controls = Controls { client: Client::builder().no_proxy().build()?, simulator };
    let mut connections = Vec::new();
    for (number, email) in ACCOUNTS.into_iter().enumerate() {
        let account = controls.post("accounts", &account(number, email, now.date_naive())).await?;
        connections.push(connect(database, provider, &account, now).await?);
    }
    due(&engine).await?;
    for connection in database.connections(provider, now).await? {
        for calendar in &connection.calendars {
            database.select_calendar(provider, calendar.id, true, now).await?;
        }
    }
    due(&engine).await?;
    let first = *connections.first().context("there is a connection")?;
    for round in 0..ROUNDS {
        let edit = json!({"do": "add_event", "account": ACCOUNTS[0], "event": event(
            &format!("Ajouté {round}"),
            now.date_naive() + Days::new(30 + round as u64),
            round % 8,
        )});
        controls.post("edits", &edit).await?;
        database.wake(provider, first).await?;
        due(&engine).await?;
    }
    Ok(first)
}

/// Performs the rounds that are due.
async fn due(engine: &Engine) -> anyhow::Result<()> {
    for lease in engine.lease_due(8).await? {
        let engine = engine.clone();
        let outcome = tokio::spawn(async move { engine.round(lease).await }).await?;
        ensure!(outcome.is_some_and(|outcome| !outcome.is_failure()), "a round ended with {outcome:?}");
    }
    Ok(())
}

async fn connect(
    database: &Database,
    provider: ProviderId,
    account: &Value,
    now: DateTime<Utc>,
) -> anyhow::Result<ConnectionId> {
    let text = |name: &str| account[name].as_str().with_context(|| format!("the account has no {name}"));
    let attempt = Attempt {
        provider,
        platform: Platform::Google,
        reconnects: None,
        verifier: SecretString::from(String::new()),
    };
    let stands = Account { id: text("sub")?.to_owned(), email: text("email")?.to_owned() };
    let (access, refresh) = (text("access_token")?.into(), text("refresh_token")?.into());
    let expires = now + TimeDelta::hours(1);
    match database.record_grant(&attempt, &stands, &access, expires, &refresh, "bench", now).await? {
        Recorded::Connected(connection) => Ok(connection),
        other => bail!("the account could not be connected: {other:?}"),
    }
}

/// A masseur's calendar: five to six appointments each weekday of a month, weekly habits, and a family's calendar.
fn account(number: usize, email: &str, today: NaiveDate) -> Value {
    let titles = ["Massage suédois", "Massage prénatal", "Réflexologie", "Drainage", "Bilan", "Kobido"];
    let mut events = Vec::new();
    for day in
        (0..28).map(|day| today + Days::new(day)).filter(|day| day.weekday().num_days_from_monday() < 5)
    {
        for (slot, title) in titles.iter().enumerate().skip(number % 2) {
            events.push(event(&format!("{title} · Mme Dupont-Lefebvre {slot}"), day, slot + 3 * (slot / 3)));
        }
    }
    for (day, title) in ["Yoga", "Chorale", "Courses", "Comptabilité"].into_iter().enumerate() {
        let mut weekly = event(title, today - Days::new(28 - day as u64), 11);
        weekly["recurrence"] = json!(["RRULE:FREQ=WEEKLY"]);
        events.push(weekly);
    }
    let family: Vec<Value> =
        (0..14).map(|day| event("École des enfants", today + Days::new(2 * day), 9)).collect();
    json!({"email": email, "name": "Camille Moreau", "zone": "Europe/Paris", "events": events, "calendars": [
        {"summary": format!("Famille {number}"), "id": format!("famille{number}@group.calendar.google.com"), "events": family},
    ]})
}

/// An hour of that day, the `slot`th after 8:00.
fn event(title: &str, day: NaiveDate, slot: usize) -> Value {
    let at = |minute: u32| json!({"dateTime": format!("{day}T{:02}:{minute:02}:00", 8 + slot), "timeZone": "Europe/Paris"});
    json!({"summary": title, "start": at(0), "end": at(50)})
}

struct Controls<'a> {
    client: Client,
    simulator: &'a str,
}

impl Controls<'_> {
    async fn post(&self, control: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.client.post(format!("{}/_control/{control}", self.simulator)).json(body);
        Ok(serde_json::from_str(&request.send().await?.error_for_status()?.text().await?)?)
    }
}

/// A browser with Camille's session.
struct Reader {
    client: Client,
    home: Url,
    cookie: String,
    clock: Arc<dyn Clock>,
}

/// What a browser got for one address.
struct Answer {
    /// Until its first byte.
    took: TimeDelta,
    body: Vec<u8>,
}

impl Reader {
    /// Waits until the product answers, and logs in by the demo's button.
    async fn enter(home: Url, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let redirects = reqwest::redirect::Policy::none();
        let client = Client::builder().no_proxy().no_gzip().redirect(redirects).build()?;
        let deadline = clock.now() + START;
        let entered = loop {
            let request = client.post(home.join("login/demo")?).header("sec-fetch-site", "same-origin");
            match request.send().await {
                Ok(answer) => break answer,
                Err(error) if clock.now() > deadline => {
                    return Err(error).context("the product does not answer");
                }
                Err(_) => clock.sleep(Duration::from_millis(20)).await,
            }
        };
        let cookie = entered.headers().get(SET_COOKIE).context("no session")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { client, home, cookie, clock })
    }

    async fn get(&self, path: &str, compressed: bool) -> anyhow::Result<Answer> {
        let mut request =
            self.client.get(self.home.join(path)?).header(COOKIE, &self.cookie).header(ACCEPT_LANGUAGE, "fr");
        if compressed {
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        let asked_at = self.clock.now();
        let answer = request.send().await?;
        let took = self.clock.now() - asked_at;
        ensure!(answer.status() == StatusCode::OK, "{path}: {}", answer.status());
        ensure!(
            compressed || !answer.headers().contains_key(CONTENT_ENCODING),
            "{path} is compressed unasked"
        );
        Ok(Answer { took, body: answer.bytes().await?.to_vec() })
    }

    async fn measure(
        &self,
        name: &str,
        path: &str,
        requests: usize,
        database: &str,
    ) -> anyhow::Result<Value> {
        let page = self.get(path, false).await?.body;
        let (mut all, mut all_compressed) = (page.len(), self.get(path, true).await?.body.len());
        let compressed = all_compressed;
        for file in files(std::str::from_utf8(&page)?) {
            all += self.get(&file, false).await?.body.len();
            all_compressed += self.get(&file, true).await?.body.len();
        }
        let mut times = Vec::with_capacity(requests);
        for _ in 0..requests {
            times.push(self.get(path, true).await?.took.num_microseconds().unwrap_or(i64::MAX));
        }
        times.sort_unstable();
        let at = |percent: usize| {
            let micros = times[(times.len() - 1) * percent / 100];
            #[expect(clippy::cast_precision_loss, reason = "some milliseconds")]
            let millis = micros as f64 / 1000.0;
            millis
        };
        Ok(json!({
            "case": "pages", "database": database, "page": name, "requests": requests,
            "bytes": page.len(), "bytes_compressed": compressed,
            "bytes_with_everything": all, "bytes_with_everything_compressed": all_compressed,
            "first_byte_ms_median": at(50), "first_byte_ms_p95": at(95),
        }))
    }
}

/// The files that a page loads: its stylesheet, its module, its icon.
fn files(page: &str) -> BTreeSet<String> {
    ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|address| address.starts_with("/assets/") || *address == "/favicon.svg")
        .map(str::to_owned)
        .collect()
}

/// Gone with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("simone-bench-pages-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies among the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
