//! The values that go into a message.

use fluent_bundle::FluentValue;

use super::isolate::harmless;

/// A value for a message: a text, or a number that chooses the plural form. Text is data: control characters are
/// dropped, and what is written from right to left is isolated from the sentence around it.
#[derive(Debug, Clone)]
pub struct Arg<'a>(pub(super) FluentValue<'a>);

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Arg<'a> {
        Arg(FluentValue::String(harmless(text)))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Arg<'a> {
        Arg::from(text.as_str())
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        let text = harmless(&text).into_owned();
        Arg(FluentValue::String(text.into()))
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Arg<'_> {
            fn from(number: $number) -> Self {
                Arg(FluentValue::from(number))
            }
        })*
    };
}

numbers!(i32, i64, u32, u64, usize, f64);
