//! The texts of the pages in the languages of the product, and which language a reader gets.
//!
//! The texts stand in `locales/`; a key that a language lacks, or a parameter that is not given, does not compile.

use crate::session::Session;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_LANGUAGE, COOKIE};
use axum::http::request::Parts;
use leptos_i18n::Locale as _;

/// Made from `locales/` by the build script.
#[expect(unused_qualifications, unused_imports, dead_code, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/i18n.rs"));
}

/// A language of the pages.
pub use generated::i18n::Locale as Lang;

/// `text!(lang, key.of.the.text, parameter = value)`: a text as a string.
macro_rules! text {
    ($($arguments:tt)*) => { leptos_i18n::td_string!($($arguments)*).to_string() };
}
pub(crate) use text;

/// Where a browser remembers the language that was chosen on it.
pub const LANGUAGE_COOKIE: &str = "simone_language";

/// As documents and forms name it.
pub const fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::fr => "fr",
        Lang::en => "en",
    }
}

/// The reader's language: the one chosen on this browser, else that of who is logged in, else the first that the
/// browser asks for and we speak, else French.
pub fn language_of(parts: &Parts) -> Lang {
    let chosen = cookie(&parts.headers, LANGUAGE_COOKIE).and_then(|code| code.parse().ok());
    let theirs = || parts.extensions.get::<Session>()?.locale()?.code().parse().ok();
    chosen.or_else(theirs).unwrap_or_else(|| language(&parts.headers))
}

/// The language of a visitor: the one chosen on this browser, else the first that it asks for and we speak, else French.
pub fn language(headers: &HeaderMap) -> Lang {
    if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(|code| code.parse().ok()) {
        return chosen;
    }
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges: Vec<(f32, &str)> = wanted
        .split(',')
        .map(|part| {
            let mut pieces = part.split(';');
            let range = pieces.next().unwrap_or_default().trim();
            let weight =
                pieces.find_map(|piece| piece.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0_f32);
            (weight, range)
        })
        .filter(|(weight, range)| *weight > 0.0 && !range.is_empty())
        .collect();
    // Stable: of equal weights the first named wins.
    ranges.sort_by(|one, other| other.0.total_cmp(&one.0));
    let wanted: Vec<&str> = ranges.into_iter().map(|(_, range)| range).collect();
    Lang::find_locale(&wanted)
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn asking(accept: &str, cookie: Option<&str>) -> Lang {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie.parse().unwrap());
        }
        language(&headers)
    }

    #[test]
    fn the_cookie_comes_before_the_browsers_wish() {
        assert_eq!(asking("fr", Some("a=b; simone_language=en")), Lang::en);
        assert_eq!(asking("en", Some("simone_language=xx")), Lang::en, "an unknown choice is none");
    }

    #[test]
    fn the_first_wish_that_we_speak_counts() {
        assert_eq!(asking("en-GB,en;q=0.9,fr;q=0.8", None), Lang::en);
        assert_eq!(asking("en;q=0.2, fr-CH;q=0.8", None), Lang::fr);
        assert_eq!(asking("de, en;q=0.5", None), Lang::en);
        assert_eq!(asking("de", None), Lang::fr);
        assert_eq!(asking("", None), Lang::fr);
        assert_eq!(asking(";;,,q=x;q=;=", None), Lang::fr);
    }

    /// The macro only warns of a key that one language lacks.
    #[test]
    fn every_text_exists_in_both_languages_with_the_same_parameters() {
        let french = texts(include_str!("../locales/fr.json"));
        let english = texts(include_str!("../locales/en.json"));
        assert_eq!(french, english);
    }

    fn texts(json: &str) -> BTreeSet<(String, BTreeSet<String>)> {
        fn walk(value: &serde_json::Value, path: &str, into: &mut BTreeSet<(String, BTreeSet<String>)>) {
            match value {
                serde_json::Value::Object(entries) => {
                    for (key, value) in entries {
                        walk(value, &format!("{path}.{key}"), into);
                    }
                }
                serde_json::Value::String(text) => {
                    assert!(!text.trim().is_empty(), "{path} is empty");
                    let parameters = text
                        .split("{{")
                        .skip(1)
                        .map(|rest| rest.split("}}").next().unwrap().trim().to_owned());
                    // French alone has a form for millions.
                    if !path.ends_with("_many") {
                        into.insert((path.to_owned(), parameters.collect()));
                    }
                }
                other => panic!("{path} is {other}"),
            }
        }
        let mut found = BTreeSet::new();
        walk(&serde_json::from_str(json).unwrap(), "", &mut found);
        found
    }
}
