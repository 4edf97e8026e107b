//! The tables as rows of values: what a backup writes and a restore reads, and what the simulator copies.

use super::rows::{rows_at_once, tuples};
use super::{Bind, Conn, Engine, Tx, Value};
use crate::{Error, Result, args};

/// What becomes of a table in a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Its rows are in the backup.
    Rows,
    /// Its rows are in the second file, with the keys.
    Keys,
    /// Nothing: it holds for this server or this hour only, or is made anew from the rest.
    Nothing,
}

/// All tables, those that others refer to first.
pub const TABLES: &[(&str, Keep)] = &[
    ("meta", Keep::Rows),
    ("change", Keep::Rows),
    ("ledger_record", Keep::Rows),
    ("statement", Keep::Rows),
    ("statement_agent", Keep::Rows),
    ("statement_activity", Keep::Rows),
    ("statement_target", Keep::Rows),
    ("activity_definition", Keep::Rows),
    ("lrs_credential", Keep::Rows),
    ("person_history", Keep::Rows),
    ("person", Keep::Rows),
    ("identity", Keep::Rows),
    ("role_grant", Keep::Rows),
    ("person_setting", Keep::Rows),
    ("sign_in_link", Keep::Nothing),
    ("inbox", Keep::Rows),
    ("outbox", Keep::Rows),
    ("decision", Keep::Rows),
    ("last_activity", Keep::Rows),
    ("job", Keep::Rows),
    ("source", Keep::Rows),
    ("source_problem", Keep::Rows),
    ("document", Keep::Rows),
    ("document_version", Keep::Rows),
    ("passage", Keep::Rows),
    ("passage_vector", Keep::Nothing),
    ("question", Keep::Rows),
    ("question_document", Keep::Rows),
    ("answer_vote", Keep::Rows),
    ("gap", Keep::Rows),
    ("gap_arrival", Keep::Rows),
    ("answer_concern", Keep::Rows),
    ("answer_saved", Keep::Rows),
    ("answer_channel", Keep::Rows),
    ("learning_channel", Keep::Rows),
    ("curated", Keep::Rows),
    ("curated_pattern", Keep::Rows),
    ("expert_request", Keep::Rows),
    ("knowledge", Keep::Rows),
    ("model_use", Keep::Rows),
    ("impact", Keep::Rows),
    ("tip", Keep::Rows),
    ("tip_vote", Keep::Rows),
    ("discussion", Keep::Rows),
    ("discussion_message", Keep::Rows),
    ("discussion_member", Keep::Rows),
    ("experience", Keep::Rows),
    ("track", Keep::Rows),
    ("lesson", Keep::Rows),
    ("lesson_version", Keep::Rows),
    ("lesson_enrolment", Keep::Rows),
    ("lesson_progress", Keep::Rows),
    ("lesson_drop", Keep::Rows),
    ("lesson_attempt", Keep::Rows),
    ("lesson_card", Keep::Rows),
    ("scheduled_drop", Keep::Rows),
    ("course_version", Keep::Rows),
    ("course", Keep::Rows),
    ("requirement", Keep::Rows),
    ("assignment", Keep::Rows),
    ("course_progress", Keep::Rows),
    ("manager_digest", Keep::Rows),
    ("training_request", Keep::Rows),
    ("web_channel", Keep::Rows),
    ("web_member", Keep::Rows),
    ("web_message", Keep::Rows),
    ("web_session", Keep::Nothing),
    ("unreachable", Keep::Rows),
    ("alarm", Keep::Rows),
    ("erasure", Keep::Keys),
    ("roster_step", Keep::Rows),
    ("person_alias", Keep::Rows),
    ("person_address", Keep::Rows),
    ("ledger_value", Keep::Rows),
    ("ledger_key", Keep::Keys),
    ("log_state", Keep::Rows),
    ("log_leaf", Keep::Rows),
    ("log_tile", Keep::Rows),
    ("log_key", Keep::Rows),
    ("log_checkpoint", Keep::Rows),
    ("log_anchor", Keep::Rows),
    ("legal_hold", Keep::Rows),
    ("discord_session", Keep::Nothing),
    ("discord_server", Keep::Nothing),
    ("discord_seen", Keep::Rows),
    ("discord_user", Keep::Rows),
    ("discord_interaction", Keep::Nothing),
    ("discord_command", Keep::Rows),
    ("discord_form", Keep::Nothing),
    ("discord_post", Keep::Rows),
    ("discord_registered", Keep::Nothing),
    ("slack_install", Keep::Keys),
    ("attest_code", Keep::Nothing),
    ("trainer_question", Keep::Rows),
    ("completion_statement", Keep::Rows),
    ("manager_digest_item", Keep::Rows),
    ("delegation", Keep::Rows),
];

/// Columns that the engine numbers by itself.
const NUMBERED: &[(&str, &str)] =
    &[("change", "number"), ("inbox", "position"), ("outbox", "position"), ("decision", "position")];

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// TEXT.
    Text,
    /// BIGINT.
    Int,
    /// DOUBLE.
    Real,
    /// Bytes.
    Bytes,
}

impl Kind {
    /// NULL of this kind.
    #[must_use]
    pub fn null(self) -> Value {
        match self {
            Self::Text => String::null(),
            Self::Int => i64::null(),
            Self::Real => f64::null(),
            Self::Bytes => <Vec<u8>>::null(),
        }
    }
}

/// The columns of a table, in their order. Empty when there is no such table.
///
/// # Errors
/// The database's error.
pub async fn columns(conn: &Conn, table: &str) -> Result<Vec<(String, Kind)>> {
    let sql = match conn.engine() {
        Engine::Sqlite => "SELECT name, type AS kind FROM pragma_table_info($1) ORDER BY cid",
        Engine::Postgres => {
            "SELECT column_name::TEXT AS name, data_type::TEXT AS kind FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let mut all = Vec::new();
    for row in conn.all(sql, args![table]).await? {
        let kind = match row.get::<String>("kind")?.to_ascii_lowercase().as_str() {
            "text" => Kind::Text,
            "bigint" | "integer" => Kind::Int,
            "double" | "double precision" => Kind::Real,
            "blob" | "bytea" => Kind::Bytes,
            other => return Err(Error::invalid(format!("the table {table} has a column of the type {other}"))),
        };
        all.push((row.get("name")?, kind));
    }
    Ok(all)
}

/// The names of all tables that there are.
///
/// # Errors
/// The database's error.
pub async fn names(conn: &Conn) -> Result<Vec<String>> {
    let sql = match conn.engine() {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        Engine::Postgres => {
            "SELECT table_name::TEXT AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
        }
    };
    conn.all(sql, args![]).await?.iter().map(|row| row.get("name")).collect()
}

/// Hands every row of a table to `f`, one after the other, without holding them all. Names come from [`TABLES`].
///
/// # Errors
/// The database's error, or what `f` returned.
pub async fn each(
    conn: &Conn,
    table: &str,
    columns: &[(String, Kind)],
    f: impl FnMut(Vec<Value>) -> Result<()> + Send,
) -> Result<()> {
    hand_over(conn, format!("SELECT {} FROM \"{table}\"", quoted(columns)), columns, f).await
}

/// Names of columns as SQL; they are those of the schema.
fn quoted(columns: &[(String, Kind)]) -> String {
    columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// As [`each`], in the order of the columns, which is the same wherever the rows are.
///
/// # Errors
/// As [`each`].
pub async fn each_in_order(
    conn: &Conn,
    table: &str,
    columns: &[(String, Kind)],
    f: impl FnMut(Vec<Value>) -> Result<()> + Send,
) -> Result<()> {
    let names = quoted(columns);
    hand_over(conn, format!("SELECT {names} FROM \"{table}\" ORDER BY {names}"), columns, f).await
}

async fn hand_over(
    conn: &Conn,
    sql: String,
    columns: &[(String, Kind)],
    mut f: impl FnMut(Vec<Value>) -> Result<()> + Send,
) -> Result<()> {
    conn.each(sqlx::AssertSqlSafe(sql), |row| {
        let mut values = Vec::with_capacity(columns.len());
        for (name, kind) in columns {
            values.push(match kind {
                Kind::Text => Value::Text(row.get(name)?),
                Kind::Int => Value::Int(row.get(name)?),
                Kind::Real => Value::Real(row.get(name)?),
                Kind::Bytes => Value::Bytes(row.get(name)?),
            });
        }
        f(values)
    })
    .await
}

/// Writes rows into a table.
///
/// # Errors
/// The database's error.
pub async fn load(tx: &Tx, table: &str, columns: &[(String, Kind)], rows: &[Vec<Value>]) -> Result<()> {
    let (names, width) = (quoted(columns), columns.len());
    for some in rows.chunks(rows_at_once(tx.engine(), width)) {
        let values = tuples(some.len(), width);
        // Names of tables and columns are those of the schema.
        let sql = format!("INSERT INTO \"{table}\" ({names}) VALUES {values}");
        tx.exec(sqlx::AssertSqlSafe(sql), some.concat()).await?;
    }
    Ok(())
}

/// After [`load`]: the engine goes on numbering behind the rows that are there.
///
/// # Errors
/// The database's error.
pub async fn renumber(tx: &Tx) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        for (table, column) in NUMBERED {
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), COALESCE(MAX({column}), 0) + 1, false) AS next FROM {table}"
            );
            tx.all(sqlx::AssertSqlSafe(sql), args![]).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_table_is_in_the_list_once() {
        let (db, _dir) = crate::testing::store().await;
        let mut there = db.read(|c| async move { names(&c).await }).await.unwrap();
        there.retain(|t| t != "schema_migration");
        let mut listed: Vec<&str> = TABLES.iter().map(|(t, _)| *t).collect();
        listed.sort_unstable();
        assert_eq!(there, listed);
    }
}
