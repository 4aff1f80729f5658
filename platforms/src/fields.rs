//! Reading the fields of a platform's objects. What they hold ends up in a database and on pages: texts are cut, and
//! checked for being what they pass for.

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value};
use std::hash::{DefaultHasher, Hash, Hasher};
use url::Url;

pub(crate) type Object = Map<String, Value>;

/// Why an item cannot be read: none of its content.
#[derive(Debug)]
pub(crate) struct Unreadable;

/// The longest that Google gives is 1024, and a suffix for an instance (its sheet 5.5, 7.2); Microsoft's are shorter.
pub(crate) const LONGEST_ID: usize = 1100;

/// In characters. More is no title that anyone reads to its end.
pub(crate) const LONGEST_TITLE: usize = 500;
pub(crate) const LONGEST_LINK: usize = 2048;
const LONGEST_ETAG: usize = 256;

/// A text of an object, if it is one and not empty.
pub(crate) fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Without the one character that PostgreSQL's text cannot hold.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "")
}

/// The name of something, as far as people read it.
pub(crate) fn title(text: &str) -> String {
    storable(text).chars().take(LONGEST_TITLE).collect()
}

pub(crate) fn id<'a>(item: &'a Object, name: &str) -> Option<&'a str> {
    text(item, name).filter(|id| id.len() <= LONGEST_ID && !id.chars().any(char::is_control))
}

/// A field that is there and not null.
pub(crate) fn present<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// A field that must be an object if it is there.
pub(crate) fn object<'a>(object: &'a Object, name: &str) -> Result<Option<&'a Object>, Unreadable> {
    present(object, name).map(|value| value.as_object().ok_or(Unreadable)).transpose()
}

/// A field that must be a text if it is there.
pub(crate) fn strict_text<'a>(object: &'a Object, name: &str) -> Result<Option<&'a str>, Unreadable> {
    present(object, name).map(|value| value.as_str().ok_or(Unreadable)).transpose()
}

pub(crate) fn is_true(object: &Object, name: &str) -> bool {
    object.get(name) == Some(&Value::Bool(true))
}

/// It ends up in a page: only `#rrggbb` will do.
pub(crate) fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// It becomes a link on a page, so nothing but an address of the web will do.
pub(crate) fn web_address(text: &str) -> Option<String> {
    let address = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(String::from(address)).filter(|address| address.len() <= LONGEST_LINK)
}

/// The years that can be written with four digits.
pub(crate) fn in_years(date: &NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

/// `2026-01-31`, and nothing else: chrono would also take `2025-6-1`, signs, spaces and years of more digits.
pub(crate) fn date(text: &str) -> Result<NaiveDate, Unreadable> {
    let written = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    let date = if written { text.parse::<NaiveDate>().ok() } else { None };
    date.filter(in_years).ok_or(Unreadable)
}

/// What changes whenever the answer does: its etag, behind the version of what reads it; without one, a digest of all
/// that was answered. It need not outlive a release of Rust, which at worst has the event read once more.
pub(crate) fn revision(parser: u32, etag: Option<&str>, item: &Object) -> String {
    match etag.filter(|etag| etag.len() <= LONGEST_ETAG) {
        Some(etag) => format!("{parser}:{}", storable(etag)),
        None => {
            let mut digest = DefaultHasher::new();
            Value::Object(item.clone()).to_string().hash(&mut digest);
            format!("{parser}:#{:016x}", digest.finish())
        }
    }
}

/// The etag in a revision, for `If-Match`; `None` when the platform gave none.
pub(crate) fn etag(revision: &str) -> Option<&str> {
    revision.split_once(':').map(|(_, etag)| etag).filter(|etag| !etag.starts_with('#'))
}

/// The properties of our marker, and what stands in the first of them.
pub(crate) const SOURCE: &str = "source";
pub(crate) const SIMONE: &str = "simone";
pub(crate) const INSTALLATION: &str = "simoneInstallation";
pub(crate) const BOOKING: &str = "simoneBooking";
pub(crate) const NAME: &str = "simoneEvent";

/// Our marker, from its properties. One that cannot be read is none.
pub(crate) fn marker<'a>(property: impl Fn(&str) -> Option<&'a str>) -> Option<simone_sync::export::Marker> {
    if property(SOURCE) != Some(SIMONE) {
        return None;
    }
    Some(simone_sync::export::Marker {
        installation: property(INSTALLATION)?.parse().ok()?,
        booking: property(BOOKING)?.parse().ok()?,
        name: storable(property(NAME).filter(|name| name.len() <= LONGEST_ID)?),
    })
}

/// A description with our text in place of the one that we wrote last; what else stands there stays.
pub(crate) fn merged(stands: &str, was: Option<&str>, becomes: &str) -> String {
    match was.filter(|was| !was.is_empty() && stands.contains(*was)) {
        Some(was) => stands.replacen(was, becomes, 1),
        None if stands.trim().is_empty() => becomes.to_owned(),
        // Written before, by a call whose answer was lost.
        None if stands.contains(becomes) => stands.to_owned(),
        None => format!("{becomes}\n\n{stands}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn colors_are_only_colors(text in ".{0,10}") {
            prop_assert_eq!(is_color(&text), text.len() == 7 && text.starts_with('#')
                && text[1..].chars().all(|c| c.is_ascii_hexdigit()));
        }
    }

    #[test]
    fn what_others_wrote_around_our_text_stays() {
        assert_eq!(merged("Tel. 1\n\nMy note", Some("Tel. 1"), "Tel. 2"), "Tel. 2\n\nMy note");
        assert_eq!(merged("My own words", Some("Tel. 1"), "Tel. 2"), "Tel. 2\n\nMy own words");
        assert_eq!(merged("My own words", None, "Tel. 2"), "Tel. 2\n\nMy own words");
        assert_eq!(merged("", Some("Tel. 1"), "Tel. 2"), "Tel. 2");
        assert_eq!(merged("Tel. 2", Some("Tel. 1"), "Tel. 2"), "Tel. 2");
        assert_eq!(merged("a b", Some("a"), "c"), "c b");
    }
}
