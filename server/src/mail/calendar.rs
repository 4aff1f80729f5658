//! The part of an e-mail that calendar programs read (iCalendar: RFC 5545, sent as RFC 5546 and RFC 6047 ask).
//!
//! One event for each booking, whatever becomes of it: its `UID` is the booking's, its `SEQUENCE` rises with each change, so
//! that the client's calendar program moves or removes what it was given before. Everything that somebody typed is written
//! as text: escaped, on one line, without what could end that line.

use super::booking::line;
use crate::assemble::address;
use chrono::{DateTime, Utc};
use lettre::message::Mailbox;
use simone_booking::Locale;
use simone_booking::booking::Status;
use simone_store::booking_mail::BookingMail;
use std::fmt::Write as _;
use url::Url;

/// In bytes, without the line's end (RFC 5545, 3.1).
const LONGEST_LINE: usize = 75;

/// An iCalendar object, and what is to be done with it.
pub(crate) struct Calendar {
    pub method: &'static str,
    pub text: String,
}

/// The appointment for the client's calendar; `None` where it is the provider who reads, whose calendar Simone writes itself.
pub(super) fn calendar(
    mail: &BookingMail,
    to: &str,
    locale: Locale,
    from: &Mailbox,
    public_url: &Url,
) -> Option<Calendar> {
    let link = address(public_url, &format!("bookings/{}", mail.link.as_ref()?));
    let (method, status) = match mail.status {
        Status::Cancelled => ("CANCEL", "CANCELLED"),
        Status::Pending => ("REQUEST", "TENTATIVE"),
        Status::Confirmed => ("REQUEST", "CONFIRMED"),
    };
    let (service, provider) = (line(&mail.service_name), line(&mail.provider_name));
    let instructions = line(&mail.instructions);
    let description = match locale {
        Locale::Fr => format!("Pour déplacer ou annuler ce rendez-vous :\n{link}"),
        Locale::En => format!("To move or cancel this appointment:\n{link}"),
    };
    let description =
        if instructions.is_empty() { description } else { format!("{instructions}\n\n{description}") };
    let mut event = Writer::default();
    event.line("BEGIN", "VCALENDAR");
    event.line("PRODID", "-//Simone//Simone//FR");
    event.line("VERSION", "2.0");
    event.line("CALSCALE", "GREGORIAN");
    event.line("METHOD", method);
    event.line("BEGIN", "VEVENT");
    event.line("UID", &format!("{}@{}", mail.booking, public_url.host_str().unwrap_or("simone")));
    event.line("SEQUENCE", &mail.revision.to_string());
    event.line("DTSTAMP", &instant(mail.changed_at));
    event.line("LAST-MODIFIED", &instant(mail.changed_at));
    event.line("DTSTART", &instant(mail.starts_at));
    event.line("DTEND", &instant(mail.ends_at));
    event.line("SUMMARY", &escaped(&format!("{service} – {provider}")));
    let place = line(&mail.address);
    if !place.is_empty() {
        event.line("LOCATION", &escaped(&place));
    }
    event.line("DESCRIPTION", &escaped(&description));
    event.line("URL", &link);
    event.line(&format!("ORGANIZER;CN={}", quoted(&provider)), &mail_address(from.email.as_ref()));
    let client = quoted(&line(&mail.client_name));
    event.line(
        &format!("ATTENDEE;CN={client};CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE"),
        &mail_address(to),
    );
    event.line("STATUS", status);
    event.line("TRANSP", "OPAQUE");
    event.line("END", "VEVENT");
    event.line("END", "VCALENDAR");
    Some(Calendar { method, text: event.0 })
}

#[derive(Default)]
struct Writer(String);

impl Writer {
    /// A content line, folded between characters, never inside one.
    fn line(&mut self, name: &str, value: &str) {
        let mut room = LONGEST_LINE;
        for letter in name.chars().chain([':']).chain(value.chars()) {
            let length = letter.len_utf8();
            if length > room {
                self.0.push_str("\r\n ");
                // The space that marks the continuation counts.
                room = LONGEST_LINE - 1;
            }
            self.0.push(letter);
            room -= length;
        }
        self.0.push_str("\r\n");
    }
}

/// In UTC: no zone has to be described, and none can be misread.
fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of type TEXT (3.3.11). Line ends are our own: what others typed has none any more.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// The value of a parameter (3.2): nothing stands for a quotation mark in it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "'"))
}

/// As an address (RFC 6068).
fn mail_address(email: &str) -> String {
    let mut address = String::from("mailto:");
    for byte in email.bytes() {
        if byte.is_ascii_alphanumeric() || b"@.-_+~!$'*".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

#[cfg(test)]
mod tests;
