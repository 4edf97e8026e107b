//! Reading a pack that is a ZIP, strictly (APPNOTE 6.3): one file, stored or deflated entries that follow on each other without
//! a gap, headers that say the same twice, no ZIP64, no comment, no extra field, nothing before, between or behind its parts that
//! a reader could take for something else. General readers take the last of two entries of one name, or what stands before a
//! central directory, in silence; a verifier must not.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::bufread::DeflateDecoder;

use super::files::{Files, too_much};
use super::pack::{MOST_BYTES, MOST_FILES};

/// Why a pack is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is not what Stoa wrote.
    Changed(String),
    /// It cannot be read.
    Unread(String),
}

/// One entry of the central directory.
struct Entry {
    name: String,
    folder: bool,
    /// What its local header has to say as well, from the version on.
    header: [u8; 26],
    method: u16,
    crc: u32,
    packed: usize,
    size: usize,
    at: usize,
}

fn damaged() -> Bad {
    Bad::Unread(
        "it is a ZIP that is damaged, or of a kind that a pack never is: unpack it, and verify the folder".into(),
    )
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Bad> {
    let part = bytes.get(at..at + 2).and_then(|b| b.first_chunk::<2>());
    part.map(|b| u16::from_le_bytes(*b)).ok_or_else(damaged)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Bad> {
    let part = bytes.get(at..at + 4).and_then(|b| b.first_chunk::<4>());
    part.map(|b| u32::from_le_bytes(*b)).ok_or_else(damaged)
}

fn size_at(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    u32_at(bytes, at)?.try_into().map_err(|_| damaged())
}

/// The files of an archive.
pub(super) fn read(bytes: &[u8]) -> Result<Files, Bad> {
    let end = bytes.len().checked_sub(22).ok_or_else(damaged)?;
    let whole = u32_at(bytes, end)? == 0x0605_4b50
        && u32_at(bytes, end + 4)? == 0
        && u16_at(bytes, end + 8)? == u16_at(bytes, end + 10)?
        && u16_at(bytes, end + 20)? == 0;
    let (count, start) = (usize::from(u16_at(bytes, end + 10)?), size_at(bytes, end + 16)?);
    if !whole || start.checked_add(size_at(bytes, end + 12)?) != Some(end) {
        return Err(damaged());
    }
    let (mut at, mut left, mut names) = (start, MOST_BYTES, BTreeSet::new());
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, next) = central(bytes, at, end)?;
        at = next;
        left = left.checked_sub(entry.size as u64).ok_or_else(too_much)?;
        if entries.len() >= MOST_FILES {
            return Err(too_much());
        }
        if !names.insert(entry.name.clone()) {
            return Err(Bad::Changed(format!("the ZIP has the file {} twice", entry.name)));
        }
        entries.push(entry);
    }
    if at != end {
        return Err(damaged());
    }
    entries.sort_unstable_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    let (mut files, mut begins) = (Files::new(), 0);
    for entry in entries {
        let (from, to) = local(bytes, &entry, start)?;
        if entry.at != begins {
            return Err(damaged());
        }
        begins = to;
        let file = unpacked(&entry, bytes.get(from..to).ok_or_else(damaged)?)?;
        if !entry.folder {
            files.insert(entry.name, file);
        }
    }
    if begins == start { Ok(files) } else { Err(damaged()) }
}

/// Reads one entry of the central directory, whose name is that of a file or a folder without its last slash. Gives where the
/// next one begins.
fn central(bytes: &[u8], at: usize, end: usize) -> Result<(Entry, usize), Bad> {
    if u32_at(bytes, at)? != 0x0201_4b50 {
        return Err(damaged());
    }
    let next = at + 46 + usize::from(u16_at(bytes, at + 28)?);
    let (flags, method) = (u16_at(bytes, at + 8)?, u16_at(bytes, at + 10)?);
    // An extra field, a comment, or another disk.
    let more = u16_at(bytes, at + 30)? | u16_at(bytes, at + 32)? | u16_at(bytes, at + 34)?;
    if next > end || more != 0 || flags & !0x0806 != 0 || !matches!(method, 0 | 8) {
        return Err(damaged());
    }
    let name = bytes.get(at + 46..next).ok_or_else(damaged)?;
    let Ok(name) = std::str::from_utf8(name) else {
        return Err(Bad::Changed("the name of a file in the ZIP is not UTF-8".into()));
    };
    let (plain, folder) = match name.strip_suffix('/') {
        Some(folder) => (folder, true),
        None => (name, false),
    };
    let harmless = plain.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !plain.contains(|c: char| c == '\\' || c == ':' || c.is_ascii_control());
    if !harmless {
        return Err(Bad::Changed(format!("the ZIP has a file whose name leads elsewhere: {name}")));
    }
    // Where the system was Unix, the kind of the file stands in the upper half of its attributes.
    let unix = u16_at(bytes, at + 4)? >> 8 == 3;
    let kind = u16_at(bytes, at + 40)? & 0o170_000;
    let expected = if folder { 0o040_000 } else { 0o100_000 };
    if unix && kind != 0 && kind != expected {
        return Err(Bad::Changed(format!("{name} in the ZIP is a link or a device, and a pack has files only")));
    }
    let entry = Entry {
        name: plain.to_owned(),
        folder,
        header: bytes.get(at + 6..).and_then(<[u8]>::first_chunk).copied().ok_or_else(damaged)?,
        method,
        crc: u32_at(bytes, at + 16)?,
        packed: size_at(bytes, at + 20)?,
        size: size_at(bytes, at + 24)?,
        at: size_at(bytes, at + 42)?,
    };
    if folder && (entry.size, entry.packed) != (0, 0) {
        return Err(damaged());
    }
    Ok((entry, next))
}

/// Where the bytes of an entry are, by its local header, which must say the same as the central directory.
fn local(bytes: &[u8], entry: &Entry, start: usize) -> Result<(usize, usize), Bad> {
    let named = entry.at + 30;
    let name = format!("{}{}", entry.name, if entry.folder { "/" } else { "" });
    let from = named + name.len();
    let to = from + entry.packed;
    let same = u32_at(bytes, entry.at)? == 0x0403_4b50
        && bytes.get(entry.at + 4..named) == Some(&entry.header[..])
        && bytes.get(named..from) == Some(name.as_bytes())
        && to <= start;
    if same { Ok((from, to)) } else { Err(damaged()) }
}

fn unpacked(entry: &Entry, packed: &[u8]) -> Result<Vec<u8>, Bad> {
    let changed = || Bad::Changed(format!("the file {} in the ZIP was changed", entry.name));
    let mut file = Vec::new();
    if entry.method == 0 {
        file.extend_from_slice(packed);
    } else {
        let mut inflating = DeflateDecoder::new(packed);
        // One byte more than there may be.
        let read = (&mut inflating).take(entry.size as u64 + 1).read_to_end(&mut file);
        if read.is_err() || inflating.total_in() != packed.len() as u64 {
            return Err(changed());
        }
    }
    let mut crc = flate2::Crc::new();
    crc.update(&file);
    if file.len() != entry.size || crc.sum() != entry.crc {
        return Err(changed());
    }
    Ok(file)
}
