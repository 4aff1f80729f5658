//! Parameters common to all methods, and how an answer leaves.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::errors::ApiError;
use super::fields::Fields;
use super::schema;
use super::switches::{LargePages, Settings};
use super::times::parse_instant;

/// The query of a request.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(text: Option<&str>) -> Self {
        Query(url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The first value; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(other, _)| other == name)?;
        Some(first.1.as_str()).filter(|value| !value.is_empty())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) if value.eq_ignore_ascii_case("true") || value == "1" => Ok(Some(true)),
            Some(value) if value.eq_ignore_ascii_case("false") || value == "0" => Ok(Some(false)),
            Some(value) => {
                Err(ApiError::invalid_parameter(name, format!("Invalid boolean value: '{value}'.")))
            }
        }
    }

    pub fn page_size(&self, settings: &Settings, usual: usize, largest: usize) -> Result<usize, ApiError> {
        let Some(value) = self.get("maxResults") else { return Ok(usual) };
        let out_of_range = || {
            Err(ApiError::invalid_parameter(
                "maxResults",
                format!("Invalid value '{value}'. Values must be within the range: [1, {largest}]"),
            ))
        };
        match value.parse::<i64>() {
            Ok(size @ 1..) => match usize::try_from(size).unwrap_or(usize::MAX) {
                size if size > largest && settings.large_pages == LargePages::Refuse => out_of_range(),
                size => Ok(size.min(largest)),
            },
            Ok(_) => out_of_range(),
            Err(_) => {
                Err(ApiError::invalid_parameter("maxResults", format!("Invalid integer value: '{value}'.")))
            }
        }
    }

    pub fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse_instant(value).map(Some).ok_or_else(|| ApiError::bad_request("Bad Request"))
    }

    /// The zone in which the answer shows times.
    pub fn zone(&self) -> Result<Option<chrono_tz::Tz>, ApiError> {
        let Some(value) = self.get("timeZone") else { return Ok(None) };
        value
            .parse()
            .map(Some)
            .map_err(|_| ApiError::invalid_parameter("timeZone", "Invalid time zone definition."))
    }

    pub(super) fn fields(&self, schema: &str) -> Result<Option<Fields>, ApiError> {
        // An empty selector is an error, not an absent one.
        self.all("fields").next().map(|text| Fields::parse(text, schema)).transpose()
    }

    /// What holds for every method (3).
    pub fn check_common(&self) -> Result<(), ApiError> {
        if let Some(alt) = self.get("alt").filter(|alt| *alt != "json") {
            return Err(ApiError::invalid_parameter(
                "alt",
                format!("Invalid string value: '{alt}'. Allowed values: [json]"),
            ));
        }
        if self.get("quotaUser").is_some_and(|user| user.chars().count() > 40) {
            return Err(ApiError::invalid_parameter(
                "quotaUser",
                "Invalid quota user: longer than 40 characters.",
            ));
        }
        self.flag("prettyPrint").map(|_| ())
    }

    fn is_pretty(&self) -> bool {
        !matches!(self.get("prettyPrint"), Some("false" | "0"))
    }
}

/// A body that fits the named schema; an empty one counts as `{}`.
pub(super) fn body(text: &[u8], schema: &str) -> Result<Value, ApiError> {
    let text = if text.is_empty() { b"{}" } else { text };
    let body: Value = serde_json::from_slice(text).map_err(|_| ApiError::parse())?;
    if !body.is_object() {
        return Err(ApiError::parse());
    }
    match schema::misfit(schema::named(schema), &body) {
        Some(field) => Err(ApiError::invalid(format!("Invalid value for: {field}"))),
        None => Ok(body),
    }
}

/// Sends a resource: its etag as a header too, 304 if the client has it, only the fields asked for.
pub(super) fn resource(
    query: &Query,
    headers: &HeaderMap,
    reading: bool,
    schema: &str,
    body: Value,
) -> Result<Response, ApiError> {
    let fields = query.fields(schema)?;
    let etag = body["etag"].as_str().and_then(|etag| HeaderValue::from_str(etag).ok());
    let mut answer = usual_headers();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    if let Some(etag) = etag {
        if reading && names_etag(headers.get_all(header::IF_NONE_MATCH).iter(), &etag) {
            answer.insert(header::ETAG, etag);
            answer.remove(header::CONTENT_TYPE);
            return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
        }
        answer.insert(header::ETAG, etag);
    }
    let body = match fields {
        Some(fields) => fields.pick(body),
        None => body,
    };
    let text = if query.is_pretty() { serde_json::to_vec_pretty(&body) } else { serde_json::to_vec(&body) };
    let text = text.expect("a JSON value can be written as JSON");
    Ok((answer, Body::from(text)).into_response())
}

fn usual_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate"),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Origin, X-Origin, Referer"));
    headers
}

/// The answer of what returns nothing. It has headers: Google's Python client reads no part of a batch without.
pub(super) fn nothing() -> Response {
    (StatusCode::NO_CONTENT, usual_headers()).into_response()
}

/// Refuses a write whose `If-Match` names another version.
pub(super) fn check_if_match(headers: &HeaderMap, etag: &str) -> Result<(), ApiError> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    let Ok(etag) = HeaderValue::from_str(etag) else { return Ok(()) };
    if values.peek().is_none() || names_etag(values, &etag) { Ok(()) } else { Err(ApiError::precondition()) }
}

fn names_etag<'a>(values: impl Iterator<Item = &'a HeaderValue>, etag: &HeaderValue) -> bool {
    let wanted = etag.to_str().unwrap_or_default();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|value| {
        let value = value.trim();
        value == "*" || value.strip_prefix("W/").unwrap_or(value) == wanted
    })
}
