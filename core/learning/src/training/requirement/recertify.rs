//! Recertification: how long a completion holds, and the cycle that follows it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a requirement says about the time after a completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recertify {
    /// How long a completion holds.
    pub every: Period,
    /// So many days before the end the next cycle is assigned; its due date is the end.
    pub window_days: u32,
    /// So many days after the end the completion still counts, though the next cycle is overdue.
    pub grace_days: u32,
    /// From when a renewal holds.
    pub renews_from: RenewsFrom,
    /// Whether a completion from before the assignment counts.
    pub prior: Prior,
    /// Whether new content of the course begins a new cycle for those who have completed an earlier version.
    pub new_version: bool,
    /// Reminders before the due date of a renewal, the earliest first.
    pub remind_before: Vec<u32>,
}

/// From when a renewal holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RenewsFrom {
    /// From the day of the completion: the law counts from the last training.
    #[default]
    Completion,
    /// From the end of what it renews, when that still counted: the anniversary stays, and nobody loses by being early.
    Expiry,
}

/// Whether a completion from before the assignment counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Prior {
    /// As long as it holds: of the same course under another requirement, and of the time before a rehire.
    #[default]
    #[serde(rename = "counts")]
    Counts,
    /// Everybody does it anew when they are assigned, also who comes back with a new first day of work.
    #[serde(rename = "does not count")]
    DoesNotCount,
}

/// A length of time of the calendar: `12 months`, `2 years`, `90 days`, `6 weeks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    number: u16,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Day, "day"), (Self::Week, "week"), (Self::Month, "month"), (Self::Year, "year")];
}

impl Period {
    /// The day that is so much later. A day that the month does not have is the month's last: a year after 29 February is
    /// 28 February.
    #[must_use]
    pub fn after(self, date: Date) -> Date {
        date.checked_add(self.span()).unwrap_or(Date::MAX)
    }

    fn span(self) -> Span {
        let n = i64::from(self.number);
        match self.unit {
            Unit::Day => n.days(),
            Unit::Week => n.weeks(),
            Unit::Month => n.months(),
            Unit::Year => n.years(),
        }
    }

    /// The fewest days that it can have.
    #[must_use]
    pub fn least_days(self) -> u32 {
        let n = u32::from(self.number);
        match self.unit {
            Unit::Day => n,
            Unit::Week => 7 * n,
            Unit::Month => 28 * n,
            Unit::Year => 365 * n,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = Unit::ALL.iter().find(|(unit, _)| *unit == self.unit).map_or("", |(_, name)| name);
        write!(f, "{} {unit}{}", self.number, if self.number == 1 { "" } else { "s" })
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is not a length of time like \"12 months\", \"2 years\", \"6 weeks\" or \"90 days\"");
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let unit = unit.trim().to_lowercase();
        let unit = unit.strip_suffix('s').unwrap_or(&unit);
        let (unit, _) = Unit::ALL.into_iter().find(|(_, name)| *name == unit).ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        let period = Self { number, unit };
        if (7..=3_660).contains(&period.least_days()) {
            Ok(period)
        } else {
            Err(format!("'{text}' must be at least a week and at most ten years"))
        }
    }
}

impl Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How long a completion holds, and what follows when it ends. Without it, it holds for good.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Recertify")]
pub(super) struct RawRecertify {
    /// How long a completion holds: days, weeks, months or years.
    #[schemars(example = &"12 months", regex(pattern = r"^ *[0-9]+ +([Dd]ays?|[Ww]eeks?|[Mm]onths?|[Yy]ears?) *$"))]
    every: String,
    /// So many days before the end the next cycle is assigned, less than `every`; 30 when absent.
    #[schemars(range(min = 1, max = 366))]
    window_days: Option<u32>,
    /// So many days after the end the completion still counts; 0 when absent.
    #[schemars(range(max = 366))]
    grace_days: Option<u32>,
    /// From when a renewal holds: from its own day, or from the end of what it renews.
    #[serde(default)]
    renews_from: RenewsFrom,
    /// Whether a completion from before the assignment counts, as long as it holds.
    #[serde(default)]
    prior: Prior,
    /// Whether new content of the course begins a new cycle for those who have completed an earlier version.
    #[serde(default)]
    new_version: bool,
    /// Days before the due date of a renewal on which people are reminded; 30, 7 and 1 when absent. Those that would come
    /// before the window opens do not come.
    #[schemars(length(max = 10), inner(range(min = 1, max = 366)))]
    remind_before: Option<Vec<u32>>,
}

impl RawRecertify {
    /// What it says, or everything that is wrong with it.
    pub(super) fn read(self, faults: &mut Vec<String>) -> Option<Recertify> {
        let before = faults.len();
        let every = self.every.parse::<Period>().map_err(|e| faults.push(format!("recertify: every: {e}"))).ok()?;
        let window_days = self.window_days.unwrap_or(30);
        let grace_days = self.grace_days.unwrap_or(0);
        if !(1..=366).contains(&window_days) || window_days >= every.least_days() {
            faults.push(format!(
                "recertify: window_days is {window_days}; it must be at least 1, at most 366, and less than {every}"
            ));
        }
        if grace_days > 366 {
            faults.push(format!("recertify: grace_days is {grace_days}; it must be at most 366"));
        }
        let mut remind_before = self.remind_before.unwrap_or_else(|| vec![30, 7, 1]);
        super::check_days("recertify: remind_before", &mut remind_before, faults);
        remind_before.reverse();
        (faults.len() == before).then_some(Recertify {
            every,
            window_days,
            grace_days,
            renews_from: self.renews_from,
            prior: self.prior,
            new_version: self.new_version,
            remind_before,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_period_is_counted_by_the_calendar_and_written_as_it_is_read() {
        let after = |text: &str, from| text.parse::<Period>().unwrap().after(from);
        assert_eq!(after("1 year", date(2028, 2, 29)), date(2029, 2, 28), "there is no 29 February");
        assert_eq!(after("4 years", date(2028, 2, 29)), date(2032, 2, 29));
        assert_eq!(after("1 month", date(2027, 1, 31)), date(2027, 2, 28));
        assert_eq!(after("12 months", date(2027, 2, 28)), date(2028, 2, 28));
        assert_eq!(after("6 weeks", date(2026, 12, 1)), date(2027, 1, 12));
        assert_eq!("2 Years".parse::<Period>().unwrap().to_string(), "2 years");
        assert_eq!("1 year".parse::<Period>().unwrap().to_string(), "1 year");
        for wrong in ["12", "months", "1 fortnight", "-1 years", "6 days", "11 years", "", "999999 days"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
