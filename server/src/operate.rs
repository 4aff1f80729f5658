//! What an operator does with the data: keys, copies, another database.

use crate::assemble::Product;
use crate::config::Config;
use crate::say;
use anyhow::{Context as _, bail};
use clap::Args;
use simone_store::rotation::Progress;
use simone_store::{sealed::KeyCount, transfer};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Moves everything from this database (`sqlite:PATH` or `postgres://…`), which must not be in use …
    #[arg(long, requires = "to")]
    from: Option<String>,
    /// … into this empty one of the other kind.
    #[arg(long, requires = "from")]
    to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RotateKeys {
    /// A key is lost for good: lets the product start without it. Connections whose accesses only it can open ask to be
    /// reconnected, titles are read again, and what is blocked stays.
    #[arg(long)]
    lost: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to make. It is never overwritten.
    target: PathBuf,
}

pub(crate) async fn migrate(config: &Path, migrate: Migrate) -> anyhow::Result<()> {
    let (Some(from), Some(to)) = (migrate.from, migrate.to) else {
        let product = Product::open(&Config::load(config)?).await?;
        say(&format!("The {} database is up to date.", product.database.kind()));
        product.database.close().await;
        return Ok(());
    };
    let moved = transfer::transfer(&from, &to).await.context("nothing was moved")?;
    for table in &moved {
        say(&format!("{:>10}  {}", table.rows, table.table));
    }
    let rows: u64 = moved.iter().map(|table| table.rows).sum();
    say(&format!(
        "Moved {rows} rows, and compared them. Set `database.url` to the new address and start `simone serve`; the \
         old database is as it was."
    ));
    Ok(())
}

pub(crate) async fn backup(config: &Config, backup: Backup) -> anyhow::Result<()> {
    simone_store::backup(&config.database.url, &backup.target).await.context("there is no copy")?;
    say(&format!(
        "Copied into {}. It opens with the keys of today: keep them as long as it, and apart from it.",
        backup.target.display()
    ));
    Ok(())
}

pub(crate) async fn rotate_keys(config: &Config, rotate: RotateKeys) -> anyhow::Result<()> {
    let product =
        if rotate.lost { Product::open_with_any_keys(config).await? } else { Product::open(config).await? };
    let current = config.keys()?.first().map(|(id, _)| id.clone()).unwrap_or_default();
    // What is sealed under a key that the running product does not have is to it as good as lost.
    let served = product.database.served_key().await?;
    if !rotate.lost && served.is_some_and(|served| served != current) {
        bail!(
            "the product does not have the key `{current}` yet: restart `simone serve` with it first in the list, then run this again"
        );
    }
    // Now and then, not for every batch.
    let mut said = 0;
    let tell = |progress: Progress| {
        if progress.done >= progress.of || progress.done >= said + 10_000 || progress.done < said {
            said = progress.done;
            let Progress { table, column, done, of } = progress;
            say(&format!("{table}.{column}: {done} of {of}"));
        }
    };
    let rotation =
        product.database.rotate_keys(rotate.lost, tell).await.context("stopped half way: run it again")?;
    product.database.close().await;
    say(&format!("Sealed {} values anew under the key `{current}`.", rotation.resealed));
    if rotation.unopened > 0 {
        say(&format!("No configured key opens {} values.", rotation.unopened));
    }
    if !rotation.removable.is_empty() {
        say(&format!(
            "Nothing here is under `{}` any more: take it out of `encryption.keys` and restart. Older copies of the \
             database still need it.",
            rotation.removable.join("`, `")
        ));
    }
    if rotation.left.is_empty() && rotation.unopened == 0 {
        say(&format!("All that is sealed is under `{current}`."));
        return Ok(());
    }
    for KeyCount { table, column, key, rows } in &rotation.left {
        let key = key.as_ref().map_or_else(|| "no key".to_owned(), |key| format!("the key `{key}`"));
        say(&format!("Left: {rows} of {table}.{column}, under {key}"));
    }
    if rotate.lost {
        say("That is given up until it is asked for and read again.");
        return Ok(());
    }
    let known = config.keys()?;
    if rotation.left.iter().any(|left| known.iter().any(|(id, _)| Some(id) == left.key.as_ref())) {
        bail!(
            "something is left under an older key: either a process still has that key first (restart it with \
             `{current}` first, then run this again), or a value was damaged"
        );
    }
    bail!("something is left that no configured key opens")
}
