//! Who wants to be told of what (8.1).

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::microsoft::mailbox::model::Kind;

/// What is watched: the events of one calendar.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Watched {
    /// Whichever is the default one.
    Default,
    Calendar(String),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Subscription {
    pub id: String,
    /// As the client named it.
    pub resource: String,
    pub watched: Watched,
    /// The account's id.
    pub mailbox: String,
    /// The account in whose mailbox the calendar stands: another's, if it is shared.
    pub owner: String,
    pub client: String,
    /// It was made with a token that a control handed out.
    pub by_control: bool,
    /// `created`, `updated`, `deleted`.
    pub changes: BTreeSet<String>,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub tls: Option<String>,
    pub expires: DateTime<Utc>,
    /// Notifications have immutable ids; that cannot be changed later.
    pub immutable: bool,
}

impl Subscription {
    pub fn wants(&self, kind: Kind) -> bool {
        self.changes.contains(name_of(kind))
    }

    pub fn change_type(&self) -> String {
        self.changes.iter().cloned().collect::<Vec<_>>().join(",")
    }

    /// As Graph shows it; the secret only to whom has just said it.
    pub fn shown(&self, with_state: bool) -> Value {
        json!({
            "id": self.id,
            "resource": self.resource,
            "applicationId": self.client,
            "changeType": self.change_type(),
            "clientState": self.client_state.as_ref().filter(|_| with_state),
            "notificationUrl": self.notification_url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": self.expires.to_rfc3339_opts(SecondsFormat::Millis, true),
            "creatorId": self.mailbox,
            "includeResourceData": null,
            "latestSupportedTlsVersion": self.tls.as_deref().unwrap_or("v1_2"),
            "encryptionCertificate": null,
            "encryptionCertificateId": null,
            "notificationUrlAppId": null,
        })
    }
}

pub(crate) fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Created => "created",
        Kind::Updated => "updated",
        Kind::Deleted => "deleted",
    }
}
