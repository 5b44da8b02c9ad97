#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make run`: xihv and the stock guests (GUESTS="deb64 debpae deb32", or some of them), VCPUS= (2)
vCPUs each, under QEMU with HOST_CPUS= (2) CPUs, or under Bochs (BED=bochs, MODEL=...), whose guests
have one vCPU unless VCPUS= says otherwise.

With a terminal: the first guest's console is yours, ^a^a^a moves on to the next, and to the
hypervisor's. Without one: the guests run the built-in load, the tables of keys y and e are
printed, everything is powered off; exit status 0, or 1 with the reason.
"""

import os
import shlex
import subprocess
import sys
import termios
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "system"))

import bochs  # noqa: E402
import xihv  # noqa: E402

GUESTS = xihv.guests_wanted()
BED = os.environ.get("BED", "qemu")
VCPUS = os.environ.get("VCPUS") or ("1" if BED == "bochs" else "2")
HOST_CPUS = int(os.environ.get("HOST_CPUS") or 2)
CPUS = {"qemu": list(xihv.CPUS), "bochs": bochs.MODELS}
INTERACTIVE_CMDLINE = "console=com1,115200 idle=poweroff"
LOAD_SECONDS = int(os.environ.get("RUN_SECONDS", "20"))
BOOT_SECONDS = 300 * len(GUESTS)
LOAD_LIMIT_SECONDS = (180 + 3 * LOAD_SECONDS) * len(GUESTS)
LIMIT_SECONDS = BOOT_SECONDS + LOAD_LIMIT_SECONDS + 300
HOST_MEM_MIB = xihv.host_mem(len(GUESTS))


def choose_cpu():
    """The processor that BED and MODEL ask for."""
    if BED not in CPUS:
        sys.exit(f"run: BED={BED}: expected one of {', '.join(CPUS)}")
    cpu = os.environ.get("MODEL") or CPUS[BED][0]
    if cpu not in CPUS[BED]:
        sys.exit(f"run: MODEL={cpu}: expected one of {', '.join(CPUS[BED])}")
    return cpu


def make_iso(modules, cmdline):
    """By `make iso`, as a user makes the one for a stick."""
    lines = bochs.RUN_DIR / "modules"
    lines.parent.mkdir(parents=True, exist_ok=True)
    lines.write_text("\n".join(modules) + "\n")
    subprocess.run([os.environ.get("MAKE", "make"), "--no-print-directory", "iso",
                    f"ISO_CMDLINE={cmdline}", f"ISO_MODULES={lines}"],
                   cwd=xihv.ROOT, check=True, stdin=subprocess.DEVNULL)
    return xihv.BUILD / "xihv.iso"


def command(cpu):
    """The emulator, with its serial line on the terminal."""
    modules = xihv.all_modules(GUESTS, words=f"vcpus={VCPUS}", cpu=cpu)
    if BED == "bochs":
        return bochs.command("run", make_iso(modules, INTERACTIVE_CMDLINE), cpu, HOST_MEM_MIB)
    return (["qemu-system-x86_64"] + xihv.console_args() + xihv.machine_args(cpu, HOST_MEM_MIB, HOST_CPUS)
            + ["-kernel", str(xihv.ELF), "-append", INTERACTIVE_CMDLINE,
               "-initrd", xihv.quote_initrd(modules)])


def interactive(cpu):
    args = command(cpu)
    print("run: " + shlex.join(args))
    print("run: a guest takes half a minute or a whole one to its shell, longer beside others.\n"
          "run: ^a^a^a goes to the next guest and to the hypervisor, where h lists the keys and q\n"
          "run: ends everything; `poweroff` in each guest does too.", flush=True)
    terminal = termios.tcgetattr(sys.stdin)
    try:
        status = subprocess.run(args).returncode
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal)
    if BED != "bochs":
        return status
    # Its own status is always 1.
    print(f"run: Bochs ended: {bochs.stopped_by('run')}")
    return 0 if bochs.stopped_by("run") == bochs.POWER_OFF else 1


class Echo:
    """The serial line on standard output as it comes, by lines and with line ends as here;
    without the answers to the key that only marks the end of a table."""

    def __init__(self, log):
        self.log = log
        self.line = b""

    def write(self, data):
        self.log.write(data)
        *lines, self.line = (self.line + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").replace("\r", "")
            if text != xihv.NO_KEY_ANSWER:
                print(text)

    def flush(self):
        self.log.flush()
        sys.stdout.flush()


class RunOnBochs(xihv.Console, bochs.Bochs):
    """The ISO of `make iso`."""


def start(cpu):
    modules = xihv.all_modules(GUESTS, words=f"vcpus={VCPUS}",
                               cmdline=f"xihv.load={LOAD_SECONDS}", cpu=cpu)
    if BED == "bochs":
        return RunOnBochs("run", make_iso(modules, "console=com1,115200"), cpu, HOST_MEM_MIB,
                          LIMIT_SECONDS)
    return xihv.Xihv("run", modules, cpu=cpu, mem=HOST_MEM_MIB, limit=LIMIT_SECONDS, cpus=HOST_CPUS)


def unattended(cpu):
    print(f"run: no terminal: the load runs for {LOAD_SECONDS} s in {', '.join(GUESTS)}, then the "
          "figures are shown", flush=True)
    with start(cpu) as machine:
        machine.child.logfile_read = Echo(machine.child.logfile_read)
        machine.loads_begin(GUESTS, BOOT_SECONDS)
        machine.loads_end(GUESTS, LOAD_LIMIT_SECONDS)
        xihv.check_figures(machine, *GUESTS)
        machine.send("q")
        status = machine.wait_end(60)
        if status != 0:
            raise AssertionError(f"the emulator ended with status {status}")
    print("\nrun: the loads passed, the figures agree, everything is powered off")


def main():
    cpu = choose_cpu()
    if sys.stdin.isatty():
        return interactive(cpu)
    try:
        unattended(cpu)
    except AssertionError as e:
        traceback.print_exc()
        print(f"\nrun: failed: {e or 'a check did not hold, see above'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
