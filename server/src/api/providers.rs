//! Providers: a marketplace adds them, keeps their names right, and lets them in.

use super::auth::Caller;
use super::error::{ApiError, Code};
use super::input::{self, Email, Id, Json as Body, Name, Query, Zone, present};
use super::{Api, cursor, told};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use simone_booking::{Locale, ProviderId};
use simone_store::views::api::ProviderRecord;
use simone_store::{NewProvider, ProviderChanges};
use utoipa::ToSchema;
use uuid::Uuid;

/// A professional who offers services.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderAnswer {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    /// The zone in which their days begin and end: an IANA name.
    pub time_zone: String,
    #[schema(value_type = Language)]
    pub locale: Locale,
    /// Whether they allow titles and their accounts' addresses to be told here: their own choice, on their account page.
    /// What they marked private in their calendar is never told.
    pub titles_shared: bool,
    pub created_at: DateTime<Utc>,
}

/// A language of the pages and e-mails.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes `Locale`, whose crate knows nothing of OpenAPI")]
pub(crate) enum Language {
    Fr,
    En,
}

impl From<ProviderRecord> for ProviderAnswer {
    fn from(record: ProviderRecord) -> Self {
        Self {
            id: record.id.0,
            name: record.name,
            email: record.email,
            time_zone: record.zone.name().to_owned(),
            locale: record.locale,
            titles_shared: record.share_titles,
            created_at: record.created_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Providers)]
pub(crate) struct ProvidersPage {
    pub items: Vec<ProviderAnswer>,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    pub next: Option<String>,
}

/// A provider to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProviderBody {
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Name,
    /// Where links to log in are sent. No two providers have the same.
    #[schema(value_type = String, max_length = 254, format = "email", example = "ana@example.com")]
    email: Email,
    /// An IANA name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, default = "Europe/Paris", example = "Europe/Lisbon", nullable = false)]
    time_zone: Option<Zone>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Language, nullable = false)]
    locale: Option<input::Language>,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderChangesBody {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, min_length = 1, max_length = 200, nullable = false)]
    name: Option<Name>,
    /// An IANA name. Another zone moves the provider's days, and what blocks them whole.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, example = "Europe/Lisbon", nullable = false)]
    time_zone: Option<Zone>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Language, nullable = false)]
    locale: Option<input::Language>,
}

/// A link that lets a provider in, once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginLink {
    /// A secret. Opening it changes nothing; the button on the page logs in.
    #[schema(format = "uri")]
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

/// A provider is being erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErasureRequested {
    pub provider_id: Uuid,
    pub requested_at: DateTime<Utc>,
}

/// A provider that this caller reaches.
pub(crate) async fn reached(api: &Api, caller: &Caller, id: ProviderId) -> Result<ProviderRecord, ApiError> {
    caller.needs(id)?;
    api.db.provider_record(id).await?.ok_or_else(ApiError::not_found)
}

/// Add a provider
///
/// They have no connection yet: let them in with a login link, and they connect their calendars.
#[utoipa::path(
    post, path = "/api/v1/providers", tag = "providers", operation_id = "createProvider",
    request_body = NewProviderBody,
    responses(
        (status = 201, description = "Added", body = ProviderAnswer,
         headers(("Location" = String, description = "The provider's address"))),
        (status = 409, description = "`email_taken`: another provider has this e-mail address", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    caller: Caller,
    query: Query,
    body: Body,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    caller.needs_all()?;
    let body: NewProviderBody = body.read()?;
    let new = NewProvider {
        name: body.name.0,
        email: body.email.0,
        zone: body.time_zone.map_or(chrono_tz::Europe::Paris, |zone| zone.0),
        locale: body.locale.map_or_else(Locale::default, |language| language.0),
    };
    let Some(id) = api.db.register_provider(&new, &caller.actor(), api.clock.now()).await? else {
        return Err(ApiError::new(Code::EmailTaken, "another provider has this e-mail address").at("email"));
    };
    tracing::info!(provider = %id, by = caller.actor(), "a provider was added");
    let answer: ProviderAnswer = reached(&api, &caller, id).await?.into();
    let location = api.address(&format!("api/v1/providers/{id}"));
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(answer)).into_response())
}

/// List providers
///
/// In the order in which they were added.
#[utoipa::path(
    get, path = "/api/v1/providers", tag = "providers", operation_id = "listProviders",
    params(
        ("limit" = Option<i64>, Query, description = "Rows on a page: 50 unless told, 100 at most", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "The `next` of the page before this one", min_length = 22, max_length = 22),
    ),
    responses(
        (status = 200, description = "A page of them", body = ProvidersPage),
    ),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    caller: Caller,
    query: Query,
) -> Result<Json<ProvidersPage>, ApiError> {
    let query = query.only(&["limit", "after"])?;
    caller.needs_all()?;
    let (limit, after) = (query.limit()?, query.after(cursor::read_of)?);
    let rows = api.db.provider_records(after, limit + 1).await?;
    let (rows, next) = cursor::page(rows, limit, |last| cursor::of(last.id.0));
    Ok(Json(ProvidersPage { items: told(rows), next }))
}

/// Read a provider
#[utoipa::path(
    get, path = "/api/v1/providers/{provider}", tag = "providers", operation_id = "readProvider",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    responses((status = 200, description = "The provider", body = ProviderAnswer)),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Json<ProviderAnswer>, ApiError> {
    query.only(&[])?;
    Ok(Json(reached(&api, &caller, id).await?.into()))
}

/// Change a provider
#[utoipa::path(
    patch, path = "/api/v1/providers/{provider}", tag = "providers", operation_id = "changeProvider",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    request_body = ProviderChangesBody,
    responses((status = 200, description = "The provider as they are now", body = ProviderAnswer)),
)]
pub(crate) async fn change(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
    body: Body,
) -> Result<Json<ProviderAnswer>, ApiError> {
    query.only(&[])?;
    reached(&api, &caller, id).await?;
    let body: ProviderChangesBody = body.read()?;
    let changes = ProviderChanges {
        name: body.name.map(|name| name.0),
        zone: body.time_zone.map(|zone| zone.0),
        locale: body.locale.map(|language| language.0),
    };
    if !api.db.change_provider(id, &changes, &caller.actor(), api.clock.now()).await? {
        return Err(ApiError::not_found());
    }
    // Another zone is derived anew.
    api.wake();
    Ok(Json(reached(&api, &caller, id).await?.into()))
}

/// Erase a provider
///
/// From now on they are not found here, they are logged out everywhere, and what was read of their calendars is gone. What
/// they allowed is then withdrawn at the platforms, within a day; with that the last of them goes, and they are told by
/// e-mail. Until then their e-mail address stays taken. This cannot be undone.
#[utoipa::path(
    delete, path = "/api/v1/providers/{provider}", tag = "providers", operation_id = "eraseProvider",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    responses((status = 202, description = "Asked for", body = ErasureRequested)),
)]
pub(crate) async fn erase(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    caller.needs(id)?;
    let now = api.clock.now();
    if !api.db.request_erasure(id, &caller.actor(), now).await? {
        return Err(ApiError::not_found());
    }
    tracing::info!(provider = %id, by = caller.actor(), "a provider is being erased");
    api.wake();
    Ok((StatusCode::ACCEPTED, Json(ErasureRequested { provider_id: id.0, requested_at: now }))
        .into_response())
}

/// Let a provider in
///
/// Makes a link that logs them in once, like the one that they get by e-mail. It works for 15 minutes.
#[utoipa::path(
    post, path = "/api/v1/providers/{provider}/login-link", tag = "providers", operation_id = "makeLoginLink",
    params(("provider" = Uuid, Path, description = "The provider's id")),
    responses((status = 201, description = "The link", body = LoginLink)),
)]
pub(crate) async fn login_link(
    State(api): State<Api>,
    caller: Caller,
    Id(id): Id<ProviderId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[])?;
    caller.needs(id)?;
    let token = URL_SAFE_NO_PAD.encode(api.ids.bytes::<32>());
    let made = api.db.make_login_link(id, &token, &caller.actor(), api.clock.now()).await?;
    let expires_at = made.ok_or_else(ApiError::not_found)?;
    let link = LoginLink { url: api.address(&format!("login/{token}")), expires_at };
    Ok((StatusCode::CREATED, Json(link)).into_response())
}
