//! What Google's refusals mean (reference sheet, sections 2.5 and 10). They are told apart by status and reason,
//! never by their texts.

use crate::call::sanitized;
use crate::http::Answer;
use serde_json::Value;
use simone_sync::platform::{PlatformError, TokenError};

/// What a refused request had asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Something of its own.
    Anew,
    /// To go on from a sync token or a page token, which may have expired.
    Resume,
}

/// What an error's body says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// From `errors[].reason`, `details[].reason` and OAuth's `error`; the first one names the error.
    reasons: Vec<String>,
    /// The parameters that it complains of.
    locations: Vec<String>,
}

impl Said {
    /// `None` if the body is no error of Google's, such as a page of a proxy.
    fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = body.get("error")?;
        if let Some(code) = error.as_str() {
            return Some(Self { reasons: vec![sanitized(code)], locations: Vec::new() });
        }
        error.as_object()?;
        let texts = |list: &str, name: &str| -> Vec<String> {
            let entries = error.get(list).and_then(Value::as_array).into_iter().flatten();
            entries.filter_map(|entry| entry.get(name)?.as_str()).map(sanitized).take(16).collect()
        };
        let mut reasons = texts("errors", "reason");
        reasons.extend(texts("details", "reason"));
        reasons.extend(error.get("status").and_then(Value::as_str).map(sanitized));
        Some(Self { reasons, locations: texts("errors", "location") })
    }

    fn names(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|reason| reasons.contains(&reason.as_str()))
    }

    fn code(&self) -> String {
        self.reasons.first().cloned().unwrap_or_default()
    }

    /// Whether it may be the sync token or the page token that is refused.
    fn blames_token(&self) -> bool {
        self.names(&["invalid", "invalidParameter", "badRequest"])
            && self.locations.iter().all(|location| matches!(location.as_str(), "syncToken" | "pageToken"))
    }
}

/// What an answer other than 200 means.
pub(super) fn classify(answer: &Answer, asked: Asked) -> PlatformError {
    let Answer { status, retry_after, .. } = *answer;
    let said = Said::read(&answer.body);
    let understood = said.is_some();
    let said = said.unwrap_or_default();
    let code = said.code();
    let unavailable = |reason: String| PlatformError::Unavailable { reason, retry_after };
    match status {
        401 => PlatformError::Unauthorized,
        403 | 429 if said.names(&["quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"]) => {
            PlatformError::QuotaExhausted { retry_after }
        }
        403 if said.names(&["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"]) => {
            PlatformError::RateLimited { retry_after }
        }
        429 => PlatformError::RateLimited { retry_after },
        403 if said.names(&[
            "insufficientPermissions",
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "insufficient_scope",
        ]) =>
        {
            PlatformError::MissingScopes
        }
        403 if said.names(&["accessNotConfigured", "SERVICE_DISABLED"]) => {
            PlatformError::Refused { status, code }
        }
        403 if said.names(&["notACalendarUser"]) => PlatformError::NoCalendars,
        // A way in between refuses, not Google: it proves nothing of the calendar.
        403 | 404 | 410 if !understood => unavailable(format!("status {status} without a reason")),
        403 => PlatformError::Forbidden { code },
        404 => PlatformError::NotFound,
        410 if said.names(&["fullSyncRequired", "updatedMinTooLongAgo"]) => PlatformError::CursorExpired,
        410 if said.names(&["deleted"]) => PlatformError::NotFound,
        410 if asked == Asked::Resume => PlatformError::CursorExpired,
        409 if said.names(&["duplicate"]) => PlatformError::Exists,
        // Two writes at once on the same data (reference sheet 10): the next try finds it settled.
        409 if understood => unavailable(format!("status {status} {code}")),
        412 if understood => PlatformError::Changed,
        400 if asked == Asked::Resume && said.blames_token() => PlatformError::CursorExpired,
        408 | 500.. => unavailable(format!("status {status}")),
        400..500 => PlatformError::Refused { status, code },
        // Neither a success that we know of, nor a refusal: a redirect to somebody's login page, say.
        _ => unavailable(format!("unexpected status {status}")),
    }
}

/// What an answer of the token endpoint other than 200 means (reference sheet 2.5). Only what says so for certain
/// is the provider's matter or the operator's; anything else proves nothing.
pub(super) fn classify_token(answer: &Answer) -> TokenError {
    let code = Said::read(&answer.body).unwrap_or_default().code();
    match (answer.status, code.as_str()) {
        (429, _) => TokenError::RateLimited { retry_after: answer.retry_after },
        (400, "invalid_grant" | "interaction_required" | "consent_required") => TokenError::Dead { code },
        (
            400..500,
            "deleted_client"
            | "invalid_client"
            | "invalid_request"
            | "invalid_scope"
            | "redirect_uri_mismatch"
            | "unauthorized_client"
            | "unsupported_grant_type",
        ) => TokenError::Misconfigured { code },
        (status, "") => TokenError::Unavailable { reason: format!("status {status}") },
        (status, _) => TokenError::Unavailable { reason: format!("status {status} {code}") },
    }
}

#[cfg(test)]
mod tests;
