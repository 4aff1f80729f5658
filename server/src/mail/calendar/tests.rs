use super::*;
use icalendar::parser::{Component, Property, read_calendar, unfold};
use simone_booking::BookingId;
use simone_booking::booking::{Actor, ChangeKind};
use simone_booking::service::Place;
use uuid::Uuid;

pub(super) fn mail() -> BookingMail {
    BookingMail {
        booking: BookingId(Uuid::from_u128(7)),
        revision: 3,
        changed_at: "2026-01-13T17:00:00Z".parse().unwrap(),
        change: ChangeKind::Moved,
        actor: Actor::Client,
        status: Status::Confirmed,
        link: Some("secret".to_owned()),
        provider_name: "Camille Moreau".to_owned(),
        zone: chrono_tz::Europe::Paris,
        client_name: "Marie Dubois".to_owned(),
        client_phone: "06 12 34 56 78".to_owned(),
        client_zone: None,
        service_name: "Massage 60min".to_owned(),
        price_cents: Some(7_000),
        place: Place::Client,
        address: "12 rue des Lilas\n75011 Paris".to_owned(),
        instructions: String::new(),
        starts_at: "2026-01-15T13:30:00Z".parse().unwrap(),
        ends_at: "2026-01-15T14:30:00Z".parse().unwrap(),
        moved_from: Some("2026-01-14T13:30:00Z".parse().unwrap()),
    }
}

fn written(mail: &BookingMail) -> Calendar {
    let from = "Simone <rendez-vous@simone.test>".parse().unwrap();
    let url = "https://simone.test/".parse().unwrap();
    calendar(mail, "marie@exemple.fr", Locale::Fr, &from, &url).expect("the client reads it")
}

/// A property's name, its value, its parameters.
type Read = (String, String, Vec<(String, String)>);

/// What another program reads in it: the one event, its texts unescaped.
fn read(text: &str) -> Vec<Read> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).unwrap_or_else(|error| panic!("{error}: {text}"));
    let [event]: [Component<'_>; 1] = calendar.components.try_into().expect("one component");
    assert_eq!((event.name.as_str(), event.components.len()), ("VEVENT", 0));
    let parameters = |property: &Property<'_>| {
        let value = |it: &icalendar::parser::Parameter<'_>| {
            (it.key.to_string(), it.val.as_ref().map(ToString::to_string).unwrap_or_default())
        };
        property.params.iter().map(value).collect()
    };
    event.properties.iter().map(|it| (it.name.to_string(), it.val.to_string(), parameters(it))).collect()
}

fn value(text: &str, name: &str) -> String {
    let event = read(text);
    let values: Vec<_> = event.iter().filter(|(it, ..)| it == name).map(|(_, value, _)| value).collect();
    assert_eq!(values.len(), 1, "{name} in {text}");
    values[0].clone()
}

fn well_formed(text: &str) {
    assert!(text.ends_with("\r\n"));
    for line in text.trim_end_matches("\r\n").split("\r\n") {
        assert!(line.len() <= LONGEST_LINE, "too long: {line:?}");
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        assert!(!line.trim().is_empty(), "an empty line in {text:?}");
    }
}

#[test]
fn an_appointment_is_an_event_that_moves_with_it() {
    let calendar = written(&mail());
    assert_eq!(calendar.method, "REQUEST");
    well_formed(&calendar.text);
    let of = |name| value(&calendar.text, name);
    assert_eq!(of("UID"), "00000000-0000-0000-0000-000000000007@simone.test");
    assert_eq!((of("SEQUENCE"), of("STATUS")), ("3".to_owned(), "CONFIRMED".to_owned()));
    assert_eq!((of("DTSTART"), of("DTEND")), ("20260115T133000Z".to_owned(), "20260115T143000Z".to_owned()));
    assert_eq!(of("DTSTAMP"), "20260113T170000Z");
    assert_eq!(of("SUMMARY"), "Massage 60min – Camille Moreau");
    assert_eq!(of("LOCATION"), "12 rue des Lilas 75011 Paris");
    assert_eq!(
        of("DESCRIPTION"),
        "Pour déplacer ou annuler ce rendez-vous :\nhttps://simone.test/bookings/secret"
    );
    assert_eq!(of("ORGANIZER"), "mailto:rendez-vous@simone.test");
    assert_eq!(of("ATTENDEE"), "mailto:marie@exemple.fr");
    let event = read(&calendar.text);
    let (.., parameters) = event.iter().find(|(name, ..)| name == "ATTENDEE").unwrap();
    assert!(parameters.contains(&("RSVP".to_owned(), "FALSE".to_owned())), "{parameters:?}");
}

#[test]
fn what_is_cancelled_or_waits_says_so() {
    let cancelled = written(&BookingMail { status: Status::Cancelled, ..mail() });
    assert_eq!((cancelled.method, value(&cancelled.text, "STATUS").as_str()), ("CANCEL", "CANCELLED"));
    assert!(cancelled.text.contains("\r\nMETHOD:CANCEL\r\n"));
    let held = written(&BookingMail { status: Status::Pending, ..mail() });
    assert_eq!((held.method, value(&held.text, "STATUS").as_str()), ("REQUEST", "TENTATIVE"));
}

#[test]
fn the_provider_gets_none() {
    let from = "rendez-vous@simone.test".parse().unwrap();
    let url = "https://simone.test/".parse().unwrap();
    let mail = BookingMail { link: None, ..mail() };
    assert!(calendar(&mail, "camille@simone.test", Locale::Fr, &from, &url).is_none());
}

#[test]
fn hostile_text_stays_text() {
    let hostile = [
        "a\r\nATTENDEE:mailto:evil@example.com",
        "END:VEVENT\r\nBEGIN:VEVENT\nSUMMARY:x",
        "comma, semicolon; backslash \\ and \\n and colon : and \"quotes\" and ^n",
        "\u{202e}reversed\u{202c} \u{2067}x\u{2069}",
        "<script>alert(1)</script>",
        "nul\0bell\u{7}\u{85}\u{2028}",
        "\\",
        ";",
    ];
    for text in hostile {
        let mail = BookingMail {
            service_name: text.to_owned(),
            provider_name: text.to_owned(),
            client_name: text.to_owned(),
            address: text.to_owned(),
            instructions: text.to_owned(),
            ..mail()
        };
        let calendar = written(&mail);
        well_formed(&calendar.text);
        let plain = line(text);
        assert_eq!(value(&calendar.text, "LOCATION"), plain);
        assert_eq!(value(&calendar.text, "SUMMARY"), format!("{plain} – {plain}"));
        assert!(value(&calendar.text, "DESCRIPTION").starts_with(&plain));
        assert_eq!(value(&calendar.text, "ATTENDEE"), "mailto:marie@exemple.fr");
        assert_eq!(value(&calendar.text, "ORGANIZER"), "mailto:rendez-vous@simone.test");
    }
}

#[test]
fn lines_are_folded_between_characters() {
    for shift in 0..80 {
        let text = format!("{}{}", "x".repeat(shift), "👩‍🦰é".repeat(60));
        let calendar = written(&BookingMail { address: text.clone(), ..mail() });
        well_formed(&calendar.text);
        assert_eq!(value(&calendar.text, "LOCATION"), text, "{shift}");
    }
}

#[test]
fn what_an_address_means_elsewhere_is_encoded() {
    assert_eq!(mail_address("a+b@exemple.fr"), "mailto:a+b@exemple.fr");
    assert_eq!(mail_address("a?cc=x&b%@exemple.fr"), "mailto:a%3Fcc%3Dx%26b%25@exemple.fr");
    assert_eq!(mail_address("é@exemple.fr"), "mailto:%C3%A9@exemple.fr");
}
