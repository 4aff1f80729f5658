//! Faults: set, listed, taken away.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Problem, read};
use crate::faults::Fault;
use crate::simulator::Simulator;

pub(super) async fn list(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    Json(json!(simulator.world().faults.list()))
}

/// One fault, or a list of them.
pub(super) async fn add(State(simulator): State<Arc<Simulator>>, body: Bytes) -> Answer {
    let said: Value = read(&body)?;
    let mut world = simulator.world();
    let mut one = |said: Value| -> Result<Fault, Problem> {
        let fault = serde_json::from_value(said).map_err(|error| Problem::bad(error.to_string()))?;
        world.faults.add(fault).map_err(Problem::bad)
    };
    match said {
        Value::Array(list) => {
            let added: Vec<Fault> = list.into_iter().map(one).collect::<Result<_, _>>()?;
            Ok(Json(json!(added)))
        }
        fault => Ok(Json(json!(one(fault)?))),
    }
}

pub(super) async fn clear(State(simulator): State<Arc<Simulator>>) -> Json<Value> {
    simulator.world().faults.clear();
    Json(json!({}))
}

pub(super) async fn remove(State(simulator): State<Arc<Simulator>>, Path(id): Path<u64>) -> Answer {
    if simulator.world().faults.remove(id) {
        Ok(Json(json!({})))
    } else {
        Err(Problem::new(StatusCode::NOT_FOUND, "no such fault"))
    }
}
