//! Errors of Graph (3.2 and 13).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::front;
use crate::faults::{Fault, Kind};

pub(crate) type GraphResult<T> = Result<T, GraphError>;

/// An error as Graph answers it.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub headers: Vec<(HeaderName, String)>,
}

impl GraphError {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn unauthorized(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message).with(header::WWW_AUTHENTICATE, CHALLENGE)
    }

    pub fn missing_scope() -> Self {
        Self::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    /// The signed-in user has no mailbox in the cloud (2.6).
    pub fn no_mailbox() -> Self {
        Self::new(404, "MailboxNotEnabledForRESTAPI", NO_MAILBOX)
    }

    /// A path that leads nowhere.
    pub fn no_segment(name: &str) -> Self {
        Self::new(400, "BadRequest", format!("Resource not found for the segment '{name}'."))
    }

    pub fn not_found() -> Self {
        Self::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "ErrorInvalidRequest", message)
    }
}

/// What an error is found again by (3.2).
fn inner() -> Value {
    match front::ids() {
        Some(ids) => json!({
            "date": ids.at.format("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": ids.request,
            "client-request-id": ids.client,
        }),
        None => json!({}),
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message, "innerError": inner()}});
        let mut response = (self.status, Json(body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The answer of a fault that answers by itself. `of_token`: of the token endpoint, which has errors of its own (2.4).
pub(crate) fn from_fault(fault: &Fault, of_token: bool) -> Response {
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = if fault.html {
        let reason = status.canonical_reason().unwrap_or("Error");
        let page = format!(
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n<HTML><HEAD>\
             <TITLE>{reason}</TITLE></HEAD>\r\n<BODY><h2>{reason}</h2>\r\n<hr><p>HTTP Error {}. The service is \
             unavailable.</p>\r\n</BODY></HTML>\r\n",
            status.as_u16(),
        );
        (status, Html(page)).into_response()
    } else if fault.kind == Kind::OauthError || of_token {
        let status = if fault.status.is_none() { StatusCode::BAD_REQUEST } else { status };
        let error = fault.error.as_deref().or(fault.reason.as_deref()).unwrap_or("temporarily_unavailable");
        let text = fault.error_description.as_deref().or(fault.message.as_deref());
        let text = text.unwrap_or("AADSTS90033: A transient error has occurred. Please try again.");
        let mut body = json!({"error": error, "error_description": text});
        if let Some(suberror) = &fault.error_subtype {
            body["suberror"] = suberror.as_str().into();
        }
        (status, Json(body)).into_response()
    } else {
        let (code, message) = usual(status.as_u16(), fault.reason.as_deref());
        let code = fault.reason.as_deref().unwrap_or(code);
        let message = fault.message.as_deref().unwrap_or(message);
        let body = json!({"error": {"code": code, "message": message, "innerError": inner()}});
        (status, Json(body)).into_response()
    };
    if status == StatusCode::UNAUTHORIZED && !fault.html && !of_token {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if let Some(value) = fault.retry_after.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// The catalogue's entry for a status and a code; without a code, the usual one of the status (13).
fn usual(status: u16, code: Option<&str>) -> (&'static str, &'static str) {
    match (status, code) {
        (401, _) => ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
        (403, Some("Authorization_RequestDenied")) => {
            ("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        }
        (403, _) => ("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
        (404, Some("MailboxNotEnabledForRESTAPI")) => ("MailboxNotEnabledForRESTAPI", NO_MAILBOX),
        (404, Some("ResourceNotFound")) => ("ResourceNotFound", "The object was not found."),
        (404, Some("ErrorFolderNotFound")) => {
            ("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        }
        (404, _) => ("ErrorItemNotFound", "The specified object was not found in the store."),
        (409 | 412, _) => (
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does not \
             match the current change key for the item.",
        ),
        (410, Some("resyncRequired")) => ("resyncRequired", "Resync is required."),
        (400 | 410, _)
            if status == 410 || code.is_some_and(|code| code.eq_ignore_ascii_case("syncstatenotfound")) =>
        {
            (
                "SyncStateNotFound",
                "The sync state generation is not found; generation=149;[highest=157][157][155][156].",
            )
        }
        (423, _) => ("Locked", "The resource is locked."),
        (429, Some("TooManyRequests")) => ("TooManyRequests", "Too many requests."),
        (429, Some("activityLimitReached")) => {
            ("activityLimitReached", "The app or user has been throttled.")
        }
        (429, _) => ("ApplicationThrottled", "Application is over its MailboxConcurrency limit."),
        (503, Some("ErrorMailboxMoveInProgress")) => {
            ("ErrorMailboxMoveInProgress", "Mailbox move in progress. Try again later.")
        }
        (503, _) => ("ServiceUnavailable", "The service is unavailable."),
        (504, _) => ("UnknownError", ""),
        (500.., _) => ("InternalServerError", "The server encountered an internal error."),
        _ => ("BadRequest", "Bad Request"),
    }
}

const NO_MAILBOX: &str = "REST API is not yet supported for this mailbox.";
const CHALLENGE: &str = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
                         client_id=\"00000003-0000-0000-c000-000000000000\"";
