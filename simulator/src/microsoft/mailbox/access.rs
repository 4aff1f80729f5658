//! Which calendar a request reaches, and what the caller may do there.

use super::ask::{Ask, Scope, malformed};
use super::ids::{self, IdKind};
use super::items::{Item, Target};
use super::model::{Calendar, Mailbox, Mailboxes};
use super::switches::WrongId;
use crate::microsoft::errors::{GraphError, GraphResult};
use crate::microsoft::guard::Caller;
use crate::simulator::World;

/// A calendar, seen from an account.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// The account whose mailbox holds it.
    pub owner: String,
    /// Its id there.
    pub calendar: String,
    /// Its id on the caller's list.
    pub listed: String,
    /// On the list of someone who does not own it.
    pub shared: bool,
    pub can_edit: bool,
    pub can_view_private: bool,
}

pub(super) fn no_calendar() -> GraphError {
    GraphError::not_found()
}

pub(super) fn denied() -> GraphError {
    GraphError::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

impl Mailboxes {
    /// The mailbox of an account: an account can have none (2.6).
    pub fn of(&self, account: &str) -> GraphResult<&Mailbox> {
        self.all.get(account).ok_or_else(|| {
            GraphError::new(
                404,
                "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
            )
        })
    }

    pub fn of_mut(&mut self, account: &str) -> GraphResult<&mut Mailbox> {
        self.of(account)?;
        self.all.get_mut(account).ok_or_else(no_calendar)
    }

    /// The default calendar of an account.
    pub fn default_of(&self, account: &str) -> GraphResult<Reach> {
        let mailbox = self.of(account)?;
        let calendar = mailbox.calendars.first().ok_or_else(no_calendar)?;
        self.reach(account, &calendar.id)
    }

    /// By its id on the account's list.
    pub fn reach(&self, account: &str, id: &str) -> GraphResult<Reach> {
        let mailbox = self.of(account)?;
        if let Some(calendar) = mailbox.calendar(id) {
            return Ok(Reach {
                owner: account.to_owned(),
                calendar: id.to_owned(),
                listed: id.to_owned(),
                shared: false,
                can_edit: calendar.can_edit,
                can_view_private: true,
            });
        }
        if ids::kind_of(id).is_none() {
            return Err(malformed());
        }
        let shared = mailbox.shared.iter().find(|shared| shared.id == id).ok_or_else(no_calendar)?;
        if shared.withdrawn {
            return Err(denied());
        }
        Ok(Reach {
            owner: shared.owner.clone(),
            calendar: shared.calendar.clone(),
            listed: id.to_owned(),
            shared: true,
            can_edit: shared.can_edit,
            can_view_private: shared.can_view_private,
        })
    }

    pub fn calendar(&self, reach: &Reach) -> GraphResult<&Calendar> {
        self.of(&reach.owner)?.calendar(&reach.calendar).ok_or_else(no_calendar)
    }

    pub fn calendar_mut(&mut self, reach: &Reach) -> GraphResult<&mut Calendar> {
        self.of_mut(&reach.owner)?.calendar_mut(&reach.calendar).ok_or_else(no_calendar)
    }

    pub fn item(&self, reach: &Reach, target: Target) -> GraphResult<Item<'_>> {
        self.calendar(reach)?.item(target).ok_or_else(GraphError::not_found)
    }

    /// An event by its id in a calendar.
    pub fn find(&self, reach: &Reach, id: &str, kind: IdKind) -> GraphResult<Target> {
        let kind = self.kind(id, kind)?;
        self.calendar(reach)?.find(id, kind).ok_or_else(GraphError::not_found)
    }

    /// An event by its id in any calendar of the account's own.
    pub fn find_anywhere(&self, account: &str, id: &str, kind: IdKind) -> GraphResult<(Reach, Target)> {
        let kind = self.kind(id, kind)?;
        let calendars = &self.of(account)?.calendars;
        let found = calendars.iter().find_map(|calendar| Some((calendar, calendar.find(id, kind)?)));
        let (calendar, target) = found.ok_or_else(GraphError::not_found)?;
        Ok((self.reach(account, &calendar.id)?, target))
    }

    /// Of which kind the id is, unless it is the wrong one.
    fn kind(&self, id: &str, wanted: IdKind) -> GraphResult<IdKind> {
        let kind = ids::kind_of(id).ok_or_else(malformed)?;
        match self.switches.wrong_id {
            WrongId::Understood => Ok(kind),
            _ if kind == wanted => Ok(kind),
            WrongId::Malformed => Err(malformed()),
            WrongId::NotFound => Err(GraphError::not_found()),
        }
    }
}

impl Ask {
    /// The calendar of the address: the default one, where it names none.
    pub fn calendar(&self, world: &World, caller: &Caller) -> GraphResult<Reach> {
        let mailboxes = &world.microsoft.mailboxes;
        let reach = match self.scope {
            Scope::Mailbox | Scope::Default => mailboxes.default_of(&caller.account)?,
            Scope::Named => mailboxes.reach(&caller.account, self.param("calendar"))?,
        };
        // A calendar that its owner no longer has is not found.
        mailboxes.calendar(&reach)?;
        if reach.shared {
            self.may_share(world)?;
        }
        Ok(reach)
    }

    /// Others' calendars need a scope of their own (2.2).
    fn may_share(&self, world: &World) -> GraphResult<()> {
        Caller::authorize(world, &self.headers, &["Calendars.Read.Shared", "Calendars.ReadWrite.Shared"])
            .map(|_| ())
    }

    /// The same to write there.
    pub fn writable(&self, world: &World, reach: &Reach) -> GraphResult<()> {
        if reach.shared {
            Caller::authorize(world, &self.headers, &["Calendars.ReadWrite.Shared"])?;
        } else {
            Caller::authorize(world, &self.headers, &["Calendars.ReadWrite"])?;
        }
        if reach.can_edit { Ok(()) } else { Err(denied()) }
    }

    /// The event of the address. Those of shared calendars are found by the calendar's path only (6.1).
    pub fn event(&self, world: &World, caller: &Caller) -> GraphResult<(Reach, Target)> {
        let mailboxes = &world.microsoft.mailboxes;
        let (id, kind) = (self.param("event"), self.prefer.ids());
        match self.scope {
            Scope::Mailbox => mailboxes.find_anywhere(&caller.account, id, kind),
            Scope::Default | Scope::Named => {
                let reach = self.calendar(world, caller)?;
                let target = mailboxes.find(&reach, id, kind)?;
                Ok((reach, target))
            }
        }
    }
}
