//! What speaks for or against a passage whatever the question is: whether it was checked and may be relied on, what people
//! said about it, its age, and whether it should have been looked at again.

use jiff::civil::Date;
use stoa_ground::Instant;
use tantivy::SegmentReader;
use tantivy::columnar::Column;

use crate::library::Passage;

/// What content counts that nobody responsible has checked, in thousandths: it comes after what is as good and checked.
const UNVERIFIED: u64 = 950;
/// The same for content that should not be relied on any more, but can be read.
const DEPRECATED: u64 = 800;
/// What content counts whose review date has passed.
const OVERDUE: f32 = 0.97;
/// What content loses from the end of its first year to that of its fifth.
const OLD: f32 = 0.04;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// What does not depend on the day, in thousandths.
pub(super) fn of(passage: &Passage) -> u64 {
    let checked = if passage.verified { 1_000 } else { UNVERIFIED };
    let relied = if passage.standing.deprecated.is_some() { DEPRECATED } else { 1_000 };
    // A fifth of the rating: 5 % up or down at most.
    let rating = 1_000 + passage.standing.rating.clamp(-250, 250) / 5;
    checked * relied * rating.unsigned_abs() / 1_000_000
}

/// The day of its review, and the one on which Stoa saw this content first: days since 1970.
pub(super) fn days(passage: &Passage) -> [i64; 2] {
    let review = passage.standing.review_date.map_or(i64::MAX, |day| i64::from((day - EPOCH).get_days()));
    [review, passage.stored.0.div_euclid(Instant::DAY)]
}

/// Where all of this is kept for the passages of a segment.
pub(super) struct Columns {
    prior: Column<u64>,
    review: Column<i64>,
    stored: Column<i64>,
}

impl Columns {
    pub fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let fast = segment.fast_fields();
        Ok(Self { prior: fast.u64("prior")?, review: fast.i64("review")?, stored: fast.i64("stored")? })
    }

    /// All of it on a day (since 1970), as a factor.
    pub fn prior(&self, doc: u32, today: i64) -> f32 {
        let standing = self.prior.first(doc).map_or(1.0, |p| p as f32 / 1_000.0);
        let overdue = self.review.first(doc).is_some_and(|day| day < today);
        let age = self.stored.first(doc).map_or(0, |day| today.saturating_sub(day).max(0));
        let years = (age as f32 / 365.0 - 1.0).clamp(0.0, 4.0);
        standing * if overdue { OVERDUE } else { 1.0 } * (1.0 - OLD * years / 4.0)
    }
}
