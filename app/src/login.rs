//! Logging in: by a link that comes by e-mail, and in the demonstration by one click.

use crate::pages::login::LoginForm;
use crate::render::{Problem, problem_page, render_page};
use crate::session::{Session, local_path};
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::request::Parts as RequestParts;
use axum::http::{Extensions, Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

/// Attempts that one address may make in [`WINDOW`].
const ATTEMPTS: u32 = 10;
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Addresses remembered at once; then the oldest are forgotten.
const REMEMBERED: usize = 10_000;

/// Where a request comes from, when the product stands behind a trusted proxy: an extension that the server sets.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// How often each address tried to log in lately.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, (DateTime<Utc>, u32)>>);

impl Attempts {
    /// Counts an attempt; `false` when there were too many.
    fn allow(&self, address: IpAddr, now: DateTime<Utc>) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED {
            seen.retain(|_, (since, _)| now - *since < WINDOW);
            if seen.len() >= REMEMBERED {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(address).or_insert((now, 0));
        if now - *since >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= ATTEMPTS
    }
}

fn address(extensions: &Extensions) -> IpAddr {
    let direct = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    extensions
        .get::<ClientAddress>()
        .map(|ClientAddress(address)| *address)
        .or_else(direct)
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    email: String,
    next: Option<String>,
}

/// Sends a link. Answers the same whether the address is known or not.
pub(crate) async fn ask(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Form::<Asked>::from_request_body(body, &parts).await;
    let Some(Asked { email, next }) = asked else {
        return problem_page(&state, &parts, Problem::Bad).await;
    };
    let email = email.trim().to_lowercase();
    let again = |problem| LoginForm { email: email.clone(), next: next.clone(), problem: Some(problem) };
    if !state.attempts.allow(address(&parts.extensions), state.clock.now()) {
        let form = again(crate::pages::login::LoginProblem::TooMany);
        return render_page(&state, &parts, form, StatusCode::TOO_MANY_REQUESTS).await;
    }
    if !looks_like_email(&email) {
        let form = again(crate::pages::login::LoginProblem::Email);
        return render_page(&state, &parts, form, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let token = URL_SAFE_NO_PAD.encode(state.ids.bytes::<32>());
    if let Err(error) = state.db.send_login_link(&email, &token, state.clock.now()).await {
        return state.trouble(&error, "a login link could not be sent").status().into_response();
    }
    state.wake.notify_waiters();
    state.wake.notify_one();
    Redirect::to("/login?sent=1").into_response()
}

/// Uses a link up: the press of its button.
pub(crate) async fn follow(
    State(state): State<AppState>,
    Path(token): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, _) = request.into_parts();
    let Some(session) = parts.extensions.get::<Session>() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let entered = async {
        let Some(provider) = state.db.use_login_link(&token, state.clock.now()).await? else {
            return Ok(false);
        };
        let Some(provider) = state.db.provider(provider).await? else { return Ok(false) };
        session.log_in(&provider).await?;
        Ok::<_, simone_sync::ports::StoreError>(true)
    };
    match entered.await {
        Ok(true) => Redirect::to("/agenda").into_response(),
        // The page of a link that does not work says so.
        Ok(false) => Redirect::to(&format!("/login/{}", simple(&token))).into_response(),
        Err(error) => state.trouble(&error, "logging in failed").status().into_response(),
    }
}

#[derive(Deserialize)]
pub(crate) struct DemoEntry {
    next: Option<String>,
}

/// Lets a person in as the demonstration's provider. Nothing but the demonstration has this.
pub(crate) async fn enter_demo(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let entry = Form::<DemoEntry>::from_request_body(body, &parts).await;
    let (Some(demo), Some(session)) = (&state.demo, parts.extensions.get::<Session>()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let entered = async {
        let Some(provider) = state.db.provider_by_email(&demo.provider).await? else { return Ok(false) };
        session.log_in(&provider).await?;
        Ok::<_, simone_sync::ports::StoreError>(true)
    };
    match entered.await {
        Ok(true) => {
            let next = entry.and_then(|entry| entry.next);
            Redirect::to(local_path(next.as_deref(), "/agenda")).into_response()
        }
        Ok(false) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => state.trouble(&error, "logging in failed").status().into_response(),
    }
}

/// What of a token may stand in an address.
fn simple(token: &str) -> String {
    token
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .take(64)
        .collect()
}

/// Something, one `@`, something with a dot inside; no more can be said of an address without writing to it.
fn looks_like_email(email: &str) -> bool {
    let Some((name, host)) = email.split_once('@') else { return false };
    let fits = |part: &str| {
        !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || letter == '@')
    };
    email.len() <= 254 && fits(name) && fits(host) && host.trim_matches('.').contains('.')
}

/// A form's values, or `None` when it is none.
trait FromBody: Sized {
    async fn from_request_body(body: Body, parts: &RequestParts) -> Option<Self::Values>;
    type Values;
}

impl<T: serde::de::DeserializeOwned> FromBody for Form<T> {
    type Values = T;

    async fn from_request_body(body: Body, parts: &RequestParts) -> Option<T> {
        use axum::extract::FromRequest as _;
        let mut request = Request::new(body);
        *request.method_mut() = parts.method.clone();
        *request.headers_mut() = parts.headers.clone();
        Self::from_request(request, &()).await.ok().map(|Self(values)| values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_form() {
        for good in ["camille@exemple.fr", "a.b+c@mail.example.co.uk"] {
            assert!(looks_like_email(good), "{good}");
        }
        for bad in [
            "",
            "camille",
            "@exemple.fr",
            "camille@",
            "camille@exemple",
            "a b@exemple.fr",
            "a@b@exemple.fr",
            "a@.fr",
        ] {
            assert!(!looks_like_email(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_that_tries_too_often_has_to_wait() {
        let attempts = Attempts::default();
        let now: DateTime<Utc> = "2026-01-13T17:00:00Z".parse().unwrap();
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        assert!((0..ATTEMPTS).all(|_| attempts.allow(one, now)));
        assert!(!attempts.allow(one, now));
        assert!(attempts.allow(other, now), "another address is not held up");
        assert!(attempts.allow(one, now + WINDOW));
    }
}
