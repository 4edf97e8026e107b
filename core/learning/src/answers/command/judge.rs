//! What people do with an answer: judge it, keep it for later, and switch what follows on and off.

use stoa_flow::chat::{Block, Button, Call, Context, Message};
use stoa_flow::say;
use stoa_ground::people;
use stoa_ground::{Error, Result};

use super::show;
use super::store::{self, Question};
use super::{may_see, statements};
use crate::Services;
use crate::answers::feedback::{self, Judgement};
use crate::answers::{experts, gaps};
use crate::search::Access;

/// The setting that stops news about questions that could not be answered.
pub(in crate::answers) const STOP_NEWS: &str = "answers_news";
/// Saved things that are listed at once.
const LISTED: usize = 10;

/// The question with this id, if this person may see it.
pub(super) async fn question(cx: &Context<'_>, id: &str) -> Result<Question> {
    let question = cx.db().read(|c| async move { store::question(&c, id).await }).await?;
    let question = question.ok_or_else(|| Error::Invalid(say!(cx.words, "answers-no-such-question")))?;
    may_see(cx, &question)?;
    Ok(question)
}

pub(super) async fn vote(
    services: &Services,
    cx: &Context<'_>,
    id: &str,
    judgement: Judgement,
    note: Option<String>,
) -> Result<()> {
    let person = cx.person()?;
    let question = question(cx, id).await?;
    let thanks = match judgement {
        Judgement::Helpful => say!(cx.words, "answers-thanks-helpful"),
        Judgement::Missing => say!(cx.words, "answers-thanks-not-helpful"),
        Judgement::Wrong | Judgement::Outdated => say!(cx.words, "answers-thanks-owner"),
    };
    let (question, note, thanks, emitter) = (&question, &note, &thanks, &services.emitter);
    cx.commit(|turn| async move {
        let before = store::vote(&turn, &question.id, &person.id).await?;
        let statement = match before {
            Some((same, statement)) if same == judgement => statement,
            other => {
                if let Some((_, old)) = other {
                    emitter.void(&turn, &old, person, "changed").await?;
                }
                emitter.emit(&turn, statements::judged(person, &question.id, judgement)).await?
            }
        };
        store::set_vote(&turn, &question.id, &person.id, judgement, note.as_deref(), &statement).await?;
        if judgement == Judgement::Missing && question.gap.is_none() {
            let gap = gaps::note(&turn, &question.text).await?;
            store::set_gap(&turn, &question.id, &gap).await?;
        }
        if judgement != Judgement::Helpful {
            for document in question.documents() {
                feedback::raise(&turn, &document, judgement).await?;
            }
        }
        if cx.place().direct {
            return store::revise(&turn, &question.event, question.delivery.as_deref()).await;
        }
        turn.reply_private(Message::text(thanks.clone())).await
    })
    .await
}

/// Keeps what an answer quotes.
pub(super) async fn save(services: &Services, cx: &Context<'_>, id: &str) -> Result<()> {
    let person = cx.person()?;
    let question = question(cx, id).await?;
    // In a channel somebody may press who reads less than the asker, or more: what was shown there is open to all.
    let cited: Vec<(String, String)> = match &question.answer {
        Some(kept) => kept.answer.citations.iter().map(|c| (c.passage.clone(), c.document.clone())).collect(),
        None => Vec::new(),
    };
    if cited.is_empty() {
        return Err(Error::Invalid(say!(cx.words, "answers-nothing-to-save")));
    }
    let (cited, question) = (&cited, &question);
    cx.commit(|turn| async move {
        for (passage, document) in cited {
            if !store::is_saved(&turn, &person.id, passage).await? {
                let statement = services.emitter.emit(&turn, statements::saved(person, document)).await?;
                store::save_passage(&turn, &person.id, passage, document, &statement).await?;
            }
        }
        if cx.place().direct {
            store::revise(&turn, &question.event, question.delivery.as_deref()).await?;
        }
        let list = Button::new(say!(cx.words, "answers-saved-button"), "ask saved");
        turn.reply_private(Message::text(say!(cx.words, "answers-saved-now")).buttons(vec![list])).await
    })
    .await
}

/// Takes a document out of what a person kept.
pub(super) async fn unsave(services: &Services, cx: &Context<'_>, document: &str) -> Result<()> {
    let person = cx.person()?;
    cx.commit(|turn| async move {
        for statement in store::unsave(&turn, &person.id, document).await? {
            services.emitter.void(&turn, &statement, person, "taken back").await?;
        }
        turn.reply_private(Message::text(say!(cx.words, "answers-unsaved"))).await
    })
    .await
}

/// What the person kept, as far as it can be read today.
pub(super) async fn saved(cx: &Context<'_>) -> Result<()> {
    let person = cx.person()?;
    let found = cx
        .db()
        .read(|c| async move {
            let access = Access::of(people::access_classes(&c, person).await?);
            store::saved_open(&c, &person.id, &access).await
        })
        .await?;
    if found.is_empty() {
        return cx.reply_private(Message::text(say!(cx.words, "answers-saved-none"))).await;
    }
    let mut message = Message::text(say!(cx.words, "answers-saved-list", count = found.len()));
    for document in found.iter().take(LISTED) {
        let take = Button::new(say!(cx.words, "answers-unsave-button"), format!("ask unsave {}", document.id));
        message = message
            .and(Block::Text(show::from(&show::place(&document.title, ""), &document.source, &document.location)))
            .buttons(vec![take]);
    }
    cx.reply_private(message).await
}

/// Whether the person may be asked by colleagues, and wants news about open questions.
pub(super) async fn switch(cx: &Context<'_>, call: &Call, word: &str, to: &str) -> Result<()> {
    let person = cx.person()?;
    let (name, text) = match (word, to) {
        ("experts", "on") => (experts::SETTING, say!(cx.words, "answers-experts-on")),
        ("experts", _) => (experts::SETTING, say!(cx.words, "answers-experts-off")),
        (_, "on") => (STOP_NEWS, say!(cx.words, "answers-news-on")),
        _ => (STOP_NEWS, say!(cx.words, "answers-news-off")),
    };
    let (text, pressed) = (&text, call.pressed.as_deref());
    cx.commit(|turn| async move {
        people::set_setting(&turn, &person.id, name, Some(to)).await?;
        if let Some(pressed) = pressed {
            turn.revise(pressed).await?;
        }
        turn.reply_private(Message::text(text.clone())).await
    })
    .await
}
