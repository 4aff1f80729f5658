//! A call of Graph: its address, its headers, its answer; alone or several in one `$batch` (reference sheet, sections 3
//! and 10).

use super::Microsoft;
use super::errors::{Asked, classify};
use crate::call::{self, bearer, encoded, json, nonsense};
use crate::fields::{Object, text};
use crate::http::{Answer, read_retry_after};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, Request};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use simone_sync::platform::PlatformError;
use std::sync::atomic::Ordering;
use url::Url;
use uuid::Uuid;

/// On every request, those inside a batch too (3.1; trap 8): ids that survive moves, times in UTC, bodies as text.
const PREFER: &str = "IdType=\"ImmutableId\", outlook.timezone=\"UTC\", outlook.body-content-type=\"text\"";

/// One request, before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub method: Method,
    pub url: Url,
    /// Of a delta, which takes no `$top` (6.2).
    pub page_size: Option<u16>,
    pub if_match: Option<String>,
    pub body: Option<Value>,
}

impl Ask {
    pub const fn get(url: Url) -> Self {
        Self { method: Method::GET, url, page_size: None, if_match: None, body: None }
    }

    fn prefer(&self) -> String {
        match self.page_size {
            Some(size) => format!("{PREFER}, odata.maxpagesize={size}"),
            None => PREFER.to_owned(),
        }
    }
}

/// An address with these parameters. Their values are encoded, their names (`$select`) are as we write them.
pub(super) fn with_query(mut url: Url, parameters: &[(&str, &str)]) -> Url {
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    url.set_query(Some(&pairs.join("&")));
    url
}

impl Microsoft {
    pub(super) fn resource(&self, segments: &[&str]) -> Result<Url, PlatformError> {
        call::resource(&self.config.api_url, segments)
    }

    /// A link that Graph gave, followed as it is given, but to nowhere else: our token goes with it (3).
    pub(super) fn link(&self, link: &str) -> Result<Url, PlatformError> {
        let url: Url = link.parse().map_err(|_| nonsense("a link is none"))?;
        if url.origin() != self.config.api_url.origin() || self.below_base(&url).is_none() {
            return Err(nonsense("a link leads elsewhere"));
        }
        Ok(url)
    }

    /// The path of an address below the API's base. Names in it are in any letter case.
    fn below_base<'a>(&self, url: &'a Url) -> Option<&'a str> {
        let base = self.config.api_url.path().trim_end_matches('/');
        let (head, rest) = url.path().split_at_checked(base.len())?;
        (head.eq_ignore_ascii_case(base) && rest.starts_with('/')).then_some(rest)
    }

    /// Asks for a JSON object.
    pub(super) async fn get(
        &self,
        access_token: &SecretString,
        ask: Ask,
        asked: Asked,
    ) -> Result<Object, PlatformError> {
        object(&self.send(access_token, &ask).await?, asked)
    }

    /// Makes one request, and takes whatever is answered.
    pub(super) async fn send(&self, access_token: &SecretString, ask: &Ask) -> Result<Answer, PlatformError> {
        let mut request = Request::new(ask.method.clone(), ask.url.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, bearer(access_token)?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let prefer =
            HeaderValue::from_str(&ask.prefer()).map_err(|_| nonsense("the request cannot be made"))?;
        headers.insert(HeaderName::from_static("prefer"), prefer);
        let id = HeaderValue::from_str(&self.request_id().to_string());
        headers.insert(
            HeaderName::from_static("client-request-id"),
            id.map_err(|_| nonsense("the request cannot be made"))?,
        );
        headers.insert(HeaderName::from_static("return-client-request-id"), HeaderValue::from_static("true"));
        if let Some(etag) = &ask.if_match {
            headers.insert(IF_MATCH, call::if_match(etag)?);
        }
        if let Some(body) = &ask.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        Ok(self.http.send(request).await?)
    }

    /// Makes several requests in one, and takes whatever is answered to each.
    pub(super) async fn send_all(
        &self,
        access_token: &SecretString,
        asks: &[Ask],
    ) -> Result<Vec<Result<Answer, PlatformError>>, PlatformError> {
        match asks {
            [] => Ok(Vec::new()),
            [ask] => Ok(vec![Ok(self.send(access_token, ask).await?)]),
            asks => {
                let requests: Vec<Value> =
                    asks.iter().enumerate().map(|(at, ask)| self.inner(at, ask)).collect::<Result<_, _>>()?;
                let batch = Ask {
                    method: Method::POST,
                    body: Some(json!({"requests": requests})),
                    ..Ask::get(call::below(&self.config.api_url, "$batch"))
                };
                let mut answer = object(&self.send(access_token, &batch).await?, Asked::Anew)?;
                let Some(Value::Array(responses)) = answer.remove("responses") else {
                    return Err(nonsense("the batch's answers are none"));
                };
                Ok(self.inner_answers(asks.len(), responses))
            }
        }
    }

    /// A request as it stands in a batch, whose headers it does not share.
    fn inner(&self, at: usize, ask: &Ask) -> Result<Value, PlatformError> {
        let path = self.below_base(&ask.url).ok_or_else(|| nonsense("a link leads elsewhere"))?;
        let url = match ask.url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut headers = Map::from_iter([("Prefer".to_owned(), json!(ask.prefer()))]);
        if let Some(etag) = &ask.if_match {
            headers.insert("If-Match".to_owned(), json!(etag));
        }
        let mut request = json!({"id": at.to_string(), "method": ask.method.as_str(), "url": url});
        if let Some(body) = &ask.body {
            headers.insert("Content-Type".to_owned(), json!("application/json"));
            request["body"] = body.clone();
        }
        request["headers"] = Value::Object(headers);
        Ok(request)
    }

    /// They come in any order, each with its own status and its own wait.
    fn inner_answers(&self, count: usize, responses: Vec<Value>) -> Vec<Result<Answer, PlatformError>> {
        let mut answers: Vec<Result<Answer, PlatformError>> =
            (0..count).map(|_| Err(nonsense("an answer of the batch is missing"))).collect();
        for response in responses {
            let Value::Object(mut response) = response else { continue };
            let at: Option<usize> = text(&response, "id").and_then(|id| id.parse().ok());
            let Some(place) = at.and_then(|at| answers.get_mut(at)) else { continue };
            let status =
                response.get("status").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            let Some(status) = status else { continue };
            let headers = response.get("headers").and_then(Value::as_object);
            let wait =
                headers.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            let retry_after = wait.and_then(|(_, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                read_retry_after(&text, self.http.now())
            });
            let body = match response.remove("body") {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::String(text)) => text.into_bytes(),
                Some(body) => body.to_string().into_bytes(),
            };
            *place = Ok(Answer { status, retry_after, body });
        }
        answers
    }

    /// What Microsoft's support asks for: another one for each request.
    fn request_id(&self) -> Uuid {
        let millis = u64::try_from(self.http.now().timestamp_millis()).unwrap_or_default();
        let count = self.asked.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut tail = [0; 10];
        tail[2..].copy_from_slice(&count);
        uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
    }
}

/// The object that was asked for.
pub(super) fn object(answer: &Answer, asked: Asked) -> Result<Object, PlatformError> {
    if answer.status != 200 {
        return Err(classify(answer, asked));
    }
    json(answer)
}

/// A page of a collection (3).
pub(super) struct Collection {
    pub items: Vec<Value>,
    pub next: Option<String>,
    pub delta: Option<String>,
}

impl Collection {
    /// An empty list is believed, so an answer that merely lacks everything must not pass for one.
    pub fn read(mut page: Object) -> Result<Self, PlatformError> {
        let link = |name| text(&page, name).map(str::to_owned);
        let (next, delta) = (link("@odata.nextLink"), link("@odata.deltaLink"));
        match page.remove("value") {
            Some(Value::Array(items)) => Ok(Self { items, next, delta }),
            _ => Err(nonsense("the answer is not the list that was asked for")),
        }
    }
}
