//! Migrations: append-only, run at start, each in its own transaction.

use sqlx::{AnyConnection, Connection as _};

use super::{Db, Engine, Store, conn, postgres};
use crate::{Error, Result, args};

/// One migration: its number, its name, and its statements for SQLite and for PostgreSQL.
struct Migration {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $file:literal) => {
        Migration {
            version: $version,
            name: $file,
            sqlite: include_str!(concat!("../../../../migrations/sqlite/", $file, ".sql")),
            postgres: include_str!(concat!("../../../../migrations/postgres/", $file, ".sql")),
        }
    };
}

/// All migrations in order. A number is never reused and a file never changes after it has shipped.
const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_ground"),
    migration!(2, "0002_people"),
    migration!(3, "0003_flow"),
    migration!(4, "0004_library"),
    migration!(5, "0005_tips"),
    migration!(6, "0006_lessons"),
    migration!(7, "0007_training"),
    migration!(8, "0008_web"),
    migration!(9, "0009_engines"),
    migration!(10, "0010_erasure"),
    migration!(11, "0011_places"),
    migration!(12, "0012_roster"),
    migration!(13, "0013_identity"),
    migration!(14, "0014_vectors"),
    migration!(15, "0015_asking"),
    migration!(16, "0016_lookups"),
    migration!(17, "0017_edits"),
    migration!(18, "0018_evidence"),
    migration!(19, "0019_sources"),
    migration!(20, "0020_discord"),
    migration!(21, "0021_slack"),
    migration!(22, "0022_rules"),
    migration!(23, "0023_requests"),
    migration!(24, "0024_courses"),
    migration!(25, "0025_packs"),
    migration!(26, "0026_mend"),
    migration!(27, "0027_rating"),
    migration!(28, "0028_alarms"),
    migration!(29, "0029_lookups"),
    migration!(30, "0030_training"),
    migration!(31, "0031_locale"),
    migration!(32, "0032_discord_direct"),
    migration!(33, "0033_discord_server"),
    migration!(34, "0034_nudges"),
    migration!(35, "0035_answers"),
    migration!(36, "0036_tried"),
    migration!(37, "0037_discord_forms"),
    migration!(38, "0038_learning_channel"),
    migration!(39, "0039_sign_in"),
    migration!(40, "0040_said"),
    migration!(41, "0041_guards"),
];

/// The newest schema version that this program knows.
#[must_use]
pub fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// Tells two states of the migrations apart.
#[must_use]
pub fn schema_digest() -> String {
    use sha2::Digest as _;
    let mut digest = sha2::Sha256::new();
    for migration in MIGRATIONS {
        digest.update(migration.postgres);
    }
    crate::hex(digest.finalize().iter().take(8))
}

impl Db {
    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self) -> Result<()> {
        self.migrate_to(known(), false).await
    }

    /// Brings the schema to a version, if it is older, under a lock that no other program passes.
    pub(super) async fn migrate_to(&self, newest: i64, restoring: bool) -> Result<()> {
        let goal = Goal { newest, restoring, now: self.0.around.clock.now().0 };
        let goal = &goal;
        match &self.0.store {
            Store::Sqlite(sqlite) => {
                let mut conn = sqlite.connection().await?;
                // BEGIN IMMEDIATE takes the write lock, so that two programs never run the same migration.
                let done = run(&mut conn, Engine::Sqlite, "BEGIN IMMEDIATE", goal).await;
                // What went wrong before says more than a connection that does not close.
                done?;
                conn.close().await?;
            }
            // Made with its tables.
            Store::Single(_) => {}
            Store::Postgres(postgres) => {
                let mut conn = postgres.connection().await?;
                let conn = &mut *conn;
                // This one and another replica's may take their time.
                for limit in ["SET lock_timeout = 0", "SET statement_timeout = 0"] {
                    conn::all(conn, limit, vec![]).await?;
                }
                let lock = "SELECT 1 AS locked FROM pg_advisory_lock(hashtextextended($1, 0))";
                conn::all(conn, lock, args![postgres::MIGRATION]).await?;
                let done = run(conn, Engine::Postgres, "BEGIN", goal).await;
                let unlock = "SELECT 1 AS unlocked FROM pg_advisory_unlock(hashtextextended($1, 0))";
                conn::all(conn, unlock, args![postgres::MIGRATION]).await?;
                for limit in postgres::LIMITS {
                    conn::all(conn, limit, vec![]).await?;
                }
                done?;
            }
        }
        Ok(())
    }

    /// A restore is done: the store can be opened.
    pub(crate) async fn restored(&self) -> Result<()> {
        self.write_by_key(|tx| async move {
            tx.exec("DELETE FROM schema_migration WHERE version = 0", args![]).await?;
            Ok(())
        })
        .await
    }

    /// Refuses a store that a restore has not finished.
    pub(super) async fn check_whole(&self) -> Result<()> {
        let mark = self.opt("SELECT 1 AS one FROM schema_migration WHERE version = 0", args![]).await?;
        match mark {
            None => Ok(()),
            Some(_) => {
                Err(Error::invalid("a restore into this database was cut off: empty the database and restore again"))
            }
        }
    }

    /// Refuses a store whose schema is not exactly this program's.
    pub(super) async fn check_schema(&self) -> Result<()> {
        let found = self.schema_version().await?;
        match found.cmp(&known()) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(Error::NewerSchema { found, known: known() }),
            std::cmp::Ordering::Less => Err(Error::invalid(format!(
                "the database has schema {found}, this program needs {}: run 'stoa migrate' first",
                known()
            ))),
        }
    }

    /// The schema version of the store.
    ///
    /// # Errors
    /// The database's error.
    pub async fn schema_version(&self) -> Result<i64> {
        let row = self.opt("SELECT COALESCE(MAX(version), 0) AS version FROM schema_migration", args![]).await?;
        row.map_or(Ok(0), |r| r.get("version"))
    }
}

/// Where a migration leads.
struct Goal {
    /// The last version that is wanted.
    newest: i64,
    /// A restore begins: the store must be empty, and is marked.
    restoring: bool,
    now: i64,
}

/// The name of the row, with version 0, that marks a store which a restore has not finished.
const RESTORING: &str = "restoring";

async fn run(conn: &mut AnyConnection, engine: Engine, begin: &'static str, goal: &Goal) -> Result<()> {
    let table = match engine {
        Engine::Sqlite => {
            "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)"
        }
        Engine::Postgres => {
            "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL, applied BIGINT NOT NULL)"
        }
    };
    conn::all(conn, table, vec![]).await?;
    if goal.restoring {
        if !conn::all(conn, "SELECT version FROM schema_migration LIMIT 1", vec![]).await?.is_empty() {
            return Err(Error::Conflict(
                "there is a store already in this database. Empty it first; a restore never writes over data".into(),
            ));
        }
        let mark = "INSERT INTO schema_migration (version, name, applied) VALUES (0, $1, $2)";
        conn::all(conn, mark, args![RESTORING, goal.now]).await?;
    }
    for migration in MIGRATIONS.iter().filter(|m| m.version <= goal.newest) {
        conn::all(conn, begin, vec![]).await?;
        let done = apply(conn, engine, migration, goal.now).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        conn::all(conn, end, vec![]).await?;
        done?;
    }
    Ok(())
}

async fn apply(conn: &mut AnyConnection, engine: Engine, migration: &Migration, now: i64) -> Result<()> {
    let rows = conn::all(conn, "SELECT COALESCE(MAX(version), 0) AS version FROM schema_migration", vec![]).await?;
    let found: i64 = rows.first().map_or(Ok(0), |r| r.get("version"))?;
    if found > known() {
        return Err(Error::NewerSchema { found, known: known() });
    }
    if found >= migration.version {
        return Ok(());
    }
    let sql = match engine {
        Engine::Sqlite => migration.sqlite,
        Engine::Postgres => migration.postgres,
    };
    let is_code = |s: &str| s.lines().any(|l| !l.trim().is_empty() && !l.starts_with("--"));
    for statement in sql.split(";\n").filter(|s| is_code(s)) {
        conn::all(conn, statement, vec![]).await?;
    }
    conn::all(
        conn,
        "INSERT INTO schema_migration (version, name, applied) VALUES ($1, $2, $3)",
        args![migration.version, migration.name, now],
    )
    .await?;
    Ok(())
}
