//! stoa-xapi-http
