//! Why something blocks or does not, and how that is changed, in words.

use crate::platform::platform_name;
use crate::texts::{Lang, text};
use simone_sync::busy::Because;
use simone_sync::platform::Platform;
use url::Url;

/// By which rule a block is there: a sentence. `None` for what does not block.
pub fn why(lang: Lang, because: Because) -> Option<String> {
    Some(match because {
        Because::Busy => text!(lang, why.busy),
        Because::Tentative => text!(lang, why.tentative),
        Because::Unanswered => text!(lang, why.unanswered),
        Because::FreeButWanted => text!(lang, why.free_wanted),
        Because::Unreadable => text!(lang, why.unreadable),
        Because::Declined
        | Because::MarkedFree
        | Because::WorkingLocation
        | Because::Birthday
        | Because::Cancelled
        | Because::NoTime
        | Because::Beyond
        | Because::Ours => return None,
    })
}

/// What the provider can do so that it no longer blocks.
pub fn how(lang: Lang, because: Because, platform: Platform) -> Option<String> {
    let platform = platform_name(platform);
    Some(match because {
        Because::Busy => text!(lang, why.busy_how, platform = platform),
        Because::Tentative => text!(lang, why.tentative_how, platform = platform),
        Because::Unanswered => text!(lang, why.unanswered_how, platform = platform),
        Because::FreeButWanted => text!(lang, why.free_wanted_how),
        Because::Unreadable => text!(lang, why.unreadable_how, platform = platform),
        _ => return None,
    })
}

/// What decided, in a few words.
pub fn short(lang: Lang, because: Because) -> String {
    match because {
        Because::Busy => text!(lang, why.busy_short),
        Because::Tentative => text!(lang, why.tentative_short),
        Because::Unanswered => text!(lang, why.unanswered_short),
        Because::FreeButWanted => text!(lang, why.free_wanted_short),
        Because::Unreadable => text!(lang, why.unreadable_short),
        Because::Declined => text!(lang, why.declined_short),
        Because::MarkedFree => text!(lang, why.marked_free_short),
        Because::WorkingLocation => text!(lang, why.working_location_short),
        Because::Birthday => text!(lang, why.birthday_short),
        Because::Cancelled => text!(lang, why.cancelled_short),
        Because::NoTime => text!(lang, why.no_time_short),
        Because::Beyond => text!(lang, why.beyond_short),
        Because::Ours => text!(lang, why.ours_short),
    }
}

/// Where an event may be opened: what a platform said, if it leads to a web page, by https or on a platform that this
/// installation is set up with.
pub fn safe_link(link: Option<&str>, origins: &[String]) -> Option<String> {
    let url: Url = link?.parse().ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    let known = || origins.contains(&url.origin().ascii_serialization());
    let good = plain && (url.scheme() == "https" || url.scheme() == "http" && known());
    good.then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_words_of_its_own() {
        for lang in [Lang::fr, Lang::en] {
            let short: BTreeSet<_> = Because::ALL.map(|because| short(lang, because)).into();
            assert_eq!(short.len(), Because::ALL.len());
            for because in Because::ALL {
                assert_eq!(why(lang, because).is_some(), how(lang, because, Platform::Google).is_some());
            }
        }
    }

    #[test]
    fn only_links_to_web_pages_are_followed() {
        let origins = ["http://127.0.0.1:4010".to_owned()];
        for good in
            ["https://www.google.com/calendar/event?eid=a", "http://127.0.0.1:4010/event?eid=a&b=%3Cc%3E"]
        {
            assert_eq!(safe_link(Some(good), &origins).as_deref(), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>alert(1)</script>",
            "http://www.google.com/calendar",
            "http://127.0.0.1:4011/",
            "https://user@www.google.com/",
            "https://",
            "blob:https://www.google.com/x",
            "file:///etc/passwd",
            "//www.google.com/",
            "/agenda",
            "",
        ] {
            assert_eq!(safe_link(Some(bad), &origins), None, "{bad}");
        }
        assert_eq!(safe_link(None, &origins), None);
    }
}
