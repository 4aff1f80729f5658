//! What the calls of any platform's JSON API have in common: addresses, tokens, objects.

use crate::http::{Answer, NoAnswer};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use simone_sync::platform::PlatformError;
use url::{Url, form_urlencoded};

impl From<NoAnswer> for PlatformError {
    fn from(NoAnswer(reason): NoAnswer) -> Self {
        Self::Unavailable { reason, retry_after: None }
    }
}

/// An answer that makes no sense.
pub(crate) fn nonsense(reason: &str) -> PlatformError {
    PlatformError::Unavailable { reason: reason.to_owned(), retry_after: None }
}

/// The address of a resource. Ids may hold anything (`en.usa#holiday@group.v.calendar.google.com`, `AAMk/+=`), so each
/// segment is encoded.
pub(crate) fn resource(base: &Url, segments: &[&str]) -> Result<Url, PlatformError> {
    let mut url = base.clone();
    let mut path = url.path().trim_end_matches('/').to_owned();
    for segment in segments {
        // Not a name in an address, but a way up it: no resource is called so.
        if matches!(*segment, "" | "." | "..") {
            return Err(PlatformError::NotFound);
        }
        path.push('/');
        path.push_str(&encoded(segment));
    }
    url.set_path(&path);
    Ok(url)
}

/// A text as it may stand in a path or in a query: a space is `%20`, which not every server takes a `+` for.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes())
        .map(|part| if part == "+" { "%20" } else { part })
        .collect()
}

/// The JSON object that was answered.
pub(crate) fn json(answer: &Answer) -> Result<Map<String, Value>, PlatformError> {
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(nonsense("the answer is not the JSON that was asked for")),
    }
}

pub(crate) fn bearer(access_token: &SecretString) -> Result<HeaderValue, PlatformError> {
    // What cannot stand in a header was never a token.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", access_token.expose_secret()))
        .map_err(|_| PlatformError::Unauthorized)?;
    value.set_sensitive(true);
    Ok(value)
}

/// A value for `If-Match`. What cannot stand in a header is no etag that a platform gave.
pub(crate) fn if_match(etag: &str) -> Result<HeaderValue, PlatformError> {
    HeaderValue::from_str(etag).map_err(|_| PlatformError::Changed)
}

/// Codes and reasons are identifiers; whatever else comes in their place might be anything.
pub(crate) fn sanitized(code: &str) -> String {
    let named = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    code.chars().take(64).filter(named).collect()
}

/// The address of something right below a base, whose name we write.
pub(crate) fn below(base: &Url, name: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{name}", base.path().trim_end_matches('/')));
    url
}
