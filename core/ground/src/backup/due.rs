//! Erasures that a restore has to repeat: they stand in the store until they are done, so that nobody is served before.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Forgotten;
use crate::{Conn, Db, Result, Tx, meta};

/// The fact about the store that holds them.
const NAME: &str = "restore.erase";

/// What has to be erased again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Ids of people.
    pub people: BTreeSet<String>,
    /// Subjects of the ledger, whose values are gone already: what was made of them is left.
    pub subjects: BTreeSet<Forgotten>,
}

impl Due {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.subjects.is_empty()
    }

    /// Adds these to what the store has to erase: a backup may have been made before that was done.
    pub(super) async fn write_down(&self, tx: &Tx) -> Result<()> {
        let mut all = read(tx).await?;
        all.people.extend(self.people.iter().cloned());
        all.subjects.extend(self.subjects.iter().cloned());
        if all.is_empty() {
            return Ok(());
        }
        meta::put(tx, NAME, &serde_json::to_string(&all)?).await
    }
}

async fn read(conn: &Conn) -> Result<Due> {
    let known = meta::get(conn, NAME).await?;
    Ok(known.map(|value| serde_json::from_str(&value)).transpose()?.unwrap_or_default())
}

impl Db {
    /// What a restore left to be erased again.
    ///
    /// # Errors
    /// The database's error.
    pub async fn due_erasures(&self) -> Result<Due> {
        self.read(|conn| async move { read(&conn).await }).await
    }

    /// It is erased.
    ///
    /// # Errors
    /// The database's error.
    pub async fn erasures_done(&self) -> Result<()> {
        self.write(|tx| async move { meta::delete(&tx, NAME).await }).await
    }
}
