//! Scopes: which exist, how they are written, how the consent page words them (2.8).

use crate::google::schema;
use crate::html::Language;

const PREFIX: &str = "https://www.googleapis.com/auth/";

pub(crate) const EVERYTHING: &str = "https://www.googleapis.com/auth/calendar";
pub(crate) const EMAIL: &str = "https://www.googleapis.com/auth/userinfo.email";
pub(crate) const PROFILE: &str = "https://www.googleapis.com/auth/userinfo.profile";

/// A scope as it is granted: the short ones by their long names. `None` if there is none such.
pub(crate) fn canonical(scope: &str) -> Option<String> {
    match scope {
        "openid" => Some("openid".to_owned()),
        "email" => Some(EMAIL.to_owned()),
        "profile" => Some(PROFILE.to_owned()),
        EMAIL | PROFILE => Some(scope.to_owned()),
        // Old names of the first two.
        "https://www.google.com/calendar/feeds" | "https://www.google.com/calendar/feeds/" => {
            Some(EVERYTHING.to_owned())
        }
        _ => {
            let name = scope.strip_prefix(PREFIX)?;
            (schema::scope_wording(name).is_some() || name == "calendar.addons.execute")
                .then(|| scope.to_owned())
        }
    }
}

/// The consent page lets the user take it away; who one is cannot be.
pub(crate) fn is_optional(scope: &str) -> bool {
    !matches!(scope, "openid" | EMAIL | PROFILE)
}

/// As the consent page says it; in English as Google's description of the API does.
pub(crate) fn wording(scope: &str, language: Language) -> String {
    let name = scope.strip_prefix(PREFIX).unwrap_or(scope);
    let english = match name {
        "openid" => "Associate you with your personal info",
        "userinfo.email" => "See your email address",
        "userinfo.profile" => "See your personal info",
        other => schema::scope_wording(other).unwrap_or(other),
    };
    let french = match name {
        "openid" => "Vous associer à vos données personnelles",
        "userinfo.email" => "Voir votre adresse e-mail",
        "userinfo.profile" => "Voir vos informations personnelles",
        "calendar" => {
            "Voir, modifier, partager et supprimer définitivement tous les agendas auxquels vous avez accès via Google \
             Agenda"
        }
        "calendar.readonly" => "Voir et télécharger les agendas auxquels vous avez accès via Google Agenda",
        "calendar.acls" => {
            "Voir et modifier les autorisations de partage des agendas Google qui vous appartiennent"
        }
        "calendar.acls.readonly" => {
            "Voir les autorisations de partage des agendas Google qui vous appartiennent"
        }
        "calendar.app.created" => {
            "Créer des agendas Google secondaires, et y voir, créer, modifier et supprimer des événements"
        }
        "calendar.calendarlist" => "Voir, ajouter et supprimer les agendas Google auxquels vous êtes abonné",
        "calendar.calendarlist.readonly" => "Voir la liste des agendas Google auxquels vous êtes abonné",
        "calendar.calendars" => {
            "Voir et modifier les propriétés des agendas Google auxquels vous avez accès, et créer des agendas secondaires"
        }
        "calendar.calendars.readonly" => {
            "Voir le titre, la description, le fuseau horaire et les autres propriétés des agendas Google auxquels vous \
             avez accès"
        }
        "calendar.events" => "Voir et modifier les événements de tous vos agendas",
        "calendar.events.readonly" => "Voir les événements de tous vos agendas",
        "calendar.events.freebusy" => {
            "Voir les disponibilités dans les agendas Google auxquels vous avez accès"
        }
        "calendar.events.owned" => {
            "Voir, créer, modifier et supprimer les événements des agendas Google qui vous appartiennent"
        }
        "calendar.events.owned.readonly" => "Voir les événements des agendas Google qui vous appartiennent",
        "calendar.events.public.readonly" => "Voir les événements des agendas publics",
        "calendar.freebusy" => "Voir vos disponibilités dans vos agendas",
        "calendar.settings" => "Voir et modifier vos paramètres Google Agenda",
        "calendar.settings.readonly" => "Voir vos paramètres Google Agenda",
        _ => english,
    };
    language.pick(french, english).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_worded_in_both_languages() {
        for scope in schema::scope_names() {
            let name = scope.strip_prefix(PREFIX).unwrap();
            assert_ne!(wording(scope, Language::English), name, "{scope}");
            assert_ne!(wording(scope, Language::French), wording(scope, Language::English), "{scope}");
        }
    }
}
