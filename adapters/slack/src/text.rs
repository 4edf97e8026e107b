//! What people write in Slack, as plain text: entities, mentions and links of its markup are resolved.

use std::collections::HashMap;

use stoa_flow::say;
use stoa_flow::words::Words;

use crate::mrkdwn::escape;

/// Plain text. Mentions of `bot` are taken away; other mentions keep a name where there is one, and never show an id.
pub(crate) fn plain(text: &str, bot: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&unescape(&rest[..at]));
        let after = &rest[at + 1..];
        // Slack escapes every other `<`; one without its `>` is shown as it is.
        let Some(end) = after.find('>') else {
            out.push_str(&unescape(&rest[at..]));
            return out;
        };
        out.push_str(&resolve(&after[..end], bot));
        rest = &after[end + 1..];
    }
    out.push_str(&unescape(rest));
    out
}

/// As [`plain`], and without what stands between a mention of the bot at the beginning and the words.
pub(crate) fn addressed(text: &str, bot: &str) -> String {
    plain(text, bot).trim().trim_start_matches([',', ':']).trim().to_owned()
}

/// Whether the text mentions this user.
pub(crate) fn mentions(text: &str, user: &str) -> bool {
    !user.is_empty() && (text.contains(&format!("<@{user}>")) || text.contains(&format!("<@{user}|")))
}

/// The ids of those whom a text mentions without a name, each once.
pub(crate) fn mentioned(text: &str) -> Vec<&str> {
    let ids = text.split("<@").skip(1).filter_map(|rest| rest.split_once('>').map(|(id, _)| id.trim_end_matches('|')));
    let mut found: Vec<&str> = Vec::new();
    for id in ids.filter(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric())) {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// The same text with the names of those whom it mentions, as Slack writes them.
pub(crate) fn with_names(text: &str, names: &HashMap<&str, String>) -> String {
    let mut text = text.to_owned();
    for (id, name) in names {
        let named = format!("<@{id}|{}>", escape(name));
        text = text.replace(&format!("<@{id}>"), &named).replace(&format!("<@{id}|>"), &named);
    }
    text
}

fn resolve(inside: &str, bot: &str) -> String {
    let (target, label) = inside.split_once('|').map_or((inside, None), |(t, l)| (t, Some(l)));
    let label = label.filter(|label| !label.is_empty());
    let named = |sign: char, nameless: String| {
        let name = label.map_or(nameless, |label| unescape(label.trim_start_matches(sign)));
        format!("{sign}{name}")
    };
    let someone = || say!(Words::english(), "slack-someone");
    match target.chars().next() {
        Some('@') if target[1..] == *bot => String::new(),
        Some('@') => named('@', someone()),
        Some('#') => named('#', say!(Words::english(), "slack-some-channel")),
        Some('!') => match target.split_once('^') {
            Some(("!date", _)) => unescape(label.unwrap_or_default()),
            Some(_) => named('@', someone()),
            None => named('@', target[1..].to_owned()),
        },
        _ => {
            let target = target.strip_prefix("mailto:").or_else(|| target.strip_prefix("tel:")).unwrap_or(target);
            match label {
                // Slack shortens an address, and leaves out what goes without saying.
                Some(label) if !says(target, label) => format!("{} ({})", unescape(label), unescape(target)),
                Some(label) => unescape(label),
                None => unescape(target),
            }
        }
    }
}

/// Whether a label is the address itself.
fn says(target: &str, label: &str) -> bool {
    let bare = |text: &str| {
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        text.trim_end_matches('/').to_lowercase()
    };
    bare(target) == bare(label)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_s_markup_becomes_what_people_read() {
        let cases = [
            ("<@UBOT> how do I book leave?", "how do I book leave?"),
            ("<@UBOT|stoa>: help", "help"),
            ("if a &lt; b &amp;&amp; c &gt; d", "if a < b && c > d"),
            ("&amp;lt; stays", "&lt; stays"),
            ("ask <@U2|Ana &amp; Co> in <#C1|general>", "ask @Ana & Co in #general"),
            (
                "see <https://e.org/?a=1&amp;b=2|the page> or <https://e.org>",
                "see the page (https://e.org/?a=1&b=2) or https://e.org",
            ),
            (
                "ask <@U2> or <@U3|> in <#C1> or <#C2|>, <!subteam^S1>",
                "ask @someone or @someone in #channel or #channel, @someone",
            ),
            ("<!here> <!subteam^S1|@hr> <!date^1^{date}|today>", "@here @hr today"),
            ("see <http://e.org/|e.org>", "see e.org"),
            ("mail <mailto:a@b.org|a@b.org>", "mail a@b.org"),
            ("broken <thing", "broken <thing"),
        ];
        for (text, expected) in cases {
            assert_eq!(addressed(text, "UBOT"), expected, "{text}");
        }
        let said = "<@U2> & <@U2|> <@U3|Bo> <@U4> <@U!>";
        assert_eq!(mentioned(said), ["U2", "U4"]);
        let named = with_names(said, &HashMap::from([("U2", "Ana <3".to_owned())]));
        assert_eq!(plain(&named, ""), "@Ana <3 & @Ana <3 @Bo @someone @someone");
        assert!(mentions("hi <@UBOT>", "UBOT") && !mentions("hi <@UBOT2>", "UBOT") && !mentions("hi <@>", ""));
    }
}
