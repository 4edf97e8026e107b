//! The one place for Discord's limits: what its headers said for each bucket, fifty calls a second in all, and the budget of
//! invalid requests. Discord bans an address for an hour after 10,000 answers of 401, 403 or 429 in ten minutes: a message
//! that is late is better.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Calls in a second, interactions and webhooks not counted; Discord allows fifty.
const GLOBAL: usize = 45;
/// Invalid requests in [`INVALID_WINDOW`] after which nothing goes out for a while.
const INVALID: usize = 2_000;
const INVALID_WINDOW: Duration = Duration::from_secs(600);
/// For how long nothing goes out then.
const COOL_DOWN: Duration = Duration::from_secs(120);
/// How soon to look again after a bucket whose limit is not known yet.
const SOON: Duration = Duration::from_millis(25);
/// How long a bucket's first call may be on its way before another one tries.
const FIRST: Duration = Duration::from_secs(5);
/// Added to a reset: the two clocks do not tick together.
const MARGIN: Duration = Duration::from_millis(50);
/// Buckets kept before those that say nothing any more are dropped.
const KEPT: usize = 8_192;

/// What an answer said about its bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub bucket: Option<String>,
    pub limit: Option<u32>,
    pub remaining: Option<u32>,
    pub reset_after: Option<Duration>,
}

/// A call that counts: its kind, for example `POST /channels/:id/messages`, and the id that has limits of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub kind: &'static str,
    pub major: String,
}

#[derive(Default)]
pub(crate) struct Limits(Mutex<State>);

#[derive(Default)]
struct State {
    /// The bucket of each kind of call, once Discord said it.
    names: HashMap<&'static str, (String, u32)>,
    buckets: HashMap<(String, String), Bucket>,
    sent: VecDeque<Instant>,
    nothing_before: Option<Instant>,
    invalid: VecDeque<Instant>,
}

struct Bucket {
    /// Calls that may still go out before the reset; none while Discord has not said it.
    remaining: Option<u32>,
    limit: u32,
    reset: Instant,
    on_the_way: u32,
    /// The longest that it took until a reset.
    window: Duration,
    /// Up to when those are spread that were told to come again.
    row: Instant,
}

/// Whether a call may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Now; its place in the row is taken.
    Go,
    /// After this, in its bucket.
    Wait(Duration),
    /// After this, as everything else.
    AllWait(Duration),
}

impl Limits {
    /// Whether a call may go out. `global` calls count among all.
    pub(crate) fn turn(&self, route: &Route, global: bool, now: Instant) -> Turn {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *all;
        if let Some(until) = state.nothing_before.filter(|until| *until > now) {
            return Turn::AllWait(until - now);
        }
        while state.sent.front().is_some_and(|at| now.saturating_duration_since(*at) >= Duration::from_secs(1)) {
            state.sent.pop_front();
        }
        if global && state.sent.len() >= GLOBAL {
            let first = state.sent.front().map(|at| (*at + Duration::from_secs(1)).saturating_duration_since(now));
            return Turn::AllWait(first.unwrap_or(SOON));
        }
        if state.buckets.len() > KEPT {
            state.buckets.retain(|_, b| b.reset > now || b.on_the_way > 0);
        }
        let known = state.names.get(route.kind);
        let name = known.map_or_else(|| route.kind.to_owned(), |(name, _)| name.clone());
        let limit = known.map(|(_, limit)| *limit);
        let bucket = state.buckets.entry((name, route.major.clone())).or_insert_with(|| Bucket {
            remaining: limit,
            limit: limit.unwrap_or(1),
            reset: now,
            on_the_way: 0,
            window: Duration::ZERO,
            row: now,
        });
        if bucket.reset <= now && bucket.remaining.is_some() {
            bucket.remaining = Some(bucket.limit);
        }
        let free = match bucket.remaining {
            // The first call finds out.
            None if bucket.on_the_way == 0 || now.saturating_duration_since(bucket.reset) > FIRST => true,
            None => false,
            Some(remaining) => remaining > bucket.on_the_way,
        };
        if !free {
            let left = bucket.reset.saturating_duration_since(now);
            return Turn::Wait(if bucket.remaining == Some(0) && !left.is_zero() { left + MARGIN } else { SOON });
        }
        bucket.on_the_way += 1;
        if global {
            state.sent.push_back(now);
        }
        Turn::Go
    }

    /// When a call that does not wait here is to come again: those of one bucket come as its limit lets them.
    pub(crate) fn come_again(&self, route: &Route, now: Instant) -> Duration {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *all;
        let name = state.names.get(route.kind).map_or(route.kind, |(name, _)| name.as_str());
        let Some(bucket) = state.buckets.get_mut(&(name.to_owned(), route.major.clone())) else { return SOON };
        let first = bucket.reset.max(now) + MARGIN;
        let at = bucket.row.max(first);
        bucket.row = at + bucket.window.max(Duration::from_secs(1)) / bucket.limit.max(1);
        at - now
    }

    /// A call came back, or did not; `said` is what its headers said.
    pub(crate) fn came_back(&self, route: &Route, said: Option<&Said>, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *all;
        let old = state.names.get(route.kind).map_or_else(|| route.kind.to_owned(), |(name, _)| name.clone());
        if let Some((name, limit)) = said.and_then(|s| s.bucket.clone().zip(s.limit)) {
            if name != old
                && let Some(bucket) = state.buckets.remove(&(old.clone(), route.major.clone()))
            {
                state.buckets.entry((name.clone(), route.major.clone())).or_insert(bucket);
            }
            state.names.insert(route.kind, (name, limit));
        }
        let name = state.names.get(route.kind).map_or(old, |(name, _)| name.clone());
        let Some(bucket) = state.buckets.get_mut(&(name, route.major.clone())) else { return };
        bucket.on_the_way = bucket.on_the_way.saturating_sub(1);
        let Some(said) = said else { return };
        match (said.limit, said.remaining, said.reset_after) {
            (Some(limit), Some(remaining), Some(after)) => {
                let reset = now + after;
                // Answers overtake each other: within one window the least counts.
                let same = bucket.reset > now && reset <= bucket.reset + Duration::from_millis(200);
                let least = bucket.remaining.filter(|_| same).map_or(remaining, |known| known.min(remaining));
                (bucket.remaining, bucket.limit) = (Some(least), limit);
                bucket.reset = if same { bucket.reset.max(reset) } else { reset };
                bucket.window = bucket.window.max(after);
            }
            // No limit of its own.
            _ => (bucket.remaining, bucket.limit) = (Some(1_000), 1_000),
        }
    }

    /// Discord said to wait: this bucket, or everything.
    pub(crate) fn pause(&self, route: &Route, everything: bool, after: Duration, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *all;
        if everything {
            let until = now + after + MARGIN;
            state.nothing_before = Some(state.nothing_before.map_or(until, |known| known.max(until)));
            return;
        }
        let name = state.names.get(route.kind).map_or_else(|| route.kind.to_owned(), |(name, _)| name.clone());
        if let Some(bucket) = state.buckets.get_mut(&(name, route.major.clone())) {
            bucket.remaining = Some(0);
            bucket.reset = bucket.reset.max(now + after);
        }
    }

    /// An answer of 401, 403 or 429. Gives whether the budget is used up, and nothing goes out for a while.
    pub(crate) fn invalid(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while state.invalid.front().is_some_and(|at| now.saturating_duration_since(*at) >= INVALID_WINDOW) {
            state.invalid.pop_front();
        }
        state.invalid.push_back(now);
        if state.invalid.len() < INVALID {
            return false;
        }
        state.nothing_before = Some(now + COOL_DOWN);
        // The oldest half is forgiven, so that some calls can go out after the pause.
        state.invalid.drain(..INVALID / 20);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_ground::clock::monotonic;

    fn post(channel: &str) -> Route {
        Route { kind: "POST /channels/:id/messages", major: channel.into() }
    }

    fn said(remaining: u32, millis: u64) -> Said {
        Said {
            bucket: Some("abc".into()),
            limit: Some(5),
            remaining: Some(remaining),
            reset_after: Some(Duration::from_millis(millis)),
        }
    }

    #[test]
    fn one_call_finds_out_and_the_others_keep_to_it() {
        let (limits, now) = (Limits::default(), monotonic());
        assert_eq!(limits.turn(&post("1"), true, now), Turn::Go);
        assert_eq!(limits.turn(&post("1"), true, now), Turn::Wait(SOON), "the limit is not known yet");
        limits.came_back(&post("1"), Some(&said(4, 2_000)), now);
        for _ in 0..4 {
            assert_eq!(limits.turn(&post("1"), true, now), Turn::Go);
        }
        assert_eq!(limits.turn(&post("1"), true, now), Turn::Wait(SOON), "four are on their way");
        limits.came_back(&post("1"), Some(&said(0, 2_000)), now);
        let Turn::Wait(wait) = limits.turn(&post("1"), true, now) else { panic!("it went") };
        assert!(wait >= Duration::from_secs(2));
        let again: Vec<_> = (0..6).map(|_| limits.come_again(&post("1"), now)).collect();
        assert!(again[0] >= Duration::from_secs(2) && again[5] - again[0] == Duration::from_secs(2), "{again:?}");
        // In another channel the same bucket is another one, and its limit is known.
        for _ in 0..5 {
            assert_eq!(limits.turn(&post("2"), true, now), Turn::Go);
        }
        assert_eq!(limits.turn(&post("1"), true, now + Duration::from_millis(2_100)), Turn::Go);
    }

    #[test]
    fn a_global_limit_holds_everything_back_and_never_more_than_fifty_go_out() {
        let (limits, now) = (Limits::default(), monotonic());
        limits.pause(&post("1"), true, Duration::from_secs(3), now);
        assert!(matches!(limits.turn(&post("2"), true, now), Turn::AllWait(wait) if wait > Duration::from_secs(2)));
        let later = now + Duration::from_secs(10);
        for n in 0..GLOBAL {
            assert_eq!(limits.turn(&post(&n.to_string()), true, later), Turn::Go);
        }
        assert!(matches!(limits.turn(&post("x"), true, later), Turn::AllWait(_)));
        assert_eq!(limits.turn(&post("y"), false, later), Turn::Go, "interactions do not count");
    }

    #[test]
    fn the_budget_of_invalid_requests_is_not_spent() {
        let (limits, now) = (Limits::default(), monotonic());
        assert!((1..INVALID).all(|_| !limits.invalid(now)));
        assert!(limits.invalid(now));
        assert!(matches!(limits.turn(&post("1"), false, now), Turn::AllWait(wait) if wait > Duration::from_secs(60)));
    }
}
