//! `$expand` of events: extended properties, extensions, and what belongs to a series (5.2, 7.6).

use serde_json::{Map, Value, json};

use super::filter::Filter;
use super::items::{Item, same_property};
use super::odata::{Expand, bad};
use super::show::View;
use crate::microsoft::errors::GraphResult;

/// What the ids of open extensions begin with.
pub(super) const EXTENSION: &str = "Microsoft.OutlookServices.OpenTypeExtension.";

pub(super) fn apply(
    view: &View<'_>,
    item: &Item<'_>,
    expand: &Expand,
    shown: &mut Map<String, Value>,
) -> GraphResult<()> {
    let filter = expand.options.iter().find(|(name, _)| name.trim_start_matches('$') == "filter");
    let filter = filter.map(|(_, text)| Filter::parse(text)).transpose()?;
    let wanted: Option<Vec<&str>> = filter.as_ref().map(Filter::ids);
    match expand.name.to_ascii_lowercase().as_str() {
        "singlevalueextendedproperties" => {
            // There is no "all of them".
            let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
                return Err(bad("A filter on 'id' must be given to expand singleValueExtendedProperties."));
            };
            let found: Vec<_> = wanted
                .iter()
                .filter_map(|id| Some(json!({"id": stored_id(item, id)?, "value": item.property(id)?})))
                .collect();
            // What is not there leaves no empty list behind.
            if !found.is_empty() {
                shown.insert("singleValueExtendedProperties".to_owned(), found.into());
            }
        }
        "extensions" => {
            let is_wanted = |name: &str| match &wanted {
                Some(wanted) => {
                    wanted.iter().any(|id| *id == name || id.strip_prefix(EXTENSION) == Some(name))
                }
                None => true,
            };
            let found: Vec<_> = item
                .event
                .extensions
                .iter()
                .filter(|(name, _)| is_wanted(name))
                .map(|(name, fields)| extension(name, fields))
                .collect();
            shown.insert("extensions".to_owned(), found.into());
        }
        "exceptionoccurrences" => {
            let mut found = Vec::new();
            for day in item.event.exceptions.keys() {
                if let Some(occurrence) = item.event.occurrence(*day).filter(|_| item.day.is_none()) {
                    found.push(Value::Object(view.full(&occurrence)));
                }
            }
            shown.insert("exceptionOccurrences".to_owned(), found.into());
        }
        "attachments" | "multivalueextendedproperties" => {
            shown.insert(expand.name.clone(), json!([]));
        }
        "calendar" => {
            let holds = |calendar: &&super::model::Calendar| {
                calendar.events.values().any(|event| event.ids == item.event.ids)
            };
            if let Some(calendar) = view.mailbox.calendars.iter().find(holds) {
                shown.insert("calendar".to_owned(), view.mailbox.show_calendar(calendar).into());
            }
        }
        _ => {
            return Err(bad(format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{}' on type 'microsoft.graph.event'.",
                expand.name
            )));
        }
    }
    Ok(())
}

/// The id as it was written.
fn stored_id<'a>(item: &Item<'a>, id: &str) -> Option<&'a str> {
    item.properties().find(|(other, _)| same_property(other, id)).map(|(other, _)| other.as_str())
}

pub(super) fn extension(name: &str, fields: &Map<String, Value>) -> Value {
    let mut shown = json!({
        "@odata.type": "#microsoft.graph.openTypeExtension",
        "id": format!("{EXTENSION}{name}"),
        "extensionName": name,
    });
    for (field, value) in fields {
        shown[field] = value.clone();
    }
    shown
}
