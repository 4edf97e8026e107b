//! `mydata`: what is kept about a person, in words and as JSON, and the erasure of what is voluntary.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use stoa_flow::chat::{Account, Args, Button, Call, Command, Context, Message, Style};
use stoa_flow::words::Words;
use stoa_flow::{Parts, say, words_key};
use stoa_ground::people::{self, Person};
use stoa_ground::xapi::{Emitter, agent_key};
use stoa_ground::{Conn, Result, Tx, args};

use crate::Services;
use crate::answers::{self, Asked};
use crate::search::Access;
use crate::tips::{self, Voluntary};
use crate::training;

/// The longest piece of an export in one message, in characters.
const PIECE: usize = 2_600;
/// Messages that an export has at most.
const PIECES: usize = 12;

/// The command.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    Parts { commands: vec![Box::new(MyData(Arc::clone(services)))], ..Parts::default() }
}

/// Erases what a person gave of their own will, and writes down that it was done, so that a restore of an older backup
/// does it again: questions and tips with their texts, and the texts of what they wrote to the bot and it answered.
/// Bears repetition.
///
/// # Errors
/// The database's error.
pub async fn erase(tx: &Tx, services: &Services, person: &Person) -> Result<()> {
    // Also what was given under a row that was merged into theirs.
    for row in people::rows_of(tx, &person.id).await? {
        erase_row(tx, services, &row).await?;
    }
    for account in people::accounts_of(tx, &person.id).await? {
        let account = serde_json::to_string(&Account::from(account))?;
        tx.exec("UPDATE inbox SET body = '{}' WHERE account = $1 AND state <> 'new'", args![account]).await?;
    }
    Ok(())
}

async fn erase_row(tx: &Tx, services: &Services, person: &Person) -> Result<()> {
    answers::erase_questions(tx, services, person).await?;
    tips::erase(tx, services, person).await?;
    tx.exec(
        "UPDATE outbox SET payload = 'null', shown = NULL, revise = 0 WHERE person = $1 AND kind = 'reply'
         AND state NOT IN ('queued', 'sending')",
        args![&person.id],
    )
    .await?;
    tx.exec(
        "INSERT INTO erasure (person, at) VALUES ($1, $2) ON CONFLICT (person, at) DO NOTHING",
        args![&person.id, tx.now()],
    )
    .await?;
    Ok(())
}

/// The command `mydata`.
struct MyData(Arc<Services>);

/// Everything that is kept about one person.
struct Kept {
    person: Person,
    /// Rows that were merged into the person's.
    earlier: Vec<Person>,
    settings: Vec<(String, String)>,
    questions: Vec<Asked>,
    /// Titles of pages that the person kept and can read today, and how many more there are.
    saved: (Vec<String>, usize),
    /// Questions that went to colleagues or came from them, with the answers.
    passed_on: Vec<(String, Option<String>, bool)>,
    /// Questions to trainers, with the answers.
    trainers: Vec<(String, Option<String>)>,
    voluntary: Voluntary,
    /// Statements by this person that count.
    statements: i64,
    /// Messages that the person got.
    messages: i64,
}

#[async_trait]
impl Command for MyData {
    fn word(&self) -> &'static str {
        "mydata"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-mydata")
    }

    fn accepts(&self, args: &Args) -> bool {
        matches!(args.text(), "" | "export" | "erase")
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        match call.args.text() {
            "export" => {
                let kept = self.kept(cx, person).await?;
                let (pieces, whole) = pieces(&kept.lines());
                let (pieces, words) = (&pieces, cx.words);
                cx.commit(|turn| async move {
                    for (n, piece) in pieces.iter().enumerate() {
                        let mut message = Message::new();
                        if n == 0 {
                            message = message.paragraph(say!(words, "mydata-export"));
                        }
                        message = message.paragraph(format!("```\n{piece}\n```"));
                        if n + 1 == pieces.len() && !whole {
                            message = message.context(say!(words, "mydata-export-cut"));
                        }
                        turn.reply_private(message).await?;
                    }
                    Ok(())
                })
                .await
            }
            "erase" => {
                let erase = Button {
                    style: Style::Danger,
                    ..Button::new(say!(cx.words, "mydata-erase-yes-button"), "mydata erase yes")
                };
                let message = Message::text(say!(cx.words, "mydata-erase-sure"))
                    .context(say!(cx.words, "mydata-stays"))
                    .buttons(vec![erase, Button::new(say!(cx.words, "mydata-export-button"), "mydata export")]);
                cx.reply_private(message).await
            }
            "erase yes" => {
                let services = &self.0;
                cx.commit(|turn| async move {
                    erase(&turn, services, person).await?;
                    let message =
                        Message::text(say!(cx.words, "mydata-erased")).context(say!(cx.words, "mydata-stays"));
                    turn.replace(call.pressed.as_deref(), message).await
                })
                .await
            }
            _ => {
                let kept = self.kept(cx, person).await?;
                cx.reply_private(kept.message(cx.words)).await
            }
        }
    }
}

impl MyData {
    async fn kept(&self, cx: &Context<'_>, person: &Person) -> Result<Kept> {
        let emitter = &self.0.emitter;
        cx.db()
            .read(|conn| async move {
                let mut kept = Kept {
                    person: person.clone(),
                    earlier: Vec::new(),
                    settings: people::settings_of(&conn, &person.id).await?.into_iter().collect(),
                    questions: Vec::new(),
                    saved: (Vec::new(), 0),
                    passed_on: Vec::new(),
                    trainers: training::questions_of(&conn, &person.id).await?,
                    voluntary: Voluntary::default(),
                    statements: 0,
                    messages: 0,
                };
                let access = Access::of(people::access_classes(&conn, person).await?);
                let messages = "SELECT COUNT(*) AS n FROM outbox WHERE person = $1 AND state = 'posted'";
                for row in people::rows_of(&conn, &person.id).await? {
                    kept.questions.extend(answers::questions_of(&conn, &row.id).await?);
                    let (titles, more) = answers::saved_titles(&conn, &row.id, &access).await?;
                    kept.saved.0.extend(titles);
                    kept.saved.1 += more;
                    kept.passed_on.extend(answers::passed_on(&conn, &row.id).await?);
                    let more = tips::voluntary(&conn, &row.id).await?;
                    kept.voluntary.tips.extend(more.tips);
                    kept.voluntary.ratings += more.ratings;
                    kept.voluntary.discussions.extend(more.discussions);
                    kept.voluntary.experiences.extend(more.experiences);
                    kept.statements += statements(&conn, emitter, &row).await?;
                    kept.messages += conn.one(messages, args![&row.id]).await?.get::<i64>("n")?;
                    if row.id != person.id {
                        kept.earlier.push(row);
                    }
                }
                Ok(kept)
            })
            .await
    }
}

/// How many statements that count are about a person.
async fn statements(conn: &Conn, emitter: &Emitter, person: &Person) -> Result<i64> {
    let agent = json!({ "account": { "homePage": emitter.organisation(), "name": person.employee_id } });
    let row = conn
        .one(
            "SELECT COUNT(*) AS n FROM statement s JOIN statement_agent a ON a.position = s.position
             WHERE a.agent = $1 AND a.related = 0 AND s.voided = 0 AND s.voids IS NULL",
            args![agent_key(&agent).unwrap_or_default()],
        )
        .await?;
    row.get("n")
}

impl Kept {
    fn message(&self, words: &'static Words) -> Message {
        let v = &self.voluntary;
        let lines = [
            say!(words, "mydata-roster"),
            say!(words, "mydata-questions", count = self.questions.len()),
            say!(words, "mydata-tips", count = v.tips.len(), ratings = v.ratings),
            say!(words, "mydata-discussions", count = v.discussions.len()),
            say!(words, "mydata-experience", count = v.experiences.len()),
            say!(words, "mydata-statements", count = self.statements),
            say!(words, "mydata-messages", count = self.messages),
        ];
        let lines: Vec<String> = lines.into_iter().map(|l| format!("- {l}")).collect();
        let erase = Button { style: Style::Danger, ..Button::new(say!(words, "mydata-erase-button"), "mydata erase") };
        Message::text(say!(words, "mydata-intro"))
            .paragraph(lines.join("\n"))
            .context(say!(words, "mydata-who-sees"))
            .buttons(vec![Button::new(say!(words, "mydata-export-button"), "mydata export"), erase])
    }

    /// One JSON value a line.
    fn lines(&self) -> Vec<String> {
        let row = |kind: &str, p: &Person| {
            json!({
                "kind": kind, "employee_id": p.employee_id, "name": p.name, "email": p.email, "timezone": p.timezone,
                "locale": p.locale, "chat_locale": p.chat_locale, "title": p.title, "department": p.department, "location": p.location,
                "country": p.country, "state": p.state, "worker_type": p.worker_type, "hire_date": p.hire_date,
                "status": p.status, "leave_from": p.leave_from, "leave_to": p.leave_to, "other_leaves": p.other_leaves,
            })
        };
        let mut all: Vec<Json> = vec![row("person", &self.person)];
        all.extend(self.earlier.iter().map(|p| row("earlier", p)));
        all.extend(self.settings.iter().map(|(name, value)| json!({"kind": "setting", "name": name, "value": value})));
        all.extend(
            self.questions
                .iter()
                .map(|q| json!({"kind": "question", "at": q.at.rfc3339(), "text": q.text, "answered": q.answered})),
        );
        all.extend(self.saved.0.iter().map(|title| json!({"kind": "saved", "title": title})));
        all.extend(self.passed_on.iter().map(|(text, answer, mine)| {
            json!({"kind": if *mine { "asked a colleague" } else { "answered a colleague" }, "text": text, "answer": answer})
        }));
        all.extend(
            self.trainers
                .iter()
                .map(|(text, answer)| json!({"kind": "asked a trainer", "text": text, "answer": answer})),
        );
        let v = &self.voluntary;
        all.extend(v.tips.iter().map(
            |t| json!({"kind": "tip", "at": t.created.rfc3339(), "text": t.text, "topic": t.topic, "shared": t.shared}),
        ));
        all.extend(
            v.discussions
                .iter()
                .map(|(title, messages)| json!({"kind": "discussion", "title": title, "messages": messages})),
        );
        all.extend(v.experiences.iter().map(|e| {
            json!({"kind": "experience", "day": e.day, "text": e.text, "minutes": e.minutes, "link": e.link,
                   "confirmation": e.confirmation})
        }));
        all.push(json!({
            "kind": "counts", "ratings": v.ratings, "statements": self.statements, "messages": self.messages,
            "saved and not readable now": self.saved.1,
        }));
        // A code block ends at three backticks; JSON has another spelling for them.
        all.iter().map(|line| line.to_string().replace('`', "\\u0060")).collect()
    }
}

/// The lines in pieces of one message each, and whether that is all of it.
fn pieces(lines: &[String]) -> (Vec<String>, bool) {
    let mut pieces: Vec<String> = Vec::new();
    for line in lines {
        let chars: Vec<char> = line.chars().collect();
        for part in chars.chunks(PIECE) {
            let part: String = part.iter().collect();
            match pieces.last_mut() {
                Some(last) if last.chars().count() + part.chars().count() < PIECE => {
                    last.push('\n');
                    last.push_str(&part);
                }
                _ => pieces.push(part),
            }
        }
    }
    let whole = pieces.len() <= PIECES;
    pieces.truncate(PIECES);
    (pieces, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_cut_between_lines_and_says_when_it_is_not_all() {
        let lines: Vec<String> = (0..10).map(|n| n.to_string().repeat(1_000)).collect();
        let (all, whole) = pieces(&lines);
        assert!(whole && all.len() == 5 && all.iter().all(|p| p.chars().count() <= PIECE));
        assert_eq!(all.join("\n"), lines.join("\n"));
        assert!(!pieces(&vec!["x".repeat(PIECE); PIECES + 1]).1);
    }
}
