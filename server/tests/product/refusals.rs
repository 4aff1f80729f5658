//! Connecting that comes to nothing: each time a plain explanation on the settings, a way to try again, and nothing
//! half-made here or at the platform.

use crate::support::browser::{Browser, Consent, Page};
use crate::support::platform::Side;
use crate::support::simulator::CLIENT_SECRET;
use crate::support::{
    ACCOUNT, CAMILLE, OTHER_ACCOUNT, Stage, add_account, add_other_account, eventually, now, on_both_at,
    on_each,
};
use chrono::TimeDelta;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The status that a request gets whose address is too long for any client to make it.
async fn bare_request(url: &Url, target: &str) -> u16 {
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap().strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

/// From the settings to the address that the platform sends the browser back to.
async fn way_back(browser: &mut Browser, consent: Consent) -> Url {
    let settings = browser.open("/settings/calendars").await;
    browser.consent(&settings, &browser.side.button(), ACCOUNT, consent).await
}

/// The explanation is there, a way to try again too, and nothing was made. `here` and `there`: the connections and the
/// grants with living tokens that stood before.
async fn nothing_made(stage: &mut Stage, page: &Page, words: &str, (here, there): (i64, usize)) {
    assert_eq!(page.url.path(), "/settings/calendars", "{}", page.describe());
    assert_eq!(page.url.query(), None, "the address tells nothing of it");
    assert!(page.status.is_success(), "{}", page.describe());
    page.says(words);
    assert!(
        page.has_button(&stage.side.button()) || page.has_button(&stage.side.another_button()),
        "{}",
        page.describe()
    );
    assert_eq!(stage.database.count("calendar_connections").await, here, "{words}");
    // That the person once agreed stays noted there; what counts is that nothing can be done with it.
    let alive = |grant: &Value| grant["refresh_tokens"] != 0 || grant["access_tokens"] != 0;
    let alive = stage.simulator.grants().await.into_iter().filter(alive).count();
    // Nothing can be given back to Microsoft: what was handed out is forgotten.
    assert!(alive == there || !stage.side.revokes(), "{alive} grants: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_platform_or_the_person_refuses() {
    on_each("refusals", async |stage| {
        add_account(&stage.simulator).await;
        for consent in [Consent::Deny, Consent::Cancel] {
            let page = stage.browser.connect(ACCOUNT, consent).await;
            nothing_made(stage, &page, "Vous avez annulé l’autorisation", (0, 0)).await;
        }
        if stage.side == Side::Google {
            let page = stage.browser.connect(ACCOUNT, Consent::WithoutEvents).await;
            nothing_made(stage, &page, "L’accès aux calendriers n’était pas coché.", (0, 0)).await;
        } else {
            // There are no boxes to tick; still, the answer may cover less than was asked for.
            let withheld = |scopes: Value| json!({"microsoft": {"withheld_scopes": scopes}});
            stage.simulator.post("settings", withheld(json!(["Calendars.ReadWrite"]))).await;
            let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
            nothing_made(stage, &page, "L’accès aux calendriers n’a pas été accordé.", (0, 0)).await;
            stage.simulator.post("settings", withheld(json!([]))).await;
        }

        stage.simulator.fault(json!({"kind": "no_refresh_token", "path": stage.side.token_path()})).await;
        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        nothing_made(stage, &page, "Le compte n’a pas donné d’accès durable", (0, 0)).await;

        // The platform is down while the code is exchanged, and while we ask whose account it is.
        stage
            .simulator
            .fault(json!({"kind": "status", "status": 503, "path": stage.side.token_path(), "times": null}))
            .await;
        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        nothing_made(stage, &page, "Le service ne répond pas en ce moment.", (0, 0)).await;
        stage.simulator.clear_faults().await;
        stage
            .simulator
            .fault(json!({"kind": "status", "status": 503, "path": stage.side.account_path()}))
            .await;
        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        nothing_made(stage, &page, "Le service ne répond pas en ce moment.", (0, 0)).await;
        stage.simulator.clear_faults().await;

        // A wrong secret of the installation is nobody's account's fault.
        stage.simulator.set_secret("another").await;
        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        nothing_made(stage, &page, "Simone est mal réglée de son côté", (0, 0)).await;
        stage.simulator.set_secret(CLIENT_SECRET).await;

        // After all that, it simply works.
        stage
            .browser
            .connect(ACCOUNT, Consent::Allow)
            .await
            .says(&format!("{} est connecté.", stage.side.name()));
        stage.imported().await;
        assert_eq!(stage.database.count("oauth_attempts").await, 0, "every attempt was used up");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_that_are_forged_late_or_broken() {
    on_each("callbacks", async |stage| {
        const EXPIRED: &str = "Cette autorisation a expiré ou a déjà servi.";
        add_account(&stage.simulator).await;

        // Of another state, and of no state that was ever given.
        let back = way_back(&mut stage.browser, Consent::Allow).await;
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let mut forged = back.clone();
        forged
            .query_pairs_mut()
            .clear()
            .append_pair("code", &code)
            .append_pair("state", &state.to_uppercase());
        let page = stage.browser.open(forged.as_str()).await;
        nothing_made(stage, &page, EXPIRED, (0, 0)).await;

        // In a session of the same provider that did not begin it, of another provider, and of nobody.
        let added = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        ines.enter(&added).await;
        let page = ines.open(back.as_str()).await;
        nothing_made(stage, &page, EXPIRED, (0, 0)).await;
        let mut nobody = stage.product.browser();
        let page = nobody.open(back.as_str()).await;
        assert_eq!(page.url.path(), "/login", "{}", page.describe());
        assert_eq!(stage.database.count("calendar_connections").await, 0);

        // What cannot be read at all.
        let long = "x".repeat(100_000);
        let queries = [
            String::new(),
            "code=4/0Axyz".to_owned(),
            format!("state={state}xx"),
            "code=&state=".to_owned(),
            "error=access_denied".to_owned(),
            format!("code={code}&state=%FF%FE%00"),
            format!("code={code}&state=%zz%"),
            format!("code={code}&code={code}&state=a&state=b"),
            format!("code={code}&state=é\u{202e}\u{1f9d8}"),
            "&&&===&".to_owned(),
        ];
        for query in &queries {
            let page = stage.browser.open(&format!("{}?{query}", stage.side.callback())).await;
            nothing_made(stage, &page, EXPIRED, (0, 0)).await;
        }
        // So long that no server has to read it: any clear refusal does.
        for query in [
            format!("code={code}&state={long}"),
            format!("code={long}&state={state}yy"),
            format!("{long}={long}"),
        ] {
            let status =
                bare_request(&stage.product.url, &format!("{}?{query}", stage.side.callback())).await;
            assert!((300..500).contains(&status), "{status}");
        }
        assert_eq!(stage.browser.open("/oauth/yahoo/callback?code=a&state=b").await.status, 404);
        let posted = stage.browser.raw(Method::POST, &stage.side.callback()).send().await.unwrap();
        assert!(posted.status().is_client_error(), "{}", posted.status());
        assert_eq!(stage.database.count("calendar_connections").await, 0);

        // None of that used the attempt up: the true answer still works, once.
        let page = stage.browser.open(back.as_str()).await;
        page.says(&format!("{} est connecté.", stage.side.name()));
        stage.imported().await;
        let blocks = stage.database.blocks(CAMILLE).await;
        let page = stage.browser.open(back.as_str()).await;
        nothing_made(stage, &page, EXPIRED, (1, 1)).await;
        stage.settled().await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_took_too_long() {
    on_each("late", async |stage| {
        add_account(&stage.simulator).await;
        let back = way_back(&mut stage.browser, Consent::Allow).await;
        let past = stage.database.instant(now() - TimeDelta::seconds(1));
        assert_eq!(
            stage.database.execute(&format!("UPDATE oauth_attempts SET expires_at = {past}")).await,
            1
        );
        let page = stage.browser.open(back.as_str()).await;
        nothing_made(stage, &page, "Cette autorisation a expiré", (0, 0)).await;
        stage
            .browser
            .connect(ACCOUNT, Consent::Allow)
            .await
            .says(&format!("{} est connecté.", stage.side.name()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_account_and_another_one() {
    on_each("accounts", async |stage| {
        add_account(&stage.simulator).await;
        add_other_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;

        let page = stage.browser.connect(ACCOUNT, Consent::Allow).await;
        nothing_made(stage, &page, "Ce compte est déjà connecté.", (1, 1)).await;
        // The connection that stands goes on working: its grant was not given back.
        stage.sync(ACCOUNT).await;
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
        assert_eq!(
            stage
                .database
                .value("outcome", "calendar_sync_log_lines ORDER BY ended_at DESC LIMIT 1")
                .await
                .as_deref(),
            Some("ok")
        );

        // At reconnecting, another account is not taken for the one that stood there.
        stage.simulator.withdraw(ACCOUNT).await;
        stage.sync(ACCOUNT).await;
        eventually("the connection is flagged", async || {
            (stage.status().await.as_deref() == Some("needs_reconnect")).then_some(())
        })
        .await;
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("À reconnecter");
        let back = stage.browser.consent(&settings, "Reconnecter", OTHER_ACCOUNT, Consent::Allow).await;
        let page = stage.browser.open(back.as_str()).await;
        nothing_made(stage, &page, "Vous avez choisi un autre compte que celui à reconnecter.", (1, 0)).await;
        assert_eq!(stage.status().await.as_deref(), Some("needs_reconnect"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_client_secret_flags_nobody() {
    on_each("secret", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let blocks = stage.database.blocks(CAMILLE).await;

        stage.product.stop().await;
        stage.product.set(&stage.side.secret_variable(), "not-the-secret");
        stage
            .simulator
            .post("tokens/expire", json!({"platform": stage.side.code(), "account": ACCOUNT}))
            .await;
        stage.product.start().await;
        stage.sync(ACCOUNT).await;
        let log = stage.browser.open("/sync-log").await;
        log.says(&format!("Simone est mal réglée pour {}. Ce n’est pas votre compte", stage.side.name()));
        let settings = stage.browser.open("/settings/calendars").await;
        settings.says("Connecté");
        settings.does_not_say("À reconnecter");
        assert_eq!(stage.status().await.as_deref(), Some("connected"));
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
        assert_eq!(stage.database.count("notices").await, 0);
        assert_eq!(stage.database.count("deliveries WHERE cause NOT LIKE 'login:%'").await, 0);

        stage.product.stop().await;
        stage.product.set(&stage.side.secret_variable(), CLIENT_SECRET);
        stage.product.start().await;
        // Its next round comes by itself, within a minute; the test does not wait for it.
        let due = stage.database.instant(now());
        stage.database.execute(&format!("UPDATE calendar_connections SET next_sync_at = {due}")).await;
        eventually("it recovers", async || {
            let failures = stage.database.value("failures", "calendar_connections").await;
            (failures.as_deref() == Some("0")).then_some(())
        })
        .await;
        assert_eq!(stage.database.blocks(CAMILLE).await, blocks);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_whose_administrator_has_to_agree() {
    let test = async |stage: &mut Stage| {
        add_account(&stage.simulator).await;
        let tenant = ACCOUNT.rsplit('@').next().unwrap();
        let waits = json!({"tenant": tenant, "needs_approval": true});
        stage.simulator.post("tenants", waits).await;
        for error in ["access_denied", "consent_required"] {
            let told = json!({"microsoft": {"approval_error": error}});
            stage.simulator.post("settings", told).await;
            let page = stage.browser.connect(ACCOUNT, Consent::NeedsApproval).await;
            nothing_made(
                stage,
                &page,
                "Votre organisation veut d’abord l’accord d’un administrateur.",
                (0, 0),
            )
            .await;
            page.does_not_say("Vous avez annulé");
            page.does_not_say("AADSTS");

            let explained = stage.browser.click(&page, "Que dire à votre administrateur").await;
            assert!(explained.status.is_success(), "{}", explained.describe());
            for words in [
                "Ce qui s’est passé",
                "Ce que cela change",
                "Que faire",
                "/organizations/adminconsent?client_id=",
            ] {
                explained.says(words);
            }
            assert!(explained.has_button("Connecter Outlook"));
        }

        // The administrator, who has no account here, agrees.
        let mut administrator = stage.product.browser();
        let page =
            administrator.open(&format!("{}?admin_consent=True&tenant=x", stage.side.callback())).await;
        page.says("L’accord est donné pour toute l’organisation.");
        let approved = json!({"tenant": tenant, "approved": [stage.side.client_id()]});
        stage.simulator.post("tenants", approved).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await.says("Outlook est connecté.");
        stage.imported().await;
    };
    on_both_at(Side::Outlook, "approval", &test).await;
}
