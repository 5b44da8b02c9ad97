# SPDX-License-Identifier: MIT
"""The runs that the benchmarks are made of: machines and what they print.

With one CPU QEMU runs with -icount shift=0: one instruction is one nanosecond of its clock and
one tick of a 1 GHz TSC, so two runs agree to a small fraction of a per cent and the speed of
this machine plays no part. With several CPUs the clock is the wall's. The guest's load program
(guests/images/load.c) reads the TSC and xihv's exit counters (CPUID leaf 0x40000101) around each
phase.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

import bochs  # noqa: E402
import xihv  # noqa: E402
from machine import BUILD, ROOT, Qemu, quote_initrd  # noqa: E402

OUT = BUILD / "bench"
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
# Eight nanoseconds an instruction. Where vCPUs wait for each other for whole time slices, a slice
# has an eighth of the instructions so: each PAUSE of a waiting loop is slow on QEMU.
ICOUNT_SLOW = ["-icount", "shift=3,sleep=off"] + ICOUNT[2:]
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
LIMIT_SECONDS = 1800
SHORT_LIMIT_SECONDS = 300
PHASES = {"fork", "exec", "map", "mprotect", "pipe", "cow", "sweep", "getppid"}
SMP_PHASES = {"shoot", "flush", "lock", "time"}

# Linux boot protocol: number of 512-byte sectors of the real-mode part behind the first
SETUP_SECTS = 0x1f1
SECTOR = 512


def exit_reasons():
    """Names in the order of enum exit_reason."""
    text = (ROOT / "hv/exit_names.c").read_text()
    return re.findall(r'\[EXIT_\w+\] = "(\w+)"', text)


class Run:
    """One boot of the stock guest with xihv.bench: what it printed of these phases."""

    LINE = re.compile(r"bench: (\w+) units (\d+) ticks (\d+) faults (\d+) shootdowns (\d+) "
                      r"exits([ \d]*)$", re.M)

    def __init__(self, text, phases):
        m = re.search(r"user space reached, tsc (\d+), exits (\d+)", text)
        self.boot, self.boot_exits = int(m[1]), int(m[2])
        self.units, self.ticks, self.faults, self.shootdowns, self.exits = {}, {}, {}, {}, {}
        for m in self.LINE.finditer(text):
            self.units[m[1]] = int(m[2])
            self.ticks[m[1]] = int(m[3])
            self.faults[m[1]] = int(m[4])
            self.shootdowns[m[1]] = int(m[5])
            self.exits[m[1]] = [int(n) for n in m[6].split()]
        assert set(self.ticks) == phases | {"empty"}, f"phases that printed figures: {sorted(self.ticks)}"
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

    def faults_per_unit(self, phase):
        return self.faults[phase] / self.units[phase]

    def shootdowns_per_unit(self, phase):
        return self.shootdowns[phase] / self.units[phase]

    def total(self):
        return sum(self.ticks.values())

    def total_exits(self):
        return sum(sum(e) for e in self.exits.values())


def say(text):
    print(f"bench: {text}", flush=True)


def keep(name, text):
    """A benchmark's tables, in build/bench."""
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_text(text)
    say(f"written to {(OUT / name).relative_to(ROOT)}")


def stock_run(name, args, clock=ICOUNT, phases=PHASES):
    say(f"{name}: boot and phases{' under -icount' if clock else ''} (a few minutes at most)")
    with Qemu(f"bench-{name}", args + clock, LIMIT_SECONDS) as machine:
        machine.expect(r"xihv-guest: user space reached", LIMIT_SECONDS)
        machine.expect(r"bench: done, 0 errors", LIMIT_SECONDS)
        machine.wait_end(120)
        return Run(machine.log(), phases)


def bare_args(guest, kernel, cpus=1):
    return xihv.machine_args(mem=xihv.GUEST_MEM_MIB, cpus=cpus) + [
        "-kernel", str(kernel), "-initrd", str(xihv.image("initrd", guest)),
        "-append", "console=ttyS0 xihv.bench"]


def run_bare(guest, cpus=1, **kwargs):
    return stock_run(f"{guest}-bare", bare_args(guest, xihv.image("vmlinuz", guest), cpus),
                     **kwargs)


def run_xihv(name, words, guest="deb64", cpus=1, cmdline="xihv.bench", **kwargs):
    """`words`: of the kernel's module line, such as mmu=xi; `cpus`: of the host."""
    modules = xihv.stock_modules(guest, words=words, cmdline=cmdline)
    run = stock_run(name, xihv.machine_args(cpus=cpus) + [
        "-kernel", str(xihv.ELF), "-append", "idle=poweroff",
        "-initrd", quote_initrd(modules)], **kwargs)
    assert all(len(e) == len(exit_reasons()) for e in run.exits.values()), (
        "xihv's exit counters (CPUID leaf 0x40000101) are not there")
    return run


def bare_entry(guest):
    """The TSC at the stock kernel's 32-bit entry on the bare machine. The same machine boots
    a copy of the kernel in which all behind the real-mode part is entry.asm."""
    kernel = xihv.image("vmlinuz", guest).read_bytes()
    real_mode = kernel[:(kernel[SETUP_SECTS] + 1) * SECTOR]
    probe = OUT / "vmlinuz-entry"
    probe.write_bytes(real_mode + (OUT / "entry.bin").read_bytes())
    with Qemu(f"bench-{guest}-entry", bare_args(guest, probe) + DEBUG_EXIT + ICOUNT,
              SHORT_LIMIT_SECONDS) as machine:
        m = machine.expect(r"bench: kernel entry, tsc 0x([0-9a-f]{16})", SHORT_LIMIT_SECONDS)
        return int(m[1], 16)


def exits_printed(machine):
    """What the tiny guest exits-bench prints: {(paging mode, kind of exit): ticks a round}."""
    machine.expect(r"exits-bench: done", SHORT_LIMIT_SECONDS)
    return {(m[1], m[2]): int(m[4]) / int(m[3]) for m in
            re.finditer(r"exits-bench: (\w+) (\S+) (\d+) (\d+)", machine.log())}


def exits_run(name, args):
    say(f"{name}: instructions a kind of exit")
    with Qemu(f"bench-exits-{name}", args + ICOUNT, SHORT_LIMIT_SECONDS) as machine:
        return exits_printed(machine)


def exits_bare():
    return exits_run("bare", xihv.machine_args(mem=64) + DEBUG_EXIT + [
        "-kernel", str(xihv.TINY / "exits-bench.elf")])


def exits_module(engine):
    return xihv.tiny_module("exits-bench", words=f"mmu={engine} debugexit")


def exits_xihv(engine):
    return exits_run(engine, xihv.machine_args() + [
        "-kernel", str(xihv.ELF), "-append", "idle=poweroff",
        "-initrd", quote_initrd([exits_module(engine)])])


def exits_on_bochs(model, engine=None):
    """The same on a processor of Bochs, where one instruction is one tick of the TSC; without an
    engine the guest has the machine to itself."""
    name = f"bench-exits-{model}-{engine or 'bare'}"
    say(f"Bochs {model}, {engine or 'bare'}: ticks a kind of exit")
    if engine:
        iso = xihv.make_iso(name, [exits_module(engine)])
    else:
        iso = xihv.make_iso(name, [], "", "multiboot", xihv.TINY / "exits-bench.elf")
    with bochs.Bochs(name, iso, model, xihv.HOST_MEM_MIB, SHORT_LIMIT_SECONDS) as machine:
        return exits_printed(machine)
