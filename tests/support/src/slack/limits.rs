//! Slack's limits on messages: about one a second in a conversation, bursts being allowed, and so many in the workspace.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use stoa_ground::clock::monotonic;

use super::state::{Kept, Trouble};
use super::web_api::said;
use super::{Slack, lock};

/// Messages that a conversation takes at once.
const BURST: u32 = 4;

/// How many messages go into a conversation and into all of them.
pub(super) struct Limits {
    /// In one window, in all conversations.
    most: usize,
    window: Duration,
    ends: Option<Instant>,
    used: usize,
    /// Up to when the messages of each conversation are spread at one a second.
    spread: HashMap<String, Instant>,
    /// How often it was said that it is too much.
    pub told: usize,
}

impl Slack {
    /// From now on Slack takes one message a second in a conversation, a few at once being allowed, and in the whole
    /// workspace `most` in each `window`, which begins with the first message in it.
    pub fn limits(&self, most: usize, window: Duration) {
        let limits = Limits { most, window, ends: None, used: 0, spread: HashMap::new(), told: 0 };
        lock(&self.hall.kept).limits = Some(limits);
    }

    /// How often a message was refused because of the limits.
    #[must_use]
    pub fn told_to_wait(&self) -> usize {
        lock(&self.hall.kept).limits.as_ref().map_or(0, |limits| limits.told)
    }
}

impl Kept {
    /// Whether a message is one too many just now.
    pub fn limited(&mut self, method: &str, args: &Value) -> Option<Trouble> {
        let limits = self.limits.as_mut().filter(|_| method == "chat.postMessage")?;
        let wait = limits.wait(said(args, "channel"), monotonic());
        let seconds = wait?.as_secs_f64().ceil();
        limits.told += 1;
        Some(Trouble::Limited(seconds as u64))
    }
}

impl Limits {
    /// Takes a message, or says how long to wait.
    fn wait(&mut self, channel: &str, now: Instant) -> Option<Duration> {
        let ends = match self.ends.filter(|ends| *ends > now) {
            Some(ends) => ends,
            None => {
                self.used = 0;
                *self.ends.insert(now + self.window)
            }
        };
        if self.used >= self.most {
            return Some(ends - now);
        }
        let spread = self.spread.get(channel).copied().unwrap_or(now).max(now) + Duration::from_secs(1);
        let over = spread.saturating_duration_since(now + Duration::from_secs(1) * BURST);
        if !over.is_zero() {
            return Some(over);
        }
        self.spread.insert(channel.to_owned(), spread);
        self.used += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_takes_one_a_second_and_the_workspace_so_many() {
        let now = monotonic();
        let mut limits =
            Limits { most: 6, window: Duration::from_secs(10), ends: None, used: 0, spread: HashMap::new(), told: 0 };
        assert!((0..BURST).all(|_| limits.wait("D1", now).is_none()));
        assert_eq!(limits.wait("D1", now), Some(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!(limits.wait("D1", later), None);
        assert_eq!(limits.wait("D2", later), None);
        assert_eq!(limits.wait("D3", later), Some(Duration::from_secs(9)), "six in ten seconds");
        assert_eq!(limits.wait("D3", now + Duration::from_secs(10)), None);
    }
}
