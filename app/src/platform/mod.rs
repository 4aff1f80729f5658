//! What the pages say of the platforms, and of what they answered. What differs from one platform to another stands in
//! its own module, as one [`Face`]: no page asks which platform it is about.

mod google;
mod outlook;

use crate::components::outside_link;
use crate::texts::{Lang, text};
use leptos::prelude::*;
use simone_sync::platform::Platform;

/// A platform as people see it.
#[derive(Debug)]
pub struct Face {
    /// As people call it.
    pub name: &'static str,
    /// Where there is little room.
    pub short: &'static str,
    /// Stands for its logo.
    pub letter: &'static str,
    /// Its colours in the stylesheet.
    pub class: &'static str,
    /// What Simone asks to be allowed, for who decides about it for others.
    pub asks: fn(Lang) -> String,
    /// That the person agreed, but not to the calendars.
    pub not_granted: fn(Lang) -> String,
    /// That an account has no calendars: why, what it means, and what to do.
    pub no_calendars: fn(Lang) -> String,
    /// What disconnecting will do to the authorization.
    pub ending: fn(Lang) -> String,
    /// The same while it is being done.
    pub under_way: fn(Lang) -> String,
    /// The same once it is done; follows on who was disconnected.
    pub ended: fn(Lang) -> String,
    /// The same in the log.
    pub ended_in_short: fn(Lang) -> String,
    /// That the platform did not answer for so long that disconnecting was given up, of an account.
    pub abandoned: fn(Lang, &str) -> String,
    /// Where a person withdraws the authorization by hand.
    pub permissions: &'static [Permissions],
    /// Disconnecting leaves the authorization to be withdrawn there.
    pub left_to_withdraw: bool,
}

/// A page on which a platform lists the programs that have access.
#[derive(Debug)]
pub struct Permissions {
    pub address: &'static str,
    pub words: fn(Lang) -> String,
}

/// How a platform shows itself.
pub const fn face(platform: Platform) -> &'static Face {
    match platform {
        Platform::Google => &google::FACE,
        Platform::Outlook => &outlook::FACE,
    }
}

/// As people call it.
pub const fn platform_name(platform: Platform) -> &'static str {
    face(platform).name
}

/// Where there is little room.
pub const fn short_name(platform: Platform) -> &'static str {
    face(platform).short
}

/// What stands for its logo on a card. Decoration: the name stands beside it.
pub fn logo(platform: Platform) -> AnyView {
    let face = face(platform);
    view! { <span class=format!("logo {}", face.class) aria-hidden="true">{face.letter}</span> }.into_any()
}

/// The same within a line of text; the stylesheet writes the letter, which is no word of the line.
pub fn mark(platform: Platform) -> AnyView {
    let face = face(platform);
    view! { <span class=format!("mark-of {}", face.class) data-letter=face.letter aria-hidden="true"></span> }
        .into_any()
}

/// Where what disconnecting leaves is withdrawn by hand, if it leaves anything.
pub fn permission_links(lang: Lang, platform: Platform) -> Option<AnyView> {
    let face = face(platform);
    face.left_to_withdraw.then(|| {
        let links: Vec<_> = face
            .permissions
            .iter()
            .map(|page| outside_link(lang, page.address.to_owned(), (page.words)(lang)))
            .collect();
        view! { <span class="actions mt-2">{links}</span> }.into_any()
    })
}

/// What a round's outcome means for bookings, and what to do: by an [`simone_sync::round::Outcome`]'s code. `None` for
/// one that went well.
pub fn outcome_words(lang: Lang, platform: Platform, code: &str) -> Option<String> {
    let face = face(platform);
    let platform = face.name;
    Some(match code {
        "ok" => return None,
        "disconnected" => (face.ended_in_short)(lang),
        "partial" => text!(lang, outcome.partial),
        "needs_reconnect" => text!(lang, outcome.needs_reconnect, platform = platform),
        "rate_limited" => text!(lang, outcome.rate_limited, platform = platform),
        "quota_exhausted" => text!(lang, outcome.quota_exhausted, platform = platform),
        "unavailable" => text!(lang, outcome.unavailable, platform = platform),
        "unauthorized" => text!(lang, outcome.unauthorized, platform = platform),
        "misconfigured" => text!(lang, outcome.misconfigured, platform = platform),
        "no_calendars" => (face.no_calendars)(lang),
        "refused" => text!(lang, outcome.refused, platform = platform),
        "database" => text!(lang, outcome.database),
        "unfinished" => text!(lang, outcome.unfinished),
        _ => text!(lang, outcome.unknown),
    })
}

/// What a calendar is called: one named after its account is the main one.
pub fn calendar_name(lang: Lang, name: &str, account: &str) -> String {
    if name.trim().is_empty() {
        "…".to_owned()
    } else if name.eq_ignore_ascii_case(account) {
        text!(lang, calendars.main_calendar)
    } else {
        name.to_owned()
    }
}

/// The class of the nearest of twelve hues to a `#rrggbb`; greys, and what is no colour, have none.
pub fn hue_class(color: Option<&str>) -> &'static str {
    const CLASSES: [&str; 12] = [
        "hue hue-0",
        "hue hue-1",
        "hue hue-2",
        "hue hue-3",
        "hue hue-4",
        "hue hue-5",
        "hue hue-6",
        "hue hue-7",
        "hue hue-8",
        "hue hue-9",
        "hue hue-10",
        "hue hue-11",
    ];
    const PLAIN: &str = "hue hue-own";
    let is_hex = |hex: &&str| hex.len() == 6 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    let Some(hex) = color.and_then(|color| color.strip_prefix('#')).filter(is_hex) else { return PLAIN };
    let Ok(value) = u32::from_str_radix(hex, 16) else { return PLAIN };
    let [_, red, green, blue] = value.to_be_bytes();
    let linear = |channel: u8| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    };
    // Björn Ottosson's Oklab: the stylesheet names hues in the same space.
    let (red, green, blue) = (linear(red), linear(green), linear(blue));
    let long = (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
    let medium = (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
    let short = (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
    let a = 1.977_998_495_1 * long - 2.428_592_205_0 * medium + 0.450_593_709_9 * short;
    let b = 0.025_904_037_1 * long + 0.782_771_766_2 * medium - 0.808_675_766_0 * short;
    if a.hypot(b) < 0.02 {
        return PLAIN;
    }
    let degrees = b.atan2(a).to_degrees().rem_euclid(360.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 12")]
    let index = (degrees / 30.0).round() as usize;
    CLASSES[index % 12]
}

#[cfg(test)]
mod tests {
    use super::*;
    use simone_sync::round::Outcome;

    #[test]
    fn every_outcome_but_a_good_one_has_words_of_its_own() {
        let unknown = outcome_words(Lang::fr, Platform::Google, "?");
        for outcome in Outcome::ALL {
            let words = outcome_words(Lang::fr, Platform::Google, outcome.code());
            assert_eq!(words.is_none(), outcome == Outcome::Ok, "{outcome:?}");
            assert_ne!(words, unknown, "{outcome:?}");
        }
    }

    #[test]
    fn platforms_are_told_apart() {
        let faces = Platform::ALL.map(face);
        for (index, one) in faces.iter().enumerate() {
            for other in &faces[..index] {
                assert_ne!((one.letter, one.class, one.name), (other.letter, other.class, other.name));
                assert_ne!(one.class, other.class);
                assert_ne!((one.ending)(Lang::fr), (other.ending)(Lang::fr));
            }
            for page in one.permissions {
                assert!(page.address.starts_with("https://"), "{}", page.address);
            }
            assert!(!one.permissions.is_empty(), "{}: what is left has to be withdrawn somewhere", one.name);
        }
    }

    #[test]
    fn colours_go_to_their_nearest_hue() {
        assert_eq!(hue_class(Some("#ff0000")), "hue hue-1");
        assert_eq!(hue_class(Some("#0b8043")), "hue hue-5");
        assert_eq!(hue_class(Some("#3f51b5")), "hue hue-9");
        assert_eq!(hue_class(Some("#616161")), "hue hue-own");
        for none in [None, Some(""), Some("#"), Some("red"), Some("#12345"), Some("#ggg000"), Some("#+12345")]
        {
            assert_eq!(hue_class(none), "hue hue-own", "{none:?}");
        }
    }
}
