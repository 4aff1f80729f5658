//! Those who book, and nobody knows: their language, their zone, and how much one address may ask for.

use crate::limit::{Limiter, UsedUp};
use crate::login::{address, network};
use crate::page::query_value;
use crate::render::Problem;
use crate::state::AppState;
use crate::texts::{Lang, cookie, language_of};
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{HeaderName, ORIGIN, REFERRER_POLICY, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderValue, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use leptos::prelude::use_context;
use simone_booking::Locale;
use simone_sync::zone;
use std::net::IpAddr;

/// Where a browser keeps the zone in which its person lives. `public/live.js` writes it too.
pub const ZONE_COOKIE: &str = "simone_zone";

/// Bookings that one address may ask for at once, unless the server says otherwise.
const BOOKINGS: u32 = 20;
const BOOKINGS_PER_MINUTE: u32 = 2;
/// Pages of clients that one address may ask for. A day is chosen, a slot, another day: people are far from it.
const PAGES: u32 = 120;
const PAGES_PER_MINUTE: u32 = 120;

/// What each address may still ask for. Kept in this process alone.
#[derive(Debug)]
pub(crate) struct Limits {
    bookings: Limiter<IpAddr>,
    pages: Limiter<IpAddr>,
}

impl Limits {
    /// `bookings`: that one address may ask for at once.
    pub(crate) fn new(bookings: u32) -> Self {
        Self {
            bookings: Limiter::new(BOOKINGS_PER_MINUTE, bookings.max(1)),
            pages: Limiter::new(PAGES_PER_MINUTE, PAGES),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(BOOKINGS)
    }
}

/// The request of a client's page.
#[derive(Clone)]
pub struct Visit {
    pub state: AppState,
    pub parts: Parts,
    pub lang: Lang,
    pub now: DateTime<Utc>,
    /// The zone in which the visitor lives, as far as their browser says.
    pub zone: Option<Tz>,
}

impl Visit {
    pub fn new(state: &AppState, parts: &Parts) -> Self {
        let chosen = query_value(parts, "zone").and_then(|name| zone::parse(&name));
        let kept = || cookie(&parts.headers, ZONE_COOKIE).and_then(zone::parse);
        Self {
            state: state.clone(),
            parts: parts.clone(),
            lang: language_of(parts),
            now: state.clock.now(),
            zone: chosen.or_else(kept),
        }
    }

    /// From the context of a page.
    pub fn find() -> Option<Self> {
        Some(Self::new(&use_context::<AppState>()?, &use_context::<Parts>()?))
    }

    /// A parameter of the address's query.
    pub fn query(&self, name: &str) -> Option<String> {
        query_value(&self.parts, name)
    }

    /// The visitor's zone, where its clocks show something else at that instant than those of `zone`.
    pub fn elsewhere(&self, at: DateTime<Utc>, zone: Tz) -> Option<Tz> {
        let offset = |zone: Tz| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
        self.zone.filter(|theirs| offset(*theirs) != offset(zone))
    }

    /// The language in which they are written to.
    pub const fn locale(&self) -> Locale {
        match self.lang {
            Lang::fr => Locale::Fr,
            Lang::en => Locale::En,
        }
    }

    pub fn today(&self, zone: Tz) -> NaiveDate {
        self.now.with_timezone(&zone).date_naive()
    }

    /// Takes one of the bookings that their address may ask for.
    pub(crate) fn takes_a_booking(&self) -> Result<(), UsedUp> {
        self.state.limits.bookings.take(whose(&self.parts.extensions), self.now).map(drop)
    }

    /// To be kept by the browser when a zone was chosen on the page.
    pub fn zone_cookie(&self) -> Option<HeaderValue> {
        let zone = query_value(&self.parts, "zone").and_then(|name| zone::parse(&name))?;
        let secure = if self.state.is_https() { "; Secure" } else { "" };
        let cookie = format!("{ZONE_COOKIE}={}; Path=/; SameSite=Lax; Max-Age=31536000{secure}", zone.name());
        HeaderValue::from_str(&cookie).ok()
    }
}

fn is_private(path: &str) -> bool {
    path.starts_with("/bookings/")
}

/// Whether a page is for clients: nobody has to be logged in.
pub(crate) fn is_open(path: &str) -> bool {
    path.starts_with("/book/") || is_private(path)
}

/// Bounds what one address asks of the clients' pages, and keeps the private ones to themselves: their address opens them.
pub(crate) async fn visitors(
    State(state): State<AppState>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let private = is_private(path);
    if is_open(path)
        && let Err(used_up) = state.limits.pages.take(whose(request.extensions()), state.clock.now())
    {
        return too_many(used_up);
    }
    // A page that names no referrer sends its forms with this. That they know the address is proof enough of where they
    // come from, and a browser that says that it is another site is refused all the same.
    if private && request.headers().get(ORIGIN).is_some_and(|origin| origin == "null") {
        request.headers_mut().remove(ORIGIN);
    }
    let mut response = next.run(request).await;
    if private {
        let headers = response.headers_mut();
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers
            .insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    }
    response
}

fn whose(extensions: &Extensions) -> IpAddr {
    network(address(extensions))
}

fn too_many(used_up: UsedUp) -> Response {
    let headers = [(RETRY_AFTER, HeaderValue::from(used_up.seconds))];
    (Problem::TooMany.status(), Extension(Problem::TooMany), headers).into_response()
}
