//! Signatures: HMAC-SHA256 over time and body, the same in both directions.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stoa_ground::Instant;

/// The header with the seconds since 1970 at which a request was signed.
pub const TIMESTAMP: &str = "Stoa-Timestamp";
/// The header with `v1=` and the signature in hexadecimal digits.
pub const SIGNATURE: &str = "Stoa-Signature";
/// How far the signer's clock may be from ours, in seconds.
const WINDOW: i64 = 300;

/// A shared secret; never printed.
#[derive(Clone)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Secret {
    pub(crate) fn len(&self) -> usize {
        self.0.chars().count()
    }

    fn mac(&self, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length, so there is always one.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        mac.update(b"v1:");
        mac.update(timestamp.as_bytes());
        mac.update(b":");
        mac.update(body);
        Some(mac)
    }

    /// The signature of a body at a time: the values of [`TIMESTAMP`] and [`SIGNATURE`].
    #[must_use]
    pub fn sign(&self, now: Instant, body: &[u8]) -> (String, String) {
        let timestamp = (now.0 / Instant::SECOND).to_string();
        let digest = self.mac(&timestamp, body).map(|mac| mac.finalize().into_bytes());
        let hex: String = digest.iter().flatten().map(|b| format!("{b:02x}")).collect();
        (timestamp, format!("v1={hex}"))
    }

    /// Checks a signature in constant time. `timestamp` and `signature` are the headers' values.
    ///
    /// # Errors
    /// One sentence about what is not accepted.
    pub fn verify(
        &self,
        now: Instant,
        timestamp: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
    ) -> Result<(), String> {
        let (Some(timestamp), Some(signature)) = (timestamp, signature) else {
            return Err(format!("The request is not signed: send the headers {TIMESTAMP} and {SIGNATURE}."));
        };
        let seconds: i64 = timestamp
            .parse()
            .map_err(|_| format!("{TIMESTAMP} must be the seconds since 1970, found '{}'.", shown(timestamp)))?;
        let wrong = || format!("{SIGNATURE} does not match: it is v1= and the HMAC-SHA256 of v1:<timestamp>:<body>.");
        let given = signature.strip_prefix("v1=").and_then(unhex).ok_or_else(wrong)?;
        let mac = self.mac(timestamp, body).ok_or_else(wrong)?;
        mac.verify_slice(&given).map_err(|_| wrong())?;
        let away = (now.0 / Instant::SECOND).saturating_sub(seconds);
        if away.saturating_abs() > WINDOW {
            let (by, side) = (away.saturating_abs(), if away > 0 { "behind" } else { "ahead of" });
            return Err(format!(
                "{TIMESTAMP} is {by} seconds {side} this machine's clock; at most {WINDOW} are allowed."
            ));
        }
        Ok(())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "v1=49b64fc09e7223cf8a3d335a7b5c3526d3799baa04285311fc98120f6a0117e0";
    const NOW: Instant = Instant(1_795_424_400_000_000);

    #[test]
    fn a_signature_is_what_the_documentation_says() {
        // printf 'v1:1795424400:{"a":1}' | openssl dgst -sha256 -hmac "correct horse battery"
        let (timestamp, signature) = Secret::from("correct horse battery".to_owned()).sign(NOW, b"{\"a\":1}");
        assert_eq!(timestamp, "1795424400");
        assert_eq!(signature, EXPECTED);
    }

    #[test]
    fn only_the_right_secret_body_and_time_are_accepted() {
        let secret = Secret::from("correct horse battery".to_owned());
        let (t, s) = secret.sign(NOW, b"body");
        let check = |secret: &Secret, now: Instant, t: Option<&str>, s: Option<&str>, body: &[u8]| {
            secret.verify(now, t, s, body).err().unwrap_or_default()
        };
        assert_eq!(check(&secret, NOW, Some(&t), Some(&s), b"body"), "");
        assert_eq!(check(&secret, NOW.plus(300 * Instant::SECOND), Some(&t), Some(&s), b"body"), "");
        assert!(check(&secret, NOW.plus(301 * Instant::SECOND), Some(&t), Some(&s), b"body").contains("behind"));
        assert!(check(&secret, NOW.plus(-301 * Instant::SECOND), Some(&t), Some(&s), b"body").contains("ahead"));
        assert!(check(&secret, NOW, Some(&t), Some(&s), b"Body").contains("does not match"));
        assert!(check(&secret, NOW, Some("1795424401"), Some(&s), b"body").contains("does not match"));
        assert!(check(&Secret::from("x".to_owned()), NOW, Some(&t), Some(&s), b"body").contains("does not match"));
        assert!(check(&secret, NOW, Some(&t), Some("v1=é"), b"body").contains("does not match"));
        assert!(check(&secret, NOW, Some(&t), None, b"body").contains("not signed"));
        assert!(check(&secret, NOW, Some("soon"), Some(&s), b"body").contains("'soon'"));
        assert!(check(&secret, NOW, Some("-9223372036854775808"), Some(&s), b"body").contains("does not match"));
    }
}
