//! The one place for Discord's limits: what its headers said for each bucket, fifty calls a second in all, and the budget of
//! invalid requests. Discord bans an address for an hour after 10,000 answers of 401, 403 or 429 in ten minutes: a message
//! that is late is better.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use stoa_http::{Turn, locked};

/// Calls in a second of all servers, interactions and webhooks not counted; Discord allows fifty.
const GLOBAL: usize = 48;
const SECOND: Duration = Duration::from_secs(1);
/// Invalid requests of all servers in [`INVALID_WINDOW`] after which nothing goes out for a while: they may share an address.
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
    /// Whether Discord did what it was asked: without a limit there is none then.
    pub done: bool,
    pub bucket: Option<String>,
    pub limit: Option<u32>,
    pub remaining: Option<u32>,
    pub reset_after: Option<Duration>,
}

/// A call that counts: its kind, for example `POST /channels/:id/messages`, and the id that has limits of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub kind: &'static str,
    pub major: String,
    /// Whether it counts among fifty calls a second.
    pub global: bool,
}

#[derive(Default)]
pub(crate) struct Limits(Mutex<State>);

#[derive(Default)]
struct State {
    /// The bucket of each kind of call, once Discord said it.
    names: HashMap<&'static str, (String, u32)>,
    buckets: HashMap<(String, String), Bucket>,
    /// Calls that count among all and are on their way, and when the others of the last second came back. Discord counts a
    /// call somewhere between: a second after it came back it surely does not count any more.
    on_the_way: usize,
    back: VecDeque<Instant>,
    /// How many other servers call as the same bot.
    others: usize,
    /// Discord said that there were too many calls in all: those that count among all wait.
    paused: Option<Instant>,
    /// The budget of invalid requests is used up, or the address is banned: everything waits.
    cooling: Option<Instant>,
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

impl Limits {
    /// Whether a call may go out.
    pub(crate) fn turn(&self, route: &Route, now: Instant) -> Turn {
        let mut all = locked(&self.0);
        let state = &mut *all;
        let paused = state.paused.filter(|_| route.global);
        if let Some(until) = paused.max(state.cooling).filter(|until| *until > now) {
            return Turn::AllWait(until - now);
        }
        while state.back.front().is_some_and(|at| now.saturating_duration_since(*at) >= SECOND) {
            state.back.pop_front();
        }
        if route.global && state.on_the_way + state.back.len() >= state.part_of(GLOBAL) {
            let first = state.back.front().map(|at| (*at + SECOND).saturating_duration_since(now));
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
        state.on_the_way += usize::from(route.global);
        Turn::Go
    }

    /// So many servers call as the same bot, this one counted.
    pub(crate) fn shared_by(&self, servers: usize) {
        locked(&self.0).others = servers.saturating_sub(1);
    }

    /// This server's part of so many, and at least one.
    pub(crate) fn part_of(&self, most: usize) -> usize {
        locked(&self.0).part_of(most)
    }

    /// When a call that does not wait here is to come again: those of one bucket come as its limit lets them.
    pub(crate) fn come_again(&self, route: &Route, now: Instant) -> Duration {
        let mut all = locked(&self.0);
        let state = &mut *all;
        let Some(bucket) = state.bucket(route) else { return SOON };
        let first = bucket.reset.max(now) + MARGIN;
        let at = bucket.row.max(first);
        bucket.row = at + bucket.window.max(SECOND) / bucket.limit.max(1);
        at - now
    }

    /// A call came back, or did not; `said` is what its headers said.
    pub(crate) fn came_back(&self, route: &Route, said: Option<&Said>, now: Instant) {
        let mut all = locked(&self.0);
        let state = &mut *all;
        if route.global {
            state.on_the_way = state.on_the_way.saturating_sub(1);
            state.back.push_back(now);
        }
        if let Some((name, limit)) = said.and_then(|s| s.bucket.clone().zip(s.limit)) {
            state.is_called(route, &name, limit);
        }
        let Some(bucket) = state.bucket(route) else { return };
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
            // No limit of its own. A refusal does not say that: a global one names no bucket.
            _ if said.done => (bucket.remaining, bucket.limit) = (Some(1_000), 1_000),
            _ => {}
        }
    }

    /// Discord said to wait: this bucket, or everything.
    pub(crate) fn pause(&self, route: &Route, everything: bool, after: Duration, now: Instant) {
        let mut all = locked(&self.0);
        let state = &mut *all;
        if everything {
            let until = now + after + MARGIN;
            state.paused = state.paused.max(Some(until));
            return;
        }
        if let Some(bucket) = state.bucket(route) {
            bucket.remaining = Some(0);
            bucket.reset = bucket.reset.max(now + after);
        }
    }

    /// An answer of 401, 403 or 429. Gives whether the budget is used up, and nothing goes out for a while.
    pub(crate) fn invalid(&self, now: Instant) -> bool {
        let mut state = locked(&self.0);
        while state.invalid.front().is_some_and(|at| now.saturating_duration_since(*at) >= INVALID_WINDOW) {
            state.invalid.pop_front();
        }
        state.invalid.push_back(now);
        let most = state.part_of(INVALID);
        if state.invalid.len() < most {
            return false;
        }
        state.cooling = state.cooling.max(Some(now + COOL_DOWN));
        // The oldest are forgiven, so that some calls can go out after the pause.
        state.invalid.drain(..most.div_ceil(20));
        true
    }

    /// The address is banned: nothing goes out, whatever it is.
    pub(crate) fn ban(&self, after: Duration, now: Instant) {
        let mut state = locked(&self.0);
        state.cooling = state.cooling.max(Some(now + after + MARGIN));
    }
}

impl State {
    /// This server's part of so many, and at least one.
    fn part_of(&self, most: usize) -> usize {
        (most / (self.others + 1)).max(1)
    }

    /// The bucket of a kind of call, as far as it is known.
    fn bucket(&mut self, route: &Route) -> Option<&mut Bucket> {
        let name = self.names.get(route.kind).map_or(route.kind, |(name, _)| name.as_str());
        self.buckets.get_mut(&(name.to_owned(), route.major.clone()))
    }

    /// Discord said which bucket a kind of call has. What is on its way under the name that it had counts there.
    fn is_called(&mut self, route: &Route, name: &str, limit: u32) {
        let old = self.names.insert(route.kind, (name.to_owned(), limit)).map(|(old, _)| old);
        let moved: Vec<_> = match old {
            Some(old) if old == name => return,
            // Another kind may have this bucket as well.
            Some(old) => self.buckets.extract_if(|k, _| k.0 == old && k.1 == route.major).collect(),
            None => self.buckets.extract_if(|k, _| k.0 == route.kind).collect(),
        };
        for ((_, major), bucket) in moved {
            match self.buckets.entry((name.to_owned(), major)) {
                Entry::Occupied(mut known) => known.get_mut().on_the_way += bucket.on_the_way,
                Entry::Vacant(place) => {
                    place.insert(bucket);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_ground::clock::monotonic;

    fn post(channel: &str) -> Route {
        Route { kind: "POST /channels/:id/messages", major: channel.into(), global: true }
    }

    fn said(remaining: u32, millis: u64) -> Said {
        Said {
            done: true,
            bucket: Some("abc".into()),
            limit: Some(5),
            remaining: Some(remaining),
            reset_after: Some(Duration::from_millis(millis)),
        }
    }

    #[test]
    fn one_call_finds_out_and_the_others_keep_to_it() {
        let (limits, now) = (Limits::default(), monotonic());
        assert_eq!(limits.turn(&post("1"), now), Turn::Go);
        assert_eq!(limits.turn(&post("1"), now), Turn::Wait(SOON), "the limit is not known yet");
        limits.came_back(&post("1"), Some(&said(4, 2_000)), now);
        for _ in 0..4 {
            assert_eq!(limits.turn(&post("1"), now), Turn::Go);
        }
        assert_eq!(limits.turn(&post("1"), now), Turn::Wait(SOON), "four are on their way");
        limits.came_back(&post("1"), Some(&said(0, 2_000)), now);
        let Turn::Wait(wait) = limits.turn(&post("1"), now) else { panic!("it went") };
        assert!(wait >= Duration::from_secs(2));
        let again: Vec<_> = (0..6).map(|_| limits.come_again(&post("1"), now)).collect();
        assert!(again[0] >= Duration::from_secs(2) && again[5] - again[0] == Duration::from_secs(2), "{again:?}");
        // In another channel the same bucket is another one, and its limit is known.
        for _ in 0..5 {
            assert_eq!(limits.turn(&post("2"), now), Turn::Go);
        }
        assert_eq!(limits.turn(&post("1"), now + Duration::from_millis(2_100)), Turn::Go);
    }

    #[test]
    fn a_global_limit_holds_everything_back_and_never_more_than_fifty_go_out() {
        let (limits, now) = (Limits::default(), monotonic());
        limits.pause(&post("1"), true, Duration::from_secs(3), now);
        assert!(matches!(limits.turn(&post("2"), now), Turn::AllWait(wait) if wait > Duration::from_secs(2)));
        let acknowledgement = Route { global: false, ..post("x") };
        assert_eq!(limits.turn(&acknowledgement, now), Turn::Go, "an interaction has three seconds");
        let later = now + Duration::from_secs(10);
        for n in 0..GLOBAL {
            assert_eq!(limits.turn(&post(&n.to_string()), later), Turn::Go);
        }
        assert!(matches!(limits.turn(&post("x"), later), Turn::AllWait(_)));
        assert_eq!(limits.turn(&Route { global: false, ..post("y") }, later), Turn::Go, "interactions do not count");
    }

    #[test]
    fn servers_of_one_bot_share_the_calls_of_a_second() {
        let (limits, now) = (Limits::default(), monotonic());
        let free = |at| (0..100).filter(|n| limits.turn(&post(&n.to_string()), at) == Turn::Go).count();
        limits.shared_by(3);
        assert_eq!(free(now), GLOBAL / 3);
        // One of them has gone.
        limits.shared_by(2);
        assert_eq!(free(now), GLOBAL / 2 - GLOBAL / 3);
        limits.shared_by(1_000);
        assert_eq!(free(now), 0);
        for n in 0..GLOBAL / 2 {
            limits.came_back(&post(&n.to_string()), None, now);
        }
        assert_eq!(free(now + SECOND), 1, "never none at all");
    }

    #[test]
    fn the_budget_of_invalid_requests_is_not_spent() {
        let (limits, now) = (Limits::default(), monotonic());
        assert!((1..INVALID).all(|_| !limits.invalid(now)));
        assert!(limits.invalid(now));
        for global in [true, false] {
            let route = Route { global, ..post("1") };
            assert!(matches!(limits.turn(&route, now), Turn::AllWait(wait) if wait > Duration::from_secs(60)));
        }
        // Servers may share an address, and do share what it may spend.
        let shared = Limits::default();
        shared.shared_by(4);
        assert_eq!((1..=INVALID).find(|_| shared.invalid(now)), Some(INVALID / 4));
    }

    #[test]
    fn no_more_arrive_in_a_second_than_discord_takes_however_long_they_are_on_their_way() {
        let (limits, begun) = (Limits::default(), monotonic());
        // Steps of five milliseconds for twenty seconds; the way there is slow for a second and fast for the next.
        let (mut arrived, mut back, mut sent) = (Vec::new(), Vec::new(), 0_u64);
        for step in 0..4_000_u64 {
            let now = begun + Duration::from_millis(5 * step);
            back.retain(|(at, route)| {
                *at > step || {
                    limits.came_back(route, None, now);
                    false
                }
            });
            loop {
                let route = post(&sent.to_string());
                if limits.turn(&route, now) != Turn::Go {
                    break;
                }
                let (there, home) = (if (step / 200) % 2 == 0 { 55 } else { 1 }, (sent * 53) % 20);
                arrived.push(step + there);
                back.push((step + there + home + 1, route));
                sent += 1;
            }
        }
        arrived.sort_unstable();
        let most = arrived.iter().map(|at| arrived.iter().filter(|a| (*at..at + 200).contains(*a)).count()).max();
        assert!(most.is_some_and(|most| most <= 50), "{most:?} in one second");
        assert!(sent > 20 * 35, "{sent} in twenty seconds");
    }

    #[test]
    fn a_refusal_that_names_no_bucket_does_not_lift_its_limit() {
        let (limits, now) = (Limits::default(), monotonic());
        assert_eq!(limits.turn(&post("1"), now), Turn::Go);
        limits.came_back(&post("1"), Some(&said(4, 2_000)), now);
        assert_eq!(limits.turn(&post("1"), now), Turn::Go);
        limits.came_back(&post("1"), Some(&Said::default()), now);
        let more = (0..10).filter(|_| limits.turn(&post("1"), now) == Turn::Go).count();
        assert_eq!(more, 4);
        // What is done and names no bucket has no limit of its own.
        let add = Route { kind: "PUT /channels/:id/thread-members/:user", ..post("1") };
        assert_eq!(limits.turn(&add, now), Turn::Go);
        limits.came_back(&add, Some(&Said { done: true, ..Said::default() }), now);
        assert!((0..10).all(|_| limits.turn(&add, now) == Turn::Go));
    }

    #[test]
    fn calls_that_were_on_their_way_count_once_the_bucket_has_a_name() {
        let (limits, now) = (Limits::default(), monotonic());
        assert_eq!(limits.turn(&post("1"), now), Turn::Go);
        assert_eq!(limits.turn(&post("2"), now), Turn::Go);
        limits.came_back(&post("1"), Some(&said(4, 2_000)), now);
        assert_eq!(limits.turn(&post("2"), now), Turn::Wait(SOON), "the first one there is on its way");
        limits.came_back(&post("2"), Some(&said(4, 2_000)), now);
        assert_eq!((0..10).filter(|_| limits.turn(&post("2"), now) == Turn::Go).count(), 4);
    }
}
