//! `/evidence/…`: the log of evidence as C2SP tlog-tiles has it, for auditors and their programs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use stoa_ground::ledger::{checkpoint as checkpoints, log};
use stoa_ground::people::{Role, roles_of};

use crate::Web;
use crate::refusal::{Refusal, words_of};
use crate::session::Visitor;

/// A full tile never changes.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
/// What may change, or is a part of something that grows.
const ASK_AGAIN: &str = "no-store";

/// Lets auditors pass, and everybody where the configuration says so.
async fn allowed(web: &Web, visitor: Result<Visitor, Refusal>, headers: &HeaderMap) -> Result<(), Refusal> {
    if web.options.evidence_public {
        return Ok(());
    }
    // A program follows no way to a page for signing in.
    let person = visitor.map_err(|refusal| Refusal { sign_in: false, ..refusal })?.person;
    let roles = web.flow.db().read(|c| async move { roles_of(&c, &person).await }).await?;
    if roles.contains(&Role::Auditor) {
        return Ok(());
    }
    let text = words_of(headers).say("web-evidence-auditors");
    Err(Refusal { status: StatusCode::FORBIDDEN, text, sign_in: false })
}

/// The newest checkpoint, with the cosignatures of witnesses.
pub(crate) async fn checkpoint(
    State(web): State<Arc<Web>>,
    visitor: Result<Visitor, Refusal>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    allowed(&web, visitor, &headers).await?;
    let found = web
        .flow
        .db()
        .read(|c| async move {
            match checkpoints::newest(&c).await? {
                Some(signed) => Ok(Some(checkpoints::cosigned(&c, &signed).await?)),
                None => Ok(None),
            }
        })
        .await?;
    let note = found.ok_or_else(|| missing(&headers))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, ASK_AGAIN)], note)
        .into_response())
}

/// A tile of hashes, or an entry bundle.
pub(crate) async fn tile(
    State(web): State<Arc<Web>>,
    visitor: Result<Visitor, Refusal>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    allowed(&web, visitor, &headers).await?;
    let wanted = Wanted::parse(&path).ok_or_else(|| missing(&headers))?;
    let found = web
        .flow
        .db()
        .read(|c| async move {
            match wanted.level {
                Some(level) => log::tile(&c, level, wanted.tile, wanted.width).await,
                None => log::entries(&c, wanted.tile, wanted.width).await,
            }
        })
        .await?;
    let bytes = found.ok_or_else(|| missing(&headers))?;
    let cache = if wanted.width == log::WIDTH { FOR_EVER } else { ASK_AGAIN };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

fn missing(headers: &HeaderMap) -> Refusal {
    Refusal { status: StatusCode::NOT_FOUND, text: words_of(headers).say("web-evidence-missing"), sign_in: false }
}

/// What a path under `tile/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    /// None for an entry bundle.
    level: Option<u32>,
    tile: u64,
    width: u64,
}

impl Wanted {
    /// `<level>/<tile>` or `entries/<tile>`, the tile in groups of three digits of which all but the last begin with `x`,
    /// and for a part of a tile `.p/<width>` behind it.
    fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.split_once('/')?;
        let (tile, width) = match rest.split_once(".p/") {
            Some((tile, width)) => (tile, number(width).filter(|w| (1..log::WIDTH).contains(w))?),
            None => (rest, log::WIDTH),
        };
        let level = match kind {
            "entries" => None,
            level => Some(u32::try_from(number(level)?).ok().filter(|level| *level < 64)?),
        };
        let groups: Vec<&str> = tile.split('/').collect();
        let (last, before) = groups.split_last()?;
        let mut index: u64 = 0;
        for (n, group) in before.iter().map(|g| g.strip_prefix('x')).chain([Some(*last)]).enumerate() {
            let group = group.filter(|g| g.len() == 3 && g.bytes().all(|b| b.is_ascii_digit()))?;
            // The same tile has one name: no group of zeros before the others.
            if n == 0 && group == "000" && !before.is_empty() {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(group.parse().ok()?)?;
        }
        Some(Self { level, tile: index, width })
    }
}

/// A decimal number without leading zeros.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_standard_writes_them() {
        let wanted = |path: &str| Wanted::parse(path).map(|w| (w.level, w.tile, w.width));
        assert_eq!(wanted("0/000"), Some((Some(0), 0, 256)));
        assert_eq!(wanted("0/x001/x234/067"), Some((Some(0), 1_234_067, 256)));
        assert_eq!(wanted("1/003.p/5"), Some((Some(1), 3, 5)));
        assert_eq!(wanted("entries/x001/067.p/255"), Some((None, 1067, 255)));
        for bad in [
            "",
            "0",
            "0/",
            "0/1",
            "0/x001",
            "0/x000/001",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/05",
            "00/000",
            "64/000",
            "0/+01",
            "data/000",
            "0/x001/x234/06a",
            "0/001/002",
        ] {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }
}
