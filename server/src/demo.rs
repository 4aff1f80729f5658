//! The demo: the product, its simulators and a provider, on this machine, with no configuration and no network.

use crate::assemble::{Product, stop_signal};
use crate::config::{
    ApiConfig, Config, DatabaseConfig, EncryptionConfig, LimitsConfig, MailConfig, SyncConfig,
};
use crate::platforms::{simulated_google, simulated_outlook};
use crate::say;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rand::{Rng as _, rngs::StdRng};
use simone_booking::Locale;
use simone_booking::hours::{WeeklyHours, Window};
use simone_booking::service::{Place, ServiceTerms};
use simone_store::{NewOperator, NewProvider};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

/// The id of the demo's key; `serve` refuses it.
pub(crate) const KEY_ID: &str = "demo";

/// The demo's token of the API, unless a variable says otherwise; `serve` refuses it.
pub(crate) const API_TOKEN: &str = "demo";

const PROVIDER_NAME: &str = "Camille Moreau";
const PROVIDER_EMAIL: &str = "camille@simone.test";
const OPERATOR_NAME: &str = "Robin Lefèvre";
const OPERATOR_EMAIL: &str = "robin@simone.test";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The product's port on 127.0.0.1.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The simulators' port on 127.0.0.1.
    #[arg(long, default_value_t = 4010)]
    simulator_port: u16,
    /// Where the demo keeps its data. Remove it to begin afresh.
    #[arg(long, default_value = "data/demo")]
    data_dir: PathBuf,
    /// The token of the API.
    #[arg(long, env = "SIMONE_API__TOKEN", hide_env_values = true, default_value = API_TOKEN)]
    api_token: String,
}

pub(crate) async fn run(mut options: Options) -> anyhow::Result<()> {
    if options.api_token.is_empty() {
        options.api_token = API_TOKEN.to_owned();
    }
    let folder = &options.data_dir;
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let simulator = simone_simulator::start(simone_simulator::Options {
        port: options.simulator_port,
        seed: 1,
        demo: true,
        state_file: Some(folder.join("simulators.json")),
        ..Default::default()
    })
    .await
    .with_context(|| crate::cli::occupied(options.simulator_port))?;
    let simulator_url = simulator.base_url();
    let public_url: Url = format!("http://127.0.0.1:{}", options.port).parse()?;
    let config = config(&options, &public_url, &simulator_url)?;
    let product = Product::open(&config).await.with_context(|| {
        format!("the demo's data cannot be used; remove {} to begin afresh", folder.display())
    })?;
    product.database.set_installation("demo", "yes").await?;
    let provider = NewProvider {
        name: PROVIDER_NAME.to_owned(),
        email: PROVIDER_EMAIL.to_owned(),
        zone: chrono_tz::Europe::Paris,
        locale: Locale::Fr,
    };
    // `None`: they are there since the last time.
    product.database.add_provider(&provider, product.clock.now()).await?;
    offer(&product).await?;
    let operator = NewOperator {
        name: OPERATOR_NAME.to_owned(),
        email: OPERATOR_EMAIL.to_owned(),
        zone: chrono_tz::Europe::Paris,
        locale: Locale::Fr,
    };
    product.database.add_operator(&operator, "configuration", product.clock.now()).await?;
    say(&format!(
        "\n  Simone, la démo\n\n  \
         L’application      {public_url}\n  \
         Les agendas (simulés, Google et Outlook)\n                     {simulator_url}\n  \
         Les e-mails        {public_url}demo/mail\n  \
         L’API              {public_url}api/v1/openapi.json{token}\n  \
         Les données        {}\n\n  \
         À essayer : entrez comme {PROVIDER_NAME}, ouvrez « Calendriers », connectez Google Calendar ou Outlook,\n  \
         puis déplacez un événement sur la page du simulateur et regardez l’agenda suivre.\n  \
         Ctrl+C arrête tout.\n",
        folder.display(),
        token = if options.api_token == API_TOKEN { " (jeton : demo)" } else { "" },
    ));
    let demo = simone_app::Demo {
        provider: PROVIDER_EMAIL.to_owned(),
        name: PROVIDER_NAME.to_owned(),
        operator: Some(simone_app::DemoOperator {
            email: OPERATOR_EMAIL.to_owned(),
            name: OPERATOR_NAME.to_owned(),
        }),
        mailbox: Some("/demo/mail".to_owned()),
        simulator: Some(simulator_url),
    };
    let served = product.serve(&config, Some(demo), stop_signal()).await;
    simulator.stop().await;
    served
}

/// What the provider offers, and when: once, so that what is changed in the demo stays changed.
async fn offer(product: &Product) -> anyhow::Result<()> {
    const OFFERED: &str = "demo_offered";
    let (database, now) = (&product.database, product.clock.now());
    let provider = database.provider_by_email(PROVIDER_EMAIL).await?;
    let (Some(provider), None) = (provider, database.installation(OFFERED).await?) else { return Ok(()) };
    let at_the_clients = ServiceTerms {
        name: "Massage 60min".to_owned(),
        duration_minutes: 60,
        price_cents: Some(7_000),
        buffer_before_minutes: 15,
        buffer_after_minutes: 15,
        place: Place::Client,
        address: String::new(),
    };
    let longer = ServiceTerms {
        name: "Massage 90min".to_owned(),
        duration_minutes: 90,
        price_cents: Some(9_500),
        ..at_the_clients.clone()
    };
    let at_the_practice = ServiceTerms {
        name: "Réflexologie plantaire".to_owned(),
        duration_minutes: 45,
        price_cents: Some(5_000),
        buffer_before_minutes: 0,
        buffer_after_minutes: 15,
        place: Place::Provider,
        address: "12 rue des Tilleuls, 75011 Paris".to_owned(),
    };
    for terms in [at_the_clients, longer, at_the_practice] {
        database.add_service(provider.id, &terms, now).await?;
    }
    let from = |start: (u16, u16), end: (u16, u16)| Window {
        start: 60 * start.0 + start.1,
        end: 60 * end.0 + end.1,
    };
    let weekday = vec![from((9, 0), (12, 30)), from((13, 30), (19, 0))];
    let mut week: WeeklyHours = std::array::from_fn(|_| weekday.clone());
    week[5] = vec![from((9, 0), (13, 0))];
    week[6] = Vec::new();
    database.set_weekly_hours(provider.id, &week, now).await?;
    database.set_installation(OFFERED, "yes").await?;
    Ok(())
}

fn config(options: &Options, public_url: &Url, simulator_url: &str) -> anyhow::Result<Config> {
    let folder = &options.data_dir;
    let simulator: Url = simulator_url.parse()?;
    Ok(Config {
        public_url: public_url.clone(),
        listen: SocketAddr::from(([127, 0, 0, 1], options.port)),
        trusted_proxies: Vec::new(),
        database: DatabaseConfig {
            url: format!("sqlite:{}", folder.join("simone.db").display()),
            connections: 4,
        },
        encryption: EncryptionConfig { keys: vec![key(folder)?.into()] },
        mail: MailConfig {
            from: "Simone <simone@simone.test>".to_owned(),
            smtp: None,
            folder: Some(folder.join("mail")),
        },
        sync: SyncConfig::default(),
        api: ApiConfig { token: Some(options.api_token.clone().into()), ..ApiConfig::default() },
        webhooks: None,
        operator: None,
        limits: LimitsConfig::default(),
        google: Some(simulated_google(&simulator)?),
        outlook: Some(simulated_outlook(&simulator)?),
    })
}

/// The demo's key, made at its first start.
fn key(folder: &Path) -> anyhow::Result<String> {
    let file = folder.join("key");
    if let Ok(key) = std::fs::read_to_string(&file) {
        return Ok(key.trim().to_owned());
    }
    let mut bytes = [0; 32];
    rand::make_rng::<StdRng>().fill_bytes(&mut bytes);
    let key = format!("{KEY_ID}:{}", STANDARD.encode(bytes));
    std::fs::write(&file, &key).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(key)
}
