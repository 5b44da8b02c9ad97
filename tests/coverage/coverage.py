#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coverage.py LCOV-FILE REASONS: lines reached, by file of mmu/ and the emulator, and each line
of mmu/ that no test reaches. Exit status 1 if one of those has no reason in REASONS, whose lines
are "file: part of the line (or of the one before and the line): why no test reaches it", or a
reason there has no such line."""
import os
import re
import sys

COUNTED = re.compile(r"(mmu/[^/]*\.[ch]|hv/emul_[^/]*\.[ch])$")
EXPLAINED = "mmu/"


def read_lcov(path):
    """{file: {line number: times reached}} of the files that count."""
    files, lines = {}, None
    with open(path, encoding="utf-8") as f:
        for record in f:
            if record.startswith("SF:"):
                name = os.path.relpath(record[3:].strip())
                lines = files.setdefault(name, {}) if COUNTED.match(name) else None
            elif record.startswith("DA:") and lines is not None:
                number, count = (int(x) for x in record[3:].split(",")[:2])
                lines[number] = max(lines.get(number, 0), count)
    return files


def read_reasons(path):
    """[(file, part of the line, reason)]"""
    reasons = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                reasons.append(tuple(line.rstrip("\n").split(": ", 2)))
    return reasons


def main():
    files = read_lcov(sys.argv[1])
    reasons = read_reasons(sys.argv[2])
    used = set()
    unexplained = 0
    all_lines = {"mmu/": [0, 0], "hv/": [0, 0]}
    for name, lines in sorted(files.items()):
        reached = sum(1 for n in lines.values() if n)
        print(f"  {name:24} {reached:5} of {len(lines):5} lines {100 * reached / len(lines):6.1f} %")
        room = all_lines[name.split("/")[0] + "/"]
        room[0] += reached
        room[1] += len(lines)
    for room, (reached, of) in all_lines.items():
        print(f"  {'all of ' + room:24} {reached:5} of {of:5} lines {100 * reached / max(of, 1):6.1f} %")
    for name, lines in sorted(files.items()):
        if not name.startswith(EXPLAINED):
            continue
        with open(name, encoding="utf-8") as f:
            text = f.read().split("\n")
        for number in sorted(n for n, count in lines.items() if not count):
            line = text[number - 1].strip()
            context = text[number - 2].strip() + " " + line
            why = [r for r in reasons if r[0] == name and r[1] in context]
            used.update(why)
            unexplained += not why
            print(f"  {name}:{number}: {line}\n      {why[0][2] if why else 'NO REASON'}")
    stale = [r for r in reasons if r not in used]
    for r in stale:
        print(f"  {sys.argv[2]}: reached after all, or not there: {': '.join(r)}")
    if unexplained or stale:
        print(f"coverage: FAILED: {unexplained} lines without a reason, {len(stale)} reasons without a line")
        return 1
    print("coverage: each line of mmu/ is reached or has its reason")
    return 0


sys.exit(main())
