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

pub(crate) fn wording(scope: &str, language: Language) -> String {
    let name = scope.strip_prefix(PREFIX).unwrap_or(scope);
    let (french, english) = match name {
        "calendar" => (
            "Voir, modifier, partager et supprimer définitivement tous les agendas auxquels vous avez accès via Google \
             Agenda",
            "See, edit, share, and permanently delete all the calendars you can access using Google Calendar",
        ),
        "calendar.readonly" => (
            "Voir et télécharger les agendas auxquels vous avez accès via Google Agenda",
            "See and download any calendar you can access using your Google Calendar",
        ),
        "calendar.events" => (
            "Voir et modifier les événements de tous vos agendas",
            "View and edit events on all your calendars",
        ),
        "calendar.events.readonly" => {
            ("Voir les événements de tous vos agendas", "View events on all your calendars")
        }
        "calendar.events.owned" => (
            "Voir, créer, modifier et supprimer les événements des agendas Google qui vous appartiennent",
            "See, create, change, and delete events on Google calendars you own",
        ),
        "calendar.calendarlist.readonly" => (
            "Voir la liste des agendas Google auxquels vous êtes abonné",
            "See the list of Google calendars you’re subscribed to",
        ),
        "calendar.calendarlist" => (
            "Voir, ajouter et supprimer les agendas Google auxquels vous êtes abonné",
            "See, add, and remove Google calendars you’re subscribed to",
        ),
        "calendar.freebusy" => {
            ("Voir vos disponibilités dans vos agendas", "View your availability in your calendars")
        }
        "openid" => ("Vous associer à vos données personnelles", "Associate you with your personal info"),
        "userinfo.email" => ("Voir votre adresse e-mail", "See your email address"),
        "userinfo.profile" => ("Voir vos informations personnelles", "See your personal info"),
        other => return schema::scope_wording(other).unwrap_or(other).to_owned(),
    };
    language.pick(french, english).to_owned()
}
