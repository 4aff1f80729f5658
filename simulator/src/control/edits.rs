//! What a person does in the platform's own pages.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Answer, Platform, Problem, outlook, read};
use crate::google::edits;
use crate::simulator::Simulator;

/// One edit, or a list of them carried out in order until one fails. Whose platform it is, each says, or it is the one that
/// has the account.
pub(super) async fn apply(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let said: Value = read(&body)?;
    let mut world = simulator.world();
    let mut one = |mut said: Value| -> Result<Value, Problem> {
        let platform = said.as_object_mut().and_then(|said| said.remove("platform"));
        let account = said["account"].as_str().unwrap_or_default();
        let platform = Platform::of(&world, platform.as_ref().and_then(Value::as_str), account)?;
        if platform == Platform::Outlook {
            return outlook::edit(&mut world, said);
        }
        let edit = serde_json::from_value(said).map_err(|error| Problem::bad(error.to_string()))?;
        Ok(edits::apply(&mut world, edit)?)
    };
    match said {
        Value::Array(list) => {
            let done: Vec<Value> = list.into_iter().map(one).collect::<Result<_, _>>()?;
            Ok(Json(json!(done)))
        }
        edit => Ok(Json(one(edit)?)),
    }
}
