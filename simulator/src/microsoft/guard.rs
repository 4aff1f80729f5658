//! Who asks, and whether their token may.

use axum::http::HeaderMap;

use super::errors::{GraphError, GraphResult};
use crate::google::bearer;
use crate::simulator::World;

/// A request that may go on.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The account's id, which is that of its mailbox.
    pub account: String,
    /// The id of the OAuth client that the token was given to.
    pub client: String,
}

impl Caller {
    /// `scopes`: any one of them will do, by their short names (`Calendars.ReadWrite`).
    pub fn authorize(world: &World, headers: &HeaderMap, scopes: &[&str]) -> GraphResult<Caller> {
        let token = bearer(headers).ok_or_else(|| GraphError::unauthorized("Access token is empty."))?;
        let access = world
            .microsoft
            .directory
            .access_token(token, world.now())
            .ok_or_else(|| GraphError::unauthorized("Access token has expired or is not yet valid."))?;
        let granted = |scope: &&str| access.scopes.iter().any(|other| other.eq_ignore_ascii_case(scope));
        if !scopes.iter().any(granted) {
            return Err(GraphError::missing_scope());
        }
        Ok(Caller { account: access.account.clone(), client: access.client.clone() })
    }
}
