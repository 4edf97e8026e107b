//! The shapes of an answer: pieces of a stream, or the whole at once. Calls of tools are no answer.

use serde::Deserialize;
use stoa_learning::answers::{ModelError, Spent};

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Said>,
    message: Option<Said>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<serde_json::Value>,
    function_call: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
}

impl From<Usage> for Spent {
    fn from(usage: Usage) -> Self {
        Self { tokens: usage.prompt_tokens.saturating_add(usage.completion_tokens) }
    }
}

fn reply(data: &[u8]) -> Result<Reply, ModelError> {
    let reply: Reply = serde_json::from_slice(data)
        .map_err(|_| ModelError::Strange("it sent what is no answer of a chat model".into()))?;
    if reply.error.is_some() {
        return Err(ModelError::Failed("the language model's endpoint says that it failed".into()));
    }
    Ok(reply)
}

/// The text of what was said, if it is an answer.
fn said(said: Said) -> Result<Option<String>, ModelError> {
    let called = |call: &Option<serde_json::Value>| {
        call.as_ref().is_some_and(|c| !c.is_null() && c.as_array().is_none_or(|all| !all.is_empty()))
    };
    if called(&said.tool_calls) || called(&said.function_call) {
        return Err(ModelError::Strange("it called a tool instead of answering".into()));
    }
    if said.refusal.is_some_and(|r| !r.is_empty()) {
        return Err(ModelError::Refused);
    }
    Ok(said.content.filter(|c| !c.is_empty()))
}

/// A stream as far as it was heard.
#[derive(Default)]
pub(crate) struct Heard {
    some: bool,
    finished: bool,
    done: bool,
    spent: Option<Spent>,
}

impl Heard {
    /// Takes in the data of one event; gives the next piece of the answer.
    pub fn event(&mut self, data: &str) -> Result<Option<String>, ModelError> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(None);
        }
        let reply = reply(data.as_bytes())?;
        if let Some(usage) = reply.usage {
            self.spent = Some(usage.into());
        }
        let Some(choice) = reply.choices.into_iter().next() else { return Ok(None) };
        let piece = choice.delta.or(choice.message).map_or(Ok(None), said)?;
        match choice.finish_reason.as_deref() {
            Some("content_filter") => return Err(ModelError::Refused),
            Some(_) => self.finished = true,
            None => {}
        }
        self.some |= piece.as_ref().is_some_and(|p| !p.trim().is_empty());
        Ok(piece)
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The stream is over.
    pub fn end(self) -> Result<Option<Spent>, ModelError> {
        match (self.some, self.done || self.finished) {
            (_, false) => Err(ModelError::Failed("the language model's answer was cut off".into())),
            (false, _) => Err(ModelError::Empty),
            _ => Ok(self.spent),
        }
    }
}

/// An answer that came at once.
pub(crate) struct Whole;

impl Whole {
    pub fn read(body: &[u8]) -> Result<(String, Option<Spent>), ModelError> {
        let reply = reply(body)?;
        let spent = reply.usage.map(Spent::from);
        let choice = reply.choices.into_iter().next().ok_or(ModelError::Empty)?;
        if choice.finish_reason.as_deref() == Some("content_filter") {
            return Err(ModelError::Refused);
        }
        let text = choice.message.or(choice.delta).map_or(Ok(None), said)?;
        match text.filter(|t| !t.trim().is_empty()) {
            Some(text) => Ok((text, spent)),
            None => Err(ModelError::Empty),
        }
    }
}
