//! Words and meaning together.
//!
//! Both scores are brought to the same scale within one question: how many standard deviations a candidate is above the
//! mean of all candidates. On that scale a list that knows its answer has a peak, and one that does not is flat, so that
//! each question decides by itself which list leads. How much the meaning counts on top of that depends on the
//! question's length: of two words none may be the one that the page uses; of twelve, several are.

use super::Found;
use super::rank::Candidate;

/// How much the meaning counts for a question of no words, and of [`LONG`] words and more.
const MEANING: [f32; 2] = [0.77, 0.52];
/// Words of a long question.
const LONG: f32 = 12.0;
/// What it adds that a passage covers the whole question, in standard deviations.
const COVERED: f32 = 0.2;
/// The cosine of a passage that has no vector yet: that of nothing in common.
const NOTHING: f32 = -0.1;
/// The greatest cosines that are given on, one for each document.
const COSINES: usize = 10;

/// Gives each candidate the score that it is ranked by: 1 for the best, 0 for the worst. Without vectors that is its score
/// by words.
pub(super) fn fuse(found: &mut Found, words: usize, candidates: &mut [Candidate]) {
    let mut cosines: Vec<(f32, u64)> = candidates.iter().filter_map(|c| Some((c.parts.cosine?, c.group))).collect();
    if cosines.is_empty() {
        return;
    }
    cosines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut seen = Vec::with_capacity(COSINES);
    for (cosine, group) in cosines {
        if seen.len() == COSINES {
            break;
        }
        if !seen.contains(&group) {
            seen.push(group);
            found.cosines.push(cosine);
        }
    }
    found.cosine = found.cosines.first().copied();
    found.meaning = meaning(words);
    let by_words = standard(candidates.iter().map(|c| c.parts.lexical + c.parts.related).collect());
    let by_meaning = standard(candidates.iter().map(|c| c.parts.cosine.unwrap_or(NOTHING)).collect());
    for ((c, words), meaning) in candidates.iter_mut().zip(by_words).zip(by_meaning) {
        c.score = (1.0 - found.meaning) * words + found.meaning * meaning + COVERED * c.parts.coverage;
    }
    let top = candidates.iter().map(|c| c.score).fold(f32::MIN, f32::max);
    let low = candidates.iter().map(|c| c.score).fold(f32::MAX, f32::min);
    let range = (top - low).max(f32::MIN_POSITIVE);
    candidates.iter_mut().for_each(|c| c.score = (c.score - low) / range);
}

/// How much the meaning counts for a question of so many words.
fn meaning(words: usize) -> f32 {
    let [short, long] = MEANING;
    short + (long - short) * (words as f32 / LONG).min(1.0)
}

/// The values as standard deviations above their mean; all 0 when they are all the same.
pub(crate) fn standard(values: Vec<f32>) -> Vec<f32> {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let deviation = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count).sqrt();
    let scale = if deviation > 1e-6 { 1.0 / deviation } else { 0.0 };
    values.into_iter().map(|v| (v - mean) * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_question_goes_more_by_its_meaning() {
        assert_eq!((meaning(0), meaning(12), meaning(400)), (0.77, 0.52, 0.52));
        assert!((meaning(3) - 0.7075).abs() < 1e-5);
    }

    #[test]
    fn a_flat_list_says_nothing() {
        assert_eq!(standard(vec![0.2; 4]), [0.0; 4]);
        assert_eq!(standard(vec![1.0, 3.0]), [-1.0, 1.0]);
        assert!(standard(Vec::new()).is_empty());
    }
}
