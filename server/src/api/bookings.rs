//! Bookings: a marketplace makes them, moves them, and cancels them.

use super::auth::Caller;
use super::booking_answers::{BookingAnswer, BookingStatus, BookingsPage};
use super::error::{ApiError, Code};
use super::input::{self, Id, Instant, Json as Body, Object, Query, Zone, present};
use super::providers::reached;
use super::{Api, cursor};
use axum::Json;
use axum::extract::State;
use axum::http::header::{ETAG, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use simone_booking::booking::{Actor, Client, Status};
use simone_booking::{BookingId, Locale, ProviderId, ServiceId};
use simone_store::views::api::ProviderRecord;
use simone_store::views::{BookingDetails, BookingFilter};
use simone_sync::bookings::{Change, Done, NewBooking, Refusal, RequestKey, Rules};
use utoipa::ToSchema;
use uuid::Uuid;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const LONGEST_KEY: usize = 255;

/// A booking that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBookingBody {
    provider_id: Uuid,
    service_id: Uuid,
    /// An instant of RFC 3339, with `Z` or an offset: the start of one of the slots in `availability`.
    #[schema(value_type = DateTime<Utc>, example = "2026-01-13T17:00:00+01:00")]
    start: Instant,
    #[schema(value_type = ClientBody)]
    client: Object<ClientBody>,
}

/// Who books. Told to the provider alone, and erased some time after the appointment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewClient)]
pub(crate) struct ClientBody {
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Where the confirmation is sent, and what else there is to be told.
    #[schema(max_length = 254, format = "email", example = "marie@example.com")]
    email: String,
    /// Digits, spaces, and the signs of `+-.()/`.
    #[schema(max_length = 40, example = "+33 6 12 34 56 78")]
    phone: String,
    /// Where the appointment takes place; needed if that is at the client's.
    #[serde(default)]
    #[schema(max_length = 300)]
    address: String,
    #[serde(default)]
    #[schema(max_length = 1000)]
    instructions: String,
    /// In which they are written to; the provider's unless told.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = super::providers::Language, nullable = false)]
    locale: Option<input::Language>,
    /// In which they are told times, if it is not the provider's: an IANA name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, example = "Europe/Paris", nullable = false)]
    time_zone: Option<Zone>,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookingChangesBody {
    /// Another time; the appointment stays as long as it was agreed.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = DateTime<Utc>, nullable = false)]
    start: Option<Instant>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = ClientChangesBody, nullable = false)]
    client: Option<Object<ClientChangesBody>>,
    /// Like `If-Match`: the booking is changed only if it still stands at this revision.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, minimum = 1, nullable = false)]
    revision: Option<Revision>,
}

/// What of the client is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientChanges)]
pub(crate) struct ClientChangesBody {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, min_length = 1, max_length = 120, nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, max_length = 254, format = "email", nullable = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, max_length = 40, nullable = false)]
    phone: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, max_length = 300, nullable = false)]
    address: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, max_length = 1000, nullable = false)]
    instructions: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = super::providers::Language, nullable = false)]
    locale: Option<input::Language>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, nullable = false)]
    time_zone: Option<Zone>,
}

/// A number that each change of a booking raises.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Revision(i64);

impl TryFrom<i64> for Revision {
    type Error = &'static str;

    fn try_from(revision: i64) -> Result<Self, Self::Error> {
        if revision < 1 { Err("expected a revision: a whole number from 1 on") } else { Ok(Self(revision)) }
    }
}

impl ClientBody {
    fn client(self, provider: Locale) -> Client {
        Client {
            name: self.name,
            email: self.email,
            phone: self.phone,
            address: self.address,
            instructions: self.instructions,
            locale: self.locale.map_or(provider, |language| language.0),
            zone: self.time_zone.map(|zone| zone.0),
        }
    }
}

impl ClientChangesBody {
    fn onto(self, client: &Client) -> Client {
        let Client { name, email, phone, address, instructions, locale, zone } = client.clone();
        Client {
            name: self.name.unwrap_or(name),
            email: self.email.unwrap_or(email),
            phone: self.phone.unwrap_or(phone),
            address: self.address.unwrap_or(address),
            instructions: self.instructions.unwrap_or(instructions),
            locale: self.locale.map_or(locale, |language| language.0),
            zone: self.time_zone.map_or(zone, |zone| Some(zone.0)),
        }
    }
}

/// A refusal, as the API says it.
pub(crate) fn refused(refusal: &Refusal) -> ApiError {
    let error = match refusal {
        Refusal::UnknownProvider => ApiError::not_found().at("provider_id"),
        Refusal::UnknownService => {
            ApiError::new(Code::NotFound, "there is no such service, or it is no longer offered")
                .at("service_id")
        }
        Refusal::UnknownBooking => ApiError::not_found(),
        Refusal::Client(bad) => {
            let Some(first) = bad.first() else {
                return ApiError::new(Code::InvalidField, "the client cannot be taken").at("client");
            };
            ApiError::new(Code::InvalidField, first.to_string()).at(format!("client.{}", first.field()))
        }
        Refusal::Past => ApiError::new(Code::SlotPast, "this time is over").at("start"),
        Refusal::TooSoon { latest } => {
            let message = format!("this time could be booked until {}", latest.format("%Y-%m-%dT%H:%M:%SZ"));
            ApiError::new(Code::SlotTooSoon, message).at("start")
        }
        Refusal::BeyondHorizon => {
            ApiError::new(Code::BeyondHorizon, "this is further ahead than can be booked").at("start")
        }
        Refusal::OutsideHours { .. } => {
            ApiError::new(Code::OutsideHours, "the provider does not work then; see `alternatives`")
                .at("start")
        }
        Refusal::Taken { .. } => {
            ApiError::new(Code::SlotTaken, "this time is no longer free; see `alternatives`").at("start")
        }
        Refusal::NotReady => ApiError::new(
            Code::NotReady,
            "a calendar of the provider is being read for the first time; try again in a minute",
        ),
        Refusal::Cancelled => ApiError::new(Code::BookingCancelled, "this booking is cancelled"),
        Refusal::Over => ApiError::new(Code::BookingOver, "this appointment is over"),
        Refusal::Changed => {
            ApiError::new(Code::BookingChanged, "this booking was changed meanwhile; read it again")
        }
        Refusal::KeyReused => {
            ApiError::new(Code::IdempotencyKeyReused, "this key was used for another request")
                .at(IDEMPOTENCY_KEY)
        }
    };
    match refusal {
        Refusal::OutsideHours { alternatives } | Refusal::Taken { alternatives } => {
            error.with_alternatives(alternatives)
        }
        _ => error,
    }
}

/// The one value of a header.
fn header<'a>(
    headers: &'a HeaderMap,
    name: &str,
    expected: &'static str,
) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::new(Code::RepeatedParameter, "it stands there twice").at(name));
    }
    Ok(Some(value.to_str().map_err(|_| ApiError::parameter(name, expected))?))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let expected = "expected 1 to 255 visible letters, digits and signs of ASCII";
    let Some(key) = header(headers, IDEMPOTENCY_KEY, expected)? else { return Ok(None) };
    let fits = (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(Some(key.to_owned())) } else { Err(ApiError::parameter(IDEMPOTENCY_KEY, expected)) }
}

/// The revision that a request is about, if it says so.
fn wanted_revision(headers: &HeaderMap, body: Option<Revision>) -> Result<Option<i64>, ApiError> {
    let expected = "expected the `ETag` of a booking: its revision in quotes";
    let body = body.map(|Revision(revision)| revision);
    let header = match header(headers, IF_MATCH.as_str(), expected)? {
        None | Some("*") => None,
        Some(tag) => {
            let number = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag);
            let revision = number.parse().ok().filter(|revision| *revision > 0);
            Some(revision.ok_or_else(|| ApiError::parameter(IF_MATCH.as_str(), expected))?)
        }
    };
    match (header, body) {
        (Some(header), Some(body)) if header != body => {
            Err(ApiError::new(Code::InvalidField, "`If-Match` names another revision").at("revision"))
        }
        _ => Ok(header.or(body)),
    }
}

/// Whose booking this is, if this caller reaches them, and the booking.
async fn found(
    api: &Api,
    caller: &Caller,
    id: BookingId,
) -> Result<(ProviderRecord, BookingDetails), ApiError> {
    let owner = api.db.booking_owner(id).await?.ok_or_else(ApiError::not_found)?;
    let provider = reached(api, caller, owner).await?;
    let details = api.db.booking(owner, id).await?.ok_or_else(ApiError::not_found)?;
    Ok((provider, details))
}

/// The booking as it stands now.
async fn answer(api: &Api, caller: &Caller, status: StatusCode, id: BookingId) -> Result<Response, ApiError> {
    let (provider, details) = found(api, caller, id).await?;
    let tag = format!("\"{}\"", details.booking.revision);
    let location = (status == StatusCode::CREATED).then(|| api.address(&format!("api/v1/bookings/{id}")));
    let answer = BookingAnswer::with_all(details, provider.zone, api);
    let mut response = (status, [(ETAG, tag)], Json(answer)).into_response();
    if let Some(location) = location.and_then(|location| location.parse().ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Make a booking
///
/// Of a slot that `availability` names. Before it is made, the provider's calendars are given up to two seconds to say what
/// is new; where they do not answer and the provider wants it so, the booking is `pending` until they confirm. The client
/// gets an e-mail. With an `Idempotency-Key` the request can be repeated: it makes one booking.
#[utoipa::path(
    post, path = "/api/v1/bookings", tag = "bookings", operation_id = "createBooking",
    params(("Idempotency-Key" = Option<String>, Header, description = "Of your choice, 1 to 255 visible signs of ASCII; kept for a day at least", min_length = 1, max_length = 255)),
    request_body = NewBookingBody,
    responses(
        (status = 201, description = "Made", body = BookingAnswer,
         headers(("Location" = String, description = "The booking's address"), ("ETag" = String, description = "Its revision, in quotes"))),
        (status = 200, description = "It was made before, by the same request; as it stands now", body = BookingAnswer,
         headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 404, description = "`not_found`: there is no such provider or service, or the token does not reach it", body = super::error::ErrorBody),
        (status = 409, description = "`slot_taken` (with `alternatives`), `not_ready`, `idempotency_key_reused`", body = super::error::ErrorBody),
        (status = 422, description = "`outside_hours` (with `alternatives`), `slot_past`, `slot_too_soon`, `beyond_horizon`, `invalid_field`", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    let key = idempotency_key(&headers)?;
    let body: NewBookingBody = body.read()?;
    let (provider, service) = (ProviderId(body.provider_id), ServiceId(body.service_id));
    let record = reached(&api, &caller, provider).await.map_err(|error| match error.code() {
        Code::NotFound => error.at("provider_id"),
        _ => error,
    })?;
    let client = body.client.0.client(record.locale);
    let start = body.start.0;
    let request = key.map(|key| {
        let asked = serde_json::to_string(&(provider, service, start, &client));
        RequestKey { caller: caller.token().0, key, asked: asked.expect("plain values can be written") }
    });
    let rules = Rules::Offered;
    let new = NewBooking { provider, service, start, client, actor: Actor::Marketplace, rules, request };
    let Done { booking, repeated, .. } =
        api.bookings().book(new).await?.map_err(|refusal| refused(&refusal))?;
    if !repeated {
        tracing::info!(booking = %booking.id, %provider, by = caller.actor(), "a booking was made");
    }
    let status = if repeated { StatusCode::OK } else { StatusCode::CREATED };
    answer(&api, &caller, status, booking.id).await
}

/// List a provider's bookings
///
/// By their start; those that are over and cancelled ones too, unless told otherwise. A token that reaches one provider
/// need not name them.
#[utoipa::path(
    get, path = "/api/v1/bookings", tag = "bookings", operation_id = "listBookings",
    params(
        ("provider" = Option<Uuid>, Query, description = "The provider's id; needed by a token that reaches all"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Those that end after this instant of RFC 3339 (a `+` is written %2B)"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Those that begin before this instant"),
        ("status" = Option<BookingStatus>, Query, description = "Only those"),
        ("limit" = Option<i64>, Query, description = "Rows on a page: 50 unless told, 100 at most", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `next` of the page before this one", min_length = 32, max_length = 32),
    ),
    responses(
        (status = 200, description = "A page of them", body = BookingsPage),
        (status = 404, description = "`not_found`: there is no such provider, or the token does not reach them", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    query: Query,
) -> Result<Json<BookingsPage>, ApiError> {
    let query = query.only(&["provider", "from", "to", "status", "limit", "after"])?;
    let (limit, after) = (query.limit()?, query.after(cursor::read_at)?);
    let (from, until) = (query.instant("from")?, query.instant("to")?);
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return Err(ApiError::parameter("to", "expected an instant after `from`"));
    }
    let status = query.get("status").map(|code| {
        Status::from_code(code)
            .ok_or_else(|| ApiError::parameter("status", "expected `pending`, `confirmed` or `cancelled`"))
    });
    let statuses = status.transpose()?.into_iter().collect();
    let named = query.get("provider").map(|id| {
        id.parse::<ProviderId>().map_err(|_| ApiError::parameter("provider", "expected the id of a provider"))
    });
    let provider = named
        .transpose()?
        .or(caller.reach())
        .ok_or_else(|| ApiError::parameter("provider", "this token reaches all providers: name one"))?;
    let provider = reached(&api, &caller, provider).await?;
    let filter = BookingFilter { from, until, statuses, after, limit: limit + 1 };
    let rows = api.db.bookings(provider.id, &filter).await?;
    let (rows, next) = cursor::page(rows, limit, |last| cursor::at(last.interval.start, last.id.0));
    let items = rows.into_iter().map(|booking| BookingAnswer::listed(booking, provider.zone)).collect();
    Ok(Json(BookingsPage { items, next }))
}

/// Read a booking
#[utoipa::path(
    get, path = "/api/v1/bookings/{booking}", tag = "bookings", operation_id = "readBooking",
    params(("booking" = Uuid, Path, description = "The booking's id")),
    responses((status = 200, description = "The booking", body = BookingAnswer,
               headers(("ETag" = String, description = "Its revision, in quotes")))),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BookingId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    answer(&api, &caller, StatusCode::OK, id).await
}

/// Move a booking, or change its client
///
/// Another time has to be one of the slots in `availability`, or overlap what the booking itself takes. The client is told.
#[utoipa::path(
    patch, path = "/api/v1/bookings/{booking}", tag = "bookings", operation_id = "changeBooking",
    params(
        ("booking" = Uuid, Path, description = "The booking's id"),
        ("If-Match" = Option<String>, Header, description = "The booking's `ETag`: change it only if it still stands so"),
    ),
    request_body = BookingChangesBody,
    responses(
        (status = 200, description = "The booking as it is now", body = BookingAnswer,
         headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 409, description = "`slot_taken` (with `alternatives`), `not_ready`, `booking_cancelled`, `booking_over`", body = super::error::ErrorBody),
        (status = 412, description = "`booking_changed`: it no longer stands at the revision that was named", body = super::error::ErrorBody),
        (status = 422, description = "`outside_hours` (with `alternatives`), `slot_past`, `slot_too_soon`, `beyond_horizon`, `invalid_field`", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BookingId>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    let (provider, BookingDetails { booking, .. }) = found(&api, &caller, id).await?;
    let body: BookingChangesBody = body.read()?;
    let mut revision = wanted_revision(&headers, body.revision)?;
    if revision.is_some_and(|revision| revision != booking.revision) {
        return Err(refused(&Refusal::Changed));
    }
    // What is left out stays as it was read: what changes meanwhile is not written over.
    revision = revision.or(body.client.is_some().then_some(booking.revision));
    let mut changes = Vec::new();
    if let Some(Instant(start)) = body.start {
        changes.push(Change::Move { start, rules: Rules::Offered });
    }
    if let Some(Object(client)) = body.client {
        let before = booking.client.as_ref().ok_or_else(|| refused(&Refusal::Over))?;
        // Before anything is changed, so that nothing is changed by half.
        let client = client.onto(before).checked(booking.place);
        changes.push(Change::Client(client.map_err(|bad| refused(&Refusal::Client(bad)))?));
    }
    for change in changes {
        let done = api.bookings().change(provider.id, id, revision, &change, Actor::Marketplace).await?;
        let done = done.map_err(|refusal| refused(&refusal))?;
        revision = revision.map(|_| done.booking.revision);
    }
    answer(&api, &caller, StatusCode::OK, id).await
}

/// Cancel a booking
///
/// The client and the provider are told. Cancelling what is cancelled changes nothing.
#[utoipa::path(
    post, path = "/api/v1/bookings/{booking}/cancel", tag = "bookings", operation_id = "cancelBooking",
    params(
        ("booking" = Uuid, Path, description = "The booking's id"),
        ("If-Match" = Option<String>, Header, description = "The booking's `ETag`: cancel it only if it still stands so"),
    ),
    responses(
        (status = 200, description = "The booking as it is now", body = BookingAnswer,
         headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 409, description = "`booking_over`: the appointment is over", body = super::error::ErrorBody),
        (status = 412, description = "`booking_changed`: it no longer stands at the revision that was named", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BookingId>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    decide(&api, &caller, id, &headers, &Change::Cancel).await
}

/// Confirm a booking that is held
///
/// For a marketplace where the provider gives their word; on Simone's own pages they can do so too. Confirming what is
/// confirmed changes nothing.
#[utoipa::path(
    post, path = "/api/v1/bookings/{booking}/confirm", tag = "bookings", operation_id = "confirmBooking",
    params(
        ("booking" = Uuid, Path, description = "The booking's id"),
        ("If-Match" = Option<String>, Header, description = "The booking's `ETag`: confirm it only if it still stands so"),
    ),
    responses(
        (status = 200, description = "The booking as it is now", body = BookingAnswer,
         headers(("ETag" = String, description = "Its revision, in quotes"))),
        (status = 409, description = "`slot_taken`, `not_ready`, `booking_cancelled`, `booking_over`", body = super::error::ErrorBody),
        (status = 412, description = "`booking_changed`: it no longer stands at the revision that was named", body = super::error::ErrorBody),
        (status = 422, description = "`slot_past`: the time that was held is over", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn confirm(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<BookingId>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    decide(&api, &caller, id, &headers, &Change::Confirm).await
}

async fn decide(
    api: &Api,
    caller: &Caller,
    id: BookingId,
    headers: &HeaderMap,
    change: &Change,
) -> Result<Response, ApiError> {
    let (provider, _) = found(api, caller, id).await?;
    let revision = wanted_revision(headers, None)?;
    let done = api.bookings().change(provider.id, id, revision, change, Actor::Marketplace).await?;
    done.map_err(|refusal| refused(&refusal))?;
    answer(api, caller, StatusCode::OK, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn keys_are_short_and_visible() {
        let key = |values: &[&str]| idempotency_key(&headers(IDEMPOTENCY_KEY, values));
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["8f0e-1"]).unwrap().as_deref(), Some("8f0e-1"));
        assert!(key(&[&"k".repeat(255)]).is_ok());
        for bad in [&[""][..], &["a b"], &["é"], &["a", "a"], &[&"k".repeat(256)]] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_revision_is_named_once() {
        let wanted = |values: &[&str], body: Option<i64>| {
            wanted_revision(&headers(IF_MATCH.as_str(), values), body.map(Revision))
        };
        assert_eq!(wanted(&[], None).unwrap(), None);
        assert_eq!(wanted(&["*"], None).unwrap(), None);
        assert_eq!(wanted(&["\"3\""], None).unwrap(), Some(3));
        assert_eq!(wanted(&["3"], Some(3)).unwrap(), Some(3));
        assert_eq!(wanted(&["*"], Some(2)).unwrap(), Some(2));
        for bad in
            [&["\"x\""][..], &["W/\"3\""], &["0"], &["-1"], &[""], &["\"3\"", "\"3\""], &["\"3\", \"4\""]]
        {
            assert!(wanted(bad, None).is_err(), "{bad:?}");
        }
        assert!(wanted(&["3"], Some(4)).is_err());
    }
}
