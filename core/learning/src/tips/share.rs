//! What happens to a tip: shared, changed, withdrawn, checked and rated, each with its document and statement.

use stoa_ground::people::Person;
use stoa_ground::{Result, Tx};

use super::store::{self, State, Tip};
use super::{SOURCE, statements, text};
use crate::library::{self, Item, Section};
use crate::{Services, answers};

/// Shares a tip: from now on the library has it, unverified, for everyone, under its author's name.
pub(super) async fn share(tx: &Tx, services: &Services, mut tip: Tip, author: &Person) -> Result<Tip> {
    tip.state = State::Shared;
    tip.shared = Some(tx.now());
    tip.statement = Some(services.emitter.emit(tx, statements::shared(author, &tip)).await?);
    let document = publish(tx, &tip, author).await?;
    answers::note_knowledge(tx, &author.id, &document, "tip").await?;
    tip.document = Some(document);
    store::save(tx, &tip).await?;
    Ok(tip)
}

/// Gives a tip other words. A shared one has to be checked anew, and its statement is replaced.
pub(super) async fn rewrite(
    tx: &Tx,
    services: &Services,
    mut tip: Tip,
    author: &Person,
    text: &str,
    topic: Option<&str>,
) -> Result<Tip> {
    if tip.text == text && tip.topic.as_deref() == topic {
        return Ok(tip);
    }
    tip.text = text.to_owned();
    tip.topic = topic.map(str::to_owned);
    if tip.state == State::Shared {
        if let Some(old) = &tip.statement {
            services.emitter.void(tx, old, author, "edited").await?;
        }
        tip.verified_by = None;
        tip.statement = Some(services.emitter.emit(tx, statements::shared(author, &tip)).await?);
        // Only the words of now: earlier versions hold what the author took back.
        library::forget(tx, SOURCE, &tip.id, "its author changed it").await?;
        let document = publish(tx, &tip, author).await?;
        answers::forget_quotes(tx, &document).await?;
        tip.document = Some(document);
    }
    store::save(tx, &tip).await?;
    Ok(tip)
}

/// Takes a tip out of the library, of answers and of the record. `state` says what it is then.
pub(super) async fn withdraw(tx: &Tx, services: &Services, mut tip: Tip, author: &Person, state: State) -> Result<Tip> {
    if let Some(statement) = tip.statement.take() {
        services.emitter.void(tx, &statement, author, "withdrawn").await?;
    }
    if let Some(document) = tip.document.take() {
        library::forget(tx, SOURCE, &tip.id, "its author withdrew it").await?;
        answers::forget_knowledge(tx, &document).await?;
        answers::forget_quotes(tx, &document).await?;
    }
    tip.state = state;
    tip.text.clear();
    tip.topic = None;
    store::save(tx, &tip).await?;
    Ok(tip)
}

/// Notes that somebody responsible checked a tip.
pub(super) async fn verify(tx: &Tx, services: &Services, mut tip: Tip, by: &Person) -> Result<Tip> {
    if tip.verified_by.is_none() {
        tip.verified_by = Some(by.id.clone());
        services.emitter.emit(tx, statements::verified(by, &tip)).await?;
        library::set_verified(tx, SOURCE, &tip.id, true).await?;
        store::save(tx, &tip).await?;
        if let Some(document) = &tip.document {
            answers::revise_citing(tx, document).await?;
        }
    }
    Ok(tip)
}

/// Notes what a person thinks of a tip; the last word counts.
pub(super) async fn rate(tx: &Tx, services: &Services, tip: &Tip, by: &Person, up: bool) -> Result<()> {
    match store::vote(tx, &tip.id, &by.id).await? {
        Some((same, _)) if same == up => return Ok(()),
        Some((_, old)) => {
            services.emitter.void(tx, &old, by, "changed").await?;
        }
        None => {}
    }
    let statement = services.emitter.emit(tx, statements::rated(by, tip, up)).await?;
    store::set_vote(tx, &tip.id, &by.id, up, &statement).await
}

async fn publish(tx: &Tx, tip: &Tip, author: &Person) -> Result<String> {
    let item = Item {
        source: SOURCE.into(),
        location: tip.id.clone(),
        title: text::title(tip.topic.as_deref(), &tip.text),
        owner: Some(author.name.clone()),
        readers: vec!["everyone".into()],
        verified: tip.verified_by.is_some(),
        sections: vec![Section { text: text::markdown(&tip.text), ..Section::default() }],
        ..Item::default()
    };
    Ok(library::put(tx, &item).await?.document)
}
