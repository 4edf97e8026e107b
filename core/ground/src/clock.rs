//! The two clocks and ids: the only source of "now" and of randomness.
//!
//! Business time is a [`Clock`], handed to everything that needs it; it can be moved by hand in tests and in the demo.
//! Machine time (time-outs, backoff, rate limits) is [`monotonic`] and is never moved.

#![allow(clippy::disallowed_methods, reason = "this is the one place that may read clocks and make randomness")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A point in business time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    rng: Mutex<StdRng>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::build(i64::MIN, StdRng::from_rng(&mut rand::rng()))
    }

    /// A clock that moves only by hand. Ids and randomness stay unpredictable.
    #[must_use]
    pub fn manual(at: Instant) -> Self {
        Self::build(at.0, StdRng::from_rng(&mut rand::rng()))
    }

    /// A clock that moves only by hand, whose ids and randomness follow from `seed`: for tests and simulation.
    #[must_use]
    pub fn seeded(at: Instant, seed: u64) -> Self {
        Self::build(at.0, StdRng::seed_from_u64(seed))
    }

    fn build(manual: i64, rng: StdRng) -> Self {
        Self(Arc::new(Inner { manual: AtomicI64::new(manual), rng: Mutex::new(rng) }))
    }

    /// Now, in business time.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self.0.manual.load(Ordering::SeqCst) {
            i64::MIN => jiff::Timestamp::now().into(),
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

    /// A new random id (UUID version 4, RFC 9562).
    #[must_use]
    pub fn id(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
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
        self.random().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Machine time for time-outs, backoff and measurements. Never business time.
#[must_use]
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
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
    fn the_same_seed_gives_the_same_ids() {
        let (a, b) = (Clock::seeded(Instant(0), 7), Clock::seeded(Instant(0), 7));
        assert_eq!(a.id(), b.id());
        assert_ne!(a.id(), b.random().map(|_| 0).into_iter().map(|_| a.id()).next().unwrap());
    }
}
