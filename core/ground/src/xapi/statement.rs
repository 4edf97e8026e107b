//! A statement that has passed validation, and what can be asked of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::place::Place;
use super::validate::{self, Version};
use super::{format, json};
use crate::{Error, Instant, Result};

/// A valid statement. There is no other way to get one than to pass validation.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    pub(super) map: Map<String, Value>,
    pub(super) version: Version,
    // Worked out here, so that the transaction that stores it has less to do.
    digest: String,
    mentions: Mentions,
}

/// Which agents and activities a statement mentions, for the filters of `GET /statements`. The value says whether
/// the mention counts only with `related_agents` or `related_activities`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Agent keys, see [`agent_key`].
    pub agents: BTreeMap<String, bool>,
    /// Activity ids, see [`column_key`].
    pub activities: BTreeMap<String, bool>,
}

impl Statement {
    /// Reads one statement.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the place.
    pub fn parse(bytes: &[u8], version: Version) -> Result<Self> {
        Self::from_value(json::parse(bytes, "statement")?, version)
    }

    /// Reads one statement or an array of them.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the place; also when two statements have the same id.
    pub fn parse_all(bytes: &[u8], version: Version) -> Result<Vec<Self>> {
        let items = match json::parse(bytes, "statement")? {
            Value::Array(items) => items,
            one => return Ok(vec![Self::from_value(one, version)?]),
        };
        let root = Place::root("statement");
        let mut seen = BTreeMap::new();
        let mut all = Vec::with_capacity(items.len());
        for (i, item) in items.into_iter().enumerate() {
            let statement = Self::checked(&root.index(i), item, version)?;
            if let Some(first) = statement.id().and_then(|id| seen.insert(id, i)) {
                return Err(Error::invalid(format!("statement[{i}].id: statement[{first}] has the same id")));
            }
            all.push(statement);
        }
        Ok(all)
    }

    /// Takes a JSON value as a statement. (A value cannot hold a property twice.)
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the place.
    pub fn from_value(value: Value, version: Version) -> Result<Self> {
        Self::checked(&Place::root("statement"), value, version)
    }

    fn checked(place: &Place, value: Value, version: Version) -> Result<Self> {
        validate::statement(place, &value, version)?;
        let Value::Object(mut map) = value else {
            return Err(Error::invalid(format!("{place}: must be an object")));
        };
        arrays_of_activities(&mut map);
        let mut mentions = Mentions::default();
        mentions.of_part(&map, false);
        Ok(Self { digest: super::compare::digest(&map), mentions, map, version })
    }

    /// Its id in lower case, when it came with one.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.map.get("id").and_then(Value::as_str).map(str::to_ascii_lowercase)
    }

    /// This statement under an id, as `PUT` has it.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the id is no UUID, or the statement has another one.
    pub fn with_id(mut self, id: &str) -> Result<Self> {
        if format::uuid(id).is_err() {
            return Err(Error::invalid("statementId must be a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119"));
        }
        match self.id() {
            Some(own) if own != id.to_ascii_lowercase() => {
                return Err(Error::invalid(format!(
                    "statement.id: must be the statementId of the request, found '{own}'"
                )));
            }
            Some(_) => {}
            None => {
                self.map.insert("id".into(), id.into());
            }
        }
        Ok(self)
    }

    /// The verb's IRI.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.map["verb"]["id"].as_str().unwrap_or_default()
    }

    /// The actor as JSON.
    #[must_use]
    pub fn actor(&self) -> &Value {
        &self.map["actor"]
    }

    /// The object as JSON.
    #[must_use]
    pub fn object(&self) -> &Value {
        &self.map["object"]
    }

    /// When it happened, if it says so.
    #[must_use]
    pub fn timestamp(&self) -> Option<Instant> {
        self.map.get("timestamp").and_then(Value::as_str).and_then(|t| format::timestamp(t).ok())
    }

    /// The registration in lower case.
    #[must_use]
    pub fn registration(&self) -> Option<String> {
        self.map.get("context")?.get("registration")?.as_str().map(str::to_ascii_lowercase)
    }

    /// The id of the statement that its object refers to (a StatementRef).
    #[must_use]
    pub fn target(&self) -> Option<String> {
        let object = self.object();
        (object["objectType"] == "StatementRef").then(|| object["id"].as_str().unwrap_or_default().to_ascii_lowercase())
    }

    /// The id of the statement that it voids.
    #[must_use]
    pub fn voids(&self) -> Option<String> {
        if self.verb() == validate::VOIDED { self.target() } else { None }
    }

    /// The attachments' descriptions, of the statement and of a SubStatement in it.
    pub fn attachments(&self) -> impl Iterator<Item = &Value> {
        [self.map.get("attachments"), self.object().get("attachments")]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
    }

    /// The statement as JSON, as it was given; context activities are always arrays (2.4.6.2).
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.map.clone())
    }

    /// What it mentions; its authority is left out, because the store sets another one.
    #[must_use]
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// The activities that it defines: id and definition.
    #[must_use]
    pub fn definitions(&self) -> Vec<(&str, &Value)> {
        activities_of(&self.map)
            .into_iter()
            .filter_map(|activity| Some((activity["id"].as_str()?, activity.get("definition")?)))
            .collect()
    }

    /// The digest for comparing statements: two with the same one are the same statement (2.3.1), apart from their
    /// timestamps.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// All Activity objects in a statement: the object's, the context's, and those of a SubStatement.
fn activities_of(map: &Map<String, Value>) -> Vec<&Value> {
    let mut all = Vec::new();
    if let Some(object) = map.get("object") {
        match object.get("objectType").and_then(Value::as_str) {
            None | Some("Activity") => all.push(object),
            Some("SubStatement") => all.extend(object.as_object().into_iter().flat_map(activities_of)),
            Some(_) => {}
        }
    }
    let context = map.get("context").and_then(|c| c.get("contextActivities")).and_then(Value::as_object);
    all.extend(context.into_iter().flat_map(|c| c.values()).filter_map(Value::as_array).flatten());
    all
}

/// Turns a single context activity into an array of one (2.4.6.2).
fn arrays_of_activities(map: &mut Map<String, Value>) {
    if let Some(all) =
        map.get_mut("context").and_then(|c| c.get_mut("contextActivities")).and_then(Value::as_object_mut)
    {
        for value in all.values_mut().filter(|v| v.is_object()) {
            *value = Value::Array(vec![value.take()]);
        }
    }
    if let Some(Value::Object(object)) = map.get_mut("object")
        && object.get("objectType").is_some_and(|t| t == "SubStatement")
    {
        arrays_of_activities(object);
    }
}

impl Mentions {
    fn of_part(&mut self, map: &Map<String, Value>, related: bool) {
        if let Some(actor) = map.get("actor") {
            self.agent(actor, related);
        }
        if let Some(object) = map.get("object") {
            match object.get("objectType").and_then(Value::as_str) {
                None | Some("Activity") => self.activity(object, related),
                Some("Agent" | "Group") => self.agent(object, related),
                Some("SubStatement") => object.as_object().into_iter().for_each(|o| self.of_part(o, true)),
                Some(_) => {}
            }
        }
        let Some(context) = map.get("context") else { return };
        for who in ["instructor", "team"].into_iter().filter_map(|k| context.get(k)) {
            self.agent(who, true);
        }
        for (list, who) in [("contextAgents", "agent"), ("contextGroups", "group")] {
            let found = context.get(list).and_then(Value::as_array).into_iter().flatten();
            found.filter_map(|c| c.get(who)).for_each(|a| self.agent(a, true));
        }
        let activities = context.get("contextActivities").and_then(Value::as_object);
        for activity in activities.into_iter().flat_map(|a| a.values()).filter_map(Value::as_array).flatten() {
            self.activity(activity, true);
        }
    }

    fn agent(&mut self, who: &Value, related: bool) {
        let members = who.get("member").and_then(Value::as_array).into_iter().flatten();
        for key in std::iter::once(who).chain(members).filter_map(agent_key) {
            self.agents.entry(key).and_modify(|r| *r &= related).or_insert(related);
        }
    }

    fn activity(&mut self, activity: &Value, related: bool) {
        if let Some(id) = activity["id"].as_str() {
            let key = column_key(id).into_owned();
            self.activities.entry(key).and_modify(|r| *r &= related).or_insert(related);
        }
    }
}

/// The key under which an Agent or identified Group is found: its identifier in one spelling. Anonymous groups have
/// none. Two actors are the same exactly when their keys are (2.4.2.3).
#[must_use]
pub fn agent_key(who: &Value) -> Option<String> {
    let map = who.as_object()?;
    let kind = validate::identifiers(map).next()?;
    let value = identifier(kind, &map[kind]);
    Some(column_key(&json!({ kind: value }).to_string()).into_owned())
}

/// An identifier with what is case-insensitive in lower case.
pub(super) fn identifier(kind: &str, value: &Value) -> Value {
    match (kind, value.as_str()) {
        ("mbox", Some(mbox)) => mbox.rsplit_once('@').map_or_else(
            || value.clone(),
            |(local, domain)| Value::String(format!("{local}@{}", domain.to_lowercase())),
        ),
        ("mbox_sha1sum", Some(sum)) => Value::String(sum.to_ascii_lowercase()),
        _ => value.clone(),
    }
}

/// Text as a key column holds it: itself, or its SHA-256 digest when it is too long for an index of every engine.
#[must_use]
pub fn column_key(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1000;
    if text.len() <= LONGEST && !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("sha256:{}", crate::sha256(text)))
}
