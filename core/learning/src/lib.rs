//! The capabilities. Each folder holds its types, rules, SQL and tests; they are registered in one list here.

pub mod library;
pub mod lrs;
