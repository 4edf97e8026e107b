//! Signatures of the shape `<version>=<hexadecimal digits>`: HMAC-SHA256 (RFC 2104) over
//! `<version>:<seconds since 1970>:<body>`. Slack's requests have them (version `v0`), and the bridge's (`v1`).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_ground::Instant;

/// How far the signer's clock may be from ours, in seconds.
pub const WINDOW: i64 = 300;

fn mac(version: &str, secret: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes a key of any length, so there is always one.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    for part in [version.as_bytes(), b":", timestamp.as_bytes(), b":", body] {
        mac.update(part);
    }
    Some(mac)
}

/// The signature of a body.
#[must_use]
pub fn sign(version: &str, secret: &str, timestamp: &str, body: &[u8]) -> String {
    let digest = mac(version, secret, timestamp, body).map(|mac| mac.finalize().into_bytes());
    let hex: String = stoa_ground::hex(digest.iter().flatten());
    format!("{version}={hex}")
}

/// Whether a signature is that of this body, in constant time. An empty secret signs nothing.
#[must_use]
pub fn is_signed(version: &str, secret: &str, timestamp: &str, body: &[u8], signature: &str) -> bool {
    let given = signature.strip_prefix(version).and_then(|rest| unhex(rest.strip_prefix('=')?));
    let (Some(given), Some(mac)) = (given, mac(version, secret, timestamp, body)) else { return false };
    !secret.is_empty() && mac.verify_slice(&given).is_ok()
}

/// By how many seconds the signer's clock is behind ours; less than nothing where it is ahead.
#[must_use]
pub fn behind(now: Instant, seconds: i64) -> i64 {
    (now.0 / Instant::SECOND).saturating_sub(seconds)
}

/// The bytes of hexadecimal digits, at most 64 of them.
#[must_use]
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) || text.len() > 128 {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}
