//! Keys for machines. A secret is random and kept only as its SHA-256 digest; comparing takes the same time always.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stoa_ground::xapi::{Authority, Emitter};
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args, hex};
use subtle::ConstantTimeEq as _;

/// What a key may do (xAPI 1.0.3 part three, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Write statements, and void one's own.
    #[serde(rename = "statements/write")]
    StatementsWrite,
    /// Read the statements that were stored with this key.
    #[serde(rename = "statements/read/mine")]
    StatementsReadMine,
    /// Read all statements.
    #[serde(rename = "statements/read")]
    StatementsRead,
    /// Read and write state documents.
    #[serde(rename = "state")]
    State,
    /// Change the canonical definitions of activities.
    #[serde(rename = "define")]
    Define,
    /// Read and write profile documents.
    #[serde(rename = "profile")]
    Profile,
    /// Read everything.
    #[serde(rename = "all/read")]
    AllRead,
    /// Everything, also voiding any statement.
    #[serde(rename = "all")]
    All,
}

const SCOPES: [(&str, Scope); 8] = [
    ("statements/write", Scope::StatementsWrite),
    ("statements/read/mine", Scope::StatementsReadMine),
    ("statements/read", Scope::StatementsRead),
    ("state", Scope::State),
    ("define", Scope::Define),
    ("profile", Scope::Profile),
    ("all/read", Scope::AllRead),
    ("all", Scope::All),
];

impl Scope {
    /// Its name in configuration and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        SCOPES.iter().find(|(_, s)| *s == self).map_or("", |(name, _)| name)
    }
}

impl std::str::FromStr for Scope {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        SCOPES.iter().find(|(name, _)| *name == text).map(|(_, scope)| *scope).ok_or_else(|| {
            let names: Vec<&str> = SCOPES.iter().map(|(name, _)| *name).collect();
            Error::invalid(format!("'{text}' is not a scope; use one of {}", names.join(", ")))
        })
    }
}

/// One `[[lrs.credentials]]` of the configuration.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// The key (the user name of Basic authentication).
    pub key: String,
    /// The secret (the password).
    pub secret: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl std::fmt::Debug for Configured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configured").field("key", &self.key).field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// A key as it is listed, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// The key.
    pub key: String,
    /// What it is for, in somebody's words.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: Instant,
}

/// A new key with its secret, which is shown once and never again.
#[derive(Clone, Serialize)]
pub struct NewCredential {
    /// The key.
    pub key: String,
    /// The secret.
    pub secret: String,
}

/// Whose statements a caller may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// None.
    Nothing,
    /// Those stored with its own key.
    Mine,
    /// All.
    Everything,
}

/// Somebody whose key and secret were right.
#[derive(Clone, Debug)]
pub struct Caller {
    key: String,
    scopes: Vec<Scope>,
    authority: Authority,
}

impl Caller {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The authority of the statements that it stores.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether it may store statements.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.has(&[Scope::StatementsWrite, Scope::All])
    }

    /// What it may read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        if self.has(&[Scope::StatementsRead, Scope::AllRead, Scope::All]) {
            Reading::Everything
        } else if self.has(&[Scope::StatementsReadMine]) {
            Reading::Mine
        } else {
            Reading::Nothing
        }
    }

    fn has(&self, any: &[Scope]) -> bool {
        any.iter().any(|scope| self.scopes.contains(scope))
    }
}

/// All keys: those of the configuration, and those in the store.
#[derive(Clone)]
pub struct Credentials {
    home: String,
    configured: Vec<(String, [u8; 32], Vec<Scope>)>,
}

impl Credentials {
    /// Takes the configuration's keys.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a key or secret is empty, holds a colon (Basic authentication cannot carry it) or is
    /// used twice, or when a secret has less than 16 characters.
    pub fn new(emitter: &Emitter, configured: &[Configured]) -> Result<Self> {
        let mut known = Vec::<(String, [u8; 32], Vec<Scope>)>::new();
        for c in configured {
            let key = &c.key;
            check_key(key).map_err(|e| Error::invalid(format!("[[lrs.credentials]] {e}")))?;
            if c.secret.chars().count() < 16 {
                return Err(Error::invalid(format!(
                    "[[lrs.credentials]] the secret of '{key}' is too short: use at least 16 random characters"
                )));
            }
            if known.iter().any(|(k, ..)| k == key) {
                return Err(Error::invalid(format!("[[lrs.credentials]] the key '{key}' appears twice")));
            }
            known.push((key.clone(), digest(&c.secret), c.scopes.clone()));
        }
        Ok(Self { home: emitter.credentials_home(), configured: known })
    }

    /// Finds out who calls. None when key or secret are wrong, without saying which.
    ///
    /// # Errors
    /// The database's error.
    pub async fn authenticate(&self, conn: &Conn, key: &str, secret: &str) -> Result<Option<Caller>> {
        let given = digest(secret);
        let (expected, name, scopes) = match self.configured.iter().find(|(k, ..)| k == key) {
            Some((key, digest, scopes)) => (*digest, key.clone(), scopes.clone()),
            None => match stored(conn, key).await? {
                Some((digest, credential)) => (digest, credential.name, credential.scopes),
                // Compare all the same, so that time does not tell which keys exist.
                None => ([0; 32], String::new(), Vec::new()),
            },
        };
        if !bool::from(expected.ct_eq(&given)) {
            return Ok(None);
        }
        let mut authority = Authority::account(&self.home, key, &name);
        authority.may_define = scopes.iter().any(|s| matches!(s, Scope::Define | Scope::All));
        authority.may_void_any = scopes.contains(&Scope::All);
        Ok(Some(Caller { key: key.to_owned(), scopes, authority }))
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key == "stoa" || key.len() > 200 || key.contains(|c: char| c == ':' || c.is_control()) {
        return Err(Error::invalid(
            "a key must have 1 to 200 characters, no colon and no control characters, and not be 'stoa'",
        ));
    }
    Ok(())
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn read(row: &Row) -> Result<Credential> {
    Ok(Credential {
        key: row.get("key")?,
        name: row.get("name")?,
        scopes: serde_json::from_str(&row.get::<String>("scopes")?)?,
        created: row.get("created")?,
    })
}

async fn stored(conn: &Conn, key: &str) -> Result<Option<([u8; 32], Credential)>> {
    let row =
        conn.opt("SELECT key, secret, name, scopes, created FROM lrs_credential WHERE key = $1", args![key]).await?;
    let Some(row) = row else { return Ok(None) };
    let text: String = row.get("secret")?;
    let mut digest = [0u8; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16)
            .map_err(|_| Error::invalid(format!("the stored digest of the key '{key}' is damaged")))?;
    }
    Ok(Some((digest, read(&row)?)))
}

/// Makes a key (`stoa lrs key create`).
///
/// # Errors
/// [`Error::Invalid`] without a scope; the database's error.
pub async fn create(tx: &Tx, name: &str, scopes: &[Scope]) -> Result<NewCredential> {
    if scopes.is_empty() {
        return Err(Error::invalid("a key needs at least one scope, for example statements/write"));
    }
    let new = NewCredential { key: tx.clock().secret(), secret: tx.clock().secret() };
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    tx.exec(
        "INSERT INTO lrs_credential (key, secret, name, scopes, created) VALUES ($1, $2, $3, $4, $5)",
        args![&new.key, hex(&digest(&new.secret)), name, serde_json::to_string(&scopes)?, tx.now()],
    )
    .await?;
    Ok(new)
}

/// The keys in the store, oldest first.
///
/// # Errors
/// The database's error.
pub async fn list(conn: &Conn) -> Result<Vec<Credential>> {
    let rows = conn.all("SELECT key, name, scopes, created FROM lrs_credential ORDER BY created, key", args![]).await?;
    rows.iter().map(read).collect()
}

/// Removes a key. Statements that were stored with it stay.
///
/// # Errors
/// [`Error::NotFound`] when there is no such key.
pub async fn revoke(tx: &Tx, key: &str) -> Result<()> {
    match tx.exec("DELETE FROM lrs_credential WHERE key = $1", args![key]).await? {
        0 => Err(Error::NotFound(format!("the key '{key}'"))),
        _ => Ok(()),
    }
}
