//! Ids of items (3, 5.2): base64-like, case-sensitive, and in two forms. The usual one changes when an item moves to
//! another calendar, the immutable one does not. An occurrence's id tells its series and its day.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{Datelike, NaiveDate};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// What an id of an item in the store begins and ends with.
const USUAL: &str = "AAMkA";
const IMMUTABLE: &str = "AAkAL";
const ITEM: &str = "AAA=";
const OCCURRENCE: &str = "EAA=";

/// Letters of a day in an occurrence's id.
const DAY: usize = 6;

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum IdKind {
    #[default]
    Usual,
    Immutable,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Ids {
    pub usual: String,
    pub immutable: String,
}

impl Ids {
    pub fn new(rng: &mut impl Rng) -> Self {
        Ids {
            usual: format!("{USUAL}{}{ITEM}", letters(rng, 95)),
            immutable: format!("{IMMUTABLE}{}{ITEM}", letters(rng, 71)),
        }
    }

    /// What moving to another calendar does.
    pub fn moved(&mut self, rng: &mut impl Rng) {
        self.usual = Ids::new(rng).usual;
    }

    pub fn get(&self, kind: IdKind) -> &str {
        match kind {
            IdKind::Usual => &self.usual,
            IdKind::Immutable => &self.immutable,
        }
    }
}

/// The id of a calendar or a group of calendars; it has no immutable form (4).
pub(crate) fn folder(rng: &mut impl Rng) -> String {
    format!("{USUAL}{}{ITEM}", letters(rng, 60))
}

/// Of which kind an id is; `None`: it is none.
pub(crate) fn kind_of(id: &str) -> Option<IdKind> {
    let letters = id.strip_suffix('=')?;
    if id.len() < 40 || !letters.bytes().all(|letter| LETTERS.contains(&letter)) {
        return None;
    }
    match () {
        () if id.starts_with(USUAL) => Some(IdKind::Usual),
        () if id.starts_with(IMMUTABLE) => Some(IdKind::Immutable),
        () => None,
    }
}

/// The id of the occurrence of a series on a day. It follows from the day, so that a series that is moved to other
/// days gets other ones (6.2).
pub(crate) fn occurrence(series: &str, day: NaiveDate) -> String {
    let stem = series.strip_suffix(ITEM).unwrap_or(series);
    format!("{stem}{}{OCCURRENCE}", URL_SAFE_NO_PAD.encode(day.num_days_from_ce().to_be_bytes()))
}

/// The id of the series and the day that an occurrence's id tells.
pub(crate) fn split_occurrence(id: &str) -> Option<(String, NaiveDate)> {
    let stem = id.strip_suffix(OCCURRENCE)?;
    let (series, day) = stem.split_at_checked(stem.len().checked_sub(DAY)?)?;
    let bytes: [u8; 4] = URL_SAFE_NO_PAD.decode(day).ok()?.try_into().ok()?;
    let day = NaiveDate::from_num_days_from_ce_opt(i32::from_be_bytes(bytes))?;
    Some((format!("{series}{ITEM}"), day))
}

const LETTERS: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/";

pub(super) fn letters(rng: &mut impl Rng, count: usize) -> String {
    (0..count).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

/// Letters that need no escaping in an address.
pub(super) fn token(rng: &mut impl Rng, count: usize) -> String {
    (0..count).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len() - 2)])).collect()
}

pub(super) fn guid(rng: &mut impl Rng) -> String {
    let mut digits = |count: usize| -> String {
        (0..count).map(|_| char::from(b"0123456789abcdef"[rng.random_range(0..16)])).collect()
    };
    format!("{}-{}-4{}-a{}-{}", digits(8), digits(4), digits(3), digits(3), digits(12))
}

/// An `iCalUId` as Exchange makes them.
pub(super) fn uid(rng: &mut impl Rng) -> String {
    format!("040000008200E00074C5B7101A82E008{}", guid(rng).replace('-', "").to_uppercase())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn an_occurrence_id_tells_its_series_and_its_day() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let ids = Ids::new(&mut rng);
        let day = NaiveDate::from_ymd_opt(2027, 3, 23).unwrap();
        for id in [&ids.usual, &ids.immutable] {
            let one = occurrence(id, day);
            assert_eq!(kind_of(&one), kind_of(id), "of the same kind");
            assert_eq!(split_occurrence(&one), Some((id.clone(), day)));
            assert_eq!(split_occurrence(id), None, "a series' own id names no occurrence");
        }
    }

    #[test]
    fn what_is_garbled_is_no_id() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let id = Ids::new(&mut rng).usual;
        assert_eq!(kind_of(&id), Some(IdKind::Usual));
        for garbled in ["", "x", "AAMkA=", &id[1..], &id[..id.len() - 1], &id.replace("AAMk", "AA k")] {
            assert_eq!(kind_of(garbled), None, "{garbled}");
        }
    }
}
