//! What a session of the gateway has reached, so that it goes on there after a restart, and who holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stoa_flow::Leased;
use stoa_ground::clock::{monotonic, wall};
use stoa_ground::{Db, Result, args};
use stoa_http::locked;

use crate::take::Stored;
use crate::{ids, store};

/// How long a server holds a shard without saying so again.
pub(crate) const HELD: Duration = Duration::from_secs(20);

/// The shards that servers hold, and the servers that call Discord.
pub const LEASED: [Leased; 2] = [
    Leased { table: "discord_session", until: "held_until", longest: HELD },
    Leased { table: "discord_server", until: "held_until", longest: HELD },
];

/// How long a session that begins may take to tell of its servers. Those that are down then are not waited for.
const SETTLED: Duration = Duration::from_secs(60);

/// A session that can be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub id: String,
    pub url: String,
    pub sequence: u64,
}

/// What came in and is done. A dispatch counts as reached when it and all before it are stored.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    on_the_way: BTreeSet<u64>,
    last: u64,
    /// The last stored message of each conversation since it was written down, and whether both are alone there.
    seen: BTreeMap<String, (i64, bool)>,
    /// How many fetch what was missed.
    fetching: usize,
    /// Servers of the session of which it has not told yet, and those of which it has.
    awaited: BTreeSet<String>,
    told: BTreeSet<String>,
    /// Until then they are waited for: what was missed there is not even known.
    awaited_until: Option<std::time::Instant>,
}

/// Somebody fetches what was missed; ends with its value.
pub(crate) struct Fetching(Arc<Progress>);

impl Drop for Fetching {
    fn drop(&mut self) {
        locked(&self.0.0).fetching -= 1;
    }
}

impl Progress {
    /// A session begins, or goes on, at this number.
    pub(crate) fn begins(&self, sequence: u64) {
        let mut state = locked(&self.0);
        state.on_the_way.clear();
        state.last = sequence;
    }

    /// A new session begins, with these servers: what was missed before it is fetched.
    pub(crate) fn begins_anew(&self, servers: BTreeSet<String>) {
        let mut state = locked(&self.0);
        (state.awaited, state.told) = (servers, BTreeSet::new());
        state.awaited_until = Some(monotonic() + SETTLED);
    }

    /// The session tells of a server, over whichever connection; gives whether what was missed there is to be fetched.
    pub(crate) fn tells_of(&self, server: &str) -> bool {
        let mut state = locked(&self.0);
        let awaited = state.awaited.remove(server);
        state.told.insert(server.to_owned()) || awaited
    }

    /// A server is down, or we are not in it any more: when it is back that is news.
    pub(crate) fn lost(&self, server: &str) {
        let mut state = locked(&self.0);
        state.awaited.remove(server);
        state.told.remove(server);
    }

    pub(crate) fn fetches(self: &Arc<Self>) -> Fetching {
        locked(&self.0).fetching += 1;
        Fetching(self.clone())
    }

    /// Whether everything that was missed is stored. Before that nothing is written down: after a crash it is fetched anew.
    fn is_settled(&self) -> bool {
        let state = locked(&self.0);
        let awaits = !state.awaited.is_empty() && state.awaited_until.is_some_and(|until| monotonic() < until);
        state.fetching == 0 && !awaits
    }

    pub(crate) fn came(&self, sequence: u64) {
        let mut state = locked(&self.0);
        state.on_the_way.insert(sequence);
        state.last = state.last.max(sequence);
    }

    pub(crate) fn done(&self, sequence: u64, stored: Stored) {
        let mut state = locked(&self.0);
        state.on_the_way.remove(&sequence);
        if let Some((channel, message, direct)) = stored {
            let entry = state.seen.entry(channel).or_insert((message, direct));
            entry.0 = entry.0.max(message);
        }
    }

    /// Up to which number everything is stored.
    pub(crate) fn reached(&self) -> u64 {
        let state = locked(&self.0);
        state.on_the_way.first().map_or(state.last, |first| first.saturating_sub(1))
    }

    /// A message was fetched and stored.
    pub(crate) fn fetched(&self, stored: Stored) {
        self.done(0, stored);
    }

    /// The last messages, to be written down; none while something is on its way.
    fn take_seen(&self) -> Option<BTreeMap<String, (i64, bool)>> {
        if !self.is_settled() {
            return None;
        }
        let mut state = locked(&self.0);
        state.on_the_way.is_empty().then(|| std::mem::take(&mut state.seen))
    }
}

/// Takes a shard, or keeps it; the session that it had, if it can be taken. None when another server has it.
pub(crate) async fn hold(db: &Db, shard: i64, server: &str) -> Result<Option<Option<Session>>> {
    db.write_by_key(|tx| async move {
        let now = tx.lease_time().await?;
        let until = now.plus(i64::try_from(HELD.as_micros()).unwrap_or(i64::MAX));
        let sql = "INSERT INTO discord_session (shard, held_by, held_until) VALUES ($1, $2, $3)
                   ON CONFLICT (shard) DO UPDATE SET held_by = excluded.held_by, held_until = excluded.held_until
                   WHERE discord_session.held_by = excluded.held_by OR discord_session.held_until <= $4
                   RETURNING session, sequence, url";
        let Some(row) = tx.opt(sql, args![shard, server, until, now]).await? else { return Ok(None) };
        let (id, url): (Option<String>, Option<String>) = (row.get("session")?, row.get("url")?);
        let sequence = u64::try_from(row.get::<i64>("sequence")?).unwrap_or_default();
        Ok(Some(id.zip(url).map(|(id, url)| Session { id, url, sequence })))
    })
    .await
}

/// Writes down what the session of a shard among all has reached, if this server still holds it; `false` when it does not.
/// `connected` says that dispatches come in.
pub(crate) async fn save(
    db: &Db,
    (shard, shards): (i64, i64),
    server: &str,
    session: Option<&Session>,
    progress: &Progress,
    connected: bool,
) -> Result<bool> {
    let seen = progress.take_seen();
    let up_to_date = connected && seen.is_some();
    let seen = seen.unwrap_or_default();
    let session = session.filter(|_| progress.is_settled());
    let sequence = session.map_or(0, |s| i64::try_from(s.sequence).unwrap_or_default());
    let (seen, id, url) = (&seen, session.map(|s| s.id.as_str()), session.map(|s| s.url.as_str()));
    let moment = i64::try_from(ids::at(wall().plus(-store::UNNOTICED))).unwrap_or_default();
    db.write_by_key(|tx| async move {
        let sql = "UPDATE discord_session SET session = $3, sequence = $4, url = $5 WHERE shard = $1 AND held_by = $2";
        if tx.exec(sql, args![shard, server, id, sequence, url]).await? == 0 {
            return Ok(false);
        }
        for (channel, (message, direct)) in seen {
            store::note_seen(&tx, channel, *message, *direct).await?;
        }
        // What was written before this moment, in conversations of which nothing is stored, was seen.
        if up_to_date {
            store::note_seen(&tx, &store::others(shard, shards), moment, false).await?;
        }
        Ok(true)
    })
    .await
}

/// Says that a server calls Discord, for as long as [`HELD`], and gives how many do.
pub(crate) async fn servers(db: &Db, server: &str) -> Result<usize> {
    let row = db.write_by_key(|tx| async move {
        let now = tx.lease_time().await?;
        let until = now.plus(i64::try_from(HELD.as_micros()).unwrap_or(i64::MAX));
        let sql = "INSERT INTO discord_server (server, held_until) VALUES ($1, $2)
                   ON CONFLICT (server) DO UPDATE SET held_until = excluded.held_until";
        tx.exec(sql, args![server, until]).await?;
        tx.exec("DELETE FROM discord_server WHERE held_until <= $1", args![now]).await?;
        tx.one("SELECT COUNT(*) AS n FROM discord_server", args![]).await
    });
    Ok(usize::try_from(row.await?.get::<i64>("n")?).unwrap_or(1))
}

/// Lets all shards go, whoever held them, and forgets other servers: for the only server of a store.
pub(crate) async fn free(db: &Db) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec("UPDATE discord_session SET held_until = 0", args![]).await?;
        tx.exec("DELETE FROM discord_server", args![]).await?;
        Ok(())
    })
    .await
}

/// Lets a server's shards and its share of the calls go, so that another one can take them at once.
pub(crate) async fn release(db: &Db, server: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec("UPDATE discord_session SET held_until = 0 WHERE held_by = $1", args![server]).await?;
        tx.exec("DELETE FROM discord_server WHERE server = $1", args![server]).await?;
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_stored_yet_is_not_reached() {
        let progress = Progress::default();
        progress.begins(4);
        for n in 5..9 {
            progress.came(n);
        }
        assert_eq!(progress.reached(), 4);
        progress.done(6, Some(("c".into(), 60, false)));
        progress.done(5, Some(("c".into(), 50, false)));
        assert_eq!(progress.reached(), 6);
        assert!(progress.take_seen().is_none(), "two are on their way");
        progress.done(8, None);
        progress.done(7, None);
        assert_eq!(progress.reached(), 8);
        assert_eq!(progress.take_seen().unwrap().get("c"), Some(&(60, false)));
    }

    #[test]
    fn nothing_is_written_down_before_every_server_has_told_what_was_missed() {
        let progress = Arc::new(Progress::default());
        progress.begins_anew(BTreeSet::from(["1".to_owned(), "2".to_owned()]));
        assert!(progress.tells_of("1"));
        // The connection breaks; the session goes on over another, and tells of the second there.
        progress.begins(2);
        assert!(progress.take_seen().is_none(), "the second may have more to tell");
        assert!(!progress.tells_of("1"), "told again");
        assert!(progress.tells_of("2"));
        let fetching = progress.fetches();
        assert!(progress.take_seen().is_none(), "it is being fetched");
        drop(fetching);
        assert!(progress.take_seen().is_some());
        // One that is added or comes back later.
        progress.lost("2");
        assert!(progress.tells_of("2") && progress.tells_of("3"));
    }
}
