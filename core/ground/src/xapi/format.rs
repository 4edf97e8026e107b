//! The formats of single values: identifiers, addresses, times. Each check says what a right value looks like.

use iri_string::types::IriStr;

use crate::Instant;

/// What a value should have been, for an error message.
pub type Wanted = &'static str;

/// An absolute IRI (RFC 3987) with a scheme; also used where xAPI wants an IRL.
///
/// # Errors
/// What the value should have been.
pub fn iri(text: &str) -> Result<(), Wanted> {
    IriStr::new(text).map(|_| ()).map_err(|_| "an absolute IRI such as https://example.org/verbs/completed")
}

/// A UUID in its standard form (RFC 9562 section 4), in either case.
///
/// # Errors
/// What the value should have been.
pub fn uuid(text: &str) -> Result<(), Wanted> {
    let wanted = "a UUID such as 7ccd3322-e1a5-411a-a67d-6a735c76f119";
    if text.len() != 36 {
        return Err(wanted);
    }
    uuid::Uuid::try_parse(text).map(|_| ()).map_err(|_| wanted)
}

/// A well-formed language tag (RFC 5646 section 2.1).
///
/// # Errors
/// What the value should have been.
pub fn language(text: &str) -> Result<(), Wanted> {
    oxilangtag::LanguageTag::parse(text).map(|_| ()).map_err(|_| "a language tag such as en or pt-BR (RFC 5646)")
}

/// A `mailto:` IRI with one address and nothing else.
///
/// # Errors
/// What the value should have been.
pub fn mbox(text: &str) -> Result<(), Wanted> {
    let wanted = "'mailto:' and one e-mail address";
    let (local, domain) = text.strip_prefix("mailto:").and_then(|a| a.rsplit_once('@')).ok_or(wanted)?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | '?' | ';');
    let quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let fits = !local.is_empty()
        && !domain.is_empty()
        && !domain.contains(bad)
        && (quoted || !local.contains(|c| bad(c) || c == '@'));
    if fits { Ok(()) } else { Err(wanted) }
}

/// The hexadecimal SHA-1 digest of a `mailto:` IRI.
///
/// # Errors
/// What the value should have been.
pub fn sha1(text: &str) -> Result<(), Wanted> {
    if text.len() == 40 && is_hex(text) { Ok(()) } else { Err("40 hexadecimal digits (SHA-1)") }
}

/// A hexadecimal SHA-2 digest (SHA-224, 256, 384 or 512).
///
/// # Errors
/// What the value should have been.
pub fn sha2(text: &str) -> Result<(), Wanted> {
    let fits = matches!(text.len(), 56 | 64 | 96 | 128) && is_hex(text);
    if fits { Ok(()) } else { Err("a SHA-2 digest in hexadecimal digits, for example 64 of them for SHA-256") }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// An internet media type (RFC 2046) such as `text/plain; charset=utf-8`.
///
/// # Errors
/// What the value should have been.
pub fn media_type(text: &str) -> Result<(), Wanted> {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let token =
        |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+%'*`|~".contains(&b));
    match essence.split_once('/') {
        Some((kind, sub)) if token(kind) && token(sub) => Ok(()),
        _ => Err("a media type such as application/pdf"),
    }
}

/// A date and time of RFC 3339, with seconds and an offset other than `-00:00`.
///
/// # Errors
/// What the value should have been.
pub fn timestamp(text: &str) -> Result<Instant, Wanted> {
    let wanted = "an RFC 3339 date and time with an offset, such as 2026-11-23T09:00:00.000Z";
    let digits = |range: std::ops::Range<usize>| text.get(range).is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit()));
    let mark = |at: usize, any: &[u8]| text.as_bytes().get(at).is_some_and(|b| any.contains(b));
    let date = digits(0..4) && mark(4, b"-") && digits(5..7) && mark(7, b"-") && digits(8..10) && mark(10, b"Tt");
    let time = digits(11..13) && mark(13, b":") && digits(14..16) && mark(16, b":") && digits(17..19);
    if !(date && time) {
        return Err(wanted);
    }
    let mut offset = 19;
    if mark(19, b".") {
        offset += 1 + text[20..].bytes().take_while(u8::is_ascii_digit).count();
        if offset == 20 {
            return Err(wanted);
        }
    }
    match &text[offset..] {
        "Z" | "z" => {}
        "-00:00" => return Err("a time whose offset is not -00:00 (write Z or +00:00)"),
        o if o.len() == 6
            && (o.starts_with('+') || o.starts_with('-'))
            && digits(offset + 1..offset + 3)
            && mark(offset + 3, b":")
            && digits(offset + 4..offset + 6)
            && o[1..3] < *"24"
            && o[4..6] < *"60" => {}
        _ => return Err(wanted),
    }
    // More than nine decimals are allowed, and more than we can keep.
    let kept = if offset > 29 { format!("{}{}", &text[..29], &text[offset..]) } else { text.to_owned() };
    Instant::parse(&kept).map_err(|_| wanted)
}

/// An ISO 8601 duration of the format with designators (ISO 8601:2004 section 4.4.3.2).
///
/// # Errors
/// What the value should have been.
pub fn duration(text: &str) -> Result<(), Wanted> {
    let wanted = "an ISO 8601 duration such as PT4H35M59.14S or P4W";
    let rest = text.strip_prefix('P').ok_or(wanted)?;
    let (days, time) = match rest.split_once('T') {
        Some((_, "")) => return Err(wanted),
        Some((days, time)) => (days, time),
        None => (rest, ""),
    };
    if days.is_empty() && time.is_empty() {
        return Err(wanted);
    }
    let fits = if days.contains('W') {
        time.is_empty() && components(days, "W")
    } else {
        // Only the last component of all may have decimals.
        components(days, "YMD") && components(time, "HMS") && (time.is_empty() || !days.contains(['.', ',']))
    };
    if fits { Ok(()) } else { Err(wanted) }
}

/// Numbers followed by designators, each at most once and in this order; only the last number may have decimals.
fn components(text: &str, designators: &str) -> bool {
    let (mut rest, mut left) = (text, designators);
    while !rest.is_empty() {
        let Some(at) = rest.find(|c: char| c.is_ascii_alphabetic()) else { return false };
        let (number, tail) = rest.split_at(at);
        let Some(found) = left.find(&tail[..1]) else { return false };
        let (whole, decimals) = number.split_once(['.', ',']).map_or((number, None), |(w, d)| (w, Some(d)));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || decimals.is_some_and(|d| !digits(d) || tail.len() > 1) {
            return false;
        }
        left = &left[found + 1..];
        rest = &tail[1..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(f: impl Fn(&str) -> Result<T, Wanted>, good: &[&str], bad: &[&str]) {
        for g in good {
            assert!(f(g).is_ok(), "{g} should be accepted");
        }
        for b in bad {
            assert!(f(b).is_err(), "{b} should be refused");
        }
    }

    #[test]
    fn identifiers() {
        check(
            iri,
            &["http://example.com/فعل/خواندن", "urn:uuid:7ccd3322-e1a5-411a-a67d-6a735c76f119", "act:x", "http://a#b"],
            &["", "should fail", "ab=c://should.fail.com", "/relative", "//host/x", "http://a b", "http://a/<b>"],
        );
        check(
            uuid,
            &["7ccd3322-e1a5-411a-a67d-6a735c76f119", "7CCD3322-E1A5-411A-A67D-6A735C76F119"],
            &[
                "",
                "7ccd3322e1a5411aa67d6a735c76f119",
                "7ccd3322-e1a5-411a-a67d-6a735c76f11",
                "{7ccd3322-e1a5-411a-a67d-6a735c76f119}",
                "7ccd3322-e1a5-411a-a67d-6a735c76f11g",
                "urn:uuid:7ccd3322-e1a5-411a-a67d-6a735c76f119",
            ],
        );
        check(
            language,
            &["en", "en-US", "zh-Hant-TW", "tlh", "i-klingon", "x-private", "de-CH-1996"],
            &["", "a12345", "a12345678", "en_US", "e", "en--US", "english language"],
        );
        check(
            mbox,
            &[
                "mailto:a@b.example",
                "mailto:o'brien+x@b.example",
                "mailto:\"a b\"@c.example",
                "mailto:ü@bücher.example",
            ],
            &[
                "",
                "a@b.example",
                "mailto:should.fail.com",
                "http://should.fail.com",
                "mailto:@b",
                "mailto:a@",
                "mailto:a b@c",
                "mailto:a@b,c@d",
                "mailto:a@b?subject=x",
                "MAILTO:a@b",
            ],
        );
        check(
            media_type,
            &["text/plain; charset=ascii", "application/vnd.x+json"],
            &["", "text", "text/", "/x", "a b/c"],
        );
        check(
            sha1,
            &["ebd31e95054c018b10727ccffd2ef2ec3a016ee9"],
            &["", "ebd3", "zbd31e95054c018b10727ccffd2ef2ec3a016ee9"],
        );
    }

    #[test]
    fn times() {
        check(
            timestamp,
            &[
                "2008-09-15T15:53:00.601+00:00",
                "2015-11-18T12:17:00Z",
                "2015-11-18t12:17:00z",
                "2015-06-30T23:59:60Z",
                "2015-11-18T12:17:00.1234567890123456-11:30",
                "2024-02-29T00:00:00+14:00",
            ],
            &[
                "",
                "should fail",
                "01/011/2015",
                "2008-09-15T15:53:00.601-00",
                "2008-09-15T15:53:00.601-0000",
                "2008-09-15T15:53:00.601-00:00",
                "2008-09-15 15:53:00Z",
                "2008-09-15T15:53Z",
                "2008-09-15T15:53:00",
                "2008-09-15T15:53:00.Z",
                "2023-02-29T00:00:00Z",
                "2008-13-15T15:53:00Z",
                "2008-09-15T24:53:00Z",
                "2008-09-15T15:53:00+25:00",
                "2008-09-15T15:53:00Z[UTC]",
                "20080915T155300Z",
                "2008-09-15",
                "２008-09-15T15:53:00Z",
            ],
        );
        check(
            duration,
            &["PT4H35M59.14S", "PT16559.14S", "P3Y1M29DT4H35M59.14S", "P3Y", "P4W", "PT0S", "P0.5Y", "PT1,5H"],
            &[
                "",
                "P",
                "PT",
                "P1YT",
                "PA1H0M0S",
                "P4W1D",
                "P4WT1H",
                "4H",
                "PT4H5",
                "P1M1Y",
                "PT1.5H3M",
                "PT1S1S",
                "-PT1S",
                "P0003-06-04T12:30:05",
                "PT1.S",
                "P1.5DT1H",
                "pt1h",
                "PT١S",
            ],
        );
    }
}
