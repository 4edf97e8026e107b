//! Each single byte of a small pack, in a folder and in a ZIP: no change of it goes unseen, and both verifiers agree.

use std::io::Write as _;
use std::process::Stdio;

use super::*;

/// Says one letter for each change that comes in (a file's name and a place in it): V, T or C; and F where a changed ZIP
/// still has the same files.
const DRIVER: &str = r#"
import importlib.util, sys
spec = importlib.util.spec_from_file_location("verify", sys.argv[1])
v = importlib.util.module_from_spec(spec)
spec.loader.exec_module(v)
class Options: pack, key, checkpoints, witnesses, against = "", v.Key(sys.argv[3]), [], [], None
path = sys.argv[2]
zipped = open(path, "rb").read() if path.endswith(".zip") else None
whole = v.read_pack(path)
def verdict(files):
    v.read_pack = lambda _: files() if callable(files) else files
    try:
        done = v.Verification(Options)
    except v.Tampered:
        return "T"
    except v.Unknown:
        return "C"
    return "C" if done.unknown else "V"
said = [verdict(whole)]
for line in sys.stdin:
    name, at = line.rsplit(" ", 1)
    data = bytearray(whole[name] if zipped is None else zipped)
    data[int(at)] ^= 1
    if zipped is None:
        said.append(verdict({**whole, name: bytes(data)}))
        continue
    try:
        said.append("F" if v.read_zip(bytes(data)) == whole else verdict(lambda: v.read_zip(bytes(data))))
    except v.Tampered:
        said.append("T")
    except v.Unknown:
        said.append("C")
print("".join(said))
"#;

/// What the second verifier says about the whole pack and about each change.
fn second(pack: &Path, key: &Verifier, changes: &[(String, usize)]) -> Vec<char> {
    let mut child = python()
        .args(["-c", DRIVER])
        .arg(verifier())
        .arg(pack)
        .arg(key.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text: String = changes.iter().map(|(name, at)| format!("{name} {at}\n")).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().chars().collect()
}

fn letter(verdict: Verdict) -> char {
    match verdict {
        Verdict::Valid => 'V',
        Verdict::Tampered => 'T',
        Verdict::CannotVerify => 'C',
    }
}

async fn small(form: &str) -> (World, PathBuf) {
    let w = world().await;
    let pack = w.dir.path().join(form);
    let scope = Scope { person: Some("Ana".into()), ..Scope::default() };
    w.export(&scope, Some(Preset::Iso9001), &pack).await.unwrap();
    (w, pack)
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_byte_is_flipped_the_pack_is_not_valid() {
    let (w, folder) = small("one").await;
    let key = w.log.signer.verifier().clone();
    let trust = Trust { key: Some(key.clone()), ..Trust::default() };
    assert_eq!(verify(&folder, &trust).verdict, Verdict::Valid);
    let mut flipped = Vec::new();
    let contents = std::fs::read_dir(folder.join("content")).unwrap().map(|e| e.unwrap().path());
    let files = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file());
    for file in files.chain(contents) {
        let name = file.strip_prefix(&folder).unwrap().display().to_string();
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            let outcome = verify(&folder, &trust);
            assert_ne!(outcome.verdict, Verdict::Valid, "byte {at} of {name}");
            flipped.push((name.clone(), at, letter(outcome.verdict)));
        }
        std::fs::write(&file, whole).unwrap();
    }
    assert!(flipped.len() > 5_000, "{}", flipped.len());
    assert_eq!(verify(&folder, &trust).verdict, Verdict::Valid);
    // What only the manifest's digest guards is the same for every byte: the second verifier takes each seventh.
    let signed = ["manifest.json", "manifest.note", "checkpoint", "checkpoints.json", "keys.json"];
    flipped.retain(|(name, at, _)| signed.contains(&name.as_str()) || at % 7 == 0);
    let changes: Vec<(String, usize)> = flipped.iter().map(|(name, at, _)| (name.clone(), *at)).collect();
    let said = second(&folder, &key, &changes);
    assert_eq!((said.len(), said[0]), (changes.len() + 1, 'V'));
    for ((name, at, here), there) in flipped.iter().zip(&said[1..]) {
        assert_eq!(here, there, "byte {at} of {name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_byte_of_a_zip_is_flipped_its_files_are_the_same_or_the_pack_is_not_valid() {
    let (w, zip) = small("one.zip").await;
    let key = w.log.signer.verifier().clone();
    let trust = Trust { key: Some(key.clone()), ..Trust::default() };
    let good = verify(&zip, &trust);
    assert_eq!(good.verdict, Verdict::Valid, "{}", good.reason);
    let whole = std::fs::read(&zip).unwrap();
    let mut here = Vec::new();
    let mut same = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&zip, bytes).unwrap();
        let verdict = verify(&zip, &trust).verdict;
        same += usize::from(verdict == Verdict::Valid);
        here.push(letter(verdict));
    }
    std::fs::write(&zip, &whole).unwrap();
    // Which system packed it, and attributes, say nothing about a file: eight bytes in the directory at most; nor does what fills
    // the last byte of a block that is deflated.
    let files = whole.windows(4).filter(|w| w == b"PK\x01\x02").count();
    assert!(same <= 9 * files && same > 0, "{same} of {}, {files} files", whole.len());
    let changes: Vec<(String, usize)> = (0..whole.len()).map(|at| ("zip".to_owned(), at)).collect();
    let said = second(&zip, &key, &changes);
    assert_eq!((said.len(), said[0]), (changes.len() + 1, 'V'));
    for (at, (here, there)) in here.iter().zip(&said[1..]).enumerate() {
        // What the second verifier finds to be the same files is valid here, and nothing else is.
        let there = if *there == 'F' { &'V' } else { there };
        assert_eq!(here, there, "byte {at}");
    }
}
