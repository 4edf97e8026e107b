//! Gaps as the learning team sees them: by topic, with counts and without names. The rule of what is shown is at the top
//! of [the folder](super).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use stoa_ground::people;
use stoa_ground::{Db, Instant, Result};

use super::MANY;
use super::store::{self, Gap};
use crate::search::{Access, Index, Stems, words};

/// Gaps that are looked at, newest first.
const LOOKED_AT: i64 = 1_000;
/// How much of the shorter of two sets of telling words must be shared.
const SHARED: f64 = 0.5;
/// Words of a topic that are shown at most.
const WORDS: usize = 5;

/// A topic that people asked about in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// The id of its gap that was asked most; orders are about this one.
    pub id: String,
    /// The question itself, when enough people asked it.
    pub question: Option<String>,
    /// Words of the topic, in the order of the alphabet; may be empty.
    pub words: Vec<String>,
    /// How often it was asked.
    pub asked: i64,
    /// By how many different people.
    pub people: usize,
    /// When it was asked first.
    pub first: Instant,
    /// When it was asked last.
    pub last: Instant,
    /// The name of whoever takes care of it.
    pub owner: Option<String>,
    /// Until when.
    pub due: Option<Instant>,
    /// The ids of its gaps.
    #[serde(skip)]
    pub gaps: Vec<String>,
}

/// The open gaps by topic, those that most people asked about first.
///
/// # Errors
/// When the store or the index cannot be read.
pub async fn clusters(db: &Db, index: &Index) -> Result<Vec<Cluster>> {
    let (gaps, askers) =
        db.read(|c| async move { Ok((store::open(&c, LOOKED_AT).await?, store::askers(&c).await?)) }).await?;
    let mut by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (gap, person) in askers {
        by.entry(gap).or_default().insert(person);
    }
    let mut out = Vec::new();
    for members in grouped(gaps) {
        out.push(cluster(db, index, &members, &by).await?);
    }
    out.sort_by_key(|c| std::cmp::Reverse((c.people, c.asked, c.last)));
    Ok(out)
}

fn stems(gap: &Gap) -> BTreeSet<&str> {
    gap.key.split(' ').filter(|s| !s.is_empty()).collect()
}

/// Each gap goes to the first topic that shares enough words with it, those that were asked most first.
fn grouped(mut gaps: Vec<Gap>) -> Vec<Vec<Gap>> {
    gaps.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
    let mut groups: Vec<Vec<Gap>> = Vec::new();
    for gap in gaps {
        let mine = stems(&gap);
        let near = groups.iter().position(|group| {
            let core = group.first().map(stems).unwrap_or_default();
            let shorter = core.len().min(mine.len()).max(1);
            let shared = core.intersection(&mine).count();
            shared as f64 / shorter as f64 > SHARED || (shared == shorter && shared > 0)
        });
        match near {
            Some(n) => groups[n].push(gap),
            None => groups.push(vec![gap]),
        }
    }
    groups
}

async fn cluster(db: &Db, index: &Index, members: &[Gap], by: &BTreeMap<String, BTreeSet<String>>) -> Result<Cluster> {
    let who = |gap: &Gap| by.get(&gap.id).cloned().unwrap_or_default();
    let people: BTreeSet<String> = members.iter().flat_map(who).collect();
    let question = members.iter().find(|g| who(g).len() >= MANY).map(|g| g.text.clone());
    let owner = members.iter().find_map(|g| g.owner.clone());
    let name = match &owner {
        Some(id) => db.read(|c| async move { people::by_id(&c, id).await }).await?.map(|p| p.name),
        None => None,
    };
    Ok(Cluster {
        id: members.first().map(|g| g.id.clone()).unwrap_or_default(),
        question,
        words: shown_words(index, db.clock().now(), members, &who)?,
        asked: members.iter().map(|g| g.count).sum(),
        people: people.len(),
        first: members.iter().map(|g| g.first).min().unwrap_or(Instant(0)),
        last: members.iter().map(|g| g.last).max().unwrap_or(Instant(0)),
        owner: name,
        due: members.iter().find(|g| g.owner == owner && owner.is_some()).and_then(|g| g.due),
        gaps: members.iter().map(|g| g.id.clone()).collect(),
    })
}

/// The words of a topic that may be shown.
fn shown_words(
    index: &Index,
    now: Instant,
    members: &[Gap],
    who: &dyn Fn(&Gap) -> BTreeSet<String>,
) -> Result<Vec<String>> {
    let stemming = Stems::of(None);
    // Stem to the word as somebody wrote it, and to whoever used it.
    let mut used: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let mut open = BTreeSet::new();
    for gap in members {
        let mine = stems(gap);
        for word in words(&gap.text) {
            let stem = stemming.stem(&word.folded);
            if mine.contains(stem.as_str()) {
                let entry = used.entry(stem).or_insert_with(|| (word.folded.clone(), BTreeSet::new()));
                entry.1.extend(who(gap));
            }
        }
        let found = index.search(&gap.text, &Access::everyone(), now, 1)?;
        open.extend(found.asked.into_iter().filter(|a| a.passages > 0 && a.taken_for.is_empty()).map(|a| a.word));
    }
    let mut shown: Vec<(usize, String)> = used
        .into_values()
        .filter(|(word, people)| people.len() > 1 || open.contains(word))
        .map(|(word, people)| (people.len(), word))
        .collect();
    shown.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut shown: Vec<String> = shown.into_iter().take(WORDS).map(|(_, word)| word).collect();
    shown.sort();
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(id: &str, key: &str, count: i64) -> Gap {
        Gap {
            id: id.into(),
            key: key.into(),
            text: key.into(),
            count,
            first: Instant(0),
            last: Instant(0),
            owner: None,
            due: None,
        }
    }

    #[test]
    fn questions_about_one_thing_are_one_topic() {
        let groups = grouped(vec![
            gap("a", "order park permit", 2),
            gap("b", "park permit price", 1),
            gap("c", "vpn zeppelin", 1),
            gap("d", "park", 1),
        ]);
        let ids: Vec<Vec<&str>> = groups.iter().map(|g| g.iter().map(|g| g.id.as_str()).collect()).collect();
        assert_eq!(ids, [vec!["a", "d", "b"], vec!["c"]]);
    }
}
