//! What people say about answers, and what it leads to: a word to the document's owner with a clock, and a bounded prior
//! for ranking. No text leaves in a statement, and no name reaches the owner.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Block, Button, Call, Context, Message, literal, moment};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::schedule::{self, Due, Job};
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Role, Status};
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

use crate::library::{self, Document};
use crate::search::Access;

/// How long an owner has before the learning team is told as well.
const CLOCK: i64 = 7 * Instant::DAY;
/// The kind of the clock's job.
const OVERDUE: &str = "answer-concern";
/// Notes that are shown at most.
const NOTES: i64 = 5;
/// Imagined people of no opinion that stand against the real ones: a few votes move little.
const NO_OPINION: f64 = 6.0;
/// How far the prior goes from nothing.
const BOUND: f64 = 0.25;
/// How much "wrong" and "outdated" count against "did not help".
const SERIOUS: f64 = 2.0;

/// What a person says about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It helped.
    Helpful,
    /// It lacked something.
    Missing,
    /// It is not true.
    Wrong,
    /// It was true once.
    Outdated,
}

impl Judgement {
    pub const ALL: [Self; 4] = [Self::Helpful, Self::Missing, Self::Wrong, Self::Outdated];

    /// As it is stored and written in buttons.
    pub fn word(self) -> &'static str {
        match self {
            Self::Helpful => "helpful",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Outdated => "outdated",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|j| j.word() == word)
    }

    /// What it is called in the form and in messages to owners.
    pub fn label(self, words: &Words) -> String {
        match self {
            Self::Helpful => say!(words, "answers-judged-helpful"),
            Self::Missing => say!(words, "answers-judged-missing"),
            Self::Wrong => say!(words, "answers-judged-wrong"),
            Self::Outdated => say!(words, "answers-judged-outdated"),
        }
    }
}

/// How much a document's answers helped, from -0.25 (they did not) over 0 (nothing is known) to 0.25 (they did): a prior
/// that moves its place in the ranking. One person counts once, newer judgements of an older content do not count, and it
/// takes several people to move it: two of them at most by 0.06, twenty by 0.19.
///
/// # Errors
/// The database's error.
pub async fn prior_of(conn: &Conn, document: &str) -> Result<f64> {
    // The newest judgement of each person about the content that stands there now.
    let rows = conn
        .all(
            "SELECT v.person, v.kind FROM answer_vote v
             JOIN question_document q ON q.question = v.question AND q.cited = 1
             JOIN document d ON d.id = q.document
             JOIN document_version w ON w.document_id = d.id AND w.digest = d.version AND w.stored <= v.voted
             WHERE q.document = $1 ORDER BY v.voted",
            args![document],
        )
        .await?;
    let mut newest: HashMap<String, String> = HashMap::new();
    for row in &rows {
        newest.insert(row.get("person")?, row.get("kind")?);
    }
    let sum = |kind: &String| match Judgement::of(kind) {
        Some(Judgement::Helpful) => 1.0,
        Some(Judgement::Wrong | Judgement::Outdated) => -SERIOUS,
        _ => -1.0,
    };
    Ok(bounded((newest.values().map(sum).sum(), newest.len() as f64)))
}

fn bounded((sum, people): (f64, f64)) -> f64 {
    (BOUND * sum / (people + NO_OPINION)).clamp(-BOUND, BOUND)
}

/// Brings the ranking up to date after a judgement of the answer to this question, or before it is taken back.
pub(super) async fn rate(tx: &Tx, documents: &[String]) -> Result<()> {
    for document in documents {
        let rating = (prior_of(tx, document).await? * 1_000.0).round();
        library::rate(tx, document, rating as i64).await?;
    }
    Ok(())
}

/// The person whom a source names as owner: by employee id, e-mail or a name that only one person has.
pub(super) async fn person_named(conn: &Conn, owner: Option<&str>) -> Result<Option<Person>> {
    let Some(owner) = owner else { return Ok(None) };
    match people::find(conn, owner).await {
        Ok(person) if person.status != Status::Left => Ok(Some(person)),
        Ok(_) | Err(Error::NotFound(_) | Error::Invalid(_)) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Who answers for a document: its owner, when that is somebody who works here, else the learning team's first by
/// employee id. None when there is nobody.
///
/// # Errors
/// The database's error.
pub async fn owner_of(conn: &Conn, document: &Document) -> Result<Option<Person>> {
    match person_named(conn, document.owner.as_deref()).await? {
        Some(person) => Ok(Some(person)),
        None => Ok(people::people_with(conn, Role::Learning).await?.into_iter().next()),
    }
}

/// Something is said against a document: its owner hears of it once, with a clock.
pub(super) async fn raise(tx: &Tx, document: &str, judgement: Judgement) -> Result<()> {
    let Some(document) = library::document(tx, document).await? else { return Ok(()) };
    let open = "SELECT id FROM answer_concern WHERE document = $1 AND kind = $2 AND settled IS NULL";
    if let Some(row) = tx.opt(open, args![&document.id, judgement.word()]).await? {
        let key = key(&row.get::<String>("id")?);
        return delivery::revise_one(tx, &key).await;
    }
    let owner = owner_of(tx, &document).await?;
    let (id, due) = (tx.clock().id().to_string(), tx.now().plus(CLOCK));
    tx.exec(
        "INSERT INTO answer_concern (id, document, kind, version, owner, due, first) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![&id, &document.id, judgement.word(), &document.version, owner.as_ref().map(|o| o.id.as_str()), due, tx.now()],
    )
    .await?;
    schedule::put(tx, &key(&id), OVERDUE, due, &Json::from(id.as_str())).await?;
    match owner {
        Some(owner) => tell(tx, &id, &owner.id, "owner").await,
        None => Ok(()),
    }
}

fn key(id: &str) -> String {
    format!("concern/{id}")
}

async fn tell(tx: &Tx, id: &str, person: &str, step: &'static str) -> Result<()> {
    let new = NewDelivery {
        key: if step == "owner" { key(id) } else { format!("{}/{step}/{person}", key(id)) },
        kind: Concerned::NAME,
        person: Some(person.to_owned()),
        payload: json!({ "concern": id }),
        item: id.to_owned(),
        step: step.into(),
        ..NewDelivery::default()
    };
    delivery::enqueue(tx, &new).await?;
    Ok(())
}

/// What was said against a document.
#[derive(Clone, Debug, PartialEq)]
struct Concern {
    id: String,
    document: String,
    kind: Judgement,
    version: String,
    owner: Option<String>,
    due: Instant,
    settled: Option<Instant>,
    first: Instant,
}

fn read(row: &Row) -> Result<Concern> {
    Ok(Concern {
        id: row.get("id")?,
        document: row.get("document")?,
        kind: Judgement::of(&row.get::<String>("kind")?).unwrap_or(Judgement::Missing),
        version: row.get("version")?,
        owner: row.get("owner")?,
        due: row.get("due")?,
        settled: row.get("settled")?,
        first: row.get("first")?,
    })
}

async fn concern(conn: &Conn, id: &str) -> Result<Option<Concern>> {
    let sql = "SELECT id, document, kind, version, owner, due, settled, first FROM answer_concern WHERE id = $1";
    conn.opt(sql, args![id]).await?.as_ref().map(read).transpose()
}

/// How many people said it, and what they wrote.
async fn said(conn: &Conn, concern: &Concern) -> Result<(i64, Vec<String>)> {
    let of = args![&concern.document, concern.kind.word(), concern.first];
    let count = conn
        .one(
            "SELECT COUNT(DISTINCT v.person) AS n FROM answer_vote v JOIN question_document d ON d.question = v.question
             WHERE d.document = $1 AND d.cited = 1 AND v.kind = $2 AND v.voted >= $3",
            of,
        )
        .await?
        .get("n")?;
    let rows = conn
        .all(
            "SELECT v.missing FROM answer_vote v JOIN question_document d ON d.question = v.question
             WHERE d.document = $1 AND d.cited = 1 AND v.kind = $2 AND v.voted >= $3 AND v.missing IS NOT NULL
             ORDER BY v.voted DESC LIMIT $4",
            args![&concern.document, concern.kind.word(), concern.first, NOTES],
        )
        .await?;
    Ok((count, rows.iter().map(|r| r.get("missing")).collect::<Result<_>>()?))
}

/// The word `settle`: the owner has looked at it.
pub(super) async fn settle(cx: &Context<'_>, call: &Call, id: &str) -> Result<()> {
    let person = cx.person()?;
    let gone = || Error::Invalid(say!(cx.words, "answers-concern-gone"));
    let (found, learning) =
        cx.db()
            .read(|c| async move {
                Ok((concern(&c, id).await?, people::roles_of(&c, person).await?.contains(&Role::Learning)))
            })
            .await?;
    let found = found.ok_or_else(gone)?;
    if found.owner.as_ref() != Some(&person.id) && !learning {
        return Err(gone());
    }
    let pressed = call.pressed.as_deref();
    cx.commit(|turn| async move {
        let sql = "UPDATE answer_concern SET settled = $2 WHERE id = $1 AND settled IS NULL";
        turn.exec(sql, args![id, turn.now()]).await?;
        schedule::cancel(&turn, &key(id)).await?;
        delivery::revise(&turn, &key(id)).await?;
        match pressed {
            Some(pressed) => turn.revise(pressed).await,
            None => turn.reply_private(Message::text(say!(cx.words, "answers-concern-settled"))).await,
        }
    })
    .await
}

/// The delivery kind `concern`; payload `{"concern": id}`.
pub(super) struct Concerned;

impl Concerned {
    const NAME: &'static str = "concern";
}

#[async_trait]
impl DeliveryKind for Concerned {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-concern")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Approval)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let (id, me) = (delivery.payload["concern"].as_str().unwrap_or_default(), cx.person);
        let found = cx
            .db
            .read(|conn| async move {
                let Some(concern) = concern(&conn, id).await? else { return Ok(None) };
                let document = library::document(&conn, &concern.document).await?;
                let (count, notes) = said(&conn, &concern).await?;
                // Who may not read a page is told nothing of it, unless they answer for it.
                let mine = concern.owner.is_some() && concern.owner.as_deref() == me.map(|p| p.id.as_str());
                let classes = match me {
                    Some(person) => people::access_classes(&conn, person).await?,
                    None => Vec::new(),
                };
                let named = match &document {
                    Some(d) => person_named(&conn, d.owner.as_deref()).await?.is_some(),
                    None => false,
                };
                let open = |d: &Document| (mine && named) || Access::of(classes.clone()).allows(&d.readers);
                Ok(document.filter(open).map(|d| (concern, d, count, notes)))
            })
            .await?;
        let Some((concern, document, count, notes)) = found else { return Ok(Rendered::Gone(words_key!("why-done"))) };
        let title = literal(&document.title);
        // Who said it may have taken it back, and the content may be another one by now.
        let over = concern.settled.is_some()
            || count == 0
            || document.version != concern.version
            || document.status == library::Status::Retired;
        if over {
            return Ok(match cx.posted {
                true => Rendered::Say(Message::text(say!(cx.words, "answers-concern-over", title = title))),
                false => Rendered::Gone(words_key!("why-done")),
            });
        }
        let what = concern.kind.label(cx.words);
        let zone = cx.person.map_or(jiff::tz::TimeZone::UTC, people::zone);
        let due = moment(&cx.words.date(concern.due.zoned(&zone).date()), concern.due);
        let mut message = Message::text(say!(cx.words, "answers-concern", count = count, title = title, judged = what));
        for note in &notes {
            message = message.and(Block::Quote { text: literal(note), source: None });
        }
        message = message.context(say!(cx.words, "answers-concern-clock", due = due)).buttons(vec![
            Button::primary(say!(cx.words, "answers-concern-done-button"), format!("ask settle {id}")),
            Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key)),
        ]);
        Ok(Rendered::Say(message))
    }
}

/// The clock of a concern: when it runs out, the learning team hears of it; payload: its id.
pub(super) struct Overdue;

#[async_trait]
impl Job for Overdue {
    fn kind(&self) -> &'static str {
        OVERDUE
    }

    async fn run(&self, tx: &Tx, job: &Due) -> Result<()> {
        let id = job.payload.as_str().unwrap_or_default();
        let Some(concern) = concern(tx, id).await?.filter(|c| c.settled.is_none()) else { return Ok(()) };
        for person in people::people_with(tx, Role::Learning).await? {
            if concern.owner.as_ref() != Some(&person.id) {
                tell(tx, id, &person.id, "late").await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_votes_move_little_and_many_never_much() {
        let rounded = |votes: (f64, f64)| (bounded(votes) * 100.0).round() / 100.0;
        assert_eq!(rounded((0.0, 0.0)), 0.0);
        assert_eq!(rounded((2.0, 2.0)), 0.06);
        assert_eq!(rounded((20.0, 20.0)), 0.19);
        assert_eq!(rounded((-2.0 * 1_000.0, 1_000.0)), -0.25);
    }
}
