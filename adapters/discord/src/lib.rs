//! Discord: events in over the gateway or over HTTP, messages out over the REST interface. `docs/discord.md` is its guide.
//!
//! The adapter translates and decides nothing. What comes in is mapped to [`stoa_flow::chat::Event`]s under Discord's own
//! ids, stored, and only then acknowledged where Discord knows an acknowledgement; what goes out is CommonMark as Discord's
//! markdown with buttons.

mod api;
mod app;
mod audience;
mod catch_up;
mod commands;
mod connection;
mod events;
mod find;
mod gateway;
mod http;
mod ids;
mod interactions;
mod limits;
mod markdown;
mod modal;
mod platform;
mod register;
mod render;
mod role;
mod send;
mod session;
mod setup;
mod store;
mod take;
mod text;

#[cfg(test)]
mod tests;

use stoa_ground::{Error, Result};
use stoa_http::Network;

pub use gateway::listen;
pub use http::router;
pub use platform::Discord;
pub use session::LEASED;
pub use setup::{Checked, Problem, check, invite};
pub use store::{Figures, figures};

/// The name in [`stoa_flow::chat::Account::platform`].
pub const PLATFORM: &str = "discord";
/// Where Discord's REST interface is.
pub const API_URL: &str = "https://discord.com/api/v10";

/// A server (Discord calls it a guild) of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guild {
    /// Its id.
    pub id: String,
    /// The channel in which people are told that something waits for them, each in a private thread.
    pub channel: Option<String>,
    /// Forum channels whose posts are questions to Stoa.
    pub forums: Vec<String>,
    /// The role that only people of the organisation get there: it vouches for accounts whose user name the roster has.
    pub member_role: Option<String>,
}

/// What the configuration says about the app.
#[derive(Clone)]
pub struct Options {
    /// The bot's token.
    pub token: String,
    /// The application's id.
    pub application_id: String,
    /// The application's public key, for interactions over HTTP; empty without them.
    pub public_key: String,
    /// The REST interface's address.
    pub api_url: String,
    /// Whether the gateway is connected. Without it only interactions over HTTP come in.
    pub gateway: bool,
    /// Whether the privileged intent for the content of messages is granted.
    pub message_content: bool,
    /// Whether the privileged intent for members is granted.
    pub members: bool,
    /// Whether commands are registered in the configured servers only, where they change at once.
    pub guild_commands: bool,
    /// Servers.
    pub guilds: Vec<Guild>,
    /// The way to Discord.
    pub network: Network,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("application_id", &self.application_id).finish_non_exhaustive()
    }
}

impl Options {
    /// Whether these options make an app.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key that is wrong.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(format!("[discord] {what}")));
        if self.token.is_empty() || self.token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return wrong("token is missing, or is no token");
        }
        setup::check_application(&self.application_id)?;
        if !(self.api_url.starts_with("https://") || self.api_url.starts_with("http://")) {
            return wrong("api_url must start with https:// or http://");
        }
        if !self.public_key.is_empty() && http::key(&self.public_key).is_none() {
            return wrong("public_key must be the 64 hexadecimal digits that Discord shows");
        }
        if !self.gateway && self.public_key.is_empty() {
            return wrong("gateway = false needs public_key: nothing would come in");
        }
        for guild in &self.guilds {
            let some = [Some(&guild.id), guild.channel.as_ref(), guild.member_role.as_ref()];
            let all = some.into_iter().flatten().chain(&guild.forums);
            if let Some(bad) = all.into_iter().find(|id| !ids::is_id(id)) {
                return wrong(&format!("guilds: '{bad}' is no id (15 to 20 digits)"));
            }
            if guild.member_role.as_ref() == Some(&guild.id) {
                return wrong("guilds: member_role is @everyone, which vouches for nobody; name a role of your own");
            }
        }
        if self.guild_commands && self.guilds.is_empty() {
            return wrong("commands = \"guilds\" needs [[discord.guilds]]");
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn test() -> Self {
        Self {
            token: "test.token".into(),
            application_id: "100000000000000001".into(),
            public_key: String::new(),
            api_url: "http://127.0.0.1:9/api/v10".into(),
            gateway: true,
            message_content: false,
            members: false,
            guild_commands: false,
            guilds: Vec::new(),
            network: Network::default(),
        }
    }
}
