//! The one place for Slack's limits: what it told us to wait for, for each method and for each conversation.
//!
//! Slack allows bursts and says no with 429, so nothing is slowed down before it said so. After that the conversation gets
//! one message a second for a minute; when several conversations are told to wait at once, the whole method waits.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use stoa_http::{Turn, locked};

/// One message a second and conversation: what Slack promises to take.
const STEP: Duration = Duration::from_secs(1);
/// For how long a conversation is taken slowly after a 429.
const SLOW: Duration = Duration::from_secs(60);
/// So many conversations that wait at once mean that the workspace's limit is reached.
const MANY: usize = 5;
/// Entries kept before those that say nothing any more are dropped.
const KEPT: usize = 4_096;

#[derive(Default)]
pub(crate) struct Limits(Mutex<Paces>);

/// By method and conversation; without one for the whole method.
type Paces = HashMap<(&'static str, String), Pace>;

/// What holds for a method, or for a method in one conversation.
#[derive(Clone, Copy)]
struct Pace {
    /// Nothing goes out before this.
    next: Instant,
    /// One after the other until this.
    slow_until: Instant,
    /// Up to when those are spread that were told to come again.
    row: Instant,
}

impl Pace {
    fn until(next: Instant, slow_until: Instant) -> Self {
        Self { next, slow_until, row: next }
    }
}

impl Limits {
    /// Whether a call may go out; one that does has taken its place.
    pub(crate) fn turn(&self, method: &'static str, channel: &str, now: Instant) -> Turn {
        let mut all = locked(&self.0);
        if let Some(whole) = all.get(&(method, String::new())).filter(|pace| pace.next > now) {
            return Turn::AllWait(whole.next - now);
        }
        match all.get_mut(&(method, channel.to_owned())).filter(|_| !channel.is_empty()) {
            Some(pace) if pace.next > now => Turn::Wait(pace.next - now),
            Some(pace) => {
                if now < pace.slow_until {
                    pace.next = now + STEP;
                }
                Turn::Go
            }
            None => Turn::Go,
        }
    }

    /// When a call that does not wait here is to come again: those of one conversation come one after the other.
    pub(crate) fn come_again(&self, method: &'static str, channel: &str, now: Instant) -> Duration {
        let mut all = locked(&self.0);
        let Some(pace) = all.get_mut(&(method, channel.to_owned())) else { return STEP };
        let at = pace.row.max(pace.next);
        pace.row = at + STEP;
        at - now
    }

    /// Slack said to wait.
    pub(crate) fn pause(&self, method: &'static str, channel: &str, after: Duration, now: Instant) {
        let mut all = locked(&self.0);
        if all.len() > KEPT {
            all.retain(|_, pace| pace.next > now || pace.slow_until > now);
        }
        let until = now + after;
        let slow = if channel.is_empty() { until } else { until + SLOW };
        let pace = all.entry((method, channel.to_owned())).or_insert(Pace::until(until, slow));
        (pace.next, pace.slow_until) = (pace.next.max(until), pace.slow_until.max(slow));
        let waiting = all.iter().filter(|((m, c), pace)| *m == method && !c.is_empty() && pace.next > now).count();
        if waiting >= MANY {
            let whole = all.entry((method, String::new())).or_insert(Pace::until(until, until));
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
        assert_eq!(limits.turn(POST, "C1", now), Turn::Go);
        limits.pause(POST, "C1", Duration::from_secs(3), now);
        assert_eq!(limits.turn(POST, "C1", now), Turn::Wait(Duration::from_secs(3)));
        assert_eq!(limits.come_again(POST, "C1", now), Duration::from_secs(3));
        assert_eq!(limits.come_again(POST, "C1", now), Duration::from_secs(4), "one after the other");
        assert_eq!(limits.turn(POST, "C2", now), Turn::Go, "another conversation");
        assert_eq!(limits.turn("chat.update", "C1", now), Turn::Go, "another method");
        let later = now + Duration::from_secs(3);
        assert_eq!(limits.turn(POST, "C1", later), Turn::Go);
        assert_eq!(limits.turn(POST, "C1", later), Turn::Wait(STEP), "one a second afterwards");
        let much_later = now + Duration::from_secs(100);
        assert_eq!([(); 2].map(|()| limits.turn(POST, "C1", much_later)), [Turn::Go; 2]);
    }

    #[test]
    fn the_whole_method_waits_when_many_conversations_do() {
        let (limits, now) = (Limits::default(), stoa_ground::clock::monotonic());
        for n in 0..MANY {
            assert_eq!(limits.turn(POST, "D9", now), Turn::Go);
            limits.pause(POST, &format!("D{n}"), Duration::from_secs(2), now);
        }
        assert_eq!(limits.turn(POST, "D9", now), Turn::AllWait(Duration::from_secs(2)));
    }
}
