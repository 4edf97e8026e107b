//! The delivery kind `answer`: rendered from the kept question and the library as it stands now.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use stoa_flow::chat::{Button, Message, Place};
use stoa_flow::delivery::{Delivery, DeliveryKind, Rendered, Rendering};
use stoa_flow::nudges::Policy;
use stoa_flow::words::Words;
use stoa_flow::{say, words_key};
use stoa_ground::people::Status;
use stoa_ground::{Conn, Db, Result, Tx};

use super::show::{Audience, Shown};
use super::store::{self, Kept, Question};
use super::{ANSWER, kept, readers};
use crate::Services;
use crate::answers::respond::{self, Inquiry};
use crate::answers::{Citation, How, experts, links};
use crate::library::{self, Passage};
use crate::search::{Access, plain};

/// The delivery kind `answer`; payload `{"question": id}`.
pub(in crate::answers) struct AnswerKind(pub Arc<Services>);

/// What may be shown now.
struct Current {
    kept: Kept,
    owners: BTreeMap<String, String>,
}

/// What may be shown of a kept answer to these readers, as the library stands now; none when something that is quoted
/// was withdrawn, says something else, or is closed to them.
async fn current(db: &Db, kept: &Kept, access: &Access) -> Result<Option<Current>> {
    db.read(|conn| async move {
        let mut kept = kept.clone();
        let mut owners = BTreeMap::new();
        for citation in &mut kept.answer.citations {
            let version = kept.versions.get(&citation.passage);
            let Some(passage) = standing(&conn, citation, version).await? else { return Ok(None) };
            if !access.allows(&passage.readers) {
                return Ok(None);
            }
            citation.verified = passage.verified;
            (citation.deprecated, citation.review_date) = (passage.standing.deprecated, passage.standing.review_date);
            if passage.verified {
                links::find(&mut citation.lines, &passage.text);
            }
            let mut also = Vec::new();
            for origin in citation.also.drain(..) {
                also.extend(is_open(&conn, &origin.document, access).await?.then_some(origin));
            }
            citation.also = also;
            if let Some(document) = library::document(&conn, &citation.document).await? {
                owners.extend(document.owner.map(|owner| (document.id, owner)));
            }
        }
        let mut nearest = Vec::new();
        for near in kept.answer.nearest.drain(..) {
            nearest.extend(is_open(&conn, &near.document, access).await?.then_some(near));
        }
        kept.answer.nearest = nearest;
        // Who left, is away or changed their mind is not named any more.
        let (mut names, mut ids) = (Vec::new(), Vec::new());
        for id in std::mem::take(&mut kept.experts) {
            if let Some(person) = experts::can_be_asked(&conn, &id).await? {
                names.push(person.name);
                ids.push(person.id);
            }
        }
        (kept.answer.experts, kept.experts) = (names, ids);
        Ok(Some(Current { kept, owners }))
    })
    .await
}

/// Whether a document stands and these readers may read it.
async fn is_open(conn: &Conn, document: &str, access: &Access) -> Result<bool> {
    let document = library::document(conn, document).await?;
    Ok(document.is_some_and(|d| d.status != library::Status::Retired && access.allows(&d.readers)))
}

/// The passage that is quoted, if it stands: in the same version, or in another one that still says every quoted line.
async fn standing(conn: &Conn, citation: &Citation, version: Option<&String>) -> Result<Option<Passage>> {
    let passage = library::passage(conn, &citation.passage).await?;
    if passage.as_ref().is_some_and(|p| Some(&p.version) == version) {
        return Ok(passage);
    }
    let passages = library::passages_of(conn, &citation.document).await?;
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(passages.into_iter().find(|p| {
        let text = flat(&plain(&p.text));
        citation.lines.iter().all(|line| text.contains(&flat(&line.text)))
    }))
}

/// Lets kept answers forget what this document does not say any more: what people withdraw is not kept in quotations
/// either. Then posted ones are rendered again.
pub(in crate::answers) async fn forget_quotes(tx: &Tx, document: &str) -> Result<()> {
    let stands = library::document(tx, document).await?.is_some_and(|d| d.status != library::Status::Retired);
    let mut after = None;
    loop {
        let page = store::citing(tx, document, after.as_ref()).await?;
        for Question { id, answer, .. } in &page {
            let Some(mut kept) = answer.clone() else { continue };
            let mut said = true;
            for citation in kept.answer.citations.iter().filter(|c| c.document == document) {
                said &= standing(tx, citation, kept.versions.get(&citation.passage)).await?.is_some();
            }
            if !stands {
                kept.answer.nearest.retain(|n| n.document != document);
                kept.answer.citations.iter_mut().for_each(|c| c.also.retain(|o| o.document != document));
            }
            store::keep(tx, id, said.then_some(&kept)).await?;
        }
        let Some(last) = page.into_iter().next_back() else { break };
        after = Some(last);
    }
    store::revise_citing(tx, document).await
}

/// What is said in place of an answer whose source was withdrawn or says something else now.
fn withdrawn(words: &'static Words, question: Option<&str>) -> Rendered {
    let again = question.map(|id| Button::new(say!(words, "answers-again-button"), format!("ask again {id}")));
    Rendered::Say(Message::text(say!(words, "answers-withdrawn")).buttons(again.into_iter().collect()))
}

#[async_trait]
impl DeliveryKind for AnswerKind {
    fn name(&self) -> &'static str {
        ANSWER
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
            return Ok(if cx.posted { withdrawn(cx.words, None) } else { Rendered::Gone(words_key!("why-done")) });
        };
        let alone = delivery.only.is_some() || delivery.place.as_ref().is_none_or(|p| p.direct);
        answered(&self.0, cx, &question, delivery.place.as_ref(), alone).await
    }
}

/// A question's answer as it may be shown now.
pub(in crate::answers) async fn answered(
    services: &Services,
    cx: &Rendering<'_>,
    question: &Question,
    place: Option<&Place>,
    alone: bool,
) -> Result<Rendered> {
    let readers = readers(cx.flow, place, cx.person, alone).await?;
    // People from outside may have come since: what was found for colleagues is not theirs, nor what it says of words.
    let for_these = |kept: &&Kept| kept.external || readers != Access::external();
    let mut found = match question.answer.as_ref().filter(for_these) {
        Some(kept) => current(cx.db, kept, &readers).await?,
        None => None,
    };
    if found.is_none() && question.writing {
        found = Some(Current { kept: Kept::default(), owners: BTreeMap::new() });
    }
    let Current { kept, owners } = match found {
        Some(current) => current,
        // Posted and no longer true: it is taken back. Not posted yet: what is true now is said instead.
        None if cx.posted => {
            let mine = question.person.is_some() || !alone;
            return Ok(withdrawn(cx.words, mine.then_some(question.id.as_str())));
        }
        None => {
            let inquiry = Inquiry {
                question: &question.text,
                before: question.before.as_deref(),
                access: readers.clone(),
                person: question.person.as_deref(),
                language: None,
            };
            let kept = kept(respond::without_model(cx.db, services, &inquiry).await?);
            if question.unasked && kept.answer.abstained {
                return Ok(Rendered::Gone(words_key!("why-done")));
            }
            match current(cx.db, &kept, &readers).await? {
                Some(current) => current,
                None => {
                    let answer = crate::answers::Answer { abstained: true, ..Default::default() };
                    Current { kept: Kept { answer, ..Kept::default() }, owners: BTreeMap::new() }
                }
            }
        }
    };
    let audience = match (alone, cx.person) {
        (true, Some(person)) if person.status != Status::Left => Audience::Asker,
        (true, _) => Audience::Stranger,
        (false, _) => Audience::Channel,
    };
    let mut vote = None;
    let mut asked = Vec::new();
    let mut kept_already = false;
    if let (true, Some(person)) = (alone, cx.person) {
        let (id, person, cited) = (&question.id, &person.id, &kept.answer.citations);
        (vote, asked, kept_already) = cx
            .db
            .read(|c| async move {
                let vote = store::vote(&c, id, person).await?.map(|(judgement, _)| judgement);
                let mut saved = !cited.is_empty();
                for citation in cited {
                    saved &= store::is_saved(&c, person, &citation.passage).await?;
                }
                Ok((vote, experts::asked_about(&c, id).await?, saved))
            })
            .await?;
    }
    let shown = Shown {
        words: cx.words,
        question: &question.id,
        answer: &kept.answer,
        owners: &owners,
        experts: &kept.experts,
        asked: &asked,
        audience,
        vote,
        saved: kept_already,
        unasked: question.unasked,
        before: question.before.as_deref(),
    };
    if question.writing {
        let growing = kept.answer.how == How::Written && !kept.answer.sentences.is_empty();
        return Ok(Rendered::Say(shown.growing(growing)));
    }
    Ok(Rendered::Say(shown.message()))
}
