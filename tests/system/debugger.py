# SPDX-License-Identifier: MIT
"""What Bochs' debugger is told by a test, in xihv's own names: `bochs.command` takes `commands`."""

import subprocess

from machine import BUILD, ROOT

IMAGE_VMA = 0xffffffff80000000  # linker.ld


def symbol(name):
    """Where it is in xihv's image."""
    lines = subprocess.check_output(["nm", BUILD / "xihv.elf64"], text=True).splitlines()
    found = [line.split()[0] for line in lines if line.split()[-1] == name]
    assert len(found) == 1, f"{name}: {len(found)} of that name in build/xihv.elf64"
    return int(found[0], 16)


def assemble(source, **symbols):
    """The code of a file of this directory."""
    out = BUILD / "bochs" / f"{source}.bin"
    out.parent.mkdir(parents=True, exist_ok=True)
    defines = [f"-D{name}={value:#x}" for name, value in symbols.items()]
    subprocess.run(["nasm", "-f", "bin", *defines, "-o", out,
                    ROOT / "tests/system" / f"{source}.asm"], check=True)
    return out.read_bytes()


class Debugger:
    """A list of commands, from power-on."""

    def __init__(self):
        self.commands = []
        self._breakpoints = 0

    def run_to(self, address):
        """On to the next time that `address` is reached."""
        self._breakpoints += 1
        self.commands += [f"lb {address:#x}", "c", f"d {self._breakpoints}"]

    def set(self, register, value):
        self.commands.append(f"set {register} = {value:#x}")

    def lay_over(self, name, code):
        """Bytes of code over a function of xihv's, which has been loaded and has not run."""
        at = symbol(name) - IMAGE_VMA
        self.commands += [f"setpmem {at + i:#x} 1 {byte:#x}" for i, byte in enumerate(code)]
