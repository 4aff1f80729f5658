//! Messages for the next page: what an action did, or why it did nothing.
//!
//! Stored as a code with parameters and put into words when shown, in the language that the reader then has.

use crate::format;
use crate::pages::approval;
use crate::platform::{Permissions, face, outcome_words, platform_name};
use crate::texts::{Lang, text};
use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use simone_sync::platform::Platform;

/// What the next page says once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Flash {
    Welcome {
        name: String,
    },
    Connected {
        platform: Platform,
    },
    Reconnected {
        platform: Platform,
    },
    /// Connecting came to nothing; the reason is a [`simone_sync::connect::ConnectError`]'s code.
    NotConnected {
        platform: Platform,
        reason: String,
    },
    Syncing,
    Synced,
    /// The round that was asked for failed; the reason is a [`simone_sync::round::Outcome`]'s code.
    SyncFailed {
        platform: Platform,
        outcome: String,
    },
    Waiting {
        platform: Platform,
    },
    Selected {
        calendar: String,
        selected: bool,
    },
    BlockFree {
        calendar: String,
        block_free: bool,
    },
    Disconnected {
        account: String,
        /// Not known of one that was stored by an earlier version.
        #[serde(default)]
        platform: Option<Platform>,
    },
    /// An administrator agreed for all of their organisation.
    Approved {
        platform: Platform,
    },
    RemovalsAccepted,
    RemovalsRefused,
    KeptRemoved,
    /// Time was blocked by hand, in which so many appointments stand.
    Blocked {
        bookings: i64,
    },
    Unblocked,
    /// Which calendar receives bookings; `None`: none of this account.
    Receiving {
        calendar: Option<String>,
    },
    BookingMade,
    BookingMoved,
    BookingConfirmed,
    BookingCancelled,
    /// It is not changed: why, as [`crate::pages::bookings::moving::refusal_code`] has it.
    BookingRefused {
        reason: String,
    },
    ServiceAdded {
        name: String,
    },
    ServiceChanged {
        name: String,
    },
    ServiceWithdrawn {
        name: String,
    },
    HoursSaved,
    /// The hours of one date are set.
    DaySaved {
        date: NaiveDate,
    },
    DayUsual {
        date: NaiveDate,
    },
    RulesSaved,
    GoneDismissed {
        calendar: String,
    },
    ZoneChanged {
        zone: Tz,
    },
    ZoneKept {
        zone: Tz,
    },
    LanguageChanged,
    TitlesShared {
        share: bool,
    },
    NoticesRead,
    SessionEnded,
    OthersEnded,
    /// Language and zone are chosen; the calendars come next.
    Ready,
    Invited {
        name: String,
    },
    InvitedAgain,
    /// Several invitations have just been sent.
    InvitedEnough,
    /// A provider's erasure is under way.
    ErasureWished,
    OperatorMade {
        name: String,
    },
    OperatorWithdrawn,
    TokenWithdrawn,
    /// A client has booked, and it is confirmed at once.
    Booked,
    /// A client has booked, and the provider has to confirm.
    BookingHeld,
    VisitMoved,
    VisitCancelled,
    /// A conflict was settled: the booking was moved, or cancelled, or the event is put back.
    BookingFollowed,
    BookingCalledOff,
    EventPutBack,
    /// What was decided about is no longer so.
    ConflictChanged,
    /// The booking cannot follow; the reason is one of `taken`, `past`, `beyond` and `refused`.
    ConflictRefused {
        reason: String,
    },
    /// The last operator stays one.
    LastOperator,
    /// What the action named is not there, or is not this provider's.
    Missing,
    /// Something failed on our side.
    Failed,
}

/// A link beside a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashLink {
    pub address: String,
    pub words: String,
    /// Someone else's page.
    pub outside: bool,
}

/// The code of [`simone_sync::connect::ConnectError::AwaitsApproval`].
const AWAITS_APPROVAL: &str = "awaits_approval";

impl Flash {
    /// Whether it tells of something that did not work.
    pub const fn is_bad(&self) -> bool {
        matches!(
            self,
            Self::NotConnected { .. }
                | Self::SyncFailed { .. }
                | Self::Blocked { bookings: 1.. }
                | Self::BookingRefused { .. }
                | Self::InvitedEnough
                | Self::LastOperator
                | Self::ConflictChanged
                | Self::ConflictRefused { .. }
                | Self::Missing
                | Self::Failed
        )
    }

    /// Where to read or do more about it.
    pub fn links(&self, lang: Lang) -> Vec<FlashLink> {
        match self {
            Self::NotConnected { platform, reason } if reason == AWAITS_APPROVAL => vec![FlashLink {
                address: approval::address(*platform),
                words: text!(lang, approval.link),
                outside: false,
            }],
            Self::Disconnected { platform: Some(platform), .. } if face(*platform).left_to_withdraw => {
                let page = |page: &Permissions| FlashLink {
                    address: page.address.to_owned(),
                    words: (page.words)(lang),
                    outside: true,
                };
                face(*platform).permissions.iter().map(page).collect()
            }
            _ => Vec::new(),
        }
    }

    pub fn words(&self, lang: Lang) -> String {
        match self {
            Self::Welcome { name } => text!(lang, flash.welcome, name = name.as_str()),
            Self::Connected { platform } => text!(lang, flash.connected, platform = platform_name(*platform)),
            Self::Reconnected { platform } => {
                text!(lang, flash.reconnected, platform = platform_name(*platform))
            }
            Self::Approved { platform } => text!(lang, flash.approved, platform = platform_name(*platform)),
            Self::NotConnected { platform, reason } => {
                let what = text!(lang, flash.not_connected, platform = platform_name(*platform));
                let why = match reason.as_str() {
                    "refused" => text!(lang, flash.refused),
                    AWAITS_APPROVAL => text!(lang, flash.awaits_approval),
                    "not_under_way" => text!(lang, flash.not_under_way),
                    "permission_missing" => (face(*platform).not_granted)(lang),
                    "no_lasting_access" => text!(lang, flash.no_lasting_access),
                    "other_account" => text!(lang, flash.other_account),
                    // It is connected, so the lead would be wrong.
                    "already_connected" => return text!(lang, flash.already_connected),
                    "vanished" => text!(lang, flash.vanished),
                    "not_configured" => text!(lang, flash.not_configured),
                    "misconfigured" => text!(lang, flash.misconfigured),
                    _ => text!(lang, flash.unavailable),
                };
                format!("{what} {why}")
            }
            Self::Syncing => text!(lang, flash.syncing),
            Self::Synced => text!(lang, flash.synced),
            Self::SyncFailed { platform, outcome } => {
                outcome_words(lang, *platform, outcome).unwrap_or_else(|| text!(lang, flash.synced))
            }
            Self::Waiting { platform } => text!(lang, flash.waiting, platform = platform_name(*platform)),
            Self::Selected { calendar, selected: true } => {
                text!(lang, flash.selected, calendar = calendar.as_str())
            }
            Self::Selected { calendar, selected: false } => {
                text!(lang, flash.unselected, calendar = calendar.as_str())
            }
            Self::BlockFree { calendar, block_free: true } => {
                text!(lang, flash.free_on, calendar = calendar.as_str())
            }
            Self::BlockFree { calendar, block_free: false } => {
                text!(lang, flash.free_off, calendar = calendar.as_str())
            }
            Self::Disconnected { account, platform } => {
                let what = text!(lang, flash.disconnected, account = account.as_str());
                match platform.map(face).filter(|face| face.left_to_withdraw) {
                    Some(face) => format!("{what} {}", (face.ended)(lang)),
                    None => what,
                }
            }
            Self::RemovalsAccepted => text!(lang, flash.removals_accepted),
            Self::RemovalsRefused => text!(lang, flash.removals_refused),
            Self::KeptRemoved => text!(lang, flash.kept_removed),
            Self::Blocked { bookings: 0 } => text!(lang, flash.blocked),
            Self::Blocked { bookings } => text!(lang, flash.blocked_over, count = *bookings),
            Self::Unblocked => text!(lang, flash.unblocked),
            Self::Receiving { calendar: Some(calendar) } => {
                text!(lang, flash.receiving, calendar = calendar.as_str())
            }
            Self::Receiving { calendar: None } => text!(lang, flash.receiving_none),
            Self::BookingMade => text!(lang, flash.booking_made),
            Self::BookingMoved => text!(lang, flash.booking_moved),
            Self::BookingConfirmed => text!(lang, flash.booking_confirmed),
            Self::BookingCancelled => text!(lang, flash.booking_cancelled),
            Self::BookingRefused { reason } => match reason.as_str() {
                "cancelled" => text!(lang, bookings.refused_cancelled),
                "over" => text!(lang, bookings.refused_over),
                "taken" => text!(lang, bookings.refused_taken),
                "not_ready" => text!(lang, bookings.refused_not_ready),
                _ => text!(lang, bookings.refused_changed),
            },
            Self::ServiceAdded { name } => text!(lang, flash.service_added, name = name.as_str()),
            Self::ServiceChanged { name } => text!(lang, flash.service_changed, name = name.as_str()),
            Self::ServiceWithdrawn { name } => text!(lang, flash.service_withdrawn, name = name.as_str()),
            Self::HoursSaved => text!(lang, flash.hours_saved),
            Self::DaySaved { date } => {
                text!(lang, flash.day_saved, date = format::date(lang, *date, *date))
            }
            Self::DayUsual { date } => {
                text!(lang, flash.day_usual, date = format::date(lang, *date, *date))
            }
            Self::RulesSaved => text!(lang, flash.rules_saved),
            Self::GoneDismissed { calendar } => {
                text!(lang, flash.gone_dismissed, calendar = calendar.as_str())
            }
            Self::ZoneChanged { zone } => {
                format::elided(lang, &text!(lang, flash.zone_changed, city = format::city(lang, *zone)))
            }
            Self::ZoneKept { zone } => {
                format::elided(lang, &text!(lang, flash.zone_kept, city = format::city(lang, *zone)))
            }
            Self::LanguageChanged => text!(lang, flash.language_changed),
            Self::TitlesShared { share: true } => text!(lang, sharing.on),
            Self::TitlesShared { share: false } => text!(lang, sharing.off),
            Self::NoticesRead => text!(lang, flash.read),
            Self::Ready => text!(lang, flash.ready),
            Self::SessionEnded => text!(lang, flash.session_ended),
            Self::OthersEnded => text!(lang, flash.others_ended),
            Self::Invited { name } => text!(lang, flash.invited, name = name.as_str()),
            Self::InvitedAgain => text!(lang, flash.invited_again),
            Self::InvitedEnough => text!(lang, flash.invited_enough),
            Self::ErasureWished => text!(lang, flash.erasure_wished),
            Self::OperatorMade { name } => text!(lang, flash.operator_made, name = name.as_str()),
            Self::OperatorWithdrawn => text!(lang, flash.operator_withdrawn),
            Self::TokenWithdrawn => text!(lang, flash.token_withdrawn),
            Self::Booked => text!(lang, flash.booked),
            Self::BookingHeld => text!(lang, flash.booking_held),
            Self::VisitMoved => text!(lang, flash.visit_moved),
            Self::VisitCancelled => text!(lang, flash.visit_cancelled),
            Self::BookingFollowed => text!(lang, flash.booking_followed),
            Self::BookingCalledOff => text!(lang, flash.booking_called_off),
            Self::EventPutBack => text!(lang, flash.event_put_back),
            Self::ConflictChanged => text!(lang, flash.conflict_changed),
            Self::ConflictRefused { reason } => match reason.as_str() {
                "taken" => text!(lang, flash.conflict_taken),
                "past" => text!(lang, flash.conflict_past),
                "beyond" => text!(lang, flash.conflict_beyond),
                _ => text!(lang, flash.conflict_refused),
            },
            Self::LastOperator => text!(lang, flash.last_operator),
            Self::Missing => text!(lang, flash.missing),
            Self::Failed => text!(lang, flash.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simone_sync::connect::ConnectError;
    use std::collections::BTreeSet;

    #[test]
    fn a_flash_survives_being_stored() {
        for flash in [
            Flash::Welcome { name: "Camille".into() },
            Flash::NotConnected { platform: Platform::Google, reason: "refused".into() },
            Flash::ZoneChanged { zone: chrono_tz::Europe::Lisbon },
            Flash::Failed,
        ] {
            let stored = serde_json::to_string(&flash).unwrap();
            assert_eq!(serde_json::from_str::<Flash>(&stored).unwrap(), flash);
        }
    }

    #[test]
    fn what_is_left_to_the_person_is_linked() {
        for platform in Platform::ALL {
            let waits = Flash::NotConnected { platform, reason: ConnectError::AwaitsApproval.code().into() };
            assert_eq!(waits.links(Lang::fr).len(), 1, "what to tell the administrator");
            let refused = Flash::NotConnected { platform, reason: ConnectError::Refused.code().into() };
            assert!(refused.links(Lang::fr).is_empty());
        }
        let stored = r#"{"code":"disconnected","account":"camille@example.test"}"#;
        let flash: Flash = serde_json::from_str(stored).unwrap();
        assert!(flash.links(Lang::fr).is_empty(), "one of before");
        assert!(flash.words(Lang::fr).contains("camille@example.test"));
    }

    #[test]
    fn each_reason_not_to_connect_has_words_of_its_own() {
        let reasons = [
            ConnectError::Refused,
            ConnectError::AwaitsApproval,
            ConnectError::NotUnderWay,
            ConnectError::PermissionMissing,
            ConnectError::NoLastingAccess,
            ConnectError::OtherAccount,
            ConnectError::AlreadyConnected,
            ConnectError::Vanished,
            ConnectError::NotConfigured,
            ConnectError::Unavailable("down".into()),
        ];
        let words: BTreeSet<String> = reasons
            .iter()
            .map(|error| {
                Flash::NotConnected { platform: Platform::Google, reason: error.code().into() }
                    .words(Lang::fr)
            })
            .collect();
        assert_eq!(words.len(), reasons.len());
    }
}
