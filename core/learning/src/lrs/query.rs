//! The parameters of `GET /statements` (xAPI 1.0.3 part three, 2.1.3).

use stoa_ground::xapi::{self, agent_key, column_key};
use stoa_ground::{Error, Instant, Result};

use super::format::Format;

/// What a `GET` asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// One statement by its id.
    One(One),
    /// All that match.
    Many(Query),
}

/// `statementId` or `voidedStatementId`.
#[derive(Clone, Debug, PartialEq)]
pub struct One {
    /// The id in lower case.
    pub id: String,
    /// Whether a voided statement is asked for.
    pub voided: bool,
    /// How it is given out.
    pub format: Format,
    /// Whether attachments are asked for.
    pub attachments: bool,
}

/// The filters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The agent's key, see [`xapi::agent_key`].
    pub agent: Option<String>,
    /// The verb's IRI.
    pub verb: Option<String>,
    /// The activity's id.
    pub activity: Option<String>,
    /// The registration in lower case.
    pub registration: Option<String>,
    /// Whether an activity anywhere in the statement counts.
    pub related_activities: bool,
    /// Whether an agent anywhere in the statement counts.
    pub related_agents: bool,
    /// Only what was stored after this.
    pub since: Option<Instant>,
    /// Only what was stored at or before this.
    pub until: Option<Instant>,
    /// At most so many; 0 for as many as the server gives.
    pub limit: usize,
    /// How they are given out.
    pub format: Format,
    /// Oldest first.
    pub ascending: bool,
    /// Whether attachments are asked for.
    pub attachments: bool,
    /// Where the page before ended. Ours, for `more`; not in the standard.
    pub cursor: Option<i64>,
    /// The parameters as they came, for `more`.
    pub given: Vec<(String, String)>,
}

impl Request {
    /// Reads the parameters.
    ///
    /// # Errors
    /// [`Error::Invalid`] when one is unknown, appears twice, has a wrong value, or does not go with another.
    pub fn parse(pairs: &[(String, String)]) -> Result<Self> {
        for (i, (name, _)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(n, _)| n == name) {
                return Err(Error::invalid(format!("the parameter '{name}' appears twice")));
            }
        }
        let find = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        match (find("statementId"), find("voidedStatementId")) {
            (Some(_), Some(_)) => {
                Err(Error::invalid("statementId and voidedStatementId cannot be used together: ask for one of them"))
            }
            (None, None) => Query::parse(pairs).map(Self::Many),
            (id, voided) => One::parse(id.or(voided).unwrap_or_default(), voided.is_some(), pairs).map(Self::One),
        }
    }
}

impl One {
    fn parse(id: &str, voided: bool, pairs: &[(String, String)]) -> Result<Self> {
        let name = if voided { "voidedStatementId" } else { "statementId" };
        let mut one = Self { id: uuid(name, id)?, voided, format: Format::default(), attachments: false };
        for (key, value) in pairs {
            match key.as_str() {
                "statementId" | "voidedStatementId" => {}
                "format" => one.format = value.parse()?,
                "attachments" => one.attachments = boolean(key, value)?,
                _ => {
                    return Err(Error::invalid(format!(
                        "the parameter '{key}' cannot be used with {name}; only format and attachments can"
                    )));
                }
            }
        }
        Ok(one)
    }
}

impl Query {
    fn parse(pairs: &[(String, String)]) -> Result<Self> {
        let mut query = Self { given: pairs.to_vec(), ..Self::default() };
        for (name, value) in pairs {
            match name.as_str() {
                "agent" => query.agent = agent_key(&xapi::parse_agent(value, "agent")?),
                "verb" => query.verb = Some(iri(name, value)?),
                "activity" => query.activity = Some(iri(name, value)?),
                "registration" => query.registration = Some(uuid(name, value)?),
                "related_activities" => query.related_activities = boolean(name, value)?,
                "related_agents" => query.related_agents = boolean(name, value)?,
                "since" => query.since = Some(time(name, value)?),
                "until" => query.until = Some(time(name, value)?),
                "limit" => query.limit = number(name, value)?,
                "format" => query.format = value.parse()?,
                "ascending" => query.ascending = boolean(name, value)?,
                "attachments" => query.attachments = boolean(name, value)?,
                "cursor" => query.cursor = Some(number(name, value)?),
                _ => {
                    return Err(Error::invalid(format!(
                        "the parameter '{name}' is not known; names are case-sensitive"
                    )));
                }
            }
        }
        Ok(query)
    }

    /// The parameters of the next page.
    #[must_use]
    pub fn next(&self, cursor: i64) -> Vec<(String, String)> {
        let mut pairs = self.given.clone();
        pairs.retain(|(name, _)| name != "cursor");
        pairs.push(("cursor".into(), cursor.to_string()));
        pairs
    }
}

fn wrong<T>(name: &str, wanted: &str, value: &str) -> Result<T> {
    let shown: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(Error::invalid(format!("the parameter '{name}' must be {wanted}, found '{shown}'")))
}

fn boolean(name: &str, value: &str) -> Result<bool> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => wrong(name, "true or false", value),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    value.parse().ok().filter(|_| digits).map_or_else(|| wrong(name, "a whole number, 0 or more", value), Ok)
}

fn iri(name: &str, value: &str) -> Result<String> {
    xapi::iri(value).or_else(|wanted| wrong(name, wanted, value))?;
    Ok(column_key(value).into_owned())
}

fn uuid(name: &str, value: &str) -> Result<String> {
    xapi::uuid(value).or_else(|wanted| wrong(name, wanted, value))?;
    Ok(value.to_ascii_lowercase())
}

fn time(name: &str, value: &str) -> Result<Instant> {
    xapi::timestamp(value).or_else(|wanted| wrong(name, wanted, value))
}
