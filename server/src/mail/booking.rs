//! The words of e-mails about bookings, for clients and for providers.

use super::words::Words;
use crate::assemble::address;
use chrono::{DateTime, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;
use simone_app::format;
use simone_app::texts::Lang;
use simone_booking::Locale;
use simone_booking::booking::{Actor, ChangeKind, Status};
use simone_booking::service::Place;
use simone_store::booking_mail::BookingMail;
use url::Url;

pub(super) const fn lang(locale: Locale) -> Lang {
    match locale {
        Locale::Fr => Lang::fr,
        Locale::En => Lang::en,
    }
}

/// What someone typed, as one line that stays what it is among our own words.
pub(super) fn line(text: &str) -> String {
    let reorders = |letter: &char| matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = text
        .chars()
        .filter(|letter| !reorders(letter))
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `jeudi 15 janvier, 14:30`, as the wall of `zone` has it; with the year where it is another than when this is told.
pub(super) fn moment(lang: Lang, at: DateTime<Utc>, told_at: DateTime<Utc>, zone: Tz) -> String {
    let today = told_at.with_timezone(&zone).date_naive();
    let day = format::date(lang, at.with_timezone(&zone).date_naive(), today);
    format!("{day}, {}", format::time(at, zone))
}

fn zone_name(lang: Lang, zone: Tz) -> String {
    let city = format::city(lang, zone);
    match lang {
        Lang::fr => format::elided(lang, &format!("heure de {city}")),
        Lang::en => format!("{city} time"),
    }
}

/// From when to when, with the zone; and the same in the client's where its clocks show something else then.
fn when(mail: &BookingMail, lang: Lang) -> String {
    let told_at = mail.changed_at;
    let in_zone = |zone: Tz| {
        let start = moment(lang, mail.starts_at, told_at, zone);
        format!("{start} – {} ({})", format::time(mail.ends_at, zone), zone_name(lang, zone))
    };
    let mut text = in_zone(mail.zone);
    let offset = |zone: Tz| zone.offset_from_utc_datetime(&mail.starts_at.naive_utc()).fix();
    if let Some(zone) =
        mail.client_zone.filter(|zone| mail.link.is_some() && offset(*zone) != offset(mail.zone))
    {
        text += "\n";
        text += &in_zone(zone);
    }
    text
}

fn place(mail: &BookingMail, lang: Lang) -> String {
    let address = line(&mail.address);
    match (mail.place, lang, mail.link.is_some()) {
        (Place::Client, Lang::fr, true) => format!("À votre adresse : {address}"),
        (Place::Client, Lang::en, true) => format!("At your address: {address}"),
        (Place::Client, Lang::fr, false) => format!("Chez le client : {address}"),
        (Place::Client, Lang::en, false) => format!("At the client’s: {address}"),
        (Place::Provider, Lang::fr, _) => format!("Adresse : {address}"),
        (Place::Provider, Lang::en, _) => format!("Address: {address}"),
        (Place::Remote, Lang::fr, _) => "À distance".to_owned(),
        (Place::Remote, Lang::en, _) => "Remote".to_owned(),
    }
}

/// The appointment, a line for each fact.
fn facts(mail: &BookingMail, lang: Lang) -> String {
    let service = line(&mail.service_name);
    let mut lines = vec![
        match (lang, mail.link.is_some()) {
            (Lang::fr, true) => format!("{service}, avec {}", line(&mail.provider_name)),
            (Lang::en, true) => format!("{service}, with {}", line(&mail.provider_name)),
            (_, false) => service,
        },
        when(mail, lang),
        place(mail, lang),
    ];
    if let Some(cents) = mail.price_cents {
        lines.push(format::price(lang, cents));
    }
    if mail.link.is_none() {
        lines.push(match lang {
            Lang::fr => format!("Client : {}, {}", line(&mail.client_name), line(&mail.client_phone)),
            Lang::en => format!("Client: {}, {}", line(&mail.client_name), line(&mail.client_phone)),
        });
    }
    let instructions = line(&mail.instructions);
    if !instructions.is_empty() {
        lines.push(match lang {
            Lang::fr => format!("Instructions : {instructions}"),
            Lang::en => format!("Instructions: {instructions}"),
        });
    }
    lines.join("\n")
}

/// Puts what became of a booking into words. `mail.link` tells who reads.
pub(super) fn words(mail: &BookingMail, locale: Locale, public_url: &Url) -> Words {
    let lang = lang(locale);
    let what =
        format!("{}, {}", line(&mail.service_name), moment(lang, mail.starts_at, mail.changed_at, mail.zone));
    let (subject, first, last) = match &mail.link {
        Some(link) => {
            let (title, first) = to_client(mail, lang);
            let link = address(public_url, &format!("bookings/{link}"));
            (title, first, to_client_last(mail, lang, &link))
        }
        None => {
            let (title, first) = to_provider(mail, lang);
            let link = address(public_url, &format!("agenda/bookings/{}", mail.booking));
            let last = match lang {
                Lang::fr => format!("Le rendez-vous dans Simone :\n\n{link}"),
                Lang::en => format!("The appointment in Simone:\n\n{link}"),
            };
            (title, first, last)
        }
    };
    let colon = if lang == Lang::fr { " :" } else { ":" };
    Words {
        subject: format!("{subject}{colon} {what}"),
        body: format!("{first}\n\n{}\n\n{last}", facts(mail, lang)),
    }
}

/// The subject without the appointment, and what happened.
fn to_client(mail: &BookingMail, lang: Lang) -> (&'static str, String) {
    let provider = line(&mail.provider_name);
    let before = mail.moved_from.map(|at| moment(lang, at, mail.changed_at, mail.zone)).unwrap_or_default();
    let pending = mail.status == Status::Pending;
    let theirs = mail.actor == Actor::Client;
    match (mail.change, lang) {
        (ChangeKind::Held, Lang::fr) => (
            "Demande reçue",
            format!(
                "Votre demande est bien arrivée. Ce moment vous est réservé, mais {provider} doit encore le confirmer : vous recevrez un message."
            ),
        ),
        (ChangeKind::Held, Lang::en) => (
            "Request received",
            format!(
                "Your request has arrived. This time is kept for you, but {provider} still has to confirm it: you will get a message."
            ),
        ),
        (ChangeKind::Booked, Lang::fr) => {
            ("Rendez-vous confirmé", "Votre rendez-vous est confirmé.".to_owned())
        }
        (ChangeKind::Booked, Lang::en) => {
            ("Appointment confirmed", "Your appointment is confirmed.".to_owned())
        }
        (ChangeKind::Confirmed, Lang::fr) => {
            ("Rendez-vous confirmé", format!("{provider} a confirmé votre rendez-vous."))
        }
        (ChangeKind::Confirmed, Lang::en) => {
            ("Appointment confirmed", format!("{provider} has confirmed your appointment."))
        }
        (ChangeKind::Moved, Lang::fr) => {
            let who = if mail.actor == Actor::Provider {
                format!("{provider} a déplacé votre rendez-vous")
            } else {
                "Votre rendez-vous est déplacé".to_owned()
            };
            let waits =
                if pending { format!(" {provider} doit encore confirmer ce moment.") } else { String::new() };
            (
                "Rendez-vous déplacé",
                format!("{who}. Il était prévu {before} ; voici le nouveau moment.{waits}"),
            )
        }
        (ChangeKind::Moved, Lang::en) => {
            let who = if mail.actor == Actor::Provider {
                format!("{provider} has moved your appointment")
            } else {
                "Your appointment has been moved".to_owned()
            };
            let waits =
                if pending { format!(" {provider} still has to confirm this time.") } else { String::new() };
            ("Appointment moved", format!("{who}. It was planned for {before}; here is the new time.{waits}"))
        }
        (ChangeKind::Changed, Lang::fr) => (
            "Rendez-vous modifié",
            "Votre rendez-vous a été modifié. Le voici tel qu’il est maintenant.".to_owned(),
        ),
        (ChangeKind::Changed, Lang::en) => (
            "Appointment changed",
            "Your appointment has been changed. Here it is as it stands now.".to_owned(),
        ),
        (ChangeKind::Cancelled, Lang::fr) if theirs => {
            ("Rendez-vous annulé", format!("Vous avez annulé votre rendez-vous. {provider} est au courant."))
        }
        (ChangeKind::Cancelled, Lang::en) if theirs => {
            ("Appointment cancelled", format!("You cancelled your appointment. {provider} knows about it."))
        }
        (ChangeKind::Cancelled, Lang::fr) => match mail.actor {
            Actor::Provider => ("Rendez-vous annulé", format!("{provider} a dû annuler votre rendez-vous.")),
            _ => ("Rendez-vous annulé", "Votre rendez-vous est annulé.".to_owned()),
        },
        (ChangeKind::Cancelled, Lang::en) => match mail.actor {
            Actor::Provider => {
                ("Appointment cancelled", format!("{provider} had to cancel your appointment."))
            }
            _ => ("Appointment cancelled", "Your appointment has been cancelled.".to_owned()),
        },
    }
}

fn to_client_last(mail: &BookingMail, lang: Lang, link: &str) -> String {
    match (mail.change, lang) {
        (ChangeKind::Cancelled, Lang::fr) => {
            format!("Rien d’autre à faire. Le rendez-vous annulé :\n\n{link}")
        }
        (ChangeKind::Cancelled, Lang::en) => {
            format!("There is nothing else to do. The cancelled appointment:\n\n{link}")
        }
        (_, Lang::fr) => format!(
            "Pour le déplacer ou l’annuler, avec votre lien privé (ne le transmettez pas) :\n\n{link}"
        ),
        (_, Lang::en) => {
            format!("To move or cancel it, with your private link (do not pass it on):\n\n{link}")
        }
    }
}

/// The subject without the appointment, and what happened.
fn to_provider(mail: &BookingMail, lang: Lang) -> (&'static str, String) {
    let before = mail.moved_from.map(|at| moment(lang, at, mail.changed_at, mail.zone)).unwrap_or_default();
    let client = line(&mail.client_name);
    let waits = match (mail.status, lang) {
        (Status::Pending, Lang::fr) => {
            " Vos calendriers n’ont pas répondu à temps : confirmez-le, ou annulez-le."
        }
        (Status::Pending, Lang::en) => " Your calendars did not answer in time: confirm it, or cancel it.",
        _ => "",
    };
    match (mail.change, lang) {
        (ChangeKind::Held, Lang::fr) => (
            "Rendez-vous à confirmer",
            format!("{client} demande un rendez-vous, qui attend votre accord.{waits}"),
        ),
        (ChangeKind::Held, Lang::en) => (
            "Appointment to confirm",
            format!("{client} asks for an appointment, which waits for your word.{waits}"),
        ),
        (ChangeKind::Booked, Lang::fr) => ("Nouveau rendez-vous", format!("{client} a réservé.")),
        (ChangeKind::Booked, Lang::en) => ("New appointment", format!("{client} has booked.")),
        (ChangeKind::Confirmed, Lang::fr) => {
            ("Rendez-vous confirmé", format!("Le rendez-vous de {client} est confirmé."))
        }
        (ChangeKind::Confirmed, Lang::en) => {
            ("Appointment confirmed", format!("The appointment of {client} is confirmed."))
        }
        (ChangeKind::Moved, Lang::fr) => (
            "Rendez-vous déplacé",
            format!(
                "Le rendez-vous de {client} est déplacé. Il était prévu {before} ; voici le nouveau moment.{waits}"
            ),
        ),
        (ChangeKind::Moved, Lang::en) => (
            "Appointment moved",
            format!(
                "The appointment of {client} has been moved. It was planned for {before}; here is the new time.{waits}"
            ),
        ),
        (ChangeKind::Changed, Lang::fr) => {
            ("Rendez-vous modifié", format!("Le rendez-vous de {client} a été modifié.{waits}"))
        }
        (ChangeKind::Changed, Lang::en) => {
            ("Appointment changed", format!("The appointment of {client} has been changed.{waits}"))
        }
        (ChangeKind::Cancelled, Lang::fr) => (
            "Rendez-vous annulé",
            format!("Le rendez-vous de {client} est annulé ; le créneau est de nouveau libre."),
        ),
        (ChangeKind::Cancelled, Lang::en) => (
            "Appointment cancelled",
            format!("The appointment of {client} is cancelled; the slot is free again."),
        ),
    }
}
