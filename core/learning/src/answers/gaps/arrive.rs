//! What arrives is held against the open gaps, beside the workers; whoever asked, and may read what answers it, is told
//! once, and only when their own question is answered by it.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Block, Button, literal};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, NewDelivery, Rendered, Rendering};
use stoa_flow::nudges::{Policy, Priority};
use stoa_flow::{Background, Flow, Follower, say, words_key};
use stoa_ground::people::{self, Status};
use stoa_ground::{Db, Instant, Result, Tx};

use super::store::{self, Gap};
use crate::Services;
use crate::answers::command::access;
use crate::answers::command::store as questions;
use crate::answers::command::{Question, STOP_NEWS, answered, kept};
use crate::answers::respond::{self, Inquiry};
use crate::library::{self, Passage};
use crate::search::{Access, Stems, words};

/// Documents that are looked at in one go.
const DOCUMENTS: i64 = 20;
/// Open gaps that are looked at.
const GAPS: i64 = 1_000;
/// Share of a gap's telling words that a document must have to be tried.
const SHARE: f64 = 0.6;
/// How long the news is worth telling.
const PATIENCE: i64 = 14 * Instant::DAY;

/// Notes which documents changed.
pub(in crate::answers) struct Follow;

#[async_trait]
impl Follower for Follow {
    fn name(&self) -> &'static str {
        "gaps"
    }

    fn topic(&self) -> &'static str {
        library::TOPIC
    }

    async fn follow(&self, tx: &Tx, key: &str) -> Result<()> {
        if store::open(tx, 1).await?.is_empty() {
            return Ok(());
        }
        store::arrived(tx, key).await
    }
}

/// Holds what arrived against the gaps.
pub(in crate::answers) struct Matcher(pub Arc<Services>);

#[async_trait]
impl Background for Matcher {
    async fn work(&self, flow: &Flow) -> Result<usize> {
        let db = flow.db();
        let arrivals = db.read(|c| async move { store::arrivals(&c, DOCUMENTS).await }).await?;
        if arrivals.is_empty() {
            return Ok(0);
        }
        let seen = db.committed_position().await? - self.0.index.lag(db).await?;
        let mut done = 0;
        for (document, position) in arrivals {
            // Search must know it first.
            if position <= seen {
                self.arrived(db, &document).await?;
                done += 1;
            }
        }
        Ok(done)
    }
}

impl Matcher {
    async fn arrived(&self, db: &Db, document: &str) -> Result<()> {
        let (passages, gaps) = db
            .read(|c| async move { Ok((library::passages_of(&c, document).await?, store::open(&c, GAPS).await?)) })
            .await?;
        let there = stems(&passages);
        for gap in gaps.iter().filter(|gap| could_answer(gap, &there)) {
            self.ask_again(db, gap, document).await?;
        }
        db.write(|tx| async move { store::matched(&tx, document).await }).await
    }

    /// Asks the gap's questions again, each as its asker, and tells those whom the document answers.
    async fn ask_again(&self, db: &Db, gap: &Gap, document: &str) -> Result<()> {
        let id = gap.id.as_str();
        let mut asked = Vec::new();
        loop {
            let after = asked.last();
            let page = db.read(|c| async move { questions::of_gap(&c, id, after).await }).await?;
            if page.is_empty() {
                break;
            }
            asked.extend(page);
        }
        let mut news: Vec<Question> = Vec::new();
        let (mut answered, mut open) = (false, false);
        for question in asked {
            let person = match question.person.clone() {
                Some(id) => db.read(|c| async move { people::by_id(&c, &id).await }).await?,
                None => None,
            };
            if person.as_ref().is_some_and(|p| p.status == Status::Left) {
                continue;
            }
            let readers = match &person {
                Some(_) => access(db, person.as_ref()).await?,
                None => Access::everyone(),
            };
            let inquiry = Inquiry {
                question: &question.text,
                before: question.before.as_deref(),
                access: readers,
                person: None,
                language: None,
            };
            let response = respond::without_model(db, &self.0, &inquiry).await?;
            let by_this = response.answer.citations.iter().any(|c| c.document == document);
            if response.answer.abstained || !by_this {
                open = true;
                continue;
            }
            answered = true;
            if person.is_some() {
                news.push(Question { answer: Some(kept(response)), gap: None, ..question });
            }
        }
        if !answered {
            return Ok(());
        }
        let news = &news;
        db.write(|tx| async move {
            // It stays open for those whom the document does not answer, for example because they may not read it.
            if !open {
                store::close(&tx, id).await?;
                delivery::revise(&tx, &format!("gap/{id}/owner")).await?;
            }
            for question in news {
                let Some(person) = &question.person else { continue };
                if people::setting(&tx, person, STOP_NEWS).await?.as_deref() != Some("off") {
                    tell(&tx, id, person, question).await?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Tells one person once.
async fn tell(tx: &Tx, gap: &str, person: &str, asked: &Question) -> Result<()> {
    let key = format!("gap/{gap}/news/{person}");
    let id = tx.clock().id().to_string();
    let new = NewDelivery {
        key: key.clone(),
        kind: Arrived::NAME,
        person: Some(person.to_owned()),
        payload: json!({ "question": id, "asked": asked.asked }),
        item: gap.to_owned(),
        step: "news".into(),
        expires: Some(tx.now().plus(PATIENCE)),
        ..NewDelivery::default()
    };
    if !delivery::enqueue(tx, &new).await? {
        return Ok(());
    }
    let question = Question {
        id,
        event: key.clone(),
        delivery: Some(key),
        counted: false,
        private: true,
        abstained: false,
        statement: None,
        asked: tx.now(),
        ..asked.clone()
    };
    questions::insert(tx, &question).await
}

fn stems(passages: &[Passage]) -> HashSet<String> {
    let mut all = HashSet::new();
    for passage in passages.iter().take(200) {
        let stems = Stems::of(None);
        for text in [&passage.title, &passage.text, &passage.keywords].into_iter().chain(&passage.headings) {
            all.extend(words(text).iter().map(|w| stems.stem(&w.folded)));
        }
    }
    all
}

fn could_answer(gap: &Gap, there: &HashSet<String>) -> bool {
    let asked: Vec<&str> = gap.key.split(' ').filter(|s| !s.is_empty()).collect();
    let known = asked.iter().filter(|s| there.contains(**s)).count();
    !asked.is_empty() && known as f64 >= SHARE * asked.len() as f64
}

/// The delivery kind `gap-answered`; payload `{"question": id, "asked": instant}`.
pub(in crate::answers) struct Arrived(pub Arc<Services>);

impl Arrived {
    const NAME: &'static str = "gap-answered";
}

#[async_trait]
impl DeliveryKind for Arrived {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-gap-answered")
    }

    fn policy(&self) -> Policy {
        Policy::voluntary(Priority::Social)
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let id = delivery.payload["question"].as_str().unwrap_or_default();
        let question = cx.db.read(|c| async move { questions::question(&c, id).await }).await?;
        let (Some(question), Some(person)) = (question, cx.person) else {
            return Ok(Rendered::Gone(words_key!("why-done")));
        };
        let now = answered(&self.0, cx, &question, delivery.place.as_ref(), true).await?;
        let Rendered::Say(mut message) = now else { return Ok(now) };
        // By now it may be answered no more, and then there is nothing to tell.
        let still = message.blocks.iter().any(|b| matches!(b, Block::Quote { .. }));
        if !still && !cx.posted {
            return Ok(Rendered::Gone(words_key!("why-done")));
        }
        let at = Instant(delivery.payload["asked"].as_i64().unwrap_or(question.asked.0));
        let day = cx.words.date(at.zoned(&people::zone(person)).date());
        let text = say!(cx.words, "answers-gap-news", date = day, question = literal(&question.text));
        message.blocks.insert(0, Block::Text(text));
        let stop = Button::new(say!(cx.words, "answers-news-off-button"), "ask news off");
        let why = Button::new(say!(cx.words, "nudges-why-button"), format!("why {}", delivery.key));
        Ok(Rendered::Say(message.buttons(vec![stop, why])))
    }
}
