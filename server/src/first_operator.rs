//! The first start: an installation without an operator gets one, or is told how.

use crate::assemble::{Product, address};
use crate::config::Config;
use crate::say;
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono_tz::Tz;
use simone_booking::Locale;
use simone_store::NewOperator;

/// An operator to be, named after their e-mail address if by nothing else.
pub(crate) fn named(email: String, name: Option<String>, zone: Tz, locale: Locale) -> NewOperator {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    NewOperator { name, email, zone, locale }
}

/// A link that logs in, once, whoever has this address.
pub(crate) async fn link(product: &Product, config: &Config, email: &str) -> anyhow::Result<String> {
    let token = URL_SAFE_NO_PAD.encode(product.ids.bytes::<32>());
    let made = product.database.tell_login_link(email, &token, product.clock.now()).await?;
    ensure!(made, "nobody has the e-mail address {email}");
    Ok(address(&config.public_url, &format!("login/{token}")))
}

/// Makes the operator that the configuration names if there is none, and says how to log in.
pub(crate) async fn greet(product: &Product, config: &Config) -> anyhow::Result<()> {
    if product.database.has_operator().await? {
        return Ok(());
    }
    let Some(operator) = &config.operator else {
        say(
            "There is no operator yet, who invites providers and sees how their connections are: set `operator.email` \
             (SIMONE_OPERATOR__EMAIL) and start again, or run `simone operator add --email …`.",
        );
        return Ok(());
    };
    let new = named(operator.email.clone(), operator.name.clone(), operator.zone, operator.locale);
    let added = product.database.add_first_operator(&new, "configuration", product.clock.now()).await?;
    // Another process that starts at the same time was faster.
    if added.is_some() {
        let link = link(product, config, &operator.email).await?;
        say(&format!("{} is the first operator. To log in, once, within 15 minutes: {link}", operator.email));
    }
    Ok(())
}
