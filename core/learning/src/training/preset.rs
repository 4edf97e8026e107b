//! Which regime the evidence of a requirement is meant for: it decides which fields a pack discloses, and for how long the
//! records have to be kept where the organisation has no rules of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A regime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// None in particular: a pack discloses everything.
    #[default]
    None,
    /// ISO 9001, 7.2 (d): evidence of competence.
    #[serde(rename = "iso-9001")]
    Iso9001,
    /// SOC 2 CC1.4 and CC2.2: population, completion and follow-up over the whole period; no results.
    #[serde(rename = "soc2")]
    Soc2,
    /// HIPAA 45 CFR 164.530(b) and (j).
    Hipaa,
    /// OSHA 29 CFR 1910.
    Osha,
    /// California 2 CCR 11024(b)(2).
    HarassmentPrevention,
}

/// What becomes of a field in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// Answers and what was typed: they belong to nobody but the learner, unless a regime asks for them.
    Private,
    /// Scores and attempts.
    Result,
    /// Everything else.
    Plain,
}

impl Field {
    fn of(subject: &str, name: &str) -> Self {
        match name {
            "data/answers" | "data/name" | "data/typed" => Self::Private,
            // What a learner asked a trainer; the digest would show a text that somebody guesses.
            "data/text" | "data/digest" if subject.starts_with("trainer-question/") => Self::Private,
            "data/score" | "data/passed" | "data/attempts" => Self::Result,
            _ => Self::Plain,
        }
    }
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Iso9001, Self::Soc2, Self::Hipaa, Self::Osha, Self::HarassmentPrevention];

    /// As it is written: `iso-9001`, `soc2`, `hipaa`, `osha`, `harassment-prevention` or `none`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Iso9001 => "iso-9001",
            Self::Soc2 => "soc2",
            Self::Hipaa => "hipaa",
            Self::Osha => "osha",
            Self::HarassmentPrevention => "harassment-prevention",
        }
    }

    /// The preset with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Whether it is none in particular.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether a field of a record about a subject is disclosed. Of erasures and of merged people a pack shows no more than
    /// what explains why records of an earlier pack are missing.
    #[must_use]
    pub fn discloses(self, subject: &str, field: &str) -> bool {
        match subject.split('/').next() {
            Some("erasure") => return matches!(field, "data/subjects" | "data/requirements"),
            Some("person") => return matches!(field, "data/into" | "data/from"),
            _ => {}
        }
        match self {
            Self::None | Self::HarassmentPrevention => true,
            Self::Soc2 => Field::of(subject, field) == Field::Plain,
            Self::Iso9001 | Self::Hipaa | Self::Osha => Field::of(subject, field) != Field::Private,
        }
    }

    /// Whether a pack shows what was answered and typed.
    #[must_use]
    pub fn shows_answers(self) -> bool {
        matches!(self, Self::None | Self::HarassmentPrevention)
    }

    /// Whether a pack shows scores.
    #[must_use]
    pub fn shows_results(self) -> bool {
        self != Self::Soc2
    }

    /// How many years the records are kept from the newest one on, and how many beyond the employment; nothing where the
    /// regime says nothing of its own.
    #[must_use]
    pub fn retention(self) -> Option<(u32, Option<u32>)> {
        match self {
            Self::None => None,
            // The organisation's own rule; three years are a cycle of certification.
            Self::Iso9001 => Some((3, None)),
            // The audit's period of at most twelve months, and the year after it in which the report is used.
            Self::Soc2 => Some((2, None)),
            // 164.530(j)(2): six years from when it was made or was last in effect.
            Self::Hipaa => Some((6, None)),
            // 1910.1030(h)(2): three years; 1910.1001(m)(4): a year beyond the employment.
            Self::Osha => Some((3, Some(1))),
            // 11024(b)(2): two years.
            Self::HarassmentPrevention => Some((2, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_written_as_it_is_named_and_discloses_what_its_regime_asks_for() {
        for preset in Preset::ALL {
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
            assert_eq!(Preset::named(preset.name()), Some(preset));
            assert!(preset.discloses("assignment/a", "reason") && preset.discloses("assignment/a", "data/who"));
        }
        let of = |preset: Preset, field| preset.discloses("assignment/a", field);
        assert!(!of(Preset::Osha, "data/answers") && of(Preset::Osha, "data/score") && of(Preset::Osha, "data/text"));
        assert!(!of(Preset::Soc2, "data/score") && of(Preset::HarassmentPrevention, "data/answers"));
        let asked = |preset: Preset| preset.discloses("trainer-question/q", "data/text");
        assert!(!asked(Preset::Osha) && !asked(Preset::Soc2) && asked(Preset::HarassmentPrevention));
        let none = |subject, field| Preset::None.discloses(subject, field);
        assert!(none("erasure/e", "data/subjects") && none("erasure/e", "data/requirements"));
        assert!(!none("erasure/e", "reason"));
        assert!(none("person/p", "data/into") && !none("person/p", "data/accounts"));
    }
}
