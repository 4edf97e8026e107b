//! By which employee id the reports of a pack name people whom its records name by the id of a row in the store.

use std::collections::{BTreeMap, BTreeSet};

use stoa_ground::ledger::is_no_person;

use super::super::rows::employed_as;
use super::Proof;

/// What was seen so far of who goes by which employee id.
pub(super) struct Names<'p> {
    /// By row the employee ids by which assignments in the pack were made for it. `None` in packs of the format before.
    own: Option<BTreeMap<&'p str, BTreeSet<&'p str>>>,
    /// Of other rows the one employee id that was shown.
    shown: BTreeMap<String, String>,
}

impl<'p> Names<'p> {
    pub fn of(proof: &'p Proof) -> Self {
        let mut own: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let assignments = proof.past.iter().filter(|(subject, _)| subject.starts_with("assignment/"));
        for (row, id) in assignments.filter_map(|(_, past)| employed_as(past)) {
            own.entry(row).or_default().insert(id);
        }
        Self { own: (!proof.manifest.is_before()).then_some(own), shown: BTreeMap::new() }
    }

    /// Whether `shown` may stand for whom a record calls `named`: an employee id for a row, always the same one, and no other
    /// row's. Which one it is only the store knows, unless an assignment in the pack says it.
    pub fn fit(&mut self, shown: &str, named: &str) -> bool {
        let Some(row) = named.strip_prefix("person/") else { return false };
        if shown.is_empty() || is_no_person(shown) {
            return false;
        }
        let Some(own) = &self.own else { return true };
        if let Some(ids) = own.get(row) {
            return ids.contains(shown);
        }
        if let Some(id) = self.shown.get(row) {
            return id == shown;
        }
        let taken = own.values().any(|ids| ids.contains(shown)) || self.shown.values().any(|id| id == shown);
        if !taken {
            self.shown.insert(row.to_owned(), shown.to_owned());
        }
        !taken
    }
}
