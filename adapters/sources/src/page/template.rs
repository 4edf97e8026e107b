//! Template tags (Jekyll, Liquid, Nunjucks, Hugo) and other marks of site generators: removed, the words inside kept.

use std::collections::HashMap;
use std::ops::Range;

use super::code;

/// A tag is not longer than this; a longer one is text with two odd characters.
const LONGEST_TAG: usize = 2_000;

/// Markdown without the marks of a site generator.
pub(super) fn without_tags(text: &str) -> String {
    let plain = if text.contains("{%") || text.contains("{{") || text.contains("{#") {
        Reader::new(text).read()
    } else {
        text.to_owned()
    };
    lines(&plain)
}

/// A block tag that waits for its end.
struct Open {
    name: String,
    /// Where its body begins in `out`.
    body: usize,
    /// The indentation of its line, when nothing else stands before it there.
    indent: Option<String>,
    title: Option<String>,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    code: Vec<Range<usize>>,
    out: String,
    open: Vec<Open>,
    /// Where the last end tag of each name stands.
    ends: HashMap<&'a str, usize>,
    /// Where each end mark comes next, as last looked up.
    next: HashMap<&'static str, usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let mut ends = HashMap::new();
        for (at, _) in text.match_indices(['%', '<']).filter(|(at, _)| text[..*at].ends_with('{')) {
            let inner = text[at + 1..].trim_start_matches('-').trim_start_matches(' ');
            if let Some(name) = inner.strip_prefix("end").or_else(|| inner.strip_prefix('/')) {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(name.len());
                ends.insert(name[..end].trim_end_matches('-'), at);
            }
        }
        Self {
            text,
            at: 0,
            code: code::ranges(text),
            out: String::with_capacity(text.len()),
            open: Vec::new(),
            ends,
            next: HashMap::new(),
        }
    }

    /// How far from `from` the tag ends that begins there, if it is one: it ends in its paragraph, before another tag.
    fn near(&mut self, from: usize, end: &'static str) -> Option<usize> {
        let known = self.next.get(end).copied().filter(|n| *n >= from);
        let at = known.unwrap_or_else(|| self.text[from..].find(end).map_or(usize::MAX, |n| from + n));
        self.next.insert(end, at);
        if at == usize::MAX || at - from > LONGEST_TAG {
            return None;
        }
        let inner = self.text[from..at].get(2..)?;
        (!inner.contains("{%") && !inner.contains("{{") && !inner.contains("\n\n")).then_some(at - from)
    }

    fn read(mut self) -> String {
        while let Some(found) = self.text[self.at..].find('{') {
            let start = self.at + found;
            self.out.push_str(&self.text[self.at..start]);
            self.at = start;
            let rest = &self.text[start..];
            let in_code = self.in_code(start);
            let done = if rest.starts_with("{%") {
                self.tag(rest, in_code)
            } else if rest.starts_with("{{") {
                self.output(rest, in_code)
            } else if in_code {
                None
            } else if rest.starts_with("{# ") || rest.starts_with("{#\n") || rest.starts_with("{#-") {
                self.skip("#}")
            } else if rest.starts_with("{:") && self.marks_attributes(rest) {
                self.skip("}")
            } else {
                None
            };
            if done.is_none() {
                self.out.push('{');
                self.at = start + 1;
            }
        }
        self.out.push_str(&self.text[self.at..]);
        self.out
    }

    fn in_code(&self, at: usize) -> bool {
        let n = self.code.partition_point(|r| r.end <= at);
        self.code.get(n).is_some_and(|r| r.contains(&at))
    }

    /// Goes past `end`, if it is near.
    fn skip(&mut self, end: &'static str) -> Option<()> {
        let at = self.near(self.at, end)?;
        self.at += at + end.len();
        Some(())
    }

    /// Kramdown's attribute lists: `{: .class}` and `{::options /}`, on one line.
    fn marks_attributes(&self, rest: &str) -> bool {
        rest.find('}').is_some_and(|end| !rest[..end].contains('\n'))
    }

    fn tag(&mut self, rest: &'a str, in_code: bool) -> Option<()> {
        let end = self.near(self.at, "%}")?;
        let inner = rest[2..end].trim_matches('-').trim();
        let (name, args) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let after = self.at + end + 2;
        if matches!(name, "raw" | "verbatim") {
            let (body, next) = self.until_end(after, name)?;
            self.out.push_str(body);
            self.at = next;
            return Some(());
        }
        if in_code {
            return None;
        }
        if name == "comment" {
            self.at = self.until_end(after, name)?.1;
            return Some(());
        }
        if name == "highlight" {
            let (body, next) = self.until_end(after, name)?;
            let language = args.split_whitespace().next().unwrap_or_default();
            self.out.push_str(&format!("\n```{language}\n{}\n```\n", body.trim_matches('\n')));
            self.at = next;
            return Some(());
        }
        self.word(name, args, after);
        Some(())
    }

    /// The text up to the tag that ends this block, and where it goes on.
    fn until_end(&self, from: usize, name: &str) -> Option<(&'a str, usize)> {
        self.ends.get(name).filter(|at| **at >= from)?;
        let mut at = from;
        loop {
            let start = at + self.text[at..].find("{%")?;
            let end = start + self.text[start..].find("%}")?;
            if self.text[start + 2..end].trim_matches('-').trim().strip_prefix("end") == Some(name) {
                return Some((&self.text[from..start], end + 2));
            }
            at = start + 2;
        }
    }

    /// What a tag says, if it says anything.
    fn word(&mut self, name: &str, args: &str, after: usize) {
        self.at = after;
        if let Some(block) = name.strip_prefix("end").or_else(|| name.strip_prefix('/')) {
            self.close(block);
            return;
        }
        let args = arguments(args);
        if self.has_end(name) {
            let line = self.out.rfind('\n').map_or(0, |n| n + 1);
            let before = &self.out[line..];
            let alone = before.trim().is_empty() && self.text[after..].chars().find(|c| *c != ' ') == Some('\n');
            let indent = alone.then(|| before.to_owned());
            if alone {
                self.out.truncate(line);
            }
            let title = args.iter().find(|a| a.is_title()).map(|a| a.value.clone());
            self.open.push(Open { name: name.to_owned(), body: self.out.len(), indent, title });
        } else if !self.in_destination() {
            self.out.push_str(&said(name, &args));
        } else {
            self.unlink();
        }
    }

    /// A link that leads to a template's page becomes its text; it could not be followed from elsewhere.
    fn unlink(&mut self) {
        let Some(end) = self.text[self.at..].find([')', '\n', ' ']) else { return };
        if !self.text[self.at + end..].starts_with(')') || !self.out.ends_with("](") {
            return;
        }
        let mut depth = 0usize;
        let start = self.out.len() - 2;
        let open = self.out[..start].char_indices().rev().take(2_000).find(|(_, c)| match c {
            ']' => {
                depth += 1;
                false
            }
            '[' if depth == 0 => true,
            '[' => {
                depth -= 1;
                false
            }
            _ => false,
        });
        let Some((open, _)) = open else { return };
        let text = self.out[open + 1..start].to_owned();
        // An image's mark, or a backslash by which the author took the link for broken.
        self.out.truncate(if self.out[..open].ends_with(['!', '\\']) { open - 1 } else { open });
        self.out.push_str(&text);
        self.at += end + 1;
    }

    fn has_end(&self, name: &str) -> bool {
        self.ends.get(name).is_some_and(|at| *at >= self.at)
    }

    fn close(&mut self, name: &str) {
        let Some(n) = self.open.iter().rposition(|o| o.name == name) else { return };
        let open = self.open.remove(n);
        self.open.truncate(n);
        let body = self.out.split_off(open.body.min(self.out.len()));
        let Some(indent) = open.indent else {
            if let Some(title) = open.title {
                self.out.push_str(&format!("**{title}** "));
            }
            self.out.push_str(&body);
            return;
        };
        // A body that is indented for the eye would be code in Markdown.
        let least = body.lines().filter(|l| !l.trim().is_empty()).map(|l| l.len() - l.trim_start().len()).min();
        self.out.push('\n');
        if let Some(title) = open.title {
            self.out.push_str(&format!("{indent}**{title}**\n\n"));
        }
        for line in body.trim_matches('\n').lines() {
            if !line.trim().is_empty() {
                self.out.push_str(&indent);
                self.out.push_str(line.get(least.unwrap_or(0)..).unwrap_or(line));
            }
            self.out.push('\n');
        }
        self.out.push('\n');
    }

    /// `{{ … }}`, and Hugo's `{{< … >}}` and `{{% … %}}`.
    fn output(&mut self, rest: &'a str, in_code: bool) -> Option<()> {
        let (end, hugo) = match rest.as_bytes().get(2) {
            Some(b'<') => (">}}", true),
            Some(b'%') => ("%}}", true),
            _ => ("}}", false),
        };
        // A string of the author's may hold the end mark: {{ "{{ x }}" }}.
        if let Some((value, after)) = literal(&rest[2..]).filter(|_| !hugo) {
            let close = after.find("}}").filter(|n| after[..*n].trim().is_empty())?;
            self.at += rest.len() - after.len() + close + 2;
            if in_code || !self.in_destination() {
                self.out.push_str(value);
            } else {
                self.unlink();
            }
            return Some(());
        }
        let at = self.near(self.at, end)?;
        if in_code {
            return None;
        }
        let after = self.at + at + end.len();
        if hugo {
            let inner = rest[3..at].trim().trim_end_matches('/').trim();
            let (name, args) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
            self.word(name, args, after);
        } else {
            self.at = after;
            self.unlink();
        }
        Some(())
    }

    /// Whether what is written now is the destination of a link.
    fn in_destination(&self) -> bool {
        let line = self.out.len().saturating_sub(300);
        let recent = self.out.get(line..).unwrap_or_default();
        let html = recent.rfind('<').is_some_and(|n| recent[n..].contains('=') && !recent[n..].contains('>'));
        html || recent
            .rfind('(')
            .is_some_and(|n| !recent[n..].contains([')', ' ', '\n']) && recent[..n].trim_end().ends_with(']'))
    }
}

/// A quoted string at the start: its value and what follows.
fn literal(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let end = text[1..].find(quote)? + 1;
    Some((&text[1..end], &text[end + 1..]))
}

struct Argument {
    name: Option<String>,
    value: String,
}

impl Argument {
    /// Whether a reader sees it as the title of a block.
    fn is_title(&self) -> bool {
        match self.name.as_deref() {
            Some(name) => matches!(name, "title" | "heading" | "summary" | "name" | "caption"),
            None => self.is_words(),
        }
    }

    /// Whether it is words, and no path, style name or number.
    fn is_words(&self) -> bool {
        let v = self.value.trim();
        let word = v.chars().next().is_some_and(char::is_uppercase) && !v.contains(['/', '_', '.']);
        v.contains(' ') && !v.starts_with(['/', '.', '#']) || word
    }
}

/// The quoted arguments of a tag, with their names where they have one.
fn arguments(text: &str) -> Vec<Argument> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'']) {
        let before = rest[..at].trim_end();
        let name = before.strip_suffix(['=', ':']).map(str::trim_end).and_then(|b| b.rsplit([' ', ',', '\n']).next());
        let Some((value, after)) = literal(&rest[at..]) else { break };
        found.push(Argument { name: name.map(str::to_ascii_lowercase), value: value.trim().to_owned() });
        rest = after;
    }
    found
}

/// What a tag without a body says to the reader.
fn said(name: &str, args: &[Argument]) -> String {
    let name = name.to_ascii_lowercase();
    let last = args.last().map(|a| a.value.clone()).unwrap_or_default();
    let named = |names: &[&str]| {
        args.iter().find(|a| a.name.as_deref().is_some_and(|n| names.contains(&n))).map(|a| a.value.clone())
    };
    if let Some(words) = named(&["text", "title", "label", "caption", "alt"]) {
        return words;
    }
    let silent =
        ["include", "import", "from", "extends", "layout", "render", "assign", "set", "icon", "page", "link", "url"];
    let silent_more = [
        "post_url", "ref", "relref", "download", "asset", "css", "js", "if", "elsif", "elif", "else", "for", "case",
        "when", "unless", "cycle", "with",
    ];
    if silent.iter().chain(&silent_more).any(|s| name == *s || name.ends_with("_icon") || name.starts_with("include")) {
        return String::new();
    }
    if name.starts_with("image") || name.starts_with("img") || name == "figure" {
        return if args.len() > 1 && last.contains(' ') { last } else { String::new() };
    }
    match args {
        [only] if name.contains("channel") && !only.value.contains(' ') => {
            format!("#{}", only.value.trim_start_matches('#'))
        }
        [] => String::new(),
        [only] if !only.is_words() => String::new(),
        _ => last,
    }
}

/// Marks of site generators that stand on lines of their own.
fn lines(text: &str) -> String {
    let marks = ["!!!", "???", ":::", "===", "[TOC]", "[[toc]]", "[[_TOC_]]", "{:toc}", "[[TOC]]"];
    if !marks.iter().any(|m| text.contains(m)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    // Where the blocks begin that are open, one in the other.
    let (mut fence, mut open) = (false, Vec::<usize>::new());
    for line in text.lines() {
        let start = line.trim_start();
        let indent = line.len() - start.len();
        fence ^= start.starts_with("```") || start.starts_with("~~~");
        while open.last().is_some_and(|b| !start.is_empty() && indent < b + 4) {
            open.pop();
        }
        let kept = match open.last() {
            Some(b) => line.get((*b).min(indent)..).map_or(line, |l| l.strip_prefix("    ").unwrap_or(l)),
            None => line,
        };
        let title = |s: &str| {
            let words = s.trim_start_matches(['!', '?', ':', '+']).trim();
            let (_, words) = words.split_once(' ').unwrap_or_default();
            words.trim_matches([' ', '"', '\'', '{', '}', '[', ']']).to_owned()
        };
        if !fence && ["!!! ", "??? ", "???+ "].iter().any(|mark| start.starts_with(mark)) {
            open.push(indent);
            bold(&mut out, &title(start));
        } else if let Some(tab) = tab(start).filter(|_| !fence) {
            open.push(indent);
            bold(&mut out, tab);
        } else if !fence && start.starts_with(":::") {
            bold(&mut out, &title(start));
        } else if !fence && marks[4..].contains(&start.trim_end()) {
            out.push('\n');
        } else {
            out.push_str(kept);
            out.push('\n');
        }
    }
    out
}

/// The title of a tab: `=== "Linux"`, `===+ "Linux"` (open at first) and `===! "Linux"` (the first of others).
fn tab(start: &str) -> Option<&str> {
    let title = start.strip_prefix("===")?.trim_start_matches(['+', '!']).strip_prefix(' ')?.trim();
    title.strip_prefix('"')?.strip_suffix('"')
}

fn bold(out: &mut String, title: &str) {
    if title.is_empty() {
        out.push('\n');
    } else {
        out.push_str(&format!("\n**{title}**\n\n"));
    }
}
