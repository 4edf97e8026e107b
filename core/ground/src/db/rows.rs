//! Many rows with few statements.

use super::{Tx, Value};
use crate::Result;

/// Rows of one `INSERT`, and values of one `IN (…)`: well under every engine's limit of parameters.
pub(crate) const CHUNK: usize = 200;

/// `$from, $from+1, …`
pub(crate) fn numbers(from: usize, count: usize) -> String {
    let all: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    all.join(", ")
}

impl Tx {
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
            let chunk: Vec<Vec<Value>> = rows.by_ref().take(CHUNK).collect();
            let width = columns.len();
            let values: Vec<String> =
                (0..chunk.len()).map(|r| format!("({})", numbers(r * width + 1, width))).collect();
            let sql = format!("INSERT INTO {table} ({}) VALUES {} {otherwise}", columns.join(", "), values.join(", "));
            written += self.exec(sqlx::AssertSqlSafe(sql), chunk.into_iter().flatten().collect()).await?;
        }
        Ok(written)
    }
}
