//! What the auditor brings beside a pack: the log's key, checkpoints from elsewhere, the keys of witnesses. What cannot be said
//! of one of them does not keep the others from being looked at.

use stoa_ground::ledger::checkpoint::Checkpoint;
use stoa_ground::ledger::note::{Note, Signature, Verifier};

use super::{Checked, Trust, Whole, Work, tampered};

/// Holds everything that was brought against a pack. Gives whether one of it vouches for the log.
pub(super) fn check(work: &mut Work, whole: &Whole, trust: &Trust<'_>) -> Checked<bool> {
    let mut trusted = by_key(work, whole, trust.key.as_ref())?;
    trusted |= by_checkpoints(work, whole, &trust.checkpoints)?;
    by_witnesses(work, whole, &trust.witnesses)?;
    Ok(trusted)
}

/// Whether the auditor's key has signed, directly or through the chain of keys.
fn by_key(work: &mut Work, whole: &Whole, key: Option<&Verifier>) -> Checked<bool> {
    let Some(key) = key else { return Ok(false) };
    let origin = &whole.proof.manifest.origin;
    if key.name() != origin {
        work.unknown.push(format!("the key is of the log {}, and the pack of the log {origin}", key.name()));
        return Ok(false);
    }
    let Some(at) = whole.keys.iter().position(|k| k.key == key.to_string()) else {
        return tampered(format!("the pack is signed by another key than the one that you trust, {key}"));
    };
    leads(work, whole, at, format!("signed by the key that you trust, {key}"));
    Ok(true)
}

/// Whether the newest key follows from one that is trusted, without a lost one between.
fn leads(work: &mut Work, whole: &Whole, at: usize, basis: String) {
    match whole.keys.iter().skip(at + 1).find(|k| k.how == "lost") {
        Some(lost) => work.unknown.push(format!(
            "the key that you trust was lost, and {} has taken its place: only the log's owner can say whether that is so",
            lost.key
        )),
        None => {
            work.checks.push(basis.clone());
            work.basis = basis;
        }
    }
}

/// The checkpoints in a text: in the file of an anchor, which has many, or in a letter as somebody saved it, with other lines
/// around them and any ends of lines.
fn checkpoints(text: &str) -> Vec<(Checkpoint, Note)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut lines: &[&str] = &text.split('\n').map(|line| line.trim_matches([' ', '\t'])).collect::<Vec<_>>();
    let mut found = Vec::new();
    // Signatures follow on an empty line: what stands before each is looked at once.
    while let Some(end) = lines.iter().position(|line| line.is_empty()) {
        let (before, after) = (&lines[..end], &lines[end + 1..]);
        let signed = after.iter().take_while(|line| line.starts_with("— "));
        let signatures: Vec<Signature> = signed.clone().filter_map(|line| Signature::parse(line)).collect();
        let begins = if signatures.is_empty() { None } else { begins(before) };
        lines = match begins {
            Some((said, text)) => {
                found.push((said, Note { text, signatures }));
                &after[signed.count()..]
            }
            None => after,
        };
    }
    found
}

/// The checkpoint that begins with one of these lines and has all behind it, and its text.
fn begins(lines: &[&str]) -> Option<(Checkpoint, String)> {
    let text = |lines: &[&str]| lines.join("\n") + "\n";
    (0..lines.len()).find_map(|first| {
        let head = lines.get(first..first + 3)?;
        // The second line is a number: few lines are looked at any further.
        head[1].parse::<u64>().ok()?;
        Some((Checkpoint::parse(&text(head)).ok()?, text(&lines[first..])))
    })
}

/// Whether checkpoints from elsewhere are of this history and signed by a key of this log. Gives whether one was.
fn by_checkpoints(work: &mut Work, whole: &Whole, brought: &[(String, String)]) -> Checked<bool> {
    let now = &whole.checkpoint;
    let keys: Vec<Option<Verifier>> = whole.keys.iter().map(|key| Verifier::parse(&key.key).ok()).collect();
    let (mut fits, mut exact, mut newer) = (false, false, Vec::new());
    for (name, text) in brought {
        let found = checkpoints(text);
        if found.is_empty() {
            work.unknown.push(format!("{name} is no checkpoint"));
        }
        let (mut same, mut most, mut by, mut after) = (0, 0, 0, 0);
        for (said, note) in &found {
            if said.origin != now.origin {
                work.unknown.push(format!("{name} is a checkpoint of another log, {}", said.origin));
                continue;
            }
            let Some(at) = keys.iter().position(|key| key.as_ref().is_some_and(|key| key.signed(note))) else {
                return tampered(format!("{name} is signed by another key than the pack"));
            };
            let size = said.size;
            match whole.roots.get(&size) {
                Some(root) if *root == said.root => {
                    (same, most, by) = (same + 1, size.max(most), at.max(by));
                    exact |= size == now.size;
                }
                Some(_) => {
                    return tampered(format!(
                        "a fork: {name} shows another history of the first {size} records than the pack"
                    ));
                }
                None if size > now.size => after = size.max(after),
                None => {
                    work.unknown.push(format!("the pack has no checkpoint of {size} records to compare {name} with"));
                }
            }
        }
        if same > 0 {
            fits = true;
            work.checks.push(match same {
                1 => format!("{name} ({most} records) is of the same history"),
                _ => format!("{name}: {same} checkpoints of up to {most} records are of the same history"),
            });
            leads(work, whole, by, format!("of the history and by the key that {name} shows"));
        }
        if after > 0 {
            newer.push((name, after));
        }
    }
    for (name, size) in newer {
        let than = format!("{name} is newer than the pack ({size} records, the pack has {})", now.size);
        // Where the pack's own checkpoint was brought as well, it does not matter how the log went on.
        if exact { work.checks.push(than) } else { work.unknown.push(format!("{than}: ask for a newer pack")) }
    }
    Ok(fits)
}

/// Which checkpoint each witness has signed last, and when.
fn by_witnesses(work: &mut Work, whole: &Whole, witnesses: &[Verifier]) -> Checked<()> {
    for key in witnesses {
        let theirs = |s: &Signature| s.name == key.name() && s.id == key.id();
        let mut newest = whole.notes.iter().rev();
        let Some((size, note)) = newest.find(|(_, note)| note.signatures.iter().any(theirs)) else {
            work.unknown.push(format!("the witness {} has signed no checkpoint of this pack", key.name()));
            continue;
        };
        let Some(time) = note.signatures.iter().find_map(|s| key.made(s, &note.text)) else {
            return tampered(format!(
                "what the witness {} is to have signed under {size} records is not its",
                key.name()
            ));
        };
        let time = i64::try_from(time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok());
        let at = time.map_or_else(|| "a time that is none".to_owned(), |time| time.to_string());
        work.checks.push(format!("the witness {} has signed the checkpoint of {size} records at {at}", key.name()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stoa_ground::ledger::note::Signer;

    #[test]
    fn checkpoints_are_found_in_a_file_of_many_and_in_a_letter_as_it_was_saved() {
        let key = Signer::new("example.org/log", [1; 32]).unwrap();
        let note = |size| {
            let said = Checkpoint { origin: "example.org/log".into(), size, root: [7; 32] };
            Note::signed(said.text(), &key).to_string()
        };
        let (one, two) = (note(3), note(12));
        let sizes = |text: &str| -> Vec<u64> {
            let found = checkpoints(text);
            assert!(found.iter().all(|(_, note)| key.verifier().signed(note)), "{text}");
            found.iter().map(|(said, _)| said.size).collect()
        };
        assert_eq!(sizes(&one), [3]);
        assert_eq!(sizes(one.trim_end()), [3], "no last end of a line");
        assert_eq!(sizes(&format!("{one}\n{two}\n")), [3, 12], "the file of an anchor");
        assert_eq!(sizes(&format!("{one}{two}")), [3, 12]);
        let letter =
            format!("From: stoa\n\nCheckpoint, 3 records\n\n```\n{}\n```\n\nKeep this message.\n", one.trim_end());
        assert_eq!(sizes(&letter), [3]);
        assert_eq!(sizes(&letter.replace('\n', "\r\n")), [3]);
        assert_eq!(sizes(&format!("\u{feff}  {}", one.replace('\n', " \n\t"))), [3]);
        // However many lines look like a beginning, each is looked at once.
        let many = "example.org/log\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n".repeat(50_000);
        assert!(checkpoints(&format!("{many}\n")).is_empty());
        assert_eq!(checkpoints(&format!("{many}\n— x AAAAAAAA\n")).len(), 1);
        assert!(checkpoints(&"1\n".repeat(100_000)).is_empty());
        for none in ["", "hello", "a\n1\nb\n\n— x y\n", one.split("\n\n").next().unwrap()] {
            assert!(checkpoints(none).is_empty(), "{none}");
        }
    }
}
