//! Dates and times in a person's language. The caller has turned instants into the person's zone before.

use jiff::Zoned;
use jiff::civil::{Date, Time};

use super::Words;
use crate::say;

impl Words {
    /// "Mon, 23 Nov 2026".
    pub fn date(&self, date: Date) -> String {
        let (day, month) = (i32::from(date.day()), self.month(date));
        say!(
            self,
            "date-full",
            weekday = self.weekday_short(date),
            day = day,
            month = month,
            year = date.year().to_string()
        )
    }

    /// The day as one says it on `today`: "today", "tomorrow", "yesterday", "Friday" (within the next six days),
    /// "Fri, 4 Dec", with the year when it is another one.
    pub fn day(&self, date: Date, today: Date) -> String {
        let days_ahead = (date - today).get_days();
        match days_ahead {
            -1 => self.say("day-yesterday"),
            0 => self.say("day-today"),
            1 => self.say("day-tomorrow"),
            2..=6 => say!(self, "weekday", n = weekday_number(date)),
            _ if date.year() != today.year() => self.date(date),
            _ => {
                let day = i32::from(date.day());
                say!(self, "date-short", weekday = self.weekday_short(date), day = day, month = self.month(date))
            }
        }
    }

    /// "09:30".
    pub fn time(&self, time: Time) -> String {
        say!(self, "time", hour = format!("{:02}", time.hour()), minute = format!("{:02}", time.minute()))
    }

    /// Day and time as one says them on `today`: "tomorrow 14:05".
    pub fn day_and_time(&self, at: &Zoned, today: Date) -> String {
        format!("{} {}", self.day(at.date(), today), self.time(at.time()))
    }

    fn weekday_short(&self, date: Date) -> String {
        say!(self, "weekday-short", n = weekday_number(date))
    }

    fn month(&self, date: Date) -> String {
        say!(self, "month-short", n = i32::from(date.month()))
    }
}

/// Monday is 1, as in ISO 8601.
fn weekday_number(date: Date) -> i32 {
    i32::from(date.weekday().to_monday_one_offset())
}
