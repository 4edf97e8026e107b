//! Signatures: HMAC-SHA256 over time and body, the same in both directions.

use stoa_ground::Instant;
use stoa_http::signed::{self, WINDOW};

/// The header with the seconds since 1970 at which a request was signed.
pub const TIMESTAMP: &str = "Stoa-Timestamp";
/// The header with `v1=` and the signature in hexadecimal digits.
pub const SIGNATURE: &str = "Stoa-Signature";
const VERSION: &str = "v1";

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

    /// The signature of a body at a time: the values of [`TIMESTAMP`] and [`SIGNATURE`].
    #[must_use]
    pub fn sign(&self, now: Instant, body: &[u8]) -> (String, String) {
        let timestamp = (now.0 / Instant::SECOND).to_string();
        let signature = signed::sign(VERSION, &self.0, &timestamp, body);
        (timestamp, signature)
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
        if !signed::is_signed(VERSION, &self.0, timestamp, body, signature) {
            return Err(format!("{SIGNATURE} does not match: it is v1= and the HMAC-SHA256 of v1:<timestamp>:<body>."));
        }
        let away = signed::behind(now, seconds);
        if away.saturating_abs() > WINDOW {
            let (by, side) = (away.saturating_abs(), if away > 0 { "behind" } else { "ahead of" });
            return Err(format!(
                "{TIMESTAMP} is {by} seconds {side} this machine's clock; at most {WINDOW} are allowed."
            ));
        }
        Ok(())
    }
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
