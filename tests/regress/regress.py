#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make regress`: the regression load of tests/regress/load in the stock guests (GUESTS=, all three)
at once under xihv, two vCPUs each on two host CPUs, and REGRESS_RUNS= times with each one's kernel on
bare QEMU. REGRESS_ONLY=: those tests that this pattern of the shell matches.

Prints one table, and the summary as the report of 2006 has it. A test counts against a guest if it
passes each time bare and not in the guest; exit status 0 if there is none, else 1.
"""

import os
import sys
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import xihv  # noqa: E402
from machine import BUILD, Ended, Hang, Qemu  # noqa: E402

GUESTS = xihv.guests_wanted()
RUNS = int(os.environ.get("REGRESS_RUNS") or 3)
ONLY = os.environ.get("REGRESS_ONLY", "")

VCPUS = 2
GUEST_MEM_MIB = 1280
HOST_MEM_MIB = 512 + len(xihv.STOCK) * GUEST_MEM_MIB
# secretmem: for vm:memfd_secret. The log is searched when all is done, so it must hold it all.
CMDLINE = "console=ttyS0 quiet log_buf_len=4M secretmem.enable=1" + (f" xihv.only={ONLY}" if ONLY else "")
# Of one test, and of a stressor: for rc. A test has more time under xihv, whose exits cost.
BARE_WORDS = "xihv.limit=300 xihv.stress=1"
XIHV_WORDS = "xihv.limit=600 xihv.stress=2"
# Nothing from any guest for so long is a hang.
SILENCE_SECONDS = 780
# All guests are started, and their memory is cleared, before a key is answered.
START_SECONDS = 180
BARE_LIMIT_SECONDS = 1800
GUESTS_LIMIT_SECONDS = 5400
SAY_EVERY = 25  # tests

# The report's name of a paging format.
FORMATS = {"deb32": "32bit", "debpae": "32bit PAE", "deb64": "64bit"}
USER_LAND_BITS = {"deb32": 32, "debpae": 32, "deb64": 64}

PASS, SKIP, NO_RESULT = "pass", "skip", "no result"

# What is waited for. Each line of a guest under xihv begins with its name.
RESULT = r"(?:\((\w+)\) )?regress: (\S+:\S+) (pass|skip|fail \d+), (\d+) s\r*\n"
DONE = r"(?:\((\w+)\) )?regress: done\r*\n"
BOOTED = r"(?:\((\w+)\) )?xihv-guest: user space reached"
GONE = r"^(\w+): (?:killed|ended|reset): .*\n"
PANIC = r"(?:\((\w+)\) )?\[ *[\d.]+\] Kernel panic.*\n"

# A line of the load.
Entry = namedtuple("Entry", "name where kind text")


def read_load():
    """The tests of the load, as its file has them, and the one that the runner adds."""
    tests = []
    for line in (Path(__file__).parent / "load").read_text().splitlines():
        if line and not line.startswith("#"):
            where, kind, name, text = line.split(maxsplit=3)
            tests.append(Entry(name, where, kind, text))
    return tests + [Entry("kernel:log", "all", "test", "")]


def say(text):
    print(f"regress: {text}", flush=True)


class Outcome:
    """What one machine or guest said about each test."""

    def __init__(self, name):
        self.name = name
        self.results = {}
        self.booted = self.done = self.gone = False

    def add(self, test, result, seconds):
        self.results[test] = result
        if result.startswith("fail"):
            say(f"{self.name}: {test}: {result} after {seconds} s")
        elif len(self.results) % SAY_EVERY == 0:
            say(f"{self.name}: {len(self.results)} tests so far, the latest {test}")

    def end(self, how):
        if not self.gone:
            say(f"{self.name}: {len(self.results)} tests, {how}")
        self.gone = True

    def of(self, test):
        return self.results.get(test, NO_RESULT)


def follow(machine, outcomes):
    """Read the machine's line until each guest has come to its end, good or bad."""
    while not all(o.gone for o in outcomes.values()):
        m = machine.expect([RESULT, DONE, BOOTED, GONE, PANIC], SILENCE_SECONDS)
        outcome = outcomes[m[1]]
        if machine.index == 0:
            outcome.add(m[2], m[3], m[4])
        elif machine.index == 1:
            outcome.done = True
            outcome.end("done")
        elif machine.index == 2:
            outcome.booted = True
        else:
            outcome.end(m[0].strip())


def observe(machine, outcomes):
    """follow(); a hang is no reason to lose the results that came before."""
    try:
        follow(machine, outcomes)
    except (Hang, Ended) as e:
        say(str(e))


def run_bare(guest, number):
    name = f"{guest} bare {number}"
    outcome = Outcome(name)
    args = xihv.machine_args(mem=GUEST_MEM_MIB, cpus=VCPUS) + [
        "-kernel", str(xihv.image("vmlinuz", guest)), "-initrd", str(initrd(guest)),
        "-append", f"{CMDLINE} {BARE_WORDS}"]
    with Qemu(f"regress-{guest}-bare-{number}", args, BARE_LIMIT_SECONDS) as machine:
        observe(machine, {None: outcome})
    return outcome


def run_all_bare():
    """As many at once as under xihv; {guest: outcomes}."""
    say(f"bare: {', '.join(GUESTS)}, {RUNS} times each, {len(GUESTS)} at once")
    with ThreadPoolExecutor(len(GUESTS)) as pool:
        runs = [(g, pool.submit(run_bare, g, n + 1)) for n in range(RUNS) for g in GUESTS]
    return {guest: [run.result() for g, run in runs if g == guest] for guest in GUESTS}


def initrd(guest):
    return BUILD / "regress" / f"initrd-{xihv.STOCK[guest]}"


def modules(guest):
    return [f"{xihv.image('vmlinuz', guest)} kernel vm={guest} mem={GUEST_MEM_MIB}M vcpus={VCPUS} -- {CMDLINE} {XIHV_WORDS}",
            f"{initrd(guest)} initrd vm={guest}"]


def run_guests():
    outcomes = {g: Outcome(g) for g in GUESTS}
    say(f"under xihv: {', '.join(GUESTS)} boot, at once")
    with xihv.Xihv("regress", [m for g in GUESTS for m in modules(g)], mem=HOST_MEM_MIB,
                   limit=GUESTS_LIMIT_SECONDS, cpus=2) as machine:
        machine.expect(xihv.INPUT_GUEST + r".*\n")
        machine.input_to("xihv", START_SECONDS)
        observe(machine, outcomes)
    return outcomes


# --- what is printed ------------------------------------------------------------------

class Comparison:
    """One guest beside the bare runs of its kernel."""

    def __init__(self, guest, outcome, bare):
        self.guest, self.outcome, self.bare = guest, outcome, bare

    def has(self, test):
        """Is it part of this guest's load?"""
        bits = USER_LAND_BITS[self.guest]
        return test.kind != "skip" and test.where in ("all", str(bits))

    def times_bare(self, test, result=PASS):
        return sum(o.of(test.name) == result for o in self.bare)

    def expected(self, test):
        """It passes each time bare."""
        return self.has(test) and self.times_bare(test) == len(self.bare) > 0

    def failed(self, test):
        return test.kind == "test" and self.expected(test) and self.outcome.of(test.name) != PASS

    def cells(self, test):
        if not self.has(test):
            return "-", "-"
        if self.times_bare(test, SKIP) == len(self.bare):
            return SKIP, self.outcome.of(test.name)
        return f"{self.times_bare(test)}/{len(self.bare)}", self.outcome.of(test.name)


def print_table(tests, columns):
    width = max(len(t.name) for t in tests)
    print(f"\n{'test':{width}}" + "".join(f"  {'bare':>6} {c.guest:<9}" for c in columns))
    for test in tests:
        cells = [c.cells(test) for c in columns]
        print(f"{test.name:{width}}" + "".join(f"  {bare:>6} {guest:<9}" for bare, guest in cells))


def print_apart(title, lines):
    if lines:
        print(f"\n{title}\n" + "\n".join(f"  {line}" for line in lines))


def print_summary(tests, columns):
    """In the layout of the report of 2006: tests that pass / tests that fail."""
    print(f"\nSMP kernels booted with {VCPUS} CPUs; Test: passed / failed")
    print("  " + "".join(f"{FORMATS[c.guest]:<20}" for c in columns))
    print("  " + "Boot      Test      " * len(columns))
    row = ""
    for c in columns:
        counts = Counter(c.failed(t) for t in tests if c.expected(t) and t.kind == "test")
        row += f"{'Pass' if c.outcome.booted else 'Fail':<10}{f'{counts[False]}/{counts[True]}':<10}"
    print("  " + row)


def report(tests, columns):
    """Prints everything; whether a guest failed."""
    chosen = [t for t in tests if any(t.name in o.results for c in columns for o in (c.outcome, *c.bare))]
    counted = [t for t in chosen if t.kind == "test"]
    print_table(counted, columns)
    timing = [t for t in chosen if t.kind == "time"]
    if timing:
        print("\nThese only measure time:")
        print_table(timing, columns)
    print_apart("Not counted, for bare QEMU does not pass them each time:",
                [f"{t.name}: " + ", ".join(f"{c.guest} {c.cells(t)[0]}" for c in columns
                                           if c.has(t) and not c.expected(t))
                 for t in counted if any(c.has(t) and not c.expected(t) for c in columns)])
    print_apart("Left out:", [f"{t.name}{'' if t.where == 'all' else f' ({t.where}-bit)'}: {t.text}"
                              for t in tests if t.kind == "skip"])
    print_summary(counted, columns)
    failures = [f"{c.guest}: {t.name}: {c.outcome.of(t.name)}" for c in columns for t in counted
                if c.failed(t)]
    failures += [f"{c.guest}: did not come to the end of its load" for c in columns
                 if not c.outcome.done]
    failures += [f"{o.name}: did not come to the end of its load" for c in columns for o in c.bare
                 if not o.done]
    print_apart("FAILED:", failures)
    return bool(failures)


def main():
    tests = read_load()
    outcomes = run_guests()
    bare = run_all_bare()
    return report(tests, [Comparison(g, outcomes[g], bare[g]) for g in FORMATS if g in GUESTS])


if __name__ == "__main__":
    sys.exit(main())
