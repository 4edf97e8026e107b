//! What an operator needs: the invite link with the least permissions, and whether everything is as it should be.

use serde_json::Value;
use stoa_flow::chat::SendError;
use stoa_ground::{Error, Result};

use crate::api::{Api, Failure, Request};
use crate::ids::{self, word};
use crate::{Options, connection};

/// The permissions, each with its name and what it costs when it is missing.
const PERMISSIONS: [(u64, &str, &str); 6] = [
    (1 << 10, "View Channels", "Stoa sees no channel there"),
    (1 << 11, "Send Messages", "Stoa cannot answer in channels"),
    (1 << 38, "Send Messages in Threads", "Stoa cannot answer in threads and forums"),
    (1 << 35, "Create Public Threads", "answers to mentions stand in the channel, not in a thread"),
    (1 << 36, "Create Private Threads", "who gets no direct messages is told in the channel that something waits"),
    (1 << 16, "Read Message History", "after a crash Stoa cannot look whether a message arrived, nor log discussions"),
];
/// Those of them that a forum needs.
const IN_FORUMS: u64 = 1 << 10 | 1 << 38 | 1 << 16;
/// Types of channels that are forums: with words or with pictures.
const FORUMS: [i64; 2] = [15, 16];
/// May everything.
const ADMINISTRATOR: u64 = 1 << 3;
/// Flags of an application: an intent is granted, or granted to a small app.
const MEMBERS: u64 = 1 << 14 | 1 << 15;
const CONTENT: u64 = 1 << 18 | 1 << 19;

/// The privileged intents of the gateway that the flags of an application do not grant.
pub(crate) fn refused_intents(flags: u64) -> u64 {
    (if flags & MEMBERS == 0 { connection::MEMBERS } else { 0 })
        | (if flags & CONTENT == 0 { connection::CONTENT } else { 0 })
}

/// Whether this can be the id of an application.
pub(crate) fn check_application(id: &str) -> Result<()> {
    if ids::is_id(id) {
        return Ok(());
    }
    let way = "the Developer Portal shows it under General Information";
    Err(Error::invalid(format!("[discord] application_id is missing, or is no id (15 to 20 digits): {way}")))
}

/// The link with which an administrator adds the app to a server.
///
/// # Errors
/// [`Error::Invalid`] when one of the two is no id.
pub fn invite(application_id: &str, guild: Option<&str>) -> Result<String> {
    check_application(application_id)?;
    if let Some(bad) = guild.filter(|g| !ids::is_id(g)) {
        return Err(Error::invalid(format!(
            "'{bad}' is no id of a server (15 to 20 digits): right-click it, Copy Server ID"
        )));
    }
    let permissions: u64 = PERMISSIONS.iter().map(|(bit, _, _)| bit).sum();
    let mut link = format!(
        "https://discord.com/oauth2/authorize?client_id={application_id}&scope=bot+applications.commands&permissions={permissions}"
    );
    if let Some(guild) = guild {
        link.push_str(&format!("&guild_id={guild}&disable_guild_select=true"));
    }
    Ok(link)
}

/// Something that is not as it should be, what that costs, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub text: String,
    /// Whether something does not work; otherwise it works less well.
    pub wrong: bool,
}

/// What `stoa doctor` sees of the app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The bot's name.
    pub name: String,
    /// The names of the servers in which it is.
    pub servers: Vec<String>,
    /// What is missing.
    pub problems: Vec<Problem>,
}

/// Asks Discord whether the token holds, which intents are granted, and which permissions are missing where.
///
/// # Errors
/// What Discord says when the token does not hold or it cannot be reached.
pub async fn check(options: &Options) -> Result<Checked, SendError> {
    let api = Api::new(options).map_err(|e| SendError::Refused(e.to_string()))?;
    let call = |request: Request| {
        let api = &api;
        async move { api.call(&request).await }
    };
    let told = |failure: Failure| api.send_error(failure);
    let me = call(Request::new("GET /users/@me", "", &[])).await.map_err(told)?;
    let app = call(Request::new("GET /applications/@me", "", &[])).await.map_err(told)?;
    let servers = call(Request::new("GET /users/@me/guilds", "", &[])).await.map_err(told)?;
    let mut seen = Checked { name: word(&me["username"]).to_owned(), ..Checked::default() };
    if word(&app["id"]) != options.application_id {
        seen.wrong(format!("application_id is not that of the token, which is {}", word(&app["id"])));
    }
    if !options.public_key.is_empty() && word(&app["verify_key"]) != options.public_key {
        seen.wrong("public_key is not the one of the application: interactions over HTTP are refused".into());
    }
    match app["interactions_endpoint_url"].as_str() {
        Some(url) if options.public_key.is_empty() => seen.wrong(format!(
            "the Developer Portal posts every command to {url}, where nobody answers: set [discord] public_key, or remove Interactions Endpoint URL there"
        )),
        None if !options.gateway => seen.wrong(
            "gateway = false, and the Developer Portal names no Interactions Endpoint URL: no command arrives; set it to {public_url}/discord/interactions there".into(),
        ),
        _ => {}
    }
    let flags = app["flags"].as_u64().unwrap_or_default();
    seen.intent(options.message_content, flags & CONTENT != 0, "Message Content", "message_content",
        "messages that do not mention Stoa are not read: posts in forums are no questions, edited tips do not follow, discussions cannot be logged by the menu, 💡 and ✅ find no words");
    seen.intent(
        options.members,
        flags & MEMBERS != 0,
        "Server Members",
        "members",
        "Stoa does not hear at once when somebody leaves a server",
    );
    let all = servers.as_array().map_or(&[][..], Vec::as_slice);
    seen.servers = all.iter().map(|s| word(&s["name"]).to_owned()).collect();
    if all.is_empty() {
        seen.wrong("the bot is in no server: open the link of 'stoa discord invite'".into());
    }
    for server in all {
        seen.permissions(server);
    }
    if app["bot_public"] == true {
        seen.note("everybody may add the bot to a server of their own, where pages that everyone may read are answered from: switch off Public Bot in the Developer Portal under Bot".into());
    }
    let strange =
        all.iter().filter(|s| !options.guilds.is_empty() && !options.guilds.iter().any(|g| g.id == word(&s["id"])));
    for server in strange {
        let (name, id) = (word(&server["name"]), word(&server["id"]));
        seen.note(format!(
            "{name}: the bot is in this server, and [[discord.guilds]] does not name {id}: who is there gets answers from pages that everyone may read"
        ));
    }
    for guild in &options.guilds {
        let Some(server) = all.iter().find(|s| word(&s["id"]) == guild.id) else {
            seen.wrong(format!("the bot is not in the server {}: open the link of 'stoa discord invite'", guild.id));
            continue;
        };
        let name = word(&server["name"]);
        if guild.channel.is_none() {
            seen.note(format!(
                "{name}: [[discord.guilds]] names no channel; who has not written to Stoa gets no reminders on Discord"
            ));
        }
        let member = Request::new("GET /guilds/:id/members/:user", &guild.id, &[word(&me["id"])]);
        // Without its roles the bot has what everybody has.
        let member = call(member).await.unwrap_or_default();
        let channels = guild.channel.iter().map(|id| (id, false));
        for (id, is_forum) in channels.chain(guild.forums.iter().map(|id| (id, true))) {
            let what = if is_forum { "forum" } else { "channel" };
            match call(Request::new("GET /channels/:id", id, &[])).await {
                Ok(channel) => seen.channel(server, &channel, is_forum, &member),
                Err(failure) => {
                    seen.wrong(format!(
                        "{name}: the {what} {id} of [[discord.guilds]] cannot be seen: {}",
                        told(failure)
                    ));
                }
            }
        }
        if let Some(role) = &guild.member_role {
            let roles = call(Request::new("GET /guilds/:id/roles", &guild.id, &[])).await.map_err(told)?;
            if !roles.as_array().into_iter().flatten().any(|r| word(&r["id"]) == role) {
                seen.wrong(format!("{name}: there is no role {role}: member_role vouches for nobody"));
            }
        }
    }
    Ok(seen)
}

impl Checked {
    fn wrong(&mut self, text: String) {
        self.problems.push(Problem { text, wrong: true });
    }

    fn note(&mut self, text: String) {
        self.problems.push(Problem { text, wrong: false });
    }

    fn intent(&mut self, wanted: bool, granted: bool, name: &str, key: &str, cost: &str) {
        let way = "switch it on in the Developer Portal under Bot, Privileged Gateway Intents";
        match (wanted, granted) {
            (true, false) => self.wrong(format!("{key} = true, but the intent {name} is not granted: {cost}; {way}")),
            (false, true) => self.note(format!(
                "the intent {name} is granted and not used; set [discord] {key} = true, or switch it off there"
            )),
            (false, false) => self.note(format!("without the intent {name}: {cost}")),
            (true, true) => {}
        }
    }

    fn permissions(&mut self, server: &Value) {
        let granted: u64 = word(&server["permissions"]).parse().unwrap_or_default();
        if granted & ADMINISTRATOR != 0 {
            self.note(format!("{}: the bot is administrator there, which it need not be", word(&server["name"])));
            return;
        }
        for (bit, name, cost) in PERMISSIONS {
            if granted & bit == 0 {
                self.wrong(format!("{}: the bot lacks {name}: {cost}", word(&server["name"])));
            }
        }
    }

    /// A channel of the configuration: what it is, and what the bot may do on the server and not there.
    fn channel(&mut self, server: &Value, channel: &Value, is_forum: bool, member: &Value) {
        let (at, name) = (word(&server["name"]), word(&channel["name"]));
        if word(&channel["guild_id"]) != word(&server["id"]) {
            self.wrong(format!("{at}: {name} is in another server"));
            return;
        }
        if is_forum != FORUMS.contains(&channel["type"].as_i64().unwrap_or_default()) {
            let what =
                if is_forum { "no forum, so posts in it are no questions" } else { "a forum, and can be no channel" };
            self.wrong(format!("{at}: {name} is {what}"));
        }
        let granted: u64 = word(&server["permissions"]).parse().unwrap_or_default();
        if granted & ADMINISTRATOR != 0 {
            return;
        }
        let there = allowed(server, channel, member);
        let needed = PERMISSIONS.iter().filter(|(bit, _, _)| !is_forum || IN_FORUMS & bit != 0);
        for (_, permission, cost) in needed.filter(|(bit, _, _)| granted & bit != 0 && there & bit == 0) {
            self.wrong(format!("{at}: the bot lacks {permission} in {name}: {cost}"));
        }
    }
}

/// What the bot, as `member` of a server, may do in a channel there: what it may on the whole server, changed by what the
/// channel says about everybody, then about the bot's roles, then about the bot.
pub(crate) fn allowed(server: &Value, channel: &Value, member: &Value) -> u64 {
    let number = |value: &Value| word(value).parse::<u64>().unwrap_or_default();
    let (everybody, bot) = (word(&server["id"]), word(&member["user"]["id"]));
    let roles: Vec<&str> = member["roles"].as_array().into_iter().flatten().map(word).collect();
    let steps: [&dyn Fn(&str) -> bool; 3] =
        [&|id| id == everybody, &|id| id != everybody && roles.contains(&id), &|id| id == bot];
    steps.iter().fold(number(&server["permissions"]), |granted, is_it| {
        let said = channel["permission_overwrites"].as_array().into_iter().flatten();
        let said = said.filter(|one| is_it(word(&one["id"])));
        let (allow, deny) = said.fold((0, 0), |(a, d), one| (a | number(&one["allow"]), d | number(&one["deny"])));
        granted & !deny | allow
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_link_asks_for_what_is_needed_and_no_more() {
        let link = invite("100000000000000001", None).unwrap();
        assert_eq!(
            link,
            "https://discord.com/oauth2/authorize?client_id=100000000000000001&scope=bot+applications.commands&permissions=377957190656"
        );
        let one = invite("100000000000000001", Some("500000000000000001")).unwrap();
        assert!(one.ends_with("&guild_id=500000000000000001&disable_guild_select=true"), "{one}");
        for (app, guild) in [("", None), ("1", None), ("stoa", None), ("100000000000000001", Some("5"))] {
            assert!(matches!(invite(app, guild), Err(Error::Invalid(_))), "{app} {guild:?}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_its_cost() {
        let mut seen = Checked::default();
        seen.permissions(&json!({ "name": "Acme", "permissions": ((1_u64 << 10) | (1 << 11) | (1 << 38) | (1 << 35) | (1 << 16)).to_string() }));
        let texts: Vec<&str> = seen.problems.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "Acme: the bot lacks Create Private Threads: who gets no direct messages is told in the channel that something waits"
            ]
        );
    }

    #[test]
    fn what_a_channel_takes_away_is_told_and_what_a_role_gives_back_is_not() {
        let all: u64 = PERMISSIONS.iter().map(|(bit, _, _)| bit).sum();
        let server = json!({ "id": "5", "name": "Acme", "permissions": all.to_string() });
        let (role, bot) = ("6", "7");
        let say =
            |id: &str, allow: u64, deny: u64| json!({ "id": id, "allow": allow.to_string(), "deny": deny.to_string() });
        let member = json!({ "user": { "id": bot }, "roles": [role] });
        let told = |kind: i64, is_forum: bool, said: &[Value]| {
            let channel =
                json!({ "id": "9", "guild_id": "5", "name": "learning", "type": kind, "permission_overwrites": said });
            let mut seen = Checked::default();
            seen.channel(&server, &channel, is_forum, &member);
            seen.problems.into_iter().map(|p| p.text).collect::<Vec<_>>()
        };
        let nothing = Vec::<String>::new();
        assert_eq!(told(0, false, &[]), nothing);
        assert_eq!(told(0, false, &[say("5", 0, 1 << 11), say(role, 1 << 11, 0)]), nothing);
        assert_eq!(told(0, false, &[say("5", 0, 1 << 11), say("8", 1 << 11, 0)]).len(), 1, "another role");
        let lacks = told(0, false, &[say(role, 1 << 11, 1 << 36), say(bot, 0, 1 << 11)]);
        assert!(
            lacks.len() == 2 && lacks[0].starts_with("Acme: the bot lacks Send Messages in learning: "),
            "{lacks:?}"
        );
        assert_eq!(told(15, true, &[say("5", 0, 1 << 11)]), nothing, "nothing is opened in a forum");
        assert_eq!(told(0, true, &[]), ["Acme: learning is no forum, so posts in it are no questions"]);
    }
}
