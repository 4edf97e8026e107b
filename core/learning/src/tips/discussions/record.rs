//! The record of a discussion: its statements and its document follow from who agreed and what they wrote.

use stoa_ground::people::{self, Person};
use stoa_ground::xapi::Actor;
use stoa_ground::{Result, Tx};

use super::super::{statements, text};
use super::store::{self, Captured, Member};
use super::{Consent, Discussion, accepted};
use crate::library::{self, Item, Outcome, Section};
use crate::{Services, answers};

/// The library's source of discussions.
const SOURCE: &str = "discussions";

/// Brings statements and document to what the rows say. Run twice, it changes nothing the second time.
pub(in crate::tips) async fn refresh(tx: &Tx, services: &Services, id: &str) -> Result<()> {
    let Some(mut discussion) = store::discussion(tx, id).await? else { return Ok(()) };
    let mut messages = store::captured(tx, id).await?;
    if discussion.answer.is_some() {
        let answer = messages.iter().find(|m| discussion.answer.as_ref() == Some(&m.message)).cloned();
        let agreed = answer.as_ref().is_some_and(|a| a.text.is_some());
        if !agreed && !waits(tx, answer.as_ref()).await? {
            // Without its answer the question is not kept.
            for question in std::mem::take(&mut messages).iter().filter(|m| answer.as_ref() != Some(*m)) {
                store::delete_message(tx, question).await?;
            }
        }
        discussion.title = titled(&discussion, &messages);
        // Until the author of the answer agrees, there is nothing to say.
        if !agreed {
            messages.clear();
        }
    }
    let mut agreed = Vec::new();
    for mut member in store::members(tx, id).await? {
        let Some(person) = people::by_id(tx, &member.person).await? else { continue };
        if comment(tx, services, &discussion, &mut member, &person, &messages).await? {
            store::save_member(tx, id, &member).await?;
        }
        if member.statement.is_some() {
            agreed.push(person);
        }
    }
    let members: Vec<String> = agreed.iter().map(|p| p.id.clone()).collect();
    let stands = discussion.answer.is_none() || !messages.is_empty();
    if discussion.members != members || discussion.statement.is_some() != stands {
        if let Some(old) = &discussion.statement {
            services.emitter.void(tx, old, Actor::Stoa, "other people agreed to be named").await?;
        }
        discussion.statement = match stands {
            true => Some(services.emitter.emit(tx, statements::discussed(&discussion, &agreed)).await?),
            false => None,
        };
        discussion.members = members;
    }
    publish(tx, &mut discussion, &agreed, &messages).await?;
    store::save(tx, &discussion).await
}

/// Whether the author of an answer is still asked about it.
async fn waits(tx: &Tx, answer: Option<&Captured>) -> Result<bool> {
    let Some(answer) = answer else { return Ok(false) };
    let author = store::member(tx, &answer.discussion, &answer.person).await?;
    Ok(author.is_some_and(|a| a.consent == Consent::Asked))
}

/// One person's statement. Gives whether something changed.
async fn comment(
    tx: &Tx,
    services: &Services,
    discussion: &Discussion,
    member: &mut Member,
    person: &Person,
    messages: &[Captured],
) -> Result<bool> {
    let words: Vec<&str> =
        messages.iter().filter(|m| m.person == person.id).filter_map(|m| m.text.as_deref()).collect();
    let words = if member.consent == Consent::Yes { words.join("\n") } else { String::new() };
    let digest = (!words.is_empty()).then(|| text::digest(&words));
    if member.digest == digest {
        return Ok(false);
    }
    if let Some(old) = member.statement.take() {
        let why = if digest.is_some() { "edited" } else { "withdrawn" };
        services.emitter.void(tx, &old, person, why).await?;
    }
    if digest.is_some() {
        let draft = statements::commented(person, discussion, &words);
        member.statement = Some(services.emitter.emit(tx, draft).await?);
    }
    member.digest = digest;
    Ok(true)
}

/// What is called like its question is not called so any more when whoever asked takes that back.
fn titled(discussion: &Discussion, messages: &[Captured]) -> String {
    let words = |id: &String| messages.iter().find(|m| m.message == *id)?.text.as_deref();
    let words = words(&discussion.thread).or_else(|| discussion.answer.as_ref().and_then(words));
    words.map_or_else(|| "…".to_owned(), accepted::title)
}

/// Title and agreed messages are a document that everyone may read; without any, there is none. Of a question and its answer
/// the answer is the text, and whoever wrote it the owner.
async fn publish(tx: &Tx, discussion: &mut Discussion, agreed: &[Person], messages: &[Captured]) -> Result<()> {
    let (mut paragraphs, mut owner, mut keywords) = (Vec::new(), None, String::new());
    for message in messages {
        let Some(author) = agreed.iter().find(|p| p.id == message.person) else { continue };
        let Some(words) = &message.text else { continue };
        match &discussion.answer {
            None => paragraphs.push(text::markdown(&format!("{}: {words}", author.name))),
            Some(answer) if *answer == message.message => {
                paragraphs.push(text::markdown(words));
                owner = Some(author);
            }
            Some(_) => keywords.push_str(words),
        }
    }
    if paragraphs.is_empty() {
        return unpublish(tx, discussion, "nobody agrees to it any more").await;
    }
    let item = Item {
        source: SOURCE.into(),
        location: location(discussion).into(),
        title: discussion.title.clone(),
        owner: owner.map(|o| o.name.clone()),
        keywords,
        readers: vec!["everyone".into()],
        sections: vec![Section { text: paragraphs.join("\n\n"), ..Section::default() }],
        ..Item::default()
    };
    // Only the words of now: earlier versions hold what somebody edited or withdrew.
    let before = discussion.document.is_some();
    let put = library::put(tx, &item).await?;
    if before && put.outcome == Outcome::Content {
        library::forget(tx, SOURCE, location(discussion), "its words changed").await?;
        library::put(tx, &item).await?;
        answers::forget_quotes(tx, &put.document).await?;
    }
    if let Some(owner) = owner {
        answers::note_knowledge(tx, &owner.id, &put.document, "answer").await?;
    }
    discussion.document = Some(put.document);
    Ok(())
}

/// Takes the document out of the library and out of answers, if there is one.
pub(super) async fn unpublish(tx: &Tx, discussion: &mut Discussion, why: &str) -> Result<()> {
    if let Some(document) = discussion.document.take() {
        library::forget(tx, SOURCE, location(discussion), why).await?;
        answers::forget_knowledge(tx, &document).await?;
        answers::forget_quotes(tx, &document).await?;
    }
    Ok(())
}

fn location(discussion: &Discussion) -> &str {
    discussion.link.as_ref().unwrap_or(&discussion.id)
}
