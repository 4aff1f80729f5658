//! Requests and answers, of whatever platform: time limits, the size of answers, `Retry-After`.

use crate::tls;
use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Request};
use simone_booking::Clock;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Of a whole exchange, the answer's body included. Shorter than the lease under which the engine calls.
const TIMEOUT: Duration = Duration::from_secs(25);

/// A full page of Google's largest events is a few megabytes.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// Nothing waits longer than this, so that no sum with it overflows.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Google compresses only for clients that say `gzip` here too (reference sheet 3).
const USER_AGENT: &str = concat!("Simone/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// Why an adapter cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Not an `http` or `https` address; the field of the configuration.
    #[error("`{0}` is not an http or https address")]
    Address(&'static str),
    /// Microsoft's `tenant` is neither a word nor an id nor a domain.
    #[error("`tenant` is no name of a tenant")]
    Tenant,
    /// No certificates of the system, say.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// One client, with its limits.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    clock: Arc<dyn Clock>,
    largest_body: usize,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// There was no answer, or not a whole one. The text names no address: addresses hold ids.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoAnswer(pub String);

impl Http {
    /// `encrypted`: whether any address is `https`. If none is, the system's certificates are not asked for, so
    /// that the demo runs on a machine that has none.
    pub fn new(encrypted: bool, clock: Arc<dyn Clock>) -> Result<Self, BuildError> {
        tls::install();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .gzip(true);
        if !encrypted {
            // Plain addresses are of this machine or its network: no certificates, and no proxy on the way.
            builder = builder.tls_certs_only(std::iter::empty::<Certificate>()).no_proxy();
        }
        let client = builder.build().map_err(BuildError::Client)?;
        Ok(Self { client, clock, largest_body: LARGEST_BODY })
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// For building requests.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request) -> Result<Answer, NoAnswer> {
        let mut response = self.client.execute(request).await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), self.clock.now());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
            if body.len() + chunk.len() > self.largest_body {
                return Err(NoAnswer("the answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let reason = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        return NoAnswer(format!("no connection: {}", root_cause(error)));
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else if error.is_builder() {
        "the request cannot be made"
    } else {
        "the connection broke off"
    };
    NoAnswer(reason.to_owned())
}

/// What the operator needs to know of a failed connection: the refusal, the name that does not resolve, the
/// certificate. It failed before anything of the request was sent, so nothing of the request is in it.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().chars().take(200).collect()
}

/// RFC 9110, 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    read_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

/// The value of a `Retry-After`, wherever it stands.
pub(crate) fn read_retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = DateTime::parse_from_rfc2822(value).ok()?;
        // A date that has passed asks for no wait.
        (at.to_utc() - now).to_std().unwrap_or_default()
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;
    use simone_booking::SystemClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn waits(value: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
        retry_after(&headers, "2026-01-10T09:00:00Z".parse().unwrap())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(waits("120"), Some(Duration::from_secs(120)));
        assert_eq!(waits(" 0 "), Some(Duration::ZERO));
        assert_eq!(waits("Sat, 10 Jan 2026 09:02:30 GMT"), Some(Duration::from_secs(150)));
        assert_eq!(waits("Sat, 10 Jan 2026 08:00:00 GMT"), Some(Duration::ZERO), "it has passed");
        assert_eq!(waits("18446744073709551615"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(waits("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_RETRY_AFTER));
        for nonsense in ["", "soon", "-5", "1.5", "18446744073709551616", "Sat, 99 Jan 2026 09:00:00 GMT"] {
            assert_eq!(waits(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), DateTime::UNIX_EPOCH), None);
    }

    /// Answers one connection with these bytes, then closes it. Returns where, and what it was asked.
    async fn serve(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/private-id", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            String::from_utf8_lossy(&request[..length]).to_lowercase()
        });
        (address, asked)
    }

    fn http() -> Http {
        Http::new(false, Arc::new(SystemClock)).unwrap()
    }

    async fn get(http: &Http, address: &str) -> Result<Answer, NoAnswer> {
        http.send(http.client().get(address).build().unwrap()).await
    }

    #[tokio::test]
    async fn asks_for_compression_and_follows_no_redirect() {
        let (address, asked) = serve(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        let answer = get(&http(), &address).await.unwrap();
        assert_eq!((answer.status, answer.retry_after), (302, Some(Duration::from_secs(7))));
        let asked = asked.await.unwrap();
        let user_agent = asked.lines().find(|line| line.starts_with("user-agent:")).unwrap();
        assert!(user_agent.contains("gzip"), "{user_agent}");
        assert!(asked.contains("accept-encoding: gzip"), "{asked}");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_or_is_too_large_is_none() {
        let (address, _) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":[").await;
        let error = get(&http(), &address).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer broke off");

        let (address, _) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"items\":[]").await;
        let small = Http { largest_body: 10, ..http() };
        assert_eq!(get(&small, &address).await.unwrap_err().to_string(), "the answer is too large");

        let (address, _) = serve(b"").await;
        let error = get(&http(), &address).await.unwrap_err().to_string();
        assert!(!error.contains("private-id"), "{error}");
    }

    #[tokio::test]
    async fn an_https_address_is_spoken_to_in_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}/private-id", listener.local_addr().unwrap());
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 2];
            stream.read_exact(&mut first).await.unwrap();
            first
        });
        let http = Http::new(true, Arc::new(SystemClock)).unwrap();
        get(&http, &address).await.unwrap_err();
        assert_eq!(heard.await.unwrap(), [22, 3], "a handshake of TLS");
    }

    #[tokio::test]
    async fn a_failed_connection_says_why_but_not_what_was_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/private-id", listener.local_addr().unwrap());
        drop(listener);
        let error = get(&http(), &address).await.unwrap_err().to_string();
        assert!(error.starts_with("no connection: "), "{error}");
        assert!(!error.contains("private-id"), "{error}");
    }
}
