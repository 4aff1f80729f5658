//! What stands around every page, and what hostile input does: nothing.

use crate::support::browser::{Browser, Consent, Page};
use crate::support::platform::Side;
use crate::support::{ACCOUNT, FAMILY, Stage, a_monday, add_account, eventually, on_both, on_each, timed};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, ORIGIN, REFERER};
use reqwest::{Method, StatusCode};
use serde_json::json;

const PAGES: [&str; 10] = [
    "/",
    "/agenda",
    "/settings/calendars",
    "/settings/account",
    "/settings/account/zone?zone=Europe/Lisbon",
    "/settings/account/erase",
    "/welcome",
    "/sync-log",
    "/notifications",
    "/settings/calendars/00000000-0000-7000-8000-000000000000",
];

const ACTIONS: [&str; 18] = [
    "/actions/sync",
    "/actions/select",
    "/actions/block-free",
    "/actions/disconnect",
    "/actions/removals",
    "/actions/remove-kept",
    "/actions/zone",
    "/actions/keep-zone",
    "/actions/language",
    "/actions/read-notices",
    "/actions/share-titles",
    "/actions/end-session",
    "/actions/welcome",
    "/actions/erase-account",
    "/actions/log-out",
    "/connect/google",
    "/connect/outlook",
    "/login",
];

#[track_caller]
fn guarded(what: &str, headers: &HeaderMap) {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(policy.contains("form-action 'self'"), "{what}: {policy}");
    for lax in ["unsafe-inline", "unsafe-eval", "*", "data:"] {
        assert!(!policy.contains(lax), "{what}: {policy}");
    }
    assert_eq!(header("referrer-policy"), "same-origin", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
}

/// No script but those of the policy's nonce, no style and no handler in the markup.
#[track_caller]
fn clean(page: &Page) {
    let policy = page.header("content-security-policy").to_owned();
    for element in page.document().all(|_| true) {
        if element.name == "script" {
            let nonce = element.attribute("nonce").unwrap_or_default();
            assert!(
                !nonce.is_empty() && policy.contains(nonce),
                "a script without the nonce on {}",
                page.url
            );
        }
        assert_ne!(element.name, "style", "{}", page.url);
        for (name, value) in element.attributes() {
            assert!(name != "style" && !name.starts_with("on"), "{name}={value} on {}", page.url);
            assert!(
                !value.trim_start().to_lowercase().starts_with("javascript:"),
                "{name}={value} on {}",
                page.url
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_nothing_is_shown_or_done() {
    on_both("nobody", async |stage| {
        let mut nobody = stage.product.browser();
        for path in PAGES {
            let page = nobody.peek(path).await;
            assert!(page.status.is_redirection(), "{path}: {}", page.status);
            guarded(path, &page.headers);
            let page = nobody.open(path).await;
            assert_eq!(page.url.path(), "/login", "{path}");
            assert!(page.status.is_success());
            guarded(path, &page.headers);
            clean(&page);
        }
        for path in ACTIONS.into_iter().filter(|path| !matches!(*path, "/login" | "/actions/language")) {
            let request = nobody.raw(Method::POST, path).form(&[("everywhere", "true")]);
            let response = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
            assert_eq!(response.headers()[LOCATION], "/login", "{path}");
        }
        // One that was made up is none.
        for cookie in ["simone=", "simone=x", &format!("simone={}", "A".repeat(43)), "simone=%00\"; simone=y"]
        {
            let request = nobody.raw(Method::GET, "/agenda").header("cookie", cookie);
            assert!(request.send().await.unwrap().status().is_redirection(), "{cookie}");
        }
        // What only the demo has is not here.
        assert_eq!(nobody.open("/demo/mail").await.status, StatusCode::NOT_FOUND);
        let login = nobody.open("/login").await;
        let demo =
            crate::support::html::Form { action: "/login/demo".to_owned(), post: true, ..Default::default() };
        assert_eq!(nobody.send(&login, &demo).await.status, StatusCode::NOT_FOUND);
        assert_eq!(nobody.open("/agenda").await.url.path(), "/login");
    })
    .await;
}

async fn zone(stage: &Stage) -> String {
    stage.database.value("time_zone", "providers").await.unwrap()
}

/// One action that is sent from elsewhere; what came back.
async fn from_elsewhere(browser: &Browser, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = browser.raw(Method::POST, "/actions/zone").form(&[("zone", "Pacific/Auckland")]);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_from_elsewhere_and_forms_that_are_none() {
    on_both("forms", async |stage| {
        let refused: [&[(&str, &str)]; 5] = [
            &[("origin", "https://evil.example")],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("referer", "https://evil.example/a")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")],
        ];
        for headers in refused {
            let response = from_elsewhere(&stage.browser, headers).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
            guarded("a refused form", response.headers());
            let text = response.text().await.unwrap();
            assert!(text.contains("Cette demande vient d’ailleurs"), "{headers:?}: {text}");
            assert_eq!(zone(stage).await, "Europe/Paris", "{headers:?}");
        }
        // A foreign `Referer` leads nobody away from here.
        let own = stage.product.url.origin().ascii_serialization();
        for back in [None, Some("https://evil.example/"), Some("//evil.example"), Some("/\\evil.example")] {
            let mut fields = vec![("other", "Asia/Tokyo")];
            fields.extend(back.map(|back| ("back", back)));
            let request = stage.browser.raw(Method::POST, "/actions/keep-zone").form(&fields);
            let request = request.header(ORIGIN, &own).header(REFERER, "https://evil.example/page");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SEE_OTHER);
            assert_eq!(response.headers()[LOCATION], "/agenda", "{back:?}");
        }

        for path in ACTIONS {
            let url = stage.browser.address(path);
            let form = |body: String| {
                let request = stage.browser.raw(Method::POST, path).header("sec-fetch-site", "same-origin");
                request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
            };
            let large = form(format!("calendar={}", "x".repeat(1_000_000)));
            let too_large = stage.product.browser().answer(large, url.clone()).await;
            assert_eq!(too_large.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}: {}", too_large.describe());
            too_large.says("C’est trop long");
            guarded(path, &too_large.headers);
            clean(&too_large);
            if matches!(path, "/actions/read-notices" | "/login") {
                continue; // needs no field, or shows the form again
            }
            for body in [
                "calendar=x&connection=x&block=x&zone=x&other=x&language=x&everywhere=x&reconnect=x",
                "%FF=%FE&&=",
                "{\"calendar\": 1}",
            ] {
                if path.starts_with("/connect/") && !body.contains("reconnect") {
                    continue; // without a field, it begins a new connection
                }
                let page = stage.product.browser().answer(form(body.to_owned()), url.clone()).await;
                assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path} {body}: {}", page.describe());
                page.says("Cette demande est incompréhensible");
                guarded(path, &page.headers);
            }
            let json = stage
                .browser
                .raw(Method::POST, path)
                .header("sec-fetch-site", "same-origin")
                .json(&json!({"zone": 1}));
            let status = json.send().await.unwrap().status();
            assert!(status.is_client_error(), "{path}: {status}");
        }
        let mut login = stage.product.browser();
        let page = login.open("/login").await;
        let form = page.form("Recevoir un lien").with("email", "<script>alert(1)</script>@");
        let again = login.send(&page, &form).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        let document = again.document();
        let typed = document.all(|element| element.attribute("name") == Some("email"));
        assert_eq!(
            typed[0].attribute("value"),
            Some("<script>alert(1)</script>@"),
            "what was typed survives"
        );
        guarded("the login form again", &again.headers);
        clean(&again);

        assert_eq!(zone(stage).await, "Europe/Paris");
        assert!(stage.browser.open("/agenda").await.url.path() == "/agenda", "the session survived it all");
        for path in
            ["/nowhere", "/agenda/x", "/actions/nothing", "/assets/none.css", "/%ff", "/a/../../etc/passwd"]
        {
            let page = stage.browser.open(path).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
            page.says("Cette page n’existe pas");
            guarded(path, &page.headers);
        }
        for query in [
            "week=x",
            "week=9999-99-99",
            "week=-262143-01-01",
            "week=262142-12-31",
            "week=1-1-1",
            "week=%FF",
            "week=2026-01-01&week=x",
        ] {
            let page = stage.browser.open(&format!("/agenda?{query}")).await;
            assert!(
                page.status.is_success() || page.status.is_client_error(),
                "{query}: {}",
                page.describe()
            );
        }
        for query in ["page=-1", "page=99999999999999999999", "page=4294967295", "connection=x", "page=%FF"] {
            let page = stage.browser.open(&format!("/sync-log?{query}")).await;
            assert!(
                page.status.is_success() || page.status.is_client_error(),
                "{query}: {}",
                page.describe()
            );
        }
        for zone in ["", "Mars/Phobos", "Europe/Paris", "%00", "../../etc"] {
            let page = stage.browser.open(&format!("/settings/account/zone?zone={zone}")).await;
            assert!(page.status.is_success() || page.status.is_client_error(), "{zone}: {}", page.describe());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_titles_are_only_words() {
    on_each("hostile", async |stage| {
        add_account(&stage.simulator).await;
        let day = a_monday() + chrono::Days::new(5);
        let long = format!("Très long {}", "long ".repeat(2_000));
        let titles = [
            "<script>alert(document.cookie)</script>",
            "\"><img src=x onerror=alert(1)>",
            "' onmouseover='alert(1)",
            "</li></ul></main><h1>Pirate</h1>",
            "<!-- commentaire",
            "{{ constructor }} ${7*7} &lt;b&gt; &amp;",
            "\u{202e}drowssap\u{202c} \u{200f}משה",
            "👩🏽‍🦱🧘‍♀️ é\u{301}",
            &long,
        ];
        for (index, title) in titles.iter().enumerate() {
            let hour = 8 + u32::try_from(index).unwrap();
            stage.simulator.add_event(ACCOUNT, timed(title, day, (hour, 0), (hour, 50))).await;
        }
        let name = "<script>alert('calendrier')</script>\"'>& 🧘";
        stage
            .simulator
            .edit(json!({"do": "rename_calendar", "account": ACCOUNT, "calendar": FAMILY, "summary": name}))
            .await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("<script>alert('calendrier')</script>");
        let page = stage.browser.press(&settings, &format!("Bloquer les créneaux de « {name} »")).await;
        page.says(&format!("« {name} » bloque vos créneaux."));
        clean(&page);
        let agenda = stage.browser.open(&format!("/agenda?week={day}")).await;
        for title in titles {
            // Ten thousand letters are no title; the beginning of them is. Marks that reorder what stands around them are
            // left out.
            let reorders = |letter: &char| ('\u{200e}'..='\u{202e}').contains(letter);
            let plain: String = title.chars().filter(|letter| !reorders(letter)).collect();
            let words: String = crate::support::html::one_line(&plain).chars().take(100).collect();
            agenda.says(words.trim());
        }
        let details = stage.browser.click(&settings, &format!("Détails de {ACCOUNT}")).await;
        let confirm = stage.browser.click(&settings, &format!("Déconnecter {ACCOUNT}")).await;
        for page in [&settings, &agenda, &details, &confirm] {
            clean(page);
            guarded(page.url.path(), &page.headers);
            assert!(!page.html.contains("<script>alert"), "{}", page.url);
            assert!(!page.html.contains("<img"), "{}", page.url);
            assert!(page.document().all(|element| element.text() == "Pirate").is_empty(), "{}", page.url);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_cookies_and_files_are_guarded() {
    on_both("headers", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let connection = stage.database.ids("calendar_connections").await.remove(0);
        let mut paths: Vec<String> = PAGES.iter().map(|&path| path.to_owned()).collect();
        paths.push(format!("/settings/calendars/{connection}"));
        paths.push(format!("/settings/calendars/{connection}/disconnect"));
        paths.extend(["/login".to_owned(), "/login/x".to_owned(), "/nowhere".to_owned()]);
        for path in &paths {
            let page = stage.browser.open(path).await;
            guarded(path, &page.headers);
            clean(&page);
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
        }
        let page = stage.browser.open("/agenda").await;
        let style = page.document().all(|element| element.attribute("rel") == Some("stylesheet"))[0]
            .attribute("href")
            .unwrap()
            .to_owned();
        for path in [style.as_str(), "/favicon.svg"] {
            let file = stage.browser.peek(path).await;
            assert_eq!(file.status, StatusCode::OK);
            guarded(path, &file.headers);
        }
        for side in Side::ALL {
            let back = stage.browser.peek(&format!("{}?error=access_denied", side.callback())).await;
            guarded("the callback", &back.headers);
        }

        // The session's cookie, and the one of the language.
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        let page = ines.open(&link).await;
        let request = ines.raw(Method::POST, reqwest::Url::parse(&link).unwrap().path());
        let request = request.header("sec-fetch-site", "same-origin");
        let entered = ines.answer(request, page.url.clone()).await;
        let cookie = entered.header("set-cookie").to_owned();
        for part in ["simone=", "HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
        let token = ines.cookies()["simone"].clone();
        assert!(token.len() >= 43, "256 bits");
        // Logging in changes the token, so that one that was planted before is worth nothing.
        let link = stage.product.add_provider("Paul Petit", "paul@simone.test").await;
        ines.enter(&link).await;
        assert_ne!(ines.cookies()["simone"], token);
        let old = ines.raw(Method::GET, "/agenda").header("cookie", format!("simone={token}"));
        let _ = old.send().await.unwrap();
        // What is stored does not let anybody in.
        let dump = stage.database.dump().await.join("\n");
        assert!(!dump.contains(&ines.cookies()["simone"]) && !dump.contains(&token));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_title_in_logs_or_tables() {
    on_each("secrets", async |stage| {
        add_account(&stage.simulator).await;
        // All that the program itself can say, and more of the libraries than anybody would ask for.
        stage.product.stop().await;
        stage.product.set("SIMONE_LOG", "debug,simone=trace");
        stage.product.start().await;
        let private = "Rendez-vous secret chez le notaire";
        let mut event = timed(private, a_monday(), (7, 0), (8, 0));
        event["attendees"] = json!([{"email": "invitee.privee@exemple.test"}]);
        event["description"] = json!("Une description privée");
        stage.simulator.add_event(ACCOUNT, event).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        assert!(stage.day(a_monday()).await.contains(private));
        // What goes wrong is where programs talk too much.
        stage.simulator.expire_tokens(ACCOUNT).await;
        stage.sync(ACCOUNT).await;
        let path = stage.side.feed_path();
        stage.simulator.fault(json!({"kind": "garbled", "path": path})).await;
        stage
            .simulator
            .fault(json!({"kind": "status", "status": 400, "reason": "badRequest", "path": path}))
            .await;
        stage.sync(ACCOUNT).await;
        let state = "state-that-nobody-gave";
        let code = format!("{}secretcode", stage.side.secrets()[0]);
        let callback = stage.side.callback();
        stage.browser.open(&format!("{callback}?code={code}&state={state}")).await;
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        ines.enter(&link).await;
        stage.simulator.withdraw(ACCOUNT).await;
        stage.simulator.expire_tokens(ACCOUNT).await;
        stage.sync(ACCOUNT).await;
        eventually("the e-mail leaves", async || {
            stage.product.mails().iter().any(|mail| mail.contains("settings/calendars")).then_some(())
        })
        .await;

        let cookies = [stage.browser.cookies()["simone"].clone(), ines.cookies()["simone"].clone()];
        let login_token = link.rsplit('/').next().unwrap();
        // The product's own tokens are the cookies and the links.
        let mut never = vec![
            private,
            "notaire",
            "Dentiste",
            "Yoga",
            "description priv",
            "invitee.privee",
            state,
            login_token,
            &cookies[0],
            &cookies[1],
            crate::support::simulator::CLIENT_SECRET,
            "c2ltb25lIHRlc3Rz",
        ];
        let given = stage.simulator.get("accounts").await;
        let given = given.as_array().unwrap().iter().find(|it| it["email"] == ACCOUNT).unwrap();
        for token in ["access_token", "refresh_token"] {
            let begins =
                stage.side.secrets().iter().any(|secret| given[token].as_str().unwrap().starts_with(secret));
            assert!(begins, "a token begins in another way: {given}");
        }
        never.extend(stage.side.secrets());
        let log = stage.product.log();
        assert!(log.contains("an authorization came to nothing"), "the log is there: {log}");
        for secret in never.iter().chain(&[ACCOUNT]) {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "« {secret} » is in the log: {line:?}");
        }
        // Four letters are found in any large enough ciphertext.
        let never: Vec<&str> = never.into_iter().filter(|secret| secret.len() > 4).collect();
        nothing_of(stage, &never).await;
    })
    .await;
}

/// Not in the tables, as text or as hexadecimal, and not in the file.
async fn nothing_of(stage: &mut Stage, never: &[&str]) {
    let dump = stage.database.dump().await;
    assert!(dump.iter().any(|row| row.starts_with("calendar_sync_events")), "the dump is there");
    for secret in never {
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let row = dump.iter().find(|row| row.contains(secret) || row.to_lowercase().contains(&hex));
        assert!(row.is_none(), "« {secret} » is in the database: {row:?}");
    }
    stage.product.stop().await;
    for file in ["simone.db", "simone.db-wal"] {
        let Ok(bytes) = std::fs::read(stage.folder.join(file)) else { continue };
        for secret in never {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "« {secret} » is in {file}");
        }
    }
    stage.product.start().await;
}
