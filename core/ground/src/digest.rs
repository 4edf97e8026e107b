//! Bytes and digests as text.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Bytes in hexadecimal digits, two each.
pub fn hex<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 in 64 hexadecimal digits.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_in_pairs() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        // FIPS 180-4, "abc".
        assert!(sha256("abc").starts_with("ba7816bf8f01cfea") && sha256("abc").len() == 64);
    }
}
