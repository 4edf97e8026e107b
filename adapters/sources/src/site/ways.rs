//! Pages that call another address their own. They are held until that one was visited: there its page stands, or it leads
//! back, or nowhere, and then they stand themselves.

use std::collections::{HashMap, HashSet};

use stoa_learning::library::Found;

/// Where the pages of a site are to be found.
#[derive(Default)]
pub(super) struct Ways {
    /// From an address to the one that its page names, or was found at.
    leads: HashMap<String, String>,
    /// Where pages stand.
    standing: HashSet<String>,
    held: Vec<(String, Found)>,
}

/// Where an address leads in the end.
enum End {
    Page,
    /// To a page that is still to be visited.
    Later,
    /// To nothing, or in a circle.
    Nowhere,
}

impl Ways {
    /// A page stands there.
    pub fn stands(&mut self, at: &str) {
        self.standing.insert(at.to_owned());
    }

    /// What was asked for at `from` is at `to`.
    pub fn lead(&mut self, from: &str, to: &str) {
        if from != to {
            self.leads.insert(from.to_owned(), to.to_owned());
        }
    }

    /// Holds the page that was found at `at` and names `to`.
    pub fn hold(&mut self, at: &str, to: &str, found: Found) {
        self.lead(at, to);
        self.held.push((at.to_owned(), found));
    }

    /// Those of the pages held that stand; `later` says whether an address is still to be visited.
    pub fn settle(&mut self, later: impl Fn(&str) -> bool) -> Vec<Found> {
        let mut stand = Vec::new();
        for (at, found) in std::mem::take(&mut self.held) {
            match self.end(&at, &later) {
                End::Page => {}
                End::Later => self.held.push((at, found)),
                End::Nowhere => stand.push(found),
            }
        }
        stand
    }

    fn end(&self, from: &str, later: impl Fn(&str) -> bool) -> End {
        let (mut at, mut passed) = (from, HashSet::new());
        while let Some(next) = self.leads.get(at).filter(|next| passed.insert(next.as_str())) {
            if self.standing.contains(next) {
                return End::Page;
            }
            if later(next) {
                return End::Later;
            }
            at = next;
        }
        End::Nowhere
    }
}
