//! The time zone that a person tells: `settings zone`, and the question on platforms that do not tell it themselves.

use jiff::tz;
use stoa_ground::people::{self, Person};
use stoa_ground::{Error, Result};

use crate::chat::{Block, Button, Context, Message, Platform, Suggestion, literal};
use crate::delivery::Delivery;
use crate::say;
use crate::words::Words;
use crate::worker::Flow;

/// The setting that remembers that a person was asked: the key of the delivery that did it.
const ASKED: &str = "zone_asked";

/// What a zone is called: the place, and after it the name in the IANA database.
fn zones() -> Vec<(String, String)> {
    let place = |name: &str| name.rsplit('/').next().unwrap_or(name).replace('_', " ");
    let all = tz::db().available().map(|name| name.as_str().to_owned());
    // Those without a place are old names and offsets.
    let placed = |name: &str| !["Etc/", "posix/", "right/"].iter().any(|other| name.starts_with(other));
    let named = all.filter(|name| name.contains('/') && placed(name));
    named.map(|name| (place(&name), name)).collect()
}

/// What could be meant by what is typed of `settings`.
pub(super) fn suggested(typed: &str) -> Vec<Suggestion> {
    let typed = typed.trim_start();
    let typed = typed.get(..4).filter(|word| word.eq_ignore_ascii_case("zone")).map_or(typed, |_| &typed[4..]);
    let all = zones().into_iter();
    let all = all.map(|(place, name)| Suggestion { label: format!("{place} ({name})"), value: format!("zone {name}") });
    Suggestion::fitting(all, typed)
}

/// The zone with this name, or of this place where there is one only.
fn named(text: &str) -> Option<String> {
    let text = text.trim().replace('_', " ");
    let mut fitting = zones().into_iter().filter(|(place, name)| {
        place.eq_ignore_ascii_case(&text) || name.replace('_', " ").eq_ignore_ascii_case(&text)
    });
    fitting.next().filter(|_| fitting.next().is_none()).map(|(_, name)| name)
}

/// A person says where they are.
///
/// # Errors
/// [`Error::Invalid`] when that is no zone.
pub(super) async fn set(cx: &Context<'_>, text: &str) -> Result<()> {
    let (id, words) = (&cx.person()?.id, cx.words);
    if text.is_empty() {
        return cx.reply_private(Message::text(say!(words, "settings-zone-how"))).await;
    }
    let zone = &named(text).ok_or_else(|| Error::invalid(say!(words, "settings-zone-wrong", zone = literal(text))))?;
    cx.commit(|turn| async move {
        people::heard_zone(&turn, id, zone).await?;
        let counts = people::by_id(&turn, id).await?.map_or_else(String::new, |person| person.timezone);
        let text = if counts == *zone {
            say!(words, "settings-zone-saved", zone = literal(zone))
        } else {
            say!(words, "settings-zone-of-list", zone = literal(&counts))
        };
        turn.reply_private(Message::text(text)).await
    })
    .await
}

impl Flow {
    /// Asks a person for their zone, once: where nobody tells it, neither the platform nor the staff list. `message` is what
    /// is being said to them there.
    pub(crate) async fn ask_zone(
        &self,
        person: Option<&Person>,
        delivery: &Delivery,
        platform: &dyn Platform,
        message: Message,
    ) -> Result<Message> {
        let Some(person) = person.filter(|_| !platform.tells_zones() && !message.growing) else { return Ok(message) };
        let (id, key) = (&person.id, &delivery.key);
        let read = self
            .db()
            .read(|c| async move { Ok((people::has_own_zone(&c, id).await?, people::setting(&c, id, ASKED).await?)) });
        match read.await? {
            (true, _) => return Ok(message),
            // Also when it is edited: what was asked stays until it is answered.
            (false, Some(asked)) if asked == *key => {}
            (false, Some(_)) => return Ok(message),
            (false, None) => {
                self.db()
                    .write_by_key(|tx| async move { people::remember(&tx, id, ASKED, key).await.map(|_| ()) })
                    .await?;
            }
        }
        let words = Words::of(person.language());
        let question = say!(words, "settings-zone-question", zone = literal(&person.timezone));
        let tell = Button::new(say!(words, "settings-zone-button"), "settings zone");
        Ok(message.and(Block::Context(question)).buttons(vec![tell]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_place() {
        for (text, expected) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("berlin", Some("Europe/Berlin")),
            ("new york", Some("America/New_York")),
            ("america/new_york", Some("America/New_York")),
            ("Atlantis", None),
            ("", None),
        ] {
            assert_eq!(named(text).as_deref(), expected, "{text}");
        }
        for typed in ["berl", "zone Berl", "Zone berlin"] {
            let found = suggested(typed);
            assert!(found.iter().any(|s| s.value == "zone Europe/Berlin"), "{typed}: {found:?}");
        }
        assert_eq!(suggested("").len(), 25);
    }
}
