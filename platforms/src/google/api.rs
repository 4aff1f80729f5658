//! A call of the Calendar API: its address, its token, its answer.

use super::Google;
use super::errors::{Asked, classify};
use crate::call::{self, bearer, json, nonsense, resource};
use crate::http::Answer;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, IF_MATCH};
use reqwest::{Method, Request};
use secrecy::SecretString;
use serde_json::{Map, Value};
use simone_sync::platform::PlatformError;
use url::Url;

impl Google {
    pub(super) fn resource(&self, segments: &[&str]) -> Result<Url, PlatformError> {
        resource(&self.config.api_url, segments)
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
            headers.insert(IF_MATCH, call::if_match(etag)?);
        }
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(self.http.send(request).await?)
    }
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
