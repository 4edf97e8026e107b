//! Cutting sections into passages: one thought under one heading, short enough to be quoted.
//!
//! A long section is cut between blocks (paragraphs, list items, tables, code), a long paragraph between sentences.
//! The same sections always give the same passages.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};
use unicode_segmentation::UnicodeSegmentation as _;

use super::Section;

/// A passage is closed when it has this many characters.
const TARGET: usize = 1_000;
/// A passage of paragraphs and list items has no more characters than this.
const LIMIT: usize = 1_200;
/// A code block or table stays in one piece up to this many characters.
const BLOCK_LIMIT: usize = 3_000;
/// A section with fewer characters than this joins its neighbour.
const TINY: usize = 100;
/// The rest of a section, when it is shorter than this, stays with the passage before it.
const REST: usize = 200;

/// Cuts sections into passages, in order.
pub(super) fn cut(sections: Vec<Section>) -> Vec<Section> {
    let mut passages = Vec::new();
    // Where each heading stands, also those without words of their own.
    let anchors: HashMap<Vec<String>, Option<String>> =
        sections.iter().rev().map(|s| (s.headings.clone(), s.anchor.clone())).collect();
    for section in join_tiny(lead_in(sections), &anchors) {
        if size(&section.text) <= LIMIT {
            passages.push(section);
            continue;
        }
        for text in pack(blocks(&section.text)) {
            let (headings, anchor) = (section.headings.clone(), section.anchor.clone());
            passages.push(Section { headings, anchor, text });
        }
    }
    passages
}

fn size(text: &str) -> usize {
    text.chars().count()
}

/// A few words between a heading and its first subheading that say nothing by themselves ("You need:") go to the subsection; a
/// heading without words of its own is in the path of its subsections already.
fn lead_in(sections: Vec<Section>) -> Vec<Section> {
    let mut out: Vec<Section> = Vec::new();
    let mut words = String::new();
    let mut sections = sections.into_iter().peekable();
    while let Some(mut s) = sections.next() {
        if !words.is_empty() {
            s.text = format!("{words}\n\n{}", s.text);
            words.clear();
        }
        let parent = sections.peek().is_some_and(|n| {
            n.headings.len() > s.headings.len() && n.headings.starts_with(&s.headings) && !n.text.is_empty()
        });
        let empty_parent = s.text.is_empty()
            && sections
                .peek()
                .is_some_and(|n| n.headings.len() > s.headings.len() && n.headings.starts_with(&s.headings));
        if empty_parent {
            continue;
        }
        let says = s.text.trim_end().ends_with(['.', '!', '?', '。']);
        if parent && !s.headings.is_empty() && !says && size(&s.text) < TINY {
            words = s.text.trim().to_owned();
        } else {
            out.push(s);
        }
    }
    out
}

/// Several tiny sections in a row under the same heading become one, each with its own heading in bold. A question
/// keeps its answer to itself, and so do the first headings of a document (the pages of a PDF, for example).
///
/// What is joined stands under the heading above: its anchor is that one's.
fn join_tiny(sections: Vec<Section>, anchors: &HashMap<Vec<String>, Option<String>>) -> Vec<Section> {
    let tiny = |s: &Section| {
        let below = s.headings.len() > 1 || s.text.is_empty();
        size(&s.text) < TINY && below && s.headings.last().is_some_and(|h| s.text.is_empty() || !h.ends_with('?'))
    };
    let parent = |s: &Section| s.headings.split_last().map(|(_, p)| p.to_vec()).unwrap_or_default();
    let mut out = Vec::new();
    let mut run: Vec<Section> = Vec::new();
    let close = |run: &mut Vec<Section>, out: &mut Vec<Section>| {
        if run.len() > 1 {
            let text = run.iter().map(with_heading).collect::<Vec<_>>().join("\n\n");
            let headings = parent(&run[0]);
            let anchor = anchors.get(&headings).cloned().flatten();
            out.push(Section { headings, anchor, text });
            run.clear();
        } else if let Some(mut only) = run.pop() {
            if only.text.is_empty() {
                only.text = only.headings.last().cloned().unwrap_or_default();
            }
            out.push(only);
        }
    };
    for s in sections {
        if s.text.is_empty() && s.headings.is_empty() {
            continue;
        }
        let fits = run.first().is_none_or(|first| parent(first) == parent(&s))
            && run.iter().map(|s| size(&s.text) + 20).sum::<usize>() < TARGET;
        if !tiny(&s) || !fits {
            close(&mut run, &mut out);
        }
        if tiny(&s) { run.push(s) } else { out.push(s) }
    }
    close(&mut run, &mut out);
    out
}

fn with_heading(s: &Section) -> String {
    let heading = s.headings.last().map_or("", String::as_str);
    if s.text.is_empty() { format!("**{heading}**") } else { format!("**{heading}**\n\n{}", s.text) }
}

/// What is not cut again: a block, an item of a list, a few sentences, with the space before the next one.
#[derive(Debug)]
struct Unit {
    text: String,
    /// Characters of the text.
    size: usize,
    /// Between this and the next unit of the same block: `"\n"` in a list, `" "` in a paragraph, else an empty line.
    gap: &'static str,
}

impl Unit {
    fn new(text: String, gap: &'static str) -> Self {
        Self { size: size(&text), text, gap }
    }
}

/// Packs units into texts of about [`TARGET`] characters.
fn pack(units: Vec<Unit>) -> Vec<String> {
    let mut texts: Vec<Vec<Unit>> = vec![];
    let mut current: Vec<Unit> = vec![];
    let total = |units: &[Unit]| units.iter().map(|u| u.size + u.gap.len()).sum::<usize>();
    for unit in units {
        let full = total(&current) + unit.size > LIMIT || total(&current) >= TARGET;
        if full && !current.is_empty() {
            // "You need:" belongs to the list that follows.
            let introduces = current.len() > 1 && current.last().is_some_and(|u| u.text.ends_with(':'));
            let kept = if introduces { current.pop() } else { None };
            texts.push(std::mem::replace(&mut current, kept.into_iter().collect()));
        }
        current.push(unit);
    }
    match texts.last_mut() {
        Some(last) if total(&current) < REST && total(last) + total(&current) < LIMIT + REST => {
            last.append(&mut current);
        }
        _ => texts.push(current),
    }
    texts.iter().map(|units| joined(units)).filter(|t| !t.is_empty()).collect()
}

fn joined(units: &[Unit]) -> String {
    let mut text = String::new();
    for (n, unit) in units.iter().enumerate() {
        text.push_str(&unit.text);
        if n + 1 < units.len() {
            text.push_str(unit.gap);
        }
    }
    dedented(&text)
}

/// Without the indentation that all lines share: an inner item that begins a passage must not turn into code.
fn dedented(text: &str) -> String {
    let indent = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let first = text.lines().next().map_or(0, indent);
    let lines: Vec<&str> = text.lines().map(|l| &l[indent(l).min(first)..]).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// The blocks of a CommonMark text, the long ones in pieces.
fn blocks(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    for block in children(text, 0..text.len(), 0) {
        split(text, &block, &mut units, 0);
        if let Some(last) = units.last_mut() {
            last.gap = "\n\n";
        }
    }
    units
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Prose,
    Whole,
    List,
    Item,
}

struct Block {
    kind: Kind,
    range: Range<usize>,
}

/// The blocks inside of `range`: `depth` 0 gives the blocks of a text.
fn children(text: &str, range: Range<usize>, depth: usize) -> Vec<Block> {
    let (mut found, mut level) = (Vec::new(), 0);
    for (event, at) in Parser::new_ext(&text[range.clone()], Options::ENABLE_TABLES).into_offset_iter() {
        let kind = match event {
            Event::Start(ref tag) => {
                level += 1;
                match tag {
                    Tag::List(_) => Kind::List,
                    Tag::Item => Kind::Item,
                    Tag::Paragraph | Tag::BlockQuote(_) => Kind::Prose,
                    _ => Kind::Whole,
                }
            }
            Event::End(_) => {
                level -= 1;
                continue;
            }
            Event::Rule => Kind::Whole,
            _ => continue,
        };
        let started = usize::from(matches!(event, Event::Start(_)));
        if level - started == depth {
            found.push(Block { kind, range: range.start + at.start..range.start + at.end });
        }
    }
    found
}

fn split(text: &str, block: &Block, units: &mut Vec<Unit>, depth: usize) {
    // From the start of the line, so that the indentation of an inner block can be seen.
    let line = text[..block.range.start].rfind('\n').map_or(0, |n| n + 1);
    let start = if text[line..block.range.start].trim().is_empty() { line } else { block.range.start };
    let own = text[start..block.range.end].trim_end();
    if own.trim().is_empty() {
        return;
    }
    let whole = |units: &mut Vec<Unit>| units.push(Unit::new(own.to_owned(), "\n"));
    match block.kind {
        Kind::List if size(own) > TARGET / 2 => {
            let mut items =
                children(text, start..block.range.end, 1).into_iter().filter(|b| b.kind == Kind::Item).peekable();
            if items.peek().is_none() || depth > 8 {
                return pieces(own, units);
            }
            items.for_each(|item| split(text, &item, units, depth + 1));
        }
        Kind::Item if size(own) > LIMIT => pieces(own, units),
        Kind::Prose if size(own) > LIMIT => pieces(own, units),
        Kind::Whole if size(own) > BLOCK_LIMIT => rows(own, units),
        _ => whole(units),
    }
}

/// A code block or table that is too long even for itself: in parts of lines, each with its fence or header.
fn rows(block: &str, units: &mut Vec<Unit>) {
    let lines: Vec<&str> = block.lines().collect();
    let fence: Option<String> = lines.first().map(|l| l.trim_start()).and_then(|l| {
        let mark = l.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        Some(l.chars().take_while(|c| *c == mark).collect())
    });
    let table = fence.is_none() && lines.len() > 2 && lines[1].contains("---") && lines[1].contains('|');
    let (head, body, tail) = match &fence {
        Some(f) => (&lines[..1], lines[1..].strip_suffix(&[f.as_str()]).unwrap_or(&lines[1..]), f.as_str()),
        None if table => (&lines[..2], &lines[2..], ""),
        None => (&lines[..0], &lines[..], ""),
    };
    let mut part: Vec<&str> = Vec::new();
    let mut close = |part: &mut Vec<&str>| {
        if !part.is_empty() {
            let whole: Vec<&str> =
                head.iter().chain(part.iter()).copied().chain(Some(tail).filter(|t| !t.is_empty())).collect();
            units.push(Unit::new(whole.join("\n"), "\n\n"));
            part.clear();
        }
    };
    let mut long = 0;
    for line in body.iter().flat_map(|l| short(l)) {
        if long + size(line) > LIMIT {
            close(&mut part);
            long = 0;
        }
        long += size(line) + 1;
        part.push(line);
    }
    close(&mut part);
}

/// A line in parts of [`LIMIT`] characters.
fn short(line: &str) -> Vec<&str> {
    let mut ends: Vec<usize> = line.char_indices().map(|(at, _)| at).step_by(LIMIT).skip(1).collect();
    ends.push(line.len());
    let mut from = 0;
    ends.into_iter().map(|end| &line[std::mem::replace(&mut from, end)..end]).collect()
}

/// A long paragraph or item: line by line where its lines are items of an inner list, else sentence by sentence, and
/// a sentence without end between words.
fn pieces(block: &str, units: &mut Vec<Unit>) {
    let is_item = |l: &&str| {
        let l = l.trim_start();
        let digits = l.trim_start_matches(|c: char| c.is_ascii_digit());
        ["- ", "* ", "+ "].iter().any(|m| l.starts_with(m)) || digits.len() < l.len() && digits.starts_with(['.', ')'])
    };
    let mut groups: Vec<Vec<&str>> = vec![];
    for line in block.lines() {
        match groups.last_mut() {
            Some(group) if !is_item(&line) => group.push(line),
            _ => groups.push(vec![line]),
        }
    }
    for group in groups {
        let text = group.join("\n");
        if size(&text) > LIMIT {
            sentences(&text, units);
        } else if !text.trim().is_empty() {
            units.push(Unit::new(text.trim_end().to_owned(), "\n"));
        }
    }
}

fn sentences(text: &str, units: &mut Vec<Unit>) {
    let (mut part, mut long) = (String::new(), 0);
    let mut close = |part: &mut String, long: &mut usize| {
        if !part.trim().is_empty() {
            units.push(Unit::new(part.trim_end().to_owned(), " "));
        }
        part.clear();
        *long = 0;
    };
    for sentence in text.split_sentence_bounds() {
        let added = size(sentence);
        let between = part.ends_with(char::is_whitespace) && !inside_markup(&part);
        if between && long + added > TARGET / 2 || long + added > LIMIT {
            close(&mut part, &mut long);
        }
        if added <= LIMIT {
            part.push_str(sentence);
            long += added;
            continue;
        }
        for word in sentence.split_word_bounds() {
            if long + size(word) > TARGET {
                close(&mut part, &mut long);
            }
            // A "word" of thousands of characters is no word.
            for c in word.chars() {
                part.push(c);
                long += 1;
                if long >= LIMIT {
                    close(&mut part, &mut long);
                }
            }
        }
    }
    close(&mut part, &mut long);
}

/// Whether a link, code or emphasis is open at the end of the text.
fn inside_markup(text: &str) -> bool {
    let count = |mark: &str| text.matches(mark).count();
    count("[") > count("]") || count("`") % 2 == 1 || count("**") % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(headings: &[&str], text: &str) -> Section {
        Section { headings: headings.iter().map(|h| (*h).to_owned()).collect(), anchor: None, text: text.to_owned() }
    }

    fn texts(sections: Vec<Section>) -> Vec<String> {
        cut(sections).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn a_long_section_is_cut_between_paragraphs_and_sentences_and_loses_no_word() {
        let paragraph = "You may carry over annual leave. Ask your supervisor before the year ends? See [the form. It \
                         is short](https://example.org/form?Year=1). "
            .repeat(12);
        let text = format!("{paragraph}\n\nShort one.\n\n{paragraph}");
        let cuts = texts(vec![section(&["Leave"], &text)]);
        assert!(cuts.len() > 2);
        assert!(cuts.iter().all(|t| size(t) <= LIMIT + REST), "{:?}", cuts.iter().map(|t| size(t)).collect::<Vec<_>>());
        assert!(cuts.iter().all(|t| !inside_markup(t) && !t.starts_with("Year")), "a link was cut: {cuts:#?}");
        let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&cuts.join(" ")), words(&text));
        assert_eq!(cuts, texts(vec![section(&["Leave"], &text)]));
    }

    #[test]
    fn a_long_list_is_cut_between_its_items_and_keeps_the_words_that_introduce_it() {
        let items: Vec<String> =
            (1..40).map(|n| format!("{n}. Fill in form {n} and send it to the office.\n    - Keep a copy")).collect();
        let before = "Before. ".repeat(124);
        let cuts = texts(vec![section(&["Steps"], &format!("{before}\n\nDo this:\n\n{}", items.join("\n")))]);
        assert!(cuts[1].starts_with("Do this:\n\n1. Fill in form 1 "), "{}", cuts[1]);
        for item in &items {
            assert_eq!(cuts.iter().filter(|c| c.contains(item.as_str())).count(), 1, "{item} was cut");
        }
    }

    #[test]
    fn code_and_tables_stay_in_one_piece_and_only_huge_ones_are_repeated_with_their_frame() {
        let code = format!("```sh\n{}```", "echo one.\n\n".repeat(200));
        let cuts = texts(vec![section(&["Run"], &format!("{}\n\n{code}\n\nDone.", "Words. ".repeat(100)))]);
        assert!(cuts.iter().any(|c| c.contains(&code)), "{cuts:#?}");
        let table = format!("| a | b |\n|---|---|\n{}", "| row | of words |\n".repeat(300));
        let cuts = texts(vec![section(&["Rates"], &table)]);
        assert!(cuts.len() > 2);
        assert!(cuts.iter().all(|c| c.starts_with("| a | b |\n|---|---|\n| row")), "{cuts:#?}");
    }

    #[test]
    fn tiny_sections_join_and_a_question_stays_with_its_answer() {
        let cuts = cut(vec![
            section(&["Words"], "Short."),
            section(&["Words", "PTO"], "Paid time off."),
            section(&["Words", "LWOP"], "Leave without pay."),
            section(&["Words", "Empty"], ""),
            section(&["Questions"], ""),
            section(&["Questions", "May I?"], "Yes."),
            section(&["Questions", "Must I?"], "No."),
        ]);
        assert_eq!(cuts.len(), 4, "{cuts:#?}");
        assert_eq!((cuts[0].headings.as_slice(), cuts[0].text.as_str()), (&["Words".to_owned()][..], "Short."));
        assert_eq!(cuts[1].headings, ["Words"]);
        assert_eq!(cuts[1].text, "**PTO**\n\nPaid time off.\n\n**LWOP**\n\nLeave without pay.\n\n**Empty**");
        assert_eq!((cuts[2].headings.last().unwrap().as_str(), cuts[2].text.as_str()), ("May I?", "Yes."));
    }

    #[test]
    fn what_is_joined_or_stands_alone_is_found_where_it_stands() {
        let at = |headings: &[&str], anchor: &str, text: &str| Section {
            anchor: Some(anchor.to_owned()),
            ..section(headings, text)
        };
        let cuts = cut(vec![
            at(&["Machines"], "machines", ""),
            at(&["Machines", "Drawer"], "drawer", "It opens with the small key."),
            at(&["Machines", "Kettle"], "kettle", "It is filled in the morning."),
            at(&["Refunds"], "refunds", "Refunds are paid to every visitor within fourteen days."),
            at(&["Refunds", "Not refundable"], "not", "Tickets that were bought at the door."),
            at(&["Forms"], "forms", "You need:"),
            at(&["Forms", "On paper"], "paper", "Form 12, signed."),
        ]);
        let said =
            |s: &Section| format!("{}#{}: {}", s.headings.join(" > "), s.anchor.as_deref().unwrap_or(""), s.text);
        insta::assert_snapshot!(cuts.iter().map(said).collect::<Vec<_>>().join("\n--\n"), @r"
        Machines#machines: **Drawer**

        It opens with the small key.

        **Kettle**

        It is filled in the morning.
        --
        Refunds#refunds: Refunds are paid to every visitor within fourteen days.
        --
        Refunds > Not refundable#not: Tickets that were bought at the door.
        --
        Forms > On paper#paper: You need:

        Form 12, signed.
        ");
    }

    #[test]
    fn text_without_any_border_is_cut_all_the_same() {
        let cuts = texts(vec![section(&[], &"x".repeat(100_000)), section(&[], &format!("- {}", "- ".repeat(3_000)))]);
        assert!(cuts.iter().all(|t| size(t) <= BLOCK_LIMIT), "{:?}", cuts.iter().map(|t| size(t)).max());
        assert!(cuts.len() > 80);
    }
}
