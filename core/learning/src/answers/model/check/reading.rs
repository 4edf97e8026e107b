//! Reads a claim along sentences, word by word and in their order.

use std::collections::HashSet;

use super::said::Said;
use super::tokens::Token;

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
pub(super) struct Reading<'a> {
    window: &'a [Said],
    claim: Vec<Token>,
    english: bool,
    seen: HashSet<At>,
}

impl<'a> Reading<'a> {
    pub fn says(window: &'a [Said], claim: &[Token], english: bool) -> bool {
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
