//! Word: headings by their styles, paragraphs, lists and tables. What is hidden or struck out by a change that is not
//! accepted yet, comments, headers and footers are not read.

use std::collections::{HashMap, HashSet};

use super::{Archive, each, escape};
use crate::xml::{Xml, attribute};

pub(super) fn html(archive: &mut Archive<'_>) -> Result<String, String> {
    let styles = archive.optional("word/styles.xml")?.map(|xml| styles(&xml)).transpose()?.unwrap_or_default();
    let xml = archive.part("word/document.xml")?;
    let mut out = Writer { styles, ..Writer::default() };
    each(&xml, |event| out.take(&event))?;
    out.close_list();
    Ok(out.html)
}

/// What styles say, by their ids.
#[derive(Default)]
struct Styles {
    /// Those that are headings, with their level from 1; a title has the level 1 too.
    levels: HashMap<String, usize>,
    /// Those whose text is hidden.
    hidden: HashSet<String>,
}

/// Ids are translated in some languages, names of the built-in styles are not (ECMA-376 part 1, section 17.7.4.9).
fn styles(xml: &[u8]) -> Result<Styles, String> {
    let (mut found, mut id) = (Styles::default(), String::new());
    each(xml, |event| {
        if let Xml::Start(name, attributes) = event {
            match name {
                "style" => attribute(attributes, "styleId").unwrap_or_default().clone_into(&mut id),
                "name" => {
                    let name = attribute(attributes, "val").unwrap_or_default().to_ascii_lowercase();
                    if let Some(level) = level_of(&name) {
                        found.levels.insert(id.clone(), level);
                    }
                }
                "vanish" if is_on(attributes) => {
                    found.hidden.insert(id.clone());
                }
                _ => {}
            }
        }
    })?;
    Ok(found)
}

fn level_of(name: &str) -> Option<usize> {
    if name == "title" {
        return Some(1);
    }
    let level: usize = name.strip_prefix("heading")?.trim().parse().ok()?;
    (1..=6).contains(&level).then_some(level)
}

/// Whether a property that is there is switched on (section 17.17.4).
fn is_on(attributes: &[(String, String)]) -> bool {
    !matches!(attribute(attributes, "val"), Some("0" | "false" | "off"))
}

#[derive(Default)]
struct Writer {
    html: String,
    styles: Styles,
    /// The paragraph that is being read.
    text: String,
    level: Option<usize>,
    item: bool,
    in_list: bool,
    /// How many tables, and how many parts that are not text, are open.
    tables: usize,
    silent: usize,
    in_text: bool,
    /// Whether the style of the paragraph hides its text, and whether the run that is being read is hidden.
    hides: bool,
    in_run: bool,
    hidden: bool,
}

/// A text box is there twice, once for older programs; instructions of fields are no text, and what was set before a change
/// does not count.
const SILENT: [&str; 6] = ["Fallback", "del", "instrText", "moveFrom", "pPrChange", "rPrChange"];

impl Writer {
    fn take(&mut self, event: &Xml<'_>) {
        match event {
            Xml::Start(name, _) if SILENT.contains(name) => self.silent += 1,
            Xml::End(name) if SILENT.contains(name) => self.silent = self.silent.saturating_sub(1),
            _ if self.silent > 0 => {}
            Xml::Start(name, attributes) => self.start(name, attributes),
            Xml::Text(text) if self.in_text && !self.hidden => self.text.push_str(&escape(text)),
            Xml::Text(_) => {}
            Xml::End(name) => self.end(name),
        }
    }

    fn start(&mut self, name: &str, attributes: &[(String, String)]) {
        match name {
            "p" => {
                self.end_paragraph();
                (self.level, self.item, self.hides) = (None, false, false);
            }
            "r" => (self.in_run, self.hidden) = (true, self.hides),
            "rStyle" if self.in_run => {
                self.hidden |= attribute(attributes, "val").is_some_and(|id| self.styles.hidden.contains(id));
            }
            "vanish" if self.in_run => self.hidden = is_on(attributes),
            "pStyle" => {
                let id = attribute(attributes, "val").unwrap_or_default();
                self.level = self.styles.levels.get(id).copied().or_else(|| level_of(&id.to_ascii_lowercase()));
                self.hides = self.styles.hidden.contains(id);
            }
            "outlineLvl" => {
                let level = attribute(attributes, "val").and_then(|v| v.parse::<usize>().ok());
                self.level = self.level.or(level.filter(|l| *l < 6).map(|l| l + 1));
            }
            "numPr" => self.item = true,
            "t" => self.in_text = true,
            "tab" | "br" | "cr" | "noBreakHyphen" if self.hidden => {}
            "tab" => self.text.push(' '),
            "br" | "cr" => self.text.push_str("<br>"),
            "noBreakHyphen" => self.text.push('-'),
            "tbl" => {
                self.end_paragraph();
                self.close_list();
                self.tables += 1;
                self.html.push_str("<table>");
            }
            "tr" if self.tables > 0 => self.html.push_str("<tr>"),
            "tc" if self.tables > 0 => self.html.push_str("<td>"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" => self.end_paragraph(),
            "t" => self.in_text = false,
            "r" => (self.in_run, self.hidden) = (false, false),
            "tc" if self.tables > 0 => {
                self.end_paragraph();
                self.close_list();
                self.html.push_str("</td>");
            }
            "tr" if self.tables > 0 => self.html.push_str("</tr>"),
            "tbl" if self.tables > 0 => {
                self.tables -= 1;
                self.html.push_str("</table>");
            }
            _ => {}
        }
    }

    fn end_paragraph(&mut self) {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return;
        }
        let heading = self.level.filter(|_| self.tables == 0);
        let item = self.item && heading.is_none();
        if item && !self.in_list {
            self.html.push_str("<ul>");
            self.in_list = true;
        } else if !item {
            self.close_list();
        }
        let tag = match heading {
            Some(level) => format!("h{level}"),
            None if item => "li".into(),
            None => "p".into(),
        };
        self.html.push_str(&format!("<{tag}>{text}</{tag}>\n"));
    }

    fn close_list(&mut self) {
        if std::mem::take(&mut self.in_list) {
            self.html.push_str("</ul>\n");
        }
    }
}
