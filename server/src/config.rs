//! The configuration: `simone.toml` and `SIMONE_…` variables, into one typed struct. What is wrong is refused at
//! the start, by name.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono_tz::Tz;
use config::{Environment, File, FileFormat};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use serde::Deserialize;
use simone_booking::Locale;
use simone_platforms::{GoogleConfig, MicrosoftConfig};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the product stands, as browsers and platforms know it.
    pub public_url: Url,
    /// Where it listens.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
    #[serde(default)]
    pub database: DatabaseConfig,
    pub encryption: EncryptionConfig,
    #[serde(default)]
    pub mail: MailConfig,
    #[serde(default)]
    pub sync: SyncConfig,
    #[serde(default)]
    pub limits: LimitsConfig,
    #[serde(default)]
    pub api: ApiConfig,
    /// Without it nobody is told.
    pub webhooks: Option<WebhooksConfig>,
    /// Without either nobody can connect a calendar.
    pub google: Option<GoogleConfig>,
    pub outlook: Option<MicrosoftConfig>,
    /// The first operator, made when there is none.
    pub operator: Option<OperatorConfig>,
}

/// Who looks after the installation at first. Later changes of it change nothing: operators make operators.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorConfig {
    pub email: String,
    /// By default what stands before the `@`.
    pub name: Option<String>,
    /// In which the pages show times (an IANA name).
    #[serde(default = "default_zone")]
    pub zone: Tz,
    /// `fr` or `en`.
    #[serde(default)]
    pub locale: Locale,
}

fn default_zone() -> Tz {
    chrono_tz::Europe::Paris
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// The most connections held to it.
    pub connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: "sqlite:simone.db".to_owned(), connections: 8 }
    }
}

/// Keys of encryption at rest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EncryptionConfig {
    /// Each `id:base64 of 32 bytes`. The first encrypts; the others decrypt what they encrypted.
    pub keys: Vec<SecretString>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MailConfig {
    pub from: String,
    /// `smtps://user:password@host`, or `smtp://…` with `?tls=required`.
    pub smtp: Option<SecretString>,
    /// Instead of sending: a folder into which each e-mail is written.
    pub folder: Option<PathBuf>,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self { from: "Simone <simone@localhost>".to_owned(), smtp: None, folder: None }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyncConfig {
    /// Rounds that run at once.
    pub concurrent_rounds: usize,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self { concurrent_rounds: 16 }
    }
}

/// How much is carried at once. What is beyond is refused, in words, rather than slowing down the rest.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Connections of browsers and machines. Each takes a file descriptor.
    pub connections: usize,
    /// Requests that are being answered.
    pub requests: usize,
    /// Open pages that are told of changes; those beyond ask once a minute.
    pub live_pages: usize,
    /// Bookings that one address may ask for at once; it gets two more each minute.
    pub bookings: u32,
    /// In which a request has to arrive: its headers, and then its body.
    pub patience_seconds: u64,
}

impl LimitsConfig {
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds.max(1))
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { connections: 900, requests: 200, live_pages: 500, bookings: 20, patience_seconds: 15 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiConfig {
    /// A token that reaches the whole installation, beside those that operators make.
    pub token: Option<SecretString>,
    /// Requests that each token may make, on average; a fifth of them at once.
    pub requests_per_minute: u32,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { token: None, requests_per_minute: 600 }
    }
}

/// Whom to tell of bookings and conflicts: the marketplace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhooksConfig {
    /// `https`, unless it is on this machine.
    pub url: Url,
    /// By which the receiver knows that it was us: `whsec_` and the base64 of 24 to 64 random bytes.
    pub secret: SecretString,
}

impl ApiConfig {
    fn check(&self) -> anyhow::Result<()> {
        if let Some(token) = self.token.as_ref().map(|token| token.expose_secret()) {
            if token == crate::demo::API_TOKEN {
                bail!("`api.token` is the demo's");
            }
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                bail!("`api.token` must be of letters, digits and signs that fit into a header");
            }
        }
        if !(1..=1_000_000).contains(&self.requests_per_minute) {
            bail!("`api.requests_per_minute` must be from 1 to 1000000");
        }
        Ok(())
    }
}

/// The client by which a platform knows us.
fn check_client(section: &str, id: &str, secret: &SecretString) -> anyhow::Result<()> {
    if id.trim().is_empty() {
        bail!("`{section}.client_id` is empty");
    }
    if secret.expose_secret().trim().is_empty() {
        bail!("`{section}.client_secret` is empty");
    }
    if [simone_simulator::DEMO_CLIENT_ID, simone_simulator::DEMO_OUTLOOK_CLIENT_ID].contains(&id) {
        bail!("`{section}.client_id` is the demo's");
    }
    Ok(())
}

/// Variables that are no settings: they say where the file is, and what is logged.
const NOT_SETTINGS: [&str; 2] = ["SIMONE_CONFIG", "SIMONE_LOG"];

fn environment(variables: HashMap<String, String>) -> Environment {
    Environment::with_prefix("SIMONE")
        .prefix_separator("_")
        .separator("__")
        .list_separator(",")
        .with_list_parse_key("encryption.keys")
        .with_list_parse_key("trusted_proxies")
        .try_parsing(true)
        .source(Some(variables))
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 3000))
}

impl Config {
    /// Reads the file, if it is there, and the `SIMONE_…` variables (`SIMONE_DATABASE__URL`), which win.
    pub(crate) fn load(file: &Path) -> anyhow::Result<Self> {
        let settings = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()))
            .collect();
        let environment = environment(settings);
        Self::read(File::from(file).format(FileFormat::Toml).required(false), environment).with_context(
            || format!("the configuration ({} and SIMONE_… variables) cannot be used", file.display()),
        )
    }

    fn read(
        file: impl config::Source + Send + Sync + 'static,
        environment: Environment,
    ) -> anyhow::Result<Self> {
        let sources = config::Config::builder().add_source(file).add_source(environment).build()?;
        let config: Self = sources.try_deserialize()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        if !matches!(self.public_url.scheme(), "http" | "https") || self.public_url.host().is_none() {
            bail!("`public_url` must be an http or https address");
        }
        if self.encryption.keys.is_empty() {
            bail!("`encryption.keys` needs at least one key");
        }
        if self.keys()?.iter().any(|(id, _)| id == crate::demo::KEY_ID) {
            bail!("`encryption.keys` holds the demo's key");
        }
        if self.sync.concurrent_rounds == 0 {
            bail!("`sync.concurrent_rounds` must be at least 1");
        }
        self.api.check()?;
        if let Some(webhooks) = &self.webhooks {
            webhooks.check()?;
        }
        if self.operator.as_ref().is_some_and(|operator| !operator.email.contains('@')) {
            bail!("`operator.email` is not an e-mail address");
        }
        if self.mail.smtp.is_some() && self.mail.folder.is_some() {
            bail!("`mail.smtp` and `mail.folder` exclude each other");
        }
        if let Some(google) = &self.google {
            check_client("google", &google.client_id, &google.client_secret)?;
        }
        if let Some(outlook) = &self.outlook {
            check_client("outlook", &outlook.client_id, &outlook.client_secret)?;
        }
        Ok(())
    }

    /// The keys of encryption, the current one first.
    pub(crate) fn keys(&self) -> anyhow::Result<Vec<(String, SecretBox<Vec<u8>>)>> {
        let mut keys = Vec::new();
        for (index, key) in self.encryption.keys.iter().enumerate() {
            let Some((id, key)) = key.expose_secret().split_once(':') else {
                bail!("`encryption.keys[{index}]` is not of the form `id:base64`");
            };
            let bytes = STANDARD
                .decode(key.trim())
                .ok()
                .filter(|bytes| bytes.len() == 32)
                .with_context(|| format!("`encryption.keys[{index}]` is not the base64 of 32 bytes"))?;
            keys.push((id.trim().to_owned(), SecretBox::new(Box::new(bytes))));
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn read(toml: &str, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
        let variables: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::read(File::from_str(toml, FileFormat::Toml), environment(variables))
    }

    #[test]
    fn a_file_and_variables_make_one_configuration() {
        let config = read(
            "public_url = 'https://simone.test'\n[google]\nclient_id = 'id'\nclient_secret = 'hush'",
            &[("SIMONE_ENCRYPTION__KEYS", KEY), ("SIMONE_DATABASE__URL", "postgres://db")],
        )
        .unwrap();
        assert_eq!(config.database.url, "postgres://db");
        assert_eq!(config.google.unwrap().api_url.as_str(), "https://www.googleapis.com/calendar/v3");
        assert!(config.outlook.is_none(), "each platform is configured for itself");
    }

    #[test]
    fn a_platform_is_configured_by_variables_alone() {
        let config = read(
            "public_url = 'https://simone.test'",
            &[
                ("SIMONE_ENCRYPTION__KEYS", KEY),
                ("SIMONE_OUTLOOK__CLIENT_ID", "5d0c"),
                ("SIMONE_OUTLOOK__CLIENT_SECRET", "hush"),
                ("SIMONE_OUTLOOK__TENANT", "organizations"),
            ],
        )
        .unwrap();
        assert!(config.google.is_none());
        let outlook = config.outlook.unwrap();
        assert_eq!((outlook.client_id.as_str(), outlook.tenant.as_str()), ("5d0c", "organizations"));
        assert_eq!(outlook.login_url.as_str(), "https://login.microsoftonline.com/");
        assert_eq!(outlook.api_url.as_str(), "https://graph.microsoft.com/v1.0");
    }

    const LONG: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn webhooks(url: &str, secret: &str) -> String {
        format!(
            "public_url = 'https://simone.test'\n[webhooks]\nurl = '{url}'\nsecret = '{secret}'\n[encryption]\nkeys = ['{KEY}']"
        )
    }

    #[test]
    fn webhooks_go_to_https_or_to_this_machine() {
        for url in ["https://shop.test/hook", "http://127.0.0.1:9/hook", "http://localhost/", "http://[::1]/"]
        {
            let config = read(&webhooks(url, LONG), &[]).unwrap();
            assert_eq!(config.webhooks.unwrap().url.as_str(), url);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with_key = |toml: &str| format!("{toml}\n[encryption]\nkeys = ['{KEY}']");
        let cases = [
            (with_key(""), "public_url"),
            (with_key("public_url = 'ftp://simone.test'"), "public_url"),
            (with_key("public_url = 'https://simone.test'\npublik = 1"), "publik"),
            ("public_url = 'https://simone.test'".to_owned(), "encryption"),
            ("public_url = 'https://simone.test'\n[encryption]\nkeys = []".to_owned(), "encryption.keys"),
            (
                "public_url = 'https://simone.test'\n[encryption]\nkeys = ['k1:AAAA']".to_owned(),
                "encryption.keys[0]",
            ),
            (
                with_key("public_url = 'https://simone.test'\n[sync]\nconcurrent_rounds = 0"),
                "sync.concurrent_rounds",
            ),
            (with_key("public_url = 'https://simone.test'\n[operator]\nemail = 'nobody'"), "operator.email"),
            (with_key("public_url = 'https://simone.test'\n[operator]\nname = 'A'"), "email"),
            (
                with_key("public_url = 'https://simone.test'\n[api]\ntoken = 'demo'"),
                "`api.token` is the demo's",
            ),
            (with_key("public_url = 'https://simone.test'\n[api]\ntoken = 'a b'"), "api.token"),
            (
                with_key("public_url = 'https://simone.test'\n[api]\nrequests_per_minute = 0"),
                "api.requests_per_minute",
            ),
            (webhooks("https://shop.test/hook", "whsec_AAAA"), "webhooks.secret"),
            (webhooks("https://shop.test/hook", &"é".repeat(40)), "webhooks.secret"),
            (webhooks("http://shop.test/hook", LONG), "webhooks.url"),
            (webhooks("ftp://127.0.0.1/hook", LONG), "webhooks.url"),
            (webhooks("/hook", LONG), "webhooks.url"),
            (
                with_key("public_url = 'https://simone.test'\n[webhooks]\nurl = 'https://shop.test/hook'"),
                "secret",
            ),
            (
                with_key(&format!(
                    "public_url = 'https://simone.test'\n[google]\nclient_id = '{}'\nclient_secret = 'x'",
                    simone_simulator::DEMO_CLIENT_ID
                )),
                "`google.client_id` is the demo's",
            ),
            (
                with_key(&format!(
                    "public_url = 'https://simone.test'\n[outlook]\nclient_id = '{}'\nclient_secret = 'x'",
                    simone_simulator::DEMO_OUTLOOK_CLIENT_ID
                )),
                "`outlook.client_id` is the demo's",
            ),
            (
                with_key(
                    "public_url = 'https://simone.test'\n[outlook]\nclient_id = ' '\nclient_secret = 'x'",
                ),
                "outlook.client_id",
            ),
            (
                with_key(
                    "public_url = 'https://simone.test'\n[outlook]\nclient_id = 'x'\nclient_secret = ''",
                ),
                "outlook.client_secret",
            ),
            (with_key("public_url = 'https://simone.test'\n[outlook]\nclient_id = 'x'"), "client_secret"),
            (
                with_key(
                    "public_url = 'https://simone.test'\n[outlook]\nclient_id = 'x'\nclient_secret = 'x'\ntenent = 'c'",
                ),
                "tenent",
            ),
        ];
        for (toml, named) in cases {
            let error = format!("{:#}", read(&toml, &[]).unwrap_err());
            assert!(error.contains(named), "{toml}\n{error}");
            assert!(!error.contains("AAAA"), "a key is in the error: {error}");
        }
    }
}
