//! Server-sent events, as a browser hears them.

use super::browser::Browser;
use super::now;
use chrono::TimeDelta;
use reqwest::{Method, Response, StatusCode};
use simone_booking::{Clock as _, SystemClock};
use std::time::Duration;

/// A page that listens.
pub struct Listener {
    response: Response,
    heard: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub id: String,
}

impl Listener {
    /// Listens as a page that shows `since`; the status when it is refused.
    pub async fn open(browser: &Browser, since: &str, last: Option<&str>) -> Result<Self, StatusCode> {
        let mut request =
            browser.raw(Method::GET, &format!("/live?since={since}")).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::of(request).await
    }

    /// Listens by a request of any make.
    pub async fn of(request: reqwest::RequestBuilder) -> Result<Self, StatusCode> {
        let response = request.send().await.expect("the product answers");
        if response.status() != StatusCode::OK {
            return Err(response.status());
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(
            !response.headers().contains_key("content-encoding"),
            "events are not gathered for compression"
        );
        Ok(Self { response, heard: String::new() })
    }

    /// The next event; `None` when the stream has ended. Waits for `patience`, then says `Err`.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Event>, ()> {
        let deadline = now() + TimeDelta::from_std(patience).unwrap();
        loop {
            while let Some((block, rest)) = self.heard.split_once("\n\n") {
                let (event, rest) = (parse(block), rest.to_owned());
                self.heard = rest;
                if event.is_some() {
                    return Ok(event);
                }
            }
            let left = (deadline - now()).to_std().unwrap_or_default();
            tokio::select! {
                piece = self.response.chunk() => match piece {
                    Ok(Some(piece)) => self.heard.push_str(std::str::from_utf8(&piece).expect("text")),
                    Ok(None) | Err(_) => return Ok(None),
                },
                () = SystemClock.sleep(left) => return Err(()),
            }
        }
    }

    /// The event that comes within some seconds.
    pub async fn told(&mut self) -> Event {
        let told = self.next(Duration::from_secs(10)).await;
        told.expect("something is told").expect("the stream goes on")
    }

    /// Nothing comes for a while, and the stream goes on.
    pub async fn silent(&mut self) {
        assert_eq!(self.next(Duration::from_millis(2_500)).await, Err(()), "nothing is told");
    }
}

/// What has data; comments and the rest are not heard.
fn parse(block: &str) -> Option<Event> {
    let mut event = Event { kind: "message".to_owned(), id: String::new() };
    let mut data = false;
    for (field, value) in block.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim_start();
        match field {
            "event" => value.clone_into(&mut event.kind),
            "id" => value.clone_into(&mut event.id),
            "data" => data = true,
            _ => {}
        }
    }
    data.then_some(event)
}
