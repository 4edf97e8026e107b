//! What a person reads in chat: the Project Fluent catalogue of `locales/<language>/*.ftl`.
//!
//! One file a capability, one message a key; a person's locale chooses the language by negotiation, and a key that a
//! language lacks is said in English. Keys stand literally in the code (`say!`, `say`, `say_with`, [`words_key!`](crate::words_key) for
//! those handed around), so that a test finds the missing and the unused ones.

mod arg;
mod catalogue;
mod dates;
mod isolate;
#[cfg(test)]
mod tests;

pub use arg::Arg;
pub use isolate::harmless;

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::say;

/// The words of one language. Made once for the life of the process; hand the reference around.
pub struct Words {
    locale: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
    /// Says what this language lacks. English has none.
    fallback: Option<&'static Words>,
}

impl Words {
    /// The words for a BCP 47 locale such as `de-AT` or `en_GB`: the nearest language that we have, else English.
    /// An empty or malformed locale is English too.
    pub fn of(locale: &str) -> &'static Words {
        static OTHERS: OnceLock<Vec<Words>> = OnceLock::new();
        let others = OTHERS.get_or_init(|| {
            let english = Words::english();
            catalogue::OTHERS.iter().map(|language| Words::load(language, Some(english))).collect()
        });
        match catalogue::negotiate(locale, others.iter().map(|words| &words.locale)) {
            Some(found) => others.iter().find(|words| words.locale == found).unwrap_or(Words::english()),
            None => Words::english(),
        }
    }

    /// English: the complete catalogue, and what logs, tests and people without a locale get.
    pub fn english() -> &'static Words {
        static ENGLISH: OnceLock<Words> = OnceLock::new();
        ENGLISH.get_or_init(|| Words::load(&catalogue::ENGLISH, None))
    }

    /// The language spoken, as a BCP 47 tag (for a page's `lang`).
    pub fn locale(&self) -> String {
        self.locale.to_string()
    }

    /// The message under `key`. A key that is nowhere gives `⟨key⟩` and an error in the log.
    pub fn say(&self, key: &str) -> String {
        self.say_with(key, &[])
    }

    /// The message under `key` with its values filled in; see [`say!`](crate::say) for the short form. A value that
    /// the message asks for and does not get shows as `{$name}`, with an error in the log.
    pub fn say_with(&self, key: &str, values: &[(&str, Arg<'_>)]) -> String {
        let args: FluentArgs<'_> = values.iter().map(|(name, value)| (*name, value.0.clone())).collect();
        let (text, errors) = self.format(key, &args);
        if !errors.is_empty() {
            tracing::error!(key, locale = %self.locale, ?errors, "a message of the catalogue has no text or lacks values");
        }
        text
    }

    /// "a, b and c".
    pub fn list(&self, items: &[String]) -> String {
        match items {
            [] => String::new(),
            [only] => harmless(only).into_owned(),
            [first, second] => say!(self, "list-two", first = first, second = second),
            [first, middle @ .., last] => {
                let start = middle.iter().fold(harmless(first).into_owned(), |so_far, next| {
                    say!(self, "list-more", start = so_far, next = next)
                });
                say!(self, "list-end", start = start, last = last)
            }
        }
    }

    fn load(language: &catalogue::Language, fallback: Option<&'static Words>) -> Words {
        let locale: LanguageIdentifier = language.tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![locale.clone()]);
        bundle.set_use_isolating(false);
        for (file, text) in language.files {
            let resource = FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(rest, errors)| {
                tracing::error!(file, ?errors, "a file of the catalogue has messages that do not parse");
                rest
            });
            if let Err(errors) = bundle.add_resource(resource) {
                tracing::error!(file, ?errors, "a message of the catalogue is there twice; the first one counts");
            }
        }
        Words { locale, bundle, fallback }
    }

    fn format(&self, key: &str, args: &FluentArgs<'_>) -> (String, Vec<FluentError>) {
        let mut errors = Vec::new();
        match self.bundle.get_message(key).and_then(|message| message.value()) {
            Some(pattern) => {
                let text = self.bundle.format_pattern(pattern, Some(args), &mut errors).into_owned();
                (text, errors)
            }
            None => match self.fallback {
                Some(fallback) => fallback.format(key, args),
                None => {
                    let missing = fluent_bundle::resolver::ResolverError::MissingDefault;
                    (format!("⟨{key}⟩"), vec![FluentError::ResolverError(missing)])
                }
            },
        }
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.locale)
    }
}

/// `say!(words, "key", name = person.name(), count = 3)`: the message with its values, each turned by `.into()` into
/// an [`Arg`](crate::words::Arg).
#[macro_export]
macro_rules! say {
    ($words:expr, $key:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $words.say_with($key, &[$((stringify!($name), $crate::words::Arg::from($value))),*])
    };
}

/// A key that is handed around before it is said: gives the same `&'static str`, and tells the catalogue's test that
/// the key is in use.
#[macro_export]
macro_rules! words_key {
    ($key:literal) => {
        $key
    };
}
