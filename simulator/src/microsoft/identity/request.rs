//! What a client asks for when it sends a person to sign in (2.1).

use std::collections::BTreeSet;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::model::{Account, Challenge, Client, Code, PERSONAL, Tenant};
use super::refusal::Refusal;
use super::{pages, scopes};
use crate::google::model::secret;
use crate::google::oauth::authorize::is_verifier;
use crate::google::reply::Query;
use crate::microsoft::ids::guid;
use crate::simulator::World;

/// What the forms carry along.
pub(super) const PARAMETERS: [&str; 13] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "domain_hint",
    "login_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "claims",
];

/// Who may sign in at an address.
#[derive(Clone, Debug)]
pub(super) enum Audience {
    Common,
    Organizations,
    Consumers,
    Tenant(Tenant),
}

impl Audience {
    /// `None`: there is no such tenant.
    pub fn of(world: &World, name: &str) -> Option<Self> {
        Some(match name {
            "common" => Audience::Common,
            "organizations" => Audience::Organizations,
            "consumers" | PERSONAL => Audience::Consumers,
            name => Audience::Tenant(world.microsoft.directory.tenant(name)?.clone()),
        })
    }

    pub fn has(&self, account: &Account) -> bool {
        match self {
            Audience::Common => true,
            Audience::Organizations => !account.personal,
            Audience::Consumers => account.personal,
            Audience::Tenant(tenant) => account.tenant == tenant.id,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Query,
    Fragment,
    Form,
}

/// A request that may be shown to the person, or answered to the client.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    /// As it stands in the address.
    pub tenant: String,
    pub audience: Audience,
    pub client: Client,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub mode: Mode,
    /// Short names.
    pub scopes: BTreeSet<String>,
    pub long: bool,
    pub prompt: Option<String>,
    pub login_hint: Option<String>,
    pub domain_hint: Option<String>,
    pub challenge: Option<Challenge>,
    pub nonce: Option<String>,
}

/// How a request that is not in order is answered: to the person when the client's address cannot be trusted.
pub(super) enum Wrong {
    Shown(Refusal),
    Sent(Box<Authorization>, Refusal),
}

impl Authorization {
    pub fn read(world: &World, tenant: &str, query: &Query) -> Result<Authorization, Wrong> {
        let required = |name: &str| {
            query.get(name).map(str::to_owned).ok_or_else(|| Wrong::Shown(Refusal::missing(name)))
        };
        let audience =
            Audience::of(world, tenant).ok_or_else(|| Wrong::Shown(Refusal::unknown_tenant(tenant)))?;
        let client_id = required("client_id")?;
        let client = world
            .microsoft
            .directory
            .client(&client_id)
            .ok_or_else(|| Wrong::Shown(Refusal::unknown_client(&client_id, tenant)))?
            .clone();
        if client.disabled {
            let text = format!("Application '{client_id}' is disabled.");
            return Err(Wrong::Shown(Refusal::new("unauthorized_client", 7_000_112, text)));
        }
        let redirect_uri = required("redirect_uri")?;
        if !client.accepts(&redirect_uri) {
            let text = format!(
                "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured \
                 for the application '{client_id}'. Make sure the redirect URI sent in the request matches one added to \
                 your application in the Azure portal."
            );
            return Err(Wrong::Shown(Refusal::new("invalid_request", 50_011, text)));
        }
        let mut request = Authorization {
            tenant: tenant.to_owned(),
            audience,
            client,
            redirect_uri,
            state: query.get("state").map(str::to_owned),
            mode: Mode::Query,
            scopes: BTreeSet::new(),
            long: false,
            prompt: query.get("prompt").map(str::to_owned),
            login_hint: query.get("login_hint").map(str::to_owned),
            domain_hint: query.get("domain_hint").map(str::to_owned),
            challenge: None,
            nonce: query.get("nonce").map(str::to_owned),
        };
        match request.complete(query) {
            Ok(()) => Ok(request),
            Err(refusal) => Err(Wrong::Sent(Box::new(request), refusal)),
        }
    }

    /// What can be wrong once it is known where to send the answer.
    fn complete(&mut self, query: &Query) -> Result<(), Refusal> {
        self.mode = match query.get("response_mode") {
            None | Some("query") => Mode::Query,
            Some("fragment") => Mode::Fragment,
            Some("form_post") => Mode::Form,
            Some(other) => {
                let text = format!(
                    "The provided value '{other}' for the input parameter 'response_mode' is not valid."
                );
                return Err(Refusal::new("invalid_request", 900_023, text));
            }
        };
        match query.get("response_type") {
            Some("code") => {}
            None => return Err(Refusal::missing("response_type")),
            Some(other) => {
                let text = format!(
                    "The provided value for the input parameter 'response_type' is not allowed for this client. \
                     Expected value is 'code', not '{other}'."
                );
                return Err(Refusal::new("unsupported_response_type", 700_054, text));
            }
        }
        let asked = query.get("scope").ok_or_else(|| Refusal::missing("scope"))?;
        self.long = scopes::are_long(asked);
        for scope in asked.split_whitespace() {
            self.scopes.extend(scopes::expand(scope).ok_or_else(|| Refusal::unknown_scope(scope))?);
        }
        if let Some(prompt) = &self.prompt
            && !["login", "none", "consent", "select_account"].contains(&prompt.as_str())
        {
            let text =
                format!("The provided value '{prompt}' for the input parameter 'prompt' is not valid.");
            return Err(Refusal::new("invalid_request", 900_023, text));
        }
        self.challenge = match (query.get("code_challenge"), query.get("code_challenge_method")) {
            (None, None) => None,
            (None, Some(_)) => return Err(Refusal::missing("code_challenge")),
            (Some(challenge), _) if !is_verifier(challenge) => {
                return Err(Refusal::new(
                    "invalid_request",
                    501_491,
                    "Invalid size of Code_Challenge parameter.",
                ));
            }
            (Some(challenge), None | Some("plain")) => Some(Challenge::Plain(challenge.to_owned())),
            (Some(challenge), Some("S256")) => Some(Challenge::Sha256(challenge.to_owned())),
            (Some(_), Some(_)) => {
                let text = "Unsupported code_challenge_method. Only 'S256' and 'plain' are supported.";
                return Err(Refusal::new("invalid_request", 50_148, text));
            }
        };
        Ok(())
    }

    pub fn prompts(&self, value: &str) -> bool {
        self.prompt.as_deref() == Some(value)
    }

    /// Those who can sign in here, in their order.
    pub fn accounts<'a>(&self, world: &'a World) -> Vec<&'a Account> {
        let directory = &world.microsoft.directory;
        let hinted = |account: &&Account| match self.domain_hint.as_deref() {
            Some("consumers") => account.personal,
            Some("organizations") => !account.personal,
            Some(domain) => {
                directory.tenant(domain).is_none_or(|tenant| !account.personal && account.tenant == tenant.id)
            }
            None => true,
        };
        directory.accounts.iter().filter(|account| self.audience.has(account)).filter(hinted).collect()
    }

    pub fn account(&self, world: &World, name: &str) -> Option<Account> {
        world.microsoft.directory.account(name).filter(|account| self.audience.has(account)).cloned()
    }

    /// Everything asked for was allowed before.
    pub fn is_covered(&self, world: &World, account: &Account) -> bool {
        let grant = world.microsoft.directory.grant(&account.id, &self.client.client_id);
        grant.is_some_and(|grant| self.scopes.is_subset(&grant.scopes))
    }

    /// Sends the person back to the client.
    pub fn back(&self, answer: &[(&str, &str)]) -> Response {
        let mut pairs = answer.to_vec();
        if let Some(state) = &self.state {
            pairs.push(("state", state));
        }
        let Ok(mut url) = url::Url::parse(&self.redirect_uri) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        match self.mode {
            Mode::Form => return pages::posting(&self.redirect_uri, &pairs),
            Mode::Query => {
                url.query_pairs_mut().extend_pairs(pairs);
            }
            Mode::Fragment => {
                let mut text = url::form_urlencoded::Serializer::new(String::new());
                text.extend_pairs(pairs);
                url.set_fragment(Some(&text.finish()));
            }
        }
        match HeaderValue::from_str(url.as_str()) {
            Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    pub fn refused(&self, world: &mut World, refusal: &Refusal) -> Response {
        let description = refusal.description(world);
        let uri = format!("https://login.microsoftonline.com/error?code={}", refusal.number);
        self.back(&[("error", refusal.error), ("error_description", &description), ("error_uri", &uri)])
    }

    /// Gives a code.
    pub fn allowed(&self, world: &mut World, account: &Account) -> Response {
        let now = world.now();
        let withheld = world.microsoft.settings.withheld_scopes.clone();
        let mut scopes = self.scopes.clone();
        scopes.retain(|scope| !withheld.iter().any(|other| other.eq_ignore_ascii_case(scope)));
        let kind = if account.personal { "M.C540_BAY.2.U." } else { "1.AX0A" };
        let code = format!("{kind}{}", secret(&mut world.rng, 200));
        let session = guid(&mut world.rng);
        let directory = &mut world.microsoft.directory;
        directory.forget(now);
        directory.consent(&account.id, &self.client.client_id, &scopes, now);
        directory.codes.insert(
            code.clone(),
            Code {
                account: account.id.clone(),
                client: self.client.client_id.clone(),
                redirect_uri: self.redirect_uri.clone(),
                scopes,
                long: self.long,
                challenge: self.challenge.clone(),
                nonce: self.nonce.clone(),
                issued: now,
                used: false,
            },
        );
        self.back(&[("code", &code), ("session_state", &session)])
    }
}
