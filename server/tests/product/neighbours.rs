//! What is one provider's is "not found" for another, whatever they ask for and whatever they send.

use crate::support::browser::{Browser, Consent, Page};
use crate::support::html::Form;
use crate::support::{ACCOUNT, CAMILLE, add_account, now, on_both, on_each, today};
use chrono::{Days, TimeDelta};
use reqwest::StatusCode;

const ABSENT: &str = "00000000-0000-7000-8000-000000000000";

fn names_something(form: &Form) -> bool {
    form.fields.iter().any(|(_, value)| value.parse::<uuid::Uuid>().is_ok())
}

async fn not_found(browser: &mut Browser, path: &str) {
    let page = browser.open(path).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.describe());
    page.says("Cette page n’existe pas");
    page.does_not_say(ACCOUNT);
}

#[track_caller]
fn unchanged(before: &[String], after: &[String]) {
    let other = |rows: &[String], than: &[String]| -> Vec<String> {
        rows.iter().filter(|row| !than.contains(row)).cloned().collect()
    };
    assert_eq!(other(after, before), other(before, after), "something changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_provider_s_ids_lead_nowhere() {
    on_each("neighbours", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        let settings = stage.browser.open("/settings/calendars").await;
        stage.browser.press(&settings, "Bloquer les créneaux de « Famille »").await;
        stage.settled().await;
        // A block of Camille's own, as refused removals leave one.
        let block = stage.database.ids("unavailabilities ORDER BY starts_at LIMIT 1").await.remove(0);
        let id = match stage.database.kind {
            crate::support::database::Kind::Sqlite => format!("x'{}'", block.replace('-', "")),
            crate::support::database::Kind::Postgres => format!("'{block}'"),
        };
        let own = format!("UPDATE unavailabilities SET calendar_id = NULL, reason = 'kept' WHERE id = {id}");
        assert_eq!(stage.database.execute(&own).await, 1);
        let connection = stage.database.ids("calendar_connections").await.remove(0);
        let calendar = stage.database.ids("calendars ORDER BY id LIMIT 1").await.remove(0);

        // Everything that Camille's pages let her do.
        let mut pages: Vec<Page> = Vec::new();
        for path in [
            // The first block ahead lies in this week or in the next.
            format!("/agenda?week={}", today()),
            format!("/agenda?week={}", today() + Days::new(7)),
            "/settings/calendars".to_owned(),
            format!("/settings/calendars/{connection}"),
            format!("/settings/calendars/{connection}/disconnect"),
            "/notifications".to_owned(),
            "/settings/account".to_owned(),
        ] {
            let page = stage.browser.open(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
            pages.push(page);
        }
        let mut forms: Vec<Form> = pages.iter().flat_map(Page::post_forms).filter(names_something).collect();
        let decide = Form { action: "/actions/removals".to_owned(), post: true, ..Form::default() };
        forms.push(decide.clone().with("calendar", &calendar).with("accept", "true"));
        forms.push(decide.with("calendar", &calendar).with("accept", "false"));
        let reconnect = Form { action: stage.side.connect_path(), post: true, ..Form::default() };
        forms.push(reconnect.with("reconnect", &connection));
        let mut actions: Vec<_> = forms.iter().map(|form| form.action.clone()).collect();
        actions.sort();
        actions.dedup();
        assert_eq!(
            actions,
            [
                "/actions/block-free",
                "/actions/disconnect",
                "/actions/receive",
                "/actions/removals",
                "/actions/remove-kept",
                "/actions/select",
                "/actions/sync",
                &stage.side.connect_path(),
            ]
        );

        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        let home = ines.enter(&link).await;
        stage.settled().await;
        let of_camille = async || {
            let unrelated = ["sessions:", "login_tokens:", "deliveries:"];
            let mut dump = stage.database.dump().await;
            dump.retain(|row| {
                !unrelated.iter().any(|table| row.starts_with(table)) && !row.contains("ines@")
            });
            dump.sort();
            dump
        };
        let before = of_camille().await;
        for form in &forms {
            let page = ines.send(&home, form).await;
            // Who says that they came from Camille's page is led back there, where nothing is for them.
            let fine = page.status.is_success() || page.status == StatusCode::NOT_FOUND;
            assert!(fine, "{form:?}: {}", page.describe());
            let told = [
                "Cela n’existe plus, ou n’est pas à vous. Rien n’a changé.",
                "Cette connexion n’existe plus.",
            ];
            assert!(told.iter().any(|words| page.text().contains(words)), "{form:?}: {}", page.describe());
            page.does_not_say(ACCOUNT);
            // The same as for an id that nobody has.
            let mut absent = form.clone();
            for (_, value) in
                absent.fields.iter_mut().filter(|(_, value)| value.parse::<uuid::Uuid>().is_ok())
            {
                ABSENT.clone_into(value);
            }
            assert_eq!(ines.send(&home, &absent).await.text(), page.text(), "{form:?}");
        }
        unchanged(&before, &of_camille().await);

        let round = stage.database.ids("calendar_sync_logs").await.remove(0);
        for path in [
            format!("/agenda/{block}"),
            format!("/settings/calendars/{connection}/{calendar}"),
            format!("/sync-log/{round}"),
        ] {
            assert_eq!(stage.browser.open(&path).await.status, StatusCode::OK, "{path}");
            not_found(&mut ines, &path).await;
        }
        for id in [ABSENT, "1", "%00", "' OR 1=1 --"] {
            for place in ["/agenda", "/sync-log", &format!("/settings/calendars/{connection}")] {
                not_found(&mut ines, &format!("{place}/{id}")).await;
            }
        }
        not_found(&mut ines, &format!("/settings/calendars/{connection}")).await;
        not_found(&mut ines, &format!("/settings/calendars/{connection}/disconnect")).await;
        for id in [ABSENT, &calendar, "1", "%00", "..%2f..%2fetc", "é", "' OR 1=1 --"] {
            not_found(&mut ines, &format!("/settings/calendars/{id}")).await;
            not_found(&mut ines, &format!("/settings/calendars/{id}/disconnect")).await;
        }
        let log = ines.open(&format!("/sync-log?connection={connection}")).await;
        log.does_not_say(ACCOUNT);
        log.does_not_say("événements ajoutés");
        for path in ["/agenda", "/settings/calendars", "/notifications", "/sync-log"] {
            let page = ines.open(path).await;
            for private in [ACCOUNT, "Yoga", "Dentiste", "Famille", "Camille"] {
                page.does_not_say(private);
            }
        }
        unchanged(&before, &of_camille().await);

        // Camille herself can do what was tried.
        let remove = forms.iter().find(|form| form.action == "/actions/remove-kept").unwrap();
        let agenda = stage.browser.open("/agenda").await;
        stage.browser.send(&agenda, remove).await.says("Le créneau est libéré.");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_lets_one_person_in_once() {
    on_both("links", async |stage| {
        const DEAD: &str = "Ce lien ne fonctionne plus";
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut scanner = stage.product.browser();
        for _ in 0..3 {
            let page = scanner.open(&link).await;
            assert!(page.has_button("Entrer"), "opening it changes nothing: {}", page.describe());
        }
        assert!(scanner.cookies().is_empty());
        let mut ines = stage.product.browser();
        ines.enter(&link).await.says("Bonjour Inès");
        let page = scanner.open(&link).await;
        assert_eq!(page.status, StatusCode::GONE);
        page.says(DEAD);
        let press = Form { action: link.clone(), post: true, ..Form::default() };
        let pressed = scanner.send(&page, &press).await;
        pressed.says(DEAD);
        assert_eq!(scanner.open("/agenda").await.url.path(), "/login");

        for token in ["x", "%00", "é", "..%2f", &"y".repeat(4000), "' OR '1'='1"] {
            let page = scanner.open(&format!("/login/{token}")).await;
            assert!(page.status.is_client_error(), "{}", page.describe());
            let press = Form { action: page.url.to_string(), post: true, ..Form::default() };
            scanner.send(&page, &press).await;
            assert_eq!(scanner.open("/agenda").await.url.path(), "/login", "{token}");
        }

        // By e-mail: the same answer whether the address is known or not; only the known one gets a link.
        let login = scanner.open("/login").await;
        let mut form = login.form("Recevoir un lien");
        let mut texts = Vec::new();
        for address in ["INES@simone.test", "nobody@simone.test"] {
            form = form.with("email", address);
            let page = scanner.send(&login, &form).await;
            assert!(page.status.is_success());
            texts.push(page.text());
        }
        assert_eq!(texts[0], texts[1]);
        let sent = crate::support::eventually("the link is sent", async || {
            // The first one was printed, and sent too.
            let links: Vec<String> = stage
                .product
                .mails()
                .iter()
                .filter(|mail| mail.contains("ines@simone.test"))
                // Undo the line ends of quoted-printable.
                .map(|mail| mail.replace("=\r\n", ""))
                .filter_map(|mail| {
                    mail.split_whitespace().find(|word| word.contains("/login/")).map(str::to_owned)
                })
                .filter(|sent| *sent != link)
                .collect();
            links.first().cloned()
        })
        .await;
        assert!(stage.product.mails().iter().all(|mail| !mail.contains("nobody@simone.test")));
        let mut phone = stage.product.browser();
        phone.enter(&sent).await.says("Bonjour Inès");

        // A link that is too old.
        let late = stage.product.add_provider("Paul Petit", "paul@simone.test").await;
        let past = stage.database.instant(now() - TimeDelta::seconds(1));
        stage.database.execute(&format!("UPDATE login_tokens SET expires_at = {past}")).await;
        scanner.open(&late).await.says(DEAD);

        // Ending the others leaves this one; logging out ends it too.
        let account = ines.open("/settings/account").await;
        let left = ines.press(&account, "Fermer toutes les autres").await;
        left.says("Toutes les autres sessions sont fermées.");
        assert_eq!(phone.open("/agenda").await.url.path(), "/login");
        ines.press(&left, "Quitter Simone").await;
        assert_eq!(ines.open("/agenda").await.url.path(), "/login");
        stage.browser.open("/agenda").await.does_not_say("Recevoir un lien");
        assert_eq!(stage.database.blocks(CAMILLE).await, []);
    })
    .await;
}
