//! The life of an assignment: a state machine over plain values.

use serde::{Deserialize, Serialize};

/// How an assignment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun.
    Assigned,
    /// Not begun, and somebody has moved the due date.
    Extended,
    /// Begun.
    InProgress,
    /// Past its due date.
    Overdue,
    /// The person is away; the clock has stopped.
    OnLeave,
    /// Done. Nothing takes this back (N13).
    Completed,
    /// Somebody decided that this person does not need it.
    Exempt,
    /// Its reason is gone: the person moved or left, or the requirement was withdrawn.
    Retired,
}

/// What happens to an assignment; each is a record of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is made.
    Assigned,
    /// The person opened the course; this pins its version.
    Started,
    /// The quiz was answered to its end.
    Attempted,
    /// Somebody granted further attempts at the quiz.
    Granted,
    /// The person confirmed the attestation with their name.
    Attested,
    /// It is done.
    Completed,
    /// Somebody moved the due date.
    Extended,
    /// The due date follows the person's calendar or a changed rule.
    Moved,
    /// The due date has passed.
    Overdue,
    /// A leave began.
    Paused,
    /// A leave ended.
    Resumed,
    /// Somebody exempted the person.
    Exempted,
    /// Its reason is gone.
    Retired,
    /// Its reason is back: the person for whom it was retired turned out to be somebody else.
    Reinstated,
}

/// What must be known beside the state, as it is after the change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The person has opened the course.
    pub started: bool,
    /// Somebody has moved the due date.
    pub extended: bool,
    /// The due date has passed.
    pub late: bool,
}

impl State {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Assigned,
        Self::Extended,
        Self::InProgress,
        Self::Overdue,
        Self::OnLeave,
        Self::Completed,
        Self::Exempt,
        Self::Retired,
    ];

    /// As it is stored and printed, for example `in_progress`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Extended => "extended",
            Self::InProgress => "in_progress",
            Self::Overdue => "overdue",
            Self::OnLeave => "on_leave",
            Self::Completed => "completed",
            Self::Exempt => "exempt",
            Self::Retired => "retired",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Whether the person has still to do it, now or after a leave.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.is_running() || self == Self::OnLeave
    }

    /// Whether it is open and its clock runs.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Assigned | Self::Extended | Self::InProgress | Self::Overdue)
    }
}

impl Change {
    /// As the ledger names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Started => "started",
            Self::Attempted => "attempted",
            Self::Granted => "granted",
            Self::Attested => "attested",
            Self::Completed => "completed",
            Self::Extended => "extended",
            Self::Moved => "moved",
            Self::Overdue => "overdue",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Exempted => "exempted",
            Self::Retired => "retired",
            Self::Reinstated => "reinstated",
        }
    }

    /// All changes.
    pub const ALL: [Self; 14] = [
        Self::Assigned,
        Self::Started,
        Self::Attempted,
        Self::Granted,
        Self::Attested,
        Self::Completed,
        Self::Extended,
        Self::Moved,
        Self::Overdue,
        Self::Paused,
        Self::Resumed,
        Self::Exempted,
        Self::Retired,
        Self::Reinstated,
    ];

    /// The change with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// The state after a change, or `None` when this cannot happen to an assignment in that state. `facts` are those after
/// the change.
#[must_use]
pub fn transition(from: Option<State>, change: Change, facts: Facts) -> Option<State> {
    let Some(from) = from else {
        return (change == Change::Assigned).then_some(State::Assigned);
    };
    let begun = if facts.started {
        State::InProgress
    } else if facts.extended {
        State::Extended
    } else {
        State::Assigned
    };
    let work = matches!(change, Change::Started | Change::Attempted | Change::Granted | Change::Attested);
    match (from, change) {
        (_, Change::Assigned) => None,
        (State::Retired, Change::Reinstated) if facts.late => Some(State::Overdue),
        (State::Retired, Change::Reinstated) => Some(begun),
        (State::Completed | State::Retired, _) | (_, Change::Reinstated) => None,
        (State::Exempt, Change::Retired) => Some(State::Retired),
        (State::Exempt, _) => None,
        (_, Change::Completed) => Some(State::Completed),
        (_, Change::Exempted) => Some(State::Exempt),
        (_, Change::Retired) => Some(State::Retired),
        (State::OnLeave, Change::Resumed) if facts.late => Some(State::Overdue),
        (State::OnLeave, Change::Resumed) => Some(begun),
        (State::OnLeave, Change::Paused | Change::Overdue) => None,
        (State::OnLeave, _) => Some(State::OnLeave),
        (_, Change::Paused) => Some(State::OnLeave),
        (_, Change::Resumed) => None,
        (State::Overdue, Change::Overdue) => None,
        (_, Change::Overdue) => Some(State::Overdue),
        // Work does not undo a missed date; a later date does.
        (State::Overdue, _) if work || facts.late => Some(State::Overdue),
        (_, _) => Some(begun),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lead_back_to_what_they_name() {
        assert!(State::ALL.into_iter().all(|s| State::named(s.name()) == Some(s)));
        assert!(Change::ALL.into_iter().all(|c| Change::named(c.name()) == Some(c)));
    }

    #[test]
    fn an_extension_ends_being_overdue_and_a_leave_gives_the_state_back() {
        let facts = |started, extended, late| Facts { started, extended, late };
        let step = |from, change, f| transition(Some(from), change, f);
        assert_eq!(step(State::Overdue, Change::Extended, facts(true, true, false)), Some(State::InProgress));
        assert_eq!(step(State::Overdue, Change::Extended, facts(false, true, false)), Some(State::Extended));
        assert_eq!(step(State::Overdue, Change::Started, facts(true, false, true)), Some(State::Overdue));
        assert_eq!(step(State::InProgress, Change::Paused, facts(true, false, false)), Some(State::OnLeave));
        assert_eq!(step(State::OnLeave, Change::Resumed, facts(true, false, false)), Some(State::InProgress));
        assert_eq!(step(State::OnLeave, Change::Resumed, facts(true, false, true)), Some(State::Overdue));
        assert_eq!(step(State::Completed, Change::Overdue, facts(true, false, true)), None);
    }

    proptest! {
        /// Whatever happens in whatever order: what is completed stays so, what is retired until it is reinstated, and
        /// only a record of `overdue`, or a leave or a retirement that ends too late, makes overdue.
        #[test]
        fn no_story_takes_back_a_completion(
            story in prop::collection::vec((prop::sample::select(Change::ALL.to_vec()), any::<bool>()), 0..40)
        ) {
            let mut state = None;
            let mut facts = Facts::default();
            for (change, late) in story {
                let mut after = Facts { late, ..facts };
                after.started |= change == Change::Started;
                after.extended |= change == Change::Extended;
                let Some(next) = transition(state, change, after) else { continue };
                facts = after;
                prop_assert!(state != Some(State::Completed));
                prop_assert!(state != Some(State::Retired) || change == Change::Reinstated);
                if next == State::Overdue && state != Some(State::Overdue) {
                    prop_assert!(matches!(change, Change::Overdue | Change::Resumed | Change::Reinstated));
                }
                if next == State::Completed {
                    prop_assert_eq!(change, Change::Completed);
                }
                state = Some(next);
            }
        }
    }
}
