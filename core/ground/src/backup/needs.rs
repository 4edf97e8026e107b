//! What a backup needs of a keys file: whether the two belong together is known before anything is written.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value as Json;

use super::{Header, Keys, Store, Table};
use crate::ledger::Master;
use crate::{Error, Instant, Result};

/// What the rows of a backup say about the keys file that goes with it.
#[derive(Default)]
pub(super) struct Needs {
    /// Of which store the backup is.
    pub store: Store,
    /// Keys under which values are sealed.
    keys: BTreeSet<String>,
    /// Ids of people.
    people: BTreeSet<String>,
}

impl Needs {
    /// Takes what a row says.
    pub fn take(&mut self, table: &Table, row: &[Json]) {
        let value = |name| row.get(table.columns.iter().position(|(column, _)| column == name)?);
        let text = |name| value(name).and_then(Json::as_str);
        let owned = |name| text(name).map(str::to_owned);
        match table.table.as_str() {
            "meta" if text("name") == Some(Master::FACT) => self.store.master = owned("value"),
            "log_leaf" if value("leaf").and_then(Json::as_i64) == Some(0) => self.store.first = owned("record"),
            "person" => self.people.extend(owned("id")),
            "ledger_value" if text("sealed_by").is_some_and(|key| !self.keys.contains(key)) => {
                self.keys.extend(owned("sealed_by"));
            }
            _ => {}
        }
    }

    /// Refuses a keys file that does not go with the backup. A key that was destroyed stands in the file without its bytes;
    /// one that does not stand there is missing.
    pub fn met_by(&self, keys: &Keys, header: &Header) -> Result<()> {
        let refused = |why: &str| Err(Error::invalid(format!("{why}. Nothing was restored")));
        if self.store.is_not(&keys.store) {
            return refused("the keys file is of another store than the backup");
        }
        if keys.backup != header.id && keys.made < header.made {
            return refused(
                "the keys file is older than the backup: use the one that was written with it, or a newer one",
            );
        }
        let there: HashSet<&str> = keys.keys.iter().map(|key| key.id.as_str()).collect();
        if !self.keys.iter().all(|id| there.contains(id.as_str())) {
            return refused(
                "a key that the backup needs is not in the keys file: it is of another store, or was changed or damaged",
            );
        }
        if keys.sha256.is_none() {
            let keyed: HashSet<&str> = keys.keys.iter().map(|key| key.person.as_str()).collect();
            let known = |id: &String| self.people.contains(id) || keyed.contains(id.as_str());
            if !keys.erased.iter().all(|(id, at)| known(id) || was_made(id, header.made, *at)) {
                return refused(
                    "the keys file says that somebody's data was erased whom neither it nor the backup knows: it is of \
                     another store, or was changed or damaged",
                );
            }
        }
        Ok(())
    }
}

/// Whether an id was made between two times, as that of somebody who joined after a backup and has no key: it begins with
/// the milliseconds.
fn was_made(id: &str, from: Instant, to: Instant) -> bool {
    let millis = uuid::Uuid::parse_str(id).ok().and_then(|id| i64::try_from(id.as_u128() >> 80).ok());
    millis.is_some_and(|millis| (from.0 / 1_000..=to.0 / 1_000).contains(&millis))
}
