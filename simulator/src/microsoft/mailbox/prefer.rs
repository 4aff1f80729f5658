//! What a request prefers (3.1).

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::ids::IdKind;
use super::times::Shown;
use crate::microsoft::errors::GraphResult;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Prefer {
    pub ids: Option<IdKind>,
    /// The name of a zone that is known.
    pub zone: Option<String>,
    /// Bodies as text, or as HTML.
    pub text: Option<bool>,
    pub page: Option<usize>,
}

impl Prefer {
    /// Values come in one header, separated by commas, or in several.
    pub fn read(headers: &HeaderMap) -> GraphResult<Prefer> {
        let mut prefer = Prefer::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for one in values.flat_map(split) {
            let (name, value) = one.split_once('=').unwrap_or((&one, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "idtype" if value.eq_ignore_ascii_case("ImmutableId") => prefer.ids = Some(IdKind::Immutable),
                "idtype" => prefer.ids = Some(IdKind::Usual),
                "outlook.timezone" => {
                    Shown::read(value)?;
                    prefer.zone = Some(value.to_owned());
                }
                "outlook.body-content-type" => prefer.text = Some(value.eq_ignore_ascii_case("text")),
                "odata.maxpagesize" => prefer.page = value.parse().ok().filter(|page| *page > 0),
                _ => {}
            }
        }
        Ok(prefer)
    }

    pub fn ids(&self) -> IdKind {
        self.ids.unwrap_or_default()
    }

    pub fn shown(&self) -> Shown {
        self.zone.as_deref().and_then(|zone| Shown::read(zone).ok()).unwrap_or_default()
    }

    /// These, and what they do not say from others.
    pub fn or(self, other: &Prefer) -> Prefer {
        Prefer {
            ids: self.ids.or(other.ids),
            zone: self.zone.or_else(|| other.zone.clone()),
            text: self.text.or(other.text),
            page: self.page.or(other.page),
        }
    }

    /// Says what was applied.
    pub fn applied(&self, headers: &mut HeaderMap, more: &[&str]) {
        let mut applied = Vec::new();
        if self.ids == Some(IdKind::Immutable) {
            applied.push("IdType=\"ImmutableId\"".to_owned());
        }
        if let Some(zone) = &self.zone {
            applied.push(format!("outlook.timezone=\"{zone}\""));
        }
        if let Some(text) = self.text {
            applied.push(format!("outlook.body-content-type=\"{}\"", if text { "text" } else { "html" }));
        }
        applied.extend(more.iter().map(|&one| one.to_owned()));
        if !applied.is_empty()
            && let Ok(value) = HeaderValue::from_str(&applied.join(", "))
        {
            headers.insert(HeaderName::from_static("preference-applied"), value);
        }
    }
}

/// At commas and semicolons outside of quotes.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for letter in text.chars() {
        match letter {
            ',' | ';' if !quoted => parts.push(String::new()),
            letter => {
                quoted ^= letter == '"';
                if let Some(part) = parts.last_mut() {
                    part.push(letter);
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_come_in_one_header_or_in_several() {
        let mut headers = HeaderMap::new();
        let one = "IdType=\"ImmutableId\", outlook.timezone=\"Romance Standard Time\"";
        headers.append("prefer", HeaderValue::from_static(one));
        headers.append("prefer", HeaderValue::from_static("odata.maxpagesize=200"));
        let prefer = Prefer::read(&headers).unwrap();
        assert_eq!(prefer.ids(), IdKind::Immutable);
        assert_eq!(prefer.shown().name, "Romance Standard Time");
        assert_eq!(prefer.page, Some(200));
        assert_eq!(prefer.text, None);
        headers.append("prefer", HeaderValue::from_static("outlook.timezone=\"Nowhere\""));
        assert!(Prefer::read(&headers).is_err());
    }
}
