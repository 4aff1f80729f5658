use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const WAIT: Option<Duration> = Some(Duration::from_secs(7));

fn answer(status: u16, body: impl ToString) -> Answer {
    Answer { status, retry_after: WAIT, body: body.to_string().into_bytes() }
}

/// Graph's envelope (reference sheet 3.2).
fn envelope(code: &str) -> Value {
    json!({"error": {"code": code, "message": "Ana's dentist",
                     "innerError": {"date": "2026-10-05T12:00:00", "request-id": "x", "client-request-id": "y"}}})
}

fn refused(status: u16, code: &str) -> String {
    format!("{:?}", classify(&answer(status, envelope(code)), Asked::Anew))
}

#[test]
fn the_catalogue_of_errors() {
    let limited = format!("RateLimited {{ retry_after: {WAIT:?} }}");
    let unavailable = |reason: &str| format!("Unavailable {{ reason: {reason:?}, retry_after: {WAIT:?} }}");
    let wrong = |status: u16, code: &str| format!("Refused {{ status: {status}, code: {code:?} }}");
    for (status, code, meaning) in [
        (400, "ErrorInvalidRequest", wrong(400, "ErrorInvalidRequest")),
        (400, "TimeZoneNotSupportedException", wrong(400, "TimeZoneNotSupportedException")),
        (400, "ErrorInvalidIdMalformed", wrong(400, "ErrorInvalidIdMalformed")),
        (400, "ErrorDuplicateTransactionId", "Exists".to_owned()),
        (409, "errorduplicatetransactionid", "Exists".to_owned()),
        (401, "InvalidAuthenticationToken", "Unauthorized".to_owned()),
        (403, "ErrorAccessDenied", "Forbidden { code: \"ErrorAccessDenied\" }".to_owned()),
        (403, "Authorization_RequestDenied", "MissingScopes".to_owned()),
        (403, "accessDenied", "MissingScopes".to_owned()),
        (404, "ErrorItemNotFound", "NotFound".to_owned()),
        (404, "ErrorFolderNotFound", "NotFound".to_owned()),
        (404, "MailboxNotEnabledForRESTAPI", "NoCalendars".to_owned()),
        (404, "errorInvalidUser", "NoCalendars".to_owned()),
        (409, "ErrorIrresolvableConflict", "Changed".to_owned()),
        (409, "Conflict", unavailable("status 409 Conflict")),
        (410, "SyncStateNotFound", "CursorExpired".to_owned()),
        (410, "ErrorItemNotFound", "NotFound".to_owned()),
        (412, "ErrorIrresolvableConflict", "Changed".to_owned()),
        (412, "entityTagDoesNotMatch", "Changed".to_owned()),
        (423, "Locked", unavailable("status 423")),
        (424, "FailedDependency", unavailable("status 424")),
        (429, "ApplicationThrottled", limited.clone()),
        (429, "", limited.clone()),
        (503, "TooManyRequests", limited.clone()),
        (509, "", limited),
        (500, "ErrorInternalServerError", unavailable("status 500")),
        (503, "ErrorMailboxMoveInProgress", unavailable("status 503")),
        (504, "UnknownError", unavailable("status 504")),
        (302, "x", unavailable("unexpected status 302")),
    ] {
        assert_eq!(refused(status, code), meaning, "{status} {code}");
    }
}

#[test]
fn a_link_expires_in_many_disguises() {
    for status in [400, 404, 409, 410, 412] {
        for code in [
            "SyncStateNotFound",
            "syncStateInvalid",
            "resyncRequired",
            "ResyncApplyDifferences",
            "RESYNCREQUIRED",
        ] {
            for inner in ["innerError", "innererror"] {
                let nested = json!({"error": {"code": "ErrorX", "message": "", inner: {"code": "y", inner: {"code": code}}}});
                for body in [envelope(code), nested] {
                    for asked in [Asked::Anew, Asked::Resume] {
                        let error = classify(&answer(status, &body), asked);
                        assert!(matches!(error, PlatformError::CursorExpired), "{status} {body} {error:?}");
                    }
                }
            }
        }
    }
    let resumed = |status, code| classify(&answer(status, envelope(code)), Asked::Resume);
    assert!(matches!(resumed(410, "anything"), PlatformError::CursorExpired));
    assert!(matches!(resumed(400, "BadRequest"), PlatformError::CursorExpired));
    assert!(matches!(resumed(404, "ErrorFolderNotFound"), PlatformError::NotFound));
    assert!(matches!(resumed(401, "x"), PlatformError::Unauthorized));
}

#[test]
fn what_stands_in_between_proves_nothing() {
    for status in [403, 404, 410, 500, 502, 503] {
        for body in ["", "<html>Ana</html>", "{}", "[]", "{\"error\":3}"] {
            let error = classify(&answer(status, body), Asked::Resume);
            assert!(matches!(error, PlatformError::Unavailable { .. }), "{status} {body} {error:?}");
        }
    }
}

#[test]
fn an_item_is_missing_only_where_its_calendar_is_there() {
    assert!(is_item_missing(&answer(404, envelope("ErrorItemNotFound"))));
    assert!(is_item_missing(&answer(410, envelope("errorItemNotFound"))));
    assert!(!is_item_missing(&answer(404, envelope("ErrorFolderNotFound"))));
    assert!(!is_item_missing(&answer(404, "<html>")));
    assert!(!is_item_missing(&answer(500, envelope("ErrorItemNotFound"))));
}

#[test]
fn the_token_endpoint_says_whose_matter_it_is() {
    let said = |status, error: &str| {
        let body = json!({"error": error, "error_description": "AADSTS700082: Ana", "error_codes": [700_082],
                          "suberror": "bad_token", "claims": "{}"});
        classify_token(&answer(status, body))
    };
    for error in ["invalid_grant", "interaction_required", "consent_required"] {
        assert!(matches!(said(400, error), TokenError::Dead { code } if code == error));
    }
    assert!(
        matches!(said(401, "invalid_client"), TokenError::Misconfigured { code } if code == "invalid_client")
    );
    for error in ["unauthorized_client", "invalid_request", "invalid_scope"] {
        assert!(matches!(said(400, error), TokenError::Misconfigured { code } if code == error));
    }
    assert!(matches!(said(429, "x"), TokenError::RateLimited { retry_after: WAIT }));
    for (status, error) in [(400, "temporarily_unavailable"), (500, "invalid_grant"), (503, ""), (400, "new")]
    {
        assert!(matches!(said(status, error), TokenError::Unavailable { .. }), "{status} {error}");
    }
    assert!(matches!(classify_token(&answer(400, "<html>")), TokenError::Unavailable { .. }));
}

proptest! {
    #[test]
    fn no_text_of_an_answer_gets_into_an_error(status in 200_u16..600, code in "[a-z ]{0,20}", text in "[A-Z]{12}") {
        let body = json!({"error": {"code": code, "message": &text, "innerError": {"message": &text}}});
        for asked in [Asked::Anew, Asked::Resume] {
            let shown = format!("{:?}", classify(&answer(status, &body), asked));
            prop_assert!(!shown.contains(&text));
        }
        let body = json!({"error": code, "error_description": &text});
        let shown = format!("{:?}", classify_token(&answer(status, body)));
        prop_assert!(!shown.contains(&text));
    }
}
