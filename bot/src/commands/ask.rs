//! `stoa ask QUESTION [--as PERSON]`

use anyhow::Result;
use stoa_ground::people;
use stoa_learning::answers::{self, Answer, How, Inquiry};
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
    let (access, person) = match &options.person {
        None => (Access::All, None),
        Some(text) => {
            let (classes, person) = app
                .db
                .read(|c| async move {
                    let person = people::find(&c, text).await?;
                    Ok((people::access_classes(&c, &person).await?, person))
                })
                .await?;
            (Access::of(classes), Some(person))
        }
    };
    let inquiry = Inquiry {
        question: &options.question,
        before: None,
        access,
        person: person.as_ref().map(|p| p.id.as_str()),
        language: person.as_ref().map(|p| p.locale.as_str()),
    };
    let answer = answers::respond(&app.db, &app.services, &inquiry).await?;
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
        if !answer.experts.is_empty() {
            out.push_str(&format!(
                "\nThese colleagues may know, and agreed to be asked: {}\n",
                answer.experts.join(", ")
            ));
        }
    } else if answer.how == How::Written {
        out.push_str(&answer.answer);
        out.push_str("\n\n");
        for (n, citation) in answer.citations.iter().enumerate() {
            let at = place(&citation.title, &citation.heading, &citation.source, &citation.location);
            out.push_str(&format!("  [{}] {at}\n", n + 1));
        }
        out.push_str("  Written by a language model; every sentence was checked against these pages.\n");
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
