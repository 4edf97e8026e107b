//! Reactions: 💡 on a message points it out as a tip; ✅ by whoever asked, on an answer in their thread, says that it helped.
//! Both only ask the author, once for each message; nothing is kept until they agree. Where not every colleague may read,
//! they mean nothing.

use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::Watcher;
use stoa_flow::chat::{Account, Context, Event, Place, Platform, ThreadMessage, looked_up};
use stoa_ground::Result;
use stoa_ground::people::{self, Person, Role, Status};

use super::command::{TOPIC, new, wrong};
use super::discussions::accepted::{self, Accepted};
use super::store::{self, State, Tip};
use super::{share, social, text};
use crate::{Services, answers};

/// What a reaction means: the sign itself, or the name that a platform gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Tip,
    Answer,
}

impl Sign {
    fn of(emoji: &str) -> Option<Self> {
        // Some platforms add a mark that asks for the coloured form.
        match emoji.trim_end_matches('\u{fe0f}') {
            "💡" | "bulb" => Some(Self::Tip),
            "✅" | "✔" | "white_check_mark" | "heavy_check_mark" => Some(Self::Answer),
            _ => None,
        }
    }
}

/// Watches reactions.
pub(super) struct Reacted(pub Arc<Services>);

#[async_trait]
impl Watcher for Reacted {
    async fn seen(&self, cx: &Context<'_>) -> Result<()> {
        let Event::Reaction { message, emoji, added } = &cx.envelope.event else { return Ok(()) };
        let (Some(sign), Some(person), place) = (Sign::of(emoji), &cx.known, cx.place()) else { return Ok(()) };
        if place.direct {
            return Ok(());
        }
        let origin = (place.platform.clone(), place.channel.clone(), message.clone());
        let from = &origin;
        let captured = cx.db().read(|c| async move { store::from_message(&c, from).await }).await?;
        match captured {
            None if *added => point_out(&self.0, cx, person, sign, message).await.map(drop),
            Some(tip) if !added => self.take_back(cx, person, tip).await,
            None if sign == Sign::Answer => {
                let (services, origin) = (&self.0, &origin);
                cx.db().write(|tx| async move { accepted::take_back(&tx, services, origin, person).await }).await
            }
            _ => Ok(()),
        }
    }
}

impl Reacted {
    /// Whoever pointed it out takes that back before the author has answered.
    async fn take_back(&self, cx: &Context<'_>, person: &Person, tip: Tip) -> Result<()> {
        if tip.state != State::Asked || tip.suggested.as_ref() != Some(&person.id) {
            return Ok(());
        }
        let services = &self.0;
        let tip = &tip;
        cx.db()
            .write(|tx| async move {
                let (Some(now), Some(author)) =
                    (store::tip(&tx, &tip.id).await?, people::by_id(&tx, &tip.author).await?)
                else {
                    return Ok(());
                };
                if now.state == State::Asked {
                    let tip = share::withdraw(&tx, services, now, &author, State::Declined).await?;
                    stoa_flow::delivery::revise(&tx, &social::tip_key(&tip)).await?;
                }
                Ok(())
            })
            .await
    }
}

/// What came of pointing a message out.
pub(super) enum Pointed {
    /// Its author, by this name, is asked, or has agreed already.
    Asked(String),
    /// It is nothing that this person can point out.
    Not,
    /// Not every colleague may read there.
    Closed,
}

/// Points a message out. Bears repetition.
pub(super) async fn point_out(
    services: &Services,
    cx: &Context<'_>,
    person: &Person,
    sign: Sign,
    message: &str,
) -> Result<Pointed> {
    let place = cx.place();
    let Some(platform) = cx.flow.platform(&place.platform) else { return Ok(Pointed::Not) };
    let found = looked_up(platform.message(place, message).await)?.flatten();
    let Some((said, thread)) = found else { return Ok(Pointed::Not) };
    let Some(author) = known(cx, said.author.as_ref()).await? else { return Ok(Pointed::Not) };
    if !cx.flow.audience(place).await?.open {
        return Ok(Pointed::Closed);
    }
    let text = text::clean(&said.text);
    if wrong(cx, &text).is_some() {
        return Ok(Pointed::Not);
    }
    let mut topic = None;
    if sign == Sign::Answer {
        let Some(thread) = thread.filter(|_| author.id != person.id) else { return Ok(Pointed::Not) };
        let Some((question, own)) = question(cx, platform.as_ref(), person, thread).await? else {
            return Ok(Pointed::Not);
        };
        if own && cx.db().read(|c| async move { answers::learns(&c, place).await }).await? {
            let link = platform.link(place, message).await;
            let new = Accepted { question: &question, asker: person, answer: &said, author: &author, link };
            if accepted::keep(cx, services, &new).await? {
                return Ok(Pointed::Asked(author.name));
            }
        }
        topic = Some(text::shorten(&people::clean(&question.text), TOPIC));
    }
    let origin = (place.platform.clone(), place.channel.clone(), message.to_owned());
    let tip = Tip {
        topic,
        suggested: Some(person.id.clone()),
        origin: Some(origin.clone()),
        ..new(cx, &author.id, State::Asked, text)
    };
    let (tip, origin) = (&tip, &origin);
    cx.db()
        .write(|tx| async move {
            if store::from_message(&tx, origin).await?.is_none() {
                store::save(&tx, tip).await?;
                social::ask(&tx, tip).await?;
            }
            Ok(())
        })
        .await?;
    Ok(Pointed::Asked(author.name))
}

/// The question that a thread began with, and whether it is this person's, when `person` may say which answer helped: who
/// asked it, the learning team and experts may.
async fn question(
    cx: &Context<'_>,
    platform: &dyn Platform,
    person: &Person,
    thread: String,
) -> Result<Option<(ThreadMessage, bool)>> {
    let place = Place { thread: Some(thread), ..cx.place().clone() };
    let Some(messages) = looked_up(platform.thread(&place).await)? else { return Ok(None) };
    let Some(question) = messages.into_iter().next() else { return Ok(None) };
    let own = known(cx, question.author.as_ref()).await?.is_some_and(|asker| asker.id == person.id);
    if !own {
        let roles = cx.db().read(|c| async move { people::roles_of(&c, person).await }).await?;
        if !roles.contains(&Role::Learning) && !roles.contains(&Role::Expert) {
            return Ok(None);
        }
    }
    Ok(Some(question).filter(|q| q.text.chars().any(char::is_alphanumeric)).map(|q| (q, own)))
}

/// Who an account is, if they work here.
async fn known(cx: &Context<'_>, account: Option<&Account>) -> Result<Option<Person>> {
    let Some(a) = account else { return Ok(None) };
    let found =
        cx.db().read(|c| async move { people::by_account(&c, &a.platform, &a.workspace, &a.user).await }).await?;
    Ok(found.filter(|p| p.status != Status::Left))
}
