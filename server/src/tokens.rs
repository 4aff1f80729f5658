//! `simone token`: the tokens of the API, for whoever has the program's configuration.

use crate::assemble::Product;
use crate::say;
use anyhow::bail;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use secrecy::ExposeSecret as _;
use simone_booking::ProviderId;
use simone_booking::id::ApiTokenId;
use simone_store::api_tokens::ApiTokenRow;

/// Who makes and withdraws tokens here, as the audit table names them.
const BY: &str = "command line";
const LONGEST_NAME: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token and prints it, once.
    Add {
        /// What it is for.
        name: String,
        /// The id of the one provider that it reaches; without it, it reaches all.
        #[arg(long)]
        provider: Option<ProviderId>,
    },
    /// Lists the tokens, never their secrets.
    List,
    /// Withdraws a token: its next request is refused.
    Withdraw { id: ApiTokenId },
}

pub(crate) async fn run(product: &Product, command: TokenCommand) -> anyhow::Result<()> {
    let (database, now) = (&product.database, product.clock.now());
    match command {
        TokenCommand::Add { name, provider } => {
            let name = name.trim();
            if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                bail!("a token needs a name of 1 to {LONGEST_NAME} characters");
            }
            if let Some(id) = provider
                && database.provider(id).await?.is_none()
            {
                bail!("there is no provider with the id {id}");
            }
            let (id, token) = database.make_api_token(name, provider, BY, now).await?;
            tracing::info!(token = %id, "a token of the API was made");
            say(&format!(
                "Made {id}. This is the token; it cannot be shown again:\n{}",
                token.expose_secret()
            ));
        }
        TokenCommand::List => {
            for token in database.api_tokens().await? {
                say(&line(&token));
            }
        }
        TokenCommand::Withdraw { id } => {
            if !database.withdraw_api_token(id, BY, now).await? {
                bail!("there is no token {id} that could be withdrawn");
            }
            tracing::info!(token = %id, "a token of the API was withdrawn");
            say("Withdrawn.");
        }
    }
    Ok(())
}

fn line(token: &ApiTokenRow) -> String {
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let reach = match &token.reach {
        Some((id, name)) => format!("{name} ({id})"),
        None => "all providers".to_owned(),
    };
    let used = token.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", time(at)));
    let state = token.withdrawn_at.map_or(used, |at| format!("withdrawn {}", time(at)));
    format!(
        "{}  {}  {reach}  made {} by {}  {state}",
        token.id,
        token.name,
        time(token.created_at),
        token.created_by
    )
}
