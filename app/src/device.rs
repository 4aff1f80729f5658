//! What a session's list calls a browser: two words out of its `User-Agent`, which itself is not kept.

use crate::texts::{Lang, text};

/// What is looked for, in this order: most browsers claim to be others as well.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Macintosh", "Mac"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
];

fn find(header: &str, list: &[(&'static str, &'static str)]) -> &'static str {
    list.iter().find_map(|(mark, name)| header.contains(mark).then_some(*name)).unwrap_or_default()
}

/// The label that is stored: browser and system, none of them longer than these lists know.
pub fn label(user_agent: &str) -> Option<String> {
    let (browser, system) = (find(user_agent, &BROWSERS), find(user_agent, &SYSTEMS));
    (!browser.is_empty() || !system.is_empty()).then(|| format!("{browser}/{system}"))
}

/// A stored label in words.
pub fn words(lang: Lang, label: Option<&str>) -> String {
    match label.and_then(|label| label.split_once('/')).unwrap_or_default() {
        ("", "") => text!(lang, sessions.unknown),
        (one, "") | ("", one) => one.to_owned(),
        (browser, system) => text!(lang, sessions.device, browser = browser, system = system),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_told_by_what_they_are() {
        let cases = [
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile \
                 Safari/537.36",
                "Chrome sur Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari sur iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 \
                 Safari/537.36 Edg/126.0",
                "Edge sur Windows",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox sur Linux"),
            ("curl/8.9", "curl"),
            ("<script>alert(1)</script>", "Appareil inconnu"),
            ("", "Appareil inconnu"),
        ];
        for (header, said) in cases {
            assert_eq!(words(Lang::fr, label(header).as_deref()), said, "{header}");
        }
    }
}
