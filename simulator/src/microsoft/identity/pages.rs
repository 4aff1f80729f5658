//! The pages on which a person signs in and consents (2.1). No JavaScript.

use std::fmt::Write;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::model::Account;
use super::refusal::Refusal;
use super::request::{Authorization, PARAMETERS};
use super::scopes;
use crate::google::reply::Query;
use crate::html::{self, Language, escape, hidden};
use crate::simulator::World;

fn carried(query: &Query) -> String {
    PARAMETERS.iter().filter_map(|name| query.get(name).map(|value| hidden(name, value))).collect()
}

fn action(request: &Authorization) -> String {
    escape(&format!("/{}/oauth2/v2.0/authorize", request.tenant))
}

fn brand(language: Language) -> String {
    format!("<p class=\"brand\">Microsoft <small>({})</small></p>", language.pick("simulateur", "simulator"))
}

/// A form with one button that ends the matter.
fn ending(request: &Authorization, query: &Query, decision: &str, text: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}\">{}<button class=\"quiet\" name=\"decision\" value=\"{decision}\">{text}\
         </button></form>",
        action(request),
        carried(query),
    )
}

pub(super) fn chooser(world: &World, language: Language, request: &Authorization, query: &Query) -> Response {
    let title = language.pick("Choisir un compte", "Pick an account");
    let mut main = String::new();
    // Writing to a string does not fail, here and below.
    let _ = write!(
        main,
        "<section class=\"card\">{}<h1>{title}</h1><p>{} <strong>{}</strong></p>\
         <form method=\"get\" action=\"{}\" class=\"stack\">{}",
        brand(language),
        language.pick("pour continuer vers", "to continue to"),
        escape(request.client.name()),
        action(request),
        carried(query),
    );
    let accounts = request.accounts(world);
    for account in &accounts {
        let kind = if account.personal {
            language.pick("Compte personnel", "Personal account")
        } else {
            language.pick("Compte professionnel ou scolaire", "Work or school account")
        };
        let email = escape(&account.email);
        let _ = write!(
            main,
            "<button class=\"account\" name=\"account\" value=\"{email}\" aria-label=\"{email}\"><strong>{}</strong>\
             <span>{email}</span><small>{kind}</small></button>",
            escape(&account.name),
        );
    }
    main.push_str("</form>");
    if accounts.is_empty() {
        let none = language.pick("Aucun compte ne peut se connecter ici.", "No account can sign in here.");
        let _ = write!(main, "<p>{none}</p>");
    }
    main.push_str(&ending(request, query, "cancel", language.pick("Annuler", "Cancel")));
    main.push_str("</section>");
    html::page(language, StatusCode::OK, title, &main)
}

pub(super) fn consent(
    language: Language,
    request: &Authorization,
    query: &Query,
    account: &Account,
) -> Response {
    let title = if account.personal {
        language.pick(
            "Autoriser cette application à accéder à vos informations ?",
            "Let this app access your info?",
        )
    } else {
        language.pick("Autorisations demandées", "Permissions requested")
    };
    let mut main = String::new();
    let _ = write!(
        main,
        "<section class=\"card\">{}<p>{}</p><h1>{title}</h1><p><strong>{}</strong></p><p>{}</p><ul>",
        brand(language),
        escape(&account.email),
        escape(request.client.name()),
        language.pick("Cette application souhaite :", "This app would like to:"),
    );
    for scope in &request.scopes {
        let _ = write!(main, "<li>{}</li>", escape(scopes::wording(scope, language)));
    }
    let _ = write!(
        main,
        "</ul><form method=\"post\" action=\"{}\" class=\"row\">{}{}\
         <button class=\"quiet\" name=\"decision\" value=\"deny\">{}</button>\
         <button name=\"decision\" value=\"allow\">{}</button></form></section>",
        action(request),
        carried(query),
        hidden("account", &account.email),
        language.pick("Annuler", "Cancel"),
        language.pick("Accepter", "Accept"),
    );
    html::page(language, StatusCode::OK, title, &main)
}

/// Where people of an organization end whose administrator has to agree first. Many never come back from here.
pub(super) fn approval(
    language: Language,
    request: &Authorization,
    query: &Query,
    account: &Account,
) -> Response {
    let title = language.pick("Approbation de l’administrateur requise", "Need admin approval");
    let name = escape(request.client.name());
    let main = format!(
        "<section class=\"card\">{}<p>{}</p><h1>{title}</h1><p><strong>{name}</strong></p><p>{}</p>{}</section>",
        brand(language),
        escape(&account.email),
        language.pick(
            format!(
                "{name} a besoin d’une autorisation pour accéder aux ressources de votre organisation, que seul un \
                 administrateur peut accorder. Demandez à un administrateur d’accorder l’autorisation à cette \
                 application avant de l’utiliser."
            ),
            format!(
                "{name} needs permission to access resources in your organization that only an admin can grant. Please \
                 ask an admin to grant permission to this app before you can use it."
            ),
        ),
        ending(
            request,
            query,
            "back",
            language.pick("Revenir à l’application sans accorder l’autorisation", "Return to the application without granting consent"),
        ),
    );
    html::page(language, StatusCode::OK, title, &main)
}

/// An error that is shown and never sent to the client.
pub(super) fn error(world: &mut World, language: Language, refusal: &Refusal) -> Response {
    let title = language.pick(
        "Désolé, mais nous n’avons pas pu vous connecter",
        "Sorry, but we’re having trouble signing you in",
    );
    let main = format!(
        "<section class=\"card error\">{}<h1>{title}</h1><p>{}</p></section>",
        brand(language),
        escape(&refusal.description(world)),
    );
    html::page(language, refusal.status, title, &main)
}

pub(super) fn signed_out(language: Language) -> Response {
    let title = language.pick("Vous êtes déconnecté de votre compte", "You signed out of your account");
    let main = format!("<section class=\"card\">{}<h1>{title}</h1></section>", brand(language));
    html::page(language, StatusCode::OK, title, &main)
}

/// `response_mode=form_post`. The real page presses its button itself, by script; here a person does, unless their
/// browser runs this one line.
pub(super) fn posting(address: &str, pairs: &[(&str, &str)]) -> Response {
    const SCRIPT: &str = "document.forms[0].submit()";
    let fields: String = pairs.iter().map(|(name, value)| hidden(name, value)).collect();
    let text = format!(
        "<!DOCTYPE html>\n<html><head><title>Working...</title></head><body><form method=\"POST\" name=\"hiddenform\" \
         action=\"{}\">{fields}<noscript><p>Script is disabled. Click Submit to continue.</p></noscript>\
         <input type=\"submit\" value=\"Submit\"></form><script>{SCRIPT}</script></body></html>",
        escape(address),
    );
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache")),
    ];
    (StatusCode::OK, headers, text).into_response()
}
