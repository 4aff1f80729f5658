//! Where a person chooses an account and consents (2.1): plain forms that carry the request along.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::model::Account;
use super::pages;
use super::refusal::Refusal;
use super::request::{Authorization, Wrong};
use crate::google::reply::Query;
use crate::html::Language;
use crate::simulator::{Simulator, World};

fn wrong(world: &mut World, language: Language, wrong: Wrong) -> Response {
    match wrong {
        Wrong::Shown(refusal) => pages::error(world, language, &refusal),
        Wrong::Sent(request, refusal) => request.refused(world, &refusal),
    }
}

pub(crate) async fn show(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = Query::parse(query.as_deref());
    let language = Language::of(&headers);
    let mut world = simulator.world();
    let request = match Authorization::read(&world, &tenant, &query) {
        Ok(request) => request,
        Err(found) => return wrong(&mut world, language, found),
    };
    let hinted = request.login_hint.as_deref().and_then(|hint| request.account(&world, hint));
    if request.prompts("none") {
        return silently(&mut world, &request, hinted);
    }
    let chosen = match query.get("account") {
        Some(name) => request.account(&world, name),
        None if request.prompts("select_account") || request.prompts("login") => None,
        None => hinted,
    };
    match chosen {
        None => pages::chooser(&world, language, &request, &query),
        Some(account) => signed_in(&mut world, language, &request, &query, &account),
    }
}

/// `prompt=none`: an answer at once, or an error that says what would have been asked.
fn silently(world: &mut World, request: &Authorization, hinted: Option<Account>) -> Response {
    let only = match request.accounts(world)[..] {
        [account] => Some(account.clone()),
        _ => None,
    };
    match hinted.or(only) {
        None => {
            let text = "A silent sign-in request was sent but no user is signed in.";
            request.refused(world, &Refusal::new("login_required", 50_058, text))
        }
        Some(account) if request.is_covered(world, &account) && !account.disabled => {
            request.allowed(world, &account)
        }
        Some(_) => {
            let mut refusal = Refusal::not_consented(&request.client.client_id, request.client.name());
            refusal.error = "consent_required";
            request.refused(world, &refusal)
        }
    }
}

/// The account is known: what stands between it and the client.
fn signed_in(
    world: &mut World,
    language: Language,
    request: &Authorization,
    query: &Query,
    account: &Account,
) -> Response {
    if account.disabled {
        return pages::error(world, language, &disabled());
    }
    let covered = request.is_covered(world, account);
    if !covered && world.microsoft.directory.waits_for_approval(account, &request.client.client_id) {
        return pages::approval(language, request, query, account);
    }
    if covered && !request.prompts("consent") {
        return request.allowed(world, account);
    }
    pages::consent(language, request, query, account)
}

pub(super) fn disabled() -> Refusal {
    let text = "The user account is disabled. The account has been disabled by an administrator.";
    Refusal::new("invalid_grant", 50_057, text)
}

/// What the person pressed.
pub(crate) async fn decide(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Query::parse(std::str::from_utf8(&body).ok());
    let language = Language::of(&headers);
    let mut world = simulator.world();
    let request = match Authorization::read(&world, &tenant, &form) {
        Ok(request) => request,
        Err(found) => return wrong(&mut world, language, found),
    };
    let account = form.get("account").and_then(|name| request.account(&world, name));
    match (form.get("decision"), account) {
        // Whoever turns back before having signed in is not told of in words.
        (Some("cancel"), _) => request.back(&[("error", "access_denied"), ("error_subcode", "cancel")]),
        (Some("back"), _) => {
            let mut refusal = Refusal::needs_approval(&request.client.client_id, request.client.name());
            refusal.error = world.microsoft.settings.approval_error.code();
            request.refused(&mut world, &refusal)
        }
        (Some("allow"), None) => pages::chooser(&world, language, &request, &form),
        (Some("allow"), Some(account)) if account.disabled => pages::error(&mut world, language, &disabled()),
        (Some("allow"), Some(account)) => {
            // The page with the button is not shown to whom an administrator has to help first.
            let client = &request.client.client_id;
            let waits = world.microsoft.directory.waits_for_approval(&account, client);
            if waits && !request.is_covered(&world, &account) {
                return pages::approval(language, &request, &form, &account);
            }
            request.allowed(&mut world, &account)
        }
        _ => {
            let text = "User declined to consent to access the app.";
            request.refused(&mut world, &Refusal::new("access_denied", 65_004, text))
        }
    }
}
