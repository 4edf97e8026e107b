//! What people read, without what differs from run to run, for snapshots.

/// A line in which ids and days are replaced.
#[must_use]
pub fn steady_line(line: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let is_id = |w: &str| w.len() >= 16 && w.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let bare = |w: &str| w.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    // Short or in full.
    let day = |w: &str| DAYS.contains(&w) || (w.ends_with("day") && w.get(..3).is_some_and(|d| DAYS.contains(&d)));
    let words: Vec<&str> = line.split(' ').collect();
    let is_month = |n: usize| words.get(n).is_some_and(|w| MONTHS.contains(&bare(w).as_str()));
    let steady = words.iter().enumerate().map(|(n, word)| {
        let core = bare(word);
        let beside = is_month(n + 1) || n.checked_sub(1).is_some_and(is_month);
        let number = !core.is_empty() && core.chars().all(|c| c.is_ascii_digit());
        if is_month(n) || (day(&core) && (is_month(n + 2) || is_month(n + 1))) || (number && beside) {
            return word.replace(&core, "[date]");
        }
        // An instant that Discord shows in the reader's own time.
        if let Some((at, _)) = core.strip_prefix("t:").and_then(|rest| rest.split_once(':')) {
            return word.replace(at, "[moment]");
        }
        // The time of day behind a day.
        if core.split_once(':').is_some_and(|(h, m)| h.len() <= 2 && m.len() == 2)
            && n.checked_sub(2).is_some_and(is_month)
        {
            return word.replace(&core, "[time]");
        }
        let parts: Vec<&str> = word.split('/').collect();
        parts.iter().map(|part| if is_id(&bare(part)) { "[id]" } else { part }).collect::<Vec<_>>().join("/")
    });
    steady.collect::<Vec<_>>().join(" ")
}
