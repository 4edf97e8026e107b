//! Values that go into statements: TEXT, BIGINT, DOUBLE and bytes, nothing else.

use crate::Instant;

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
