use super::*;
use simone_booking::SystemClock;
use std::collections::HashMap;
use std::sync::Arc;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn consent(login_hint: Option<&str>) -> HashMap<String, String> {
    let config = serde_json::json!({
        "client_id": "the-client", "client_secret": "hush", "login_url": "http://127.0.0.1:1",
        "api_url": "http://127.0.0.1:1/v1.0"
    });
    let microsoft = Microsoft::new(serde_json::from_value(config).unwrap(), Arc::new(SystemClock)).unwrap();
    let page = microsoft.consent_page(&AuthorizationRequest {
        state: "a state/+&=",
        verifier: &VERIFIER.into(),
        redirect_uri: &"http://127.0.0.1:3000/oauth/outlook/callback".parse().unwrap(),
        login_hint,
    });
    assert!(page.as_str().starts_with("http://127.0.0.1:1/common/oauth2/v2.0/authorize?"), "{page}");
    let pairs: Vec<_> = page.query_pairs().into_owned().collect();
    let map: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "nothing twice");
    map
}

#[test]
fn asks_for_lasting_access_to_the_calendars() {
    let expected = [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("client_id", "the-client"),
        ("redirect_uri", "http://127.0.0.1:3000/oauth/outlook/callback"),
        (
            "scope",
            "openid profile email offline_access User.Read MailboxSettings.Read Calendars.ReadWrite \
             Calendars.ReadWrite.Shared",
        ),
        ("state", "a state/+&="),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("prompt", "select_account"),
    ];
    assert_eq!(consent(None), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn a_reconnection_preselects_the_account() {
    let asked = consent(Some("ana@contoso.com"));
    assert_eq!(asked["login_hint"], "ana@contoso.com");
    assert!(!asked.contains_key("prompt"));
}

#[test]
fn tells_whether_the_calendars_are_covered() {
    for (scopes, expected) in [
        ("Calendars.ReadWrite User.Read profile openid email", true),
        ("openid https://graph.microsoft.com/calendars.readwrite", true),
        ("CALENDARS.READWRITE", true),
        ("Calendars.ReadWrite.Shared User.Read", false),
        ("https://graph.microsoft.com/Calendars.Read", false),
        ("Calendars.ReadBasic", false),
    ] {
        let granted: Vec<&str> = scopes.split(' ').collect();
        assert_eq!(covers_calendars(&granted), expected, "{scopes}");
    }
}
