//! stoa-sources
