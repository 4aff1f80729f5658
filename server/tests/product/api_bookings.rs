//! Bookings as a marketplace makes and changes them.

use crate::support::api::Api;
use crate::support::bookings::{CLIENT_EMAIL, book, booking, client, free, open_for_booking};
use crate::support::{CAMILLE, Stage, eventually, now, on_both};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Camille open for booking; her id, her service and its free slots.
async fn open(stage: &mut Stage) -> (Api, String, String, Vec<String>) {
    stage.product.stop().await;
    stage.product.set("SIMONE_API__REQUESTS_PER_MINUTE", "1000000");
    stage.product.set("SIMONE_LIMITS__REQUESTS", "400");
    stage.product.start().await;
    let api = stage.product.api(None).await;
    let camille = stage.database.ids(&format!("providers WHERE email = '{CAMILLE}'")).await.remove(0);
    let (service, slots) = open_for_booking(&api, &camille).await;
    (api, camille, service, slots)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn rfc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn keyed(api: &Api, key: &str, body: &Value) -> crate::support::api::Answer {
    api.send(api.request(Method::POST, "/api/v1/bookings").header("idempotency-key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marketplace_books_moves_and_cancels() {
    on_both("api-bookings", async |stage| {
        let (api, camille, service, slots) = open(stage).await;
        let made = book(&api, &camille, &service, &slots[0]).await;
        let answer = made.is(StatusCode::CREATED).clone();
        for (field, value) in [
            ("provider_id", json!(camille)),
            ("service", json!({"id": service, "name": "Massage 60min"})),
            ("start", json!(slots[0])),
            ("time_zone", json!("Europe/Paris")),
            ("status", json!("confirmed")),
            ("price_cents", json!(7000)),
            ("currency", json!("EUR")),
            ("place", json!("client")),
            ("client", client("Marie Dupont")),
            ("origin", json!("marketplace")),
            ("revision", json!(1)),
        ] {
            assert_eq!(answer[field], value, "{field}");
        }
        assert_eq!(answer["history"].as_array().unwrap().len(), 1);
        assert_eq!(answer["history"][0]["kind"], "booked");
        assert_eq!(made.header("etag"), "\"1\"");
        let path = made.header("location").to_owned();
        assert_eq!(api.get(&path).await.is(StatusCode::OK), &answer);
        assert!(answer["link"].as_str().unwrap().starts_with(stage.product.url.as_str()), "{answer}");
        assert!(!free(&api, &camille, &service).await.contains(&slots[0]), "it is offered no more");
        eventually("the client is written to", async || {
            stage.product.mails().iter().any(|mail| mail.contains(CLIENT_EMAIL)).then_some(())
        })
        .await;

        // A second one in the same place is refused, and told what is free.
        let refused = book(&api, &camille, &service, &slots[0]).await;
        refused.refused(StatusCode::CONFLICT, "slot_taken").naming("start");
        let alternatives = refused.body["error"]["alternatives"].as_array().unwrap().clone();
        assert!(!alternatives.is_empty());
        let offered = free(&api, &camille, &service).await;
        let other = text(&alternatives[0]["start"]);
        let nearest: DateTime<Utc> = other.parse().unwrap();
        let earliest: DateTime<Utc> = slots[0].parse().unwrap();
        assert!(nearest < earliest || offered.contains(&other), "{other} is not free");
        let second = book(&api, &camille, &service, &other).await.is(StatusCode::CREATED).clone();

        // Moved, by the revision that was read.
        let moving = |revision: &'static str, start: &str| {
            api.request(Method::PATCH, &path).header("if-match", revision).json(&json!({"start": start}))
        };
        api.send(moving("\"7\"", &slots[12]))
            .await
            .refused(StatusCode::PRECONDITION_FAILED, "booking_changed");
        let moved = api.send(moving("\"1\"", &slots[12])).await;
        let moved = moved.is(StatusCode::OK).clone();
        assert_eq!((&moved["start"], &moved["revision"]), (&json!(slots[12]), &json!(2)));
        assert_eq!(moved["history"][1]["from_start"], json!(slots[0]));
        api.send(moving("\"1\"", &slots[0]))
            .await
            .refused(StatusCode::PRECONDITION_FAILED, "booking_changed");
        let named = api.patch(&path, json!({"revision": 1, "start": slots[0]})).await;
        named.refused(StatusCode::PRECONDITION_FAILED, "booking_changed");
        let taken = api.patch(&path, json!({"start": second["start"]})).await;
        taken.refused(StatusCode::CONFLICT, "slot_taken");

        // Its client changes, and nothing by half.
        let half = api.patch(&path, json!({"start": slots[20], "client": {"phone": "no"}})).await;
        half.refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field").naming("client.phone");
        assert_eq!(api.get(&path).await.is(StatusCode::OK), &moved);
        let changed = api.patch(&path, json!({"client": {"name": "Marie Durand"}})).await;
        let changed = changed.is(StatusCode::OK);
        assert_eq!(changed["client"]["name"], "Marie Durand");
        assert_eq!(changed["client"]["phone"], "+33 6 12 34 56 78");
        assert_eq!(changed["revision"], 3);
        assert_eq!(api.patch(&path, json!({})).await.is(StatusCode::OK), changed);
        let both = api
            .patch(&path, json!({"revision": 3, "start": slots[16], "client": {"name": "Marie D."}}))
            .await;
        let both = both.is(StatusCode::OK);
        assert_eq!((&both["start"], &both["client"]["name"]), (&json!(slots[16]), &json!("Marie D.")));

        // Listed, by their start.
        let list = api.pages(&format!("/api/v1/bookings?provider={camille}&limit=1"), async || {}).await;
        let mut starts = vec![text(&second["start"]), slots[16].clone()];
        starts.sort();
        assert_eq!(list.iter().map(|it| text(&it["start"])).collect::<Vec<_>>(), starts);
        assert!(list.iter().all(|it| it.get("link").is_none()));
        let own = stage.product.api(Some(&camille)).await;
        assert_eq!(own.pages("/api/v1/bookings", async || {}).await, list);
        api.get("/api/v1/bookings")
            .await
            .refused(StatusCode::BAD_REQUEST, "invalid_parameter")
            .naming("provider");

        // Cancelled, once and for all.
        let cancel = async || api.send(api.request(Method::POST, &format!("{path}/cancel"))).await;
        let cancelled = cancel().await;
        let cancelled = cancelled.is(StatusCode::OK).clone();
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(cancel().await.is(StatusCode::OK), &cancelled);
        api.patch(&path, json!({"start": slots[0]})).await.refused(StatusCode::CONFLICT, "booking_cancelled");
        let confirm = api.send(api.request(Method::POST, &format!("{path}/confirm"))).await;
        confirm.refused(StatusCode::CONFLICT, "booking_cancelled");
        let listed = |status: &str| format!("/api/v1/bookings?provider={camille}&status={status}");
        assert_eq!(api.pages(&listed("cancelled"), async || {}).await.len(), 1);
        assert_eq!(api.pages(&listed("confirmed"), async || {}).await.len(), 1);
        assert!(free(&api, &camille, &service).await.contains(&slots[16]), "it is offered again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_booked_is_refused_by_its_name() {
    on_both("api-refusals", async |stage| {
        let (api, camille, service, slots) = open(stage).await;
        let first: DateTime<Utc> = slots[0].parse().unwrap();
        let at = |start: &str| booking(&camille, &service, start);
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        for (start, code) in [
            (rfc(now() - TimeDelta::hours(1)), "slot_past"),
            ("1999-12-31T23:00:00+01:00".to_owned(), "slot_past"),
            (rfc(now() + TimeDelta::days(200)), "beyond_horizon"),
            ("2199-01-01T00:00:00Z".to_owned(), "beyond_horizon"),
            // Three in the morning.
            (rfc(first + TimeDelta::hours(19)), "outside_hours"),
        ] {
            let answer = api.post("/api/v1/bookings", at(&start)).await;
            answer.refused(unprocessable, code).naming("start");
            let alternatives = answer.body["error"].get("alternatives").is_some();
            assert_eq!(alternatives, code == "outside_hours", "{}", answer.body);
        }
        let soon = now() + TimeDelta::minutes(10);
        let answer = api.post("/api/v1/bookings", at(&rfc(soon))).await;
        answer.refused(unprocessable, "slot_too_soon");
        for bad in ["2026-02-30T10:00:00Z", "2026-03-01T10:00:00", "10:00", "demain", "2016-12-31T23:59:60Z"]
        {
            api.post("/api/v1/bookings", at(bad))
                .await
                .refused(unprocessable, "invalid_field")
                .naming("start");
        }
        let long = "x".repeat(1001);
        for (field, value) in [
            ("name", json!("")),
            ("name", json!(" \t ")),
            ("name", json!("a\0b")),
            ("name", json!("a\r\nBcc: b@client.test")),
            ("name", json!(["Marie"])),
            ("email", json!("marie")),
            ("email", json!("a@client.test, b@client.test")),
            ("email", json!("Marie <marie@client.test>")),
            ("phone", json!("call me")),
            ("address", json!("")),
            ("instructions", json!(long)),
            ("locale", json!("de")),
            ("time_zone", json!("Mars/Phobos")),
            ("nickname", json!("x")),
        ] {
            let mut body = at(&slots[0]);
            body["client"][field] = value;
            let answer = api.post("/api/v1/bookings", body).await;
            answer.refused(unprocessable, "invalid_field").naming(&format!("client.{field}"));
        }
        for missing in ["name", "email", "phone"] {
            let mut body = at(&slots[0]);
            body["client"].as_object_mut().unwrap().remove(missing);
            let answer = api.post("/api/v1/bookings", body).await;
            answer.refused(unprocessable, "invalid_field").naming(&format!("client.{missing}"));
        }
        for key in ["", "a b", "é", &"k".repeat(256)] {
            let answer = keyed(&api, key, &at(&slots[0])).await;
            answer.refused(StatusCode::BAD_REQUEST, "invalid_parameter").naming("idempotency-key");
        }
        // What others write stays text, to the letter.
        let hostile = "<script>alert(1)</script> '; DROP TABLE bookings;-- \u{202e} 𝕏";
        let mut body = at(&slots[0]);
        body["client"]["instructions"] = json!(hostile);
        let made = api.post("/api/v1/bookings", body).await;
        assert_eq!(made.is(StatusCode::CREATED)["client"]["instructions"], hostile);

        // A service that is withdrawn is offered no more, to nobody.
        let path = format!("/api/v1/providers/{camille}/services/{service}");
        let withdrawn = api.send(api.request(Method::DELETE, &path)).await;
        assert_eq!(withdrawn.is(StatusCode::OK)["offered"], false);
        book(&api, &camille, &service, &slots[5])
            .await
            .refused(StatusCode::NOT_FOUND, "not_found")
            .naming("service_id");
        let terms = json!({"name": "x", "duration_minutes": 60, "place": "remote"});
        api.put(&path, terms).await.refused(StatusCode::CONFLICT, "service_withdrawn");
        let availability = format!("/api/v1/providers/{camille}/availability?service={service}");
        api.get(&availability).await.refused(StatusCode::NOT_FOUND, "not_found").naming("service");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_makes_one_booking() {
    on_both("api-idempotency", async |stage| {
        let (api, camille, service, slots) = open(stage).await;
        let body = booking(&camille, &service, &slots[0]);
        // Twenty at once, as by a client whose connection breaks again and again.
        let all = (0..20).map(|_| keyed(&api, "order-1", &body));
        let all = futures::future::join_all(all).await;
        let made = all.iter().filter(|it| it.status == StatusCode::CREATED).count();
        assert_eq!(made, 1, "{all:?}");
        let ids: BTreeSet<_> = all
            .iter()
            .map(|it| {
                assert!(it.status.is_success(), "{}", it.body);
                text(&it.body["id"])
            })
            .collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(stage.database.count("bookings").await, 1);
        assert_eq!(stage.database.count("booking_changes").await, 1);
        // Also after a restart, and after the booking has changed.
        let id = ids.into_iter().next().unwrap();
        api.send(api.request(Method::POST, &format!("/api/v1/bookings/{id}/cancel")))
            .await
            .is(StatusCode::OK);
        stage.product.kill();
        stage.product.start().await;
        let again = keyed(&api, "order-1", &body).await;
        assert_eq!(
            (&again.is(StatusCode::OK)["id"], &again.body["status"]),
            (&json!(id), &json!("cancelled"))
        );
        // The same key for something else is a mistake; another's key is another one.
        let other = booking(&camille, &service, &slots[6]);
        let reused = keyed(&api, "order-1", &other).await;
        reused.refused(StatusCode::CONFLICT, "idempotency_key_reused");
        let neighbour = stage.product.api(None).await;
        keyed(&neighbour, "order-1", &other).await.is(StatusCode::CREATED);
        keyed(&api, "order-2", &body).await.is(StatusCode::CREATED);
        assert_eq!(stage.database.count("bookings").await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_take_one_slot_one_gets_it() {
    on_both("api-race", async |stage| {
        let (api, camille, service, slots) = open(stage).await;
        let wanted = &slots[10];
        let all = (0..200).map(|_| book(&api, &camille, &service, wanted));
        let all = futures::future::join_all(all).await;
        let made: Vec<_> = all.iter().filter(|it| it.status == StatusCode::CREATED).collect();
        assert_eq!(made.len(), 1);
        for refused in all.iter().filter(|it| it.status != StatusCode::CREATED) {
            refused.refused(StatusCode::CONFLICT, "slot_taken");
            let alternatives = refused.body["error"]["alternatives"].as_array().unwrap();
            assert!(!alternatives.is_empty() && alternatives.iter().all(|it| it["start"] != json!(wanted)));
        }
        assert_eq!(stage.database.count("bookings").await, 1);
        assert_eq!(made[0].body["start"], json!(wanted));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_and_hours_are_set_as_a_whole() {
    on_both("api-offer", async |stage| {
        let (api, camille, service, _) = open(stage).await;
        let path = format!("/api/v1/providers/{camille}/hours");
        let hours = json!({
            "weekly": {
                "monday": [{"start": "09:00", "end": "12:30"}, {"start": "14:00", "end": "24:00"}],
                "tuesday": [], "wednesday": [], "thursday": [], "friday": [], "saturday": [], "sunday": [],
            },
            "exceptions": [
                {"date": "2026-12-24", "windows": []},
                {"date": "2026-12-31", "windows": [{"start": "10:00", "end": "11:00"}]},
            ],
            "notice_minutes": 180,
            "when_stale": "hold",
        });
        assert_eq!(api.put(&path, hours.clone()).await.is(StatusCode::OK), &hours);
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        for (place, value, named) in [
            ("/weekly/monday", json!([{"start": "12:00", "end": "09:00"}]), "weekly.monday"),
            ("/weekly/monday", json!([{"start": "09:00", "end": "12:00"}, {"start": "11:00", "end": "13:00"}]), "weekly.monday"),
            ("/weekly/monday", json!([{"start": "09:00", "end": "25:00"}]), "weekly.monday[0].end"),
            ("/weekly/monday", json!([["09:00", "10:00"]]), "weekly.monday[0]"),
            ("/weekly/sunday", json!([{"start": "9h", "end": "10:00"}]), "weekly.sunday[0].start"),
            ("/exceptions/1/date", json!("2026-12-24"), "exceptions[1]"),
            ("/exceptions/1/date", json!("2026-02-30"), "exceptions[1].date"),
            ("/exceptions/1/windows", json!([{"start": "11:00", "end": "11:00"}]), "exceptions[1].windows"),
            ("/notice_minutes", json!(-1), "notice_minutes"),
            ("/notice_minutes", json!(43_201), "notice_minutes"),
            ("/when_stale", json!("guess"), "when_stale"),
        ] {
            let mut wrong = hours.clone();
            *wrong.pointer_mut(place).unwrap() = value;
            api.put(&path, wrong).await.refused(unprocessable, "invalid_field").naming(named);
        }
        assert_eq!(api.get(&path).await.is(StatusCode::OK), &hours, "refused is refused");
        let fewer = json!({"weekly": {}, "exceptions": [], "notice_minutes": 0, "when_stale": "accept"});
        let set = api.put(&path, fewer).await;
        assert_eq!(set.is(StatusCode::OK)["exceptions"], json!([]));
        assert_eq!(set.body["weekly"]["monday"], json!([]));

        let path = format!("/api/v1/providers/{camille}/services/{service}");
        let terms = json!({
            "name": " Massage 90min ", "duration_minutes": 90, "price_cents": null, "buffer_before_minutes": 10,
            "buffer_after_minutes": 20, "place": "provider", "address": "3 rue des Lilas",
        });
        let set = api.put(&path, terms.clone()).await;
        let set = set.is(StatusCode::OK);
        assert_eq!((&set["name"], &set["price_cents"]), (&json!("Massage 90min"), &Value::Null));
        assert_eq!(api.get(&path).await.is(StatusCode::OK), set);
        for (field, value) in [
            ("name", json!(" ")),
            ("duration_minutes", json!(4)),
            ("duration_minutes", json!(721)),
            ("duration_minutes", json!(1.5)),
            ("price_cents", json!(-1)),
            ("buffer_before_minutes", json!(241)),
            ("buffer_after_minutes", json!(-1)),
            ("place", json!("moon")),
            ("address", json!("")),
        ] {
            let mut wrong = terms.clone();
            wrong[field] = value;
            api.put(&path, wrong).await.refused(unprocessable, "invalid_field").naming(field);
        }
        let list = api.get(&format!("/api/v1/providers/{camille}/services")).await;
        assert_eq!(list.is(StatusCode::OK)["items"], json!([set]));
        api.get(&format!("/api/v1/providers/{camille}/conflicts?status=open")).await.is(StatusCode::OK);
    })
    .await;
}
