//! Reading an audience rule, with errors that point at the word that is wrong.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use super::{Field, Order, Rule};
use crate::people::calendar::parse_date;
use crate::people::text::{clean, nearest};
use crate::people::{Role, Status};

/// The longest rule, in bytes, and the deepest nesting.
const LONGEST: usize = 10_000;
const DEEPEST: usize = 64;

/// Words that can begin a condition.
const WORDS: [&str; 16] = [
    "everyone",
    "manager",
    "role",
    "group",
    "department",
    "location",
    "country",
    "state",
    "worker_type",
    "title",
    "status",
    "locale",
    "employee_id",
    "email",
    "hire_date",
    "not",
];

/// What is wrong with a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// Where the wrong word begins, in characters from 0.
    pub at: usize,
    /// The wrong word; empty when something is missing at the end.
    pub word: String,
    /// One clear sentence about it, without its place.
    pub message: String,
}

impl RuleError {
    /// The rule's line with a mark under the wrong word, in two lines, for terminals and code blocks.
    #[must_use]
    pub fn pointer(&self, source: &str) -> String {
        let shown: String = source.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{shown}\n{}{}", " ".repeat(self.at), "^".repeat(self.word.chars().count().max(1)))
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {})", self.message, self.at + 1)
    }
}

impl std::error::Error for RuleError {}

impl From<RuleError> for crate::Error {
    fn from(e: RuleError) -> Self {
        Self::Invalid(format!("in the audience rule: {e}"))
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(source: &str) -> Result<Self, RuleError> {
        let end = source.chars().count();
        if source.len() > LONGEST {
            let message = format!("a rule has at most {LONGEST} bytes");
            return Err(RuleError { at: end, word: String::new(), message });
        }
        let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0, end };
        let rule = parser.or()?;
        match parser.peek() {
            None => Ok(rule),
            Some(t) => Err(t.wrong(format!("'{}' was not expected here: join conditions with 'and' or 'or'", t.text))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Sign,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    /// A word in the writer's case, a text without its quotes, or a sign.
    text: String,
    at: usize,
    length: usize,
}

impl Token {
    fn wrong(&self, message: String) -> RuleError {
        let word = if self.kind == Kind::Text { "_".repeat(self.length) } else { self.text.clone() };
        RuleError { at: self.at, word, message }
    }

    fn is(&self, word: &str) -> bool {
        match self.kind {
            Kind::Word => self.text.eq_ignore_ascii_case(word),
            Kind::Sign => self.text == word,
            Kind::Text => false,
        }
    }
}

fn tokens(source: &str) -> Result<Vec<Token>, RuleError> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        let at = i;
        if c.is_whitespace() {
            i += 1;
            continue;
        }
        if let Some(close) = closing(c) {
            let (text, next) = quoted(&chars, i, close)?;
            i = next;
            tokens.push(Token { kind: Kind::Text, text, at, length: i - at });
        } else if is_word(c) {
            while chars.get(i).copied().is_some_and(is_word) {
                i += 1;
            }
            tokens.push(Token { kind: Kind::Word, text: chars[at..i].iter().collect(), at, length: i - at });
        } else {
            let two: String = chars[i..chars.len().min(i + 2)].iter().collect();
            let sign = match two.as_str() {
                "!=" | "<=" | ">=" => two,
                "==" | "<>" => {
                    let right = if two == "==" { "=" } else { "!=" };
                    return Err(RuleError {
                        at,
                        word: two.clone(),
                        message: format!("'{two}' is written '{right}' here"),
                    });
                }
                _ if "=<>()[],".contains(c) => c.to_string(),
                _ => {
                    let shown = if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() };
                    return Err(RuleError {
                        at,
                        word: c.to_string(),
                        message: format!("'{shown}' means nothing in a rule"),
                    });
                }
            };
            i += sign.len();
            tokens.push(Token { kind: Kind::Sign, length: sign.len(), text: sign, at });
        }
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@')
}

/// The quotation mark that ends what this one begins; word processors and chats make the curly ones.
fn closing(c: char) -> Option<&'static [char]> {
    match c {
        '"' => Some(&['"']),
        '\'' => Some(&['\'']),
        '“' | '„' | '”' => Some(&['”', '“']),
        _ => None,
    }
}

fn quoted(chars: &[char], start: usize, close: &[char]) -> Result<(String, usize), RuleError> {
    let mut text = String::new();
    let mut i = start + 1;
    while let Some(&c) = chars.get(i) {
        i += 1;
        match c {
            c if close.contains(&c) => {
                return Ok((text, i));
            }
            '\\' if chars.get(i).is_some_and(|n| *n == '\\' || close.contains(n)) => {
                text.push(chars[i]);
                i += 1;
            }
            c => text.push(c),
        }
    }
    let word: String = chars[start..].iter().collect();
    Err(RuleError { at: start, word, message: "the text that begins here has no closing quotation mark".into() })
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is(word));
        self.next += usize::from(found);
        found
    }

    fn missing(&self, what: &str) -> RuleError {
        RuleError { at: self.end, word: String::new(), message: format!("the rule ends where {what} should follow") }
    }

    fn or(&mut self) -> Result<Rule, RuleError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let at = self.peek().map_or(self.end, |t| t.at);
            return Err(RuleError { at, word: String::new(), message: "the rule is nested too deeply".into() });
        }
        let mut rules = vec![self.and()?];
        while self.eat("or") {
            rules.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if rules.len() == 1 { rules.remove(0) } else { Rule::Or(rules) })
    }

    fn and(&mut self) -> Result<Rule, RuleError> {
        let mut rules = vec![self.not()?];
        while self.eat("and") {
            rules.push(self.not()?);
        }
        Ok(if rules.len() == 1 { rules.remove(0) } else { Rule::And(rules) })
    }

    fn not(&mut self) -> Result<Rule, RuleError> {
        let mut count = 0;
        while self.eat("not") {
            count += 1;
        }
        if count > DEEPEST {
            return Err(self.missing("fewer 'not'"));
        }
        let rule = self.condition()?;
        Ok((0..count).fold(rule, |rule, _| Rule::Not(Box::new(rule))))
    }

    fn condition(&mut self) -> Result<Rule, RuleError> {
        let Some(token) = self.take() else { return Err(self.missing("a condition")) };
        if token.is("(") {
            let rule = self.or()?;
            return match self.take() {
                Some(t) if t.is(")") => Ok(rule),
                Some(t) => Err(t.wrong(format!("'{}' was not expected here: 'and', 'or' or ')' can follow", t.text))),
                None => Err(self.missing("')'")),
            };
        }
        if token.kind == Kind::Text {
            return Err(token.wrong(format!(
                "\"{0}\" stands alone: say what it is, for example group \"{0}\"",
                clean(&token.text)
            )));
        }
        let word = token.text.to_lowercase();
        match word.as_str() {
            "everyone" => Ok(Rule::Everyone),
            "manager" => Ok(Rule::Role(Role::Manager)),
            "group" => {
                self.eat("=");
                Ok(Rule::Group(self.text("group")?.text))
            }
            "role" => self.role(),
            "hire_date" => self.hired(),
            name => match Field::ALL.into_iter().find(|f| f.name() == name) {
                Some(field) => self.field(field),
                None => Err(token.wrong(unknown(&token.text))),
            },
        }
    }

    fn role(&mut self) -> Result<Rule, RuleError> {
        let (negated, texts) = self.values("role")?;
        let mut roles = Vec::new();
        for t in texts {
            roles.push(Rule::Role(t.text.parse().map_err(|e: crate::Error| {
                t.wrong(format!("{e} (a job title is written title = \"{}\")", clean(&t.text)))
            })?));
        }
        let rule = if roles.len() == 1 { roles.remove(0) } else { Rule::Or(roles) };
        Ok(if negated { Rule::Not(Box::new(rule)) } else { rule })
    }

    fn field(&mut self, field: Field) -> Result<Rule, RuleError> {
        let (negated, texts) = self.values(field.name())?;
        for t in &texts {
            if t.text.trim().is_empty() {
                return Err(t.wrong(format!("a {} cannot be empty", field.name())));
            }
            let statuses = [Status::Active, Status::Leave].map(Status::name);
            if field == Field::Status && !statuses.contains(&t.text.to_lowercase().as_str()) {
                return Err(t.wrong(format!(
                    "'{}' is not a status that an audience can have: use active or leave",
                    clean(&t.text)
                )));
            }
        }
        let rule = Rule::Field(field, texts.into_iter().map(|t| t.text).collect());
        Ok(if negated { Rule::Not(Box::new(rule)) } else { rule })
    }

    fn hired(&mut self) -> Result<Rule, RuleError> {
        let Some(sign) = self.take() else { return Err(self.missing("a sign like >=")) };
        let Some(order) = Order::ALL.into_iter().find(|o| sign.is(o.sign())) else {
            return Err(
                sign.wrong(format!("hire_date cannot be followed by '{}': use =, !=, <, <=, > or >=", sign.text))
            );
        };
        let Some(value) = self.take() else { return Err(self.missing("a date like 2026-01-31")) };
        let date: Date = parse_date(&value.text)
            .filter(|_| value.kind != Kind::Sign)
            .ok_or_else(|| value.wrong(format!("'{}' is not a date like 2026-01-31", clean(&value.text))))?;
        Ok(Rule::Hired(order, date))
    }

    /// What follows a field: a sign and one text, or `in` and a list. The flag says whether it is negated.
    fn values(&mut self, field: &str) -> Result<(bool, Vec<Token>), RuleError> {
        let Some(sign) = self.take() else { return Err(self.missing("= or in")) };
        if sign.is("=") || sign.is("!=") {
            return Ok((sign.is("!="), vec![self.text(field)?]));
        }
        let negated = sign.is("not");
        if !(sign.is("in") || negated && self.eat("in")) {
            return Err(
                sign.wrong(format!("{field} cannot be followed by '{}': use =, !=, in or not in", clean(&sign.text)))
            );
        }
        match self.take() {
            Some(t) if t.is("[") => {}
            Some(t) => {
                return Err(t.wrong(format!("a list like [\"a\", \"b\"] should follow 'in', not '{}'", clean(&t.text))));
            }
            None => return Err(self.missing("a list like [\"a\", \"b\"]")),
        }
        let mut texts = vec![self.text(field)?];
        loop {
            match self.take() {
                Some(t) if t.is("]") => return Ok((negated, texts)),
                Some(t) if t.is(",") => {
                    if self.eat("]") {
                        return Ok((negated, texts));
                    }
                    texts.push(self.text(field)?);
                }
                Some(t) => return Err(t.wrong(format!("',' or ']' should come before '{}'", clean(&t.text)))),
                None => return Err(self.missing("']'")),
            }
        }
    }

    fn text(&mut self, field: &str) -> Result<Token, RuleError> {
        match self.take() {
            Some(t) if t.kind == Kind::Text => Ok(t),
            Some(t) if t.kind == Kind::Word => {
                Err(t.wrong(format!("the {field} '{0}' needs quotation marks: \"{0}\"", t.text)))
            }
            Some(t) => Err(t.wrong(format!("a text in quotation marks should stand here, not '{}'", t.text))),
            None => Err(self.missing("a text in quotation marks")),
        }
    }
}

fn unknown(word: &str) -> String {
    if matches!(word, "and" | "or" | "in") {
        return format!("a condition should stand before '{word}'");
    }
    if let Some(meant) = nearest(word, WORDS) {
        return format!("'{word}' is nothing that a rule can ask about; did you mean '{meant}'?");
    }
    format!("'{word}' is nothing that a rule can ask about: use {}", WORDS.join(", "))
}
