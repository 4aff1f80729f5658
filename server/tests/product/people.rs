//! Operators, invitations, both roles in one person, sessions and one's own data.

use crate::support::browser::{Browser, Consent, Page};
use crate::support::html::Form;
use crate::support::platform::Side;
use crate::support::{ACCOUNT, CAMILLE, Stage, add_account, on_both, on_each};
use reqwest::{Method, StatusCode};
use std::collections::BTreeSet;

const OPERATOR: &str = "robin@simone.test";
const REFUSED: &str = "Cette page est réservée aux opérateurs";

/// A link out of what the program said.
fn link(said: &str) -> String {
    let link = said.split_whitespace().rfind(|word| word.contains("/login/"));
    link.unwrap_or_else(|| panic!("no link: {said}")).to_owned()
}

/// An operator's browser, who came in by a link that the command printed.
async fn operator(stage: &Stage) -> Browser {
    let added = stage.product.run(&["operator", "add", "--email", OPERATOR, "--name", "Robin Lefèvre"]).await;
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let mut browser = stage.product.browser();
    let home = enter(&mut browser, &link(&String::from_utf8_lossy(&added.stdout))).await;
    assert_eq!(home.url.path(), "/oversight", "{}", home.describe());
    browser
}

async fn enter(browser: &mut Browser, link: &str) -> Page {
    let page = browser.open(link).await;
    browser.press(&page, "Entrer").await
}

/// Camille's links so far: the one by which she was added, and the one that makes her an operator.
async fn two_links(stage: &Stage) -> Vec<String> {
    crate::support::eventually("both are sent", async || {
        let links = stage.product.links_to(CAMILLE);
        (links.len() == 2).then_some(links)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_makes_the_first_operator_and_says_how_to_log_in() {
    on_both("first-start", async |stage| {
        let hint = "There is no operator yet";
        assert!(stage.product.log().contains(hint), "{}", stage.product.log());
        assert!(stage.product.log().contains("SIMONE_OPERATOR__EMAIL"));
        assert_eq!(stage.product.stop().await, Some(0));

        stage.product.set("SIMONE_OPERATOR__EMAIL", "Ana@Simone.test");
        stage.product.start().await;
        let said = stage.product.log();
        let lines: Vec<_> = said.lines().filter(|line| line.contains("/login/")).collect();
        let [line] = lines[..] else { panic!("one line says how to log in: {said}") };
        assert!(line.contains("Ana@Simone.test is the first operator"), "{line}");
        let mut ana = stage.product.browser();
        let home = enter(&mut ana, &link(line)).await;
        assert_eq!(home.url.path(), "/oversight");
        home.says("Camille Moreau");
        assert_eq!(ana.open("/agenda").await.url.path(), "/oversight", "she is no provider");
        assert_eq!(ana.open("/").await.url.path(), "/oversight");

        // Only the first time, and the setting makes nobody else one.
        assert_eq!(stage.product.stop().await, Some(0));
        stage.product.set("SIMONE_OPERATOR__EMAIL", "other@simone.test");
        stage.product.start().await;
        assert_eq!(stage.product.log().matches("/login/").count(), 1);
        assert_eq!(stage.database.count("operators").await, 1);
        assert_eq!(ana.open("/oversight").await.status, StatusCode::OK, "her session outlives a restart");

        // Who has no way in any more gets one at the terminal.
        let again = stage.product.run(&["operator", "add", "--email", "ana@simone.test"]).await;
        let again = String::from_utf8(again.stdout).unwrap();
        assert!(again.contains("an operator already"), "{again}");
        enter(&mut stage.product.browser(), &link(&again)).await.says("Prestataires");
        let wrong = stage.product.run(&["operator", "add", "--email", "nobody"]).await;
        assert_eq!(wrong.status.code(), Some(1));
        assert_eq!(stage.database.count("operators").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_invited_comes_in_and_connects() {
    on_both("invitation", async |stage| {
        add_account(&stage.simulator).await;
        let mut robin = operator(stage).await;
        let page = robin.open("/oversight/invite").await;
        for (name, email, zone, words) in [
            ("", "ines@simone.test", "Europe/Paris", "Il faut un nom"),
            ("Inès", "ines", "Europe/Paris", "n’a pas la forme d’une adresse"),
            ("Inès", "ines@simone.test", "Mars/Phobos", "Ce fuseau horaire n’existe pas"),
            ("Inès", "CAMILLE@simone.test", "Europe/Paris", "déjà celle d’un prestataire"),
        ] {
            let form =
                page.form("Envoyer l’invitation").with("name", name).with("email", email).with("zone", zone);
            let again = robin.send(&page, &form).await;
            assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.describe());
            again.says(words);
            assert!(again.html.contains(&format!("value=\"{email}\"")), "what was typed is kept");
        }
        assert_eq!(stage.database.count("providers").await, 1);
        let form = page
            .form("Envoyer l’invitation")
            .with("name", "Inès Diallo")
            .with("email", "ines@simone.test")
            .with("zone", "Africa/Dakar");
        let sheet = robin.send(&page, &form).await;
        sheet.says("L’invitation de Inès Diallo est partie.");
        sheet.says("attend une réponse");
        robin.open("/oversight?q=diallo").await.says("Invité");
        let first = stage.product.new_link_to("ines@simone.test", &[]).await;

        // Opening the link changes nothing; sent again, both work until one is used.
        let mut scanner = stage.product.browser();
        for _ in 0..2 {
            assert!(scanner.open(&first).await.has_button("Accepter l’invitation"));
        }
        assert!(scanner.cookies().is_empty());
        robin.press(&sheet, "Envoyer à nouveau").await.says("Une nouvelle invitation est partie.");
        assert_eq!(stage.database.count("login_tokens WHERE kind = 'invitation'").await, 2);
        let mut ines = stage.product.browser();
        let page = ines.open(&first).await;
        let welcome = ines.press(&page, "Accepter l’invitation").await;
        assert_eq!(welcome.url.path(), "/welcome", "{}", welcome.describe());
        welcome.says("Bienvenue, Inès");
        let form = welcome.form("Continuer vers mes calendriers");
        assert!(
            form.fields.contains(&("zone".to_owned(), "Africa/Dakar".to_owned())),
            "it is proposed: {form:?}"
        );
        let settings = ines.send(&welcome, &form.with("zone", "Europe/Lisbon")).await;
        assert_eq!(settings.url.path(), "/settings/calendars", "{}", settings.describe());
        settings.says("Connectez maintenant votre calendrier.");
        ines.open("/agenda").await.says("Lisbonne");
        assert_eq!(stage.database.count("login_tokens WHERE kind = 'invitation'").await, 0);
        assert_eq!(scanner.open(&first).await.status, StatusCode::GONE);
        ines.connect(ACCOUNT, Consent::Allow).await.says("Google Calendar est connecté.");
        crate::support::imported(&mut ines).await;

        // The operator sees how the connection is, and nothing of what is in it.
        let list = robin.open("/oversight?q=ines@").await;
        list.says("En ordre");
        list.says("1 connexion");
        let sheet = robin
            .click(
                &list,
                list.document().all(|it| it.name == "a" && it.text().contains("Inès"))[0].label().as_str(),
            )
            .await;
        sheet.says(ACCOUNT);
        sheet.says("requête");
        let audit = robin.open("/oversight/audit").await;
        audit.says("Prestataire invité");
        audit.says("Calendrier connecté");
        audit.says(OPERATOR);
        for page in [&list, &sheet, &audit] {
            for private in ["Yoga", "Dentiste", "Vacances", "Famille"] {
                page.does_not_say(private);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_in_both_roles_and_operators_among_themselves() {
    on_both("both-roles", async |stage| {
        let mut robin = operator(stage).await;
        let page = robin.open("/oversight/operators/new").await;
        let form =
            page.form("Ajouter et envoyer le lien").with("name", "Camille Moreau").with("email", CAMILLE);
        robin.send(&page, &form).await.says("Camille Moreau est opérateur");
        // The link that was sent lets in the operator; a login lets in both.
        assert_eq!(
            stage.browser.open("/oversight").await.status,
            StatusCode::NOT_FOUND,
            "not the old session"
        );
        let known = two_links(stage).await;
        let mut camille = stage.product.browser();
        let login = camille.open("/oversight/audit").await;
        assert_eq!(login.url.path(), "/login");
        let sent = camille.send(&login, &login.form("Recevoir un lien").with("email", CAMILLE)).await;
        assert!(sent.status.is_success());
        let link = stage.product.new_link_to(CAMILLE, &known).await;
        let home = enter(&mut camille, &link).await;
        assert_eq!(home.url.path(), "/oversight/audit", "back to where she wanted to go");
        camille.open("/agenda").await.says("Connecter Google Calendar");
        camille.open("/settings/account").await.says("Aller à la supervision");

        // She withdraws Robin, and cannot withdraw herself.
        let operators = camille.open("/oversight/operators").await;
        let confirm = camille.click(&operators, "Retirer Robin Lefèvre").await;
        robin.open("/oversight").await.says("Prestataires");
        camille.press(&confirm, "Retirer").await.says("L’opérateur est retiré.");
        assert_eq!(robin.open("/oversight").await.url.path(), "/login", "at once");
        camille.open("/oversight/operators").await.says("Il en faut toujours un");
        let own = stage.database.ids("operators WHERE withdrawn_at IS NULL").await.remove(0);
        let form =
            Form { action: "/oversight/actions/withdraw-operator".to_owned(), post: true, ..Form::default() };
        let page = camille.open("/oversight/operators").await;
        camille.send(&page, &form.with("operator", &own)).await.says("C’est le dernier opérateur");

        // A token of the API is shown once, and withdrawn.
        let page = camille.open("/oversight/tokens/new").await;
        let form = page.form("Créer le jeton").with("name", "Marché").with("reach", "nobody@simone.test");
        camille.send(&page, &form).await.says("Aucun prestataire n’a cette adresse.");
        let made = camille.send(&page, &form.with("reach", "")).await;
        let document = made.document();
        let token =
            document.all(|it| it.attribute("id") == Some("token"))[0].attribute("value").unwrap().to_owned();
        let client = crate::support::browser::client();
        let api = stage.product.url.join("api/v1/providers").unwrap();
        let ask = async || client.get(api.clone()).bearer_auth(&token).send().await.unwrap().status();
        assert_eq!(ask().await, StatusCode::OK);
        let list = camille.open("/oversight/tokens").await;
        assert!(!list.html.contains(&token));
        let confirm = camille.click(&list, "Retirer le jeton Marché").await;
        camille.press(&confirm, "Retirer ce jeton").await.says("il n’ouvre plus rien");
        assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_operators_is_shown_anything_of_their_pages() {
    on_both("walk", async |stage| {
        operator(stage).await;
        stage.settled().await;
        let camille = stage.database.ids("providers").await.remove(0);
        let robin = stage.database.ids("operators").await.remove(0);
        let dump = async || {
            let mut dump = stage.database.dump().await;
            dump.retain(|row| !row.starts_with("sessions:") && !row.starts_with("deliveries:"));
            dump.sort();
            dump
        };
        let before = dump().await;
        let pages = [
            "/oversight".to_owned(),
            "/oversight/".to_owned(),
            "/oversight?q=a".to_owned(),
            format!("/oversight/providers/{camille}"),
            format!("/oversight/providers/{camille}/erase"),
            "/oversight/providers/x".to_owned(),
            "/oversight/invite".to_owned(),
            "/oversight/operators".to_owned(),
            "/oversight/operators/new".to_owned(),
            format!("/oversight/operators/{robin}/withdraw"),
            "/oversight/tokens".to_owned(),
            "/oversight/tokens/new".to_owned(),
            format!("/oversight/tokens/{robin}/withdraw"),
            "/oversight/audit".to_owned(),
            "/oversight/account".to_owned(),
            "/oversight/no/such/thing".to_owned(),
        ];
        let home = stage.browser.open("/agenda").await;
        let mut visitor = stage.product.browser();
        for path in &pages {
            let page = stage.browser.open(path).await;
            let known = page.text().contains(REFUSED) || page.text().contains("Cette page n’existe pas");
            assert!(page.status == StatusCode::NOT_FOUND && known, "{path}: {}", page.describe());
            page.does_not_say("Robin");
            let page = visitor.open(path).await;
            let asked = page.url.path() == "/login" || page.status == StatusCode::NOT_FOUND;
            assert!(asked, "{path}: {}", page.describe());
            page.does_not_say("Robin");
        }
        let post = |action: &str| Form { action: action.to_owned(), post: true, ..Form::default() };
        let forms = [
            post("/oversight/actions/invite-again").with("provider", &camille),
            post("/oversight/actions/erase-provider").with("provider", &camille),
            post("/oversight/actions/withdraw-operator").with("operator", &robin),
            post("/oversight/actions/withdraw-token").with("token", &robin),
            post("/oversight/invite")
                .with("name", "X")
                .with("email", "x@y.test")
                .with("zone", "Europe/Paris"),
            post("/oversight/operators/new")
                .with("name", "X")
                .with("email", "x@y.test")
                .with("zone", "Europe/Paris"),
            post("/oversight/tokens/new").with("name", "X"),
        ];
        let mut door = visitor.open("/login").await;
        for form in &forms {
            let page = stage.browser.send(&home, form).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{form:?}: {}", page.describe());
            page.says(REFUSED);
            door = visitor.send(&door, form).await;
            assert_eq!(door.url.path(), "/login", "{form:?}: {}", door.describe());
        }
        assert_eq!(dump().await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_and_data_are_ones_own() {
    on_each("own", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        let home = ines.enter(&link).await;
        // The link by which she was added was sent too.
        let known = vec![stage.product.new_link_to(CAMILLE, &[]).await];
        let login = ines.open("/login").await;
        ines.send(&login, &login.form("Recevoir un lien").with("email", CAMILLE)).await;
        let link = stage.product.new_link_to(CAMILLE, &known).await;
        let mut phone = stage.product.browser();
        let page = phone.open(&link).await;
        let url = page.url.clone();
        let press = phone
            .raw(Method::POST, url.path())
            .header("user-agent", "Mozilla/5.0 (iPhone) Version/17 Safari");
        let press = press.header("origin", url.origin().ascii_serialization());
        assert!(phone.answer(press, url).await.status.is_redirection());
        assert_eq!(phone.open("/agenda").await.url.path(), "/agenda");

        let account = stage.browser.open("/settings/account").await;
        account.says("Safari sur iPhone");
        account.says("Celui-ci");
        let ends_one = |form: &Form| {
            form.action == "/actions/end-session" && form.fields.iter().any(|(name, _)| name == "session")
        };
        let end = account.post_forms().into_iter().find(ends_one).expect("the phone's can be ended");
        // A neighbour who knows its id ends nothing.
        ines.send(&home, &end).await.says("Cela n’existe plus, ou n’est pas à vous.");
        assert_eq!(phone.open("/agenda").await.url.path(), "/agenda");
        stage.browser.send(&account, &end).await.says("La session est fermée.");
        assert_eq!(phone.open("/agenda").await.url.path(), "/login");
        stage.browser.open("/settings/account").await.does_not_say("iPhone");

        // Everything about oneself, as a file; nothing of the neighbour's in theirs.
        let file = stage.browser.peek("/settings/account/export").await;
        assert_eq!(file.status, StatusCode::OK);
        assert!(file.header("content-disposition").starts_with("attachment; filename=\"simone-"));
        assert!(file.header("content-type").starts_with("application/json"));
        let all: serde_json::Value = serde_json::from_str(&file.html).unwrap();
        assert_eq!(all["profile"][0]["email"], CAMILLE);
        let events = all["events"].as_array().unwrap();
        let titles: BTreeSet<_> = events.iter().map(|event| event["title"].as_str().unwrap()).collect();
        assert!(titles.contains("Yoga") && titles.len() == 5, "{titles:?}");
        // Microsoft tells of each time that a series takes place.
        assert!(events.len() == 5 || stage.side == Side::Outlook, "{events:?}");
        for part in
            ["connections", "calendars", "unavailabilities", "sync_log", "sessions", "emails", "audit_log"]
        {
            assert!(!all[part].as_array().unwrap().is_empty(), "{part}");
        }
        assert!(!file.html.contains("ines@simone.test"));
        let theirs = ines.peek("/settings/account/export").await;
        for private in [CAMILLE, ACCOUNT, "Yoga"] {
            assert!(!theirs.html.contains(private), "{private}");
        }
        assert!(
            serde_json::from_str::<serde_json::Value>(&theirs.html).unwrap()["events"]
                .as_array()
                .unwrap()
                .is_empty()
        );
        assert_eq!(stage.database.count("audit_log WHERE action = 'export'").await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_logins_is_answered_in_words_and_sends_few_links() {
    on_both("flood", async |stage| {
        let mut browser = stage.product.browser();
        let login = browser.open("/login").await;
        let mut refused = 0;
        for _ in 0..30 {
            let form = login.form("Recevoir un lien").with("email", CAMILLE);
            let page = browser.send(&login, &form).await;
            if page.status == StatusCode::TOO_MANY_REQUESTS {
                page.says("Trop d’essais pour le moment");
                assert_eq!(page.header("retry-after"), "900");
                refused += 1;
            }
        }
        assert_eq!(refused, 20);
        assert!(stage.database.count("login_tokens").await <= 3);
        stage.browser.open("/agenda").await.says("Agenda");
    })
    .await;
}
