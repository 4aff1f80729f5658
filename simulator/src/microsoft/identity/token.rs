//! The token endpoint (2.3, 2.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::authorize::disabled;
use super::model::{Account, Challenge, Client, End, Refresh, UNUSED_DAYS};
use super::refusal::{Refusal, answer};
use super::request::Audience;
use super::scopes::{self, OFFLINE};
use super::tokens::{Holder, id_token, issue_access, issue_refresh, named};
use crate::faults::{Kind, Struck};
use crate::google::oauth::token::basic;
use crate::google::reply::Query;
use crate::simulator::{Simulator, World};

pub(crate) async fn token(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
    Extension(struck): Extension<Struck>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let mut world = simulator.world();
    match given(&mut world, &tenant, &headers, &form, &struck) {
        Ok(body) => answer(StatusCode::OK, body),
        Err(refusal) => refusal.answer(&mut world),
    }
}

fn given(
    world: &mut World,
    tenant: &str,
    headers: &HeaderMap,
    form: &Query,
    struck: &Struck,
) -> Result<Value, Refusal> {
    let audience = Audience::of(world, tenant).ok_or_else(|| Refusal::unknown_tenant(tenant))?;
    let client = authenticate(world, tenant, headers, form)?;
    match form.get("grant_type") {
        Some("authorization_code") => exchange(world, &audience, form, &client, struck),
        Some("refresh_token") => refresh(world, &audience, form, &client),
        Some(other) => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            Err(Refusal::new("unsupported_grant_type", 70_003, text))
        }
        None => Err(Refusal::missing("grant_type")),
    }
}

/// The client, once its secret was checked: from HTTP Basic or from the body.
fn authenticate(world: &World, tenant: &str, headers: &HeaderMap, form: &Query) -> Result<Client, Refusal> {
    let (id, secret) = match basic(headers) {
        Some((id, secret)) => (id, Some(secret)),
        None => {
            let id = form.get("client_id").ok_or_else(|| Refusal::missing("client_id"))?;
            (id.to_owned(), form.get("client_secret").map(str::to_owned))
        }
    };
    let client = world.microsoft.directory.client(&id).ok_or_else(|| Refusal::unknown_client(&id, tenant))?;
    if client.disabled {
        return Err(Refusal::new(
            "unauthorized_client",
            7_000_112,
            format!("Application '{id}' is disabled."),
        ));
    }
    match secret {
        None if client.public => {}
        None => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            return Err(Refusal::new("invalid_client", 7_000_218, text));
        }
        Some(secret) if secret != client.client_secret => {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
                 not the client secret ID, for a secret added to app '{id}'."
            );
            return Err(Refusal::new("invalid_client", 7_000_215, text));
        }
        Some(_) if client.secret_expired => {
            let text = format!("The provided client secret keys for app '{id}' are expired.");
            return Err(Refusal::new("invalid_client", 7_000_222, text));
        }
        Some(_) => {}
    }
    Ok(client.clone())
}

fn exchange(
    world: &mut World,
    audience: &Audience,
    form: &Query,
    client: &Client,
    struck: &Struck,
) -> Result<Value, Refusal> {
    let now = world.now();
    let given = form.get("code").ok_or_else(|| Refusal::missing("code"))?;
    let redirect_uri = form.get("redirect_uri").ok_or_else(|| Refusal::missing("redirect_uri"))?;
    let directory = &mut world.microsoft.directory;
    let code =
        directory.codes.get(given).filter(|code| code.client == client.client_id).cloned().ok_or_else(
            || {
                let text = "The provided value for the 'code' parameter is not valid.";
                Refusal::new("invalid_grant", 70_000, text)
            },
        )?;
    if code.used {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an \
                    existing refresh token.";
        return Err(Refusal::new("invalid_grant", 54_005, text));
    }
    if !code.is_live(now) {
        let text = "The provided authorization code or refresh token has expired due to inactivity. Send a new \
                    interactive authorization request for this user and resource.";
        return Err(Refusal::new("invalid_grant", 70_008, text));
    }
    if code.redirect_uri != redirect_uri {
        let text = format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the one of the authorization code."
        );
        return Err(Refusal::new("invalid_request", 50_011, text));
    }
    check_verifier(code.challenge.as_ref(), form.get("code_verifier"))?;
    let account = account_of(world, audience, &code.account)?;
    if let Some(code) = world.microsoft.directory.codes.get_mut(given) {
        code.used = true;
    }
    let scopes = fewer(world, form, &code.scopes, client)?;
    let holder = Holder { account: &account, client: &client.client_id, scopes: &scopes, by_control: false };
    let mut body = tokens(world, &holder, code.long, code.nonce.as_deref());
    if code.scopes.contains(OFFLINE) && !struck.has(Kind::NoRefreshToken) {
        let whole = Holder { scopes: &code.scopes, ..holder };
        body["refresh_token"] = issue_refresh(world, &whole, code.long, now).into();
    }
    Ok(body)
}

fn check_verifier(challenge: Option<&Challenge>, verifier: Option<&str>) -> Result<(), Refusal> {
    let fits = match (challenge, verifier) {
        (None, None) => true,
        (Some(Challenge::Plain(challenge)), Some(verifier)) => challenge == verifier,
        (Some(Challenge::Sha256(challenge)), Some(verifier)) => {
            *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let text = "The code_verifier does not match the code_challenge supplied in the authorization request.";
    Err(Refusal::new("invalid_grant", 501_481, text))
}

/// The account that a code or token was made for, if it can still sign in at this address.
fn account_of(world: &World, audience: &Audience, id: &str) -> Result<Account, Refusal> {
    let account = world.microsoft.directory.account(id).ok_or_else(|| {
        Refusal::new("invalid_grant", 50_034, "The user account does not exist in the directory.")
    })?;
    if account.disabled {
        return Err(disabled());
    }
    if !audience.has(account) {
        let text = "Provided grant is intended to use against other tenant, thus rejected.";
        return Err(Refusal::new("invalid_grant", 700_005, text));
    }
    Ok(account.clone())
}

/// An exchange or a refresh may ask for less.
fn fewer(
    world: &World,
    form: &Query,
    granted: &BTreeSet<String>,
    client: &Client,
) -> Result<BTreeSet<String>, Refusal> {
    let Some(asked) = form.get("scope") else { return Ok(granted.clone()) };
    let withheld = &world.microsoft.settings.withheld_scopes;
    let mut fewer = BTreeSet::new();
    for scope in asked.split_whitespace() {
        for name in scopes::expand(scope).ok_or_else(|| Refusal::unknown_scope(scope))? {
            let silently = withheld.iter().any(|other| other.eq_ignore_ascii_case(&name))
                || scope.ends_with(".default")
                || scopes::OPENID.contains(&name.as_str());
            if granted.contains(&name) {
                fewer.insert(name);
            } else if !silently {
                return Err(Refusal::not_consented(&client.client_id, client.name()));
            }
        }
    }
    // What says who one is stays, asked for or not.
    fewer.extend(granted.iter().filter(|scope| scopes::OPENID.contains(&scope.as_str())).cloned());
    Ok(fewer)
}

fn refresh(world: &mut World, audience: &Audience, form: &Query, client: &Client) -> Result<Value, Refusal> {
    let now = world.now();
    let given = form.get("refresh_token").ok_or_else(|| Refusal::missing("refresh_token"))?;
    let directory = &world.microsoft.directory;
    let at = directory
        .refresh
        .iter()
        .position(|one| one.token == given && one.client == client.client_id)
        .ok_or_else(bad_token)?;
    let old = directory.refresh[at].clone();
    let account = account_of(world, audience, &old.account)?;
    check_refresh(world, &old, client, now)?;
    let scopes = fewer(world, form, &old.scopes, client)?;
    let holder =
        Holder { account: &account, client: &client.client_id, scopes: &scopes, by_control: old.by_control };
    let mut body = tokens(world, &holder, old.long, None);
    let whole = Holder { scopes: &old.scopes, ..holder };
    let new = issue_refresh(world, &whole, old.long, old.signed_in);
    body["refresh_token"] = new.into();
    // Where it stands may have changed: issuing forgets what is old.
    if let Some(old) = world.microsoft.directory.refresh.iter_mut().find(|one| one.token == given) {
        old.used = now;
        // Tokens that a control handed out may be used by several who do not know of each other.
        if !old.by_control {
            old.replaced.get_or_insert(now);
        }
    }
    Ok(body)
}

fn bad_token() -> Refusal {
    let text = "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.";
    Refusal::new("invalid_grant", 70_000, text).with_suberror("bad_token")
}

/// Whether a refresh token of the client still works.
fn check_refresh(world: &World, token: &Refresh, client: &Client, now: DateTime<Utc>) -> Result<(), Refusal> {
    let issued = token.signed_in.format("%Y-%m-%dT%H:%M:%S.0000000Z");
    match token.ended {
        None => {}
        Some(End::Password) => {
            let text = format!(
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might \
                 have changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date \
                 (before which tokens are not valid) for this user is '{}'.",
                now.format("%Y-%m-%dT%H:%M:%S.0000000Z"),
            );
            return Err(Refusal::new("invalid_grant", 50_173, text));
        }
        Some(End::Sessions) => {
            let text = "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access \
                        or because the session was revoked.";
            return Err(Refusal::new("invalid_grant", 70_008, text));
        }
        Some(End::Mfa) => {
            let text = format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, you \
                 must use multi-factor authentication to access '{}'.",
                "00000003-0000-0000-c000-000000000000",
            );
            let claims = json!({"access_token": {"polids": {"essential": true, "values": [token.account]}}});
            let refusal = Refusal::new("interaction_required", 50_076, text);
            return Err(refusal.with_suberror("basic_action").with_claims(&claims));
        }
        Some(End::ConditionalAccess) => {
            let text = "Access has been blocked by Conditional Access policies. The access policy does not allow token \
                        issuance.";
            return Err(Refusal::new("interaction_required", 53_003, text).with_suberror("message_only"));
        }
    }
    if token.is_inactive(now) {
        let text = format!(
            "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for \
             {UNUSED_DAYS}.00:00:00."
        );
        return Err(Refusal::new("invalid_grant", 700_082, text));
    }
    if client.spa && token.is_past_the_day_of_a_page(now) {
        let text = format!(
            "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of \
             1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA \
             to the sign in page. The token was issued on {issued}."
        );
        return Err(Refusal::new("invalid_grant", 700_084, text));
    }
    let settings = &world.microsoft.settings;
    let grace = TimeDelta::seconds(settings.refresh_grace_seconds.into());
    if token.replaced.is_some_and(|replaced| settings.strict_refresh || now - replaced >= grace) {
        return Err(bad_token());
    }
    let covered = world
        .microsoft
        .directory
        .grant(&token.account, &client.client_id)
        .is_some_and(|grant| token.scopes.is_subset(&grant.scopes));
    if !token.by_control && !covered {
        return Err(Refusal::not_consented(&client.client_id, client.name()));
    }
    Ok(())
}

fn tokens(world: &mut World, holder: &Holder<'_>, long: bool, nonce: Option<&str>) -> Value {
    let (access, seconds) = issue_access(world, holder);
    let mut body = json!({
        "token_type": "Bearer",
        "scope": named(world, holder, long),
        "expires_in": seconds,
        "ext_expires_in": seconds,
        "access_token": access,
    });
    if holder.scopes.contains("openid") {
        body["id_token"] = id_token(world, holder, nonce).into();
    }
    body
}
