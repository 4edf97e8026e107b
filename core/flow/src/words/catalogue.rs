//! The languages that are built in, and the choice among them.

use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use unic_langid::LanguageIdentifier;

/// A language: its BCP 47 tag and its files, name and text.
pub(super) struct Language {
    pub tag: &'static str,
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! language {
    ($tag:literal: $($file:literal)*) => {
        Language {
            tag: $tag,
            files: &[$((
                concat!("locales/", $tag, "/", $file, ".ftl"),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../locales/", $tag, "/", $file, ".ftl")),
            )),*],
        }
    };
}

pub(super) const ENGLISH: Language = language!("en": "chat" "nudges" "answers" "tips" "lessons" "training" "requests" "authoring" "people" "web" "settings" "evidence" "impact" "operations" "discord" "slack" "oidc");

/// Every other language, in the same form. A file or a key that is not there yet is said in English.
pub(super) const OTHERS: &[Language] = &[];

/// The best of `others` for the locale that a person asks for; `None` is English.
pub(super) fn negotiate<'a>(
    locale: &str,
    others: impl Iterator<Item = &'a LanguageIdentifier>,
) -> Option<LanguageIdentifier> {
    let requested: LanguageIdentifier = locale.trim().parse().ok()?;
    let english: LanguageIdentifier = ENGLISH.tag.parse().ok()?;
    let mut available: Vec<LanguageIdentifier> = others.cloned().collect();
    available.push(english.clone());
    let best = negotiate_languages(&[requested], &available, Some(&english), NegotiationStrategy::Lookup);
    best.first().filter(|found| ***found != english).map(|found| (*found).clone())
}
