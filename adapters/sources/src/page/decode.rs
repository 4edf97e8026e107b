//! Bytes to text: by byte order mark, else UTF-8, else what the server says of it, else what the HTML page says itself, else
//! what its letters look like, which mostly is Windows-1252.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// Decodes a file, which may be `html`; `charset` is what was said of it on the way. Never fails for text; some characters
/// may be wrong where nothing says what it is.
///
/// # Errors
/// One sentence when the bytes are not text.
pub fn decode(bytes: &[u8], charset: Option<&str>, html: bool) -> Result<String, String> {
    // What is not UTF-8 is not made so by saying it.
    let other = |encoding: &&'static Encoding| *encoding != UTF_8;
    let said = charset.and_then(|label| Encoding::for_label(label.trim().as_bytes())).filter(other);
    let text = if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned()
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        text.to_owned()
    } else {
        let declared = || if html { declared(bytes).filter(other) } else { None };
        said.or_else(declared).unwrap_or_else(|| guessed(bytes)).decode_without_bom_handling(bytes).0.into_owned()
    };
    let (mut odd, mut all) = (0usize, 0usize);
    for c in text.chars() {
        all += 1;
        odd += usize::from(c == '\0' || c == '\u{FFFD}' || (c.is_control() && !c.is_whitespace() && c != '\u{1B}'));
    }
    if odd > 8 && odd * 50 > all || text.chars().take(1_024).any(|c| c == '\0') {
        return Err("it is not text but binary data: give it the right extension or take it out of the folder".into());
    }
    Ok(text)
}

/// The character set that an HTML page names in a `<meta>`, which should stand in its first kilobyte (HTML standard, section
/// 13.2.3.2) and sometimes stands further down.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.split("<meta").skip(1).find_map(|after| {
        let (tag, _) = after.split_once('>')?;
        let (_, value) = tag.split_once("charset")?;
        let value = value.trim_start().strip_prefix('=')?.trim_start_matches(['"', '\'', ' ']);
        let name = value.split(['"', '\'', ' ', ';', '/']).next()?;
        Encoding::for_label(name.as_bytes())
    })
}

/// The character set that the letters look like. Signs that stand alone, such as that of the pound, tell nothing; with fewer than
/// three letters it is Windows-1252.
fn guessed(bytes: &[u8]) -> &'static Encoding {
    let is_letter = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphabetic() || !b.is_ascii());
    let beside = |at: usize| (at.checked_sub(1).is_some_and(is_letter), is_letter(at + 1));
    let (mut words, mut letters) = (bytes.to_vec(), 0);
    for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| !byte.is_ascii()) {
        match beside(at) {
            (false, false) => words[at] = b' ',
            // Below 0xA0 Windows-1252 has marks, and from there on signs, which stand in no word.
            (before, after) => letters += usize::from(*byte >= 0xC0 || *byte >= 0xA0 && before && after),
        }
    }
    if letters < 3 {
        return WINDOWS_1252;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(&words, true);
    detector.guess(None, Utf8Detection::Deny)
}
