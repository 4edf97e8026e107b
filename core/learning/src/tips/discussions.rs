//! `discussion`: a thread is logged so that others can learn from it, with the consent of each author (R8).
//!
//! Until an author agrees, only the digests of their messages are kept, and no statement names them. Whoever logs a
//! thread agrees by doing so. Edits, deletions and withdrawals follow through to statements and answers.

pub(super) mod accepted;
mod record;
pub(super) mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stoa_flow::chat::{
    Account, Args, Button, Call, Command, Context, Field, FieldError, Form, Message, Place, literal, looked_up,
};
use stoa_flow::delivery::{self, NewDelivery};
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Error, Instant, Result, Tx};

use super::message::{self, LISTED};
use super::{social, statements, text};
use crate::Services;
pub(super) use record::refresh;
use store::{Captured, Member};

/// The longest title, in characters.
const TITLE: usize = 120;
/// Messages of one thread that are taken at most.
const MESSAGES: usize = 200;
/// The setting that remembers `always` or `never`.
const SETTING: &str = "discussion_consent";

/// Whether an author agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consent {
    Asked,
    Yes,
    No,
    Withdrawn,
}

impl Consent {
    const ALL: [Self; 4] = [Self::Asked, Self::Yes, Self::No, Self::Withdrawn];

    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Yes => "yes",
            Self::No => "no",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A thread that was logged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Discussion {
    pub id: String,
    pub title: String,
    pub platform: String,
    pub workspace: String,
    pub channel: String,
    /// Id of the message that the thread hangs on.
    pub thread: String,
    /// Person id.
    pub logged_by: String,
    /// The people whom its statement names: person ids.
    pub members: Vec<String>,
    /// The library's document.
    pub document: Option<String>,
    pub statement: Option<String>,
    /// The message that was marked as the answer; the thread was not logged as a whole then.
    pub answer: Option<String>,
    /// Where that answer stands on the web.
    pub link: Option<String>,
    pub logged: Instant,
}

impl Discussion {
    fn place(&self) -> Place {
        Place {
            platform: self.platform.clone(),
            workspace: self.workspace.clone(),
            channel: self.channel.clone(),
            thread: Some(self.thread.clone()),
            direct: false,
        }
    }
}

/// A message as the platform has it now, by somebody whom we know.
struct Said {
    message: String,
    person: Person,
    text: String,
    at: Instant,
}

/// The command `discussion`.
pub(super) struct Log(pub Arc<Services>);

/// What an author says, by button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Yes,
    No,
    Always,
    Never,
    Withdraw,
}

fn deed(args: &Args) -> Option<(Deed, &str)> {
    let (word, id) = args.split();
    id.parse::<uuid::Uuid>().ok()?;
    let deed = match word.as_str() {
        "yes" => Deed::Yes,
        "no" => Deed::No,
        "always" => Deed::Always,
        "never" => Deed::Never,
        "withdraw" => Deed::Withdraw,
        _ => return None,
    };
    Some((deed, id))
}

/// Channel and thread that a call is about, from the form's command line, or from where it was said.
fn target(cx: &Context<'_>, call: &Call) -> Option<(String, String)> {
    let (word, rest) = call.args.split();
    if word == "save" {
        let (channel, thread) = rest.split_once(' ')?;
        return Some((channel.to_owned(), thread.trim().to_owned()));
    }
    let place = cx.place();
    let thread = place.thread.clone().or_else(|| call.message.as_ref().map(|m| m.id.clone()));
    thread.filter(|_| !place.direct).map(|t| (place.channel.clone(), t))
}

/// A channel of the platform on which something was done.
fn here(cx: &Context<'_>, channel: &str) -> Place {
    let Account { platform, workspace, .. } = cx.account().clone();
    Place { platform, workspace, channel: channel.to_owned(), thread: None, direct: false }
}

fn title(text: &str) -> Option<String> {
    let title = people::clean(text);
    (title.chars().any(char::is_alphanumeric) && title.chars().count() <= TITLE).then_some(title)
}

#[async_trait]
impl Command for Log {
    fn word(&self) -> &'static str {
        "discussion"
    }

    fn about(&self) -> &'static str {
        words_key!("tips-about-discussion")
    }

    fn accepts(&self, args: &Args) -> bool {
        matches!(args.split().0.as_str(), "" | "log" | "mine")
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        if call.args.text() != "log" {
            return Ok(None);
        }
        let Some((channel, thread)) = target(cx, call) else { return Ok(None) };
        Ok(Some(Form {
            command: format!("discussion save {channel} {thread}"),
            title: say!(cx.words, "tips-discussion-title"),
            intro: Some(say!(cx.words, "tips-discussion-intro")),
            fields: vec![Field::text("title", say!(cx.words, "tips-discussion-field"), false, TITLE)],
            submit: say!(cx.words, "tips-discussion-log-button"),
        }))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let given = call.values.as_ref().and_then(|v| v.get("title")).map_or("", String::as_str);
        if title(given).is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![FieldError { field: "title".into(), why: say!(cx.words, "tips-discussion-title-wrong") }])
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        if let Some((deed, id)) = deed(&call.args) {
            return self.decide(cx, person, deed, id).await;
        }
        let (_, rest) = call.args.split();
        if let Some(from) = message::mine_from(&call.args) {
            return self.mine(cx, person, from).await;
        }
        let given = call.values.as_ref().and_then(|v| v.get("title")).map_or(rest, String::as_str);
        let Some((channel, thread)) = target(cx, call) else {
            return cx.reply_private(Message::text(say!(cx.words, "tips-discussion-how"))).await;
        };
        let place = Place { thread: Some(thread.clone()), ..here(cx, &channel) };
        if !cx.flow.audience(&place).await?.open {
            return Err(Error::Invalid(say!(cx.words, "tips-closed-place")));
        }
        if call.values.is_none() && rest.is_empty() {
            // A thread where it was typed: the button opens the form.
            let button = Button::primary(say!(cx.words, "tips-discussion-log-button"), "discussion log");
            let message = Message::text(say!(cx.words, "tips-discussion-intro")).buttons(vec![button]);
            return cx.reply_private(message).await;
        }
        let Some(title) = title(given) else {
            return Err(Error::Invalid(say!(cx.words, "tips-discussion-title-wrong")));
        };
        self.log(cx, person, title, &channel, &thread).await
    }
}

impl Log {
    async fn log(&self, cx: &Context<'_>, person: &Person, title: String, channel: &str, thread: &str) -> Result<()> {
        let fresh = Discussion {
            id: cx.flow.clock().id().to_string(),
            title,
            platform: cx.account().platform.clone(),
            workspace: cx.account().workspace.clone(),
            channel: channel.to_owned(),
            thread: thread.to_owned(),
            logged_by: person.id.clone(),
            members: Vec::new(),
            document: None,
            statement: None,
            answer: None,
            link: None,
            logged: cx.flow.clock().now(),
        };
        let said = self.read(cx, &fresh).await?;
        // A form's command line comes from outside: who is not where the thread is must have written in it.
        let here = !cx.place().direct && cx.place().channel == channel;
        if !here && !said.iter().any(|s| s.person.id == person.id) {
            return Err(Error::Forbidden(say!(cx.words, "tips-discussion-not-in-it")));
        }
        if said.is_empty() {
            return Err(Error::Invalid(say!(cx.words, "tips-discussion-nobody")));
        }
        let (fresh, said, services) = (&fresh, &said, &self.0);
        cx.commit(|turn| async move {
            let known = store::in_thread(&turn, &fresh.platform, channel, thread).await?;
            // Who agreed to one answer did not agree to everything that they wrote there.
            if known.as_ref().is_some_and(|k| k.answer.is_some()) {
                return Err(Error::Invalid(say!(cx.words, "tips-discussion-answered")));
            }
            let discussion = known.unwrap_or_else(|| fresh.clone());
            store::save(&turn, &discussion).await?;
            let mut authors: BTreeMap<&str, &Person> = BTreeMap::new();
            authors.extend(said.iter().map(|s| (s.person.id.as_str(), &s.person)));
            let mut asked = 0;
            let mut agreed = Vec::new();
            for author in authors.into_values() {
                let consent = invite(&turn, &discussion, author, author.id == person.id).await?;
                asked += i64::from(consent == Consent::Asked);
                if consent == Consent::Yes {
                    agreed.push(author.id.as_str());
                }
            }
            for said in said {
                let keep = agreed.contains(&said.person.id.as_str());
                store::save_message(&turn, &captured(&discussion, said, keep)).await?;
            }
            refresh(&turn, services, &discussion.id).await?;
            let title = literal(&discussion.title);
            turn.reply_private(Message::text(say!(cx.words, "tips-discussion-logged", title = title, asked = asked)))
                .await
        })
        .await
    }

    /// An author's word. Yes keeps the messages as they are now; no and withdrawal keep nothing.
    async fn decide(&self, cx: &Context<'_>, person: &Person, deed: Deed, id: &str) -> Result<()> {
        let gone = || Error::Invalid(say!(cx.words, "tips-discussion-gone"));
        let found = cx
            .db()
            .read(|c| async move { Ok((store::discussion(&c, id).await?, store::member(&c, id, &person.id).await?)) })
            .await?;
        let (Some(discussion), Some(_)) = found else { return Err(gone()) };
        let yes = matches!(deed, Deed::Yes | Deed::Always);
        // It may have been closed since it was logged: what was said there then may have been changed.
        if yes && !cx.flow.audience(&discussion.place()).await?.open {
            return Err(Error::Invalid(say!(cx.words, "tips-closed-place")));
        }
        let said = if yes { self.read(cx, &discussion).await? } else { Vec::new() };
        let key = social::discussion_key(id, &person.id);
        let asked = delivery::by_key(cx.db(), &key).await?.is_some();
        let (discussion, said, services, key) = (&discussion, &said, &self.0, &key);
        cx.commit(|turn| async move {
            let remembered = match deed {
                Deed::Always => Some("always"),
                Deed::Never => Some("never"),
                _ => None,
            };
            if remembered.is_some() {
                people::set_setting(&turn, &person.id, SETTING, remembered).await?;
            }
            let Some(member) = store::member(&turn, id, &person.id).await? else { return Err(gone()) };
            if yes {
                agree(&turn, services, discussion, member, person, said).await?;
            } else {
                refuse(&turn, services, discussion, member, person).await?;
            }
            if asked {
                return delivery::revise(&turn, key).await;
            }
            let title = literal(&discussion.title);
            let text = match yes {
                true => say!(cx.words, "tips-discussion-yes", title = title),
                false => say!(cx.words, "tips-discussion-withdrawn", title = title),
            };
            turn.reply_private(Message::text(text)).await
        })
        .await
    }

    async fn mine(&self, cx: &Context<'_>, person: &Person, from: usize) -> Result<()> {
        let mut all = cx.db().read(|c| async move { store::of(&c, &person.id).await }).await?;
        all.retain(|(_, m)| m.consent == Consent::Yes);
        let mut message = Message::new();
        for (discussion, _) in all.iter().skip(from).take(LISTED) {
            let withdraw = format!("discussion withdraw {}", discussion.id);
            message = message
                .paragraph(literal(&discussion.title))
                .buttons(vec![Button::new(say!(cx.words, "tips-withdraw-button"), withdraw)]);
        }
        if message.blocks.is_empty() {
            message = Message::text(say!(cx.words, "tips-discussion-none"));
        }
        let message = message.buttons(message::more(cx.words, "discussion", all.len(), from + LISTED));
        cx.reply_private(message).await
    }

    /// The thread as the platform has it now: what people whom we know wrote, without the commands to us.
    async fn read(&self, cx: &Context<'_>, discussion: &Discussion) -> Result<Vec<Said>> {
        let platform = cx.flow.platform(&discussion.platform);
        let platform = platform.ok_or_else(|| Error::Invalid(say!(cx.words, "tips-discussion-unreadable")))?;
        let thread = looked_up(platform.thread(&discussion.place()).await)?
            .ok_or_else(|| Error::Invalid(say!(cx.words, "tips-discussion-unreadable")))?;
        cx.db()
            .read(|conn| async {
                let conn = conn;
                let mut said = Vec::new();
                for message in thread.iter().take(MESSAGES) {
                    let Some(a) = &message.author else { continue };
                    let text = text::clean(&message.text);
                    if text.is_empty() || text.contains("discussion log") {
                        continue;
                    }
                    let author = people::by_account(&conn, &a.platform, &a.workspace, &a.user).await?;
                    let Some(person) = author.filter(|p| p.status != Status::Left) else { continue };
                    said.push(Said { message: message.id.clone(), person, text, at: message.at });
                }
                Ok(said)
            })
            .await
    }
}

fn captured(discussion: &Discussion, said: &Said, keep: bool) -> Captured {
    Captured {
        discussion: discussion.id.clone(),
        message: said.message.clone(),
        person: said.person.id.clone(),
        digest: text::digest(&said.text),
        text: keep.then(|| said.text.clone()),
        written: said.at,
    }
}

/// How an author stands: as before; by what they chose once and for all; or they are asked.
async fn invite(turn: &Tx, discussion: &Discussion, author: &Person, logs: bool) -> Result<Consent> {
    let member = store::member(turn, &discussion.id, &author.id).await?;
    let before = member.as_ref().map(|m| m.consent);
    let chosen = people::setting(turn, &author.id, SETTING).await?;
    let consent = match (logs, before, chosen.as_deref()) {
        (true, ..) => Consent::Yes,
        (_, Some(before), _) => before,
        (_, None, Some("always")) => Consent::Yes,
        (_, None, Some("never")) => Consent::No,
        (_, None, _) => Consent::Asked,
    };
    let mut member =
        member.unwrap_or_else(|| Member { person: author.id.clone(), consent, digest: None, statement: None });
    member.consent = consent;
    store::save_member(turn, &discussion.id, &member).await?;
    if consent == Consent::Asked {
        let ask = NewDelivery {
            key: social::discussion_key(&discussion.id, &author.id),
            kind: social::KIND,
            person: Some(author.id.clone()),
            payload: json!({ "about": "discussion", "id": discussion.id }),
            item: discussion.id.clone(),
            step: "consent".into(),
            expires: Some(turn.now().plus(social::PATIENCE)),
            ..NewDelivery::default()
        };
        delivery::enqueue(turn, &ask).await?;
    }
    Ok(consent)
}

async fn agree(
    tx: &Tx,
    services: &Services,
    discussion: &Discussion,
    mut member: Member,
    person: &Person,
    said: &[Said],
) -> Result<()> {
    member.consent = Consent::Yes;
    store::save_member(tx, &discussion.id, &member).await?;
    // The messages that were there when it was logged, as they are now; what was deleted since is not taken.
    for old in store::captured(tx, &discussion.id).await?.iter().filter(|m| m.person == person.id) {
        match said.iter().find(|s| s.message == old.message && s.person.id == person.id) {
            Some(said) => store::save_message(tx, &captured(discussion, said, true)).await?,
            None => store::delete_message(tx, old).await?,
        }
    }
    refresh(tx, services, &discussion.id).await
}

async fn refuse(
    tx: &Tx,
    services: &Services,
    discussion: &Discussion,
    mut member: Member,
    person: &Person,
) -> Result<()> {
    match member.consent {
        Consent::Yes => {
            services.emitter.emit(tx, statements::withdrew(person, discussion)).await?;
            member.consent = Consent::Withdrawn;
        }
        Consent::Asked => member.consent = Consent::No,
        Consent::No | Consent::Withdrawn => {}
    }
    store::save_member(tx, &discussion.id, &member).await?;
    store::clear_texts(tx, &discussion.id, &person.id).await?;
    refresh(tx, services, &discussion.id).await
}

/// Withdraws a person from all discussions.
pub(super) async fn withdraw_all(tx: &Tx, services: &Services, person: &Person) -> Result<()> {
    for (discussion, member) in store::of(tx, &person.id).await? {
        refuse(tx, services, &discussion, member, person).await?;
        delivery::revise(tx, &social::discussion_key(&discussion.id, &person.id)).await?;
    }
    Ok(())
}
