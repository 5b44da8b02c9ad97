#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench-options`: what each option of the engine xi is worth.

The load runs once with all options, then once with each left out alone (the word without=
on the module line). The table shows, for each phase, exits and instructions as ratios to
the run with all: 1.00 means that the option does nothing there. Long: a boot an option.
"""

import sys

from runs import OUT, ROOT, options, run_xihv, say


def ratio(n, of):
    return f"{n / of:.2f}" if of else "-"


def rows(name, run, full):
    exits = [ratio(run.exits_per_unit(p), full.exits_per_unit(p)) for p in full.ticks]
    ticks = [ratio(run.per_unit(p), full.per_unit(p)) for p in full.ticks]
    exits += [ratio(run.boot_exits, full.boot_exits), ratio(run.total_exits(), full.total_exits())]
    ticks += [ratio(run.boot, full.boot), ratio(run.total(), full.total())]
    return [f"{name:10}{'exits':>14}" + "".join(f"{r:>10}" for r in exits),
            f"{'':10}{'instructions':>14}" + "".join(f"{r:>10}" for r in ticks)]


def table(full, without):
    columns = [*full.ticks, "boot", "phases"]
    lines = ["Engine xi with one option left out, as ratios to all options on",
             f"{'without':24}" + "".join(f"{c:>10}" for c in columns)]
    for name, run in without.items():
        lines += rows(name, run, full)
    lines += ["phases: the sum of all phases' exits and instructions; boot: from the kernel's "
              "entry to user space"]
    return lines


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    full = run_xihv("options-all", "mmu=xi")
    without = {o: run_xihv(f"without-{o}", f"mmu=xi without={o}") for o in options()}
    text = "\n".join(table(full, without)) + "\n"
    (OUT / "options.txt").write_text(text)
    print("\n" + text)
    say(f"written to {(OUT / 'options.txt').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
