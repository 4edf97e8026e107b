//! `ask`: a question in plain words becomes a quoted, cited answer, or an honest "I don't know" and a gap.
//!
//! The question and which passages answer it are kept under an id; the delivery kind `answer` has nothing but this id,
//! and looks at readers and versions of the passages again when it is sent, and whenever it is edited. Where a language
//! model writes, [`write`] does so beside the workers and the answer follows.

mod judge;
mod order;
mod render;
mod show;
pub(super) mod statements;
pub(super) mod store;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{
    Button, Call, Command, Context, Duty, Event, Field, FieldKind, Form, Message, Place, Suggestion,
};
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::{Flow, Parts, say, words_key};
use stoa_ground::people::{self, Person, Role, clean};
use stoa_ground::{Conn, Db, Error, Instant, Result, Tx};

use super::feedback::Judgement;
use super::respond::{self, Inquiry, Response};
use super::{curated, experts, feedback, gaps, learn, speak};
use crate::Services;
use crate::library::{self, Document};
use crate::search::{Access, Stems, is_stop_word, words};
use order::Order;

pub(super) use judge::STOP_NEWS;
pub(super) use render::{AnswerKind, answered};
pub(super) use store::{Kept, Question};
pub use store::{Relied, relied_on, saved_titles};

/// The longest question, in characters.
const LONGEST: usize = 1_000;
/// How long after a question another one in the same place may lean on it.
const CONVERSATION: i64 = 30 * 60 * Instant::SECOND;
/// Topics that are suggested.
const SUGGESTED: usize = 25;
/// The name of the delivery kind of answers.
pub(super) const ANSWER: &str = "answer";
/// What people say to be polite; nothing to look up.
#[rustfmt::skip]
const GREETINGS: &[&str] = &[
    "hi", "hello", "hey", "hallo", "moin", "thanks", "thx", "thank you", "ok", "okay", "bye", "good morning",
    "good afternoon", "good evening", "test",
];

/// The command, the delivery kinds, the jobs and what follows the library.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    Parts {
        commands: vec![Box::new(Ask(Arc::clone(services)))],
        kinds: vec![
            Box::new(AnswerKind(Arc::clone(services))),
            Box::new(experts::ToExpert),
            Box::new(experts::FromExpert),
            Box::new(feedback::Concerned),
            Box::new(gaps::Arrived(Arc::clone(services))),
            Box::new(gaps::Waiting(Arc::clone(services))),
        ],
        jobs: vec![Arc::new(experts::Expiry), Arc::new(feedback::Overdue), Arc::new(gaps::Clock)],
        watchers: vec![Box::new(speak::Listener(Arc::clone(services)))],
        followers: vec![Arc::new(gaps::Follow)],
        panels: Vec::new(),
        background: vec![
            Arc::new(write::Writer::new(Arc::clone(services))),
            Arc::new(gaps::Matcher(Arc::clone(services))),
        ],
        leases: vec![store::LEASED],
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

/// Takes away what a person asked, kept and passed on, with the votes on it, and voids the statements. Gives how many
/// questions it were.
///
/// # Errors
/// The database's error.
pub async fn erase_questions(tx: &Tx, services: &Services, person: &Person) -> Result<usize> {
    let questions = store::questions_of(tx, &person.id).await?;
    for question in &questions {
        for statement in store::delete(tx, question).await? {
            services.emitter.void(tx, &statement, person, "erased").await?;
        }
        store::revise(tx, &question.event, question.delivery.as_deref()).await?;
    }
    for statement in store::erase(tx, &person.id).await? {
        services.emitter.void(tx, &statement, person, "erased").await?;
    }
    Ok(questions.len())
}

/// Brings posted answers up to date that quote or name this document: what is closed or withdrawn leaves them.
///
/// # Errors
/// The database's error.
pub async fn revise_citing(tx: &Tx, document: &str) -> Result<()> {
    store::revise_citing(tx, document).await
}

/// As [`revise_citing`], for words that somebody took back: no kept answer keeps them.
///
/// # Errors
/// The database's error.
pub async fn forget_quotes(tx: &Tx, document: &str) -> Result<()> {
    render::forget_quotes(tx, document).await
}

/// As what an answer in a place is looked for: for one person alone what they may read, else what everybody who reads there
/// may. Where people from outside read along that is what is marked for them, also for an account that belongs to nobody.
pub(super) async fn readers(
    flow: &Flow,
    place: Option<&Place>,
    person: Option<&Person>,
    alone: bool,
) -> Result<Access> {
    if let (true, Some(_)) = (alone, person) {
        return access(flow.db(), person).await;
    }
    let Some(place) = place else { return Ok(Access::everyone()) };
    // Who reads in a channel may read its threads, or be asked into them.
    let channel = Place { thread: None, ..place.clone() };
    let outsiders = flow.audience(&channel).await?.outsiders;
    Ok(if outsiders { Access::external() } else { Access::everyone() })
}

/// As what a person reads; without a person, as everyone.
pub(super) async fn access(db: &Db, person: Option<&Person>) -> Result<Access> {
    match person {
        Some(p) => Ok(Access::of(db.read(|c| async move { people::access_classes(&c, p).await }).await?)),
        None => Ok(Access::everyone()),
    }
}

/// The command `ask`.
struct Ask(Arc<Services>);

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

    fn duties(&self) -> &'static [Duty] {
        &[
            Duty { roles: &[Role::Learning], words: "ask gaps", about: words_key!("chat-help-duty-gaps") },
            Duty {
                roles: &[Role::Learning, Role::Expert, Role::Approver],
                words: "ask curated",
                about: words_key!("chat-help-duty-curated"),
            },
            Duty { roles: &[Role::Learning], words: "ask channel", about: words_key!("chat-help-duty-channel") },
        ]
    }

    fn accepts(&self, _args: &stoa_flow::chat::Args) -> bool {
        true
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let Some(order) = Order::of(&call.args) else { return Ok(None) };
        match order.word.as_str() {
            "missing" => Ok(Some(judge_form(cx, order.first()))),
            "reply" => experts::form(cx, order.first()).await,
            "curate" | "edit" => curated::form(cx, &order.word, order.first()).await,
            _ => Ok(None),
        }
    }

    /// Topics: the titles of what this person may read.
    async fn suggest(&self, cx: &Context<'_>, typed: &str) -> Result<Vec<Suggestion>> {
        let access = access(cx.db(), cx.known.as_ref()).await?;
        let (mut titles, mut after): (Vec<String>, Option<Document>) = (Vec::new(), None);
        loop {
            let from = after.as_ref();
            let page = cx.db().read(|c| async move { library::titled(&c, typed, from).await }).await?;
            titles.extend(page.iter().filter(|d| access.allows(&d.readers)).map(|d| d.title.clone()));
            titles.dedup();
            let all = titles.iter().map(|t| Suggestion { label: t.clone(), value: t.clone() });
            let fitting = Suggestion::fitting(all, typed);
            let Some(last) = page.into_iter().next_back().filter(|_| fitting.len() < SUGGESTED) else {
                return Ok(fitting);
            };
            // What is hidden must not take the place of what is not.
            after = Some(last);
        }
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let Some(order) = Order::of(&call.args) else { return self.ask(cx, call.args.text()).await };
        let (services, word, first) = (&*self.0, order.word.as_str(), order.first());
        match word {
            "helpful" => judge::vote(services, cx, first, Judgement::Helpful, None).await,
            "missing" => judge::vote(services, cx, first, Judgement::Missing, None).await,
            "unhelpful" => {
                let value = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map(|m| clean(m));
                let judgement = value("judgement").and_then(|w| Judgement::of(&w)).unwrap_or(Judgement::Missing);
                judge::vote(services, cx, first, judgement, value("missing").filter(|m| !m.is_empty())).await
            }
            "private" | "again" => self.ask_again(cx, first, word == "private").await,
            "save" => judge::save(services, cx, first).await,
            "unsave" => judge::unsave(services, cx, first).await,
            "saved" => judge::saved(cx).await,
            "experts" | "news" => judge::switch(cx, call, word, first).await,
            "expert" => {
                let question = judge::question(cx, first).await?;
                experts::act(services, cx, call, word, &order.rest, Some(question)).await
            }
            "reply" | "pass" | "thanks" => experts::act(services, cx, call, word, &order.rest, None).await,
            "gaps" | "take" | "close" => gaps::act(services, cx, call, word, first).await,
            "settle" => feedback::settle(cx, call, first).await,
            "channel" if matches!(first, "learn" | "unlearn") => learn::set(cx, first == "learn").await,
            "channel" => speak::set(services, cx, Some(first).filter(|w| !w.is_empty())).await,
            _ => curated::act(services, cx, call, word, first).await,
        }
    }
}

/// What was not right about an answer.
fn judge_form(cx: &Context<'_>, id: &str) -> Form {
    let kinds = [Judgement::Missing, Judgement::Wrong, Judgement::Outdated];
    let options = kinds.map(|j| (j.word().to_owned(), j.label(cx.words))).to_vec();
    let choice = Field {
        kind: FieldKind::Choice { options, initial: Some(Judgement::Missing.word().into()) },
        ..Field::text("judgement", say!(cx.words, "answers-judge"), false, 20)
    };
    let note = Field {
        optional: true,
        hint: Some(say!(cx.words, "answers-missing-hint")),
        ..Field::text("missing", say!(cx.words, "answers-missing"), true, LONGEST)
    };
    Form {
        command: format!("ask unhelpful {id}"),
        title: say!(cx.words, "answers-missing-title"),
        intro: None,
        fields: vec![choice, note],
        submit: say!(cx.words, "answers-missing-send"),
    }
}

impl Ask {
    async fn ask(&self, cx: &Context<'_>, text: &str) -> Result<()> {
        let question = clean(text);
        let bare = question.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        let hint = if asks_nothing(&question) {
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
        let mut private = cx.place().direct || !matches!(cx.envelope.event, Event::Message { .. });
        let mut before = self.before(cx, private).await?;
        if !private && !self.is_for_all(cx, &question, before.as_deref()).await? {
            private = true;
            before = self.before(cx, private).await?;
        }
        self.answer(cx, &question, before.as_deref(), private, true).await
    }

    /// Whether a question is answered for all who read where it was asked. Among people from outside it is when something
    /// that is marked for them answers it; else whoever asked is told alone.
    async fn is_for_all(&self, cx: &Context<'_>, question: &str, before: Option<&str>) -> Result<bool> {
        let access = readers(cx.flow, Some(cx.place()), None, false).await?;
        if access != Access::external() {
            return Ok(true);
        }
        let inquiry = Inquiry { question, before, access, person: None, language: None };
        Ok(!respond::without_model(cx.db(), &self.0, &inquiry).await?.answer.abstained)
    }

    /// The same question again: as it stands now, or for the eyes of the person who pressed the button.
    async fn ask_again(&self, cx: &Context<'_>, id: &str, private: bool) -> Result<()> {
        let question = judge::question(cx, id).await?;
        let before = question.before.as_deref();
        let alone = private || cx.place().direct || !self.is_for_all(cx, &question.text, before).await?;
        // It is the same question, whoever looks at its answer: nobody asked it once more.
        self.answer(cx, &question.text, before, alone, false).await
    }

    /// What the person asked last in this place, if that was a moment ago.
    async fn before(&self, cx: &Context<'_>, private: bool) -> Result<Option<String>> {
        let Some(person) = &cx.known else { return Ok(None) };
        let (place, since) = (cx.reply_place(), cx.flow.clock().now().plus(-CONVERSATION));
        let place = &place;
        cx.db().read(|c| async move { store::last_asked(&c, &person.id, place, private, since).await }).await
    }

    /// Looks, keeps what was found, and answers. `count`: it is a new question, not the same one once more.
    async fn answer(
        &self,
        cx: &Context<'_>,
        text: &str,
        before: Option<&str>,
        private: bool,
        count: bool,
    ) -> Result<()> {
        let access = readers(cx.flow, Some(cx.place()), cx.known.as_ref(), private).await?;
        let inquiry = Inquiry {
            question: text,
            before,
            access,
            person: cx.known.as_ref().map(|p| p.id.as_str()),
            language: cx.known.as_ref().map(Person::language),
        };
        let response = respond::without_model(cx.db(), &self.0, &inquiry).await?;
        let writes = self.0.asking.model.is_some() && response.is_worth_asking();
        let grows = cx.flow.platform(&cx.place().platform).is_some_and(|p| p.grows());
        let kept = kept(response);
        let (kept, services) = (&kept, &self.0);
        cx.commit(|turn| async move {
            let id = turn.clock().id().to_string();
            let statement = match &cx.known {
                Some(person) if count => Some(services.emitter.emit(&turn, statements::asked(person, &id)).await?),
                _ => None,
            };
            let reply = turn.prepared(ANSWER, json!({ "question": id }), private);
            let at_once = !writes || (grows && reply.only.is_none());
            let mut question = Question {
                statement,
                before: before.map(str::to_owned),
                counted: count,
                answer: Some(kept.clone()),
                abstained: kept.answer.abstained,
                meant: kept.answer.meant.clone(),
                writing: writes,
                delivery: Some(reply.key.clone()),
                reply: if at_once { None } else { Some(store::Reply::of(&reply)) },
                private,
                ..Question::new(cx, id, text, turn.now())
            };
            if !writes && question.abstained && count {
                question.gap = Some(gaps::note(&turn, text).await?);
            }
            store::insert(&turn, &question).await?;
            if at_once { delivery::enqueue(&turn, &reply).await.map(|_| ()) } else { Ok(()) }
        })
        .await
    }
}

/// Whether a text has no words beside mentions, so that there is nothing to look up.
#[must_use]
pub fn asks_nothing(text: &str) -> bool {
    let is_mention = |word: &str| word.starts_with('@') || word.starts_with("<@") || word.starts_with("<!");
    !text.split_whitespace().any(|word| !is_mention(word) && word.chars().any(char::is_alphanumeric))
}

/// What became of a message that was not meant for the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overheard {
    /// It is answered.
    Answered,
    /// Nothing is sure enough.
    Unsure,
    /// People from outside read along.
    Outsiders,
}

/// Answers what somebody said in a channel, when it is sure enough, from what everyone may read. Bears repetition.
pub(super) async fn overheard(services: &Services, cx: &Context<'_>, text: &str, sure: f64) -> Result<Overheard> {
    let text = clean(text);
    if text.chars().count() > LONGEST {
        return Ok(Overheard::Unsure);
    }
    let inquiry = Inquiry { question: &text, before: None, access: Access::everyone(), person: None, language: None };
    let response = respond::without_model(cx.db(), services, &inquiry).await?;
    if response.answer.abstained || response.answer.confidence < sure {
        return Ok(Overheard::Unsure);
    }
    // Where a platform does not say it just now, silence is no loss.
    if cx.flow.audience(cx.place()).await.map_or(true, |audience| audience.outsiders) {
        return Ok(Overheard::Outsiders);
    }
    let (kept, text) = (&kept(response), text.as_str());
    cx.db()
        .write(|tx| async move {
            let key = format!("reply/{}/0", cx.envelope.key);
            let id = tx.clock().id().to_string();
            let reply = NewDelivery {
                key: key.clone(),
                kind: ANSWER,
                place: Some(cx.reply_place()),
                payload: json!({ "question": id }),
                ..NewDelivery::default()
            };
            if !delivery::enqueue(&tx, &reply).await? {
                return Ok(());
            }
            let question = Question {
                // Nobody asked the bot: whose words they were is not kept.
                person: None,
                answer: Some(kept.clone()),
                unasked: true,
                delivery: Some(key),
                ..Question::new(cx, id, text, tx.now())
            };
            store::insert(&tx, &question).await
        })
        .await?;
    Ok(Overheard::Answered)
}

/// What is kept of a response: the versions of what was quoted make sure that only this is shown.
pub(super) fn kept(response: Response) -> Kept {
    let Response { mut answer, found, experts, external, .. } = response;
    answer.question.clear();
    Kept { versions: store::versions(&answer, &found), answer, experts, external }
}

/// The telling words of a question in a fixed order, by which gaps are counted and curated answers found.
pub(super) fn telling(question: &str) -> String {
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

/// A question that this person may see: their own, or one that was asked in the channel where they are.
pub(super) fn may_see(cx: &Context<'_>, question: &Question) -> Result<()> {
    let place = cx.place();
    let me = cx.known.as_ref().map(|p| p.id.as_str());
    let here = question.platform == place.platform && question.channel == place.channel && !question.private;
    if here || (me.is_some() && question.person.as_deref() == me) {
        return Ok(());
    }
    Err(Error::Invalid(say!(cx.words, "answers-no-such-question")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_signs_and_mentions_ask_nothing() {
        for nothing in ["", " \u{a0}\n", "???", "🙂", "…", "@stoa", "<@U0BOT> ?", "<!here>", "@Bo @Ada!"] {
            assert!(asks_nothing(nothing), "{nothing}");
        }
        for something in ["vpn", "@stoa vpn?", "Was ist das?", "年休は何日？", "2 + 2"] {
            assert!(!asks_nothing(something), "{something}");
        }
    }
}
