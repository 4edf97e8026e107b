//! Two decisions of a sync: who may read a document that its source restricts, and whether what is missing is gone.

use stoa_ground::Instant;

/// So many missing documents are suspicious when they are half of their source or more (a disk that is not mounted, a
/// site that shows its maintenance page).
const SEVERAL: usize = 3;

/// So long what is suspiciously missing is kept.
pub(super) const PATIENCE: i64 = 3 * Instant::DAY;

/// Who may read a document: those whom the configuration names, and of them those whom the source lets. Of two
/// different names nobody knows whom they share, so only the same name counts, or `everyone` on one side.
pub(super) fn effective(configured: &[String], restricted: Option<&[String]>) -> Vec<String> {
    let Some(restricted) = restricted else { return configured.to_vec() };
    let everyone = |side: &[String]| side.iter().any(|r| r == "everyone");
    if everyone(restricted) {
        return configured.to_vec();
    }
    if everyone(configured) {
        return restricted.to_vec();
    }
    restricted.iter().filter(|r| configured.contains(r)).cloned().collect()
}

/// Whom a document that stands may be shown to when its source restricts it anew and its content is not read yet: what
/// it says now was let to no more people than before, so only whom both restrictions let.
pub(super) fn narrowed(before: Option<Vec<String>>, now: Option<Vec<String>>) -> Option<Vec<String>> {
    match (before, now) {
        (None, other) | (other, None) => other,
        (Some(before), Some(now)) => Some(effective(&before, Some(&now))),
    }
}

/// Whether so many missing documents of so many look like a fault of the source rather than like deletions; `found` are
/// those that it has now, new ones too.
pub(super) fn suspicious(missing: usize, known: usize, found: usize) -> bool {
    let all = missing > 0 && missing == known && (known > 1 || found == 0);
    all || missing >= SEVERAL && missing * 2 >= known
}

/// Whether a document that is suspiciously missing since then has been kept long enough.
pub(super) fn is_surely_gone(since: Option<Instant>, now: Instant) -> bool {
    since.is_some_and(|since| since.plus(PATIENCE) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restriction_never_lets_anybody_in_whom_the_configuration_does_not_name() {
        let of = |configured: &[&str], restricted: Option<&[&str]>| {
            let own = |list: &[&str]| list.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
            effective(&own(configured), restricted.map(own).as_deref()).join(" ")
        };
        assert_eq!(of(&["everyone"], None), "everyone");
        assert_eq!(of(&[], None), "");
        assert_eq!(of(&["everyone"], Some(&["group:pay"])), "group:pay");
        assert_eq!(of(&["everyone"], Some(&[])), "", "restricted to people who are not known here");
        assert_eq!(of(&["group:pay", "role:owner"], Some(&["group:pay", "person:7"])), "group:pay");
        assert_eq!(of(&["role:owner"], Some(&["everyone"])), "role:owner");
        assert_eq!(of(&[], Some(&["everyone"])), "");
    }

    #[test]
    fn a_restriction_that_comes_before_the_content_only_narrows() {
        let of = |before: Option<&[&str]>, now: Option<&[&str]>| {
            let own = |list: &[&str]| list.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
            narrowed(before.map(own), now.map(own)).map(|readers| readers.join(" "))
        };
        assert_eq!(of(None, None), None);
        assert_eq!(of(Some(&["group:hr"]), None).as_deref(), Some("group:hr"));
        assert_eq!(of(Some(&["group:hr"]), Some(&["everyone"])).as_deref(), Some("group:hr"));
        assert_eq!(of(None, Some(&["group:hr"])).as_deref(), Some("group:hr"));
        assert_eq!(of(Some(&["everyone"]), Some(&["email:a@b.c"])).as_deref(), Some("email:a@b.c"));
        assert_eq!(
            of(Some(&["group:hr", "group:pay"]), Some(&["group:pay", "role:owner"])).as_deref(),
            Some("group:pay")
        );
        assert_eq!(of(Some(&["group:hr"]), Some(&[])).as_deref(), Some(""));
    }

    #[test]
    fn what_vanishes_at_once_is_not_gone_before_its_time() {
        for (missing, known, found, expected) in [
            (0, 0, 0, false),
            (0, 9, 9, false),
            (1, 9, 8, false),
            (2, 4, 2, false),
            (3, 6, 3, true),
            (3, 7, 4, false),
            (9, 9, 0, true),
            (9, 9, 4, true),
            (20, 30, 10, true),
            (1_000, 2_001, 1_001, false),
            // The only one: nothing at all is there, or something else is.
            (1, 1, 0, true),
            (1, 1, 1, false),
        ] {
            assert_eq!(suspicious(missing, known, found), expected, "{missing} of {known}, {found} found");
        }
        let now = Instant(100 * Instant::DAY);
        assert!(!is_surely_gone(None, now));
        assert!(!is_surely_gone(Some(now.plus(-Instant::DAY)), now));
        assert!(is_surely_gone(Some(now.plus(-PATIENCE)), now));
    }
}
