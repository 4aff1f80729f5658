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
    /// The token was handed out by a control.
    pub by_control: bool,
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    bearer(headers)
}

impl Caller {
    /// `scopes`: any one of them will do, by their short names (`Calendars.ReadWrite`).
    pub fn authorize(world: &World, headers: &HeaderMap, scopes: &[&str]) -> GraphResult<Caller> {
        let token = bearer(headers)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| GraphError::unauthorized("Access token is empty."))?;
        let directory = &world.microsoft.directory;
        let access = directory.access_token(token, world.now()).ok_or_else(|| {
            let known = directory.access.iter().any(|access| access.token == token);
            GraphError::unauthorized(match known {
                true => "Lifetime validation failed, the token is expired.",
                false if token.contains('.') => "Access token validation failure. Invalid audience.",
                false => "CompactToken parsing failed with error code: 80049217",
            })
        })?;
        let granted = |scope: &&str| access.scopes.iter().any(|other| other.eq_ignore_ascii_case(scope));
        if !scopes.iter().any(granted) {
            return Err(GraphError::missing_scope());
        }
        let of_mailbox =
            |scope: &&str| scope.starts_with("Calendars.") || scope.starts_with("MailboxSettings.");
        let account = directory.account(&access.account);
        if scopes.iter().any(of_mailbox) && account.is_some_and(|account| account.without_mailbox) {
            return Err(GraphError::no_mailbox());
        }
        Ok(Caller {
            account: access.account.clone(),
            client: access.client.clone(),
            by_control: access.by_control,
        })
    }
}
