//! A CSV file as rows of cells, whatever program wrote it.

use crate::people::clean;

/// A file that is CSV. The first row is its header: rows after it must be as wide.
pub struct Sheet<'a> {
    reader: csv::Reader<&'a [u8]>,
    width: Option<usize>,
    row: usize,
    line: u64,
}

/// One row: its number as a spreadsheet counts, and its cells, cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1, the header included.
    pub number: usize,
    /// As many as the header has.
    pub cells: Vec<String>,
}

impl<'a> Sheet<'a> {
    /// A file of at most `most` bytes.
    ///
    /// # Errors
    /// One sentence that says why it cannot be read.
    pub fn open(file: &'a [u8], most: usize) -> Result<Self, String> {
        let text = decode(file, most)?;
        let delimiter = delimiter(text);
        if let Some(line) = never_closed(text, delimiter) {
            return Err(format!(
                "the quotation mark that opens a cell in line {line} is never closed: close or remove it"
            ));
        }
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        Ok(Self { reader, width: None, row: 0, line: 1 })
    }

    fn read(&mut self) -> Option<Result<Row, (usize, String)>> {
        let mut record = csv::StringRecord::new();
        loop {
            match self.reader.read_record(&mut record) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(e) => {
                    self.row += 1;
                    return Some(Err((self.row, format!("the row could not be read: {e}"))));
                }
            }
            // The reader skips empty lines, which a spreadsheet counts; line breaks inside of cells it does not.
            let inside = record.iter().map(|c| c.matches('\n').count()).sum::<usize>();
            let lines = usize::try_from(self.reader.position().line().saturating_sub(self.line)).unwrap_or(0);
            self.line = self.reader.position().line();
            self.row += lines.saturating_sub(inside).max(1);
            let cells: Vec<String> = record.iter().map(clean).collect();
            if cells.iter().all(String::is_empty) {
                continue;
            }
            return Some(self.check(cells));
        }
    }

    fn check(&mut self, mut cells: Vec<String>) -> Result<Row, (usize, String)> {
        let width = *self.width.get_or_insert(cells.len());
        while cells.len() > width && cells.last().is_some_and(String::is_empty) {
            cells.pop();
        }
        if cells.len() != width {
            let message = format!(
                "it has {} cells where the header has {width}: a separator or a quotation mark is missing or too many",
                cells.len()
            );
            return Err((self.row, message));
        }
        Ok(Row { number: self.row, cells })
    }
}

/// The rows that are not blank, each with what is wrong with it: the row's number and one sentence.
impl Iterator for Sheet<'_> {
    type Item = Result<Row, (usize, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read()
    }
}

fn decode(file: &[u8], most: usize) -> Result<&str, String> {
    const SAVE: &str = "save it as 'CSV UTF-8' and import it again";
    if file.len() > most {
        return Err(format!("the file has more than {} MB: split it", most / 1024 / 1024));
    }
    if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) {
        return Err(format!("the file is UTF-16 text: {SAVE}"));
    }
    if file.starts_with(b"PK\x03\x04") {
        return Err(format!("the file is a spreadsheet or an archive, not CSV: {SAVE}"));
    }
    let text = std::str::from_utf8(file.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(file)).map_err(|e| {
        let line = file[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        format!("the file is not UTF-8 text (line {line}); it looks like Windows-1252, as older spreadsheets write it: {SAVE}")
    })?;
    Ok(text)
}

/// The separator that the first row uses most, outside of quotation marks.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for b in text.trim_start_matches(['\r', '\n']).bytes() {
        match b {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().filter(|(d, _)| *d == b).for_each(|(_, n)| *n += 1),
        }
    }
    // Of equal counts the first of the list wins, so the comparison is strict.
    counts.into_iter().fold((b',', 0), |best, c| if c.1 > best.1 { c } else { best }).0
}

/// The line in which a quoted cell begins that the rest of the file is part of. The reader would take all the people
/// below for one cell.
fn never_closed(text: &str, delimiter: u8) -> Option<usize> {
    let (mut line, mut opened, mut may_open) = (1, None, true);
    for b in text.bytes() {
        // After a quotation mark that closes, another one belongs to the text and opens again.
        may_open = match (b, opened) {
            (b'"', Some(_)) => {
                opened = None;
                true
            }
            (b'"', None) if may_open => {
                opened = Some(line);
                false
            }
            (_, None) => b == delimiter || b == b'\n' || b == b'\r',
            (_, Some(_)) => false,
        };
        line += usize::from(b == b'\n');
    }
    opened
}
