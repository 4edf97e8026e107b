//! Values that go into statements and come out of rows: TEXT, BIGINT, DOUBLE and bytes, nothing else.

use sqlx::Row as _;

use crate::{Instant, Result};

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
pub struct Row(pub(super) sqlx::any::AnyRow);

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
            fn read(row: &Row, name: &str) -> Result<Self> { let $v: $raw = row.0.try_get(name)?; Ok($e) }
        }
        impl Column for Option<$t> {
            fn read(row: &Row, name: &str) -> Result<Self> {
                let v: Option<$raw> = row.0.try_get(name)?;
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

impl Row {
    /// The first column as text, whatever its type.
    pub(super) fn first_text(&self) -> String {
        let text: Result<String, _> = self.0.try_get(0);
        text.or_else(|_| self.0.try_get::<i64, _>(0).map(|n| n.to_string())).unwrap_or_default()
    }

    /// The value of a column.
    ///
    /// # Errors
    /// When the column does not exist or has another type.
    pub fn get<T: Column>(&self, name: &str) -> Result<T> {
        T::read(self, name)
    }
}
