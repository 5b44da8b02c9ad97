#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`make run`: xihv and the stock guest under QEMU.

With a terminal: the guest's console is yours, ^a^a^a moves on to the hypervisor's.
Without one: the guest runs the built-in load, the tables of keys y and e are printed,
everything is powered off; exit status 0, or 1 with the reason.
"""

import os
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "system"))

import xihv  # noqa: E402

NAME = "deb64"
LOAD_SECONDS = int(os.environ.get("RUN_SECONDS", "20"))
BOOT_SECONDS = 300
LIMIT_SECONDS = BOOT_SECONDS + 4 * LOAD_SECONDS + 300


def interactive():
    """Become QEMU, with its serial line on the terminal."""
    args = (["qemu-system-x86_64"] + xihv.console_args() + xihv.machine_args()
            + ["-kernel", str(xihv.ELF), "-append", "idle=poweroff",
               "-initrd", xihv.quote_initrd(xihv.stock_modules(NAME))])
    print("run: " + " ".join(args))
    print("run: the guest takes half a minute or so to its shell. ^a^a^a goes to the\n"
          "run: hypervisor, where h lists the keys and q ends everything; `poweroff` in the\n"
          "run: guest ends it too.", flush=True)
    os.execvp(args[0], args)


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


def unattended():
    print(f"run: no terminal: the load runs for {LOAD_SECONDS} s in the guest, then the "
          "figures are shown", flush=True)
    modules = xihv.stock_modules(NAME, cmdline=f"xihv.load={LOAD_SECONDS}")
    with xihv.Xihv("run", modules, limit=LIMIT_SECONDS) as machine:
        machine.child.logfile_read = Echo(machine.child.logfile_read)
        machine.expect(r"xihv-guest: user space reached", BOOT_SECONDS)
        machine.expect(r"load: [1-9]\d* rounds, 0 errors", 120 + 3 * LOAD_SECONDS)
        machine.expect(r"xihv-guest: load ended with code 0", 60)
        machine.expect(NAME + r": ended: .*\n", 60)
        xihv.check_figures(machine, NAME)
        machine.send("q")
        status = machine.wait_end(60)
        if status != 0:
            raise AssertionError(f"QEMU ended with status {status}")
    print("\nrun: the load passed, the figures agree, everything is powered off")


def main():
    if sys.stdin.isatty():
        interactive()
    try:
        unattended()
    except AssertionError as e:
        traceback.print_exc()
        print(f"\nrun: failed: {e or 'a check did not hold, see above'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
