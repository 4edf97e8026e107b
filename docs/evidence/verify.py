#!/usr/bin/env python3
"""Verifies a pack of evidence, offline. A second implementation, apart from Stoa: Python 3.11, standard library and
`cryptography`. The format is described in docs/evidence.md.

usage: verify.py PACK [--key PUB] [--checkpoint FILE]... [--against EARLIER]
Ends with 0 (VALID), 1 (TAMPERED), 2 (CANNOT_VERIFY) or 64 (wrong usage).
"""

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import os
import re
import stat
import struct
import sys
import zlib
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "stoa-pack/3"
MOST_FILES, MOST_BYTES = 100_000, 2 * 1024**3
COLUMNS = ["subject", "employee_id", "name", "title", "department", "location", "worker_type", "manager", "zone",
           "requirement", "rule_version", "course", "content", "state", "why", "assigned", "due", "started", "completed",
           "score", "attempts", "attested", "authentication", "expires", "skew", "counts", "reason", "decided_by", "until", "retention", "hold"]
MANIFEST = {"format": str, "origin": str, "test": bool, "made": str, "scope": dict, "period": list, "zone": str,
            "preset": str, "size": int, "files": dict, "subjects": dict, "not_proven": list}
PERSON = {"employee_id": str, "name": str, "title": str, "status": str, "hired": str, "known_since": str, "left": str,
          "moved": list, "meant": list, "assignments": int, "why_none": str}


REQUEST = dict.fromkeys(["subject", "kind", "state", "employee_id", "assignment", "requirement", "course", "wished", "asked",
                         "asked_by", "reason", "approver", "decided", "decided_by", "decision"], str)
QUESTION = dict.fromkeys(["subject", "employee_id", "assignment", "course", "content", "asked", "question", "due", "answered",
                          "answer", "answered_by", "qualification"], str)
# What a request is after a record of this kind; after any other it is open.
REQUEST_STATES = {"drafted": "draft", "approved": "approved", "applied": "approved", "declined": "declined",
                  "withdrawn": "withdrawn", "closed": "closed"}
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


# Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint).

class Key:
    def __init__(self, text):
        self.text = text.strip()
        try:
            self.name, self.hash, key = self.text.split("+", 2)
        except ValueError:
            raise Damaged("this is no public key")
        if not self.name or any(c.isspace() or ord(c) < 32 for c in self.name):
            raise Damaged("this is no public key")
        data = b64(key, "the key")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if len(data) != 33 or data[0] not in (1, 4) or self.id.hex() != self.hash:
            raise Damaged("this is no public key")
        self.kind, self.public = data[0], data[1:]

    def signed(self, note):
        for name, key_id, signature in note.signatures:
            if self.kind == 1 and (name, key_id) == (self.name, self.id):
                try:
                    Ed25519PublicKey.from_public_bytes(self.public).verify(signature, note.text.encode())
                    return True
                except (InvalidSignature, ValueError):
                    continue
        return False


class Note:
    def __init__(self, source):
        if any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in source):
            raise Damaged("this is no signed note")
        text, separator, signatures = source.rpartition("\n\n")
        if not separator or not signatures.endswith("\n"):
            raise Damaged("this is no signed note")
        self.text, self.signatures = text + "\n", []
        for line in signatures[:-1].split("\n"):
            name, space, blob = line.removeprefix("— ").partition(" ")
            if not line.startswith("— ") or not space or not name or "+" in name:
                raise Damaged("this is no signed note")
            blob = b64(blob, "a signature")
            if len(blob) < 5:
                raise Damaged("this is no signed note")
            self.signatures.append((name, blob[:4], blob[4:]))


class Checkpoint:
    def __init__(self, text):
        lines = text[:-1].split("\n") if text.endswith("\n") else []
        if len(lines) < 3 or not lines[0] or not all(lines[3:]):
            raise Damaged("this is no checkpoint")
        if not lines[1].isascii() or not lines[1].isdigit() or (lines[1] != "0" and lines[1][0] == "0"):
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
    def once(pairs):
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise Damaged(f"{what} says something twice")
        return dict(pairs)

    try:
        return json.loads(data.decode(), object_pairs_hook=once)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Damaged(f"{what} is not JSON")


def shaped(value, shape, what):
    """Exactly these members, each of its type."""
    if not isinstance(value, dict) or set(value) != set(shape):
        raise Damaged(f"{what} is not what it should be")
    for name, kind in shape.items():
        if not isinstance(value[name], kind) or kind is int and isinstance(value[name], bool):
            raise Damaged(f"{what} is not what it should be")
    return value


# The files of a pack: a folder, or a ZIP that is read strictly (APPNOTE 6.3): no ZIP64, no comment, nothing in between.

DAMAGED = "it is a ZIP that is damaged, or of a kind that a pack never is"
TOO_MUCH = f"it has more than {MOST_FILES} files or {MOST_BYTES} bytes, and is no pack that Stoa writes"


def read_folder(folder):
    files, left, folders = {}, MOST_BYTES, [("", folder)]
    while folders:
        prefix, path = folders.pop()
        for entry in os.scandir(path):
            name = prefix + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                folders.append((name + "/", entry.path))
            elif stat.S_ISREG(mode):
                left -= entry.stat().st_size
                if left < 0 or len(files) >= MOST_FILES:
                    raise Unknown(TOO_MUCH)
                with open(entry.path, "rb") as f:
                    files[name] = f.read()
            else:
                raise Tampered(f"{name} is a link or a device, and a pack has files only")
    return files


def read_zip(data):
    end = len(data) - 22
    try:
        magic, disks, here, count, length, start, comment = struct.unpack_from("<4sIHHIIH", data, end)
        if end < 0 or (magic, disks, here, comment) != (b"PK\5\6", 0, count, 0) or start + length != end:
            raise Unknown(DAMAGED)
        entries, at, left = {}, start, MOST_BYTES
        for _ in range(count):
            magic, made, _, flags, method, _, _, crc, packed, size, *lengths, disk, _, attributes, begin = \
                struct.unpack_from("<4sHHHHHHIIIHHHHHII", data, at)
            name = data[at + 46:at + 46 + lengths[0]]
            at += 46 + sum(lengths)
            if magic != b"PK\1\2" or at > end or disk or flags & ~0x080E or method not in (0, 8):
                raise Unknown(DAMAGED)
            try:
                name = name.decode()
            except UnicodeDecodeError:
                raise Tampered("the name of a file in the ZIP is not UTF-8")
            folder = name.endswith("/")
            if any(p in ("", ".", "..") for p in name.removesuffix("/").split("/")) or re.search(r"[\\:\x00-\x1f\x7f]", name):
                raise Tampered(f"the ZIP has a file whose name leads elsewhere: {name!r}")
            kind = attributes >> 16 & 0o170000
            if made >> 8 == 3 and kind not in (0, 0o040000 if folder else 0o100000):
                raise Tampered(f"{name} in the ZIP is a link or a device, and a pack has files only")
            if folder:
                continue
            left -= size
            if left < 0 or len(entries) >= MOST_FILES:
                raise Unknown(TOO_MUCH)
            if name in entries:
                raise Tampered(f"the ZIP has the file {name} twice")
            entries[name] = (flags, method, crc, packed, size, begin)
        if at != end:
            raise Unknown(DAMAGED)
        files, ranges = {}, []
        for name, (flags, method, crc, packed, size, begin) in entries.items():
            magic, _, *same = struct.unpack_from("<4sHHH", data, begin)
            named, extra = struct.unpack_from("<HH", data, begin + 26)
            first = begin + 30 + named + extra
            if magic != b"PK\3\4" or same != [flags, method] or data[begin + 30:begin + 30 + named] != name.encode() \
                    or first + packed > start:
                raise Unknown(DAMAGED)
            ranges.append((begin, first + packed))
            files[name] = unpacked(name, method, data[first:first + packed], size, crc)
        ranges.sort()
        if any(a[1] > b[0] for a, b in zip(ranges, ranges[1:])):
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
        raise Unknown(f"{path} cannot be read: {e}")


class Pack:
    def __init__(self, folder):
        self.files, self.checks = read_pack(folder), []
        if "manifest.json" not in self.files:
            raise Unknown(f"{folder} is no pack of evidence: it has no manifest.json")
        try:
            self.read()
        except Damaged as e:
            raise Tampered(str(e))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as e:
            raise Tampered(f"something in the pack is not of its shape: {e!r}")

    def bytes(self, name):
        if name not in self.files:
            raise Tampered(f"the file {name} is missing")
        return self.files[name]

    def text(self, name):
        try:
            return self.bytes(name).decode()
        except UnicodeDecodeError:
            raise Damaged(f"the file {name} is not UTF-8")

    def read(self):
        manifest = read_json(self.bytes("manifest.json"), "manifest.json")
        # A pack of another format has another shape: that says nothing against it.
        if isinstance(manifest, dict) and isinstance(manifest.get("format"), str) and manifest["format"] != FORMAT:
            raise Unknown(f"the pack's format is {manifest['format']}, and this program knows {FORMAT}")
        self.manifest = shaped(manifest, MANIFEST, "manifest.json")
        self.check_files()
        self.check_signatures()
        self.check_earlier()
        self.check_records()
        self.check_reports()

    def check_files(self):
        for name, digest in self.manifest["files"].items():
            if hashlib.sha256(self.bytes(name)).hexdigest() != digest:
                raise Tampered(f"the file {name} was changed")
        for name in self.files:
            if name not in self.manifest["files"] and name not in ("manifest.json", "manifest.note"):
                raise Tampered(f"the file {name} does not belong to the pack")
            if name.startswith("content/") and name.endswith(".json"):
                if hashlib.sha256(self.files[name]).hexdigest() != name[8:-5]:
                    raise Tampered(f"the content {name} is not the one that its name says")
        self.checks.append(f"{len(self.manifest['files'])} files are as the manifest says")

    def check_signatures(self):
        keys = read_json(self.bytes("keys.json"), "keys.json")
        if not isinstance(keys, list) or not keys:
            raise Tampered("keys.json names no key")
        self.keys = []
        for key in keys:
            shaped(key, {"key": str, "how": str, "statement": (str, type(None))}, "keys.json")
            self.keys.append((Key(key["key"]), key["how"], key["statement"]))
        for (before, _, _), (key, how, statement) in zip(self.keys, self.keys[1:]):
            if how == "rotated" and statement is not None:
                note = Note(statement)
                said = f"stoa/log-key/v1\n{before.name}\n{before.text}\n{key.text}\n"
                if note.text != said or not before.signed(note) or not key.signed(note) or key.name != before.name:
                    raise Tampered(f"the key {key.text} is not named by the key before it")
            elif how != "lost" or statement is not None:
                raise Tampered(f"keys.json: it is not said how {key.text} became the log's key")
        newest = self.keys[-1][0]

        def note(name):
            note = Note(self.text(name))
            if not newest.signed(note):
                raise Tampered(f"the file {name} is not signed by the log's key {newest.text}")
            return note

        origin, size = self.manifest["origin"], self.manifest["size"]
        self.checkpoint = Checkpoint(note("checkpoint").text)
        if (self.checkpoint.origin, self.checkpoint.size, newest.name) != (origin, size, origin):
            raise Tampered("manifest, checkpoint and key are of different logs")
        digest = hashlib.sha256(self.bytes("manifest.json")).hexdigest()
        signed = note("manifest.note")
        if len(signed.signatures) != 1 or signed.text != f"{FORMAT}\n{origin}\n{size}\n{digest}\n":
            raise Tampered("the manifest was changed: manifest.note is about another one")
        self.checks.append(f"manifest and checkpoint ({size} records) are signed by {newest.text}")

    def check_earlier(self):
        self.roots = {}
        earlier = read_json(self.bytes("checkpoints.json"), "checkpoints.json")
        for one in earlier:
            shaped(one, {"note": str, "proof": list}, "checkpoints.json")
            said = Checkpoint(Note(one["note"]).text)
            proof = [b64(step, "a proof") for step in one["proof"]]
            now = self.checkpoint
            if said.origin != now.origin or not extends(said.size, said.root, now.size, now.root, proof):
                raise Tampered(f"the checkpoint of {said.size} records is not the beginning of the log")
            self.roots[said.size] = said.root
        self.roots[self.checkpoint.size] = self.checkpoint.root
        self.checks.append(f"{len(earlier)} earlier checkpoints are beginnings of the log")

    def check_records(self):
        versions, self.entries, fields, self.said = {}, {}, 0, {}
        for n, line in enumerate(self.text("records.jsonl").split("\n")[:-1], 1):
            record = read_json(line.encode(), f"records.jsonl line {n}")
            shaped(record, {"leaf": int, "entry": str, "proof": list, "opened": dict}, f"records.jsonl line {n}")
            named, entry = f"the record at leaf {record['leaf']}", record["entry"]
            proof = [b64(step, f"the proof of {named}") for step in record["proof"]]
            now = self.checkpoint
            if not includes(now.root, now.size, record["leaf"], leaf_hash(entry.encode()), proof):
                raise Tampered(f"{named} is not in the log: it, or its proof, was changed")
            leaf = read_json(entry.encode(), named)
            named += f" ({leaf['subject']} version {leaf['version']})"
            for name, opened in record["opened"].items():
                shaped(opened, {"salt": str, "value": str}, named)
                if commitment(b64(opened["salt"]), name, opened["value"]) != leaf.get("fields", {}).get(name):
                    raise Tampered(f"{named}: its {name} is not what the log commits to")
                fields += 1
            there = versions.setdefault(leaf["subject"], set())
            if leaf["version"] in there or record["leaf"] in self.entries:
                raise Tampered(f"{named} stands in the pack twice")
            there.add(leaf["version"])
            self.entries[record["leaf"]] = entry
            self.said.setdefault(leaf["subject"], {})[leaf["version"]] = Said(leaf, record["opened"], named)
        for subject, count in self.manifest["subjects"].items():
            there = versions.pop(subject, set())
            for version in range(1, count + 1):
                if version not in there:
                    raise Tampered(f"version {version} of {subject} is missing")
            if len(there) != count:
                raise Tampered(f"{subject} has more records than the manifest says")
        if versions:
            raise Tampered(f"{sorted(versions)[0]} is in the pack and not in the manifest")
        self.checks.append(f"{len(self.entries)} records are in the log, each subject without gaps")
        self.checks.append(f"{fields} disclosed fields are what the log commits to")

    def check_reports(self):
        report = read_json(self.bytes("report.json"), "report.json")
        shaped(report, {"denominator": int, "completed": int, "percent": str, "excluded": dict, "rows": list}, "report.json")
        lines = [COLUMNS]
        for row in report["rows"]:
            shaped(row, {c: bool if c == "counts" else str for c in COLUMNS}, "report.json")
            cells = [("yes" if row[c] else "no") if c == "counts" else row[c] for c in COLUMNS]
            lines.append(["'" + c if c[:1] in ("=", "+", "-", "@", "\t", "\r") else c for c in cells])
        population = read_json(self.bytes("population.json"), "population.json")
        listed = sum(shaped(person, PERSON, "population.json")["assignments"] for person in population)
        if list(csv.reader(io.StringIO(self.text("report.csv"), newline=""))) != lines:
            raise Tampered("report.csv and report.json do not agree")
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
        for row in report["rows"]:
            self.check_row(row)
        asked = self.check_asked()
        self.checks.append(f"JSON, CSV and PDF agree: {completed} of {len(counting)} completed"
                           + (f" ({percent} %)" if percent else ""))
        self.checks.append(f"{len(report['rows'])} assignments are reported as their records say")
        self.checks.append(asked)

    def check_pdf(self):
        pdf = self.bytes("report.pdf")
        if not pdf.startswith(b"%PDF-"):
            raise Tampered("report.pdf is no PDF")
        for name in ("report.json", "population.json"):
            named = re.findall(re.escape(f"{name} sha256:").encode() + b"(.{64})", pdf, re.DOTALL)
            if set(named) != {hashlib.sha256(self.files[name]).hexdigest().encode()}:
                raise Tampered(f"report.pdf shows another {name}")

    def check_row(self, row):
        def bad(what):
            raise Tampered(f"report.json does not say of {row['subject']} what its records say: {what}")

        if not row["subject"]:
            if row["assigned"] or row["started"] or row["completed"] or row["attested"]:
                bad("nothing was assigned")
            return
        if row["subject"] not in self.said:
            bad("there are none in the pack")
        past = self.past(row["subject"])
        if not past or past[0].kind != "assigned" or utc(past[0].at) != row["assigned"]:
            bad("when it was assigned")
        for kind in ("started", "completed", "attested"):
            if row[kind] and row[kind] not in [utc(said.done) for said in past if said.kind == kind]:
                bad(f"when it was {kind}")
        ended = newest(past, "completed", "expired", "revalidated")
        if row["state"] == "completed" and (not row["completed"] or ended and ended.kind == "expired"):
            bad("whether it was completed")
        # What was reinstated has no end; a record of the first format has its fields in the open and shows none.
        held = newest(past, "completed", "waived", "revalidated", "reinstated")
        if held and "reason" in held.opened and held.text("data/expires_date") != row["expires"]:
            bad("until when it holds")
        if worst(past) != row["skew"]:
            bad("how the clocks differ")
        known = [said.opened["data/who"] for said in past if isinstance(said.opened.get("data/who"), dict)]
        for member, column in (("employee_id", "employee_id"), ("name", "name"), ("title", "title"),
                               ("department", "department"), ("location", "location"), ("worker_type", "worker_type"),
                               ("timezone", "zone")):
            if known and (known[-1].get(member) or "") != row[column]:
                bad(f"the person's {member}")


    def past(self, subject):
        """The records of a subject until the end of the period, the oldest first."""
        end = self.manifest["period"][1]
        return [said for _, said in sorted(self.said.get(subject, {}).items()) if end is None or said.at < end]

    def check_asked(self):
        counts = []
        for file, kind, shape in (("requests.json", "request/", REQUEST), ("questions.json", "trainer-question/", QUESTION)):
            rows = read_json(self.bytes(file), file)
            named = set()
            if not isinstance(rows, list):
                raise Damaged(f"{file} is not what it should be")
            for row in rows:
                subject = shaped(row, shape, file)["subject"]
                past = self.past(subject)
                if not subject.startswith(kind) or not past:
                    raise Tampered(f"{file} names {subject}, of which the pack has no record")
                if subject in named:
                    raise Tampered(f"{file} names {subject} twice")
                named.add(subject)
                for what, there in (request(past) if shape is REQUEST else question(past)).items():
                    if row[what] != there:
                        raise Tampered(f"{file} does not say of {subject} what its records say: {what}")
            for subject in self.said:
                if subject.startswith(kind) and subject not in named and self.past(subject):
                    raise Tampered(f"{file} does not name {subject}, of which the pack has records")
            counts.append(len(rows))
        return f"{counts[0]} requests and {counts[1]} questions are as their records say"


class Said:
    """A record with what was disclosed of it."""

    def __init__(self, leaf, opened, named):
        self.kind, self.at = leaf["kind"], leaf["at"]
        self.opened = {}
        for name in ("reason", "source", "data/completed", "data/expires_date", "data/kind", "data/text", "data/who"):
            if name in opened:
                self.opened[name] = read_json(opened[name]["value"].encode(), named)
        # What was done elsewhere was done before it was recorded.
        done = self.opened.get("data/completed")
        self.done = done if isinstance(done, int) else self.at

    def text(self, name):
        value = self.opened.get(name)
        return value if isinstance(value, str) else ""


def newest(past, *kinds):
    return next((said for said in reversed(past) if said.kind in kinds), None)


def request(past):
    state = REQUEST_STATES.get(past[-1].kind, "open")
    asked = newest(past, "requested", "drafted")
    decided = None if state in ("draft", "open") else newest(past, "approved", "declined", "withdrawn", "closed")
    return {"state": state, "kind": past[0].text("data/kind"), "asked": utc(past[0].at),
            "reason": asked.text("reason") if asked else "", "decided": utc(decided.at) if decided else "",
            "decision": decided.text("reason") if decided else ""}


def question(past):
    answered = newest(past, "answered")
    return {"asked": utc(past[0].at), "question": past[0].text("data/text"), "answered": utc(answered.at) if answered else "",
            "answer": answered.text("data/text") if answered else ""}


def worst(past):
    """The greatest difference between the clock of a chat and the server's."""
    most, said = 0, ""
    for record in past:
        source = record.opened.get("source")
        if isinstance(source, dict) and all(isinstance(source.get(name), int) for name in ("at", "received")):
            ahead = source["at"] - source["received"]
            if abs(ahead) > TOLERANCE and abs(ahead) > most:
                most, said = abs(ahead), f"{record.kind}: {'-' if ahead < 0 else ''}{abs(ahead) // 10**6} s"
    return said


def utc(at):
    """Microseconds as the reports write them."""
    return datetime.fromtimestamp(at // 10**6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % 10**6 // 1000:03}Z"


class Verification:
    def __init__(self, options):
        self.unknown, self.basis, self.trusted, self.not_proven = [], "", False, []
        self.pack = pack = Pack(options.pack)
        self.not_proven = list(pack.manifest["not_proven"])
        if pack.manifest["test"]:
            self.not_proven.insert(0, "This is a test: the clock was moved by hand, and nothing in here happened.")
        if options.key:
            self.by_key(options.key)
        for name, text in options.checkpoints:
            self.by_checkpoint(name, text)
        if options.against:
            self.continues(options.against)
        if not self.trusted:
            self.unknown.append("consistent, origin unproven: give the log's public key (--key) or a checkpoint from "
                                "elsewhere (--checkpoint)")

    def by_key(self, key):
        origin = self.pack.manifest["origin"]
        if key.name != origin:
            raise Unknown(f"the key is of the log {key.name}, and the pack of the log {origin}")
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

    def by_checkpoint(self, name, text):
        pack = self.pack
        try:
            note = Note(text)
            said = Checkpoint(note.text)
        except Damaged:
            raise Unknown(f"{name} is no checkpoint")
        if said.origin != pack.manifest["origin"]:
            raise Unknown(f"{name} is a checkpoint of another log, {said.origin}")
        made = [n for n, (key, _, _) in enumerate(pack.keys) if key.signed(note)]
        if not made:
            raise Tampered(f"{name} is signed by another key than the pack")
        root = pack.roots.get(said.size)
        if root == said.root:
            pack.checks.append(f"{name} ({said.size} records) is of the same history")
            self.leads(made[0], f"of the history and by the key that {name} shows")
        elif root is not None:
            raise Tampered(f"a fork: {name} shows another history of the first {said.size} records than the pack")
        elif said.size > pack.checkpoint.size:
            self.unknown.append(f"{name} is newer than the pack ({said.size} records, the pack has "
                                f"{pack.checkpoint.size}): ask for a newer pack")
        else:
            self.unknown.append(f"the pack has no checkpoint of {said.size} records to compare {name} with")

    def continues(self, folder):
        pack = self.pack
        try:
            old = Pack(folder)
        except (Tampered, Unknown) as e:
            raise Unknown(f"the earlier pack does not hold: {e}")
        if old.manifest["origin"] != pack.manifest["origin"]:
            raise Unknown(f"the earlier pack is of another log, {old.manifest['origin']}")
        size, root = old.checkpoint.size, pack.roots.get(old.checkpoint.size)
        if root is not None and root != old.checkpoint.root:
            raise Tampered(f"a fork: the earlier pack shows another history of the first {size} records")
        if root is None and size > pack.checkpoint.size:
            raise Tampered(f"the log was cut off: it had {size} records in the earlier pack, and has {pack.checkpoint.size}")
        if root is None:
            raise Unknown(f"the pack has no checkpoint of {size} records to compare the earlier pack with")
        if old.manifest["scope"] == pack.manifest["scope"]:
            for leaf, entry in sorted(old.entries.items()):
                if pack.entries.get(leaf) != entry:
                    raise Tampered(f"the record at leaf {leaf} was in the earlier pack and is missing")
        pack.checks.append(f"the earlier pack ({size} records) is of the same history")


class Options(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(64)


def main():
    parser = Options(prog="verify.py", description="Verifies a pack of evidence, offline.")
    parser.add_argument("pack", help="a folder, or a ZIP")
    parser.add_argument("--key", metavar="PUB", help="the log's public key, or a file with it")
    parser.add_argument("--checkpoint", metavar="FILE", action="append", default=[])
    parser.add_argument("--against", metavar="EARLIER")
    options = parser.parse_args()
    try:
        if options.key:
            if os.path.isfile(options.key):
                with open(options.key, encoding="utf-8") as f:
                    options.key = f.read()
            options.key = Key(options.key)
        options.checkpoints = []
        for path in options.checkpoint:
            with open(path, encoding="utf-8") as f:
                options.checkpoints.append((path, f.read()))
    except (Damaged, OSError, UnicodeDecodeError) as e:
        parser.error(str(e))
    try:
        done = Verification(options)
    except Tampered as e:
        print(f"TAMPERED: {e}")
        return 1
    except Unknown as e:
        print(f"CANNOT_VERIFY: {e}")
        return 2
    print(f"CANNOT_VERIFY: {done.unknown[0]}" if done.unknown else f"VALID: {done.basis}")
    for check in done.pack.checks:
        print(f"  ok: {check}")
    for text in done.unknown[1:]:
        print(f"  also: {text}")
    print("What this does not prove:")
    for text in done.not_proven:
        print(f"  - {text}")
    return 2 if done.unknown else 0


if __name__ == "__main__":
    sys.exit(main())
