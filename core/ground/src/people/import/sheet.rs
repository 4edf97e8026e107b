//! A roster file: rows of cells under headers that were understood.

use super::columns::Column;
use super::{MAX_FILE_BYTES, Problem};
use crate::people::text::nearest;
use crate::sheet::{self, Row};

/// A file whose header was understood.
pub(super) struct Sheet<'a> {
    /// For each column of the file what it is, and its header.
    pub columns: Vec<(Option<Column>, String)>,
    pub warnings: Vec<Problem>,
    rows: sheet::Sheet<'a>,
}

fn about_file(message: impl Into<String>) -> Problem {
    Problem { row: None, column: None, message: message.into() }
}

impl<'a> Sheet<'a> {
    pub fn open(file: &'a [u8]) -> Result<Self, Vec<Problem>> {
        let rows = sheet::Sheet::open(file, MAX_FILE_BYTES).map_err(|message| vec![about_file(message)])?;
        let mut sheet = Self { columns: Vec::new(), warnings: Vec::new(), rows };
        match sheet.next() {
            None => Err(vec![about_file(
                "the file is empty: its first row should name the columns, for example employee_id,name,email",
            )]),
            Some(Err(problem)) => Err(vec![problem]),
            Some(Ok(header)) => sheet.header(header),
        }
    }

    fn header(mut self, header: Row) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let number = header.number;
        for header in header.cells {
            let column = Column::named(&header);
            if let Some(c) = column
                && let Some((_, other)) = self.columns.iter().find(|(seen, _)| *seen == Some(c))
            {
                let message = format!("the columns '{other}' and '{header}' both mean {}: remove one", c.name());
                problems.push(Problem { row: Some(number), column: Some(header.clone()), message });
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
        let row = self.rows.next()?;
        Some(row.map_err(|(row, message)| Problem { row: Some(row), column: None, message }))
    }
}
