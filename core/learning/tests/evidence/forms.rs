//! The forms of a pack: PDF, CSV and JSON say the same; a ZIP is as good as a folder, and no trick in one gets through.

use super::*;
use std::io::Write as _;

fn shown(pack: &Path) -> String {
    pdf_extract::extract_text_from_mem(&std::fs::read(pack.join("report.pdf")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pdf_csv_and_json_agree_and_two_exports_of_one_moment_are_the_same_bytes() {
    let w = world().await;
    let pack = w.pack("pack").await;
    let text = shown(&pack);
    let report: Json = serde_json::from_slice(&std::fs::read(pack.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["percent"], "50.0");
    assert!(text.contains("1 of 2 completed: 50.0 %"), "{text}");
    assert!(text.contains("Does not count, exempt: 1"), "{text}");
    for row in report["rows"].as_array().unwrap() {
        for part in ["name", "employee_id", "state", "due"] {
            let value = row[part].as_str().unwrap();
            assert!(text.contains(value), "{value}: {text}");
        }
    }
    assert!(text.contains(&sha256(std::fs::read(pack.join("report.json")).unwrap())), "{text}");
    assert!(text.contains("This is a test"), "{text}");
    let again = w.pack("again").await;
    for file in ["report.pdf", "report.csv", "report.json", "population.json", "records.jsonl", "manifest.json"] {
        assert_eq!(std::fs::read(pack.join(file)).unwrap(), std::fs::read(again.join(file)).unwrap(), "{file}");
    }
    let scope = Scope { requirement: Some("fire-safety".into()), ..Scope::default() };
    for zip in ["a.zip", "b.zip"] {
        w.export(&scope, Some(Preset::Soc2), &w.dir.path().join(zip)).await.unwrap();
    }
    let [a, b] = ["a.zip", "b.zip"].map(|zip| std::fs::read(w.dir.path().join(zip)).unwrap());
    assert_eq!(a, b);
    let said = w.export(&scope, None, &w.dir.path().join("a.zip")).await.unwrap_err().to_string();
    assert!(said.contains("is there already"), "{said}");
}

/// An entry of a ZIP: name, bytes, and the kind of file.
type Entry<'a> = (&'a str, &'a [u8], u32);

/// What a ZIP has that a pack's never has: bytes behind each file, an extra field and a comment of each entry.
#[derive(Default)]
struct Odd<'a> {
    gap: &'a [u8],
    extra: &'a [u8],
    comment: &'a [u8],
}

/// A ZIP with these entries, stored, also such that no tool would write.
fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    odd(entries, &Odd::default())
}

fn odd(entries: &[Entry<'_>], odd: &Odd<'_>) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_le_bytes();
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data, mode) in entries {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let at = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let fixed: &[u8] = &[0x14, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        let crc = crc.sum().to_le_bytes();
        let lengths = [length(name.as_bytes()), length(odd.extra)].concat();
        let common = [fixed, &crc[..], &size[..], &size[..], &lengths[..]].concat();
        bytes.extend([&b"PK\x03\x04"[..], &common[..], name.as_bytes(), odd.extra, data, odd.gap].concat());
        let attributes = [&length(odd.comment)[..], &[0; 4][..], &(mode << 16).to_le_bytes()[..]].concat();
        let central = [&b"PK\x01\x02\x14\x03"[..], &common[..], &attributes[..], &at[..], name.as_bytes()];
        directory.extend([&central.concat()[..], odd.extra, odd.comment].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let (size, start) = (u32::try_from(directory.len()).unwrap(), u32::try_from(bytes.len()).unwrap());
    let (size, start) = (size.to_le_bytes(), start.to_le_bytes());
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count[..], &count[..], &size[..], &start[..], &[0, 0][..]].concat();
    [bytes, directory, end].concat()
}

fn entries(folder: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().display());
        if entry.path().is_dir() {
            all.extend(entries(&entry.path(), &format!("{name}/")));
        } else {
            all.push((name, std::fs::read(entry.path()).unwrap()));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zip_is_as_good_as_its_folder_and_no_trick_in_one_gets_through() {
    let w = world().await;
    let folder = w.pack("pack").await;
    let files = entries(&folder, "");
    let plain: Vec<Entry<'_>> = files.iter().map(|(name, data)| (name.as_str(), &data[..], 0o100_644)).collect();
    let trusted = Brought { key: Some(w.log.signer.verifier().to_string()), ..Brought::default() };
    let path = w.dir.path().join("pack.zip");
    let judged = |bytes: Vec<u8>| {
        std::fs::write(&path, bytes).unwrap();
        judge(&path, &trusted)
    };
    assert_eq!(judged(zip(&plain)).0, Verdict::Valid);
    let with = |entry: Entry<'_>| {
        let mut all = plain.clone();
        all.push(entry);
        zip(&all)
    };
    // A bomb: what its headers call some kilobytes inflates to 64 megabytes of nothing.
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    (0..64).for_each(|_| packed.write_all(&[0; 1 << 20]).unwrap());
    let packed = packed.finish().unwrap();
    let mut bomb = with(("bomb", &packed[..], 0o100_644));
    for (magic, method) in [(&b"PK\x03\x04"[..], 8), (&b"PK\x01\x02"[..], 10)] {
        let at = bomb.windows(4).rposition(|w| w == magic).unwrap();
        bomb[at + method] = 8;
    }
    let claims = |size: u32| {
        let mut bytes = zip(&plain);
        let at = bytes.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        bytes[at + 24..at + 28].copy_from_slice(&size.to_le_bytes());
        // The directory's first entry is the first one in the file as well.
        bytes[22..26].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    let changed = |at: usize| {
        let mut bytes = zip(&plain);
        bytes[at] ^= 1;
        bytes
    };
    let wide = [&[1, 0, 8, 0][..], &[0; 8][..]].concat();
    let fewer: Vec<Entry<'_>> = plain.iter().copied().filter(|(name, ..)| *name != "trail.json").collect();
    let cases: Vec<(&str, Vec<u8>, Verdict, &str)> = vec![
        ("a file more", with(("more.txt", b"x", 0o100_644)), Verdict::Tampered, "does not belong"),
        ("a name twice", with(("trail.json", b"[]", 0o100_644)), Verdict::Tampered, "twice"),
        ("a symbolic link", with(("link", b"/etc/passwd", 0o120_777)), Verdict::Tampered, "link or a device"),
        ("a way up", with(("../out.txt", b"x", 0o100_644)), Verdict::Tampered, "leads elsewhere"),
        ("an absolute name", with(("/etc/x", b"x", 0o100_644)), Verdict::Tampered, "leads elsewhere"),
        ("a name of Windows", with(("C:\\x", b"x", 0o100_644)), Verdict::Tampered, "leads elsewhere"),
        ("a bomb", bomb, Verdict::Tampered, "bomb in the ZIP was changed"),
        ("a claimed size", claims(4_000_000_000), Verdict::CannotVerify, "no pack that Stoa writes"),
        ("a wrong size", claims(7), Verdict::Tampered, "was changed"),
        ("another size in the local header", changed(22), Verdict::CannotVerify, "damaged"),
        ("another time in the local header", changed(10), Verdict::CannotVerify, "damaged"),
        ("bytes in between", odd(&plain, &Odd { gap: b"more", ..Odd::default() }), Verdict::CannotVerify, "damaged"),
        ("ZIP64", odd(&plain, &Odd { extra: &wide, ..Odd::default() }), Verdict::CannotVerify, "damaged"),
        ("a comment", odd(&plain, &Odd { comment: b"more", ..Odd::default() }), Verdict::CannotVerify, "damaged"),
        ("a folder with bytes", with(("more/", b"x", 0o040_755)), Verdict::CannotVerify, "damaged"),
        ("a folder of a file's name", with(("trail.json/", b"", 0o040_755)), Verdict::Tampered, "trail.json twice"),
        ("a folder", with(("more/", b"", 0o040_755)), Verdict::Valid, "signed by the key"),
        ("cut off", zip(&plain)[..2_000].to_vec(), Verdict::CannotVerify, "damaged"),
        ("something behind it", [zip(&plain), b"more".to_vec()].concat(), Verdict::CannotVerify, "damaged"),
        ("no ZIP", b"hello".to_vec(), Verdict::CannotVerify, "damaged"),
        ("an empty ZIP", zip(&[]), Verdict::CannotVerify, "no manifest.json"),
        ("a file is missing", zip(&fewer), Verdict::Tampered, "trail.json is missing"),
    ];
    for (what, bytes, expected, says) in cases {
        let (verdict, why) = judged(bytes);
        assert!(verdict == expected && why.contains(says), "{what}: {verdict:?} {why}");
    }
    // What other tools make of the folder is read as well.
    let mut command = python();
    let script = "import sys, zipfile, pathlib\nz = zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED)\n\
                  [z.write(p, p.relative_to(sys.argv[1])) for p in sorted(pathlib.Path(sys.argv[1]).rglob('*'))]\nz.close()";
    std::fs::remove_file(&path).unwrap();
    assert!(command.args(["-c", script]).arg(&folder).arg(&path).status().unwrap().success());
    assert_eq!(judge(&path, &trusted).0, Verdict::Valid);
    // A link in a folder is not followed.
    std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
    let (verdict, why) = judge(&folder, &trusted);
    assert!(verdict == Verdict::Tampered && why.contains("link is a link"), "{why}");
}
