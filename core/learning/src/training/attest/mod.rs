//! Attestation: how surely it was the person who put their name under a sentence, and what exactly they put it under.
//!
//! The level of authentication is recorded with each attestation. Only [`Level::MailCode`] and [`Level::Oidc`] ask the person
//! to prove again who they are; only these are called a signature (21 CFR 11.50, 11.70, 11.200). What is signed is bound to
//! the assignment and the content by [`bound`], which the projection checks: a signature fits no other record.

mod code;
mod earlier;
pub mod sign_in;

use jiff::Zoned;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::people::{self, Person};
use stoa_ground::{Conn, Error, Instant, Result};

pub(super) use code::{MINUTES, Redeemed, forget, redeem, send};
pub(super) use earlier::{signature, unsigned};

use super::assignment::Assignment;
use super::course::{self, Course};
use super::requirement;
use crate::Services;

/// How surely it is the person, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Whoever writes from the account in the chat.
    #[default]
    ChatSession,
    /// Besides, who reads the mail to the address on the roster: a one-time code.
    MailCode,
    /// Besides, who signs in with the organisation's identity provider.
    Oidc,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 3] = [Self::ChatSession, Self::MailCode, Self::Oidc];

    /// As evidence has it: `chat-session`, `mail-code` or `oidc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatSession => "chat-session",
            Self::MailCode => "mail-code",
            Self::Oidc => "oidc",
        }
    }

    /// Whether it may be called a signature: the person proved who they are for this one act.
    #[must_use]
    pub fn is_signature(self) -> bool {
        self > Self::ChatSession
    }

    /// Whether nothing more than the chat is asked for.
    #[must_use]
    pub fn is_least(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether this installation can have people confirm at a level; else what it is and which levels there are, as the end of
/// a sentence that begins with the key.
///
/// # Errors
/// The end of that sentence.
pub fn available(services: &Services, level: Level) -> std::result::Result<(), String> {
    let has = |level: &Level| match level {
        Level::ChatSession => true,
        Level::MailCode => services.mail,
        Level::Oidc => services.sign_in.is_some(),
    };
    if has(&level) {
        return Ok(());
    }
    let there: Vec<&str> = Level::ALL.iter().filter(|l| has(l)).map(|l| l.name()).collect();
    let there = there.join(" and ");
    let name = level.name();
    let way = match level {
        Level::Oidc => "[oidc] issuer, client_id and client_secret",
        _ => "[mail] smtp_url and from",
    };
    Err(format!("is {name}, and this installation has {there} only: set {way} first"))
}

/// The level that an assignment needs.
pub(super) async fn demanded(conn: &Conn, a: &Assignment, course: &Course) -> Result<Level> {
    Ok(level_of(&requirement::by_id(conn, &a.requirement).await?, course))
}

/// The higher one of the levels of a requirement and its course.
fn level_of(r: &requirement::Requirement, course: &Course) -> Level {
    r.attestation.max(course.attestation_level)
}

/// Refuses a completion that is not the person's own where the requirement or its course demands a signature.
///
/// # Errors
/// [`Error::Conflict`] with the sentence.
pub(super) async fn may_be_done_for(conn: &Conn, a: &Assignment) -> Result<()> {
    let (_, content) = course::read_in(conn, a).await?;
    let level = demanded(conn, a, &content).await?;
    if level.is_signature() && signature(conn, a).await?.is_none_or(|(_, given)| given < level) {
        return Err(Error::Conflict(format!(
            "'{}' demands the person's own signature ({}), which nobody can give for them",
            a.requirement,
            level.name()
        )));
    }
    Ok(())
}

/// What somebody puts their name under, as it is shown to them and recorded.
pub(super) struct Attestation {
    /// What the name means, in words.
    pub meaning: String,
    /// The name as it was typed.
    pub typed: String,
    /// How surely it is them.
    pub level: Level,
    /// Who signed in with the identity provider, at [`Level::Oidc`].
    pub signed_in: Option<SignedIn>,
}

/// Which claim of the identity provider says whose sign-in it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The e-mail address, as the roster has it.
    Email,
    /// Another one, which has the roster's employee id.
    EmployeeId,
}

/// Somebody who has just signed in with the organisation's identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The provider (OpenID Connect Core 1.0, section 2: `iss`).
    pub issuer: String,
    /// Who it is there, which stays the same when names and addresses change (`sub`).
    pub subject: String,
    /// What the claim says that names the person: see [`NamedBy`].
    pub named: String,
    /// When they proved who they are, by the provider's clock (`auth_time`).
    pub at: Instant,
}

/// What the name means, at a level.
pub(super) fn meaning(words: &Words, level: Level) -> String {
    if level.is_signature() { say!(words, "training-sign-meaning") } else { say!(words, "training-attest-meaning") }
}

/// The moment on the person's own clock.
pub(super) fn local(person: &Person, at: Instant) -> Zoned {
    at.zoned(&people::zone(person))
}

/// The data of the record.
pub(super) fn data(a: &Assignment, course: &Course, person: &Person, what: &Attestation, at: Instant) -> Json {
    let text = course.attestation.as_deref().unwrap_or_default();
    let mut data = json!({
        "version": a.course_version,
        "text": text,
        "text_digest": course::digest(text),
        "name": what.typed,
        "printed_name": person.name,
        "authentication": what.level.name(),
        "meaning": what.meaning,
        "local_time": local(person, at).to_string(),
        "who": people::history::snapshot(person),
    });
    if let Some(who) = &what.signed_in {
        data["issuer"] = who.issuer.as_str().into();
        data["subject"] = who.subject.as_str().into();
        data["signed_in"] = who.at.rfc3339().into();
    }
    data["bound"] = bound(&a.id, &data).into();
    data
}

/// The digest that binds an attestation to its assignment and content: SHA-256 over the canonical JSON of them.
fn bound(assignment: &str, data: &Json) -> String {
    let mut parts = vec![Json::from(assignment)];
    for name in ["version", "text_digest", "name", "printed_name", "authentication", "meaning", "local_time"] {
        parts.push(data[name].clone());
    }
    // Only a sign-in with an identity provider has these.
    parts.extend(["issuer", "subject", "signed_in"].iter().filter_map(|name| data.get(name).cloned()));
    course::digest(&Json::from(parts).to_string())
}

/// Whether a record of an attestation was made for this assignment and the content that it has. Records from before
/// attestations were bound are taken as they are.
///
/// # Errors
/// [`Error::Conflict`] when it was made for something else.
pub(super) fn check(assignment: &str, version: Option<&str>, data: &Json) -> Result<()> {
    let fits = match data["bound"].as_str() {
        None => true,
        Some(stored) => stored == bound(assignment, data) && data["version"].as_str() == version,
    };
    if fits {
        Ok(())
    } else {
        Err(Error::Conflict("an attestation holds for the record and the content that it was made for only".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_fits_the_record_that_it_was_made_for() {
        let mut data = json!({ "version": "v1", "text_digest": "t", "name": "Ana", "printed_name": "Ana Lima",
            "authentication": "mail-code", "meaning": "I did it", "local_time": "2026-11-23T10:00:00+01:00[Europe/Berlin]" });
        data["bound"] = bound("a1", &data).into();
        assert!(check("a1", Some("v1"), &data).is_ok());
        assert!(check("a2", Some("v1"), &data).is_err(), "another assignment");
        assert!(check("a1", Some("v2"), &data).is_err(), "another content");
        for (name, other) in [("name", "Eve"), ("meaning", "I looked at it"), ("authentication", "oidc")] {
            let mut forged = data.clone();
            forged[name] = other.into();
            assert!(check("a1", Some("v1"), &forged).is_err(), "{name}");
        }
        assert!(check("a1", Some("v1"), &json!({ "version": "v1", "name": "Ana" })).is_ok(), "from before");
    }

    #[test]
    fn a_signature_is_bound_to_the_account_that_signed_in() {
        let mut data = json!({ "version": "v1", "text_digest": "t", "name": "Ana", "printed_name": "Ana Lima",
            "authentication": "oidc", "meaning": "I did it", "local_time": "2026-11-23T10:00:00+01:00[Europe/Berlin]",
            "issuer": "https://id.example.org", "subject": "s-1", "signed_in": "2026-11-23T09:00:00.000Z" });
        data["bound"] = bound("a1", &data).into();
        assert!(check("a1", Some("v1"), &data).is_ok());
        for name in ["issuer", "subject", "signed_in"] {
            let mut forged = data.clone();
            forged[name] = "another".into();
            assert!(check("a1", Some("v1"), &forged).is_err(), "{name}");
            if let Some(members) = forged.as_object_mut() {
                members.remove(name);
            }
            assert!(check("a1", Some("v1"), &forged).is_err(), "without {name}");
        }
    }

    #[test]
    fn only_what_asks_again_is_a_signature() {
        let names: Vec<_> = Level::ALL.iter().map(|l| (l.name(), l.is_signature())).collect();
        assert_eq!(names, [("chat-session", false), ("mail-code", true), ("oidc", true)]);
        assert!(Level::ALL.iter().all(|l| serde_json::to_value(l).unwrap() == l.name()));
    }
}
