//! The table of statements: storing them, voiding, and what the filters need.
//!
//! `position` is the place in the change feed, and `stored` rises strictly with it, so that a reader who asks for what
//! was stored `since` the last statement it saw misses nothing, also while the clock stands still.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use super::compare::{self, Kept};
use super::statement::{Statement, agent_key, column_key};
use crate::db::Engine;
use crate::db::Value as Arg;
use crate::{Conn, Db, Error, Instant, Result, Row, Tx, args};

/// Who vouches for statements: it becomes their `authority`.
#[derive(Clone, Debug)]
pub struct Authority {
    agent: Value,
    key: String,
    /// Whether definitions in its statements become the canonical ones.
    pub may_define: bool,
    /// Whether it may void statements of other authorities, and ones that are not here yet.
    pub may_void_any: bool,
}

impl Authority {
    /// An authority with an account, without further rights.
    #[must_use]
    pub fn account(home_page: &str, account: &str, name: &str) -> Self {
        let mut agent = json!({"objectType": "Agent", "account": {"homePage": home_page, "name": account}});
        if !name.is_empty() {
            agent["name"] = name.into();
        }
        let key = agent_key(&agent).unwrap_or_default();
        Self { agent, key, may_define: false, may_void_any: false }
    }

    /// Its key, as in [`agent_key`].
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

struct Ready<'a> {
    statement: &'a Statement,
    id: String,
    position: i64,
    stored: Instant,
}

/// Stores statements, all or none, and gives their ids in order. One that is already stored is left as it is. Publishes
/// the topic `statement` with the id of each new one.
///
/// # Errors
/// [`Error::Conflict`] when an id is stored with another statement; [`Error::Forbidden`] when the authority may not
/// void what a statement voids.
pub async fn insert(tx: &Tx, statements: &[Statement], authority: &Authority) -> Result<Vec<String>> {
    let ids: Vec<String> = statements.iter().map(|s| s.id().unwrap_or_else(|| tx.clock().id().to_string())).collect();
    let known = kept(tx, &ids).await?;
    let mut stored = match tx.engine() {
        Engine::Sqlite => {
            let last = tx.one("SELECT COALESCE(MAX(stored), 0) AS last FROM statement", args![]).await?;
            last.get("last")?
        }
        Engine::Postgres => Instant(0),
    };
    let mut fresh: Vec<(&Statement, &String)> = Vec::new();
    for (statement, id) in statements.iter().zip(&ids) {
        if let Some(kept) = known.get(id) {
            if compare::same(kept, statement.digest(), statement.timestamp()) {
                continue;
            }
            return Err(Error::Conflict(format!(
                "statement {id} is already stored with other content; a new statement needs a new id"
            )));
        }
        fresh.push((statement, id));
    }
    let mut ready: Vec<Ready> = Vec::new();
    let keys: Vec<&str> = fresh.iter().map(|(_, id)| id.as_str()).collect();
    let positions = tx.publish_all("statement", &keys).await?;
    for ((statement, id), position) in fresh.into_iter().zip(positions) {
        // Without a position there is no stored time either: the sequencer gives both.
        stored = if position < 0 { Instant(position) } else { tx.now().max(stored.plus(1)) };
        ready.push(Ready { statement, id: id.clone(), position, stored });
    }
    tx.insert_rows("statement", STATEMENT, ready.iter().map(|r| row(r, authority)).collect()).await?;
    for r in ready.iter().filter(|r| r.statement.voids().is_some()) {
        check_voiding(tx, r, authority).await?;
    }
    insert_mentions(tx, &ready, authority).await?;
    for r in &ready {
        follow_references(tx, r).await?;
    }
    mark_voided(tx, &ready).await?;
    if authority.may_define {
        define(tx, &ready).await?;
    }
    Ok(ids)
}

async fn kept(conn: &Conn, ids: &[String]) -> Result<HashMap<String, Kept>> {
    let mut known = HashMap::new();
    let before = "SELECT id, digest, timestamp, stored FROM statement WHERE id IN";
    for row in conn.all_in(before, ids, "", args![]).await? {
        let kept = Kept { digest: row.get("digest")?, timestamp: row.get("timestamp")?, stored: row.get("stored")? };
        known.insert(row.get("id")?, kept);
    }
    Ok(known)
}

/// Gives statements that have just got their positions their stored times, which rise with them, and those that came
/// without a timestamp the same as timestamp; `$1` is now.
pub(crate) const STAMP: &str = "WITH fresh AS (
      SELECT position, row_number() OVER (ORDER BY position) AS n FROM statement WHERE stored < 0 AND position > 0),
    top AS (SELECT COALESCE(MAX(stored), 0) + 1 AS next FROM statement)
    UPDATE statement SET stored = CASE WHEN top.next < $1 THEN $1 ELSE top.next END + fresh.n - 1,
      timestamp = CASE WHEN timestamp <> stored THEN timestamp
        WHEN top.next < $1 THEN $1 + fresh.n - 1 ELSE top.next + fresh.n - 1 END
    FROM fresh, top WHERE statement.position = fresh.position AND statement.stored < 0";

/// A statement as it is given out, from its row: on PostgreSQL it was written down before its stored time was known.
///
/// # Errors
/// The database's error.
pub fn body(engine: Engine, row: &Row) -> Result<String> {
    let body: String = row.get("body")?;
    if engine == Engine::Sqlite {
        return Ok(body);
    }
    complete(body, row.get("stored")?)
}

/// Writes the stored times into the statements that came from PostgreSQL without them.
pub(crate) async fn complete_all(db: &Db) -> Result<()> {
    if db.engine() == Engine::Postgres {
        return Ok(());
    }
    let mut after = 0i64;
    loop {
        let sql = "SELECT position, stored, body FROM statement WHERE position > $1 ORDER BY position LIMIT 200";
        let rows = db.all(sql, args![after]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.get("position")?;
        let mut changed: Vec<(i64, String)> = Vec::new();
        for row in &rows {
            let body: String = row.get("body")?;
            let whole = complete(body.clone(), row.get("stored")?)?;
            if whole != body {
                changed.push((row.get("position")?, whole));
            }
        }
        let changed = &changed;
        db.write(|tx| async move {
            for (position, body) in changed {
                tx.exec("UPDATE statement SET body = $2 WHERE position = $1", args![*position, body]).await?;
            }
            Ok(())
        })
        .await?;
    }
}

/// A statement with its stored time, and its timestamp if it has none.
fn complete(body: String, stored: Instant) -> Result<String> {
    let mut whole: Map<String, Value> = match serde_json::from_str(&body)? {
        Value::Object(whole) if !whole.contains_key("stored") => whole,
        _ => return Ok(body),
    };
    let stored = precise(stored);
    whole.entry("timestamp").or_insert_with(|| stored.clone().into());
    whole.insert("stored".into(), stored.into());
    Ok(Value::Object(whole).to_string())
}

const STATEMENT: &[&str] =
    &["position", "id", "stored", "timestamp", "verb", "registration", "voids", "authority", "digest", "size", "body"];

fn row(r: &Ready, authority: &Authority) -> Vec<Arg> {
    let s = r.statement;
    let timestamp = s.timestamp().unwrap_or(r.stored);
    let mut whole = s.map.clone();
    whole.entry("id").or_insert_with(|| r.id.clone().into());
    whole.entry("version").or_insert_with(|| s.version.of_statement().into());
    if r.position > 0 {
        whole.entry("timestamp").or_insert_with(|| precise(timestamp).into());
        whole.insert("stored".into(), precise(r.stored).into());
    }
    whole.insert("authority".into(), authority.agent.clone());
    let body = Value::Object(whole).to_string();
    args![
        r.position,
        &r.id,
        r.stored,
        timestamp,
        &*column_key(s.verb()),
        s.registration(),
        s.voids(),
        &authority.key,
        s.digest(),
        body.len(),
        body
    ]
}

/// RFC 3339 with microseconds: `stored` must not lose what tells two statements apart.
fn precise(at: Instant) -> String {
    format!("{:.6}", at.timestamp())
}

async fn insert_mentions(tx: &Tx, ready: &[Ready<'_>], authority: &Authority) -> Result<()> {
    let (mut agents, mut activities) = (Vec::new(), Vec::new());
    for r in ready {
        let mut mentions = r.statement.mentions().clone();
        mentions.agents.entry(authority.key.clone()).or_insert(true);
        agents.extend(mentions.agents.into_iter().map(|(key, related)| args![key, r.position, related]));
        activities.extend(mentions.activities.into_iter().map(|(key, related)| args![key, r.position, related]));
    }
    tx.insert_rows("statement_agent", &["agent", "position", "related"], agents).await?;
    tx.insert_rows("statement_activity", &["activity", "position", "related"], activities).await
}

/// Keeps `statement_target` closed: a statement refers to what its target refers to.
async fn follow_references(tx: &Tx, r: &Ready<'_>) -> Result<()> {
    let Some(target) = r.statement.target() else { return Ok(()) };
    tx.exec(
        "INSERT INTO statement_target (target, position) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        args![&target, r.position],
    )
    .await?;
    tx.exec(
        "INSERT INTO statement_target (target, position)
         SELECT t.target, $1 FROM statement_target t JOIN statement s ON s.position = t.position WHERE s.id = $2
         ON CONFLICT DO NOTHING",
        args![r.position, &target],
    )
    .await?;
    tx.exec(
        "INSERT INTO statement_target (target, position)
         SELECT t.target, f.position FROM statement_target f, statement_target t
         WHERE f.target = $1 AND t.position = $2
         ON CONFLICT DO NOTHING",
        args![&r.id, r.position],
    )
    .await?;
    Ok(())
}

async fn check_voiding(tx: &Tx, r: &Ready<'_>, authority: &Authority) -> Result<()> {
    if authority.may_void_any {
        return Ok(());
    }
    let target = r.statement.voids();
    let found = tx.opt("SELECT authority FROM statement WHERE id = $1", args![target.clone()]).await?;
    if found.map(|row| row.get::<String>("authority")).transpose()?.is_some_and(|a| a == authority.key) {
        return Ok(());
    }
    Err(Error::Forbidden(format!(
        "statement {} may be voided only by the credentials that stored it, or with the scope 'all'",
        target.unwrap_or_default()
    )))
}

/// A statement is voided when it is not itself a voiding one and a voiding one refers to it, whichever came first.
async fn mark_voided(tx: &Tx, ready: &[Ready<'_>]) -> Result<()> {
    for target in ready.iter().filter_map(|r| r.statement.voids()) {
        tx.exec("UPDATE statement SET voided = 1 WHERE id = $1 AND voids IS NULL", args![target]).await?;
    }
    // Not `voids IS NULL`: that has an index, which holds nearly all statements, and SQLite would take it.
    let sql = "UPDATE statement SET voided = 1 WHERE COALESCE(voids, '') = ''
               AND EXISTS (SELECT 1 FROM statement v WHERE v.voids = statement.id) AND id IN";
    let ids: Vec<&str> = ready.iter().map(|r| r.id.as_str()).collect();
    tx.exec_in(sql, &ids, args![]).await?;
    Ok(())
}

async fn define(tx: &Tx, ready: &[Ready<'_>]) -> Result<()> {
    let mut given: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (id, definition) in ready.iter().flat_map(|r| r.statement.definitions()) {
        given.entry(id).or_default().push(definition);
    }
    let keys: Vec<String> = given.keys().map(|id| column_key(id).into_owned()).collect();
    let mut known: HashMap<String, Map<String, Value>> = HashMap::new();
    let before = "SELECT id, definition FROM activity_definition WHERE id IN";
    for row in tx.all_in(before, &keys, "", args![]).await? {
        known.insert(row.get("id")?, serde_json::from_str(&row.get::<String>("definition")?)?);
    }
    for (id, definitions) in given {
        let old = known.remove(&*column_key(id)).unwrap_or_default();
        let mut new = old.clone();
        for definition in definitions {
            merge_definition(&mut new, definition);
        }
        if new != old {
            tx.exec(
                "INSERT INTO activity_definition (id, definition) VALUES ($1, $2)
                 ON CONFLICT (id) DO UPDATE SET definition = excluded.definition",
                args![&*column_key(id), Value::Object(new).to_string()],
            )
            .await?;
        }
    }
    Ok(())
}

/// The canonical definition of an activity; empty when none is known.
///
/// # Errors
/// The database's error.
pub async fn definition(conn: &Conn, id: &str) -> Result<Map<String, Value>> {
    let row = conn.opt("SELECT definition FROM activity_definition WHERE id = $1", args![&*column_key(id)]).await?;
    let Some(row) = row else { return Ok(Map::new()) };
    Ok(serde_json::from_str(&row.get::<String>("definition")?)?)
}

/// Texts and extensions are added and updated; the type and what makes an interaction stay as they were first given
/// (2.4.4.1: an LRS makes no significant changes, for example to correct responses).
fn merge_definition(known: &mut Map<String, Value>, given: &Value) {
    for (key, value) in given.as_object().into_iter().flatten() {
        match (key.as_str(), known.get_mut(key), value) {
            ("name" | "description" | "extensions", Some(Value::Object(old)), Value::Object(new)) => {
                old.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
            }
            ("moreInfo", _, _) | (_, None, _) => {
                known.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
}

/// A stored statement as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its place in the change feed.
    pub position: i64,
    /// When it was stored.
    pub stored: Instant,
    /// Whether it has been voided.
    pub voided: bool,
    /// The key of its authority.
    pub authority: String,
    /// The statement exactly as it is given out.
    pub body: String,
}

/// The statement with this id, also when it is voided.
///
/// # Errors
/// The database's error.
pub async fn get(conn: &Conn, id: &str) -> Result<Option<Stored>> {
    let row = conn
        .opt(
            "SELECT position, stored, voided, authority, body FROM statement WHERE id = $1",
            args![id.to_ascii_lowercase()],
        )
        .await?;
    row.map(|row| {
        Ok(Stored {
            position: row.get("position")?,
            stored: row.get("stored")?,
            voided: row.get("voided")?,
            authority: row.get("authority")?,
            body: body(conn.engine(), &row)?,
        })
    })
    .transpose()
}

/// A stored statement without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The key of its authority.
    pub authority: String,
    /// The id of the statement that it voids.
    pub voids: Option<String>,
    /// Whether it has been voided.
    pub voided: bool,
}

/// What is known of the statement with this id without reading it.
///
/// # Errors
/// The database's error.
pub async fn head(conn: &Conn, id: &str) -> Result<Option<Head>> {
    let row = conn.opt("SELECT authority, voids, voided FROM statement WHERE id = $1", args![id]).await?;
    row.map(|row| Ok(Head { authority: row.get("authority")?, voids: row.get("voids")?, voided: row.get("voided")? }))
        .transpose()
}

/// The id of a statement that voids this one.
///
/// # Errors
/// The database's error.
pub async fn voided_by(conn: &Conn, id: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT id FROM statement WHERE voids = $1 ORDER BY position LIMIT 1", args![id]).await?;
    row.map(|row| row.get("id")).transpose()
}

#[cfg(test)]
mod tests;
