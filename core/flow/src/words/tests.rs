use jiff::civil::{date, time};
use unic_langid::LanguageIdentifier;

use super::{Words, catalogue::negotiate, harmless};
use crate::say;

const MISSING: &str = "no-such-key";

#[test]
fn a_person_with_any_locale_is_spoken_to_in_a_language_that_we_have() {
    for locale in ["en", "en-GB", "en_AU", "de-DE", "tlh", "", "not a locale", "x-private"] {
        assert_eq!(Words::of(locale).say("day-today"), "today", "locale {locale:?}");
    }
    let others = ["de", "pt-BR", "pt-PT"].map(|tag| tag.parse::<LanguageIdentifier>().unwrap());
    let chosen = |asked: &str| negotiate(asked, others.iter()).map(|found| found.to_string());
    assert_eq!(chosen("de-AT").as_deref(), Some("de"));
    assert_eq!(chosen("de_CH").as_deref(), Some("de"));
    assert_eq!(chosen("pt-PT").as_deref(), Some("pt-PT"));
    assert_eq!(chosen("pt").as_deref(), Some("pt-BR"));
    assert_eq!(chosen("en-US"), None);
    assert_eq!(chosen("fr"), None);
    assert_eq!(chosen("💥"), None);
}

#[test]
fn a_language_says_in_english_what_it_lacks() {
    let language = super::catalogue::Language { tag: "de", files: &[("de/chat.ftl", "day-today = heute\n")] };
    let german = Words::load(&language, Some(Words::english()));
    assert_eq!(german.say("day-today"), "heute");
    assert_eq!(german.say("day-tomorrow"), "tomorrow");
}

#[test]
fn a_broken_file_costs_only_its_broken_message() {
    let language =
        super::catalogue::Language { tag: "de", files: &[("de/chat.ftl", "day-today = { $\nday-tomorrow = morgen\n")] };
    let german = Words::load(&language, Some(Words::english()));
    assert_eq!(german.say("day-today"), "today");
    assert_eq!(german.say("day-tomorrow"), "morgen");
}

#[test]
fn a_missing_key_or_value_shows_itself_and_stops_nobody() {
    assert_eq!(Words::english().say(MISSING), "⟨no-such-key⟩");
    let unfilled = "chat-unknown-command";
    assert_eq!(
        Words::english().say(unfilled),
        "I do not know “{$word}”. Type **help** for what I can do, or just ask in plain words."
    );
}

#[test]
fn values_of_every_kind_go_in() {
    let words = Words::english();
    let owned = String::from("lern");
    let said = say!(words, "chat-unknown-command-suggest", word = &owned, suggestion = "learn");
    assert_eq!(said, "I do not know “lern”. Did you mean **learn**? Type **help** for the whole list.");
    let many = ["Please wait one second.", "Please wait 2 seconds.", "Please wait 0 seconds."];
    for (seconds, end) in [1_i64, 2, 0].into_iter().zip(many) {
        assert!(say!(words, "chat-slow-down", seconds = seconds).ends_with(end));
    }
    assert!(say!(words, "chat-slow-down", seconds = 5_usize).contains("5 seconds"));
    assert!(words.say_with("chat-slow-down", &[("seconds", 1_u32.into())]).contains("one second"));
}

#[test]
fn days_are_said_as_one_says_them() {
    let words = Words::english();
    let monday = date(2026, 11, 23);
    assert_eq!(words.date(monday), "Mon, 23 Nov 2026");
    let said = |day| words.day(day, monday);
    assert_eq!(said(date(2026, 11, 22)), "yesterday");
    assert_eq!(said(monday), "today");
    assert_eq!(said(date(2026, 11, 24)), "tomorrow");
    assert_eq!(said(date(2026, 11, 27)), "Friday");
    assert_eq!(said(date(2026, 11, 29)), "Sunday");
    assert_eq!(said(date(2026, 11, 30)), "Mon, 30 Nov");
    assert_eq!(said(date(2026, 12, 4)), "Fri, 4 Dec");
    assert_eq!(said(date(2026, 11, 20)), "Fri, 20 Nov");
    assert_eq!(said(date(2027, 1, 4)), "Mon, 4 Jan 2027");
    assert_eq!(words.day(date(2027, 1, 1), date(2026, 12, 31)), "tomorrow");
    assert_eq!(words.time(time(9, 5, 59, 0)), "09:05");
    assert_eq!(words.time(time(0, 0, 0, 0)), "00:00");
}

#[test]
fn lists_read_like_a_sentence() {
    let list = |items: &[&str]| Words::english().list(&items.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(list(&[]), "");
    assert_eq!(list(&["Ana"]), "Ana");
    assert_eq!(list(&["Ana", "Ben"]), "Ana and Ben");
    assert_eq!(list(&["Ana", "Ben", "Chi"]), "Ana, Ben and Chi");
    assert_eq!(list(&["Ana", "Ben", "Chi", "Dov"]), "Ana, Ben, Chi and Dov");
    assert_eq!(list(&["Ana", "דב"]), "Ana and \u{2068}דב\u{2069}");
}

#[test]
fn a_name_cannot_turn_the_sentence_around() {
    let words = Words::english();
    let said = say!(words, "list-two", first = "Eve\u{202E}txt.exe", second = "Ana\u{0}\u{7}\r");
    assert_eq!(said, "Evetxt.exe and Ana");
    assert_eq!(say!(words, "list-two", first = "שרה", second = "Ana"), "\u{2068}שרה\u{2069} and Ana");
    assert_eq!(harmless("a\u{2069}b\u{2066}"), "ab", "isolates that do not match are dropped");
    assert_eq!(harmless("Zoë, 李雷 🌲\n\tnext"), "Zoë, 李雷 🌲\n\tnext");
    let twice = harmless("שרה").into_owned();
    assert_eq!(harmless(&twice), twice, "isolated once, however often it is handed on");
}
