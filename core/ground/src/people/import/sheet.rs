//! A CSV file as rows of cells, whatever program wrote it.

use super::columns::Column;
use super::{MAX_FILE_BYTES, Problem};
use crate::people::text::{clean, nearest};

/// A file whose header was understood.
pub(super) struct Sheet<'a> {
    /// For each column of the file what it is, and its header.
    pub columns: Vec<(Option<Column>, String)>,
    pub warnings: Vec<Problem>,
    reader: csv::Reader<&'a [u8]>,
    row: usize,
    line: u64,
}

/// One row: its number as a spreadsheet counts, and its cells, cleaned.
pub(super) struct Row {
    pub number: usize,
    pub cells: Vec<String>,
}

fn about_file(message: impl Into<String>) -> Problem {
    Problem { row: None, column: None, message: message.into() }
}

impl<'a> Sheet<'a> {
    pub fn open(file: &'a [u8]) -> Result<Self, Vec<Problem>> {
        let text = decode(file).map_err(|message| vec![about_file(message)])?;
        let delimiter = delimiter(text);
        if let Some(line) = never_closed(text, delimiter) {
            let message =
                format!("the quotation mark that opens a cell in line {line} is never closed: close or remove it");
            return Err(vec![about_file(message)]);
        }
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        let mut sheet = Self { columns: Vec::new(), warnings: Vec::new(), reader, row: 0, line: 1 };
        match sheet.next() {
            None => Err(vec![about_file(
                "the file is empty: its first row should name the columns, for example employee_id,name,email",
            )]),
            Some(Err(problem)) => Err(vec![problem]),
            Some(Ok(header)) => sheet.header(header.cells),
        }
    }

    fn header(mut self, headers: Vec<String>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for header in headers {
            let column = Column::named(&header);
            if let Some(c) = column
                && let Some((_, other)) = self.columns.iter().find(|(seen, _)| *seen == Some(c))
            {
                let message = format!("the columns '{other}' and '{header}' both mean {}: remove one", c.name());
                problems.push(Problem { row: Some(self.row), column: Some(header.clone()), message });
            }
            if column.is_none() && !header.is_empty() {
                let hint =
                    nearest(&header, Column::names()).map_or(String::new(), |n| format!("; did you mean '{n}'?"));
                let message = format!("the column '{header}' is not known and is ignored{hint}");
                self.warnings.push(about_file(message));
            }
            self.columns.push((column, header));
        }
        if !self.has(Column::EmployeeId) && !self.has(Column::Email) {
            let names: Vec<&str> = self.columns.iter().map(|(_, h)| h.as_str()).filter(|h| !h.is_empty()).collect();
            let mut shown = names.join(", ");
            if shown.chars().count() > 200 {
                shown = shown.chars().take(200).chain("…".chars()).collect();
            }
            problems
                .push(about_file(format!("the file needs a column employee_id or email; its first row has: {shown}")));
        }
        if problems.is_empty() { Ok(self) } else { Err(problems) }
    }

    pub fn has(&self, column: Column) -> bool {
        self.columns.iter().any(|(c, _)| *c == Some(column))
    }

    /// The header under which the file has a column, or its plain name.
    pub fn header_of(&self, column: Column) -> String {
        let found = self.columns.iter().find(|(c, _)| *c == Some(column));
        found.map_or_else(|| column.name().to_owned(), |(_, header)| header.clone())
    }

    /// The next row that is not blank.
    pub fn next(&mut self) -> Option<Result<Row, Problem>> {
        let mut record = csv::StringRecord::new();
        loop {
            match self.reader.read_record(&mut record) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(e) => {
                    self.row += 1;
                    let message = format!("the row could not be read: {e}");
                    return Some(Err(Problem { row: Some(self.row), column: None, message }));
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

    fn check(&self, mut cells: Vec<String>) -> Result<Row, Problem> {
        let width = self.columns.len();
        if width > 0 {
            while cells.len() > width && cells.last().is_some_and(String::is_empty) {
                cells.pop();
            }
            if cells.len() != width {
                let message = format!(
                    "it has {} cells where the header has {width}: a separator or a quotation mark is missing or too many",
                    cells.len()
                );
                return Err(Problem { row: Some(self.row), column: None, message });
            }
        }
        Ok(Row { number: self.row, cells })
    }
}

fn decode(file: &[u8]) -> Result<&str, String> {
    const SAVE: &str = "save it as 'CSV UTF-8' and import it again";
    if file.len() > MAX_FILE_BYTES {
        return Err(format!("the file has more than {} MB: split it", MAX_FILE_BYTES / 1024 / 1024));
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
