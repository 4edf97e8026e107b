//! Facts about the store itself: a name and a value, the table `meta`.

use crate::{Conn, Db, Result, Tx, args};

/// A fact, if it is known.
///
/// # Errors
/// The database's error.
pub async fn get(conn: &Conn, name: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT value FROM meta WHERE name = $1", args![name]).await?;
    row.map(|r| r.get("value")).transpose()
}

/// Sets a fact, whatever was known before.
///
/// # Errors
/// The database's error.
pub async fn put(tx: &Tx, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    tx.exec(sql, args![name, value]).await.map(|_| ())
}

/// Sets a fact that is not known yet; `false` when it is.
///
/// # Errors
/// The database's error.
pub async fn add(tx: &Tx, name: &str, value: &str) -> Result<bool> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    Ok(tx.exec(sql, args![name, value]).await? == 1)
}

/// Forgets a fact.
///
/// # Errors
/// The database's error.
pub async fn delete(tx: &Tx, name: &str) -> Result<()> {
    tx.exec("DELETE FROM meta WHERE name = $1", args![name]).await.map(|_| ())
}

impl Db {
    /// A fact about the store, see [`get`].
    ///
    /// # Errors
    /// The database's error.
    pub async fn meta(&self, name: &str) -> Result<Option<String>> {
        self.read(|conn| async move { get(&conn, name).await }).await
    }

    /// Sets a fact about the store, see [`put`].
    ///
    /// # Errors
    /// The database's error.
    pub async fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        self.write(|tx| async move { put(&tx, name, value).await }).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[tokio::test]
    async fn a_fact_is_set_added_once_and_forgotten() {
        let (db, _dir) = store().await;
        assert_eq!(db.meta("a").await.unwrap(), None);
        let add = async |value: &str| db.write(|tx| async move { add(&tx, "a", value).await }).await.unwrap();
        assert!(add("1").await && !add("2").await);
        assert_eq!(db.meta("a").await.unwrap().as_deref(), Some("1"));
        db.set_meta("a", "3").await.unwrap();
        assert_eq!(db.meta("a").await.unwrap().as_deref(), Some("3"));
        db.write(|tx| async move { delete(&tx, "a").await }).await.unwrap();
        assert_eq!(db.meta("a").await.unwrap(), None);
    }
}
