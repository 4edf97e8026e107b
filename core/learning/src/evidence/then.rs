//! People as they stood in the roster at some time, each looked up once.

use std::collections::HashMap;

use stoa_ground::ledger::Record;
use stoa_ground::people::history::{self, Entry};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result};

use super::rows::employed_as;

/// Looks people up by the ids of their rows.
pub(super) struct Then<'c> {
    conn: &'c Conn,
    now: HashMap<String, Option<Person>>,
    history: HashMap<String, Vec<Entry>>,
    /// By row the employee ids by which assignments in the pack were made for it.
    own: HashMap<String, Vec<String>>,
    /// What is shown for other rows.
    shown: HashMap<String, String>,
}

impl<'c> Then<'c> {
    /// Reads what is wanted of one person when it is wanted first; with `all`, of everybody at once.
    pub async fn read(conn: &'c Conn, all: bool) -> Result<Self> {
        let mut then =
            Self { conn, now: HashMap::new(), history: HashMap::new(), own: HashMap::new(), shown: HashMap::new() };
        if all {
            then.now.extend(people::all(conn).await?.into_iter().map(|p| (p.id.clone(), Some(p))));
            then.history.extend(history::of(conn, None).await?);
        }
        Ok(then)
    }

    /// The person for whom a row stands, as they are now.
    pub async fn now(&mut self, id: &str) -> Result<Option<&Person>> {
        if !self.now.contains_key(id) {
            let found = people::by_id(self.conn, id).await?;
            self.now.insert(id.to_owned(), found);
        }
        Ok(self.now.get(id).and_then(Option::as_ref))
    }

    /// Takes in by which employee ids the assignments of the pack were made; each with its records.
    pub fn know<'r>(&mut self, assignments: impl Iterator<Item = &'r [Record]>) {
        for (row, id) in assignments.filter_map(employed_as) {
            self.own.entry(row.to_owned()).or_default().push(id.to_owned());
        }
    }

    /// `person/<id>` as the employee id of then, anything else as it is. What is shown in a pack can be held against its
    /// records: for a row that has assignments there one of those ids, for any other row always the same one that is no
    /// other's, or else the row itself.
    pub async fn shown(&mut self, actor: &str, at: Instant) -> Result<String> {
        let Some(row) = actor.strip_prefix("person/") else { return Ok(actor.to_owned()) };
        if let Some(shown) = self.shown.get(row) {
            return Ok(shown.clone());
        }
        let then = self.employee_id(row, at).await?;
        if let Some(own) = self.own.get(row) {
            let said = then.filter(|id| own.contains(id)).or_else(|| own.last().cloned());
            return Ok(said.unwrap_or_default());
        }
        let taken = |id: &String| self.own.values().flatten().chain(self.shown.values()).any(|other| other == id);
        let shown = then.filter(|id| !taken(id)).unwrap_or_else(|| actor.to_owned());
        self.shown.insert(row.to_owned(), shown.clone());
        Ok(shown)
    }

    /// The employee id of a row at an instant, or the earliest that is known.
    async fn employee_id(&mut self, row: &str, at: Instant) -> Result<Option<String>> {
        if !self.history.contains_key(row) {
            self.history.extend(history::of(self.conn, Some(row)).await?);
            self.history.entry(row.to_owned()).or_default();
        }
        let entries = self.history.get(row).map_or(&[][..], Vec::as_slice);
        let then = history::at(entries, at).or(entries.first().map(|entry| &entry.person));
        if let Some(person) = then {
            return Ok(Some(person.employee_id.clone()));
        }
        Ok(self.now(row).await?.map(|p| p.employee_id.clone()))
    }
}
