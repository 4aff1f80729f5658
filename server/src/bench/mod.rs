//! `simone bench`: what the product costs, one JSON object a line. Made for release builds.

mod pages;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Bytes and time to the first byte of each page, for a provider with a busy week.
    Pages(pages::Options),
}

pub(crate) async fn run(bench: Bench) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        tracing::warn!("this is a debug build: the figures say little (cargo run --release -- bench …)");
    }
    match bench {
        Bench::Pages(options) => pages::run(options).await,
    }
}
