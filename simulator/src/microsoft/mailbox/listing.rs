//! Pages of events: filtered, ordered, and with a link to the next page (3, 6.1).

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::ask::{Answer, Ask};
use super::filter::{Filter, Subject, Unknown};
use super::items::Item;
use super::odata::{Select, at_path, bad};
use super::show::{EVENT, View, sortable};
use crate::microsoft::errors::GraphResult;

/// Events on a page when nobody says.
const PAGE: usize = 10;

pub(super) fn unknown(name: &str) -> crate::microsoft::errors::GraphError {
    bad(format!("Could not find a property named '{name}' on type 'microsoft.graph.event'."))
}

/// Whether an item passes.
fn passes(view: &View<'_>, item: &Item<'_>, filter: &Filter) -> GraphResult<bool> {
    let empty = Map::new();
    let full;
    let body = if filter.looks_at_properties_only() {
        &empty
    } else {
        full = view.full(item);
        &full
    };
    let properties: Vec<_> = item.properties().collect();
    let subject = Subject { body, properties: &properties };
    filter.matches(&subject).map_err(|Unknown(name)| unknown(&name))
}

/// The page that the query asks for.
pub(super) fn answer(ask: &Ask, view: &View<'_>, mut items: Vec<Item<'_>>, context: &str) -> Answer {
    let query = &ask.query;
    let select = query.select(EVENT, "event")?;
    let expand = query.expand()?;
    let top = ask.page_size(query.top(ask.prefer.page.unwrap_or(PAGE).min(1000))?);
    let skip = query.number("$skip")?.unwrap_or(0);
    if let Some(filter) = query.filter()? {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            if passes(view, &item, &filter)? {
                kept.push(item);
            }
        }
        items = kept;
    }
    order(ask, view, &mut items)?;
    let count = items.len();
    let value: Vec<Value> = items
        .iter()
        .skip(skip)
        .take(top)
        .map(|item| Ok(select_from(view.expanded(item, &expand)?, &select, &expand).into()))
        .collect::<GraphResult<_>>()?;
    let mut body = json!({"@odata.context": ask.context(context)});
    if query.flag("$count") {
        body["@odata.count"] = count.into();
    }
    body["value"] = value.into();
    if skip.saturating_add(top) < count {
        let mut pairs = query.without(&["$skip"]);
        pairs.push(("$skip".to_owned(), (skip + top).to_string()));
        body["@odata.nextLink"] = ask.link(&pairs).into();
    }
    Ok(ask.reply(StatusCode::OK, body))
}

fn order(ask: &Ask, view: &View<'_>, items: &mut Vec<Item<'_>>) -> GraphResult<()> {
    let order = ask.query.order();
    if order.is_empty() {
        return Ok(());
    }
    let mut keyed = Vec::with_capacity(items.len());
    for item in items.iter() {
        let full = view.full(item);
        let mut keys = Vec::with_capacity(order.len());
        for (path, _) in &order {
            keys.push(sortable(at_path(&full, path).ok_or_else(|| unknown(&path.join("/")))?));
        }
        keyed.push((keys, *item));
    }
    keyed.sort_by(|(one, _), (other, _)| {
        let each = one.iter().zip(other).zip(&order);
        each.map(|((one, other), (_, down))| if *down { other.cmp(one) } else { one.cmp(other) })
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    *items = keyed.into_iter().map(|(_, item)| item).collect();
    Ok(())
}

/// What was selected. The address of a meeting comes only with `isOnlineMeeting` (6.1).
pub(super) fn select_from(
    mut body: Map<String, Value>,
    select: &Select,
    expand: &[super::odata::Expand],
) -> Map<String, Value> {
    if select.names("onlineMeeting") && !select.names("isOnlineMeeting") {
        body.insert("onlineMeeting".to_owned(), Value::Null);
    }
    select.apply(body, expand)
}
