//! Errors of the identity platform (2.4): an OAuth error with an AADSTS number and text.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::microsoft::ids::guid;
use crate::simulator::World;

#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub error: &'static str,
    pub number: u32,
    pub text: String,
    pub suberror: Option<&'static str>,
    /// What to send to the authorization page along with the next request.
    pub claims: Option<String>,
}

impl Refusal {
    pub fn new(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        Self { status, error, number, text: text.into(), suberror: None, claims: None }
    }

    pub fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    pub fn with_claims(mut self, claims: &Value) -> Self {
        self.claims = Some(claims.to_string());
        self
    }

    pub fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new("invalid_request", 900_144, text)
    }

    pub fn unknown_client(id: &str, tenant: &str) -> Self {
        let text = format!(
            "Application with identifier '{id}' was not found in the directory '{tenant}'. This can happen if the \
             application has not been installed by the administrator of the tenant or consented to by any user in the \
             tenant. You may have sent your authentication request to the wrong tenant."
        );
        Self::new("unauthorized_client", 700_016, text)
    }

    pub fn unknown_tenant(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the \
             correct cloud. Check with your subscription administrator, this may happen if there are no active \
             subscriptions for the tenant."
        );
        Self::new("invalid_request", 90_002, text)
    }

    pub fn not_consented(client: &str, name: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client}' named '{name}'. \
             Send an interactive authorization request for this user and resource."
        );
        Self::new("invalid_grant", 65_001, text).with_suberror("consent_required")
    }

    pub fn unknown_scope(scope: &str) -> Self {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter \
             'scope' is not valid. The scope '{scope}' does not exist."
        );
        Self::new("invalid_scope", 70_011, text)
    }

    pub fn needs_approval(client: &str, name: &str) -> Self {
        let text = format!(
            "{name} needs permission to access resources in your organization that only an admin can grant. Please ask \
             an admin to grant permission to this app ({client}) before you can use it."
        );
        Self::new("access_denied", 90_094, text)
    }

    /// The whole text, and the ids and time that stand in it.
    fn told(&self, world: &mut World) -> (String, Value) {
        let (trace, correlation) = (guid(&mut world.rng), guid(&mut world.rng));
        let timestamp = world.now().format("%Y-%m-%d %H:%M:%SZ").to_string();
        let text = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.number, self.text
        );
        let more = json!({"timestamp": timestamp, "trace_id": trace, "correlation_id": correlation});
        (text, more)
    }

    /// As `error_description` of a redirect.
    pub fn description(&self, world: &mut World) -> String {
        self.told(world).0
    }

    /// As the token endpoint answers it.
    pub fn answer(&self, world: &mut World) -> Response {
        let (text, mut body) = self.told(world);
        body["error"] = self.error.into();
        body["error_description"] = text.into();
        body["error_codes"] = json!([self.number]);
        body["error_uri"] = format!("https://login.microsoftonline.com/error?code={}", self.number).into();
        if let Some(suberror) = self.suberror {
            body["suberror"] = suberror.into();
        }
        if let Some(claims) = &self.claims {
            body["claims"] = claims.as_str().into();
        }
        answer(self.status, body)
    }
}

pub(crate) fn answer(status: StatusCode, body: Value) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, headers, Json(body)).into_response()
}
