//! Outlook's accounts on the page, in the look of Google's and with the same acts.

use std::fmt::Write;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::Value;

use super::EDIT;
use super::show::{Page, choice, field, input};
use crate::html::{as_read, escape, hidden};
use crate::microsoft::identity::model::Account;
use crate::microsoft::mailbox::access::Reach;
use crate::microsoft::mailbox::edits::upcoming;
use crate::microsoft::mailbox::ids::IdKind;
use crate::microsoft::mailbox::items::Item;
use crate::microsoft::mailbox::model::Mailbox;
use crate::microsoft::mailbox::zones;

/// A calendar on an account's list.
struct Shown<'a> {
    /// Where it stands on the page, which begins with `o`.
    at: String,
    mailbox: &'a Mailbox,
    name: &'a str,
    reach: Reach,
    tz: Tz,
    /// What its forms carry.
    carried: String,
}

impl Page<'_> {
    pub(super) fn outlook(&self, main: &mut String, now: DateTime<Utc>) {
        let label = self.language.pick("Compte", "Account");
        let microsoft = &self.world.microsoft;
        for (number, account) in microsoft.directory.accounts.iter().enumerate() {
            let email = escape(&account.email);
            // Writing to a string does not fail, here and below.
            let _ = write!(
                main,
                "<section aria-label=\"{label} {email}\"><h2>{label} {email}</h2><p class=\"quiet-text\">Outlook · {}</p>",
                match (account.personal, account.disabled) {
                    (_, true) => self.language.pick("désactivé", "disabled"),
                    (true, _) => self.language.pick("compte personnel", "personal account"),
                    (false, _) => self.language.pick("compte professionnel", "work account"),
                },
            );
            match microsoft.mailboxes.all.get(&account.id).filter(|_| !account.without_mailbox) {
                Some(mailbox) => self.mailbox(main, number, account, mailbox, now),
                None => {
                    let none = self
                        .language
                        .pick("Ce compte n’a pas de boîte aux lettres.", "This account has no mailbox.");
                    let _ = write!(main, "<p>{none}</p>");
                }
            }
            main.push_str("</section>");
        }
    }

    fn mailbox(
        &self,
        main: &mut String,
        number: usize,
        account: &Account,
        mailbox: &Mailbox,
        now: DateTime<Utc>,
    ) {
        let own = mailbox.calendars.iter().map(|one| (&one.id, one.name.as_str()));
        let listed = own.chain(mailbox.shared.iter().map(|one| (&one.id, one.name.as_str())));
        for (entry, (id, name)) in listed.enumerate() {
            let Ok(reach) = self.world.microsoft.mailboxes.reach(&account.id, id) else { continue };
            let at = format!("o{number}-{entry}");
            let carried = hidden("platform", "outlook")
                + &hidden("account", &account.email)
                + &hidden("calendar", id)
                + &hidden("at", &at);
            let tz = zones::find(&mailbox.zone).unwrap_or(Tz::UTC);
            self.outlook_calendar(main, &Shown { at, mailbox, name, reach, tz, carried }, now);
        }
    }

    fn outlook_calendar(&self, main: &mut String, shown: &Shown<'_>, now: DateTime<Utc>) {
        let l = self.language;
        let label = l.pick("Agenda", "Calendar");
        let role = match (shown.reach.shared, shown.reach.can_edit) {
            (false, true) => l.pick("propriétaire", "owner"),
            (true, true) => l.pick("peut modifier", "can edit"),
            (_, false) => l.pick("lecture seule", "read only"),
        };
        let _ = write!(
            main,
            "<section class=\"card\" id=\"calendar-{}\" aria-label=\"{label} {name}\"><h3>{name}</h3>\
             <p class=\"quiet-text\">{role} · {}</p>",
            shown.at,
            escape(&shown.mailbox.zone),
            name = escape(shown.name),
        );
        self.outlook_add_form(main, shown, now);
        self.outlook_zone_form(main, shown);
        let until = now + TimeDelta::days(self.days.into());
        let owner = self.world.microsoft.mailboxes.of(&shown.reach.owner);
        let from = now - TimeDelta::hours(12);
        let mut items =
            owner.map(|owner| upcoming(owner, &shown.reach.calendar, from, until)).unwrap_or_default();
        items.sort_by_key(Item::starts);
        if items.is_empty() {
            let _ = write!(main, "<p>{}</p>", l.pick("Rien à venir.", "Nothing coming up."));
        }
        main.push_str("<ul class=\"plain\">");
        for (number, item) in items.iter().enumerate() {
            self.outlook_event(main, &format!("{}-{number}", shown.at), shown, item);
        }
        main.push_str("</ul></section>");
    }

    fn outlook_add_form(&self, main: &mut String, shown: &Shown<'_>, now: DateTime<Utc>) {
        let l = self.language;
        let at = &shown.at;
        let next_hour = now.with_timezone(&shown.tz).naive_local() + TimeDelta::hours(1);
        let next_hour = next_hour.date().and_hms_opt(next_hour.hour(), 0, 0).unwrap_or(next_hour);
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{}{}{}{}{}{}{}\
             <div><button name=\"do\" value=\"add\">{}</button></div></form></details>",
            l.pick("Nouvel événement", "New event"),
            shown.carried,
            field(at, "title", l.pick("Titre", "Title"), "text", ""),
            field(at, "start", l.pick("Début", "Start"), "datetime-local", &input(next_hour)),
            field(at, "end", l.pick("Fin", "End"), "datetime-local", &input(next_hour + TimeDelta::hours(1))),
            choice(at, "all_day", l.pick("Toute la journée", "All day"), false),
            choice(at, "weekly", l.pick("Chaque semaine", "Every week"), false),
            choice(at, "free", l.pick("Libre (ne bloque pas)", "Free (does not block)"), false),
            l.pick("Ajouter un événement", "Add an event"),
        );
    }

    /// Outlook's calendars have no zone of their own: it is the mailbox's.
    fn outlook_zone_form(&self, main: &mut String, shown: &Shown<'_>) {
        let l = self.language;
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{}\
             <div class=\"field\"><label for=\"zone-{at}\">{}</label><input id=\"zone-{at}\" name=\"zone\" list=\"zones\" \
             value=\"{}\" autocomplete=\"off\" required></div><div><button name=\"do\" value=\"zone\">{}</button></div>\
             </form></details>",
            l.pick("Fuseau horaire", "Time zone"),
            shown.carried,
            l.pick("Fuseau du compte", "The account’s zone"),
            escape(&shown.mailbox.zone),
            l.pick("Changer le fuseau", "Change the zone"),
            at = shown.at,
        );
    }

    fn outlook_event(&self, main: &mut String, at: &str, shown: &Shown<'_>, item: &Item<'_>) {
        let l = self.language;
        let title = item.field("subject").as_str().filter(|text| !text.is_empty());
        let title = title.unwrap_or(l.pick("(Sans titre)", "(No title)"));
        let when = self.outlook_when(item, shown.tz);
        let free = item.field("showAs") == "free";
        let _ = write!(
            main,
            "<li class=\"event{}\"><article aria-label=\"{title}, {when}\"><h4>{title}</h4><p>{when}</p>",
            if free { " free" } else { "" },
            title = escape(title),
        );
        self.outlook_badges(main, item, free);
        outlook_texts(main, item);
        let carried = shown.carried.clone() + &hidden("event", &item.id(IdKind::Immutable));
        let occurrence = item.day.is_some();
        let button = |value: &str, text: &str| {
            format!("<button class=\"quiet\" name=\"do\" value=\"{value}\">{text}</button>")
        };
        let shift = |minutes: i64, text: &str| {
            let label = l.pick("Déplacer de", "Move by");
            format!(
                "<button class=\"quiet\" name=\"do\" value=\"move:{minutes}\" aria-label=\"{label} {text}\">{text}</button>"
            )
        };
        let hours = if item.all_day() { String::new() } else { shift(-60, "−1 h") + &shift(60, "+1 h") };
        let duplicate = match occurrence {
            true => String::new(),
            false => button("duplicate", l.pick("Dupliquer", "Duplicate")),
        };
        let answer = match item.event.own {
            true => String::new(),
            false => {
                button("accept", l.pick("Accepter", "Accept"))
                    + &button("decline", l.pick("Décliner", "Decline"))
            }
        };
        let delete = match occurrence {
            true => l.pick("Annuler cette occurrence", "Cancel this occurrence"),
            false => l.pick("Supprimer", "Delete"),
        };
        let _ = write!(
            main,
            "<form method=\"post\" action=\"{EDIT}\" class=\"row\">{carried}{}{hours}{}{duplicate}{answer}{}</form>",
            shift(-1440, l.pick("−1 j", "−1 d")),
            shift(1440, l.pick("+1 j", "+1 d")),
            button("delete", delete),
        );
        self.outlook_edit_form(main, at, &carried, shown, item, free);
        if occurrence {
            let series = item.event.ids.get(IdKind::Immutable);
            let _ = write!(
                main,
                "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"row\">{carried}{}{}{}{}{}\
                 </form></details>",
                l.pick("Toute la série", "The whole series"),
                hidden("series", series),
                button("series:move:-60", l.pick("Déplacer la série de −1 h", "Move the series by −1 h")),
                button("series:move:60", l.pick("Déplacer la série de +1 h", "Move the series by +1 h")),
                button("series:move:1440", l.pick("Déplacer la série de +1 j", "Move the series by +1 d")),
                button("series:delete", l.pick("Supprimer la série", "Delete the series")),
            );
        }
        self.outlook_drag_form(main, at, shown, item);
        main.push_str("</article></li>");
    }

    /// To another of the account's own calendars: whole events and series.
    fn outlook_drag_form(&self, main: &mut String, at: &str, shown: &Shown<'_>, item: &Item<'_>) {
        let l = self.language;
        let others: String = shown
            .mailbox
            .calendars
            .iter()
            .filter(|other| other.can_edit && other.id != shown.reach.calendar)
            .map(|other| format!("<option value=\"{}\">{}</option>", escape(&other.id), escape(&other.name)))
            .collect();
        if others.is_empty() || shown.reach.shared {
            return;
        }
        let event = hidden("event", item.event.ids.get(IdKind::Immutable));
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{}{event}\
             <div class=\"field\"><label for=\"to-{at}\">{}</label><select id=\"to-{at}\" name=\"to\">{others}</select></div>\
             <div><button name=\"do\" value=\"drag\">{}</button></div></form></details>",
            l.pick("Changer d’agenda", "Change the calendar"),
            shown.carried,
            l.pick("Vers l’agenda", "To the calendar"),
            l.pick("Déplacer vers cet agenda", "Move to this calendar"),
        );
    }

    fn outlook_badges(&self, main: &mut String, item: &Item<'_>, free: bool) {
        let l = self.language;
        let response = item.response().response.as_str();
        let badges = [
            (free, l.pick("libre", "free")),
            (item.field("showAs") == "tentative", l.pick("provisoire", "tentative")),
            (item.field("showAs") == "oof", l.pick("absence", "out of office")),
            (item.field("showAs") == "workingElsewhere", l.pick("travaille ailleurs", "working elsewhere")),
            (item.day.is_some(), l.pick("série", "series")),
            (item.is_cancelled(), l.pick("annulé", "cancelled")),
            (response == "declined", l.pick("décliné", "declined")),
            (response == "accepted", l.pick("accepté", "accepted")),
            (!item.event.own && response == "notResponded", l.pick("sans réponse", "not answered")),
            (item.field("sensitivity") == "private", l.pick("privé", "private")),
        ];
        let mut texts: String = badges
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, text)| format!("<span class=\"badge\">{text}</span> "))
            .collect();
        // What an application keeps on an event for itself: by it one sees what it wrote.
        let written = l.pick("écrit par une application", "written by an application");
        if item.properties().next().is_some() {
            let _ = write!(texts, "<span class=\"badge by\">{written}</span> ");
        }
        if !texts.is_empty() {
            let _ = write!(main, "<p>{texts}</p>");
        }
    }

    fn outlook_edit_form(
        &self,
        main: &mut String,
        at: &str,
        carried: &str,
        shown: &Shown<'_>,
        item: &Item<'_>,
        free: bool,
    ) {
        let l = self.language;
        let (kind, start, end) = match item.all_day() {
            // A person names the last day, not the one after it.
            true => ("date", item.start().day().to_string(), last_day(item).to_string()),
            false => {
                let wall = |at: DateTime<Utc>| input(at.with_timezone(&shown.tz).naive_local());
                ("datetime-local", wall(item.starts()), wall(item.ends()))
            }
        };
        let at = format!("edit-{at}");
        let title = item.field("subject").as_str().unwrap_or_default();
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{carried}{}{}{}{}{}\
             <div><button name=\"do\" value=\"change\">{}</button></div></form></details>",
            l.pick("Modifier", "Edit"),
            if item.all_day() { hidden("all_day", "on") } else { String::new() },
            field(&at, "title", l.pick("Titre", "Title"), "text", title),
            field(&at, "start", l.pick("Début", "Start"), kind, &start),
            field(&at, "end", l.pick("Fin", "End"), kind, &end),
            choice(&at, "free", l.pick("Libre (ne bloque pas)", "Free (does not block)"), free),
            l.pick("Enregistrer", "Save"),
        );
    }

    fn outlook_when(&self, item: &Item<'_>, tz: Tz) -> String {
        if item.all_day() {
            let (first, last) = (item.start().day(), last_day(item));
            let all_day = self.language.pick("toute la journée", "all day");
            return match last <= first {
                true => format!("{}, {all_day}", self.day(first)),
                false => format!("{} – {}, {all_day}", self.day(first), self.day(last)),
            };
        }
        self.between(
            item.starts().with_timezone(&tz).naive_local(),
            item.ends().with_timezone(&tz).naive_local(),
        )
    }
}

fn last_day(item: &Item<'_>) -> NaiveDate {
    let end = item.end().day();
    end.checked_sub_days(Days::new(1)).unwrap_or(end).max(item.start().day())
}

/// Where the event is and what it says.
fn outlook_texts(main: &mut String, item: &Item<'_>) {
    let place = item.field("location")["displayName"].as_str().filter(|text| !text.is_empty());
    if let Some(place) = place {
        let _ = write!(main, "<p class=\"lines\">{}</p>", escape(place));
    }
    let body: &Value = item.field("body");
    let text = body["content"].as_str().unwrap_or_default();
    let text = if body["contentType"] == "text" { text.to_owned() } else { as_read(text) };
    if !text.trim().is_empty() {
        let _ = write!(main, "<p class=\"lines quiet-text\">{}</p>", escape(text.trim()));
    }
}
