#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plot the shadow statistics of captured console logs.

    plot_stats.py [-o OUT.png|OUT.svg] [-g GUEST] [--all] LOG...

Takes what the key `y` printed (stats.md), from any number of logs, and draws for each
operation what part of it fell into which bucket, beside its average. Of each log the last
table of each guest is taken (--all: every table; -g: only this guest's, or "all guests").
A log is the raw serial line: other output between the lines, prefixes and terminal control
don't matter, so the XI report of 2006 ("(XEN) XI shadow performance...") is read too.

Needs gnuplot (Debian: gnuplot-nox); without it the gnuplot program is written and its name
said, to be drawn elsewhere.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

BUCKETS = ["<2", "<3", "<4", "<8", "<16", "<32", "<64", ">=64"]

# One operation of one table; avg_usec is text's own number.
Op = namedtuple("Op", "name buckets total avg_usec msec")

TITLE = re.compile(r"(Non-XI|XI) shadow performance statistics for the last (\d+) seconds")
GUEST = re.compile(r"guest \d+, (\S+):|(all \d+ guests):")
OP = re.compile(r"(\w+)\s+" + r"(\d+)\s+" * 9 + r"(\d+)\.(\d\d)\s+\d+\s+\d+\s+\d+")
SHARES = re.compile(r"(?:\d+\.\d%\s+){8}(\d+)")
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|.)")
PREFIX = re.compile(r"\((xihv|XEN)\) ")


class Table:
    """One table of key y."""

    def __init__(self, kind, seconds, guest=None):
        self.kind, self.seconds, self.guest = kind, seconds, guest
        self.ops = {}

    def check(self):
        """A message for each figure that disagrees with another: a damaged log."""
        return [f"{o.name}: buckets add up to {sum(o.buckets)}, total says {o.total}"
                for o in self.ops.values() if sum(o.buckets) != o.total]


def clean(line):
    """A line of the log without line end, terminal control and the prefix of a console."""
    return PREFIX.sub("", ESCAPE.sub("", line).strip(), count=1).strip()


def parse(text):
    """All tables in the text of a log, in its order."""
    tables, guest, first = [], None, None
    for line in map(clean, text.splitlines()):
        if m := GUEST.fullmatch(line):
            guest = m[1] or m[2]
        elif m := TITLE.fullmatch(line):
            tables.append(Table(m[1], int(m[2]), guest))
            guest = first = None
        elif tables and (m := OP.fullmatch(line)):
            first = m
        elif first and (m := SHARES.match(line)):
            n = [int(w) for w in first.groups()[1:]]
            tables[-1].ops[first[1]] = Op(first[1], n[:8], n[8], n[9] + n[10] / 100, int(m[1]))
            first = None
    return [t for t in tables if t.ops]


def choose(tables, guest=None, every=False):
    """The tables to draw of one log."""
    if guest:
        tables = [t for t in tables if t.guest == guest or
                  guest == "all guests" and (t.guest or "").startswith("all ")]
    return tables if every else list({t.guest: t for t in tables}.values())


def quote(s):
    """A string of gnuplot's."""
    return "'" + s.replace("'", "''") + "'"


def gnuplot_program(series, out, terminal):
    """`series`: (label, table) pairs. One panel an operation that ever ran."""
    names = [n for n in dict.fromkeys(n for _, t in series for n in t.ops)
             if any(n in t.ops and t.ops[n].total for _, t in series)]
    lines = [f"set terminal {terminal} size 1000,{max(1, len(names)) * 300 + 60} noenhanced",
             f"set output {quote(out)}",
             "set style data histograms", "set style histogram clustered gap 1",
             "set style fill solid 0.8 border -1", "set boxwidth 0.9",
             "set yrange [0:100]", "set ylabel 'per cent'", "set grid ytics",
             "set key outside right top", "set xlabel 'usec'"]
    for i, name in enumerate(names):
        lines.append(f"$op{i} << EOD")
        for b, bound in enumerate(BUCKETS):
            shares = [100 * t.ops[name].buckets[b] / t.ops[name].total
                      if name in t.ops and t.ops[name].total else 0 for _, t in series]
            lines.append(" ".join([f'"{bound}"'] + [f"{s:.4f}" for s in shares]))
        lines.append("EOD")
    lines.append(f"set multiplot layout {max(1, len(names))},1")
    for i, name in enumerate(names):
        lines.append(f"set title {quote(name)}")
        columns = []
        for j, (label, table) in enumerate(series):
            op = table.ops.get(name)
            note = f"{label}: {op.total} x {op.avg_usec:.2f} usec" if op else f"{label}: none"
            columns.append(f"$op{i} using {j + 2}:xtic(1) title {quote(note)}")
        lines.append("plot " + ", ".join(columns))
    lines.append("unset multiplot")
    return "\n".join(lines) + "\n"


def label_of(log, table):
    """What tells a table from the others in the picture; `log` "" if there is but one."""
    words = [log] if log else []
    words += [table.guest] if table.guest else []
    return " ".join(words + [table.kind, f"{table.seconds} s"])


def main(argv=None):
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("logs", nargs="+", metavar="LOG")
    ap.add_argument("-o", "--output", default="stats.png", help=".png or .svg (stats.png)")
    ap.add_argument("-g", "--guest")
    ap.add_argument("--all", action="store_true", help="every table, not only the last ones")
    args = ap.parse_args(argv)
    terminals = {".png": "pngcairo", ".svg": "svg"}
    if Path(args.output).suffix not in terminals:
        ap.error("the output is .png or .svg")
    series = []
    for log in args.logs:
        with open(log, encoding="utf-8", errors="replace") as f:
            tables = choose(parse(f.read()), args.guest, args.all)
        if not tables:
            print(f"{log}: no table of key y" + (f" for {args.guest}" if args.guest else ""),
                  file=sys.stderr)
            return 1
        for t in tables:
            for fault in t.check():
                print(f"{log}: {fault}", file=sys.stderr)
            name = Path(log).name if len(args.logs) > 1 else ""
            series.append((label_of(name, t), t))
    program = gnuplot_program(series, args.output, terminals[Path(args.output).suffix])
    if not shutil.which("gnuplot"):
        script = str(Path(args.output).with_suffix(".gp"))
        Path(script).write_text(program, encoding="utf-8")
        print(f"gnuplot is not installed (Debian: gnuplot-nox); its program is {script}",
              file=sys.stderr)
        return 1
    subprocess.run(["gnuplot", "-"], input=program, text=True, check=True, timeout=60)
    print(f"{args.output}: {len(series)} table(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
