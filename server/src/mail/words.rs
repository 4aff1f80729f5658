//! The words of e-mails.

use super::{booking, conflicts};
use crate::assemble::address;
use simone_app::texts::Lang;
use simone_app::{Permissions, face, platform_name};
use simone_booking::Locale;
use simone_store::deliveries::{Email, EmailKind};
use simone_sync::platform::Platform;
use url::Url;

/// The words of an e-mail.
pub(crate) struct Words {
    pub subject: String,
    pub body: String,
}

/// Where a person withdraws an access by hand: a line for each place.
fn permissions_pages(platform: Platform, lang: Lang) -> String {
    let pages = face(platform).permissions;
    let line = |page: &Permissions| match pages {
        [_] => page.address.to_owned(),
        _ => format!("{}\n{}", (page.words)(lang), page.address),
    };
    pages.iter().map(line).collect::<Vec<_>>().join("\n\n")
}

/// The accounts whose platform keeps a permission that is of no use any more.
fn left_to_withdraw(accounts: &[(Platform, String)]) -> impl Iterator<Item = (Platform, &str)> {
    let kept = accounts.iter().filter(|(platform, _)| face(*platform).left_to_withdraw);
    kept.map(|(platform, account)| (*platform, account.as_str()))
}

/// Puts an e-mail into words, in its reader's language.
pub(crate) fn words(email: &Email, public_url: &Url) -> Words {
    let name = &email.name;
    let settings = address(public_url, "settings/calendars");
    let (subject, text) = match (&email.kind, email.locale) {
        (EmailKind::LoginLink { token }, Locale::Fr) => (
            "Votre lien de connexion à Simone".to_owned(),
            format!(
                "Voici votre lien pour entrer dans Simone. Il sert une seule fois, pendant 15 minutes :\n\n{}\n\n\
                 Vous n’avez rien demandé ? Ignorez ce message : personne n’entre sans ce lien.",
                address(public_url, &format!("login/{token}"))
            ),
        ),
        (EmailKind::LoginLink { token }, Locale::En) => (
            "Your link to log in to Simone".to_owned(),
            format!(
                "Here is your link to enter Simone. It works once, for 15 minutes:\n\n{}\n\n\
                 You did not ask for it? Ignore this message: nobody gets in without this link.",
                address(public_url, &format!("login/{token}"))
            ),
        ),
        (EmailKind::NeedsReconnect { platform, account }, Locale::Fr) => (
            format!("{} demande une nouvelle autorisation", platform_name(*platform)),
            format!(
                "Simone n’a plus accès à votre compte {account}. Vos créneaux restent bloqués comme à la dernière \
                 synchronisation, mais ce qui change depuis dans ce calendrier n’arrive plus.\n\n\
                 Pour le reconnecter, en un clic et sans perdre vos choix :\n\n{settings}"
            ),
        ),
        (EmailKind::NeedsReconnect { platform, account }, Locale::En) => (
            format!("{} asks for your permission again", platform_name(*platform)),
            format!(
                "Simone can no longer reach your account {account}. Your slots stay blocked as they were at the \
                 last sync, but what changes in that calendar since then does not arrive.\n\n\
                 To reconnect it, in one click and keeping your choices:\n\n{settings}"
            ),
        ),
        (EmailKind::DisconnectAbandoned { platform, account }, Locale::Fr) => (
            format!("{} : une autorisation reste à retirer", platform_name(*platform)),
            format!(
                "Vous avez déconnecté {account}. Simone a effacé ses accès et ce qu’elle avait lu de vos événements, mais \
                 le service ne l’a pas laissée tout défaire : des rendez-vous de Simone peuvent y être restés, et l’autorisation \
                 peut y figurer encore. Elle ne sert plus à rien ; pour la retirer vous-même :\n\n{}",
                permissions_pages(*platform, Lang::fr)
            ),
        ),
        (EmailKind::DisconnectAbandoned { platform, account }, Locale::En) => (
            format!("{}: a permission is left to withdraw", platform_name(*platform)),
            format!(
                "You disconnected {account}. Simone has erased its access and what it had read of your events, but the \
                 service did not let it undo everything: appointments of Simone may have stayed there, and the \
                 permission may still be listed. It is of no use any more; to withdraw it yourself:\n\n{}",
                permissions_pages(*platform, Lang::en)
            ),
        ),
        (EmailKind::ExportsFailing { platform, account }, Locale::Fr) => (
            format!("Des réservations n’arrivent pas dans {}", platform_name(*platform)),
            format!(
                "Simone n’arrive pas à inscrire toutes vos réservations dans le calendrier de {account}. Elles restent \
                 valables et vos créneaux restent pris ; Simone réessaie d’elle-même.\n\n\
                 Pour voir ce qui bloque, ou choisir un autre calendrier :\n\n{settings}"
            ),
        ),
        (EmailKind::ExportsFailing { platform, account }, Locale::En) => (
            format!("Bookings do not get into {}", platform_name(*platform)),
            format!(
                "Simone cannot write all your bookings into the calendar of {account}. They stay valid and your slots \
                 stay taken; Simone keeps trying by itself.\n\n\
                 To see what is in the way, or to choose another calendar:\n\n{settings}"
            ),
        ),
        (EmailKind::Invitation { token, operator }, Locale::Fr) => {
            let (subject, what) = if *operator {
                (
                    "Vous êtes opérateur de Simone",
                    "Vous pouvez désormais inviter des prestataires dans Simone et voir comment vont leurs connexions.",
                )
            } else {
                (
                    "Vous êtes invité dans Simone",
                    "Simone garde vos calendriers et vos réservations d’accord : ce qui est dans votre calendrier bloque \
                     vos créneaux, et personne ne réserve pendant votre dentiste.",
                )
            };
            let link = address(public_url, &format!("login/{token}"));
            (
                subject.to_owned(),
                format!(
                    "{what}\n\nPour entrer, avec ce lien qui sert une seule fois, pendant sept jours :\n\n{link}\n\n\
                     Ensuite, votre adresse e-mail suffit : {}",
                    address(public_url, "login")
                ),
            )
        }
        (EmailKind::Invitation { token, operator }, Locale::En) => {
            let (subject, what) = if *operator {
                (
                    "You are an operator of Simone",
                    "You can now invite providers to Simone and see how their connections are.",
                )
            } else {
                (
                    "You are invited to Simone",
                    "Simone keeps your calendars and your bookings in agreement: what is in your calendar blocks your \
                     slots, and nobody books during your dentist.",
                )
            };
            let link = address(public_url, &format!("login/{token}"));
            (
                subject.to_owned(),
                format!(
                    "{what}\n\nTo enter, with this link that works once, for seven days:\n\n{link}\n\n\
                     After that your e-mail address is enough: {}",
                    address(public_url, "login")
                ),
            )
        }
        (EmailKind::Erased { abandoned, disconnected }, Locale::Fr) => {
            let mut text = "Votre compte est effacé : votre profil, vos choix, ce que Simone avait lu de vos événements. \
                            Simone n’a touché à aucun de vos propres événements. Ceci est le dernier message de Simone."
                .to_owned();
            for (platform, account) in abandoned {
                text += &format!(
                    "\n\nPour {account}, le service n’a pas laissé Simone tout défaire : des rendez-vous de Simone peuvent y \
                     être restés, et l’autorisation peut y figurer encore. Elle ne sert plus à rien ; pour la retirer \
                     vous-même :\n\n{}",
                    permissions_pages(*platform, Lang::fr)
                );
            }
            for (platform, account) in left_to_withdraw(disconnected) {
                text += &format!(
                    "\n\nPour {account}, Simone a oublié ses clés, mais le service garde l’autorisation dans sa liste et vous \
                     seul pouvez l’en retirer :\n\n{}",
                    permissions_pages(platform, Lang::fr)
                );
            }
            ("Votre compte Simone est effacé".to_owned(), text)
        }
        (EmailKind::Erased { abandoned, disconnected }, Locale::En) => {
            let mut text = "Your account is erased: your profile, your choices, what Simone had read of your events. Your \
                            own events were not touched. This is the last message from Simone."
                .to_owned();
            for (platform, account) in abandoned {
                text += &format!(
                    "\n\nFor {account} the service did not let Simone undo everything: appointments of Simone may have \
                     stayed there, and the permission given to Simone may still be listed. It is of no use any more; to withdraw it \
                     yourself:\n\n{}",
                    permissions_pages(*platform, Lang::en)
                );
            }
            for (platform, account) in left_to_withdraw(disconnected) {
                text += &format!(
                    "\n\nFor {account}, Simone has forgotten its keys, but the service keeps the permission in its list and \
                     only you can withdraw it:\n\n{}",
                    permissions_pages(platform, Lang::en)
                );
            }
            ("Your Simone account is erased".to_owned(), text)
        }
        (EmailKind::Conflicts { count, first, about, at, zone }, locale) => {
            let first = (*first, *about, *at);
            let Words { subject, body } = conflicts::words(*count, first, *zone, locale, public_url);
            (subject, body)
        }
        (EmailKind::Booking(mail), locale) => {
            let Words { subject, body } = booking::words(mail, locale, public_url);
            (subject, body)
        }
    };
    let body = match email.locale {
        Locale::Fr => format!("Bonjour {name},\n\n{text}\n\nSimone\n"),
        Locale::En => format!("Hello {name},\n\n{text}\n\nSimone\n"),
    };
    Words { subject, body }
}
