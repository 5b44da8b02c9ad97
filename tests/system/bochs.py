# SPDX-License-Identifier: MIT
"""A Bochs 2.7 that boots an ISO, as a Machine (testbeds.md: its models and its faults).

What Bochs itself has to say is in build/logs/NAME.bochs.log.
"""

import re
import shlex

from machine import BUILD, LOGS, Machine

BOCHS = "bochs-bin"
RUN_DIR = BUILD / "bochs"

# Processor models with a virtualization that xihv can use; of Intel's, a rich and a poor one.
VMX_MODELS = ["corei7_haswell_4770", "core2_penryn_t9600"]
SVM_MODELS = ["trinity_apu", "zambezi", "phenom_8650_toliman", "turion64_tyler"]
MODELS = VMX_MODELS + SVM_MODELS

# What they do wrong that a test can meet (mark "meets"); such a test is left out by this name.
NO_SHUTDOWN = "no SHUTDOWN intercept: a guest's triple fault ends Bochs"
IRQ_WAITS = "no physical interrupt ends a guest's turn while its IF is 0"
DB_WITHOUT_DR6 = "an intercepted #DB leaves DR6 as it was"
POPCNT_IS_UD = "POPCNT, which CPUID has, is #UD in 32-bit code: no stock 32-bit kernel boots, bare or not"
FAULTS = {model: {NO_SHUTDOWN, IRQ_WAITS, DB_WITHOUT_DR6} for model in SVM_MODELS}
FAULTS["phenom_8650_toliman"] |= {POPCNT_IS_UD}
FAULTS |= {"corei7_haswell_4770": set(), "core2_penryn_t9600": {IRQ_WAITS}}

# What a stock kernel's line needs there: Intel's models say that they are prone to Meltdown, which
# costs two CR3 loads a system call; CPUID of one offers POPCNT, which is an invalid opcode.
KERNEL_WORDS = {model: "nopti" for model in VMX_MODELS}
KERNEL_WORDS |= {"phenom_8650_toliman": "clearcpuid=popcnt"}

# The words with which Bochs stops, and what they are.
POWER_OFF = "ACPI control: soft power off"

# `ips` is the TSC's frequency; about as many instructions a second as the emulator runs, so
# that the machine's clock goes about as fast as ours. What the processor finds wrong with a
# guest is no news: a line for each page fault.
CONFIG = """\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, e1000=0, parallel=0, extfpuirq=1, gameport=0, iodebug=1
config_interface: textconfig
display_library: rfb, options="timeout=0"
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios-stdvga.bin
megs: {mem}
cpu: model={model}, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
clock: sync=none, time0=utc
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev=/dev/tty
log: "{log}"
panic: action=fatal
error: action=report, cpu0=ignore
info: action=report
debug: action=ignore
"""


def own_log(name):
    return LOGS / f"{name}.bochs.log"


def command(name, iso, model, mem, debugger=()):
    """The command line that boots `iso`, with its files in build/bochs. The serial line is the
    terminal that it is started on; standard output is Bochs' own. `debugger`: what its debugger,
    in which Debian's build begins, is told before the machine runs on for good."""
    RUN_DIR.mkdir(parents=True, exist_ok=True)
    LOGS.mkdir(parents=True, exist_ok=True)
    config, start = RUN_DIR / f"{name}.bochsrc", RUN_DIR / f"{name}.start"
    config.write_text(CONFIG.format(mem=mem, model=model, iso=iso, log=own_log(name)))
    start.write_text("\n".join([*debugger, "c", ""]))
    run = shlex.join([BOCHS, "-q", "-rc", str(start), "-f", str(config)])
    # Descriptor 3 keeps the terminal open until Bochs opens it by its name.
    return ["sh", "-c", f"exec {run} 3<&0 </dev/null >{shlex.quote(str(RUN_DIR / name))}.out 2>&1"]


def stopped_by(name):
    """The last words of a run that has ended, without the part of Bochs that spoke."""
    words = re.findall(r">>PANIC<< (.*)", own_log(name).read_text(errors="replace"))
    return words[-1] if words else "nothing that it told"


class Bochs(Machine):
    """One run of Bochs; a context manager."""

    SLOWNESS = 6
    REAL_TIME = False  # it counts instructions, and nothing is waited for while all is halted

    def __init__(self, name, iso, model, mem, limit=600, debugger=()):
        super().__init__(name, command(name, iso, model, mem, debugger), limit)

    def wait_end(self, timeout=60):
        """0 if the machine was switched off, else 1: Bochs' own status is always 1."""
        super().wait_end(timeout)
        return 0 if stopped_by(self.name) == POWER_OFF else 1
