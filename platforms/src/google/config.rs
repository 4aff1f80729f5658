//! Where Google is, and who we are to it.

use crate::http::BuildError;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// The `[google]` section of the configuration. The addresses are Google's own unless given (reference sheet 1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleConfig {
    /// The OAuth client, as Google's console shows it.
    pub client_id: String,
    pub client_secret: SecretString,
    /// Where the provider's browser goes.
    #[serde(default = "authorize_url")]
    pub authorize_url: Url,
    #[serde(default = "token_url")]
    pub token_url: Url,
    #[serde(default = "revoke_url")]
    pub revoke_url: Url,
    #[serde(default = "userinfo_url")]
    pub userinfo_url: Url,
    /// The base of the Calendar API, with or without a slash at its end.
    #[serde(default = "api_url")]
    pub api_url: Url,
}

impl GoogleConfig {
    pub(super) fn addresses(&self) -> [(&'static str, &Url); 5] {
        [
            ("authorize_url", &self.authorize_url),
            ("token_url", &self.token_url),
            ("revoke_url", &self.revoke_url),
            ("userinfo_url", &self.userinfo_url),
            ("api_url", &self.api_url),
        ]
    }

    /// Every address is one that can be asked.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        match self.addresses().into_iter().find(|(_, url)| !matches!(url.scheme(), "http" | "https")) {
            Some((name, _)) => Err(BuildError::Address(name)),
            None => Ok(()),
        }
    }
}

fn authorize_url() -> Url {
    known("https://accounts.google.com/o/oauth2/v2/auth")
}

fn token_url() -> Url {
    known("https://oauth2.googleapis.com/token")
}

fn revoke_url() -> Url {
    known("https://oauth2.googleapis.com/revoke")
}

fn userinfo_url() -> Url {
    known("https://openidconnect.googleapis.com/v1/userinfo")
}

fn api_url() -> Url {
    known("https://www.googleapis.com/calendar/v3")
}

fn known(address: &str) -> Url {
    address.parse().expect("an address written here is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use serde_json::json;

    #[test]
    fn needs_the_client_alone() {
        let config: GoogleConfig =
            serde_json::from_value(json!({"client_id": "id", "client_secret": "hush"})).unwrap();
        assert_eq!(config.client_secret.expose_secret(), "hush");
        assert!(!format!("{config:?}").contains("hush"));
        let addresses: Vec<&str> = config.addresses().into_iter().map(|(_, url)| url.as_str()).collect();
        assert_eq!(
            addresses,
            [
                "https://accounts.google.com/o/oauth2/v2/auth",
                "https://oauth2.googleapis.com/token",
                "https://oauth2.googleapis.com/revoke",
                "https://openidconnect.googleapis.com/v1/userinfo",
                "https://www.googleapis.com/calendar/v3",
            ]
        );
        assert!(config.check().is_ok());
    }

    #[test]
    fn names_what_is_wrong() {
        let with = |name: &str, value: &str| {
            let mut config = json!({"client_id": "id", "client_secret": "hush"});
            config[name] = json!(value);
            serde_json::from_value::<GoogleConfig>(config)
        };
        assert!(with("token_urll", "http://localhost").unwrap_err().to_string().contains("token_urll"));
        assert!(with("token_url", "localhost").is_err());
        let error = with("revoke_url", "mailto:google").unwrap().check().unwrap_err();
        assert!(error.to_string().contains("revoke_url"));
    }
}
