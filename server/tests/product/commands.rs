//! The commands as a person types them: the demo, and what is refused by name.

use crate::support::database::{Database, Kind};
use crate::support::product::{KEY, Product, free_port};
use crate::support::simulator::Simulator;
use crate::support::{ACCOUNT, browser::Consent, eventually, folder, imported};
use reqwest::{StatusCode, Url};
use std::process::Output;

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
pub fn refused(output: &Output, words: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(words), "« {words} » is not in: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_needs_nothing_and_serve_refuses_what_is_its_own() {
    let folder = folder("demo");
    let (port, simulator_port) = (free_port(), free_port());
    let url: Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let arguments = ["demo", "--port", &port.to_string(), "--simulator-port", &simulator_port.to_string()];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut demo = Product::new("demo", &folder, url.clone(), arguments);
    demo.start().await;
    eventually("it says where it is", async || demo.log().contains(url.as_str()).then_some(())).await;
    assert!(demo.log().contains(&format!("http://127.0.0.1:{simulator_port}")), "{}", demo.log());

    let mut browser = demo.browser();
    let login = browser.open("/login").await;
    let agenda = browser.press(&login, "Entrer comme Camille Moreau").await;
    assert_eq!(agenda.url.path(), "/agenda");
    agenda.says("Connecter Google Calendar");
    browser.open("/demo/mail").await.says("E-mails de la démo");
    let page = browser.connect(ACCOUNT, Consent::Allow).await;
    page.says("Google Calendar est connecté.");
    imported(&mut browser).await;
    let titles = ["Yoga", "Dentiste", "Vacances"];
    let mut seen = String::new();
    for week in 0..3 {
        let day = crate::support::today() + chrono::Days::new(7 * week);
        seen += &browser.open(&format!("/agenda?week={day}")).await.text();
    }
    for title in titles {
        assert!(seen.contains(title), "« {title} » is not in the agenda: {seen}");
    }
    // An e-mail that left can be read there.
    let mut other = demo.browser();
    let login = other.open("/login").await;
    let form = login.form("Recevoir un lien").with("email", "camille@simone.test");
    other.send(&login, &form).await;
    let mail = eventually("the link is in the mailbox", async || {
        let page = other.open("/demo/mail").await;
        page.text().contains("/login/").then_some(page)
    })
    .await;
    for page in [&mail, &login] {
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{}", page.url);
    }
    let links = mail.document();
    let links =
        links.all(|it| it.name == "a" && it.attribute("href").is_some_and(|to| to.contains("/login/")));
    other.enter(links[0].attribute("href").unwrap()).await;

    // A second demo on the same ports says what is in the way.
    let twice = demo
        .run(&["demo", "--port", &port.to_string(), "--simulator-port", &simulator_port.to_string()])
        .await;
    refused(&twice, &simulator_port.to_string());

    // Its data outlives a stop, and a crash.
    assert_eq!(demo.stop().await, Some(0));
    demo.start().await;
    browser.open("/settings/calendars").await.says(ACCOUNT);
    demo.kill();

    // `serve` takes nothing of it.
    let public_url = url.to_string();
    let with = async |variables: &[(&str, &str)]| {
        let mut serve = Product::new("serve", &folder, url.clone(), Vec::new());
        serve.set("SIMONE_PUBLIC_URL", &public_url);
        serve.set("SIMONE_LISTEN", &format!("127.0.0.1:{port}"));
        serve.set("SIMONE_ENCRYPTION__KEYS", KEY);
        for (name, value) in variables {
            serve.set(name, value);
        }
        serve.run(&["serve"]).await
    };
    refused(
        &with(&[("SIMONE_DATABASE__URL", "sqlite:data/demo/simone.db")]).await,
        "this database belongs to the demo",
    );
    let key = std::fs::read_to_string(folder.join("data/demo/key")).unwrap();
    let output = with(&[("SIMONE_ENCRYPTION__KEYS", key.trim())]).await;
    refused(&output, "holds the demo's key");
    assert!(!said(&output).contains(key.trim().split_once(':').unwrap().1), "the key is in the message");
    let client = [
        ("SIMONE_GOOGLE__CLIENT_ID", simone_simulator::DEMO_CLIENT_ID),
        ("SIMONE_GOOGLE__CLIENT_SECRET", "x"),
    ];
    refused(&with(&client).await, "`google.client_id` is the demo's");
    drop(demo);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_is_refused_by_name() {
    let folder = folder("configuration");
    let url: Url = "http://127.0.0.1:9/".parse().unwrap();
    let good = [
        ("SIMONE_PUBLIC_URL", "http://127.0.0.1:9"),
        ("SIMONE_ENCRYPTION__KEYS", KEY),
        ("SIMONE_DATABASE__URL", "sqlite:ok.db"),
    ];
    let with = async |without: &str, variables: &[(&str, &str)]| {
        let mut serve = Product::new("serve", &folder, url.clone(), Vec::new());
        for (name, value) in good.iter().filter(|(name, _)| *name != without).chain(variables) {
            serve.set(name, value);
        }
        serve.run(&["migrate"]).await
    };
    assert!(with("", &[]).await.status.success());
    refused(&with("SIMONE_PUBLIC_URL", &[]).await, "public_url");
    refused(&with("SIMONE_ENCRYPTION__KEYS", &[]).await, "encryption");
    let cases: [(&str, &str, &str); 13] = [
        ("SIMONE_PUBLIC_URL", "not an address", "public_url"),
        ("SIMONE_PUBLIC_URL", "ftp://simone.test", "public_url"),
        ("SIMONE_LISTEN", "localhost", "listen"),
        ("SIMONE_LISTEN", "127.0.0.1:99999", "listen"),
        ("SIMONE_ENCRYPTION__KEYS", "k1", "encryption.keys[0]"),
        ("SIMONE_ENCRYPTION__KEYS", "k1:c2hvcnQ=", "encryption.keys[0]"),
        ("SIMONE_DATABASE__URL", "mysql://nowhere", "database.url"),
        ("SIMONE_DATABASE__URL", "postgres://nobody:hunter2@127.0.0.1:1/none", "database.url"),
        ("SIMONE_DATABASE__URL", "sqlite:/nowhere/at/all/simone.db", "database.url"),
        ("SIMONE_SYNC__CONCURRENT_ROUNDS", "0", "sync.concurrent_rounds"),
        ("SIMONE_TRUSTED_PROXIES", "somewhere", "trusted_proxies"),
        ("SIMONE_DATABASE__URLS", "sqlite:x.db", "urls"),
        ("SIMONE_GOOGLE__CLIENT_ID", "an-id", "client_secret"),
    ];
    for (name, value, words) in cases {
        let output = with("", &[(name, value)]).await;
        refused(&output, words);
        assert!(!said(&output).contains("hunter2"), "a password is in: {}", said(&output));
        assert!(!said(&output).contains(KEY), "a key is in: {}", said(&output));
    }
    std::fs::write(folder.join("broken.toml"), "public_url = [").unwrap();
    refused(&with("", &[("SIMONE_CONFIG", "broken.toml")]).await, "broken.toml");
    std::fs::write(folder.join("other.toml"), "nonsense = 1").unwrap();
    refused(&with("", &[("SIMONE_CONFIG", "other.toml")]).await, "nonsense");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrating_and_adding_providers() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let folder = folder(&format!("commands-{kind:?}"));
        let simulator = Simulator::start().await;
        let database = Database::create(kind, &folder).await;
        let product = Product::serve("product", &folder, &database, &simulator).await;
        for _ in 0..2 {
            let migrated = product.run(&["migrate"]).await;
            assert!(migrated.status.success(), "{}", said(&migrated));
            assert!(said(&migrated).contains("up to date"), "{}", said(&migrated));
        }
        let link = product.add_provider("Camille Moreau", "camille@simone.test").await;
        assert!(link.starts_with(product.url.as_str()), "{link}");
        for email in ["camille@simone.test", "CAMILLE@simone.test"] {
            let again = product.run(&["provider", "add", "--name", "Camille", "--email", email]).await;
            refused(&again, "there is a provider with the e-mail address");
        }
        assert_eq!(database.count("providers").await, 1);
        assert_eq!(database.count("login_tokens").await, 1, "the refused one made no link");
        for (name, email) in [("", "a@b.test"), ("A", "none")] {
            let wrong = product.run(&["provider", "add", "--name", name, "--email", email]).await;
            refused(&wrong, "a name and an e-mail address");
        }
        for wrong in [["--zone", "Mars/Phobos"], ["--locale", "tlh"]] {
            let mut arguments = vec!["provider", "add", "--name", "A", "--email", "a@b.test"];
            arguments.extend(wrong);
            let output = product.run(&arguments).await;
            assert_eq!(output.status.code(), Some(2), "{}", said(&output));
            assert!(said(&output).contains(wrong[0]), "{}", said(&output));
        }
        assert_eq!(database.count("providers").await, 1);
        let nothing = product.run(&[]).await;
        assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
        database.remove().await;
        drop(product);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_and_a_key_that_is_another() {
    let folder = folder("port");
    let simulator = Simulator::start().await;
    let database = Database::create(Kind::Sqlite, &folder).await;
    let mut product = Product::serve("product", &folder, &database, &simulator).await;
    product.start().await;
    let second = product.run(&["serve"]).await;
    refused(&second, "cannot listen on port");
    // What another key sealed is not readable: that is refused, by name, unless the key is said to be lost.
    let link = product.add_provider("Camille Moreau", "camille@simone.test").await;
    product.stop().await;
    product.set("SIMONE_ENCRYPTION__KEYS", "new:bmV3IGtleSBvZiBzaW1vbmUgdGVzdHMsIDMyIGJ5dCE=");
    refused(&product.run(&["serve"]).await, "sealed under the key `test`, which is missing");
    assert!(product.run(&["rotate-keys", "--lost"]).await.status.success());
    product.start().await;
    let mut browser = product.browser();
    browser.enter(&link).await;
    assert_eq!(browser.open("/settings/calendars").await.status, StatusCode::OK);
    assert_eq!(product.stop().await, Some(0));
    database.remove().await;
    drop(product);
    std::fs::remove_dir_all(folder).unwrap();
}
