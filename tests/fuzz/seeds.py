#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py KEEP: meaningful inputs for the fuzzers to start from, written to KEEP/NAME/.

One function a fuzzer, named after it; each yields bytes.
"""
import hashlib
import pathlib
import sys


def fuzz_module_lines():
    linux = b"kernel vm=deb64 mem=512M vcpus=1 mmu=xi -- console=ttyS0 root=/dev/vda1 -- x"
    initrd = b"initrd vm=deb64"
    yield linux
    yield b"\n".join([linux, initrd])
    yield b"\n".join([initrd, linux, b"kernel vm=b mem=8M debugexit", b"module vm=b -- a string"])
    yield b"\n".join([b"/boot/vmlinuz " + linux, b"/boot/initrd.img " + initrd])
    yield b"\n".join(b"kernel vm=g%d mem=%dM" % (i, 8 + 2 * i) for i in range(10))
    yield b"\n".join([b"kernel vm=m mem=1G"] + [b"module vm=m -- %d" % i for i in range(18)])
    yield b"\n".join([linux, b"!kernel vm=empty mem=8M", b"~kernel vm=cut mem=8M", initrd, initrd])
    yield b"\n".join(b"module vm=none" for _ in range(34))
    yield b"kernel vm=a mem=7M\ninitrd vm=a\nkernel vm=a mem=8M\nkernel vm= mem=8M\nkernel mem=0x800000"
    yield b"kernel vm=a mem=513G vcpus=2 mmu=none debugexit=1 vm=a other\n\x1b[2J\xff --"


def fuzz_words():
    yield b"/boot/xihv.elf console=com1,115200 idle=stay"
    yield b"console=com2,9600 idle=poweroff"
    yield b"xihv console=0x3e8,57600 console=none idle="
    yield b"console=0xfff8 console=0xfff9 console=0 console=com1,7 console=com1, idle=never \x1b[0m"
    yield b"18446744073709551615 18446744073709551616 0xffffffffffffffff 0x10000000000000000"
    yield b"16777215T 16777216T 1k 0x1K 12m 1G 0x k 0xfg 09 1e3 -1 +1"
    yield b"\t\r\n x \x00 y"


def main():
    keep = pathlib.Path(sys.argv[1])
    for name, seeds in sorted(globals().items()):
        if not name.startswith("fuzz_"):
            continue
        where = keep / name
        where.mkdir(parents=True, exist_ok=True)
        for seed in seeds():
            (where / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main()
