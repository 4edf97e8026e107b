//! Values that go into statements and come out of rows: TEXT, BIGINT, DOUBLE and bytes, nothing else.

use sqlx::Row as _;

use crate::{Error, Instant, Result};

/// One bound parameter. Booleans are 0 or 1, instants are microseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// TEXT or NULL.
    Text(Option<String>),
    /// BIGINT or NULL.
    Int(Option<i64>),
    /// DOUBLE or NULL.
    Real(Option<f64>),
    /// Bytes or NULL.
    Bytes(Option<Vec<u8>>),
}

/// What can be bound as a parameter.
pub trait Bind {
    /// The parameter.
    fn value(self) -> Value;
    /// NULL of this type.
    fn null() -> Value;
}

macro_rules! bind {
    ($($t:ty => $kind:ident, |$v:ident| $e:expr;)*) => {$(
        impl Bind for $t {
            fn value(self) -> Value { let $v = self; Value::$kind(Some($e)) }
            fn null() -> Value { Value::$kind(None) }
        }
    )*};
}

bind! {
    String => Text, |v| v;
    &String => Text, |v| v.clone();
    &str => Text, |v| v.to_owned();
    uuid::Uuid => Text, |v| v.to_string();
    i64 => Int, |v| v;
    &i64 => Int, |v| *v;
    i32 => Int, |v| i64::from(v);
    u32 => Int, |v| i64::from(v);
    usize => Int, |v| i64::try_from(v).unwrap_or(i64::MAX);
    bool => Int, |v| i64::from(v);
    Instant => Int, |v| v.0;
    f64 => Real, |v| v;
    Vec<u8> => Bytes, |v| v;
    &[u8] => Bytes, |v| v.to_vec();
}

impl<T: Bind> Bind for Option<T> {
    fn value(self) -> Value {
        self.map_or_else(T::null, T::value)
    }
    fn null() -> Value {
        T::null()
    }
}

impl<'a, T> Bind for &'a Option<T>
where
    &'a T: Bind,
{
    fn value(self) -> Value {
        self.as_ref().map_or_else(<&T>::null, <&T>::value)
    }
    fn null() -> Value {
        <&T>::null()
    }
}

/// The parameters of a statement: `args![name, 3, None::<String>]`.
#[macro_export]
macro_rules! args {
    ($($v:expr),* $(,)?) => { vec![$($crate::db::Bind::value($v)),*] };
}

/// One row of an answer; columns are read by name.
#[derive(Clone)]
pub struct Row(Cells);

#[derive(Clone)]
enum Cells {
    Any(std::sync::Arc<sqlx::any::AnyRow>),
    Plain { names: std::sync::Arc<[String]>, values: std::sync::Arc<[Value]> },
}

/// What a column can hold as the engine gives it.
trait Raw: Sized + for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any> {
    /// From a plain value; `None` when it has another type, `Some(None)` for NULL.
    fn plain(value: &Value) -> Option<Option<Self>>;
}

macro_rules! raw {
    ($($t:ty: $kind:ident)*) => {$(
        impl Raw for $t {
            fn plain(value: &Value) -> Option<Option<Self>> {
                match value {
                    Value::$kind(v) => Some(v.clone()),
                    Value::Text(None) => Some(None),
                    _ => None,
                }
            }
        }
    )*};
}

raw! { i64: Int Vec<u8>: Bytes }

impl Raw for String {
    fn plain(value: &Value) -> Option<Option<Self>> {
        if let Value::Text(v) = value { Some(v.clone()) } else { None }
    }
}

impl Raw for f64 {
    fn plain(value: &Value) -> Option<Option<Self>> {
        match value {
            Value::Real(v) => Some(*v),
            // SQLite stores a whole number as one, also in a column of the type DOUBLE.
            Value::Int(v) => Some(v.map(|v| v as Self)),
            Value::Text(None) => Some(None),
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
        Self(Cells::Any(std::sync::Arc::new(row)))
    }

    pub(super) fn plain(names: std::sync::Arc<[String]>, values: Vec<Value>) -> Self {
        Self(Cells::Plain { names, values: values.into() })
    }

    fn raw<T: Raw>(&self, name: &str) -> Result<Option<T>> {
        match &self.0 {
            Cells::Any(row) => Ok(row.try_get(name)?),
            Cells::Plain { names, values } => {
                let place = names.iter().position(|n| n == name);
                let value = place.and_then(|n| values.get(n));
                let value = value.ok_or_else(|| Error::Database(sqlx::Error::ColumnNotFound(name.to_owned())))?;
                T::plain(value)
                    .ok_or_else(|| Error::Database(sqlx::Error::Protocol(format!("column {name} has another type"))))
            }
        }
    }

    /// The first column as text, whatever its type.
    pub(super) fn first_text(&self) -> String {
        match &self.0 {
            Cells::Any(row) => {
                let text: std::result::Result<String, _> = row.try_get(0);
                text.or_else(|_| row.try_get::<i64, _>(0).map(|n| n.to_string())).unwrap_or_default()
            }
            Cells::Plain { values, .. } => match values.first() {
                Some(Value::Text(Some(v))) => v.clone(),
                Some(Value::Int(Some(v))) => v.to_string(),
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
