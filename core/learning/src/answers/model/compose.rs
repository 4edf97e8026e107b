//! An answer in sentences: written by a model, kept only as far as its citations hold.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::prompt::{self, UNKNOWN};
use super::{Instead, ModelError, Modelled, Spent, Support, check, language};
use crate::answers::extract::leans_back;
use crate::answers::{Answer, Citation, How, Line, LineKind, Sentence};
use crate::library::Passage;
use crate::search::{Asked, Stems, is_stop_word, words};

/// Passages that a model is given.
const PASSAGES: usize = 5;
/// The most sentences that are kept.
const SENTENCES: usize = 8;
/// The most characters of a model's answer that are read.
const READ: usize = 8_000;
/// The most characters of one sentence.
const SENTENCE: usize = 400;

/// What an answer is written from.
pub(in crate::answers) struct Basis<'a> {
    /// The question, as it was understood.
    pub question: &'a str,
    /// The words of the question that were looked for.
    pub asked: &'a [Asked],
    /// The passages, best first, all of them open to the asker.
    pub passages: &'a [Passage],
    /// The quotation that is there already.
    pub quoted: &'a Answer,
    /// The asker's language (BCP 47), if it is known.
    pub language: Option<&'a str>,
    /// A random word that marks what is data.
    pub mark: &'a str,
    /// How long it may take.
    pub time: Duration,
}

/// Lets the model write. `grown` hears the answer as far as it holds, each time that it has grown.
///
/// Gives the answer, or why there is none, and what it took either way.
pub(in crate::answers) async fn write<G, F>(
    modelled: &Modelled,
    basis: &Basis<'_>,
    mut grown: G,
) -> (Result<Answer, Instead>, Spent)
where
    G: FnMut(Answer) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let passages: Vec<&Passage> = basis.passages.iter().take(PASSAGES).collect();
    let asker = other_language(basis.language, &passages);
    let prompt = prompt::answer(&passages, basis.question, basis.mark, asker, modelled.limits.answer_tokens);
    let (told, mut heard) = watch::channel(0usize);
    let draft = Mutex::new(Draft::new(&passages, asker));
    let lock = || draft.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hear = |piece: &str| {
        let kept = {
            let mut draft = lock();
            draft.hear(piece);
            draft.kept.len()
        };
        told.send_if_modified(|n| std::mem::replace(n, kept) != kept);
    };
    let asking = modelled.model.ask(&prompt, &mut hear);
    let limited = tokio::time::timeout(basis.time, asking);
    tokio::pin!(limited);
    let asked = loop {
        tokio::select! {
            done = &mut limited => break done.unwrap_or(Err(ModelError::Slow)),
            Ok(()) = heard.changed() => {
                let answer = Some(lock()).filter(|draft| draft.is_to_the_point(basis)).map(|draft| draft.answer(basis));
                if let Some(answer) = answer {
                    grown(answer).await;
                }
            }
        }
    };
    let mut draft = lock();
    draft.end();
    let estimated = (prompt.rules.len() + prompt.data.len() + draft.read) as u64 / 4;
    let spent = Spent { tokens: asked.as_ref().map_or(estimated, |s| s.tokens.max(1)) };
    let written = match asked {
        Ok(_) => draft.verdict(basis).map(|()| draft.answer(basis)),
        Err(e) => {
            tracing::warn!(error = %e, "the language model gave no answer; the passages are quoted instead");
            Err(Instead::from(&e))
        }
    };
    (written, spent)
}

/// The second of two questions so that it stands alone; none when the model made something else of it, or took half of the
/// time of an answer.
pub(in crate::answers) async fn condense(
    modelled: &Modelled,
    before: &str,
    question: &str,
    mark: &str,
) -> (Option<String>, Spent) {
    let prompt = prompt::condense(before, question, mark);
    let mut said = String::new();
    let mut hear = |piece: &str| {
        if said.len() < READ {
            said.push_str(piece);
        }
    };
    let asked = tokio::time::timeout(modelled.limits.time / 2, modelled.model.ask(&prompt, &mut hear)).await;
    let spent = match &asked {
        Ok(Ok(spent)) => *spent,
        _ => Spent { tokens: (prompt.rules.len() + prompt.data.len()) as u64 / 4 },
    };
    if !matches!(asked, Ok(Ok(_))) {
        return (None, spent);
    }
    let stems = Stems::of(None);
    let telling = |text: &str| -> HashSet<String> {
        words(text).iter().filter(|w| !is_stop_word(&w.folded)).map(|w| stems.stem(&w.folded)).collect()
    };
    let line = stoa_ground::people::clean(said.lines().find(|l| !l.trim().is_empty()).unwrap_or_default());
    let (mine, mut known) = (telling(&line), telling(before));
    known.extend(telling(question));
    // Only words of the two questions: a model may not ask for something else.
    let holds = !mine.is_empty() && line.chars().count() <= SENTENCE && mine.is_subset(&known);
    (holds.then_some(line), spent)
}

/// The asker's language, where not all of the passages have it and a sentence in it can be held against their words.
fn other_language<'a>(asker: Option<&'a str>, passages: &[&Passage]) -> Option<&'a str> {
    let asker = asker.filter(|a| language::is_known(a))?;
    (!passages.iter().all(|p| is_in(p, asker))).then_some(asker)
}

fn is_in(passage: &Passage, tag: &str) -> bool {
    language::primary(passage.language.as_deref()) == language::primary(Some(tag))
}

/// A sentence that holds.
struct Held {
    text: String,
    /// Which of the passages, with their words.
    by: Vec<(usize, Support)>,
}

/// What a model has said so far.
struct Draft<'a> {
    passages: &'a [&'a Passage],
    /// The language of the sentences, where that is not the one of all passages.
    language: Option<&'a str>,
    line: String,
    read: usize,
    kept: Vec<Held>,
    said: usize,
    unknown: bool,
    /// Whether the sentence before was left out.
    broken: bool,
}

impl<'a> Draft<'a> {
    fn new(passages: &'a [&'a Passage], language: Option<&'a str>) -> Self {
        Self {
            passages,
            language,
            line: String::new(),
            read: 0,
            kept: Vec::new(),
            said: 0,
            unknown: false,
            broken: false,
        }
    }

    fn hear(&mut self, piece: &str) {
        for c in piece.chars() {
            if self.read >= READ {
                return;
            }
            self.read += c.len_utf8();
            match c {
                '\n' => self.end(),
                c => self.line.push(c),
            }
        }
    }

    /// A line is whole.
    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if line.trim_matches(|c: char| !c.is_alphabetic()) == UNKNOWN {
            self.unknown = true;
            return;
        }
        self.said += 1;
        let held = self.held(line);
        self.broken = held.is_none();
        self.kept.extend(held.filter(|_| self.kept.len() < SENTENCES));
    }

    fn held(&self, line: &str) -> Option<Held> {
        let Cited { text, cites, quote } = Cited::read(line);
        if text.is_empty() || text.chars().count() > SENTENCE || text.contains(['<', '>']) {
            return None;
        }
        // What leans on a sentence that is not there says something else.
        if self.broken && leans_back(&text) {
            return None;
        }
        let mut by = Vec::new();
        for n in cites {
            let passage = *self.passages.get(n)?;
            let support = match (self.language.filter(|tag| !is_in(passage, tag)), &quote) {
                (None, _) => check::holds(&text, &[passage]),
                (Some(tag), Some(quote)) => check::translated(&text, tag, quote, passage),
                (Some(_), None) => None,
            };
            by.extend(support.filter(|s| self.points_at_the_same(&text, n, s)).map(|s| (n, s)));
        }
        (!by.is_empty()).then_some(Held { text, by })
    }

    /// Whether "it" at the beginning of a sentence means here what it means in the passage: both go on from the same words.
    fn points_at_the_same(&self, text: &str, passage: usize, support: &Support) -> bool {
        let before = self.kept.last();
        let goes_on = |held: &Held| held.by.iter().any(|(n, before)| *n == passage && support.follows(before));
        !check::points_back(text) || before.map_or(support.sentences.0 == 0, goes_on)
    }

    /// Whether enough of it holds to be shown.
    fn verdict(&self, basis: &Basis<'_>) -> Result<(), Instead> {
        match (self.kept.len(), self.said) {
            (0, 0) if self.unknown => Err(Instead::Unknown),
            (0, 0) => Err(Instead::Strange),
            (kept, said) if kept * 2 < said || kept == 0 => Err(Instead::Unsupported),
            _ if !self.is_to_the_point(basis) => Err(Instead::Beside),
            _ => Ok(()),
        }
    }

    /// Whether it speaks of what was asked, where the passages are not sure to answer: what it says, together with the
    /// headings above, has every word of the question that tells something.
    fn is_to_the_point(&self, basis: &Basis<'_>) -> bool {
        let mut said = HashSet::new();
        for held in &self.kept {
            for (n, _) in &held.by {
                let passage = self.passages[*n];
                let mut add = |text: &str, tag: Option<&str>| {
                    let stems = Stems::of(tag);
                    said.extend(words(text).into_iter().flat_map(|w| [stems.stem(&w.folded), w.folded]));
                };
                add(&held.text, passage.language.as_deref());
                add(&held.text, self.language.or(passage.language.as_deref()));
                add(&format!("{} {}", passage.title, passage.headings.join(" ")), passage.language.as_deref());
            }
        }
        let has = |asked: &Asked| said.contains(&asked.word) || asked.stems.iter().any(|s| said.contains(s));
        !basis.quoted.abstained || basis.asked.iter().all(has)
    }

    fn answer(&self, basis: &Basis<'_>) -> Answer {
        let mut number: BTreeMap<usize, usize> = BTreeMap::new();
        let mut answer = Answer {
            question: basis.quoted.question.clone(),
            how: How::Written,
            confidence: basis.quoted.confidence,
            taken_for: basis.quoted.taken_for.clone(),
            ..Answer::default()
        };
        for held in &self.kept {
            let mut cites = Vec::new();
            for (n, Support { quote, .. }) in &held.by {
                let at = *number.entry(*n).or_insert_with(|| {
                    answer.citations.push(Citation::of(self.passages[*n]));
                    answer.citations.len() - 1
                });
                cites.push(at);
                let line = Line { kind: LineKind::Sentence, depth: 0, text: quote.clone(), links: Vec::new() };
                let citation = &mut answer.citations[at];
                if !citation.lines.contains(&line) {
                    citation.lines.push(line);
                }
            }
            answer.sentences.push(Sentence { text: held.text.clone(), citations: cites });
        }
        for citation in &mut answer.citations {
            citation.quote = citation.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("\n");
        }
        answer.answer = answer.sentences.iter().map(Sentence::numbered).collect::<Vec<_>>().join("\n");
        let cited = |document: &String| answer.citations.iter().any(|c| c.document == *document);
        answer.nearest = basis.quoted.nearest.iter().filter(|n| !cited(&n.document)).cloned().collect();
        answer
    }
}

/// A line of a model, taken apart.
struct Cited {
    text: String,
    /// Numbers of passages, from 0.
    cites: Vec<usize>,
    quote: Option<String>,
}

impl Cited {
    fn read(line: &str) -> Self {
        let (line, quote) = match (line.find('{'), line.rfind('}')) {
            (Some(from), Some(to)) if from < to => {
                (format!("{}{}", &line[..from], &line[to + 1..]), Some(line[from + 1..to].trim().to_owned()))
            }
            _ => (line.to_owned(), None),
        };
        let (mut text, mut cites) = (String::new(), Vec::new());
        let mut rest = line.as_str();
        while let Some(from) = rest.find('[') {
            let (before, open) = rest.split_at(from);
            let number = open[1..].split(']').next().filter(|inner| open.len() > inner.len() + 1);
            let numbers: Option<Vec<usize>> = number
                .and_then(|inner| inner.split(',').map(|n| n.trim().parse::<usize>().ok()?.checked_sub(1)).collect());
            text.push_str(before);
            match (numbers, number) {
                (Some(numbers), Some(inner)) => {
                    cites.extend(numbers);
                    rest = &open[inner.len() + 2..];
                }
                _ => {
                    text.push('[');
                    rest = &open[1..];
                }
            }
        }
        text.push_str(rest);
        let bullet = |c: char| matches!(c, '-' | '*' | '•' | '#') || c.is_whitespace();
        let text = text.trim_start_matches(bullet);
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let text = if digits > 0 { text[digits..].strip_prefix(". ").unwrap_or(text) } else { text };
        let text = stoa_ground::people::clean(text).replace("**", "").replace(" .", ".").replace("..", ".");
        cites.dedup();
        Self { text, cites, quote }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::tests::passage;

    #[test]
    fn each_sentence_is_held_against_the_passages_that_it_cites_in_their_language() {
        let english = passage("Alcohol on a trip is not reimbursed by the company.");
        let german = Passage { language: Some("de".into()), ..passage("Alkohol auf Reisen wird nicht erstattet.") };
        let passages = [&english, &german];
        let asker = other_language(Some("en-GB"), &passages);
        assert_eq!(asker, Some("en-GB"));
        let quote = "{Alcohol on a trip is not reimbursed by the company.}";
        for (line, expected) in [
            ("Alcohol on a trip is not reimbursed. [1]", true),
            ("Champagne on a trip is not reimbursed. [1]", false),
            ("Alcohol on a trip is not reimbursed. [2] {Alkohol auf Reisen wird nicht erstattet.}", true),
            ("Alcohol on a trip is reimbursed. [2] {Alkohol auf Reisen wird nicht erstattet.}", false),
            ("Alcohol on a trip is not reimbursed. [2]", false),
        ] {
            assert_eq!(Draft::new(&passages, asker).held(line).is_some(), expected, "{line}");
        }
        // Beside a German passage an English one still has to say it, whatever is quoted.
        let own = format!("Champagne for customers is not refused by anybody. [1] {quote}");
        assert!(Draft::new(&passages, asker).held(&own).is_none());
        assert_eq!(other_language(Some("pl"), &passages), None, "its words cannot be compared");
    }

    #[test]
    fn it_means_what_it_means_in_the_passage() {
        let meals = passage("Meals are paid for. Keep the receipts of a trip. They are thrown away after a year.");
        let passages = [&meals];
        for (lines, expected) in [
            ("Keep the receipts of a trip. [1]\nThey are thrown away after a year. [1]", 2),
            ("Meals are paid for. [1]\nThey are thrown away after a year. [1]", 1),
            ("They are thrown away after a year. [1]", 0),
            ("Meals are paid for. [1]\nThey are paid for. [1]", 1),
        ] {
            let mut draft = Draft::new(&passages, None);
            draft.hear(lines);
            draft.end();
            assert_eq!(draft.kept.len(), expected, "{lines}");
        }
    }

    #[test]
    fn where_the_pages_are_not_sure_only_what_has_the_questions_words_is_an_answer() {
        let page = passage("Alcohol on a trip is not reimbursed.");
        let passages = [&page];
        let stems = Stems::of(None);
        for (question, abstained, expected) in [
            ("mileage bicycles", true, Err(Instead::Beside)),
            ("alcohol bicycles", true, Err(Instead::Beside)),
            ("alcohol reimbursed", true, Ok(())),
            ("travel expenses alcohol", true, Ok(())),
            ("alcohol bicycles", false, Ok(())),
        ] {
            let asked: Vec<Asked> = question
                .split(' ')
                .map(|w| Asked { word: w.into(), stems: vec![stems.stem(w)], ..Asked::default() })
                .collect();
            let quoted = Answer { abstained, confidence: 0.3, ..Answer::default() };
            let basis = Basis {
                question,
                asked: &asked,
                passages: &[],
                quoted: &quoted,
                language: None,
                mark: "data",
                time: Duration::ZERO,
            };
            let mut draft = Draft::new(&passages, None);
            draft.hear("Alcohol on a trip is not reimbursed. [1]\n");
            assert_eq!(draft.verdict(&basis), expected, "{question}");
        }
    }

    #[test]
    fn a_line_is_a_sentence_with_its_passages() {
        let read = |line: &str| {
            let c = Cited::read(line);
            (c.text, c.cites, c.quote)
        };
        assert_eq!(read("- Send it within 14 days. [2]"), ("Send it within 14 days.".into(), vec![1], None));
        assert_eq!(read("Send it [1, 3]."), ("Send it.".into(), vec![0, 2], None));
        assert_eq!(read("1. **Send** it. [1] [2]"), ("Send it.".into(), vec![0, 1], None));
        assert_eq!(read("Sende es. [1] {Send it.}"), ("Sende es.".into(), vec![0], Some("Send it.".into())));
        assert_eq!(read("[x](http://e) [0] ["), ("[x](http://e) [0] [".into(), vec![], None));
        assert_eq!(read("No source."), ("No source.".into(), vec![], None));
    }

    proptest::proptest! {
        #[test]
        fn no_line_breaks_the_reader(line in ".{0,200}") {
            let _ = Cited::read(&line);
        }
    }
}
