//! `stoa ask QUESTION [--as PERSON]`

use anyhow::Result;
use jiff::civil::Date;
use stoa_flow::words::Words;
use stoa_ground::people;
use stoa_learning::answers::{self, Answer, Citation, Explanation, How, Inquiry};
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
    /// Say why the results rank as they do, and what speaks for and against an answer
    #[arg(long)]
    explain: bool,
}

/// What is said to whoever asks nothing.
const HOW_TO_ASK: &str =
    "Ask in plain words how something is done here, for example: stoa ask \"How do I book a day off?\"";

pub async fn run(config: Config, options: Options, json: bool) -> Result<()> {
    if answers::asks_nothing(&options.question) {
        if !json {
            println!("{HOW_TO_ASK}");
            return Ok(());
        }
        let nothing = Answer { question: options.question, abstained: true, ..Answer::default() };
        let mut value = serde_json::to_value(&nothing)?;
        value["hint"] = HOW_TO_ASK.into();
        return print_json(&value);
    }
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
    if let Some(model) = crate::model::reranker(&app.config)? {
        app.services.index.look_again_with(model);
    }
    if let Some(model) = crate::model::embedder(&app.config, app.db.clock())? {
        app.services.index.search_by_meaning(model);
        app.services.index.load_vectors(&app.db).await?;
    }
    let inquiry = Inquiry {
        question: &options.question,
        before: None,
        access,
        person: person.as_ref().map(|p| p.id.as_str()),
        language: person.as_ref().map(people::Person::language),
    };
    let (answer, explanation) = if options.explain {
        let (answer, explanation) = answers::explain(&app.db, &app.services, &inquiry).await?;
        (answer, Some(explanation))
    } else {
        (answers::respond(&app.db, &app.services, &inquiry).await?, None)
    };
    if json {
        let mut value = serde_json::to_value(&answer)?;
        if let Some(explanation) = &explanation {
            value["explanation"] = serde_json::to_value(explanation)?;
        }
        print_json(&value)?;
    } else {
        let today = app.db.clock().now().zoned(&jiff::tz::TimeZone::UTC).date();
        print!("{}", text(&answer, today));
        if let Some(explanation) = &explanation {
            print!("\n{}", why(explanation));
        }
    }
    app.finish(lock).await
}

/// The answer for a terminal, on a day (UTC).
fn text(answer: &Answer, today: Date) -> String {
    let mut out = String::new();
    let place = |title: &str, heading: &str, source: &str, location: &str| {
        let heading = if heading.is_empty() { String::new() } else { format!(" > {heading}") };
        format!("{title}{heading} ({source}: {location})")
    };
    for (typed, meant) in &answer.taken_for {
        out.push_str(&format!("'{typed}' was taken for '{}'.\n\n", meant.join("', '")));
    }
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
            let at = place(&citation.title, &citation.heading, &citation.source, &citation.address());
            out.push_str(&format!("  [{}] {at}\n", n + 1));
            out.push_str(&labels(citation, today, "      "));
            out.push_str(&also(citation, "      "));
        }
        out.push_str("  Written by a language model; every sentence was checked against these pages.\n");
    } else {
        for citation in &answer.citations {
            out.push_str(&citation.quote);
            out.push_str(&format!(
                "\n  – {}\n\n",
                place(&citation.title, &citation.heading, &citation.source, &citation.address())
            ));
            let more = labels(citation, today, "    ") + &also(citation, "    ");
            if !more.is_empty() {
                out.truncate(out.trim_end().len());
                out.push_str(&format!("\n{more}\n"));
            }
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

/// What must be known to rely on a page, a line each.
fn labels(citation: &Citation, today: Date, indent: &str) -> String {
    let mut out = String::new();
    if citation.more {
        out.push_str(&format!("{indent}it goes on there\n"));
    }
    if !citation.verified {
        out.push_str(&format!("{indent}nobody has checked this yet\n"));
    }
    if let Some(reason) = &citation.deprecated {
        out.push_str(&format!("{indent}please do not rely on this any more: {reason}\n"));
    }
    if let Some(day) = citation.review_date.filter(|_| citation.is_overdue(today)) {
        out.push_str(&format!("{indent}due for review since {day}; please check before you rely on it\n"));
    }
    out
}

/// The other places where the same stands, a line each.
fn also(citation: &Citation, indent: &str) -> String {
    citation.also.iter().map(|o| format!("{indent}the same: {} ({}: {})\n", o.title, o.source, o.location)).collect()
}

/// What is behind an answer, for a terminal.
fn why(e: &Explanation) -> String {
    if e.how == How::Curated {
        return "A person wrote this answer for this question, and it was approved: nothing was weighed.\n".into();
    }
    let words: Vec<String> = e
        .words
        .iter()
        .map(|w| {
            format!("{}{} (in {}, weight {:.1})", w.word, if w.corrected { "?" } else { "" }, w.passages, w.weight)
        })
        .collect();
    let mut out = format!("Looked for: {}\nin {} passages.", words.join(", "), e.readable);
    if !e.related.is_empty() {
        out.push_str(&format!("\nThe best of them share: {}.", e.related.join(", ")));
    }
    if e.meaning > 0.0 {
        out.push_str(&format!(" Meaning counted {:.0} %, words the rest.", e.meaning * 100.0));
    }
    out.push_str("\n\nResults:\n");
    for (n, r) in e.results.iter().enumerate() {
        let heading = if r.heading.is_empty() { String::new() } else { format!(" > {}", r.heading) };
        out.push_str(&format!("{:>2}. {}{heading} ({}: {})\n    {:.3}", n + 1, r.title, r.source, r.location, r.score));
        if r.language != "en" {
            out.push_str(&format!(" | read as {}", r.language));
        }
        out.push_str(&format!(" | by words {:.1} =", r.by_words));
        for (name, value) in [
            ("words", r.words),
            ("nearness", r.near),
            ("exact title", r.exact),
            ("stop words", r.stop),
            ("opening", r.opening),
            ("document", r.document),
        ] {
            if value > 0.0 {
                out.push_str(&format!(" {name} {value:.1}"));
            }
        }
        out.push_str(&format!(", covers {:.0} %", r.coverage * 100.0));
        if r.related > 0.0 {
            out.push_str(&format!(", shared words {:.1}", r.related));
        }
        if (r.prior - 1.0).abs() > 0.004 {
            out.push_str(&format!(", prior {:.2}", r.prior));
        }
        match r.cosine {
            Some(cosine) => out.push_str(&format!(" | meaning {cosine:.2}\n")),
            None => out.push('\n'),
        }
    }
    out.push_str(&format!("\nConfidence {:.2}, an answer from {:.2} on:\n", e.confidence, e.threshold));
    for signal in &e.signals {
        out.push_str(&format!("    {:<10} {:>5.2}  {:+.2}\n", signal.name, signal.value, signal.adds));
    }
    match (e.how, &e.why) {
        (How::Written, _) => out.push_str("\nA language model wrote the answer from the first five results.\n"),
        (_, Some(code)) => {
            out.push_str(&format!("\nWhy this answer: {}\n", Words::english().say(&format!("why-{code}"))));
        }
        _ => {}
    }
    out
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_must_be_known_to_rely_on_a_page_stands_below_it() {
        let citation = Citation {
            title: "Parking".into(),
            source: "tips".into(),
            location: "t1".into(),
            quote: "A permit costs nothing.".into(),
            review_date: Some(date(2026, 11, 29)),
            deprecated: Some("a new contract".into()),
            ..Citation::default()
        };
        let today = date(2026, 11, 30);
        let mut answer = Answer { citations: vec![citation], ..Answer::default() };
        let quoted = text(&answer, today);
        answer.how = How::Written;
        for said in [quoted, text(&answer, today)] {
            for label in [
                "nobody has checked this yet",
                "please do not rely on this any more: a new contract",
                "due for review since 2026-11-29",
            ] {
                assert!(said.contains(label), "{label}: {said}");
            }
        }
        let fine = Citation { verified: true, review_date: Some(today), ..Citation::default() };
        assert_eq!(labels(&fine, today, "  "), "");
    }
}
