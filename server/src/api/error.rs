//! What goes wrong, as the API says it: a status, a stable code, and a sentence for whoever writes the client.

use super::availability::Slot;
use axum::Json;
use axum::http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use simone_booking::Interval;
use simone_sync::ports::StoreError;
use std::borrow::Cow;
use std::sync::Arc;
use utoipa::ToSchema;

/// Seconds after which a client may ask again when the database is away.
const OUTAGE_PAUSE: u64 = 5;
/// A message repeats what was sent; no more than this of it.
const LONGEST_MESSAGE: usize = 300;

/// Which kind of error. A code keeps its meaning; new ones may come.
///
/// - `malformed_body`: 400: the body is not JSON in UTF-8, or nested too deep.
/// - `invalid_parameter`: 400: the value of a query parameter cannot be used; `field` names it.
/// - `unknown_parameter`: 400: there is no such query parameter here; `field` names it.
/// - `repeated_parameter`: 400: a query parameter stands there twice; `field` names it.
/// - `unauthorized`: 401: no token, an unknown one, or one that was withdrawn.
/// - `forbidden`: 403: the token reaches one provider, and this concerns the whole installation.
/// - `not_found`: 404: there is no such thing, or the token does not reach it.
/// - `method_not_allowed`: 405: the address does not know this method.
/// - `email_taken`: 409: another provider has this e-mail address.
/// - `not_connected`: 409: the provider has to reconnect this account first, or is disconnecting it.
/// - `slot_taken`: 409: the time is no longer free; `alternatives` holds the nearest ones that are.
/// - `not_ready`: 409: a calendar of the provider is being read for the first time; nothing can be booked yet.
/// - `idempotency_key_reused`: 409: the `Idempotency-Key` was used for another request.
/// - `booking_cancelled`: 409: the booking is cancelled, and cannot be changed any more.
/// - `booking_over`: 409: the appointment is over, and cannot be changed any more.
/// - `service_withdrawn`: 409: the service is no longer offered, and cannot be changed any more.
/// - `booking_changed`: 412: the booking no longer stands at the revision that was named.
/// - `body_too_large`: 413: the body is larger than 64 KiB.
/// - `unsupported_media_type`: 415: the body is not declared as `application/json`.
/// - `invalid_field`: 422: a field of the body is missing, unknown, or has a value that cannot be used; `field` names it.
/// - `outside_hours`: 422: the provider does not work then; `alternatives` holds the nearest times that are free.
/// - `slot_past`: 422: the time is over.
/// - `slot_too_soon`: 422: the time is nearer than the provider's notice.
/// - `beyond_horizon`: 422: the time is further ahead than can be booked.
/// - `rate_limited`: 429: too many requests with this token, or too many wrong tokens from this address.
/// - `internal`: 500: our mistake.
/// - `unavailable`: 503: the database is away for the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ErrorCode)]
pub(crate) enum Code {
    MalformedBody,
    InvalidParameter,
    UnknownParameter,
    RepeatedParameter,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    EmailTaken,
    NotConnected,
    SlotTaken,
    NotReady,
    IdempotencyKeyReused,
    BookingCancelled,
    BookingOver,
    ServiceWithdrawn,
    BookingChanged,
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidField,
    OutsideHours,
    SlotPast,
    SlotTooSoon,
    BeyondHorizon,
    RateLimited,
    Internal,
    Unavailable,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::MalformedBody
            | Self::InvalidParameter
            | Self::UnknownParameter
            | Self::RepeatedParameter => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::EmailTaken
            | Self::NotConnected
            | Self::SlotTaken
            | Self::NotReady
            | Self::IdempotencyKeyReused
            | Self::BookingCancelled
            | Self::BookingOver
            | Self::ServiceWithdrawn => StatusCode::CONFLICT,
            Self::BookingChanged => StatusCode::PRECONDITION_FAILED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidField
            | Self::OutsideHours
            | Self::SlotPast
            | Self::SlotTooSoon
            | Self::BeyondHorizon => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorDetail {
    pub code: Code,
    /// For people; may change.
    pub message: String,
    /// The field of the body, or the query parameter, that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// With `slot_taken` and `outside_hours`: the nearest times that are free, in the order of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub alternatives: Option<Vec<Slot>>,
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: Code,
    message: Cow<'static, str>,
    field: Option<String>,
    alternatives: Option<Vec<Slot>>,
    /// Seconds.
    retry_after: Option<u64>,
    cause: Option<Cause>,
}

impl ApiError {
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            alternatives: None,
            retry_after: None,
            cause: None,
        }
    }

    /// Names the field or parameter at fault.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// Names what is free instead.
    pub(crate) fn with_alternatives(mut self, slots: &[Interval]) -> Self {
        self.alternatives = Some(slots.iter().copied().map(Slot::from).collect());
        self
    }

    #[cfg(test)]
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn parameter(name: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidParameter, message).at(name)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing, or this token does not reach it")
    }

    /// `seconds` until the next request may be made.
    pub(crate) fn rate_limited(seconds: u64, message: &'static str) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(Code::RateLimited, message) }
    }

    /// More is asked at once than can be answered.
    pub(crate) fn busy() -> Self {
        Self {
            retry_after: Some(OUTAGE_PAUSE),
            ..Self::new(Code::Unavailable, "too much is asked at once; try again in some seconds")
        }
    }
}

impl From<StoreError> for ApiError {
    /// Logged by the layer around all of the API; nothing of it is told.
    fn from(error: StoreError) -> Self {
        let told = match error {
            StoreError::Database(_) => Self {
                retry_after: Some(OUTAGE_PAUSE),
                ..Self::new(Code::Unavailable, "the database does not answer for the moment; try again soon")
            },
            StoreError::LeaseLost | StoreError::Corrupt { .. } => {
                Self::new(Code::Internal, "something went wrong here; it has been noted")
            }
        };
        Self { cause: Some(Cause(Arc::new(error))), ..told }
    }
}

/// What an answer of 5xx comes from, for the log alone.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) Arc<StoreError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { code, message, field, alternatives, retry_after, cause } = self;
        let message: String = message.chars().take(LONGEST_MESSAGE).collect();
        let field = field.map(|field| field.chars().take(LONGEST_MESSAGE).collect());
        let body = ErrorBody { error: ErrorDetail { code, message, field, alternatives } };
        let mut response = (code.status(), Json(body)).into_response();
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if code == Code::BodyTooLarge {
            // What was not read of it still stands in the way of a next request.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if code == Code::Unauthorized {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"simone\""));
        }
        response
    }
}
