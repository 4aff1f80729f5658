//! What OpenID clients look up, and signing out (1, 2.5).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::model::PERSONAL;
use super::pages;
use super::refusal::Refusal;
use super::request::Audience;
use crate::google::base_url;
use crate::google::reply::Query;
use crate::html::Language;
use crate::simulator::Simulator;

pub(crate) async fn configuration(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Response> {
    let mut world = simulator.world();
    let Some(audience) = Audience::of(&world, &tenant) else {
        return Err(Refusal::unknown_tenant(&tenant).answer(&mut world));
    };
    let base = format!("{}/{tenant}", base_url(&headers));
    let issuer = match audience {
        Audience::Common | Audience::Organizations => "{tenantid}".to_owned(),
        Audience::Consumers => PERSONAL.to_owned(),
        Audience::Tenant(tenant) => tenant.id,
    };
    Ok(Json(json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("https://login.microsoftonline.com/{issuer}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{}/oidc/userinfo", base_url(&headers)),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "oid",
            "ver", "email"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
    })))
}

/// No RSA keys: see `tokens::id_token`.
pub(crate) async fn keys() -> Json<Value> {
    Json(json!({"keys": []}))
}

/// Ends a browser's session, of which there is none here; grants and tokens live on (2.5).
pub(crate) async fn logout(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::parse(query.as_deref());
    let world = simulator.world();
    let back = query
        .get("post_logout_redirect_uri")
        .filter(|uri| world.microsoft.directory.clients.iter().any(|client| client.accepts(uri)));
    match back.and_then(|uri| HeaderValue::from_str(uri).ok()) {
        Some(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        None => pages::signed_out(Language::of(&headers)),
    }
}
