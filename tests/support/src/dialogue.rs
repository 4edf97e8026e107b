//! One conversation, whatever the chat: what somebody does in it is written once, and each platform says how that is done
//! there and what is seen.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{Browser, discord, slack, steady_line};

/// What the library of such a conversation has to know, and the words of the answer.
pub const KITCHEN: (&str, &str) = (
    "---\ntitle: Kitchen rules\n---\n# Kitchen rules\n\n## Coffee machine\n\nTo descale the coffee machine, press both \
     buttons for five seconds and pour in one bag of citric acid. Say @everyone & smile.\n",
    "one bag of citric acid",
);

/// A message as a person sees it: its lines in the platform's own markup, and the labels of its buttons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The lines, without what differs from run to run.
    pub lines: Vec<String>,
    /// The labels.
    pub buttons: Vec<String>,
}

/// What somebody did, and what they saw then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// In words.
    pub did: String,
    /// The message, or what is wrong with a form.
    pub saw: Seen,
}

impl Turn {
    /// For a snapshot.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "did": self.did, "lines": self.saw.lines, "buttons": self.saw.buttons })
    }
}

/// Somebody who talks with Stoa alone on some platform.
pub trait Client {
    /// Writes.
    fn says(&self, text: &str) -> impl Future<Output = Result<()>>;
    /// Presses the newest button with this label.
    fn presses(&self, label: &str) -> impl Future<Output = Result<()>>;
    /// Fills in a field of the form that is open and sends it; gives what is wrong with it.
    fn fills_in(&self, field: &str, value: &str, send: &str) -> impl Future<Output = Result<Option<String>>>;
    /// Waits for a message that says `part`; the newest one.
    fn reads(&self, part: &str) -> impl Future<Output = Result<Seen>>;
}

/// A conversation as it goes on.
struct Talk<'a, C> {
    client: &'a C,
    turns: Vec<Turn>,
}

impl<C: Client> Talk<'_, C> {
    async fn says(&mut self, text: &str, part: &str) -> Result<()> {
        self.client.says(text).await?;
        self.reads(&format!("says “{text}”"), part).await
    }

    async fn presses(&mut self, label: &str, part: &str) -> Result<()> {
        self.client.presses(label).await?;
        self.reads(&format!("presses “{label}”"), part).await
    }

    async fn reads(&mut self, did: &str, part: &str) -> Result<()> {
        let saw = self.client.reads(part).await.with_context(|| did.to_owned())?;
        self.turns.push(Turn { did: did.to_owned(), saw });
        Ok(())
    }
}

/// Ada Okafor asks, shares, looks at what is hers, and signs a course of one page, `Safety`, once `requires` makes it a duty.
///
/// # Errors
/// What did not come.
pub async fn a_day(client: &impl Client, requires: impl Fn() -> Result<()>) -> Result<Vec<Turn>> {
    let mut talk = Talk { client, turns: Vec::new() };
    talk.says("help", "Ask me how something is done").await?;
    requires()?;
    talk.reads("has a new duty", "New for you").await?;
    talk.says("How do I descale the coffee machine?", KITCHEN.1).await?;
    talk.presses("Helpful", "good to know").await?;
    talk.says("Who won the football match?", "don’t know").await?;
    talk.says("hlep", "Did you mean").await?;
    talk.says("tip The forklift battery @here wants *distilled* water", "Shall I share it?").await?;
    talk.presses("Share", "tip is shared").await?;
    talk.says("settings", "Your settings").await?;
    talk.says("mydata", "This is what I keep about you").await?;
    talk.says("team", "Nobody reports to you").await?;
    talk.says("training", "Your training").await?;
    talk.presses("Start", "Because it matters").await?;
    talk.presses("I have read it", "Last step").await?;
    client.presses("Confirm").await?;
    let field = ("Your full name", "I confirm");
    let wrong = client.fills_in(field.0, "Somebody Else", field.1).await?.context("a wrong name is not taken")?;
    let saw = Seen { lines: vec![wrong], buttons: Vec::new() };
    talk.turns.push(Turn { did: "signs with a wrong name".into(), saw });
    let right = client.fills_in(field.0, "ada  okafor", field.1).await?;
    ensure!(right.is_none(), "the right name is not taken: {right:?}");
    talk.reads("signs with her name", "completed on").await?;
    Ok(talk.turns)
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim_end).filter(|l| !l.is_empty()).map(steady_line).collect()
}

impl Client for discord::Person<'_> {
    async fn says(&self, text: &str) -> Result<()> {
        self.says_dm(text);
        Ok(())
    }

    async fn presses(&self, label: &str) -> Result<()> {
        discord::Person::presses(self, label).await.map(|_| ())
    }

    async fn fills_in(&self, field: &str, value: &str, _send: &str) -> Result<Option<String>> {
        // Discord closes a form that is sent.
        if self.finds("[Try again]").is_some() {
            discord::Person::presses(self, "Try again").await?;
        }
        let answer = self.submits(&[(field, value)]).await?;
        Ok(answer["data"]["content"].as_str().map(|wrong| wrong.trim_start_matches("- ").replace("**", "")))
    }

    async fn reads(&self, part: &str) -> Result<Seen> {
        let message = discord::Person::reads(self, part).await?;
        let buttons = message.buttons().filter_map(|b| b["label"].as_str()).map(str::to_owned).collect();
        Ok(Seen { lines: lines(&message.content), buttons })
    }
}

impl Client for slack::Person<'_> {
    async fn says(&self, text: &str) -> Result<()> {
        self.says_dm(text);
        Ok(())
    }

    async fn presses(&self, label: &str) -> Result<()> {
        slack::Person::presses(self, label).await.map(|_| ())
    }

    async fn fills_in(&self, field: &str, value: &str, _send: &str) -> Result<Option<String>> {
        let wrong = self.submits(&[(field, value)]).await?;
        let first = wrong.as_object().and_then(|all| all.values().next());
        Ok(first.and_then(Value::as_str).map(|wrong| format!("{field}: {wrong}")))
    }

    async fn reads(&self, part: &str) -> Result<Seen> {
        let message = slack::Person::reads(self, part).await?;
        let (mut said, mut buttons) = (Vec::new(), Vec::new());
        for block in message.blocks.as_array().into_iter().flatten() {
            let mut all = Vec::new();
            texts(block, &mut all);
            if block["type"] == "actions" { buttons.extend(all) } else { said.extend(all) }
        }
        if said.is_empty() {
            said.push(message.text.clone());
        }
        Ok(Seen { lines: lines(&said.join("\n")), buttons })
    }
}

/// Every text in a block.
fn texts(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, all)),
        Value::Object(fields) => fields.iter().for_each(|(key, one)| match one {
            Value::String(text) if key == "text" => all.push(text.clone()),
            one => texts(one, all),
        }),
        _ => {}
    }
}

impl Client for Browser {
    async fn says(&self, text: &str) -> Result<()> {
        self.types("#write", &format!("{text}\n")).await
    }

    async fn presses(&self, label: &str) -> Result<()> {
        self.clicks(label).await
    }

    async fn fills_in(&self, field: &str, value: &str, send: &str) -> Result<Option<String>> {
        let (label, value) = (json!(field), json!(value));
        let fill = format!(
            "const l = [...document.querySelectorAll('dialog[open] label')].find(l => l.innerText.trim() === {label}); \
             if (!l) return false; document.querySelectorAll('dialog[open] .error').forEach(e => e.remove()); \
             document.getElementById(l.htmlFor).value = {value}; return true"
        );
        ensure!(self.becomes_true(&fill).await, "no form has a field “{field}”: {}", self.text().await?);
        self.clicks(send).await?;
        let wrong = "[...document.querySelectorAll('dialog[open] .error')].map(e => e.innerText.trim()).filter(t => t)";
        let done = format!("return !document.querySelector('dialog[open]') || {wrong}.length > 0");
        ensure!(self.becomes_true(&done).await, "the form says nothing: {}", self.text().await?);
        let found = self.client.execute(&format!("return {wrong}[0] || null"), vec![]).await?;
        Ok(found.as_str().map(|wrong| format!("{field}: {wrong}")))
    }

    async fn reads(&self, part: &str) -> Result<Seen> {
        let quoted = json!(part);
        let last = format!(
            "[...document.querySelectorAll('.message.by-bot .message-body')].filter(m => m.innerText.includes({quoted})).pop()"
        );
        ensure!(
            self.becomes_true(&format!("return !!({last})")).await,
            "no message says “{part}”: {}",
            self.text().await?
        );
        let read = format!(
            "const m = {last}; const b = [...m.querySelectorAll('form.buttons button')]; \
             return {{ lines: [...m.children].filter(c => !c.matches('form')).map(c => c.innerText).join('\\n'), \
             buttons: b.map(e => e.innerText.trim()) }}"
        );
        let seen = self.client.execute(&read, vec![]).await?;
        let buttons = seen["buttons"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Ok(Seen { lines: lines(seen["lines"].as_str().unwrap_or_default()), buttons: buttons.collect() })
    }
}
