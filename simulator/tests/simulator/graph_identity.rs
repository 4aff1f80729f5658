//! Signing in with Microsoft: pages, codes, tokens, and how they end (2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simone_simulator::{DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET};

use crate::graph_support::{BACK, EVA, LEO, SCOPE, code, landed};
use crate::support::{Reply, Sim, reply};

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The error of the token endpoint, whose text begins with its number.
fn failed(reply: &Reply) -> (u16, &str, u64) {
    let number = reply.body["error_codes"][0].as_u64().unwrap_or_default();
    let text = reply.body["error_description"].as_str().unwrap_or_default();
    assert!(text.starts_with(&format!("AADSTS{number}: ")), "{}", reply.body);
    assert!(text.contains("Trace ID: ") && text.contains("Correlation ID: "), "{text}");
    for name in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(reply.body[name].is_string(), "{name} in {}", reply.body);
    }
    (reply.status, reply.body["error"].as_str().unwrap(), number)
}

#[tokio::test]
async fn a_person_chooses_consents_and_comes_back() {
    let sim = Sim::graph().await;
    let chooser = sim.authorize_at("common", &[]).await;
    let page = chooser.body.as_str().unwrap();
    for text in [EVA, LEO, "Choisir un compte", "Compte personnel", "Simone"] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("<script"));
    let consent = sim.authorize_at("common", &[("login_hint", EVA)]).await;
    let page = consent.body.as_str().unwrap();
    for text in ["Avoir un accès total à vos calendriers", "Accepter", "Annuler", EVA] {
        assert!(page.contains(text), "{text} in {page}");
    }
    let back = landed(&sim.decide_at("common", &[("account", EVA), ("decision", "allow")]).await);
    assert_eq!(back["state"], "s/t+a te");
    assert!(back.contains_key("session_state"));
    let reply = sim.exchanged(&back["code"], &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["token_type"], "Bearer");
    let seconds = reply.body["expires_in"].as_u64().unwrap();
    assert!((3600..5400).contains(&seconds), "{seconds}");
    let scope = reply.body["scope"].as_str().unwrap();
    assert!(scope.contains("Calendars.ReadWrite") && !scope.contains("offline_access"), "{scope}");
    let id = claims(reply.body["id_token"].as_str().unwrap());
    assert_eq!((&id["aud"], &id["preferred_username"]), (&json!(DEMO_OUTLOOK_CLIENT_ID), &json!(EVA)));
    assert_eq!(claims(reply.body["access_token"].as_str().unwrap())["tid"], id["tid"], "of a work account");
    // What was consented to is not asked again.
    let again = landed(&sim.authorize_at("common", &[("login_hint", EVA)]).await);
    assert!(again.contains_key("code"));
    let asked = sim.authorize_at("common", &[("login_hint", EVA), ("prompt", "consent")]).await;
    assert_eq!(asked.status, 200, "prompt=consent asks in any case");
}

#[tokio::test]
async fn a_personal_account_has_opaque_tokens_and_the_consumers_tenant() {
    let sim = Sim::graph().await;
    let code = sim.consented(LEO, &[]).await;
    let reply = sim.exchanged(&code, &[]).await;
    assert!(!reply.body["access_token"].as_str().unwrap().contains('.'));
    assert!(reply.body["refresh_token"].as_str().unwrap().starts_with("M.C"));
    let id = claims(reply.body["id_token"].as_str().unwrap());
    assert_eq!(id["tid"], "9188040d-6c67-4c5b-b112-36a304b66dad");
    assert!(id["oid"].as_str().unwrap().starts_with("00000000-0000-0000-"));
    assert_eq!(id["iss"], "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
}

#[tokio::test]
async fn the_tenant_of_an_address_says_who_may_sign_in() {
    let sim = Sim::graph().await;
    let shown = async |tenant: &str, more: &[(&str, &str)]| {
        let page = sim.authorize_at(tenant, more).await;
        let page = page.body.as_str().unwrap().to_owned();
        (page.contains(EVA), page.contains(LEO))
    };
    assert_eq!(shown("common", &[]).await, (true, true));
    assert_eq!(shown("organizations", &[]).await, (true, false));
    assert_eq!(shown("consumers", &[]).await, (false, true));
    assert_eq!(shown("contoso.test", &[]).await, (true, false));
    assert_eq!(shown("9188040d-6c67-4c5b-b112-36a304b66dad", &[]).await, (false, true));
    assert_eq!(shown("common", &[("domain_hint", "consumers")]).await, (false, true));
    assert_eq!(shown("common", &[("domain_hint", "contoso.test")]).await, (true, false));
    let unknown = sim.authorize_at("nowhere.test", &[]).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.body.as_str().unwrap().contains("AADSTS90002"));
    let code = sim.consented(LEO, &[]).await;
    let elsewhere = sim.exchanged(&code, &[("tenant", "organizations")]).await;
    assert_eq!(
        failed(&elsewhere).1,
        "invalid_grant",
        "a personal account's code at the organizations' address"
    );
}

#[tokio::test]
async fn a_request_that_is_wrong_is_shown_or_sent_back() {
    let sim = Sim::graph().await;
    for (more, number) in [
        (("client_id", ""), "AADSTS900144"),
        (("client_id", "nobody"), "AADSTS700016"),
        (("redirect_uri", ""), "AADSTS900144"),
        (("redirect_uri", "https://evil.test/"), "AADSTS50011"),
    ] {
        let shown = sim.authorize_at("common", &[more]).await;
        assert_eq!(shown.status, 400, "{more:?}");
        assert!(shown.body.as_str().unwrap().contains(number), "{more:?}: {}", shown.body);
    }
    for (more, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("scope", ""), "invalid_request"),
        (("scope", "Calendars.Nonsense"), "invalid_scope"),
        (("prompt", "soon"), "invalid_request"),
        (("response_mode", "smoke"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "S256"), "invalid_request"),
        (("prompt", "none"), "login_required"),
    ] {
        let back = landed(&sim.authorize_at("common", &[more]).await);
        assert_eq!(back["error"], error, "{more:?}");
        assert!(back["error_description"].starts_with("AADSTS"), "{more:?}");
        assert_eq!(back["state"], "s/t+a te");
    }
    let silent = [("prompt", "none"), ("login_hint", EVA)];
    assert_eq!(landed(&sim.authorize_at("common", &silent).await)["error"], "consent_required");
    sim.consented(EVA, &[]).await;
    assert!(landed(&sim.authorize_at("common", &silent).await).contains_key("code"));
}

#[tokio::test]
async fn a_person_can_refuse() {
    let sim = Sim::graph().await;
    let denied = landed(&sim.decide_at("common", &[("account", EVA), ("decision", "deny")]).await);
    assert_eq!(denied["error"], "access_denied");
    assert!(denied["error_description"].starts_with("AADSTS65004"));
    let cancelled = landed(&sim.decide_at("common", &[("decision", "cancel")]).await);
    assert_eq!((&*cancelled["error"], &*cancelled["error_subcode"]), ("access_denied", "cancel"));
}

#[tokio::test]
async fn answers_come_as_the_client_wants_them() {
    let sim = Sim::graph().await;
    let allow = [("account", EVA), ("decision", "allow")];
    let fragment = sim.decide_at("common", &[&allow[..], &[("response_mode", "fragment")]].concat()).await;
    let location = fragment.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{BACK}#code=")), "{location}");
    let form = sim.decide_at("common", &[&allow[..], &[("response_mode", "form_post")]].concat()).await;
    let page = form.body.as_str().unwrap();
    assert_eq!(form.status, 200);
    assert!(page.contains(&format!("action=\"{BACK}\"")) && page.contains("name=\"code\""), "{page}");
}

#[tokio::test]
async fn an_administrator_may_have_to_approve() {
    let sim = Sim::graph().await;
    sim.control("tenants", json!({"tenant": "contoso.test", "needs_approval": true})).await;
    let stopped = sim.authorize_at("common", &[("login_hint", EVA)]).await;
    let page = stopped.body.as_str().unwrap();
    assert!(page.contains("Approbation de l’administrateur requise") && page.contains("Revenir"), "{page}");
    let allow = sim.decide_at("common", &[("account", EVA), ("decision", "allow")]).await;
    assert_eq!(allow.status, 200, "a form made by hand does not get round it");
    let back = landed(&sim.decide_at("common", &[("account", EVA), ("decision", "back")]).await);
    assert_eq!(back["error"], "access_denied");
    assert!(back["error_description"].starts_with("AADSTS90094"));
    sim.control("settings", json!({"microsoft": {"approval_error": "consent_required"}})).await;
    let back = landed(&sim.decide_at("common", &[("account", EVA), ("decision", "back")]).await);
    assert_eq!(back["error"], "consent_required");
    sim.control("tenants", json!({"tenant": "contoso.test", "approved": [DEMO_OUTLOOK_CLIENT_ID]})).await;
    sim.consented(EVA, &[]).await;
    let leo = sim.authorize_at("common", &[("login_hint", LEO)]).await;
    assert!(leo.body.as_str().unwrap().contains("Accepter"), "a personal account asks nobody");
}

#[tokio::test]
async fn codes_are_for_one_use_by_whom_they_were_given() {
    let sim = Sim::graph().await;
    let code = sim.consented(EVA, &[]).await;
    let elsewhere = sim.exchanged(&code, &[("redirect_uri", "http://127.0.0.1:3000/other")]).await;
    assert_eq!(failed(&elsewhere), (400, "invalid_request", 50_011));
    assert_eq!(sim.exchanged(&code, &[]).await.status, 200);
    assert_eq!(failed(&sim.exchanged(&code, &[]).await), (400, "invalid_grant", 54_005));
    assert_eq!(failed(&sim.exchanged("nonsense", &[]).await).1, "invalid_grant");
    let late = sim.consented(EVA, &[]).await;
    sim.control("clock", json!({"advance": "11m"})).await;
    assert_eq!(failed(&sim.exchanged(&late, &[]).await), (400, "invalid_grant", 70_008));
}

#[tokio::test]
async fn a_code_challenge_must_be_met() {
    let sim = Sim::graph().await;
    let verifier = "v".repeat(43);
    let hashed = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    for (challenge, method) in
        [(hashed.as_str(), "S256"), (verifier.as_str(), "plain"), (verifier.as_str(), "")]
    {
        let asked = [("code_challenge", challenge), ("code_challenge_method", method)];
        let code = sim.consented(EVA, &asked).await;
        assert_eq!(failed(&sim.exchanged(&code, &[]).await), (400, "invalid_grant", 501_481));
        let wrong = "w".repeat(43);
        assert_eq!(failed(&sim.exchanged(&code, &[("code_verifier", &wrong)]).await).2, 501_481);
        assert_eq!(sim.exchanged(&code, &[("code_verifier", &verifier)]).await.status, 200, "{method}");
    }
}

#[tokio::test]
async fn clients_show_their_secret() {
    let sim = Sim::graph().await;
    let (_, refresh) = sim.connected(EVA).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let wrong = sim.tokens(&[&form[..], &[("client_secret", "wrong")]].concat()).await;
    assert_eq!(failed(&wrong), (401, "invalid_client", 7_000_215));
    let missing = sim.tokens(&[&form[..], &[("client_secret", "")]].concat()).await;
    assert_eq!(failed(&missing), (401, "invalid_client", 7_000_218));
    let unknown = sim.tokens(&[&form[..], &[("client_id", "nobody")]].concat()).await;
    assert_eq!(failed(&unknown), (400, "unauthorized_client", 700_016));
    assert_eq!(failed(&sim.tokens(&[("client_id", "")]).await), (400, "invalid_request", 900_144));
    assert_eq!(failed(&sim.tokens(&[("grant_type", "password")]).await).1, "unsupported_grant_type");
    let basic = sim
        .http
        .post(sim.url("/organizations/oauth2/v2.0/token"))
        .basic_auth(DEMO_OUTLOOK_CLIENT_ID, Some(DEMO_OUTLOOK_CLIENT_SECRET))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 200, "HTTP Basic does as well");
    let expired = json!({"platform": "outlook", "client_id": DEMO_OUTLOOK_CLIENT_ID, "secret_expired": true});
    sim.control("clients", expired).await;
    assert_eq!(failed(&sim.refreshed(&refresh, &[]).await), (401, "invalid_client", 7_000_222));
}

#[tokio::test]
async fn refresh_tokens_rotate() {
    let sim = Sim::graph().await;
    let (_, first) = sim.connected(EVA).await;
    let reply = sim.refreshed(&first, &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let second = reply.body["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    assert_eq!(sim.refreshed(&first, &[]).await.status, 200, "the old one is taken for a while");
    sim.control("clock", json!({"advance": "25h"})).await;
    assert_eq!(failed(&sim.refreshed(&first, &[]).await).1, "invalid_grant", "the while is over");
    sim.control("settings", json!({"microsoft": {"strict_refresh": true}})).await;
    assert_eq!(sim.refreshed(&second, &[]).await.status, 200);
    assert_eq!(failed(&sim.refreshed(&second, &[]).await), (400, "invalid_grant", 70_000));
}

#[tokio::test]
async fn refresh_tokens_die_unused() {
    let sim = Sim::graph().await;
    let (_, first) = sim.connected(EVA).await;
    sim.control("clock", json!({"advance": "89d"})).await;
    let reply = sim.refreshed(&first, &[]).await;
    let second = reply.body["refresh_token"].as_str().unwrap().to_owned();
    sim.control("clock", json!({"advance": "89d"})).await;
    let reply = sim.refreshed(&second, &[]).await;
    assert_eq!(reply.status, 200, "using one makes its life begin anew");
    let third = reply.body["refresh_token"].as_str().unwrap().to_owned();
    sim.control("clock", json!({"advance": "90d"})).await;
    let dead = sim.refreshed(&third, &[]).await;
    assert_eq!(failed(&dead), (400, "invalid_grant", 700_082));
    assert!(dead.body["error_description"].as_str().unwrap().contains("90.00:00:00"));
}

#[tokio::test]
async fn what_befalls_an_account_ends_its_refresh_tokens() {
    let sim = Sim::graph().await;
    for (end, expected) in [
        ("password", (400, "invalid_grant", 50_173)),
        ("sessions", (400, "invalid_grant", 70_008)),
        ("mfa", (400, "interaction_required", 50_076)),
        ("conditional_access", (400, "interaction_required", 53_003)),
    ] {
        let (_, refresh) = sim.connected(EVA).await;
        sim.control("accounts/change", json!({"account": EVA, "end": end})).await;
        let reply = sim.refreshed(&refresh, &[]).await;
        assert_eq!(failed(&reply), expected);
        if end == "mfa" {
            let claims: Value = serde_json::from_str(reply.body["claims"].as_str().unwrap()).unwrap();
            assert!(claims["access_token"].is_object());
        }
    }
    let (access, refresh) = sim.connected(EVA).await;
    sim.control("accounts/change", json!({"account": EVA, "disabled": true})).await;
    assert_eq!(failed(&sim.refreshed(&refresh, &[]).await), (400, "invalid_grant", 50_057));
    let page = sim.authorize_at("common", &[("login_hint", EVA)]).await;
    assert!(page.body.as_str().unwrap().contains("AADSTS50057"));
    sim.control("accounts/change", json!({"account": EVA, "disabled": false})).await;
    assert_eq!(sim.refreshed(&refresh, &[]).await.status, 200);
    // Whoever removes the consent ends refreshing; access tokens live on.
    sim.control("grants/revoke", json!({"account": EVA})).await;
    let reply = sim.refreshed(&refresh, &[]).await;
    assert_eq!(failed(&reply), (400, "invalid_grant", 65_001));
    assert_eq!(reply.body["suberror"], "consent_required");
    assert_eq!(sim.graph_get_as(&access, "/me").await.status, 200);
    sim.control("tokens/expire", json!({"account": EVA})).await;
    let me = sim.graph_get_as(&access, "/me").await;
    assert_eq!((me.status, code(&me)), (401, "InvalidAuthenticationToken"));
    assert!(me.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer realm=\"\""));
}

#[tokio::test]
async fn scopes_come_back_as_they_were_asked_for() {
    let sim = Sim::graph().await;
    let long = "openid offline_access https://graph.microsoft.com/calendars.readwrite";
    let scope = async |reply: Reply| reply.body["scope"].as_str().unwrap().to_owned();
    let code = sim.consented(EVA, &[("scope", long)]).await;
    let got = scope(sim.exchanged(&code, &[]).await).await;
    assert!(got.contains("https://graph.microsoft.com/Calendars.ReadWrite"), "{got}");
    sim.control("settings", json!({"microsoft": {"scope_names": "short"}})).await;
    let code = sim.consented(EVA, &[("scope", long)]).await;
    assert_eq!(scope(sim.exchanged(&code, &[]).await).await, "Calendars.ReadWrite openid");
    sim.control("settings", json!({"microsoft": {"withheld_scopes": ["Calendars.ReadWrite"]}})).await;
    let code = sim.consented(LEO, &[("scope", SCOPE)]).await;
    let got = scope(sim.exchanged(&code, &[]).await).await;
    assert!(!got.split(' ').any(|scope| scope == "Calendars.ReadWrite"), "{got}");
    let without = sim.consented(EVA, &[("scope", "openid User.Read")]).await;
    let reply = sim.exchanged(&without, &[]).await;
    assert!(reply.body.get("refresh_token").is_none(), "offline_access is what yields one");
    let more =
        sim.exchanged(&sim.consented(EVA, &[("scope", "User.Read")]).await, &[("scope", "Mail.Read")]).await;
    assert_eq!(failed(&more), (400, "invalid_grant", 65_001));
}

#[tokio::test]
async fn openid_clients_find_what_they_look_up() {
    let sim = Sim::graph().await;
    let get = async |path: &str| reply(sim.http.get(sim.url(path)).send().await.unwrap()).await;
    let found = get("/common/v2.0/.well-known/openid-configuration").await;
    let base = sim.url("");
    assert_eq!(found.body["token_endpoint"], format!("{base}/common/oauth2/v2.0/token"));
    assert_eq!(found.body["issuer"], "https://login.microsoftonline.com/{tenantid}/v2.0");
    assert_eq!(get("/nowhere.test/v2.0/.well-known/openid-configuration").await.status, 400);
    assert_eq!(get("/common/discovery/v2.0/keys").await.body, json!({"keys": []}));
    let out = get(&format!("/common/oauth2/v2.0/logout?post_logout_redirect_uri={BACK}")).await;
    assert_eq!((out.status, out.headers["location"].to_str().unwrap()), (302, BACK));
    assert_eq!(
        get("/common/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.test").await.status,
        200
    );
    let revoked = sim.http.request(Method::POST, sim.url("/common/oauth2/v2.0/revoke")).send().await.unwrap();
    assert_eq!(revoked.status(), 404, "there is no such endpoint");
}

#[tokio::test]
async fn a_port_of_localhost_is_any_port() {
    let sim = Sim::graph().await;
    let client = json!({
        "platform": "outlook", "client_id": "app", "client_secret": "s",
        "redirect_uris": ["http://localhost/cb", "https://app.test/cb"],
    });
    sim.control("clients", client).await;
    for (uri, accepted) in [
        ("http://localhost:5123/cb", true),
        ("https://app.test/cb", true),
        ("https://app.test/cb/", false),
        ("https://app.test:444/cb", false),
        ("http://127.0.0.1:5123/cb", false),
    ] {
        let page = sim.authorize_at("common", &[("client_id", "app"), ("redirect_uri", uri)]).await;
        assert_eq!(page.status == 200, accepted, "{uri}");
    }
}
