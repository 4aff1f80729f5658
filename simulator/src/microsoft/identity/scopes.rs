//! Scopes: which exist, how they are written, how the consent page words them (2.2).

use std::collections::BTreeSet;

use crate::html::Language;
use crate::microsoft::settings::ScopeNames;

const RESOURCE: &str = "https://graph.microsoft.com/";

pub(crate) const OFFLINE: &str = "offline_access";
pub(crate) const OPENID: [&str; 4] = ["openid", "profile", "email", OFFLINE];

/// Scopes of Graph that have something to do with what the simulator serves, as they are documented.
const KNOWN: [&str; 11] = [
    "Calendars.Read",
    "Calendars.Read.Shared",
    "Calendars.ReadBasic",
    "Calendars.ReadWrite",
    "Calendars.ReadWrite.Shared",
    "MailboxSettings.Read",
    "MailboxSettings.ReadWrite",
    "User.Read",
    "User.Read.All",
    "User.ReadBasic.All",
    "User.ReadWrite",
];

/// What `.default` stands for: everything that a client of calendars may have.
const USUAL: [&str; 8] = [
    "openid",
    "profile",
    "email",
    "User.Read",
    "MailboxSettings.Read",
    "Calendars.ReadWrite",
    "Calendars.ReadWrite.Shared",
    "Calendars.Read",
];

/// What a scope stands for, by short names; `None`: there is none such. Letters count in any case.
pub(crate) fn expand(scope: &str) -> Option<Vec<String>> {
    let bare = match scope.get(..RESOURCE.len()) {
        Some(start) if start.eq_ignore_ascii_case(RESOURCE) => &scope[RESOURCE.len()..],
        _ => scope,
    };
    if bare == ".default" {
        return Some(USUAL.iter().map(|&name| name.to_owned()).collect());
    }
    let known = OPENID.iter().chain(&KNOWN).find(|name| name.eq_ignore_ascii_case(bare));
    match known {
        Some(&name) => Some(vec![name.to_owned()]),
        None => is_plausible(bare).then(|| vec![bare.to_owned()]),
    }
}

/// Graph has hundreds of scopes; clients ask for those of mail and contacts in the same breath.
fn is_plausible(name: &str) -> bool {
    let mut parts = name.split('.');
    let subject = parts.next().unwrap_or_default();
    let what = parts.next().unwrap_or_default();
    subject.starts_with(|c: char| c.is_ascii_uppercase())
        && !["Calendars", "MailboxSettings", "User"].contains(&subject)
        && subject.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && ["Read", "ReadBasic", "ReadWrite", "Send", "Create"].contains(&what)
        && parts.next().is_none_or(|scope| ["All", "Shared"].contains(&scope))
        && parts.next().is_none()
}

/// A client wrote the names in full.
pub(crate) fn are_long(scopes: &str) -> bool {
    scopes.to_ascii_lowercase().contains(RESOURCE)
}

/// As a token's answer names them. `offline_access` shows in that it comes with a refresh token.
pub(crate) fn named(
    scopes: &BTreeSet<String>,
    asked_long: bool,
    names: ScopeNames,
    personal: bool,
) -> String {
    let long = match names {
        ScopeNames::Asked => asked_long,
        ScopeNames::Short => false,
        ScopeNames::Long => true,
    };
    let shown: Vec<String> = scopes
        .iter()
        .filter(|scope| personal || *scope != OFFLINE)
        .map(|scope| {
            if long && !OPENID.contains(&scope.as_str()) {
                format!("{RESOURCE}{scope}")
            } else {
                scope.clone()
            }
        })
        .collect();
    shown.join(" ")
}

/// As the consent page says it.
pub(crate) fn wording(scope: &str, language: Language) -> &str {
    let (french, english) = match scope {
        "openid" => ("Vous connecter", "Sign you in"),
        "profile" => ("Voir votre profil de base", "View your basic profile"),
        "email" => ("Voir votre adresse e-mail", "View your email address"),
        OFFLINE => (
            "Conserver l’accès aux données auxquelles vous lui avez donné accès",
            "Maintain access to data you have given it access to",
        ),
        "User.Read" => ("Vous connecter et lire votre profil", "Sign you in and read your profile"),
        "Calendars.Read" => ("Lire vos calendriers", "Read your calendars"),
        "Calendars.ReadBasic" => {
            ("Lire les informations de base de vos calendriers", "Read basic details of your calendars")
        }
        "Calendars.ReadWrite" => {
            ("Avoir un accès total à vos calendriers", "Have full access to your calendars")
        }
        "Calendars.Read.Shared" => {
            ("Lire les calendriers auxquels vous avez accès", "Read calendars you can access")
        }
        "Calendars.ReadWrite.Shared" => (
            "Lire et modifier vos calendriers et ceux qui sont partagés avec vous",
            "Read and write to your and shared calendars",
        ),
        "MailboxSettings.Read" => {
            ("Lire les paramètres de votre boîte aux lettres", "Read your mailbox settings")
        }
        "MailboxSettings.ReadWrite" => (
            "Lire et modifier les paramètres de votre boîte aux lettres",
            "Read and write to your mailbox settings",
        ),
        other => (other, other),
    };
    language.pick(french, english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_or_long_in_any_case() {
        let one = |name: &str| expand(name).map(|all| all.join(" "));
        assert_eq!(one("calendars.readwrite").as_deref(), Some("Calendars.ReadWrite"));
        assert_eq!(one("HTTPS://graph.microsoft.com/User.Read").as_deref(), Some("User.Read"));
        assert_eq!(one("Mail.Read").as_deref(), Some("Mail.Read"));
        assert_eq!(one("Calendars.Nonsense"), None);
        assert_eq!(one("nonsense"), None);
        assert_eq!(one("https://outlook.office.com/Calendars.Read"), None);
        assert_eq!(one("é"), None);
    }
}
