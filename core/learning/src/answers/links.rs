//! The links that a page has in what is quoted of it.

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::extract::Line;
use crate::search::blocks;

/// Where the words of a link begin and end while a passage is read: characters that stand for nothing in any text.
const BEGIN: char = '\u{E000}';
const END: char = '\u{E001}';

/// A link in a quoted line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where its words begin, in bytes of the line.
    pub from: usize,
    /// Where they end.
    pub to: usize,
    /// An address on the web.
    pub url: String,
}

/// Finds the links of a passage in neighbouring lines of it.
pub(super) fn find(lines: &mut [Line], passage: &str) {
    let found = linked_blocks(passage);
    let stand = |at: usize| lines.iter().zip(&found[at..]).all(|(line, (text, _))| text.contains(&line.text));
    let last = found.len().checked_sub(lines.len());
    let Some(at) = last.and_then(|last| (0..=last).find(|&at| stand(at))) else { return };
    for (line, (text, links)) in lines.iter_mut().zip(&found[at..]) {
        let from = text.find(&line.text).unwrap_or_default();
        let inside = links.iter().filter(|l| l.from >= from && l.to <= from + line.text.len());
        line.links = inside.map(|l| Link { from: l.from - from, to: l.to - from, url: l.url.clone() }).collect();
    }
}

/// The blocks of a passage as [`blocks`] reads them, each with its links.
fn linked_blocks(passage: &str) -> Vec<(String, Vec<Link>)> {
    let plain = blocks(passage).into_iter().map(|block| (block.text, Vec::new()));
    let mut plain: Vec<(String, Vec<Link>)> = plain.collect();
    let marks = marks(passage);
    if marks.is_empty() || passage.contains([BEGIN, END]) {
        return plain;
    }
    let (mut marked, mut at) = (String::with_capacity(passage.len()), 0);
    for (from, to, _) in &marks {
        marked.push_str(&passage[at..*from]);
        marked.push(BEGIN);
        marked.push_str(&passage[*from..*to]);
        marked.push(END);
        at = *to;
    }
    marked.push_str(&passage[at..]);
    let mut urls = marks.into_iter().map(|(_, _, url)| url);
    for (block, (text, links)) in blocks(&marked).into_iter().zip(&mut plain) {
        let (mut bare, mut from) = (String::with_capacity(text.len()), 0);
        for c in block.text.chars() {
            match c {
                BEGIN => from = bare.len(),
                END => links.extend(urls.next().map(|url| Link { from, to: bare.len(), url })),
                c => bare.push(c),
            }
        }
        // Where the marks changed how the words read, none of them is sure.
        if bare != *text {
            links.clear();
        }
    }
    plain
}

/// Where the words of links to the web stand in a text, in their order, with the addresses.
fn marks(text: &str) -> Vec<(usize, usize, String)> {
    let mut out = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (event, at) in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).into_offset_iter()
    {
        match event {
            Event::Start(Tag::Link { link_type: LinkType::Inline, dest_url, .. }) if is_web(&dest_url) => {
                open = Some((at.start + 1, at.start + 1, dest_url.into_string()));
            }
            Event::End(TagEnd::Link) => out.extend(open.take().filter(|(from, to, _)| from < to)),
            _ => {
                if let Some((_, to, _)) = &mut open {
                    *to = (*to).max(at.end);
                }
            }
        }
    }
    out
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::extract::LineKind;

    /// The words of each link in lines of a passage, with their address.
    fn found(lines: &[&str], passage: &str) -> Vec<(String, String)> {
        let line = |text: &&str| Line { kind: LineKind::Sentence, depth: 0, text: (*text).into(), links: Vec::new() };
        let mut lines: Vec<Line> = lines.iter().map(line).collect();
        find(&mut lines, passage);
        let of = |line: Line| line.links.into_iter().map(move |l| (line.text[l.from..l.to].to_owned(), l.url));
        lines.into_iter().flat_map(of).collect()
    }

    #[test]
    fn a_quoted_line_keeps_the_links_of_its_page_to_the_web() {
        let passage = "The form is here. Fill in [the *new* form](https://e.org/form \"Form\") today, not [that](/old).\n\n\
                       - Ask [here](https://e.org/a)\n- Ask [here](https://e.org/b) or [x](javascript:x)\n\n`[no](https://e.org)`";
        let pair = |words: &str, url: &str| (words.to_owned(), url.to_owned());
        let sentence = ["Fill in the new form today, not that."];
        assert_eq!(found(&sentence, passage), [pair("the new form", "https://e.org/form")]);
        let items = ["Ask here", "Ask here or x"];
        assert_eq!(found(&items, passage), [pair("here", "https://e.org/a"), pair("here", "https://e.org/b")]);
        assert_eq!(found(&["[no](https://e.org)"], passage), []);
        assert_eq!(found(&["something else"], passage), []);
    }
}
