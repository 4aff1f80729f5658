//! Before a subscription exists, its addresses must show that they want it (8.2).

use reqwest::header::CONTENT_TYPE;

use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::ids::guid;
use crate::simulator::Simulator;

/// Asks the address to say a token back. Nothing of the world is held meanwhile: whoever answers may ask in turn.
pub(super) async fn shake(simulator: &Simulator, address: &str) -> GraphResult<()> {
    let token = {
        let mut world = simulator.world();
        let id = guid(&mut world.rng);
        // Spaces, colons and a plus: it must be decoded, and only once.
        format!("Validation: Testing client application reachability for subscription Request-Id: {id} +%2B")
    };
    let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let separator = if address.contains('?') { '&' } else { '?' };
    let sent = simulator
        .client()
        .post(format!("{address}{separator}validationToken={encoded}"))
        .header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body("")
        .send()
        .await;
    let answer = sent.map_err(|error| {
        tracing::debug!(error = %error.without_url(), "a subscription's address does not answer");
        failed("Subscription validation request timed out.")
    })?;
    let ok = answer.status() == 200;
    let plain = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/plain"));
    let said = answer.text().await.unwrap_or_default();
    if !ok {
        return Err(failed(
            "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation \
             request.",
        ));
    }
    if !plain || said != token {
        return Err(failed(
            "Subscription validation request failed. Must respond with 200 OK to this request, with the validation token \
             as plain text.",
        ));
    }
    Ok(())
}

fn failed(message: &str) -> GraphError {
    GraphError::new(400, "ValidationError", message)
}
