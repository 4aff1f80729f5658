//! What Microsoft's refusals mean (reference sheet, sections 2.4, 6.2, 9 and 13). They are told apart by status and code,
//! in whatever letter case (3.2), never by their texts.

use crate::call::sanitized;
use crate::http::Answer;
use serde_json::Value;
use simone_sync::platform::{PlatformError, TokenError};

/// What a refused request had asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Something of its own.
    Anew,
    /// To go on from a link that Microsoft gave, which may have expired.
    Resume,
}

/// How deep codes are looked for in an error.
const DEEPEST: usize = 4;

/// The codes of an error, the outermost first, which names it; `None` if the body is no error of Microsoft's, such as a
/// page of a proxy.
fn codes(body: &[u8]) -> Option<Vec<String>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut error = body.get("error")?;
    if let Some(code) = error.as_str() {
        return Some(vec![sanitized(code)]);
    }
    let mut codes = Vec::new();
    for _ in 0..DEEPEST {
        let fields = error.as_object()?;
        codes.extend(fields.get("code").and_then(Value::as_str).map(sanitized));
        match fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("innererror")) {
            Some((_, inner)) if inner.is_object() => error = inner,
            _ => break,
        }
    }
    Some(codes)
}

/// The codes with which a delta link is said to be of no use any more.
fn is_of_an_expired_link(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    matches!(code.as_str(), "syncstatenotfound" | "syncstateinvalid" | "resyncrequired")
        || code.starts_with("resyncapply")
        || code.starts_with("resyncupload")
}

/// What an answer that is no success means.
pub(super) fn classify(answer: &Answer, asked: Asked) -> PlatformError {
    let Answer { status, retry_after, .. } = *answer;
    let said = codes(&answer.body);
    let understood = said.is_some();
    let said = said.unwrap_or_default();
    let names =
        |known: &[&str]| said.iter().any(|code| known.iter().any(|name| name.eq_ignore_ascii_case(code)));
    let code = said.first().cloned().unwrap_or_default();
    let unavailable = |reason: String| PlatformError::Unavailable { reason, retry_after };
    match status {
        400..500 if said.iter().any(|code| is_of_an_expired_link(code)) => PlatformError::CursorExpired,
        401 => PlatformError::Unauthorized,
        429 | 509 => PlatformError::RateLimited { retry_after },
        403 | 503
            if names(&[
                "ApplicationThrottled",
                "TooManyRequests",
                "activityLimitReached",
                "ErrorTooManyObjectsOpened",
                "ErrorExceededConnectionCount",
            ]) =>
        {
            PlatformError::RateLimited { retry_after }
        }
        // Only as the outermost word: inside others it says why one calendar may not be seen.
        403 if ["Authorization_RequestDenied", "AccessDenied"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&code)) =>
        {
            PlatformError::MissingScopes
        }
        // A way in between refuses, not Microsoft: it proves nothing of the calendar.
        403 | 404 | 410 if !understood => unavailable(format!("status {status} without a code")),
        403 => PlatformError::Forbidden { code },
        // There is no mailbox in the cloud, and so no calendar: neither waiting nor reconnecting helps.
        404 if names(&["MailboxNotEnabledForRESTAPI", "ErrorInvalidUser"]) => PlatformError::NoCalendars,
        404 => PlatformError::NotFound,
        410 if asked == Asked::Resume => PlatformError::CursorExpired,
        410 => PlatformError::NotFound,
        400 | 409 if names(&["ErrorDuplicateTransactionId"]) => PlatformError::Exists,
        409 | 412 if names(&["ErrorIrresolvableConflict"]) => PlatformError::Changed,
        412 if understood => PlatformError::Changed,
        // Writes that overlap (7.4): the next try finds it settled.
        409 if understood => unavailable(format!("status {status} {code}")),
        // The link was all that was said: one that is garbled or of another time is of no use.
        400 if asked == Asked::Resume && understood => PlatformError::CursorExpired,
        // 423: the mailbox is being moved.
        408 | 423 | 424 | 500.. => unavailable(format!("status {status}")),
        400..500 => PlatformError::Refused { status, code },
        // Neither a success that we know of, nor a refusal: a redirect to somebody's login page, say.
        _ => unavailable(format!("unexpected status {status}")),
    }
}

/// Whether it is the item itself that is not there, and not its calendar (13).
pub(super) fn is_item_missing(answer: &Answer) -> bool {
    matches!(answer.status, 404 | 410)
        && codes(&answer.body)
            .is_some_and(|codes| codes.iter().any(|code| code.eq_ignore_ascii_case("ErrorItemNotFound")))
}

/// Whether what is wrong is the item, whatever it is, and neither the mailbox nor the calendar.
pub(super) fn is_item_refused(answer: &Answer) -> bool {
    const OF_MORE: [&str; 2] = ["ErrorFolderNotFound", "ErrorNonExistentMailbox"];
    match classify(answer, Asked::Anew) {
        PlatformError::Refused { status, .. } => status == 400,
        PlatformError::Forbidden { .. } => true,
        PlatformError::NotFound => codes(&answer.body).is_some_and(|codes| {
            !codes.iter().any(|code| OF_MORE.iter().any(|name| name.eq_ignore_ascii_case(code)))
        }),
        _ => false,
    }
}

/// What an answer of the token endpoint other than 200 means (2.4): `error` decides, the numbers beside it are for people.
/// Only what says so for certain is the provider's matter or the operator's; anything else proves nothing.
pub(super) fn classify_token(answer: &Answer) -> TokenError {
    let code = codes(&answer.body).unwrap_or_default().into_iter().next().unwrap_or_default();
    match (answer.status, code.as_str()) {
        (429, _) => TokenError::RateLimited { retry_after: answer.retry_after },
        (400..500, "invalid_grant" | "interaction_required" | "consent_required") => {
            TokenError::Dead { code }
        }
        (
            400..500,
            "invalid_client"
            | "invalid_request"
            | "invalid_resource"
            | "invalid_scope"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "unsupported_response_type",
        ) => TokenError::Misconfigured { code },
        (status, "") => TokenError::Unavailable { reason: format!("status {status}") },
        (status, _) => TokenError::Unavailable { reason: format!("status {status} {code}") },
    }
}

#[cfg(test)]
mod tests;
