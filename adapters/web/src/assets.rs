//! The style sheet, the script and the icon, built in and kept by browsers until they change.

use std::sync::LazyLock;

use axum::extract::{Path, RawQuery};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &str, &str); 3] = [
    ("web.css", "text/css; charset=utf-8", include_str!("../assets/web.css")),
    ("web.js", "text/javascript; charset=utf-8", include_str!("../assets/web.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Changes whenever a file does: it stands in the address.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut digest = Sha256::new();
    for (_, _, text) in FILES {
        digest.update(text.as_bytes());
    }
    stoa_ground::hex(digest.finalize().iter().take(6))
});

/// One of the files.
pub(crate) async fn asset(Path(file): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some((_, kind, text)) = FILES.into_iter().find(|(name, _, _)| *name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let current = query.is_some_and(|q| q == format!("v={}", *VERSION));
    let keep = if current { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], text).into_response()
}
