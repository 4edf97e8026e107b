//! Discord's ids, which tell when they were made, and the hashes under which our messages are found again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stoa_ground::Instant;

/// Discord's epoch, the first second of 2015, in milliseconds since 1970.
const EPOCH: i64 = 1_420_070_400_000;

/// A text, or an empty one.
pub(crate) fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Whether this can be an id.
pub(crate) fn is_id(text: &str) -> bool {
    (15..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// When an id was made; the beginning of 1970 for what is none.
pub(crate) fn instant(id: &str) -> Instant {
    let Ok(number) = id.parse::<u64>() else { return Instant(0) };
    let millis = i64::try_from(number >> 22).unwrap_or_default() + EPOCH;
    Instant(millis.saturating_mul(1_000))
}

/// The smallest id that can be made at an instant.
pub(crate) fn at(instant: Instant) -> u64 {
    let millis = (instant.0 / 1_000).saturating_sub(EPOCH).max(0);
    u64::try_from(millis).unwrap_or_default() << 22
}

/// An id as a number; 0 for none.
pub(crate) fn number(id: &str) -> i64 {
    id.parse().unwrap_or_default()
}

/// The short hash of a delivery key: 20 characters, for a nonce (25 at most) and for the ids of components.
pub(crate) fn hash(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(key.as_bytes())[..15])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_their_time() {
        assert_eq!(instant("175928847299117063").rfc3339(), "2016-04-30T11:18:25.796Z");
        assert_eq!(at(instant("175928847299117063")), 175_928_847_299_117_063 >> 22 << 22);
        assert_eq!((instant("x"), number("x"), at(Instant(0))), (Instant(0), 0, 0));
        assert!(is_id("175928847299117063") && !is_id("1") && !is_id("17592884729911706x"));
        assert_eq!(hash("a").len(), 20);
        assert_ne!(hash("a"), hash("b"));
    }
}
