//! Slack: events in over Socket Mode or HTTP, messages out over the Web API. `docs/slack.md` is its guide.
//!
//! The adapter translates and decides nothing. What comes in is mapped to [`stoa_flow::chat::Event`]s under Slack's own
//! keys, stored, and only then acknowledged; what goes out is CommonMark as Slack's blocks.

mod api;
mod app;
mod assistant;
mod audience;
mod blocks;
mod check;
mod events;
mod home;
mod http;
mod installs;
mod interactions;
mod limits;
mod manifest;
mod members;
mod mrkdwn;
mod oauth;
mod platform;
mod sign;
mod silence;
mod socket;
mod streams;
mod take;
mod text;
mod view;
mod zones;

use stoa_ground::{Error, Result};
use stoa_http::Network;

pub use check::{Checked, Seen, check};
pub use http::router;
pub use manifest::manifest;
pub use oauth::install_link;
pub use platform::Slack;
pub use socket::listen;

/// The name in [`stoa_flow::chat::Account::platform`].
pub const PLATFORM: &str = "slack";
/// Where Slack's Web API is.
pub const API_URL: &str = "https://slack.com/api";

/// How Slack's events come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Over connections that Stoa opens; nothing of Stoa needs to be reachable from outside.
    Socket,
    /// Slack posts them to `/slack/<name>/…`.
    Http,
}

/// What an app may do without: it needs fewer scopes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The assistant pane.
    Assistant,
    /// The operator hears when a channel is archived or left.
    ChannelNews,
    /// What is said in channels is heard: discussions are logged, tips follow the messages that they came from.
    Discussions,
    /// Nothing that nobody asked for comes while somebody does not want to be disturbed.
    DoNotDisturb,
    /// 💡 and ✅.
    Reactions,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Assistant, Self::ChannelNews, Self::Discussions, Self::DoNotDisturb, Self::Reactions];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::ChannelNews => "channel_news",
            Self::Discussions => "discussions",
            Self::DoNotDisturb => "do_not_disturb",
            Self::Reactions => "reactions",
        }
    }
}

/// What the configuration says about one Slack app.
#[derive(Clone)]
pub struct Options {
    /// Its name in the configuration and in its routes: lower-case letters, digits and `-`.
    pub name: String,
    /// How events come in.
    pub mode: Mode,
    /// `xoxb-…`.
    pub bot_token: String,
    /// `xapp-…`, for Socket Mode.
    pub app_token: String,
    /// For HTTP mode.
    pub signing_secret: String,
    /// For installation by its own page, in HTTP mode.
    pub client_id: String,
    /// For installation by its own page.
    pub client_secret: String,
    /// What it does beside questions, tips and lessons.
    pub features: Vec<Feature>,
    /// Where this app is reached from outside, without `/slack/…`.
    pub public_url: Option<String>,
    /// The Web API's address.
    pub api_url: String,
    /// The way to Slack.
    pub network: Network,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("name", &self.name).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Options {
    /// Whether these options make an app.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key that is wrong.
    pub fn check(&self) -> Result<()> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let wrong = |what: &str| Err(Error::invalid(format!("[[slack]] '{name}': {what}")));
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            return wrong("a name has 1 to 40 lower-case letters, digits and -");
        }
        if !(self.api_url.starts_with("https://") || self.api_url.starts_with("http://")) {
            return wrong("api_url must start with https:// or http://");
        }
        if self.bot_token.is_empty() && !self.is_installed_by_page() {
            return wrong("bot_token (xoxb-…) is missing, or client_id and client_secret with mode = \"http\"");
        }
        if self.is_installed_by_page() && self.public_url.is_none() {
            return wrong("client_id needs [http] public_url, the address to which Slack sends people back");
        }
        match self.mode {
            Mode::Socket if self.app_token.is_empty() => wrong("mode = \"socket\" needs app_token (xapp-…)"),
            Mode::Http if self.signing_secret.is_empty() => wrong("mode = \"http\" needs signing_secret"),
            _ => Ok(()),
        }
    }

    /// Whether workspaces install the app by its own page.
    #[must_use]
    pub fn is_installed_by_page(&self) -> bool {
        self.mode == Mode::Http && !self.client_id.is_empty() && !self.client_secret.is_empty()
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self {
            name: "acme".into(),
            mode: Mode::Http,
            bot_token: "xoxb-test".into(),
            app_token: String::new(),
            signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".into(),
            client_id: String::new(),
            client_secret: String::new(),
            features: Feature::ALL.to_vec(),
            public_url: None,
            api_url: "http://127.0.0.1:9/api".into(),
            network: Network::default(),
        }
    }
}
