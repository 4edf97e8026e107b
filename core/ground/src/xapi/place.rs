//! Where in a statement something is: `statement[2].actor.mbox`. Costs nothing until it is printed.

use std::fmt;

/// A path from the root of a JSON document, kept as a chain on the stack.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The root, under the name that people know it by.
    #[must_use]
    pub const fn root(name: &'a str) -> Self {
        Self { parent: None, step: Step::Root(name) }
    }

    /// A property of this place.
    #[must_use]
    pub const fn key(&'a self, key: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Key(key) }
    }

    /// An element of this place.
    #[must_use]
    pub const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root(name) => f.write_str(name),
            Step::Index(i) => write!(f, "[{i}]"),
            Step::Key(key) if is_plain(key) => write!(f, ".{key}"),
            Step::Key(key) => write!(f, "[{}]", Quoted(key)),
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.len() <= 64 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Foreign text in an error message: quoted, escaped, and cut when it is long.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        let mut chars = self.0.chars();
        f.write_str("'")?;
        for c in chars.by_ref().take(SHOWN) {
            match c {
                '\'' => f.write_str("\\'")?,
                c if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' => write!(f, "{c}")?,
                c => write!(f, "{}", c.escape_default())?,
            }
        }
        f.write_str(if chars.next().is_some() { "…'" } else { "'" })
    }
}
