//! Questions as people ask them, end to end: the event is stored, the worker answers, the outbox sends, the chat has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as MachineInstant};

use anyhow::{Result, bail};
use async_trait::async_trait;
use stoa_flow::chat::{Account, Envelope, Event, Message, MessageRef, Place, Platform, SendError, ThreadMessage};
use stoa_ground::clock::monotonic;
use stoa_ground::testing;
use tokio_util::sync::CancellationToken;

use crate::app::App;

/// Questions a second.
pub const RATE: u32 = 20;
/// For how long they are asked.
const SECONDS: u32 = 15;
/// People who ask.
const PEOPLE: usize = 50;
/// The name of the chat: that of the accounts which people get that are hired for a test.
const NAME: &str = "test";

/// A chat that notes when an answer arrives.
#[derive(Default)]
struct Chat {
    arrived: Mutex<HashMap<String, MachineInstant>>,
}

#[async_trait]
impl Platform for Chat {
    fn name(&self) -> &str {
        NAME
    }

    async fn send(&self, _: &Place, _: Option<&Account>, _: &Message, key: &str) -> Result<String, SendError> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.entry(key.to_owned()).or_insert_with(monotonic);
        Ok(key.to_owned())
    }

    async fn edit(&self, _: &MessageRef, _: &Message) -> Result<(), SendError> {
        Ok(())
    }

    async fn find(&self, _: &Place, _: &str, _: stoa_ground::Instant) -> Result<Option<String>, SendError> {
        Ok(None)
    }

    async fn direct(&self, account: &Account) -> Result<Place, SendError> {
        Ok(place(&account.user))
    }

    async fn thread(&self, _: &Place) -> Result<Vec<ThreadMessage>, SendError> {
        Ok(Vec::new())
    }
}

fn place(user: &str) -> Place {
    Place { platform: NAME.into(), workspace: String::new(), channel: format!("dm-{user}"), thread: None, direct: true }
}

/// Asks at a steady rate; gives how long each answer took from the event to the chat, sorted.
pub async fn run(app: &App, questions: &[String]) -> Result<Vec<Duration>> {
    if questions.is_empty() {
        bail!("there is nothing to ask");
    }
    for n in 0..PEOPLE {
        testing::hire(&app.db, &format!("u{n}"), |_| {}).await;
    }
    let chat = Arc::new(Chat::default());
    app.flow.connect(chat.clone());
    let stop = CancellationToken::new();
    let workers = tokio::spawn(app.flow.clone().run(stop.clone()));
    let mut asked: Vec<(String, MachineInstant)> = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    for n in 0..(RATE * SECONDS) as usize {
        ticks.tick().await;
        let user = format!("u{}", n % PEOPLE);
        let key = format!("{NAME}/{n}");
        let event = Event::Message { id: key.clone(), text: questions[n % questions.len()].clone(), to_bot: true };
        let account = Account { platform: NAME.into(), workspace: String::new(), user: user.clone() };
        let envelope = Envelope { key: key.clone(), at: app.flow.clock().now(), account, place: place(&user), event };
        asked.push((format!("reply/{key}/0"), monotonic()));
        app.flow.accept(envelope).await?;
    }
    let arrived = || chat.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for _ in 0..100 {
        if arrived().len() >= asked.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.cancel();
    workers.await?;
    let arrived = arrived();
    let mut times = Vec::with_capacity(asked.len());
    for (key, at) in &asked {
        match arrived.get(key) {
            Some(then) => times.push(then.duration_since(*at)),
            None => bail!("the answer {key} did not arrive within ten seconds"),
        }
    }
    times.sort_unstable();
    Ok(times)
}
