//! Many rows with few statements.

use super::{Bind, Conn, Engine, Row, Tx, Value};
use crate::Result;

/// Rows of one `INSERT` at most, and values of one `IN (…)`.
pub(crate) const CHUNK: usize = 200;

/// How many rows of so many columns one `INSERT` has: well under every engine's limit of parameters. SQLite looks for the name
/// of each among all of them, which takes long when they are many.
pub(super) fn rows_at_once(engine: Engine, columns: usize) -> usize {
    let parameters = match engine {
        Engine::Sqlite => 800,
        Engine::Postgres => 16_000,
    };
    (parameters / columns.max(1)).clamp(1, CHUNK)
}

/// `$from, $from+1, …`
fn numbers(from: usize, count: usize) -> String {
    let all: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    all.join(", ")
}

/// `($1, $2), ($3, $4), …`: places for so many rows of so many columns.
pub(super) fn tuples(rows: usize, columns: usize) -> String {
    let all: Vec<String> = (0..rows).map(|row| format!("({})", numbers(row * columns + 1, columns))).collect();
    all.join(", ")
}

/// The values of an `IN (…)` behind fixed parameters, and all parameters. The last value stands there several times, so that
/// there are few different statements to be prepared.
fn list(values: &[impl AsRef<str>], fixed: &[Value]) -> (String, Vec<Value>) {
    let count = values.len().next_power_of_two().min(CHUNK);
    let padded = values.iter().chain(std::iter::repeat_n(values.iter().last(), count).flatten()).take(count);
    let args = fixed.iter().cloned().chain(padded.map(|value| value.as_ref().value())).collect();
    (numbers(fixed.len() + 1, count), args)
}

impl Conn {
    /// All rows of a query for many texts, some hundreds of them at a time: they stand as `(…)` between the two
    /// parts of the query, in which `$1`, `$2` … are the parameters that are `fixed`. What the query orders is in order for
    /// each of these times alone.
    ///
    /// # Errors
    /// The database's error.
    pub async fn all_in(
        &self,
        before: &'static str,
        values: &[impl AsRef<str> + Sync],
        after: &'static str,
        fixed: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        for chunk in values.chunks(CHUNK) {
            let (list, args) = list(chunk, &fixed);
            let sql = format!("{before} ({list}) {after}");
            rows.extend(self.all(sqlx::AssertSqlSafe(sql), args).await?);
        }
        Ok(rows)
    }
}

impl Tx {
    /// As [`Conn::all_in`], for a statement that changes rows. Gives how many it changed.
    ///
    /// # Errors
    /// The database's error.
    pub async fn exec_in(
        &self,
        before: &'static str,
        values: &[impl AsRef<str> + Sync],
        fixed: Vec<Value>,
    ) -> Result<u64> {
        let mut changed = 0;
        for chunk in values.chunks(CHUNK) {
            let (list, args) = list(chunk, &fixed);
            let sql = format!("{before} ({list})");
            changed += self.exec(sqlx::AssertSqlSafe(sql), args).await?;
        }
        Ok(changed)
    }

    /// As [`Tx::exec_in`] for pairs of texts: they are the rows of the table `given (key, value)` in the statement.
    ///
    /// # Errors
    /// The database's error.
    pub async fn exec_given(
        &self,
        statement: &'static str,
        pairs: &[(impl AsRef<str> + Sync, impl AsRef<str> + Sync)],
        fixed: Vec<Value>,
    ) -> Result<u64> {
        let mut changed = 0;
        for chunk in pairs.chunks(CHUNK) {
            let places = (0..chunk.len()).map(|row| format!("({})", numbers(fixed.len() + 1 + 2 * row, 2)));
            let sql =
                format!("WITH given (key, value) AS (VALUES {}) {statement}", places.collect::<Vec<_>>().join(", "));
            let texts = chunk.iter().flat_map(|(key, value)| [key.as_ref().value(), value.as_ref().value()]);
            changed += self.exec(sqlx::AssertSqlSafe(sql), fixed.iter().cloned().chain(texts).collect()).await?;
        }
        Ok(changed)
    }

    /// Inserts rows. Table and column names are constants of this program.
    pub(crate) async fn insert_rows(
        &self,
        table: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Value>>,
    ) -> Result<()> {
        self.put_rows(table, columns, rows, "").await.map(drop)
    }

    /// Inserts rows with few statements; `otherwise` is what happens to a row that is there already, for example
    /// `ON CONFLICT (key) DO NOTHING`. No row may be there twice. Gives how many were written. Table and column names are constants of
    /// this program.
    ///
    /// # Errors
    /// The database's error.
    pub async fn put_rows(
        &self,
        table: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Value>>,
        otherwise: &'static str,
    ) -> Result<u64> {
        let mut written = 0;
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let width = columns.len();
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(rows_at_once(self.engine(), width)).collect();
            let values = tuples(chunk.len(), width);
            let sql = format!("INSERT INTO {table} ({}) VALUES {values} {otherwise}", columns.join(", "));
            written += self.exec(sqlx::AssertSqlSafe(sql), chunk.into_iter().flatten().collect()).await?;
        }
        Ok(written)
    }
}
