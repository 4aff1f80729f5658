//! Keys come and go while the product runs; one that is lost takes accesses and titles with it, and nothing else.

use crate::commands::{refused, said};
use crate::support::browser::Consent;
use crate::support::product::KEY;
use crate::support::{ACCOUNT, CAMILLE, Stage, a_monday, add_account, eventually, on_both, on_each, timed};
use chrono::Days;
use reqwest::StatusCode;

const NEW: &str = "new:bmV3IGtleSBvZiBzaW1vbmUgdGVzdHMsIDMyIGJ5dCE=";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_while_the_product_runs() {
    on_each("rotation", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let thursday = a_monday() + Days::new(3);

        // The running product has to know the new key before anything is sealed under it.
        stage.product.set("SIMONE_ENCRYPTION__KEYS", &format!("{NEW},{KEY}"));
        refused(&stage.product.run(&["rotate-keys"]).await, "restart `simone serve`");
        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.start().await;
        let rotated = stage.product.run(&["rotate-keys"]).await;
        assert!(rotated.status.success(), "{}", said(&rotated));
        assert!(said(&rotated).contains("Nothing here is under `test` any more"), "{}", said(&rotated));
        assert!(said(&rotated).contains("calendar_sync_events.details: "), "{}", said(&rotated));
        for secret in [NEW, KEY, "Dentiste", CAMILLE, ACCOUNT] {
            assert!(!said(&rotated).contains(secret), "« {secret} » is in {}", said(&rotated));
        }
        assert!(stage.day(thursday).await.contains("Dentiste"));
        stage.simulator.expire_tokens(ACCOUNT).await;
        stage.sync(ACCOUNT).await;

        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.set("SIMONE_ENCRYPTION__KEYS", NEW);
        stage.product.start().await;
        stage.simulator.add_event(ACCOUNT, timed("Kiné", thursday, (8, 0), (9, 0))).await;
        stage.sync(ACCOUNT).await;
        let day = stage.day(thursday).await;
        assert!(day.contains("Dentiste") && day.contains("Kiné"), "{day}");
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
        let again = stage.product.run(&["rotate-keys"]).await;
        assert!(said(&again).contains("Sealed 0 values") && again.status.success(), "{}", said(&again));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_wrong() {
    on_both("doctor", async |stage| {
        let lines = async |stage: &Stage, wrong: usize| {
            let output = stage.product.run(&["doctor"]).await;
            let said = said(&output);
            assert_eq!(output.status.success(), wrong == 0, "{said}");
            assert_eq!(said.lines().filter(|line| line.starts_with("WRONG")).count(), wrong, "{said}");
            assert!(!said.contains("bmV3") && !said.contains("c2lt"), "a key is in {said}");
            said
        };
        let well = lines(stage, 0).await;
        for words in [
            "configuration",
            "database: reachable",
            "encryption.keys",
            "mail",
            "google.api_url",
            "google.token_url",
            "outlook.api_url",
            "outlook.login_url",
            "clock",
        ] {
            assert!(well.contains(&format!("ok     {words}")), "« {words} » is not in {well}");
        }
        // One thing after another goes wrong, and each is named beside the others.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = stage.simulator.url("/calendar/v3").to_string();
        stage
            .product
            .set("SIMONE_GOOGLE__API_URL", &format!("http://{}/api", listener.local_addr().unwrap()));
        let behind = tokio::spawn(async move {
            let date = "Date: Tue, 01 Jan 2030 00:00:00 GMT";
            let answer = format!("HTTP/1.1 404 Not Found\r\n{date}\r\nContent-Length: 0\r\n\r\n");
            let (mut asked, _) = listener.accept().await.unwrap();
            let _ = tokio::io::AsyncReadExt::read(&mut asked, &mut [0; 1024]).await;
            tokio::io::AsyncWriteExt::write_all(&mut asked, answer.as_bytes()).await.unwrap();
            // Held until it was read.
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut asked, &mut Vec::new()).await;
        });
        let skewed = lines(stage, 1).await;
        assert!(skewed.contains("WRONG  clock: -"), "{skewed}");
        behind.await.unwrap();
        stage.product.set("SIMONE_GOOGLE__API_URL", &api);
        stage.product.set("SIMONE_GOOGLE__TOKEN_URL", "http://127.0.0.1:1/token");
        assert!(lines(stage, 1).await.contains("WRONG  google.token_url: 127.0.0.1 cannot be reached"));
        stage.product.set("SIMONE_OUTLOOK__LOGIN_URL", "http://127.0.0.1:1/");
        assert!(lines(stage, 2).await.contains("WRONG  outlook.login_url: 127.0.0.1 cannot be reached"));
        stage.product.set("SIMONE_OUTLOOK__LOGIN_URL", stage.simulator.url("").as_str());
        stage.product.set("SIMONE_MAIL__FOLDER", "/dev/null/mail");
        assert!(lines(stage, 2).await.contains("WRONG  mail: "));
        stage.product.set("SIMONE_ENCRYPTION__KEYS", NEW);
        assert!(
            lines(stage, 3)
                .await
                .contains("WRONG  encryption.keys: what is stored is sealed under the key `test`")
        );
        let url = stage.database.url.clone();
        let nowhere = format!("sqlite:{}", stage.folder.join("none.db").display());
        stage.product.set("SIMONE_DATABASE__URL", &nowhere);
        assert!(lines(stage, 3).await.contains("WRONG  database: there is none yet"));
        assert!(!stage.folder.join("none.db").exists(), "looking makes nothing");
        stage.product.set("SIMONE_DATABASE__URL", "postgres://nobody:hunter2@127.0.0.1:1/none");
        assert!(!lines(stage, 3).await.contains("hunter2"));
        stage.product.set("SIMONE_LISTEN", "nowhere");
        assert!(lines(stage, 1).await.contains("WRONG  configuration: "));
        stage.product.set("SIMONE_DATABASE__URL", &url);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_takes_accesses_and_titles_but_no_blocks() {
    on_each("lost", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.settled().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        let thursday = a_monday() + Days::new(3);
        assert_eq!(stage.product.stop().await, Some(0));

        stage.product.set("SIMONE_ENCRYPTION__KEYS", NEW);
        for command in [&["serve"][..], &["migrate"], &["rotate-keys"]] {
            let output = stage.product.run(command).await;
            refused(&output, "sealed under the key `test`, which is missing");
            assert!(said(&output).contains("rotate-keys --lost"), "it says what to do: {}", said(&output));
        }
        let lost = stage.product.run(&["rotate-keys", "--lost"]).await;
        assert!(lost.status.success(), "{}", said(&lost));
        assert!(
            said(&lost).contains("calendar_sync_events.details, under the key `test`"),
            "{}",
            said(&lost)
        );

        stage.product.start().await;
        for page in ["/agenda", "/settings/calendars", "/sync-log", "/notifications", "/settings/account"] {
            assert_eq!(stage.browser.open(page).await.status, StatusCode::OK, "{page}");
        }
        let day = stage.day(thursday).await;
        assert!(!day.contains("Dentiste") && day.contains("Occupé"), "a neutral word instead: {day}");
        eventually("the connection asks for a new access", async || {
            (stage.status().await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks, "what is blocked stays");

        let agenda = stage.browser.open("/agenda").await;
        let back = stage.browser.consent(&agenda, "Reconnecter", ACCOUNT, Consent::Allow).await;
        stage.browser.open(back.as_str()).await.says(&format!("{} est reconnecté.", stage.side.name()));
        stage.imported().await;
        stage.settled().await;
        assert!(stage.day(thursday).await.contains("Dentiste"), "read again");
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        // An old e-mail, and what the log told of the first import, are all that is left under the lost key. A rotation
        // says so.
        let rotated = stage.product.run(&["rotate-keys"]).await;
        refused(&rotated, "something is left that no configured key opens");
        let left: Vec<String> =
            said(&rotated).lines().filter(|line| line.starts_with("Left:")).map(str::to_owned).collect();
        assert_eq!(
            left,
            [
                "Left: 1 of calendar_sync_changes.changes, under the key `test`",
                "Left: 1 of deliveries.message, under the key `test`",
            ]
        );
    })
    .await;
}
