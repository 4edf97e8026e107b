//! The rows of discussions, their messages and members.

use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use super::{Consent, Discussion};

/// An author of a discussion.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tips) struct Member {
    /// Person id.
    pub person: String,
    pub consent: Consent,
    /// Digest of the words in the statement.
    pub digest: Option<String>,
    pub statement: Option<String>,
}

/// A message of a discussion.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::tips) struct Captured {
    pub discussion: String,
    /// The platform's id.
    pub message: String,
    /// Its author: person id.
    pub person: String,
    pub digest: String,
    /// Kept once its author agreed.
    pub text: Option<String>,
    pub written: Instant,
}

macro_rules! discussion_where {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.title, d.platform, d.workspace, d.channel, d.thread, d.logged_by, d.members, d.document, \
             d.statement, d.answer, d.link, d.logged FROM discussion d ",
            $rest
        )
    };
}

fn read_discussion(row: &Row) -> Result<Discussion> {
    Ok(Discussion {
        id: row.get("id")?,
        title: row.get("title")?,
        platform: row.get("platform")?,
        workspace: row.get("workspace")?,
        channel: row.get("channel")?,
        thread: row.get("thread")?,
        logged_by: row.get("logged_by")?,
        members: serde_json::from_str(&row.get::<String>("members")?)?,
        document: row.get("document")?,
        statement: row.get("statement")?,
        answer: row.get("answer")?,
        link: row.get("link")?,
        logged: row.get("logged")?,
    })
}

pub(in crate::tips) async fn discussion(conn: &Conn, id: &str) -> Result<Option<Discussion>> {
    conn.opt(discussion_where!("WHERE d.id = $1"), args![id]).await?.as_ref().map(read_discussion).transpose()
}

pub(super) async fn in_thread(conn: &Conn, platform: &str, channel: &str, thread: &str) -> Result<Option<Discussion>> {
    let sql = discussion_where!("WHERE d.platform = $1 AND d.channel = $2 AND d.thread = $3");
    conn.opt(sql, args![platform, channel, thread]).await?.as_ref().map(read_discussion).transpose()
}

/// Discussions in which a person is an author, newest first, with how the person stands.
pub(super) async fn of(conn: &Conn, person: &str) -> Result<Vec<(Discussion, Member)>> {
    let sql = discussion_where!(
        "JOIN discussion_member m ON m.discussion = d.id WHERE m.person = $1 ORDER BY d.logged DESC, d.id"
    );
    let mut all = Vec::new();
    for row in conn.all(sql, args![person]).await? {
        let discussion = read_discussion(&row)?;
        let member = member(conn, &discussion.id, person).await?;
        all.extend(member.map(|m| (discussion, m)));
    }
    Ok(all)
}

pub(super) async fn save(tx: &Tx, d: &Discussion) -> Result<()> {
    tx.exec(
        "INSERT INTO discussion (id, title, platform, workspace, channel, thread, logged_by, members, document, statement, logged,
         answer, link) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (id) DO UPDATE SET title = excluded.title, answer = excluded.answer, link = excluded.link,
         members = excluded.members, document = excluded.document,
         statement = excluded.statement",
        args![
            &d.id,
            &d.title,
            &d.platform,
            &d.workspace,
            &d.channel,
            &d.thread,
            &d.logged_by,
            serde_json::to_string(&d.members)?,
            &d.document,
            &d.statement,
            d.logged,
            &d.answer,
            &d.link
        ],
    )
    .await?;
    Ok(())
}

fn read_member(row: &Row) -> Result<Member> {
    let word: String = row.get("state")?;
    let consent = Consent::ALL.into_iter().find(|c| c.word() == word);
    Ok(Member {
        person: row.get("person")?,
        consent: consent.ok_or_else(|| Error::invalid(format!("a discussion has the unknown consent '{word}'")))?,
        digest: row.get("digest")?,
        statement: row.get("statement")?,
    })
}

pub(in crate::tips) async fn member(conn: &Conn, discussion: &str, person: &str) -> Result<Option<Member>> {
    let sql = "SELECT person, state, digest, statement FROM discussion_member WHERE discussion = $1 AND person = $2";
    conn.opt(sql, args![discussion, person]).await?.as_ref().map(read_member).transpose()
}

pub(super) async fn members(conn: &Conn, discussion: &str) -> Result<Vec<Member>> {
    let sql = "SELECT person, state, digest, statement FROM discussion_member WHERE discussion = $1 ORDER BY person";
    conn.all(sql, args![discussion]).await?.iter().map(read_member).collect()
}

pub(super) async fn save_member(tx: &Tx, discussion: &str, member: &Member) -> Result<()> {
    tx.exec(
        "INSERT INTO discussion_member (discussion, person, state, digest, statement, changed)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (discussion, person) DO UPDATE SET state = excluded.state, digest = excluded.digest,
         statement = excluded.statement, changed = excluded.changed",
        args![discussion, &member.person, member.consent.word(), &member.digest, &member.statement, tx.now()],
    )
    .await?;
    Ok(())
}

macro_rules! captured_where {
    ($rest:literal) => {
        concat!(
            "SELECT m.discussion, m.message, m.person, m.digest, m.text, m.written FROM discussion_message m ",
            $rest
        )
    };
}

fn read_captured(row: &Row) -> Result<Captured> {
    Ok(Captured {
        discussion: row.get("discussion")?,
        message: row.get("message")?,
        person: row.get("person")?,
        digest: row.get("digest")?,
        text: row.get("text")?,
        written: row.get("written")?,
    })
}

/// The messages of a discussion, oldest first.
pub(super) async fn captured(conn: &Conn, discussion: &str) -> Result<Vec<Captured>> {
    let sql = captured_where!("WHERE m.discussion = $1 ORDER BY m.written, m.message");
    conn.all(sql, args![discussion]).await?.iter().map(read_captured).collect()
}

/// A message on a platform, if a discussion has it.
pub(in crate::tips) async fn of_message(
    conn: &Conn,
    platform: &str,
    channel: &str,
    message: &str,
) -> Result<Option<Captured>> {
    let sql = captured_where!(
        "JOIN discussion d ON d.id = m.discussion WHERE m.message = $3 AND d.platform = $1 AND d.channel = $2"
    );
    conn.opt(sql, args![platform, channel, message]).await?.as_ref().map(read_captured).transpose()
}

pub(in crate::tips) async fn save_message(tx: &Tx, m: &Captured) -> Result<()> {
    tx.exec(
        "INSERT INTO discussion_message (discussion, message, person, digest, text, written)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (discussion, message) DO UPDATE SET digest = excluded.digest, text = excluded.text",
        args![&m.discussion, &m.message, &m.person, &m.digest, &m.text, m.written],
    )
    .await?;
    Ok(())
}

pub(in crate::tips) async fn delete_message(tx: &Tx, m: &Captured) -> Result<()> {
    let sql = "DELETE FROM discussion_message WHERE discussion = $1 AND message = $2";
    tx.exec(sql, args![&m.discussion, &m.message]).await?;
    Ok(())
}

/// Takes away the words of a person in a discussion; the digests stay.
pub(super) async fn clear_texts(tx: &Tx, discussion: &str, person: &str) -> Result<()> {
    let sql = "UPDATE discussion_message SET text = NULL WHERE discussion = $1 AND person = $2";
    tx.exec(sql, args![discussion, person]).await?;
    Ok(())
}

/// What is kept of a person's messages: title of the discussion, and the texts.
pub(in crate::tips) async fn kept_of(conn: &Conn, person: &str) -> Result<Vec<(String, Vec<String>)>> {
    let mut kept = Vec::new();
    for (discussion, member) in of(conn, person).await? {
        if member.consent == Consent::Yes {
            let messages = captured(conn, &discussion.id).await?;
            let texts = messages.into_iter().filter(|m| m.person == person).filter_map(|m| m.text).collect();
            kept.push((discussion.title, texts));
        }
    }
    Ok(kept)
}
