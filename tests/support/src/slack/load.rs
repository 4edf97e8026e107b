//! What is counted and measured under load: nothing here looks at everything again for each message.

use std::time::Duration;

use super::state::{BOT, Call, Message};
use super::{Slack, lock};

/// A message of the bot, as far as it is counted.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its place among all messages.
    pub number: usize,
    /// The conversation.
    pub channel: String,
    /// When it came, in microseconds since 1970.
    pub at: i64,
    /// The delivery key; empty where it has none.
    pub key: String,
}

impl Slack {
    /// Adds many people at once: `U{n}` with these numbers, all in one zone.
    pub fn add_people(&self, numbers: std::ops::Range<usize>, zone: &str) {
        for n in numbers {
            self.add_person(&Self::nth_person(n), &format!("Person {n}"), zone);
        }
    }

    /// The id of one of many people.
    #[must_use]
    pub fn nth_person(n: usize) -> String {
        format!("U{n:08}")
    }

    /// How many messages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.hall.kept).messages.len()
    }

    /// The bot's messages from a place on.
    #[must_use]
    pub fn answers_from(&self, first: usize) -> Vec<Answer> {
        let kept = lock(&self.hall.kept);
        let new = kept.messages.iter().enumerate().skip(first).filter(|(_, m)| m.user == BOT);
        new.map(|(number, m)| Answer {
            number,
            channel: m.channel.clone(),
            at: micros(&m.ts),
            key: m.key().unwrap_or_default().to_owned(),
        })
        .collect()
    }

    /// When something was sent to the bot first, in microseconds since 1970, and under which event id.
    #[must_use]
    pub fn sent(&self, delivery: usize) -> (i64, String) {
        let kept = lock(&self.hall.kept);
        let payload = kept.deliveries.get(delivery).map(|d| &d.payload);
        payload.map_or((0, String::new()), |p| {
            let ts = p["event"]["ts"].as_str().or(p["event"]["event_ts"].as_str());
            (micros(ts.unwrap_or_default()), p["event_id"].as_str().unwrap_or_default().to_owned())
        })
    }

    /// How long the acknowledgement of something took; none while it did not come.
    #[must_use]
    pub fn acknowledgement(&self, delivery: usize) -> Option<Duration> {
        let kept = lock(&self.hall.kept);
        let delivery = kept.deliveries.get(delivery)?;
        delivery.acked.as_ref().map(|(at, _)| *at - delivery.begun)
    }

    /// How many deliveries were not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        lock(&self.hall.kept).waiting.len()
    }

    /// The calls of a method from a place among all calls on, each with when it came, and the place after the last.
    #[must_use]
    pub fn calls_from(&self, first: usize, method: &str) -> (Vec<Call>, usize) {
        let kept = lock(&self.hall.kept);
        let new = kept.calls.iter().skip(first).filter(|c| c.method == method).cloned().collect();
        (new, kept.calls.len())
    }

    /// The newest message of the bot in a conversation.
    #[must_use]
    pub fn newest_in(&self, channel: &str) -> Option<Message> {
        let kept = lock(&self.hall.kept);
        kept.messages.iter().rev().find(|m| m.channel == channel && m.user == BOT).cloned()
    }
}

fn micros(ts: &str) -> i64 {
    ts.replace('.', "").parse().unwrap_or_default()
}
