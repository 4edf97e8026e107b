//! A question and the answer that helped, in a channel that the learning team opted in: kept as a discussion of these two
//! messages. Whoever asked agrees by marking the answer; its author is asked, or has chosen once and for all.

use stoa_flow::chat::{Context, ThreadMessage};
use stoa_flow::delivery;
use stoa_ground::people::Person;
use stoa_ground::{Result, Tx, people};

use super::super::store::Origin;
use super::super::{social, text};
use super::record::unpublish;
use super::store::Captured;
use super::{Consent, Discussion, Said, TITLE, captured, invite, refresh, store};
use crate::Services;

/// What was marked.
pub(in crate::tips) struct Accepted<'a> {
    /// The message that the thread hangs on.
    pub question: &'a ThreadMessage,
    pub asker: &'a Person,
    pub answer: &'a ThreadMessage,
    pub author: &'a Person,
    /// The answer's web address.
    pub link: Option<String>,
}

/// Keeps it. Bears repetition. False where its author has to be asked about this message apart: in a thread that was logged
/// as a whole, and when another message of theirs was marked before.
pub(in crate::tips) async fn keep(cx: &Context<'_>, services: &Services, new: &Accepted<'_>) -> Result<bool> {
    let said = |m: &ThreadMessage, by: &Person| Said {
        message: m.id.clone(),
        person: by.clone(),
        text: text::clean(&m.text),
        at: m.at,
    };
    let (question, answer) = (&said(new.question, new.asker), &said(new.answer, new.author));
    let place = cx.place();
    let fresh = &Discussion {
        id: cx.flow.clock().id().to_string(),
        title: title(&question.text),
        platform: place.platform.clone(),
        workspace: cx.account().workspace.clone(),
        channel: place.channel.clone(),
        thread: question.message.clone(),
        logged_by: new.asker.id.clone(),
        members: Vec::new(),
        document: None,
        statement: None,
        answer: Some(answer.message.clone()),
        link: new.link.clone(),
        logged: cx.flow.clock().now(),
    };
    let write = |tx: Tx| async move {
        let known = store::in_thread(&tx, &fresh.platform, &fresh.channel, &fresh.thread).await?;
        let discussion = match known {
            None => fresh.clone(),
            // The same mark once more, after it was taken away or after a failure.
            Some(known) if known.answer == fresh.answer => known,
            Some(mut known) => {
                // Who was asked about one message was not asked about this one.
                let asked = store::member(&tx, &known.id, &new.author.id).await?.is_some();
                if known.answer.is_none() || asked {
                    return Ok(false);
                }
                unpublish(&tx, &mut known, "another answer was marked").await?;
                for old in store::captured(&tx, &known.id).await? {
                    let_go(&tx, &known, &old).await?;
                }
                Discussion { answer: fresh.answer.clone(), link: fresh.link.clone(), ..known }
            }
        };
        store::save(&tx, &discussion).await?;
        invite(&tx, &discussion, new.asker, true).await?;
        let consent = invite(&tx, &discussion, new.author, false).await?;
        store::save_message(&tx, &captured(&discussion, question, true)).await?;
        store::save_message(&tx, &captured(&discussion, answer, consent == Consent::Yes)).await?;
        refresh(&tx, services, &discussion.id).await?;
        Ok(true)
    };
    cx.db().write(write).await
}

/// Whoever asked takes the mark away: the answer is kept no more, and its author is not asked any more.
pub(in crate::tips) async fn take_back(tx: &Tx, services: &Services, origin: &Origin, person: &Person) -> Result<()> {
    let (platform, channel, message) = origin;
    let Some(answer) = store::of_message(tx, platform, channel, message).await? else { return Ok(()) };
    let Some(discussion) = store::discussion(tx, &answer.discussion).await? else { return Ok(()) };
    if discussion.answer.as_ref() != Some(message) || discussion.logged_by != person.id {
        return Ok(());
    }
    let_go(tx, &discussion, &answer).await?;
    refresh(tx, services, &discussion.id).await
}

/// Keeps a message no more. Its author is asked about it no more.
async fn let_go(tx: &Tx, discussion: &Discussion, message: &Captured) -> Result<()> {
    store::delete_message(tx, message).await?;
    if let Some(mut author) = store::member(tx, &discussion.id, &message.person).await?
        && author.consent == Consent::Asked
    {
        author.consent = Consent::No;
        store::save_member(tx, &discussion.id, &author).await?;
        delivery::revise(tx, &social::discussion_key(&discussion.id, &author.person)).await?;
    }
    Ok(())
}

/// How the question begins.
pub(super) fn title(question: &str) -> String {
    text::shorten(&people::clean(question), TITLE)
}
