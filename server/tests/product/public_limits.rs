//! Many clients at once, and one address that asks for too much.

use crate::support::browser::Browser;
use crate::support::offer::Offered;
use crate::support::{Stage, at, on_both, today};
use chrono::{Days, SecondsFormat};
use futures::future::join_all;
use reqwest::{Method, StatusCode};

const CLIENTS: u32 = 200;

/// Who stands behind a proxy that is trusted.
async fn behind_a_proxy(stage: &mut Stage) {
    stage.product.stop().await;
    stage.product.set("SIMONE_TRUSTED_PROXIES", "127.0.0.1");
    stage.product.start().await;
}

/// The form of a moment from an address; whether it led to an appointment, or what it was refused with.
async fn ask(browser: &Browser, offered: &Offered, address: &str, client: u32, hour: u32) -> StatusCode {
    let moment = at(today() + Days::new(10), hour, 0).to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let fields = [
        ("at", moment),
        ("key", format!("key-{client}")),
        ("name", format!("Client {client}")),
        ("phone", "06 12 34 56 78".to_owned()),
        ("email", format!("client-{client}@exemple.fr")),
        ("address", "12 rue des Lilas".to_owned()),
        ("instructions", String::new()),
    ];
    let request = browser
        .raw(Method::POST, &offered.path())
        .header("sec-fetch-site", "same-origin")
        .header("x-forwarded-for", address)
        .form(&fields);
    request.send().await.expect("it answers").status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_want_the_same_moment_one_gets_it() {
    on_both("public-race", async |stage| {
        behind_a_proxy(stage).await;
        let offered = stage.offer().await;
        let browser = stage.product.browser();
        let (browser, offered) = (&browser, &offered);
        let all = (0..CLIENTS).map(async |client| {
            let address = format!("192.0.2.{client}");
            loop {
                // Who is told that all are busy comes back, as a person would.
                let status = ask(browser, offered, &address, client, 14).await;
                if status != StatusCode::SERVICE_UNAVAILABLE {
                    return status;
                }
            }
        });
        let answers = join_all(all).await;
        let count = |wanted: StatusCode| answers.iter().filter(|status| **status == wanted).count();
        assert_eq!(count(StatusCode::SEE_OTHER), 1, "{answers:?}");
        assert_eq!(count(StatusCode::CONFLICT), answers.len() - 1, "{answers:?}");
        assert_eq!(stage.database.count("bookings").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_cannot_take_all_there_is() {
    on_both("public-flood", async |stage| {
        behind_a_proxy(stage).await;
        let offered = stage.offer().await;
        let browser = stage.product.browser();
        let mut answers = Vec::new();
        for client in 0..30 {
            answers.push(ask(&browser, &offered, "198.51.100.7", client, 8 + client % 11).await);
        }
        let refused = answers.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
        assert!((5..=10).contains(&refused), "{answers:?}");
        let other = ask(&browser, &offered, "198.51.100.8", 99, 8).await;
        assert_ne!(other, StatusCode::TOO_MANY_REQUESTS, "another address is not held up");
        // Guessing links is hopeless, and is slowed down all the same.
        let mut last = StatusCode::OK;
        for guess in 0..400 {
            let request = browser
                .raw(Method::GET, &format!("/bookings/{guess:043}"))
                .header("x-forwarded-for", "203.0.113.1");
            let answer = request.send().await.expect("it answers");
            last = answer.status();
            if last == StatusCode::TOO_MANY_REQUESTS {
                assert!(answer.headers().contains_key("retry-after"));
                break;
            }
            assert_eq!(last, StatusCode::NOT_FOUND);
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    })
    .await;
}
