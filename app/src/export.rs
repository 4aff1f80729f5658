//! Everything that is stored of a provider, as one JSON document that is written while it is read: a large account takes
//! no more memory than a small one.

use crate::session::Session;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream::try_unfold;
use simone_booking::ProviderId;
use simone_store::export::{After, Part};
use simone_sync::ports::StoreResult;

/// Where the document is.
struct Writing {
    state: AppState,
    provider: ProviderId,
    /// What has been made and not been sent.
    head: String,
    /// The part that is being written, and the rows of it that have been.
    part: usize,
    after: After,
    any: bool,
}

impl Writing {
    /// The next stretch of the document; `None`: it is complete.
    async fn next(mut self) -> StoreResult<Option<(String, Self)>> {
        let Some(part) = Part::ALL.get(self.part).copied() else { return Ok(None) };
        let mut text = std::mem::take(&mut self.head);
        if !self.any && self.after.is_start() {
            text += &format!(",\n\"{}\": [", part.name());
        }
        let (rows, more) = self.state.db.export(self.provider, part, &self.after).await?;
        for row in rows {
            text += if self.any { ",\n" } else { "\n" };
            text += &row.to_string();
            self.any = true;
        }
        match more {
            Some(after) => self.after = after,
            None => {
                text += "]";
                self.part += 1;
                self.after = After::default();
                self.any = false;
                if self.part == Part::ALL.len() {
                    text += "\n}\n";
                }
            }
        }
        Ok(Some((text, self)))
    }
}

/// The document as a file to keep.
pub(crate) async fn download(State(state): State<AppState>, request: Request<Body>) -> Response {
    let provider = request.extensions().get::<Session>().and_then(|session| session.provider.clone());
    let Some(provider) = provider else { return StatusCode::NOT_FOUND.into_response() };
    let now = state.clock.now();
    if let Err(error) = state.db.note_export(provider.id, now).await {
        return state.trouble(&error, "an export could not begin").status().into_response();
    }
    let head = format!("{{\n\"format\": 1,\n\"exported_at\": \"{}\"", now.to_rfc3339());
    let writing =
        Writing { state, provider: provider.id, head, part: 0, after: After::default(), any: false };
    let stream = try_unfold(writing, |writing: Writing| async move {
        writing.next().await.inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "an export broke off");
        })
    });
    let mut response = Body::from_stream(stream).into_response();
    let day = now.with_timezone(&provider.zone).date_naive();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"simone-{day}.json\"")) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    response
}
