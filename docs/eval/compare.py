#!/usr/bin/env python3
"""Compares `stoa eval` with plain BM25: SQLite's FTS5 and the package bm25s, with and without stemming.

    pip install bm25s PyStemmer
    python3 docs/eval/compare.py STOA SET... [--model DIR]

Each SET is a folder with corpus.jsonl, queries.jsonl and qrels.tsv. Prints nDCG@10 of each by set, the time of one
question, and with --model also search by meaning.
"""

import argparse
import json
import math
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPTH = 100


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def judgements(path):
    out = {}
    for line in open(path, encoding="utf-8"):
        parts = line.rstrip("\n").split("\t")
        if len(parts) >= 3 and parts[-1].lstrip("-").isdigit():
            out.setdefault(parts[0], {})[parts[-2]] = max(0, int(parts[-1]))
    return out


def ndcg(ranked, judged):
    def gain(grades):
        return sum((2**g - 1) / math.log2(i + 2) for i, g in enumerate(grades[:10]))

    ideal = gain(sorted(judged.values(), reverse=True))
    return gain([judged.get(d, 0) for d in ranked]) / ideal if ideal else 0.0


def fts5(corpus, queries, tokenizer):
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE VIRTUAL TABLE d USING fts5(id UNINDEXED, title, body, tokenize = '{tokenizer}')")
    rows = ((str(d["id"]), d.get("title") or "", d.get("text") or "") for d in corpus)
    db.executemany("INSERT INTO d VALUES (?, ?, ?)", rows)
    out, start = {}, time.perf_counter()
    for query in queries:
        words = re.findall(r"\w+", query["text"].lower())
        match = " OR ".join(f'"{w}"' for w in words)
        sql = "SELECT id FROM d WHERE d MATCH ? ORDER BY bm25(d) LIMIT ?"
        out[str(query["id"])] = [r[0] for r in db.execute(sql, (match, DEPTH))] if match else []
    return out, (time.perf_counter() - start) * 1000 / len(queries)


def bm25(corpus, queries, stem):
    import bm25s

    stemmer = None
    if stem:
        import Stemmer

        stemmer = Stemmer.Stemmer("english")

    def cut(texts):
        return bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)

    ids = [str(d["id"]) for d in corpus]
    index = bm25s.BM25()
    index.index(cut([f'{d.get("title") or ""} {d.get("text") or ""}' for d in corpus]), show_progress=False)
    out, start = {}, time.perf_counter()
    for query in queries:
        found, scores = index.retrieve(cut([query["text"]]), k=min(DEPTH, len(ids)), show_progress=False)
        out[str(query["id"])] = [ids[i] for i, s in zip(found[0], scores[0]) if s > 0]
    return out, (time.perf_counter() - start) * 1000 / len(queries)


def stoa(binary, folder, model):
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [binary, "--json", "eval", "--run-out", run]
        for name, file in (("corpus", "corpus.jsonl"), ("queries", "queries.jsonl"), ("qrels", "qrels.tsv")):
            command += [f"--{name}", folder / file]
        if model:
            command += ["--semantic", "--model", model]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        out = {}
        for line in run.read_text().splitlines():
            query, _, document, *_ = line.split(" ")
            out.setdefault(query, []).append(document)
    return out, report["p50_ms"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("stoa")
    arguments.add_argument("sets", nargs="+", type=Path)
    arguments.add_argument("--model")
    options = arguments.parse_args()
    systems = {
        "FTS5 unicode61": lambda c, q, f: fts5(c, q, "unicode61"),
        "FTS5 porter": lambda c, q, f: fts5(c, q, "porter unicode61"),
        "bm25s": lambda c, q, f: bm25(c, q, False),
        "bm25s, stemmed": lambda c, q, f: bm25(c, q, True),
        "stoa, by words": lambda c, q, f: stoa(options.stoa, f, None),
    }
    if options.model:
        systems["stoa, with meaning"] = lambda c, q, f: stoa(options.stoa, f, options.model)
    print("| set | " + " | ".join(systems) + " |")
    print("|---|" + "---|" * len(systems))
    for folder in options.sets:
        corpus, queries = lines(folder / "corpus.jsonl"), lines(folder / "queries.jsonl")
        judged = judgements(folder / "qrels.tsv")
        cells = []
        for system in systems.values():
            ranked, millis = system(corpus, queries, folder)
            values = [ndcg(ranked.get(q, []), j) for q, j in judged.items() if q in {str(x["id"]) for x in queries}]
            cells.append(f"{sum(values) / max(1, len(values)):.4f} ({millis:.1f} ms)")
        print(f"| {folder.name} | " + " | ".join(cells) + " |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
