//! The record of a discussion: its statements and its document follow from who agreed and what they wrote.

use stoa_ground::people::{self, Person};
use stoa_ground::xapi::Actor;
use stoa_ground::{Result, Tx};

use super::super::{statements, text};
use super::store::{self, Captured, Member};
use super::{Consent, Discussion};
use crate::library::{self, Item, Outcome, Section};
use crate::{Services, answers};

/// The library's source of discussions.
const SOURCE: &str = "discussions";

/// Brings statements and document to what the rows say. Run twice, it changes nothing the second time.
pub(in crate::tips) async fn refresh(tx: &Tx, services: &Services, id: &str) -> Result<()> {
    let Some(mut discussion) = store::discussion(tx, id).await? else { return Ok(()) };
    let messages = store::captured(tx, id).await?;
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
    if discussion.statement.is_none() || discussion.members != members {
        if let Some(old) = &discussion.statement {
            services.emitter.void(tx, old, Actor::Stoa, "other people agreed to be named").await?;
        }
        discussion.statement = Some(services.emitter.emit(tx, statements::discussed(&discussion, &agreed)).await?);
        discussion.members = members;
    }
    publish(tx, &mut discussion, &agreed, &messages).await?;
    store::save(tx, &discussion).await
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

/// Title and agreed messages are a document that everyone may read; without any, there is none.
async fn publish(tx: &Tx, discussion: &mut Discussion, agreed: &[Person], messages: &[Captured]) -> Result<()> {
    let mut paragraphs = Vec::new();
    for message in messages {
        let Some(author) = agreed.iter().find(|p| p.id == message.person) else { continue };
        let Some(words) = &message.text else { continue };
        paragraphs.push(text::markdown(&format!("{}: {words}", author.name)));
    }
    if paragraphs.is_empty() {
        if let Some(document) = discussion.document.take() {
            library::forget(tx, SOURCE, &discussion.id, "nobody agrees to it any more").await?;
            answers::forget_quotes(tx, &document).await?;
        }
        return Ok(());
    }
    let item = Item {
        source: SOURCE.into(),
        location: discussion.id.clone(),
        title: discussion.title.clone(),
        readers: vec!["everyone".into()],
        sections: vec![Section { text: paragraphs.join("\n\n"), ..Section::default() }],
        ..Item::default()
    };
    // Only the words of now: earlier versions hold what somebody edited or withdrew.
    let before = discussion.document.is_some();
    let put = library::put(tx, &item).await?;
    if before && put.outcome == Outcome::Content {
        library::forget(tx, SOURCE, &discussion.id, "its words changed").await?;
        library::put(tx, &item).await?;
        answers::forget_quotes(tx, &put.document).await?;
    }
    discussion.document = Some(put.document);
    Ok(())
}
