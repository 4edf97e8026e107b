//! The capabilities. Each folder holds its types, rules, SQL and tests; they are registered in one list here.

pub mod answers;
pub mod codes;
pub mod eval;
pub mod evidence;
pub mod identity;
pub mod impact;
pub mod lessons;
pub mod library;
pub mod linking;
pub mod lrs;
pub mod mydata;
pub mod operations;
pub mod search;
pub mod simulate;
pub mod tips;
pub mod training;

mod services;
mod stop;
mod words;

pub use services::{Services, ledger};

use std::sync::Arc;

use stoa_flow::Parts;

/// All capabilities: the one list in which each is registered, in the order of `help`.
#[must_use]
pub fn parts(services: &Arc<Services>) -> Parts {
    let mut all = Parts::default();
    for parts in [
        answers::parts(services),
        tips::parts(services),
        lessons::parts(services),
        training::parts(services),
        impact::parts(services),
        mydata::parts(services),
        linking::parts(),
        operations::parts(),
        codes::parts(),
    ] {
        all.commands.extend(parts.commands);
        all.panels.extend(parts.panels);
        all.kinds.extend(parts.kinds);
        all.jobs.extend(parts.jobs);
        all.watchers.extend(parts.watchers);
        all.followers.extend(parts.followers);
        all.background.extend(parts.background);
        all.leases.extend(parts.leases);
    }
    all.leases.push(library::LEASED);
    all
}
