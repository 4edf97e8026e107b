//! One error type for the core: what went wrong, in words that can be shown to a person.

/// The result of everything in the core that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in the core. `Display` gives one clear sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller gave something that cannot be accepted. The sentence names the place and the way out.
    #[error("{0}")]
    Invalid(String),
    /// Something that was named does not exist.
    #[error("{0} was not found")]
    NotFound(String),
    /// The same key exists with other content, or a record is out of order.
    #[error("{0}")]
    Conflict(String),
    /// The person may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Stored JSON does not have the expected shape.
    #[error("stored data could not be read: {0}")]
    Stored(#[from] serde_json::Error),
    /// A file or socket failed; the text names it.
    #[error("{0}")]
    Io(String),
    /// The store could not take a write: nothing of it counts as done, and nothing is wrong with what was asked.
    #[error("{0}")]
    Unavailable(String),
    /// The store was written by a newer version of Stoa.
    #[error(
        "the database has schema {found}, this program knows {known}: use the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The version found in the store.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

impl Error {
    /// An [`Error::Invalid`] from anything printable.
    pub fn invalid(text: impl std::fmt::Display) -> Self {
        Self::Invalid(text.to_string())
    }

    /// Whether the store itself was in trouble (away, full, read-only, busy) and not what was asked of it. Such a failure
    /// passes: it is tried again as long as it takes, and never counts against a row.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Database(sqlx::Error::Database(e)) => e.code().is_some_and(|code| is_trouble(&code)),
            Self::Database(e) => matches!(
                e,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::BeginFailed
            ),
            _ => false,
        }
    }
}

/// Whether a code of an engine means trouble of the store: PostgreSQL's classes (appendix A) of connection, read-only,
/// rollback, resources, state, operator and system; SQLite's BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL and CANTOPEN.
fn is_trouble(code: &str) -> bool {
    if code.len() == 5 {
        return ["08", "25", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class));
    }
    // The lowest byte is the primary result code, the others say more.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_the_store_passes_and_a_wrong_row_does_not() {
        assert!(Error::Unavailable(String::new()).passes());
        assert!(Error::Database(sqlx::Error::PoolTimedOut).passes());
        for code in ["57P01", "08006", "40001", "55000", "53100", "25006", "13", "8", "2570", "5"] {
            assert!(is_trouble(code), "{code}");
        }
        for code in ["23505", "22P02", "42P01", "2067", "1555", "1", ""] {
            assert!(!is_trouble(code), "{code}");
        }
        assert!(!Error::invalid("no").passes());
        assert!(!Error::Io("the disk is on fire".into()).passes());
    }
}
