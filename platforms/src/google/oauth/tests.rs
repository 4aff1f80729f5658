use super::*;
use crate::grants::{USUAL_LIFETIME, grant};
use simone_booking::SystemClock;
use std::collections::HashMap;
use std::sync::Arc;

fn google() -> Google {
    let config = serde_json::json!({
        "client_id": "the-client", "client_secret": "hush", "authorize_url": "http://127.0.0.1:1/auth?hl=fr",
        "token_url": "http://127.0.0.1:1/token", "revoke_url": "http://127.0.0.1:1/revoke",
        "userinfo_url": "http://127.0.0.1:1/userinfo", "api_url": "http://127.0.0.1:1/calendar/v3"
    });
    Google::new(serde_json::from_value(config).unwrap(), Arc::new(SystemClock)).unwrap()
}

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn consent(login_hint: Option<&str>) -> HashMap<String, String> {
    let page = google().consent_page(&AuthorizationRequest {
        state: "a state/+&=",
        verifier: &VERIFIER.into(),
        redirect_uri: &"http://127.0.0.1:3000/oauth/google/callback".parse().unwrap(),
        login_hint,
    });
    assert!(page.as_str().starts_with("http://127.0.0.1:1/auth?hl=fr&"), "{page}");
    let pairs: Vec<_> = page.query_pairs().into_owned().collect();
    let map: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "nothing twice");
    map
}

#[test]
fn asks_for_lasting_access_to_events_and_the_list_of_calendars() {
    let asked = consent(None);
    let expected = [
        ("hl", "fr"),
        ("response_type", "code"),
        ("client_id", "the-client"),
        ("redirect_uri", "http://127.0.0.1:3000/oauth/google/callback"),
        (
            "scope",
            "openid email https://www.googleapis.com/auth/calendar.events \
             https://www.googleapis.com/auth/calendar.calendarlist.readonly",
        ),
        ("state", "a state/+&="),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "consent select_account"),
    ];
    assert_eq!(asked, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn a_reconnection_preselects_the_account() {
    let asked = consent(Some("ana@example.com"));
    assert_eq!(asked["login_hint"], "ana@example.com");
    assert_eq!(asked["prompt"], "consent");
}

fn granted(answer: serde_json::Value) -> simone_sync::platform::Grant {
    grant(Ok(serde_json::from_value(answer).unwrap()), covers_calendars).unwrap()
}

#[test]
fn tells_whether_the_calendars_are_covered() {
    let covers = |scopes: &str| {
        let answer = serde_json::json!({"access_token": "a", "token_type": "Bearer", "scope": scopes});
        granted(answer).covers_calendars
    };
    let auth = "https://www.googleapis.com/auth";
    let identity = format!("openid {auth}/userinfo.email");
    for (scopes, expected) in [
        (format!("{identity} {auth}/calendar.events {auth}/calendar.calendarlist.readonly"), true),
        (format!("{auth}/calendar.calendarlist.readonly openid email {auth}/calendar.events"), true),
        (format!("{identity} {auth}/calendar"), true),
        (format!("{auth}/calendar.events {auth}/calendar.readonly"), true),
        (format!("{auth}/calendar.events {auth}/calendar.calendarlist"), true),
        // A box unticked.
        (format!("{identity} {auth}/calendar.events"), false),
        (format!("{identity} {auth}/calendar.calendarlist.readonly"), false),
        (identity, false),
        // These read, or reach the provider's own calendars only.
        (format!("{auth}/calendar.readonly"), false),
        (format!("{auth}/calendar.events.readonly {auth}/calendar.calendarlist"), false),
        (format!("{auth}/calendar.events.owned {auth}/calendar.calendarlist"), false),
        // The answer names none.
        (String::new(), true),
    ] {
        assert_eq!(covers(&scopes), expected, "{scopes}");
    }
}

#[test]
fn an_answer_that_leaves_things_out_is_a_grant_all_the_same() {
    let sparse =
        granted(serde_json::json!({"access_token": "a", "token_type": "Bearer", "refresh_token": ""}));
    assert!(sparse.covers_calendars && sparse.scopes.is_none() && sparse.refresh_token.is_none());
    assert_eq!(sparse.expires_in, USUAL_LIFETIME);

    let full = granted(serde_json::json!({
        "access_token": "ya29.a0", "expires_in": 3599, "refresh_token": "1//0g", "scope": "openid email",
        "token_type": "Bearer", "id_token": "eyJ", "refresh_token_expires_in": 604799
    }));
    assert_eq!(full.access_token.expose_secret(), "ya29.a0");
    assert_eq!(full.refresh_token.as_ref().map(ExposeSecret::expose_secret), Some("1//0g"));
    assert_eq!((full.expires_in.as_secs(), full.scopes.as_deref()), (3599, Some("openid email")));
    let shown = format!("{full:?}");
    assert!(!shown.contains("ya29") && !shown.contains("1//0g"), "{shown}");
}
