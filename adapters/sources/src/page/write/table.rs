//! Tables: data as a table of CommonMark (GitHub's), layout as the text in it.

use ego_tree::NodeRef;
use scraper::Node;

use super::{Writer, inline, level};

/// A cell with more characters than this is no datum.
const LONGEST_CELL: usize = 600;
/// Wider tables are cut off: nobody could read them in a chat.
const MOST_COLUMNS: usize = 40;

impl Writer {
    pub(super) fn table(&mut self, node: NodeRef<'_, Node>, depth: usize) {
        let is =
            |n: &NodeRef<'_, Node>, names: &[&str]| n.value().as_element().is_some_and(|e| names.contains(&e.name()));
        if let Some(caption) = node.children().find(|n| is(n, &["caption"])) {
            let words = inline::plain(caption);
            self.bold(&words);
        }
        let parts = node.children().filter(|n| is(n, &["thead", "tbody", "tfoot"]));
        let rows: Vec<_> =
            parts.chain([node]).flat_map(|p| p.children().collect::<Vec<_>>()).filter(|n| is(n, &["tr"])).collect();
        let cells: Vec<Vec<_>> = rows
            .iter()
            .map(|r| {
                let visible = |n: &NodeRef<'_, Node>| n.value().as_element().is_some_and(|e| !self.is_dropped(*n, e));
                r.children().filter(|n| is(n, &["td", "th"]) && visible(n)).collect()
            })
            .filter(|cells: &Vec<_>| !cells.is_empty())
            .collect();
        let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
        let is_layout = |c: &NodeRef<'_, Node>| {
            inline::plain(*c).chars().count() > LONGEST_CELL
                || c.descendants()
                    .filter_map(|n| n.value().as_element())
                    .any(|e| matches!(e.name(), "table" | "pre" | "blockquote") || level(e.name()).is_some())
        };
        if !(2..=MOST_COLUMNS).contains(&columns) || cells.iter().flatten().any(is_layout) {
            for cell in cells.into_iter().flatten() {
                self.flow(cell, depth + 1);
            }
            return;
        }
        let has_head = cells.first().is_some_and(|row| row.iter().any(|c| is(c, &["th"])))
            && cells.first().is_some_and(|row| {
                row.iter().all(|c| is(c, &["th"])) || rows[0].parent().is_some_and(|p| is(&p, &["thead"]))
            });
        let mut lines: Vec<String> = Vec::new();
        for row in &cells {
            let words: Vec<String> = row.iter().map(|c| self.cell(*c, depth)).collect();
            if words.iter().any(|w| !w.is_empty()) {
                lines.push(line(words, columns));
            }
        }
        if lines.is_empty() {
            return;
        }
        if !has_head {
            lines.insert(0, line(Vec::new(), columns));
        }
        lines.insert(1, format!("|{}", "---|".repeat(columns)));
        self.push(&lines.join("\n"), "\n\n");
    }

    /// A cell in one line: items are set apart by semicolons.
    fn cell(&mut self, cell: NodeRef<'_, Node>, depth: usize) -> String {
        let text = self.nested(cell, depth);
        let mut out = String::new();
        for part in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let item = part.strip_prefix("- ");
            if !out.is_empty() {
                out.push_str(if item.is_some() && !out.ends_with([':', ';', '.']) { "; " } else { " " });
            }
            out.push_str(item.unwrap_or(part));
        }
        // No block begins in a cell.
        let start = out.strip_prefix('\\').filter(|rest| rest.starts_with(['#', '>', '+', '-', '=', '~']));
        let mut safe = String::with_capacity(out.len());
        for c in start.unwrap_or(&out).chars() {
            if c == '|' && !safe.ends_with('\\') {
                safe.push('\\');
            }
            safe.push(c);
        }
        safe
    }
}

fn line(mut cells: Vec<String>, columns: usize) -> String {
    cells.resize(columns, String::new());
    format!("| {} |", cells.join(" | "))
}
