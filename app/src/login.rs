//! Logging in: by a link that comes by e-mail, and in the demonstration by one click.

use crate::pages::login::LoginForm;
use crate::render::{Problem, problem_page, render_page};
use crate::session::{Session, local_path};
use crate::state::AppState;
use crate::texts::cookie;
use axum::body::Body;
use axum::extract::{ConnectInfo, Form, Path, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::request::Parts as RequestParts;
use axum::http::{Extensions, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use simone_store::links::LinkKind;
use simone_store::sessions::Who;
use simone_sync::ports::StoreError;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

/// Attempts that one address may make in [`WINDOW`].
const ATTEMPTS: u32 = 10;
const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Addresses remembered at once; then the older half is forgotten.
const REMEMBERED: usize = 10_000;
/// How long an answer takes at least, so that its time does not tell whether the address is somebody's.
const ANSWER: TimeDelta = TimeDelta::milliseconds(250);
/// Where a browser remembers the page that it was sent to log in from.
const NEXT_COOKIE: &str = "simone_next";

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
        }
        if seen.len() >= REMEMBERED {
            // Many addresses at once: the latest are the ones that matter.
            let mut times: Vec<DateTime<Utc>> = seen.values().map(|(since, _)| *since).collect();
            let middle = times.len() / 2;
            let (_, &mut middle, _) = times.select_nth_unstable(middle);
            seen.retain(|_, (since, _)| *since > middle);
        }
        let (since, count) = seen.entry(network(address)).or_insert((now, 0));
        // A clock that was set back begins a new window too.
        if now - *since >= WINDOW || *since > now {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= ATTEMPTS
    }
}

/// What one subscriber has: an address of IPv4, a network of 64 bits of IPv6.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

pub(crate) fn address(extensions: &Extensions) -> IpAddr {
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
    let began = state.clock.now();
    if !state.attempts.allow(address(&parts.extensions), began) {
        let form = again(crate::pages::login::LoginProblem::TooMany);
        let mut response = render_page(&state, &parts, form, StatusCode::TOO_MANY_REQUESTS).await;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(WINDOW.num_seconds()));
        return response;
    }
    if !looks_like_email(&email) {
        let form = again(crate::pages::login::LoginProblem::Email);
        return render_page(&state, &parts, form, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let token = new_token(&state);
    if let Err(error) = state.db.send_login_link(&email, &token, began).await {
        return state.trouble(&error, "a login link could not be sent").status().into_response();
    }
    state.wake.notify_waiters();
    state.wake.notify_one();
    if let Ok(rest) = (began + ANSWER - state.clock.now()).to_std() {
        state.clock.sleep(rest).await;
    }
    let mut response = Redirect::to("/login?sent=1").into_response();
    if let Some(next) = next.as_deref().map(|next| local_path(Some(next), "/")).filter(|next| *next != "/") {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        remember(&state, &mut response, &next, WINDOW.num_seconds());
    }
    response
}

/// A token for a one-time link.
pub(crate) fn new_token(state: &AppState) -> String {
    URL_SAFE_NO_PAD.encode(state.ids.bytes::<32>())
}

/// The page that the browser asked for before it was sent to log in.
fn remember(state: &AppState, response: &mut Response, next: &str, seconds: i64) {
    let secure = if state.is_https() { "; Secure" } else { "" };
    let cookie =
        format!("{NEXT_COOKIE}={next}; Path=/login; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// The first page of who has just come in.
fn home(who: Who) -> &'static str {
    if who.provider.is_some() { "/agenda" } else { "/oversight" }
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
        let Some((who, kind)) = state.db.link_holder(&token, state.clock.now()).await? else {
            return Ok(None);
        };
        let Some(name) = name_of(&state, who).await? else { return Ok(None) };
        // The page that an invitation leads to greets them itself.
        let greeted = (kind == LinkKind::Login).then_some(name.as_str());
        Ok::<_, StoreError>(session.log_in_by(&token, greeted).await?.then_some((who, kind)))
    };
    match entered.await {
        Ok(Some((Who { provider: Some(_), .. }, LinkKind::Invitation))) => {
            Redirect::to("/welcome").into_response()
        }
        Ok(Some((who, _))) => {
            let wanted = cookie(&parts.headers, NEXT_COOKIE).and_then(|next| {
                url::form_urlencoded::parse(format!("next={next}").as_bytes())
                    .next()
                    .map(|(_, next)| next.into_owned())
            });
            let mut response = Redirect::to(local_path(wanted.as_deref(), home(who))).into_response();
            if wanted.is_some() {
                remember(&state, &mut response, "", 0);
            }
            response
        }
        // The page of a link that does not work says so.
        Ok(None) => Redirect::to(&format!("/login/{}", simple(&token))).into_response(),
        Err(error) => state.trouble(&error, "logging in failed").status().into_response(),
    }
}

/// The name of whoever is there.
async fn name_of(state: &AppState, who: Who) -> Result<Option<String>, StoreError> {
    if let Some(provider) = who.provider
        && let Some(provider) = state.db.provider(provider).await?
    {
        return Ok(Some(provider.name));
    }
    let Some(operator) = who.operator else { return Ok(None) };
    Ok(state.db.operator(operator).await?.map(|operator| operator.name))
}

#[derive(Deserialize)]
pub(crate) struct DemoEntry {
    next: Option<String>,
    /// `operator`: as the demonstration's operator.
    #[serde(rename = "as")]
    role: Option<String>,
}

/// Lets a person in as the demonstration's provider, or its operator. Nothing but the demonstration has this.
pub(crate) async fn enter_demo(State(state): State<AppState>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let entry = Form::<DemoEntry>::from_request_body(body, &parts).await;
    let (Some(demo), Some(session)) = (&state.demo, parts.extensions.get::<Session>()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (next, role) = entry.map(|entry| (entry.next, entry.role)).unwrap_or_default();
    let entered = async {
        let who: Who = if role.as_deref() == Some("operator") {
            let Some(operator) = &demo.operator else { return Ok(None) };
            let Some(operator) = state.db.operator_by_email(&operator.email).await? else { return Ok(None) };
            operator.id.into()
        } else {
            let Some(provider) = state.db.provider_by_email(&demo.provider).await? else { return Ok(None) };
            provider.id.into()
        };
        let Some(name) = name_of(&state, who).await? else { return Ok(None) };
        Ok::<_, StoreError>(session.log_in(who, Some(&name)).await?.then_some(who))
    };
    match entered.await {
        Ok(Some(who)) => {
            // Who chose to be the operator does not mean the provider's page that was asked for before, nor the reverse.
            let next = next.filter(|next| next.starts_with("/oversight") == who.operator.is_some());
            Redirect::to(local_path(next.as_deref(), home(who))).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
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
pub(crate) fn looks_like_email(email: &str) -> bool {
    let Some((name, host)) = email.split_once('@') else { return false };
    let fits = |part: &str| {
        !part.is_empty()
            && !part.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '@')
    };
    email.len() <= 254 && fits(name) && fits(host) && host.trim_matches('.').contains('.')
}

/// A form's values, or `None` when it is none.
pub(crate) trait FromBody: Sized {
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

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let attempts = Attempts::default();
        let now: DateTime<Utc> = "2026-01-13T17:00:00Z".parse().unwrap();
        let of = |host: u32| format!("2001:db8:1:2::{host:x}").parse().unwrap();
        assert!((0..ATTEMPTS).all(|host| attempts.allow(of(host), now)));
        assert!(!attempts.allow(of(ATTEMPTS), now));
        assert!(attempts.allow("2001:db8:1:3::1".parse().unwrap(), now));
        assert!(
            attempts.allow("::ffff:192.0.2.1".parse().unwrap(), now),
            "an address of IPv4 in other clothes"
        );
    }

    #[test]
    fn a_flood_from_many_addresses_takes_no_more_memory_and_frees_nobody_who_floods_now() {
        let attempts = Attempts::default();
        let mut now: DateTime<Utc> = "2026-01-13T17:00:00Z".parse().unwrap();
        for host in 0..50_000_u32 {
            now += TimeDelta::milliseconds(10);
            attempts.allow(IpAddr::V4(host.into()), now);
        }
        assert!(attempts.0.lock().unwrap().len() <= REMEMBERED);
        let loud: IpAddr = "192.0.2.1".parse().unwrap();
        assert!((0..ATTEMPTS).all(|_| attempts.allow(loud, now)));
        for host in 0..4_000_u32 {
            now += TimeDelta::milliseconds(10);
            attempts.allow(IpAddr::V4((100_000 + host).into()), now);
        }
        assert!(!attempts.allow(loud, now));
    }
}
