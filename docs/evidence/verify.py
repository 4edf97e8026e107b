#!/usr/bin/env python3
"""Verifies a pack of evidence, offline. A second implementation, apart from Stoa: Python 3.11, standard library and
`cryptography`. The format is described in docs/evidence.md.

usage: verify.py PACK [--key PUB] [--checkpoint FILE]... [--witness PUB]... [--against EARLIER]
Ends with 0 (VALID), 1 (TAMPERED), 2 (CANNOT_VERIFY) or 64 (wrong usage).
"""

import argparse
import base64
import binascii
import hashlib
import itertools
import json
import os
import re
import stat
import struct
import sys
import unicodedata
import zlib
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "stoa-pack/4"
# The one before it, of the same shape: people may go by several employee ids, and tombstones say less.
BEFORE = "stoa-pack/3"
MOST_FILES, MOST_BYTES = 100_000, 2 * 1024**3
COLUMNS = ["subject", "employee_id", "name", "title", "department", "location", "worker_type", "manager", "zone",
           "requirement", "rule_version", "course", "content", "state", "why", "assigned", "due", "started", "completed",
           "score", "attempts", "attested", "authentication", "expires", "skew", "counts", "reason", "decided_by", "until",
           "retention", "hold"]
# Of these, whom a line is about: what the newest record says that says it.
WHO = {"employee_id": "employee_id", "name": "name", "title": "title", "department": "department", "location": "location",
       "worker_type": "worker_type", "zone": "timezone"}
# What kind of whole number a member is.
SIGNED, WHOLE, SMALL = range(-2**63, 2**63), range(2**64), range(2**32)
SCOPE = dict.fromkeys(["person", "requirement", "course", "from", "to"], (str, None))
KEY = {"key": str, "how": str, "statement": (str, None)}
EARLIER = {"note": str, "proof": [str]}
PROVEN = {"leaf": WHOLE, "entry": str, "proof": [str], "opened": {str: {"salt": str, "value": str}}}
LEAF = {"format": SIGNED, "id": str, "subject": str, "version": SIGNED, "kind": str, "at": SIGNED, "class": str,
        "fields": {str: str}}
FIRST_LEAF = {"id": str, "subject": str, "version": SIGNED, "kind": str, "at": SIGNED, "actor": str, "reason": str}
SOURCE = {"platform": str, "at": SIGNED, "received": SIGNED}
CHANGE = dict.fromkeys(["subject", "version", "at", "change", "by", "reason", "state_before", "state", "due_before", "due",
                        "expires_before", "expires"], str) | {"version": SIGNED}
# The files that a PDF shows; those of earlier releases show the first two, and their packs have no changes.
SHOWN = ["report.json", "population.json", "requests.json", "questions.json", "changes.json"]
# What presets do not disclose: answers and what was typed; the same and results.
PRIVATE = {"data/answers", "data/name", "data/typed"}
RESULTS = {"data/score", "data/passed", "data/attempts"}
PRESETS = {"none": set(), "harassment-prevention": set(), "iso-9001": PRIVATE, "hipaa": PRIVATE, "osha": PRIVATE,
           "soc2": PRIVATE | RESULTS}
MANIFEST = {"format": str, "origin": str, "test": bool, "made": str, "scope": SCOPE, "period": [(SIGNED, None)], "zone": str,
            "preset": str, "size": WHOLE, "files": {str: str}, "subjects": {str: SIGNED}, "not_proven": [str]}
REPORT = {"denominator": WHOLE, "completed": WHOLE, "percent": str, "excluded": {str: WHOLE},
          "rows": [{column: bool if column == "counts" else str for column in COLUMNS}]}
PERSON = {"employee_id": str, "name": str, "title": str, "status": str, "hired": str, "known_since": str, "left": str,
          "moved": [{"at": str, "what": str}], "meant": [{"requirement": str, "from": str, "to": str}], "assignments": WHOLE,
          "why_none": str}
REQUEST = dict.fromkeys(["subject", "kind", "state", "employee_id", "assignment", "requirement", "course", "wished", "asked",
                         "asked_by", "reason", "approver", "decided", "decided_by", "decision"], str)
QUESTION = dict.fromkeys(["subject", "employee_id", "assignment", "course", "content", "asked", "question", "due", "answered",
                          "answer", "answered_by", "qualification"], str)
# What a request is after a record of this kind; after any other it is open.
REQUEST_STATES = {"drafted": "draft", "approved": "approved", "applied": "approved", "declined": "declined",
                  "withdrawn": "withdrawn", "closed": "closed"}
# What a valid pack does not prove. Packs of the newest format say exactly this; other words need another format.
TEST = "This is a test: the clock was moved by hand, and nothing in here happened."
NOT_PROVEN = [
    "That somebody was who they said they were when they learned: that rests on the sign-in of the chat.",
    "That what was recorded is true: the log shows that it was not changed since, not that it was right.",
    "That the pack has every record of its scope: the log has no index by subject, so the newest records about something, or "
    "all of them, can be left out of a pack. Compare it with the log's own tiles, or with an earlier pack (--against).",
    "When something was recorded, beyond the time stamps and cosignatures of checkpoints: instants in records are those of the "
    "organisation's own clock.",
    "Who was in the population, and by which employee id managers and whoever decided went: both come from the roster's history "
    "in the store when the pack was made, and that is not in the log; roles are those of that day.",
    "Messages sent and withheld, statements, and how long something is kept: they are those of the store when the pack was made, "
    "and not in the log.",
    "What the PDF prints: it names the digests of the files of the pack that it shows, and these decide.",
]
# By how many microseconds two zones may differ, or what two databases of zones say about one.
APART = 26 * 3600 * 10**6
# Differences of clocks up to so many microseconds are the way from the platform to the server.
TOLERANCE = 60 * 10**6


class Tampered(Exception):
    """Something is not what was signed, or is missing."""


class Unknown(Exception):
    """What is needed to say more is missing."""


class Damaged(Exception):
    """A text is not of the kind that it should be."""


def b64(text, what="a value"):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Damaged(f"{what} is not base64")
    if base64.b64encode(data).decode() != text:
        raise Damaged(f"{what} is not base64")
    return data


def hashes(proof, what):
    try:
        steps = [b64(step) for step in proof]
    except Damaged:
        steps = [b""]
    if any(len(step) != 32 for step in steps):
        raise Tampered(f"the proof of {what} is damaged")
    return steps


# Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint).

class Key:
    def __init__(self, text):
        self.text = text
        try:
            self.name, self.hash, key = self.text.split("+", 2)
        except ValueError:
            raise Damaged("this is no public key")
        if not is_name(self.name):
            raise Damaged("this is no public key")
        data = b64(key, "the key")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if len(data) != 33 or data[0] not in (1, 4) or self.id.hex() != self.hash:
            raise Damaged("this is no public key")
        self.kind, self.public = data[0], data[1:]

    def of_witness(self):
        """The same key as a witness's (C2SP tlog-cosignature)."""
        self.kind, self.id = 4, hashlib.sha256(self.name.encode() + b"\n\x04" + self.public).digest()[:4]
        return self

    def cosigned(self, text, signature):
        """When a witness signed a checkpoint, in seconds since 1970; none where it did not."""
        time, bytes = int.from_bytes(signature[:8], "big"), signature[8:]
        try:
            said = f"cosignature/v1\ntime {time}\n{text}"
            Ed25519PublicKey.from_public_bytes(self.public).verify(bytes, said.encode())
            return time
        except (InvalidSignature, ValueError):
            return None

    def signed(self, note):
        for name, key_id, signature in note.signatures:
            if self.kind == 1 and (name, key_id) == (self.name, self.id):
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(signature, note.text.encode())
                    return True
                except (InvalidSignature, ValueError):
                    continue
        return False


def is_name(text):
    """Whether a text can name a key."""
    return text != "" and "+" not in text and not any(c.isspace() or unicodedata.category(c) == "Cc" for c in text)


def signature(line):
    """A line of signature: the key's name, its id and what it made; none where it is none."""
    name, space, blob = line.removeprefix("— ").partition(" ")
    if not line.startswith("— ") or not space or not is_name(name):
        return None
    try:
        blob = b64(blob)
    except Damaged:
        return None
    return (name, blob[:4], blob[4:]) if len(blob) > 4 else None


class Note:
    def __init__(self, source):
        if any(c != "\n" and unicodedata.category(c) == "Cc" for c in source):
            raise Damaged("this is no signed note")
        text, separator, signatures = source.rpartition("\n\n")
        if not separator or not signatures.endswith("\n"):
            raise Damaged("this is no signed note")
        self.text = text + "\n"
        self.signatures = [signature(line) for line in signatures[:-1].split("\n")]
        if None in self.signatures:
            raise Damaged("this is no signed note")


def checkpoints(text):
    """The checkpoints in a text: in the file of an anchor, which has many, or in a letter as somebody saved it, with other
    lines around them and any ends of lines."""
    lines = [line.strip(" \t") for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")]
    found, at = [], 0
    # Signatures follow on an empty line: what stands before each is looked at once.
    for end in [n for n, line in enumerate(lines) if not line]:
        if end < at:
            continue
        signed = list(itertools.takewhile(lambda line: line.startswith("— "), itertools.islice(lines, end + 1, None)))
        signatures = [one for one in map(signature, signed) if one]
        begun = begins(lines, at, end) if signatures else None
        if begun:
            found.append((begun[0], SimpleNamespace(text=begun[1], signatures=signatures)))
        at = end + 1 + (len(signed) if begun else 0)
    return found


def begins(lines, at, end):
    """The checkpoint that begins with one of the lines in between and has all behind it, and its text."""
    for first in range(at, end - 2):
        # The second line is a number: few lines are looked at any further.
        if lines[first + 1].isascii() and lines[first + 1].isdigit():
            try:
                said = Checkpoint("\n".join(lines[first:first + 3]) + "\n")
            except Damaged:
                continue
            return said, "\n".join(lines[first:end]) + "\n"
    return None


class Checkpoint:
    def __init__(self, text):
        lines = text[:-1].split("\n") if text.endswith("\n") else []
        if len(lines) < 3 or not lines[0] or not all(lines[3:]):
            raise Damaged("this is no checkpoint")
        if not lines[1].isascii() or not lines[1].isdigit() or (lines[1] != "0" and lines[1][0] == "0") or len(lines[1]) > 20:
            raise Damaged("this is no checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), b64(lines[2], "the root")
        if len(self.root) != 32 or self.size >= 2**64:
            raise Damaged("this is no checkpoint")


# The Merkle tree (RFC 6962; verification as in RFC 9162, 2.1.3.2 and 2.1.4.2).

def leaf_hash(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def includes(root, size, leaf, value, proof):
    if not 0 <= leaf < size:
        return False
    at, last = leaf, size - 1
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            value = node_hash(step, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, step)
        at, last = at >> 1, last >> 1
    return last == 0 and value == root


def extends(old, old_root, new, new_root, proof):
    if old == 0:
        return not proof and old_root == hashlib.sha256(b"").digest()
    if old >= new:
        return old == new and not proof and old_root == new_root
    proof, at, last = list(proof), old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return False
    a = b = proof[0]
    for step in proof[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            a, b = node_hash(step, a), node_hash(step, b)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            b = node_hash(b, step)
        at, last = at >> 1, last >> 1
    return last == 0 and a == old_root and b == new_root


def commitment(salt, field, value):
    data = b"stoa/field/v1\n" + salt
    for text in (field.encode(), value.encode()):
        data += len(text).to_bytes(8, "big") + text
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


# The pack.

def read_json(data, what):
    twice = []

    def once(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            twice.append(True)
        return members

    def never(_):
        raise ValueError("this is no number")

    try:
        text = data.decode()
        value = json.loads(text, object_pairs_hook=once, parse_constant=never, parse_int=whole, parse_float=real)
        if "\\u" in text:
            # Half of a pair that stands for one letter is no letter.
            json.dumps(value, ensure_ascii=False).encode()
        if is_deep(value):
            raise ValueError("this is nested too deep")
    except (ValueError, RecursionError):
        raise Damaged(f"{what} is no JSON")
    if twice:
        raise Damaged(f"{what} says something twice")
    return value


def real(text):
    """A number as 64 bits hold it; larger ones are none."""
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError("this is no number")
    return value


def whole(text):
    """A whole number of 64 bits; any other one is no whole number any more."""
    value = int(text) if len(text) <= 20 and text != "-0" else None
    return value if value is not None and (value in SIGNED or value in WHOLE) else real(text)


def is_deep(value):
    """Whether lists and objects are nested deeper than 127 times."""
    level = [value]
    for _ in range(128):
        level = [one for one in level if isinstance(one, (list, dict))]
        if not level:
            return False
        level = [one for more in level for one in (more.values() if isinstance(more, dict) else more)]
    return True


def fits(value, kind):
    """Whether a value is of a kind: a type, a range of whole numbers, none, one of several kinds, a list of one, an object with
    any names or with exactly these."""
    if isinstance(kind, range):
        return type(value) is int and value in kind
    if isinstance(kind, tuple):
        return any(fits(value, one) for one in kind)
    if isinstance(kind, list):
        return type(value) is list and all(fits(one, kind[0]) for one in value)
    if isinstance(kind, dict):
        if type(value) is not dict or str not in kind and value.keys() != kind.keys():
            return False
        return all(fits(one, kind[str if str in kind else name]) for name, one in value.items())
    return value is None if kind is None else type(value) is kind


def shaped(value, kind, what):
    if not fits(value, kind):
        raise Damaged(f"{what} is not what it should be")
    return value


# The files of a pack: a folder, or a ZIP that is read strictly (APPNOTE 6.3): entries that follow on each other without a gap,
# headers that say the same twice, no ZIP64, no comment, no extra field.

DAMAGED = "it is a ZIP that is damaged, or of a kind that a pack never is: unpack it, and verify the folder"
TOO_MUCH = f"it has more than {MOST_FILES} files or {MOST_BYTES} bytes, and is no pack that Stoa writes"


def read_folder(folder):
    files, left, folders = {}, MOST_BYTES, [("", folder)]
    while folders:
        prefix, path = folders.pop()
        for entry in os.scandir(path):
            try:
                entry.name.encode()
            except UnicodeEncodeError:
                raise Tampered("the name of a file is not UTF-8")
            name = prefix + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                folders.append((name + "/", entry.path))
            elif stat.S_ISREG(mode):
                left -= entry.stat().st_size
                if left < 0:
                    raise Unknown(TOO_MUCH)
                with open(entry.path, "rb") as f:
                    files[name] = f.read()
            else:
                raise Tampered(f"{name} is a link or a device, and a pack has files only")
            if len(files) + len(folders) > MOST_FILES:
                raise Unknown(TOO_MUCH)
    return files


def read_zip(data):
    end = len(data) - 22
    try:
        magic, disks, here, count, length, start, comment = struct.unpack_from("<4sIHHIIH", data, end)
        if end < 0 or (magic, disks, here, comment) != (b"PK\5\6", 0, count, 0) or start + length != end:
            raise Unknown(DAMAGED)
        entries, names, at, left = [], set(), start, MOST_BYTES
        for _ in range(count):
            magic, made, _, flags, method, _, _, crc, packed, size, length, extra, comment, disk, _, attributes, begin = \
                struct.unpack_from("<4sHHHHHHIIIHHHHHII", data, at)
            header, name = data[at + 6:at + 32], data[at + 46:at + 46 + length]
            at += 46 + length
            if magic != b"PK\1\2" or at > end or extra or comment or disk or flags & ~0x0806 or method not in (0, 8):
                raise Unknown(DAMAGED)
            try:
                name = name.decode()
            except UnicodeDecodeError:
                raise Tampered("the name of a file in the ZIP is not UTF-8")
            plain, folder = name.removesuffix("/"), name.endswith("/")
            if any(p in ("", ".", "..") for p in plain.split("/")) or re.search(r"[\\:\x00-\x1f\x7f]", name):
                raise Tampered(f"the ZIP has a file whose name leads elsewhere: {name}")
            kind = attributes >> 16 & 0o170000
            if made >> 8 == 3 and kind not in (0, 0o040000 if folder else 0o100000):
                raise Tampered(f"{name} in the ZIP is a link or a device, and a pack has files only")
            if folder and (size or packed):
                raise Unknown(DAMAGED)
            left -= size
            if left < 0 or len(entries) >= MOST_FILES:
                raise Unknown(TOO_MUCH)
            if plain in names:
                raise Tampered(f"the ZIP has the file {plain} twice")
            names.add(plain)
            entries.append((begin, plain, folder, header, method, crc, packed, size))
        if at != end:
            raise Unknown(DAMAGED)
        files, begins = {}, 0
        for begin, name, folder, header, method, crc, packed, size in sorted(entries):
            local = b"PK\3\4" + header + name.encode() + b"/" * folder
            first = begin + len(local)
            if begin != begins or data[begin:first] != local or first + packed > start:
                raise Unknown(DAMAGED)
            begins = first + packed
            file = unpacked(name, method, data[first:begins], size, crc)
            if not folder:
                files[name] = file
        if begins != start:
            raise Unknown(DAMAGED)
        return files
    except struct.error:
        raise Unknown(DAMAGED)


def unpacked(name, method, data, size, crc):
    whole = True
    if method == 8:
        inflating = zlib.decompressobj(-15)
        try:
            data = inflating.decompress(data, size + 1)
        except zlib.error:
            raise Tampered(f"the file {name} in the ZIP was changed")
        whole = inflating.eof and not inflating.unused_data
    if not whole or len(data) != size or zlib.crc32(data) != crc:
        raise Tampered(f"the file {name} in the ZIP was changed")
    return data


def read_pack(path):
    try:
        if not os.path.isfile(path):
            return read_folder(path)
        if os.path.getsize(path) > MOST_BYTES:
            raise Unknown(TOO_MUCH)
        with open(path, "rb") as f:
            return read_zip(f.read())
    except OSError as e:
        raise Unknown(f"{path} is not read: it cannot be read: {e}")
    except Unknown as e:
        raise Unknown(f"{path} is not read: {e}")


class Pack:
    def __init__(self, folder):
        self.files, self.checks, self.unknown = read_pack(folder), [], []
        if "manifest.json" not in self.files:
            raise Unknown(f"{folder} is no pack of evidence: it has no manifest.json")
        try:
            self.read()
        except Damaged as e:
            raise Tampered(str(e))
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as e:
            raise Tampered(f"something in the pack is not of its shape: {e}")

    def bytes(self, name):
        if name not in self.files:
            raise Tampered(f"the file {name} is missing")
        return self.files[name]

    def text(self, name):
        try:
            return self.bytes(name).decode()
        except UnicodeDecodeError:
            raise Damaged(f"the file {name} is not UTF-8")

    def json(self, name, kind):
        return shaped(read_json(self.bytes(name), f"the file {name}"), kind, f"the file {name}")

    def read(self):
        manifest = read_json(self.bytes("manifest.json"), "the file manifest.json")
        # A pack of another format has another shape: that says nothing against it.
        said = manifest.get("format") if isinstance(manifest, dict) else None
        if isinstance(said, str) and said not in (BEFORE, FORMAT):
            raise Unknown(f"the pack's format is {said}, and this program knows {BEFORE} and {FORMAT}")
        self.manifest = shaped(manifest, MANIFEST, "the file manifest.json")
        self.is_before = self.manifest["format"] == BEFORE
        scope = self.manifest["scope"]
        self.scope = SimpleNamespace(person=scope["person"], requirement=scope["requirement"], course=scope["course"])
        days = [scope["from"], scope["to"]]
        if len(self.manifest["period"]) != 2 or not all(text is None or is_day(text) for text in days):
            raise Damaged("the file manifest.json is not what it should be")
        self.days = [text and date.fromisoformat(text) for text in days]
        self.check_files()
        self.check_signatures()
        self.check_earlier()
        self.check_stamps()
        self.check_records()
        self.check_reports()
        self.check_period()
        self.check_erased()

    def check_files(self):
        for name, digest in sorted(self.manifest["files"].items()):
            if hashlib.sha256(self.bytes(name)).hexdigest() != digest:
                raise Tampered(f"the file {name} was changed")
        for name in sorted(self.files):
            if name not in self.manifest["files"] and name not in ("manifest.json", "manifest.note"):
                raise Tampered(f"the file {name} does not belong to the pack")
            if name.startswith("content/") and name.endswith(".json"):
                if hashlib.sha256(self.files[name]).hexdigest() != name[8:-5]:
                    raise Tampered(f"the content {name} is not the one that its name says")
        self.checks.append(f"{len(self.manifest['files'])} files are as the manifest says")

    def check_signatures(self):
        self.keys = []
        for key in self.json("keys.json", [KEY]):
            try:
                self.keys.append((Key(key["key"]), key["how"], key["statement"]))
            except Damaged:
                raise Tampered(f"keys.json: '{key['key']}' is no public key")
        if not self.keys:
            raise Tampered("keys.json names no key")
        first, how, statement = self.keys[0]
        if how != "created" or statement is not None:
            raise Tampered(f"keys.json: it is not said how {first.text} became the log's key")
        for (before, _, _), (key, how, statement) in zip(self.keys, self.keys[1:]):
            if how == "rotated" and statement is not None:
                said = f"stoa/log-key/v1\n{before.name}\n{before.text}\n{key.text}\n"
                try:
                    note = Note(statement)
                except Damaged:
                    note = None
                if note is None or note.text != said or not before.signed(note) or not key.signed(note) or key.name != before.name:
                    raise Tampered(f"the key {key.text} is not named by the key before it")
            elif how != "lost" or statement is not None:
                raise Tampered(f"keys.json: it is not said how {key.text} became the log's key")
            else:
                self.checks.append(f"the key before {key.text} was lost: the chain of keys begins anew there")
        newest = self.keys[-1][0]

        def note(name):
            text = self.text(name)
            try:
                note = Note(text)
            except Damaged:
                raise Tampered(f"the file {name} is no signed note")
            if not newest.signed(note):
                raise Tampered(f"the file {name} is not signed by the log's key {newest.text}")
            return note

        origin, size = self.manifest["origin"], self.manifest["size"]
        self.note = note("checkpoint")
        try:
            self.checkpoint = Checkpoint(self.note.text)
        except Damaged:
            raise Tampered("the checkpoint is none")
        if (self.checkpoint.origin, self.checkpoint.size, newest.name) != (origin, size, origin):
            raise Tampered("manifest, checkpoint and key are of different logs")
        digest = hashlib.sha256(self.bytes("manifest.json")).hexdigest()
        signed = note("manifest.note")
        if len(signed.signatures) != 1 or signed.text != f"{self.manifest['format']}\n{origin}\n{size}\n{digest}\n":
            raise Tampered("the manifest was changed: manifest.note is about another one")
        self.checks.append(f"manifest and checkpoint ({size} records) are signed by {newest.text}")

    def check_earlier(self):
        self.roots, self.notes = {}, {}
        earlier = self.json("checkpoints.json", [EARLIER])
        for one in earlier:
            try:
                note = Note(one["note"])
                said = Checkpoint(note.text)
            except Damaged:
                raise Tampered("checkpoints.json has something that is no checkpoint")
            proof = hashes(one["proof"], f"the checkpoint of {said.size} records")
            now = self.checkpoint
            if said.origin != now.origin or not extends(said.size, said.root, now.size, now.root, proof):
                raise Tampered(f"the checkpoint of {said.size} records is not the beginning of the log: its history was changed")
            self.roots[said.size] = said.root
            self.notes[said.size] = note
        self.roots[self.checkpoint.size], self.notes[self.checkpoint.size] = self.checkpoint.root, self.note
        self.checks.append(f"{len(earlier)} earlier checkpoints are beginnings of the log")

    def check_stamps(self):
        """Each time stamp names the bytes beside it, and these are a checkpoint of the log. Who made it is for other programs
        to say."""
        count = 0
        for name in sorted(name for name in self.files if name.startswith("timestamps/")):
            stem, dot, kind = name.rpartition(".")
            if dot and kind == "note" and f"{stem}.tsr" in self.files:
                continue
            if not dot or kind != "tsr":
                raise Tampered(f"the file {name} is no time stamp")
            note = self.text(f"{stem}.note")
            try:
                said = Checkpoint(Note(note).text)
            except Damaged:
                said = None
            if not said or said.origin != self.manifest["origin"] or self.roots.get(said.size) != said.root:
                raise Tampered(f"the file {stem}.note is no checkpoint of the log")
            if hashlib.sha256(note.encode()).digest() not in self.files[name]:
                raise Tampered(f"the file {name} is no time stamp of {stem}.note")
            count += 1
        if count:
            self.checks.append(f"{count} time stamps name the checkpoints beside them; that an authority made them is for "
                               "'openssl ts -verify' to say")

    def check_records(self):
        versions, hidden, fields = {}, [], 0
        self.entries, self.subjects, self.erased, self.people = {}, {}, {}, []
        # Subjects whose records, also later ones, name the course of the scope; whether a record says that the clock was moved.
        self.of_course, self.by_hand = set(), False
        if self.manifest["preset"] not in PRESETS:
            raise Tampered(f"manifest.json names the preset '{self.manifest['preset']}', which is none")
        lines = self.text("records.jsonl").split("\n")
        for n, line in enumerate(lines if lines[-1] else lines[:-1], 1):
            what = f"records.jsonl line {n}"
            proven = shaped(read_json(line.encode(), what), PROVEN, what)
            named, entry = f"the record at leaf {proven['leaf']}", proven["entry"]
            proof = hashes(proven["proof"], named)
            now = self.checkpoint
            if not includes(now.root, now.size, proven["leaf"], leaf_hash(entry.encode()), proof):
                raise Tampered(f"{named} is not in the log: it, or its proof, was changed")
            leaf = read_json(entry.encode(), named)
            if isinstance(leaf, dict) and "format" in leaf:
                shaped(leaf, LEAF | ({"clock": str} if "clock" in leaf else {}), named)
                self.by_hand |= leaf.get("clock") == "test"
            else:
                first_leaf(leaf, named)
            subject, committed = leaf["subject"], leaf["fields"] if "format" in leaf else {}
            named += f" ({subject} version {leaf['version']})"
            hidden += [(subject, named, name) for name in sorted(committed)
                       if name not in proven["opened"] and discloses(self.manifest["preset"], subject, name)]
            values = {}
            for name, opened in sorted(proven["opened"].items()):
                try:
                    salt = b64(opened["salt"])
                except Damaged:
                    salt = b""
                if len(salt) != 32 or commitment(salt, name, opened["value"]) != committed.get(name):
                    raise Tampered(f"{named}: its {name} is not what the log commits to")
                values[name] = read_json(opened["value"].encode(), f"{named}: its {name}")
                fields += 1
            record = Record(leaf, values, named)
            if self.scope.course is not None and record.member("course") == self.scope.course:
                self.of_course.add(subject)
            if subject.split("/")[0] == "erasure":
                gone, of = record.member("subjects"), record.member("requirements")
                for one in gone if isinstance(gone, list) else []:
                    if isinstance(one, str):
                        requirement = of.get(one) if isinstance(of, dict) else None
                        self.erased[one] = requirement if isinstance(requirement, str) else None
            if subject.split("/")[0] == "person":
                self.people.append((proven["leaf"], record.subject or subject, record))
            there = versions.setdefault(subject, {})
            if leaf["version"] in there or proven["leaf"] in self.entries:
                raise Tampered(f"{named} stands in the pack twice")
            there[leaf["version"]] = record
            self.entries[proven["leaf"]], self.subjects[proven["leaf"]] = entry, subject
        for subject, named, name in hidden:
            if subject not in self.erased:
                raise Tampered(f"{named}: its {name} is not disclosed, and no tombstone says that it was erased")
        for subject, count in sorted(self.manifest["subjects"].items()):
            there = versions.get(subject, {})
            for version in range(1, count + 1):
                if version not in there:
                    raise Tampered(f"version {version} of {subject} is missing")
            if len(there) != count:
                raise Tampered(f"{subject} has more records than the manifest says")
        for subject in sorted(versions):
            if subject not in self.manifest["subjects"]:
                raise Tampered(f"{subject} is in the pack and not in the manifest")
        # By subject the records until the end of the period that were not erased, the oldest first.
        self.past, end = {}, self.manifest["period"][1]
        for subject, there in sorted(versions.items()):
            past = [record for _, record in sorted(there.items())
                    if (end is None or record.at < end) and "reason" not in record.hidden]
            if past:
                self.past[subject] = past
        self.checks.append(f"{len(self.entries)} records are in the log, each subject without gaps")
        self.checks.append(f"{fields} disclosed fields are what the log commits to")

    def check_reports(self):
        report = self.json("report.json", REPORT)
        population = self.json("population.json", [PERSON])
        listed = sum(person["assignments"] for person in population)
        self.check_csv("report.csv", COLUMNS, report["rows"])
        counting = [row for row in report["rows"] if row["counts"]]
        completed = len([row for row in counting if row["state"] == "completed"])
        excluded = {}
        for row in report["rows"]:
            if not row["counts"]:
                excluded[row["state"]] = excluded.get(row["state"], 0) + 1
        tenths = completed * 1000 // len(counting) if counting else 0
        percent = f"{tenths // 10}.{tenths % 10}" if counting else ""
        if [report[n] for n in ("denominator", "completed", "percent", "excluded")] != [len(counting), completed, percent,
                                                                                        excluded]:
            raise Tampered("report.json does not count what it lists")
        if listed != len(report["rows"]):
            raise Tampered("population.json and report.json do not agree")
        self.check_pdf()
        self.rows, self.names = report["rows"], Names(self)
        self.check_rows()
        changes = self.check_changes()
        asked = self.check_asked()
        within = self.check_claims(population)
        self.checks.append(f"JSON, CSV and PDF agree: {completed} of {len(counting)} completed"
                           + (f" ({percent} %)" if percent else ""))
        self.checks.append(f"{len(report['rows'])} assignments are reported as their records say")
        self.checks += changes + [asked, within]

    def check_csv(self, name, columns, rows):
        lines = [columns]
        for row in rows:
            lines.append([{True: "yes", False: "no"}[row[c]] if isinstance(row[c], bool) else str(row[c]) for c in columns])
        if self.text(name) != "".join(",".join(map(quoted, line)) + "\r\n" for line in lines):
            raise Tampered(f"{name} and {name.removesuffix('csv')}json do not agree")

    def check_pdf(self):
        pdf = self.bytes("report.pdf")
        if not pdf.startswith(b"%PDF-"):
            raise Tampered("report.pdf is no PDF")
        for n, name in enumerate(SHOWN):
            if name == "changes.json" and name not in self.files:
                continue
            named = set(re.findall(re.escape(f"{name} sha256:").encode() + b"(.{64})", pdf, re.DOTALL))
            shown = {hashlib.sha256(self.bytes(name)).hexdigest().encode()}
            if named != shown and (named or n < 2):
                raise Tampered(f"report.pdf shows another {name}")

    def check_rows(self):
        found = {subject: replay(subject, past) for subject, past in self.past.items() if subject.startswith("assignment/")}
        renewed = {"assignment/" + a.renews for a in found.values() if a.state != "retired" and a.renews is not None}
        there = set()
        for row in self.rows:
            subject = row["subject"]
            if not subject:
                said = {"state": row["state"], "counts": row["state"] == "not-assigned"}
                if row["state"] not in ("not-assigned", "erased") or any(
                        row[c] != said.get(c, "") for c in COLUMNS
                        if c not in WHO and c not in ("manager", "requirement", "course", "reason")):
                    raise Tampered(f"report.json says something of {row['employee_id']} that no record says")
                continue
            if subject not in found:
                raise Tampered(f"report.json names {subject}, of which the pack has no record")
            if subject in there:
                raise Tampered(f"report.json names {subject} twice")
            there.add(subject)
            said = self.row(row, found[subject], self.past[subject], subject in renewed)
            for column in COLUMNS:
                if column in said and said[column] != row[column]:
                    raise Tampered(f"report.json does not say of {subject} what its records say: {column}")
            if row["content"]:
                self.bytes(f"content/{row['content']}.json")
        for subject in found:
            if subject not in there:
                raise Tampered(f"report.json does not name {subject}, of which the pack has records")

    def check_changes(self):
        """Each change of each assignment, with the values before and after it."""
        if "changes.json" not in self.files:
            return []
        rows = self.json("changes.json", [CHANGE])
        self.check_csv("changes.csv", list(CHANGE), rows)
        all_said = []
        for subject, past in self.past.items():
            if subject.startswith("assignment/"):
                replay(subject, past, lambda *changed: all_said.append((subject, *changed)))
        all_said.sort(key=lambda c: (c[1].at, c[0], c[1].version))
        if len(rows) != len(all_said):
            raise Tampered(f"changes.json has {len(rows)} changes, and the records make {len(all_said)}")
        for row, (subject, record, before, after) in zip(rows, all_said):
            said = {"subject": subject, "version": record.version, "at": utc(record.at), "change": record.kind,
                    "by": record.actor, "reason": record.reason, "state_before": before.get("state", ""),
                    "state": after["state"], "due_before": before.get("due_date", ""), "due": after["due_date"],
                    "expires_before": before.get("expires_date", ""), "expires": after.get("expires_date", "")}
            if self.names.fit(row["by"], record.actor):
                said["by"] = row["by"]
            for column, there in said.items():
                if row[column] != there:
                    raise Tampered(f"changes.json does not say of {subject} what its records say: {column}")
        return [f"{len(rows)} changes are as their records say"]

    def check_claims(self, population):
        """What the manifest says of its pack is so: what it does not prove, whether it is a test, and what it is about."""
        manifest, scope = self.manifest, self.scope
        self.is_test = manifest["origin"].endswith("/test")
        if not self.is_before and manifest["not_proven"] != NOT_PROVEN:
            raise Tampered("manifest.json does not say what a pack does not prove")
        # A log that is called a test may be one whose clock nobody has moved.
        if (manifest["test"] or self.by_hand) and not self.is_test or self.by_hand and not manifest["test"]:
            raise Tampered("manifest.json, the log's name and its records do not agree on whether this is a test")
        for row in self.rows:
            about = row["subject"] or f"requirement/{row['requirement']}"
            requirement = scope.requirement in (None, row["requirement"])
            # Packs of the format before may have lines that were about their course later.
            course = scope.course is None or self.is_before or about in self.of_course \
                or not row["subject"] and row["course"] == scope.course
            if not requirement or not course:
                raise Tampered(f"report.json has a line of {row['subject'] or row['employee_id']}, and manifest.json says that "
                               "the pack is not about it")
        if scope.person is not None and not self.is_before and (len(population) > 1 or not self.are_one()):
            raise Tampered("report.json has lines of several people, and manifest.json says that the pack is about one")
        return "the lines are within the scope that the manifest names"

    def are_one(self):
        """Whether all assignments are one person's, also of rows of the store that turned out to be the same person. Where a
        record of that was erased nothing can be said against it."""
        if any(subject.startswith("person/") for subject in self.erased):
            return True
        rows = {self.past[row["subject"]][0].text("person") for row in self.rows if row["subject"]}
        others = [(subject.removeprefix("person/"), record.member("into"), record.member("from"))
                  for _, subject, record in self.people]
        joined = [(row, into if is_text(into) else of) for row, into, of in others if is_text(into) or is_text(of)]
        one, more = set(), set(sorted(rows)[:1])
        while more:
            one |= more
            more = {there for pair in joined for here, there in (pair, pair[::-1]) if here in one} - one
        return rows <= one

    def unproven(self):
        """What the pack does not prove, whatever it says itself."""
        person = None if self.is_before else self.scope.person
        records = [record for row in self.rows if row["subject"] for record in self.past[row["subject"]]]
        said = [record.member("who") for record in records]
        stranger = person is not None and records and not any(
            isinstance(who, dict) and who.get("employee_id") == person for who in said)
        return [TEST] * self.is_test + NOT_PROVEN + [
            f"That its records are about {person}: none of them says this employee id, and who goes by which one now is in the "
            "store and not in the log."] * bool(stranger)

    def row(self, row, a, past, renewed):
        """What a line has to say, as far as the records say it."""
        first, behind = self.manifest["period"]
        state = a.state
        # That an end has passed may not have been recorded yet.
        if row["state"] == "expired" and state == "completed" and a.expires and (behind is None or a.expires[0] < behind):
            state = "expired"
        decided = newest(past, {"completed": "completed", "exempt": "exempted", "waived": "waived", "expired": "expired",
                                "retired": "retired", "extended": "extended"}.get(state))
        before = first is not None and a.assigned < first and a.completed is not None and a.completed < first
        if self.scope.course is not None and self.scope.course != a.course:
            counts, reason = False, f"its course is {a.course} now, and this pack is about {self.scope.course}"
        elif a.requirement.startswith("enrolment/"):
            counts, reason = False, "voluntary: a place in a course that nothing demands"
        elif state == "on_leave":
            counts, reason = False, "on leave: the clock has stopped"
        elif state in ("exempt", "waived", "retired"):
            counts, reason = False, a.end_reason or ""
        elif state == "completed" and before:
            counts, reason = False, ("completed before the period, and what renews it has a line of its own" if renewed else
                                     "completed before the period, and nothing more was asked for in it")
        elif state == "expired":
            counts, reason = not renewed, ("holds no more, and what renews it counts in its place" if renewed else
                                           "holds no more, and nothing renews it")
        else:
            counts, reason = True, a.end_reason or ""
        results = self.manifest["preset"] != "soc2"
        attested = newest(past, "attested")
        said = {
            "requirement": a.requirement, "rule_version": a.rule_version, "course": a.course, "content": a.version or "",
            "state": state, "why": past[0].reason, "assigned": utc(a.assigned), "due": a.due[1], "started": utc(a.started),
            "completed": utc(a.completed), "score": number(a.score) if results and a.score is not None else "",
            "attempts": str(a.attempts) if results and a.attempts else "", "attested": utc(a.attested),
            "authentication": attested.text("authentication") if attested else "", "skew": worst(past),
            "expires": a.expires[1] if a.expires else "", "counts": counts, "reason": reason,
            "until": decided.text("until") if decided and state == "exempt" else "",
        }
        names = {}
        known = [record.member("who") for record in past if isinstance(record.member("who"), dict)]
        if known:
            who = {name: value for name, value in known[-1].items() if isinstance(value, str)}
            said |= {column: who.get(member, "") for column, member in WHO.items()}
            names["manager"] = "person/" + who["manager"] if "manager" in who else ""
        names["decided_by"] = decided.actor if decided else ""
        return said | {column: name for column, name in names.items() if not self.names.fit(row[column], name)}

    def check_period(self):
        """A zone may have got another law since the pack was made: where the databases of zones differ, nothing is said."""
        first, last = self.days
        try:
            behind = last + timedelta(days=1) if last else None
        except OverflowError:
            behind = None
        name, known = self.manifest["zone"], True
        try:
            zone = timezone.utc if name == "UTC" else ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            zone, known = timezone.utc, False

        def begins(day):
            # A midnight that there is not, or twice, is meant as before the clocks change.
            epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
            return (datetime.combine(day, time(), zone) - epoch) // timedelta(microseconds=1) if day else None

        days, period = [first, behind], self.manifest["period"]
        here = [begins(day) for day in days]
        for mine, said in zip(here, period, strict=True):
            near = type(said) is int and mine is not None and abs(said - mine) <= APART and (said - mine) % 10**6 == 0
            if mine != said and not near:
                raise Tampered("manifest.json: its period is not that of its days")
        if not known and days != [None, None]:
            self.unknown.append(f"the zone {name} is not known here, so nothing is said of the period")
        elif known and here != period:
            self.unknown.append(f"the days of the period begin at other instants in {name} here than where the pack was made: "
                                "compare the databases of time zones")
        else:
            self.checks.append("the period is that of the days of the scope")

    def check_erased(self):
        """Tombstones of the pack excuse the lines that are called erased: no more of a requirement than assignments of it that
        they name."""
        called = [row["requirement"] for row in self.rows if row["state"] == "erased"]
        if self.is_before:
            if called and not self.erased:
                self.unknown.append("report.json says that records were erased, and the pack has no tombstone: ask for a pack "
                                    "of a newer release")
            return
        named = [of for subject, of in self.erased.items() if subject.startswith("assignment/")]
        # Tombstones of earlier releases do not say the requirement.
        left = named.count(None)
        for requirement in sorted(set(called)):
            lines, known = called.count(requirement), named.count(requirement)
            more = max(0, lines - known)
            if more > left:
                raise Tampered(f"report.json calls {lines} lines of {requirement} erased, and tombstones name {known} "
                               "assignments of it")
            left -= more

    def check_asked(self):
        requests, questions = self.json("requests.json", [REQUEST]), self.json("questions.json", [QUESTION])
        both = ("requests.json", "request/", requests, request), ("questions.json", "trainer-question/", questions, question)
        for file, kind, rows, _ in both:
            named = set()
            for subject in (row["subject"] for row in rows):
                if not subject.startswith(kind) or subject not in self.past:
                    raise Tampered(f"{file} names {subject}, of which the pack has no record")
                if subject in named:
                    raise Tampered(f"{file} names {subject} twice")
                named.add(subject)
            for subject in self.past:
                if subject.startswith(kind) and subject not in named:
                    raise Tampered(f"{file} does not name {subject}, of which the pack has records")
        for file, _, rows, make in both:
            for row in rows:
                said, people = make(self.past[row["subject"]])
                said = {what: name for what, name in people.items() if not self.names.fit(row[what], name)} | said
                for what, there in said.items():
                    if row[what] != there:
                        raise Tampered(f"{file} does not say of {row['subject']} what its records say: {what}")
        return f"{len(requests)} requests and {len(questions)} questions are as their records say"


# Records, and what they make of an assignment.

def discloses(preset, subject, name):
    """Whether a pack of this preset shows a field of a record."""
    kind = subject.split("/")[0]
    if kind == "erasure":
        return name in ("data/subjects", "data/requirements")
    if kind == "person":
        return name in ("data/into", "data/from")
    if PRESETS[preset] and kind == "trainer-question" and name in ("data/text", "data/digest"):
        return False
    return name not in PRESETS[preset]


def first_leaf(leaf, named):
    """A record of the first format may have more members than are read."""
    if not isinstance(leaf, dict) or "data" not in leaf:
        raise Damaged(f"{named} is not what it should be")
    shaped({name: leaf.get(name) for name in FIRST_LEAF}, FIRST_LEAF, named)
    shaped(leaf.get("erased", []), [str], named)
    source = leaf.get("source")
    if source is not None:
        shaped(source, dict, named)
        shaped({name: source.get(name) for name in SOURCE}, SOURCE, named)


class Record:
    """A record as far as it is disclosed. Of the first format all is in the open."""

    def __init__(self, leaf, values, named):
        self.kind, self.at, self.version = leaf["kind"], leaf["at"], leaf["version"]
        if "format" in leaf:
            self.hidden = set(leaf["fields"]) - set(values)
        else:
            self.hidden = set(leaf.get("erased", ()))
            values = {name: leaf[name] for name in ("actor", "reason", "data", "source") if name in leaf}
        self.actor, self.reason, self.source = values.get("actor", ""), values.get("reason", ""), values.get("source")
        self.subject = values.get("subject", "")
        members = {name.removeprefix("data/"): value for name, value in values.items() if name.startswith("data/")}
        self.data = values.get("data", members)
        for text in (self.actor, self.reason, self.subject):
            shaped(text, str, named)
        if self.source is not None or "format" in leaf and "source" in values:
            shaped(self.source, dict, named)
            shaped({name: self.source.get(name) for name in SOURCE}, SOURCE, named)

    def member(self, name):
        return self.data.get(name) if isinstance(self.data, dict) else None

    def text(self, name):
        value = self.member(name)
        return value if isinstance(value, str) else ""


def newest(past, *kinds):
    return next((record for record in reversed(past) if record.kind in kinds), None)


def said(past, name):
    """A member of the newest record that has it."""
    return next((record.member(name) for record in reversed(past) if isinstance(record.member(name), str)), "")


def is_day(text):
    """Whether it is a day like 2026-11-23."""
    if type(text) is not str or not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return False
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def is_whole(value):
    return fits(value, SIGNED)


def is_text(value):
    return type(value) is str


def is_renewal(value):
    return type(value) is dict and is_text(value.get("id")) and none_or(is_day, value.get("until"))


def are_values(value):
    return (type(value) is dict and value.keys() <= {"state", "due_date", "expires_date"} and is_text(value.get("state"))
            and is_day(value.get("due_date")) and none_or(is_day, value.get("expires_date")))


def none_or(kind, value):
    return value is None or kind(value)


def is_shaped(record):
    """Whether what is read of a record to make an assignment of it is of its shape."""
    if not isinstance(record.data, dict):
        return False
    kind, member = record.kind, record.member
    own = True
    if kind == "assigned":
        own = (all(is_text(member(name)) for name in ("person", "requirement", "rule_version", "course"))
               and fits(record.data.get("cycle", 1), SMALL) and none_or(is_renewal, member("renews")))
    elif kind in ("extended", "moved", "resumed"):
        own = all(not is_text(member(name)) or is_day(member(name)) for name in ("base_due_date", "from"))
    elif kind == "completed":
        own = none_or(is_whole, member("completed"))
    elif kind == "paused":
        own = none_or(is_day, member("from"))
    if kind in ("assigned", "extended", "moved", "resumed"):
        own = own and is_whole(member("due")) and is_day(member("due_date"))
    elif kind in ("completed", "waived", "revalidated"):
        own = own and none_or(is_whole, member("expires")) and none_or(is_day, member("expires_date"))
    return own and all(none_or(are_values, member(name)) for name in ("was", "is"))


def deadline(record, name):
    """The instant and the last day, where both are there."""
    at, text = record.member(name), record.member(f"{name}_date")
    return None if at is None or text is None else (at, text)


def values(a):
    """What may change of an assignment, as records say it."""
    said = {"state": a.state, "due_date": a.due[1]}
    return said | {"expires_date": a.expires[1]} if a.expires else said


def replay(subject, past, changed=lambda *_: None):
    """The assignment as its records make it, or Damaged where they do not follow on each other. `changed` is told each
    record that changes it, with the values before and after."""
    for record in past:
        if not is_shaped(record):
            raise Damaged(f"version {record.version} of {subject} is not what it should be")
    first, apart = past[0], Damaged(f"the records of {subject} do not follow on each other")
    if first.kind != "assigned":
        raise apart
    renews = first.member("renews")
    a = SimpleNamespace(
        state=None, requirement=first.text("requirement"), rule_version=first.text("rule_version"),
        course=first.text("course"), version=None, assigned=first.at, due=deadline(first, "due"), extended=False, away=None,
        started=None, attempts=0, score=None, attested=None, completed=None, expires=None, end_reason=None,
        renews=renews["id"] if renews else None)
    for record in past:
        before = values(a) if a.state else {}
        if record.kind != "assigned":
            change(a, record)
        late, lapsed = record.at > a.due[0], a.expires is not None and record.at > a.expires[0]
        state = transition(a, record.kind, late, lapsed)
        if state is None:
            raise apart
        a.state = "on_leave" if record.kind == "reinstated" and a.away is not None else state
        after = values(a)
        for member, there in (("was", before), ("is", after)):
            # Records of earlier releases do not say it.
            said = record.member(member)
            if said is not None and (not isinstance(said, dict) or {n: v for n, v in said.items() if v is not None} != there):
                raise apart
        if before != after:
            changed(record, before, after)
    return a


def change(a, record):
    """What a record changes, but for the state."""
    kind, score = record.kind, record.member("score")
    score = score if isinstance(score, (int, float)) and not isinstance(score, bool) else None
    if kind in ("extended", "moved", "resumed"):
        a.due = deadline(record, "due")
        a.rule_version = record.member("rule_version") if isinstance(record.member("rule_version"), str) else a.rule_version
        a.extended |= kind == "extended"
        a.away = record.text("from") or a.away if a.state == "on_leave" else a.away
    if kind == "started":
        a.started = record.at if a.started is None else a.started
        a.course = record.member("course") if isinstance(record.member("course"), str) else a.course
        a.version = record.member("version") if isinstance(record.member("version"), str) else None
    elif kind == "attempted":
        a.attempts, a.score = a.attempts + 1, score
    elif kind == "attested":
        a.attested = record.at
    elif kind == "completed":
        # What was done elsewhere may have been done earlier.
        earlier = record.member("completed")
        a.completed = record.at if earlier is None else earlier
        a.score = a.score if score is None else score
        a.version = record.member("version") if isinstance(record.member("version"), str) else a.version
        a.end_reason = record.reason
    elif kind == "paused":
        a.away = record.member("from")
    elif kind == "resumed":
        a.away = None
    elif kind in ("exempted", "waived", "retired"):
        a.end_reason = record.reason
    elif kind == "reinstated":
        a.expires = a.end_reason = None
    elif kind == "revalidated":
        a.rule_version = record.member("rule_version") if isinstance(record.member("rule_version"), str) else a.rule_version
    if kind in ("completed", "waived", "revalidated"):
        a.expires = deadline(record, "expires")


def transition(a, kind, late, lapsed):
    """The state after a record; none where it cannot happen to an assignment as it stands."""
    state = a.state
    begun = "in_progress" if a.started is not None else "extended" if a.extended else "assigned"
    if state is None or kind == "assigned":
        return "assigned" if state is None and kind == "assigned" else None
    if kind == "reinstated":
        return ("overdue" if late else begun) if state in ("retired", "exempt", "waived") else None
    if kind == "expired":
        return "expired" if state == "completed" and lapsed else None
    if kind == "revalidated":
        again = {"completed": "completed", "expired": "expired" if lapsed else "completed", "waived": "waived"}
        return again.get(state)
    if state in ("completed", "expired", "waived", "retired"):
        return None
    if state == "exempt":
        return "retired" if kind == "retired" else None
    ends = {"completed": "completed", "exempted": "exempt", "waived": "waived", "retired": "retired"}
    if kind in ends:
        return ends[kind]
    work = kind in ("started", "attempted", "granted", "attested", "refused")
    if not work and kind not in ("extended", "moved", "overdue", "paused", "resumed"):
        return None
    if state == "on_leave":
        if kind == "resumed":
            return "overdue" if late else begun
        return None if kind in ("paused", "overdue") else "on_leave"
    if kind in ("paused", "resumed"):
        return "on_leave" if kind == "paused" else None
    if kind == "overdue":
        return None if state == "overdue" else "overdue"
    # Work does not undo a missed date; a later date does.
    return "overdue" if state == "overdue" and (work or late) else begun


class Names:
    """By which employee id the reports of a pack name people whom its records name by the id of a row in the store."""

    def __init__(self, pack):
        # By row the employee ids by which assignments in the pack were made for it; the one id of other rows that was shown.
        self.own, self.shown, self.is_before = {}, {}, pack.is_before
        for subject, past in pack.past.items():
            who = past[0].member("who")
            row, shown = past[0].member("person"), who.get("employee_id") if isinstance(who, dict) else None
            if subject.startswith("assignment/") and isinstance(row, str) and isinstance(shown, str):
                self.own.setdefault(row, set()).add(shown)
        self.taken = set().union(*self.own.values())

    def fit(self, shown, named):
        """Whether `shown` may stand for whom a record calls `named`: an employee id for a row, always the same one, and no
        other row's. Which one it is only the store knows, unless an assignment in the pack says it."""
        row = named.removeprefix("person/")
        if row == named or shown in ("", "operator") or shown.startswith(("rule/", "system/", "role/")):
            return False
        if self.is_before:
            return True
        if row in self.own:
            return shown in self.own[row]
        if row not in self.shown and shown not in self.taken:
            self.shown[row] = shown
            self.taken.add(shown)
        return self.shown.get(row) == shown


def to(kind, name):
    return f"{kind}/{name}" if name else ""


def request(past):
    """What a line about a request has to say, and whom it has to name."""
    state = REQUEST_STATES.get(past[-1].kind, "open")
    why, asked = newest(past, "requested", "drafted"), newest(past, "requested", "passed", "reminded")
    decided = None if state in ("draft", "open") else newest(past, "approved", "declined", "withdrawn", "closed")
    return ({"state": state, "kind": said(past, "kind"), "assignment": to("assignment", said(past, "assignment")),
             "requirement": said(past, "requirement"), "course": said(past, "course"), "wished": said(past, "wished"),
             "asked": utc(past[0].at), "reason": why.reason if why else "", "decided": utc(decided and decided.at),
             "decision": decided.reason if decided else ""},
            {"employee_id": to("person", said(past, "person")), "asked_by": said(past, "asker"),
             "approver": asked.text("approver") if asked else "", "decided_by": decided.actor if decided else ""})


def question(past):
    """The same of a question."""
    answered = newest(past, "answered")
    due = next((record.member("due") for record in reversed(past) if is_whole(record.member("due"))), None)
    return ({"assignment": "assignment/" + said(past, "assignment"), "course": said(past, "course"),
             "content": said(past, "version"), "asked": utc(past[0].at), "question": past[0].text("text"), "due": utc(due),
             "answered": utc(answered and answered.at), "answer": answered.text("text") if answered else "",
             "qualification": answered.text("qualification") if answered else ""},
            {"employee_id": to("person", said(past, "person")), "answered_by": answered.text("trainer") if answered else ""})


def worst(past):
    """The greatest difference between the clock of a chat and the server's."""
    most, said = 0, ""
    for record in past:
        if record.source is not None:
            ahead = record.source["at"] - record.source["received"]
            if abs(ahead) > TOLERANCE and abs(ahead) > most:
                most, said = abs(ahead), f"{record.kind}: {'-' if ahead < 0 else ''}{abs(ahead) // 10**6} s"
    return said


def number(value):
    """A number as the reports write it: the shortest digits that mean it, without an exponent."""
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def quoted(cell):
    """A cell of a CSV (RFC 4180) that a spreadsheet takes as text, also one that begins like a formula."""
    cell = "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


def utc(at):
    """Microseconds as the reports write them; nothing for none."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at // 10**6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 10**6 // 1000:03}Z"


class Verification:
    def __init__(self, options):
        self.basis, self.trusted, self.not_proven = "", False, []
        self.pack = pack = Pack(options.pack)
        # What cannot be said of one thing does not keep the others from being looked at.
        self.unknown = pack.unknown
        self.not_proven = pack.unproven()
        if options.key:
            self.by_key(options.key)
        self.by_checkpoints(options.checkpoints)
        for key in options.witnesses:
            self.by_witness(key)
        if options.against:
            try:
                self.continues(options.against)
            except Unknown as e:
                self.unknown.append(str(e))
        if not self.trusted:
            self.unknown.append("consistent, origin unproven: give the log's public key (--key) or a checkpoint from "
                                "elsewhere (--checkpoint)")

    def by_key(self, key):
        origin = self.pack.manifest["origin"]
        if key.name != origin:
            self.unknown.append(f"the key is of the log {key.name}, and the pack of the log {origin}")
            return
        texts = [k.text for k, _, _ in self.pack.keys]
        if key.text not in texts:
            raise Tampered(f"the pack is signed by another key than the one that you trust, {key.text}")
        self.leads(texts.index(key.text), f"signed by the key that you trust, {key.text}")

    def leads(self, at, basis):
        self.trusted = True
        lost = [k.text for k, how, _ in self.pack.keys[at + 1:] if how == "lost"]
        if lost:
            self.unknown.append(f"the key that you trust was lost, and {lost[0]} has taken its place: only the log's "
                                "owner can say whether that is so")
        else:
            self.basis = basis
            self.pack.checks.append(basis)

    def by_checkpoints(self, brought):
        pack, exact, newer = self.pack, False, []
        now = pack.checkpoint
        for name, text in brought:
            found, same, after, by = checkpoints(text), [], 0, 0
            if not found:
                self.unknown.append(f"{name} is no checkpoint")
            for said, note in found:
                if said.origin != now.origin:
                    self.unknown.append(f"{name} is a checkpoint of another log, {said.origin}")
                    continue
                made = [n for n, (key, _, _) in enumerate(pack.keys) if key.signed(note)]
                if not made:
                    raise Tampered(f"{name} is signed by another key than the pack")
                root = pack.roots.get(said.size)
                if root == said.root:
                    same, by = same + [said.size], max(by, made[0])
                    exact |= said.size == now.size
                elif root is not None:
                    raise Tampered(f"a fork: {name} shows another history of the first {said.size} records than the pack")
                elif said.size > now.size:
                    after = max(after, said.size)
                else:
                    self.unknown.append(f"the pack has no checkpoint of {said.size} records to compare {name} with")
            if len(same) == 1:
                pack.checks.append(f"{name} ({same[0]} records) is of the same history")
            elif same:
                pack.checks.append(f"{name}: {len(same)} checkpoints of up to {max(same)} records are of the same history")
            if same:
                self.leads(by, f"of the history and by the key that {name} shows")
            if after:
                newer.append((name, after))
        for name, size in newer:
            than = f"{name} is newer than the pack ({size} records, the pack has {now.size})"
            # Where the pack's own checkpoint was brought as well, it does not matter how the log went on.
            if exact:
                pack.checks.append(than)
            else:
                self.unknown.append(f"{than}: ask for a newer pack")

    def by_witness(self, key):
        """Which checkpoint a witness has signed last, and when."""
        for size, note in sorted(self.pack.notes.items(), reverse=True):
            theirs = [made for name, key_id, made in note.signatures if (name, key_id) == (key.name, key.id)]
            times = [at for at in (key.cosigned(note.text, made) for made in theirs) if at is not None]
            if theirs and not times:
                raise Tampered(f"what the witness {key.name} is to have signed under {size} records is not its")
            if theirs:
                try:
                    at = datetime.fromtimestamp(times[0], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                except (OverflowError, OSError, ValueError):
                    at = "a time that is none"
                self.pack.checks.append(f"the witness {key.name} has signed the checkpoint of {size} records at {at}")
                return
        self.unknown.append(f"the witness {key.name} has signed no checkpoint of this pack")

    def continues(self, folder):
        pack = self.pack
        try:
            old = Pack(folder)
        except (Tampered, Unknown) as e:
            raise Unknown(f"the earlier pack does not hold: {e}")
        self.unknown += [f"the earlier pack does not hold: {text}" for text in old.unknown]
        if old.manifest["origin"] != pack.manifest["origin"]:
            raise Unknown(f"the earlier pack is of another log, {old.manifest['origin']}")
        size, root = old.checkpoint.size, pack.roots.get(old.checkpoint.size)
        if size > pack.checkpoint.size:
            raise Tampered(f"the log was cut off: it had {size} records in the earlier pack, and has {pack.checkpoint.size}")
        chain = [[(key.text, how, statement) for key, how, statement in one.keys] for one in (old, pack)]
        if chain[1][:len(chain[0])] != chain[0]:
            raise Tampered("a fork: the pack shows another chain of keys than the earlier one")
        if root is None:
            raise Unknown(f"the pack has no checkpoint of {size} records to compare the earlier pack with")
        if root != old.checkpoint.root:
            raise Tampered(f"a fork: the earlier pack shows another history of the first {size} records")
        pack.checks.append(f"the earlier pack ({size} records) is of the same history")
        if self.has_all_of(old):
            self.missing(old)
        else:
            self.not_proven.insert(0, "That nothing of the earlier pack is missing: its records were not compared, since it is "
                                      "about another scope.")

    def has_all_of(self, old):
        """Whether this pack has whatever the earlier one had: both are about the same, and its period has every day of the
        other's."""
        (first, last), (old_first, old_last) = self.pack.days, old.days
        begins = first is None or old_first is not None and first <= old_first
        ends = last is None or old_last is not None and last >= old_last
        return vars(old.scope) == vars(self.pack.scope) and begins and ends

    def missing(self, old):
        """What of the earlier pack is not in this one, and why that is so."""
        pack = self.pack
        lines = {f"{kind}/{row[kind]}" for row in pack.rows for kind in ("requirement", "course")}
        notes = {"were erased: tombstones name what they were about": 0,
                 "are of somebody who turned out to be another person": 0,
                 "are about requirements and courses that nothing in this pack is about any more": 0}
        for leaf, entry in sorted(old.entries.items()):
            if pack.entries.get(leaf) == entry:
                continue
            subject = old.subjects[leaf]
            why = [subject in pack.erased, self.is_parted(subject, old), is_over(subject, old, lines)]
            if leaf in pack.entries or True not in why:
                raise Tampered(f"the record at leaf {leaf} was in the earlier pack and is missing")
            notes[list(notes)[why.index(True)]] += 1
        pack.checks += [f"{count} records of the earlier pack {why}" for why, count in notes.items() if count]

    def is_parted(self, subject, old):
        """Whether the person whom a subject is about was one with the person of the scope, and is not any more: a record says
        so that is newer than the earlier pack."""
        if self.pack.scope.person is None:
            return False
        past = old.past.get(subject, [])
        if said(past, "assignment"):
            past = old.past.get("assignment/" + said(past, "assignment"), [])
        rows, seen = [said(past, "person")], {""}
        while rows:
            row = rows.pop()
            if row in seen:
                continue
            seen.add(row)
            for leaf, about, record in self.pack.people:
                if about == f"person/{row}":
                    if record.kind == "split" and leaf >= old.checkpoint.size:
                        return True
                    rows.append(record.text("into"))
        return False


def is_over(subject, old, lines):
    """Whether a subject is a requirement or a course, or a request about a requirement, that no line is about any more."""
    kind, past = subject.split("/")[0], old.past.get(subject, [])
    if kind == "request" and said(past, "kind") == "requirement":
        subject = "requirement/" + said(past, "requirement")
    elif kind not in ("requirement", "course"):
        return False
    return subject not in lines


class Options(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(64)


def main():
    parser = Options(prog="verify.py", description="Verifies a pack of evidence, offline.")
    parser.add_argument("pack", help="a folder, or a ZIP")
    parser.add_argument("--key", metavar="PUB", help="the log's public key, or a file with it")
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[],
                        help="a file with checkpoints that you got elsewhere: one, many, or a mail as you saved it")
    parser.add_argument("--witness", metavar="PUB", action="append", default=[],
                        help="the public key of a witness that is to have signed the log")
    parser.add_argument("--against", metavar="EARLIER")
    options = parser.parse_args()
    try:
        if options.key:
            if os.path.isfile(options.key):
                with open(options.key, encoding="utf-8") as f:
                    options.key = f.read()
            # `stoa audit key show` says more than the key, the first one first.
            options.key = Key((options.key.split() or [""])[0])
        options.witnesses = [Key(text.strip()).of_witness() for text in options.witness]
        options.checkpoints = []
        for path in options.checkpoint:
            # What ends a line is looked at later.
            with open(path, encoding="utf-8", newline="") as f:
                options.checkpoints.append((path, f.read()))
    except (Damaged, OSError, UnicodeDecodeError) as e:
        parser.error(str(e))
    try:
        done = Verification(options)
    except Tampered as e:
        print(harmless(f"TAMPERED: {e}"))
        return 1
    except Unknown as e:
        print(harmless(f"CANNOT_VERIFY: {e}"))
        return 2
    print(harmless(f"CANNOT_VERIFY: {done.unknown[0]}" if done.unknown else f"VALID: {done.basis}"))
    for check in done.pack.checks:
        print(harmless(f"  ok: {check}"))
    for text in done.unknown[1:]:
        print(harmless(f"  also: {text}"))
    print("What this does not prove:")
    for text in done.not_proven:
        print(harmless(f"  - {text}"))
    return 2 if done.unknown else 0


def harmless(text):
    """A sentence in which names that come from a pack neither steer a terminal nor turn the direction of writing."""
    steers = "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
    return re.sub(steers, lambda c: f"\\u{{{ord(c[0]):x}}}", text)


if __name__ == "__main__":
    # What a terminal cannot show is escaped.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    sys.exit(main())
