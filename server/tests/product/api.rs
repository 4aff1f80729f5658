//! The API as a marketplace uses it.

use crate::support::api::{Answer, Api};
use crate::support::browser::Consent;
use crate::support::{
    ACCOUNT, CAMILLE, Stage, a_monday, add_account, at, eventually, now, on_both, on_each, timed, today,
};
use chrono::{DateTime, Days, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simone_booking::{Clock as _, SystemClock};
use std::collections::BTreeSet;
use std::time::Duration;

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The id of the one provider of this e-mail address.
async fn id_of(api: &Api, email: &str) -> String {
    let providers = api.pages("/api/v1/providers", async || {}).await;
    text(&providers.iter().find(|provider| provider["email"] == email).unwrap()["id"])
}

/// Camille's account imported, and a client that reaches everybody; her id.
async fn marketplace(stage: &mut Stage) -> (Api, String) {
    add_account(&stage.simulator).await;
    stage.browser.connect(ACCOUNT, Consent::Allow).await;
    stage.imported().await;
    stage.settled().await;
    let api = stage.product.api(None).await;
    let camille = id_of(&api, CAMILLE).await;
    (api, camille)
}

fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| text(&row["id"])).collect()
}

/// Each once, and all of those that were there from the start.
#[track_caller]
fn each_once(before: &[Value], read: &[Value]) {
    let (before, read) = (ids(before), ids(read));
    let seen: BTreeSet<_> = read.iter().collect();
    assert_eq!(seen.len(), read.len(), "one came twice: {read:?}");
    let missing: Vec<_> = before.iter().filter(|id| !seen.contains(id)).collect();
    assert!(missing.is_empty(), "{missing:?} were there, and did not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marketplace_adds_a_provider_lets_them_in_and_reads_what_blocks_them() {
    on_each("api-story", async |stage| {
        add_account(&stage.simulator).await;
        let api = stage.product.api(None).await;
        let new = json!({"name": " Inès Diallo ", "email": "Ines@Simone.test", "time_zone": "Europe/Paris", "locale": "fr"});
        let made = api.post("/api/v1/providers", new.clone()).await;
        let provider = made.is(StatusCode::CREATED);
        let same = json!({"name": "Inès Diallo", "email": "ines@simone.test", "time_zone": "Europe/Paris", "locale": "fr", "titles_shared": false});
        for (field, value) in same.as_object().unwrap() {
            assert_eq!(&provider[field], value, "{provider}");
        }
        let id = text(&provider["id"]);
        let read = api.get(made.header("location")).await;
        assert_eq!(read.is(StatusCode::OK), provider);
        api.post("/api/v1/providers", new).await.refused(StatusCode::CONFLICT, "email_taken").naming("email");
        let least = api.post("/api/v1/providers", json!({"name": "Ana", "email": "ana@simone.test"})).await;
        let least = least.is(StatusCode::CREATED);
        assert_eq!((least["locale"].as_str(), least["time_zone"].as_str()), (Some("fr"), Some("Europe/Paris")));

        // Nothing is imported yet, and that is no reason to doubt.
        let blocked = format!("/api/v1/providers/{id}/unavailabilities");
        let none = eventually("her days are worked out", async || {
            let none = api.get(&blocked).await;
            (none.is(StatusCode::OK)["reliable"] == true).then_some(none.body)
        })
        .await;
        assert_eq!(none["items"], json!([]));
        assert_eq!(none["synced_at"], Value::Null);
        assert_eq!(none["doubts"], json!([]));
        assert!(instant(&none["known"]["from"]) <= now() && instant(&none["known"]["to"]) > now() + TimeDelta::days(89));

        // The marketplace lets her in. Links are secrets that work once, whoever looks at them before.
        let link = format!("/api/v1/providers/{id}/login-link");
        let mut links = Vec::new();
        for _ in 0..5 {
            let made = api.send(api.request(Method::POST, &link)).await;
            let made = made.is(StatusCode::CREATED);
            let left = instant(&made["expires_at"]) - now();
            assert!(left > TimeDelta::minutes(14) && left <= TimeDelta::minutes(15), "{left}");
            links.push(text(&made["url"]));
        }
        let mut ines = stage.product.browser();
        for _ in 0..2 {
            ines.open(&links[0]).await.says("Entrer");
        }
        ines.enter(&links[0]).await;
        let mut other = stage.product.browser();
        let again = other.open(&links[0]).await;
        assert!(!again.has_button("Entrer"), "{}", again.describe());
        // They do not use up the few that are sent by e-mail.
        let login = other.open("/login").await;
        let form = login.form("Recevoir un lien").with("email", "ines@simone.test");
        other.send(&login, &form).await;
        eventually("the e-mail leaves", async || {
            stage.product.mails().iter().any(|mail| mail.contains("ines@simone.test")).then_some(())
        })
        .await;

        // She connects her calendar.
        let page = ines.connect(ACCOUNT, Consent::Allow).await;
        page.says(&format!("{} est connecté.", stage.side.name()));
        crate::support::imported(&mut ines).await;
        stage.settled().await;
        let connections = api.get(&format!("/api/v1/providers/{id}/connections")).await;
        let [connection] = &connections.is(StatusCode::OK)["items"].as_array().unwrap()[..] else {
            panic!("{}", connections.body)
        };
        assert_eq!(connection["status"], "connected");
        assert_eq!(connection["platform"], stage.side.code());
        let listed = stage.side.calendars() + 1;
        assert_eq!(connection["calendars"], json!({"listed": listed, "selected": 1}));
        assert_eq!((&connection["last_error"], &connection["not_before"]), (&Value::Null, &Value::Null));
        let connection = text(&connection["id"]);

        // Something changes in her calendar; the marketplace does not wait for the next round.
        let day = a_monday();
        stage.simulator.add_event(ACCOUNT, timed("Kiné", day, (9, 0), (9, 45))).await;
        let asked = api.send(api.request(Method::POST, &format!("/api/v1/connections/{connection}/sync"))).await;
        let requested = asked.is(StatusCode::ACCEPTED)["requested"].as_i64().unwrap();
        assert_eq!(asked.header("location"), asked.body["follow"]);
        eventually("the round is over", async || {
            let connection = api.get(asked.header("location")).await;
            let sync = connection.is(StatusCode::OK)["sync"].clone();
            (sync["done"].as_i64().unwrap() >= requested && sync["under_way"] == false).then_some(())
        })
        .await;
        stage.settled().await;
        let window = format!(
            "{blocked}?from={}&to={}",
            at(day, 9, 0).to_rfc3339().replace('+', "%2B"),
            at(day, 9, 45).format("%Y-%m-%dT%H:%M:%SZ")
        );
        let found = api.get(&window).await;
        let [kine] = &found.is(StatusCode::OK)["items"].as_array().unwrap()[..] else { panic!("{}", found.body) };
        assert_eq!((instant(&kine["start"]), instant(&kine["end"])), (at(day, 9, 0), at(day, 9, 45)));
        assert_eq!((&kine["source"], &kine["platform"]), (&json!("imported"), &json!(stage.side.code())));
        assert_eq!((&kine["reason"], &kine["all_day"]), (&json!("busy"), &json!(false)));
        assert_eq!((&kine["title"], &kine["connection_id"]), (&Value::Null, &json!(connection)));
        assert_eq!(found.body["reliable"], true, "{}", found.body);
        assert!(now() - instant(&found.body["synced_at"]) < TimeDelta::minutes(1));
        // The end is exclusive, on both sides.
        for (from, to, found) in [((8, 0), (9, 0), 0), ((9, 45), (10, 0), 0), ((9, 44), (9, 46), 1)] {
            let rfc = |(hour, minute)| at(day, hour, minute).format("%Y-%m-%dT%H:%M:%SZ").to_string();
            let answer = api.get(&format!("{blocked}?from={}&to={}", rfc(from), rfc(to))).await;
            assert_eq!(answer.is(StatusCode::OK)["items"].as_array().unwrap().len(), found, "{from:?}");
        }
        let logs = api.get(&format!("/api/v1/connections/{connection}/sync-logs")).await;
        let logs = logs.is(StatusCode::OK)["items"].as_array().unwrap();
        let added = logs.iter().any(|log| log["outcome"] == "ok" && log["added"] == 1 && log["rounds"] == 1);
        assert!(added, "{logs:?}");

        // Her name was wrong, and she moves.
        let path = format!("/api/v1/providers/{id}");
        let changes = json!({"name": "Inès Diallo-Roy", "time_zone": "Europe/Lisbon", "locale": "en"});
        let changed = api.patch(&path, changes.clone()).await;
        for (field, value) in changes.as_object().unwrap() {
            assert_eq!(&changed.is(StatusCode::OK)[field], value);
        }
        let same = api.patch(&path, json!({})).await;
        assert_eq!(same.is(StatusCode::OK), &changed.body);
        eventually("her holiday moves with her", async || {
            let moved = api.get(&blocked).await;
            let items = moved.is(StatusCode::OK)["items"].as_array().unwrap().clone();
            let holiday = items.into_iter().find(|item| item["all_day"] == true)?;
            let begins = instant(&holiday["start"]).with_timezone(&chrono_tz::Europe::Lisbon);
            (begins.time() == chrono::NaiveTime::MIN).then_some(())
        })
        .await;
        ines.open("/settings/account").await.says("Inès Diallo-Roy");

        // She withdraws what she allowed the platform to tell; the marketplace is told how far to trust.
        stage.simulator.withdraw(ACCOUNT).await;
        stage.simulator.expire_tokens(ACCOUNT).await;
        api.send(api.request(Method::POST, &format!("/api/v1/connections/{connection}/sync"))).await;
        let doubted = eventually("the marketplace is told", async || {
            let doubted = api.get(&blocked).await;
            (doubted.is(StatusCode::OK)["doubts"][0]["code"] == "needs_reconnect").then_some(doubted.body)
        })
        .await;
        assert_eq!(doubted["reliable"], false);
        assert_eq!(doubted["doubts"][0]["connection_id"], connection);
        assert!(!doubted["items"].as_array().unwrap().is_empty(), "what is known stays");
        let now = api.get(&format!("/api/v1/connections/{connection}")).await;
        assert_eq!(now.is(StatusCode::OK)["status"], "needs_reconnect");
        let sync = api.send(api.request(Method::POST, &format!("/api/v1/connections/{connection}/sync"))).await;
        sync.refused(StatusCode::CONFLICT, "not_connected");

        // Who did what, and when, is known afterwards.
        for action in ["register_provider", "make_login_link", "change_provider"] {
            let done = format!("audit_log WHERE action = '{action}' AND actor LIKE 'token:%'");
            assert!(stage.database.count(&done).await > 0, "{action}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_blocks_is_what_the_agenda_shows_and_titles_are_the_provider_s_to_allow() {
    on_each("api-titles", async |stage| {
        let (api, camille) = marketplace(stage).await;
        let settings = stage.browser.open("/settings/calendars").await;
        stage.browser.press(&settings, "Bloquer les créneaux de « Famille »").await;
        stage.settled().await;
        let (from, to) = (at(today(), 0, 0), at(today() + Days::new(95), 0, 0));
        let rfc = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let path = format!(
            "/api/v1/providers/{camille}/unavailabilities?from={}&to={}&limit=20",
            rfc(from),
            rfc(to)
        );
        let hidden = api.pages(&path, async || {}).await;
        // All of them, in order, and as the database and the agenda have them.
        let told: Vec<_> = hidden.iter().map(|it| (instant(&it["start"]), instant(&it["end"]))).collect();
        let mut stored = stage.database.blocks(CAMILLE).await;
        stored.retain(|(_, end)| *end > from);
        stored.sort();
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(sorted, stored);
        assert!(told.is_sorted_by_key(|(start, _)| *start));
        assert!(hidden.iter().all(|it| it["title"].is_null()), "{hidden:?}");
        let account = async || {
            let connections = api.get(&format!("/api/v1/providers/{camille}/connections")).await;
            connections.is(StatusCode::OK)["items"][0]["account_email"].clone()
        };
        assert_eq!(account().await, Value::Null);
        let everything =
            format!("{hidden:?}{}", api.get(&format!("/api/v1/providers/{camille}/connections")).await.body);
        for private in ["Dentiste", "Vacances", "Famille", ACCOUNT] {
            assert!(!everything.contains(private), "« {private} » is told");
        }

        let page = stage.browser.open("/settings/account").await;
        let page = stage.browser.press(&page, "Partager les titres").await;
        page.says("La place de marché voit maintenant les titres");
        let shown = api.pages(&path, async || {}).await;
        assert_eq!(ids(&shown), ids(&hidden), "the same ones");
        assert_eq!(account().await, ACCOUNT);
        let provider = api.get(&format!("/api/v1/providers/{camille}")).await;
        assert_eq!(provider.is(StatusCode::OK)["titles_shared"], true);
        // Day by day, the agenda shows what is told, and the same number of them.
        for week in [0, 7] {
            let monday = a_monday() + Days::new(week);
            let document = stage.browser.open(&format!("/agenda?week={monday}")).await.document();
            let days = document.all(|it| it.name == "section" && it.has_class("day"));
            assert_eq!(days.len(), 7);
            for (offset, day) in days.iter().enumerate() {
                let date = monday + Days::new(offset as u64);
                let (begins, ends) = (at(date, 0, 0), at(date + Days::new(1), 0, 0));
                let told: Vec<&Value> = shown
                    .iter()
                    .filter(|it| instant(&it["end"]) > begins && instant(&it["start"]) < ends)
                    .collect();
                let blocks = day.all(|it| it.name == "li" && it.has_class("block"));
                assert_eq!(blocks.len(), told.len(), "{date}: {}", day.text());
                for it in told {
                    assert!(day.text().contains(it["title"].as_str().unwrap()), "{date}: {}", day.text());
                }
            }
        }
        // What she marked private in her calendar stays hers, whatever she allows.
        let mut analysis = timed("Analyse", today() + Days::new(3), (6, 0), (6, 30));
        analysis["visibility"] = json!("private");
        stage.simulator.add_event(ACCOUNT, analysis).await;
        stage.sync(ACCOUNT).await;
        stage.settled().await;
        let with_it = api.pages(&path, async || {}).await;
        assert_eq!(with_it.len(), shown.len() + 1);
        assert!(!format!("{with_it:?}").contains("Analyse"), "{with_it:?}");
        assert_eq!(with_it.iter().filter(|it| it["title"].is_null()).count(), 1);
        assert!(stage.day(today() + Days::new(3)).await.contains("Analyse"), "she reads it");

        let page = stage.browser.open("/settings/account").await;
        stage.browser.press(&page, "Partager les titres").await.says("ne voit plus que vos créneaux occupés");
        assert!(api.pages(&path, async || {}).await.iter().all(|it| it["title"].is_null()));
        assert_eq!(account().await, Value::Null);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_stay_in_place_while_rows_are_added() {
    on_both("api-paging", async |stage| {
        let (api, camille) = marketplace(stage).await;
        let add = async |number: usize| {
            let new = json!({"name": "Ana", "email": format!("ana{number}@simone.test")});
            api.post("/api/v1/providers", new).await.is(StatusCode::CREATED);
        };
        for number in 0..6 {
            add(number).await;
        }
        let before = api.pages("/api/v1/providers", async || {}).await;
        assert_eq!(before.len(), 7);
        let mut number = 6;
        let read = api
            .pages("/api/v1/providers?limit=3", async || {
                // Three more pages' worth, and no more.
                number += 1;
                if number < 16 {
                    add(number).await;
                }
            })
            .await;
        each_once(&before, &read);
        assert!(read.len() > before.len(), "those that came in between are at the end");

        let path = format!("/api/v1/providers/{camille}/unavailabilities");
        let before = api.pages(&path, async || {}).await;
        let mut hour = 6;
        let simulator = &stage.simulator;
        let database = &stage.database;
        let connection = database.ids("calendar_connections").await.remove(0);
        let read = api
            .pages(&format!("{path}?limit=2"), async || {
                hour += 1;
                if hour > 9 {
                    return;
                }
                for day in [a_monday(), a_monday() + Days::new(60)] {
                    simulator.add_event(ACCOUNT, timed("Imprévu", day, (hour, 0), (hour, 30))).await;
                }
                let derived = database.value("derive_done", "providers WHERE name LIKE 'Camille%'").await;
                api.send(api.request(Method::POST, &format!("/api/v1/connections/{connection}/sync"))).await;
                eventually("they are derived", async || {
                    let now = database.value("derive_done", "providers WHERE name LIKE 'Camille%'").await;
                    (now != derived).then_some(())
                })
                .await;
            })
            .await;
        each_once(&before, &read);
        assert!(read.len() > before.len());

        let path = format!("/api/v1/connections/{connection}/sync-logs");
        let before = api.pages(&path, async || {}).await;
        assert!(before.len() > 3, "{before:?}");
        let read = api
            .pages(&format!("{path}?limit=1"), async || {
                api.send(api.request(Method::POST, &format!("/api/v1/connections/{connection}/sync"))).await;
            })
            .await;
        each_once(&before, &read);
        assert!(read.is_sorted_by_key(|log| std::cmp::Reverse(instant(&log["started_at"]))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_made_listed_and_withdrawn() {
    on_both("api-tokens", async |stage| {
        let (id, token) = stage.product.make_token("Le marché", None).await;
        let api = Api::new(&stage.product.url, &token).await;
        api.get("/api/v1/providers").await.is(StatusCode::OK);
        let camille = id_of(&api, CAMILLE).await;
        let (_, limited) = stage.product.make_token("Camille seule", Some(&camille)).await;
        let limited = api.with_token(&limited);
        limited.get(&format!("/api/v1/providers/{camille}")).await.is(StatusCode::OK);
        limited.get("/api/v1/providers").await.refused(StatusCode::FORBIDDEN, "forbidden");

        let said = |output: std::process::Output| {
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        };
        let listed = said(stage.product.run(&["token", "list"]).await);
        for words in ["Le marché", "Camille seule", "all providers", &camille, &id, "used 20"] {
            assert!(listed.contains(words), "« {words} »: {listed}");
        }
        let dump = stage.database.dump().await.join("\n") + &listed + &stage.product.log();
        assert!(!dump.contains(&token["simone_".len()..]), "the token is somewhere");

        let withdrawn = stage.product.run(&["token", "withdraw", &id]).await;
        assert!(withdrawn.status.success(), "{}", said(withdrawn));
        api.get("/api/v1/providers").await.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        limited.get(&format!("/api/v1/providers/{camille}")).await.is(StatusCode::OK);
        let twice = stage.product.run(&["token", "withdraw", &id]).await;
        assert_eq!(twice.status.code(), Some(1));
        assert!(said(stage.product.run(&["token", "list"]).await).contains("withdrawn 20"));
        for wrong in [
            &["token", "add", ""][..],
            &["token", "add", "x", "--provider", "00000000-0000-7000-8000-000000000000"],
            &["token", "add", "a\nb"],
        ] {
            assert_eq!(stage.product.run(wrong).await.status.code(), Some(1), "{wrong:?}");
        }

        // The configuration names another.
        stage.product.stop().await;
        stage.product.set("SIMONE_API__TOKEN", "a-token-of-the-configuration");
        stage.product.start().await;
        let configured = api.with_token("a-token-of-the-configuration");
        configured.get("/api/v1/providers").await.is(StatusCode::OK);
        stage.product.stop().await;
        stage.product.set("SIMONE_API__TOKEN", "demo");
        let refused = stage.product.run(&["serve"]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(said(refused).contains("`api.token` is the demo's"));
        stage.product.set("SIMONE_API__TOKEN", "another-of-the-configuration");
        stage.product.start().await;
        configured.get("/api/v1/providers").await.refused(StatusCode::UNAUTHORIZED, "unauthorized");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_is_told_when_to_come_back() {
    on_both("api-limit", async |stage| {
        stage.product.stop().await;
        stage.product.set("SIMONE_API__REQUESTS_PER_MINUTE", "30");
        stage.product.start().await;
        let (api, other) = (stage.product.api(None).await, stage.product.api(None).await);
        let wait = async |answer: &Answer| {
            let seconds = answer.number("retry-after");
            assert!((1..=3).contains(&seconds), "{seconds}");
            SystemClock.sleep(Duration::from_secs(seconds)).await;
        };
        let first = api.get("/api/v1/providers").await;
        first.is(StatusCode::OK);
        assert_eq!((first.number("ratelimit-limit"), first.number("ratelimit-remaining")), (6, 5));
        // What is wrong costs as much as what is right.
        for _ in 0..5 {
            api.get("/api/v1/providers?x=1").await.is(StatusCode::BAD_REQUEST);
        }
        let refused = api.get("/api/v1/providers").await;
        refused.refused(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
        assert_eq!(refused.number("ratelimit-remaining"), 0);
        other.get("/api/v1/providers").await.is(StatusCode::OK);
        wait(&refused).await;
        api.get("/api/v1/providers").await.is(StatusCode::OK);

        // Guessing tokens: thirty, then one each two seconds, and the right one does not help.
        let wrong = api.with_token("simone_wrong");
        for _ in 0..30 {
            wrong.get("/api/v1/providers").await.is(StatusCode::UNAUTHORIZED);
        }
        let refused = eventually("guessing is stopped", async || {
            let answer = wrong.get("/api/v1/providers").await;
            (answer.status == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
        })
        .await;
        other.get("/api/v1/providers").await.refused(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
        wait(&refused).await;
        other.get("/api/v1/providers").await.is(StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_said_to_be() {
    on_both("api-away", async |stage| {
        let (api, camille) = marketplace(stage).await;
        let path = format!("/api/v1/providers/{camille}");
        // Whatever keeps a query from its table.
        stage.database.execute("ALTER TABLE providers RENAME TO providers_away").await;
        let away = api.get(&path).await;
        away.refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
        assert_eq!(away.number("retry-after"), 5);
        for inner in ["providers_away", "SELECT", "no such", "relation", "sqlx"] {
            assert!(!away.body.to_string().contains(inner), "{}", away.body);
        }
        assert!(stage.product.log().contains("a request to the API failed"));
        stage.database.execute("ALTER TABLE providers_away RENAME TO providers").await;
        api.get(&path).await.is(StatusCode::OK);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_provider_is_gone_at_once_and_for_good() {
    on_each("api-erasure", async |stage| {
        let (api, camille) = marketplace(stage).await;
        let own = stage.product.api(Some(&camille)).await;
        let path = format!("/api/v1/providers/{camille}");
        let connections = api.get(&format!("{path}/connections")).await;
        let connection = text(&connections.is(StatusCode::OK)["items"][0]["id"]);
        let erased = own.send(own.request(Method::DELETE, &path)).await;
        assert_eq!(erased.is(StatusCode::ACCEPTED)["provider_id"], camille.as_str());
        // Nobody takes them for free meanwhile.
        for path in [
            path.clone(),
            format!("{path}/unavailabilities"),
            format!("{path}/connections"),
            format!("/api/v1/connections/{connection}"),
            format!("/api/v1/connections/{connection}/sync-logs"),
        ] {
            api.get(&path).await.refused(StatusCode::NOT_FOUND, "not_found");
        }
        assert!(api.pages("/api/v1/providers", async || {}).await.is_empty());
        let twice = api.send(api.request(Method::DELETE, &path)).await;
        twice.refused(StatusCode::NOT_FOUND, "not_found");
        own.get(&path).await.refused(StatusCode::UNAUTHORIZED, "unauthorized");
        assert_eq!(stage.browser.open("/agenda").await.url.path(), "/login", "they are logged out");
        eventually("all of them is gone", async || {
            (stage.database.count("providers").await == 0).then_some(())
        })
        .await;
        let withdrawn = stage.simulator.grants().await.is_empty();
        assert!(withdrawn || !stage.side.revokes(), "what they allowed is withdrawn");
        let again = json!({"name": "Camille Moreau", "email": CAMILLE});
        api.post("/api/v1/providers", again).await.is(StatusCode::CREATED);
    })
    .await;
}
