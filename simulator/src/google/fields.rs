//! Partial responses: `fields=items(id,start/date),nextPageToken` (3).

use serde_json::{Map, Value};

use super::errors::ApiError;
use super::schema;

/// What of an object is wanted: each selector with what is wanted below it, where empty means everything.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Fields)>);

impl Fields {
    /// Reads a selector of an answer that fits the named schema.
    pub fn parse(text: &str, schema_name: &str) -> Result<Fields, ApiError> {
        let bad = || ApiError::invalid_parameter("fields", format!("Invalid field selection {text}"));
        let mut rest = text;
        let fields = Self::list(&mut rest, 0).filter(|_| rest.is_empty()).ok_or_else(bad)?;
        fields.check(schema::named(schema_name))?;
        Ok(fields)
    }

    fn list(rest: &mut &str, depth: usize) -> Option<Fields> {
        // Google's answers are not that deep, and a hostile selector must not exhaust the stack.
        if depth > 20 {
            return None;
        }
        let mut fields = Fields::default();
        loop {
            fields.0.push(Self::one(rest, depth)?);
            match rest.strip_prefix(',') {
                Some(next) => *rest = next,
                None => return Some(fields),
            }
        }
    }

    fn one(rest: &mut &str, depth: usize) -> Option<(String, Fields)> {
        *rest = rest.trim_start();
        let end = rest.find(|c: char| ",/()".contains(c)).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        if name.is_empty() || depth > 20 {
            return None;
        }
        *rest = &rest[end..];
        let below = if let Some(next) = rest.strip_prefix('/') {
            *rest = next;
            Fields(vec![Self::one(rest, depth + 1)?])
        } else if let Some(next) = rest.strip_prefix('(') {
            *rest = next;
            let below = Self::list(rest, depth + 1)?;
            *rest = rest.strip_prefix(')')?.trim_start();
            below
        } else {
            Fields::default()
        };
        Some((name.to_owned(), below))
    }

    fn check(&self, schema: &'static Value) -> Result<(), ApiError> {
        for (name, below) in &self.0 {
            if name == "*" {
                continue;
            }
            let Some(inner) = schema::field(schema, name) else {
                return Err(ApiError::invalid_parameter("fields", format!("Invalid field selection {name}")));
            };
            below.check(inner)?;
        }
        Ok(())
    }

    pub fn pick(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.pick(item)).collect(),
            Value::Object(fields) => {
                let mut picked = Map::new();
                for (name, value) in fields {
                    let wanted: Vec<_> =
                        self.0.iter().filter(|(selector, _)| selector == "*" || *selector == name).collect();
                    let value = match &wanted[..] {
                        [] => continue,
                        [(_, below)] => below.pick(value),
                        // Named more than once, as in `start/date,start/timeZone`.
                        several if several.iter().any(|(_, below)| below.0.is_empty()) => value,
                        several => several
                            .iter()
                            .fold(Value::Null, |all, (_, below)| merge(all, below.pick(value.clone()))),
                    };
                    picked.insert(name, value);
                }
                Value::Object(picked)
            }
            other => other,
        }
    }
}

fn merge(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                let before = one.remove(&name).unwrap_or(Value::Null);
                one.insert(name, merge(before, value));
            }
            Value::Object(one)
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.into_iter().zip(other).map(|(one, other)| merge(one, other)).collect()
        }
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pick(selector: &str) -> Value {
        let events = json!({
            "kind": "calendar#events", "nextSyncToken": "t",
            "items": [{"id": "a", "start": {"dateTime": "x", "timeZone": "z"}, "end": {"date": "y"}}],
        });
        Fields::parse(selector, "Events").unwrap().pick(events)
    }

    #[test]
    fn selectors_nest() {
        assert_eq!(pick("nextSyncToken,items(id)"), json!({"nextSyncToken": "t", "items": [{"id": "a"}]}));
        assert_eq!(pick("items/start/timeZone"), json!({"items": [{"start": {"timeZone": "z"}}]}));
        assert_eq!(
            pick("items(id,start(dateTime,timeZone),end/date)"),
            json!({"items": [{"id": "a", "start": {"dateTime": "x", "timeZone": "z"}, "end": {"date": "y"}}]})
        );
        assert_eq!(
            pick("items/start/dateTime,items/id"),
            json!({"items": [{"id": "a", "start": {"dateTime": "x"}}]})
        );
        assert_eq!(pick("items/*/date"), json!({"items": [{"id": "a", "start": {}, "end": {"date": "y"}}]}));
        assert_eq!(pick("*")["kind"], "calendar#events");
        assert_eq!(pick("kind, nextSyncToken"), json!({"kind": "calendar#events", "nextSyncToken": "t"}));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for selector in
            ["", ",", "items(", "items(id", "items)", "items(id))", "nothing", "items(nothing)", "a//b"]
        {
            assert!(Fields::parse(selector, "Events").is_err(), "{selector}");
        }
        assert!(Fields::parse(&"items(".repeat(10_000), "Events").is_err());
        assert!(Fields::parse(&"a/".repeat(10_000), "Events").is_err());
    }

    #[test]
    fn free_keys_can_be_selected() {
        assert!(Fields::parse("items/extendedProperties/private/anything", "Events").is_ok());
    }
}
