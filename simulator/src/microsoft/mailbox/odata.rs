//! Query options of OData (3).

use serde_json::{Map, Value};

use super::filter::Filter;
use crate::microsoft::errors::{GraphError, GraphResult};

pub(super) struct Query(Vec<(String, String)>);

/// The properties that `$select` may name are the type's own: `None` selects all.
pub(super) struct Select(Option<Vec<String>>);

/// One name of `$expand` with the options in its parentheses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expand {
    pub name: String,
    pub options: Vec<(String, String)>,
}

pub(super) fn bad(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "BadRequest", message)
}

impl Query {
    pub fn parse(text: Option<&str>) -> Self {
        Query(url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value of an option; its name comes in any letters, with or without the dollar.
    pub fn get(&self, name: &str) -> Option<&str> {
        let bare = name.trim_start_matches('$');
        let same = |other: &str| other.trim_start_matches('$').eq_ignore_ascii_case(bare);
        self.0.iter().find(|(other, _)| same(other)).map(|(_, value)| value.as_str())
    }

    /// All but the options of these names.
    pub fn without(&self, names: &[&str]) -> Vec<(String, String)> {
        let dropped = |other: &str| {
            names
                .iter()
                .any(|name| other.trim_start_matches('$').eq_ignore_ascii_case(name.trim_start_matches('$')))
        };
        self.0.iter().filter(|(name, _)| !dropped(name)).cloned().collect()
    }

    pub fn number(&self, name: &str) -> GraphResult<Option<usize>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| {
            bad(format!(
                "Invalid value '{text}' for {name} query option found. It must be a non-negative integer."
            ))
        })
    }

    /// How many items stand on a page.
    pub fn top(&self, usual: usize) -> GraphResult<usize> {
        match self.number("$top")? {
            Some(0) => Err(bad("Invalid value '0' for $top query option found. It must be positive.")),
            Some(top) if top > 1000 => Err(GraphError::new(
                400,
                "ErrorInvalidRequest",
                "The limit of 1000 for $top query option was exceeded.",
            )),
            Some(top) => Ok(top),
            None => Ok(usual),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn select(&self, known: &[&str], of: &str) -> GraphResult<Select> {
        let Some(text) = self.get("$select") else { return Ok(Select(None)) };
        let mut names = Vec::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            // The parts of a complex property are selected with it.
            let whole = name.split('/').next().unwrap_or(name);
            if whole == "*" {
                return Ok(Select(None));
            }
            let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(whole)) else {
                return Err(bad(format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
                )));
            };
            names.push((*known).to_owned());
        }
        Ok(Select(Some(names).filter(|names| !names.is_empty())))
    }

    pub fn expand(&self) -> GraphResult<Vec<Expand>> {
        let text = self.get("$expand").unwrap_or_default();
        split(text, ',')
            .into_iter()
            .filter(|one| !one.trim().is_empty())
            .map(|one| {
                let one = one.trim();
                let Some((name, rest)) = one.split_once('(') else {
                    return Ok(Expand { name: one.to_owned(), options: Vec::new() });
                };
                let rest = rest.strip_suffix(')').ok_or_else(|| {
                    bad("Parsing OData Select and Expand failed: a parenthesis is missing in $expand.")
                })?;
                let options = split(rest, ';')
                    .into_iter()
                    .filter_map(|option| {
                        let (name, value) = option.split_once('=')?;
                        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
                    })
                    .collect();
                Ok(Expand { name: name.trim().to_owned(), options })
            })
            .collect()
    }

    pub fn filter(&self) -> GraphResult<Option<Filter>> {
        match self.get("$filter") {
            Some(text) if !text.trim().is_empty() => Filter::parse(text).map(Some),
            _ => Ok(None),
        }
    }

    /// Paths and whether they descend.
    pub fn order(&self) -> Vec<(Vec<String>, bool)> {
        let text = self.get("$orderby").unwrap_or_default();
        text.split(',')
            .filter_map(|one| {
                let mut words = one.split_whitespace();
                let path = words.next()?.split('/').map(str::to_owned).collect();
                Some((path, words.next().is_some_and(|word| word.eq_ignore_ascii_case("desc"))))
            })
            .collect()
    }
}

impl Select {
    /// Leaves what was selected, the id and annotations.
    pub fn apply(&self, mut body: Map<String, Value>, expanded: &[Expand]) -> Map<String, Value> {
        if let Some(names) = &self.0 {
            body.retain(|name, _| {
                name.starts_with('@')
                    || name == "id"
                    || names.contains(name)
                    || expanded.iter().any(|one| one.name.eq_ignore_ascii_case(name))
            });
        }
        body
    }

    pub fn names(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|names| names.iter().any(|other| other == name))
    }
}

/// At separators outside of quotes and parentheses.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut depth, mut quoted, mut from) = (Vec::new(), 0_i32, false, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            letter if letter == separator && !quoted && depth == 0 => {
                parts.push(&text[from..at]);
                from = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// A value on a path whose names come in any letters.
pub(super) fn at_path<'a>(body: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let mut value = body.iter().find(|(name, _)| name.eq_ignore_ascii_case(first))?.1;
    for name in rest {
        value = match value {
            Value::Object(fields) => fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?.1,
            _ => return Some(&Value::Null),
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expand_is_read_with_its_options() {
        let text = "$expand=singleValueExtendedProperties($filter%3Did%20eq%20'String%20{a}%20Name%20x,(y'),calendar";
        let expand = Query::parse(Some(text)).expand().unwrap();
        assert_eq!(expand[0].name, "singleValueExtendedProperties");
        let filter = ("$filter".to_owned(), "id eq 'String {a} Name x,(y'".to_owned());
        assert_eq!(expand[0].options, [filter]);
        assert_eq!(expand[1], Expand { name: "calendar".to_owned(), options: Vec::new() });
    }
}
