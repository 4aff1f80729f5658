//! What a provider sets: services, hours, time blocked by hand; and the appointments that they make, move and cancel.

use crate::support::browser::{Consent, Page};
use crate::support::html::Form;
use crate::support::{ACCOUNT, CAMILLE, Stage, a_monday, add_account, eventually, on_both, on_each};
use chrono::{Days, NaiveDate};
use reqwest::StatusCode;
use serde_json::json;

/// Sends a form of a page with some of its fields typed over.
async fn fill(stage: &mut Stage, path: &str, button: &str, typed: &[(&str, &str)]) -> Page {
    let page = stage.browser.open(path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
    let mut form = page.form(button);
    for (name, value) in typed {
        form = form.with(name, value);
    }
    stage.browser.send(&page, &form).await
}

/// Says no, and keeps what was typed.
#[track_caller]
fn refused(page: &Page, words: &str, kept: &str) {
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.describe());
    page.says(words);
    assert!(page.html.contains(&format!("value=\"{kept}\"")), "« {kept} » is lost: {}", page.html);
}

async fn offer_a_massage(stage: &mut Stage) {
    let massage = [("name", "Massage 60min"), ("duration", "60"), ("price", "70"), ("after", "15")];
    let page = fill(stage, "/settings/services/new", "Enregistrer", &massage).await;
    page.says("« Massage 60min » peut être réservé.");
    let hours = stage.browser.open("/settings/hours").await;
    let usual = "Proposer du lundi au vendredi, 9:00 – 12:30 et 13:30 – 18:00";
    stage.browser.press(&hours, usual).await.says("Vos horaires sont enregistrés.");
}

/// The form of a new appointment, filled in.
async fn book(stage: &mut Stage, day: NaiveDate, time: &str, more: &[(&str, &str)]) -> Page {
    let date = day.to_string();
    let client = [
        ("date", date.as_str()),
        ("time", time),
        ("name", "Marie Dupont"),
        ("email", "marie@exemple.fr"),
        ("phone", "06 12 34 56 78"),
        ("address", "3 rue Haute, Lyon"),
    ];
    let typed: Vec<_> = client.into_iter().chain(more.iter().copied()).collect();
    fill(stage, "/agenda/bookings/new", "Prendre le rendez-vous", &typed).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_and_hours_are_set_and_mistakes_keep_what_was_typed() {
    on_both("offering", async |stage| {
        let empty = stage.browser.open("/settings/services").await;
        empty.says("Aucune prestation pour l’instant");
        let new = "/settings/services/new";
        for (field, value, words) in [
            ("duration", "abc", "Indiquez une durée"),
            ("duration", "", "Indiquez une durée"),
            ("price", "70,123", "Indiquez un prix"),
            ("price", "10001", "Indiquez un prix"),
            ("before", "500", "Indiquez de 0 à 240 minutes."),
            ("place", "provider", "Indiquez l’adresse où vous recevez"),
        ] {
            let page = fill(stage, new, "Enregistrer", &[("name", "Sauna"), (field, value)]).await;
            refused(&page, words, "Sauna");
        }
        let page = fill(stage, new, "Enregistrer", &[("name", "  "), ("price", "71")]).await;
        refused(&page, "Donnez un nom", "71");
        assert_eq!(stage.database.count("services").await, 0);

        let hostile = "<script>alert(1)</script> & \"soins\"";
        fill(stage, new, "Enregistrer", &[("name", hostile), ("price", "72,5"), ("duration", "90")]).await;
        let list = stage.browser.open("/settings/services").await;
        list.says(hostile);
        list.says("1 h 30 · 72,50 € · Chez le client");
        list.says("Vos horaires manquent");
        assert!(list.html.contains("/book/"), "the public page's address");
        assert!(!list.html.contains("<script>alert"));

        // It is changed, and in the end no longer offered.
        let service = stage.database.ids("services").await.remove(0);
        let path = format!("/settings/services/{service}");
        let page = fill(stage, &path, "Enregistrer", &[("name", "Soin"), ("duration", "4")]).await;
        refused(&page, "Indiquez une durée", "Soin");
        fill(stage, &path, "Enregistrer", &[("name", "Soin"), ("duration", "45")])
            .await
            .says("« Soin » est modifié");
        stage.browser.open("/settings/services").await.says("45 min · 72,50 €");

        let hours = "/settings/hours";
        stage.browser.open(hours).await.says("On ne peut pas encore réserver");
        let save = "Enregistrer la semaine";
        let half = [("day0_0_from", "09:00")];
        refused(&fill(stage, hours, save, &half).await, "Il manque le début ou la fin", "09:00");
        let back = [("day2_0_from", "12:00"), ("day2_0_to", "09:15")];
        refused(&fill(stage, hours, save, &back).await, "Une plage finit avant de commencer.", "09:15");
        let first = [("day0_0_from", "09:00"), ("day0_0_to", "12:00")];
        fill(stage, hours, save, &first).await.says("Vos horaires sont enregistrés.");
        // The next empty row takes the next stretch, up to midnight.
        let crossed = [("day0_1_from", "11:00"), ("day0_1_to", "13:00")];
        refused(&fill(stage, hours, save, &crossed).await, "Deux plages se chevauchent.", "13:00");
        let second = [("day0_1_from", "20:00"), ("day0_1_to", "00:00")];
        fill(stage, hours, save, &second).await.says("Vos horaires sont enregistrés.");
        let page = stage.browser.open(hours).await;
        assert!(page.html.contains("name=\"day0_2_from\"") && page.html.contains("value=\"20:00\""));
        page.does_not_say("On ne peut pas encore réserver");

        // One day is closed, and usual again.
        let monday = a_monday().to_string();
        let past = fill(stage, hours, "Enregistrer ce jour", &[("date", "2020-01-01")]).await;
        refused(&past, "Choisissez une date à partir d’aujourd’hui.", "2020-01-01");
        fill(stage, hours, "Enregistrer ce jour", &[("date", &monday)]).await.says("est enregistré.");
        let page = stage.browser.open(hours).await;
        page.says("Fermé");
        let usual = page.post_forms().into_iter().find(|form| form.action == "/actions/usual-hours");
        let answer = stage.browser.send(&page, &usual.expect("its way back")).await;
        answer.says("suit de nouveau vos horaires habituels");
        assert_eq!(stage.database.count("hours_exceptions").await, 0);

        let rules = [("notice", "1440"), ("policy", "hold")];
        fill(stage, hours, "Enregistrer les règles", &rules).await.says("Vos règles de réservation");
        assert_eq!(
            stage.database.count("providers WHERE notice_minutes = 1440 AND stale_policy = 'hold'").await,
            1
        );

        let confirm = stage.browser.open(&format!("{path}/withdraw")).await;
        confirm.says("Aucun rendez-vous à venir n’est concerné.");
        stage.browser.press(&confirm, "Ne plus proposer").await.says("« Soin » n’est plus proposé.");
        assert_eq!(stage.browser.open(&path).await.status, StatusCode::NOT_FOUND);
        stage.browser.open("/settings/services").await.says("Aucune prestation pour l’instant");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_blocked_by_hand_once_or_again_and_again() {
    on_both("entered", async |stage| {
        let tuesday = a_monday() + Days::new(1);
        let day = tuesday.to_string();
        let new = "/agenda/unavailable/new";
        let lunch = [
            ("title", "Déjeuner"),
            ("from", day.as_str()),
            ("from_time", "12:00"),
            ("to_time", "14:00"),
            ("repeat", "weekly"),
        ];
        let page = fill(stage, new, "Bloquer ce moment", &lunch).await;
        page.says("C’est bloqué : personne ne peut plus réserver ce moment.");
        stage.settled().await;
        assert!(stage.day(tuesday).await.contains("Déjeuner"));
        assert!(stage.day(tuesday + Days::new(7)).await.contains("Déjeuner"));
        let blocks = stage.database.blocks(CAMILLE).await.len();
        assert!(blocks >= 10, "each week of the horizon: {blocks}");

        // What cannot be is refused, with what was typed.
        for (typed, words) in [
            (
                [("title", "Pause"), ("from", &day), ("from_time", "12:00"), ("to_time", "")],
                "Indiquez les deux heures",
            ),
            (
                [("title", "Pause"), ("from", &day), ("from_time", "12:00"), ("to_time", "11:00")],
                "La fin doit venir",
            ),
            ([("title", "Pause"), ("from", "x"), ("from_time", ""), ("to_time", "")], "Indiquez une date"),
            (
                [("title", "Pause"), ("from", "9999-12-31"), ("from_time", ""), ("to_time", "")],
                "trop lointaine",
            ),
            ([("title", "Pause"), ("from", "2026-01-05"), ("from_time", ""), ("to_time", "")], "déjà passé"),
            (
                [("title", "Pause"), ("from", "2027-03-28"), ("from_time", "02:30"), ("to_time", "04:00")],
                "2:30 n’existe pas",
            ),
        ] {
            let typed = typed.map(|(name, value): (&str, &str)| (name, value));
            refused(&fill(stage, new, "Bloquer ce moment", &typed).await, words, "Pause");
        }

        // Its page says what it is; one time of it goes, then its hour changes, then all of it goes.
        let agenda = stage.browser.open(&format!("/agenda?week={tuesday}")).await;
        let block = agenda.document();
        let link = block
            .all(|it| it.name == "a" && it.attribute("href").is_some_and(|to| to.starts_with("/agenda/0")));
        let path = link.first().and_then(|link| link.attribute("href")).expect("its page").to_owned();
        let reason = stage.browser.open(&path).await;
        reason.says("Vous avez bloqué ce moment à la main.");
        reason.says("l’une de ses répétitions");
        stage.browser.press(&reason, "Retirer cette fois seulement").await.says("Le blocage est retiré");
        stage.settled().await;
        assert!(!stage.day(tuesday).await.contains("Déjeuner"));
        assert!(stage.day(tuesday + Days::new(7)).await.contains("Déjeuner"));

        let entered = stage.database.ids("entered_unavailabilities").await.remove(0);
        let edit = format!("/agenda/unavailable/{entered}");
        let until = (tuesday + Days::new(14)).to_string();
        let typed = [("from_time", "12:30"), ("until", until.as_str())];
        fill(stage, &edit, "Enregistrer", &typed).await.says("C’est bloqué");
        stage.settled().await;
        assert!(!stage.day(tuesday).await.contains("Déjeuner"), "what was taken out stays so");
        assert!(stage.day(tuesday + Days::new(7)).await.contains("12:30"));
        assert_eq!(stage.database.blocks(CAMILLE).await.len(), 2);

        let page = stage.browser.open(&edit).await;
        stage.browser.press(&page, "Retirer toutes les répétitions").await.says("Le blocage est retiré");
        stage.settled().await;
        assert_eq!(stage.database.blocks(CAMILLE).await, []);
        assert_eq!(stage.browser.open(&edit).await.status, StatusCode::NOT_FOUND);

        // Whole days, in which an appointment stands: it is said, and the appointment stays.
        offer_a_massage(stage).await;
        book(stage, tuesday, "10:00", &[]).await.says("Le rendez-vous est pris");
        let page = fill(stage, new, "Bloquer ce moment", &[("from", &day)]).await;
        page.says("Attention : 1 rendez-vous déjà pris s’y trouve.");
        assert_eq!(stage.database.count("bookings WHERE status = 'confirmed'").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_is_made_moved_and_cancelled_by_its_provider() {
    on_each("appointments", async |stage| {
        add_account(&stage.simulator).await;
        stage.browser.connect(ACCOUNT, Consent::Allow).await;
        stage.imported().await;
        stage.browser.open("/agenda/bookings/new").await.says("Il faut d’abord une prestation.");
        offer_a_massage(stage).await;
        let tuesday = a_monday() + Days::new(1);
        let page = book(stage, tuesday, "10:00", &[("email", "marie")]).await;
        refused(&page, "Indiquez une adresse e-mail", "Marie Dupont");
        let page = book(stage, tuesday, "10:00", &[("date", "2020-01-01")]).await;
        refused(&page, "Ce moment est déjà passé.", "Marie Dupont");
        let page = book(stage, tuesday, "10:00", &[]).await;
        page.says("Le rendez-vous est pris, et votre client prévenu.");
        for words in ["Massage 60min", "Marie Dupont", "06 12 34 56 78", "3 rue Haute, Lyon", "70 €", "Confirmé", "Réservé par vous"] {
            page.says(words);
        }
        let path = page.url.path().to_owned();
        stage.settled().await;
        stage.browser.open(&path).await.says("Exporté");
        let agenda = stage.day(tuesday).await;
        assert!(agenda.contains("Massage 60min") && agenda.contains("Marie D."), "{agenda}");

        // The same time again: it is taken, and what is free stands there to be pressed.
        let taken = book(stage, tuesday, "10:30", &[]).await;
        refused(&taken, "Ce moment est déjà pris.", "Marie Dupont");
        taken.says("Libre, au plus près");

        // Moved outside the hours, which a provider may; not onto the yoga.
        let (date, yoga) = (tuesday.to_string(), [("time", "18:30")]);
        let page = fill(stage, &format!("{path}/move"), "Déplacer", &yoga).await;
        refused(&page, "Ce moment est déjà pris.", "18:30");
        let typed = [("date", date.as_str()), ("time", "20:00")];
        let page = fill(stage, &format!("{path}/move"), "Déplacer", &typed).await;
        page.says("Le rendez-vous est déplacé, et votre client prévenu.");
        page.says("Déplacé par vous");
        stage.settled().await;
        let page = stage.browser.open(&path).await;
        page.says("20:00 – 21:00");
        page.says("Exporté");

        // An event that the platform refuses: that is said, and what it means.
        let refused = json!({"kind": "status", "status": 400, "reason": "invalid", "method": "PATCH", "path": "*/events/*", "times": null});
        stage.simulator.fault(refused).await;
        let page = fill(stage, &format!("{path}/move"), "Déplacer", &[("time", "20:30")]).await;
        page.says("Le rendez-vous est déplacé");
        stage.settled().await;
        eventually("the failure is told", async || {
            stage.browser.open(&path).await.text().contains("Échec").then_some(())
        })
        .await;
        stage.browser.open(&format!("/agenda?week={tuesday}")).await.says("pas encore dans votre calendrier");
        stage.simulator.clear_faults().await;
        stage.sync(ACCOUNT).await;
        stage.browser.open(&path).await.says("Exporté");

        // No calendar receives it any more, and then another one.
        let connection = stage.database.ids("calendar_connections").await.remove(0);
        let settings = format!("/settings/calendars/{connection}");
        fill(stage, &settings, "Choisir ce calendrier", &[("calendar", "")]).await.says("Ce compte ne reçoit plus");
        stage.settled().await;
        stage.browser.open(&path).await.says("Aucun de vos calendriers ne reçoit");
        let family = stage.database.ids("calendars WHERE name = 'Famille'").await.remove(0);
        let page = fill(stage, &settings, "Choisir ce calendrier", &[("calendar", &family)]).await;
        page.says("Vos rendez-vous vont désormais dans « Famille ».");
        stage.settled().await;
        stage.browser.open(&path).await.says("Exporté");
        stage.browser.open("/settings/calendars").await.says("reçoit vos rendez-vous");

        let confirm = stage.browser.open(&format!("{path}/cancel")).await;
        confirm.says("Annuler ce rendez-vous ?");
        let page = stage.browser.press(&confirm, "Annuler le rendez-vous").await;
        page.says("Le rendez-vous est annulé, et votre client prévenu.");
        page.says("Annulé par vous");
        assert!(!stage.day(tuesday).await.contains("Massage"));
        // From a page that is old: it is said, nothing more.
        let again = stage.browser.send(&confirm, &confirm.form("Annuler le rendez-vous")).await;
        assert_eq!(again.status, StatusCode::OK, "{}", again.describe());
        assert_eq!(stage.browser.open(&format!("{path}/cancel")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(stage.database.count("booking_changes").await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_held_is_confirmed_or_declined() {
    on_both("held", async |stage| {
        offer_a_massage(stage).await;
        let tuesday = a_monday() + Days::new(1);
        for (time, button) in [("10:00", "Confirmer"), ("14:00", "Refuser")] {
            let path = book(stage, tuesday, time, &[]).await.url.path().to_owned();
            stage
                .database
                .execute("UPDATE bookings SET status = 'pending' WHERE revision = 1 AND status = 'confirmed'")
                .await;
            let page = stage.browser.open(&path).await;
            page.says("Ce rendez-vous attend votre réponse.");
            assert!(stage.day(tuesday).await.contains("À confirmer"));
            if button == "Confirmer" {
                let page = stage.browser.press(&page, button).await;
                page.says("Le rendez-vous est confirmé, et votre client prévenu.");
                page.says("Confirmé par vous");
            } else {
                let confirm = stage.browser.click(&page, button).await;
                confirm.says("Refuser ce rendez-vous ?");
                stage.browser.press(&confirm, button).await.says("Le rendez-vous est annulé");
            }
        }
        assert_eq!(stage.database.count("bookings WHERE status = 'confirmed'").await, 1);
        assert_eq!(stage.database.count("bookings WHERE status = 'cancelled'").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_s_services_blocks_and_appointments_lead_nowhere() {
    on_both("offer-neighbours", async |stage| {
        offer_a_massage(stage).await;
        let tuesday = a_monday() + Days::new(1);
        let day = tuesday.to_string();
        let typed = [("title", "Secret"), ("from", day.as_str()), ("repeat", "weekly")];
        let booking = book(stage, tuesday, "10:00", &[]).await.url.path().to_owned();
        fill(stage, "/agenda/unavailable/new", "Bloquer ce moment", &typed).await.says("C’est bloqué");
        stage.settled().await;
        let service = format!("/settings/services/{}", stage.database.ids("services").await.remove(0));
        let entered = stage.database.ids("entered_unavailabilities").await.remove(0);
        let entered = format!("/agenda/unavailable/{entered}");
        let block = stage.database.ids("unavailabilities ORDER BY starts_at LIMIT 1").await.remove(0);
        let pages = [
            service.clone(),
            format!("{service}/withdraw"),
            entered.clone(),
            format!("/agenda/{block}"),
            booking.clone(),
            format!("{booking}/move"),
            format!("{booking}/cancel"),
        ];
        let mut forms: Vec<Form> = Vec::new();
        for path in &pages {
            let page = stage.browser.open(path).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
            forms.extend(page.post_forms());
        }
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        let mut ines = stage.product.browser();
        let home = ines.enter(&link).await;
        let of_camille = async || {
            let mut dump = stage.database.dump().await;
            let tables = [
                "bookings:",
                "booking_changes:",
                "services:",
                "entered_unavailabilities:",
                "unavailabilities:",
            ];
            dump.retain(|row| tables.iter().any(|table| row.starts_with(table)));
            dump.sort();
            dump
        };
        let before = of_camille().await;
        assert!(before.len() > 10, "{before:?}");
        for path in &pages {
            let page = ines.open(path).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.describe());
            page.does_not_say("Marie");
        }
        let mut tried = 0;
        for form in forms {
            let form = if form.fields.is_empty() { form.with("start", "2027-01-05T10:00:00Z") } else { form };
            let page = ines.send(&home, &form).await;
            let told = page.status == StatusCode::NOT_FOUND || page.text().contains("Cela n’existe plus");
            assert!(told, "{form:?}: {}", page.describe());
            page.does_not_say("Marie");
            tried += 1;
        }
        assert!(tried >= 8, "{tried}");
        // A service of Camille's is none that Inès could book.
        let theirs = service.rsplit('/').next().expect("an id");
        let form = Form { action: "/agenda/bookings/new".to_owned(), post: true, ..Form::default() };
        let form = form.with("service", theirs).with("date", &day).with("time", "15:00").with("name", "X Y");
        let form = form.with("email", "x@exemple.fr").with("phone", "0612345678").with("address", "Lyon");
        let page = ines.send(&home, &form).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.describe());
        assert_eq!(before, of_camille().await);
    })
    .await;
}
