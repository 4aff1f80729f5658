//! Microsoft's own description of Graph's types (`schema/*.csdl.xml`), and whether a value fits them: types,
//! enumerations, what may be null, and no property or annotation that there is not. A part of a type is enough, since
//! clients select.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

const CSDL: &str = include_str!("../../schema/microsoft-graph-v1.calendar.csdl.xml");

/// Types that the description was trimmed of, as Microsoft's reference has them:
/// `https://learn.microsoft.com/graph/api/resources/{name}?view=graph-rest-1.0`. Of `user`, the only entity among
/// them, what is returned without `$select`.
const MORE: &[(&str, &[(&str, &str)])] = &[
    ("freeBusyError", &[("message", "Edm.String"), ("responseCode", "Edm.String")]),
    (
        "scheduleInformation",
        &[
            ("availabilityView", "Edm.String"),
            ("error", "graph.freeBusyError"),
            ("scheduleId", "Edm.String"),
            ("scheduleItems", "Collection(graph.scheduleItem)"),
            ("workingHours", "graph.workingHours"),
        ],
    ),
    (
        "scheduleItem",
        &[
            ("end", "graph.dateTimeTimeZone"),
            ("isPrivate", "Edm.Boolean"),
            ("location", "Edm.String"),
            ("start", "graph.dateTimeTimeZone"),
            ("status", "graph.freeBusyStatus"),
            ("subject", "Edm.String"),
        ],
    ),
    ("timeZoneInformation", &[("alias", "Edm.String"), ("displayName", "Edm.String")]),
    (
        "user",
        &[
            ("businessPhones", "Collection(Edm.String)"),
            ("displayName", "Edm.String"),
            ("givenName", "Edm.String"),
            ("jobTitle", "Edm.String"),
            ("mail", "Edm.String"),
            ("mobilePhone", "Edm.String"),
            ("officeLocation", "Edm.String"),
            ("preferredLanguage", "Edm.String"),
            ("surname", "Edm.String"),
            ("userPrincipalName", "Edm.String"),
        ],
    ),
];

#[derive(Debug)]
enum Type {
    Enumeration(Vec<String>),
    Structure { base: Option<String>, open: bool, properties: BTreeMap<String, Property> },
}

#[derive(Debug)]
struct Property {
    of: String,
    nullable: bool,
    navigation: bool,
}

static TYPES: LazyLock<BTreeMap<String, Type>> = LazyLock::new(|| {
    let mut types = BTreeMap::new();
    let mut name = String::new();
    for tag in tags(CSDL) {
        let get = |attribute: &str| tag.attributes.get(attribute).cloned();
        match tag.name {
            "EnumType" => {
                name = get("Name").unwrap();
                types.insert(name.clone(), Type::Enumeration(Vec::new()));
            }
            "ComplexType" | "EntityType" => {
                name = get("Name").unwrap();
                let base = get("BaseType").map(|base| bare(&base));
                // Events are open, too, but hold nothing that the description does not name.
                let open = tag.attributes.contains_key("OpenType") && name != "event";
                types.insert(name.clone(), Type::Structure { base, open, properties: BTreeMap::new() });
            }
            "Member" => match types.get_mut(&name) {
                Some(Type::Enumeration(members)) => members.push(get("Name").unwrap()),
                other => panic!("a member of {other:?}"),
            },
            "Property" | "NavigationProperty" => {
                let property = Property {
                    of: get("Type").unwrap(),
                    nullable: get("Nullable").is_none_or(|nullable| nullable != "false"),
                    navigation: tag.name == "NavigationProperty",
                };
                match types.get_mut(&name) {
                    Some(Type::Structure { properties, .. }) => {
                        properties.insert(get("Name").unwrap(), property)
                    }
                    other => panic!("a property of {other:?}"),
                };
            }
            _ => {}
        }
    }
    for (name, properties) in MORE {
        let base = (*name == "user").then(|| "entity".to_owned());
        let property = |of: &str| Property { of: of.to_owned(), nullable: true, navigation: false };
        let properties = properties
            .iter()
            .map(|(name, of)| ((*name).to_owned(), property(of)))
            .collect::<BTreeMap<_, _>>();
        let before = types.insert((*name).to_owned(), Type::Structure { base, open: false, properties });
        assert!(before.is_none(), "{name} is in the description");
    }
    types
});

struct Tag<'a> {
    name: &'a str,
    attributes: BTreeMap<String, String>,
}

/// The elements of a document as simple as this one: attributes without entities, no texts that matter.
fn tags(xml: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").expect("a comment ends").1;
            continue;
        }
        let (inside, next) = after.split_once('>').expect("an element ends");
        rest = next;
        if inside.starts_with(['/', '?']) {
            continue;
        }
        let (name, mut text) = inside.trim_end_matches('/').split_once(' ').unwrap_or((inside, ""));
        let mut attributes = BTreeMap::new();
        while let Some((attribute, value)) = text.split_once("=\"") {
            let (value, next) = value.split_once('"').expect("a value ends");
            attributes.insert(attribute.trim().to_owned(), value.to_owned());
            text = next;
        }
        tags.push(Tag { name, attributes });
    }
    tags
}

fn bare(name: &str) -> String {
    name.trim_start_matches("microsoft.").trim_start_matches("graph.").to_owned()
}

fn property(of: &str, name: &str) -> Option<&'static Property> {
    match TYPES.get(of)? {
        Type::Structure { base, properties, .. } => {
            properties.get(name).or_else(|| property(base.as_ref()?, name))
        }
        Type::Enumeration(_) => None,
    }
}

/// Whether a type is another one or comes of it.
fn is_a(of: &str, wanted: &str) -> bool {
    match TYPES.get(of) {
        _ if of == wanted => true,
        Some(Type::Structure { base: Some(base), .. }) => is_a(base, wanted),
        _ => false,
    }
}

/// The type of a property, and whether it is a structure: one is a body of its own, other values stand in `value`.
pub fn part(of: &str, name: &str) -> (&'static str, bool) {
    let of = property(of, name).unwrap_or_else(|| panic!("no {name} of {of}")).of.as_str();
    (of, matches!(TYPES.get(&bare(of)), Some(Type::Structure { .. })))
}

/// All that departs from a type, `event` for example, in a value.
pub fn misfits(of: &str, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(of, value, of, &mut found);
    found
}

/// Fails unless the value is of the type.
pub fn fits(of: &str, value: &Value) {
    let found = misfits(of, value);
    assert!(found.is_empty(), "{found:#?}\nin {value:#}");
}

/// Fails unless the body is a page of things of the type.
pub fn fits_page(of: &str, body: &Value) {
    fits_wrapped(&format!("Collection({of})"), body);
}

/// Fails unless the body holds a value of the type, which may be a collection, and nothing but annotations beside it.
pub fn fits_wrapped(of: &str, body: &Value) {
    let fields = body.as_object().unwrap_or_else(|| panic!("not an object: {body}"));
    let mut found = Vec::new();
    for (name, value) in fields {
        match name.as_str() {
            "value" => check(of, value, "value", &mut found),
            name if name.starts_with('@') => annotation(name, value, name, &mut found),
            name => found.push(format!("{name}: unknown: {value}")),
        }
    }
    assert!(fields.contains_key("value") && found.is_empty(), "{found:#?}\nin {body:#}");
}

/// What OData says of a value beside its properties: its JSON format, 4.01, section 4.6.
fn annotation(name: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let fits = match name {
        "@odata.context" | "@odata.nextLink" | "@odata.deltaLink" | "@odata.id" => {
            value.as_str().is_some_and(|text| !text.is_empty())
        }
        "@odata.etag" => value.as_str().is_some_and(|tag| tag.starts_with("W/\"") && tag.ends_with('"')),
        "@odata.type" => value.as_str().is_some_and(|of| of.starts_with('#')),
        "@odata.count" => value.is_u64(),
        "@removed" => *value == json!({"reason": "deleted"}) || *value == json!({"reason": "changed"}),
        _ => false,
    };
    if !fits {
        found.push(format!("{path}: no such annotation: {value}"));
    }
}

fn check(of: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    let mut wrong = |what: &str| found.push(format!("{path}: {what}: {value}"));
    if let Some(inner) = of.strip_prefix("Collection(").and_then(|rest| rest.strip_suffix(')')) {
        let Some(items) = value.as_array() else { return wrong("not a list") };
        for (number, item) in items.iter().enumerate() {
            check(inner, item, &format!("{path}[{number}]"), found);
        }
        return;
    }
    let text = value.as_str();
    let fits = match of {
        "Edm.String" => text.is_some(),
        "Edm.Guid" => text.is_some_and(is_guid),
        "Edm.Boolean" => value.is_boolean(),
        "Edm.Int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "Edm.Double" => value.is_number(),
        "Edm.Date" => text.is_some_and(|text| text.parse::<chrono::NaiveDate>().is_ok()),
        "Edm.TimeOfDay" => text.is_some_and(|text| text.parse::<chrono::NaiveTime>().is_ok()),
        "Edm.DateTimeOffset" => text.is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
        _ => return check_named(&bare(of), value, path, found),
    };
    if !fits {
        wrong(&format!("not a {of}"));
    }
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_named(of: &str, value: &Value, path: &str, found: &mut Vec<String>) {
    // A value may say that it is more than what was asked for. What notifications are about is named in other letters.
    let said = value["@odata.type"].as_str().map(|name| bare(name.trim_start_matches('#')));
    let said = said.as_deref().filter(|_| of != "resourceData");
    if let Some(said) = said
        && !is_a(said, of)
    {
        found.push(format!("{path}: a {said}, not a {of}"));
    }
    let of = said.filter(|said| is_a(said, of)).unwrap_or(of);
    match TYPES.get(of) {
        Some(Type::Enumeration(members)) => {
            if !value.as_str().is_some_and(|one| members.iter().any(|member| member == one)) {
                found.push(format!("{path}: not a {of}: {value}"));
            }
        }
        Some(Type::Structure { open, .. }) => {
            let Some(fields) = value.as_object() else {
                return found.push(format!("{path}: not an object: {value}"));
            };
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                match property(of, name) {
                    _ if name.starts_with('@') => annotation(name, inner, &path, found),
                    None if *open => {}
                    None => found.push(format!("{path}: unknown: {inner}")),
                    // Collections are never null; nor are what a navigation leads to.
                    Some(one) if inner.is_null() => {
                        if !one.nullable || one.navigation || one.of.starts_with("Collection") {
                            found.push(format!("{path}: null"));
                        }
                    }
                    Some(one) => check(&one.of, inner, &path, found),
                }
            }
            // A date and time without an offset, and its zone: the type says text only (5.2).
            if of == "dateTimeTimeZone" {
                let text = value["dateTime"].as_str().unwrap_or_default();
                let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
                if digits != 7 || chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").is_err()
                {
                    found.push(format!("{path}: not a wall time with seven digits: {text}"));
                }
            }
        }
        None => panic!("{path}: no type {of}"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    assert!(TYPES.len() > 50, "the description was read");
    let odd = json!({
        "@odata.etag": 1,
        "id": null,
        "subject": 7,
        "showAs": "Busy",
        "start": {"dateTime": "2027-03-02T17:00:00", "timeZone": "UTC"},
        "end": {"dateTime": "2027-03-02T17:00:00.0000000", "day": 2},
        "attendees": [{"type": "required", "status": {"response": "maybe"}}],
        "attachments": null,
        "createdDateTime": "2027-03-02T17:00:00",
        "seriesMasterId": null,
        "colour": "red",
        "@odata.colour": "red",
        "calendar": {"@odata.type": "#microsoft.graph.event"},
        "@removed": {"reason": "lost"},
    });
    let found = misfits("event", &odd);
    assert_eq!(found.len(), 13, "{found:#?}");
}
