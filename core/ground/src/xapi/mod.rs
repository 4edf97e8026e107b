//! xAPI.
