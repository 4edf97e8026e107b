//! What queries give: rows of TEXT, BIGINT, DOUBLE and bytes, whose columns are read by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::types::ValueRef;
use sqlx::Row as _;

use crate::{Error, Instant, Result};

/// One row of an answer; columns are read by name.
pub struct Row(Cells);

enum Cells {
    Any(sqlx::any::AnyRow),
    Plain {
        answer: Arc<Answer>,
        /// Where its cells begin.
        first: usize,
        /// The column behind the one that was read last: most are read in the order in which they stand.
        next: AtomicUsize,
    },
}

/// What a query on SQLite gave: the cells of all rows one after the other, and behind them all texts and all bytes, so that
/// many rows take few allocations.
pub(super) struct Answer {
    names: Arc<[String]>,
    cells: Vec<Cell>,
    texts: String,
    bytes: Vec<u8>,
}

/// A cell; of a text, and of bytes, where they begin and end.
#[derive(Clone, Copy)]
enum Cell {
    Null,
    Int(i64),
    Real(f64),
    Text(usize, usize),
    Bytes(usize, usize),
}

/// A cell with what is in it.
enum Plain<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Answer {
    pub(super) fn new(names: Arc<[String]>) -> Self {
        Self { names, cells: Vec::new(), texts: String::new(), bytes: Vec::new() }
    }

    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// The next cell, in the order of columns and rows.
    pub(super) fn push(&mut self, value: ValueRef<'_>) {
        self.cells.push(match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(v) => Cell::Int(v),
            ValueRef::Real(v) => Cell::Real(v),
            ValueRef::Text(v) => {
                let start = self.texts.len();
                match std::str::from_utf8(v) {
                    Ok(text) => self.texts.push_str(text),
                    Err(_) => self.texts.push_str(&String::from_utf8_lossy(v)),
                }
                Cell::Text(start, self.texts.len())
            }
            ValueRef::Blob(v) => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(v);
                Cell::Bytes(start, self.bytes.len())
            }
        });
    }

    /// Its rows.
    pub(super) fn rows(self) -> impl Iterator<Item = Row> {
        let (width, cells) = (self.width().max(1), self.cells.len());
        let answer = Arc::new(self);
        let row = move |first| Row(Cells::Plain { answer: answer.clone(), first, next: AtomicUsize::new(0) });
        (0..cells).step_by(width).map(row)
    }

    fn cell(&self, place: usize) -> Option<Plain<'_>> {
        Some(match *self.cells.get(place)? {
            Cell::Null => Plain::Null,
            Cell::Int(v) => Plain::Int(v),
            Cell::Real(v) => Plain::Real(v),
            Cell::Text(start, end) => Plain::Text(self.texts.get(start..end)?),
            Cell::Bytes(start, end) => Plain::Bytes(self.bytes.get(start..end)?),
        })
    }
}

/// What a column can hold as the engine gives it.
trait Raw: Sized + for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any> {
    /// From a plain value that is not NULL; `None` when it has another type.
    fn plain(value: &Plain<'_>) -> Option<Self>;
}

impl Raw for i64 {
    fn plain(value: &Plain<'_>) -> Option<Self> {
        if let Plain::Int(v) = value { Some(*v) } else { None }
    }
}

impl Raw for Vec<u8> {
    fn plain(value: &Plain<'_>) -> Option<Self> {
        if let Plain::Bytes(v) = value { Some(v.to_vec()) } else { None }
    }
}

impl Raw for String {
    fn plain(value: &Plain<'_>) -> Option<Self> {
        if let Plain::Text(v) = value { Some((*v).to_owned()) } else { None }
    }
}

impl Raw for f64 {
    fn plain(value: &Plain<'_>) -> Option<Self> {
        match value {
            Plain::Real(v) => Some(*v),
            // SQLite stores a whole number as one, also in a column of the type DOUBLE.
            Plain::Int(v) => Some(*v as Self),
            _ => None,
        }
    }
}

/// What can be read from a column.
pub trait Column: Sized {
    /// Reads the column `name`.
    ///
    /// # Errors
    /// When the column does not exist or has another type.
    fn read(row: &Row, name: &str) -> Result<Self>;
}

macro_rules! column {
    ($($t:ty: $raw:ty => |$v:ident| $e:expr;)*) => {$(
        impl Column for $t {
            fn read(row: &Row, name: &str) -> Result<Self> {
                let v: Option<$raw> = row.raw(name)?;
                let $v = v.ok_or_else(|| null(name))?;
                Ok($e)
            }
        }
        impl Column for Option<$t> {
            fn read(row: &Row, name: &str) -> Result<Self> {
                let v: Option<$raw> = row.raw(name)?;
                Ok(match v { Some($v) => Some($e), None => None })
            }
        }
    )*};
}

column! {
    String: String => |v| v;
    i64: i64 => |v| v;
    f64: f64 => |v| v;
    Vec<u8>: Vec<u8> => |v| v;
    bool: i64 => |v| v != 0;
    Instant: i64 => |v| Instant(v);
    u32: i64 => |v| u32::try_from(v).unwrap_or(0);
    usize: i64 => |v| usize::try_from(v).unwrap_or(0);
    serde_json::Value: String => |v| serde_json::from_str(&v)?;
}

fn null(name: &str) -> Error {
    let source: Box<dyn std::error::Error + Send + Sync> = "unexpected null".into();
    Error::Database(sqlx::Error::ColumnDecode { index: format!("{name:?}"), source })
}

impl Row {
    pub(super) fn any(row: sqlx::any::AnyRow) -> Self {
        Self(Cells::Any(row))
    }

    fn raw<T: Raw>(&self, name: &str) -> Result<Option<T>> {
        let (answer, first, next) = match &self.0 {
            Cells::Any(row) => return Ok(row.try_get(name)?),
            Cells::Plain { answer, first, next } => (answer, first, next),
        };
        let from = next.load(Ordering::Relaxed);
        let names = answer.names.iter().enumerate();
        let found = names.clone().skip(from).chain(names.take(from)).find(|(_, n)| *n == name);
        let (place, _) = found.ok_or_else(|| Error::Database(sqlx::Error::ColumnNotFound(name.to_owned())))?;
        next.store(place + 1, Ordering::Relaxed);
        let read = match answer.cell(first + place) {
            Some(Plain::Null) => return Ok(None),
            Some(value) => T::plain(&value),
            None => None,
        };
        let other = || Error::Database(sqlx::Error::Protocol(format!("column {name} has another type")));
        read.map(Some).ok_or_else(other)
    }

    /// The first column as text, whatever its type.
    pub(super) fn first_text(&self) -> String {
        match &self.0 {
            Cells::Any(row) => {
                let text: std::result::Result<String, _> = row.try_get(0);
                text.or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string())).unwrap_or_default()
            }
            Cells::Plain { answer, first, .. } => match answer.cell(*first) {
                Some(Plain::Text(v)) => v.to_owned(),
                Some(Plain::Int(v)) => v.to_string(),
                _ => String::new(),
            },
        }
    }

    /// The value of a column.
    ///
    /// # Errors
    /// When the column does not exist or has another type.
    pub fn get<T: Column>(&self, name: &str) -> Result<T> {
        T::read(self, name)
    }
}
