//! Whether courses are kept as they were shown: their content by its digest, which records name.

use std::collections::{BTreeMap, BTreeSet};

use stoa_ground::ledger;
use stoa_ground::{Conn, Error, Result, args};

/// Contents that are read at once.
const CHUNK: usize = 100;

/// The contents with these digests.
///
/// # Errors
/// [`Error::Conflict`] with one sentence when one is gone or was changed; the database's error.
pub(super) async fn shown(c: &Conn, digests: &BTreeSet<&String>) -> Result<BTreeMap<String, String>> {
    let digests: Vec<&String> = digests.iter().copied().collect();
    let before = "SELECT digest, content FROM course_version WHERE digest IN";
    let mut contents = BTreeMap::new();
    for row in c.all_in(before, &digests, "", args![]).await? {
        let (digest, content): (String, String) = (row.get("digest")?, row.get("content")?);
        if stoa_ground::sha256(&content) != digest {
            return Err(Error::Conflict(format!(
                "the content {digest} of a course is not the one that was shown: it was changed in the store"
            )));
        }
        contents.insert(digest, content);
    }
    match digests.iter().find(|digest| !contents.contains_key(digest.as_str())) {
        None => Ok(contents),
        Some(gone) => {
            Err(Error::Conflict(format!("the content {gone} of a course, which records name, is gone from the store")))
        }
    }
}

/// Reads the content of every version that records of courses and assignments name.
///
/// # Errors
/// [`Error::Conflict`] with one sentence when one is gone or was changed; the database's error.
pub async fn sound(c: &Conn) -> Result<()> {
    let published = ledger::of_kind(c, "course").await?.into_iter();
    let mut digests: BTreeSet<String> =
        published.filter_map(|record| record.data["version"].as_str().map(str::to_owned)).collect();
    for sql in [
        "SELECT digest FROM course_version",
        "SELECT DISTINCT course_version AS digest FROM assignment WHERE course_version IS NOT NULL",
    ] {
        for row in c.all(sql, args![]).await? {
            digests.insert(row.get("digest")?);
        }
    }
    let digests: Vec<&String> = digests.iter().collect();
    for some in digests.chunks(CHUNK) {
        shown(c, &some.iter().copied().collect()).await?;
    }
    Ok(())
}
