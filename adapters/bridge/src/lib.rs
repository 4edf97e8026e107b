//! The bridge: a small HTTP platform for chats that Stoa does not know. `docs/bridge.md` is its protocol.
//!
//! A program of the organisation's own stands between its chat and Stoa. It posts what people do to
//! `/bridge/<name>/events`, and Stoa posts messages to the `api_url` of that program. Both sign with one shared secret.

mod client;
mod events;
mod problem;
mod sign;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use stoa_flow::Flow;
use stoa_ground::{Error, Result};
use stoa_http::Network;

pub use client::Bridge;
pub use sign::{SIGNATURE, Secret, TIMESTAMP};

/// The most bytes of a request's body that are read.
const BODY_LIMIT: usize = 1024 * 1024;
/// The least characters of a secret.
const SECRET: usize = 16;
/// Platforms that are not bridges.
const TAKEN: [&str; 5] = ["web", "slack", "discord", "mail", "test"];

/// What the configuration says about one bridge.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its name, which is the platform's name in accounts and places: lower-case letters, digits and `-`.
    pub name: String,
    /// The address under which the other side takes messages, without a slash at its end.
    pub api_url: String,
    /// The shared secret, at least 16 characters.
    pub secret: Secret,
    /// The way to `api_url`.
    pub network: Network,
}

impl Options {
    /// Whether these options make a bridge.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key that is wrong.
    pub fn check(&self) -> Result<()> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) || TAKEN.contains(&name.as_str()) {
            return Err(Error::invalid(format!(
                "[[bridge]] name = '{name}': a name has 1 to 40 lower-case letters, digits and -, and is none of {}",
                TAKEN.join(", ")
            )));
        }
        if !(self.api_url.starts_with("https://") || self.api_url.starts_with("http://")) {
            return Err(Error::invalid(format!("[[bridge]] '{name}': api_url must start with https:// or http://")));
        }
        if self.secret.len() < SECRET {
            return Err(Error::invalid(format!("[[bridge]] '{name}': the secret needs at least {SECRET} characters")));
        }
        Ok(())
    }
}

/// The route `/bridge/<name>/events` of one bridge; connect the bridge itself with [`Flow::connect`].
pub fn router(flow: Arc<Flow>, bridge: &Arc<Bridge>) -> Router {
    Router::new()
        .route(&format!("/bridge/{}/events", bridge.options().name), post(events::receive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(events::Inlet { flow, bridge: bridge.clone() })
}
