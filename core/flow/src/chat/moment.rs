//! Instants in a message. Who says a date in the words of one time zone says the instant with it, as a link of its own kind:
//! `[Fri, 4 Dec](moment:1780612740)`, the number being seconds since 1970. A platform that shows each reader their own local
//! time shows that; everywhere else the words stand alone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use stoa_ground::Instant;

use super::{Block, Form, Message};
use crate::words::Words;

/// The scheme of such a link.
const SCHEME: &str = "moment:";

/// Words about an instant, as CommonMark, with the instant.
#[must_use]
pub fn moment(words: &str, at: Instant) -> String {
    format!("[{words}]({SCHEME}{})", at.0.div_euclid(Instant::SECOND))
}

/// An instant with its time of day, in the words of a zone in which it is `today`.
#[must_use]
pub fn moment_at(words: &Words, at: Instant, zone: &TimeZone, today: Date) -> String {
    moment(&words.day_and_time(&at.zoned(zone), today), at)
}

/// The instant to which such a link leads, in seconds since 1970.
#[must_use]
pub fn read_moment(url: &str) -> Option<i64> {
    url.strip_prefix(SCHEME).filter(|at| at.len() <= 12)?.parse().ok()
}

impl Message {
    /// With the words of its instants alone.
    #[must_use]
    pub fn without_moments(mut self) -> Self {
        for block in &mut self.blocks {
            match block {
                Block::Text(text) | Block::Context(text) => strip(text),
                Block::Quote { .. } | Block::Heading(_) | Block::Buttons(_) => {}
            }
        }
        self
    }
}

impl Form {
    /// With the words of its instants alone: no platform shows instants in a form.
    #[must_use]
    pub(super) fn without_moments(mut self) -> Self {
        self.intro.iter_mut().for_each(strip);
        self
    }
}

fn strip(text: &mut String) {
    let open = format!("]({SCHEME}");
    while let Some(at) = text.find(&open) {
        let Some(begins) = text[..at].rfind('[') else { return };
        let Some(ends) = text[at..].find(')') else { return };
        let words = text[begins + 1..at].to_owned();
        text.replace_range(begins..=at + ends, &words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_stands_beside_its_words_and_goes_without_them() {
        let at = Instant(1_780_612_740_000_000);
        let text = format!("**Safety**, due **{}** or {}.", moment("Friday", at), moment("today", at));
        assert_eq!(text, "**Safety**, due **[Friday](moment:1780612740)** or [today](moment:1780612740).");
        let message = Message::text(text).context(moment("Friday", at)).without_moments();
        assert_eq!(message, Message::text("**Safety**, due **Friday** or today.").context("Friday"));
        assert_eq!(read_moment("moment:1780612740"), Some(1_780_612_740));
        for other in ["https://e.org", "moment:", "moment:x", "moment:99999999999999999999"] {
            assert_eq!(read_moment(other), None, "{other}");
        }
        let friday = jiff::civil::date(2026, 6, 5);
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let tonight = moment_at(Words::english(), Instant(1_780_612_740_000_000), &berlin, friday);
        assert_eq!(tonight, "[today 00:39](moment:1780612740)");
        // What only looks like one stays, and ends.
        for text in ["](moment:1)", "[a](moment:1", "a ](moment:"] {
            assert_eq!(Message::text(text).without_moments(), Message::text(text));
        }
    }
}
