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
    /// Done. Nothing takes this back (N13); it may have an end.
    Completed,
    /// Done once, and the end of its validity has passed.
    Expired,
    /// Somebody decided that the rule does not apply to this person, for good or until a day.
    Exempt,
    /// The rule applies, and somebody decided to forgive it this time; the next cycle comes as ever.
    Waived,
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
    /// Somebody else signed in where the person was to sign; nothing was signed.
    Refused,
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
    /// The end of the completion's validity has passed.
    Expired,
    /// What is completed or waived holds until another day than was said before.
    Revalidated,
    /// Somebody exempted the person.
    Exempted,
    /// Somebody forgave this cycle.
    Waived,
    /// Its reason is gone.
    Retired,
    /// It is open again: an exemption or a waiver was taken back, or the person for whom it was retired turned out to be
    /// somebody else.
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
    /// The end of the completion's validity has passed.
    pub lapsed: bool,
}

impl State {
    /// All states.
    pub const ALL: [Self; 10] = [
        Self::Assigned,
        Self::Extended,
        Self::InProgress,
        Self::Overdue,
        Self::OnLeave,
        Self::Completed,
        Self::Expired,
        Self::Exempt,
        Self::Waived,
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
            Self::Expired => "expired",
            Self::Exempt => "exempt",
            Self::Waived => "waived",
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

    /// Whether it counts in the denominator: what nobody had to do does not, and what is on leave waits.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::OnLeave | Self::Exempt | Self::Waived | Self::Retired)
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
            Self::Refused => "refused",
            Self::Completed => "completed",
            Self::Extended => "extended",
            Self::Moved => "moved",
            Self::Overdue => "overdue",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Expired => "expired",
            Self::Revalidated => "revalidated",
            Self::Exempted => "exempted",
            Self::Waived => "waived",
            Self::Retired => "retired",
            Self::Reinstated => "reinstated",
        }
    }

    /// All changes.
    pub const ALL: [Self; 18] = [
        Self::Assigned,
        Self::Started,
        Self::Attempted,
        Self::Granted,
        Self::Attested,
        Self::Refused,
        Self::Completed,
        Self::Extended,
        Self::Moved,
        Self::Overdue,
        Self::Paused,
        Self::Resumed,
        Self::Expired,
        Self::Revalidated,
        Self::Exempted,
        Self::Waived,
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
    let work =
        matches!(change, Change::Started | Change::Attempted | Change::Granted | Change::Attested | Change::Refused);
    match (from, change) {
        (_, Change::Assigned) => None,
        (State::Retired | State::Exempt | State::Waived, Change::Reinstated) => {
            Some(if facts.late { State::Overdue } else { begun })
        }
        (State::Completed, Change::Expired) => facts.lapsed.then_some(State::Expired),
        (State::Completed, Change::Revalidated) => Some(State::Completed),
        (State::Expired, Change::Revalidated) => Some(if facts.lapsed { State::Expired } else { State::Completed }),
        (State::Waived, Change::Revalidated) => Some(State::Waived),
        (_, Change::Reinstated | Change::Expired | Change::Revalidated) => None,
        (State::Completed | State::Expired | State::Waived | State::Retired, _) => None,
        (State::Exempt, Change::Retired) => Some(State::Retired),
        (State::Exempt, _) => None,
        (_, Change::Completed) => Some(State::Completed),
        (_, Change::Exempted) => Some(State::Exempt),
        (_, Change::Waived) => Some(State::Waived),
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
        let facts = |started, extended, late| Facts { started, extended, late, lapsed: false };
        let step = |from, change, f| transition(Some(from), change, f);
        assert_eq!(step(State::Overdue, Change::Extended, facts(true, true, false)), Some(State::InProgress));
        assert_eq!(step(State::Overdue, Change::Extended, facts(false, true, false)), Some(State::Extended));
        assert_eq!(step(State::Overdue, Change::Started, facts(true, false, true)), Some(State::Overdue));
        assert_eq!(step(State::InProgress, Change::Paused, facts(true, false, false)), Some(State::OnLeave));
        assert_eq!(step(State::OnLeave, Change::Resumed, facts(true, false, false)), Some(State::InProgress));
        assert_eq!(step(State::OnLeave, Change::Resumed, facts(true, false, true)), Some(State::Overdue));
        assert_eq!(step(State::Completed, Change::Overdue, facts(true, false, true)), None);
    }

    #[test]
    fn a_completion_ends_when_its_validity_does_and_comes_back_when_a_rule_makes_it_longer() {
        let (valid, lapsed) = (Facts::default(), Facts { lapsed: true, ..Facts::default() });
        let step = |from, change, f| transition(Some(from), change, f);
        assert_eq!(step(State::Completed, Change::Expired, valid), None, "not before its end");
        assert_eq!(step(State::Completed, Change::Expired, lapsed), Some(State::Expired));
        assert_eq!(step(State::Expired, Change::Revalidated, lapsed), Some(State::Expired));
        assert_eq!(step(State::Expired, Change::Revalidated, valid), Some(State::Completed));
        assert_eq!(step(State::Waived, Change::Reinstated, Facts { late: true, ..valid }), Some(State::Overdue));
        assert_eq!(step(State::Waived, Change::Completed, valid), None, "it must be reinstated first");
    }

    proptest! {
        /// Whatever happens in whatever order, against what the words of the states say: what is completed stays so until
        /// its validity ends, what has ended otherwise until it is reinstated, and only a record of `overdue`, or a leave or
        /// an end that is taken back too late, makes overdue.
        #[test]
        fn no_story_takes_back_a_completion(
            story in prop::collection::vec(
                (prop::sample::select(Change::ALL.to_vec()), any::<bool>(), any::<bool>()), 0..60)
        ) {
            let mut state = None;
            let mut facts = Facts::default();
            for (change, late, lapsed) in story {
                let mut after = Facts { late, lapsed, ..facts };
                after.started |= change == Change::Started;
                after.extended |= change == Change::Extended;
                let Some(next) = transition(state, change, after) else { continue };
                facts = after;
                match state {
                    None => prop_assert_eq!((change, next), (Change::Assigned, State::Assigned)),
                    Some(State::Completed | State::Expired) => {
                        prop_assert!(matches!(change, Change::Expired | Change::Revalidated));
                        prop_assert_eq!(next == State::Expired, lapsed && (change == Change::Expired || state == Some(State::Expired)));
                    }
                    Some(State::Waived) => prop_assert!(matches!(change, Change::Reinstated | Change::Revalidated)),
                    Some(State::Exempt) => prop_assert!(matches!(change, Change::Reinstated | Change::Retired)),
                    Some(State::Retired) => prop_assert_eq!(change, Change::Reinstated),
                    Some(open) => prop_assert!(open.is_open() && change != Change::Reinstated),
                }
                if next == State::Overdue && state != Some(State::Overdue) {
                    prop_assert!(matches!(change, Change::Overdue | Change::Resumed | Change::Reinstated));
                }
                if next == State::Completed && state != Some(State::Completed) {
                    prop_assert!(matches!(change, Change::Completed | Change::Revalidated));
                }
                state = Some(next);
            }
        }
    }
}
