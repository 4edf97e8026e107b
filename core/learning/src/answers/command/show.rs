//! An answer as a message: quotes or sentences with where they stand, or an honest "I don't know".
//!
//! Everything that comes from a page, a person or a model is text: links lead only to the places that are cited, and where
//! a page that somebody has checked has links of its own. Addresses inside of a text are shown as code, which no platform
//! makes a link of.

use std::collections::BTreeMap;

use stoa_flow::chat::{Block, Button, Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;

use crate::answers::feedback::Judgement;
use crate::answers::{Answer, Citation, How, Line, LineKind, Nearest};

/// Who reads along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Only the asker.
    Asker,
    /// Everybody in the channel.
    Channel,
    /// An account that belongs to nobody.
    Stranger,
}

/// What an answer's message is made of.
pub(super) struct Shown<'a> {
    pub words: &'static Words,
    /// The question's id.
    pub question: &'a str,
    pub answer: &'a Answer,
    /// By document.
    pub owners: &'a BTreeMap<String, String>,
    /// Person ids of the experts, in the order of their names in the answer.
    pub experts: &'a [String],
    /// Person ids of those who were asked already.
    pub asked: &'a [String],
    pub audience: Audience,
    /// What the asker said about it already.
    pub vote: Option<Judgement>,
    /// Whether the asker keeps it.
    pub saved: bool,
    /// Whether nobody asked.
    pub unasked: bool,
    /// The question before, on which this one leans.
    pub before: Option<&'a str>,
}

impl Shown<'_> {
    pub fn message(&self) -> Message {
        let message = match (self.answer.abstained, self.answer.how) {
            (true, _) => self.unknown(),
            (_, How::Written) => self.written(),
            _ => self.quoted(),
        };
        let mut message = self.notes(message);
        message = match self.vote {
            Some(Judgement::Helpful) => message.context(say!(self.words, "answers-thanks-helpful")),
            Some(Judgement::Missing) => message.context(say!(self.words, "answers-thanks-not-helpful")),
            Some(_) => message.context(say!(self.words, "answers-thanks-owner")),
            None => message,
        };
        message.buttons(self.buttons())
    }

    /// An answer that is being written, as far as it is.
    pub fn growing(&self, some: bool) -> Message {
        let message = if some { self.written() } else { Message::new() };
        Message { growing: true, ..message.context(say!(self.words, "answers-writing")) }
    }

    fn quoted(&self) -> Message {
        let mut message = Message::new();
        for citation in &self.answer.citations {
            message =
                message.and(Block::Quote { text: markdown(&citation.lines), source: Some(self.source(citation)) });
        }
        message
    }

    /// Sentences with the numbers of their sources, and the sources below.
    fn written(&self) -> Message {
        let sentences: Vec<String> = self
            .answer
            .sentences
            .iter()
            .map(|s| {
                let numbers: Vec<String> = s.citations.iter().map(|n| format!("\\[{}\\]", n + 1)).collect();
                format!("{} {}", unlisted(&harmless(&s.text)), numbers.concat())
            })
            .collect();
        let sources: Vec<String> = self
            .answer
            .citations
            .iter()
            .enumerate()
            .map(|(n, c)| say!(self.words, "answers-numbered-source", number = n + 1, source = self.source(c)))
            .collect();
        Message::text(sentences.join(" ")).context(sources.join("\n\n")).context(say!(self.words, "answers-written"))
    }

    /// What must be known to rely on it.
    fn notes(&self, mut message: Message) -> Message {
        if let (Some(_), Some(before)) = (&self.answer.meant, self.before) {
            message = message.context(say!(self.words, "answers-follow-up", question = literal(before)));
        }
        for (typed, meant) in &self.answer.taken_for {
            let meant: Vec<String> = meant.iter().map(|word| literal(word)).collect();
            let (typed, meant) = (literal(typed), meant.join(", "));
            message = message.context(say!(self.words, "answers-taken-for", typed = typed, meant = meant));
        }
        for reason in self.answer.citations.iter().filter_map(|c| c.deprecated.as_ref()) {
            message = message.context(say!(self.words, "answers-deprecated", reason = literal(reason)));
        }
        if self.answer.how == How::Curated && self.answer.why.is_some() {
            message = message.context(say!(self.words, "answers-review-due"));
        }
        if self.unasked {
            message = message.context(say!(self.words, "answers-unasked"));
        }
        message
    }

    fn unknown(&self) -> Message {
        let mut message = Message::text(say!(self.words, "answers-unknown"));
        if !self.answer.nearest.is_empty() {
            let lines: Vec<String> = self.answer.nearest.iter().map(|n| format!("- {}", self.named(n))).collect();
            message = message.paragraph(format!("{}\n\n{}", say!(self.words, "answers-nearest"), lines.join("\n")));
        }
        if self.audience == Audience::Asker && !self.experts.is_empty() {
            let names: Vec<String> = self.answer.experts.iter().map(|n| literal(n)).collect();
            message = message.paragraph(say!(self.words, "answers-experts", names = self.words.list(&names)));
        }
        message.context(match self.audience {
            Audience::Stranger => say!(self.words, "answers-open-pages-only"),
            _ => say!(self.words, "answers-gap-noted"),
        })
    }

    fn buttons(&self) -> Vec<Button> {
        let button = |label: String, word: &str| Button::new(label, format!("ask {word} {}", self.question));
        let mut buttons = Vec::new();
        if self.audience == Audience::Asker && self.answer.abstained {
            for (id, name) in self.experts.iter().zip(&self.answer.experts) {
                if !self.asked.contains(id) {
                    let label = say!(self.words, "answers-expert-button", name = name);
                    buttons.push(Button::new(label, format!("ask expert {} {id}", self.question)));
                }
            }
        }
        if self.vote.is_none() && self.audience != Audience::Stranger {
            if self.answer.abstained {
                buttons.push(Button::new(say!(self.words, "answers-share-button"), "tip write"));
            } else {
                buttons.push(button(say!(self.words, "answers-helpful-button"), "helpful"));
                buttons.push(button(say!(self.words, "answers-not-helpful-button"), "missing"));
            }
        }
        if self.audience != Audience::Stranger && !self.answer.abstained && !self.saved {
            buttons.push(button(say!(self.words, "answers-save-button"), "save"));
        }
        // Always there in a channel, so that it tells nobody whether there is more to see.
        if self.audience == Audience::Channel {
            buttons.push(button(say!(self.words, "answers-private-button"), "private"));
        }
        if self.audience == Audience::Asker
            && let Some(tip) = self.answer.citations.iter().find(|c| c.source == "tips")
        {
            buttons.push(Button::new(say!(self.words, "answers-tip-button"), format!("tip show {}", tip.location)));
        }
        buttons
    }

    fn source(&self, citation: &Citation) -> String {
        let title = place(&citation.title, &citation.heading);
        let owner = self.owners.get(&citation.document).map(|owner| literal(owner)).unwrap_or_default();
        let source = match (citation.source.as_str(), citation.verified) {
            ("tips", true) => say!(self.words, "answers-source-tip", title = title, author = owner),
            ("tips", false) => say!(self.words, "answers-source-tip-unchecked", title = title, author = owner),
            ("discussions", _) if !owner.is_empty() => {
                let title = linked(&title, &citation.location);
                say!(self.words, "answers-source-accepted", title = title, author = owner)
            }
            ("discussions", _) => say!(self.words, "answers-source-discussion", title = title),
            (crate::answers::curated::SOURCE, _) => say!(self.words, "answers-source-curated", title = title),
            (_, true) => self.with_others(from(&title, &citation.source, &citation.address()), citation),
            (_, false) => {
                let source = self.with_others(from(&title, &citation.source, &citation.address()), citation);
                say!(self.words, "answers-source-unchecked", source = source)
            }
        };
        if citation.more { say!(self.words, "answers-source-more", source = source) } else { source }
    }

    /// A source with the other places where the same stands.
    fn with_others(&self, source: String, citation: &Citation) -> String {
        if citation.also.is_empty() {
            return source;
        }
        let others: Vec<String> =
            citation.also.iter().map(|o| from(&place(&o.title, ""), &o.source, &o.location)).collect();
        say!(self.words, "answers-source-also", source = source, others = others.join(", "))
    }

    fn named(&self, nearest: &Nearest) -> String {
        let title = place(&nearest.title, &nearest.heading);
        match nearest.source.as_str() {
            "tips" => say!(self.words, "answers-nearest-tip", title = title),
            "discussions" => {
                say!(self.words, "answers-source-discussion", title = linked(&title, &nearest.location))
            }
            crate::answers::curated::SOURCE => say!(self.words, "answers-source-curated", title = title),
            source => from(&title, source, &nearest.location),
        }
    }
}

/// Title and headings, outermost first.
pub(super) fn place(title: &str, heading: &str) -> String {
    let mut parts = vec![title];
    parts.extend(heading.split(" > ").filter(|h| !h.is_empty() && *h != title));
    literal(&parts.join(" › "))
}

/// `Title › Heading (source: path)`, a link where the location is a web address.
pub(super) fn from(title: &str, source: &str, location: &str) -> String {
    match address(location) {
        Some(url) => format!("[{title}](<{url}>) ({})", literal(source)),
        None => format!("{title} ({}: {})", literal(source), literal(location)),
    }
}

/// A title, as a link where the location is a web address.
fn linked(title: &str, location: &str) -> String {
    address(location).map_or_else(|| title.to_owned(), |url| format!("[{title}](<{url}>)"))
}

/// A location that is a web address, without anything that could end a link early.
fn address(location: &str) -> Option<String> {
    let web = location.starts_with("https://") || location.starts_with("http://");
    let harmless = !location.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '\\'));
    (web && harmless).then(|| location.to_owned())
}

/// Quoted lines as CommonMark.
fn markdown(lines: &[Line]) -> String {
    let mut out = String::new();
    let mut before: Option<&Line> = None;
    for line in lines {
        let listed = |l: &Line| matches!(l.kind, LineKind::Step(_) | LineKind::Item);
        if let Some(before) = before {
            out.push_str(if listed(before) && listed(line) { "\n" } else { "\n\n" });
        }
        let indent = "   ".repeat(line.depth.saturating_sub(1));
        match line.kind {
            LineKind::Step(n) => out.push_str(&format!("{indent}{n}. {}", with_links(line))),
            LineKind::Item => out.push_str(&format!("{indent}- {}", with_links(line))),
            LineKind::Code => out.push_str(&fenced(&line.text)),
            LineKind::Sentence | LineKind::Row => out.push_str(&unlisted(&with_links(line))),
        }
        before = Some(line);
    }
    out
}

/// A quoted line as CommonMark text with the links of its page.
fn with_links(line: &Line) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for link in &line.links {
        let label = &line.text[link.from..link.to];
        // What looks like an address must be the one where it leads.
        if !label.contains(char::is_whitespace) && label.contains('.') && host(label) != host(&link.url) {
            continue;
        }
        out.push_str(&harmless(&line.text[at..link.from]));
        out.push_str(&linked(&literal(label), &link.url));
        at = link.to;
    }
    out + &harmless(&line.text[at..])
}

/// The host of an address, with or without what goes without saying.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.trim_start_matches("www.").split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Text of others as CommonMark text, its web addresses as code: what a page or a model names as an address cannot be
/// pressed, and nothing is fetched from it.
fn harmless(text: &str) -> String {
    let is_address = |word: &str| word.contains("://") || word.to_ascii_lowercase().contains("www.");
    if !is_address(text) {
        return literal(text);
    }
    let mut out = Vec::new();
    for word in text.split(' ') {
        if is_address(word) {
            let word: String = word.chars().filter(|c| !c.is_control()).collect();
            // No backtick, which would end the code.
            out.push(format!("`{}`", word.replace('`', "'")));
        } else {
            out.push(literal(word));
        }
    }
    out.join(" ")
}

/// A code block whose fence is longer than any in the text.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

/// A sentence that begins with a number and a full stop is not the first item of a list.
fn unlisted(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text[digits..].strip_prefix('.') {
        Some(rest) if digits > 0 => format!("{}\\.{rest}", &text[..digits]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Link;

    #[test]
    fn a_quotation_of_a_part_says_that_its_page_goes_on() {
        let (answer, owners) = (Answer::default(), BTreeMap::new());
        let shown = Shown {
            words: Words::english(),
            question: "q",
            answer: &answer,
            owners: &owners,
            experts: &[],
            asked: &[],
            audience: Audience::Asker,
            vote: None,
            saved: false,
            unasked: false,
            before: None,
        };
        let (title, location) = ("Leave".to_owned(), "https://e.org/a".to_owned());
        let source = "site".to_owned();
        let whole = Citation { title, location, source, verified: true, ..Citation::default() };
        assert_eq!(shown.source(&whole), "[Leave](<https://e.org/a>) (site)");
        let part = Citation { more: true, ..whole };
        assert_eq!(shown.source(&part), "[Leave](<https://e.org/a>) (site); it goes on there");
    }

    #[test]
    fn what_is_quoted_stays_text_steps_stay_steps_and_only_web_addresses_are_links() {
        let line = |kind, depth, text: &str| Line { kind, depth, text: text.into(), links: Vec::new() };
        let quoted = markdown(&[
            line(LineKind::Sentence, 0, "1988. <b>Ring</b> @here:"),
            line(LineKind::Step(1), 1, "Open *it*"),
            line(LineKind::Step(2), 1, "Close it"),
            line(LineKind::Code, 0, "a ``` b"),
        ]);
        assert_eq!(
            quoted,
            "1988\\. \\<b\\>Ring\\</b\\> \\@here:\n\n1. Open \\*it\\*\n2. Close it\n\n````\na ``` b\n````"
        );
        let address = [line(LineKind::Sentence, 0, "See ![x](https://evil.example/?q=1) and *more*.")];
        assert_eq!(markdown(&address), "See `![x](https://evil.example/?q=1)` and \\*more\\*.");
        let ticked = [line(LineKind::Sentence, 0, "See `https://evil.example/?q=1` now.")];
        assert_eq!(markdown(&ticked), "See `'https://evil.example/?q=1'` now.");
        let link = |from, to, url: &str| Link { from, to, url: url.into() };
        let links = vec![link(4, 13, "https://e.org/a"), link(15, 16, "https://e.org/> [x](y)")];
        let linked = Line { links, ..line(LineKind::Item, 1, "See the *form* b at https://e.org") };
        assert_eq!(markdown(&[linked]), "- See [the \\*form](<https://e.org/a>)\\* b at `https://e.org`");
        let leads = |label: &str, url: &str| {
            let links = vec![link(0, label.len(), url)];
            markdown(&[Line { links, ..line(LineKind::Sentence, 0, label) }])
        };
        assert_eq!(leads("www.e.org/a", "https://e.org/b"), "[www.e.org/a](<https://e.org/b>)");
        assert_eq!(leads("bank.example", "https://evil.example/bank.example"), "bank.example");
        assert_eq!(leads("https://bank.example", "https://evil.example"), "`https://bank.example`");
        assert_eq!(from("A", "site", "https://e.org/a"), "[A](<https://e.org/a>) (site)");
        assert_eq!(from("A", "site", "https://e.org/a> <b"), "A (site: https://e.org/a\\> \\<b)");
        assert_eq!(from("A", "site", "javascript:x"), "A (site: javascript:x)");
    }
}
