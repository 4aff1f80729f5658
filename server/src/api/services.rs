//! What a provider offers.

use super::Api;
use super::auth::Caller;
use super::booking_answers::{CURRENCY, PlaceCode};
use super::error::{ApiError, Code};
use super::input::{Id, Ids, Json as Body, Query};
use super::providers::reached;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use simone_booking::service::{BadTerms, Service, ServiceTerms};
use simone_booking::{ProviderId, ServiceId};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that a provider offers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Service)]
pub(crate) struct ServiceAnswer {
    pub id: Uuid,
    pub provider_id: Uuid,
    pub name: String,
    pub duration_minutes: i64,
    /// Null: on request.
    #[schema(required)]
    pub price_cents: Option<i64>,
    #[schema(example = "EUR")]
    pub currency: String,
    /// Kept free before and after each appointment.
    pub buffer_before_minutes: i64,
    pub buffer_after_minutes: i64,
    pub place: PlaceCode,
    /// Of the provider's place; empty otherwise.
    pub address: String,
    /// False: it can no longer be booked; the bookings of it stand.
    pub offered: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Services)]
pub(crate) struct ServicesAnswer {
    /// Those that are offered, oldest first.
    pub items: Vec<ServiceAnswer>,
}

/// A service as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServiceTerms)]
pub(crate) struct TermsBody {
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    #[schema(minimum = 5, maximum = 720)]
    duration_minutes: i64,
    /// In cents of a euro; null or left out: on request.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1_000_000)]
    price_cents: Option<i64>,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 240)]
    buffer_before_minutes: i64,
    #[serde(default)]
    #[schema(minimum = 0, maximum = 240)]
    buffer_after_minutes: i64,
    place: PlaceCode,
    /// Of the provider's place, and only there.
    #[serde(default)]
    #[schema(max_length = 300)]
    address: String,
}

impl TermsBody {
    fn terms(self) -> Result<ServiceTerms, ApiError> {
        let place = simone_booking::service::Place::from(self.place);
        if place != simone_booking::service::Place::Provider && !self.address.is_empty() {
            let message = "an address belongs to services at the provider's place alone";
            return Err(ApiError::new(Code::InvalidField, message).at("address"));
        }
        let buffers = [self.buffer_before_minutes, self.buffer_after_minutes];
        let terms = ServiceTerms {
            name: self.name,
            duration_minutes: self.duration_minutes,
            price_cents: self.price_cents,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            place,
            address: self.address,
        };
        terms.checked().map_err(|bad| {
            let longest = 0..=simone_booking::service::LONGEST_BUFFER_MINUTES;
            let field = match bad {
                BadTerms::Name => "name",
                BadTerms::Duration => "duration_minutes",
                BadTerms::Price => "price_cents",
                BadTerms::Buffer if longest.contains(&buffers[0]) => "buffer_after_minutes",
                BadTerms::Buffer => "buffer_before_minutes",
                BadTerms::Address => "address",
            };
            ApiError::new(Code::InvalidField, bad.to_string()).at(field)
        })
    }
}

impl ServiceAnswer {
    fn of(service: Service, provider: ProviderId) -> Self {
        let Service { id, terms, withdrawn } = service;
        Self {
            id: id.0,
            provider_id: provider.0,
            name: terms.name,
            duration_minutes: terms.duration_minutes,
            price_cents: terms.price_cents,
            currency: CURRENCY.to_owned(),
            buffer_before_minutes: terms.buffer_before_minutes,
            buffer_after_minutes: terms.buffer_after_minutes,
            place: terms.place.into(),
            address: terms.address,
            offered: !withdrawn,
        }
    }
}

async fn one(api: &Api, provider: ProviderId, id: ServiceId) -> Result<ServiceAnswer, ApiError> {
    let service = api.db.service(provider, id).await?.ok_or_else(ApiError::not_found)?;
    Ok(ServiceAnswer::of(service, provider))
}

/// List a provider's services
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/services", tag = "services", operation_id = "listServices",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    responses((status = 200, description = "Those that are offered", body = ServicesAnswer)),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<ServicesAnswer>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    let services = api.db.services(id).await?;
    let items = services.into_iter().map(|service| ServiceAnswer::of(service, id)).collect();
    Ok(Json(ServicesAnswer { items }))
}

/// Add a service
#[utoipa::path(
    post, path = "/api/v1/providers/{provider}/services", tag = "services", operation_id = "createService",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    request_body = TermsBody,
    responses((status = 201, description = "Added", body = ServiceAnswer,
               headers(("Location" = String, description = "The service's address")))),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
    body: Body,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    let terms = body.read::<TermsBody>()?.terms()?;
    let made = api.db.add_service(id, &terms, api.clock.now()).await?;
    let service = made.ok_or_else(ApiError::not_found)?;
    api.wake();
    let location = api.address(&format!("api/v1/providers/{id}/services/{service}"));
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(one(&api, id, service).await?)).into_response())
}

/// Read a service
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}/services/{service}", tag = "services", operation_id = "readService",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("service" = Uuid, Path, description = "The service's id; also of one that is no longer offered"),
    ),
    responses((status = 200, description = "The service", body = ServiceAnswer)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Ids(id, service): Ids<ProviderId, ServiceId>,
    query: Query,
) -> Result<Json<ServiceAnswer>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    Ok(Json(one(&api, id, service).await?))
}

/// Replace a service's terms
///
/// Of all bookings to come; those that were made keep what was agreed.
#[utoipa::path(
    put, path = "/api/v1/providers/{provider}/services/{service}", tag = "services", operation_id = "replaceService",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("service" = Uuid, Path, description = "The service's id"),
    ),
    request_body = TermsBody,
    responses(
        (status = 200, description = "The service as it is now", body = ServiceAnswer),
        (status = 409, description = "`service_withdrawn`: it is no longer offered", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn replace(
    State(api): State<Api>,
    caller: Caller,
    Ids(id, service): Ids<ProviderId, ServiceId>,
    query: Query,
    body: Body,
) -> Result<Json<ServiceAnswer>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    one(&api, id, service).await?;
    let terms = body.read::<TermsBody>()?.terms()?;
    if !api.db.change_service(id, service, &terms, api.clock.now()).await? {
        return Err(ApiError::new(Code::ServiceWithdrawn, "this service is no longer offered"));
    }
    api.wake();
    Ok(Json(one(&api, id, service).await?))
}

/// Offer a service no longer
///
/// The bookings of it stand. This cannot be undone: add it anew.
#[utoipa::path(
    delete, path = "/api/v1/providers/{provider}/services/{service}", tag = "services",
    operation_id = "withdrawService",
    params(
        ("provider" = Uuid, Path, description = "The provider's id"),
        ("service" = Uuid, Path, description = "The service's id"),
    ),
    responses((status = 200, description = "The service, no longer offered", body = ServiceAnswer)),
)]
pub(crate) async fn withdraw(
    State(api): State<Api>,
    caller: Caller,
    Ids(id, service): Ids<ProviderId, ServiceId>,
    query: Query,
) -> Result<Json<ServiceAnswer>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    one(&api, id, service).await?;
    // One that was withdrawn before is answered alike.
    api.db.withdraw_service(id, service, api.clock.now()).await?;
    api.wake();
    Ok(Json(one(&api, id, service).await?))
}
