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
}
