//! Following the library with vectors: what is new or changed is embedded in the background and stored; what is gone
//! loses its vector. Search works meanwhile, with the vectors that there are.
//!
//! No position is kept: at each start everything that is stored is compared with what stands in the library, so that a
//! restored or half-embedded store heals by itself. Several servers on one store may embed the same passage; the first
//! one that stores it wins, and the others take what is stored.

use std::collections::HashMap;
use std::time::Duration;

use stoa_ground::{Conn, Db, Error, Result, Tx, args};

use super::dense::Dense;
use super::vectors::Small;
use super::{Index, embed};
use crate::library::{self, Passage};

/// Documents looked at together.
const DOCUMENTS: usize = 50;
/// Passages embedded and stored together.
const PASSAGES: usize = 64;
/// Stored vectors read together.
const STORED: usize = 500;
/// Changes of the feed looked at together.
const CHANGES: usize = 500;
/// How often other processes' changes are looked for.
const POLL: Duration = Duration::from_secs(1);
/// How long a failing model or endpoint is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// A text that no model refuses.
const PLAIN: &str = "text";
/// New vectors are seen by searches when they are this share of all, and when nothing more is to be done.
const SHARE: usize = 20;

/// How far the vectors are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embedded {
    /// Vectors in memory.
    pub vectors: usize,
    /// Passages that were embedded now.
    pub embedded: usize,
    /// Passages that the model refused now: they are found by their words only.
    pub refused: usize,
    /// Vectors that were removed now.
    pub removed: usize,
}

impl Index {
    /// Brings the vectors up to date once, for commands and tests. Without a model there is nothing to do.
    ///
    /// # Errors
    /// When the store, the model or its endpoint fails.
    pub async fn embed(&self, db: &Db) -> Result<Embedded> {
        let Some(dense) = self.0.dense.get() else { return Ok(Embedded::default()) };
        let mut work = Work { dense, db, done: Embedded::default(), unseen: 0 };
        work.load().await?;
        work.everything().await?;
        Ok(work.finish())
    }

    /// Takes the stored vectors into memory and embeds nothing, for commands that only read.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_vectors(&self, db: &Db) -> Result<()> {
        let Some(dense) = self.0.dense.get() else { return Ok(()) };
        Work { dense, db, done: Embedded::default(), unseen: 0 }.load().await
    }

    /// Follows the library with vectors until it is dropped. A failure is logged, and tried again after a while.
    pub async fn follow_with_vectors(&self, db: &Db) {
        let Some(dense) = self.0.dense.get() else { return };
        let mut watch = db.watch();
        let mut position = None;
        loop {
            let mut work = Work { dense, db, done: Embedded::default(), unseen: 0 };
            let followed = work.follow(&mut position).await;
            let done = work.finish();
            if done.embedded + done.removed + done.refused > 0 {
                tracing::info!(
                    vectors = done.vectors,
                    embedded = done.embedded,
                    refused = done.refused,
                    removed = done.removed,
                    "vectors are up to date"
                );
            }
            if let Err(e) = followed {
                tracing::warn!(error = %e, "passages could not be embedded; it is tried again, and search goes by words meanwhile");
                tokio::time::sleep(PAUSE).await;
            }
            if let Ok(Err(_)) = tokio::time::timeout(POLL, watch.changed()).await {
                return;
            }
        }
    }
}

/// One round of work.
struct Work<'a> {
    dense: &'a Dense,
    db: &'a Db,
    done: Embedded,
    /// Vectors that searches do not see yet.
    unseen: usize,
}

/// A passage that needs a vector.
struct Wanted {
    document: String,
    ordinal: u32,
    key: u64,
    text: String,
}

impl Work<'_> {
    /// Everything at first; then what the feed says. `position` is how far it has been read.
    async fn follow(&mut self, position: &mut Option<i64>) -> Result<()> {
        let from = match *position {
            Some(from) => from,
            None => {
                let head = self.db.committed_position().await?;
                self.load().await?;
                self.everything().await?;
                *position.insert(head)
            }
        };
        let mut from = from;
        loop {
            let changes = self.db.changes(from, CHANGES).await?;
            let Some(last) = changes.last() else { return Ok(()) };
            let mut documents: Vec<String> =
                changes.iter().filter(|c| c.topic == library::TOPIC).map(|c| c.key.clone()).collect();
            documents.sort();
            documents.dedup();
            for chunk in documents.chunks(DOCUMENTS) {
                self.documents(chunk).await?;
            }
            from = last.position;
            *position = Some(from);
        }
    }

    /// Takes the stored vectors into memory, some at a time, so that others are answered meanwhile.
    async fn load(&mut self) -> Result<()> {
        let model = self.dense.embedder.model();
        let mut after = (String::new(), -1);
        loop {
            let (document, ordinal) = (after.0.as_str(), after.1);
            let sql = "SELECT document_id, ordinal, key, vector FROM passage_vector
                       WHERE model = $1 AND (document_id, ordinal) > ($2, $3) ORDER BY document_id, ordinal LIMIT $4";
            let rows = self.db.all(sql, args![model, document, ordinal, STORED]).await?;
            let Some(last) = rows.last() else { break };
            after = (last.get("document_id")?, last.get::<i64>("ordinal")?);
            for row in &rows {
                let vector = Small::from_bytes(&row.get::<Vec<u8>>("vector")?)
                    .ok_or_else(|| Error::Io("a stored vector is damaged".into()))?;
                self.dense.change().put(row.get::<i64>("key")?.cast_unsigned(), &vector);
            }
            tokio::task::yield_now().await;
        }
        self.dense.change().epoch += 1;
        Ok(())
    }

    /// Compares all that stands in the library with what is stored.
    async fn everything(&mut self) -> Result<()> {
        let mut after = String::new();
        loop {
            let from = after.as_str();
            let ids = self.db.read(|conn| async move { library::document_ids(&conn, from, DOCUMENTS).await }).await?;
            self.documents(&ids).await?;
            let Some(last) = ids.into_iter().next_back() else { break };
            after = last;
        }
        self.sweep().await
    }

    /// Removes the vectors of other models, and of documents that are gone.
    async fn sweep(&mut self) -> Result<()> {
        let model = self.dense.embedder.model();
        loop {
            let removed = self
                .db
                .write(|tx| async move {
                    let rows = tx
                        .all(
                            "DELETE FROM passage_vector WHERE document_id IN (
                               SELECT v.document_id FROM passage_vector v LEFT JOIN document d
                               ON d.id = v.document_id AND d.status <> 'retired' AND d.version IS NOT NULL
                               WHERE v.model <> $1 OR d.id IS NULL LIMIT 20)
                             AND (model <> $1 OR NOT EXISTS (SELECT 1 FROM document d WHERE d.id = document_id
                               AND d.status <> 'retired' AND d.version IS NOT NULL))
                             RETURNING key",
                            args![model],
                        )
                        .await?;
                    rows.iter().map(|r| r.get::<i64>("key")).collect::<Result<Vec<i64>>>()
                })
                .await?;
            if removed.is_empty() {
                return Ok(());
            }
            self.forget(&removed);
        }
    }

    /// Brings the vectors of these documents up to date.
    async fn documents(&mut self, ids: &[String]) -> Result<()> {
        let model = self.dense.embedder.model();
        let (passages, stored) = self
            .db
            .read(|conn| async move {
                let (mut passages, mut stored) = (Vec::new(), Vec::new());
                for id in ids {
                    passages.extend(library::passages_of(&conn, id).await?);
                    stored.extend(keys_of(&conn, id, model).await?);
                }
                Ok((passages, stored))
            })
            .await?;
        let mut wanted: HashMap<(String, u32), Wanted> = passages.iter().map(Wanted::of).collect();
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for (document, ordinal, key) in stored {
            match wanted.get(&(document.clone(), ordinal)) {
                Some(w) if w.key == key => kept.push((document, ordinal, key)),
                _ => gone.push((document, ordinal, key)),
            }
        }
        // What is withdrawn goes first: it must not wait for what is new.
        if !gone.is_empty() {
            self.remove(&gone).await?;
        }
        for (document, ordinal, key) in kept {
            if !self.dense.vectors().has(key) {
                self.take(&document, ordinal).await?;
            }
            wanted.remove(&(document, ordinal));
        }
        let mut wanted: Vec<Wanted> = wanted.into_values().collect();
        wanted.sort_by(|a, b| (&a.document, a.ordinal).cmp(&(&b.document, b.ordinal)));
        for batch in wanted.chunks(PASSAGES) {
            self.add(batch).await?;
        }
        Ok(())
    }

    /// The vectors of a batch; none for a text that the model refuses. One that refuses any text has a fault itself.
    async fn vectors(&self, batch: &[Wanted]) -> Result<Vec<Option<Small>>> {
        let embedder = &self.dense.embedder;
        let texts: Vec<String> = batch.iter().map(|w| w.text.clone()).collect();
        let (mut vectors, mut parts, mut tried) = (Vec::with_capacity(texts.len()), vec![texts.as_slice()], false);
        while let Some(part) = parts.pop() {
            match embedder.passages(part).await {
                Ok(found) => vectors.extend(found.iter().map(|v| Some(Small::of(v)))),
                Err(Error::Invalid(why)) => {
                    if !std::mem::replace(&mut tried, true) && embedder.passages(&[PLAIN.to_owned()]).await.is_err() {
                        return Err(Error::Invalid(why));
                    }
                    match part.len() {
                        1 => vectors.push(None),
                        length => {
                            let (first, rest) = part.split_at(length / 2);
                            parts.extend([rest, first]);
                        }
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(vectors)
    }

    async fn add(&mut self, batch: &[Wanted]) -> Result<()> {
        let vectors = self.vectors(batch).await?;
        let model = self.dense.embedder.model();
        let embedded: Vec<(&Wanted, &Small)> =
            batch.iter().zip(&vectors).filter_map(|(w, vector)| Some((w, vector.as_ref()?))).collect();
        let stored = embedded.as_slice();
        self.db
            .write(|tx| async move {
                for (w, vector) in stored {
                    store(&tx, w, model, vector).await?;
                }
                Ok(())
            })
            .await?;
        let mut known = self.dense.change();
        for (w, vector) in &embedded {
            known.put(w.key, vector);
        }
        self.done.embedded += embedded.len();
        self.done.refused += batch.len() - embedded.len();
        self.unseen += embedded.len();
        if self.unseen * SHARE >= known.len() {
            known.epoch += 1;
            self.unseen = 0;
        }
        Ok(())
    }

    /// Takes one vector that another server has stored.
    async fn take(&mut self, document: &str, ordinal: u32) -> Result<()> {
        let row = self
            .db
            .opt(
                "SELECT key, vector FROM passage_vector WHERE document_id = $1 AND ordinal = $2 AND model = $3",
                args![document, ordinal, self.dense.embedder.model()],
            )
            .await?;
        if let Some(row) = row
            && let Some(vector) = Small::from_bytes(&row.get::<Vec<u8>>("vector")?)
        {
            self.dense.change().put(row.get::<i64>("key")?.cast_unsigned(), &vector);
            self.unseen += 1;
        }
        Ok(())
    }

    async fn remove(&mut self, gone: &[(String, u32, u64)]) -> Result<()> {
        let model = self.dense.embedder.model();
        for part in gone.chunks(PASSAGES) {
            self.db
                .write(|tx| async move {
                    for (document, ordinal, key) in part {
                        tx.exec(
                            "DELETE FROM passage_vector WHERE document_id = $1 AND ordinal = $2 AND model = $3 AND key = $4",
                            args![document, *ordinal, model, key.cast_signed()],
                        )
                        .await?;
                    }
                    Ok(())
                })
                .await?;
        }
        let keys: Vec<i64> = gone.iter().map(|(_, _, key)| key.cast_signed()).collect();
        self.forget(&keys);
        Ok(())
    }

    fn forget(&mut self, keys: &[i64]) {
        let mut known = self.dense.change();
        keys.iter().for_each(|key| known.remove(key.cast_unsigned()));
        // A row that is used again must not be taken for the old passage.
        known.epoch += 1;
        self.done.removed += keys.len();
    }

    fn finish(mut self) -> Embedded {
        let mut known = self.dense.change();
        if self.unseen > 0 {
            known.epoch += 1;
        }
        self.done.vectors = known.len();
        self.done
    }
}

impl Wanted {
    fn of(passage: &Passage) -> ((String, u32), Self) {
        let (document, ordinal) = (passage.document.clone(), passage.ordinal);
        let wanted = Self { document: document.clone(), ordinal, key: embed::key(passage), text: embed::text(passage) };
        ((document, ordinal), wanted)
    }
}

/// Ordinal and key of each stored vector of a document.
async fn keys_of(conn: &Conn, document: &str, model: &str) -> Result<Vec<(String, u32, u64)>> {
    let rows = conn
        .all("SELECT ordinal, key FROM passage_vector WHERE document_id = $1 AND model = $2", args![document, model])
        .await?;
    rows.iter().map(|r| Ok((document.to_owned(), r.get("ordinal")?, r.get::<i64>("key")?.cast_unsigned()))).collect()
}

async fn store(tx: &Tx, wanted: &Wanted, model: &str, vector: &Small) -> Result<()> {
    tx.exec(
        "INSERT INTO passage_vector (document_id, ordinal, model, key, vector) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (document_id, ordinal, model) DO UPDATE SET key = excluded.key, vector = excluded.vector",
        args![&wanted.document, wanted.ordinal, model, wanted.key.cast_signed(), vector.to_bytes()],
    )
    .await?;
    Ok(())
}
