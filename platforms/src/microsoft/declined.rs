//! Why Microsoft sent a browser back without a code (reference sheet 2.1, 2.4), and where an administrator agrees.

use super::config::MicrosoftConfig;
use simone_sync::platform::Declined;
use url::Url;

/// The numbers that say: an administrator has to agree, or to let this person use the application at all. The error alone
/// does not say it: `access_denied` comes with 65004 when the person themselves said no.
const FOR_AN_ADMINISTRATOR: [&str; 6] = ["65001", "90093", "90094", "90095", "900941", "50105"];

/// What an error of the authorization page means.
pub(super) fn declined(error: &str, description: &str) -> Declined {
    match error {
        "consent_required" => Declined::AwaitsApproval,
        _ if number(description).is_some_and(|number| FOR_AN_ADMINISTRATOR.contains(&number)) => {
            Declined::AwaitsApproval
        }
        "server_error" | "temporarily_unavailable" => Declined::Unavailable,
        "invalid_request"
        | "unauthorized_client"
        | "unsupported_response_type"
        | "invalid_scope"
        | "invalid_resource" => Declined::Misconfigured,
        _ => Declined::ByThePerson,
    }
}

/// The number of `AADSTS90094: …`.
fn number(description: &str) -> Option<&str> {
    let (_, rest) = description.split_once("AADSTS")?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// Agrees for all of the organisation that whoever opens it administers. Personal accounts have no such page.
pub(super) fn approval_page(config: &MicrosoftConfig) -> Option<Url> {
    let tenant = match config.tenant.as_str() {
        "consumers" => return None,
        "common" => "organizations",
        named => named,
    };
    let mut url = config.login_url.clone();
    url.set_path(&format!("{}/{tenant}/adminconsent", url.path().trim_end_matches('/')));
    url.query_pairs_mut().append_pair("client_id", &config.client_id);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_administrators_matters_are_theirs() {
        for (error, description, means) in [
            ("access_denied", "AADSTS90094: Simone needs permission to access …", Declined::AwaitsApproval),
            ("access_denied", "AADSTS65001: The user or administrator has not …", Declined::AwaitsApproval),
            ("interaction_required", "AADSTS50105: … not assigned to a role", Declined::AwaitsApproval),
            ("consent_required", "", Declined::AwaitsApproval),
            (
                "access_denied",
                "AADSTS65004: User declined to consent to access the app.",
                Declined::ByThePerson,
            ),
            ("access_denied", "AADSTS6500: cut", Declined::ByThePerson),
            ("access_denied", "AADSTS", Declined::ByThePerson),
            ("access_denied", "", Declined::ByThePerson),
            ("", "", Declined::ByThePerson),
            ("login_required", "AADSTS50058: …", Declined::ByThePerson),
            ("server_error", "AADSTS90033: …", Declined::Unavailable),
            ("unauthorized_client", "AADSTS700016: …", Declined::Misconfigured),
        ] {
            assert_eq!(declined(error, description), means, "{error} {description}");
        }
    }

    #[test]
    fn an_administrator_agrees_for_an_organisation() {
        let page = |tenant: &str| {
            let config = json!({"client_id": "5d0c&x", "client_secret": "hush", "tenant": tenant});
            approval_page(&serde_json::from_value(config).unwrap()).map(String::from)
        };
        let base = "https://login.microsoftonline.com";
        assert_eq!(page("common"), Some(format!("{base}/organizations/adminconsent?client_id=5d0c%26x")));
        assert_eq!(page("contoso.com"), Some(format!("{base}/contoso.com/adminconsent?client_id=5d0c%26x")));
        assert_eq!(page("consumers"), None);
    }
}
