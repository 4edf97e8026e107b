//! Who may know: people who agreed to be asked, found by what they shared, answered and own, and the way a question goes
//! to one of them and comes back.
//!
//! Agreed has who said so (`ask experts on`), or holds the role `expert` and has not said no. Who left or is away is not
//! named from that day on. Only documents that the asker may read count, so that a name tells nothing about others.

mod relay;

use std::collections::BTreeMap;

use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Conn, Db, Result, Tx, args};

use crate::library;
use crate::search::{Access, Found};

pub use relay::passed_on;
pub(super) use relay::{Expiry, FromExpert, ToExpert, act, asked_about, erase, form, request};

/// The setting by which a person agrees to be asked (`on`), or does not (`off`).
pub(super) const SETTING: &str = "experts";
/// Experts that are named at most.
const NAMED: usize = 2;
/// Share of the question that a passage must have for the people behind it to count.
const NEAR: f32 = 0.34;

/// A person who can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expert {
    pub id: String,
    pub name: String,
}

/// Notes that a person showed to know what a document says. `kind` is `tip` or `answer`.
///
/// # Errors
/// The database's error.
pub async fn note_knowledge(tx: &Tx, person: &str, document: &str, kind: &'static str) -> Result<()> {
    tx.exec(
        "INSERT INTO knowledge (person, document, kind, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person, document, kind) DO NOTHING",
        args![person, document, kind, tx.now()],
    )
    .await?;
    Ok(())
}

/// Forgets who showed to know a document, because it is gone.
///
/// # Errors
/// The database's error.
pub async fn forget_knowledge(tx: &Tx, document: &str) -> Result<()> {
    tx.exec("DELETE FROM knowledge WHERE document = $1", args![document]).await?;
    Ok(())
}

/// The people behind what was found who can be asked now, best first.
pub(super) async fn knowing(db: &Db, found: &Found, access: &Access, asker: Option<&str>) -> Result<Vec<Expert>> {
    let top = found.hits.first().map_or(1.0, |h| h.score.max(f32::MIN_POSITIVE));
    let mut documents: BTreeMap<&str, f32> = BTreeMap::new();
    for hit in found.hits.iter().filter(|h| h.parts.coverage >= NEAR) {
        let worth = documents.entry(&hit.document_id).or_default();
        *worth = worth.max(hit.score / top);
    }
    let documents = &documents;
    db.read(|conn| async move {
        let mut people: BTreeMap<String, f32> = BTreeMap::new();
        for (id, worth) in documents {
            let Some(document) = library::document(&conn, id).await? else { continue };
            if document.status == library::Status::Retired || !access.allows(&document.readers) {
                continue;
            }
            let rows = conn.all("SELECT person, kind FROM knowledge WHERE document = $1", args![*id]).await?;
            for row in rows {
                let more = if row.get::<String>("kind")? == "answer" { 1.5 } else { 1.0 };
                *people.entry(row.get("person")?).or_default() += worth * more;
            }
            if let Some(owner) = super::feedback::person_named(&conn, document.owner.as_deref()).await? {
                *people.entry(owner.id).or_default() += worth * 0.8;
            }
        }
        let mut sorted: Vec<(String, f32)> = people.into_iter().collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut named = Vec::new();
        for (id, _) in sorted {
            if Some(id.as_str()) != asker
                && named.len() < NAMED
                && let Some(person) = can_be_asked(&conn, &id).await?
            {
                named.push(Expert { id: person.id, name: person.name });
            }
        }
        Ok(named)
    })
    .await
}

/// The person, if they work here today and agreed to be asked.
pub(super) async fn can_be_asked(conn: &Conn, id: &str) -> Result<Option<Person>> {
    let Some(person) = people::by_id(conn, id).await? else { return Ok(None) };
    let today = conn.now().zoned(&people::zone(&person)).date();
    if people::away(&person, today) {
        return Ok(None);
    }
    let agreed = match people::setting(conn, id, SETTING).await?.as_deref() {
        Some("on") => true,
        Some(_) => false,
        None => people::roles_of(conn, &person).await?.contains(&Role::Expert),
    };
    Ok(agreed.then_some(person))
}
