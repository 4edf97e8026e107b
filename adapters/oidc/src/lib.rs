//! The organisation's identity provider: OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636).
//!
//! A browser is led to the provider ([`Provider::address`]) and comes back with a code, for which the provider says who it is
//! ([`Provider::identify`]). The person is asked to sign in anew, whatever session there is, and an answer that does not
//! say that they did is not taken.

mod attempt;
mod outside;
mod provider;

pub use attempt::Attempt;
pub use provider::{Failure, Provider};

use stoa_http::Network;
use stoa_learning::training::attest::NamedBy;

/// The claim with the e-mail address (OpenID Connect Core 1.0, section 5.1).
pub const EMAIL: &str = "email";

/// What the configuration says about the provider.
#[derive(Clone)]
pub struct Options {
    /// Its name, exactly as it says it itself: `https://login.example.org`.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// With which we show it.
    pub client_secret: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says whose sign-in it is.
    pub claim: String,
    /// How far the provider's clock may be from ours, in microseconds.
    pub skew: i64,
    /// The address to which browsers come back.
    pub redirect_uri: String,
    /// The way to the provider.
    pub network: Network,
}

/// What a claim names people by.
#[must_use]
pub fn named_by(claim: &str) -> NamedBy {
    if claim == EMAIL { NamedBy::Email } else { NamedBy::EmployeeId }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}
