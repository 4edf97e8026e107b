//! Migrations: append-only, run at start, each in its own transaction.

use sqlx::AnyConnection;

use super::{Db, conn};
use crate::{Error, Result, args};

/// All migrations in order. A number is never reused and a file never changes after it has shipped.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "ground", include_str!("../../../../migrations/sqlite/0001_ground.sql")),
    (2, "people", include_str!("../../../../migrations/sqlite/0002_people.sql")),
    (3, "flow", include_str!("../../../../migrations/sqlite/0003_flow.sql")),
    (4, "library", include_str!("../../../../migrations/sqlite/0004_library.sql")),
    (5, "tips", include_str!("../../../../migrations/sqlite/0005_tips.sql")),
    (6, "lessons", include_str!("../../../../migrations/sqlite/0006_lessons.sql")),
    (7, "training", include_str!("../../../../migrations/sqlite/0007_training.sql")),
    (8, "web", include_str!("../../../../migrations/sqlite/0008_web.sql")),
];

/// The newest schema version that this program knows.
pub(super) fn known() -> i64 {
    MIGRATIONS.last().map_or(0, |m| m.0)
}

impl Db {
    /// Brings the schema up to date.
    pub(super) async fn migrate(&self) -> Result<()> {
        let mut writer = self.0.writer.lock().await;
        let Some(conn) = writer.conn.as_mut() else { return Ok(()) };
        conn::all(
            conn,
            "CREATE TABLE IF NOT EXISTS schema_migration (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied BIGINT NOT NULL)",
            vec![],
        )
        .await?;
        for &(version, name, sql) in MIGRATIONS {
            // BEGIN IMMEDIATE takes the write lock, so that two programs never run the same migration.
            conn::all(conn, "BEGIN IMMEDIATE", vec![]).await?;
            let done = apply(conn, version, name, sql, self.0.clock.now().0).await;
            let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
            conn::all(conn, end, vec![]).await?;
            done?;
        }
        Ok(())
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

async fn apply(conn: &mut AnyConnection, version: i64, name: &str, sql: &'static str, now: i64) -> Result<()> {
    let rows = conn::all(conn, "SELECT COALESCE(MAX(version), 0) AS version FROM schema_migration", vec![]).await?;
    let found: i64 = rows.first().map_or(Ok(0), |r| r.get("version"))?;
    if found > known() {
        return Err(Error::NewerSchema { found, known: known() });
    }
    if found >= version {
        return Ok(());
    }
    let is_code = |s: &str| s.lines().any(|l| !l.trim().is_empty() && !l.starts_with("--"));
    for statement in sql.split(";\n").filter(|s| is_code(s)) {
        conn::all(conn, statement, vec![]).await?;
    }
    conn::all(
        conn,
        "INSERT INTO schema_migration (version, name, applied) VALUES ($1, $2, $3)",
        args![version, name, now],
    )
    .await?;
    Ok(())
}
