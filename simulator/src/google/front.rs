//! What Google's front end does to each request and answer: packing, and letting pages of other origins in.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::microsoft;

/// Google's answers are packed for those who accept it *and* have the word `gzip` in their `User-Agent` (3).
pub(crate) async fn unpacked_for_others(mut request: Request) -> Request {
    if microsoft::serves(request.uri().path()) {
        return request;
    }
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if !agent.is_some_and(|agent| agent.contains("gzip")) {
        request.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    request
}

/// Lets JavaScript from anywhere ask, as Google does.
pub(crate) async fn across_origins(request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight { preflight(asked) } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Cache-Control,Content-Encoding,Content-Length,Content-Type,Date,ETag,Retry-After",
        ),
    );
    response
}

fn preflight(asked: Option<HeaderValue>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"),
    );
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    (StatusCode::OK, headers).into_response()
}
