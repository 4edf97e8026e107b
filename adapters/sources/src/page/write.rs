//! A tree of HTML to CommonMark in sections: words, structure and absolute links stay, everything else goes.

mod inline;
mod table;

use std::collections::HashMap;

use ego_tree::NodeRef;
use scraper::Node;
use scraper::node::Element;
use stoa_learning::library::Section;

use super::html::Origin;

pub(super) use inline::escaped;

/// Deeper than this only the words are taken.
const DEEPEST: usize = 60;

/// Elements whose content never is text of the page.
const SILENT: [&str; 24] = [
    "script", "style", "template", "noscript", "iframe", "svg", "object", "embed", "video", "audio", "canvas", "map",
    "nav", "head", "title", "meta", "link", "select", "textarea", "datalist", "dialog", "math", "frameset", "progress",
];

/// Elements that stand as blocks.
const BLOCKS: [&str; 38] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "ol",
    "p",
    "pre",
    "search",
    "section",
    "summary",
    "table",
    "ul",
];

/// Parts of a site around its content.
const SITE_PARTS: [&str; 14] = [
    "breadcrumb",
    "breadcrumbs",
    "toc",
    "table-of-contents",
    "skip-link",
    "skip-nav",
    "skip-to-content",
    "cookie-banner",
    "cookie-consent",
    "site-header",
    "site-footer",
    "sidebar",
    "pagination",
    "edit-this-page",
];

/// How the ids begin that are given to the content of a page when it is told from the rest: no reader finds them there.
const NOT_OF_THE_PAGE: &str = "readability-page-";

/// Writes sections.
pub(super) struct Writer {
    origin: Origin,
    /// The title, as given or as the first heading of the first level says.
    title: Option<String>,
    first_heading: Option<String>,
    sections: Vec<Section>,
    /// Level and words of the headings above.
    path: Vec<(u8, String)>,
    now: Section,
    /// Inside of a list item, a quotation or a cell: headings are only bold there.
    nested: bool,
    /// The id of an anchor that stands before a heading.
    anchor: Option<String>,
    slugs: HashMap<String, usize>,
}

impl Writer {
    pub fn new(origin: Origin, title: Option<&str>) -> Self {
        Self {
            origin,
            title: title.map(str::to_owned),
            first_heading: None,
            sections: Vec::new(),
            path: Vec::new(),
            now: Section::default(),
            nested: false,
            anchor: None,
            slugs: HashMap::new(),
        }
    }

    /// The first heading of the first level, and the sections.
    pub fn write(mut self, root: NodeRef<'_, Node>) -> (Option<String>, Vec<Section>) {
        self.flow(root, 0);
        self.end_section();
        (self.first_heading, self.sections)
    }

    fn end_section(&mut self) {
        let done = std::mem::take(&mut self.now);
        if !done.text.is_empty() || !done.headings.is_empty() {
            self.sections.push(done);
        }
    }

    /// What stands inside of an element, as blocks of their own.
    fn nested(&mut self, node: NodeRef<'_, Node>, depth: usize) -> String {
        let mut inner = Self::new(self.origin, None);
        inner.nested = true;
        inner.flow(node, depth + 1);
        inner.now.text
    }

    fn flow(&mut self, node: NodeRef<'_, Node>, depth: usize) {
        if depth > DEEPEST {
            let mut words = String::new();
            node.descendants().filter_map(|n| n.value().as_text().map(|t| (n, t))).for_each(|(n, t)| {
                let silent =
                    n.parent().and_then(|p| p.value().as_element()).is_some_and(|e| SILENT.contains(&e.name()));
                if !silent {
                    inline::push_text(&mut words, t);
                }
            });
            return self.paragraph(&mut words);
        }
        let mut line = String::new();
        for child in node.children() {
            match child.value() {
                Node::Text(text) => inline::push_text(&mut line, text),
                Node::Element(element) => {
                    if self.is_dropped(child, element) {
                        continue;
                    }
                    if BLOCKS.contains(&element.name()) {
                        let labelled = element.name() == "p" && line.starts_with("[") && is_footnote(node);
                        if !labelled {
                            self.paragraph(&mut line);
                        }
                        self.block(child, element, &mut line, depth);
                    } else if has_blocks(child) {
                        self.paragraph(&mut line);
                        self.flow(child, depth + 1);
                    } else {
                        self.inline(child, element, &mut line, inline::Context::default());
                    }
                }
                _ => {}
            }
        }
        self.paragraph(&mut line);
    }

    fn block(&mut self, node: NodeRef<'_, Node>, element: &Element, line: &mut String, depth: usize) {
        match element.name() {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(node, element),
            "p" => {
                self.inlines(node, line, inline::Context::default());
                self.paragraph(line);
            }
            "summary" | "dt" | "legend" => {
                let words = inline::plain(node);
                self.bold(&words);
            }
            "ul" | "ol" | "menu" => self.list(node, element, depth),
            "pre" => self.code(node, element),
            "blockquote" => {
                let text = self.nested(node, depth);
                let kind = element.classes().find_map(|c| c.strip_prefix("markdown-alert-"));
                let title = kind.map(|k| format!("**{}{}**\n\n", k[..1].to_uppercase(), &k[1..])).unwrap_or_default();
                let quoted: Vec<String> =
                    format!("{title}{text}").lines().map(|l| format!("> {l}").trim_end().to_owned()).collect();
                if !text.is_empty() {
                    self.push(&quoted.join("\n"), "\n\n");
                }
            }
            "table" => self.table(node, depth),
            "hr" => {}
            _ => {
                let id = element.attr("id").filter(|id| !id.starts_with(NOT_OF_THE_PAGE));
                if let (Some(id), Some(first)) = (id, node.children().find(|c| c.value().is_element()))
                    && first.value().as_element().is_some_and(|e| level(e.name()).is_some())
                {
                    self.anchor = Some(id.to_owned());
                }
                self.flow(node, depth + 1);
            }
        }
    }

    fn heading(&mut self, node: NodeRef<'_, Node>, element: &Element) {
        let words = inline::plain(node);
        let before = self.anchor.take();
        if words.is_empty() {
            return;
        }
        let Some(level) = level(element.name()).filter(|_| !self.nested) else { return self.bold(&words) };
        let own = element.attr("id").map(str::to_owned).or_else(|| {
            node.descendants().filter_map(|n| n.value().as_element()).find_map(|e| anchor_of(e).map(str::to_owned))
        });
        let own = own.or(before).map(|a| a.trim_start_matches('#').to_owned()).filter(|a| !a.is_empty());
        let anchor = own.or_else(|| (self.origin == Origin::Markdown).then(|| self.slug(&words)));
        self.end_section();
        if level == 1 && self.first_heading.is_none() {
            self.first_heading = Some(words.clone());
            self.title.get_or_insert_with(|| words.clone());
        }
        self.path.retain(|(l, _)| *l < level);
        let is_title = level == 1 && self.title.as_ref().is_some_and(|t| t.to_lowercase() == words.to_lowercase());
        if !is_title {
            self.path.push((level, words));
        }
        let headings: Vec<String> = self.path.iter().map(|(_, words)| words.clone()).collect();
        let anchor = anchor.filter(|_| !headings.is_empty());
        self.now = Section { headings, anchor, text: String::new() };
    }

    /// The anchor that GitHub gives to a heading.
    fn slug(&mut self, words: &str) -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        let slug: String = words.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect();
        let seen = self.slugs.entry(slug.clone()).or_default();
        *seen += 1;
        if *seen > 1 { format!("{slug}-{}", *seen - 1) } else { slug }
    }

    fn list(&mut self, node: NodeRef<'_, Node>, element: &Element, depth: usize) {
        let ordered = element.name() == "ol";
        let first: u64 = element.attr("start").and_then(|s| s.trim().parse().ok()).unwrap_or(1);
        let mut items = Vec::new();
        for child in node.children() {
            let Some(item) = child.value().as_element() else { continue };
            if self.is_dropped(child, item) {
                continue;
            }
            let text = self.nested(child, depth);
            if text.is_empty() {
                continue;
            }
            let number = first.saturating_add(items.len() as u64).min(999_999_999);
            let marker = if ordered { format!("{number}. ") } else { "- ".to_owned() };
            let indent = " ".repeat(marker.len());
            let mut lines = text.lines();
            let mut whole = format!("{marker}{}", lines.next().unwrap_or_default());
            for line in lines {
                whole.push('\n');
                if !line.is_empty() {
                    whole.push_str(&indent);
                    whole.push_str(line);
                }
            }
            items.push(whole);
        }
        if !items.is_empty() {
            // In CommonMark only a list that begins with 1 can follow a paragraph without an empty line.
            self.push(&items.join("\n"), if self.nested && (!ordered || first == 1) { "\n" } else { "\n\n" });
        }
    }

    fn code(&mut self, node: NodeRef<'_, Node>, element: &Element) {
        let text: String = node
            .descendants()
            .filter_map(|n| match n.value() {
                Node::Text(t) => Some(&**t),
                Node::Element(e) if e.name() == "br" => Some("\n"),
                _ => None,
            })
            .collect();
        let text = text.trim_matches('\n').trim_end();
        if text.is_empty() {
            return;
        }
        let inner = node.children().find_map(|c| c.value().as_element());
        let classes = element.classes().chain(inner.into_iter().flat_map(Element::classes));
        let language = classes.filter_map(|c| c.strip_prefix("language-")).next().unwrap_or_default();
        let language: String = language.chars().filter(|c| c.is_ascii_alphanumeric() || "+-#._".contains(*c)).collect();
        let fence = "`".repeat(inline::longest_run(text, '`').max(2) + 1);
        self.push(&format!("{fence}{language}\n{text}\n{fence}"), "\n\n");
    }

    fn bold(&mut self, words: &str) {
        if !words.is_empty() {
            self.push(&format!("**{}**", inline::escaped(words)), "\n\n");
        }
    }

    fn paragraph(&mut self, line: &mut String) {
        let text = std::mem::take(line);
        let text = text.trim();
        if !text.is_empty() {
            self.anchor = None;
            self.push(&inline::least_escaped(inline::no_block_start(text)), "\n\n");
        }
    }

    fn push(&mut self, block: &str, gap: &str) {
        if !self.now.text.is_empty() {
            self.now.text.push_str(gap);
        }
        self.now.text.push_str(block);
    }

    fn is_dropped(&self, node: NodeRef<'_, Node>, element: &Element) -> bool {
        let name = element.name();
        let attr = |n: &str| element.attr(n).unwrap_or_default().trim().to_ascii_lowercase();
        if SILENT.contains(&name)
            || element.attr("hidden").is_some_and(|h| h != "false")
            || attr("aria-hidden") == "true"
        {
            return true;
        }
        let style = attr("style").replace(' ', "");
        if style.contains("display:none") || style.contains("visibility:hidden") {
            return true;
        }
        let inside =
            |names: &[&str]| node.ancestors().filter_map(|a| a.value().as_element()).any(|e| names.contains(&e.name()));
        let words = |w: &str| element.classes().any(|c| c.eq_ignore_ascii_case(w)) || attr("id") == w;
        match name {
            // A button says something when it opens a part of the page.
            "button" => {
                element.attr("aria-expanded").is_none()
                    && element.attr("aria-controls").is_none()
                    && !inside(&["h1", "h2", "h3", "h4", "h5", "h6", "summary"])
            }
            "a" => {
                ["headerlink", "anchor", "header-anchor", "permalink", "anchor-link"].into_iter().any(words)
                    && inline::plain(node).chars().count() < 2
            }
            _ if self.origin == Origin::Markdown => false,
            "header" => !inside(&["main", "article", "section"]),
            "footer" => !inside(&["blockquote", "figure"]),
            "aside" => !inside(&["main", "article"]),
            _ => {
                matches!(attr("role").as_str(), "navigation" | "banner" | "contentinfo" | "search" | "complementary")
                    || SITE_PARTS.into_iter().any(words)
            }
        }
    }
}

fn level(name: &str) -> Option<u8> {
    let digit = name.strip_prefix('h')?.parse().ok()?;
    (1..=6).contains(&digit).then_some(digit)
}

/// The id of an element that only marks a place.
fn anchor_of(element: &Element) -> Option<&str> {
    let name =
        if matches!(element.name(), "a" | "span") { element.attr("id").or_else(|| element.attr("name")) } else { None };
    name.filter(|n| !n.is_empty())
}

fn has_blocks(node: NodeRef<'_, Node>) -> bool {
    node.descendants().skip(1).filter_map(|n| n.value().as_element()).any(|e| BLOCKS.contains(&e.name()))
}

fn is_footnote(node: NodeRef<'_, Node>) -> bool {
    node.value().as_element().is_some_and(|e| e.classes().any(|c| c == "footnote-definition"))
}
