//! The end of a connection.

use super::stop::Stop;
use super::{Engine, Round, patience_is_over};
use crate::ports::RoundInput;

impl Engine {
    /// The provider wished to disconnect: our events of what is to come go, unless they are kept, the grant is revoked,
    /// unless others live on it, and the tokens go.
    pub(super) async fn disconnect(&self, round: &mut Round<'_>, input: RoundInput) -> Result<(), Stop> {
        let now = self.clock.now();
        let expired = patience_is_over(&input, now);
        // Without tokens (their key is lost) nothing can be revoked: what remains is the provider's to withdraw.
        let mut abandoned = input.tokens.is_none() && !input.account_shared;
        round.tokens = input.tokens;
        if round.tokens.is_some() && !input.keep_events {
            match self.remove_events(round).await {
                Ok(removed) => abandoned |= !removed,
                // Only the provider could help, and they want no more of it.
                Err(Stop::NeedsReconnect) => abandoned = true,
                Err(Stop::Overtaken) => return Err(Stop::Overtaken),
                Err(stop) if !expired => return Err(stop),
                Err(_) => abandoned = true,
            }
        }
        if let (Some(tokens), false) = (round.tokens.take(), input.account_shared) {
            // Once a round, right after looking who else lives on the account: a repetition could end a grant that
            // was given meanwhile.
            self.hold(round).await?;
            round.requests += 1;
            match round.platform.revoke(&tokens.refresh).await {
                Ok(()) => {}
                Err(error) if !expired => return Err(Stop::Platform(error)),
                Err(_) => abandoned = true,
            }
        }
        self.store.finish_disconnect(&round.lease, abandoned, now).await?;
        tracing::info!(connection = %round.lease.connection, abandoned, "disconnected");
        round.disconnected = true;
        Ok(())
    }
}
