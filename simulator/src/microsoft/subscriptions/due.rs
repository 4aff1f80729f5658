//! What is to be told, and to whom (8.3, 8.5).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{Subscription, Watched, name_of};
use crate::microsoft::Microsoft;
use crate::microsoft::identity::model::Account;
use crate::microsoft::mailbox::model::{Changed, Kind};

/// Something about a subscription itself.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    pub subscription: Subscription,
    pub event: Event,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Event {
    ReauthorizationRequired,
    SubscriptionRemoved,
    Missed,
}

impl Event {
    pub fn name(self) -> &'static str {
        match self {
            Event::ReauthorizationRequired => "reauthorizationRequired",
            Event::SubscriptionRemoved => "subscriptionRemoved",
            Event::Missed => "missed",
        }
    }
}

/// One item of a message.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub subscription: String,
    pub resource: String,
    /// The account's address.
    pub account: String,
    pub calendar: Option<String>,
    /// The kind of change, or of the subscription's own event.
    pub what: &'static str,
    pub body: Value,
}

/// One POST: everything that is due at an address.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub address: String,
    pub notices: Vec<Notice>,
}

impl Microsoft {
    /// What is due now. Whoever asks must send it: it counts as told.
    pub fn due_messages(&mut self, now: DateTime<Utc>) -> Vec<Message> {
        let changes = std::mem::take(&mut self.mailboxes.changes);
        let lifecycle = std::mem::take(&mut self.lifecycle);
        let mut messages: Vec<Message> = Vec::new();
        let mut add =
            |address: &str, notice: Notice| match messages.iter_mut().find(|one| one.address == address) {
                Some(message) => message.notices.push(notice),
                None => messages.push(Message { address: address.to_owned(), notices: vec![notice] }),
            };
        for change in &changes {
            for one in self.subscriptions.iter().filter(|one| now < one.expires && self.concerns(one, change))
            {
                for kind in self.told_kinds(change.kind) {
                    if one.wants(kind) {
                        add(&one.notification_url, self.notice(one, change, kind));
                    }
                }
            }
        }
        for Lifecycle { subscription, event } in &lifecycle {
            let Some(address) = &subscription.lifecycle_url else { continue };
            let Some(account) = self.directory.account(&subscription.mailbox) else { continue };
            let mut body = common(subscription, account);
            body["lifecycleEvent"] = event.name().into();
            add(
                address,
                Notice {
                    subscription: subscription.id.clone(),
                    resource: subscription.resource.clone(),
                    account: account.email.clone(),
                    calendar: calendar_of(subscription),
                    what: event.name(),
                    body,
                },
            );
        }
        messages
    }

    /// One change can be told more than once.
    fn told_kinds(&self, kind: Kind) -> Vec<Kind> {
        match kind {
            Kind::Updated => vec![Kind::Updated; self.settings.update_notifications.max(1)],
            Kind::Created if self.settings.created_then_updated => vec![Kind::Created, Kind::Updated],
            kind => vec![kind],
        }
    }

    fn concerns(&self, subscription: &Subscription, change: &Changed) -> bool {
        subscription.owner == change.mailbox
            && match &subscription.watched {
                Watched::Calendar(calendar) => *calendar == change.calendar,
                Watched::Default => self.is_default(&change.mailbox, &change.calendar),
            }
    }

    fn is_default(&self, mailbox: &str, calendar: &str) -> bool {
        self.mailboxes.default_of(mailbox).is_ok_and(|default| default.calendar == calendar)
    }

    fn notice(&self, subscription: &Subscription, change: &Changed, kind: Kind) -> Notice {
        let account = self.directory.account(&subscription.mailbox);
        let id = if subscription.immutable { &change.immutable } else { &change.event };
        let resource = format!("Users/{}/Events/{id}", subscription.mailbox);
        let mut body = account.map_or_else(|| json!({}), |account| common(subscription, account));
        body["changeType"] = name_of(kind).into();
        body["resource"] = resource.as_str().into();
        body["resourceData"] = json!({
            "@odata.type": "#Microsoft.Graph.Event",
            "@odata.id": resource,
            "@odata.etag": change.etag,
            "id": id,
        });
        Notice {
            subscription: subscription.id.clone(),
            resource: subscription.resource.clone(),
            account: account.map(|account| account.email.clone()).unwrap_or_default(),
            calendar: Some(change.calendar.clone()),
            what: name_of(kind),
            body,
        }
    }

    /// Ends an account's subscriptions of a client (of all if none is named) together with its grants. They are told.
    pub fn end_subscriptions(&mut self, account: &str, client: Option<&str>) {
        let of_grant = |one: &Subscription| {
            one.mailbox == account && !one.by_control && client.is_none_or(|client| client == one.client)
        };
        let ended: Vec<Subscription> = self.subscriptions.extract_if(.., |one| of_grant(one)).collect();
        self.lifecycle.extend(
            ended
                .into_iter()
                .map(|subscription| Lifecycle { subscription, event: Event::SubscriptionRemoved }),
        );
    }
}

fn calendar_of(subscription: &Subscription) -> Option<String> {
    match &subscription.watched {
        Watched::Calendar(calendar) => Some(calendar.clone()),
        Watched::Default => None,
    }
}

const NO_TENANT: &str = "00000000-0000-0000-0000-000000000000";

fn common(subscription: &Subscription, account: &Account) -> Value {
    let mut body = json!({
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": subscription.expires.to_rfc3339(),
        // Personal accounts have none that a client would know, yet it is never null.
        "tenantId": if account.personal { NO_TENANT } else { account.tenant.as_str() },
    });
    if let Some(state) = &subscription.client_state {
        body["clientState"] = state.as_str().into();
    }
    body
}
