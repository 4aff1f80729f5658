//! The simulator, in a process of its own, so that its work is not counted as the product's.

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use url::Url;

pub(super) struct Simulator {
    base: Url,
    client: Client,
    /// Killed when this goes.
    _process: Child,
}

impl Simulator {
    pub(super) async fn start() -> anyhow::Result<Self> {
        simone_platforms::tls::install();
        let mut process = Command::new(std::env::current_exe()?)
            .args(["simulate", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the simulator cannot be started")?;
        let output = process.stdout.take().context("the simulator has no output")?;
        let said = BufReader::new(output).lines().next_line().await?.unwrap_or_default();
        let address = said.split_whitespace().last().unwrap_or_default();
        let base = address.parse().with_context(|| format!("the simulator said: {said}"))?;
        // Only ever of this machine: no certificates, no proxy.
        let client = Client::builder().tls_certs_only(std::iter::empty()).no_proxy().build()?;
        Ok(Self { base, client, _process: process })
    }

    pub(super) fn url(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.base.join(path)?)
    }

    pub(super) async fn post(&self, control: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.client.post(self.url(&format!("_control/{control}"))?).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("the simulator refused {control}: {status} {text}");
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// What the account's primary calendar holds, deleted events included.
    pub(super) async fn events(&self, account: &str) -> anyhow::Result<Vec<Value>> {
        let mut url = self.url("_control/events")?;
        url.query_pairs_mut().append_pair("account", account).append_pair("calendar", "primary");
        let events: Value = serde_json::from_str(&self.client.get(url).send().await?.text().await?)?;
        Ok(events.as_array().context("the events are a list")?.clone())
    }

    /// How many requests it answered since it was last asked.
    pub(super) async fn requests(&self) -> anyhow::Result<usize> {
        Ok(self.asked().await?.len())
    }

    /// What it was asked since then: methods and paths.
    pub(super) async fn asked(&self) -> anyhow::Result<Vec<(String, String)>> {
        let url = self.url("_control/requests")?;
        let log: Value = serde_json::from_str(&self.client.get(url.clone()).send().await?.text().await?)?;
        self.client.delete(url).send().await?.error_for_status()?;
        let log = log.as_array().context("the request log is a list")?;
        let text = |request: &Value, name: &str| request[name].as_str().map(str::to_owned);
        Ok(log
            .iter()
            // What travelled in a batch was not asked by itself.
            .filter(|request| request["batch"] != true)
            .filter_map(|request| Some((text(request, "method")?, text(request, "path")?)))
            .filter(|(_, path)| !path.starts_with("/_control/"))
            .collect())
    }
}
