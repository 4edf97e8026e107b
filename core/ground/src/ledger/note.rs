//! Signed notes (C2SP signed-note) with Ed25519: the text of checkpoints and of statements about keys, their signatures, and
//! cosignatures of witnesses (C2SP tlog-cosignature, `cosignature/v1`).
//!
//! A public key is written as a vkey, `<name>+<8 hex digits>+<base64>`; a private one as
//! `PRIVATE+KEY+<name>+<8 hex digits>+<base64>`, as other programs for signed notes write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result, hex};

/// The type of a key that signs notes.
const NOTE: u8 = 1;
/// The type of a witness's key.
const COSIGNATURE: u8 = 4;

/// A private key that signs.
pub struct Signer {
    pair: Ed25519KeyPair,
    seed: [u8; 32],
    key: Verifier,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.key)
    }
}

/// A public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    kind: u8,
    public: [u8; 32],
}

/// One line of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the key.
    pub name: String,
    /// The first four bytes of the key's hash.
    pub id: [u8; 4],
    /// What the key made.
    pub bytes: Vec<u8>,
}

/// A text with signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text; it ends with a line's end.
    pub text: String,
    /// In the order in which they stand.
    pub signatures: Vec<Signature>,
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('+') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Error::invalid(format!("'{name}' cannot name a key: a name has no spaces and no '+'")));
    }
    Ok(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

impl Signer {
    /// A key from 32 random bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot stand in a note.
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Error::invalid("this is no Ed25519 key"))?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| Error::invalid("this is no Ed25519 key"))?;
        Ok(Self { pair, seed, key: Verifier { name: name.to_owned(), kind: NOTE, public } })
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none, or damaged. The text is not repeated.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid("this is no private key for signed notes (PRIVATE+KEY+name+…)");
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or_else(bad)?;
        let (name, rest) = rest.split_once('+').ok_or_else(bad)?;
        let (hash, key) = rest.split_once('+').ok_or_else(bad)?;
        let key = decode(key).ok_or_else(bad)?;
        let (NOTE, seed) = key.split_first().map(|(kind, seed)| (*kind, seed)).ok_or_else(bad)? else {
            return Err(bad());
        };
        let signer = Self::new(name, seed.try_into().map_err(|_| bad())?)?;
        if hex(&signer.key.id()) != hash {
            return Err(bad());
        }
        Ok(signer)
    }

    /// The private key as text, for its file.
    #[must_use]
    pub fn secret(&self) -> String {
        let key = [&[NOTE][..], &self.seed].concat();
        format!("PRIVATE+KEY+{}+{}+{}", self.key.name, hex(&self.key.id()), STANDARD.encode(key))
    }

    /// The public key.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.key
    }

    /// Signs a text, which ends with a line's end.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        let bytes = self.pair.sign(text.as_bytes()).as_ref().to_vec();
        Signature { name: self.key.name.clone(), id: self.key.id(), bytes }
    }
}

impl Verifier {
    /// Reads a vkey.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none, or damaged.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bad = || Error::invalid(format!("'{text}' is no public key like name+1a2b3c4d+AbC…"));
        let (name, rest) = text.split_once('+').ok_or_else(bad)?;
        let (hash, key) = rest.split_once('+').ok_or_else(bad)?;
        check_name(name)?;
        let key = decode(key).ok_or_else(bad)?;
        let (kind, public) = key.split_first().ok_or_else(bad)?;
        if ![NOTE, COSIGNATURE].contains(kind) {
            return Err(bad());
        }
        let public = public.try_into().map_err(|_| bad())?;
        let verifier = Self { name: name.to_owned(), kind: *kind, public };
        if hex(&verifier.id()) != hash {
            return Err(bad());
        }
        Ok(verifier)
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, line's end, type and key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind])
            .chain_update(self.public)
            .finalize();
        let mut id = [0; 4];
        id.copy_from_slice(&hash[..4]);
        id
    }

    /// The same key as a witness's.
    #[must_use]
    pub fn of_witness(&self) -> Self {
        Self { kind: COSIGNATURE, ..self.clone() }
    }

    /// Whether one of the note's signatures is by this key and good.
    #[must_use]
    pub fn signed(&self, note: &Note) -> bool {
        note.signatures.iter().any(|s| self.made(s, &note.text).is_some())
    }

    /// Whether a signature of this text is by this key and good; gives the time that a witness's signature states, in
    /// seconds since 1970, and 0 for others.
    #[must_use]
    pub fn made(&self, signature: &Signature, text: &str) -> Option<u64> {
        if signature.name != self.name || signature.id != self.id() {
            return None;
        }
        let good =
            |text: &[u8], bytes: &[u8]| UnparsedPublicKey::new(&ED25519, &self.public).verify(text, bytes).is_ok();
        if self.kind == NOTE {
            return good(text.as_bytes(), &signature.bytes).then_some(0);
        }
        let (time, bytes) = signature.bytes.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        good(cosigned(text, time).as_bytes(), bytes).then_some(time)
    }
}

/// What a witness signs for a checkpoint at a time, in seconds since 1970.
#[must_use]
pub fn cosigned(checkpoint: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{checkpoint}")
}

impl Signer {
    /// Signs a checkpoint as a witness does, at a time in seconds since 1970.
    #[must_use]
    pub fn cosign(&self, checkpoint: &str, time: u64) -> Signature {
        let made = self.pair.sign(cosigned(checkpoint, time).as_bytes());
        let bytes = [&time.to_be_bytes()[..], made.as_ref()].concat();
        Signature { name: self.key.name.clone(), id: self.key.of_witness().id(), bytes }
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = [&[self.kind][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(key))
    }
}

impl Signature {
    /// Reads one line of signature, without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
        check_name(name).ok()?;
        let blob = decode(blob)?;
        let (id, bytes) = blob.split_first_chunk::<4>()?;
        if bytes.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "— {} {}", self.name, STANDARD.encode([&self.id[..], &self.bytes].concat()))
    }
}

impl Note {
    /// A text that ends with a line's end, with the signature of one key.
    #[must_use]
    pub fn signed(text: String, signer: &Signer) -> Self {
        let signature = signer.sign(&text);
        Self { text, signatures: vec![signature] }
    }

    /// Reads a note.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is none.
    pub fn parse(note: &str) -> Result<Self> {
        let bad = || Error::invalid("this is no signed note");
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(bad());
        }
        // The last empty line parts text and signatures.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or_else(bad)?;
        let signatures = signatures.strip_suffix('\n').ok_or_else(bad)?;
        let signatures: Vec<Signature> =
            signatures.split('\n').map(|line| Signature::parse(line).ok_or_else(bad)).collect::<Result<_>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|s| writeln!(f, "{s}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's package `note`, whose format this is.
    const SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn keys_and_notes_are_those_of_another_implementation() {
        let signer = Signer::parse(SECRET).unwrap();
        assert_eq!(signer.secret(), SECRET);
        assert_eq!(signer.verifier().to_string(), PUBLIC);
        let note = Note::parse(NOTE).unwrap();
        assert_eq!(note.to_string(), NOTE);
        let key = Verifier::parse(PUBLIC).unwrap();
        assert!(key.signed(&note));
        assert_eq!(Note::signed(note.text.clone(), &signer), note);
    }

    #[test]
    fn whatever_byte_is_changed_the_note_is_not_signed() {
        let key = Verifier::parse(PUBLIC).unwrap();
        for at in 0..NOTE.len() {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            let signed =
                std::str::from_utf8(&bytes).ok().and_then(|t| Note::parse(t).ok()).is_some_and(|n| key.signed(&n));
            assert!(!signed, "byte {at}");
        }
    }

    #[test]
    fn a_witness_signs_with_a_key_of_its_own_kind_and_says_when() {
        let witness = Signer::new("witness.example/w", [7; 32]).unwrap();
        let checkpoint = "example.org/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        let signature = witness.cosign(checkpoint, 1_767_000_000);
        let key = witness.verifier().of_witness();
        assert_eq!(Verifier::parse(&key.to_string()).unwrap(), key);
        assert_eq!(key.made(&signature, checkpoint), Some(1_767_000_000));
        assert_eq!(witness.verifier().made(&signature, checkpoint), None);
        assert_eq!(key.made(&signature, "other\n"), None);
        assert_eq!(Signature::parse(&signature.to_string()), Some(signature));
    }

    #[test]
    fn a_key_that_is_damaged_is_refused_and_not_repeated() {
        for text in [PUBLIC.replace("c74f", "c74e"), PUBLIC.replace("AR", "AX"), "x".into(), String::new()] {
            assert!(Verifier::parse(&text).is_err(), "{text}");
        }
        let said = Signer::parse(&SECRET.replace("c74f", "c74e")).unwrap_err().to_string();
        assert!(!said.contains("AYEK"), "{said}");
    }
}
