//! The token and revocation endpoints (2.3 – 2.6).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::authorize::is_verifier;
use super::model::Challenge;
use super::scopes;
use crate::faults::{Kind, Struck};
use crate::google::reply::Query;
use crate::simulator::{Simulator, World};

struct Refusal(StatusCode, &'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, error, description) = self;
        answer(status, json!({"error": error, "error_description": description}))
    }
}

fn bad(error: &'static str, description: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, error, description.into())
}

fn unauthorized(error: &'static str, description: &str) -> Refusal {
    Refusal(StatusCode::UNAUTHORIZED, error, description.to_owned())
}

fn answer(status: StatusCode, body: Value) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, Json(body)).into_response()
}

pub(crate) async fn token(
    State(simulator): State<Arc<Simulator>>,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let mut world = simulator.world();
    let result = authenticate(&world, &headers, &form).and_then(|client| match form.get("grant_type") {
        Some("authorization_code") => exchange(&mut world, &form, &client, &struck),
        Some("refresh_token") => refresh(&mut world, &form, &client),
        Some(other) => Err(bad("unsupported_grant_type", format!("Invalid grant_type: {other}"))),
        None => Err(bad("invalid_request", "Required parameter is missing: grant_type")),
    });
    match result {
        Ok(body) => answer(StatusCode::OK, body),
        Err(refusal) => refusal.into_response(),
    }
}

/// The client's id, once its secret was checked: from HTTP Basic or from the body.
fn authenticate(world: &World, headers: &HeaderMap, form: &Query) -> Result<String, Refusal> {
    let (id, secret) = match basic(headers) {
        Some((id, secret)) => (id, Some(secret)),
        None => {
            let id = form
                .get("client_id")
                .ok_or_else(|| bad("invalid_request", "Could not determine client ID from request."))?;
            (id.to_owned(), form.get("client_secret").map(str::to_owned))
        }
    };
    let client = world
        .google
        .client(&id)
        .ok_or_else(|| unauthorized("invalid_client", "The OAuth client was not found."))?;
    if client.deleted {
        return Err(unauthorized("deleted_client", "The OAuth client was deleted."));
    }
    match secret {
        None => Err(bad("invalid_request", "client_secret is missing.")),
        Some(secret) if secret == client.client_secret => Ok(id),
        Some(_) => Err(unauthorized("invalid_client", "Unauthorized")),
    }
}

pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both are form-encoded first (RFC 6749, 2.3.1).
    let plain = |text: &str| {
        url::form_urlencoded::parse(format!("v={text}").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    Some((plain(id), plain(secret)))
}

fn exchange(world: &mut World, form: &Query, client: &str, struck: &Struck) -> Result<Value, Refusal> {
    let now = world.now();
    let given = form.get("code").ok_or_else(|| bad("invalid_request", "Missing required parameter: code"))?;
    if given.contains('%') {
        return Err(bad("invalid_grant", "Malformed auth code."));
    }
    let redirect_uri = form
        .get("redirect_uri")
        .ok_or_else(|| bad("invalid_request", "Missing required parameter: redirect_uri"))?;
    let code = world
        .google
        .codes
        .get_mut(given)
        .filter(|code| code.client == client && code.is_live(now))
        .ok_or_else(|| bad("invalid_grant", "Bad Request"))?;
    if code.redirect_uri != redirect_uri {
        return Err(bad("redirect_uri_mismatch", "Bad Request"));
    }
    check_verifier(code.challenge.as_ref(), form.get("code_verifier"))?;
    code.used = true;
    let (account, scopes, nonce) = (code.account.clone(), code.scopes.clone(), code.nonce.clone());
    let refreshable = code.refreshable && !struck.has(Kind::NoRefreshToken);
    let mut body = tokens(world, &account, client, &scopes, nonce.as_deref(), false);
    if refreshable {
        let (token, life) = world.google.issue_refresh(now, &mut world.rng, &account, client, &scopes, false);
        body["refresh_token"] = token.into();
        if let Some(life) = life {
            body["refresh_token_expires_in"] = life.into();
        }
    }
    Ok(body)
}

fn check_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    let wrong = || bad("invalid_grant", "Invalid code verifier.");
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(wrong()),
        (Some(_), None) => Err(bad("invalid_grant", "Missing code verifier.")),
        (Some(_), Some(verifier)) if !is_verifier(verifier) => Err(wrong()),
        (Some(Challenge::Plain(challenge)), Some(verifier)) if challenge == verifier => Ok(()),
        (Some(Challenge::Sha256(challenge)), Some(verifier))
            if *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) =>
        {
            Ok(())
        }
        _ => Err(wrong()),
    }
}

fn refresh(world: &mut World, form: &Query, client: &str) -> Result<Value, Refusal> {
    let now = world.now();
    let token = form
        .get("refresh_token")
        .ok_or_else(|| bad("invalid_request", "Missing required parameter: refresh_token"))?;
    let known = world.google.dead.contains(token) || world.google.account_of_secret(token).is_some();
    let Some((account, granted, by_control)) = world.google.use_refresh(now, token, client) else {
        let description = if known { "Token has been expired or revoked." } else { "Bad Request" };
        return Err(bad("invalid_grant", description));
    };
    // A refresh may ask for less.
    let scopes = match form.get("scope") {
        None => granted,
        Some(asked) => {
            let mut fewer = BTreeSet::new();
            for scope in asked.split_whitespace() {
                match scopes::canonical(scope).filter(|scope| granted.contains(scope)) {
                    Some(scope) => fewer.insert(scope),
                    None => {
                        return Err(bad(
                            "invalid_scope",
                            format!("Some requested scopes were invalid. {{invalid=[{scope}]}}"),
                        ));
                    }
                };
            }
            fewer
        }
    };
    Ok(tokens(world, &account, client, &scopes, None, by_control))
}

fn tokens(
    world: &mut World,
    account: &str,
    client: &str,
    scopes: &BTreeSet<String>,
    nonce: Option<&str>,
    by_control: bool,
) -> Value {
    let now = world.now();
    let access = world.google.issue_access(now, &mut world.rng, account, client, scopes, by_control);
    let mut body = json!({
        "access_token": access,
        "expires_in": world.google.settings.access_token_seconds,
        "scope": scopes.iter().cloned().collect::<Vec<_>>().join(" "),
        "token_type": "Bearer",
    });
    if scopes.contains("openid")
        && let Some(token) = id_token(world, account, client, scopes, nonce)
    {
        body["id_token"] = token.into();
    }
    body
}

/// 2.7. Signed by HMAC with the client's secret, which OpenID Connect also knows: the simulator has no RSA key
/// whose certificates a client could fetch.
fn id_token(
    world: &World,
    account: &str,
    client: &str,
    scopes: &BTreeSet<String>,
    nonce: Option<&str>,
) -> Option<String> {
    let now = world.now().timestamp();
    let account = world.google.account(account)?;
    let key = &world.google.client(client)?.client_secret;
    let mut claims = json!({
        "iss": "https://accounts.google.com",
        "azp": client,
        "aud": client,
        "sub": account.sub,
        "iat": now,
        "exp": now + 3600,
    });
    if scopes.contains(scopes::EMAIL) {
        claims["email"] = account.email.as_str().into();
        claims["email_verified"] = true.into();
    }
    if scopes.contains(scopes::PROFILE) {
        claims["name"] = account.name.as_str().into();
        claims["given_name"] = account.given_name.as_str().into();
        claims["family_name"] = account.family_name.as_str().into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(key.as_bytes(), signed.as_bytes()));
    Some(format!("{signed}.{signature}"))
}

/// RFC 2104.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        let short = Sha256::digest(key);
        block[..short.len()].copy_from_slice(&short);
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// 2.6
pub(crate) async fn revoke(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let query = Query::parse(query.as_deref());
    let mut world = simulator.world();
    let by_query = query.get("token").filter(|_| world.google.settings.revoke_by_query);
    let Some(token) = form.get("token").or(by_query) else {
        return bad("invalid_request", "Missing required parameter: token").into_response();
    };
    let now = world.now();
    if world.google.revoke(token, now) {
        answer(StatusCode::OK, json!({}))
    } else {
        bad("invalid_token", "Token expired or revoked").into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::hmac_sha256;

    #[test]
    fn hmac_of_rfc_4231() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
}
