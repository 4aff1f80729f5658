//! The words of e-mails about conflicts. They name no client and no event: who may know, reads it in the product.

use super::booking::{lang, moment};
use super::words::Words;
use crate::assemble::address;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use simone_app::texts::Lang;
use simone_booking::Locale;
use simone_booking::id::ConflictId;
use simone_sync::conflict::Kind;
use url::Url;

/// Of `count` conflicts that were found at once, the first is about a booking that begins at `at`.
pub(super) fn words(
    count: usize,
    (first, about, at): (ConflictId, Kind, DateTime<Utc>),
    zone: Tz,
    locale: Locale,
    public_url: &Url,
) -> Words {
    let lang = lang(locale);
    if count > 1 {
        let place = address(public_url, "conflicts");
        return match lang {
            Lang::fr => Words {
                subject: format!("{count} conflits entre vos réservations et vos calendriers"),
                body: format!(
                    "Vos calendriers et vos réservations se contredisent {count} fois. Rien ne change sans vous : voyez \
                     les deux côtés, et décidez.\n\n{place}"
                ),
            },
            Lang::en => Words {
                subject: format!("{count} conflicts between your bookings and your calendars"),
                body: format!(
                    "Your calendars and your bookings contradict each other {count} times. Nothing changes without you: \
                     look at both sides, and decide.\n\n{place}"
                ),
            },
        };
    }
    // The year is told where it is needed: conflicts are about what is ahead.
    let when = moment(lang, at, at, zone);
    let place = address(public_url, &format!("conflicts/{first}"));
    let (subject, text) = match (about, lang) {
        (Kind::Overlap, Lang::fr) => (
            format!("Pris deux fois : {when}"),
            format!(
                "Un événement de votre calendrier tombe sur la réservation du {when}. La réservation tient ; voyez les \
                 deux côtés, et décidez ce qui bouge."
            ),
        ),
        (Kind::Overlap, Lang::en) => (
            format!("Taken twice: {when}"),
            format!(
                "An event in your calendar falls on the booking of {when}. The booking stands; look at both sides, and \
                 decide what moves."
            ),
        ),
        (Kind::ExportMoved, Lang::fr) => (
            format!("La réservation du {when} a été déplacée dans votre calendrier"),
            format!(
                "Dans votre calendrier, l’événement de la réservation du {when} a changé. La réservation, elle, n’a pas \
                 bougé, et le client n’en sait rien. Voulez-vous la déplacer aussi, ou remettre l’événement ?"
            ),
        ),
        (Kind::ExportMoved, Lang::en) => (
            format!("The booking of {when} was moved in your calendar"),
            format!(
                "In your calendar, the event of the booking of {when} has changed. The booking itself has not moved, and \
                 the client does not know. Would you like to move it too, or put the event back?"
            ),
        ),
        (Kind::ExportDeleted, Lang::fr) => (
            format!("La réservation du {when} a été supprimée de votre calendrier"),
            format!(
                "Dans votre calendrier, l’événement de la réservation du {when} a été supprimé. La réservation, elle, \
                 tient toujours. Voulez-vous l’annuler, ou remettre l’événement ?"
            ),
        ),
        (Kind::ExportDeleted, Lang::en) => (
            format!("The booking of {when} was deleted from your calendar"),
            format!(
                "In your calendar, the event of the booking of {when} was deleted. The booking itself still stands. Would \
                 you like to cancel it, or put the event back?"
            ),
        ),
    };
    Words { subject, body: format!("{text}\n\n{place}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn each_conflict_says_what_happened_and_where_to_decide() {
        let id = ConflictId(Uuid::from_u128(7));
        let at = "2026-01-15T12:00:00Z".parse().unwrap();
        let site: Url = "https://simone.test/".parse().unwrap();
        let mut subjects = std::collections::BTreeSet::new();
        for locale in [Locale::Fr, Locale::En] {
            for kind in Kind::ALL {
                let Words { subject, body } =
                    words(1, (id, kind, at), chrono_tz::Europe::Paris, locale, &site);
                assert!(subject.contains("15") && subject.contains("13:00"), "{subject}");
                assert!(body.ends_with(&format!("https://simone.test/conflicts/{id}")), "{body}");
                subjects.insert(subject);
            }
            let Words { subject, body } =
                words(5, (id, Kind::Overlap, at), chrono_tz::Europe::Paris, locale, &site);
            assert!(subject.contains('5') && body.ends_with("https://simone.test/conflicts"), "{body}");
            subjects.insert(subject);
        }
        assert_eq!(subjects.len(), 8);
    }
}
