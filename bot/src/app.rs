//! Puts the parts together: store, index, services and flow, from the configuration.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use stoa_flow::{Flow, Organisation};
use stoa_ground::xapi::Emitter;
use stoa_ground::{Clock, Db, Instant, args, folder_of, people};
use stoa_learning::Services;
use stoa_learning::search::Index;

use crate::config::Config;

/// What a clock that is moved by hand shows first: a Monday morning in Berlin, on which the demo begins.
pub const FIRST_MORNING: &str = "2026-11-23T08:00:00Z";

/// Everything that the server and most commands work with.
pub struct App {
    pub config: Config,
    pub db: Db,
    pub services: Arc<Services>,
    pub flow: Arc<Flow>,
    log: Option<Arc<stoa_learning::evidence::Log>>,
}

/// Held by the one process that may write the index.
pub struct Lock {
    _file: File,
}

/// Which clock the store lives by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ClockKind {
    /// The machine's clock.
    System,
    /// A clock that is moved by hand, for tests and the demo. It is stored with the data.
    Manual,
}

impl App {
    /// Opens the store for writing, and the index as `index`. What a restore left to be erased again is erased.
    pub async fn open(config: Config, clock: ClockKind, index: Index) -> Result<Self> {
        let db = open_store(&config, clock).await?;
        let app = Self::assemble(config, db, index, true).await?;
        app.erase_again().await.context("what was erased after the restored backup could not be erased again")?;
        Ok(app)
    }

    async fn erase_again(&self) -> Result<()> {
        let due = self.db.due_erasures().await?;
        if due.is_empty() {
            return Ok(());
        }
        for id in &due.people {
            let services = &self.services;
            self.db
                .write(|tx| async move {
                    match people::by_id(&tx, id).await? {
                        Some(person) => stoa_learning::mydata::erase(&tx, services, &person).await,
                        None => Ok(()),
                    }
                })
                .await?;
        }
        if !due.subjects.is_empty() {
            // Status tables of the backup may still know what was erased in the ledger since.
            self.services.ledger.rebuild(&self.db).await?;
        }
        Ok(self.db.erasures_done().await?)
    }

    /// Puts the parts on top of an open store; without `writes` nothing is made that is not there.
    async fn assemble(config: Config, db: Db, index: Index, writes: bool) -> Result<Self> {
        let mut organisation = config.organisation()?;
        // One that cannot be is not fixed.
        Emitter::new(&organisation.iri)?;
        organisation.iri = identifiers(&config, &db, writes).await?;
        crate::evidence::seal(&config, &db, writes).await?;
        let services = Arc::new(services(&config, &organisation, index)?);
        let mut parts = stoa_learning::parts(&services);
        parts.leases.extend(stoa_discord::LEASED);
        let log = crate::evidence::log(&config, &db, &organisation.iri, writes).await?;
        if let Some(log) = &log {
            let evidence = stoa_learning::evidence::parts(&services, log);
            parts.kinds.extend(evidence.kinds);
            parts.jobs.extend(evidence.jobs);
        }
        let flow = Flow::leased(db.clone(), organisation, parts, config.lease()?);
        Ok(Self { config, db, services, flow, log })
    }

    /// The log of evidence: its key and where its checkpoints go.
    pub fn log(&self) -> Result<&Arc<stoa_learning::evidence::Log>> {
        self.log.as_ref().context("the log of evidence is not open, because this command only reads")
    }

    /// Opens the store for a command that only reads, beside a server or without one, if `reads` is set; else as
    /// [`App::for_command`]. A reader changes nothing, also not the schema, and is in nobody's way.
    pub async fn for_reader(config: Config, reads: bool) -> Result<(Self, Option<Lock>)> {
        if !reads {
            return Self::for_command(config).await;
        }
        let db = open_to_read(&config).await?;
        let index = Index::open_read_only(&index_dir(&config))?.map_or_else(Index::in_memory, Ok)?;
        Ok((Self::assemble(config, db, index, false).await?, None))
    }

    /// Opens the store for a command that may run beside a server. Where no server runs, the command takes the lock and
    /// brings the index up to date itself when it is done ([`App::finish`]).
    pub async fn for_command(config: Config) -> Result<(Self, Option<Lock>)> {
        let clock = stored_clock_kind(&config).await?;
        let lock = Lock::take(&config.data.dir)?;
        let dir = index_dir(&config);
        let index = match &lock {
            Some(_) => Index::open(&dir)?,
            // Beside a server, which follows the change feed and writes the index.
            None => Index::open_read_only(&dir)?.map_or_else(Index::in_memory, Ok)?,
        };
        Ok((Self::open(config, clock, index).await?, lock))
    }

    /// Ends a command: what it changed is findable afterwards.
    pub async fn finish(self, lock: Option<Lock>) -> Result<()> {
        if lock.is_some() {
            self.services.index.catch_up(&self.db).await?;
        }
        self.db.close().await;
        Ok(())
    }
}

/// What the capabilities work with.
pub fn services(config: &Config, organisation: &Organisation, index: Index) -> Result<Services> {
    Ok(Services {
        ledger: stoa_learning::ledger(),
        emitter: Emitter::new(&organisation.iri)?,
        organisation: organisation.clone(),
        index,
        asking: crate::asking::of(config)?,
        training: config.training()?,
        mail: crate::serve::mail(config)?.is_some(),
        sign_in: crate::oidc::named_by(config),
    })
}

/// Whether the folder of the SQLite file is there, or is made with the data folder.
pub fn store_has_folder(config: &Config) -> Result<()> {
    let url = config.database_url();
    let Some(path) = url.strip_prefix("sqlite://") else { return Ok(()) };
    let folder = folder_of(Path::new(path));
    if !folder.is_dir() && !config.data.dir.starts_with(folder) {
        bail!(
            "[database] url: the folder {} does not exist: make it, and give it to the user that runs Stoa",
            folder.display()
        );
    }
    Ok(())
}

/// The folder of the search index.
pub fn index_dir(config: &Config) -> PathBuf {
    config.data.dir.join("index")
}

/// Opens the store and gives it the clock that it was made with.
pub async fn open_store(config: &Config, kind: ClockKind) -> Result<Db> {
    std::fs::create_dir_all(&config.data.dir)
        .with_context(|| format!("the data folder {} cannot be made", config.data.dir.display()))?;
    store_has_folder(config)?;
    let clock = match kind {
        ClockKind::System => Clock::system(),
        // Where the clock stands is in the store; a store's first clock shows the demo's first morning.
        ClockKind::Manual => Clock::manual(Instant::parse(FIRST_MORNING)?),
    };
    let db = Db::open(&config.database_url(), clock).await?;
    if kind == ClockKind::System {
        go_on_from(&db).await?;
    }
    let stored = db.meta("clock").await?;
    match (kind, stored.as_deref()) {
        (ClockKind::Manual, Some("system")) => {
            bail!(
                "this store lives by the system's clock; --clock manual would forge its dates. Use another data folder."
            )
        }
        (ClockKind::System, Some(at)) if at != "system" => {
            bail!(
                "this store lives by a clock moved by hand (demo or test). Start it with --clock manual, or use another data folder."
            )
        }
        (ClockKind::Manual, Some(at)) => {
            // After a crash the store may be ahead of what was written down.
            let newest = db.opt("SELECT COALESCE(MAX(at), 0) AS at FROM change", args![]).await?;
            let newest: Instant = newest.map_or(Ok(Instant(0)), |r| r.get("at"))?;
            db.clock().set(Instant::parse(at)?.max(newest))?;
        }
        (ClockKind::Manual, None) => store_clock(&db).await?,
        (ClockKind::System, None) => db.set_meta("clock", "system").await?,
        (ClockKind::System, Some(_)) => {}
    }
    Ok(db)
}

/// Opens the store for reading, beside a server or without one, with the clock that it lives by; none when there is none.
pub async fn peek_to_read(config: &Config) -> Result<Option<Db>> {
    let url = config.database_url();
    let Some(peeked) = Db::peek(&url).await? else { return Ok(None) };
    let clock = match peeked.meta("clock").await?.filter(|at| at != "system") {
        Some(at) => Clock::manual(Instant::parse(&at)?),
        None => Clock::system(),
    };
    peeked.close().await;
    Ok(Some(Db::open_read_only(&url, clock).await?))
}

/// As [`peek_to_read`], for commands that have nothing to say about no store.
pub async fn open_to_read(config: &Config) -> Result<Db> {
    peek_to_read(config)
        .await?
        .context("there is no store yet; the first 'stoa serve' or 'stoa people import' makes it")
}

/// Lets business time go on from what the store has seen: the machine's clock may have been set back since.
async fn go_on_from(db: &Db) -> Result<()> {
    let newest = "SELECT MAX(at) AS at FROM (
                    SELECT at FROM (SELECT at FROM change ORDER BY number DESC LIMIT 1) AS changed
                    UNION ALL SELECT at FROM (SELECT received AS at FROM inbox ORDER BY position DESC LIMIT 1) AS came
                    UNION ALL SELECT at FROM (SELECT created AS at FROM outbox ORDER BY position DESC LIMIT 1) AS queued
                  ) AS newest";
    let Some(row) = db.opt(newest, args![]).await? else { return Ok(()) };
    if let Some(at) = row.get::<Option<Instant>>("at")?
        && db.clock().not_before(at)
    {
        tracing::warn!(%at, "the store has seen a time that is more than a day ahead of this machine's clock: check the clock");
    }
    Ok(())
}

/// Remembers where a manual clock stands.
pub async fn store_clock(db: &Db) -> Result<()> {
    Ok(db.set_meta("clock", &db.clock().now().rfc3339()).await?)
}

/// The kind of clock that an existing store lives by; the system's for a new one.
pub async fn stored_clock_kind(config: &Config) -> Result<ClockKind> {
    let Some(db) = Db::peek(&config.database_url()).await? else { return Ok(ClockKind::System) };
    let stored = db.meta("clock").await?;
    Ok(if stored.is_some_and(|at| at != "system") { ClockKind::Manual } else { ClockKind::System })
}

/// Compares the identifiers with those of the store, and gives the organisation's IRI. They are fixed at the first start:
/// ids of statements and of the log are built on them.
pub async fn identifiers(config: &Config, db: &Db, writes: bool) -> Result<String> {
    let mut iri = config.organisation()?.iri;
    match db.meta("organisation.iri").await? {
        // Commands beside a demo, or without the file that the store was started with.
        Some(stored) if config.organisation.iri.is_empty() => iri = stored,
        _ => fix_identifier(db, "organisation.iri", &iri, writes).await?,
    }
    if let Some(origin) = &config.evidence.origin {
        fix_identifier(db, "evidence.origin", origin, writes).await?;
    }
    Ok(iri)
}

async fn fix_identifier(db: &Db, name: &str, value: &str, writes: bool) -> Result<()> {
    match db.meta(name).await? {
        None if writes => Ok(db.set_meta(name, value).await?),
        None => Ok(()),
        Some(stored) if stored == value => Ok(()),
        Some(stored) => {
            let (section, key) = name.split_once('.').unwrap_or((name, ""));
            bail!("[{section}] {key} is fixed since the first start: it was '{stored}' and cannot become '{value}'")
        }
    }
}

impl Lock {
    /// Takes the lock of a data folder; none when another process has it.
    pub fn take(dir: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(dir).with_context(|| format!("the data folder {} cannot be made", dir.display()))?;
        Self::take_file(&dir.join("serve.lock"))
    }

    /// Takes the lock of the SQLite file of a configuration, which another data folder may name as well; none when another
    /// process has it. On PostgreSQL several servers work on one database, and nothing is locked.
    pub fn of_store(config: &Config) -> Result<Option<Option<Self>>> {
        match config.database_url().strip_prefix("sqlite://") {
            Some(path) => Self::take_file(&lock_of(Path::new(path))).map(|lock| lock.map(Some)),
            None => Ok(Some(None)),
        }
    }

    fn take_file(path: &Path) -> Result<Option<Self>> {
        let file = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("{} cannot be opened", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(e)) => {
                Err(e).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}

/// The lock of a SQLite file lies beside the file itself, whatever link leads there.
fn lock_of(path: &Path) -> PathBuf {
    let real = path.canonicalize().or_else(|_| {
        // Not made yet.
        Ok::<_, std::io::Error>(folder_of(path).canonicalize()?.join(path.file_name().unwrap_or_default()))
    });
    let mut name = real.unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_lock_whatever_link_leads_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        // Before and after the file is there.
        for _ in 0..2 {
            assert_eq!(lock_of(&link.join("stoa.db")), lock_of(&real.join("stoa.db")));
            std::fs::write(real.join("stoa.db"), "").unwrap();
        }
        let other = dir.path().join("other.db");
        std::os::unix::fs::symlink(real.join("stoa.db"), &other).unwrap();
        assert_eq!(lock_of(&other), lock_of(&real.join("stoa.db")));
    }
}
