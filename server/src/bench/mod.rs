//! `simone bench`: what the product costs, one JSON object a line. Made for release builds.

mod accounts;
mod databases;
mod export;
mod import;
mod meter;
mod pages;
mod rig;
mod simulator;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Rounds of one connection: a first import, one in which nothing happened, one with ten changes.
    Import(import::Options),
    /// Rounds of one connection after a booking was made, moved and cancelled.
    Export(export::Options),
    /// Bytes and time to the first byte of each page, for a provider with a busy week.
    Pages(pages::Options),
}

pub(crate) async fn run(bench: Bench) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        tracing::warn!("this is a debug build: the figures say little (cargo run --release -- bench …)");
    }
    match bench {
        Bench::Import(options) => import::run(options).await,
        Bench::Export(options) => export::run(options).await,
        Bench::Pages(options) => pages::run(options).await,
    }
}

/// Where events of ours would lead back to.
fn pages_url() -> url::Url {
    "http://127.0.0.1/".parse().expect("an address")
}
