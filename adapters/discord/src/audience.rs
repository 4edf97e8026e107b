//! Who reads in a channel of a server, as its permissions say it.

use std::time::Duration;

use serde_json::{Value, json};
use stoa_flow::chat::{Audience, Place};
use stoa_ground::clock::monotonic;
use stoa_http::{believed, remember};

use crate::api::{Failure, Request, UNKNOWN_CHANNEL};
use crate::app::{App, REMEMBERED};
use crate::events::PRIVATE_THREAD;
use crate::ids::word;
use crate::setup;

const VIEW_CHANNEL: u64 = 1 << 10;

/// For how long is believed what Discord said about a channel: one answer asks for it several times.
const FRESH: Duration = Duration::from_secs(2);

impl App {
    /// Who reads in a place of a server. What Discord does not show us is closed.
    pub(crate) async fn audience(&self, place: &Place) -> Result<Audience, Failure> {
        let key = (place.channel.clone(), place.thread.clone());
        if let Some(known) = believed(&self.audiences, &key) {
            return Ok(known);
        }
        let said = match self.looked_up(place).await {
            Err(failure) if failure.code().is_some() => {
                tracing::debug!(?failure, "who reads in a channel is not known");
                Audience::default()
            }
            other => other?,
        };
        remember(&self.audiences, key, (said, monotonic() + FRESH), REMEMBERED);
        Ok(said)
    }

    async fn looked_up(&self, place: &Place) -> Result<Audience, Failure> {
        if let Some(thread) = &place.thread {
            match self.channel(thread).await {
                Ok(thread) if thread.kind == PRIVATE_THREAD => return Ok(Audience::default()),
                Ok(_) => {}
                // Nobody has answered the message: there is no thread yet.
                Err(failure) if failure.code() == Some(UNKNOWN_CHANNEL) => {}
                Err(failure) => return Err(failure),
            }
        }
        let channel = self.api.call(&Request::new("GET /channels/:id", &place.channel, &[])).await?;
        let guild = word(&channel["guild_id"]);
        if guild.is_empty() {
            return Ok(Audience::default());
        }
        let roles = self.api.call(&Request::new("GET /guilds/:id/roles", guild, &[])).await?;
        Ok(read(&channel, &roles, guild, self.member_role(guild)))
    }
}

/// Where a role tells the organisation's own people, whoever is on the server without it is an outsider.
fn read(channel: &Value, roles: &Value, guild: &str, member: Option<&str>) -> Audience {
    let everybody = sees(channel, roles, guild, None);
    Audience {
        open: member.map_or(everybody, |role| sees(channel, roles, guild, Some(role))),
        outsiders: member.is_some() && everybody,
    }
}

/// Whether somebody with this role alone, or with none, sees a channel.
fn sees(channel: &Value, roles: &Value, guild: &str, role: Option<&str>) -> bool {
    let of = |id: &str| {
        let role = roles.as_array().into_iter().flatten().find(|r| r["id"] == id);
        role.map_or(0, |r| word(&r["permissions"]).parse::<u64>().unwrap_or_default())
    };
    let server = json!({ "id": guild, "permissions": (of(guild) | role.map_or(0, of)).to_string() });
    let member = json!({ "roles": role.as_slice() });
    setup::allowed(&server, channel, &member) & VIEW_CHANNEL != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_open_when_everybody_or_the_role_of_our_own_people_sees_it() {
        let view = VIEW_CHANNEL.to_string();
        let roles = json!([{ "id": "5", "permissions": view }, { "id": "6", "permissions": "0" }]);
        let hidden = json!([{ "id": "5", "permissions": "0" }]);
        let says = |id: &str, allow: &str, deny: &str| json!({ "id": id, "allow": allow, "deny": deny });
        let channel = |said: &[Value]| json!({ "id": "9", "guild_id": "5", "permission_overwrites": said });
        let (closed, open) = (Audience::default(), Audience { open: true, outsiders: false });
        let ours = [says("5", "0", &view), says("6", &view, "0")];
        for (channel, roles, member, audience) in [
            (channel(&[]), &roles, None, open),
            (channel(&[]), &hidden, None, closed),
            (channel(&[says("5", &view, "0")]), &hidden, None, open),
            (channel(&[says("5", "0", &view)]), &roles, None, closed),
            // Another role, which not all of our own people need to have, opens nothing.
            (channel(&ours), &roles, None, closed),
            (channel(&ours), &roles, Some("6"), open),
            (channel(&[]), &roles, Some("6"), Audience { open: true, outsiders: true }),
            (channel(&[says("6", "0", &view)]), &roles, Some("6"), Audience { open: false, outsiders: true }),
            (channel(&[]), &json!([]), None, closed),
        ] {
            assert_eq!(read(&channel, roles, "5", member), audience, "{channel} {member:?}");
        }
    }
}
