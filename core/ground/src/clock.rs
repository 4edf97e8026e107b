//! The two clocks and ids: the only source of "now" and of randomness.
//!
//! Business time is a [`Clock`], handed to everything that needs it; it can be moved by hand in tests and in the demo.
//! Machine time (time-outs, backoff, rate limits) is [`monotonic`] and is never moved.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may read clocks and make randomness")]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A point in business time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(pub i64);

impl Instant {
    /// Microseconds in a second.
    pub const SECOND: i64 = 1_000_000;
    /// Microseconds in an hour.
    pub const HOUR: i64 = 3_600 * Self::SECOND;
    /// Microseconds in 24 hours. Rules about days use the person's zone instead.
    pub const DAY: i64 = 24 * Self::HOUR;

    /// This instant moved by so many microseconds.
    #[must_use]
    pub fn plus(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// As a jiff timestamp. Instants outside of jiff's range (years -9999 to 9999) are clamped.
    #[must_use]
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// In a time zone.
    #[must_use]
    pub fn zoned(self, zone: &jiff::tz::TimeZone) -> jiff::Zoned {
        self.timestamp().to_zoned(zone.clone())
    }

    /// RFC 3339 in UTC with milliseconds, as xAPI wants it: `2026-11-23T18:33:27.000Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the text is not an RFC 3339 date and time with an offset.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse::<jiff::Timestamp>()
            .map(Self::from)
            .map_err(|_| Error::invalid(format!("'{text}' is not a date and time like 2026-11-23T09:00:00Z")))
    }
}

impl From<jiff::Timestamp> for Instant {
    fn from(t: jiff::Timestamp) -> Self {
        Self(t.as_microsecond())
    }
}

impl From<&jiff::Zoned> for Instant {
    fn from(z: &jiff::Zoned) -> Self {
        z.timestamp().into()
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Business time, ids and randomness. Cheap to clone; all clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The time of a manual clock; `i64::MIN` for the system's clock.
    manual: AtomicI64,
    steady: Mutex<Steady>,
    machine: Machine,
    rng: Mutex<StdRng>,
    /// The milliseconds and the number of the newest id.
    ids: AtomicU64,
}

/// Where the system's clock reads the machine's: the wall clock, and the monotonic one since some beginning.
#[derive(Clone, Copy)]
struct Machine(fn() -> (Instant, Duration));

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Machine")
    }
}

/// Business time made of the machine's wall clock, which people and programs set: it follows it forward at once, and
/// never goes back. When the wall clock was set back, business time runs at half speed until the two meet, so that what
/// was due stays due, and what is due in a minute waits two, not the hour that the wall clock lost.
#[derive(Clone, Copy, Debug)]
struct Steady {
    shown: Instant,
    at: Duration,
}

impl Steady {
    /// The time to show when the wall clock shows `wall` and the monotonic one `at`.
    fn show(&mut self, wall: Instant, at: Duration) -> Instant {
        let gone = i64::try_from(at.saturating_sub(self.at).as_micros()).unwrap_or(0);
        self.shown = wall.max(self.shown.plus(gone / 2));
        // Half of an odd microsecond is kept for the next look.
        self.at = self.at.max(at.saturating_sub(Duration::from_micros(u64::try_from(gone % 2).unwrap_or(0))));
        self.shown
    }
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::build(i64::MIN, StdRng::from_rng(&mut rand::rng()), Machine(read_machine))
    }

    /// The system's clock, where `machine` stands in for the machine's wall clock and its monotonic one: for tests.
    #[must_use]
    pub fn on_machine(machine: fn() -> (Instant, Duration)) -> Self {
        Self::build(i64::MIN, StdRng::from_rng(&mut rand::rng()), Machine(machine))
    }

    /// Lets the system's clock go on from `at`, which a store has seen already, where the wall clock is behind it. A store
    /// that is ahead by more than a day was written under a wrong clock, and is not followed; gives whether that is so.
    pub fn not_before(&self, at: Instant) -> bool {
        let now = self.now();
        if at > now.plus(Instant::DAY) {
            return true;
        }
        let mut steady = self.0.steady.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        steady.shown = steady.shown.max(at);
        false
    }

    /// A clock that moves only by hand. Ids and randomness stay unpredictable.
    #[must_use]
    pub fn manual(at: Instant) -> Self {
        Self::build(at.0, StdRng::from_rng(&mut rand::rng()), Machine(read_machine))
    }

    /// A clock that moves only by hand, whose ids and randomness follow from `seed`: for tests and simulation.
    #[must_use]
    pub fn seeded(at: Instant, seed: u64) -> Self {
        Self::build(at.0, StdRng::seed_from_u64(seed), Machine(read_machine))
    }

    fn build(manual: i64, rng: StdRng, machine: Machine) -> Self {
        let (wall, at) = (machine.0)();
        let steady = Mutex::new(Steady { shown: wall, at });
        Self(Arc::new(Inner {
            manual: AtomicI64::new(manual),
            steady,
            machine,
            rng: Mutex::new(rng),
            ids: AtomicU64::new(0),
        }))
    }

    /// Now, in business time. It never goes back, whatever becomes of the machine's wall clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self.0.manual.load(Ordering::SeqCst) {
            i64::MIN => {
                let mut steady = self.0.steady.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let (wall, at) = (self.0.machine.0)();
                steady.show(wall, at)
            }
            at => Instant(at),
        }
    }

    /// Whether the clock is moved by hand.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.0.manual.load(Ordering::SeqCst) != i64::MIN
    }

    /// Moves a manual clock. It never goes back.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the system's clock, and when `to` is earlier than now.
    pub fn set(&self, to: Instant) -> Result<()> {
        if !self.is_manual() {
            return Err(Error::invalid("the clock can be moved only when Stoa runs with --clock manual"));
        }
        if to < self.now() {
            return Err(Error::invalid(format!("the clock shows {} and cannot go back to {to}", self.now())));
        }
        self.0.manual.store(to.0, Ordering::SeqCst);
        Ok(())
    }

    /// A new id: a UUID that begins with the milliseconds of business time and a number that rises within each of them, and is
    /// random from there (62 bits). So ids rise in the order in which this process makes them, and rows come into an index in
    /// its order. It says version 4 (RFC 9562, section 5.4): some Learning Record Stores refuse later ones.
    #[must_use]
    pub fn id(&self) -> uuid::Uuid {
        let least = u64::try_from(self.now().0 / 1_000).unwrap_or_default() << 12;
        let next = |last: u64| least.max(last.saturating_add(1));
        // The update is never refused.
        let last =
            self.0.ids.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(next(last))).unwrap_or_default();
        let number = next(last);
        let [_, _, millis @ ..] = (number >> 12).to_be_bytes();
        let [high, low] = (number as u16 & 0x0fff).to_be_bytes();
        let mut bytes = self.random();
        bytes[..millis.len()].copy_from_slice(&millis);
        (bytes[6], bytes[7]) = (high, low);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Sixteen random bytes.
    #[must_use]
    pub fn random(&self) -> [u8; 16] {
        let mut bytes = [0u8; 16];
        let mut rng = self.0.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rng.fill(&mut bytes);
        bytes
    }

    /// A secret for a link, key or token: 128 random bits as 32 hexadecimal digits.
    #[must_use]
    pub fn secret(&self) -> String {
        crate::hex(self.random().iter())
    }
}

/// Machine time for time-outs, backoff and measurements. Never business time.
#[must_use]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// The machine's wall clock, and its monotonic one since the first look.
fn read_machine() -> (Instant, Duration) {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    (wall(), START.get_or_init(monotonic).elapsed())
}

/// Machine time for leases and retries: the wall clock as it was when the process began, moved on by the monotonic clock,
/// so that a wall clock that jumps moves nothing. Never business time.
#[must_use]
pub fn machine() -> Instant {
    static START: OnceLock<(Instant, std::time::Instant)> = OnceLock::new();
    let (wall, started) = START.get_or_init(|| (wall(), monotonic()));
    wall.plus(i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX))
}

/// The machine's wall clock, for the windows of signatures that others made. Never business time.
#[must_use]
pub fn wall() -> Instant {
    jiff::Timestamp::now().into()
}

/// Randomness for the jitter of retries.
#[must_use]
pub fn noise() -> u64 {
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_forward_only() {
        let clock = Clock::manual(Instant::parse("2026-11-23T09:00:00Z").unwrap());
        clock.set(clock.now().plus(Instant::DAY)).unwrap();
        assert_eq!(clock.now().rfc3339(), "2026-11-24T09:00:00.000Z");
        assert!(clock.set(Instant(0)).is_err());
        assert!(Clock::system().set(Instant(i64::MAX)).is_err());
    }

    #[test]
    fn ids_rise_also_within_a_millisecond() {
        let clock = Clock::seeded(Instant::parse("2026-11-23T09:00:00Z").unwrap(), 1);
        let mut ids: Vec<_> = (0..10_000).map(|_| clock.id()).collect();
        clock.set(clock.now().plus(Instant::SECOND)).unwrap();
        ids.push(clock.id());
        assert!(ids.is_sorted_by(|a, b| a < b && a.to_string() < b.to_string()));
        assert!(ids.iter().all(|id| id.get_version_num() == 4 && id.get_variant() == uuid::Variant::RFC4122));
    }

    #[test]
    fn a_wall_clock_that_jumps_takes_business_time_forward_and_never_back() {
        let (start, second) = (Instant::parse("2026-11-23T09:00:00Z").unwrap(), Duration::from_secs(1));
        let mut steady = Steady { shown: start, at: second };
        let mut show = |wall: i64, at: Duration| (steady.show(start.plus(wall), at).0 - start.0) / Instant::SECOND;
        assert_eq!(show(1_000_000, 2 * second), 1);
        assert_eq!(show(Instant::HOUR, 3 * second), 3_600, "an hour forward is followed at once");
        // Set back to where it was: business time goes on at half speed.
        assert_eq!(show(4 * Instant::SECOND, 5 * second), 3_601);
        assert_eq!(show(4 * Instant::SECOND, 5 * second), 3_601);
        assert_eq!(show(64 * Instant::SECOND, 65 * second), 3_631);
        // Two hours after the jump both show the same again.
        assert_eq!(show(2 * Instant::HOUR, Duration::from_secs(7_203)), 7_200);
        assert_eq!(show(2 * Instant::HOUR + Instant::SECOND, Duration::from_secs(7_204)), 7_201);
    }

    #[test]
    fn microseconds_add_up_also_when_it_is_looked_at_often() {
        let mut steady = Steady { shown: Instant(10_000_000), at: Duration::ZERO };
        for n in 1..=1_000 {
            steady.show(Instant(0), Duration::from_micros(n));
        }
        assert_eq!(steady.shown, Instant(10_000_500));
    }

    #[test]
    fn a_store_that_has_seen_a_later_time_is_gone_on_from() {
        let clock = Clock::system();
        let ahead = clock.now().plus(Instant::HOUR);
        assert!(!clock.not_before(ahead));
        assert!(clock.now() >= ahead);
        assert!(clock.not_before(ahead.plus(400 * Instant::DAY)), "a clock that was wrong by a year is not followed");
        assert!(clock.now() < ahead.plus(Instant::DAY));
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (a, b) = (Clock::seeded(Instant(0), 7), Clock::seeded(Instant(0), 7));
        assert_eq!(a.id(), b.id());
        assert_ne!(a.id(), b.random().map(|_| 0).into_iter().map(|_| a.id()).next().unwrap());
    }
}
