//! `simone`: keeps each provider's Google and Outlook calendars and Simone in agreement.

mod api;
mod assemble;
mod bench;
mod cli;
mod config;
mod demo;
mod doctor;
mod first_operator;
mod live;
mod mail;
mod mailbox;
mod oauth;
mod operate;
mod platforms;
mod proxy;
mod serve;
mod tokens;
mod webhooks;
mod worker;

use clap::Parser;
use std::io::Write as _;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SIMONE_LOG")
                // What the pool of connections has to say, whoever asked it says too, and once.
                .unwrap_or_else(|_| {
                    tracing_subscriber::EnvFilter::new("warn,simone=info,sqlx_core::pool=off")
                }),
        )
        .with_writer(std::io::stderr)
        // A log that cannot be written (a full disk) would otherwise be told to the same log, by a panic.
        .log_internal_errors(false)
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
