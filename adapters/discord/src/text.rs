//! What people write in Discord, as plain text: mentions, channels, emoji and times of its markup are resolved.

use serde_json::Value;
use stoa_ground::Instant;

use crate::ids::word;

/// Plain text of a message. Mentions of `bot` are taken away; other mentions keep a name where Discord gives one.
pub(crate) fn plain(text: &str, bot: &str, mentions: &Value) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match after.find('>').and_then(|end| Some((end, resolve(&after[..end], bot, mentions)?))) {
            Some((end, said)) => {
                out.push_str(&said);
                rest = &after[end + 1..];
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// As [`plain`], and without what stands between a mention of the bot at the beginning and the words.
pub(crate) fn addressed(text: &str, bot: &str, mentions: &Value) -> String {
    let said = plain(text, bot, mentions);
    let said = said.trim();
    said.strip_prefix([',', ':']).filter(|rest| rest.starts_with(' ')).unwrap_or(said).trim().to_owned()
}

fn resolve(inside: &str, bot: &str, mentions: &Value) -> Option<String> {
    let digits = |t: &str| (!t.is_empty() && t.bytes().all(|b| b.is_ascii_digit())).then_some(());
    if let Some(id) = inside.strip_prefix("@&") {
        return digits(id).map(|()| "@role".to_owned());
    }
    if let Some(id) = inside.strip_prefix("@!").or_else(|| inside.strip_prefix('@')) {
        digits(id)?;
        if id == bot {
            return Some(String::new());
        }
        let user = mentions.as_array().into_iter().flatten().find(|u| word(&u["id"]) == id);
        return Some(format!("@{}", user.map_or_else(|| "somebody".to_owned(), name)));
    }
    if let Some(id) = inside.strip_prefix('#') {
        return digits(id).map(|()| "#channel".to_owned());
    }
    if let Some(time) = inside.strip_prefix("t:") {
        let seconds: i64 = time.split(':').next()?.parse().ok()?;
        return Some(Instant(seconds.checked_mul(Instant::SECOND)?).rfc3339());
    }
    if let Some(command) = inside.strip_prefix('/') {
        let (name, id) = command.rsplit_once(':')?;
        return digits(id).map(|()| format!("/{name}"));
    }
    let emoji = inside.strip_prefix("a:").or_else(|| inside.strip_prefix(':'))?;
    let (name, id) = emoji.split_once(':')?;
    digits(id).map(|()| format!(":{name}:"))
}

/// What people call a user or member: the name in the server, else the display name, else the account's.
pub(crate) fn name(user: &Value) -> String {
    let names = [&user["member"]["nick"], &user["nick"], &user["global_name"], &user["username"]];
    names.iter().map(|n| word(n)).find(|n| !n.is_empty()).unwrap_or("somebody").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn discord_s_markup_becomes_what_people_read() {
        let mentions =
            json!([{ "id": "22", "username": "ana", "global_name": "Ana Lima", "member": { "nick": null } }]);
        let cases = [
            ("<@1> how do I book leave?", "how do I book leave?"),
            ("<@!1>: help", "help"),
            ("ask <@22> in <#33> or <@&44>", "ask @Ana Lima in #channel or @role"),
            ("if a < b && c > d", "if a < b && c > d"),
            ("<:party:55> and <a:dance:56>", ":party: and :dance:"),
            ("due <t:1795424400:R>", "due 2026-11-23T09:00:00.000Z"),
            ("</ask:77> it", "/ask it"),
            ("broken <thing <@99>", "broken <thing @somebody"),
        ];
        for (text, expected) in cases {
            assert_eq!(addressed(text, "1", &mentions), expected, "{text}");
        }
    }
}
