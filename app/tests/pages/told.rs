//! What the pages tell of blocks, of events to come and of rounds: to their owner alone, in words, and as text.

use crate::Product;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use simone_booking::{CalendarId, Clock as _, ConnectionId, ProviderId};
use simone_store::views::Which;
use simone_sync::event::{Change, Details, Marks, ObservedEvent, Series, Shape, Span};
use simone_sync::import::{Counts, Draft, Pull};
use simone_sync::platform::{Access, RemoteCalendar};
use simone_sync::ports::{Choices as _, Lease, RoundStore as _};
use simone_sync::round::{Outcome, RoundReport};
use std::collections::BTreeSet;
use std::sync::Mutex;

const HOSTILE: &str = "\"></title><script>alert(1)</script>\u{202e}lrtb\u{0}";

/// A provider with an imported calendar.
struct Stage {
    product: Product,
    cookie: String,
    provider: ProviderId,
    connection: ConnectionId,
    calendar: CalendarId,
    lease: Lease,
    /// What the round under way has changed.
    counts: Mutex<Counts>,
}

fn event(id: &str, hours: i64, title: &str, marks: Marks, now: DateTime<Utc>) -> ObservedEvent {
    let start = now + TimeDelta::hours(hours);
    ObservedEvent {
        id: id.to_owned(),
        revision: format!("{hours}{title}{marks:?}"),
        shape: Shape::Single { span: Span::Timed { start, end: start + TimeDelta::hours(1) } },
        marks,
        details: Details {
            title: title.to_owned(),
            link: Some(format!("https://calendar.example/event?id={id}")),
            private: false,
        },
        updated: None,
        ical_uid: None,
        marker: None,
    }
}

fn report(at: DateTime<Utc>, outcome: Outcome, counts: Counts) -> RoundReport {
    RoundReport {
        started_at: at,
        ended_at: at,
        outcome,
        counts,
        requests: 7,
        refreshes: 0,
        delays: (0, 0),
        advances: Vec::new(),
        pulled_from: None,
        exports: Default::default(),
        next_sync_at: at + TimeDelta::minutes(5),
        not_before: None,
        list_doubted: false,
    }
}

impl Stage {
    async fn with(events: Vec<ObservedEvent>) -> Self {
        let product = Product::start().await;
        let cookie = product.enter().await;
        let provider = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap().id;
        let connection = product.connection(provider, "camille@gmail.test").await;
        let now = product.clock.now();
        let lease = product.db.lease_due(now, now + TimeDelta::minutes(2), 1).await.unwrap().remove(0);
        let remote = RemoteCalendar {
            id: "primary".to_owned(),
            name: "Privé".to_owned(),
            color: None,
            access: Access::Write,
            zone: None,
            primary: true,
        };
        product.db.apply_calendars(&lease, &[remote], now).await.unwrap();
        let calendar = product.db.pull_targets(&lease).await.unwrap()[0].calendar;
        let stage = Self { product, cookie, provider, connection, calendar, lease, counts: Mutex::default() };
        stage.pull(events.into_iter().map(|event| Change::Present(Box::new(event))).collect()).await;
        stage
    }

    async fn pull(&self, changes: Vec<Change>) {
        let (db, now) = (&self.product.db, self.product.clock.now());
        let expected_cursor = db.pull_targets(&self.lease).await.unwrap()[0].cursor.clone();
        let complete = expected_cursor.is_none();
        let cursor = format!("{}+", expected_cursor.clone().unwrap_or_default());
        let pull = Pull {
            calendar: self.calendar,
            expected_cursor,
            complete,
            changes,
            cursor,
            zone: None,
            whole: BTreeSet::new(),
            covers: None,
        };
        let known = db.known_events(self.calendar, None).await.unwrap();
        let blocks = db.block_counts(self.calendar, now).await.unwrap();
        let plan = Draft::new(pull, &known, now).brake(&blocks);
        assert!(db.apply_pull(&self.lease, &plan, now).await.unwrap());
        *self.counts.lock().unwrap() += plan.counts;
        db.derive(self.provider, now).await.unwrap();
    }

    async fn end(&self, outcome: Outcome) {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap());
        let report = report(self.product.clock.now(), outcome, counts);
        self.product.db.end_round(&self.lease, &report).await.unwrap();
    }

    /// The next round, some minutes later.
    async fn again(&mut self, minutes: i64) {
        *self.product.clock.0.lock().unwrap() += TimeDelta::minutes(minutes);
        let now = self.product.clock.now();
        let leases = self.product.db.lease_due(now, now + TimeDelta::minutes(2), 1).await.unwrap();
        self.lease = leases.into_iter().next().expect("it is due");
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.product.get(path, &self.cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.is_designed(), "{path}");
        answer.body
    }

    /// The addresses of the reasons of all blocks on the agenda's first week.
    async fn reasons(&self) -> Vec<String> {
        let page = self.page("/agenda").await;
        let mut links: Vec<String> = page
            .split("href=\"/agenda/")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            // What is named by an id is a block.
            .filter(|id| id.parse::<uuid::Uuid>().is_ok())
            .map(|id| format!("/agenda/{id}"))
            .collect();
        links.dedup();
        links
    }

    fn calendar_path(&self) -> String {
        format!("/settings/calendars/{}/{}", self.connection, self.calendar)
    }

    async fn round(&self) -> String {
        let log = self.product.db.sync_log(self.provider, None, 1).await.unwrap();
        format!("/sync-log/{}", log.rows[0].id)
    }
}

fn now() -> DateTime<Utc> {
    "2026-01-13T12:00:00Z".parse().unwrap()
}

fn says(page: &str, words: &str) {
    assert!(page.contains(words), "{words} is not in {page}");
}

fn does_not_say(page: &str, words: &str) {
    assert!(!page.contains(words), "{words} is in {page}");
}

#[tokio::test]
async fn a_block_leads_to_why_it_is_there_and_how_to_free_it() {
    let plain = Marks::default();
    let stage = Stage::with(vec![
        event("a", 2, "Dentiste", plain, now()),
        event("b", 4, "Réunion", Marks { unanswered: true, ..plain }, now()),
        event("c", 6, "Peut-être", Marks { tentative: true, ..plain }, now()),
        event("d", 8, "Libre", Marks { free: true, ..plain }, now()),
    ])
    .await;
    stage.product.db.block_free(stage.provider, stage.calendar, true, now()).await.unwrap();
    stage.product.db.derive(stage.provider, now()).await.unwrap();
    stage.end(Outcome::Ok).await;
    let reasons = stage.reasons().await;
    assert_eq!(reasons.len(), 4);
    let expected = [
        ("Dentiste", "marqué «\u{a0}occupé\u{a0}»", "marquez l’événement «\u{a0}Disponible\u{a0}»"),
        ("Réunion", "pas encore dit oui ou non", "Répondez à l’invitation"),
        ("Peut-être", "encore à confirmer", "annulez l’événement"),
        ("Libre", "vous avez choisi que les événements libres", "Éteignez"),
    ];
    for (path, (title, why, how)) in reasons.iter().zip(expected) {
        let page = stage.page(path).await;
        for words in [title, why, how, "camille@gmail.test", "Privé", "à l’instant", "heure de Paris"] {
            says(&page, words);
        }
        says(&page, "target=\"_blank\" rel=\"noopener noreferrer\"");
        says(&page, "href=\"https://calendar.example/event?id=");
        says(&page, &format!("href=\"{}\"", stage.calendar_path()));
    }
}

#[tokio::test]
async fn what_does_not_block_is_listed_with_its_reason() {
    let plain = Marks::default();
    let stage = Stage::with(vec![
        event("a", 2, "Dentiste", plain, now()),
        event("b", 4, "Pot", Marks { declined: true, ..plain }, now()),
        event("c", 6, "Maison", Marks { working_location: true, ..plain }, now()),
        event("d", -6, "Passé", plain, now()),
        event("e", 24 * 120, "Été", plain, now()),
    ])
    .await;
    stage.end(Outcome::Ok).await;
    let all = stage.page(&stage.calendar_path()).await;
    for words in ["Dentiste", "Vous avez refusé l’invitation", "Lieu de travail", "Dans plus de 90 jours"]
    {
        says(&all, words);
    }
    says(&all, "1 bloque");
    says(&all, "3 ne bloquent pas");
    does_not_say(&all, "Passé");
    let free = stage.page(&format!("{}?show=free", stage.calendar_path())).await;
    does_not_say(&free, "Dentiste");
    says(&free, "Pot");
    // From the calendar's row to its list, and from what blocks to why.
    says(&stage.page("/settings/calendars").await, &format!("href=\"{}\"", stage.calendar_path()));
    // The first block of today is over, and no longer listed.
    assert!(all.contains(&format!("href=\"{}\"", stage.reasons().await[1])));
    for strange in ["?page=x", "?page=-1", "?page=99999999999999999999", "?show=%ff&page=0", "?page=5"] {
        stage.page(&format!("{}{strange}", stage.calendar_path())).await;
    }
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let many =
        (0..120).map(|n| event(&format!("e{n}"), n + 1, &format!("Séance {n}."), Marks::default(), now()));
    let stage = Stage::with(many.collect()).await;
    stage.end(Outcome::Ok).await;
    let path = stage.calendar_path();
    let (first, last) = (stage.page(&path).await, stage.page(&format!("{path}?page=3")).await);
    says(&first, "Séance 39.");
    does_not_say(&first, "Séance 40.");
    says(&first, &format!("{path}?page=2"));
    says(&last, "Séance 119.");
    does_not_say(&last, &format!("{path}?page=4"));
    says(&stage.page(&format!("{path}?show=free")).await, "Tout bloque");
    for page in [&first, &last] {
        assert!(page.len() < 35_000, "{} bytes", page.len());
    }
    // The log tells of them in pages too.
    let round = stage.round().await;
    says(&stage.page(&round).await, &format!("{round}?page=2"));
    says(&stage.page(&format!("{round}?page=9")).await, "Séance 119.");
}

#[tokio::test]
async fn a_calendar_that_is_not_chosen_or_empty_says_so() {
    let stage = Stage::with(Vec::new()).await;
    stage.end(Outcome::Ok).await;
    says(&stage.page(&stage.calendar_path()).await, "Rien à venir");
    stage.product.db.select_calendar(stage.provider, stage.calendar, false, now()).await.unwrap();
    says(&stage.page(&stage.calendar_path()).await, "Allumez-le");
}

#[tokio::test]
async fn a_round_tells_from_what_to_what() {
    let mut stage = Stage::with(vec![
        event("a", 2, "Dentiste", Marks::default(), now()),
        event("b", 4, "Perdu", Marks::default(), now()),
        event("c", 30, "Même", Marks::default(), now()),
    ])
    .await;
    stage.end(Outcome::Ok).await;
    let first = stage.page(&stage.round().await).await;
    for words in ["3 événements ajoutés", "Dentiste", "Bloque (marqué occupé)", "Ajouté", "Privé"] {
        says(&first, words);
    }
    stage.again(6).await;
    let same =
        ObservedEvent { revision: "other".to_owned(), ..event("c", 30, "Même", Marks::default(), now()) };
    let free = Marks { free: true, ..Marks::default() };
    stage
        .pull(vec![
            Change::Present(Box::new(event("a", 3, "Orthodontiste", free, now()))),
            Change::Present(Box::new(same)),
            Change::Gone { id: "b".to_owned() },
        ])
        .await;
    stage.end(Outcome::Ok).await;
    let second = stage.page(&stage.round().await).await;
    for words in [
        "<del><bdi>Dentiste</bdi></del>",
        "<ins><bdi>Orthodontiste</bdi></ins>",
        "<del><bdi>mardi 13 janvier, 15:00 – 16:00</bdi></del>",
        "<ins><bdi>mardi 13 janvier, 16:00 – 17:00</bdi></ins>",
        "Ne bloque plus (marqué disponible)",
        "un détail que Simone ne lit pas",
        "Perdu",
        "Supprimé",
    ] {
        says(&second, words);
    }
    // The numbers are for those who open them.
    says(&second, "<details");
    says(&stage.page("/sync-log").await, &format!("href=\"{}\"", stage.round().await));
}

#[tokio::test]
async fn rounds_in_which_nothing_happened_are_one_line() {
    let mut stage = Stage::with(Vec::new()).await;
    stage.end(Outcome::Ok).await;
    for _ in 0..11 {
        stage.again(6).await;
        stage.end(Outcome::Ok).await;
    }
    let log = stage.page("/sync-log").await;
    says(&log, "12 vérifications entre 13:00 et 14:06, rien de nouveau");
    assert_eq!(log.matches("href=\"/sync-log/").count(), 1);
    says(&stage.page(&stage.round().await).await, "Rien de nouveau");
    for _ in 0..3 {
        stage.again(60 * 24).await;
        stage.end(Outcome::Ok).await;
    }
    let log = stage.page("/sync-log").await;
    says(&log, "15 vérifications entre 13 janvier, 13:00 et 14:06, rien de nouveau");
}

#[tokio::test]
async fn a_failed_round_says_what_to_do_and_offers_it() {
    let mut stage = Stage::with(vec![event("a", 2, "Dentiste", Marks::default(), now())]).await;
    stage.end(Outcome::Unavailable).await;
    let round = stage.round().await;
    for path in ["/sync-log", round.as_str()] {
        let page = stage.page(path).await;
        says(&page, "n’a pas répondu correctement");
        says(&page, "Rien à faire\u{a0}: Simone réessaie à 13:05.");
        says(&page, "action=\"/actions/sync\"");
    }
    // What it changed before it failed is told all the same.
    says(&stage.page(&round).await, "Dentiste");
    stage.again(6).await;
    stage.product.db.flag_reconnect(&stage.lease, None, stage.product.clock.now()).await.unwrap();
    stage.end(Outcome::NeedsReconnect).await;
    for path in ["/sync-log".to_owned(), stage.round().await] {
        let page = stage.page(&path).await;
        says(&page, "action=\"/connect/google\"");
        says(&page, "Reconnecter");
    }
    // Afterwards there is nothing left to do.
    stage.product.connection_again(stage.provider, stage.connection, "camille@gmail.test").await;
    stage.again(6).await;
    stage.end(Outcome::Ok).await;
    let page = stage.page(&round).await;
    says(&page, "C’est réglé");
    does_not_say(&page, "action=\"/actions/sync\"");
}

#[tokio::test]
async fn what_is_anothers_is_not_told() {
    let stage = Stage::with(vec![event("a", 2, "Dentiste", Marks::default(), now())]).await;
    stage.end(Outcome::Ok).await;
    let paths = [stage.reasons().await.remove(0), stage.calendar_path(), stage.round().await];
    let ines = stage.product.add("Inès Diallo", "ines@simone.test").await;
    let theirs = stage.product.connection(ines, "ines@gmail.test").await;
    let cookie = stage.product.enter_as("ines@simone.test").await;
    for path in paths {
        assert_eq!(stage.product.get(&path, &stage.cookie).await.status, StatusCode::OK);
        let answer = stage.product.get(&path, &cookie).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.is_designed());
        for private in ["Dentiste", "camille@gmail.test", "Privé"] {
            does_not_say(&answer.body, private);
        }
        let visitor = stage.product.get(&path, "").await;
        assert_eq!(visitor.status, StatusCode::SEE_OTHER, "{path}");
    }
    // Their own connection with another's calendar, and the other way round.
    for path in [
        format!("/settings/calendars/{theirs}/{}", stage.calendar),
        format!("/settings/calendars/{}/nope", stage.connection),
        "/agenda/nope".to_owned(),
        format!("/agenda/{}", stage.calendar),
        "/sync-log/nope".to_owned(),
        format!("/sync-log/{}", stage.calendar),
    ] {
        for cookie in [&cookie, &stage.cookie] {
            assert_eq!(stage.product.get(&path, cookie).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    }
}

#[tokio::test]
async fn hostile_titles_and_links_are_text_and_lead_nowhere() {
    let long = "😀".repeat(10_000);
    let mut evil = event("evil", 2, HOSTILE, Marks::default(), now());
    evil.details.link = Some("javascript:alert(1)".to_owned());
    let mut inner = event("inner", 5, "Réseau", Marks::default(), now());
    inner.details.link = Some("http://169.254.169.254/latest".to_owned());
    let series = Series {
        first: Span::Timed { start: now(), end: now() + TimeDelta::hours(1) },
        zone: None,
        lines: vec!["RRULE:FREQ=MOONLY".to_owned()],
    };
    let odd = ObservedEvent {
        shape: Shape::Master { series },
        ..event("odd", 0, "\u{202e}\u{2067}\u{200f}", Marks::default(), now())
    };
    let mut stage = Stage::with(vec![
        evil,
        inner,
        odd,
        event("long", 3, &long, Marks::default(), now()),
        event("empty", 4, "", Marks::default(), now()),
        event("arabic", 6, "يوغا", Marks::default(), now()),
    ])
    .await;
    stage.end(Outcome::Ok).await;
    let first_round = stage.round().await;
    stage.again(6).await;
    stage.pull(vec![Change::Present(Box::new(event("evil", 2, "<b>", Marks::default(), now())))]).await;
    stage.end(Outcome::Ok).await;
    stage.pull_evil_back().await;
    let mut paths = stage.reasons().await;
    assert_eq!(paths.len(), 6);
    paths.extend(["/agenda".to_owned(), stage.calendar_path(), first_round, stage.round().await]);
    for path in paths {
        let page = stage.page(&path).await;
        for bad in ["<script>alert", "javascript:", "169.254", "\u{202e}", "\u{2067}", "<b><bdi><b>"] {
            does_not_say(&page, bad);
        }
        assert!(page.len() < 45_000, "{path}: {} bytes", page.len());
    }
    let list = stage.page(&stage.calendar_path()).await;
    says(&list, "<bdi>Occupé</bdi>");
    says(&list, "<bdi>يوغا</bdi>");
    let provider = stage.product.db.provider(stage.provider).await.unwrap().unwrap();
    let now = stage.product.clock.now();
    let shown =
        stage.product.db.upcoming(&provider, stage.calendar, Which::All, 1, now).await.unwrap().unwrap();
    assert!(shown.rows.iter().any(|row| row.title == HOSTILE), "it is stored as it was told");
}

impl Stage {
    async fn pull_evil_back(&mut self) {
        self.again(6).await;
        let mut evil = event("evil", 2, HOSTILE, Marks::default(), now());
        evil.details.link = Some("javascript:alert(1)".to_owned());
        self.pull(vec![Change::Present(Box::new(evil))]).await;
        self.end(Outcome::Ok).await;
    }
}
