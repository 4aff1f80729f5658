//! Outlook, in the words of its owner. Microsoft lets no application end its own grant: what disconnecting leaves, the
//! person withdraws by hand, an account at work and a personal one in different places (reference sheet 2.5).

use super::{Face, Permissions};
use crate::texts::text;

pub const FACE: Face = Face {
    name: "Outlook",
    short: "Outlook",
    letter: "O",
    class: "outlook",
    asks: |lang| text!(lang, platform.outlook.asks),
    not_granted: |lang| text!(lang, platform.outlook.not_granted),
    no_calendars: |lang| text!(lang, platform.outlook.no_calendars),
    ending: |lang| text!(lang, platform.outlook.ending),
    under_way: |lang| text!(lang, platform.outlook.under_way),
    ended: |lang| text!(lang, platform.outlook.ended),
    ended_in_short: |lang| text!(lang, platform.outlook.ended_in_short),
    abandoned: |lang, account| text!(lang, platform.outlook.abandoned, account = account),
    permissions: &[
        Permissions {
            address: "https://myapps.microsoft.com",
            words: |lang| text!(lang, platform.outlook.permissions_work),
        },
        Permissions {
            address: "https://account.live.com/consent/Manage",
            words: |lang| text!(lang, platform.outlook.permissions_personal),
        },
    ],
    left_to_withdraw: true,
};
