//! What a simulation comes to, counted while its lines go by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::civil::Date;

use super::{Line, Told};

/// Counts lines, for the summary.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Kind to decision to how many.
    kinds: BTreeMap<String, BTreeMap<String, usize>>,
    /// For what was not sent, or sent later: decision, code and how many.
    reasons: BTreeMap<(String, String), usize>,
    people: BTreeSet<String>,
    /// Counted messages by person and day.
    days: BTreeMap<(String, String), usize>,
}

/// The order of the columns.
const DECISIONS: [&str; 6] = ["now", "merge", "later", "withhold", "cancel", "edit"];

impl Tally {
    /// Takes one line into account.
    pub fn add(&mut self, line: &Line) {
        *self.kinds.entry(line.kind.clone()).or_default().entry(line.decision.clone()).or_default() += 1;
        if matches!(line.decision.as_str(), "later" | "withhold" | "cancel") {
            *self.reasons.entry((line.decision.clone(), line.reason.clone())).or_default() += 1;
        }
        if line.decision == "now" {
            self.people.insert(line.person.clone());
        }
        if line.counted {
            let day = line.at.get(..10).unwrap_or_default().to_owned();
            *self.days.entry((line.person.clone(), day)).or_default() += 1;
        }
    }

    /// The summary for people: what was decided by kind, what was held back and why, and how full the days were.
    #[must_use]
    pub fn text(&self, from: Date, to: Date, told: &Told) -> String {
        let mut out = format!("{from} to {to}: ");
        let sent: usize = self.kinds.values().filter_map(|d| d.get("now")).sum();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{sent} messages to {} people\n", self.people.len());
        let _ = write!(out, "{:<16}", "");
        for word in ["sent", "merged", "put off", "withheld", "taken back", "edited"] {
            let _ = write!(out, "{word:>11}");
        }
        out.push('\n');
        for (kind, decisions) in &self.kinds {
            let _ = write!(out, "{kind:<16}");
            for decision in DECISIONS {
                let n = decisions.get(decision).map_or_else(|| "-".to_owned(), ToString::to_string);
                let _ = write!(out, "{n:>11}");
            }
            out.push('\n');
        }
        if !self.reasons.is_empty() {
            let said = |(decision, reason): &(String, String), n: &usize| {
                let word = match decision.as_str() {
                    "later" => "put off",
                    "withhold" => "withheld",
                    _ => "taken back",
                };
                format!("{word} ({reason}) {n}")
            };
            let all: Vec<String> = self.reasons.iter().map(|(key, n)| said(key, n)).collect();
            let _ = writeln!(out, "\nwhy: {}", all.join(", "));
        }
        let mut full: BTreeMap<usize, usize> = BTreeMap::new();
        for n in self.days.values() {
            *full.entry(*n).or_default() += 1;
        }
        if !full.is_empty() {
            let all: Vec<String> = full
                .iter()
                .map(|(n, days)| format!("{days} with {n} message{}", if *n == 1 { "" } else { "s" }))
                .collect();
            let _ = writeln!(out, "days of people: {}", all.join(", "));
        }
        for note in told.notes() {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}

impl Told {
    /// What should be known beside the lines, one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut all = Vec::new();
        match self.without_account.len() {
            0 => {}
            1 => all.push("note: 1 person has no account yet, and is simulated as if there were one".into()),
            n => all.push(format!("note: {n} people have no account yet, and are simulated as if they had one")),
        }
        match self.left_out {
            0 => {}
            1 => all.push("note: 1 event lies outside of the time that was simulated, and was left out".into()),
            n => all.push(format!("note: {n} events lie outside of the time that was simulated, and were left out")),
        }
        // All of them: whoever checks the output must know which events counted.
        all.extend(self.notes.iter().map(|note| format!("note: the event of {note}")));
        all
    }
}
