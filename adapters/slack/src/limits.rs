//! The one place for Slack's limits: what it told us to wait for, for each method and for each conversation.
//!
//! Slack allows bursts and says no with 429, so nothing is slowed down before it said so. After that the conversation gets
//! one message a second for a minute; when several conversations are told to wait at once, the whole method waits.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One message a second and conversation: what Slack promises to take.
const STEP: Duration = Duration::from_secs(1);
/// For how long a conversation is taken slowly after a 429.
const SLOW: Duration = Duration::from_secs(60);
/// So many conversations that wait at once mean that the workspace's limit is reached.
const MANY: usize = 5;
/// Entries kept before those that say nothing any more are dropped.
const KEPT: usize = 4_096;

#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<(&'static str, String), Pace>>);

/// What holds for a method, or for a method in one conversation.
#[derive(Clone, Copy)]
struct Pace {
    /// Nothing goes out before this.
    next: Instant,
    /// One after the other until this.
    slow_until: Instant,
}

impl Limits {
    /// How long to wait before this call may go out; its place in the row is taken.
    pub(crate) fn turn(&self, method: &'static str, channel: &str, now: Instant) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = all.get(&(method, String::new())).map_or(now, |pace| pace.next.max(now));
        let Some(pace) = all.get_mut(&(method, channel.to_owned())).filter(|_| !channel.is_empty()) else {
            return whole - now;
        };
        let at = pace.next.max(whole);
        if at < pace.slow_until {
            pace.next = at + STEP;
        }
        at - now
    }

    /// Gives a place in the row back that was not used.
    pub(crate) fn give_back(&self, method: &'static str, channel: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pace) = all.get_mut(&(method, channel.to_owned())).filter(|_| !channel.is_empty())
            && let Some(next) = pace.next.checked_sub(STEP)
        {
            pace.next = next;
        }
    }

    /// Slack said to wait.
    pub(crate) fn pause(&self, method: &'static str, channel: &str, after: Duration, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > KEPT {
            all.retain(|_, pace| pace.next > now || pace.slow_until > now);
        }
        let until = now + after;
        let slow = if channel.is_empty() { until } else { until + SLOW };
        let pace = all.entry((method, channel.to_owned())).or_insert(Pace { next: until, slow_until: slow });
        (pace.next, pace.slow_until) = (pace.next.max(until), pace.slow_until.max(slow));
        let waiting = all.iter().filter(|((m, c), pace)| *m == method && !c.is_empty() && pace.next > now).count();
        if waiting >= MANY {
            let whole = all.entry((method, String::new())).or_insert(Pace { next: until, slow_until: until });
            whole.next = whole.next.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "chat.postMessage";

    #[test]
    fn nothing_waits_before_slack_says_so_and_then_only_what_it_said() {
        let (limits, now) = (Limits::default(), stoa_ground::clock::monotonic());
        assert_eq!(limits.turn(POST, "C1", now), Duration::ZERO);
        limits.pause(POST, "C1", Duration::from_secs(3), now);
        assert_eq!(limits.turn(POST, "C1", now), Duration::from_secs(3));
        assert_eq!(limits.turn(POST, "C1", now), Duration::from_secs(4), "one a second afterwards");
        limits.give_back(POST, "C1");
        assert_eq!(limits.turn(POST, "C1", now), Duration::from_secs(4));
        assert_eq!(limits.turn(POST, "C2", now), Duration::ZERO, "another conversation");
        assert_eq!(limits.turn("chat.update", "C1", now), Duration::ZERO, "another method");
        assert_eq!(limits.turn(POST, "C1", now + Duration::from_secs(100)), Duration::ZERO);
    }

    #[test]
    fn the_whole_method_waits_when_many_conversations_do() {
        let (limits, now) = (Limits::default(), stoa_ground::clock::monotonic());
        for n in 0..MANY {
            assert_eq!(limits.turn(POST, "D9", now), Duration::ZERO);
            limits.pause(POST, &format!("D{n}"), Duration::from_secs(2), now);
        }
        assert_eq!(limits.turn(POST, "D9", now), Duration::from_secs(2));
    }
}
