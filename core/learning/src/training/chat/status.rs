//! `training status`, also as of a past day: how the people stand for whom somebody answers.

use jiff::civil::Date;
use stoa_flow::chat::{Context, Message};
use stoa_flow::say;
use stoa_ground::people::calendar::parse_date;
use stoa_ground::people::{self, Person, Role};
use stoa_ground::{Error, Result};

use crate::training::history::AsOf;
use crate::training::team::{Page, Standing};

/// Of more people than this only the command line tells the past.
const MOST: usize = 2_000;

/// Whether the words after `training` ask for a status.
pub(super) fn asks(text: &str) -> bool {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    word == "status" && (rest.trim().is_empty() || day_of(rest).is_some())
}

/// What stands where a day should, with and without the words `as of`.
fn day_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let lower = text.to_lowercase();
    match lower.strip_prefix("as of ").or_else(|| lower.strip_prefix("on ")) {
        Some(rest) => text.get(text.len() - rest.len()..).map(str::trim),
        None => read(text, Date::MAX).map(|_| text),
    }
}

/// A day as people write it: `2026-03-31`, `31 March`, `March 31, 2026`. Without a year it is the newest one up to `today`.
fn read(text: &str, today: Date) -> Option<Date> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if let Some(date) = parse_date(text) {
        return Some(date);
    }
    let (mut day, mut month, mut year) = (None, None, None);
    for word in text.to_lowercase().split([' ', ',', '.']).filter(|w| !w.is_empty()) {
        let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let suffix = word.get(number.len()..).unwrap_or_default();
        match (number.parse::<i16>(), month) {
            (Ok(n), _) if (1000..=9999).contains(&n) && year.is_none() => year = Some(n),
            (Ok(n), _) if day.is_none() && matches!(suffix, "" | "st" | "nd" | "rd" | "th") => {
                day = Some(i8::try_from(n).ok()?);
            }
            (Err(_), None) if word.len() >= 3 => {
                month = Some(MONTHS.iter().position(|m| m.starts_with(word)).and_then(|n| i8::try_from(n + 1).ok())?);
            }
            _ => return None,
        }
    }
    let (day, month) = (day?, month?);
    match year {
        Some(year) => Date::new(year, month, day).ok(),
        // Four years back there is a 29 February, eight where a century has none.
        None => (0..=8).filter_map(|n| Date::new(today.year() - n, month, day).ok()).find(|date| *date <= today),
    }
}

/// What stands before `from N`, which a button says that shows the next ones, and that number.
fn paged(text: &str) -> (&str, usize) {
    let (before, number) = text.rsplit_once(' ').unwrap_or(("", text));
    match (before.strip_suffix("from"), number.parse()) {
        (Some(before), Ok(from)) => (before.trim(), from),
        _ => (text, 0),
    }
}

/// Tells it. `text` is what follows on `status`.
pub(super) async fn tell(cx: &Context<'_>, person: &Person, text: &str) -> Result<()> {
    let (text, from) = paged(text);
    let (words, now) = (cx.words, cx.db().clock().now());
    let today = cx.flow.organisation().calendar(person).date(now);
    let when = match day_of(text) {
        Some(day) => {
            let date = read(day, today).ok_or_else(|| Error::invalid(say!(words, "training-status-no-day")))?;
            if AsOf::Day(date).is_future(now) {
                return Err(Error::invalid(say!(words, "training-status-future", day = words.date(date))));
            }
            Some(date)
        }
        None => None,
    };
    let standing = cx.db().read(|c| async move {
        let roles = people::roles_of(&c, person).await?;
        let sees_all = roles.contains(&Role::Learning) || roles.contains(&Role::Auditor);
        let people = if sees_all { people::all(&c).await? } else { people::tree_of(&c, &person.id).await? };
        if people.is_empty() {
            return Err(Error::Forbidden(say!(words, "training-status-not-yours")));
        }
        if people.len() > MOST {
            return Err(Error::invalid(say!(words, "training-status-large", count = people.len())));
        }
        let mut standing = Standing::of(&c, people, when.map(AsOf::Day)).await?;
        // An auditor looks.
        standing.still |= sees_all && !roles.contains(&Role::Learning);
        Ok(standing)
    });
    let standing = standing.await?;
    let mut message = Message::new().heading(say!(words, "training-status-title", count = standing.people));
    if let Some(date) = when {
        message = message.paragraph(say!(words, "training-status-as-of", day = words.date(date)));
    }
    if standing.is_empty() {
        return cx.reply_private(message.paragraph(say!(words, "training-status-nothing"))).await;
    }
    let again = when.map_or_else(|| "training status from".to_owned(), |day| format!("training status {day} from"));
    cx.reply_private(standing.overview(words, message, when.unwrap_or(today), &Page { from, again })).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_is_read_as_people_write_it_and_without_a_year_it_is_the_last_one() {
        let today = date(2026, 11, 23);
        let read = |text| read(text, today);
        assert_eq!(read("2026-03-31"), Some(date(2026, 3, 31)));
        assert_eq!(read("31 March"), Some(date(2026, 3, 31)));
        assert_eq!(read("March 31st, 2025"), Some(date(2025, 3, 31)));
        assert_eq!(read("24 Dec"), Some(date(2025, 12, 24)), "it has not come yet this year");
        assert_eq!(read("29 February"), Some(date(2024, 2, 29)));
        for wrong in ["", "tomorrow", "31 Febber", "31", "March", "32 March", "31 March 2026 please", "1 2 March"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert!(asks("status") && asks("status as of 31 March") && asks("status 2026-03-31"));
        assert!(asks("status as of the other day"), "which is then explained");
        assert!(!asks("status of the union") && !asks("statusquo"));
        assert_eq!(paged("2026-03-31 from 12"), ("2026-03-31", 12));
        assert_eq!((paged("from 24"), paged("as of 31 March"), paged("")), (("", 24), ("as of 31 March", 0), ("", 0)));
    }
}
