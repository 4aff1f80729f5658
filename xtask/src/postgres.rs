//! A throw-away PostgreSQL for the tests: made for one run, gone after it.
//!
//! Each run has a directory of its own, with a lock that lives as long as the run. What a run left behind
//! that could not clean up (the machine lost power, say) is removed by the next; a server that should still
//! be running in it stops by itself within a minute, as PostgreSQL does when its directory is gone.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, process};

use anyhow::{Context, Result, bail, ensure};

use crate::tools;

/// Durability is for data that somebody wants to keep.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
full_page_writes = off
synchronous_commit = off
max_connections = 200
";

/// A running server. It stops, and its files go, when this is dropped or when this process ends in any way.
pub struct Cluster {
    url: String,
    guard: Child,
}

impl Cluster {
    pub fn start() -> Result<Self> {
        let programs = tools::find_or_install("PostgreSQL's server", &["postgresql"], server_programs)?;
        let account = Account::choose()?;
        let RunDirectory { path: directory, lock } = RunDirectory::make(&account)?;
        let data = directory.join("data");
        let pg_ctl = || {
            let mut pg_ctl = account.command(&programs.join("pg_ctl"), &directory);
            pg_ctl.arg("--pgdata").arg(&data).arg("--wait");
            pg_ctl
        };

        // The guard comes first: whatever happens from here on, nothing is left behind.
        let mut stop = pg_ctl();
        stop.args(["stop", "--mode=immediate"]);
        let mut cluster = Self { url: String::new(), guard: guard(&stop, &directory, lock)? };

        let password = password()?;
        let password_file = directory.join("password");
        fs::write(&password_file, &password)?;
        account.give(&password_file)?;
        let mut initdb = account.command(&programs.join("initdb"), &directory);
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password_file);
        initdb.args(["--username=postgres", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        tools::read(&mut initdb)?;
        fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .and_then(|mut file| file.write_all(SETTINGS.as_bytes()))
            .context("cannot configure PostgreSQL")?;

        // Between the choice of a free port and its use, somebody else may take it.
        for attempts_left in (0..3).rev() {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let log = directory.join("log");
            let mut start = pg_ctl();
            start.arg("--log").arg(&log).arg("--options").arg(format!("-p {port}")).arg("start");
            // In a group of its own, it does not get the terminal's Ctrl-C while it starts.
            match tools::read(start.process_group(0)) {
                Ok(_) => {
                    cluster.url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
                    return Ok(cluster);
                }
                Err(error) if attempts_left == 0 => {
                    let log = fs::read_to_string(&log).unwrap_or_default();
                    return Err(error.context(format!("PostgreSQL does not start:\n{log}")));
                }
                Err(_) => {}
            }
        }
        unreachable!("the last attempt returns")
    }

    /// The superuser's address. Whoever uses it makes a database or schema of their own.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // An error would mean that the guard was never there: then there is nothing to wait for.
        let _ = self.guard.wait();
    }
}

/// A process that stops the server and removes its directory as soon as this process closes the pipe
/// between them, by intent or by dying. It holds the run's lock, and no Ctrl-C of the terminal reaches it.
fn guard(stop: &Command, directory: &Path, lock: File) -> Result<Child> {
    // What is still writing as the directory goes can be in the way of its removal, once.
    let script = r#"
        cat >/dev/null
        directory="$1"; shift
        "$@" >/dev/null 2>&1
        cd /; rm -rf "$directory" || { sleep 1; rm -rf "$directory"; }
    "#;
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(directory)
        .arg(stop.get_program())
        .args(stop.get_args())
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(lock)
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .context("cannot start the process that stops PostgreSQL")
}

/// The directory with PostgreSQL's server programs, which Debian keeps off PATH.
fn server_programs() -> Option<PathBuf> {
    let complete =
        |directory: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|it| directory.join(it).is_file());
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let told = tools::read(Command::new("pg_config").arg("--bindir")).ok().map(PathBuf::from);
    on_path
        .into_iter()
        .chain(told)
        .chain(newest_first("/usr/lib/postgresql", "", "bin"))
        .chain(newest_first("/opt/homebrew/opt", "postgresql@", "bin"))
        .chain(newest_first("/usr/local/opt", "postgresql@", "bin"))
        .find(complete)
}

/// `parent/PREFIX<version>/below`, for each version there.
fn newest_first(parent: &str, prefix: &str, below: &str) -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join(below)))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Whom the server runs as: ourselves, or for root somebody else, since PostgreSQL refuses root.
struct Account {
    uid: u32,
    gid: u32,
    /// How to run a program as them.
    prefix: Vec<String>,
}

impl Account {
    fn choose() -> Result<Self> {
        let id = |args: &[&str]| -> Result<u32> { Ok(tools::read(Command::new("id").args(args))?.parse()?) };
        if !tools::is_root()? {
            return Ok(Self { uid: id(&["-u"])?, gid: id(&["-g"])?, prefix: Vec::new() });
        }
        for name in ["postgres", "nobody"] {
            let (Ok(uid), Ok(gid)) = (id(&["-u", name]), id(&["-g", name])) else { continue };
            let prefix = if tools::on_path(&["setpriv"]).is_some() {
                vec![
                    "setpriv".into(),
                    format!("--reuid={uid}"),
                    format!("--regid={gid}"),
                    "--clear-groups".into(),
                ]
            } else {
                let words = ["su", name, "-s", "/bin/sh", "-c", r#"exec "$0" "$@""#, "--"];
                words.map(str::to_owned).to_vec()
            };
            return Ok(Self { uid, gid, prefix });
        }
        bail!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")
    }

    fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = match self.prefix.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.current_dir(directory).stdin(Stdio::null());
        command
    }

    /// Makes a file or directory of ours theirs.
    fn give(&self, path: &Path) -> Result<()> {
        let private = if path.is_dir() { 0o700 } else { 0o600 };
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(private))?;
        if !self.prefix.is_empty() {
            chown(path, Some(self.uid), Some(self.gid))
                .with_context(|| format!("cannot give {} to PostgreSQL's user", path.display()))?;
        }
        Ok(())
    }
}

/// The files of one run.
struct RunDirectory {
    path: PathBuf,
    lock: File,
}

impl RunDirectory {
    /// In `target/postgres`, or where the server's user may not go there, in the system's place for
    /// temporary files.
    fn make(account: &Account) -> Result<Self> {
        let binaries = tools::binaries()?;
        let target = binaries.parent().context("the binaries lie in the target directory")?;
        let elsewhere =
            env::temp_dir().join(format!("simone-postgres-{}", tools::read(Command::new("id").arg("-u"))?));
        for parent in [target.join("postgres"), elsewhere] {
            let directory = Self::make_in(&parent, account)?;
            let mut look = account.command(Path::new("test"), Path::new("/"));
            if tools::run(look.arg("-w").arg(&directory.path).stderr(Stdio::null())).is_ok() {
                return Ok(directory);
            }
            fs::remove_dir_all(&directory.path)?;
        }
        bail!(
            "PostgreSQL's user can write neither to the target directory nor to {}",
            env::temp_dir().display()
        )
    }

    fn make_in(parent: &Path, account: &Account) -> Result<Self> {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        // In a shared place the name may be somebody else's; neither lock nor data may lie there then.
        let found = fs::symlink_metadata(parent)?;
        let ours = tools::read(Command::new("id").arg("-u"))?.parse() == Ok(found.uid());
        ensure!(found.is_dir() && ours, "{} is not a directory of this user", parent.display());

        // Several runs may begin at once: one after the other cleans up and makes its own.
        let turn = File::create(parent.join("lock"))?;
        turn.lock()?;
        for entry in fs::read_dir(parent)?.flatten().filter(|it| it.path().is_dir()) {
            let in_use = File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
            if !in_use {
                // What cannot be removed now is in nobody's way.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = parent.join(process::id().to_string());
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = File::create(path.join("lock"))?;
        lock.lock()?;
        account.give(&path)?;
        Ok(Self { path, lock })
    }
}

/// Other users of this machine reach its loopback address too.
fn password() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom").and_then(|mut it| it.read_exact(&mut bytes)).context("no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
