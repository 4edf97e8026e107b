//! The rows of questions, votes and what people kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stoa_flow::chat::{Account, Context, Place};
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::{Lease, Leased};
use stoa_ground::{Conn, Instant, Result, Row, Tx, args};

use crate::answers::Answer;
use crate::answers::experts;
use crate::answers::feedback::{self, Judgement};
use crate::library::{self, Document, Status};
use crate::search::{Access, Found};

/// Questions that are read at once.
const PAGE: i64 = 200;
/// The longest that a server has an answer without saying that it still writes on it.
const LONGEST: Duration = Duration::from_secs(30);

/// Answers that are being written.
pub(super) const LEASED: Leased = Leased { table: "question", until: "lease_until", longest: LONGEST };

/// An answer as it is kept: with the versions of the passages that it quotes or names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::answers) struct Kept {
    pub answer: Answer,
    /// Passage id to version.
    pub versions: BTreeMap<String, String>,
    /// Person ids of the experts that are named.
    #[serde(default)]
    pub experts: Vec<String>,
    /// Whether it was looked for among what is marked for people from outside, and nowhere else.
    #[serde(default)]
    pub external: bool,
}

/// The versions of the passages that an answer quotes. Those that search did not find are empty: they were read from the
/// store just now.
pub(super) fn versions(answer: &Answer, found: &Found) -> BTreeMap<String, String> {
    let version = |id: &String| found.hits.iter().find(|h| h.passage_id == *id).map(|h| h.version.clone());
    answer.citations.iter().map(|c| (c.passage.clone(), version(&c.passage).unwrap_or_default())).collect()
}

/// Where an answer goes that is not yet in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::answers) struct Reply {
    pub place: Option<Place>,
    pub only: Option<Account>,
}

impl Reply {
    pub fn of(new: &NewDelivery) -> Self {
        Self { place: new.place.clone(), only: new.only.clone() }
    }
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::answers) struct Question {
    pub id: String,
    /// Who asked; none for an account that belongs to nobody.
    pub person: Option<String>,
    pub platform: String,
    pub workspace: String,
    pub channel: String,
    pub thread: Option<String>,
    /// Key of the event that asked.
    pub event: String,
    pub text: String,
    /// The question before it, on which it may lean.
    pub before: Option<String>,
    /// The question as it was understood, where it leaned on the one before.
    pub meant: Option<String>,
    /// Whether it is a new question, not the same one once more.
    pub counted: bool,
    /// Whether its answer is for the asker alone.
    pub private: bool,
    /// Whether nobody asked the bot.
    pub unasked: bool,
    /// Whether an answer is still being written.
    pub writing: bool,
    /// Key of the delivery that answers.
    pub delivery: Option<String>,
    /// Where the answer goes when it is written, while it is not in the outbox.
    pub reply: Option<Reply>,
    /// None when it was written by another version of the program.
    pub answer: Option<Kept>,
    pub abstained: bool,
    pub gap: Option<String>,
    pub statement: Option<String>,
    pub asked: Instant,
}

impl Question {
    /// A question of whoever did the event, asked where it happened, not yet answered.
    pub fn new(cx: &Context<'_>, id: String, text: &str, asked: Instant) -> Self {
        let place = cx.reply_place();
        Self {
            id,
            person: cx.known.as_ref().map(|p| p.id.clone()),
            platform: place.platform,
            workspace: place.workspace,
            channel: place.channel,
            thread: place.thread,
            event: cx.envelope.key.clone(),
            text: text.to_owned(),
            before: None,
            meant: None,
            counted: true,
            private: false,
            unasked: false,
            writing: false,
            delivery: None,
            reply: None,
            answer: None,
            abstained: false,
            gap: None,
            statement: None,
            asked,
        }
    }

    /// Where its answer goes, or stands.
    pub fn place(&self) -> Place {
        let own = || Place {
            platform: self.platform.clone(),
            workspace: self.workspace.clone(),
            channel: self.channel.clone(),
            thread: self.thread.clone(),
            // What is for one person where others are waits with its place.
            direct: self.private,
        };
        self.reply.as_ref().and_then(|reply| reply.place.clone()).unwrap_or_else(own)
    }

    /// The documents that its answer quotes.
    pub fn documents(&self) -> BTreeSet<String> {
        let kept = self.answer.iter().flat_map(|kept| &kept.answer.citations);
        kept.map(|c| c.document.clone()).collect()
    }

    /// The documents that its answer names without quoting them: where to read on, and where the same stands.
    fn named(&self) -> BTreeSet<String> {
        let answers = || self.answer.iter().map(|kept| &kept.answer);
        let near = answers().flat_map(|a| &a.nearest).map(|n| &n.document);
        let also = answers().flat_map(|a| &a.citations).flat_map(|c| &c.also).map(|o| &o.document);
        near.chain(also).cloned().collect()
    }
}

pub(in crate::answers) async fn insert(tx: &Tx, question: &Question) -> Result<()> {
    tx.exec(
        "INSERT INTO question (id, person, platform, workspace, channel, thread, event, text, before, meant, counted,
         private, unasked, state, delivery, reply, answer, abstained, gap, statement, asked)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        args![
            &question.id,
            &question.person,
            &question.platform,
            &question.workspace,
            &question.channel,
            &question.thread,
            &question.event,
            &question.text,
            &question.before,
            &question.meant,
            question.counted,
            question.private,
            question.unasked,
            if question.writing { "writing" } else { "answered" },
            &question.delivery,
            question.reply.as_ref().map(serde_json::to_string).transpose()?,
            serde_json::to_string(&question.answer)?,
            question.abstained,
            &question.gap,
            &question.statement,
            question.asked
        ],
    )
    .await?;
    note_documents(tx, question).await
}

async fn note_documents(tx: &Tx, question: &Question) -> Result<()> {
    let cited = question.documents();
    let all = cited.union(&question.named()).cloned().collect::<Vec<_>>();
    for document in all {
        let sql = "INSERT INTO question_document (question, document, cited) VALUES ($1, $2, $3)
                   ON CONFLICT (question, document) DO UPDATE
                   SET cited = CASE WHEN excluded.cited = 1 THEN 1 ELSE question_document.cited END";
        tx.exec(sql, args![&question.id, &document, cited.contains(&document)]).await?;
    }
    Ok(())
}

/// `SELECT` of all columns that [`Question`] has.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, person, platform, workspace, channel, thread, event, text, before, meant, counted, private, \
             unasked, state, delivery, reply, answer, abstained, gap, statement, asked FROM question ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Question> {
    let reply: Option<String> = row.get("reply")?;
    Ok(Question {
        id: row.get("id")?,
        person: row.get("person")?,
        platform: row.get("platform")?,
        workspace: row.get("workspace")?,
        channel: row.get("channel")?,
        thread: row.get("thread")?,
        event: row.get("event")?,
        text: row.get("text")?,
        before: row.get("before")?,
        meant: row.get("meant")?,
        counted: row.get("counted")?,
        private: row.get("private")?,
        unasked: row.get("unasked")?,
        writing: row.get::<String>("state")? == "writing",
        delivery: row.get("delivery")?,
        reply: reply.and_then(|r| serde_json::from_str(&r).ok()),
        answer: serde_json::from_str(&row.get::<String>("answer")?).unwrap_or_default(),
        abstained: row.get("abstained")?,
        gap: row.get("gap")?,
        statement: row.get("statement")?,
        asked: row.get("asked")?,
    })
}

pub(in crate::answers) async fn question(conn: &Conn, id: &str) -> Result<Option<Question>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// What a person asked, oldest first.
pub(super) async fn questions_of(conn: &Conn, person: &str) -> Result<Vec<Question>> {
    conn.all(select!("WHERE person = $1 ORDER BY asked, id"), args![person]).await?.iter().map(read).collect()
}

/// The questions that make up a gap, oldest first, the newest of each person, after one of them; a page of them.
pub(in crate::answers) async fn of_gap(conn: &Conn, gap: &str, after: Option<&Question>) -> Result<Vec<Question>> {
    let (asked, id) = after.map_or((Instant(i64::MIN), ""), |q| (q.asked, q.id.as_str()));
    let sql = select!(
        "WHERE gap = $1 AND (asked > $2 OR (asked = $2 AND id > $3)) AND NOT EXISTS
         (SELECT 1 FROM question q WHERE q.gap = question.gap AND COALESCE(q.person, '') = COALESCE(question.person, '')
          AND (q.asked > question.asked OR (q.asked = question.asked AND q.id > question.id)))
         ORDER BY asked, id LIMIT $4"
    );
    conn.all(sql, args![gap, asked, id, PAGE]).await?.iter().map(read).collect()
}

/// What a person asked last in a place since an instant, as it was understood. Where a clock stands still, the order in
/// which the events came in counts.
pub(super) async fn last_asked(
    conn: &Conn,
    person: &str,
    place: &Place,
    private: bool,
    since: Instant,
) -> Result<Option<String>> {
    let row = conn
        .opt(
            "SELECT COALESCE(q.meant, q.text) AS text FROM question q LEFT JOIN inbox i ON i.key = q.event
             WHERE q.person = $1 AND q.platform = $2 AND q.channel = $3 AND COALESCE(q.thread, '') = $4
             AND q.private = $5 AND q.asked >= $6 AND q.unasked = 0
             ORDER BY q.asked DESC, i.position DESC, q.id DESC LIMIT 1",
            args![person, &place.platform, &place.channel, place.thread.as_deref().unwrap_or_default(), private, since],
        )
        .await?;
    row.map(|r| r.get("text")).transpose()
}

/// Takes the lease of answers that wait to be written, oldest first, each with the number of the attempt.
pub(super) async fn claim(tx: &Tx, limit: i64, lease: Lease) -> Result<Vec<(Question, i64)>> {
    let now = tx.lease_time().await?;
    let sql =
        "SELECT id, attempts FROM question WHERE state = 'writing' AND lease_until <= $1 ORDER BY asked, id LIMIT $2";
    let mut claimed = Vec::new();
    for row in tx.all(sql, args![now, limit]).await? {
        let (id, attempts): (String, i64) = (row.get("id")?, row.get("attempts")?);
        let sql = "UPDATE question SET lease_until = $2, attempts = attempts + 1 WHERE id = $1 AND lease_until <= $3";
        if tx.exec(sql, args![&id, now.plus(lease.micros()), now]).await? == 1 {
            claimed.extend(question(tx, &id).await?.map(|q| (q, attempts + 1)));
        }
    }
    Ok(claimed)
}

/// Keeps the leases of answers that are being written.
pub(super) async fn renew(tx: &Tx, ids: &[String], lease: Lease) -> Result<()> {
    let until = tx.lease_time().await?.plus(lease.micros());
    for id in ids {
        tx.exec("UPDATE question SET lease_until = $2 WHERE id = $1 AND state = 'writing'", args![id, until]).await?;
    }
    Ok(())
}

/// After the start of the only server: nobody writes anything.
pub(super) async fn release(tx: &Tx) -> Result<()> {
    tx.exec("UPDATE question SET lease_until = 0 WHERE state = 'writing'", args![]).await?;
    Ok(())
}

/// Keeps an answer as far as it is written.
pub(super) async fn grow(tx: &Tx, id: &str, kept: &Kept) -> Result<bool> {
    let sql = "UPDATE question SET answer = $2 WHERE id = $1 AND state = 'writing'";
    Ok(tx.exec(sql, args![id, serde_json::to_string(&Some(kept))?]).await? == 1)
}

/// An answer is written: false when another server was faster, or the question is gone.
pub(super) async fn finish(tx: &Tx, question: &Question) -> Result<bool> {
    let done = tx
        .exec(
            "UPDATE question SET state = 'answered', reply = NULL, answer = $2, abstained = $3, gap = $4, meant = $5
             WHERE id = $1 AND state = 'writing'",
            args![
                &question.id,
                serde_json::to_string(&question.answer)?,
                question.abstained,
                &question.gap,
                &question.meant
            ],
        )
        .await?;
    if done == 1 {
        note_documents(tx, question).await?;
    }
    Ok(done == 1)
}

/// Takes away a question with its votes; gives the statements about it.
pub(super) async fn delete(tx: &Tx, question: &Question) -> Result<Vec<String>> {
    let votes = tx.all("SELECT statement FROM answer_vote WHERE question = $1", args![&question.id]).await?;
    let mut statements: Vec<String> = votes.iter().map(|r| r.get("statement")).collect::<Result<_>>()?;
    statements.extend(question.statement.clone());
    let judged = if votes.is_empty() { Vec::new() } else { documents_of(tx, &question.id).await? };
    for sql in [
        "DELETE FROM answer_vote WHERE question = $1",
        "DELETE FROM question_document WHERE question = $1",
        "DELETE FROM question WHERE id = $1",
    ] {
        tx.exec(sql, args![&question.id]).await?;
    }
    feedback::rate(tx, &judged).await?;
    if let Some(gap) = &question.gap {
        tx.exec("UPDATE gap SET count = count - 1 WHERE id = $1", args![gap]).await?;
        tx.exec("DELETE FROM gap WHERE id = $1 AND count <= 0", args![gap]).await?;
        // What stays is somebody else's question: in their words.
        let other = tx.opt("SELECT text FROM question WHERE gap = $1 ORDER BY asked LIMIT 1", args![gap]).await?;
        if let Some(other) = other {
            tx.exec("UPDATE gap SET text = $2 WHERE id = $1", args![gap, other.get::<String>("text")?]).await?;
        }
    }
    Ok(statements)
}

/// Takes away what else a person did here: judgements of others' answers, what was kept, what was passed on and what was
/// answered for others, and the use of the language model. Gives the statements about it.
pub(super) async fn erase(tx: &Tx, person: &str) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    let sql = "SELECT DISTINCT d.document FROM answer_vote v JOIN question_document d ON d.question = v.question
               WHERE v.person = $1 AND d.cited = 1 ORDER BY d.document";
    let rows = tx.all(sql, args![person]).await?;
    let judged = rows.iter().map(|r| r.get("document")).collect::<Result<Vec<String>>>()?;
    for sql in [
        "DELETE FROM answer_vote WHERE person = $1 RETURNING statement",
        "DELETE FROM answer_saved WHERE person = $1 RETURNING statement",
    ] {
        let rows = tx.all(sql, args![person]).await?;
        statements.extend(rows.iter().map(|r| r.get::<String>("statement")).collect::<Result<Vec<_>>>()?);
    }
    feedback::rate(tx, &judged).await?;
    statements.extend(experts::erase(tx, person).await?);
    tx.exec("DELETE FROM knowledge WHERE person = $1", args![person]).await?;
    tx.exec("DELETE FROM model_use WHERE person = $1", args![person]).await?;
    Ok(statements)
}

pub(super) async fn set_gap(tx: &Tx, question: &str, gap: &str) -> Result<()> {
    tx.exec("UPDATE question SET gap = $2 WHERE id = $1", args![question, gap]).await?;
    Ok(())
}

/// A person's judgement of an answer, and the statement about it.
pub(super) async fn vote(conn: &Conn, question: &str, person: &str) -> Result<Option<(Judgement, String)>> {
    let sql = "SELECT kind, statement FROM answer_vote WHERE question = $1 AND person = $2";
    let Some(row) = conn.opt(sql, args![question, person]).await? else { return Ok(None) };
    let judgement = Judgement::of(&row.get::<String>("kind")?).unwrap_or(Judgement::Missing);
    Ok(Some((judgement, row.get("statement")?)))
}

pub(super) async fn set_vote(
    tx: &Tx,
    question: &str,
    person: &str,
    judgement: Judgement,
    missing: Option<&str>,
    statement: &str,
) -> Result<()> {
    tx.exec(
        "INSERT INTO answer_vote (question, person, helpful, kind, missing, statement, voted)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (question, person) DO UPDATE SET helpful = excluded.helpful, kind = excluded.kind,
         statement = excluded.statement, missing = COALESCE(excluded.missing, answer_vote.missing),
         voted = excluded.voted",
        args![question, person, judgement == Judgement::Helpful, judgement.word(), missing, statement, tx.now()],
    )
    .await?;
    feedback::rate(tx, &documents_of(tx, question).await?).await
}

/// The documents that the answer to a question quotes.
async fn documents_of(conn: &Conn, question: &str) -> Result<Vec<String>> {
    let sql = "SELECT document FROM question_document WHERE question = $1 AND cited = 1 ORDER BY document";
    conn.all(sql, args![question]).await?.iter().map(|r| r.get("document")).collect()
}

/// Asks that posted answers which quote or name a document be rendered again, all of them: whoever closes a page closes it
/// everywhere.
pub(super) async fn revise_citing(tx: &Tx, document: &str) -> Result<()> {
    tx.exec(
        "UPDATE outbox SET revise = revise + 1 WHERE state IN ('posted', 'sending') AND key IN
         (SELECT q.delivery FROM question q JOIN question_document d ON d.question = q.id WHERE d.document = $1)",
        args![document],
    )
    .await?;
    // Of older ones only the event is known.
    let sql = "SELECT q.event FROM question q JOIN question_document d ON d.question = q.id
               WHERE d.document = $1 AND q.delivery IS NULL";
    for row in tx.all(sql, args![document]).await? {
        revise(tx, &row.get::<String>("event")?, None).await?;
    }
    Ok(())
}

/// Questions whose answers quote or name a document, after one of them, newest first; a page of them.
pub(super) async fn citing(conn: &Conn, document: &str, after: Option<&Question>) -> Result<Vec<Question>> {
    let (asked, id) = after.map_or((Instant(i64::MAX), ""), |q| (q.asked, q.id.as_str()));
    let sql = select!(
        "WHERE id IN (SELECT question FROM question_document WHERE document = $1)
         AND (asked < $2 OR (asked = $2 AND id < $3)) ORDER BY asked DESC, id DESC LIMIT $4"
    );
    conn.all(sql, args![document, asked, id, PAGE]).await?.iter().map(read).collect()
}

/// Keeps another answer of a question than before; none: its words are forgotten.
pub(super) async fn keep(tx: &Tx, id: &str, answer: Option<&Kept>) -> Result<()> {
    tx.exec("UPDATE question SET answer = $2 WHERE id = $1", args![id, serde_json::to_string(&answer)?]).await?;
    Ok(())
}

/// Asks that a posted answer be rendered again. Older questions do not know their delivery, only the event.
pub(super) async fn revise(tx: &Tx, event: &str, key: Option<&str>) -> Result<()> {
    match key {
        Some(key) => delivery::revise_one(tx, key).await,
        None => delivery::revise(tx, &format!("reply/{event}/")).await,
    }
}

pub(super) async fn is_saved(conn: &Conn, person: &str, passage: &str) -> Result<bool> {
    let sql = "SELECT 1 AS one FROM answer_saved WHERE person = $1 AND passage = $2";
    Ok(conn.opt(sql, args![person, passage]).await?.is_some())
}

pub(super) async fn save_passage(tx: &Tx, person: &str, passage: &str, document: &str, statement: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO answer_saved (person, passage, document, statement, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (person, passage) DO NOTHING",
        args![person, passage, document, statement, tx.now()],
    )
    .await?;
    Ok(())
}

/// Takes a document out of what a person kept; gives the statements.
pub(super) async fn unsave(tx: &Tx, person: &str, document: &str) -> Result<Vec<String>> {
    let sql = "DELETE FROM answer_saved WHERE person = $1 AND document = $2 RETURNING statement";
    tx.all(sql, args![person, document]).await?.iter().map(|r| r.get("statement")).collect()
}

/// The documents that a person kept, newest first.
pub(super) async fn saved(conn: &Conn, person: &str) -> Result<Vec<String>> {
    let sql = "SELECT document, MAX(at) AS at FROM answer_saved WHERE person = $1 GROUP BY document ORDER BY 2 DESC, 1";
    conn.all(sql, args![person]).await?.iter().map(|r| r.get("document")).collect()
}

/// What a person kept, as far as these readers can read it today.
pub(super) async fn saved_open(conn: &Conn, person: &str, access: &Access) -> Result<Vec<Document>> {
    let mut open = Vec::new();
    for document in saved(conn, person).await? {
        let document = library::document(conn, &document).await?;
        open.extend(document.filter(|d| d.status != Status::Retired && access.allows(&d.readers)));
    }
    Ok(open)
}

/// What a person kept, for `mydata`: titles of what they can read today, and how many more there are.
///
/// # Errors
/// The database's error.
pub async fn saved_titles(conn: &Conn, person: &str, access: &Access) -> Result<(Vec<String>, usize)> {
    let titles: Vec<String> = saved_open(conn, person, access).await?.into_iter().map(|d| d.title).collect();
    let more = saved(conn, person).await?.len() - titles.len();
    Ok((titles, more))
}

/// What relied on a document through answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Relied {
    /// Answers that quote it.
    pub answers: i64,
    /// Different people who got one of them.
    pub people: i64,
    /// People who kept it for later.
    pub saved: i64,
}

/// What relied on a document through answers before an instant, in numbers: who asked is nobody's business.
///
/// # Errors
/// The database's error.
pub async fn relied_on(conn: &Conn, document: &str, before: Instant) -> Result<Relied> {
    let row = conn
        .one(
            "SELECT COUNT(*) AS answers, COUNT(DISTINCT q.person) AS people FROM question q
             JOIN question_document d ON d.question = q.id WHERE d.document = $1 AND d.cited = 1 AND q.asked < $2",
            args![document, before],
        )
        .await?;
    let saved = "SELECT COUNT(DISTINCT person) AS n FROM answer_saved WHERE document = $1 AND at < $2";
    Ok(Relied {
        answers: row.get("answers")?,
        people: row.get("people")?,
        saved: conn.one(saved, args![document, before]).await?.get("n")?,
    })
}
