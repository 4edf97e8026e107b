//! Requirements: who needs which course, and when it is due. They are data, in TOML:
//!
//! ```toml
//! [[requirement]]
//! id = "fire-safety"
//! title = "Fire safety"
//! course = "fire-safety"
//! audience = 'country = "US" and not worker_type = "contractor"'
//! due = { days = 14, from = "assigned" }   # or from = "hire" or "role", or { date = 2026-12-18 }
//! remind_before = [7, 1]                   # these five are the defaults
//! remind_after = [1, 3]                    # then once a week
//! end_after = 90
//! manager_after = 3
//! escalate_after = 14
//! recertify = { every = "12 months" }      # see Recertify; without it a completion holds for good
//! active = true                            # false: everybody's open assignment is retired
//! evidence = "osha"                        # or iso-9001, soc2, hipaa, harassment-prevention
//! ```

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stoa_ground::people::audience::Rule;
use stoa_ground::people::calendar::parse_date;
use stoa_ground::{Error, Result};

use super::Preset;
use super::attest::Level;
use super::course::{digest, is_id};
use super::toml_sentence;
use recertify::RawRecertify;

mod recertify;
mod store;
mod write;

pub use recertify::{Period, Prior, Recertify, RenewsFrom};
pub use store::{RequirementProjection, all, by_id};
pub(super) use store::{is_known, loses_course, sound, store, version_of, versions};
pub(super) use write::to_toml;

/// With this begin the ids of what stands in for a requirement where a person asked for a place in a course.
pub(super) const ENROLMENT: &str = "enrolment/";

/// A requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Its stable id.
    pub id: String,
    /// Title.
    pub title: String,
    /// The course's id.
    pub course: String,
    /// Whom it is for.
    pub audience: Rule,
    /// When it is due.
    pub due: Due,
    /// When people are reminded and others are told.
    pub steps: Steps,
    /// How long a completion holds; without it, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recertify: Option<Recertify>,
    /// Whether it counts. What does not count assigns nobody and retires what is open.
    pub active: bool,
    /// The regime that its evidence is meant for.
    #[serde(default, skip_serializing_if = "Preset::is_none")]
    pub evidence: Preset,
    /// How surely it must be the person who confirms the course; the course can demand more.
    #[serde(default, skip_serializing_if = "Level::is_least")]
    pub attestation: Level,
}

/// When an assignment is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// So many days after the day of the assignment.
    AfterAssigned(u32),
    /// So many days after the first day of work; for who works here longer already, after the assignment.
    AfterHire(u32),
    /// So many days after the day on which the person's title or department changed, or after the first day of work,
    /// whichever is later; for whom that is long ago, after the assignment.
    AfterRole(u32),
    /// On this day for everybody; who is assigned later gets it on the first working day after the assignment.
    On(Date),
}

/// The steps around the due date, in days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// Reminders before it, the earliest first.
    pub remind_before: Vec<u32>,
    /// Messages after it, in order; after the last of them once a week.
    pub remind_after: Vec<u32>,
    /// After so many days the weekly messages end.
    pub end_after: u32,
    /// After so many days it stands in the manager's digest.
    pub manager_after: u32,
    /// After so many days it stands in the digest of the next level.
    pub escalate_after: u32,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            remind_before: vec![7, 1],
            remind_after: vec![1, 3],
            end_after: 90,
            manager_after: 3,
            escalate_after: 14,
        }
    }
}

impl Requirement {
    /// What stands in for a requirement where nothing demands a course: it means nobody.
    fn enrolment(course: &str, title: String) -> Self {
        Self {
            id: format!("{ENROLMENT}{course}"),
            title,
            course: course.to_owned(),
            audience: Rule::Or(Vec::new()),
            due: Due::AfterAssigned(30),
            steps: Steps::default(),
            recertify: None,
            evidence: Preset::None,
            attestation: Level::default(),
            active: true,
        }
    }

    /// The steps around the due date of an assignment: a renewal has reminders of its own.
    #[must_use]
    pub fn steps_of(&self, renewal: bool) -> Steps {
        let mut steps = self.steps.clone();
        if let Some(recertify) = self.recertify.as_ref().filter(|_| renewal) {
            steps.remind_before.clone_from(&recertify.remind_before);
        }
        steps
    }

    /// The version: SHA-256 of its canonical JSON.
    ///
    /// # Errors
    /// Never in practice: the type has nothing that JSON cannot hold.
    pub fn version(&self) -> Result<String> {
        Ok(digest(&serde_json::to_string(self)?))
    }
}

/// A file of requirements for `stoa training apply`: who needs which course, and when it is due.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "requirements of Stoa", extend("required" = ["requirement"]))]
struct File {
    /// The requirements, at least one.
    #[serde(default)]
    #[schemars(length(min = 1))]
    requirement: Vec<Raw>,
}

/// A requirement.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Requirement")]
struct Raw {
    /// Its stable id: small letters, digits and hyphens.
    #[schemars(example = &"fire-safety")]
    id: String,
    /// Its title, as people see it.
    #[schemars(length(min = 1), example = &"Fire safety")]
    title: String,
    /// The course's id.
    course: String,
    /// Whom it is for: a rule over the roster's columns.
    #[schemars(example = &"country = \"US\" and not worker_type = \"contractor\"")]
    audience: String,
    /// When it is due.
    due: RawDue,
    /// Days before the due date on which people are reminded; 7 and 1 when absent.
    #[schemars(length(max = 10), inner(range(min = 1, max = 366)))]
    remind_before: Option<Vec<u32>>,
    /// Days after it on which they are told that it is overdue, then once a week; 1 and 3 when absent.
    #[schemars(length(max = 10), inner(range(min = 1, max = 366)))]
    remind_after: Option<Vec<u32>>,
    /// After so many days the weekly messages end; 90 when absent.
    #[schemars(range(max = 3660))]
    end_after: Option<u32>,
    /// After so many days it stands in the manager's digest; 3 when absent.
    #[schemars(range(min = 1))]
    manager_after: Option<u32>,
    /// After so many days it stands in the digest of the next level, more than `manager_after`; 14 when absent.
    #[schemars(range(min = 2, max = 3660))]
    escalate_after: Option<u32>,
    /// How long a completion holds, and what follows when it ends; without it, it holds for good.
    recertify: Option<RawRecertify>,
    /// How surely it must be the person who confirms the course at its end: `chat-session` (when absent), `mail-code`
    /// or `oidc`. The course must have a sentence to confirm then.
    #[serde(default)]
    attestation: Level,
    /// Whether it counts; `false` retires everybody's open assignment.
    #[serde(default = "yes")]
    active: bool,
    /// The regime that its evidence is meant for: which fields packs disclose, and how long records are kept.
    #[serde(default)]
    evidence: Preset,
}

fn yes() -> bool {
    true
}

/// Either `days`, counted from the assignment, the first day of work or the newest change of the job, or a `date`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Due", extend("oneOf" = [{ "required": ["days"] }, { "required": ["date"] }]))]
struct RawDue {
    /// So many days after `from`.
    #[schemars(range(max = 3660))]
    days: Option<u32>,
    /// `assigned` (when absent), `hire`, or `role`: the day on which the title or department changed.
    #[schemars(extend("enum" = ["assigned", "hire", "role", null]))]
    from: Option<String>,
    /// On this day for everybody.
    #[schemars(with = "Option<String>", extend("format" = "date"), example = &"2026-12-18")]
    date: Option<toml::Value>,
}

/// The JSON Schema of a file of requirements.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}

/// In which requirement an error of a file is, by its id or else its title, as the beginning of a sentence.
fn within(text: &str, error: &toml::de::Error) -> String {
    const HEADER: &str = "[[requirement]]";
    let before = error.span().and_then(|span| text.get(..span.end));
    let Some(from) = before.and_then(|before| before.rfind(HEADER)) else { return String::new() };
    let lines = text[from + HEADER.len()..].lines().take_while(|line| !line.starts_with("[["));
    let values: Vec<toml::Table> = lines.filter_map(|line| toml::from_str(line).ok()).collect();
    let named = |key: &str| values.iter().find_map(|value| value.get(key)?.as_str());
    let name = named("id").or_else(|| named("title"));
    name.map(|name| format!("requirement '{name}': ")).unwrap_or_default()
}

/// Reads the requirements of a file. `file` is its name for messages.
///
/// # Errors
/// [`Error::Invalid`] with one line for each thing that is wrong, naming file, requirement, key and the way out.
pub fn parse(file: &str, text: &str) -> Result<Vec<Requirement>> {
    let refused = |e: toml::de::Error| Error::Invalid(toml_sentence(file, text, &e, &within(text, &e)));
    let raw: File = toml::from_str(text).map_err(refused)?;
    if raw.requirement.is_empty() {
        return Err(Error::invalid(format!(
            "{file} has no [[requirement]]: add one with id, title, course, audience and due"
        )));
    }
    let mut wrong = Vec::new();
    let mut read: Vec<Requirement> = Vec::new();
    for raw in raw.requirement {
        let place = format!("{file}: requirement '{}'", raw.id);
        if read.iter().any(|r| r.id == raw.id) {
            wrong.push(format!("{place}: id is there twice; give the second one another id"));
        }
        match requirement(raw) {
            Ok(requirement) => read.push(requirement),
            Err(faults) => wrong.extend(faults.into_iter().map(|fault| format!("{place}: {fault}"))),
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(Error::Invalid(wrong.join("\n"))) }
}

fn requirement(raw: Raw) -> std::result::Result<Requirement, Vec<String>> {
    let mut faults = Vec::new();
    if !is_id(&raw.id) {
        faults.push("id must be small letters, digits and hyphens, for example fire-safety".to_owned());
    }
    if raw.title.trim().is_empty() {
        faults.push("title is empty".into());
    }
    let audience = raw.audience.parse::<Rule>().map_err(|e| faults.push(format!("audience: {e}"))).ok();
    let due = due(&raw.due).map_err(|fault| faults.push(fault)).ok();
    let usual = Steps::default();
    let mut steps = Steps {
        remind_before: raw.remind_before.unwrap_or(usual.remind_before),
        remind_after: raw.remind_after.unwrap_or(usual.remind_after),
        end_after: raw.end_after.unwrap_or(usual.end_after),
        manager_after: raw.manager_after.unwrap_or(usual.manager_after),
        escalate_after: raw.escalate_after.unwrap_or(usual.escalate_after),
    };
    check_days("remind_before", &mut steps.remind_before, &mut faults);
    check_days("remind_after", &mut steps.remind_after, &mut faults);
    steps.remind_before.reverse();
    if steps.manager_after == 0 || steps.escalate_after <= steps.manager_after {
        faults.push("escalate_after must be more than manager_after, and both at least 1".into());
    }
    if steps.end_after > 3_660 || steps.escalate_after > 3_660 {
        faults.push("end_after and escalate_after are at most 3660 days".into());
    }
    let recertify = raw.recertify.and_then(|raw| raw.read(&mut faults));
    match (audience, due) {
        (Some(audience), Some(due)) if faults.is_empty() => Ok(Requirement {
            id: raw.id,
            title: raw.title.trim().to_owned(),
            course: raw.course.trim().to_owned(),
            audience,
            due,
            steps,
            recertify,
            active: raw.active,
            evidence: raw.evidence,
            attestation: raw.attestation,
        }),
        _ => Err(faults),
    }
}

/// Sorts days of reminders, and says what is wrong with them.
fn check_days(key: &str, days: &mut Vec<u32>, faults: &mut Vec<String>) {
    days.sort_unstable();
    days.dedup();
    if days.first() == Some(&0) {
        faults.push(format!("{key} has 0; days are counted from 1"));
    }
    if days.len() > 10 || days.last().is_some_and(|d| *d > 366) {
        faults.push(format!("{key} has at most 10 entries of at most 366 days"));
    }
}

fn due(raw: &RawDue) -> std::result::Result<Due, String> {
    let example = "write { days = 14, from = \"assigned\" }, from = \"hire\" or \"role\", or { date = 2026-12-18 }";
    match (raw.days, raw.from.as_deref(), &raw.date) {
        (Some(days), _, None) if days > 3_660 => Err(format!("due: {days} days is more than ten years")),
        (Some(days), None | Some("assigned"), None) => Ok(Due::AfterAssigned(days)),
        (Some(days), Some("hire"), None) => Ok(Due::AfterHire(days)),
        (Some(days), Some("role"), None) => Ok(Due::AfterRole(days)),
        (Some(_), Some(other), None) => Err(format!("due: from is '{other}'; {example}")),
        (None, None, Some(value)) => {
            let text =
                value.as_datetime().map_or_else(|| value.as_str().unwrap_or_default().to_owned(), ToString::to_string);
            parse_date(&text).map(Due::On).ok_or_else(|| format!("due: '{text}' is not a date like 2026-12-18"))
        }
        _ => Err(format!("due: {example}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(lines: &str) -> String {
        let text = format!("[[requirement]]\nid = \"fire\"\ntitle = \"Fire\"\ncourse = \"fire\"\n{lines}");
        parse("fire.toml", &text).unwrap_err().to_string()
    }

    #[test]
    fn the_sample_requirements_are_well_formed() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bot/demo/requirements");
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(parse(&path.display().to_string(), &text).unwrap().len(), 1);
        }
    }

    #[test]
    fn requirements_are_read_with_their_defaults_and_a_version() {
        let text =
            "[[requirement]]\nid = \"fire\"\ntitle = \"Fire\"\ncourse = \"f\"\naudience = \"country = \\\"US\\\"\"\n";
        let one = parse("x", &format!("{text}due = {{ days = 14, from = \"assigned\" }}")).unwrap().remove(0);
        assert_eq!(one.due, Due::AfterAssigned(14));
        assert_eq!(one.steps, Steps::default());
        let other =
            parse("x", &format!("{text}due = {{ date = 2026-12-18 }}\nremind_before = [1, 14, 7]")).unwrap().remove(0);
        assert_eq!(other.due, Due::On("2026-12-18".parse().unwrap()));
        assert_eq!(other.steps.remind_before, [14, 7, 1]);
        assert_ne!(one.version().unwrap(), other.version().unwrap());
        let stored: Requirement = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
        assert_eq!(stored, other);
        let renewed = format!("{text}due = {{ days = 14, from = \"role\" }}\nrecertify = {{ every = \"12 months\" }}");
        let renewed = parse("x", &renewed).unwrap().remove(0);
        assert_eq!(renewed.due, Due::AfterRole(14));
        let rule = renewed.recertify.clone().unwrap();
        assert_eq!((rule.window_days, rule.grace_days, rule.prior), (30, 0, Prior::Counts));
        assert_eq!(renewed.steps_of(true).remind_before, [30, 7, 1]);
        assert_eq!(renewed.steps_of(false).remind_before, [7, 1]);
        let stored: Requirement = serde_json::from_str(&serde_json::to_string(&renewed).unwrap()).unwrap();
        assert_eq!(stored, renewed);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_requirement_key_and_way_out() {
        let due = "due = { days = 14, from = \"assigned\" }";
        let all = format!("audience = \"everyone\"\n{due}\nrecertify = ");
        let cases = [
            (
                format!("audience = \"everyone\"\ndeu = 1\n{due}"),
                "fire.toml line 6: requirement 'fire': unknown field `deu`",
            ),
            (format!("audience = \"planet = 'Mars'\"\n{due}"), "fire.toml: requirement 'fire': audience:"),
            ("audience = \"everyone\"\ndue = { days = 3, from = \"birth\" }".into(), "due: from is 'birth'; write"),
            ("audience = \"everyone\"\ndue = { date = \"31.12.\" }".into(), "is not a date like 2026-12-18"),
            ("audience = \"everyone\"\ndue = { days = -3 }".into(), "fire.toml line 6: requirement 'fire': "),
            (format!("audience = \"everyone\"\nescalate_after = 2\n{due}"), "escalate_after must be more than"),
            (format!("audience = \"everyone\"\nremind_before = [0]\n{due}"), "remind_before has 0"),
            (format!("{all}{{ every = \"yearly\" }}"), "recertify: every: 'yearly' is not a length of time like"),
            (
                format!("{all}{{ every = \"2 weeks\" }}"),
                "window_days is 30; it must be at least 1, at most 366, and less than 2 weeks",
            ),
            (format!("{all}{{ every = \"1 year\", grace_days = 400 }}"), "recertify: grace_days is 400"),
            (
                format!("{all}{{ every = \"1 year\", prior = \"maybe\" }}"),
                "unknown variant `maybe`, expected `counts` or",
            ),
            (format!("{all}{{ every = \"1 year\", remind_before = [0] }}"), "recertify: remind_before has 0"),
            (
                format!("{all}{{ every = \"1 year\", windw = 3 }}"),
                "fire.toml line 7: requirement 'fire': unknown field `windw`",
            ),
        ];
        for (lines, expected) in cases {
            let said = wrong(&lines);
            assert!(said.contains(expected), "{said}");
        }
        // The first of two is fine, the second has no id, no title, or an end that is not there.
        let fine = format!("id = \"fire\"\ntitle = \"Fire\"\ncourse = \"fire\"\naudience = \"everyone\"\n{due}");
        for (second, expected) in [
            ("title = \"Water\"", "requirement 'Water': missing field `id`"),
            ("id = \"water\" # and more\ntitle = 3", "requirement 'water': invalid type: integer `3`"),
            ("id = \"water\"\ntitle = \"Water", "requirement 'water': "),
        ] {
            let text = format!("[[requirement]]\n{fine}\n\n[[requirement]]\n{second}\n");
            let said = parse("two.toml", &text).unwrap_err().to_string();
            assert!(said.contains(expected), "{said}");
        }
        assert!(parse("a.toml", "").unwrap_err().to_string().contains("has no [[requirement]]"));
    }
}
