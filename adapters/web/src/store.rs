//! The chat's own rows: conversations, members, messages and what was read.

use std::collections::BTreeMap;

use stoa_flow::chat::Message;
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

/// The topic of the change feed under which the ids of changed conversations are published.
pub const TOPIC: &str = "web";

/// A conversation, as one of its members sees it.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub id: String,
    /// Empty for the direct one.
    pub name: String,
    pub direct: bool,
    /// The position up to which this member has read.
    pub read_to: i64,
    /// How many messages by others came after that.
    pub unread: usize,
}

/// A message as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub id: String,
    pub position: i64,
    pub revision: i64,
    pub channel: String,
    pub thread: Option<String>,
    /// The user; `None` for the bot.
    pub author: Option<String>,
    pub only_for: Option<String>,
    pub body: Option<Message>,
    pub text: String,
    pub created: Instant,
    pub edited: bool,
    pub deleted: bool,
}

/// A message to post.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewPost<'a> {
    pub channel: &'a str,
    pub thread: Option<&'a str>,
    pub author: Option<&'a str>,
    pub only_for: Option<&'a str>,
    pub key: Option<&'a str>,
    pub body: Option<&'a Message>,
    pub text: Option<&'a str>,
    /// Now, when it is not given.
    pub at: Option<Instant>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, position, revision, channel, thread, author, only_for, body, text, created, edited, deleted \
             FROM web_message ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Posted> {
    let body: Option<serde_json::Value> = row.get("body")?;
    Ok(Posted {
        id: row.get("id")?,
        position: row.get("position")?,
        revision: row.get("revision")?,
        channel: row.get("channel")?,
        thread: row.get("thread")?,
        author: row.get("author")?,
        only_for: row.get("only_for")?,
        body: body.map(serde_json::from_value).transpose()?,
        text: row.get::<Option<String>>("text")?.unwrap_or_default(),
        created: row.get("created")?,
        edited: row.get::<Option<Instant>>("edited")?.is_some(),
        deleted: row.get::<Option<Instant>>("deleted")?.is_some(),
    })
}

/// The conversation in which a user and the bot talk alone; it is made when it is needed.
pub(crate) async fn direct_channel(tx: &Tx, user: &str) -> Result<String> {
    let sql = "SELECT id FROM web_channel WHERE direct_user = $1";
    if let Some(row) = tx.opt(sql, args![user]).await? {
        return row.get("id");
    }
    let id = tx.clock().secret();
    tx.exec(
        "INSERT INTO web_channel (id, name, direct_user, created) VALUES ($1, '', $2, $3)
         ON CONFLICT (direct_user) DO NOTHING",
        args![&id, user, tx.now()],
    )
    .await?;
    let id: String = tx.one(sql, args![user]).await?.get("id")?;
    join(tx, &id, user).await?;
    Ok(id)
}

/// Makes a channel with these people (their person ids) in it; gives its id.
///
/// # Errors
/// [`Error::Invalid`] when the name is empty, [`Error::Conflict`] when a channel has it already.
pub async fn create_channel(tx: &Tx, name: &str, members: &[&str]) -> Result<String> {
    let name = name.trim().trim_start_matches('#');
    if name.is_empty() {
        return Err(Error::invalid("a channel needs a name"));
    }
    if channel_named(tx, name).await?.is_some() {
        return Err(Error::Conflict(format!("there is a channel '{name}' already")));
    }
    let id = tx.clock().secret();
    tx.exec("INSERT INTO web_channel (id, name, created) VALUES ($1, $2, $3)", args![&id, name, tx.now()]).await?;
    for member in members {
        join(tx, &id, member).await?;
    }
    Ok(id)
}

/// The id of the channel with this name.
///
/// # Errors
/// The database's error.
pub async fn channel_named(conn: &Conn, name: &str) -> Result<Option<String>> {
    let row = conn.opt("SELECT id FROM web_channel WHERE name = $1 AND direct_user IS NULL", args![name]).await?;
    row.map(|r| r.get("id")).transpose()
}

/// Lets a person read and write in a channel.
///
/// # Errors
/// The database's error.
pub async fn join(tx: &Tx, channel: &str, person: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO web_member (channel, user_id) VALUES ($1, $2) ON CONFLICT (channel, user_id) DO NOTHING",
        args![channel, person],
    )
    .await?;
    tx.publish(TOPIC, channel).await?;
    Ok(())
}

/// The conversations of a user: the direct one first, then channels by name.
pub(crate) async fn conversations(conn: &Conn, user: &str) -> Result<Vec<Conversation>> {
    let rows = conn
        .all(
            "SELECT c.id, c.name, c.direct_user, m.read_to,
                (SELECT COUNT(*) FROM web_message w WHERE w.channel = c.id AND w.position > m.read_to
                    AND w.deleted IS NULL AND (w.author IS NULL OR w.author <> $1)
                    AND (w.only_for IS NULL OR w.only_for = $1)) AS unread
             FROM web_member m JOIN web_channel c ON c.id = m.channel WHERE m.user_id = $1
             ORDER BY CASE WHEN c.direct_user IS NULL THEN 1 ELSE 0 END, c.name, c.id",
            args![user],
        )
        .await?;
    rows.iter()
        .map(|r| {
            Ok(Conversation {
                id: r.get("id")?,
                name: r.get("name")?,
                direct: r.get::<Option<String>>("direct_user")?.is_some(),
                read_to: r.get("read_to")?,
                unread: r.get("unread")?,
            })
        })
        .collect()
}

/// How many unread messages the bot left each user in the direct conversation.
pub(crate) async fn unread_by_user(conn: &Conn) -> Result<BTreeMap<String, usize>> {
    let rows = conn
        .all(
            "SELECT m.user_id, COUNT(*) AS unread FROM web_member m
             JOIN web_channel c ON c.id = m.channel AND c.direct_user = m.user_id
             JOIN web_message w ON w.channel = c.id AND w.position > m.read_to AND w.author IS NULL AND w.deleted IS NULL
             GROUP BY m.user_id",
            args![],
        )
        .await?;
    rows.iter().map(|r| Ok((r.get("user_id")?, r.get("unread")?))).collect()
}

/// The user ids of the members of a conversation.
pub(crate) async fn members(conn: &Conn, channel: &str) -> Result<Vec<String>> {
    let rows = conn.all("SELECT user_id FROM web_member WHERE channel = $1", args![channel]).await?;
    rows.iter().map(|r| r.get("user_id")).collect()
}

/// Remembers that a user has seen everything up to a position.
pub(crate) async fn mark_read(tx: &Tx, channel: &str, user: &str, position: i64) -> Result<()> {
    let rows = tx
        .exec(
            "UPDATE web_member SET read_to = $3 WHERE channel = $1 AND user_id = $2 AND read_to < $3",
            args![channel, user, position],
        )
        .await?;
    if rows > 0 {
        // Other windows of the same person take their mark away.
        tx.publish(TOPIC, channel).await?;
    }
    Ok(())
}

/// The position of the newest message of a conversation that a user may see.
pub(crate) async fn newest(conn: &Conn, channel: &str, viewer: &str) -> Result<i64> {
    let row = conn
        .one(
            "SELECT COALESCE(MAX(position), 0) AS position FROM web_message
             WHERE channel = $1 AND (only_for IS NULL OR only_for = $2)",
            args![channel, viewer],
        )
        .await?;
    row.get("position")
}

/// The revision of the newest change of a conversation.
pub(crate) async fn revision(conn: &Conn, channel: &str) -> Result<i64> {
    let sql = "SELECT COALESCE(MAX(revision), 0) AS revision FROM web_message WHERE channel = $1";
    conn.one(sql, args![channel]).await?.get("revision")
}

/// The position of the newest message of the bot that a user may see in a conversation.
pub(crate) async fn newest_answer(conn: &Conn, channel: &str, viewer: &str) -> Result<i64> {
    let row = conn
        .one(
            "SELECT COALESCE(MAX(position), 0) AS position FROM web_message
             WHERE channel = $1 AND author IS NULL AND (only_for IS NULL OR only_for = $2)",
            args![channel, viewer],
        )
        .await?;
    row.get("position")
}

/// Posts a message, once per key. Gives its id, and whether it is new.
pub(crate) async fn post(tx: &Tx, new: &NewPost<'_>) -> Result<(String, bool)> {
    if let Some(key) = new.key
        && let Some(row) = tx.opt("SELECT id FROM web_message WHERE key = $1", args![key]).await?
    {
        return Ok((row.get("id")?, false));
    }
    if tx.opt("SELECT 1 AS found FROM web_channel WHERE id = $1", args![new.channel]).await?.is_none() {
        return Err(Error::NotFound("the conversation".into()));
    }
    let id = tx.clock().id().to_string();
    let revision = tx.publish(TOPIC, new.channel).await?;
    let body = new.body.map(serde_json::to_string).transpose()?;
    tx.exec(
        "INSERT INTO web_message (id, position, revision, channel, thread, author, only_for, key, body, text, created)
         SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM web_message",
        args![
            &id,
            revision,
            new.channel,
            new.thread,
            new.author,
            new.only_for,
            new.key,
            body,
            new.text,
            new.at.unwrap_or_else(|| tx.now())
        ],
    )
    .await?;
    Ok((id, true))
}

/// A person's message as if it had been written at `at`, for seeding: no event comes from it. Gives its id.
///
/// # Errors
/// [`Error::NotFound`] for an unknown channel.
pub async fn post_as(
    tx: &Tx,
    channel: &str,
    thread: Option<&str>,
    person: &str,
    text: &str,
    at: Instant,
) -> Result<String> {
    let new = NewPost { channel, thread, author: Some(person), text: Some(text), at: Some(at), ..NewPost::default() };
    Ok(post(tx, &new).await?.0)
}

/// Replaces the bot's words in a message. Gives whether there is such a message.
pub(crate) async fn set_body(tx: &Tx, id: &str, body: &Message) -> Result<bool> {
    let Some(row) = tx.opt("SELECT channel FROM web_message WHERE id = $1 AND author IS NULL", args![id]).await? else {
        return Ok(false);
    };
    let revision = tx.publish(TOPIC, &row.get::<String>("channel")?).await?;
    tx.exec(
        "UPDATE web_message SET body = $2, edited = $3, revision = $4 WHERE id = $1",
        args![id, serde_json::to_string(body)?, tx.now(), revision],
    )
    .await?;
    Ok(true)
}

/// Replaces a person's own words.
pub(crate) async fn set_text(tx: &Tx, post: &Posted, text: &str) -> Result<()> {
    let revision = tx.publish(TOPIC, &post.channel).await?;
    tx.exec(
        "UPDATE web_message SET text = $2, edited = $3, revision = $4 WHERE id = $1 AND deleted IS NULL",
        args![&post.id, text, tx.now(), revision],
    )
    .await?;
    Ok(())
}

/// Deletes a person's own words; what remains is where the message stood.
pub(crate) async fn delete(tx: &Tx, channel: &str, id: &str) -> Result<()> {
    let revision = tx.publish(TOPIC, channel).await?;
    tx.exec(
        "UPDATE web_message SET text = '', body = NULL, deleted = $3, revision = $4 WHERE channel = $1 AND id = $2",
        args![channel, id, tx.now(), revision],
    )
    .await?;
    Ok(())
}

/// The newest messages of a conversation outside of threads that a user may see, before a position; oldest first.
pub(crate) async fn page(
    conn: &Conn,
    channel: &str,
    viewer: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Posted>> {
    let rows = conn
        .all(
            select!(
                "WHERE channel = $1 AND thread IS NULL AND position < $3 AND (only_for IS NULL OR only_for = $2)
                 AND (deleted IS NULL OR id IN (SELECT thread FROM web_message WHERE channel = $1 AND deleted IS NULL))
                 ORDER BY position DESC LIMIT $4"
            ),
            args![channel, viewer, before.unwrap_or(i64::MAX), limit],
        )
        .await?;
    rows.iter().rev().map(read).collect()
}

/// A thread: the message that it hangs on and the answers that a user may see, oldest first. `None` for everybody's view.
pub(crate) async fn thread(conn: &Conn, channel: &str, root: &str, viewer: Option<&str>) -> Result<Vec<Posted>> {
    let rows = conn
        .all(
            select!(
                "WHERE channel = $1 AND (id = $2 OR thread = $2) AND (only_for IS NULL OR only_for = $3)
                 AND (deleted IS NULL OR id = $2) ORDER BY position LIMIT 1000"
            ),
            args![channel, root, viewer.unwrap_or_default()],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// The messages of a conversation that changed after a revision, as far as a user may see them; at most 200, in the
/// order of their changes.
pub(crate) async fn changed(conn: &Conn, channel: &str, viewer: &str, since: i64) -> Result<Vec<Posted>> {
    let rows = conn
        .all(
            select!(
                "WHERE channel = $1 AND revision > $3 AND (only_for IS NULL OR only_for = $2)
                 ORDER BY revision LIMIT 200"
            ),
            args![channel, viewer, since],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// One message that a user may see.
pub(crate) async fn message(conn: &Conn, channel: &str, id: &str, viewer: &str) -> Result<Option<Posted>> {
    let row = conn
        .opt(
            select!("WHERE channel = $1 AND id = $2 AND (only_for IS NULL OR only_for = $3)"),
            args![channel, id, viewer],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// What hangs on a message.
#[derive(Clone, Debug)]
pub(crate) struct Replies {
    pub count: usize,
    pub last: Instant,
    /// The position of the newest answer by somebody else.
    pub newest_by_others: i64,
}

/// The threads of a conversation that a user may see, by the message that they hang on.
pub(crate) async fn replies(conn: &Conn, channel: &str, viewer: &str) -> Result<BTreeMap<String, Replies>> {
    let rows = conn
        .all(
            "SELECT thread, COUNT(*) AS count, MAX(created) AS last,
                MAX(CASE WHEN author = $2 THEN 0 ELSE position END) AS newest
             FROM web_message WHERE channel = $1 AND thread IS NOT NULL AND deleted IS NULL
             AND (only_for IS NULL OR only_for = $2) GROUP BY thread",
            args![channel, viewer],
        )
        .await?;
    rows.iter()
        .map(|r| {
            let replies = Replies { count: r.get("count")?, last: r.get("last")?, newest_by_others: r.get("newest")? };
            Ok((r.get("thread")?, replies))
        })
        .collect()
}
