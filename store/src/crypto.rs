//! Encryption at rest: AES-256-GCM with key ids, a fresh nonce each time, and associated data that ties a
//! ciphertext to its place, so that one copied to another row does not open.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use secrecy::{ExposeSecret, SecretBox};
use simone_booking::Ids;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format of what [`Keyring::seal`] writes: format, length of the key id, key id, nonce, ciphertext with tag.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;

/// A ciphertext as it stands in a column.
pub type Sealed = Vec<u8>;

/// Where a ciphertext belongs: table, column, and a key of the row that outlives an upsert.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub table: &'static str,
    pub column: &'static str,
    pub row: &'a [&'a [u8]],
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(96);
        for part in
            [self.table.as_bytes(), self.column.as_bytes()].into_iter().chain(self.row.iter().copied())
        {
            data.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            data.extend_from_slice(part);
        }
        data
    }
}

/// Why a ciphertext does not open. Says nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    #[error("not a ciphertext of a known format")]
    Format,
    #[error("sealed under a key that this installation does not have")]
    UnknownKey,
    #[error("the ciphertext does not belong here or was changed")]
    Refused,
}

/// What makes a set of keys unusable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    #[error("there is no encryption key")]
    None,
    #[error("encryption key `{0}` is not 32 bytes long")]
    Length(String),
    #[error("an encryption key's id must have 1 to 32 characters")]
    Id,
}

/// The keys of this installation. New ciphertexts are sealed under the current one, old ones open under theirs.
pub struct Keyring {
    current: String,
    ciphers: BTreeMap<String, Aes256Gcm>,
    ids: Arc<Ids>,
}

impl Keyring {
    /// The first key is the current one. `ids` gives the nonces and must be cryptographically strong.
    pub fn new(
        keys: impl IntoIterator<Item = (String, SecretBox<Vec<u8>>)>,
        ids: Arc<Ids>,
    ) -> Result<Self, BadKeys> {
        let mut current = None;
        let mut ciphers = BTreeMap::new();
        for (id, key) in keys {
            if id.is_empty() || id.len() > 32 {
                return Err(BadKeys::Id);
            }
            let bytes = Key::<Aes256Gcm>::try_from(key.expose_secret().as_slice())
                .map_err(|_| BadKeys::Length(id.clone()))?;
            ciphers.insert(id.clone(), Aes256Gcm::new(&bytes));
            current.get_or_insert(id);
        }
        Ok(Self { current: current.ok_or(BadKeys::None)?, ciphers, ids })
    }

    /// The id of the key that encrypts.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The ids of all keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.ciphers.keys().map(String::as_str)
    }

    /// Encrypts under the current key.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Sealed {
        let nonce: [u8; NONCE_BYTES] = self.ids.bytes();
        let cipher = self.ciphers.get(&self.current).expect("the current key is one of the keys");
        let payload = Payload { msg: plain, aad: &place.associated_data() };
        let text =
            cipher.encrypt(&Nonce::from(nonce), payload).expect("AES-GCM takes messages of up to 64 GiB");
        let mut sealed = prefix(&self.current);
        sealed.reserve(NONCE_BYTES + text.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed
    }

    /// Decrypts what was sealed for this very place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Unopened> {
        let (id, rest) = split(sealed).ok_or(Unopened::Format)?;
        let (nonce, text) = rest.split_at_checked(NONCE_BYTES).ok_or(Unopened::Format)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| Unopened::Format)?;
        let cipher = self.ciphers.get(id).ok_or(Unopened::UnknownKey)?;
        cipher
            .decrypt(&Nonce::from(nonce), Payload { msg: text, aad: &place.associated_data() })
            .map_err(|_| Unopened::Refused)
    }
}

/// How a ciphertext under this key begins.
pub(crate) fn prefix(key: &str) -> Vec<u8> {
    let mut prefix = vec![FORMAT, u8::try_from(key.len()).expect("a key's id has at most 32 characters")];
    prefix.extend_from_slice(key.as_bytes());
    prefix
}

/// The most bytes that [`prefix`] has.
pub(crate) const LONGEST_PREFIX: usize = 2 + 32;

/// The id of the key that a ciphertext names, also of its beginning alone.
pub(crate) fn key_of(sealed: &[u8]) -> Option<&str> {
    split(sealed).map(|(id, _)| id)
}

fn split(sealed: &[u8]) -> Option<(&str, &[u8])> {
    let [FORMAT, id_length, rest @ ..] = sealed else { return None };
    let (id, rest) = rest.split_at_checked(usize::from(*id_length))?;
    Some((std::str::from_utf8(id).ok()?, rest))
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.ciphers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simone_booking::SystemClock;

    fn ids() -> Arc<Ids> {
        Arc::new(Ids::seeded(Arc::new(SystemClock), 7))
    }

    fn key(byte: u8) -> SecretBox<Vec<u8>> {
        SecretBox::new(Box::new(vec![byte; 32]))
    }

    const PLACE: Place<'static> = Place { table: "calendars", column: "details", row: &[b"a", b"b"] };

    #[test]
    fn opens_only_where_it_was_sealed() {
        let keys = Keyring::new([("k1".into(), key(1))], ids()).unwrap();
        let sealed = keys.seal(PLACE, b"Dentiste");
        assert_eq!(keys.open(PLACE, &sealed).unwrap(), b"Dentiste");
        for elsewhere in [
            Place { table: "other", ..PLACE },
            Place { column: "other", ..PLACE },
            Place { row: &[b"a", b"c"], ..PLACE },
            Place { row: &[b"ab", b""], ..PLACE },
            Place { row: &[b"ab"], ..PLACE },
        ] {
            assert_eq!(keys.open(elsewhere, &sealed), Err(Unopened::Refused), "{elsewhere:?}");
        }
    }

    #[test]
    fn never_writes_the_same_twice_and_never_the_plain_text() {
        let keys = Keyring::new([("k1".into(), key(1))], ids()).unwrap();
        let (one, two) = (keys.seal(PLACE, b"Dentiste"), keys.seal(PLACE, b"Dentiste"));
        assert_ne!(one, two);
        assert!(!one.windows(8).any(|window| window == b"Dentiste"));
    }

    #[test]
    fn old_keys_open_what_they_sealed_and_lost_ones_say_so() {
        let old = Keyring::new([("k1".into(), key(1))], ids()).unwrap();
        let sealed = old.seal(PLACE, b"x");
        let rotated = Keyring::new([("k2".into(), key(2)), ("k1".into(), key(1))], ids()).unwrap();
        assert_eq!(rotated.open(PLACE, &sealed).unwrap(), b"x");
        let lost = Keyring::new([("k2".into(), key(2))], ids()).unwrap();
        assert_eq!(lost.open(PLACE, &sealed), Err(Unopened::UnknownKey));
        assert_eq!(lost.open(PLACE, &rotated.seal(PLACE, b"y")).unwrap(), b"y");
    }

    #[test]
    fn damaged_ciphertexts_are_refused() {
        let keys = Keyring::new([("k1".into(), key(1))], ids()).unwrap();
        let sealed = keys.seal(PLACE, b"x");
        for length in 0..sealed.len() {
            assert!(keys.open(PLACE, &sealed[..length]).is_err());
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keys.open(PLACE, &changed).is_err(), "byte {index}");
        }
    }

    #[test]
    fn unusable_keys_are_refused() {
        assert_eq!(Keyring::new([], ids()).unwrap_err(), BadKeys::None);
        let short = SecretBox::new(Box::new(vec![0; 31]));
        assert_eq!(Keyring::new([("k".into(), short)], ids()).unwrap_err(), BadKeys::Length("k".into()));
    }
}
