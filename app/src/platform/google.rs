//! Google Calendar, in the words of its owner.

use super::{Face, Permissions};
use crate::texts::text;

pub const FACE: Face = Face {
    name: "Google Calendar",
    short: "Google",
    letter: "G",
    class: "google",
    asks: |lang| text!(lang, platform.google.asks),
    not_granted: |lang| text!(lang, platform.google.not_granted),
    no_calendars: |lang| text!(lang, platform.google.no_calendars),
    ending: |lang| text!(lang, platform.google.ending),
    under_way: |lang| text!(lang, platform.google.under_way),
    ended: |lang| text!(lang, platform.google.ended),
    ended_in_short: |lang| text!(lang, platform.google.ended_in_short),
    abandoned: |lang, account| text!(lang, platform.google.abandoned, account = account),
    permissions: &[Permissions {
        address: "https://myaccount.google.com/connections",
        words: |lang| text!(lang, platform.google.permissions),
    }],
    left_to_withdraw: false,
};
