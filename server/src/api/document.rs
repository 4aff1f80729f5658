//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them.

use super::error::ErrorBody;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema as _};

/// The name of the security scheme.
pub(crate) const TOKEN: &str = "token";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Simone",
        description = "Providers, what they offer, what can be booked of it and what was, and what their own calendars \
            block: for a marketplace.\n\nAuthenticate with \
            `Authorization: Bearer TOKEN`; an operator makes tokens and withdraws them. A token reaches all providers \
            or one; what it does not reach is `not_found`. Instants are in UTC (RFC 3339). Lists come in pages: pass \
            `next` as `after` until it is null. Unknown fields may come in answers; unknown parameters and fields in \
            requests are refused. Every error has the same body, whose `code` is stable.",
        version = "1.0.0",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "providers", description = "The professionals who offer services"),
        (name = "services", description = "What they offer, and when"),
        (name = "bookings", description = "What can be booked, and what was"),
        (name = "conflicts", description = "Where bookings and calendars contradict each other"),
        (name = "unavailabilities", description = "What blocks their slots"),
        (name = "connections", description = "Their accounts on the platforms"),
        (name = "document", description = "This document"),
    ),
    components(schemas(ErrorBody)),
    security(("token" = [])),
)]
struct Base;

/// What does not come from a handler.
pub(crate) fn base() -> OpenApi {
    Base::openapi()
}

/// Adds to every operation what the layers around it may answer and say in headers.
pub(crate) fn complete(mut document: OpenApi, public_url: &url::Url) -> OpenApi {
    let here = public_url.as_str().trim_end_matches('/').to_owned();
    document.servers = Some(vec![utoipa::openapi::Server::new(here)]);
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        TOKEN,
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("A token that an operator made, or the configuration's `api.token`"))
                .build(),
        ),
    );
    for (name, response) in shared_responses() {
        components.responses.insert(name.to_owned(), response.into());
    }
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().filter_map(Option::as_mut) {
            let is_open = operation.security.as_ref().is_some_and(|security| {
                security.iter().all(|requirement| *requirement == Default::default())
            });
            if !is_open {
                complete_operation(path, operation);
            }
        }
    }
    document
}

fn complete_operation(path: &str, operation: &mut Operation) {
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            add_budget(response);
        }
    }
    let mut shared = vec![
        ("400", "BadRequest"),
        ("401", "Unauthorized"),
        ("413", "BodyTooLarge"),
        ("429", "RateLimited"),
        ("500", "Internal"),
        ("503", "Unavailable"),
    ];
    // What names nobody concerns all.
    let names_somebody = path.contains('{') || operation.responses.responses.contains_key("404");
    shared.push(if names_somebody { ("404", "NotFound") } else { ("403", "Forbidden") });
    if operation.request_body.is_some() {
        shared.extend([("415", "UnsupportedMediaType"), ("422", "InvalidField")]);
    }
    for (status, name) in shared {
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::Ref(Ref::from_response_name(name)));
    }
}

fn shared_responses() -> Vec<(&'static str, Response)> {
    let error = |description: &str| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
        ResponseBuilder::new().description(description).content("application/json", content).build()
    };
    let with = |mut response: Response, name: &str, kind: Type, description: &str| {
        add_header(&mut response, name, kind, description);
        response
    };
    let pause = "Seconds until the request may be made again";
    let challenge = "`Bearer`";
    let mut shared = vec![
        (
            "BadRequest",
            error(
                "`malformed_body`, `invalid_parameter`, `unknown_parameter`, `repeated_parameter`: the request cannot \
                 be read",
            ),
        ),
        ("Forbidden", error("`forbidden`: the token reaches one provider, and this concerns all")),
        ("NotFound", error("`not_found`: there is no such thing, or the token does not reach it")),
        ("UnsupportedMediaType", error("`unsupported_media_type`: the body is not `application/json`")),
        (
            "InvalidField",
            error("`invalid_field`: a field is missing, unknown, or has a value that cannot be used"),
        ),
        ("Internal", error("`internal`: our mistake")),
    ];
    for (_, response) in &mut shared {
        add_budget(response);
    }
    let unauthorized = error("`unauthorized`: no token, an unknown one, or one that was withdrawn");
    shared.extend([
        // Refused before it is known whose it is.
        ("BodyTooLarge", error("`body_too_large`: more than 64 KiB")),
        ("Unauthorized", with(unauthorized, "WWW-Authenticate", Type::String, challenge)),
        (
            "RateLimited",
            with(
                error(
                    "`rate_limited`: too many requests with this token (then the `RateLimit-…` headers are there too), \
                     or too many wrong tokens from this address",
                ),
                "Retry-After",
                Type::Integer,
                pause,
            ),
        ),
        (
            "Unavailable",
            with(error("`unavailable`: the database is away"), "Retry-After", Type::Integer, pause),
        ),
    ]);
    shared
}

fn add_budget(response: &mut Response) {
    for (name, description) in [
        ("RateLimit-Limit", "Requests that may be made at once with this token"),
        ("RateLimit-Remaining", "How many of them are left"),
        ("RateLimit-Reset", "Seconds until all of them are"),
    ] {
        add_header(response, name, Type::Integer, description);
    }
}

fn add_header(response: &mut Response, name: &str, kind: Type, description: &str) {
    let schema: Object = ObjectBuilder::new().schema_type(kind).build();
    let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
    response.headers.insert(name.to_owned(), header.into());
}
