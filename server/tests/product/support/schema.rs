//! Whether a value is what an OpenAPI document says. Knows the keywords that the product's document uses and refuses
//! others, so that none is passed over.

use chrono::DateTime;
use serde_json::Value;

/// The schema's or the value's fault, with its place.
type Fault = String;

/// What a `$ref` leads to, or the thing itself.
pub fn resolve<'a>(document: &'a Value, thing: &'a Value) -> &'a Value {
    match thing["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').expect("a reference within the document");
            document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
        }
        None => thing,
    }
}

/// Stricter than the keywords alone: a property that is not documented is a fault.
pub fn fits(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), Fault> {
    let schema = resolve(document, schema);
    let keywords = schema.as_object().ok_or_else(|| format!("{place}: the schema is no object"))?;
    let fault = |what: &str| Err(format!("{place}: {what}: {value}"));
    for (keyword, wanted) in keywords {
        let good = match keyword.as_str() {
            "description" | "example" | "default" => true,
            "type" => is_of(wanted, value),
            "enum" => wanted.as_array().is_some_and(|values| values.contains(value)),
            "format" => has_format(wanted.as_str().unwrap_or_default(), value),
            "minLength" => {
                length(value).is_none_or(|length| wanted.as_u64().is_some_and(|least| length >= least))
            }
            "maxLength" => {
                length(value).is_none_or(|length| wanted.as_u64().is_some_and(|most| length <= most))
            }
            "minimum" => {
                value.as_f64().is_none_or(|number| wanted.as_f64().is_some_and(|least| number >= least))
            }
            "maximum" => {
                value.as_f64().is_none_or(|number| wanted.as_f64().is_some_and(|most| number <= most))
            }
            "required" => wanted.as_array().is_some_and(|names| {
                value
                    .as_object()
                    .is_none_or(|value| names.iter().all(|name| value.contains_key(name.as_str().unwrap())))
            }),
            "oneOf" => {
                let schemas = wanted.as_array().expect("a list of schemas");
                schemas.iter().filter(|schema| fits(document, schema, value, place).is_ok()).count() == 1
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    fits(document, wanted, item, &format!("{place}[{index}]"))?;
                }
                true
            }
            "properties" => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    let place = format!("{place}.{name}");
                    let Some(schema) = wanted.get(name) else {
                        return Err(format!("{place} is not documented"));
                    };
                    fits(document, schema, property, &place)?;
                }
                true
            }
            // `properties` has seen to it.
            "additionalProperties" => wanted == &Value::Bool(false),
            other => panic!("{place}: this check does not know the keyword {other}"),
        };
        if !good {
            return fault(&format!("does not fit {keyword} {wanted}"));
        }
    }
    Ok(())
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn is_of(kind: &Value, value: &Value) -> bool {
    if let Some(kinds) = kind.as_array() {
        return kinds.iter().any(|kind| is_of(kind, value));
    }
    match kind.as_str().expect("a type is a word") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

fn has_format(format: &str, value: &Value) -> bool {
    match (format, value.as_str()) {
        // Whether it may be null is said by its type.
        ("int64" | "int32", _) => value.is_i64() || value.is_u64() || value.is_null(),
        (_, None) => true,
        ("date-time", Some(text)) => DateTime::parse_from_rfc3339(text).is_ok(),
        ("uuid", Some(text)) => text.parse::<uuid::Uuid>().is_ok(),
        ("date", Some(text)) => text.parse::<chrono::NaiveDate>().is_ok(),
        ("email", Some(text)) => text.contains('@'),
        ("uri", Some(text)) => text.parse::<reqwest::Url>().is_ok(),
        (other, Some(_)) => panic!("no format {other}"),
    }
}
