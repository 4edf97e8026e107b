//! Questions to trainers in the store: a projection of the ledger, which alone has the texts.

use async_trait::async_trait;
use stoa_ground::ledger::{self, Projection, Record};
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result, Row, Tx, args};

/// A question to a trainer, without its texts.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::training) struct Question {
    /// Its id (UUID).
    pub id: String,
    /// Who asked: a person's id, who stands for the one that asked.
    pub person: String,
    /// In which assignment.
    pub assignment: String,
    /// The course's id.
    pub course: String,
    /// Where: see [`super::Place::code`].
    pub place: String,
    /// SHA-256 of the text, to tell a repeated question.
    pub digest: String,
    /// Whose clock runs: a person's id; nobody when everybody was asked.
    pub trainer: Option<String>,
    /// Everybody who was asked, in order.
    pub asked_of: Vec<String>,
    /// When it was asked.
    pub asked: Instant,
    /// When the clock runs out.
    pub due: Instant,
    /// When it was answered.
    pub answered: Option<Instant>,
}

impl Question {
    /// The key of what is said to the one who was asked last.
    pub fn key(&self) -> String {
        format!("trainer/{}/{}", self.id, self.asked_of.len())
    }
}

/// What was asked and answered, by whom and with which qualification; what was erased is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::training) struct Texts {
    /// The question.
    pub question: String,
    /// The answer, the name of who gave it, and the qualification.
    pub answer: Option<(String, String, String)>,
}

/// Writes `trainer_question` from the ledger's records about `trainer-question/<id>`. Kinds: `asked`, `passed` and `answered`.
pub(in crate::training) struct TrainerProjection;

fn person_of(record: &Record, field: &str) -> Option<String> {
    record.data[field].as_str().and_then(|who| who.strip_prefix("person/")).map(str::to_owned)
}

#[async_trait]
impl Projection for TrainerProjection {
    fn subject(&self) -> &'static str {
        "trainer-question"
    }

    fn tables(&self) -> &'static [&'static str] {
        &["trainer_question"]
    }

    async fn apply(&self, tx: &Tx, record: &Record) -> Result<()> {
        let id = record.subject.strip_prefix("trainer-question/").unwrap_or_default();
        let text = |name: &str| record.data[name].as_str().unwrap_or_default().to_owned();
        let trainer = person_of(record, "trainer");
        match record.kind.as_str() {
            "asked" => {
                let asked_of: Vec<&String> = trainer.iter().collect();
                tx.exec(
                    "INSERT INTO trainer_question (id, person, assignment, course, place, digest, trainer, asked_of, asked, due)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                    args![
                        id,
                        text("person"),
                        text("assignment"),
                        text("course"),
                        text("place"),
                        text("digest"),
                        &trainer,
                        serde_json::to_string(&asked_of)?,
                        record.at,
                        serde_json::from_value::<Instant>(record.data["due"].clone())?
                    ],
                )
                .await?;
            }
            "passed" => {
                let Some(mut question) = by_id(tx, id).await? else {
                    return Err(Error::Conflict(format!("the question {id} was never asked")));
                };
                question.asked_of.extend(trainer.clone());
                tx.exec(
                    "UPDATE trainer_question SET trainer = $2, asked_of = $3, due = $4 WHERE id = $1",
                    args![
                        id,
                        &trainer,
                        serde_json::to_string(&question.asked_of)?,
                        serde_json::from_value::<Instant>(record.data["due"].clone())?
                    ],
                )
                .await?;
            }
            "answered" => {
                let sql = "UPDATE trainer_question SET answered = $2, answerer = $3 WHERE id = $1 AND answered IS NULL";
                if tx.exec(sql, args![id, record.at, &trainer]).await? == 0 {
                    return Err(Error::Conflict("the question is answered already".into()));
                }
            }
            other => return Err(Error::invalid(format!("a record about a question cannot be '{other}'"))),
        }
        Ok(())
    }

    fn class(&self, _kind: &str) -> &'static str {
        "training"
    }

    async fn forget(&self, tx: &Tx, subject: &str) -> Result<()> {
        let id = subject.strip_prefix("trainer-question/").unwrap_or_default();
        tx.exec("DELETE FROM trainer_question WHERE id = $1", args![id]).await?;
        Ok(())
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = trainer_question.person), person) AS person, \
             assignment, course, place, digest, \
             COALESCE((SELECT x.stands_for FROM person_alias x WHERE x.person = trainer_question.trainer), trainer) AS trainer, \
             asked_of, asked, due, answered FROM trainer_question ",
            $rest
        )
    };
}

fn read(row: &Row) -> Result<Question> {
    Ok(Question {
        id: row.get("id")?,
        person: row.get("person")?,
        assignment: row.get("assignment")?,
        course: row.get("course")?,
        place: row.get("place")?,
        digest: row.get("digest")?,
        trainer: row.get("trainer")?,
        asked_of: serde_json::from_str(&row.get::<String>("asked_of")?)?,
        asked: row.get("asked")?,
        due: row.get("due")?,
        answered: row.get("answered")?,
    })
}

/// The question with this id.
pub(in crate::training) async fn by_id(conn: &Conn, id: &str) -> Result<Option<Question>> {
    conn.opt(select!("WHERE id = $1"), args![id]).await?.as_ref().map(read).transpose()
}

/// The questions of a person, the newest first.
pub(in crate::training) async fn of_person(conn: &Conn, person: &str) -> Result<Vec<Question>> {
    let sql = concat!(select!("WHERE person IN "), stoa_ground::rows_of!("$1"), " ORDER BY asked DESC, id");
    conn.all(sql, args![person]).await?.iter().map(read).collect()
}

/// The ids of the questions that were asked in these assignments.
pub(in crate::training) async fn ids_in(conn: &Conn, assignments: &[String]) -> Result<Vec<String>> {
    let before = "SELECT id FROM trainer_question WHERE assignment IN";
    let rows = conn.all_in(before, assignments, "", args![]).await?;
    rows.iter().map(|row| row.get("id")).collect()
}

/// The open questions whose clock runs with a person.
pub(super) async fn open_with(conn: &Conn, trainer: &str) -> Result<Vec<Question>> {
    let sql =
        concat!(select!("WHERE answered IS NULL AND trainer IN "), stoa_ground::rows_of!("$1"), " ORDER BY asked, id");
    conn.all(sql, args![trainer]).await?.iter().map(read).collect()
}

/// Who answered questions in an assignment, each once, with their qualification.
pub(in crate::training) async fn answered_by(conn: &Conn, assignment: &str) -> Result<Vec<(Person, String)>> {
    let sql = "SELECT id, answerer FROM trainer_question WHERE assignment = $1 AND answerer IS NOT NULL ORDER BY answered, id";
    let mut found: Vec<(Person, String)> = Vec::new();
    for row in conn.all(sql, args![assignment]).await? {
        let Some(person) = people::by_id(conn, &row.get::<String>("answerer")?).await? else { continue };
        if found.iter().any(|(p, _)| p.id == person.id) {
            continue;
        }
        let texts = texts(conn, &row.get::<String>("id")?).await?;
        found.push((person, texts.answer.map(|(_, _, qualification)| qualification).unwrap_or_default()));
    }
    Ok(found)
}

/// The texts of a question, from the ledger.
pub(in crate::training) async fn texts(conn: &Conn, id: &str) -> Result<Texts> {
    let mut texts = Texts::default();
    for record in ledger::of_subject(conn, &format!("trainer-question/{id}")).await? {
        let text = |name: &str| record.data[name].as_str().unwrap_or_default().to_owned();
        match record.kind.as_str() {
            "asked" => texts.question = text("text"),
            "answered" => texts.answer = Some((text("text"), text("trainer_name"), text("qualification"))),
            _ => {}
        }
    }
    Ok(texts)
}
