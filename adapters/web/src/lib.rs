//! stoa-web
