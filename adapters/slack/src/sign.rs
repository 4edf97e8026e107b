//! Slack's request signatures, version 0: HMAC-SHA256 over `v0:<timestamp>:<body>` with the app's signing secret.

use stoa_ground::Instant;
use stoa_http::signed;

/// The header with the seconds since 1970 at which Slack signed.
pub(crate) const TIMESTAMP: &str = "X-Slack-Request-Timestamp";
/// The header with `v0=` and the signature in hexadecimal digits.
pub(crate) const SIGNATURE: &str = "X-Slack-Signature";

/// Checks a signature in constant time; `false` when it is missing, forged, or older or newer than five minutes.
pub(crate) fn is_genuine(
    secret: &str,
    now: Instant,
    timestamp: Option<&str>,
    signature: Option<&str>,
    body: &[u8],
) -> bool {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return false };
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    signed::is_signed("v0", secret, timestamp, body, signature)
        && signed::behind(now, seconds).saturating_abs() <= signed::WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's documentation "Verifying requests from Slack".
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &[u8] = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNED: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const AT: Instant = Instant(1_531_420_618_000_000);

    #[test]
    fn slack_s_own_example_is_genuine_for_five_minutes() {
        let check = |now: Instant| is_genuine(SECRET, now, Some("1531420618"), Some(SIGNED), BODY);
        assert!(check(AT));
        assert!(check(AT.plus(300 * Instant::SECOND)) && check(AT.plus(-300 * Instant::SECOND)));
        assert!(!check(AT.plus(301 * Instant::SECOND)), "replayed later");
        assert!(!check(AT.plus(-301 * Instant::SECOND)), "from the future");
    }

    #[test]
    fn what_is_forged_or_missing_is_not_genuine() {
        let check = |secret: &str, t: Option<&str>, s: Option<&str>, body: &[u8]| is_genuine(secret, AT, t, s, body);
        assert!(!check("another", Some("1531420618"), Some(SIGNED), BODY));
        assert!(!check("", Some("1531420618"), Some(SIGNED), BODY));
        assert!(!check(SECRET, Some("1531420619"), Some(SIGNED), BODY));
        assert!(!check(SECRET, Some("1531420618"), Some(SIGNED), b"token=x"));
        assert!(!check(SECRET, Some("1531420618"), Some("v0=é"), BODY));
        assert!(!check(SECRET, Some("1531420618"), Some(&SIGNED.replace("v0=", "v1=")), BODY));
        assert!(!check(SECRET, Some("soon"), Some(SIGNED), BODY));
        assert!(!check(SECRET, None, Some(SIGNED), BODY) && !check(SECRET, Some("1531420618"), None, BODY));
    }
}
