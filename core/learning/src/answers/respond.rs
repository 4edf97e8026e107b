//! The way from a question to its answer: understood, matched with what was written for it, looked up, written.

use jiff::civil::Date;
use stoa_ground::clock::monotonic;
use stoa_ground::{Db, Result};

use super::model::{self, Basis};
use super::{Answer, How, Instead, Spent, curated, experts, follow_up, look_up, passages};
use crate::Services;
use crate::search::{Access, Found};

/// Passages that are read closely for one answer.
pub(super) const CLOSE: usize = 8;
/// Share of the question that the best passage must have for a model to be asked at all.
const WORTH_ASKING: f32 = 0.34;
/// How sure a quotation must be to be shown although the model found no answer.
const SURE: f64 = 0.6;

/// A question with what is known about whoever asks.
#[derive(Clone, Debug)]
pub struct Inquiry<'a> {
    /// The question as it was asked.
    pub question: &'a str,
    /// The question before it in the same place, if it may lean on one.
    pub before: Option<&'a str>,
    /// As what it is answered.
    pub access: Access,
    /// The asker's person id.
    pub person: Option<&'a str>,
    /// The asker's language (BCP 47).
    pub language: Option<&'a str>,
}

/// What was found without a language model.
pub(super) struct Response {
    pub answer: Answer,
    pub found: Found,
    /// The question as it was looked up.
    pub meant: String,
    /// Person ids of those whose names stand in the answer.
    pub experts: Vec<String>,
    /// Whether it was looked for among what is marked for people from outside, and nowhere else.
    pub external: bool,
}

impl Response {
    /// Whether a model could do better.
    pub fn is_worth_asking(&self) -> bool {
        let best = self.found.hits.first();
        self.answer.how != How::Curated
            && self.answer.confidence > 0.0
            && best.is_some_and(|hit| hit.parts.coverage >= WORTH_ASKING)
    }
}

/// Answers a question with everything that there is: approved answers, the library, the language model, experts.
///
/// # Errors
/// When the index or the store cannot be read. A model that fails is no error: the answer says why it is a quotation.
pub async fn respond(db: &Db, services: &Services, inquiry: &Inquiry<'_>) -> Result<Answer> {
    let response = without_model(db, services, inquiry).await?;
    let Some(modelled) = &services.asking.model else { return Ok(response.answer) };
    if !response.is_worth_asking() {
        return Ok(response.answer);
    }
    let quoted = response.answer.clone();
    let written = with_model(db, services, modelled, inquiry, &response, |_| async {}).await?;
    Ok(written.unwrap_or_else(|why| without(quoted, why)))
}

/// The answer without a language model.
pub(super) async fn without_model(db: &Db, services: &Services, inquiry: &Inquiry<'_>) -> Result<Response> {
    let mut meant = inquiry.question.to_owned();
    let leaning = follow_up::meant(inquiry.question, inquiry.before);
    let today = today(db);
    let external = inquiry.access == Access::external();
    if let Some(answer) = curated::matching(db, inquiry.question, &inquiry.access, today).await? {
        return Ok(Response { answer, found: Found::default(), meant, experts: Vec::new(), external });
    }
    let (mut found, mut answer) = look_up(db, &services.index, inquiry.question, &inquiry.access, CLOSE).await?;
    if let Some(leaning) = leaning {
        let (with, better) = look_up(db, &services.index, &leaning, &inquiry.access, CLOSE).await?;
        // What stands alone after all is answered alone.
        if !better.abstained || answer.abstained {
            (found, answer) = (with, better);
            answer.meant = Some(leaning.clone());
            meant = leaning;
        }
    }
    if let Some(answer) = curated::near(db, &meant, &found, &inquiry.access, today).await? {
        return Ok(Response { answer, found: Found::default(), meant, experts: Vec::new(), external });
    }
    inquiry.question.clone_into(&mut answer.question);
    let mut ids = Vec::new();
    if answer.abstained {
        let who = experts::knowing(db, &found, &inquiry.access, inquiry.person).await?;
        answer.experts = who.iter().map(|e| e.name.clone()).collect();
        ids = who.into_iter().map(|e| e.id).collect();
    }
    Ok(Response { answer, found, meant, experts: ids, external })
}

/// Lets the model write the answer to what was found; `grown` hears it grow. The inner error says why it did not.
pub(super) async fn with_model<G, F>(
    db: &Db,
    services: &Services,
    modelled: &model::Modelled,
    inquiry: &Inquiry<'_>,
    response: &Response,
    grown: G,
) -> Result<std::result::Result<Answer, Instead>>
where
    G: FnMut(Answer) -> F + Send,
    F: Future<Output = ()> + Send,
{
    let day = today(db).to_string();
    let (limits, person) = (&modelled.limits, inquiry.person);
    let day = day.as_str();
    if !db.read(|c| async move { model::budget::allows(&c, limits, person, day).await }).await? {
        return Ok(Err(Instead::UsedUp));
    }
    let mark = format!("data-{}", db.clock().id().simple());
    let begun = monotonic();
    let (mut found, mut meant, mut spent) = (&response.found, response.meant.as_str(), Spent::default());
    let condensed;
    if let (Some(_), Some(before)) = (&response.answer.meant, inquiry.before) {
        let (question, took) = model::condense(modelled, before, inquiry.question, &mark).await;
        spent.tokens += took.tokens;
        if let Some(question) = question {
            let (with, _) = look_up(db, &services.index, &question, &inquiry.access, CLOSE).await?;
            condensed = (with, question);
            (found, meant) = (&condensed.0, &condensed.1);
        }
    }
    let read = passages(db, found, &inquiry.access).await?;
    let basis = Basis {
        question: meant,
        passages: &read,
        quoted: &response.answer,
        language: inquiry.language,
        mark: &mark,
        // What the question before took is no longer there for the answer.
        time: limits.time.saturating_sub(begun.elapsed()),
    };
    let (written, took) = model::write(modelled, &basis, grown).await;
    spent.tokens += took.tokens;
    db.write(|tx| async move { model::budget::note(&tx, person, day, spent).await }).await?;
    Ok(written.map(|mut answer| {
        answer.meant = response.answer.meant.is_some().then(|| meant.to_owned());
        answer
    }))
}

/// The quotation, and why it is one.
pub(super) fn without(mut quoted: Answer, why: Instead) -> Answer {
    quoted.why = Some(why.code().to_owned());
    // The model read the passages and found nothing: a quotation that is not sure either is not shown.
    if why == Instead::Unknown && quoted.confidence < SURE && !quoted.abstained {
        quoted.abstained = true;
        quoted.answer.clear();
        for citation in std::mem::take(&mut quoted.citations) {
            let near = super::Nearest {
                title: citation.title,
                heading: citation.heading,
                source: citation.source,
                location: citation.location,
                document: citation.document,
            };
            if !quoted.nearest.iter().any(|n| n.document == near.document) {
                quoted.nearest.insert(0, near);
            }
        }
        quoted.nearest.truncate(super::NEAREST);
    }
    quoted
}

/// Today in UTC: for review dates and daily limits.
pub(super) fn today(db: &Db) -> Date {
    db.clock().now().zoned(&jiff::tz::TimeZone::UTC).date()
}
