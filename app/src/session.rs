//! Sessions: who is at the other end, and what the next page says to them.

use crate::device;
use crate::flash::Flash;
use crate::render::{Problem, problem_page};
use crate::state::AppState;
use crate::texts::cookie;
use crate::visitor::is_open;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use simone_booking::{Locale, Operator, Provider, ProviderId};
use simone_store::sessions::{NewSession, SESSION_LIFETIME, TokenHash, VISIT_LIFETIME, Who, token_hash};
use simone_sync::ports::StoreResult;
use std::sync::{Arc, Mutex, PoisonError};

/// The session of a request, as an extension. A visitor has one too; it is stored once there is something to keep.
#[derive(Clone)]
pub struct Session {
    key: TokenHash,
    /// Who is logged in, as a provider, as an operator, or as both.
    pub provider: Option<Provider>,
    pub operator: Option<Operator>,
    pub created_at: DateTime<Utc>,
    /// What the page that is being made says.
    pub shown: Option<Flash>,
    shared: Arc<Shared>,
}

struct Shared {
    state: AppState,
    /// A visitor's token, which the browser does not have yet.
    fresh: Option<String>,
    /// What a session that begins here is called in the list.
    device: Option<String>,
    cookie: Mutex<Option<HeaderValue>>,
}

impl Session {
    /// Names the session; not what the browser holds.
    pub const fn key(&self) -> &TokenHash {
        &self.key
    }

    /// Who is logged in as a provider.
    pub fn provider_id(&self) -> Option<ProviderId> {
        self.provider.as_ref().map(|provider| provider.id)
    }

    /// Whose it is.
    pub fn who(&self) -> Who {
        Who { provider: self.provider_id(), operator: self.operator.as_ref().map(|operator| operator.id) }
    }

    /// How the store names it.
    pub const fn token_hash(&self) -> &TokenHash {
        &self.key
    }

    /// Leaves a message for the next page.
    pub async fn flash(&self, flash: Flash) {
        let stored = serde_json::to_string(&flash).expect("a flash is plain values");
        match self.shared.state.db.set_flash(&self.key, &stored, self.shared.state.clock.now()).await {
            Ok(()) => {
                if let Some(token) = &self.shared.fresh {
                    self.set_cookie(token, VISIT_LIFETIME.num_seconds());
                }
            }
            Err(error) => {
                self.shared.state.trouble(&error, "a flash could not be stored");
            }
        }
    }

    /// The language of who is logged in.
    pub fn locale(&self) -> Option<Locale> {
        let operator = || self.operator.as_ref().map(|operator| operator.locale);
        self.provider.as_ref().map(|provider| provider.locale).or_else(operator)
    }

    /// Begins a session of that person under a token of its own, so that one planted before logging in is worth
    /// nothing, and ends this one. `welcome`: their name, for the next page to greet them. `false`: they are no longer there.
    pub async fn log_in(&self, who: Who, welcome: Option<&str>) -> StoreResult<bool> {
        let state = &self.shared.state;
        self.begin(welcome, async |it, now| {
            state.db.start_session(it.token, who, it.device, it.flash, now).await
        })
        .await
    }

    /// The same by a one-time link, which is used up.
    pub async fn log_in_by(&self, link: &str, welcome: Option<&str>) -> StoreResult<bool> {
        let state = &self.shared.state;
        self.begin(welcome, async |session, now| {
            Ok(state.db.enter_by_link(link, session, now).await?.is_some())
        })
        .await
    }

    async fn begin(
        &self,
        welcome: Option<&str>,
        start: impl AsyncFnOnce(&NewSession<'_>, DateTime<Utc>) -> StoreResult<bool>,
    ) -> StoreResult<bool> {
        let state = &self.shared.state;
        let token = new_token(state);
        let welcome = welcome.map(|name| {
            let flash = Flash::Welcome { name: name.split(' ').next().unwrap_or_default().to_owned() };
            serde_json::to_string(&flash).expect("a flash is plain values")
        });
        let hash = token_hash(&token);
        let session =
            NewSession { token: &hash, device: self.shared.device.as_deref(), flash: welcome.as_deref() };
        if !start(&session, state.clock.now()).await? {
            return Ok(false);
        }
        state.db.end_session(&self.key).await?;
        self.set_cookie(&token, SESSION_LIFETIME.num_seconds());
        Ok(true)
    }

    /// Ends this session, or all of the person's.
    pub async fn log_out(&self, everywhere: bool) -> StoreResult<()> {
        let who = self.who();
        if everywhere && who != Who::default() {
            self.shared.state.db.end_all_sessions(who, None).await?;
        } else {
            self.shared.state.db.end_session(&self.key).await?;
        }
        self.forget();
        Ok(())
    }

    /// Tells the browser that its session has ended.
    pub fn forget(&self) {
        self.set_cookie("", 0);
    }

    fn set_cookie(&self, token: &str, seconds: i64) {
        let https = self.shared.state.is_https();
        let (name, secure) = (cookie_name(https), if https { "; Secure" } else { "" });
        let value = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        let value = HeaderValue::from_str(&value).expect("a token is base64");
        *self.shared.cookie.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?})", self.provider_id())
    }
}

/// A browser accepts a `__Host-` cookie from this very host over https alone.
const fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-simone" } else { "simone" }
}

fn new_token(state: &AppState) -> String {
    URL_SAFE_NO_PAD.encode(state.ids.bytes::<32>())
}

async fn find(state: &AppState, headers: &HeaderMap) -> StoreResult<(Session, Option<String>)> {
    let now = state.clock.now();
    let device = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).and_then(device::label);
    let shared = |fresh| {
        Arc::new(Shared { state: state.clone(), fresh, device: device.clone(), cookie: Mutex::default() })
    };
    // A token has 43 characters; nothing else is worth a query.
    let token = cookie(headers, cookie_name(state.is_https())).filter(|token| token.len() == 43);
    if let Some(token) = token {
        let key = token_hash(token);
        if let Some(stored) = state.db.session(&key, now).await? {
            let flash = stored.flash.filter(|_| !headers.contains_key(REFRESH));
            let session = Session {
                key,
                provider: stored.provider,
                operator: stored.operator,
                created_at: stored.created_at,
                shown: flash.as_deref().and_then(|flash| serde_json::from_str(flash).ok()),
                shared: shared(None),
            };
            return Ok((session, flash));
        }
    }
    let token = new_token(state);
    let session = Session {
        key: token_hash(&token),
        provider: None,
        operator: None,
        created_at: now,
        shown: None,
        shared: shared(Some(token)),
    };
    Ok((session, None))
}

/// Gives the request its session, and the response what became of it.
pub async fn sessions(State(state): State<AppState>, mut request: Request<Body>, next: Next) -> Response {
    let (session, flash) = match find(&state, request.headers()).await {
        Ok(found) => found,
        Err(error) => {
            return state.trouble(&error, "the session could not be read").status().into_response();
        }
    };
    request.extensions_mut().insert(session.clone());
    let mut response = next.run(request).await;
    if let Some(flash) = flash.filter(|_| is_page(&response))
        && let Err(error) = state.db.clear_flash(&session.key, &flash).await
    {
        state.trouble(&error, "a flash could not be cleared");
    }
    let cookie = session.shared.cookie.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Marks the request by which an open page renews itself: nobody has opened a page, so that it sets nothing going, and a
/// message for the next page waits for that.
pub const REFRESH: &str = "simone-refresh";

/// Sends who is not logged in to log in, and then back; who is not an operator is shown nothing of their pages, and who
/// is nothing else only those.
pub async fn require_login(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    let path = request.uri().path();
    let open =
        path == "/login" || path.starts_with("/login/") || path == "/actions/language" || is_open(path);
    if open {
        return next.run(request).await;
    }
    let who = request.extensions().get::<Session>().map(Session::who).unwrap_or_default();
    if who == Who::default() {
        if request.method() != Method::GET {
            return Redirect::to("/login").into_response();
        }
        let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", wanted).finish();
        return Redirect::to(&format!("/login?{query}")).into_response();
    }
    let oversight = path == "/oversight" || path.starts_with("/oversight/");
    if oversight && who.operator.is_none() {
        // The same for each address, whether there is something or not.
        let (parts, _) = request.into_parts();
        return problem_page(&state, &parts, Problem::Operators).await;
    }
    let anybodys =
        matches!(path, "/actions/log-out" | "/actions/end-session" | "/actions/end-other-sessions");
    if !oversight && !anybodys && who.provider.is_none() {
        return Redirect::to("/oversight").into_response();
    }
    next.run(request).await
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// `path` if it leads to a page of ours, else `otherwise`: what a form or an address names is not to lead elsewhere.
pub fn local_path<'a>(path: Option<&'a str>, otherwise: &'a str) -> &'a str {
    path.filter(|path| {
        let mut letters = path.chars();
        letters.next() == Some('/')
            && !matches!(letters.next(), Some('/' | '\\'))
            && path.chars().all(|letter| letter.is_ascii_graphic() && letter != '\\')
    })
    .unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_paths_are_followed() {
        for path in ["/", "/agenda?week=2026-01-12", "/settings/calendars/x"] {
            assert_eq!(local_path(Some(path), "/agenda"), path);
        }
        for path in [
            "",
            "agenda",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb",
            "/é",
            "/a b",
        ] {
            assert_eq!(local_path(Some(path), "/agenda"), "/agenda", "{path:?}");
        }
        assert_eq!(local_path(None, "/agenda"), "/agenda");
    }
}
