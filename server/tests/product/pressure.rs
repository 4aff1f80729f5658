//! Slow clients, oversized uploads and floods: a clear answer, and nobody else waits.

use crate::support::browser::Page;
use crate::support::events::Listener;
use crate::support::{Stage, eventually, now, on_both};
use chrono::TimeDelta;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use simone_booking::{Clock as _, SystemClock};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn restarted(stage: &mut Stage, limits: &[(&str, &str)]) {
    assert_eq!(stage.product.stop().await, Some(0));
    for (name, value) in limits {
        stage.product.set(&format!("SIMONE_LIMITS__{name}"), value);
    }
    stage.product.start().await;
}

async fn dial(stage: &Stage) -> TcpStream {
    let address = (stage.product.url.host_str().unwrap(), stage.product.url.port().unwrap());
    TcpStream::connect(address).await.unwrap()
}

/// All that comes until the other side hangs up, and how long that took.
async fn until_closed(stream: &mut TcpStream) -> (String, TimeDelta) {
    let (from, mut bytes) = (now(), Vec::new());
    tokio::select! {
        _ = stream.read_to_end(&mut bytes) => {}
        () = SystemClock.sleep(Duration::from_secs(20)) => panic!("the connection is never closed"),
    }
    (String::from_utf8_lossy(&bytes).into_owned(), now() - from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slow_is_not_waited_for() {
    on_both("slow", async |stage| {
        restarted(stage, &[("PATIENCE_SECONDS", "1")]).await;
        let mut page = Listener::open(&stage.browser, "x", None).await.unwrap();
        page.told().await;

        // A header now and then.
        let mut drip = dial(stage).await;
        drip.write_all(b"GET /login HTTP/1.1\r\nhost: simone.test\r\n").await.unwrap();
        let begun = now();
        while drip.write_all(b"x-more: 1\r\n").await.is_ok() {
            assert!(now() - begun < TimeDelta::seconds(10), "headers may come for ever");
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
        // Nothing at all.
        let (said, took) = until_closed(&mut dial(stage).await).await;
        assert!(said.is_empty() && took < TimeDelta::seconds(5), "{took}: {said}");
        // A body that never ends.
        let mut body = dial(stage).await;
        let head = "POST /login HTTP/1.1\r\nhost: simone.test\r\naccept-language: fr\r\nsec-fetch-site: same-origin\r\n\
                    content-type: application/x-www-form-urlencoded\r\ncontent-length: 40\r\n\r\nemail=cam";
        body.write_all(head.as_bytes()).await.unwrap();
        let (said, took) = until_closed(&mut body).await;
        assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        assert!(said.contains("L’envoi n’est pas arrivé en entier"), "{said}");
        assert!(took < TimeDelta::seconds(5), "{took}");
        // Who asks on and on, and takes none of the answers.
        let login = stage.browser.open("/login").await;
        let document = login.document();
        let style = document.all(|it| it.attribute("rel") == Some("stylesheet"))[0].attribute("href").unwrap();
        let requests = format!("GET {style} HTTP/1.1\r\nhost: simone.test\r\n\r\n").repeat(100);
        let mut deaf = dial(stage).await;
        tokio::select! {
            () = async { while deaf.write_all(requests.as_bytes()).await.is_ok() {} } => {}
            () = SystemClock.sleep(Duration::from_secs(40)) => panic!("who does not listen is served for ever"),
        }

        // An open page asks nothing for long, and is told all the same.
        stage.database.execute("UPDATE providers SET derive_wanted = derive_wanted + 1").await;
        page.told().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_everywhere_in_words() {
    const ADDRESSES: [&str; 14] = [
        "/agenda",
        "/settings/calendars",
        "/actions/sync",
        "/actions/language",
        "/actions/log-out",
        "/login",
        "/login/demo",
        "/login/no-such-link",
        "/connect/google",
        "/connect/outlook",
        "/oauth/google/callback",
        "/oauth/outlook/callback",
        "/live",
        "/no/such/page",
    ];
    on_both("large", async |stage| {
        let large = "x".repeat(100_000);
        for path in ADDRESSES {
            // With its length said, and in pieces.
            for said in [true, false] {
                let request = stage.browser.raw(Method::POST, path).header("sec-fetch-site", "same-origin");
                let request = request
                    .header("accept-language", "fr")
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let request = if said {
                    request.body(large.clone())
                } else {
                    let pieces: Vec<Result<String, std::io::Error>> = vec![Ok(large.clone())];
                    request.body(reqwest::Body::wrap(PieceByPiece(pieces)))
                };
                let url = stage.browser.address(path);
                let page: Page = stage.product.browser().answer(request, url).await;
                assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE, "{path} {said}: {}", page.describe());
                page.says("C’est trop long");
            }
        }
        stage.browser.open("/agenda").await.says("Agenda");
    })
    .await;
}

/// A body whose length is not said.
struct PieceByPiece(Vec<Result<String, std::io::Error>>);

impl axum::body::HttpBody for PieceByPiece {
    type Data = axum::body::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        let piece = self.0.pop();
        std::task::Poll::Ready(piece.map(|piece| piece.map(|text| hyper::body::Frame::data(text.into()))))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_turned_away_and_passes() {
    on_both("flood", async |stage| {
        restarted(stage, &[("REQUESTS", "1"), ("CONNECTIONS", "40"), ("PATIENCE_SECONDS", "2")]).await;
        let flood =
            (0..30).map(|_| stage.browser.raw(Method::GET, "/agenda").header("accept-language", "fr").send());
        let answers = futures::future::join_all(flood).await;
        let (mut served, mut refused) = (0, 0);
        for answer in answers {
            let answer = answer.unwrap();
            match answer.status() {
                StatusCode::OK => served += 1,
                StatusCode::SERVICE_UNAVAILABLE => {
                    refused += 1;
                    assert_eq!(answer.headers()[RETRY_AFTER], "5");
                    assert!(answer.text().await.unwrap().contains("Simone est débordée"));
                }
                other => panic!("{other}"),
            }
        }
        assert!(served > 0 && refused > 0, "{served} served, {refused} refused");
        stage.browser.open("/agenda").await.says("Agenda");

        // Connections that ask nothing take all the places.
        let mut idle = Vec::new();
        for _ in 0..60 {
            idle.push(dial(stage).await);
        }
        let (said, _) = until_closed(idle.last_mut().unwrap()).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 503") && said.contains("réessayez"), "{said}");
        // They are not given for ever.
        eventually("there is room again", async || {
            let page = stage.browser.raw(Method::GET, "/login").send().await.ok()?;
            (page.status() == StatusCode::OK).then_some(())
        })
        .await;
    })
    .await;
}
