//! Whether a passage says what a sentence claims: a check by words, of our own, that no model is asked about.
//!
//! A sentence holds when it reads along one to three neighbouring sentences of the passage, word by word and in their
//! order. What it may leave out or add is a short list ([`Reading::gaps`], [`Reading::may_end`]); everything else that is
//! missing may be the condition, the exception or the person that the sentence depends on. It is strict on purpose: what is
//! refused is quoted instead.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation as _;

use super::language::{self, is_denial, is_number_word};
use crate::library::Passage;
use crate::search::{Kind, blocks, is_stop_word, words};

/// Neighbouring sentences of a passage that may say it together.
const WINDOW: usize = 3;
/// Words at the beginning of a sentence among which a pronoun points at what was said before.
const BEGINNING: usize = 4;

/// What holds a sentence: where its words stand in the passage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The words of the passage that say it.
    pub quote: String,
    /// Which of the passage's sentences these are: the first and the last, from 0.
    pub sentences: (usize, usize),
}

impl Support {
    /// Whether this goes on where `before` ends, so that "it" means the same thing in both.
    pub(super) fn follows(&self, before: &Self) -> bool {
        (before.sentences.0..=before.sentences.1 + 1).contains(&self.sentences.0)
    }
}

/// Words that say under which condition, how far or with what force something holds, beside those that deny.
#[rustfmt::skip]
const GUARDS: &[&str] = &[
    "if", "when", "whenever", "unless", "provided", "providing", "only", "solely", "exclusively", "just", "until", "till",
    "once", "while", "whether", "case", "except", "excluding", "besides", "although", "though", "however", "but",
    "otherwise", "may", "can", "could", "might", "must", "shall", "should", "would", "required", "optional", "allowed",
    "permitted", "possible", "mandatory", "obligatory", "either", "than", "least", "most", "myth", "false", "total", "sum", "altogether",
    "together",
];
/// What introduces things to choose from.
const CHOICES: &[&str] = &["choose", "pick", "one", "option", "options", "or", "any", "alternatives", "alternatively"];
/// Verbs that give an order at the beginning of a sentence.
#[rustfmt::skip]
const ORDERS: &[&str] = &[
    "ask", "attach", "bring", "call", "check", "choose", "click", "close", "contact", "copy", "enter", "fill", "go", "hold",
    "insert", "log", "open", "photograph", "pour", "press", "print", "pull", "push", "put", "read", "remove", "restart",
    "save", "scan", "select", "send", "sign", "start", "submit", "switch", "take", "tell", "turn", "type", "upload", "use",
    "visit", "wait", "write",
];
/// What something costs or brings: "the fee for it is 5 euros" is "it is 5 euros".
const AMOUNTS: &[&str] = &["allowance", "charge", "cost", "fee", "price", "rate"];
/// Whoever speaks: "by the company".
const OURSELVES: &[&str] = &["company", "employer", "firm", "organisation", "organization", "us"];
/// What may follow behind the name of a receiver that is left out.
const FOLLOWS: &[&str] = &["within", "before", "after", "on", "at", "in", "by", "with"];
/// A sentence that begins so takes something back from the one before.
#[rustfmt::skip]
const TAKES_BACK: &[&str] = &[
    "except", "exception", "exceptions", "however", "but", "unless", "otherwise", "not", "only", "though", "although",
    "nevertheless",
];
/// Words that point at something that was said before.
#[rustfmt::skip]
const POINTS_BACK: &[&str] = &[
    "it", "its", "they", "them", "their", "this", "that", "these", "those", "he", "she", "him", "her", "his", "such",
    "both", "which", "former", "latter",
];
/// Words that both sides may have or not have: they say nothing alone.
const EMPTY: &[&str] = &["a", "an", "the", "do", "does", "also", "please"];
/// Verbs of giving something to somebody: to whom may be left out of a request.
#[rustfmt::skip]
const GIVING: &[&str] = &[
    "send", "submit", "give", "hand", "forward", "mail", "return", "bring", "deliver", "upload", "show", "report", "post",
];
/// "By" some of these is until then.
#[rustfmt::skip]
const TIMES: &[&str] = &[
    "noon", "midnight", "morning", "evening", "night", "day", "today", "tomorrow", "week", "month", "quarter", "year",
    "end", "then", "now", "deadline", "date", "time", "spring", "summer", "autumn", "winter",
];
/// Signs that are part of what is said.
const SIGNS: &str = "%‰€$£¥°±<>≤≥=≈~+/&§#";
const CURRENCIES: &[&str] = &["€", "$", "£", "¥"];

/// Whether one of the passages says this sentence, and with which words.
#[must_use]
pub fn holds(sentence: &str, passages: &[&Passage]) -> Option<Support> {
    if has_address(sentence) && !passages.iter().any(|p| addresses(sentence).all(|a| p.text.contains(a))) {
        return None;
    }
    passages.iter().find_map(|passage| said_by(sentence, passage))
}

/// Whether the passage has these very words as whole sentences, and the sentence says them in `language`, as far as that
/// can be told: with the same numbers, and with the same words that turn a meaning around. For sentences in another
/// language than the passage's, whose words cannot be compared.
#[must_use]
pub(super) fn translated(sentence: &str, language: &str, quote: &str, passage: &Passage) -> Option<Support> {
    let flat = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        text.trim_end_matches(['.', '!', ';']).to_owned()
    };
    let quote = quote.split_whitespace().collect::<Vec<_>>().join(" ");
    if quote.chars().count() < 12 || has_address(sentence) {
        return None;
    }
    let own = language::primary(passage.language.as_deref());
    let agrees = language::agree((language, sentence), (&own, &quote));
    // A sentence much longer than its words says something of its own.
    let length = sentence.chars().count() <= quote.chars().count() * 2 + 20;
    if !agrees || !length {
        return None;
    }
    let said = read(passage);
    let whole = |from: usize| {
        (from..said.len().min(from + WINDOW)).find(|&to| {
            let text = said[from..=to].iter().map(|s| s.own.as_str()).collect::<Vec<_>>().join(" ");
            flat(&text) == flat(&quote)
        })
    };
    (0..said.len()).find_map(|from| {
        let to = whole(from)?;
        let alone = said[from..=to].iter().all(|s| s.own == s.text && s.stands);
        (alone && !said[to].taken_back).then(|| Support { quote: quote.clone(), sentences: (from, to) })
    })
}

/// Whether a sentence points at the one before.
pub(super) fn points_back(sentence: &str) -> bool {
    let tokens = tokens(sentence);
    tokens.iter().filter(|t| !t.is_empty()).take(BEGINNING).any(|t| POINTS_BACK.contains(&t.text.as_str()))
}

fn said_by(sentence: &str, passage: &Passage) -> Option<Support> {
    let claim = tokens(sentence);
    if !claim.iter().any(Token::is_telling) {
        return None;
    }
    let english = language::primary(passage.language.as_deref()) == "en";
    let said = read(passage);
    // The fewest sentences first: what one says needs no second.
    for size in 1..=WINDOW.min(said.len()) {
        for (from, window) in said.windows(size).enumerate() {
            let stands = window.iter().all(|s| s.stands) && !window[size - 1].taken_back;
            if stands && Reading::says(window, &claim, english) {
                let quote = window.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(" ");
                return Some(Support { quote, sentences: (from, from + size - 1) });
            }
        }
    }
    None
}

/// A sentence, item or row of a passage.
struct Said {
    /// Its own words.
    own: String,
    /// The same behind what introduces it, where it says nothing without.
    text: String,
    tokens: Vec<Token>,
    /// Whether it says something: a question and what stands below a denying heading do not.
    stands: bool,
    /// Whether the next sentence takes something back.
    taken_back: bool,
    /// Whether it is an order when it begins with a verb: an item of a list may be anything.
    orders: bool,
}

/// The sentences of a passage in their order.
fn read(passage: &Passage) -> Vec<Said> {
    let denies = |heading: &str| tokens(heading).iter().any(|t| is_denial(&t.text));
    let above = passage.headings.last().is_some_and(|h| denies(h));
    let mut stands = !above;
    let mut out: Vec<Said> = Vec::new();
    // What introduces the items that follow, with its depth.
    let mut leads: Vec<(usize, String)> = Vec::new();
    for block in blocks(&passage.text) {
        let depth = block.depth;
        match block.kind {
            Kind::Heading => stands = !above && !denies(&block.text),
            Kind::Item(_) => leads.retain(|(d, _)| *d < depth),
            _ => {}
        }
        let lead = match block.kind {
            Kind::Paragraph | Kind::Heading => String::new(),
            _ => leads.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" "),
        };
        let introduced = tokens(&lead);
        // "To claim expenses:" only says what for.
        let narrows = introduced.first().is_some_and(|t| !t.is("to"));
        let belongs = introduced.iter().any(|t| t.is_guard() || CHOICES.contains(&t.text.as_str()))
            || narrows && (block.kind == Kind::Item(None) || introduced.iter().any(|t| t.name || t.number));
        let first = out.len();
        for own in block.text.split_sentence_bounds().map(str::trim).filter(|s| !s.is_empty()) {
            let unfinished = out.len() > first && out.last().is_some_and(|s| is_unfinished(&s.own));
            let own = match out.pop_if(|_| unfinished) {
                Some(before) => format!("{} {own}", before.own),
                None => own.to_owned(),
            };
            let text = if belongs { format!("{lead} {own}") } else { own.clone() };
            let stands = stands && block.kind != Kind::Heading && !own.ends_with('?');
            let orders = block.kind != Kind::Item(None);
            out.push(Said { tokens: tokens(&text), own, text, stands, taken_back: false, orders });
        }
        match block.kind {
            Kind::Item(_) => leads.push((depth, block.text)),
            Kind::Paragraph if depth == 0 => {
                leads.clear();
                let last = out.last().filter(|s| out.len() > first && s.own.ends_with(':'));
                leads.extend(last.map(|s| (0, s.own.clone())));
            }
            Kind::Heading => leads.clear(),
            _ => {}
        }
        for n in first.max(1)..out.len() {
            out[n - 1].taken_back = takes_back(&out[n].own);
        }
    }
    out
}

/// Whether a sentence takes something back from the one before.
fn takes_back(sentence: &str) -> bool {
    let tokens = tokens(sentence);
    let Some(first) = tokens.first().map(|t| t.text.as_str()) else { return false };
    let denies = || tokens.iter().any(|t| is_denial(&t.text) || t.text == "only");
    TAKES_BACK.contains(&first) || POINTS_BACK.contains(&first) && denies()
}

/// Whether a sentence goes on behind its full stop.
fn is_unfinished(sentence: &str) -> bool {
    let last = sentence.rsplit([' ', '(']).next().unwrap_or_default();
    last.strip_suffix('.').is_some_and(|word| {
        word.chars().count() == 1
            || matches!(
                word.to_lowercase().as_str(),
                "e.g" | "i.e" | "vs" | "dr" | "mr" | "mrs" | "ms" | "no" | "approx"
            )
    })
}

/// A word, number or sign of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// Folded; forms of "be" in the present are one, a number is as it was written.
    text: String,
    number: bool,
    /// Whether it has a capital inside of a sentence.
    name: bool,
    /// Whether a comma, a bracket or the like stands before it.
    apart: bool,
}

impl Token {
    fn is_empty(&self) -> bool {
        EMPTY.contains(&self.text.as_str())
    }

    fn is_guard(&self) -> bool {
        is_denial(&self.text) || GUARDS.contains(&self.text.as_str())
    }

    fn is_telling(&self) -> bool {
        let letters = self.text.chars().any(char::is_alphabetic);
        letters && !self.number && !self.is_guard() && self.text != "be" && !is_stop_word(&self.text)
    }

    fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

/// The words, numbers and signs of a text: contractions are taken apart, currencies stand behind their number.
fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let (mut end, mut place) = (0, None);
    for word in words(text) {
        // The two sides of a hyphen as one word.
        if place.replace(word.place) == Some(word.place) {
            continue;
        }
        let raw = &text[word.from..word.to];
        let digits = raw.starts_with(|c: char| c.is_numeric());
        let apart = between(&text[end..word.from], digits, &mut out);
        end = word.to;
        let number = raw.chars().any(char::is_numeric) || is_number_word(&word.folded);
        let name = !out.is_empty() && raw.chars().next().is_some_and(char::is_uppercase);
        let folded = if raw.chars().any(char::is_numeric) { ungrouped(raw) } else { word.folded };
        for (n, part) in apart_words(&folded).into_iter().enumerate() {
            out.push(Token { text: part.to_owned(), number, name, apart: apart && n == 0 });
        }
    }
    between(&text[end..], false, &mut out);
    // "A few" is more than "few".
    for n in (1..out.len()).rev() {
        if out[n - 1].is("a") && (out[n].is("few") || out[n].is("little")) {
            out[n].text.insert_str(0, "a ");
            out.remove(n - 1);
        }
    }
    for n in 1..out.len() {
        let free = n < 2 || !out[n - 2].number;
        if free && out[n].number && CURRENCIES.contains(&out[n - 1].text.as_str()) {
            out.swap(n - 1, n);
        }
    }
    out
}

/// Takes the signs between two words; gives whether they are apart.
fn between(text: &str, before_digits: bool, out: &mut Vec<Token>) -> bool {
    let is_dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let apart = text.contains([',', ';', ':', '(', ')', '|', '.', '!', '?']) || text.contains(" \u{2013} ");
    for c in text.chars().filter(|c| SIGNS.contains(*c)) {
        out.push(Token { text: c.to_string(), number: false, name: false, apart: false });
    }
    // A minus, or from one number to another.
    let range = out.last().is_some_and(|t| t.number) && text.trim().chars().all(is_dash) && !text.trim().is_empty();
    if before_digits && (text.ends_with(is_dash) || range) {
        out.push(Token { text: "-".into(), number: false, name: false, apart: false });
    }
    apart
}

/// A number without the commas that part its thousands.
fn ungrouped(raw: &str) -> String {
    let groups: Vec<&str> = raw.split(',').collect();
    let grouped =
        groups.len() > 1 && groups[1..].iter().all(|g| g.len() >= 3 && g.bytes().take(3).all(|b| b.is_ascii_digit()));
    if grouped { groups.concat().to_lowercase() } else { raw.to_lowercase() }
}

/// A folded word as the words that it stands for.
fn apart_words(folded: &str) -> Vec<&str> {
    match folded {
        "is" | "are" | "am" | "be" | "being" => vec!["be"],
        "isnt" | "arent" => vec!["be", "not"],
        "dont" | "doesnt" => vec!["not"],
        "cannot" | "cant" => vec!["can", "not"],
        "mustnt" => vec!["must", "not"],
        "shouldnt" => vec!["should", "not"],
        "wont" => vec!["will", "not"],
        "didnt" => vec!["did", "not"],
        "wasnt" | "werent" => vec!["was", "not"],
        "havent" | "hasnt" => vec!["have", "not"],
        "youre" => vec!["you", "be"],
        "theyre" => vec!["they", "be"],
        other => vec![other],
    }
}

/// One way of reading a claim along sentences.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct At {
    /// Words of the claim that were read.
    claim: usize,
    sentence: usize,
    /// Words of that sentence that were read or left out.
    word: usize,
    /// From here on nothing may be left out.
    whole: bool,
    /// A clause that says how long or how much: what it says must be so.
    measure: bool,
}

/// Reads a claim along sentences, in every way that may be.
struct Reading<'a> {
    window: &'a [Said],
    claim: Vec<Token>,
    english: bool,
    seen: HashSet<At>,
}

impl<'a> Reading<'a> {
    fn says(window: &'a [Said], claim: &[Token], english: bool) -> bool {
        let start = At { claim: 0, sentence: 0, word: 0, whole: false, measure: false };
        let mut claims = vec![claim.to_vec()];
        claims.extend(turned(claim).filter(|_| english));
        claims.into_iter().any(|claim| Reading { window, claim, english, seen: HashSet::new() }.reads(start))
    }

    fn reads(&mut self, at: At) -> bool {
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            if !self.seen.insert(at) {
                continue;
            }
            let last = at.sentence + 1 == self.window.len();
            if at.claim == self.claim.len() && last && self.may_end(at) {
                return true;
            }
            self.steps(at, &mut open);
        }
        false
    }

    /// Where one may read on.
    fn steps(&self, at: At, open: &mut Vec<At>) {
        let sentence = &self.window[at.sentence];
        let (mine, theirs) = (self.claim.get(at.claim), sentence.tokens.get(at.word));
        let (next_claim, next_word) = (At { claim: at.claim + 1, ..at }, At { word: at.word + 1, ..at });
        if let (Some(mine), Some(theirs)) = (mine, theirs)
            && mine.text == theirs.text
        {
            open.push(At { word: at.word + 1, ..next_claim });
        }
        if let Some(mine) = mine {
            let begins = self.english && sentence.orders && sentence.tokens[..at.word].iter().all(Token::is_empty);
            // "Send it" is "you must send it".
            if self.english && mine.is_empty()
                || begins && (mine.is("you") || mine.is("must"))
                || at.measure && mine.is("must")
            {
                open.push(next_claim);
            }
        }
        if theirs.is_some_and(|t| self.may_be_left_out(t)) {
            open.push(next_word);
        }
        if self.english && !at.whole {
            open.extend(self.gaps(at));
        }
        // What one sentence says only for some, or denies, says nothing of the next.
        let more = self.english && at.claim > 0 && at.sentence + 1 < self.window.len();
        if more && self.may_end(at) && !sentence.tokens.iter().any(Token::is_guard) {
            let next = At { sentence: at.sentence + 1, word: 0, whole: false, measure: false, ..at };
            open.push(next);
            if mine.is_some_and(|m| m.is("and")) {
                open.push(At { claim: at.claim + 1, ..next });
            }
        }
    }

    /// What may be left out in the middle or at the beginning of a sentence, in English.
    fn gaps(&self, at: At) -> Vec<At> {
        let tokens = &self.window[at.sentence].tokens;
        let rest = &tokens[at.word..];
        let mut out = Vec::new();
        let on = |words: usize| At { word: at.word + words, ..at };
        let first = tokens.iter().find(|t| !t.is_empty());
        if at.word == 0 && at.claim == 0 {
            // "You must send it" is "send it".
            if let [you, must, ..] = rest
                && you.is("you")
                && must.is("must")
            {
                out.push(on(2));
            }
            // "It is paid for every day on which you are away for more than eight hours": you must be away so long.
            let bound =
                matches!(self.claim.as_slice(), [you, must, be, ..] if you.is("you") && must.is("must") && be.is("be"));
            let which = rest.iter().position(|t| t.is("which")).filter(|_| bound);
            if let Some(which) = which.filter(|&w| rest[..w].iter().all(is_plain)) {
                let measure = rest[which..].iter().any(|t| t.is("than"));
                out.push(At { measure, ..on(which + 1) });
            }
            // "To descale it, press both buttons and pour in one bag": pour in one bag.
            let and = instructs(tokens).filter(|&n| !tokens[..n].iter().any(|t| t.is_guard() || t.name));
            out.extend(and.map(|n| on(n + 1)));
            // "The daily allowance for meals is 28 euros": meals are 28 euros.
            let about = rest.iter().position(|t| t.is("for")).filter(|&f| rest[..f].iter().all(is_plain));
            let is_what_it_costs = |&f: &usize| f > 0 && AMOUNTS.contains(&rest[f - 1].text.as_str());
            if let Some(about) = about.filter(is_what_it_costs) {
                let is_amount =
                    |t: &[Token]| matches!(t, [what, be, many, ..] if !what.number && be.is("be") && many.number);
                if is_amount(&rest[about + 1..]) && is_amount(&self.claim) {
                    out.push(on(about + 1));
                }
            }
        }
        // "Send the form to Maria Lind within 14 days": send the form within 14 days.
        if rest.first().is_some_and(|t| t.is("to")) && first.is_some_and(|t| GIVING.contains(&t.text.as_str())) {
            let names = rest[1..].iter().take_while(|t| t.name).count();
            let follows = rest.get(1 + names).is_none_or(|t| FOLLOWS.contains(&t.text.as_str()));
            if names > 0 && at.claim > 0 && follows {
                out.push(on(1 + names));
            }
        }
        // "is 28 euros inside the country and 40 euros abroad": is 40 euros abroad.
        if let [many, unit, others @ ..] = rest
            && many.number
            && at.word > 0
            && tokens[at.word - 1].is("be")
            && !tokens.iter().any(Token::is_guard)
        {
            let same = |n: &usize| matches!(&others[*n..], [and, number, u, _, ..] if and.is("and") && number.number && u.is(&unit.text));
            if let Some(n) = (1..others.len()).find(same).filter(|&n| others[..n].iter().all(is_plain)) {
                out.push(At { whole: true, ..on(2 + n + 1) });
            }
        }
        out
    }

    /// Whether a sentence may be left here.
    fn may_end(&self, at: At) -> bool {
        let tokens = &self.window[at.sentence].tokens;
        let rest = &tokens[at.word..];
        if rest.iter().all(|t| self.may_be_left_out(t)) {
            return true;
        }
        if !self.english || at.whole || at.word == 0 {
            return false;
        }
        let content: Vec<&Token> = rest.iter().filter(|t| !t.is_empty()).collect();
        let gives = tokens.iter().find(|t| !t.is_empty()).is_some_and(|t| GIVING.contains(&t.text.as_str()));
        match content.as_slice() {
            // By us, or how it is sent; not by when.
            [by, whom] if by.is("by") => {
                let how = gives && is_plain(whom) && !TIMES.contains(&whom.text.as_str());
                OURSELVES.contains(&whom.text.as_str()) || how && !tokens.iter().any(Token::is_guard)
            }
            [before, others @ ..] if before.is("before") && before.apart => {
                gives && others.iter().all(|t| is_plain(t)) && !tokens.iter().any(Token::is_guard)
            }
            // "To descale it, press both buttons | and pour in one bag".
            [and, others @ ..] if instructs(tokens) == Some(at.word) && and.is("and") => {
                others.iter().all(|t| is_plain(t))
            }
            // "… is 28 euros inside the country | and 40 euros abroad".
            [and, many, unit, _, ..] if and.is("and") && many.number && !tokens.iter().any(Token::is_guard) => {
                let number = (1..at.word.saturating_sub(2)).rev().find(|&n| tokens[n].number);
                number.is_some_and(|n| tokens[n - 1].is("be") && tokens[n + 1].is(&unit.text))
                    && content[3..].iter().all(|t| is_plain(t))
            }
            _ => false,
        }
    }

    /// Whether this word alone may be left out: it says nothing, or whose something is.
    fn may_be_left_out(&self, token: &Token) -> bool {
        self.english && (token.is_empty() || token.is("your"))
    }
}

/// Where the "and" stands in "To do this, do that and do that".
fn instructs(tokens: &[Token]) -> Option<usize> {
    let orders = |n: usize| tokens.get(n).is_some_and(|t| ORDERS.contains(&t.text.as_str()));
    let begins = tokens.first().is_some_and(|t| t.is("to"));
    let from = tokens.iter().skip(1).position(|t| t.apart).filter(|_| begins)? + 1;
    (from..tokens.len()).find(|&n| tokens[n].is("and")).filter(|&n| orders(from) && orders(n + 1))
}

/// "Meals abroad are 40 euros" in the order of "meals are 40 euros abroad".
fn turned(claim: &[Token]) -> Option<Vec<Token>> {
    let (head, tail) = claim.split_at(claim.len().checked_sub(4)?);
    let [what, be, many, unit] = tail else { return None };
    (what.is_telling() && be.is("be") && many.number && !unit.number)
        .then(|| [head, &[be.clone(), many.clone(), unit.clone(), what.clone()]].concat())
}

/// Whether a word neither binds, counts nor names.
fn is_plain(token: &Token) -> bool {
    !token.is_guard() && !token.number && !token.name && token.text.chars().all(char::is_alphanumeric)
}

fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|w| w.trim_matches(|c: char| matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | '.' | ',' | ';' | '"')))
        .filter(|w| w.contains("://") || w.starts_with("www.") || w.contains("]("))
}

fn has_address(text: &str) -> bool {
    addresses(text).next().is_some()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn passage(text: &str) -> Passage {
        Passage {
            id: "d#0".into(),
            document: "d".into(),
            version: "v".into(),
            source: "handbook".into(),
            location: "a.md".into(),
            title: "Travel expenses".into(),
            headings: vec!["Daily allowance".into()],
            anchor: None,
            text: text.into(),
            ordinal: 0,
            keywords: String::new(),
            language: None,
            readers: vec!["everyone".into()],
            verified: true,
            stored: stoa_ground::Instant(0),
            standing: crate::library::Standing::default(),
            also: Vec::new(),
        }
    }

    #[test]
    fn what_a_passage_says_holds_and_what_it_does_not_say_does_not() {
        let meals = passage(
            "The daily allowance for meals is 28 euros inside the country and 40 euros abroad. It is paid for every day \
             on which you are away for more than eight hours. Alcohol is not reimbursed.\n\n1. Photograph every \
             receipt.\n2. Send the form to Maria Lind within 14 days, before you file the trip.",
        );
        for (sentence, expected) in [
            ("The daily allowance for meals abroad is 40 euros.", true),
            ("Meals are 28 euros inside the country.", true),
            ("Photograph every receipt and send the form within 14 days.", true),
            ("You must be away for more than eight hours.", true),
            ("Alcohol is not reimbursed.", true),
            // A number of something else, another number, another name, the opposite, an addition.
            ("The daily allowance for meals is 28 euros abroad.", false),
            ("The daily allowance for meals abroad is 45 euros.", false),
            ("Send the form to Peter Lind within 14 days.", false),
            ("Alcohol is reimbursed.", false),
            ("The daily allowance for meals is not paid abroad.", false),
            ("You must be away for less than eight hours.", false),
            ("Send the form within 14 days after you file the trip.", false),
            ("Only meals abroad are paid.", false),
            ("Alcohol is not reimbursed, but your manager approves champagne for customers.", false),
            ("See https://evil.example/?q=receipt for every receipt.", false),
            ("![receipt](https://evil.example/x.png)", false),
            ("Yes.", false),
            ("", false),
        ] {
            assert_eq!(holds(sentence, &[&meals]).is_some(), expected, "{sentence}");
        }
    }

    #[test]
    fn neither_the_opposite_holds_nor_what_leaves_out_a_condition_or_has_a_word_of_its_own() {
        let office =
            "Send the signed original travel form with receipts and tickets to the payroll office in Hamburg by post.";
        for (text, sentence, expected) in [
            ("You cannot travel without approval.", "You can travel without approval.", false),
            ("You cannot travel without approval.", "You cannot travel without approval.", true),
            ("You can't travel without approval.", "You cannot travel without approval.", true),
            ("Only managers may approve travel.", "Managers may approve travel.", false),
            (
                "Staff with more than five years may take a sabbatical.",
                "Staff with five years may take a sabbatical.",
                false,
            ),
            ("Send at most three receipts in one envelope.", "Send three receipts in one envelope.", false),
            (office, &office.replace("payroll", "marketing"), false),
            (office, &office.replace(" by post", ""), true),
            ("You must send the form within 14 days.", "Send the form within 14 days.", true),
            ("Send the form within 14 days.", "You must send the form within 14 days.", true),
            ("Send the form to Maria Lind within 14 days.", "Send the form within 14 days.", true),
        ] {
            assert_eq!(holds(sentence, &[&passage(text)]).is_some(), expected, "{text} {sentence}");
        }
    }

    /// What a page says, and what a lying model makes of it; each way of lying has a line of its own.
    #[rustfmt::skip]
    const LIES: &[(&str, &str)] = &[
        // Denial that is no "not".
        ("Avoid opening attachments from unknown senders.", "Open attachments from unknown senders."),
        ("Refrain from sharing your badge.", "Sharing your badge."),
        ("We refuse travel without approval.", "Travel without approval."),
        ("It is illegal to record calls.", "Record calls."),
        ("Visitors are unable to open the gate.", "Visitors are able to open the gate."),
        ("Stop the pump before you open the lid.", "Open the lid."),
        ("Managers rarely approve overtime.", "Managers approve overtime."),
        ("Neither managers nor directors approve overtime.", "Managers approve overtime."),
        ("Interns do not get a bonus.", "Interns get a bonus."),
        ("Not every receipt is needed.", "Every receipt is not needed."),
        // Prefixes.
        ("Overtime is unpaid.", "Overtime is paid."),
        ("Cancelled trips are non-refundable.", "Cancelled trips are refundable."),
        ("Cancelled trips are nonrefundable.", "Cancelled trips are refundable."),
        ("The form is invalid after 14 days.", "The form is valid after 14 days."),
        ("Incomplete forms are sent back.", "Complete forms are sent back."),
        // Conditions.
        ("If your manager approves, you may work abroad.", "You may work abroad."),
        ("You may work abroad if your manager approves.", "You may work abroad."),
        ("You may leave early, provided that the desk is staffed.", "You may leave early."),
        ("You may work abroad when the project allows it.", "You may work abroad."),
        ("You may work abroad once your manager approved it.", "You may work abroad."),
        ("Trips are paid as long as they are approved.", "Trips are paid."),
        ("Without a badge you may not enter the yard.", "You may not enter the yard."),
        ("With approval, trips are reimbursed.", "Trips are reimbursed."),
        ("Trips are reimbursed with approval.", "Trips are reimbursed."),
        ("During probation you cannot take leave.", "You cannot take leave."),
        ("In case of fire, use the stairs.", "Use the stairs."),
        // Exceptions.
        ("All meals are paid except breakfast.", "All meals are paid."),
        ("All meals, excluding breakfast, are paid.", "All meals are paid."),
        ("Meals are paid, but breakfast is not.", "Meals are paid."),
        ("Meals are paid unless the host pays.", "Meals are paid."),
        ("You may work abroad. This does not apply to interns.", "You may work abroad."),
        ("Meals are paid. Except breakfast.", "Meals are paid."),
        ("Meals are paid. However, breakfast is yours to pay.", "Meals are paid."),
        // Who and where.
        ("Managers in Norway may approve overtime.", "Managers may approve overtime."),
        ("Managers may approve overtime in Norway.", "Managers may approve overtime."),
        ("In Norway, managers approve overtime.", "Managers approve overtime."),
        ("Trips to Norway are reimbursed.", "Trips are reimbursed."),
        ("Temporary staff get no bonus.", "Staff get no bonus."),
        ("Full-time staff may work at home.", "Staff may work at home."),
        ("Managers approve overtime.", "You approve overtime."),
        ("Managers approve overtime.", "Approve overtime."),
        ("The assistant of the manager signs contracts.", "The manager signs contracts."),
        ("Ask Maria Lind about the form.", "Ask Peter Lind about the form."),
        ("Send requests approved by Maria Lind to payroll.", "Send requests to payroll."),
        // Subject and object.
        ("The manager asks the employee.", "The employee asks the manager."),
        ("Managers may approve overtime for employees.", "Employees may approve overtime for managers."),
        ("Managers may approve overtime for employees.", "Employees may approve overtime."),
        ("We reimburse you for the trip.", "You reimburse us for the trip."),
        ("Employees are paid by the company.", "The company is paid by the employees."),
        ("The employer pays the training.", "The employee pays the training."),
        // Duty and permission.
        ("You may send the form.", "You must send the form."),
        ("You must send the form.", "You may send the form."),
        ("You may send the form.", "Send the form."),
        ("Send the form.", "You may send the form."),
        ("Send the form.", "You can send the form."),
        ("You should send the form.", "You must send the form."),
        ("Alcohol is reimbursed.", "Alcohol may be reimbursed."),
        ("Doors are closed at night.", "Doors must be closed at night."),
        ("A doctor's note is optional.", "A doctor's note is required."),
        // Little words.
        ("Turn off the VPN and print.", "Turn on the VPN and print."),
        ("Sign out of the portal.", "Sign in to the portal."),
        ("You are opted out of the plan.", "You are opted in to the plan."),
        ("Scale the cluster up.", "Scale the cluster down."),
        ("Drive from Oslo to Bergen.", "Drive to Oslo from Bergen."),
        ("Drive from Oslo to Bergen.", "Drive from Bergen to Oslo."),
        ("You get a badge.", "You give a badge."),
        ("Take a badge and a key.", "Take a badge or a key."),
        ("Meals are paid with receipts.", "Meals are paid without receipts."),
        ("Log in before you print.", "Log in after you print."),
        ("The lift is for visitors.", "The lift is against visitors."),
        // More and less.
        ("Trips over 100 euros need approval.", "Trips under 100 euros need approval."),
        ("You need at least 5 days.", "You need at most 5 days."),
        ("You need at least 5 days.", "You need 5 days."),
        ("Contractors wait longer than staff.", "Staff wait longer than contractors."),
        ("Trains cost less than flights.", "Trains cost more than flights."),
        ("The minimum is 5 days.", "The maximum is 5 days."),
        ("Leave takes 5 to 10 days.", "Leave takes 10 days."),
        ("Leave is 5 to 10 days.", "Leave is 10 days."),
        ("Leave is between 5 days and 10 days.", "Leave is 10 days."),
        ("Leave is between 5 days and 10 days.", "Leave is between 5 days."),
        ("You get up to 30 days.", "You get 30 days."),
        ("About 30 people work here.", "30 people work here."),
        // Numbers, units, currencies, signs.
        ("Answer within two weeks.", "Answer within a week."),
        ("Answer within two weeks.", "Answer within weeks."),
        ("It takes 1.5 hours.", "It takes 15 hours."),
        ("It takes 15 hours.", "It takes 1.5 hours."),
        ("It takes 1,5 hours.", "It takes 15 hours."),
        ("The rate is 28 €.", "The rate is $28."),
        ("The rate is 28 €.", "The rate is 28."),
        ("The rate is 28 euros.", "The rate is 28 dollars."),
        ("The fee is 5 %.", "The fee is 5."),
        ("The fee is 5.", "The fee is 5 %."),
        ("Store it at -10 °C.", "Store it at 10 °C."),
        ("Store it at \u{2212}10 °C.", "Store it at 10 °C."),
        ("Store it at -10 °C.", "Store it at -10."),
        ("Rooms 5-10 are closed.", "Rooms 5 10 are closed."),
        ("Keep it for 3 years.", "Keep it for 3 months."),
        ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 40 euros inside the country."),
        ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 40 euros."),
        ("Meals are 28 euros inside the country and 40 euros abroad.", "Meals are 28 euros."),
        ("The office is on floor 3 of house 5.", "The office is on floor 5 of house 3."),
        // Dates and times.
        ("The course begins on Monday 3 May.", "The course begins on Tuesday 3 May."),
        ("The course begins on Monday 3 May.", "The course begins on Monday 3 June."),
        ("The course begins on 2027-05-03.", "The course begins on 2027-03-05."),
        ("The desk opens at 8:30.", "The desk opens at 8."),
        ("The desk opens at 8:30 am.", "The desk opens at 8:30 pm."),
        ("Park for free on weekends.", "Park for free."),
        ("Send it by Friday.", "Send it."),
        ("Pay the fee by noon.", "Pay the fee."),
        ("Rent was paid until May.", "Rent is paid."),
        ("Meals were free.", "Meals are free."),
        ("The report is due monthly.", "The report is due."),
        ("You get hourly pay.", "You get hours pay."),
        // Lists, headings and questions.
        ("You must not:\n\n- smoke in the yard\n- park at the gate", "Park at the gate."),
        ("You may:\n\n1. work at home\n2. work abroad", "Work abroad."),
        ("Popular wishes:\n\n- work at home\n- free lunch", "Work at home."),
        ("Popular wishes:\n\n- work at home\n- free lunch", "You must work at home."),
        ("In Norway:\n\n1. Managers approve overtime.", "Managers approve overtime."),
        ("## Not reimbursed\n\nDrinks at the hotel bar.", "Drinks at the hotel bar."),
        ("May I bring a dog? No.", "I may bring a dog."),
        ("Are dogs allowed in the office?", "Are dogs allowed in the office."),
        ("It is a myth that meals are free.", "Meals are free."),
        ("| Norway | 40 euros |\n|---|---|\n| Sweden | 28 euros |", "Norway 28 euros."),
        // Two sentences in one.
        ("Do not smoke in the yard. Park at the gate.", "Do not smoke in the yard and park at the gate."),
        ("Managers approve overtime. Interns clean desks.", "Managers clean desks."),
        ("Managers approve overtime. Interns clean desks.", "Managers approve overtime and clean desks."),
        ("Report accidents to Maria Lind and fires to Peter Lind.", "Report accidents and fires to Peter Lind."),
        ("Choose one of these:\n\n1. Pay by card.\n2. Pay in cash.", "Pay by card and pay in cash."),
        // What may be left out elsewhere.
        ("You may travel by train.", "You may travel."),
        ("Do not travel by plane.", "Do not travel."),
        ("Overtime is paid by agreement.", "Overtime is paid."),
        ("Do not send it by post.", "Do not send it."),
        ("The deposit for rooms is 50 euros.", "Rooms are 50 euros."),
        ("The fee is 28 euros and 40 euros.", "The fee is 40 euros."),
        ("The total is 28 euros for food and 40 euros for travel.", "The total is 28 euros for food."),
        ("It is paid for every day on which you are away for more than eight hours.", "You are away for more than eight hours."),
        ("To protect minors, cameras record and delete faces.", "Delete faces."),
        ("To get a permit, ask the desk and wait for 3 days.", "To get a permit, ask the desk."),
        // Little and few.
        ("A few meals are paid.", "Few meals are paid."),
        ("Few meals are paid.", "A few meals are paid."),
        ("You get a day off.", "You get days off."),
        ("Check every second receipt.", "Check second receipt."),
        ("Meals are paid.\n\nThis does not apply to interns.", "Meals are paid."),
        ("## Smoking in the yard\n\nIt is forbidden.", "Smoking in the yard."),
        ("Managers pay after the trip.", "Managers are paid after the trip."),
    ];

    #[test]
    fn no_lie_of_these_classes_holds_and_what_the_page_says_itself_does() {
        for (text, lie) in LIES {
            let page = passage(text);
            assert_eq!(holds(lie, &[&page]), None, "{text} => {lie}");
            if !text.contains(['\n', '?']) && !text.contains(". ") {
                assert!(holds(text, &[&page]).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn what_an_introduction_says_belongs_to_each_item() {
        let list = passage("You must not:\n\n- smoke in the yard\n- park at the gate");
        assert!(holds("You must not park at the gate.", &[&list]).is_some());
        let steps = passage("To descale the machine, press both buttons for five seconds and pour in one bag of acid.");
        for (sentence, expected) in [
            ("To descale the machine, press both buttons for five seconds.", true),
            ("Pour in one bag of acid.", true),
            ("Pour in one bag.", false),
            ("Press both buttons and pour in one bag of acid.", false),
        ] {
            assert_eq!(holds(sentence, &[&steps]).is_some(), expected, "{sentence}");
        }
        let denying = Passage { headings: vec!["What is not paid".into()], ..passage("Drinks at the hotel bar.") };
        assert_eq!(holds("Drinks at the hotel bar.", &[&denying]), None);
    }

    #[test]
    fn a_translation_holds_by_the_words_that_it_quotes() {
        let text = "A doctor's note is needed from the third day on, within 14 days. No note is needed before.";
        let leave = passage(text);
        let (note, none) = text.split_at(text.find("No ").unwrap());
        let holds =
            |sentence: &str, language: &str, quote: &str| translated(sentence, language, quote, &leave).is_some();
        for (sentence, language, quote, expected) in [
            ("Ab dem dritten Tag ist ein Attest nötig, binnen 14 Tagen.", "de-DE", note, true),
            ("Un certificat est requis à partir du troisième jour, sous 14 jours.", "fr", note, true),
            ("Davor ist kein Attest nötig.", "de", none, true),
            // Another number, one number less, the opposite, words that do not stand there, a language that is not known.
            ("Ab dem dritten Tag ist ein Attest nötig, binnen 30 Tagen.", "de", note, false),
            ("Ab dem zweiten Tag ist ein Attest nötig, binnen 14 Tagen.", "de", note, false),
            ("Ab dem dritten Tag ist ein Attest nötig.", "de", note, false),
            ("Ab dem dritten Tag ist kein Attest nötig, binnen 14 Tagen.", "de", note, false),
            ("Davor ist ein Attest nötig.", "de", none, false),
            ("Ein Attest ist nie nötig.", "de", "A doctor's note is never needed.", false),
            ("Od trzeciego dnia potrzebne jest zaświadczenie, w ciągu 14 dni.", "pl", note, false),
            // A piece of a sentence may lack its condition.
            (
                "Ein Attest ist ab dem dritten Tag nötig.",
                "de",
                "A doctor's note is needed from the third day on",
                false,
            ),
        ] {
            assert_eq!(holds(sentence, language, quote), expected, "{sentence}");
        }
        for (text, sentence, expected) in [
            ("It takes 1.5 hours at the gate.", "Es dauert 1,5 Stunden am Tor.", true),
            ("It takes 1.5 hours at the gate.", "Es dauert 15 Stunden am Tor.", false),
            ("The fee is 5 % of the price.", "Die Gebühr ist 5 vom Preis.", false),
            ("Store the samples at -10 °C.", "Die Proben bei 10 °C lagern.", false),
            ("The trip to Oslo costs 28 €.", "Die Reise nach Oslo kostet $28.", false),
            ("Meals are 28 euros here and 40 euros abroad.", "Essen: 40 Euro hier und 28 Euro im Ausland.", false),
            ("Answer on the third day.", "In drei Tagen antworten.", false),
            ("Avoid opening attachments from strangers.", "Anhänge von Fremden öffnen.", false),
            ("Avoid opening attachments from strangers.", "Anhänge von Fremden nicht öffnen.", true),
            ("If your manager approves, you may work abroad.", "Man darf im Ausland arbeiten.", false),
            (
                "If your manager approves, you may work abroad.",
                "Wenn die Chefin zustimmt, darf man im Ausland arbeiten.",
                true,
            ),
            ("You may send the form to payroll.", "Man muss das Formular an die Lohnstelle senden.", false),
            ("Only managers approve overtime.", "Führungskräfte genehmigen Überstunden.", false),
            ("Log in before you print a page.", "Nach dem Drucken einer Seite anmelden.", false),
            ("You need more than a week for it.", "Man braucht weniger als eine Woche dafür.", false),
            ("You may work abroad. This does not apply to interns.", "Man darf im Ausland arbeiten.", false),
        ] {
            let quote = text.split_inclusive(". ").next().unwrap();
            let held = translated(sentence, "de", quote.trim(), &passage(text)).is_some();
            assert_eq!(held, expected, "{text} {sentence}");
        }
        assert!(!holds(&"Ein Attest ist ab dem dritten Tag nötig, binnen 14 Tagen. ".repeat(4), "de", note));
    }

    proptest::proptest! {
        #[test]
        fn every_sentence_of_a_passage_holds_and_no_text_breaks_the_check(text in "[a-z]{2,8}( [a-z]{2,8}){3,12}\\.", other in ".{0,200}") {
            let telling = tokens(&text).iter().any(Token::is_telling);
            proptest::prop_assert_eq!(holds(&text, &[&passage(&text)]).is_some(), telling);
            let _ = holds(&other, &[&passage(&text)]);
            let _ = holds(&text, &[&passage(&other)]);
        }
    }
}
