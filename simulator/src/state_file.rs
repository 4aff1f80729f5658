//! A file in which the simulator's world outlives the process.
//!
//! Written after each request that may have changed something, before it is answered: what a client was told is
//! true after a crash too. Faults, the clock and page tokens begin afresh.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::google::model::Google;
use crate::microsoft::Microsoft;
use crate::simulator::{Simulator, World};

#[derive(Deserialize)]
struct Stored {
    /// How far the generator has come, so that it does not give the same ids again.
    drawn: String,
    google: Google,
    /// Missing in a file from before there was Microsoft.
    #[serde(default)]
    microsoft: Option<Microsoft>,
}

#[derive(Serialize)]
struct Storing<'a> {
    drawn: String,
    google: &'a Google,
    microsoft: &'a Microsoft,
}

/// The world as it was left: `None` when the file is not there.
pub(crate) fn read(file: &Path, rng: &mut ChaCha8Rng) -> io::Result<Option<(Google, Option<Microsoft>)>> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let stored: Stored = serde_json::from_slice(&text)?;
    let drawn = stored.drawn.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    rng.set_word_pos(drawn);
    Ok(Some((stored.google.upgraded(), stored.microsoft)))
}

fn write(file: &Path, world: &World) -> io::Result<()> {
    let text = serde_json::to_vec(&Storing {
        drawn: world.rng.get_word_pos().to_string(),
        google: &world.google,
        microsoft: &world.microsoft,
    })?;
    let beside = file.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(beside, file)
}

/// Writes the file after each request that may have changed something.
pub(crate) async fn keep(State(simulator): State<Arc<Simulator>>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if let (false, Some(file)) = (reads, simulator.state_file())
        && let Err(error) = write(file, &simulator.world())
    {
        tracing::error!(%error, "the simulator's state cannot be written");
    }
    response
}
