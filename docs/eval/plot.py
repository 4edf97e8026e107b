#!/usr/bin/env python3
"""Draws precision against coverage from answers files of `stoa eval`, as SVG. Needs nothing but Python.

    python3 docs/eval/plot.py OUT.svg QRELS NAME=ANSWERS...

For each threshold: of all answerable questions the share whose confidence reaches it (coverage, to the right), and of
all questions that reach it the share that has an answer in the corpus (precision, upwards). A dot marks the threshold
in use.
"""

import json
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 400, 60, 50, 20, 20
COLOURS = ["#0b6e4f", "#c8553d", "#3d5a80", "#8f6b00"]


def curve(answers, answerable):
    rows = [json.loads(line) for line in open(answers, encoding="utf-8") if line.strip()]
    rows.sort(key=lambda r: -r["score"])
    total = sum(str(r["id"]) in answerable for r in rows)
    points, good, used = [], 0, None
    for n, row in enumerate(rows, 1):
        good += str(row["id"]) in answerable
        points.append((good / total, good / n))
        if row["answered"]:
            used = points[-1]
    return points, used


def main():
    out, qrels, *named = sys.argv[1:]
    answerable = {line.split("\t")[0] for line in open(qrels, encoding="utf-8")}
    low = 0.4

    def at(point):
        x = LEFT + point[0] * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (max(low, point[1]) - low) / (1 - low) * (HEIGHT - BOTTOM - TOP)
        return x, y

    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for step in range(0, 11, 2):
        x, y = at((step / 10, low))
        svg.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        svg.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{step * 10} %</text>')
    for step in range(4, 11):
        x, y = at((0, step / 10))
        svg.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        svg.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{step * 10} %</text>')
    svg.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">coverage: answerable questions answered</text>')
    svg.append(
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">precision: answered, answerable</text>'
    )
    for n, (name, path) in enumerate(argument.split("=", 1) for argument in named):
        colour = COLOURS[n % len(COLOURS)]
        points, used = curve(path, answerable)
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, points[4:]))
        svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if used:
            x, y = at(used)
            svg.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        y = HEIGHT - BOTTOM - 20 - 20 * n
        svg.append(f'<line x1="{LEFT + 15}" y1="{y - 4}" x2="{LEFT + 40}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>')
        svg.append(f'<text x="{LEFT + 48}" y="{y}">{name}</text>')
    svg.append("</svg>")
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(svg) + "\n")


if __name__ == "__main__":
    main()
