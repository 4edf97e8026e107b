//! `tip`: write, share, edit, withdraw, rate and check tips; and save a colleague's message as one, if they agree.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::chat::{
    Args, Button, Call, Command, Context, Field, FieldError, FieldKind, Form, Message, ThreadMessage,
};
use stoa_flow::delivery;
use stoa_flow::{say, words_key};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::{Error, Result};

use super::reaction::{Pointed, Sign, point_out};
use super::store::{self, State, Tip};
use super::text::{self, LONGEST};
use super::{message, share, social};
use crate::Services;

/// The longest topic, in characters.
pub(super) const TOPIC: usize = 60;
/// Tips that are listed for checking at once.
const REVIEWED: i64 = 5;

/// The command `tip`.
pub(super) struct TipCommand(pub Arc<Services>);

/// What is done to one tip, by button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Share,
    Cancel,
    Edit,
    Save,
    Withdraw,
    Show,
    Up,
    Down,
    Verify,
    Agree,
    Decline,
}

/// A button's word and the tip's id. Anything else is the text of a tip.
fn deed(args: &Args) -> Option<(Deed, &str)> {
    let (word, id) = args.split();
    id.parse::<uuid::Uuid>().ok()?;
    let deed = match word.as_str() {
        "share" => Deed::Share,
        "cancel" => Deed::Cancel,
        "edit" => Deed::Edit,
        "save" => Deed::Save,
        "withdraw" => Deed::Withdraw,
        "show" => Deed::Show,
        "up" => Deed::Up,
        "down" => Deed::Down,
        "verify" => Deed::Verify,
        "agree" => Deed::Agree,
        "decline" => Deed::Decline,
        _ => return None,
    };
    Some((deed, id))
}

/// What a form or a line of chat says, cleaned: text and topic.
fn written(call: &Call) -> (String, Option<String>) {
    let value = |name: &str| call.values.as_ref().and_then(|v| v.get(name)).map_or("", String::as_str);
    let topic: String = people::clean(value("topic")).chars().take(TOPIC).collect();
    (text::clean(value("text")), Some(topic).filter(|t| !t.is_empty()))
}

#[async_trait]
impl Command for TipCommand {
    fn word(&self) -> &'static str {
        "tip"
    }

    fn about(&self) -> &'static str {
        words_key!("chat-help-about-tip")
    }

    fn accepts(&self, args: &Args) -> bool {
        // "tip of the day?" and "tip for new colleagues please" are questions.
        !args.text().ends_with('?') && !matches!(args.split().0.as_str(), "of" | "for" | "on" | "about")
    }

    async fn form(&self, cx: &Context<'_>, call: &Call) -> Result<Option<Form>> {
        let tip = match deed(&call.args) {
            Some((Deed::Edit, id)) => Some(self.own(cx, id).await?),
            None if matches!(call.args.text(), "" | "write") && call.message.is_none() => None,
            _ => return Ok(None),
        };
        let initial = |field: Field, max: usize, multiline: bool, text: &str| Field {
            kind: FieldKind::Text { multiline, max, initial: text.to_owned() },
            ..field
        };
        let (now, topic) = tip.as_ref().map_or(("", ""), |t| (t.text.as_str(), t.topic.as_deref().unwrap_or_default()));
        let text = Field {
            hint: Some(say!(cx.words, "tips-text-hint")),
            ..initial(Field::text("text", say!(cx.words, "tips-text"), true, LONGEST), LONGEST, true, now)
        };
        let topic = Field {
            optional: true,
            hint: Some(say!(cx.words, "tips-topic-hint")),
            ..initial(Field::text("topic", say!(cx.words, "tips-topic"), false, TOPIC), TOPIC, false, topic)
        };
        Ok(Some(Form {
            command: tip.as_ref().map_or_else(|| "tip save".to_owned(), |t| format!("tip save {}", t.id)),
            title: say!(cx.words, "tips-title"),
            intro: Some(say!(cx.words, "tips-preview-who")),
            fields: vec![text, topic],
            submit: if tip.is_some() { say!(cx.words, "tips-save") } else { say!(cx.words, "tips-share-button") },
        }))
    }

    async fn check(&self, cx: &Context<'_>, call: &Call) -> Result<Vec<FieldError>> {
        let why = wrong(cx, &written(call).0);
        Ok(why.map(|why| FieldError { field: "text".into(), why }).into_iter().collect())
    }

    async fn run(&self, cx: &Context<'_>, call: &Call) -> Result<()> {
        let person = cx.person()?;
        if let (Some(message), "from") = (&call.message, call.args.text()) {
            return self.suggest(cx, person, message).await;
        }
        if let (Some(message), "answered") = (&call.message, call.args.text()) {
            return self.answered(cx, person, message).await;
        }
        if call.values.is_some() {
            return self.save(cx, person, call).await;
        }
        if let Some((deed, id)) = deed(&call.args) {
            return self.act(cx, person, call, deed, id).await;
        }
        if let Some(from) = message::mine_from(&call.args) {
            let tips = cx.db().read(|c| async move { store::tips_of(&c, &person.id).await }).await?;
            return cx.reply_private(message::mine(cx.words, &tips, from)).await;
        }
        match call.args.text() {
            "review" => {
                self.check_role(cx, person).await?;
                let tips = cx.db().read(|c| async move { store::unchecked(&c, REVIEWED).await }).await?;
                let others: Vec<Tip> = tips.into_iter().filter(|t| t.author != person.id).collect();
                cx.reply_private(message::review(cx.words, &others)).await
            }
            "" | "write" => {
                let buttons = vec![
                    Button::primary(say!(cx.words, "tips-write-button"), "tip write"),
                    Button::new(say!(cx.words, "tips-mine-button"), "tip mine"),
                ];
                cx.reply_private(Message::text(say!(cx.words, "tips-how")).buttons(buttons)).await
            }
            text => {
                let text = text::clean(text);
                if let Some(why) = wrong(cx, &text) {
                    return cx.reply_private(Message::text(why)).await;
                }
                let tip = new(cx, &person.id, State::Draft, text);
                let tip = &tip;
                cx.commit(|turn| async move {
                    store::save(&turn, tip).await?;
                    turn.reply_private(message::preview(cx.words, tip)).await
                })
                .await
            }
        }
    }
}

/// Why a text cannot be a tip.
pub(super) fn wrong(cx: &Context<'_>, text: &str) -> Option<String> {
    if !text.chars().any(char::is_alphanumeric) {
        return Some(say!(cx.words, "tips-empty"));
    }
    (text.chars().count() > LONGEST).then(|| say!(cx.words, "tips-too-long", limit = LONGEST))
}

pub(super) fn new(cx: &Context<'_>, author: &str, state: State, text: String) -> Tip {
    Tip {
        id: cx.flow.clock().id().to_string(),
        author: author.to_owned(),
        state,
        text,
        topic: None,
        suggested: None,
        origin: None,
        document: None,
        verified_by: None,
        statement: None,
        created: cx.flow.clock().now(),
        shared: None,
    }
}

impl TipCommand {
    async fn tip(&self, cx: &Context<'_>, id: &str) -> Result<Tip> {
        let tip = cx.db().read(|c| async move { store::tip(&c, id).await }).await?;
        tip.ok_or_else(|| Error::Invalid(say!(cx.words, "tips-gone")))
    }

    /// The person's own tip that can still be changed.
    async fn own(&self, cx: &Context<'_>, id: &str) -> Result<Tip> {
        let (person, tip) = (cx.person()?, self.tip(cx, id).await?);
        if tip.author != person.id || !matches!(tip.state, State::Draft | State::Shared) {
            return Err(Error::Invalid(say!(cx.words, "tips-gone")));
        }
        Ok(tip)
    }

    async fn check_role(&self, cx: &Context<'_>, person: &Person) -> Result<()> {
        if cx.db().read(|c| async move { message::may_verify(&c, person).await }).await? {
            return Ok(());
        }
        let roles = [say!(cx.words, "role-learning"), say!(cx.words, "role-experts")];
        Err(Error::Forbidden(say!(cx.words, "chat-not-allowed", role = cx.words.list(&roles))))
    }

    /// A form was sent: a new tip is shared at once, an old one gets other words.
    async fn save(&self, cx: &Context<'_>, person: &Person, call: &Call) -> Result<()> {
        let (text, topic) = written(call);
        if let Some(why) = wrong(cx, &text) {
            return Err(Error::Invalid(why));
        }
        let old = match deed(&call.args) {
            Some((_, id)) => Some(self.own(cx, id).await?),
            None => None,
        };
        let fresh = Tip { topic: topic.clone(), ..new(cx, &person.id, State::Draft, text.clone()) };
        let (old, fresh, text, topic, services) = (&old, &fresh, &text, topic.as_deref(), &self.0);
        cx.commit(|turn| async move {
            let Some(old) = old else {
                let tip = share::share(&turn, services, fresh.clone(), person).await?;
                return turn.reply_private(message::shared(cx.words, &tip)).await;
            };
            let tip = share::rewrite(&turn, services, old.clone(), person, text, topic).await?;
            let message = match tip.state {
                State::Draft => message::preview(cx.words, &tip),
                _ => message::shared(cx.words, &tip),
            };
            turn.reply_private(message).await
        })
        .await
    }

    async fn act(&self, cx: &Context<'_>, person: &Person, call: &Call, deed: Deed, id: &str) -> Result<()> {
        let tip = self.tip(cx, id).await?;
        let mine = tip.author == person.id;
        let gone = || Error::Invalid(say!(cx.words, "tips-gone"));
        match deed {
            Deed::Share | Deed::Cancel | Deed::Withdraw | Deed::Edit | Deed::Save | Deed::Agree | Deed::Decline
                if !mine =>
            {
                return Err(gone());
            }
            Deed::Show | Deed::Up | Deed::Down | Deed::Verify if tip.state != State::Shared => return Err(gone()),
            Deed::Up | Deed::Down if mine => return Err(Error::Invalid(say!(cx.words, "tips-own-rating"))),
            Deed::Verify => {
                self.check_role(cx, person).await?;
                if mine {
                    return Err(Error::Invalid(say!(cx.words, "tips-own-check")));
                }
            }
            _ => {}
        }
        let (tip, services, pressed) = (&tip, &self.0, call.pressed.as_deref());
        cx.commit(|turn| async move {
            // Read again: two presses of the same button may be on their way.
            let Some(tip) = store::tip(&turn, &tip.id).await? else { return Err(gone()) };
            let tip = match (deed, tip.state) {
                (Deed::Share, State::Draft) => share::share(&turn, services, tip, person).await?,
                (Deed::Agree, State::Asked) => {
                    let tip = share::share(&turn, services, tip, person).await?;
                    return delivery::revise(&turn, &social::tip_key(&tip)).await;
                }
                (Deed::Decline, State::Asked) => {
                    let tip = share::withdraw(&turn, services, tip, person, State::Declined).await?;
                    return delivery::revise(&turn, &social::tip_key(&tip)).await;
                }
                (Deed::Cancel, State::Draft) => {
                    share::withdraw(&turn, services, tip, person, State::Declined).await?;
                    return turn.replace(pressed, Message::text(say!(cx.words, "tips-cancelled"))).await;
                }
                (Deed::Withdraw, State::Shared) => {
                    share::withdraw(&turn, services, tip, person, State::Withdrawn).await?;
                    return turn.replace(pressed, Message::text(say!(cx.words, "tips-withdrawn"))).await;
                }
                (Deed::Up | Deed::Down, State::Shared) => {
                    share::rate(&turn, services, &tip, person, deed == Deed::Up).await?;
                    tip
                }
                (Deed::Verify, State::Shared) => share::verify(&turn, services, tip, person).await?,
                _ => tip,
            };
            match tip.state {
                State::Shared if deed == Deed::Share => turn.replace(pressed, message::shared(cx.words, &tip)).await,
                State::Shared if deed == Deed::Show => {
                    turn.reply_private(message::shown(&turn, cx.words, &tip, person).await?).await
                }
                State::Shared => turn.replace(pressed, message::shown(&turn, cx.words, &tip, person).await?).await,
                State::Draft => turn.reply_private(message::preview(cx.words, &tip)).await,
                State::Asked | State::Declined | State::Withdrawn => {
                    turn.reply_private(Message::text(say!(cx.words, "tips-gone"))).await
                }
            }
        })
        .await
    }

    /// "This answered it" on a message, for chats without reactions.
    async fn answered(&self, cx: &Context<'_>, person: &Person, message: &ThreadMessage) -> Result<()> {
        let says = match point_out(&self.0, cx, person, Sign::Answer, &message.id).await? {
            Pointed::Asked(name) => {
                say!(cx.words, "tips-answered-asked", name = stoa_flow::chat::literal(&name))
            }
            Pointed::Not => say!(cx.words, "tips-answered-not"),
            Pointed::Closed => say!(cx.words, "tips-closed-place"),
        };
        cx.reply_private(Message::text(says)).await
    }

    /// "Save as tip" on a message: one's own becomes a draft; a colleague is asked first.
    async fn suggest(&self, cx: &Context<'_>, person: &Person, message: &ThreadMessage) -> Result<()> {
        let author = match &message.author {
            Some(a) => {
                cx.db()
                    .read(|c| async move { people::by_account(&c, &a.platform, &a.workspace, &a.user).await })
                    .await?
            }
            None => None,
        };
        let Some(author) = author.filter(|a| a.status != Status::Left) else {
            return Err(Error::Invalid(say!(cx.words, "tips-from-unknown")));
        };
        let text = text::clean(&message.text);
        if let Some(why) = wrong(cx, &text) {
            return Err(Error::Invalid(why));
        }
        let place = cx.place();
        let state = if author.id == person.id { State::Draft } else { State::Asked };
        let open = cx.flow.audience(place).await?.open;
        if state == State::Asked && !open {
            return Err(Error::Invalid(say!(cx.words, "tips-closed-place")));
        }
        // One's own words from a closed place are a tip like one that was typed: what becomes of them there does not matter.
        let origin = open.then(|| (place.platform.clone(), place.channel.clone(), message.id.clone()));
        let tip = Tip {
            suggested: (state == State::Asked).then(|| person.id.clone()),
            origin: origin.clone(),
            ..new(cx, &author.id, state, text)
        };
        let (tip, origin, author) = (&tip, &origin, &author);
        cx.commit(|turn| async move {
            let known = match origin {
                Some(origin) => store::from_message(&turn, origin).await?,
                None => None,
            };
            if let Some(known) = known {
                let answer = match known.state {
                    State::Shared => message::shown(&turn, cx.words, &known, person).await?,
                    State::Draft if known.author == person.id => message::preview(cx.words, &known),
                    State::Draft | State::Asked => Message::text(say!(cx.words, "tips-from-asked-already")),
                    State::Declined | State::Withdrawn => Message::text(say!(cx.words, "tips-from-declined")),
                };
                return turn.reply_private(answer).await;
            }
            store::save(&turn, tip).await?;
            if tip.state == State::Draft {
                return turn.reply_private(message::preview(cx.words, tip)).await;
            }
            social::ask(&turn, tip).await?;
            let name = stoa_flow::chat::literal(&author.name);
            turn.reply_private(Message::text(say!(cx.words, "tips-from-asked", name = name))).await
        })
        .await
    }
}
