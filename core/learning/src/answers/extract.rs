//! What is quoted: the sentences, steps or items of the best passages that say what was asked, in reading order.

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use super::Citation;
use super::kind::{Asks, is_definition};
use super::links::Link;
use crate::library::Passage;
use crate::search::{Asked, Block, Hit, Kind, Stems, blocks, words};

/// The longest answer, in characters: what is read in a minute.
pub(super) const LONGEST: usize = 700;
/// A sentence alone is filled up with its neighbours to about this many characters.
const ENOUGH: usize = 240;
/// A list of at most so many characters is read with the paragraph in front of it.
const SHORT_LIST: usize = 300;
/// A paragraph of fewer characters introduces the list behind it.
const INTRODUCTION: usize = 300;
/// How good, against the best, a second document's passage must be to be quoted as well.
const SECOND: f32 = 0.95;
/// How much a good sentence counts against a good passage.
const CLOSELY: f32 = 0.35;
/// How much better a numbered step answers how something is done; on the page that answers best.
const STEP: f32 = 0.15;
const STEP_THERE: f32 = 0.45;

/// What a quoted line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// A sentence of a paragraph, or several.
    Sentence,
    /// A numbered step.
    Step(u64),
    /// An item of a list.
    Item,
    /// Code, or something to type.
    Code,
    /// A row of a table.
    Row,
}

/// A quoted line, without its number or bullet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is.
    pub kind: LineKind,
    /// How deep it stands in lists, 0 outside.
    pub depth: usize,
    /// Its words as they stand in the passage.
    pub text: String,
    /// Links that its page has in it; only while it is shown.
    #[serde(skip)]
    pub links: Vec<Link>,
}

impl Line {
    fn is_listed(&self) -> bool {
        self.depth > 0 || matches!(self.kind, LineKind::Step(_) | LineKind::Item)
    }
}

/// A part of a passage that is quoted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quote {
    /// Which of the given passages.
    pub passage: usize,
    pub lines: Vec<Line>,
    pub more: bool,
}

/// A sentence or item of a passage, and how much of the question it has.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// Which block it stands in.
    pub block: usize,
    pub kind: Kind,
    pub depth: usize,
    pub text: String,
    /// Which words of the question it has.
    pub has: Vec<bool>,
    /// Their weight, as a share of the question's: 0 to 1.
    pub share: f32,
    /// How well it answers.
    pub worth: f32,
}

/// The units of a passage, in reading order.
pub(super) fn units(asked: &[Asked], passage: &Passage) -> Vec<Unit> {
    let stems = Stems::of(passage.language.as_deref());
    let mut out = Vec::new();
    for (number, block) in blocks(&passage.text).into_iter().enumerate() {
        for text in pieces(&block) {
            let has = has(asked, &stems, &text);
            let share = share(asked, &has);
            out.push(Unit { block: number, kind: block.kind, depth: block.depth, text, has, share, worth: 0.0 });
        }
    }
    out
}

/// Which words of the question a text has.
pub(super) fn has(asked: &[Asked], stems: &Stems, text: &str) -> Vec<bool> {
    let found: std::collections::HashSet<String> = words(text).iter().map(|w| stems.stem(&w.folded)).collect();
    asked.iter().map(|a| a.stems.iter().any(|s| found.contains(s))).collect()
}

/// How much of the question these words are, weighted by how telling they are.
pub(super) fn share(asked: &[Asked], has: &[bool]) -> f32 {
    let all: f32 = asked.iter().map(|a| a.idf).sum();
    let with: f32 = asked.iter().zip(has).filter(|(_, h)| **h).map(|(a, _)| a.idf).sum();
    if all > 0.0 { with / all } else { 0.0 }
}

/// The sentences of a paragraph; other blocks stay whole.
fn pieces(block: &Block) -> Vec<String> {
    if block.kind != Kind::Paragraph {
        return vec![block.text.clone()];
    }
    let mut out: Vec<String> = Vec::new();
    for sentence in block.text.split_sentence_bounds() {
        match out.last_mut() {
            Some(last) if is_unfinished(last) => last.push_str(sentence),
            _ => out.push(sentence.to_owned()),
        }
    }
    out.iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
}

/// Whether a sentence seems to go on behind its full stop: an abbreviation, an initial, a number.
fn is_unfinished(sentence: &str) -> bool {
    let last = sentence.trim_end().rsplit([' ', '(']).next().unwrap_or_default();
    let Some(word) = last.strip_suffix('.') else { return false };
    word.chars().count() == 1
        || word.chars().all(|c| c.is_ascii_digit())
        || matches!(
            word.to_ascii_lowercase().as_str(),
            "e.g" | "i.e" | "etc" | "vs" | "dr" | "mr" | "mrs" | "ms" | "st" | "no" | "fig" | "approx" | "inc" | "u.s"
        )
}

/// A passage that was read closely.
pub(super) struct Reading<'a> {
    pub hit: &'a Hit,
    pub passage: &'a Passage,
    pub stems: Stems,
    /// Which words of the question title, headings and keywords have.
    pub about: Vec<bool>,
    pub units: Vec<Unit>,
    /// How good the passage is for the answer: 1 and more for the best hits.
    pub worth: f32,
}

/// Reads the passages closely and puts those first that answer best: what search found first need not be what says it
/// in one sentence.
pub(super) fn read_closely<'a>(asks: Asks, asked: &[Asked], found: &[(&'a Hit, &'a Passage)]) -> Vec<Reading<'a>> {
    let top = found.iter().map(|(h, _)| h.score).fold(f32::MIN_POSITIVE, f32::max);
    let mut readings: Vec<Reading<'a>> = found
        .iter()
        .map(|&(hit, passage)| {
            let stems = Stems::of(passage.language.as_deref());
            let about = has(
                asked,
                &stems,
                &format!("{}\n{}\n{}", passage.title, passage.headings.join("\n"), passage.keywords),
            );
            let mut units = units(asked, passage);
            for (place, unit) in units.iter_mut().enumerate() {
                unit.worth = worth(asks, asked, &stems, &about, unit, place);
            }
            let best = units.iter().map(|u| u.worth).fold(0.0, f32::max);
            // A page that is about the question says what it is at its beginning.
            let late =
                if asks == Asks::Meaning { share(asked, &about) * 0.05 * passage.ordinal.min(6) as f32 } else { 0.0 };
            Reading { hit, passage, stems, about, units, worth: hit.score / top + CLOSELY * best - late }
        })
        .collect();
    let best_first = |a: &Reading<'_>, b: &Reading<'_>| b.worth.total_cmp(&a.worth);
    readings.sort_by(best_first);
    if asks == Asks::Steps
        && let Some(document) = readings.first().map(|r| &r.passage.document)
    {
        for reading in readings.iter_mut().filter(|r| r.passage.document == *document) {
            reading.prefer_steps(asked, top);
        }
        readings.sort_by(best_first);
    }
    readings
}

impl Reading<'_> {
    /// How much of the question the passage has, with title, headings and keywords.
    pub fn covered(&self, asked: &[Asked]) -> f32 {
        let has = |n: usize| self.about[n] || self.units.iter().any(|u| u.has[n]);
        share(asked, &(0..asked.len()).map(has).collect::<Vec<bool>>())
    }

    /// Lets the numbered steps count more, wherever they stand in their list: it is quoted as a whole.
    fn prefer_steps(&mut self, asked: &[Asked], top: f32) {
        for unit in self.units.iter_mut().filter(|u| is_step(u)) {
            unit.worth = said(asked, &self.about, unit) + STEP_THERE;
        }
        let best = self.units.iter().map(|u| u.worth).fold(0.0, f32::max);
        self.worth = self.hit.score / top + CLOSELY * best;
    }
}

fn is_listed(unit: &Unit) -> bool {
    matches!(unit.kind, Kind::Item(_)) || unit.depth > 0
}

fn is_step(unit: &Unit) -> bool {
    matches!(unit.kind, Kind::Item(Some(_)))
}

/// What a unit says of the question. What the headings say already counts half: every sentence below is about it.
fn said(asked: &[Asked], about: &[bool], unit: &Unit) -> f32 {
    let both: Vec<bool> = unit.has.iter().zip(about).map(|(h, a)| *h || *a).collect();
    0.5 * unit.share + 0.5 * share(asked, &both)
}

/// How well a unit answers.
fn worth(asks: Asks, asked: &[Asked], stems: &Stems, about: &[bool], unit: &Unit, place: usize) -> f32 {
    let kind = match asks {
        Asks::Steps if is_step(unit) => STEP,
        Asks::Steps | Asks::Anything => 0.0,
        Asks::Meaning if is_definition(asked, stems, &unit.text) => 0.4,
        Asks::Meaning if unit.depth > 0 => -0.15,
        Asks::Meaning => 0.0,
        _ => 0.2 * asks.fits(asked, stems, &unit.text),
    };
    let form = match unit.kind {
        Kind::Heading => -0.4,
        Kind::Code | Kind::Row => -0.1,
        _ if unit.text.ends_with('?') => -0.2,
        _ => 0.0,
    };
    // The start of a passage is where it says what it is about.
    said(asked, about, unit) + kind + form - 0.02 * place.min(10) as f32
}

/// What to quote: a part of the best passage, and of another document's when it is as good.
pub(super) fn quotes(readings: &[Reading<'_>]) -> Vec<Quote> {
    let mut out: Vec<Quote> = Vec::new();
    let mut left = LONGEST;
    let Some(best) = readings.first().map(|r| r.worth) else { return out };
    for (number, reading) in readings.iter().enumerate().take(3) {
        let new_document = readings[..number].iter().all(|r| r.passage.document != reading.passage.document);
        if number > 0 && (!new_document || reading.worth < best * SECOND || out.len() == 2 || left < LONGEST / 3) {
            continue;
        }
        let Some((from, to)) = span(&reading.units, left) else { continue };
        let lines = lines(&reading.units[from..to]);
        left = left.saturating_sub(lines.iter().map(|l| l.text.chars().count()).sum());
        out.push(Quote { passage: number, lines, more: to < reading.units.len() });
    }
    out
}

/// The run of units to quote.
fn span(units: &[Unit], longest: usize) -> Option<(usize, usize)> {
    let best = (0..units.len()).max_by(|&a, &b| units[a].worth.total_cmp(&units[b].worth).then(b.cmp(&a)))?;
    let is_item = |i: usize| units.get(i).is_some_and(is_listed);
    let (mut from, mut to) = (best, best + 1);
    let size = |from: usize, to: usize| size(&units[from..to]);
    let introduces = |i: usize| units[i].text.ends_with(':') && is_item(i + 1);
    if is_item(best) || introduces(best) {
        let start = if is_item(best) { (0..=best).rev().take_while(|&i| is_item(i)).last()? } else { best + 1 };
        from = introduction(units, start);
        to = (start..units.len()).take_while(|&i| is_item(i)).last()? + 1;
        if size(from, to) > longest && best > start {
            // Too long as a whole: from the item that fits best, still with its introduction where there is room.
            while size(from, best + 1) > longest && from < best {
                from += 1;
            }
        }
        while size(from, to) > longest && to > from + 1 {
            to -= 1;
        }
    } else {
        while from > 0
            && leans_back(&units[from].text)
            && same_block(units, from - 1, from)
            && size(from - 1, to) <= longest
        {
            from -= 1;
        }
        let continues = |to: usize| to < units.len() && !is_item(to) && units[to].kind == Kind::Paragraph;
        while continues(to) && size(from, to) < ENOUGH && size(from, to + 1) <= longest {
            to += 1;
        }
        if let Some(end) = introduced(units, to).filter(|&end| size(from, end) <= longest) {
            to = end;
        }
    }
    // What was announced with a colon belongs to it.
    let announced = units[from..to].iter().any(|u| u.text.ends_with(':'));
    let belongs = |to: usize| to < units.len() && (is_item(to) || matches!(units[to].kind, Kind::Code | Kind::Row));
    while announced && belongs(to) && size(from, to + 1) <= longest {
        to += 1;
    }
    Some((from, to))
}

/// How many characters units take.
fn size(units: &[Unit]) -> usize {
    units.iter().map(|u| u.text.chars().count() + 1).sum()
}

/// Where a list that begins at `start` begins with what introduces it.
fn introduction(units: &[Unit], start: usize) -> usize {
    let introduces = |u: &Unit| u.kind == Kind::Paragraph && u.text.chars().count() < INTRODUCTION;
    start.checked_sub(1).filter(|&i| introduces(&units[i])).unwrap_or(start)
}

/// Where the list ends that stands behind the paragraph of the last unit before `to`, if it is short or announced by a colon.
fn introduced(units: &[Unit], to: usize) -> Option<usize> {
    let last = to.checked_sub(1).filter(|&i| units[i].kind == Kind::Paragraph)?;
    let start = (to..units.len()).find(|&i| !same_block(units, last, i))?;
    let end = start + units[start..].iter().take_while(|u| is_listed(u)).count();
    let belongs = size(&units[start..end]) <= SHORT_LIST || units[start - 1].text.ends_with(':');
    (end > start && belongs).then_some(end)
}

fn same_block(units: &[Unit], a: usize, b: usize) -> bool {
    units[a].block == units[b].block
}

/// Whether a sentence cannot stand without the one before.
pub(super) fn leans_back(sentence: &str) -> bool {
    let first = sentence.split_whitespace().next().unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric());
    matches!(
        first.to_lowercase().as_str(),
        "this"
            | "that"
            | "these"
            | "those"
            | "it"
            | "they"
            | "he"
            | "she"
            | "however"
            | "also"
            | "then"
            | "otherwise"
            | "instead"
            | "but"
            | "and"
            | "so"
            | "therefore"
            | "such"
            | "its"
            | "their"
    )
}

/// Neighbouring sentences of one paragraph become one line.
fn lines(units: &[Unit]) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut block = usize::MAX;
    for unit in units {
        let kind = match unit.kind {
            Kind::Item(Some(n)) => LineKind::Step(n),
            Kind::Item(None) => LineKind::Item,
            Kind::Code => LineKind::Code,
            Kind::Row => LineKind::Row,
            Kind::Paragraph | Kind::Heading => LineKind::Sentence,
        };
        match out.last_mut() {
            Some(line) if unit.block == block => {
                line.text.push(' ');
                line.text.push_str(&unit.text);
            }
            _ => out.push(Line { kind, depth: unit.depth, text: unit.text.clone(), links: Vec::new() }),
        }
        block = unit.block;
    }
    out
}

impl Quote {
    pub fn cite(&self, passage: &Passage) -> Citation {
        Citation {
            quote: self.lines.iter().map(render).collect::<Vec<_>>().join("\n"),
            lines: self.lines.clone(),
            more: self.more,
            ..Citation::of(passage)
        }
    }
}

/// Whether a quotation begins or ends with what stands in a list, so that the passages around may have more of it.
pub(super) fn is_of_list(citation: &Citation) -> bool {
    let is_listed = |line: Option<&Line>| line.is_some_and(Line::is_listed);
    is_listed(citation.lines.first()) || (!citation.more && is_listed(citation.lines.last()))
}

/// Looks at the passages of its document, in their order, when a quotation is one of a list. A list that began in an
/// earlier passage is quoted from its first step in at most `room` characters, where the question is not for one item of
/// it; one that goes on in the next passage says so.
pub(super) fn with_whole_list(citation: &mut Citation, passages: &[Passage], asks: Asks, room: usize) {
    let Some(here) = passages.iter().position(|p| p.id == citation.passage) else { return };
    let continued = |at: usize| at > 0 && continues(&passages[at - 1], &passages[at]);
    if !citation.more && citation.lines.last().is_some_and(Line::is_listed) && here + 1 < passages.len() {
        citation.more = continued(here + 1);
    }
    let first = citation.lines.first();
    let wanted = match asks {
        Asks::Steps => first.is_some_and(Line::is_listed),
        Asks::Anything => first.is_some_and(|line| matches!(line.kind, LineKind::Step(_))),
        _ => false,
    };
    let opening =
        |line: &Line| units(&[], &passages[here]).iter().take_while(|u| is_listed(u)).any(|u| u.text == line.text);
    if !wanted || !continued(here) || !first.is_some_and(opening) {
        return;
    }
    let begins = (0..here).rev().find(|&at| !is_list(&passages[at]) || !continued(at)).unwrap_or(0);
    let units = units(&[], &passages[begins]);
    let listed = units.iter().rev().take_while(|u| is_listed(u)).count();
    let from = introduction(&units, units.len() - listed);
    let to = (from + 1..=units.len()).rev().find(|&to| size(&units[from..to]) <= room).unwrap_or(from + 1);
    *citation = Quote { passage: 0, lines: lines(&units[from..to]), more: true }.cite(&passages[begins]);
}

/// Whether a passage begins in the middle of the list with which the one before ends.
fn continues(before: &Passage, passage: &Passage) -> bool {
    let is_listed = |block: Option<&Block>| block.is_some_and(|b| matches!(b.kind, Kind::Item(_)) || b.depth > 0);
    let (blocks, earlier) = (blocks(&passage.text), blocks(&before.text));
    before.headings == passage.headings
        && is_listed(blocks.first())
        && is_listed(earlier.last())
        && blocks.first().is_none_or(|b| b.kind != Kind::Item(Some(1)))
}

/// Whether a passage is nothing but a list.
fn is_list(passage: &Passage) -> bool {
    units(&[], passage).iter().all(is_listed)
}

/// The whole of a passage as lines, for an answer that was written to be shown as it is.
pub(super) fn whole(passage: &Passage) -> Citation {
    let units = units(&[], passage);
    Quote { passage: 0, lines: lines(&units), more: false }.cite(passage)
}

/// A line as plain text, with its number or bullet.
fn render(line: &Line) -> String {
    let indent = "   ".repeat(line.depth.saturating_sub(1));
    match line.kind {
        LineKind::Step(n) => format!("{indent}{n}. {}", line.text),
        LineKind::Item => format!("{indent}• {}", line.text),
        LineKind::Sentence | LineKind::Code | LineKind::Row => line.text.clone(),
    }
}
