//! The pages over a database in memory: who gets in, what a page sends along, and what becomes of bad input.

#![expect(clippy::unwrap_used, reason = "a test may fail at any step")]

#[path = "pages/told.rs"]
mod told;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, REFERER, SET_COOKIE,
};
use axum::http::request::Builder;
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretBox;
use simone_app::{AppState, Connector, Demo, DemoOperator, Parts, Session};
use simone_booking::{Clock, ConnectionId, Ids, Locale, ProviderId, SystemClock};
use simone_store::{Database, Keyring, NewProvider, Options};
use simone_sync::connect::ConnectError;
use simone_sync::platform::{Account, Platform};
use simone_sync::ports::{Attempt, Choices as _, ConnectStore, Recorded, RoundStore as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tower::ServiceExt;
use url::Url;

/// A clock that stands still until it is moved.
struct StillClock(Mutex<DateTime<Utc>>);

#[async_trait]
impl Clock for StillClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

/// Leads to a fixed address, or says that the platform is not set up.
struct FixedConnector(Option<Url>);

#[async_trait]
impl Connector for FixedConnector {
    async fn start(
        &self,
        session: &Session,
        _: Platform,
        _: Option<ConnectionId>,
    ) -> Result<Url, ConnectError> {
        assert!(session.provider_id().is_some());
        self.0.clone().ok_or(ConnectError::NotConfigured)
    }
}

struct Product {
    db: Database,
    clock: Arc<StillClock>,
    state: AppState,
    router: Router,
}

const AUTHORIZE: &str = "https://accounts.example/authorize?a=b";

impl Product {
    async fn start() -> Self {
        Self::start_with(Some(AUTHORIZE), "http://simone.test").await
    }

    async fn start_with(authorize: Option<&str>, public_url: &str) -> Self {
        let ids = Arc::new(Ids::seeded(Arc::new(SystemClock), 7));
        let key = SecretBox::new(Box::new(vec![1; 32]));
        let keys = Keyring::new([("test".to_owned(), key)], ids.clone()).unwrap();
        let options = Options { url: "sqlite::memory:".to_owned(), connections: 1 };
        let db = Database::open(&options, Arc::new(keys), ids.clone()).await.unwrap();
        let clock = Arc::new(StillClock(Mutex::new("2026-01-13T12:00:00Z".parse().unwrap())));
        let mut state = AppState::new(Parts {
            db: db.clone(),
            clock: clock.clone(),
            ids,
            wake: Arc::default(),
            connect: Arc::new(FixedConnector(authorize.map(|url| url.parse().unwrap()))),
            public_url: public_url.parse().unwrap(),
        });
        state.authorize_origins = vec!["https://accounts.example".to_owned()];
        state.demo = Some(Demo {
            provider: "camille@simone.test".to_owned(),
            name: "Camille Moreau".to_owned(),
            operator: Some(DemoOperator { email: "robin@simone.test".to_owned(), name: "Robin".to_owned() }),
            mailbox: None,
            simulator: None,
        });
        let product = Self { router: simone_app::router(state.clone(), Router::new()), db, clock, state };
        product.add("Camille Moreau", "camille@simone.test").await;
        product
    }

    async fn add(&self, name: &str, email: &str) -> ProviderId {
        let (zone, locale) = (chrono_tz::Europe::Paris, Locale::Fr);
        let new = NewProvider { name: name.to_owned(), email: email.to_owned(), zone, locale };
        self.db.add_provider(&new, self.clock.now()).await.unwrap().unwrap()
    }

    /// A connection of a provider, as the callback would make it.
    async fn connection(&self, provider: ProviderId, account: &str) -> ConnectionId {
        let attempt = Attempt {
            provider,
            platform: Platform::Google,
            reconnects: None,
            verifier: "v".repeat(43).into(),
        };
        let account = Account { id: account.to_owned(), email: account.to_owned() };
        let now = self.clock.now();
        let recorded = self
            .db
            .record_grant(
                &attempt,
                &account,
                &"access".into(),
                now + TimeDelta::hours(1),
                &"refresh".into(),
                "s",
                now,
            )
            .await
            .unwrap();
        let Recorded::Connected(connection) = recorded else { panic!("{recorded:?}") };
        connection
    }

    /// The provider consents anew.
    async fn connection_again(&self, provider: ProviderId, connection: ConnectionId, account: &str) {
        let verifier = "v".repeat(43).into();
        let attempt =
            Attempt { provider, platform: Platform::Google, reconnects: Some(connection), verifier };
        let account = Account { id: account.to_owned(), email: account.to_owned() };
        let (access, refresh, now) = ("access2".into(), "refresh2".into(), self.clock.now());
        let until = now + TimeDelta::hours(1);
        let recorded = self.db.record_grant(&attempt, &account, &access, until, &refresh, "s", now).await;
        assert_eq!(recorded.unwrap(), Recorded::Reconnected(connection));
    }

    /// Logs in by a link that was sent.
    async fn enter_as(&self, email: &str) -> String {
        self.post("/login", &format!("email={}", email.replace('@', "%40")), "").await;
        let emails = self.db.latest_emails(1).await.unwrap();
        let simone_store::deliveries::EmailKind::LoginLink { token } = &emails[0].kind else { panic!() };
        self.post(&format!("/login/{token}"), "", "").await.cookie().expect("a session")
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(request("GET", path, cookie).body(Body::empty()).unwrap()).await
    }

    /// How many bytes a browser gets of it.
    async fn packed(&self, path: &str, cookie: &str) -> usize {
        let request =
            request("GET", path, cookie).header(ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{path}");
        to_bytes(response.into_body(), 1 << 20).await.unwrap().len()
    }

    async fn post(&self, path: &str, form: &str, cookie: &str) -> Answer {
        self.send(post(path, cookie).body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Logs in by the demonstration's button.
    async fn enter(&self) -> String {
        let answer = self.post("/login/demo", "", "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        answer.cookie().expect("a session")
    }
}

fn request(method: &str, path: &str, cookie: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "simone.test")
        .header(ACCEPT, "text/html")
        .header(ACCEPT_LANGUAGE, "fr")
        .header(COOKIE, cookie)
}

fn post(path: &str, cookie: &str) -> Builder {
    request("POST", path, cookie).header(CONTENT_TYPE, "application/x-www-form-urlencoded")
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |location| location.to_str().unwrap())
    }

    fn cookie(&self) -> Option<String> {
        let cookie = self.headers.get(SET_COOKIE)?.to_str().unwrap();
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    /// A page in the product's own frame.
    fn is_designed(&self) -> bool {
        self.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.to_str().unwrap().starts_with("text/html"))
            && self.body.contains("class=\"brand\"")
    }
}

#[tokio::test]
async fn every_page_sends_the_policy_along_and_is_not_kept() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let pages = [
        "/login",
        "/agenda",
        "/settings/calendars",
        "/settings/account",
        "/sync-log",
        "/notifications",
        "/nope",
    ];
    for path in pages {
        let answer = product.get(path, &cookie).await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header(CONTENT_SECURITY_POLICY.as_str());
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(policy.contains("form-action 'self' https://accounts.example"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header(CACHE_CONTROL.as_str()), "no-store", "{path}");
        assert!(answer.is_designed(), "{path}");
        assert!(answer.body.contains("<html lang=\"fr\">"), "{path}");
        assert_eq!(answer.body.matches("<title>").count(), 1, "{path}");
        assert!(!answer.body.contains(" style=\""), "{path}: an inline style would be refused");
        for script in answer.body.split("<script").skip(1) {
            assert!(script.starts_with(" nonce="), "{path}: a script without the nonce would be refused");
        }
    }
}

/// The value of an attribute of a page's `main`.
fn stamp(page: &Answer) -> String {
    let (_, rest) =
        page.body.split_once("data-stamp=\"").unwrap_or_else(|| panic!("no stamp: {}", page.body));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_page_that_renews_itself_takes_no_message_from_the_next_one_and_sets_nothing_going() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let refresh = async |path: &str| {
        product
            .send(request("GET", path, &cookie).header("simone-refresh", "1").body(Body::empty()).unwrap())
            .await
    };
    assert!(!refresh("/agenda").await.body.contains("Bonjour Camille"));
    assert!(product.get("/agenda", &cookie).await.body.contains("Bonjour Camille"));
    assert!(!product.get("/agenda", &cookie).await.body.contains("Bonjour Camille"));

    let camille = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap().id;
    let connection = product.connection(camille, "camille@gmail.test").await;
    let lease = product
        .db
        .lease_due(product.clock.now(), product.clock.now() + TimeDelta::minutes(1), 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(lease.connection, connection);
    product.db.apply_calendars(&lease, &[], product.clock.now()).await.unwrap();
    product.clock.sleep(Duration::from_secs(120)).await;
    let before = stamp(&product.get("/agenda", &cookie).await);
    refresh("/settings/calendars").await;
    assert_eq!(stamp(&product.get("/agenda", &cookie).await), before);
    product.get("/settings/calendars", &cookie).await;
    assert_ne!(
        stamp(&product.get("/agenda", &cookie).await),
        before,
        "opening them asks for the list of calendars"
    );
}

#[tokio::test]
async fn a_page_with_its_stylesheet_stays_small() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let style = product.get(simone_app::STYLE_PATH, "").await;
    assert!(style.headers[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    let live = product.get(simone_app::LIVE_PATH, "").await;
    assert!(live.headers[CONTENT_TYPE].to_str().unwrap().starts_with("text/javascript"));
    // As a browser gets them, and unpacked: what it has to read through.
    let assets = (
        product.packed(simone_app::STYLE_PATH, "").await + product.packed(simone_app::LIVE_PATH, "").await,
        style.body.len() + live.body.len(),
    );
    for path in ["/login", "/agenda", "/settings/calendars", "/settings/account", "/sync-log", "/oversight"] {
        let packed = assets.0 + product.packed(path, &cookie).await;
        assert!(packed < 30_000, "{path}: {packed} bytes, packed");
        let plain = assets.1 + product.get(path, &cookie).await.body.len();
        assert!(plain < 80_000, "{path}: {plain} bytes, unpacked");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_sent_to_log_in_and_back() {
    let product = Product::start().await;
    let answer = product.get("/agenda?week=2026-01-12", "").await;
    assert_eq!(answer.location(), "/login?next=%2Fagenda%3Fweek%3D2026-01-12");
    assert_eq!(product.post("/actions/sync", "", "").await.location(), "/login");
    assert_eq!(product.post("/connect/google", "", "").await.location(), "/login");
    let answer = product.post("/login/demo", "next=%2Fagenda%3Fweek%3D2026-01-12", "").await;
    assert_eq!(answer.location(), "/agenda?week=2026-01-12");
    let answer = product.post("/login/demo", "next=https%3A%2F%2Fevil.example%2F", "").await;
    assert_eq!(answer.location(), "/agenda", "nobody is led elsewhere");
}

#[tokio::test]
async fn the_cookie_is_for_the_server_alone() {
    let product = Product::start().await;
    let plain = product.post("/login/demo", "", "").await;
    let plain = plain.headers[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(
        plain.starts_with("simone=") && plain.contains("HttpOnly") && plain.contains("SameSite=Lax"),
        "{plain}"
    );
    assert!(!plain.contains("Secure"));
    let secure = Product::start_with(None, "https://simone.test").await.post("/login/demo", "", "").await;
    let secure = secure.headers[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(
        secure.starts_with("__Host-simone=") && secure.contains("; Secure") && secure.contains("Path=/;"),
        "{secure}"
    );
}

#[tokio::test]
async fn logging_in_changes_the_token_and_logging_out_ends_it() {
    let product = Product::start().await;
    let first = product.enter().await;
    let again = product.post("/login/demo", "", &first).await.cookie().unwrap();
    assert_ne!(first, again);
    assert_eq!(
        product.get("/agenda", &first).await.status,
        StatusCode::SEE_OTHER,
        "the old session has ended"
    );
    assert_eq!(product.get("/agenda", &again).await.status, StatusCode::OK);
    let answer = product.post("/actions/log-out", "everywhere=false", &again).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/login?left=1"));
    assert!(answer.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(product.get("/agenda", &again).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_ends_thirty_days_after_it_was_last_used() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    for _ in 0..3 {
        *product.clock.0.lock().unwrap() += TimeDelta::days(29);
        assert_eq!(product.get("/agenda", &cookie).await.status, StatusCode::OK);
    }
    *product.clock.0.lock().unwrap() += TimeDelta::days(31);
    assert_eq!(product.get("/agenda", &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn logging_out_everywhere_ends_the_other_sessions_too() {
    let product = Product::start().await;
    let (one, other) = (product.enter().await, product.enter().await);
    product.post("/actions/log-out", "everywhere=true", &one).await;
    assert_eq!(product.get("/agenda", &other).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_login_link_is_sent_to_who_is_known_and_the_answer_is_the_same() {
    let product = Product::start().await;
    let known = product.post("/login", "email=Camille%40simone.test", "").await;
    let unknown = product.post("/login", "email=nobody%40simone.test", "").await;
    assert_eq!((known.status, known.location()), (StatusCode::SEE_OTHER, "/login?sent=1"));
    assert_eq!((unknown.status, unknown.location()), (known.status, known.location()));
    let emails = product.db.latest_emails(10).await.unwrap();
    let [email] = emails.as_slice() else { panic!("{} e-mails", emails.len()) };
    let simone_store::deliveries::EmailKind::LoginLink { token } = &email.kind else { panic!() };

    let link = format!("/login/{token}");
    for _ in 0..2 {
        let opened = product.get(&link, "").await;
        assert_eq!(opened.status, StatusCode::OK, "opening it changes nothing");
        assert!(opened.cookie().is_none());
    }
    let pressed = product.post(&link, "", "").await;
    assert_eq!(pressed.location(), "/agenda");
    assert_eq!(product.get("/agenda", &pressed.cookie().unwrap()).await.status, StatusCode::OK);
    let again = product.post(&link, "", "").await;
    assert!(again.cookie().is_none(), "it works once");
    assert_eq!(product.get(&link, "").await.status, StatusCode::GONE);
}

#[tokio::test]
async fn a_login_link_gets_old() {
    let product = Product::start().await;
    product.post("/login", "email=camille%40simone.test", "").await;
    let emails = product.db.latest_emails(10).await.unwrap();
    let simone_store::deliveries::EmailKind::LoginLink { token } = &emails[0].kind else { panic!() };
    *product.clock.0.lock().unwrap() += TimeDelta::minutes(16);
    assert!(product.post(&format!("/login/{token}"), "", "").await.cookie().is_none());
}

#[tokio::test]
async fn too_many_attempts_have_to_wait_and_few_links_are_sent() {
    let product = Product::start().await;
    let mut refused = 0;
    for _ in 0..15 {
        let answer = product.post("/login", "email=camille%40simone.test", "").await;
        refused += usize::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(refused, 5);
    assert_eq!(product.db.latest_emails(50).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_mistyped_address_comes_back_with_what_is_wrong() {
    let product = Product::start().await;
    let answer = product.post("/login", "email=%22%3E%3Cscript%3Ex", "").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.is_designed() && answer.body.contains("aria-invalid=\"true\""));
    assert!(!answer.body.contains("<script>x"), "what was typed is escaped");
}

#[tokio::test]
async fn requests_from_other_sites_are_refused() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    for (header, value) in [
        (ORIGIN.as_str(), "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        (REFERER.as_str(), "https://evil.example/simone.test"),
        (REFERER.as_str(), "nonsense"),
    ] {
        for path in ["/actions/log-out", "/connect/google", "/login", "/login/demo"] {
            let request =
                post(path, &cookie).header(header, value).body(Body::from("everywhere=true")).unwrap();
            let answer = product.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {header}");
            assert!(answer.is_designed(), "{path} {header}");
        }
    }
    assert_eq!(product.get("/agenda", &cookie).await.status, StatusCode::OK, "still logged in");
}

#[tokio::test]
async fn malformed_and_oversized_forms_get_a_page_that_says_so() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    for (path, form) in [
        ("/actions/sync", ""),
        ("/actions/sync", "connection=nope"),
        ("/actions/sync", "connection=%ff%fe"),
        ("/actions/select", "calendar=00000000-0000-0000-0000-000000000000&selected=perhaps"),
        ("/actions/zone", "zone=Mars/Olympus"),
        ("/actions/language", "language=tlh"),
        ("/connect/google", "reconnect=nope"),
    ] {
        let request = post(path, &cookie)
            .header("sec-fetch-site", "same-origin")
            .header(REFERER, "https://evil.example/")
            .body(Body::from(form.to_owned()))
            .unwrap();
        let answer = product.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {form}: {:?}", answer.headers);
        assert!(answer.is_designed(), "{path} {form}");
        assert_eq!(answer.location(), "", "{path} {form}: nobody is led to a foreign Referer");
    }
    let long = format!("connection={}", "x".repeat(100_000));
    let request = post("/actions/sync", &cookie).header(CONTENT_LENGTH, long.len());
    let answer = product.send(request.body(Body::from(long)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.is_designed());
    for path in ["/actions/nope", "/connect/icloud"] {
        assert_eq!(product.post(path, "", &cookie).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(product.get("/actions/sync", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn connecting_leads_to_the_platform_or_says_why_not() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let answer = product.post("/connect/google", "", &cookie).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, AUTHORIZE));

    let product = Product::start_with(None, "http://simone.test").await;
    let cookie = product.enter().await;
    let answer = product.post("/connect/google", "", &cookie).await;
    assert_eq!(answer.location(), "/settings/calendars");
    let page = product.get("/settings/calendars", &cookie).await;
    assert!(page.body.contains("n’est pas encore proposé"), "the reason is said");
    let page = product.get("/settings/calendars", &cookie).await;
    assert!(!page.body.contains("n’est pas encore proposé"), "once");
}

#[tokio::test]
async fn what_is_anothers_does_not_exist() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let other = product.add("Someone Else", "other@simone.test").await;
    let connection = product.connection(other, "other@gmail.test").await;
    for path in [
        format!("/settings/calendars/{connection}"),
        format!("/settings/calendars/{connection}/disconnect"),
        "/settings/calendars/nope".to_owned(),
        "/sync-log?connection=nope".to_owned(),
    ] {
        let answer = product.get(&path, &cookie).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.is_designed(), "{path}");
        assert!(!answer.body.contains("other@gmail.test"), "{path}");
    }
    for path in ["/actions/sync", "/actions/disconnect"] {
        let answer = product.post(path, &format!("connection={connection}"), &cookie).await;
        assert_eq!(answer.location(), "/settings/calendars", "{path}");
        let page = product.get("/settings/calendars", &cookie).await;
        assert!(page.body.contains("n’existe plus, ou n’est pas à vous"), "{path}");
        assert!(!page.body.contains("other@gmail.test"), "{path}");
    }
    let theirs = product.db.connections(other, product.clock.now()).await.unwrap();
    assert_eq!(theirs.len(), 1);
    assert_eq!(theirs[0].status, simone_sync::ports::Status::Connected);
    let log = product.get(&format!("/sync-log?connection={connection}"), &cookie).await;
    assert!(!log.body.contains("other@gmail.test"));
}

#[tokio::test]
async fn hostile_names_are_shown_as_text() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let camille = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap();
    let hostile = "\"></title><script>alert(1)</script>@evil.test";
    let connection = product.connection(camille.id, hostile).await;
    for path in ["/settings/calendars".to_owned(), format!("/settings/calendars/{connection}/disconnect")] {
        let page = product.get(&path, &cookie).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("evil.test") && !page.body.contains("<script>alert"), "{path}");
    }
}

#[tokio::test]
async fn the_language_is_the_readers() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let answer = product.post("/actions/language", "language=en&back=%2Fagenda", &cookie).await;
    assert_eq!(answer.location(), "/agenda");
    let chosen = answer.cookie().unwrap();
    let page = product.get("/agenda", &format!("{cookie}; {chosen}")).await;
    assert!(page.body.contains("<html lang=\"en\">") && page.body.contains("Simone speaks English to you."));
    let camille = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap();
    assert_eq!(camille.locale, Locale::En, "so do the e-mails");
    let visitor = product.post("/actions/language", "language=en&back=%2F%2Fevil.example", "").await;
    assert_eq!(visitor.location(), "/login");
}

#[tokio::test]
async fn a_zone_changes_only_after_it_was_shown() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let preview = product.get("/settings/account/zone?zone=Europe%2FLisbon", &cookie).await;
    assert!(preview.body.contains("Passer à l’heure de Lisbonne"));
    assert!(preview.body.contains("Il est 13:00 à Paris, 12:00 à Lisbonne."));
    let zone = async || product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap().zone;
    assert_eq!(zone().await, chrono_tz::Europe::Paris);
    let answer = product.post("/actions/zone", "zone=Europe%2FLisbon", &cookie).await;
    assert_eq!(answer.location(), "/settings/account");
    assert_eq!(zone().await, chrono_tz::Europe::Lisbon);
    for unknown in ["Mars%2FOlympus", "", "%ff"] {
        let page = product.get(&format!("/settings/account/zone?zone={unknown}"), &cookie).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Ce fuseau horaire n’existe pas"), "{unknown}");
    }
}

#[tokio::test]
async fn disconnecting_is_confirmed_first() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let camille = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap();
    let connection = product.connection(camille.id, "camille@gmail.test").await;
    let step = product.get(&format!("/settings/calendars/{connection}/disconnect"), &cookie).await;
    assert!(step.body.contains("Déconnecter camille@gmail.test"));
    let status = async || product.db.connections(camille.id, product.clock.now()).await.unwrap()[0].status;
    assert_eq!(status().await, simone_sync::ports::Status::Connected, "looking changes nothing");
    product.post("/actions/disconnect", &format!("connection={connection}"), &cookie).await;
    assert_eq!(status().await, simone_sync::ports::Status::Disconnecting);
    let page = product.get("/settings/calendars", &cookie).await;
    assert!(page.body.contains("Déconnexion en cours"));
}

#[tokio::test]
async fn weeks_at_the_ends_of_time_are_pages_too() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    product
        .connection(
            product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap().id,
            "a@b.test",
        )
        .await;
    for week in ["0001-01-01", "9999-12-31", "+262000-01-01", "-262000-01-01", "nope", "", "2026-02-30"] {
        let page = product.get(&format!("/agenda?week={week}"), &cookie).await;
        assert_eq!(page.status, StatusCode::OK, "{week}");
    }
}

#[tokio::test]
async fn without_the_demonstration_nobody_enters_by_a_click() {
    let mut product = Product::start().await;
    product.state.demo = None;
    product.router = simone_app::router(product.state.clone(), Router::new());
    let answer = product.post("/login/demo", "", "").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.cookie().is_none());
    assert!(!product.get("/login", "").await.body.contains("/login/demo"));
}

#[tokio::test]
async fn the_language_that_a_person_chose_follows_them_to_other_browsers() {
    let product = Product::start().await;
    let cookie = product.enter().await;
    let camille = product.db.provider_by_email("camille@simone.test").await.unwrap().unwrap().id;
    assert!(product.get("/agenda", &cookie).await.body.contains("lang=\"fr\""));
    // The browser still asks for French.
    product.db.set_locale(camille, Locale::En).await.unwrap();
    assert!(product.get("/agenda", &cookie).await.body.contains("lang=\"en\""));
    // What was chosen on this very browser goes before it.
    let here = format!("{cookie}; simone_language=fr");
    assert!(product.get("/agenda", &here).await.body.contains("lang=\"fr\""));
    assert!(
        product.get("/login", "").await.body.contains("lang=\"fr\""),
        "a visitor is asked by the browser"
    );
}
