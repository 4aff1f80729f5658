//! The platforms that are configured: their adapters, and where they are.

use crate::config::Config;
use anyhow::Context as _;
use simone_booking::Clock;
use simone_platforms::{Google, GoogleConfig, Microsoft, MicrosoftConfig};
use simone_simulator::{
    DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, DEMO_OUTLOOK_CLIENT_ID, DEMO_OUTLOOK_CLIENT_SECRET,
};
use simone_sync::platform::{CalendarPlatform, Platform, Platforms};
use std::sync::Arc;
use url::Url;

/// One platform, as this installation is set up with it.
pub(crate) struct Configured {
    pub platform: Platform,
    pub adapter: Arc<dyn CalendarPlatform>,
    /// Its addresses by the names of their fields; the last one is that of its calendars.
    pub addresses: Vec<(&'static str, Url)>,
    /// Where browsers are sent.
    pub authorize_url: Url,
    /// That page may send browsers on to any other: an organisation lets its people sign in where it likes.
    pub signs_in_elsewhere: bool,
}

/// All that are configured, in the order in which they are offered. What is wrong is named by its field.
pub(crate) fn configured(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Vec<Configured>> {
    let mut all = Vec::new();
    if let Some(google) = &config.google {
        let adapter = Google::new(google.clone(), clock.clone()).context("`google` cannot be used")?;
        all.push(Configured {
            platform: Platform::Google,
            adapter: Arc::new(adapter),
            addresses: vec![
                ("authorize_url", google.authorize_url.clone()),
                ("token_url", google.token_url.clone()),
                ("revoke_url", google.revoke_url.clone()),
                ("userinfo_url", google.userinfo_url.clone()),
                ("api_url", google.api_url.clone()),
            ],
            authorize_url: google.authorize_url.clone(),
            signs_in_elsewhere: false,
        });
    }
    if let Some(outlook) = &config.outlook {
        let adapter = Microsoft::new(outlook.clone(), clock.clone()).context("`outlook` cannot be used")?;
        all.push(Configured {
            platform: Platform::Outlook,
            adapter: Arc::new(adapter),
            addresses: vec![("login_url", outlook.login_url.clone()), ("api_url", outlook.api_url.clone())],
            authorize_url: outlook.login_url.clone(),
            signs_in_elsewhere: true,
        });
    }
    Ok(all)
}

/// The adapters, as the engine takes them.
pub(crate) fn adapters(configured: &[Configured]) -> Platforms {
    configured.iter().map(|one| (one.platform, one.adapter.clone())).collect()
}

/// Where a form of ours may lead, after the platform's own redirects.
pub(crate) fn form_targets(configured: &[Configured]) -> Vec<String> {
    let mut targets: Vec<String> =
        configured.iter().map(|one| one.authorize_url.origin().ascii_serialization()).collect();
    if configured.iter().any(|one| one.signs_in_elsewhere && one.authorize_url.scheme() == "https") {
        targets.push("https:".to_owned());
    }
    targets.dedup();
    targets
}

/// Google as the simulator at this address plays it, with the demo's client.
pub(crate) fn simulated_google(base: &Url) -> anyhow::Result<GoogleConfig> {
    Ok(GoogleConfig {
        client_id: DEMO_CLIENT_ID.to_owned(),
        client_secret: DEMO_CLIENT_SECRET.into(),
        authorize_url: base.join("/o/oauth2/v2/auth")?,
        token_url: base.join("/token")?,
        revoke_url: base.join("/revoke")?,
        userinfo_url: base.join("/v1/userinfo")?,
        api_url: base.join("/calendar/v3")?,
    })
}

/// Microsoft, in the same way.
pub(crate) fn simulated_outlook(base: &Url) -> anyhow::Result<MicrosoftConfig> {
    Ok(MicrosoftConfig {
        client_id: DEMO_OUTLOOK_CLIENT_ID.to_owned(),
        client_secret: DEMO_OUTLOOK_CLIENT_SECRET.into(),
        tenant: "common".to_owned(),
        login_url: base.clone(),
        api_url: base.join("/v1.0")?,
    })
}
