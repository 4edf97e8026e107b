//! `stoa ask QUESTION [--as PERSON]`

use anyhow::Result;
use stoa_ground::people;
use stoa_learning::answers::{self, Answer};
use stoa_learning::search::Access;

use super::print_json;
use crate::app::App;
use crate::config::Config;

#[derive(clap::Args, Debug)]
pub struct Options {
    /// The question, in plain words
    question: String,
    /// Ask as this person (employee id, e-mail or name); without it as the operator, who reads everything
    #[arg(long = "as", value_name = "PERSON")]
    person: Option<String>,
}

pub async fn run(config: Config, options: Options, json: bool) -> Result<()> {
    let (app, lock) = App::for_command(config).await?;
    if lock.is_some() {
        app.services.index.catch_up(&app.db).await?;
    }
    let access = match &options.person {
        None => Access::All,
        Some(text) => {
            let classes = app
                .db
                .read(|c| async move {
                    let person = people::find(&c, text).await?;
                    people::access_classes(&c, &person).await
                })
                .await?;
            Access::of(classes)
        }
    };
    let answer = answers::ask(&app.db, &app.services.index, &options.question, &access).await?;
    if json {
        print_json(&answer)?;
    } else {
        print!("{}", text(&answer));
    }
    app.finish(lock).await
}

/// The answer for a terminal.
fn text(answer: &Answer) -> String {
    let mut out = String::new();
    let place = |title: &str, heading: &str, source: &str, location: &str| {
        let heading = if heading.is_empty() { String::new() } else { format!(" > {heading}") };
        format!("{title}{heading} ({source}: {location})")
    };
    if answer.abstained {
        out.push_str("I don't know: nothing that I have read answers this.\n");
        if !answer.nearest.is_empty() {
            out.push_str("\nThe nearest things that I found:\n");
        }
    } else {
        for citation in &answer.citations {
            out.push_str(&citation.quote);
            out.push_str(&format!(
                "\n  – {}\n\n",
                place(&citation.title, &citation.heading, &citation.source, &citation.location)
            ));
        }
        if !answer.nearest.is_empty() {
            out.push_str("Read on:\n");
        }
    }
    for near in &answer.nearest {
        out.push_str(&format!("  – {}\n", place(&near.title, &near.heading, &near.source, &near.location)));
    }
    out
}
