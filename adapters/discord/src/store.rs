//! What the adapter keeps: sessions of the gateway, the last messages, where people are reached, interactions that can
//! still be answered, and what is needed to find our messages again.

use serde_json::json;
use stoa_flow::chat::Form;
use stoa_ground::clock::wall;
use stoa_ground::{Conn, Db, Instant, Result, Row, Tx, args};

use crate::ids;

/// How long an interaction can be answered: Discord's fifteen minutes, less what an answer takes.
pub(crate) const ANSWERABLE: i64 = 14 * 60 * Instant::SECOND;
/// For how long what is needed to find a message is kept.
const KEPT: i64 = 7 * Instant::DAY;
/// For how long a form can be sent again.
const FORM: i64 = Instant::DAY;
/// For how long it is known which messages belong together, and what their buttons do: they are edited when what they say
/// has changed.
const TOGETHER: i64 = 400 * Instant::DAY;
/// Stands for the id of a message that Discord may have and did not tell.
pub(crate) const UNKNOWN: &str = "0";
/// In the place of a digest where that is kept.
const WHOLE: &str = "whole";

/// For so long a dead connection may not be noticed.
pub(crate) const UNNOTICED: i64 = 120 * Instant::SECOND;

/// How an interaction was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The person sees that we think about it, alone; the first answer takes that place.
    Private,
    /// The same where both are alone anyway.
    Direct,
    /// A button: the message stays as it is, and answers are messages of their own.
    Button,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Direct => "direct",
            Self::Button => "button",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "direct" => Self::Direct,
            "button" => Self::Button,
            _ => Self::Private,
        }
    }
}

/// An interaction that can still be answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interaction {
    pub id: String,
    pub token: String,
    pub kind: Kind,
    /// Whether the place of the first answer is taken.
    pub answered: bool,
}

impl Interaction {
    fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            token: row.get("token")?,
            kind: Kind::of(&row.get::<String>("kind")?),
            answered: row.get::<i64>("answered")? != 0,
        })
    }
}

/// Keeps an interaction, so that it can be answered after a restart.
pub(crate) async fn remember_interaction(db: &Db, id: &str, token: &str, kind: Kind) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_interaction (id, token, kind, came) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
            args![id, token, kind.name(), wall()],
        )
        .await?;
        Ok(())
    })
    .await
}

/// An interaction, while it can be answered.
pub(crate) async fn interaction(db: &Db, id: &str) -> Result<Option<Interaction>> {
    let sql = "SELECT id, token, kind, answered FROM discord_interaction WHERE id = $1 AND came > $2";
    let row = db.opt(sql, args![id, wall().plus(-ANSWERABLE)]).await?;
    row.as_ref().map(Interaction::read).transpose()
}

/// The place of the first answer is taken.
pub(crate) async fn answered(db: &Db, id: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec("UPDATE discord_interaction SET answered = 1 WHERE id = $1", args![id]).await?;
        Ok(())
    })
    .await
}

/// Interactions that came `after` ago or earlier, still say that we think about them, and can still be told otherwise.
pub(crate) async fn unanswered(db: &Db, after: i64) -> Result<Vec<Interaction>> {
    let sql = "SELECT id, token, kind, answered FROM discord_interaction
               WHERE answered = 0 AND kind <> 'button' AND came < $1 AND came > $2 ORDER BY came LIMIT 100";
    let rows = db.all(sql, args![wall().plus(-after), wall().plus(-ANSWERABLE)]).await?;
    rows.iter().map(Interaction::read).collect()
}

/// Forgets what can be of no use any more.
pub(crate) async fn tidy(db: &Db) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec("DELETE FROM discord_interaction WHERE came < $1", args![wall().plus(-ANSWERABLE)]).await?;
        let old = "DELETE FROM discord_post WHERE begun < $1 AND (digest <> $2 OR begun < $3)";
        tx.exec(old, args![wall().plus(-KEPT), WHOLE, wall().plus(-TOGETHER)]).await?;
        tx.exec("DELETE FROM discord_form WHERE kept < $1", args![wall().plus(-FORM)]).await?;
        tx.exec("UPDATE discord_command SET kept = $1 WHERE kept = 0", args![wall()]).await?;
        tx.exec("DELETE FROM discord_command WHERE kept < $1", args![wall().plus(-TOGETHER)]).await?;
        Ok(())
    })
    .await
}

/// Keeps commands that are too long for a component's id.
pub(crate) async fn remember_commands(db: &Db, long: &[(String, String)]) -> Result<()> {
    db.write_each(long, |tx, (name, command)| async move {
        let sql = "INSERT INTO discord_command (name, command, kept) VALUES ($1, $2, $3)
                   ON CONFLICT (name) DO UPDATE SET kept = excluded.kept";
        tx.exec(sql, args![name, command, wall()]).await
    })
    .await?;
    Ok(())
}

/// Keeps a form of a user, under its command line or the interaction that sent it.
pub(crate) async fn keep_form(db: &Db, user: &str, about: &str, form: &Form) -> Result<()> {
    let (name, form) = (&ids::hash(&format!("{user}/{about}")), &json!(form).to_string());
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_form (name, form, kept) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET form = excluded.form, kept = excluded.kept",
            args![name, form, wall()],
        )
        .await?;
        Ok(())
    })
    .await
}

/// A form that was kept.
pub(crate) async fn form(db: &Db, user: &str, about: &str) -> Result<Option<Form>> {
    let name = ids::hash(&format!("{user}/{about}"));
    let row = db.opt("SELECT form FROM discord_form WHERE name = $1", args![name]).await?;
    let form: Option<String> = row.map(|r| r.get("form")).transpose()?;
    // One of another version is none.
    Ok(form.and_then(|form| serde_json::from_str(&form).ok()))
}

/// The command that stands in a component's id.
pub(crate) async fn command(db: &Db, told: &str) -> Result<Option<String>> {
    let Some(name) = told.strip_prefix('#') else { return Ok(Some(told.to_owned())) };
    let row = db.opt("SELECT command FROM discord_command WHERE name = $1", args![name]).await?;
    row.map(|r| r.get("command")).transpose()
}

/// What was about to be said under a delivery key.
pub(crate) struct Post {
    pub digest: String,
    pub begun: Instant,
    /// The ids of all messages that it became, when it was more than one.
    pub parts: Vec<String>,
}

/// Keeps what is about to be said, before it is said.
pub(crate) async fn remember_post(db: &Db, hash: &str, digest: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_post (hash, digest, begun) VALUES ($1, $2, $3)
             ON CONFLICT (hash) DO UPDATE SET digest = excluded.digest",
            args![hash, digest, wall()],
        )
        .await?;
        Ok(())
    })
    .await
}

/// Keeps the messages that a long one has become so far, under the hash of its key.
pub(crate) async fn remember_parts(db: &Db, hash: &str, parts: &[String]) -> Result<()> {
    let parts = &parts.join(" ");
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_post (hash, digest, begun, parts) VALUES ($1, '', $2, $3)
             ON CONFLICT (hash) DO UPDATE SET parts = excluded.parts",
            args![hash, wall(), parts],
        )
        .await?;
        Ok(())
    })
    .await
}

/// Keeps the messages that a long one became: all of them under the id of the one by which it is `known`, and that id under
/// those of the others.
pub(crate) async fn remember_whole(db: &Db, known: &str, parts: &[String]) -> Result<()> {
    let all = &parts.join(" ");
    db.write_by_key(|tx| async move {
        let others = parts.iter().map(String::as_str).filter(|part| *part != known && *part != UNKNOWN);
        for part in others.chain([known]) {
            let kept = if part == known { all.as_str() } else { known };
            tx.exec(
                "INSERT INTO discord_post (hash, digest, begun, parts) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (hash) DO UPDATE SET begun = excluded.begun, parts = excluded.parts",
                args![part, WHOLE, wall(), kept],
            )
            .await?;
        }
        Ok(())
    })
    .await
}

/// By which id a message is known: its own, or that of another that belongs to it.
pub(crate) async fn known_as(db: &Db, id: String) -> Result<String> {
    let kept = post(db, &id).await?.map_or_else(Vec::new, |kept| kept.parts);
    Ok(<[String; 1]>::try_from(kept).map_or(id, |[known]| known))
}

/// What was kept under a hash or the id of a message.
pub(crate) async fn post(db: &Db, hash: &str) -> Result<Option<Post>> {
    let row = db.opt("SELECT digest, begun, parts FROM discord_post WHERE hash = $1", args![hash]).await?;
    row.map(|row| {
        let parts: Option<String> = row.get("parts")?;
        let parts = parts.unwrap_or_default().split(' ').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        Ok(Post { digest: row.get("digest")?, begun: row.get("begun")?, parts })
    })
    .transpose()
}

/// Where somebody is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct User {
    /// The direct conversation that the person opened.
    pub direct: Option<String>,
    pub opened: bool,
    pub closed: bool,
    /// A server in which the person was seen.
    pub guild: Option<String>,
    /// The private thread in which the person is told that something waits, and the channel in which it is.
    pub thread: Option<(String, String)>,
}

/// Where a user is reached.
pub(crate) async fn user(db: &Db, user: &str) -> Result<User> {
    let sql = "SELECT direct, opened, closed, guild, thread, thread_parent FROM discord_user WHERE user_id = $1";
    let Some(row) = db.opt(sql, args![user]).await? else { return Ok(User::default()) };
    let thread: Option<String> = row.get("thread")?;
    Ok(User {
        direct: row.get("direct")?,
        opened: row.get::<Option<i64>>("opened")?.is_some(),
        closed: row.get::<Option<i64>>("closed")?.is_some(),
        guild: row.get("guild")?,
        thread: thread.zip(row.get::<Option<String>>("thread_parent")?),
    })
}

/// A person wrote to us alone, or asked for it: from now on that is where we write.
pub(crate) async fn opened(db: &Db, user: &str, channel: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_user (user_id, direct, opened) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET direct = excluded.direct, opened = excluded.opened, closed = NULL",
            args![user, channel, wall()],
        )
        .await?;
        Ok(())
    })
    .await
}

/// A direct conversation turned out to be closed to us.
pub(crate) async fn closed(db: &Db, channel: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        let sql = "UPDATE discord_user SET closed = $2 WHERE direct = $1 AND closed IS NULL";
        tx.exec(sql, args![channel, wall()]).await?;
        Ok(())
    })
    .await
}

/// Whose direct conversation this is, if it is closed to us.
pub(crate) async fn closed_to(db: &Db, channel: &str) -> Result<Option<String>> {
    let sql = "SELECT user_id FROM discord_user WHERE direct = $1 AND closed IS NOT NULL";
    db.opt(sql, args![channel]).await?.map(|r| r.get("user_id")).transpose()
}

/// A person was seen in a server.
pub(crate) async fn seen_in(db: &Db, user: &str, guild: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_user (user_id, guild) VALUES ($1, $2)
             ON CONFLICT (user_id) DO UPDATE SET guild = excluded.guild",
            args![user, guild],
        )
        .await?;
        Ok(())
    })
    .await
}

/// A person left a server: the thread there, in `channel`, reaches nobody.
pub(crate) async fn left(db: &Db, user: &str, guild: &str, channel: Option<&str>) -> Result<()> {
    db.write_by_key(|tx| async move {
        let sql = "UPDATE discord_user SET guild = NULL WHERE user_id = $1 AND guild = $2";
        tx.exec(sql, args![user, guild]).await?;
        let sql =
            "UPDATE discord_user SET thread = NULL, thread_parent = NULL WHERE user_id = $1 AND thread_parent = $2";
        tx.exec(sql, args![user, channel]).await?;
        Ok(())
    })
    .await
}

/// The private thread in which a person is told that something waits; none when it is gone.
pub(crate) async fn set_thread(db: &Db, user: &str, thread: Option<(&str, &str)>) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_user (user_id, thread, thread_parent) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET thread = excluded.thread, thread_parent = excluded.thread_parent",
            args![user, thread.map(|t| t.0), thread.map(|t| t.1)],
        )
        .await?;
        Ok(())
    })
    .await
}

/// Stands for the conversations of a shard of which nothing is stored.
pub(crate) fn others(shard: i64, shards: i64) -> String {
    format!("*/{shard}/{shards}")
}

/// So many shards are connected. Where it were others before, each begins where the one did that was behind the most.
pub(crate) async fn resharded(db: &Db, shards: i64) -> Result<()> {
    db.write_by_key(|tx| async move {
        let rows = tx.all("SELECT channel, message FROM discord_seen WHERE channel LIKE '*%'", args![]).await?;
        let mine = |channel: &str| channel.ends_with(&format!("/{shards}"));
        let mut least: Option<i64> = None;
        let mut changed = false;
        for row in &rows {
            let message = row.get("message")?;
            least = Some(least.map_or(message, |known| known.min(message)));
            changed |= !mine(&row.get::<String>("channel")?);
        }
        if let (Some(least), true) = (least, changed) {
            tx.exec("DELETE FROM discord_seen WHERE channel LIKE '*%'", args![]).await?;
            for shard in 0..shards {
                note_seen(&tx, &others(shard, shards), least, false).await?;
            }
        }
        Ok(())
    })
    .await
}

/// The last message that was stored of a conversation, or the one that stands for those of its shard without any.
pub(crate) async fn seen(db: &Db, channel: &str, others: &str) -> Result<Option<i64>> {
    let sql = "SELECT MAX(message) AS message FROM discord_seen WHERE channel IN ($1, $2)
               AND (channel = $1 OR NOT EXISTS (SELECT 1 FROM discord_seen own WHERE own.channel = $1))";
    let row = db.opt(sql, args![channel, others]).await?;
    row.map_or(Ok(None), |r| r.get("message"))
}

/// The direct conversations, each with the last message that was stored, or one that is older than all that are not.
pub(crate) async fn direct_channels(db: &Db, others: &str) -> Result<Vec<(String, i64)>> {
    let sql = "SELECT u.direct AS channel, u.opened AS opened, COALESCE(own.message, others.message) AS message
               FROM discord_user u LEFT JOIN discord_seen own ON own.channel = u.direct
               LEFT JOIN discord_seen others ON others.channel = $1
               WHERE u.direct IS NOT NULL AND u.opened IS NOT NULL ORDER BY u.opened DESC";
    let rows = db.all(sql, args![others]).await?;
    rows.into_iter()
        .map(|r| {
            let opened: Instant = r.get("opened")?;
            let first = i64::try_from(ids::at(opened.plus(-UNNOTICED))).unwrap_or_default();
            Ok((r.get("channel")?, r.get::<Option<i64>>("message")?.unwrap_or(first)))
        })
        .collect()
}

/// A conversation whose last message was stored.
pub(crate) async fn note_seen(tx: &Tx, channel: &str, message: i64, direct: bool) -> Result<()> {
    tx.exec(
        "INSERT INTO discord_seen (channel, message, direct) VALUES ($1, $2, $3)
         ON CONFLICT (channel) DO UPDATE SET message = CASE WHEN discord_seen.message < excluded.message
         THEN excluded.message ELSE discord_seen.message END",
        args![channel, message, i64::from(direct)],
    )
    .await?;
    Ok(())
}

/// The scopes in which commands are registered.
pub(crate) async fn scopes(db: &Db) -> Result<Vec<String>> {
    let rows = db.all("SELECT scope FROM discord_registered ORDER BY scope", args![]).await?;
    rows.into_iter().map(|r| r.get("scope")).collect()
}

/// In this scope no commands are registered any more.
pub(crate) async fn unregistered(db: &Db, scope: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec("DELETE FROM discord_registered WHERE scope = $1", args![scope]).await?;
        Ok(())
    })
    .await
}

/// Whether the commands of a scope, an app's in one server or in all, are registered as they are.
pub(crate) async fn is_registered(db: &Db, scope: &str, digest: &str) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM discord_registered WHERE scope = $1 AND digest = $2";
    Ok(db.opt(sql, args![scope, digest]).await?.is_some())
}

/// The commands of a scope are registered.
pub(crate) async fn registered(db: &Db, scope: &str, digest: &str) -> Result<()> {
    db.write_by_key(|tx| async move {
        tx.exec(
            "INSERT INTO discord_registered (scope, digest) VALUES ($1, $2)
             ON CONFLICT (scope) DO UPDATE SET digest = excluded.digest",
            args![scope, digest],
        )
        .await?;
        Ok(())
    })
    .await
}

/// What `stoa doctor` says about people on Discord.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// People who opened a direct conversation.
    pub direct: i64,
    /// People whose direct conversation is closed to Stoa: they are told in a server that something waits.
    pub closed: i64,
}

/// How many people are reached where.
///
/// # Errors
/// The database's error.
pub async fn figures(conn: &Conn) -> Result<Figures> {
    let sql = "SELECT COUNT(opened) AS direct, COUNT(closed) AS closed FROM discord_user";
    let row = conn.one(sql, args![]).await?;
    Ok(Figures { direct: row.get("direct")?, closed: row.get("closed")? })
}
