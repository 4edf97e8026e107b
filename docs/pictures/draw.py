#!/usr/bin/env python3
"""Draws pictures of messages from the snapshots of the dialogue tests: what a test has seen is what the picture shows.

    python3 docs/pictures/draw.py slack SNAPSHOT OUT.png      blocks, a modal or a Home tab of Slack
    python3 docs/pictures/draw.py discord SNAPSHOT OUT.png    a message of Discord

Needs Python 3.9 and Chromium. The look is ours and only resembles those chats.
"""

import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { font: 15px/1.45 'Liberation Sans', Arial, sans-serif; padding: 18px; width: 620px; background: #fff; color: #1d1c1d }
.who { display: flex; gap: 10px } .face { width: 38px; height: 38px; border-radius: 8px; background: #205b4d; color: #fff;
font-weight: bold; display: grid; place-items: center; flex: none } .name { font-weight: bold } .app { font-size: 10px;
background: #e8e8e8; color: #555; border-radius: 3px; padding: 1px 4px; margin-left: 5px; vertical-align: 2px }
.block { margin: 6px 0; white-space: pre-wrap } .header { font-size: 18px; font-weight: bold; margin-top: 14px }
.context { font-size: 12.5px; color: #616061; white-space: pre-wrap; margin: 6px 0 } .actions { display: flex;
flex-wrap: wrap; gap: 8px; margin: 9px 0 } .button { border: 1px solid #bbb; border-radius: 5px; padding: 4px 11px;
font-size: 13.5px; font-weight: bold } .primary { background: #007a5a; border-color: #007a5a; color: #fff } .danger {
color: #c0143c; border-color: #c0143c } blockquote { border-left: 4px solid #ddd; padding-left: 10px }
hr { border: 0; border-top: 1px solid #ddd; margin: 12px 0 } .modal { border: 1px solid #ccc; border-radius: 9px;
padding: 16px; box-shadow: 0 3px 14px #0002 } .modal h1 { font-size: 19px; margin-bottom: 8px } label { font-weight: bold;
display: block; margin-top: 12px } .field { border: 1px solid #999; border-radius: 5px; height: 34px } .tall { height: 84px }
.hint { font-size: 12.5px; color: #616061 } .end { text-align: right; margin-top: 14px } code { background: #f3f3f3;
border: 1px solid #ddd; border-radius: 3px; padding: 0 3px; font-size: 13px } a { color: #1264a3; text-decoration: none }
.dark { background: #313338; color: #dbdee1 } .dark .button { background: #4e5058; border: 0; color: #fff; font-weight:
normal; padding: 6px 14px } .dark .context { color: #a6a9ae } .dark blockquote { border-color: #4e5058 } .dark .face {
border-radius: 50% } .dark .app { background: #5865f2; color: #fff } .dark a { color: #00a8fc } .dark code { background:
#2b2d31; border-color: #1e1f22 } .dark .modal { background: #2b2d31; border-color: #1e1f22 } .dark .field { background:
#1e1f22; border-color: #1e1f22 } .dark .hint { color: #a6a9ae } .mention { background: #3c4270; border-radius: 3px; color: #c9cdfb }
"""


def quotes(text):
    """Lines that begin with `>` are somebody's words."""
    out, quoted = [], []
    for line in [*text.split("\n"), None]:
        if line is not None and line.startswith("&gt; "):
            quoted.append(line[5:])
            continue
        if quoted:
            out.append(f"<blockquote>{'<br>'.join(quoted)}</blockquote>")
            quoted = []
        if line is not None:
            out.append(line + "\n")
    return "".join(out).strip("\n")


def mrkdwn(text):
    links = []

    def keep(match):
        target, _, label = match[1].partition("|")
        links.append(f'<a href="#">{html.escape(html.unescape(label or target))}</a>')
        return f"\0{len(links) - 1}\0"

    # A quotation is the mark at the beginning of a line; other angle brackets are links, or text in entities.
    text = re.sub(r"<([^>\n]+)>", keep, text)
    text = html.escape(html.unescape(text), quote=False)
    text = re.sub(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])", r"<b>\1</b>", text)
    text = re.sub(r"(?<![\w_])_([^_\n]+)_(?![\w_])", r"<i>\1</i>", text)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    return quotes(re.sub(r"\0(\d+)\0", lambda m: links[int(m[1])], text))


def markdown(text):
    text = html.escape(text, quote=False)
    text = re.sub(r"\[([^\]\n]+)\]\([^)\s]+\)", r'<a href="#">\1</a>', text)
    text = re.sub(r"(?<!\\)\*\*(.+?)(?<!\\)\*\*", r"<b>\1</b>", text)
    text = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text)
    return quotes(re.sub(r"\\([^\w\s])", r"\1", text))


def plain(of):
    return html.escape((of or {}).get("text", ""))


def button(element):
    return f'<span class="button {element.get("style", "")}">{plain(element["text"])}</span>'


def block(one):
    kind = one["type"]
    if kind == "section":
        text = one["text"]
        shown = mrkdwn(text["text"]) if text["type"] == "mrkdwn" else plain(text)
        return f'<div class="block">{shown}</div>'
    if kind == "header":
        return f'<div class="header">{plain(one["text"])}</div>'
    if kind == "context":
        return "".join(f'<div class="context">{mrkdwn(e["text"])}</div>' for e in one["elements"])
    if kind == "actions":
        return f'<div class="actions">{"".join(button(e) for e in one["elements"] if e["type"] == "button")}</div>'
    if kind == "divider":
        return "<hr>"
    if kind == "input":
        return field(plain(one["label"]), one["element"].get("multiline"), plain(one.get("hint")), one.get("optional"))
    raise SystemExit(f"a block of the type {kind} cannot be drawn")


def field(label, tall, hint, optional):
    extra = ' <span class="hint">(optional)</span>' if optional else ""
    size = "field tall" if tall else "field"
    return f'<label>{label}{extra}</label><div class="{size}"></div><div class="hint">{hint}</div>'


def message(body):
    return f'<div class="who"><div class="face">S</div><div><span class="name">Stoa</span><span class="app">APP</span>{body}</div></div>'


def modal(title, body, submit):
    end = f'<div class="end"><span class="button primary">{submit}</span></div>'
    return f'<div class="modal"><h1>{title}</h1>{body}{end}</div>'


def slack(seen):
    if isinstance(seen, list):
        return "".join(block(b) for b in seen)
    body = "".join(block(b) for b in seen["blocks"])
    if seen.get("type") == "modal":
        return modal(plain(seen["title"]), body, plain(seen.get("submit")))
    return message(body)


def discord(seen):
    if "components" in seen:
        body = ""
        for one in seen["components"]:
            if one["type"] == 10:
                body += f'<div class="block">{markdown(one["content"])}</div>'
            else:
                what = one["component"]
                body += field(html.escape(one["label"]), what.get("style") == 2, html.escape(one.get("description", "")), not what["required"])
        return modal(html.escape(seen["title"]), body, "Submit")
    lines = "\n".join(seen["content"]).replace("[id]", "@Ada")
    parts = []
    for piece in re.split(r"(?m)^(-# .*)$", lines):
        if piece.startswith("-# "):
            parts.append(f'<div class="context">{markdown(piece[3:])}</div>')
        elif piece.strip():
            parts.append(f'<div class="block">{markdown(piece.strip(chr(10)))}</div>')
    body = "".join(parts).replace("@Ada", '<span class="mention">@Ada</span>')
    buttons = "".join(f'<span class="button">{html.escape(b)}</span>' for b in seen["buttons"])
    return message(body + (f'<div class="actions">{buttons}</div>' if buttons else ""))


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("slack", "discord"):
        raise SystemExit(__doc__)
    kind, snapshot, out = sys.argv[1:]
    text = Path(snapshot).read_text(encoding="utf-8")
    # Where a snapshot leaves out the day, the picture has one.
    text = re.sub(r"\[date\](, \[date\] \[date\])?", "Mon, 7 Dec 2026", text)
    seen = json.loads(text.split("\n---\n", 1)[1])
    body = slack(seen) if kind == "slack" else discord(seen)
    dark = ' class="dark"' if kind == "discord" else ""
    page = f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body{dark}>{body}</body>"
    measure = "<script>document.title = document.body.scrollHeight + 4</script>"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page + measure, encoding="utf-8")
        chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        dom = subprocess.run([*chromium, "--window-size=620,10", "--dump-dom", str(file)], capture_output=True, text=True, check=True)
        height = re.search(r"<title>(\d+)</title>", dom.stdout)[1]
        size = ["--force-device-scale-factor=1.5", f"--window-size=620,{height}", f"--screenshot={Path(out).resolve()}"]
        subprocess.run([*chromium, *size, str(file)], capture_output=True, check=True)


if __name__ == "__main__":
    main()
