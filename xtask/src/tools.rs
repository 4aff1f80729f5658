//! Finding, installing and running the programs that the commands use.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// The workspace's root.
pub fn root() -> PathBuf {
    // At run time, since a cached build may have been moved with its checkout.
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().expect("xtask lies in the workspace's root").to_path_buf()
}

/// The directory that cargo puts binaries into: the one of this very program, whatever cargo is told.
pub fn binaries() -> Result<PathBuf> {
    let program = env::current_exe().context("cannot tell where xtask was built")?;
    Ok(program.parent().expect("a program lies in a directory").to_path_buf())
}

/// Cargo, in the workspace's root.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_outer_cargo(&mut cargo);
    cargo.current_dir(root());
    cargo
}

/// `cargo run` sets variables about xtask; some build scripts watch them, and would run again and again.
pub fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let outer = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if name.to_str().is_some_and(|name| outer.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
}

/// Runs a command whose output goes where ours goes; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let name = describe(command);
    let status = command.status().with_context(|| format!("cannot run `{name}`"))?;
    ensure!(status.success(), "`{name}` failed ({status})");
    Ok(())
}

/// Runs a command and returns what it wrote to its standard output, trimmed.
pub fn read(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command.output().with_context(|| format!("cannot run `{name}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{name}` failed ({}): {}", output.status, said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The program and its first argument: enough to know it by.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let first = command.get_args().next().unwrap_or_default();
    format!("{} {}", program.display(), first.display()).trim().to_owned()
}

/// The first of the programs named that is on PATH.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = env::split_paths(&path).collect();
    names.iter().flat_map(|name| directories.iter().map(move |it| it.join(name))).find(|it| it.is_file())
}

pub fn is_root() -> Result<bool> {
    Ok(read(Command::new("id").arg("-u"))? == "0")
}

/// What `find` finds, if need be after having installed Debian's `packages`.
///
/// # Errors
/// Says what is missing and what to do, where it cannot be installed without asking for a password.
pub fn find_or_install<T>(what: &str, packages: &[&str], find: impl Fn() -> Option<T>) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(packages).with_context(|| {
        format!("{what} was not found; please install it (on Debian: apt-get install {})", packages.join(" "))
    })?;
    find().with_context(|| format!("{what} was not found, even after installing {}", packages.join(" ")))
}

fn install(packages: &[&str]) -> Result<()> {
    if on_path(&["apt-get"]).is_none() {
        bail!("there is no apt-get here to install it with");
    }
    let sudo: &[&str] = if is_root()? {
        &[]
    } else if Command::new("sudo")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
    {
        &["sudo", "-n"]
    } else {
        bail!("installing it takes root's rights");
    };
    let apt_get = |args: &[&str]| {
        let words = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], args].concat();
        run(Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()))
    };
    apt_get(&["update", "-q"])?;
    apt_get(&[&["install", "-q", "-y", "--no-install-recommends"], packages].concat())
}
