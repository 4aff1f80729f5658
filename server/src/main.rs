//! `simone`: keeps each provider's Google and Outlook calendars and Simone in agreement.

mod api;
mod assemble;
mod cli;
mod config;
mod demo;
mod first_operator;
mod mail;
mod mailbox;
mod oauth;
mod proxy;
mod tokens;
mod worker;

use clap::Parser;
use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SIMONE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,simone=info")),
        )
        .with_writer(std::io::stderr)
        .init();
    match cli::run(cli::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `{:#}` is the whole chain on one line.
            let _ = writeln!(std::io::stderr(), "simone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the person at the terminal.
pub(crate) fn say(text: &str) {
    // A terminal that is gone is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{text}");
}
