//! A full disk, and a database that goes away and comes back: people are told in words, nothing is lost, and the product
//! goes on by itself.

use crate::support::browser::Consent;
use crate::support::database::Kind;
use crate::support::platform::Side;
use crate::support::product::free_port;
use crate::support::{ACCOUNT, CAMILLE, Stage, a_monday, add_account, at_side, eventually, now, timed};
use chrono::Days;
use reqwest::{StatusCode, Url};
use simone_booking::{Clock as _, SystemClock};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A stretch of cable between the product and its PostgreSQL.
struct Cable {
    near: SocketAddr,
    far: String,
    /// The listener and what it let through; ended by being dropped.
    through: Option<JoinSet<()>>,
    /// Whether it swallows everything, and breaks nothing.
    frozen: watch::Sender<bool>,
}

/// Passes on what comes in, unless the cable is frozen.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut frozen: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if frozen.wait_for(|frozen| !frozen).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

impl Cable {
    /// The cable, and the address of the database through it.
    fn to(database: &str) -> (Self, String) {
        let mut url: Url = database.parse().unwrap();
        let far = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
        let near = SocketAddr::from(([127, 0, 0, 1], free_port()));
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(near.port())).unwrap();
        (Self { near, far, through: None, frozen: watch::Sender::new(false) }, url.to_string())
    }

    async fn mend(&mut self) {
        let listener =
            eventually("the port is free again", async || TcpListener::bind(self.near).await.ok()).await;
        let (far, frozen) = (self.far.clone(), self.frozen.clone());
        let mut through = JoinSet::new();
        through.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (far, there, back) = (far.clone(), frozen.subscribe(), frozen.subscribe());
                connections.spawn(async move {
                    let (near_in, near_out) = near.into_split();
                    let (far_in, far_out) = TcpStream::connect(far).await.unwrap().into_split();
                    // One direction that ends ends both.
                    tokio::select! {
                        () = pass(near_in, far_out, there) => {}
                        () = pass(far_in, near_out, back) => {}
                    }
                });
            }
        });
        self.through = Some(through);
    }

    async fn cut(&mut self) {
        if let Some(mut through) = self.through.take() {
            through.shutdown().await;
        }
    }
}

/// What an outage left in the log, and that it is not a flood.
fn troubles(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect()
}

/// The worker has to go on by itself: what changed during the outage arrives without anyone asking for it.
async fn recovers(stage: &mut Stage, before: usize) {
    eventually("what changed meanwhile arrives", async || {
        (stage.database.blocks(CAMILLE).await.len() == before + 1).then_some(())
    })
    .await;
    stage.settled().await;
    assert!(stage.day(a_monday() + Days::new(1)).await.contains("Kiné"));
    stage.sync(ACCOUNT).await;
    assert_eq!(stage.status().await.as_deref(), Some("connected"));
    assert!(stage.product.log().contains("over: "), "the log says that it is over");
}

async fn imported(stage: &mut Stage) -> usize {
    add_account(&stage.simulator).await;
    stage.browser.connect(ACCOUNT, Consent::Allow).await;
    stage.imported().await;
    stage.settled().await;
    stage.database.blocks(CAMILLE).await.len()
}

/// A change on the platform, and a round that is due.
async fn something_is_due(stage: &Stage) {
    stage.simulator.add_event(ACCOUNT, timed("Kiné", a_monday() + Days::new(1), (8, 0), (9, 0))).await;
    let due = stage.database.instant(now());
    stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
}

const WORDS: &str = "Simone ne peut pas répondre pour l’instant";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    let test = async |stage: &mut Stage| {
        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.limitable();
        stage.product.start().await;
        let before = imported(stage).await;
        let settings = stage.browser.open("/settings/calendars").await;
        let quiet = troubles(&stage.product.log()).len();

        stage.product.fill_disk(true);
        something_is_due(stage).await;
        // What is there can be read; what would have to be written is refused in words.
        stage.browser.open("/agenda").await.says("Agenda");
        assert_eq!(stage.browser.open("/settings/calendars").await.status, StatusCode::OK);
        for _ in 0..3 {
            let page = stage.browser.press(&settings, &format!("Synchroniser {ACCOUNT}")).await;
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.describe());
            page.says(WORDS);
        }
        let connecting = stage.browser.press(&settings, &stage.side.another_button()).await;
        assert_eq!(connecting.status, StatusCode::SERVICE_UNAVAILABLE, "{}", connecting.describe());
        let mut visitor = stage.product.browser();
        let login = visitor.open("/login").await;
        let form = login.form("Recevoir un lien").with("email", CAMILLE);
        let page = visitor.send(&login, &form).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.describe());
        page.says("rien n’est perdu");
        SystemClock.sleep(Duration::from_secs(5)).await;
        let log = stage.product.log();
        let told = &troubles(&log)[quiet..];
        assert!((1..=6).contains(&told.len()), "one line for each trouble: {told:#?}");
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), before, "nothing is lost");

        stage.product.fill_disk(false);
        recovers(stage, before).await;
        visitor.send(&login, &form).await.says("Regardez vos e-mails");
    };
    tokio::join!(
        at_side(Side::Google, Kind::Sqlite, "full", &test),
        at_side(Side::Outlook, Kind::Sqlite, "full", &test)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back() {
    let test = async |stage: &mut Stage| {
        assert_eq!(stage.product.stop().await, Some(0));
        let (mut cable, url) = Cable::to(&stage.database.url);
        cable.mend().await;
        stage.product.set("SIMONE_DATABASE__URL", &url);
        stage.product.start().await;
        let before = imported(stage).await;
        let settings = stage.browser.open("/settings/calendars").await;
        let quiet = troubles(&stage.product.log()).len();

        cable.cut().await;
        something_is_due(stage).await;
        for path in ["/agenda", "/settings/calendars", "/login"] {
            let page = stage.browser.open(path).await;
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.describe());
            page.says(WORDS);
        }
        let page = stage.browser.press(&settings, &format!("Synchroniser {ACCOUNT}")).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.describe());
        let log = stage.product.log();
        let told = &troubles(&log)[quiet..];
        assert!((1..=6).contains(&told.len()), "one line for each trouble: {told:#?}");

        cable.mend().await;
        recovers(stage, before).await;

        // A network that swallows everything is the same to those who ask.
        cable.frozen.send_replace(true);
        for _ in 0..2 {
            let page = stage.browser.open("/agenda").await;
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{}", page.describe());
            page.says(WORDS);
        }
        cable.frozen.send_replace(false);
        stage.sync(ACCOUNT).await;

        // Cut in the middle of rounds, again and again.
        for _ in 0..5 {
            let due = stage.database.instant(now());
            stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
            SystemClock.sleep(Duration::from_millis(u64::from(now().timestamp_subsec_millis() % 400))).await;
            cable.cut().await;
            cable.mend().await;
        }
        stage.database.execute("UPDATE calendar_connections SET leased_until = NULL").await;
        stage.sync(ACCOUNT).await;
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), before + 1);
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
        // Without its database it still stops when told.
        cable.cut().await;
    };
    tokio::join!(
        at_side(Side::Google, Kind::Postgres, "away", &test),
        at_side(Side::Outlook, Kind::Postgres, "away", &test)
    );
}
