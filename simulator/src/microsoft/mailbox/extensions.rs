//! Open extensions of events (7.6).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::ask::{Answer, Ask, read_body};
use super::expand::{EXTENSION, extension};
use super::write::Editor;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::simulator::Simulator;

/// The name and the fields of an extension as a client writes it.
pub(super) fn read(body: &Value) -> GraphResult<(String, Map<String, Value>)> {
    let name = body["extensionName"].as_str().filter(|name| !name.is_empty()).ok_or_else(|| {
        GraphError::new(400, "ErrorInvalidRequest", "An open extension needs an 'extensionName'.")
    })?;
    let own = |name: &str| name.contains('@') || matches!(name, "extensionName" | "id");
    let fields = body.as_object().into_iter().flatten().filter(|(name, _)| !own(name));
    Ok((name.to_owned(), fields.map(|(name, value)| (name.clone(), value.clone())).collect()))
}

fn name(ask: &Ask) -> String {
    let id = ask.param("extension");
    id.strip_prefix(EXTENSION).unwrap_or(id).to_owned()
}

pub(super) async fn list(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    let event = world.microsoft.mailboxes.item(&reach, target)?.event;
    let value: Vec<_> = event.extensions.iter().map(|(name, fields)| extension(name, fields)).collect();
    let context = ask.context("Collection(extension)");
    Ok(ask.reply(StatusCode::OK, json!({"@odata.context": context, "value": value})))
}

pub(super) async fn create(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let (name, fields) = read(&read_body(&body)?)?;
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let mut editor = Editor::new(&mut world, reach);
    let shown = extension(&name, &fields);
    editor.event(target.key)?.extensions.insert(name, fields);
    editor.touch(target)?;
    Ok(ask.reply(StatusCode::CREATED, shown))
}

pub(super) async fn get(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let world = simulator.world();
    let (caller, _) = ask.may_read(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    let event = world.microsoft.mailboxes.item(&reach, target)?.event;
    let name = name(&ask);
    let fields = event.extensions.get(&name).ok_or_else(GraphError::not_found)?;
    Ok(ask.reply(StatusCode::OK, extension(&name, fields)))
}

pub(super) async fn update(State(simulator): State<Arc<Simulator>>, ask: Ask, body: Bytes) -> Answer {
    let body = read_body(&body)?;
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let mut editor = Editor::new(&mut world, reach);
    let name = name(&ask);
    let stored = editor.event(target.key)?.extensions.get_mut(&name).ok_or_else(GraphError::not_found)?;
    for (field, value) in body.as_object().into_iter().flatten() {
        match value {
            _ if field.contains('@') || field == "extensionName" || field == "id" => {}
            Value::Null => {
                stored.remove(field);
            }
            value => {
                stored.insert(field.clone(), value.clone());
            }
        }
    }
    let shown = extension(&name, stored);
    editor.touch(target)?;
    Ok(ask.reply(StatusCode::OK, shown))
}

pub(super) async fn delete(State(simulator): State<Arc<Simulator>>, ask: Ask) -> Answer {
    let mut world = simulator.world();
    let caller = ask.may_write(&world)?;
    let (reach, target) = ask.event(&world, &caller)?;
    ask.writable(&world, &reach)?;
    let mut editor = Editor::new(&mut world, reach);
    editor.event(target.key)?.extensions.remove(&name(&ask)).ok_or_else(GraphError::not_found)?;
    editor.touch(target)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
