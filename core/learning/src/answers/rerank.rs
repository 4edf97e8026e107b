//! The best passages looked at once more by a cross-encoder, where there is one: as many as it manages within its time.
//! Without one, or when it fails, is busy or slow, the order stays as search found it.

use std::sync::Arc;
use std::time::Duration;

use stoa_ground::clock::monotonic;
use stoa_ground::{Db, Result};

use super::first_passages;
use crate::search::{Access, Found, Index, first, passage_text, standard};

/// Passages that are looked at once more, at most.
const MOST: usize = 20;
/// So many at a time, the best first.
const PART: usize = 4;
/// How long it may take.
const TIME: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 1_500 });
/// How much the cross-encoder counts against the order as it was.
const COUNTS: f32 = 0.7;

/// What is found for a question: [`Index::find`], and the cross-encoder's order where there is one.
pub(super) async fn find(db: &Db, index: &Index, question: &str, access: &Access, limit: usize) -> Result<Found> {
    let Some(reranking) = index.reranking() else {
        return index.find(question, access, db.clock().now(), limit).await;
    };
    let mut found = index.find(question, access, db.clock().now(), limit.max(MOST)).await?;
    // One question at a time: a second one is answered without rather than late.
    if let Ok(mut turn) = Arc::clone(&reranking.turn).try_lock_owned() {
        let read = first_passages(db, &found.hits, access, MOST).await?;
        let texts: Vec<(usize, String)> = read
            .iter()
            .filter_map(|p| Some((found.hits.iter().position(|h| h.passage_id == p.id)?, passage_text(p))))
            .collect();
        let begun = monotonic();
        let mut scores = Vec::with_capacity(texts.len());
        for part in texts.chunks(PART) {
            let Some(left) = TIME.checked_sub(begun.elapsed()) else { break };
            let passages: Vec<String> = part.iter().map(|(_, text)| text.clone()).collect();
            let (model, question) = (Arc::clone(&reranking.model), question.to_owned());
            // The turn goes with the work, which nobody can stop: it is given back when that has ended, also too late.
            let work = tokio::spawn(async move { (model.scores(&question, &passages).await, turn) });
            let Ok(Ok((given, back))) = tokio::time::timeout(left, work).await else { break };
            turn = back;
            match given {
                Ok(given) => scores.extend(part.iter().zip(given).map(|((hit, _), score)| (*hit, score))),
                Err(e) => {
                    tracing::warn!(error = %e, "the cross-encoder failed, and the order stays as it was");
                    scores.clear();
                    break;
                }
            }
        }
        reorder(&mut found, &scores);
    }
    found.hits = first(&found.hits, limit).into_iter().cloned().collect();
    Ok(found)
}

/// Puts these hits, by their places, into the order of both scores. The scores of search stay where they were: what is
/// first has the highest, as before.
fn reorder(found: &mut Found, scores: &[(usize, f32)]) {
    let own: Vec<f32> = scores.iter().map(|&(hit, _)| found.hits[hit].score).collect();
    let given: Vec<f32> = scores.iter().map(|&(_, score)| score).collect();
    let (own, given) = (standard(own), standard(given));
    let mut order: Vec<(f32, usize)> = scores
        .iter()
        .zip(own.iter().zip(&given))
        .map(|(&(hit, _), (own, given))| ((1.0 - COUNTS) * own + COUNTS * given, hit))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut places: Vec<usize> = scores.iter().map(|&(hit, _)| hit).collect();
    places.sort_unstable();
    for &(hit, score) in scores {
        found.hits[hit].parts.reranked = Some(score);
    }
    let before = found.hits.clone();
    for (&place, &(_, hit)) in places.iter().zip(&order) {
        let (score, twin) = (before[place].score, before[hit].twin.clone());
        found.hits[place] = before[hit].clone();
        (found.hits[place].score, found.hits[place].twin) = (score, twin);
    }
    // A copy that was not looked at stands for no better place than its first one.
    if !scores.is_empty() {
        found.hits.sort_by_key(|hit| hit.twin.is_some() && hit.parts.reranked.is_none());
    }
}
