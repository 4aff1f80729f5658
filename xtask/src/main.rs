//! The project's own commands: `cargo xtask test`, `cargo xtask postgres`, `cargo xtask screenshots`.
//!
//! They need nothing but Rust to start with: what else they use (PostgreSQL, Node, Chromium) they find, or
//! install from Debian's packages, or ask for by name. A part that cannot run is a failure, never a skip.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to the person who called it"
)]

mod browser;
mod postgres;
mod tools;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Parser;

use crate::postgres::Cluster;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", version)]
enum Task {
    /// Run every test: Rust on both databases, then the browser's.
    ///
    /// Stops at the first part that fails. `SIMONE_SEEDS` sets how many random histories run.
    Test {
        /// Only the Rust tests.
        #[arg(long, conflicts_with = "e2e_only")]
        rust_only: bool,
        /// Only the browser tests.
        #[arg(long)]
        e2e_only: bool,
        /// Passed on to `cargo test`; with `--e2e-only`, to Playwright.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Run a command with a throw-away PostgreSQL up and `SIMONE_TEST_POSTGRES` set to its address.
    Postgres {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Take the screenshots of the README anew, into docs/images/.
    Screenshots,
}

fn main() -> ExitCode {
    // Not returned from `main`, which would add a backtrace where the tests want one.
    perform(Task::parse()).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn perform(task: Task) -> Result<ExitCode> {
    match task {
        Task::Test { rust_only, e2e_only, args } => {
            if !e2e_only {
                rust_tests(&args)?;
                println!("rust: passed");
            }
            if !rust_only {
                browser::test(if e2e_only { &args } else { &[] })?;
            }
            println!("xtask test: passed");
            Ok(ExitCode::SUCCESS)
        }
        Task::Postgres { command } => with_postgres(&command),
        Task::Screenshots => browser::screenshots().map(|()| ExitCode::SUCCESS),
    }
}

fn rust_tests(args: &[OsString]) -> Result<()> {
    let cluster = Cluster::start()?;
    let mut test = tools::cargo();
    test.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    tools::run(test.env("SIMONE_TEST_POSTGRES", cluster.url()))
}

/// The command's own exit code is passed on; one that a signal ended counts as a failure.
fn with_postgres(command: &[OsString]) -> Result<ExitCode> {
    let cluster = Cluster::start()?;
    let (program, args) = command.split_first().expect("clap requires a command");
    let mut command = Command::new(program);
    tools::forget_outer_cargo(&mut command);
    let status = command
        .args(args)
        .env("SIMONE_TEST_POSTGRES", cluster.url())
        .status()
        .with_context(|| format!("cannot run {}", program.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
