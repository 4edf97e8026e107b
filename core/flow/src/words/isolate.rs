//! Text by people inside our sentences: nothing in a name may reorder or hide what stands around it (Unicode UAX #9).

use std::borrow::Cow;

use unicode_bidi::{BidiClass, bidi_class};

const FIRST_STRONG_ISOLATE: char = '\u{2068}';
const POP_ISOLATE: char = '\u{2069}';

/// The text as it may stand inside a sentence or on a page: control characters go (line breaks and tabs stay),
/// embeddings and overrides go, isolates stay only where they are closed, and a line that holds letters written from
/// right to left is isolated. Plain text comes back as it is, without a copy.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.chars().any(unwanted) {
        return Cow::Borrowed(text);
    }
    let closed = isolates_are_closed(text);
    let kept: String = text.chars().filter(|c| !unwanted(*c) && (closed || !isolates(*c))).collect();
    if !kept.contains('\n') && has_right_to_left_outside_isolates(&kept) {
        return Cow::Owned(format!("{FIRST_STRONG_ISOLATE}{kept}{POP_ISOLATE}"));
    }
    if kept.len() == text.len() { Cow::Borrowed(text) } else { Cow::Owned(kept) }
}

fn unwanted(c: char) -> bool {
    use BidiClass::{LRE, LRO, PDF, RLE, RLO};
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || (!c.is_ascii() && matches!(bidi_class(c), LRE | RLE | LRO | RLO | PDF))
}

fn isolates(c: char) -> bool {
    !c.is_ascii() && matches!(bidi_class(c), BidiClass::LRI | BidiClass::RLI | BidiClass::FSI | BidiClass::PDI)
}

fn isolates_are_closed(text: &str) -> bool {
    text.lines().all(|line| {
        let mut open = 0_usize;
        for c in line.chars().filter(|c| isolates(*c)) {
            if c != POP_ISOLATE {
                open += 1;
            } else if open == 0 {
                return false;
            } else {
                open -= 1;
            }
        }
        open == 0
    })
}

fn has_right_to_left_outside_isolates(text: &str) -> bool {
    let mut open = 0_usize;
    for c in text.chars().filter(|c| !c.is_ascii()) {
        match bidi_class(c) {
            BidiClass::LRI | BidiClass::RLI | BidiClass::FSI => open += 1,
            BidiClass::PDI => open = open.saturating_sub(1),
            BidiClass::R | BidiClass::AL | BidiClass::AN if open == 0 => return true,
            _ => {}
        }
    }
    false
}
