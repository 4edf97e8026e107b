//! Which of several servers follows a source, and when it was followed last.

use std::time::Duration;

use stoa_flow::{Lease, Leased};
use stoa_ground::db::Engine;
use stoa_ground::{Conn, Db, Instant, Result, args};

use super::marks;

/// The longest that a server has a source without saying so again.
const LONGEST: Duration = Duration::from_secs(120);

/// Sources that are being read.
pub const LEASED: Leased = Leased { table: "source", until: "held_until", longest: LONGEST };

/// When a source was read last, whatever came of it.
///
/// # Errors
/// The database's error.
pub async fn synced(conn: &Conn, name: &str) -> Result<Option<Instant>> {
    let row = conn.opt("SELECT synced FROM source WHERE name = $1", args![name]).await?;
    row.map_or(Ok(None), |r| r.get("synced"))
}

/// Takes a source for a [`lease`], or keeps it; `false` while another server has it. On SQLite there is one server.
///
/// # Errors
/// The database's error.
pub async fn hold(db: &Db, name: &str, kind: &str, server: &str, lease: Lease) -> Result<bool> {
    if db.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let held = lease.micros();
    db.write(|tx| async move {
        marks::add_source(&tx, name, kind).await?;
        let now = tx.lease_time().await?;
        let sql = "UPDATE source SET held_by = $2, held_until = $4
                   WHERE name = $1 AND (held_by IS NULL OR held_by = $2 OR held_until <= $3)";
        Ok(tx.exec(sql, args![name, server, now, now.plus(held)]).await? == 1)
    })
    .await
}

/// Lets a source go that this server has.
///
/// # Errors
/// The database's error.
pub async fn let_go(db: &Db, name: &str, server: &str) -> Result<()> {
    db.write(|tx| async move {
        let sql = "UPDATE source SET held_by = NULL, held_until = NULL WHERE name = $1 AND held_by = $2";
        tx.exec(sql, args![name, server]).await.map(|_| ())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_ground::testing::store;

    #[tokio::test]
    async fn one_server_at_a_time_has_a_source() {
        let (db, _dir) = store().await;
        let hold = async |server: &str| hold(&db, "Handbook", "files", server, Lease::default()).await.unwrap();
        assert!(hold("one").await && hold("one").await);
        if db.engine() == Engine::Sqlite {
            return;
        }
        assert!(!hold("two").await);
        let_go(&db, "Handbook", "two").await.unwrap();
        assert!(!hold("two").await, "it is not theirs to let go");
        let_go(&db, "Handbook", "one").await.unwrap();
        assert!(hold("two").await && !hold("one").await);
        db.write(|tx| async move { tx.exec("UPDATE source SET held_until = 0", args![]).await }).await.unwrap();
        assert!(hold("one").await, "the server that had it is gone");
        assert_eq!(db.read(|conn| async move { synced(&conn, "Handbook").await }).await.unwrap(), None);
    }
}
