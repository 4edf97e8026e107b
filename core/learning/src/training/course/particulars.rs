//! What belongs to a course and not to its content: who teaches it, how soon they answer, since when it is given, and which
//! completions elsewhere count. A change of it makes no new version; it is a record of the ledger all the same.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stoa_ground::people::{self, Person, Status};
use stoa_ground::xapi::vocabulary::{COMPLETED, Iri, MASTERED, PASSED};
use stoa_ground::{Conn, Result};

/// The longest qualification, provider, source or address, in characters.
const MAX_TEXT: usize = 500;
/// The most trainers, and the most rules, of one course.
const MAX_ENTRIES: usize = 50;
/// Business days in which a trainer answers when the course says nothing (8 CCR 214.4).
const USUAL_DAYS: u32 = 2;

/// What belongs to a course and not to its content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Particulars {
    /// Who teaches it, in the order in which they are asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trainers: Vec<Trainer>,
    /// Business days in which a trainer answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_days: Option<u32>,
    /// Who gives the course, as evidence has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The first day on which it was given, also elsewhere. Without it, the day on which it came into the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// Statements of other systems that complete it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub completed_by: Vec<Mapping>,
}

/// Somebody who teaches a course, or a group of people who do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trainer {
    /// An employee id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// A group of the roster, for example a department.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Why they may teach it.
    pub qualification: String,
}

/// Which statements of another system complete the course.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The key of the Learning Record Store with which the other system writes.
    pub source: String,
    /// The activity's id; a `*` at its end stands for whatever follows.
    pub activity: String,
    /// `completed`, `passed`, `mastered`, or the IRI of a verb.
    #[serde(default = "completed")]
    pub verb: String,
    /// The least scaled score, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_score: Option<f64>,
}

fn completed() -> String {
    "completed".into()
}

impl Mapping {
    /// The verb's IRI.
    #[must_use]
    pub fn verb_iri(&self) -> &str {
        let verb = match self.verb.as_str() {
            "completed" => COMPLETED,
            "passed" => PASSED,
            "mastered" => MASTERED,
            iri => return iri,
        };
        match verb.iri {
            Iri::Known(iri) | Iri::Own(iri) => iri,
        }
    }

    /// Whether it means this activity. Published vocabularies write http and https for the same thing.
    #[must_use]
    pub fn means(&self, activity: &str) -> bool {
        let bare = |iri: &str| iri.strip_prefix("https://").or(iri.strip_prefix("http://")).unwrap_or(iri).to_owned();
        let (wanted, given) = (bare(&self.activity), bare(activity));
        match wanted.strip_suffix('*') {
            Some(prefix) => given.starts_with(prefix),
            None => given == wanted,
        }
    }

    /// Whether it means this verb.
    #[must_use]
    pub fn says(&self, verb: &str) -> bool {
        let bare = |iri: &str| iri.strip_prefix("https://").or(iri.strip_prefix("http://")).unwrap_or(iri).to_owned();
        bare(self.verb_iri()) == bare(verb)
    }
}

impl Particulars {
    /// Business days in which a trainer answers.
    #[must_use]
    pub fn days(&self) -> u32 {
        self.answer_days.unwrap_or(USUAL_DAYS)
    }

    /// What is wrong with them, each as "key …".
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let long = |text: &str| text.chars().count() > MAX_TEXT;
        if self.trainers.len() > MAX_ENTRIES || self.completed_by.len() > MAX_ENTRIES {
            faults.push(format!("trainer and completed_by have at most {MAX_ENTRIES} entries each"));
        }
        for (n, trainer) in (1..).zip(&self.trainers) {
            if trainer.person.is_some() == trainer.group.is_some() {
                faults.push(format!("trainer {n}: write either person (an employee id) or group"));
            }
            if trainer.qualification.is_empty() || long(&trainer.qualification) {
                faults.push(format!(
                    "trainer {n}: qualification says in up to {MAX_TEXT} characters why they may teach it"
                ));
            }
        }
        if self.answer_days.is_some_and(|days| !(1..=10).contains(&days)) {
            faults.push("answer_days is 1 to 10 business days".into());
        }
        if self.provider.as_deref().is_some_and(long) {
            faults.push(format!("provider has at most {MAX_TEXT} characters"));
        }
        for (n, rule) in (1..).zip(&self.completed_by) {
            let star = rule.activity.trim_end_matches('*');
            let is_iri = |text: &str| stoa_ground::xapi::iri(text).is_ok() && !long(text);
            if rule.source.is_empty() || rule.source == "stoa" {
                faults.push(format!("completed_by {n}: source is the key with which the other system writes"));
            }
            if star.contains('*') || rule.activity.len() - star.len() > 1 || !is_iri(star) {
                faults.push(format!(
                    "completed_by {n}: activity is an address such as https://lms.example.org/fire or, with a * at its end, the \
                     beginning of one"
                ));
            }
            if !is_iri(rule.verb_iri()) {
                faults.push(format!("completed_by {n}: verb is completed, passed, mastered or an address"));
            }
            if rule.min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
                faults.push(format!("completed_by {n}: min_score is a share from 0 to 1"));
            }
        }
        faults
    }

    /// Trainers whom nobody on the roster is, as sentences.
    ///
    /// # Errors
    /// The database's error.
    pub(super) async fn unknown(&self, conn: &Conn) -> Result<Vec<String>> {
        let mut unknown = Vec::new();
        for id in self.trainers.iter().filter_map(|t| t.person.as_ref()) {
            if people::by_employee_id(conn, id).await?.is_none() {
                unknown.push(format!("nobody has the employee id '{id}', so questions pass this trainer over"));
            }
        }
        Ok(unknown)
    }

    /// The trainers who work here, in the order in which they are asked, each once, with their qualification.
    ///
    /// # Errors
    /// The database's error.
    pub async fn people(&self, conn: &Conn) -> Result<Vec<(Person, String)>> {
        let mut found: Vec<(Person, String)> = Vec::new();
        for trainer in &self.trainers {
            let some = match (&trainer.person, &trainer.group) {
                (Some(id), _) => people::by_employee_id(conn, id).await?.into_iter().collect(),
                (None, Some(group)) => people::in_group(conn, group).await?,
                (None, None) => Vec::new(),
            };
            for person in some.into_iter().filter(|p| p.status != Status::Left) {
                if found.iter().all(|(p, _)| p.id != person.id) {
                    found.push((person, trainer.qualification.clone()));
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(activity: &str, verb: &str) -> Mapping {
        Mapping { source: "lms".into(), activity: activity.into(), verb: verb.into(), min_score: None }
    }

    #[test]
    fn a_rule_means_an_activity_or_all_that_begin_like_it() {
        let one = rule("https://lms.example.org/fire", "completed");
        assert!(one.means("https://lms.example.org/fire") && one.means("http://lms.example.org/fire"));
        assert!(!one.means("https://lms.example.org/fire/2") && !one.means("https://lms.example.org/fir"));
        let all = rule("https://lms.example.org/fire*", "passed");
        assert!(all.means("https://lms.example.org/fire/2") && !all.means("https://evil.example/lms.example.org/fire"));
        assert!(one.says("http://adlnet.gov/expapi/verbs/completed"));
        assert!(one.says("https://adlnet.gov/expapi/verbs/completed"));
        assert!(!one.says("http://adlnet.gov/expapi/verbs/passed"));
    }

    #[test]
    fn what_is_wrong_is_said_by_its_key() {
        let trainer = |person: Option<&str>, group: Option<&str>, qualification: &str| Trainer {
            person: person.map(str::to_owned),
            group: group.map(str::to_owned),
            qualification: qualification.into(),
        };
        let wrong = Particulars {
            trainers: vec![trainer(None, None, "x"), trainer(Some("a"), Some("b"), "x"), trainer(Some("a"), None, "")],
            answer_days: Some(0),
            completed_by: vec![rule("fire", "did"), rule("https://a.example/*/b*", "passed")],
            ..Particulars::default()
        };
        insta::assert_snapshot!(wrong.faults().join("\n"), @r"
        trainer 1: write either person (an employee id) or group
        trainer 2: write either person (an employee id) or group
        trainer 3: qualification says in up to 500 characters why they may teach it
        answer_days is 1 to 10 business days
        completed_by 1: activity is an address such as https://lms.example.org/fire or, with a * at its end, the beginning of one
        completed_by 1: verb is completed, passed, mastered or an address
        completed_by 2: activity is an address such as https://lms.example.org/fire or, with a * at its end, the beginning of one
        ");
        assert_eq!(Particulars::default().faults(), Vec::<String>::new());
    }
}
