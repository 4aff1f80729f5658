//! What the page shows.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};

use super::EDIT;
use crate::google::edits::upcoming;
use crate::google::model::{Account, Calendar, Entry, Event, Role};
use crate::google::times::When;
use crate::html::{self, Language, escape, hidden};
use crate::simulator::{Simulator, World};

const USUAL_DAYS: u32 = 35;
const MOST_DAYS: u32 = 400;

pub(super) async fn show(
    State(simulator): State<Arc<Simulator>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let days = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes())
        .find(|(name, _)| name == "days")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(USUAL_DAYS)
        .clamp(1, MOST_DAYS);
    let language = Language::of(&headers);
    let world = simulator.world();
    let title = language.pick("Simulateur d’agendas", "Calendar simulator");
    html::page(language, StatusCode::OK, title, &Page { language, world: &world, days }.main())
}

pub(super) struct Page<'a> {
    pub language: Language,
    pub world: &'a World,
    pub days: u32,
}

impl Page<'_> {
    fn main(&self) -> String {
        let l = self.language;
        let now = self.world.now();
        let mut main = String::new();
        // Writing to a string does not fail, here and below.
        let _ = write!(
            main,
            "<h1>{}</h1><p>{}</p><p class=\"quiet-text\">{} {} UTC</p>",
            l.pick("Simulateur d’agendas", "Calendar simulator"),
            l.pick(
                "Ces comptes et ces agendas se comportent comme ceux de Google et d’Outlook. Ce que vous changez ici, les \
                 applications connectées le voient comme un changement fait dans Google Agenda ou dans Outlook.",
                "These accounts and calendars behave as Google’s and Outlook’s do. What you change here, connected \
                 applications see as a change made in Google Calendar or in Outlook.",
            ),
            l.pick("Horloge du simulateur :", "The simulator’s clock:"),
            now.format("%Y-%m-%d %H:%M"),
        );
        if self.world.google.accounts.is_empty() && self.world.microsoft.directory.accounts.is_empty() {
            let none = l.pick("Ce simulateur n’a pas de compte.", "This simulator has no accounts.");
            let _ = write!(main, "<p>{none}</p>");
        }
        main.push_str("<datalist id=\"zones\">");
        for zone in chrono_tz::TZ_VARIANTS {
            let _ = write!(main, "<option value=\"{}\"></option>", escape(zone.name()));
        }
        main.push_str("</datalist>");
        for (number, account) in self.world.google.accounts.iter().enumerate() {
            self.account(&mut main, number, account, now);
        }
        self.outlook(&mut main, now);
        if self.days < 120 {
            let more = l.pick("Voir les quatre prochains mois", "Show the next four months");
            let _ = write!(main, "<p><a href=\"/?days=120\">{more}</a></p>");
        }
        main
    }

    fn account(&self, main: &mut String, number: usize, account: &Account, now: DateTime<Utc>) {
        let label = self.language.pick("Compte", "Account");
        let email = escape(&account.email);
        let _ = write!(main, "<section aria-label=\"{label} {email}\"><h2>{label} {email}</h2>");
        for (entry_number, entry) in account.entries.iter().filter(|entry| !entry.deleted).enumerate() {
            if let Some(calendar) = self.world.google.calendars.get(&entry.calendar) {
                let at = format!("{number}-{entry_number}");
                self.calendar(main, &at, account, entry, calendar, now);
            }
        }
        main.push_str("</section>");
    }

    fn calendar(
        &self,
        main: &mut String,
        at: &str,
        account: &Account,
        entry: &Entry,
        calendar: &Calendar,
        now: DateTime<Utc>,
    ) {
        let l = self.language;
        let name = entry.summary_override.as_deref().unwrap_or(&calendar.summary);
        let label = l.pick("Agenda", "Calendar");
        let Some(role) = calendar.role_of(&account.email) else { return };
        let role = match role {
            Role::Owner => l.pick("propriétaire", "owner"),
            Role::Writer | Role::WriterWithoutPrivateAccess => l.pick("peut modifier", "can edit"),
            Role::Reader => l.pick("lecture seule", "read only"),
            Role::FreeBusyReader => l.pick("disponibilités seulement", "free/busy only"),
        };
        let _ = write!(
            main,
            "<section class=\"card\" id=\"calendar-{at}\" aria-label=\"{label} {name}\"><h3>{name}</h3>\
             <p class=\"quiet-text\">{role} · {}</p>",
            escape(&calendar.zone),
            name = escape(name),
        );
        let carried =
            hidden("account", &account.email) + &hidden("calendar", &calendar.id) + &hidden("at", at);
        // Those who share a calendar with a reader edit it, too: the page stands in for them all.
        self.add_form(main, at, &carried, calendar, now);
        self.zone_form(main, at, &carried, calendar);
        let events = upcoming(calendar, now - TimeDelta::hours(12), now + TimeDelta::days(self.days.into()));
        if events.is_empty() {
            let none = l.pick("Rien à venir.", "Nothing coming up.");
            let _ = write!(main, "<p>{none}</p>");
        }
        main.push_str("<ul class=\"plain\">");
        for (number, event) in events.iter().enumerate() {
            let carried = carried.clone() + &hidden("event", &event.id);
            self.event(main, &format!("{at}-{number}"), &carried, calendar, event);
        }
        main.push_str("</ul></section>");
    }

    fn add_form(&self, main: &mut String, at: &str, carried: &str, calendar: &Calendar, now: DateTime<Utc>) {
        let l = self.language;
        let next_hour = now.with_timezone(&calendar.tz()).naive_local() + TimeDelta::hours(1);
        let next_hour = next_hour.date().and_hms_opt(next_hour.hour(), 0, 0).unwrap_or(next_hour);
        let title = l.pick("Nouvel événement", "New event");
        let _ = write!(
            main,
            "<details><summary>{title}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{carried}{}{}{}{}{}{}\
             <div><button name=\"do\" value=\"add\">{}</button></div></form></details>",
            field(at, "title", l.pick("Titre", "Title"), "text", ""),
            field(at, "start", l.pick("Début", "Start"), "datetime-local", &input(next_hour)),
            field(at, "end", l.pick("Fin", "End"), "datetime-local", &input(next_hour + TimeDelta::hours(1))),
            choice(at, "all_day", l.pick("Toute la journée", "All day"), false),
            choice(at, "weekly", l.pick("Chaque semaine", "Every week"), false),
            choice(at, "free", l.pick("Libre (ne bloque pas)", "Free (does not block)"), false),
            l.pick("Ajouter un événement", "Add an event"),
        );
    }

    fn zone_form(&self, main: &mut String, at: &str, carried: &str, calendar: &Calendar) {
        let l = self.language;
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{carried}\
             <div class=\"field\"><label for=\"zone-{at}\">{}</label><input id=\"zone-{at}\" name=\"zone\" list=\"zones\" \
             value=\"{}\" autocomplete=\"off\" required></div><div><button name=\"do\" value=\"zone\">{}</button></div>\
             </form></details>",
            l.pick("Fuseau horaire", "Time zone"),
            l.pick("Fuseau de l’agenda", "The calendar’s zone"),
            escape(&calendar.zone),
            l.pick("Changer le fuseau", "Change the zone"),
        );
    }

    fn event(&self, main: &mut String, at: &str, carried: &str, calendar: &Calendar, event: &Event) {
        let l = self.language;
        let title = event.text("summary").unwrap_or(l.pick("(Sans titre)", "(No title)"));
        let when = self.when(event, calendar);
        let free = event.text("transparency") == Some("transparent");
        let _ = write!(
            main,
            "<li class=\"event{}\"><article aria-label=\"{title}, {when}\"><h4>{title}</h4><p>{when}</p>",
            if free { " free" } else { "" },
            title = escape(title),
        );
        self.badges(main, event, free);
        texts(main, event);
        let button = |value: &str, text: &str| {
            format!(
                "<button class=\"quiet\" name=\"do\" value=\"{value}\" aria-label=\"{} {text}\">{text}</button>",
                l.pick("Déplacer de", "Move by")
            )
        };
        let hours = if event.start.is_day() {
            String::new()
        } else {
            button("move:-60", "−1 h") + &button("move:60", "+1 h")
        };
        let duplicate = match &event.exception {
            Some(_) => String::new(),
            None => {
                let text = l.pick("Dupliquer", "Duplicate");
                format!("<button class=\"quiet\" name=\"do\" value=\"duplicate\">{text}</button>")
            }
        };
        let delete = match &event.exception {
            Some(_) => l.pick("Annuler cette occurrence", "Cancel this occurrence"),
            None => l.pick("Supprimer", "Delete"),
        };
        let _ = write!(
            main,
            "<form method=\"post\" action=\"{EDIT}\" class=\"row\">{carried}{}{hours}{}\
             {duplicate}<button class=\"quiet\" name=\"do\" value=\"delete\">{delete}</button></form>",
            button("move:-1440", l.pick("−1 j", "−1 d")),
            button("move:1440", l.pick("+1 j", "+1 d")),
        );
        self.edit_form(main, at, carried, calendar, event, free);
        if let Some(exception) = &event.exception {
            let _ = write!(
                main,
                "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"row\">{carried}{}{}\
                 <button class=\"quiet\" name=\"do\" value=\"series:move:-60\">{}</button>\
                 <button class=\"quiet\" name=\"do\" value=\"series:move:60\">{}</button>\
                 <button class=\"quiet\" name=\"do\" value=\"split:60\">{}</button>\
                 <button class=\"quiet\" name=\"do\" value=\"series:delete\">{}</button></form></details>",
                l.pick("Toute la série", "The whole series"),
                hidden("series", &exception.master),
                hidden("slot", &exception.original.suffix()),
                l.pick("Déplacer la série de −1 h", "Move the series by −1 h"),
                l.pick("Déplacer la série de +1 h", "Move the series by +1 h"),
                l.pick("Déplacer celle-ci et les suivantes de +1 h", "Move this and following by +1 h"),
                l.pick("Supprimer la série", "Delete the series"),
            );
        }
        main.push_str("</article></li>");
    }

    fn badges(&self, main: &mut String, event: &Event, free: bool) {
        let l = self.language;
        let declined =
            event.content.get("attendees").and_then(serde_json::Value::as_array).is_some_and(|all| {
                all.iter().any(|one| {
                    one["responseStatus"] == "declined" && one["email"] != event.organizer.email.as_str()
                })
            });
        let badges = [
            (free, l.pick("libre", "free")),
            (event.text("status") == Some("tentative"), l.pick("provisoire", "tentative")),
            (event.exception.is_some() || event.is_master(), l.pick("série", "series")),
            (event.kind() == "workingLocation", l.pick("lieu de travail", "working location")),
            (event.kind() == "birthday", l.pick("anniversaire", "birthday")),
            (event.kind() == "outOfOffice", l.pick("absence", "out of office")),
            (declined, l.pick("décliné", "declined")),
        ];
        let shown: String = badges
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, text)| format!("<span class=\"badge\">{text}</span> "))
            .collect();
        let by = private(event, "source").map(|source| {
            let written = l.pick("écrit par", "written by");
            format!("<span class=\"badge by\">{written} {}</span> ", escape(source))
        });
        let shown = shown + &by.unwrap_or_default();
        if !shown.is_empty() {
            let _ = write!(main, "<p>{shown}</p>");
        }
    }

    fn edit_form(
        &self,
        main: &mut String,
        at: &str,
        carried: &str,
        calendar: &Calendar,
        event: &Event,
        free: bool,
    ) {
        let l = self.language;
        let tz = calendar.tz();
        let (kind, start, end) = match (&event.start, &event.end) {
            // A person names the last day, not the one after it.
            (When::Day(start), When::Day(end)) => {
                ("date", start.to_string(), end.pred_opt().unwrap_or(*end).max(*start).to_string())
            }
            (start, end) => ("datetime-local", input(start.wall(tz)), input(end.wall(tz))),
        };
        let at = format!("edit-{at}");
        let _ = write!(
            main,
            "<details><summary>{}</summary><form method=\"post\" action=\"{EDIT}\" class=\"stack\">{carried}{}{}{}{}\
             <div><button name=\"do\" value=\"change\">{}</button></div></form></details>",
            l.pick("Modifier", "Edit"),
            field(&at, "title", l.pick("Titre", "Title"), "text", event.text("summary").unwrap_or_default()),
            field(&at, "start", l.pick("Début", "Start"), kind, &start),
            field(&at, "end", l.pick("Fin", "End"), kind, &end),
            choice(&at, "free", l.pick("Libre (ne bloque pas)", "Free (does not block)"), free),
            l.pick("Enregistrer", "Save"),
        );
    }

    fn when(&self, event: &Event, calendar: &Calendar) -> String {
        let tz = calendar.tz();
        if let (When::Day(start), When::Day(end)) = (&event.start, &event.end) {
            let last = end.checked_sub_days(Days::new(1)).unwrap_or(*end);
            let all_day = self.language.pick("toute la journée", "all day");
            return if last <= *start {
                format!("{}, {all_day}", self.day(*start))
            } else {
                format!("{} – {}, {all_day}", self.day(*start), self.day(last))
            };
        }
        self.between(event.start.wall(tz), event.end.wall(tz))
    }

    pub fn between(&self, start: NaiveDateTime, end: NaiveDateTime) -> String {
        let (from, to) = (start.format("%H:%M"), end.format("%H:%M"));
        if start.date() == end.date() {
            format!("{}, {from} – {to}", self.day(start.date()))
        } else {
            format!("{}, {from} – {}, {to}", self.day(start.date()), self.day(end.date()))
        }
    }

    pub fn day(&self, day: NaiveDate) -> String {
        let weekdays = self.language.pick(
            ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        );
        let months = self.language.pick(
            [
                "janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.",
                "déc.",
            ],
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        );
        let weekday = weekdays[day.weekday().num_days_from_monday() as usize];
        format!("{weekday} {} {} {}", day.day(), months[day.month0() as usize], day.year())
    }
}

/// Where the event is and what it says: Google reads a description as HTML, and a place as text.
fn texts(main: &mut String, event: &Event) {
    if let Some(place) = event.text("location").filter(|text| !text.is_empty()) {
        let _ = write!(main, "<p class=\"lines\">{}</p>", escape(place));
    }
    if let Some(description) = event.text("description").filter(|text| !text.is_empty()) {
        let _ = write!(main, "<p class=\"lines quiet-text\">{}</p>", escape(&html::as_read(description)));
    }
}

/// What an application keeps on an event for itself.
fn private<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.content.get("extendedProperties")?.get("private")?.get(name)?.as_str()
}

pub(super) fn input(wall: NaiveDateTime) -> String {
    wall.format("%Y-%m-%dT%H:%M").to_string()
}

pub(super) fn field(at: &str, name: &str, label: &str, kind: &str, value: &str) -> String {
    let required = if kind == "text" { "" } else { " required" };
    format!(
        "<div class=\"field\"><label for=\"{name}-{at}\">{label}</label><input id=\"{name}-{at}\" name=\"{name}\" \
         type=\"{kind}\" value=\"{}\"{required}></div>",
        escape(value)
    )
}

pub(super) fn choice(at: &str, name: &str, label: &str, checked: bool) -> String {
    let checked = if checked { " checked" } else { "" };
    format!(
        "<div class=\"choice\"><input type=\"checkbox\" id=\"{name}-{at}\" name=\"{name}\"{checked}>\
         <label for=\"{name}-{at}\">{label}</label></div>"
    )
}
