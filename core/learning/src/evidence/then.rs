//! People as they stood in the roster at some time, each looked up once.

use std::collections::HashMap;

use stoa_ground::people::history::{self, Entry};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Instant, Result};

/// Looks people up by the ids of their rows.
pub(super) struct Then<'c> {
    conn: &'c Conn,
    now: HashMap<String, Option<Person>>,
    history: HashMap<String, Vec<Entry>>,
}

impl<'c> Then<'c> {
    /// Reads what is wanted of one person when it is wanted first; with `all`, of everybody at once.
    pub async fn read(conn: &'c Conn, all: bool) -> Result<Self> {
        let mut then = Self { conn, now: HashMap::new(), history: HashMap::new() };
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

    /// `person/<id>` as the employee id of then, anything else as it is.
    pub async fn shown(&mut self, actor: &str, at: Instant) -> Result<String> {
        let Some(id) = actor.strip_prefix("person/") else { return Ok(actor.to_owned()) };
        if !self.history.contains_key(id) {
            self.history.extend(history::of(self.conn, Some(id)).await?);
            self.history.entry(id.to_owned()).or_default();
        }
        let entries = self.history.get(id).map_or(&[][..], Vec::as_slice);
        let then = history::at(entries, at).or(entries.first().map(|entry| &entry.person));
        if let Some(person) = then {
            return Ok(person.employee_id.clone());
        }
        Ok(self.now(id).await?.map_or_else(|| actor.to_owned(), |p| p.employee_id.clone()))
    }
}
