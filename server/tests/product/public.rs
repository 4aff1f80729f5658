//! Clients book, move and cancel: the pages that nobody logs in to, and what hostile or unlucky visitors are told.

use crate::support::browser::{Browser, Page};
use crate::support::html::Form;
use crate::support::offer::token;
use crate::support::product::Product;
use crate::support::{CAMILLE, Stage, at, eventually, now, on_both, today};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Days, SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};

const MARIE: &str = "marie@exemple.fr";

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// In ten days, at this hour.
fn soon(hour: u32) -> DateTime<Utc> {
    at(today() + Days::new(10), hour, 0)
}

/// The page of a service with that moment chosen.
async fn choose(browser: &mut Browser, path: &str, at: DateTime<Utc>) -> Page {
    let page = browser.open(&format!("{path}?at={}", written(at))).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
    page
}

fn filled(page: &Page) -> Form {
    page.form("Réserver")
        .with("name", "Marie Dubois")
        .with("phone", "06 12 34 56 78")
        .with("email", MARIE)
        .with("address", "12 rue des Lilas, 75011 Paris")
        .with("instructions", "3e étage")
}

async fn book(browser: &mut Browser, path: &str, at: DateTime<Utc>) -> Page {
    let page = choose(browser, path, at).await;
    let form = filled(&page);
    browser.send(&page, &form).await
}

/// A mail as its reader sees it, as far as these tests look: its parts decoded.
fn opened(mail: &str) -> String {
    let mut text = mail.replace("=\r\n", "").replace("=3D", "=").replace("=C2=A0", " ");
    for part in mail.split("Content-Transfer-Encoding: base64\r\n").skip(1) {
        // It may be the last of the part's headers.
        let rest = format!("\r\n{part}");
        let body = rest.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
        let decoded = BASE64.decode(body.trim()).expect("a part is whole");
        text += &String::from_utf8(decoded).expect("a calendar is UTF-8");
    }
    text
}

/// The mails to an address that say so.
fn mails(product: &Product, to: &str, words: &str) -> Vec<String> {
    let all = product.mails().into_iter().map(|mail| opened(&mail));
    all.filter(|mail| mail.contains(to) && mail.contains(words)).collect()
}

async fn bookings(stage: &Stage) -> i64 {
    stage.database.count("bookings").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_book_move_and_cancel_by_their_private_link() {
    on_both("public-story", async |stage| {
        let offered = stage.offer().await;
        let mut marie = stage.product.browser();
        let page = marie.open(&format!("/book/{}", offered.provider)).await;
        page.says("Prendre rendez-vous avec Camille Moreau");
        page.says("60 minutes · à votre domicile");
        page.says("70 €");
        assert!(page.html.contains("noindex"), "not for search engines");

        let page = choose(&mut marie, &offered.path(), soon(14)).await;
        page.says("Heures de Paris.");
        assert!(marie.cookies().is_empty(), "who looks is not followed");
        let form = filled(&page);
        let booked = marie.send(&page, &form).await;
        assert_eq!(booked.status, StatusCode::OK, "{}", booked.describe());
        booked.says("C’est réservé.");
        booked.says("Confirmé");
        booked.says("14:00 – 15:00");
        booked.says("12 rue des Lilas, 75011 Paris");
        assert_eq!(booked.header("referrer-policy"), "no-referrer");
        assert_eq!(booked.header("cache-control"), "no-store");
        assert!(booked.header("x-robots-tag").contains("noindex"));
        let link = token(&booked.url);

        // Sent a second time, the form leads to the same appointment.
        let again = marie.send(&page, &form).await;
        assert_eq!(token(&again.url), link, "{}", again.describe());
        assert_eq!(bookings(stage).await, 1);

        // The link that came by e-mail, opened by a scanner: nothing changes, and nobody has a session.
        let confirmation = eventually("the confirmation leaves", async || {
            mails(&stage.product, MARIE, "METHOD:REQUEST").pop()
        })
        .await;
        assert!(confirmation.contains(&format!("/bookings/{link}")), "{confirmation}");
        assert!(confirmation.contains("filename=\"rendez-vous.ics\""), "{confirmation}");
        assert!(confirmation.contains("multipart/alternative"), "{confirmation}");
        assert!(confirmation.contains("SEQUENCE:1"), "{confirmation}");
        eventually("Camille is told", async || mails(&stage.product, CAMILLE, "/agenda/bookings/").pop())
            .await;
        let before = stage.database.dump().await;
        let mut scanner = stage.product.browser();
        for path in ["", "/move", "/cancel", "/move?at=2030-01-01T10:00:00Z"] {
            let page = scanner.peek(&format!("/bookings/{link}{path}")).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.describe());
        }
        let page =
            scanner.request(Method::HEAD, scanner.address(&format!("/bookings/{link}/cancel")), None).await;
        assert!(page.status.is_success());
        assert!(scanner.cookies().is_empty());
        assert_eq!(stage.database.dump().await, before);

        // Moved to another day.
        let page = marie.open(&format!("/bookings/{link}/move?at={}", written(soon(17)))).await;
        page.says("Au lieu de");
        let moved = marie.press(&page, "Déplacer à ce moment").await;
        moved.says("Le rendez-vous est déplacé.");
        moved.says("17:00 – 18:00");
        let told =
            eventually("the change is told", async || mails(&stage.product, MARIE, "SEQUENCE:2").pop()).await;
        assert!(told.contains("METHOD:REQUEST"), "{told}");

        // A form that was made before the move is not followed.
        let stale = page.form("Déplacer à ce moment");
        let refused = marie.send(&page, &stale).await;
        let fine = refused.status == StatusCode::CONFLICT || refused.text().contains("17:00 – 18:00");
        assert!(fine, "{}", refused.describe());

        // Cancelled, and cancelled it stays.
        let page = marie.open(&format!("/bookings/{link}/cancel")).await;
        page.says("Annuler ce rendez-vous ?");
        let cancelled = marie.press(&page, "Annuler le rendez-vous").await;
        cancelled.says("Annulé");
        let again = marie.press(&page, "Annuler le rendez-vous").await;
        again.says("Annulé");
        let told =
            eventually("the end is told", async || mails(&stage.product, MARIE, "METHOD:CANCEL").pop()).await;
        assert!(told.contains("STATUS:CANCELLED") && told.contains("SEQUENCE:3"), "{told}");
        let page = marie.open(&format!("/bookings/{link}/move")).await;
        page.says("Annulé");
        assert!(!page.has_button("Déplacer à ce moment"));

        // After the appointment the link is worth nothing, and says so; one that nobody has is another matter.
        let past = stage.database.instant(now() - TimeDelta::seconds(1));
        stage.database.execute(&format!("UPDATE bookings SET ends_at = {past}")).await;
        for path in ["", "/move", "/cancel"] {
            let page = marie.peek(&format!("/bookings/{link}{path}")).await;
            assert_eq!(page.status, StatusCode::GONE, "{}", page.describe());
            page.says("Ce rendez-vous est passé");
            page.does_not_say("Lilas");
            let absent = marie.peek(&format!("/bookings/{}{path}", "x".repeat(43))).await;
            assert_eq!(absent.status, StatusCode::NOT_FOUND, "{}", absent.describe());
            absent.says("Ce lien ne mène à aucun rendez-vous");
        }
        let log = stage.product.log();
        for secret in [&link, "Dubois", MARIE, "Lilas"] {
            assert!(!log.contains(secret), "« {secret} » is in the log");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_booked_is_refused_and_what_was_typed_stays() {
    on_both("public-refusals", async |stage| {
        let offered = stage.offer().await;
        let mut marie = stage.product.browser();
        let page = choose(&mut marie, &offered.path(), soon(14)).await;
        let moments = [
            (written(now() - TimeDelta::days(2)), "Ce moment est passé"),
            (written(now() + TimeDelta::minutes(5)), "Ce moment est trop proche"),
            (written(soon(7)), "Ce moment n’est pas proposé"),
            (written(soon(22)), "Ce moment n’est pas proposé"),
            // The hour would end after the day's work.
            (written(soon(19) + TimeDelta::minutes(30)), "Ce moment n’est pas proposé"),
            (written(soon(14) + TimeDelta::seconds(1)), "Ce moment n’est pas proposé"),
            (written(now() + TimeDelta::days(120)), "Cette date est trop lointaine"),
            ("9999-12-31T23:59:59Z".to_owned(), "Cette date est trop lointaine"),
            ("-262143-01-01T00:00:00Z".to_owned(), "Il manque l’heure"),
            ("demain".to_owned(), "Il manque l’heure"),
            (String::new(), "Il manque l’heure"),
        ];
        for (moment, words) in moments {
            let refused = marie.send(&page, &filled(&page).with("at", &moment)).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{moment}: {}", refused.describe());
            refused.says(words);
            let kept = refused.form("Réserver");
            for typed in
                ["Marie Dubois", "06 12 34 56 78", MARIE, "12 rue des Lilas, 75011 Paris", "3e étage"]
            {
                assert!(kept.fields.iter().any(|(_, value)| value == typed), "« {typed} » is lost: {kept:?}");
            }
        }
        let long = "x".repeat(10_000);
        let bad = [
            ("name", ""),
            ("name", long.as_str()),
            ("name", "Marie\r\nBcc: evil@example.com"),
            ("name", "Marie\0"),
            ("email", "marie"),
            ("email", "marie@exemple.fr\r\nBcc: evil@example.com"),
            ("email", "marie@exemple.fr, evil@example.com"),
            ("phone", "appelez-moi"),
            ("phone", ""),
            ("address", "  "),
            ("address", long.as_str()),
            ("instructions", long.as_str()),
            ("instructions", "a\0b"),
        ];
        for (field, value) in bad {
            let refused = marie.send(&page, &filled(&page).with(field, value)).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", refused.describe());
            refused.says("Un champ est à corriger");
        }
        let huge = marie.send(&page, &filled(&page).with("instructions", &"x".repeat(60_000))).await;
        assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", huge.describe());
        assert_eq!(bookings(stage).await, 0);

        // What is not there, or no longer.
        for path in [
            "/book/x",
            "/book/00000000-0000-7000-8000-000000000000",
            &format!("/book/{}/x", offered.provider),
        ] {
            let page = marie.peek(path).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.describe());
        }
        let link = stage.product.add_provider("Inès Diallo", "ines@simone.test").await;
        stage.product.browser().enter(&link).await;
        let ines = stage.database.ids("providers WHERE email = 'ines@simone.test'").await.remove(0);
        let page_of_ines = marie.peek(&format!("/book/{ines}")).await;
        page_of_ines.says("Rien à réserver pour l’instant");
        let foreign = marie.peek(&format!("/book/{ines}/{}", offered.service)).await;
        assert_eq!(
            foreign.status,
            StatusCode::NOT_FOUND,
            "another provider's service: {}",
            foreign.describe()
        );
        let withdrawn = format!("UPDATE services SET withdrawn_at = {}", stage.database.instant(now()));
        stage.database.execute(&withdrawn).await;
        for gone in [marie.peek(&offered.path()).await, marie.send(&page, &filled(&page)).await] {
            assert_eq!(gone.status, StatusCode::GONE, "{}", gone.describe());
            gone.says("Cette prestation n’est plus proposée");
        }
        // A form of another site is not followed, whatever it knows.
        let forged = marie
            .raw(Method::POST, &offered.path())
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .form(&filled(&page).fields);
        let url = marie.address(&offered.path());
        assert_eq!(marie.answer(forged, url).await.status, StatusCode::FORBIDDEN);
        assert_eq!(bookings(stage).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_is_text_wherever_it_goes() {
    on_both("public-hostile", async |stage| {
        let offered = stage.offer().await;
        let mut mallory = stage.product.browser();
        let page = choose(&mut mallory, &offered.path(), soon(9)).await;
        let script = "<script>alert(1)</script>";
        let marks = "\u{202e}drowssap\u{202c}";
        let form = filled(&page)
            .with("name", &format!("{script} {marks}"))
            .with("address", "END:VCALENDAR; \\, \"rue\"")
            .with("instructions", &format!("ligne 1\r\nATTENDEE:mailto:evil@example.com\r\n{script}{marks}"));
        let booked = mallory.send(&page, &form).await;
        assert_eq!(booked.status, StatusCode::OK, "{}", booked.describe());
        booked.says("END:VCALENDAR; \\, \"rue\"");
        assert!(!booked.html.contains(script), "{}", booked.html);
        let mail = eventually("the confirmation leaves", async || {
            mails(&stage.product, MARIE, "METHOD:REQUEST").pop()
        })
        .await;
        assert!(
            !mail.lines().any(|line| line.starts_with("ATTENDEE:mailto:evil") || line.starts_with("Bcc")),
            "{mail}"
        );
        assert!(!mail.contains('\u{202e}'), "{mail}");
        assert_eq!(mail.matches("\r\nBEGIN:VEVENT\r\n").count(), mail.matches("\r\nEND:VEVENT\r\n").count());
        let refused =
            mallory.peek(&format!("{}?day={script}&at={script}&zone={script}", offered.path())).await;
        assert_eq!(refused.status, StatusCode::OK, "{}", refused.describe());
        assert!(!refused.html.contains(script));
        assert!(refused.header("set-cookie").is_empty(), "a zone that is none is not kept");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_second_is_offered_the_nearest_moments_and_types_nothing_again() {
    on_both("public-second", async |stage| {
        let offered = stage.offer().await;
        let mut paul = stage.product.browser();
        let page = choose(&mut paul, &offered.path(), soon(14)).await;
        book(&mut stage.product.browser(), &offered.path(), soon(14)).await.says("C’est réservé.");
        let form = filled(&page).with("name", "Paul Martin").with("email", "paul@exemple.fr");
        let taken = paul.send(&page, &form).await;
        assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.describe());
        taken.says("Ce moment vient d’être pris");
        taken.says("Les moments libres les plus proches");
        let document = taken.document();
        let others = document.all(|it| it.name == "input" && it.attribute("type") == Some("radio"));
        assert!(!others.is_empty(), "{}", taken.describe());
        let other = others[0].attribute("value").unwrap();
        let kept = taken.form("Réserver");
        assert!(kept.fields.contains(&("name".to_owned(), "Paul Martin".to_owned())), "{kept:?}");
        let booked = paul.send(&taken, &kept.with("at", other)).await;
        assert_eq!(booked.status, StatusCode::OK, "{}", booked.describe());
        booked.says("C’est réservé.");
        assert_eq!(bookings(stage).await, 2);

        // Marie's appointment cannot be moved onto Paul's either, and stays where it is.
        let marie = stage.database.ids("bookings ORDER BY created_at LIMIT 1").await;
        assert_eq!(marie.len(), 1);
        let link = eventually("Marie has her link", async || {
            let mails = mails(&stage.product, MARIE, "METHOD:REQUEST");
            let mut words = mails.first()?.split_whitespace();
            words.find(|word| word.contains("/bookings/")).map(str::to_owned)
        })
        .await;
        let mut marie = stage.product.browser();
        let page = marie.open(&format!("{link}/move?at={}", written(soon(17)))).await;
        let form = page.form("Déplacer à ce moment").with("at", other);
        let refused = marie.send(&page, &form).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.describe());
        refused.says("votre rendez-vous reste à son moment");
        marie.open(&link).await.says("14:00 – 15:00");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_are_told_in_the_visitor_s_zone_too() {
    on_both("public-zones", async |stage| {
        let offered = stage.offer().await;
        let mut visitor = stage.product.browser();
        let page = choose(&mut visitor, &offered.path(), soon(14)).await;
        page.does_not_say("Tokyo");
        let page = visitor.open(&format!("{}?at={}&zones=1", offered.path(), written(soon(14)))).await;
        let form = page.form("Afficher ces heures").with("zone", "Asia/Tokyo");
        let page = visitor.send(&page, &form).await;
        page.says("Heures de Paris. En petit : vos heures (Tokyo).");
        let there = soon(14).with_timezone(&chrono_tz::Asia::Tokyo).format("%-H:%M").to_string();
        page.says(&format!("{there} – "));
        // Kept by the browser, and told in the e-mail.
        let booked = book(&mut visitor, &offered.path(), soon(14)).await;
        booked.says("à Tokyo");
        eventually("the confirmation leaves", async || mails(&stage.product, MARIE, "heure de Tokyo").pop())
            .await;
        // The same clocks under another name are no other zone.
        let page = visitor.open(&format!("{}?zone=Europe/Madrid", offered.path())).await;
        page.does_not_say("Madrid");
    })
    .await;
}
