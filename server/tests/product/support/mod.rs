//! What the tests have in common: a product, a simulator and a database of each test's own.

pub mod api;
pub mod bookings;
pub mod browser;
pub mod database;
pub mod events;
pub mod html;
pub mod offer;
pub mod platform;
pub mod product;
pub mod receiver;
pub mod schema;
pub mod simulator;

use browser::Browser;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Europe::Paris;
use database::{Database, Kind};
use platform::Side;
use product::Product;
use serde_json::{Value, json};
use simone_booking::{Clock as _, SystemClock};
use simulator::Simulator;
use std::path::PathBuf;
use std::time::Duration;

/// The provider of most tests, and her accounts on the platform.
pub const CAMILLE: &str = "camille@simone.test";
pub const ACCOUNT: &str = "camille.moreau@gmail.test";
pub const OTHER_ACCOUNT: &str = "camille.pro@gmail.test";
pub const FAMILY: &str = "famille@group.calendar.google.com";

pub fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    const PATIENCE: TimeDelta = TimeDelta::seconds(30);
    let deadline = now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(now() < deadline, "it did not come about: {what}");
        SystemClock.sleep(Duration::from_millis(40)).await;
    }
}

/// A product that runs towards a simulator, on a database, with Camille logged in.
pub struct Stage {
    pub folder: PathBuf,
    pub database: Database,
    pub simulator: Simulator,
    pub product: Product,
    pub browser: Browser,
    /// On whose calendars it plays.
    pub side: Side,
}

/// Runs a test on SQLite and on PostgreSQL, side by side.
pub async fn on_both(name: &str, test: impl AsyncFn(&mut Stage)) {
    on_both_at(Side::Google, name, &test).await;
}

/// The same on each platform's calendars, one after the other.
pub async fn on_each(name: &str, test: impl AsyncFn(&mut Stage)) {
    for side in Side::ALL {
        on_both_at(side, name, &test).await;
    }
}

pub async fn on_both_at(side: Side, name: &str, test: &impl AsyncFn(&mut Stage)) {
    tokio::join!(at_side(side, Kind::Sqlite, name, test), at_side(side, Kind::Postgres, name, test));
}

pub async fn on(kind: Kind, name: &str, test: &impl AsyncFn(&mut Stage)) {
    at_side(Side::Google, kind, name, test).await;
}

pub async fn at_side(side: Side, kind: Kind, name: &str, test: &impl AsyncFn(&mut Stage)) {
    let mut stage = Stage::set(side, kind, name).await;
    test(&mut stage).await;
    stage.end().await;
}

/// An empty folder of a test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Stage {
    async fn set(side: Side, kind: Kind, name: &str) -> Self {
        let folder = folder(&format!("{name}-{side:?}-{kind:?}"));
        let simulator = Simulator::start_at(side).await;
        let database = Database::create(kind, &folder).await;
        let mut product = Product::serve("product", &folder, &database, &simulator).await;
        product.start().await;
        let link = product.add_provider("Camille Moreau", CAMILLE).await;
        let mut browser = product.browser();
        browser.enter(&link).await;
        Self { folder, database, simulator, product, browser, side }
    }

    async fn end(mut self) {
        let most = self.simulator.most_at_a_time().await;
        assert!(most <= 4, "{most} requests at a time on one mailbox");
        let code = self.product.stop().await;
        assert_eq!(code, Some(0), "the product did not end well:\n{}", self.product.log());
        self.database.remove().await;
        drop(self.product);
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    /// Waits until the settings say that the account is connected and its import done.
    pub async fn imported(&mut self) {
        imported(&mut self.browser).await;
    }

    /// Presses the button that syncs the account, and waits until the round is over.
    pub async fn sync(&mut self, account: &str) {
        let settings = self.browser.open("/settings/calendars").await;
        let page = self.browser.press(&settings, &format!("Synchroniser {account}")).await;
        assert!(page.status.is_success(), "{}", page.describe());
        self.settled().await;
    }

    /// Waits until no wake-up is open, no round runs and nothing is to be derived.
    pub async fn settled(&mut self) {
        let database = &self.database;
        eventually("all is settled", async || {
            let under_way = database
                .count("calendar_connections WHERE status = 'connected' AND (wanted > covered OR leased_until IS NOT NULL)")
                .await;
            let behind = database.count("providers WHERE derive_wanted > derive_done").await;
            (under_way == 0 && behind == 0).then_some(())
        })
        .await;
    }

    /// The status of the one connection that is not disconnected.
    pub async fn status(&self) -> Option<String> {
        self.database.value("status", "calendar_connections WHERE status <> 'disconnected'").await
    }

    /// The agenda of the seven days from a day on, the text of each.
    pub async fn week(&mut self, day: NaiveDate) -> Vec<String> {
        let page = self.browser.open(&format!("/agenda?week={day}")).await;
        assert!(page.status.is_success(), "{}", page.describe());
        page.days()
    }

    /// The text of one day of the agenda.
    pub async fn day(&mut self, day: NaiveDate) -> String {
        self.week(day).await.into_iter().next().unwrap_or_default()
    }
}

pub async fn imported(browser: &mut Browser) {
    eventually("the import is done", async || {
        let page = browser.open("/settings/calendars").await;
        let document = page.document();
        let states = document.all(|it| it.name == "span" && it.has_class("state"));
        let chosen = document.all(|it| it.attribute("aria-checked") == Some("true"));
        let connected = !states.is_empty() && states.iter().all(|state| state.text() == "Connecté");
        (connected && !chosen.is_empty() && !page.text().contains("tout de suite")).then_some(())
    })
    .await;
}

/// Today in Paris, where everybody in these tests lives.
pub fn today() -> NaiveDate {
    now().with_timezone(&Paris).date_naive()
}

/// The Monday of the week after next: far enough that nothing of it is over or in progress.
pub fn a_monday() -> NaiveDate {
    today().week(Weekday::Mon).first_day() + Days::new(14)
}

/// A wall time in Paris; these tests name no hour that a change of clocks touches.
pub fn at(day: NaiveDate, hour: u32, minute: u32) -> DateTime<Utc> {
    let wall = day.and_time(NaiveTime::from_hms_opt(hour, minute, 0).unwrap());
    Paris.from_local_datetime(&wall).unwrap().to_utc()
}

pub fn timed(summary: &str, day: NaiveDate, from: (u32, u32), to: (u32, u32)) -> Value {
    let time = |(hour, minute)| json!({"dateTime": at(day, hour, minute).with_timezone(&Paris).to_rfc3339(), "timeZone": "Europe/Paris"});
    json!({"summary": summary, "start": time(from), "end": time(to)})
}

/// `days` whole days from `first` on.
pub fn all_day(summary: &str, first: NaiveDate, days: u64) -> Value {
    json!({"summary": summary, "start": {"date": first.to_string()}, "end": {"date": (first + Days::new(days)).to_string()}})
}

pub fn weekly(summary: &str, first: NaiveDate, from: (u32, u32), to: (u32, u32)) -> Value {
    let mut event = timed(summary, first, from, to);
    event["recurrence"] = json!(["RRULE:FREQ=WEEKLY"]);
    event
}

/// Camille's account: a dentist, a holiday of six days, yoga on Tuesdays, a free hour, and a second calendar.
pub async fn add_account(simulator: &Simulator) {
    let monday = a_monday();
    let mut free = timed("Courses si possible", monday + Days::new(9), (12, 30), (13, 30));
    free["transparency"] = json!("transparent");
    let events = json!([
        timed("Dentiste", monday + Days::new(3), (15, 0), (16, 0)),
        all_day("Vacances", monday + Days::new(7), 6),
        all_day("Jour de fête", monday + Days::new(4), 1),
        weekly("Yoga", monday - Days::new(27), (18, 0), (19, 0)),
        free,
    ]);
    let family = json!({"summary": "Famille", "id": FAMILY, "events": [
        timed("Déjeuner chez mamie", monday + Days::new(2), (12, 0), (14, 0)),
    ]});
    let account = json!({"email": ACCOUNT, "name": "Camille Moreau", "zone": "Europe/Paris", "events": events, "calendars": [family]});
    simulator.add_account(account).await;
}

/// A second account of hers.
pub async fn add_other_account(simulator: &Simulator) {
    let account = json!({"email": OTHER_ACCOUNT, "zone": "Europe/Paris", "events": [
        timed("Comptable", a_monday() + Days::new(1), (9, 0), (10, 0)),
    ]});
    simulator.add_account(account).await;
}
