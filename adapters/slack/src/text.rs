//! What people write in Slack, as plain text: entities, mentions and links of its markup are resolved.

/// Plain text. Mentions of `bot` are taken away; other mentions keep a name where Slack gives one.
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

fn resolve(inside: &str, bot: &str) -> String {
    let (target, label) = inside.split_once('|').map_or((inside, None), |(t, l)| (t, Some(l)));
    let named = |sign: char, id: &str| {
        let name = label.filter(|l| !l.is_empty()).unwrap_or(id);
        format!("{sign}{}", unescape(name.trim_start_matches(sign)))
    };
    match target.chars().next() {
        Some('@') if target[1..] == *bot => String::new(),
        Some('@') => named('@', &target[1..]),
        Some('#') => named('#', &target[1..]),
        Some('!') => match target.split_once('^') {
            Some(("!date", _)) => unescape(label.unwrap_or_default()),
            Some((_, id)) => named('@', id),
            None => named('@', &target[1..]),
        },
        _ => {
            let target = target.strip_prefix("mailto:").or_else(|| target.strip_prefix("tel:")).unwrap_or(target);
            match label.filter(|label| !label.is_empty()) {
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
            ("<!here> <!subteam^S1|@hr> <!date^1^{date}|today>", "@here @hr today"),
            ("see <http://e.org/|e.org>", "see e.org"),
            ("mail <mailto:a@b.org|a@b.org>", "mail a@b.org"),
            ("broken <thing", "broken <thing"),
        ];
        for (text, expected) in cases {
            assert_eq!(addressed(text, "UBOT"), expected, "{text}");
        }
        assert!(mentions("hi <@UBOT>", "UBOT") && !mentions("hi <@UBOT2>", "UBOT") && !mentions("hi <@>", ""));
    }
}
