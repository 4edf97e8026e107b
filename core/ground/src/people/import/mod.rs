//! The roster: people from a CSV file.
//!
//! [`plan`] reads a file against the store and says what would change, with every error by row and column; it writes
//! nothing, so a dry run is a plan that is shown and dropped. [`import`] writes a plan, all or nothing.
//!
//! A file is a delta: people who are not in it stay as they are, and so do columns that are not in it. An empty cell
//! clears what it stands for, except `name` (an error), `status`, `slack_id` and `discord_id` (nothing changes).
//! People are found by employee id; a row without one by its e-mail address, and the address is the employee id of
//! somebody new. When a later file brings the real id of somebody who was imported without, it takes the place of the
//! address. Rows are counted as a spreadsheet does: the header is row 1.
//!
//! An employee id that was merged into somebody means that person. `previous_employee_id` says that a row is somebody who
//! is known under another id: that one is merged into this one, by the ledger's record. Somebody new who looks like a
//! person who left is a warning, not a guess.
//!
//! Roles in `stoa_roles` are those that the roster grants: they replace what the roster granted before, and leave alone
//! what was granted by command. Whoever leaves loses all granted roles, and does not get them back by returning.

mod apply;
mod cells;
mod columns;
mod differences;
mod managers;
mod people;
mod rejoin;
mod render;
mod sheet;
mod staged;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Person, Role};
use crate::{Conn, Error, Result};

pub use staged::{import, resume};

/// How a file is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The file has everybody: who works here and is not in it has left.
    pub full: bool,
    /// Agrees to more than one in ten leaving through [`full`](Self::full).
    pub yes: bool,
    /// The organisation's zone, for people whose row and location have none.
    pub timezone: String,
    /// The organisation's language, for people whose row has none.
    pub locale: String,
    /// Zones of the configured locations, by location name.
    pub location_zones: BTreeMap<String, String>,
    /// The workspace in which the column `slack_id` holds; empty for every workspace.
    pub slack_workspace: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            full: false,
            yes: false,
            timezone: "UTC".into(),
            locale: "en".into(),
            location_zones: BTreeMap::new(),
            slack_workspace: String::new(),
        }
    }
}

/// What a file would change. `Display` shows it to the operator; as JSON it is for programs.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    /// People who are new.
    pub added: Vec<Entry>,
    /// People with something different, also those who come back.
    pub changed: Vec<Entry>,
    /// People who would be marked as left, by the file or by `--full`.
    pub left: Vec<Entry>,
    /// How many people of the file are already so.
    pub unchanged: usize,
    /// What must be mended first; as long as there is any, nothing is written.
    pub errors: Vec<Problem>,
    /// What was ignored.
    pub warnings: Vec<Problem>,
    /// Why the plan as a whole is refused, with the way out.
    pub refused: Option<String>,
}

impl Plan {
    /// Whether the plan can be written.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the first error and the number of all, or with the reason for the refusal.
    pub fn check(&self) -> Result<()> {
        match self.errors.as_slice() {
            [] => self.refused.as_ref().map_or(Ok(()), |why| Err(Error::invalid(why))),
            [only] => Err(Error::invalid(format!("nothing was imported: {only}"))),
            [first, rest @ ..] => {
                let more = rest.len();
                let errors = if more == 1 { "error" } else { "errors" };
                Err(Error::invalid(format!("nothing was imported: {first} ({more} more {errors}, see --dry-run)")))
            }
        }
    }

    /// Whether writing it would change nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.left.is_empty()
    }
}

/// One person of a plan.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The row of the file; none for those whom `--full` marks as left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The person as they would be.
    pub person: Person,
    /// What is different; empty for somebody new.
    pub changes: Vec<Change>,
    #[serde(skip)]
    write: Write,
}

impl Entry {
    /// As it is staged: what is written, without what is shown.
    fn staged(&self) -> (&Person, &Write) {
        (&self.person, &self.write)
    }

    fn from_staged(body: &str) -> Result<Self> {
        let (person, write) = serde_json::from_str(body)?;
        Ok(Self { row: None, person, changes: Vec::new(), write })
    }
}

/// What is written for one person beside the person.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Write {
    /// The version that the plan was made from; 0 for somebody new.
    version: i64,
    roster_timezone: Option<String>,
    /// Something in the person's own row is different.
    row_differs: bool,
    /// Platform, workspace, user id.
    accounts: Vec<(String, String, String)>,
    grant: BTreeSet<Role>,
    revoke: Vec<(Role, String)>,
    /// Who is merged into this person: our id.
    #[serde(default)]
    merge: Option<String>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The column, by its plain name.
    pub column: &'static str,
    /// What is there now.
    pub old: Option<String>,
    /// What would be there.
    pub new: Option<String>,
}

/// Something wrong or remarkable in a file. `Display`: `row 4, column Email: …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The row, as a spreadsheet counts; none when it is about the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The column, as the file's header has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// One clear sentence.
    pub message: String,
}

/// The biggest file that is read.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// The most people that one file may have.
pub const MAX_ROWS: usize = 500_000;

/// After so many errors the rest of a file is not read.
pub const MAX_ERRORS: usize = 10_000;

/// Reads a roster file against the store and says what would change. What is wrong with the file is in
/// [`Plan::errors`].
///
/// # Errors
/// The database's error.
pub async fn plan(conn: &Conn, file: &[u8], options: &Options) -> Result<Plan> {
    let store = people::Known::read(conn).await?;
    let mut next_id = || conn.clock().id().to_string();
    Ok(people::plan(&store, file, options, &mut next_id))
}

/// Reads a roster file by itself, without anybody who is known: what is wrong with it whoever is there. A manager who is not in
/// it is an error here.
#[must_use]
pub fn alone(file: &[u8], options: &Options) -> Plan {
    people::plan(&people::Known::default(), file, options, &mut String::new)
}

#[cfg(test)]
mod tests;
