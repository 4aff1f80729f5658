//! Open pages are told of what changes: at once, across restarts and processes, and nobody else's.

use crate::support::browser::{Browser, Consent};
use crate::support::database::Kind;
use crate::support::events::Listener;
use crate::support::product::Product;
use crate::support::{ACCOUNT, Stage, a_monday, add_account, eventually, now, on, on_both, on_each, timed};
use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::json;

/// The stamp of a page as it stands.
async fn stamp(browser: &mut Browser, path: &str) -> String {
    let page = browser.open(path).await;
    let document = page.document();
    let main = document.named("main");
    main.first()
        .and_then(|main| main.attribute("data-stamp"))
        .unwrap_or_else(|| panic!("{}", page.describe()))
        .to_owned()
}

/// The page is what the stream last told it to be.
async fn caught_up(browser: &mut Browser, listener: &mut Listener, first: String) {
    let mut told = first;
    while let Ok(Some(event)) = listener.next(std::time::Duration::from_millis(2_500)).await {
        told = event.id;
    }
    assert_eq!(stamp(browser, "/agenda").await, told);
}

async fn connected(stage: &mut Stage) {
    add_account(&stage.simulator).await;
    stage.browser.connect(ACCOUNT, Consent::Allow).await;
    stage.imported().await;
    stage.settled().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_told_of_its_own_changes_and_of_no_one_elses() {
    on_each("live", async |stage| {
        connected(stage).await;
        let shown = stamp(&mut stage.browser, "/agenda").await;
        assert_eq!(stamp(&mut stage.browser, "/sync-log").await, shown, "reading changes nothing");
        let mut page = Listener::open(&stage.browser, &shown, None).await.unwrap();
        let mut behind = Listener::open(&stage.browser, "0000000000000000", None).await.unwrap();
        assert_eq!(behind.told().await.id, shown, "what it shows is old");
        page.silent().await;

        // Someone else lives, and Camille's pages hear nothing of it.
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        ines.enter(&link).await;
        let hers = stamp(&mut ines, "/agenda").await;
        assert_ne!(hers, shown);
        let mut her_page = Listener::open(&ines, &hers, None).await.unwrap();
        add_neighbour(stage).await;
        ines.connect("ines@gmail.test", Consent::Allow).await;
        assert_ne!(her_page.told().await.id, hers);
        page.silent().await;

        // A change on the platform arrives with a round.
        stage.simulator.add_event(ACCOUNT, timed("Kiné", a_monday(), (9, 0), (10, 0))).await;
        stage.sync(ACCOUNT).await;
        let told = page.told().await;
        assert_ne!(told.id, shown);
        caught_up(&mut stage.browser, &mut page, told.id).await;
        assert!(stage.day(a_monday()).await.contains("Kiné"));

        // One's own choice on another device, too.
        let before = stamp(&mut stage.browser, "/agenda").await;
        let settings = stage.browser.open("/settings/account/zone?zone=Europe/Lisbon").await;
        stage.browser.press(&settings, "Passer à l’heure de Lisbonne").await;
        assert_ne!(page.told().await.id, before);
    })
    .await;
}

async fn add_neighbour(stage: &Stage) {
    let events = json!([timed("Cours", a_monday(), (11, 0), (12, 0))]);
    let account = json!({"email": "ines@gmail.test", "zone": "Europe/Paris", "events": events});
    stage.simulator.add_account(account).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_survives_a_restart_which_does_not_wait_for_it() {
    on_each("live-restart", async |stage| {
        connected(stage).await;
        let shown = stamp(&mut stage.browser, "/agenda").await;
        let mut page = Listener::open(&stage.browser, &shown, None).await.unwrap();
        page.silent().await;
        let asked = now();
        assert_eq!(stage.product.stop().await, Some(0));
        assert!(now() - asked < TimeDelta::seconds(4), "a stop does not wait for open pages");
        assert_eq!(page.next(std::time::Duration::from_secs(2)).await, Ok(None));
        stage.product.start().await;

        let mut again = Listener::open(&stage.browser, "1111111111111111", Some(&shown)).await.unwrap();
        again.silent().await;
        stage.simulator.add_event(ACCOUNT, timed("Kiné", a_monday(), (9, 0), (10, 0))).await;
        stage.sync(ACCOUNT).await;
        let told = again.told().await;
        assert_ne!(told.id, shown);
        drop(again);

        // A change while nothing runs is told as soon as the page is back.
        stage.product.kill();
        stage.database.execute("UPDATE providers SET derive_wanted = derive_wanted + 1").await;
        stage.product.start().await;
        stage.settled().await;
        let mut back = Listener::open(&stage.browser, &shown, Some(&told.id)).await.unwrap();
        assert_ne!(back.told().await.id, told.id);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_does_the_other_tells() {
    on(Kind::Postgres, "live-two", &async |stage: &mut Stage| {
        connected(stage).await;
        let mut second = Product::serve("second", &stage.folder, &stage.database, &stage.simulator).await;
        second.start().await;
        stage.settled().await;
        let shown = stamp(&mut stage.browser, "/agenda").await;
        // The session is a matter of the database; the browser's cookie is sent to the other port.
        let cookie =
            stage.browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let elsewhere = second.browser();
        let listen =
            elsewhere.raw(Method::GET, &format!("/live?since={shown}")).header("cookie", cookie.join("; "));
        let mut page = Listener::of(listen).await.unwrap();
        page.silent().await;
        let settings = stage.browser.open("/settings/account/zone?zone=Europe/Lisbon").await;
        stage.browser.press(&settings, "Passer à l’heure de Lisbonne").await;
        assert_ne!(page.told().await.id, shown);
        assert_eq!(second.stop().await, Some(0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_with_the_session_and_is_bounded() {
    on_both("live-ends", async |stage| {
        let nobody = stage.product.browser();
        assert_eq!(Listener::open(&nobody, "x", None).await.err(), Some(StatusCode::NO_CONTENT));
        let shown = stamp(&mut stage.browser, "/agenda").await;
        let mut page = Listener::open(&stage.browser, &shown, None).await.unwrap();
        // Logged out, on this or another device.
        let account = stage.browser.open("/settings/account").await;
        let before = stage.browser.raw(Method::GET, "/live");
        stage.browser.press(&account, "Quitter Simone").await;
        assert_eq!(page.told().await.kind, "ended");
        assert_eq!(page.next(std::time::Duration::from_secs(2)).await, Ok(None));
        assert_eq!(Listener::of(before).await.err(), Some(StatusCode::NO_CONTENT));

        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.set("SIMONE_LIMITS__LIVE_PAGES", "2");
        stage.product.start().await;
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        stage.browser.enter(&link).await;
        let first = Listener::open(&stage.browser, "x", None).await.unwrap();
        let second = Listener::open(&stage.browser, "x", None).await.unwrap();
        assert_eq!(
            Listener::open(&stage.browser, "x", None).await.err(),
            Some(StatusCode::SERVICE_UNAVAILABLE)
        );
        drop((first, second));
        eventually("the places are free again", async || {
            Listener::open(&stage.browser, "x", None).await.ok()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_import_says_how_far_it_is_and_an_idle_round_writes_nothing_of_it() {
    on_each("live-progress", async |stage| {
        let events: Vec<_> =
            (0..40).map(|hour| timed("Rendez-vous", a_monday(), (hour % 20, 0), (hour % 20, 30))).collect();
        stage
            .simulator
            .add_account(json!({"email": ACCOUNT, "zone": "Europe/Paris", "events": events}))
            .await;
        stage
            .simulator
            .fault(json!([
                {"kind": "small_pages", "size": 5, "times": null},
                {"kind": "slow", "ms": 700, "path": stage.side.feed_path(), "times": null},
            ]))
            .await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        let agenda = eventually("the agenda says how far it is", async || {
            let page = stage.browser.open("/agenda").await;
            page.text().contains("lus jusqu’ici").then_some(page)
        })
        .await;
        agenda.says("Import en cours.");
        agenda.says("Des créneaux peuvent encore manquer.");
        agenda.says("Rafraîchir");
        let settings = eventually("the settings count the pages", async || {
            let page = stage.browser.open("/settings/calendars").await;
            let text = page.text();
            (text.contains("lus jusqu’ici") && text.contains("pages).")).then_some(page)
        })
        .await;
        let details = stage.browser.click(&settings, &format!("Détails de {ACCOUNT}")).await;
        details.says("lus jusqu’ici");
        let shown = stamp(&mut stage.browser, "/agenda").await;
        let mut page = Listener::open(&stage.browser, &shown, None).await.unwrap();
        page.told().await;
        stage.simulator.clear_faults().await;
        stage.imported().await;
        stage.settled().await;
        stage.browser.open("/agenda").await.does_not_say("Import en cours.");

        stage.sync(ACCOUNT).await;
        let read = stage.database.value("pages_read + events_read", "calendar_connections").await;
        assert_eq!(read.as_deref(), Some("0"), "one page each: nothing to note");
    })
    .await;
}
