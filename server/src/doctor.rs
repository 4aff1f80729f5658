//! `simone doctor`: one line for each thing that the product needs, and what is wrong with it.

use crate::assemble::Product;
use crate::config::Config;
use crate::{mail, platforms, say};
use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use simone_app::platform_name;
use simone_booking::{Clock, SystemClock};
use simone_platforms::tls;
use simone_store::transfer;
use simone_sync::platform::Platform;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A platform that takes longer than this is as good as unreachable.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tokens and leases go by the clock: this much may it be wrong.
const MOST_SKEW: TimeDelta = TimeDelta::seconds(60);

/// Counts what is wrong.
#[derive(Default)]
struct Report {
    wrong: usize,
}

impl Report {
    fn well(&self, what: &str, words: &str) {
        say(&format!("ok     {what}: {words}"));
    }

    /// Works, but an operator may want to know.
    fn note(&self, what: &str, words: &str) {
        say(&format!("note   {what}: {words}"));
    }

    fn wrong(&mut self, what: &str, words: &str) {
        self.wrong += 1;
        say(&format!("WRONG  {what}: {words}"));
    }
}

pub(crate) async fn run(file: &Path) -> anyhow::Result<()> {
    let mut report = Report::default();
    match Config::load(file) {
        Ok(config) => {
            report.well("configuration", &format!("readable; public_url is {}", config.public_url));
            if config.public_url.scheme() == "http" && !is_local(&config) {
                report.note(
                    "public_url",
                    "not https: sessions can be overheard, and platforms refuse such addresses",
                );
            }
            database(&config, &mut report).await;
            mails(&config, &mut report).await;
            check_platforms(&config, &mut report).await;
            // Nothing is sent: a receiver would take it for a message.
            match &config.webhooks {
                Some(webhooks) => {
                    let host = webhooks.url.host_str().unwrap_or("it");
                    report.well("webhooks", &format!("{host} is told of bookings and conflicts"));
                }
                None => report
                    .note("webhooks", "not configured: no marketplace is told of bookings and conflicts"),
            }
        }
        Err(error) => report.wrong("configuration", &format!("{error:#}")),
    }
    if report.wrong > 0 {
        let are = if report.wrong == 1 { "is" } else { "are" };
        bail!("{} of these {are} wrong", report.wrong);
    }
    Ok(())
}

fn is_local(config: &Config) -> bool {
    config.public_url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"))
}

/// Without making or changing anything: a schema that is behind is for `simone migrate`.
async fn database(config: &Config, report: &mut Report) {
    let schema = match transfer::schema(&config.database.url).await {
        Ok(schema) => schema,
        Err(transfer::TransferError::Missing(_)) => {
            report.wrong("database", "there is none yet: `simone migrate` makes it");
            return;
        }
        Err(error) => {
            report.wrong("database", &format!("{:#}", anyhow::Error::from(error)));
            return;
        }
    };
    if !schema.current {
        let words = format!(
            "reachable, but {} of {} migrations are applied: run `simone migrate`",
            schema.applied, schema.known
        );
        report.wrong("database", &words);
        return;
    }
    report.well("database", &format!("reachable, schema {} of {}", schema.applied, schema.known));
    let product = match Product::open_with_any_keys(config).await {
        Ok(product) => product,
        Err(error) => return report.wrong("database", &format!("{error:#}")),
    };
    match product.database.check_keys().await {
        Ok(Ok(())) => report.well("encryption.keys", "they open what is stored"),
        Ok(Err(refused)) => report.wrong("encryption.keys", &refused.to_string()),
        Err(error) => report.wrong("database", &format!("{:#}", anyhow::Error::from(error))),
    }
    match product.database.failing_webhooks().await {
        Ok((0, 0)) => {}
        Ok((waiting, given_up)) => {
            let words =
                format!("not taken by the receiver: {waiting} that are tried again, {given_up} given up");
            report.note("webhooks", &words);
        }
        Err(error) => report.wrong("database", &format!("{:#}", anyhow::Error::from(error))),
    }
    product.database.close().await;
}

async fn mails(config: &Config, report: &mut Report) {
    match mail::Mailer::new(&config.mail, config.public_url.clone()) {
        Ok(mailer) => match mailer.check().await {
            Ok(words) => report.well("mail", words),
            Err(words) => report.wrong("mail", words),
        },
        Err(error) => report.wrong("mail", &format!("{error:#}")),
    }
}

async fn check_platforms(config: &Config, report: &mut Report) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let configured = match platforms::configured(config, &clock) {
        Ok(configured) => configured,
        Err(error) => return report.wrong("platforms", &format!("{error:#}")),
    };
    for platform in Platform::ALL {
        if configured.iter().all(|one| one.platform != platform) {
            let words = format!("not configured: nobody can connect {}", platform_name(platform));
            report.note(platform.code(), &words);
        }
    }
    tls::install();
    let client =
        reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    let client = match client {
        Ok(client) => client,
        Err(_) => return report.wrong("platforms", "no request can be made from here"),
    };
    let mut clock_told = false;
    for one in &configured {
        for (field, url) in &one.addresses {
            // Any answer will do: without a token most of these refuse.
            let name = format!("{}.{field}", one.platform);
            match client.get(url.clone()).send().await {
                Ok(answer) => {
                    report.well(&name, &format!("{} answers", url.host_str().unwrap_or("it")));
                    if *field == "api_url" && !clock_told {
                        clock_told = true;
                        check_clock(answer.headers().get("date"), report);
                    }
                }
                Err(error) => {
                    let why =
                        if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
                    report.wrong(&name, &format!("{} {why}", url.host_str().unwrap_or("it")));
                }
            }
        }
    }
}
/// The platform's clock against ours.
fn check_clock(date: Option<&reqwest::header::HeaderValue>, report: &mut Report) {
    let date = date.and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
        return report.note("clock", "the platform did not say what time it is");
    };
    let skew = SystemClock.now() - theirs.with_timezone(&Utc);
    let words = format!("{} s from the platform's", skew.num_seconds());
    if skew.abs() > MOST_SKEW {
        report.wrong("clock", &format!("{words}: set it, tokens expire by it"));
    } else {
        report.well("clock", &words);
    }
}
