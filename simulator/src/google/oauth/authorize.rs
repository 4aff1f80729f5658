//! The account chooser and the consent page (2.1, 2.2): plain forms that carry the request along.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::model::{Challenge, Code};
use super::scopes;
use crate::google::model::secret;
use crate::google::reply::Query;
use crate::html::{self, Language, escape};
use crate::simulator::{Simulator, World};

/// What the forms carry along.
const PARAMETERS: [&str; 15] = [
    "access_type",
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "enable_granular_consent",
    "hd",
    "include_granted_scopes",
    "login_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

/// A request that may be shown to the user.
struct Authorization {
    client: String,
    client_name: String,
    redirect_uri: String,
    state: Option<String>,
    scopes: Vec<String>,
    offline: bool,
    prompt: Vec<String>,
    incremental: bool,
    granular: bool,
    login_hint: Option<String>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
}

/// An error that is shown and never redirected.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

fn refuse<T>(code: &'static str, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status: StatusCode::BAD_REQUEST, code, detail: detail.into() })
}

impl Authorization {
    fn read(world: &World, query: &Query) -> Result<Authorization, Refusal> {
        let required = |name: &str| match query.get(name) {
            Some(value) => Ok(value.to_owned()),
            None => refuse("invalid_request", format!("Missing required parameter: {name}")),
        };
        let client_id = required("client_id")?;
        let client = world.google.client(&client_id).ok_or_else(|| Refusal {
            status: StatusCode::UNAUTHORIZED,
            code: "invalid_client",
            detail: "The OAuth client was not found.".to_owned(),
        })?;
        if client.deleted {
            return Err(Refusal {
                status: StatusCode::UNAUTHORIZED,
                code: "deleted_client",
                detail: "The OAuth client was deleted.".to_owned(),
            });
        }
        let redirect_uri = required("redirect_uri")?;
        if !client.accepts(&redirect_uri) || url::Url::parse(&redirect_uri).is_err() {
            return refuse(
                "redirect_uri_mismatch",
                "The redirect URI in the request does not match the ones authorized for the OAuth client.",
            );
        }
        if required("response_type")? != "code" {
            return refuse("unsupported_response_type", "Only response_type=code is served.");
        }
        let mut wanted = Vec::new();
        for scope in required("scope")?.split_whitespace() {
            match scopes::canonical(scope) {
                Some(scope) if !wanted.contains(&scope) => wanted.push(scope),
                Some(_) => {}
                None => {
                    return refuse(
                        "invalid_scope",
                        format!("Some requested scopes were invalid. {{invalid=[{scope}]}}"),
                    );
                }
            }
        }
        let prompt: Vec<String> =
            query.get("prompt").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        if prompt.iter().any(|value| !matches!(value.as_str(), "none" | "consent" | "select_account"))
            || (prompt.len() > 1 && prompt.iter().any(|value| value == "none"))
        {
            return refuse("invalid_request", "Invalid parameter value for prompt.");
        }
        let offline = match query.get("access_type") {
            None | Some("online") => false,
            Some("offline") => true,
            Some(_) => return refuse("invalid_request", "Invalid parameter value for access_type."),
        };
        let challenge = match (query.get("code_challenge"), query.get("code_challenge_method")) {
            (None, None) => None,
            (None, Some(_)) => {
                return refuse("invalid_request", "Missing required parameter: code_challenge");
            }
            (Some(challenge), method) if is_verifier(challenge) => match method {
                None | Some("plain") => Some(Challenge::Plain(challenge.to_owned())),
                Some("S256") => Some(Challenge::Sha256(challenge.to_owned())),
                Some(_) => return refuse("invalid_request", "Invalid code_challenge_method."),
            },
            (Some(_), _) => return refuse("invalid_request", "Invalid code_challenge."),
        };
        Ok(Authorization {
            client_name: client.name().to_owned(),
            client: client_id,
            redirect_uri,
            state: query.get("state").map(str::to_owned),
            scopes: wanted,
            offline,
            prompt,
            incremental: query.get("include_granted_scopes") == Some("true"),
            granular: query.get("enable_granular_consent") != Some("false"),
            login_hint: query.get("login_hint").map(str::to_owned),
            challenge,
            nonce: query.get("nonce").map(str::to_owned),
        })
    }

    fn prompts(&self, value: &str) -> bool {
        self.prompt.iter().any(|other| other == value)
    }

    /// The client's address with the answer in its query.
    fn redirect(&self, answer: &[(&str, &str)]) -> Response {
        let Ok(mut url) = url::Url::parse(&self.redirect_uri) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        {
            let mut pairs = url.query_pairs_mut();
            if let Some(state) = &self.state {
                pairs.append_pair("state", state);
            }
            pairs.extend_pairs(answer);
        }
        match HeaderValue::from_str(url.as_str()) {
            Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    fn refused(&self, error: &str) -> Response {
        self.redirect(&[("error", error)])
    }

    /// Gives a code. `shown`: the user saw the consent page.
    fn allowed(&self, world: &mut World, account: &str, granted: BTreeSet<String>, shown: bool) -> Response {
        let now = world.now();
        let before = world.google.consented(account, &self.client);
        world.google.consent(account, &self.client, &granted);
        let mut all = granted;
        if self.incremental {
            all.extend(before);
        }
        let code = format!("4/0A{}", secret(&mut world.rng, 70));
        world.google.codes.retain(|_, code| code.is_live(now) || code.used);
        let scope = all.iter().cloned().collect::<Vec<_>>().join(" ");
        world.google.codes.insert(
            code.clone(),
            Code {
                account: account.to_owned(),
                client: self.client.clone(),
                redirect_uri: self.redirect_uri.clone(),
                scopes: all,
                challenge: self.challenge.clone(),
                nonce: self.nonce.clone(),
                refreshable: self.offline && shown,
                issued: now,
                used: false,
            },
        );
        self.redirect(&[
            ("iss", "https://accounts.google.com"),
            ("code", &code),
            ("scope", &scope),
            ("authuser", "0"),
            ("prompt", if shown { "consent" } else { "none" }),
        ])
    }
}

/// 43 to 128 unreserved characters (2.1).
pub(crate) fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

pub(crate) async fn show(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::parse(query.as_deref());
    let language = Language::of(&headers);
    let mut world = simulator.world();
    let request = match Authorization::read(&world, &query) {
        Ok(request) => request,
        Err(refusal) => return error_page(language, &refusal),
    };
    let hinted = request.login_hint.as_deref().and_then(|hint| account(&world, hint));
    let chosen = match query.get("account") {
        Some(email) => account(&world, email),
        None if request.prompts("select_account") => None,
        None => hinted.clone(),
    };
    let covers = |world: &World, email: &str| {
        let consented = world.google.consented(email, &request.client);
        request.scopes.iter().all(|scope| consented.contains(scope))
    };
    if request.prompts("none") {
        let only = match &world.google.accounts[..] {
            [account] => Some(account.email.clone()),
            _ => None,
        };
        return match hinted.or(only) {
            None => request.refused("login_required"),
            Some(email) if covers(&world, &email) => {
                let granted = request.scopes.iter().cloned().collect();
                request.allowed(&mut world, &email, granted, false)
            }
            Some(_) => request.refused("consent_required"),
        };
    }
    match chosen {
        None => chooser(&world, language, &request, &query),
        Some(email) if !request.prompts("consent") && covers(&world, &email) => {
            let granted = request.scopes.iter().cloned().collect();
            request.allowed(&mut world, &email, granted, false)
        }
        Some(email) => consent_page(language, &request, &query, &email),
    }
}

/// What the user pressed on the consent page.
pub(crate) async fn decide(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let language = Language::of(&headers);
    let mut world = simulator.world();
    let request = match Authorization::read(&world, &form) {
        Ok(request) => request,
        Err(refusal) => return error_page(language, &refusal),
    };
    if form.get("decision") != Some("allow") {
        return request.refused("access_denied");
    }
    let Some(email) = form.get("account").and_then(|email| account(&world, email)) else {
        return chooser(&world, language, &request, &form);
    };
    let granted: BTreeSet<String> = request
        .scopes
        .iter()
        .filter(|scope| {
            !request.granular
                || !scopes::is_optional(scope)
                || form.all("granted").any(|granted| granted == **scope)
        })
        .cloned()
        .collect();
    if granted.is_empty() {
        return request.refused("access_denied");
    }
    request.allowed(&mut world, &email, granted, true)
}

/// The address of the account that an address or a `sub` names.
fn account(world: &World, hint: &str) -> Option<String> {
    world
        .google
        .accounts
        .iter()
        .find(|account| account.email.eq_ignore_ascii_case(hint) || account.sub == hint)
        .map(|account| account.email.clone())
}

fn carried(query: &Query) -> String {
    PARAMETERS.iter().filter_map(|name| query.get(name).map(|value| html::hidden(name, value))).collect()
}

fn chooser(world: &World, language: Language, request: &Authorization, query: &Query) -> Response {
    let title = language.pick("Sélectionnez un compte", "Choose an account");
    let towards = language.pick("pour continuer vers", "to continue to");
    let mut main = String::new();
    // Writing to a string does not fail, here and below.
    let _ = write!(
        main,
        "<section class=\"card\"><p class=\"brand\">Google <small>({})</small></p><h1>{title}</h1>\
         <p>{towards} <strong>{}</strong></p>",
        language.pick("simulateur", "simulator"),
        escape(&request.client_name),
    );
    let _ =
        write!(main, "<form method=\"get\" action=\"/o/oauth2/v2/auth\" class=\"stack\">{}", carried(query));
    for account in &world.google.accounts {
        let email = escape(&account.email);
        let _ = write!(
            main,
            "<button class=\"account\" name=\"account\" value=\"{email}\" aria-label=\"{email}\">\
             <strong>{}</strong><span>{email}</span></button>",
            escape(&account.name),
        );
    }
    main.push_str("</form>");
    if world.google.accounts.is_empty() {
        let none = language.pick("Ce simulateur n’a pas de compte.", "This simulator has no accounts.");
        let _ = write!(main, "<p>{none}</p>");
    }
    let _ = write!(
        main,
        "<form method=\"post\" action=\"/o/oauth2/v2/auth\">{}<button class=\"quiet\" name=\"decision\" \
         value=\"deny\">{}</button></form></section>",
        carried(query),
        language.pick("Annuler", "Cancel"),
    );
    html::page(language, StatusCode::OK, title, &main)
}

fn consent_page(language: Language, request: &Authorization, query: &Query, email: &str) -> Response {
    let name = escape(&request.client_name);
    let title = language.pick(
        format!("{} souhaite accéder à votre compte Google", request.client_name),
        format!("{} wants access to your Google Account", request.client_name),
    );
    let mut main = String::new();
    let _ = write!(
        main,
        "<section class=\"card\"><p class=\"brand\">Google <small>({})</small></p><h1>{}</h1><p>{}</p>\
         <form method=\"post\" action=\"/o/oauth2/v2/auth\" class=\"stack\">{}{}",
        language.pick("simulateur", "simulator"),
        escape(&title),
        escape(email),
        carried(query),
        html::hidden("account", email),
    );
    let _ = write!(
        main,
        "<fieldset><legend>{}</legend><ul class=\"plain\">",
        language.pick(format!("Ce que {name} pourra faire"), format!("What {name} can access")),
    );
    for (number, scope) in request.scopes.iter().enumerate() {
        let words = escape(&scopes::wording(scope, language));
        if scopes::is_optional(scope) && request.granular {
            let _ = write!(
                main,
                "<li class=\"choice\"><input type=\"checkbox\" id=\"scope-{number}\" name=\"granted\" value=\"{}\" \
                 checked><label for=\"scope-{number}\">{words}</label></li>",
                escape(scope),
            );
        } else {
            let _ = write!(main, "<li>{words}</li>");
        }
    }
    let _ = write!(
        main,
        "</ul></fieldset><div class=\"row\"><button class=\"quiet\" name=\"decision\" value=\"deny\">{}</button>\
         <button name=\"decision\" value=\"allow\">{}</button></div></form></section>",
        language.pick("Refuser", "Deny"),
        language.pick("Autoriser", "Allow"),
    );
    html::page(language, StatusCode::OK, &title, &main)
}

fn error_page(language: Language, refusal: &Refusal) -> Response {
    let title = language.pick("Accès bloqué : erreur d’autorisation", "Access blocked: Authorization Error");
    let main = format!(
        "<section class=\"card\"><p class=\"brand\">Google <small>({})</small></p><h1>{title}</h1><p>{}</p>\
         <p>{} {}: <code>{}</code></p></section>",
        language.pick("simulateur", "simulator"),
        escape(&refusal.detail),
        language.pick("Erreur", "Error"),
        refusal.status.as_u16(),
        refusal.code,
    );
    html::page(language, refusal.status, title, &main)
}
