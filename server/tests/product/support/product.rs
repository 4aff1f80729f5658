//! The `simone` program as an operator runs it.

use super::browser::{Browser, client};
use super::database::Database;
use super::platform::Side;
use super::simulator::{CLIENT_SECRET, Simulator};
use super::{eventually, now};
use reqwest::Url;
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Of 32 bytes.
pub const KEY: &str = "test:c2ltb25lIHRlc3RzIHdpdGggYSBrZXkgb2YgMzIgYi4=";

/// One process (after another) of the product, on a port of its own.
pub struct Product {
    pub url: Url,
    pub folder: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    log: PathBuf,
    process: Option<Child>,
    /// On whose calendars its browsers connect.
    side: Side,
    /// Whether the size of its files can be limited while it runs.
    limitable: bool,
}

impl Product {
    /// `serve` on this database and towards this simulator, configured by variables; not started yet. What it
    /// writes goes to `name`'s files in `folder`.
    pub async fn serve(name: &str, folder: &Path, database: &Database, simulator: &Simulator) -> Self {
        let port = free_port();
        let url: Url = format!("http://127.0.0.1:{port}/").parse().expect("an address");
        simulator.register(&url).await;
        let mut product = Self::new(name, folder, url.clone(), vec!["serve".to_owned()]);
        let set = [
            ("PUBLIC_URL", url.to_string()),
            ("LISTEN", format!("127.0.0.1:{port}")),
            ("DATABASE__URL", database.url.clone()),
            ("ENCRYPTION__KEYS", KEY.to_owned()),
            ("MAIL__FOLDER", folder.join("mail").display().to_string()),
            ("GOOGLE__CLIENT_ID", Side::Google.client_id().to_owned()),
            ("GOOGLE__CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GOOGLE__AUTHORIZE_URL", simulator.url("/o/oauth2/v2/auth").to_string()),
            ("GOOGLE__TOKEN_URL", simulator.url("/token").to_string()),
            ("GOOGLE__REVOKE_URL", simulator.url("/revoke").to_string()),
            ("GOOGLE__USERINFO_URL", simulator.url("/v1/userinfo").to_string()),
            ("GOOGLE__API_URL", simulator.url("/calendar/v3").to_string()),
            ("OUTLOOK__CLIENT_ID", Side::Outlook.client_id().to_owned()),
            ("OUTLOOK__CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("OUTLOOK__LOGIN_URL", simulator.url("").to_string()),
            ("OUTLOOK__API_URL", simulator.url("/v1.0").to_string()),
        ];
        product.side = simulator.side;
        for (name, value) in set {
            product.set(&format!("SIMONE_{name}"), &value);
        }
        product
    }

    pub fn new(name: &str, folder: &Path, url: Url, arguments: Vec<String>) -> Self {
        let log = folder.join(format!("{name}.log"));
        Self {
            url,
            folder: folder.to_owned(),
            arguments,
            variables: Vec::new(),
            log,
            process: None,
            side: Side::Google,
            limitable: false,
        }
    }

    /// Sets a variable of its environment from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// From the next start on [`Product::fill_disk`] works.
    pub fn limitable(&mut self) {
        self.limitable = true;
    }

    /// Nothing more can be written into any file, until there is space again.
    pub fn fill_disk(&self, full: bool) {
        let process = self.process.as_ref().expect("it runs").id().to_string();
        let limit = if full { "--fsize=0:unlimited" } else { "--fsize=unlimited:unlimited" };
        let told = Command::new("prlimit").args(["--pid", &process, limit]).status().expect("`prlimit` runs");
        assert!(told.success(), "the limit could not be set");
    }

    /// A command in its environment, in an empty one otherwise.
    fn command(&self, arguments: &[String]) -> Command {
        let mut command = if self.limitable {
            // What exceeds the limit is to fail as on a full disk, not to end the process.
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_simone")]);
            shell
        } else {
            Command::new(env!("CARGO_BIN_EXE_simone"))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SIMONE_"))
        {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .envs(self.variables.iter().cloned())
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end in the product's environment.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut command = self.command(&arguments);
        tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
            .await
            .expect("no panic")
    }

    /// Begins to run, and returns at once.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let mut log: File =
            OpenOptions::new().create(true).append(true).open(&self.log).expect("a log can be written");
        let mut command = self.command(&self.arguments);
        if self.limitable {
            // Not a file of its own, so that it can still say something.
            let (mut said, ours) = std::io::pipe().expect("there are pipes");
            let errors = ours.try_clone().expect("a pipe has two ends");
            self.process = Some(command.stdout(ours).stderr(errors).spawn().expect("the program starts"));
            std::thread::spawn(move || std::io::copy(&mut said, &mut log));
            return;
        }
        let errors = log.try_clone().expect("a log can be written twice");
        self.process = Some(command.stdout(log).stderr(errors).spawn().expect("the program starts"));
    }

    /// Runs it and waits until it answers.
    pub async fn start(&mut self) {
        self.spawn();
        let client = client();
        let address = self.url.join("login").expect("an address");
        eventually("the product answers", async || {
            if let Some(ended) = self.process.as_mut().and_then(|process| process.try_wait().ok()).flatten() {
                panic!("the product ended as it started: {ended}\n{}", self.log());
            }
            client.get(address.clone()).send().await.ok()
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    /// `kill -TERM`; its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut process = self.process.take()?;
        let told =
            Command::new("kill").arg("-TERM").arg(process.id().to_string()).status().expect("`kill` runs");
        assert!(told.success(), "the product could not be told to stop");
        let ended =
            eventually("the product stops", async || process.try_wait().expect("it can be awaited")).await;
        ended.code()
    }

    /// All that it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Adds a provider; the one-time link to log in with.
    pub async fn add_provider(&self, name: &str, email: &str) -> String {
        let added = self.run(&["provider", "add", "--name", name, "--email", email]).await;
        let said = String::from_utf8(added.stdout).expect("it speaks UTF-8");
        assert!(added.status.success(), "{said}{}", String::from_utf8_lossy(&added.stderr));
        let link = said.split_whitespace().find(|word| word.starts_with("http"));
        link.unwrap_or_else(|| panic!("no link: {said}")).to_owned()
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.url, self.side)
    }

    /// The one-time links in the e-mails to this address.
    pub fn links_to(&self, email: &str) -> Vec<String> {
        // Undo the line ends of quoted-printable.
        let mails = self.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
        let link =
            |mail: String| mail.split_whitespace().find(|word| word.contains("/login/")).map(str::to_owned);
        mails.filter(|mail| mail.contains(email)).filter_map(link).collect()
    }

    /// The one-time link in an e-mail to this address that was not there before.
    pub async fn new_link_to(&self, email: &str, known: &[String]) -> String {
        let fresh = async || self.links_to(email).into_iter().find(|link| !known.contains(link));
        eventually("the link is sent", fresh).await
    }

    /// The e-mails that left, as they were written.
    pub fn mails(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.folder.join("mail")) else { return Vec::new() };
        folder
            .flatten()
            .map(|file| std::fs::read_to_string(file.path()).expect("an e-mail is text"))
            .collect()
    }
}

impl Drop for Product {
    #[expect(clippy::print_stderr, reason = "what the product said is for whoever reads why a test failed")]
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        if std::thread::panicking() {
            let last: Vec<_> = log.lines().rev().take(40).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("--- {} wrote last:\n{}", self.log.display(), last.join("\n"));
        } else {
            assert!(!log.contains("panicked at"), "the product panicked:\n{log}");
        }
    }
}

/// A port below those that systems give to outgoing connections, so that it is still free after a restart.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(now().timestamp_subsec_micros() % 2_000).expect("below 2000");
    loop {
        let port = 28_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 4_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
