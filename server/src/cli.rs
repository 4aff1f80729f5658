//! The commands.

use crate::{assemble, bench, config::Config, demo, doctor, first_operator, operate, say, tokens};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand};
use simone_booking::Locale;
use simone_store::NewProvider;
use std::path::PathBuf;

/// Keeps each provider's Google and Outlook calendars and Simone in agreement.
#[derive(Debug, Parser)]
#[command(name = "simone", version, about = "Keeps each provider's own calendars and Simone in agreement")]
pub(crate) struct Cli {
    /// The configuration file.
    #[arg(long, global = true, env = "SIMONE_CONFIG", default_value = "simone.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the product and its simulators on this machine, with a demo provider. Needs no configuration.
    Demo(demo::Options),
    /// Runs the product.
    Serve,
    /// Runs the simulators alone.
    Simulate(Simulate),
    /// Brings the database's schema up to date, or moves everything into another database.
    Migrate(operate::Migrate),
    /// Seals everything anew under the first of the configured keys, while the product runs.
    RotateKeys(operate::RotateKeys),
    /// Writes a copy of everything into a new file, while the product runs.
    Backup(operate::Backup),
    /// Checks the configuration, and whatever the product needs around it.
    Doctor,
    /// Measures what the product costs. Needs nothing set up.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Manages providers.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Manages the tokens of the API.
    #[command(subcommand)]
    Token(tokens::TokenCommand),
    /// Manages operators, who look after the installation.
    #[command(subcommand)]
    Operator(OperatorCommand),
}

#[derive(Debug, Subcommand)]
enum OperatorCommand {
    /// Makes somebody an operator and prints a one-time link to log in with; of one who is an operator already it only
    /// prints the link.
    Add {
        #[arg(long)]
        email: String,
        /// By default what stands before the `@`.
        #[arg(long)]
        name: Option<String>,
        /// In which the pages show times (an IANA name).
        #[arg(long, default_value = "Europe/Paris")]
        zone: Tz,
        /// `fr` or `en`.
        #[arg(long, default_value = "fr")]
        locale: Locale,
    },
}

#[derive(Debug, Args)]
struct Simulate {
    /// The port on 127.0.0.1.
    #[arg(long, default_value_t = 4010)]
    port: u16,
    /// Makes identifiers and tokens repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A file in which accounts, calendars, events and grants outlive the process.
    #[arg(long)]
    state_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ProviderCommand {
    /// Adds a provider and prints a one-time link to log in with.
    Add {
        /// As clients and the agenda name them.
        #[arg(long)]
        name: String,
        /// Where their links are sent.
        #[arg(long)]
        email: String,
        /// The zone of their working days (an IANA name).
        #[arg(long, default_value = "Europe/Paris")]
        zone: Tz,
        /// `fr` or `en`.
        #[arg(long, default_value = "fr")]
        locale: Locale,
    },
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Demo(options) => demo::run(options).await,
        Command::Serve => {
            let config = Config::load(&cli.config)?;
            let product = assemble::Product::open_with_any_keys(&config).await?;
            if product.database.installation("demo").await?.is_some() {
                bail!("this database belongs to the demo: `serve` needs one of its own (database.url)");
            }
            if product.database.api_caller(demo::API_TOKEN, product.clock.now()).await?.is_some() {
                bail!(
                    "this database knows the demo's token of the API: withdraw it (`simone token withdraw`)"
                );
            }
            product.check_keys().await?;
            say(&format!("simone is at {}", config.public_url));
            first_operator::greet(&product, &config).await?;
            product.serve(&config, None, assemble::stop_signal()).await
        }
        Command::Simulate(Simulate { port, seed, state_file }) => {
            let options =
                simone_simulator::Options { port, seed, demo: true, state_file, ..Default::default() };
            let running = simone_simulator::start(options).await.with_context(|| occupied(port))?;
            say(&format!("The simulators are at {}", running.base_url()));
            assemble::stop_signal().await;
            running.stop().await;
            Ok(())
        }
        Command::Migrate(migrate) => operate::migrate(&cli.config, migrate).await,
        Command::RotateKeys(rotate) => operate::rotate_keys(&Config::load(&cli.config)?, rotate).await,
        Command::Backup(backup) => operate::backup(&Config::load(&cli.config)?, backup).await,
        Command::Doctor => doctor::run(&cli.config).await,
        Command::Bench(bench) => bench::run(bench).await,
        Command::Token(command) => {
            let config = Config::load(&cli.config)?;
            let product = assemble::Product::open(&config).await?;
            tokens::run(&product, command).await?;
            product.database.close().await;
            Ok(())
        }
        Command::Operator(OperatorCommand::Add { email, name, zone, locale }) => {
            let config = Config::load(&cli.config)?;
            let product = assemble::Product::open(&config).await?;
            if !email.contains('@') {
                bail!("an operator needs an e-mail address");
            }
            let new = first_operator::named(email.clone(), name, zone, locale);
            let now = product.clock.now();
            let added = product.database.add_operator(&new, "command line", now).await?;
            let what = if added.is_some() { "Added" } else { "They are an operator already" };
            let link = first_operator::link(&product, &config, &email).await?;
            say(&format!("{what}. To log in, once, within 15 minutes: {link}"));
            product.database.close().await;
            Ok(())
        }
        Command::Provider(ProviderCommand::Add { name, email, zone, locale }) => {
            let config = Config::load(&cli.config)?;
            let product = assemble::Product::open(&config).await?;
            if !email.contains('@') || name.trim().is_empty() {
                bail!("a provider needs a name and an e-mail address");
            }
            let now = product.clock.now();
            let new = NewProvider { name, email: email.clone(), zone, locale };
            let Some(provider) = product.database.add_provider(&new, now).await? else {
                bail!("there is a provider with the e-mail address {email} already");
            };
            let token = URL_SAFE_NO_PAD.encode(product.ids.bytes::<32>());
            product.database.send_login_link(&email, &token, now).await?;
            tracing::info!(%provider, "a provider was added");
            say(&format!(
                "Added. To log in, once: {}",
                assemble::address(&config.public_url, &format!("login/{token}"))
            ));
            product.database.close().await;
            Ok(())
        }
    }
}

pub(crate) fn occupied(port: u16) -> String {
    format!("cannot listen on port {port}: is something else running there?")
}
