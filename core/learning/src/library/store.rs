//! The library's rows.

use jiff::civil::Date;
use stoa_ground::db::Row;
use stoa_ground::{Conn, Error, Result, Tx, args};

use super::content::{CUTTING, Prepared, readers};
use super::marks::{Mark, add_source};
use super::{Document, Item, Outcome, Passage, Put, RATED, Source, Standing, Status, TOPIC, Version};

/// Gives a document its content. Same content and same details: nothing is stored and nothing is announced.
///
/// # Errors
/// When source or location is blank, a reader is malformed, or the database fails.
pub async fn put(tx: &Tx, item: &Item) -> Result<Put> {
    place(tx, &Prepared::of(item)?, &Mark::default()).await
}

/// [`put`] for content that is prepared.
pub(super) async fn place(tx: &Tx, new: &Prepared, mark: &Mark) -> Result<Put> {
    let item = &new.item;
    let id = existing(tx, new).await?;
    let was = tx
        .one(
            "SELECT title, language, owner, review_date, keywords, readers, verified, status, reason, deprecated, version,
             fingerprint, restricted FROM document WHERE id = $1",
            args![&id],
        )
        .await?;
    let recut = whole_version(tx, &id, new).await?;
    let review_date = item.review_date.map(|d| d.to_string());
    let readers = serde_json::to_string(&item.readers)?;
    let status = Status::read(&was)?;
    let version: Option<String> = was.get("version")?;
    let same_details = was.get::<String>("title")? == item.title
        && was.get::<Option<String>>("language")? == item.language
        && was.get::<Option<String>>("owner")? == item.owner
        && was.get::<Option<String>>("review_date")? == review_date
        && was.get::<String>("keywords")? == item.keywords
        && was.get::<String>("readers")? == readers
        && was.get::<bool>("verified")? == item.verified
        && was.get::<Option<String>>("deprecated")? == item.deprecated;
    let outcome = match version {
        None => Outcome::Added,
        Some(_) if status == Status::Retired => Outcome::Added,
        Some(v) if v != new.digest || recut => Outcome::Content,
        Some(_) if !same_details => Outcome::Details,
        Some(_) => Outcome::Unchanged,
    };
    if outcome == Outcome::Unchanged {
        let same_mark = (mark.fingerprint.is_none() || was.get::<Option<String>>("fingerprint")? == mark.fingerprint)
            && was.get::<Option<String>>("restricted")? == mark.restricted;
        if !same_mark {
            let sql = "UPDATE document SET fingerprint = $1, restricted = $2 WHERE id = $3";
            tx.exec(sql, args![&mark.fingerprint, &mark.restricted, &id]).await?;
        }
    } else {
        let (status, reason) = standing(&was, status, item.deprecated.as_deref())?;
        tx.exec(
            "UPDATE document SET title = $1, language = $2, owner = $3, review_date = $4, keywords = $5, readers = $6,
             verified = $7, status = $8, version = $9, fingerprint = $10, updated = $11, restricted = $13, missing = NULL,
             rating = CASE WHEN version = $9 THEN rating ELSE 0 END, reason = $14, deprecated = $15 WHERE id = $12",
            args![
                &item.title,
                &item.language,
                &item.owner,
                review_date,
                &item.keywords,
                readers,
                item.verified,
                status.word(),
                &new.digest,
                &mark.fingerprint,
                tx.now(),
                &id,
                &mark.restricted,
                reason,
                &item.deprecated
            ],
        )
        .await?;
        tx.publish(TOPIC, &id).await?;
    }
    Ok(Put { document: id, version: new.digest.clone(), outcome })
}

/// How a document stands, and why, given what its source says now of relying on it. That counts when it is news; else what
/// somebody here said of it stays.
fn standing(was: &Row, status: Status, said: Option<&str>) -> Result<(Status, Option<String>)> {
    let (before, reason) = (was.get::<Option<String>>("deprecated")?, was.get::<Option<String>>("reason")?);
    let news = before.as_deref() != said || status == Status::Retired;
    Ok(match said {
        Some(said) if news => (Status::Deprecated, Some(said.to_owned())),
        None if news && reason == before => (Status::Live, None),
        _ if status == Status::Deprecated => (status, reason),
        _ => (Status::Live, None),
    })
}

/// The id of the document at this place; it is made, without a version, when there is none.
async fn existing(tx: &Tx, new: &Prepared) -> Result<String> {
    let item = &new.item;
    let row = tx
        .opt("SELECT id FROM document WHERE source = $1 AND location = $2", args![&item.source, &item.location])
        .await?;
    if let Some(row) = row {
        return row.get("id");
    }
    add_source(tx, &item.source, &item.source).await?;
    let row = tx
        .one(
            "INSERT INTO document (id, source, location, title, keywords, readers, verified, status, updated)
             VALUES ($1, $2, $3, $4, '', '[]', 0, 'live', $5) RETURNING id",
            args![tx.clock().id(), &item.source, &item.location, &item.title, tx.now()],
        )
        .await?;
    row.get("id")
}

/// Stores the version's passages unless they are there. True when they were there, cut by an older rule.
async fn whole_version(tx: &Tx, id: &str, new: &Prepared) -> Result<bool> {
    let row = tx
        .opt(
            "SELECT cutting, whole FROM document_version WHERE document_id = $1 AND digest = $2",
            args![id, &new.digest],
        )
        .await?;
    let old_cut = match &row {
        Some(r) if r.get("whole")? && r.get::<i64>("cutting")? == CUTTING => return Ok(false),
        Some(r) => r.get("whole")?,
        None => false,
    };
    add_version(tx, id, new, true).await?;
    tx.exec("DELETE FROM passage WHERE document_id = $1 AND version = $2", args![id, &new.digest]).await?;
    add_passages(tx, id, new, 0, new.passages.len()).await?;
    Ok(old_cut)
}

async fn add_version(tx: &Tx, id: &str, new: &Prepared, whole: bool) -> Result<()> {
    tx.exec(
        "INSERT INTO document_version (document_id, digest, title, passages, cutting, whole, stored)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (document_id, digest) DO UPDATE
         SET passages = excluded.passages, cutting = excluded.cutting, whole = excluded.whole",
        args![id, &new.digest, &new.item.title, new.passages.len(), CUTTING, whole, tx.now()],
    )
    .await?;
    Ok(())
}

async fn add_passages(tx: &Tx, id: &str, new: &Prepared, from: usize, to: usize) -> Result<()> {
    for (n, p) in new.passages.iter().enumerate().take(to).skip(from) {
        tx.exec(
            "INSERT INTO passage (document_id, version, ordinal, headings, anchor, text)
             VALUES ($1, $2, $3, $4, $5, $6)",
            args![id, &new.digest, n, serde_json::to_string(&p.headings)?, &p.anchor, &p.text],
        )
        .await?;
    }
    Ok(())
}

/// Stores passages `from..to` of a document too large for one transaction. After the last of them [`place`] only has
/// to switch. What an interrupted staging left is begun anew.
pub(super) async fn stage(tx: &Tx, new: &Prepared, from: usize, to: usize) -> Result<()> {
    let id = existing(tx, new).await?;
    let sql = "SELECT cutting, whole FROM document_version WHERE document_id = $1 AND digest = $2";
    if let Some(row) = tx.opt(sql, args![&id, &new.digest]).await?
        && row.get("whole")?
        && row.get::<i64>("cutting")? == CUTTING
    {
        return Ok(());
    }
    tx.exec(
        "DELETE FROM passage WHERE document_id = $1 AND version = $2 AND ordinal >= $3",
        args![&id, &new.digest, from],
    )
    .await?;
    // The same content cut anew: nobody may see a part of it, and the switch at the end is announced.
    tx.exec("UPDATE document SET version = NULL WHERE id = $1 AND version = $2", args![&id, &new.digest]).await?;
    add_passages(tx, &id, new, from, to).await?;
    add_version(tx, &id, new, to >= new.passages.len()).await
}

/// Takes a document out of use because it is gone from its source. Its versions are kept. False when there was none.
///
/// # Errors
/// The database's error.
pub async fn retire(tx: &Tx, source: &str, location: &str, reason: &str) -> Result<bool> {
    set_status(tx, source, location, Status::Retired, reason).await
}

/// Takes a document out of use and keeps nothing of its content: what people withdraw is not kept for evidence. False
/// when there was none.
///
/// # Errors
/// The database's error.
pub async fn forget(tx: &Tx, source: &str, location: &str, reason: &str) -> Result<bool> {
    retire(tx, source, location, reason).await?;
    let sql = "SELECT id FROM document WHERE source = $1 AND location = $2";
    let Some(row) = tx.opt(sql, args![source, location]).await? else { return Ok(false) };
    let id: String = row.get("id")?;
    tx.exec("DELETE FROM passage WHERE document_id = $1", args![&id]).await?;
    tx.exec("DELETE FROM passage_vector WHERE document_id = $1", args![&id]).await?;
    tx.exec("DELETE FROM document_version WHERE document_id = $1", args![&id]).await?;
    tx.exec("UPDATE document SET title = '', keywords = '', owner = NULL, version = NULL WHERE id = $1", args![&id])
        .await?;
    Ok(true)
}

/// Marks a document as not to be relied on; it can still be read. False when there was none, or it is for this reason.
///
/// # Errors
/// The database's error.
pub async fn deprecate(tx: &Tx, source: &str, location: &str, reason: &str) -> Result<bool> {
    set_status(tx, source, location, Status::Deprecated, reason).await
}

/// Takes back that a document is not to be relied on. False when it was not.
///
/// # Errors
/// The database's error.
pub async fn reinstate(tx: &Tx, source: &str, location: &str) -> Result<bool> {
    let row = tx
        .opt(
            "UPDATE document SET status = 'live', reason = NULL, updated = $1
             WHERE source = $2 AND location = $3 AND status = 'deprecated' RETURNING id",
            args![tx.now(), source, location],
        )
        .await?;
    announce(tx, TOPIC, row).await
}

async fn set_status(tx: &Tx, source: &str, location: &str, status: Status, reason: &str) -> Result<bool> {
    let row = tx
        .opt(
            "UPDATE document SET status = $1, reason = $2, updated = $3, fingerprint = NULL, missing = NULL
             WHERE source = $4 AND location = $5 AND (status <> $1 OR reason <> $2) AND status <> 'retired'
             AND version IS NOT NULL
             RETURNING id",
            args![status.word(), reason, tx.now(), source, location],
        )
        .await?;
    announce(tx, TOPIC, row).await
}

/// Sets who may read a document. False when there is no such document or nothing changed.
///
/// # Errors
/// When a reader is not one of the four forms, or the database fails.
pub async fn set_readers(tx: &Tx, source: &str, location: &str, given: &[String]) -> Result<bool> {
    let json = serde_json::to_string(&readers(given)?)?;
    let row = tx
        .opt(
            "UPDATE document SET readers = $1, updated = $2
             WHERE source = $3 AND location = $4 AND readers <> $1 RETURNING id",
            args![json, tx.now(), source, location],
        )
        .await?;
    announce(tx, TOPIC, row).await
}

/// Says whether someone responsible has checked a document. False when there is no such document or nothing changed.
///
/// # Errors
/// The database's error.
pub async fn set_verified(tx: &Tx, source: &str, location: &str, verified: bool) -> Result<bool> {
    let row = tx
        .opt(
            "UPDATE document SET verified = $1, updated = $2
             WHERE source = $3 AND location = $4 AND verified <> $1 RETURNING id",
            args![verified, tx.now(), source, location],
        )
        .await?;
    announce(tx, TOPIC, row).await
}

/// Notes how much a document's answers helped, in thousandths (see [`super::Standing`]). False when there is no such document
/// or nothing changed.
///
/// # Errors
/// The database's error.
pub async fn rate(tx: &Tx, document: &str, rating: i64) -> Result<bool> {
    let sql = "UPDATE document SET rating = $1 WHERE id = $2 AND rating <> $1 AND status <> 'retired' RETURNING id";
    let row = tx.opt(sql, args![rating, document]).await?;
    announce(tx, RATED, row).await
}

async fn announce(tx: &Tx, topic: &'static str, row: Option<Row>) -> Result<bool> {
    let Some(row) = row else { return Ok(false) };
    tx.publish(topic, &row.get::<String>("id")?).await?;
    Ok(true)
}

macro_rules! passages_where {
    ($condition:literal) => {
        concat!(
            "SELECT d.id AS document, d.source, d.location, d.title, d.keywords, d.language, d.readers, d.verified,
             d.status, d.reason, d.rating, d.review_date, p.version, p.ordinal, p.headings, p.anchor, p.text, v.stored
             FROM document d
             JOIN passage p ON p.document_id = d.id AND p.version = d.version
             JOIN document_version v ON v.document_id = d.id AND v.digest = d.version
             WHERE d.status <> 'retired' AND ",
            $condition
        )
    };
}

/// The passages of a document as it stands now, in its order. None when the document is retired or unknown.
///
/// # Errors
/// The database's error.
pub async fn passages_of(conn: &Conn, document_id: &str) -> Result<Vec<Passage>> {
    let rows = conn.all(passages_where!("d.id = $1 ORDER BY p.ordinal"), args![document_id]).await?;
    rows.iter().map(read_passage).collect()
}

/// One passage by its id, if its document stands and still has it.
///
/// # Errors
/// The database's error.
pub async fn passage(conn: &Conn, passage_id: &str) -> Result<Option<Passage>> {
    let Some((document, ordinal)) = passage_id.rsplit_once('#') else { return Ok(None) };
    let Ok(ordinal) = ordinal.parse::<u32>() else { return Ok(None) };
    let row = conn.opt(passages_where!("d.id = $1 AND p.ordinal = $2"), args![document, ordinal]).await?;
    row.as_ref().map(read_passage).transpose()
}

fn read_passage(row: &Row) -> Result<Passage> {
    let document: String = row.get("document")?;
    let ordinal: u32 = row.get("ordinal")?;
    Ok(Passage {
        id: format!("{document}#{ordinal}"),
        document,
        version: row.get("version")?,
        source: row.get("source")?,
        location: row.get("location")?,
        title: row.get("title")?,
        headings: serde_json::from_str(&row.get::<String>("headings")?)?,
        anchor: row.get("anchor")?,
        text: row.get("text")?,
        ordinal,
        keywords: row.get("keywords")?,
        language: row.get("language")?,
        readers: serde_json::from_str(&row.get::<String>("readers")?)?,
        verified: row.get("verified")?,
        stored: row.get("stored")?,
        standing: Standing {
            deprecated: match Status::read(row)? {
                Status::Deprecated => Some(row.get::<Option<String>>("reason")?.unwrap_or_default()),
                _ => None,
            },
            rating: row.get("rating")?,
            review_date: review_date(row)?,
        },
        also: Vec::new(),
    })
}

macro_rules! documents_where {
    ($condition:literal) => {
        concat!(
            "SELECT d.id, d.source, d.location, d.title, d.language, d.owner, d.review_date, d.status, d.reason,
             d.version, d.readers, d.verified, d.updated, v.passages
             FROM document d JOIN document_version v ON v.document_id = d.id AND v.digest = d.version
             WHERE ",
            $condition
        )
    };
}

/// All documents, retired ones too, by source and location.
///
/// # Errors
/// The database's error.
pub async fn documents(conn: &Conn) -> Result<Vec<Document>> {
    let rows = conn.all(documents_where!("1 = 1 ORDER BY d.source, d.location"), args![]).await?;
    rows.iter().map(read_document).collect()
}

/// Documents that stand and have this in their title, in any case, by title, after one of them; a page of them. A letter
/// beyond ASCII stands for any, because SQLite knows no other cases: the caller looks closer.
///
/// # Errors
/// The database's error.
pub async fn titled(conn: &Conn, part: &str, after: Option<&Document>) -> Result<Vec<Document>> {
    let mut pattern = String::new();
    for c in part.trim().chars() {
        match c {
            '\\' | '%' | '_' => pattern.extend(['\\', c]),
            _ if c.is_ascii() => pattern.push(c.to_ascii_lowercase()),
            _ => pattern.push('_'),
        }
    }
    let (title, id) = after.map_or(("", ""), |d| (d.title.as_str(), d.id.as_str()));
    let sql = documents_where!(
        "LOWER(d.title) LIKE $1 ESCAPE '\\' AND d.status <> 'retired' AND (d.title > $2 OR (d.title = $2 AND d.id > $3))
         ORDER BY d.title, d.id LIMIT 500"
    );
    let rows = conn.all(sql, args![format!("%{pattern}%"), title, id]).await?;
    rows.iter().map(read_document).collect()
}

/// One document by its id.
///
/// # Errors
/// The database's error.
pub async fn document(conn: &Conn, document_id: &str) -> Result<Option<Document>> {
    let row = conn.opt(documents_where!("d.id = $1"), args![document_id]).await?;
    row.as_ref().map(read_document).transpose()
}

/// Other documents that stand and have the same content as this one.
///
/// # Errors
/// The database's error.
pub async fn duplicates_of(conn: &Conn, document_id: &str) -> Result<Vec<Document>> {
    let rows = conn
        .all(
            documents_where!(
                "d.status <> 'retired' AND d.id <> $1 AND d.version = (SELECT version FROM document WHERE id = $1)
                 ORDER BY d.source, d.location"
            ),
            args![document_id],
        )
        .await?;
    rows.iter().map(read_document).collect()
}

fn review_date(row: &Row) -> Result<Option<Date>> {
    Ok(row.get::<Option<String>>("review_date")?.and_then(|d| d.parse::<Date>().ok()))
}

fn read_document(row: &Row) -> Result<Document> {
    Ok(Document {
        id: row.get("id")?,
        source: row.get("source")?,
        location: row.get("location")?,
        title: row.get("title")?,
        language: row.get("language")?,
        owner: row.get("owner")?,
        review_date: review_date(row)?,
        status: Status::read(row)?,
        reason: row.get("reason")?,
        version: row.get("version")?,
        readers: serde_json::from_str(&row.get::<String>("readers")?)?,
        verified: row.get("verified")?,
        passages: row.get("passages")?,
        updated: row.get("updated")?,
    })
}

/// Ids of documents that stand, in the order of ids, after one of them (`""`: from the first).
///
/// # Errors
/// The database's error.
pub async fn document_ids(conn: &Conn, after: &str, limit: usize) -> Result<Vec<String>> {
    let rows = conn
        .all(
            "SELECT id FROM document WHERE id > $1 AND status <> 'retired' AND version IS NOT NULL ORDER BY id LIMIT $2",
            args![after, limit],
        )
        .await?;
    rows.iter().map(|r| r.get("id")).collect()
}

/// Every content that a document has had, oldest first.
///
/// # Errors
/// The database's error.
pub async fn versions_of(conn: &Conn, document_id: &str) -> Result<Vec<Version>> {
    let rows = conn
        .all(
            "SELECT digest, title, stored FROM document_version WHERE document_id = $1 AND whole = 1
             ORDER BY stored, digest",
            args![document_id],
        )
        .await?;
    rows.iter()
        .map(|r| Ok(Version { digest: r.get("digest")?, title: r.get("title")?, stored: r.get("stored")? }))
        .collect()
}

/// All sources by name, with the counts of what stands.
///
/// # Errors
/// The database's error.
pub async fn sources(conn: &Conn) -> Result<Vec<Source>> {
    let rows = conn
        .all(
            "SELECT s.name, s.kind, s.synced, s.failed, COUNT(v.digest) AS documents,
             CAST(COALESCE(SUM(v.passages), 0) AS BIGINT) AS passages
             FROM source s
             LEFT JOIN document d ON d.source = s.name AND d.status <> 'retired'
             LEFT JOIN document_version v ON v.document_id = d.id AND v.digest = d.version
             GROUP BY s.name, s.kind, s.synced, s.failed ORDER BY s.name",
            args![],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Source {
                name: r.get("name")?,
                kind: r.get("kind")?,
                documents: r.get("documents")?,
                passages: r.get("passages")?,
                synced: r.get("synced")?,
                failed: r.get("failed")?,
            })
        })
        .collect()
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }

    fn read(row: &Row) -> Result<Self> {
        let word: String = row.get("status")?;
        [Self::Live, Self::Deprecated, Self::Retired]
            .into_iter()
            .find(|s| s.word() == word)
            .ok_or_else(|| Error::invalid(format!("a document has the unknown status '{word}'")))
    }
}
