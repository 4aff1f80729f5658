//! What the pages say of the platforms, and of what they answered.

use crate::texts::{Lang, text};
use simone_sync::platform::Platform;

/// As people call it.
pub const fn platform_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Google => "Google Calendar",
        Platform::Outlook => "Outlook",
    }
}

/// Where there is little room.
pub const fn short_name(platform: Platform) -> &'static str {
    match platform {
        Platform::Google => "Google",
        Platform::Outlook => "Outlook",
    }
}

/// The letter that stands for its logo.
pub const fn initial(platform: Platform) -> &'static str {
    match platform {
        Platform::Google => "G",
        Platform::Outlook => "O",
    }
}

/// What a round's outcome means for bookings, and what to do: by an [`simone_sync::round::Outcome`]'s code. `None` for
/// one that went well.
pub fn outcome_words(lang: Lang, platform: Platform, code: &str) -> Option<String> {
    let platform = platform_name(platform);
    Some(match code {
        "ok" => return None,
        "disconnected" => text!(lang, outcome.disconnected, platform = platform),
        "partial" => text!(lang, outcome.partial),
        "needs_reconnect" => text!(lang, outcome.needs_reconnect, platform = platform),
        "rate_limited" => text!(lang, outcome.rate_limited, platform = platform),
        "quota_exhausted" => text!(lang, outcome.quota_exhausted, platform = platform),
        "unavailable" => text!(lang, outcome.unavailable, platform = platform),
        "unauthorized" => text!(lang, outcome.unauthorized, platform = platform),
        "misconfigured" => text!(lang, outcome.misconfigured, platform = platform),
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
