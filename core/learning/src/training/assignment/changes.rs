//! What a record changed: how the assignment stood before it, and after it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stoa_ground::ledger::Record;
use stoa_ground::{Error, Result};

use super::Assignment;
use super::replay::{apply, change_of};
use crate::training::state::State;

/// What changes of an assignment. A record says it twice: `was` and `is`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values {
    /// How it stands.
    pub state: State,
    /// The day on which it is due.
    pub due_date: Date,
    /// The last day on which the completion, or the waiver, holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_date: Option<Date>,
}

impl Values {
    pub(super) fn of(a: &Assignment) -> Self {
        Self { state: a.state, due_date: a.due.date, expires_date: a.expires.map(|end| end.date) }
    }

    /// Whether a record says these values, where it says any: those of earlier releases say none.
    pub(super) fn are_said(before: Option<&Self>, after: &Self, record: &Record) -> Result<()> {
        for (member, values) in [("was", before), ("is", Some(after))] {
            let said: Option<Self> = serde_json::from_value(record.data[member].clone())?;
            if said.is_some() && said.as_ref() != values {
                return Err(Error::Conflict(format!(
                    "the record '{}' says of the assignment that it {member} what it {member} not",
                    record.kind
                )));
            }
        }
        Ok(())
    }
}

/// A record that changed something.
pub(crate) struct Changed<'r> {
    /// The record.
    pub record: &'r Record,
    /// None for the first one.
    pub before: Option<Values>,
    /// What it made of it.
    pub after: Values,
}

/// What these records changed, the oldest first; they are all of an assignment's own up to some moment.
///
/// # Errors
/// When the records do not follow on each other.
pub(crate) fn changes<'r>(id: &str, records: &'r [Record]) -> Result<Vec<Changed<'r>>> {
    let (mut a, mut before, mut changed) = (None, None, Vec::new());
    for record in records.iter().filter(|record| !record.is_erased()) {
        let now = apply(a, change_of(record)?, record, id)?;
        let after = Values::of(&now);
        if before.as_ref() != Some(&after) {
            changed.push(Changed { record, before, after: after.clone() });
        }
        (a, before) = (Some(now), Some(after));
    }
    Ok(changed)
}
