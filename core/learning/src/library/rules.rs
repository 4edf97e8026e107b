//! Two decisions of a sync: who may read a document that its source restricts, and whether what is missing is gone.

use stoa_ground::Instant;

/// More missing documents than this are suspicious when they are most of their source (a disk that is not mounted, a
/// site that shows its maintenance page).
const MANY: usize = 20;

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

/// Whether so many missing documents of so many look like a fault of the source rather than like deletions.
pub(super) fn suspicious(missing: usize, known: usize) -> bool {
    missing > 0 && (missing == known && known > 1 || missing > MANY && missing * 2 > known)
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
    fn what_vanishes_at_once_is_not_gone_before_its_time() {
        for (missing, known, expected) in
            [(0, 0, false), (0, 9, false), (1, 1, false), (1, 9, false), (9, 9, true), (20, 30, false)]
        {
            assert_eq!(suspicious(missing, known), expected, "{missing} of {known}");
        }
        assert!(suspicious(21, 40) && !suspicious(21, 42) && suspicious(1_000, 1_500));
        let now = Instant(100 * Instant::DAY);
        assert!(!is_surely_gone(None, now));
        assert!(!is_surely_gone(Some(now.plus(-Instant::DAY)), now));
        assert!(is_surely_gone(Some(now.plus(-PATIENCE)), now));
    }
}
