//! What came back from outside: cosignatures of witnesses, and time stamps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::*;

const STAMPED: &str = "timestamp:/var/lib/stoa/stamps";

impl World {
    /// A checkpoint, for which something came back from a place outside.
    async fn anchored(&self, anchor: &str, proof: impl FnOnce(&checkpoint::Signed) -> String) {
        // The first one begins the log, which is a record itself.
        check_point(&self.s.db, &self.services, &self.log).await.unwrap();
        let signed = check_point(&self.s.db, &self.services, &self.log).await.unwrap().0;
        let proof = &proof(&signed);
        let put = |tx| async move { checkpoint::anchored(&tx, signed.size, anchor, Some(proof)).await };
        self.s.db.write(put).await.unwrap();
    }

    pub(super) fn trusted(&self) -> Brought {
        Brought { key: Some(self.log.signer.verifier().to_string()), ..Brought::default() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_witness_has_signed_is_checked_with_its_key_and_said_with_its_time() {
    let w = world().await;
    let witness = Signer::new("w.example/witness", [7; 32]).unwrap();
    let key = witness.verifier().of_witness().to_string();
    w.anchored(&format!("witness:https://w.example {key}"), |signed| {
        witness.cosign(&Note::parse(&signed.note).unwrap().text, 1_767_000_000).to_string()
    })
    .await;
    let brought = Brought { witness: Some(key), ..w.trusted() };
    let pack = w.pack("pack").await;
    let outcome = judged(&pack, &brought);
    assert_eq!(outcome.verdict, Verdict::Valid, "{}", outcome.reason);
    let said =
        outcome.checks.iter().find(|check| check.starts_with("the witness w.example/witness has signed")).unwrap();
    assert!(said.ends_with("records at 2025-12-29T09:20:00Z"), "{said}");
    // It has not signed the newest one yet: an earlier one counts.
    w.more().await;
    let later = w.pack("later").await;
    assert!(judged(&later, &brought).checks.contains(said));
    // Nobody else has signed, and what another key made is not the witness's.
    let other = Signer::new("v.example", [8; 32]).unwrap();
    let stranger = Brought { witness: Some(other.verifier().of_witness().to_string()), ..w.trusted() };
    let (verdict, why) = judge(&pack, &stranger);
    assert!(
        verdict == Verdict::CannotVerify && why.contains("v.example has signed no checkpoint"),
        "{verdict:?} {why}"
    );
    let broken = w.dir.path().join("broken");
    copy(&pack, &broken);
    edit(&broken, "checkpoint", |text| {
        let mut note = Note::parse(&text).unwrap();
        note.signatures[1].bytes[20] ^= 1;
        note.to_string()
    });
    sign_again(&broken, &w.log.signer, |_| {});
    let (verdict, why) = judge(&broken, &brought);
    assert!(verdict == Verdict::Tampered && why.contains("is to have signed"), "{verdict:?} {why}");
    assert_eq!(judge(&broken, &w.trusted()).0, Verdict::Valid, "whoever does not know the witness sees nothing of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_stamps_are_in_the_pack_beside_what_they_are_about() {
    let w = world().await;
    let answer = |signed: &checkpoint::Signed| {
        STANDARD.encode([&b"granted"[..], &Sha256::digest(&signed.note)[..], &b"by somebody"[..]].concat())
    };
    w.anchored(STAMPED, answer).await;
    w.more().await;
    w.anchored(STAMPED, answer).await;
    w.anchored("timestamp:/another", answer).await;
    let pack = w.pack("pack").await;
    let outcome = judged(&pack, &w.trusted());
    assert_eq!(outcome.verdict, Verdict::Valid, "{}", outcome.reason);
    assert!(outcome.checks.iter().any(|check| check.starts_with("3 time stamps name the checkpoints")), "{outcome:?}");
    let mut names: Vec<String> = std::fs::read_dir(pack.join("timestamps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().display().to_string())
        .filter(|name| name.ends_with(".tsr"))
        .collect();
    names.sort();
    assert!(names.len() == 3 && names[1].trim_end_matches("-2.tsr") == names[2].trim_end_matches(".tsr"), "{names:?}");
    let note = std::fs::read_to_string(pack.join("timestamps").join(names[0].replace(".tsr", ".note"))).unwrap();
    assert!(w.log.signer.verifier().signed(&Note::parse(&note).unwrap()), "{note}");

    let (stamp, note) =
        (format!("timestamps/{}", names[0]), format!("timestamps/{}", names[0].replace(".tsr", ".note")));
    let other = format!("timestamps/{}", names[2].replace(".tsr", ".note"));
    type Break<'a> = Box<dyn Fn(&Path) + 'a>;
    let cases: [(Break<'_>, &str); 4] = [
        (Box::new(|p| std::fs::write(p.join(&stamp), "granted").unwrap()), "is no time stamp of"),
        (
            Box::new(|p| {
                std::fs::copy(p.join(&other), p.join(&note)).unwrap();
            }),
            "is no time stamp of",
        ),
        (Box::new(|p| edit(p, &note, |text| text.replacen("evidence", "evidance", 1))), "is no checkpoint of the log"),
        (Box::new(|p| std::fs::rename(p.join(&stamp), p.join("timestamps/x")).unwrap()), "is no time stamp"),
    ];
    let broken = w.dir.path().join("broken");
    for (change, says) in &cases {
        copy(&pack, &broken);
        change(&broken);
        sign_again(&broken, &w.log.signer, |m| {
            m.files.retain(|name, _| broken.join(name).exists());
            if broken.join("timestamps/x").exists() {
                m.files.insert("timestamps/x".into(), sha256(std::fs::read(broken.join("timestamps/x")).unwrap()));
            }
        });
        let (verdict, why) = judge(&broken, &w.trusted());
        assert!(verdict == Verdict::Tampered && why.contains(says), "{says}: {verdict:?} {why}");
        std::fs::remove_dir_all(&broken).unwrap();
    }
}
