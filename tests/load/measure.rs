//! Figures, and what is read of the server's process.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Parts of a second in which Linux counts processor time for programs.
const TICKS: f64 = 100.0;

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// Less than this.
    Under(f64),
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// None at all, on any machine.
    None,
    /// It only says how the others came about.
    Context,
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub name: String,
    value: f64,
    unit: &'static str,
    wanted: Wanted,
}

impl Figure {
    /// A figure in a unit.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str, wanted: Wanted) -> Self {
        Self { name: name.into(), value, unit, wanted }
    }

    /// A time in milliseconds.
    pub fn time(name: impl Into<String>, value: Duration, wanted: Wanted) -> Self {
        Self::new(name, value.as_secs_f64() * 1_000.0, "ms", wanted)
    }

    /// How many.
    pub fn count(name: impl Into<String>, value: usize, wanted: Wanted) -> Self {
        Self::new(name, value as f64, "", wanted)
    }

    /// Whether something happened that must not happen on any machine.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.wanted == Wanted::None && self.value > 0.0
    }

    fn reached(&self) -> Option<bool> {
        match self.wanted {
            Wanted::Under(limit) => Some(self.value < limit),
            Wanted::AtMost(limit) => Some(self.value <= limit),
            Wanted::AtLeast(limit) => Some(self.value >= limit),
            Wanted::None => Some(self.value == 0.0),
            Wanted::Context => None,
        }
    }

    fn wanted(&self) -> String {
        let sign = match self.wanted {
            Wanted::Under(limit) => format!("< {}", number(limit)),
            Wanted::AtMost(limit) => format!("≤ {}", number(limit)),
            Wanted::AtLeast(limit) => format!("≥ {}", number(limit)),
            Wanted::None => "0".to_owned(),
            Wanted::Context => return String::new(),
        };
        format!("{sign} {}", self.unit).trim().to_owned()
    }

    /// As one line: name, value, what is wanted, and the command.
    #[must_use]
    pub fn line(&self, command: &str) -> String {
        let value = format!("{} {}", number(self.value), self.unit);
        let wanted = match self.reached() {
            None => String::new(),
            Some(reached) => format!("wanted {}{}", self.wanted(), if reached { "" } else { ": missed" }),
        };
        format!("{:<72} {:>14}  {wanted:<28} {command}", self.name, value.trim())
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self, command: &str) -> Value {
        json!({ "figure": self.name, "value": self.value, "unit": self.unit, "wanted": self.wanted(),
            "reached": self.reached(), "command": command })
    }
}

/// With two places after the point where it has any.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The server's process.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// Processor time that it has used, of all its threads.
    pub fn cpu(self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).context("this system has no /proc")?;
        // What stands before the last bracket is the program's name, with whatever is in it.
        let rest = stat.rsplit_once(')').context("a line of /proc")?.1;
        let field = |n: usize| rest.split_whitespace().nth(n).and_then(|v| v.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime are the 14th and 15th field of the line.
        Ok(Duration::from_secs_f64((field(11) + field(12)) / TICKS))
    }

    /// Resident memory in MB: now, and the most that there ever was.
    pub fn memory(self) -> Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).context("this system has no /proc")?;
        let of = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1_024.0 / 1_000_000.0)
        };
        Ok((of("VmRSS:").context("VmRSS")?, of("VmHWM:").context("VmHWM")?))
    }
}

/// The time within which so many of a hundred ended; the longest of none is none.
#[must_use]
pub fn within(times: &[Duration], share: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() * share / 100).or(sorted.last()).copied().unwrap_or_default()
}

/// Processor time for each of so many, in milliseconds.
#[must_use]
pub fn each(cpu: Duration, number: usize) -> f64 {
    cpu.as_secs_f64() * 1_000.0 / number.max(1) as f64
}
