#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make bench`: what xihv costs, in instructions, beside the bare machine and the peer.

QEMU runs with -icount shift=0: one instruction is one nanosecond of its clock and one tick
of a 1 GHz TSC, so two runs agree to a small fraction of a per cent and the speed of this
machine plays no part. The guest's load program (guests/images/load.c) reads the TSC and
xihv's exit counters (CPUID leaf 0x40000101) around each phase.

Results go to build/bench/*.txt and to standard output.
"""

import re
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import xihv  # noqa: E402
from machine import BUILD, ROOT, Machine, quote_initrd  # noqa: E402

OUT = BUILD / "bench"
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
LIMIT_SECONDS = 1800
SHOWN_REASONS = ["page_fault", "invlpg", "cr_write", "interrupt", "io"]

# Aims of any engine, instructions from exit to entry (tiny guest exits-bench).
AIMS = {"pf-reflected": 500, "invlpg": 400, "cpuid": 300}
PHASES = {"empty", "fork", "exec", "map", "mprotect", "pipe", "cow", "sweep", "getppid"}
PAGING_MODES = ["32", "pae", "long"]


def exit_reasons():
    """Names in the order of enum exit_reason."""
    text = (ROOT / "hv/exit_names.c").read_text()
    return re.findall(r'\[EXIT_\w+\] = "(\w+)"', text)


class Run:
    """One boot of the stock guest with xihv.bench: what it printed."""

    LINE = re.compile(r"bench: (\w+) units (\d+) ticks (\d+) exits([ \d]*)$", re.M)

    def __init__(self, text):
        m = re.search(r"user space reached, tsc (\d+), exits (\d+)", text)
        self.boot, self.boot_exits = int(m[1]), int(m[2])
        self.units, self.ticks, self.exits = {}, {}, {}
        for m in self.LINE.finditer(text):
            self.units[m[1]] = int(m[2])
            self.ticks[m[1]] = int(m[3])
            self.exits[m[1]] = [int(n) for n in m[4].split()]
        assert set(self.ticks) == PHASES, f"phases that printed figures: {sorted(self.ticks)}"
        self._take_off_measuring()

    def _take_off_measuring(self):
        empty_ticks, empty_exits = self.ticks.pop("empty"), self.exits.pop("empty")
        for phase in self.ticks:
            self.ticks[phase] -= empty_ticks
            self.exits[phase] = [max(n - e, 0)
                                 for n, e in zip(self.exits[phase], empty_exits)]

    def per_unit(self, phase):
        return self.ticks[phase] / self.units[phase]

    def exits_per_unit(self, phase):
        return sum(self.exits[phase]) / self.units[phase]


def say(text):
    print(f"bench: {text}", flush=True)


def stock_run(name, args):
    say(f"{name}: boot and phases under -icount (a few minutes at most)")
    with Machine(f"bench-{name}", args + ICOUNT, LIMIT_SECONDS) as machine:
        machine.expect(r"xihv-guest: user space reached", LIMIT_SECONDS)
        say(f"{name}: user space reached")
        machine.expect(r"bench: done, 0 errors", LIMIT_SECONDS)
        machine.wait_end(120)
        return Run(machine.log())


def check_counters(run):
    """The counters come out of a CPUID leaf; without it there would be a table of zeros."""
    assert all(len(e) == len(exit_reasons()) for e in run.exits.values()), (
        "xihv's exit counters (CPUID leaf 0x40000101) are not there")
    return run


def run_bare():
    return stock_run("bare", xihv.machine_args(mem=xihv.GUEST_MEM_MIB) + [
        "-kernel", str(xihv.KERNEL), "-initrd", str(xihv.INITRD),
        "-append", "console=ttyS0 xihv.bench"])


def run_xihv():
    return check_counters(stock_run("xihv", xihv.machine_args() + [
        "-kernel", str(xihv.ELF), "-append", "idle=poweroff",
        "-initrd", quote_initrd(xihv.stock_modules(cmdline="xihv.bench"))]))


def read_peer():
    peer = {}
    for line in (Path(__file__).parent / "peer-kvm-npt0.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            peer[words[0]] = [float(w) for w in words[1:]]
    return peer


def phase_row(phase, bare, under, peer):
    b, x, e = bare.per_unit(phase), under.per_unit(phase), under.exits_per_unit(phase)
    peer_bare, peer_all, peer_exits = peer[phase]
    return (f"{phase:10}{b:14,.0f}{x:14,.0f}{x / b:8.2f}{e:10,.2f}"
            f"{peer_bare:16,.0f}{peer_all:14,.0f}{peer_all / peer_bare:8.2f}{peer_exits:10,.2f}")


def phase_table(bare, under, peer):
    lines = ["Instructions and exits a unit of work, stock amd64 guest, 256 MiB, one vCPU",
             f"{'':10}{'bare':>14}{'xihv':>14}{'x bare':>8}{'exits':>10}"
             f"{'peer: bare':>16}{'KVM npt=0':>14}{'x bare':>8}{'exits':>10}"]
    lines += [phase_row(p, bare, under, peer) for p in bare.ticks]
    peer_bare, peer_all, peer_exits = peer["boot"]
    lines.append(f"{'boot':10}{bare.boot:14,}{under.boot:14,}{under.boot / bare.boot:8.2f}"
                 f"{under.boot_exits:10,}{peer_bare:16,.0f}{peer_all:14,.0f}{peer_all / peer_bare:8.2f}"
                 f"{peer_exits:10,.0f}")
    lines.append("boot: to user space; bare from power-on with its BIOS, xihv from the "
                 "guest's first instruction")
    total_bare, total = sum(bare.ticks.values()), sum(under.ticks.values())
    exits = sum(sum(e) for e in under.exits.values())
    lines.append(f"all phases: bare {total_bare:,}, xihv {total:,} ({total / total_bare:.2f} x), "
                 f"{exits:,} exits")
    return lines


def reason_table(under):
    names = exit_reasons()
    lines = ["", "xihv's exits a unit by reason",
             f"{'':10}" + "".join(f"{r:>14}" for r in SHOWN_REASONS) + f"{'others':>14}"]
    for phase, counts in under.exits.items():
        by_name = dict(zip(names, counts))
        shown = [by_name.pop(r) for r in SHOWN_REASONS]
        lines.append(f"{phase:10}" + "".join(f"{n / under.units[phase]:14,.2f}"
                                             for n in shown + [sum(by_name.values())]))
    return lines


def exits_run(name, args):
    """The tiny guest exits-bench: {(paging mode, kind of exit): ticks an instruction}."""
    say(f"{name}: instructions a kind of exit")
    with Machine(f"bench-exits-{name}", args + ICOUNT, 300) as machine:
        machine.expect(r"exits-bench: done", 300)
        return {(m[1], m[2]): int(m[4]) / int(m[3]) for m in
                re.finditer(r"exits-bench: (\w+) (\S+) (\d+) (\d+)", machine.log())}


def exits_row(kind, bare, under):
    costs = {mode: under[mode, kind] - bare[mode, kind] for mode in PAGING_MODES}
    row = f"{kind:18}" + "".join(f"{costs[mode]:10,.0f}" for mode in PAGING_MODES)
    if kind not in AIMS:
        return row
    worst = max(costs.values())
    verdict = "met" if worst <= AIMS[kind] else f"{worst / AIMS[kind]:.2f} x the aim"
    return row + f"{AIMS[kind]:8}  {verdict}"


def exits_table():
    tiny = xihv.TINY / "exits-bench.elf"
    bare = exits_run("bare", xihv.machine_args(mem=64) + [
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", str(tiny)])
    under = exits_run("xihv", xihv.machine_args() + [
        "-kernel", str(xihv.ELF), "-append", "idle=poweroff",
        "-initrd", quote_initrd([xihv.tiny_module("exits-bench")])])
    kinds = dict.fromkeys(kind for _, kind in under)
    return (["", "Instructions that one exit adds, by kind and the guest's paging: the same loop "
             "under xihv less bare,", "so the world switch and what the guest faults in again "
             "behind the exit are in it",
             f"{'':18}" + "".join(f"{mode:>10}" for mode in PAGING_MODES) + f"{'aim':>8}"]
            + [exits_row(kind, bare, under) for kind in kinds])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    bare, under = run_bare(), run_xihv()
    lines = phase_table(bare, under, read_peer()) + reason_table(under) + exits_table()
    text = "\n".join(lines) + "\n"
    (OUT / "bench.txt").write_text(text)
    print("\n" + text)
    say(f"written to {(OUT / 'bench.txt').relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AssertionError as e:
        traceback.print_exc()
        print(f"bench: failed: {e or 'a check did not hold, see above'}", file=sys.stderr)
        sys.exit(1)
