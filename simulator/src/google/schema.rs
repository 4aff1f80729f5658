//! Google's own description of the API (the discovery document): which methods there are, the scopes that each
//! accepts, what `fields` may name and what clients may send.

use std::sync::LazyLock;

use serde_json::Value;

pub(super) static DISCOVERY: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../schema/google-calendar-v3.discovery.json"))
        .expect("the file is part of the program and is JSON")
});

const PREFIX: &str = "https://www.googleapis.com/auth/";

/// The scopes of which one is enough for a method, such as `events.list`, without their common prefix.
pub(super) fn scopes(method: &str) -> impl Iterator<Item = &'static str> {
    let (resource, name) = method.split_once('.').unwrap_or((method, ""));
    let scopes = &DISCOVERY["resources"][resource]["methods"][name]["scopes"];
    scopes.as_array().into_iter().flatten().filter_map(|scope| scope.as_str()?.strip_prefix(PREFIX))
}

/// How Google words a scope, which is given without the prefix; `None` if the API has none such.
pub(super) fn scope_wording(name: &str) -> Option<&'static str> {
    DISCOVERY["auth"]["oauth2"]["scopes"][format!("{PREFIX}{name}")]["description"].as_str()
}

/// The scopes that the API has, whole.
#[cfg(test)]
pub(super) fn scope_names() -> impl Iterator<Item = &'static String> {
    DISCOVERY["auth"]["oauth2"]["scopes"].as_object().into_iter().flat_map(|scopes| scopes.keys())
}

/// The schema of a name, such as `Event`.
pub(super) fn named(name: &str) -> &'static Value {
    &DISCOVERY["schemas"][name]
}
/// The schema itself, behind a reference.
fn resolve(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(name) => named(name),
        None => schema,
    }
}

/// The schema of a field of an object, or of the items of an array; `None` if there is no such field.
pub(super) fn field(schema: &'static Value, name: &str) -> Option<&'static Value> {
    let mut schema = resolve(schema);
    while schema["type"] == "array" {
        schema = resolve(&schema["items"]);
    }
    schema["properties"].get(name).or_else(|| schema.get("additionalProperties"))
}

/// The first place where a value does not fit; unknown fields are ignored, as Google does, and `null` fits
/// anything, since it takes a field away.
pub(super) fn misfit(schema: &'static Value, value: &Value) -> Option<String> {
    let schema = resolve(schema);
    let fits = match (schema["type"].as_str(), value) {
        (_, Value::Null) => true,
        (Some("object"), Value::Object(fields)) => {
            return fields.iter().find_map(|(name, value)| {
                let inner = misfit(field(schema, name)?, value)?;
                Some(if inner.is_empty() { name.clone() } else { format!("{name}.{inner}") })
            });
        }
        (Some("array"), Value::Array(items)) => {
            return items.iter().find_map(|item| misfit(&schema["items"], item));
        }
        // Of 64 bits they are strings, and may come as numbers (3).
        (Some("string"), value) => value.is_string() || (schema["format"] == "int64" && value.is_i64()),
        (Some("boolean"), value) => value.is_boolean(),
        // Numbers may come as strings (3).
        (Some("integer"), value) => {
            value.is_i64() || value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
        }
        (Some("number"), value) => value.is_number(),
        (Some("any") | None, _) => true,
        _ => false,
    };
    (!fits).then(String::new)
}
