//! Who the token's account is, and what OpenID clients look up (2.7).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::scopes;
use crate::google::guard::bearer;
use crate::google::reply::Query;
use crate::google::{base_url, errors::ApiError};
use crate::simulator::Simulator;

/// The current form: `sub`, `email_verified`.
pub(crate) async fn openid(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    match who(&simulator, query.as_deref(), &headers) {
        Some(body) => Json(body).into_response(),
        None => (
            StatusCode::UNAUTHORIZED,
            [(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(
                    "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
                ),
            )],
            Json(json!({"error": "invalid_request", "error_description": "Invalid Credentials"})),
        )
            .into_response(),
    }
}

/// The older form: `id`, `verified_email`.
pub(crate) async fn older(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let mut body = who(&simulator, query.as_deref(), &headers).ok_or_else(ApiError::bad_credentials)?;
    if let Some(fields) = body.as_object_mut() {
        for (name, older) in [("sub", "id"), ("email_verified", "verified_email")] {
            if let Some(value) = fields.remove(name) {
                fields.insert(older.to_owned(), value);
            }
        }
    }
    Ok(Json(body))
}

fn who(simulator: &Simulator, query: Option<&str>, headers: &HeaderMap) -> Option<Value> {
    let query = Query::parse(query);
    let token = bearer(headers).or_else(|| query.get("access_token"))?;
    let world = simulator.world();
    let (account, token) = world.google.account_of_token(token, world.now())?;
    let identifying = ["openid", scopes::EMAIL, scopes::PROFILE];
    if !identifying.iter().any(|scope| token.scopes.contains(*scope)) {
        return None;
    }
    let mut body = json!({
        "sub": account.sub,
        "picture": format!("{}/_simulator/picture.svg", base_url(headers)),
    });
    if token.scopes.contains(scopes::EMAIL) {
        body["email"] = account.email.as_str().into();
        body["email_verified"] = true.into();
    }
    if token.scopes.contains(scopes::PROFILE) {
        body["name"] = account.name.as_str().into();
        body["given_name"] = account.given_name.as_str().into();
        body["family_name"] = account.family_name.as_str().into();
    }
    Some(body)
}

/// What a token is good for.
pub(crate) async fn token_info(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = Query::parse(query.as_deref());
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let world = simulator.world();
    let now = world.now();
    // Clients name the token in each of these ways.
    let token = query.get("access_token").or_else(|| form.get("access_token")).or_else(|| bearer(&headers));
    let found = token.and_then(|token| world.google.account_of_token(token, now));
    let Some((account, token)) = found else {
        let body = json!({"error": "invalid_token", "error_description": "Invalid Value"});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    };
    let mut body = json!({
        "azp": token.client,
        "aud": token.client,
        "sub": account.sub,
        "scope": token.scopes.iter().cloned().collect::<Vec<_>>().join(" "),
        "exp": token.expires.timestamp().to_string(),
        "expires_in": (token.expires - now).num_seconds().to_string(),
        "access_type": "offline",
    });
    if token.scopes.contains(scopes::EMAIL) {
        body["email"] = account.email.as_str().into();
        body["email_verified"] = "true".into();
    }
    Json(body).into_response()
}

pub(crate) async fn configuration(headers: HeaderMap) -> Json<Value> {
    let base = base_url(&headers);
    Json(json!({
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": format!("{base}/o/oauth2/v2/auth"),
        "token_endpoint": format!("{base}/token"),
        "userinfo_endpoint": format!("{base}/v1/userinfo"),
        "revocation_endpoint": format!("{base}/revoke"),
        "jwks_uri": format!("{base}/oauth2/v3/certs"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss",
            "name", "picture", "sub"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
    }))
}

/// No RSA keys: see `id_token`.
pub(crate) async fn certificates() -> Json<Value> {
    Json(json!({"keys": []}))
}
