//! What is counted and measured under load: nothing here looks at everything again for each message.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::state::{BOT, Message};
use super::{Discord, lock};

impl Discord {
    /// The id of one of many people.
    #[must_use]
    pub fn nth_person(n: usize) -> String {
        format!("2000000000{n:08}")
    }

    /// Adds many people at once, with the numbers of [`nth_person`](Self::nth_person).
    pub fn add_people(&self, numbers: std::ops::Range<usize>) {
        let mut kept = lock(&self.hall.kept);
        for n in numbers {
            kept.users.insert(Self::nth_person(n), (format!("Person {n}"), false));
        }
    }

    /// Adds a server with many members, whom it tells when the bot comes, so many of them as Discord does of a large one.
    pub fn add_large_guild(&self, id: &str, name: &str, numbers: std::ops::Range<usize>, told: usize) {
        let members: BTreeSet<String> = numbers.map(Self::nth_person).chain([BOT.to_owned()]).collect();
        let mut kept = lock(&self.hall.kept);
        kept.told_members = told;
        kept.guilds.insert(id.to_owned(), (name.to_owned(), members));
    }

    /// Tells the bot that somebody of a server is called otherwise.
    pub fn renames(&self, guild: &str, user: &str, nick: &str) {
        let mut kept = lock(&self.hall.kept);
        let user = kept.user(user);
        let d =
            json!({ "guild_id": guild, "roles": [], "user": user, "nick": nick, "joined_at": "2024-01-01T00:00:00Z" });
        kept.dispatch("GUILD_MEMBER_UPDATE", &d);
    }

    /// The bot's messages from a place on which everybody there sees, and the place after the last.
    #[must_use]
    pub fn messages_from(&self, first: usize) -> (Vec<Message>, usize) {
        let kept = lock(&self.hall.kept);
        let new = kept.messages.iter().skip(first).filter(|m| m.user == BOT && m.only.is_none());
        (new.cloned().collect(), kept.messages.len())
    }

    /// How long the acknowledgement of an interaction took; none while it did not come.
    #[must_use]
    pub fn acknowledgement(&self, token: &str) -> Option<Duration> {
        lock(&self.hall.kept).interactions.get(token)?.acknowledged.as_ref().map(|(took, _)| *took)
    }

    /// How many answers only say that the bot thinks.
    #[must_use]
    pub fn thinking(&self) -> usize {
        lock(&self.hall.kept).messages.iter().filter(|m| m.loading).count()
    }

    /// How many calls were answered with a status of this hundred, for example 4.
    #[must_use]
    pub fn answered_with(&self, hundred: u16) -> usize {
        lock(&self.hall.kept).calls.iter().filter(|c| c.status / 100 == hundred).count()
    }

    /// How often each kind of call was made from a place among all calls on, and the place after the last.
    #[must_use]
    pub fn calls_from(&self, first: usize) -> (Vec<(String, u16)>, usize) {
        let kept = lock(&self.hall.kept);
        (kept.calls.iter().skip(first).map(|c| (c.kind.clone(), c.status)).collect(), kept.calls.len())
    }
}

/// The members of whom a server tells when the bot comes.
pub(super) fn told(kept: &super::state::Kept, members: &BTreeSet<String>) -> Vec<Value> {
    let some = members.iter().take(kept.told_members);
    some.map(|id| json!({ "user": kept.user(id), "nick": null, "roles": [], "joined_at": "2024-01-01T00:00:00Z" }))
        .collect()
}
