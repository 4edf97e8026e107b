//! The Discord app of the configuration, and the link with which it is added to a server.

use std::sync::Arc;

use anyhow::{Result, bail};
use stoa_discord::{Discord, Guild, Options};
use stoa_ground::Db;

use crate::config::{self, Config, secret};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print the link with which an administrator adds the app to a server, with the least permissions
    Invite {
        /// Only for this server
        guild: Option<String>,
    },
}

/// What the configuration says about the app; none without a token.
pub fn options(config: &Config) -> Result<Option<Options>> {
    let section = &config.discord;
    if !section.is_set() {
        return Ok(None);
    }
    Ok(Some(Options {
        token: secret("[discord]", section.token.as_deref(), section.token_file.as_deref())?,
        application_id: section.application_id.clone(),
        public_key: section.public_key.clone().unwrap_or_default().to_lowercase(),
        api_url: section.api_url.clone().unwrap_or_else(|| stoa_discord::API_URL.into()),
        gateway: section.gateway,
        message_content: section.message_content,
        members: section.members,
        guild_commands: section.commands == "guilds",
        guilds: section
            .guilds
            .iter()
            .map(|g| Guild {
                id: g.id.clone(),
                channel: g.channel.clone(),
                forums: g.forums.clone(),
                member_role: g.member_role.clone(),
            })
            .collect(),
        network: config.network.outside()?,
    }))
}

/// The app, ready to send; none without a token.
pub fn app(config: &Config, db: &Db) -> Result<Option<Arc<Discord>>> {
    options(config)?.map(|options| Ok(Arc::new(Discord::new(options, db.clone())?))).transpose()
}

/// What can be seen to be wrong without the token.
pub fn check(section: &config::Discord) -> Result<()> {
    if !matches!(section.commands.as_str(), "global" | "guilds") {
        bail!("[discord] commands = '{}' is neither global nor guilds", section.commands);
    }
    if section.is_set() && section.application_id.is_empty() {
        bail!("[discord] needs application_id beside the token");
    }
    Ok(())
}

pub fn run(config: &Config, command: Command) -> Result<()> {
    let Command::Invite { guild } = command;
    println!("{}", stoa_discord::invite(&config.discord.application_id, guild.as_deref())?);
    Ok(())
}
