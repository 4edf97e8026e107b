//! Following a source: what is new, different or gone there.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use stoa_ground::{Conn, Db, Result, people};
use tokio::sync::mpsc;

use super::content::Prepared;
use super::marks::{Before, Mark};
use super::port::{Found, Known, Progress, SourceReader, SourceSettings, SyncReport};
use super::{Item, Outcome, marks, problems, readers_of, rules, set_readers, set_verified, store};

/// Documents that are put into the store together, and passages that one write transaction takes at most.
const CHUNK_DOCUMENTS: usize = 20;
const CHUNK_PASSAGES: usize = 60;

/// What is to be done about documents that most of a source's are missing at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They are kept for three days, in case the source is broken.
    #[default]
    Doubt,
    /// Somebody has looked: they are gone.
    Believe,
}

/// Brings the library up to date with a source, in short transactions. A document that cannot be read is an error in
/// the report and stops nothing; deletions are followed only when the listing was whole.
///
/// # Errors
/// Only the database's: what the source does is in the report.
pub async fn sync(
    db: &Db,
    reader: &dyn SourceReader,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<SyncReport> {
    sync_with(db, reader, Missing::Doubt, progress).await
}

/// [`sync`], saying what to do when most of the source is missing.
///
/// # Errors
/// As [`sync`].
pub async fn sync_with(
    db: &Db,
    reader: &dyn SourceReader,
    missing: Missing,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<SyncReport> {
    let settings = reader.settings();
    readers_of(&settings.readers, settings.external)?;
    let name = settings.name.as_str();
    let (before, state) =
        db.read(|conn| async move { Ok((marks::known(&conn, name).await?, marks::state(&conn, name).await?)) }).await?;
    let documents = before.iter().map(|k| (k.location.clone(), k.fingerprint.clone())).collect();
    let known = Known { documents, state };
    db.write(|tx| async move { marks::add_source(&tx, name, &settings.kind).await }).await?;

    let mut run = Run {
        db,
        settings,
        progress,
        report: SyncReport::default(),
        at: Progress::default(),
        seen: HashSet::new(),
        skipped: HashSet::new(),
        read: HashSet::new(),
        chunk: Vec::new(),
        state: None,
        restrictions: HashMap::new(),
    };
    let (out, mut found) = mpsc::channel(16);
    let consume = async {
        while let Some(found) = found.recv().await {
            run.take(found).await?;
        }
        run.flush().await
    };
    let (listed, consumed) = tokio::join!(reader.scan(&known, out), consume);
    consumed?;

    let failed = match listed {
        Err(e) => Some(e.to_string()),
        Ok(()) => run.follow_deletions(&before, missing).await?,
    };
    run.follow_readers(&before).await?;
    if let Some(why) = &failed {
        // First, for of very many not all are kept.
        run.report.errors.insert(0, (String::new(), why.clone()));
    }
    let Run { report, state, .. } = run;
    let (failed, errors) = (failed.as_deref(), &report.errors);
    let state = state.as_deref().filter(|_| failed.is_none());
    db.write(|tx| async move {
        marks::note_sync(&tx, name, &settings.kind, failed, state).await?;
        problems::note(&tx, name, errors).await
    })
    .await?;
    Ok(report)
}

/// Retires what came from sources that are not followed any more. `followed` are the names in the configuration.
///
/// # Errors
/// The database's error.
pub async fn leave(db: &Db, followed: &[&str]) -> Result<usize> {
    let mut removed = 0;
    let known = db.read(|conn| async move { Ok((store::sources(&conn).await?, problems::problems(&conn).await?)) });
    let (sources, told) = known.await?;
    for source in sources {
        // What Stoa writes itself was never synced.
        let left = source.synced.is_some() && !followed.contains(&source.name.as_str());
        if !left || source.documents == 0 && !told.iter().any(|problem| problem.source == source.name) {
            continue;
        }
        let name = source.name.as_str();
        let known = db.read(|conn| async move { marks::known(&conn, name).await }).await?;
        let all: Vec<&str> = known.iter().map(|k| k.location.as_str()).collect();
        removed += retire(db, name, &all, "its source is not followed any more").await?;
        db.write(|tx| async move { problems::note(&tx, name, &[]).await }).await?;
    }
    Ok(removed)
}

async fn retire(db: &Db, source: &str, gone: &[&str], why: &str) -> Result<usize> {
    let retired = db.write_each(gone, |tx, location| async move { store::retire(&tx, source, location, why).await });
    Ok(retired.await?.into_iter().filter(|retired| *retired).count())
}

/// Readers by name from readers as a source names them: addresses become people, and who is not known here is left out.
async fn resolve(conn: &Conn, restricted: &[String]) -> Result<Vec<String>> {
    let mut readers = Vec::new();
    for reader in restricted {
        match reader.strip_prefix("email:") {
            // What is no reader lets nobody in.
            None => readers.extend(super::content::is_reader(reader).then(|| reader.clone())),
            Some(address) => {
                let person = people::by_email(conn, address).await?;
                readers.extend(person.map(|p| format!("person:{}", p.id)));
            }
        }
    }
    readers_of(&readers, false)
}

fn is_known_form(reader: &str) -> bool {
    reader.starts_with("email:") || super::content::is_reader(reader)
}

async fn may_read(db: &Db, settings: &SourceSettings, restricted: Option<&[String]>) -> Result<Vec<String>> {
    let restricted = match restricted {
        Some(restricted) => Some(db.read(|conn| async move { resolve(&conn, restricted).await }).await?),
        None => None,
    };
    readers_of(&rules::effective(&settings.readers, restricted.as_deref()), settings.external)
}

/// A sync under way.
struct Run<'a> {
    db: &'a Db,
    settings: &'a SourceSettings,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    report: SyncReport,
    at: Progress,
    /// Locations that the source has.
    seen: HashSet<String>,
    /// Locations that were not read because nothing changed.
    skipped: HashSet<String>,
    /// Locations of what was read: its readers are those that were found with it.
    read: HashSet<String>,
    chunk: Vec<(Prepared, Mark)>,
    state: Option<String>,
    /// What [`Found::Restricted`] said.
    restrictions: HashMap<String, Option<String>>,
}

impl Run<'_> {
    async fn take(&mut self, found: Found) -> Result<()> {
        match found {
            Found::Listed(n) => {
                self.at.total = n;
                return Ok(());
            }
            Found::State(state) => {
                self.state = Some(state);
                return Ok(());
            }
            Found::Noted(location, sentence) => {
                self.report.warnings.push((location, sentence));
                return Ok(());
            }
            Found::Restricted(location, restricted) => return self.restrict(location, restricted).await,
            // What is not seen is gone; so it is looked at, but not counted twice.
            Found::Gone(_) => {}
            Found::Unchanged(location) => {
                self.report.unchanged += 1;
                self.seen.insert(location.clone());
                self.skipped.insert(location);
            }
            Found::Broken(location, sentence) => {
                self.seen.insert(location.clone());
                self.report.errors.push((location, sentence));
            }
            Found::Document { item, restricted, fingerprint, warnings } => {
                self.seen.insert(item.location.clone());
                self.report.warnings.extend(warnings.into_iter().map(|w| (item.location.clone(), w)));
                let restricted = restricted.as_deref();
                let mark = Mark { fingerprint, restricted: restricted.map(serde_json::to_string).transpose()? };
                for odd in restricted.unwrap_or_default().iter().filter(|r| !is_known_form(r)) {
                    let sentence = format!("'{odd}' is not a reader, so it lets nobody in");
                    self.report.warnings.push((item.location.clone(), sentence));
                }
                let readers = may_read(self.db, self.settings, restricted).await?;
                self.prepare(*item, readers, mark).await?;
            }
        }
        self.at.done += 1;
        (self.progress)(self.at);
        Ok(())
    }

    /// Lets a document that is known be read by no more people than its source says, whatever comes of reading it.
    async fn restrict(&mut self, location: String, restricted: Option<Vec<String>>) -> Result<()> {
        let readers = may_read(self.db, self.settings, restricted.as_deref()).await?;
        let stored = restricted.map(|r| serde_json::to_string(&r)).transpose()?;
        self.stand_with(location, &readers, stored).await
    }

    /// Gives a document that is known other readers, and keeps the rest of it.
    async fn stand_with(&mut self, location: String, readers: &[String], restricted: Option<String>) -> Result<()> {
        let (name, at, stored) = (self.settings.name.as_str(), location.as_str(), restricted.as_deref());
        self.db
            .write(|tx| async move {
                marks::set_restricted(&tx, name, at, stored).await?;
                set_readers(&tx, name, at, readers).await
            })
            .await?;
        self.restrictions.insert(location, restricted);
        Ok(())
    }

    async fn prepare(&mut self, mut item: Item, readers: Vec<String>, mark: Mark) -> Result<()> {
        let location = item.location.clone();
        item.source.clone_from(&self.settings.name);
        item.readers.clone_from(&readers);
        item.verified = self.settings.verified;
        // Normalising and cutting is work for a processor, not for the thread that answers others.
        let failed = match tokio::task::spawn_blocking(move || Prepared::of(&item)).await {
            Ok(Ok(prepared)) => {
                self.read.insert(location);
                return self.add(prepared, mark).await;
            }
            Ok(Err(e)) => e.to_string(),
            Err(_) => "its text could not be cut into passages".to_owned(),
        };
        self.report.errors.push((location.clone(), failed));
        // What was known of it stays, for those who may read it now.
        self.stand_with(location, &readers, mark.restricted).await
    }

    async fn add(&mut self, prepared: Prepared, mark: Mark) -> Result<()> {
        let size = |c: &[(Prepared, Mark)]| c.iter().map(|(p, _)| p.passages.len()).sum::<usize>();
        if self.chunk.len() >= CHUNK_DOCUMENTS || size(&self.chunk) + prepared.passages.len() > CHUNK_PASSAGES {
            self.flush().await?;
        }
        if prepared.passages.len() > CHUNK_PASSAGES {
            let p = &prepared;
            for from in (0..p.passages.len()).step_by(CHUNK_PASSAGES) {
                let to = (from + CHUNK_PASSAGES).min(p.passages.len());
                self.db.write(|tx| async move { store::stage(&tx, p, from, to).await }).await?;
            }
        }
        self.chunk.push((prepared, mark));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.is_empty() {
            return Ok(());
        }
        let put =
            self.db.write_each(&chunk, |tx, (prepared, mark)| async move { store::place(&tx, prepared, mark).await });
        for put in put.await? {
            match put.outcome {
                Outcome::Added => self.report.added += 1,
                Outcome::Content | Outcome::Details => self.report.changed += 1,
                Outcome::Unchanged => self.report.unchanged += 1,
            }
        }
        Ok(())
    }

    /// Retires what is gone. When most of the source is missing it is kept for a while, and the sentence about it is
    /// given.
    async fn follow_deletions(&mut self, before: &[Before], missing: Missing) -> Result<Option<String>> {
        let name = self.settings.name.as_str();
        let (here, absent): (Vec<_>, Vec<_>) = before.iter().partition(|k| self.seen.contains(&k.location));
        let back: Vec<&str> = here.iter().filter(|k| k.missing.is_some()).map(|k| k.location.as_str()).collect();
        self.db.write_each(&back, |tx, at| async move { marks::set_missing(&tx, name, at, None).await }).await?;
        let now = self.db.clock().now();
        let doubt = missing == Missing::Doubt && rules::suspicious(absent.len(), before.len());
        let (gone, kept): (Vec<&Before>, Vec<_>) =
            absent.into_iter().partition(|k| !doubt || rules::is_surely_gone(k.missing, now));
        let gone: Vec<&str> = gone.iter().map(|k| k.location.as_str()).collect();
        self.report.removed += retire(self.db, name, &gone, "it is gone from its source").await?;
        let first: Vec<&str> = kept.iter().filter(|k| k.missing.is_none()).map(|k| k.location.as_str()).collect();
        self.db.write_each(&first, |tx, at| async move { marks::set_missing(&tx, name, at, Some(now)).await }).await?;
        Ok((!kept.is_empty()).then(|| {
            format!(
                "{} of its {} documents are suddenly missing, so they are kept for three days in case the source is \
                 broken: check that it is there, or run 'stoa library sync --gone' if they are gone for good",
                kept.len(),
                before.len()
            )
        }))
    }

    /// Lets the readers of documents that were not read again follow the configuration and the roster.
    async fn follow_readers(&mut self, before: &[Before]) -> Result<()> {
        let (name, verified) = (self.settings.name.as_str(), self.settings.verified);
        let mut stale = Vec::new();
        let mut by_restriction: HashMap<Option<&str>, Vec<String>> = HashMap::new();
        // What the source does not show now counts too: the configuration may have been narrowed.
        for k in before {
            let restricted = self.restrictions.get(&k.location).unwrap_or(&k.restricted);
            // Readers as they stand now: a restriction that was said in this sync is in force already.
            let stands = self.restrictions.contains_key(&k.location);
            let wanted = match by_restriction.entry(restricted.as_deref()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let restricted: Option<Vec<String>> = unknown.key().map(serde_json::from_str).transpose()?;
                    unknown.insert(may_read(self.db, self.settings, restricted.as_deref()).await?)
                }
            };
            let read = self.read.contains(&k.location);
            let same = stands || serde_json::from_str::<Vec<String>>(&k.readers)? == *wanted;
            if !(read || same && k.verified == verified) {
                stale.push((k.location.as_str(), wanted.clone()));
            }
        }
        self.db
            .write_each(&stale, |tx, (location, readers)| async move {
                set_readers(&tx, name, location, readers).await?;
                set_verified(&tx, name, location, verified).await
            })
            .await?;
        let counted = stale.iter().filter(|(l, _)| self.skipped.contains(*l)).count();
        self.report.changed += counted;
        self.report.unchanged -= counted;
        Ok(())
    }
}
