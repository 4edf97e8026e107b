//! Secrets of outside systems that the store has to keep, such as the token of a workspace: sealed under the master key.

use super::values::{Master, seal, unseal};
use crate::{Conn, Error, Result};

fn master(conn: &Conn) -> Result<&Master> {
    conn.master().ok_or_else(|| Error::invalid("a secret needs [evidence] master_key_file, which was not opened"))
}

/// A secret as it is stored. `what` says whose it is; the same is needed to open it.
///
/// # Errors
/// Where the store has no master key.
pub fn seal_secret(conn: &Conn, what: &str, text: &str) -> Result<Vec<u8>> {
    seal(&master(conn)?.purpose("secret"), what, text.as_bytes(), conn.clock())
}

/// Opens what [`seal_secret`] sealed.
///
/// # Errors
/// Where the store has no master key, or it is not the one with which this was sealed.
pub fn open_secret(conn: &Conn, what: &str, sealed: &[u8]) -> Result<String> {
    let opened = unseal(&master(conn)?.purpose("secret"), what, sealed).and_then(|text| String::from_utf8(text).ok());
    opened.ok_or_else(|| Error::invalid(format!("the secret of {what} was sealed under another key")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_secret_opens_only_as_what_it_was_sealed() {
        let (db, _dir) = store().await;
        let none = db.read(|c| async move { Ok(seal_secret(&c, "slack/acme/T1", "xoxb-1").is_err()) }).await.unwrap();
        assert!(none, "nothing is kept in the open");
        db.seal_with(Master::new([7; 32]));
        let told = db.read(|c| async move {
            let sealed = seal_secret(&c, "slack/acme/T1", "xoxb-1")?;
            assert!(!sealed.windows(6).any(|w| w == b"xoxb-1"));
            assert!(open_secret(&c, "slack/acme/T2", &sealed).is_err());
            open_secret(&c, "slack/acme/T1", &sealed)
        });
        assert_eq!(told.await.unwrap(), "xoxb-1");
    }
}
