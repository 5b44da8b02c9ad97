#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench-options`: what each option of the engine xi is worth.

The load runs once with all options, then once with each left out alone (the word without=
on the module line). The table shows, for each phase, exits and instructions as ratios to
the run with all: 1.00 means that the option does nothing there. Long: a boot an option.
"""

import sys

from runs import keep, run_xihv, xihv

MILLION = 1000000


def line(name, what, words):
    return f"{name:10}{what:>14}" + "".join(f"{w:>11}" for w in words)


def full_rows(full):
    exits = [f"{full.exits_per_unit(p):,.2f}" for p in full.ticks]
    ticks = [f"{full.per_unit(p):,.0f}" for p in full.ticks]
    exits += [f"{full.boot_exits:,}", f"{full.total_exits():,}"]
    ticks += [f"{full.boot / MILLION:,.0f} M", f"{full.total() / MILLION:,.0f} M"]
    return [line("all on", "exits", exits), line("", "instructions", ticks)]


def ratio(n, of):
    return f"{n / of:.2f}" if of else "-"


def rows(name, run, full):
    exits = [ratio(run.exits_per_unit(p), full.exits_per_unit(p)) for p in full.ticks]
    ticks = [ratio(run.per_unit(p), full.per_unit(p)) for p in full.ticks]
    exits += [ratio(run.boot_exits, full.boot_exits), ratio(run.total_exits(), full.total_exits())]
    ticks += [ratio(run.boot, full.boot), ratio(run.total(), full.total())]
    return [line(name, "exits", exits), line("", "instructions", ticks)]


def table(full, without):
    columns = [*full.ticks, "boot", "phases"]
    lines = ["Engine xi with all options, a unit of work; then each left out alone, as ratios.",
             "Where there are few exits (sweep, getppid) most of them are timer ticks.",
             line("without", "", columns)] + full_rows(full)
    for name, run in without.items():
        lines += rows(name, run, full)
    lines += ["phases: the sum of all phases' exits and instructions; boot: from the kernel's "
              "entry to user space"]
    return lines


def main():
    full = run_xihv("options-all", "mmu=xi")
    without = {o: run_xihv(f"without-{o}", f"mmu=xi without={o}") for o in xihv.options()}
    text = "\n".join(table(full, without)) + "\n"
    print("\n" + text)
    keep("options.txt", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
