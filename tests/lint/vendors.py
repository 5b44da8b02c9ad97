#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nobody above the processor back ends asks which vendor's processor it is (design.md).

vendors.py: the neutral directories; prints file:line: message for each breach, exit status 1 if
there was one. vendors.py FILE: this one, in which exactly the lines marked "wrong:" must be found.
"""
import glob
import re
import sys

ROOMS = "boot hv mmu drivers/host drivers/virt guests"

# Where a vendor may be named in code, and why. Lines that define a number decide nothing.
DEFINES = r"\s*#\s*define "
ALLOWED = {
    "hv/vendor.h": r"extern const struct vendor_ops vmx_ops, svm_ops;",
    "hv/vendor.c": r".*back_ends\[\] = \{ &vmx_ops, &svm_ops \};",  # the choice
    "hv/cpuid.c": r".*\bis_amd_or_hygon\(|\treturn basic\[0\]\.ecx == 0x",  # what guests get of it
    "hv/cpu.h": DEFINES,
    "hv/msr.h": DEFINES,
    "hv/x86.h": DEFINES,
}

# A vendor's or an extension's name as a word or the end of one: amd_only, AuthenticAMD, FEAT_SVM.
# Instructions (VMXON) and bits of registers (SVMDIS) go on with a letter.
NAME = re.compile(r"(amd|intel|hygon|svme?|vmxe?)(?![a-z])", re.I)
# The same names in CPUID leaf 0, four characters a register.
IDS = {int.from_bytes(name[i:i + 4], "little")
       for name in (b"AuthenticAMD", b"GenuineIntel", b"HygonGenuine") for i in (0, 4, 8)}
NUMBER = re.compile(r"\b0x[0-9a-f]{8}(?=u?l*\b)", re.I)
COMPARED = re.compile(r"\bvendor\s*[!=]=|[!=]=\s*vendor\b")
PRINTED = re.compile(r"(printk|line_add)\(")


def without_comments(path, text):
    """`text` with blanks for its comments, so that lines stay lines."""
    comment = r";[^\n]*" if path.endswith(".asm") else r"/\*.*?\*/|//[^\n]*"
    return re.sub(comment, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def asks_for_name(text):
    """Line numbers where the back end's name is used for anything but to print it."""
    for m in re.finditer(r"\bvendor->name\b", text):
        statement = re.split(r"[;{}]", text[:m.start()])[-1]
        if not PRINTED.search(statement):
            yield text.count("\n", 0, m.start()) + 1


def check(path):
    with open(path, encoding="utf-8") as f:
        text = without_comments(path, f.read())
    for n in asks_for_name(text):
        yield n, "vendor->name is for printing"
    for n, line in enumerate(text.split("\n"), 1):
        if path in ALLOWED and re.match(ALLOWED[path], line):
            continue
        if m := NAME.search(line):
            yield n, f'"{m[0]}": the vendor is no matter here'
        if any(int(x, 16) in IDS for x in NUMBER.findall(line)):
            yield n, "a vendor's name from CPUID"
        if COMPARED.search(line):
            yield n, "the back end is compared"


def prove(path):
    """Each marked line of `path` is found, and no other."""
    with open(path, encoding="utf-8") as f:
        meant = {n for n, line in enumerate(f, 1) if "wrong:" in line}
    found = {n for n, _ in check(path)}
    for n in sorted(meant ^ found):
        print(f"{path}:{n}: {'not found' if n in meant else 'found, but right'}")
    return meant == found and len(meant) > 0


def main():
    if len(sys.argv) > 1:
        return 0 if prove(sys.argv[1]) else 1
    files = sorted(f for room in ROOMS.split() for ext in ("[ch]", "asm", "inc")
                   for f in glob.glob(f"{room}/*.{ext}"))
    breaches = [(path, *b) for path in files for b in check(path)]
    for path, n, message in breaches:
        print(f"{path}:{n}: {message}")
    print(f"vendors: {len(files)} files, {len(breaches)} breaches")
    return 1 if breaches else 0


sys.exit(main())
