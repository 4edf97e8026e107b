//! The commands that Discord shows: slash commands with their options, and the menus on messages.

use serde_json::{Value, json};
use stoa_flow::say;
use stoa_flow::words::Words;

/// Characters of a description.
const DESCRIPTION: usize = 100;
/// Characters that a person can type into an option.
const TYPED: usize = 1_500;

/// The menus on messages: what they are called, and their command lines.
const MENUS: [(&str, &str); 3] =
    [("Save as tip", "tip from"), ("Log discussion", "discussion log"), ("Ask about this", "ask")];

/// The command line of a menu.
pub(crate) fn of_menu(name: &str) -> Option<&'static str> {
    MENUS.iter().find(|(shown, _)| *shown == name).map(|(_, command)| *command)
}

/// All commands as Discord takes them. Each has its words in one option, so that what follows a word on other platforms can
/// follow it here.
pub(crate) fn all(words: &[(&'static str, String)]) -> Vec<Value> {
    let english = Words::english();
    let mut all: Vec<Value> = words
        .iter()
        .map(|(word, about)| {
            let (name, told, required, suggests) = match *word {
                "ask" => ("question", say!(english, "discord-option-question"), true, true),
                "tip" => ("text", say!(english, "discord-option-tip"), false, false),
                "did" => ("what", say!(english, "discord-option-did"), false, false),
                "team" => ("what", say!(english, "discord-option-person"), false, true),
                "learn" | "training" => ("what", say!(english, "discord-option-course"), false, true),
                "settings" => ("what", say!(english, "discord-option-zone"), false, true),
                _ => ("what", say!(english, "discord-option-what"), false, false),
            };
            let mut option = json!({ "type": 3, "name": name, "description": cut(&told), "max_length": TYPED });
            if required {
                option["required"] = json!(true);
            }
            if suggests {
                option["autocomplete"] = json!(true);
            }
            let mut command = json!({ "type": 1, "name": word, "description": cut(about) });
            if *word != "help" {
                command["options"] = json!([option]);
            }
            command
        })
        .collect();
    all.extend(MENUS.iter().map(|(name, _)| json!({ "type": 3, "name": name })));
    // In servers, and where the two talk alone.
    for command in &mut all {
        (command["contexts"], command["integration_types"]) = (json!([0, 1]), json!([0]));
    }
    all
}

fn cut(text: &str) -> String {
    stoa_markup::parts::cut(text.trim(), DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_inside_discord_s_limits() {
        let words = [("ask", "Ask a question".repeat(20)), ("help", "What I can do".into())];
        let all = all(&words);
        assert_eq!(all.len(), 5);
        for command in &all {
            let name = command["name"].as_str().unwrap();
            assert!((1..=32).contains(&name.chars().count()), "{name}");
            assert!(command["type"] == 3 || command["description"].as_str().unwrap().chars().count() <= 100);
        }
        assert_eq!(all[0]["options"][0]["required"], true);
        assert_eq!((of_menu("Save as tip"), of_menu("x")), (Some("tip from"), None));
    }
}
