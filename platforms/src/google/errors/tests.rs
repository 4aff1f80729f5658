use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const WAIT: Option<Duration> = Some(Duration::from_secs(7));

fn answer(status: u16, body: impl ToString) -> Answer {
    Answer { status, retry_after: WAIT, body: body.to_string().into_bytes() }
}

/// Google's envelope (reference sheet 3.1).
fn envelope(status: u16, domain: &str, reason: &str) -> Value {
    json!({"error": {"errors": [{"domain": domain, "reason": reason, "message": "Ana's dentist"}],
                     "code": status, "message": "Ana's dentist"}})
}

fn refused(status: u16, reason: &str) -> PlatformError {
    classify(&answer(status, envelope(status, "global", reason)), Asked::Anew)
}

/// An error's kind and what it carries, for comparison.
fn shown(error: &PlatformError) -> String {
    format!("{error:?}")
}

#[test]
fn the_catalogue_of_errors() {
    let wait = format!("{WAIT:?}");
    for (status, reason, meaning) in [
        (400, "timeRangeEmpty", "Refused { status: 400, code: \"timeRangeEmpty\" }".to_owned()),
        (400, "invalid", "Refused { status: 400, code: \"invalid\" }".to_owned()),
        (401, "authError", "Unauthorized".to_owned()),
        (401, "required", "Unauthorized".to_owned()),
        (403, "userRateLimitExceeded", format!("RateLimited {{ retry_after: {wait} }}")),
        (403, "rateLimitExceeded", format!("RateLimited {{ retry_after: {wait} }}")),
        (429, "rateLimitExceeded", format!("RateLimited {{ retry_after: {wait} }}")),
        (429, "somethingNew", format!("RateLimited {{ retry_after: {wait} }}")),
        (403, "quotaExceeded", format!("QuotaExhausted {{ retry_after: {wait} }}")),
        (429, "quotaExceeded", format!("QuotaExhausted {{ retry_after: {wait} }}")),
        (403, "dailyLimitExceeded", format!("QuotaExhausted {{ retry_after: {wait} }}")),
        (403, "accessNotConfigured", "Refused { status: 403, code: \"accessNotConfigured\" }".to_owned()),
        (403, "insufficientPermissions", "MissingScopes".to_owned()),
        (403, "notACalendarUser", "NoCalendars".to_owned()),
        (403, "requiredAccessLevel", "Forbidden { code: \"requiredAccessLevel\" }".to_owned()),
        (403, "forbidden", "Forbidden { code: \"forbidden\" }".to_owned()),
        (404, "notFound", "NotFound".to_owned()),
        (409, "duplicate", "Exists".to_owned()),
        (410, "fullSyncRequired", "CursorExpired".to_owned()),
        (410, "updatedMinTooLongAgo", "CursorExpired".to_owned()),
        (410, "deleted", "NotFound".to_owned()),
        (412, "conditionNotMet", "Changed".to_owned()),
        (500, "backendError", format!("Unavailable {{ reason: \"status 500\", retry_after: {wait} }}")),
    ] {
        assert_eq!(shown(&refused(status, reason)), meaning, "{status} {reason}");
    }
}

#[test]
fn newer_errors_tell_their_reason_in_the_details() {
    let scopes = json!({"error": {
        "code": 403, "message": "Request had insufficient authentication scopes.", "status": "PERMISSION_DENIED",
        "errors": [{"message": "Insufficient Permission", "domain": "global", "reason": "insufficientPermissions"}],
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                     "domain": "googleapis.com", "metadata": {"service": "calendar-json.googleapis.com"}}]
    }});
    assert!(matches!(classify(&answer(403, &scopes), Asked::Anew), PlatformError::MissingScopes));
    let details_alone = |reason: &str| {
        let body =
            json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": reason}]}});
        classify(&answer(403, body), Asked::Anew)
    };
    assert!(matches!(details_alone("ACCESS_TOKEN_SCOPE_INSUFFICIENT"), PlatformError::MissingScopes));
    assert!(matches!(details_alone("RATE_LIMIT_EXCEEDED"), PlatformError::RateLimited { .. }));
    assert!(matches!(details_alone("SERVICE_DISABLED"), PlatformError::Refused { status: 403, .. }));
    let status_alone = json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}});
    let error = classify(&answer(403, status_alone), Asked::Anew);
    assert!(matches!(error, PlatformError::Forbidden { code } if code == "PERMISSION_DENIED"));
}

#[test]
fn a_refusal_that_is_not_googles_proves_nothing() {
    for status in [403, 404, 410, 500, 502, 503, 504, 408, 301, 302, 304, 204] {
        for body in ["", "<html>Ana's dentist</html>", "[]", "{}", "null", "{\"error\":7}", "{\"error\":"] {
            match classify(&answer(status, body), Asked::Resume) {
                PlatformError::Unavailable { reason, retry_after } => {
                    assert!(reason.contains(&status.to_string()), "{reason}");
                    assert!(!reason.contains("Ana"), "{reason}");
                    assert_eq!(retry_after, WAIT);
                }
                other => panic!("{status} {body}: {other:?}"),
            }
        }
    }
    assert!(matches!(classify(&answer(401, ""), Asked::Anew), PlatformError::Unauthorized));
    assert!(matches!(
        classify(&answer(429, "<html>"), Asked::Anew),
        PlatformError::RateLimited { retry_after: WAIT }
    ));
}

#[test]
fn a_token_that_is_refused_means_a_full_listing() {
    let blamed = |status: u16, reason: &str, location: Option<&str>, asked: Asked| {
        let mut body = envelope(status, "global", reason);
        if let Some(location) = location {
            body["error"]["errors"][0]["locationType"] = json!("parameter");
            body["error"]["errors"][0]["location"] = json!(location);
        }
        matches!(classify(&answer(status, body), asked), PlatformError::CursorExpired)
    };
    for location in [Some("syncToken"), Some("pageToken"), None] {
        for reason in ["invalid", "invalidParameter", "badRequest"] {
            assert!(blamed(400, reason, location, Asked::Resume), "{reason} {location:?}");
            assert!(!blamed(400, reason, location, Asked::Anew), "{reason} {location:?}");
        }
    }
    // It is something else that is wrong: listing in full would not help.
    assert!(!blamed(400, "invalid", Some("maxResults"), Asked::Resume));
    assert!(!blamed(400, "timeRangeEmpty", Some("timeMax"), Asked::Resume));
    // 410 has three meanings, and perhaps a fourth one.
    assert!(!blamed(410, "deleted", None, Asked::Resume));
    assert!(blamed(410, "somethingNew", None, Asked::Resume));
    assert!(!blamed(410, "somethingNew", None, Asked::Anew));
}

#[test]
fn the_token_endpoint() {
    let refused = |status: u16, error: &str| {
        let body = json!({"error": error, "error_description": "Ana's dentist"});
        format!("{:?}", classify_token(&answer(status, body)))
    };
    for error in ["invalid_grant", "interaction_required", "consent_required"] {
        assert_eq!(refused(400, error), format!("Dead {{ code: {error:?} }}"));
        // Only a 400 says so for certain.
        assert!(refused(401, error).starts_with("Unavailable"), "{error}");
        assert!(refused(500, error).starts_with("Unavailable"), "{error}");
    }
    for (status, error) in [
        (401, "invalid_client"),
        (401, "deleted_client"),
        (401, "unauthorized_client"),
        (400, "unauthorized_client"),
        (400, "redirect_uri_mismatch"),
        (400, "invalid_request"),
        (400, "unsupported_grant_type"),
        (400, "invalid_scope"),
    ] {
        assert_eq!(refused(status, error), format!("Misconfigured {{ code: {error:?} }}"));
        assert!(refused(503, error).starts_with("Unavailable"), "{error}");
    }
    assert_eq!(refused(429, "invalid_grant"), format!("RateLimited {{ retry_after: {WAIT:?} }}"));
    assert_eq!(refused(400, "something_new"), "Unavailable { reason: \"status 400 something_new\" }");
    for body in
        ["", "<html>invalid_grant</html>", "{\"error\":{\"code\":400}}", "invalid_grant", "{\"error\":"]
    {
        let error = format!("{:?}", classify_token(&answer(400, body)));
        assert_eq!(error, "Unavailable { reason: \"status 400\" }", "{body}");
    }
}

proptest! {
    /// Whatever an answer says, the error's text says little of it.
    #[test]
    fn codes_are_short_and_plain(status in 300_u16..600, reason in any::<String>()) {
        for error in [
            classify(&answer(status, envelope(status, "global", &reason)), Asked::Resume).to_string(),
            classify(&answer(status, json!({"error": reason})), Asked::Anew).to_string(),
            classify_token(&answer(status, json!({"error": reason}))).to_string(),
        ] {
            prop_assert!(error.len() < 150 && error.is_ascii() && !error.contains('\n'), "{}", error);
        }
    }

    #[test]
    fn any_body_is_no_trouble(status in 0_u16..1000, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let answer = Answer { status, retry_after: None, body };
        classify(&answer, Asked::Anew);
        classify_token(&answer);
    }
}
