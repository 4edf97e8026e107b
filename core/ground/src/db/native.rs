//! SQLite on the caller's own thread, through `rusqlite`: a statement takes about one microsecond, where one that goes to
//! another thread and back takes six. See docs/decisions/0007.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as Plain, ValueRef};
use rustix::fs::StatVfsMountFlags;
use sqlx::error::{DatabaseError, ErrorKind};

use super::answer::{Answer, Row};
use super::value::Value;
use crate::{Error, Result};

/// How many statements stay prepared.
const PREPARED: usize = 512;

/// How many statements' shapes are remembered; those that are built for a number of values have many.
const SHAPES: usize = 4 * PREPARED;

thread_local! {
    static LOGGED: Cell<c_int> = const { Cell::new(0) };
}

/// The pages in the write-ahead log after the last commit of a connection that leaves it alone, on this thread.
pub(super) fn logged() -> c_int {
    LOGGED.get()
}

/// A connection with the names of the columns that its queries give.
pub(super) struct Native {
    conn: rusqlite::Connection,
    shapes: RefCell<HashMap<String, Shape, foldhash::fast::RandomState>>,
}

/// What a statement takes and gives; asked once, because SQLite looks for names each time.
#[derive(Clone)]
struct Shape {
    /// For each parameter, its number: `$2` may come first.
    parameters: Arc<[usize]>,
    columns: Arc<[String]>,
}

impl Native {
    /// Opens a file, or makes it.
    pub(super) fn open(path: &str) -> Result<Self> {
        Self::of(rusqlite::Connection::open(path).map_err(failed)?)
    }

    /// Whether a transaction is open.
    pub(super) fn is_in_transaction(&self) -> bool {
        !self.conn.is_autocommit()
    }

    /// Opens a file that is there, for queries alone; `locked` says that nothing may be written beside it either. It may
    /// have to wait while the file is recovered.
    pub(super) fn open_reader(path: &str, locked: bool) -> Result<Self> {
        if !locked {
            return Self::reader(path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        }
        let read = OpenFlags::SQLITE_OPEN_READ_ONLY;
        match Self::reader(path, read) {
            // Readers share a file that cannot be made on a read-only disk. Nobody changes what lies there.
            Err(e) if cannot_open(&e) => match at_rest(Path::new(path)) {
                Some(uri) => Self::reader(&uri, read | OpenFlags::SQLITE_OPEN_URI),
                None => Err(e),
            },
            opened => opened,
        }
    }

    fn reader(path: &str, how: OpenFlags) -> Result<Self> {
        let opened = rusqlite::Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX);
        let native = Self::of(opened.map_err(failed)?)?;
        // SQLite looks at the file with the first query.
        native.batch("PRAGMA busy_timeout=10000; PRAGMA query_only=ON; SELECT 1 FROM sqlite_schema LIMIT 1")?;
        Ok(native)
    }

    fn of(conn: rusqlite::Connection) -> Result<Self> {
        conn.set_prepared_statement_cache_capacity(PREPARED);
        // Without this a statement with `LIMIT $1` is prepared anew each time, because its plan may depend on the number.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
        Ok(Self { conn, shapes: RefCell::default() })
    }

    /// From now on commits copy nothing from the write-ahead log into the file, as SQLite's do by themselves; they note how many
    /// pages it has, for [`logged`].
    pub(super) fn leave_log(&self) {
        self.conn.wal_hook(Some(|_, pages| {
            LOGGED.set(pages);
            Ok(())
        }));
    }

    /// Runs statements without parameters, such as settings.
    pub(super) fn batch(&self, sql: &str) -> Result<()> {
        self.conn.execute_batch(sql).map_err(failed)
    }

    /// All rows of a query.
    pub(super) fn all(&self, sql: &str, args: &[Value]) -> Result<Vec<Row>> {
        self.asked(sql, args, |names, rows| {
            let mut answer = Answer::new(names);
            while let Some(row) = rows.next().map_err(failed)? {
                push(&mut answer, row)?;
            }
            Ok(answer.rows().collect())
        })
    }

    /// Hands the rows of a query to `f` one after the other.
    pub(super) fn each(&self, sql: &str, args: &[Value], mut f: impl FnMut(&Row) -> Result<()>) -> Result<()> {
        self.asked(sql, args, |names, rows| {
            while let Some(row) = rows.next().map_err(failed)? {
                let mut answer = Answer::new(names.clone());
                push(&mut answer, row)?;
                answer.rows().try_for_each(|row| f(&row))?;
            }
            Ok(())
        })
    }

    fn asked<T>(
        &self,
        sql: &str,
        args: &[Value],
        read: impl FnOnce(Arc<[String]>, &mut rusqlite::Rows<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let shape = self.shape_of(sql, &statement);
        bind(&mut statement, &shape, args)?;
        read(shape.columns, &mut statement.raw_query())
    }

    fn shape_of(&self, sql: &str, statement: &rusqlite::Statement<'_>) -> Shape {
        let mut all = self.shapes.borrow_mut();
        if let Some(shape) = all.get(sql) {
            return shape.clone();
        }
        let number = |place: usize| {
            let named = statement.parameter_name(place).and_then(|name| name.get(1..)?.parse::<usize>().ok());
            named.unwrap_or(place)
        };
        let shape = Shape {
            parameters: (1..=statement.parameter_count()).map(number).collect(),
            columns: statement.column_names().into_iter().map(str::to_owned).collect(),
        };
        if all.len() >= SHAPES {
            all.clear();
        }
        all.insert(sql.to_owned(), shape.clone());
        shape
    }

    /// Runs a statement and gives the number of rows that it changed.
    pub(super) fn exec(&self, sql: &str, args: &[Value]) -> Result<u64> {
        let mut statement = self.conn.prepare_cached(sql).map_err(failed)?;
        let shape = self.shape_of(sql, &statement);
        bind(&mut statement, &shape, args)?;
        let changed = statement.raw_execute().map_err(failed)?;
        Ok(u64::try_from(changed).unwrap_or(0))
    }
}

/// Whether SQLite could not open what it needs (SQLITE_CANTOPEN in all its forms).
fn cannot_open(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    let code = error.as_database_error().and_then(DatabaseError::code).and_then(|code| code.parse().ok());
    code.is_some_and(|code: u32| code & 0xff == 14)
}

/// The name by which SQLite reads a file without looking for others beside it: of one on a read-only disk that was closed
/// as it should be.
fn at_rest(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let closed = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
    let read_only = rustix::fs::statvfs(&path).ok()?.f_flag.contains(StatVfsMountFlags::RDONLY);
    let name = path.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    (closed && read_only).then(|| format!("file:{name}?immutable=1"))
}

/// Binds `$1`, `$2` … by their numbers; SQLite itself takes them for names and counts in the order in which they come.
fn bind(statement: &mut rusqlite::Statement<'_>, shape: &Shape, args: &[Value]) -> Result<()> {
    for (place, number) in shape.parameters.iter().enumerate() {
        statement.raw_bind_parameter(place + 1, Bound(args.get(number - 1))).map_err(failed)?;
    }
    Ok(())
}

struct Bound<'a>(Option<&'a Value>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Some(Value::Text(Some(v))) => ToSqlOutput::Borrowed(ValueRef::Text(v.as_bytes())),
            Some(Value::Int(Some(v))) => ToSqlOutput::Owned(Plain::Integer(*v)),
            Some(Value::Real(Some(v))) => ToSqlOutput::Owned(Plain::Real(*v)),
            Some(Value::Bytes(Some(v))) => ToSqlOutput::Borrowed(ValueRef::Blob(v)),
            _ => ToSqlOutput::Owned(Plain::Null),
        })
    }
}

fn push(answer: &mut Answer, row: &rusqlite::Row<'_>) -> Result<()> {
    for n in 0..answer.width() {
        answer.push(row.get_ref(n).map_err(failed)?);
    }
    Ok(())
}

/// As the other driver tells it, with SQLite's extended result code.
#[derive(Debug)]
struct Refused {
    code: String,
    message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl StdError for Refused {}

impl DatabaseError for Refused {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.code))
    }

    fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        match self.code.as_str() {
            "1555" | "2067" => ErrorKind::UniqueViolation,
            "787" => ErrorKind::ForeignKeyViolation,
            "1299" => ErrorKind::NotNullViolation,
            "275" => ErrorKind::CheckViolation,
            _ => ErrorKind::Other,
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn failed(e: rusqlite::Error) -> Error {
    Error::Database(match e {
        rusqlite::Error::SqliteFailure(code, message) => sqlx::Error::Database(Box::new(Refused {
            code: code.extended_code.to_string(),
            message: message.unwrap_or_else(|| code.to_string()),
        })),
        other => sqlx::Error::Encode(other.to_string().into()),
    })
}
