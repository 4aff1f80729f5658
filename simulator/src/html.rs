//! Pages without templates or scripts: escaping, language, the frame around a page.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

pub(crate) const STYLESHEET: &str = "/_simulator/style.css";

/// Text as it may stand in an element or in a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What a person reads of a text that is shown as HTML: no markup comes through.
pub(crate) fn as_read(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tag) = rest.strip_prefix('<') {
            let begins = tag.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
            let Some(end) = tag.find('>').filter(|_| begins) else {
                text.push('<');
                rest = tag;
                continue;
            };
            let name = tag[..end].trim_start_matches('/').to_ascii_lowercase();
            if ["br", "p", "div", "li"].contains(&name.trim_end_matches('/').trim()) && !text.ends_with('\n')
            {
                text.push('\n');
            }
            rest = &tag[end + 1..];
            continue;
        }
        let entity = ENTITIES.iter().find(|(entity, _)| rest.starts_with(entity));
        let (entity, stands_for) = entity.copied().unwrap_or(("&", "&"));
        text.push_str(stands_for);
        rest = &rest[entity.len()..];
    }
    text.push_str(rest);
    text
}

const ENTITIES: [(&str, &str); 6] =
    [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];

pub(crate) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    French,
    English,
}

impl Language {
    /// The first of the two that `Accept-Language` prefers; else French.
    pub fn of(headers: &HeaderMap) -> Self {
        let accepted =
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0.0, Language::French);
        for item in accepted.split(',') {
            let (tag, parameters) = item.split_once(';').unwrap_or((item, ""));
            let weight: f32 = match parameters.trim().strip_prefix("q=") {
                Some(weight) => weight.trim().parse().unwrap_or(0.0),
                None => 1.0,
            };
            let language = match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("fr") => Language::French,
                Some("en") => Language::English,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }

    pub fn code(self) -> &'static str {
        self.pick("fr", "en")
    }

    pub fn pick<T>(self, french: T, english: T) -> T {
        match self {
            Language::French => french,
            Language::English => english,
        }
    }
}

/// A whole page. `main` is HTML, `title` is text.
pub(crate) fn page(language: Language, status: StatusCode, title: &str, main: &str) -> Response {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <link rel=\"stylesheet\" href=\"{STYLESHEET}\">\n<link rel=\"icon\" href=\"data:,\">\n</head>\n\
         <body>\n<main>\n{main}\n</main>\n</body>\n</html>\n",
        language.code(),
        escape(title),
    );
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // No `form-action`: consent ends in a redirect to the client's own address.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(
                "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'",
            ),
        ),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("Accept-Language")),
    ];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(accepted: &'static str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
        Language::of(&headers)
    }

    #[test]
    fn markup_is_read_as_google_shows_it() {
        assert_eq!(as_read("a &lt;b&gt; &amp;amp; c"), "a <b> &amp; c");
        assert_eq!(as_read("<b>one</b><br>two<br/>three"), "one\ntwo\nthree");
        assert_eq!(as_read("1 < 2 & 3 <"), "1 < 2 & 3 <");
        assert_eq!(as_read("<script>x</script>é"), "xé");
    }

    #[test]
    fn french_unless_english_is_preferred() {
        assert_eq!(Language::of(&HeaderMap::new()), Language::French);
        assert_eq!(language("en-US,en;q=0.9,fr;q=0.8"), Language::English);
        assert_eq!(language("de, fr;q=0.9, en;q=0.8"), Language::French);
        assert_eq!(language("*"), Language::French);
        assert_eq!(language(";;, =,;q=,en;q=x"), Language::French);
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape("<b>\"'&"), "&lt;b&gt;&quot;&#39;&amp;");
    }
}
