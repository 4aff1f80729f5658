//! Who may do what with a calendar: the rules and what follows from them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::model::{Calendar, Google, Role, Stamp, etag};

/// What a scope's rule gives; `None`: it was taken back, which Google shows as the role `none`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Rule {
    pub scope: Scope,
    pub role: Option<Role>,
    pub stamp: Stamp,
    /// The calendar's `acl_sequence` at the last change.
    pub changed: u64,
}

/// To whom a rule applies: type and, except for `default`, value.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Scope {
    pub kind: String,
    pub value: Option<String>,
}

impl Scope {
    pub fn user(email: &str) -> Self {
        Scope { kind: "user".to_owned(), value: Some(email.to_owned()) }
    }

    /// The rule's id.
    pub fn id(&self) -> String {
        match &self.value {
            Some(value) => format!("{}:{value}", self.kind),
            None => self.kind.clone(),
        }
    }

    /// Groups have no members here.
    fn covers(&self, email: &str) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        match self.kind.as_str() {
            "default" => true,
            "user" => value.eq_ignore_ascii_case(email),
            "domain" => email.rsplit_once('@').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(value)),
            _ => false,
        }
    }
}

impl Rule {
    pub fn show(&self) -> Value {
        let mut scope = json!({"type": self.scope.kind});
        if let Some(value) = &self.scope.value {
            scope["value"] = value.as_str().into();
        }
        json!({
            "kind": "calendar#aclRule",
            "etag": etag(self.stamp),
            "id": self.scope.id(),
            "scope": scope,
            "role": self.role.map_or("none", Role::name),
        })
    }
}

impl Calendar {
    /// The highest role that any rule gives to an account.
    pub fn role_of(&self, email: &str) -> Option<Role> {
        self.acl.values().filter(|rule| rule.scope.covers(email)).filter_map(|rule| rule.role).max()
    }

    /// What everybody may do.
    pub fn public_role(&self) -> Option<Role> {
        self.acl.get("default")?.role
    }
}

impl Google {
    /// Sets a rule. Accounts whose role it changes lose their sync tokens for the calendar (6.3), and those who
    /// can no longer see it lose it from their lists.
    pub fn share(&mut self, now: DateTime<Utc>, calendar: &str, scope: Scope, role: Option<Role>) {
        let stamp = self.stamp(now);
        let emails = self.emails();
        let Some(calendar) = self.calendars.get_mut(calendar) else { return };
        let roles = |calendar: &Calendar| -> Vec<Option<Role>> {
            emails.iter().map(|email| calendar.role_of(email)).collect()
        };
        let before = roles(calendar);
        calendar.acl_sequence += 1;
        let changed = calendar.acl_sequence;
        calendar.acl.insert(scope.id(), Rule { scope, role, stamp, changed });
        let (id, after) = (calendar.id.clone(), roles(calendar));
        for ((email, before), after) in emails.iter().zip(before).zip(after) {
            if before == after {
                continue;
            }
            if let Some(account) = self.account_mut(email)
                && let Some(entry) = account.entries.iter_mut().find(|entry| entry.calendar == id)
            {
                entry.sync_from = stamp;
            }
            if after.is_none() && self.entry(email, &id).is_some() {
                self.change_entry(now, email, &id, |entry| entry.deleted = true);
            }
        }
    }
}
