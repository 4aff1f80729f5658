//! Ids as Microsoft makes them.

use rand::{Rng, RngExt};

/// A random GUID.
pub(crate) fn guid(rng: &mut impl Rng) -> String {
    let mut bytes: [u8; 16] = rng.random();
    // Version 4 of the usual variant.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    dashed(&hex(&bytes))
}

/// The id of a personal account: 16 hexadecimal digits.
pub(crate) fn short(rng: &mut impl Rng) -> String {
    hex(&rng.random::<[u8; 8]>())
}

/// 32 hexadecimal digits as a GUID.
pub(crate) fn dashed(digits: &str) -> String {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_guid_has_its_version_and_variant() {
        let made = super::guid(&mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(made.len(), 36);
        assert_eq!(made.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&made.as_bytes()[19]));
    }
}
