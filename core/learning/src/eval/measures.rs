//! The measures. `grades` are the relevances of the ranked documents, best rank first; `judged` are all relevances that
//! the question has.

/// Normalised discounted cumulative gain of the first `k`, gain 2^relevance − 1, discount log2(rank + 1).
#[must_use]
pub fn ndcg(grades: &[u32], judged: &[u32], k: usize) -> f64 {
    let gain = |grades: &[u32]| -> f64 {
        grades.iter().take(k).enumerate().map(|(i, &g)| (f64::from(g).exp2() - 1.0) / (i as f64 + 2.0).log2()).sum()
    };
    let mut best = judged.to_vec();
    best.sort_unstable_by(|a, b| b.cmp(a));
    let ideal = gain(&best);
    if ideal > 0.0 { gain(grades) / ideal } else { 0.0 }
}

/// Relevant documents among the first `k`, against min(relevant, k).
#[must_use]
pub fn recall(grades: &[u32], judged: &[u32], k: usize) -> f64 {
    let relevant = judged.iter().filter(|&&g| g > 0).count().min(k);
    let hits = grades.iter().take(k).filter(|&&g| g > 0).count();
    if relevant > 0 { hits as f64 / relevant as f64 } else { 0.0 }
}

/// One over the rank of the first relevant document among the first `k`, else 0.
#[must_use]
pub fn mrr(grades: &[u32], k: usize) -> f64 {
    grades.iter().take(k).position(|&g| g > 0).map_or(0.0, |i| 1.0 / (i as f64 + 1.0))
}

/// Area under the ROC curve: how often a positive has the higher score, ties counting half. None without both.
#[must_use]
pub fn auroc(positive: &[f64], negative: &[f64]) -> Option<f64> {
    if positive.is_empty() || negative.is_empty() {
        return None;
    }
    let mut all: Vec<(f64, bool)> =
        positive.iter().map(|&s| (s, true)).chain(negative.iter().map(|&s| (s, false))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The rank sum of Mann and Whitney, with mean ranks for ties.
    let (mut ranks, mut start) = (0.0, 0);
    while start < all.len() {
        let end = start + all[start..].iter().take_while(|x| x.0 == all[start].0).count();
        let mean = (start + end + 1) as f64 / 2.0;
        ranks += mean * all[start..end].iter().filter(|x| x.1).count() as f64;
        start = end;
    }
    let (p, n) = (positive.len() as f64, negative.len() as f64);
    Some((ranks - p * (p + 1.0) / 2.0) / (p * n))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn measures_by_hand() {
        // 3/log2(2) + 1/log2(4) against 3/log2(2) + 1/log2(3).
        near(ndcg(&[2, 0, 1], &[1, 2], 10), 3.5 / (3.0 + 1.0 / 3f64.log2()));
        near(ndcg(&[0, 0], &[0], 10), 0.0);
        near(recall(&[1, 0, 1, 0, 0, 1], &[1; 7], 5), 2.0 / 5.0);
        near(recall(&[1, 0], &[1, 1], 5), 0.5);
        near(mrr(&[0, 0, 2], 10), 1.0 / 3.0);
        near(mrr(&[0; 11], 10), 0.0);
    }

    #[test]
    fn auroc_counts_ties_half() {
        near(auroc(&[0.9, 0.5], &[0.1, 0.5]).unwrap(), 3.5 / 4.0);
        near(auroc(&[1.0], &[0.0]).unwrap(), 1.0);
        assert_eq!(auroc(&[1.0], &[]), None);
    }
}
