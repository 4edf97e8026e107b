//! Places outside to which checkpoints go: a file, mail, a channel, a time-stamping authority (RFC 3161), a witness (C2SP
//! tlog-witness).

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use stoa_flow::chat::Place;
use stoa_flow::delivery::MAIL;
use stoa_ground::ledger::checkpoint::{self, Signed};
use stoa_ground::ledger::log;
use stoa_ground::ledger::note::{Note, Signature, Verifier};
use stoa_ground::{Db, Error, Result, args};

/// A place outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// A file to which each checkpoint is appended: best on a disk that the operator of Stoa cannot write over.
    File(PathBuf),
    /// A mail address.
    Mail(String),
    /// A channel of a platform, `platform/channel` or `platform/workspace/channel`.
    Channel(Place),
    /// A folder for requests to a time-stamping authority, `<size>.tsq`, and its answers, `<size>.tsr`.
    TimeStamp(PathBuf),
    /// A witness: its submission prefix and its public key.
    Witness(String, Verifier),
}

impl FromStr for Anchor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid(format!(
                "[evidence] anchors: '{text}' is none of file:PATH, mail:ADDRESS, channel:PLATFORM/CHANNEL, \
                 timestamp:FOLDER, 'witness:URL KEY'"
            ))
        };
        let (kind, what) = text.split_once(':').filter(|(_, what)| !what.is_empty()).ok_or_else(wrong)?;
        Ok(match kind {
            "file" => Self::File(what.into()),
            "mail" if what.contains('@') => Self::Mail(what.to_owned()),
            "timestamp" => Self::TimeStamp(what.into()),
            "channel" => Self::Channel(what.parse().map_err(|_| wrong())?),
            "witness" => {
                let (url, key) = what.split_once(' ').ok_or_else(wrong)?;
                Self::Witness(url.trim_end_matches('/').to_owned(), Verifier::parse(key)?.of_witness())
            }
            _ => return Err(wrong()),
        })
    }
}

/// What a witness answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It signed: the lines of signature.
    Signed(String),
    /// It knows the log at another size (status 409).
    Knows(u64),
}

/// The way to witnesses.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Sends `body` to `<url>/add-checkpoint`.
    ///
    /// # Errors
    /// When the witness cannot be reached or refuses, in one sentence.
    async fn add_checkpoint(&self, url: &str, body: String) -> Result<Asked>;
}

impl Anchor {
    /// How it is named in records.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Mail(address) => format!("mail:{address}"),
            Self::Channel(place) => format!("channel:{}/{}/{}", place.platform, place.workspace, place.channel),
            Self::TimeStamp(folder) => format!("timestamp:{}", folder.display()),
            Self::Witness(url, key) => format!("witness:{url} {key}"),
        }
    }

    /// Where a message goes, for anchors that are messages.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Mail(address) => Some(Place {
                platform: MAIL.into(),
                workspace: String::new(),
                channel: address.clone(),
                thread: None,
                direct: true,
            }),
            Self::Channel(place) => Some(place.clone()),
            _ => None,
        }
    }

    /// Puts a checkpoint there; gives what came back, or `None` when it has to be asked again later.
    async fn put(&self, db: &Db, signed: &Signed, witness: &dyn Witness) -> Result<Option<Option<String>>> {
        match self {
            // These go through the outbox.
            Self::Mail(_) | Self::Channel(_) => Ok(None),
            Self::File(path) => append(path, &signed.note).map(|()| Some(None)),
            Self::TimeStamp(folder) => time_stamp(folder, signed),
            Self::Witness(url, key) => cosign(db, signed, witness, url, key, &self.name()).await.map(|p| Some(Some(p))),
        }
    }
}

/// Puts the newest checkpoint to every place outside that does not have it yet. Gives what failed, in one sentence each.
///
/// # Errors
/// The database's error.
pub async fn put_outside(db: &Db, anchors: &[Anchor], witness: &dyn Witness) -> Result<Vec<String>> {
    let Some(signed) = db.read(|c| async move { checkpoint::newest(&c).await }).await? else { return Ok(Vec::new()) };
    let mut failed = Vec::new();
    for anchor in anchors {
        let name = &anchor.name();
        let sql = "SELECT 1 AS one FROM log_anchor WHERE size = $1 AND anchor = $2";
        if db.opt(sql, args![i64::try_from(signed.size).unwrap_or(i64::MAX), name]).await?.is_some() {
            continue;
        }
        match anchor.put(db, &signed, witness).await {
            Ok(None) => {}
            Ok(Some(proof)) => {
                let proof = proof.as_deref();
                db.write_by_key(|tx| async move { checkpoint::anchored(&tx, signed.size, name, proof).await }).await?;
            }
            Err(error) => failed.push(format!("the checkpoint could not be put to {name}: {error}")),
        }
    }
    Ok(failed)
}

/// Appends a note to a file, unless it stands there.
fn append(path: &Path, note: &str) -> Result<()> {
    let said = |e: std::io::Error| Error::Io(format!("{} cannot be written: {e}", path.display()));
    if std::fs::read_to_string(path).is_ok_and(|text| text.contains(note)) {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(said)?;
    file.write_all(format!("{note}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(said)
}

/// A request for a time stamp of these bytes: a `TimeStampReq` of RFC 3161, section 2.4.1, in DER, with SHA-256 and the wish
/// for the authority's certificate.
#[must_use]
pub fn time_stamp_request(bytes: &[u8]) -> Vec<u8> {
    const BEFORE: [u8; 24] = [
        0x30, 0x39, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
        0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
    ];
    [&BEFORE[..], &Sha256::digest(bytes)[..], &[0x01, 0x01, 0xff][..]].concat()
}

/// Whether the answer of a time-stamping authority names these bytes.
pub(super) fn is_about(answer: &[u8], note: &str) -> bool {
    let hash: [u8; 32] = Sha256::digest(note).into();
    answer.windows(hash.len()).any(|window| window == hash)
}

/// Writes the request and looks for the answer; gives it in base64 when it is there.
fn time_stamp(folder: &Path, signed: &Signed) -> Result<Option<Option<String>>> {
    let said = |e: std::io::Error| Error::Io(format!("{} cannot be used: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(said)?;
    let request = folder.join(format!("{}.tsq", signed.size));
    if !request.exists() {
        std::fs::write(&request, time_stamp_request(signed.note.as_bytes())).map_err(said)?;
    }
    let answer = super::answer_of(&request);
    if !answer.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&answer).map_err(said)?;
    if !is_about(&bytes, &signed.note) {
        return Err(Error::invalid(format!(
            "{} is no time stamp of the checkpoint of {} records",
            answer.display(),
            signed.size
        )));
    }
    Ok(Some(Some(STANDARD.encode(bytes))))
}

/// Asks a witness to sign a checkpoint (C2SP tlog-witness, `add-checkpoint`). Gives its line of signature.
async fn cosign(
    db: &Db,
    signed: &Signed,
    witness: &dyn Witness,
    url: &str,
    key: &Verifier,
    name: &str,
) -> Result<String> {
    let sql = "SELECT COALESCE(MAX(size), 0) AS size FROM log_anchor WHERE anchor = $1 AND proof IS NOT NULL";
    let row = db.opt(sql, args![name]).await?;
    let mut old: u64 = u64::try_from(row.map_or(Ok(0), |r| r.get::<i64>("size"))?).unwrap_or_default();
    // Once more when the witness knows the log at another size than we remember.
    for _ in 0..2 {
        let from = old;
        let proof = db.read(|c| async move { log::consistency_proof(&c, from, signed.size).await }).await?;
        let hashes: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        match witness.add_checkpoint(url, format!("old {old}\n{hashes}\n{}", signed.note)).await? {
            Asked::Signed(lines) => {
                let text = Note::parse(&signed.note)?.text;
                let made = |line: &&str| Signature::parse(line).is_some_and(|s| key.made(&s, &text).is_some());
                let line = lines.lines().find(made);
                return line.map(str::to_owned).ok_or_else(|| {
                    Error::invalid(format!("the witness {} gave no signature that its key has made", key.name()))
                });
            }
            Asked::Knows(size) if size <= signed.size => old = size,
            Asked::Knows(size) => {
                return Err(Error::Conflict(format!(
                    "the witness {} has seen this log with {size} records, and it has {}: it was cut off",
                    key.name(),
                    signed.size
                )));
            }
        }
    }
    Err(Error::Conflict(format!("the witness {} did not take the checkpoint", key.name())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger;
    use std::sync::Mutex;
    use stoa_ground::ledger::note::Signer;
    use stoa_ground::ledger::{checkpoint::Checkpoint, merkle};
    use stoa_ground::testing::store;

    /// A witness as C2SP describes it, that remembers the newest checkpoint.
    struct Careful {
        key: Signer,
        log: Verifier,
        seen: Mutex<Option<Checkpoint>>,
    }

    #[async_trait]
    impl Witness for Careful {
        async fn add_checkpoint(&self, _url: &str, body: String) -> Result<Asked> {
            let (head, note) = body.split_once("\n\n").unwrap();
            let mut lines = head.lines();
            let old: u64 = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
            let proof: Vec<merkle::Hash> =
                lines.map(|line| STANDARD.decode(line).unwrap().try_into().unwrap()).collect();
            let note = Note::parse(note)?;
            assert!(self.log.signed(&note));
            let said = Checkpoint::parse(&note.text)?;
            let mut seen = self.seen.lock().unwrap();
            let (known, root) = seen.as_ref().map_or((0, merkle::empty_root()), |c| (c.size, c.root));
            if known != old {
                return Ok(Asked::Knows(known));
            }
            if old > 0 && !merkle::extends(old, &root, said.size, &said.root, &proof) {
                return Err(Error::invalid("422"));
            }
            *seen = Some(said);
            Ok(Asked::Signed(self.key.cosign(&note.text, 1_767_000_000).to_string() + "\n"))
        }
    }

    #[test]
    fn anchors_are_read_from_the_configuration() {
        let key = Signer::new("w.example", [3; 32]).unwrap().verifier().of_witness().to_string();
        for text in ["file:/a/b", "mail:ana@example.org", "channel:web/general", "timestamp:/t"] {
            let anchor: Anchor = text.parse().unwrap();
            assert_eq!(anchor.name().replace("web//", "web/"), text);
        }
        let witness: Anchor = format!("witness:https://w.example/ {key}").parse().unwrap();
        assert_eq!(witness.name(), format!("witness:https://w.example {key}"));
        for text in ["", "file:", "mail:ana", "channel:web", "witness:https://w.example", "fax:1"] {
            assert!(text.parse::<Anchor>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn checkpoints_reach_a_file_a_time_stamping_authority_and_a_witness_once() {
        let (db, dir) = store().await;
        let ledger = &ledger();
        let signer = &Signer::new("example.org/log", [1; 32]).unwrap();
        let file = dir.path().join("checkpoints.txt");
        let stamps = dir.path().join("stamps");
        let key = Signer::new("w.example", [3; 32]).unwrap();
        let anchors = vec![
            Anchor::File(file.clone()),
            Anchor::TimeStamp(stamps.clone()),
            Anchor::Witness("https://w.example".into(), key.verifier().of_witness()),
        ];
        let witness = Careful { key, log: signer.verifier().clone(), seen: Mutex::default() };
        let make = || async {
            log::catch_up(&db).await.unwrap();
            db.write(|tx| async move { checkpoint::make(&tx, ledger, signer).await }).await.unwrap().0
        };
        let first = make().await;
        assert_eq!(put_outside(&db, &anchors, &witness).await.unwrap(), Vec::<String>::new());
        let second = make().await;
        assert!(second.size > first.size);
        for _ in 0..2 {
            assert_eq!(put_outside(&db, &anchors, &witness).await.unwrap(), Vec::<String>::new());
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("{}\n{}\n", first.note, second.note));
        let newest = &second;
        let cosigned = db.read(|c| async move { checkpoint::cosigned(&c, newest).await }).await.unwrap();
        let note = Note::parse(&cosigned).unwrap();
        assert!(signer.verifier().signed(&note) && witness.key.verifier().of_witness().signed(&note));
        // The authority's answer comes later, and a wrong one is not taken.
        let answer = stamps.join(format!("{}.tsr", second.size));
        std::fs::write(&answer, b"something else").unwrap();
        let failed = put_outside(&db, &anchors, &witness).await.unwrap();
        assert!(failed.len() == 1 && failed[0].contains("is no time stamp of"), "{failed:?}");
        std::fs::write(&answer, [&b"granted"[..], &Sha256::digest(second.note.as_bytes())[..]].concat()).unwrap();
        assert!(put_outside(&db, &anchors, &witness).await.unwrap().is_empty());
        let done = super::super::anchored(&db, second.size).await.unwrap();
        let proofs: Vec<bool> = done.iter().map(|(_, _, proof)| *proof).collect();
        assert_eq!(proofs, [false, true, true], "{done:?}");
    }

    #[tokio::test]
    async fn a_witness_that_knows_another_size_is_asked_again_and_one_that_knows_more_is_believed() {
        let (db, _dir) = store().await;
        let ledger = &ledger();
        let signer = &Signer::new("example.org/log", [1; 32]).unwrap();
        let key = Signer::new("w.example", [3; 32]).unwrap();
        let anchors = vec![Anchor::Witness("https://w.example".into(), key.verifier().of_witness())];
        db.write(|tx| async move { checkpoint::use_key(&tx, ledger, signer).await }).await.unwrap();
        log::catch_up(&db).await.unwrap();
        let made = db.write(|tx| async move { checkpoint::make(&tx, ledger, signer).await }).await.unwrap().0;
        let said = Checkpoint::parse(&Note::parse(&made.note).unwrap().text).unwrap();
        let witness = Careful { key, log: signer.verifier().clone(), seen: Mutex::new(Some(said.clone())) };
        assert_eq!(put_outside(&db, &anchors, &witness).await.unwrap(), Vec::<String>::new());
        let more = Checkpoint { size: said.size + 5, ..said };
        let witness = Careful { seen: Mutex::new(Some(more)), ..witness };
        db.write(|tx| async move { tx.exec("DELETE FROM log_anchor", args![]).await }).await.unwrap();
        let failed = put_outside(&db, &anchors, &witness).await.unwrap();
        assert!(failed.len() == 1 && failed[0].contains("it was cut off"), "{failed:?}");
    }
}
