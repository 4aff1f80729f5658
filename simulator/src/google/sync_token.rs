//! Sync tokens: a point in a calendar's history, bound to one calendar, one account and one set of parameters
//! (6.3). Opaque for clients.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use chrono::{DateTime, TimeDelta, Utc};

use super::errors::ApiError;
use super::model::Stamp;
use super::switches::Settings;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SyncToken {
    /// Hash of what the token is of.
    pub of: u64,
    /// Changes after this one are news.
    pub sequence: u64,
    pub issued: Stamp,
    /// The window of the first listing, which later ones do not apply, unless a switch says so.
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

impl SyncToken {
    pub fn show(&self) -> String {
        let instant =
            |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| at.timestamp().to_string());
        let (from, to) = (instant(self.from), instant(self.to));
        URL_SAFE.encode(format!("sync {:x} {} {} {from} {to}", self.of, self.sequence, self.issued))
    }

    fn read(text: &str) -> Option<SyncToken> {
        let text = String::from_utf8(URL_SAFE.decode(text).ok()?).ok()?;
        let parts: Vec<_> = text.strip_prefix("sync ")?.split(' ').collect();
        let [of, sequence, issued, from, to] = parts[..] else { return None };
        let instant = |text: &str| match text {
            "-" => Some(None),
            text => DateTime::from_timestamp(text.parse().ok()?, 0).map(Some),
        };
        Some(SyncToken {
            of: u64::from_str_radix(of, 16).ok()?,
            sequence: sequence.parse().ok()?,
            issued: issued.parse().ok()?,
            from: instant(from)?,
            to: instant(to)?,
        })
    }

    /// Reads a token that a client sent back. `valid_from`: tokens issued before it have expired.
    pub fn accept(
        text: &str,
        of: u64,
        now: DateTime<Utc>,
        sequence: u64,
        valid_from: Stamp,
        settings: &Settings,
    ) -> Result<SyncToken, ApiError> {
        let token = Self::read(text).filter(|token| token.of == of).ok_or_else(ApiError::bad_sync_token)?;
        let oldest = settings
            .sync_token_hours
            .and_then(TimeDelta::try_hours)
            .and_then(|age| now.checked_sub_signed(age))
            .map_or(valid_from, |oldest| valid_from.max(oldest.timestamp_micros()));
        // A token from before a reset knows changes that never happened.
        if token.issued < oldest || token.sequence > sequence {
            return Err(ApiError::full_sync_required());
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back() {
        let token = SyncToken {
            of: u64::MAX,
            sequence: 7,
            issued: 12,
            from: DateTime::from_timestamp(-5, 0),
            to: None,
        };
        assert_eq!(SyncToken::read(&token.show()), Some(token));
        for text in ["", "x", "c3luYyA=", "a".repeat(10_000).as_str()] {
            assert_eq!(SyncToken::read(text), None);
        }
    }
}
