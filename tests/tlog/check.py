"""Checks a running log of evidence with a library by others (PyPI aics-tlog): checkpoint, tiles, entries and proofs.

usage: check.py URL VKEY [EARLIER]...    EARLIER: files with earlier checkpoints of the same log
Prints one line of JSON; fails with a traceback.
"""

import json
import sys

from aics_tlog import (
    HttpTileReader,
    VerifiedTileReader,
    audit_tiles,
    consistency_proof_from_tiles,
    inclusion_proof_from_tiles,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    tree_root_from_tiles,
    verify_checkpoint,
    verify_consistency,
    verify_leaf_inclusion,
)


def checked(note_bytes, key):
    note = parse_note(note_bytes)
    result = verify_checkpoint(note, key, expected_origin=key.name)
    assert result.ok, result.error
    return parse_checkpoint(note.text)


def main():
    url, key = sys.argv[1], parse_vkey(sys.argv[2])
    reader = HttpTileReader(url, proxies={})
    now = checked(reader.read_checkpoint(), key)
    report = audit_tiles(reader, now.size, now.root)
    assert tree_root_from_tiles(reader, now.size) == now.root
    verified = VerifiedTileReader(reader, now.size, now.root)
    formats = set()
    for leaf in range(now.size):
        entry = verified.entry(leaf)
        proof = inclusion_proof_from_tiles(verified, leaf, now.size)
        assert verify_leaf_inclusion(entry, leaf, now.size, proof, now.root), leaf
        assert b"Person" not in entry and b"a test" not in entry, "leaves name nobody"
        formats.add(json.loads(entry)["format"])
    for path in sys.argv[3:]:
        with open(path, "rb") as f:
            old = checked(f.read(), key)
        proof = consistency_proof_from_tiles(verified, old.size, now.size)
        assert verify_consistency(old.size, now.size, old.root, now.root, proof), path
    print(json.dumps({"size": now.size, "tiles": report.tiles, "bundles": report.bundles, "formats": sorted(formats)}))


main()
