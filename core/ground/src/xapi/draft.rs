//! What a feature says happened, before it is a statement: who did what to which activity, with what outcome.

use serde_json::{Map, Value};

use super::vocabulary::{ActivityType, Iri, Verb};
use crate::Instant;
use crate::people::Person;

/// Who did it.
#[derive(Clone, Debug, PartialEq)]
pub enum Actor {
    /// A person of the organisation, under their stable employee id.
    Person {
        /// The employee id.
        employee_id: String,
        /// The display name.
        name: String,
    },
    /// Several people together, without an identity of their own.
    Group {
        /// For example the team's name.
        name: Option<String>,
        /// Persons, at least one.
        members: Vec<Actor>,
    },
    /// Several people together under an identity of their own, for example a discussion.
    Named {
        /// The name of the group's account under the organisation's IRI, for example `discussion/3f…`.
        id: String,
        /// Shown name.
        name: Option<String>,
        /// Those of its members who may be named; may be empty.
        members: Vec<Actor>,
    },
    /// Stoa itself, for what nobody in particular did.
    Stoa,
}

impl From<&Person> for Actor {
    fn from(person: &Person) -> Self {
        Self::Person { employee_id: person.employee_id.clone(), name: person.name.clone() }
    }
}

impl Actor {
    /// These people as one actor.
    pub fn group<'a>(name: impl Into<Option<String>>, people: impl IntoIterator<Item = &'a Person>) -> Self {
        Self::Group { name: name.into(), members: people.into_iter().map(Self::from).collect() }
    }
}

/// An activity: something that people learn with, talk about or work on.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub(super) id: ActivityId,
    pub(super) definition: Map<String, Value>,
    pub(super) kind: ActivityType,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ActivityId {
    /// Path segments under the organisation's IRI.
    Own(Vec<String>),
    Elsewhere(String),
}

impl Activity {
    /// An activity of the organisation. The path becomes its id, for example `["course", "fire-safety"]`; segments
    /// may hold any text.
    #[must_use]
    pub fn new<S: AsRef<str>>(kind: ActivityType, path: &[S]) -> Self {
        let id = ActivityId::Own(path.iter().map(|s| s.as_ref().to_owned()).collect());
        Self { id, definition: Map::new(), kind }
    }

    /// An activity that has an IRI of its own, for example a web page.
    #[must_use]
    pub fn elsewhere(kind: ActivityType, iri: impl Into<String>) -> Self {
        Self { id: ActivityId::Elsewhere(iri.into()), definition: Map::new(), kind }
    }

    /// Its name in a language (BCP 47 tag).
    #[must_use]
    pub fn name(self, language: &str, text: &str) -> Self {
        self.text("name", language, text)
    }

    /// Its description in a language (BCP 47 tag).
    #[must_use]
    pub fn description(self, language: &str, text: &str) -> Self {
        self.text("description", language, text)
    }

    fn text(mut self, key: &str, language: &str, text: &str) -> Self {
        let map = self.definition.entry(key).or_insert_with(|| Value::Object(Map::new()));
        map[language] = text.into();
        self
    }

    /// Where people can read more (an IRL).
    #[must_use]
    pub fn more_info(mut self, irl: &str) -> Self {
        self.definition.insert("moreInfo".into(), irl.into());
        self
    }

    /// Makes it a question with choices: ids and English texts, and the ids of the correct ones.
    #[must_use]
    pub fn choices<'a>(mut self, choices: impl IntoIterator<Item = (&'a str, &'a str)>, correct: &[&str]) -> Self {
        let choices: Vec<Value> =
            choices.into_iter().map(|(id, text)| serde_json::json!({"id": id, "description": {"en": text}})).collect();
        self.definition.insert("interactionType".into(), "choice".into());
        self.definition.insert("choices".into(), choices.into());
        self.definition.insert("correctResponsesPattern".into(), vec![correct.join("[,]")].into());
        self
    }
}

pub(super) enum Object {
    Activity(Activity),
    Actor(Actor),
    Statement(String),
}

/// The result of what happened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// From -1 to 1.
    pub scaled: Option<f64>,
    /// As counted, with the least and the greatest possible.
    pub raw: Option<(f64, f64, f64)>,
    /// Whether it succeeded.
    pub success: Option<bool>,
    /// Whether it was completed.
    pub completion: Option<bool>,
    /// What was answered.
    pub response: Option<String>,
    /// How long it took, in microseconds.
    pub duration: Option<i64>,
}

/// A statement in the making. [`super::Emitter::emit`] makes it valid and stores it.
pub struct StatementDraft {
    pub(super) actor: Actor,
    pub(super) verb: Verb,
    pub(super) object: Object,
    pub(super) outcome: Outcome,
    pub(super) result_extensions: Vec<(Iri, Value)>,
    pub(super) registration: Option<uuid::Uuid>,
    pub(super) platform: Option<String>,
    pub(super) language: Option<String>,
    pub(super) revision: Option<String>,
    pub(super) instructor: Option<Actor>,
    pub(super) team: Option<Actor>,
    pub(super) statement: Option<String>,
    pub(super) activities: Vec<(&'static str, Activity)>,
    pub(super) context_extensions: Vec<(Iri, Value)>,
    pub(super) at: Option<Instant>,
}

impl StatementDraft {
    fn with(actor: impl Into<Actor>, verb: Verb, object: Object) -> Self {
        Self {
            actor: actor.into(),
            verb,
            object,
            outcome: Outcome::default(),
            result_extensions: Vec::new(),
            registration: None,
            platform: None,
            language: None,
            revision: None,
            instructor: None,
            team: None,
            statement: None,
            activities: Vec::new(),
            context_extensions: Vec::new(),
            at: None,
        }
    }

    /// Somebody did something to an activity.
    #[must_use]
    pub fn new(actor: impl Into<Actor>, verb: Verb, activity: Activity) -> Self {
        Self::with(actor, verb, Object::Activity(activity))
    }

    /// Somebody did something to a person or group, for example mentored them.
    #[must_use]
    pub fn to_actor(actor: impl Into<Actor>, verb: Verb, object: impl Into<Actor>) -> Self {
        Self::with(actor, verb, Object::Actor(object.into()))
    }

    /// Somebody did something about another statement, for example confirmed it.
    #[must_use]
    pub fn to_statement(actor: impl Into<Actor>, verb: Verb, statement_id: impl Into<String>) -> Self {
        Self::with(actor, verb, Object::Statement(statement_id.into()))
    }

    /// The result.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The response alone, for example the text of a comment.
    #[must_use]
    pub fn response(mut self, text: impl Into<String>) -> Self {
        self.outcome.response = Some(text.into());
        self
    }

    /// A result extension.
    #[must_use]
    pub fn result_extension(mut self, key: Iri, value: impl Into<Value>) -> Self {
        self.result_extensions.push((key, value.into()));
        self
    }

    /// The registration: what holds the statements of one attempt or assignment together.
    #[must_use]
    pub fn registration(mut self, id: uuid::Uuid) -> Self {
        self.registration = Some(id);
        self
    }

    /// Where it happened, for example `Slack`. The standard allows this only where the object is an activity;
    /// elsewhere it is left out.
    #[must_use]
    pub fn platform(mut self, name: impl Into<String>) -> Self {
        self.platform = Some(name.into());
        self
    }

    /// The language (BCP 47 tag) in which it happened.
    #[must_use]
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.language = Some(tag.into());
        self
    }

    /// The revision of the activity, for example a course's version. Left out where the object is no activity.
    #[must_use]
    pub fn revision(mut self, text: impl Into<String>) -> Self {
        self.revision = Some(text.into());
        self
    }

    /// Who taught, assigned or confirmed.
    #[must_use]
    pub fn instructor(mut self, who: impl Into<Actor>) -> Self {
        self.instructor = Some(who.into());
        self
    }

    /// The team in which it happened; must be [`Actor::Group`].
    #[must_use]
    pub fn team(mut self, group: Actor) -> Self {
        self.team = Some(group);
        self
    }

    /// Another statement as context.
    #[must_use]
    pub fn about(mut self, statement_id: impl Into<String>) -> Self {
        self.statement = Some(statement_id.into());
        self
    }

    /// What the object is directly a part of: the quiz of a question.
    #[must_use]
    pub fn parent(self, activity: Activity) -> Self {
        self.context_activity("parent", activity)
    }

    /// What the object is indirectly a part of: the course of a question.
    #[must_use]
    pub fn grouping(self, activity: Activity) -> Self {
        self.context_activity("grouping", activity)
    }

    /// What kind of statement it is: tags, profiles.
    #[must_use]
    pub fn category(self, activity: Activity) -> Self {
        self.context_activity("category", activity)
    }

    /// What else it has to do with.
    #[must_use]
    pub fn other(self, activity: Activity) -> Self {
        self.context_activity("other", activity)
    }

    fn context_activity(mut self, kind: &'static str, activity: Activity) -> Self {
        self.activities.push((kind, activity));
        self
    }

    /// A context extension.
    #[must_use]
    pub fn extension(mut self, key: Iri, value: impl Into<Value>) -> Self {
        self.context_extensions.push((key, value.into()));
        self
    }

    /// When it happened, when that is not now.
    #[must_use]
    pub fn at(mut self, when: Instant) -> Self {
        self.at = Some(when);
        self
    }
}
