//! Pages of text, rules and tables, laid out first and drawn then. One font is built in (DejaVu Sans: Latin, Greek,
//! Cyrillic, Armenian, Georgian, Hebrew, Arabic and more); a letter that it lacks shows as a box, and the sheet remembers that.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph, TextDirection};
use stoa_ground::{Error, Result};
use ttf_parser::Face;
use unicode_bidi::BidiInfo;

static DEJAVU: &[u8] = include_bytes!("../font/DejaVuSans.ttf");

/// A4 across, in points.
const PAGE: (f32, f32) = (841.89, 595.28);
const MARGIN: f32 = 40.0;
/// Where the text ends above the foot of the page.
const BOTTOM: f32 = PAGE.1 - MARGIN - 14.0;
/// The height of a line in sizes of its font.
const LEADING: f32 = 1.35;
/// Lines of a row that no page can hold: it does not begin where fewer fit.
const FEW: usize = 4;
/// Shows in place of a letter that the font lacks.
const BOX: char = '\u{25a1}';

enum Mark {
    Text { x: f32, y: f32, size: f32, text: String },
    Rule { y: f32 },
}

/// A document in the making.
pub(super) struct Sheet {
    face: Face<'static>,
    font: Font,
    pages: Vec<Vec<Mark>>,
    y: f32,
    /// Whether a letter had to be left out.
    pub lacks: bool,
}

/// A column of a table: its title, and its share of the width.
pub(super) type Column = (String, f32);

impl Sheet {
    pub fn new() -> Result<Self> {
        let broken = || Error::invalid("the built-in font cannot be read");
        let face = Face::parse(DEJAVU, 0).map_err(|_| broken())?;
        let font = Font::new(DEJAVU.into(), 0).ok_or_else(broken)?;
        Ok(Self { face, font, pages: vec![Vec::new()], y: MARGIN, lacks: false })
    }

    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Begins a new page unless so much height is left.
    fn room(&mut self, height: f32) -> bool {
        if self.y + height <= BOTTOM {
            return false;
        }
        self.pages.push(Vec::new());
        self.y = MARGIN;
        true
    }

    pub fn space(&mut self, height: f32) {
        self.y += height;
    }

    pub fn heading(&mut self, text: &str, size: f32) {
        // A heading does not stand alone at the end of a page.
        self.room(size * LEADING + 40.0);
        self.space(size * 0.6);
        self.paragraph(text, size);
        self.space(size * 0.3);
    }

    pub fn paragraph(&mut self, text: &str, size: f32) {
        for line in self.wrapped(text, size, PAGE.0 - 2.0 * MARGIN) {
            self.room(size * LEADING);
            self.y += size * LEADING;
            self.put(Mark::Text { x: MARGIN, y: self.y - size * 0.35, size, text: line });
        }
    }

    /// A table whose head stands again on each page.
    pub fn table(&mut self, columns: &[Column], rows: impl Iterator<Item = Vec<String>>, size: f32) {
        let whole: f32 = columns.iter().map(|c| c.1).sum();
        let widths: Vec<f32> = columns.iter().map(|c| c.1 / whole * (PAGE.0 - 2.0 * MARGIN)).collect();
        let head: Vec<String> = columns.iter().map(|c| c.0.clone()).collect();
        self.room(size * LEADING * 4.0);
        self.row(&head, &widths, size, None);
        for row in rows {
            self.row(&row, &widths, size, Some(&head));
        }
        self.space(size);
    }

    /// A row stands on one page, where a page can hold it; otherwise it goes on on the next ones.
    fn row(&mut self, cells: &[String], widths: &[f32], size: f32, head: Option<&[String]>) {
        let gap = 5.0;
        let lines: Vec<Vec<String>> =
            cells.iter().zip(widths).map(|(cell, width)| self.wrapped(cell, size, width - gap)).collect();
        let tallest = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let height = |lines: usize| as_f32(lines) * size * LEADING + 3.0;
        let mut from = 0;
        while from < tallest {
            let left = height(tallest - from);
            let wanted = if left <= BOTTOM - MARGIN { left } else { height(FEW) };
            if self.room(wanted)
                && let Some(head) = head
            {
                self.row(head, widths, size, None);
            }
            let fits = (1..=tallest - from).take_while(|n| self.y + height(*n) <= BOTTOM).count().max(1);
            let mut x = MARGIN;
            for (cell, width) in lines.iter().zip(widths) {
                for (n, text) in cell.iter().skip(from).take(fits).enumerate() {
                    let y = self.y + as_f32(n + 1) * size * LEADING - size * 0.35;
                    self.put(Mark::Text { x, y, size, text: text.clone() });
                }
                x += width;
            }
            self.y += height(fits);
            self.put(Mark::Rule { y: self.y - 1.5 });
            from += fits;
        }
    }

    /// A text in lines that fit; what has no space to break at is broken between letters.
    fn wrapped(&mut self, text: &str, size: f32, width: f32) -> Vec<String> {
        let text = self.drawable(text);
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer, size) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if self.width(&line, size) > width && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }

    /// The text as the font can show it: no control characters, and a box for each letter that it lacks.
    fn drawable(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                c if c.is_whitespace() => out.push(' '),
                c if c.is_control() || is_format(c) => {}
                c if self.face.glyph_index(c).is_some() => out.push(c),
                _ => {
                    self.lacks = true;
                    out.push(BOX);
                }
            }
        }
        out
    }

    fn advance(&self, c: char) -> f32 {
        let glyph = self.face.glyph_index(c).unwrap_or_default();
        f32::from(self.face.glyph_hor_advance(glyph).unwrap_or_default()) / self.font.units_per_em()
    }

    fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|c| self.advance(c)).sum::<f32>() * size
    }

    fn draw(&self, surface: &mut Surface<'_>, x: f32, y: f32, size: f32, text: &str) {
        if text.chars().all(is_simple) {
            return self.draw_simple(surface, x, y, size, text);
        }
        let bidi = BidiInfo::new(text, None);
        let Some(paragraph) = bidi.paragraphs.first() else { return };
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        let mut x = x;
        for run in runs {
            let part = &text[run.clone()];
            if part.chars().all(is_simple) {
                self.draw_simple(surface, x, y, size, part);
            } else {
                let rtl = levels.get(run.start).is_some_and(unicode_bidi::Level::is_rtl);
                let direction = if rtl { TextDirection::RightToLeft } else { TextDirection::LeftToRight };
                surface.draw_text(Point::from_xy(x, y), self.font.clone(), size, part, false, direction);
            }
            x += self.width(part, size);
        }
    }

    /// One glyph a letter, without shaping: what alphabets without joining and marks need, and fast.
    fn draw_simple(&self, surface: &mut Surface<'_>, x: f32, y: f32, size: f32, text: &str) {
        let glyph = |(at, c): (usize, char)| {
            let id = self.face.glyph_index(c).unwrap_or_default();
            let range = at..at + c.len_utf8();
            KrillaGlyph::new(GlyphId::new(u32::from(id.0)), self.advance(c), 0.0, 0.0, 0.0, range, None)
        };
        let glyphs: Vec<KrillaGlyph> = text.char_indices().map(glyph).collect();
        surface.draw_glyphs(Point::from_xy(x, y), &glyphs, self.font.clone(), text, size, false);
    }

    /// Draws the pages. `foot` says what stands below page `n` of `m`.
    pub fn finish(mut self, document: &mut Document, foot: impl Fn(usize, usize) -> String) -> Result<()> {
        let broken = || Error::invalid("the PDF cannot be laid out");
        let pages = std::mem::take(&mut self.pages);
        let all = pages.len();
        let black = Fill { paint: rgb::Color::new(0, 0, 0).into(), opacity: NormalizedF32::ONE, ..Fill::default() };
        let grey = Stroke { paint: rgb::Color::new(200, 200, 200).into(), width: 0.4, ..Stroke::default() };
        for (n, marks) in pages.into_iter().enumerate() {
            let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(broken)?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            for mark in marks {
                match mark {
                    Mark::Text { x, y, size, text } => {
                        surface.set_stroke(None);
                        surface.set_fill(Some(black.clone()));
                        self.draw(&mut surface, x, y, size, &text);
                    }
                    Mark::Rule { y } => {
                        let mut path = PathBuilder::new();
                        path.move_to(MARGIN, y);
                        path.line_to(PAGE.0 - MARGIN, y);
                        surface.set_fill(None);
                        surface.set_stroke(Some(grey.clone()));
                        surface.draw_path(&path.finish().ok_or_else(broken)?);
                    }
                }
            }
            surface.set_stroke(None);
            surface.set_fill(Some(black.clone()));
            let foot = self.drawable(&foot(n + 1, all));
            self.draw(&mut surface, MARGIN, PAGE.1 - MARGIN, 6.5, &foot);
            surface.finish();
            page.finish();
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "lines of a page are few")]
fn as_f32(n: usize) -> f32 {
    n as f32
}

/// Alphabets whose letters stand one after the other without joining: up to Cyrillic, and Georgian.
fn is_simple(c: char) -> bool {
    matches!(c, '\u{20}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{58f}' | '\u{10a0}'..='\u{10ff}'
        | '\u{1e00}'..='\u{1fff}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{20a0}'..='\u{20bf}'
        | '\u{2190}'..='\u{21ff}' | BOX)
}

/// Marks of direction and joining that nobody sees.
fn is_format(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_no_page_can_hold_goes_on_on_the_next_ones_below_their_head() {
        let words: Vec<String> = (0..1_000).map(|n| format!("w{n}")).collect();
        let mut sheet = Sheet::new().unwrap();
        let columns = [("Person".to_owned(), 1.0), ("Reason".to_owned(), 1.0), ("State".to_owned(), 8.0)];
        let row = |name: &str, reason: String| vec![name.to_owned(), reason, "exempt".to_owned()];
        let rows = [row("Ana", "short".into()), row("Bob", words.join(" ")), row("Cleo", "short".into())];
        sheet.table(&columns, rows.into_iter(), 7.0);
        assert!(sheet.pages.len() > 2, "{}", sheet.pages.len());
        let mut seen = Vec::new();
        for page in &sheet.pages {
            let mut heads = 0;
            for mark in page {
                match mark {
                    Mark::Text { y, text, .. } => {
                        assert!(*y > MARGIN && *y <= BOTTOM, "{text} at {y}");
                        heads += usize::from(text == "Reason");
                        seen.extend(text.split(' ').filter(|word| word.starts_with('w')).map(str::to_owned));
                    }
                    Mark::Rule { y } => assert!(*y <= BOTTOM, "{y}"),
                }
            }
            assert_eq!(heads, 1);
        }
        assert_eq!(seen, words);
        // It begins below the row before it, and the row after it stands on its last page.
        let names = |page: &[Mark]| {
            let text = |mark: &Mark| if let Mark::Text { text, .. } = mark { Some(text.clone()) } else { None };
            page.iter().filter_map(text).filter(|t| matches!(t.as_str(), "Ana" | "Bob" | "Cleo")).collect::<Vec<_>>()
        };
        assert_eq!(names(&sheet.pages[0]), ["Ana", "Bob"]);
        assert_eq!(names(sheet.pages.last().unwrap()), ["Cleo"]);
    }
}
