//! Finding statements.
//!
//! A statement matches when it meets the filters itself, or when a statement that it refers to does (part three, 2.1.3
//! "Filter conditions for StatementRefs"); time and order always apply to the statement itself. `statement_target`
//! holds the references in full depth, so both halves are plain queries that use an index and stop at the limit.

use stoa_ground::db::{Bind, Engine, Value as Arg};
use stoa_ground::xapi::store::{self, Stored};
use stoa_ground::{Conn, Error, Instant, Result, args};

use super::credential::{Caller, Reading};
use super::query::{One, Query};

/// The most statements on one page.
const MAX_PAGE: usize = 500;
/// The most bytes of statements on one page; a single larger statement still is a page.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// One page of statements, each exactly as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The statements.
    pub bodies: Vec<String>,
    /// The newest of their `stored` times.
    pub stored: Option<Instant>,
    /// Where the next page starts, if there is one; see [`Query::next`].
    pub cursor: Option<i64>,
}

/// One statement by its id. A voided statement is found only when a voided one is asked for, and the other way round.
///
/// # Errors
/// [`Error::Forbidden`] when the caller may not read; the database's error.
pub async fn one(conn: &Conn, caller: &Caller, one: &One) -> Result<Option<Stored>> {
    let mine = mine(caller)?;
    let found = store::get(conn, &one.id).await?;
    Ok(found.filter(|s| s.voided == one.voided && mine.is_none_or(|key| key == s.authority)))
}

/// The statements that match.
///
/// # Errors
/// [`Error::Forbidden`] when the caller may not read; the database's error.
pub async fn find(conn: &Conn, caller: &Caller, query: &Query) -> Result<Page> {
    let limit = if query.limit == 0 { MAX_PAGE } else { query.limit.min(MAX_PAGE) };
    let Some((above, below)) = bounds(conn, query).await? else {
        return Ok(Page { bodies: Vec::new(), stored: None, cursor: None });
    };
    let search = Search::new(query, mine(caller)?, above, below, limit + 1);
    let rows = conn.all(sqlx::AssertSqlSafe(search.sql()), search.args).await?;
    let (mut positions, mut bytes) = (Vec::<i64>::new(), 0usize);
    for row in rows.iter().take(limit) {
        bytes += row.get::<usize>("size")?;
        if bytes > MAX_BYTES && !positions.is_empty() {
            break;
        }
        positions.push(row.get("position")?);
    }
    let cursor = positions.last().copied().filter(|_| rows.len() > positions.len());
    let (mut bodies, mut stored) = (Vec::with_capacity(positions.len()), None);
    for chunk in positions.chunks(200) {
        let numbers: Vec<String> = (1..=chunk.len()).map(|n| format!("${n}")).collect();
        let order = if query.ascending { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT stored, body FROM statement WHERE position IN ({}) ORDER BY position {order}",
            numbers.join(", ")
        );
        for row in conn.all(sqlx::AssertSqlSafe(sql), chunk.iter().map(Bind::value).collect()).await? {
            stored = stored.max(Some(row.get::<Instant>("stored")?));
            bodies.push(stoa_ground::xapi::store::body(conn.engine(), &row)?);
        }
    }
    Ok(Page { bodies, stored, cursor })
}

/// The time up to which everything that is or will be stored can be found: one writer commits in order, so that is
/// the newest statement's, and also a moment ago, because no write takes longer.
///
/// # Errors
/// The database's error.
pub async fn consistent_through(conn: &Conn) -> Result<Instant> {
    let row = conn.one("SELECT COALESCE(MAX(stored), 0) AS last FROM statement", args![]).await?;
    let last = row.get::<Instant>("last")?;
    // Where several servers write, one of them may be about to store something with an earlier time.
    Ok(if conn.engine() == Engine::Sqlite { last.max(conn.now().plus(-Instant::SECOND)) } else { last })
}

/// The authority that limits what the caller sees.
fn mine(caller: &Caller) -> Result<Option<&str>> {
    match caller.reading() {
        Reading::Everything => Ok(None),
        Reading::Mine => Ok(Some(caller.authority().key())),
        Reading::Nothing => Err(Error::Forbidden(format!("the key '{}' may not read statements", caller.key()))),
    }
}

/// Positions between which statements must lie (both excluded), from `since`, `until` and the page. Positions and
/// stored times rise together, so one index serves all. None when nothing can match.
async fn bounds(conn: &Conn, query: &Query) -> Result<Option<(i64, i64)>> {
    let (mut above, mut below) = (0, i64::MAX);
    if let Some(since) = query.since {
        let sql = "SELECT position FROM statement WHERE stored <= $1 ORDER BY stored DESC LIMIT 1";
        if let Some(row) = conn.opt(sql, args![since]).await? {
            above = row.get("position")?;
        }
    }
    if let Some(until) = query.until {
        let sql = "SELECT position FROM statement WHERE stored > $1 ORDER BY stored LIMIT 1";
        if let Some(row) = conn.opt(sql, args![until]).await? {
            below = row.get("position")?;
        }
    }
    match query.cursor {
        Some(cursor) if query.ascending => above = above.max(cursor),
        Some(cursor) => below = below.min(cursor),
        None => {}
    }
    Ok((below > above).then_some((above, below)))
}

/// The SQL of one search. Only numbers of parameters vary; every value is bound.
struct Search<'a> {
    query: &'a Query,
    mine: Option<&'a str>,
    args: Vec<Arg>,
    range: String,
    order: &'static str,
    limit: usize,
}

impl<'a> Search<'a> {
    fn new(query: &'a Query, mine: Option<&'a str>, above: i64, below: i64, limit: usize) -> Self {
        let order = if query.ascending { "ASC" } else { "DESC" };
        let mut args = args![above, below, limit];
        let mut range = "s.voided = 0 AND s.position > $1 AND s.position < $2".to_owned();
        if let Some(key) = mine {
            args.push(key.value());
            range.push_str(&format!(" AND s.authority = ${}", args.len()));
        }
        args.extend(
            [&query.agent, &query.activity, &query.verb, &query.registration].into_iter().flatten().map(Bind::value),
        );
        Self { query, mine, args, range, order, limit: 3 }
    }

    fn sql(&self) -> String {
        let (range, order, limit) = (&self.range, self.order, self.limit);
        let (joins, filters) = self.filters("s");
        let direct = format!("SELECT s.position, s.size FROM statement s{joins} WHERE {range}{filters}");
        if filters.is_empty() && joins.is_empty() {
            return format!("{direct} ORDER BY s.position {order} LIMIT ${limit}");
        }
        let (joins, filters) = self.filters("d");
        format!(
            "SELECT position, size FROM (
               SELECT * FROM ({direct} ORDER BY s.position {order} LIMIT ${limit}) AS direct
               UNION
               SELECT * FROM (
                 SELECT s.position, s.size FROM statement d
                 JOIN statement_target t ON t.target = d.id
                 JOIN statement s ON s.position = t.position{joins}
                 WHERE {range}{filters} ORDER BY s.position {order} LIMIT ${limit}) AS through
             ) AS found ORDER BY position {order} LIMIT ${limit}"
        )
    }

    /// Joins and conditions that make the statement under this alias meet the filters.
    fn filters(&self, alias: &str) -> (String, String) {
        let q = self.query;
        let mut number = 3 + usize::from(self.mine.is_some());
        let mut next = || {
            number += 1;
            number
        };
        let (mut joins, mut filters) = (String::new(), String::new());
        for (given, table, column, broad) in [
            (&q.agent, "statement_agent", "agent", q.related_agents),
            (&q.activity, "statement_activity", "activity", q.related_activities),
        ] {
            if given.is_some() {
                joins.push_str(&format!(
                    " JOIN {table} {column}_of ON {column}_of.position = {alias}.position AND {column}_of.{column} = ${}",
                    next()
                ));
                if !broad {
                    joins.push_str(&format!(" AND {column}_of.related = 0"));
                }
            }
        }
        for (given, column) in [(&q.verb, "verb"), (&q.registration, "registration")] {
            if given.is_some() {
                filters.push_str(&format!(" AND {alias}.{column} = ${}", next()));
            }
        }
        (joins, filters)
    }
}
