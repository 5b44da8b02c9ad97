#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench-pv`: what each paravirtual feature is worth to a guest with more vCPUs than CPUs.

A stock guest with four vCPUs has one CPU under -icount, and runs the load's phases for several
CPUs (guests/images/smp.h): once with all features, once without each, once without any. Flushes
left to vCPUs that do not run (pv_flush) leave nothing to interrupt on one CPU, so what interrupts
(pv_ipi, pv_yield) is left out once more beside it. Time is that of a machine with 125 million
instructions a second, the hypervisor's included.
"""

import re
import sys

from bench_options import ratio
from runs import ICOUNT_SLOW, ROOT, SMP_PHASES, keep, run_xihv

VCPUS = 4
NS_A_USEC = 1000
NS_A_MSEC = 1000000


def features():
    return re.findall(r'"(pv_\w+)"', (ROOT / "hv/pv_names.c").read_text())


def left_out():
    """Words of without=."""
    singles = features()
    pairs = [f"pv_flush+{f}" for f in ("pv_ipi", "pv_yield")]
    return singles + pairs + ["+".join(singles)]


def run(name, words=""):
    return run_xihv(f"pv-{name}", f"vcpus={VCPUS} {words}", cmdline="xihv.bench=smp",
                    clock=ICOUNT_SLOW, phases=SMP_PHASES)


def line(name, what, words):
    return f"{name:18}{what:>6}" + "".join(f"{w:>11}" for w in words)


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
    for words, r in without.items():
        lines += rows("all" if words == "+".join(features()) else words, r, full)
    return lines


def main():
    full = run("all")
    without = {w: run(f"without-{w}", f"without={w}") for w in left_out()}
    text = "\n".join(table(full, without)) + "\n"
    print("\n" + text)
    keep("pv.txt", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
