# SPDX-License-Identifier: MIT
"""xihv on its beds, QEMU and Bochs: how it is started, its console and its tables.

A processor's name says which bed: CPUS are QEMU's, bochs.MODELS those of Bochs.
"""

import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import bochs
from machine import BUILD, ROOT, Qemu, console_args, quote_initrd  # noqa: F401

ELF = BUILD / "xihv.elf"
IMAGES = BUILD / "images"
TINY = BUILD / "tiny"

# The stock guests, by the names that they are given, and the flavour of each one's kernel:
# 4-level, PAE and 2-level paging.
STOCK = {"deb64": "amd64", "debpae": "686-pae", "deb32": "686"}

# Host processors that QEMU 7.2 offers with SVM (testbeds.md).
# What EPYC has and TCG lacks is taken off, else QEMU warns about each.
CPUS = {"EPYC": "EPYC,+svm,+npt,-rdseed,-sha-ni,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,"
                "-topoext,-nrip-save,-xsavec",
        "max": "max",
        "qemu64": "qemu64,+svm"}

# Of a stock guest's page tables, where it is not 4: with LA57 the kernel takes five.
LEVELS = {"max": 5}

GUEST_MEM_MIB = 256
HOST_MEM_MIB = 768  # and what more than one guest need: host_mem()
CMDLINE = "console=com1,115200"

CTRL_A = "\x01"
INPUT_HYPERVISOR = r"\*\*\* input to the hypervisor"
NO_KEY, NO_KEY_ANSWER = "~", "h for help"
INPUT_GUEST = r"\*\*\* input to guest (\S+) "


def image(what, guest="deb64"):
    """A stock guest's file: vmlinuz, vmlinux (the same kernel, decompressed) or initrd. One with
    a name of its own is a 64-bit one."""
    return IMAGES / f"{what}-{STOCK.get(guest, STOCK['deb64'])}"


def stock_modules(name="deb64", mem=GUEST_MEM_MIB, words="", cmdline="", cpu="EPYC"):
    """Module lines of a stock guest. `words`: more words of ours; `cmdline`: of the guest's;
    `cpu`: what it is to run on. Bochs is spared the decompressor."""
    kernel = image("vmlinux" if cpu in bochs.MODELS else "vmlinuz", name)
    cmdline = f"{bochs.KERNEL_WORDS.get(cpu, '')} {cmdline}".strip()
    return [f"{kernel} kernel vm={name} mem={mem}M {words} -- console=ttyS0 {cmdline}".rstrip(),
            f"{image('initrd', name)} initrd vm={name}"]


def all_modules(names, **kwargs):
    """Module lines of these stock guests, all with the same words."""
    return [m for name in names for m in stock_modules(name, **kwargs)]


def host_mem(guests):
    """MiB of a machine for so many stock guests."""
    return HOST_MEM_MIB + (guests - 1) * GUEST_MEM_MIB


def tiny_module(guest, name=None, mem=32, words="debugexit"):
    return f"{TINY / (guest + '.elf')} kernel vm={name or guest} mem={mem}M {words}"


def guests_wanted():
    """GUESTS of the environment: those stock guests, or all. A wrong word ends the program."""
    names = os.environ.get("GUESTS", "").split() or list(STOCK)
    if set(names) - set(STOCK) or len(set(names)) < len(names):
        sys.exit(f"{Path(sys.argv[0]).stem}: GUESTS={' '.join(names)}: expected one or more of "
                 f"{', '.join(STOCK)}, each once")
    return names


def engines():
    """What `mmu=` offers, the default first: the library's own table."""
    names = re.findall(r"^\s*&mmu_engine_(\w+),", (ROOT / "mmu/mmu.c").read_text(), re.M)
    assert names, "mmu/mmu.c: no table of engines"
    return names


def options():
    """What `without=` offers: the library's own table."""
    table = re.search(r"mmu_option_name\[.*?\] = \{(.*?)\};", (ROOT / "mmu/option.c").read_text(),
                      re.S)
    assert table, "mmu/option.c: no table of options"
    return re.findall(r'"(\w+)"', table[1])


def bare_tiny(name, guest, cmdline, limit):
    """One of our own guests directly on QEMU, with a processor that has all we know."""
    args = ["-accel", "tcg", "-cpu", CPUS["max"], "-m", "64", "-no-reboot",
            "-kernel", str(TINY / f"{guest}.elf"), "-append", cmdline,
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    return Qemu(name, args, limit)


def machine_args(cpu="EPYC", mem=HOST_MEM_MIB, cpus=1):
    """QEMU's arguments for a machine; several CPUs run at the same time."""
    accel = ["-accel", "tcg"] if cpus == 1 else ["-accel", "tcg,thread=multi", "-smp", str(cpus)]
    return accel + ["-cpu", CPUS.get(cpu, cpu), "-m", str(mem), "-no-reboot"]


# What a Linux says when its machine misbehaves.
COMPLAINTS = re.compile(
    r"^.*\[ *\d+\.\d+\].* (?:[Ss]purious|nobody cared|No irq handler for vector|WARNING: CPU|BUG:|"
    r"general protection|segfault|trap invalid opcode|Bad page|bad p[mgu4]d|Oops|"
    r"(?:soft|hard) lockup|blocked for more than|.*self-detected stall|"
    r"[Cc]locksource .*unstable|TSC .*warp).*$", re.M)


class Console:
    """The hypervisor's console on a machine's serial line."""

    def input_to(self, who, timeout=20):
        """Press ^a^a^a until `who` ("xihv" or a guest's name) has the input."""
        for _ in range(10):
            self.send(CTRL_A * 3)
            m = self.expect([INPUT_HYPERVISOR + r".*\n", INPUT_GUEST + r".*\n"], timeout)
            if who == ("xihv" if self.index == 0 else m[1]):
                return
        raise AssertionError(f"{self.name}: nobody called {who} in ten turns of ^a^a^a")

    def key(self, key, timeout=20):
        """One key of the hypervisor's console, which has the input; what it printed: all
        up to the answer to a key behind it that is none."""
        self.send(key + NO_KEY)
        return self.expect(rf"^{NO_KEY_ANSWER}\r*\n", timeout).before

    def loads_begin(self, names, seconds):
        """From power-on to the user space of all these guests, which have xihv.load on their
        lines. The hypervisor has the input then, so that each line tells whose it is."""
        self.expect(INPUT_GUEST + r".*\n")
        self.input_to("xihv")
        self.expect_all([rf"\({n}\) xihv-guest: user space reached" for n in names], seconds)

    def loads_end(self, names, seconds):
        """The loads end by themselves and found nothing wrong, and so do the guests. Some may have
        while a key was answered."""
        lines = [line for n in names for line in (
            rf"\({n}\) load: [1-9]\d* rounds, 0 errors",
            rf"\({n}\) xihv-guest: load ended with code 0",
            rf"{n}: ended: .*\n")]
        self.expect_all([line for line in lines if not re.search(line, self.log())], seconds)
        complaints = COMPLAINTS.findall(self.log())
        assert not complaints, "\n".join(complaints)


class Xihv(Console, Qemu):
    """xihv under QEMU, by its -kernel; a context manager."""

    def __init__(self, name, modules=(), cmdline=CMDLINE, cpu="EPYC", mem=HOST_MEM_MIB, extra=(),
                 limit=600, cpus=1):
        args = machine_args(cpu, mem, cpus) + ["-kernel", str(ELF), "-append", cmdline]
        if modules:
            args += ["-initrd", quote_initrd(modules)]
        super().__init__(name, args + list(extra), limit)


class XihvOnBochs(Console, bochs.Bochs):
    """xihv under Bochs, by an ISO with GRUB; a context manager."""

    def __init__(self, name, modules=(), cmdline=CMDLINE, cpu=bochs.MODELS[0], mem=HOST_MEM_MIB,
                 limit=600, debugger=()):
        super().__init__(name, make_iso(name, modules, cmdline), cpu, mem, limit, debugger)


def start(name, modules=(), cpu="EPYC", **kwargs):
    """xihv on the bed that has this processor."""
    bed = XihvOnBochs if cpu in bochs.MODELS else Xihv
    return bed(name, modules, cpu=cpu, **kwargs)


def make_iso(name, modules, cmdline=CMDLINE, protocol="multiboot2", kernel=ELF):
    """A GRUB ISO with xihv (or another kernel) and these modules; its path."""
    iso = BUILD / "iso" / f"{name}.iso"
    iso.parent.mkdir(parents=True, exist_ok=True)
    args = [str(ROOT / "boot/mkiso.sh"), "-o", str(iso), "-k", str(kernel), "-c", cmdline,
            "-p", protocol]
    for m in modules:
        args += ["-m", m]
    subprocess.run(args, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return iso


def uefi_args(name):
    """QEMU's arguments for OVMF on q35, with variables of its own."""
    code = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
    variables = BUILD / "iso" / f"{name}-vars.fd"
    shutil.copyfile("/usr/share/OVMF/OVMF_VARS_4M.fd", variables)
    return ["-machine", "q35",
            "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,file={variables}"]


# --- the tables of keys y and e -------------------------------------------------------

# A line of the table of key y and the one below it.
Op = namedtuple("Op", "name buckets total avg in_op locked ticks percent msec")


class ShadowTable:
    """What key y prints for one guest."""

    def __init__(self, text):
        self.ops, self.counters, self.raw_faults = {}, {}, None
        lines = text.splitlines()
        for i, line in enumerate(lines):
            words = line.split()
            if len(words) == 14 and all(re.fullmatch(r"[\d.]+", w) for w in words[1:]):
                self._add_op(words, lines[i + 1].split())
            elif m := re.fullmatch(r"(\w+) +(\d+)", line):
                self.counters[m[1]] = int(m[2])
            elif m := re.match(r"#PF exits +(\d+)", line):
                self.raw_faults = int(m[1])

    def _add_op(self, first, second):
        assert len(second) == 9, f"odd second line of {first[0]}: {second}"
        self.ops[first[0]] = Op(first[0], [int(w) for w in first[1:9]], int(first[9]),
                                float(first[10]), int(first[11]), int(first[12]), int(first[13]),
                                [float(w.rstrip("%")) for w in second[:8]], int(second[8]))


class ExitTable:
    """What key e prints for one vCPU."""

    ROW = re.compile(r"(\w+) +(\d+) +([\d.]+)% +([\d.]+) +(\d+)")

    def __init__(self, text):
        self.rows, self.avg_usec = {}, {}
        for line in text.splitlines():
            if m := self.ROW.fullmatch(line.rstrip()):
                self.rows[m[1]] = int(m[2])
                self.avg_usec[m[1]] = float(m[4])
        m = re.search(r"pfault operations (\d+), #PF exits counted by \w+ (\d+)", text)
        self.pfault, self.raw_faults = (int(m[1]), int(m[2])) if m else (None, None)

    @classmethod
    def of_vcpus(cls, texts):
        """A guest's, out of its vCPUs'."""
        first, *others = [cls(text) for text in texts]
        for t in others:
            for row, n in t.rows.items():
                first.rows[row] = first.rows.get(row, 0) + n
            if first.pfault is not None:
                first.pfault += t.pfault
                first.raw_faults += t.raw_faults
        return first


def check_op(op):
    """Buckets add up, per cents and the average follow from them (cut off, not rounded)."""
    assert sum(op.buckets) == op.total, op
    for n, percent in zip(op.buckets, op.percent):
        exact = 100 * n / op.total if op.total else 0
        assert exact - 0.1001 <= percent <= exact + 0.0001, op
    usec = op.total * op.avg
    assert usec - 1 <= (op.msec + 1) * 1000, op
    assert usec + 0.01 * op.total + 1 >= op.msec * 1000, op
    assert op.in_op <= op.ticks and op.locked <= op.in_op, op


SUM = "all"


def by_guest(text):
    """What key y or e printed for several guests or vCPUs: each guest's parts by its name, and
    the sum's."""
    _, *parts = re.split(r"^(?:guest \d+, |(?=all ))(\w+).*\n", text, flags=re.M)
    tables = {}
    for name, part in zip(parts[::2], parts[1::2]):
        tables.setdefault(name, []).append(part)
    return tables


def check_guest(shadow, exits):
    """The rules of stats.md, for one guest."""
    assert {"pfault", "sync_all", "invl_pg"} <= shadow.ops.keys()
    for op in shadow.ops.values():
        check_op(op)
    total = exits.rows.pop("total")
    assert sum(exits.rows.values()) == total > 0
    assert exits.pfault == exits.raw_faults == exits.rows["page_fault"] > 0
    # y was pressed first, and the guest may have run between the two.
    faults = shadow.ops["pfault"].total
    assert 0 < faults == shadow.raw_faults <= exits.pfault
    assert sum(n for c, n in shadow.counters.items() if c.startswith("pf_")) == faults
    assert shadow.ops["invl_pg"].total <= exits.rows["invlpg"]


def check_sum(shadows, exits):
    """The last table of each kind is the sum of the others."""
    *parts, whole = shadows
    for name, op in whole.ops.items():
        check_op(op)
        assert op.buckets == [sum(n) for n in zip(*(p.ops[name].buckets for p in parts))]
    assert whole.counters == {c: sum(p.counters[c] for p in parts) for c in whole.counters}
    *parts, whole = exits
    assert whole.rows.pop("total") == sum(whole.rows.values())
    assert whole.rows == {r: sum(p.rows.get(r, 0) for p in parts) for r in whole.rows}


def check_figures(machine, *names):
    """Press y and e for a machine with these guests, and check every rule of stats.md; what
    they show, {name: (shadow, exits)}."""
    machine.input_to("xihv")
    y, e = machine.key("y"), machine.key("e")
    several = len(names) > 1
    shadows = {n: ShadowTable(text)
               for n, [text] in (by_guest(y) if several else {names[0]: [y]}).items()}
    exits = {n: ExitTable.of_vcpus(texts) for n, texts in by_guest(e).items()}
    if not several:
        exits.pop(SUM, None) # of its vCPUs
    assert list(shadows) == list(exits) == [*names] + [SUM] * several, machine.log()[-3000:]
    for name in names:
        check_guest(shadows[name], exits[name])
    if several:
        check_sum(shadows.values(), exits.values())
    return {n: (shadows[n], exits[n]) for n in names}
