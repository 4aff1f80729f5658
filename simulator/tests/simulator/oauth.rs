//! Consent, codes, tokens, revocation (2).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use simone_simulator::{DEMO_CLIENT_ID, DEMO_CLIENT_SECRET};

use crate::support::{ANA, BEN, Reply, Sim, reply};

const BACK: &str = "http://127.0.0.1:3000/oauth/google/callback";
const SCOPE: &str = "openid email https://www.googleapis.com/auth/calendar.events \
                     https://www.googleapis.com/auth/calendar.calendarlist.readonly";
const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";

fn asked(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut parameters: HashMap<&str, &str> = HashMap::from([
        ("client_id", DEMO_CLIENT_ID),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", SCOPE),
        ("state", "s/t+a te"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ]);
    parameters.extend(more.iter().copied());
    parameters.retain(|_, value| !value.is_empty());
    parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What comes back to the client's address.
fn landed(reply: &Reply) -> HashMap<String, String> {
    assert_eq!(reply.status, 302, "{}", reply.body);
    let location = reply.headers["location"].to_str().unwrap();
    assert!(location.starts_with(BACK), "{location}");
    url::Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

impl Sim {
    async fn authorize(&self, more: &[(&str, &str)]) -> Reply {
        reply(self.http.get(self.url("/o/oauth2/v2/auth")).query(&asked(more)).send().await.unwrap()).await
    }

    async fn decide(&self, more: &[(&str, &str)], form: &[(&str, &str)]) -> Reply {
        let mut fields = asked(more);
        fields.extend(form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        reply(self.http.post(self.url("/o/oauth2/v2/auth")).form(&fields).send().await.unwrap()).await
    }

    async fn consent(&self, more: &[(&str, &str)]) -> String {
        let form = [
            ("account", ANA),
            ("decision", "allow"),
            ("granted", EVENTS),
            ("granted", "https://www.googleapis.com/auth/calendar.calendarlist.readonly"),
        ];
        landed(&self.decide(more, &form).await)["code"].clone()
    }

    async fn token(&self, form: &[(&str, &str)]) -> Reply {
        let mut fields = vec![("client_id", DEMO_CLIENT_ID), ("client_secret", DEMO_CLIENT_SECRET)];
        fields.retain(|(name, _)| !form.iter().any(|(other, _)| other == name));
        fields.extend(form);
        reply(self.http.post(self.url("/token")).form(&fields).send().await.unwrap()).await
    }

    async fn exchange(&self, code: &str) -> Reply {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", BACK)]).await
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn connect(&self) -> Value {
        let tokens = self.exchange(&self.consent(&[]).await).await;
        assert_eq!(tokens.status, 200, "{}", tokens.body);
        tokens.body
    }
}

fn refused(reply: &Reply, status: u16, error: &str, description: &str) {
    let got = (reply.status, reply.body["error"].as_str(), reply.body["error_description"].as_str());
    assert_eq!(got, (status, Some(error), Some(description)));
}

#[tokio::test]
async fn a_person_chooses_an_account_and_consents() {
    let sim = Sim::start().await;
    sim.account(BEN).await;
    let chooser = sim.authorize(&[]).await;
    let page = chooser.body.as_str().unwrap();
    assert!(page.contains("lang=\"fr\"") && page.contains(">Annuler</button>"));
    for email in [ANA, BEN] {
        assert!(page.contains(&format!("name=\"account\" value=\"{email}\" aria-label=\"{email}\"")));
    }
    let consent = sim.authorize(&[("account", ANA)]).await;
    let page = consent.body.as_str().unwrap();
    assert!(page.contains(">Autoriser</button>") && page.contains(">Refuser</button>"));
    assert_eq!(page.matches("type=\"checkbox\"").count(), 2);
    assert!(page.contains("Voir et modifier les événements de tous vos agendas"));
    let english = sim.http.get(sim.url("/o/oauth2/v2/auth")).query(&asked(&[("login_hint", ANA)]));
    let page = english.header("accept-language", "en-GB,en").send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains(">Allow</button>") && page.contains(">Deny</button>") && page.contains("lang=\"en\"")
    );

    let back =
        landed(&sim.decide(&[], &[("account", ANA), ("decision", "allow"), ("granted", EVENTS)]).await);
    assert_eq!(back["state"], "s/t+a te");
    assert!(back["code"].starts_with("4/0A"));
    let scopes: Vec<_> = back["scope"].split(' ').collect();
    assert!(scopes.contains(&EVENTS));
    assert!(!back["scope"].contains("calendarlist"), "what was unticked is not granted");

    let tokens = sim.exchange(&back["code"]).await;
    assert_eq!(tokens.status, 200);
    assert_eq!(tokens.body["expires_in"], 3599);
    assert_eq!(tokens.body["token_type"], "Bearer");
    assert_eq!(tokens.body["scope"], back["scope"]);
    assert!(back["scope"].contains("https://www.googleapis.com/auth/userinfo.email"));
    assert!(tokens.body["refresh_token"].as_str().unwrap().starts_with("1//0"));
    let grants = sim.observe("grants").await;
    assert_eq!(grants[0]["account"], ANA);
    assert_eq!(grants[0]["refresh_tokens"], 1);
}

#[tokio::test]
async fn a_refusal_comes_back_as_access_denied() {
    let sim = Sim::start().await;
    for form in [&[("decision", "deny")][..], &[("account", ANA), ("decision", "deny")], &[("account", ANA)]]
    {
        let back = landed(&sim.decide(&[], form).await);
        assert_eq!((back["error"].as_str(), back["state"].as_str()), ("access_denied", "s/t+a te"));
    }
    assert_eq!(sim.observe("grants").await, json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_shown_and_not_redirected() {
    let sim = Sim::start().await;
    sim.control(
        "clients",
        json!({"client_id": "strict", "client_secret": "s", "redirect_uris": ["https://app.example/cb"]}),
    )
    .await;
    for (more, status, code) in [
        (&[("client_id", "nobody")][..], 401, "invalid_client"),
        (&[("client_id", "")], 400, "invalid_request"),
        (&[("redirect_uri", "https://127.0.0.1:3000/x")], 400, "redirect_uri_mismatch"),
        (&[("redirect_uri", "http://evil.example/")], 400, "redirect_uri_mismatch"),
        (&[("redirect_uri", "http://127.0.0.1.evil.example/")], 400, "redirect_uri_mismatch"),
        (&[("client_id", "strict")], 400, "redirect_uri_mismatch"),
        (
            &[("client_id", "strict"), ("redirect_uri", "https://app.example/cb/")],
            400,
            "redirect_uri_mismatch",
        ),
        (
            &[("client_id", "strict"), ("redirect_uri", "https://app.example/cb?x=1")],
            400,
            "redirect_uri_mismatch",
        ),
        (&[("scope", "")], 400, "invalid_request"),
        (&[("scope", "https://www.googleapis.com/auth/gmail.readonly")], 400, "invalid_scope"),
        (&[("response_type", "token")], 400, "unsupported_response_type"),
        (&[("prompt", "none consent")], 400, "invalid_request"),
        (&[("code_challenge", "short")], 400, "invalid_request"),
    ] {
        for reply in
            [sim.authorize(more).await, sim.decide(more, &[("account", ANA), ("decision", "allow")]).await]
        {
            assert_eq!(reply.status, status, "{more:?}");
            assert!(reply.body.as_str().unwrap().contains(code), "{more:?}");
            assert!(reply.headers.get("location").is_none());
        }
    }
    let exact = [("client_id", "strict"), ("redirect_uri", "https://app.example/cb")];
    assert_eq!(sim.authorize(&exact).await.status, 200);
    let hostile = sim.authorize(&[("state", "\"><script>alert(1)</script>")]).await;
    assert!(!hostile.body.as_str().unwrap().contains("<script>"));
}

#[tokio::test]
async fn codes_are_for_one_use_within_ten_minutes() {
    let sim = Sim::start().await;
    let code = sim.consent(&[]).await;
    refused(&sim.exchange("4/0Anonsense").await, 400, "invalid_grant", "Bad Request");
    refused(&sim.exchange("4%2F0Anonsense").await, 400, "invalid_grant", "Malformed auth code.");
    let elsewhere =
        [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "http://127.0.0.1:1/")];
    refused(&sim.token(&elsewhere).await, 400, "redirect_uri_mismatch", "Bad Request");
    assert_eq!(sim.exchange(&code).await.status, 200);
    refused(&sim.exchange(&code).await, 400, "invalid_grant", "Bad Request");
    let late = sim.consent(&[]).await;
    sim.control("clock", json!({"advance": "10m"})).await;
    refused(&sim.exchange(&late).await, 400, "invalid_grant", "Bad Request");
}

#[tokio::test]
async fn the_verifier_must_fit_the_challenge() {
    let sim = Sim::start().await;
    let verifier = "0123456789-abcdefghijklmnopqrstuvwxyz~ABCDEFG._";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let sha = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    for (asked, good) in [(&sha[..], verifier), (&[("code_challenge", verifier)], verifier)] {
        let code = sim.consent(asked).await;
        let with = |verifier| {
            let code = code.clone();
            let sim = &sim;
            async move {
                let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", BACK)];
                match verifier {
                    "" => sim.token(&form).await,
                    verifier => sim.token(&[&form[..], &[("code_verifier", verifier)]].concat()).await,
                }
            }
        };
        refused(&with("").await, 400, "invalid_grant", "Missing code verifier.");
        let wrong = good.replace('0', "1");
        refused(&with(wrong.as_str()).await, 400, "invalid_grant", "Invalid code verifier.");
        assert_eq!(with(good).await.status, 200);
    }
}

#[tokio::test]
async fn a_refresh_token_needs_offline_access_and_a_consent_page() {
    let sim = Sim::start().await;
    let online = sim.exchange(&sim.consent(&[("access_type", "")]).await).await;
    assert!(online.body.get("refresh_token").is_none());
    // Whoever has consented sees no page and gets no refresh token.
    let again = landed(&sim.authorize(&[("prompt", ""), ("account", ANA)]).await);
    let tokens = sim.exchange(&again["code"]).await;
    assert_eq!(tokens.status, 200);
    assert!(tokens.body.get("refresh_token").is_none());
    assert!(sim.connect().await["refresh_token"].is_string());
    sim.control("faults", json!({"kind": "no_refresh_token", "path": "/token"})).await;
    assert!(sim.connect().await.get("refresh_token").is_none());
}

#[tokio::test]
async fn prompt_none_never_shows_a_page() {
    let sim = Sim::start().await;
    sim.account(BEN).await;
    let back = landed(&sim.authorize(&[("prompt", "none")]).await);
    assert_eq!(back["error"], "login_required");
    let back = landed(&sim.authorize(&[("prompt", "none"), ("login_hint", ANA)]).await);
    assert_eq!(back["error"], "consent_required");
    sim.connect().await;
    let back = landed(&sim.authorize(&[("prompt", "none"), ("login_hint", ANA)]).await);
    assert_eq!(sim.exchange(&back["code"]).await.status, 200);
}

#[tokio::test]
async fn earlier_scopes_come_along_when_asked() {
    let sim = Sim::start().await;
    sim.connect().await;
    let only = [("scope", "openid"), ("prompt", "consent")];
    let tokens = sim.exchange(&sim.consent(&only).await).await;
    assert_eq!(tokens.body["scope"], "openid");
    let also = [("scope", "openid"), ("prompt", "consent"), ("include_granted_scopes", "true")];
    let tokens = sim.exchange(&sim.consent(&also).await).await;
    assert!(tokens.body["scope"].as_str().unwrap().contains(EVENTS));
}

#[tokio::test]
async fn refreshing_gives_a_new_access_token_and_no_refresh_token() {
    let sim = Sim::start().await;
    let tokens = sim.connect().await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let fresh = sim.refresh(refresh).await;
    assert_eq!(fresh.status, 200);
    assert!(fresh.body.get("refresh_token").is_none());
    assert_ne!(fresh.body["access_token"], access);
    refused(&sim.refresh("1//0nonsense").await, 400, "invalid_grant", "Bad Request");
    // The lifetime is the simulator's time.
    let mut ana = sim;
    ana.token = access.to_owned();
    assert_eq!(ana.get("/users/me/calendarList").await.status, 200);
    ana.control("clock", json!({"advance": 3599})).await;
    let expired = ana.get("/users/me/calendarList").await;
    assert_eq!((expired.status, expired.reason()), (401, "authError"));
    ana.token = ana.refresh(refresh).await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(ana.get("/users/me/calendarList").await.status, 200);
    ana.control("tokens/expire", json!({"account": ANA})).await;
    assert_eq!(ana.get("/users/me/calendarList").await.status, 401);
    ana.control("clock", json!({"advance": "200d"})).await;
    refused(&ana.refresh(refresh).await, 400, "invalid_grant", "Token has been expired or revoked.");
}

#[tokio::test]
async fn the_client_must_authenticate() {
    let sim = Sim::start().await;
    let refresh = sim.connect().await["refresh_token"].as_str().unwrap().to_owned();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let basic = |id: &'static str, secret: &'static str| {
        let request = sim.http.post(sim.url("/token")).basic_auth(id, Some(secret)).form(&form);
        async move { reply(request.send().await.unwrap()).await }
    };
    assert_eq!(basic(DEMO_CLIENT_ID, DEMO_CLIENT_SECRET).await.status, 200);
    refused(&basic(DEMO_CLIENT_ID, "wrong").await, 401, "invalid_client", "Unauthorized");
    refused(&basic("nobody", "x").await, 401, "invalid_client", "The OAuth client was not found.");
    let with = |more: &[(&'static str, &'static str)]| [&form[..], more].concat();
    refused(&sim.token(&with(&[("client_secret", "wrong")])).await, 401, "invalid_client", "Unauthorized");
    let unknown = sim.token(&with(&[("client_id", "nobody")])).await;
    refused(&unknown, 401, "invalid_client", "The OAuth client was not found.");
    sim.control("clients", json!({"client_id": DEMO_CLIENT_ID, "client_secret": "rotated"})).await;
    refused(&sim.refresh(&refresh).await, 401, "invalid_client", "Unauthorized");
    sim.control("clients", json!({"client_id": DEMO_CLIENT_ID, "deleted": true})).await;
    refused(&sim.refresh(&refresh).await, 401, "deleted_client", "The OAuth client was deleted.");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_named() {
    let sim = Sim::start().await;
    let odd = sim.token(&[("grant_type", "password")]).await;
    refused(&odd, 400, "unsupported_grant_type", "Invalid grant_type: password");
    let missing = sim.token(&[("grant_type", "refresh_token")]).await;
    refused(&missing, 400, "invalid_request", "Missing required parameter: refresh_token");
    let refresh = sim.connect().await["refresh_token"].as_str().unwrap().to_owned();
    let more = sim
        .token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("scope", "https://www.googleapis.com/auth/calendar"),
        ])
        .await;
    assert_eq!(more.body["error"], "invalid_scope");
    for body in ["", "%ff%fe", "{}", "grant_type"] {
        let request = sim.http.post(sim.url("/token")).body(body);
        assert_eq!(request.send().await.unwrap().status(), 400, "{body}");
    }
}

#[tokio::test]
async fn revoking_ends_the_whole_grant() {
    let sim = Sim::start().await;
    let (one, two) = (sim.connect().await, sim.connect().await);
    let revoke = |token: &Value| {
        let request = sim.http.post(sim.url("/revoke")).form(&[("token", token.as_str().unwrap())]);
        async move { reply(request.send().await.unwrap()).await }
    };
    let done = revoke(&one["access_token"]).await;
    assert_eq!((done.status, done.body), (200, json!({})));
    for tokens in [&one, &two] {
        let refresh = sim.refresh(tokens["refresh_token"].as_str().unwrap()).await;
        refused(&refresh, 400, "invalid_grant", "Token has been expired or revoked.");
    }
    refused(&revoke(&two["refresh_token"]).await, 400, "invalid_token", "Token expired or revoked");
    assert_eq!(sim.observe("grants").await, json!([]));
    // Once revoked, consent is asked again.
    assert_eq!(sim.authorize(&[("prompt", ""), ("account", ANA)]).await.status, 200);

    let third = sim.connect().await;
    sim.control("grants/revoke", json!({"account": ANA})).await;
    let dead = sim.refresh(third["refresh_token"].as_str().unwrap()).await;
    refused(&dead, 400, "invalid_grant", "Token has been expired or revoked.");
    assert_eq!(sim.get("/users/me/calendarList").await.status, 200, "the controls' own tokens stand apart");
}

#[tokio::test]
async fn the_hundred_and_first_refresh_token_drops_the_oldest() {
    let sim = Sim::start().await;
    let first = sim.connect().await["refresh_token"].as_str().unwrap().to_owned();
    let second = sim.connect().await["refresh_token"].as_str().unwrap().to_owned();
    for _ in 0..99 {
        sim.connect().await;
    }
    refused(&sim.refresh(&first).await, 400, "invalid_grant", "Token has been expired or revoked.");
    assert_eq!(sim.refresh(&second).await.status, 200);
}

#[tokio::test]
async fn tokens_of_a_client_in_testing_live_seven_days() {
    let sim = Sim::start().await;
    sim.control("clients", json!({"client_id": DEMO_CLIENT_ID, "testing": true})).await;
    let tokens = sim.connect().await;
    assert_eq!(tokens["refresh_token_expires_in"], 604_799);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    sim.control("clock", json!({"advance": "6d"})).await;
    assert_eq!(sim.refresh(refresh).await.status, 200);
    sim.control("clock", json!({"advance": "1d"})).await;
    refused(&sim.refresh(refresh).await, 400, "invalid_grant", "Token has been expired or revoked.");
}

#[tokio::test]
async fn the_account_is_known_by_its_sub() {
    let sim = Sim::start().await;
    let tokens = sim.exchange(&sim.consent(&[("nonce", "n-1")]).await).await.body;
    let token = tokens["id_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], DEMO_CLIENT_ID);
    assert_eq!(claims["email"], ANA);
    assert_eq!(claims["nonce"], "n-1");
    let access = tokens["access_token"].as_str().unwrap();
    let get = |path: &str| {
        let request = sim.http.request(Method::GET, sim.url(path)).bearer_auth(access);
        async move { reply(request.send().await.unwrap()).await.body }
    };
    for path in ["/v1/userinfo", "/oauth2/v3/userinfo"] {
        let info = get(path).await;
        assert_eq!((&info["sub"], &info["email"]), (&claims["sub"], &json!(ANA)));
        assert_eq!(info["email_verified"], true);
        assert!(info.get("name").is_none(), "`profile` was not asked for");
    }
    let older = get("/oauth2/v2/userinfo").await;
    assert_eq!((&older["id"], &older["verified_email"]), (&claims["sub"], &json!(true)));
    let info = get(&format!("/tokeninfo?access_token={access}")).await;
    assert_eq!((&info["aud"], &info["expires_in"]), (&json!(DEMO_CLIENT_ID), &json!("3599")));
    let found = get("/.well-known/openid-configuration").await;
    assert_eq!(found["token_endpoint"], sim.url("/token"));
    let nobody = sim.http.get(sim.url("/v1/userinfo")).bearer_auth("x").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn a_token_is_looked_at_and_revoked_in_every_way_that_clients_use() {
    let sim = Sim::start().await;
    let info = || sim.http.post(sim.url("/tokeninfo"));
    for request in [
        sim.http.get(sim.url("/tokeninfo")).query(&[("access_token", &sim.token)]),
        info().form(&[("access_token", &sim.token)]),
        // Google's Node client.
        info().bearer_auth(&sim.token),
    ] {
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(body["email"], ANA);
    }
    assert_eq!(info().bearer_auth("wrong").send().await.unwrap().status(), 400);
    for way in 0..4 {
        let token = sim.token_for(&["calendar"]).await;
        let request = match way {
            0 => sim.http.get(sim.url("/revoke")).query(&[("token", &token)]),
            1 => sim.http.post(sim.url("/revoke")).query(&[("token", &token)]),
            2 => sim.http.post(sim.url("/revoke")).form(&[("token", &token)]),
            _ => sim.http.post(sim.url("/o/oauth2/revoke")).form(&[("token", &token)]),
        };
        assert_eq!(request.send().await.unwrap().status(), 200, "{way}");
        let after = sim
            .http
            .get(sim.url("/calendar/v3/users/me/calendarList"))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert_eq!(after.status(), 401, "{way}");
    }
}
