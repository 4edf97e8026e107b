//! What a requirement says and would do, before it does it.

use stoa_flow::chat::{Message, literal};
use stoa_flow::say;
use stoa_flow::words::Words;
use stoa_ground::{Conn, Result};

use super::rule;
use crate::Services;
use crate::training::apply::{self, Effect};
use crate::training::course;
use crate::training::requirement::Requirement;

/// How many people are named of each group.
const SAMPLE: usize = 5;

fn names(words: &Words, effects: &[Effect]) -> String {
    let mut names: Vec<String> = effects.iter().take(SAMPLE).map(|e| literal(&e.name)).collect();
    let more = effects.len().saturating_sub(SAMPLE);
    if more > 0 {
        names.push(say!(words, "authoring-more", count = more));
    }
    words.list(&names)
}

/// What it says in words, and whom it would concern as things are now.
pub(in crate::training) async fn preview(conn: &Conn, s: &Services, words: &Words, r: &Requirement) -> Result<Message> {
    let (planned, _) = apply::look(conn, s, &r.id, std::slice::from_ref(r)).await?;
    let mut message = Message::new().heading(r.title.clone());
    if r.active {
        let title = literal(&course::title(conn, &r.course).await?);
        let mut lines = vec![
            say!(words, "authoring-line-course", title = title),
            say!(words, "authoring-line-audience", who = rule::audience(words, &r.audience)),
            say!(words, "authoring-line-due", due = rule::due(words, r.due)),
            say!(words, "authoring-line-steps", steps = rule::steps(words, &r.steps)),
        ];
        lines.extend(r.recertify.iter().flat_map(|again| rule::again(words, again)));
        if !r.evidence.is_none() {
            lines.push(say!(words, "authoring-line-evidence", preset = r.evidence.name()));
        }
        if !r.attestation.is_least() {
            lines.push(say!(words, "authoring-line-attestation", level = r.attestation.name()));
        }
        let lines: Vec<String> = lines.into_iter().map(|l| format!("- {l}")).collect();
        message = message.paragraph(lines.join("\n"));
    } else {
        message = message.paragraph(say!(words, "authoring-ends"));
    }
    for p in &planned {
        let mut lines = Vec::new();
        if r.active {
            lines.push(match p.means {
                0 => say!(words, "authoring-means-nobody"),
                count => say!(words, "authoring-means", count = count),
            });
        }
        if !p.assign.is_empty() {
            lines.push(say!(words, "authoring-assign", count = p.assign.len(), names = names(words, &p.assign)));
        }
        if p.unchanged > 0 {
            lines.push(say!(words, "authoring-unchanged", count = p.unchanged));
        }
        if !p.adjust.is_empty() {
            lines.push(say!(words, "authoring-adjust", count = p.adjust.len(), names = names(words, &p.adjust)));
        }
        if !p.retire.is_empty() {
            lines.push(say!(words, "authoring-retire", count = p.retire.len(), names = names(words, &p.retire)));
        }
        if !p.credit.is_empty() {
            lines.push(say!(words, "authoring-credit", count = p.credit.len(), names = names(words, &p.credit)));
        }
        if !p.expire.is_empty() {
            lines.push(say!(words, "authoring-expire", count = p.expire.len(), names = names(words, &p.expire)));
        }
        if !p.left_out.is_empty() {
            lines.push(say!(words, "authoring-left-out", count = p.left_out.len(), names = names(words, &p.left_out)));
        }
        // The reasons are those of the dry run, in its words.
        lines.extend(p.warnings.iter().map(|text| say!(words, "authoring-warning", text = literal(text))));
        if !lines.is_empty() {
            message = message.paragraph(lines.join("\n"));
        }
    }
    Ok(message)
}
