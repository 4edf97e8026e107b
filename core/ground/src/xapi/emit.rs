//! From draft to stored statement, in the caller's transaction.

use serde_json::{Map, Value, json};

use super::draft::{Activity, ActivityId, Actor, Object, Outcome, StatementDraft};
use super::format;
use super::statement::Statement;
use super::store::{self, Authority};
use super::validate::Version;
use super::vocabulary::{self, ActivityType, Iri, Verb, extension};
use crate::{Error, Instant, Result, Tx};

/// Emits our own statements. Made once from the configuration, shared by all features.
#[derive(Clone, Debug)]
pub struct Emitter {
    organisation: String,
    authority: Authority,
    silent: bool,
}

impl Emitter {
    /// An emitter for the organisation's IRI (`[organisation] iri`).
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not an http or https IRI without query and fragment.
    pub fn new(organisation_iri: &str) -> Result<Self> {
        let organisation = organisation_iri.trim_end_matches('/');
        let web = organisation.starts_with("https://") || organisation.starts_with("http://");
        if format::iri(organisation).is_err() || !web || organisation.contains(['?', '#']) || organisation.len() > 500 {
            return Err(Error::invalid(format!(
                "[organisation] iri must be an address such as https://learning.example.org, found '{organisation_iri}'"
            )));
        }
        let mut authority = Authority::account(&format!("{organisation}/lrs"), "stoa", "Stoa");
        (authority.may_define, authority.may_void_any) = (true, true);
        Ok(Self { organisation: organisation.to_owned(), authority, silent: false })
    }

    /// The same emitter for a simulation: statements get an id and are not stored.
    #[must_use]
    pub fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    /// The organisation's IRI without a slash at the end: the `homePage` of people's accounts.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.organisation
    }

    /// The `homePage` of the accounts that stand for credentials of the Learning Record Store.
    #[must_use]
    pub fn credentials_home(&self) -> String {
        format!("{}/lrs", self.organisation)
    }

    /// The authority of what Stoa says itself, as in [`Authority::key`].
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.key()
    }

    /// The id of an activity of the organisation, with every segment percent-encoded.
    #[must_use]
    pub fn activity_id<S: AsRef<str>>(&self, path: &[S]) -> String {
        let mut id = self.organisation.clone();
        for segment in path {
            id.push('/');
            for byte in segment.as_ref().bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => id.push(char::from(byte)),
                    // A segment of dots alone would be taken as "this folder" or "the folder above".
                    b'.' if segment.as_ref().bytes().any(|b| b != b'.') => id.push('.'),
                    _ => id.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        id
    }

    /// The IRI of a verb.
    #[must_use]
    pub fn verb(&self, verb: Verb) -> String {
        self.iri(verb.iri, "verbs")
    }

    /// The IRI of an activity type.
    #[must_use]
    pub fn activity_type(&self, kind: ActivityType) -> String {
        self.iri(kind.0, "activity-types")
    }

    fn iri(&self, iri: Iri, kind: &str) -> String {
        match iri {
            Iri::Known(known) => known.to_owned(),
            Iri::Own(path) => self.activity_id(&["xapi", kind, path]),
        }
    }

    /// Stores a statement in the caller's transaction and gives its id. Its timestamp is now, unless the draft says
    /// otherwise.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the draft cannot be a valid statement, which is a mistake in the feature; the database's
    /// error.
    pub async fn emit(&self, tx: &Tx, draft: StatementDraft) -> Result<String> {
        let id = tx.clock().id();
        if self.silent {
            return Ok(id.to_string());
        }
        let statement = self.statement(&draft, id, draft.at.unwrap_or_else(|| tx.now()))?;
        let ids = store::insert(tx, &[statement], &self.authority).await?;
        ids.into_iter().next().ok_or_else(|| Error::invalid("the statement was not stored"))
    }

    /// As [`emit`](Self::emit) for several statements at once, with few statements of SQL.
    ///
    /// # Errors
    /// As [`Emitter::emit`].
    pub async fn emit_all(&self, tx: &Tx, drafts: &[StatementDraft]) -> Result<()> {
        if self.silent {
            return Ok(());
        }
        let mut statements = Vec::with_capacity(drafts.len());
        for draft in drafts {
            statements.push(self.statement(draft, tx.clock().id(), draft.at.unwrap_or_else(|| tx.now()))?);
        }
        store::insert(tx, &statements, &self.authority).await?;
        Ok(())
    }

    /// Stores one statement for a group of people and one for each of them (R8). `draft` makes a statement for an
    /// actor: it is called with the group first, then with each member. Gives the ids in this order; the members'
    /// statements have the group's as context, unless the draft says otherwise.
    ///
    /// # Errors
    /// As [`Emitter::emit`]; also when the actor is not a group.
    pub async fn emit_for_group(
        &self,
        tx: &Tx,
        group: &Actor,
        draft: impl Fn(Actor) -> StatementDraft,
    ) -> Result<Vec<String>> {
        let Actor::Group { members, .. } = group else {
            return Err(Error::invalid("a group statement needs a group as actor"));
        };
        let whole = self.emit(tx, draft(group.clone())).await?;
        let mut ids = vec![whole.clone()];
        for member in members {
            let mut one = draft(member.clone());
            one.statement.get_or_insert_with(|| whole.clone());
            ids.push(self.emit(tx, one).await?);
        }
        Ok(ids)
    }

    /// Voids a statement: it stays, and counts no more. Gives the id of the voiding statement; a statement that is
    /// voided already keeps the voiding statement that it has.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such statement, [`Error::Conflict`] when it is itself a voiding one.
    pub async fn void(&self, tx: &Tx, statement_id: &str, by: impl Into<Actor>, reason: &str) -> Result<String> {
        let Some(target) = store::get(tx, statement_id).await? else {
            return Err(Error::NotFound(format!("statement {statement_id}")));
        };
        if target.voided
            && let Some(id) = store::voided_by(tx, &statement_id.to_ascii_lowercase()).await?
        {
            return Ok(id);
        }
        let verb = serde_json::from_str::<Value>(&target.body)?["verb"]["id"].take();
        if verb == self.verb(vocabulary::VOIDED) {
            return Err(Error::Conflict(format!("statement {statement_id} voids another and cannot be voided itself")));
        }
        let mut draft = StatementDraft::to_statement(by.into(), vocabulary::VOIDED, statement_id);
        if !reason.is_empty() {
            draft = draft.result_extension(extension::REASON, reason);
        }
        self.emit(tx, draft).await
    }

    /// The draft as a valid statement.
    fn statement(&self, draft: &StatementDraft, id: uuid::Uuid, at: Instant) -> Result<Statement> {
        let mut whole = json!({
            "id": id.to_string(),
            "actor": self.actor(&draft.actor),
            "verb": {"id": self.verb(draft.verb), "display": {"en": draft.verb.display}},
            "object": match &draft.object {
                Object::Activity(activity) => self.activity(activity),
                Object::Actor(actor) => self.actor(actor),
                Object::Statement(id) => reference(id),
            },
            "timestamp": at.rfc3339(),
        });
        for (key, value) in [("result", self.result(draft)), ("context", self.context(draft))] {
            if !value.is_empty() {
                whole[key] = Value::Object(value);
            }
        }
        Statement::from_value(whole, Version::V1_0)
    }

    fn actor(&self, actor: &Actor) -> Value {
        match actor {
            Actor::Person { employee_id, name } => {
                let mut agent = json!({
                    "objectType": "Agent",
                    "account": {"homePage": &self.organisation, "name": employee_id},
                });
                if !name.is_empty() {
                    agent["name"] = name.as_str().into();
                }
                agent
            }
            Actor::Group { name, members } => {
                let members: Vec<Value> = members.iter().map(|m| self.actor(m)).collect();
                let mut group = json!({"objectType": "Group", "member": members});
                if let Some(name) = name {
                    group["name"] = name.as_str().into();
                }
                group
            }
            Actor::Named { id, name, members } => {
                let members: Vec<Value> = members.iter().map(|m| self.actor(m)).collect();
                let mut group = json!({
                    "objectType": "Group",
                    "account": {"homePage": &self.organisation, "name": id},
                });
                group.as_object_mut().into_iter().for_each(|g| {
                    g.extend(name.as_ref().map(|n| ("name".to_owned(), n.as_str().into())));
                    g.extend((!members.is_empty()).then(|| ("member".to_owned(), members.clone().into())));
                });
                group
            }
            Actor::Stoa => json!({
                "objectType": "Agent",
                "name": "Stoa",
                "account": {"homePage": self.credentials_home(), "name": "stoa"},
            }),
        }
    }

    fn activity(&self, activity: &Activity) -> Value {
        let id = match &activity.id {
            ActivityId::Own(path) => self.activity_id(path),
            ActivityId::Elsewhere(iri) => iri.clone(),
        };
        let mut definition = activity.definition.clone();
        definition.insert("type".into(), self.activity_type(activity.kind).into());
        json!({"objectType": "Activity", "id": id, "definition": definition})
    }

    fn result(&self, draft: &StatementDraft) -> Map<String, Value> {
        let Outcome { scaled, raw, success, completion, response, duration } = &draft.outcome;
        let mut score = Map::new();
        score.extend(scaled.map(|s| ("scaled".to_owned(), s.into())));
        if let Some((raw, min, max)) = *raw {
            score.extend([("raw", raw), ("min", min), ("max", max)].map(|(k, v)| (k.to_owned(), v.into())));
        }
        let mut result = Map::new();
        if !score.is_empty() {
            result.insert("score".into(), score.into());
        }
        result.extend(success.map(|s| ("success".to_owned(), s.into())));
        result.extend(completion.map(|c| ("completion".to_owned(), c.into())));
        result.extend(response.as_ref().map(|r| ("response".to_owned(), r.as_str().into())));
        result.extend(duration.map(|d| ("duration".to_owned(), iso_duration(d).into())));
        self.add_extensions(&mut result, &draft.result_extensions);
        result
    }

    fn context(&self, draft: &StatementDraft) -> Map<String, Value> {
        let about_activity = matches!(draft.object, Object::Activity(_));
        let mut context = Map::new();
        let texts = [
            ("registration", draft.registration.map(|id| id.to_string())),
            ("platform", draft.platform.clone().filter(|_| about_activity)),
            ("revision", draft.revision.clone().filter(|_| about_activity)),
            ("language", draft.language.clone()),
        ];
        context.extend(texts.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?.into()))));
        for (key, who) in [("instructor", &draft.instructor), ("team", &draft.team)] {
            context.extend(who.as_ref().map(|w| (key.to_owned(), self.actor(w))));
        }
        context.extend(draft.statement.as_ref().map(|id| ("statement".to_owned(), reference(id))));
        let mut activities = Map::new();
        let profile = Activity::new(vocabulary::PROFILE, &["xapi", "profile"]).name("en", "Stoa");
        for (kind, activity) in draft.activities.iter().chain([&("category", profile)]) {
            let list = activities.entry(*kind).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|l| l.push(self.activity(activity)));
        }
        context.insert("contextActivities".into(), activities.into());
        self.add_extensions(&mut context, &draft.context_extensions);
        context
    }

    fn add_extensions(&self, to: &mut Map<String, Value>, extensions: &[(Iri, Value)]) {
        if !extensions.is_empty() {
            let map: Map<_, _> = extensions.iter().map(|(k, v)| (self.iri(*k, "extensions"), v.clone())).collect();
            to.insert("extensions".into(), map.into());
        }
    }
}

fn reference(id: &str) -> Value {
    json!({"objectType": "StatementRef", "id": id})
}

/// Microseconds as an ISO 8601 duration in seconds with at most two decimals.
fn iso_duration(micros: i64) -> String {
    let hundredths = micros.max(0) / 10_000;
    match (hundredths / 100, hundredths % 100) {
        (seconds, 0) => format!("PT{seconds}S"),
        (seconds, rest) => format!("PT{seconds}.{rest:02}S"),
    }
}

#[cfg(test)]
mod tests;
