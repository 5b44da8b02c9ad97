#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench-smp`: what two vCPUs cost on two CPUs, in wall time, beside the bare machine.

Each stock guest (or those in GUESTS) runs the load's phases on bare QEMU with two CPUs and under
xihv with two vCPUs on two CPUs, in turn, ROUNDS times. What else this machine does disturbs single
runs: the table has the ratio of the medians and of the minima, bare being 1; where they differ
much, the machine was busy. A shootdown is counted by the guest (/proc/interrupts, TLB): a CPU that
flushed its TLB because another interrupted it.
"""

import os
import sys
from statistics import median

from runs import PHASES, SMP_PHASES, keep, run_bare, run_xihv, say, xihv

GUESTS = xihv.guests_wanted()
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CPUS = 2
WALL = {"clock": [], "phases": PHASES | SMP_PHASES, "cpus": CPUS}


def row(phase, bare, under):
    ratios = [pick(r.per_unit(phase) for r in under) / pick(r.per_unit(phase) for r in bare)
              for pick in (median, min)]
    shootdowns = [median(r.shootdowns_per_unit(phase) for r in runs) for runs in (bare, under)]
    exits = median(r.exits_per_unit(phase) for r in under)
    return (f"{phase:10}" + "".join(f"{n:10,.2f}" for n in ratios)
            + "".join(f"{n:12,.2f}" for n in [*shootdowns, exits]))


def check(guest, run):
    """A shootdown benchmark without shootdowns would be none."""
    assert run.shootdowns_per_unit("shoot") >= (CPUS - 1) / 2, (
        f"{guest}: the phase shoot did not shoot down TLBs: {run.shootdowns['shoot']}")


def table(guest):
    bare, under = [], []
    for i in range(ROUNDS):
        bare.append(run_bare(guest, **WALL))
        under.append(run_xihv(f"{guest}-smp", f"vcpus={CPUS}", guest, **WALL))
        say(f"{guest}: {i + 1} of {ROUNDS} rounds")
    for r in bare + under:
        check(guest, r)
    return [f"Stock {xihv.STOCK[guest]} guest, {CPUS} vCPUs on {CPUS} CPUs: wall time of a unit of "
            f"work, bare = 1; {ROUNDS} rounds; then what a unit brings",
            f"{'':10}{'medians':>10}{'minima':>10}{'shot bare':>12}{'shot, xihv':>12}"
            f"{'exits':>12}",
            *(row(p, bare, under) for p in bare[0].ticks), ""]


def main():
    text = ""
    for guest in GUESTS:
        lines = "\n".join(table(guest))
        print("\n" + lines, flush=True)
        text += lines
    keep("smp.txt", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
