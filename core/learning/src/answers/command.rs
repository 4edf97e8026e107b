//! `ask`: a question in plain words becomes a quoted, cited answer, or an honest "I don't know" and a gap.
//!
//! The question and which passages answer it are kept under an id; the delivery kind `answer` has nothing but this id,
//! and looks at readers and versions of the passages again when it is sent, and whenever it is edited.

mod show;
mod statements;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{Args, Button, Call, Command, Context, Event, Field, Form, Message};
use stoa_flow::delivery::{self, Delivery, DeliveryKind, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::words::Words;
use stoa_flow::{Parts, say, words_key};
use stoa_ground::people::{self, Person, clean};
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx};

use crate::Services;
use crate::library;
use crate::search::{Access, Stems, is_stop_word, words};
use show::{Audience, Shown};
use store::{Kept, Question};

/// Passages that are read closely for one answer.
const CLOSE: usize = 8;
/// The longest question, in characters.
const LONGEST: usize = 1_000;
/// What people say to be polite; nothing to look up.
#[rustfmt::skip]
const GREETINGS: &[&str] = &[
    "hi", "hello", "hey", "hallo", "moin", "thanks", "thx", "thank you", "ok", "okay", "bye", "good morning",
    "good afternoon", "good evening", "test",
];

/// The command and the delivery kind.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    Parts {
        commands: vec![Box::new(Ask(Arc::clone(services)))],
        kinds: vec![Box::new(AnswerKind(Arc::clone(services)))],
        ..Parts::default()
    }
}

/// A question as its asker gets to see it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What was asked.
    pub text: String,
    /// When.
    pub at: Instant,
    /// Whether there was an answer.
    pub answered: bool,
}

/// What a person asked, oldest first.
///
/// # Errors
/// The database's error.
pub async fn questions_of(conn: &Conn, person: &str) -> Result<Vec<Asked>> {
    let questions = store::questions_of(conn, person).await?;
    Ok(questions.into_iter().map(|q| Asked { text: q.text, at: q.asked, answered: !q.abstained }).collect())
}

/// Takes away what a person asked, with the votes on it, and voids the statements. Gives how many questions it were.
///
/// # Errors
/// The database's error.
pub async fn erase_questions(tx: &Tx, services: &Services, person: &Person) -> Result<usize> {
    let questions = store::questions_of(tx, &person.id).await?;
    for question in &questions {
        for statement in store::delete(tx, question).await? {
            services.emitter.void(tx, &statement, person, "erased").await?;
        }
        delivery::revise(tx, &prefix(question)).await?;
    }
    Ok(questions.len())
}

/// Brings posted answers up to date that quote this document: what is withdrawn leaves them.
///
/// # Errors
/// The database's error.
pub async fn revise_citing(tx: &Tx, document: &str) -> Result<()> {
    store::revise_citing(tx, document).await
}

/// The beginning of the keys of the deliveries that answered a question.
fn prefix(question: &Question) -> String {
    format!("reply/{}/", question.event)
}

/// As what a person reads; without a person, as everyone.
async fn access(db: &Db, person: Option<&Person>) -> Result<Access> {
    match person {
        Some(p) => Ok(Access::of(db.read(|c| async move { people::access_classes(&c, p).await }).await?)),
        None => Ok(Access::everyone()),
    }
}

/// The command `ask`.
struct Ask(Arc<Services>);

/// What is asked for under a question that was asked before.
enum Again {
    Helpful,
    Missing,
    Unhelpful,
    Private,
}

/// The word and the question's id of a button; anything else is a question.
fn again(args: &Args) -> Option<(Again, &str)> {
    let (word, id) = args.split();
    id.parse::<uuid::Uuid>().ok()?;
    let again = match word.as_str() {
        "helpful" => Again::Helpful,
        "missing" => Again::Missing,
        "unhelpful" => Again::Unhelpful,
        "private" => Again::Private,
        _ => return None,
    };
    Some((again, id))
}

#[async_trait]
impl Command for Ask {
    fn word(&self) -> &'static str {
        "ask"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-ask")
    }

    fn public(&self) -> bool {
        true
    }

    fn accepts(&self, _args: &Args) -> bool {
        true
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let Some((Again::Missing, id)) = again(&call.args) else { return Ok(None) };
        let field = Field {
            optional: true,
            hint: Some(say!(cx.words, "answers-missing-hint")),
            ..Field::text("missing", say!(cx.words, "answers-missing"), true, LONGEST)
        };
        Ok(Some(Form {
            command: format!("ask unhelpful {id}"),
            title: say!(cx.words, "answers-missing-title"),
            intro: None,
            fields: vec![field],
            submit: say!(cx.words, "answers-missing-send"),
        }))
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        match again(&call.args) {
            None => self.ask(cx, call.args.text()).await,
            Some((Again::Helpful, id)) => self.vote(cx, id, true, None).await,
            Some((Again::Missing, id)) => self.vote(cx, id, false, None).await,
            Some((Again::Unhelpful, id)) => {
                let missing = call.values.as_ref().and_then(|v| v.get("missing")).map(|m| clean(m));
                self.vote(cx, id, false, missing.filter(|m| !m.is_empty())).await
            }
            Some((Again::Private, id)) => self.ask_private(cx, id).await,
        }
    }
}

impl Ask {
    async fn ask(&self, cx: &Context<'_>, text: &str) -> Result<()> {
        let question = clean(text);
        let bare = question.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let hint = if bare.is_empty() {
            Some(say!(cx.words, "answers-empty"))
        } else if GREETINGS.contains(&bare.as_str()) {
            Some(say!(cx.words, "answers-greeting"))
        } else if question.chars().count() > LONGEST {
            Some(say!(cx.words, "answers-too-long"))
        } else {
            None
        };
        if let Some(hint) = hint {
            let help = Button::new(say!(cx.words, "chat-help-button"), "help");
            return cx.reply_private(Message::text(hint).buttons(vec![help])).await;
        }
        // What was said in a channel is answered there for all; a slash command was seen by nobody else.
        let private = cx.place().direct || !matches!(cx.envelope.event, Event::Message { .. });
        self.answer(cx, &question, private, true).await
    }

    /// The same question again, for the eyes of the person who pressed the button.
    async fn ask_private(&self, cx: &Context<'_>, id: &str) -> Result<()> {
        let question = self.question(cx, id).await?;
        let mine = question.person.is_some() && question.person.as_ref() == cx.known.as_ref().map(|p| &p.id);
        self.answer(cx, &question.text, true, !mine).await
    }

    /// Looks, keeps what was found, and answers. `count`: it is a new question, not the same one once more.
    async fn answer(&self, cx: &Context<'_>, text: &str, private: bool, count: bool) -> Result<()> {
        let access = if private { access(cx.db(), cx.known.as_ref()).await? } else { Access::everyone() };
        let kept = look_up(&self.0, cx.db(), text, &access).await?;
        let key = telling(text);
        let (kept, key, known, services) = (&kept, &key, &cx.known, &self.0);
        cx.commit(|turn| async move {
            let id = turn.clock().id().to_string();
            let abstained = kept.answer.abstained;
            let gap = match abstained && count {
                true => Some(store::note_gap(&turn, key, text).await?),
                false => None,
            };
            let statement = match known {
                Some(person) if count => Some(services.emitter.emit(&turn, statements::asked(person, &id)).await?),
                _ => None,
            };
            let question = Question {
                id: id.clone(),
                person: known.as_ref().map(|p| p.id.clone()),
                platform: cx.place().platform.clone(),
                channel: cx.place().channel.clone(),
                event: cx.envelope.key.clone(),
                text: text.to_owned(),
                answer: Some(kept.clone()),
                abstained,
                gap,
                statement,
                asked: turn.now(),
            };
            store::insert(&turn, &question).await?;
            turn.answer(AnswerKind::NAME, json!({ "question": id }), private).await
        })
        .await
    }

    async fn vote(&self, cx: &Context<'_>, id: &str, helpful: bool, missing: Option<String>) -> Result<()> {
        let person = cx.person()?;
        let question = self.question(cx, id).await?;
        let thanks = match helpful {
            true => say!(cx.words, "answers-thanks-helpful"),
            false => say!(cx.words, "answers-thanks-not-helpful"),
        };
        let (question, missing, thanks, emitter) = (&question, &missing, &thanks, &self.0.emitter);
        let key = telling(&question.text);
        let key = &key;
        cx.commit(|turn| async move {
            let before = store::vote(&turn, &question.id, &person.id).await?;
            let statement = match before {
                Some((same, statement)) if same == helpful => statement,
                other => {
                    if let Some((_, old)) = other {
                        emitter.void(&turn, &old, person, "changed").await?;
                    }
                    emitter.emit(&turn, statements::voted(person, &question.id, helpful)).await?
                }
            };
            store::set_vote(&turn, &question.id, &person.id, helpful, missing.as_deref(), &statement).await?;
            if !helpful && question.gap.is_none() {
                let gap = store::note_gap(&turn, key, &question.text).await?;
                store::set_gap(&turn, &question.id, &gap).await?;
            }
            if turn_is_direct(cx) {
                return delivery::revise(&turn, &prefix(question)).await;
            }
            turn.reply_private(Message::text(thanks.clone())).await
        })
        .await
    }

    /// A question that this person may see: their own, or one that was asked in the channel where they are.
    async fn question(&self, cx: &Context<'_>, id: &str) -> Result<Question> {
        let question = cx.db().read(|c| async move { store::question(&c, id).await }).await?;
        let place = cx.place();
        let me = cx.known.as_ref().map(|p| p.id.as_str());
        question
            .filter(|q| {
                let here = q.platform == place.platform && q.channel == place.channel;
                here || (me.is_some() && q.person.as_deref() == me)
            })
            .ok_or_else(|| Error::Invalid(say!(cx.words, "answers-no-such-question")))
    }
}

fn turn_is_direct(cx: &Context<'_>) -> bool {
    cx.place().direct
}

/// Searches, and keeps the versions of what was found.
async fn look_up(services: &Services, db: &Db, text: &str, access: &Access) -> Result<Kept> {
    let (found, mut answer) = super::look_up(db, &services.index, text, access, CLOSE).await?;
    answer.question.clear();
    let cited: Vec<&str> = answer.citations.iter().map(|c| c.passage.as_str()).collect();
    let hits = found.hits.iter().filter(|h| cited.contains(&h.passage_id.as_str()));
    let versions = hits.map(|h| (h.passage_id.clone(), h.version.clone())).collect();
    Ok(Kept { answer, versions })
}

/// The telling words of a question in a fixed order, by which gaps are counted.
fn telling(question: &str) -> String {
    let stems = Stems::of(None);
    let all = words(question);
    let mut telling: Vec<String> =
        all.iter().filter(|w| !is_stop_word(&w.folded)).map(|w| stems.stem(&w.folded)).collect();
    if telling.is_empty() {
        telling = all.iter().map(|w| w.folded.clone()).collect();
    }
    telling.sort();
    telling.dedup();
    telling.join(" ")
}

/// The delivery kind `answer`; payload `{"question": id}`.
struct AnswerKind(Arc<Services>);

impl AnswerKind {
    const NAME: &'static str = "answer";

    /// What may be shown of a kept answer to these readers, as the library stands now; none when something that is
    /// quoted has changed or is closed to them.
    async fn current(db: &Db, kept: &Kept, access: &Access) -> Result<Option<(Kept, BTreeMap<String, String>)>> {
        db.read(|conn| async move {
            let mut kept = kept.clone();
            let mut owners = BTreeMap::new();
            for citation in &mut kept.answer.citations {
                let passage = library::passage(&conn, &citation.passage).await?;
                let version = kept.versions.get(&citation.passage);
                let same = |p: &library::Passage| Some(&p.version) == version && access.allows(&p.readers);
                let Some(passage) = passage.filter(same) else { return Ok(None) };
                citation.verified = passage.verified;
                if let Some(document) = library::document(&conn, &citation.document).await? {
                    owners.extend(document.owner.map(|o| (document.id, o)));
                }
            }
            let mut nearest = Vec::new();
            for near in kept.answer.nearest.drain(..) {
                let document = library::document(&conn, &near.document).await?;
                let open = document.is_some_and(|d| d.status != library::Status::Retired && access.allows(&d.readers));
                nearest.extend(open.then_some(near));
            }
            kept.answer.nearest = nearest;
            Ok(Some((kept, owners)))
        })
        .await
    }

    fn withdrawn(words: &'static Words) -> Rendered {
        Rendered::Say(Message::text(say!(words, "answers-withdrawn")))
    }
}

#[async_trait]
impl DeliveryKind for AnswerKind {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn label(&self) -> &'static str {
        words_key!("kind-reply")
    }

    fn policy(&self) -> Policy {
        Policy::ANSWER
    }

    async fn render(&self, cx: &Rendering<'_>, delivery: &Delivery) -> Result<Rendered> {
        let id = delivery.payload["question"].as_str().unwrap_or_default();
        let question = cx.db.read(|c| async move { store::question(&c, id).await }).await?;
        let Some(question) = question else {
            return Ok(if cx.posted { Self::withdrawn(cx.words) } else { Rendered::Gone(words_key!("why-done")) });
        };
        let alone = delivery.only.is_some() || delivery.place.as_ref().is_none_or(|p| p.direct);
        let access = if alone { access(cx.db, cx.person).await? } else { Access::everyone() };
        let current = match &question.answer {
            Some(kept) => Self::current(cx.db, kept, &access).await?,
            None => None,
        };
        let (kept, owners) = match current {
            Some(current) => current,
            // Posted and no longer true: it is taken back. Not posted yet: what is true now is said instead.
            None if cx.posted => return Ok(Self::withdrawn(cx.words)),
            None => {
                let kept = look_up(&self.0, cx.db, &question.text, &access).await?;
                Self::current(cx.db, &kept, &access).await?.unwrap_or_else(|| {
                    let answer = super::Answer { abstained: true, ..super::Answer::default() };
                    (Kept { answer, ..Kept::default() }, BTreeMap::new())
                })
            }
        };
        let audience = match (alone, cx.person) {
            (true, Some(_)) => Audience::Asker,
            (true, None) => Audience::Stranger,
            (false, _) => Audience::Channel,
        };
        let vote = match cx.person {
            Some(person) if alone => {
                let (question, person) = (&question.id, &person.id);
                cx.db
                    .read(|c| async move { store::vote(&c, question, person).await })
                    .await?
                    .map(|(helpful, _)| helpful)
            }
            _ => None,
        };
        let shown =
            Shown { words: cx.words, question: &question.id, answer: &kept.answer, owners: &owners, audience, vote };
        Ok(Rendered::Say(shown.message()))
    }
}
