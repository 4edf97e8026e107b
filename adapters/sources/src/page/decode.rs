//! Bytes to text: by byte order mark, else UTF-8, else what the server says of it, else what the HTML page says itself, else
//! Windows-1252.

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
        let declared = || declared(bytes).filter(|encoding| html && other(encoding));
        said.or_else(declared).unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0.into_owned()
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

/// The character set that an HTML page names in its first kilobyte (HTML standard, section 13.2.3.2).
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1_024)]).to_ascii_lowercase();
    let (_, after) = head.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'']).split(['"', '\'', ' ', ';', '>', '/']).next()?;
    Encoding::for_label(name.as_bytes())
}
