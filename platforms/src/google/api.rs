//! A call of the Calendar API: its address, its token, its answer.

use super::Google;
use super::errors::{Asked, classify};
use crate::http::{Answer, NoAnswer};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_MATCH};
use reqwest::{Method, Request};
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
pub(super) fn nonsense(reason: &str) -> PlatformError {
    PlatformError::Unavailable { reason: reason.to_owned(), retry_after: None }
}

impl Google {
    /// The address of a resource. Ids may hold anything (`en.usa#holiday@group.v.calendar.google.com`), so each
    /// segment is encoded.
    pub(super) fn resource(&self, segments: &[&str]) -> Result<Url, PlatformError> {
        let mut url = self.config.api_url.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            // Not a name in an address, but a way up it: no resource is called so.
            if matches!(*segment, "" | "." | "..") {
                return Err(PlatformError::NotFound);
            }
            path.push('/');
            for part in form_urlencoded::byte_serialize(segment.as_bytes()) {
                path.push_str(if part == "+" { "%20" } else { part });
            }
        }
        url.set_path(&path);
        Ok(url)
    }

    /// Asks for a JSON object.
    pub(super) async fn get(
        &self,
        access_token: &SecretString,
        url: Url,
        asked: Asked,
    ) -> Result<Map<String, Value>, PlatformError> {
        let answer = self.call(access_token, Method::GET, url, None, None).await?;
        if answer.status != 200 {
            return Err(classify(&answer, asked));
        }
        json(&answer)
    }

    /// Makes a call, and takes whatever is answered.
    pub(super) async fn call(
        &self,
        access_token: &SecretString,
        method: Method,
        url: Url,
        if_match: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, PlatformError> {
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(access_token)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(etag) = if_match {
            // What cannot stand in a header is no etag that Google gave.
            headers.insert(IF_MATCH, HeaderValue::from_str(etag).map_err(|_| PlatformError::Changed)?);
        }
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(self.http.send(request).await?)
    }
}

/// The JSON object that was answered.
pub(super) fn json(answer: &Answer) -> Result<Map<String, Value>, PlatformError> {
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(nonsense("the answer is not the JSON that was asked for")),
    }
}

fn bearer(access_token: &SecretString) -> Result<HeaderValue, PlatformError> {
    // What cannot stand in a header was never a token of Google's.
    let mut value = HeaderValue::from_str(&format!("Bearer {}", access_token.expose_secret()))
        .map_err(|_| PlatformError::Unauthorized)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The items of a list of this kind. `kind` shows that the answer is what it looks like: an empty list is
/// believed, so an answer that merely lacks everything must not pass for one.
pub(super) fn items(list: &mut Map<String, Value>, kind: &str) -> Result<Vec<Value>, PlatformError> {
    if list.get("kind").and_then(Value::as_str) != Some(kind) {
        return Err(nonsense("the answer is not the list that was asked for"));
    }
    match list.remove("items") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(nonsense("the list's items are none")),
    }
}

/// A text of an object, if it is one and not empty.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Without the one character that PostgreSQL's text cannot hold.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "")
}
