//! Microsoft's own description of Graph, trimmed to calendars, as far as requests are held against it.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const CSDL: &str = include_str!("../../../simulator/schema/microsoft-graph-v1.calendar.csdl.xml");

#[derive(Default)]
struct Type {
    base: Option<String>,
    /// Of an enumeration.
    members: Vec<String>,
    /// The type of each, and whether it may be null.
    properties: BTreeMap<String, (String, bool)>,
}

static TYPES: LazyLock<BTreeMap<String, Type>> = LazyLock::new(|| {
    let mut types: BTreeMap<String, Type> = BTreeMap::new();
    let mut current = String::new();
    for tag in CSDL.split('<').skip(1) {
        let tag = tag.split_once('>').map_or(tag, |(tag, _)| tag);
        let attribute = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        match (tag.split(' ').next().unwrap_or_default(), attribute("Name")) {
            ("EnumType" | "ComplexType" | "EntityType", Some(name)) => {
                let base = attribute("BaseType").map(|base| bare(&base).to_owned());
                types.insert(name.clone(), Type { base, ..Type::default() });
                current = name;
            }
            ("Member", Some(name)) => types.get_mut(&current).unwrap().members.push(name),
            ("Property" | "NavigationProperty", Some(name)) => {
                let nullable = attribute("Nullable").is_none_or(|nullable| nullable != "false");
                let of = (attribute("Type").unwrap(), nullable);
                types.get_mut(&current).unwrap().properties.insert(name, of);
            }
            _ => {}
        }
    }
    types
});

fn bare(name: &str) -> &str {
    name.trim_start_matches("Collection(").trim_end_matches(')').trim_start_matches("graph.")
}

/// The type of a property, its base's included, and whether it may be null.
pub fn property(of: &str, name: &str) -> Option<(&'static str, bool)> {
    let described = TYPES.get(of)?;
    match described.properties.get(name) {
        Some((of, nullable)) => Some((of, *nullable)),
        None => property(described.base.as_ref()?, name),
    }
}

/// Fails unless a value that is sent is of the type: no property that there is not, none of another kind.
pub fn fits(of: &str, value: &Value, place: &str) {
    if let Some(inner) = of.strip_prefix("Collection(") {
        let items = value.as_array().unwrap_or_else(|| panic!("{place} is no list: {value}"));
        return items.iter().for_each(|item| fits(inner.trim_end_matches(')'), item, place));
    }
    match bare(of) {
        "Edm.String" => assert!(value.is_string(), "{place}: {value}"),
        "Edm.Boolean" => assert!(value.is_boolean(), "{place}: {value}"),
        name => {
            let described = TYPES.get(name).unwrap_or_else(|| panic!("{place}: no type {name}"));
            if !described.members.is_empty() {
                let member =
                    value.as_str().is_some_and(|value| described.members.iter().any(|one| one == value));
                return assert!(member, "{place}: {value}");
            }
            for (name, value) in value.as_object().unwrap_or_else(|| panic!("{place}: {value}")) {
                let place = format!("{place}.{name}");
                let (of, nullable) =
                    property(bare(of), name).unwrap_or_else(|| panic!("there is no {place}"));
                if value.is_null() {
                    assert!(nullable, "{place} is null");
                } else {
                    fits(of, value, &place);
                }
            }
        }
    }
}
