//! Microsoft's identity platform and the calendars of Graph v1.0. Section numbers in this module are those of the
//! project's reference sheet of the two.

pub(crate) mod errors;
pub(crate) mod guard;
pub(crate) mod identity;
pub(crate) mod mailbox;

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::simulator::Simulator;

/// What Microsoft knows.
#[derive(Default, Deserialize, Serialize)]
pub(crate) struct Microsoft {
    /// Who there is: tenants, accounts, clients, grants, tokens.
    pub directory: identity::model::Directory,
    /// What stands in people's calendars, by the account's id.
    pub mailboxes: mailbox::model::Mailboxes,
}

pub(crate) fn router() -> Router<Arc<Simulator>> {
    Router::new().merge(identity::router()).nest("/v1.0", mailbox::router())
}
