//! Who asks: the bearer token, what it reaches, and how often it may.

use super::Api;
use super::error::{ApiError, Code};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use simone_app::ClientAddress;
use simone_app::limit::{Budget, Limiter};
use simone_booking::ProviderId;
use simone_booking::id::ApiTokenId;
use simone_store::api_tokens::ApiCaller;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Wrong tokens that one address may send, on average and at once.
const FAILURES_PER_MINUTE: u32 = 30;
const FAILURES_AT_ONCE: u32 = 30;
/// Of a token's minute, what may come at once.
const BURST_SHARE: u32 = 5;
const LONGEST_TOKEN: usize = 512;

/// The budgets of tokens, and those of addresses for wrong tokens.
#[derive(Debug)]
pub(crate) struct Limits {
    tokens: Limiter<ApiTokenId>,
    failures: Limiter<IpAddr>,
}

impl Limits {
    pub(crate) fn new(requests_per_minute: u32) -> Self {
        Self {
            tokens: Limiter::new(requests_per_minute, requests_per_minute.div_ceil(BURST_SHARE)),
            failures: Limiter::new(FAILURES_PER_MINUTE, FAILURES_AT_ONCE),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller(ApiCaller);

impl Caller {
    /// What concerns the whole installation is not for a token that reaches one provider.
    pub(crate) fn needs_all(&self) -> Result<(), ApiError> {
        match self.0.reach {
            None => Ok(()),
            Some(_) => Err(ApiError::new(
                Code::Forbidden,
                "this token reaches one provider, and this concerns the whole installation",
            )),
        }
    }

    /// What is out of reach does not exist.
    pub(crate) fn needs(&self, provider: ProviderId) -> Result<(), ApiError> {
        match self.0.reach {
            Some(own) if own != provider => Err(ApiError::not_found()),
            _ => Ok(()),
        }
    }

    /// The one provider whom this token reaches; `None`: all of them.
    pub(crate) fn reach(&self) -> Option<ProviderId> {
        self.0.reach
    }

    pub(crate) fn token(&self) -> ApiTokenId {
        self.0.token
    }

    /// As the audit table names them.
    pub(crate) fn actor(&self) -> String {
        format!("token:{}", self.0.token)
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // Without the layer that authenticates there is nobody.
        parts.extensions.get::<Self>().cloned().ok_or_else(unauthorized)
    }
}

fn unauthorized() -> ApiError {
    ApiError::new(
        Code::Unauthorized,
        "a token is needed: `Authorization: Bearer …`, one that was not withdrawn",
    )
}

/// Lets through who has a token with something left in its budget. Cookies are not looked at.
pub(crate) async fn authenticate(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let address = address(&request);
    let (caller, budget) = match admit(&api, request.headers(), address).await {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal,
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    tell(response.headers_mut(), budget);
    response
}

async fn admit(api: &Api, headers: &HeaderMap, address: IpAddr) -> Result<(Caller, Budget), Response> {
    let now = api.clock.now();
    let Some(token) = bearer(headers) else { return Err(unauthorized().into_response()) };
    let too_many = |seconds| {
        ApiError::rate_limited(seconds, "too many wrong tokens came from this address").into_response()
    };
    api.limits.failures.has_left(&address, now).map_err(|used_up| too_many(used_up.seconds))?;
    let caller =
        api.db.api_caller(token, now).await.map_err(|error| ApiError::from(error).into_response())?;
    let Some(caller) = caller else {
        return Err(match api.limits.failures.take(address, now) {
            Ok(_) => unauthorized().into_response(),
            Err(used_up) => too_many(used_up.seconds),
        });
    };
    let budget = api.limits.tokens.take(caller.token, now).map_err(|used_up| {
        let refusal = ApiError::rate_limited(used_up.seconds, "too many requests with this token");
        let mut refusal = refusal.into_response();
        tell(refusal.headers_mut(), used_up.budget);
        refusal
    })?;
    Ok((Caller(caller), budget))
}

/// The token, if there is exactly one, in its header: addresses are logged by whatever stands in between.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim_matches(' ');
    let fits = !token.is_empty() && token.len() <= LONGEST_TOKEN && scheme.eq_ignore_ascii_case("bearer");
    fits.then_some(token)
}

/// Where the request comes from. Of the addresses of version 6, whoever has one has its network.
fn address(request: &Request) -> IpAddr {
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| *address);
    match address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

fn tell(headers: &mut HeaderMap, budget: Budget) {
    headers.insert("ratelimit-limit", HeaderValue::from(budget.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(budget.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(budget.reset));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_token_and_nothing_else() {
        assert_eq!(token(&["Bearer demo"]).as_deref(), Some("demo"));
        assert_eq!(token(&["bEARER  demo "]).as_deref(), Some("demo"));
        let long = format!("Bearer {}", "x".repeat(LONGEST_TOKEN + 1));
        let wrong: [&[&str]; 8] = [
            &[],
            &["Bearer"],
            &["Bearer "],
            &["demo"],
            &["Basic ZGVtbzpkZW1v"],
            &["Bearer demo", "Bearer demo"],
            &["Bearer d\u{e9}mo"],
            &[&long],
        ];
        for values in wrong {
            assert_eq!(token(values), None, "{values:?}");
        }
    }
}
