//! One way of a browser to the provider and back. All that must be known when it comes back follows from a secret in a cookie
//! of that browser: whoever is sent to the way back in another browser has none. Nothing is stored before.

use stoa_ground::{Clock, sha256};
use subtle::ConstantTimeEq as _;

/// Digits of the secret.
const DIGITS: usize = 64;

/// One way of a browser to the provider and back.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    link: String,
    secret: String,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in it opens the way back.
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl Attempt {
    /// A new one, for the link with this token.
    #[must_use]
    pub fn new(link: &str, clock: &Clock) -> Self {
        Self { link: link.to_owned(), secret: format!("{}{}", clock.secret(), clock.secret()) }
    }

    /// The one of a cookie's value.
    #[must_use]
    pub fn read(cookie: &str) -> Option<Self> {
        let (link, secret) = cookie.rsplit_once('.')?;
        let whole = secret.len() == DIGITS && secret.bytes().all(|b| b.is_ascii_hexdigit());
        whole.then(|| Self { link: link.to_owned(), secret: secret.to_owned() })
    }

    /// The cookie's value.
    #[must_use]
    pub fn cookie(&self) -> String {
        format!("{}.{}", self.link, self.secret)
    }

    /// The token of the link.
    #[must_use]
    pub fn link(&self) -> &str {
        &self.link
    }

    fn derived(&self, what: &str) -> String {
        sha256(format!("stoa/oidc-{what}/v1\n{}\n{}", self.link, self.secret))
    }

    /// What the provider sends back with the browser (RFC 6749, section 10.12).
    #[must_use]
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// Whether it was this browser that was sent to the provider, in constant time.
    #[must_use]
    pub fn is_state(&self, given: &str) -> bool {
        self.state().as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// What the provider says again in the ID token (OpenID Connect Core 1.0, section 3.1.2.1).
    pub(crate) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// The verifier whose digest goes along with the browser (RFC 7636, section 4.1: 43 to 128 characters).
    pub(crate) fn verifier(&self) -> String {
        self.derived("verifier")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_ground::Instant;

    #[test]
    fn a_way_back_belongs_to_the_browser_that_began_it() {
        let clock = Clock::seeded(Instant(0), 1);
        let (one, other) = (Attempt::new("a1.5ecret", &clock), Attempt::new("a1.5ecret", &clock));
        assert_eq!(Attempt::read(&one.cookie()), Some(one.clone()));
        assert_eq!(one.link(), "a1.5ecret");
        assert!(one.is_state(&one.state()) && !one.is_state(&other.state()) && !one.is_state(""));
        // Nothing that travels tells another part of it.
        let all = [one.state(), one.nonce(), one.verifier(), one.secret.clone()];
        assert!((0..all.len()).all(|n| !all[n + 1..].contains(&all[n])));
        assert!((43..=128).contains(&one.verifier().len()));
        let moved = Attempt { link: "a2.5ecret".into(), ..one.clone() };
        assert!(!moved.is_state(&one.state()), "another link in the same cookie");
        assert!(!format!("{one:?}").contains(&one.secret));
    }

    #[test]
    fn what_is_no_cookie_of_ours_is_none() {
        for wrong in ["", "a", ".", "a1.b", &format!("a1.{}", "z".repeat(64)), &format!("a1.{}", "0".repeat(63))] {
            assert_eq!(Attempt::read(wrong), None, "{wrong}");
        }
    }
}
