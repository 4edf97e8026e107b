//! A plan in words, for the operator.

use std::fmt;

use super::{Change, Entry, Plan, Problem};

/// How many people of each kind are listed; errors are listed all.
const LISTED: usize = 200;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.row, &self.column) {
            (Some(row), Some(column)) => write!(f, "row {row}, column {column}: {}", self.message),
            (Some(row), None) => write!(f, "row {row}: {}", self.message),
            (None, Some(column)) => write!(f, "column {column}: {}", self.message),
            (None, None) => f.write_str(&self.message),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "nothing".into());
        write!(f, "{} {} -> {}", self.column, shown(&self.old), shown(&self.new))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (added, changed, left) = (self.added.len(), self.changed.len(), self.left.len());
        writeln!(f, "{added} added, {changed} changed, {left} left, {} unchanged", self.unchanged)?;
        section(f, '+', &self.added)?;
        section(f, '~', &self.changed)?;
        section(f, '-', &self.left)?;
        for warning in self.warnings.iter().take(LISTED) {
            writeln!(f, "warning: {warning}")?;
        }
        more(f, self.warnings.len())?;
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        if let Some(why) = &self.refused {
            writeln!(f, "refused: {why}")?;
        }
        Ok(())
    }
}

fn section(f: &mut fmt::Formatter<'_>, mark: char, entries: &[Entry]) -> fmt::Result {
    for entry in entries.iter().take(LISTED) {
        write!(f, "{mark} {} ({})", entry.person.name, entry.person.employee_id)?;
        for (i, change) in entry.changes.iter().enumerate() {
            write!(f, "{}{change}", if i == 0 { ": " } else { "; " })?;
        }
        writeln!(f)?;
    }
    more(f, entries.len())
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    if count > LISTED { writeln!(f, "  … and {} more", count - LISTED) } else { Ok(()) }
}
