//! When an answered question comes back: a pure rule over what is known about a person's memory of it.

use jiff::Span;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What is known about a person's memory of one question. Each way of scheduling keeps its own; a stored one says by
/// which way it was made, so that a better way can take over card by card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Memory {
    /// The question climbs [`LADDER`]; `step` is the one that it waits on.
    Ladder {
        /// Index into [`LADDER`].
        step: usize,
    },
}

/// Days until a question comes back, after each right answer.
pub const LADDER: [i64; 5] = [1, 3, 7, 21, 60];

/// An answer, as the rule sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Whether it was right.
    pub correct: bool,
    /// The person's own day.
    pub on: Date,
}

/// What is known after an answer, and the day on which the question comes back. `before` is what was known, with the
/// day on which the question was due; an early right answer changes nothing, an early wrong one does.
#[must_use]
pub fn next(before: Option<(Memory, Date)>, answered: Answered) -> (Memory, Date) {
    let step = match before {
        Some((Memory::Ladder { .. }, _)) if !answered.correct => 0,
        Some((memory, due)) if answered.on < due => return (memory, due),
        Some((Memory::Ladder { step }, _)) => (step + 1).min(LADDER.len() - 1),
        None => 0,
    };
    let due = answered.on.checked_add(Span::new().days(LADDER[step])).unwrap_or(Date::MAX);
    (Memory::Ladder { step }, due)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    #[test]
    fn a_question_comes_back_after_1_3_7_21_and_60_days_and_a_wrong_answer_begins_again() {
        let mut on = date(2026, 11, 23);
        let mut known = None;
        let mut gaps = Vec::new();
        for correct in [true, true, true, true, true, true, false, true] {
            let (memory, due) = next(known, Answered { correct, on });
            gaps.push((due - on).get_days());
            known = Some((memory, due));
            on = due;
        }
        assert_eq!(gaps, [1, 3, 7, 21, 60, 60, 1, 3]);
    }

    #[test]
    fn answering_twice_on_one_day_does_not_climb_two_steps() {
        let on = date(2026, 11, 23);
        let first = next(None, Answered { correct: true, on });
        assert_eq!(next(Some(first), Answered { correct: true, on }), first);
    }

    proptest! {
        #[test]
        fn a_question_always_comes_back_later_and_within_sixty_days(answers in prop::collection::vec((any::<bool>(), 0i64..100), 1..40)) {
            let mut on = date(2026, 11, 23);
            let mut known = None;
            for (correct, wait) in answers {
                let (memory, due) = next(known, Answered { correct, on });
                prop_assert!(due > on && (due - on).get_days() <= 60);
                known = Some((memory, due));
                on = on.checked_add(Span::new().days(wait)).unwrap();
            }
        }
    }
}
