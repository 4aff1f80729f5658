//! The databases that benchmarks run on.

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(super) struct Databases {
    /// Only on this database; else on both.
    #[arg(long, overrides_with = "database")]
    database: Option<Kind>,
    /// An empty PostgreSQL database to use. Without one, Cargo starts a throw-away server.
    #[arg(long, env = "SIMONE_TEST_POSTGRES", hide_env_values = true)]
    postgres: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Databases {
    /// Runs a benchmark on each database that is asked for, by its name and its address.
    pub(super) async fn each(
        &self,
        mut bench: impl AsyncFnMut(&'static str, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        for kind in [Kind::Sqlite, Kind::Postgres] {
            if self.database.is_some_and(|only| only != kind) {
                continue;
            }
            match kind {
                Kind::Sqlite => {
                    let folder = Folder::make()?;
                    let url = format!("sqlite:{}", folder.0.join("bench.db").display());
                    bench("sqlite", &url).await?;
                }
                Kind::Postgres => match &self.postgres {
                    Some(url) => bench("postgres", url).await?,
                    None => on_throwaway_postgres().await?,
                },
            }
        }
        Ok(())
    }
}

/// Runs this command once more beside a server that `cargo xtask postgres` starts for it. Without Cargo, nothing is
/// known of how to come by one.
async fn on_throwaway_postgres() -> anyhow::Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else {
        bail!(
            "PostgreSQL is not measured: run this by `cargo run --release`, or name an empty database by --postgres"
        );
    };
    let status = tokio::process::Command::new(cargo)
        .args(["xtask", "postgres", "--"])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .args(["--database", "postgres"])
        .status()
        .await
        .context("`cargo xtask postgres` cannot be run")?;
    ensure!(status.success(), "`cargo xtask postgres` failed");
    Ok(())
}

/// Gone with what is in it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("simone-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies among the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
