//! What comes in: ids in the path, the query, the body. What is wrong with it is said, and where.

use super::Api;
use super::error::{ApiError, Code};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use chrono::{DateTime, Datelike as _, SubsecRound as _, Utc};
use chrono_tz::Tz;
use futures::StreamExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use simone_booking::Locale;
use std::str::FromStr;

/// The largest body.
pub(crate) const LARGEST_BODY: usize = 64 * 1024;
/// Of one that is larger, what is read before the connection is given up.
const THROWN_AWAY: usize = 1024 * 1024;
/// Rows on a page: the most, and how many without being asked.
pub(crate) const LARGEST_PAGE: i64 = 100;
pub(crate) const USUAL_PAGE: i64 = 50;

const LONGEST_NAME: usize = 200;
const LONGEST_EMAIL: usize = 254;

/// The id in the path. What is no id names nothing.
#[derive(Debug)]
pub(crate) struct Id<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(Path(id)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(ApiError::not_found());
        };
        id.parse().map(Self).map_err(|_| ApiError::not_found())
    }
}

/// The two ids in the path, the outer one first.
#[derive(Debug)]
pub(crate) struct Ids<A, B>(pub A, pub B);

impl<S: Send + Sync, A: FromStr, B: FromStr> FromRequestParts<S> for Ids<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Ok(Path((outer, inner))) = Path::<(String, String)>::from_request_parts(parts, state).await
        else {
            return Err(ApiError::not_found());
        };
        match (outer.parse(), inner.parse()) {
            (Ok(outer), Ok(inner)) => Ok(Self(outer, inner)),
            _ => Err(ApiError::not_found()),
        }
    }
}

/// The query.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// Refuses parameters other than these, and repeated ones.
    pub(crate) fn only(self, names: &[&str]) -> Result<Self, ApiError> {
        for (index, (name, _)) in self.0.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                let known = match names {
                    [] => "none".to_owned(),
                    names => names.join(", "),
                };
                let message = format!("there is no such query parameter here; there are: {known}");
                return Err(ApiError::new(Code::UnknownParameter, message).at(name));
            }
            if self.0[..index].iter().any(|(before, _)| before == name) {
                return Err(ApiError::new(Code::RepeatedParameter, "it stands there twice").at(name));
            }
        }
        Ok(self)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// How many rows a page is to have.
    pub(crate) fn limit(&self) -> Result<i64, ApiError> {
        let Some(limit) = self.get("limit") else { return Ok(USUAL_PAGE) };
        limit.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit)).ok_or_else(|| {
            ApiError::parameter("limit", format!("expected a whole number from 1 to {LARGEST_PAGE}"))
        })
    }

    /// Where the last page ended.
    pub(crate) fn after<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        let Some(after) = self.get("after") else { return Ok(None) };
        let read = read(after)
            .ok_or_else(|| ApiError::parameter("after", "expected the `next` of the page before this one"))?;
        Ok(Some(read))
    }

    /// An instant, to the microsecond.
    pub(crate) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let read = instant(value).ok_or_else(|| {
            let message = "expected an instant of RFC 3339 in the years 1900 to 2200, like 2026-01-13T17:00:00Z \
                           (a `+` is written %2B)";
            ApiError::parameter(name, message)
        })?;
        Ok(Some(read))
    }
}

/// The body, not read as anything yet.
#[derive(Debug)]
pub(crate) struct Json {
    kind: Option<String>,
    bytes: Vec<u8>,
}

impl FromRequest<Api> for Json {
    type Rejection = ApiError;

    async fn from_request(request: Request<Body>, api: &Api) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        Ok(Self { kind, bytes: collect(body, api).await? })
    }
}

/// Reads a body. Of one that is too large some more is read and thrown away: a client that is still sending may not
/// see the answer before the connection is closed on it.
pub(crate) async fn collect(body: Body, api: &Api) -> Result<Vec<u8>, ApiError> {
    tokio::select! {
        collected = collect_whole(body) => collected,
        () = api.clock.sleep(api.pages.patience) => {
            Err(ApiError::new(Code::MalformedBody, "the body does not arrive in time"))
        }
    }
}

async fn collect_whole(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut stream = body.into_data_stream();
    let (mut bytes, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(Code::MalformedBody, "the body breaks off"))?;
        seen += chunk.len();
        if seen <= LARGEST_BODY {
            bytes.extend_from_slice(&chunk);
        } else if seen > THROWN_AWAY {
            break;
        }
    }
    if seen > LARGEST_BODY { Err(too_large()) } else { Ok(bytes) }
}

pub(crate) fn too_large() -> ApiError {
    ApiError::new(Code::BodyTooLarge, "the body is larger than 64 KiB")
}

impl Json {
    /// Reads the body as what is wanted here.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                "expected `Content-Type: application/json`",
            ));
        }
        // Whether it is JSON at all comes first, so that a syntax error is not taken for a wrong field.
        let json: serde_json::Value = serde_json::from_slice(&self.bytes)
            .map_err(|error| ApiError::new(Code::MalformedBody, format!("the body is not JSON: {error}")))?;
        if !json.is_object() {
            return Err(ApiError::new(Code::InvalidField, "expected an object"));
        }
        // From the text once more: of a field that stands there twice, the value holds only one.
        let mut reader = serde_json::Deserializer::from_slice(&self.bytes);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let message = error.into_inner().to_string();
            // Without the place: the field is named.
            let message =
                message.rsplit_once(" at line ").map_or(message.as_str(), |(said, _)| said).to_owned();
            let named = ["missing field `", "unknown field `", "duplicate field `"]
                .into_iter()
                .find_map(|words| Some(message.strip_prefix(words)?.split_once('`')?.0.to_owned()));
            ApiError::new(Code::InvalidField, message).at(place(&path, named))
        })
    }
}

/// Where a field is: of one that is missing, `path` leads but to what it is missing in.
fn place(path: &str, named: Option<String>) -> String {
    match named {
        None => path.to_owned(),
        Some(name) if path == "." || path == name => name,
        Some(name) if path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
    }
}

/// An instant, to the microsecond.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc().trunc_subsecs(6));
    // The second 60 is a leap second's, and no calendar's.
    read.filter(|at| at.timestamp_subsec_nanos() < 1_000_000_000 && (1900..=2200).contains(&at.year()))
}

/// An instant in a body.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Instant(pub DateTime<Utc>);

impl TryFrom<String> for Instant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        instant(&text).map(Self).ok_or(
            "expected an instant of RFC 3339 in the years 1900 to 2200, with `Z` or an offset, like \
             2026-01-13T17:00:00+01:00",
        )
    }
}

/// An object, and no list of its fields' values, which would be taken for one otherwise.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(std::marker::PhantomData))
    }
}

impl<T: serde::Serialize> serde::Serialize for Object<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// For a field that may be left out, but not be null.
pub(crate) fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

macro_rules! checked_text {
    ($(#[$doc:meta] $name:ident($of:ty), $check:path;)+) => {$(
        #[$doc]
        #[derive(Debug, Deserialize)]
        #[serde(try_from = "String")]
        pub(crate) struct $name(pub $of);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                $check(text.trim()).map(Self)
            }
        }
    )+};
}

checked_text! {
    /// A person's name, without spaces around it.
    Name(String), name;
    /// An e-mail address, in lower case.
    Email(String), email;
    /// A zone of the IANA database.
    Zone(Tz), zone;
    /// A language of the pages.
    Language(Locale), language;
}

fn name(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.chars().count() > LONGEST_NAME {
        return Err("expected a name of 1 to 200 characters");
    }
    if text.chars().any(char::is_control) {
        return Err("a name has no control characters");
    }
    Ok(text.to_owned())
}

/// An address that an e-mail can be sent to, as far as can be said without sending one.
fn email(text: &str) -> Result<String, &'static str> {
    let has_host = text.rsplit_once('@').is_some_and(|(_, host)| host.trim_matches('.').contains('.'));
    let fits = text.len() <= LONGEST_EMAIL
        && has_host
        && !text.chars().any(|letter| letter.is_whitespace() || letter.is_control())
        && text.parse::<lettre::Address>().is_ok();
    if !fits {
        return Err("expected an e-mail address of at most 254 characters");
    }
    Ok(text.to_lowercase())
}

fn zone(text: &str) -> Result<Tz, &'static str> {
    text.parse().map_err(|_| "expected a time zone of the IANA database, like Europe/Paris")
}

fn language(text: &str) -> Result<Locale, &'static str> {
    text.parse().map_err(|_| "expected `fr` or `en`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        assert_eq!(name("Camille").as_deref(), Ok("Camille"));
        assert_eq!(Name::try_from("  Zoé 🧘 ".to_owned()).unwrap().0, "Zoé 🧘");
        for bad in ["", "a\0b", "a\nb", "\u{7f}x", &"x".repeat(201)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(email("Camille@Exemple.FR").as_deref(), Ok("camille@exemple.fr"));
        let long = format!("{}@exemple.fr", "x".repeat(250));
        for bad in [
            "",
            "camille",
            "@exemple.fr",
            "camille@",
            "camille@exemple",
            "a b@exemple.fr",
            "a@b@exemple.fr",
            "a@exemple.fr\r\nBcc: b@exemple.fr",
            "a\0@exemple.fr",
            "Camille <a@exemple.fr>",
            &long,
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_field_is_named_with_its_place() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            #[expect(dead_code, reason = "read to be refused")]
            name: String,
        }
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            #[expect(dead_code, reason = "read to be refused")]
            client: Object<Inner>,
        }
        for (body, place) in [
            ("{}", "client"),
            (r#"{"client": []}"#, "client"),
            (r#"{"client": ["Marie"]}"#, "client"),
            (r#"{"client": null}"#, "client"),
            (r#"{"client": {}}"#, "client.name"),
            (r#"{"client": {"name": 1}}"#, "client.name"),
            (r#"{"client": {"name": "x", "name": "x"}}"#, "client.name"),
            (r#"{"client": {"name": "x", "nom": "x"}}"#, "client.nom"),
            (r#"{"nom": 1}"#, "nom"),
        ] {
            let kind = Some("application/json".to_owned());
            let error = Json { kind, bytes: body.as_bytes().to_vec() }.read::<Outer>().unwrap_err();
            assert_eq!(error.field(), Some(place), "{body}: {error:?}");
        }
    }

    fn query(text: &str) -> Query {
        Query(url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    #[test]
    fn instants_within_reason() {
        let from = |text: &str| query(text).instant("from").ok().flatten();
        assert_eq!(
            from("from=2026-01-13T17:00:00%2B01:00").unwrap(),
            "2026-01-13T16:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
        for bad in [
            "from=",
            "from=2026-01-13",
            "from=2026-01-13T17:00:00",
            "from=2026-01-13T17:00:00+01:00",
            "from=2026-13-01T00:00:00Z",
            "from=2016-12-31T23:59:60Z",
            "from=0000-01-01T00:00:00Z",
            "from=9999-12-31T23:59:59Z",
            "from=-262143-01-01T00:00:00Z",
            "from=%FF",
            "from=%00",
            "from=1768323600",
        ] {
            assert!(query(bad).instant("from").is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_are_known_and_stand_once() {
        assert!(query("limit=3&after=x").only(&["limit", "after"]).is_ok());
        for (bad, names) in [
            ("limit=3&limit=3", &["limit"][..]),
            ("x", &["limit"]),
            ("limit=3", &[]),
            ("Limit=3", &["limit"]),
        ] {
            assert!(query(bad).only(names).is_err(), "{bad}");
        }
        for bad in ["limit=0", "limit=101", "limit=-1", "limit=1.5", "limit=", "limit=99999999999999999999"] {
            assert!(query(bad).limit().is_err(), "{bad}");
        }
    }
}
