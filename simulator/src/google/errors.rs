//! The API's errors, in Google's own words (3.1, 10).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::switches::QuotaStatus;
use crate::faults::{Fault, Kind};

#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    domain: &'static str,
    reason: String,
    message: String,
    /// `parameter` or `header`, and its name.
    location: Option<(&'static str, String)>,
    front_end: Option<FrontEnd>,
}

/// Errors of the front end, which say more: another outer message, the canonical status, details, a header.
#[derive(Clone, Copy, Debug)]
enum FrontEnd {
    InvalidToken,
    InsufficientScope,
}

impl ApiError {
    pub fn new(status: StatusCode, domain: &'static str, reason: &str, message: impl Into<String>) -> Self {
        ApiError {
            status,
            domain,
            reason: reason.to_owned(),
            message: message.into(),
            location: None,
            front_end: None,
        }
    }

    fn bad(reason: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "global", reason, message)
    }

    fn at(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.location = Some((kind, name.into()));
        self
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::bad("invalid", message)
    }

    pub fn required(message: impl Into<String>) -> Self {
        Self::bad("required", message)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::bad("badRequest", message)
    }

    pub fn parse() -> Self {
        Self::bad("parseError", "Parse Error")
    }

    pub fn invalid_parameter(name: &str, message: impl Into<String>) -> Self {
        Self::bad("invalidParameter", message).at("parameter", name)
    }

    pub fn time_range_empty() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "calendar", "timeRangeEmpty", "The specified time range is empty.")
            .at("parameter", "timeMax")
    }

    pub fn time_range_too_long() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "calendar",
            "timeRangeTooLong",
            "The requested time range is too long.",
        )
        .at("parameter", "timeMax")
    }

    /// The exact body is not known (14); the status is.
    pub fn not_with_sync_token(name: &str) -> Self {
        Self::bad("badRequest", format!("Sync token cannot be used with {name}."))
            .at("parameter", "syncToken")
    }

    pub fn bad_sync_token() -> Self {
        Self::bad("invalid", "Invalid sync token value.").at("parameter", "syncToken")
    }

    pub fn bad_page_token() -> Self {
        Self::bad("invalid", "Invalid page token value.").at("parameter", "pageToken")
    }

    pub fn login_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "global", "required", "Login Required")
            .at("header", "Authorization")
    }

    pub fn bad_credentials() -> Self {
        let mut error = Self::new(StatusCode::UNAUTHORIZED, "global", "authError", "Invalid Credentials")
            .at("header", "Authorization");
        error.front_end = Some(FrontEnd::InvalidToken);
        error
    }

    pub fn missing_scope() -> Self {
        let mut error = Self::new(
            StatusCode::FORBIDDEN,
            "global",
            "insufficientPermissions",
            "Insufficient Permission: Request had insufficient authentication scopes.",
        );
        error.front_end = Some(FrontEnd::InsufficientScope);
        error
    }

    /// Of one user, or of the whole project (10).
    pub fn rate_limit(of_user: bool, status: QuotaStatus) -> Self {
        let (status, reason, message) = match (status, of_user) {
            (QuotaStatus::Forbidden, true) => {
                (StatusCode::FORBIDDEN, "userRateLimitExceeded", "User Rate Limit Exceeded")
            }
            (QuotaStatus::Forbidden, false) => {
                (StatusCode::FORBIDDEN, "rateLimitExceeded", "Rate Limit Exceeded")
            }
            (QuotaStatus::TooMany, _) => {
                (StatusCode::TOO_MANY_REQUESTS, "rateLimitExceeded", "Rate Limit Exceeded")
            }
        };
        Self::new(status, "usageLimits", reason, message)
    }

    pub fn usage_limit() -> Self {
        Self::new(StatusCode::FORBIDDEN, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded.")
    }

    pub fn no_owner_access() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "calendar",
            "requiredAccessLevel",
            "You need to have owner access to this calendar.",
        )
    }

    pub fn own_access() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "calendar",
            "cannotChangeOwnAcl",
            "Cannot change your own access level.",
        )
    }

    pub fn no_writer_access() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "calendar",
            "requiredAccessLevel",
            "You need to have writer access to this calendar.",
        )
    }

    pub fn not_the_organizer() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "calendar",
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        )
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "global", "forbidden", "Forbidden")
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "global", "notFound", "Not Found")
    }

    pub fn duplicate() -> Self {
        Self::new(StatusCode::CONFLICT, "global", "duplicate", "The requested identifier already exists.")
    }

    pub fn full_sync_required() -> Self {
        Self::new(
            StatusCode::GONE,
            "calendar",
            "fullSyncRequired",
            "Sync token is no longer valid, a full sync is required.",
        )
        .at("parameter", "syncToken")
    }

    pub fn updated_min_too_long_ago() -> Self {
        Self::new(
            StatusCode::GONE,
            "calendar",
            "updatedMinTooLongAgo",
            "The requested minimum modification time lies too far in the past.",
        )
        .at("parameter", "updatedMin")
    }

    pub fn already_deleted() -> Self {
        Self::new(StatusCode::GONE, "global", "deleted", "Resource has been deleted")
    }

    pub fn precondition() -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "global", "conditionNotMet", "Precondition Failed")
            .at("header", "If-Match")
    }

    pub fn event_type(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "calendar", "eventTypeRestriction", message)
    }

    pub fn channel_id_invalid() -> Self {
        Self::bad("push.channelIdInvalid", "Invalid channel id.")
    }

    pub fn channel_id_not_unique(id: &str) -> Self {
        Self::bad("channelIdNotUnique", format!("Channel id {id} not unique"))
    }

    pub fn not_https(address: &str) -> Self {
        Self::bad("push.webhookUrlNotHttps", format!("WebHook callback must be HTTPS: {address}"))
    }

    pub fn push_not_supported() -> Self {
        Self::bad(
            "pushNotSupportedForRequestedResource",
            "Push notifications are not supported by this resource.",
        )
    }

    pub fn no_channel(id: &str, project: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "global",
            "notFound",
            format!("Channel '{id}' not found for project '{project}'"),
        )
    }

    fn body(&self) -> Value {
        let mut error = json!({"domain": self.domain, "reason": self.reason, "message": self.message});
        if let Some((kind, name)) = &self.location {
            error["locationType"] = (*kind).into();
            error["location"] = name.as_str().into();
        }
        let mut body =
            json!({"error": {"errors": [error], "code": self.status.as_u16(), "message": self.message}});
        match self.front_end {
            None => {}
            Some(FrontEnd::InvalidToken) => {
                body["error"]["message"] =
                    "Request had invalid authentication credentials. Expected OAuth 2 access \
                     token, login cookie or other valid authentication credential. See \
                     https://developers.google.com/identity/sign-in/web/devconsole-project."
                        .into();
                body["error"]["status"] = "UNAUTHENTICATED".into();
            }
            Some(FrontEnd::InsufficientScope) => {
                body["error"]["message"] = "Request had insufficient authentication scopes.".into();
                body["error"]["status"] = "PERMISSION_DENIED".into();
                body["error"]["details"] = json!([{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                    "domain": "googleapis.com",
                    "metadata": {"service": "calendar-json.googleapis.com"},
                }]);
            }
        }
        body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(front_end) = self.front_end {
            let challenge = match front_end {
                FrontEnd::InvalidToken => {
                    "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""
                }
                FrontEnd::InsufficientScope => {
                    "Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\""
                }
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        (self.status, headers, Json(self.body())).into_response()
    }
}

/// The answer of a fault that answers by itself.
pub(crate) fn from_fault(fault: &Fault) -> Response {
    let status =
        |otherwise| fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(otherwise);
    if fault.kind == Kind::OauthError {
        let mut body = json!({"error": fault.error});
        if let Some(description) = &fault.error_description {
            body["error_description"] = description.as_str().into();
        }
        if let Some(subtype) = &fault.error_subtype {
            body["error_subtype"] = subtype.as_str().into();
        }
        return with_retry_after((status(StatusCode::BAD_REQUEST), Json(body)).into_response(), fault);
    }
    let status = status(StatusCode::INTERNAL_SERVER_ERROR);
    if fault.html {
        let title = format!("Error {} (Server Error)!!1", status.as_u16());
        let page = format!(
            "<!DOCTYPE html><html lang=en><title>{title}</title><p><b>{}.</b> <ins>That’s an error.</ins><p>The server \
             encountered an error and could not complete your request.<p>Please try again in 30 seconds. <ins>That’s \
             all we know.</ins></html>",
            status.as_u16()
        );
        return with_retry_after((status, Html(page)).into_response(), fault);
    }
    let mut error = of_reason(status, fault.reason.as_deref());
    if let Some(message) = &fault.message {
        error.message.clone_from(message);
    }
    with_retry_after(error.into_response(), fault)
}

fn with_retry_after(mut response: Response, fault: &Fault) -> Response {
    if let Some(value) = fault.retry_after.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The catalogue's entry for a status and a reason; without a reason, the usual one of the status.
fn of_reason(status: StatusCode, reason: Option<&str>) -> ApiError {
    let (domain, reason, message) = match (status.as_u16(), reason) {
        (401, None | Some("authError")) => return ApiError::bad_credentials(),
        (401, Some("required")) => return ApiError::login_required(),
        (403, Some("insufficientPermissions")) => return ApiError::missing_scope(),
        (403, Some("requiredAccessLevel")) => return ApiError::no_writer_access(),
        (403, Some("forbiddenForNonOrganizer")) => return ApiError::not_the_organizer(),
        (403, Some("forbidden")) => return ApiError::forbidden(),
        (409, None | Some("duplicate")) => return ApiError::duplicate(),
        (410, None | Some("fullSyncRequired")) => return ApiError::full_sync_required(),
        (410, Some("updatedMinTooLongAgo")) => return ApiError::updated_min_too_long_ago(),
        (410, Some("deleted")) => return ApiError::already_deleted(),
        (412, None | Some("conditionNotMet")) => return ApiError::precondition(),
        (403, None | Some("userRateLimitExceeded")) => {
            ("usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded")
        }
        (403 | 429, None | Some("rateLimitExceeded")) => {
            ("usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
        }
        (403, Some("quotaExceeded")) => ("usageLimits", "quotaExceeded", "Calendar usage limits exceeded."),
        (403, Some("dailyLimitExceeded")) => ("usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded"),
        (403, Some("accessNotConfigured")) => (
            "usageLimits",
            "accessNotConfigured",
            "Access Not Configured. Google Calendar API has not been used in this project before or it is disabled.",
        ),
        (403, Some("notACalendarUser")) => {
            ("calendar", "notACalendarUser", "The user must be signed up for Google Calendar.")
        }
        (404, None | Some("notFound")) => ("global", "notFound", "Not Found"),
        (409, Some("conflict")) => ("global", "conflict", "Conflict"),
        (_, Some(reason)) => ("global", reason, "Error"),
        (500.., None) => ("global", "backendError", "Backend Error"),
        (_, None) => ("global", "badRequest", "Bad Request"),
    };
    ApiError::new(status, domain, reason, message)
}
