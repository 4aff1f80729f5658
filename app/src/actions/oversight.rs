//! What operators do. All of it is below `/oversight`, where the router lets nobody else.

use super::leave_for;
use crate::desk::Desk;
use crate::flash::Flash;
use crate::login::new_token;
use leptos::prelude::*;
use leptos::server_fn::error::ServerFnErrorErr;
use simone_booking::id::ApiTokenId;
use simone_booking::{OperatorId, ProviderId};
use simone_store::links::Resent;
use simone_store::operators::Withdrawn;
use simone_sync::ports::StoreResult;

fn desk() -> Result<Desk, ServerFnError> {
    Desk::find().ok_or_else(|| ServerFnErrorErr::MiddlewareError("no operator is logged in".into()).into())
}

async fn done(desk: &Desk, outcome: StoreResult<Flash>, to: &str) {
    let flash = outcome.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "an operator's action failed");
        Flash::Failed
    });
    desk.session.flash(flash).await;
    desk.state.wake.notify_waiters();
    desk.state.wake.notify_one();
    leave_for(to);
}

/// Sends a provider who never came in another invitation.
#[server(prefix = "/oversight/actions", endpoint = "invite-again")]
pub async fn invite_again(provider: ProviderId) -> Result<(), ServerFnError> {
    let desk = desk()?;
    let token = new_token(&desk.state);
    let outcome = desk.state.db.resend_invitation(provider, &token, &desk.operator.email, desk.now).await;
    let outcome = outcome.map(|resent| match resent {
        Resent::Sent => Flash::InvitedAgain,
        Resent::TooMany => Flash::InvitedEnough,
        Resent::Missing => Flash::Missing,
    });
    done(&desk, outcome, &format!("/oversight/providers/{provider}")).await;
    Ok(())
}

/// Records the wish that a provider be erased.
#[server(prefix = "/oversight/actions", endpoint = "erase-provider")]
pub async fn erase_provider(provider: ProviderId) -> Result<(), ServerFnError> {
    let desk = desk()?;
    let outcome = desk.state.db.request_erasure(provider, &desk.operator.email, desk.now).await;
    let outcome = outcome.map(|wished| if wished { Flash::ErasureWished } else { Flash::Missing });
    done(&desk, outcome, "/oversight").await;
    Ok(())
}

/// Makes an operator one no longer.
#[server(prefix = "/oversight/actions", endpoint = "withdraw-operator")]
pub async fn withdraw_operator(operator: OperatorId) -> Result<(), ServerFnError> {
    let desk = desk()?;
    let outcome = desk.state.db.withdraw_operator(operator, &desk.operator.email, desk.now).await;
    let outcome = outcome.map(|withdrawn| match withdrawn {
        Withdrawn::Done => Flash::OperatorWithdrawn,
        Withdrawn::Last => Flash::LastOperator,
        Withdrawn::Missing => Flash::Missing,
    });
    done(&desk, outcome, "/oversight/operators").await;
    Ok(())
}

/// Withdraws a token of the API.
#[server(prefix = "/oversight/actions", endpoint = "withdraw-token")]
pub async fn withdraw_token(token: ApiTokenId) -> Result<(), ServerFnError> {
    let desk = desk()?;
    let outcome = desk.state.db.withdraw_api_token(token, &desk.operator.email, desk.now).await;
    let outcome = outcome.map(|withdrawn| if withdrawn { Flash::TokenWithdrawn } else { Flash::Missing });
    done(&desk, outcome, "/oversight/tokens").await;
    Ok(())
}
