#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench-pv`: what each paravirtual feature is worth to a guest with more vCPUs than CPUs.

A stock guest with four vCPUs has one CPU under -icount, and runs the load's phases for several
CPUs (guests/images/smp.h): once with all features, once without each, once without any. Time is
that of a machine with 125 million instructions a second, the hypervisor's included.
"""

import re
import sys

from bench_options import line, ratio
from runs import ICOUNT_SLOW, OUT, ROOT, SMP_PHASES, run_xihv, say

VCPUS = 4
NS_A_USEC = 1000
NS_A_MSEC = 1000000


def features():
    return re.findall(r'"(pv_\w+)"', (ROOT / "hv/pv_names.c").read_text())


def run(without):
    words = f"vcpus={VCPUS}" + (f" without={'+'.join(without)}" if without else "")
    return run_xihv("-".join(["pv", "without", *without] if without else ["pv", "all"]), words,
                    cmdline="xihv.bench=smp", clock=ICOUNT_SLOW, phases=SMP_PHASES)


def full_rows(full):
    usec = [f"{full.per_unit(p) / NS_A_USEC:,.0f}" for p in full.ticks]
    exits = [f"{full.exits_per_unit(p):,.2f}" for p in full.ticks]
    return [line("all on", "usec", usec + [f"{full.boot / NS_A_MSEC:,.0f} ms"]),
            line("", "exits", exits)]


def rows(name, run, full):
    times = [ratio(run.per_unit(p), full.per_unit(p)) for p in full.ticks]
    exits = [ratio(run.exits_per_unit(p), full.exits_per_unit(p)) for p in full.ticks]
    return [line(name, "time", times + [ratio(run.boot, full.boot)]), line("", "exits", exits)]


def table(full, without):
    lines = [f"Paravirtual features, stock amd64 guest, {VCPUS} vCPUs on one CPU: a unit of work "
             "with all;", "then without one, or without any, as ratios.",
             line("without", "", [*full.ticks, "boot"])] + full_rows(full)
    for name, r in without.items():
        lines += rows(name, r, full)
    return lines


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    full = run([])
    without = {f: run([f]) for f in features()}
    without["all five"] = run(features())
    text = "\n".join(table(full, without)) + "\n"
    (OUT / "pv.txt").write_text(text)
    print("\n" + text)
    say(f"written to {(OUT / 'pv.txt').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
