//! Servers that want to be left alone for longer than a request is tried: that holds for the next sync, and for the next
//! process as well.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Conn, Db, Instant, Result, meta};
use stoa_http::locked;

/// A server that wants to be left alone for longer than that is asked again after this.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The fact about the store that holds them: by server, until when by the machine's clock.
const NAME: &str = "sources.away";

/// By server, until when.
static AWAY: LazyLock<std::sync::Mutex<HashMap<String, std::time::Instant>>> = LazyLock::new(Default::default);

/// A server wants to be left alone for so long, which it is, within reason.
pub(super) fn leave(server: &str, wanted: Duration) -> Duration {
    let wanted = wanted.min(LONGEST);
    locked(&AWAY).insert(server.to_owned(), monotonic() + wanted);
    wanted
}

/// How long a server still wants to be left alone.
pub(super) fn rest(server: &str) -> Option<Duration> {
    all().remove(server)
}

fn all() -> HashMap<String, Duration> {
    let mut away = locked(&AWAY);
    let now = monotonic();
    away.retain(|_, until| *until > now);
    away.iter().map(|(server, until)| (server.clone(), until.duration_since(now))).collect()
}

/// Leaves those servers alone that asked another process for it.
///
/// # Errors
/// The database's error.
pub async fn recall(db: &Db) -> Result<()> {
    let known = all();
    for (server, rest) in db.read(|conn| async move { stored(&conn).await }).await? {
        if known.get(&server).is_none_or(|known| *known < rest) {
            leave(&server, rest);
        }
    }
    Ok(())
}

/// Keeps in the store which servers want to be left alone.
///
/// # Errors
/// The database's error.
pub async fn remember(db: &Db) -> Result<()> {
    let away = &all();
    if away.is_empty() {
        return Ok(());
    }
    db.write(|tx| async move {
        let mut known = stored(&tx).await?;
        known.extend(away.iter().map(|(server, rest)| (server.clone(), *rest)));
        let now = wall();
        let until = |rest: Duration| now.plus(i64::try_from(rest.as_micros()).unwrap_or(i64::MAX));
        let known: BTreeMap<String, Instant> = known.into_iter().map(|(server, rest)| (server, until(rest))).collect();
        meta::put(&tx, NAME, &serde_json::to_string(&known)?).await
    })
    .await
}

/// Those that stand in the store and are not over. A clock that was set back makes none longer than it may be.
async fn stored(conn: &Conn) -> Result<BTreeMap<String, Duration>> {
    let Some(text) = meta::get(conn, NAME).await? else { return Ok(BTreeMap::new()) };
    let known: BTreeMap<String, Instant> = serde_json::from_str(&text)?;
    let now = wall();
    let rest = |until: Instant| u64::try_from(until.0 - now.0).ok().filter(|rest| *rest > 0).map(Duration::from_micros);
    Ok(known.into_iter().filter_map(|(server, until)| Some((server, rest(until)?.min(LONGEST)))).collect())
}

#[cfg(test)]
mod tests {
    use stoa_ground::testing::store;

    use super::*;

    #[tokio::test]
    async fn the_next_process_leaves_alone_whom_this_one_was_asked_to() {
        let (db, _dir) = store().await;
        remember(&db).await.unwrap();
        assert_eq!(db.meta(NAME).await.unwrap(), None, "nobody asked");
        assert_eq!(leave("https://a.example", Duration::from_secs(3_600)), Duration::from_secs(3_600));
        assert_eq!(leave("https://b.example", Duration::from_secs(3_600_000)), LONGEST);
        remember(&db).await.unwrap();
        // Another process, which was asked for less, and for something else.
        locked(&AWAY).clear();
        leave("https://b.example", Duration::from_secs(60));
        leave("https://c.example", Duration::from_secs(60));
        recall(&db).await.unwrap();
        let minutes = |server: &str| rest(server).map(|rest| rest.as_secs().div_ceil(60));
        assert_eq!(minutes("https://a.example"), Some(60));
        assert_eq!(minutes("https://b.example"), Some(24 * 60));
        remember(&db).await.unwrap();
        let stored = db.read(|conn| async move { stored(&conn).await }).await.unwrap();
        let servers: Vec<&str> = stored.keys().map(String::as_str).collect();
        assert_eq!(servers, ["https://a.example", "https://b.example", "https://c.example"]);
        // What is over is over.
        let over = serde_json::json!({ "https://a.example": wall().plus(-Instant::SECOND) }).to_string();
        db.set_meta(NAME, &over).await.unwrap();
        locked(&AWAY).clear();
        recall(&db).await.unwrap();
        assert_eq!(minutes("https://a.example"), None);
    }
}
