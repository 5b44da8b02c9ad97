#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""seeds.py KEEP: meaningful inputs for the fuzzers to start from, written to KEEP/NAME/.

One function a fuzzer, named after it; each yields bytes.
"""
import hashlib
import pathlib
import struct
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


def fuzz_boot_info():
    def text(at, what):
        arena[at:at + len(what)] = what

    info = sizeof_mb1 = 116
    arena = bytearray(2048)
    # bend() adds the structure's size to every pointer
    struct.pack_into("<IIIIIII16xII", arena, 0, 0x124C, 640, 65536, 0, 0x300 - info, 2,
                     0x200 - info, 72, 0x100 - info)
    struct.pack_into("<I", arena, 64, 0x380 - info)
    struct.pack_into("<QIIIBB", arena, 88, 0xFD000000, 4096, 1024, 768, 32, 1)
    for i, e in enumerate([(20, 0, 0x9FC00, 1), (20, 0x9FC00, 0x400, 2), (20, 1 << 20, 1 << 29, 1)]):
        struct.pack_into("<IQQI", arena, 0x100 + 24 * i, *e)
    struct.pack_into("<IIII", arena, 0x200, 0x200000, 0x280001, 0x400 - info, 0)
    struct.pack_into("<IIII", arena, 0x210, 0x300000, 0x300000, 0, 0)
    text(0x300, b"/boot/xihv.elf console=com1")
    text(0x380, b"GRUB 2.06")
    text(0x400, b"vmlinuz kernel vm=a mem=64M")
    yield b"\0" + bytes(arena)
    text(0x300, b"x" * 1100)
    yield b"\0" + bytes(arena)
    assert sizeof_mb1 == info

    def mb2(*tags):
        out = b""
        for kind, body in tags + ((0, b""),):
            out += struct.pack("<II", kind, 8 + len(body)) + body
            out += bytes(-len(out) % 8)
        return b"\1" + struct.pack("<II", 8 + len(out), 0) + out

    entries = [(0, 0x9FC00, 1), (0x9FC00, 0x400, 2), (1 << 20, 1 << 29, 1), (1 << 30, 4096, 3),
               ((1 << 30) + 4096, 4096, 3), ((1 << 64) - 4096, 8192, 9), (5, 0, 1)]
    mmap = struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", *e, 0) for e in entries)
    wide = struct.pack("<II", 40, 0) + b"".join(struct.pack("<QQII16x", *e, 0) for e in entries)
    module = struct.pack("<II", 0x200000, 0x280001) + b"kernel vm=a mem=64M\0"
    rsdp = b"RSD PTR \0xihv  \2" + bytes(20)
    rest = [(1, b"console=com1\0"), (2, b"GRUB 2.06\0"), (8, struct.pack("<QIIIBBH", 0xFD000000, 4096, 1024, 768, 32, 1, 0)),
            (12, struct.pack("<Q", 0x7FFFF000)), (15, rsdp), (14, rsdp[:20]), (4, b"12345678"), (3, b"")]
    yield mb2((6, mmap), (3, module), *rest)
    yield mb2((6, wide), (1, b"no end"), (3, module), (3, struct.pack("<II", 2, 1)), *rest)
    yield mb2((1, b"y" * 1100), *[(3, module)] * 34)
    yield mb2((6, struct.pack("<II", 24, 0) + b"".join(struct.pack("<QQII", i << 13, 4096, 1, 0) for i in range(130))))


def fuzz_memmap():
    place = lambda pages, odd=1: struct.pack("<BH", odd << 1, pages)
    yield b"\1" + b"".join(struct.pack("<BHB", i & 1, i * 37 % 1000, i % 16) for i in range(100))
    yield b"\1" + b"".join(struct.pack("<BHB", 1, i * 3, 1) for i in range(270))
    regions = [(0, 0, 0x9F), (1, 0x9F, 1), (0, 0x100, 0x4000), (2, 0x4000, 0x20), (3, 0x4020, 0x20), (0, 0x2000, 0x2001)]
    body = bytes([len(regions), 2]) + b"".join(bytes([t]) + place(b) + place(n) for t, b, n in regions)
    body += place(0x800) + place(0x100) + place(0x900, 2) + place(1, 0)
    take = b"".join(struct.pack("<H", n) + place(0x3000) for n in (1, 64, 4096, 65535))
    yield b"\0" + place(0x8000) + place(0x100) + b"\0\0\x20" + body + take
    # RAM, and in it what is not to the page
    odd = bytes([3, 0]) + b"\0" + place(0x100) + place(0x400) + b"\1" + place(0x200) + place(3, 2)
    yield b"\0" + place(0x3000) + place(0x300) + bytes(3) + odd + b"\3" + place(0x280, 2) + place(2, 0)
    yield b"\0" + place(0x3000) + place(0x100, 2) + b"\1\0\x20" + body + take


def fuzz_loader():
    def bzimage(version, relocatable, xload, pref=1 << 20, initrd_max=0x7FFFFFFF):
        f = bytearray(2048)
        for i in range(1024, 2048):
            f[i] = i * 7 & 255
        struct.pack_into("<B2xI", f, 0x1F1, 1, 1024 // 16)
        struct.pack_into("<HH4sHI", f, 0x1FE, 0xAA55, 0x6AEB, b"HdrS", version, 0)
        struct.pack_into("<BBHI", f, 0x210, 0, 1, 0, 1 << 20)
        struct.pack_into("<IIB1xHI", f, 0x22C, initrd_max, 1 << 21, relocatable, xload, 2047)
        struct.pack_into("<QI", f, 0x258, pref, 3 << 20)
        return bytes(f)

    def setup(mem=1, initrd=0, modules=0, module=0, args=20, pad=0):
        return struct.pack("<BHBHBB", mem, initrd, modules, module, args, pad)

    for version in (0x206, 0x20A, 0x20F):
        yield setup() + bzimage(version, 0, 0)
        yield setup(initrd=3000) + bzimage(version, 1, 0x3F)
    yield setup(mem=0) + bzimage(0x20F, 1, 0x3F, 7 << 20)
    yield setup(mem=0, initrd=4000) + bzimage(0x20F, 1, 0x3F, 6 << 20)
    # the initrd's last byte is the last that it may have, and one too far
    for last in (0x4005DB, 0x4005DA):
        yield setup(initrd=1500) + bzimage(0x20F, 0, 0x3F, initrd_max=last)
    yield setup(modules=1) + bzimage(0x20F, 1, 1)

    def multiboot(flags, *kludge, head=b""):
        at = 512
        f = bytearray(2048)
        f[:len(head)] = head
        struct.pack_into("<III", f, at, 0x1BADB002, flags, -(0x1BADB002 + flags) & 0xFFFFFFFF)
        struct.pack_into("<%dI" % len(kludge), f, at + 12, *kludge)
        return bytes(f)

    m = 1 << 20
    yield setup() + multiboot(0x10003, m + 512, m, m + 1024, m + 8192, m + 256)
    yield setup(modules=3, module=500) + multiboot(0x10003, m + 512, m, 0, 0, m + 256)
    yield setup(modules=16, module=4095, pad=200) + multiboot(0x10000, 0x10200, 0x10000, 0, 0x90000, 0x10000)
    yield setup(initrd=5) + multiboot(0x10003, m + 512, m, 0, 0, m + 256)
    yield setup() + multiboot(0x10007, m + 512, m, 0, 0, m + 256)

    def elf32(*segments):
        head = b"\x7fELF\1\1\1" + bytes(9)
        head += struct.pack("<HHIIIIIHHH6x", 2, 3, 1, m + 16, 52, 0, 0, 52, 32, len(segments))
        return head + b"".join(struct.pack("<8I", 1, *s, 7, 4096) for s in segments)

    def elf64(*segments):
        head = b"\x7fELF\2\1\1" + bytes(9)
        head += struct.pack("<HHIQQQIHHH6x", 2, 62, 1, 0xFFFFFFFF80100010, 64, 0, 0, 64, 56, len(segments))
        return head + b"".join(struct.pack("<II6Q", 1, 7, *s, 4096) for s in segments)

    yield setup(modules=2, module=100) + multiboot(3, head=elf32((1024, m, m, 1024, 0x3000)))
    yield setup() + multiboot(0, head=elf32((1024, m, m, 1024, 0x3000), (9999, 2 * m, 2 * m, 0, 0x100000)))
    yield setup(mem=0) + multiboot(0, head=elf32((1024, m, m, 1024, 12 * m)))
    yield setup() + multiboot(3, head=elf64((1024, 0xFFFFFFFF80100000, 2 * m, 1024, 0x2000)))

    def note(owner):
        name = owner + bytes(4 - len(owner) % 4)
        return struct.pack("<III", len(owner) + 1, 4, 256) + name + bytes(4)

    def vmlinux(head, note_type, notes=note(b"Xen") + note(b"Linux")):
        """The head's last program header becomes the notes'."""
        at = len(head) - (56 if head[4] == 2 else 32)
        f = bytearray(head.ljust(2048, b"\1"))
        struct.pack_into("<I", f, at, note_type)
        f[512:512 + len(notes)] = notes
        return bytes(f)

    text64, data64 = (1024, 0xFFFFFFFF80100000, m, 1024, 1024), (1024, 0, 2 * m, 512, 0x2000)
    text32, data32 = (1024, m, m, 1024, 1024), (1024, 0, 2 * m, 512, 0x2000)
    notes = (512, 0, 0, 44, 44)
    for kind in (4, 5):
        yield setup() + vmlinux(elf64(text64, data64, notes), kind)
        yield setup(initrd=3000) + vmlinux(elf32(text32, data32, notes), kind)
    yield setup(modules=1) + vmlinux(elf64(text64, notes), 4)
    yield setup() + vmlinux(elf64((1024, 0xFFFFFFFF80100000, 4096, 1024, 4096), notes), 4)
    yield setup(mem=0, initrd=3000) + vmlinux(elf64(text64, (0, 0, 2 * m, 0, 5 * m), notes), 4)
    yield setup(mem=0, initrd=3000) + vmlinux(elf64(text64, (0, 0, 2 * m, 0, 6 * m), notes), 4)
    yield setup() + vmlinux(elf32(text32, notes), 4, note(b"Linus") + note(b"Linux"))
    yield setup() + vmlinux(elf32(text32, notes), 4, struct.pack("<III", 6, 0xFFFFFFFF, 1))


def fuzz_acpi():
    madt = bytes(8) + bytes([0, 8, 0, 0, 1, 0, 0, 0, 0, 8, 1, 1, 1, 0, 0, 0, 1, 12, 0, 0])
    madt += struct.pack("<II", 0xFEC00000, 0) + bytes([2, 10, 0, 9, 9, 0, 0, 0, 15, 0])
    madt += bytes([9, 16, 0, 0]) + struct.pack("<III", 300, 1, 2) + bytes([2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 4, 6, 1, 2, 3, 1])

    def fadt(length=276, x=True, flags=0x400):
        f = bytearray(276)
        struct.pack_into("<I", f, 40, 0x102000)
        struct.pack_into("<IB", f, 48, 0xB2, 0xF1)
        struct.pack_into("<II", f, 64, 0x604, 0x704)
        struct.pack_into("<I", f, 76, 0x608)
        struct.pack_into("<I", f, 112, flags)
        struct.pack_into("<BBBBQB", f, 116, 1, 8, 0, 1, 0xCF9, 6)
        if x:
            struct.pack_into("<Q", f, 140, 0x102000)
            for at, addr in ((172, 0x604), (184, 0x704), (208, 0x608), (244, 0x405)):
                struct.pack_into("<BBBBQ", f, at, 1, 16, 0, 2, addr)
        return bytes(f[:length])

    s5 = b"\x08_S5_\x12\x0a\x04\x0a\x05\x0a\x05\x00\x00"
    s5_long = b"\x10\x20\\_SB_\x08_S5_\x12\x40\x01\x04\x01\x0b\x07\x00\x0c\x01\x00\x00\x00\xff"
    yield b"\1" + bytes(36) + madt
    yield b"\1" + bytes(36) + madt * 9
    yield b"\1" + bytes(36) + bytes(8) + b"".join(bytes([0, 8, 0, i, 1, 0, 0, 0]) for i in range(70))
    yield b"\2" + fadt()
    yield b"\2" + fadt(116, False)
    yield b"\2" + fadt(129)
    yield b"\2" + fadt(276, False, 0x100400)
    yield b"\3" + bytes(36) + s5
    yield b"\3" + bytes(36) + s5_long + s5

    def table(how, body):
        body += bytes(len(body) & 1)
        return bytes([how, len(body) // 2]) + body

    good = table(0, madt) + table(1, fadt()[36:]) + table(3, s5)
    yield b"\0\x0b\0" + good
    yield b"\0\x03\x10" + good
    yield b"\0\x1b\4" + good
    yield b"\0\x1d\4" + good + table(2, s5_long) + table(0x81, fadt()[36:])
    yield b"\0\x0c\4" + good + table(0x42, s5) + b"\0\1\0\0"
    yield b"\0\x0c\4" + good + table(0x20, s5) + b"\0\0\x11\0"


def fuzz_mmu():
    """Five levels, to which mutations seldom come by themselves (tests/model/step.h)."""
    access, put, invlpg, cr3, regs, mode = 0, 1, 5, 6, 7, 8
    slot, top, below = 8, 9, 0  # bit of a step's last byte; tables of levels 5 and 4

    def step(kind, *operands):
        return bytes([kind, 0, *operands]).ljust(8, b"\0")

    steps = [step(access, va, 0, 16, 0x1b, 0, far) for va in (0, 0x81) for far in (0, slot)]
    steps += [step(put, top, 1, below, 0x0f, 0xff), step(access, 0, 2, 16, 0x1b, 0, slot),
              step(put, below, 0, 1, 0x0d, 0xff), step(invlpg, 0, 0, 0, 0, 0, slot),
              step(access, 0, 2, 16, 0x1b, 0, 0), step(cr3, top),
              step(mode, 2, 8), step(regs, 0, 0, 0, 0, 0, slot), step(access, 0, 2, 16, 0x1b),
              step(mode, 3, below), step(access, 0x80, 2, 16, 0x1b),
              step(mode, 3, top, 0, 0, 0, slot), step(access, 0x80, 2, 16, 0x1b, 0, slot)]
    for engine in (0, 1):
        for vcpus in (0, 1):
            yield bytes([engine, vcpus, 0, 8, 0, 3, 7, 0x51]) + b"".join(steps)


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
