//! Where Microsoft is, and who we are to it.

use crate::http::BuildError;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// The `[outlook]` section of the configuration. The addresses are Microsoft's own unless given (reference sheet 1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicrosoftConfig {
    /// The application's id, as the Entra portal shows it.
    pub client_id: String,
    pub client_secret: SecretString,
    /// Whose accounts may sign in: `common` (all), `organizations`, `consumers`, or one organisation's id or domain.
    #[serde(default = "tenant")]
    pub tenant: String,
    /// The base of the pages to sign in and of the token endpoint.
    #[serde(default = "login_url")]
    pub login_url: Url,
    /// The base of Graph, with or without a slash at its end.
    #[serde(default = "api_url")]
    pub api_url: Url,
}

impl MicrosoftConfig {
    pub(super) fn addresses(&self) -> [(&'static str, &Url); 2] {
        [("login_url", &self.login_url), ("api_url", &self.api_url)]
    }

    /// Every address is one that can be asked, and the tenant is a name that can stand in one.
    pub(super) fn check(&self) -> Result<(), BuildError> {
        if let Some((name, _)) =
            self.addresses().into_iter().find(|(_, url)| !matches!(url.scheme(), "http" | "https"))
        {
            return Err(BuildError::Address(name));
        }
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if self.tenant.is_empty() || self.tenant.starts_with('.') || !self.tenant.chars().all(named) {
            return Err(BuildError::Tenant);
        }
        Ok(())
    }

    /// One of the two addresses of a tenant, `authorize` or `token`.
    pub(super) fn endpoint(&self, name: &str) -> Url {
        let mut url = self.login_url.clone();
        let path = format!("{}/{}/oauth2/v2.0/{name}", url.path().trim_end_matches('/'), self.tenant);
        url.set_path(&path);
        url
    }
}

fn tenant() -> String {
    "common".to_owned()
}

fn login_url() -> Url {
    known("https://login.microsoftonline.com")
}

fn api_url() -> Url {
    known("https://graph.microsoft.com/v1.0")
}

fn known(address: &str) -> Url {
    address.parse().expect("an address written here is valid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(fields: Value) -> Result<MicrosoftConfig, serde_json::Error> {
        let mut config = json!({"client_id": "id", "client_secret": "hush"});
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(config)
    }

    #[test]
    fn needs_the_client_alone() {
        let config = config(json!({})).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        assert!(config.check().is_ok());
        assert_eq!(config.api_url.as_str(), "https://graph.microsoft.com/v1.0");
        assert_eq!(
            config.endpoint("token").as_str(),
            "https://login.microsoftonline.com/common/oauth2/v2.0/token"
        );
    }

    #[test]
    fn a_tenant_and_a_base_with_a_path() {
        let config =
            config(json!({"tenant": "contoso.com", "login_url": "http://127.0.0.1:4010/login/"})).unwrap();
        assert_eq!(
            config.endpoint("authorize").as_str(),
            "http://127.0.0.1:4010/login/contoso.com/oauth2/v2.0/authorize"
        );
    }

    #[test]
    fn names_what_is_wrong() {
        assert!(config(json!({"tenent": "common"})).unwrap_err().to_string().contains("tenent"));
        assert!(config(json!({"api_url": "localhost"})).is_err());
        let error = config(json!({"api_url": "mailto:graph"})).unwrap().check().unwrap_err();
        assert!(error.to_string().contains("api_url"));
        for tenant in ["", "..", "a/b", "a b", "é"] {
            let error = config(json!({"tenant": tenant})).unwrap().check().unwrap_err();
            assert!(error.to_string().contains("tenant"), "{tenant}");
        }
    }
}
